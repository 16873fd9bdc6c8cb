//! Where a request's body ends, and so where the next request begins.

use crate::answers::{bytes_of, check, check_all};
use crate::site::client;
use badgerserver::Limits;

/// A chunked POST whose body is this, and the answer.
#[track_caller]
fn chunked(body: &str, expected: &str) {
    check(&format!("POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||{body}"), expected);
}

/// A POST with these fields and this body, and the answer.
#[track_caller]
fn posted(fields: &str, body: &str, expected: &str) {
    check(&format!("POST /change HTTP/1.1|Host: a|{fields}||{body}"), expected);
}

#[test]
fn a_body_is_read_whoever_answers() {
    // Its bytes look like a request, and are none.
    let body = "GET /p/plain HTTP/1.1|Host: a||";
    let fields = format!("Host: a|Content-Length: {}||{body}", bytes_of(body).len());
    for (line, expected) in [
        ("GET /p/plain", "200"),
        ("HEAD /p/plain", "h200"),
        ("GET /none", "404"),
        ("POST /p/plain", "405"),
        ("POST /change", "200"),
        ("OPTIONS *", "204"),
        ("DELETE /none", "404"),
        ("BREW /p/plain", "501"),
        ("GET /p/../plain", "400"),
        ("GET /nothing", "204"),
        ("GET /p/moved", "301"),
    ] {
        check(&format!("{line} HTTP/1.1|{fields}"), expected);
        let len = bytes_of(body).len();
        check(&format!("{line} HTTP/1.1|Host: a|Transfer-Encoding: chunked||{len:x}|{body}|0||"), expected);
    }
    check(&format!("GET /p/plain HTTP/1.1|{fields}GET /p/plain HTTP/1.1|Host: a|If-None-Match: *||"), "200 304");
}

#[test]
fn a_request_without_a_length_has_no_body() {
    check("POST /change HTTP/1.1|Host: a||GET /p/plain HTTP/1.1|Host: a||", "200 200");
    check("PUT /p/plain HTTP/1.1|Host: a||GET /p/plain HTTP/1.1|Host: a||", "405 200");
    check("POST /change HTTP/1.0|Connection: keep-alive||GET /p/plain HTTP/1.1|Host: a||", "200 200");
}

#[test]
fn a_length_that_is_no_number_is_400() {
    for length in [
        "", "+5", "-5", "-0", "5.0", "0x5", "5h", "five", "5 5", "5;q=1", "\"5\"", "1e1", "5_0", "٥", "5,", ",5",
        "5,,5", "5, x", "NaN",
    ] {
        posted(&format!("Content-Length: {length}"), "abcde", "400 close");
    }
    posted("Content-Length: 0", "", "200");
    posted("Content-Length: 5", "abcde", "200");
    posted("Content-Length: 0005", "abcde", "200");
}

#[test]
fn lengths_that_differ_are_400() {
    posted("Content-Length: 5|Content-Length: 6", "abcdef", "400 close");
    posted("Content-Length: 5, 6", "abcdef", "400 close");
    posted("Content-Length: 6|Content-Length: 5", "abcdef", "400 close");
    posted("Content-Length: 5|X-A: b|content-length: 50", "abcde", "400 close");
    // Equal ones are one.
    posted("Content-Length: 5|Content-Length: 5", "abcde", "200");
    posted("Content-Length: 5, 5", "abcde", "200");
}

#[test]
fn a_length_beyond_64_bits_is_not_taken_for_a_short_one() {
    for length in [
        "18446744073709551616",
        "18446744073709551621",
        "99999999999999999999999",
        "340282366920938463463374607431768211461",
    ] {
        posted(&format!("Content-Length: {length}"), "abcde", "400 close");
    }
    check("GET /p/plain HTTP/1.1|Host: a|Content-Length: 18446744073709551615||", "413 close");
    check("GET /p/plain HTTP/1.1|Host: a|Content-Length: 4294967296||", "413 close");
    for size in ["10000000000000000", "10000000000000005", "00000000000000005", "FFFFFFFFFFFFFFFFF"] {
        chunked(&format!("{size}|abcde|0||"), "400 close");
    }
    // Said at its size, before its data comes.
    check("GET /p/plain HTTP/1.1|Host: a|Transfer-Encoding: chunked||FFFFFFFFFFFFFFFF|", "413 close");
    check("GET /p/plain HTTP/1.1|Host: a|Transfer-Encoding: chunked||100000005|", "413 close");
}

#[test]
fn a_body_that_is_too_long_is_413_and_ends() {
    let max = Limits::default().body_bytes_max;
    check(&format!("GET /p/plain HTTP/1.1|Host: a|Content-Length: {}||", max + 1), "413 close");
    check(&format!("HEAD /p/plain HTTP/1.1|Host: a|Content-Length: {}||", max + 1), "h413 close");
    let body = "b".repeat(max as usize);
    check(&format!("GET /p/plain HTTP/1.1|Host: a|Content-Length: {max}||{body}"), "200");
    // What does not depend on the body is answered without it.
    check(&format!("POST /p/plain HTTP/1.1|Host: a|Content-Length: {}||", max + 1), "405 close");
}

#[test]
fn a_length_beside_a_transfer_coding_is_400() {
    posted("Content-Length: 5|Transfer-Encoding: chunked", "0||", "400 close");
    posted("Transfer-Encoding: chunked|Content-Length: 5", "5|abcde|0||", "400 close");
    posted("Transfer-Encoding: chunked|Content-Length: 0", "0||", "400 close");
    posted("Transfer-Encoding: identity|Content-Length: 5", "abcde", "400 close");
    posted("Transfer-Encoding:|Content-Length: 5", "abcde", "400 close");
    posted("Transfer-Encoding: x|Content-Length: x", "", "400 close");
}

#[test]
fn chunked_is_last_and_once() {
    for coding in [
        "",
        "identity",
        "gzip",
        "chunked, gzip",
        "chunked, identity",
        "chunked, chunked",
        "chunked|Transfer-Encoding: chunked",
        "chunked|Transfer-Encoding: gzip",
        "chunked;q=1",
        "chunked;",
        "\"chunked\"",
        "'chunked'",
        "chunked chunked",
        "xchunked",
        "chunkedx",
        "chunk",
        "chun ked",
        "chunked\u{b}",
        "\u{c}chunked",
        "chunked, \u{a0}",
        "(chunked)",
        "chunked/1",
    ] {
        posted(&format!("Transfer-Encoding: {coding}"), "0||", "400 close");
    }
    for coding in ["chunked", "CHUNKED", "Chunked", "\tchunked "] {
        posted(&format!("Transfer-Encoding: {coding}"), "5|abcde|0||", "200");
    }
}

#[test]
fn another_transfer_coding_is_501() {
    for coding in
        ["gzip, chunked", "identity, chunked", "x, y, chunked", "gzip|Transfer-Encoding: chunked", "gzip;q=1, chunked"]
    {
        posted(&format!("Transfer-Encoding: {coding}"), "0||", "501 close");
    }
}

#[test]
fn a_transfer_coding_in_http_1_0_is_400() {
    check("POST /change HTTP/1.0|Transfer-Encoding: chunked||0||", "400 close");
    check(
        "POST /change HTTP/1.0|Transfer-Encoding: chunked|Content-Length: 5|Connection: keep-alive||abcde",
        "400 close",
    );
    check("GET /p/plain HTTP/1.0|Transfer-Encoding: x||", "400 close");
}

#[test]
fn a_chunked_body_is_decoded() {
    for body in [
        "0||",
        "5|abcde|0||",
        "5|abcde|3|abc|0||",
        "0005|abcde|000||",
        "a|0123456789|0||",
        "A|0123456789|0||",
        "0000000000000005|abcde|0||",
        "2|||0||",
        "1|0|0||",
    ] {
        chunked(body, "200");
    }
}

#[test]
fn a_chunk_out_of_the_grammar_is_400() {
    for body in [
        "||",
        "5|abcde|||",
        ";a||",
        "5 |abcde|0||",
        " 5|abcde|0||",
        "\t5|abcde|0||",
        "+5|abcde|0||",
        "-5|abcde|0||",
        "0x5|abcde|0||",
        "5h|abcde|0||",
        "|abcde|0||",
        "g|abcde|0||",
        "5_0|abcde|0||",
        "5\nabcde|0||",
        "5\rabcde|0||",
        "5|abcde\n0||",
        "5|abcde\r0||",
        "5|abcdef|0||",
        "5|abcd|0||",
        "5|abcde0||",
        "3|abcde|0||",
        "5|abcde|x||",
        "5\0|abcde|0||",
        "5,5|abcde|0||",
        "5|abcde|0\n\n",
        "5|abcde|0|\n",
        "5|abcde|0\r\r\n\n",
        "5;|abcde|0||",
        "5;=b|abcde|0||",
        "5;a=|abcde|0||",
        "5;a b|abcde|0||",
        "5;a=\"b|abcde|0||",
        "5;a\nb|abcde|0||",
        "5;a=\0|abcde|0||",
        "5;a\r;b|abcde|0||",
        "5 a|abcde|0||",
        "٥|abcde|0||",
        "1.0|abcde|0||",
    ] {
        chunked(body, "400 close");
    }
}

#[test]
fn chunk_extensions_are_ignored_and_bounded() {
    for extension in [
        ";a",
        ";a=b",
        ";a=\"b c\"",
        ";a=\"\\\"b\\\\\"",
        ";a=\"b;c,d\"",
        ";a;b=c;d",
        " ;a",
        "\t; a = b ",
        ";\ta\t=\t\"b\"",
        ";a=\"0\"",
    ] {
        let extension = extension.trim_end();
        chunked(&format!("5{extension}|abcde|0{extension}||"), "200");
    }
    chunked(&format!("5;a={}|abcde|0||", "b".repeat(100)), "200");
    chunked(&format!("5;a={}|abcde|0||", "b".repeat(5000)), "400 close");
    chunked(&format!("{}0||", "1;a=bbbbbbbbbbbbbbbbbbbbbbbb|x|".repeat(1000)), "400 close");
}

#[test]
fn trailers_are_dropped() {
    // A trailer that would change the message, had it stood in the head, changes nothing.
    for line in [
        "X-A: b",
        "Content-Length: 50",
        "Transfer-Encoding: gzip",
        "Host: b",
        "Connection: close",
        "Expect: tea",
        "X-A:",
        "X-A:  b \t",
        "Range: bytes=0-0",
        "If-None-Match: *",
    ] {
        chunked(&format!("5|abcde|0|{line}||"), "200");
        check(&format!("GET /p/plain HTTP/1.1|Host: a|Transfer-Encoding: chunked||0|{line}||"), "200");
    }
    let text = "GET /lines HTTP/1.1|Host: a|X-Test: head|Transfer-Encoding: chunked||0|X-Test: trailer||";
    assert_eq!(client().bytes(&bytes_of(text))[0].body(), b"head");
}

#[test]
fn a_trailer_that_is_no_field_line_is_400() {
    for line in [
        "X-A",
        "X A: b",
        " X-A: b",
        "X-A : b",
        ": b",
        "X-A: b| c",
        "X-A: \0",
        "X-A: b\nX-B: c",
        "X-A: b\rc",
        "X\u{7f}: b",
    ] {
        chunked(&format!("5|abcde|0|{line}||"), "400 close");
    }
    chunked(&format!("0|{}|", "X-A: b|".repeat(100)), "400 close");
    chunked(&format!("0|X-A: {}||", "b".repeat(10_000)), "400 close");
}

#[test]
fn no_request_is_answered_before_its_body_has_ended() {
    for text in [
        "POST /change HTTP/1.1|Host: a|Content-Length: 5||abcd",
        "POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|abcde|",
        "POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|abcde|0|",
        "POST /change HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|abcde|0|X-A: b|",
        "GET /p/plain HTTP/1.1|Host: a|Content-Length: 5||",
        "GET /p/plain HTTP/1.1|Host: a|",
        "GET /p/plain HTTP/1.1",
        "GET",
    ] {
        assert_eq!(client().bytes(&bytes_of(text)).len(), 0, "{text}");
    }
}

#[test]
fn answers_have_one_length_and_no_transfer_coding() {
    // The reader of answers asks for a Content-Length that is right and no Transfer-Encoding in each.
    check_all(&[
        ("GET /p/plain HTTP/1.1|Host: a|TE: trailers, gzip|Connection: TE||GET /p/page HTTP/1.1|Host: a||", "200 200"),
        ("GET /made HTTP/1.0|Connection: keep-alive||GET /none HTTP/1.0||", "200 404 close"),
        ("GET /nothing HTTP/1.1|Host: a||OPTIONS * HTTP/1.1|Host: a||GET /reset HTTP/1.1|Host: a||", "204 204 205"),
    ]);
}
