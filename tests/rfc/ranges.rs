//! Byte ranges. How several ranges in one answer are put together is read back in `tests/ranges.rs`; here is what the rules
//! say of the answer.

use crate::answers::{ask, check, fields};
use crate::site::{PLAIN_BYTES, client, noise};
use badgerserver::TestResponse;

fn get(range: &str) -> TestResponse {
    ask(&mut client(), "GET", "/p/plain", &[("Range", range)])
}

#[test]
fn one_range_is_206_with_its_place() {
    let last = PLAIN_BYTES - 1;
    for (range, first, end) in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-999", 0, last),
        ("bytes=0-", 0, last),
        ("bytes=999-", last, last),
        ("bytes=500-600", 500, 600),
        ("bytes=-1", last, last),
        ("bytes=-1000", 0, last),
        ("bytes=-5000", 0, last),
        ("bytes=900-5000", 900, last),
        ("bytes=900-18446744073709551616", 900, last),
        ("bytes=900-99999999999999999999999999", 900, last),
        ("bytes=-99999999999999999999999999", 0, last),
        ("BYTES=5-6", 5, 6),
        ("Bytes=005-0006", 5, 6),
        ("bytes=5-6,", 5, 6),
        ("bytes= 5-6 ", 5, 6),
        ("bytes=5-6,5000-", 5, 6),
    ] {
        let answer = get(range);
        let place = format!("bytes {first}-{end}/{PLAIN_BYTES}");
        assert_eq!((answer.status(), answer.header("Content-Range")), (206, Some(place.as_str())), "{range}");
        assert!(answer.body() == &noise(PLAIN_BYTES)[first..=end], "{range}");
    }
}

#[test]
fn a_206_has_the_fields_of_the_200() {
    let whole = ask(&mut client(), "GET", "/p/plain", &[]);
    for range in ["bytes=5-6", "bytes=5-6,8-9"] {
        let part = get(range);
        assert_eq!(part.status(), 206);
        for name in ["Date", "Cache-Control", "ETag", "Expires", "Content-Location", "Vary", "Last-Modified", "X-Mount"]
        {
            assert_eq!(fields(&part, name), fields(&whole, name), "{range} {name}");
        }
    }
    let coded = ask(&mut client(), "GET", "/p/page", &[("Range", "bytes=5-6"), ("Accept-Encoding", "gzip")]);
    let seen = ["Content-Encoding", "Vary", "Content-Range"].map(|name| coded.header(name));
    assert_eq!(seen, [Some("gzip"), Some("Accept-Encoding"), Some("bytes 5-6/200")]);
    assert_eq!(coded.body(), &noise(200)[5..=6], "a range of what is sent, which is coded");
}

#[test]
fn several_ranges_are_multipart_with_a_place_in_each() {
    let answer = get("bytes=0-1,500-509,-2");
    let kind = answer.header("Content-Type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!((answer.status(), answer.header("Content-Range")), (206, None));
    let mut expected = Vec::new();
    for (first, last) in [(0, 1), (500, 509), (998, 999)] {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/1000\r\n\r\n"
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&noise(PLAIN_BYTES)[first..=last]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(answer.body() == expected);
}

#[test]
fn one_range_is_no_multipart() {
    // Nor are several of which one lies within.
    for range in ["bytes=5-6", "bytes=-1", "bytes=5-6,7000-", "bytes=5000-6000,5-6", "bytes=,5-6,"] {
        let answer = get(range);
        assert_eq!(
            (answer.status(), answer.header("Content-Type")),
            (206, Some("application/octet-stream")),
            "{range}"
        );
        assert_eq!(fields(&answer, "Content-Range").len(), 1);
    }
}

#[test]
fn nothing_within_is_416_with_the_length() {
    for range in [
        "bytes=1000-",
        "bytes=1000-1001",
        "bytes=5000-",
        "bytes=-0",
        "bytes=1000-,2000-",
        "bytes=18446744073709551616-",
    ] {
        let answer = get(range);
        assert_eq!((answer.status(), answer.header("Content-Range")), (416, Some("bytes */1000")), "{range}");
    }
    let empty = ask(&mut client(), "GET", "/p/empty", &[("Range", "bytes=0-")]);
    assert_eq!((empty.status(), empty.header("Content-Range")), (416, Some("bytes */0")));
}

#[test]
fn what_is_no_range_is_ignored() {
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=5-1",
        "bytes=5",
        "bytes=a-b",
        "bytes=0x5-6",
        "bytes=+5-6",
        "bytes=5-+6",
        "bytes=--5",
        "bytes=5--6",
        "bytes=5-6-7",
        "bytes=5 -6",
        "bytes=5- 6",
        "bytes =5-6",
        "bytes:5-6",
        "bytes 5-6",
        "5-6",
        "=5-6",
        "bytes=5-6;q=1",
        "bytes=5-6,x",
        "bytes=5-1,5-6",
        "bytes=\"5-6\"",
        "bytes=5-6/1000",
        "bytes=5.0-6",
    ] {
        let answer = get(range);
        assert_eq!((answer.status(), answer.body().len()), (200, PLAIN_BYTES), "{range:?}");
    }
    let twice = [("Range", "bytes=0-0"), ("Range", "bytes=0-0")];
    assert_eq!(ask(&mut client(), "GET", "/p/plain", &twice).status(), 200);
}

#[test]
fn a_unit_nobody_knows_is_ignored() {
    for range in ["lines=1-2", "items=0-0", "byte=0-0", "bytess=0-0", "none=0-0", "seconds=1-2,3-4"] {
        assert_eq!(get(range).status(), 200, "{range}");
    }
    assert_eq!(get("bytes=0-0").header("Accept-Ranges"), Some("bytes"));
}

#[test]
fn ranges_are_for_get() {
    for range in ["bytes=0-0", "bytes=5000-", "bytes=0-1,4-5", "x"] {
        let head = ask(&mut client(), "HEAD", "/p/plain", &[("Range", range)]);
        assert_eq!((head.status(), head.header("Content-Length")), (200, Some("1000")), "{range}");
        check(&format!("OPTIONS /p/plain HTTP/1.1|Host: a|Range: {range}||"), "204");
        check(&format!("PUT /p/plain HTTP/1.1|Host: a|Range: {range}||"), "405");
        check(&format!("POST /change HTTP/1.1|Host: a|Range: {range}||"), "200");
    }
}

#[test]
fn ranges_are_of_a_200() {
    for (target, status) in
        [("/none", 404), ("/p/gone", 410), ("/p/moved", 301), ("/status/500", 500), ("/nothing", 204)]
    {
        for range in ["bytes=0-0", "bytes=5000-"] {
            assert_eq!(ask(&mut client(), "GET", target, &[("Range", range)]).status(), status, "{target}");
        }
    }
    // What a handler makes has no ranges here, which is allowed.
    assert_eq!(ask(&mut client(), "GET", "/made", &[("Range", "bytes=0-0")]).status(), 200);
}
