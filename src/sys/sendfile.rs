//! From a file to a socket without a copy in user space.

use super::{Socket, counted, retried};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Sends at most `len` bytes of `file` from `offset`; gives how many went, which is 0 only at or past the end of the file.
/// There is no MSG_NOSIGNAL here: the calling thread blocks SIGPIPE ([`super::thread::block_broken_pipe_signal`]).
///
/// # Errors
/// `WouldBlock` when the socket is full; `UnexpectedEof` where the kernel says EFAULT for a page that is gone.
pub(crate) fn sendfile(socket: &Socket, file: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<usize> {
    let start = libc::off64_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    let target = socket.as_fd().as_raw_fd();
    retried(|| {
        let mut position = start;
        // SAFETY: `position` is valid for reading and writing; both descriptors are open while they are borrowed.
        counted(unsafe { libc::sendfile64(target, file.as_raw_fd(), &mut position, len) })
    })
    .map_err(|error| match error.raw_os_error() {
        Some(libc::EFAULT) => io::ErrorKind::UnexpectedEof.into(),
        _ => error,
    })
}
