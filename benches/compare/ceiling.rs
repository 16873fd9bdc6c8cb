//! The ceiling: a server that sends answers made beforehand, by the calls and socket options that badgerserver uses, and
//! does nothing else. What it costs is the kernel's share.
//!
//! Of a request it looks for the end only; the answer is drawn from as many as the pack has, so that its bytes are as cold.

use super::client::{draw, mix};
use super::sys::{self, Epoll, NO_EVENT};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;

/// As badgerserver's.
const RECEIVE_BYTES: usize = 32 * 1024;
const TURN_EVENTS: usize = 512;

/// How answers leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Technique {
    /// Head and body lie together: one `send`; of several answers, copies in one buffer.
    Send,
    /// `send` with `MSG_MORE`, then `sendfile`.
    SendFile,
}

struct Answers {
    technique: Technique,
    count: u64,
    file: File,
    /// `Send`: the answers. `SendFile`: the heads.
    memory: &'static [u8],
    stride: usize,
    head_bytes: usize,
    body_bytes: usize,
    body_stride: u64,
}

struct Connection {
    socket: TcpStream,
    /// Answers that are owed, with the one under way.
    owed: u64,
    key: u64,
    done: usize,
    /// Rest of a batch of copies.
    rest: Vec<u8>,
}

/// Runs until its standard input ends. `arguments`: `send` or `sendfile`, status, bytes of a body, number of answers, a
/// folder for an unnamed file.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let [technique, status, body_bytes, count, folder] = arguments else {
        return Err(io::Error::other("ceiling: send|sendfile STATUS BODY_BYTES COUNT FOLDER"));
    };
    let number = |text: &String| text.parse::<usize>().map_err(io::Error::other);
    let technique = if technique == "send" { Technique::Send } else { Technique::SendFile };
    let answers = Answers::make(technique, status, number(body_bytes)?, number(count)? as u64, Path::new(folder))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?.port());
    serve(&answers, &listener)
}

impl Answers {
    fn make(technique: Technique, status: &str, body_bytes: usize, count: u64, folder: &Path) -> io::Result<Answers> {
        let path = folder.join(format!("ceiling-{}", std::process::id()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        let mut out = io::BufWriter::with_capacity(1 << 20, &mut file);
        let head_bytes = head(status, 0, body_bytes).len();
        let body_stride = body_bytes.next_multiple_of(4096);
        let stride = match technique {
            Technique::Send => (head_bytes + body_bytes).next_multiple_of(64),
            Technique::SendFile => head_bytes.next_multiple_of(64),
        };
        let heads_start = if technique == Technique::Send { 0 } else { body_stride * count as usize };
        let mut body = vec![0; body_stride];
        if technique == Technique::SendFile {
            for key in 0..count {
                body[..8].copy_from_slice(&mix(key).to_le_bytes());
                out.write_all(&body)?;
            }
        }
        let mut one = vec![0; stride];
        for key in 0..count {
            one[..head_bytes].copy_from_slice(&head(status, key, body_bytes));
            one[head_bytes..].fill(key as u8);
            out.write_all(&one)?;
        }
        out.flush()?;
        drop(out);
        let all = sys::map_for_ever(&file, heads_start + stride * count as usize)?;
        let memory = &all[heads_start..];
        let body_stride = body_stride as u64;
        Ok(Answers { technique, count, file, memory, stride, head_bytes, body_bytes, body_stride })
    }

    fn answer(&self, key: u64) -> &'static [u8] {
        let len = if self.technique == Technique::Send { self.head_bytes + self.body_bytes } else { self.head_bytes };
        &self.memory[key as usize * self.stride..][..len]
    }
}

/// A head of the same fields as badgerserver's.
fn head(status: &str, key: u64, body_bytes: usize) -> Vec<u8> {
    let tag = format!("ETag: \"{:016x}{:016x}\"\r\n", mix(key), mix(!key));
    let date = "Date: Sun, 22 Nov 2026 05:00:00 GMT\r\n";
    let modified = "Last-Modified: Sun, 22 Nov 2026 05:00:00 GMT\r\n";
    let head = match status {
        "200" => format!(
            "HTTP/1.1 200 OK\r\n{date}{tag}{modified}Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n\
             Content-Length: {body_bytes}\r\n\r\n"
        ),
        "304" => format!("HTTP/1.1 304 Not Modified\r\n{date}{tag}{modified}\r\n"),
        _ => format!(
            "HTTP/1.1 404 Not Found\r\n{date}Content-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: {body_bytes}\r\n\r\n"
        ),
    };
    head.into_bytes()
}

fn serve(answers: &Answers, listener: &TcpListener) -> io::Result<()> {
    const LISTENER: u64 = u64::MAX;
    const INPUT: u64 = u64::MAX - 1;
    let epoll = Epoll::new()?;
    epoll.add(listener, sys::EPOLLIN, LISTENER)?;
    epoll.add(&io::stdin(), sys::EPOLLIN, INPUT)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = vec![NO_EVENT; TURN_EVENTS];
    let mut room = vec![0; RECEIVE_BYTES];
    let mut batch = Vec::new();
    let mut drawn = 0;
    loop {
        let ready = epoll.wait(&mut events, -1)?;
        for event in &events[..ready] {
            match event.u64 {
                LISTENER => {
                    while let Ok((socket, _)) = listener.accept() {
                        socket.set_nonblocking(true)?;
                        socket.set_nodelay(true)?;
                        let interest = sys::EPOLLIN | sys::EPOLLOUT | sys::EPOLLRDHUP | sys::EPOLLET;
                        let number = connections.iter().position(Option::is_none).unwrap_or_else(|| {
                            connections.push(None);
                            connections.len() - 1
                        });
                        epoll.add(&socket, interest, number as u64)?;
                        connections[number] = Some(Connection { socket, owed: 0, key: 0, done: 0, rest: Vec::new() });
                    }
                }
                INPUT => {
                    if io::stdin().read(&mut [0; 64])? == 0 {
                        return Ok(());
                    }
                }
                number => {
                    let Some(connection) = &mut connections[number as usize] else { continue };
                    let flags = event.events as i32;
                    let had_rest = connection.owed > 0 || !connection.rest.is_empty();
                    let mut lives = true;
                    if had_rest && flags & sys::EPOLLOUT != 0 {
                        lives = connection.pump(answers, &mut drawn, &mut batch);
                    }
                    if lives && flags & sys::EPOLLIN != 0 {
                        lives = connection.read(answers, &mut drawn, &mut room, &mut batch);
                    }
                    if !lives {
                        connections[number as usize] = None;
                    }
                }
            }
        }
    }
}

impl Connection {
    /// False: it has ended.
    fn read(&mut self, answers: &Answers, drawn: &mut u64, room: &mut [u8], batch: &mut Vec<u8>) -> bool {
        let received = match sys::receive(self.socket.as_raw_fd(), room) {
            Ok(0) => return false,
            Ok(received) => received,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        };
        let mut bytes = &room[..received];
        while let Some(end) = sys::find(bytes, b"\r\n\r\n") {
            self.owed += 1;
            bytes = &bytes[end + 4..];
        }
        self.pump(answers, drawn, batch)
    }

    /// Sends until nothing is owed or the socket is full.
    fn pump(&mut self, answers: &Answers, drawn: &mut u64, batch: &mut Vec<u8>) -> bool {
        let outcome = match answers.technique {
            Technique::Send => self.pump_copies(answers, drawn, batch),
            Technique::SendFile => self.pump_file(answers, drawn),
        };
        outcome.map_or_else(|error| error.kind() == io::ErrorKind::WouldBlock, |()| true)
    }

    fn pump_copies(&mut self, answers: &Answers, drawn: &mut u64, batch: &mut Vec<u8>) -> io::Result<()> {
        let socket = self.socket.as_raw_fd();
        if !self.rest.is_empty() {
            let sent = sys::send(socket, &self.rest, 0)?;
            self.rest.drain(..sent);
            if !self.rest.is_empty() {
                return Ok(());
            }
        }
        let owed = std::mem::take(&mut self.owed);
        let bytes = match owed {
            0 => return Ok(()),
            1 => answers.answer(next(answers, drawn)),
            _ => {
                batch.clear();
                (0..owed).for_each(|_| batch.extend_from_slice(answers.answer(next(answers, drawn))));
                &batch[..]
            }
        };
        let sent = match sys::send(socket, bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            outcome => outcome?,
        };
        self.rest.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    fn pump_file(&mut self, answers: &Answers, drawn: &mut u64) -> io::Result<()> {
        let socket = self.socket.as_raw_fd();
        while self.owed > 0 {
            if self.done == 0 {
                self.key = next(answers, drawn);
            }
            if self.done < answers.head_bytes {
                let head = &answers.answer(self.key)[self.done..];
                self.done += sys::send(socket, head, sys::MSG_MORE)?;
                continue;
            }
            let offset = self.key * answers.body_stride + (self.done - answers.head_bytes) as u64;
            let left = answers.head_bytes + answers.body_bytes - self.done;
            let sent = sys::send_file(socket, &answers.file, offset, left)?;
            self.done += sent;
            if sent == left {
                self.done = 0;
                self.owed -= 1;
            }
        }
        Ok(())
    }
}

fn next(answers: &Answers, drawn: &mut u64) -> u64 {
    *drawn += 1;
    draw(*drawn, answers.count)
}
