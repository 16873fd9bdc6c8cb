//! Requests with bytes changed, taken out and put in, and after all of them a normal one.
//!
//! Whatever is sent, what comes back is whole answers that a strict reader takes. `BADGER_MUTATIONS=1000000 cargo test
//! --release --test wire mutations` sends as many.

use crate::client::{Broken, Client, request};
use crate::content::sizes;
use crate::stage::{Folder, MEASURED, Stage};
use badgerserver::{Response, Router};
use std::collections::BTreeMap;

stamp![mutated_requests_and_then_a_normal_one];

const COUNT: u64 = 20_000;
/// Connections that are open together, so that neither side waits for the other at each of them.
const AT_ONCE: u64 = 64;

/// What is changed: no HEAD among them, whose answers could not be told from others.
const REQUESTS: [&str; 8] = [
    "GET /size/100 HTTP/1.1\r\nHost: wire.test\r\n\r\n",
    "GET /size/30000 HTTP/1.1\r\nHost: wire.test\r\nRange: bytes=0-99,200-299, -5\r\n\r\n",
    "GET /size/100 HTTP/1.1\r\nHost: wire.test\r\nIf-None-Match: W/\"a\", *\r\nAccept-Encoding: br;q=0.5, *\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: wire.test\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: wire.test\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n",
    "GET http://wire.test:80/size/100?a=b HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: keep-alive, close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: wire.test\r\nExpect: 100-continue\r\n\r\n",
    "GET /size/100 HTTP/1.0\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-Range: \"x\"\r\n\r\n",
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }
}

/// One to three requests with one to four changes.
fn mutated(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..1 + random.below(3)).flat_map(|_| REQUESTS[random.below(REQUESTS.len())].bytes()).collect();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.insert(at, b"\r\n \t\0:,;/%\"019GA\xff"[random.below(17)]),
            3 if bytes.len() > 1 => drop(bytes.remove(at)),
            4 => bytes.truncate(at.max(1)),
            _ => {
                let end = (at + random.below(60)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

fn mutated_requests_and_then_a_normal_one(stage: &Stage) {
    let count = std::env::var("BADGER_MUTATIONS").map_or(COUNT, |count| count.parse().unwrap());
    let folder = Folder::new();
    let (pack, contents) = sizes(&folder, &[100, 30_000]);
    let path = folder.path().join("socket");
    let router = Router::new()
        .pack("/size", pack)
        .route(badgerserver::Method::Post, "/echo", |_| Response::text("heard"))
        .get("/echo", |_| Response::text("heard"));
    // Over a path, so that a million connections leave no million ports behind; some over TCP.
    let server = stage.start(stage.builder().listen(format!("unix:{}", path.display())), router);
    let mut random = Random(0x5eed);
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    let mut done = 0;
    while done < count {
        let batch: Vec<(Vec<u8>, Client)> = (done..count.min(done + AT_ONCE))
            .map(|number| {
                let bytes = mutated(&mut random);
                let mut client = if number % 16 == 0 { server.connect() } else { Client::connect_unix(&path) };
                client.read_bytes = 4096;
                // It may have been refused before all of it was sent.
                let _ = client.try_send(&bytes);
                client.finish_sending();
                (bytes, client)
            })
            .collect();
        done += batch.len() as u64;
        for (bytes, mut client) in batch {
            loop {
                match client.answer("ANY") {
                    Ok(answer) => *statuses.entry(answer.status).or_default() += 1,
                    Err(Broken::Between) => break,
                    Err(broken) => panic!("{broken:?}: {}", bytes.escape_ascii()),
                }
            }
        }
    }
    let answers: u64 = statuses.iter().filter(|status| *status.0 != 100).map(|status| status.1).sum();
    println!("{MEASURED}{count} mutated streams: {statuses:?}");
    assert!(statuses[&200] > 0 && statuses[&400] > count / 20 && statuses[&206] > 0, "{statuses:?}");
    let mut client = server.connect();
    client.send(request("GET", "/size/30000", "").as_bytes());
    assert!(client.answer("GET").unwrap().body == contents[1]);
    drop(client);
    let stats = server.until("the ends", |stats| stats.connections_open == 0);
    assert_eq!(stats.responses, answers + 1, "{stats:?}");
    assert_eq!((stats.content_failures, stats.files_truncated), (0, 0));
}
