//! Conditional requests (RFC 9110 section 13): which preconditions count, in which order, and what they come to. Pure:
//! time is an argument.
//!
//! The order is that of section 13.2.2. A field with entity tags puts the date field beside it out of force, whether it
//! can be read or not:
//!
//! ```text
//! If-Match there?              no tag of it is ours -> Failed
//! else If-Unmodified-Since?    changed after it     -> Failed
//! If-None-Match there?         a tag of it is ours  -> NotModified for GET and HEAD, else Failed
//! else If-Modified-Since?      not changed since    -> NotModified for GET and HEAD only
//! Proceed; only then Range, and If-Range before it
//! ```
//!
//! Only a request that would be answered with 2xx without its preconditions has any (section 13.2.1): a 404, a 405 and
//! a redirect come before this module.
//!
//! **A malformed list of tags matches nothing**, not even its well-formed part: If-Match then fails, so that a client
//! that guards a change is told no, and If-None-Match then lets the request proceed, which costs one body and is never
//! stale.
#![forbid(unsafe_code)]

use super::{date, list};

/// Seconds that must have passed since `Last-Modified` before a date in If-Range is taken as a strong validator.
///
/// A date is weak if the content may have changed twice in its second (RFC 9110 section 8.8.2.2). We know only the date
/// and the time now, so a change to come within the same second is excluded by one second. The 60 that RFC 7232 section
/// 2.2.2 asked for were for a client, which compares the clocks of two machines; here one clock says both, or nearly so, and
/// a download that breaks off in the first minute need not start again.
pub const IF_RANGE_AGE_SECONDS_MIN: u64 = 1;

/// The preconditions of a request: for each field, the values of all its lines in order; no line means no such field.
///
/// Lines are iterators so that they can be read where the parser left them.
#[derive(Clone, Debug)]
pub struct Preconditions<L> {
    /// RFC 9110 section 13.1.1.
    pub if_match: L,
    /// RFC 9110 section 13.1.2.
    pub if_none_match: L,
    /// RFC 9110 section 13.1.3.
    pub if_modified_since: L,
    /// RFC 9110 section 13.1.4.
    pub if_unmodified_since: L,
}

/// What is known about the content that would be sent. That it exists is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// The entity tag as it is sent, in quotes and perhaps with `W/` (RFC 9110 section 8.8.3).
    pub etag: Option<&'a [u8]>,
    /// The time of the last change in seconds since 1970, as it is sent (RFC 9110 section 8.8.2).
    pub last_modified: Option<u64>,
}

/// What a handler's resource is now, before the request changes it: for [`Request::may_change`](super::Request::may_change).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Current<'a> {
    /// The entity tag as given to [`Response::etag`](super::Response::etag): strong, without its quotes.
    pub etag: Option<&'a str>,
    /// The time of the last change in seconds since 1970-01-01 UTC.
    pub last_modified: Option<u64>,
}

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Perform the method.
    Proceed,
    /// 304 (RFC 9110 section 15.4.5).
    NotModified,
    /// 412 (RFC 9110 section 15.5.13).
    Failed,
}

/// Evaluates the preconditions of a request in the order of RFC 9110 section 13.2.2.
///
/// `get_or_head` says whether the method is one of the two that can be answered with 304. A date that cannot be read,
/// and a date field with several lines, is ignored (sections 13.1.3 and 13.1.4); one later than now is a date like any
/// other. `now_unix` only says which century two digits of a year mean.
pub fn evaluate<'a, L>(
    preconditions: Preconditions<L>,
    validators: &Validators<'_>,
    get_or_head: bool,
    now_unix: u64,
) -> Outcome
where
    L: IntoIterator<Item = &'a [u8]>,
{
    let Preconditions { if_match, if_none_match, if_modified_since, if_unmodified_since } = preconditions;
    let last_modified = validators.last_modified.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));

    let unchanged = match read_tags(if_match, validators.etag, strong_eq) {
        Tags::Absent => match (single_date(if_unmodified_since, now_unix), last_modified) {
            (Some(date), Some(last_modified)) => last_modified <= date,
            (None, _) | (_, None) => true,
        },
        Tags::Match => true,
        Tags::NoMatch | Tags::Malformed => false,
    };
    if !unchanged {
        return Outcome::Failed;
    }
    let held = match read_tags(if_none_match, validators.etag, weak_eq) {
        Tags::Absent if !get_or_head => false,
        Tags::Absent => match (single_date(if_modified_since, now_unix), last_modified) {
            (Some(date), Some(last_modified)) => last_modified <= date,
            (None, _) | (_, None) => false,
        },
        Tags::Match => true,
        Tags::NoMatch | Tags::Malformed => false,
    };
    match (held, get_or_head) {
        (false, _) => Outcome::Proceed,
        (true, true) => Outcome::NotModified,
        (true, false) => Outcome::Failed,
    }
}

/// [`evaluate`] for a request that would make what is not there yet: no tag matches, and nor does `*`; no date is known
/// (RFC 9110 sections 13.1.1 to 13.1.4). So every If-Match fails, and If-None-Match never does.
pub fn evaluate_absent<'a, L>(preconditions: Preconditions<L>) -> Outcome
where
    L: IntoIterator<Item = &'a [u8]>,
{
    match preconditions.if_match.into_iter().next() {
        Some(_) => Outcome::Failed,
        None => Outcome::Proceed,
    }
}

/// Whether the `Range` field of a request counts: no If-Range is there, or the one that is there holds (RFC 9110
/// section 13.1.5). `lines` are the values of its lines; several never hold.
///
/// A tag holds if it is ours by strong comparison, so a weak one never does. A date holds if it is exactly our
/// Last-Modified, and that is [`IF_RANGE_AGE_SECONDS_MIN`] old.
pub fn if_range<'a, L>(lines: L, validators: &Validators<'_>, now_unix: u64) -> bool
where
    L: IntoIterator<Item = &'a [u8]>,
{
    let mut lines = lines.into_iter();
    let Some(value) = lines.next().map(list::trim) else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    // A quote within the first three bytes tells a tag from a date (section 13.1.5).
    if value.iter().take(3).any(|&byte| byte == b'"') {
        let whole = split_tag(value).is_some_and(|(_, rest)| rest.is_empty());
        return whole && validators.etag.is_some_and(|etag| strong_eq(value, etag));
    }
    let (Some(date), Some(last_modified)) = (date::parse(value, now_unix), validators.last_modified) else {
        return false;
    };
    let old = now_unix.checked_sub(last_modified).is_some_and(|age| age >= IF_RANGE_AGE_SECONDS_MIN);
    old && u64::try_from(date) == Ok(last_modified)
}

/// What a field of entity tags comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tags {
    /// No line.
    Absent,
    /// A `*`, or a tag that is ours.
    Match,
    NoMatch,
    Malformed,
}

/// Reads `"*" / #entity-tag` over all lines to its end, so that what comes late can still make it malformed.
fn read_tags<'a, L>(lines: L, etag: Option<&[u8]>, equal: fn(&[u8], &[u8]) -> bool) -> Tags
where
    L: IntoIterator<Item = &'a [u8]>,
{
    let (mut tags, mut elements, mut star) = (Tags::Absent, 0usize, false);
    for line in lines {
        if tags == Tags::Absent {
            tags = Tags::NoMatch;
        }
        // A revalidation as most clients send it: our very tag, alone on its line.
        if etag.is_some_and(|etag| line == etag && equal(line, etag)) {
            elements += 1;
            tags = Tags::Match;
            continue;
        }
        let mut rest = skip_separators(line);
        while !rest.is_empty() {
            elements += 1;
            let after = if let [b'*', after @ ..] = rest {
                star = true;
                after
            } else if let Some((tag, after)) = split_tag(rest) {
                if etag.is_some_and(|etag| equal(tag, etag)) {
                    tags = Tags::Match;
                }
                after
            } else {
                return Tags::Malformed;
            };
            let after = list::trim(after);
            if !matches!(after, [] | [b',', ..]) {
                return Tags::Malformed;
            }
            rest = skip_separators(after);
        }
    }
    match star {
        true if elements == 1 => Tags::Match,
        true => Tags::Malformed,
        false => tags,
    }
}

/// The bytes after leading commas and whitespace: empty elements are skipped (RFC 9110 section 5.6.1.2).
fn skip_separators(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte != b',' && !list::is_whitespace(byte));
    &bytes[end.unwrap_or(bytes.len())..]
}

/// The entity tag at the start and what follows it (RFC 9110 section 8.8.3). `W/` is case-sensitive, and a backslash is
/// a byte like any other.
fn split_tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let prefix = if bytes.starts_with(b"W/") { 2 } else { 0 };
    let opaque = bytes[prefix..].strip_prefix(b"\"")?;
    let length = opaque.iter().position(|&byte| !matches!(byte, 0x21 | 0x23..=0x7E | 0x80..))?;
    (opaque[length] == b'"').then(|| bytes.split_at(prefix + length + 2))
}

/// Strong comparison (RFC 9110 section 8.8.3.2): the same, and neither is weak.
fn strong_eq(one: &[u8], other: &[u8]) -> bool {
    one == other && !one.starts_with(b"W/")
}

/// Weak comparison (RFC 9110 section 8.8.3.2): the same but for being weak.
fn weak_eq(one: &[u8], other: &[u8]) -> bool {
    one.strip_prefix(b"W/").unwrap_or(one) == other.strip_prefix(b"W/").unwrap_or(other)
}

/// The date of a field that has exactly one line and it can be read.
fn single_date<'a>(lines: impl IntoIterator<Item = &'a [u8]>, now_unix: u64) -> Option<i64> {
    let mut lines = lines.into_iter();
    let value = lines.next()?;
    match lines.next() {
        Some(_) => None,
        None => date::parse(list::trim(value), now_unix),
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::*;
    use super::*;
    use crate::http::list::random::Random;

    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const FUTURE: &str = "Sun, 06 Nov 2095 08:49:38 GMT";
    const LAST_MODIFIED: u64 = 784_111_777;
    const NOW: u64 = 1_767_225_600;

    const STRONG: Validators<'_> = Validators { etag: Some(b"\"a\""), last_modified: Some(LAST_MODIFIED) };
    const WEAK: Validators<'_> = Validators { etag: Some(b"W/\"a\""), last_modified: Some(LAST_MODIFIED) };
    const NONE: Validators<'_> = Validators { etag: None, last_modified: None };

    /// Evaluates a request whose fields are named by their initials.
    fn run(fields: &[(&str, &str)], validators: &Validators<'_>, get_or_head: bool) -> Outcome {
        let lines = |name: &'static str| {
            let of_name = fields.iter().filter(move |field| field.0 == name);
            of_name.map(|field| field.1.as_bytes()).collect::<Vec<_>>()
        };
        let preconditions = Preconditions {
            if_match: lines("IM"),
            if_none_match: lines("INM"),
            if_modified_since: lines("IMS"),
            if_unmodified_since: lines("IUS"),
        };
        evaluate(preconditions, validators, get_or_head, NOW)
    }

    #[test]
    fn tags() {
        // (value of the field, strong match, weak match), against "a"
        let cases = [
            ("\"a\"", true, true),
            ("W/\"a\"", false, true),
            ("\"b\"", false, false),
            ("\"A\"", false, false),
            ("*", true, true),
            (" * ", true, true),
            (",*,", true, true),
            ("\"b\", \"a\"", true, true),
            ("\"b\",\"a\",\"c\"", true, true),
            (",, \"b\" ,\t,\"a\" ,", true, true),
            ("\"b,\", \"a\"", true, true),
            ("\"b\\\", \"a\"", true, true),
            ("\"\", \"\\\", \"!~\u{e9}\", \"a\"", true, true),
            ("", false, false),
            (" , ", false, false),
            ("a", false, false),
            ("w/\"a\"", false, false),
            ("W/ \"a\"", false, false),
            ("\"a", false, false),
            ("a\"", false, false),
            ("\"a\"\"b\"", false, false),
            ("\"a\" \"b\"", false, false),
            ("\"a\", b", false, false),
            ("\"a\";q=1", false, false),
            ("\"a\", \"b c\"", false, false),
            ("\"a\", \"b\tc\"", false, false),
            ("\"a\", \"b\u{7f}\"", false, false),
            ("*, \"a\"", false, false),
            ("\"a\", *", false, false),
            ("*, *", false, false),
            ("**", false, false),
            ("*a", false, false),
            ("\"*\"", false, false),
        ];
        for (value, strong, weak) in cases {
            for get in [true, false] {
                let failed = if strong { Proceed } else { Failed };
                assert_eq!(run(&[("IM", value)], &STRONG, get), failed, "If-Match: {value}");
                let held = if get { NotModified } else { Failed };
                let expected = if weak { held } else { Proceed };
                assert_eq!(run(&[("INM", value)], &STRONG, get), expected, "If-None-Match: {value}");
            }
        }
    }

    #[test]
    fn precedence_for_get() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a Validators<'a>, Outcome);
        let cases: &[Case<'_>] = &[
            (&[], &STRONG, Proceed),
            // A weak tag of ours: never for If-Match, always for If-None-Match.
            (&[("IM", "\"a\"")], &WEAK, Failed),
            (&[("IM", "W/\"a\"")], &WEAK, Failed),
            (&[("IM", "*")], &WEAK, Proceed),
            (&[("INM", "\"a\"")], &WEAK, NotModified),
            (&[("INM", "W/\"a\"")], &WEAK, NotModified),
            // No validators.
            (&[("IM", "\"a\"")], &NONE, Failed),
            (&[("IM", "*")], &NONE, Proceed),
            (&[("INM", "\"a\"")], &NONE, Proceed),
            (&[("INM", "*")], &NONE, NotModified),
            (&[("IMS", LATER)], &NONE, Proceed),
            (&[("IUS", EARLIER)], &NONE, Proceed),
            // Several lines are one list; one star in all.
            (&[("IM", "\"b\""), ("IM", "\"a\"")], &STRONG, Proceed),
            (&[("INM", "\"b\""), ("INM", "\"a\"")], &STRONG, NotModified),
            (&[("INM", "\"a\""), ("INM", "b")], &STRONG, Proceed),
            (&[("INM", "\"a\""), ("INM", "*")], &STRONG, Proceed),
            (&[("INM", ""), ("INM", "*")], &STRONG, NotModified),
            (&[("IM", "\"a"), ("IM", "\"")], &STRONG, Failed),
            // Dates.
            (&[("IMS", EARLIER)], &STRONG, Proceed),
            (&[("IMS", CHANGED)], &STRONG, NotModified),
            (&[("IMS", LATER)], &STRONG, NotModified),
            (&[("IMS", "Sunday, 06-Nov-94 08:49:37 GMT")], &STRONG, NotModified),
            (&[("IMS", "Sun Nov  6 08:49:37 1994")], &STRONG, NotModified),
            (&[("IMS", FUTURE)], &STRONG, NotModified),
            (&[("IMS", "0")], &STRONG, Proceed),
            (&[("IMS", CHANGED), ("IMS", CHANGED)], &STRONG, Proceed),
            (&[("IMS", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT")], &STRONG, Proceed),
            (&[("IUS", EARLIER)], &STRONG, Failed),
            (&[("IUS", CHANGED)], &STRONG, Proceed),
            (&[("IUS", FUTURE)], &STRONG, Proceed),
            (&[("IMS", FUTURE)], &NONE, Proceed),
            (&[("IUS", "0")], &STRONG, Proceed),
            (&[("IUS", EARLIER), ("IUS", EARLIER)], &STRONG, Proceed),
            (&[("IUS", "Wed, 31 Dec 1969 23:59:59 GMT")], &STRONG, Failed),
            // If-Match puts If-Unmodified-Since out of force, read or not.
            (&[("IM", "\"a\""), ("IUS", EARLIER)], &STRONG, Proceed),
            (&[("IM", "\"b\""), ("IUS", LATER)], &STRONG, Failed),
            (&[("IM", "b"), ("IUS", LATER)], &STRONG, Failed),
            (&[("IM", ""), ("IUS", LATER)], &STRONG, Failed),
            // If-None-Match puts If-Modified-Since out of force, read or not.
            (&[("INM", "\"b\""), ("IMS", CHANGED)], &STRONG, Proceed),
            (&[("INM", "\"a\""), ("IMS", EARLIER)], &STRONG, NotModified),
            (&[("INM", "b"), ("IMS", CHANGED)], &STRONG, Proceed),
            (&[("INM", ""), ("IMS", CHANGED)], &STRONG, Proceed),
            // Steps 1 and 2 come before 3 and 4.
            (&[("INM", "\"a\""), ("IM", "\"b\"")], &STRONG, Failed),
            (&[("INM", "\"a\""), ("IM", "\"a\"")], &STRONG, NotModified),
            (&[("INM", "\"a\""), ("IUS", EARLIER)], &STRONG, Failed),
            (&[("IMS", CHANGED), ("IM", "\"a\"")], &STRONG, NotModified),
            (&[("IMS", CHANGED), ("IUS", CHANGED)], &STRONG, NotModified),
            (&[("IMS", CHANGED), ("IUS", EARLIER)], &STRONG, Failed),
        ];
        for (fields, validators, expected) in cases {
            assert_eq!(run(fields, validators, true), *expected, "{fields:?} {validators:?}");
        }
    }

    #[test]
    fn precedence_for_other_methods() {
        let cases: &[(&[(&str, &str)], Outcome)] = &[
            (&[("IMS", CHANGED)], Proceed),
            (&[("IUS", EARLIER)], Failed),
            (&[("IUS", CHANGED)], Proceed),
            (&[("INM", "*")], Failed),
            (&[("INM", "\"b\""), ("IMS", CHANGED)], Proceed),
            (&[("IM", "\"a\""), ("INM", "\"a\"")], Failed),
        ];
        for (fields, expected) in cases {
            assert_eq!(run(fields, &STRONG, false), *expected, "{fields:?}");
        }
    }

    #[test]
    fn ranges_that_count() {
        let cases: &[(&[&str], &Validators<'_>, u64, bool)] = &[
            (&[], &STRONG, NOW, true),
            (&[], &NONE, NOW, true),
            (&["\"a\""], &STRONG, NOW, true),
            (&[" \"a\"\t"], &STRONG, NOW, true),
            (&["\"b\""], &STRONG, NOW, false),
            (&["W/\"a\""], &STRONG, NOW, false),
            (&["\"a\""], &WEAK, NOW, false),
            (&["W/\"a\""], &WEAK, NOW, false),
            (&["\"a\""], &NONE, NOW, false),
            (&["\"a\", \"b\""], &STRONG, NOW, false),
            (&["\"a\"", "\"a\""], &STRONG, NOW, false),
            (&["*"], &STRONG, NOW, false),
            (&["a"], &STRONG, NOW, false),
            (&["\"a"], &STRONG, NOW, false),
            (&[""], &STRONG, NOW, false),
            (&[CHANGED], &STRONG, NOW, true),
            (&["Sunday, 06-Nov-94 08:49:37 GMT"], &STRONG, NOW, true),
            (&[EARLIER], &STRONG, NOW, false),
            (&[LATER], &STRONG, NOW, false),
            (&[CHANGED], &NONE, NOW, false),
            (&[CHANGED, CHANGED], &STRONG, NOW, false),
            (&[CHANGED], &STRONG, LAST_MODIFIED + 1, true),
            (&[CHANGED], &STRONG, LAST_MODIFIED, false),
            (&[CHANGED], &STRONG, LAST_MODIFIED - 60, false),
        ];
        for (lines, validators, now, expected) in cases {
            let found = if_range(lines.iter().map(|line| line.as_bytes()), validators, *now);
            assert_eq!(found, *expected, "{lines:?} {validators:?} {now}");
        }
    }

    #[test]
    fn any_bytes_give_an_outcome_and_lines_can_be_joined() {
        let mut random = Random::new(8);
        let (mut found, mut malformed) = (0, 0);
        for _ in 0..300_000 {
            let one = random.bytes(b"\"\"\"aa,, W/*", 8);
            let other = random.bytes(b"\"\"\"aa,, W/*", 8);
            // A quote that the first line leaves open would reach over the seam of the joined one.
            if one.iter().filter(|&&byte| byte == b'"').count() % 2 == 1 {
                continue;
            }
            let joined = [&one[..], b", ", &other[..]].concat();
            let apart = read_tags([&one[..], &other[..]], STRONG.etag, weak_eq);
            assert_eq!(apart, read_tags([&joined[..]], STRONG.etag, weak_eq), "{}", joined.escape_ascii());
            found += usize::from(apart == Tags::Match);
            malformed += usize::from(apart == Tags::Malformed);
            let _ = if_range([&one[..]], &STRONG, NOW);
        }
        assert!(found > 1000 && malformed > 1000, "{found} {malformed}");
    }
}
