//! Where the ends of a connection are, and how the kernel writes it.

use std::ffi::c_int;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Inet(SocketAddr),
    /// A Unix socket; clients of one have no name.
    Unix,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Inet(address) => write!(f, "{address}"),
            Peer::Unix => f.write_str("unix"),
        }
    }
}

/// Room for any socket address.
pub(super) struct Storage {
    storage: libc::sockaddr_storage,
    /// Bytes of `storage` that mean something, or its room before a call that fills it.
    pub(super) len: libc::socklen_t,
}

impl Storage {
    pub(super) const ROOM: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

    pub(super) fn empty() -> Storage {
        // SAFETY: a C struct of integers, for which zero is valid.
        Storage { storage: unsafe { std::mem::zeroed() }, len: Storage::ROOM }
    }

    pub(super) fn of(address: SocketAddr) -> Storage {
        let mut storage = Storage::empty();
        match address {
            SocketAddr::V4(address) => storage.set(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(address) => storage.set(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: address.scope_id(),
            }),
        }
        storage
    }

    /// The name of a Unix socket.
    ///
    /// # Errors
    /// `InvalidInput` for a path that no such name can hold.
    pub(super) fn of_path(path: &Path) -> io::Result<Storage> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        // SAFETY: a C struct of integers, for which zero is valid.
        let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        let bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() || bytes.contains(&0) {
            return wrong("the path of a unix socket is empty, or has a zero byte");
        }
        // The name ends with a zero.
        if bytes.len() >= address.sun_path.len() {
            return wrong("the path of a unix socket must be shorter than 108 bytes");
        }
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (place, byte) in address.sun_path.iter_mut().zip(bytes) {
            *place = *byte as libc::c_char;
        }
        let mut storage = Storage::empty();
        storage.set(address);
        Ok(storage)
    }

    fn set<T: Copy>(&mut self, address: T) {
        assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>());
        // SAFETY: there is room for a T (asserted), and sockaddr_storage is aligned for every socket address.
        unsafe { (&raw mut self.storage).cast::<T>().write(address) };
        self.len = size_of::<T>() as libc::socklen_t;
    }

    pub(super) fn address(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    pub(super) fn address_ref(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub(super) fn peer(&self) -> Peer {
        let (family, len) = (c_int::from(self.storage.ss_family), self.len as usize);
        if family == libc::AF_INET && len >= size_of::<libc::sockaddr_in>() {
            // SAFETY: the storage is larger than a sockaddr_in and aligned for it; any bytes are a valid one.
            let address = unsafe { (&raw const self.storage).cast::<libc::sockaddr_in>().read() };
            let host = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
            return Peer::Inet(SocketAddrV4::new(host, u16::from_be(address.sin_port)).into());
        }
        if family == libc::AF_INET6 && len >= size_of::<libc::sockaddr_in6>() {
            // SAFETY: the storage is larger than a sockaddr_in6 and aligned for it; any bytes are a valid one.
            let address = unsafe { (&raw const self.storage).cast::<libc::sockaddr_in6>().read() };
            let host = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let port = u16::from_be(address.sin6_port);
            return Peer::Inet(SocketAddrV6::new(host, port, address.sin6_flowinfo, address.sin6_scope_id).into());
        }
        Peer::Unix
    }
}
