//! Redirects from one pattern of paths to another. Pure.
#![forbid(unsafe_code)]

use super::error::RouteError;
use super::pattern::{self, Segment};
use super::router::Router;
use crate::http::method::Method;
use crate::http::request::Request;
use crate::http::response::Response;

/// What stays as it is in a segment of a path: letters and digits beside these (RFC 3986 section 3.3).
const SEGMENT_BYTES: &[u8] = b"-._~!$&'()*+,;=@";

/// Appends text, percent-encoded but for letters, digits and `plain`.
pub(super) fn push_encoded(out: &mut String, text: &str, plain: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// One segment of a path, percent-encoded. The colon is encoded too: in the first segment of a relative reference it would
/// end a scheme (RFC 3986 section 4.2).
pub(super) fn push_segment(out: &mut String, segment: &str) {
    push_encoded(out, segment, SEGMENT_BYTES);
}

/// Where a redirect leads to.
struct Location {
    pieces: Vec<Piece>,
    /// It has a query or a fragment of its own.
    is_whole: bool,
}

enum Piece {
    Text(String),
    Name(String),
}

impl Location {
    /// Reads `/manual/{rest}`; `names` are those of the pattern.
    fn parse(text: &str, names: &[&str]) -> Result<Location, &'static str> {
        let path = text.find("://").map_or(0, |scheme| scheme + "://".len());
        let is_web = text.starts_with("http://") || text.starts_with("https://");
        // Whoever asks chooses what stands in braces: it may choose a path, and never a host.
        let first = text[path..].find(['/', '?', '#']).map_or(text.len(), |slash| path + slash);
        let is_path = text.starts_with('/') && !text.starts_with("//");
        if !is_path && !is_web || is_web && first == path {
            return Err("it leads to a path from its slash on, or to http:// or https:// and a host");
        }
        if text.find('{').is_some_and(|brace| is_web && brace < first) {
            return Err("names stand in the path, never in the host");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`|".contains(&byte)) {
            return Err("it has visible ASCII only; percent-encode the rest");
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((plain, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("a brace is not closed")?;
            if !names.contains(&name) {
                return Err("a name in braces has to stand in the pattern, as {name} or {*name}");
            }
            pieces.extend([Piece::Text(plain.to_owned()), Piece::Name(name.to_owned())]);
            rest = after;
        }
        if rest.contains('}') {
            return Err("a brace is closed that was not opened");
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Location { pieces, is_whole: text.contains(['?', '#']) })
    }

    fn of(&self, request: &Request<'_>) -> String {
        let mut location = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => location.push_str(text),
                // The rest of a path has slashes, and keeps them.
                Piece::Name(name) => push_encoded(&mut location, request.param(name), b"-._~!$&'()*+,;=@:/"),
            }
        }
        // Two slashes at the start would name a host.
        if location.starts_with("//") {
            location.replace_range(1..2, "%2F");
        }
        let query = request.query().filter(|query| !self.is_whole && query.bytes().all(|byte| byte.is_ascii_graphic()));
        if let Some(query) = query {
            location.push('?');
            location.push_str(query);
        }
        location
    }
}

impl Router {
    /// Leads the paths of a pattern elsewhere: 301 or 308 for good, 302, 303 or 307 for now. In `location`, `{name}` stands
    /// for what the pattern has there; the query of the request goes along unless `location` has one of its own.
    ///
    /// ```
    /// # use badgerserver::Router;
    /// let router = Router::new()
    ///     .redirect("/docs/{*rest}", 301, "/manual/{rest}")
    ///     .redirect("/shop", 302, "https://shop.example/");
    /// assert_eq!(router.validate(), Ok(()));
    /// ```
    pub fn redirect(self, pattern: &str, status: u16, location: &str) -> Router {
        let wrong = |what| {
            let (pattern, location) = (pattern.to_owned(), location.to_owned());
            Err(RouteError::Redirect { pattern, location, what })
        };
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return self.note(wrong("the status of a redirect is 301, 302, 303, 307 or 308"));
        }
        let segments = match pattern::parse(pattern) {
            Ok(segments) => segments,
            Err(error) => return self.note(Err(RouteError::Pattern { pattern: pattern.to_owned(), error })),
        };
        let names: Vec<_> = segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Name(name) | Segment::Rest(name) => Some(*name),
                Segment::Literal(_) => None,
            })
            .collect();
        match Location::parse(location, &names) {
            Ok(location) => {
                self.route(Method::Get, pattern, move |request| Response::redirect(status, &location.of(request)))
            }
            Err(what) => self.note(wrong(what)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_strictly() {
        for (text, is_good) in [
            ("/", true),
            ("/a/{rest}?b", true),
            ("https://a.example", true),
            ("https://a.example/{rest}", true),
            ("http://a.example?x={rest}", true),
            ("//a.example/", false),
            ("a/b", false),
            ("javascript:alert(1)", false),
            ("javascript://%0Aalert(1)", false),
            ("https:///a", false),
            ("https://{rest}/", false),
            ("https://{rest}", false),
            ("{rest}", false),
            ("/{other}", false),
            ("/{rest", false),
            ("/rest}", false),
            ("/a b", false),
            ("/a\r\nX: y", false),
            ("/ü", false),
            ("", false),
        ] {
            assert_eq!(Location::parse(text, &["rest"]).is_ok(), is_good, "{text:?}");
        }
    }
}
