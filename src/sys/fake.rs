//! A file on a disk that tests hold in their hands: it can be cut at any moment, and reads as a cut file does; pages of it
//! leave memory, and whoever reads those without having been told to wait for a disk is found out.
#![forbid(unsafe_code)]

use crate::pack::source::ReadError;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What is left of a page behind the end of its file reads as zeros through a mapping.
const PAGE_BYTES: u64 = 4096;

/// The disk's side of a file. It may have been opened several times.
#[derive(Debug)]
pub(crate) struct FakeDisk {
    bytes: &'static [u8],
    /// What is left of them.
    len: AtomicU64,
    /// Opened files map it, and do not read it by calls.
    is_mapped: bool,
    /// After so many reads it is cut, to this length.
    reads_left: AtomicU64,
    len_then: AtomicU64,
    /// Whoever reads it panics.
    panics: AtomicBool,
    /// What each page is: in memory, and lately found there.
    pages: Vec<AtomicU8>,
    /// Whoever reads it is told of an error.
    fails: AtomicBool,
    /// Reads may wait for the disk: they are those of a task.
    may_wait: AtomicBool,
    /// Somebody who may not wait has read what was not in memory.
    stalls: AtomicU64,
}

const COLD: u8 = 1;
/// Found in memory or read since the last [`FakeDisk::forget_use`], or the one before: it does not leave memory then.
const USED: u8 = 2;
const USED_BEFORE: u8 = 4;

impl FakeDisk {
    pub(crate) fn new(bytes: &'static [u8], is_mapped: bool) -> FakeDisk {
        FakeDisk {
            bytes,
            len: AtomicU64::new(bytes.len() as u64),
            is_mapped,
            reads_left: AtomicU64::new(u64::MAX),
            len_then: AtomicU64::new(0),
            panics: AtomicBool::new(false),
            pages: (0..bytes.len().div_ceil(PAGE_BYTES as usize)).map(|_| AtomicU8::new(0)).collect(),
            fails: AtomicBool::new(false),
            may_wait: AtomicBool::new(false),
            stalls: AtomicU64::new(0),
        }
    }

    /// As the number of a file on its device: the same content always has the same.
    pub(super) fn inode(&self) -> u64 {
        self.bytes.as_ptr() as u64
    }

    /// How many pages it has.
    pub(crate) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Has these pages leave memory, but for those in use.
    pub(crate) fn cool(&self, pages: std::ops::Range<usize>) {
        for page in &self.pages[pages] {
            if page.load(Ordering::Relaxed) & (USED | USED_BEFORE) == 0 {
                page.store(COLD, Ordering::Relaxed);
            }
        }
    }

    /// Time has passed: what was not used since the last time may leave memory.
    pub(crate) fn forget_use(&self) {
        for page in &self.pages {
            let is_used = page.load(Ordering::Relaxed) & USED != 0;
            page.fetch_and(!(USED | USED_BEFORE), Ordering::Relaxed);
            page.fetch_or(if is_used { USED_BEFORE } else { 0 }, Ordering::Relaxed);
        }
    }

    /// Has reads fail, or read again.
    pub(crate) fn set_fails(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// Whether reads may wait for the disk from now on.
    pub(crate) fn set_may_wait(&self, may_wait: bool) {
        self.may_wait.store(may_wait, Ordering::Relaxed);
    }

    /// How often somebody who may not wait has read what was not in memory.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    /// The pages of a stretch, as far as there are any.
    fn pages_of(&self, offset: u64, len: u64) -> &[AtomicU8] {
        let page = |at: u64| usize::try_from(at / PAGE_BYTES).unwrap_or(usize::MAX).min(self.pages.len());
        let end = offset.saturating_add(len).saturating_add(PAGE_BYTES - 1);
        &self.pages[page(offset)..if len == 0 { page(offset) } else { page(end) }]
    }

    /// The first byte of a stretch that is not in memory. What is behind the end is nowhere.
    pub(super) fn first_cold(&self, offset: u64, len: u64) -> Option<u64> {
        let len = len.min(self.len().saturating_sub(offset));
        for (number, page) in (offset / PAGE_BYTES..).zip(self.pages_of(offset, len)) {
            if page.load(Ordering::Relaxed) & COLD != 0 {
                return Some((number * PAGE_BYTES).max(offset));
            }
            page.fetch_or(USED, Ordering::Relaxed);
        }
        None
    }

    /// Has a stretch in memory from now on; whoever may not wait stalls on what was not there.
    pub(crate) fn bring_in(&self, offset: u64, len: u64) {
        // No disk has what is behind the end.
        let len = len.min(self.len().saturating_sub(offset));
        let mut has_waited = false;
        for page in self.pages_of(offset, len) {
            has_waited |= page.swap(USED, Ordering::Relaxed) & COLD != 0;
        }
        if has_waited && !self.may_wait.load(Ordering::Relaxed) {
            self.stalls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The length now.
    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// Cuts off what is behind `len`.
    pub(crate) fn cut(&self, len: u64) {
        self.len.store(self.len().min(len), Ordering::Relaxed);
    }

    /// Cuts off what is behind `len` after so many reads more: also between two reads for one answer.
    pub(crate) fn cut_after(&self, reads: u64, len: u64) {
        self.len_then.store(len, Ordering::Relaxed);
        self.reads_left.store(reads, Ordering::Relaxed);
    }

    /// Has whoever reads it panic, or read again.
    pub(crate) fn set_panics(&self, panics: bool) {
        self.panics.store(panics, Ordering::Relaxed);
    }

    /// Reads bytes that lie within the length at opening.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        if self.panics.load(Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("scripted"));
        }
        match self.reads_left.load(Ordering::Relaxed) {
            u64::MAX => {}
            0 => {
                self.cut(self.len_then.load(Ordering::Relaxed));
                self.reads_left.store(u64::MAX, Ordering::Relaxed);
            }
            left => self.reads_left.store(left - 1, Ordering::Relaxed),
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(ReadError::Io(std::io::ErrorKind::Other));
        }
        self.bring_in(offset, into.len() as u64);
        let (len, end) = (self.len(), offset + into.len() as u64);
        let readable = if self.is_mapped { len.next_multiple_of(PAGE_BYTES) } else { len };
        if end > readable && !into.is_empty() {
            return Err(ReadError::Truncated);
        }
        let there = len.saturating_sub(offset).min(into.len() as u64) as usize;
        into[..there].copy_from_slice(&self.bytes[offset as usize..offset as usize + there]);
        into[there..].fill(0);
        Ok(())
    }

    /// As a mapping whose last byte is not zero tells; without one, reads have told already.
    pub(super) fn is_whole(&self) -> Result<(), ReadError> {
        if self.is_mapped && self.len() < self.bytes.len() as u64 { Err(ReadError::Truncated) } else { Ok(()) }
    }
}
