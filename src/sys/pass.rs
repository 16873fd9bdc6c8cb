//! Descriptors that come from another process: along a unix socket, or given at the start.

use super::{checked, counted, retried};
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Most descriptors of one message: what Linux allows (SCM_MAX_FD).
pub(crate) const DESCRIPTORS_MAX: usize = 253;
/// The first descriptor that a service manager gives (SD_LISTEN_FDS_START).
const INHERITED_FIRST: RawFd = 3;

/// Room for the control data of one message. Words, because a header of control data is aligned like one.
type Control = Vec<usize>;

fn control_bytes(descriptors: usize) -> usize {
    let len = (descriptors * size_of::<RawFd>()) as u32; // at most 253 of them
    // SAFETY: arithmetic on an integer.
    unsafe { libc::CMSG_SPACE(len) as usize }
}

fn control(bytes: usize) -> Control {
    vec![0; bytes.div_ceil(size_of::<usize>())]
}

/// Sends bytes, and with their first one the descriptors. Gives how many bytes left; the descriptors left if any did.
///
/// # Errors
/// What the kernel says; `InvalidInput` for no bytes, or more than [`DESCRIPTORS_MAX`] descriptors.
pub(crate) fn send(stream: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if bytes.is_empty() || descriptors.len() > DESCRIPTORS_MAX {
        let what = format!("descriptors travel with bytes, and at most {DESCRIPTORS_MAX} at a time");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut iovec = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: a C struct of pointers and integers, for which zero is valid: no address, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut iovec;
    message.msg_iovlen = 1;
    let room = control_bytes(descriptors.len());
    let mut control = control(room);
    if !descriptors.is_empty() {
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = room as _;
        write_rights(&message, descriptors);
    }
    retried(|| {
        // SAFETY: `message` names one iovec, valid for reading, and control data that was written above; both outlive the call.
        counted(unsafe { libc::sendmsg(stream.as_raw_fd(), &message, libc::MSG_NOSIGNAL) })
    })
}

/// Writes the header and the numbers into the message's control data, which has room for them.
fn write_rights(message: &libc::msghdr, descriptors: &[BorrowedFd<'_>]) {
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    // SAFETY: a C struct of integers, for which zero is valid.
    let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
    header.cmsg_level = libc::SOL_SOCKET;
    header.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: arithmetic on an integer.
    header.cmsg_len = unsafe { libc::CMSG_LEN(size_of_val(&numbers[..]) as u32) } as _;
    // SAFETY: `message` is initialised; its control data has room for a header, so this is not null.
    let first = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: valid for writing a header, and aligned: the start of a vector of words.
    unsafe { first.write(header) };
    // SAFETY: the header was just written; its data follow it.
    let data = unsafe { libc::CMSG_DATA(first) };
    // SAFETY: CMSG_SPACE left room for all the numbers behind the header; the vectors do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(numbers.as_ptr().cast::<u8>(), data, size_of_val(&numbers[..])) };
}

/// Receives bytes, and the descriptors that came with them. Gives how many bytes; 0 is the end.
///
/// # Errors
/// What the kernel says; `InvalidData` when more descriptors came than fit, which are lost.
pub(crate) fn receive(stream: &UnixStream, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut iovec = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let room = control_bytes(DESCRIPTORS_MAX);
    let mut control = control(room);
    // SAFETY: a C struct of pointers and integers, for which zero is valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut iovec;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = room as _;
    let count = retried(|| {
        // SAFETY: `message` names one iovec and control data, both valid for writing their lengths; both outlive the call.
        counted(unsafe { libc::recvmsg(stream.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) })
    })?;
    // SAFETY: the kernel has filled in the control data and its length.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&message) };
    while !header.is_null() {
        // SAFETY: not null, so a whole header that the kernel wrote.
        let found = unsafe { header.read() };
        if (found.cmsg_level, found.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            take_rights(header, found.cmsg_len as usize, descriptors);
        }
        // SAFETY: `header` is one of this message's.
        header = unsafe { libc::CMSG_NXTHDR(&message, header) };
    }
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        let what = "more descriptors came than fit, or than this process may have open";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(count)
}

/// Takes the descriptors behind a header of the kernel's, `len` bytes with the header.
fn take_rights(header: *const libc::cmsghdr, len: usize, descriptors: &mut Vec<OwnedFd>) {
    // SAFETY: arithmetic on an integer.
    let head = unsafe { libc::CMSG_LEN(0) } as usize;
    // SAFETY: `header` is a header, says the caller.
    let data = unsafe { libc::CMSG_DATA(header) };
    for index in 0..len.saturating_sub(head) / size_of::<RawFd>() {
        // SAFETY: inside the data of the header.
        let place = unsafe { data.add(index * size_of::<RawFd>()) };
        // SAFETY: a number that the kernel wrote, perhaps not aligned.
        let number = unsafe { place.cast::<RawFd>().read_unaligned() };
        // SAFETY: the kernel made it for this message, and nobody else knows of it.
        descriptors.push(unsafe { OwnedFd::from_raw_fd(number) });
    }
}

/// Whether the other end of a connection was made by this user, or by root.
///
/// # Errors
/// What the kernel says.
pub(crate) fn is_of_this_user(stream: &UnixStream) -> io::Result<bool> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    // SAFETY: `peer` is valid for writing `len` bytes, and `len` for reading and writing.
    checked(unsafe { libc::getsockopt(stream.as_raw_fd(), level, option, (&raw mut peer).cast(), &mut len) })?;
    // SAFETY: takes nothing, and never fails.
    let own = unsafe { libc::geteuid() };
    Ok(peer.uid == own || peer.uid == 0)
}

/// A duplicate of the descriptor with this place among those that this process was started with, from 0. The given one stays
/// open, too, as long as the process lives, and both are closed in programs that this one starts.
///
/// # Errors
/// There is none at that place.
pub(crate) fn inherited(place: usize) -> io::Result<OwnedFd> {
    let number = c_int::try_from(place).ok().and_then(|place| place.checked_add(INHERITED_FIRST));
    let number = number.ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: F_SETFD takes an integer; FD_CLOEXEC is the only flag there is.
    checked(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: F_DUPFD_CLOEXEC takes an integer.
    let duplicate = checked(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, INHERITED_FIRST) })?;
    // SAFETY: just made, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn descriptors_travel_with_bytes() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let borrowed: Vec<_> = listeners.iter().map(AsFd::as_fd).collect();
        assert_eq!(send(&one, b"three", &borrowed).unwrap(), 5);
        assert_eq!(send(&one, b" and none", &[]).unwrap(), 9);
        let (mut bytes, mut taken) = ([0; 5], Vec::new());
        assert_eq!(receive(&other, &mut bytes, &mut taken).unwrap(), 5);
        assert_eq!((&bytes, taken.len()), (b"three", 3));
        let mut rest = [0; 16];
        assert_eq!(receive(&other, &mut rest, &mut taken).unwrap(), 9);
        assert_eq!(taken.len(), 3);
        for (listener, taken) in listeners.into_iter().zip(taken) {
            let address = listener.local_addr().unwrap();
            drop(listener);
            let taken = TcpListener::from(taken);
            assert_eq!(taken.local_addr().unwrap(), address);
            TcpStream::connect(address).expect("it still listens");
        }
        drop(one);
        assert_eq!(receive(&other, &mut rest, &mut Vec::new()).unwrap(), 0);
        assert!(other.write_all(b"x").is_err() && other.read(&mut rest).is_ok());
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(send(&one, b"", &[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let many = vec![one.as_fd(); DESCRIPTORS_MAX + 1];
        assert_eq!(send(&one, b"x", &many).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(send(&one, b"x", &many[1..]).unwrap(), 1);
    }

    #[test]
    fn all_that_may_be_sent_can_be_received() {
        let (one, other) = UnixStream::pair().unwrap();
        send(&one, b"x", &vec![one.as_fd(); DESCRIPTORS_MAX]).unwrap();
        let mut taken = Vec::new();
        assert_eq!(receive(&other, &mut [0], &mut taken).unwrap(), 1);
        assert_eq!(taken.len(), DESCRIPTORS_MAX);
    }

    #[test]
    fn the_other_end_is_of_this_user() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(is_of_this_user(&one).unwrap());
    }

    #[test]
    fn a_descriptor_that_was_not_given_is_an_error() {
        assert!(inherited(1 << 20).is_err());
        assert_eq!(inherited(usize::MAX).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
