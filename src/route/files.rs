//! What a mount needs of others: files that it names but does not hold (the large ones of a directory), and index pages of
//! its pack that are not in memory. Pure: somebody else opens and reads them.
#![forbid(unsafe_code)]

use crate::http::plan::SourceId;
use crate::http::service::Found;
use std::path::PathBuf;

/// The files of a mount whose payloads lie outside its pack. Plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileTable {
    /// The directory that they all lie beneath.
    pub(crate) root: PathBuf,
    /// Paths relative to `root`. A record of the pack names a file by its place in this list.
    pub(crate) paths: Vec<PathBuf>,
}

/// Whoever opens files, off the loop, and keeps some of them open; reads what must not be waited for there, too.
pub(crate) trait Files {
    /// Has all that the lookup of `key` reads brought into memory. Never [`Found::Stored`]: to be asked again, or why not.
    fn read_index(&mut self, mount: u32, key: &[u8]) -> Found;

    /// Asks for a file of a mount, both by number. A file that is open stays so until the answer to the request that asked
    /// has left.
    fn open(&mut self, mount: u32, file: u64) -> FileState;
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    /// Open.
    Open {
        /// Its number, which must be none of a pack of the router.
        source: SourceId,
        /// Bytes, as the descriptor says.
        len: u64,
        /// When it was last changed, as the descriptor says: seconds since 1970-01-01 UTC.
        last_modified: Option<u64>,
    },
    /// It is being opened; ask again.
    Wait,
    /// It is no longer there.
    Missing,
    /// It is there and cannot be opened.
    Failed,
    /// More files are being opened than allowed.
    Busy,
}
