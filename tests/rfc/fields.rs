//! What a field's lines come to: whitespace, case, lists.

use crate::answers::{ask, bytes_of, check, check_all, fields};
use crate::site::client;

fn lines(text: &str) -> String {
    let mut answers = client().bytes(&bytes_of(&format!("GET /lines HTTP/1.1|Host: a|{text}||")));
    String::from_utf8(answers.remove(0).body().to_vec()).unwrap()
}

#[test]
fn names_have_no_case() {
    for name in ["host", "HOST", "hOsT"] {
        check(&format!("GET /p/plain HTTP/1.1|{name}: a||"), "200");
    }
    check("POST /change HTTP/1.1|Host: a|CONTENT-LENGTH: 3||abc", "200");
    check("POST /change HTTP/1.1|Host: a|transfer-encoding: chunked||0||", "200");
    check("GET /p/plain HTTP/1.1|Host: a|connection: close||", "200 close");
    check("GET /p/plain HTTP/1.1|Host: a|host: a||", "400 close");
    assert_eq!(lines("x-TEST: b"), "b");
}

#[test]
fn whitespace_around_a_value_is_no_part_of_it() {
    for line in ["X-Test:b", "X-Test: b", "X-Test:   b", "X-Test:\tb", "X-Test: b  ", "X-Test: b\t", "X-Test: \t b \t "]
    {
        assert_eq!(lines(line), "b", "{line:?}");
    }
    assert_eq!(lines("X-Test: b c\td"), "b c\td");
    assert_eq!((lines("X-Test:"), lines("X-Test: \t ")), (String::new(), String::new()));
    check("GET /p/plain HTTP/1.1|Host:a\t ||", "200");
    check("POST /change HTTP/1.1|Host: a|Content-Length:\t3 \t||abc", "200");
    check("POST /change HTTP/1.1|Host: a|Transfer-Encoding: \tchunked \t||0||", "200");
}

#[test]
fn the_order_of_lines_is_kept() {
    assert_eq!(lines("X-Test: 1|X-Other: x|x-test: 2|X-Test: 3"), "1\n2\n3");
}

#[test]
fn lines_of_a_list_are_one_list() {
    let mut client = client();
    let tag = client.get("/p/plain").header("ETag").unwrap().to_owned();
    let both = [("If-None-Match", "\"x\""), ("If-None-Match", &tag)];
    assert_eq!(ask(&mut client, "GET", "/p/plain", &both).status(), 304);
    let both = [("Accept-Encoding", "gzip;q=0.5"), ("Accept-Encoding", "zstd")];
    assert_eq!(ask(&mut client, "GET", "/p/page", &both).header("Content-Encoding"), Some("zstd"));
    check_all(&[
        ("GET /p/plain HTTP/1.1|Host: a|Connection: keep-alive|Connection: x|Connection: close||", "200 close"),
        ("POST /change HTTP/1.1|Host: a|Transfer-Encoding: gzip|Transfer-Encoding: chunked||0||", "501 close"),
        ("POST /change HTTP/1.1|Host: a|Expect: 100-continue|Expect: tea|Content-Length: 1||", "417 close"),
    ]);
}

#[test]
fn empty_elements_of_a_list_are_skipped() {
    let mut client = client();
    let tag = client.get("/p/plain").header("ETag").unwrap().to_owned();
    for list in [format!(", ,{tag},, ,"), format!("\"x\",,{tag}"), format!(",{tag}")] {
        assert_eq!(ask(&mut client, "GET", "/p/plain", &[("If-None-Match", &list)]).status(), 304, "{list}");
    }
    let answer = ask(&mut client, "GET", "/p/page", &[("Accept-Encoding", ", ,gzip, ,;q=0,")]);
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    assert_eq!(ask(&mut client, "GET", "/p/plain", &[("Range", "bytes=,0-0, ,")]).status(), 206);
    check("GET /p/plain HTTP/1.1|Host: a|Connection: , ,close,||", "200 close");
    check("POST /change HTTP/1.1|Host: a|Transfer-Encoding: ,chunked,||0||", "200");
}

#[test]
fn our_lists_have_no_empty_elements() {
    // The reader of answers refuses one in any field.
    for (method, target, status) in
        [("OPTIONS", "*", 204), ("OPTIONS", "/p/plain", 204), ("DELETE", "/p/plain", 405), ("PUT", "/change", 405)]
    {
        let answer = ask(&mut client(), method, target, &[]);
        assert_eq!((answer.status(), fields(&answer, "Allow").len()), (status, 1), "{method} {target}");
    }
    assert_eq!(fields(&ask(&mut client(), "GET", "/p/page", &[]), "Vary"), ["Accept-Encoding"]);
}
