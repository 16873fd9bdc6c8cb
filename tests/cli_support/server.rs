//! A `badger serve` that runs, and clients of it.

use super::Folder;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything takes that works.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(60);

/// Killed when the test ends early.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) stderr: BufReader<ChildStderr>,
    pub(crate) first_line: String,
    /// `127.0.0.1:4711`
    pub(crate) address: String,
}

impl Server {
    /// `badger serve` with these arguments, once it serves.
    pub(crate) fn start(folder: &Folder, arguments: &str) -> Server {
        Server::from(&mut folder.command(&format!("serve {arguments}")))
    }

    /// # Panics
    /// When it ends before it says where it listens; with what it said instead.
    pub(crate) fn from(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first_line).unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        if first_line.is_empty() {
            let mut rest = String::new();
            stderr.read_to_string(&mut rest).unwrap();
            panic!("{command:?}: {rest}");
        }
        let address = first_line.split_whitespace().nth(2).unwrap_or_default();
        let address = address.strip_prefix("http://").unwrap_or(address).to_owned();
        Server { child, stderr, first_line, address }
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(TIME_MAX)).unwrap();
        ask(stream, path)
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The next line on stderr that has this in it; the end of stderr fails.
    pub(crate) fn wait_for(&mut self, what: &str) -> String {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "stderr ended before {what:?}: {before}");
            if line.contains(what) {
                return line;
            }
            before.push_str(&line);
        }
    }

    /// Ends it by SIGTERM; gives what else it said.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        self.end()
    }

    /// Waits until it has ended in order; gives what else it said.
    pub(crate) fn end(&mut self) -> String {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest}");
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole answer to one request.
pub(crate) fn ask(mut stream: impl Read + Write, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until something holds, but not for ever.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIME_MAX;
    while !holds() {
        assert!(Instant::now() < deadline, "it takes too long: {what}");
        std::thread::yield_now();
    }
}
