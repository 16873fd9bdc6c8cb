//! The shipped worker in the simulated world, driven by any bytes at all: they say what clients do, when content is
//! swapped, which tasks are done and when a drain begins. Whatever they say, the worker ends with nothing kept.
#![forbid(unsafe_code)]

use super::super::addresses::Addresses;
use super::super::balance::{Loads, Neighbours};
use super::super::content::{Content, Deliver, TaskDone};
use super::super::event::Reporter;
use super::super::generation::Generation;
use super::super::listener::Trust;
use super::super::routes::RouteNames;
use super::super::stats::{Stats, WorkerStats};
use super::super::tasks::{Lane, Task};
use super::{Listening, Message, Parts, Worker};
use crate::Response;
use crate::fuzzing::Draws;
use crate::limits::Limits;
use crate::pack::{Encoding, Entry, Pack, PackWriter, WriterOptions};
use crate::ring::sim::{Client, Clients, Pace, Sim, Weather};
use crate::ring::{Ring, Wake};
use crate::route::{Mount, Router};
use crate::sys::{ContentFile, Listener, Peer};
use crossbeam_channel::{Sender, bounded, unbounded};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Cursor;
use std::rc::Rc;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
const CLIENTS_MAX: usize = 6;
const GENERATIONS_MAX: usize = 4;
const STEPS_MAX: usize = 200;
/// Far more than any script of so many steps takes.
const TURNS_MAX: u32 = 200_000;
/// All that clients of a script may wait for, one after the other, and the server's own times on top.
const TIME_NANOS_MAX: u64 = 4 * 3600 * SECOND;

/// Requests that a script names by number: small and large, right and wrong, with and without a body.
const REQUESTS: [&str; 16] = [
    "GET /p/small HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /p/big HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /p/huge HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /p/huge HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /p/huge HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,100000-100999,-5\r\n\r\n",
    "GET /p/big HTTP/1.1\r\nHost: a\r\nRange: bytes=1000-\r\n\r\n",
    "GET /p/empty HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /who HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /owned HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "POST /owned HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /p/small HTTP/1.0\r\n\r\n",
    "GET /p/small HTTP/1.1\r\n\r\n",
    "GET /p/sma",
    "\r\n",
];

fn pack_bytes() -> &'static [u8] {
    static PACK: OnceLock<Vec<u8>> = OnceLock::new();
    PACK.get_or_init(|| {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let mut writer = PackWriter::create(&mut out, &mut spool, WriterOptions::default()).expect("memory");
        // Copied behind the head, sent as a file, checked by a task.
        for (key, len) in [("/empty", 0), ("/small", 300), ("/big", 60_000), ("/huge", 270_000)] {
            let body: Vec<u8> = (0..len).map(|at: u32| (at % 251) as u8).collect();
            let bodies = [(Encoding::Identity, &body[..])];
            let entry = Entry { key, content_type: "text/plain", bodies: &bodies, ..Entry::default() };
            writer.add(entry).expect("a good entry");
        }
        writer.finish().expect("memory");
        out.into_inner()
    })
}

/// A generation, and a way to learn whether its file is still held.
fn generation(number: u64) -> (Arc<Generation>, Weak<ContentFile>) {
    let file = Arc::new(ContentFile::from_memory(pack_bytes()));
    let weak = Arc::downgrade(&file);
    let pack = Pack::from_source(file).expect("a good pack");
    let router = Router::new()
        .mount(Mount::pack("/p", pack))
        .get("/who", |request| Response::text(request.generation().to_string()))
        .route(crate::Method::Post, "/owned", |_| Response::text("owned ".repeat(1_000)))
        .get("/panic", |_| std::panic::resume_unwind(Box::new("scripted")));
    (Arc::new(Generation::new(number, router, &mut RouteNames::default()).expect("it needs no files")), weak)
}

/// A client, and whether its script may go on.
struct Guest {
    client: Client,
    is_over: bool,
    /// A client that does not read does not see how it ends.
    reads: bool,
}

struct House {
    worker: Worker<Sim>,
    clients: Clients,
    inbox: Sender<Message>,
    stats: Arc<WorkerStats>,
    tasks: Rc<RefCell<VecDeque<Task>>>,
    weak: Vec<(Weak<Generation>, Weak<ContentFile>)>,
    turns: u32,
}

impl House {
    fn new(seed: u64, weather: Weather, limits: Limits, refused_percent: u8) -> House {
        let sim = Sim::new(seed, weather);
        let clients = sim.clients();
        let (inbox, receiver) = unbounded();
        let stats = Arc::new(WorkerStats::default());
        let tasks: Rc<RefCell<VecDeque<Task>>> = Rc::default();
        let (first, file) = generation(1);
        let weak = vec![(Arc::downgrade(&first), file)];
        let (sender, waker) = (inbox.clone(), sim.waker());
        let deliver: Deliver = Arc::new(move |done: TaskDone| {
            let _ = sender.send(Message::Done(done));
            waker.wake();
        });
        let (queue, refused) = (Rc::clone(&tasks), RefCell::new(0u8));
        let offload = Box::new(move |_: Lane, task: Task| {
            let mut sum = refused.borrow_mut();
            *sum = (*sum + refused_percent) % 100;
            let is_taken = *sum >= refused_percent;
            if is_taken {
                queue.borrow_mut().push_back(task);
            }
            is_taken
        });
        let content = Content::new(first, limits.open_files_max, offload, deliver, Arc::clone(&stats));
        let socket = Arc::new(Listener::nowhere(Peer::Unix).expect("a socket"));
        let parts = Parts {
            addresses: Arc::new(Addresses::new(limits.connections_per_address_max)),
            neighbours: Neighbours::new(0, Arc::new(Loads::new(1)), unbounded().1, limits.connections_max),
            content,
            limits,
            listeners: vec![Listening { socket: Some(socket), local: None, trust: Trust::default() }],
            inbox: receiver,
            stats: Arc::clone(&stats),
            reporter: Reporter::new(bounded(1).0),
            timing: None,
        };
        let worker = Worker::new(sim, parts).expect("the simulator listens");
        House { worker, clients, inbox, stats, tasks, weak, turns: 0 }
    }

    fn tell(&mut self, message: Message) {
        assert!(self.inbox.send(message).is_ok());
        self.worker.ring.waker().wake();
    }

    fn turn(&mut self) -> bool {
        self.turns += 1;
        assert!(self.turns < TURNS_MAX, "it does not end");
        self.worker.turn().expect("the simulator does not fail")
    }

    fn run_task(&mut self) {
        let task = self.tasks.borrow_mut().pop_front();
        if let Some(task) = task {
            task();
        }
    }

    fn counts(&self) -> Stats {
        let mut stats = Stats::default();
        stats.add(&self.stats);
        stats
    }
}

/// A run of the worker that follows the script.
pub fn worker(script: &[u8]) {
    let mut script = Draws(script);
    let window_bytes = 1_000 + 250 * usize::from(script.byte());
    let weather = match script.byte() % 4 {
        0 => Weather::CALM,
        1 => Weather { window_bytes, ..Weather::CALM },
        _ => Weather { window_bytes, ..Weather::ROUGH },
    };
    let mut limits = Limits::default();
    let how = script.byte();
    if how & 1 != 0 {
        limits.connections_max = 1 + usize::from(how >> 6);
    }
    if how & 2 != 0 {
        limits.pipeline_max = 1 + usize::from(how >> 6);
    }
    let refused_percent = if how & 4 != 0 { 50 } else { 0 };
    let seed = u64::from(script.byte());
    let mut house = House::new(seed, weather, limits, refused_percent);
    let mut guests: Vec<Guest> = Vec::new();
    let mut chosen = 0;
    let mut is_draining = false;
    for _ in 0..STEPS_MAX {
        if script.0.is_empty() || is_draining && !house.turn() {
            break;
        }
        let step = script.byte();
        match step % 16 {
            0 if guests.len() < CLIENTS_MAX && !is_draining => {
                chosen = guests.len();
                guests.push(Guest { client: house.clients.connect(0), is_over: false, reads: true });
            }
            1 if !guests.is_empty() => chosen = usize::from(step >> 4) % guests.len(),
            2 if !is_draining && house.weak.len() < GENERATIONS_MAX => {
                let (next, file) = generation(house.weak.len() as u64 + 1);
                house.weak.push((Arc::downgrade(&next), file));
                house.tell(Message::Swap(next));
            }
            3 => house.run_task(),
            4 | 5 if !is_draining => (0..=step >> 4).for_each(|_| assert!(house.turn(), "it ended by itself")),
            6 if step >> 4 == 15 && !is_draining => {
                is_draining = true;
                house.tell(Message::Drain(Duration::from_millis(u64::from(script.byte()) * 100)));
            }
            other => {
                if let Some(guest) = guests.get_mut(chosen).filter(|guest| !guest.is_over) {
                    act(guest, other, step >> 4, &mut script);
                }
            }
        }
    }
    finish(house, is_draining, &guests);
}

/// One thing that a client does.
fn act(guest: &mut Guest, what: u8, how: u8, script: &mut Draws<'_>) {
    let client = &guest.client;
    match what {
        7..=9 => client.send(REQUESTS[usize::from(how)].as_bytes()),
        10 => client.send(script.bytes(usize::from(how) + 1)),
        11 => client.wait(u64::from(script.byte()) * SECOND / 64),
        12 => {
            client.finish();
            guest.is_over = true;
        }
        13 => {
            client.reset();
            guest.is_over = true;
        }
        14 => {
            guest.reads = how < 12;
            guest.client.set_pace(match how {
                0..=3 => Pace::All,
                4..=11 => Pace::Slow { bytes: 500 * usize::from(how), pause_nanos: 1 + u64::from(how) * SECOND / 50 },
                _ => Pace::Never,
            });
        }
        _ => client.wait(1),
    }
}

/// Lets everything end, and looks for anything that was kept.
fn finish(mut house: House, is_draining: bool, guests: &[Guest]) {
    if !is_draining {
        // Every wait is bounded, so connections that nobody ends are ended by the server.
        loop {
            while !house.tasks.borrow().is_empty() {
                house.run_task();
            }
            if house.worker.slots.len() == 0 && house.worker.ring.is_idle() {
                break;
            }
            assert!(house.turn(), "it ended by itself");
        }
        house.tell(Message::Drain(Duration::from_secs(30)));
    }
    while house.turn() {
        house.run_task();
    }
    house.tasks.borrow_mut().clear();
    while !house.worker.ring.is_idle() {
        let ring = &mut house.worker.ring;
        assert!(ring.turn(None).is_ok());
        while let Some(completion) = ring.next() {
            drop(completion);
        }
    }
    house.worker.ring.assert_quiet();
    assert!(house.clients.now().nanos < TIME_NANOS_MAX, "virtual time went on for too long");
    let counts = house.counts();
    assert_eq!((house.worker.slots.len(), counts.connections_open), (0, 0));
    assert_eq!((counts.files_truncated, counts.content_failures), (0, 0));
    assert!(counts.connections_accepted <= guests.len() as u64);
    for guest in guests {
        assert!(guest.client.ending().is_some() || !guest.reads, "a connection was forgotten");
        let got = guest.client.got();
        let start = b"HTTP/1.1 ";
        assert!(got.is_empty() || got.starts_with(&start[..start.len().min(got.len())]), "{}", got.escape_ascii());
    }
    let House { worker, weak, inbox, .. } = house;
    drop(worker);
    drop(inbox);
    for (number, (generation, file)) in weak.iter().enumerate() {
        assert!(generation.upgrade().is_none() && file.upgrade().is_none(), "generation {} is held", number + 1);
    }
}
