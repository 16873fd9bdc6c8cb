//! The few system calls that the standard library has no name for. Each block is one call.

use crate::stage::until;
use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// No machine's pages are larger.
const PAGE_BYTES_MAX: u64 = 64 * 1024;

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Makes a socket: the descriptor is there before the connection is.
pub(crate) fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let descriptor = checked(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })?;
    // SAFETY: just made, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

pub(crate) fn set_option(socket: &impl AsRawFd, level: c_int, name: c_int, value: &[c_int]) -> io::Result<()> {
    let len = size_of_val(value) as libc::socklen_t;
    // SAFETY: `value` is valid for reading `len` bytes.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), len) })?;
    Ok(())
}

/// Bytes that were sent and are not acknowledged yet (TIOCOUTQ).
pub(crate) fn unacknowledged(socket: &impl AsRawFd) -> c_int {
    let mut bytes = 0;
    // SAFETY: the call writes an int.
    checked(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) }).unwrap();
    bytes
}

fn inet(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}

/// Connects from this address of the machine.
pub(crate) fn connect_from(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    let address = inet(SocketAddrV4::new(from, 0));
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` is an initialised address of `len` bytes.
    checked(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) })?;
    connect(socket, to)
}

/// Connects a socket of [`socket`] over IPv4.
pub(crate) fn connect(socket: OwnedFd, to: SocketAddr) -> io::Result<TcpStream> {
    let SocketAddr::V4(to) = to else { return Err(io::ErrorKind::Unsupported.into()) };
    let address = inet(to);
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` is an initialised address of `len` bytes.
    checked(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), len) })?;
    Ok(TcpStream::from(socket))
}

/// Connects with a receive buffer of this size, which must be known before the handshake.
pub(crate) fn connect_sized(to: SocketAddr, receive_bytes: usize) -> io::Result<TcpStream> {
    let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &[receive_bytes as c_int])?;
    connect(socket, to)
}

/// Closes with a reset.
pub(crate) fn reset(socket: TcpStream) {
    set_option(&socket, libc::SOL_SOCKET, libc::SO_LINGER, &[1, 0]).unwrap();
}

/// Time that the processor spent on this process.
pub(crate) fn processor_time() -> Duration {
    // SAFETY: a C struct of integers, for which zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for writing.
    checked(unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) }).unwrap();
    let time = |value: libc::timeval| Duration::new(value.tv_sec as u64, value.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Sets the number of descriptors that this process may have, as far as it is allowed.
pub(crate) fn limit_descriptors(count: libc::rlim_t) {
    // SAFETY: a C struct of integers, for which zero is valid.
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: `limit` is valid for writing.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }).unwrap();
    limit.rlim_cur = limit.rlim_max.min(count);
    // SAFETY: `limit` is valid for reading.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }).unwrap();
}

/// Raises the number of descriptors that this process may have to what is allowed, and gives it.
pub(crate) fn raise_descriptors() -> u64 {
    limit_descriptors(libc::rlim_t::MAX);
    // SAFETY: a C struct of integers, for which zero is valid.
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: `limit` is valid for writing.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }).unwrap();
    #[allow(clippy::useless_conversion)] // 32 bits on 32-bit machines
    u64::from(limit.rlim_cur)
}

/// Lets other processes go first from now on. It still gets its small share of a processor.
pub(crate) fn give_way() {
    // SAFETY: takes no pointer.
    let status = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) };
    assert_eq!(status, 0, "{}", io::Error::last_os_error());
}

/// Ends this process after a while, whatever it hangs in.
pub(crate) fn end_after(seconds: u32) {
    // SAFETY: takes no pointer.
    unsafe { libc::alarm(seconds) };
}

/// Calls `last` when the process ends in good order.
pub(crate) fn at_exit(last: extern "C" fn()) {
    // SAFETY: `last` stays valid for as long as the program.
    unsafe { libc::atexit(last) };
}

/// Has the kernel let go of what it has of a file in memory, as far as nobody has it mapped.
pub(crate) fn evict(file: &File) {
    // SAFETY: takes no pointer.
    let status = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    assert_eq!(status, 0);
}

/// Whether the first byte can be read without waiting; `None`: nobody can tell.
fn is_in_memory(file: &File) -> Option<bool> {
    // Where Android's filter for apps, or a filter that plays it, ends the process for the question.
    if std::env::var_os("ANDROID_ROOT").is_some() {
        return None;
    }
    let mut byte = 0_u8;
    let slice = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: one slice of one byte, which is valid for writing.
    match unsafe { libc::preadv2(file.as_raw_fd(), &raw const slice, 1, 0, libc::RWF_NOWAIT) } {
        -1 => (io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock).then_some(false),
        _ => Some(true),
    }
}

/// Whether the kernel says of this file what is in memory, and evicts it when it is asked to. It looks until what is read
/// ahead has come.
pub(crate) fn tells_residency(file: &File) -> bool {
    (0..100_000).any(|_| {
        evict(file);
        is_in_memory(file) == Some(false)
    })
}

/// Whether any page of these bytes of a file is in memory. `offset` is at a boundary of pages. One that is being read does not count.
fn is_partly_in_memory(file: &File, offset: u64, len: usize) -> bool {
    let at = libc::off_t::try_from(offset).unwrap();
    // SAFETY: a new mapping wherever the kernel likes, which nobody reads.
    let start =
        unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), at) };
    assert!(start != libc::MAP_FAILED, "{}", io::Error::last_os_error());
    let mut pages = vec![0_u8; len.div_ceil(4096)];
    // SAFETY: those bytes are mapped, and `pages` has one byte for each of their pages, which are no smaller than 4096.
    let result = checked(unsafe { libc::mincore(start, len, pages.as_mut_ptr()) });
    // SAFETY: mapped above, and nothing points into it.
    checked(unsafe { libc::munmap(start, len) }).unwrap();
    result.unwrap();
    pages.iter().any(|page| page & 1 == 1)
}

/// Evicts a file until these bytes of it are gone: pages that are being read stay until they have come, and those that a server
/// had mapped until it has ended.
pub(crate) fn evict_all_of(file: &File, offset: u64, len: usize) {
    let before = offset % PAGE_BYTES_MAX;
    let mut room = vec![0; len + before as usize];
    // SAFETY: takes no pointer.
    assert_eq!(unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM) }, 0);
    until(&format!("{len} bytes at {offset} out of memory"), || {
        // Waits for those that are on their way, and has nothing else read ahead.
        file.read_exact_at(&mut room, offset - before).unwrap();
        evict(file);
        !is_partly_in_memory(file, offset - before, room.len())
    });
}

/// While it lives, this process is nobody's.
pub(crate) struct Nobody(());

const NOBODY: libc::uid_t = 65_534;

impl Nobody {
    /// `None`: it may not.
    pub(crate) fn new() -> Option<Nobody> {
        // SAFETY: takes no pointer.
        let status = unsafe { libc::seteuid(NOBODY) };
        (status == 0).then_some(Nobody(()))
    }
}

impl Drop for Nobody {
    fn drop(&mut self) {
        // SAFETY: takes no pointer. Files that are removed at the end are root's.
        unsafe { libc::seteuid(0) };
    }
}

/// Moves this thread, and those that it starts, into a network of their own.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: takes no pointer.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    Ok(())
}

#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_SGSO: u32 = 0x24;

/// Brings the loopback interface up with packets of `mtu` bytes at most and no segmentation below TCP, so that what is
/// captured is what would be on a wire.
pub(crate) fn set_loopback(mtu: c_int) -> io::Result<()> {
    let control = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    // SAFETY: a C struct of integers and pointers, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, &byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = byte as libc::c_char;
    }
    let call = |what: libc::c_ulong, request: &mut libc::ifreq| {
        // SAFETY: `request` is what these calls take, and what its union points to lives as long.
        checked(unsafe { libc::ioctl(control.as_raw_fd(), what as libc::Ioctl, &raw mut *request) })
    };
    request.ifr_ifru.ifru_mtu = mtu;
    call(libc::SIOCSIFMTU, &mut request)?;
    for command in [ETHTOOL_STSO, ETHTOOL_SGSO] {
        let mut value = EthtoolValue { command, data: 0 };
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        call(libc::SIOCETHTOOL, &mut request)?;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    call(libc::SIOCSIFFLAGS, &mut request)?;
    Ok(())
}

/// Sees every IPv4 packet that arrives in this network.
pub(crate) fn capture() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK;
    let socket = socket(libc::AF_PACKET, kind, c_int::from((libc::ETH_P_IP as u16).to_be()))?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &[64 << 20])?;
    Ok(socket)
}

/// The next packet of a capture; `None`: no more so far.
pub(crate) fn packet<'b>(capture: &OwnedFd, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    // SAFETY: `buffer` is valid for writing its length.
    let bytes = unsafe { libc::recv(capture.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    usize::try_from(bytes).ok().map(|bytes| &buffer[..bytes])
}
