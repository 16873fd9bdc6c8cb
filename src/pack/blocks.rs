//! Pure: a stretch of output that is hashed in blocks of equal size while it is written.
#![forbid(unsafe_code)]

use std::io::{Result, Write};
use xxhash_rust::xxh3::xxh3_64;

/// Writes end at multiples of this. A file system keeps what one call writes in pieces of memory as large as its length and
/// its place allow, and `sendfile` of a large payload costs a fifth more from small pieces than from large ones.
const WRITE_BYTES: u64 = 2 * 1024 * 1024;
/// Bytes taken in before what is full is hashed and written.
const STEP_BYTES: usize = 64 * 1024;

/// Writes one after the other, and keeps the checksum of each `unit` bytes.
pub(super) struct Blocks {
    unit: usize,
    /// Where in the file `buffer` begins.
    flushed: u64,
    buffer: Vec<u8>,
    /// Bytes of `buffer` whose checksums are in `sums`.
    hashed: usize,
    sums: Vec<u64>,
}

impl Blocks {
    /// The first byte goes to `offset` of the file.
    pub(super) fn new(unit: u64, offset: u64) -> Blocks {
        Blocks { unit: unit as usize, flushed: offset, buffer: Vec::new(), hashed: 0, sums: Vec::new() }
    }

    /// Where the next byte goes, counted from the start of the file.
    pub(super) fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// The part that is in the file; what follows is [`Blocks::waiting`].
    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    pub(super) fn waiting(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn write(&mut self, out: &mut impl Write, bytes: &[u8]) -> Result<()> {
        for step in bytes.chunks(STEP_BYTES) {
            self.buffer.extend_from_slice(step);
            let full = (self.buffer.len() - self.hashed) / self.unit * self.unit;
            self.sums.extend(self.buffer[self.hashed..self.hashed + full].chunks(self.unit).map(xxh3_64));
            self.hashed += full;
            let aligned = (self.flushed + self.hashed as u64) / WRITE_BYTES * WRITE_BYTES;
            if aligned > self.flushed {
                self.flush(out, (aligned - self.flushed) as usize)?;
            }
        }
        Ok(())
    }

    /// Zeros up to a multiple of `align`, at most a page.
    pub(super) fn pad(&mut self, out: &mut impl Write, align: u64) -> Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let count = super::layout::align_up(self.position(), align) - self.position();
        self.write(out, &ZEROS[..count as usize])
    }

    /// Writes what waits and gives the checksums; the last block may be shorter.
    pub(super) fn finish(mut self, out: &mut impl Write) -> Result<Vec<u64>> {
        let rest = &self.buffer[self.hashed..];
        if !rest.is_empty() {
            self.sums.push(xxh3_64(rest));
        }
        let count = self.buffer.len();
        self.flush(out, count)?;
        Ok(self.sums)
    }

    fn flush(&mut self, out: &mut impl Write, count: usize) -> Result<()> {
        out.write_all(&self.buffer[..count])?;
        self.buffer.drain(..count);
        self.hashed = self.hashed.saturating_sub(count);
        self.flushed += count as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_blocks() {
        let bytes: Vec<u8> = (0..2_500_000u32).map(|number| (number % 251) as u8).collect();
        let expected: Vec<u64> = bytes.chunks(4096).map(xxh3_64).collect();
        for cut in [7, 4096, 65_535, 65_536, 65_537, 1_100_000, 2_500_000] {
            let (mut out, mut blocks) = (Vec::new(), Blocks::new(4096, 4096));
            for piece in bytes.chunks(cut) {
                blocks.write(&mut out, piece).unwrap();
                assert_eq!(blocks.position(), 4096 + (out.len() + blocks.waiting().len()) as u64);
            }
            assert_eq!(blocks.finish(&mut out).unwrap(), expected, "cut every {cut}");
            assert_eq!(out, bytes);
        }
    }
}
