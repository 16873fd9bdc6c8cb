//! A backend without a kernel: virtual time, connections in memory, and everything that can go wrong drawn from a seed.
//!
//! ```text
//! clients (scripted by the test)          world                        the ring under test
//! connect, send, finish, reset  -> events in order of time ->  Accepted, Received ...
//!          got back, ending     <-      drained at the client's pace  <-  send, shutdown, close
//! turn: time jumps to the next event, or to the deadline; an operation is tried at an event, and ends at another one
//! ```
//!
//! So the same seed and the same calls give the same run. The rules of the seam are asserted on the way: one receive and one
//! send a slot, no operation on a closed slot, no send of nothing, no token used again before it has come back.
#![forbid(unsafe_code)]

mod world;

pub(crate) use world::Random;

use super::{Completion, Ending, Now, Outgoing, Ring, Token, Wake};
use crate::sys::{Listener, Peer};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use world::{Backlog, Connection, Event, Happened, Kind, Pipe, World};

/// Turns in which nothing happened and nothing was going to, after which the caller must be stuck.
const IDLE_TURNS_MAX: u32 = 10_000;

/// How rough the world is. Chances are in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// A receive or a send moves less than it could.
    pub(crate) short_percent: u64,
    /// An operation finds nothing to do although there is, and is tried again later.
    pub(crate) again_percent: u64,
    /// A completion comes later than its operation, perhaps after its slot was closed and taken anew.
    pub(crate) late_percent: u64,
    /// Accepting fails with EMFILE.
    pub(crate) accept_failure_percent: u64,
    /// Connections that may be open before accepting fails with EMFILE.
    pub(crate) descriptors_max: usize,
    /// An accepted connection cannot be watched.
    pub(crate) open_failure_percent: u64,
    /// Connections are accepted before they are asked for, so that a pause comes too late for some.
    pub(crate) accepts_ahead: bool,
    /// A turn ends though nothing happened, as after a signal.
    pub(crate) empty_turn_percent: u64,
    /// What happened in one turn is told in any order.
    pub(crate) shuffles: bool,
    /// Longest delay of anything that is delayed.
    pub(crate) delay_nanos_max: u64,
    /// Addresses that the clients share; each has one of its own as long as there are enough.
    pub(crate) addresses: u32,
    /// Bytes that fit between a sending server and a client that does not read.
    pub(crate) window_bytes: usize,
}

impl Weather {
    /// Nothing goes wrong and nothing takes time.
    pub(crate) const CALM: Weather = Weather {
        short_percent: 0,
        again_percent: 0,
        late_percent: 0,
        accept_failure_percent: 0,
        descriptors_max: usize::MAX,
        open_failure_percent: 0,
        accepts_ahead: false,
        empty_turn_percent: 0,
        shuffles: false,
        delay_nanos_max: 0,
        addresses: u32::MAX,
        window_bytes: 64 * 1024,
    };

    /// Everything goes wrong often.
    pub(crate) const ROUGH: Weather = Weather {
        short_percent: 40,
        again_percent: 30,
        late_percent: 30,
        accept_failure_percent: 10,
        descriptors_max: usize::MAX,
        open_failure_percent: 0,
        accepts_ahead: true,
        empty_turn_percent: 5,
        shuffles: true,
        delay_nanos_max: 2_000_000,
        addresses: u32::MAX,
        window_bytes: 1000,
    };
}

/// How a connection ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientEnding {
    /// All bytes came, then the end.
    Finished,
    /// Bytes that were not read before are lost.
    Reset,
    /// Nobody listened.
    Refused,
}

/// When what happened on a connection, in nanoseconds of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// The server took it over.
    pub(crate) opened: Option<u64>,
    /// Its last bytes reached the server's side.
    pub(crate) arrived: Option<u64>,
    /// The server sent on it for the first and for the last time.
    pub(crate) sent_first: Option<u64>,
    pub(crate) sent_last: Option<u64>,
    /// The server said that it sends no more.
    pub(crate) shut: Option<u64>,
    /// The server closed it.
    pub(crate) closed: Option<u64>,
}

/// How fast a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    All,
    /// At most so many bytes, then a pause.
    Slow {
        bytes: usize,
        pause_nanos: u64,
    },
    Never,
}

/// The simulated backend.
#[derive(Debug)]
pub(crate) struct Sim {
    world: Rc<RefCell<World>>,
    waker: SimWaker,
    buffer: Vec<u8>,
    now: Now,
    idle_turns: u32,
}

/// Scripts the other ends of a [`Sim`].
#[derive(Clone, Debug)]
pub(crate) struct Clients(Rc<RefCell<World>>);

/// One scripted client. What it does happens in order, each step at or after the time of the one before.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    world: Rc<RefCell<World>>,
    id: usize,
}

/// The server's end of a connection before it is opened.
#[derive(Debug)]
pub(crate) struct SimSocket {
    world: Rc<RefCell<World>>,
    client: usize,
    opened: bool,
}

/// Interrupts a [`Sim`]'s wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimWaker(Arc<AtomicBool>);

impl Wake for SimWaker {
    fn wake(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Sim {
    /// A world of its own, in which nothing happens until a client is scripted.
    pub(crate) fn new(seed: u64, weather: Weather) -> Sim {
        let world = World {
            random: Random(seed),
            weather,
            nanos: 0,
            events: BTreeMap::new(),
            planned: 0,
            ready: VecDeque::new(),
            listeners: Vec::new(),
            pipes: Vec::new(),
            slots: Vec::new(),
            outstanding: BTreeSet::new(),
        };
        let now = world.now();
        Sim { world: Rc::new(RefCell::new(world)), waker: SimWaker::default(), buffer: Vec::new(), now, idle_turns: 0 }
    }

    /// The handle that scripts clients.
    pub(crate) fn clients(&self) -> Clients {
        Clients(Rc::clone(&self.world))
    }

    /// Whether nothing will happen any more unless a client or the server does something.
    pub(crate) fn is_idle(&self) -> bool {
        let world = self.world.borrow();
        world.events.is_empty() && world.ready.is_empty() && !self.waker.0.load(Ordering::SeqCst)
    }

    /// The operations of every open slot, as the ring knows them: slot, arming of the receive, arming of the send.
    pub(crate) fn operations(&self) -> Vec<(u32, Option<u32>, Option<u32>)> {
        let world = self.world.borrow();
        let open = (0..).zip(&world.slots).filter_map(|(slot, entry)| Some((slot, entry.as_ref()?)));
        open.map(|(slot, found)| {
            let arming = |token: Option<Token>| token.map(|token| token.arming);
            (slot, arming(found.receive), arming(found.send_untold))
        })
        .collect()
    }

    /// Shows every outgoing that the ring holds.
    pub(crate) fn each_outgoing(&self, mut show: impl FnMut(&Outgoing)) {
        self.world.borrow().each_outgoing(&mut show);
    }

    /// Whether a listener listens and is not paused.
    pub(crate) fn is_accepting(&self, listener: u32) -> bool {
        let world = self.world.borrow();
        world.listeners.get(listener as usize).is_some_and(|backlog| backlog.listening && !backlog.paused)
    }

    /// Asserts that every connection is closed and every operation has been told.
    pub(crate) fn assert_quiet(&self) {
        let world = self.world.borrow();
        let open: Vec<usize> = (0..world.slots.len()).filter(|&slot| world.slots[slot].is_some()).collect();
        assert!(open.is_empty(), "slots {open:?} are open");
        assert!(world.outstanding.is_empty(), "operations {:?} were never told", world.outstanding);
        let dropped = world.pipes.iter().position(|pipe| pipe.slot.is_none() && !pipe.closed);
        assert!(dropped.is_none(), "the connection of client {dropped:?} was never taken or refused");
    }
}

impl Clients {
    /// A client that connects now. It reads everything until told otherwise.
    pub(crate) fn connect(&self, listener: u32) -> Client {
        let mut world = self.0.borrow_mut();
        let id = world.pipes.len();
        let script_nanos = world.nanos;
        world.pipes.push(Pipe {
            slot: None,
            closed: false,
            broken: false,
            script_nanos,
            arrived: VecDeque::new(),
            client_finished: false,
            under_way: VecDeque::new(),
            server_finished: false,
            pace: Pace::All,
            read_planned: false,
            got: Vec::new(),
            ending: None,
            reset_at: usize::MAX,
            times: Times::default(),
        });
        world.script(id, Event::Connect { client: id, listener });
        Client { world: Rc::clone(&self.0), id }
    }

    /// Ends the wait of a turn at this time, in nanoseconds.
    pub(crate) fn alarm(&self, at: u64) {
        let mut world = self.0.borrow_mut();
        let delay = at.saturating_sub(world.nanos);
        world.plan(delay, Event::Alarm);
    }

    /// The virtual time.
    pub(crate) fn now(&self) -> Now {
        self.0.borrow().now()
    }
}

impl Client {
    /// Does nothing for a while.
    pub(crate) fn wait(&self, nanos: u64) {
        let mut world = self.world.borrow_mut();
        let now = world.nanos;
        let script = &mut world.pipes[self.id].script_nanos;
        *script = now.max(*script) + nanos;
    }

    /// Sends bytes, which arrive in pieces cut anywhere.
    pub(crate) fn send(&self, mut bytes: &[u8]) {
        let mut world = self.world.borrow_mut();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(world.shortened(bytes.len()));
            world.script(self.id, Event::Arrive { client: self.id, bytes: piece.to_vec() });
            bytes = rest;
        }
    }

    /// Says that it sends nothing more, and goes on reading.
    pub(crate) fn finish(&self) {
        self.world.borrow_mut().script(self.id, Event::Finish { client: self.id });
    }

    /// Dies.
    pub(crate) fn reset(&self) {
        self.world.borrow_mut().script(self.id, Event::Reset { client: self.id });
    }

    /// Dies as soon as it has read so many bytes.
    pub(crate) fn reset_at(&self, bytes: usize) {
        self.world.borrow_mut().pipes[self.id].reset_at = bytes;
    }

    /// Reads at another pace from now on.
    pub(crate) fn set_pace(&self, pace: Pace) {
        let mut world = self.world.borrow_mut();
        world.pipes[self.id].pace = pace;
        world.plan_read(self.id, 0);
    }

    /// All that it has read so far.
    pub(crate) fn got(&self) -> Vec<u8> {
        self.world.borrow().pipes[self.id].got.clone()
    }

    /// Adds what it has read since `from`.
    pub(crate) fn got_since(&self, from: usize, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.world.borrow().pipes[self.id].got[from..]);
    }

    /// How it ended, if it has.
    pub(crate) fn ending(&self) -> Option<ClientEnding> {
        self.world.borrow().pipes[self.id].ending
    }

    /// When what happened.
    pub(crate) fn times(&self) -> Times {
        self.world.borrow().pipes[self.id].times
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        if !self.opened {
            self.world.borrow_mut().close_pipe(self.client, Ending::Close);
        }
    }
}

impl Ring for Sim {
    type Socket = SimSocket;
    type Waker = SimWaker;

    /// The listener is not looked at: [`Clients::connect`] names it by its number.
    fn listen(&mut self, listener: u32, _socket: &Arc<Listener>) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let index = listener as usize;
        if world.listeners.len() <= index {
            world.listeners.resize_with(index + 1, Backlog::default);
        }
        assert!(!world.listeners[index].listening, "listener {listener} listens already");
        world.listeners[index] = Backlog { listening: true, ..Backlog::default() };
        Ok(())
    }

    fn pause(&mut self, listener: u32) {
        self.world.borrow_mut().listeners[listener as usize].paused = true;
    }

    fn resume(&mut self, listener: u32) {
        let mut world = self.world.borrow_mut();
        let backlog = &mut world.listeners[listener as usize];
        backlog.paused = false;
        for _ in 0..backlog.waiting.len() {
            world.plan(0, Event::Accept { listener });
        }
    }

    fn unlisten(&mut self, listener: u32) {
        let mut world = self.world.borrow_mut();
        let backlog = std::mem::take(&mut world.listeners[listener as usize]);
        world.ready.extend(backlog.waiting.into_iter().map(|client| Happened::Accepted { listener, client }));
    }

    fn open(&mut self, slot: u32, mut socket: SimSocket) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let percent = world.weather.open_failure_percent;
        if world.chance(percent) {
            // The caller's socket is closed when it is dropped, which takes the world too.
            drop(world);
            return Err(io::Error::other("no space left for another watch (simulated)"));
        }
        socket.opened = true;
        let index = slot as usize;
        if world.slots.len() <= index {
            world.slots.resize_with(index + 1, || None);
        }
        assert!(world.slots[index].is_none(), "slot {slot} is taken");
        world.slots[index] = Some(Connection { client: socket.client, receive: None, send: None, send_untold: None });
        world.pipes[socket.client].slot = Some(slot);
        world.pipes[socket.client].times.opened = Some(world.nanos);
        Ok(())
    }

    fn recv(&mut self, token: Token) {
        let mut world = self.world.borrow_mut();
        world.begin(Kind::Receive, token);
        let connection = world.slots[token.slot as usize].as_mut().expect("a receive on a closed slot");
        assert!(connection.receive.is_none(), "slot {} has a receive already", token.slot);
        connection.receive = Some(token);
        world.plan(0, Event::TryReceive(token));
    }

    fn send(&mut self, token: Token, outgoing: Box<Outgoing>) {
        assert!(!outgoing.is_done(), "a send of nothing");
        let mut world = self.world.borrow_mut();
        world.begin(Kind::Send, token);
        let connection = world.slots[token.slot as usize].as_mut().expect("a send on a closed slot");
        assert!(connection.send_untold.is_none(), "slot {} has a send already", token.slot);
        let client = connection.client;
        connection.send = Some((token, outgoing));
        connection.send_untold = Some(token);
        assert!(!world.pipes[client].server_finished, "a send after a shutdown");
        world.plan(0, Event::TrySend(token));
    }

    fn shutdown(&mut self, slot: u32) {
        let mut world = self.world.borrow_mut();
        let connection = world.slots[slot as usize].as_ref().expect("a shutdown on a closed slot");
        assert!(connection.send_untold.is_none(), "slot {slot} still sends");
        let client = connection.client;
        world.pipes[client].server_finished = true;
        world.pipes[client].times.shut = Some(world.nanos);
        world.plan_read(client, 0);
    }

    fn close(&mut self, slot: u32, ending: Ending) {
        let mut world = self.world.borrow_mut();
        let connection = world.slots[slot as usize].take().expect("a close on a closed slot");
        let why = io::ErrorKind::ConnectionAborted;
        if let Some(token) = connection.receive {
            world.tell(Happened::ReceiveFailed { token, why });
        }
        if let Some((token, outgoing)) = connection.send {
            world.tell(Happened::Sent { token, outgoing, result: Err(why) });
        }
        world.close_pipe(connection.client, ending);
    }

    fn turn(&mut self, deadline: Option<u64>) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let may_wait = world.ready.is_empty() && !self.waker.0.load(Ordering::SeqCst);
        let percent = world.weather.empty_turn_percent;
        if may_wait && !world.chance(percent) {
            let next = world.events.keys().next().map(|key| key.0);
            match next.into_iter().chain(deadline).min() {
                Some(nanos) => {
                    world.nanos = world.nanos.max(nanos);
                    self.idle_turns = 0;
                }
                None => self.idle_turns += 1,
            }
            assert!(self.idle_turns < IDLE_TURNS_MAX, "the server waits for ever, and nothing will happen");
        }
        while world.events.keys().next().is_some_and(|key| key.0 <= world.nanos) {
            if let Some((_, event)) = world.events.pop_first() {
                world.take_event(event);
            }
        }
        self.now = world.now();
        Ok(())
    }

    fn next(&mut self) -> Option<Completion<SimSocket>> {
        if self.waker.0.swap(false, Ordering::SeqCst) {
            return Some(Completion::Woken);
        }
        let mut world = self.world.borrow_mut();
        loop {
            let completion = match world.next_ready()? {
                // Taken when it was its turn.
                Happened::Acceptable { .. } => continue,
                Happened::Accepted { listener, client } => {
                    let socket = SimSocket { world: Rc::clone(&self.world), client, opened: false };
                    // Documentation addresses (RFC 2544).
                    let [_, _, high, low] = (client as u32 % world.weather.addresses).to_be_bytes();
                    let peer = Peer::Inet(SocketAddr::from(([198, 18, high, low], 40_000)));
                    Completion::Accepted { listener, socket, peer }
                }
                Happened::AcceptFailed { listener } => {
                    let error = io::Error::other("too many open files (simulated)");
                    Completion::AcceptFailed { listener, error }
                }
                Happened::Receivable(token) => match world.receive(token, &mut self.buffer) {
                    Some(completion) => completion,
                    None => continue,
                },
                Happened::ReceiveFailed { token, why } => {
                    world.end(Kind::Receive, token);
                    Completion::Received { token, result: Err(why.into()) }
                }
                Happened::Cold { token, outgoing, cold } => {
                    world.end_send(token);
                    Completion::Cold { token, outgoing, cold }
                }
                Happened::Sent { token, outgoing, result } => {
                    world.end_send(token);
                    Completion::Sent { token, outgoing, result: result.map_err(io::Error::from) }
                }
            };
            return Some(completion);
        }
    }

    fn received(&self) -> &[u8] {
        &self.buffer
    }

    fn now(&self) -> Now {
        self.now
    }

    fn clock(&self) -> u64 {
        self.now.nanos
    }

    fn waker(&self) -> SimWaker {
        self.waker.clone()
    }

    fn name(&self) -> &'static str {
        "sim"
    }
}
