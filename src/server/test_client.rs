//! Requests without sockets: the parser, the router and the plan, run in the caller's thread.
#![forbid(unsafe_code)]

use super::content::{Content, Deliver, TaskDone};
use super::error::Error;
use super::generation::Generation;
use super::routes::RouteNames;
use super::stats::WorkerStats;
use crate::http::{Batch, Conn, Env, Input, Moment, Part, Plan, Scratch, Step, date};
use crate::limits::Limits;
use crate::route::Router;
use crossbeam_channel::{Receiver, unbounded};
use std::sync::Arc;

/// Asks a router as a connection would, for tests of your handlers and packs.
///
/// ```
/// use badgerserver::{Response, Router, TestClient};
///
/// let mut client = TestClient::new(Router::new().get("/hello/{name}", |req| Response::text(req.param("name").to_owned())))?;
/// let answer = client.get("/hello/ada");
/// assert_eq!((answer.status(), answer.body()), (200, &b"ada"[..]));
/// assert_eq!(client.get("/nothing").status(), 404);
/// # Ok::<(), badgerserver::Error>(())
/// ```
pub struct TestClient {
    content: Content,
    done: Receiver<TaskDone>,
    scratch: Scratch,
    limits: Limits,
    /// Seconds since 1970-01-01 UTC that the answers are dated with.
    unix_seconds: u64,
}

/// The time that a [`TestClient`] starts with: 2016-11-01T00:00:00Z.
const START_UNIX_SECONDS: u64 = 1_477_958_400;

impl std::fmt::Debug for TestClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestClient").field("unix_seconds", &self.unix_seconds).finish()
    }
}

impl TestClient {
    /// A client of this router.
    ///
    /// # Errors
    /// As [`crate::Builder::start`].
    pub fn new(router: Router) -> Result<TestClient, Error> {
        router.validate().map_err(Error::Route)?;
        let generation = Arc::new(Generation::new(1, router, &mut RouteNames::default()).map_err(Error::Content)?);
        let (sender, done) = unbounded();
        let deliver: Deliver = Arc::new(move |outcome| {
            // The receiver lives as long as the content that starts tasks.
            let _ = sender.send(outcome);
        });
        let run_at_once = Box::new(|_: super::tasks::Lane, task: super::tasks::Task| {
            task();
            true
        });
        let limits = Limits::default();
        let stats = Arc::new(WorkerStats::default());
        let content = Content::new(generation, limits.open_files_max, run_at_once, deliver, stats);
        Ok(TestClient { content, done, scratch: Scratch::default(), limits, unix_seconds: START_UNIX_SECONDS })
    }

    /// The same client at another time (seconds since 1970-01-01 UTC).
    pub fn at(mut self, unix_seconds: u64) -> TestClient {
        self.unix_seconds = unix_seconds;
        self
    }

    /// A GET of `target` (a path, and a query if you like).
    pub fn get(&mut self, target: &str) -> TestResponse {
        self.request("GET", target, &[])
    }

    /// A request without a body.
    ///
    /// # Panics
    /// When a header or the target has a line break.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> TestResponse {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        assert_eq!(text.lines().count(), 2 + headers.len(), "a line break in the request");
        text.push_str("\r\n");
        let mut answers = self.bytes(text.as_bytes());
        assert_eq!(answers.len(), 1, "a request has one answer");
        answers.remove(0)
    }

    /// The answers to bytes as they come from a socket, in their order.
    pub fn bytes(&mut self, bytes: &[u8]) -> Vec<TestResponse> {
        let moment = Moment {
            nanos: 0,
            unix_seconds: self.unix_seconds,
            date: date::write(self.unix_seconds),
            is_draining: false,
            generation: self.content.number(),
            clock: None,
        };
        let mut conn = Conn::new(None, &moment, &self.limits);
        let mut answers = Vec::new();
        let mut input = Input::Bytes(bytes);
        loop {
            self.content.begin_batch();
            let mut env = Env {
                moment: &moment,
                limits: &self.limits,
                service: &mut self.content,
                scratch: &mut self.scratch,
                local: None,
            };
            input = match conn.on(input, &mut env) {
                Step::Send => {
                    let batch = std::mem::take(&mut self.scratch.batch);
                    answers.extend(batch.plans.iter().map(|plan| self.collect(&batch, plan)));
                    let bytes = answers.last().map_or(0, |answer: &TestResponse| answer.head.len() as u64);
                    Input::Sent { bytes, is_all: true }
                }
                Step::Wait => {
                    for done in self.done.try_iter().collect::<Vec<_>>() {
                        self.content.done(done);
                    }
                    Input::Ready
                }
                // No proxy is before it.
                Step::Identified | Step::Recv | Step::Stay | Step::ShutdownThenDrain | Step::Close(_) => {
                    return answers;
                }
            };
        }
    }

    /// An answer with its bytes.
    fn collect(&self, batch: &Batch, plan: &Plan) -> TestResponse {
        let mut wire = Vec::new();
        for part in &batch.parts[plan.parts.start as usize..plan.parts.end as usize] {
            match *part {
                Part::Bytes { start, len } => {
                    wire.extend_from_slice(&batch.bytes[start as usize..start as usize + len as usize]);
                }
                Part::Owned(number) => wire.extend_from_slice(&batch.owned[number as usize]),
                Part::Span(span) => {
                    let start = wire.len();
                    wire.resize(start + span.len as usize, 0);
                    let file = self.content.file(span.source);
                    let is_read = file.is_some_and(|file| file.read_at(span.offset, &mut wire[start..]).is_ok());
                    assert!(is_read, "the content was ready and cannot be read");
                }
            }
        }
        let body = wire.split_off(plan.head_bytes as usize);
        TestResponse { status: plan.status, head: wire, body }
    }
}

/// An answer to a [`TestClient`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResponse {
    status: u16,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl TestResponse {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The head as it goes over the wire, with its blank line.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The value of the first field of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.head).ok()?;
        let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}
