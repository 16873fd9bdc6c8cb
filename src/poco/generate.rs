//! Pure: the texts that are made from the schema: the table of the JavaScript decoder, its TypeScript declarations, and
//! the tables of `docs/poco.md`. The files that hold them are committed, and `tests/poco_schema.rs` compares the two.
#![forbid(unsafe_code)]

use super::schema::{Field, FieldKind, MAJOR, RECORDS, STRUCTS, VALUES};
use std::fmt::Write;

/// What the line before a generated block contains.
pub const BEGIN: &str = "generated: begin";
/// What the line behind a generated block contains.
pub const END: &str = "generated: end";

/// The document with what lies between its two marks replaced by this block, each line as far in as the first mark;
/// none: the marks are not there, once each and in this order.
#[must_use]
pub fn replace(document: &str, block: &str) -> Option<String> {
    let mut lines = document.lines();
    let is_once = |mark: &str| document.lines().filter(|line| line.contains(mark)).count() == 1;
    if !is_once(BEGIN) || !is_once(END) {
        return None;
    }
    let mut out = String::new();
    let begin = lines.by_ref().find(|line| {
        out.extend([line, "\n"]);
        line.contains(BEGIN)
    })?;
    let indent = &begin[..begin.len() - begin.trim_start().len()];
    for line in block.lines() {
        out.extend([if line.is_empty() { "" } else { indent }, line, "\n"]);
    }
    out.extend([lines.find(|line| line.contains(END))?, "\n"]);
    lines.for_each(|line| out.extend([line, "\n"]));
    Some(out)
}

/// `var SCHEMA = { version, magics, structs, values };` in ES5. A field is `[offset, type]`, and has as its third element
/// the struct of a table's elements, the count of `bytes`, or the name of the table in `values` for what its number means.
#[must_use]
pub fn javascript() -> String {
    let mut out = String::new();
    let magics = RECORDS.iter().map(|kind| format!("{}: '{}'", kind.magic.escape_ascii(), kind.name));
    let media_types = RECORDS.iter().map(|kind| format!("    {}: '{}'", kind.name, kind.media_type));
    line(&mut out, format_args!("var SCHEMA = {{\n  version: {MAJOR},\n  magics: {{ {} }},", joined(magics, ", ")));
    line(&mut out, format_args!("  mediaTypes: {{\n{}\n  }},\n  structs: {{", joined(media_types, ",\n")));
    let structs = STRUCTS.iter().map(|schema| {
        let fields = schema.fields.iter().map(|field| format!("        {}: {}", field.name, javascript_field(field)));
        let fields = joined(fields, ",\n");
        format!("    {}: {{\n      size: {},\n      fields: {{\n{fields}\n      }}\n    }}", schema.name, schema.bytes)
    });
    line(&mut out, format_args!("{}\n  }},\n  values: {{", joined(structs, ",\n")));
    let values = VALUES.iter().map(|table| {
        let words = table.values.iter().map(|(number, word, _)| format!("{number}: '{word}'"));
        format!("    {}: {{ {} }}", table.name, joined(words, ", "))
    });
    line(&mut out, format_args!("{}\n  }}\n}};", joined(values, ",\n")));
    out
}

fn javascript_field(field: &Field) -> String {
    let (offset, kind) = (field.offset, field.kind.name());
    match (field.kind, field.extra) {
        (FieldKind::Bytes(bytes), _) => format!("[{offset}, '{kind}', {bytes}]"),
        (_, Some(extra)) => format!("[{offset}, '{kind}', '{extra}']"),
        (_, None) => format!("[{offset}, '{kind}']"),
    }
}

/// Types for the words of the schema, its names, and the schema itself.
#[must_use]
pub fn typescript() -> String {
    let mut out = String::new();
    for table in VALUES {
        let words = table.values.iter().map(|(_, word, _)| format!("'{word}'"));
        line(
            &mut out,
            format_args!("/** {} */\nexport type {} = {};\n", table.doc.trim(), table.name, joined(words, " | ")),
        );
    }
    let quoted = |names: &mut dyn Iterator<Item = &'static str>| joined(names.map(|name| format!("'{name}'")), " | ");
    let records = quoted(&mut RECORDS.iter().map(|kind| kind.name));
    line(&mut out, format_args!("/** The kinds of records. */\nexport type RecordName = {records};\n"));
    let structs = quoted(&mut STRUCTS.iter().map(|schema| schema.name));
    line(&mut out, format_args!("/** The structs that records consist of. */\nexport type StructName = {structs};\n"));
    let values = quoted(&mut VALUES.iter().map(|table| table.name));
    line(&mut out, format_args!("/** The tables of words. */\nexport type ValuesName = {values};\n"));
    out.push_str(
        "/** How the bytes of a field are read. */\n\
         export type FieldType = 'u8' | 'u16' | 'u24' | 'u32' | 'uuid' | 'bytes' | 'text' | 'table';\n\n\
         /** Offset, type; then the struct of a table's elements, the count of bytes, or the table of words. */\n\
         export type SchemaField = [number, FieldType] | [number, FieldType, StructName | ValuesName | number];\n\n\
         /** Where every field of every struct lies. */\n\
         export interface Schema {\n  \
         readonly version: number;\n  \
         readonly magics: { readonly [magic: string]: RecordName };\n  \
         readonly mediaTypes: { readonly [name in RecordName]: string };\n  \
         readonly structs: {\n    \
         readonly [name in StructName]: { readonly size: number; readonly fields: { readonly [field: string]: SchemaField } };\n  \
         };\n  \
         readonly values: { readonly [name in ValuesName]: { readonly [number: number]: string } };\n\
         }\n",
    );
    out
}

/// The tables of records, structs and words.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from("\n### Records\n\n| first four bytes | block | media type |\n|---|---|---|\n");
    for kind in RECORDS {
        let (magic, name, media_type) = (kind.magic.escape_ascii(), kind.name, kind.media_type);
        line(&mut out, format_args!("| `{magic}` | `{name}` | `{media_type}` |"));
    }
    for schema in STRUCTS {
        line(&mut out, format_args!("\n### `{}`: {} bytes\n\n{}\n", schema.name, schema.bytes, schema.doc.trim()));
        out.push_str("| offset | type | field | meaning |\n|---|---|---|---|\n");
        for field in schema.fields {
            let (offset, kind, name, doc) = (field.offset, markdown_kind(field), field.name, field.doc.trim());
            line(&mut out, format_args!("| {offset} | {kind} | `{name}` | {doc} |"));
        }
    }
    for table in VALUES {
        line(&mut out, format_args!("\n### Numbers of `{}`\n\n{}\n", table.name, table.doc.trim()));
        out.push_str("| number | in JSON | meaning |\n|---|---|---|\n");
        for (number, word, doc) in table.values {
            line(&mut out, format_args!("| {number} | `{word}` | {} |", doc.trim()));
        }
    }
    out.push('\n');
    out
}

fn markdown_kind(field: &Field) -> String {
    let kind = field.kind.name();
    match (field.kind, field.extra) {
        (FieldKind::Bytes(bytes), _) => format!("{kind}<{bytes}>"),
        (FieldKind::Table, Some(extra)) => format!("{kind}<{extra}>"),
        (_, Some(extra)) => format!("{kind} ({extra})"),
        (_, None) => kind.to_owned(),
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    _ = writeln!(out, "{text}");
}

fn joined(texts: impl Iterator<Item = String>, between: &str) -> String {
    texts.collect::<Vec<_>>().join(between)
}
