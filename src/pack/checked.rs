//! Pure: the checksums, and the note of what has been verified.
//!
//! The idea: opening a pack verifies its header page and class table only. Everything else is verified when it is first
//! touched, by each worker for itself, so that nothing is shared and nothing is locked. A worker's note is bitmaps: one
//! bit for each 4 KiB page of the index (records to chunk checksums), one for each 64 KiB chunk of payload.
//!
//! Whoever must not wait for a disk has a third: the pages of the index that may be read at once, since they were found in
//! memory within the last second. It is the one that lookups look at; a page that is in it was verified. So a lookup that
//! does not wait costs no more than one that does.
//!
//! ```text
//! header checksum  -> header page
//! page checksums   -> records, classes, slots, radix, chunk checksums (and the padding between them)
//! chunk checksums  -> payloads (and the padding between them)
//! ```
//! So every byte is under a checksum or is one. The page checksums themselves are under none: a flipped bit there makes
//! its page look damaged, which is the truth about the file.
#![forbid(unsafe_code)]

use super::error::LookupError;
use super::layout::*;
use super::view::{Inner, Pack};
use std::sync::{Arc, Weak};
use xxhash_rust::xxh3::xxh3_64;

/// What is wrong with a page whose checksum differs.
pub(super) const PAGE_DIFFERS: &str = "the checksum of this page differs";

/// What one worker has verified of one pack. Made by [`Pack::checked`].
#[derive(Debug)]
pub struct Checked {
    pages: Bits,
    chunks: Bits,
    /// Verified pages that may be read: all of them, unless this note is of one who must not wait.
    readable: Bits,
    /// The same for the end of the file, which says that it is whole.
    is_end_readable: bool,
    must_not_wait: bool,
    /// Room for the page that is being verified.
    page: Vec<u8>,
    /// The pack it belongs to. A weak count keeps the address from being used again, and nothing else.
    pack: Weak<Inner>,
}

impl Checked {
    pub(super) fn new(pack: &Pack) -> Checked {
        let map = &pack.inner.map;
        Checked {
            pages: Bits::new(map.page_count()),
            chunks: Bits::new(map.chunk_count()),
            readable: Bits::new(map.page_count()),
            is_end_readable: false,
            must_not_wait: false,
            page: vec![0; PAGE_BYTES as usize],
            pack: Arc::downgrade(&pack.inner),
        }
    }

    /// The same note for one who must not wait for a disk: what is not in memory is [`LookupError::NotInMemory`] for it.
    /// Every second or so it has to [`Checked::forget_readable`].
    pub(crate) fn without_waiting(mut self) -> Checked {
        self.must_not_wait = true;
        self
    }

    /// Time has passed: what was in memory is to be asked for again.
    pub(crate) fn forget_readable(&mut self) {
        self.readable.clear();
        self.is_end_readable = false;
    }

    /// Notes that all chunks which `bytes` at `offset` touch were verified, by [`Pack::verify_span`] elsewhere.
    ///
    /// # Panics
    /// If this note belongs to another pack.
    pub fn mark(&mut self, pack: &Pack, offset: u64, bytes: u64) {
        self.assert_of(&pack.inner);
        if let Ok(chunks) = pack.inner.chunk_numbers(offset, bytes) {
            chunks.for_each(|chunk| self.chunks.set(chunk));
        }
    }

    #[inline]
    pub(super) fn assert_of(&self, inner: &Inner) {
        assert!(std::ptr::eq(self.pack.as_ptr(), inner), "this note of what was verified belongs to another pack");
    }
}

impl Pack {
    /// How many bytes have to be read and hashed before `bytes` of payload at `offset` can be trusted; 0 for none.
    /// Also 0 for bytes that are not payload: [`Pack::check_payload`] refuses them.
    ///
    /// # Panics
    /// If the note belongs to another pack.
    #[inline]
    pub fn unchecked_bytes(&self, checked: &Checked, offset: u64, bytes: u64) -> u64 {
        checked.assert_of(&self.inner);
        let Ok(chunks) = self.inner.chunk_numbers(offset, bytes) else { return 0 };
        chunks.filter(|&chunk| !checked.chunks.has(chunk)).map(|chunk| self.inner.map.chunk_span(chunk).bytes).sum()
    }

    /// The chunks that `bytes` of payload at `offset` touch, as a stretch of the file: what [`Pack::check_payload`] reads.
    pub(crate) fn chunks_around(&self, offset: u64, bytes: u64) -> (u64, u64) {
        match self.inner.chunk_numbers(offset, bytes) {
            Ok(chunks) if !chunks.is_empty() => {
                let (first, last) =
                    (self.inner.map.chunk_span(chunks.start), self.inner.map.chunk_span(chunks.end - 1));
                (first.offset, last.end() - first.offset)
            }
            Ok(_) | Err(_) => (offset, bytes),
        }
    }

    /// Verifies the chunks that `bytes` of payload at `offset` touch, but for those that were verified before. `scratch`
    /// grows to the size of a chunk.
    ///
    /// # Errors
    /// When a chunk is damaged or cannot be read, or the bytes are not payload.
    ///
    /// # Panics
    /// If the note belongs to another pack.
    pub fn check_payload(
        &self,
        checked: &mut Checked,
        offset: u64,
        bytes: u64,
        scratch: &mut Vec<u8>,
    ) -> Result<(), LookupError> {
        checked.assert_of(&self.inner);
        for chunk in self.inner.chunk_numbers(offset, bytes)? {
            if !checked.chunks.has(chunk) {
                self.inner.ensure_pages(self.inner.chunk_sum_offset(chunk), 8, checked)?;
                self.inner.verify_chunk(chunk, scratch)?;
                checked.chunks.set(chunk);
            }
        }
        Ok(())
    }

    /// Verifies the chunks that `bytes` of payload at `offset` touch, without a note: for another thread, whose result
    /// comes back to [`Checked::mark`].
    ///
    /// # Errors
    /// As [`Pack::check_payload`].
    pub fn verify_span(&self, offset: u64, bytes: u64, scratch: &mut Vec<u8>) -> Result<(), LookupError> {
        let mut verified = None;
        for chunk in self.inner.chunk_numbers(offset, bytes)? {
            let page = self.inner.page_of(self.inner.chunk_sum_offset(chunk));
            if verified != Some(page) {
                grow(scratch, PAGE_BYTES as usize);
                self.inner.verify_page(page, &mut scratch[..PAGE_BYTES as usize])?;
                verified = Some(page);
            }
            self.inner.verify_chunk(chunk, scratch)?;
        }
        Ok(())
    }
}

impl Inner {
    /// The page of the index that byte `offset` of the file is in.
    #[inline]
    pub(super) fn page_of(&self, offset: u64) -> u64 {
        (offset - self.map.records.offset) >> PAGE_SHIFT
    }

    /// The pages that `bytes` at `offset` touch, which must lie in the index.
    #[inline]
    pub(super) fn page_numbers(&self, offset: u64, bytes: u64) -> std::ops::Range<u64> {
        debug_assert!(offset >= self.map.records.offset && offset + bytes <= self.map.page_sums.offset);
        let first = self.page_of(offset);
        if bytes == 0 { first..first } else { first..self.page_of(offset + bytes - 1) + 1 }
    }

    /// Verifies the pages of index bytes that are about to be read, but for those that were verified before.
    #[inline]
    pub(super) fn ensure_pages(&self, offset: u64, bytes: u64, checked: &mut Checked) -> Result<(), LookupError> {
        for number in self.page_numbers(offset, bytes) {
            if !checked.readable.has(number) {
                self.first_touch(number, checked)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn first_touch(&self, number: u64, checked: &mut Checked) -> Result<(), LookupError> {
        self.ensure_resident(self.map.records.offset + (number << PAGE_SHIFT), PAGE_BYTES, checked)?;
        if !checked.pages.has(number) {
            self.ensure_resident(self.map.page_sums.offset + number * 8, 8, checked)?;
            self.verify_page(number, &mut checked.page)?;
            checked.pages.set(number);
        }
        checked.readable.set(number);
        Ok(())
    }

    /// How much of `wanted` bytes of the index may be read at `offset`, whose own page was ensured: a read of a fixed length
    /// may reach into a page that nobody has looked at.
    #[inline]
    pub(super) fn readable_bytes(&self, offset: u64, wanted: u64, checked: &Checked) -> u64 {
        let in_page = PAGE_BYTES - (offset - self.map.records.offset) % PAGE_BYTES;
        let reaches_on = wanted > in_page && checked.must_not_wait;
        if reaches_on && !checked.readable.has(self.page_of(offset) + 1) { in_page } else { wanted }
    }

    /// Whether the end of the file may be looked at.
    #[inline]
    pub(super) fn ensure_end(&self, checked: &mut Checked) -> Result<(), LookupError> {
        if !checked.is_end_readable {
            self.ensure_resident(self.map.trailer.end() - 8, 8, checked)?;
            checked.is_end_readable = true;
        }
        Ok(())
    }

    fn ensure_resident(&self, offset: u64, bytes: u64, checked: &Checked) -> Result<(), LookupError> {
        if checked.must_not_wait && !self.source.is_resident(offset, bytes) {
            return Err(LookupError::NotInMemory { offset, bytes });
        }
        Ok(())
    }

    /// Hashes one page of the index; `page` is room for it.
    pub(super) fn verify_page(&self, number: u64, page: &mut [u8]) -> Result<(), LookupError> {
        let offset = self.map.records.offset + (number << PAGE_SHIFT);
        self.read(offset, page)?;
        let mut expected = [0; 8];
        self.read(self.map.page_sums.offset + number * 8, &mut expected)?;
        if xxh3_64(page).to_le_bytes() != expected {
            return Err(self.damaged(offset, PAGE_DIFFERS));
        }
        Ok(())
    }

    /// The chunks that a stretch of payload touches.
    #[inline]
    pub(super) fn chunk_numbers(&self, offset: u64, bytes: u64) -> Result<std::ops::Range<u64>, LookupError> {
        if !self.map.payloads.holds(offset, bytes) {
            return Err(LookupError::OutOfRange { offset, bytes });
        }
        if bytes == 0 {
            return Ok(0..0);
        }
        let start = offset - self.map.payloads.offset;
        Ok(start >> self.map.chunk_shift..((start + bytes - 1) >> self.map.chunk_shift) + 1)
    }

    fn chunk_sum_offset(&self, chunk: u64) -> u64 {
        self.map.chunk_sums.offset + chunk * 8
    }

    /// Hashes one chunk of payload. The page of its checksum was verified.
    pub(super) fn verify_chunk(&self, chunk: u64, scratch: &mut Vec<u8>) -> Result<(), LookupError> {
        let span = self.map.chunk_span(chunk);
        grow(scratch, span.bytes as usize);
        let bytes = &mut scratch[..span.bytes as usize];
        self.read(span.offset, bytes)?;
        let mut expected = [0; 8];
        self.read(self.chunk_sum_offset(chunk), &mut expected)?;
        if xxh3_64(bytes).to_le_bytes() != expected {
            return Err(self.damaged(span.offset, "the checksum of this chunk differs"));
        }
        Ok(())
    }
}

/// Makes a buffer at least so long; what it has is kept, so that a warm one is not filled again.
pub(super) fn grow(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.len() < bytes {
        buffer.resize(bytes, 0);
    }
}

/// One bit for each thing that can be verified.
#[derive(Debug)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// At most one bit for 4 KiB of a file that is there, so the size is honest.
    pub(super) fn new(count: u64) -> Bits {
        Bits(vec![0; count.div_ceil(64) as usize])
    }

    #[inline]
    pub(super) fn has(&self, number: u64) -> bool {
        self.0[(number / 64) as usize] & (1 << (number % 64)) != 0
    }

    pub(super) fn set(&mut self, number: u64) {
        self.0[(number / 64) as usize] |= 1 << (number % 64);
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}
