//! What a pattern is. Pure.
//!
//! A pattern is compared with the decoded path, segment by segment:
//!
//! | segment | matches | example |
//! |---|---|---|
//! | `text` | itself, byte for byte | `/health` |
//! | `{name}` | one segment that is not empty | `/hello/{name}` |
//! | `{*name}` | all that is left, at least one character, slashes too; only as the last segment | `/files/{*path}` |
//!
//! So `/files/{*path}` matches neither `/files` nor `/files/`: a handler that wants these says so with patterns of their
//! own, and never gets an empty parameter by surprise. `/a` and `/a/` are different paths.
#![forbid(unsafe_code)]

use super::{PARAMS_MAX, PATTERN_SEGMENTS_MAX};

/// One segment of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment<'p> {
    /// Itself. Empty only as the last one: the pattern ends with a slash.
    Literal(&'p str),
    /// Any one segment.
    Name(&'p str),
    /// All that is left.
    Rest(&'p str),
}

/// The segments of a pattern, each checked.
pub(super) fn parse(pattern: &str) -> Result<Vec<Segment<'_>>, PatternError> {
    let path = pattern.strip_prefix('/').ok_or(PatternError::NoLeadingSlash)?;
    let mut segments = Vec::new();
    let mut names = Vec::new();
    let mut pieces = path.split('/').peekable();
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        let segment = segment(piece, is_last)?;
        if let Segment::Name(name) | Segment::Rest(name) = segment {
            if names.contains(&name) {
                return Err(PatternError::NameTwice);
            }
            names.push(name);
        }
        segments.push(segment);
    }
    if names.len() > PARAMS_MAX {
        return Err(PatternError::Params);
    }
    if segments.len() > PATTERN_SEGMENTS_MAX {
        return Err(PatternError::Segments);
    }
    Ok(segments)
}

/// A prefix as it is compared: without a slash at its end, so the root is empty.
pub(super) fn parse_prefix(prefix: &str) -> Result<&str, PatternError> {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.is_empty() {
        return Ok(prefix);
    }
    let segments = parse(prefix)?;
    match segments.iter().find(|segment| !matches!(segment, Segment::Literal(text) if !text.is_empty())) {
        Some(Segment::Literal(_)) => Err(PatternError::EmptySegment),
        Some(Segment::Name(_) | Segment::Rest(_)) => Err(PatternError::NameInPrefix),
        None => Ok(prefix),
    }
}

fn segment(piece: &str, is_last: bool) -> Result<Segment<'_>, PatternError> {
    if let Some(inner) = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}')) {
        return match inner.strip_prefix('*') {
            None => name(inner).map(Segment::Name),
            Some(_) if !is_last => Err(PatternError::RestNotLast),
            Some(rest) => name(rest).map(Segment::Rest),
        };
    }
    match piece {
        "" if !is_last => Err(PatternError::EmptySegment),
        "." | ".." => Err(PatternError::DotSegment),
        _ if piece.contains(['{', '}']) => Err(PatternError::Braces),
        _ if piece.starts_with([':', '*']) => Err(PatternError::ForeignName),
        _ if piece.contains(['?', '#']) => Err(PatternError::Query),
        _ if piece.chars().any(char::is_control) => Err(PatternError::Control),
        _ if has_escape(piece) => Err(PatternError::Escape),
        _ => Ok(Segment::Literal(piece)),
    }
}

fn name(name: &str) -> Result<&str, PatternError> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name { Ok(name) } else { Err(PatternError::Name) }
}

/// Whether there is a `%` with two hexadecimal digits behind it.
fn has_escape(piece: &str) -> bool {
    piece.as_bytes().windows(3).any(|at| at[0] == b'%' && at[1].is_ascii_hexdigit() && at[2].is_ascii_hexdigit())
}

/// Which rule a pattern or a prefix breaks. The text says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// It does not start with `/`.
    NoLeadingSlash,
    /// Two slashes stand together.
    EmptySegment,
    /// A segment is `.` or `..`.
    DotSegment,
    /// A brace that is not around a whole segment.
    Braces,
    /// A name between braces is empty or has other characters than letters, digits and `_`.
    Name,
    /// Two segments have one name.
    NameTwice,
    /// `{*name}` is not the last segment.
    RestNotLast,
    /// A prefix has `{name}` or `{*name}`.
    NameInPrefix,
    /// More names than [`PARAMS_MAX`].
    Params,
    /// More segments than [`PATTERN_SEGMENTS_MAX`].
    Segments,
    /// `:name` or `*`, as other routers write them.
    ForeignName,
    /// `?` or `#`.
    Query,
    /// A percent-encoded character.
    Escape,
    /// A control character.
    Control,
}

impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PatternError::NoLeadingSlash => "it must start with '/'",
            PatternError::EmptySegment => "two slashes stand together; leave one out",
            PatternError::DotSegment => "requests with '.' and '..' segments are refused; write the path without them",
            PatternError::Braces => {
                "braces go around a whole segment, as in /hello/{name}; as plain text they are not supported"
            }
            PatternError::Name => "a name has letters, digits and '_' only, as in {title_id} or {*rest}",
            PatternError::NameTwice => "two segments have the same name; rename one of them",
            PatternError::RestNotLast => "{*name} takes the rest of the path, so it must be the last segment",
            PatternError::NameInPrefix => {
                "a prefix is plain text; names in braces belong into the pattern of a handler"
            }
            PatternError::Params => "it has more than 8 names; take the rest with {*rest} and split it in the handler",
            PatternError::Segments => {
                "it has more than 32 segments; take the rest with {*rest} and split it in the handler"
            }
            PatternError::ForeignName => "write {name} for one segment and {*name} for the rest of the path",
            PatternError::Query => "'?' and '#' end a path; a handler reads the query with Request::query",
            PatternError::Escape => {
                "it is compared with the decoded path; write the character itself instead of its %XX"
            }
            PatternError::Control => "requests with control characters in their path are refused; leave it out",
        })
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        use Segment::{Literal, Name, Rest};
        let good: &[(&str, &[Segment<'_>])] = &[
            ("/", &[Literal("")]),
            ("/a", &[Literal("a")]),
            ("/a/b.c/", &[Literal("a"), Literal("b.c"), Literal("")]),
            ("/hello/{name}", &[Literal("hello"), Name("name")]),
            ("/{a}/{b_2}/{*rest}", &[Name("a"), Name("b_2"), Rest("rest")]),
            ("/{*all}", &[Rest("all")]),
            ("/100%/50%zz/ü", &[Literal("100%"), Literal("50%zz"), Literal("ü")]),
            ("/v1/a:b*", &[Literal("v1"), Literal("a:b*")]),
        ];
        for (pattern, expected) in good {
            assert_eq!(parse(pattern).as_deref(), Ok(*expected), "{pattern}");
        }
        let names = |count: usize| (0..count).map(|number| format!("/{{n{number}}}")).collect::<String>();
        let bad = [
            ("", PatternError::NoLeadingSlash),
            ("a", PatternError::NoLeadingSlash),
            ("//", PatternError::EmptySegment),
            ("/a//b", PatternError::EmptySegment),
            ("/a/./b", PatternError::DotSegment),
            ("/..", PatternError::DotSegment),
            ("/{", PatternError::Braces),
            ("/a{b}", PatternError::Braces),
            ("/{b}c", PatternError::Braces),
            ("/{{a}}", PatternError::Name),
            ("/{}", PatternError::Name),
            ("/{*}", PatternError::Name),
            ("/{a-b}", PatternError::Name),
            ("/{ü}", PatternError::Name),
            ("/{a}/{a}", PatternError::NameTwice),
            ("/{a}/{*a}", PatternError::NameTwice),
            ("/{*a}/b", PatternError::RestNotLast),
            ("/{*a}/", PatternError::RestNotLast),
            ("/:id", PatternError::ForeignName),
            ("/files/*", PatternError::ForeignName),
            ("/a?b=c", PatternError::Query),
            ("/a#b", PatternError::Query),
            ("/a%20b", PatternError::Escape),
            ("/a\nb", PatternError::Control),
            (&names(PARAMS_MAX + 1), PatternError::Params),
            (&"/a".repeat(PATTERN_SEGMENTS_MAX + 1), PatternError::Segments),
        ];
        for (pattern, expected) in bad {
            assert_eq!(parse(pattern), Err(expected), "{pattern}");
        }
        assert!(parse(&names(PARAMS_MAX)).is_ok());
        assert!(parse(&"/a".repeat(PATTERN_SEGMENTS_MAX)).is_ok());
        assert!(PatternError::Params.to_string().contains(&format!(" {PARAMS_MAX} ")));
        assert!(PatternError::Segments.to_string().contains(&format!(" {PATTERN_SEGMENTS_MAX} ")));
    }

    #[test]
    fn prefixes() {
        for (prefix, expected) in [
            ("", Ok("")),
            ("/", Ok("")),
            ("/gallery", Ok("/gallery")),
            ("/gallery/", Ok("/gallery")),
            ("/a/b", Ok("/a/b")),
            ("gallery", Err(PatternError::NoLeadingSlash)),
            ("//", Err(PatternError::EmptySegment)),
            ("/a//", Err(PatternError::EmptySegment)),
            ("/a//b", Err(PatternError::EmptySegment)),
            ("/{a}", Err(PatternError::NameInPrefix)),
            ("/{*a}", Err(PatternError::NameInPrefix)),
            ("/a/..", Err(PatternError::DotSegment)),
        ] {
            assert_eq!(parse_prefix(prefix), expected, "{prefix}");
        }
    }
}
