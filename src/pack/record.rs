//! Pure: one record, its one validator, and what it says.
//!
//! ```text
//! head 24 | variant 48 (1..4 times) | key | for each variant: validators text, length text | zeros up to 16
//! ```
#![forbid(unsafe_code)]

use super::checked::{Checked, grow};
use super::error::LookupError;
use super::field::length_in_line;
use super::layout::*;
use super::view::Inner;
use bytemuck::Zeroable;

/// Bytes of a record that are read at once. One with one variant and a key of 60 bytes fits.
const FIRST_READ_BYTES: u64 = 256;

/// What a pack says about one key. Reusable: a warm one is filled without allocating.
#[derive(Clone, Debug)]
pub struct Record {
    /// At least `head.record_bytes` long; what is behind them is left over from before.
    buffer: Vec<u8>,
    head: RecordHead,
    /// Where the record lies in its section.
    place: u64,
}

impl Default for Record {
    fn default() -> Record {
        Record { buffer: Vec::new(), head: RecordHead::zeroed(), place: 0 }
    }
}

impl Record {
    /// The status of the answer: 200, or for example 301 or 404.
    #[inline]
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Its marks.
    #[inline]
    pub fn flags(&self) -> Flags {
        Flags(self.head.flags)
    }

    /// When the content was last changed, in seconds since 1970, if the maker of the pack said so.
    #[inline]
    pub fn last_modified(&self) -> Option<i64> {
        (self.head.flags & FLAG_LAST_MODIFIED != 0).then_some(self.head.last_modified)
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let start = RECORD_HEAD_BYTES + VARIANT_BYTES * self.variant_count();
        self.buffer.get(start..start + usize::from(self.head.key_bytes)).unwrap_or_default()
    }

    /// How many variants there are: 1 to 4 after a lookup that found something.
    #[inline]
    pub fn variant_count(&self) -> usize {
        usize::from(self.head.variant_count)
    }

    /// Variant number `index`, counted in the order of [`Record::variants`].
    #[inline]
    pub fn variant(&self, index: usize) -> Option<Variant<'_>> {
        (index < self.variant_count()).then(|| Variant { record: &self.buffer, row: self.row(index) })
    }

    /// The variants, in the order of [`Encoding::ALL`]; identity is the first.
    #[inline]
    pub fn variants(&self) -> impl ExactSizeIterator<Item = Variant<'_>> + '_ {
        (0..self.variant_count()).map(|index| Variant { record: &self.buffer, row: self.row(index) })
    }

    /// Where the record lies, counted from the start of the section of records.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// Leaves nothing to see: what was not validated must not be reachable.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.head = RecordHead::zeroed();
    }

    pub(super) fn bytes(&self) -> u64 {
        u64::from(self.head.record_bytes)
    }

    /// The bytes of the record as they lie in the file.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.buffer[..self.head.record_bytes as usize]
    }

    pub(super) fn head(&self) -> &RecordHead {
        &self.head
    }

    #[inline]
    pub(super) fn row(&self, index: usize) -> VariantRow {
        let start = RECORD_HEAD_BYTES + VARIANT_BYTES * index;
        bytemuck::pod_read_unaligned(&self.buffer[start..start + VARIANT_BYTES])
    }
}

/// The marks of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// The content at this key never changes: the server may say so to caches.
    pub fn immutable(self) -> bool {
        self.0 & FLAG_IMMUTABLE != 0
    }

    /// The payload is not in the pack; [`Variant::payload_offset`] is a number that the maker of the record understands.
    pub fn external(self) -> bool {
        self.0 & FLAG_EXTERNAL != 0
    }

    /// The marks as they lie in the file.
    pub fn bits(self) -> u16 {
        self.0
    }
}

/// One encoding of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Variant<'a> {
    record: &'a [u8],
    row: VariantRow,
}

impl<'a> Variant<'a> {
    /// How the payload is encoded.
    #[inline]
    pub fn encoding(&self) -> Encoding {
        Encoding::from_number(self.row.encoding).unwrap_or(Encoding::Identity) // others do not pass the validator
    }

    /// Where the payload lies, counted from the start of the file.
    #[inline]
    pub fn payload_offset(&self) -> u64 {
        self.row.payload_offset
    }

    /// How long the payload is.
    #[inline]
    pub fn payload_bytes(&self) -> u64 {
        self.row.payload_bytes
    }

    /// Hash of the payload (XXH3-128, most significant byte first): what the ETag says.
    #[inline]
    pub fn etag_hash(&self) -> &[u8; 16] {
        &self.row.etag_hash
    }

    /// The entity tag, with its quotes: 34 bytes.
    #[inline]
    pub fn etag(&self) -> &'a [u8] {
        let start = usize::from(self.row.text_offset) + ETAG_LINE_START.len() - 1;
        &self.record[start..start + 34]
    }

    /// Header lines that go with every answer, 304 and 206 too: `ETag`, `Last-Modified`, the entry's own fields.
    #[inline]
    pub fn validators(&self) -> &'a [u8] {
        let start = usize::from(self.row.text_offset);
        &self.record[start..start + usize::from(self.row.validators_bytes)]
    }

    /// The line `Content-Length: N`, with its line end.
    #[inline]
    pub fn length_line(&self) -> &'a [u8] {
        let start = usize::from(self.row.text_offset) + usize::from(self.row.validators_bytes);
        &self.record[start..start + usize::from(self.row.length_line_bytes)]
    }

    /// [`Variant::validators`] and [`Variant::length_line`], which lie together: all that a full answer sends.
    #[inline]
    pub fn lines(&self) -> &'a [u8] {
        let start = usize::from(self.row.text_offset);
        &self.record[start..start + usize::from(self.row.validators_bytes) + usize::from(self.row.length_line_bytes)]
    }

    /// The number of its shared text, for [`super::Pack::class`].
    #[inline]
    pub fn class(&self) -> u16 {
        self.row.class
    }
}

impl Inner {
    /// Reads the record at `place` of its section and believes as much of it as [`Record::key`] needs.
    #[inline]
    pub(super) fn read_record(
        &self,
        place: u64,
        checked: &mut Checked,
        record: &mut Record,
    ) -> Result<(), LookupError> {
        let records = self.map.records;
        let room = records.bytes.saturating_sub(place);
        if room < RECORD_HEAD_BYTES as u64 {
            return Err(self.damaged(records.end(), "a record goes past its section"));
        }
        let offset = records.offset + place;
        self.ensure_pages(offset, RECORD_HEAD_BYTES as u64, checked)?;
        // At least the head: its pages were ensured.
        let first =
            self.readable_bytes(offset, FIRST_READ_BYTES.min(room), checked).max(RECORD_HEAD_BYTES as u64) as usize;
        grow(&mut record.buffer, first);
        record.clear(); // so that an error leaves nothing to see
        self.read(offset, &mut record.buffer[..first])?;
        let head: RecordHead = bytemuck::pod_read_unaligned(&record.buffer[..RECORD_HEAD_BYTES]);
        let bytes = head.record_bytes as usize;
        let needed = RECORD_HEAD_BYTES + VARIANT_BYTES * usize::from(head.variant_count) + usize::from(head.key_bytes);
        if bytes as u64 > room || bytes > RECORD_BYTES_MAX || bytes < needed || bytes as u64 % RECORD_ALIGN != 0 {
            return Err(self.damaged(offset, "the length of a record is impossible"));
        }
        if !(1..=VARIANTS_MAX).contains(&usize::from(head.variant_count)) {
            return Err(self.damaged(offset, "a record must have 1 to 4 variants"));
        }
        self.ensure_pages(offset, bytes as u64, checked)?;
        if bytes > first {
            grow(&mut record.buffer, bytes);
            self.read(offset + first as u64, &mut record.buffer[first..bytes])?;
        }
        record.head = head;
        record.place = place;
        Ok(())
    }

    /// Whether all that the record says can be used as it is: this is what makes the accessors safe to call.
    #[inline]
    pub(super) fn check_record(&self, record: &Record) -> Result<(), LookupError> {
        match self.fault_of(record) {
            None => Ok(()),
            Some(what) => Err(self.damaged(self.map.records.offset + record.place, what)),
        }
    }

    fn fault_of(&self, record: &Record) -> Option<&'static str> {
        let head = record.head();
        let external = head.flags & FLAG_EXTERNAL != 0;
        if !status_is_servable(head.status) {
            return Some("the status of a record must be that of an answer with a body of its own");
        }
        if external && !self.map.external {
            return Some("a record names a payload outside the pack");
        }
        if head.flags & FLAG_LAST_MODIFIED != 0 && !(0..=LAST_MODIFIED_MAX).contains(&head.last_modified) {
            return Some("the time of a record is outside the years 1970 to 9999");
        }
        let texts_start = RECORD_HEAD_BYTES + VARIANT_BYTES * record.variant_count() + usize::from(head.key_bytes);
        let mut lowest = 0; // encoding of this variant, or above
        for index in 0..record.variant_count() {
            let row = record.row(index);
            if row.encoding < lowest || usize::from(row.encoding) >= VARIANTS_MAX || (index == 0 && row.encoding != 0) {
                return Some("the encodings of a record must begin with identity and ascend");
            }
            lowest = row.encoding + 1;
            if usize::from(row.class) >= self.map.class_count {
                return Some("a record names a class that is not there");
            }
            let start = usize::from(row.text_offset);
            let middle = start + usize::from(row.validators_bytes);
            let end = middle + usize::from(row.length_line_bytes);
            if start < texts_start || end > head.record_bytes as usize {
                return Some("the text of a record lies outside it");
            }
            let (validators, length_line) = (&record.buffer[start..middle], &record.buffer[middle..end]);
            let shape = validators.len() >= ETAG_LINE_BYTES
                && validators.starts_with(ETAG_LINE_START)
                && validators[..ETAG_LINE_BYTES].ends_with(ETAG_LINE_END)
                && validators.ends_with(b"\r\n");
            if !shape || length_in_line(length_line) != Some(row.payload_bytes) {
                return Some("the text of a record does not fit it");
            }
            if !external && !self.map.payloads.holds(row.payload_offset, row.payload_bytes) {
                return Some("a payload lies outside its section");
            }
        }
        None
    }
}
