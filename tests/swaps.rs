//! New content again and again while clients ask: every answer is whole and from one content, and nothing is kept of what was
//! served before.
//!
//! The long form, two hundred swaps in a minute: `BADGER_SWAPS=200 BADGER_SWAP_SECONDS=60 cargo test --release --test swaps --
//! --nocapture`.

mod backends;

use backends::backends;
use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::{Backend, Pack, Router, Server};
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Bodies that are copied, and sent from the file.
const BODY_BYTES: [usize; 3] = [500, 20_000, 400_000];
/// Makes each pack larger, and is read: what keeps an old pack keeps its pages.
const FILLING_BYTES: usize = 2 * 1024 * 1024;
const CLIENTS: usize = 4;
/// Swaps before it is measured: what is allocated once, is.
const WARM_SWAPS: u64 = 8;
const TIME_MAX: Duration = Duration::from_secs(60);

/// Every byte of a body says which content it is of.
fn mark(generation: u64) -> u8 {
    b'A' + (generation % 26) as u8
}

/// Puts a pack in place of the one before.
fn write(path: &Path, generation: u64) {
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    for len in BODY_BYTES.into_iter().chain([FILLING_BYTES]) {
        let body = vec![mark(generation); len];
        let headers = [("Badger-Generation".to_owned(), generation.to_string())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (key, bodies) = (format!("/{len}"), [(Encoding::Identity, &body[..])]);
        let entry = Entry { key: &key, content_type: "a/b", headers: &headers, bodies: &bodies, ..Entry::default() };
        writer.add(entry).unwrap();
    }
    writer.finish().unwrap();
    let new = path.with_extension("new");
    fs::write(&new, out.into_inner()).unwrap();
    fs::rename(new, path).unwrap();
}

/// One request on a connection that stays open. The content that answered, which is no older than `oldest`.
fn ask(stream: &mut BufReader<TcpStream>, len: usize, oldest: u64) -> u64 {
    // In one piece: the next one would wait for the acknowledgement of the first.
    let request = format!("GET /{len} HTTP/1.1\r\nHost: test\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the end after {head:?}");
    }
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(&format!("\r\nContent-Length: {len}\r\n")),
        "{head}"
    );
    let generation = head.lines().find_map(|line| line.strip_prefix("Badger-Generation: ")).unwrap().parse().unwrap();
    let mut body = vec![0; len];
    stream.read_exact(&mut body).unwrap();
    assert!(body.iter().all(|&byte| byte == mark(generation)), "a mixed answer");
    assert!(generation >= oldest, "content {generation} after {oldest}");
    generation
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIME_MAX)).unwrap();
    BufReader::new(stream)
}

/// What this process holds: descriptors, and bytes of memory with those of mapped files.
fn held() -> (usize, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    (fs::read_dir("/proc/self/fd").unwrap().count(), kibibytes * 1024)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// One test, because descriptors and memory are the process's.
#[test]
fn swaps_under_full_load_mix_nothing_and_keep_nothing() {
    // Where it can be: then old packs are mappings, too.
    let _ = badgerserver::guard_mapped_files();
    for backend in backends() {
        swap_again_and_again(backend, number("BADGER_SWAPS", 24), number("BADGER_SWAP_SECONDS", 0));
    }
}

fn swap_again_and_again(backend: Backend, swaps: u64, seconds: u64) {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("swaps-{backend}-{}.badger", std::process::id()));
    write(&path, 1);
    let router = || Router::new().pack("", Pack::open(&path).unwrap());
    let builder = Server::builder().listen("127.0.0.1:0").backend(backend).workers(2).on_event(|_| {});
    let handle = builder.start(router()).unwrap();
    assert_eq!(handle.backend(), backend.to_string());
    let address = handle.addresses()[0].inet().unwrap();
    let (is_over, newest, answers) = (AtomicBool::new(false), AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (is_over, newest, answers) = (&is_over, &newest, &answers);
            scope.spawn(move || {
                let (mut stream, mut seen) = (connect(address), 1);
                for round in number.. {
                    if is_over.load(SeqCst) {
                        return;
                    }
                    // Each worker takes new content up in its next turn; this connection stays with one.
                    seen = ask(&mut stream, BODY_BYTES[round % BODY_BYTES.len()], seen);
                    newest.fetch_max(seen, SeqCst);
                    answers.fetch_add(1, SeqCst);
                    if round % 50 == 49 {
                        (stream, seen) = (connect(address), 1);
                    }
                }
            });
        }
        let swap = |generation: u64| {
            write(&path, generation);
            assert_eq!(handle.swap(router()).unwrap(), generation);
            let deadline = Instant::now() + TIME_MAX;
            // All of its pages are looked at, so that keeping it would be seen.
            ask(&mut connect(address), FILLING_BYTES, 1);
            while newest.load(SeqCst) < generation {
                assert!(Instant::now() < deadline, "content {generation} answers nobody");
                std::thread::yield_now();
            }
        };
        (2..2 + WARM_SWAPS).for_each(swap);
        let (before, start) = (held(), Instant::now());
        for round in 0..swaps {
            // The pace of the long form; the short one goes as fast as it can.
            let due = Duration::from_secs(seconds) * round as u32 / swaps as u32;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            swap(2 + WARM_SWAPS + round);
        }
        let elapsed = start.elapsed();
        is_over.store(true, SeqCst);
        drop_and_compare(backend, before, swaps, address);
        println!(
            "{backend}: {swaps} swaps in {:.1} s, {} answers, none failed or mixed; {} descriptors, memory {:+} KiB",
            elapsed.as_secs_f64(),
            answers.load(SeqCst),
            held().0,
            (held().1 as i64 - before.1 as i64) / 1024
        );
    });
    // A worker that nobody asked since takes the last one up in its next turn.
    let deadline = Instant::now() + TIME_MAX;
    while handle.stats().swaps < 2 * (WARM_SWAPS + swaps) {
        assert!(Instant::now() < deadline, "{backend}: {:?}", handle.stats());
        std::thread::yield_now();
    }
    let stats = handle.stats();
    assert_eq!(stats.swaps, 2 * (WARM_SWAPS + swaps));
    assert_eq!(stats.content_failures + stats.files_truncated + stats.responses_5xx, 0, "{stats:?}");
    drop(handle);
    fs::remove_file(path).unwrap();
}

/// Waits until descriptors are as they were: each client may have one connection more or less, of both ends. Memory is compared
/// with what keeping one pack in four would cost.
fn drop_and_compare(backend: Backend, before: (usize, u64), swaps: u64, address: SocketAddr) {
    // Whoever has not yet let go of old content does with the next answer.
    let deadline = Instant::now() + TIME_MAX;
    loop {
        for _ in 0..8 {
            ask(&mut connect(address), BODY_BYTES[0], 1);
        }
        let now = held();
        let (descriptors_max, bytes_max) = (before.0 + 2 * CLIENTS, before.1 + swaps * FILLING_BYTES as u64 / 4);
        if now.0 <= descriptors_max && now.1 <= bytes_max {
            return;
        }
        assert!(Instant::now() < deadline, "{backend}: {before:?} before {swaps} swaps, {now:?} after");
    }
}
