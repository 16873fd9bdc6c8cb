//! Pure: the records while a pack is written, each with its ordinal in the reserved field of its first variant.
#![forbid(unsafe_code)]

use super::error::WriteError;
use super::layout::*;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};

/// Bytes that wait before they are written, and that are read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What is remembered of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeySlot {
    pub(super) hash: u64,
    pub(super) place: u64,
}

/// The records while the pack is written.
pub(super) struct Spool<S> {
    file: S,
    written: u64,
    waiting: Vec<u8>,
}

impl<S: Read + Write + Seek> Spool<S> {
    pub(super) fn create(mut file: S) -> std::io::Result<Spool<S>> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Spool { file, written: 0, waiting: Vec::with_capacity(BUFFER_BYTES + RECORD_BYTES_MAX) })
    }

    /// Gives the place of the record.
    pub(super) fn append(&mut self, record: &[u8]) -> std::io::Result<u64> {
        let place = self.written + self.waiting.len() as u64;
        self.waiting.extend_from_slice(record);
        if self.waiting.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(place)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.written))?;
        self.file.write_all(&self.waiting)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// The key and the ordinal of the record at `place`.
    pub(super) fn key_at(&mut self, place: u64) -> std::io::Result<(Vec<u8>, u64)> {
        self.flush()?;
        self.file.seek(SeekFrom::Start(place))?;
        let mut start = [0; RECORD_HEAD_BYTES + VARIANT_BYTES];
        self.file.read_exact(&mut start)?;
        let head: RecordHead = bytemuck::pod_read_unaligned(&start[..RECORD_HEAD_BYTES]);
        let ordinal = bytemuck::pod_read_unaligned(&start[ORDINAL_AT..ORDINAL_AT + 8]);
        let key_start = RECORD_HEAD_BYTES + VARIANT_BYTES * usize::from(head.variant_count);
        self.file.seek(SeekFrom::Start(place + key_start as u64))?;
        let mut key = vec![0; usize::from(head.key_bytes)];
        self.file.read_exact(&mut key)?;
        Ok((key, ordinal))
    }

    /// An error if two of these slots have one key; it names the two that were added first.
    pub(super) fn refuse_equal_keys(&mut self, slots: &[KeySlot]) -> Result<(), WriteError> {
        let mut seen = BTreeMap::new();
        let mut in_order = slots.to_vec();
        in_order.sort_unstable_by_key(|slot| slot.place);
        for slot in in_order {
            let (key, ordinal) = self.key_at(slot.place)?;
            if let Some(&first) = seen.get(&key) {
                return Err(WriteError::Duplicate {
                    key: String::from_utf8_lossy(&key).into_owned(),
                    ordinals: (first, ordinal),
                });
            }
            seen.insert(key, ordinal);
            if seen.len() as u64 > BUCKET_SLOTS_MAX {
                break; // enough to say that it is not one key many times
            }
        }
        Ok(())
    }

    /// Hands out all records in order, each without its ordinal.
    pub(super) fn each(&mut self, take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        self.flush()?;
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = std::io::BufReader::with_capacity(BUFFER_BYTES, &mut self.file);
        let mut record = vec![0; RECORD_BYTES_MAX];
        let mut left = self.written;
        while left > 0 {
            reader.read_exact(&mut record[..RECORD_HEAD_BYTES])?;
            let head: RecordHead = bytemuck::pod_read_unaligned(&record[..RECORD_HEAD_BYTES]);
            let bytes = (head.record_bytes as usize).clamp(ORDINAL_AT + 8, RECORD_BYTES_MAX);
            reader.read_exact(&mut record[RECORD_HEAD_BYTES..bytes])?;
            record[ORDINAL_AT..ORDINAL_AT + 8].fill(0);
            take(&record[..bytes])?;
            left = left.saturating_sub(bytes as u64);
        }
        Ok(())
    }
}
