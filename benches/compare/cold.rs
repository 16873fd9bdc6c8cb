//! A slow disk: whether payloads that have to be read keep one waiting that is in memory.
//!
//! The server is in a control group of its own whose reads of the disk are limited (cgroup v1, `blkio`), everything it
//! serves is evicted before it starts, and what the hot client asks for is asked for once. Then a client asks for that one
//! payload of 1 KiB over and over, first alone, then beside eight clients that ask for payloads of 150 KiB, each for the
//! first time.

use super::client::percentile_micros;
use super::content::{Content, LARGE, SMALL};
use super::peers::{self, Peer, Variant};
use super::process::Running;
use super::record::{Cold, rounded};
use super::report::THREADED_NGINX;
use super::requests::{self, Requests};
use super::servers::{self, serve_arguments};
use super::sys::{self, Epoll, NO_EVENT};
use std::fs::{self, File};
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const NAME: &str = "cold and hot";
const READS_PER_SECOND: u64 = 40;
const COLD_CLIENTS: usize = 8;
/// A round takes long; a third of the others' is enough, and this many at most.
const ROUNDS_MAX: usize = 3;
const ALONE: Duration = Duration::from_millis(1_500);
const BESIDE: Duration = Duration::from_millis(5_000);

const GROUPS: &str = "/sys/fs/cgroup/blkio";
const GROUP_PREFIX: &str = "badger-compare-";

/// A limited control group. Dropping it removes it.
struct Group(PathBuf);

/// Removes groups that an earlier run left behind when it was killed. One that is in use stays.
fn remove_old_groups() {
    for entry in fs::read_dir(GROUPS).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(GROUP_PREFIX) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

impl Group {
    /// # Errors
    /// There is no cgroup v1 with `blkio` here, or this user may not make groups.
    fn new(on_disk_of: &Path, number: usize) -> io::Result<Group> {
        let device = fs::metadata(on_disk_of)?.dev();
        // As glibc packs them.
        let (major, minor) = ((device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00));
        let path = Path::new(GROUPS).join(format!("{GROUP_PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        let group = Group(path);
        fs::write(group.0.join("blkio.throttle.read_iops_device"), format!("{major}:{minor} {READS_PER_SECOND}"))?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have ended, but the kernel may not have seen to it yet.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("cannot remove {}: do it by rmdir", self.0.display());
    }
}

/// Measures badgerserver on each backend and nginx in both ways; nothing where a disk cannot be limited, with a note.
///
/// # Errors
/// badgerserver answers wrongly.
pub(crate) fn all(rounds: usize, content: &Content, notes: &mut Vec<String>) -> io::Result<Vec<Cold>> {
    let mut measured = Vec::new();
    remove_old_groups();
    if let Err(error) = Group::new(&content.folder, 0) {
        let note = format!("{NAME}: skipped, since a disk can be limited by root with cgroup v1 (blkio) only: {error}");
        eprintln!("{note}");
        notes.push(note);
        return Ok(measured);
    }
    let chosen = servers::chosen_backend(content)?;
    let mut contenders: Vec<(String, Option<&str>)> =
        servers::backends().0.into_iter().map(|backend| (format!("badgerserver {backend}"), Some(backend))).collect();
    if peers::version(peers::NGINX).is_some() {
        contenders.extend([(THREADED_NGINX.to_owned(), None), (peers::NGINX.to_owned(), None)]);
    }
    for (name, backend) in &contenders {
        let is_chosen = *backend == Some(&chosen);
        measured.push(Cold { server: name.clone(), is_chosen, ..Cold::default() });
    }
    for round in 0..(rounds / 3).clamp(1, ROUNDS_MAX) {
        for (number, (name, backend)) in contenders.iter().enumerate() {
            let one = one(content, name, *backend, round * contenders.len() + number + 1)
                .map_err(|error| io::Error::other(format!("{NAME}: {name}: {error}")))?;
            eprintln!(
                "  round {}: {name}: hot p99 {:.0} us alone, {:.0} us beside, p99.9 {:.0} us, worst {:.0} us; {} cold answers",
                round + 1,
                one.alone.p99,
                one.beside.p99,
                one.beside.p999,
                one.beside.worst,
                one.answers
            );
            let into = &mut measured[number];
            into.alone_p99_micros.push(rounded(one.alone.p99));
            into.beside_p99_micros.push(rounded(one.beside.p99));
            into.beside_p999_micros.push(rounded(one.beside.p999));
            into.beside_worst_micros.push(rounded(one.beside.worst));
            into.cold_answers.push(one.answers as f64);
        }
    }
    Ok(measured)
}

struct Hot {
    p99: f64,
    p999: f64,
    worst: f64,
}

struct One {
    alone: Hot,
    beside: Hot,
    answers: u64,
}

fn one(content: &Content, name: &str, backend: Option<&str>, number: usize) -> io::Result<One> {
    evict(content)?;
    let group = Group::new(&content.folder, number)?;
    let running = match backend {
        Some(backend) => Running::start(&serve_arguments(backend, content, false), &[])?,
        None => {
            let variant = if name == THREADED_NGINX { Variant::Threads } else { Variant::Usual };
            let Some(Peer { running, .. }) = peers::start(peers::NGINX, variant, content)? else {
                return Err(io::Error::other("it was here a moment ago"));
            };
            running
        }
    };
    // The first answers are read without the limit.
    let hot = Requests::new(running.port, &format!("/p/{}/", SMALL.name), 1, "").one(0);
    let mut socket = requests::connect(running.port)?;
    let hot_bytes = requests::ask(&mut socket, &hot)?.bytes();
    let cold = Requests::new(running.port, &format!("/p/{}/", LARGE.name), LARGE.keys, "");
    let model = requests::ask(&mut socket, &cold.one(0))?;
    if model.body != LARGE.body(0) {
        return Err(io::Error::other("a body differs"));
    }
    running.join_group(&group.0)?;
    let mut clients = Clients::new(running.port, hot, hot_bytes, &cold, model.bytes())?;
    let alone = clients.run(ALONE, false)?;
    let beside = clients.run(BESIDE, true)?;
    let answers = clients.answers;
    drop(clients);
    drop(running);
    drop(group);
    Ok(One { alone, beside, answers })
}

/// Makes the kernel forget the content.
fn evict(content: &Content) -> io::Result<()> {
    sys::evict(&File::open(&content.pack)?)?;
    for key in 0..LARGE.keys {
        sys::evict(&File::open(content.root.join("p").join(&LARGE.path(key)[1..]))?)?;
    }
    Ok(())
}

/// One hot client and the cold ones, in one thread.
struct Clients<'r> {
    epoll: Epoll,
    hot: TcpStream,
    hot_request: Vec<u8>,
    hot_bytes: u64,
    cold: Vec<TcpStream>,
    cold_requests: &'r Requests,
    cold_bytes: u64,
    /// Bytes of its answer that each cold client has.
    seen: Vec<u64>,
    next_key: u64,
    answers: u64,
}

const HOT: u64 = u64::MAX;

impl<'r> Clients<'r> {
    fn new(
        port: u16,
        hot_request: Vec<u8>,
        hot_bytes: u64,
        cold_requests: &'r Requests,
        cold_bytes: u64,
    ) -> io::Result<Clients<'r>> {
        let epoll = Epoll::new()?;
        let hot = requests::connect(port)?;
        epoll.add(&hot, sys::EPOLLIN, HOT)?;
        let mut cold = Vec::new();
        for number in 0..COLD_CLIENTS {
            let socket = requests::connect(port)?;
            epoll.add(&socket, sys::EPOLLIN, number as u64)?;
            cold.push(socket);
        }
        // The first key was asked for, to know the answers.
        let (seen, next_key) = (vec![0; COLD_CLIENTS], 1);
        Ok(Clients { epoll, hot, hot_request, hot_bytes, cold, cold_requests, cold_bytes, seen, next_key, answers: 0 })
    }

    fn run(&mut self, time: Duration, with_cold: bool) -> io::Result<Hot> {
        let mut room = vec![0; 256 * 1024];
        let mut events = [NO_EVENT; 16];
        let mut waits = Vec::new();
        if with_cold {
            for number in 0..COLD_CLIENTS {
                self.ask_cold(number)?;
            }
        }
        let start = Instant::now();
        let mut hot_seen = 0;
        let mut since = Instant::now();
        sys::send(self.hot.as_raw_fd(), &self.hot_request, 0)?;
        while start.elapsed() < time || hot_seen > 0 {
            let ready = self.epoll.wait(&mut events, requests::STALL.as_millis() as i32)?;
            if ready == 0 {
                return Err(io::Error::other("no answer for 10 s"));
            }
            for event in &events[..ready] {
                if event.u64 == HOT {
                    hot_seen += sys::receive(self.hot.as_raw_fd(), &mut room)? as u64;
                    if hot_seen >= self.hot_bytes {
                        waits.push(since.elapsed().as_nanos() as u64);
                        hot_seen = 0;
                        since = Instant::now();
                        sys::send(self.hot.as_raw_fd(), &self.hot_request, 0)?;
                    }
                } else {
                    self.receive_cold(event.u64 as usize, &mut room)?;
                }
            }
        }
        // The answer that is under way.
        let mut rest = 0;
        while rest < self.hot_bytes {
            match sys::receive(self.hot.as_raw_fd(), &mut room) {
                Ok(0) => return Err(io::Error::other("the server closed the connection")),
                Ok(received) => rest += received as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => return Err(error),
            }
        }
        waits.push(since.elapsed().as_nanos() as u64);
        waits.sort_unstable();
        let at = |share: f64| percentile_micros(&waits, share);
        Ok(Hot { p99: at(0.99), p999: at(0.999), worst: at(1.0) })
    }

    fn ask_cold(&mut self, number: usize) -> io::Result<()> {
        if self.next_key >= LARGE.keys {
            return Err(io::Error::other("every cold payload was asked for: the disk is not limited"));
        }
        sys::send(self.cold[number].as_raw_fd(), &self.cold_requests.one(self.next_key), 0)?;
        self.next_key += 1;
        Ok(())
    }

    fn receive_cold(&mut self, number: usize, room: &mut [u8]) -> io::Result<()> {
        let received = sys::receive(self.cold[number].as_raw_fd(), room)?;
        if received == 0 {
            return Err(io::Error::other("the server closed a cold connection"));
        }
        if self.seen[number] == 0 && !room.starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other(format!("{:?}", String::from_utf8_lossy(&room[..received.min(200)]))));
        }
        self.seen[number] += received as u64;
        if self.seen[number] >= self.cold_bytes {
            self.seen[number] = 0;
            self.answers += 1;
            self.ask_cold(number)?;
        }
        Ok(())
    }
}
