//! Content codings: which one a client gets, and what the answer says of it.

use crate::answers::{ask, fields};
use crate::site::{client, noise};
use std::collections::BTreeSet;

#[test]
fn a_coding_is_named_by_the_answer() {
    for (accept, coding, len) in
        [("identity", None, 400), ("gzip", Some("gzip"), 200), ("br", Some("br"), 150), ("zstd", Some("zstd"), 180)]
    {
        let answer = ask(&mut client(), "GET", "/p/page", &[("Accept-Encoding", accept)]);
        assert_eq!((answer.header("Content-Encoding"), answer.body()), (coding, &noise(len)[..]));
    }
}

#[test]
fn each_coding_has_a_tag_of_its_own() {
    let tag =
        |accept| ask(&mut client(), "GET", "/p/page", &[("Accept-Encoding", accept)]).header("ETag").map(str::to_owned);
    let tags: BTreeSet<_> = ["identity", "gzip", "br", "zstd"].map(|accept| tag(accept).unwrap()).into();
    assert_eq!(tags.len(), 4);
    assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2));
    // And the tag of one coding does not revalidate another.
    let gzip = tag("gzip").unwrap();
    let answer = ask(&mut client(), "GET", "/p/page", &[("Accept-Encoding", "br"), ("If-None-Match", &gzip)]);
    assert_eq!(answer.status(), 200);
}

#[test]
fn weights_choose() {
    for (accept, expected) in [
        ("gzip", Some("gzip")),
        ("GZIP", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("gzip;q=0", None),
        ("gzip;q=0.0", None),
        ("gzip;q=0.000", None),
        ("gzip;q=0.001", Some("gzip")),
        ("gzip ; q=1.000", Some("gzip")),
        ("gzip;q=0.5, br;q=0.4", Some("gzip")),
        ("br;q=0.4 , gzip;Q=0.5", Some("gzip")),
        ("*", Some("br")),
        ("*;q=0, gzip", Some("gzip")),
        ("*;q=0.1, br;q=0", Some("zstd")),
        ("gzip;q=0, *", Some("br")),
        ("identity", None),
        ("identity;q=1, *;q=0", None),
        ("identity;q=0, gzip", Some("gzip")),
        ("identity;q=0", Some("406")),
        ("*;q=0", Some("406")),
        ("identity;q=0, compress", Some("406")),
        ("compress, deflate", None),
        ("", None),
        ("gzip;q=x", None),
        ("gzip;q=2", None),
    ] {
        let answer = ask(&mut client(), "GET", "/p/page", &[("Accept-Encoding", accept)]);
        if expected == Some("406") {
            assert_eq!(answer.status(), 406, "{accept}");
        } else {
            assert_eq!((answer.status(), answer.header("Content-Encoding")), (200, expected), "{accept}");
        }
        assert_eq!(fields(&answer, "Vary"), ["Accept-Encoding"], "{accept}");
    }
    assert_eq!(ask(&mut client(), "GET", "/p/page", &[]).header("Content-Encoding"), None, "no field: the plain one");
}

#[test]
fn what_was_chosen_by_a_field_says_so() {
    let mut client = client();
    let tag = client.get("/p/page").header("ETag").unwrap().to_owned();
    for (fields_of_request, status) in [
        (vec![], 200),
        (vec![("If-None-Match", tag.as_str())], 304),
        (vec![("Range", "bytes=0-9")], 206),
        (vec![("Range", "bytes=0-9,20-29")], 206),
        (vec![("Range", "bytes=5000-")], 416),
        (vec![("If-Match", "\"x\"")], 412),
        (vec![("Accept-Encoding", "*;q=0")], 406),
    ] {
        let answer = ask(&mut client, "GET", "/p/page", &fields_of_request);
        assert_eq!((answer.status(), answer.header("Vary")), (status, Some("Accept-Encoding")));
    }
    assert_eq!(ask(&mut client, "GET", "/p/plain", &[("Accept-Encoding", "gzip")]).header("Vary"), None);
}
