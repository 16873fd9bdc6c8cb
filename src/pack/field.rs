//! Pure: what may stand in header text that is baked into a pack, and how dates and lengths are written there.
//! RFC 9110 sections 5.1, 5.5 and 5.6.7.
#![forbid(unsafe_code)]

use super::layout::{CONTENT_TYPE_BYTES_MAX, ENTRY_FIELDS_BYTES_MAX, LENGTH_LINE_START};

/// Names that the library or the server writes itself; a second one would contradict it.
const RESERVED: [&str; 19] = [
    "accept-ranges",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
];

/// Why a header field cannot be baked into a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// The name is not a token (letters, digits and a few signs).
    Name,
    /// The value has a control character or a character outside ASCII, or begins or ends with a space.
    Value,
    /// The library or the server writes this field itself.
    Reserved,
    /// All the fields of the entry together have more than 4,096 bytes.
    TooLong,
    /// The content type is not of the form `type/subtype`, or has more than 255 bytes.
    ContentType,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FieldError::Name => "its name is not a token (RFC 9110 section 5.6.2)",
            FieldError::Value => "its value may have only visible ASCII, and spaces inside (encode anything else)",
            FieldError::Reserved => "this field is written by the pack or by the server",
            FieldError::TooLong => "the fields of one entry may have 4,096 bytes together",
            FieldError::ContentType => "a content type has the form type/subtype and at most 255 bytes",
        })
    }
}

impl std::error::Error for FieldError {}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_value(value: &[u8]) -> bool {
    let inside = value.iter().all(|&byte| matches!(byte, b'\t' | b' '..=b'~'));
    let ends = [value.first(), value.last()].into_iter().flatten().all(|&byte| byte > b' ');
    inside && ends
}

/// Appends `name: value` CR LF after checking it.
pub(super) fn append(lines: &mut Vec<u8>, name: &str, value: &str) -> Result<(), FieldError> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(FieldError::Name);
    }
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(FieldError::Reserved);
    }
    if !is_value(value.as_bytes()) {
        return Err(FieldError::Value);
    }
    if lines.len() + name.len() + value.len() + 4 > ENTRY_FIELDS_BYTES_MAX {
        return Err(FieldError::TooLong);
    }
    lines.extend_from_slice(name.as_bytes());
    lines.extend_from_slice(b": ");
    lines.extend_from_slice(value.as_bytes());
    lines.extend_from_slice(b"\r\n");
    Ok(())
}

/// Whether a media type can be sent as it is.
pub(super) fn check_content_type(content_type: &str) -> Result<(), FieldError> {
    let form = matches!(content_type.split_once('/'), Some((kind, rest)) if !kind.is_empty() && kind.bytes().all(is_token) && !rest.is_empty());
    if form && is_value(content_type.as_bytes()) && content_type.len() <= CONTENT_TYPE_BYTES_MAX {
        Ok(())
    } else {
        Err(FieldError::ContentType)
    }
}

/// Whether a text is nothing but whole header lines; the empty text is.
pub(super) fn is_lines(mut text: &[u8]) -> bool {
    while !text.is_empty() {
        let Some(end) = text.windows(2).position(|pair| pair == b"\r\n") else { return false };
        let line = &text[..end];
        let Some(colon) = line.windows(2).position(|pair| pair == b": ") else { return false };
        if colon == 0 || !line[..colon].iter().all(|&byte| is_token(byte)) || !is_value(&line[colon + 2..]) {
            return false;
        }
        text = &text[end + 2..];
    }
    true
}

/// The number in a `Content-Length` line, if the line is written as this library writes it.
pub(super) fn length_in_line(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(LENGTH_LINE_START)?.strip_suffix(b"\r\n")?;
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Seconds since 1970 as HTTP writes a date: `Sun, 06 Nov 1994 08:49:37 GMT`. Years up to 9999.
pub(super) fn http_date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let leap = |year: u64| u64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let (mut left, mut year) = (days, 1970);
    while left >= 365 + leap(year) {
        left -= 365 + leap(year);
        year += 1;
    }
    let mut month = 0;
    let length = |month: usize| MONTHS[month].1 + if month == 1 { leap(year) } else { 0 };
    while left >= length(month) {
        left -= length(month);
        month += 1;
    }
    let (weekday, name) = (DAYS[(days % 7) as usize], MONTHS[month].0);
    let (hours, minutes, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{weekday}, {:02} {name} {year:04} {hours:02}:{minutes:02}:{seconds:02} GMT", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let long = "a".repeat(ENTRY_FIELDS_BYTES_MAX);
        let table: &[(&str, &str, Result<(), FieldError>)] = &[
            ("Location", "docs/", Ok(())),
            ("Link", "</a.css>; rel=preload", Ok(())),
            ("X-Empty", "", Ok(())),
            ("", "x", Err(FieldError::Name)),
            ("a b", "x", Err(FieldError::Name)),
            ("a:", "x", Err(FieldError::Name)),
            ("content-LENGTH", "1", Err(FieldError::Reserved)),
            ("Transfer-Encoding", "chunked", Err(FieldError::Reserved)),
            ("ETag", "\"x\"", Err(FieldError::Reserved)),
            ("X", "a\r\nb", Err(FieldError::Value)),
            ("X", "a\0", Err(FieldError::Value)),
            ("X", " a", Err(FieldError::Value)),
            ("X", "a ", Err(FieldError::Value)),
            ("X", "\u{e9}", Err(FieldError::Value)),
            ("X", &long, Err(FieldError::TooLong)),
        ];
        for (name, value, expected) in table {
            let mut lines = Vec::new();
            assert_eq!(append(&mut lines, name, value), *expected, "{name}: {value}");
            assert!(is_lines(&lines));
            assert_eq!(lines.is_empty(), expected.is_err());
        }
    }

    #[test]
    fn lines() {
        let table: &[(&[u8], bool)] = &[
            (b"", true),
            (b"A: b\r\n", true),
            (b"A: b\r\nC: d\r\n", true),
            (b"A: \r\n", true),
            (b"A: b", false),
            (b"A: b\n", false),
            (b"A b\r\n", false),
            (b": b\r\n", false),
            (b"\r\n", false),
            (b"A: b\r\n\r\n", false),
            (b"A: b\rc\r\n", false),
        ];
        for (text, expected) in table {
            assert_eq!(is_lines(text), *expected, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn content_types() {
        for (content_type, good) in [
            ("text/html; charset=utf-8", true),
            ("a/b", true),
            ("html", false),
            ("/b", false),
            ("a/", false),
            ("a/b\r\n", false),
            ("", false),
        ] {
            assert_eq!(check_content_type(content_type).is_ok(), good, "{content_type:?}");
        }
    }

    #[test]
    fn dates() {
        let table = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (seconds, expected) in table {
            assert_eq!(http_date(seconds), expected);
        }
    }

    #[test]
    fn lengths() {
        let table: &[(&[u8], Option<u64>)] = &[
            (b"Content-Length: 0\r\n", Some(0)),
            (b"Content-Length: 18446744073709551615\r\n", Some(u64::MAX)),
            (b"Content-Length: 18446744073709551616\r\n", None),
            (b"Content-Length: 01\r\n", None),
            (b"Content-Length: \r\n", None),
            (b"Content-Length: 1", None),
            (b"Content-Length: 1a\r\n", None),
            (b"content-length: 1\r\n", None),
        ];
        for (line, expected) in table {
            assert_eq!(length_in_line(line), *expected, "{:?}", String::from_utf8_lossy(line));
        }
    }
}
