//! Pure: from a key to its record.
//!
//! ```text
//! hash = XXH64(key, seed 0)
//! bucket = top bits of hash;   radix[bucket] .. radix[bucket + 1] are its slots
//! for slot in bucket (sorted by fingerprint):
//!     fingerprint too small: next;  too large: not here
//!     equal: read the record, compare keys
//! ```
//! Two reads of index bytes for a miss, three for a hit. Each page of them is verified before it is first believed.
#![forbid(unsafe_code)]

use super::checked::Checked;
use super::error::LookupError;
use super::layout::*;
use super::record::Record;
use super::view::{Inner, Pack};
use xxhash_rust::xxh64::xxh64;

/// Slots that are read at once: a cache line of them, as many as a bucket has at the most on average.
const SLOTS_READ: usize = 8;

impl Pack {
    /// Finds `key` and fills `record`; gives `false`, and an empty record, when the pack does not
    /// have it. Does not allocate once `record` is warm.
    ///
    /// # Errors
    /// When a part of the index that this key needs is damaged or cannot be read.
    ///
    /// # Panics
    /// If `checked` belongs to another pack.
    pub fn lookup(&self, key: &[u8], checked: &mut Checked, record: &mut Record) -> Result<bool, LookupError> {
        self.inner.find(key, Pack::hash_of(key), checked, record)
    }

    /// The hash by which keys are found.
    #[inline]
    pub(crate) fn hash_of(key: &[u8]) -> u64 {
        xxh64(key, 0)
    }

    /// Reads all that a lookup of this key reads, wherever it comes from: for another thread than the one that was told
    /// [`LookupError::NotInMemory`].
    ///
    /// # Errors
    /// When it cannot be read. What is damaged is for the lookup to tell.
    pub(crate) fn read_index(&self, key: &[u8]) -> Result<(), LookupError> {
        let end = self.inner.map.trailer.end();
        // Through a mapping every lookup looks at it.
        self.inner.read(end - 8, &mut [0; 8])?;
        match self.lookup(key, &mut self.checked(), &mut Record::default()) {
            Ok(_) | Err(LookupError::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    fn find(&self, key: &[u8], hash: u64, checked: &mut Checked, record: &mut Record) -> Result<bool, LookupError> {
        let found = self.find_unsure(key, hash, checked, record);
        if let Err(LookupError::NotInMemory { .. }) = found {
            record.clear();
            return found;
        }
        self.ensure_end(checked).inspect_err(|_| record.clear())?;
        // A cut file looks like a key that is not there, or like damage.
        self.ensure_whole().inspect_err(|_| record.clear())?;
        found
    }

    fn find_unsure(
        &self,
        key: &[u8],
        hash: u64,
        checked: &mut Checked,
        record: &mut Record,
    ) -> Result<bool, LookupError> {
        checked.assert_of(self);
        record.clear();
        let map = &self.map;
        let (mut next, end) = self.bucket(bucket_of(hash, map.radix_bits), checked)?;
        let wanted = fingerprint_of(hash, map.radix_bits);
        let mut buffer = [0; SLOTS_READ * 8];
        while next < end {
            let count = (end - next).min(SLOTS_READ as u64);
            let offset = map.slots.offset + next * 8;
            self.ensure_pages(offset, count * 8, checked)?;
            // A copy of a fixed length is quicker. What it takes too much of is not looked at.
            let whole = buffer.len() as u64;
            let is_room = offset + whole <= map.slots.end() && self.readable_bytes(offset, whole, checked) == whole;
            let read = if is_room { buffer.len() } else { count as usize * 8 };
            self.read(offset, &mut buffer[..read])?;
            for slot in buffer[..count as usize * 8].chunks_exact(8) {
                let slot: u64 = bytemuck::pod_read_unaligned(slot);
                let fingerprint = slot >> PLACE_BITS;
                if fingerprint > wanted {
                    return Ok(false);
                }
                if fingerprint == wanted {
                    self.read_record((slot & PLACE_MASK) * RECORD_ALIGN, checked, record)?;
                    if record.key() == key {
                        return self.check_record(record).inspect_err(|_| record.clear()).map(|()| true);
                    }
                    record.clear();
                }
            }
            next += count;
        }
        Ok(false)
    }

    /// The slots of a bucket: the first, and one past the last.
    #[inline]
    pub(super) fn bucket(&self, bucket: u64, checked: &mut Checked) -> Result<(u64, u64), LookupError> {
        let offset = self.map.radix.offset + bucket * 4;
        self.ensure_pages(offset, 8, checked)?;
        let mut starts = [0; 8];
        self.read(offset, &mut starts)?;
        let [start, end]: [u32; 2] = bytemuck::pod_read_unaligned(&starts);
        let (start, end) = (u64::from(start), u64::from(end));
        if start > end || end > self.map.key_count || end - start > BUCKET_SLOTS_MAX {
            return Err(self.damaged(offset, "the bounds of a bucket are impossible"));
        }
        Ok((start, end))
    }
}
