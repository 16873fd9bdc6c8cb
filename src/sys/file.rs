//! Files whose bytes are served: opened, measured, read without being hurt when they shrink.
//!
//! ```text
//! read of a range:   in memory           -> copy
//!                    inside the mapping  -> guarded copy (guard.rs); a missing page is Truncated
//!                    else                -> pread
//! send of a range:   in memory           -> send
//!                    else                -> sendfile from the descriptor
//! is it in memory:   resident.rs asks the kernel; bytes of a file that are not are read by another thread first
//! ```
//! So the mapping is never lent out as a slice, and a file without one works the same, only slower.

mod resident;

pub(crate) use resident::Resident;

use super::checked;
use super::guard::{self, Guarded};
use crate::pack::source::{ReadError, Source};
use std::any::Any;
use std::borrow::Cow;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// Most bytes that are fetched ahead: what follows is found by the processor's own prefetcher.
const PREFETCH_BYTES_MAX: u64 = 4096;

/// What one entry of a page table's second level covers: on x86-64, and on ARM with pages of 4 KiB.
const LARGE_PAGE_BYTES: usize = 2 * 1024 * 1024;
/// A file of up to this part of the machine's memory is read into it in large pieces.
const MEMORY_PART_FOR_LARGE_PAGES: u64 = 4;

/// A file as it was when it was opened.
#[derive(Debug)]
pub(crate) struct ContentFile {
    store: Store,
    len: u64,
    modified_unix_seconds: i64,
    /// Tells this file from others, however often it was opened: what is in memory of one is in memory of the other.
    identity: u64,
}

#[derive(Debug)]
enum Store {
    Memory(Cow<'static, [u8]>),
    Disk {
        file: File,
        mapping: Option<Mapping>,
        /// The kernel tells whether bytes of it are in memory.
        tells_residency: bool,
    },
    #[cfg(test)]
    Fake(Arc<super::fake::FakeDisk>),
}

impl ContentFile {
    /// Opens a regular file for reading. It is not mapped yet.
    ///
    /// # Errors
    /// What the kernel says; `InvalidInput` when it is not a regular file.
    pub(crate) fn open(path: &Path) -> io::Result<ContentFile> {
        // Non-blocking: opening a FIFO would wait for its writer.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        ContentFile::from_file(OpenOptions::new().read(true).custom_flags(flags).open(path)?)
    }

    /// Takes an open regular file. Its length is what it has now.
    ///
    /// # Errors
    /// `InvalidInput` when it is not a regular file.
    pub(crate) fn from_file(file: File) -> io::Result<ContentFile> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(ContentFile {
            len: found.len(),
            modified_unix_seconds: found.mtime(),
            identity: identity(found.dev(), found.ino()),
            store: Store::Disk { tells_residency: resident::is_told(&file), file, mapping: None },
        })
    }

    /// Bytes in memory that behave like a file.
    pub(crate) fn from_memory(bytes: impl Into<Cow<'static, [u8]>>) -> ContentFile {
        let bytes = bytes.into();
        ContentFile { len: bytes.len() as u64, modified_unix_seconds: 0, identity: 0, store: Store::Memory(bytes) }
    }

    /// Opens a simulated file.
    #[cfg(test)]
    pub(crate) fn fake(disk: &Arc<super::fake::FakeDisk>) -> ContentFile {
        let identity = identity(0, disk.inode());
        ContentFile { len: disk.len(), modified_unix_seconds: 0, identity, store: Store::Fake(Arc::clone(disk)) }
    }

    /// The disk behind a simulated file.
    #[cfg(test)]
    pub(crate) fn disk(&self) -> Option<&super::fake::FakeDisk> {
        match &self.store {
            Store::Fake(disk) => Some(disk),
            Store::Memory(_) | Store::Disk { .. } => None,
        }
    }

    /// How many of `most` bytes from `offset` the file still has.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn bytes_left(&self, offset: u64, most: usize) -> usize {
        let len = match &self.store {
            Store::Memory(_) => self.len,
            Store::Disk { file, .. } => file.metadata().map_or(0, |found| found.len()),
            #[cfg(test)]
            Store::Fake(disk) => disk.len(),
        };
        usize::try_from(len.saturating_sub(offset)).unwrap_or(most).min(most)
    }

    /// Maps `range`, so that reads in it need no system call. Says whether it did: not without the guard
    /// ([`guard::install`]), in memory, of nothing, beyond the end, or where the address space is too small (a whole large
    /// file on 32-bit). Reads give the same without.
    ///
    /// A file cut in the middle of a page reads as zeros to the end of that page, without a signal. So when the range ends
    /// with the file and the file's last byte is not zero, as a pack's is, [`ContentFile::is_whole`] looks at that byte.
    pub(crate) fn map(&mut self, range: Range<u64>) -> bool {
        let Store::Disk { file, mapping, .. } = &mut self.store else { return false };
        if range.is_empty() || range.end > self.len {
            return false;
        }
        *mapping = Mapping::new(file, range).filter(|mapping| mapping.is_of(file));
        if let Some(mapping) = mapping {
            mapping.find_mark(self.len);
        }
        mapping.is_some()
    }

    /// Length in bytes, as it was at opening.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// When it was last changed, in seconds since 1970-01-01 UTC; 0 for bytes in memory.
    pub(crate) fn modified_unix_seconds(&self) -> i64 {
        self.modified_unix_seconds
    }

    /// Whether the file on disk is still the one that was opened: as long, not changed since, and not replaced or removed.
    /// One system call.
    pub(crate) fn is_current(&self) -> bool {
        #[cfg(test)]
        if let Store::Fake(disk) = &self.store {
            return disk.len() == self.len;
        }
        let Store::Disk { file, .. } = &self.store else { return true };
        file.metadata().is_ok_and(|found| {
            found.len() == self.len && found.mtime() == self.modified_unix_seconds && found.nlink() > 0
        })
    }

    /// All its bytes, when they are in memory.
    pub(crate) fn memory(&self) -> Option<&[u8]> {
        match &self.store {
            Store::Memory(bytes) => Some(bytes),
            Store::Disk { .. } => None,
            #[cfg(test)]
            Store::Fake(_) => None,
        }
    }

    /// The descriptor to send from, unless it is in memory.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.store {
            Store::Memory(_) => None,
            Store::Disk { file, .. } => Some(file.as_fd()),
            #[cfg(test)]
            Store::Fake(_) => None,
        }
    }

    /// Has the processor fetch the beginning of a range that will be read in a moment, at most [`PREFETCH_BYTES_MAX`]. When
    /// many payloads are read one after the other, their waits for memory overlap then.
    pub(crate) fn prefetch(&self, offset: u64, len: u64) {
        let len = len.min(PREFETCH_BYTES_MAX);
        if let Store::Disk { mapping: Some(mapping), .. } = &self.store {
            if offset.checked_add(len).is_some_and(|end| mapping.contains(offset..end)) {
                // Fits: it lies in the mapping.
                mapping.guarded.prefetch((offset - mapping.offset) as usize, len as usize);
            }
        }
    }

    /// Fills `into` from `offset`.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] when the file ends, or now ends, before that.
    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let end = offset.checked_add(into.len() as u64).ok_or(ReadError::Truncated)?;
        if end > self.len {
            return Err(ReadError::Truncated);
        }
        match &self.store {
            // Both fit: `end` is at most the length of a slice.
            Store::Memory(bytes) => into.copy_from_slice(&bytes[offset as usize..end as usize]),
            #[cfg(test)]
            Store::Fake(disk) => disk.read_at(offset, into)?,
            Store::Disk { file, mapping, .. } => {
                if let Some(mapping) = mapping {
                    if mapping.contains(offset..end) {
                        return mapping.read_at(offset, into);
                    }
                }
                file.read_exact_at(into, offset).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => ReadError::Truncated,
                    kind => ReadError::Io(kind),
                })?;
            }
        }
        Ok(())
    }

    /// Whether nothing was cut off before the reads so far. Ask after reading, before the bytes are believed.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] when the file is shorter than it was. Only a mapping that ends with the file, in a byte that
    /// is not zero, can tell; other reads give an error of their own.
    pub(crate) fn is_whole(&self) -> Result<(), ReadError> {
        match &self.store {
            Store::Disk { mapping: Some(mapping), .. } => mapping.is_whole(),
            Store::Disk { mapping: None, .. } | Store::Memory(_) => Ok(()),
            #[cfg(test)]
            Store::Fake(disk) => disk.is_whole(),
        }
    }
}

impl Source for ContentFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        ContentFile::read_at(self, offset, into)
    }

    fn is_whole(&self) -> Result<(), ReadError> {
        ContentFile::is_whole(self)
    }

    fn is_resident(&self, offset: u64, bytes: u64) -> bool {
        self.first_cold(offset, bytes).is_none()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

fn identity(device: u64, inode: u64) -> u64 {
    // An odd number with its bits spread: devices have small numbers, and inodes of one device small differences.
    device.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ inode
}

/// A stretch of a file in the address space, read only through the guard.
#[derive(Debug)]
struct Mapping {
    guarded: Guarded,
    /// Where in the file it starts: a multiple of the page size.
    offset: u64,
    len: usize,
    /// The last byte is the last of the file, and was not zero.
    ends_marked: bool,
    /// Invariant: the start of a mapping of `len` bytes that this value made and alone unmaps.
    start: NonNull<libc::c_void>,
}

// SAFETY: the mapping belongs to the process and not to a thread; `start` is used only by `drop`.
unsafe impl Send for Mapping {}
// SAFETY: as above; shared use goes through `guarded`, which is `Sync`.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, range: Range<u64>) -> Option<Mapping> {
        if !guard::is_installed() {
            return None;
        }
        let offset = range.start - range.start % page_bytes();
        let len = usize::try_from(range.end - offset).ok()?;
        // On 32-bit the C library's plain offset has 32 bits; what does not fit is read with `pread`.
        let position = libc::off_t::try_from(offset).ok()?;
        let (protection, kind) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, kind, file.as_raw_fd(), position) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let start = NonNull::new(start)?;
        advise_large_pages(start, len);
        // SAFETY: just mapped; `Mapping` keeps it so until both are dropped, and lends no reference to it.
        match unsafe { Guarded::new(start.cast(), len) } {
            Some(guarded) => Some(Mapping { guarded, offset, len, start, ends_marked: false }),
            None => {
                unmap(start, len);
                None
            }
        }
    }

    /// Whether it is what was asked for. On 32-bit an offset goes to the kernel as a number of pages, and who plays that kernel
    /// (qemu-user 7.2) may lose its upper bits: another place is mapped then. On 64-bit nobody has to look.
    fn is_of(&self, file: &File) -> bool {
        cfg!(target_pointer_width = "64") || self.ends_like(file)
    }

    /// Whether its last bytes are those that the file has there.
    fn ends_like(&self, file: &File) -> bool {
        let (mut mapped, mut read) = ([0; 64], [0; 64]);
        let bytes = mapped.len().min(self.len);
        let start = self.len - bytes;
        self.guarded.read(start, &mut mapped[..bytes]).is_ok()
            && file.read_exact_at(&mut read[..bytes], self.offset + start as u64).is_ok()
            && mapped == read
    }

    fn contains(&self, range: Range<u64>) -> bool {
        range.start >= self.offset && range.end - self.offset <= self.len as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        // Fits: `contains` was asked.
        let start = (offset - self.offset) as usize;
        // The lengths that a lookup reads have copies of their own.
        let copied = match into.len() {
            8 => self.guarded.read_array(start, sized::<8>(into)),
            64 => self.guarded.read_array(start, sized::<64>(into)),
            256 => self.guarded.read_array(start, sized::<256>(into)),
            _ => self.guarded.read(start, into),
        };
        copied.map_err(|_| ReadError::Truncated)
    }

    /// Whether nothing was cut off before the reads so far, as far as the end of the mapping can tell.
    fn is_whole(&self) -> Result<(), ReadError> {
        if !self.ends_marked {
            return Ok(());
        }
        // The bytes above were read before the mark is: whoever cuts the file takes the mark away first.
        fence(Ordering::Acquire);
        let mut mark = [0; 8];
        self.guarded.read_array(self.len - mark.len(), &mut mark).map_err(|_| ReadError::Truncated)?;
        if mark[7] == 0 { Err(ReadError::Truncated) } else { Ok(()) }
    }

    /// Whether the last byte of the mapping can tell that nothing was cut: it is the end of the file, and not zero.
    fn find_mark(&mut self, file_end: u64) {
        let mut mark = [0; 8];
        self.ends_marked = self.offset + self.len as u64 == file_end
            && self.len >= mark.len()
            && self.guarded.read_array(self.len - mark.len(), &mut mark).is_ok()
            && mark[7] != 0;
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        unmap(self.start, self.len);
    }
}

/// The array that a slice of its length is.
fn sized<const N: usize>(slice: &mut [u8]) -> &mut [u8; N] {
    slice.try_into().expect("the length was just matched")
}

/// Asks that what is read into memory through the mapping lies there in pieces of up to 2 MiB instead of single pages:
/// `sendfile` of a large payload then costs a sixth less, and a lookup waits less for the page tables. One read of a cold
/// byte brings 4 MiB from the disk, so it is done only for files that fit into memory with room to spare. Where the kernel
/// cannot, nothing changes.
fn advise_large_pages(start: NonNull<libc::c_void>, len: usize) {
    let is_worth_it = len >= LARGE_PAGE_BYTES && (len as u64) <= memory_bytes() / MEMORY_PART_FOR_LARGE_PAGES;
    if is_worth_it {
        // SAFETY: the whole of a mapping that was just made; the advice changes no byte of it.
        let _ = unsafe { libc::madvise(start.as_ptr(), len, libc::MADV_HUGEPAGE) };
    }
}

/// Takes a mapping out of the address space. Called once for each, by its owner.
fn unmap(start: NonNull<libc::c_void>, len: usize) {
    // SAFETY: the invariant of `Mapping::start`: a mapping of `len` bytes, owned by the caller, who drops all that names it.
    let status = unsafe { libc::munmap(start.as_ptr(), len) };
    debug_assert_eq!(status, 0);
}

pub(crate) fn page_bytes() -> u64 {
    // SAFETY: takes no pointer.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).expect("every system has a page size")
}

/// The machine's memory; 0 when the system does not say.
pub(crate) fn memory_bytes() -> u64 {
    // SAFETY: takes no pointer.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    u64::try_from(pages).unwrap_or(0) * page_bytes()
}

/// A directory below which files are opened.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

impl Directory {
    /// Opens the directory at `path`, following links.
    pub(crate) fn open(path: &Path) -> io::Result<Directory> {
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        Ok(Directory(OpenOptions::new().read(true).custom_flags(flags).open(path)?.into()))
    }

    /// Opens the regular file at `relative` (names parted by single slashes), following no link anywhere.
    ///
    /// # Errors
    /// `InvalidInput` for a path with an empty, `.` or `..` name or a NUL, and for what is not a regular file; what the kernel says
    /// otherwise (a link is ELOOP or ENOTDIR).
    pub(crate) fn open_beneath(&self, relative: &str) -> io::Result<ContentFile> {
        let mut names = relative.split('/').peekable();
        let mut parent: Option<OwnedFd> = None;
        while let Some(name) = names.next() {
            if matches!(name, "" | "." | "..") {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let within = parent.as_ref().unwrap_or(&self.0).as_fd();
            if names.peek().is_none() {
                // Non-blocking: opening a FIFO would wait for its writer.
                let file = open_at(within, name, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY)?;
                return ContentFile::from_file(file.into());
            }
            parent = Some(open_at(within, name, libc::O_PATH | libc::O_DIRECTORY)?);
        }
        Err(io::ErrorKind::InvalidInput.into())
    }
}

fn open_at(directory: BorrowedFd<'_>, name: &str, flags: libc::c_int) -> io::Result<OwnedFd> {
    let name = CString::new(name).map_err(|_| io::ErrorKind::InvalidInput)?;
    let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    super::retried(|| {
        // SAFETY: `name` is a string that ends in NUL; without O_CREAT there is no fourth argument.
        let descriptor = checked(unsafe { libc::openat(directory.as_raw_fd(), name.as_ptr(), flags) })?;
        // SAFETY: just made, and nobody else knows of it.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    })
}

/// A new empty file for reading and writing that has no name (any more) and is gone when it is closed.
///
/// # Errors
/// What the kernel says about `directory`.
pub(crate) fn unlinked_temporary(directory: &Path) -> io::Result<File> {
    let nameless = OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(directory);
    match nameless {
        // Linux before 3.11, and file systems that cannot.
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL | libc::ENOENT)) =>
        {
            named_and_unlinked(directory)
        }
        outcome => outcome,
    }
}

fn named_and_unlinked(directory: &Path) -> io::Result<File> {
    // Only there so that two threads do not meet; a name that somebody else uses is skipped.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(".badger-{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
        }
    }
}

#[cfg(test)]
#[path = "file/tests.rs"]
mod tests;
