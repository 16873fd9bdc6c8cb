//! Handlers that fail.

use crate::stage::Stage;
use badgerserver::{Event, Response, Router};

stamp![a_panic_is_500_and_ends_one_connection, a_broken_answer_is_500];

fn a_panic_is_500_and_ends_one_connection(stage: &Stage) {
    let router = Router::new()
        .get("/", |_| Response::text("x"))
        // As a panic, without the message that its hook would write.
        .get("/panic", |_| std::panic::resume_unwind(Box::new("on purpose")));
    let server = stage.serve(router);
    let mut other = server.connect();
    for round in 0..20 {
        let mut client = server.connect();
        assert_eq!(client.get("/").status, 200);
        client.send(crate::client::request("GET", "/panic", "").repeat(2).as_bytes());
        let answer = client.answer("GET").unwrap();
        assert_eq!((answer.status, answer.says_close()), (500, true), "round {round}");
        client.assert_end();
        assert_eq!(other.get("/").body, b"x");
        assert_eq!(other.ask("HEAD", "/", "").status, 200);
    }
    drop(other);
    let stats = server.until("the ends", |stats| stats.connections_open == 0);
    assert_eq!((stats.responses_5xx, stats.responses_2xx), (20, 60));
    let panicked = Event::HandlerPanicked { path: "/panic".to_owned() };
    assert!(server.events().contains(&panicked), "{:?}", server.events());
}

fn a_broken_answer_is_500(stage: &Stage) {
    let router = Router::new()
        .get("/split", |_| Response::text("x").header("X-A", "b\r\nSet-Cookie: c"))
        .get("/length", |_| Response::text("x").header("Content-Length", "7"))
        .get("/name", |_| Response::text("x").header("X A", "b"))
        .get("/tag", |_| Response::text("x").etag("a\"b"))
        .get("/status", |_| Response::new(1000))
        .get("/fine", |_| Response::text("x").header("X-A", " \u{2603}\t"));
    let server = stage.serve(router);
    let mut client = server.connect();
    for path in ["/split", "/length", "/name", "/tag", "/status"] {
        for method in ["GET", "HEAD"] {
            let answer = client.ask(method, path, "");
            assert_eq!((answer.status, answer.says_close()), (500, false), "{method} {path}");
            assert!(!answer.head.contains("Set-Cookie") && !answer.head.contains("X-A"));
        }
    }
    assert_eq!(client.get("/fine").field("X-A"), Some("\u{2603}"));
    client.assert_nothing_more();
}
