//! How long a connection lasts, and what is answered on it. The rules about its end are looked at on each
//! backend's own connections.

use crate::answers::{bytes_of, check, check_all};
use crate::backends::backends;
use crate::site::{client, noise, router};
use crate::ways::{Client, PATIENCE, rest, send, serve};
use badgerserver::{Limits, Response, Router};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_connection_lasts_as_its_version_and_its_fields_say() {
    check_all(&[
        ("GET /p/plain HTTP/1.1|Host: a||", "200"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection: keep-alive||", "200"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection: x-own, TE||", "200"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection:||", "200"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection: close||", "200 close"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection: CLOSE||", "200 close"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection: x,close,y||", "200 close"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection: closed||", "200"),
        ("GET /p/plain HTTP/1.1|Host: a|Connection: \"close\"||", "200"),
        ("GET /p/plain HTTP/1.0||", "200 close"),
        ("GET /p/plain HTTP/1.0|Connection: x||", "200 close"),
        ("GET /p/plain HTTP/1.0|Connection: keep-alive||", "200"),
        ("GET /p/plain HTTP/1.0|Connection: Keep-Alive||GET /none HTTP/1.0|Connection: keep-alive||", "200 404"),
        ("GET /p/plain HTTP/1.0|Connection: keep-alive, close||", "200 close"),
        ("GET /p/plain HTTP/1.2|Host: a||", "200"),
    ]);
    let answers = client().bytes(&bytes_of("GET /p/plain HTTP/1.0|Connection: keep-alive||"));
    assert_eq!(answers[0].header("Connection"), Some("keep-alive"), "a 1.0 client must be told");
}

#[test]
fn close_wins_whatever_else_stands_there() {
    for fields in [
        "Connection: close, keep-alive",
        "Connection: keep-alive, close",
        "Connection: keep-alive|Connection: close",
        "Connection: close|Connection: keep-alive",
        "Connection: close|Keep-Alive: timeout=5",
    ] {
        check(&format!("GET /p/plain HTTP/1.1|Host: a|{fields}||"), "200 close");
        check(&format!("HEAD /none HTTP/1.1|Host: a|{fields}||"), "h404 close");
        check(&format!("GET /p/plain HTTP/1.0|{fields}||"), "200 close");
    }
}

#[test]
fn nothing_behind_the_last_request_is_done() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut client = Client::new(|| {
        let counted = Arc::clone(&calls);
        Router::new().get("/", move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Response::text("x")
        })
    });
    let get = "GET / HTTP/1.1|Host: a||";
    for (text, answers, done) in [
        (format!("GET / HTTP/1.1|Host: a|Connection: close||{get}{get}"), 1, 1),
        (format!("GET / HTTP/1.0||{get}"), 1, 1),
        (format!("{get}?||{get}"), 2, 1),
        (format!("GET / HTTP/1.1||{get}"), 1, 0),
        (format!("GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked||x|{get}"), 1, 0),
    ] {
        calls.store(0, Ordering::Relaxed);
        assert_eq!(client.bytes(&bytes_of(&text)).len(), answers, "{text}");
        assert_eq!(calls.load(Ordering::Relaxed), done * client.ways(), "{text}");
    }
}

#[test]
fn answers_come_in_the_order_of_their_requests() {
    let kinds = [
        ("GET /p/plain HTTP/1.1|Host: a||", "200"),
        ("HEAD /p/plain HTTP/1.1|Host: a||", "h200"),
        ("POST /change HTTP/1.1|Host: a|Content-Length: 5||abcde", "200"),
        ("GET /none HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|abc|0||", "404"),
        ("GET /p/plain HTTP/1.1|Host: a|Range: bytes=5-6||", "206"),
        ("GET /p/plain HTTP/1.1|Host: a|If-None-Match: *||", "304"),
        ("PUT /p/plain HTTP/1.1|Host: a||", "405"),
        ("|BREW /p/plain HTTP/1.1|Host: a||", "501"),
        ("OPTIONS * HTTP/1.1|Host: a||", "204"),
        ("GET /p/.. HTTP/1.1|Host: a||", "400"),
    ];
    let order: Vec<usize> = (0..100).map(|at| at * at % 11 % kinds.len()).collect();
    let text: String = order.iter().map(|&kind| kinds[kind].0).collect();
    let expected: Vec<&str> = order.iter().map(|&kind| kinds[kind].1).collect();
    check(&text, &expected.join(" "));
    check(&format!("{text}GET /p/plain HTTP/2.0||"), &format!("{} 505 close", expected.join(" ")));
}

#[test]
fn an_offer_to_upgrade_is_ignored() {
    for fields in [
        "Connection: Upgrade|Upgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        "Connection: upgrade|Upgrade: websocket|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Sec-WebSocket-Version: 13",
        "Upgrade: TLS/1.2",
    ] {
        check(&format!("GET /p/plain HTTP/1.1|Host: a|{fields}||"), "200");
        check(&format!("GET /p/plain HTTP/1.0|{fields}||"), "200 close");
        check(&format!("POST /change HTTP/1.1|Host: a|Content-Length: 3|{fields}||abc"), "200");
    }
}

#[test]
fn the_server_closes_behind_its_last_answer() {
    for backend in backends() {
        let server = serve(backend, Limits::default(), router());
        for (text, status) in [
            ("GET /p/plain HTTP/1.1|Host: a|Connection: close||", "200"),
            ("GET /p/plain HTTP/1.0||", "200"),
            ("GET /p/plain HTTP/1.1||", "400"),
            ("?||", "400"),
            ("GET / HTTP/2.0||", "505"),
            ("GET /panic HTTP/1.1|Host: a||", "500"),
            ("POST /change HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 6||abcdef", "400"),
        ] {
            let answer = rest(&mut send(&server, text));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text}: {answer}");
            assert!(
                answer.contains("\r\nConnection: close\r\n") && answer.matches("\r\nDate: ").count() == 1,
                "{text}"
            );
        }
    }
}

#[test]
fn the_last_answer_arrives_though_the_client_still_sends() {
    for backend in backends() {
        let server = serve(backend, Limits::default(), router());
        let mut stream = send(&server, "GET /p/plain HTTP/1.1|Host: a|Content-Length: 5000000||");
        // What is on its way when the answer leaves would make a reset of an end that does not wait.
        for _ in 0..50 {
            stream.write_all(&[b'x'; 100_000]).unwrap();
        }
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("longer than this server reads\n"), "{answer}");
        drop(stream);

        let mut stream = send(&server, "GET /p/plain HTTP/1.1|Host: a|Connection: close||");
        stream.write_all(&bytes_of("|GET /p/plain HTTP/1.1|Host: a||")).unwrap();
        let mut whole = Vec::new();
        stream.read_to_end(&mut whole).unwrap();
        assert!(whole.ends_with(&noise(1000)));
    }
}

#[test]
fn a_request_that_breaks_off_is_none() {
    for backend in backends() {
        let server = serve(backend, Limits::default(), router());
        for text in [
            "",
            "GET /p/plain HTTP/1.1|Host: a|",
            "POST /change HTTP/1.1|Host: a|Content-Length: 5||abcd",
            "POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|abcde|",
            "POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|abcde|0|",
        ] {
            let mut stream = send(&server, text);
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(rest(&mut stream), "", "{text}");
        }
        // One that is whole is answered, though no more can follow it.
        let mut stream = send(&server, "GET /after HTTP/1.1|Host: a||GET /after HT");
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.matches("\r\nDate: ").count() == 1 && answer.ends_with("after"), "{answer}");
        assert_eq!(server.stats().responses, 1);
    }
}

/// The 100 comes before the body, and the final answer behind it.
pub(crate) fn final_answer_follows_100() {
    for backend in backends() {
        let server = serve(backend, Limits::default(), router());
        let head = "POST /change HTTP/1.1|Host: a|Connection: close|Expect: 100-continue|Content-Length: 5||";
        let mut stream = send(&server, head);
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"abcde").unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("changed"), "{answer}");
    }
}

/// Each byte comes in time, and the whole does not.
pub(crate) fn a_trickled_head_ends() {
    for backend in backends() {
        let mut limits = Limits::default();
        limits.head_time_max = Duration::from_millis(200);
        let server = serve(backend, limits, router());
        let mut stream = send(&server, "GET /p/plain HTTP/1.1|Host: a|X-A: ");
        // A byte for each time that nothing comes: too slow for the head's limit of bytes.
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let start = Instant::now();
        let mut answer = Vec::new();
        while !answer.ends_with(b"in time\n") {
            assert!(start.elapsed() < PATIENCE, "never cut off");
            // Once it has been cut off the bytes may be refused.
            let _ = stream.write(b"x");
            let mut buffer = [0; 1024];
            if let Ok(bytes) = stream.read(&mut buffer) {
                answer.extend_from_slice(&buffer[..bytes]);
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", answer.escape_ascii());
        assert_eq!(server.stats().requests_timed_out, 1);
    }
}

#[test]
fn a_request_that_does_not_come_in_time_ends() {
    a_trickled_head_ends();
    for backend in backends() {
        let mut limits = Limits::default();
        limits.body_time_max = Duration::from_millis(200);
        let server = serve(backend, limits, router());
        let answer = rest(&mut send(&server, "POST /change HTTP/1.1|Host: a|Content-Length: 5||abc"));
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!(server.stats().requests_body_timed_out, 1);
    }
}
