//! What is asked for, and what an answer must look like.

use super::sys;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer.
pub(crate) const STALL: Duration = Duration::from_secs(10);
/// `HTTP/1.1 200`.
pub(crate) const STATUS_BYTES: usize = 12;

/// A sequence of requests.
pub(crate) trait Asking {
    /// Appends the request of this number; gives the bytes of its answer.
    fn ask(&self, number: u64, into: &mut Vec<u8>) -> u64;
    /// How every answer starts.
    fn start_of_answer(&self) -> [u8; STATUS_BYTES];
}

/// Requests that differ in their key, and perhaps their entity tag, but not in their length.
pub(crate) struct Requests {
    template: Vec<u8>,
    digits_at: usize,
    keys: u64,
    tag_at: usize,
    tag_bytes: usize,
    tags: Vec<u8>,
}

impl Requests {
    /// `GET` for `before` + the digits of a key below `keys`; `lines` are more field lines.
    pub(crate) fn new(port: u16, before: &str, keys: u64, lines: &str) -> Requests {
        let head = format!("GET {before}");
        let rest = format!(" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n");
        let template = [head.as_bytes(), b"000/000", rest.as_bytes()].concat();
        Requests { template, digits_at: head.len(), keys, tag_at: 0, tag_bytes: 0, tags: Vec::new() }
    }

    /// The same with `If-None-Match`: the tags of keys 0.., all of one length.
    pub(crate) fn with_tags(mut self, tags: &[String]) -> Requests {
        self.keys = tags.len() as u64;
        self.tag_bytes = tags[0].len();
        self.tags = tags.concat().into_bytes();
        assert_eq!(self.tags.len(), self.tag_bytes * tags.len(), "entity tags of different lengths");
        self.template.truncate(self.template.len() - 2);
        self.template.extend_from_slice(b"If-None-Match: ");
        self.tag_at = self.template.len();
        self.template.resize(self.tag_at + self.tag_bytes, b'x');
        self.template.extend_from_slice(b"\r\n\r\n");
        self
    }

    pub(crate) fn keys(&self) -> u64 {
        self.keys
    }

    fn append(&self, key: u64, into: &mut Vec<u8>) {
        let at = into.len();
        into.extend_from_slice(&self.template);
        let request = &mut into[at..];
        request[self.digits_at..self.digits_at + 7].copy_from_slice(&digits(key));
        if self.tag_bytes > 0 {
            let start = key as usize * self.tag_bytes;
            let tag = &self.tags[start..start + self.tag_bytes];
            request[self.tag_at..self.tag_at + self.tag_bytes].copy_from_slice(tag);
        }
    }

    /// One request in full.
    pub(crate) fn one(&self, key: u64) -> Vec<u8> {
        let mut request = Vec::new();
        self.append(key, &mut request);
        request
    }
}

/// Which keys are asked for, one after the other.
#[derive(Clone, Copy)]
pub(crate) enum Order<'t> {
    /// From the first on.
    Rising,
    /// Each as likely as the others.
    Uniform,
    /// As the table has them, again and again.
    Table(&'t [u32]),
}

/// Requests in an order, whose answers are like a model.
pub(crate) struct Drawn<'r> {
    pub(crate) requests: &'r Requests,
    pub(crate) order: Order<'r>,
    pub(crate) model: &'r Answer,
}

impl Asking for Drawn<'_> {
    fn ask(&self, number: u64, into: &mut Vec<u8>) -> u64 {
        let key = match self.order {
            Order::Rising => number % self.requests.keys,
            Order::Uniform => draw(number, self.requests.keys),
            Order::Table(table) => u64::from(table[number as usize % table.len()]),
        };
        self.requests.append(key, into);
        self.model.bytes()
    }

    fn start_of_answer(&self) -> [u8; STATUS_BYTES] {
        self.model.start()
    }
}

/// Keys below `keys` drawn by Zipf's law with exponent 1 (the k-th most wanted is wanted 1/k as often as the first), from a
/// fixed seed. Ranks are scattered over the keys, so neighbours in popularity are none in the file.
pub(crate) fn zipf_table(keys: u32, length: usize) -> Vec<u32> {
    let mut sums = Vec::with_capacity(keys as usize);
    let mut sum = 0.0;
    for rank in 1..=keys {
        sum += 1.0 / f64::from(rank);
        sums.push(sum);
    }
    // Without a common divisor with 100,000: multiplying by it permutes that many keys.
    const STRIDE: u64 = 61_803;
    let place = |number: usize| (mix(number as u64) >> 11) as f64 / (1_u64 << 53) as f64 * sum;
    let rank = |number: usize| sums.partition_point(|&below| below <= place(number)) as u64;
    (0..length).map(|number| (rank(number) * STRIDE % u64::from(keys)) as u32).collect()
}

/// A key below a million as it stands in paths: `012/345`.
pub(crate) fn digits(key: u64) -> [u8; 7] {
    let digit = |place: u64| b'0' + (key / place % 10) as u8;
    [digit(100_000), digit(10_000), digit(1_000), b'/', digit(100), digit(10), digit(1)]
}

/// A number below `below`, the same for the same `number`.
pub(crate) fn draw(number: u64, below: u64) -> u64 {
    ((u128::from(mix(number)) * u128::from(below)) >> 64) as u64
}

/// Scatters numbers over all of 64 bits: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// An answer that was read in full.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn bytes(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }

    pub(crate) fn start(&self) -> [u8; STATUS_BYTES] {
        let mut start = [0; STATUS_BYTES];
        start.copy_from_slice(&self.head.as_bytes()[..STATUS_BYTES]);
        start
    }

    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value))
    }
}

pub(crate) fn connect(port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(STALL))?;
    Ok(socket)
}

/// Asks one thing and reads the answer, head and body.
pub(crate) fn ask(socket: &mut TcpStream, request: &[u8]) -> io::Result<Answer> {
    socket.write_all(request)?;
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    let body_start = loop {
        if let Some(end) = sys::find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        match socket.read(&mut piece)? {
            0 => return Err(io::Error::other("the server closed the connection")),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    };
    let head = String::from_utf8(bytes[..body_start].to_vec()).map_err(io::Error::other)?;
    let status = head.get(9..STATUS_BYTES).and_then(|status| status.parse().ok());
    let mut answer = Answer { status: status.unwrap_or(0), head, body: bytes.split_off(body_start) };
    let length = answer.field("content-length").and_then(|length| length.parse().ok());
    let length: usize = match answer.status {
        304 => 0,
        _ => length.ok_or_else(|| io::Error::other(format!("no Content-Length: {}", answer.head)))?,
    };
    let got = answer.body.len();
    if got > length {
        return Err(io::Error::other("the body is longer than it says"));
    }
    answer.body.resize(length, 0);
    socket.read_exact(&mut answer.body[got..])?;
    Ok(answer)
}
