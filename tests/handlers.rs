//! What a handler sees of a request, and what becomes of the answers that it can give.

use badgerserver::http::{Encoding, date};
use badgerserver::{Method, Response, Router, TestClient};

const NOW: u64 = 1_700_000_000;

#[test]
fn a_handler_sees_the_request_as_it_came() {
    let router = Router::new().get("/see/{name}/{rest}", |request| {
        assert_eq!((request.method(), request.path()), (Method::Get, "/see/a b/c"));
        assert_eq!((request.param("name"), request.param("rest"), request.param("none")), ("a b", "c", ""));
        assert_eq!(request.query(), Some("x=%20&y"));
        assert_eq!(request.header("x-twice"), Some(&b"1"[..]));
        assert_eq!(request.header("X-Bytes"), Some(&b"caf\xe9"[..]));
        assert_eq!(request.header("X-None"), None);
        let names: Vec<&str> = request.headers().map(|field| field.0).collect();
        assert_eq!(names, ["Host", "X-Twice", "X-Bytes", "X-TWICE", "Accept-Encoding"]);
        assert_eq!(request.headers().filter(|field| field.0.eq_ignore_ascii_case("x-twice")).last().unwrap().1, b"2");
        assert_eq!((request.peer(), request.local()), (None, None));
        assert_eq!((request.unix_seconds(), request.generation()), (NOW, 1));
        let forms = [(Encoding::Identity, 9), (Encoding::Gzip, 5), (Encoding::Zstd, 6)];
        assert_eq!(request.negotiate(&forms), Some(2));
        Response::text("seen")
    });
    let mut client = TestClient::new(router).unwrap().at(NOW);
    let answers = client.bytes(
        b"GET /see/a%20b/c?x=%20&y HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nX-Bytes: caf\xe9\r\nX-TWICE: 2\r\n\
          Accept-Encoding: gzip;q=0.5, zstd\r\n\r\n",
    );
    assert_eq!(answers[0].body(), b"seen", "{}", answers[0].head().escape_ascii());
}

#[test]
fn constructors_say_what_they_carry() {
    let router = Router::new()
        .get("/html", |_| Response::html("<p>hi"))
        .get("/json", |_| Response::json("[1]").last_modified(784_111_777).etag("v1"))
        .get("/bytes", |_| Response::bytes("image/gif", &b"GIF89a"[..]).status(203))
        .get("/gone", |_| Response::new(410))
        .get("/there", |_| Response::redirect(308, "/html"));
    let mut client = TestClient::new(router).unwrap().at(NOW);
    let html = client.get("/html");
    assert_eq!((html.header("content-type"), html.body()), (Some("text/html; charset=utf-8"), &b"<p>hi"[..]));
    assert_eq!(html.header("Date").map(str::as_bytes), Some(&date::write(NOW)[..]));
    let json = client.get("/json");
    assert_eq!((json.header("content-type"), json.header("etag")), (Some("application/json"), Some("\"v1\"")));
    assert_eq!(json.header("Last-Modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    let fresh = client.request("GET", "/json", &[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    assert_eq!((fresh.status(), fresh.body(), fresh.header("etag")), (304, &b""[..], Some("\"v1\"")));
    let bytes = client.get("/bytes");
    assert_eq!((bytes.status(), bytes.header("content-type"), bytes.body()), (203, Some("image/gif"), &b"GIF89a"[..]));
    let gone = client.get("/gone");
    assert_eq!((gone.status(), gone.header("content-length"), gone.header("content-type")), (410, Some("0"), None));
    let there = client.get("/there");
    assert_eq!((there.status(), there.header("location")), (308, Some("/html")));
}

/// Every status that a handler may give has a status line, with the phrase of RFC 9110 where it has one, and a length
/// where it may have one.
#[test]
fn every_status_can_be_given() {
    // The fields that some statuses must have (RFC 9110 section 15); without them the answer is 500.
    let router = Router::new().get("/{status}", |request| {
        let status = request.param("status").parse().unwrap_or(0);
        let response = Response::text("body").status(status);
        match status {
            206 => response.header("Content-Range", "bytes 0-3/9"),
            401 => response.header("WWW-Authenticate", "Basic"),
            405 => response.header("Allow", "GET"),
            407 => response.header("Proxy-Authenticate", "Basic"),
            _ => response,
        }
    });
    let mut client = TestClient::new(router).unwrap().at(NOW);
    let mut unknown = Vec::new();
    // 426 needs Upgrade (section 15.5.22), and there is no other protocol here to name in it.
    assert_eq!(client.get("/426").status(), 500);
    for status in (200..=599u16).filter(|&status| status != 426) {
        let answer = client.get(&format!("/{status}"));
        assert_eq!(answer.status(), status);
        let head = std::str::from_utf8(answer.head()).unwrap();
        let line = head.lines().next().unwrap();
        let phrase = line.strip_prefix(&format!("HTTP/1.1 {status} ")).unwrap();
        assert!(!phrase.is_empty() && !phrase.ends_with(' '), "{line:?}");
        if phrase == "Unknown" {
            unknown.push(status);
        }
        match status {
            204 | 304 => assert_eq!((answer.header("content-length"), answer.body()), (None, &b""[..]), "{head}"),
            205 => assert_eq!((answer.header("content-length"), answer.body()), (Some("0"), &b""[..]), "{head}"),
            _ => assert_eq!((answer.header("content-length"), answer.body()), (Some("4"), &b"body"[..]), "{head}"),
        }
    }
    // RFC 9110 section 15 names all but two of its statuses; 305 is deprecated and 306 is unused.
    for status in (200..=206).chain(300..=304).chain([307, 308]).chain(400..=417).chain([421, 422]).chain(500..=505) {
        assert!(!unknown.contains(&status), "{status} has no phrase");
    }
    let broken = client.get("/99");
    assert_eq!(broken.status(), 500, "no status at all");
}
