//! One line of `pack records`: a JSON object, read field by field so that an error names the field.

use crate::failure::Failure;
use crate::strict;
use base64::Engine;
use serde_json::Value;
use std::path::PathBuf;

/// The fields of a line, as the messages list them.
const FIELDS: &str = "key, type, text, base64, file, status, headers, last_modified, immutable, encode";

/// One record, as its line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordLine {
    pub(crate) key: String,
    /// `None` when the line does not say; an empty one means no Content-Type.
    pub(crate) content_type: Option<String>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) last_modified: Option<i64>,
    pub(crate) immutable: bool,
    /// Whether to encode the body, whatever its type.
    pub(crate) encode: Option<bool>,
    pub(crate) body: Body,
}

/// Where the bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    /// A path, relative to the input file.
    File(PathBuf),
}

impl RecordLine {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong, without the line's number; the column is told as `5: ...` by the place that knows the number.
    pub(crate) fn parse(line: &[u8]) -> Result<RecordLine, Failure> {
        let fields = strict::fields(line).map_err(|error| syntax_failure(&error))?;
        let mut seen = Seen::default();
        for (name, value) in fields {
            seen.take(&name, value)?;
        }
        let Some(key) = seen.key else {
            return Err(Failure::new("field \"key\" is missing")
                .remedy("give the request path that the record answers: {\"key\": \"/path\", ...}"));
        };
        let body = match (seen.text, seen.base64, seen.file) {
            (Some(text), None, None) => Body::Bytes(text),
            (None, Some(bytes), None) => Body::Bytes(bytes),
            (None, None, Some(path)) => Body::File(path),
            (None, None, None) => Body::Bytes(Vec::new()),
            _ => {
                return Err(Failure::new("more than one of the fields \"text\", \"base64\" and \"file\"")
                    .remedy("a record has one body: leave one of them"));
            }
        };
        Ok(RecordLine {
            key,
            content_type: seen.content_type,
            status: seen.status.unwrap_or(200),
            headers: seen.headers,
            last_modified: seen.last_modified,
            immutable: seen.immutable,
            encode: seen.encode,
            body,
        })
    }
}

#[derive(Default)]
struct Seen {
    key: Option<String>,
    content_type: Option<String>,
    text: Option<Vec<u8>>,
    base64: Option<Vec<u8>>,
    file: Option<PathBuf>,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    last_modified: Option<i64>,
    immutable: bool,
    encode: Option<bool>,
}

impl Seen {
    fn take(&mut self, name: &str, value: Value) -> Result<(), Failure> {
        match name {
            "key" => self.key = Some(string(name, value)?),
            "type" => self.content_type = Some(string(name, value)?),
            "text" => self.text = Some(string(name, value)?.into_bytes()),
            "base64" => self.base64 = Some(decode_base64(&string(name, value)?)?),
            "file" => self.file = Some(string(name, value)?.into()),
            "status" => self.status = Some(status(name, &value)?),
            "headers" => self.headers = headers(name, value)?,
            "last_modified" => self.last_modified = Some(last_modified(name, value)?),
            "immutable" => self.immutable = boolean(name, &value)?,
            "encode" => self.encode = Some(boolean(name, &value)?),
            _ => return Err(Failure::new(format!("unknown field {name:?}")).remedy(format!("the fields are {FIELDS}"))),
        }
        Ok(())
    }
}

/// serde_json counts lines within what it was given, which is one line here: only the column is kept.
fn syntax_failure(error: &serde_json::Error) -> Failure {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    match error.classify() {
        serde_json::error::Category::Data => Failure::new(what)
            .remedy("each line is one JSON object: {\"key\": \"/path\", \"type\": \"text/plain\", \"text\": \"...\"}"),
        _ => Failure::new(format!("column {}: not JSON: {what}", error.column()))
            .remedy("each line is one whole JSON object"),
    }
}

fn wrong(name: &str, expected: &str, found: &Value) -> Failure {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let remedy = match name {
        "headers" => "headers are written {\"Name\": \"value\"}",
        "last_modified" => "give seconds since 1970-01-01 UTC, or a string like \"2016-05-17T21:30:00Z\"",
        "status" => "give a number like 200; leave the field out for 200",
        "immutable" | "encode" => "give true or false, without quotes",
        _ => "put the value in double quotes, or leave the field out",
    };
    Failure::new(format!("field {name:?}: expected {expected}, found {found}")).remedy(remedy)
}

fn string(name: &str, value: Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong(name, "a string", &other)),
    }
}

fn boolean(name: &str, value: &Value) -> Result<bool, Failure> {
    value.as_bool().ok_or_else(|| wrong(name, "true or false", value))
}

fn status(name: &str, value: &Value) -> Result<u16, Failure> {
    if !value.is_number() {
        return Err(wrong(name, "a number", value));
    }
    let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
    status.ok_or_else(|| {
        Failure::new(format!("field {name:?}: {value} is not a status"))
            .remedy("a status is a whole number from 200 to 599")
    })
}

fn headers(name: &str, value: Value) -> Result<Vec<(String, String)>, Failure> {
    let Value::Object(map) = value else { return Err(wrong(name, "an object", &value)) };
    map.into_iter()
        .map(|(field, value)| match value {
            Value::String(text) => Ok((field, text)),
            other => Err(wrong(name, &format!("a string for {field:?}"), &other)),
        })
        .collect()
}

fn last_modified(name: &str, value: Value) -> Result<i64, Failure> {
    let bad = |value: &Value| wrong(name, "a whole number or a date", value);
    match &value {
        Value::Number(_) => value.as_i64().ok_or_else(|| bad(&value)),
        Value::String(text) => rfc3339(text).ok_or_else(|| {
            Failure::new(format!("field {name:?}: {text:?} is not a date"))
                .remedy("write it like \"2016-05-17T21:30:00Z\" (RFC 3339), or give seconds since 1970-01-01 UTC")
        }),
        _ => Err(bad(&value)),
    }
}

/// Seconds since 1970 of `2016-05-17T21:30:00Z` or `2016-05-17T23:30:00.25+02:00`; parts of a second are dropped.
fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let punctuated = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")]
        .iter()
        .all(|&(at, byte)| bytes.get(at..at + 1) == Some(&byte[..]));
    if !punctuated || !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|character: char| !character.is_ascii_digit()).filter(|end| *end > 0)?;
        rest = &fraction[end..];
    }
    let east_minutes = match rest.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 5 && offset[2] == b':' => {
            let at = text.len() - 5;
            let (hours, minutes) = (number(at, at + 2)?, number(at + 3, at + 5)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(((days_since_1970(year, month, day) * 24 + hour) * 60 + minute - east_minutes) * 60 + second)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March, so that a leap day ends one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn decode_base64(text: &str) -> Result<Vec<u8>, Failure> {
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| {
        Failure::new(format!("field \"base64\": {error}"))
            .remedy("standard base64 with padding and no spaces (RFC 4648 section 4)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> String {
        RecordLine::parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_field() {
        let line = r#"{"key":"/a","type":"text/plain","base64":"aGk=","status":404,"headers":{"X-B":"2","X-A":"1"},
            "last_modified":5,"immutable":true,"encode":false}"#;
        let record = RecordLine::parse(line.as_bytes()).unwrap();
        assert_eq!(
            record,
            RecordLine {
                key: "/a".to_owned(),
                content_type: Some("text/plain".to_owned()),
                status: 404,
                headers: [("X-A", "1"), ("X-B", "2")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
                last_modified: Some(5),
                immutable: true,
                encode: Some(false),
                body: Body::Bytes(b"hi".to_vec()),
            }
        );
        let record = RecordLine::parse(br#" {"key": "/a", "file": "b/c"} "#).unwrap();
        assert_eq!((record.status, record.body, record.encode), (200, Body::File("b/c".into()), None));
    }

    #[test]
    fn errors_name_the_field_and_say_what_to_do() {
        let table = [
            ("", "error: column 0: not JSON: EOF while parsing a value\n help: each line is one whole JSON object"),
            ("[]", "error: invalid type: sequence, expected an object with named fields"),
            ("{\"key\":\"/a\"", "error: column 11: not JSON: EOF while parsing an object"),
            ("{\"key\":\"/a\"} x", "error: column 14: not JSON: trailing characters"),
            ("{}", "error: field \"key\" is missing"),
            (r#"{"key":5}"#, "error: field \"key\": expected a string, found a number"),
            (r#"{"key":"/a","key":"/b"}"#, "error: field \"key\" is there twice"),
            (
                r#"{"key":"/a","headers":{"X-B":"1","X-A":"2","X-B":"1"}}"#,
                "error: field \"headers\": \"X-B\" is there twice\n",
            ),
            (r#"{"key":"/a","headers":{"X":"1"}"#, "error: column 31: not JSON: EOF while parsing an object"),
            (r#"{"key":"/a","type":5}"#, "error: field \"type\": expected a string, found a number"),
            (r#"{"key":"/a","typ":"x"}"#, "error: unknown field \"typ\"\n help: the fields are key, type, text"),
            (r#"{"key":"/a","text":"","file":""}"#, "error: more than one of the fields"),
            (r#"{"key":"/a","base64":"%"}"#, "error: field \"base64\": Invalid symbol 37"),
            (r#"{"key":"/a","status":"200"}"#, "error: field \"status\": expected a number, found a string"),
            (r#"{"key":"/a","status":200.5}"#, "error: field \"status\": 200.5 is not a status"),
            (r#"{"key":"/a","status":70000}"#, "error: field \"status\": 70000 is not a status"),
            (r#"{"key":"/a","headers":["x"]}"#, "error: field \"headers\": expected an object, found a list"),
            (
                r#"{"key":"/a","headers":{"X":1}}"#,
                "error: field \"headers\": expected a string for \"X\", found a number",
            ),
            (r#"{"key":"/a","immutable":1}"#, "error: field \"immutable\": expected true or false, found a number"),
            (r#"{"key":"/a","encode":null}"#, "error: field \"encode\": expected true or false, found null"),
            (
                r#"{"key":"/a","last_modified":1.5}"#,
                "error: field \"last_modified\": expected a whole number or a date",
            ),
            (r#"{"key":"/a","last_modified":"May"}"#, "error: field \"last_modified\": \"May\" is not a date"),
        ];
        for (line, expected) in table {
            let message = message(line);
            assert!(message.starts_with(expected), "{line}\n{message}");
            assert!(message.contains("\n help: "), "{line}\n{message}");
        }
    }

    #[test]
    fn dates() {
        let table = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2016-05-17T21:30:00Z", Some(1_463_520_600)),
            ("2016-05-17T23:30:00.250+02:00", Some(1_463_520_600)),
            ("2016-05-17t16:00:00-05:30", Some(1_463_520_600)),
            ("2000-02-29 00:00:00z", Some(951_782_400)),
            ("1900-02-29T00:00:00Z", None),
            ("2016-13-01T00:00:00Z", None),
            ("2016-05-17T24:00:00Z", None),
            ("2016-05-17T21:30:00", None),
            ("2016-05-17T21:30:00.Z", None),
            ("2016-05-17T21:30:00+0200", None),
            ("+016-05-17T21:30:00Z", None),
            ("2016-05-1\u{e9}T21:30:00Z", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(rfc3339(text), expected, "{text}");
        }
    }
}
