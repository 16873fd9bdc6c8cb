//! A warm server answers without touching the heap: not one allocation and not one release on the worker's thread, with an
//! access log and without.
//!
//! The allocator of this program counts what the thread `badger-0` does while it is told to, and keeps the first trace.

mod backends;

use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::poco::{Gallery, Item, Layout as Cards, Play, Row, RowKind, catalogue_path};
use badgerserver::{AccessOptions, Backend, Mount, Pack, Router, Server};
use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const WORKER: &[u8] = b"badger-0\0";
const REQUESTS: usize = 1000;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static RELEASES: AtomicU64 = AtomicU64::new(0);
static FIRST: Mutex<Option<Backtrace>> = Mutex::new(None);

thread_local! {
    /// What is known of a thread: not asked yet, the worker, another.
    static IS_WORKER: Cell<Option<bool>> = const { Cell::new(None) };
    /// The trace itself allocates.
    static IS_TRACING: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn is_worker() -> bool {
    IS_WORKER.get().unwrap_or_else(|| {
        let mut name = [0_u8; 16];
        // SAFETY: this option writes at most 16 bytes, and `name` has room for them.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        let is_worker = name.starts_with(WORKER);
        IS_WORKER.set(Some(is_worker));
        is_worker
    })
}

fn note(count: &AtomicU64) {
    if !IS_COUNTING.load(Ordering::Relaxed) || IS_TRACING.get() || !is_worker() {
        return;
    }
    count.fetch_add(1, Ordering::Relaxed);
    IS_TRACING.set(true);
    let mut first = FIRST.lock().unwrap();
    if first.is_none() {
        *first = Some(Backtrace::force_capture());
    }
    drop(first);
    IS_TRACING.set(false);
}

// SAFETY: everything is passed on to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(&ALLOCATIONS);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(&RELEASES);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(&ALLOCATIONS);
        note(&RELEASES);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, bytes) }
    }
}

/// One kind of exchange: what is sent at once, and how the answers to it look.
struct Exchange {
    name: &'static str,
    request: String,
    /// What each answer begins with.
    start: &'static str,
    answers: usize,
    body_bytes: usize,
}

fn request(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn exchanges(tag: &str, gallery_tag: &str) -> Vec<Exchange> {
    let moment = "/gallery/ada?now=1790000000&device=tv";
    let exchange = |name, request, start, answers, body_bytes| Exchange { name, request, start, answers, body_bytes };
    let small = request("GET", "/p/small", "");
    let encoded = "User-Agent: test\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nCookie: a=b\r\n";
    vec![
        exchange("200 of 1 KiB", small.clone(), "HTTP/1.1 200", 1, 1024),
        exchange("200 of 150 KiB", request("GET", "/p/large", ""), "HTTP/1.1 200", 1, 150 * 1024),
        exchange("200, encoded", request("GET", "/p/page", encoded), "HTTP/1.1 200", 1, 100),
        exchange("304", request("GET", "/p/small", &format!("If-None-Match: {tag}\r\n")), "HTTP/1.1 304", 1, 0),
        exchange("404", request("GET", "/p/nothing", ""), "HTTP/1.1 404", 1, usize::MAX),
        exchange("206", request("GET", "/p/large", "Range: bytes=7-1030\r\n"), "HTTP/1.1 206", 1, 1024),
        exchange("HEAD", request("HEAD", "/p/large", ""), "HTTP/1.1 200", 1, 0),
        exchange("pipelined 16", small.repeat(16), "HTTP/1.1 200", 16, 1024),
        exchange("405", request("PUT", "/p/small", ""), "HTTP/1.1 405", 1, usize::MAX),
        exchange("OPTIONS", request("OPTIONS", "/p/small", ""), "HTTP/1.1 204", 1, 0),
        exchange("a fallback", request("GET", "/p/some/one", ""), "HTTP/1.1 200", 1, 1024),
        exchange("gathered", request("GET", "/p/some?ids=3,9,1", ""), "HTTP/1.1 200", 1, usize::MAX),
        exchange("the order of a moment", request("GET", moment, ""), "HTTP/1.1 200", 1, usize::MAX),
        exchange(
            "304 with the order of a moment",
            request("GET", moment, &format!("If-None-Match: {gallery_tag}\r\n")),
            "HTTP/1.1 304",
            1,
            0,
        ),
        exchange("percent-encoded", request("GET", "/p/%73mall?q=1", ""), "HTTP/1.1 200", 1, 1024),
    ]
}

/// Reads one answer into `buffer` and gives its head; `usize::MAX` bytes of body are as many as Content-Length says.
fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>, body_bytes: usize) -> String {
    let mut piece = vec![0; 64 * 1024];
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end + 4].to_vec()).unwrap();
            let said = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let body_bytes = if body_bytes == usize::MAX { said.unwrap().parse().unwrap() } else { body_bytes };
            while buffer.len() < end + 4 + body_bytes {
                let bytes = stream.read(&mut piece).unwrap();
                assert_ne!(bytes, 0, "the end came early");
                buffer.extend_from_slice(&piece[..bytes]);
            }
            buffer.drain(..end + 4 + body_bytes);
            return head;
        }
        let bytes = stream.read(&mut piece).unwrap();
        assert_ne!(bytes, 0, "the end came early");
        buffer.extend_from_slice(&piece[..bytes]);
    }
}

fn run(stream: &mut TcpStream, exchange: &Exchange, times: usize) {
    let mut buffer = Vec::new();
    for _ in 0..times {
        stream.write_all(exchange.request.as_bytes()).unwrap();
        for _ in 0..exchange.answers {
            let head = read_answer(stream, &mut buffer, exchange.body_bytes);
            assert!(head.starts_with(exchange.start), "{}: {head}", exchange.name);
        }
    }
    assert!(buffer.is_empty());
}

/// Counts what `requests` cost the worker; false and the first trace, when that is anything.
fn is_free(name: &str, requests: impl FnOnce()) -> bool {
    ALLOCATIONS.store(0, Ordering::SeqCst);
    RELEASES.store(0, Ordering::SeqCst);
    IS_COUNTING.store(true, Ordering::SeqCst);
    requests();
    IS_COUNTING.store(false, Ordering::SeqCst);
    let (allocations, releases) = (ALLOCATIONS.load(Ordering::SeqCst), RELEASES.load(Ordering::SeqCst));
    println!("{name}: {allocations} allocations, {releases} releases");
    if let Some(trace) = FIRST.lock().unwrap().take() {
        println!("the first of them:\n{trace}");
    }
    (allocations, releases) == (0, 0)
}

/// As many titles as the demo's viewers are in the middle of.
fn gallery() -> Vec<u8> {
    let items = (0..75).map(|card| Item { card, match_score: None }).collect();
    let row = Row { id: 1, name: "Go on".into(), kind: RowKind::ContinueWatching, items };
    let play = |card| Play { card, last_play: 1_790_000_000 - 20_000 * card, fraction_watched: 90, ..Play::default() };
    let gallery = Gallery {
        layout: Cards::Shared,
        catalogue: catalogue_path([7; 16]),
        rows: vec![Row { id: 2, ..Row::default() }, row],
        plays: (0..99).map(play).collect(),
        ..Gallery::default()
    };
    gallery.to_record().unwrap()
}

fn pack_file() -> (std::path::PathBuf, Pack) {
    let (small, large, page, brotli) = ([b's'; 1024], [b'l'; 150 * 1024], [b'p'; 400], [b'b'; 100]);
    let gallery = gallery();
    let bodies: [&[(Encoding, &[u8])]; 4] = [
        &[(Encoding::Identity, &small)],
        &[(Encoding::Identity, &large)],
        &[(Encoding::Identity, &page), (Encoding::Br, &brotli)],
        &[(Encoding::Identity, &gallery)],
    ];
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    let keys = [
        ("/small", 0),
        ("/large", 1),
        ("/page", 2),
        ("/some/1", 0),
        ("/some/3", 2),
        ("/gallery/ada", 3),
        ("/gallery/default", 3),
    ];
    for (key, bodies) in keys.map(|(key, body)| (key, bodies[body])) {
        writer.add(Entry { key, content_type: "text/plain", bodies, ..Entry::default() }).unwrap();
    }
    writer.finish().unwrap();
    let path = std::env::temp_dir().join(format!("badger-allocations-{}.badger", std::process::id()));
    std::fs::write(&path, out.into_inner()).unwrap();
    let pack = Pack::open(&path).unwrap();
    (path, pack)
}

fn is_backend_free(backend: Backend, has_log: bool) -> bool {
    let (path, pack) = pack_file();
    let galleries = Mount::gallery("/", pack.clone());
    let mount = Mount::pack("/p", pack).fallback("/some/", "/small", "X-Fallback", "small").gather("/some", "ids");
    let mut builder = Server::builder().backend(backend).workers(1).listen("127.0.0.1:0");
    let recorded = Arc::new(AtomicU64::new(0));
    if has_log {
        let recorded = Arc::clone(&recorded);
        builder = builder.on_access(AccessOptions::default(), move |batch| {
            recorded.fetch_add(batch.len() as u64, Ordering::SeqCst);
        });
    }
    let server = builder.start(Router::new().mount(mount).mount(galleries)).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(server.backend(), backend.to_string());
    let address = server.addresses()[0].inet().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut head = |path| {
        stream.write_all(request("HEAD", path, "").as_bytes()).unwrap();
        read_answer(&mut stream, &mut Vec::new(), 0)
    };
    let (small, gallery) = (head("/p/small"), head("/gallery/ada"));
    assert!(gallery.contains("Badger-Order: :AQA"), "{gallery}");
    let [tag, gallery_tag] =
        [&small, &gallery].map(|head| head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap());
    let exchanges = exchanges(tag, gallery_tag);
    for exchange in &exchanges {
        run(&mut stream, exchange, 10);
    }
    let mut is_all_free = true;
    for exchange in &exchanges {
        let log = if has_log { " with an access log" } else { "" };
        let name = format!("{backend}{log}, {REQUESTS} x {}", exchange.name);
        is_all_free &= is_free(&name, || run(&mut stream, exchange, REQUESTS));
    }
    let stats = server.stats();
    // The canary: the counting counts.
    IS_COUNTING.store(true, Ordering::SeqCst);
    drop(server);
    IS_COUNTING.store(false, Ordering::SeqCst);
    FIRST.lock().unwrap().take();
    assert_ne!(RELEASES.load(Ordering::SeqCst), 0, "the worker's end releases what it had");
    let wanted = if has_log { stats.responses - stats.access_lines_dropped } else { 0 };
    assert_eq!(recorded.load(Ordering::SeqCst), wanted, "what was counted has done its work");
    is_all_free
}

fn main() -> ExitCode {
    let mut is_free = true;
    for backend in backends::backends() {
        for has_log in [false, true] {
            is_free &= is_backend_free(backend, has_log);
        }
    }
    if is_free { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
