//! The state of a simulation, and what happens in it by itself.
#![forbid(unsafe_code)]

use super::{ClientEnding, Pace, SimSocket, Times, Weather};
use crate::limits::RECEIVE_BYTES;
use crate::ring::transmit::ask;
use crate::ring::{Cold, Completion, Ending, Now, Outgoing, Span, Token};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

/// Where virtual time starts, in seconds since 1970-01-01 UTC: 2026-01-01.
const START_UNIX_SECONDS: u64 = 1_767_225_600;

#[derive(Debug)]
pub(super) struct World {
    pub(super) random: Random,
    pub(super) weather: Weather,
    pub(super) nanos: u64,
    /// What will happen, by time and then by the order in which it was planned.
    pub(super) events: BTreeMap<(u64, u64), Event>,
    pub(super) planned: u64,
    /// What the ring may tell.
    pub(super) ready: VecDeque<Happened>,
    pub(super) listeners: Vec<Backlog>,
    pub(super) pipes: Vec<Pipe>,
    pub(super) slots: Vec<Option<Connection>>,
    /// Operations whose completion has not been told.
    pub(super) outstanding: BTreeSet<(Kind, u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Receive,
    Send,
}

#[derive(Debug)]
pub(super) enum Event {
    Connect {
        client: usize,
        listener: u32,
    },
    Accept {
        listener: u32,
    },
    Arrive {
        client: usize,
        bytes: Vec<u8>,
    },
    Finish {
        client: usize,
    },
    Reset {
        client: usize,
    },
    Read {
        client: usize,
    },
    TryReceive(Token),
    TrySend(Token),
    Tell(Happened),
    /// Nothing, but the wait is over.
    Alarm,
}

#[derive(Debug)]
pub(super) enum Happened {
    /// Somebody waits at a listener. It is accepted when it is told, since the server may want no more by then.
    Acceptable {
        listener: u32,
    },
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
    Cold {
        token: Token,
        outgoing: Box<Outgoing>,
        cold: Cold,
    },
}

#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) listening: bool,
    pub(super) paused: bool,
    pub(super) waiting: VecDeque<usize>,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: usize,
    pub(super) receive: Option<Token>,
    /// A send that nothing has left of yet.
    pub(super) send: Option<(Token, Box<Outgoing>)>,
    /// The send that has not been told: its bytes may have left.
    pub(super) send_untold: Option<Token>,
}

/// One connection between a client and the server.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) slot: Option<u32>,
    /// The server has closed its end wholly.
    pub(super) closed: bool,
    /// The client reset the connection.
    pub(super) broken: bool,
    /// When the client's script goes on.
    pub(super) script_nanos: u64,
    pub(super) arrived: VecDeque<u8>,
    pub(super) client_finished: bool,
    /// Sent by the server and not read by the client.
    pub(super) under_way: VecDeque<u8>,
    pub(super) server_finished: bool,
    pub(super) pace: Pace,
    pub(super) read_planned: bool,
    pub(super) got: Vec<u8>,
    pub(super) ending: Option<ClientEnding>,
    /// Bytes after which the client dies.
    pub(super) reset_at: usize,
    pub(super) times: Times,
}

impl World {
    pub(super) fn now(&self) -> Now {
        Now { nanos: self.nanos, unix_seconds: START_UNIX_SECONDS + self.nanos / 1_000_000_000 }
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    /// A delay, at times none.
    fn delay(&mut self) -> u64 {
        let nanos = self.random.below(self.weather.delay_nanos_max + 1);
        if self.chance(50) { nanos } else { 0 }
    }

    /// `len`, or less of it but 1 at least.
    pub(super) fn shortened(&mut self, len: usize) -> usize {
        if len > 1 && self.chance(self.weather.short_percent) {
            1 + self.random.below(len as u64 - 1) as usize
        } else {
            len
        }
    }

    pub(super) fn plan(&mut self, delay: u64, event: Event) {
        self.planned += 1;
        self.events.insert((self.nanos + delay, self.planned), event);
    }

    /// Plans the next step of a client.
    pub(super) fn script(&mut self, client: usize, event: Event) {
        let delay = self.delay();
        let at = self.nanos.max(self.pipes[client].script_nanos) + delay;
        self.pipes[client].script_nanos = at;
        self.plan(at - self.nanos, event);
    }

    pub(super) fn plan_read(&mut self, client: usize, delay: u64) {
        let pipe = &mut self.pipes[client];
        if !pipe.read_planned && pipe.pace != Pace::Never {
            pipe.read_planned = true;
            self.plan(delay, Event::Read { client });
        }
    }

    /// Tells what has happened, perhaps later.
    pub(super) fn tell(&mut self, happened: Happened) {
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

    pub(super) fn take_event(&mut self, event: Event) {
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
            Event::Accept { listener } if self.weather.accepts_ahead => {
                let happened = self.accept(listener);
                self.ready.extend(happened);
            }
            Event::Accept { listener } => self.ready.push_back(Happened::Acceptable { listener }),
            Event::Alarm => {}
            Event::Arrive { client, bytes } => {
                let pipe = &mut self.pipes[client];
                pipe.times.arrived = Some(self.nanos);
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
            Event::Reset { client } => self.die(client),
            Event::Read { client } => self.read(client),
            Event::TryReceive(token) => self.try_receive(token),
            Event::TrySend(token) => self.try_send(token),
            Event::Tell(happened) => self.ready.push_back(happened),
        }
    }

    /// The next thing to tell.
    pub(super) fn next_ready(&mut self) -> Option<Happened> {
        loop {
            let count = self.ready.len() as u64;
            let index = if self.weather.shuffles && count > 1 { self.random.below(count) as usize } else { 0 };
            match self.ready.remove(index)? {
                Happened::Acceptable { listener } => {
                    if let Some(happened) = self.accept(listener) {
                        return Some(happened);
                    }
                }
                happened => return Some(happened),
            }
        }
    }

    pub(super) fn each_outgoing(&self, show: &mut dyn FnMut(&Outgoing)) {
        let sending = self.slots.iter().flatten().filter_map(|connection| Some(&connection.send.as_ref()?.1));
        let late = self.events.values().filter_map(|event| match event {
            Event::Tell(happened) => Some(happened),
            _ => None,
        });
        let sent = self.ready.iter().chain(late).filter_map(|happened| match happened {
            Happened::Sent { outgoing, .. } | Happened::Cold { outgoing, .. } => Some(outgoing),
            _ => None,
        });
        sending.chain(sent).for_each(|outgoing| show(outgoing));
    }

    fn die(&mut self, client: usize) {
        let pipe = &mut self.pipes[client];
        pipe.broken = true;
        pipe.arrived.clear();
        pipe.under_way.clear();
        pipe.ending = pipe.ending.or(Some(ClientEnding::Reset));
        self.poke_receive(client);
        self.poke_send(client);
    }

    /// Takes a client from the queue of a listener, if it may.
    fn accept(&mut self, listener: u32) -> Option<Happened> {
        let is_full = self.slots.iter().flatten().count() >= self.weather.descriptors_max;
        let fails = self.chance(self.weather.accept_failure_percent) || is_full;
        let backlog = &mut self.listeners[listener as usize];
        if backlog.paused || backlog.waiting.is_empty() {
            return None;
        }
        if fails {
            backlog.paused = true;
            return Some(Happened::AcceptFailed { listener });
        }
        backlog.waiting.pop_front().map(|client| Happened::Accepted { listener, client })
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
        #[cfg(test)]
        if let Some(next) = outgoing.next_file(most as u64).filter(|_| outgoing.is_trusted()) {
            // It was told that this may stall.
            if let Some(disk) = next.file.disk() {
                disk.set_may_wait(true);
                disk.bring_in(next.offset, next.len);
                disk.set_may_wait(false);
            }
        }
        let pipe = &mut self.pipes[client];
        let asked = ask(&outgoing, most as u64, |file, offset, len| file.first_cold(offset, len));
        let result = match (pipe.broken, asked) {
            (true, _) => Err(io::ErrorKind::BrokenPipe),
            (false, Ok(bytes)) => copy_out(&outgoing, bytes as usize, &mut pipe.under_way),
            (false, Err(cold)) => return self.tell(Happened::Cold { token, outgoing, cold }),
        };
        if let Ok(sent) = result {
            outgoing.advance(sent);
            pipe.times.sent_first = pipe.times.sent_first.or(Some(self.nanos));
            pipe.times.sent_last = Some(self.nanos);
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
        let count = bytes.min(pipe.under_way.len()).min(pipe.reset_at - pipe.got.len());
        pipe.got.extend(pipe.under_way.drain(..count));
        if pipe.got.len() == pipe.reset_at {
            return self.die(client);
        }
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

    pub(super) fn close_pipe(&mut self, client: usize, ending: Ending) {
        let pipe = &mut self.pipes[client];
        pipe.closed = true;
        pipe.times.closed = Some(self.nanos);
        pipe.slot = None;
        pipe.server_finished = true;
        // As TCP does: closing with bytes unread resets.
        if ending == Ending::Reset || !pipe.arrived.is_empty() {
            self.lose(client);
        }
        self.plan_read(client, 0);
    }

    /// Notes an operation; its token must not be under way already.
    pub(super) fn begin(&mut self, kind: Kind, token: Token) {
        let is_new = self.outstanding.insert((kind, token.slot, token.arming));
        assert!(is_new, "{kind:?} {token:?} is used again before it came back");
    }

    pub(super) fn end(&mut self, kind: Kind, token: Token) {
        let was_there = self.outstanding.remove(&(kind, token.slot, token.arming));
        assert!(was_there, "{kind:?} {token:?} ends twice");
    }

    pub(super) fn end_send(&mut self, token: Token) {
        self.end(Kind::Send, token);
        if let Some(connection) =
            self.slots[token.slot as usize].as_mut().filter(|found| found.send_untold == Some(token))
        {
            connection.send_untold = None;
        }
    }

    /// Receives into `buffer`, if that receive still stands.
    pub(super) fn receive(&mut self, token: Token, buffer: &mut Vec<u8>) -> Option<Completion<SimSocket>> {
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
            // What is still there of a file that was cut is sent before the cut is met, as `sendfile` does.
            Span::File { file, offset, len } => {
                let most = usize::try_from(len).unwrap_or(room).min(room);
                let mut bytes = vec![0; file.bytes_left(offset, most)];
                let read = file.read_at(offset, &mut bytes);
                // It may have been cut by the very read, and a mapping shows zeros there, which `sendfile` does not send.
                bytes.truncate(file.bytes_left(offset, bytes.len()));
                if read.is_ok() {
                    target.extend(&bytes);
                    copied += bytes.len();
                }
                match bytes.len() {
                    count if read.is_ok() && count == most => continue,
                    _ if copied > 0 => break,
                    _ => return Err(io::ErrorKind::UnexpectedEof),
                }
            }
            Span::Short if copied > 0 => break,
            Span::Short => return Err(io::ErrorKind::UnexpectedEof),
        };
        copied += count;
    }
    Ok(copied as u64)
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
