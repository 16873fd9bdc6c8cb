//! Reads one request head: httparse for the grammar, and the rules it leaves to others. Pure.
//!
//! **The verdict looks at the bytes, not at how they arrived.** Every error of the grammar is found at the first wrong
//! byte (that of the version: at the end of its line), and the limits are checked on views cut at the limit: a request line without its end within
//! `request_line_bytes_max` is read no further, a head no further than `head_bytes_max`. So the same bytes, cut
//! anywhere, get the same answer.
#![forbid(unsafe_code)]

use super::host;
use super::list;
use super::method::Method;
use crate::limits::{EMPTY_LINES_MAX, HEAD_FIELDS_CEILING, Limits};
use std::mem::MaybeUninit;

/// Room for the fields of one request, on the stack.
pub type FieldTable<'b> = [MaybeUninit<httparse::Header<'b>>; HEAD_FIELDS_CEILING];

/// A fresh [`FieldTable`].
pub fn field_table<'b>() -> FieldTable<'b> {
    [const { MaybeUninit::uninit() }; HEAD_FIELDS_CEILING]
}

/// A request head that follows the rules.
#[derive(Debug)]
pub struct Head<'h, 'b> {
    /// The method, known or not.
    pub method: Method,
    /// The method as it came.
    pub method_bytes: &'b [u8],
    /// The request target as it came.
    pub target: &'b [u8],
    /// HTTP/1.0: connections close unless the client asks for keep-alive.
    pub is_http_10: bool,
    /// The field lines.
    pub fields: Fields<'h, 'b>,
    /// Bytes of the head, with its blank line.
    pub len: usize,
    /// What follows the head.
    pub framing: Framing,
    /// `Expect: 100-continue` (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
    /// Whether the connection may serve another request (RFC 9112 section 9.3).
    pub keep_alive: bool,
}

/// How the body is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// This many bytes, at least one.
    Length(u64),
    /// Chunked.
    Chunked,
}

/// Why a request is not served, as its answer says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status code.
    pub status: u16,
    /// The reason, for the person at the other end.
    pub why: &'static str,
}

const fn refuse(status: u16, why: &'static str) -> Refusal {
    Refusal { status, why }
}

/// What came of reading a head.
#[derive(Debug)]
pub enum Parsed<'h, 'b> {
    /// There is no whole head yet, and nothing wrong so far.
    Partial,
    /// A whole head.
    Head(Head<'h, 'b>),
    /// Not servable; the connection closes after the answer.
    Refused(Refusal),
    /// `HTTP/1.x` with x over 1, which is served as 1.1 (RFC 9110 section 2.5): the byte at this index is to be
    /// replaced by `1` and the head read again.
    NewerMinor(usize),
}

/// Skips the empty lines before a request line, which a server should ignore (RFC 9112 section 2.2).
///
/// Gives the bytes to skip and adds the lines to `seen`; `None` when there are more than [`EMPTY_LINES_MAX`] of them.
pub fn empty_lines(bytes: &[u8], seen: &mut u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\n', ..]) => 1,
            _ => return Some(at),
        };
        *seen += 1;
        if *seen > EMPTY_LINES_MAX {
            return None;
        }
    }
}

/// Reads the head at the start of `bytes`, which does not start with an empty line.
pub fn head<'h, 'b>(bytes: &'b [u8], table: &'h mut FieldTable<'b>, limits: &Limits) -> Parsed<'h, 'b> {
    if bytes == b"\r" {
        return Parsed::Partial;
    }
    let line_is_long = bytes.len() >= limits.request_line_bytes_max
        && memchr::memchr(b'\n', &bytes[..limits.request_line_bytes_max]).is_none();
    let longest = if line_is_long { limits.request_line_bytes_max } else { limits.head_bytes_max };
    let view = &bytes[..bytes.len().min(longest)];
    let mut request = httparse::Request::new(&mut []);
    let fields = &mut table[..limits.head_fields_max.min(HEAD_FIELDS_CEILING)];
    match request.parse_with_uninit_headers(view, fields) {
        Ok(httparse::Status::Complete(len)) => semantics(request, len),
        Ok(httparse::Status::Partial) => partial(bytes, line_is_long, limits),
        Err(httparse::Error::TooManyHeaders) => {
            Parsed::Refused(refuse(431, "the request has more header fields than this server reads"))
        }
        Err(httparse::Error::Version) => match memchr::memchr(b'\n', view) {
            // `HTTP/2` may become `HTTP/2.0` or `HTTP/2x`, which have different answers.
            None => partial(bytes, line_is_long, limits),
            Some(line_len) => version(&view[..line_len]),
        },
        Err(httparse::Error::Token) => Parsed::Refused(refuse(400, "the request line is malformed")),
        Err(_) => Parsed::Refused(refuse(400, "the request head is malformed")),
    }
}

/// The verdict on a head that does not end within the limits.
fn partial<'h, 'b>(bytes: &'b [u8], line_is_long: bool, limits: &Limits) -> Parsed<'h, 'b> {
    if line_is_long {
        return Parsed::Refused(refuse(414, "the request line is longer than this server reads"));
    }
    if bytes.len() >= limits.head_bytes_max {
        return Parsed::Refused(refuse(431, "the request head is longer than this server reads"));
    }
    Parsed::Partial
}

/// Tells the versions apart that httparse refuses alike (RFC 9112 section 2.3: `HTTP/` in capitals, two digits).
fn version<'h, 'b>(line: &'b [u8]) -> Parsed<'h, 'b> {
    let malformed = Parsed::Refused(refuse(400, "the HTTP version in the request line is malformed"));
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(space) = memchr::memrchr(b' ', line) else { return malformed };
    match &line[space + 1..] {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit() && *minor > b'1' => {
            Parsed::NewerMinor(space + 8)
        }
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && *major != b'1' && minor.is_ascii_digit() =>
        {
            Parsed::Refused(refuse(505, "this server speaks HTTP/1.1 and HTTP/1.0"))
        }
        _ => malformed,
    }
}

/// The rules between fields: Host, framing, Expect, Connection.
fn semantics<'h, 'b>(request: httparse::Request<'h, 'b>, len: usize) -> Parsed<'h, 'b> {
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Parsed::Refused(refuse(400, "the request line is malformed"));
    };
    let is_http_10 = minor == 0;
    let fields = Fields::new(request.headers);
    let checked = check_host(&fields, is_http_10).and_then(|()| framing(&fields, is_http_10));
    let (framing, expects_continue) = match checked.and_then(|framing| Ok((framing, expect(&fields, is_http_10)?))) {
        Ok(pair) => pair,
        Err(refusal) => return Parsed::Refused(refusal),
    };
    let keep_alive = keep_alive(&fields, is_http_10);
    Parsed::Head(Head {
        method: Method::parse(method.as_bytes()),
        method_bytes: method.as_bytes(),
        target: target.as_bytes(),
        is_http_10,
        fields,
        len,
        framing,
        expects_continue,
        keep_alive,
    })
}

/// RFC 9112 section 3.2: exactly one valid Host in HTTP/1.1, at most one in 1.0.
fn check_host(fields: &Fields<'_, '_>, is_http_10: bool) -> Result<(), Refusal> {
    match (fields.count(Known::Host), fields.first(Known::Host)) {
        (0, _) if is_http_10 => Ok(()),
        (0, _) => Err(refuse(400, "the Host field is missing")),
        (1, Some(value)) if host::is_valid(value) => Ok(()),
        (1, _) => Err(refuse(400, "the Host field is not a host name with an optional port")),
        _ => Err(refuse(400, "the Host field is there more than once")),
    }
}

/// RFC 9112 sections 6.1 to 6.3, with no guess where a message could be read in two ways.
fn framing(fields: &Fields<'_, '_>, is_http_10: bool) -> Result<Framing, Refusal> {
    let has_length = fields.count(Known::ContentLength) > 0;
    if fields.count(Known::TransferEncoding) > 0 {
        if has_length {
            return Err(refuse(400, "Transfer-Encoding and Content-Length cannot both be there"));
        }
        if is_http_10 {
            return Err(refuse(400, "HTTP/1.0 has no Transfer-Encoding"));
        }
        return transfer_encoding(fields);
    }
    if !has_length {
        return Ok(Framing::None);
    }
    let mut length = None;
    for value in fields.values(Known::ContentLength) {
        for element in value.split(|&byte| byte == b',') {
            let digits = element.trim_ascii();
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(refuse(400, "Content-Length is not a number"));
            }
            let number = digits
                .iter()
                .try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
            // RFC 9110 section 8.6: never taken for a smaller number, and no body is as long.
            let Some(number) = number else {
                return Err(refuse(400, "Content-Length is a number beyond all lengths"));
            };
            if length.is_some_and(|before| before != number) {
                return Err(refuse(400, "Content-Length is there with two values"));
            }
            length = Some(number);
        }
    }
    Ok(match length {
        None | Some(0) => Framing::None,
        Some(bytes) => Framing::Length(bytes),
    })
}

/// RFC 9112 section 6.1: `chunked` once and last; other codings are not implemented here.
fn transfer_encoding(fields: &Fields<'_, '_>) -> Result<Framing, Refusal> {
    let mut others = 0;
    let mut is_chunked = false;
    for coding in list::values(fields.values(Known::TransferEncoding)) {
        if is_chunked {
            return Err(refuse(400, "chunked is not the last transfer coding"));
        }
        let name = coding.split(|&byte| byte == b';').next().unwrap_or(coding).trim_ascii_end();
        if !list::is_token(name) {
            return Err(refuse(400, "Transfer-Encoding is malformed"));
        }
        match name.eq_ignore_ascii_case(b"chunked") {
            true if name.len() != coding.len() => return Err(refuse(400, "chunked takes no parameters")),
            true => is_chunked = true,
            false => others += 1,
        }
    }
    match (is_chunked, others) {
        (true, 0) => Ok(Framing::Chunked),
        (true, _) => Err(refuse(501, "the only transfer coding known here is chunked")),
        (false, _) => Err(refuse(400, "the last transfer coding is not chunked, so the body has no end")),
    }
}

/// RFC 9110 section 10.1.1: 100-continue is the only expectation there is; 1.0 clients cannot have any.
fn expect(fields: &Fields<'_, '_>, is_http_10: bool) -> Result<bool, Refusal> {
    if is_http_10 || fields.count(Known::Expect) == 0 {
        return Ok(false);
    }
    let mut expects = false;
    for expectation in list::values(fields.values(Known::Expect)) {
        if !expectation.eq_ignore_ascii_case(b"100-continue") {
            return Err(refuse(417, "the only expectation known here is 100-continue"));
        }
        expects = true;
    }
    Ok(expects)
}

/// RFC 9112 section 9.3; `close` wins, on whichever line it stands.
fn keep_alive(fields: &Fields<'_, '_>, is_http_10: bool) -> bool {
    if fields.count(Known::Connection) == 0 {
        return !is_http_10;
    }
    let mut asks = !is_http_10;
    for option in list::values(fields.values(Known::Connection)) {
        if option.eq_ignore_ascii_case(b"close") {
            return false;
        }
        asks |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    asks
}

/// The fields that the server itself looks at, found in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // each is the field of its name
pub enum Known {
    Host,
    Connection,
    ContentLength,
    TransferEncoding,
    Expect,
    AcceptEncoding,
    IfMatch,
    IfNoneMatch,
    IfModifiedSince,
    IfUnmodifiedSince,
    IfRange,
    Range,
}

const KNOWN: [(Known, &str); 12] = [
    (Known::Host, "host"),
    (Known::Connection, "connection"),
    (Known::ContentLength, "content-length"),
    (Known::TransferEncoding, "transfer-encoding"),
    (Known::Expect, "expect"),
    (Known::AcceptEncoding, "accept-encoding"),
    (Known::IfMatch, "if-match"),
    (Known::IfNoneMatch, "if-none-match"),
    (Known::IfModifiedSince, "if-modified-since"),
    (Known::IfUnmodifiedSince, "if-unmodified-since"),
    (Known::IfRange, "if-range"),
    (Known::Range, "range"),
];

impl Known {
    /// The length and the first letter leave one name, or two that begin with `if-`, to compare with.
    fn of(name: &str) -> Option<Known> {
        let first = name.as_bytes().first()? | 0x20;
        let known = match (name.len(), first) {
            (4, b'h') => Known::Host,
            (10, b'c') => Known::Connection,
            (14, b'c') => Known::ContentLength,
            (17, b't') => Known::TransferEncoding,
            (6, b'e') => Known::Expect,
            (15, b'a') => Known::AcceptEncoding,
            (8, b'i') if name.as_bytes()[3] | 0x20 == b'm' => Known::IfMatch,
            (8, b'i') => Known::IfRange,
            (13, b'i') => Known::IfNoneMatch,
            (17, b'i') => Known::IfModifiedSince,
            (19, b'i') => Known::IfUnmodifiedSince,
            (5, b'r') => Known::Range,
            _ => return None,
        };
        name.eq_ignore_ascii_case(known.name()).then_some(known)
    }

    fn name(self) -> &'static str {
        KNOWN[self as usize].1
    }
}

/// The field lines of a request, in their order. Values are bytes: HTTP does not promise UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h, 'b> {
    lines: &'h [httparse::Header<'b>],
    first: [u8; KNOWN.len()],
    count: [u8; KNOWN.len()],
}

impl<'h, 'b> Fields<'h, 'b> {
    fn new(lines: &'h [httparse::Header<'b>]) -> Fields<'h, 'b> {
        let mut fields = Fields { lines, first: [0; KNOWN.len()], count: [0; KNOWN.len()] };
        for (index, line) in lines.iter().enumerate() {
            if let Some(known) = Known::of(line.name) {
                let slot = known as usize;
                if fields.count[slot] == 0 {
                    fields.first[slot] = index as u8;
                }
                fields.count[slot] += 1;
            }
        }
        fields
    }

    /// How many lines this field has.
    pub fn count(&self, known: Known) -> usize {
        usize::from(self.count[known as usize])
    }

    /// The value of its first line.
    pub fn first(&self, known: Known) -> Option<&'b [u8]> {
        (self.count(known) > 0).then(|| self.lines[usize::from(self.first[known as usize])].value)
    }

    /// The value of its only line; `None` when there are none or several.
    pub fn only(&self, known: Known) -> Option<&'b [u8]> {
        if self.count(known) == 1 { self.first(known) } else { None }
    }

    /// The values of all its lines.
    pub fn values(&self, known: Known) -> impl Iterator<Item = &'b [u8]> + Clone + use<'h, 'b> {
        let lines = if self.count(known) == 0 { &[] } else { &self.lines[usize::from(self.first[known as usize])..] };
        lines
            .iter()
            .filter(move |line| line.name.eq_ignore_ascii_case(known.name()))
            .take(self.count(known))
            .map(|line| line.value)
    }

    /// The values of any field by its name, in any case.
    pub fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'n, 'h, 'b> {
        self.lines.iter().filter(move |line| line.name.eq_ignore_ascii_case(name)).map(|line| line.value)
    }

    /// Every line: name and value.
    pub fn all(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        self.lines.iter().map(|line| (line.name, line.value))
    }
}

const _: () = assert!(HEAD_FIELDS_CEILING < 256, "Fields counts lines in a byte");

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: &[u8]) -> Result<Option<(Framing, bool, usize)>, u16> {
        let mut table = field_table();
        match head(bytes, &mut table, &Limits::default()) {
            Parsed::Partial => Ok(None),
            Parsed::Head(head) => Ok(Some((head.framing, head.keep_alive, head.len))),
            Parsed::Refused(refusal) => Err(refusal.status),
            Parsed::NewerMinor(at) => {
                assert!(bytes[at] > b'1');
                Err(0)
            }
        }
    }

    #[test]
    fn known_names_are_in_the_order_of_the_enum() {
        for (index, known) in KNOWN.iter().enumerate() {
            assert_eq!(known.0 as usize, index);
            assert_eq!(Known::of(&known.1.to_uppercase()), Some(known.0), "{}", known.1);
        }
    }

    #[test]
    fn framing_and_keep_alive() {
        type Row = (&'static str, Result<(Framing, bool), u16>);
        let table: &[Row] = &[
            ("GET / HTTP/1.1|Host: a", Ok((Framing::None, true))),
            ("GET / HTTP/1.1|Host: a|Connection: close", Ok((Framing::None, false))),
            ("GET / HTTP/1.1|Host: a|Connection: keep-alive|Connection: x, Close", Ok((Framing::None, false))),
            ("GET / HTTP/1.0", Ok((Framing::None, false))),
            ("GET / HTTP/1.0|Connection: Keep-Alive", Ok((Framing::None, true))),
            ("GET / HTTP/1.1", Err(400)),
            ("GET / HTTP/1.1|Host: a|Host: a", Err(400)),
            ("GET / HTTP/1.1|Host: a b", Err(400)),
            ("GET / HTTP/1.1|Host:", Ok((Framing::None, true))),
            ("GET / HTTP/1.2|Host: a", Err(0)),
            ("GET / HTTP/2.0|Host: a", Err(505)),
            ("GET / http/1.1|Host: a", Err(400)),
            ("GET / HTTP/1.10|Host: a", Err(400)),
            ("GET / HTTP/11|Host: a", Err(400)),
            ("GET /", Err(400)),
            ("GET /  HTTP/1.1|Host: a", Err(400)),
            ("GET / HTTP/1.1|Host : a", Err(400)),
            ("GET / HTTP/1.1|Host: a| folded: x", Err(400)),
            ("POST / HTTP/1.1|Host: a|Content-Length: 5", Ok((Framing::Length(5), true))),
            ("POST / HTTP/1.1|Host: a|Content-Length: 0", Ok((Framing::None, true))),
            ("POST / HTTP/1.1|Host: a|Content-Length: 5, 5|Content-Length: 5", Ok((Framing::Length(5), true))),
            ("POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 6", Err(400)),
            ("POST / HTTP/1.1|Host: a|Content-Length: +5", Err(400)),
            ("POST / HTTP/1.1|Host: a|Content-Length: -1", Err(400)),
            ("POST / HTTP/1.1|Host: a|Content-Length: 5,", Err(400)),
            ("POST / HTTP/1.1|Host: a|Content-Length:", Err(400)),
            ("POST / HTTP/1.1|Host: a|Content-Length: 0x5", Err(400)),
            ("POST / HTTP/1.1|Host: a|Content-Length: 18446744073709551615", Ok((Framing::Length(u64::MAX), true))),
            ("POST / HTTP/1.1|Host: a|Content-Length: 18446744073709551616", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked", Ok((Framing::Chunked, true))),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: CHUNKED", Ok((Framing::Chunked, true))),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 5", Err(400)),
            ("POST / HTTP/1.0|Transfer-Encoding: chunked", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked", Err(501)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: identity", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, chunked", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: gzip", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding:", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: \u{b}chunked", Err(400)),
            ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked;x=1", Err(400)),
            ("GET / HTTP/1.1|Host: a|Expect: 100-Continue", Ok((Framing::None, true))),
            ("GET / HTTP/1.1|Host: a|Expect: tea", Err(417)),
        ];
        for (lines, expected) in table {
            let bytes = lines.replace('|', "\r\n") + "\r\n\r\n";
            let expected = expected.map(|(framing, keep)| Some((framing, keep, bytes.len())));
            assert_eq!(verdict(bytes.as_bytes()), expected, "{lines}");
        }
    }

    #[test]
    fn the_verdict_is_the_same_however_the_bytes_arrive() {
        let limits = Limits::default();
        let long_line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(limits.request_line_bytes_max));
        let line_then_bad =
            format!("GET /{}\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(limits.request_line_bytes_max));
        let bad_then_long =
            format!("GET /\x01{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(limits.request_line_bytes_max));
        let long_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(limits.head_bytes_max));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(101));
        let exact = |extra: usize| {
            let fixed = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(limits.head_bytes_max - fixed + extra))
        };
        let cases = [
            (long_line, 414),
            (line_then_bad, 414),
            (bad_then_long, 400),
            (long_head, 431),
            (many, 431),
            (exact(0), 200),
            (exact(1), 431),
            ("\x16\x03\x01\x02\x00\x01\x00".to_owned(), 400),
        ];
        for (text, status) in cases {
            let bytes = text.as_bytes();
            let outcome = |bytes: &[u8]| match verdict(bytes) {
                Ok(None) => None,
                Ok(Some(_)) => Some(200),
                Err(status) => Some(status),
            };
            assert_eq!(outcome(bytes), Some(status));
            for cut in 0..bytes.len() {
                if let Some(early) = outcome(&bytes[..cut]) {
                    assert_eq!(early, status, "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn empty_lines_are_bounded_however_they_arrive() {
        for (bytes, expected) in [
            (&b"GET"[..], Some(0)),
            (b"\r\nGET", Some(2)),
            (b"\n\r\nGET", Some(3)),
            (b"\r\n\r\n\r\nGET", None),
            (b"\r", Some(0)),
        ] {
            assert_eq!(empty_lines(bytes, &mut 0), expected, "{bytes:?}");
        }
        let mut seen = 0;
        assert_eq!(empty_lines(b"\r\n", &mut seen), Some(2));
        assert_eq!(empty_lines(b"\r\n\r\n", &mut seen), None);
    }
}
