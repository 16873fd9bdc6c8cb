//! Stream sockets: listeners, connections, and where they come from.

use super::address::{Peer, Storage};
use super::{checked, counted, retried};
use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Connections that may wait to be accepted. The kernel takes the smaller of this and `net.core.somaxconn` (4096 since
/// Linux 5.4); a burst beyond it waits for the client's next SYN, a second later.
pub(crate) const BACKLOG_CONNECTIONS: c_int = 4096;

/// Sizes of a connection's buffers in the kernel, where the kernel is not to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BufferSizes {
    pub(crate) receive_bytes: Option<usize>,
    pub(crate) send_bytes: Option<usize>,
}

/// A socket that accepts connections. Non-blocking.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    local: Peer,
    /// The socket file that we made, with its device and inode: it is ours to unlink only while it is still that one.
    made: Option<(PathBuf, u64, u64)>,
    /// Another process has the socket too, and its file is that one's to unlink.
    is_given_away: AtomicBool,
}

/// What [`Listener::accept`] found.
#[derive(Debug)]
pub(crate) enum Accepting {
    Accepted(Socket, Peer),
    /// Nobody waits.
    Empty,
    /// This one connection failed before it was accepted; the next may not.
    Skipped,
    /// It will fail again at once: out of descriptors or of memory, or the listener is broken.
    Failed(io::Error),
}

impl Listener {
    /// As [`Listener::bind_inet_sized`], with the kernel's choice of buffers.
    #[cfg(test)]
    pub(crate) fn bind_inet(address: SocketAddr) -> io::Result<Listener> {
        Listener::bind_inet_sized(address, false, BufferSizes::default())
    }

    /// Listens on a TCP address, with the buffers that accepted connections inherit; port 0 lets the kernel choose. `[::]`
    /// takes IPv4 clients too, unless it is for IPv6 only.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn bind_inet_sized(address: SocketAddr, ipv6_only: bool, sizes: BufferSizes) -> io::Result<Listener> {
        try_bind_inet(address, ipv6_only, sizes)
    }

    /// Listens on a Unix socket. A socket file that nobody listens on is replaced. The file goes when the listener does. `mode`:
    /// its permissions, in place of what the umask leaves.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there; `AlreadyExists` when the file is something else; what the kernel says
    /// otherwise.
    pub(crate) fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
        try_bind_unix(path, mode)
    }

    /// Takes a listening stream socket that somebody else made. It is made non-blocking, also for whoever shares it.
    ///
    /// # Errors
    /// `InvalidInput` when it is not one.
    pub(crate) fn from_descriptor(socket: OwnedFd) -> io::Result<Listener> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if int_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TYPE)? != libc::SOCK_STREAM {
            return wrong("the listener handed over is not a stream socket");
        }
        if int_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN)? == 0 {
            return wrong("the socket handed over does not listen");
        }
        let local = local_address(socket.as_fd())?;
        set_non_blocking(socket.as_fd())?;
        if let Peer::Inet(_) = local {
            // Not every stream socket with an Internet address is TCP (SCTP, MPTCP); the option is a help, not a need.
            let _ = set_int_option(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, &[1]);
        }
        Ok(Listener { socket, local, made: None, is_given_away: AtomicBool::new(false) })
    }

    /// Learns of the socket file that it listens on, which another process made. It stays that one's until
    /// [`Listener::keep`].
    ///
    /// # Errors
    /// There is no socket at that path.
    pub(crate) fn adopt(&mut self, path: &Path) -> io::Result<()> {
        let found = path.symlink_metadata()?;
        if !found.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the file is not a socket"));
        }
        self.made = Some((path.to_owned(), found.dev(), found.ino()));
        self.give_away();
        Ok(())
    }

    /// The socket file is its own: it goes when the listener does.
    pub(crate) fn keep(&self) {
        self.is_given_away.store(false, Ordering::Relaxed);
    }

    /// Leaves its socket file to another process that has the socket too.
    pub(crate) fn give_away(&self) {
        self.is_given_away.store(true, Ordering::Relaxed);
    }

    /// A duplicate of its descriptor.
    ///
    /// # Errors
    /// Out of descriptors.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }

    /// Has the kernel keep a TCP connection to itself until its first bytes have come, or until about `seconds` have passed.
    /// A unix socket has no such thing.
    ///
    /// # Errors
    /// What the kernel says: an Internet socket that is not TCP.
    pub(crate) fn defer_accept(&self, seconds: u32) -> io::Result<()> {
        match self.local {
            Peer::Inet(_) => {
                let seconds = c_int::try_from(seconds).unwrap_or(c_int::MAX);
                set_int_option(self.socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, &[seconds])
            }
            Peer::Unix => Ok(()),
        }
    }

    /// A listener that says it listens at `local`, and that nobody can connect to: for backends that make up their
    /// connections.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn nowhere(local: Peer) -> io::Result<Listener> {
        let socket = stream_socket(libc::AF_INET)?;
        Ok(Listener { socket, local, made: None, is_given_away: AtomicBool::new(false) })
    }

    /// Where it listens, with the real port.
    pub(crate) fn local(&self) -> Peer {
        self.local
    }

    /// Takes one waiting connection. Several threads may do so at once.
    pub(crate) fn accept(&self) -> Accepting {
        let mut storage = Storage::empty();
        match self.accept_into(&mut storage) {
            Ok(socket) => Accepting::Accepted(Socket(socket), storage.peer()),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => Accepting::Empty,
                Some(number) if is_of_one_connection(number) => Accepting::Skipped,
                _ => Accepting::Failed(error),
            },
        }
    }

    fn accept_into(&self, storage: &mut Storage) -> io::Result<OwnedFd> {
        let listener = self.socket.as_raw_fd();
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: `storage` is valid for writing an address of at most `storage.len` bytes, and its length.
        match checked(unsafe { libc::accept4(listener, storage.address(), &mut storage.len, flags) }) {
            // SAFETY: just made, and nobody else knows of it.
            Ok(descriptor) => return Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {}
            Err(error) => return Err(error),
        }
        storage.len = Storage::ROOM;
        self.accept_plainly(storage)
    }

    /// For kernels, and seccomp filters, older than accept4.
    fn accept_plainly(&self, storage: &mut Storage) -> io::Result<OwnedFd> {
        let listener = self.socket.as_raw_fd();
        // SAFETY: `storage` is valid for writing an address of at most `storage.len` bytes, and its length.
        let descriptor = checked(unsafe { libc::accept(listener, storage.address(), &mut storage.len) })?;
        // SAFETY: just made, and nobody else knows of it.
        let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
        set_close_on_exec(socket.as_fd())?;
        set_non_blocking(socket.as_fd())?;
        Ok(socket)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Some((path, device, inode)) = &self.made else { return };
        if self.is_given_away.load(Ordering::Relaxed) {
            return;
        }
        // Another server may have taken the path over since; its file stays.
        if path.symlink_metadata().is_ok_and(|found| (found.dev(), found.ino()) == (*device, *inode)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn try_bind_inet(address: SocketAddr, ipv6_only: bool, sizes: BufferSizes) -> io::Result<Listener> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let socket = stream_socket(family)?;
    set_int_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, &[1])?;
    if address.is_ipv6() {
        set_int_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, &[c_int::from(ipv6_only)])?;
    }
    // Connections inherit these. Nagle's algorithm would hold the last packet of an answer back for the peer's delayed
    // acknowledgement; the buffers must be known before the handshake, which tells the peer the scale of the window.
    set_int_option(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, &[1])?;
    for (size, option) in [(sizes.receive_bytes, libc::SO_RCVBUF), (sizes.send_bytes, libc::SO_SNDBUF)] {
        if let Some(bytes) = size {
            let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
            set_int_option(socket.as_fd(), libc::SOL_SOCKET, option, &[bytes])?;
        }
    }
    let storage = Storage::of(address);
    // SAFETY: `storage` holds an initialised address of `storage.len` bytes.
    checked(unsafe { libc::bind(socket.as_raw_fd(), storage.address_ref(), storage.len) })?;
    listen(socket.as_fd())?;
    let local = local_address(socket.as_fd())?;
    Ok(Listener { socket, local, made: None, is_given_away: AtomicBool::new(false) })
}

fn try_bind_unix(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
    if let Ok(found) = path.symlink_metadata() {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists and is not a socket"));
        }
        // A datagram socket cannot connect to a stream listener, but the kernel looks for a living owner first: it never
        // waits for room in the backlog, and the other server is not bothered with a connection.
        match UnixDatagram::unbound()?.connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(error) if error.raw_os_error() != Some(libc::EPROTOTYPE) => return Err(error),
            Ok(()) | Err(_) => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
            }
        }
    }
    let storage = Storage::of_path(path)?;
    let socket = stream_socket(libc::AF_UNIX)?;
    if let Some(mode) = mode {
        // The file gets what of this the umask leaves, so it is never more open than it is meant to be.
        // SAFETY: takes no pointer.
        checked(unsafe { libc::fchmod(socket.as_raw_fd(), mode as libc::mode_t) })?;
    }
    // SAFETY: `storage` holds an initialised address of `storage.len` bytes.
    checked(unsafe { libc::bind(socket.as_raw_fd(), storage.address_ref(), storage.len) })?;
    let made = path.symlink_metadata()?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    listen(socket.as_fd())?;
    let made = Some((path.to_owned(), made.dev(), made.ino()));
    Ok(Listener { socket, local: Peer::Unix, made, is_given_away: AtomicBool::new(false) })
}

/// Whether an accept failed for one connection only: accept(2) passes on errors that waited on the new connection, and a
/// firewall's veto.
pub(crate) fn is_of_one_connection(number: i32) -> bool {
    matches!(
        number,
        libc::EINTR
            | libc::ECONNABORTED
            | libc::ECONNRESET
            | libc::EPROTO
            | libc::EPERM
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::EOPNOTSUPP
            | libc::ENETUNREACH
            | libc::ETIMEDOUT
    )
}

/// A connection. Non-blocking; dropping it closes it.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// A connection that the kernel accepted, non-blocking. `None`: its client has gone already.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(crate) fn accepted(socket: OwnedFd) -> Option<(Socket, Peer)> {
        let mut storage = Storage::empty();
        // SAFETY: `storage` is valid for writing an address of at most `storage.len` bytes, and its length.
        let status = unsafe { libc::getpeername(socket.as_raw_fd(), storage.address(), &mut storage.len) };
        checked(status).ok()?;
        Some((Socket(socket), storage.peer()))
    }

    /// A connected socket that a test made.
    #[cfg(test)]
    pub(crate) fn from_descriptor(socket: OwnedFd) -> Socket {
        set_non_blocking(socket.as_fd()).unwrap();
        Socket(socket)
    }

    /// Takes bytes that have arrived; 0 means that the peer has closed its sending side.
    ///
    /// # Errors
    /// `WouldBlock` when none have.
    pub(crate) fn recv(&self, into: &mut [u8]) -> io::Result<usize> {
        let socket = self.0.as_raw_fd();
        retried(|| {
            // SAFETY: `into` is valid for writing its length.
            counted(unsafe { libc::recv(socket, into.as_mut_ptr().cast(), into.len(), 0) })
        })
    }

    /// Sends from the front of `bytes` what there is room for; `more` says that something follows at once, so that the last
    /// packet is not sent half empty.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub(crate) fn send(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        let socket = self.0.as_raw_fd();
        let flags = send_flags(more);
        retried(|| {
            // SAFETY: `bytes` is valid for reading its length.
            counted(unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags) })
        })
    }

    /// As [`Socket::send`], of several slices one after the other (at most 1024).
    pub(crate) fn send_vectored(&self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let socket = self.0.as_raw_fd();
        let flags = send_flags(more);
        // SAFETY: a C struct of pointers and integers, for which zero is valid: no address, no control data.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        // An `IoSlice` is an `iovec`, says its documentation. The kernel only reads through it.
        message.msg_iov = slices.as_ptr().cast_mut().cast();
        message.msg_iovlen = slices.len() as _;
        retried(|| {
            // SAFETY: `message` names `slices.len()` iovecs, each valid for reading its length; the rest of it is empty.
            counted(unsafe { libc::sendmsg(socket, &message, flags) })
        })
    }

    /// Whether a worthwhile part of the send buffer is free, or the connection is broken. When it is not, the kernel tells
    /// whoever waits for the edge.
    pub(crate) fn has_room(&self) -> bool {
        let mut wanted = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one structure of our own, which the call may write to; the descriptor is open.
        let found = unsafe { libc::poll(&raw mut wanted, 1, 0) };
        // Failed: nothing is known, and trying tells.
        found != 0
    }

    /// Whether the peer's system has all that was sent (TIOCOUTQ). Of a Unix socket: whether the peer has read it.
    #[cfg(test)]
    pub(crate) fn has_arrived(&self) -> bool {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the call writes an int.
        checked(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) }).unwrap();
        bytes == 0
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shutdown_sending(&self) -> io::Result<()> {
        // SAFETY: takes no pointer.
        checked(unsafe { libc::shutdown(self.0.as_raw_fd(), libc::SHUT_WR) })?;
        Ok(())
    }

    /// Closes with a reset: what has not left is thrown away, and a TCP peer sees ECONNRESET. (A Unix socket has no such
    /// thing: its peer sees an end.)
    pub(crate) fn reset(self) {
        // struct linger: on, for zero seconds. If it fails the connection is gone anyway.
        let _ = set_int_option(self.0.as_fd(), libc::SOL_SOCKET, libc::SO_LINGER, &[1, 0]);
    }
}

const _: () = assert!(size_of::<libc::linger>() == size_of::<[c_int; 2]>());

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn send_flags(more: bool) -> c_int {
    libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 }
}

/// A TCP socket that is nowhere yet.
pub(super) fn unconnected() -> io::Result<OwnedFd> {
    stream_socket(libc::AF_INET)
}

fn stream_socket(family: c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let descriptor =
        checked(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })?;
    // SAFETY: just made, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn listen(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes no pointer.
    checked(unsafe { libc::listen(socket.as_raw_fd(), BACKLOG_CONNECTIONS) })?;
    Ok(())
}

fn local_address(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut storage = Storage::empty();
    // SAFETY: `storage` is valid for writing an address of at most `storage.len` bytes, and its length.
    checked(unsafe { libc::getsockname(socket.as_raw_fd(), storage.address(), &mut storage.len) })?;
    Ok(storage.peer())
}

/// Sets an option whose value is one or more C integers.
fn set_int_option(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: &[c_int]) -> io::Result<()> {
    let len = size_of_val(value) as libc::socklen_t;
    // SAFETY: `value` is valid for reading `len` bytes.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.as_ptr().cast(), len) })?;
    Ok(())
}

fn int_option(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `value` is valid for writing `len` bytes, and `len` for reading and writing.
    checked(unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut value).cast(), &mut len) })?;
    Ok(value)
}

fn set_non_blocking(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: F_GETFL takes no pointer.
    let flags = checked(unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_GETFL) })?;
    // SAFETY: F_SETFL takes an integer.
    checked(unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}

fn set_close_on_exec(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: F_SETFD takes an integer; FD_CLOEXEC is the only flag there is.
    checked(unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::{UnixListener, UnixStream};

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("badgerserver-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn accepted(listener: &Listener) -> (Socket, Peer) {
        let (deadline, _) = crate::sys::time::now();
        loop {
            match listener.accept() {
                Accepting::Accepted(socket, peer) => return (socket, peer),
                Accepting::Failed(error) => panic!("{error}"),
                Accepting::Empty | Accepting::Skipped => std::thread::yield_now(),
            }
            assert!(crate::sys::time::now().0 - deadline < 5_000_000_000);
        }
    }

    #[test]
    fn both_families_listen_and_tell_the_peer() {
        for (host, client_host) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("[::]:0", "127.0.0.1")] {
            let listener = match Listener::bind_inet(host.parse().unwrap()) {
                Err(_) if host.starts_with('[') => continue, // a machine without IPv6
                bound => bound.unwrap(),
            };
            let Peer::Inet(local) = listener.local() else { panic!() };
            assert_ne!(local.port(), 0);
            assert!(matches!(listener.accept(), Accepting::Empty));
            let client = TcpStream::connect(format!("{client_host}:{}", local.port())).unwrap();
            let (socket, Peer::Inet(peer)) = accepted(&listener) else { panic!() };
            assert_eq!(peer.port(), client.local_addr().unwrap().port());
            let nodelay = int_option(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY).unwrap();
            assert_eq!(nodelay, 1, "inherited from the listener");
            // SAFETY: F_GETFL takes no pointer.
            let flags = unsafe { libc::fcntl(socket.as_fd().as_raw_fd(), libc::F_GETFL) };
            assert_ne!(flags & libc::O_NONBLOCK, 0);
        }
    }

    #[test]
    fn accepting_without_accept4_gives_the_same_flags() {
        let listener = Listener::bind_inet("127.0.0.1:0".parse().unwrap()).unwrap();
        let Peer::Inet(local) = listener.local() else { panic!() };
        let client = TcpStream::connect(local).unwrap();
        accepted(&listener);
        let _second = TcpStream::connect(local).unwrap();
        let mut storage = Storage::empty();
        let socket = loop {
            storage.len = Storage::ROOM;
            match listener.accept_plainly(&mut storage) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => break outcome.unwrap(),
            }
        };
        assert!(matches!(storage.peer(), Peer::Inet(peer) if peer != client.local_addr().unwrap()));
        for (query, wanted) in [(libc::F_GETFL, libc::O_NONBLOCK), (libc::F_GETFD, libc::FD_CLOEXEC)] {
            // SAFETY: neither takes a pointer.
            let flags = unsafe { libc::fcntl(socket.as_raw_fd(), query) };
            assert_ne!(flags & wanted, 0);
        }
    }

    #[test]
    fn a_deferred_connection_is_accepted_with_its_bytes() {
        let listener = Listener::bind_inet("127.0.0.1:0".parse().unwrap()).unwrap();
        listener.defer_accept(60).unwrap();
        let Peer::Inet(local) = listener.local() else { panic!() };
        let mut silent = TcpStream::connect(local).unwrap();
        let mut speaks = TcpStream::connect(local).unwrap();
        io::Write::write_all(&mut speaks, b"x").unwrap();
        let (socket, peer) = accepted(&listener);
        assert_eq!(peer, Peer::Inet(speaks.local_addr().unwrap()), "not the one that came first");
        assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 1, "its bytes are there already");
        assert!(matches!(listener.accept(), Accepting::Empty));
        io::Write::write_all(&mut silent, b"x").unwrap();
        assert_eq!(accepted(&listener).1, Peer::Inet(silent.local_addr().unwrap()));
    }

    #[test]
    fn a_taken_address_is_an_error() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = Listener::bind_inet(address).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_unix_path_is_taken_over_only_when_nobody_listens() {
        let directory = directory("unix");
        let path = directory.join("socket");
        let listener = Listener::bind_unix(&path, None).unwrap();
        assert_eq!(listener.local(), Peer::Unix);
        let _client = UnixStream::connect(&path).unwrap();
        assert_eq!(accepted(&listener).1, Peer::Unix);

        let error = Listener::bind_unix(&path, None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists(), "unlinked by the one that made it");

        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a stale file");
        let listener = Listener::bind_unix(&path, None).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _successor = UnixListener::bind(&path).unwrap();
        drop(listener);
        assert!(path.exists(), "another server's file stays");

        let first = Listener::bind_unix(&directory.join("given"), None).unwrap();
        let mut second = Listener::from_descriptor(first.duplicate().unwrap()).unwrap();
        second.adopt(&directory.join("given")).unwrap();
        // The second has not come to serve: dropping it leaves the file.
        drop(std::mem::replace(&mut second, Listener::from_descriptor(first.duplicate().unwrap()).unwrap()));
        second.adopt(&directory.join("given")).unwrap();
        second.keep();
        first.give_away();
        drop(first);
        let _client =
            UnixStream::connect(directory.join("given")).expect("the file and the socket are the second's now");
        drop(second);
        assert!(!directory.join("given").exists());

        let file = directory.join("file");
        std::fs::write(&file, "precious").unwrap();
        assert_eq!(Listener::bind_unix(&file, None).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_unix_socket_has_the_permissions_that_were_asked_for() {
        let directory = directory("unix-mode");
        let path = directory.join("socket");
        for mode in [0o600, 0o660, 0o666, 0o777] {
            let listener = Listener::bind_unix(&path, Some(mode)).unwrap();
            assert_eq!(path.symlink_metadata().unwrap().permissions().mode() & 0o7777, mode, "{mode:o}");
            let _client = UnixStream::connect(&path).unwrap();
            accepted(&listener);
        }
        for path in ["", &"x".repeat(108)] {
            let error = Listener::bind_unix(Path::new(path), None).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}");
        }
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn ipv6_alone_leaves_the_port_to_ipv4() {
        // The kernel finds a port that is free for IPv6; somebody else may have it for IPv4.
        let both = (0..20).find_map(|_| {
            let first = Listener::bind_inet_sized("[::]:0".parse().unwrap(), true, BufferSizes::default());
            let Ok(listener) = first else { return Some(None) }; // a machine without IPv6
            let Peer::Inet(local) = listener.local() else { panic!() };
            match Listener::bind_inet((Ipv4Addr::UNSPECIFIED, local.port()).into()) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
                v4 => Some(Some((listener, local, v4.unwrap()))),
            }
        });
        let Some((listener, local, v4)) = both.expect("a port that is free for both") else { return };
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, local.port())).unwrap();
        assert_eq!(accepted(&v4).1, Peer::Inet(client.local_addr().unwrap()));
        assert!(matches!(listener.accept(), Accepting::Empty));
    }

    #[test]
    fn a_descriptor_must_be_a_listening_stream_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ours = Listener::from_descriptor(listener.into()).unwrap();
        assert_eq!(ours.local(), Peer::Inet(address));
        assert!(matches!(ours.accept(), Accepting::Empty), "made non-blocking");
        let client = TcpStream::connect(address).unwrap();
        let refused = Listener::from_descriptor(client.into()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(Listener::from_descriptor(datagrams.into()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Listener::from_descriptor(file.into()).is_err());
    }

    #[test]
    fn a_reset_is_seen_as_one() {
        let listener = Listener::bind_inet("127.0.0.1:0".parse().unwrap()).unwrap();
        let Peer::Inet(local) = listener.local() else { panic!() };
        let mut client = TcpStream::connect(local).unwrap();
        accepted(&listener).0.reset();
        let error = io::Read::read(&mut client, &mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
