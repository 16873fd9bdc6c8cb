//! The access log: a record of each answer, in order, with what the client said; a hook that stands still; sampling.

use crate::client::{Client, request};
use crate::content;
use crate::stage::{Folder, LIMIT, Running, Stage, until};
use badgerserver::{AccessBatch, AccessOptions, Builder, Limits, ListenOptions, Response, Router};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

stamp![
    each_answer_has_its_record_and_those_of_a_connection_are_in_their_order,
    requests_that_cannot_be_read_have_theirs,
    clients_behind_a_proxy_and_on_a_unix_socket_are_told_apart,
    one_answer_in_so_many_is_recorded,
    a_hook_that_stands_still_holds_nobody_up_and_what_is_dropped_is_counted,
    records_come_while_the_server_is_idle_and_the_last_ones_when_it_ends,
    a_hook_that_panics_is_told_of,
];

/// A record, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    peer: Option<SocketAddr>,
    text: String,
    status: u16,
    body_bytes: u64,
    referer: Option<String>,
    user_agent: Option<String>,
}

fn lines(batch: &AccessBatch) -> Vec<Line> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let line = |record: badgerserver::AccessRecord<'_>| {
        assert!(record.unix_seconds > 1_700_000_000, "{record:?}");
        Line {
            peer: record.peer,
            text: text(record.request_line),
            status: record.status,
            body_bytes: record.body_bytes,
            referer: record.referer.map(text),
            user_agent: record.user_agent.map(text),
        }
    };
    let lines: Vec<Line> = batch.records().map(line).collect();
    assert!(!lines.is_empty() && lines.len() == batch.len());
    lines
}

/// A builder whose records come out of the other.
fn logged(builder: Builder) -> (Builder, Receiver<Vec<Line>>) {
    let (told, tells) = channel();
    let told = Mutex::new(told);
    let hook = move |batch: &AccessBatch| told.lock().unwrap().send(lines(batch)).unwrap();
    (builder.on_access(AccessOptions::default(), hook), tells)
}

/// Ends the server, and gives all that was recorded.
fn end(server: Running, tells: &Receiver<Vec<Line>>) -> Vec<Line> {
    let stats = server.stats();
    server.drain(LIMIT);
    drop(server);
    // Disconnected: the hook is gone.
    let lines: Vec<Line> = tells.iter().flatten().collect();
    assert!(lines.len() as u64 >= stats.responses && stats.access_lines_dropped == 0);
    lines
}

fn router(folder: &Folder) -> Router {
    let (pack, _) = content::sizes(folder, &[1000, 200_000]);
    Router::new().pack("/p", pack).get("/made", |_| Response::text("made\n"))
}

fn each_answer_has_its_record_and_those_of_a_connection_are_in_their_order(stage: &Stage) {
    let folder = Folder::new();
    let (builder, tells) = logged(stage.builder().workers(2));
    let server = stage.start(builder, router(&folder));
    let line = |text: &str, status, body_bytes| Line {
        peer: None,
        text: format!("{text} HTTP/1.1"),
        status,
        body_bytes,
        referer: None,
        user_agent: None,
    };
    let tag = server.connect().get("/p/1000").field("ETag").unwrap().to_owned();
    let script = [
        ("GET", "/p/1000?a=%22", "", line("GET /p/1000?a=%22", 200, 1000)),
        ("HEAD", "/p/200000", "", line("HEAD /p/200000", 200, 0)),
        ("GET", "/p/200000", "Range: bytes=7-9\r\n", line("GET /p/200000", 206, 3)),
        ("GET", "/p/200000", "", line("GET /p/200000", 200, 200_000)),
        ("GET", "/p/1000", &format!("If-None-Match: {tag}\r\n"), line("GET /p/1000", 304, 0)),
        ("GET", "/p/%6done", "", line("GET /p/%6done", 404, 14)),
        ("PUT", "/p/1000", "", line("PUT /p/1000", 405, 23)),
        ("OPTIONS", "/p/1000", "", line("OPTIONS /p/1000", 204, 0)),
        (
            "GET",
            "/made",
            "referer: http://a/\"\r\nUSER-AGENT: test/1\r\n",
            Line {
                referer: Some("http://a/\"".to_owned()),
                user_agent: Some("test/1".to_owned()),
                ..line("GET /made", 200, 5)
            },
        ),
    ];
    // One by one, then all at once, on several connections.
    let mut wanted = Vec::new();
    let mut clients: Vec<Client> = (0..6).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let mut bytes = String::new();
        for (method, path, lines, wanted) in &script {
            if number % 2 == 0 {
                let answer = client.ask(method, path, lines);
                assert_eq!((answer.status, answer.body.len() as u64), (wanted.status, wanted.body_bytes));
            } else {
                bytes += &request(method, path, lines);
            }
        }
        client.send(bytes.as_bytes());
        if number % 2 == 1 {
            script.iter().for_each(|row| assert_eq!(client.answer(row.0).unwrap().status, row.3.status));
        }
        let address = client.local();
        wanted.push((
            address,
            script.iter().map(|row| Line { peer: Some(address), ..row.3.clone() }).collect::<Vec<_>>(),
        ));
    }
    drop(clients);
    let found = end(server, &tells);
    assert_eq!(found.len(), 1 + 6 * script.len());
    for (address, wanted) in wanted {
        let of: Vec<Line> = found.iter().filter(|line| line.peer == Some(address)).cloned().collect();
        assert_eq!(of, wanted);
    }
}

fn requests_that_cannot_be_read_have_theirs(stage: &Stage) {
    let folder = Folder::new();
    let mut limits = Limits::default();
    limits.request_line_bytes_max = 100;
    limits.head_bytes_max = 200;
    // The last one waits for it; the others must not, although this thread may not run for a while.
    limits.head_time_max = Duration::from_secs(3);
    let (builder, tells) = logged(stage.builder().limits(limits));
    let server = stage.start(builder, router(&folder));
    let long = "a".repeat(200);
    let script = [
        ("GET /p/1000 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400, "GET /p/1000 HTTP/1.1".to_owned()),
        ("\u{1}\"\\nonsense\r\n\r\n".to_owned(), 400, "\u{1}\"\\nonsense".to_owned()),
        (format!("GET /{long} HTTP/1.1\r\n"), 414, format!("GET /{long} HTTP/1.1")),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 431, "GET / HTTP/1.1".to_owned()),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n".to_owned(), 505, "GET / HTTP/3.0".to_owned()),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 501, "BREW / HTTP/1.1".to_owned()),
        ("GET /half".to_owned(), 408, "GET /half".to_owned()),
    ];
    let mut wanted = Vec::new();
    for (bytes, status, text) in &script {
        let mut client = server.connect();
        client.send(bytes.as_bytes());
        let answer = client.answer("GET").unwrap();
        assert_eq!(answer.status, *status, "{bytes:?}");
        wanted.push((text.clone(), *status, answer.body.len() as u64));
    }
    let found = end(server, &tells);
    assert_eq!(found.into_iter().map(|line| (line.text, line.status, line.body_bytes)).collect::<Vec<_>>(), wanted);
}

fn clients_behind_a_proxy_and_on_a_unix_socket_are_told_apart(stage: &Stage) {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let mut options = ListenOptions::default();
    options.proxy_from = vec!["127.0.0.1".parse().unwrap()];
    let builder = stage.bare_builder().listen_with("127.0.0.1:0", options).listen(format!("unix:{}", path.display()));
    let (builder, tells) = logged(builder);
    let server = stage.start(builder, router(&folder));
    let mut client = server.connect();
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend([192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 80]);
    client.send(&header);
    assert_eq!(client.get("/made").status, 200);
    assert_eq!(Client::connect_unix(&path).get("/made").status, 200);
    drop(client);
    let peers: Vec<_> = end(server, &tells).into_iter().map(|line| line.peer.map(|peer| peer.to_string())).collect();
    assert_eq!(peers, [Some("192.0.2.7:12345".to_owned()), None]);
}

fn one_answer_in_so_many_is_recorded(stage: &Stage) {
    for (sample, wanted) in [(1, 100), (7, 14), (100, 1), (101, 0)] {
        let mut options = AccessOptions::default();
        options.sample = NonZeroU32::new(sample).unwrap();
        let recorded = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&recorded);
        let builder = stage.builder().on_access(options, move |batch| {
            count.fetch_add(batch.len() as u64, SeqCst);
        });
        let server = stage.start(builder, Router::new().get("/", |_| Response::text("")));
        let mut client = server.connect();
        (0..100).for_each(|_| assert_eq!(client.get("/").status, 200));
        drop(client);
        server.drain(LIMIT);
        until("the records", || recorded.load(SeqCst) >= wanted);
        assert_eq!(recorded.load(SeqCst), wanted, "one in {sample}");
        assert_eq!(server.stats().access_lines_dropped, 0);
    }
}

fn a_hook_that_stands_still_holds_nobody_up_and_what_is_dropped_is_counted(stage: &Stage) {
    let (go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let delivered = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&delivered);
    let builder = stage.builder().workers(2).on_access(AccessOptions::default(), move |batch| {
        // Until it is let go for good.
        let _ = gate.lock().unwrap().recv();
        count.fetch_add(batch.len() as u64, SeqCst);
    });
    let server = stage.start(builder, Router::new().get("/", |_| Response::text("")));
    let address = server.address();
    // More than all batches of both have room for.
    let asked = 60_000;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                let many = request("GET", "/", "").repeat(30);
                for _ in 0..asked / 30 / 4 {
                    client.send(many.as_bytes());
                    (0..30).for_each(|_| assert_eq!(client.answer("GET").unwrap().status, 200));
                }
            });
        }
    });
    let stats = server.stats();
    assert_eq!(stats.responses, asked);
    assert!(stats.access_lines_dropped > 0, "{stats:?}");
    assert_eq!(delivered.load(SeqCst), 0, "the hook has not taken anything yet");
    assert!(server.answers_within(LIMIT));
    drop(go);
    server.drain(LIMIT);
    let dropped = server.stats().access_lines_dropped;
    until("what it was given", || delivered.load(SeqCst) + dropped >= asked);
    assert_eq!(delivered.load(SeqCst) + dropped, asked, "every answer was delivered or is counted");
}

fn records_come_while_the_server_is_idle_and_the_last_ones_when_it_ends(stage: &Stage) {
    let (builder, tells) = logged(stage.builder());
    let server = stage.start(builder, Router::new().get("/{n}", |_| Response::text("")));
    let mut client = server.connect();
    client.get("/1");
    // Nothing else happens that could wake the loop.
    assert_eq!(tells.recv_timeout(LIMIT).unwrap()[0].text, "GET /1 HTTP/1.1");
    client.get("/2");
    drop(client);
    server.drain(LIMIT);
    assert_eq!(tells.iter().flatten().map(|line| line.text).collect::<Vec<_>>(), ["GET /2 HTTP/1.1"]);
}

fn a_hook_that_panics_is_told_of(stage: &Stage) {
    let builder = stage.builder().on_access(AccessOptions::default(), |_| panic!("on purpose"));
    let server = stage.start(builder, Router::new().get("/", |_| Response::text("")));
    assert_eq!(server.connect().get("/").status, 200);
    let told = || server.events().iter().any(|event| event.to_string().contains("the hook of the access log panicked"));
    until("it is told", told);
    assert_eq!(server.connect().get("/").status, 200);
}
