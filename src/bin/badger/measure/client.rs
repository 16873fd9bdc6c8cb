//! A client as simple as can be: it asks, waits for the whole answer, and asks again.

use super::session::Kind;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// An answer that takes longer is none.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// Where the records and pictures are.
pub(super) const PREFIX: &str = "/m";

/// One connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        Ok(Client { stream: BufReader::with_capacity(64 * 1024, stream), line: String::new() })
    }

    /// Asks for one body of a kind and reads it.
    ///
    /// # Errors
    /// It is not answered, or otherwise than it must be.
    pub(super) fn ask(&mut self, kind: &Kind, copy: usize) -> io::Result<()> {
        let path = kind.path(copy);
        // Every validator is a match for a star.
        let condition = if kind.status == 304 { "If-None-Match: *\r\n" } else { "" };
        let request = format!(
            "GET {PREFIX}{path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (badger probe)\r\n\
             Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n{condition}\r\n"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, length) = self.head()?;
        let wanted = if kind.status == 304 { 0 } else { kind.body_bytes as u64 };
        if (status, length) != (kind.status, wanted) {
            let what = format!("{path} was answered {status} with {length} bytes, not {} with {wanted}", kind.status);
            return Err(io::Error::other(what));
        }
        let read = io::copy(&mut (&mut self.stream).take(length), &mut io::sink())?;
        if read < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn head(&mut self) -> io::Result<(u16, u64)> {
        let (mut status, mut length) = (None, 0);
        loop {
            self.line.clear();
            if self.stream.read_line(&mut self.line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = self.line.trim_end();
            match (status, line.split_once(": ")) {
                (None, _) => status = Some(line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)),
                (Some(found), _) if line.is_empty() => return Ok((found, if found == 304 { 0 } else { length })),
                (Some(_), Some(("Content-Length", bytes))) => length = bytes.parse().unwrap_or(0),
                (Some(_), _) => {}
            }
        }
    }
}

/// Asks for these kinds, one after the other and again from the first, on each of so many connections until the time is over;
/// how many answers came.
///
/// # Errors
/// The first answer that was not as it must be.
pub(super) fn drive(address: SocketAddr, connections: usize, kinds: &[&Kind], time: Duration) -> io::Result<u64> {
    let mut clients = (0..connections).map(|_| Client::connect(address)).collect::<io::Result<Vec<_>>>()?;
    let until = Instant::now() + time;
    std::thread::scope(|scope| {
        let run = |number: usize, client: &mut Client| -> io::Result<u64> {
            let mut answers = 0;
            // Connections do not go in step: each begins elsewhere.
            for place in number * 7.. {
                client.ask(kinds[place % kinds.len()], place)?;
                answers += 1;
                if Instant::now() >= until {
                    break;
                }
            }
            Ok(answers)
        };
        let threads: Vec<_> =
            (0..).zip(&mut clients).map(|(number, client)| scope.spawn(move || run(number, client))).collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, io::Result<u64>>| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        };
        threads.into_iter().map(ended).sum()
    })
}
