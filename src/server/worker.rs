//! The event loop of one core, and the only file that knows both the ring and the connection machine.
//!
//! ```text
//! loop:  ring.turn                    wait for a completion or the next deadline
//!        for each completion:         bytes, sent, accepted, woken -> the connection's next step -> the ring
//!        for each timer that came up: the connection's Tick        -> the ring
//! ```
//!
//! It is generic over the ring and statically dispatched: epoll and the simulator run this very code. It shares nothing
//! on the request path: new content, a drain and the outcomes of tasks arrive in its inbox, announced by the ring's
//! waker.
#![forbid(unsafe_code)]

use super::access::Recorder;
use super::addresses::{Addresses, Admission, Client};
use super::balance::{Arrival, Neighbours};
use super::content::{Content, TaskDone};
use super::event::{Event, Reporter};
use super::generation::Generation;
use super::latency::Left;
use super::listener::Trust;
use super::look::{Connections, Look};
use super::planted::planted;
use super::slots::{Slot, SlotId, Slots};
use super::stats::WorkerStats;
use super::timers::Timers;
use crate::http::{Activity, Batch, Closed, Conn, Env, Input, Moment, Part, Scratch, Step, date};
use crate::limits::Limits;
use crate::ring::{Completion, Ending, Outgoing, Ring, Token};
use crate::sys::{self, Peer};
use cold::Parked;
use crossbeam_channel::{Receiver, Sender};
use drain::Drain;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A stored body up to this size is copied behind its head, so that one plain `send` takes both; from here on
/// `sendfile` is cheaper for payloads that do not all fit into the processor's cache. Measured: ARCHITECTURE.md,
/// "How answers leave".
pub(super) const COPY_BYTES_MAX: u64 = 24 * 1024 - 1;
/// The same when several answers leave together, where a copy saves two system calls for each of them.
const COPY_BYTES_MAX_BATCHED: u64 = 48 * 1024 - 1;
/// Bytes of bodies that are copied for one connection at a time. What is beyond them goes by `sendfile`, so that clients
/// that ask for much and read nothing cost a bounded amount of memory each.
const COPIED_BYTES_MAX: u64 = 128 * 1024;
/// Outgoings kept for reuse: more than that are in use only when as many clients are slow.
const SPARE_OUTGOINGS_MAX: usize = 256;
/// Largest memory of an outgoing that is worth keeping.
const SPARE_OUTGOING_BYTES_MAX: usize = 64 * 1024;
/// Pause before accepting is tried again when the system ran out of descriptors or memory.
const ACCEPT_RETRY_NANOS: u64 = 100_000_000;

/// What other threads tell a worker.
pub(crate) enum Message {
    /// Answer from this from now on.
    Swap(Arc<Generation>),
    /// Finish what was read, then end; cut what is left after this time.
    Drain(Duration),
    /// The same, but for half of the time idle connections may ask once more: another process listens already.
    HandOver(Duration),
    /// Say that the loop turns.
    Echo(Sender<()>),
    /// Say what it does, under this number.
    Look(usize, Sender<(usize, Look)>),
    /// The outcome of a task.
    Done(TaskDone),
}

/// A listener as a worker knows it.
#[derive(Clone)]
pub(crate) struct Listening {
    /// `None` once a drain has begun. Each worker lets go of it then; after the last one the kernel refuses connections.
    pub(crate) socket: Option<Arc<sys::Listener>>,
    pub(crate) local: Option<SocketAddr>,
    /// Whose connections begin by telling whom they are for.
    pub(crate) trust: Trust,
}

/// What a worker is made from, beside its ring.
pub(crate) struct Parts<S> {
    pub(crate) content: Content,
    pub(crate) limits: Limits,
    pub(crate) listeners: Vec<Listening>,
    /// Shared by the workers of a server.
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) neighbours: Neighbours<S>,
    pub(crate) inbox: Receiver<Message>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) reporter: Reporter,
    /// Answers say how long they took, by this clock.
    pub(crate) timing: Option<fn() -> u64>,
}

pub(crate) struct Worker<R: Ring> {
    ring: R,
    slots: Slots,
    timers: Timers,
    content: Content,
    scratch: Scratch,
    moment: Moment,
    limits: Limits,
    listeners: Vec<Listening>,
    addresses: Arc<Addresses>,
    neighbours: Neighbours<R::Socket>,
    inbox: Receiver<Message>,
    stats: Arc<WorkerStats>,
    reporter: Reporter,
    /// Outgoings to use again. Boxed: the ring takes and gives back the box.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Outgoing>>,
    arming: u32,
    /// A receive was asked for in this turn: what the kernel has for it may come with the next one.
    has_asked: bool,
    is_at_limit: bool,
    accept_retry: Option<u64>,
    drain: Drain,
    /// Sends that wait for their content, by slot.
    parked: BTreeMap<u32, Parked>,
    /// Answers that have left in this turn.
    left: Left,
    /// While an answer is put in the place of those that could not be sent: when they were asked for.
    lost_since: Option<u64>,
}

impl<R: Ring> Worker<R> {
    /// A worker that listens.
    ///
    /// # Errors
    /// What the system says to a listener.
    pub(crate) fn new(ring: R, parts: Parts<R::Socket>) -> io::Result<Worker<R>> {
        let now = ring.now();
        let moment = Moment {
            nanos: now.nanos,
            unix_seconds: now.unix_seconds,
            date: date::write(now.unix_seconds),
            is_draining: false,
            generation: parts.content.number(),
            clock: parts.timing,
        };
        let mut worker = Worker {
            ring,
            slots: Slots::default(),
            timers: Timers::new(now.nanos),
            content: parts.content,
            scratch: Scratch::default(),
            moment,
            limits: parts.limits,
            listeners: parts.listeners,
            addresses: parts.addresses,
            neighbours: parts.neighbours,
            inbox: parts.inbox,
            stats: parts.stats,
            reporter: parts.reporter,
            spare: Vec::new(),
            arming: 0,
            has_asked: false,
            is_at_limit: false,
            accept_retry: None,
            drain: Drain::No,
            parked: BTreeMap::new(),
            left: Left::default(),
            lost_since: None,
        };
        for (number, listening) in worker.listeners.iter().enumerate() {
            if let Some(socket) = &listening.socket {
                worker.ring.listen(number as u32, socket)?;
            }
        }
        Ok(worker)
    }

    /// Serves until it was drained.
    ///
    /// # Errors
    /// The ring failed for good.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        while self.turn()? {}
        Ok(())
    }

    /// One turn of the loop. False: it is drained, and there is nothing left to do.
    pub(crate) fn turn(&mut self) -> io::Result<bool> {
        self.ring.turn(self.deadline())?;
        self.stats.wakeups.add(1);
        self.read_time();
        let mut has_heard = false;
        self.has_asked = false;
        while let Some(completion) = self.ring.next() {
            has_heard |= !matches!(completion, Completion::Sent { .. } | Completion::Cold { .. });
            self.completed(completion);
        }
        while let Some(slot) = self.timers.expire(self.moment.nanos) {
            self.tick(slot);
        }
        self.retry_accept();
        for event in std::mem::take(&mut self.content.events) {
            self.reporter.tell(self.moment.unix_seconds, event);
        }
        if let Some(recorder) = &mut self.content.recorder {
            recorder.end_turn();
        }
        if !self.left.is_empty() {
            let end = self.ring.clock();
            self.left.record(&self.stats.latency, self.moment.nanos, end);
            self.stats.busy_nanos.add(end.saturating_sub(self.moment.nanos));
        }
        Ok(self.go_on_draining(has_heard || self.has_asked))
    }

    /// When the loop must look again though nothing happens.
    fn deadline(&self) -> Option<u64> {
        let of_drain = self.drain.deadline(self.moment.nanos);
        let of_log = self.content.recorder.as_ref().and_then(Recorder::deadline);
        [self.timers.next(), self.accept_retry, of_drain, of_log].into_iter().flatten().min()
    }

    fn read_time(&mut self) {
        let now = self.ring.now();
        self.moment.nanos = now.nanos;
        self.content.set_time(now.nanos);
        if let Some(recorder) = &mut self.content.recorder {
            recorder.set_time(now.nanos, now.unix_seconds);
        }
        if now.unix_seconds != self.moment.unix_seconds {
            self.moment.unix_seconds = now.unix_seconds;
            self.moment.date = date::write(now.unix_seconds);
        }
    }

    fn completed(&mut self, completion: Completion<R::Socket>) {
        match completion {
            Completion::Received { token, result } => self.received(token, result),
            Completion::Sent { token, outgoing, result } => self.sent(token, outgoing, result),
            Completion::Cold { token, outgoing, cold } => self.cold(token, outgoing, cold),
            Completion::Accepted { listener, socket, peer } => {
                match self.neighbours.deal(Arrival { listener, socket, peer }) {
                    Some(arrival) => self.arrived(arrival),
                    None => self.stats.connections_handed_over.add(1),
                }
            }
            Completion::AcceptFailed { listener, error } => {
                self.stats.accept_failures.add(1);
                self.content.events.push(Event::AcceptFailed { listener, why: error.to_string() });
                self.accept_retry =
                    Some(self.moment.nanos + ACCEPT_RETRY_NANOS).filter(|_| !planted!(AcceptNotRetried));
            }
            Completion::Woken => {
                while let Ok(message) = self.inbox.try_recv() {
                    self.told(message);
                }
                while let Some(arrival) = self.neighbours.next() {
                    self.arrived(arrival);
                }
            }
        }
    }

    /// A connection that is this worker's: accepted here, or handed over.
    fn arrived(&mut self, arrival: Arrival<R::Socket>) {
        let Arrival { listener, socket, peer } = arrival;
        // A proxy tells whom a connection is for; it is counted then.
        let is_proxied = self.listeners.get(listener as usize).is_some_and(|listening| listening.trust.has(peer));
        let peer = match peer {
            Peer::Inet(address) => Some(address),
            Peer::Unix => None,
        };
        let client = peer.filter(|_| !is_proxied).map(Client::of);
        let admission = client.map_or(Admission::Served, |client| self.addresses.enter(client));
        if admission != Admission::Served {
            self.stats.connections_turned_away.add(1);
        }
        if admission == Admission::Closed {
            return self.departed();
        }
        let new = if is_proxied { Conn::proxied } else { Conn::new };
        let conn = new(peer, &self.moment, &self.limits);
        let id = self.slots.insert(conn, listener);
        if self.ring.open(id.slot, socket).is_err() {
            self.slots.remove(id.slot);
            self.leave(client);
            self.stats.accept_failures.add(1);
            return self.departed();
        }
        self.stats.connections_accepted.add(1);
        self.stats.connections_open.add(1);
        // Those that others are handing over have their places already.
        let has_reached = self.neighbours.counted() >= self.limits.connections_max && !planted!(AcceptAboveLimit);
        if has_reached && !self.is_at_limit {
            self.is_at_limit = true;
            self.stats.connections_at_limit.add(1);
            for listener in 0..self.listeners.len() {
                self.ring.pause(listener as u32);
            }
        }
        if admission == Admission::TurnedAway {
            return self.step(id.slot, Said::TurnedAway);
        }
        self.receive(id.slot);
        self.schedule(id.slot);
    }

    /// A connection of this client is gone.
    fn leave(&self, client: Option<Client>) {
        if let Some(client) = client {
            self.addresses.leave(client);
        }
    }

    fn received(&mut self, token: Token, result: io::Result<usize>) {
        let Some(slot) = self.slots.get_mut(token.slot) else { return };
        if slot.recv != Some(token.arming) && !planted!(ReceiveIgnoresArming) {
            return;
        }
        slot.recv = None;
        match result {
            Ok(0) => self.step(token.slot, Said::Eof),
            Ok(_) => self.step(token.slot, Said::Bytes),
            Err(_) => self.broken(token.slot),
        }
    }

    fn sent(&mut self, token: Token, outgoing: Box<Outgoing>, result: io::Result<u64>) {
        let is_of = |slot: &mut Slot| slot.send == Some(token.arming) || planted!(CancelIgnoresArming);
        let is_current = self.slots.get_mut(token.slot).is_some_and(is_of);
        match result {
            Ok(bytes) => {
                self.stats.bytes_sent.add(bytes);
                if !is_current {
                    return self.recycle(outgoing);
                }
                let is_all = outgoing.is_done() || planted!(SendDropsRest);
                if is_all {
                    self.left.note(outgoing.since, outgoing.answers, self.moment.nanos);
                    self.recycle(outgoing);
                    if let Some(slot) = self.slots.get_mut(token.slot) {
                        slot.send = None;
                    }
                } else {
                    self.send(token.slot, outgoing);
                }
                self.step(token.slot, Said::Sent { bytes, is_all });
            }
            Err(error) => {
                self.recycle(outgoing);
                if !is_current {
                    return;
                }
                if error.kind() == io::ErrorKind::UnexpectedEof {
                    self.content.note_truncated();
                }
                if let Some(slot) = self.slots.get_mut(token.slot) {
                    slot.send = None;
                }
                self.broken(token.slot);
            }
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Swap(generation) => {
                self.moment.generation = generation.number;
                self.content.events.push(Event::Swapped { generation: generation.number });
                self.content.adopt(generation);
                self.stats.swaps.add(1);
            }
            Message::Drain(time) => self.start_draining(time, Duration::ZERO),
            Message::HandOver(time) => self.start_draining(time, time / 2),
            // Who has stopped waiting needs no answer.
            Message::Echo(answer) => drop(answer.send(())),
            Message::Look(number, answer) => drop(answer.send((number, self.look()))),
            Message::Done(done) => {
                for id in self.content.done(done) {
                    if self.slots.get_mut(id.slot).is_none_or(|slot| slot.serial != id.serial) {
                        continue;
                    }
                    match self.parked.remove(&id.slot).filter(|_| !planted!(ParkedForgotten)) {
                        Some(parked) => self.resume(id.slot, parked),
                        None => self.step(id.slot, Said::Ready),
                    }
                }
                self.content.forget_failures();
            }
        }
    }

    fn look(&self) -> Look {
        let mut connections = Connections::default();
        for (slot, entry) in self.slots.each() {
            let state = if self.parked.contains_key(&slot) { Activity::Waiting } else { entry.conn.activity() };
            *match state {
                Activity::Reading => &mut connections.reading,
                Activity::Waiting => &mut connections.waiting,
                Activity::Sending => &mut connections.sending,
                Activity::Idle => &mut connections.idle,
                Activity::Lingering => &mut connections.lingering,
            } += 1;
        }
        let (paths, samples) = self.content.hottest.paths();
        Look { connections, paths, samples }
    }

    fn tick(&mut self, slot: u32) {
        if self.tick_parked(slot) {
            return;
        }
        let Some(entry) = self.slots.get_mut(slot) else { return };
        if entry.conn.deadline().is_some_and(|deadline| deadline <= self.moment.nanos) {
            self.step(slot, Said::Tick);
        } else if !planted!(TimerNotPutBack) {
            self.schedule(slot);
        }
    }

    /// Tells the connection what happened and does what it says.
    fn step(&mut self, slot: u32, said: Said) {
        let mut next = self.tell(slot, said);
        loop {
            match next {
                Some(Step::Recv) => self.receive(slot),
                Some(Step::Send) => match self.lower() {
                    Ok(outgoing) => self.send(slot, outgoing),
                    Err(outgoing) => {
                        self.recycle(outgoing);
                        next = self.tell(slot, Said::Failed);
                        continue;
                    }
                },
                Some(Step::Wait | Step::Stay) => {}
                Some(Step::Identified) => {
                    next = self.identified(slot);
                    continue;
                }
                Some(Step::ShutdownThenDrain) => {
                    self.ring.shutdown(slot);
                    self.receive(slot);
                }
                Some(Step::Close(why)) => {
                    self.stats.closed(why);
                    let ending = if why == Closed::SendTime { Ending::Reset } else { Ending::Close };
                    return self.close(slot, ending);
                }
                None => return,
            }
            return self.schedule(slot);
        }
    }

    /// The proxy has told whom the connection is for: it is counted for that client from now on.
    fn identified(&mut self, slot: u32) -> Option<Step> {
        let client = self.slots.get_mut(slot)?.client();
        let admission = client.map_or(Admission::Served, |client| self.addresses.enter(client));
        if admission != Admission::Served {
            self.stats.connections_turned_away.add(1);
        }
        match admission {
            Admission::Served => self.tell(slot, Said::Ready),
            Admission::TurnedAway => self.tell(slot, Said::TurnedAway),
            Admission::Closed => {
                // It was not counted.
                self.remove(slot, Ending::Close);
                None
            }
        }
    }

    fn tell(&mut self, slot: u32, said: Said) -> Option<Step> {
        let entry = self.slots.get_mut(slot)?;
        self.content.asking = SlotId { slot, serial: entry.serial };
        self.content.begin_batch();
        let Slot { conn, listener, .. } = entry;
        let input = match said {
            Said::Bytes => Input::Bytes(self.ring.received()),
            Said::Eof => Input::Eof,
            Said::Sent { bytes, is_all } => Input::Sent { bytes, is_all },
            Said::Ready => Input::Ready,
            Said::Failed => Input::Failed,
            Said::Unready => Input::Unready,
            Said::Held => Input::Held,
            Said::Tick => Input::Tick,
            Said::TurnedAway => Input::TurnedAway,
        };
        let mut env = Env {
            moment: &self.moment,
            limits: &self.limits,
            service: &mut self.content,
            scratch: &mut self.scratch,
            local: self.listeners.get(*listener as usize).and_then(|listening| listening.local),
        };
        Some(conn.on(input, &mut env))
    }

    /// Turns the batch into something to send: small bodies are copied behind their heads, large ones stay files. The
    /// outgoing comes back as an error when a body cannot be read.
    fn lower(&mut self) -> Result<Box<Outgoing>, Box<Outgoing>> {
        let mut outgoing = self.spare.pop().unwrap_or_default();
        let Batch { bytes, parts, owned, plans, reached, since } = &mut self.scratch.batch;
        let copy_bytes_max = if plans.len() > 1 { COPY_BYTES_MAX_BATCHED } else { COPY_BYTES_MAX };
        let mut copied_bytes = 0;
        for part in parts.iter() {
            match *part {
                Part::Bytes { start, len } => {
                    outgoing.push_copy(&bytes[start as usize..start as usize + len as usize]);
                }
                Part::Owned(number) => outgoing.push_owned(std::mem::take(&mut owned[number as usize])),
                Part::Span(span) => {
                    copied_bytes += span.len;
                    let is_copied = span.len <= copy_bytes_max && copied_bytes <= COPIED_BYTES_MAX;
                    // Up to the smaller bound it was asked for before; beyond it, what is not in memory waits as a file.
                    let is_copied = is_copied && (span.len <= COPY_BYTES_MAX || self.content.is_resident(span));
                    let Some(file) = self.content.file(span.source) else { return Err(outgoing) };
                    if !is_copied {
                        outgoing.push_file(file.clone(), span.offset, span.len);
                        continue;
                    }
                    let read = outgoing.push_read(span.len as usize, |into| {
                        file.read_at(span.offset, into)?;
                        if planted!(ColdBelievesCut) { Ok(()) } else { file.is_whole() }
                    });
                    if read.is_err() {
                        self.content.note_truncated();
                        return Err(outgoing);
                    }
                }
            }
        }
        outgoing.since = self.lost_since.unwrap_or(*since);
        // 100 Continue is none.
        outgoing.answers = plans.iter().filter(|plan| plan.status >= 200).count() as u32;
        if let Some(limit) = *reached {
            self.stats.reached(limit);
        }
        Ok(outgoing)
    }

    fn arm(&mut self, slot: u32) -> Token {
        self.arming = self.arming.wrapping_add(1);
        Token { slot, arming: self.arming }
    }

    fn receive(&mut self, slot: u32) {
        let token = self.arm(slot);
        if let Some(entry) = self.slots.get_mut(slot) {
            if entry.recv.is_none() {
                entry.recv = Some(token.arming);
                self.has_asked = true;
                self.ring.recv(token);
            }
        }
    }

    fn send(&mut self, slot: u32, outgoing: Box<Outgoing>) {
        let token = self.arm(slot);
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.send = Some(token.arming);
            self.ring.send(token, outgoing);
        }
    }

    fn schedule(&mut self, slot: u32) {
        if let Some(deadline) = self.slots.get_mut(slot).and_then(|entry| entry.conn.deadline()) {
            let deadline = self.parked.get(&slot).map_or(deadline, |parked| deadline.min(parked.until));
            self.timers.set(slot, deadline);
        }
    }

    /// The connection failed under us; nothing more can be said on it.
    fn broken(&mut self, slot: u32) {
        self.stats.closed_broken.add(1);
        self.close(slot, if planted!(SendEndsInOrder) { Ending::Close } else { Ending::Reset });
    }

    fn close(&mut self, slot: u32, ending: Ending) {
        let client = self.slots.get_mut(slot).and_then(|slot| slot.client());
        self.leave(client.filter(|_| !planted!(AcceptKeepsCounting)));
        self.remove(slot, ending);
    }

    /// Closes a connection that nobody counts.
    fn remove(&mut self, slot: u32, ending: Ending) {
        let Some(closed) = self.slots.remove(slot) else { return };
        self.content.leave(SlotId { slot, serial: closed.serial });
        if let Some(parked) = self.parked.remove(&slot) {
            self.recycle(parked.outgoing);
        }
        self.timers.cancel(slot);
        self.ring.close(slot, ending);
        self.stats.connections_open.sub(1);
        self.departed();
    }

    /// A connection that was counted is gone, or never began.
    fn departed(&mut self) {
        if !planted!(HandOverKeepsCounting) {
            self.neighbours.left();
        }
        if self.is_at_limit && self.neighbours.counted() < self.limits.connections_max {
            self.is_at_limit = planted!(AcceptNotResumed);
            self.resume_accepting();
        }
    }

    fn retry_accept(&mut self) {
        if self.accept_retry.is_some_and(|at| at <= self.moment.nanos) {
            self.accept_retry = None;
            if !self.is_at_limit {
                self.resume_accepting();
            }
        }
    }

    fn resume_accepting(&mut self) {
        if self.drain == Drain::No {
            for listener in 0..self.listeners.len() {
                self.ring.resume(listener as u32);
            }
        }
    }

    fn recycle(&mut self, mut outgoing: Box<Outgoing>) {
        let is_small = outgoing.memory_bytes() <= SPARE_OUTGOING_BYTES_MAX || planted!(ReturnKeepsLarge);
        if self.spare.len() < SPARE_OUTGOINGS_MAX && is_small {
            if !planted!(ReturnNotCleared) {
                outgoing.clear();
            }
            self.spare.push(outgoing);
        }
    }
}

/// An [`Input`] without its bytes, which the ring holds.
#[derive(Clone, Copy, Debug)]
enum Said {
    Bytes,
    Eof,
    Sent { bytes: u64, is_all: bool },
    Ready,
    Failed,
    Unready,
    Held,
    Tick,
    TurnedAway,
}

#[path = "worker_cold.rs"]
mod cold;

#[path = "worker_drain.rs"]
mod drain;

#[cfg(any(test, fuzzing))]
#[path = "worker_fuzz.rs"]
pub(crate) mod fuzz;

#[cfg(test)]
#[path = "campaign/mod.rs"]
pub(crate) mod campaign;

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
