//! The seam over epoll: try, on EAGAIN wait, try again.
//!
//! Every connection is watched once, from `open` on, for edges of everything. An edge says only "try again", so what is
//! known of a connection is kept beside it:
//!
//! ```text
//! recv:  may_have_bytes ?  queue it for `next`  :  wait for an edge
//! next:  receive into the one buffer;
//!            short, and the peer not done  ->  drained: may_have_bytes := false, and more bytes will be an edge, says epoll(7)
//!            short, but the peer is done   ->  still true: its 0 or its error has had its edge already
//! send:  try now;  some bytes left  ->  Sent;  none  ->  wait for an edge, try again
//! ```
//!
//! A receive runs in `next`, because there is one buffer; so does an accept, because the worker may want no more after
//! it. A connection receives once a turn and sends at most
//! [`super::transmit::SEND_TURN_BYTES`]; what is more waits for the next turn. So no connection starves another, or the listeners.
//!
//! Stale events cannot touch a new connection: they carry the number that the slot had when it was opened. Stale entries
//! of the queues cannot either: they are tokens, and a token names one arming.
#![forbid(unsafe_code)]

use super::doorbell::Doorbell;
use super::transmit::{Attempt, Sending};
use super::{Completion, Ending, Now, Outgoing, Ring, Token, read_clock};
use crate::limits::{CONNECTIONS_RESERVED, RECEIVE_BYTES};
use crate::sys::epoll::{self, Event, flag};
use crate::sys::file::Resident;
use crate::sys::socket::{Accepting, BACKLOG_CONNECTIONS};
use crate::sys::{self, Listener, Socket, time};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Events taken by one wait: 6-8 KiB of them (nginx takes 512). More are taken by the next one.
const TURN_EVENTS: usize = 512;
/// Connections accepted from one listener in one turn; the level-triggered rest comes with the next, and other workers may
/// take it.
const TURN_ACCEPTS: usize = 64;
/// Most slots: the bits above them in an event's number tell what it is of.
const SLOTS_MAX: u32 = 1 << 31;

const NANOS_PER_MILLISECOND: u64 = 1_000_000;

/// The epoll backend.
#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: epoll::Epoll,
    doorbell: Doorbell,
    events: Box<[Event]>,
    listeners: Vec<Option<Listening>>,
    slots: Vec<Slot>,
    /// Receives to try in this turn, and those to try in the next one.
    receives: VecDeque<Token>,
    receives_later: VecDeque<Token>,
    /// Sends that have used up their share of this turn.
    sends_later: VecDeque<Token>,
    /// Listeners that somebody waits at, and how many more they may accept in this turn.
    accepts: VecDeque<(u32, usize)>,
    completions: VecDeque<Completion<Socket>>,
    buffer: Box<[u8]>,
    received: usize,
    resident: Resident,
    now: Now,
    /// Counts the turns, from 1.
    turn: u64,
}

#[derive(Debug)]
struct Listening {
    listener: Arc<Listener>,
    watched: bool,
}

/// A slot, and how many connections it has had.
#[derive(Debug, Default)]
struct Slot {
    opened: u32,
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    socket: Socket,
    /// A receive may find something. False only after one came back short, and until the next edge.
    may_have_bytes: bool,
    /// The peer has closed its side, or the connection broke: its edge has been, so receives must find the end.
    peer_done: bool,
    receive: Option<Token>,
    /// The receive stands in one of the queues.
    receive_queued: bool,
    /// The turn of the last receive; 0 for none.
    receive_turn: u64,
    sending: Sending,
}

/// What an event is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    Connection { slot: u32, opened: u32 },
    Listener(u32),
    Doorbell,
}

impl Watched {
    const DOORBELL: u64 = u32::MAX as u64;

    /// The number that its events carry: the slot below, how often it was opened above. Listeners come after the slots.
    fn data(self) -> u64 {
        match self {
            Watched::Connection { slot, opened } => u64::from(opened) << 32 | u64::from(slot),
            Watched::Listener(listener) => u64::from(SLOTS_MAX + listener),
            Watched::Doorbell => Watched::DOORBELL,
        }
    }

    fn of(data: u64) -> Watched {
        let low = data as u32;
        match low.checked_sub(SLOTS_MAX) {
            None => Watched::Connection { slot: low, opened: (data >> 32) as u32 },
            Some(_) if data == Watched::DOORBELL => Watched::Doorbell,
            Some(listener) => Watched::Listener(listener),
        }
    }
}

impl Epoll {
    /// A ring that watches nothing yet. Blocks SIGPIPE in the calling thread, which is to be the one that uses it.
    ///
    /// # Errors
    /// Out of descriptors or memory.
    pub(crate) fn new() -> io::Result<Epoll> {
        sys::thread::block_broken_pipe_signal()?;
        let epoll = epoll::Epoll::new()?;
        let doorbell = Doorbell::new()?;
        epoll.add(doorbell.as_fd(), flag::READABLE | flag::EDGE, Watched::Doorbell.data())?;
        Ok(Epoll {
            epoll,
            doorbell,
            events: vec![Event::EMPTY; TURN_EVENTS].into(),
            listeners: Vec::new(),
            slots: Vec::with_capacity(CONNECTIONS_RESERVED),
            receives: VecDeque::new(),
            receives_later: VecDeque::new(),
            sends_later: VecDeque::new(),
            accepts: VecDeque::new(),
            completions: VecDeque::new(),
            buffer: vec![0; RECEIVE_BYTES].into(),
            received: 0,
            resident: Resident::of_sends(),
            now: read_clock(),
            turn: 1,
        })
    }

    fn connection(&mut self, slot: u32) -> Option<&mut Connection> {
        self.slots.get_mut(slot as usize)?.connection.as_mut()
    }

    /// The listener's entry, if it listens.
    fn listening(&mut self, listener: u32) -> Option<&mut Listening> {
        self.listeners.get_mut(listener as usize)?.as_mut()
    }

    /// Milliseconds to wait, rounded up so that the deadline has passed afterwards.
    fn timeout(&self, deadline: Option<u64>) -> Option<u32> {
        if !(self.completions.is_empty() && self.receives.is_empty() && self.sends_later.is_empty()) {
            return Some(0);
        }
        // By the time of the last turn, which spares a look at the clock: it waits longer by what the turn took.
        let nanos = deadline?.saturating_sub(self.now.nanos);
        Some(u32::try_from(nanos.div_ceil(NANOS_PER_MILLISECOND)).unwrap_or(u32::MAX))
    }

    fn take_event(&mut self, event: Event) {
        match Watched::of(event.data()) {
            Watched::Connection { slot, opened } => self.take_edge(slot, opened, event.flags()),
            Watched::Listener(listener) => self.accepts.push_back((listener, TURN_ACCEPTS)),
            Watched::Doorbell => {
                // Cleared before the worker is told: who rings from here on rings anew.
                self.doorbell.clear();
                self.completions.push_back(Completion::Woken);
            }
        }
    }

    fn take_edge(&mut self, slot: u32, opened: u32, flags: u32) {
        let Some(entry) = self.slots.get_mut(slot as usize).filter(|entry| entry.opened == opened) else { return };
        let Some(connection) = &mut entry.connection else { return };
        let ended = flags & (flag::PEER_DONE | flag::HANG_UP | flag::ERROR) != 0;
        connection.peer_done |= ended;
        if ended || flags & flag::READABLE != 0 {
            connection.may_have_bytes = true;
            if let Some(token) = connection.receive {
                if !connection.receive_queued {
                    connection.receive_queued = true;
                    self.receives.push_back(token);
                }
            }
        }
        if flags & (flag::WRITABLE | flag::HANG_UP | flag::ERROR) != 0 {
            connection.sending.room_came();
            self.try_send(slot);
        }
    }

    /// Accepts one connection, if somebody waits. False: nobody does, or it failed.
    fn accept(&mut self, listener: u32) -> bool {
        let Some(listening) = self.listening(listener) else { return false };
        let source = Arc::clone(&listening.listener);
        loop {
            match source.accept() {
                Accepting::Accepted(socket, peer) => {
                    self.completions.push_back(Completion::Accepted { listener, socket, peer });
                    return true;
                }
                Accepting::Skipped => {}
                Accepting::Empty => return false,
                Accepting::Failed(error) => {
                    self.pause(listener);
                    self.completions.push_back(Completion::AcceptFailed { listener, error });
                    return false;
                }
            }
        }
    }

    /// Takes the next turn of the first listener in the queue. Only one connection at a time, so that the worker may pause
    /// the listener before the next one. False: the queue is empty.
    fn accept_next(&mut self) -> bool {
        let Some((listener, left)) = self.accepts.pop_front() else { return false };
        let is_watched = self.listening(listener).is_some_and(|listening| listening.watched);
        if is_watched && self.accept(listener) && left > 1 {
            self.accepts.push_front((listener, left - 1));
        }
        true
    }

    /// Tries the send of `slot`, if it has one.
    fn try_send(&mut self, slot: u32) {
        let turn = self.turn;
        let entry = self.slots.get_mut(slot as usize);
        let Some(connection) = entry.and_then(|entry| entry.connection.as_mut()) else { return };
        match connection.sending.attempt(&connection.socket, turn, &mut self.resident) {
            Attempt::Nothing | Attempt::Full => {}
            Attempt::Later(token) => self.sends_later.push_back(token),
            Attempt::Ended(token, outgoing, result) => {
                self.completions.push_back(Completion::Sent { token, outgoing, result });
            }
            Attempt::Cold(token, outgoing, cold) => {
                self.completions.push_back(Completion::Cold { token, outgoing, cold });
            }
        }
    }

    /// Performs one receive of the queue; `None` when there was nothing after all.
    fn try_receive(&mut self, token: Token) -> Option<Completion<Socket>> {
        let turn = self.turn;
        let entry = self.slots.get_mut(token.slot as usize)?;
        let connection = entry.connection.as_mut().filter(|connection| connection.receive == Some(token))?;
        connection.receive_queued = false;
        connection.receive_turn = turn;
        let result = match connection.socket.recv(&mut self.buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.may_have_bytes = false;
                return None;
            }
            Ok(bytes) => {
                self.received = bytes;
                connection.peer_done |= bytes == 0;
                connection.may_have_bytes = bytes == self.buffer.len() || connection.peer_done;
                Ok(bytes)
            }
            Err(error) => {
                connection.peer_done = true;
                Err(error)
            }
        };
        connection.receive = None;
        Some(Completion::Received { token, result })
    }
}

impl Ring for Epoll {
    type Socket = Socket;
    type Waker = Doorbell;

    fn listen(&mut self, listener: u32, socket: &Arc<Listener>) -> io::Result<()> {
        assert!(listener < SLOTS_MAX - 1, "one number is the doorbell's");
        let index = listener as usize;
        if self.listeners.len() <= index {
            self.listeners.resize_with(index + 1, || None);
        }
        assert!(self.listeners[index].is_none(), "listener {listener} listens already");
        watch_listener(&self.epoll, listener, socket)?;
        self.listeners[index] = Some(Listening { listener: Arc::clone(socket), watched: true });
        Ok(())
    }

    fn pause(&mut self, listener: u32) {
        let Some(listening) = self.listeners.get_mut(listener as usize).and_then(Option::as_mut) else { return };
        if listening.watched {
            listening.watched = false;
            // It fails only for what is not watched.
            let _ = self.epoll.remove(listening.listener.as_fd());
        }
    }

    fn resume(&mut self, listener: u32) {
        let Some(listening) = self.listeners.get_mut(listener as usize).and_then(Option::as_mut) else { return };
        if listening.watched {
            return;
        }
        match watch_listener(&self.epoll, listener, &listening.listener) {
            Ok(()) => listening.watched = true,
            Err(error) => self.completions.push_back(Completion::AcceptFailed { listener, error }),
        }
    }

    fn unlisten(&mut self, listener: u32) {
        // First: an arrival wakes one of those that watch. One that woke this ring is accepted below, and a later one wakes
        // somebody else, in this process or in another that has the socket too.
        self.pause(listener);
        // As many as the queue can hold: under a flood it would never be seen empty.
        for _ in 0..=BACKLOG_CONNECTIONS {
            if !self.accept(listener) {
                break;
            }
        }
        if let Some(entry) = self.listeners.get_mut(listener as usize) {
            *entry = None;
        }
    }

    fn open(&mut self, slot: u32, socket: Socket) -> io::Result<()> {
        assert!(slot < SLOTS_MAX);
        let index = slot as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, Slot::default);
        }
        let entry = &mut self.slots[index];
        assert!(entry.connection.is_none(), "slot {slot} is taken");
        entry.opened = entry.opened.wrapping_add(1);
        let interest = flag::READABLE | flag::WRITABLE | flag::PEER_DONE | flag::EDGE;
        self.epoll.add(socket.as_fd(), interest, Watched::Connection { slot, opened: entry.opened }.data())?;
        entry.connection = Some(Connection {
            socket,
            // A client's request often arrives before its connection is accepted: looking costs less than a wait.
            may_have_bytes: true,
            peer_done: false,
            receive: None,
            receive_queued: false,
            receive_turn: 0,
            sending: Sending::default(),
        });
        Ok(())
    }

    fn recv(&mut self, token: Token) {
        let turn = self.turn;
        let connection = self.connection(token.slot).expect("a receive on a closed slot");
        assert!(connection.receive.is_none(), "slot {} has a receive already", token.slot);
        connection.receive = Some(token);
        connection.receive_queued = connection.may_have_bytes;
        match (connection.may_have_bytes, connection.receive_turn == turn) {
            (false, _) => {}
            (true, false) => self.receives.push_back(token),
            (true, true) => self.receives_later.push_back(token),
        }
    }

    fn send(&mut self, token: Token, outgoing: Box<Outgoing>) {
        self.connection(token.slot).expect("a send on a closed slot").sending.start(token, outgoing);
        self.try_send(token.slot);
    }

    fn shutdown(&mut self, slot: u32) {
        let connection = self.connection(slot).expect("a shutdown on a closed slot");
        assert!(connection.sending.is_idle(), "slot {slot} still sends");
        // It fails only on a broken connection, and then the receive says so.
        let _ = connection.socket.shutdown_sending();
    }

    fn close(&mut self, slot: u32, ending: Ending) {
        let entry = self.slots.get_mut(slot as usize).expect("a close on a closed slot");
        let mut connection = entry.connection.take().expect("a close on a closed slot");
        let cancelled = || io::Error::from(io::ErrorKind::ConnectionAborted);
        if let Some(token) = connection.receive {
            self.completions.push_back(Completion::Received { token, result: Err(cancelled()) });
        }
        if let Some((token, outgoing)) = connection.sending.give_up() {
            self.completions.push_back(Completion::Sent { token, outgoing, result: Err(cancelled()) });
        }
        match ending {
            Ending::Close => drop(connection.socket),
            Ending::Reset => connection.socket.reset(),
        }
    }

    fn turn(&mut self, deadline: Option<u64>) -> io::Result<()> {
        self.turn += 1;
        self.receives.append(&mut self.receives_later);
        let timeout = self.timeout(deadline);
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            outcome => outcome?,
        };
        self.now = read_clock();
        self.resident.set_time(self.now.nanos);
        for _ in 0..self.sends_later.len() {
            if let Some(token) = self.sends_later.pop_front() {
                if self.connection(token.slot).is_some_and(|connection| connection.sending.is(token)) {
                    self.try_send(token.slot);
                }
            }
        }
        for index in 0..count {
            self.take_event(self.events[index]);
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Completion<Socket>> {
        loop {
            if let Some(completion) = self.completions.pop_front() {
                return Some(completion);
            }
            match self.receives.pop_front() {
                Some(token) => {
                    if let Some(completion) = self.try_receive(token) {
                        return Some(completion);
                    }
                }
                None if self.accept_next() => {}
                None => return None,
            }
        }
    }

    fn received(&self) -> &[u8] {
        &self.buffer[..self.received]
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
        "epoll"
    }
}

/// Level-triggered, because a turn may leave some behind; exclusive, so that one connection wakes one worker.
fn watch_listener(epoll: &epoll::Epoll, listener: u32, socket: &Listener) -> io::Result<()> {
    let data = Watched::Listener(listener).data();
    match epoll.add(socket.as_fd(), flag::READABLE | flag::EXCLUSIVE, data) {
        // Linux before 4.5.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => epoll.add(socket.as_fd(), flag::READABLE, data),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::outgoing::Pin;
    use crate::ring::transmit::{SEND_SLICES, SEND_TURN_BYTES};
    use crate::sys::{ContentFile, Peer};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::os::unix::fs::FileExt;
    use std::rc::Rc;

    const PATIENCE_NANOS: u64 = 20_000_000_000;

    fn token(arming: u32) -> Token {
        Token { slot: 0, arming }
    }

    /// A ring with one connection in slot 0, and its client.
    fn connected() -> (Epoll, TcpStream) {
        let mut ring = Epoll::new().unwrap();
        let listener = Arc::new(Listener::bind_inet("127.0.0.1:0".parse().unwrap()).unwrap());
        ring.listen(0, &listener).unwrap();
        let Peer::Inet(address) = listener.local() else { panic!() };
        let client = TcpStream::connect(address).unwrap();
        loop {
            ring.turn(Some(ring.now.nanos + PATIENCE_NANOS)).unwrap();
            if let Some(Completion::Accepted { socket, .. }) = ring.next() {
                ring.open(0, socket).unwrap();
                return (ring, client);
            }
        }
    }

    #[test]
    fn what_an_event_is_of_goes_there_and_back() {
        for watched in [
            Watched::Connection { slot: 0, opened: 0 },
            Watched::Connection { slot: SLOTS_MAX - 1, opened: u32::MAX },
            Watched::Listener(0),
            Watched::Listener(SLOTS_MAX - 2),
            Watched::Doorbell,
        ] {
            assert_eq!(Watched::of(watched.data()), watched);
        }
    }

    #[test]
    fn an_event_of_an_earlier_connection_is_nobodys() {
        let (mut ring, _client) = connected();
        ring.recv(token(1));
        while ring.next().is_some() {}
        let opened = ring.slots[0].opened;
        ring.take_edge(0, opened.wrapping_sub(1), flag::READABLE | flag::HANG_UP);
        assert!(ring.receives.is_empty());
        ring.take_edge(0, opened, flag::READABLE);
        assert_eq!(ring.receives, [token(1)]);
    }

    /// No end follows the bytes, so nothing but the full buffer says that there are more. One receive a turn, each.
    #[test]
    fn a_full_buffer_is_not_the_last_one() {
        let (mut ring, mut client) = connected();
        let sent = RECEIVE_BYTES * 2 + 100;
        client.write_all(&vec![b'x'; sent]).unwrap();
        let (mut got, mut arming) = (0, 0);
        ring.recv(token(arming));
        while got < sent {
            ring.turn(Some(ring.now.nanos + PATIENCE_NANOS)).unwrap();
            let mut receives = 0;
            while let Some(completion) = ring.next() {
                let Completion::Received { token: found, result: Ok(count) } = completion else {
                    panic!("{completion:?}")
                };
                assert_eq!(found, token(arming));
                got += count;
                receives += 1;
                arming += 1;
                ring.recv(token(arming));
            }
            // None, when the kernel still brings them.
            assert!(receives <= 1, "{receives} receives in a turn, {got} of {sent} bytes so far");
        }
        ring.turn(Some(ring.now.nanos + 1_000_000)).unwrap();
        assert!(ring.next().is_none());
        assert!(!ring.slots[0].connection.as_ref().unwrap().may_have_bytes, "drained: waiting costs no call");
    }

    /// The client reads as fast as it can, so that the socket seldom fills up.
    #[test]
    fn one_connection_sends_its_share_a_turn_and_no_more() {
        const BYTES: u64 = 32 * SEND_TURN_BYTES + 5;
        let (mut ring, mut client) = connected();
        let reader = std::thread::spawn(move || {
            let mut got = 0;
            let mut buffer = vec![0; 256 * 1024];
            while got < BYTES {
                got += client.read(&mut buffer).unwrap() as u64;
            }
            got
        });
        let file: File = crate::sys::file::unlinked_temporary(&std::env::temp_dir()).unwrap();
        file.write_all_at(&[1], BYTES - 1).unwrap();
        let pin: Pin = Rc::new(Arc::new(ContentFile::from_file(file).unwrap()));
        let mut outgoing = Box::<Outgoing>::default();
        outgoing.push_file(pin, 0, BYTES);
        let (mut arming, mut sent, mut sent_in_turn) = (0, 0, 0);
        ring.send(token(arming), outgoing);
        let start = read_clock().nanos;
        while sent < BYTES {
            while let Some(completion) = ring.next() {
                let Completion::Sent { token: found, outgoing, result: Ok(count) } = completion else { panic!() };
                assert_eq!(found, token(arming));
                (sent, sent_in_turn) = (sent + count, sent_in_turn + count);
                arming += 1;
                if !outgoing.is_done() {
                    ring.send(token(arming), outgoing);
                }
            }
            assert!(sent_in_turn <= SEND_TURN_BYTES, "{sent_in_turn} bytes in a turn");
            ring.turn(Some(ring.now.nanos + 1_000_000)).unwrap();
            sent_in_turn = 0;
            assert!(read_clock().nanos - start < PATIENCE_NANOS, "{sent} of {BYTES} bytes sent");
        }
        assert_eq!(reader.join().unwrap(), BYTES);
    }

    /// More pieces than one call takes, and pieces that end in the middle of a call.
    #[test]
    fn many_pieces_leave_in_order() {
        let (mut ring, mut client) = connected();
        let mut outgoing = Box::<Outgoing>::default();
        let mut expected = Vec::new();
        for number in 0..SEND_SLICES * 3 + 1 {
            let bytes = format!("{number} ").into_bytes();
            expected.extend_from_slice(&bytes);
            outgoing.push_owned(bytes);
        }
        ring.send(token(1), outgoing);
        let Some(Completion::Sent { outgoing, result, .. }) = ring.next() else { panic!() };
        assert_eq!((result.unwrap(), outgoing.is_done()), (expected.len() as u64, true));
        ring.close(0, Ending::Close);
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        assert_eq!(got, expected);
    }
}
