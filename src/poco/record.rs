//! Pure: how every record is opened and written: head, block, tables, texts.
//!
//! A record lies as `head | block | tables in the order of the block | texts | zeros up to a multiple of 8`. A writer
//! first reserves its tables, so that it knows where texts begin, then fills them. Equal texts are stored once.
#![forbid(unsafe_code)]

use super::error::PocoError;
use super::schema::{HEAD_BYTES, MAJOR, MINOR, RECORD_ALIGN, RecordHead, RecordKind, Struct, Table, Text, record_kind};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Longest text: 64 KiB, twenty times the longest synopsis that we have seen; one that is longer is a mistake in the
/// input, and would be in every answer.
pub const TEXT_BYTES_MAX: u64 = 64 * 1024;
/// Longest record: 1 GiB. Offsets are 32 bits wide, and what a device can hold ends far below.
pub const RECORD_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The bytes of a record whose head was checked.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Checks the head, and that these bytes are one whole record of this kind; gives it and its block.
    pub(super) fn open<S: Struct>(bytes: &'a [u8], kind: &RecordKind) -> Result<(Record<'a>, S), PocoError> {
        let found = bytes.len() as u64;
        let Some(start) = bytes.first_chunk::<HEAD_BYTES>() else {
            return Err(PocoError::Bytes { expected: HEAD_BYTES as u64, found });
        };
        let head = RecordHead::read(start);
        if head.magic != kind.magic {
            return Err(match record_kind(head.magic) {
                Some(other) => PocoError::OtherRecord { expected: kind.name, found: other.name },
                None => PocoError::NotARecord { found: head.magic },
            });
        }
        if head.major != MAJOR {
            return Err(PocoError::Version { major: head.major });
        }
        if u64::from(head.record_bytes) != found {
            return Err(PocoError::Bytes { expected: u64::from(head.record_bytes), found });
        }
        match bytes[HEAD_BYTES..].get(..head.block_bytes as usize) {
            Some(block) => Ok((Record { bytes }, S::read(block))),
            None => Err(PocoError::Damaged { offset: 12, what: "the block goes past the end of the record" }),
        }
    }

    /// Checks that a table lies in the record; `at` is where its field is in the block.
    pub(super) fn check_table(self, table: Table, at: usize) -> Result<(), PocoError> {
        if table.count == 0 {
            return Ok(());
        }
        let offset = (HEAD_BYTES + at) as u64;
        if table.stride == 0 {
            return Err(PocoError::Damaged { offset, what: "the elements of a table have no length" });
        }
        let bytes = u64::from(table.count) * u64::from(table.stride);
        if u64::from(table.offset) + bytes > self.bytes.len() as u64 {
            return Err(PocoError::Damaged { offset, what: "a table goes past the end of the record" });
        }
        Ok(())
    }

    /// The text, checked; `at` is where its field is in the record.
    pub(super) fn checked_text(self, text: Text, at: usize) -> Result<&'a str, PocoError> {
        let damaged = |what| PocoError::Damaged { offset: at as u64, what };
        let bytes = self.span(text).ok_or(damaged("a text goes past the end of the record"))?;
        std::str::from_utf8(bytes).map_err(|_| damaged("a text is not UTF-8"))
    }

    /// The text; empty when it is damaged. Views that were checked have none that is.
    pub(super) fn text(self, text: Text) -> &'a str {
        self.span(text).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn span(self, text: Text) -> Option<&'a [u8]> {
        if text.bytes == 0 {
            return Some(&[]);
        }
        let start = text.offset as usize;
        self.bytes.get(start..start.checked_add(text.bytes as usize)?)
    }

    /// The element of a table; none: there are fewer, or the table does not lie in the record.
    pub(super) fn element<S: Struct>(self, table: Table, index: usize) -> Option<S> {
        if index >= table.count as usize {
            return None;
        }
        let start = self.element_at(table, index)?;
        Some(S::read(self.bytes.get(start..start.checked_add(table.stride as usize)?)?))
    }

    /// Where an element begins.
    pub(super) fn element_at(self, table: Table, index: usize) -> Option<usize> {
        index.checked_mul(table.stride as usize)?.checked_add(table.offset as usize)
    }

    /// All elements with their places, for checks.
    pub(super) fn elements<S: Struct>(self, table: Table) -> impl Iterator<Item = (usize, S)> + 'a {
        (0..table.count as usize)
            .map_while(move |index| Some((self.element_at(table, index)?, self.element(table, index)?)))
    }
}

/// What a [`List`] gives: an element of a table as callers see it.
pub trait Element<'a>: Sized {
    /// Reads one; none: there is none at this position.
    #[doc(hidden)]
    fn read(list: &List<'a, Self>, index: usize) -> Option<Self>;
}

/// The elements of a table of a record. Copying it copies no element.
pub struct List<'a, T> {
    pub(super) record: Record<'a>,
    pub(super) table: Table,
    /// What the elements refer to: the items, for rows.
    pub(super) context: Table,
    element: PhantomData<fn() -> T>,
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<'a, T> List<'a, T> {
    pub(super) fn new(record: Record<'a>, table: Table) -> List<'a, T> {
        List { record, table, context: Table::default(), element: PhantomData }
    }

    pub(super) fn with_context(self, context: Table) -> List<'a, T> {
        List { context, ..self }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.count == 0
    }
}

impl<'a, T: Element<'a>> List<'a, T> {
    /// The element at a position, in constant time.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<T> {
        T::read(self, index)
    }

    /// All of them in their order.
    #[must_use]
    pub fn iter(&self) -> Iter<'a, T> {
        Iter { list: *self, index: 0 }
    }
}

impl<'a, T: Element<'a> + std::fmt::Debug> std::fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Element<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Element<'a>> IntoIterator for &List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Walks through a [`List`].
pub struct Iter<'a, T> {
    list: List<'a, T>,
    index: usize,
}

impl<'a, T: Element<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let element = self.list.get(self.index)?;
        self.index += 1;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // A damaged list of a trusted record may end early.
        (0, Some(self.list.len() - self.index))
    }
}

/// A record in the making.
pub(super) struct RecordWriter<'a> {
    bytes: Vec<u8>,
    texts: Vec<u8>,
    places: BTreeMap<&'a str, Text>,
}

impl<'a> RecordWriter<'a> {
    /// Begins a record that has this block.
    pub(super) fn new<S: Struct>() -> RecordWriter<'a> {
        RecordWriter { bytes: vec![0; HEAD_BYTES + S::SCHEMA.bytes], texts: Vec::new(), places: BTreeMap::new() }
    }

    /// Makes room for a table. All tables come before the first text.
    pub(super) fn reserve<S: Struct>(&mut self, field: &str, count: usize) -> Result<Table, PocoError> {
        assert!(self.texts.is_empty(), "a table is reserved before the first text, so that texts know where they are");
        let stride = S::SCHEMA.bytes;
        if count == 0 {
            return Ok(Table { offset: 0, count: 0, stride: stride as u32 });
        }
        let offset = self.bytes.len();
        let end = (count as u64).saturating_mul(stride as u64).saturating_add(offset as u64);
        if end > RECORD_BYTES_MAX {
            return Err(too_long(field, end));
        }
        self.bytes.resize(end as usize, 0);
        Ok(Table { offset: offset as u32, count: count as u32, stride: stride as u32 })
    }

    /// Writes an element of a table that was reserved.
    pub(super) fn put<S: Struct>(&mut self, table: Table, index: usize, element: &S) {
        let start = table.offset as usize + index * table.stride as usize;
        self.bytes[start..start + S::SCHEMA.bytes].copy_from_slice(bytemuck::bytes_of(element));
    }

    /// The place of a text, which is stored unless an equal one is there. `field` names it in errors.
    pub(super) fn text(&mut self, text: &'a str, field: impl FnOnce() -> String) -> Result<Text, PocoError> {
        if text.is_empty() {
            return Ok(Text::default());
        }
        if let Some(place) = self.places.get(text) {
            return Ok(*place);
        }
        let bytes = text.len() as u64;
        if bytes > TEXT_BYTES_MAX {
            let remedy = "bytes in UTF-8: shorten it";
            return Err(PocoError::TooMuch { field: field(), found: bytes, limit: TEXT_BYTES_MAX, remedy });
        }
        let offset = (self.bytes.len() + self.texts.len()) as u64;
        if offset + bytes > RECORD_BYTES_MAX {
            return Err(too_long(&field(), offset + bytes));
        }
        let place = Text { offset: offset as u32, bytes: bytes as u32 };
        self.texts.extend_from_slice(text.as_bytes());
        self.places.insert(text, place);
        Ok(place)
    }

    /// Ends the record.
    pub(super) fn finish<S: Struct>(mut self, kind: &RecordKind, block: &S) -> Vec<u8> {
        self.bytes.append(&mut self.texts);
        self.bytes.resize(self.bytes.len().next_multiple_of(RECORD_ALIGN), 0);
        let head = head_of::<S>(kind, self.bytes.len() as u32);
        self.bytes[..HEAD_BYTES].copy_from_slice(bytemuck::bytes_of(&head));
        self.bytes[HEAD_BYTES..HEAD_BYTES + S::SCHEMA.bytes].copy_from_slice(bytemuck::bytes_of(block));
        self.bytes
    }
}

/// The head of a record of this version.
pub(super) fn head_of<S: Struct>(kind: &RecordKind, record_bytes: u32) -> RecordHead {
    let block_bytes = S::SCHEMA.bytes as u32;
    RecordHead { magic: kind.magic, major: MAJOR, minor: MINOR, record_bytes, block_bytes, reserved: [0; 8] }
}

fn too_long(field: &str, found: u64) -> PocoError {
    let remedy = "bytes of record up to here: split the input into several records";
    PocoError::TooMuch { field: field.to_owned(), found, limit: RECORD_BYTES_MAX, remedy }
}

/// Refuses more elements than there may be.
pub(super) fn check_count(
    found: usize,
    limit: usize,
    remedy: &'static str,
    field: impl FnOnce() -> String,
) -> Result<(), PocoError> {
    if found <= limit {
        return Ok(());
    }
    Err(PocoError::TooMuch { field: field(), found: found as u64, limit: limit as u64, remedy })
}

/// A number that may be unknown, as it lies in a record: 255 then.
pub(super) fn number_or_unknown(
    number: Option<u8>,
    limit: u8,
    field: impl FnOnce() -> String,
) -> Result<u8, PocoError> {
    match number {
        None => Ok(255),
        Some(number) if number <= limit => Ok(number),
        Some(number) => Err(PocoError::Field {
            field: field(),
            what: format!("{number} is not in 0 to {limit}; correct it, or leave it out when it is unknown"),
        }),
    }
}

/// A number of a record that may be unknown.
pub(super) fn known(number: u8) -> Option<u8> {
    (number != 255).then_some(number)
}

/// Refuses the id 0, which would mean "none".
pub(super) fn check_id(id: u32, field: impl FnOnce() -> String) -> Result<(), PocoError> {
    if id != 0 {
        return Ok(());
    }
    Err(PocoError::Field { field: field(), what: "0 is no id; ids are 1 to 4294967295".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poco::schema;

    /// Far too many elements are refused before any room is made for them.
    #[test]
    fn a_record_has_an_end() {
        let mut writer = RecordWriter::new::<schema::Catalogue>();
        for count in [33_554_432, usize::MAX] {
            let error = writer.reserve::<schema::Card>("cards", count).unwrap_err();
            let is_right = matches!(&error, PocoError::TooMuch { field, limit: RECORD_BYTES_MAX, found, .. }
                if field == "cards" && *found > RECORD_BYTES_MAX);
            assert!(is_right, "{error}");
        }
        assert_eq!(writer.bytes.len(), HEAD_BYTES + 32);
    }

    #[test]
    fn numbers_that_may_be_unknown_are_255_then() {
        let field = || "x".to_owned();
        assert_eq!(number_or_unknown(None, 100, field), Ok(255));
        assert_eq!(number_or_unknown(Some(100), 100, field), Ok(100));
        assert_eq!([0, 254, 255].map(known), [Some(0), Some(254), None]);
    }

    #[test]
    fn three_bytes_hold_24_bits() {
        for number in [0, 1, 255, 256, 65_535, 65_536, 0xff_ff_ff] {
            assert_eq!(schema::U24::new(number).get(), number);
        }
    }
}
