//! What is measured, and what is asked of it.

use super::client::Bodies;
use super::content::{Class, LARGE, MIDDLE, SMALL};

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The body: 200.
    Body,
    /// `If-None-Match` with the right tag: 304.
    NotModified,
    /// Keys that are not there: 404.
    Missing,
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// Of the class's keys, how many are asked for.
    pub(crate) keys: u64,
    /// Where badgerserver has it.
    pub(crate) mount: &'static str,
    pub(crate) kind: Kind,
    pub(crate) depth: u64,
    pub(crate) bodies: Bodies,
    /// More field lines of the request.
    pub(crate) lines: &'static str,
    /// nginx stalls on pipelined requests.
    pub(crate) with_nginx: bool,
    /// badgerserver may cost at most this many times as much.
    pub(crate) ceiling_gate: Option<f64>,
    pub(crate) nginx_gate: Option<f64>,
}

/// Where the server has the files; the pack is at `/p`.
pub(crate) const DIRECTORY_MOUNT: &str = "/d";
pub(crate) const CONNECTIONS: usize = 64;
/// Tags that are learnt beforehand.
pub(crate) const TAGGED_KEYS: u64 = 2_000;

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
    mount: "/p",
    kind: Kind::Body,
    depth: 1,
    bodies: Bodies::Copied,
    lines: "",
    with_nginx: true,
    ceiling_gate: None,
    nginx_gate: None,
};

const DIRECTORY: Row = Row { mount: DIRECTORY_MOUNT, ..PLAIN };

pub(crate) const ROWS: [Row; 15] = [
    Row { name: "pack 1 KiB", ceiling_gate: Some(1.25), nginx_gate: Some(0.70), ..PLAIN },
    // As many as nginx can keep open under a common limit of 20,000 files.
    Row { name: "pack 1 KiB, 10,000 keys", keys: 10_000, ceiling_gate: Some(1.25), nginx_gate: Some(0.70), ..PLAIN },
    Row { name: "pack 1 KiB, one key", keys: 1, ceiling_gate: Some(1.25), nginx_gate: Some(0.70), ..PLAIN },
    Row { name: "pack 1 KiB, browser's head", lines: BROWSER, ..PLAIN },
    Row { name: "pack 1 KiB, 16 pipelined", depth: 16, with_nginx: false, ceiling_gate: Some(2.0), ..PLAIN },
    Row { name: "pack 25 KiB", class: MIDDLE, keys: MIDDLE.keys, ..PLAIN },
    Row {
        name: "pack 150 KiB, bodies dropped",
        class: LARGE,
        keys: LARGE.keys,
        bodies: Bodies::Dropped,
        ceiling_gate: Some(1.15),
        ..PLAIN
    },
    Row { name: "pack 150 KiB", class: LARGE, keys: LARGE.keys, ceiling_gate: Some(1.15), ..PLAIN },
    Row { name: "pack 304", keys: TAGGED_KEYS, kind: Kind::NotModified, ..PLAIN },
    Row { name: "pack 404", kind: Kind::Missing, ..PLAIN },
    Row { name: "pack 404, 16 pipelined", kind: Kind::Missing, depth: 16, with_nginx: false, ..PLAIN },
    Row { name: "directory 1 KiB", ceiling_gate: Some(1.25), nginx_gate: Some(0.70), ..DIRECTORY },
    Row {
        name: "directory 1 KiB, 10,000 keys",
        keys: 10_000,
        ceiling_gate: Some(1.25),
        nginx_gate: Some(0.70),
        ..DIRECTORY
    },
    Row { name: "directory 1 KiB, 16 pipelined", depth: 16, with_nginx: false, ceiling_gate: Some(2.0), ..DIRECTORY },
    Row { name: "directory 150 KiB", class: LARGE, keys: LARGE.keys, ceiling_gate: Some(1.15), ..DIRECTORY },
];
