//! The shipped worker in the simulator: scripted clients, swaps, tasks and drains from a seed. What must come of it is known
//! from the script alone. A seed that fails is printed; it fails again alone through `SEED=n cargo test worker`.

use super::super::content::{Deliver, TaskDone};
use super::super::stats::Stats;
use super::super::tasks::Task;
use super::*;
use crate::http::{Method, Response};
use crate::pack::{Entry, Pack, PackWriter, WriterOptions};
use crate::ring::Wake;
use crate::ring::sim::{Client, ClientEnding, Clients, Pace, Random, Sim, Weather};
use crate::route::{Mount, Router};
use crate::sys::{ContentFile, Listener};
use crossbeam_channel::{Sender, unbounded};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::Cursor;
use std::rc::Rc;
use std::sync::Weak;

const SECOND: u64 = 1_000_000_000;
const SEEDS: u64 = 500;
const TURNS_MAX: u32 = 500_000;
const GENERATIONS: u64 = 4;

/// Keys and sizes: copied behind the head, copied in batches only, sent as a file, checked by a task.
const PAYLOADS: [(&str, usize); 5] =
    [("/empty", 0), ("/small", 300), ("/middle", 30_000), ("/big", 60_000), ("/huge", 270_000)];

/// What a path has in a generation, by rule.
fn payload(path: &str, len: usize, generation: u64) -> Vec<u8> {
    let line = format!("generation {generation} of {path}\n").into_bytes();
    line.iter().copied().cycle().take(len).collect()
}

fn pack_bytes(generation: u64) -> &'static [u8] {
    let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
    let mut writer = PackWriter::create(&mut out, &mut spool, WriterOptions::default()).unwrap();
    for (key, len) in PAYLOADS {
        let body = payload(key, len, generation);
        let bodies = [(crate::pack::Encoding::Identity, &body[..])];
        writer.add(Entry { key, content_type: "text/plain", bodies: &bodies, ..Entry::default() }).unwrap();
    }
    writer.finish().unwrap();
    // Every seed maps the same few packs, and a test ends with its process.
    Box::leak(out.into_inner().into_boxed_slice())
}

/// A generation, and a way to learn whether its file is still held.
fn generation(number: u64, packs: &[&'static [u8]]) -> (Arc<Generation>, Weak<ContentFile>) {
    let file = Arc::new(ContentFile::from_memory(packs[number as usize - 1]));
    let weak = Arc::downgrade(&file);
    let pack = Pack::from_source(file).unwrap();
    let says = |request: &crate::Request<'_>, response: Response| {
        response.header("X-Generation", &request.generation().to_string())
    };
    let router = Router::new()
        .mount(Mount::pack("/p", pack).header("X-Generation", &number.to_string()))
        .get("/who/{name}", move |request| {
            says(request, Response::text(format!("{} {}", request.generation(), request.param("name"))))
        })
        .route(Method::Post, "/owned", move |request| {
            says(request, Response::text(payload("owned", 6000, request.generation())))
        })
        .get("/panic", |_| std::panic::resume_unwind(Box::new("scripted")));
    assert_eq!(router.validate(), Ok(()));
    (Arc::new(Generation::new(number, router).unwrap()), weak)
}

/// One request of a script.
#[derive(Clone, Debug)]
enum Ask {
    Get(usize),
    Head(usize),
    /// First and last byte.
    Range(usize, u64, u64),
    Post(usize, usize),
    Who(u64),
    Owned(usize),
    Missing,
    /// These three end the connection.
    GetAndClose(usize),
    Panic,
    Bad,
}

impl Ask {
    fn draw(random: &mut Random, is_last: bool) -> Ask {
        // The large ones are rare, since they cost the most.
        let payload = [0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4][random.below(13) as usize];
        match random.below(12) {
            0 | 1 => Ask::Head(payload),
            2 => {
                let len = PAYLOADS[payload].1 as u64;
                if len == 0 {
                    return Ask::Get(0);
                }
                let first = random.below(len);
                Ask::Range(payload, first, (first + random.below(5_000)).min(len - 1))
            }
            3 => Ask::Post(payload, random.below(5_000) as usize),
            4 | 5 => Ask::Who(random.next()),
            6 => Ask::Owned(random.below(2_000) as usize),
            7 => Ask::Missing,
            8 if is_last => Ask::GetAndClose(payload),
            9 if is_last => Ask::Panic,
            10 if is_last => Ask::Bad,
            _ => Ask::Get(payload),
        }
    }

    fn text(&self) -> Vec<u8> {
        let mount = |payload: usize| format!("/p{}", PAYLOADS[payload].0);
        let (line, rest, body) = match self {
            Ask::Get(payload) => (format!("GET {}", mount(*payload)), String::new(), 0),
            Ask::Head(payload) => (format!("HEAD {}", mount(*payload)), String::new(), 0),
            Ask::Range(payload, first, last) => {
                (format!("GET {}", mount(*payload)), format!("Range: bytes={first}-{last}\r\n"), 0)
            }
            Ask::Post(payload, body) => {
                (format!("POST {}", mount(*payload)), format!("Content-Length: {body}\r\n"), *body)
            }
            Ask::Who(name) => (format!("GET /who/{name}"), String::new(), 0),
            Ask::Owned(body) => ("POST /owned".to_owned(), format!("Content-Length: {body}\r\n"), *body),
            Ask::Missing => ("GET /none".to_owned(), String::new(), 0),
            Ask::GetAndClose(payload) => (format!("GET {}", mount(*payload)), "Connection: close\r\n".to_owned(), 0),
            Ask::Panic => ("GET /panic".to_owned(), String::new(), 0),
            Ask::Bad => ("GET /p/small".to_owned(), "Host: again\r\n".to_owned(), 0),
        };
        let mut text = format!("{line} HTTP/1.1\r\nHost: a\r\n{rest}\r\n").into_bytes();
        text.extend(std::iter::repeat_n(b'#', body));
        text
    }

    /// The status, and the body in a generation.
    fn expected(&self, generation: u64) -> (u16, Option<Vec<u8>>) {
        let whole = |index: usize| payload(PAYLOADS[index].0, PAYLOADS[index].1, generation);
        match self {
            Ask::Get(index) | Ask::GetAndClose(index) | Ask::Head(index) => (200, Some(whole(*index))),
            Ask::Range(index, first, last) => (206, Some(whole(*index)[*first as usize..=*last as usize].to_vec())),
            Ask::Who(name) => (200, Some(format!("{generation} {name}").into_bytes())),
            Ask::Owned(_) => (200, Some(payload("owned", 6000, generation))),
            Ask::Post(..) => (405, None),
            Ask::Missing => (404, None),
            Ask::Panic => (500, None),
            Ask::Bad => (400, None),
        }
    }

    fn ends(&self) -> bool {
        matches!(self, Ask::GetAndClose(_) | Ask::Panic | Ask::Bad)
    }

    fn is_of_huge(&self) -> bool {
        matches!(self, Ask::Get(4) | Ask::GetAndClose(4) | Ask::Range(4, ..))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Plain,
    /// Says that it sends no more right behind its last request.
    HalfCloses,
    ReadsSlowly,
    NeverReads,
    Trickles,
    Resets,
}

struct Guest {
    client: Client,
    asks: Vec<Ask>,
    manner: Manner,
}

impl Guest {
    fn draw(random: &mut Random, clients: &Clients) -> Guest {
        let manner = match random.below(12) {
            0 | 1 => Manner::HalfCloses,
            2 => Manner::ReadsSlowly,
            3 => Manner::NeverReads,
            4 => Manner::Trickles,
            5 => Manner::Resets,
            _ => Manner::Plain,
        };
        let count = 1 + random.below(5);
        let mut asks = Vec::new();
        for index in 0..count {
            asks.push(Ask::draw(random, index + 1 == count));
        }
        let client = clients.connect(0);
        match manner {
            Manner::ReadsSlowly => {
                let pause_nanos = 1 + random.below(SECOND / 5);
                client.set_pace(Pace::Slow { bytes: 2_000 + random.below(20_000) as usize, pause_nanos });
            }
            Manner::NeverReads => client.set_pace(Pace::Never),
            _ => {}
        }
        let stream: Vec<u8> = asks.iter().flat_map(Ask::text).collect();
        if manner == Manner::Trickles {
            let pause = 1 + random.below(SECOND / 4);
            for piece in stream.chunks(1 + random.below(3) as usize).take(150) {
                client.send(piece);
                client.wait(pause);
            }
        } else {
            let mut rest = &stream[..];
            for _ in 0..random.below(4) {
                let (piece, after) = rest.split_at(random.below(rest.len() as u64 + 1) as usize);
                client.send(piece);
                client.wait(random.below(2 * SECOND));
                rest = after;
            }
            client.send(rest);
        }
        match manner {
            Manner::HalfCloses => client.finish(),
            Manner::Resets => {
                let longest = [1, SECOND / 500, SECOND / 100][random.below(3) as usize];
                client.wait(random.below(longest));
                client.reset();
            }
            // One that leaves the connection open, so that the server has to close it.
            Manner::Plain if random.below(3) == 0 => {}
            Manner::Plain | Manner::ReadsSlowly => {
                client.wait(random.below(3 * SECOND));
                client.finish();
            }
            Manner::NeverReads | Manner::Trickles => {}
        }
        Guest { client, asks, manner }
    }
}

/// An answer as it was read.
struct Answer {
    status: u16,
    fields: BTreeMap<String, String>,
    len: usize,
    body: Vec<u8>,
}

/// The next whole answer.
fn read_answer(wire: &mut &[u8], to_head: bool) -> Option<Answer> {
    let end = wire.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&wire[..end]).expect("a head is text");
    let (first, lines) = head.split_once("\r\n").expect("a field");
    let status = first.strip_prefix("HTTP/1.1 ").expect(first)[..3].parse().expect("a status");
    let mut fields = BTreeMap::new();
    for line in lines.split("\r\n") {
        let (name, value) = line.split_once(": ").expect("a field line");
        assert!(fields.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice");
    }
    let len: usize = fields["Content-Length"].parse().expect("a number");
    let sent = if to_head { 0 } else { len };
    let body = wire.get(end + 4..end + 4 + sent)?.to_vec();
    *wire = &wire[end + 4 + sent..];
    Some(Answer { status, fields, len, body })
}

/// What the seed did to the run.
struct Happened {
    drained_early: bool,
    refused_tasks: bool,
    generations: u64,
}

/// Which content an entity tag stands for: its payload and generation.
type Etags = BTreeMap<String, (usize, u64)>;

/// Compares what a client got with its script.
fn check(guest: &Guest, happened: &Happened, etags: &mut Etags) {
    let got = guest.client.got();
    let ending = guest.client.ending();
    let mut wire = &got[..];
    let mut answered = 0;
    let mut newest = 1;
    let mut said_close = false;
    for ask in &guest.asks {
        let Some(answer) = read_answer(&mut wire, matches!(ask, Ask::Head(_))) else { break };
        assert!(!said_close, "an answer behind a close");
        said_close = answer.fields.get("Connection").is_some_and(|value| value == "close");
        if answer.status == 408 && guest.manner == Manner::Trickles {
            assert!(said_close);
            break;
        }
        answered += 1;
        if answer.status == 503 && happened.refused_tasks && ask.is_of_huge() {
            continue;
        }
        let said = answer.fields.get("X-Generation").map(|number| number.parse::<u64>().unwrap());
        let (status, body) = ask.expected(said.unwrap_or(0));
        assert_eq!(answer.status, status, "{ask:?}");
        assert!(said_close || !ask.ends(), "{ask:?} ends the connection");
        assert!(!said_close || ask.ends() || happened.drained_early, "{ask:?} is no reason to close");
        if let Some(body) = body {
            let said = said.expect("content says where it comes from");
            assert!(said >= newest && said <= happened.generations, "{said} behind {newest}");
            newest = said;
            assert_eq!(answer.len, body.len(), "{ask:?}");
            assert!(matches!(ask, Ask::Head(_)) || answer.body == body, "{ask:?}: the body is not that of {said}");
            if let Ask::Get(index) | Ask::GetAndClose(index) | Ask::Head(index) | Ask::Range(index, ..) = ask {
                let content = if *index == 0 { (0, 0) } else { (*index, said) };
                let known = etags.entry(answer.fields["ETag"].clone()).or_insert(content);
                assert_eq!(*known, content, "one tag for two contents");
            }
        }
    }
    let is_whole = answered == guest.asks.len();
    let is_cut = ending != Some(ClientEnding::Finished);
    assert!(wire.is_empty() || is_cut && !is_whole, "{:?}: an end in the middle of an answer", guest.manner);
    match guest.manner {
        Manner::Plain | Manner::HalfCloses | Manner::ReadsSlowly if !happened.drained_early => {
            assert!(is_whole, "{:?}: {answered} of {} answers", guest.manner, guest.asks.len());
            assert_eq!(ending, Some(ClientEnding::Finished), "{:?}", guest.manner);
        }
        Manner::Trickles if !happened.drained_early => assert_eq!(ending, Some(ClientEnding::Finished)),
        Manner::NeverReads => assert!(got.is_empty()),
        _ => {}
    }
}

/// A worker, and the threads around it, played by the test.
struct House {
    worker: Worker<Sim>,
    clients: Clients,
    inbox: Sender<Message>,
    stats: Arc<WorkerStats>,
    tasks: Rc<RefCell<VecDeque<Task>>>,
    weak: Vec<(Weak<Generation>, Weak<ContentFile>)>,
}

impl House {
    /// `refusals`: in a hundred tasks.
    fn new(seed: u64, weather: Weather, limits: Limits, packs: &[&'static [u8]], refusals: u64) -> House {
        let sim = Sim::new(seed, weather);
        let clients = sim.clients();
        let (inbox, receiver) = unbounded();
        let stats = Arc::new(WorkerStats::default());
        let tasks: Rc<RefCell<VecDeque<Task>>> = Rc::default();
        let (first, file) = generation(1, packs);
        let weak = vec![(Arc::downgrade(&first), file)];
        let (sender, waker) = (inbox.clone(), sim.waker());
        let deliver: Deliver = Arc::new(move |done: TaskDone| {
            sender.send(Message::Done(done)).unwrap();
            waker.wake();
        });
        let queue = Rc::clone(&tasks);
        let random = RefCell::new(Random(seed ^ 0x7a5c));
        let offload = Box::new(move |_: super::super::tasks::Lane, task: Task| {
            let is_taken = random.borrow_mut().below(100) >= refusals;
            if is_taken {
                queue.borrow_mut().push_back(task);
            }
            is_taken
        });
        let content = Content::new(first, limits.open_files_max, offload, deliver, Arc::clone(&stats));
        let listening = Listening { socket: Some(Arc::new(Listener::nowhere(Peer::Unix).unwrap())), local: None };
        let parts = Parts {
            content,
            addresses: Arc::new(Addresses::new(limits.connections_per_address_max)),
            limits,
            listeners: vec![listening],
            inbox: receiver,
            stats: Arc::clone(&stats),
            reporter: Reporter::new(crossbeam_channel::bounded(1).0),
        };
        let worker = Worker::new(sim, parts).unwrap();
        House { worker, clients, inbox, stats, tasks, weak }
    }

    fn tell(&mut self, message: Message) {
        self.inbox.send(message).unwrap();
        self.worker.ring_mut().waker().wake();
    }

    fn swap(&mut self, packs: &[&'static [u8]]) {
        let (next, file) = generation(self.weak.len() as u64 + 1, packs);
        self.weak.push((Arc::downgrade(&next), file));
        self.tell(Message::Swap(next));
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

    /// Drains what is left, and looks for anything that was kept.
    fn finish(mut self, is_drained: bool) {
        if !is_drained {
            let before = self.clients.now().nanos;
            self.tell(Message::Drain(Duration::from_secs(30)));
            while self.worker.turn().unwrap() {}
            assert!(self.clients.now().nanos - before < SECOND, "nothing was under way, and the drain took its time");
        }
        self.tasks.borrow_mut().clear();
        // What the ring still owes comes back, and nothing is asked of it any more.
        while !self.worker.ring.is_idle() {
            self.worker.ring.turn(None).unwrap();
            while let Some(completion) = self.worker.ring.next() {
                drop(completion);
            }
        }
        self.worker.ring_mut().assert_quiet();
        assert_eq!(self.worker.connections(), 0);
        let counts = self.counts();
        assert_eq!(counts.connections_open, 0);
        let closed = counts.closed_by_peer
            + counts.closed_finished
            + counts.closed_idle_time
            + counts.closed_head_time
            + counts.closed_send_time
            + counts.closed_linger_time
            + counts.closed_linger_bytes
            + counts.closed_broken;
        assert!(closed <= counts.connections_accepted);
        assert_eq!((counts.files_truncated, counts.content_failures), (0, 0));
        let (newest, older) = self.weak.split_last().unwrap();
        for (number, (generation, file)) in older.iter().enumerate() {
            assert!(generation.upgrade().is_none(), "generation {} is held", number + 1);
            assert!(file.upgrade().is_none(), "the file of generation {} is held", number + 1);
        }
        assert!(newest.0.upgrade().is_some());
        drop(self.worker);
        assert!(newest.0.upgrade().is_none() && newest.1.upgrade().is_none(), "the worker is gone, its content is not");
    }
}

fn weather(random: &mut Random) -> Weather {
    let rough = Weather { window_bytes: 1_000 + random.below(60_000) as usize, ..Weather::ROUGH };
    match random.below(4) {
        0 => Weather::CALM,
        1 => Weather { window_bytes: rough.window_bytes, ..Weather::CALM },
        _ => rough,
    }
}

/// One run: everything in it follows from the seed.
fn run(seed: u64, packs: &[&'static [u8]], etags: &mut Etags) {
    let mut random = Random(seed);
    let mut limits = Limits::default();
    if random.below(4) == 0 {
        limits.connections_max = 1 + random.below(2) as usize;
    }
    if random.below(4) == 0 {
        limits.pipeline_max = 1 + random.below(2) as usize;
    }
    let refusals = if random.below(5) == 0 { 50 } else { 0 };
    let mut house = House::new(seed, weather(&mut random), limits, packs, refusals);
    // The first come together, the others while they are served: into slots that were just freed.
    let mut guests: Vec<Guest> = (0..1 + random.below(3)).map(|_| Guest::draw(&mut random, &house.clients)).collect();
    let mut later = random.below(5);
    let mut drain_turn = if random.below(3) == 0 { random.below(200) } else { u64::MAX };
    let drain_time = Duration::from_millis(random.below(20_000));
    let (mut drained_early, mut postponed) = (false, 0);
    for turn in 0.. {
        assert!(turn < TURNS_MAX, "it does not end");
        if house.weak.len() < GENERATIONS as usize && random.below(40) == 0 {
            house.swap(packs);
        }
        if later > 0 && (random.below(15) == 0 || house.worker.connections() == 0) {
            later -= 1;
            guests.push(Guest::draw(&mut random, &house.clients));
        }
        if !house.tasks.borrow().is_empty() {
            postponed += 1;
            if random.below(2) == 0 || postponed > 3 || house.worker.ring_mut().is_idle() {
                house.run_task();
                postponed = 0;
            }
        }
        if drain_turn == u64::from(turn) {
            drain_turn = u64::MAX;
            drained_early = true;
            house.tell(Message::Drain(drain_time));
        }
        if !house.worker.turn().unwrap() {
            assert!(drained_early, "it ended by itself");
            break;
        }
        let all_came = later == 0 && house.counts().connections_accepted == guests.len() as u64;
        if !drained_early && all_came && house.worker.connections() == 0 && house.worker.ring_mut().is_idle() {
            break;
        }
    }
    let happened = Happened { drained_early, refused_tasks: refusals > 0, generations: house.weak.len() as u64 };
    house.finish(drained_early);
    for guest in &guests {
        check(guest, &happened, etags);
    }
}

/// Prints the seed when its run panics.
struct Printed(u64);

impl Drop for Printed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failing seed: {}", self.0);
        }
    }
}

#[test]
fn scripted_clients_get_what_they_asked_for_whatever_happens() {
    let packs: Vec<_> = (1..=GENERATIONS).map(pack_bytes).collect();
    let mut etags = Etags::new();
    let only = std::env::var("SEED").ok().map(|seed| seed.parse::<u64>().expect("SEED is a number"));
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let _printed = Printed(seed);
        run(seed, &packs, &mut etags);
    }
}

#[test]
fn a_drain_closes_idle_connections_at_once_and_answers_what_has_arrived() {
    let packs = [pack_bytes(1)];
    let mut house = House::new(1, Weather::CALM, Limits::default(), &packs, 0);
    let request = Ask::Who(7).text();
    let idle = house.clients.connect(0);
    idle.send(&request);
    let silent = house.clients.connect(0);
    while idle.got().is_empty() || house.counts().connections_accepted < 2 {
        assert!(house.worker.turn().unwrap());
    }
    let before = house.clients.now().nanos;
    // Their bytes are in the kernel when the drain is told, one of them on a connection that was not accepted yet.
    let late = house.clients.connect(0);
    late.send(&request);
    silent.send(&request);
    house.tell(Message::Drain(Duration::from_secs(30)));
    while house.worker.turn().unwrap() {}
    assert!(house.clients.now().nanos - before <= 6 * SECOND, "no longer than it lingers");
    for client in [&silent, &late] {
        let got = String::from_utf8(client.got()).unwrap();
        assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("\r\nConnection: close\r\n"), "{got:?}");
    }
    house.finish(true);

    let mut house = House::new(1, Weather::CALM, Limits::default(), &packs, 0);
    let idle = house.clients.connect(0);
    idle.send(&request);
    while idle.got().is_empty() {
        assert!(house.worker.turn().unwrap());
    }
    house.finish(false);
    assert_eq!(idle.ending(), Some(ClientEnding::Finished));
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let packs = [pack_bytes(1)];
    let mut house = House::new(1, Weather::CALM, Limits::default(), &packs, 0);
    let client = house.clients.connect(0);
    client.set_pace(Pace::Never);
    client.send(&Ask::Get(3).text().repeat(3));
    while house.counts().connections_accepted == 0 || house.worker.connections() > 0 {
        assert!(house.worker.turn().unwrap());
    }
    let counts = house.counts();
    assert_eq!((counts.closed_send_time, counts.responses), (1, 3));
    assert_eq!(client.ending(), Some(ClientEnding::Reset));
    let nanos = house.clients.now().nanos;
    // The first window sees what the socket's buffer takes, the next one nothing.
    assert!((30 * SECOND..62 * SECOND).contains(&nanos), "{nanos}");
    house.finish(false);
}

#[test]
fn requests_that_wait_for_one_task_share_it_and_a_swap_starts_it_anew() {
    let packs: Vec<_> = (1..=2).map(pack_bytes).collect();
    let mut house = House::new(1, Weather::CALM, Limits::default(), &packs, 0);
    let guests: Vec<Client> = (0..3).map(|_| house.clients.connect(0)).collect();
    for client in &guests {
        client.send(&[Ask::Who(1).text(), Ask::Get(4).text(), Ask::Who(2).text()].concat());
    }
    while guests.iter().any(|client| client.got().is_empty()) || !house.worker.ring_mut().is_idle() {
        assert!(house.worker.turn().unwrap());
    }
    assert_eq!(house.tasks.borrow().len(), 1);
    house.swap(&packs);
    house.run_task();
    while house.tasks.borrow().is_empty() {
        assert!(house.worker.turn().unwrap());
    }
    assert_eq!(house.tasks.borrow().len(), 1, "the outcome was that of the old content");
    house.run_task();
    for client in &guests {
        client.finish();
    }
    while house.worker.connections() > 0 || !house.worker.ring_mut().is_idle() {
        assert!(house.worker.turn().unwrap());
    }
    assert_eq!(house.counts().tasks, 2);
    for client in guests {
        let guest = Guest { client, asks: vec![Ask::Who(1), Ask::Get(4), Ask::Who(2)], manner: Manner::Plain };
        let happened = Happened { drained_early: false, refused_tasks: false, generations: 2 };
        check(&guest, &happened, &mut Etags::new());
        assert!(guest.client.got().ends_with(b"2 2"));
    }
    house.finish(false);
}

#[test]
fn what_comes_late_for_a_closed_connection_does_not_touch_the_next_one_in_its_slot() {
    let packs = [pack_bytes(1)];
    for seed in 0..50 {
        let _printed = Printed(seed);
        let weather = Weather { late_percent: 100, delay_nanos_max: SECOND / 10, ..Weather::CALM };
        let limits = Limits { connections_max: 1, ..Limits::default() };
        let mut house = House::new(seed, weather, limits, &packs, 0);
        let stuck = house.clients.connect(0);
        stuck.set_pace(Pace::Never);
        stuck.send(&Ask::Get(3).text().repeat(3));
        while house.counts().connections_accepted == 0 {
            assert!(house.worker.turn().unwrap());
        }
        let next = house.clients.connect(0);
        next.send(&[Ask::Get(3).text(), Ask::Who(1).text()].concat());
        next.finish();
        while house.counts().connections_accepted < 2 || house.worker.connections() > 0 {
            assert!(house.worker.turn().unwrap());
        }
        while !house.worker.ring_mut().is_idle() {
            assert!(house.worker.turn().unwrap());
        }
        assert_eq!(house.counts().closed_send_time, 1);
        let guest = Guest { client: next, asks: vec![Ask::Get(3), Ask::Who(1)], manner: Manner::HalfCloses };
        let happened = Happened { drained_early: false, refused_tasks: false, generations: 1 };
        check(&guest, &happened, &mut Etags::new());
        house.finish(false);
    }
}
