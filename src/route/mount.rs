//! A pack under a prefix, and the header lines that go with it. Pure.
#![forbid(unsafe_code)]

use super::error::RouteError;
use super::files::FileTable;
use super::pattern;
use crate::http::response::{FieldError, push_field_line};
use crate::pack::Pack;

/// What an entry that never changes may say to caches (RFC 8246): a year, and no revalidation.
const IMMUTABLE_LINE: &[u8] = b"Cache-Control: public, max-age=31536000, immutable\r\n";

/// Fields that describe one entry, so a mount cannot have them.
const OF_ENTRIES: [&str; 5] = ["content-type", "content-encoding", "content-range", "accept-ranges", "location"];

/// A pack under a prefix, with the headers of all its answers.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use badgerserver::pack::Pack;
/// use badgerserver::route::{Mount, Router};
/// let pack = Pack::from_bytes(std::fs::read("assets.badger")?)?;
/// let assets = Mount::pack("/assets", pack)
///     .header("Access-Control-Allow-Origin", "*")
///     .cache_control("public, max-age=300");
/// let router = Router::new().mount(assets);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a mount serves nothing until it is given to Router::mount"]
pub struct Mount {
    prefix: String,
    pack: Pack,
    files: Option<FileTable>,
    /// Whole field lines, without Cache-Control.
    lines: Vec<u8>,
    cache_control: Vec<u8>,
    says_immutable: bool,
    /// The first header that cannot be sent.
    error: Option<RouteError>,
}

impl Mount {
    /// A pack under a prefix such as `/gallery`; `/` and the empty one mean the root. The key that is looked up is what
    /// follows the prefix, from its slash on.
    pub fn pack(prefix: &str, pack: Pack) -> Mount {
        Mount {
            prefix: prefix.to_owned(),
            pack,
            files: None,
            lines: Vec::new(),
            cache_control: Vec::new(),
            says_immutable: true,
            error: None,
        }
    }

    /// A pack whose external records are files of `files`.
    pub(crate) fn files(prefix: &str, pack: Pack, files: FileTable) -> Mount {
        Mount { files: Some(files), ..Mount::pack(prefix, pack) }
    }

    /// Adds a header to every answer from this mount, 304 and the answer to `OPTIONS` too. `Cache-Control` goes the way of
    /// [`Mount::cache_control`]. A header that cannot be sent is found by [`super::Router::validate`].
    pub fn header(mut self, name: &str, value: &str) -> Mount {
        if name.eq_ignore_ascii_case("cache-control") {
            return self.cache_control(value);
        }
        if OF_ENTRIES.iter().any(|field| name.eq_ignore_ascii_case(field)) {
            self.blame(name, "each entry of the pack has its own; give it to the packer");
        } else if let Err(error) = push_field_line(&mut self.lines, name, value) {
            self.blame(name, what(error));
        }
        self
    }

    /// Sets what caches may do with the answers, such as `public, max-age=300`. The last call counts.
    pub fn cache_control(mut self, value: &str) -> Mount {
        self.cache_control.clear();
        if let Err(error) = push_field_line(&mut self.cache_control, "Cache-Control", value) {
            self.blame("Cache-Control", what(error));
        }
        self
    }

    /// Whether entries that the packer marked as immutable say so: `Cache-Control: public, max-age=31536000, immutable` in
    /// place of [`Mount::cache_control`]. They do unless this is turned off.
    pub fn immutable(mut self, says_immutable: bool) -> Mount {
        self.says_immutable = says_immutable;
        self
    }

    fn blame(&mut self, name: &str, what: &'static str) {
        if self.error.is_none() {
            let (prefix, name) = (self.prefix.clone(), name.to_owned());
            self.error = Some(RouteError::Header { prefix, name, what });
        }
    }

    /// The pack, and the mount as it is served.
    pub(super) fn finish(self) -> Result<(Pack, Site), RouteError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let prefix = match pattern::parse_prefix(&self.prefix) {
            Ok(prefix) => prefix.to_owned(),
            Err(error) => return Err(RouteError::Prefix { prefix: self.prefix, error }),
        };
        let plain = [&self.lines[..], &self.cache_control].concat();
        let immutable = if self.says_immutable { [&self.lines[..], IMMUTABLE_LINE].concat() } else { plain.clone() };
        let slash_location = slash_location(&prefix);
        Ok((self.pack, Site { prefix, plain, immutable, slash_location, files: self.files }))
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}

fn what(error: FieldError) -> &'static str {
    match error {
        FieldError::Name => "the name may have letters, digits and !#$%&'*+-.^_`|~ only",
        FieldError::Value => "the value has a control character; leave it out",
        FieldError::Reserved => "the server writes this field itself; leave it out",
    }
}

/// A mount as it is served.
#[derive(Debug)]
pub(super) struct Site {
    /// Empty for the root, else from its first slash on and without one at its end.
    pub(super) prefix: String,
    /// The lines of its answers, and those of an entry that is marked as immutable.
    pub(super) plain: Vec<u8>,
    pub(super) immutable: Vec<u8>,
    /// Where the path that is the prefix alone leads to: its last segment and a slash, relative, so that it holds behind a
    /// proxy that changes what is before it.
    pub(super) slash_location: String,
    pub(super) files: Option<FileTable>,
}

/// The last segment of a prefix with a slash behind it, percent-encoded. The colon is encoded too: in the first segment of
/// a relative reference it would end a scheme (RFC 3986 section 4.2).
fn slash_location(prefix: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let segment = prefix.rsplit('/').next().unwrap_or_default();
    let mut location = String::with_capacity(segment.len() + 1);
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&byte) {
            location.push(char::from(byte));
        } else {
            location.push('%');
            location.push(char::from(HEX[usize::from(byte >> 4)]));
            location.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    location.push('/');
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_relative_and_encoded() {
        for (prefix, expected) in [
            ("/gallery", "gallery/"),
            ("/a/b", "b/"),
            ("/a b/ü", "%C3%BC/"),
            ("/javascript:x", "javascript%3Ax/"),
            ("/50%", "50%25/"),
            ("/a\"<>\\", "a%22%3C%3E%5C/"),
        ] {
            assert_eq!(slash_location(prefix), expected, "{prefix}");
        }
    }
}
