//! What must hold for single values: heads, bodies, ranges, codings, targets, hosts, dates.
#![forbid(unsafe_code)]

use super::Draws;
use crate::http::chunked::{ChunkError, ChunkReader};
use crate::http::fields::{Known, Sections};
use crate::http::parse::{self, Framing, Head, Parsed};
use crate::http::proxy::{self, ProxyHeader};
use crate::http::range::{self, Ranges, Span};
use crate::http::target::{self as request_target, Target};
use crate::http::{Encoding, date as http_date, encoding, host as http_host, list};
use crate::limits::Limits;

/// Heads of up to so many bytes are read again at every cut, longer ones at some.
const CUT_EVERYWHERE_BYTES_MAX: usize = 256;
const CUTS: usize = 24;

/// Limits that short inputs reach.
pub(super) fn small_limits() -> Limits {
    Limits {
        request_line_bytes_max: 64,
        head_bytes_max: 128,
        head_fields_max: 8,
        body_bytes_max: 24,
        pipeline_max: 2,
        ..Limits::default()
    }
}

/// A verdict that can be compared: the status of a refusal, or what a head says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Partial,
    Refused(u16),
    NewerMinor(usize),
    Head { len: usize, framing: Framing, keep_alive: bool, expects_continue: bool, fields: usize },
}

fn verdict(bytes: &[u8], limits: &Limits) -> Verdict {
    let mut sections = Sections::default();
    let first = verdict_among(&mut sections, bytes, limits);
    // What a section says does not depend on whether it was read before.
    let again = verdict_among(&mut sections, bytes, limits);
    assert_eq!(again, first);
    first
}

fn verdict_among(sections: &mut Sections, bytes: &[u8], limits: &Limits) -> Verdict {
    match parse::head(bytes, sections, limits) {
        Parsed::Partial => Verdict::Partial,
        Parsed::Refused(refusal) => {
            assert!(!refusal.why.is_empty() && (400..600).contains(&refusal.status));
            Verdict::Refused(refusal.status)
        }
        Parsed::NewerMinor(at) => {
            assert!(bytes[at].is_ascii_digit() && bytes[at] > b'1');
            Verdict::NewerMinor(at)
        }
        Parsed::Head(head) => {
            check_head(bytes, &head, limits);
            Verdict::Head {
                len: head.len,
                framing: head.verdict.framing,
                keep_alive: head.verdict.keep_alive,
                expects_continue: head.verdict.expects_continue,
                fields: head.fields.all().count(),
            }
        }
    }
}

/// A request head: cut anywhere it gets the same verdict or none yet, and what is accepted is what a second, naive reader
/// of lines finds.
pub fn request_head(bytes: &[u8]) {
    let Some((&how, bytes)) = bytes.split_first() else { return };
    if matches!(bytes.first(), None | Some(b'\r' | b'\n')) {
        return; // a head does not begin with an empty line; `connection` has those
    }
    let limits = if how & 1 == 0 { Limits::default() } else { small_limits() };
    let whole = verdict(bytes, &limits);
    let step = if bytes.len() <= CUT_EVERYWHERE_BYTES_MAX { 1 } else { bytes.len().div_ceil(CUTS) };
    for cut in (0..bytes.len()).step_by(step) {
        let early = verdict(&bytes[..cut], &limits);
        assert!(early == Verdict::Partial || early == whole, "{early:?} at {cut}, then {whole:?}");
    }
    if let Verdict::Head { len, .. } = whole {
        assert_eq!(verdict(&bytes[..len], &limits), whole, "what follows a head is no part of it");
        assert_eq!(verdict(&bytes[..len - 1], &limits), Verdict::Partial);
    }
}

/// Reads an accepted head once more, line by line, and compares.
fn check_head(bytes: &[u8], head: &Head<'_, '_>, limits: &Limits) {
    assert!(head.len <= bytes.len() && head.len <= limits.head_bytes_max);
    let text = &bytes[..head.len];
    let mut lines = text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    assert!(line.len() < limits.request_line_bytes_max);
    let version: &[u8] = if head.is_http_10 { b"HTTP/1.0" } else { b"HTTP/1.1" };
    assert_eq!(line, [head.method_bytes, b" ", head.target, b" ", version].concat());
    assert!(list::is_token(head.method_bytes) && !head.target.is_empty());
    assert!(head.target.iter().all(|&byte| byte > b' ' && byte != 0x7f));

    let fields: Vec<(&[u8], &[u8])> = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let colon = line.iter().position(|&byte| byte == b':').expect("a field line has a colon");
            (&line[..colon], line[colon + 1..].trim_ascii())
        })
        .collect();
    assert_eq!(lines.next(), Some(&b""[..]), "the head ends with its blank line");
    assert_eq!(lines.next(), None);
    assert!(fields.len() <= limits.head_fields_max);
    assert!(fields.iter().map(|field| field.0).eq(head.fields.all().map(|field| field.0.as_bytes())));
    for ((_, naive), (name, value)) in fields.iter().zip(head.fields.all()) {
        assert!(list::is_token(name.as_bytes()));
        assert!(value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)), "{}", value.escape_ascii());
        assert_eq!(list::trim(value), *naive);
    }
    let values = |name: &str| -> Vec<&[u8]> {
        fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.1).collect()
    };
    let hosts = values("host");
    assert!(hosts.len() == 1 || head.is_http_10 && hosts.is_empty());
    assert!(hosts.iter().all(|host| http_host::is_valid(host)));
    for (known, name) in [(Known::Host, "host"), (Known::IfNoneMatch, "if-none-match"), (Known::Range, "range")] {
        assert_eq!(head.fields.count(known), values(name).len());
        assert!(head.fields.values(known).map(list::trim).eq(values(name)));
    }
    check_framing(head, &values("transfer-encoding"), &values("content-length"));
    let options = values("connection").join(&b","[..]).to_ascii_lowercase();
    let names_close = options.split(|&byte| byte == b',').any(|option| option.trim_ascii() == b"close");
    assert!(!(names_close && head.verdict.keep_alive), "close wins");
    assert!(
        !head.verdict.expects_continue
            || values("expect").iter().all(|value| value.to_ascii_lowercase().contains(&b'1'))
    );
}

/// RFC 9112 section 6.3, written a second time.
fn check_framing(head: &Head<'_, '_>, codings: &[&[u8]], lengths: &[&[u8]]) {
    match head.verdict.framing {
        Framing::Chunked => {
            assert!(lengths.is_empty() && !head.is_http_10);
            let all = codings.join(&b","[..]).to_ascii_lowercase();
            let names: Vec<&[u8]> =
                all.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()).collect();
            assert_eq!(names, [b"chunked"]);
        }
        Framing::Length(bytes) => assert_lengths(codings, lengths, bytes),
        Framing::None if lengths.is_empty() => assert!(codings.is_empty()),
        Framing::None => assert_lengths(codings, lengths, 0),
    }
}

fn assert_lengths(codings: &[&[u8]], lengths: &[&[u8]], bytes: u64) {
    assert!(codings.is_empty() && !lengths.is_empty());
    for element in lengths.iter().flat_map(|value| value.split(|&byte| byte == b',')) {
        let digits = std::str::from_utf8(element.trim_ascii()).expect("digits");
        assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        let add = |number: u64, digit: u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        assert_eq!(digits.bytes().fold(0, add), bytes);
    }
}

/// A chunked body: any cut gives the same counts, and what is accepted is what a second, naive reader finds.
pub fn chunked_body(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    let cut = usize::from(u16::from_le_bytes([draws.byte(), draws.byte()]));
    let bytes = draws.0;
    let whole = feed([bytes]);
    assert_eq!(feed(bytes.chunks(1)), whole);
    let (front, back) = bytes.split_at(cut % (bytes.len() + 1));
    assert_eq!(feed([front, back]), whole);
    if let Ok((consumed, body_bytes, true)) = whole {
        assert_eq!(naive_chunks(bytes), Some((consumed, body_bytes)));
        assert_eq!(feed([&bytes[..consumed]]), whole, "what follows a body is no part of it");
        assert!(matches!(feed([&bytes[..consumed - 1]]), Ok((_, _, false))));
    }
}

/// Bytes consumed, bytes of data, and whether the body ended.
fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(usize, u64, bool), ChunkError> {
    let mut reader = ChunkReader::default();
    let (mut consumed, mut body_bytes, mut is_done) = (0, 0, false);
    for piece in pieces {
        let fed = reader.feed(piece).inspect_err(|&error| assert_eq!(reader.feed(b"0\r\n\r\n"), Err(error)))?;
        assert!(fed.consumed <= piece.len() && (fed.done || fed.consumed == piece.len()));
        assert!(!is_done || fed.consumed == 0);
        consumed += fed.consumed;
        body_bytes += fed.body;
        is_done = fed.done;
        assert_eq!(reader.body_bytes(), body_bytes);
    }
    Ok((consumed, body_bytes, is_done))
}

/// The same by whole lines; extensions and trailers are not looked into.
fn naive_chunks(bytes: &[u8]) -> Option<(usize, u64)> {
    let line = |at: usize| {
        let len = bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
        Some((&bytes[at..at + len], at + len + 2))
    };
    let (mut at, mut body_bytes) = (0, 0);
    loop {
        let (size, next) = line(at)?;
        let digits = size.split(|byte| !byte.is_ascii_hexdigit()).next()?;
        let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        at = next;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        assert_eq!(bytes.get(end..end + 2)?, b"\r\n");
        (at, body_bytes) = (end + 2, body_bytes + size);
    }
    loop {
        let (trailer, next) = line(at)?;
        at = next;
        if trailer.is_empty() {
            return Some((at, body_bytes));
        }
        assert!(trailer.contains(&b':') && !trailer.contains(&b'\n'));
    }
}

/// A `Range` value: spans lie inside, do not overlap, and so sum up to no more than the whole.
pub fn range(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    let len = draws.number() >> draws.below(64);
    let spans = match range::parse(draws.0, len) {
        Ranges::Ignore | Ranges::Unsatisfiable => return,
        Ranges::One { first, len } => vec![Span { first, len }],
        Ranges::Several(spans) => spans.as_slice().to_vec(),
    };
    assert!(!spans.is_empty() && spans.len() <= range::RANGES_MAX);
    let asked: u128 = spans.iter().map(|span| u128::from(span.len)).sum();
    assert!(asked <= u128::from(len), "more than there is");
    for (index, span) in spans.iter().enumerate() {
        assert!(span.len > 0 && u128::from(span.first) + u128::from(span.len) <= u128::from(len));
        let mut text = Vec::new();
        range::write_content_range(&mut text, span.first, span.len, len);
        let again =
            [b"bytes=", &text[b"bytes ".len()..text.iter().position(|&byte| byte == b'/').unwrap_or(0)]].concat();
        assert_eq!(range::parse(&again, len), Ranges::One { first: span.first, len: span.len });
        for other in &spans[index + 1..] {
            assert!(span.first + span.len <= other.first || other.first + other.len <= span.first, "they overlap");
        }
    }
}

/// `Accept-Encoding`: the choice does not depend on the order of the forms, is one that was not refused, and is none only
/// if identity was.
pub fn accept_encoding(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    let (present, turn) = (draws.byte(), draws.below(4));
    let sizes: [u64; 4] = std::array::from_fn(|_| u64::from(draws.byte()) % 4);
    let all = [Encoding::Identity, Encoding::Gzip, Encoding::Brotli, Encoding::Zstd];
    let forms: Vec<(Encoding, u64)> =
        all.into_iter().zip(sizes).enumerate().filter(|form| present >> form.0 & 1 == 0).map(|form| form.1).collect();
    let lines: Vec<&[u8]> = draws.0.split(|&byte| byte == b'\n').collect();
    let chosen = encoding::choose(lines.iter().copied(), &forms).map(|index| forms[index]);
    let mut turned = forms.clone();
    turned.rotate_left(turn.min(forms.len()));
    assert_eq!(encoding::choose(lines.iter().copied(), &turned).map(|index| turned[index]), chosen);

    let mentions = |name: &[u8]| draws.0.to_ascii_lowercase().windows(name.len()).any(|window| window == name);
    match chosen {
        None => assert!(
            !forms.iter().any(|form| form.0 == Encoding::Identity) || mentions(b"identity") || mentions(b"*"),
            "nobody refused identity"
        ),
        Some((Encoding::Identity, _)) => {}
        Some((encoding, _)) => assert!(mentions(encoding.token().as_bytes()) || mentions(b"*"), "nobody asked for it"),
    }
}

/// A request target: an accepted path is safe to look up, and is the same when every byte of it is escaped.
pub fn target(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    let method: &[u8] = [&b"GET"[..], b"OPTIONS", b"CONNECT", b"POST"][draws.below(4)];
    let raw = draws.0;
    let (mut decoded, mut decoded_again) = (b"stale".to_vec(), Vec::new());
    match request_target::parse(method, raw, &mut decoded) {
        Err(error) => assert!(matches!(error.status(), 400 | 421 | 501) && !error.why().is_empty()),
        Ok(Target::Asterisk) => {
            assert!(method == b"OPTIONS" && (raw == b"*" || raw.to_ascii_lowercase().starts_with(b"http://")));
        }
        Ok(Target::Path { path, query, authority }) => {
            assert!(path.starts_with('/') && !path.contains(char::is_control));
            assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
            assert!(authority.is_none_or(http_host::is_authority));
            assert!(query.is_none_or(|query| query.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#')));
            assert_eq!(authority.is_some(), !raw.starts_with(b"/"));
            let escaped: String =
                path.bytes().map(|byte| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02X}") }).collect();
            let again = request_target::parse(method, escaped.as_bytes(), &mut decoded_again);
            assert_eq!(again, Ok(Target::Path { path, query: None, authority: None }));
        }
    }
}

/// A `Host` value: nothing that ends an authority gets in, and an absolute target with it says the same.
pub fn host(bytes: &[u8]) {
    let is_authority = http_host::is_authority(bytes);
    assert_eq!(http_host::is_valid(bytes), is_authority || bytes.is_empty());
    if is_authority {
        assert!(bytes.iter().all(|&byte| byte.is_ascii_graphic() && !b"/?#@\\\"<>^`{|}".contains(&byte)));
    }
    let absolute = [b"http://", bytes, b"/x"].concat();
    let mut decoded = Vec::new();
    let named = match request_target::parse(b"GET", &absolute, &mut decoded) {
        Ok(Target::Path { authority, .. }) => authority,
        Ok(Target::Asterisk) | Err(_) => None,
    };
    if !bytes.contains(&b'/') && !bytes.contains(&b'?') {
        assert_eq!(named, is_authority.then_some(bytes));
    }
}

/// An HTTP date: what is understood can be written, and is then understood the same.
pub fn date(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    // A year of two digits may lie 50 years ahead, and the clock of a server is not that near to the year 10000.
    let now = draws.number() % (http_date::SECONDS_MAX - 51 * 366 * 86_400);
    let Some(seconds) = http_date::parse(draws.0, now) else { return };
    // The leap second of the last year that has four digits.
    assert!(seconds <= http_date::SECONDS_MAX as i64 + 1);
    if let Some(unix_seconds) = u64::try_from(seconds).ok().filter(|&seconds| seconds <= http_date::SECONDS_MAX) {
        assert_eq!(http_date::parse(&http_date::write(unix_seconds), now), Some(seconds));
    }
}

/// The header of a proxy: once a beginning says what it is, more bytes change nothing; what is whole is as long as it says.
pub fn proxy_header(bytes: &[u8]) {
    let whole = proxy::parse(bytes);
    for cut in 0..bytes.len() {
        let found = proxy::parse(&bytes[..cut]);
        let is_same = match (found, whole) {
            (ProxyHeader::Partial, ProxyHeader::Whole { len, .. }) => cut < len,
            (ProxyHeader::Partial, _) => true,
            (found, whole) => found == whole,
        };
        assert!(is_same, "{found:?} at {cut}, {whole:?} of all");
    }
    if let ProxyHeader::Whole { len, .. } = whole {
        assert!((16..=bytes.len().min(proxy::PROXY_HEADER_BYTES_MAX)).contains(&len), "{len}");
        let said = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        assert!(bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n") && len == 16 + said);
    }
}
