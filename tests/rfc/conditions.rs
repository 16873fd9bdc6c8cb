//! Preconditions: which count, in which order, and what they come to.

use crate::answers::{ask, check};
use crate::site::{CHANGED, COMING, NOW, client};
use crate::ways::Client;
use badgerserver::{Response, Router};

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// The status of `/p/plain` under these fields, where `TAG` stands for its entity tag.
#[track_caller]
fn status(method: &str, fields: &[(&str, &str)]) -> u16 {
    let mut client = client();
    let tag = client.get("/p/plain").header("ETag").unwrap().to_owned();
    let fields: Vec<(&str, String)> = fields.iter().map(|field| (field.0, field.1.replace("TAG", &tag))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|field| (field.0, field.1.as_str())).collect();
    ask(&mut client, method, "/p/plain", &fields).status()
}

/// For GET and HEAD alike.
#[track_caller]
fn expect(fields: &[(&str, &str)], expected: u16) {
    for method in ["GET", "HEAD"] {
        assert_eq!(status(method, fields), expected, "{method} {fields:?}");
    }
}

#[test]
fn if_match_compares_strongly_and_fails_with_412() {
    for (value, expected) in [
        ("TAG", 200),
        ("*", 200),
        ("\"x\", TAG", 200),
        ("TAG,\"x\"", 200),
        ("\"x\"", 412),
        ("W/TAG", 412),
        ("\"x\", W/TAG", 412),
        ("x", 412),
        ("", 412),
        ("\"\"", 412),
    ] {
        expect(&[("If-Match", value)], expected);
    }
    expect(&[("If-Match", "\"x\""), ("If-Match", "TAG")], 200);
    let mut client = client();
    assert_eq!(ask(&mut client, "GET", "/made", &[("If-Match", "\"made\"")]).status(), 200);
    assert_eq!(ask(&mut client, "GET", "/made", &[("If-Match", "\"x\"")]).status(), 412);
    assert_eq!(ask(&mut client, "GET", "/bare", &[("If-Match", "\"x\"")]).status(), 412);
    assert_eq!(ask(&mut client, "GET", "/bare", &[("If-Match", "*")]).status(), 200);
}

#[test]
fn if_none_match_compares_weakly_and_is_304() {
    for (value, expected) in [
        ("TAG", 304),
        ("W/TAG", 304),
        ("*", 304),
        ("\"x\", TAG", 304),
        ("W/\"x\",W/TAG", 304),
        ("\"a,b\", TAG", 304),
        ("\"x\"", 200),
        ("w/TAG", 200),
        ("x", 200),
        ("", 200),
        ("TAG x", 200),
        ("TAG, *", 200),
    ] {
        expect(&[("If-None-Match", value)], expected);
    }
    assert_eq!(ask(&mut client(), "GET", "/made", &[("If-None-Match", "W/\"made\"")]).status(), 304);
    assert_eq!(ask(&mut client(), "GET", "/made", &[("If-None-Match", "\"x\"")]).status(), 200);
}

#[test]
fn if_modified_since() {
    expect(&[("If-Modified-Since", SAME)], 304);
    expect(&[("If-Modified-Since", LATER)], 304);
    expect(&[("If-Modified-Since", EARLIER)], 200);
    assert_eq!(ask(&mut client(), "GET", "/made", &[("If-Modified-Since", SAME)]).status(), 304);
    // It is for reading only.
    assert_eq!(
        ask(&mut client(), "POST", "/change", &[("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT")]).status(),
        200
    );
}

#[test]
fn if_unmodified_since() {
    expect(&[("If-Unmodified-Since", SAME)], 200);
    expect(&[("If-Unmodified-Since", LATER)], 200);
    expect(&[("If-Unmodified-Since", EARLIER)], 412);
    assert_eq!(ask(&mut client(), "GET", "/made", &[("If-Unmodified-Since", EARLIER)]).status(), 412);
}

#[test]
fn a_condition_on_a_time_that_nobody_knows_is_ignored() {
    for name in ["If-Modified-Since", "If-Unmodified-Since"] {
        for date in [EARLIER, "Fri, 31 Dec 9999 23:59:59 GMT"] {
            for target in ["/p/page", "/bare"] {
                assert_eq!(ask(&mut client(), "GET", target, &[(name, date)]).status(), 200, "{target} {name}");
            }
        }
    }
}

#[test]
fn a_date_that_is_none_is_ignored() {
    for date in [
        "",
        "0",
        "-1",
        "now",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "\"Sun, 06 Nov 1994 08:49:37 GMT\"",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
    ] {
        expect(&[("If-Modified-Since", date)], 200);
        expect(&[("If-Unmodified-Since", date)], 200);
    }
    expect(&[("If-Modified-Since", SAME), ("If-Modified-Since", SAME)], 200);
    expect(&[("If-Unmodified-Since", EARLIER), ("If-Unmodified-Since", EARLIER)], 200);
}

#[test]
fn the_three_date_formats_are_read() {
    for (same, earlier) in [
        (SAME, EARLIER),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:36 GMT"),
        ("Sun Nov  6 08:49:37 1994", "Sun Nov  6 08:49:36 1994"),
    ] {
        expect(&[("If-Modified-Since", same)], 304);
        expect(&[("If-Modified-Since", earlier)], 200);
        expect(&[("If-Unmodified-Since", same)], 200);
        expect(&[("If-Unmodified-Since", earlier)], 412);
        expect(&[("If-Modified-Since", &format!(" {same} \t"))], 304);
    }
}

#[test]
fn two_digits_are_a_year_no_more_than_fifty_years_ahead() {
    // (now, the date, whether it lies after a change in June 2016)
    for (year, date, is_later) in [
        (2016, "Tuesday, 01-Nov-16 00:00:00 GMT", true),
        (2016, "Friday, 01-Jan-60 00:00:00 GMT", true),
        (2016, "Monday, 01-Nov-66 00:00:00 GMT", true),
        (2016, "Tuesday, 01-Jan-68 00:00:00 GMT", false),
        (2016, "Friday, 01-Jan-99 00:00:00 GMT", false),
        (2016, "Saturday, 01-Jan-00 00:00:00 GMT", false),
        (2026, "Tuesday, 01-Jan-68 00:00:00 GMT", true),
    ] {
        let now = if year == 2016 { NOW } else { NOW + 315_532_800 };
        let router = || Router::new().get("/", |_| Response::text("x").last_modified(1_465_000_000));
        let mut client = Client::new(router).at(now);
        let answer = ask(&mut client, "GET", "/", &[("If-Modified-Since", date)]);
        assert_eq!(answer.status(), if is_later { 304 } else { 200 }, "{date} in {year}");
    }
}

#[test]
fn a_condition_on_tags_puts_the_one_on_dates_out_of_force() {
    expect(&[("If-None-Match", "\"x\""), ("If-Modified-Since", SAME)], 200);
    expect(&[("If-None-Match", "x"), ("If-Modified-Since", SAME)], 200);
    expect(&[("If-None-Match", "TAG"), ("If-Modified-Since", EARLIER)], 304);
    expect(&[("If-Modified-Since", SAME), ("If-None-Match", "\"x\"")], 200);
    expect(&[("If-Match", "TAG"), ("If-Unmodified-Since", EARLIER)], 200);
    expect(&[("If-Match", "\"x\""), ("If-Unmodified-Since", LATER)], 412);
    expect(&[("If-Unmodified-Since", EARLIER), ("If-Match", "*")], 200);
}

#[test]
fn the_order_is_match_then_none_match_then_range() {
    expect(&[("If-Match", "\"x\""), ("If-None-Match", "TAG")], 412);
    expect(&[("If-None-Match", "TAG"), ("If-Match", "TAG")], 304);
    expect(&[("If-Unmodified-Since", EARLIER), ("If-None-Match", "TAG")], 412);
    expect(&[("If-Unmodified-Since", EARLIER), ("If-Modified-Since", SAME)], 412);
    expect(&[("If-Match", "TAG"), ("If-Modified-Since", SAME)], 304);
    for (field, expected) in [
        (("If-None-Match", "TAG"), 304),
        (("If-Modified-Since", SAME), 304),
        (("If-Match", "\"x\""), 412),
        (("If-Unmodified-Since", EARLIER), 412),
        (("If-None-Match", "\"x\""), 206),
        (("If-Match", "TAG"), 206),
    ] {
        assert_eq!(status("GET", &[("Range", "bytes=0-9"), field]), expected, "{field:?}");
        let expected = if expected == 206 { 416 } else { expected };
        assert_eq!(status("GET", &[("Range", "bytes=9999-"), field]), expected, "{field:?}");
    }
}

#[test]
fn conditions_are_for_what_would_succeed() {
    for conditions in ["If-None-Match: *", "If-Match: \"x\"", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"] {
        for (line, expected) in [
            ("GET /none", "404"),
            ("GET /p/moved", "301"),
            ("GET /p/gone", "410"),
            ("PUT /p/plain", "405"),
            ("BREW /p/plain", "501"),
            ("GET /p/..", "400"),
            ("GET /status/500", "500"),
            ("OPTIONS /p/plain", "204"),
            ("OPTIONS *", "204"),
        ] {
            check(&format!("{line} HTTP/1.1|Host: a|{conditions}||"), expected);
        }
        check(&format!("GET /p/page HTTP/1.1|Host: a|Accept-Encoding: *;q=0|{conditions}||"), "406");
    }
}

#[test]
fn what_a_method_has_changed_is_not_denied() {
    // The handler has done it, and its tag is that of what it made: conditions are its own to look at, before it does.
    for field in [
        ("If-Match", "\"old\""),
        ("If-None-Match", "\"new\""),
        ("If-None-Match", "*"),
        ("If-Unmodified-Since", EARLIER),
    ] {
        assert_eq!(ask(&mut client(), "POST", "/change", &[field]).status(), 200, "{field:?}");
    }
}

#[test]
fn a_handler_that_asks_changes_nothing_that_a_condition_guards() {
    // (field, what it comes to for something that is there, for what is not there yet, for a tag with a quote too many)
    for (name, value, kept, unkept, misquoted) in [
        ("If-Match", "\"kept\"", 204, 412, 412),
        ("If-Match", "\"x\", \"kept\"", 204, 412, 412),
        ("If-Match", "W/\"kept\"", 412, 412, 412),
        ("If-Match", "\"x\"", 412, 412, 412),
        ("If-Match", "x", 412, 412, 412),
        ("If-Match", "*", 204, 412, 412),
        ("If-None-Match", "*", 412, 204, 412),
        ("If-None-Match", "\"kept\"", 412, 204, 412),
        ("If-None-Match", "W/\"kept\"", 412, 204, 412),
        ("If-None-Match", "\"x\"", 204, 204, 412),
        ("If-Unmodified-Since", SAME, 204, 204, 412),
        ("If-Unmodified-Since", EARLIER, 412, 204, 412),
        ("If-Unmodified-Since", "x", 204, 204, 412),
        ("If-Modified-Since", LATER, 204, 204, 412),
        ("X-A", "b", 204, 204, 204),
    ] {
        for (target, expected) in [("/kept", kept), ("/unkept", unkept), ("/misquoted", misquoted)] {
            assert_eq!(
                ask(&mut client(), "PUT", target, &[(name, value)]).status(),
                expected,
                "{target} {name}: {value}"
            );
        }
    }
    for (fields, expected) in [
        ([("If-Match", "\"kept\""), ("If-Unmodified-Since", EARLIER)], 204),
        ([("If-Match", "\"kept\""), ("If-None-Match", "*")], 412),
        ([("If-Unmodified-Since", SAME), ("If-None-Match", "\"x\"")], 204),
        ([("If-None-Match", "\"x\""), ("If-Modified-Since", LATER)], 204),
    ] {
        assert_eq!(ask(&mut client(), "PUT", "/kept", &fields).status(), expected, "{fields:?}");
    }
}

#[test]
fn if_range_holds_for_the_very_same_only() {
    for (value, expected) in [
        ("TAG", 206),
        ("\"x\"", 200),
        ("W/TAG", 200),
        ("TAG, \"x\"", 200),
        ("*", 200),
        ("", 200),
        ("x", 200),
        (SAME, 206),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 206),
        ("Sun Nov  6 08:49:37 1994", 206),
        (EARLIER, 200),
        (LATER, 200),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 200),
    ] {
        assert_eq!(status("GET", &[("Range", "bytes=0-9"), ("If-Range", value)]), expected, "{value}");
        let several = if expected == 206 { 206 } else { 200 };
        assert_eq!(status("GET", &[("Range", "bytes=0-9,20-29"), ("If-Range", value)]), several, "{value}");
        let outside = if expected == 206 { 416 } else { 200 };
        assert_eq!(status("GET", &[("Range", "bytes=9999-"), ("If-Range", value)]), outside, "{value}");
    }
    // Without a time, and without a tag.
    let mut client = client();
    let range = ("Range", "bytes=0-9");
    assert_eq!(ask(&mut client, "GET", "/p/page", &[range, ("If-Range", SAME)]).status(), 200);
    // A time of this very second may be that of two states.
    let mut young = crate::site::client().at(CHANGED);
    assert_eq!(ask(&mut young, "GET", "/p/plain", &[range, ("If-Range", SAME)]).status(), 200);
    assert_eq!(ask(&mut young.at(CHANGED + 1), "GET", "/p/plain", &[range, ("If-Range", SAME)]).status(), 206);
}

#[test]
fn if_range_without_range_is_ignored() {
    for value in ["TAG", "\"x\"", SAME, "x"] {
        expect(&[("If-Range", value)], 200);
    }
    assert_eq!(status("HEAD", &[("Range", "bytes=0-9"), ("If-Range", "TAG")]), 200);
}

#[test]
fn last_modified_is_never_later_than_date() {
    for target in ["/p/coming", "/coming"] {
        for (method, fields, status) in [
            ("GET", vec![], 200),
            ("HEAD", vec![], 200),
            ("GET", vec![("If-None-Match", "*")], 304),
            ("GET", vec![("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT")], 304),
            ("GET", vec![("If-Modified-Since", "Mon, 31 Oct 2016 23:59:59 GMT")], 200),
        ] {
            let answer = ask(&mut client(), method, target, &fields);
            let seen = (answer.status(), answer.header("Last-Modified"), answer.header("Date"));
            assert_eq!(seen, (status, Some("Tue, 01 Nov 2016 00:00:00 GMT"), Some("Tue, 01 Nov 2016 00:00:00 GMT")));
        }
        // Once it has come it is what it is.
        let answer = ask(&mut client().at(COMING + 1000), "GET", target, &[]);
        assert_eq!(answer.header("Last-Modified"), Some("Fri, 01 Jan 2100 00:00:00 GMT"), "{target}");
    }
    let refused = ask(&mut client(), "GET", "/p/coming", &[("If-Match", "\"x\"")]);
    assert_eq!((refused.status(), refused.header("Last-Modified")), (412, refused.header("Date")));
}

#[test]
fn last_modified_of_a_file_is_never_later_than_date() {
    let root = std::env::temp_dir().join(format!("badger-rfc-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    // One that is packed at the start, one that is sent as it lies.
    for (name, bytes) in [("small", 10), ("large", 1 << 20 | 1)] {
        let file = std::fs::File::create(root.join(name)).unwrap();
        file.set_len(bytes).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(COMING)).unwrap();
    }
    let mut client = Client::new(|| Router::new().dir("/", &root).unwrap()).dated(NOW);
    for target in ["/small", "/large"] {
        let answer = ask(&mut client, "GET", target, &[]);
        assert_eq!(answer.header("Last-Modified"), answer.header("Date"), "{target}");
        let part = ask(&mut client, "GET", target, &[("Range", "bytes=0-0")]);
        assert_eq!((part.status(), part.header("Last-Modified")), (206, answer.header("Date")), "{target}");
    }
    std::fs::remove_dir_all(root).unwrap();
}
