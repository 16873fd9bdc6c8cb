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

use super::{Completion, Ending, Now, Outgoing, Ring, Span, Token, Wake};
use crate::limits::RECEIVE_BYTES;
use crate::sys::{Listener, Peer};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where virtual time starts, in seconds since 1970-01-01 UTC: 2026-01-01.
const START_UNIX_SECONDS: u64 = 1_767_225_600;
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
    /// Longest delay of anything that is delayed.
    pub(crate) delay_nanos_max: u64,
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
        delay_nanos_max: 0,
        window_bytes: 64 * 1024,
    };

    /// Everything goes wrong often.
    pub(crate) const ROUGH: Weather = Weather {
        short_percent: 40,
        again_percent: 30,
        late_percent: 30,
        accept_failure_percent: 10,
        delay_nanos_max: 2_000_000,
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

#[derive(Debug)]
struct World {
    random: Random,
    weather: Weather,
    nanos: u64,
    /// What will happen, by time and then by the order in which it was planned.
    events: BTreeMap<(u64, u64), Event>,
    planned: u64,
    /// What the ring may tell.
    ready: VecDeque<Happened>,
    listeners: Vec<Backlog>,
    pipes: Vec<Pipe>,
    slots: Vec<Option<Connection>>,
    /// Operations whose completion has not been told.
    outstanding: BTreeSet<(Kind, u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Receive,
    Send,
}

#[derive(Debug)]
enum Event {
    Connect { client: usize, listener: u32 },
    Accept { listener: u32 },
    Arrive { client: usize, bytes: Vec<u8> },
    Finish { client: usize },
    Reset { client: usize },
    Read { client: usize },
    TryReceive(Token),
    TrySend(Token),
    Tell(Happened),
}

#[derive(Debug)]
enum Happened {
    Accepted {
        listener: u32,
        client: usize,
    },
    AcceptFailed {
        listener: u32,
    },
    /// The receive finds its bytes when it is told: there is one buffer.
    Receivable(Token),
    ReceiveFailed {
        token: Token,
        why: io::ErrorKind,
    },
    Sent {
        token: Token,
        outgoing: Box<Outgoing>,
        result: Result<u64, io::ErrorKind>,
    },
}

#[derive(Debug, Default)]
struct Backlog {
    listening: bool,
    paused: bool,
    waiting: VecDeque<usize>,
}

#[derive(Debug)]
struct Connection {
    client: usize,
    receive: Option<Token>,
    /// A send that nothing has left of yet.
    send: Option<(Token, Box<Outgoing>)>,
    /// The send that has not been told: its bytes may have left.
    sends: Option<Token>,
}

/// One connection between a client and the server.
#[derive(Debug)]
struct Pipe {
    slot: Option<u32>,
    /// The server has closed its end wholly.
    closed: bool,
    /// The client reset the connection.
    broken: bool,
    /// When the client's script goes on.
    script_nanos: u64,
    arrived: VecDeque<u8>,
    client_finished: bool,
    /// Sent by the server and not read by the client.
    under_way: VecDeque<u8>,
    server_finished: bool,
    pace: Pace,
    read_planned: bool,
    got: Vec<u8>,
    ending: Option<ClientEnding>,
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
        });
        world.script(id, Event::Connect { client: id, listener });
        Client { world: Rc::clone(&self.0), id }
    }

    /// The virtual time.
    pub(crate) fn now(&self) -> Now {
        self.0.borrow().now()
    }

    /// Changes the weather from here on.
    pub(crate) fn set_weather(&self, weather: Weather) {
        self.0.borrow_mut().weather = weather;
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

    /// How it ended, if it has.
    pub(crate) fn ending(&self) -> Option<ClientEnding> {
        self.world.borrow().pipes[self.id].ending
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        if !self.opened {
            self.world.borrow_mut().close_pipe(self.client, Ending::Close);
        }
    }
}

impl World {
    fn now(&self) -> Now {
        Now { nanos: self.nanos, unix_seconds: START_UNIX_SECONDS + self.nanos / 1_000_000_000 }
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    /// A delay, at times none.
    fn delay(&mut self) -> u64 {
        let nanos = self.random.below(self.weather.delay_nanos_max + 1);
        if self.chance(50) { nanos } else { 0 }
    }

    /// `len`, or less of it but 1 at least.
    fn shortened(&mut self, len: usize) -> usize {
        if len > 1 && self.chance(self.weather.short_percent) {
            1 + self.random.below(len as u64 - 1) as usize
        } else {
            len
        }
    }

    fn plan(&mut self, delay: u64, event: Event) {
        self.planned += 1;
        self.events.insert((self.nanos + delay, self.planned), event);
    }

    /// Plans the next step of a client.
    fn script(&mut self, client: usize, event: Event) {
        let delay = self.delay();
        let at = self.nanos.max(self.pipes[client].script_nanos) + delay;
        self.pipes[client].script_nanos = at;
        self.plan(at - self.nanos, event);
    }

    fn plan_read(&mut self, client: usize, delay: u64) {
        let pipe = &mut self.pipes[client];
        if !pipe.read_planned && pipe.pace != Pace::Never {
            pipe.read_planned = true;
            self.plan(delay, Event::Read { client });
        }
    }

    /// Tells what has happened, perhaps later.
    fn tell(&mut self, happened: Happened) {
        if self.chance(self.weather.late_percent) {
            let delay = self.delay();
            self.plan(delay, Event::Tell(happened));
        } else {
            self.ready.push_back(happened);
        }
    }

    /// The connection whose outstanding operation `token` is.
    fn connection(&mut self, token: Token, kind: Kind) -> Option<&mut Connection> {
        let connection = self.slots.get_mut(token.slot as usize)?.as_mut()?;
        let current = match kind {
            Kind::Receive => connection.receive,
            Kind::Send => connection.send.as_ref().map(|send| send.0),
        };
        (current == Some(token)).then_some(connection)
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Connect { client, listener } => {
                match self.listeners.get_mut(listener as usize).filter(|backlog| backlog.listening) {
                    Some(backlog) => {
                        backlog.waiting.push_back(client);
                        self.plan(0, Event::Accept { listener });
                    }
                    None => {
                        self.pipes[client].closed = true;
                        self.pipes[client].ending = Some(ClientEnding::Refused);
                    }
                }
            }
            Event::Accept { listener } => self.accept(listener),
            Event::Arrive { client, bytes } => {
                let pipe = &mut self.pipes[client];
                match pipe.closed {
                    // Bytes for a closed socket are answered by a reset.
                    true => self.lose(client),
                    false => pipe.arrived.extend(bytes),
                }
                self.poke_receive(client);
            }
            Event::Finish { client } => {
                self.pipes[client].client_finished = true;
                self.poke_receive(client);
            }
            Event::Reset { client } => {
                let pipe = &mut self.pipes[client];
                pipe.broken = true;
                pipe.arrived.clear();
                pipe.under_way.clear();
                pipe.ending = pipe.ending.or(Some(ClientEnding::Reset));
                self.poke_receive(client);
                self.poke_send(client);
            }
            Event::Read { client } => self.read(client),
            Event::TryReceive(token) => self.try_receive(token),
            Event::TrySend(token) => self.try_send(token),
            Event::Tell(happened) => self.ready.push_back(happened),
        }
    }

    fn accept(&mut self, listener: u32) {
        let fails = self.chance(self.weather.accept_failure_percent);
        let backlog = &mut self.listeners[listener as usize];
        if backlog.paused || backlog.waiting.is_empty() {
            return;
        }
        if fails {
            backlog.paused = true;
            self.ready.push_back(Happened::AcceptFailed { listener });
        } else if let Some(client) = backlog.waiting.pop_front() {
            self.ready.push_back(Happened::Accepted { listener, client });
        }
    }

    /// Tries the receive of a client's connection, as something has changed.
    fn poke_receive(&mut self, client: usize) {
        let slot = self.pipes[client].slot;
        let connection = slot.and_then(|slot| self.slots[slot as usize].as_ref());
        if let Some(token) = connection.and_then(|connection| connection.receive) {
            self.plan(0, Event::TryReceive(token));
        }
    }

    fn poke_send(&mut self, client: usize) {
        let slot = self.pipes[client].slot;
        let connection = slot.and_then(|slot| self.slots[slot as usize].as_ref());
        if let Some(token) = connection.and_then(|connection| connection.send.as_ref()).map(|send| send.0) {
            self.plan(0, Event::TrySend(token));
        }
    }

    /// Whether an operation is not to succeed yet, and is planned anew.
    fn again(&mut self, event: Event) -> Option<Event> {
        if self.chance(self.weather.again_percent) {
            let delay = self.delay();
            self.plan(delay, event);
            return None;
        }
        Some(event)
    }

    fn try_receive(&mut self, token: Token) {
        let Some(connection) = self.connection(token, Kind::Receive) else { return };
        let client = connection.client;
        let pipe = &self.pipes[client];
        if pipe.arrived.is_empty() && !pipe.client_finished && !pipe.broken {
            return;
        }
        if self.again(Event::TryReceive(token)).is_some() {
            self.ready.push_back(Happened::Receivable(token));
        }
    }

    fn try_send(&mut self, token: Token) {
        let Some(connection) = self.connection(token, Kind::Send) else { return };
        let client = connection.client;
        let room = self.weather.window_bytes.saturating_sub(self.pipes[client].under_way.len());
        if (room == 0 && !self.pipes[client].broken) || self.again(Event::TrySend(token)).is_none() {
            return;
        }
        let most = self.shortened(room.max(1));
        let connection = self.connection(token, Kind::Send).expect("it was there");
        let (token, mut outgoing) = connection.send.take().expect("it was there");
        let pipe = &mut self.pipes[client];
        let result = match pipe.broken {
            true => Err(io::ErrorKind::BrokenPipe),
            false => copy_out(&outgoing, most, &mut pipe.under_way),
        };
        if let Ok(sent) = result {
            outgoing.advance(sent);
            let delay = self.delay();
            self.plan_read(client, delay);
        }
        self.tell(Happened::Sent { token, outgoing, result });
    }

    /// The client reads what has come, at its pace.
    fn read(&mut self, client: usize) {
        let pipe = &mut self.pipes[client];
        pipe.read_planned = false;
        let (bytes, pause) = match pipe.pace {
            Pace::All => (usize::MAX, 0),
            Pace::Slow { bytes, pause_nanos } => (bytes, pause_nanos),
            Pace::Never => return,
        };
        let count = bytes.min(pipe.under_way.len());
        pipe.got.extend(pipe.under_way.drain(..count));
        if !pipe.under_way.is_empty() {
            self.plan_read(client, pause.max(1));
        } else if pipe.server_finished && pipe.ending.is_none() {
            pipe.ending = Some(ClientEnding::Finished);
        }
        self.poke_send(client);
    }

    /// The client learns that the connection is broken; what it has not read is lost.
    fn lose(&mut self, client: usize) {
        let pipe = &mut self.pipes[client];
        pipe.under_way.clear();
        pipe.ending = pipe.ending.or(Some(ClientEnding::Reset));
    }

    fn close_pipe(&mut self, client: usize, ending: Ending) {
        let pipe = &mut self.pipes[client];
        pipe.closed = true;
        pipe.slot = None;
        pipe.server_finished = true;
        // As TCP does: closing with bytes unread resets.
        if ending == Ending::Reset || !pipe.arrived.is_empty() {
            self.lose(client);
        }
        self.plan_read(client, 0);
    }

    /// Notes an operation; its token must not be under way already.
    fn begin(&mut self, kind: Kind, token: Token) {
        let is_new = self.outstanding.insert((kind, token.slot, token.arming));
        assert!(is_new, "{kind:?} {token:?} is used again before it came back");
    }

    fn end(&mut self, kind: Kind, token: Token) {
        let was_there = self.outstanding.remove(&(kind, token.slot, token.arming));
        assert!(was_there, "{kind:?} {token:?} ends twice");
    }

    fn end_send(&mut self, token: Token) {
        self.end(Kind::Send, token);
        if let Some(connection) = self.slots[token.slot as usize].as_mut().filter(|found| found.sends == Some(token)) {
            connection.sends = None;
        }
    }

    /// Receives into `buffer`, if that receive still stands.
    fn receive(&mut self, token: Token, buffer: &mut Vec<u8>) -> Option<Completion<SimSocket>> {
        let connection = self.connection(token, Kind::Receive)?;
        connection.receive = None;
        let client = connection.client;
        let most = self.pipes[client].arrived.len().min(RECEIVE_BYTES);
        let count = self.shortened(most);
        let pipe = &mut self.pipes[client];
        buffer.clear();
        buffer.extend(pipe.arrived.drain(..count));
        let result = if pipe.broken { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(count) };
        self.end(Kind::Receive, token);
        Some(Completion::Received { token, result })
    }
}

/// Copies the first bytes that are left of `outgoing`, at most `most`; says how many.
fn copy_out(outgoing: &Outgoing, most: usize, target: &mut VecDeque<u8>) -> Result<u64, io::ErrorKind> {
    let mut copied = 0;
    for span in outgoing.spans_left() {
        let room = most - copied;
        let count = match span {
            _ if room == 0 => break,
            Span::Memory(bytes) => {
                let bytes = &bytes[..bytes.len().min(room)];
                target.extend(bytes);
                bytes.len()
            }
            Span::File { file, offset, len } => {
                let mut bytes = vec![0; usize::try_from(len).unwrap_or(room).min(room)];
                match file.read_at(offset, &mut bytes) {
                    Ok(()) => target.extend(&bytes),
                    Err(_) if copied > 0 => break,
                    Err(_) => return Err(io::ErrorKind::UnexpectedEof),
                }
                bytes.len()
            }
            Span::Short if copied > 0 => break,
            Span::Short => return Err(io::ErrorKind::UnexpectedEof),
        };
        copied += count;
    }
    Ok(copied as u64)
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
        socket.opened = true;
        let mut world = self.world.borrow_mut();
        let index = slot as usize;
        if world.slots.len() <= index {
            world.slots.resize_with(index + 1, || None);
        }
        assert!(world.slots[index].is_none(), "slot {slot} is taken");
        world.slots[index] = Some(Connection { client: socket.client, receive: None, send: None, sends: None });
        world.pipes[socket.client].slot = Some(slot);
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
        assert!(connection.sends.is_none(), "slot {} has a send already", token.slot);
        let client = connection.client;
        connection.send = Some((token, outgoing));
        connection.sends = Some(token);
        assert!(!world.pipes[client].server_finished, "a send after a shutdown");
        world.plan(0, Event::TrySend(token));
    }

    fn shutdown(&mut self, slot: u32) {
        let mut world = self.world.borrow_mut();
        let connection = world.slots[slot as usize].as_ref().expect("a shutdown on a closed slot");
        assert!(connection.sends.is_none(), "slot {slot} still sends");
        let client = connection.client;
        world.pipes[client].server_finished = true;
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
        if may_wait {
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
            let completion = match world.ready.pop_front()? {
                Happened::Accepted { listener, client } => {
                    let socket = SimSocket { world: Rc::clone(&self.world), client, opened: false };
                    // Documentation addresses (RFC 2544), one for each client.
                    let [_, _, high, low] = (client as u32).to_be_bytes();
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

    fn waker(&self) -> SimWaker {
        self.waker.clone()
    }

    fn name(&self) -> &'static str {
        "sim"
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): one addition and a mix a number, good enough to draw accidents.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
