//! One suite for every backend: an echo server on the seam, and clients that behave or do not.
//!
//! The server sends back what it gets, with a file in place of every `#`. So what a client must get is known from what it
//! sent, however the bytes were cut on the way.
#![forbid(unsafe_code)]

use super::epoll::Epoll;
use super::sim::{Client, ClientEnding, Clients, Pace, Random, Sim, Weather};
use super::{Completion, Ending, Outgoing, Ring, Token, Wake, outgoing::Pin};
use crate::sys::file::unlinked_temporary;
use crate::sys::socket::BufferSizes;
use crate::sys::{ContentFile, Listener, Peer, Socket, time};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// Longest that a test waits for anything, in real or virtual time.
const PATIENCE_NANOS: u64 = 20_000_000_000;
const FILE_BYTES: usize = 200_000;

/// The far end of a connection.
trait Far {
    fn send(&mut self, bytes: &[u8]);
    fn finish(&mut self);
    fn reset(&mut self);
    fn stop_reading(&mut self);
    /// Moves bytes, where that does not happen by itself.
    fn pump(&mut self);
    /// Whether the connection is surely known on the other side, which over TCP it is with the first bytes and not before.
    fn is_known(&self) -> bool;
    fn got(&self) -> Vec<u8>;
    fn ending(&self) -> Option<ClientEnding>;
}

/// A backend, and a way to connect to it.
trait Place {
    type Ring: Ring;
    /// Whether clients can tell a reset from an end.
    const RESETS: bool;
    fn new() -> Self;
    fn ring(&mut self) -> Self::Ring;
    fn listener(&self) -> Arc<Listener>;
    fn connect(&mut self) -> Box<dyn Far>;
    /// Why this backend cannot be had here, if so: its tests are skipped then, and say so.
    fn missing() -> Option<String> {
        None
    }
    /// Whether nothing will come any more, as far as the backend can know.
    fn is_idle(_ring: &Self::Ring) -> bool {
        true
    }
    fn assert_quiet(_ring: &Self::Ring) {}
}

struct RealFar {
    socket: Option<Socket>,
    is_unix: bool,
    unsent: VecDeque<u8>,
    finishes: bool,
    reads: bool,
    got: Vec<u8>,
    ending: Option<ClientEnding>,
}

impl RealFar {
    fn boxed(socket: Socket, is_unix: bool) -> Box<dyn Far> {
        let (unsent, got) = (VecDeque::new(), Vec::new());
        Box::new(RealFar { socket: Some(socket), is_unix, unsent, finishes: false, reads: true, got, ending: None })
    }

    fn failed(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::WouldBlock {
            self.ending = Some(ClientEnding::Reset);
            self.socket = None;
        }
    }
}

impl Far for RealFar {
    fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend(bytes);
        self.pump();
    }

    fn finish(&mut self) {
        self.finishes = true;
        self.pump();
    }

    fn reset(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.reset();
        }
        self.ending = Some(ClientEnding::Reset);
    }

    fn stop_reading(&mut self) {
        self.reads = false;
    }

    fn pump(&mut self) {
        let Some(socket) = &self.socket else { return };
        if !self.unsent.is_empty() {
            match socket.send(self.unsent.make_contiguous(), false) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                // A server that is done may have reset: what it sent first is still to be read.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.unsent.clear(),
            }
        }
        if self.finishes && self.unsent.is_empty() {
            self.finishes = false;
            let _ = socket.shutdown_sending();
        }
        let mut buffer = [0; 16 * 1024];
        while self.reads && self.ending.is_none() {
            let Some(socket) = &self.socket else { return };
            match socket.recv(&mut buffer) {
                Ok(0) => self.ending = Some(ClientEnding::Finished),
                Ok(count) => self.got.extend_from_slice(&buffer[..count]),
                Err(error) => {
                    self.failed(&error);
                    return;
                }
            }
        }
    }

    fn is_known(&self) -> bool {
        self.is_unix || self.socket.as_ref().is_none_or(|socket| self.unsent.is_empty() && socket.has_arrived())
    }

    fn got(&self) -> Vec<u8> {
        self.got.clone()
    }

    fn ending(&self) -> Option<ClientEnding> {
        self.ending
    }
}

impl Far for Client {
    fn send(&mut self, bytes: &[u8]) {
        Client::send(self, bytes);
    }

    fn finish(&mut self) {
        Client::finish(self);
    }

    fn reset(&mut self) {
        Client::reset(self);
    }

    fn stop_reading(&mut self) {
        self.set_pace(Pace::Never);
    }

    fn pump(&mut self) {}

    fn is_known(&self) -> bool {
        true
    }

    fn got(&self) -> Vec<u8> {
        Client::got(self)
    }

    fn ending(&self) -> Option<ClientEnding> {
        Client::ending(self)
    }
}

/// A ring of the kernel, for the places below.
trait Real {
    type Ring: Ring<Socket = Socket>;
    fn try_make() -> io::Result<Self::Ring>;
}

impl Real for Epoll {
    type Ring = Epoll;

    fn try_make() -> io::Result<Epoll> {
        Epoll::new()
    }
}

struct TcpPlace<R>(Arc<Listener>, PhantomData<R>);

impl<R: Real> Place for TcpPlace<R> {
    fn missing() -> Option<String> {
        R::try_make().err().map(|error| error.to_string())
    }

    type Ring = R::Ring;
    const RESETS: bool = true;

    fn new() -> TcpPlace<R> {
        let sizes = BufferSizes { receive_bytes: Some(4096), send_bytes: Some(4096) };
        TcpPlace(
            Arc::new(Listener::bind_inet_sized("127.0.0.1:0".parse().unwrap(), false, sizes).unwrap()),
            PhantomData,
        )
    }

    fn ring(&mut self) -> R::Ring {
        R::try_make().unwrap()
    }

    fn listener(&self) -> Arc<Listener> {
        Arc::clone(&self.0)
    }

    fn connect(&mut self) -> Box<dyn Far> {
        let Peer::Inet(address) = self.0.local() else { panic!() };
        RealFar::boxed(Socket::from_descriptor(TcpStream::connect(address).unwrap().into()), false)
    }
}

struct UnixPlace<R>(Arc<Listener>, PathBuf, PhantomData<R>);

impl<R: Real> Place for UnixPlace<R> {
    fn missing() -> Option<String> {
        R::try_make().err().map(|error| error.to_string())
    }

    type Ring = R::Ring;
    const RESETS: bool = false;

    fn new() -> UnixPlace<R> {
        let name = format!("badgerserver-ring-{}-{:?}", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        UnixPlace(Arc::new(Listener::bind_unix(&path, None).unwrap()), path, PhantomData)
    }

    fn ring(&mut self) -> R::Ring {
        R::try_make().unwrap()
    }

    fn listener(&self) -> Arc<Listener> {
        Arc::clone(&self.0)
    }

    fn connect(&mut self) -> Box<dyn Far> {
        RealFar::boxed(Socket::from_descriptor(UnixStream::connect(&self.1).unwrap().into()), true)
    }
}

/// The simulator, in one of two weathers and with one of many seeds.
struct SimPlace<const ROUGH: bool, const SEED: u64>(Option<Sim>, Clients);

impl<const ROUGH: bool, const SEED: u64> Place for SimPlace<ROUGH, SEED> {
    type Ring = Sim;
    const RESETS: bool = true;

    fn new() -> Self {
        let sim = Sim::new(SEED, if ROUGH { Weather::ROUGH } else { Weather::CALM });
        let clients = sim.clients();
        SimPlace(Some(sim), clients)
    }

    fn ring(&mut self) -> Sim {
        self.0.take().unwrap()
    }

    fn listener(&self) -> Arc<Listener> {
        Arc::new(Listener::nowhere(Peer::Unix).unwrap())
    }

    fn connect(&mut self) -> Box<dyn Far> {
        Box::new(self.1.connect(0))
    }

    fn is_idle(ring: &Sim) -> bool {
        ring.is_idle()
    }

    fn assert_quiet(ring: &Sim) {
        ring.assert_quiet();
    }
}

/// The echo server.
struct Echo<R: Ring> {
    ring: R,
    slots: Vec<Option<Held>>,
    free: Vec<u32>,
    arming: u32,
    file: Pin,
    /// Sends handed to the ring and not come back.
    sends_out: usize,
    accepted: usize,
    woken: usize,
    accept_failures: usize,
    files_short: usize,
    late: usize,
}

/// A connection of the echo server.
#[derive(Default)]
struct Held {
    receive: Option<Token>,
    send: Option<Token>,
    /// Bytes that came while a send was out.
    waiting: Vec<u8>,
    finished: bool,
}

impl<R: Ring> Echo<R> {
    fn new(mut ring: R, listener: &Arc<Listener>, file: &Pin) -> Echo<R> {
        ring.listen(0, listener).unwrap();
        Echo {
            ring,
            slots: Vec::new(),
            free: Vec::new(),
            arming: 0,
            file: file.clone(),
            sends_out: 0,
            accepted: 0,
            woken: 0,
            accept_failures: 0,
            files_short: 0,
            late: 0,
        }
    }

    fn token(&mut self, slot: u32) -> Token {
        self.arming = self.arming.wrapping_add(1);
        Token { slot, arming: self.arming }
    }

    fn open(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// One turn, of a millisecond at most.
    fn step(&mut self) {
        let deadline = self.ring.now().nanos + 1_000_000;
        self.ring.turn(Some(deadline)).unwrap();
        while let Some(completion) = self.ring.next() {
            self.take(completion);
        }
    }

    fn take(&mut self, completion: Completion<R::Socket>) {
        match completion {
            Completion::Accepted { socket, .. } => {
                self.accepted += 1;
                let slot = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    self.slots.len() as u32 - 1
                });
                self.ring.open(slot, socket).unwrap();
                self.slots[slot as usize] = Some(Held::default());
                self.arm(slot);
            }
            Completion::AcceptFailed { listener, .. } => {
                self.accept_failures += 1;
                self.ring.resume(listener);
            }
            Completion::Received { token, result } => {
                let bytes = self.ring.received().to_vec();
                let Some(held) = self.slots[token.slot as usize].as_mut().filter(|held| held.receive == Some(token))
                else {
                    assert!(result.is_err(), "bytes of a closed connection");
                    self.late += 1;
                    return;
                };
                held.receive = None;
                match result {
                    Ok(0) => held.finished = true,
                    Ok(count) => {
                        assert_eq!(count, bytes.len());
                        held.waiting.extend(bytes);
                    }
                    Err(_) => return self.close(token.slot, Ending::Close),
                }
                self.answer(token.slot);
            }
            Completion::Sent { token, outgoing, result } => {
                self.sends_out -= 1;
                let Some(held) = self.slots[token.slot as usize].as_mut().filter(|held| held.send == Some(token))
                else {
                    self.late += 1;
                    return;
                };
                held.send = None;
                match result {
                    Ok(count) => {
                        assert!(count >= 1);
                        match outgoing.is_done() {
                            true => self.answer(token.slot),
                            false => self.send(token.slot, outgoing),
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        self.files_short += 1;
                        self.close(token.slot, Ending::Reset);
                    }
                    Err(_) => self.close(token.slot, Ending::Close),
                }
            }
            Completion::Cold { token, mut outgoing, cold } => {
                self.sends_out -= 1;
                let Some(held) = self.slots[token.slot as usize].as_mut().filter(|held| held.send == Some(token))
                else {
                    self.late += 1;
                    return;
                };
                held.send = None;
                assert!(outgoing.count_cold() < 100, "it never gets warm");
                let next = outgoing.next_file(u64::MAX).expect("a file is next");
                assert!(cold.offset >= next.offset && cold.offset + cold.len == next.offset + next.len);
                next.file.bring_in(cold.offset, cold.len, || true).expect("it is there");
                self.send(token.slot, outgoing);
            }
            Completion::Woken => self.woken += 1,
        }
    }

    /// Goes on with a connection: one send at a time, and always a receive beside it until bytes wait.
    fn answer(&mut self, slot: u32) {
        let file_len = self.file.len();
        let held = self.slots[slot as usize].as_mut().unwrap();
        if held.send.is_none() && !held.waiting.is_empty() {
            let mut outgoing = Box::<Outgoing>::default();
            for run in std::mem::take(&mut held.waiting).split_inclusive(|&byte| byte == b'#') {
                let text = run.strip_suffix(b"#").unwrap_or(run);
                outgoing.push_copy(text);
                if text.len() < run.len() {
                    outgoing.push_file(self.file.clone(), 0, file_len);
                }
            }
            self.send(slot, outgoing);
        }
        let held = self.slots[slot as usize].as_ref().unwrap();
        if !held.finished && held.receive.is_none() && held.waiting.is_empty() {
            self.arm(slot);
        } else if held.finished && held.send.is_none() {
            self.close(slot, Ending::Close);
        }
    }

    fn arm(&mut self, slot: u32) {
        let token = self.token(slot);
        self.ring.recv(token);
        self.slots[slot as usize].as_mut().unwrap().receive = Some(token);
    }

    fn send(&mut self, slot: u32, outgoing: Box<Outgoing>) {
        let token = self.token(slot);
        self.slots[slot as usize].as_mut().unwrap().send = Some(token);
        self.sends_out += 1;
        self.ring.send(token, outgoing);
    }

    fn close(&mut self, slot: u32, ending: Ending) {
        self.ring.close(slot, ending);
        self.slots[slot as usize] = None;
        self.free.push(slot);
    }

    /// Turns until `done`.
    fn until(
        &mut self,
        fars: &mut [Box<dyn Far>],
        what: &str,
        mut done: impl FnMut(&Echo<R>, &[Box<dyn Far>]) -> bool,
    ) {
        let (virtual_start, (real_start, _)) = (self.ring.now().nanos, time::now());
        loop {
            fars.iter_mut().for_each(|far| far.pump());
            if done(self, fars) {
                return;
            }
            self.step();
            assert!(time::now().0 - real_start < PATIENCE_NANOS, "{what} takes too long");
            assert!(self.ring.now().nanos - virtual_start < PATIENCE_NANOS, "{what} takes too long");
        }
    }
}

/// Waits for late completions, and asserts that then neither the server nor the ring holds anything.
fn settle<P: Place>(echo: &mut Echo<P::Ring>, file: &Pin) {
    echo.until(&mut [], "the last completions", |echo, _| echo.sends_out == 0 && P::is_idle(&echo.ring));
    P::assert_quiet(&echo.ring);
    assert_eq!(echo.open(), 0, "connections left");
    assert_eq!(Rc::strong_count(file), 2, "pins left: the test's and the server's are two");
}

fn file_bytes() -> Vec<u8> {
    (0..FILE_BYTES).map(|at| b'a' + (at % 23) as u8).collect()
}

fn disk_file() -> (Pin, File) {
    let file = unlinked_temporary(&std::env::temp_dir()).unwrap();
    file.write_all_at(&file_bytes(), 0).unwrap();
    let content = ContentFile::from_file(file.try_clone().unwrap()).unwrap();
    (Rc::new(Arc::new(content)), file)
}

fn echo_of(sent: &[u8], file: &[u8]) -> Vec<u8> {
    sent.split_inclusive(|&byte| byte == b'#').fold(Vec::new(), |mut all, run| {
        let text = run.strip_suffix(b"#").unwrap_or(run);
        all.extend_from_slice(text);
        if text.len() < run.len() {
            all.extend_from_slice(file);
        }
        all
    })
}

/// Text of up to `most` bytes, with a file in about every hundredth place.
fn random_text(random: &mut Random, most: u64) -> Vec<u8> {
    (0..1 + random.below(most))
        .map(|_| if random.below(100) == 0 { b'#' } else { b'A' + random.below(26) as u8 })
        .collect()
}

fn begin<P: Place>() -> (P, Echo<P::Ring>, Pin, File) {
    let mut place = P::new();
    let (pin, disk) = disk_file();
    let echo = Echo::new(place.ring(), &place.listener(), &pin);
    (place, echo, pin, disk)
}

fn everything_comes_back<P: Place>() {
    let (mut place, mut echo, pin, _disk) = begin::<P>();
    let mut random = Random(1);
    let texts: Vec<Vec<u8>> = (0..12).map(|_| random_text(&mut random, 400)).collect();
    let mut fars: Vec<_> = texts.iter().map(|_| place.connect()).collect();
    for (far, text) in fars.iter_mut().zip(&texts) {
        far.send(text);
        far.finish();
    }
    echo.until(&mut fars, "echoing", |echo, fars| echo.open() == 0 && fars.iter().all(|far| far.ending().is_some()));
    for (far, text) in fars.iter().zip(&texts) {
        assert_eq!(far.ending(), Some(ClientEnding::Finished));
        assert!(far.got() == echo_of(text, &file_bytes()), "the echo of {} bytes differs", text.len());
    }
    assert_eq!(echo.accepted, texts.len());
    settle::<P>(&mut echo, &pin);
}

fn a_file_in_memory_is_sent_the_same<P: Place>() {
    let mut place = P::new();
    let pin: Pin = Rc::new(Arc::new(ContentFile::from_memory(file_bytes())));
    let mut echo = Echo::new(place.ring(), &place.listener(), &pin);
    let mut fars = [place.connect()];
    fars[0].send(b"one # two ## three");
    fars[0].finish();
    echo.until(&mut fars, "echoing", |_, fars| fars[0].ending().is_some());
    assert!(fars[0].got() == echo_of(b"one # two ## three", &file_bytes()));
}

/// Clients come, die at any moment, and slots are taken anew at once, while others must not notice.
fn clients_die_at_random<P: Place>() {
    let (mut place, mut echo, pin, _disk) = begin::<P>();
    let mut random = Random(2);
    for round in 0..20 {
        let mut fars: Vec<_> = (0..10).map(|_| place.connect()).collect();
        let steady = random_text(&mut random, 200);
        for (index, far) in fars.iter_mut().enumerate() {
            if index == 0 {
                far.send(&steady);
                far.finish();
                continue;
            }
            far.send(&random_text(&mut random, 300));
            if random.below(3) == 0 {
                far.stop_reading();
            }
        }
        for far in 1..fars.len() {
            for _ in 0..random.below(6) {
                fars.iter_mut().for_each(|far| far.pump());
                echo.step();
            }
            match random.below(4) {
                0 => fars[far].finish(),
                1 => {
                    fars[far].send(b"last words #");
                    fars[far].reset();
                }
                _ => fars[far].reset(),
            }
        }
        echo.until(&mut fars, "the steady client", |_, fars| fars[0].ending().is_some());
        assert_eq!(fars[0].ending(), Some(ClientEnding::Finished), "round {round}");
        assert!(fars[0].got() == echo_of(&steady, &file_bytes()), "round {round}");
        fars[1..].iter_mut().for_each(|far| far.reset());
        // Connections are accepted in order, but a backend may leave out a client that has gone by then.
        let mut last = [place.connect()];
        last[0].finish();
        echo.until(&mut last, "the end of all", |echo, last| last[0].ending().is_some() && echo.open() == 0);
        assert!(echo.accepted <= 11 * (round + 1));
    }
    echo.until(&mut [], "the last completions", |echo, _| echo.sends_out == 0);
    assert!(echo.slots.len() <= 11, "slots are used again");
    settle::<P>(&mut echo, &pin);
}

/// The peer's last bytes and its end come together; both must be seen, and whole answers go to a half-closed peer.
fn an_end_behind_bytes_is_seen<P: Place>() {
    let (mut place, mut echo, pin, _disk) = begin::<P>();
    for len in
        [1, 100, crate::limits::RECEIVE_BYTES - 1, crate::limits::RECEIVE_BYTES, crate::limits::RECEIVE_BYTES + 1]
    {
        let text = vec![b'x'; len];
        let mut fars = [place.connect()];
        fars[0].send(&text);
        fars[0].finish();
        echo.until(&mut fars, "the end", |echo, fars| fars[0].ending().is_some() && echo.open() == 0);
        assert_eq!((fars[0].got().len(), fars[0].ending()), (len, Some(ClientEnding::Finished)));
    }
    settle::<P>(&mut echo, &pin);
}

fn a_file_cut_short_resets<P: Place>() {
    let (mut place, mut echo, pin, disk) = begin::<P>();
    let mut fars = [place.connect()];
    disk.set_len(5000).unwrap();
    fars[0].send(b"before # after");
    echo.until(&mut fars, "the reset", |_, fars| fars[0].ending().is_some());
    assert_eq!(echo.files_short, 1);
    let got = fars[0].got();
    assert!(!got.ends_with(b" after") && got.len() <= 7 + 5000);
    if P::RESETS {
        assert_eq!(fars[0].ending(), Some(ClientEnding::Reset));
    }
    settle::<P>(&mut echo, &pin);
}

/// Closing with a receive and a send outstanding gives both back under their old tokens, though the slot is taken again.
fn closing_gives_everything_back<P: Place>() {
    let (mut place, mut echo, pin, _disk) = begin::<P>();
    let mut fars = vec![place.connect()];
    fars[0].stop_reading();
    let most = if P::RESETS { 60 } else { 30 };
    fars[0].send(&vec![b'#'; most]);
    echo.until(&mut fars, "a send that waits", |echo, _| {
        echo.slots
            .first()
            .is_some_and(|held| held.as_ref().is_some_and(|held| held.send.is_some() && held.receive.is_some()))
    });
    assert!(Rc::strong_count(&pin) > 2, "the send pins its file");
    echo.close(0, Ending::Reset);
    let before = echo.late;
    fars.push(place.connect());
    fars[1].send(b"next");
    fars[1].finish();
    echo.until(&mut fars, "the next connection", |_, fars| fars[1].ending().is_some());
    assert_eq!(fars[1].got(), b"next");
    assert_eq!(echo.slots.len(), 1, "the same slot");
    echo.until(&mut fars, "the late completions", |echo, _| echo.late == before + 2);
    settle::<P>(&mut echo, &pin);
}

fn shutdown_ends_one_direction<P: Place>() {
    let (mut place, mut echo, pin, _disk) = begin::<P>();
    let mut fars = [place.connect()];
    echo.until(&mut fars, "the connection", |echo, _| echo.open() == 1);
    echo.ring.shutdown(0);
    echo.until(&mut fars, "the end", |_, fars| fars[0].ending().is_some());
    assert_eq!(fars[0].ending(), Some(ClientEnding::Finished));
    fars[0].finish();
    echo.until(&mut fars, "the other end", |echo, _| echo.open() == 0);
    settle::<P>(&mut echo, &pin);
}

fn a_reset_is_told_from_an_end<P: Place>() {
    for (ending, seen) in [(Ending::Close, ClientEnding::Finished), (Ending::Reset, ClientEnding::Reset)] {
        let (mut place, mut echo, _pin, _disk) = begin::<P>();
        let mut fars = [place.connect()];
        echo.until(&mut fars, "the connection", |echo, _| echo.open() == 1);
        echo.close(0, ending);
        echo.until(&mut fars, "the ending", |_, fars| fars[0].ending().is_some());
        if P::RESETS {
            assert_eq!(fars[0].ending(), Some(seen));
        }
    }
}

fn a_paused_listener_waits_and_the_last_call_takes_all<P: Place>() {
    let (mut place, mut echo, pin, _disk) = begin::<P>();
    echo.ring.pause(0);
    let mut fars: Vec<_> = (0..5).map(|_| place.connect()).collect();
    for _ in 0..5 {
        echo.step();
    }
    assert_eq!(echo.accepted, 0);
    echo.ring.resume(0);
    echo.until(&mut fars, "accepting", |echo, _| echo.accepted == 5);
    echo.ring.pause(0);
    fars.extend((0..5).map(|_| place.connect()));
    fars.iter_mut().for_each(|far| far.send(b"served"));
    for _ in 0..5 {
        echo.step();
    }
    echo.until(&mut fars, "the queue", |_, fars| fars.iter().all(|far| far.is_known()));
    echo.ring.unlisten(0);
    while let Some(completion) = echo.ring.next() {
        echo.take(completion);
    }
    assert_eq!(echo.accepted, 10, "whoever was in the queue");
    fars.iter_mut().for_each(|far| far.finish());
    echo.until(&mut fars, "serving", |_, fars| fars.iter().all(|far| far.ending().is_some()));
    assert!(fars.iter().all(|far| far.got() == b"served"));
    settle::<P>(&mut echo, &pin);
}

fn a_wake_from_another_thread_ends_the_wait<P: Place>() {
    let (_place, mut echo, _pin, _disk) = begin::<P>();
    for round in 1..4 {
        let waker = echo.ring.waker();
        let other = std::thread::spawn(move || (0..100).for_each(|_| waker.wake()));
        if P::RESETS || round == 1 {
            // The simulator's time cannot wait for a real thread.
            other.join().unwrap();
            echo.ring.turn(None).unwrap();
        } else {
            echo.ring.turn(None).unwrap();
            other.join().unwrap();
        }
        while let Some(completion) = echo.ring.next() {
            echo.take(completion);
        }
        assert!(echo.woken >= round && echo.woken <= 100 * round);
        echo.step();
        echo.woken = round;
    }
}

fn a_turn_lasts_until_its_deadline<P: Place>() {
    let (_place, mut echo, _pin, _disk) = begin::<P>();
    echo.step();
    for nanos in [0, 1, 1_500_000, 3_000_000] {
        let before = echo.ring.now().nanos;
        let mut turns = 0;
        while echo.ring.now().nanos < before + nanos {
            echo.ring.turn(Some(before + nanos)).unwrap();
            assert!(echo.ring.next().is_none());
            turns += 1;
        }
        assert!(turns <= 2, "{turns} turns for {nanos} ns: one and perhaps a signal");
    }
}

/// Dropping a ring lets go of every send it still holds.
fn a_dropped_ring_lets_go<P: Place>() {
    let (mut place, mut echo, pin, _disk) = begin::<P>();
    let mut fars = [place.connect()];
    fars[0].stop_reading();
    fars[0].send(&[b'#'; 60]);
    echo.until(&mut fars, "a send", |echo, _| echo.sends_out == 1);
    drop(echo);
    drop(place);
    drop(fars);
    assert_eq!(Rc::strong_count(&pin), 1);
}

/// While one client sends and takes without an end, the others are answered.
fn a_greedy_connection_starves_nobody<P: Place>() {
    let (mut place, mut echo, _pin, _disk) = begin::<P>();
    let mut fars = vec![place.connect()];
    fars[0].send(&vec![b'#'; 400]);
    echo.until(&mut fars, "the greedy one", |echo, fars| echo.open() == 1 && !fars[0].got().is_empty());
    fars.push(place.connect());
    fars[1].send(b"me too");
    fars[1].finish();
    echo.until(&mut fars, "the other one", |_, fars| fars[1].ending().is_some());
    assert_eq!(fars[1].got(), b"me too");
    assert!(fars[0].got().len() < 400 * FILE_BYTES, "answered before the greedy one was done");
}

macro_rules! suite {
    ($($name:ident: $place:ty),+ $(,)?) => {
        $(mod $name {
            use super::*;
            suite!(@tests $place: everything_comes_back, a_file_in_memory_is_sent_the_same, clients_die_at_random,
                an_end_behind_bytes_is_seen, a_file_cut_short_resets, closing_gives_everything_back,
                shutdown_ends_one_direction, a_reset_is_told_from_an_end,
                a_paused_listener_waits_and_the_last_call_takes_all, a_wake_from_another_thread_ends_the_wait,
                a_turn_lasts_until_its_deadline, a_greedy_connection_starves_nobody, a_dropped_ring_lets_go);
        })+
    };
    (@tests $place:ty: $($test:ident),+) => {
        $(#[test]
        fn $test() {
            match <$place>::missing() {
                Some(why) => println!("SKIPPED {}: {why}", module_path!()),
                None => super::$test::<$place>(),
            }
        })+
    };
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod uring;

suite! {
    epoll_tcp: TcpPlace<Epoll>,
    epoll_unix: UnixPlace<Epoll>,
    sim_calm: SimPlace<false, 1>,
    sim_rough: SimPlace<true, 1>,
    sim_rough_again: SimPlace<true, 2>,
}

#[test]
fn accepting_that_fails_pauses_the_listener() {
    a_broken_listener_is_told_once(Epoll::new().unwrap());
}

/// A broken listener stands for one out of descriptors: it is told once and paused, and told again when it is resumed.
fn a_broken_listener_is_told_once(mut ring: impl Ring) {
    ring.listen(0, &Arc::new(Listener::nowhere(Peer::Unix).unwrap())).unwrap();
    for _ in 0..3 {
        ring.turn(None).unwrap();
        assert!(matches!(ring.next(), Some(Completion::AcceptFailed { listener: 0, .. })));
        assert!(ring.next().is_none());
        ring.turn(Some(ring.now().nanos + 1_000_000)).unwrap();
        assert!(ring.next().is_none(), "paused");
        ring.resume(0);
    }
}

/// The simulated run is a function of its seed.
#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let sim = Sim::new(seed, Weather::ROUGH);
        let clients = sim.clients();
        let (pin, _disk) = disk_file();
        let mut echo = Echo::new(sim, &Arc::new(Listener::nowhere(Peer::Unix).unwrap()), &pin);
        let mut fars: Vec<Box<dyn Far>> = (0..5).map(|_| Box::new(clients.connect(0)) as _).collect();
        for far in &mut fars {
            far.send(b"some text and # a file");
            far.finish();
        }
        echo.until(&mut fars, "echoing", |_, fars| fars.iter().all(|far| far.ending().is_some()));
        (clients.now(), echo.arming, echo.accept_failures)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

/// Many short runs: what one seed does not draw, another one does.
#[test]
fn many_seeds_of_rough_weather() {
    let (pin, _disk) = disk_file();
    for seed in 0..300 {
        let mut random = Random(seed);
        let sim = Sim::new(seed, Weather { window_bytes: 1 + random.below(100_000) as usize, ..Weather::ROUGH });
        let clients = sim.clients();
        let mut echo = Echo::new(sim, &Arc::new(Listener::nowhere(Peer::Unix).unwrap()), &pin);
        let scripted: Vec<(Client, Vec<u8>, bool)> = (0..1 + random.below(6))
            .map(|_| {
                let (client, text, dies) = (clients.connect(0), random_text(&mut random, 60), random.below(2) == 0);
                client.wait(random.below(3_000_000));
                client.send(&text);
                client.set_pace(Pace::Slow { bytes: 30_000, pause_nanos: 1 + random.below(1_000_000) });
                match dies {
                    true => client.reset(),
                    false => client.finish(),
                }
                (client, text, dies)
            })
            .collect();
        echo.until(&mut [], "the end of all", |echo, _| {
            echo.open() == 0 && echo.ring.is_idle() && scripted.iter().all(|script| script.0.ending().is_some())
        });
        for (client, text, _) in scripted.iter().filter(|script| !script.2) {
            assert_eq!(client.ending(), Some(ClientEnding::Finished), "seed {seed}");
            assert!(client.got() == echo_of(text, &file_bytes()), "seed {seed}");
        }
        echo.ring.assert_quiet();
        assert_eq!(echo.sends_out, 0, "seed {seed}");
    }
    assert_eq!(Rc::strong_count(&pin), 1);
}

/// Scripted clients: in order, at their time, at their pace.
#[test]
fn scripts_keep_their_time_and_pace() {
    let sim = Sim::new(3, Weather::CALM);
    let clients = sim.clients();
    let (pin, _disk) = disk_file();
    let mut echo = Echo::new(sim, &Arc::new(Listener::nowhere(Peer::Unix).unwrap()), &pin);
    let client = clients.connect(0);
    client.set_pace(Pace::Slow { bytes: 1000, pause_nanos: 1_000_000 });
    client.wait(5_000_000_000);
    client.send(b"#");
    client.finish();
    let nobody = clients.connect(1);
    let mut fars: [Box<dyn Far>; 1] = [Box::new(client.clone())];
    echo.until(&mut fars, "echoing", |_, fars| fars[0].ending().is_some());
    let seconds = clients.now().nanos as f64 / 1e9;
    assert!((5.15..5.25).contains(&seconds), "5 s of waiting, and 200 pauses of 1 ms: {seconds}");
    assert_eq!(client.got(), file_bytes());
    assert_eq!(nobody.ending(), Some(ClientEnding::Refused));
    echo.ring.assert_quiet();
}

/// Counts descriptors, so it runs alone: in a process of its own.
#[test]
fn no_descriptor_leaks() {
    let test = "ring::tests::no_descriptor_leaks_alone";
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--test-threads=1"])
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "run {test} by itself to see why");
}

#[test]
#[ignore = "run by no_descriptor_leaks, in a process of its own"]
fn no_descriptor_leaks_alone() {
    no_descriptor_leaks_of::<Epoll>();
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if uring::is_here() {
        no_descriptor_leaks_of::<super::uring::Uring>();
    }
}

fn no_descriptor_leaks_of<R: Real>() {
    let open_files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    everything_comes_back::<TcpPlace<R>>();
    let before = open_files();
    for round in [
        everything_comes_back::<TcpPlace<R>>,
        clients_die_at_random::<TcpPlace<R>>,
        clients_die_at_random::<UnixPlace<R>>,
        closing_gives_everything_back::<TcpPlace<R>>,
        a_file_cut_short_resets::<TcpPlace<R>>,
        a_dropped_ring_lets_go::<TcpPlace<R>>,
        a_paused_listener_waits_and_the_last_call_takes_all::<TcpPlace<R>>,
    ] {
        round();
        assert_eq!(open_files(), before);
    }
}
