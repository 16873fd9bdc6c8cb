//! A directory that answers like a pack: scanned once, so only what the scan found exists, and traversal is impossible
//! by construction.
//!
//! ```text
//! a.js                 /a.js
//! a.js.br .zst .gz     an encoding of /a.js, unless older than it; and, like any file, a key of their own
//! docs/index.html      /docs/ and /docs/index.html, and a redirect from /docs
//! .name                left out
//! a link               followed while what it names lies beneath the root
//! ```
//! What cannot be served is not an error: it is left out and listed with its reason ([`Scan::skipped`]).
#![forbid(unsafe_code)]

mod mount;
mod pack;
mod walk;

pub use pack::{Packed, Packing, Prepared, write_pack};
pub use walk::scan;

use crate::pack::{Encoding, KeyError, ReadError};
use crate::route::media;
use crate::sys::file::{ContentFile, Directory};
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

/// Most files and folders that one scan takes. A directory of more is better packed from records; the scan keeps about
/// 300 bytes for each.
pub const DIRECTORY_ENTRIES_MAX: usize = 4_000_000;
/// Most folders inside each other. Real paths end at 4,096 bytes; with links, chains of them may be longer.
pub const DIRECTORY_DEPTH_MAX: usize = 64;
/// Longest precompressed sibling: it is held in memory while it is packed. A longer file is likely to be asked for in
/// ranges, which are cut from the plain one.
pub const SIBLING_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most names that links give one folder, beside its own. Folders with links to each other have names without end.
pub const DIRECTORY_LINKS_MAX: u32 = 16;

/// Endings of precompressed siblings.
const SIBLINGS: [(&str, Encoding); 3] = [(".br", Encoding::Br), (".gz", Encoding::Gzip), (".zst", Encoding::Zstd)];

/// What a directory held when it was scanned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scan {
    /// The directory, with no links in its path.
    pub root: PathBuf,
    /// Files are opened beneath this, whatever `root` names by then.
    site: Arc<Directory>,
    /// Every file that has a key, sorted by it.
    pub files: Vec<ScannedFile>,
    /// Folders with an index, asked for without their slash; sorted by key.
    pub redirects: Vec<Redirect>,
    /// What was left out and why, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// A file that answers a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScannedFile {
    /// The request path that it answers, decoded: `/docs/a b.html`.
    pub key: String,
    /// The folder's key, when the file is its index: `/docs/`.
    pub folder_key: Option<String>,
    /// Where it is, from the scan's root, with links resolved: opening it need follow none.
    pub path: String,
    /// Bytes it had.
    pub len: u64,
    /// When it was last changed, in seconds since 1970-01-01 UTC.
    pub modified_unix_seconds: i64,
    /// The same content, encoded, in the files beside it.
    pub siblings: Vec<Sibling>,
}

/// A precompressed file beside its original.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sibling {
    /// What its name says it is.
    pub encoding: Encoding,
    /// Where it is, from the scan's root, with links resolved.
    pub path: String,
    /// Bytes it had.
    pub len: u64,
}

/// A folder's key without its slash, which answers 301.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redirect {
    /// The request path: `/a/b c`.
    pub key: String,
    /// The value of Location, relative so that it holds under any prefix: `b%20c/`.
    pub location: String,
}

/// Something that was found and has no key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Where it is, from the scan's root.
    pub path: PathBuf,
    /// Why it was left out.
    pub reason: SkipReason,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.path, self.reason)
    }
}

/// Why a file or folder was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its name is not UTF-8, and a key is.
    NotUtf8,
    /// Its path cannot be a key.
    Key(KeyError),
    /// It is a device, a pipe or a socket.
    NotRegular,
    /// A link to something that is not beneath the root.
    LinkOutside,
    /// A link to a folder that it lies in.
    LinkLoop,
    /// A folder that links gave [`DIRECTORY_LINKS_MAX`] names already; shorter names come first.
    TooManyNames,
    /// A link to nothing.
    LinkBroken,
    /// More than [`DIRECTORY_DEPTH_MAX`] folders inside each other.
    TooDeep,
    /// The system said no.
    Unreadable(io::ErrorKind),
    /// A precompressed sibling that is older than its original. It keeps its own key.
    StaleSibling,
    /// A precompressed sibling that is no encoding, because it is longer than [`SIBLING_BYTES_MAX`]. It keeps its own key.
    LongSibling,
    /// Its length was another each time it was read.
    Changed,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::NotUtf8 => f.write_str("the name is not UTF-8"),
            SkipReason::Key(error) => write!(f, "no request path can name it: {error}"),
            SkipReason::NotRegular => f.write_str("not a regular file or folder"),
            SkipReason::LinkOutside => f.write_str("a link to a place outside the directory"),
            SkipReason::LinkLoop => f.write_str("a link to a folder that it lies in"),
            SkipReason::TooManyNames => {
                write!(f, "links give this folder more than {DIRECTORY_LINKS_MAX} names; the others are left out")
            }
            SkipReason::LinkBroken => f.write_str("a link to nothing"),
            SkipReason::TooDeep => write!(f, "more than {DIRECTORY_DEPTH_MAX} folders inside each other"),
            SkipReason::Unreadable(kind) => write!(f, "unreadable: {kind}"),
            SkipReason::StaleSibling => {
                f.write_str("older than the file it was made from, so not used as its encoding; compress it again")
            }
            SkipReason::LongSibling => {
                write!(f, "longer than {SIBLING_BYTES_MAX} bytes, so not used as the encoding of the file beside it")
            }
            SkipReason::Changed => f.write_str("it changed while it was read"),
        }
    }
}

/// Why a directory could not be scanned or packed.
#[derive(Debug)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The directory itself could not be read.
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It holds more than [`DIRECTORY_ENTRIES_MAX`] files and folders.
    TooMany {
        /// The directory.
        path: PathBuf,
    },
    /// The pack could not be written.
    Write(crate::pack::WriteError),
    /// The pack that was just written could not be opened.
    Open(crate::pack::PackError),
    /// The temporary pack could not be made.
    Temporary {
        /// The folder for temporary files.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirectoryError::Root { path, error } => write!(f, "directory {path:?}: {error}"),
            DirectoryError::TooMany { path } => {
                write!(
                    f,
                    "directory {path:?}: more than {DIRECTORY_ENTRIES_MAX} files and folders; pack a part of it, or records"
                )
            }
            DirectoryError::Write(error) => write!(f, "{error}"),
            DirectoryError::Open(error) => write!(f, "the pack of a directory: {error}"),
            DirectoryError::Temporary { path, error } => {
                write!(f, "a temporary file in {path:?}: {error}; TMPDIR names another folder")
            }
        }
    }
}

impl std::error::Error for DirectoryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DirectoryError::Root { error, .. } | DirectoryError::Temporary { error, .. } => Some(error),
            DirectoryError::Write(error) => Some(error),
            DirectoryError::Open(error) => Some(error),
            DirectoryError::TooMany { .. } => None,
        }
    }
}

impl Scan {
    /// Leaves out the files whose key `matches`, also as encodings of the files beside them.
    pub fn exclude(&mut self, mut matches: impl FnMut(&str) -> bool) {
        self.files.retain(|file| !matches(&file.key));
        for index in 0..self.files.len() {
            let mut siblings = std::mem::take(&mut self.files[index].siblings);
            let key = &self.files[index].key;
            siblings.retain(|sibling| !matches(&format!("{key}{}", ending(sibling.encoding))));
            self.files[index].siblings = siblings;
        }
        self.redirects = redirects(&self.files);
    }
}

impl ScannedFile {
    /// The media type, by the ending of the name.
    pub fn content_type(&self) -> &'static str {
        let name = &self.key[self.key.rfind('/').map_or(0, |slash| slash + 1)..];
        media::media_type(name.rsplit_once('.').map_or("", |(_, extension)| extension))
    }
}

/// A file of a scan, open for reading from its start.
#[derive(Debug)]
pub struct OpenFile {
    content: ContentFile,
    position: u64,
}

impl OpenFile {
    fn open(scan: &Scan, path: &str) -> io::Result<OpenFile> {
        Ok(OpenFile { content: scan.site.open_beneath(path)?, position: 0 })
    }
}

impl Read for OpenFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.content.len().saturating_sub(self.position).min(into.len() as u64);
        let into = &mut into[..count as usize]; // at most its own length
        self.content.read_at(self.position, into).map_err(|error| match error {
            ReadError::Io(kind) => kind.into(),
            _ => io::Error::from(io::ErrorKind::UnexpectedEof),
        })?;
        self.position += count;
        Ok(into.len())
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(change) => self.position.checked_add_signed(change),
            SeekFrom::End(change) => self.content.len().checked_add_signed(change),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The ending of a precompressed sibling.
fn ending(encoding: Encoding) -> &'static str {
    SIBLINGS.iter().find(|sibling| sibling.1 == encoding).map_or("", |sibling| sibling.0)
}

/// The redirects to the folders that have an index, sorted.
fn redirects(files: &[ScannedFile]) -> Vec<Redirect> {
    let mut redirects: Vec<Redirect> = files.iter().filter_map(|file| redirect(file.folder_key.as_deref()?)).collect();
    redirects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    redirects
}

/// From `/a/b c/` to `/a/b c` and `b%20c/`. The root has no name to redirect from.
fn redirect(folder_key: &str) -> Option<Redirect> {
    let key = folder_key.strip_suffix('/').filter(|key| !key.is_empty())?;
    let name = &key[key.rfind('/')? + 1..];
    let mut location = String::with_capacity(name.len() + 1);
    for byte in name.bytes() {
        // RFC 3986 section 2.3. A colon, too, is encoded: in the first segment it would end a scheme.
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => location.push(char::from(byte)),
            _ => location.push_str(&format!("%{byte:02X}")),
        }
    }
    location.push('/');
    Some(Redirect { key: key.to_owned(), location })
}
