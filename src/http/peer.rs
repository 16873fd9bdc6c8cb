//! Pure. The other end's address, as a connection keeps it.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// `Option<SocketAddr>` in three quarters of its size: without the flow label, which the kernel leaves empty.
#[derive(Clone, Copy, Debug)]
pub(super) enum PeerAddress {
    None,
    V4(Ipv4Addr, u16),
    V6(Ipv6Addr, u16, u32),
}

impl PeerAddress {
    pub(super) fn of(address: Option<SocketAddr>) -> PeerAddress {
        match address {
            None => PeerAddress::None,
            Some(SocketAddr::V4(address)) => PeerAddress::V4(*address.ip(), address.port()),
            Some(SocketAddr::V6(address)) => PeerAddress::V6(*address.ip(), address.port(), address.scope_id()),
        }
    }

    pub(super) fn get(self) -> Option<SocketAddr> {
        match self {
            PeerAddress::None => None,
            PeerAddress::V4(ip, port) => Some(SocketAddrV4::new(ip, port).into()),
            PeerAddress::V6(ip, port, scope) => Some(SocketAddrV6::new(ip, port, 0, scope).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_was() {
        assert_eq!(PeerAddress::of(None).get(), None);
        for text in ["192.0.2.1:80", "[2001:db8::1]:8080", "[fe80::1%3]:443"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(PeerAddress::of(Some(address)).get(), Some(address));
        }
        assert!(size_of::<PeerAddress>() <= 24);
    }
}
