//! The request target and the host.

use crate::answers::{ask, bytes_of, check, check_all};
use crate::site::client;

fn host(text: &str) -> String {
    let mut answers = client().bytes(&bytes_of(text));
    assert_eq!(answers[0].status(), 200, "{text}");
    String::from_utf8(answers.remove(0).body().to_vec()).unwrap()
}

#[test]
fn a_request_without_host_is_400() {
    check("GET /p/plain HTTP/1.1||", "400 close");
    check("HEAD /p/plain HTTP/1.1|Hos: a||", "h400 close");
    check("OPTIONS * HTTP/1.1||", "400 close");
    check("GET /p/plain HTTP/1.2||", "400 close");
    check("GET http://a/p/plain HTTP/1.1||", "400 close");
    check("GET /p/plain HTTP/1.0||", "200 close");
}

#[test]
fn two_hosts_are_400_also_when_they_are_equal() {
    check("GET /p/plain HTTP/1.1|Host: a|Host: b||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a|Host: a||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a|X-A: b|hOST: a||", "400 close");
    check("GET /p/plain HTTP/1.1|Host: a|Host:||", "400 close");
    check("GET http://a/p/plain HTTP/1.1|Host: a|Host: a||", "400 close");
    check("GET /p/plain HTTP/1.0|Host: a|Host: a||", "400 close");
}

#[test]
fn a_host_that_is_none_is_400() {
    for host in [
        "a b", "a/b", "a,b c", "http://a", "user@a", "a?b", "a#b", "a:b", "a:80:80", "a:-1", "a:+80", "a:65536",
        "a:8 0", ":80", "[::1", "::1", "[::g]", "[]", "a\\b", "a\"b", "<a>", "a%", "a%zz", "bücher", "a, b", "a:80, b",
    ] {
        check(&format!("GET /p/plain HTTP/1.1|Host: {host}||"), "400 close");
    }
    for host in ["a", "a:80", "a:", "A.example.", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b", "b%C3%BCcher"] {
        check(&format!("GET /p/plain HTTP/1.1|Host: {host}||"), "200");
    }
}

#[test]
fn a_host_may_be_empty_where_no_default_is_wrong() {
    // There is one site whatever the name, so it is the default that the section allows.
    check("GET /p/plain HTTP/1.1|Host:||", "200");
    assert_eq!(host("GET /host HTTP/1.1|Host:||"), "");
    assert_eq!(host("GET /host HTTP/1.0||"), "");
}

#[test]
fn an_absolute_form_is_taken() {
    check_all(&[
        ("GET http://a/p/plain HTTP/1.1|Host: a||", "200"),
        ("GET HTTP://a:80/p/plain?q HTTP/1.1|Host: a||", "200"),
        ("HEAD http://[::1]:80/p/plain HTTP/1.1|Host: [::1]||", "h200"),
        ("GET http://a HTTP/1.1|Host: a||", "404"),
        ("GET http://a?q HTTP/1.1|Host: a||", "404"),
        ("GET http://a/p/plain HTTP/1.0||", "200 close"),
    ]);
}

#[test]
fn the_host_of_an_absolute_form_wins() {
    assert_eq!(host("GET http://a:81/host HTTP/1.1|Host: b||"), "a:81");
    assert_eq!(host("GET /host HTTP/1.1|Host: b:80||"), "b:80");
    // But the field must be a right one all the same.
    check("GET http://a/host HTTP/1.1|Host: b c||", "400 close");
}

#[test]
fn an_authority_has_a_host_and_no_userinfo() {
    for target in ["http://", "http:///p/plain", "http://:80/p/plain", "http://?q", "http:/p/plain", "http:p"] {
        check(&format!("GET {target} HTTP/1.1|Host: a||"), "400 close");
    }
    for target in ["http://user@a/p/plain", "http://user:word@a/p/plain", "http://a@b@c/"] {
        check(&format!("GET {target} HTTP/1.1|Host: a||"), "400 close");
    }
    check("GET http://a:65536/p/plain HTTP/1.1|Host: a||", "400 close");
}

#[test]
fn https_is_misdirected_on_a_plain_connection() {
    check("GET https://a/p/plain HTTP/1.1|Host: a||", "421");
    check("HEAD HTTPS://a/ HTTP/1.1|Host: a||", "h421");
    check("OPTIONS https://a HTTP/1.1|Host: a||", "421");
    check("GET ftp://a/p/plain HTTP/1.1|Host: a||", "400 close");
}

#[test]
fn an_asterisk_is_for_options() {
    check(
        "OPTIONS * HTTP/1.1|Host: a||OPTIONS http://a HTTP/1.1|Host: a||OPTIONS http://a:80 HTTP/1.1|Host: a||",
        "204 204 204",
    );
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"] {
        let expected = if method == "HEAD" { "h400 close" } else { "400 close" };
        check(&format!("{method} * HTTP/1.1|Host: a||"), expected);
    }
    check("OPTIONS ** HTTP/1.1|Host: a||", "400 close");
    check("OPTIONS /* HTTP/1.1|Host: a||", "404");
    assert_eq!(ask(&mut client(), "OPTIONS", "*", &[]).header("Allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn an_authority_form_is_for_connect() {
    for method in ["GET", "HEAD", "POST", "OPTIONS", "BREW"] {
        let expected = if method == "HEAD" { "h400 close" } else { "400 close" };
        check(&format!("{method} a:80 HTTP/1.1|Host: a||"), expected);
        check(&format!("{method} a HTTP/1.1|Host: a||"), expected);
    }
}

#[test]
fn a_target_that_is_none_is_400_and_not_corrected() {
    for target in [
        "p/plain",
        "./p/plain",
        "?q",
        "#f",
        "/p/plain#f",
        "/p/plain?q#f",
        "/p/plain\\",
        "\\p\\plain",
        "/p/%",
        "/p/%4",
        "/p/%zz",
        "/p/%u0041",
        "/p/pl\u{e4}in",
        "/p/plain\u{7f}",
        "/p/\u{1}",
        "/p/\0",
    ] {
        check(&format!("GET {target} HTTP/1.1|Host: a||"), "400 close");
    }
    // Well-formed, and refused all the same: what follows is a request.
    for path in
        ["/p/%00", "/p/%0d%0aX-A:b", "/p/%2fplain", "/p/../p/plain", "/p/./plain", "/p/%2e%2e/p/plain", "/p/%ff", "/.."]
    {
        check(&format!("GET {path} HTTP/1.1|Host: a||"), "400");
    }
    check("GET /p/%70lain HTTP/1.1|Host: a||GET /p//plain HTTP/1.1|Host: a||", "200 404");
}
