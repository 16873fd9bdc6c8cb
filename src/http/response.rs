//! What a handler answers. Pure.
#![forbid(unsafe_code)]

use super::list;

/// An answer made by a handler.
///
/// The server adds `Date`, `Content-Length` and `Connection`. For a success it also looks at the preconditions of the request
/// and answers 304 or 412 in its place, by what [`etag`](Response::etag) and [`last_modified`](Response::last_modified)
/// say; with neither, `If-Match` fails for all but `*`. That is so for GET and HEAD. A method that changes something has
/// changed it when its handler returns, so there the preconditions are the handler's to look at, before it does.
///
/// A header that would break the head (a name that is no token, a value with CR, LF, NUL or another control character)
/// or that belongs to the server (`Content-Length`, `Transfer-Encoding`, `Connection`, `Date`, `Keep-Alive`,
/// `Trailer`, `Upgrade`, and `ETag` and `Last-Modified`, which have methods of their own) is never sent: the whole
/// answer becomes a 500, so that the mistake is seen and nothing is smuggled. So does one without the field that its status
/// must have: 206 `Content-Range` (or, of several parts, its media type in place of it), 401 `WWW-Authenticate`, 405
/// `Allow`, 407 `Proxy-Authenticate`, 426 `Upgrade` (which is the server's, so there is no 426).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub(crate) status: u16,
    /// Whole field lines, each with its CRLF.
    pub(crate) lines: Vec<u8>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<u64>,
    pub(crate) body: Body,
    /// Something about it cannot be sent.
    pub(crate) is_broken: bool,
}

/// The body of a [`Response`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// No bytes.
    Empty,
    /// Bytes of the program.
    Static(&'static [u8]),
    /// Bytes made for this answer.
    Owned(Vec<u8>),
}

impl Body {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Body::Empty => &[],
            Body::Static(bytes) => bytes,
            Body::Owned(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Owned(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::Owned(text.into_bytes())
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        Body::Static(text.as_bytes())
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Body {
        Body::Static(bytes)
    }
}

impl Response {
    /// An answer with this status (200 to 599) and no body.
    pub fn new(status: u16) -> Response {
        let is_broken = !(200..=599).contains(&status);
        Response { status, lines: Vec::new(), etag: None, last_modified: None, body: Body::Empty, is_broken }
    }

    /// 200 with plain text in UTF-8.
    pub fn text(text: impl Into<Body>) -> Response {
        Response::bytes("text/plain; charset=utf-8", text)
    }

    /// 200 with HTML in UTF-8.
    pub fn html(text: impl Into<Body>) -> Response {
        Response::bytes("text/html; charset=utf-8", text)
    }

    /// 200 with JSON that is already written out.
    pub fn json(text: impl Into<Body>) -> Response {
        Response::bytes("application/json", text)
    }

    /// 200 with bytes of any media type.
    pub fn bytes(media_type: &str, bytes: impl Into<Body>) -> Response {
        Response { body: bytes.into(), ..Response::new(200) }.header("Content-Type", media_type)
    }

    /// A redirect: 301, 302, 303, 307 or 308, and where to.
    pub fn redirect(status: u16, location: &str) -> Response {
        let mut response = Response::new(status).header("Location", location);
        response.is_broken |= !matches!(status, 301 | 302 | 303 | 307 | 308);
        response
    }

    /// The same answer with another status (200 to 599).
    pub fn status(mut self, status: u16) -> Response {
        self.is_broken |= !(200..=599).contains(&status);
        self.status = status;
        self
    }

    /// Adds a field line. `Content-Type` and `Location`, of which an answer has one, replace the one given before. See
    /// [`Response`] for what makes a header unsendable.
    pub fn header(mut self, name: &str, value: &str) -> Response {
        if SINGLE.iter().any(|single| name.eq_ignore_ascii_case(single)) {
            remove_field_line(&mut self.lines, name);
        }
        if push_field_line(&mut self.lines, name, value).is_err() {
            self.is_broken = true;
        }
        self
    }

    /// Adds a strong entity tag: `tag` without its quotes, printable ASCII without `"`.
    pub fn etag(mut self, tag: &str) -> Response {
        self.is_broken |= !is_etag(tag);
        self.etag = Some(format!("\"{tag}\""));
        self
    }

    /// Says when the content last changed, in seconds since 1970-01-01 UTC.
    pub fn last_modified(mut self, unix_seconds: u64) -> Response {
        self.last_modified = Some(unix_seconds);
        self
    }

    /// Whether a field is missing that its status must have (RFC 9110 sections 15.3.7, 15.5.2, 15.5.6, 15.5.8, 15.5.22).
    pub(crate) fn lacks_a_field(&self) -> bool {
        let has = |name: &str, start: &str| {
            self.lines.split(|&byte| byte == b'\n').any(|line| {
                let (found, value) = line.split_at_checked(name.len()).unwrap_or_default();
                let value = value.strip_prefix(b": ").and_then(|value| value.get(..start.len()));
                found.eq_ignore_ascii_case(name.as_bytes())
                    && value.is_some_and(|value| value.eq_ignore_ascii_case(start.as_bytes()))
            })
        };
        match self.status {
            // Of one part or of several, and never of both (section 15.3.7.2).
            206 => has("Content-Range", "") == has("Content-Type", "multipart/byteranges"),
            401 => !has("WWW-Authenticate", ""),
            405 => !has("Allow", ""),
            407 => !has("Proxy-Authenticate", ""),
            426 => true,
            _ => false,
        }
    }
}

/// The lines that a 304 repeats (RFC 9110 section 15.4.5): all but those about the content that it does not carry.
pub(crate) fn lines_of_304(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split_inclusive(|&byte| byte == b'\n').filter(|line| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or(line).to_ascii_lowercase();
        !name.starts_with(b"content-") || name == b"content-location"
    })
}

/// All lines but those that say for how long an answer may be kept: Cache-Control, also with a name before it (RFC 9213),
/// and Expires.
pub(crate) fn uncached_lines(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    const CACHE_CONTROL: &[u8] = b"cache-control";
    lines.split_inclusive(|&byte| byte == b'\n').filter(|line| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or(line);
        let end = &name[name.len().saturating_sub(CACHE_CONTROL.len())..];
        !end.eq_ignore_ascii_case(CACHE_CONTROL) && !name.eq_ignore_ascii_case(b"expires")
    })
}

/// Why a field line cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    Name,
    Value,
    Reserved,
}

/// Fields that only the server may write, since they frame or date the message.
const RESERVED: [&str; 9] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "date",
    "keep-alive",
    "trailer",
    "upgrade",
    "etag",
    "last-modified",
];

/// Fields that this file writes itself, and that an answer has at most one of (RFC 9110 sections 8.3 and 10.2.2).
const SINGLE: [&str; 2] = ["content-type", "location"];

/// Whether this can stand between the quotes of an entity tag (RFC 9110 section 8.8.3).
pub(super) fn is_etag(tag: &str) -> bool {
    tag.bytes().all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte))
}

/// Removes the first line with this name.
fn remove_field_line(lines: &mut Vec<u8>, name: &str) {
    let mut start = 0;
    let found = lines.split_inclusive(|&byte| byte == b'\n').find_map(|line| {
        let range = start..start + line.len();
        start = range.end;
        let (found, rest) = line.split_at_checked(name.len())?;
        (rest.starts_with(b":") && found.eq_ignore_ascii_case(name.as_bytes())).then_some(range)
    });
    if let Some(range) = found {
        lines.drain(range);
    }
}

/// Appends `name: value` and CRLF, if it is well-formed (RFC 9110 section 5.5: visible characters, spaces, tabs and
/// bytes from 0x80) and not the server's own.
pub(crate) fn push_field_line(lines: &mut Vec<u8>, name: &str, value: &str) -> Result<(), FieldError> {
    if !list::is_token(name.as_bytes()) {
        return Err(FieldError::Name);
    }
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(FieldError::Reserved);
    }
    push_value_line(lines, name, value)
}

/// The same for a name that was checked before.
pub(crate) fn push_value_line(lines: &mut Vec<u8>, name: &str, value: &str) -> Result<(), FieldError> {
    let value = value.trim_matches([' ', '\t']);
    // All of it, since a loop without an exit does many bytes at once.
    let is_control = |byte: u8| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
    if value.bytes().fold(false, |found, byte| found | is_control(byte)) {
        return Err(FieldError::Value);
    }
    for piece in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        lines.extend_from_slice(piece);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_content_type_and_one_location() {
        let text = Response::text("x").header("X-A", "1").header("content-type", "text/csv").header("X-A", "2");
        assert_eq!(text.lines, b"X-A: 1\r\ncontent-type: text/csv\r\nX-A: 2\r\n");
        let redirect = Response::redirect(301, "/a").header("Content-Type-X", "1").header("LOCATION", "/b");
        let redirect = redirect.header("Content-Type", "a/b").header("Content-Type", "c/d").header("Location", "/c");
        assert_eq!(redirect.lines, b"Content-Type-X: 1\r\nContent-Type: c/d\r\nLocation: /c\r\n");
        assert!(!text.is_broken && !redirect.is_broken);
        assert!(Response::text("x").header("Content-Type", "a\r\nb").is_broken);
    }

    #[test]
    fn a_status_has_the_field_that_it_must_have() {
        for (status, name, value) in [
            (206, "content-range", "bytes 0-0/1"),
            (206, "Content-Type", "Multipart/ByteRanges; boundary=a"),
            (401, "WWW-Authenticate", "Basic realm=\"a\""),
            (405, "allow", ""),
            (407, "Proxy-Authenticate", "Basic"),
        ] {
            let bare = Response::text("x").status(status);
            assert!(bare.lacks_a_field() && bare.clone().header(&format!("{name}-Not"), value).lacks_a_field());
            assert!(!bare.header(name, value).lacks_a_field(), "{status} {name}");
        }
        let both = Response::bytes("multipart/byteranges", "x").header("Content-Range", "bytes 0-0/1").status(206);
        assert!(both.lacks_a_field() && Response::new(426).lacks_a_field());
        assert!(!Response::new(200).lacks_a_field());
    }

    #[test]
    fn lines_for_caches_are_left_out() {
        let lines =
            b"Vary: a\r\nCACHE-Control: b\r\nCDN-Cache-Control: c\r\nExpires: d\r\nX-Expires: e\r\nETag: \"f\"\r\n";
        let left: Vec<u8> = uncached_lines(lines).flatten().copied().collect();
        assert_eq!(left, b"Vary: a\r\nX-Expires: e\r\nETag: \"f\"\r\n");
        assert_eq!(uncached_lines(b"").count(), 0);
    }

    #[test]
    fn headers_cannot_break_the_head() {
        for (name, value, is_fine) in [
            ("X-A", "b", true),
            ("X-A", " padded\t", true),
            ("X-A", "snow \u{2603}", true),
            ("X-A", "a\r\nSet-Cookie: b", false),
            ("X-A", "a\nb", false),
            ("X-A", "a\0b", false),
            ("X-A", "a\u{7f}b", false),
            ("X A", "b", false),
            ("X-A:", "b", false),
            ("", "b", false),
            ("Content-length", "5", false),
            ("Date", "now", false),
        ] {
            let response = Response::text("x").header(name, value);
            assert_eq!(!response.is_broken, is_fine, "{name}: {value:?}");
            let lines = String::from_utf8(response.lines).unwrap();
            assert_eq!(lines.matches("\r\n").count(), 1 + usize::from(is_fine));
            assert_eq!(lines.matches('\n').count(), lines.matches("\r\n").count());
        }
        assert!(Response::new(99).is_broken);
        assert!(Response::redirect(200, "/").is_broken);
        assert!(Response::text("x").etag("a\"b").is_broken);
        assert!(Response::text("x").status(1000).is_broken);
    }
}
