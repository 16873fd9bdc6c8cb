//! Clients that leave, break off, or speak something else.

use crate::client::{Client, request};
use crate::content::sizes;
use crate::stage::{Folder, Stage, held, until};
use crate::system;
use badgerserver::{Response, Router};
use std::io::{Read, Write};
use std::net::TcpStream;

stamp![
    a_reset_in_mid_answer_harms_nobody_else,
    a_client_may_close_its_side_after_asking,
    another_protocol_gets_400,
    ten_thousand_come_and_go,
];

fn a_reset_in_mid_answer_harms_nobody_else(stage: &Stage) {
    let folder = Folder::new();
    let (pack, contents) = sizes(&folder, &[100, 100_000, 3_000_000]);
    let builder = stage.builder().socket_buffers(Some(4096), Some(16 * 1024));
    let server = stage.start(builder, Router::new().pack("/size", pack));
    let mut other = server.connect();
    for round in 0..50 {
        let mut client = server.connect();
        // In one batch, so that the reset comes in a copied answer at times, in a file at others.
        for size in [100, 100_000, 3_000_000] {
            client.send(request("GET", &format!("/size/{size}"), "").as_bytes());
        }
        client.read_bytes = 1000;
        client.begin_answer(1 + round * 3000);
        system::reset(client.tcp());
        assert!(other.get("/size/100000").body == contents[1]);
    }
    let stats = server.until("the ends", |stats| stats.connections_open == 1);
    assert!(stats.closed_broken == 50 && stats.files_truncated == 0, "{stats:?}");
}

fn a_client_may_close_its_side_after_asking(stage: &Stage) {
    let folder = Folder::new();
    let (pack, contents) = sizes(&folder, &[100, 3_000_000]);
    let builder = stage.builder().socket_buffers(Some(4096), Some(16 * 1024));
    let server = stage.start(builder, Router::new().pack("/size", pack));
    for content in &contents {
        let mut client = server.connect();
        client.send(request("GET", &format!("/size/{}", content.len()), "").repeat(3).as_bytes());
        client.shutdown_sending();
        for _ in 0..3 {
            assert!(client.answer("GET").unwrap().body == *content);
        }
        client.assert_end();
    }
    // Half a request is none.
    let mut client = server.connect();
    client.send(b"GET / HTTP/1.1\r\nHo");
    client.shutdown_sending();
    client.assert_end();
    let stats = server.until("the ends", |stats| stats.connections_open == 0);
    assert_eq!((stats.closed_by_peer, stats.responses), (3, 6));
}

fn another_protocol_gets_400(stage: &Stage) {
    let server = stage.serve(Router::new().get("/", |_| Response::text("x")));
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 0123456789abcdef0123456789abcdef";
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for (bytes, status) in [(&hello[..], 400), (&http2[..], 505), (b"\0\0\0\0\r\n\r\n", 400)] {
        let mut client = server.connect();
        client.send(bytes);
        let answer = client.answer("GET").unwrap();
        assert_eq!((answer.status, answer.says_close()), (status, true));
        client.assert_end();
    }
    server.until("the ends", |stats| stats.connections_open == 0);
}

fn ten_thousand_come_and_go(stage: &Stage) {
    if !stage.alone() {
        return;
    }
    const CONNECTIONS: u64 = 10_000;
    let server = stage.serve(Router::new().get("/", |_| Response::text("x")));
    let ask = request("GET", "/", "");
    let come_and_go = |number: u64| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        match number % 8 {
            0 => {}
            1 => stream.write_all(&ask.as_bytes()[..10]).unwrap(),
            2 => stream.write_all(ask.as_bytes()).unwrap(),
            3 => {
                stream.write_all(ask.as_bytes()).unwrap();
                assert!(stream.read(&mut [0; 512]).unwrap() > 0);
            }
            4 => {
                stream.write_all(b"?\r\n\r\n").unwrap();
                assert!(stream.read(&mut [0; 512]).unwrap() > 0);
            }
            _ => system::reset(stream),
        }
    };
    let accepted = |count| {
        server.until("them to go", move |stats| {
            // One that was reset before it was accepted never was there.
            stats.connections_open == 0 && stats.connections_accepted + stats.accept_failures >= count
        })
    };
    (0..800).for_each(come_and_go);
    Client::connect(server.address()).get("/");
    accepted(0);
    let before = held();
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (half * CONNECTIONS / 2..(half + 1) * CONNECTIONS / 2).for_each(come_and_go));
        }
    });
    Client::connect(server.address()).get("/");
    let stats = accepted(CONNECTIONS / 2);
    // A descriptor is closed when the kernel has ended what was under way on it.
    until("no more descriptors and threads than before", || held().is_within(before));
    assert_eq!(stats.accept_failures, 0);
    println!("{} of {} were seen", stats.connections_accepted, CONNECTIONS + 802);
}
