//! Whether bytes of a file are in memory, and how they get there.
//!
//! The kernel is asked by a read that may not wait (`preadv2` with `RWF_NOWAIT`, Linux 4.14): it stops at the first page
//! that is not in memory, and by the way starts to read that one. `mincore` and `cachestat` would be cheaper and tell the
//! truth only to those who own the file. Where the kernel or the file system cannot be asked (memory file systems of old
//! kernels, FUSE, NFS, anything on Android), a file counts as being in memory.
//!
//! What was found there is noted, and not asked again for a while: pages that were used a moment ago are not those that
//! the kernel lets go.
//!
//! ```text
//! note: file, window of 256 KiB -> a bit for each page that was found in memory, or brought there
//!
//! copied by user code:  noted pages are believed for a second
//! sent by the kernel:   for nine, as long as the first page of each send is still there. It is asked for, but not in a
//!                       window where that was done within an eighth of a second: pages that came together leave together
//! ```

use super::{ContentFile, Store, page_bytes};
use crate::pack::source::ReadError;
use crate::sys::process::is_android;
use crate::sys::{counted, retried};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// What the note counts as a page. Where the kernel's are larger, bits of one page agree.
const PAGE_SHIFT: u32 = 12;
const PAGE_BYTES: u64 = 1 << PAGE_SHIFT;
/// Pages of a window: the bits of a word.
const WINDOW_PAGES: u64 = 64;
/// Bytes of a window, and the most that one question is about: asking for all of it, cold after a second, takes 10 us.
const WINDOW_BYTES: u64 = WINDOW_PAGES * PAGE_BYTES;
/// Windows that are noted, by their place: 1 GiB of what is served. Others are asked for anew.
const NOTED_WINDOWS: usize = 4096;
/// Nanoseconds for which notes are believed when bytes are copied, as a power of two: 1.07 s.
const COPY_ERA_SHIFT: u32 = 30;
/// The same when they are sent, with a look at the first page: 8.6 s.
const SEND_ERA_SHIFT: u32 = 33;
/// Nanoseconds for which one such look is enough for a window, as a power of two: 0.13 s.
const GLANCE_SHIFT: u32 = 27;
/// Bytes read at a time once the kernel has been told what will be read: they are thrown away, and this much stays in
/// the processor's cache.
const READ_BYTES: usize = 64 * 1024;

/// Whether the kernel answers such questions about this file.
pub(super) fn is_told(file: &File) -> bool {
    // Before Android 13 its filter for apps does not know the call.
    if is_android() {
        return false;
    }
    match read_now(file, 0, 1) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// Reads up to [`WINDOW_BYTES`] and throws them away, as far as that goes without waiting.
fn read_now(file: &File, offset: u64, len: u64) -> io::Result<usize> {
    // All pages into one: nobody looks at them, and it stays in the processor's cache.
    let mut page = [0_u8; PAGE_BYTES as usize];
    let nowhere = libc::iovec { iov_base: page.as_mut_ptr().cast(), iov_len: 0 };
    let mut slices = [nowhere; WINDOW_PAGES as usize];
    let mut left = len.min(WINDOW_BYTES);
    let mut count = 0;
    while left > 0 {
        let bytes = left.min(PAGE_BYTES);
        slices[count].iov_len = bytes as usize;
        left -= bytes;
        count += 1;
    }
    let start = libc::off64_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    retried(|| counted(preadv2(file, &slices[..count], start, libc::RWF_NOWAIT)))
}

/// One byte, if it is in memory.
fn read_one_now(file: &File, offset: u64) -> io::Result<usize> {
    let mut byte = 0_u8;
    let slice = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let start = libc::off64_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    retried(|| counted(preadv2(file, &[slice], start, libc::RWF_NOWAIT)))
}

/// The call by its number, since not every C library has a function for it.
fn preadv2(file: &File, slices: &[libc::iovec], offset: libc::off64_t, flags: libc::c_int) -> libc::ssize_t {
    // The kernel takes the offset as two words and puts them together: on 64-bit the second counts for nothing.
    let (low, high) = (offset as libc::c_ulong, (offset as u64 >> 32) as libc::c_ulong);
    // SAFETY: private to this file, whose callers make each slice of memory that they own, that is valid for writing, and
    // that nobody reads before the call is over; the kernel may write to one place several times. The file is open.
    let read =
        unsafe { libc::syscall(libc::SYS_preadv2, file.as_raw_fd(), slices.as_ptr(), slices.len(), low, high, flags) };
    read as libc::ssize_t
}

/// Stretches of a large file that are looked at, and how long each is: a tenth of a millisecond in all.
const SAMPLES_MAX: u64 = 256;
const SAMPLE_BYTES: u64 = 256 * 1024;
/// The number of `cachestat`, the same for every processor.
const SYS_CACHESTAT: libc::c_long = 451;

/// Pages of a stretch that are in the page cache.
fn cached_pages(file: &File, offset: u64, len: u64) -> io::Result<u64> {
    let range = [offset, len];
    // Cached, dirty, under writeback, evicted, evicted lately.
    let mut counts = [0_u64; 5];
    // SAFETY: `range` is valid for reading two words of 64 bits, and `counts` for writing five, which is what the kernel's two
    // structs are; the file is open.
    let status = unsafe {
        libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), range.as_ptr(), counts.as_mut_ptr(), 0 as libc::c_uint)
    };
    if status == 0 { Ok(counts[0]) } else { Err(io::Error::last_os_error()) }
}

impl ContentFile {
    /// The first of these bytes that is not in memory; `None`: all of them are, or nobody can tell. What is behind the end
    /// of the file is left to whoever reads it.
    pub(crate) fn first_cold(&self, mut offset: u64, mut len: u64) -> Option<u64> {
        match &self.store {
            Store::Disk { file, tells_residency: true, .. } => {
                while len > 0 {
                    match read_now(file, offset, len) {
                        Ok(0) => return None,
                        Ok(bytes) => {
                            offset += bytes as u64;
                            len -= bytes as u64;
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(offset),
                        Err(_) => return None,
                    }
                }
                None
            }
            Store::Disk { tells_residency: false, .. } | Store::Memory(_) => None,
            #[cfg(test)]
            Store::Fake(disk) => disk.first_cold(offset, len),
        }
    }

    /// Whether this byte is not in memory.
    fn is_cold(&self, offset: u64) -> bool {
        match &self.store {
            Store::Disk { file, tells_residency: true, .. } => {
                read_one_now(file, offset).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            Store::Disk { tells_residency: false, .. } | Store::Memory(_) => false,
            #[cfg(test)]
            Store::Fake(_) => self.first_cold(offset, 1).is_some(),
        }
    }

    /// How many of its bytes are in memory, for people who look on: it disturbs nothing, and looks at a sample of a large file.
    /// `None`: this kernel does not say (before 6.5), or not to somebody who does not own the file.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let file = match &self.store {
            Store::Memory(bytes) => return Some(bytes.len() as u64),
            Store::Disk { file, .. } => file,
            #[cfg(test)]
            Store::Fake(_) => return None,
        };
        if self.len == 0 {
            return Some(0);
        }
        if is_android() {
            return None;
        }
        if self.len <= SAMPLES_MAX * SAMPLE_BYTES {
            return Some((cached_pages(file, 0, self.len).ok()? * page_bytes()).min(self.len));
        }
        // At even distances, the first at the beginning.
        let step = self.len / SAMPLES_MAX;
        let mut pages = 0;
        for sample in 0..SAMPLES_MAX {
            pages += cached_pages(file, sample * step / PAGE_BYTES * PAGE_BYTES, SAMPLE_BYTES).ok()?;
        }
        let share = (pages * page_bytes()) as f64 / (SAMPLES_MAX * SAMPLE_BYTES) as f64;
        Some((share.min(1.0) * self.len as f64) as u64)
    }

    /// Whether anybody could find bytes of it to be elsewhere than in memory.
    #[inline]
    fn can_be_cold(&self) -> bool {
        match &self.store {
            Store::Disk { tells_residency, .. } => *tells_residency,
            Store::Memory(_) => false,
            #[cfg(test)]
            Store::Fake(_) => true,
        }
    }

    /// Names the file, whoever has opened it.
    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }

    /// Reads these bytes into memory, for as long as it `is_wanted`; waits for the disk.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] when the file ends before that.
    pub(crate) fn bring_in(&self, offset: u64, len: u64, is_wanted: impl Fn() -> bool) -> Result<(), ReadError> {
        let file = match &self.store {
            Store::Memory(_) => return Ok(()),
            Store::Disk { file, .. } => file,
            #[cfg(test)]
            Store::Fake(disk) => return disk.read_at(offset, &mut vec![0; len as usize]),
        };
        // All of it at once, so that the disk is asked as few times as it can be.
        if let (Ok(start), Ok(bytes)) = (libc::off64_t::try_from(offset), libc::off64_t::try_from(len)) {
            // SAFETY: takes no pointer; the file is open. Advice: when it fails, the reads below read what they need.
            let _ = unsafe { libc::posix_fadvise64(file.as_raw_fd(), start, bytes, libc::POSIX_FADV_WILLNEED) };
        }
        let mut scratch = vec![0; READ_BYTES.min(usize::try_from(len).unwrap_or(READ_BYTES))];
        let (mut at, mut left) = (offset, len);
        while left > 0 && is_wanted() {
            let bytes = left.min(scratch.len() as u64);
            file.read_exact_at(&mut scratch[..bytes as usize], at).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => ReadError::Truncated,
                kind => ReadError::Io(kind),
            })?;
            at += bytes;
            left -= bytes;
        }
        Ok(())
    }
}

/// What one thread found in memory lately.
#[derive(Debug)]
pub(crate) struct Resident {
    /// A window has one place. Made when the first is noted.
    windows: Vec<Window>,
    era_shift: u32,
    era: u32,
    /// Numbers the times within which a window is looked at once.
    glance: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    file: u64,
    number: u64,
    /// The era of the bits: 0 is none.
    era: u32,
    /// When a first page of a send was last found to be there: 0 is never.
    glance: u32,
    pages: u64,
}

/// The bits of `first..end`, which are at most 64.
fn bits(first: u64, end: u64) -> u64 {
    (u64::MAX >> (WINDOW_PAGES - (end - first))) << first
}

impl Resident {
    /// For bytes that are copied.
    pub(crate) fn of_copies() -> Resident {
        Resident { windows: Vec::new(), era_shift: COPY_ERA_SHIFT, era: 1, glance: 1 }
    }

    /// For bytes that the kernel sends.
    pub(crate) fn of_sends() -> Resident {
        Resident { era_shift: SEND_ERA_SHIFT, ..Resident::of_copies() }
    }

    /// Tells the time, in nanoseconds of a clock that never goes back. True: what was noted before is forgotten.
    #[inline]
    pub(crate) fn set_time(&mut self, nanos: u64) -> bool {
        // They begin anew after some 18 years.
        self.glance = (nanos >> GLANCE_SHIFT) as u32 + 1;
        let era = (nanos >> self.era_shift) as u32 + 1;
        std::mem::replace(&mut self.era, era) != era
    }

    /// The place of a window, with what is known of it.
    #[inline]
    fn window(&mut self, file: u64, number: u64) -> &mut Window {
        if self.windows.is_empty() {
            self.windows = vec![Window::default(); NOTED_WINDOWS];
        }
        // Neighbours have neighbouring places, and files begin anywhere.
        let place = (file.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).wrapping_add(number) % NOTED_WINDOWS as u64;
        let window = &mut self.windows[place as usize];
        if (window.file, window.number, window.era) != (file, number, self.era) {
            *window = Window { file, number, era: self.era, glance: 0, pages: 0 };
        }
        window
    }

    /// The first of these bytes that is not in memory, as far as it is not known to be there from this second.
    #[inline]
    pub(crate) fn first_cold(&mut self, file: &ContentFile, offset: u64, len: u64) -> Option<u64> {
        if len == 0 || !file.can_be_cold() {
            return None;
        }
        let end = offset.saturating_add(len);
        let mut at = offset;
        while at < end {
            let number = at / WINDOW_BYTES;
            let until = end.min((number + 1) * WINDOW_BYTES);
            let first = at % WINDOW_BYTES / PAGE_BYTES;
            let wanted = bits(first, (until - 1) % WINDOW_BYTES / PAGE_BYTES + 1);
            let window = self.window(file.identity(), number);
            if window.pages & wanted != wanted {
                // All that is left in one question: what is not there is then read by the kernel in one piece.
                let cold = file.first_cold(at, end - at);
                if cold.is_none() {
                    self.mark(file.identity(), at, end - at);
                }
                return cold;
            }
            at = until;
        }
        None
    }

    /// The same for bytes that the kernel sends: with a look at the first one.
    pub(crate) fn first_cold_of_send(&mut self, file: &ContentFile, offset: u64, len: u64) -> Option<u64> {
        if !file.can_be_cold() {
            return None;
        }
        let page = 1 << (offset % WINDOW_BYTES / PAGE_BYTES);
        let glance = self.glance;
        let window = self.window(file.identity(), offset / WINDOW_BYTES);
        if window.pages & page != 0 && window.glance != glance {
            if file.is_cold(offset) {
                // What else was in memory with it is likely to have left too.
                for number in offset / WINDOW_BYTES..offset.saturating_add(len).div_ceil(WINDOW_BYTES) {
                    self.window(file.identity(), number).pages = 0;
                }
                return Some(offset);
            }
            window.glance = glance;
        }
        self.first_cold(file, offset, len)
    }

    /// Notes that these bytes were brought into memory just now.
    pub(crate) fn mark(&mut self, file: u64, offset: u64, len: u64) {
        let end = offset.saturating_add(len);
        let mut at = offset;
        while at < end {
            let number = at / WINDOW_BYTES;
            let until = end.min((number + 1) * WINDOW_BYTES);
            let wanted = bits(at % WINDOW_BYTES / PAGE_BYTES, (until - 1) % WINDOW_BYTES / PAGE_BYTES + 1);
            self.window(file, number).pages |= wanted;
            at = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::unlinked_temporary;
    use super::*;
    use crate::sys::fake::FakeDisk;
    use std::io::Write;
    use std::sync::Arc;

    const BYTES: u64 = 3 * WINDOW_BYTES + 1000;

    /// A file of this build's disk, where the kernel can be asked; else says so.
    fn on_disk() -> Option<File> {
        // Not the folder for temporary files, which may be in memory.
        let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let mut file = unlinked_temporary(&folder).unwrap();
        file.write_all(&vec![7; BYTES as usize]).unwrap();
        file.sync_all().unwrap();
        if !is_told(&file) || !evict(&file) {
            println!("skipped: the file system of {} does not tell what is in memory", folder.display());
            return None;
        }
        Some(file)
    }

    /// Has the kernel forget the file, which it does once what it reads ahead has come. False: it never did.
    fn evict(file: &File) -> bool {
        (0..100_000).any(|_| {
            // SAFETY: takes no pointer; the file is open.
            let status = unsafe { libc::posix_fadvise64(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
            assert_eq!(status, 0);
            // Far from what the tests ask for, since asking brings it in.
            read_one_now(file, BYTES - 1).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        })
    }

    #[test]
    fn what_was_evicted_is_cold_until_it_is_brought_in() {
        let Some(file) = on_disk() else { return };
        let again = file.try_clone().unwrap();
        let content = ContentFile::from_file(file).unwrap();
        assert!(evict(&again));
        assert!(content.first_cold(WINDOW_BYTES, 100).is_some());
        content.bring_in(0, BYTES, || true).unwrap();
        assert_eq!(content.first_cold(0, BYTES), None);
        assert_eq!(content.first_cold(BYTES - 10, 100), None, "behind the end is for whoever reads it");
        assert_eq!(content.bring_in(BYTES - 10, 11, || true), Err(ReadError::Truncated));
    }

    #[test]
    fn how_much_of_a_file_is_in_memory_is_told_where_the_kernel_does() {
        let Some(file) = on_disk() else { return };
        if cached_pages(&file, 0, BYTES).is_err() {
            return println!("skipped: this kernel has no cachestat, or not for this file");
        }
        let again = file.try_clone().unwrap();
        let content = ContentFile::from_file(file).unwrap();
        assert!(evict(&again));
        let cold = content.resident_bytes().unwrap();
        content.bring_in(0, BYTES, || true).unwrap();
        assert_eq!(content.resident_bytes(), Some(BYTES), "all of it, and no more than it has");
        assert!(cold < BYTES, "{cold}");
    }

    #[test]
    fn a_send_asks_for_the_first_page_although_it_was_there() {
        let Some(file) = on_disk() else { return };
        let again = file.try_clone().unwrap();
        let content = ContentFile::from_file(file).unwrap();
        content.bring_in(0, BYTES, || true).unwrap();
        let mut resident = Resident::of_sends();
        assert_eq!(resident.first_cold_of_send(&content, 0, 150_000), None);
        assert!(evict(&again));
        assert_eq!(resident.first_cold(&content, 0, 150_000), None, "noted");
        assert_eq!(resident.first_cold_of_send(&content, 0, 150_000), Some(0));
    }

    #[test]
    fn a_window_is_looked_at_once_in_a_while() {
        let bytes: &'static [u8] = Box::leak(vec![1; BYTES as usize].into_boxed_slice());
        let disk = Arc::new(FakeDisk::new(bytes, false));
        let file = ContentFile::fake(&disk);
        let mut resident = Resident::of_sends();
        // Such a disk keeps what was just used.
        let cool = |pages| {
            disk.forget_use();
            disk.forget_use();
            disk.cool(pages);
        };
        let ask =
            |resident: &mut Resident, page: u64| resident.first_cold_of_send(&file, page * PAGE_BYTES, 2 * PAGE_BYTES);
        // Asked for anew, then looked at, then believed, with its neighbours.
        assert_eq!(ask(&mut resident, 0), None);
        assert_eq!(ask(&mut resident, 4), None);
        assert_eq!(ask(&mut resident, 0), None);
        cool(0..2);
        cool(4..6);
        assert_eq!((ask(&mut resident, 0), ask(&mut resident, 4)), (None, None));
        assert_eq!(ask(&mut resident, 5), Some(5 * PAGE_BYTES), "its second page was not asked for before");
        // Until the time is over. Then nothing in the window is believed.
        assert!(!resident.set_time(1 << GLANCE_SHIFT));
        assert_eq!(ask(&mut resident, 4), Some(4 * PAGE_BYTES));
        assert_eq!(ask(&mut resident, 0), Some(0));
        disk.bring_in(0, 2 * PAGE_BYTES);
        assert_eq!(ask(&mut resident, 0), None);
        // A note from the second before is believed, and one from the era before is not.
        cool(1..2);
        assert!(!resident.set_time(1 << COPY_ERA_SHIFT));
        assert_eq!(ask(&mut resident, 0), None);
        assert!(resident.set_time(1 << SEND_ERA_SHIFT));
        assert_eq!(ask(&mut resident, 0), Some(PAGE_BYTES));
    }

    #[test]
    fn notes_are_by_page_and_for_an_era() {
        let bytes: &'static [u8] = Box::leak(vec![1; BYTES as usize].into_boxed_slice());
        let disk = Arc::new(FakeDisk::new(bytes, false));
        let file = ContentFile::fake(&disk);
        let mut resident = Resident::of_copies();
        disk.cool(3..4);
        assert_eq!(resident.first_cold(&file, 0, 3 * PAGE_BYTES), None);
        assert_eq!(resident.first_cold(&file, 100, 3 * PAGE_BYTES), Some(3 * PAGE_BYTES));
        resident.mark(file.identity(), 3 * PAGE_BYTES, 1);
        assert_eq!(resident.first_cold(&file, 100, 3 * PAGE_BYTES), None, "noted, whatever is true");
        assert!(resident.set_time(1 << COPY_ERA_SHIFT));
        assert!(!resident.set_time((1 << COPY_ERA_SHIFT) + 1));
        assert_eq!(resident.first_cold(&file, 100, 3 * PAGE_BYTES), Some(3 * PAGE_BYTES));
        // Over the bounds of windows.
        let edge = WINDOW_BYTES - PAGE_BYTES;
        disk.cool((2 * WINDOW_BYTES / PAGE_BYTES) as usize..(2 * WINDOW_BYTES / PAGE_BYTES) as usize + 1);
        assert_eq!(resident.first_cold(&file, edge, WINDOW_BYTES + PAGE_BYTES + 1), Some(2 * WINDOW_BYTES));
        resident.mark(file.identity(), edge, WINDOW_BYTES + PAGE_BYTES + 1);
        assert_eq!(resident.first_cold(&file, edge, WINDOW_BYTES + PAGE_BYTES + 1), None);
        assert_eq!(resident.first_cold(&file, 2 * WINDOW_BYTES + PAGE_BYTES, 10), None);
        assert_eq!(bits(0, 64), u64::MAX);
        assert_eq!(bits(63, 64), 1 << 63);
        assert_eq!(bits(1, 3), 0b110);
    }

    #[test]
    fn memory_is_in_memory() {
        let file = ContentFile::from_memory(vec![1; 100]);
        assert_eq!(file.first_cold(0, 100), None);
        assert_eq!(Resident::of_sends().first_cold_of_send(&file, 0, 100), None);
        assert_eq!(file.bring_in(0, 100, || true), Ok(()));
    }
}
