//! Many connections at once: idle ones, slow readers, and clients that never finish a head. Others are served meanwhile, and
//! the memory of each is bounded.
//!
//! The crowd lives in a process of its own, so that both sides have all the descriptors that one process may have.

use crate::client::{Client, request};
use crate::content::{noise, sizes};
use crate::stage::{Folder, LIMIT, MEASURED, Stage, assert_memory, own_bytes};
use crate::system;
use badgerserver::{Limits, Response, Router, Stats};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

stamp![ten_thousand_idle, what_an_idle_connection_costs, slow_readers_of_a_large_file, heads_that_never_end];

/// Tells a process that it is a crowd: where to, how many, and what they do.
const CROWD: &str = "BADGER_WIRE_CROWD";
/// What a crowd that trickles says in the end: how many bytes it could send.
const TRICKLED: &str = "trickled ";
const HOUR: Duration = Duration::from_secs(3600);
/// Descriptors that a process needs beside its connections.
const OTHER_DESCRIPTORS: u64 = 600;

/// Connections in a process of their own. They end with it.
struct Crowd {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Crowd {
    /// Starts one and waits until all are connected. `test` is this stage's own test, which calls [`be_a_crowd`].
    fn gather(test: &str, manner: &str, address: SocketAddr, count: u64) -> Crowd {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(CROWD, format!("{manner} {address} {count}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let is_there = output.by_ref().lines().any(|line| line.unwrap().ends_with("the crowd is there"));
        assert!(is_there, "the crowd of {count} did not come together");
        Crowd { process, output }
    }

    /// Closes all of them at once. Gives what the process said last.
    fn disperse(mut self) -> String {
        drop(self.process.stdin.take());
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success());
        said
    }
}

/// If this process is a crowd: is one until its standard input ends. Whether it was.
fn be_a_crowd() -> bool {
    let Ok(what) = std::env::var(CROWD) else { return false };
    system::end_after(120);
    let words: Vec<&str> = what.split(' ').collect();
    let (address, count): (SocketAddr, u64) = (words[1].parse().unwrap(), words[2].parse().unwrap());
    system::raise_descriptors();
    let ask = request("GET", "/", "");
    let mut streams: Vec<TcpStream> = (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(address).unwrap();
            if words[0] == "answered" || (words[0] == "idle" && number % 2 == 0) {
                stream.write_all(ask.as_bytes()).unwrap();
                assert!(stream.read(&mut [0; 512]).unwrap() > 0);
            }
            stream
        })
        .collect();
    println!("the crowd is there");
    if words[0] == "trickling" {
        let (is_told, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read(&mut [0]);
            let _ = is_told.send(());
        });
        let head = b"GET / HTTP/1.1\r\nHost: wire.test\r\nX: ";
        // One byte a fifth of a second each, a few of them at a time as strangers would, until this process is told
        // to end; the server has had enough of all of them before. Strangers do not take this machine's processors away.
        system::give_way();
        let of_group = streams.len().div_ceil(1000);
        let mut groups: Vec<Vec<TcpStream>> = Vec::new();
        while !streams.is_empty() {
            groups.push(streams.split_off(streams.len().saturating_sub(of_group)));
        }
        let mut bytes = 0_u64;
        'trickle: for at in 0.. {
            let byte = [*head.get(at).unwrap_or(&b'x')];
            for group in &mut groups {
                group.retain_mut(|stream| stream.write_all(&byte).is_ok());
                bytes += group.len() as u64;
                if told.recv_timeout(Duration::from_micros(200)) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    break 'trickle;
                }
            }
        }
        println!("{TRICKLED}{bytes}");
    } else {
        let _ = std::io::stdin().read(&mut [0]);
    }
    true
}

/// Limits in which nobody is cut for being idle, if `head_time_max` is long.
fn patient(head_time_max: Duration) -> Limits {
    let mut limits = Limits::default();
    (limits.head_time_max, limits.idle_time_max, limits.send_time_max) = (head_time_max, HOUR, HOUR);
    limits
}

/// Most bytes of memory for one more connection that was answered and is idle.
const IDLE_BYTES_MAX: u64 = 256;

/// The slope, so that what a server has in any case does not count.
fn what_an_idle_connection_costs(stage: &Stage) {
    if be_a_crowd() || !stage.alone() {
        return;
    }
    let most = 10_000.min(system::raise_descriptors() - OTHER_DESCRIPTORS);
    let few = most / 10;
    let router = Router::new().get("/", |_| Response::text("x"));
    let server = stage.start(stage.builder().limits(patient(HOUR)), router);
    let first = Crowd::gather(stage.name(), "answered", server.address(), few);
    server.until("the first", |stats| stats.connections_open == few);
    let before = own_bytes();
    let second = Crowd::gather(stage.name(), "answered", server.address(), most - few);
    server.until("all of them", |stats| stats.connections_open == most);
    let after = own_bytes();
    let each = after.saturating_sub(before) / (most - few);
    println!(
        "{MEASURED}{}: {before} bytes of memory with {few} idle connections, {after} with {most}: {each} each",
        stage.backend
    );
    assert_memory(each, IDLE_BYTES_MAX + 1, "an idle connection, which holds no buffer");
    first.disperse();
    second.disperse();
    server.until("the ends", |stats| stats.connections_open == 0);
}

fn ten_thousand_idle(stage: &Stage) {
    if be_a_crowd() || !stage.alone() {
        return;
    }
    let count = 10_000.min(system::raise_descriptors() - OTHER_DESCRIPTORS);
    let router = Router::new().get("/", |_| Response::text("x"));
    let server = stage.start(stage.builder().limits(patient(HOUR)), router);
    server.connect().get("/");
    let before = own_bytes();
    let crowd = Crowd::gather(stage.name(), "idle", server.address(), count);
    server.until("all of them", |stats| stats.connections_open >= count);
    let each = own_bytes().saturating_sub(before) / count;
    println!("{MEASURED}{count} idle connections, {each} bytes of memory each");
    assert_memory(each, 4096, "an idle connection, which holds no buffer");
    let mut client = server.connect();
    for _ in 0..2_000 {
        assert_eq!(client.get("/").body, b"x");
    }
    for _ in 0..200 {
        assert_eq!(server.connect().get("/").body, b"x");
    }
    let stats = server.stats();
    assert!(stats.connections_open >= count && stats.accept_failures == 0, "{stats:?}");
    crowd.disperse();
    server.until("the ends", |stats| stats.connections_open == 1);
    assert_eq!(client.get("/").body, b"x");
}

fn slow_readers_of_a_large_file(stage: &Stage) {
    const READERS: usize = 200;
    const LARGE: usize = 25_000_000;
    if !stage.alone() {
        return;
    }
    let folder = Folder::new();
    let (pack, contents) = sizes(&folder, &[1_000, LARGE]);
    folder.write("large", &contents[1]);
    let router = Router::new().pack("/size", pack).dir("/files", folder.path()).unwrap();
    let server = stage.start(stage.builder().limits(patient(HOUR)), router);
    // So that what is checked and opened once is.
    for path in [format!("/size/{LARGE}"), "/files/large".to_owned()] {
        assert!(server.connect().get(&path).body == contents[1]);
    }
    let before = own_bytes();
    let mut readers: Vec<Client> = (0..READERS)
        .map(|number| {
            let mut client = Client::new(system::connect_sized(server.address(), 16 * 1024).unwrap());
            client.read_bytes = 4096;
            let path = if number % 2 == 0 { format!("/size/{LARGE}") } else { "/files/large".to_owned() };
            client.send(request("GET", &path, "").as_bytes());
            client.begin_answer(1_000 + number * 100);
            client
        })
        .collect();
    let mut client = server.connect();
    for _ in 0..1_000 {
        assert!(client.get("/size/1000").body == contents[0]);
    }
    let grown = own_bytes().saturating_sub(before);
    // The clients' own buffers are in this process too: 4 KiB each and what was read of the answer.
    let theirs = (0..READERS).map(|number| 4096 + 1_000 + number * 100).sum::<usize>() as u64 * 2;
    println!(
        "{MEASURED}{READERS} readers of {LARGE} bytes: {grown} bytes of memory more, at most {theirs} of them the clients'"
    );
    assert_memory(grown, theirs + READERS as u64 * 16 * 1024, "slow readers of a large file");
    assert_eq!(server.stats().connections_open, READERS as u64 + 1);
    // One of them goes on to the end and has the right bytes; the others leave.
    let mut last = readers.pop().unwrap();
    last.read_bytes = 256 * 1024;
    assert!(last.answer("GET").unwrap().body == contents[1]);
    drop((readers, last));
    let stats = server.until("the ends", |stats| stats.connections_open == 1);
    assert_eq!((stats.closed_send_time, stats.files_truncated, stats.content_failures), (0, 0, 0));
    assert_eq!(noise(1_000, 1_000), contents[0]);
}

/// Times of requests over one connection, sorted.
fn times(client: &mut Client, count: usize) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(client.get("/").body, b"x");
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn heads_that_never_end(stage: &Stage) {
    const REQUESTS: usize = 20_000;
    if be_a_crowd() || !stage.alone() {
        return;
    }
    let count = 5_000.min(system::raise_descriptors() - OTHER_DESCRIPTORS);
    let head_time_max = Duration::from_secs(4);
    let router = Router::new().get("/", |_| Response::text("x"));
    let server = stage.start(stage.builder().limits(patient(head_time_max)), router);
    let mut client = server.connect();
    times(&mut client, REQUESTS / 4);
    let before = times(&mut client, REQUESTS);
    let crowd = Crowd::gather(stage.name(), "trickling", server.address(), count);
    let mut with = times(&mut client, 50);
    let start = Instant::now();
    let cut = |stats: &Stats| stats.requests_timed_out + stats.closed_head_time;
    while cut(&server.stats()) < count && start.elapsed() < LIMIT {
        with.extend(times(&mut client, 50));
    }
    with.sort_unstable();
    // Each of them is cut, by a 408 if it had sent anything, and nobody else is.
    let stats = server.until("the cuts", |stats| cut(stats) >= count);
    assert!(cut(&stats) == count, "{stats:?}");
    server.until("the ends", |stats| stats.connections_open == 1);
    let said = crowd.disperse();
    let bytes: u64 = said.lines().find_map(|line| line.strip_prefix(TRICKLED)).unwrap().parse().unwrap();
    assert!(bytes > 0, "the crowd had no time to send anything");
    let p99 = |times: &[Duration]| times[times.len() * 99 / 100];
    println!(
        "{MEASURED}p99 of {} requests alone: {:?}; of {} while {count} heads never end ({bytes} bytes of them came): {:?}, \
         {:.2} times as long",
        before.len(),
        p99(&before),
        with.len(),
        p99(&with),
        p99(&with).as_secs_f64() / p99(&before).as_secs_f64()
    );
    assert_eq!(client.get("/").body, b"x");
}
