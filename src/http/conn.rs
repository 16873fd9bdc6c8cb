//! The connection: a pure state machine from bytes to plans. Every transition is in this file; what one
//! answer says is in `answer`.
//!
//! # Theory
//! A connection is in one **phase**, which says what it waits for:
//!
//! ```text
//!            bytes: whole requests            all sent, last answer
//! Receiving ----------------------> Sending -----------------------> Lingering (FIN sent; reads and
//!   ^  |  ^                          |   ^                           throws away, so that the client
//!   |  |  '----- all sent, more -----'   |                           gets the answer before a reset)
//!   |  '-> Preparing -- ready ---> (asked again)
//!   '- a partial request: bytes are kept, nothing else changes
//! ```
//!
//! Beside it stands how far the next request has been **read**: collecting its head, or throwing its body away. A
//! request is answered when all of it has been read, so that what follows is the next request and a broken body is
//! refused. The bytes of a request that is not whole are kept in `pending`; an idle connection holds no buffer.
//!
//! Requests that came together are answered together: [`Conn::on`] fills a batch of up to `pipeline_max` plans and
//! returns [`Step::Send`]. What comes after the batch waits in `pending`, and no more is received until it has left, so
//! a client that does not read cannot make the server buffer.
//!
//! A connection of a trusted proxy ([`Conn::proxied`]) begins with a header that names its client ([`super::proxy`]). Behind it
//! the connection stops once ([`Step::Identified`]), so that whoever counts clients can turn it away.
//!
//! Content that is not at hand ([`super::Found::Wait`], [`super::Ready::Wait`]) stops the batch before the request that needs it. That
//! request is simply asked again after [`Input::Ready`]: nothing of it is remembered, so there is no second way in.
//!
//! **Cut invariance**: the same bytes give the same plans however they are cut. Whatever depends on time is not about
//! bytes: a deadline passes, a drain begins.
#![forbid(unsafe_code)]

use super::answer::One;
use super::chunked::ChunkReader;
use super::fields::Sections;
use super::head::{self, Persistence};
use super::method::Method;
use super::parse::{self, Framing, Head, Parsed, Refusal};
use super::peer::PeerAddress;
use super::plan::{Batch, Reached};
use super::proxy::{self, ProxyHeader, Source};
use super::service::{Service, Stored};
use crate::limits::{Limits, PREPARE_ATTEMPTS_MAX, PREPARE_NANOS_MAX};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// The time, and what else is the same for all connections of one turn.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Nanoseconds of a clock that never goes back.
    pub nanos: u64,
    /// Seconds since 1970-01-01 UTC.
    pub unix_seconds: u64,
    /// `unix_seconds` as `Date` writes it.
    pub date: [u8; 29],
    /// The server is stopping: answers say `Connection: close`.
    pub is_draining: bool,
    /// The number of the content that answers.
    pub generation: u64,
    /// Says what time it is while a turn goes on: then each answer has a line `Server-Timing`.
    pub clock: Option<fn() -> u64>,
}

/// What [`Conn::on`] works with.
pub struct Env<'e, S> {
    /// The time.
    pub moment: &'e Moment,
    /// The bounds.
    pub limits: &'e Limits,
    /// Whoever has the content.
    pub service: &'e mut S,
    /// Memory that is reused; the batch is in there.
    pub scratch: &'e mut Scratch,
    /// The address that the connection came in on.
    pub local: Option<SocketAddr>,
}

/// Memory that all connections of a worker use in turn.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The answers of the last [`Step::Send`].
    pub batch: Batch,
    pub(super) stored: Stored,
    pub(super) decoded: Vec<u8>,
    /// `None` while one of them is in use.
    sections: Option<Box<Sections>>,
    /// Buffers for partial requests, to be used again.
    spare: Vec<Vec<u8>>,
}

/// Buffers kept for reuse, and the largest that is worth keeping.
const SPARE_BUFFERS_MAX: usize = 64;
const SPARE_BYTES_MAX: usize = 64 * 1024;

impl Scratch {
    fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'b> {
    /// Bytes came, at least one.
    Bytes(&'b [u8]),
    /// The client will send no more.
    Eof,
    /// This many bytes of the batch have left since the last time, and whether that was all of it.
    Sent {
        /// Bytes, at least one.
        bytes: u64,
        /// Nothing of the batch is left.
        is_all: bool,
    },
    /// What [`Step::Wait`] waited for has come, or has failed: the request is asked again.
    Ready,
    /// The batch of the last [`Step::Send`] cannot be sent, and none of it was: what it names is gone.
    Failed,
    /// The same, but it is there: it could not be read in time, or too much is being read.
    Unready,
    /// The batch under way waits for its content and not for its client: the time to send it starts anew.
    Held,
    /// Time has passed [`Conn::deadline`].
    Tick,
    /// In place of anything else, right after [`Conn::new`] or [`Step::Identified`]: its client has too many connections. It
    /// is answered 503, and ends.
    TurnedAway,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Receive.
    Recv,
    /// Send the batch in [`Scratch::batch`].
    Send,
    /// Wait for [`Input::Ready`].
    Wait,
    /// The proxy has named its client, [`Conn::peer`]: say [`Input::Ready`] at once, or [`Input::TurnedAway`].
    Identified,
    /// Go on with what is outstanding.
    Stay,
    /// Say that nothing more will be sent (FIN), then receive.
    ShutdownThenDrain,
    /// Close.
    Close(Closed),
}

/// Why a connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The client closed, between requests or in the middle of one.
    ByPeer,
    /// The last answer said so and was sent, and the client closed its side.
    Finished,
    /// No request came in time.
    IdleTime,
    /// No head came in time, not even its first byte.
    HeadTime,
    /// The client took too few bytes in time: the answer is incomplete, so this is a reset.
    SendTime,
    /// The client did not close its side while the connection lingered.
    LingerTime,
    /// The client sent too much while the connection lingered.
    LingerBytes,
    /// A trusted proxy sent something else than its header.
    ProxyHeader,
}

/// What a connection is doing, for whoever looks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A request has begun to come.
    Reading,
    /// A request waits for its content.
    Waiting,
    /// Answers are on their way.
    Sending,
    /// No request is under way.
    Idle,
    /// The last answer has left, and the client has not closed its side.
    Lingering,
}

#[derive(Debug)]
enum Phase {
    Receiving,
    Sending,
    Preparing,
    Lingering { left: u32 },
}

#[derive(Debug)]
enum Reading {
    /// Collecting the next head.
    Head { empty_lines: u8 },
    /// Throwing the body away; `pending` starts with the head, which is `head_bytes` long.
    Body { head_bytes: usize, reader: BodyReader },
}

const FRESH_HEAD: Reading = Reading::Head { empty_lines: 0 };

#[derive(Debug)]
enum BodyReader {
    Length { left: u64 },
    Chunked(Box<ChunkReader>),
    Done,
}

/// What follows the batch under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The next request.
    Continue,
    /// FIN, and reading on until the client closes too: bytes that nobody reads (another request, an empty line, after
    /// `Connection: close` too) make the kernel reset, which takes an answer away that is still on its way (RFC 9112
    /// section 9.6).
    Linger,
}

/// No deadline, no start.
const NEVER: u64 = u64::MAX;

/// One connection.
#[derive(Debug)]
pub struct Conn {
    phase: Phase,
    reading: Reading,
    then: Then,
    /// Times the request at the front was asked again of the content that was asked last. New content starts anew.
    attempts: u8,
    asked_generation: u64,
    /// Whether a request has been answered.
    has_answered: bool,
    /// Whether the first request of the batch is a HEAD: what is answered in the batch's place has no body either.
    is_batch_of_head: bool,
    /// Bytes of requests that are not whole or whose turn has not come.
    pending: Vec<u8>,
    /// When the head (or body) under way began, or the last answer before it had left; [`NEVER`]: none has begun. Of a request
    /// that waits for its content: when it was read.
    since: u64,
    deadline: u64,
    /// Bytes that the client took in this send window.
    window_bytes: u64,
    peer: PeerAddress,
    /// The header of a proxy has yet to come.
    awaits_proxy: bool,
}

const _: () = assert!(size_of::<Conn>() <= 120, "a server has one for each idle connection");

/// What to keep of the bytes that were processed: a head whose body is being read, and what follows.
struct Keep {
    head: Range<usize>,
    rest: Range<usize>,
}

impl Keep {
    fn nothing() -> Keep {
        Keep { head: 0..0, rest: 0..0 }
    }

    fn rest(rest: Range<usize>) -> Keep {
        Keep { head: 0..0, rest }
    }
}

/// What became of one request.
enum Answered {
    /// Its plan is in the batch, and the connection goes on.
    Goes,
    /// Its plan is in the batch and is the last one.
    Ends,
    /// It has to wait for its content.
    Waits,
}

impl Conn {
    /// The client's address: the other end's, or what a proxy said of it; none on a unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer.get()
    }

    /// A connection that was just accepted.
    pub fn new(peer: Option<SocketAddr>, moment: &Moment, limits: &Limits) -> Conn {
        Conn {
            phase: Phase::Receiving,
            reading: FRESH_HEAD,
            then: Then::Continue,
            attempts: 0,
            asked_generation: moment.generation,
            has_answered: false,
            is_batch_of_head: false,
            pending: Vec::new(),
            since: moment.nanos,
            deadline: after(moment, limits.head_time_max),
            window_bytes: 0,
            peer: PeerAddress::of(peer),
            awaits_proxy: false,
        }
    }

    /// A connection of a proxy, which tells whom it is for before anything else.
    pub fn proxied(proxy: Option<SocketAddr>, moment: &Moment, limits: &Limits) -> Conn {
        Conn { awaits_proxy: true, ..Conn::new(proxy, moment, limits) }
    }

    /// Whether its proxy has yet to say whom it is for.
    pub fn awaits_proxy(&self) -> bool {
        self.awaits_proxy
    }

    /// When this connection next wants a [`Input::Tick`], in nanoseconds of [`Moment::nanos`].
    pub fn deadline(&self) -> Option<u64> {
        (self.deadline != NEVER).then_some(self.deadline)
    }

    /// Whether no request is under way: nothing of one was read, nothing is being sent.
    pub fn is_idle(&self) -> bool {
        matches!((&self.phase, &self.reading), (Phase::Receiving, Reading::Head { .. })) && self.pending.is_empty()
    }

    /// What it is doing.
    pub fn activity(&self) -> Activity {
        match self.phase {
            Phase::Receiving if self.is_idle() => Activity::Idle,
            Phase::Receiving => Activity::Reading,
            Phase::Preparing => Activity::Waiting,
            Phase::Sending => Activity::Sending,
            Phase::Lingering { .. } => Activity::Lingering,
        }
    }

    /// Memory of the requests that wait to be read or answered.
    #[cfg(test)]
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.capacity()
    }

    /// Takes what happened and says what to do next.
    pub fn on<S: Service>(&mut self, input: Input<'_>, env: &mut Env<'_, S>) -> Step {
        match (&mut self.phase, input) {
            (Phase::Receiving, Input::Bytes(bytes)) if self.awaits_proxy => self.read_proxy_header(bytes, env),
            (Phase::Receiving, Input::Bytes(bytes)) => self.read(bytes, env),
            (Phase::Receiving, Input::Eof) => Step::Close(Closed::ByPeer),
            (Phase::Receiving, Input::Tick) => self.receiving_tick(env),
            (Phase::Receiving | Phase::Preparing, Input::TurnedAway) => {
                self.phase = Phase::Receiving;
                let refusal = Refusal { status: 503, why: "too many connections from this address" };
                self.answer_last(refusal, false, &[], env)
            }
            (Phase::Sending, Input::Sent { bytes, is_all }) => {
                self.window_bytes += bytes;
                if is_all { self.sent_all(env) } else { Step::Stay }
            }
            (Phase::Sending, Input::Tick) => self.sending_tick(env),
            (Phase::Sending, Input::Failed) => {
                let refusal = Refusal { status: 500, why: "the content is gone" };
                self.answer_last(refusal, self.is_batch_of_head, &[], env)
            }
            (Phase::Sending, Input::Unready) => {
                let refusal = Refusal { status: 503, why: "the content was not ready in time" };
                self.answer_last(refusal, self.is_batch_of_head, &[], env)
            }
            (Phase::Sending, Input::Held) => {
                self.window_bytes = 0;
                self.deadline = after(env.moment, env.limits.send_time_max);
                Step::Stay
            }
            (Phase::Preparing, Input::Ready) => {
                self.phase = Phase::Receiving;
                self.read(&[], env)
            }
            (Phase::Preparing, Input::Tick) => self.preparing_tick(env),
            (Phase::Lingering { left }, Input::Bytes(bytes)) => {
                *left = left.saturating_sub(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                if *left == 0 { Step::Close(Closed::LingerBytes) } else { Step::Recv }
            }
            (Phase::Lingering { .. }, Input::Eof) => Step::Close(Closed::Finished),
            (Phase::Lingering { .. }, Input::Tick) if env.moment.nanos >= self.deadline => {
                Step::Close(Closed::LingerTime)
            }
            // A receive that was outstanding when a timeout was answered: the answer is the last one, so what comes
            // after it counts for nothing, and an Eof comes again to the next receive.
            (Phase::Sending | Phase::Preparing, Input::Bytes(_) | Input::Eof) => Step::Stay,
            // Nobody waits for these any more.
            (
                Phase::Lingering { .. },
                Input::Tick | Input::Ready | Input::Sent { .. } | Input::Failed | Input::Unready | Input::Held,
            )
            | (Phase::Receiving, Input::Ready | Input::Sent { .. } | Input::Failed | Input::Unready | Input::Held)
            | (Phase::Sending, Input::Ready)
            | (Phase::Preparing, Input::Sent { .. } | Input::Failed | Input::Unready | Input::Held)
            | (Phase::Sending | Phase::Lingering { .. }, Input::TurnedAway) => Step::Stay,
        }
    }

    /// Processes what is pending and `bytes`, and keeps what is not whole.
    fn read<S: Service>(&mut self, bytes: &[u8], env: &mut Env<'_, S>) -> Step {
        env.scratch.batch.clear();
        if self.pending.is_empty() {
            let keep = self.process(bytes, env);
            if !keep.head.is_empty() || !keep.rest.is_empty() {
                self.pending = env.scratch.buffer();
                self.pending.extend_from_slice(&bytes[keep.head]);
                self.pending.extend_from_slice(&bytes[keep.rest]);
            }
        } else if self.is_hopeless(bytes, env.limits) {
            self.pending.extend_from_slice(bytes);
        } else {
            let mut buffer = std::mem::take(&mut self.pending);
            buffer.extend_from_slice(bytes);
            let keep = self.process(&buffer, env);
            buffer.truncate(keep.rest.end.max(keep.head.end));
            buffer.drain(keep.head.end..keep.rest.start.max(keep.head.end));
            buffer.drain(..keep.head.start);
            if buffer.is_empty() {
                env.scratch.recycle(buffer);
            } else {
                self.pending = buffer;
            }
        }
        self.step(env)
    }

    /// Reads what a proxy says of its client, and keeps what follows for [`Input::Ready`].
    fn read_proxy_header<S: Service>(&mut self, bytes: &[u8], env: &mut Env<'_, S>) -> Step {
        env.scratch.batch.clear();
        self.pending.extend_from_slice(bytes);
        let (len, source) = match proxy::parse(&self.pending) {
            ProxyHeader::Partial => return self.step(env),
            ProxyHeader::Refused(_) => return Step::Close(Closed::ProxyHeader),
            ProxyHeader::Whole { len, source } => (len, source),
        };
        self.pending.drain(..len);
        self.peer = match source {
            Source::Connection => self.peer,
            Source::Inet(client) => PeerAddress::of(Some(client)),
            Source::Unix => PeerAddress::None,
        };
        self.awaits_proxy = false;
        self.phase = Phase::Preparing;
        Step::Identified
    }

    /// Whether `bytes` change nothing: they end no line, reach no limit, and are wrong nowhere in a method, a target or a
    /// field. It spares a client that trickles its head the price of reading it from the start for each byte.
    fn is_hopeless(&self, bytes: &[u8], limits: &Limits) -> bool {
        let len = self.pending.len() + bytes.len();
        let is_in_fields = || memchr::memchr(b'\n', &self.pending).is_some();
        let is_before_version = || memchr::memchr_iter(b' ', &self.pending).count() < 2;
        !bytes.is_empty()
            && matches!(self.reading, Reading::Head { .. })
            && self.then == Then::Continue
            && len < limits.request_line_bytes_max.min(limits.head_bytes_max)
            && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && self.pending.last() != Some(&b'\r')
            && (is_in_fields() || is_before_version())
    }

    /// What to do after processing.
    fn step<S: Service>(&mut self, env: &mut Env<'_, S>) -> Step {
        if !env.scratch.batch.is_empty() {
            self.phase = Phase::Sending;
            self.window_bytes = 0;
            self.deadline = after(env.moment, env.limits.send_time_max);
            return Step::Send;
        }
        if matches!(self.phase, Phase::Preparing) {
            self.deadline = env.moment.nanos.saturating_add(PREPARE_NANOS_MAX);
            return Step::Wait;
        }
        let is_between = self.pending.is_empty() && matches!(self.reading, Reading::Head { .. });
        self.deadline = match self.reading {
            Reading::Head { .. } if is_between && self.has_answered => after(env.moment, env.limits.idle_time_max),
            Reading::Head { .. } => since(self.since, env.limits.head_time_max),
            Reading::Body { .. } => since(self.since, env.limits.body_time_max),
        };
        Step::Recv
    }

    /// Answers every whole request in `bytes`, up to the bounds of a batch.
    fn process<S: Service>(&mut self, bytes: &[u8], env: &mut Env<'_, S>) -> Keep {
        let mut sections = env.scratch.sections.take().unwrap_or_default();
        let keep = self.process_with(&mut sections, bytes, env);
        env.scratch.sections = Some(sections);
        keep
    }

    fn process_with<S: Service>(&mut self, sections: &mut Sections, bytes: &[u8], env: &mut Env<'_, S>) -> Keep {
        let mut at = 0;
        while env.scratch.batch.plans.len() < env.limits.pipeline_max {
            if let Reading::Head { empty_lines } = &mut self.reading {
                match parse::empty_lines(&bytes[at..], empty_lines) {
                    Some(skipped) => at += skipped,
                    None => {
                        let refusal = Refusal { status: 400, why: "too many empty lines before the request line" };
                        return self.refuse(refusal, false, &[], env);
                    }
                }
            }
            if at == bytes.len() {
                return Keep::nothing();
            }
            let view = &bytes[at..];
            let patched;
            let mut parsed = parse::head(view, sections, env.limits);
            if let Parsed::NewerMinor(index) = parsed {
                patched = as_minor_one(view, index, env.limits);
                parsed = parse::head(&patched, sections, env.limits);
            }
            let head = match parsed {
                Parsed::Head(head) => head,
                Parsed::Partial => {
                    if self.since == NEVER {
                        self.since = env.moment.nanos;
                    }
                    return Keep::rest(at..bytes.len());
                }
                Parsed::Refused(refusal) => return self.refuse(refusal, is_of_head(view), view, env),
                Parsed::NewerMinor(_) => {
                    let refusal = Refusal { status: 400, why: "the HTTP version is malformed" };
                    return self.refuse(refusal, is_of_head(view), view, env);
                }
            };
            let body_start = at + head.len;
            let read = &view[..head.len];
            let (is_whole, consumed) = match self.body(&head, &bytes[body_start..], env) {
                Body::Read(consumed) => (true, consumed),
                Body::Partial => return Keep { head: at..body_start, rest: body_start..body_start },
                Body::TooLong => (false, 0),
                Body::Refused(refusal) => return self.refuse(refusal, head.method == Method::Head, read, env),
            };
            let next = body_start + consumed;
            let is_first_try = self.attempts == 0;
            match self.answer(&head, read, is_whole, next == bytes.len(), env) {
                Answered::Goes => {
                    at = next;
                    self.reading = FRESH_HEAD;
                    self.since = NEVER;
                    self.attempts = 0;
                    self.has_answered = true;
                }
                Answered::Ends => return Keep::nothing(),
                Answered::Waits => {
                    if env.scratch.batch.is_empty() {
                        self.phase = Phase::Preparing;
                        self.attempts += 1;
                        if is_first_try {
                            self.since = env.moment.nanos;
                        }
                    }
                    return Keep { head: at..body_start, rest: next..bytes.len() };
                }
            }
        }
        Keep::rest(at..bytes.len())
    }

    /// Reads on in the body of the request whose head is `head`.
    fn body<S: Service>(&mut self, head: &Head<'_, '_>, bytes: &[u8], env: &mut Env<'_, S>) -> Body {
        let bytes_max = env.limits.body_bytes_max;
        if matches!(self.reading, Reading::Head { .. }) {
            let reader = match head.verdict.framing {
                Framing::None => return Body::Read(0),
                Framing::Length(left) if left > bytes_max => return Body::TooLong,
                Framing::Length(left) => BodyReader::Length { left },
                Framing::Chunked => BodyReader::Chunked(Box::default()),
            };
            self.reading = Reading::Body { head_bytes: head.len, reader };
            self.since = env.moment.nanos;
            if head.verdict.expects_continue && bytes.is_empty() {
                head::interim_continue(&mut env.scratch.batch);
            }
        }
        let Reading::Body { head_bytes, reader } = &mut self.reading else { return Body::Read(0) };
        debug_assert_eq!(*head_bytes, head.len);
        match reader {
            BodyReader::Done => Body::Read(0),
            BodyReader::Length { left } => {
                let consumed = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= consumed as u64;
                if *left > 0 {
                    return Body::Partial;
                }
                *reader = BodyReader::Done;
                Body::Read(consumed)
            }
            BodyReader::Chunked(chunks) => {
                let fed = chunks.feed(bytes);
                // Asked first, since what is wrong behind the limit is not read when the bytes come one by one. A size says
                // it before its data comes.
                if chunks.body_bytes_min() > bytes_max {
                    return Body::TooLong;
                }
                match fed {
                    Err(error) => Body::Refused(Refusal { status: 400, why: error.why() }),
                    Ok(feed) if !feed.done => Body::Partial,
                    Ok(feed) => {
                        *reader = BodyReader::Done;
                        Body::Read(feed.consumed)
                    }
                }
            }
        }
    }

    /// Puts the answer to one request into the batch.
    fn answer<S: Service>(
        &mut self,
        head: &Head<'_, '_>,
        read: &[u8],
        is_whole: bool,
        is_last_read: bool,
        env: &mut Env<'_, S>,
    ) -> Answered {
        if env.scratch.batch.plans.is_empty() {
            self.is_batch_of_head = head.method == Method::Head;
            // What came behind one that waited was read with it.
            env.scratch.batch.since = if self.attempts > 0 { self.since } else { env.moment.nanos };
        }
        let server_ends = !is_whole || (env.moment.is_draining && is_last_read);
        let persistence = match (head.verdict.keep_alive && !server_ends, head.is_http_10) {
            (false, _) => Persistence::Close,
            (true, true) => Persistence::KeepAlive,
            (true, false) => Persistence::Implied,
        };
        let mut one = One {
            moment: env.moment,
            persistence,
            with_body: head.method != Method::Head,
            scratch: &mut *env.scratch,
            ends: persistence == Persistence::Close,
            head: read,
            peer: self.peer.get(),
        };
        if self.asked_generation != env.moment.generation {
            self.asked_generation = env.moment.generation;
            self.attempts = 0;
        }
        if self.attempts > PREPARE_ATTEMPTS_MAX {
            let refusal = Refusal { status: 503, why: "the content could not be made ready" };
            one.refuse(refusal, &mut *env.service);
        } else if !one.request(head, is_whole, env.local, &mut *env.service) {
            return Answered::Waits;
        }
        if !one.ends {
            return Answered::Goes;
        }
        if !is_whole {
            env.scratch.batch.reached = Some(Reached::Body);
        }
        self.then = Then::Linger;
        Answered::Ends
    }

    /// Answers a request that cannot be read; nothing after it can be either. `read` is what there is of it.
    fn refuse<S: Service>(&mut self, refusal: Refusal, is_of_head: bool, read: &[u8], env: &mut Env<'_, S>) -> Keep {
        if env.scratch.batch.plans.is_empty() {
            let has_waited = matches!(self.phase, Phase::Preparing);
            env.scratch.batch.since = if has_waited { self.since } else { env.moment.nanos };
        }
        let mut one = One {
            moment: env.moment,
            persistence: Persistence::Close,
            with_body: !is_of_head,
            scratch: &mut *env.scratch,
            ends: true,
            head: read,
            peer: self.peer.get(),
        };
        one.refuse(refusal, &mut *env.service);
        // Only the protocol's own refusals come here, so the status says which limit it was.
        env.scratch.batch.reached = match (refusal.status, &self.reading) {
            (408, Reading::Head { .. }) => Some(Reached::HeadTime),
            (408, Reading::Body { .. }) => Some(Reached::BodyTime),
            (414, _) => Some(Reached::RequestLine),
            (431, _) => Some(Reached::Head),
            _ => None,
        };
        self.then = Then::Linger;
        Keep::nothing()
    }

    fn sent_all<S: Service>(&mut self, env: &mut Env<'_, S>) -> Step {
        match self.then {
            Then::Linger => {
                let left = u32::try_from(env.limits.linger_bytes_max).unwrap_or(u32::MAX);
                self.phase = Phase::Lingering { left };
                self.deadline = after(env.moment, env.limits.linger_time_max);
                Step::ShutdownThenDrain
            }
            Then::Continue => {
                self.phase = Phase::Receiving;
                if self.pending.is_empty() {
                    env.scratch.batch.clear();
                    return self.step(env);
                }
                // Nothing was received while the answers left, so the time of what is begun behind them starts now.
                if self.since != NEVER {
                    self.since = env.moment.nanos;
                }
                self.read(&[], env)
            }
        }
    }

    fn receiving_tick<S: Service>(&mut self, env: &mut Env<'_, S>) -> Step {
        if env.moment.nanos < self.deadline {
            return Step::Stay;
        }
        if self.is_idle() || self.awaits_proxy {
            return Step::Close(if self.has_answered { Closed::IdleTime } else { Closed::HeadTime });
        }
        self.give_up(408, "the request did not come in time", env)
    }

    fn preparing_tick<S: Service>(&mut self, env: &mut Env<'_, S>) -> Step {
        if env.moment.nanos < self.deadline {
            return Step::Stay;
        }
        self.give_up(503, "the content was not ready in time", env)
    }

    /// Gives up the request at the front of `pending`: one last answer instead of its own.
    fn give_up<S: Service>(&mut self, status: u16, why: &'static str, env: &mut Env<'_, S>) -> Step {
        let read = std::mem::take(&mut self.pending);
        self.answer_last(Refusal { status, why }, is_of_head(&read), &read, env)
    }

    /// One last answer instead of all that is under way.
    fn answer_last<S: Service>(
        &mut self,
        refusal: Refusal,
        is_of_head: bool,
        read: &[u8],
        env: &mut Env<'_, S>,
    ) -> Step {
        env.scratch.batch.clear();
        self.refuse(refusal, is_of_head, read, env);
        self.pending = Vec::new();
        self.step(env)
    }

    fn sending_tick<S: Service>(&mut self, env: &mut Env<'_, S>) -> Step {
        if env.moment.nanos < self.deadline {
            return Step::Stay;
        }
        if self.window_bytes < env.limits.send_bytes_min {
            return Step::Close(Closed::SendTime);
        }
        self.window_bytes = 0;
        self.deadline = after(env.moment, env.limits.send_time_max);
        Step::Stay
    }
}

/// How far a body has been read.
enum Body {
    /// All of it; these bytes belonged to it.
    Read(usize),
    /// Everything there is belongs to it, and there is more to come.
    Partial,
    /// It is longer than this server reads.
    TooLong,
    /// It is malformed.
    Refused(Refusal),
}

/// Whether these bytes begin a HEAD request, whose refusal has no body either.
fn is_of_head(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HEAD ")
}

/// A copy of the head in `view` as if it were HTTP/1.1.
fn as_minor_one(view: &[u8], index: usize, limits: &Limits) -> Vec<u8> {
    let mut copy = view[..view.len().min(limits.head_bytes_max)].to_vec();
    copy[index] = b'1';
    copy
}

fn after(moment: &Moment, time: Duration) -> u64 {
    since(moment.nanos, time)
}

fn since(start: u64, time: Duration) -> u64 {
    start.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(NEVER)).min(NEVER - 1)
}

#[cfg(test)]
#[path = "conn_tests.rs"]
mod tests;
