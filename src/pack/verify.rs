//! Pure: the whole-file examination: every checksum, and every rule of `FORMAT.md` that a lookup takes on trust.
//!
//! ```text
//! header       what is reserved is zero
//! index        every page has its checksum; their hash is the content id; zeros between the sections
//! payloads     every chunk has its checksum
//! records      every one parses, says about itself what its payload says, and is found under its key;
//!              payloads lie in the order in which records first name them, with nothing but zeros between
//! radix, slots cover all keys, sorted
//! ```
//! Memory does not grow with the number of keys: one bit for each page and chunk, and a small table of payloads seen.
#![forbid(unsafe_code)]

use super::checked::{Bits, Checked, PAGE_DIFFERS};
use super::error::LookupError;
use super::field::is_lines;
use super::key;
use super::layout::*;
use super::open::check_trailer;
use super::record::Record;
use super::view::{Inner, Pack};
use std::mem::size_of;
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh64::xxh64;

/// Problems that are told one by one; more are counted.
const PROBLEMS_MAX: usize = 1000;
/// Bytes between two calls that report progress.
const PROGRESS_BYTES: u64 = 1024 * 1024;
/// Bytes that are read at once.
const READ_BYTES: u64 = 64 * 1024;
/// Payloads whose hash is remembered, so that one which many keys share is not hashed for each.
const SEEN_PAYLOADS: usize = 4096;

/// What [`Pack::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// What is wrong, in the order of discovery; at most 1,000.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub problems_left_out: u64,
    /// Records that were read.
    pub records: u64,
    /// Bytes that were read, some of them twice.
    pub bytes: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The part of the pack it is in.
    pub section: Section,
    /// Where, counted from the start of the file.
    pub offset: u64,
    /// What it is.
    pub what: String,
    /// The key whose answer it spoils, if one is known.
    pub key: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {} ({}): {}", self.offset, self.section, self.what)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, ": {key:?}"))
    }
}

impl Pack {
    /// Reads the whole pack and tells everything that is wrong with it. `progress` is called now and then with the bytes
    /// done and the bytes in all.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> VerifyReport {
        let map = &self.inner.map;
        let mut examination = Examination {
            pack: self,
            checked: self.checked(),
            bad_chunks: Bits::new(map.chunk_count()),
            report: VerifyReport::default(),
            scratch: Vec::new(),
            seen: vec![None; SEEN_PAYLOADS],
            payloads_end: map.payloads.offset,
            done: 0,
            told: 0,
            total: self.info().file_bytes + map.records.bytes + map.slots.bytes,
            progress,
        };
        examination.header();
        examination.index();
        examination.chunks();
        examination.records();
        examination.slots();
        let Examination { mut report, progress, total, .. } = examination;
        report.bytes = total;
        progress(total, total);
        report
    }
}

struct Examination<'a> {
    pack: &'a Pack,
    checked: Checked,
    bad_chunks: Bits,
    report: VerifyReport,
    scratch: Vec<u8>,
    /// Payloads whose hash was computed: offset, bytes, hash.
    seen: Vec<Option<(u64, u64, [u8; 16])>>,
    /// One past the last payload byte that a record has named.
    payloads_end: u64,
    done: u64,
    told: u64,
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Examination<'_> {
    fn inner(&self) -> &Inner {
        &self.pack.inner
    }

    fn problem(&mut self, offset: u64, what: &str, key: Option<&[u8]>) {
        if self.report.problems.len() == PROBLEMS_MAX {
            self.report.problems_left_out += 1;
            return;
        }
        let section = self.inner().map.section_at(offset);
        let key = key.map(|key| String::from_utf8_lossy(key).into_owned());
        self.report.problems.push(Problem { section, offset, what: what.to_owned(), key });
    }

    fn error(&mut self, error: LookupError, key: Option<&[u8]>) {
        match error {
            LookupError::Damaged { offset, what, .. } => self.problem(offset, what, key),
            LookupError::Read { offset, error } => self.problem(offset, &format!("could not be read: {error}"), key),
            LookupError::OutOfRange { offset, .. } => self.problem(offset, "is not payload", key),
            LookupError::NotInMemory { offset, .. } => self.problem(offset, "is not in memory", key),
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.done - self.told >= PROGRESS_BYTES {
            self.told = self.done;
            (self.progress)(self.done.min(self.total), self.total);
        }
    }

    /// Hands out the bytes of a stretch of the file in pieces; false when they cannot be read, which is a problem then.
    fn each_piece(&mut self, offset: u64, bytes: u64, take: &mut dyn FnMut(&[u8])) -> bool {
        let mut piece = vec![0; READ_BYTES.min(bytes) as usize];
        let mut at = offset;
        while at < offset + bytes {
            let count = READ_BYTES.min(offset + bytes - at) as usize;
            if let Err(error) = self.inner().read(at, &mut piece[..count]) {
                self.error(error, None);
                return false;
            }
            take(&piece[..count]);
            at += count as u64;
        }
        true
    }

    fn zeros(&mut self, offset: u64, bytes: u64, what: &str) {
        let mut zero = true;
        if self.each_piece(offset, bytes, &mut |piece| zero &= piece.iter().all(|&byte| byte == 0)) && !zero {
            self.problem(offset, what, None);
        }
    }

    /// A newer minor version may use what this one leaves zero.
    fn is_of_a_newer_minor(&self) -> bool {
        self.pack.info().minor > MINOR
    }

    fn header(&mut self) {
        if !self.is_of_a_newer_minor() {
            let used = size_of::<Header>() as u64;
            self.zeros(used, HEADER_CHECKSUM_AT as u64 - used, "what is reserved in the header is not zero");
        }
        self.advance(HEADER_BYTES);
    }

    fn index(&mut self) {
        let map = self.inner().map;
        let mut page = vec![0; PAGE_BYTES as usize];
        for number in 0..map.page_count() {
            if let Err(error) = self.inner().verify_page(number, &mut page) {
                self.error(error, None);
            }
            self.advance(PAGE_BYTES + 8);
        }
        let mut hasher = Xxh3::new();
        let whole = self.each_piece(map.page_sums.offset, map.page_sums.bytes, &mut |piece| hasher.update(piece));
        if whole && hex(&hasher.digest128().to_be_bytes()) != self.pack.info().content_id {
            self.problem(map.page_sums.offset, "the page checksums do not give the content id of the header", None);
        }
        if let Err(error) = check_trailer(self.inner().source.as_ref(), &map) {
            self.problem(map.page_sums.offset + map.page_sums.bytes, &error.to_string(), None);
        }
        let mut end = map.records.offset;
        for row in self.pack.info().sections.iter().filter(|row| row.offset >= map.records.offset) {
            self.zeros(end, row.offset - end, "the padding between two sections is not zero");
            end = row.offset + row.bytes;
        }
    }

    fn chunks(&mut self) {
        for chunk in 0..self.inner().map.chunk_count() {
            let mut scratch = std::mem::take(&mut self.scratch);
            let result = self.inner().verify_chunk(chunk, &mut scratch);
            self.scratch = scratch;
            if let Err(error) = result {
                self.bad_chunks.set(chunk);
                self.error(error, None);
            }
            self.advance(self.inner().map.chunk_span(chunk).bytes);
        }
    }

    fn records(&mut self) {
        let map = self.inner().map;
        let (mut record, mut found) = (Record::default(), Record::default());
        let mut place = 0;
        while place < map.records.bytes {
            let read = self.pack.inner.read_record(place, &mut self.checked, &mut record);
            match read.and_then(|()| self.pack.inner.check_record(&record)) {
                Ok(()) => {
                    self.report.records += 1;
                    self.record(&record, &mut found);
                    place += record.bytes();
                    self.advance(record.bytes());
                }
                Err(_) if self.report.problems.len() == PROBLEMS_MAX => break,
                // The length of this record is not to be trusted, so the slots say where the next one begins.
                Err(LookupError::Damaged { offset, what: PAGE_DIFFERS, .. }) => {
                    let page_end = offset - map.records.offset + PAGE_BYTES;
                    place = self.next_place(page_end - 1); // the page was told before
                }
                Err(error) => {
                    self.error(error, None);
                    place = self.next_place(place);
                }
            }
        }
        if self.report.is_good() && self.report.records != map.key_count {
            self.problem(map.records.offset, "there are not as many records as keys", None);
        }
        if self.report.is_good() {
            self.zeros(
                self.payloads_end,
                map.payloads.end() - self.payloads_end,
                "bytes of payload that no record names",
            );
        }
    }

    /// The lowest place after `place` that a slot names: where the next record must begin.
    fn next_place(&mut self, place: u64) -> u64 {
        let map = self.inner().map;
        let mut next = u64::MAX;
        self.each_piece(map.slots.offset, map.slots.bytes, &mut |piece| {
            let places = piece
                .chunks_exact(8)
                .map(|slot| (bytemuck::pod_read_unaligned::<u64>(slot) & PLACE_MASK) * RECORD_ALIGN);
            next = next.min(places.filter(|&other| other > place).min().unwrap_or(u64::MAX));
        });
        next
    }

    fn record(&mut self, record: &Record, found: &mut Record) {
        let offset = self.inner().map.records.offset + record.place();
        let key = record.key();
        if !std::str::from_utf8(key).is_ok_and(|key| key::validate(key).is_ok()) {
            self.problem(offset, "the key breaks a rule for keys", Some(key));
        }
        match self.pack.lookup(key, &mut self.checked, found) {
            Ok(true) if found.place() == record.place() => {}
            Ok(true) => self.problem(offset, "another record has the same key", Some(key)),
            Ok(false) => self.problem(offset, "this key is not found", Some(key)),
            Err(error) => self.error(error, Some(key)),
        }
        let texts: usize = record.variants().map(|variant| variant.lines().len()).sum();
        let end = RECORD_HEAD_BYTES + VARIANT_BYTES * record.variant_count() + key.len() + texts;
        let padding = record.as_bytes().get(end..).unwrap_or_default();
        if !self.is_of_a_newer_minor()
            && (padding.len() as u64 >= RECORD_ALIGN || padding.iter().any(|&byte| byte != 0))
        {
            self.problem(offset, "the padding of a record is not zero", Some(key));
        }
        let mut text = end - texts;
        for (index, variant) in record.variants().enumerate() {
            if usize::from(record.row(index).text_offset) != text {
                self.problem(offset, "the texts of a record do not follow each other", Some(key));
            }
            text += variant.lines().len();
            if !is_lines(variant.validators()) {
                self.problem(offset, "the text of a record is not header lines", Some(key));
            }
            if &variant.etag()[1..33] != hex(variant.etag_hash()).as_bytes() {
                self.problem(offset, "the ETag line does not say the hash of the payload", Some(key));
            }
            if !record.flags().external() {
                self.payload(variant.payload_offset(), variant.payload_bytes(), variant.etag_hash(), key);
            }
        }
    }

    fn payload(&mut self, offset: u64, bytes: u64, etag_hash: &[u8; 16], key: &[u8]) {
        let Ok(mut chunks) = self.inner().chunk_numbers(offset, bytes) else { return }; // check_record was here
        if bytes > 0 && offset >= self.payloads_end {
            self.zeros(self.payloads_end, offset - self.payloads_end, "bytes of payload that no record names");
            self.payloads_end = offset + bytes;
        }
        if chunks.any(|chunk| self.bad_chunks.has(chunk)) {
            return self.problem(offset, "this payload is in a damaged chunk", Some(key));
        }
        if offset % payload_align(bytes) != 0 {
            self.problem(offset, "a payload does not begin at a multiple of 64, or of 4096 from 16 KiB up", Some(key));
        }
        let place = (offset / PAYLOAD_ALIGN) as usize % SEEN_PAYLOADS;
        let hash = match self.seen[place] {
            Some((seen_offset, seen_bytes, hash)) if (seen_offset, seen_bytes) == (offset, bytes) => hash,
            _ => {
                let mut hasher = Xxh3::new();
                if !self.each_piece(offset, bytes, &mut |piece| hasher.update(piece)) {
                    return;
                }
                hasher.digest128().to_be_bytes()
            }
        };
        self.seen[place] = Some((offset, bytes, hash));
        if hash != *etag_hash {
            self.problem(offset, "a payload does not have the hash that its ETag says", Some(key));
        }
    }

    fn slots(&mut self) {
        let map = self.inner().map;
        let mut expected = 0;
        for bucket in 0..1u64 << map.radix_bits {
            let (start, end) = match self.pack.inner.bucket(bucket, &mut self.checked) {
                Ok(bounds) => bounds,
                Err(error) => return self.error(error, None),
            };
            if start != expected {
                return self.problem(map.radix.offset + bucket * 4, "the buckets do not follow each other", None);
            }
            expected = end;
            if let Err(error) = self.bucket(start, end) {
                self.error(error, None);
            }
            self.advance((end - start) * 8);
        }
        if expected != map.key_count {
            self.problem(map.radix.offset, "the buckets do not cover all slots", None);
        }
    }

    /// Slots ascend by fingerprint; where two are equal, by the whole hash and the key.
    fn bucket(&mut self, start: u64, end: u64) -> Result<(), LookupError> {
        let offset = self.inner().map.slots.offset;
        let mut before: Option<u64> = None;
        for number in start..end {
            let mut slot = [0; 8];
            self.pack.inner.ensure_pages(offset + number * 8, 8, &mut self.checked)?;
            self.inner().read(offset + number * 8, &mut slot)?;
            let slot = u64::from_le_bytes(slot);
            let in_order = match before {
                Some(before) if before >> PLACE_BITS == slot >> PLACE_BITS => {
                    self.order_key(before)? < self.order_key(slot)?
                }
                Some(before) => before < slot,
                None => true,
            };
            if !in_order {
                self.problem(offset + number * 8, "the slots are not sorted", None);
            }
            before = Some(slot);
        }
        Ok(())
    }

    fn order_key(&mut self, slot: u64) -> Result<(u64, Vec<u8>), LookupError> {
        let mut record = Record::default();
        self.pack.inner.read_record((slot & PLACE_MASK) * RECORD_ALIGN, &mut self.checked, &mut record)?;
        Ok((xxh64(record.key(), 0), record.key().to_vec()))
    }
}
