//! What must hold for a connection: any cut of its bytes gives the same answers, and every answer is well-formed.
#![forbid(unsafe_code)]

use super::Draws;
use super::values::small_limits;
use crate::http::list::random::Random;
use crate::http::{
    Batch, Closed, Conn, Env, Found, Input, Method, Methods, Moment, Part, Plan, Ready, Request, Response, Scratch,
    Service, SourceId, Span, Step, Stored, date,
};
use crate::limits::{Limits, RECEIVE_BYTES};

const START_NANOS: u64 = 1_000_000_000_000;
const START_UNIX_SECONDS: u64 = 1_700_000_000;
const STORED_BYTES: u64 = 1_000;
/// Longer streams are cut at some places only.
const CUT_EVERYWHERE_BYTES_MAX: usize = 192;

/// Content by the first letter of a path.
#[derive(Default)]
struct Site {
    /// Whether the request at the front has waited already.
    has_waited: bool,
}

impl Service for Site {
    fn find(&mut self, request: &Request<'_>, stored: &mut Stored) -> Found {
        let path = request.path();
        let is_read = matches!(request.method(), Method::Get | Method::Head);
        match path.as_bytes().get(1) {
            Some(b'w') if !std::mem::replace(&mut self.has_waited, true) => return Found::Wait,
            Some(b'n') => return Found::Missing,
            Some(b'f') => return Found::Failed,
            Some(b'b') => return Found::Busy,
            Some(b'p') => return Found::Panicked,
            Some(b'a') => return Found::NotAcceptable,
            Some(b'm') => return Found::Made(Response::text(path.to_owned()).etag("made").header("X-Path", path)),
            Some(b'l') => return Found::Made(Response::text("long ".repeat(2_000)).status(404)),
            _ => {}
        }
        self.has_waited = false;
        if !is_read {
            return Found::Methods(Methods::READ);
        }
        stored.always = stored.push(b"Vary: Accept-Encoding\r\nETag: \"abc\"\r\n");
        let end = stored.always.end;
        stored.etag = end - 7..end - 2;
        stored.content = stored.push(b"Content-Type: text/plain\r\n");
        stored.last_modified = Some(784_111_777);
        stored.body = Some(Span { source: SourceId(0), offset: 5_000, len: STORED_BYTES });
        Found::Stored
    }

    fn ready(&mut self, _span: Span) -> Ready {
        Ready::Now
    }
}

/// How a connection stands when its bytes are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    /// The last answer has left, and what comes is thrown away.
    Lingers,
    Closed(Closed),
}

/// A connection whose answers leave at once.
pub(super) struct Exchange<S> {
    conn: Conn,
    service: S,
    scratch: Scratch,
    limits: Limits,
    moment: Moment,
    /// Bytes that were given so far.
    given: usize,
    pub(super) standing: Standing,
    /// What the client gets, without interim answers.
    pub(super) wire: Vec<u8>,
    /// The status of each answer, and how much had been given when it left.
    pub(super) answers: Vec<(u16, usize)>,
}

impl<S: Service> Exchange<S> {
    pub(super) fn new(limits: &Limits, service: S) -> Exchange<S> {
        let moment = Moment {
            nanos: START_NANOS,
            unix_seconds: START_UNIX_SECONDS,
            date: date::write(START_UNIX_SECONDS),
            is_draining: false,
            generation: 1,
            clock: None,
        };
        Exchange {
            conn: Conn::new(None, &moment, limits),
            service,
            scratch: Scratch::default(),
            limits: limits.clone(),
            moment,
            given: 0,
            standing: Standing::Open,
            wire: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Gives bytes as a worker does, and follows the steps until more is wanted.
    pub(super) fn give(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(RECEIVE_BYTES) {
            if matches!(self.standing, Standing::Closed(_)) {
                return;
            }
            self.given += piece.len();
            let mut step = self.on(Input::Bytes(piece));
            loop {
                step = match step {
                    Step::Send => {
                        let bytes = self.take_batch();
                        self.on(Input::Sent { bytes, is_all: true })
                    }
                    Step::Wait | Step::Identified => self.on(Input::Ready),
                    Step::ShutdownThenDrain => {
                        assert_eq!(self.standing, Standing::Open, "the end is said once");
                        self.standing = Standing::Lingers;
                        break;
                    }
                    Step::Close(why) => {
                        self.standing = Standing::Closed(why);
                        break;
                    }
                    Step::Recv | Step::Stay => break,
                };
            }
        }
    }

    fn on(&mut self, input: Input<'_>) -> Step {
        let mut env = Env {
            moment: &self.moment,
            limits: &self.limits,
            service: &mut self.service,
            scratch: &mut self.scratch,
            local: None,
        };
        let step = self.conn.on(input, &mut env);
        if !matches!(step, Step::Close(_)) {
            let deadline = self.conn.deadline().expect("something is always waited for");
            assert!(deadline <= START_NANOS + 3_600_000_000_000, "a deadline that never comes");
        }
        step
    }

    /// Checks the batch and puts it on the wire.
    fn take_batch(&mut self) -> u64 {
        let Batch { parts, plans, owned, bytes, reached: _, since: _ } = &self.scratch.batch;
        assert!(!plans.is_empty() && plans.len() <= self.limits.pipeline_max);
        assert_eq!(self.standing, Standing::Open, "an answer behind the last one");
        let (mut next, mut total) = (0, 0);
        for (index, plan) in plans.iter().enumerate() {
            assert_eq!(plan.parts.start, next);
            next = plan.parts.end;
            let mut answer = Vec::new();
            for part in &parts[plan.parts.start as usize..plan.parts.end as usize] {
                match *part {
                    Part::Bytes { start, len } => {
                        answer.extend_from_slice(&bytes[start as usize..(start + len) as usize]);
                    }
                    Part::Owned(number) => answer.extend_from_slice(&owned[number as usize]),
                    Part::Span(span) => {
                        assert!(span.offset >= 5_000 && span.offset + span.len <= 5_000 + STORED_BYTES);
                        answer.extend((span.offset..span.offset + span.len).map(|at| (at % 251) as u8));
                    }
                }
            }
            let ends = check_answer(plan, &answer);
            assert!(!ends || index + 1 == plans.len(), "an answer behind a close");
            total += answer.len() as u64;
            if plan.status != 100 {
                self.wire.extend(answer);
                self.answers.push((plan.status, self.given));
            }
        }
        assert_eq!(next as usize, parts.len());
        total
    }
}

/// Whether what a plan puts on the wire says that it is the last answer. It must be one answer and nothing else.
fn check_answer(plan: &Plan, answer: &[u8]) -> bool {
    assert_eq!(answer.len() as u64, u64::from(plan.head_bytes) + plan.body_bytes);
    if plan.status == 100 {
        assert_eq!(answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        return false;
    }
    let head = std::str::from_utf8(&answer[..plan.head_bytes as usize]).expect("a head is text");
    let mut lines = head.strip_suffix("\r\n\r\n").expect("a head ends with a blank line").split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    assert!(status_line.starts_with(&format!("HTTP/1.1 {} ", plan.status)), "{status_line:?}");
    let (mut dates, mut length, mut ends) = (0, None, false);
    for line in lines {
        // A handler may say more than ASCII (RFC 9110 section 5.5: obs-text), but nothing that ends a line.
        let is_text = line.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no field"));
        assert!(is_text && crate::http::list::is_token(name.as_bytes()) && !value.is_empty(), "{line:?}");
        match name {
            "Date" => dates += 1,
            "Connection" => ends = value == "close",
            "Content-Length" => assert!(length.replace(value.parse::<u64>().expect("digits")).is_none()),
            "Transfer-Encoding" => panic!("answers have a length"),
            _ => {}
        }
    }
    assert_eq!(dates, 1);
    match plan.status {
        204 => assert_eq!((length, plan.body_bytes), (None, 0)),
        304 => assert_eq!(plan.body_bytes, 0),
        // To a HEAD the length is said and the body is not sent.
        _ => assert!(plan.body_bytes == 0 && length.is_some() || length == Some(plan.body_bytes), "{head:?}"),
    }
    ends
}

/// A stream of requests: however it is cut, the same bytes leave and the connection stands the same.
pub fn connection(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    let limits = match draws.below(3) {
        0 => Limits::default(),
        1 => small_limits(),
        _ => Limits { request_line_bytes_max: 64, head_bytes_max: 64, ..small_limits() },
    };
    let mut random = Random::new(u64::from(draws.byte()));
    let stream = draws.0;
    let run = |cuts: &mut dyn Iterator<Item = usize>| {
        let mut exchange = Exchange::new(&limits, Site::default());
        let mut start = 0;
        for end in cuts.chain([stream.len()]) {
            if end > start {
                exchange.give(&stream[start..end]);
                start = end;
            }
        }
        // What comes behind the last answer counts for nothing, so neither does when it was given.
        let statuses: Vec<u16> = exchange.answers.iter().map(|answer| answer.0).collect();
        (exchange.wire, statuses, exchange.standing)
    };
    let whole = run(&mut std::iter::empty());
    let compare = |cuts: &mut dyn Iterator<Item = usize>, how: &str| {
        let cut = run(cuts);
        let texts = [&cut.0, &whole.0].map(|wire| wire.escape_ascii().to_string());
        assert_eq!(texts[0], texts[1], "{how}");
        assert_eq!((cut.1, cut.2), (whole.1.clone(), whole.2), "{how}");
    };
    if stream.len() <= CUT_EVERYWHERE_BYTES_MAX {
        compare(&mut (1..stream.len()), "byte by byte");
    } else {
        let step = 1 + random.below(40);
        compare(&mut (step..stream.len()).step_by(step), "in equal pieces");
    }
    for _ in 0..4 {
        let cut = random.below(stream.len() + 1);
        compare(&mut std::iter::once(cut), "in two");
        let mut cuts: Vec<usize> = (0..1 + random.below(6)).map(|_| random.below(stream.len() + 1)).collect();
        cuts.sort_unstable();
        compare(&mut cuts.into_iter(), "in pieces");
    }
}
