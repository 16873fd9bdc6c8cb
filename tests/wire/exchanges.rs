//! Requests and answers as HTTP has them, over a kept connection and over connections with hardly any room.

use crate::client::{Answer, Client, request};
use crate::content::{noise, pack_file, sizes};
use crate::stage::{Folder, Stage};
use crate::system;
use badgerserver::pack::{Encoding, Entry};
use badgerserver::{Mount, Response, Router};

stamp![
    every_status_is_framed,
    a_pack_answers_to_the_letter,
    encodings_are_negotiated_and_say_so,
    ranges_are_cut_from_the_whole,
    conditions_are_answered,
    mistakes_are_named,
    pipelined_answers_come_in_order,
    a_request_may_be_cut_anywhere,
    little_room_and_slow_reading,
];

const SMALL: usize = 1024;
const LARGE: usize = 150 * 1024;

fn site(folder: &Folder) -> Router {
    let (small, large) = (noise(1, SMALL), noise(2, LARGE));
    let [plain, gzip, brotli, zstd] = [400, 200, 150, 180].map(|len| noise(len as u64, len));
    let identity = |body| [(Encoding::Identity, body)];
    let (small, large, empty) = (identity(&small[..]), identity(&large[..]), identity(&b""[..]));
    let page = [
        (Encoding::Identity, &plain[..]),
        (Encoding::Gzip, &gzip[..]),
        (Encoding::Br, &brotli[..]),
        (Encoding::Zstd, &zstd[..]),
    ];
    let binary = Entry { content_type: "application/octet-stream", ..Entry::default() };
    let pack = pack_file(
        folder,
        "site.badger",
        &[
            Entry { key: "/small", bodies: &small, last_modified: Some(784_111_777), ..binary },
            Entry { key: "/large", bodies: &large, immutable: true, ..binary },
            Entry { key: "/empty", bodies: &empty, ..binary },
            Entry { key: "/page", bodies: &page, content_type: "text/html; charset=utf-8", ..Entry::default() },
            Entry { key: "/old", status: 301, headers: &[("Location", "small")], bodies: &empty, ..Entry::default() },
            Entry { key: "/gone", status: 410, bodies: &small, ..binary },
        ],
    );
    let mount = Mount::pack("/p", pack).header("X-Mount", "yes").cache_control("max-age=60");
    Router::new()
        .mount(mount)
        .get("/hello/{name}", |request| Response::text(format!("hi {}", request.param("name"))))
        .get("/status/{code}", |request| Response::text("body").status(request.param("code").parse().unwrap_or(0)))
        .get("/made/{bytes}", |request| {
            let bytes = request.param("bytes").parse().unwrap_or(0);
            Response::bytes("application/octet-stream", noise(bytes as u64, bytes)).etag("made")
        })
}

fn every_status_is_framed(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    let mut client = server.connect();
    for status in 200..=599 {
        for method in ["GET", "HEAD"] {
            client.send(request(method, &format!("/status/{status}"), "").as_bytes());
            let answer = client.answer(if method == "GET" { "ANY" } else { "ANY HEAD" }).unwrap();
            // These must have fields that this handler does not give.
            if matches!(status, 206 | 401 | 405 | 407 | 426) {
                assert_eq!(answer.status, 500, "{status}");
                continue;
            }
            assert_eq!(answer.status, status);
            let has_body = method == "GET" && !matches!(status, 204 | 205 | 304);
            assert_eq!(answer.body, if has_body { &b"body"[..] } else { b"" }, "{method} {status}");
            assert!(!answer.says_close(), "{status}");
        }
    }
    for status in ["0", "99", "199", "600", "65535"] {
        assert_eq!(client.get(&format!("/status/{status}")).status, 500);
    }
    client.assert_nothing_more();
}

fn a_pack_answers_to_the_letter(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    let mut client = server.connect();
    let answer = client.get("/p/small");
    let tag = answer.field("ETag").unwrap().to_owned();
    let expected = format!(
        "HTTP/1.1 200 OK\nX-Mount: yes\nCache-Control: max-age=60\nETag: {tag}\n\
         Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nContent-Type: application/octet-stream\n\
         Accept-Ranges: bytes\nContent-Length: 1024\n"
    );
    let mut lines: Vec<_> = answer.timeless_head().lines().map(str::to_owned).collect();
    let mut expected: Vec<_> = expected.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert_eq!(answer.body, noise(1, SMALL));

    let head = client.ask("HEAD", "/p/small", "");
    assert_eq!((head.timeless_head(), head.body.len()), (answer.timeless_head(), 0));
    let large = client.get("/p/large");
    assert_eq!(large.field("Cache-Control"), Some("public, max-age=31536000, immutable"));
    assert!(large.body == noise(2, LARGE));
    assert_eq!(client.ask("HEAD", "/p/large", "").field("Content-Length"), Some("153600"));
    assert_eq!(client.get("/p/empty").body, b"");
    let old = client.get("/p/old?q=1");
    assert_eq!((old.status, old.field("Location")), (301, Some("small")));
    assert_eq!((client.get("/p/gone").status, client.get("/p").status), (410, 404));
    assert_eq!(client.get("/p/%73mall").body, noise(1, SMALL), "decoded once");
    assert_eq!(client.get("/hello/caf%C3%A9").body, "hi caf\u{e9}".as_bytes());
    for bytes in [0, 1, 4096, 4097, 300_000] {
        assert!(client.get(&format!("/made/{bytes}")).body == noise(bytes as u64, bytes), "{bytes}");
    }
    for (path, method, status, allow) in [
        ("/p/small", "OPTIONS", 204, Some("GET, HEAD, OPTIONS")),
        ("*", "OPTIONS", 204, Some("GET, HEAD, OPTIONS")),
        ("/hello/x", "OPTIONS", 204, Some("GET, HEAD, OPTIONS")),
        ("/p/small", "POST", 405, Some("GET, HEAD, OPTIONS")),
        ("/hello/x", "DELETE", 405, Some("GET, HEAD, OPTIONS")),
        ("/p/nothing", "GET", 404, None),
        ("/p/nothing", "POST", 404, None),
        ("/nothing", "HEAD", 404, None),
        ("/p/small", "BREW", 501, None),
    ] {
        let answer = client.ask(method, path, "");
        assert_eq!((answer.status, answer.field("Allow")), (status, allow), "{method} {path}");
        assert!(!answer.says_close(), "{method} {path}");
    }
    client.assert_nothing_more();
    let closing = client.ask("GET", "/p/small", "Connection: keep-alive, close\r\n");
    assert!(closing.says_close() && closing.body == noise(1, SMALL));
    client.assert_end();

    let mut client = server.connect();
    client.send(b"GET /p/small HTTP/1.0\r\n\r\n");
    assert!(client.answer("GET").unwrap().says_close(), "HTTP/1.0 ends with its answer");
    client.assert_end();
    let mut client = server.connect();
    client.send(b"GET /p/small HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.answer("GET").unwrap().field("Connection"), Some("keep-alive"));
    assert_eq!(client.get("/p/small").status, 200);

    let mut client = server.connect();
    client.send(b"POST /p/small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let mut interim = [0; 25];
    let mut stream = client.tcp();
    std::io::Read::read_exact(&mut stream, &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut client = Client::new(stream);
    client.send(b"abcde");
    client.send(b"GET /p/small HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer("POST").unwrap().status, 405);
    assert_eq!(client.answer("GET").unwrap().status, 200, "the body was read, and no more than that");
}

fn encodings_are_negotiated_and_say_so(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    let mut client = server.connect();
    let mut tags = Vec::new();
    for (accept, encoding, len) in [
        ("", None, 400),
        ("Accept-Encoding: gzip\r\n", Some("gzip"), 200),
        ("Accept-Encoding: gzip, br, zstd\r\n", Some("br"), 150),
        ("Accept-Encoding: zstd;q=1.0, br;q=0.5\r\n", Some("zstd"), 180),
    ] {
        let answer = client.ask("GET", "/p/page", accept);
        assert_eq!((answer.status, answer.field("Content-Encoding")), (200, encoding), "{accept}");
        assert_eq!(answer.field("Vary"), Some("Accept-Encoding"));
        assert_eq!(answer.body, noise(len as u64, len));
        let tag = answer.field("ETag").unwrap().to_owned();
        let again = client.ask("GET", "/p/page", &format!("{accept}If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, again.field("ETag")), (304, Some(tag.as_str())));
        assert_eq!(again.field("Vary"), Some("Accept-Encoding"), "a 304 says what the 200 would");
        assert!(!tags.contains(&tag), "one tag for each encoding");
        tags.push(tag);
    }
    let refused = client.ask("GET", "/p/page", "Accept-Encoding: identity;q=0, *;q=0\r\n");
    assert_eq!((refused.status, refused.field("Vary")), (406, Some("Accept-Encoding")));
    assert_eq!(client.ask("GET", "/p/small", "Accept-Encoding: gzip\r\n").field("Vary"), None);
    client.assert_nothing_more();
}

fn ranges_are_cut_from_the_whole(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    let mut client = server.connect();
    for (path, whole) in [("/p/small", noise(1, SMALL)), ("/p/large", noise(2, LARGE))] {
        let len = whole.len();
        for (range, expected) in [
            ("0-0".to_owned(), Some(0..1)),
            ("1-".to_owned(), Some(1..len)),
            ("-1".to_owned(), Some(len - 1..len)),
            ("5-700".to_owned(), Some(5..701)),
            (format!("0-{len}"), Some(0..len)),
            (format!("-{}", len + 5), Some(0..len)),
            (format!("{}-99999999999999999999999", len - 3), Some(len - 3..len)),
            (format!("{len}-"), None),
            ("-0".to_owned(), None),
        ] {
            let answer = client.ask("GET", path, &format!("Range: bytes={range}\r\n"));
            match expected {
                Some(part) => {
                    let place = format!("bytes {}-{}/{len}", part.start, part.end - 1);
                    assert_eq!((answer.status, answer.field("Content-Range")), (206, Some(place.as_str())), "{range}");
                    assert!(answer.body == whole[part], "{path} {range}");
                }
                None => {
                    let place = format!("bytes */{len}");
                    assert_eq!((answer.status, answer.field("Content-Range")), (416, Some(place.as_str())), "{range}");
                }
            }
        }
        for range in ["lines=1-2", "bytes=2-1", "bytes=+1-2", "bytes=0-1,1-6", "bytes="] {
            let answer = client.ask("GET", path, &format!("Range: {range}\r\n"));
            assert!(answer.status == 200 && answer.body == whole, "{path} {range}: {}", answer.status);
        }
        assert_eq!(client.ask("HEAD", path, "Range: bytes=0-0\r\n").status, 200, "RFC 9110 section 14.2");
    }
    client.assert_nothing_more();
}

fn conditions_are_answered(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    let mut client = server.connect();
    let whole = client.get("/p/small");
    let tag = whole.field("ETag").unwrap().to_owned();
    for (lines, status) in [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: W/{tag}"), 304),
        (format!("If-None-Match: \"x\", {tag}"), 304),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {tag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
        ("If-None-Match: \"x\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 200),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT".to_owned(), 200),
        (format!("If-Match: {tag}"), 200),
        ("If-Match: \"x\"".to_owned(), 412),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT".to_owned(), 412),
        (format!("Range: bytes=0-9\r\nIf-Range: {tag}"), 206),
        ("Range: bytes=0-9\r\nIf-Range: \"x\"".to_owned(), 200),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = client.ask(method, "/p/small", &format!("{lines}\r\n"));
            let status = if method == "HEAD" && status == 206 { 200 } else { status };
            assert_eq!(answer.status, status, "{method} {lines}");
            if status == 304 {
                assert_eq!(answer.field("ETag"), Some(tag.as_str()));
                assert_eq!(answer.field("X-Mount"), Some("yes"));
                assert_eq!(answer.field("Content-Type"), None);
            }
        }
    }
    assert_eq!(client.ask("GET", "/made/9", "If-None-Match: \"made\"\r\n").status, 304);
    client.assert_nothing_more();
}

fn mistakes_are_named(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    let long = "x".repeat(9000);
    let many = "A: b\r\n".repeat(200);
    for (bytes, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505),
        ("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nA: {long}{long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n".to_owned(), 413),
        ("POST /p/small HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nabcde\r\n0\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = server.connect();
        client.send(bytes.as_bytes());
        let answer = client.answer("GET").unwrap_or_else(|broken| panic!("{bytes:.60}: {broken:?}"));
        let is_path_mistake = bytes.contains("/../") || bytes.contains("%00");
        assert_eq!(answer.status, status, "{bytes:.60}");
        if answer.says_close() {
            client.assert_end();
        } else {
            assert!(is_path_mistake, "{bytes:.60}: nothing after it can be read");
        }
    }
}

type Check = fn(&Answer) -> bool;

/// What answers `index` of a mixed pipeline: how it is asked, and whether it is right.
fn mixed(index: usize) -> (&'static str, &'static str, Check) {
    let kinds: [(&str, &str, Check); 5] = [
        ("GET", "/p/small", |answer| answer.status == 200 && answer.body == noise(1, SMALL)),
        ("HEAD", "/p/large", |answer| answer.status == 200 && answer.body.is_empty()),
        ("GET", "/nothing", |answer| answer.status == 404),
        ("GET", "/p/large", |answer| answer.status == 200 && answer.body == noise(2, LARGE)),
        ("GET", "/hello/x", |answer| answer.body == b"hi x"),
    ];
    kinds[index * index % 7 % 5]
}

fn pipelined_answers_come_in_order(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    for count in [2, 16, 32, 33, 100] {
        let mut client = server.connect();
        let all: String = (0..count).map(|index| request(mixed(index).0, mixed(index).1, "")).collect();
        client.send(all.as_bytes());
        for index in 0..count {
            let (method, path, is_right) = mixed(index);
            assert!(is_right(&client.answer(method).unwrap()), "{index} of {count}: {method} {path}");
        }
        client.assert_nothing_more();
    }
    // Nothing after the last answer of a connection counts.
    let mut client = server.connect();
    let closing = request("GET", "/hello/x", "Connection: close\r\n");
    client.send(format!("{}{closing}{closing}", request("GET", "/hello/x", "")).as_bytes());
    assert!(!client.answer("GET").unwrap().says_close());
    assert!(client.answer("GET").unwrap().says_close());
    client.assert_end();
}

fn a_request_may_be_cut_anywhere(stage: &Stage) {
    let folder = Folder::new();
    let server = stage.serve(site(&folder));
    let two = format!("{}{}", request("GET", "/p/small", "Range: bytes=0-3\r\n"), request("GET", "/hello/x", ""));
    let mut client = server.connect();
    for cut in 0..=two.len() {
        client.send(&two.as_bytes()[..cut]);
        client.send(&two.as_bytes()[cut..]);
        assert_eq!(client.answer("GET").unwrap().body, &noise(1, SMALL)[..4], "cut at {cut}");
        assert_eq!(client.answer("GET").unwrap().body, b"hi x", "cut at {cut}");
    }
    for byte in two.bytes() {
        client.send(&[byte]);
    }
    assert_eq!((client.answer("GET").unwrap().status, client.answer("GET").unwrap().status), (206, 200));
    client.assert_nothing_more();
}

fn little_room_and_slow_reading(stage: &Stage) {
    let folder = Folder::new();
    let all = [1, 2, 1000, 2304, 4096, 24_575, 24_576, 49_151, 49_152, 65_537, 300_000, 3_000_000];
    let (pack, contents) = sizes(&folder, &all);
    let builder = stage.builder().socket_buffers(Some(2048), Some(4096));
    let server = stage.start(builder, Router::new().pack("/size", pack));
    // A window of 2 KiB moves little at a time, so the longest body gets a little more.
    for (receive_bytes, read_bytes, len_max) in [(2048, 700, 70_000), (16 * 1024, 5_000, 3_000_000)] {
        let mut client = Client::new(system::connect_sized(server.address(), receive_bytes).unwrap());
        client.read_bytes = read_bytes;
        let wanted: Vec<_> = contents.iter().filter(|content| content.len() <= len_max).collect();
        for content in &wanted {
            let answer = client.get(&format!("/size/{}", content.len()));
            assert!(answer.status == 200 && answer.body == **content, "{} bytes", content.len());
        }
        let wanted: Vec<_> = wanted.into_iter().filter(|content| content.len() < 1_000_000).collect();
        for content in &wanted {
            client.send(request("GET", &format!("/size/{}", content.len()), "").as_bytes());
        }
        for content in &wanted {
            assert!(client.answer("GET").unwrap().body == **content, "{} bytes, pipelined", content.len());
        }
        client.assert_nothing_more();
    }
}
