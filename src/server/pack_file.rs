//! Packs in files and in the program's memory.
#![forbid(unsafe_code)]

use crate::pack::{Pack, PackError, Source};
use crate::sys::{ContentFile, guard};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Lets this process read mapped packs without a system call, by installing a handler of SIGBUS.
///
/// A file that is truncated while it is mapped raises that signal when it is read. The handler turns it into an error of
/// the read, for reads of this library only; every other SIGBUS goes to whoever handled it before. It is the program's
/// choice since it is process-wide: call it once, early, before packs are opened. Without it the library reads packs by
/// `pread`, which costs about a microsecond a request.
///
/// # Errors
/// What the system says; `Unsupported` where there is no handler for this processor. Everything works without it.
pub fn guard_mapped_files() -> io::Result<()> {
    guard::install()
}

/// Why a pack could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be opened.
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no pack that can be served.
    Pack {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: PackError,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::File { path, source } => write!(f, "cannot open {}: {source}", path.display()),
            OpenError::Pack { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::File { source, .. } => Some(source),
            OpenError::Pack { source, .. } => Some(source),
        }
    }
}

impl Pack {
    /// Opens a pack. It takes the same short time whatever the pack's size: the header is checked now, everything else
    /// when it is first used. Replace a pack by renaming a new file over it; this one goes on reading the old file.
    ///
    /// # Errors
    /// A file that cannot be opened, or is no pack, or not one of this version; the message says what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Pack, OpenError> {
        let path = path.as_ref();
        let file = ContentFile::open(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        mapped(file, Pack::from_source).map_err(|source| OpenError::Pack { path: path.to_owned(), source })
    }

    /// A pack that is part of the program or was made by it.
    ///
    /// # Errors
    /// The bytes are no pack, or not one of this version.
    pub fn from_memory(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Pack, PackError> {
        Pack::from_source(Arc::new(ContentFile::from_memory(bytes)))
    }

    /// For [`include_pack`](crate::include_pack).
    #[doc(hidden)]
    pub fn included(path: &str, bytes: &'static [u8]) -> Result<Pack, OpenError> {
        Pack::from_memory(bytes).map_err(|source| OpenError::Pack { path: path.into(), source })
    }
}

/// Opens a pack with its file mapped as far as this machine allows: all of it on 64-bit, the index alone on 32-bit.
pub(crate) fn mapped(
    mut file: ContentFile,
    open: impl Fn(Arc<dyn Source>) -> Result<Pack, PackError>,
) -> Result<Pack, PackError> {
    let is_wide = cfg!(target_pointer_width = "64");
    if is_wide {
        let all = 0..file.len();
        file.map(all);
        return open(Arc::new(file));
    }
    let file = Arc::new(file);
    let index = open(Arc::clone(&file) as Arc<dyn Source>)?.index_range();
    // The pack that told the range is gone, and with it the other owner.
    let Ok(mut file) = Arc::try_unwrap(file) else { unreachable!("nobody else owns the file") };
    file.map(index);
    open(Arc::new(file))
}
