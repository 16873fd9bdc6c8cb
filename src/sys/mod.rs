//! The kernel, and the only user of `libc`: each file wraps one family of calls in types that are safe to use.
//!
//! Nothing here decides anything: no retry policy, no queue, no notion of a connection. What a call needs for its
//! safety is held by the types (`OwnedFd`, slices), and what cannot be held is proved at the block that relies on it.

mod address;
pub(crate) mod cores;
pub(crate) mod device;
pub(crate) mod epoll;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod file;
pub(crate) mod guard;
pub(crate) mod landlock;
pub(crate) mod pass;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod quota;
pub(crate) mod sendfile;
pub(crate) mod socket;
pub(crate) mod thread;
pub(crate) mod time;
#[cfg(test)]
pub(crate) mod tree;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod uring;

pub(crate) use address::Peer;
pub(crate) use file::ContentFile;
pub(crate) use socket::{Listener, Socket};

/// Error numbers that others tell apart.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod errno {
    pub(crate) use libc::{EACCES, EINVAL, ENOMEM, ENOSYS, EPERM};
}

use std::io;

/// The result of a call that answers -1 for an error.
fn checked(status: libc::c_int) -> io::Result<libc::c_int> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(status) }
}

/// The result of a call that answers a count of bytes, or -1 for an error.
fn counted(count: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Calls again while a signal handler interrupted the call before it did anything.
fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
