//! What other servers are known to get wrong, and this one does not. Each was found in a released version of the server
//! that its name says.

use crate::answers::{ask, check};
use crate::site::{PLAIN_BYTES, client};
use badgerserver::Limits;

#[test]
fn nginx_lets_if_modified_since_override_a_tag() {
    let fields = [("If-None-Match", "\"other\""), ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")];
    assert_eq!(ask(&mut client(), "GET", "/p/plain", &fields).status(), 200);
    let tag = client().get("/p/plain").header("ETag").unwrap().to_owned();
    let fields = [("If-None-Match", tag.as_str()), ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")];
    assert_eq!(ask(&mut client(), "GET", "/p/plain", &fields).status(), 304);
}

#[test]
fn nginx_lets_if_unmodified_since_override_if_match() {
    let fields = [("If-Match", "*"), ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")];
    assert_eq!(ask(&mut client(), "GET", "/p/plain", &fields).status(), 200);
}

#[test]
fn nginx_answers_a_range_of_a_head() {
    let answer = ask(&mut client(), "HEAD", "/p/plain", &[("Range", "bytes=0-9")]);
    assert_eq!((answer.status(), answer.header("Content-Range")), (200, None));
}

#[test]
fn nginx_sends_no_allow_with_405() {
    let answer = ask(&mut client(), "POST", "/p/plain", &[]);
    assert_eq!((answer.status(), answer.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn nginx_closes_after_412_unannounced() {
    check("GET /p/plain HTTP/1.1|Host: a|If-Match: \"x\"||GET /p/plain HTTP/1.1|Host: a||", "412 200");
}

#[test]
fn lighttpd_never_cuts_off_a_trickled_head() {
    crate::connections::a_trickled_head_ends();
}

#[test]
fn lighttpd_takes_two_equal_hosts() {
    check("GET /p/plain HTTP/1.1|Host: a|Host: a||", "400 close");
}

#[test]
fn lighttpd_leaves_content_range_out_of_416() {
    let answer = ask(&mut client(), "GET", "/p/plain", &[("Range", "bytes=1000-")]);
    assert_eq!((answer.status(), answer.header("Content-Range")), (416, Some("bytes */1000")));
}

#[test]
fn lighttpd_ignores_if_match() {
    assert_eq!(ask(&mut client(), "GET", "/p/plain", &[("If-Match", "\"x\"")]).status(), 412);
}

#[test]
fn h2o_checks_no_host() {
    check("GET /p/plain HTTP/1.1||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a b||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a|Host: b||", "400 close");
}

#[test]
fn h2o_takes_a_chunk_size_of_0x3_for_0() {
    check("POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||0x3|abc|0||", "400 close");
}

#[test]
fn h2o_ignores_if_range() {
    let fields = [("Range", "bytes=0-9"), ("If-Range", "\"other\"")];
    assert_eq!(ask(&mut client(), "GET", "/p/plain", &fields).status(), 200);
}

#[test]
fn h2o_wraps_ranges_at_64_bits() {
    let answer = ask(&mut client(), "GET", "/p/plain", &[("Range", "bytes=18446744073709551616-18446744073709551617")]);
    assert_eq!(answer.status(), 416);
    let answer = ask(&mut client(), "GET", "/p/plain", &[("Range", "bytes=990-18446744073709551617")]);
    assert_eq!((answer.status(), answer.header("Content-Range")), (206, Some("bytes 990-999/1000")));
}

#[test]
fn h2o_sends_500_times_what_was_asked() {
    let overlapping = vec!["0-"; 500].join(",");
    let answer = ask(&mut client(), "GET", "/p/plain", &[("Range", &format!("bytes={overlapping}"))]);
    assert!(answer.body().len() <= PLAIN_BYTES, "{}", answer.body().len());
    let apart: Vec<String> = (0..500).map(|at| format!("{}-{}", at * 2, at * 2)).collect();
    let answer = ask(&mut client(), "GET", "/p/plain", &[("Range", &format!("bytes={}", apart.join(",")))]);
    assert!(answer.body().len() <= PLAIN_BYTES, "{}", answer.body().len());
}

#[test]
fn python_takes_unread_bodies_for_requests() {
    let body = "GET /none HTTP/1.1|Host: a||";
    let head = format!("POST /p/plain HTTP/1.1|Host: a|Content-Length: {}||", body.len() + 3);
    check(&format!("{head}{body}GET /p/plain HTTP/1.1|Host: a||"), "405 200");
    check(&format!("GET{}GET /p/plain HTTP/1.1|Host: a||", &format!("{head}{body}")[4..]), "200 200");
}

#[test]
fn none_lets_close_win_over_two_lines() {
    check("GET /p/plain HTTP/1.1|Host: a|Connection: keep-alive|Connection: close||", "200 close");
    check("GET /p/plain HTTP/1.1|Host: a|Connection: close|Connection: keep-alive||", "200 close");
    check("GET /p/plain HTTP/1.0|Connection: keep-alive|Connection: close||", "200 close");
}

#[test]
fn httparse_bounds_no_head_that_never_ends() {
    let limits = Limits::default();
    check(&"x".repeat(limits.request_line_bytes_max + 1), "414 close");
    check(&format!("GET /p/plain HTTP/1.1|Host: a|X-A: {}", "x".repeat(limits.head_bytes_max)), "431 close");
    check(&"|".repeat(1000), "400 close");
}

#[test]
fn httparse_takes_any_chunk_line() {
    for line in ["", "5 ", "5;\0", "5;a\nb", "5;a=\"b\nc\"", "fffffffffffffffff"] {
        check(&format!("POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||{line}|abcde|0||"), "400 close");
    }
}
