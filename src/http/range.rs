//! Byte ranges (RFC 9110 section 14), read, and written for `Content-Range`. Pure: a fixed array, no allocation.
//!
//! A server may always answer with the whole (RFC 9110 section 14.2), so what is not an honest wish for parts is
//! ignored: more than [`RANGES_MAX`] ranges, and any two that overlap. Ranges that do not overlap sum up to no more
//! than the payload, so an answer is never larger than the whole by more than [`RANGES_MAX`] part heads. Ranges are
//! neither joined nor sorted: parts leave in the order in which they were asked for (section 15.3.7.2).
#![forbid(unsafe_code)]

use super::list;

/// Most ranges of one request, satisfiable or not. Readers of PDF and ZIP files ask for a few. Apache allows 200, nginx
/// any number unless `max_ranges` is set.
pub const RANGES_MAX: usize = 16;

/// Some bytes of a payload: never none, and never past its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub first: u64,
    /// Count of bytes.
    pub len: u64,
}

/// Two spans or more, none of which overlap, in the order of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    spans: [Span; RANGES_MAX],
    count: usize,
}

impl Spans {
    /// The spans.
    #[must_use]
    pub fn as_slice(&self) -> &[Span] {
        &self.spans[..self.count]
    }
}

/// What a `Range` field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for the length of one request; boxing would allocate"
)]
pub enum Ranges {
    /// Answer as if there were no such field: the unit is not `bytes`, the value is malformed, or the ranges are too
    /// many or overlap.
    Ignore,
    /// No range lies within the payload: 416 with [`write_unsatisfied`] (RFC 9110 section 15.5.17).
    Unsatisfiable,
    /// One range: 206 with [`write_content_range`]. Also if several were asked for and the others lie outside (RFC 9110
    /// section 15.3.7.2).
    One {
        /// Offset of the first byte.
        first: u64,
        /// Count of bytes, never 0.
        len: u64,
    },
    /// Several: may be answered by 206 with `multipart/byteranges`, or by the whole.
    Several(Spans),
}

/// What a `Range` value (RFC 9110 section 14.2) asks of a payload of `len` bytes.
///
/// Numbers are digits and nothing else; above `u64::MAX` they saturate, which changes no answer. A last position is cut
/// at the end (section 14.1.2). Only GET has ranges (section 14.2); that, `If-Range`, and that there is one such field,
/// is for the caller to see to.
#[must_use]
pub fn parse(value: &[u8], len: u64) -> Ranges {
    let value = list::trim(value);
    let Some(equals) = memchr::memchr(b'=', value) else {
        return Ranges::Ignore;
    };
    // Unit names ignore case (section 14.1).
    if !list::token_eq_ignore_case(&value[..equals], "bytes") {
        return Ranges::Ignore;
    }
    let mut spans = Spans { spans: [Span::default(); RANGES_MAX], count: 0 };
    let mut specs = 0;
    for element in list::values([&value[equals + 1..]]) {
        specs += 1;
        match Spec::parse(element) {
            Some(spec) if specs <= RANGES_MAX => match spec.resolve(len) {
                Resolved::Span(span) => {
                    spans.spans[spans.count] = span;
                    spans.count += 1;
                }
                Resolved::Outside => {}
                Resolved::Unwritable => return Ranges::Ignore,
            },
            _ => return Ranges::Ignore,
        }
    }
    match spans.as_slice() {
        [] if specs == 0 => Ranges::Ignore,
        [] => Ranges::Unsatisfiable,
        &[Span { first, len }] => Ranges::One { first, len },
        several if overlap(several) => Ranges::Ignore,
        _ => Ranges::Several(spans),
    }
}

/// One `range-spec` of the bytes unit (RFC 9110 section 14.1.2), with saturated numbers.
enum Spec {
    /// `first-`.
    From(u64),
    /// `first-last`.
    Between(u64, u64),
    /// `-length`.
    Suffix(u64),
}

/// A spec applied to a payload.
enum Resolved {
    Span(Span),
    /// Not satisfiable.
    Outside,
    /// Satisfiable, but no `Content-Range` can name it: the last n bytes of an empty payload.
    Unwritable,
}

impl Spec {
    fn parse(element: &[u8]) -> Option<Spec> {
        let dash = memchr::memchr(b'-', element)?;
        match (&element[..dash], &element[dash + 1..]) {
            (b"", length) => Some(Spec::Suffix(number(length)?)),
            (first, b"") => Some(Spec::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                // A last position before the first makes the whole set invalid (section 14.1.2).
                (first <= last).then_some(Spec::Between(first, last))
            }
        }
    }

    fn resolve(&self, len: u64) -> Resolved {
        let span = match *self {
            // A suffix is satisfiable if it is not zero, whatever the payload (section 14.1.2).
            Spec::Suffix(0) => return Resolved::Outside,
            Spec::Suffix(_) if len == 0 => return Resolved::Unwritable,
            Spec::Suffix(length) => Span { first: len - length.min(len), len: length.min(len) },
            Spec::From(first) | Spec::Between(first, _) if first >= len => return Resolved::Outside,
            Spec::From(first) => Span { first, len: len - first },
            Spec::Between(first, last) => Span { first, len: last.min(len - 1) - first + 1 },
        };
        Resolved::Span(span)
    }
}

/// `1*DIGIT`, saturated. Not `str::parse`, which takes a sign.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, byte| {
        byte.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

/// Whether any two spans have a byte in common. Every pair is looked at: there are at most [`RANGES_MAX`] spans.
fn overlap(spans: &[Span]) -> bool {
    let common = |one: &Span, other: &Span| one.first < other.first + other.len && other.first < one.first + one.len;
    spans.iter().enumerate().any(|(index, one)| spans[index + 1..].iter().any(|other| common(one, other)))
}

/// Appends the `Content-Range` value of a part, `bytes 0-9/100` (RFC 9110 section 14.4).
///
/// # Panics
/// If the span is empty or ends after `total`: no value can say that.
pub fn write_content_range(out: &mut Vec<u8>, first: u64, len: u64, total: u64) {
    assert!(len > 0 && len <= total && first <= total - len, "a span of {len} at {first} is not in {total} bytes");
    out.extend_from_slice(b"bytes ");
    write_decimal(out, first);
    out.push(b'-');
    write_decimal(out, first + (len - 1));
    out.push(b'/');
    write_decimal(out, total);
}

/// Appends the `Content-Range` value of a 416, `bytes */100` (RFC 9110 section 14.4).
pub fn write_unsatisfied(out: &mut Vec<u8>, total: u64) {
    out.extend_from_slice(b"bytes */");
    write_decimal(out, total);
}

/// Appends a number in decimal digits.
pub fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::list::random::Random;

    fn one(first: u64, len: u64) -> Ranges {
        Ranges::One { first, len }
    }

    fn several(list: &[(u64, u64)]) -> Ranges {
        let mut spans = Spans { spans: [Span::default(); RANGES_MAX], count: list.len() };
        for (span, &(first, len)) in spans.spans.iter_mut().zip(list) {
            *span = Span { first, len };
        }
        Ranges::Several(spans)
    }

    #[test]
    fn one_range() {
        let cases = [
            ("bytes=0-0", 10, one(0, 1)),
            ("bytes=0-9", 10, one(0, 10)),
            ("bytes=0-", 10, one(0, 10)),
            ("bytes=9-", 10, one(9, 1)),
            ("bytes=5-100", 10, one(5, 5)),
            ("bytes=-1", 10, one(9, 1)),
            ("bytes=-10", 10, one(0, 10)),
            ("bytes=-11", 10, one(0, 10)),
            ("bytes=007-0008", 10, one(7, 2)),
            ("BYTES=1-2", 10, one(1, 2)),
            ("  bytes=1-2\t", 10, one(1, 2)),
            ("bytes= 1-2 ", 10, one(1, 2)),
            ("bytes=,,1-2,", 10, one(1, 2)),
            ("bytes=5-18446744073709551615", 10, one(5, 5)),
            ("bytes=5-99999999999999999999999999", 10, one(5, 5)),
            ("bytes=-99999999999999999999999999", 10, one(0, 10)),
            ("bytes=18446744073709551614-", u64::MAX, one(u64::MAX - 1, 1)),
            ("bytes=0-99999999999999999999", u64::MAX, one(0, u64::MAX)),
            ("bytes=10-", 10, Ranges::Unsatisfiable),
            ("bytes=10-20", 10, Ranges::Unsatisfiable),
            ("bytes=-0", 10, Ranges::Unsatisfiable),
            ("bytes=-0,10-", 10, Ranges::Unsatisfiable),
            ("bytes=18446744073709551616-", 10, Ranges::Unsatisfiable),
            ("bytes=18446744073709551615-", u64::MAX, Ranges::Unsatisfiable),
            ("bytes=0-", 0, Ranges::Unsatisfiable),
            ("bytes=0-0", 0, Ranges::Unsatisfiable),
            ("bytes=-0", 0, Ranges::Unsatisfiable),
            ("bytes=-5", 0, Ranges::Ignore),
            ("bytes=0-,-5", 0, Ranges::Ignore),
        ];
        for (value, len, expected) in cases {
            assert_eq!(parse(value.as_bytes(), len), expected, "{value:?} of {len}");
        }
    }

    #[test]
    fn several_ranges() {
        let sixteen: String = (0..16).map(|index| format!("{}-{},", index * 2, index * 2)).collect();
        let spans: Vec<(u64, u64)> = (0..16).map(|index| (index * 2, 1)).collect();
        let cases = [
            ("0-1,4-5".to_string(), several(&[(0, 2), (4, 2)])),
            ("4-5 ,\t0-1".to_string(), several(&[(4, 2), (0, 2)])),
            ("0-1,2-3".to_string(), several(&[(0, 2), (2, 2)])),
            ("0-0,-1".to_string(), several(&[(0, 1), (99, 1)])),
            ("0-1,100-,4-5".to_string(), several(&[(0, 2), (4, 2)])),
            ("100-,4-5,-0".to_string(), one(4, 2)),
            (sixteen.clone(), several(&spans)),
            (format!("{sixteen}98-98"), Ranges::Ignore),
            (format!("{sixteen}200-"), Ranges::Ignore),
            ("200-,".repeat(17), Ranges::Ignore),
            ("200-,".repeat(16), Ranges::Unsatisfiable),
            ("0-1,1-2".to_string(), Ranges::Ignore),
            ("0-,5-6".to_string(), Ranges::Ignore),
            ("5-6,0-".to_string(), Ranges::Ignore),
            ("0-,0-".to_string(), Ranges::Ignore),
            ("0-1,50-60,0-1".to_string(), Ranges::Ignore),
            ("0-1,5-4".to_string(), Ranges::Ignore),
            ("0-1,x".to_string(), Ranges::Ignore),
        ];
        for (set, expected) in cases {
            assert_eq!(parse(format!("bytes={set}").as_bytes(), 100), expected, "{set:?}");
        }
        assert_eq!(parse(b"bytes=0-0,-1", 1), Ranges::Ignore);
    }

    #[test]
    fn malformed() {
        let cases = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=1",
            "bytes=2-1",
            "bytes=--1",
            "bytes=1--2",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes=-+2",
            "bytes=1 -2",
            "bytes=1- 2",
            "bytes=0x1-2",
            "bytes=a-b",
            "bytes=1-2;3-4",
            "bytes=1-2 3-4",
            "bytes =1-2",
            "bytes:1-2",
            "bytes 1-2",
            "bits=1-2",
            "items=0-1",
            "=0-1",
            "bytes==0-1",
            "bytes=\"0-1\"",
            "bytes=1-2,\"",
            "bytes=0-1,bytes=2-3",
            "bytes=0-1/2",
            "bytes=0-1\0",
        ];
        for value in cases {
            assert_eq!(parse(value.as_bytes(), 10), Ranges::Ignore, "{value:?}");
        }
    }

    #[test]
    fn any_bytes_give_spans_inside_that_sum_up_to_no_more_than_the_whole() {
        let mut random = Random::new(7);
        let mut some = 0;
        for _ in 0..300_000 {
            let mut value = b"bytes=".to_vec();
            value.extend(random.bytes(b"0123456789---,,,", 24));
            let len = [0, 1, 10, 1_000_000_000_000, u64::MAX][random.below(5)];
            let ranges = parse(&value, len);
            let spans = match &ranges {
                Ranges::Ignore | Ranges::Unsatisfiable => vec![],
                &Ranges::One { first, len } => vec![Span { first, len }],
                Ranges::Several(spans) => spans.as_slice().to_vec(),
            };
            some += usize::from(spans.len() > 1);
            let mut asked = 0u128;
            for span in spans {
                assert!(span.len > 0 && u128::from(span.first) + u128::from(span.len) <= u128::from(len));
                asked += u128::from(span.len);
                write_content_range(&mut Vec::new(), span.first, span.len, len);
            }
            assert!(asked <= u128::from(len), "{}", value.escape_ascii());
        }
        assert!(some > 100, "{some}");
    }

    #[test]
    fn content_range_values() {
        let parts = [
            (0, 1, 1, "bytes 0-0/1"),
            (0, 10, 100, "bytes 0-9/100"),
            (90, 10, 100, "bytes 90-99/100"),
            (0, u64::MAX, u64::MAX, "bytes 0-18446744073709551614/18446744073709551615"),
        ];
        for (first, len, total, expected) in parts {
            let mut out = Vec::new();
            write_content_range(&mut out, first, len, total);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for total in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let mut out = Vec::new();
            write_unsatisfied(&mut out, total);
            assert_eq!(String::from_utf8(out).unwrap(), format!("bytes */{total}"));
        }
    }

    #[test]
    fn a_span_outside_is_not_written() {
        for (first, len, total) in [(0, 0, 1), (1, 1, 1), (0, 2, 1), (u64::MAX, 1, u64::MAX)] {
            let written = std::panic::catch_unwind(|| write_content_range(&mut Vec::new(), first, len, total));
            assert!(written.is_err());
        }
    }
}
