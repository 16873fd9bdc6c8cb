//! What the order of a gallery costs a server, in processor time of its worker: `cargo bench --bench order`.
//!
//! Two servers of one worker each, one with the workload and one without, over loopback from mapped files. They take turns, a
//! few thousand revalidations at a time, and each pair gives a difference; what is told is their median and middle half. The time
//! is that of the worker's thread by the kernel's account, so it has the calls to the kernel in it, which are the same for both.

mod gallery;

use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::poco::{Layout, Play};
use badgerserver::{Backend, Handle, Mount, Pack, Router, Server};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::TcpStream;

const NOW: u32 = 1_790_020_800;
/// Requests that are under way at once, and those of one turn.
const PIPELINE: usize = 16;
const REQUESTS: usize = 16_000;
const PAIRS: usize = 61;

/// A gallery whose row of what was begun has `begun` titles, of `played` plays; all rows are in no order that is of use to whoever
/// looks them up.
fn gallery(layout: Layout, begun: u32, played: u32) -> Vec<u8> {
    let cards = |id: u32| (0..if id == 0 { begun } else { 75 }).map(|place| (place * 37 % played) * 17).collect();
    let play = |number: u32| Play {
        plays_7_days: (number % 3) as u8,
        ..gallery::play(number, NOW - (number * 41 % 97) * 20_000)
    };
    gallery::record(layout, cards, (0..played).map(play).collect())
}

fn threads() -> BTreeSet<String> {
    let entries = fs::read_dir("/proc/self/task").expect("the kernel tells of threads");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a number")).collect()
}

/// A server, its worker's thread, and a connection to it with what is asked there.
struct Leg {
    _server: Handle,
    worker: String,
    stream: TcpStream,
    batch: Vec<u8>,
    answers: Vec<u8>,
}

impl Leg {
    fn new(mount: Mount, backend: Backend) -> Leg {
        let before = threads();
        let builder = Server::builder().listen("127.0.0.1:0").workers(1).backend(backend);
        let server = builder.start(Router::new().mount(mount)).expect("it starts");
        let name = |id: &String| fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap_or_default();
        let is_worker = |id: &String| !before.contains(id) && name(id) == "badger-0\n";
        let worker = threads().into_iter().find(is_worker).expect("it has a worker");
        let mut stream = TcpStream::connect(server.addresses()[0].inet().expect("a port")).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        let request = |tag: &str| {
            format!("GET /gallery/ada?now={NOW}&device=phone HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n")
        };
        let tag = {
            stream.write_all(request("\"x\"").replace("GET", "HEAD").as_bytes()).expect("it is there");
            let head = head(&mut stream);
            let line = head.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("it has one");
            line.to_owned()
        };
        stream.write_all(request(&tag).as_bytes()).expect("it is there");
        let first = head(&mut stream);
        assert!(first.starts_with("HTTP/1.1 304 "), "{first}");
        let answers = vec![0; first.len() * PIPELINE];
        stream.set_nonblocking(true).expect("a socket");
        Leg { _server: server, worker, stream, batch: request(&tag).repeat(PIPELINE).into_bytes(), answers }
    }

    /// Nanoseconds that the worker has run.
    fn time(&self) -> u64 {
        let path = format!("/proc/self/task/{}/schedstat", self.worker);
        let text = fs::read_to_string(path).expect("the kernel keeps account");
        text.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Takes in the answers to a batch, and asks for them all the time: a client that sleeps is woken by the worker, on the worker's
    /// account, and how much that takes depends on how deep its processor fell asleep while it waited. In a virtual machine it
    /// was more than what is measured here.
    fn receive(&mut self) {
        let mut come = 0;
        while come < self.answers.len() {
            match self.stream.read(&mut self.answers[come..]) {
                Ok(0) => panic!("the server closed"),
                Ok(bytes) => come += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }

    /// Nanoseconds of the worker for each request of a turn.
    fn turn(&mut self) -> f64 {
        let before = self.time();
        for _ in 0..REQUESTS / PIPELINE {
            self.stream.write_all(&self.batch).expect("it is there");
            self.receive();
        }
        (self.time() - before) as f64 / REQUESTS as f64
    }
}

/// A head, byte by byte.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

/// The first quarter, the median and the third quarter.
fn quarters(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}

fn main() {
    badgerserver::guard_mapped_files().expect("a handler can be installed");
    let folder = std::env::temp_dir().join(format!("badger-order-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room for files");
    for backend in [Backend::Epoll, Backend::IoUring] {
        if let Err(why) = backend.check() {
            println!("skipped: {why}");
            continue;
        }
        for (layout, begun, played) in
            [(Layout::Shared, 75, 99), (Layout::Inline, 75, 99), (Layout::Shared, 20, 40), (Layout::Inline, 20, 40)]
        {
            let record = gallery(layout, begun, played);
            let mut file = Cursor::new(Vec::new());
            let mut writer = PackWriter::create(&mut file, Cursor::new(Vec::new()), WriterOptions::default())
                .expect("memory can be written");
            for key in ["/gallery/ada", "/gallery/default"] {
                let bodies: &[(Encoding, &[u8])] = &[(Encoding::Identity, &record)];
                let entry = Entry { key, content_type: "application/octet-stream", bodies, ..Entry::default() };
                writer.add(entry).expect("the entry is valid");
            }
            writer.finish().expect("memory can be written");
            let path = folder.join("gallery.badger");
            fs::write(&path, file.into_inner()).expect("there is room for files");
            let mount = || Mount::gallery("/", Pack::open(&path).expect("the pack is valid"));
            let (mut with, mut without) = (Leg::new(mount(), backend), Leg::new(mount().without_workload(), backend));
            // Until everything is warm.
            with.turn();
            without.turn();
            let pairs: Vec<[f64; 2]> = (0..PAIRS).map(|_| [with.turn(), without.turn()]).collect();
            let [low, middle, high] = quarters(pairs.iter().map(|pair| pair[0] - pair[1]).collect());
            let [_, plain, _] = quarters(pairs.iter().map(|pair| pair[1]).collect());
            println!(
                "{backend:?}, {begun} titles of {played} plays, {} bytes: {middle:.0} ns ({low:.0} to {high:.0}) more than {plain:.0} ns",
                record.len()
            );
        }
    }
    fs::remove_dir_all(&folder).expect("it was made above");
}
