//! Pure: the frame for many records in one answer. It is drawn on the path of a request; the records behind it are sent
//! from where they lie.
#![forbid(unsafe_code)]

use super::error::PocoError;
use super::record::{Element, List, RECORD_BYTES_MAX, Record, check_count, head_of};
use super::schema::{self, HEAD_BYTES, MANY, RECORD_ALIGN};
use std::mem::{offset_of, size_of};

/// Most records of one answer: the titles of some screens. The frame is then 4,136 bytes, and the answer some 500 KB.
pub const MANY_ENTRIES_MAX: usize = 256;
const ENTRY_BYTES: usize = size_of::<schema::ManyEntry>();
const TABLE_AT: usize = HEAD_BYTES + size_of::<schema::Many>();

/// How long the frame of so many entries is.
#[must_use]
pub const fn frame_bytes(entry_count: usize) -> usize {
    (TABLE_AT + entry_count * ENTRY_BYTES).next_multiple_of(RECORD_ALIGN)
}

/// Appends the frame to `out`: head, block and entries. The caller sends the records behind it, in the same order, as
/// they are. An entry is the number that was asked for and the length of its record, or none when there is no such
/// record. The caller bounds how many may be asked for by [`MANY_ENTRIES_MAX`].
///
/// Allocates nothing but what `out` grows by ([`frame_bytes`]).
///
/// # Errors
/// Too many entries, or a length that no record has; `out` is as it was.
pub fn frame(entries: &[(u32, Option<u64>)], out: &mut Vec<u8>) -> Result<(), PocoError> {
    check_count(entries.len(), MANY_ENTRIES_MAX, "records in one answer: ask in several requests", || {
        "entries".to_owned()
    })?;
    let start = frame_bytes(entries.len()) as u64;
    let mut end = start;
    for (index, bytes) in entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.1?))) {
        if bytes < HEAD_BYTES as u64 || bytes % RECORD_ALIGN as u64 != 0 {
            let what =
                format!("{bytes} bytes, and the length of a record is a multiple of 8, from 24 on; is it compressed?");
            return Err(PocoError::Field { field: format!("entries[{index}]"), what });
        }
        end = end.saturating_add(bytes);
        if end > RECORD_BYTES_MAX {
            let remedy = "bytes of records up to here: ask in several requests";
            let (field, limit) = (format!("entries[{index}]"), RECORD_BYTES_MAX);
            return Err(PocoError::TooMuch { field, found: end, limit, remedy });
        }
    }
    out.reserve(start as usize);
    let bottom = out.len();
    out.extend_from_slice(bytemuck::bytes_of(&head_of::<schema::Many>(&MANY, end as u32)));
    let (offset, count) = if entries.is_empty() { (0, 0) } else { (TABLE_AT as u32, entries.len() as u32) };
    let table = schema::Table { offset, count, stride: ENTRY_BYTES as u32 };
    out.extend_from_slice(bytemuck::bytes_of(&schema::Many { entries: table }));
    let mut offset = start as u32;
    for &(id, bytes) in entries {
        let entry = match bytes {
            Some(bytes) => schema::ManyEntry { id, status: 200, reserved: 0, offset, bytes: bytes as u32 },
            None => schema::ManyEntry { id, status: 404, reserved: 0, offset: 0, bytes: 0 },
        };
        out.extend_from_slice(bytemuck::bytes_of(&entry));
        offset += entry.bytes;
    }
    out.resize(bottom + start as usize, 0);
    Ok(())
}

/// Reads a frame with the records behind it.
#[derive(Clone, Copy)]
pub struct ManyView<'a> {
    record: Record<'a>,
    block: schema::Many,
}

impl<'a> ManyView<'a> {
    /// Checks the frame and where the records lie, not the records: hand each to its own view.
    ///
    /// # Errors
    /// Why it is no frame that this version can read, and where.
    pub fn new(bytes: &'a [u8]) -> Result<ManyView<'a>, PocoError> {
        let (record, block) = Record::open::<schema::Many>(bytes, &MANY)?;
        record.check_table(block.entries, offset_of!(schema::Many, entries))?;
        for (at, entry) in record.elements::<schema::ManyEntry>(block.entries) {
            if u64::from(entry.offset) + u64::from(entry.bytes) > bytes.len() as u64 {
                let offset = (at + offset_of!(schema::ManyEntry, offset)) as u64;
                return Err(PocoError::Damaged { offset, what: "an entry names bytes past the end of the answer" });
            }
        }
        Ok(ManyView { record, block })
    }

    /// One for each record that was asked for, in that order.
    #[must_use]
    pub fn entries(&self) -> List<'a, ManyEntry<'a>> {
        List::new(self.record, self.block.entries)
    }
}

impl std::fmt::Debug for ManyView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = self.entries();
        let list: Vec<_> =
            entries.iter().map(|entry| (entry.id, entry.status, entry.record.map(<[u8]>::len))).collect();
        f.debug_struct("ManyView").field("entries", &list).finish()
    }
}

/// One of many records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManyEntry<'a> {
    /// Number that was asked for.
    pub id: u32,
    /// 200, or 404 when there is none.
    pub status: u16,
    /// The bytes of the record; none: there is none.
    pub record: Option<&'a [u8]>,
}

impl<'a> Element<'a> for ManyEntry<'a> {
    fn read(list: &List<'a, ManyEntry<'a>>, index: usize) -> Option<ManyEntry<'a>> {
        let entry: schema::ManyEntry = list.record.element(list.table, index)?;
        let start = entry.offset as usize;
        let record = match entry.bytes {
            0 => None,
            bytes => list.record.bytes.get(start..start.checked_add(bytes as usize)?),
        };
        Some(ManyEntry { id: entry.id, status: entry.status, record })
    }
}
