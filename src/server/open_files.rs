//! The large files of mounted directories that a worker has open: a bounded cache.
#![forbid(unsafe_code)]

use crate::ring::outgoing::Pin;
use crate::sys::ContentFile;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// An open file as the router sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenFile {
    /// Its place in the cache, which stays its own until the batch that names it is lowered.
    pub(crate) number: u32,
    pub(crate) len: u64,
    pub(crate) last_modified: Option<u64>,
}

struct Entry {
    key: (u32, u64),
    pin: Pin,
    /// The batch that used it last.
    batch: u64,
}

/// The cache. A file that a response still sends stays open through its pin when it leaves the cache.
pub(crate) struct OpenFiles {
    entries: Vec<Entry>,
    numbers: BTreeMap<(u32, u64), u32>,
    files_max: usize,
    batch: u64,
}

impl OpenFiles {
    pub(crate) fn new(files_max: usize) -> OpenFiles {
        OpenFiles { entries: Vec::new(), numbers: BTreeMap::new(), files_max, batch: 0 }
    }

    pub(crate) fn begin_batch(&mut self) {
        self.batch += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.numbers.clear();
    }

    pub(crate) fn find(&mut self, mount: u32, file: u64) -> Option<OpenFile> {
        let number = *self.numbers.get(&(mount, file))?;
        let entry = &mut self.entries[number as usize];
        // One that was changed or replaced is opened anew; what is being sent from it goes on.
        if !entry.pin.is_current() {
            self.numbers.remove(&(mount, file));
            return None;
        }
        entry.batch = self.batch;
        let last_modified = u64::try_from(entry.pin.modified_unix_seconds()).ok();
        Some(OpenFile { number, len: entry.pin.len(), last_modified })
    }

    pub(crate) fn pin(&self, number: usize) -> Option<&Pin> {
        self.entries.get(number).map(|entry| &entry.pin)
    }

    #[cfg(test)]
    pub(crate) fn pins(&self) -> impl Iterator<Item = &Pin> {
        self.entries.iter().map(|entry| &entry.pin)
    }

    /// Adds a file that was just opened, in the place of the one that was used longest ago if it must be.
    pub(crate) fn insert(&mut self, mount: u32, file: u64, opened: ContentFile) {
        let key = (mount, file);
        let entry = Entry { key, pin: Rc::new(Arc::new(opened)), batch: self.batch };
        // Its place may still be there: that of a file which was changed.
        if let Some(place) = self.entries.iter().position(|entry| entry.key == key) {
            self.numbers.insert(key, place as u32);
            self.entries[place] = entry;
            return;
        }
        if self.entries.len() < self.files_max {
            self.numbers.insert(key, self.entries.len() as u32);
            self.entries.push(entry);
            return;
        }
        // Files are taken in between batches, so none of the current batch can be lost here.
        let oldest = self.entries.iter().enumerate().min_by_key(|entry| entry.1.batch).map(|entry| entry.0);
        if let Some(oldest) = oldest {
            self.numbers.remove(&self.entries[oldest].key);
            self.numbers.insert(key, oldest as u32);
            self.entries[oldest] = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_used_longest_ago_makes_room() {
        let mut files = OpenFiles::new(2);
        let open = |bytes: &'static [u8]| ContentFile::from_memory(bytes);
        for (file, bytes) in [(1, &b"a"[..]), (2, b"bb")] {
            files.begin_batch();
            files.insert(0, file, open(bytes));
        }
        files.begin_batch();
        assert_eq!(files.find(0, 1).map(|file| file.len), Some(1));
        let pin = files.pin(1).map(Rc::clone);
        files.begin_batch();
        files.insert(0, 3, open(b"ccc"));
        assert_eq!(files.find(0, 2), None);
        assert_eq!(files.find(0, 3).map(|file| (file.number, file.len)), Some((1, 3)));
        assert_eq!(files.find(0, 1).map(|file| file.len), Some(1));
        assert_eq!(pin.map(|pin| pin.len()), Some(2), "a pinned file outlives its place");
    }
}
