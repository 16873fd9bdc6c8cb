//! Pure: an open pack and its parts. Opening reads the header page and the class table, whatever the number of keys.
#![forbid(unsafe_code)]

use super::checked::Checked;
use super::error::{LookupError, PackError};
use super::field::is_lines;
use super::layout::*;
use super::open::{Access, check_header, check_magic, check_trailer};
use super::record::Record;
use super::source::Source;
use std::ops::Range;
use std::sync::Arc;

/// An open pack. A clone is another handle to the same one.
///
/// ```
/// use badgerserver::pack::{Encoding, Entry, Pack, PackWriter, Record, WriterOptions};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut file, mut spool) = (std::io::Cursor::new(Vec::new()), std::io::Cursor::new(Vec::new()));
/// let mut writer = PackWriter::create(&mut file, &mut spool, WriterOptions::default())?;
/// let bodies: &[(Encoding, &[u8])] = &[(Encoding::Identity, b"hello")];
/// writer.add(Entry { key: "/hi", content_type: "text/plain", bodies, ..Entry::default() })?;
/// writer.finish()?;
///
/// let pack = Pack::from_bytes(file.into_inner())?;
/// let (mut checked, mut record, mut scratch) = (pack.checked(), Record::default(), Vec::new());
/// assert!(pack.lookup(b"/hi", &mut checked, &mut record)?);
/// let variant = record.variants().next().unwrap();
/// pack.check_payload(&mut checked, variant.payload_offset(), variant.payload_bytes(), &mut scratch)?;
/// let mut body = vec![0; variant.payload_bytes() as usize];
/// pack.read_payload(variant.payload_offset(), &mut body)?;
/// assert_eq!(body, b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pack {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) source: Arc<dyn Source>,
    pub(super) map: Map,
    info: Info,
    classes: Classes,
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Major version of the format.
    pub major: u16,
    /// Minor version of the format.
    pub minor: u16,
    /// Features without which the pack cannot be read.
    pub incompatible: u64,
    /// Features that a reader may ignore.
    pub compatible: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// Hash of the content, 32 hexadecimal digits: equal for equal content, whoever made it and when.
    pub content_id: String,
    /// Who made the pack.
    pub creator: String,
    /// The caller's number for this state of the content.
    pub sequence: u64,
    /// Which shard this is, from 0.
    pub shard_index: u32,
    /// How many shards there are.
    pub shard_count: u32,
    /// The hash by which keys are dealt to shards.
    pub shard_hash: String,
    /// Keys in the pack.
    pub key_count: u64,
    /// Bytes of payload under one checksum.
    pub chunk_bytes: u64,
    /// Bytes of index under one checksum.
    pub page_bytes: u64,
    /// Bits of a key's hash that choose its bucket.
    pub radix_bits: u8,
    /// Room for a signature, all zero in this version.
    pub signature: Vec<u8>,
    /// The section table.
    pub sections: Vec<SectionInfo>,
}

/// A row of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionInfo {
    /// Which section it is; `None` for one that a newer version added.
    pub section: Option<Section>,
    /// Its number in the table.
    pub kind: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// How many things it holds.
    pub items: u64,
}

/// Header text that many entries share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class<'a> {
    /// Lines that go with every answer, 304 too: `Vary`.
    pub always: &'a [u8],
    /// Lines that go with content: `Content-Type`, `Content-Encoding`, `Accept-Ranges`.
    pub content: &'a [u8],
}

/// The class table in memory: rows whose texts were checked to lie inside.
struct Classes {
    bytes: Vec<u8>,
    rows: Vec<ClassRow>,
}

impl Pack {
    /// Opens a pack: O(1), whatever the number of keys. Reads the header page, the class table (at most 64 KiB) and the last
    /// page.
    ///
    /// # Errors
    /// What is wrong with these parts. The others are checked when they are first touched, or all by
    /// [`Pack::verify`].
    pub fn from_source(source: Arc<dyn Source>) -> Result<Pack, PackError> {
        Pack::open_with(source, Access::Public)
    }

    /// Opens a pack that lies in memory.
    ///
    /// # Errors
    /// As [`Pack::from_source`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Pack, PackError> {
        Pack::from_source(Arc::new(bytes.into()))
    }

    /// Opens a pack that the library made for itself: it may name payloads outside the file.
    pub(crate) fn from_source_private(source: Arc<dyn Source>) -> Result<Pack, PackError> {
        Pack::open_with(source, Access::Private)
    }

    fn open_with(source: Arc<dyn Source>, access: Access) -> Result<Pack, PackError> {
        let file_bytes = source.len();
        let mut page = [0; HEADER_BYTES as usize];
        if file_bytes < HEADER_BYTES {
            let start = &mut page[..file_bytes.min(8) as usize];
            source.read_at(0, start).map_err(PackError::Read)?;
            check_magic(start)?;
            return Err(PackError::FileBytes { expected: HEADER_BYTES, found: file_bytes });
        }
        source.read_at(0, &mut page).map_err(PackError::Read)?;
        let (map, info) = check_header(&page, file_bytes, access)?;
        check_trailer(source.as_ref(), &map)?;
        let inner = Inner { source, map, info, classes: Classes { bytes: Vec::new(), rows: Vec::new() } };
        let bytes = inner.read_class_table().map_err(PackError::Classes)?;
        let classes = Classes::check(bytes, &map).map_err(PackError::Classes)?;
        Ok(Pack { inner: Arc::new(Inner { classes, ..inner }) })
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.inner.source
    }

    /// What the header says.
    pub fn info(&self) -> &Info {
        &self.inner.info
    }

    /// The part that lookups read, from the records to the end of the file: what a 32-bit machine has to map.
    pub fn index_range(&self) -> Range<u64> {
        self.inner.map.records.offset..self.inner.info.file_bytes
    }

    /// A fresh note of what has been verified: nothing. Each worker keeps one.
    pub fn checked(&self) -> Checked {
        Checked::new(self)
    }

    /// The shared text of a variant ([`super::Variant::class`]).
    ///
    /// # Panics
    /// If the number did not come from a record of this pack.
    #[inline]
    pub fn class(&self, class: u16) -> Class<'_> {
        let classes = &self.inner.classes;
        let row = classes.rows[usize::from(class)];
        let start = row.text_offset as usize;
        let middle = start + usize::from(row.always_bytes);
        Class {
            always: &classes.bytes[start..middle],
            content: &classes.bytes[middle..middle + usize::from(row.content_bytes)],
        }
    }

    /// How many classes there are.
    pub fn class_count(&self) -> usize {
        self.inner.classes.rows.len()
    }

    /// Reads payload bytes into `into`, from byte `offset` of the file. Verifies nothing: see
    /// [`Pack::check_payload`].
    ///
    /// # Errors
    /// When the bytes are not all payload, or cannot be read.
    pub fn read_payload(&self, offset: u64, into: &mut [u8]) -> Result<(), LookupError> {
        let bytes = into.len() as u64;
        if !self.inner.map.payloads.holds(offset, bytes) {
            return Err(LookupError::OutOfRange { offset, bytes });
        }
        self.inner.read(offset, into)?;
        self.inner.ensure_whole()
    }

    /// All records in the order in which their entries were added. Stops after the first error.
    pub fn entries(&self) -> Entries {
        Entries { pack: self.clone(), checked: self.checked(), place: 0 }
    }
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pack").field("info", &self.inner.info).finish_non_exhaustive()
    }
}

impl Inner {
    #[inline]
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), LookupError> {
        self.source.read_at(offset, into).map_err(|error| LookupError::Read { offset, error })
    }

    /// Asks whether what was read can be believed.
    #[inline]
    pub(super) fn ensure_whole(&self) -> Result<(), LookupError> {
        self.source.is_whole().map_err(|error| LookupError::Read { offset: self.map.trailer.offset, error })
    }

    pub(super) fn damaged(&self, offset: u64, what: &'static str) -> LookupError {
        LookupError::Damaged { section: self.map.section_at(offset), offset, what }
    }

    /// The class table, after its pages were verified.
    fn read_class_table(&self) -> Result<Vec<u8>, LookupError> {
        let span = self.map.classes;
        let mut page = vec![0; PAGE_BYTES as usize];
        for number in self.page_numbers(span.offset, span.bytes) {
            self.verify_page(number, &mut page)?;
        }
        let mut bytes = vec![0; span.bytes as usize]; // at most CLASS_BYTES_MAX
        self.read(span.offset, &mut bytes)?;
        Ok(bytes)
    }
}

impl Classes {
    fn check(bytes: Vec<u8>, map: &Map) -> Result<Classes, LookupError> {
        let (table, _) = bytes.split_at(map.class_count * CLASS_ROW_BYTES);
        let rows: Vec<ClassRow> = table.chunks_exact(CLASS_ROW_BYTES).map(bytemuck::pod_read_unaligned).collect();
        for (number, row) in rows.iter().enumerate() {
            let start = row.text_offset as usize;
            let (always, content) = (usize::from(row.always_bytes), usize::from(row.content_bytes));
            let text = start.checked_add(always + content).and_then(|end| bytes.get(start..end));
            let offset = map.classes.offset + (number * CLASS_ROW_BYTES) as u64;
            let damaged = |what| LookupError::Damaged { section: Section::Classes, offset, what };
            let text = text.ok_or(damaged("the text of a class goes past the table"))?;
            if start < table.len() || !is_lines(&text[..always]) || !is_lines(&text[always..]) {
                return Err(damaged("the text of a class is not header lines"));
            }
        }
        Ok(Classes { bytes, rows })
    }
}

/// Walks over all records ([`Pack::entries`]).
#[derive(Debug)]
pub struct Entries {
    pack: Pack,
    checked: Checked,
    place: u64,
}

impl Iterator for Entries {
    type Item = Result<Record, LookupError>;

    fn next(&mut self) -> Option<Result<Record, LookupError>> {
        if self.place >= self.pack.inner.map.records.bytes {
            return None;
        }
        let mut record = Record::default();
        let result = self.pack.inner.read_record(self.place, &mut self.checked, &mut record);
        let result = result.and_then(|()| self.pack.inner.check_record(&record));
        match result {
            Ok(()) => {
                self.place += record.bytes();
                Some(Ok(record))
            }
            Err(error) => {
                self.place = u64::MAX;
                Some(Err(error))
            }
        }
    }
}
