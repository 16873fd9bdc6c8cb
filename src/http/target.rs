//! The request target: its four forms, and the path decoded exactly once (RFC 9112 section 3.2, RFC 3986). Pure.
//!
//! A path becomes the key that content is looked up by, so whatever two readers could take for different things is
//! refused, not repaired: an encoded slash (it would move the borders of segments; RFC 3986 section 2.2 says that the
//! encoded and the plain form of a reserved byte differ), dot segments in any spelling (a client takes them out before
//! it asks, RFC 3986 section 5.2.4), a raw backslash (browsers read it as a slash), controls, and what is not UTF-8. An
//! encoded backslash is data: no layer here parts anything at it, and a browser that means a slash never sends it.
//!
//! Browsers send some of ``"<>^`{|}[]`` raw, though the grammar has no place for them (RFC 3986 section 3.3). They part
//! nothing, and so they are taken as themselves.
#![forbid(unsafe_code)]

use super::host;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The server itself: `OPTIONS *` (RFC 9112 section 3.2.4).
    Asterisk,
    /// A path (RFC 9112 sections 3.2.1 and 3.2.2).
    Path {
        /// Decoded once. Starts with `/` and has no dot segment, no control and no NUL; empty segments are kept.
        path: &'a str,
        /// What follows the first `?`, as it came: neither decoded nor are its escapes checked, since only its reader
        /// knows its grammar.
        query: Option<&'a [u8]>,
        /// The authority of an absolute-form, valid as a `Host` value. It replaces the `Host` field (RFC 9112 section
        /// 3.2.2).
        authority: Option<&'a [u8]>,
    },
}

/// Why a target was refused. The answer is [`TargetError::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// A well-formed `CONNECT host:port` (RFC 9112 section 3.2.3): nothing is wrong with it, but no tunnel is built:
    /// the answer is 501.
    Authority,
    /// None of the forms that this method may have (RFC 9112 section 3.2).
    Form,
    /// An absolute-form whose scheme is neither `http` nor `https`.
    Scheme,
    /// An absolute-form whose scheme is `https`, and nothing else is wrong with it. This server speaks cleartext only, so it
    /// has no say over what such a URI names: the answer is 421 (RFC 9110 sections 7.4 and 15.5.20).
    Https,
    /// An absolute-form whose authority is missing, empty, has userinfo or is no host (RFC 9110 section 4.2).
    Host,
    /// A raw byte that no target may contain: a control, space, `#`, `\`, DEL, or one above 0x7F.
    Byte,
    /// A `%` in the path without two hexadecimal digits after it (RFC 3986 section 2.1).
    Escape,
    /// `%2F` in the path.
    Slash,
    /// A control character in the decoded path, NUL among them.
    Control,
    /// A path that is not UTF-8 once decoded.
    Utf8,
    /// A segment that is `.` or `..` once decoded.
    DotSegment,
}

impl std::fmt::Display for TargetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for TargetError {}

impl TargetError {
    /// The reason, for the person at the other end.
    pub const fn why(self) -> &'static str {
        match self {
            TargetError::Authority => "the target asks for a tunnel",
            TargetError::Form => "the target has none of the forms that this method allows",
            TargetError::Scheme => "the target's scheme is neither http nor https",
            TargetError::Https => "the target's scheme is https, and this connection is not encrypted",
            TargetError::Host => "the target's authority is not a host with an optional port",
            TargetError::Byte => "the target has a byte that must be percent-encoded",
            TargetError::Escape => "the path has a % without two hexadecimal digits",
            TargetError::Slash => "the path has an encoded slash",
            TargetError::Control => "the path has a control character",
            TargetError::Utf8 => "the path is not UTF-8",
            TargetError::DotSegment => "the path has a dot segment",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            TargetError::Authority => 501,
            TargetError::Https => 421,
            TargetError::Form
            | TargetError::Scheme
            | TargetError::Host
            | TargetError::Byte
            | TargetError::Escape
            | TargetError::Slash
            | TargetError::Control
            | TargetError::Utf8
            | TargetError::DotSegment => 400,
        }
    }

    /// Whether the target breaks the grammar, so that nothing says that what follows is a request: the connection closes
    /// behind the answer (RFC 9112 section 2.2). What is well-formed and refused all the same ends nothing.
    pub const fn is_grammar(self) -> bool {
        match self {
            TargetError::Form | TargetError::Scheme | TargetError::Host | TargetError::Byte | TargetError::Escape => {
                true
            }
            TargetError::Authority
            | TargetError::Https
            | TargetError::Slash
            | TargetError::Control
            | TargetError::Utf8
            | TargetError::DotSegment => false,
        }
    }
}

/// Reads a request target (RFC 9112 section 3.2).
///
/// `decoded` holds the path if it had to be decoded; it is cleared first, and keeps its capacity for the next request.
///
/// # Errors
/// The first thing found wrong, see [`TargetError`].
pub fn parse<'a>(method: &[u8], raw: &'a [u8], decoded: &'a mut Vec<u8>) -> Result<Target<'a>, TargetError> {
    match (method, raw) {
        (b"CONNECT", _) => Err(tunnel(raw)),
        (_, [b'/', ..]) => parse_path(raw, None, decoded),
        (b"OPTIONS", b"*") => Ok(Target::Asterisk),
        (_, _) => parse_absolute(method, raw, decoded),
    }
}

/// Which error a CONNECT is: authority-form has a port, and it is the only form of that method (RFC 9112 section
/// 3.2.3).
fn tunnel(raw: &[u8]) -> TargetError {
    if host::is_authority(raw) && raw.last().is_some_and(u8::is_ascii_digit) && has_port(raw) {
        TargetError::Authority
    } else {
        TargetError::Form
    }
}

/// Whether a valid authority has a colon behind its host.
fn has_port(authority: &[u8]) -> bool {
    let host_end = memchr::memrchr(b']', authority).unwrap_or(0);
    memchr::memchr(b':', &authority[host_end..]).is_some()
}

/// Absolute-form (RFC 9112 section 3.2.2) with the `http` and `https` schemes of RFC 9110 section 4.2, in any case.
fn parse_absolute<'a>(method: &[u8], raw: &'a [u8], decoded: &'a mut Vec<u8>) -> Result<Target<'a>, TargetError> {
    let colon = memchr::memchr(b':', raw).ok_or(TargetError::Form)?;
    let (scheme, rest) = (&raw[..colon], &raw[colon + 1..]);
    let Some(rest) = rest.strip_prefix(b"//") else {
        return Err(TargetError::Form);
    };
    let is_https = scheme.eq_ignore_ascii_case(b"https");
    if !scheme.eq_ignore_ascii_case(b"http") && !is_https {
        return Err(TargetError::Scheme);
    }
    let (authority, rest) = rest.split_at(memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len()));
    if !host::is_authority(authority) {
        return Err(TargetError::Host);
    }
    // An empty path stands for the server itself with OPTIONS (RFC 9112 section 3.2.4), for "/" with all else (RFC 9110
    // section 4.2.3).
    let target = if rest.is_empty() && method == b"OPTIONS" {
        Target::Asterisk
    } else {
        parse_path(rest, Some(authority), decoded)?
    };
    if is_https { Err(TargetError::Https) } else { Ok(target) }
}

/// Path and query, the path possibly empty.
fn parse_path<'a>(
    raw: &'a [u8],
    authority: Option<&'a [u8]>,
    decoded: &'a mut Vec<u8>,
) -> Result<Target<'a>, TargetError> {
    // One pass over the path, which is short: what is in it decides what has to be looked at again.
    let mut seen = 0;
    let mut end = raw.len();
    for (index, &byte) in raw.iter().enumerate() {
        if byte == b'?' {
            end = index;
            break;
        }
        seen |= KINDS[usize::from(byte)];
    }
    let (path, query) = (&raw[..end], raw.get(end + 1..));
    let is_refused = query.is_some_and(|query| query.iter().any(|&byte| KINDS[usize::from(byte)] & REFUSED != 0));
    if seen & (REFUSED | BACKSLASH) != 0 || is_refused {
        return Err(TargetError::Byte);
    }
    let path = if seen & ESCAPE != 0 {
        decode(path, memchr::memchr(b'%', path).unwrap_or(0), decoded)?
    } else if path.is_empty() {
        "/"
    } else {
        // No byte above 0x7F was accepted, so this cannot fail.
        std::str::from_utf8(path).map_err(|_| TargetError::Utf8)?
    };
    if seen & (DOT | ESCAPE) != 0 && has_dot_segment(path) {
        return Err(TargetError::DotSegment);
    }
    Ok(Target::Path { path, query, authority })
}

/// May stand neither in a path nor in a query.
const REFUSED: u8 = 1;
/// May stand in a query only.
const BACKSLASH: u8 = 2;
const ESCAPE: u8 = 4;
const DOT: u8 = 8;

/// What each byte means to [`parse_path`].
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'\\' => BACKSLASH,
            b'%' => ESCAPE,
            b'.' => DOT,
            accepted if is_accepted(accepted) => 0,
            _ => REFUSED,
        };
        byte += 1;
    }
    kinds
};

/// Whether a raw byte may stand in a path or query.
///
/// Of the bytes that RFC 3986 wants encoded, those that browsers leave raw are let through; `\` only in a query, since
/// in a path they write `/` for it.
const fn is_accepted(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// The path with its escapes decoded, once; `escape` is where the first one is.
fn decode<'a>(path: &[u8], escape: usize, decoded: &'a mut Vec<u8>) -> Result<&'a str, TargetError> {
    decoded.clear();
    let (plain, mut rest) = path.split_at(escape);
    decoded.extend_from_slice(plain);
    while let [byte, tail @ ..] = rest {
        if *byte == b'%' {
            let [high, low, tail @ ..] = tail else {
                return Err(TargetError::Escape);
            };
            let byte = hexadecimal(*high).zip(hexadecimal(*low)).map(|(high, low)| high << 4 | low);
            match byte.ok_or(TargetError::Escape)? {
                b'/' => return Err(TargetError::Slash),
                byte => decoded.push(byte),
            }
            rest = tail;
        } else {
            decoded.push(*byte);
            rest = tail;
        }
    }
    let path = std::str::from_utf8(decoded).map_err(|_| TargetError::Utf8)?;
    if path.chars().any(char::is_control) { Err(TargetError::Control) } else { Ok(path) }
}

/// What a hexadecimal digit stands for.
pub(crate) const fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether a segment is `.` or `..` (RFC 3986 section 3.3).
fn has_dot_segment(path: &str) -> bool {
    let bytes = path.as_bytes();
    memchr::memchr_iter(b'.', bytes).any(|dot| {
        dot > 0 && bytes[dot - 1] == b'/' && matches!(&bytes[dot + 1..], [] | [b'/', ..] | [b'.'] | [b'.', b'/', ..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::list::random::Random;

    fn path<'a>(path: &'a str, query: Option<&'a str>, authority: Option<&'a str>) -> Target<'a> {
        Target::Path { path, query: query.map(str::as_bytes), authority: authority.map(str::as_bytes) }
    }

    #[test]
    fn accepted() {
        let host = Some("a.example");
        let cases = [
            ("GET", "/", path("/", None, None)),
            ("GET", "/a/b.c", path("/a/b.c", None, None)),
            ("GET", "//a//", path("//a//", None, None)),
            ("GET", "/?", path("/", Some(""), None)),
            ("GET", "/a?b=c&d/../?%zz", path("/a", Some("b=c&d/../?%zz"), None)),
            ("GET", "/a%20b", path("/a b", None, None)),
            ("GET", "/%C3%bc", path("/ü", None, None)),
            ("GET", "/%2525", path("/%25", None, None)),
            ("GET", "/%252F%252e%252E", path("/%2F%2e%2E", None, None)),
            ("GET", "/a%3Fb%23c", path("/a?b#c", None, None)),
            ("GET", "/a%5Cb", path("/a\\b", None, None)),
            ("GET", "/.a/..b/c./d../.../%2e%2e%2e", path("/.a/..b/c./d../.../...", None, None)),
            ("GET", "/\"<>^`{|}[]~!$&'()*+,;=:@-_", path("/\"<>^`{|}[]~!$&'()*+,;=:@-_", None, None)),
            ("GET", "/?\"<>^`{|}[]", path("/", Some("\"<>^`{|}[]"), None)),
            ("GET", "http://a.example", path("/", None, host)),
            ("GET", "http://a.example/", path("/", None, host)),
            ("GET", "HTTP://a.example/b?c", path("/b", Some("c"), host)),
            ("GET", "http://a.example?c", path("/", Some("c"), host)),
            ("GET", "http://a.example/%61", path("/a", None, host)),
            ("GET", "http://[::1]:80/", path("/", None, Some("[::1]:80"))),
            ("GET", "/http://a.example", path("/http://a.example", None, None)),
            ("OPTIONS", "*", Target::Asterisk),
            ("OPTIONS", "/", path("/", None, None)),
            ("OPTIONS", "http://a.example", Target::Asterisk),
            ("OPTIONS", "http://a.example/", path("/", None, host)),
            ("OPTIONS", "http://a.example?", path("/", Some(""), host)),
        ];
        for (method, raw, expected) in cases {
            let mut decoded = b"left over".to_vec();
            assert_eq!(parse(method.as_bytes(), raw.as_bytes(), &mut decoded), Ok(expected), "{method} {raw}");
        }
    }

    #[test]
    fn refused() {
        use TargetError::*;
        let cases: &[(&str, &[u8], TargetError)] = &[
            ("GET", b"", Form),
            ("GET", b"*", Form),
            ("options", b"*", Form),
            ("OPTIONS", b"**", Form),
            ("OPTIONS", b"*?a", Form),
            ("GET", b"a", Form),
            ("GET", b"a.example:80", Form),
            ("GET", b"?a", Form),
            ("GET", b"http:", Form),
            ("GET", b"http:/a", Form),
            ("GET", b"\\a", Form),
            ("GET", b"ftp://a.example/", Scheme),
            ("GET", b"://a.example/", Scheme),
            ("GET", b"httpx://a.example/", Scheme),
            ("GET", b" http://a.example/", Scheme),
            ("GET", b"https://a.example/b?c", Https),
            ("GET", b"HttpS://a.example", Https),
            ("OPTIONS", b"https://a.example", Https),
            ("GET", b"https://user@a.example/", Host),
            ("GET", b"https://a.example/a b", Byte),
            ("GET", b"https://a.example/..", DotSegment),
            ("GET", b"http://", Host),
            ("GET", b"http:///a", Host),
            ("GET", b"http://?a", Host),
            ("GET", b"http://:80/", Host),
            ("GET", b"http://user@a.example/", Host),
            ("GET", b"http://user:word@a.example/", Host),
            ("GET", b"http://a.example:99999/", Host),
            ("GET", b"http://a.example#b", Host),
            ("GET", b"http://a.example\\b/", Host),
            ("GET", b"/a b", Byte),
            ("GET", b"/a#b", Byte),
            ("GET", b"/a\\b", Byte),
            ("GET", b"/a\\b?c", Byte),
            ("GET", b"/a?b#c", Byte),
            ("GET", b"/\0", Byte),
            ("GET", b"/\t", Byte),
            ("GET", b"/?\x1f", Byte),
            ("GET", b"/\x7f", Byte),
            ("GET", b"/?\x7f", Byte),
            ("GET", b"/\xc3\xbc", Byte),
            ("GET", b"/?\xc3\xbc", Byte),
            ("GET", b"/%", Escape),
            ("GET", b"/%4", Escape),
            ("GET", b"/%4?1", Escape),
            ("GET", b"/%zz", Escape),
            ("GET", b"/%+1", Escape),
            ("GET", b"/%%41", Escape),
            ("GET", b"/a%2Fb", Slash),
            ("GET", b"/..%2f", Slash),
            ("GET", b"/%00", Control),
            ("GET", b"/a%0d%0ab", Control),
            ("GET", b"/%7F", Control),
            ("GET", b"/%C2%85", Control),
            ("GET", b"/%ff", Utf8),
            ("GET", b"/%C3", Utf8),
            ("GET", b"/%C0%AF", Utf8),
            ("GET", b"/%C0%80", Utf8),
            ("GET", b"/%ED%A0%80", Utf8),
            ("GET", b"/.", DotSegment),
            ("GET", b"/..", DotSegment),
            ("GET", b"/./a", DotSegment),
            ("GET", b"/a/..", DotSegment),
            ("GET", b"/a/../b", DotSegment),
            ("GET", b"/..?a", DotSegment),
            ("GET", b"/%2e", DotSegment),
            ("GET", b"/.%2E/a", DotSegment),
            ("GET", b"/a/%2e%2e/b", DotSegment),
            ("GET", b"http://a.example/..", DotSegment),
            ("CONNECT", b"a.example:443", Authority),
            ("CONNECT", b"[::1]:443", Authority),
            ("CONNECT", b"a.example", Form),
            ("CONNECT", b"a.example:", Form),
            ("CONNECT", b"[::1]", Form),
            ("CONNECT", b"127.0.0.1", Form),
            ("CONNECT", b"/", Form),
            ("CONNECT", b"*", Form),
            ("CONNECT", b"http://a.example/", Form),
        ];
        for (method, raw, error) in cases {
            let mut decoded = Vec::new();
            assert_eq!(parse(method.as_bytes(), raw, &mut decoded), Err(*error), "{method} {}", raw.escape_ascii());
        }
    }

    #[test]
    fn any_bytes_give_a_safe_path_or_an_error() {
        let mut random = Random::new(5);
        let mut decoded = Vec::new();
        let mut accepted = 0;
        for _ in 0..300_000 {
            let mut raw = random.bytes(b"//..%%22eEfF5aC3?:", 16);
            match random.below(4) {
                0 => drop(raw.splice(0..0, *b"http://a")),
                1 => {}
                _ => raw.insert(0, b'/'),
            }
            if let Ok(Target::Path { path, .. }) = parse(b"GET", &raw, &mut decoded) {
                accepted += 1;
                assert!(path.starts_with('/') && !path.contains(char::is_control));
                assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
                let raw_path =
                    raw.strip_prefix(b"http://a").unwrap_or(&raw).split(|&byte| byte == b'?').next().unwrap();
                let slashes = raw_path.iter().filter(|&&byte| byte == b'/').count().max(1);
                assert_eq!(path.split('/').count() - 1, slashes);
            }
        }
        assert!(accepted > 10_000, "{accepted}");
    }

    #[test]
    fn every_path_survives_being_encoded() {
        let mut random = Random::new(6);
        for _ in 0..20_000 {
            let mut text: String =
                (0..random.below(12)).filter_map(|_| char::from_u32(random.below(0x11_0000) as u32)).collect();
            text.insert(0, '/');
            let encoded: String =
                text.bytes().map(|byte| if byte == b'/' { "/".to_string() } else { format!("%{byte:02x}") }).collect();
            let mut decoded = Vec::new();
            if text.contains(char::is_control) || has_dot_segment(&text) {
                assert!(parse(b"GET", encoded.as_bytes(), &mut decoded).is_err());
            } else {
                assert_eq!(parse(b"GET", encoded.as_bytes(), &mut decoded), Ok(path(&text, None, None)));
            }
        }
    }
}
