//! Exchanges that depend on the clock: deadlines, lingering, a drain; and which limit an answer is about.

use super::*;

#[test]
fn time_to_the_first_head_and_between_requests() {
    let limits = Limits::default();
    let mut run = Run::new(&limits);
    assert_eq!(run.conn.deadline(), Some(START + 10 * SECOND));
    assert_eq!(run.tick_at_deadline(), Step::Close(Closed::HeadTime));

    // An empty line buys no time.
    let mut run = Run::new(&limits);
    run.pass(9 * SECOND);
    run.bytes(b"\r\n");
    assert_eq!(run.conn.deadline(), Some(START + 10 * SECOND));

    let mut run = Run::new(&limits);
    run.pass(9 * SECOND);
    run.bytes(&bytes_of("GET / HTTP/1.1|Host: a||"));
    assert_eq!(run.conn.deadline(), Some(START + 69 * SECOND), "idle");
    assert!(run.conn.is_idle());
    assert_eq!(run.tick_at_deadline(), Step::Close(Closed::IdleTime));
}

#[test]
fn a_head_that_trickles_is_answered_408_counted_from_its_first_byte() {
    let mut run = Run::new(&Limits::default());
    run.bytes(&bytes_of("GET / HTTP/1.1|Host: a||"));
    run.wire.clear();
    run.pass(30 * SECOND);
    let first_byte = run.moment.nanos;
    for byte in bytes_of("HEAD / HTTP/1.1|Ho") {
        run.bytes(&[byte]);
        run.pass(SECOND / 10);
        assert_eq!(run.conn.deadline(), Some(first_byte + 10 * SECOND));
    }
    assert!(!run.conn.is_idle());
    assert_eq!(run.tick_at_deadline(), Step::ShutdownThenDrain);
    check_wire(&run, "h408 close", "trickled");
    assert_eq!(run.give(Input::Bytes(b"more")), Step::Recv);
    assert_eq!(run.give(Input::Eof), Step::Close(Closed::Finished));
}

#[test]
fn what_waits_behind_an_answer_has_its_time_from_the_end_of_that_answer() {
    for begun in ["GET / HTTP/1.1|Ho", "GET / HTTP/1.1|Host: a|Content-Length: 9||1"] {
        let mut run = Run::new(&Limits::default());
        run.pass(3 * SECOND);
        let text = format!("GET /large HTTP/1.1|Host: a||{begun}");
        assert_eq!(run.on(Input::Bytes(&bytes_of(&text))), Step::Send);
        let bytes = run.take_batch();
        // The client takes its time, which it may.
        run.pass(29 * SECOND);
        assert_eq!(run.on(Input::Sent { bytes: bytes - 1, is_all: false }), Step::Stay);
        run.pass(29 * SECOND);
        assert_eq!(run.on(Input::Sent { bytes: 1, is_all: true }), Step::Recv, "{begun}");
        let end = run.moment.nanos;
        assert_eq!(run.conn.deadline(), Some(end + 10 * SECOND), "{begun}");
        assert_eq!(run.tick_at_deadline(), Step::ShutdownThenDrain);
        check_wire(&run, "200 408 close", begun);
    }
}

#[test]
fn a_body_that_does_not_come_is_answered_408_counted_from_its_head() {
    for text in ["GET / HTTP/1.1|Host: a|Content-Length: 9||", "GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked||"] {
        let mut run = Run::new(&Limits::default());
        run.bytes(b"G");
        run.pass(5 * SECOND);
        run.bytes(&bytes_of(text)[1..]);
        assert_eq!(run.conn.deadline(), Some(START + 15 * SECOND));
        run.pass(5 * SECOND);
        run.bytes(b"1");
        assert_eq!(run.conn.deadline(), Some(START + 15 * SECOND));
        assert_eq!(run.tick_at_deadline(), Step::ShutdownThenDrain);
        check_wire(&run, "408 close", text);
        assert_eq!(run.conn.deadline(), Some(START + 20 * SECOND));
        assert_eq!(run.tick_at_deadline(), Step::Close(Closed::LingerTime));
    }
}

#[test]
fn a_client_must_take_so_many_bytes_in_each_window() {
    let mut run = Run::new(&Limits::default());
    let request = bytes_of("GET /large HTTP/1.1|Host: a||");
    assert_eq!(run.on(Input::Bytes(&request)), Step::Send);
    for _ in 0..5 {
        let window = run.conn.deadline().unwrap();
        for _ in 0..2 {
            run.moment.nanos += 10 * SECOND;
            assert_eq!(run.on(Input::Sent { bytes: 512, is_all: false }), Step::Stay);
        }
        assert_eq!(run.conn.deadline(), Some(window), "bytes do not move it");
        assert_eq!(run.tick_at_deadline(), Step::Stay);
        assert_eq!(run.conn.deadline(), Some(window + 30 * SECOND));
    }
    assert_eq!(run.on(Input::Sent { bytes: 1023, is_all: false }), Step::Stay);
    assert_eq!(run.tick_at_deadline(), Step::Close(Closed::SendTime));
}

#[test]
fn a_batch_that_is_held_owes_no_time_and_may_be_answered_503() {
    let limits = Limits::default();
    let mut run = Run::new(&limits);
    assert_eq!(run.on(Input::Bytes(&bytes_of("GET /large HTTP/1.1|Host: a||"))), Step::Send);
    let window = run.conn.deadline().unwrap();
    run.moment.nanos = window - 1;
    assert_eq!(run.on(Input::Held), Step::Stay);
    assert_eq!(run.conn.deadline(), Some(window - 1 + 30 * SECOND), "the time starts anew");
    assert_eq!(run.on(Input::Unready), Step::Send);
    assert_eq!(run.on(Input::Sent { bytes: 100, is_all: true }), Step::ShutdownThenDrain, "and is the last one");
}

#[test]
fn content_that_never_gets_ready_is_answered_503() {
    let mut run = Run::new(&Limits::default());
    run.goes_on = false;
    run.bytes(&bytes_of("GET /wait99 HTTP/1.1|Host: a||"));
    assert_eq!(run.end(), End::Waits);
    assert_eq!(run.conn.deadline(), Some(START + PREPARE_NANOS_MAX));
    assert!(!run.conn.is_idle());
    run.is_waiting = false;
    assert_eq!(run.tick_at_deadline(), Step::ShutdownThenDrain);
    check_wire(&run, "503 close", "time");

    // Asked once, and again so many times.
    let run = run_whole(&Limits::default(), &bytes_of("GET /wait99 HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||"));
    check_wire(&run, "503 200", "attempts");
    assert_eq!(run.fake.waits, 1 + u64::from(PREPARE_ATTEMPTS_MAX));
    // One that needs them all gets its answer, and the next one has its own attempts.
    let text = format!("GET /wait{PREPARE_ATTEMPTS_MAX} HTTP/1.1|Host: a||").repeat(3);
    check_wire(&run_whole(&Limits::default(), &bytes_of(&text)), "200 200 200", "just in time");
}

#[test]
fn lingering_is_bounded_by_time_and_bytes() {
    assert_eq!(Limits::default().linger_bytes_max, 64 << 20, "an upload under way does not reach it");
    let limits = Limits { linger_bytes_max: 100, ..Limits::default() };
    let bad = bytes_of("GET / HTTP/1.1||");
    let lingering = || {
        let mut run = run_whole(&limits, &bad);
        assert!(run.lingers && run.closed.is_none());
        assert_eq!(run.conn.deadline(), Some(START + 5 * SECOND));
        run.pass(SECOND);
        run
    };
    let mut run = lingering();
    assert_eq!(run.give(Input::Bytes(&[b'x'; 99])), Step::Recv);
    assert_eq!(run.conn.deadline(), Some(START + 5 * SECOND), "bytes buy no time");
    assert_eq!(run.give(Input::Bytes(b"x")), Step::Close(Closed::LingerBytes));
    assert_eq!(lingering().tick_at_deadline(), Step::Close(Closed::LingerTime));
    assert_eq!(lingering().give(Input::Eof), Step::Close(Closed::Finished));
}

#[test]
fn draining_closes_behind_what_was_read() {
    let mut run = Run::new(&Limits::default());
    run.moment.is_draining = true;
    assert!(run.conn.is_idle());
    run.bytes(&bytes_of("GET / HTTP/1.1|Host: a||HEAD / HTTP/1.1|Host: a||GET /none HTTP/1.1|Host: a||"));
    check_wire(&run, "200 h200 404 close", "all that was read is answered");

    let mut run = Run::new(&Limits { pipeline_max: 2, ..Limits::default() });
    run.moment.is_draining = true;
    run.bytes(&bytes_of(&"GET / HTTP/1.1|Host: a||".repeat(5)));
    check_wire(&run, "200 200 200 200 200 close", "over batches");

    let mut run = Run::new(&Limits::default());
    run.moment.is_draining = true;
    run.bytes(&bytes_of("GET / HTTP/1.1|Host: a||GET /no"));
    assert!(!run.conn.is_idle(), "a request under way is waited for");
    run.bytes(&bytes_of("ne HTTP/1.1|Host: a||"));
    check_wire(&run, "200 404 close", "the one under way too");
}

#[test]
fn an_answer_about_a_limit_says_which() {
    let limits = small();
    let long = "x".repeat(200);
    for (text, expected, reached) in [
        ("GET / HTTP/1.1|Host: a||".to_owned(), 200, None),
        (format!("GET /{long}"), 414, Some(Reached::RequestLine)),
        (format!("GET / HTTP/1.1|Host: a|X: {long}"), 431, Some(Reached::Head)),
        (format!("GET / HTTP/1.1|Host: a|{}|", "a: b|".repeat(8)), 431, Some(Reached::Head)),
        ("GET / HTTP/1.1|Host: a|Content-Length: 25||".to_owned(), 413, Some(Reached::Body)),
        ("POST /made HTTP/1.1|Host: a|Content-Length: 25||".to_owned(), 200, Some(Reached::Body)),
        ("POST /wait1 HTTP/1.1|Host: a|Content-Length: 25||".to_owned(), 405, Some(Reached::Body)),
        ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||19|".to_owned(), 405, Some(Reached::Body)),
        // A handler that says so has reached none.
        ("GET /says414 HTTP/1.1|Host: a|Connection: close||".to_owned(), 414, None),
        ("?||".to_owned(), 400, None),
    ] {
        let mut run = Run::new(&limits);
        let mut step = run.on(Input::Bytes(&bytes_of(&text)));
        if step == Step::Wait {
            step = run.on(Input::Ready);
        }
        let batch = &run.scratch.batch;
        let status = batch.plans.last().map(|plan| plan.status);
        assert_eq!((step, status, batch.reached), (Step::Send, Some(expected), reached), "{text}");
    }
    for (text, reached) in
        [("GET / HTTP/1.1|Ho", Reached::HeadTime), ("GET / HTTP/1.1|Host: a|Content-Length: 5||abc", Reached::BodyTime)]
    {
        let mut run = Run::new(&limits);
        assert_eq!(run.on(Input::Bytes(&bytes_of(text))), Step::Recv);
        run.moment.nanos = run.conn.deadline().unwrap();
        assert_eq!((run.on(Input::Tick), run.scratch.batch.reached), (Step::Send, Some(reached)), "{text}");
    }
}

#[test]
fn who_is_turned_away_is_told_and_nothing_else_is_done() {
    let mut run = Run::new(&Limits::default());
    assert_eq!(run.give(Input::TurnedAway), Step::ShutdownThenDrain);
    check_wire(&run, "503 close", "turned away");
    assert_eq!(run.give(Input::Bytes(&bytes_of("GET / HTTP/1.1|Host: a||"))), Step::Recv);
    assert_eq!((run.fake.finds.len(), run.give(Input::Eof)), (0, Step::Close(Closed::Finished)));
    // It is for a connection that has just come; later it means nothing.
    let mut run = Run::new(&Limits::default());
    assert_eq!(run.on(Input::Bytes(&bytes_of("GET / HTTP/1.1|Host: a||"))), Step::Send);
    assert_eq!(run.on(Input::TurnedAway), Step::Stay);
}

#[test]
fn a_request_counts_from_when_it_was_read_however_long_it_waits() {
    let mut run = Run::new(&Limits::default());
    run.goes_on = false;
    assert_eq!(run.give(Input::Bytes(b"GET /stored HTTP/1.1\r\nHo")), Step::Recv);
    run.pass(SECOND);
    assert_eq!(run.on(Input::Bytes(b"st: a\r\n\r\n")), Step::Send);
    assert_eq!(run.scratch.batch.since, START + SECOND, "from its last byte");
    assert_eq!(run.on(Input::Sent { bytes: 1, is_all: true }), Step::Recv);
    run.pass(SECOND);
    let two = b"GET /wait2 HTTP/1.1\r\nHost: a\r\n\r\nGET /stored HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(run.on(Input::Bytes(two)), Step::Wait);
    for _ in 0..2 {
        run.pass(SECOND);
        // New content is asked anew, and the client has waited all the same.
        run.moment.generation += 1;
        let step = run.on(Input::Ready);
        assert!(matches!(step, Step::Wait | Step::Send));
    }
    assert_eq!((run.scratch.batch.since, run.scratch.batch.plans.len()), (START + 2 * SECOND, 2));
    assert_eq!(run.conn.activity(), Activity::Sending);
    // Behind a batch a request has its turn when that has left.
    let mut run = Run::new(&Limits { pipeline_max: 1, ..Limits::default() });
    run.goes_on = false;
    assert_eq!(run.on(Input::Bytes(two)), Step::Wait);
    assert_eq!(run.conn.activity(), Activity::Waiting);
    run.moment.nanos = run.conn.deadline().unwrap();
    assert_eq!(run.on(Input::Tick), Step::Send);
    assert_eq!((run.scratch.batch.since, run.scratch.batch.plans[0].status), (START, 503));
}

#[test]
fn answers_say_how_long_they_took_when_they_are_to() {
    let mut run = Run::new(&Limits::default());
    run.bytes(&bytes_of("GET / HTTP/1.1|Host: a||"));
    assert!(!String::from_utf8_lossy(&run.wire).contains("Server-Timing"));
    run.wire.clear();
    run.moment.clock = Some(|| START + 3 * SECOND + 2_034_999);
    run.goes_on = false;
    assert_eq!(run.give(Input::Bytes(&bytes_of("GET /wait1 HTTP/1.1|Host: a||"))), Step::Wait);
    run.pass(SECOND);
    run.give(Input::Ready);
    run.pass(2 * SECOND);
    run.bytes(&bytes_of("HEAD /none HTTP/1.1|Host: a||BAD||"));
    let wire = String::from_utf8_lossy(&run.wire);
    let times: Vec<_> = wire.lines().filter_map(|line| line.strip_prefix("Server-Timing: app;dur=")).collect();
    // From when it was read: the first waited, the others were read now, what is refused too.
    assert_eq!(times, ["3002.034", "2.034", "2.034"]);
}
