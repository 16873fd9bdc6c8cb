//! Pure: a stretch of output that is hashed in blocks of equal size while it is written.
#![forbid(unsafe_code)]

use std::io::{Result, Write};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes that wait before they are written: one write for each.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes one after the other, and keeps the checksum of each `unit` bytes.
pub(super) struct Blocks {
    unit: usize,
    flushed: u64,
    buffer: Vec<u8>,
    sums: Vec<u64>,
}

impl Blocks {
    /// `unit` divides [`BUFFER_BYTES`]; the first byte goes to `offset` of the file.
    pub(super) fn new(unit: u64, offset: u64) -> Blocks {
        let unit = unit as usize;
        assert!(BUFFER_BYTES % unit == 0);
        Blocks { unit, flushed: offset, buffer: Vec::with_capacity(BUFFER_BYTES), sums: Vec::new() }
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

    pub(super) fn write(&mut self, out: &mut impl Write, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let count = bytes.len().min(BUFFER_BYTES - self.buffer.len());
            let (now, later) = bytes.split_at(count);
            if count == BUFFER_BYTES {
                self.sums.extend(now.chunks(self.unit).map(xxh3_64));
                out.write_all(now)?;
                self.flushed += count as u64;
            } else {
                self.buffer.extend_from_slice(now);
                if self.buffer.len() == BUFFER_BYTES {
                    self.flush(out)?;
                }
            }
            bytes = later;
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
        self.flush(out)?;
        Ok(self.sums)
    }

    fn flush(&mut self, out: &mut impl Write) -> Result<()> {
        self.sums.extend(self.buffer.chunks(self.unit).map(xxh3_64));
        out.write_all(&self.buffer)?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_blocks() {
        let bytes: Vec<u8> = (0..300_000u32).map(|number| (number % 251) as u8).collect();
        let expected: Vec<u64> = bytes.chunks(4096).map(xxh3_64).collect();
        for cut in [1, 7, 4096, 65_535, 65_536, 65_537, 299_999, 300_000] {
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
