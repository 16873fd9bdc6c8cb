//! A small blocking client whose reader believes nothing: every head is checked to the letter.

use crate::stage::LIMIT;
use crate::system;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// A connection of either kind.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($stream:expr, $socket:ident => $what:expr) => {
        match $stream {
            Stream::Tcp($socket) => $what,
            Stream::Unix($socket) => $what,
        }
    };
}

pub(crate) struct Client {
    pub(crate) stream: Stream,
    /// Bytes that came and were not read as an answer yet.
    buffer: Vec<u8>,
    /// Where a read puts them. Zeroed once: to do it before each read would take longer than most tests.
    room: Vec<u8>,
    /// Most bytes of one read.
    pub(crate) read_bytes: usize,
}

/// How a connection ended in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A reset, or an end, in the middle of an answer.
    Middle,
    /// The same before the first byte of one.
    Between,
    /// Nothing came in time.
    Late,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head with its blank line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| line.split_once(": ")).find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
    }

    pub(crate) fn says_close(&self) -> bool {
        self.field("Connection") == Some("close")
    }

    /// The head without its date.
    pub(crate) fn timeless_head(&self) -> String {
        self.head.lines().filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\n")
    }
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Client {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Client::over(Stream::Tcp(stream))
    }

    fn over(stream: Stream) -> Client {
        Client { stream, buffer: Vec::new(), room: Vec::new(), read_bytes: 256 * 1024 }
    }

    pub(crate) fn connect(address: SocketAddr) -> Client {
        Client::new(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn connect_unix(path: &Path) -> Client {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Client::over(Stream::Unix(stream))
    }

    pub(crate) fn tcp(self) -> TcpStream {
        match self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Unix(_) => panic!("a unix socket"),
        }
    }

    /// This end's address.
    pub(crate) fn local(&self) -> SocketAddr {
        match &self.stream {
            Stream::Tcp(stream) => stream.local_addr().unwrap(),
            Stream::Unix(_) => panic!("a unix socket"),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap();
    }

    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        either!(&mut self.stream, socket => socket.write_all(bytes))
    }

    /// Waits until the server's system has all that was sent.
    pub(crate) fn wait_until_acknowledged(&self) {
        let start = Instant::now();
        while either!(&self.stream, socket => system::unacknowledged(socket)) > 0 {
            assert!(start.elapsed() < LIMIT, "what was sent does not arrive");
            std::thread::yield_now();
        }
    }

    pub(crate) fn shutdown_sending(&mut self) {
        either!(&mut self.stream, socket => socket.shutdown(Shutdown::Write)).unwrap();
    }

    /// The same of a connection that may have ended already.
    pub(crate) fn finish_sending(&mut self) {
        let _ = either!(&mut self.stream, socket => socket.shutdown(Shutdown::Write));
    }

    pub(crate) fn set_patience(&mut self, time: Duration) {
        either!(&mut self.stream, socket => socket.set_read_timeout(Some(time))).unwrap();
    }

    /// Asks and reads the answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, lines: &str) -> Answer {
        self.try_ask(method, path, lines).unwrap_or_else(|broken| panic!("{method} {path}: {broken:?}"))
    }

    pub(crate) fn try_ask(&mut self, method: &str, path: &str, lines: &str) -> Result<Answer, Broken> {
        if self.try_send(request(method, path, lines).as_bytes()).is_err() {
            return Err(Broken::Between);
        }
        self.answer(method)
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Takes in what has come. 0: the end.
    fn receive(&mut self) -> Result<usize, Broken> {
        if self.room.len() < self.read_bytes {
            self.room = vec![0; self.read_bytes];
        }
        match either!(&mut self.stream, socket => socket.read(&mut self.room[..self.read_bytes])) {
            Ok(bytes) => {
                self.buffer.extend_from_slice(&self.room[..bytes]);
                Ok(bytes)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(Broken::Late)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(0),
            Err(error) => panic!("receive: {error}"),
        }
    }

    /// Takes in what comes next, at most `read_bytes`.
    pub(crate) fn receive_some(&mut self) {
        assert_ne!(self.receive(), Ok(0));
    }

    /// Reads the next answer and checks all that can be known about it.
    pub(crate) fn answer(&mut self, method: &str) -> Result<Answer, Broken> {
        let broken = |buffer: &[u8]| if buffer.is_empty() { Broken::Between } else { Broken::Middle };
        let mut looked = 0;
        let head_bytes = loop {
            let from = looked;
            if let Some(at) = self.buffer[from..].windows(4).position(|window| window == b"\r\n\r\n") {
                break from + at + 4;
            }
            looked = self.buffer.len().saturating_sub(3);
            assert!(looked < 64 * 1024, "a head without an end");
            if self.receive()? == 0 {
                return Err(broken(&self.buffer));
            }
        };
        let head = String::from_utf8(self.buffer[..head_bytes].to_vec()).expect("a head is text");
        let (status, body_bytes) = check_head(&head, method);
        while self.buffer.len() < head_bytes + body_bytes {
            if self.receive()? == 0 {
                return Err(broken(&self.buffer));
            }
        }
        let body = self.buffer[head_bytes..head_bytes + body_bytes].to_vec();
        self.buffer.drain(..head_bytes + body_bytes);
        Ok(Answer { status, head, body })
    }

    /// That nothing came but what was read.
    pub(crate) fn assert_nothing_more(&mut self) {
        either!(&self.stream, socket => socket.set_nonblocking(true)).unwrap();
        let more = self.receive();
        either!(&self.stream, socket => socket.set_nonblocking(false)).unwrap();
        assert_eq!((more, self.buffer.as_slice()), (Err(Broken::Late), &b""[..]), "stray bytes or an end");
    }

    /// That the server has ended the connection in good order, and nothing came before that.
    pub(crate) fn assert_end(&mut self) {
        assert_eq!(self.receive(), Ok(0));
        assert_eq!(self.buffer, b"", "stray bytes");
    }

    /// Reads at least this many bytes of an answer and keeps them.
    pub(crate) fn begin_answer(&mut self, bytes: usize) {
        while self.buffer.len() < bytes {
            assert_ne!(self.receive().unwrap(), 0);
        }
    }
}

pub(crate) fn request(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: wire.test\r\n{lines}\r\n")
}

/// Checks a head and gives its status and the bytes of the body that follows.
fn check_head(head: &str, method: &str) -> (u16, usize) {
    let text = head.strip_suffix("\r\n\r\n").unwrap();
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap();
    let rest = status_line.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("status line {status_line:?}"));
    let (status, reason) = rest.split_once(' ').unwrap_or_else(|| panic!("status line {status_line:?}"));
    assert!(status.len() == 3 && reason.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{status_line:?}");
    let status: u16 = status.parse().unwrap();

    let mut fields: Vec<(String, &str)> = Vec::new();
    for line in lines {
        assert!(!line.contains(['\r', '\n', '\0']), "a bare line end in {line:?}");
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("field line {line:?}"));
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert!(!name.is_empty() && name.bytes().all(is_token), "field name {name:?}");
        assert_eq!(value, value.trim(), "field value {value:?}");
        fields.push((name.to_ascii_lowercase(), value));
    }
    let values =
        |name: &str| -> Vec<&str> { fields.iter().filter(|field| field.0 == name).map(|field| field.1).collect() };
    for name in [
        "content-length",
        "content-type",
        "content-range",
        "content-encoding",
        "etag",
        "last-modified",
        "location",
        "connection",
        "vary",
        "allow",
        "retry-after",
        "accept-ranges",
        "cache-control",
    ] {
        assert!(values(name).len() <= 1, "{name} twice in {head:?}");
    }
    let dates = values("date");
    assert_eq!(dates.len(), 1, "one Date in {head:?}");
    assert!(dates[0].len() == 29 && dates[0].ends_with(" GMT"), "Date {:?}", dates[0]);
    assert!(values("transfer-encoding").is_empty());

    let length = values("content-length").first().map(|value| {
        assert!(!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()), "Content-Length {value:?}");
        value.parse::<usize>().unwrap()
    });
    let is_bodiless = matches!(status, 100..=199 | 204 | 304);
    if matches!(status, 100..=199 | 204) {
        assert_eq!(length, None, "RFC 9110 section 8.6: none with {status}");
    }
    assert!(length.is_some() || is_bodiless, "Content-Length in {head:?}");
    // A handler may give any status to anything.
    if method.starts_with("ANY") {
        return (status, if is_bodiless || method == "ANY HEAD" { 0 } else { length.unwrap_or(0) });
    }
    if status == 206 {
        let range = values("content-range")[0].strip_prefix("bytes ").unwrap();
        let (range, total) = range.split_once('/').unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let [first, last, total] = [first, last, total].map(|number| number.parse::<usize>().unwrap());
        assert!(first <= last && last < total && length == Some(last - first + 1), "{head:?}");
    }
    match status {
        405 => assert!(!values("allow").is_empty(), "{head:?}"),
        416 => assert!(values("content-range")[0].starts_with("bytes */"), "{head:?}"),
        301 | 302 | 303 | 307 | 308 => assert!(!values("location").is_empty(), "{head:?}"),
        _ => {}
    }
    let body = if is_bodiless || method == "HEAD" { 0 } else { length.unwrap_or(0) };
    (status, body)
}
