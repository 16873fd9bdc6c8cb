//! What the service is told of the answers.

use super::*;

#[test]
fn the_service_hears_of_each_answer_with_its_request() {
    let limits = Limits { request_line_bytes_max: 64, ..Limits::default() };
    let of = |bytes: &[u8]| {
        let mut run = Run::new(&limits);
        let step = run.on(Input::Bytes(bytes));
        assert_eq!(step, Step::Send);
        std::mem::take(&mut run.fake.told)
    };
    let told = |line: &str, path: Option<&str>, status, body_bytes| {
        vec![(line.to_owned(), path.map(str::to_owned), status, body_bytes)]
    };
    let host = "Host: a\r\n\r\n";
    for (line, path, status, body_bytes) in [
        ("GET /stored?a=%20 HTTP/1.1", Some("/stored"), 200, STORED_BYTES),
        ("GET /%73tored HTTP/1.9", Some("/stored"), 200, STORED_BYTES),
        ("HEAD /stored HTTP/1.1", Some("/stored"), 200, 0),
        ("GET /none HTTP/1.1", Some("/none"), 404, 14),
        ("PUT /stored HTTP/1.1", Some("/stored"), 405, 23),
        ("BREW /stored HTTP/1.1", None, 501, 60),
        ("OPTIONS * HTTP/1.1", None, 204, 0),
        ("GET /stored HTTP/2.0", None, 505, 60),
    ] {
        let found = of(format!("{line}\r\n{host}").as_bytes());
        assert_eq!((found.len(), &found[0].0[..], found[0].1.as_deref(), found[0].2), (1, line, path, status));
        if path.is_some() || status == 204 {
            assert_eq!(found, told(line, path, status, body_bytes));
        }
    }
    let long = format!("GET /{}", "a".repeat(100));
    assert_eq!(of(long.as_bytes())[0].0, long, "what there is of it");
    assert_eq!(of(b"GET /none HTTP/1.1\nHost: a\n\n")[0].0, "GET /none HTTP/1.1");
    let mut run = Run::new(&limits);
    run.give(Input::Bytes(b"GET /st"));
    run.moment.nanos = run.conn.deadline().unwrap();
    assert_eq!(run.on(Input::Tick), Step::Send);
    assert_eq!((&run.fake.told[0].0[..], run.fake.told[0].2), ("GET /st", 408));
}
