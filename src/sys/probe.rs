//! Tries of single system calls: whether this kernel, and whatever filters its calls, lets us have them.

use super::{checked, counted};
use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// linux/fs.h
const RWF_NOWAIT: libc::c_long = 8;

/// Whether several sockets may listen at one address.
///
/// # Errors
/// What the kernel says.
pub(crate) fn reuse_port() -> io::Result<()> {
    let socket = super::socket::unconnected()?;
    let on: c_int = 1;
    let (value, len) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
    // SAFETY: `value` is valid for reading `len` bytes.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, value, len) })?;
    Ok(())
}

/// Whether a connection is accepted and made non-blocking by one call.
///
/// # Errors
/// What the kernel says to an accept where nobody waits, other than that nobody does.
pub(crate) fn accept4() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let (address, len) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: null means that the peer's address is not wanted.
    match checked(unsafe { libc::accept4(listener.as_raw_fd(), address, len, libc::SOCK_NONBLOCK) }) {
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// The congestion control that new TCP connections use.
///
/// # Errors
/// What the kernel says.
pub(crate) fn congestion_control() -> io::Result<String> {
    let socket = super::socket::unconnected()?;
    let mut name = [0u8; 32];
    let mut len = name.len() as libc::socklen_t;
    let value = name.as_mut_ptr().cast();
    // SAFETY: `value` is valid for writing `len` bytes, and `len` for reading and writing.
    checked(unsafe { libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_CONGESTION, value, &mut len) })?;
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    Ok(String::from_utf8_lossy(&name[..end]).into_owned())
}

/// Whether a file can be read only as far as that needs no wait for the disk (preadv2, RWF_NOWAIT). `file` is not empty.
///
/// # Errors
/// `EOPNOTSUPP`: the file system cannot; what the kernel says else; `Unsupported` on Android, where nobody asks.
pub(crate) fn read_without_waiting(file: &File) -> io::Result<()> {
    // Before Android 13 its filter for apps ends a process that makes the call.
    if super::process::is_android() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "not asked on Android"));
    }
    let mut byte = 0u8;
    let piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // The position in two halves, as every architecture takes it; by number, since not every C library has a name for it.
    let position: libc::c_long = 0;
    let (call, file) = (libc::SYS_preadv2, libc::c_long::from(file.as_raw_fd()));
    // SAFETY: `piece` names one byte that is valid for writing; the call writes nothing else.
    let count =
        unsafe { libc::syscall(call, file, &raw const piece, 1 as libc::c_long, position, position, RWF_NOWAIT) };
    match counted(count as libc::ssize_t) {
        // It would have waited: so it can tell.
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// Whether a file goes into a socket without a copy in user space. `file` is not empty.
///
/// # Errors
/// What the kernel says.
pub(crate) fn sendfile(file: &File) -> io::Result<()> {
    let (near, _far) = UnixStream::pair()?;
    send_from(near.as_fd(), file.as_fd())
}

fn send_from(socket: BorrowedFd<'_>, file: BorrowedFd<'_>) -> io::Result<()> {
    let mut position: libc::off64_t = 0;
    // SAFETY: `position` is valid for reading and writing; both descriptors are open while they are borrowed.
    counted(unsafe { libc::sendfile64(socket.as_raw_fd(), file.as_raw_fd(), &mut position, 1) }).map(drop)
}

/// Has the kernel forget what it has of a file in memory and on the disk already.
///
/// # Errors
/// What the kernel says.
pub(crate) fn forget(file: &File) -> io::Result<()> {
    // SAFETY: takes no pointer; the file is open. Zero bytes from 0 on are all of them.
    match unsafe { libc::posix_fadvise64(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) } {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Every kernel that these tests run on has all of them; a file system may not.
    #[test]
    fn what_every_kernel_has_is_found() {
        reuse_port().unwrap();
        accept4().unwrap();
        assert!(!congestion_control().unwrap().is_empty());
        let mut file = crate::sys::file::unlinked_temporary(&std::env::temp_dir()).unwrap();
        file.write_all(b"x").unwrap();
        sendfile(&file).unwrap();
        match read_without_waiting(&file) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP), "{error}"),
        }
    }
}
