//! The request line, the lines behind it, and where the head ends.

use crate::answers::{ask, bytes_of, check, check_all, check_bytes};
use crate::site::{client, noise};
use crate::ways::Client;
use badgerserver::{Limits, Response, Router};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const GOOD: &str = "GET /p/plain HTTP/1.1|Host: a||";

#[test]
fn the_request_line_has_two_single_spaces() {
    for line in [
        "GET  /p/plain HTTP/1.1",
        "GET /p/plain  HTTP/1.1",
        "GET\t/p/plain HTTP/1.1",
        "GET /p/plain\tHTTP/1.1",
        "GET\u{b}/p/plain HTTP/1.1",
        "GET\u{c}/p/plain HTTP/1.1",
        " GET /p/plain HTTP/1.1",
        "\tGET /p/plain HTTP/1.1",
        "GET /p/plain HTTP/1.1 ",
        "GET /p/plain HTTP/1.1\t",
        "GET /p/plain HTTP/1.1 x",
        "GET /p/plain x HTTP/1.1",
        "GET /p/pl ain HTTP/1.1",
        "GET /p/plain",
        "GET /p/plain ",
        "GET",
        "GET ",
        "/p/plain HTTP/1.1",
        "GET HTTP/1.1",
        "GET  HTTP/1.1",
    ] {
        check(&format!("{line}|Host: a||"), "400 close");
    }
}

#[test]
fn the_method_is_a_token() {
    for method in ["G@T", "G(T", "G,T", "G/T", "G:T", "\"GET\"", "G\u{7f}T", "GÉT", "{GET}", "G\0T", "G[T"] {
        check(&format!("{method} /p/plain HTTP/1.1|Host: a||"), "400 close");
    }
    check_bytes(b"!#$%&'*+-.^_`|~09AZaz /p/plain HTTP/1.1\r\nHost: a\r\n\r\n", "501");
}

#[test]
fn versions() {
    let cases = [
        ("HTTP/1.1", "200"),
        ("HTTP/1.0", "200 close"),
        ("HTTP/1.2", "200"),
        ("HTTP/1.9", "200"),
        ("HTTP/2.0", "505 close"),
        ("HTTP/3.0", "505 close"),
        ("HTTP/0.9", "505 close"),
        ("HTTP/9.9", "505 close"),
        ("http/1.1", "400 close"),
        ("Http/1.1", "400 close"),
        ("HTTP/1", "400 close"),
        ("HTTP/2", "400 close"),
        ("HTTP/1.", "400 close"),
        ("HTTP/.1", "400 close"),
        ("HTTP/01.1", "400 close"),
        ("HTTP/1.01", "400 close"),
        ("HTTP/1.10", "400 close"),
        ("HTTP/11.1", "400 close"),
        ("HTTP/1,1", "400 close"),
        ("HTTP/1 .1", "400 close"),
        ("HTTP /1.1", "400 close"),
        ("HTTP\\1.1", "400 close"),
        ("HTTPS/1.1", "400 close"),
        ("HTTX/1.1", "400 close"),
        ("HTTP/-1.1", "400 close"),
        ("HTTP/1.x", "400 close"),
        ("HTTP/A.1", "400 close"),
        ("ICE/1.0", "400 close"),
    ];
    for (version, expected) in cases {
        check(&format!("GET /p/plain {version}|Host: a||"), expected);
    }
    check("PRI * HTTP/2.0||SM||", "505 close");
}

#[test]
fn every_answer_says_http_1_1() {
    // The reader of answers takes no other version.
    check("GET /p/plain HTTP/1.0|Connection: keep-alive||GET /p/plain HTTP/1.2|Host: a||", "200 200");
    check("GET /p/plain HTTP/1.0||", "200 close");
    check("GET / HTTP/2.0||", "505 close");
}

#[test]
fn empty_lines_before_a_request_are_skipped_but_not_for_ever() {
    check(&format!("|{GOOD}"), "200");
    check(&format!("||{GOOD}|{GOOD}"), "200 200");
    check(&format!("|||{GOOD}"), "400 close");
    check(&format!("\r{GOOD}"), "400 close");
    check(&format!(" |{GOOD}"), "400 close");
}

#[test]
fn a_line_may_end_with_lf_alone_and_never_with_cr_alone() {
    check("GET /p/plain HTTP/1.1\nHost: a\n\n", "200");
    check("GET /p/plain HTTP/1.1|Host: a\nX-A: b||", "200");
    for text in [
        "GET /p/plain HTTP/1.1\rHost: a\r\r",
        "GET /p/plain HTTP/1.1\rHost: a||",
        "GET /p/plain HTTP/1.1|Host: a\rX-A: b||",
        "GET /p/plain HTTP/1.1|Host: a|X-A: b\rc||",
        "GET /p/plain HTTP/1.1|Host: a|X-A: b\r||",
        "GET /p/plain HTTP/1.1|Host: a|X\r-A: b||",
        "GET /p/pl\rain HTTP/1.1|Host: a||",
        "GE\rT /p/plain HTTP/1.1|Host: a||",
        "GET /p/plain HTTP/1.1\r|Host: a||",
    ] {
        check(text, "400 close");
    }
}

#[test]
fn whitespace_behind_the_request_line_is_refused() {
    for line in [" Host: a", "\tHost: a", "  ", " ", "\t", " X-A: b|Host: a"] {
        check(&format!("GET /p/plain HTTP/1.1|{line}||"), "400 close");
        check(&format!("GET /p/plain HTTP/1.1|{line}|Host: a||"), "400 close");
    }
}

#[test]
fn a_folded_line_is_refused() {
    for fold in ["| b", "|\tb", "|   b", "| ", "|\t"] {
        check(&format!("GET /p/plain HTTP/1.1|Host: a|X-A: a{fold}||"), "400 close");
        check(&format!("GET /p/plain HTTP/1.1|X-A: a{fold}|Host: a||"), "400 close");
    }
    check("POST /change HTTP/1.1|Host: a|Transfer-Encoding:| chunked||0||", "400 close");
    check("GET /p/plain HTTP/1.1|Host:| a||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a|X-A: a\n b||", "400 close");
}

#[test]
fn no_whitespace_stands_before_a_colon() {
    for line in ["X-A : b", "X-A\t: b", "X-A  :b", " : b", "Content-Length : 5", "Transfer-Encoding : chunked"] {
        check(&format!("GET /p/plain HTTP/1.1|Host: a|{line}||"), "400 close");
    }
    check("GET /p/plain HTTP/1.1|Host : a||", "400 close");
}

#[test]
fn a_field_name_is_a_token() {
    for name in ["", "X A", "X(A", "X@A", "X/A", "\"X\"", "X\0A", "X\u{7f}", "Xé", "X[A]", "X{A}", "X,A", "X;A", "X=A"]
    {
        check(&format!("GET /p/plain HTTP/1.1|Host: a|{name}: b||"), "400 close");
    }
    check("GET /p/plain HTTP/1.1|Host: a|no colon here||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a|X||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a|!#$%&'*+-.^_`~09AZaz: b||", "200");
}

#[test]
fn controls_in_a_field_value_are_refused() {
    for byte in (0..=0x1f).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\n')) {
        let head = [&b"GET /p/plain HTTP/1.1\r\nHost: a\r\nX-A: b"[..], &[byte], b"c\r\n\r\n"].concat();
        check_bytes(&head, "400 close");
    }
    for byte in [b'\t', b' ', b'!', b'~', 0x80, 0xff] {
        let head = [&b"GET /p/plain HTTP/1.1\r\nHost: a\r\nX-A: b"[..], &[byte], b"c\r\n\r\n"].concat();
        check_bytes(&head, "200");
    }
}

#[test]
fn bytes_are_octets_and_no_charset() {
    // What UTF-8 would take for one character, or refuse, is so many bytes.
    for value in [&b"\xff\xfe"[..], b"\xc3\xa9", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xc0\x8d\xc0\x8a"] {
        let head = [b"GET /p/plain HTTP/1.1\r\nHost: a\r\nX-A: ", value, b"\r\n\r\n"].concat();
        check_bytes(&head, "200");
        let target = [b"GET /p/plain?", value, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        check_bytes(&target, "400 close");
    }
    check("GET /p/plain HTTP/1.1|Host\u{ff1a} a||", "400 close");
}

#[test]
fn what_is_no_request_is_answered_400_and_ends() {
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"?\r\n\r\n",
        b":\r\n\r\n",
        b"\x80\x81\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"{\"json\": true}\r\n\r\n",
    ] {
        check_bytes(bytes, "400 close");
    }
}

#[test]
fn a_request_line_that_is_too_long_is_414() {
    let long = "x".repeat(Limits::default().request_line_bytes_max);
    check(&format!("GET /{long} HTTP/1.1|Host: a||"), "414 close");
    check(&format!("HEAD /p?{long} HTTP/1.1|Host: a||"), "h414 close");
    check(&format!("GET http://{long}/ HTTP/1.1|Host: a||"), "414 close");
    check(&format!("{long}{long}"), "414 close");
}

#[test]
fn a_request_line_of_8000_bytes_is_read() {
    let line = |len: usize| format!("GET /p/plain?{} HTTP/1.1|", "q".repeat(len - "GET /p/plain? HTTP/1.1||".len()));
    assert_eq!(bytes_of(&line(8000)).len(), 8000);
    check(&format!("{}Host: a||", line(8000)), "200");
}

#[test]
fn fields_that_are_too_large_or_too_many_are_431() {
    let limits = Limits::default();
    let long = "x".repeat(limits.head_bytes_max);
    check(&format!("GET /p/plain HTTP/1.1|Host: a|X-A: {long}||"), "431 close");
    check(&format!("HEAD /p/plain HTTP/1.1|Host: a|{long}: b||"), "h431 close");
    check(&format!("GET /p/plain HTTP/1.1|Host: a|{}|", "X-A: b|".repeat(limits.head_fields_max)), "431 close");
    check(&format!("GET /p/plain HTTP/1.1|Host: a|{}|", "X-A: b|".repeat(limits.head_fields_max - 1)), "200");
    // Never ignored: the one that is too many could have been the Host that makes two.
    let many = "X-A: b|".repeat(limits.head_fields_max);
    check(&format!("GET /p/plain HTTP/1.1|Host: a|{many}Host: b||"), "431 close");
}

#[test]
fn nothing_happens_before_the_head_is_whole() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut client = Client::new(|| {
        let counted = Arc::clone(&calls);
        Router::new().get("/", move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Response::text("x")
        })
    });
    let head = bytes_of("GET / HTTP/1.1|Host: a|X-A: b||");
    for cut in 1..head.len() {
        assert_eq!(client.bytes(&head[..cut]).len(), 0, "{cut}");
    }
    // Nor is anything done for a head whose last line is wrong.
    client.bytes(&bytes_of("GET / HTTP/1.1|Host: a|Host: b||"));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!((client.bytes(&head).len(), calls.load(Ordering::Relaxed)), (1, client.ways()));
}

#[test]
fn a_handler_cannot_break_a_head() {
    let cases = [
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "a\r\n b"),
        ("X-A", "a\nb"),
        ("X-A", "a\rb"),
        ("X-A", "a\0b"),
        ("X-A\r\nX-B", "a"),
        ("X A", "a"),
        ("X-A:", "a"),
        ("", "a"),
        ("Content-Length", "1"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("Keep-Alive", "timeout=5"),
        ("Upgrade", "h2c"),
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Trailer", "X-A"),
    ];
    for (name, value) in cases {
        let router = || Router::new().get("/", move |_| Response::text("x").header(name, value));
        let answer = ask(&mut Client::new(router), "GET", "/", &[]);
        assert_eq!(answer.status(), 500);
    }
}

#[test]
fn what_we_write_we_can_read() {
    // A redirect as long as this server makes them is a target that it takes.
    let path = format!("/{}", "d".repeat(2000));
    let mut client = Client::new(|| {
        let location = path.clone();
        Router::new().get("/from", move |_| Response::redirect(308, &location)).get(&path, |_| Response::text("x"))
    });
    let moved = ask(&mut client, "GET", "/from", &[]);
    assert_eq!((moved.status(), ask(&mut client, "GET", moved.header("Location").unwrap(), &[]).status()), (308, 200));
    // And an entity tag that it made comes back.
    let mut client = crate::site::client();
    let tag = client.get("/p/plain").header("ETag").unwrap().to_owned();
    assert_eq!(ask(&mut client, "GET", "/p/plain", &[("If-None-Match", &tag)]).status(), 304);
}

#[test]
fn fields_nobody_knows_are_ignored() {
    let mut client = client();
    let fields = [("X-Unknown", "a"), ("Sec-Fetch-Mode", "cors"), ("HTTP2-Settings", "AAMAAABk"), ("Range-Unit", "x")];
    let answer = ask(&mut client, "GET", "/p/plain", &fields);
    assert_eq!((answer.status(), answer.body().len()), (200, noise(1000).len()));
    check_all(&[("GET /p/plain HTTP/1.1|Host: a|Proxy-Connection: close|Keep-Alive: 1||", "200")]);
}
