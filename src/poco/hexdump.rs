//! Pure: a record byte by byte, each with the name that the schema gives it.
//!
//! First every field of every struct becomes a part: a span of bytes with a name and a value. Sorted by offset they are
//! the lines of the dump; what lies between them is padding, or has no name.
#![forbid(unsafe_code)]

use super::error::PocoError;
use super::schema::{self, Field, FieldKind, HEAD_BYTES, RecordKind, Schema, VALUES, record_kind};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

const LINE_BYTES: usize = 16;

/// The dump of a record: offset, bytes, name and value on each line. Bytes that are no record are dumped without names,
/// behind a line that says why.
#[must_use]
pub fn annotate(record: &[u8]) -> String {
    let mut dump = Dump { bytes: record, parts: Vec::new(), texts: BTreeMap::new(), named_end: 0 };
    let mut out = String::new();
    if let Err(error) = dump.record(0..record.len(), "", true) {
        write_line(&mut out, format_args!("{error}"));
    }
    dump.write(&mut out);
    out
}

struct Part {
    span: Range<usize>,
    name: String,
    value: String,
}

struct Dump<'a> {
    bytes: &'a [u8],
    parts: Vec<Part>,
    /// Texts by their place, with the name of their first field and how many fields have them.
    texts: BTreeMap<(usize, usize), (String, usize)>,
    /// Where the last inner record ends.
    named_end: usize,
}

impl Dump<'_> {
    /// Names the parts of the record in `span`. Records inside it are named when `is_outer`.
    fn record(&mut self, span: Range<usize>, path: &str, is_outer: bool) -> Result<(), PocoError> {
        let bytes = &self.bytes[span.clone()];
        let Some(magic) = bytes.first_chunk::<4>().filter(|_| bytes.len() >= HEAD_BYTES) else {
            return Err(PocoError::Bytes { expected: HEAD_BYTES as u64, found: bytes.len() as u64 });
        };
        let kind = record_kind(*magic).ok_or(PocoError::NotARecord { found: *magic })?;
        let (head, block) = (structs("RecordHead"), structs(kind.name));
        self.fields(&span, span.start..span.start + HEAD_BYTES, head, &format!("{path}head."), is_outer);
        let block_bytes = number(&bytes[12..16]);
        let start = span.start + HEAD_BYTES;
        let end = start.saturating_add(block_bytes).min(span.end);
        self.fields(&span, start..end, block, &format!("{path}{}.", kind_path(kind)), is_outer);
        Ok(())
    }

    /// Names the fields of one struct, which lies in `place`; `record` is what its offsets are counted in.
    fn fields(
        &mut self,
        record: &Range<usize>,
        place: Range<usize>,
        schema: Option<&Schema>,
        path: &str,
        is_outer: bool,
    ) {
        let Some(schema) = schema else { return };
        for field in schema.fields {
            let span = place.start + field.offset..place.start + field.offset + field.kind.bytes();
            // A shorter struct of an older writer.
            if span.end > place.end {
                continue;
            }
            let value = self.value(record, field, &span, &format!("{path}{}", field.name), is_outer);
            self.parts.push(Part { span, name: format!("{path}{}", field.name), value });
        }
        let end = place.start + schema.bytes;
        if end < place.end {
            let value = "of a newer version".to_owned();
            self.parts.push(Part { span: end..place.end, name: path.trim_end_matches('.').to_owned(), value });
        }
        if schema.name == "ManyEntry" && is_outer && place.end - place.start >= schema.bytes {
            let (offset, bytes) = (self.number(place.start + 8), self.number(place.start + 12));
            let start = record.start.saturating_add(offset);
            let span = start..start.saturating_add(bytes);
            // Records follow each other: bytes that several entries name are named once.
            if bytes > 0 && span.end <= record.end && span.start >= self.named_end {
                self.named_end = span.end;
                // What is no record keeps its bytes without names.
                _ = self.record(span, path, false);
            }
        }
    }

    /// What to say behind a field; follows it when it refers to other bytes.
    fn value(
        &mut self,
        record: &Range<usize>,
        field: &Field,
        span: &Range<usize>,
        path: &str,
        is_outer: bool,
    ) -> String {
        let bytes = &self.bytes[span.clone()];
        match field.kind {
            FieldKind::U8 | FieldKind::U16 | FieldKind::U24 | FieldKind::U32 => {
                let number = number(bytes);
                match word(field, number) {
                    Some(word) => format!("{number} {word}"),
                    None => number.to_string(),
                }
            }
            FieldKind::Uuid => {
                let digits = format!("{:032x}", bytes.iter().fold(0, |all, byte| all << 8 | u128::from(*byte)));
                [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
            }
            FieldKind::Bytes(_) if field.name == "magic" => format!("\"{}\"", bytes.escape_ascii()),
            FieldKind::Bytes(_) => bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(" "),
            FieldKind::Text => {
                let (offset, length) = (self.number(span.start), self.number(span.start + 4));
                let start = record.start.saturating_add(offset);
                let end = start.saturating_add(length);
                if length == 0 {
                    return "\"\"".to_owned();
                }
                if end > record.end {
                    return format!("{length} bytes at {start:#x}, past the end");
                }
                self.texts.entry((start, end)).or_insert_with(|| (path.to_owned(), 0)).1 += 1;
                format!("{length} bytes at {start:#x}")
            }
            FieldKind::Table => self.table(record, field, span.start, path, is_outer),
        }
    }

    fn table(&mut self, record: &Range<usize>, field: &Field, at: usize, path: &str, is_outer: bool) -> String {
        let (offset, count, stride) = (self.number(at), self.number(at + 4), self.number(at + 8));
        let name = field.extra.unwrap_or_default();
        let start = record.start.saturating_add(offset);
        if count == 0 {
            return "none".to_owned();
        }
        let is_inside =
            stride > 0 && count.checked_mul(stride).is_some_and(|bytes| bytes <= record.end.saturating_sub(start));
        if !is_inside {
            return format!("{count} of {stride} bytes at {start:#x}, past the end");
        }
        for index in 0..count {
            let first = start + index * stride;
            self.fields(record, first..first + stride, structs(name), &format!("{path}[{index}]."), is_outer);
        }
        format!("{count} of {stride} bytes at {start:#x}")
    }

    fn number(&self, at: usize) -> usize {
        number(&self.bytes[at..at + 4])
    }

    fn write(mut self, out: &mut String) {
        for ((start, end), (name, uses)) in &self.texts {
            let name =
                if *uses == 1 { format!("text of {name}") } else { format!("text of {name} and {} more", uses - 1) };
            let value = match std::str::from_utf8(&self.bytes[*start..*end]) {
                Ok(text) => format!("{text:?}"),
                Err(_) => "not UTF-8".to_owned(),
            };
            self.parts.push(Part { span: *start..*end, name, value });
        }
        self.parts.sort_by_key(|part| (part.span.start, part.span.end));
        let mut reached = 0;
        for part in &self.parts {
            self.gap(out, reached..part.span.start);
            self.part(out, &part.span, &format!("{}  {}", part.name, part.value));
            reached = reached.max(part.span.end);
        }
        self.gap(out, reached..self.bytes.len());
    }

    /// What lies between two parts.
    fn gap(&self, out: &mut String, span: Range<usize>) {
        if span.start < span.end {
            let is_zero = self.bytes[span.clone()].iter().all(|byte| *byte == 0);
            self.part(out, &span, if is_zero { "(padding)" } else { "(no name)" });
        }
    }

    fn part(&self, out: &mut String, span: &Range<usize>, text: &str) {
        let mut text = text;
        for (index, bytes) in self.bytes[span.clone()].chunks(LINE_BYTES).enumerate() {
            let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let offset = span.start + index * LINE_BYTES;
            let line = format!("{offset:08x}  {:47}  {text}", hex.join(" "));
            write_line(out, format_args!("{}", line.trim_end()));
            text = "";
        }
    }
}

fn structs(name: &str) -> Option<&'static Schema> {
    schema::find(name)
}

/// What the names of a record's fields begin with.
fn kind_path(kind: &RecordKind) -> String {
    kind.name.to_lowercase()
}

fn word(field: &Field, number: usize) -> Option<&'static str> {
    let table = VALUES.iter().find(|table| Some(table.name) == field.extra)?;
    table.values.iter().find(|value| usize::from(value.0) == number).map(|value| value.1)
}

/// At most four bytes, the low one first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn write_line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    _ = writeln!(out, "{text}");
}
