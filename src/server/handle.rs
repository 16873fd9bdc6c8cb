//! A running server, as the one who started it sees it.
#![forbid(unsafe_code)]

use super::access::AccessThread;
use super::builder::Address;
use super::error::Error;
use super::generation::Generation;
use super::latency::LatencyTotal;
use super::look::Look;
use super::routes::{RouteNames, RouteTotal};
use super::stats::{Stats, WorkerStats};
use super::worker::Message;
use crate::route::Router;
use crate::sys::thread::ThreadClock;
use crate::sys::{self, time};
use crossbeam_channel::{RecvTimeoutError, Sender, unbounded};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time that the other workers get when one has failed.
const FAILURE_DRAIN_TIME: Duration = Duration::from_secs(10);

/// How to reach one worker.
pub(crate) struct Mailbox {
    sender: Sender<Message>,
    wake: Box<dyn Fn() + Send + Sync>,
    stats: Arc<WorkerStats>,
    /// The processor time of its thread.
    clock: Option<ThreadClock>,
}

impl Mailbox {
    /// Called on the worker's own thread.
    pub(crate) fn new(
        sender: Sender<Message>,
        wake: impl Fn() + Send + Sync + 'static,
        stats: Arc<WorkerStats>,
    ) -> Mailbox {
        Mailbox { sender, wake: Box::new(wake), stats, clock: ThreadClock::of_this() }
    }

    fn send(&self, message: Message) {
        // A worker that has ended needs to be told nothing.
        let _ = self.sender.send(message);
        (self.wake)();
    }
}

/// What a server has done and is doing, for whoever shows it.
pub(crate) struct Seen {
    pub(crate) generation: u64,
    pub(crate) workers: Vec<SeenWorker>,
    pub(crate) routes: Vec<RouteTotal>,
    pub(crate) latency: LatencyTotal,
    /// `None`: all workers have ended.
    pub(crate) content: Option<Arc<Generation>>,
}

pub(crate) struct SeenWorker {
    /// `None`: the system does not say, or it has ended.
    pub(crate) cpu_nanos: Option<u64>,
    pub(crate) busy_nanos: u64,
    /// `None`: it has not answered in time.
    pub(crate) look: Option<Look>,
}

/// How many workers have ended, and how.
#[derive(Default)]
struct Exits {
    ended: Mutex<Ended>,
    changed: Condvar,
}

#[derive(Default)]
struct Ended {
    count: usize,
    first_failure: Option<String>,
}

/// Where a worker's thread says that it has ended.
pub(crate) struct Exit(Arc<Exits>);

impl Exit {
    pub(crate) fn ended(&self, failure: Option<String>) {
        let mut ended = lock(&self.0.ended);
        ended.count += 1;
        if ended.first_failure.is_none() {
            ended.first_failure = failure;
        }
        self.0.changed.notify_all();
    }
}

/// Nothing is left half done under these locks, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that were cut because the time was up.
    pub connections_cut: u64,
}

/// A running server. Dropping it stops the server at once; to stop without loss, [`drain`](Handle::drain) it.
///
/// Every method takes `&self`: put it in an `Arc` to use it from several threads.
pub struct Handle {
    addresses: Vec<Address>,
    backend: &'static str,
    reason: String,
    mailboxes: Vec<Mailbox>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    exits: Arc<Exits>,
    newest: Mutex<Newest>,
    is_draining: AtomicBool,
    /// Seconds since 1970-01-01 UTC.
    started: f64,
    /// Those of the addresses. Weak, so that they close when the last worker has let go of them.
    listeners: Vec<Weak<sys::Listener>>,
    access: Option<AccessThread>,
    cores: Vec<usize>,
}

/// The newest content.
struct Newest {
    number: u64,
    /// Weak: the workers have it.
    generation: Weak<Generation>,
    /// The names under which answers are counted.
    names: RouteNames,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Handle { addresses, backend, mailboxes, .. } = self;
        let mut debug = f.debug_struct("Handle");
        debug.field("addresses", addresses).field("backend", backend).field("workers", &mailboxes.len()).finish()
    }
}

impl Handle {
    pub(crate) fn new(
        addresses: Vec<Address>,
        workers: usize,
        reason: String,
        generation: &Arc<Generation>,
        names: RouteNames,
    ) -> Handle {
        let newest = Newest { number: generation.number, generation: Arc::downgrade(generation), names };
        Handle {
            addresses,
            backend: "",
            reason,
            mailboxes: Vec::with_capacity(workers),
            threads: Mutex::new(Vec::with_capacity(workers)),
            exits: Arc::default(),
            newest: Mutex::new(newest),
            is_draining: AtomicBool::new(false),
            started: time::unix_time(),
            listeners: Vec::new(),
            access: None,
            cores: Vec::new(),
        }
    }

    pub(crate) fn remember_cores(&mut self, cores: &[usize]) {
        self.cores = cores.to_vec();
    }

    pub(crate) fn remember_listeners(&mut self, listeners: Vec<Weak<sys::Listener>>) {
        self.listeners = listeners;
    }

    pub(crate) fn remember_access(&mut self, access: Option<AccessThread>) {
        self.access = access;
    }

    pub(crate) fn exit(&self) -> Exit {
        Exit(Arc::clone(&self.exits))
    }

    pub(crate) fn add(&mut self, mailbox: Mailbox, thread: JoinHandle<()>, backend: &'static str) {
        self.mailboxes.push(mailbox);
        self.backend = backend;
        lock(&self.threads).push(thread);
    }

    /// Where the server listens, in the order in which it was told to, with real ports.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The backend that runs: `epoll` or `io_uring`.
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// Why it is that one, in words for a log.
    pub fn backend_reason(&self) -> &str {
        &self.reason
    }

    /// How many workers run.
    pub fn workers(&self) -> usize {
        self.mailboxes.len()
    }

    /// The cores that the workers are bound to, or were dealt one each of, by number; none: they run on all that the process
    /// may use.
    pub fn cores(&self) -> &[usize] {
        &self.cores
    }

    /// What the server has done so far.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for mailbox in &self.mailboxes {
            stats.add(&mailbox.stats);
        }
        stats
    }

    /// The same for each worker by itself, in their order.
    pub fn worker_stats(&self) -> Vec<Stats> {
        let one = |mailbox: &Mailbox| {
            let mut stats = Stats::default();
            stats.add(&mailbox.stats);
            stats
        };
        self.mailboxes.iter().map(one).collect()
    }

    /// Answers every request that is read from now on from `router`, and gives the new content's number. Each answer comes
    /// wholly from one router: what is being sent goes on from the old one, whose files are closed after its last byte.
    ///
    /// A worker takes the new content up in its next turn, so for a moment the old one may still answer.
    ///
    /// # Errors
    /// A mistake in the router, or content that cannot be opened; then everything stays as it was.
    pub fn swap(&self, router: Router) -> Result<u64, Error> {
        router.validate().map_err(Error::Route)?;
        // Held to the end, so that every worker sees the generations in their order.
        let mut newest = lock(&self.newest);
        let number = newest.number + 1;
        let generation = Arc::new(Generation::new(number, router, &mut newest.names).map_err(Error::Content)?);
        newest.number = number;
        newest.generation = Arc::downgrade(&generation);
        for mailbox in &self.mailboxes {
            mailbox.send(Message::Swap(Arc::clone(&generation)));
        }
        Ok(number)
    }

    /// The number of the newest content: 1 at first, one more for each [`swap`](Handle::swap).
    pub fn generation(&self) -> u64 {
        lock(&self.newest).number
    }

    /// Whether it has been told to stop: it accepts no more.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// When it started: seconds since 1970-01-01 UTC.
    pub(crate) fn started(&self) -> f64 {
        self.started
    }

    /// Everything that is counted, and what the workers say of themselves within this time.
    pub(crate) fn seen(&self, within: Duration) -> Seen {
        let (sender, answers) = unbounded();
        for (number, mailbox) in self.mailboxes.iter().enumerate() {
            mailbox.send(Message::Look(number, sender.clone()));
        }
        drop(sender);
        let mut looks: Vec<Option<Look>> = self.mailboxes.iter().map(|_| None).collect();
        let until = time::nanos().saturating_add(u64::try_from(within.as_nanos()).unwrap_or(u64::MAX));
        // It ends when all have answered, or have ended.
        while let Ok((number, look)) = answers.recv_timeout(Duration::from_nanos(until.saturating_sub(time::nanos()))) {
            looks[number] = Some(look);
        }
        // Read behind the answers: what a worker counted before it answered is in it.
        let mut latency = LatencyTotal::default();
        self.mailboxes.iter().for_each(|mailbox| latency.add(&mailbox.stats.latency));
        let newest = lock(&self.newest);
        let workers = self.mailboxes.iter().zip(looks).map(|(mailbox, look)| SeenWorker {
            cpu_nanos: mailbox.clock.and_then(|clock| clock.nanos()),
            busy_nanos: mailbox.stats.busy_nanos.read(),
            look,
        });
        Seen {
            generation: newest.number,
            workers: workers.collect(),
            routes: newest.names.totals(self.mailboxes.iter().map(|mailbox| &mailbox.stats.routes)),
            latency,
            content: newest.generation.upgrade(),
        }
    }

    /// Stops without loss: accepts no more, answers what was read (saying `Connection: close`), closes idle connections, and
    /// returns when all are closed. What is left after `time` is cut.
    pub fn drain(&self, time: Duration) -> Drained {
        self.end(|| Message::Drain(time))
    }

    fn end(&self, message: impl Fn() -> Message) -> Drained {
        self.is_draining.store(true, Ordering::Relaxed);
        for mailbox in &self.mailboxes {
            mailbox.send(message());
        }
        self.join();
        Drained { connections_cut: self.stats().closed_by_drain }
    }

    /// Duplicates of the listening sockets, in the order of [`Handle::addresses`], for another process that is to serve them
    /// too: see [`handover`](crate::handover).
    ///
    /// # Errors
    /// Out of descriptors, or the server has stopped listening.
    pub fn duplicate_listeners(&self) -> io::Result<Vec<OwnedFd>> {
        let stopped = || io::Error::new(io::ErrorKind::NotConnected, "the server is stopping and listens no more");
        self.listeners.iter().map(|listener| listener.upgrade().ok_or_else(stopped)?.duplicate()).collect()
    }

    /// It serves: files of unix sockets are its own to remove, also those that another process made.
    pub(crate) fn keep_files(&self) {
        self.listeners.iter().filter_map(Weak::upgrade).for_each(|listener| listener.keep());
    }

    /// Leaves the clients to another process that listens on the same sockets, and returns when all have gone: accepts no
    /// more, answers what was read and what is still asked on open connections (saying `Connection: close`), and leaves the
    /// files of unix sockets where they are.
    ///
    /// Unlike a [`drain`](Handle::drain) it does not close a connection because it is idle, whose client may be about to ask:
    /// for half of `time` each may ask once more. After that it is a drain.
    pub fn hand_over(&self, time: Duration) -> Drained {
        for listener in self.listeners.iter().filter_map(Weak::upgrade) {
            listener.give_away();
        }
        self.end(|| Message::HandOver(time))
    }

    /// Whether every worker's loop answers within this time. For watchdogs: a loop that is stuck in a handler does not.
    /// Workers that have ended are not asked.
    pub fn answers_within(&self, time: Duration) -> bool {
        let (sender, answers) = unbounded();
        for mailbox in &self.mailboxes {
            mailbox.send(Message::Echo(sender.clone()));
        }
        drop(sender);
        loop {
            match answers.recv_timeout(time) {
                Ok(()) => {}
                Err(error) => return error == RecvTimeoutError::Disconnected,
            }
        }
    }

    /// Waits until the server has stopped, which somebody else asks for by [`Handle::drain`].
    ///
    /// # Errors
    /// A worker ended before it was told to.
    pub fn wait(&self) -> Result<(), Error> {
        self.join();
        match lock(&self.exits.ended).first_failure.clone() {
            None => Ok(()),
            Some(what) => Err(Error::Worker { what }),
        }
    }

    /// Waits for every worker's end, and until the access log has the last answers.
    fn join(&self) {
        let mut ended = lock(&self.exits.ended);
        let mut has_stopped = false;
        while ended.count < self.mailboxes.len() {
            if ended.first_failure.is_some() && !has_stopped {
                // A server that has lost a worker has lost the connections of one, and serves with less than it was asked
                // to: it ends in order, so that whoever started it can start it again.
                has_stopped = true;
                for mailbox in &self.mailboxes {
                    mailbox.send(Message::Drain(FAILURE_DRAIN_TIME));
                }
            }
            ended = self.exits.changed.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
        drop(ended);
        for thread in lock(&self.threads).drain(..) {
            // A panic was caught and noted inside.
            let _ = thread.join();
        }
        self.access.iter().for_each(AccessThread::finish);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.drain(Duration::ZERO);
    }
}
