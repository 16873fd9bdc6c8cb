//! Where the bytes of a pack come from: the one way in which the library reads a pack.
#![forbid(unsafe_code)]

use std::any::Any;
use std::sync::Arc;

/// Bytes that can be read at any offset. A file that shrinks while it is read gives [`ReadError`], never a crash.
pub trait Source: Send + Sync + 'static {
    /// Length in bytes, as it was when the source was opened.
    fn len(&self) -> u64;

    /// Whether it had no bytes when it was opened.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `into` from `offset`.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] when the source ends (or now ends) before `offset + into.len()`; then `into` holds
    /// nothing to rely on.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError>;

    /// Whether what was read so far can have been there: asked after the reads of one lookup, before their bytes are
    /// believed. A source that reads a mapping may find zeros where its file was cut, without an error.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] when the source is shorter than it was.
    fn is_whole(&self) -> Result<(), ReadError> {
        Ok(())
    }

    /// Whether these bytes can be read at once, without waiting for a disk. Asked by a server's loop before it reads; a
    /// source that does not know says yes.
    fn is_resident(&self, offset: u64, bytes: u64) -> bool {
        let _ = (offset, bytes);
        true
    }

    /// The source itself, so that the server can find out what it may hand to the kernel.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The source is shorter than it was.
    Truncated,
    /// The system said no.
    Io(std::io::ErrorKind),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Truncated => f.write_str("the file is shorter than it was when it was opened"),
            ReadError::Io(kind) => write!(f, "{kind}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let start = usize::try_from(offset).map_err(|_| ReadError::Truncated)?;
        let end = start.checked_add(into.len()).ok_or(ReadError::Truncated)?;
        into.copy_from_slice(self.get(start..end).ok_or(ReadError::Truncated)?);
        Ok(())
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
