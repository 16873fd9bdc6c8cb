//! A file on a disk that tests hold in their hands: it can be cut at any moment, and reads as a cut file does.
#![forbid(unsafe_code)]

use crate::pack::source::ReadError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
}

impl FakeDisk {
    pub(crate) fn new(bytes: &'static [u8], is_mapped: bool) -> FakeDisk {
        FakeDisk {
            bytes,
            len: AtomicU64::new(bytes.len() as u64),
            is_mapped,
            reads_left: AtomicU64::new(u64::MAX),
            len_then: AtomicU64::new(0),
            panics: AtomicBool::new(false),
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
