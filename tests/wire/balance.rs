//! Who serves how many: connections that stay are spread over the workers, however they come.

use crate::client::Client;
use crate::stage::{Folder, Running, Stage};
use crate::system;
use badgerserver::{Response, Router};
use std::io::Write;
use std::net::TcpStream;

stamp![a_burst, one_by_one, after_half_of_a_worker_has_left, unix_sockets];

const CONNECTIONS: usize = 1000;
/// The fullest worker has at most this many tenths of what the emptiest has.
const TENTHS_MAX: u64 = 13;

/// A server that answers with the name of the worker's thread.
fn serve(stage: &Stage, workers: usize) -> Running {
    system::raise_descriptors();
    stage.start(stage.builder().workers(workers), router())
}

fn router() -> Router {
    Router::new().get("/", |_| Response::text(std::thread::current().name().unwrap_or_default().to_owned()))
}

fn assert_balanced(server: &Running, how: &str) {
    let open: Vec<u64> = server.worker_stats().iter().map(|stats| stats.connections_open).collect();
    let (least, most) = (open.iter().min().unwrap(), open.iter().max().unwrap());
    assert!(most * 10 <= least * TENTHS_MAX, "{how}: {open:?}");
    println!("{how}: {open:?}, {} handed over", server.stats().connections_handed_over);
}

/// Waits until so many are open and nobody is on the way to a worker.
fn until_open(server: &Running, count: usize) {
    server.until("all of them", |stats| stats.connections_open == count as u64);
}

fn a_burst(stage: &Stage) {
    for workers in [2, 4] {
        let server = serve(stage, workers);
        // All of them wait before any is accepted: connecting needs nobody's answer.
        let mut clients: Vec<TcpStream> =
            (0..CONNECTIONS).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
        until_open(&server, CONNECTIONS);
        assert_balanced(&server, "a burst");
        // Whoever has it now, each is answered.
        clients.iter_mut().for_each(|client| client.write_all(b"GET / HTTP/1.1\r\nHost: wire.test\r\n\r\n").unwrap());
        for client in clients {
            assert!(Client::new(client).answer("GET").unwrap().body.starts_with(b"badger-"));
        }
    }
}

fn one_by_one(stage: &Stage) {
    for workers in [2, 4] {
        let server = serve(stage, workers);
        let mut clients: Vec<Client> = (0..CONNECTIONS)
            .map(|_| {
                let mut client = server.connect();
                client.get("/");
                client
            })
            .collect();
        until_open(&server, CONNECTIONS);
        assert_balanced(&server, "one by one");
        clients.iter_mut().for_each(|client| drop(client.get("/")));
    }
}

fn after_half_of_a_worker_has_left(stage: &Stage) {
    for workers in [2, 4] {
        let server = serve(stage, workers);
        let mut of_first = Vec::new();
        let mut others = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = server.connect();
            let is_of_first = client.get("/").body == b"badger-0";
            if is_of_first { &mut of_first } else { &mut others }.push(client);
        }
        let leave = of_first.len() / 2;
        of_first.truncate(of_first.len() - leave);
        until_open(&server, CONNECTIONS - leave);
        let more: Vec<Client> = (0..leave).map(|_| server.connect()).collect();
        until_open(&server, CONNECTIONS);
        assert_balanced(&server, "after half of a worker's left");
        drop(more);
    }
}

fn unix_sockets(stage: &Stage) {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let server = stage.start(stage.bare_builder().listen(format!("unix:{}", path.display())).workers(2), router());
    let mut clients: Vec<Client> = (0..200).map(|_| Client::connect_unix(&path)).collect();
    until_open(&server, clients.len());
    assert_balanced(&server, "unix sockets");
    clients.iter_mut().for_each(|client| assert!(client.get("/").body.starts_with(b"badger-")));
}
