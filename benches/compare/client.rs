//! A client that costs less than the servers it asks, so that it does not hide them.
//!
//! It sends a fixed number of requests over a fixed number of connections, `depth` at a time on each, or over one connection
//! each. What an answer must look like (its status, its length to the byte) was learnt from the first one of its kind, whose
//! head was parsed; every answer is held to that.

use super::requests::{Asking, STALL, STATUS_BYTES, connect};
use super::sys::{self, Epoll, NO_EVENT};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Instant;

/// Room for one receive.
const RECEIVE_BYTES: usize = 256 * 1024;
/// A receive that must see the start of an answer asks for this much. Small receives make the kernel send more
/// acknowledgements, which the server pays for: with 512 B an answer of 150 KiB cost 33 us in place of 25.
const HEAD_ROOM_BYTES: usize = 32 * 1024;

/// What becomes of the bodies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    Copied,
    /// The kernel drops them: the client costs less. The first bytes of each answer are looked at all the same.
    Dropped,
}

/// How it is asked.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) connections: usize,
    /// Requests that are sent at once on a connection.
    pub(crate) depth: u64,
    pub(crate) bodies: Bodies,
    pub(crate) life: Life,
}

/// How long a connection lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Kept,
    /// For one request; the client closes when it has the answer.
    ClientCloses,
    /// For one request; the server closes, and the client when it has seen that.
    ServerCloses,
}

/// Connections that are open and have asked nothing yet.
pub(crate) struct Client {
    port: u16,
    connections: Vec<Connection>,
    epoll: Epoll,
    manner: Manner,
}

struct Connection {
    socket: Option<TcpStream>,
    /// Answers to come, how long each is, and how much of the first has come.
    left: u64,
    answer_bytes: u64,
    seen: u64,
    since: Instant,
}

/// How it went.
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// Processor time of the client.
    pub(crate) own_nanos: u64,
    /// Nanoseconds from the send of a batch of `depth` requests (or from connecting) to the last byte of its last answer,
    /// sorted.
    pub(crate) waits: Vec<u64>,
}

impl Outcome {
    /// Microseconds below which this share of the waits lies.
    pub(crate) fn percentile_micros(&self, share: f64) -> f64 {
        percentile_micros(&self.waits, share)
    }
}

pub(crate) fn percentile_micros(sorted: &[u64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share) as usize;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).map_or(0.0, |&nanos| nanos as f64 / 1e3)
}

impl Client {
    /// Opens the connections, unless each request has its own.
    pub(crate) fn new(port: u16, manner: Manner) -> io::Result<Client> {
        let epoll = Epoll::new()?;
        let mut connections = Vec::with_capacity(manner.connections);
        for number in 0..manner.connections {
            let socket = if manner.life != Life::Kept {
                None
            } else {
                let socket = connect(port)?;
                epoll.add(&socket, sys::EPOLLIN, number as u64)?;
                Some(socket)
            };
            connections.push(Connection { socket, left: 0, answer_bytes: 0, seen: 0, since: Instant::now() });
        }
        Ok(Client { port, connections, epoll, manner })
    }

    /// Asks `count` times (a multiple of the depth), from request `first` on.
    ///
    /// # Errors
    /// An answer that is not as it must be, or does not come.
    pub(crate) fn run(&mut self, asking: &dyn Asking, first: u64, count: u64) -> io::Result<Outcome> {
        let Manner { depth, bodies, life, .. } = self.manner;
        assert_eq!(count % depth, 0, "a count that is no multiple of the depth");
        let start_of_answer = asking.start_of_answer();
        let mut request = Vec::new();
        let mut next = first;
        let end = first + count;
        let mut room = vec![0; RECEIVE_BYTES];
        let mut events = [NO_EVENT; 512];
        let mut waits = Vec::with_capacity((count / depth) as usize);
        let mut to_come = count;
        let own_before = sys::thread_nanos();
        let start = Instant::now();
        for number in 0..self.connections.len() {
            if next < end {
                self.send(number, asking, next, &mut request)?;
                next += depth;
            }
        }
        while to_come > 0 {
            let ready = self.epoll.wait(&mut events, STALL.as_millis() as i32)?;
            if ready == 0 {
                return Err(io::Error::other(format!("no answer for 10 s; {to_come} of {count} are missing")));
            }
            for event in &events[..ready] {
                let number = event.u64 as usize;
                let connection = &mut self.connections[number];
                if life == Life::ServerCloses && connection.left == 0 {
                    // The answer is whole. What comes now is the end.
                    connection.end(&mut room)?;
                    to_come -= 1;
                } else {
                    let left = connection.left;
                    connection.receive(&mut room, bodies, &start_of_answer)?;
                    if connection.left > 0 || left == 0 {
                        to_come -= left - connection.left;
                        continue;
                    }
                    waits.push(connection.since.elapsed().as_nanos() as u64);
                    match life {
                        Life::Kept => to_come -= left,
                        Life::ClientCloses => {
                            connection.socket = None;
                            to_come -= 1;
                        }
                        // Most times the end has come with the answer.
                        Life::ServerCloses if connection.try_end(&mut room)? => to_come -= 1,
                        Life::ServerCloses => continue,
                    }
                }
                if next < end {
                    self.send(number, asking, next, &mut request)?;
                    next += depth;
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let own_nanos = sys::thread_nanos() - own_before;
        waits.sort_unstable();
        Ok(Outcome { requests: count, seconds, own_nanos, waits })
    }

    /// Sends the next batch on a connection, or on a new one in its place.
    fn send(&mut self, number: usize, asking: &dyn Asking, first: u64, request: &mut Vec<u8>) -> io::Result<()> {
        let Manner { depth, life, .. } = self.manner;
        let connection = &mut self.connections[number];
        request.clear();
        connection.answer_bytes = asking.ask(first, request);
        for next in 1..depth {
            let bytes = asking.ask(first + next, request);
            assert_eq!(bytes, connection.answer_bytes, "a batch has answers of one length");
        }
        connection.since = Instant::now();
        if life != Life::Kept {
            let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            self.epoll.add(&socket, sys::EPOLLIN, number as u64)?;
            connection.socket = Some(socket);
        }
        let sent = sys::send(connection.descriptor()?, request, 0)?;
        if sent != request.len() {
            return Err(io::Error::other("requests that do not fit the socket's buffer"));
        }
        connection.left = depth;
        connection.seen = 0;
        Ok(())
    }
}

impl Connection {
    fn descriptor(&self) -> io::Result<i32> {
        self.socket.as_ref().map(AsRawFd::as_raw_fd).ok_or_else(|| io::Error::other("no connection"))
    }

    /// The end must be there.
    fn end(&mut self, room: &mut [u8]) -> io::Result<()> {
        if self.try_end(room)? { Ok(()) } else { Err(io::Error::other("an event without a cause")) }
    }

    /// Closes if the server has; false: it has not yet.
    fn try_end(&mut self, room: &mut [u8]) -> io::Result<bool> {
        match sys::receive(self.descriptor()?, room) {
            Ok(0) => {
                self.socket = None;
                Ok(true)
            }
            Ok(_) => Err(io::Error::other("bytes behind the last answer")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One receive.
    fn receive(&mut self, room: &mut [u8], bodies: Bodies, start: &[u8; STATUS_BYTES]) -> io::Result<()> {
        let socket = self.descriptor()?;
        let is_in_body = self.seen >= STATUS_BYTES as u64;
        let received = if bodies == Bodies::Copied {
            sys::receive(socket, room)
        } else if is_in_body {
            let most = room.len().min((self.answer_bytes - self.seen) as usize);
            sys::receive_and_drop(socket, &mut room[..most])
        } else {
            let most = HEAD_ROOM_BYTES.min((self.answer_bytes - self.seen) as usize);
            sys::receive(socket, &mut room[..most])
        };
        let received = match received {
            Ok(0) => return Err(io::Error::other("the server closed the connection")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            outcome => outcome?,
        };
        if bodies == Bodies::Dropped && is_in_body {
            return self.took(received as u64);
        }
        let mut bytes = &room[..received];
        while !bytes.is_empty() {
            let take = bytes.len().min((self.answer_bytes - self.seen) as usize);
            if self.seen < STATUS_BYTES as u64 {
                let wanted = &start[self.seen as usize..];
                let len = wanted.len().min(take);
                if wanted[..len] != bytes[..len] {
                    let got = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
                    return Err(io::Error::other(format!("an answer starts differently: {got:?}")));
                }
            }
            self.took(take as u64)?;
            bytes = &bytes[take..];
        }
        Ok(())
    }

    fn took(&mut self, bytes: u64) -> io::Result<()> {
        if self.left == 0 {
            return Err(io::Error::other("more answers than requests, or a longer one than the first"));
        }
        self.seen += bytes;
        if self.seen == self.answer_bytes {
            self.seen = 0;
            self.left -= 1;
        }
        Ok(())
    }
}
