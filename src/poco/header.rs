//! Pure: the C header that is made from the schema (`badger poco header`): every struct, number and word, asserted by the
//! C compiler, and the few functions that read them out of bytes which nobody has checked.
#![forbid(unsafe_code)]

use super::schema::{Field, FieldKind, MAJOR, RECORDS, STRUCTS, VALUES};
use std::fmt::Write;

/// A header of its own for C11 and C++11, without dependencies beyond the C library.
#[must_use]
pub fn c_header() -> String {
    let mut out = START.replace("VERSION", &MAJOR.to_string());
    for kind in RECORDS {
        let (magic, name) = (kind.magic.escape_ascii(), kind.name.to_ascii_uppercase());
        line(&mut out, format_args!("#define BADGER_{name}_MAGIC \"{magic}\""));
        line(&mut out, format_args!("#define BADGER_{name}_MEDIA_TYPE \"{}\"", kind.media_type));
    }
    out.push_str(PLACES);
    for schema in STRUCTS {
        let name = c_name(schema.name);
        line(&mut out, format_args!("\n/* {} */\ntypedef struct {{", schema.doc.trim()));
        for field in schema.fields {
            line(&mut out, format_args!("    {} /* {} */", declaration(field), field.doc.trim()));
        }
        line(&mut out, format_args!("}} badger_{name};\n"));
        line(&mut out, format_args!("BADGER_ASSERT(sizeof(badger_{name}) == {}, \"size\");", schema.bytes));
        for field in schema.fields {
            let (field, offset) = (field.name, field.offset);
            line(&mut out, format_args!("BADGER_ASSERT(offsetof(badger_{name}, {field}) == {offset}, \"{field}\");"));
        }
    }
    for table in VALUES {
        let prefix = c_name(table.name).to_ascii_uppercase();
        line(&mut out, format_args!("\n/* {} A newer writer may have more. */\nenum {{", table.doc.trim()));
        for (number, word, doc) in table.values {
            let word = word.to_ascii_uppercase();
            line(&mut out, format_args!("    BADGER_{prefix}_{word} = {number}, /* {} */", doc.trim()));
        }
        out.push_str("};\n");
    }
    out.push_str(READERS);
    out
}

/// `ManyEntry` as C names it: `many_entry`.
fn c_name(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn declaration(field: &Field) -> String {
    let name = field.name;
    let of =
        |extra: Option<&str>| extra.map_or_else(String::new, |extra| format!(" /* of badger_{} */", c_name(extra)));
    match field.kind {
        FieldKind::U8 => format!("uint8_t {name};"),
        FieldKind::U16 => format!("uint16_t {name};"),
        FieldKind::U24 => format!("uint8_t {name}[3]; /* badger_u24 */"),
        FieldKind::U32 => format!("uint32_t {name};"),
        FieldKind::Uuid => format!("uint8_t {name}[16];"),
        FieldKind::Bytes(bytes) => format!("uint8_t {name}[{bytes}];"),
        FieldKind::Text => format!("badger_text {name};"),
        FieldKind::Table => format!("badger_table {name};{}", of(field.extra)),
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    _ = writeln!(out, "{text}");
}

const START: &str = r#"/* The records of badgerserver, version VERSION, for C11 and C++11. Written by `badger poco header` from the schema; docs/poco.md
 * says what the fields mean. Nothing here allocates, and no function reads outside the bytes that it was given.
 *
 *     badger_record record;
 *     badger_title title;
 *     if (badger_open(&record, bytes, length, BADGER_TITLE_MAGIC) != BADGER_OK) return;
 *     badger_block(&record, &title, sizeof title);
 *     size_t name_bytes;
 *     const char *name = badger_text_of(&record, title.name, &name_bytes);
 */
#ifndef BADGER_POCO_H
#define BADGER_POCO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a record is little-endian and is read as it lies; this machine is not, or its compiler does not say"
#endif

#ifdef __cplusplus
#define BADGER_ASSERT(condition, what) static_assert(condition, what)
#else
#define BADGER_ASSERT(condition, what) _Static_assert(condition, what)
#endif

#define BADGER_MAJOR VERSION
"#;

const PLACES: &str = r#"
/* Where a text lies; 0, 0 when it is empty. */
typedef struct {
    uint32_t offset;
    uint32_t bytes;
} badger_text;

/* Where the elements of a table lie. */
typedef struct {
    uint32_t offset;
    uint32_t count;
    uint32_t stride;
} badger_table;
"#;

const READERS: &str = r#"
/* The bytes of a record whose head was looked at. They stay the caller's, and must outlive it. */
typedef struct {
    const uint8_t *bytes;
    uint32_t record_bytes;
    uint32_t block_bytes;
} badger_record;

typedef enum {
    BADGER_OK = 0,
    BADGER_NOT_A_RECORD = 1,   /* too short, or of another kind: look at the media type */
    BADGER_OTHER_VERSION = 2,  /* of another major version: get a header of that one */
    BADGER_OTHER_LENGTH = 3,   /* cut, or more than one record: give exactly its bytes */
    BADGER_DAMAGED = 4         /* the block goes past the end: get the record again */
} badger_outcome;

/* Looks at the head of a record of this kind: BADGER_TITLE_MAGIC and the like. */
static inline badger_outcome badger_open(badger_record *record, const void *bytes, size_t length, const char *magic) {
    badger_record_head head;
    if (length < sizeof head) return BADGER_NOT_A_RECORD;
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.magic, magic, sizeof head.magic) != 0) return BADGER_NOT_A_RECORD;
    if (head.major != BADGER_MAJOR) return BADGER_OTHER_VERSION;
    if (head.record_bytes != length) return BADGER_OTHER_LENGTH;
    if (head.block_bytes > length - sizeof head) return BADGER_DAMAGED;
    record->bytes = (const uint8_t *)bytes;
    record->record_bytes = head.record_bytes;
    record->block_bytes = head.block_bytes;
    return BADGER_OK;
}

/* Copies what both sides know. A struct of an older writer is shorter: what it lacks is zero, which means unknown (but for
 * numbers that are unknown at 255). One of a newer writer is longer: its end is skipped. */
static inline void badger_copy(void *into, size_t size, const uint8_t *from, size_t written) {
    memset(into, 0, size);
    memcpy(into, from, written < size ? written : size);
}

/* Copies the block, such as a badger_title, into `block`. */
static inline void badger_block(const badger_record *record, void *block, size_t size) {
    badger_copy(block, size, record->bytes + sizeof(badger_record_head), record->block_bytes);
}

/* Copies an element of a table into `element`; 0: there is none at this position, or the record is damaged. */
static inline int badger_element(const badger_record *record, badger_table table, uint32_t index, void *element, size_t size) {
    uint64_t start = table.offset + (uint64_t)index * table.stride;
    if (index >= table.count || table.stride == 0 || start + table.stride > record->record_bytes) {
        memset(element, 0, size);
        return 0;
    }
    badger_copy(element, size, record->bytes + start, table.stride);
    return 1;
}

/* Where a text begins, in UTF-8 without a zero behind it; empty when the record is damaged. */
static inline const char *badger_text_of(const badger_record *record, badger_text text, size_t *bytes) {
    if (text.bytes == 0 || (uint64_t)text.offset + text.bytes > record->record_bytes) {
        *bytes = 0;
        return "";
    }
    *bytes = text.bytes;
    return (const char *)record->bytes + text.offset;
}

/* A number of three bytes. */
static inline uint32_t badger_u24(const uint8_t number[3]) {
    return (uint32_t)number[0] | (uint32_t)number[1] << 8 | (uint32_t)number[2] << 16;
}

#endif
"#;
