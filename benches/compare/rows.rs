//! What is measured, and what is asked of it.

use super::client::{Bodies, Life, Manner};
use super::content::{Class, GIANT, HUGE, LARGE, MIDDLE, SMALL};

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The body: 200.
    Body,
    /// `If-None-Match` with the right tag: 304.
    NotModified,
    /// Keys that are not there: 404.
    Missing,
    /// What a page fetches, session by session.
    Browse,
}

/// How keys are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Popularity {
    Even,
    /// The k-th is wanted 1/k as often as the first. The server is also asked for one payload only, to be compared.
    Zipf,
}

/// Which other servers take part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peers {
    Nobody,
    Nginx,
    /// All but nginx and lwan, which stall when requests are pipelined.
    Pipelining,
    All,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// Of the class's keys, how many are asked for.
    pub(crate) keys: u64,
    pub(crate) popularity: Popularity,
    /// Where badgerserver has it.
    pub(crate) mount: &'static str,
    pub(crate) kind: Kind,
    pub(crate) connections: usize,
    pub(crate) depth: u64,
    pub(crate) bodies: Bodies,
    pub(crate) life: Life,
    /// Listeners tell of a connection when its first bytes have come.
    pub(crate) is_deferred: bool,
    /// More field lines of the request.
    pub(crate) lines: &'static str,
    pub(crate) peers: Peers,
    /// The chosen backend may cost at most this many times as much as these.
    pub(crate) gates: &'static [(Other, f64)],
}

/// Whom a gate compares with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Other {
    /// That of the same backend.
    Ceiling,
    /// The same server, asked for one payload.
    OnePayload,
    Nginx,
    H2o,
}

/// Where the server has the files; the pack is at `/p`.
pub(crate) const DIRECTORY_MOUNT: &str = "/d";
/// Tags that are learnt beforehand.
pub(crate) const TAGGED_KEYS: u64 = 2_000;
/// What asks for the end of a connection.
const CLOSE_LINE: &str = "Connection: close\r\n";

/// What a browser sends with a request for a picture.
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n\
    Referer: http://127.0.0.1/gallery/index.html\r\nSec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\n\
    Sec-Fetch-Site: same-origin\r\nPriority: u=5, i\r\n";

const PLAIN: Row = Row {
    name: "",
    class: SMALL,
    keys: SMALL.keys,
    popularity: Popularity::Even,
    mount: "/p",
    kind: Kind::Body,
    connections: 64,
    depth: 1,
    bodies: Bodies::Copied,
    life: Life::Kept,
    is_deferred: false,
    lines: "",
    peers: Peers::All,
    gates: &[],
};
const ONE: Row = Row { keys: 1, ..PLAIN };
const FRESH: Row = Row { life: Life::ClientCloses, gates: OF_FRESH, ..ONE };
const PIPELINED: Row = Row { depth: 16, peers: Peers::Pipelining, gates: OF_PIPELINED, ..PLAIN };

const OF_SMALL: &[(Other, f64)] = &[(Other::Ceiling, 1.10), (Other::Nginx, 0.58)];
const OF_PIPELINED: &[(Other, f64)] = &[(Other::Ceiling, 1.6), (Other::H2o, 0.15)];
const OF_FRESH: &[(Other, f64)] = &[(Other::Ceiling, 1.20), (Other::Nginx, 0.70)];
const OF_MIDDLE: &[(Other, f64)] = &[(Other::Ceiling, 1.10), (Other::Nginx, 0.75)];
const OF_LARGE: &[(Other, f64)] = &[(Other::Ceiling, 1.10), (Other::Nginx, 0.90)];
const OF_HUGE: &[(Other, f64)] = &[(Other::Ceiling, 1.10), (Other::Nginx, 1.00)];
const OF_ZIPF: &[(Other, f64)] = &[(Other::OnePayload, 1.25), (Other::Nginx, 0.5)];

pub(crate) const ROWS: [Row; 23] = [
    Row { name: "1 KiB, one payload", gates: OF_SMALL, ..ONE },
    Row { name: "1 KiB, one payload, 512 connections", connections: 512, gates: OF_SMALL, ..ONE },
    Row { name: "1 KiB", gates: OF_SMALL, ..PLAIN },
    Row { name: "1 KiB, 512 connections", connections: 512, gates: OF_SMALL, ..PLAIN },
    Row { name: "1 KiB, Zipf", popularity: Popularity::Zipf, gates: OF_ZIPF, ..PLAIN },
    Row { name: "1 KiB, browser's head", lines: BROWSER, peers: Peers::Nginx, ..PLAIN },
    Row { name: "1 KiB, one payload, 16 pipelined", keys: 1, ..PIPELINED },
    Row { name: "1 KiB, 16 pipelined", ..PIPELINED },
    Row { name: "1 KiB, a connection each", ..FRESH },
    Row { name: "1 KiB, a connection each, accepts deferred", is_deferred: true, peers: Peers::Nginx, ..FRESH },
    Row {
        name: "1 KiB, a connection each, the server closes",
        life: Life::ServerCloses,
        lines: CLOSE_LINE,
        gates: &[],
        ..FRESH
    },
    Row { name: "25 KiB", class: MIDDLE, keys: MIDDLE.keys, gates: OF_MIDDLE, ..PLAIN },
    Row { name: "150 KiB", class: LARGE, keys: LARGE.keys, gates: OF_LARGE, ..PLAIN },
    Row {
        name: "150 KiB, bodies dropped",
        class: LARGE,
        keys: LARGE.keys,
        bodies: Bodies::Dropped,
        peers: Peers::Nginx,
        ..PLAIN
    },
    Row { name: "2 MiB", class: HUGE, keys: HUGE.keys, connections: 16, gates: OF_HUGE, ..PLAIN },
    Row { name: "25 MiB", class: GIANT, keys: GIANT.keys, connections: 16, gates: OF_HUGE, ..PLAIN },
    Row { name: "304", keys: TAGGED_KEYS, kind: Kind::NotModified, peers: Peers::Nginx, ..PLAIN },
    Row { name: "404", kind: Kind::Missing, peers: Peers::Nginx, ..PLAIN },
    Row { name: "404, 16 pipelined", kind: Kind::Missing, peers: Peers::Nobody, depth: 16, ..PLAIN },
    Row { name: "directory 1 KiB, one payload", mount: DIRECTORY_MOUNT, peers: Peers::Nginx, ..ONE },
    Row { name: "directory 1 KiB", mount: DIRECTORY_MOUNT, peers: Peers::Nginx, ..PLAIN },
    Row {
        name: "directory 150 KiB",
        class: LARGE,
        keys: LARGE.keys,
        mount: DIRECTORY_MOUNT,
        peers: Peers::Nginx,
        ..PLAIN
    },
    Row { name: "browse session", kind: Kind::Browse, connections: 48, peers: Peers::All, ..PLAIN },
];

impl Row {
    pub(crate) fn manner(&self) -> Manner {
        let &Row { connections, depth, bodies, life, .. } = self;
        Manner { connections, depth, bodies, life }
    }
}
