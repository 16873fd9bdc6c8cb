//! The system calls that the standard library has no word for. `unsafe` is here and in the ceiling on io_uring only.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

pub(crate) use libc::{EPOLLET, EPOLLIN, EPOLLOUT, EPOLLRDHUP, MSG_MORE};

fn checked(status: libc::c_int) -> io::Result<libc::c_int> {
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(status) }
}

fn counted(count: isize) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

pub(crate) type Event = libc::epoll_event;

pub(crate) const NO_EVENT: Event = libc::epoll_event { events: 0, u64: 0 };

pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        // SAFETY: takes no pointer.
        let descriptor = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: just made, and nobody else knows of it.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    pub(crate) fn add(&self, watched: &impl AsRawFd, interest: libc::c_int, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest as u32, u64: data };
        // SAFETY: `event` is valid for reading.
        checked(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, watched.as_raw_fd(), &mut event) })?;
        Ok(())
    }

    pub(crate) fn wait(&self, events: &mut [Event], milliseconds: libc::c_int) -> io::Result<usize> {
        // SAFETY: `events` is valid for writing its length.
        let count = unsafe {
            libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), events.len() as libc::c_int, milliseconds)
        };
        match checked(count) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            outcome => outcome.map(|count| count as usize),
        }
    }
}

/// Takes a waiting connection, which does not block.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<OwnedFd> {
    let (address, flags) = (std::ptr::null_mut(), libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
    // SAFETY: no address is asked for.
    let accepted = unsafe { libc::accept4(listener.as_raw_fd(), address, std::ptr::null_mut(), flags) };
    let descriptor = checked(accepted)?;
    // SAFETY: just made, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// A listener on a free port of the loopback, with the options that badgerserver sets: connections inherit `TCP_NODELAY`.
/// `is_deferred`: it tells of a connection when its first bytes have come.
pub(crate) fn listen(is_deferred: bool) -> io::Result<TcpListener> {
    const BACKLOG: libc::c_int = 4096;
    const DEFERRED_SECONDS: libc::c_int = 10;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    set_option(&listener, libc::TCP_NODELAY, 1)?;
    if is_deferred {
        set_option(&listener, libc::TCP_DEFER_ACCEPT, DEFERRED_SECONDS)?;
    }
    // SAFETY: takes no pointer. The listener has a longer queue from here on.
    checked(unsafe { libc::listen(listener.as_raw_fd(), BACKLOG) })?;
    Ok(listener)
}

fn set_option(socket: &impl AsRawFd, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let (place, len) = ((&raw const value).cast(), size_of::<libc::c_int>() as libc::socklen_t);
    // SAFETY: `place` is valid for reading `len` bytes.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, option, place, len) })?;
    Ok(())
}

/// Asks a process to end.
pub(crate) fn terminate(process: u32) {
    // SAFETY: takes no pointer. When it fails, the process has ended.
    let _ = unsafe { libc::kill(process as libc::pid_t, libc::SIGTERM) };
}

/// Lets what this command starts end when the thread that starts it does, also when that is killed.
pub(crate) fn end_with_parent(command: &mut Command) {
    let ask = || {
        // SAFETY: takes no pointer.
        checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) }).map(drop)
    };
    // SAFETY: between fork and exec it makes one system call, and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// Says that nothing more will be sent.
pub(crate) fn shutdown_sending(socket: RawFd) -> io::Result<()> {
    // SAFETY: takes no pointer.
    checked(unsafe { libc::shutdown(socket, libc::SHUT_WR) }).map(drop)
}

/// Makes closing this socket a reset, after which its port is free at once.
pub(crate) fn reset_on_close(socket: &TcpStream) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (place, len) = ((&raw const linger).cast(), size_of::<libc::linger>() as libc::socklen_t);
    // SAFETY: `place` is valid for reading `len` bytes.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, place, len) })?;
    Ok(())
}

/// Asks the kernel to forget what it keeps of a file in memory.
pub(crate) fn evict(file: &File) -> io::Result<()> {
    file.sync_all()?;
    // SAFETY: takes no pointer.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) } {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

/// Receives without waiting.
pub(crate) fn receive(socket: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `into` is valid for writing its length.
    counted(unsafe { libc::recv(socket, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) })
}

/// Receives without waiting up to as many bytes as `room` has, which the kernel drops: the answer is read, and copied
/// nowhere.
pub(crate) fn receive_and_drop(socket: RawFd, room: &mut [u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: `room` is valid for writing its length, though nothing is written.
    counted(unsafe { libc::recv(socket, room.as_mut_ptr().cast(), room.len(), flags) })
}

/// Sends without waiting.
pub(crate) fn send(socket: RawFd, bytes: &[u8], flags: libc::c_int) -> io::Result<usize> {
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `bytes` is valid for reading its length.
    counted(unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Sends a stretch of a file.
pub(crate) fn send_file(socket: RawFd, file: &File, offset: u64, len: usize) -> io::Result<usize> {
    let mut offset = offset as libc::off_t;
    // SAFETY: `offset` is valid for reading and writing.
    counted(unsafe { libc::sendfile(socket, file.as_raw_fd(), &mut offset, len) })
}

/// Where `needle` first stands in `bytes`.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    // SAFETY: both are valid for reading their lengths.
    let found = unsafe { libc::memmem(bytes.as_ptr().cast(), bytes.len(), needle.as_ptr().cast(), needle.len()) };
    (!found.is_null()).then(|| found.addr() - bytes.as_ptr().addr())
}

/// Maps a file that nobody cuts short, for as long as the process lives, with all its pages.
pub(crate) fn map_for_ever(file: &File, len: usize) -> io::Result<&'static [u8]> {
    let kind = libc::MAP_SHARED | libc::MAP_POPULATE;
    // SAFETY: a new mapping, which takes nothing's place.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, kind, file.as_raw_fd(), 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: mapped, readable, never unmapped; the file has no name and is not written any more.
    Ok(unsafe { std::slice::from_raw_parts(start.cast(), len) })
}

/// Lets the calling thread, and what it starts from here on, run on one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    // SAFETY: a set of bits, for which zero is valid: empty.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: it checks that `core` is inside the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is valid for reading its size.
    checked(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })?;
    Ok(())
}

/// Moves the calling thread into a network of its own, whose loopback is up.
pub(crate) fn enter_network_of_its_own() -> io::Result<()> {
    // SAFETY: takes no pointer.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: a C struct of bytes and integers, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = *byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: this request reads one `ifreq`.
    checked(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) })?;
    Ok(())
}

/// Processor time of this thread in nanoseconds.
pub(crate) fn thread_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Lets this process and what it starts have `wanted` open files, or as many as it may ask for.
pub(crate) fn raise_open_files_max(wanted: u64) {
    let mut limit = libc::rlimit { rlim_cur: wanted as _, rlim_max: wanted as _ };
    // SAFETY: `limit` is valid for reading.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } == 0 {
        return;
    }
    // SAFETY: `limit` is valid for writing.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is valid for reading. When it fails, things stay as they are.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
}
