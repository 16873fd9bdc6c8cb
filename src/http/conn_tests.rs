//! Whole exchanges with the connection machine: a table with a head checker of its own, every cut of it, accidents; `time`
//! has what depends on the clock.

use super::super::list::random::Random;
use super::super::method::Methods;
use super::super::plan::{Part, SourceId, Span};
use super::super::request::Request;
use super::super::response::Response;
use super::super::service::{Found, Ready, Service, Stored};
use super::super::{Method, date};
use super::*;
use crate::limits::RECEIVE_BYTES;

#[path = "conn_tests/proxy.rs"]
mod proxied;
#[path = "conn_tests/time.rs"]
mod time;
#[path = "conn_tests/told.rs"]
mod told;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_000 * SECOND;
/// Sun, 06 Nov 1994 08:49:37 GMT.
const CHANGED: u64 = 784_111_777;
const NOW: u64 = 1_700_000_000;
/// What is stored at `/stored` begins here, and is this long.
const STORED_OFFSET: u64 = 5_000;
const STORED_BYTES: u64 = 1_000;

/// A table of paths, named by what they answer. `/wait3`: waits three times for what `/stored` has; `/ready3`: its bytes
/// are ready at the fourth time.
#[derive(Default)]
struct Fake {
    waits: u64,
    ready_waits: u64,
    ready: Option<Ready>,
    /// Methods and paths that were answered by other than a wait.
    finds: Vec<String>,
    /// Every answer that was told: its request line, the path that was looked for, status and bytes of the body.
    told: Vec<(String, Option<String>, u16, u64)>,
}

impl Fake {
    fn stored(&mut self, stored: &mut Stored, offset: u64, len: u64) -> Found {
        stored.always = stored.push(
            b"Cache-Control: public, max-age=60\r\nVary: Accept-Encoding\r\nETag: \"abc\"\r\n\
              Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        );
        let text = String::from_utf8(stored.text.clone()).unwrap();
        let at = text.find("\"abc\"").unwrap() as u32;
        stored.etag = at..at + 5;
        stored.content = stored.push(format!("Content-Type: text/plain\r\nX-Offset: {offset}\r\n").as_bytes());
        if len == STORED_BYTES {
            stored.length = stored.push(format!("Content-Length: {len}\r\n").as_bytes());
        }
        stored.last_modified = Some(CHANGED);
        stored.body = Some(Span { source: SourceId(0), offset, len });
        Found::Stored
    }
}

impl Service for Fake {
    fn find(&mut self, request: &Request<'_>, stored: &mut Stored) -> Found {
        assert!(stored.text.is_empty() && stored.body.is_none(), "it comes cleared");
        let path = request.path();
        if let Some(count) = path.strip_prefix("/wait").and_then(|count| count.parse::<u64>().ok()) {
            if self.waits < count {
                self.waits += 1;
                return Found::Wait;
            }
            self.waits = 0;
        }
        self.finds.push(format!("{} {path}", request.method().as_str()));
        let is_read = matches!(request.method(), Method::Get | Method::Head);
        match path {
            "/none" => Found::Missing,
            "/made" if is_read || request.method() == Method::Post => Found::Made(Response::text("hello").etag("m")),
            "/plain" => Found::Made(Response::text("no validators")),
            _ if !is_read => {
                stored.always = stored.push(b"X-Mount: lines\r\n");
                Found::Methods(Methods::READ)
            }
            "/" => self.stored(stored, 0, 10),
            "/empty" => self.stored(stored, 77, 0),
            "/moved" => {
                stored.status = 301;
                stored.always = stored.push(b"Location: /stored\r\n");
                Found::Stored
            }
            "/large" => Found::Made(Response::text("x".repeat(10_000))),
            "/nothing" => Found::Made(Response::new(204)),
            "/says414" => Found::Made(Response::text("it is mine").status(414)),
            "/reset" => Found::Made(Response::text("not sent").status(205)),
            "/broken" => Found::Made(Response::text("x").header("X-A", "a\r\nX-B: c")),
            "/panic" => Found::Panicked,
            "/failed" => Found::Failed,
            "/busy" => Found::Busy,
            "/choosy" => {
                stored.always = stored.push(b"X-Mount: lines\r\n");
                Found::NotAcceptable
            }
            "/readyfailed" => {
                self.ready = Some(Ready::Failed);
                self.stored(stored, STORED_OFFSET, STORED_BYTES)
            }
            "/readybusy" => {
                self.ready = Some(Ready::Busy);
                self.stored(stored, STORED_OFFSET, STORED_BYTES)
            }
            _ => {
                if let Some(count) = path.strip_prefix("/ready").and_then(|count| count.parse::<u64>().ok()) {
                    self.ready = (self.ready_waits < count).then_some(Ready::Wait);
                    self.ready_waits = if self.ready_waits < count { self.ready_waits + 1 } else { 0 };
                }
                self.stored(stored, STORED_OFFSET, STORED_BYTES)
            }
        }
    }

    fn ready(&mut self, _span: Span) -> Ready {
        self.ready.take().unwrap_or(Ready::Now)
    }

    fn answered(&mut self, answer: &super::super::service::Answer<'_>) {
        let line = String::from_utf8_lossy(answer.request_line()).into_owned();
        let path = answer.request.map(|request| request.path().to_owned());
        self.told.push((line, path, answer.status, answer.body_bytes));
    }
}

/// What lies in the fake's file.
fn content(offset: u64, len: u64) -> Vec<u8> {
    (offset..offset + len).map(|at| (at % 251) as u8).collect()
}

/// How a connection stands when its bytes are used up. Lingering counts as closed: no more is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open { kept: usize },
    Waits,
    Closed,
}

/// A connection with its driver: what is sent is gone at once, or in pieces.
struct Run {
    conn: Conn,
    fake: Fake,
    scratch: Scratch,
    limits: Limits,
    moment: Moment,
    /// What the client gets, without interim answers.
    wire: Vec<u8>,
    interim: usize,
    batches: Vec<usize>,
    closed: Option<Closed>,
    lingers: bool,
    is_waiting: bool,
    /// Waits end at once.
    goes_on: bool,
    pieces: Option<Random>,
}

impl Run {
    fn new(limits: &Limits) -> Run {
        let moment = Moment {
            nanos: START,
            unix_seconds: NOW,
            date: date::write(NOW),
            is_draining: false,
            generation: 1,
            clock: None,
        };
        Run {
            conn: Conn::new(None, &moment, limits),
            fake: Fake::default(),
            scratch: Scratch::default(),
            limits: limits.clone(),
            moment,
            wire: Vec::new(),
            interim: 0,
            batches: Vec::new(),
            closed: None,
            lingers: false,
            is_waiting: false,
            goes_on: true,
            pieces: None,
        }
    }

    fn on(&mut self, input: Input<'_>) -> Step {
        let mut env = Env {
            moment: &self.moment,
            limits: &self.limits,
            service: &mut self.fake,
            scratch: &mut self.scratch,
            local: None,
        };
        if matches!(input, Input::Failed | Input::Unready) {
            // Another answer comes in the place of those.
            env.service.told.clear();
        }
        let step = self.conn.on(input, &mut env);
        let bound = self.limits.head_bytes_max + RECEIVE_BYTES;
        assert!(self.conn.pending.len() <= bound, "{} bytes are kept", self.conn.pending.len());
        if !matches!(step, Step::Close(_)) {
            let deadline = self.conn.deadline().expect("something is always waited for");
            assert!(deadline <= self.moment.nanos + 3600 * SECOND, "{step:?}: a deadline that never comes");
        }
        step
    }

    /// Gives one input and follows the steps until the client must do something.
    fn give(&mut self, input: Input<'_>) -> Step {
        let mut step = self.on(input);
        loop {
            step = match step {
                Step::Send => {
                    let bytes = self.take_batch();
                    self.sent(bytes)
                }
                Step::Identified => self.on(Input::Ready),
                Step::Wait => {
                    self.is_waiting = true;
                    if !self.goes_on {
                        return step;
                    }
                    self.is_waiting = false;
                    self.on(Input::Ready)
                }
                Step::ShutdownThenDrain => {
                    assert!(!self.lingers, "shut down once");
                    self.lingers = true;
                    return step;
                }
                Step::Close(why) => {
                    self.closed = Some(why);
                    return step;
                }
                Step::Recv | Step::Stay => return step,
            };
        }
    }

    fn sent(&mut self, mut bytes: u64) -> Step {
        if let Some(random) = &mut self.pieces {
            while bytes > 1 && random.below(3) > 0 {
                let piece = 1 + random.below(bytes as usize - 1) as u64;
                bytes -= piece;
                let mut env = Env {
                    moment: &self.moment,
                    limits: &self.limits,
                    service: &mut self.fake,
                    scratch: &mut self.scratch,
                    local: None,
                };
                assert_eq!(self.conn.on(Input::Sent { bytes: piece, is_all: false }, &mut env), Step::Stay);
            }
        }
        self.on(Input::Sent { bytes, is_all: true })
    }

    /// Puts the batch on the wire and gives its size. Its plans must add up.
    fn take_batch(&mut self) -> u64 {
        let batch = &self.scratch.batch;
        assert!(!batch.is_empty() && batch.plans.len() <= self.limits.pipeline_max);
        self.batches.push(batch.plans.len());
        let (mut next_part, mut total) = (0, 0);
        for plan in &batch.plans {
            assert_eq!(plan.parts.start, next_part);
            next_part = plan.parts.end;
            let mut answer = Vec::new();
            for part in &batch.parts[plan.parts.start as usize..plan.parts.end as usize] {
                match *part {
                    Part::Bytes { start, len } => {
                        answer.extend_from_slice(&batch.bytes[start as usize..(start + len) as usize]);
                    }
                    Part::Owned(number) => answer.extend_from_slice(&batch.owned[number as usize]),
                    Part::Span(span) => answer.extend(content(span.offset, span.len)),
                }
            }
            assert_eq!(answer.len() as u64, u64::from(plan.head_bytes) + plan.body_bytes);
            assert!(answer[..plan.head_bytes as usize].ends_with(b"\r\n\r\n"));
            total += answer.len() as u64;
            if plan.status == 100 {
                assert_eq!(answer, b"HTTP/1.1 100 Continue\r\n\r\n");
                self.interim += 1;
            } else {
                self.wire.extend(answer);
            }
        }
        assert_eq!(next_part as usize, batch.parts.len());
        let drawn = batch.plans.iter().filter(|plan| plan.status != 100).map(|plan| (plan.status, plan.body_bytes));
        let told = self.fake.told.drain(..).map(|told| (told.2, told.3));
        assert!(drawn.eq(told), "the service hears of each answer once");
        total
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // As the worker receives: at most one buffer, and nothing more after the connection is closed.
        for piece in bytes.chunks(RECEIVE_BYTES) {
            if self.closed.is_none() {
                self.give(Input::Bytes(piece));
            }
        }
    }

    fn pass(&mut self, nanos: u64) {
        self.moment.nanos += nanos;
    }

    fn end(&self) -> End {
        match self.closed.is_some() || self.lingers {
            true => End::Closed,
            false if self.is_waiting => End::Waits,
            false => End::Open { kept: self.conn.pending.len() },
        }
    }

    /// Gets to a deadline: nothing happens a nanosecond before it.
    fn tick_at_deadline(&mut self) -> Step {
        let deadline = self.conn.deadline().expect("a deadline");
        self.moment.nanos = deadline - 1;
        assert_eq!(self.on(Input::Tick), Step::Stay);
        self.moment.nanos = deadline;
        self.give(Input::Tick)
    }
}

/// An answer as the checker read it.
struct Answer<'w> {
    status: u16,
    fields: Vec<(&'w str, &'w str)>,
    body: &'w [u8],
}

impl<'w> Answer<'w> {
    fn all(&self, name: &str) -> Vec<&'w str> {
        let named = self.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        named.map(|field| field.1).collect()
    }

    fn only(&self, name: &str) -> &'w str {
        let values = self.all(name);
        assert_eq!(values.len(), 1, "{} has {name} {} times", self.status, values.len());
        values[0]
    }
}

/// Reads one answer off the wire, to the rules of RFC 9112 as this file has them and nothing else.
fn read_answer<'w>(wire: &mut &'w [u8], to_head: bool, is_last: bool) -> Answer<'w> {
    let end = wire.windows(4).position(|four| four == b"\r\n\r\n").expect("a blank line");
    let head = std::str::from_utf8(&wire[..end]).expect("text");
    assert!(head.is_ascii());
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap();
    let rest = status_line.strip_prefix("HTTP/1.1 ").expect(status_line);
    let (digits, reason) = rest.split_once(' ').expect("a space behind the status");
    assert!(digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{status_line}");
    assert!(!reason.is_empty() && reason != "Unknown", "{status_line}");
    let status: u16 = digits.parse().unwrap();
    let mut fields = Vec::new();
    for line in lines {
        assert!(!line.contains(['\r', '\n']) && line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line:?}");
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no field"));
        let is_token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        assert!(!name.is_empty() && is_token && !value.is_empty() && value.trim() == value, "{line:?}");
        fields.push((name, value));
    }
    let mut answer = Answer { status, fields, body: &[] };
    assert_eq!(answer.only("Date"), "Tue, 14 Nov 2023 22:13:20 GMT");
    let rest = &wire[end + 4..];
    let has_no_body = matches!(status, 204 | 304);
    let len = match has_no_body {
        true => {
            assert!(answer.all("Content-Length").is_empty(), "{status} with Content-Length");
            assert!(answer.all("Content-Type").is_empty(), "{status} with Content-Type");
            0
        }
        false => {
            let value = answer.only("Content-Length");
            assert!(value.bytes().all(|byte| byte.is_ascii_digit()) && (value == "0" || !value.starts_with('0')));
            value.parse::<usize>().unwrap()
        }
    };
    let sent = if to_head { 0 } else { len };
    assert!(rest.len() >= sent, "{status}: a body of {} bytes, {len} announced", rest.len());
    answer.body = &rest[..sent];
    *wire = &rest[sent..];
    for name in ["Transfer-Encoding", "Keep-Alive", "Upgrade", "Trailer"] {
        assert!(answer.all(name).is_empty());
    }
    let closes = answer.all("Connection") == ["close"];
    assert_eq!(closes, is_last, "{status}: {:?}", answer.all("Connection"));
    assert!(closes || matches!(answer.all("Connection")[..], [] | ["keep-alive"]));
    check_status(&answer, len, to_head);
    answer
}

/// What single statuses owe (RFC 9110 section 15).
fn check_status(answer: &Answer<'_>, len: usize, to_head: bool) {
    let offset = answer.all("X-Offset").first().map(|offset| offset.parse::<u64>().unwrap());
    match answer.status {
        200 => {
            if let (Some(offset), false) = (offset, to_head) {
                assert_eq!(answer.body, content(offset, len as u64));
            }
        }
        204 => assert!(answer.all("Allow").len() <= 1),
        206 => {
            let (span, total) = answer.only("Content-Range").strip_prefix("bytes ").unwrap().split_once('/').unwrap();
            let (first, last) = span.split_once('-').unwrap();
            let [first, last, total] = [first, last, total].map(|number| number.parse::<u64>().unwrap());
            assert!(first <= last && last < total && last - first + 1 == len as u64 && total == STORED_BYTES);
            assert_eq!(answer.body, content(offset.unwrap() + first, len as u64));
            for name in ["ETag", "Vary", "Cache-Control"] {
                answer.only(name);
            }
        }
        205 => assert_eq!(len, 0),
        301 => assert_eq!(answer.only("Location"), "/stored"),
        // A handler's answer has no Cache-Control here, and one of them no tag.
        304 if answer.all("Cache-Control").is_empty() => assert!(matches!(answer.all("ETag")[..], [] | ["\"m\""])),
        304 => assert!(answer.only("ETag") == "\"abc\"" && answer.only("Vary") == "Accept-Encoding"),
        405 => assert!(answer.only("Allow").contains("GET") && answer.only("X-Mount") == "lines"),
        406 => assert!(answer.only("Vary") == "Accept-Encoding" && answer.only("X-Mount") == "lines"),
        416 => {
            let total = answer.only("Content-Range").strip_prefix("bytes */").unwrap();
            assert!(total == "0" || total == STORED_BYTES.to_string());
            assert!(answer.only("ETag") == "\"abc\"" && answer.only("Vary") == "Accept-Encoding");
        }
        503 => assert!(answer.only("Retry-After").parse::<u32>().unwrap() > 0),
        _ => {}
    }
    if answer.status >= 400 {
        assert!(to_head || !answer.body.is_empty(), "a person reads it");
        assert_eq!(answer.all("Content-Range").len(), usize::from(answer.status == 416));
        assert!(matches!(answer.status, 412 | 416) || answer.all("ETag").is_empty());
        assert!(answer.all("Cache-Control").is_empty() && answer.all("X-Offset").is_empty());
        assert!(answer.all("X-Content-Type-Options").is_empty(), "a mount may have its own");
        assert_eq!(answer.only("Content-Type"), "text/plain; charset=utf-8");
    }
}

/// `200 h404 close`: the statuses in order, `h` before the answer to a HEAD, `close` when the connection ends.
fn check_wire(run: &Run, expected: &str, name: &str) {
    let closes = expected.ends_with("close");
    let expected: Vec<&str> = expected.split(' ').filter(|word| *word != "close").collect();
    let mut wire = &run.wire[..];
    for (index, word) in expected.iter().enumerate() {
        assert!(!wire.is_empty(), "{name:?}: {} of {} answers came", index, expected.len());
        let to_head = word.starts_with('h');
        let status = word.trim_start_matches('h').parse::<u16>().unwrap();
        let seen = String::from_utf8_lossy(&wire[..wire.len().min(300)]).into_owned();
        assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")), "{name:?}: answer {index} is no {status}: {seen}");
        read_answer(&mut wire, to_head, closes && index + 1 == expected.len());
    }
    assert!(wire.is_empty(), "{name:?}: then came {:?}", String::from_utf8_lossy(wire));
    assert_eq!(run.end() == End::Closed, closes, "{name:?}: {:?}", run.end());
}

/// Requests with `|` for CR LF, and what is answered. A `GET /` that stands behind what closes must not be answered.
const EXCHANGES: &[(&str, &str)] = &[
    ("GET /stored HTTP/1.1|Host: a||", "200"),
    ("HEAD /stored HTTP/1.1|Host: a||", "h200"),
    ("GET /empty HTTP/1.1|Host: a||HEAD /empty HTTP/1.1|Host: a||", "200 h200"),
    ("GET /moved HTTP/1.1|Host: a||HEAD /moved HTTP/1.1|Host: a||", "301 h301"),
    ("GET /made HTTP/1.1|Host: a||HEAD /made HTTP/1.1|Host: a||POST /made HTTP/1.1|Host: a||", "200 h200 200"),
    ("GET /large HTTP/1.1|Host: a||HEAD /large HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "200 h200 200"),
    ("GET /nothing HTTP/1.1|Host: a||GET /reset HTTP/1.1|Host: a||", "204 205"),
    ("GET /broken HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "500 200"),
    ("GET /panic HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "500 close"),
    ("HEAD /panic HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "h500 close"),
    ("GET /failed HTTP/1.1|Host: a||GET /busy HTTP/1.1|Host: a||", "500 503"),
    ("GET /readyfailed HTTP/1.1|Host: a||GET /readybusy HTTP/1.1|Host: a||", "500 503"),
    ("HEAD /readyfailed HTTP/1.1|Host: a||", "h200"),
    ("GET /none HTTP/1.1|Host: a||HEAD /none HTTP/1.1|Host: a||OPTIONS /none HTTP/1.1|Host: a||", "404 h404 404"),
    ("GET /choosy HTTP/1.1|Host: a||HEAD /choosy HTTP/1.1|Host: a||", "406 h406"),
    // Methods.
    (
        "OPTIONS /stored HTTP/1.1|Host: a||OPTIONS * HTTP/1.1|Host: a||OPTIONS http://a HTTP/1.1|Host: a||",
        "204 204 204",
    ),
    ("GET * HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "400 close"),
    (
        "POST / HTTP/1.1|Host: a|Content-Length: 3||abcPUT / HTTP/1.1|Host: a||DELETE / HTTP/1.1|Host: a||",
        "405 405 405",
    ),
    ("PATCH / HTTP/1.1|Host: a||TRACE / HTTP/1.1|Host: a||", "405 405"),
    ("BREW / HTTP/1.1|Host: a||get / HTTP/1.1|Host: a||CONNECT a:80 HTTP/1.1|Host: a||", "501 501 501"),
    ("BREW / HTTP/1.1|Host: a|Content-Length: 3||abcGET / HTTP/1.1|Host: a||", "501 200"),
    // Versions.
    ("GET / HTTP/1.0||GET / HTTP/1.1|Host: a||", "200 close"),
    ("GET / HTTP/1.0||", "200 close"),
    ("GET / HTTP/1.0|Connection: keep-alive||GET / HTTP/1.0||", "200 200 close"),
    ("GET / HTTP/1.2|Host: a||GET / HTTP/1.9|Host: a|Content-Length: 3||abcGET / HTTP/1.1|Host: a||", "200 200 200"),
    ("GET / HTTP/1.2||", "400 close"),
    ("GET / HTTP/2.0|Host: a||GET / HTTP/1.1|Host: a||", "505 close"),
    ("HEAD / HTTP/2.0|Host: a||", "h505 close"),
    ("GET / HTTP/0.9|Host: a||", "505 close"),
    ("GET / HTTP/2.05|Host: a||", "400 close"),
    ("GET / HTTP/2|Host: a||", "400 close"),
    ("GET / HTTP/1.10|Host: a||", "400 close"),
    ("GET / HTTP/1.2 |Host: a||", "400 close"),
    ("GET / http/1.1|Host: a||", "400 close"),
    ("GET / HTTX/1.1|Host: a||", "400 close"),
    ("GET /|Host: a||", "400 close"),
    ("PRI * HTTP/2.0||SM||", "505 close"),
    // Targets.
    ("GET http://a/stored HTTP/1.1|Host: b||GET HTTP://a HTTP/1.1|Host: b||", "200 200"),
    ("GET https://a/ HTTP/1.1|Host: a||HEAD HTTPS://a HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "421 h421 200"),
    ("GET ftp://a/ HTTP/1.1|Host: b||GET / HTTP/1.1|Host: b||", "400 close"),
    ("GET http://u@a/ HTTP/1.1|Host: b||GET / HTTP/1.1|Host: b||", "400 close"),
    ("GET /a\\b HTTP/1.1|Host: a|Content-Length: 3||abcGET / HTTP/1.1|Host: a||", "400 close"),
    ("GET /%00 HTTP/1.1|Host: a||GET /../x HTTP/1.1|Host: a||GET /%2e%2e/ HTTP/1.1|Host: a||", "400 400 400"),
    ("GET /a%2Fb HTTP/1.1|Host: a||GET /%FF HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "400 400 200"),
    ("HEAD /%zz HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "h400 close"),
    ("GET stored HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "400 close"),
    ("GET /\0 HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "400 close"),
    // Heads.
    ("GET / HTTP/1.1||GET / HTTP/1.1|Host: a||", "400 close"),
    ("HEAD / HTTP/1.1||GET / HTTP/1.1|Host: a||", "h400 close"),
    ("GET / HTTP/1.1|Host: a|Host: a||", "400 close"),
    ("GET / HTTP/1.1|Host : a||", "400 close"),
    ("GET / HTTP/1.1|Host: a| b||", "400 close"),
    ("GET / HTTP/1.1|Host: a|X: \x01||", "400 close"),
    ("GET / HTTP/1.1\nHost: a\n\nGET / HTTP/1.1|Host: a||", "200 200"),
    ("||GET / HTTP/1.1|Host: a||\n\nGET / HTTP/1.1|Host: a||", "200 200"),
    ("|||GET / HTTP/1.1|Host: a||", "400 close"),
    ("GET / HTTP/1.1|Host: a||\n|\n", "200 400 close"),
    ("\rGET / HTTP/1.1|Host: a||", "400 close"),
    ("\x16\x03\x01\x02", "400 close"),
    ("GET / HTTP/1.1|Host: a|Connection: close||GET / HTTP/1.1|Host: a||", "200 close"),
    ("GET / HTTP/1.1|Host: a|Connection: keep-alive|Connection: close||", "200 close"),
    ("HEAD /none HTTP/1.1|Host: a|Connection: x, CLOSE||", "h404 close"),
    // Bodies.
    ("GET /stored HTTP/1.1|Host: a|Content-Length: 5||GET /HEAD / HTTP/1.1|Host: a||", "200 h200"),
    ("HEAD / HTTP/1.1|Host: a|Content-Length: 20||0123456789|||||GET / HTTP/1.1|Host: a||", "h200 200"),
    ("POST /made HTTP/1.1|Host: a|Content-Length: 5||helloGET / HTTP/1.1|Host: a||", "200 200"),
    ("POST /made HTTP/1.1|Host: a|Content-Length: 0||||GET / HTTP/1.1|Host: a||", "200 200"),
    ("GET / HTTP/1.1|Host: a|Content-Length: 65537||GET / HTTP/1.1|Host: a||", "413 close"),
    ("HEAD / HTTP/1.1|Host: a|Content-Length: 65537||", "h413 close"),
    ("POST / HTTP/1.1|Host: a|Content-Length: 65537||", "405 close"),
    ("POST /made HTTP/1.1|Host: a|Content-Length: 18446744073709551615||", "200 close"),
    ("POST /made HTTP/1.1|Host: a|Content-Length: 18446744073709551616||GET / HTTP/1.1|Host: a||", "400 close"),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: chunked||0||", "400 close"),
    ("HEAD / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 6||", "h400 close"),
    ("POST / HTTP/1.0|Transfer-Encoding: chunked||0||", "400 close"),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||0||", "501 close"),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: identity||", "400 close"),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|hello|0||GET / HTTP/1.1|Host: a||", "405 200"),
    ("GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked||A;x=\"|\"", "400 close"),
    ("GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked||1|x|0|A: b|C:||GET / HTTP/1.1|Host: a||", "200 200"),
    ("GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked||1|xy|0||GET / HTTP/1.1|Host: a||", "400 close"),
    ("HEAD / HTTP/1.1|Host: a|Transfer-Encoding: chunked||0x1|x|0||GET / HTTP/1.1|Host: a||", "h400 close"),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||1\nx\n0\n\n", "400 close"),
    // Expectations: whether 100 is sent depends on whether the body is there, and is left out here.
    ("POST /made HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||helloGET / HTTP/1.1|Host: a||", "200 200"),
    (
        "GET / HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a|Expect: 100-continue|Transfer-Encoding: chunked||1|x|0||",
        "200 200",
    ),
    ("GET / HTTP/1.1|Host: a|Expect: 100-continue||", "200"),
    ("POST / HTTP/1.1|Host: a|Expect: tea|Content-Length: 5||hello", "417 close"),
    ("POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 65537||", "405 close"),
    // Conditions.
    ("GET /stored HTTP/1.1|Host: a|If-None-Match: \"abc\"||HEAD / HTTP/1.1|Host: a|If-None-Match: *||", "304 h304"),
    ("GET /stored HTTP/1.1|Host: a|If-None-Match: \"x\"|If-None-Match: W/\"abc\"||", "304"),
    ("GET /stored HTTP/1.1|Host: a|If-None-Match: \"x\"|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT||", "200"),
    ("GET /stored HTTP/1.1|Host: a|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT||", "304"),
    ("GET /stored HTTP/1.1|Host: a|If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT||", "200"),
    ("GET /stored HTTP/1.1|Host: a|If-Match: \"x\"||GET / HTTP/1.1|Host: a|If-Match: \"abc\"||", "412 200"),
    ("HEAD /stored HTTP/1.1|Host: a|If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT||", "h412"),
    ("GET /made HTTP/1.1|Host: a|If-None-Match: \"m\"||GET /made HTTP/1.1|Host: a|If-Match: \"n\"||", "304 412"),
    ("POST /made HTTP/1.1|Host: a|If-None-Match: \"m\"||POST /made HTTP/1.1|Host: a|If-Match: \"n\"||", "200 200"),
    ("GET /plain HTTP/1.1|Host: a|If-Match: \"x\"||GET /plain HTTP/1.1|Host: a|If-Match: *||", "412 200"),
    ("GET /plain HTTP/1.1|Host: a|If-None-Match: *||GET /plain HTTP/1.1|Host: a|If-None-Match: \"x\"||", "304 200"),
    ("POST /plain HTTP/1.1|Host: a|If-Match: \"x\"||POST /plain HTTP/1.1|Host: a|If-None-Match: *||", "200 200"),
    ("GET /nothing HTTP/1.1|Host: a|If-Match: \"x\"||GET /broken HTTP/1.1|Host: a|If-Match: \"x\"||", "412 500"),
    ("POST / HTTP/1.1|Host: a|If-None-Match: \"abc\"||GET /moved HTTP/1.1|Host: a|If-None-Match: *||", "405 301"),
    // Ranges.
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=0-0||GET /stored HTTP/1.1|Host: a|Range: bytes=-5||", "206 206"),
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=990-99999999999999999999||", "206"),
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=1000-||HEAD /stored HTTP/1.1|Host: a|Range: bytes=1000-||", "416 h200"),
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=5-1||GET /stored HTTP/1.1|Host: a|Range: lines=1-2||", "200 200"),
    (
        "GET /stored HTTP/1.1|Host: a|Range: bytes=+1-2||GET /stored HTTP/1.1|Host: a|Range: bytes=0-1|Range: bytes=0-1||",
        "200 200",
    ),
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=1-2|If-Range: \"abc\"||", "206"),
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=1-2|If-Range: \"x\"||", "200"),
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=1-2|If-Range: W/\"abc\"||", "200"),
    ("GET /stored HTTP/1.1|Host: a|Range: bytes=1-2|If-None-Match: \"abc\"||", "304"),
    ("GET /empty HTTP/1.1|Host: a|Range: bytes=0-||GET /none HTTP/1.1|Host: a|Range: bytes=0-||", "416 404"),
    ("GET /moved HTTP/1.1|Host: a|Range: bytes=0-||GET /made HTTP/1.1|Host: a|Range: bytes=0-1||", "301 200"),
    // Waits.
    ("GET / HTTP/1.1|Host: a||GET /wait1 HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "200 200 200"),
    ("POST /wait2 HTTP/1.1|Host: a|Content-Length: 5||helloGET / HTTP/1.1|Host: a||", "405 200"),
    ("GET /ready2 HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|hello|0||HEAD / HTTP/1.1|Host: a||", "200 h200"),
    ("GET /wait99 HTTP/1.1|Host: a|Connection: close||", "503 close"),
    ("HEAD /wait99 HTTP/1.1|Host: a||HEAD /none HTTP/1.1|Host: a||", "h503 h404"),
];

fn bytes_of(text: &str) -> Vec<u8> {
    text.replace('|', "\r\n").into_bytes()
}

/// Exchanges around the limits, too long to be written out.
fn long_exchanges(limits: &Limits) -> Vec<(Vec<u8>, String)> {
    let mut all = Vec::new();
    let mut add = |text: String, expected: &str| all.push((bytes_of(&text), expected.to_owned()));
    let (line_max, head_max) = (limits.request_line_bytes_max, limits.head_bytes_max);
    for (extra, expected) in [(0, "200 200"), (1, "414 close"), (2, "414 close")] {
        let fixed = "GET / HTTP/1.1||".len() + 1;
        let line = format!("GET /{} HTTP/1.1|", "x".repeat(line_max - fixed + 1 + extra));
        assert_eq!(bytes_of(&line).len(), line_max + extra);
        let rest = if line_max + extra + 11 > head_max { continue } else { "Host: a||GET / HTTP/1.1|Host: a||" };
        add(format!("{line}{rest}"), expected);
    }
    for (extra, expected) in [(0, "h200 200"), (1, "h431 close"), (40, "h431 close")] {
        let fixed = bytes_of("HEAD / HTTP/1.1|Host: a|X: ||").len();
        let head = format!("HEAD / HTTP/1.1|Host: a|X: {}||", "x".repeat(head_max - fixed + extra));
        add(format!("{head}GET / HTTP/1.1|Host: a||"), expected);
    }
    add("x".repeat(line_max), "414 close");
    add(format!("GET / HTTP/1.1|Host: a|{}", "a: b|".repeat(limits.head_fields_max)), "431 close");
    let body_max = limits.body_bytes_max as usize;
    for (extra, expected) in [(0, "200 200"), (1, "413 close")] {
        let next = "GET / HTTP/1.1|Host: a||";
        let body = "b".repeat(body_max + extra);
        add(format!("GET / HTTP/1.1|Host: a|Content-Length: {}||{body}{next}", body_max + extra), expected);
        let chunked = "GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked||";
        add(format!("{chunked}{:x}|{body}|0||{next}", body_max + extra), expected);
        let expected = if extra == 0 { "400 close" } else { expected };
        add(format!("{chunked}{:x}|{body}|!|{next}", body_max + extra), expected);
        add(format!("{chunked}1|b|{:x}|{body}?|{next}", body_max + extra), "413 close");
    }
    all
}

/// Room for a few bytes only, so that every limit is near.
fn small() -> Limits {
    Limits {
        request_line_bytes_max: 64,
        head_bytes_max: 128,
        head_fields_max: 8,
        body_bytes_max: 24,
        pipeline_max: 2,
        ..Limits::default()
    }
}

fn run_whole(limits: &Limits, bytes: &[u8]) -> Run {
    let mut run = Run::new(limits);
    run.bytes(bytes);
    run
}

#[test]
fn exchanges() {
    let limits = Limits::default();
    for (text, expected) in EXCHANGES {
        check_wire(&run_whole(&limits, &bytes_of(text)), expected, text);
    }
    let narrow = Limits { head_bytes_max: 64, ..small() };
    for limits in [limits, small(), narrow] {
        for (bytes, expected) in long_exchanges(&limits) {
            check_wire(&run_whole(&limits, &bytes), &expected, &String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn options_allow_what_there_is() {
    for target in ["/stored", "*"] {
        let run = run_whole(&Limits::default(), &bytes_of(&format!("OPTIONS {target} HTTP/1.1|Host: a||")));
        let answer = read_answer(&mut &run.wire[..], false, false);
        assert_eq!(answer.only("Allow"), "GET, HEAD, OPTIONS");
    }
}

#[test]
fn a_refusal_of_what_is_stored_has_its_lines() {
    for (line, status) in [("If-Match: \"x\"", 412), ("Range: bytes=1000-", 416)] {
        let run = run_whole(&Limits::default(), &bytes_of(&format!("GET /stored HTTP/1.1|Host: a|{line}||")));
        let answer = read_answer(&mut &run.wire[..], false, false);
        let seen = (answer.status, answer.only("ETag"), answer.only("Vary"), answer.only("Last-Modified"));
        assert_eq!(seen, (status, "\"abc\"", "Accept-Encoding", "Sun, 06 Nov 1994 08:49:37 GMT"));
    }
}

#[test]
fn a_change_to_come_is_one_of_now() {
    let mut run = Run::new(&Limits::default());
    // The clock stands before the content's time.
    run.moment.unix_seconds = CHANGED - 100;
    run.moment.date = date::write(CHANGED - 100);
    run.bytes(&bytes_of("GET /stored HTTP/1.1|Host: a||"));
    let text = String::from_utf8_lossy(&run.wire).into_owned();
    for name in ["Date", "Last-Modified"] {
        assert!(text.contains(&format!("\r\n{name}: Sun, 06 Nov 1994 08:47:57 GMT\r\n")), "{text}");
    }
}

/// The same bytes in the given pieces: the same wire and the same end.
fn assert_same(limits: &Limits, stream: &[u8], cuts: &[usize], whole: &Run, pieces: Option<u64>) {
    let mut run = Run::new(limits);
    run.pieces = pieces.map(Random::new);
    let mut start = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        if cut > start {
            run.bytes(&stream[start..cut]);
            start = cut;
        }
    }
    let name = || format!("{:?} cut at {cuts:?}", String::from_utf8_lossy(&stream[..stream.len().min(400)]));
    let texts = [&run.wire, &whole.wire].map(|wire| String::from_utf8_lossy(wire).into_owned());
    assert_eq!(texts[0], texts[1], "{}", name());
    assert_eq!(run.end(), whole.end(), "{}", name());
    assert!(whole.end() == End::Closed || run.fake.finds.len() == whole.fake.finds.len() || run.wire == whole.wire);
}

#[test]
fn any_cut_of_the_same_bytes_gives_the_same_answers() {
    let limits = Limits::default();
    let narrow = Limits { head_bytes_max: 64, ..small() };
    let mut random = Random::new(20);
    let mut streams: Vec<(Limits, Vec<u8>)> = Vec::new();
    for limits in [&limits, &small(), &narrow] {
        for (text, _) in EXCHANGES {
            streams.push((limits.clone(), bytes_of(text)));
        }
    }
    for limits in [&small(), &narrow] {
        streams.extend(long_exchanges(limits).into_iter().map(|(bytes, _)| (limits.clone(), bytes)));
    }
    for limits in [&limits, &small()] {
        for _ in 0..60 {
            let many = (0..1 + random.below(6)).map(|_| bytes_of(EXCHANGES[random.below(EXCHANGES.len())].0));
            streams.push((limits.clone(), many.collect::<Vec<_>>().concat()));
        }
    }
    for (limits, stream) in &streams {
        let whole = run_whole(limits, stream);
        for cut in 1..stream.len() {
            assert_same(limits, stream, &[cut], &whole, (cut % 2 == 0).then_some(cut as u64));
        }
        let every: Vec<usize> = (1..stream.len()).collect();
        assert_same(limits, stream, &every, &whole, None);
        for round in 0..8 {
            let mut cuts: Vec<usize> = (0..1 + random.below(12)).map(|_| random.below(stream.len() + 1)).collect();
            cuts.sort_unstable();
            assert_same(limits, stream, &cuts, &whole, Some(round));
        }
    }
}

#[test]
fn cuts_around_the_default_limits() {
    let limits = Limits::default();
    let mut random = Random::new(3);
    for (stream, _) in long_exchanges(&limits) {
        let whole = run_whole(&limits, &stream);
        let near = [limits.request_line_bytes_max, limits.head_bytes_max, limits.body_bytes_max as usize, stream.len()];
        for limit in near {
            for cut in limit.saturating_sub(4)..limit + 4 {
                assert_same(&limits, &stream, &[cut.min(stream.len())], &whole, None);
            }
        }
        for _ in 0..10 {
            let mut cuts: Vec<usize> = (0..4).map(|_| random.below(stream.len() + 1)).collect();
            cuts.sort_unstable();
            assert_same(&limits, &stream, &cuts, &whole, None);
        }
    }
}

#[test]
fn a_hundred_mixed_requests_are_answered_in_order_in_bounded_batches() {
    let limits = Limits::default();
    let kinds = [
        ("GET /stored HTTP/1.1|Host: a||", "200"),
        ("HEAD /stored HTTP/1.1|Host: a||", "h200"),
        ("POST / HTTP/1.1|Host: a|Content-Length: 7||GET / HT", "405"),
        ("GET /none HTTP/1.1|Host: a||", "404"),
        ("GET /wait1 HTTP/1.1|Host: a||", "200"),
        ("GET /moved HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|abc|0||", "301"),
        ("GET /stored HTTP/1.1|Host: a|Range: bytes=7-9||", "206"),
    ];
    // The body of the third kind is 7 bytes of the 9 that follow; the rest would be a request of its own.
    let kinds = kinds.map(|(text, status)| (text.replace("GET / HT", "GET / H"), status));
    let mut random = Random::new(11);
    let picked: Vec<usize> = (0..100).map(|_| random.below(kinds.len())).collect();
    let stream: Vec<u8> = picked.iter().flat_map(|&kind| bytes_of(&kinds[kind].0)).collect();
    let expected: Vec<&str> = picked.iter().map(|&kind| kinds[kind].1).collect();
    assert!(stream.len() < RECEIVE_BYTES);
    let run = run_whole(&limits, &stream);
    check_wire(&run, &expected.join(" "), "a hundred");
    assert!(run.batches.len() >= 100usize.div_ceil(limits.pipeline_max));
    assert!(run.conn.is_idle() && run.conn.pending.capacity() == 0, "idle without a buffer");
}

#[test]
fn continue_is_said_when_the_body_is_not_there_yet() {
    let head = bytes_of("POST /made HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||");
    let mut run = Run::new(&Limits::default());
    run.bytes(&head);
    assert_eq!((run.interim, run.wire.len()), (1, 0));
    run.bytes(b"hel");
    assert_eq!((run.interim, run.wire.len()), (1, 0));
    run.bytes(b"lo");
    check_wire(&run, "200", "after 100");
    assert_eq!(run.interim, 1);
    for refused in ["Content-Length: 65537||", "Content-Length: x||", "Transfer-Encoding: chunked|Content-Length: 5||"]
    {
        let text = format!("POST / HTTP/1.1|Host: a|Expect: 100-continue|{refused}");
        let run = run_whole(&Limits::default(), &bytes_of(&text));
        assert_eq!((run.interim, run.end()), (0, End::Closed), "{refused}");
    }
    let run = run_whole(&Limits::default(), &bytes_of("POST / HTTP/1.0|Expect: 100-continue|Content-Length: 5||"));
    assert_eq!(run.interim, 0, "HTTP/1.0 has no interim answers");
}

#[test]
fn earlier_answers_leave_while_a_later_one_waits() {
    let mut run = Run::new(&Limits::default());
    run.goes_on = false;
    run.bytes(&bytes_of(
        "HEAD / HTTP/1.1|Host: a||GET /none HTTP/1.1|Host: a||\
         GET /wait3 HTTP/1.1|Host: a|Content-Length: 8||GET /12|GET /moved HTTP/1.1|Host: a||",
    ));
    assert_eq!(run.end(), End::Waits);
    let mut wire = &run.wire[..];
    read_answer(&mut wire, true, false);
    assert_eq!(read_answer(&mut wire, false, false).status, 404);
    assert!(wire.is_empty());
    for _ in 0..3 {
        assert_eq!(run.give(Input::Bytes(b"not asked for")), Step::Stay);
        run.is_waiting = false;
        run.give(Input::Ready);
        if run.is_waiting {
            continue;
        }
        break;
    }
    check_wire(&run, "h200 404 200 301", "in order");
    assert_eq!(run.fake.finds, ["HEAD /", "GET /none", "GET /wait3", "GET /moved"]);
    assert!(run.conn.is_idle());
}

#[test]
fn a_batch_that_cannot_be_sent_is_answered_500_instead() {
    for (text, expected) in [
        ("GET / HTTP/1.1|Host: a||GET /stored HTTP/1.1|Host: a||", "500 close"),
        ("GET / HTTP/1.1|Host: a||HEAD / HTTP/1.1|Host: a||", "500 close"),
        ("HEAD / HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a||", "h500 close"),
        ("HEAD /none HTTP/1.1|Host: a||GET / HTTP/1.1|Host: a|Connection: close||", "h500 close"),
    ] {
        let mut run = Run::new(&Limits::default());
        assert_eq!(run.on(Input::Bytes(&bytes_of(text))), Step::Send);
        assert_eq!(run.give(Input::Failed), Step::ShutdownThenDrain);
        check_wire(&run, expected, text);
    }
    // It is of this batch, not of the one before.
    let mut run = run_whole(&Limits::default(), &bytes_of("HEAD / HTTP/1.1|Host: a||"));
    assert_eq!(run.on(Input::Bytes(&bytes_of("GET / HTTP/1.1|Host: a||"))), Step::Send);
    assert_eq!(run.give(Input::Failed), Step::ShutdownThenDrain);
    check_wire(&run, "h200 500 close", "a GET behind a HEAD");
}

#[test]
fn the_last_answer_is_not_lost_to_what_the_client_sends_behind_it() {
    for text in ["GET / HTTP/1.1|Host: a|Connection: close||", "GET / HTTP/1.0||", "GET /panic HTTP/1.1|Host: a||"] {
        for stray in ["|", "GET / HTTP/1.1|Host: a||"] {
            let mut run = Run::new(&Limits::default());
            assert_eq!(run.on(Input::Bytes(&bytes_of(text))), Step::Send);
            let bytes = run.take_batch();
            assert_eq!(run.on(Input::Sent { bytes, is_all: true }), Step::ShutdownThenDrain, "{text}");
            let answers = run.wire.len();
            assert_eq!(run.give(Input::Bytes(&bytes_of(stray))), Step::Recv, "{text}");
            assert_eq!((run.give(Input::Eof), run.wire.len()), (Step::Close(Closed::Finished), answers), "{text}");
        }
    }
}

#[test]
fn an_end_of_input_closes() {
    for text in ["", "GET", "GET / HTTP/1.1|Host: a|Content-Length: 5||abc", "GET / HTTP/1.1|Host: a||"] {
        let mut run = run_whole(&Limits::default(), &bytes_of(text));
        assert_eq!(run.give(Input::Eof), Step::Close(Closed::ByPeer), "{text}");
    }
}

/// What a client might send, valid for the most part.
fn random_stream(random: &mut Random) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..1 + random.below(4) {
        stream.extend(bytes_of(EXCHANGES[random.below(EXCHANGES.len())].0));
    }
    for _ in 0..random.below(4) {
        let at = random.below(stream.len());
        match random.below(5) {
            0 => stream[at] = random.next() as u8,
            1 => stream.insert(at, b"\r\n \0:,;/%\"019GA"[random.below(15)]),
            2 => drop(stream.remove(at)),
            3 => stream.truncate(at.max(1)),
            _ => {
                let end = (at + random.below(40)).min(stream.len());
                let copy = stream[at..end].to_vec();
                stream.splice(at..at, copy);
            }
        }
        if stream.is_empty() {
            stream.push(b'G');
        }
    }
    stream
}

#[test]
fn mutated_bytes_never_panic_and_cut_the_same() {
    let mut random = Random::new(99);
    for round in 0..4_000 {
        let stream = random_stream(&mut random);
        let limits = if round % 2 == 0 { small() } else { Limits::default() };
        let whole = run_whole(&limits, &stream);
        let mut wire = &whole.wire[..];
        // Whatever it is, it is answers. Which are to HEAD is not known here, so bodies are only looked for.
        if !wire.is_empty() {
            assert!(wire.starts_with(b"HTTP/1.1 "));
            wire = &wire[wire.len().min(9)..];
            assert!(wire[0].is_ascii_digit());
        }
        for _ in 0..3 {
            let mut cuts: Vec<usize> = (0..1 + random.below(4)).map(|_| random.below(stream.len() + 1)).collect();
            cuts.sort_unstable();
            assert_same(&limits, &stream, &cuts, &whole, None);
        }
    }
}

/// Inputs in any order, also where they do not belong: no panic, bounded memory, always a deadline (`Run::on` asserts).
#[test]
fn any_sequence_of_inputs_is_survived() {
    let mut random = Random::new(7);
    let limits = small();
    let mut run = Run::new(&limits);
    let mut closed = 0;
    for round in 0..200_000 {
        let stream;
        let input = match random.below(16) {
            0 if random.below(8) == 0 => Input::Eof,
            0..=6 => {
                stream = match random.below(8) {
                    0 => random.bytes(b"GET /\r\n: 0", 40),
                    1 => vec![b'x'; 1 + random.below(RECEIVE_BYTES)],
                    _ => random_stream(&mut random),
                };
                match random.below(4) {
                    _ if stream.is_empty() => Input::Tick,
                    0 => Input::Bytes(&stream[..1 + random.below(stream.len())]),
                    _ => Input::Bytes(&stream),
                }
            }
            7..=9 => Input::Sent { bytes: 1 + random.next() % 2000, is_all: random.below(2) == 0 },
            10 | 11 => Input::Ready,
            12 if random.below(8) == 0 => Input::Failed,
            _ => {
                run.moment.nanos += match random.below(4) {
                    0 => random.next() % (20 * SECOND),
                    _ => random.next() % (SECOND / 10),
                };
                run.moment.is_draining = random.below(50) == 0;
                Input::Tick
            }
        };
        if let Step::Close(_) = run.on(input) {
            closed += 1;
            let moment = run.moment.clone();
            run.conn = Conn::new(None, &moment, &limits);
        }
        if round % 1000 == 0 {
            assert!(run.scratch.spare.len() <= SPARE_BUFFERS_MAX);
        }
    }
    assert!(closed > 1000, "{closed}");
}
