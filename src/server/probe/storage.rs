//! How fast content comes from where it lies, when it is not in memory: what limits a small device.
#![forbid(unsafe_code)]

use crate::sys::{ContentFile, file, probe as calls, time};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// Bytes that are written and read at a time.
const CHUNK_BYTES: usize = 1024 * 1024;
/// More pieces are not read: by then their mean is known.
const PIECES_MAX: u64 = 400;

/// What was measured of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageSpeed {
    /// Bytes of the file that it was measured with.
    pub file_bytes: u64,
    /// Whether they had left memory before they were read: what is measured then is the storage. `None`: the kernel or the file
    /// system does not tell.
    pub is_cold: Option<bool>,
    /// Bytes that were read one after the other, and how long that took.
    pub run_bytes: u64,
    /// See `run_bytes`.
    pub run_time: Duration,
    /// Bytes of each of the pieces that were read from here and there.
    pub piece_bytes: u64,
    /// How many these were, and how long they took, one at a time.
    pub pieces: u64,
    /// See `pieces`.
    pub pieces_time: Duration,
}

/// Measures how fast a file in `folder` is read that is not in memory: one half of it in one go, and of the other half pieces of
/// `piece_bytes` from here and there.
///
/// It makes a file of `file_bytes` that has no name, and is gone when this returns or the process ends; and takes about
/// `time_max` at most, writing less when that is slow.
///
/// # Errors
/// What the system says: the folder cannot be written, or there is no room.
pub fn storage_speed(
    folder: impl AsRef<Path>,
    file_bytes: u64,
    piece_bytes: u64,
    time_max: Duration,
) -> io::Result<StorageSpeed> {
    let third = u64::try_from(time_max.as_nanos() / 3).unwrap_or(u64::MAX);
    let file = file::unlinked_temporary(folder.as_ref())?;
    let file_bytes = write(&file, file_bytes, time::nanos().saturating_add(third))?;
    file.sync_data()?;
    calls::forget(&file)?;
    let is_cold = is_cold(&file)?;
    let piece_bytes = piece_bytes.clamp(1, (file_bytes / 2).max(1));
    let (run_bytes, run_time) = read_run(&file, file_bytes / 2, third)?;
    let (pieces, pieces_time) = read_pieces(&file, file_bytes / 2..file_bytes, piece_bytes, third)?;
    Ok(StorageSpeed { file_bytes, is_cold, run_bytes, run_time, piece_bytes, pieces, pieces_time })
}

/// Bytes that nothing can squeeze, until there are enough or the time is over; how many.
fn write(mut file: &File, bytes: u64, until: u64) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut state, mut written) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    while written < bytes && (written == 0 || time::nanos() < until) {
        for word in chunk.chunks_exact_mut(8) {
            state = next(state);
            word.copy_from_slice(&state.to_le_bytes());
        }
        let len = usize::try_from(bytes - written).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        file.write_all(&chunk[..len])?;
        // Each chunk reaches the disk, so that the time is the disk's and not that of memory.
        file.sync_data()?;
        written += len as u64;
    }
    Ok(written)
}

/// Xorshift: any order that no disk foresees.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}

fn is_cold(file: &File) -> io::Result<Option<bool>> {
    let known = calls::read_without_waiting(file).is_ok();
    let content = ContentFile::from_file(file.try_clone()?)?;
    // A page in each stretch: one cold page alone says nothing of the others.
    let is_cold = |at: u64| content.first_cold(at, 1).is_some();
    Ok(known.then(|| (0..content.len()).step_by(CHUNK_BYTES).all(is_cold)))
}

fn read_run(file: &File, bytes: u64, time_max: u64) -> io::Result<(u64, Duration)> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let start = time::nanos();
    let mut read = 0;
    while read < bytes && time::nanos() - start < time_max {
        let len = usize::try_from(bytes - read).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        file.read_exact_at(&mut chunk[..len], read)?;
        read += len as u64;
    }
    Ok((read, Duration::from_nanos(time::nanos() - start)))
}

fn read_pieces(
    file: &File,
    range: std::ops::Range<u64>,
    piece_bytes: u64,
    time_max: u64,
) -> io::Result<(u64, Duration)> {
    let places = (range.end - range.start) / piece_bytes;
    let mut order: Vec<u64> = (0..places).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for place in (1..order.len()).rev() {
        state = next(state);
        order.swap(place, (state % (place as u64 + 1)) as usize);
    }
    let mut piece = vec![0; usize::try_from(piece_bytes).unwrap_or(CHUNK_BYTES)];
    let start = time::nanos();
    let mut pieces = 0;
    for place in order.into_iter().take(PIECES_MAX as usize) {
        if time::nanos() - start >= time_max {
            break;
        }
        file.read_exact_at(&mut piece, range.start + place * piece_bytes)?;
        pieces += 1;
    }
    Ok((pieces, Duration::from_nanos(time::nanos() - start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_measured_and_leaves_nothing() {
        let folder = crate::sys::tree::Tree::new("storage");
        let speed = storage_speed(folder.root(), 3 * 1024 * 1024 + 5, 150_000, Duration::from_secs(60)).unwrap();
        assert_eq!((speed.file_bytes, speed.run_bytes), (3 * 1024 * 1024 + 5, (3 * 1024 * 1024 + 5) / 2));
        assert_eq!((speed.piece_bytes, speed.pieces), (150_000, 10));
        assert!(!speed.run_time.is_zero() && !speed.pieces_time.is_zero());
        assert_eq!(std::fs::read_dir(folder.root()).unwrap().count(), 0);
    }

    #[test]
    fn little_time_is_little_work_and_no_folder_is_an_error() {
        let folder = crate::sys::tree::Tree::new("storage");
        let speed = storage_speed(folder.root(), 1 << 40, 150_000, Duration::ZERO).unwrap();
        assert_eq!((speed.file_bytes, speed.run_bytes, speed.pieces), (CHUNK_BYTES as u64, 0, 0));
        assert!(storage_speed("/nowhere/at/all", 1, 1, Duration::ZERO).is_err());
        let small = storage_speed(folder.root(), 1, 150_000, Duration::from_secs(60)).unwrap();
        assert_eq!((small.file_bytes, small.piece_bytes, small.run_bytes), (1, 1, 0));
    }
}
