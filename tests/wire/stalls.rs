//! No answer waits for a delayed acknowledgement.
//!
//! A server that sends the end of an answer apart from its beginning, with Nagle's algorithm on, waits until the client
//! acknowledges the beginning; and a client in an exchange of short messages delays that by 40 ms. It depends on how head
//! and body fall into packets, so every size is asked for, over a kept connection. Each is asked for five times and the
//! **shortest** time counts: noise makes an answer late now and then, this stall makes it late each time. (On a machine with
//! much else to do, a size that was late five times gets more tries.)

use crate::client::{Client, request};
use crate::content::{noise, sizes};
use crate::stage::{Folder, Stage, is_sanitized, skip};
use crate::system;
use badgerserver::{Response, Router};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

stamp![no_size_stalls, a_server_that_stalls_is_noticed];

const TRIES: usize = 5;
const TRIES_MAX: usize = 40;
const STALL: Duration = Duration::from_millis(20);
/// Longest segment of the loopback interface: 65,536 less the headers of IP and TCP with timestamps.
const SEGMENT_BYTES: usize = 65_483;

fn all_sizes(head_bytes: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = (1..=64).collect();
    let centres = (6..=20).map(|power| 1 << power).chain([
        24 * 1024,
        48 * 1024,
        1448,
        1460,
        SEGMENT_BYTES,
        SEGMENT_BYTES - head_bytes,
        2 * SEGMENT_BYTES,
        2 * SEGMENT_BYTES - head_bytes,
        SEGMENT_BYTES / 2,
    ]);
    for centre in centres {
        sizes.extend(centre - 2..=centre + 2);
    }
    sizes.retain(|&size| size <= 1 << 20);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// A client that delays its acknowledgements as one does that has talked for a while.
fn lazy(address: SocketAddr) -> Client {
    let client = Client::connect(address).tcp();
    system::set_option(&client, libc::IPPROTO_TCP, libc::TCP_QUICKACK, &[0]).unwrap();
    Client::new(client)
}

fn shortest(mut ask: impl FnMut()) -> Duration {
    let mut shortest = Duration::MAX;
    for number in 0..TRIES_MAX {
        let is_enough = if is_sanitized() { number >= 1 } else { number >= TRIES && shortest < STALL };
        if is_enough {
            break;
        }
        let start = Instant::now();
        ask();
        shortest = shortest.min(start.elapsed());
    }
    shortest
}

fn no_size_stalls(stage: &Stage) {
    let _quiet = stage.quiet();
    let folder = Folder::new();
    let (pack, _) = sizes(&folder, &[1]);
    let head_bytes = stage.serve(Router::new().pack("/size", pack)).connect().get("/size/1").head.len();
    let all = all_sizes(head_bytes);
    let (pack, contents) = sizes(&folder, &all);
    let router = Router::new().pack("/size", pack).get("/made/{bytes}", |request| {
        let bytes = request.param("bytes").parse().unwrap_or(0);
        Response::bytes("application/octet-stream", vec![b'm'; bytes])
    });
    let server = stage.serve(router);
    let mut slow = Vec::new();
    let mut client = lazy(server.address());
    for content in &contents {
        let path = format!("/size/{}", content.len());
        let stored = shortest(|| assert!(client.get(&path).body == *content));
        let part = shortest(|| assert_eq!(client.ask("GET", &path, "Range: bytes=-1\r\n").status, 206));
        let made = shortest(|| assert_eq!(client.get(&format!("/made/{}", content.len())).body.len(), content.len()));
        let two = request("GET", &path, "").repeat(2);
        let pair = shortest(|| {
            client.send(two.as_bytes());
            assert!([(), ()].iter().all(|()| client.answer("GET").unwrap().body == *content));
        });
        for (kind, time) in [("stored", stored), ("range", part), ("made", made), ("pipelined", pair)] {
            if time >= STALL {
                slow.push((kind, content.len(), time));
            }
        }
    }
    assert!(contents.len() > 150 && contents[0] == noise(1, 1));
    if is_sanitized() {
        return println!("not looked at, since times are a sanitizer's: how soon each size was answered");
    }
    assert!(slow.is_empty(), "late each of {TRIES_MAX} times: {slow:?}");
}

/// The canary: head and body by two calls, and Nagle's algorithm left on.
fn a_server_that_stalls_is_noticed(stage: &Stage) {
    let _quiet = stage.quiet();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 1024];
        while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {
            let date = "Sun, 06 Nov 1994 08:49:37 GMT";
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\nDate: {date}\r\n").as_bytes());
            let _ = stream.write_all(b"Content-Length: 1\r\n\r\n");
            let _ = stream.write_all(b"x");
        }
    });
    let mut client = lazy(address);
    for _ in 0..20 {
        client.get("/");
    }
    let time = shortest(|| assert_eq!(client.get("/").body, b"x"));
    drop::<TcpStream>(client.tcp());
    server.join().unwrap();
    if time < STALL {
        skip(&format!("this system does not delay acknowledgements ({time:?}), so stalls cannot be seen"));
    }
}
