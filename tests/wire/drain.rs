//! Stopping without loss, and stopping at once.

use crate::client::{Broken, Client, request};
use crate::content::{noise, sizes};
use crate::stage::{Folder, LIMIT, Stage, held};
use crate::system;
use badgerserver::{Response, Router};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

stamp![
    what_was_sent_before_is_answered,
    a_long_pipeline_ends_with_close,
    idle_connections_end_at_once,
    the_last_answer_says_close,
    stuck_clients_are_cut_and_counted,
    dropping_the_handle_stops_everything,
];

/// Less than any of the server's own times, more than anything here takes.
const SOON: Duration = Duration::from_secs(3);

fn what_was_sent_before_is_answered(stage: &Stage) {
    let folder = Folder::new();
    let all = [100, 30_000, 200_000];
    for round in 0..40 {
        let (pack, contents) = sizes(&folder, &all);
        let server = stage.serve(Router::new().pack("/size", pack));
        let address = server.address();
        let ask = |client: &mut Client| {
            for size in all {
                client.send(request("GET", &format!("/size/{size}"), "").as_bytes());
            }
        };
        let check = |mut client: Client| {
            for (index, content) in contents.iter().enumerate() {
                let answer = client.answer("GET").unwrap_or_else(|broken| panic!("round {round}, {index}: {broken:?}"));
                assert!(answer.body == *content);
                assert!(!answer.says_close() || index + 1 == contents.len(), "close, and then an answer");
            }
            client.assert_end();
        };
        // Some have talked before, some are new, some may not even be accepted yet.
        let mut old: Vec<Client> = (0..4).map(|_| server.connect()).collect();
        for client in &mut old {
            assert_eq!(client.get("/size/100").status, 200);
        }
        let mut new: Vec<Client> = (0..4).map(|_| Client::connect(address)).collect();
        old.iter_mut().chain(&mut new).for_each(ask);
        // Sent is not come: a busy machine delivers later, also to itself.
        old.iter().chain(&new).for_each(Client::wait_until_acknowledged);
        std::thread::scope(|scope| {
            let clients: Vec<_> = old.into_iter().chain(new).map(|client| scope.spawn(|| check(client))).collect();
            let drained = server.drain(LIMIT);
            assert_eq!(drained.connections_cut, 0, "round {round}");
            for client in clients {
                client.join().unwrap();
            }
        });
        assert_eq!((server.stats().connections_open, server.stats().responses_2xx), (0, 4 + 8 * 3));
        let refused = TcpStream::connect(address).map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::ConnectionRefused), "nobody listens after a drain");
    }
}

/// Requests that fill the server's receive buffer to the byte: between two of its reads nothing is under way. What was
/// read is answered; if that is not all, the last answer says so.
fn a_long_pipeline_ends_with_close(stage: &Stage) {
    const REQUEST_BYTES: usize = 512;
    const REQUESTS: usize = 4 * badgerserver::limits::RECEIVE_BYTES / REQUEST_BYTES;
    let padding = REQUEST_BYTES - request("GET", "/", "X: \r\n").len();
    let ask = request("GET", "/", &format!("X: {}\r\n", "x".repeat(padding)));
    assert_eq!(ask.len(), REQUEST_BYTES);
    for round in 0..20 {
        let server = stage.serve(Router::new().get("/", |_| Response::text("x")));
        let mut client = server.connect();
        client.get("/");
        client.send(ask.repeat(REQUESTS).as_bytes());
        client.wait_until_acknowledged();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for index in 0..REQUESTS {
                    let answer = client.answer("GET").unwrap_or_else(|broken| panic!("{round}, {index}: {broken:?}"));
                    if answer.says_close() {
                        break;
                    }
                }
                client.assert_end();
            });
            assert_eq!(server.drain(LIMIT).connections_cut, 0);
        });
    }
}

fn idle_connections_end_at_once(stage: &Stage) {
    let router = || Router::new().get("/", |_| Response::text("x"));
    let server = stage.serve(router());
    let mut talked = server.connect();
    let mut silent = server.connect();
    talked.get("/");
    server.until("both", |stats| stats.connections_open == 2);
    let start = Instant::now();
    let drained = server.drain(LIMIT);
    assert!(start.elapsed() < SOON, "a drain with nothing to wait for took {:?}", start.elapsed());
    assert_eq!(drained.connections_cut, 0);
    talked.assert_end();
    silent.assert_end();

    let server = stage.serve(router());
    let start = Instant::now();
    server.drain(LIMIT);
    assert!(start.elapsed() < SOON, "a drain with no connections took {:?}", start.elapsed());
}

fn the_last_answer_says_close(stage: &Stage) {
    let folder = Folder::new();
    let (pack, contents) = sizes(&folder, &[1_000_000]);
    let builder = stage.builder().socket_buffers(Some(4096), Some(16 * 1024));
    let server = stage.start(builder, Router::new().pack("/size", pack).get("/", |_| Response::text("x")));
    let mut client = Client::new(system::connect_sized(server.address(), 16 * 1024).unwrap());
    client.read_bytes = 4096;
    client.send(request("GET", "/size/1000000", "").as_bytes());
    client.begin_answer(1000);
    client.send(request("GET", "/", "").repeat(2).as_bytes());
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| server.drain(LIMIT));
        // The drain has begun when nobody listens any more.
        crate::stage::until("the drain", || TcpStream::connect(server.address()).is_err());
        client.read_bytes = 256 * 1024;
        let first = client.answer("GET").unwrap();
        assert!(first.body == contents[0] && !first.says_close(), "this head left before the drain");
        let second = client.answer("GET").unwrap();
        assert!(second.body == b"x" && !second.says_close(), "one more was read with it");
        assert!(client.answer("GET").unwrap().says_close());
        client.assert_end();
        drop(client);
        assert_eq!(drained.join().unwrap().connections_cut, 0);
    });
}

fn stuck_clients_are_cut_and_counted(stage: &Stage) {
    let folder = Folder::new();
    let (pack, _) = sizes(&folder, &[8_000_000]);
    let builder = stage.builder().socket_buffers(Some(4096), Some(4096));
    let server = stage.start(builder, Router::new().pack("/size", pack).get("/", |_| Response::text("x")));
    let mut stuck: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut stuck {
        client.send(request("GET", "/size/8000000", "").as_bytes());
        client.read_bytes = 4096;
        client.begin_answer(1000);
    }
    // In the middle of a request.
    let mut partial = server.connect();
    partial.get("/");
    partial.send(b"GET / HTTP/1.1\r\nHost: ");
    let idle = server.connect();
    server.until("all", |stats| stats.connections_open == 5);
    let start = Instant::now();
    let drained = server.drain(Duration::from_millis(200));
    let time = start.elapsed();
    assert!((Duration::from_millis(200)..SOON).contains(&time), "{time:?}");
    // The partial request may have been in the kernel only, unread, and then its connection was idle.
    assert!((3..=4).contains(&drained.connections_cut), "{drained:?}");
    assert_eq!(server.stats().closed_by_drain, drained.connections_cut);
    for mut client in stuck {
        assert_eq!(client.answer("GET").map(|answer| answer.status), Err(Broken::Middle));
    }
    drop(idle);
}

fn dropping_the_handle_stops_everything(stage: &Stage) {
    if !stage.alone() {
        return;
    }
    badgerserver::guard_mapped_files().unwrap();
    let folder = Folder::new();
    let cycle = || {
        let (pack, _) = sizes(&folder, &[100, 8_000_000]);
        let builder = stage.builder().workers(3).listen("127.0.0.1:0").socket_buffers(None, Some(4096));
        let server = stage.start(builder, Router::new().pack("/size", pack));
        assert_eq!(server.workers(), 3);
        let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.get("/size/100").body, noise(100, 100));
        }
        for client in &mut clients[10..] {
            client.send(request("GET", "/size/8000000", "").as_bytes());
            client.begin_answer(1000);
        }
        assert!(held().threads >= 4 && held().mappings == 1);
        let start = Instant::now();
        drop(server);
        assert!(start.elapsed() < SOON);
        for client in &mut clients[10..] {
            assert_eq!(client.answer("GET").map(|answer| answer.status), Err(Broken::Middle));
        }
    };
    let before = held();
    for _ in 0..5 {
        cycle();
        // The threads of tasks end by themselves once the workers have.
        // Less than before it may be: a thread of the kernel's for a ring that was only tried ends when it likes.
        crate::stage::until("no more threads, descriptors and mappings than before", || held().is_within(before));
    }
}
