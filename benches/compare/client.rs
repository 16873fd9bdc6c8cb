//! A keep-alive client that costs less than the servers it asks, so that it does not hide them.
//!
//! It sends a fixed number of requests over a fixed number of connections, `depth` at a time on each, and draws their keys
//! from a seeded sequence. What an answer must look like (its status, its length to the byte) was learnt from the first one
//! of its kind, whose head was parsed; every answer is held to that.

use super::sys::{self, Epoll, NO_EVENT};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Longest wait for an answer.
const STALL: Duration = Duration::from_secs(10);
/// Room for one receive.
const RECEIVE_BYTES: usize = 256 * 1024;
/// A receive that must see the start of an answer asks for this much. Small receives make the kernel send more
/// acknowledgements, which the server pays for: with 512 B an answer of 150 KiB cost 33 us in place of 25.
const HEAD_ROOM_BYTES: usize = 32 * 1024;
/// `HTTP/1.1 200`.
const STATUS_BYTES: usize = 12;

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

    fn fill(&self, into: &mut [u8], key: u64) {
        into[self.digits_at..self.digits_at + 7].copy_from_slice(&digits(key));
        if self.tag_bytes > 0 {
            let start = key as usize * self.tag_bytes;
            into[self.tag_at..self.tag_at + self.tag_bytes].copy_from_slice(&self.tags[start..start + self.tag_bytes]);
        }
    }

    /// One request in full.
    pub(crate) fn one(&self, key: u64) -> Vec<u8> {
        let mut request = self.template.clone();
        self.fill(&mut request, key);
        request
    }
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

/// What becomes of the bodies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    Copied,
    /// The kernel drops them: the client costs less. The first bytes of each answer are looked at all the same.
    Dropped,
}

/// Which keys are asked for.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// From the first on.
    Rising,
    /// Drawn, from this place of the sequence on.
    Drawn(u64),
}

/// Connections that are open and have asked nothing yet.
pub(crate) struct Client<'r> {
    requests: &'r Requests,
    connections: Vec<Connection>,
    epoll: Epoll,
    depth: u64,
    bodies: Bodies,
    start_of_answer: [u8; STATUS_BYTES],
    answer_bytes: u64,
}

struct Connection {
    socket: TcpStream,
    /// Answers to come, and how much of the first has.
    left: u64,
    seen: u64,
    since: Instant,
}

/// How it went.
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// Processor time of the client.
    pub(crate) own_nanos: u64,
    /// From the send of a batch of `depth` requests to the last byte of its last answer.
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

impl<'r> Client<'r> {
    /// Opens the connections. Every answer will have to be like `model`.
    pub(crate) fn new(
        port: u16,
        connections: usize,
        depth: u64,
        bodies: Bodies,
        requests: &'r Requests,
        model: &Answer,
    ) -> io::Result<Client<'r>> {
        let epoll = Epoll::new()?;
        let mut open = Vec::with_capacity(connections);
        for number in 0..connections {
            let socket = connect(port)?;
            epoll.add(&socket, sys::EPOLLIN, number as u64)?;
            open.push(Connection { socket, left: 0, seen: 0, since: Instant::now() });
        }
        let mut start_of_answer = [0; STATUS_BYTES];
        start_of_answer.copy_from_slice(&model.head.as_bytes()[..STATUS_BYTES]);
        let answer_bytes = model.bytes();
        Ok(Client { requests, connections: open, epoll, depth, bodies, start_of_answer, answer_bytes })
    }

    /// Asks `count` times (a multiple of the depth).
    ///
    /// # Errors
    /// An answer that is not as it must be, or does not come.
    pub(crate) fn run(&mut self, count: u64, order: Order) -> io::Result<Outcome> {
        assert_eq!(count % self.depth, 0, "a count that is no multiple of the depth");
        let one_bytes = self.requests.template.len();
        let mut request = self.requests.template.repeat(self.depth as usize);
        let keys = self.requests.keys;
        let mut asked = 0;
        let mut next_request = |request: &mut [u8], depth: u64| {
            for one in request.chunks_exact_mut(one_bytes) {
                let key = match order {
                    Order::Rising => asked % keys,
                    Order::Drawn(start) => draw(start + asked, keys),
                };
                self.requests.fill(one, key);
                asked += 1;
            }
            debug_assert_eq!(request.len() as u64, depth * one_bytes as u64);
        };
        let mut room = vec![0; RECEIVE_BYTES];
        let mut events = [NO_EVENT; 512];
        let mut waits = Vec::with_capacity((count / self.depth) as usize);
        let (mut to_send, mut to_come) = (count, count);
        let own_before = sys::thread_nanos();
        let start = Instant::now();
        for connection in &mut self.connections {
            if to_send > 0 {
                next_request(&mut request, self.depth);
                connection.send(&request, self.depth)?;
                to_send -= self.depth;
            }
        }
        while to_come > 0 {
            let ready = self.epoll.wait(&mut events, STALL.as_millis() as i32)?;
            if ready == 0 {
                return Err(io::Error::other(format!("no answer for 10 s; {to_come} of {count} are missing")));
            }
            for event in &events[..ready] {
                let connection = &mut self.connections[event.u64 as usize];
                let left = connection.left;
                connection.receive(&mut room, self.bodies, &self.start_of_answer, self.answer_bytes)?;
                to_come -= left - connection.left;
                if connection.left == 0 && left > 0 {
                    let now = Instant::now();
                    waits.push((now - connection.since).as_nanos() as u64);
                    if to_send > 0 {
                        next_request(&mut request, self.depth);
                        connection.send(&request, self.depth)?;
                        connection.since = now;
                        to_send -= self.depth;
                    }
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let own_nanos = sys::thread_nanos() - own_before;
        waits.sort_unstable();
        let at = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)] as f64 / 1e3;
        Ok(Outcome { requests: count, seconds, own_nanos, p50_micros: at(50), p99_micros: at(99) })
    }
}

impl Connection {
    fn send(&mut self, request: &[u8], answers: u64) -> io::Result<()> {
        let sent = sys::send(self.socket.as_raw_fd(), request, 0)?;
        if sent != request.len() {
            return Err(io::Error::other("requests that do not fit the socket's buffer"));
        }
        self.left = answers;
        self.seen = 0;
        self.since = Instant::now();
        Ok(())
    }

    /// One receive.
    fn receive(&mut self, room: &mut [u8], bodies: Bodies, start: &[u8], answer_bytes: u64) -> io::Result<()> {
        let socket = self.socket.as_raw_fd();
        let is_in_body = self.seen >= STATUS_BYTES as u64;
        let received = if bodies == Bodies::Copied {
            sys::receive(socket, room)
        } else if is_in_body {
            let most = room.len().min((answer_bytes - self.seen) as usize);
            sys::receive_and_drop(socket, &mut room[..most])
        } else {
            let most = HEAD_ROOM_BYTES.min((answer_bytes - self.seen) as usize);
            sys::receive(socket, &mut room[..most])
        };
        let received = match received {
            Ok(0) => return Err(io::Error::other("the server closed the connection")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            outcome => outcome?,
        };
        if bodies == Bodies::Dropped && is_in_body {
            return self.took(received as u64, answer_bytes);
        }
        let mut bytes = &room[..received];
        while !bytes.is_empty() {
            let take = bytes.len().min((answer_bytes - self.seen) as usize);
            if self.seen < start.len() as u64 {
                let wanted = &start[self.seen as usize..];
                let len = wanted.len().min(take);
                if wanted[..len] != bytes[..len] {
                    let got = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
                    return Err(io::Error::other(format!("an answer starts differently: {got:?}")));
                }
            }
            self.took(take as u64, answer_bytes)?;
            bytes = &bytes[take..];
        }
        Ok(())
    }

    fn took(&mut self, bytes: u64, answer_bytes: u64) -> io::Result<()> {
        if self.left == 0 {
            return Err(io::Error::other("more answers than requests, or a longer one than the first"));
        }
        self.seen += bytes;
        if self.seen == answer_bytes {
            self.seen = 0;
            self.left -= 1;
        }
        Ok(())
    }
}
