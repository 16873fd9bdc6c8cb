//! A pack in a file, opened for looking at it.

use crate::failure::{Failure, io_failure};
use badgerserver::pack::{Pack, PackError, ReadError, Source};
use std::any::Any;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A file that is read and never mapped: nothing here has to be fast.
struct FileSource {
    file: File,
    len: u64,
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.file.read_exact_at(into, offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ReadError::Truncated,
            kind => ReadError::Io(kind),
        })
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// Opens a pack.
pub(crate) fn open(path: &Path) -> Result<Pack, Failure> {
    let failed = |error| io_failure(path, &error);
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(Failure::new(format!("{}: not a regular file", path.display()))
            .remedy("name a pack; `badger pack files` makes one from a directory"));
    }
    let file = File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    Pack::from_source(Arc::new(FileSource { file, len })).map_err(|error| {
        let failure = Failure::new(error.to_string()).at(path.display());
        match error {
            PackError::NotAPack { .. } => failure.remedy("`badger pack files` and `badger pack records` make packs"),
            _ => failure,
        }
    })
}
