//! What an answer of each status has, and has not.

use crate::answers::{ask, check, check_all, fields};
use crate::site::{NOW, client, pack};
use crate::ways::Client;
use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::{Response, Router};
use std::io::Cursor;

#[test]
fn every_answer_has_one_date() {
    // The reader of answers asks for one in each; here that it is the time of the answer.
    for (method, target) in
        [("GET", "/p/plain"), ("GET", "/none"), ("PUT", "/p/plain"), ("GET", "/p/moved"), ("OPTIONS", "*")]
    {
        assert_eq!(fields(&ask(&mut client(), method, target, &[]), "Date"), ["Tue, 01 Nov 2016 00:00:00 GMT"]);
        let mut later = client().at(NOW + 86_399);
        assert_eq!(fields(&ask(&mut later, method, target, &[]), "Date"), ["Tue, 01 Nov 2016 23:59:59 GMT"]);
    }
    // A 416 of a handler has no length to tell, and the reader wants one.
    for status in (200..=599).filter(|status| *status != 416) {
        ask(&mut client(), "GET", &format!("/status/{status}"), &[]);
    }
    check("GET / HTTP/2.0||", "505 close");
    check("?||", "400 close");
}

#[test]
fn the_status_line_has_its_space() {
    for status in (200..=599).filter(|status| !matches!(status, 206 | 401 | 405 | 407 | 416 | 426)) {
        let answer = ask(&mut client(), "GET", &format!("/status/{status}"), &[]);
        assert!(answer.head().starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{status}");
    }
}

#[test]
fn a_204_has_neither_body_nor_length() {
    for target in ["/nothing", "/status/204"] {
        let answer = ask(&mut client(), "GET", target, &[]);
        assert_eq!((answer.status(), answer.header("Content-Length"), answer.body()), (204, None, &b""[..]));
    }
}

#[test]
fn a_205_has_no_content() {
    let answer = ask(&mut client(), "GET", "/reset", &[]);
    assert_eq!((answer.status(), answer.header("Content-Length"), answer.body()), (205, Some("0"), &b""[..]));
}

#[test]
fn a_304_says_what_the_200_would_and_has_no_content() {
    for (target, accept) in [("/p/plain", ""), ("/p/page", ""), ("/p/page", "br"), ("/p/page", "gzip"), ("/made", "")] {
        let whole = ask(&mut client(), "GET", target, &[("Accept-Encoding", accept)]);
        let tag = whole.header("ETag").unwrap();
        for method in ["GET", "HEAD"] {
            let answer = ask(&mut client(), method, target, &[("Accept-Encoding", accept), ("If-None-Match", tag)]);
            assert_eq!((answer.status(), answer.body()), (304, &b""[..]), "{target} {accept}");
            for name in
                ["Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Vary", "Last-Modified", "X-Mount"]
            {
                assert_eq!(fields(&answer, name), fields(&whole, name), "{target} {accept} {name}");
            }
            for name in ["Content-Type", "Content-Length", "Content-Encoding", "Content-Range"] {
                assert_eq!(answer.header(name), None, "{name}");
            }
        }
    }
    // A handler's own fields too, but those that describe a body.
    let router = || {
        Router::new().get("/", |_| {
            let response = Response::text("x").etag("a").header("Vary", "Cookie").header("Expires", "0");
            response.header("Content-Location", "/x").header("Content-Language", "de")
        })
    };
    let answer = ask(&mut Client::new(router), "GET", "/", &[("If-None-Match", "\"a\"")]);
    let seen = ["Vary", "Expires", "Content-Location", "ETag", "Content-Language"].map(|name| answer.header(name));
    assert_eq!((answer.status(), seen), (304, [Some("Cookie"), Some("0"), Some("/x"), Some("\"a\""), None]));
}

#[test]
fn a_status_without_its_field_is_never_sent() {
    for status in [206, 401, 405, 407, 426] {
        assert_eq!(ask(&mut client(), "GET", &format!("/status/{status}"), &[]).status(), 500, "{status}");
    }
    for (status, name, value) in [
        (401, "WWW-Authenticate", "Basic realm=\"a\""),
        (405, "Allow", "PUT"),
        (407, "Proxy-Authenticate", "Basic"),
        (206, "Content-Range", "bytes 0-0/9"),
    ] {
        let router = || Router::new().get("/", move |_| Response::text("x").status(status).header(name, value));
        let answer = ask(&mut Client::new(router), "GET", "/", &[]);
        assert_eq!((answer.status(), answer.header(name)), (status, Some(value)));
    }
    // Nor does a pack have one.
    let bodies = [(Encoding::Identity, &b"x"[..])];
    for (status, headers) in
        [(401, [("WWW-Authenticate", "Basic")]), (405, [("Allow", "GET")]), (407, [("Proxy-Authenticate", "Basic")])]
    {
        let entry = Entry { key: "/a", status, bodies: &bodies, ..Entry::default() };
        let mut out = Cursor::new(Vec::new());
        let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
        assert!(writer.add(entry).is_err(), "{status}");
        let router = || Router::new().pack("/", pack(&[Entry { headers: &headers, ..entry }]));
        assert_eq!(ask(&mut Client::new(router), "GET", "/a", &[]).status(), status);
    }
}

#[test]
fn an_answer_that_refuses_says_why() {
    check_all(&[("GET /none HTTP/1.1|Host: a||", "404"), ("GET /p/gone HTTP/1.1|Host: a||", "410")]);
    for (method, target, fields) in [
        ("GET", "/none", ("X-A", "b")),
        ("PUT", "/p/plain", ("X-A", "b")),
        ("GET", "/p/plain", ("If-Match", "\"x\"")),
        ("GET", "/p/plain", ("Range", "bytes=5000-")),
        ("GET", "/p/..", ("X-A", "b")),
    ] {
        let answer = ask(&mut client(), method, target, &[fields]);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(text.starts_with(&answer.status().to_string()) && text.ends_with('\n'), "{text:?}");
        assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
    }
}

#[test]
fn no_interim_answer_comes_from_a_handler() {
    for status in [0, 99, 100, 101, 103, 199, 600, 999] {
        assert_eq!(ask(&mut client(), "GET", &format!("/status/{status}"), &[]).status(), 500, "{status}");
    }
}
