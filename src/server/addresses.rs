//! How many connections each client address has open, over all workers of a server.
//!
//! Workers share a listener, so a count of each worker's own would bound nothing: the count is one table behind a lock. It
//! is taken once when a connection is accepted and once when it is closed, for the length of one look-up, and never between
//! the two: the way of a request knows nothing of it.
#![forbid(unsafe_code)]

use crate::limits::TURNED_AWAY_MAX;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whom a connection is counted for: an IPv4 address, or the first 64 bits of an IPv6 one, since whoever has one of those has
/// them all (RFC 4291 section 2.5.4). An IPv4 address written as IPv6 is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Client {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Client {
    pub(crate) fn of(peer: SocketAddr) -> Client {
        match peer.ip().to_canonical() {
            IpAddr::V4(address) => Client::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Client::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is served, and counted until [`Addresses::leave`].
    Served,
    /// Its client has as many as it may: it is answered 503, and counted until [`Addresses::leave`].
    TurnedAway,
    /// Beyond that many more: it is closed without a word, and not counted.
    Closed,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Addresses {
    open: Mutex<BTreeMap<Client, usize>>,
    max: usize,
}

impl Addresses {
    /// `max`: [`crate::Limits::connections_per_address_max`].
    pub(crate) fn new(max: usize) -> Addresses {
        Addresses { open: Mutex::new(BTreeMap::new()), max }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Client, usize>> {
        // A count is changed by one step, so a panic elsewhere leaves the table whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection.
    pub(crate) fn enter(&self, client: Client) -> Admission {
        let mut open = self.open();
        let count = open.entry(client).or_insert(0);
        let admission = match *count {
            count if count < self.max => Admission::Served,
            count if count < self.max.saturating_add(TURNED_AWAY_MAX) => Admission::TurnedAway,
            _ => return Admission::Closed,
        };
        *count += 1;
        admission
    }

    /// What is counted for each client.
    #[cfg(test)]
    pub(crate) fn counted(&self) -> BTreeMap<Client, usize> {
        self.open().clone()
    }

    /// Counts a connection no more that was served or turned away.
    pub(crate) fn leave(&self, client: Client) {
        let mut open = self.open();
        if let Some(count) = open.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        Client::of(text.parse().unwrap())
    }

    #[test]
    fn who_is_who() {
        for (one, other, is_same) in [
            ("192.0.2.1:1", "192.0.2.1:2", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
            ("192.0.2.1:1", "[::ffff:192.0.2.1]:1", true),
            ("192.0.2.1:1", "[::ffff:192.0.2.2]:1", false),
            ("[2001:db8::1]:1", "[2001:db8:0:0:ffff::2]:2", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("0.0.0.0:1", "[::]:1", false),
        ] {
            assert_eq!(client(one) == client(other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn each_client_has_its_count() {
        let addresses = Addresses::new(2);
        let (one, other) = (client("192.0.2.1:1"), client("192.0.2.2:1"));
        for _ in 0..2 {
            assert_eq!(addresses.enter(one), Admission::Served);
        }
        for _ in 0..TURNED_AWAY_MAX {
            assert_eq!(addresses.enter(one), Admission::TurnedAway);
        }
        for _ in 0..3 {
            assert_eq!(addresses.enter(one), Admission::Closed);
        }
        assert_eq!(addresses.enter(other), Admission::Served);
        addresses.leave(one);
        assert_eq!([addresses.enter(one), addresses.enter(one)], [Admission::TurnedAway, Admission::Closed]);
        for _ in 0..2 + TURNED_AWAY_MAX {
            addresses.leave(one);
        }
        assert_eq!(addresses.enter(one), Admission::Served);
        addresses.leave(one);
        addresses.leave(other);
        assert!(addresses.open().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn no_count_is_too_large() {
        let addresses = Addresses::new(usize::MAX);
        assert_eq!(addresses.enter(client("192.0.2.1:1")), Admission::Served);
    }
}
