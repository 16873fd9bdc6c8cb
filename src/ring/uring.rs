//! The seam over io_uring: accepts and receives that go on by themselves, and plain calls for the way out.
//!
//! ```text
//! accept:  one at a time for each listener, replaced when the worker has taken its connection. So a listener that is paused
//!          has taken one too many at most, a worker that is busy asks for none, and workers that share a listener take
//!          turns: the kernel wakes the one that has waited longest
//! recv:    bytes that came ahead ?  queue them for `next`  :  arm a receive (the first of a connection once, later ones
//!          multishot) that takes a buffer when bytes come, so an idle connection holds none
//!          no buffer left  ->  a plain receive in `next`, into one of our own; none there  ->  a poll
//! send:    try now by a plain call;  no room  ->  a multishot poll, try again
//! close:   the slot is free at once; the descriptor stays with its record until the last operation on it has ended
//! ```
//!
//! What was found out the hard way (ARCHITECTURE.md, "One seam for three backends"):
//! * A completion names an *operation* (a number and which use of it), never a slot: those of a closed connection
//!   cannot be taken for another's.
//! * A multishot may fill several buffers before its cancel works, so the bound on what comes ahead is a soft one; that of
//!   all connections together is the number of buffers, and without any of them things go on.
//! * Closing a descriptor under an operation tells the peer nothing; the cancel does. A cancel that found nothing has ended
//!   nothing: only the operation's own last completion says so.
//! * A poll for room that is not multishot spins on a client that has half-closed.
#![forbid(unsafe_code)]

mod operations;

use super::doorbell::Doorbell;
use super::transmit::{Attempt, Sending};
use super::{Completion, Ending, Now, Outgoing, Ring, Token, read_clock};
use crate::limits::{CONNECTIONS_RESERVED, RECEIVE_BYTES};
use crate::sys::file::Resident;
use crate::sys::socket::{Accepting, BACKLOG_CONNECTIONS, is_of_one_connection};
use crate::sys::uring::{Event, Features, Interest, Kernel, Operation, Outcome, Times};
use crate::sys::{self, Listener, Peer, Socket, time};
use operations::{Kind, NO_RECORD, Operations};
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Buffers that one connection may hold before its receive is stopped: 8 KiB that nobody has asked for.
const RECEIVE_AHEAD_BUFFERS_MAX: u16 = 4;
/// The number of the operation that ends all others.
const LAST_OPERATION: Operation = Operation { number: (1 << 31) - 1, serial: 0 };
/// No buffer follows.
const NO_BUFFER: u16 = u16::MAX;

/// The io_uring backend.
#[derive(Debug)]
pub(crate) struct Uring {
    kernel: Kernel,
    operations: Operations,
    /// Connections by the number of their record, which their operations know. Apart from the slots, since a descriptor may
    /// outlive its slot.
    connections: Vec<Connection>,
    free: Vec<u32>,
    /// The record of each slot, or `NO_RECORD`.
    slots: Vec<u32>,
    listeners: Vec<Option<Listening>>,
    ready: VecDeque<Ready>,
    /// Receives that wait for the next turn.
    ready_later: VecDeque<Ready>,
    sends_later: VecDeque<Token>,
    /// The buffer that came next to each one, of the same connection.
    following: Box<[u16]>,
    current: Current,
    own_buffer: Box<[u8]>,
    doorbell: Doorbell,
    /// The kernel knows receives that go on by themselves, as far as we know.
    receives_again: bool,
    resident: Resident,
    now: Now,
    /// Counts the turns, from 1.
    turn: u64,
}

#[derive(Debug)]
struct Listening {
    listener: Arc<Listener>,
    /// It is to accept.
    is_wanted: bool,
    accept: Option<u32>,
    /// The connection that came after it was paused.
    held: Option<(Socket, Peer)>,
}

/// A connection, or the record of one that is over and will be used again.
#[derive(Debug, Default)]
struct Connection {
    /// How many connections this record has had.
    serial: u32,
    socket: Option<Socket>,
    /// The slot is closed, and this is how; the socket waits for its operations.
    ending: Option<Ending>,
    /// What the worker asked for.
    wanted: Option<Token>,
    /// The turn of the last receive; 0 for none.
    receive_turn: u32,
    /// The receive, or the poll that stands in for it.
    receive: Option<NonZeroU32>,
    /// It has had its first receive.
    is_known: bool,
    is_cancelling: bool,
    ahead: Ahead,
    /// What ends the bytes: 0, or an error number.
    end: Option<u16>,
    /// The poll for room.
    room: Option<NonZeroU32>,
    sending: Sending,
    /// Operations that have not ended.
    operations: u16,
}

const _: () = assert!(size_of::<Connection>() <= 72, "most are idle");

/// Buffers that came before they were asked for: a list through [`Uring::following`].
#[derive(Clone, Copy, Debug)]
struct Ahead {
    first: u16,
    last: u16,
    count: u16,
}

impl Default for Ahead {
    fn default() -> Ahead {
        Ahead { first: NO_BUFFER, last: NO_BUFFER, count: 0 }
    }
}

/// What `next` has to give.
#[derive(Debug)]
enum Ready {
    Completion(Completion<Socket>),
    Accepted(u32, Socket, Peer),
    /// Bytes that came ahead, or the end, of a record's connection of this serial.
    Deliver(u32, u32),
    /// A plain receive: there was no buffer.
    Receive(u32, u32),
}

/// Where the bytes of the last `Received` are.
#[derive(Debug)]
enum Current {
    Nowhere,
    Buffer(u16),
    Own(usize),
}

/// An error number, as Linux has them: below 4096.
fn short(number: i32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

impl Uring {
    /// A ring of the calling thread, which alone may use it. Blocks SIGPIPE there.
    ///
    /// # Errors
    /// Not known to this kernel, not allowed, or out of descriptors or memory.
    pub(crate) fn new() -> io::Result<Uring> {
        Uring::with(Features::ALL)
    }

    /// The same with some of what the kernel has.
    pub(super) fn with(wanted: Features) -> io::Result<Uring> {
        sys::thread::block_broken_pipe_signal()?;
        let kernel = Kernel::new(wanted)?;
        let mut ring = Uring {
            following: vec![NO_BUFFER; usize::from(sys::uring::BUFFERS)].into(),
            operations: Operations::default(),
            connections: Vec::with_capacity(CONNECTIONS_RESERVED),
            free: Vec::new(),
            slots: Vec::with_capacity(CONNECTIONS_RESERVED),
            listeners: Vec::new(),
            ready: VecDeque::new(),
            ready_later: VecDeque::new(),
            sends_later: VecDeque::new(),
            current: Current::Nowhere,
            own_buffer: vec![0; RECEIVE_BYTES].into(),
            doorbell: Doorbell::new()?,
            receives_again: kernel.features().receive_again,
            resident: Resident::of_sends(),
            now: read_clock(),
            turn: 1,
            kernel,
        };
        ring.watch_doorbell();
        Ok(ring)
    }

    /// What it uses of what kernels have.
    #[cfg(test)]
    pub(super) fn features(&self) -> Features {
        Features { receive_again: self.receives_again, ..self.kernel.features() }
    }

    fn watch_doorbell(&mut self) {
        let operation = self.operations.start(Kind::Doorbell, NO_RECORD);
        self.kernel.poll(self.doorbell.as_fd(), Interest::Bytes, Times::Again, operation);
    }

    fn connection(&mut self, slot: u32) -> Option<(u32, &mut Connection)> {
        let record = *self.slots.get(slot as usize).filter(|record| **record != NO_RECORD)?;
        Some((record, &mut self.connections[record as usize]))
    }

    /// Starts an operation of a record.
    fn start(&mut self, kind: Kind, record: u32) -> Operation {
        self.connections[record as usize].operations += 1;
        self.operations.start(kind, record)
    }

    fn cancel(&mut self, number: u32, is_accept: bool) {
        let target = self.operations.operation(number);
        let operation = self.operations.start(Kind::Cancel(target.serial), target.number);
        self.kernel.cancel(target, is_accept, operation);
    }

    fn arm_accept(&mut self, listener: u32) {
        let Some(listening) = self.listeners.get_mut(listener as usize).and_then(Option::as_mut) else { return };
        if listening.is_wanted && listening.accept.is_none() {
            let operation = self.operations.start(Kind::Accept(listener), NO_RECORD);
            listening.accept = Some(operation.number);
            self.kernel.accept(listening.listener.as_fd(), operation);
        }
    }

    /// Ends the accept of a listener and waits for that: it takes a call or two, and what was accepted meanwhile is held.
    fn end_accept(&mut self, listener: u32) {
        let under_way =
            |ring: &Uring| ring.listeners[listener as usize].as_ref().and_then(|listening| listening.accept);
        if let Some(accept) = under_way(self) {
            self.cancel(accept, true);
            while under_way(self).is_some() && self.kernel.enter(None).is_ok() {
                self.take_events();
            }
        }
    }

    fn arm_receive(&mut self, record: u32) {
        if !self.kernel.features().buffer_ring {
            // The kernel has nowhere to put bytes by itself: it tells that some are there.
            return self.arm_poll(Kind::Bytes, record);
        }
        let is_known = std::mem::replace(&mut self.connections[record as usize].is_known, true);
        // The first is for one request: when it is the only one, closing needs no cancel.
        let times = if is_known && self.receives_again { Times::Again } else { Times::Once };
        let operation = self.start(Kind::Receive, record);
        let connection = &mut self.connections[record as usize];
        connection.receive = NonZeroU32::new(operation.number);
        if let Some(socket) = &connection.socket {
            self.kernel.receive(socket.as_fd(), times, operation);
        }
    }

    fn arm_poll(&mut self, kind: Kind, record: u32) {
        let operation = self.start(kind, record);
        let connection = &mut self.connections[record as usize];
        let (interest, times) = match kind {
            Kind::Room => {
                connection.room = NonZeroU32::new(operation.number);
                (Interest::Room, Times::Again)
            }
            _ => {
                connection.receive = NonZeroU32::new(operation.number);
                (Interest::Bytes, Times::Once)
            }
        };
        if let Some(socket) = &connection.socket {
            self.kernel.poll(socket.as_fd(), interest, times, operation);
        }
    }

    /// Lets go of a descriptor whose slot is closed once nothing is under way on it.
    fn settle(&mut self, record: u32) {
        let connection = &mut self.connections[record as usize];
        if connection.operations > 0 {
            return;
        }
        let Some(ending) = connection.ending.take() else { return };
        assert!(connection.ahead.count == 0 && connection.sending.is_idle() && connection.wanted.is_none());
        match (connection.socket.take(), ending) {
            (Some(socket), Ending::Reset) => socket.reset(),
            (Some(socket), Ending::Close) => drop(socket),
            (None, _) => {}
        }
        self.free.push(record);
    }

    fn take_events(&mut self) {
        while let Some(event) = self.kernel.next_event() {
            self.take_event(event);
        }
    }

    fn take_event(&mut self, event: Event) {
        let found = self.operations.find(event.operation);
        let (kind, record) = found.expect("the kernel told of an operation that has ended");
        if let Kind::Cancel(serial) = kind {
            if event.is_last {
                self.operations.end(event.operation);
            }
            return self.cancelled(Operation { number: record, serial }, &event.outcome);
        }
        if event.is_last {
            self.operations.end(event.operation);
            if record != NO_RECORD {
                self.connections[record as usize].operations -= 1;
            }
        }
        match kind {
            Kind::Doorbell => {
                // Cleared before the worker is told: who rings from here on rings anew.
                self.doorbell.clear();
                self.ready.push_back(Ready::Completion(Completion::Woken));
                if event.is_last {
                    self.watch_doorbell();
                }
            }
            Kind::Accept(listener) => self.accepted(listener, event),
            Kind::Receive => self.received_ahead(record, event),
            Kind::Bytes => {
                let connection = &mut self.connections[record as usize];
                connection.receive = None;
                if connection.ending.is_none() {
                    self.ready.push_back(Ready::Receive(record, connection.serial));
                }
            }
            Kind::Room => {
                let connection = &mut self.connections[record as usize];
                connection.sending.room_came();
                if event.is_last {
                    connection.room = None;
                }
                if connection.ending.is_none() {
                    self.try_send(record);
                }
            }
            Kind::Cancel(_) => {}
        }
        if record != NO_RECORD {
            self.settle(record);
        }
    }

    /// A cancel that found nothing while its target goes on met it on its way from one wait to the next: it is said again.
    fn cancelled(&mut self, target: Operation, outcome: &Outcome) {
        let has_found = matches!(outcome, Outcome::Done);
        if let (false, Some((kind, _))) = (has_found, self.operations.find(target)) {
            self.cancel(target.number, matches!(kind, Kind::Accept(_)));
        }
    }

    fn accepted(&mut self, listener: u32, event: Event) {
        let Some(listening) = self.listeners[listener as usize].as_mut() else { return };
        listening.accept = None;
        let failure = match event.outcome {
            Outcome::Socket(socket) => match Socket::accepted(socket) {
                // It is replaced when the worker has taken the connection.
                Some((socket, peer)) => return self.ready.push_back(Ready::Accepted(listener, socket, peer)),
                None => None,
            },
            Outcome::Failed(number) if is_of_one_connection(number) => None,
            Outcome::Failed(number) => Some(io::Error::from_raw_os_error(number)),
            // Out of memory for the socket's buffers.
            Outcome::NoBuffer => Some(io::ErrorKind::OutOfMemory.into()),
            Outcome::Unknown => Some(io::Error::from_raw_os_error(sys::errno::EINVAL)),
            Outcome::Bytes(_) | Outcome::Done | Outcome::Cancelled => None,
        };
        match failure {
            Some(error) if listening.is_wanted => {
                listening.is_wanted = false;
                self.ready.push_back(Ready::Completion(Completion::AcceptFailed { listener, error }));
            }
            Some(_) => {}
            None => self.arm_accept(listener),
        }
    }

    /// Hands a connection to the worker, unless the listener was paused meanwhile.
    fn hand_over(&mut self, listener: u32, socket: Socket, peer: Peer) -> Option<Completion<Socket>> {
        match self.listeners.get_mut(listener as usize).and_then(Option::as_mut) {
            Some(listening) if !listening.is_wanted => {
                listening.held = Some((socket, peer));
                None
            }
            Some(_) => {
                self.arm_accept(listener);
                Some(Completion::Accepted { listener, socket, peer })
            }
            // It does not listen any more: what was accepted before is still told.
            None => Some(Completion::Accepted { listener, socket, peer }),
        }
    }

    /// A receive told of bytes, or of its end.
    fn received_ahead(&mut self, record: u32, event: Event) {
        let connection = &mut self.connections[record as usize];
        if event.is_last {
            connection.receive = None;
            connection.is_cancelling = false;
        }
        if connection.ending.is_some() {
            if let Outcome::Bytes(buffer) = event.outcome {
                self.kernel.give_back(buffer);
            }
            return;
        }
        let serial = connection.serial;
        let mut no_buffer = false;
        match event.outcome {
            Outcome::Bytes(buffer) => self.push_ahead(record, buffer),
            Outcome::Done | Outcome::Socket(_) => connection.end = Some(0),
            Outcome::NoBuffer => no_buffer = true,
            Outcome::Cancelled => {}
            Outcome::Unknown if self.receives_again => self.receives_again = false,
            Outcome::Unknown => connection.end = Some(sys::errno::EINVAL as u16),
            Outcome::Failed(number) => connection.end = Some(short(number)),
        }
        let connection = &mut self.connections[record as usize];
        if connection.wanted.is_some() {
            if connection.ahead.count > 0 || connection.end.is_some() {
                if connection.ahead.count <= 1 {
                    self.queue(record);
                }
            } else if no_buffer {
                self.ready.push_back(Ready::Receive(record, serial));
            } else if event.is_last {
                self.arm_receive(record);
            }
        }
        let connection = &mut self.connections[record as usize];
        if connection.ahead.count >= RECEIVE_AHEAD_BUFFERS_MAX && !connection.is_cancelling {
            if let Some(receive) = connection.receive {
                connection.is_cancelling = true;
                self.cancel(receive.get(), false);
            }
        }
    }

    fn push_ahead(&mut self, record: u32, buffer: u16) {
        let ahead = &mut self.connections[record as usize].ahead;
        self.following[usize::from(buffer)] = NO_BUFFER;
        match ahead.last {
            NO_BUFFER => ahead.first = buffer,
            last => self.following[usize::from(last)] = buffer,
        }
        ahead.last = buffer;
        ahead.count += 1;
    }

    fn pop_ahead(&mut self, record: u32) -> Option<u16> {
        let ahead = &mut self.connections[record as usize].ahead;
        let buffer = Some(ahead.first).filter(|&first| first != NO_BUFFER)?;
        ahead.first = self.following[usize::from(buffer)];
        ahead.count -= 1;
        if ahead.first == NO_BUFFER {
            ahead.last = NO_BUFFER;
        }
        Some(buffer)
    }

    /// Queues what came ahead for this turn, or the next one: a connection receives once a turn.
    fn queue(&mut self, record: u32) {
        let connection = &self.connections[record as usize];
        let deliver = Ready::Deliver(record, connection.serial);
        if connection.receive_turn == self.turn as u32 { &mut self.ready_later } else { &mut self.ready }
            .push_back(deliver);
    }

    fn try_send(&mut self, record: u32) {
        let turn = self.turn;
        let Connection { sending, socket: Some(socket), room, .. } = &mut self.connections[record as usize] else {
            return;
        };
        match sending.attempt(socket, turn, &mut self.resident) {
            Attempt::Nothing => {}
            Attempt::Full => {
                if room.is_none() {
                    self.arm_poll(Kind::Room, record);
                }
            }
            Attempt::Later(token) => self.sends_later.push_back(token),
            Attempt::Ended(token, outgoing, result) => {
                self.ready.push_back(Ready::Completion(Completion::Sent { token, outgoing, result }));
            }
            Attempt::Cold(token, outgoing, cold) => {
                self.ready.push_back(Ready::Completion(Completion::Cold { token, outgoing, cold }));
            }
        }
    }

    /// The next of what came ahead, if it is still asked for.
    fn deliver(&mut self, record: u32, serial: u32) -> Option<Completion<Socket>> {
        let turn = self.turn;
        let connection = self.asking(record, serial)?;
        let has_bytes = connection.ahead.count > 0;
        let end = connection.end;
        if !has_bytes && end.is_none() {
            return None;
        }
        connection.receive_turn = turn as u32;
        let token = connection.wanted.take()?;
        if let Some(buffer) = self.pop_ahead(record) {
            self.current = Current::Buffer(buffer);
            return Some(Completion::Received { token, result: Ok(self.kernel.bytes(buffer).len()) });
        }
        let result = match end {
            Some(0) | None => Ok(0),
            Some(number) => Err(io::Error::from_raw_os_error(number.into())),
        };
        Some(Completion::Received { token, result })
    }

    /// Receives without a buffer of the kernel's.
    fn receive_plainly(&mut self, record: u32, serial: u32) -> Option<Completion<Socket>> {
        let turn = self.turn;
        let connection = self.asking(record, serial)?;
        if connection.receive.is_some() || connection.ahead.count > 0 {
            return None;
        }
        let socket = self.connections[record as usize].socket.as_ref()?;
        match socket.recv(&mut self.own_buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.arm_poll(Kind::Bytes, record);
                None
            }
            result => {
                let connection = &mut self.connections[record as usize];
                connection.receive_turn = turn as u32;
                if let Ok(bytes) = result {
                    self.current = Current::Own(bytes);
                }
                match &result {
                    Ok(0) => connection.end = Some(0),
                    Ok(_) => {}
                    Err(error) => connection.end = error.raw_os_error().map(short),
                }
                let token = connection.wanted.take()?;
                Some(Completion::Received { token, result })
            }
        }
    }

    /// The connection of a record, if it is still this one, open, and asks for bytes.
    fn asking(&mut self, record: u32, serial: u32) -> Option<&mut Connection> {
        let connection = &mut self.connections[record as usize];
        let is_it = connection.serial == serial && connection.ending.is_none() && connection.wanted.is_some();
        is_it.then_some(connection)
    }

    /// The bytes of the last `Received` are over.
    fn put_back(&mut self) {
        if let Current::Buffer(buffer) = std::mem::replace(&mut self.current, Current::Nowhere) {
            self.kernel.give_back(buffer);
        }
    }
}

impl Ring for Uring {
    type Socket = Socket;
    type Waker = Doorbell;

    fn listen(&mut self, listener: u32, socket: &Arc<Listener>) -> io::Result<()> {
        let index = listener as usize;
        if self.listeners.len() <= index {
            self.listeners.resize_with(index + 1, || None);
        }
        assert!(self.listeners[index].is_none(), "listener {listener} listens already");
        self.listeners[index] =
            Some(Listening { listener: Arc::clone(socket), is_wanted: true, accept: None, held: None });
        self.arm_accept(listener);
        Ok(())
    }

    fn pause(&mut self, listener: u32) {
        let Some(listening) = self.listeners.get_mut(listener as usize).and_then(Option::as_mut) else { return };
        listening.is_wanted = false;
        self.end_accept(listener);
    }

    fn resume(&mut self, listener: u32) {
        let Some(listening) = self.listeners.get_mut(listener as usize).and_then(Option::as_mut) else { return };
        listening.is_wanted = true;
        let held = listening.held.take().map(|(socket, peer)| Ready::Accepted(listener, socket, peer));
        self.ready.extend(held);
        self.arm_accept(listener);
    }

    fn unlisten(&mut self, listener: u32) {
        self.pause(listener);
        let Some(listening) = self.listeners.get_mut(listener as usize).and_then(Option::take) else { return };
        let held = listening.held.map(|(socket, peer)| Ready::Accepted(listener, socket, peer));
        self.ready.extend(held);
        // As many as the queue can hold: under a flood it would never be seen empty.
        for _ in 0..=BACKLOG_CONNECTIONS {
            match listening.listener.accept() {
                Accepting::Accepted(socket, peer) => self.ready.push_back(Ready::Accepted(listener, socket, peer)),
                Accepting::Skipped => {}
                Accepting::Empty | Accepting::Failed(_) => break,
            }
        }
    }

    fn open(&mut self, slot: u32, socket: Socket) -> io::Result<()> {
        let index = slot as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, NO_RECORD);
        }
        assert!(self.slots[index] == NO_RECORD, "slot {slot} is taken");
        let record = self.free.pop().unwrap_or_else(|| {
            self.connections.push(Connection::default());
            self.connections.len() as u32 - 1
        });
        let entry = &mut self.connections[record as usize];
        *entry = Connection { serial: entry.serial.wrapping_add(1), socket: Some(socket), ..Connection::default() };
        self.slots[index] = record;
        Ok(())
    }

    fn recv(&mut self, token: Token) {
        let (record, connection) = self.connection(token.slot).expect("a receive on a closed slot");
        assert!(connection.wanted.is_none(), "slot {} has a receive already", token.slot);
        connection.wanted = Some(token);
        if connection.ahead.count > 0 || connection.end.is_some() {
            self.queue(record);
        } else if connection.receive.is_none() {
            self.arm_receive(record);
        }
    }

    fn send(&mut self, token: Token, outgoing: Box<Outgoing>) {
        let (record, connection) = self.connection(token.slot).expect("a send on a closed slot");
        connection.sending.start(token, outgoing);
        self.try_send(record);
    }

    fn shutdown(&mut self, slot: u32) {
        let (_, connection) = self.connection(slot).expect("a shutdown on a closed slot");
        assert!(connection.sending.is_idle(), "slot {slot} still sends");
        if let Some(socket) = &connection.socket {
            // It fails only on a broken connection, and then the receive says so.
            let _ = socket.shutdown_sending();
        }
    }

    fn close(&mut self, slot: u32, ending: Ending) {
        let (record, _) = self.connection(slot).expect("a close on a closed slot");
        self.slots[slot as usize] = NO_RECORD;
        let connection = &mut self.connections[record as usize];
        connection.ending = Some(ending);
        let cancelled = || io::Error::from(io::ErrorKind::ConnectionAborted);
        if let Some(token) = connection.wanted.take() {
            let received = Completion::Received { token, result: Err(cancelled()) };
            self.ready.push_back(Ready::Completion(received));
        }
        if let Some((token, outgoing)) = connection.sending.give_up() {
            let sent = Completion::Sent { token, outgoing, result: Err(cancelled()) };
            self.ready.push_back(Ready::Completion(sent));
        }
        let (receive, room) = (connection.receive.filter(|_| !connection.is_cancelling), connection.room);
        while let Some(buffer) = self.pop_ahead(record) {
            self.kernel.give_back(buffer);
        }
        for operation in [receive, room].into_iter().flatten() {
            self.cancel(operation.get(), false);
        }
        self.settle(record);
    }

    fn turn(&mut self, deadline: Option<u64>) -> io::Result<()> {
        self.put_back();
        self.turn += 1;
        self.ready.append(&mut self.ready_later);
        let is_busy = !(self.ready.is_empty() && self.sends_later.is_empty());
        // By the time of the last turn, which spares a look at the clock: it waits longer by what the turn took.
        let wait = if is_busy { Some(0) } else { deadline.map(|deadline| deadline.saturating_sub(self.now.nanos)) };
        self.kernel.enter(wait)?;
        self.now = read_clock();
        self.resident.set_time(self.now.nanos);
        for _ in 0..self.sends_later.len() {
            if let Some(token) = self.sends_later.pop_front() {
                match self.connection(token.slot) {
                    Some((record, connection)) if connection.sending.is(token) => self.try_send(record),
                    Some(_) | None => {}
                }
            }
        }
        self.take_events();
        Ok(())
    }

    fn next(&mut self) -> Option<Completion<Socket>> {
        self.put_back();
        loop {
            let found = match self.ready.pop_front()? {
                Ready::Completion(completion) => Some(completion),
                Ready::Accepted(listener, socket, peer) => self.hand_over(listener, socket, peer),
                Ready::Deliver(record, serial) => self.deliver(record, serial),
                Ready::Receive(record, serial) => self.receive_plainly(record, serial),
            };
            if found.is_some() {
                return found;
            }
        }
    }

    fn received(&self) -> &[u8] {
        match self.current {
            Current::Nowhere => &[],
            Current::Buffer(buffer) => self.kernel.bytes(buffer),
            Current::Own(bytes) => &self.own_buffer[..bytes],
        }
    }

    fn now(&self) -> Now {
        self.now
    }

    fn clock(&self) -> u64 {
        time::nanos()
    }

    fn waker(&self) -> Doorbell {
        self.doorbell.clone()
    }

    fn name(&self) -> &'static str {
        "io_uring"
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        self.put_back();
        // The sockets and sends are let go of by their own drops, after this.
        self.kernel.end_all(self.operations.under_way(), LAST_OPERATION);
    }
}
