//! Where a server listens, and whom it believes there.
#![forbid(unsafe_code)]

use super::builder::Address;
use super::error::Error;
use crate::sys::socket::BufferSizes;
use crate::sys::{self, Peer};
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How to listen at one address: for [`crate::Builder::listen_with`]. Plain data; change the fields you need.
///
/// ```
/// use badgerserver::ListenOptions;
/// let mut options = ListenOptions::default();
/// options.proxy_from = vec!["10.0.0.0/8".parse()?, "unix".parse()?];
/// # Ok::<(), badgerserver::TrustedProxyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenOptions {
    /// The permissions of the file of a unix socket, such as `0o660`: who may write may connect. `None`: what the umask of
    /// the process leaves.
    pub unix_mode: Option<u32>,
    /// An IPv6 address takes IPv6 clients only; as it comes, `[::]` takes IPv4 clients too.
    pub ipv6_only: bool,
    /// Proxies that tell for whom they connect, by a PROXY header of version 2 before the first request. Each of their
    /// connections must begin with one, or it is closed; the address in it counts for the limits and is what handlers see.
    /// From everybody else such a header is not read: it is no request, and answered as such.
    pub proxy_from: Vec<TrustedProxy>,
}

/// Who is believed: an address (`192.0.2.1`, `2001:db8::1`), a network (`10.0.0.0/8`), or `unix`, which is everybody who may
/// connect to a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(Whom);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    Unix,
    /// The first bits of an address, and how many count.
    V4(u32, u32),
    V6(u128, u32),
}

impl TrustedProxy {
    fn is(self, peer: Option<IpAddr>) -> bool {
        match (self.0, peer.map(|peer| peer.to_canonical())) {
            (Whom::Unix, None) => true,
            (Whom::V4(network, bits), Some(IpAddr::V4(address))) => u32::from(address) & mask_4(bits) == network,
            (Whom::V6(network, bits), Some(IpAddr::V6(address))) => u128::from(address) & mask_6(bits) == network,
            (Whom::Unix | Whom::V4(..) | Whom::V6(..), _) => false,
        }
    }
}

fn mask_4(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

fn mask_6(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

impl FromStr for TrustedProxy {
    type Err = TrustedProxyError;

    fn from_str(text: &str) -> Result<TrustedProxy, TrustedProxyError> {
        if text == "unix" {
            return Ok(TrustedProxy(Whom::Unix));
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| TrustedProxyError::Address)?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => bits_max,
            Some(bits) => Some(bits).filter(is_number).and_then(|bits| bits.parse().ok()).unwrap_or(u32::MAX),
        };
        if bits > bits_max {
            return Err(TrustedProxyError::Bits);
        }
        // A network with more than its first bits is as likely a slip in them as in their count.
        let (whom, is_network) = match address {
            IpAddr::V4(address) => (Whom::V4(address.into(), bits), u32::from(address) & !mask_4(bits) == 0),
            IpAddr::V6(address) => (Whom::V6(address.into(), bits), u128::from(address) & !mask_6(bits) == 0),
        };
        if is_network { Ok(TrustedProxy(whom)) } else { Err(TrustedProxyError::Host) }
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Whom::Unix => f.write_str("unix"),
            Whom::V4(network, bits) => write!(f, "{}/{bits}", std::net::Ipv4Addr::from(network)),
            Whom::V6(network, bits) => write!(f, "{}/{bits}", std::net::Ipv6Addr::from(network)),
        }
    }
}

/// Why a text is no [`TrustedProxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustedProxyError {
    /// Neither an address nor `unix`.
    Address,
    /// What follows the slash is no number of bits that the address has.
    Bits,
    /// Bits are set behind those that count.
    Host,
}

impl fmt::Display for TrustedProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrustedProxyError::Address => {
                "write an address, a network like 10.0.0.0/8, or unix; names are not looked up"
            }
            TrustedProxyError::Bits => "what follows the slash is how many bits count: up to 32, or 128 for IPv6",
            TrustedProxyError::Host => "the address has bits behind those that count; write it with zeros there",
        })
    }
}

impl std::error::Error for TrustedProxyError {}

/// Whom a listener believes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust(std::sync::Arc<[TrustedProxy]>);

impl Trust {
    pub(super) fn new(proxies: Vec<TrustedProxy>) -> Trust {
        Trust(proxies.into())
    }

    /// Whether whoever connected has to say for whom.
    pub(crate) fn has(&self, peer: Peer) -> bool {
        let address = match peer {
            Peer::Inet(address) => Some(address.ip()),
            Peer::Unix => None,
        };
        self.0.iter().any(|proxy| proxy.is(address))
    }
}

/// A place to listen at, as it was given.
pub(super) enum Place {
    At(String),
    /// One that listens; the file of a unix socket when this server is to remove it.
    On(OwnedFd, Option<PathBuf>),
}

pub(super) fn open(
    place: Place,
    options: &ListenOptions,
    buffers: BufferSizes,
) -> Result<(sys::Listener, Address), Error> {
    match place {
        Place::At(address) => match address.strip_prefix("unix:") {
            Some(path) => match sys::Listener::bind_unix(Path::new(path), options.unix_mode) {
                Ok(listener) => Ok((listener, Address::Unix(Some(PathBuf::from(path))))),
                Err(source) => Err(Error::Listen { address, source }),
            },
            None => match bind_inet(&address, options.ipv6_only, buffers) {
                Ok(listener) => {
                    let address = address_of(&listener);
                    Ok((listener, address))
                }
                Err(source) => Err(Error::Listen { address, source }),
            },
        },
        Place::On(socket, path) => match adopt(socket, path.as_deref()) {
            Ok(listener) => {
                let address = path.map_or_else(|| address_of(&listener), |path| Address::Unix(Some(path)));
                Ok((listener, address))
            }
            Err(source) => Err(Error::Listen { address: "the socket handed over".to_owned(), source }),
        },
    }
}

fn adopt(socket: OwnedFd, path: Option<&Path>) -> io::Result<sys::Listener> {
    let mut listener = sys::Listener::from_descriptor(socket)?;
    if let Some(path) = path {
        listener.adopt(path)?;
    }
    Ok(listener)
}

fn address_of(listener: &sys::Listener) -> Address {
    match listener.local() {
        Peer::Inet(address) => Address::Inet(address),
        Peer::Unix => Address::Unix(None),
    }
}

/// Listens on the first of the addresses that a name stands for and that can be had.
fn bind_inet(address: &str, ipv6_only: bool, buffers: BufferSizes) -> io::Result<sys::Listener> {
    let addresses = address.to_socket_addrs().map_err(|error| {
        io::Error::new(error.kind(), format!("{error} (an address looks like 127.0.0.1:8080, [::]:8080 or unix:PATH)"))
    })?;
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match sys::Listener::bind_inet_sized(address, ipv6_only, buffers) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_believed() {
        for (text, peer, is_trusted) in [
            ("192.0.2.1", "192.0.2.1:5", true),
            ("192.0.2.1", "[::ffff:192.0.2.1]:5", true),
            ("192.0.2.1", "192.0.2.2:5", false),
            ("192.0.2.0/24", "192.0.2.255:5", true),
            ("192.0.2.0/24", "192.0.3.0:5", false),
            ("0.0.0.0/0", "203.0.113.9:5", true),
            ("0.0.0.0/0", "[2001:db8::1]:5", false),
            ("::/0", "[2001:db8::1]:5", true),
            ("::/0", "203.0.113.9:5", false),
            ("2001:db8::/32", "[2001:db8:ffff::1]:5", true),
            ("2001:db8::/32", "[2001:db9::]:5", false),
            ("2001:db8::1", "[2001:db8::1]:5", true),
            ("unix", "192.0.2.1:5", false),
        ] {
            let trust = Trust::new(vec![text.parse().unwrap()]);
            assert_eq!(trust.has(Peer::Inet(peer.parse().unwrap())), is_trusted, "{text} {peer}");
            assert_eq!(trust.has(Peer::Unix), text == "unix", "{text}");
        }
        assert!(!Trust::default().has(Peer::Unix));
    }

    #[test]
    fn networks_are_read_strictly() {
        use TrustedProxyError::{Address, Bits, Host};
        for (text, expected) in [
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("10.0.0.1", Ok("10.0.0.1/32")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            ("::/0", Ok("::/0")),
            ("2001:db8::/32", Ok("2001:db8::/32")),
            ("unix", Ok("unix")),
            ("", Err(Address)),
            ("localhost", Err(Address)),
            ("10.0.0.0:80", Err(Address)),
            ("10.0.0.1/8", Err(Host)),
            ("10.0.0.0/33", Err(Bits)),
            ("10.0.0.0/+8", Err(Bits)),
            ("10.0.0.0/", Err(Bits)),
            ("10.0.0.0/8/8", Err(Bits)),
            ("2001:db8::/129", Err(Bits)),
        ] {
            let read = text.parse::<TrustedProxy>().map(|proxy| proxy.to_string());
            assert_eq!(read.as_deref(), expected.as_ref().copied(), "{text}");
        }
    }
}
