//! Reads one request head: httparse for the grammar, and the rules it leaves to others. Pure.
//!
//! **The verdict looks at the bytes, not at how they arrived.** Every error of the grammar is found at the first wrong
//! byte (that of the version: at the end of its line), and the limits are checked on views cut at the limit: a request line without its end within
//! `request_line_bytes_max` is read no further, a head no further than `head_bytes_max`. So the same bytes, cut
//! anywhere, get the same answer.
#![forbid(unsafe_code)]

use super::fields::{Fields, Known, Section, Sections};
use super::host;
use super::list;
use super::method::Method;
use crate::limits::{EMPTY_LINES_MAX, HEAD_FIELDS_CEILING, Limits};
use std::mem::MaybeUninit;

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
    /// What its fields say about the message.
    pub verdict: Verdict,
}

/// What the fields of a request say about the message and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What follows the head.
    pub framing: Framing,
    /// `Expect: 100-continue` (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
    /// Whether the connection may serve another request (RFC 9112 section 9.3).
    pub keep_alive: bool,
}

impl Verdict {
    /// That of a request without fields.
    pub(super) const NONE: Verdict = Verdict { framing: Framing::None, expects_continue: false, keep_alive: true };
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
pub fn head<'h, 'b>(bytes: &'b [u8], sections: &'h mut Sections, limits: &Limits) -> Parsed<'h, 'b> {
    if bytes == b"\r" {
        return Parsed::Partial;
    }
    let line_len = memchr::memchr(b'\n', &bytes[..bytes.len().min(limits.request_line_bytes_max)]).map(|end| end + 1);
    if let Some((line, section, len)) = line_len.and_then(|line_len| read_before(bytes, line_len, sections, limits)) {
        return Parsed::Head(line.with(sections.get(section), &bytes[line_len.unwrap_or(0)..len], len));
    }
    let line_is_long = line_len.is_none() && bytes.len() >= limits.request_line_bytes_max;
    let longest = if line_is_long { limits.request_line_bytes_max } else { limits.head_bytes_max };
    let view = &bytes[..bytes.len().min(longest)];
    let mut request = httparse::Request::new(&mut []);
    let mut table = [const { MaybeUninit::uninit() }; HEAD_FIELDS_CEILING];
    let fields = &mut table[..limits.head_fields_max.min(HEAD_FIELDS_CEILING)];
    match request.parse_with_uninit_headers(view, fields) {
        Ok(httparse::Status::Complete(len)) => semantics(&request, &bytes[line_len.unwrap_or(0)..len], len, sections),
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

/// The parts of a request line.
struct Line<'b> {
    method: &'b str,
    target: &'b str,
    is_http_10: bool,
}

impl<'b> Line<'b> {
    fn of(request: &httparse::Request<'_, 'b>) -> Option<Line<'b>> {
        Some(Line { method: request.method?, target: request.path?, is_http_10: request.version? == 0 })
    }

    /// The head of this line and a section, which is `bytes`.
    fn with<'h>(self, section: &'h Section, bytes: &'b [u8], len: usize) -> Head<'h, 'b> {
        Head {
            method: Method::parse(self.method.as_bytes()),
            method_bytes: self.method.as_bytes(),
            target: self.target.as_bytes(),
            is_http_10: self.is_http_10,
            fields: Fields::new(section, bytes),
            len,
            verdict: section.verdict(),
        }
    }
}

/// A head whose fields, byte for byte, were read a while ago: only its request line, of `line_len` bytes, is read. Gives the
/// line, the number of the section, and the length of the head. Whatever is not plain is left to the full reading.
fn read_before<'b>(
    bytes: &'b [u8],
    line_len: usize,
    sections: &mut Sections,
    limits: &Limits,
) -> Option<(Line<'b>, usize, usize)> {
    let (line, rest) = bytes.split_at(line_len);
    let (section, section_len) = sections.find(rest, limits.head_fields_max)?;
    let len = line_len + section_len;
    if len > limits.head_bytes_max {
        return None;
    }
    let mut request = httparse::Request::new(&mut []);
    // A whole line and nothing behind it: the fields are still to come.
    let Ok(httparse::Status::Partial) = request.parse(line) else { return None };
    let line = Line::of(&request).filter(|line| !line.is_http_10)?;
    Some((line, section, len))
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
fn semantics<'h, 'b>(
    request: &httparse::Request<'_, 'b>,
    bytes: &'b [u8],
    len: usize,
    sections: &'h mut Sections,
) -> Parsed<'h, 'b> {
    let Some(line) = Line::of(request) else {
        return Parsed::Refused(refuse(400, "the request line is malformed"));
    };
    let section = sections.next();
    section.read(request.headers, bytes);
    match verdict(&Fields::new(section, bytes), line.is_http_10) {
        Ok(verdict) => {
            section.keep(verdict, bytes, !line.is_http_10);
            Parsed::Head(line.with(section, bytes, len))
        }
        Err(refusal) => Parsed::Refused(refusal),
    }
}

fn verdict(fields: &Fields<'_, '_>, is_http_10: bool) -> Result<Verdict, Refusal> {
    check_host(fields, is_http_10)?;
    let framing = framing(fields, is_http_10)?;
    let expects_continue = expect(fields, is_http_10)?;
    Ok(Verdict { framing, expects_continue, keep_alive: keep_alive(fields, is_http_10) })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: &[u8]) -> Result<Option<(Framing, bool, usize)>, u16> {
        match head(bytes, &mut Sections::default(), &Limits::default()) {
            Parsed::Partial => Ok(None),
            Parsed::Head(head) => Ok(Some((head.verdict.framing, head.verdict.keep_alive, head.len))),
            Parsed::Refused(refusal) => Err(refusal.status),
            Parsed::NewerMinor(at) => {
                assert!(bytes[at] > b'1');
                Err(0)
            }
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
