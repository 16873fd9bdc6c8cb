//! Connections of a trusted proxy: the header before the first request.

use super::*;

/// A header for 192.0.2.7, port 12345.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x50";

fn proxied() -> Run {
    let mut run = Run::new(&Limits::default());
    run.conn = Conn::proxied(Some("198.51.100.9:1".parse().unwrap()), &run.moment, &run.limits);
    run
}

#[test]
fn the_header_and_requests_behind_it_however_they_are_cut() {
    let stream = [HEADER, &bytes_of("GET / HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||")].concat();
    let mut whole = proxied();
    whole.give(Input::Bytes(&stream));
    assert_eq!(whole.conn.peer(), Some("192.0.2.7:12345".parse().unwrap()));
    assert_eq!(String::from_utf8_lossy(&whole.wire).matches("HTTP/1.1 200 OK\r\n").count(), 2);
    for cut in 1..stream.len() {
        let mut run = proxied();
        run.give(Input::Bytes(&stream[..cut]));
        run.give(Input::Bytes(&stream[cut..]));
        assert_eq!((run.conn.peer(), &run.wire), (whole.conn.peer(), &whole.wire), "{cut}");
    }
    let mut run = proxied();
    for byte in stream.chunks(1) {
        run.give(Input::Bytes(byte));
    }
    assert_eq!(run.wire, whole.wire);
}

#[test]
fn the_connection_stops_where_its_client_is_known() {
    let stream = [HEADER, &bytes_of("GET / HTTP/1.1|Host: a||")].concat();
    let mut run = proxied();
    assert_eq!(run.on(Input::Bytes(&stream)), Step::Identified);
    assert_eq!(run.on(Input::TurnedAway), Step::Send);
    assert_eq!(run.scratch.batch.plans.last().map(|plan| plan.status), Some(503));
    let mut run = proxied();
    assert_eq!(run.on(Input::Bytes(HEADER)), Step::Identified);
    assert_eq!(run.on(Input::Ready), Step::Recv, "nothing came behind it");
}

#[test]
fn anything_else_ends_it_without_an_answer() {
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31",
    ] {
        let mut run = proxied();
        let rest = [bytes, &[0; 16]].concat();
        assert_eq!(run.give(Input::Bytes(&rest)), Step::Close(Closed::ProxyHeader));
        assert!(run.wire.is_empty());
    }
    // A header that does not end in time, and none at all.
    for bytes in [&HEADER[..5], b""] {
        let mut run = proxied();
        if !bytes.is_empty() {
            assert_eq!(run.give(Input::Bytes(bytes)), Step::Recv);
        }
        run.moment.nanos = run.conn.deadline().unwrap();
        assert_eq!(run.give(Input::Tick), Step::Close(Closed::HeadTime));
        assert!(run.wire.is_empty());
    }
}

#[test]
fn nobody_else_is_read_so() {
    let mut run = Run::new(&Limits::default());
    run.give(Input::Bytes(HEADER));
    assert!(run.wire.starts_with(b"HTTP/1.1 400 "), "{}", run.wire.escape_ascii());
    assert_eq!(run.conn.peer(), None);
}
