//! What the admin pages tell of a server agrees with what its clients know.
//!
//! The times of answers are compared with bounds that hold however slow the machine is: a client knows a moment before which the
//! server cannot have read its request, and so on. See [`times_are_those_of_the_client`].

use crate::client::{Client, request};
use crate::stage::{Running, Stage, until};
use crate::system;
use badgerserver::admin::Admin;
use badgerserver::{Handle, Response, Router};
use serde_json::Value;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

stamp![times_are_those_of_the_client, connections_are_told_by_what_they_do, a_loop_that_is_stuck_stops_no_page];

/// More than the buffers of both sockets hold together.
const LARGE_BYTES: usize = 4 * 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// A server, and one for the pages about it.
struct Seen {
    server: Arc<Handle>,
    pages: Running,
}

impl Seen {
    fn new(stage: &Stage, router: Router) -> Seen {
        let builder = stage.builder().socket_buffers(None, Some(BUFFER_BYTES));
        let server = Arc::new(stage.start(builder, router).handle);
        let pages = stage.serve(Admin::new(Arc::clone(&server)).router());
        Seen { server, pages }
    }

    fn connect(&self) -> Client {
        let address = self.server.addresses()[0].inet().unwrap();
        Client::new(system::connect_sized(address, BUFFER_BYTES).unwrap())
    }

    fn stats(&self) -> Value {
        serde_json::from_slice(&self.pages.connect().get("/_badger/stats").body).unwrap()
    }
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Buckets with how many answers they have, as pairs of their upper end and the count.
fn buckets(stats: &Value) -> Vec<(f64, u64)> {
    let latency = &stats["latency"];
    let bounds = latency["bounds"].as_array().unwrap().iter().map(seconds).chain([f64::INFINITY]);
    bounds.zip(latency["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap())).collect()
}

/// The answer does not fit into the buffers, so its last byte is handed to the kernel after the client has begun to read on, and
/// the first one came after the request was read:
///
/// ```text
/// client   asks ...... has the first byte ....... reads on ........ has all, sees it counted
/// server        reads                                      hands over the last byte
///               |<------------------ what it tells --------------->|
///                       |<----- at least this ----->|
///          |<------------------------- at most this ----------------------------->|
/// ```
fn times_are_those_of_the_client(stage: &Stage) {
    let router = Router::new().get("/large", |_| Response::bytes("application/octet-stream", vec![b'l'; LARGE_BYTES]));
    let seen = Seen::new(stage, router);
    let (mut least, mut most) = (Vec::new(), Vec::new());
    let mut sum_before = 0.0;
    for pause in [0, 1, 3, 8, 20, 40, 80, 150, 30, 4].map(Duration::from_millis) {
        let mut client = seen.connect();
        client.read_bytes = 1;
        let asks = Instant::now();
        client.send(request("GET", "/large", "").as_bytes());
        client.receive_some();
        let has_first = Instant::now();
        // This much time is to pass, and nothing is to happen.
        until("the pause is over", || has_first.elapsed() >= pause);
        let paused = has_first.elapsed();
        client.read_bytes = 256 * 1024;
        assert_eq!(client.answer("GET").unwrap().body.len(), LARGE_BYTES);
        let count = least.len() as u64 + 1;
        let mut stats = Value::Null;
        until("it is counted", || {
            stats = seen.stats();
            stats["latency"]["count"] == count
        });
        let (at_least, at_most) = (paused.as_secs_f64(), asks.elapsed().as_secs_f64());
        let took = seconds(&stats["latency"]["sum"]) - sum_before;
        sum_before += took;
        // The sum is a difference of numbers that were rounded.
        let rounding = 1e-6;
        assert!(at_least <= took + rounding && took <= at_most + rounding, "{at_least} <= {took} <= {at_most}");
        least.push(at_least);
        most.push(at_most);
    }
    // So for every share of the answers the histogram's bucket lies between the client's own percentiles.
    let buckets = buckets(&seen.stats());
    least.sort_by(f64::total_cmp);
    most.sort_by(f64::total_cmp);
    let mut lower = 0.0;
    let mut place = 0;
    for (upper, count) in buckets {
        for _ in 0..count {
            assert!(least[place] <= upper && lower <= most[place], "{place}: {lower}..{upper}, {least:?}, {most:?}");
            place += 1;
        }
        lower = upper;
    }
    assert_eq!(place, least.len());
}

fn connections_are_told_by_what_they_do(stage: &Stage) {
    let router = Router::new()
        .get("/large", |_| Response::bytes("application/octet-stream", vec![b'l'; LARGE_BYTES]))
        .get("/small", |_| Response::text("small"));
    let seen = Seen::new(stage, router);
    let mut reading = seen.connect();
    reading.send(b"GET /small HTTP/1.1\r\nHo");
    let mut sending = seen.connect();
    sending.send(request("GET", "/large", "").as_bytes());
    let mut idle = seen.connect();
    assert_eq!(idle.get("/small").status, 200);
    until("each is seen", || {
        let found = &seen.stats()["connections"];
        [("reading", 1), ("sending", 1), ("idle", 1), ("waiting", 0), ("lingering", 0)]
            .iter()
            .all(|(state, count)| found[state] == *count)
    });
    reading.send(b"st: a\r\n\r\n");
    assert_eq!(reading.answer("GET").unwrap().status, 200);
    assert_eq!(sending.answer("GET").unwrap().body.len(), LARGE_BYTES);
    until("all have their answers", || seen.stats()["connections"]["idle"] == 3);
    let stats = seen.stats();
    assert_eq!(stats["totals"]["connections_open"], 3);
    let route =
        |label: &str| stats["routes"].as_array().unwrap().iter().find(|it| it["route"] == label).unwrap().clone();
    let large =
        serde_json::json!({ "route": "/large", "kind": "handler", "responses": { "200": 1 }, "bytes": LARGE_BYTES });
    assert_eq!(route("/large"), large);
    assert_eq!(route("/small")["responses"], serde_json::json!({ "200": 2 }));
}

fn a_loop_that_is_stuck_stops_no_page(stage: &Stage) {
    let (entered, has_entered) = channel();
    let (free, is_free) = channel::<()>();
    let (entered, is_free) = (Mutex::new(entered), Mutex::new(is_free));
    let router = Router::new().get("/small", |_| Response::text("small")).get("/stuck", move |_| {
        entered.lock().unwrap().send(()).unwrap();
        // Its end is the test's.
        let _ = is_free.lock().unwrap().recv();
        Response::text("free")
    });
    let seen = Seen::new(stage, router);
    let mut idle = seen.connect();
    assert_eq!(idle.get("/small").status, 200);
    until("it is seen", || seen.stats()["connections"]["idle"] == 1);
    let mut stuck = seen.connect();
    stuck.send(request("GET", "/stuck", "").as_bytes());
    has_entered.recv().unwrap();
    for path in ["health", "ready", "metrics"] {
        assert_eq!(seen.pages.connect().get(&format!("/_badger/{path}")).status, 200);
    }
    let stats = seen.stats();
    assert_eq!(stats["connections"]["idle"], 1, "what the loop said last");
    assert_eq!(stats["totals"]["connections_accepted"], 2);
    drop(free);
    assert_eq!(stuck.answer("GET").unwrap().status, 200);
    until("both are idle", || seen.stats()["connections"]["idle"] == 2);
}
