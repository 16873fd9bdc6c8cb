//! The ceiling: a server that sends answers made beforehand, by the calls and socket options that badgerserver uses on the
//! same backend, and does nothing else. What it costs is the kernel's share.
//!
//! Of a request it looks for the end only; the answer is drawn from as many as the pack has, so that its bytes are as cold.

mod epoll;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod uring;

use super::requests::{draw, mix, zipf_table};
use super::sys;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// How answers leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Technique {
    /// Head and body lie together: one `send`; of several answers, copies in one buffer.
    Send,
    /// `send` with `MSG_MORE`, then `sendfile`.
    SendFile,
}

/// What a ceiling is told, as words of a command line.
pub(crate) struct Settings {
    pub(crate) backend: String,
    /// From here on a body leaves by `sendfile`.
    pub(crate) sendfile_bytes_min: usize,
    pub(crate) status: u16,
    pub(crate) body_bytes: usize,
    /// Different answers.
    pub(crate) count: u64,
    /// Drawn by Zipf's law, and not evenly.
    pub(crate) is_zipf: bool,
    /// It closes after an answer.
    pub(crate) is_closing: bool,
    pub(crate) is_deferred: bool,
    /// Where it makes an unnamed file.
    pub(crate) folder: String,
}

impl Settings {
    pub(crate) fn words(&self) -> Vec<String> {
        let technique = if self.body_bytes >= self.sendfile_bytes_min { "sendfile" } else { "send" };
        let flag = |is_set: bool, name: &str| if is_set { name.to_owned() } else { "-".to_owned() };
        vec![
            "ceiling".to_owned(),
            self.backend.clone(),
            technique.to_owned(),
            self.status.to_string(),
            self.body_bytes.to_string(),
            self.count.to_string(),
            flag(self.is_zipf, "zipf"),
            flag(self.is_closing, "close"),
            flag(self.is_deferred, "deferred"),
            self.folder.clone(),
        ]
    }
}

struct Answers {
    technique: Technique,
    /// Which answer is next, again and again; empty: drawn evenly.
    table: Vec<u32>,
    count: u64,
    is_closing: bool,
    file: File,
    /// `Send`: the answers. `SendFile`: the heads.
    memory: &'static [u8],
    stride: usize,
    head_bytes: usize,
    body_bytes: usize,
    body_stride: u64,
}

/// What is owed to one connection.
struct Debt {
    socket: OwnedFd,
    /// Answers that are owed, with the one under way.
    owed: u64,
    key: u64,
    done: usize,
    /// Rest of a batch of copies.
    rest: Vec<u8>,
    has_finished: bool,
}

/// What goes on from one answer to the next.
#[derive(Default)]
struct State {
    drawn: u64,
    batch: Vec<u8>,
}

/// Runs until its standard input ends. `arguments`: [`Settings::words`] without the first.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let [backend, technique, status, body_bytes, count, zipf, close, deferred, folder] = arguments else {
        return Err(io::Error::other("ceiling: BACKEND TECHNIQUE STATUS BODY_BYTES COUNT ZIPF CLOSE DEFERRED FOLDER"));
    };
    let number = |text: &String| text.parse::<usize>().map_err(io::Error::other);
    let technique = if technique == "send" { Technique::Send } else { Technique::SendFile };
    let (body_bytes, count) = (number(body_bytes)?, number(count)? as u64);
    let mut answers = Answers::make(technique, status, body_bytes, count, Path::new(folder))?;
    if zipf == "zipf" {
        answers.table = zipf_table(count as u32, 1 << 20);
    }
    answers.is_closing = close == "close";
    let listener = sys::listen(deferred == "deferred")?;
    println!("{}", listener.local_addr()?.port());
    match backend.as_str() {
        "epoll" => epoll::serve(&answers, &listener),
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        "io_uring" => uring::serve(&answers, &listener),
        other => Err(io::Error::other(format!("ceiling: no backend {other}"))),
    }
}

impl Answers {
    fn make(technique: Technique, status: &str, body_bytes: usize, count: u64, folder: &Path) -> io::Result<Answers> {
        let path = folder.join(format!("ceiling-{}", std::process::id()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        let mut out = io::BufWriter::with_capacity(1 << 21, &mut file);
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
        let (table, is_closing) = (Vec::new(), false);
        Ok(Answers { technique, table, count, is_closing, file, memory, stride, head_bytes, body_bytes, body_stride })
    }

    fn answer(&self, key: u64) -> &'static [u8] {
        let len = if self.technique == Technique::Send { self.head_bytes + self.body_bytes } else { self.head_bytes };
        &self.memory[key as usize * self.stride..][..len]
    }

    fn next(&self, state: &mut State) -> u64 {
        state.drawn += 1;
        match self.table.len() {
            0 => draw(state.drawn, self.count),
            len => u64::from(self.table[state.drawn as usize % len]),
        }
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

impl Debt {
    fn new(socket: OwnedFd) -> Debt {
        Debt { socket, owed: 0, key: 0, done: 0, rest: Vec::new(), has_finished: false }
    }

    fn is_owing(&self) -> bool {
        self.owed > 0 || !self.rest.is_empty()
    }

    /// Counts the requests that end in `bytes`.
    fn count(&mut self, mut bytes: &[u8]) {
        while let Some(end) = sys::find(bytes, b"\r\n\r\n") {
            self.owed += 1;
            bytes = &bytes[end + 4..];
        }
    }

    /// Sends until nothing is owed or the socket is full. False: the connection has ended.
    fn pump(&mut self, answers: &Answers, state: &mut State) -> bool {
        let outcome = match answers.technique {
            Technique::Send => self.pump_copies(answers, state),
            Technique::SendFile => self.pump_file(answers, state),
        };
        let lives = outcome.map_or_else(|error| error.kind() == io::ErrorKind::WouldBlock, |()| true);
        // As badgerserver's last answer: the end is said, and the client's awaited.
        if lives && answers.is_closing && !self.is_owing() && !self.has_finished {
            self.has_finished = true;
            return sys::shutdown_sending(self.socket.as_raw_fd()).is_ok();
        }
        lives
    }

    fn pump_copies(&mut self, answers: &Answers, state: &mut State) -> io::Result<()> {
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
            1 => answers.answer(answers.next(state)),
            _ => {
                let mut batch = std::mem::take(&mut state.batch);
                batch.clear();
                (0..owed).for_each(|_| batch.extend_from_slice(answers.answer(answers.next(state))));
                state.batch = batch;
                &state.batch[..]
            }
        };
        let sent = match sys::send(socket, bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            outcome => outcome?,
        };
        self.rest.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    fn pump_file(&mut self, answers: &Answers, state: &mut State) -> io::Result<()> {
        let socket = self.socket.as_raw_fd();
        while self.owed > 0 {
            if self.done == 0 {
                self.key = answers.next(state);
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
