//! `cargo bench --bench pure`: what the protocol, the router and the pack cost by themselves, without a kernel: parse, route,
//! lookup, plan and head, and the order of a gallery. `-- --quick` is enough to see a change of ten percent.

// The group's macro makes a public function without a word.
#![allow(missing_docs)]

mod gallery;

use badgerserver::http::head;
use badgerserver::http::plan::{Batch, SourceId, Span};
use badgerserver::http::service::{Found, Ready, Service, Stored};
use badgerserver::http::{Conn, Env, Input, Moment, Scratch, Step, date};
use badgerserver::pack::{Encoding, Entry, PackWriter, Record, WriterOptions};
use badgerserver::poco::Layout;
use badgerserver::{Limits, Mount, Pack, Request, Response, Router, TestClient};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{Cursor, Read as _, Seek as _};

const BARE: &str = "GET /s/012/345 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const BROWSER: &str = "GET /s/012/345 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n\
    Referer: http://127.0.0.1/gallery/index.html\r\nSec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\n\
    Sec-Fetch-Site: same-origin\r\nPriority: u=5, i\r\n\r\n";
/// Of the pack that is searched.
const KEYS: u64 = 100_000;
const UNIX_SECONDS: u64 = 1_760_000_000;

/// Content that has nothing, or the same everywhere.
struct Fixed {
    has_it: bool,
}

impl Service for Fixed {
    fn find(&mut self, _: &Request<'_>, stored: &mut Stored) -> Found {
        if !self.has_it {
            return Found::Missing;
        }
        fill(stored);
        Found::Stored
    }

    fn ready(&mut self, _: Span) -> Ready {
        Ready::Now
    }
}

/// An entry as packs have them.
fn fill(stored: &mut Stored) {
    stored.always =
        stored.push(b"ETag: \"0123456789abcdef0123456789abcdef\"\r\nLast-Modified: Thu, 09 Oct 2025 08:53:20 GMT\r\n");
    stored.etag = 6..40;
    stored.content = stored.push(b"Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n");
    stored.length = stored.push(b"Content-Length: 1024\r\n");
    stored.last_modified = Some(UNIX_SECONDS);
    stored.body = Some(Span { source: SourceId(0), offset: 4096, len: 1024 });
}

fn moment() -> Moment {
    Moment {
        nanos: 1,
        unix_seconds: UNIX_SECONDS,
        date: date::write(UNIX_SECONDS),
        is_draining: false,
        generation: 1,
        clock: None,
    }
}

/// Answers what lies in `bytes`, again and again on one connection.
fn answer(criterion: &mut Criterion, name: &str, bytes: &[u8], answers: u64, mut service: Fixed) {
    let (moment, limits) = (moment(), Limits::default());
    let mut scratch = Scratch::default();
    let mut conn = Conn::new(None, &moment, &limits);
    let (group, name) = name.split_once(": ").unwrap_or((name, ""));
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(answers));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut env =
                Env { moment: &moment, limits: &limits, service: &mut service, scratch: &mut scratch, local: None };
            assert!(matches!(conn.on(Input::Bytes(black_box(bytes)), &mut env), Step::Send));
            assert_eq!(env.scratch.batch.plans.len() as u64, answers);
            assert!(matches!(conn.on(Input::Sent { bytes: 1, is_all: true }, &mut env), Step::Recv));
        });
    });
    group.finish();
}

/// From the bytes of a request to a 404: the parser, and as little as possible of what follows.
fn parse(criterion: &mut Criterion) {
    answer(criterion, "parse: bare head", BARE.as_bytes(), 1, Fixed { has_it: false });
    answer(criterion, "parse: browser's head", BROWSER.as_bytes(), 1, Fixed { has_it: false });
}

/// From the bytes of requests to the plans of their answers.
fn plan(criterion: &mut Criterion) {
    answer(criterion, "plan: one answer", BARE.as_bytes(), 1, Fixed { has_it: true });
    answer(criterion, "plan: 16 pipelined", BARE.repeat(16).as_bytes(), 16, Fixed { has_it: true });
}

/// A request to a handler and back, without a socket: it should be as quick among as many patterns as a router may have as
/// with one.
fn route(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    for count in [1, 256] {
        let handler = |request: &Request<'_>| Response::text(request.param("name").len().to_string());
        let router =
            (0..count).fold(Router::new(), |router, number| router.get(&format!("/hello/{number}/{{name}}"), handler));
        let mut client = TestClient::new(router).expect("the router is valid");
        let target = format!("/hello/{}/ada", count / 2);
        assert_eq!(client.get(&target).body(), b"3");
        group.bench_function(format!("{count} patterns"), |bencher| {
            bencher.iter(|| client.get(black_box(&target)).status());
        });
    }
    group.finish();
}

/// A pack of many keys in memory.
fn pack() -> Pack {
    let (mut file, spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
    let mut writer = PackWriter::create(&mut file, spool, WriterOptions::default()).expect("memory can be written");
    let mut key = String::new();
    for number in 0..KEYS {
        key.clear();
        let _ = write!(key, "/title/{number}");
        let body = number.to_le_bytes();
        let entry = Entry {
            key: &key,
            content_type: "application/octet-stream",
            bodies: &[(Encoding::Identity, &body)],
            ordinal: number,
            ..Entry::default()
        };
        writer.add(entry).expect("the entry is valid");
    }
    writer.finish().expect("memory can be written");
    let mut bytes = Vec::new();
    file.rewind().expect("memory has a start");
    file.read_to_end(&mut bytes).expect("memory can be read");
    Pack::from_bytes(bytes).expect("the pack is valid")
}

/// A key to its record, drawn from all of them.
fn lookup(criterion: &mut Criterion) {
    let pack = pack();
    let mut checked = pack.checked();
    let mut record = Record::default();
    let mut group = criterion.benchmark_group("lookup");
    for (name, prefix, is_there) in [("hit of 100,000", "/title/", true), ("miss of 100,000", "/absent/", false)] {
        let mut number = 0_u64;
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || {
                    number = (number + 61_803) % KEYS;
                    format!("{prefix}{number}")
                },
                |key| {
                    let found = pack.lookup(key.as_bytes(), &mut checked, &mut record);
                    assert_eq!(found.expect("the pack is whole"), is_there);
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The head of a stored answer.
fn draw_head(criterion: &mut Criterion) {
    let moment = moment();
    let mut stored = Stored::default();
    stored.clear();
    fill(&mut stored);
    let mut batch = Batch::default();
    let mut group = criterion.benchmark_group("head");
    group.bench_function("stored 200", |bencher| {
        bencher.iter(|| {
            batch.clear();
            head::stored(&mut batch, black_box(&stored), &moment, head::Persistence::Implied, true);
            batch.bytes.len()
        });
    });
    group.finish();
}

/// A gallery of rows with 75 titles each, and 99 plays.
fn gallery(layout: Layout) -> Vec<u8> {
    let cards = |id: u32| (0..75).map(|place| (id * 31 + place * 17) % 2_000).collect();
    let plays = (0..99).map(|number| gallery::play(number, UNIX_SECONDS as u32 - number * 20_000));
    gallery::record(layout, cards, plays.collect())
}

/// A revalidation of a gallery with its order for the moment and without, from the bytes of the request to those of the
/// head: the difference is what the order costs, and it should be the same for a small record and a large one.
fn order(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order");
    for (name, layout) in [("shared", Layout::Shared), ("inline", Layout::Inline)] {
        let record = gallery(layout);
        let mut file = Cursor::new(Vec::new());
        let mut writer = PackWriter::create(&mut file, Cursor::new(Vec::new()), WriterOptions::default())
            .expect("memory can be written");
        for key in ["/gallery/ada", "/gallery/default"] {
            let bodies: &[(Encoding, &[u8])] = &[(Encoding::Identity, &record)];
            let entry = Entry { key, content_type: "application/octet-stream", bodies, ..Entry::default() };
            writer.add(entry).expect("the entry is valid");
        }
        writer.finish().expect("memory can be written");
        let pack = Pack::from_bytes(file.into_inner()).expect("the pack is valid");
        for (what, mount) in [
            ("with", Mount::gallery("/", pack.clone())),
            ("without", Mount::gallery("/", pack.clone()).without_workload()),
        ] {
            let mut client = TestClient::new(Router::new().mount(mount)).expect("the router is valid").at(UNIX_SECONDS);
            let target = "/gallery/ada?device=phone";
            let first = client.get(target);
            assert_eq!(first.header("Badger-Order").is_some(), what == "with");
            let tag = first.header("ETag").expect("it has one").to_owned();
            group.bench_function(format!("{what}, {name}, {} bytes", record.len()), |bencher| {
                bencher.iter(|| {
                    let answer = client.request("GET", black_box(target), &[("If-None-Match", &tag)]);
                    assert_eq!(answer.status(), 304);
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(40)
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_millis(1_500));
    targets = parse, route, lookup, plan, draw_head, order
}
criterion_main!(benches);
