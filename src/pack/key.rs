//! Pure: what a key is. A key is the percent-decoded request path that it answers: UTF-8, from `/` on, at most 2,048
//! bytes, no control characters, no empty segment (but the last: `/` and `/docs/` are directory indexes), no `.` or `..`.
//!
//! `?`, `#` and `%` may occur: they are characters of a decoded path like others.
#![forbid(unsafe_code)]

use super::layout::KEY_BYTES_MAX;
use xxhash_rust::xxh64::xxh64;

/// Whether a string can be a key.
///
/// # Errors
/// The first rule that it breaks.
///
/// ```
/// use badgerserver::pack::{KeyError, key};
/// assert_eq!(key::validate("/docs/50% off?.html"), Ok(()));
/// assert_eq!(key::validate("/docs/../secret"), Err(KeyError::DotSegment));
/// ```
pub fn validate(key: &str) -> Result<(), KeyError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(KeyError::TooLong);
    }
    let Some(path) = key.strip_prefix('/') else { return Err(KeyError::NoLeadingSlash) };
    if key.chars().any(char::is_control) {
        return Err(KeyError::Control);
    }
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(KeyError::EmptySegment);
        }
        if matches!(segment, "." | "..") {
            return Err(KeyError::DotSegment);
        }
    }
    Ok(())
}

/// The shard that a key belongs to: `XXH64(key, seed 0) % shard_count`, which HAProxy and Envoy can compute too.
///
/// # Panics
/// If `shard_count` is 0.
///
/// ```
/// use badgerserver::pack::key;
/// assert_eq!(key::shard_of(b"/hi", 1), 0);
/// assert!(key::shard_of(b"/hi", 3) < 3);
/// ```
pub fn shard_of(key: &[u8], shard_count: u32) -> u32 {
    (xxh64(key, 0) % u64::from(shard_count)) as u32
}

/// Why a string cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It does not begin with `/`.
    NoLeadingSlash,
    /// It has more than 2,048 bytes.
    TooLong,
    /// It has a control character.
    Control,
    /// Two slashes stand together.
    EmptySegment,
    /// A segment is `.` or `..`.
    DotSegment,
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            KeyError::NoLeadingSlash => "a key begins with '/'",
            KeyError::TooLong => "a key has at most 2,048 bytes",
            KeyError::Control => "a key has no control characters",
            KeyError::EmptySegment => "a key has no two slashes together",
            KeyError::DotSegment => "a key has no '.' or '..' segment",
        })
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of the hash are those that the worked example of the format shows.
    #[test]
    fn shards() {
        assert_eq!(xxh64(b"/hi", 0) >> 40, 0x9a_70a0);
        assert_eq!(xxh64(b"", 0), 0xef46_db37_51d8_e999);
        assert_eq!(shard_of(b"", 10), (0xef46_db37_51d8_e999_u64 % 10) as u32);
    }

    #[test]
    fn rules() {
        let longest = format!("/{}", "a".repeat(KEY_BYTES_MAX - 1));
        let too_long = format!("{longest}a");
        let table: &[(&str, Result<(), KeyError>)] = &[
            ("/", Ok(())),
            ("/docs/", Ok(())),
            ("/a/b.c", Ok(())),
            ("/a b?c#d%e", Ok(())),
            ("/.well-known/x", Ok(())),
            ("/...", Ok(())),
            ("/\u{e9}\u{1f9a1}", Ok(())),
            ("/back\\slash", Ok(())),
            (&longest, Ok(())),
            (&too_long, Err(KeyError::TooLong)),
            ("", Err(KeyError::NoLeadingSlash)),
            ("a", Err(KeyError::NoLeadingSlash)),
            ("//", Err(KeyError::EmptySegment)),
            ("/a//b", Err(KeyError::EmptySegment)),
            ("/a//", Err(KeyError::EmptySegment)),
            ("/.", Err(KeyError::DotSegment)),
            ("/..", Err(KeyError::DotSegment)),
            ("/a/./b", Err(KeyError::DotSegment)),
            ("/a/../b", Err(KeyError::DotSegment)),
            ("/a\0", Err(KeyError::Control)),
            ("/a\r\nb", Err(KeyError::Control)),
            ("/\u{7f}", Err(KeyError::Control)),
            ("/\u{85}", Err(KeyError::Control)),
        ];
        for (key, expected) in table {
            assert_eq!(validate(key), *expected, "{key:?}");
        }
    }
}
