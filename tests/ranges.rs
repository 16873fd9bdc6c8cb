//! Several ranges in one answer, read back as a client would (RFC 9110 section 14.6, RFC 2046 section 5.1).

mod backends;

use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::{Backend, Pack, Router, Server, TestClient, TestResponse};
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::Duration;

fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

const PLAIN_BYTES: usize = 300_000;

fn router() -> Router {
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    let (plain, coded) = (payload(PLAIN_BYTES), payload(2000));
    let bodies = [(Encoding::Identity, &plain[..])];
    writer.add(Entry { key: "/plain", content_type: "a/b", bodies: &bodies, ..Entry::default() }).unwrap();
    let bodies = [(Encoding::Identity, &plain[..]), (Encoding::Gzip, &coded[..])];
    writer.add(Entry { key: "/coded", content_type: "text/x", bodies: &bodies, ..Entry::default() }).unwrap();
    let bodies = [(Encoding::Identity, &plain[..100])];
    writer.add(Entry { key: "/untyped", bodies: &bodies, ..Entry::default() }).unwrap();
    writer.finish().unwrap();
    Router::new().pack("/", Pack::from_bytes(out.into_inner()).unwrap())
}

/// One part of a multipart body: its head's lines and its bytes.
struct Part {
    lines: Vec<String>,
    body: Vec<u8>,
}

/// Takes a multipart body apart at its boundary.
fn parts(content_type: &str, body: &[u8]) -> Vec<Part> {
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("a multipart type");
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut rest = &body[find(body, &delimiter).unwrap() + delimiter.len()..];
    let mut parts = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"--\r\n") {
            assert!(after.is_empty(), "nothing follows the last delimiter");
            return parts;
        }
        rest = rest.strip_prefix(b"\r\n").expect("a line end behind the delimiter");
        let head = find(rest, b"\r\n\r\n").unwrap();
        let lines = std::str::from_utf8(&rest[..head]).unwrap().split("\r\n").map(str::to_owned).collect();
        rest = &rest[head + 4..];
        let end = find(rest, &delimiter).expect("a delimiter behind each part");
        parts.push(Part { lines, body: rest[..end].to_vec() });
        rest = &rest[end + delimiter.len()..];
    }
}

fn get(client: &mut TestClient, path: &str, range: &str) -> TestResponse {
    client.request("GET", path, &[("Range", range)])
}

fn assert_parts(answer: &TestResponse, total: usize, content_type: Option<&str>, expected: &[Range<usize>]) {
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.header("Content-Length").unwrap().parse::<usize>().unwrap(), answer.body().len());
    assert_eq!(answer.header("Content-Range"), None, "it is in the parts (RFC 9110 section 15.3.7.2)");
    let found = parts(answer.header("Content-Type").unwrap(), answer.body());
    assert_eq!(found.len(), expected.len());
    for (part, range) in found.iter().zip(expected) {
        let mut lines: Vec<_> =
            content_type.map(|content_type| format!("Content-Type: {content_type}")).into_iter().collect();
        lines.push(format!("Content-Range: bytes {}-{}/{total}", range.start, range.end - 1));
        assert_eq!(part.lines, lines);
        assert_eq!(part.body, &payload(total)[range.clone()]);
    }
}

#[test]
fn several_ranges_come_in_the_order_asked() {
    let mut client = TestClient::new(router()).unwrap();
    let cases: [(&str, &[Range<usize>]); 4] = [
        ("bytes=0-0,2-2", &[0..1, 2..3]),
        ("bytes=100-199, 0-9 ,-5", &[100..200, 0..10, 299_995..300_000]),
        ("bytes=70000-269999,0-65535,65536-65536", &[70_000..270_000, 0..65_536, 65_536..65_537]),
        ("bytes=5-6,400000-,299999-", &[5..7, 299_999..300_000]),
    ];
    for (range, expected) in cases {
        let answer = get(&mut client, "/plain", range);
        assert_parts(&answer, PLAIN_BYTES, Some("a/b"), expected);
        assert_eq!(answer.header("ETag"), client.get("/plain").header("ETag"), "{range}");
        assert_eq!(answer.header("Accept-Ranges"), Some("bytes"));
    }
    let many: Vec<String> = (0..16).map(|at| format!("{}-{}", at * 2, at * 2)).collect();
    let expected: Vec<Range<usize>> = (0..16).map(|at| at * 2..at * 2 + 1).collect();
    assert_parts(&get(&mut client, "/untyped", &format!("bytes={}", many.join(","))), 100, None, &expected);
    assert_parts(&get(&mut client, "/coded", "bytes=1-2,4-5"), PLAIN_BYTES, Some("text/x"), &[1..3, 4..6]);
}

#[test]
fn what_is_no_honest_wish_for_parts_gets_the_whole() {
    let mut client = TestClient::new(router()).unwrap();
    let seventeen: Vec<String> = (0..17).map(|at| format!("{}-{}", at * 2, at * 2)).collect();
    for range in ["bytes=0-5,5-9", "bytes=0-,-1", &format!("bytes={}", seventeen.join(","))] {
        let answer = get(&mut client, "/plain", range);
        assert_eq!((answer.status(), answer.body().len()), (200, PLAIN_BYTES), "{range}");
    }
    let both = [("Range", "bytes=0-1,4-5"), ("Accept-Encoding", "gzip")];
    let coded = client.request("GET", "/coded", &both);
    assert_eq!((coded.status(), coded.header("Content-Encoding"), coded.body().len()), (200, Some("gzip"), 2000));
    let head = client.request("HEAD", "/plain", &[("Range", "bytes=0-1,4-5")]);
    assert_eq!((head.status(), head.header("Content-Length")), (200, Some("300000")));
    let changed = client.request("GET", "/plain", &[("Range", "bytes=0-1,4-5"), ("If-Range", "\"other\"")]);
    assert_eq!((changed.status(), changed.body().len()), (200, PLAIN_BYTES));
    let outside = get(&mut client, "/plain", "bytes=300000-,400000-500000");
    assert_eq!((outside.status(), outside.header("Content-Range")), (416, Some("bytes */300000")));
}

/// A file of a directory too large to be packed: no entity tag, so the boundary comes from elsewhere.
#[test]
fn ranges_of_a_large_file() {
    let root = std::env::temp_dir().join(format!("badger-ranges-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let total = 1024 * 1024 + 77;
    std::fs::write(root.join("large.bin"), payload(total)).unwrap();
    let mut client = TestClient::new(Router::new().dir("/", &root).unwrap()).unwrap();
    let answer = get(&mut client, "/large.bin", "bytes=0-99,1048576-");
    assert_eq!(answer.header("ETag"), None);
    assert_parts(&answer, total, Some("application/octet-stream"), &[0..100, 1_048_576..total]);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn parts_leave_whole_over_a_socket() {
    backends::backends().for_each(parts_leave_whole);
}

fn parts_leave_whole(backend: Backend) {
    let server = Server::builder().backend(backend).workers(1).listen("127.0.0.1:0").start(router()).unwrap();
    assert_eq!(server.backend(), backend.to_string());
    let mut stream = TcpStream::connect(server.addresses()[0].inet().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let range = "bytes=200000-299999,0-9,50000-149999,20-29";
    let request = format!("GET /plain HTTP/1.1\r\nHost: a\r\nRange: {range}\r\n\r\n");
    let last = request.replace("Host: a", "Host: a\r\nConnection: close");
    stream.write_all(format!("{request}{last}").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let expected = get(&mut TestClient::new(router()).unwrap(), "/plain", range).body().to_vec();
    let mut rest = &bytes[..];
    for _ in 0..2 {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert!(rest.starts_with(b"HTTP/1.1 206 Partial Content\r\n"));
        assert_eq!(&rest[end..end + expected.len()], &expected[..]);
        rest = &rest[end + expected.len()..];
    }
    assert!(rest.is_empty());
}
