//! Methods, and the expectation that stands before a body.

use crate::answers::{ask, bytes_of, check, check_all, check_answer, fields};
use crate::site::{client, noise};

#[test]
fn get_and_head_are_there_for_whatever_is_there() {
    for target in ["/p/plain", "/p/page", "/p/empty", "/made", "/after", "/host"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(&mut client(), method, target, &[]).status(), 200, "{method} {target}");
        }
    }
}

#[test]
fn methods_have_a_case_and_the_unknown_are_501() {
    for method in ["get", "Get", "GETT", "GE", "head", "BREW", "PROPFIND", "LINK", "X"] {
        check(&format!("{method} /p/plain HTTP/1.1|Host: a||"), "501");
        check(&format!("{method} /none HTTP/1.1|Host: a|Content-Length: 3||abc"), "501");
    }
}

#[test]
fn a_method_that_a_resource_has_not_is_405_with_allow() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        for (target, allow) in
            [("/p/plain", "GET, HEAD, OPTIONS"), ("/made", "GET, HEAD, OPTIONS"), ("/p/moved", "GET, HEAD, OPTIONS")]
        {
            let answer = ask(&mut client(), method, target, &[]);
            assert_eq!((answer.status(), answer.header("Allow")), (405, Some(allow)), "{method} {target}");
        }
        check(&format!("{method} /none HTTP/1.1|Host: a||"), "404");
    }
    let answer = ask(&mut client(), "GET", "/change", &[]);
    assert_eq!((answer.status(), answer.header("Allow")), (405, Some("OPTIONS, POST")));
    assert_eq!(ask(&mut client(), "POST", "/change", &[]).status(), 200);
}

#[test]
fn a_tunnel_is_refused() {
    check("CONNECT a:80 HTTP/1.1|Host: a||CONNECT [::1]:443 HTTP/1.1|Host: a||", "501 501");
    for target in ["a", "a:", "a:0x50", "a:65536", ":80", "/", "/p/plain", "http://a/", "*", "a:80/", "u@a:80", "[::1]"]
    {
        check(&format!("CONNECT {target} HTTP/1.1|Host: a||"), "400 close");
    }
}

#[test]
fn head_has_the_head_of_get_and_no_body() {
    // The reader of answers takes no body to a HEAD.
    let accepts: [&[(&str, &str)]; 2] = [&[], &[("Accept-Encoding", "gzip, br")]];
    for target in ["/p/plain", "/p/page", "/p/empty", "/p/moved", "/p/gone", "/made", "/none", "/status/500", "/bare"] {
        for accept in accepts {
            let [get, head] = ["GET", "HEAD"].map(|method| ask(&mut client(), method, target, accept));
            let [get_head, head_head] = [&get, &head].map(|answer| String::from_utf8_lossy(answer.head()).into_owned());
            assert_eq!(get_head, head_head, "{target}");
            assert_eq!(head.body(), b"");
        }
    }
    check(
        "HEAD /nothing HTTP/1.1|Host: a||HEAD /reset HTTP/1.1|Host: a||HEAD /panic HTTP/1.1|Host: a||",
        "h204 h205 h500 close",
    );
    check(
        "HEAD /p/plain HTTP/1.1|Host: a|If-None-Match: *||HEAD /p/plain HTTP/1.1|Host: a|If-Match: \"x\"||",
        "h304 h412",
    );
    check("HEAD /p/plain HTTP/1.1||", "h400 close");
    check("HEAD /p/plain HTTP/1.1|Host: a|Content-Length: x||", "h400 close");
}

#[test]
fn options_says_what_is_allowed_and_does_nothing() {
    for (target, allow) in
        [("*", "GET, HEAD, OPTIONS"), ("/p/plain", "GET, HEAD, OPTIONS"), ("/change", "OPTIONS, POST")]
    {
        let answer = ask(&mut client(), "OPTIONS", target, &[]);
        assert_eq!((answer.status(), answer.header("Allow"), answer.body()), (204, Some(allow), &b""[..]), "{target}");
    }
    check("OPTIONS /none HTTP/1.1|Host: a||", "404");
    check("OPTIONS /p/plain HTTP/1.1|Host: a|Content-Length: 3||abc", "204");
}

#[test]
fn a_body_that_is_announced_is_asked_for_or_refused_at_once() {
    let head = "POST /change HTTP/1.1|Host: a|Expect: 100-continue|";
    for (fields, expected) in [
        ("Content-Length: 5||", 100),
        ("Transfer-Encoding: chunked||", 100),
        ("expect: 100-CONTINUE|Content-Length: 5||", 100),
        ("Content-Length: x||", 400),
        ("Content-Length: 5|Transfer-Encoding: chunked||", 400),
        ("Transfer-Encoding: gzip||", 400),
        ("Transfer-Encoding: gzip, chunked||", 501),
        ("Content-Length: 99999999||", 200),
    ] {
        let answers = client().bytes(&bytes_of(&format!("{head}{fields}")));
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status()).collect();
        assert_eq!(statuses, [expected], "{fields}");
        let closes = check_answer(&answers[0], false);
        assert_eq!(closes, expected != 100, "a final answer without the body is the last one: {fields}");
    }
    let answers =
        client().bytes(&bytes_of("GET /p/plain HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 99999999||"));
    assert_eq!((answers.len(), answers[0].status()), (1, 413));
}

#[test]
fn no_100_where_no_body_follows_or_it_is_there() {
    check_all(&[
        ("POST /change HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||abcde", "200"),
        ("POST /change HTTP/1.1|Host: a|Expect: 100-continue|Transfer-Encoding: chunked||1|a|0||", "200"),
        ("POST /change HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 0||", "200"),
        ("GET /p/plain HTTP/1.1|Host: a|Expect: 100-continue||", "200"),
        ("GET /p/plain HTTP/1.1|Host: a|Expect:||", "200"),
        ("POST /change HTTP/1.1|Host: a|Expect:|Content-Length: 5||abcde", "200"),
    ]);
    // Nor where nobody asked for one.
    assert_eq!(client().bytes(&bytes_of("POST /change HTTP/1.1|Host: a|Content-Length: 5||")).len(), 0);
    assert_eq!(client().bytes(&bytes_of("POST /change HTTP/1.1|Host: a|Expect:|Content-Length: 5||")).len(), 0);
}

#[test]
fn http_1_0_expects_nothing() {
    for expect in ["100-continue", "tea"] {
        let head = format!("POST /change HTTP/1.0|Expect: {expect}|Content-Length: 5||");
        assert_eq!(client().bytes(&bytes_of(&head)).len(), 0, "no 100, and no 417");
        check(&format!("{head}abcde"), "200 close");
    }
}

#[test]
fn another_expectation_is_417() {
    for expect in
        ["tea", "100-continue, tea", "tea|Expect: 100-continue", "100-continue;q=1", "100", "\"100-continue\""]
    {
        check(&format!("POST /change HTTP/1.1|Host: a|Expect: {expect}|Content-Length: 5||"), "417 close");
        check(&format!("GET /p/plain HTTP/1.1|Host: a|Expect: {expect}||"), "417 close");
    }
}

#[test]
fn the_answer_follows_the_100() {
    // In one connection: the answer before, the 100, and nothing until the body comes.
    let text = "GET /p/plain HTTP/1.1|Host: a||POST /change HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||";
    let answers = client().bytes(&bytes_of(text));
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status()).collect();
    assert_eq!(statuses, [200, 100]);
    assert_eq!((answers[0].body(), fields(&answers[1], "Date").len()), (&noise(1000)[..], 0));
    // That the final one follows is asked over a socket.
    crate::connections::final_answer_follows_100();
}
