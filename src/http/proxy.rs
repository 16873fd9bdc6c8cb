//! The header that a proxy puts before the bytes of its client: PROXY protocol, version 2. Pure.
//!
//! ```text
//! 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A    the signature, which no HTTP request begins with
//! 2x                                      version 2; command 0: the proxy speaks for itself, 1: for a client
//! fp                                      family (0 none, 1 IPv4, 2 IPv6, 3 unix) and transport (0 none, 1 stream, 2 datagram)
//! hi lo                                   bytes that follow
//! addresses                               12 bytes (IPv4), 36 (IPv6) or 216 (unix): source, target, source port, target port
//! type, hi, lo, value ...                 more about the connection; checked for their lengths, and not used
//! ```
//! It follows "The PROXY protocol" of HAProxy, sections 2.2 to 2.2.7. Whom to believe is decided before a byte is read:
//! whoever is trusted has to send it, and nobody else's bytes come here.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest header that is read, its start counted. One with all that proxies send is below 512 bytes but for a client's
/// certificate; nginx has the same bound.
pub const PROXY_HEADER_BYTES_MAX: usize = 4096;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
const START_BYTES: usize = 16;

/// Whom a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Whoever connected: the proxy itself (it looks whether the server lives), or a client of no known address.
    Connection,
    /// A client with this address.
    Inet(SocketAddr),
    /// A client of a unix socket of the proxy.
    Unix,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The beginning of one; more has to come.
    Partial,
    /// No such header. The text says why.
    Refused(&'static str),
    /// A whole one.
    Whole {
        /// Bytes that it took; the client's follow.
        len: usize,
        /// Whom the connection is for.
        source: Source,
    },
}

/// Reads the header at the front of `bytes`.
pub fn parse(bytes: &[u8]) -> ProxyHeader {
    let seen = bytes.len().min(SIGNATURE.len());
    if bytes[..seen] != SIGNATURE[..seen] {
        return ProxyHeader::Refused("it does not begin with a PROXY header of version 2");
    }
    let Some((start, rest)) = bytes.split_first_chunk::<START_BYTES>() else { return ProxyHeader::Partial };
    let [.., version_and_command, family_and_transport, high, low] = *start;
    let block = usize::from(u16::from_be_bytes([high, low]));
    let len = START_BYTES + block;
    if len > PROXY_HEADER_BYTES_MAX {
        return ProxyHeader::Refused("its PROXY header is longer than 4096 bytes");
    }
    let is_for_client = match version_and_command {
        0x20 => false,
        0x21 => true,
        _ => return ProxyHeader::Refused("its PROXY header has another version than 2, or an unknown command"),
    };
    let Some(block) = rest.get(..block) else { return ProxyHeader::Partial };
    if !is_for_client {
        return ProxyHeader::Whole { len, source: Source::Connection };
    }
    match read(family_and_transport, block) {
        Ok(source) => ProxyHeader::Whole { len, source },
        Err(why) => ProxyHeader::Refused(why),
    }
}

/// The source that a block of addresses names. Datagrams too: a proxy of HTTP/3 has its clients' addresses from those.
fn read(family_and_transport: u8, block: &[u8]) -> Result<Source, &'static str> {
    const SHORT: &str = "its PROXY header is too short for its addresses";
    let (source, rest) = match family_and_transport {
        // The proxy does not know, so what follows means nothing.
        0x00 => return Ok(Source::Connection),
        0x11 | 0x12 => {
            let (addresses, rest) = block.split_first_chunk::<12>().ok_or(SHORT)?;
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses;
            (Source::Inet((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into()), rest)
        }
        0x21 | 0x22 => {
            let (addresses, rest) = block.split_first_chunk::<36>().ok_or(SHORT)?;
            let (host, port) = (addresses.first_chunk::<16>().ok_or(SHORT)?, [addresses[32], addresses[33]]);
            (Source::Inet((Ipv6Addr::from(*host), u16::from_be_bytes(port)).into()), rest)
        }
        0x31 | 0x32 => (Source::Unix, block.get(216..).ok_or(SHORT)?),
        _ => return Err("its PROXY header has an unknown family or transport"),
    };
    let mut rest = rest;
    while !rest.is_empty() {
        let cut = || "its PROXY header has a value that does not end in it";
        let ([_, high, low], value) = rest.split_first_chunk::<3>().ok_or_else(cut)?;
        rest = value.get(usize::from(u16::from_be_bytes([*high, *low]))..).ok_or_else(cut)?;
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version, family]);
        bytes.extend((block.len() as u16).to_be_bytes());
        bytes.extend(block);
        bytes
    }

    const V4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 80];

    fn v6() -> Vec<u8> {
        let mut block = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        block.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        block.extend([0x30, 0x39, 0, 80]);
        block
    }

    #[test]
    fn sources() {
        let inet = |text: &str| Some(Source::Inet(text.parse().unwrap()));
        let with = |block: &[u8], more: &[u8]| [block, more].concat();
        let cases: &[(u8, u8, Vec<u8>, Option<Source>)] = &[
            (0x21, 0x11, V4.to_vec(), inet("192.0.2.7:12345")),
            (0x21, 0x12, V4.to_vec(), inet("192.0.2.7:12345")),
            (0x21, 0x21, v6(), inet("[2001:db8::7]:12345")),
            (0x21, 0x22, v6(), inet("[2001:db8::7]:12345")),
            (0x21, 0x31, vec![7; 216], Some(Source::Unix)),
            (0x21, 0x11, with(&V4, &[4, 0, 0, 1, 0, 2, b'h', b'2']), inet("192.0.2.7:12345")),
            (0x21, 0x00, vec![], Some(Source::Connection)),
            (0x21, 0x00, vec![1, 2, 3], Some(Source::Connection)),
            (0x20, 0x00, vec![], Some(Source::Connection)),
            (0x20, 0x77, vec![1, 2, 3], Some(Source::Connection)),
            (0x21, 0x11, V4[..11].to_vec(), None),
            (0x21, 0x21, v6()[..35].to_vec(), None),
            (0x21, 0x31, vec![7; 215], None),
            (0x21, 0x11, with(&V4, &[4]), None),
            (0x21, 0x11, with(&V4, &[4, 0]), None),
            (0x21, 0x11, with(&V4, &[4, 0, 1]), None),
            (0x21, 0x10, V4.to_vec(), None),
            (0x21, 0x13, V4.to_vec(), None),
            (0x21, 0x41, V4.to_vec(), None),
            (0x22, 0x11, V4.to_vec(), None),
            (0x11, 0x11, V4.to_vec(), None),
            (0x31, 0x11, V4.to_vec(), None),
        ];
        for (version, family, block, source) in cases {
            let bytes = header(*version, *family, block);
            let whole = source.map(|source| ProxyHeader::Whole { len: bytes.len(), source });
            match (parse(&bytes), whole) {
                (ProxyHeader::Refused(_), None) => {}
                (found, whole) => assert_eq!(Some(found), whole, "{version:x} {family:x} {block:?}"),
            }
        }
    }

    #[test]
    fn every_cut_asks_for_more_and_what_follows_is_left() {
        let bytes = header(0x21, 0x11, &V4);
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), ProxyHeader::Partial, "{cut}");
        }
        let followed = [&bytes[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert!(matches!(parse(&followed), ProxyHeader::Whole { len, .. } if len == bytes.len()));
    }

    #[test]
    fn anything_else_is_refused_at_its_first_byte() {
        for text in ["GET / HTTP/1.1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "\r\n\r\nGET", "\r\n\r\n\0\r\nQUIX"] {
            let first = (1..=text.len()).find(|&cut| text.as_bytes()[..cut] != SIGNATURE[..cut.min(12)]).unwrap();
            assert_eq!(parse(&text.as_bytes()[..first - 1]), ProxyHeader::Partial, "{text:?}");
            assert!(matches!(parse(&text.as_bytes()[..first]), ProxyHeader::Refused(_)), "{text:?}");
        }
        let long = header(0x21, 0x00, &[0; PROXY_HEADER_BYTES_MAX - 15]);
        assert!(matches!(parse(&long[..16]), ProxyHeader::Refused(_)), "before it is kept");
        let longest = header(0x21, 0x00, &[0; PROXY_HEADER_BYTES_MAX - 16]);
        assert!(matches!(parse(&longest), ProxyHeader::Whole { len: PROXY_HEADER_BYTES_MAX, .. }));
    }
}
