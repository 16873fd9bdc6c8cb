//! A worker in the simulated world, and the threads around it, played by the test: tasks, swaps, drains.

use super::super::super::content::{Content, Deliver, TaskDone, TaskKey, TaskOutcome};
use super::super::super::generation::Generation;
use super::super::super::latency::LatencyTotal;
use super::super::super::listener::Trust;
use super::super::super::routes::RouteNames;
use super::super::super::stats::{Stats, WorkerStats};
use super::super::super::tasks::{Lane, Task};
use super::super::{Addresses, Listening, Message, Parts, Reporter, Worker};
use super::climate::{Climate, Store};
use super::next_door::NextDoor;
use super::oracle::History;
use super::script::{WORKED, owned, workload};
use super::shelf::{Of, Shelf, open_catalogue};
use crate::http::{Method, Response};
use crate::pack::Pack;
use crate::ring::sim::{Clients, Random, Sim};
use crate::ring::{Ring, Wake};
use crate::route::{FileTable, Mount, Router};
use crate::sys::fake::FakeDisk;
use crate::sys::{ContentFile, Listener, Peer};
use crossbeam_channel::{Sender, unbounded};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
/// Notes of what is in memory are believed for so many nanoseconds, as a power of two.
const ERA_SHIFT: u32 = 30;
/// EMFILE and EIO.
const OUT_OF_DESCRIPTORS: i32 = 24;
const INPUT_OUTPUT_ERROR: i32 = 5;

/// How a task goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    OutOfDescriptors,
    Io,
    Missing,
    Damaged,
    Panics,
}

/// Files by generation and number.
type Disks = Arc<Mutex<BTreeMap<(u64, u64), Arc<FakeDisk>>>>;

/// A task, and when its outcome comes.
struct Started {
    due: u64,
    task: Task,
}

pub(crate) struct House {
    pub(super) worker: Worker<Sim>,
    pub(crate) clients: Clients,
    pub(super) climate: Climate,
    /// Another worker of the same server.
    pub(crate) next_door: NextDoor,
    inbox: Sender<Message>,
    stats: Arc<WorkerStats>,
    tasks: Rc<RefCell<Vec<Started>>>,
    /// The fault of the task that runs.
    fault: Arc<Mutex<Option<Fault>>>,
    /// Every disk of this run, in the order in which it was made.
    disks: Vec<Arc<FakeDisk>>,
    files: Disks,
    pub(super) made: Vec<Made>,
    pub(super) has_cut: bool,
    /// The era of the last turn, as the notes of what is in memory have them.
    era: u64,
}

/// A generation that was made, and whether somebody still has it.
pub(crate) struct Made {
    generation: Weak<Generation>,
    file: Weak<ContentFile>,
    is_damaged: bool,
}

impl House {
    pub(crate) fn calm(shelf: &Shelf) -> House {
        House::new(1, Climate::calm(), shelf)
    }

    pub(crate) fn new(seed: u64, climate: Climate, shelf: &Shelf) -> House {
        let sim = Sim::new(seed, climate.weather);
        let clients = sim.clients();
        let (inbox, receiver) = unbounded();
        let stats = Arc::new(WorkerStats::default());
        let tasks: Rc<RefCell<Vec<Started>>> = Rc::default();
        let (files, fault) = (Disks::default(), Arc::new(Mutex::new(None)));
        let deliver = deliver(inbox.clone(), sim.waker(), &files, &fault);
        let queue = Rc::clone(&tasks);
        let random = RefCell::new(Random(seed ^ 0x7a5c));
        let (now, tasks_max, late_tasks) = (clients.clone(), climate.tasks_max, climate.late_tasks);
        let offload = Box::new(move |_: Lane, task: Task| {
            let mut queue = queue.borrow_mut();
            if queue.len() >= tasks_max {
                return false;
            }
            let due = now.now().nanos + task_time(&mut random.borrow_mut(), late_tasks);
            now.alarm(due);
            queue.push(Started { due, task });
            true
        });
        let mut disks = Vec::new();
        let (first, made) = generation(1, &climate, None, shelf, &files, &mut disks);
        let content = Content::new(first, climate.limits.open_files_max, offload, deliver, Arc::clone(&stats));
        let socket = Some(Arc::new(Listener::nowhere(Peer::Unix).unwrap()));
        let listening = Listening { socket, local: None, trust: Trust::default() };
        let (neighbours, next_door) = NextDoor::new(seed, &climate, sim.waker());
        let parts = Parts {
            neighbours,
            content,
            addresses: Arc::new(Addresses::new(climate.limits.connections_per_address_max)),
            limits: climate.limits.clone(),
            listeners: vec![listening],
            inbox: receiver,
            stats: Arc::clone(&stats),
            reporter: Reporter::new(crossbeam_channel::bounded(1).0),
            timing: None,
        };
        let worker = Worker::new(sim, parts).unwrap();
        let made = vec![made];
        if climate.cools {
            disks.iter().for_each(|disk| disk.cool(0..disk.pages()));
            disks.iter().for_each(|disk| disk.forget_use());
        }
        House {
            worker,
            clients,
            climate,
            next_door,
            inbox,
            stats,
            tasks,
            fault,
            disks,
            files,
            made,
            has_cut: false,
            era: 0,
        }
    }

    pub(crate) fn turn(&mut self) -> bool {
        self.next_door.hand_over(self.clients.now().nanos);
        let aside: Vec<u32> = self.worker.parked.keys().copied().collect();
        let serials = |house: &House| -> Vec<(u32, u32)> {
            house.worker.slots.each().map(|(slot, entry)| (slot, entry.serial)).collect()
        };
        let (before, cut) = (serials(self), self.counts().closed_send_time);
        let goes_on = self.worker.turn().unwrap();
        self.next_door.take(&self.clients);
        // Whoever waits for the disk takes nothing, and nobody blames it for that.
        let after = serials(self);
        let gone = before.iter().filter(|id| !after.contains(id) && !aside.contains(&id.0)).count() as u64;
        assert!(self.counts().closed_send_time - cut <= gone, "a client was cut for what the disk did not do");
        let era = self.clients.now().nanos >> ERA_SHIFT;
        if std::mem::replace(&mut self.era, era) != era {
            self.disks.iter().for_each(|disk| disk.forget_use());
        }
        super::invariants::check(self);
        goes_on
    }

    /// Until `is_done`.
    pub(crate) fn turn_until(&mut self, is_done: impl Fn(&House) -> bool) {
        for turn in 0.. {
            if is_done(self) {
                return;
            }
            assert!(turn < super::TURNS_MAX, "it does not come to that");
            assert!(self.turn());
        }
    }

    pub(crate) fn tell(&mut self, message: Message) {
        self.inbox.send(message).unwrap();
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.worker.ring.waker().wake();
    }

    pub(crate) fn drain(&mut self, time: Duration) {
        self.tell(Message::Drain(time));
    }

    /// `damaged`: which damaged copy.
    pub(crate) fn swap(&mut self, shelf: &Shelf, damaged: Option<usize>) {
        let number = self.made.len() as u64 + 1;
        let (next, made) = generation(number, &self.climate, damaged, shelf, &self.files, &mut self.disks);
        self.made.push(made);
        if self.climate.cools {
            self.cool_all();
        }
        self.tell(Message::Swap(next));
    }

    /// The newest generation that the worker has taken up.
    pub(crate) fn adopted(&self) -> u64 {
        self.counts().swaps + 1
    }

    fn has_damage(&self) -> bool {
        self.made.iter().any(|made| made.is_damaged)
    }

    /// What was done so far. `drained`: when it was told to drain, and by when it has to be done.
    pub(crate) fn history(&self, drained: Option<(u64, u64)>) -> History {
        History {
            climate: self.climate.clone(),
            generations: self.made.len() as u64,
            has_damage: self.has_damage(),
            has_cut: self.has_cut,
            drained,
        }
    }

    /// Cuts a file at any byte, often one of a payload that is copied; now, or between two reads to come.
    pub(super) fn cut(&mut self, random: &mut Random, shelf: &Shelf) -> String {
        let (index, len) = if random.below(4) > 0 {
            let newest = self.made.len() as u64;
            let generation = if random.below(4) > 0 { newest } else { 1 + random.below(newest) };
            let of = [Of::SMALL, Of::SMALL, Of::MIDDLE, Of::CODED][random.below(4) as usize];
            // Each generation has a disk for its pack, and then those of its files.
            let index = (generation as usize - 1) * (1 + Of::FILES);
            (index, shelf.place(of, generation) + random.below(of.len()))
        } else {
            let index = random.below(self.disks.len() as u64) as usize;
            (index, random.below(self.disks[index].len().max(1)))
        };
        let (disk, reads) = (&self.disks[index], random.below(4).min(1) * random.below(8));
        if reads == 0 {
            disk.cut(len)
        } else {
            disk.cut_after(reads, len)
        }
        self.has_cut = true;
        format!("disk {index} is cut to {len} bytes after {reads} reads")
    }

    /// Has pages leave memory: a few, or all of a file, but never one that was used in this second or the last.
    pub(super) fn cool(&mut self, random: &mut Random) -> String {
        let index = random.below(self.disks.len() as u64) as usize;
        let disk = &self.disks[index];
        let pages = disk.pages() as u64;
        let first = if random.below(2) == 0 { 0 } else { random.below(pages.max(1)) };
        let count = if random.below(2) == 0 { pages } else { 1 + random.below(20) };
        let pages = first as usize..(first + count).min(pages) as usize;
        disk.cool(pages.clone());
        format!("pages {pages:?} of disk {index} leave memory")
    }

    /// Has all that may leave memory do so.
    pub(crate) fn cool_all(&mut self) {
        self.disks.iter().for_each(|disk| disk.cool(0..disk.pages()));
    }

    /// Sends that wait for their content.
    pub(crate) fn parked(&self) -> usize {
        self.worker.parked.len()
    }

    /// How often the loop has waited for a disk.
    pub(super) fn stalls(&self) -> u64 {
        self.disks.iter().map(|disk| disk.stalls()).sum()
    }

    /// Tasks that have not been done.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.borrow().len()
    }

    /// Does the tasks whose time has come; `picks` says which of them go wrong.
    pub(super) fn do_due_tasks(&mut self, mut picks: impl FnMut() -> Option<Fault>) -> Vec<Option<Fault>> {
        let now = self.clients.now().nanos;
        let mut done = Vec::new();
        loop {
            let index = self.tasks.borrow().iter().position(|started| started.due <= now);
            let Some(index) = index else { return done };
            let fault = picks();
            self.do_task(index, fault);
            done.push(fault);
        }
    }

    pub(crate) fn do_task(&mut self, index: usize, fault: Option<Fault>) {
        let Started { task, .. } = self.tasks.borrow_mut().remove(index);
        *self.fault.lock().unwrap() = fault;
        let set = |may_wait, fault| {
            self.disks.iter().for_each(|disk| {
                disk.set_may_wait(may_wait);
                disk.set_panics(fault == Some(Fault::Panics));
                disk.set_fails(fault == Some(Fault::Io));
            });
        };
        set(true, fault);
        // As the pool does it.
        let _ = catch_unwind(AssertUnwindSafe(task));
        set(false, None);
    }

    /// When the loop looks again though nothing happens.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.worker.deadline()
    }

    pub(crate) fn counts(&self) -> Stats {
        let mut stats = Stats::default();
        stats.add(&self.stats);
        stats
    }

    /// Answers as they are counted by route and status.
    pub(super) fn counted_by_route(&self) -> u64 {
        self.stats.routes.answers()
    }

    /// Answers whose time was taken.
    pub(super) fn timed(&self) -> u64 {
        let mut total = LatencyTotal::default();
        total.add(&self.stats.latency);
        total.count()
    }

    /// Whether nothing will happen unless somebody does something.
    pub(crate) fn is_idle(&self) -> bool {
        self.worker.ring.is_idle() && self.next_door.on_the_way() == 0
    }

    /// Drains what is left, and looks for anything that was kept.
    pub(crate) fn finish(mut self, is_drained: bool) {
        if !is_drained {
            // Outcomes that nobody waits for any more.
            while self.tasks() > 0 {
                self.do_task(0, None);
            }
            let before = self.clients.now().nanos;
            self.drain(Duration::from_secs(30));
            while self.turn() {}
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
        self.worker.ring.assert_quiet();
        assert_eq!(self.worker.slots.len(), 0);
        assert_eq!(self.next_door.on_the_way(), 0, "it has ended, and a connection was still on its way to it");
        let counts = self.counts();
        assert_eq!(counts.connections_open, 0);
        assert_eq!(
            counts.responses,
            counts.responses_2xx + counts.responses_3xx + counts.responses_4xx + counts.responses_5xx
        );
        if !self.has_cut {
            assert_eq!(counts.files_truncated, 0);
            assert!(counts.content_failures == 0 || self.has_damage() || self.climate.task_faults > 0);
        }
        let (newest, older) = self.made.split_last().unwrap();
        for (number, made) in older.iter().enumerate() {
            assert!(made.generation.upgrade().is_none(), "generation {} is held", number + 1);
            assert!(made.file.upgrade().is_none(), "the file of generation {} is held", number + 1);
        }
        assert!(newest.generation.upgrade().is_some());
        drop(self.worker);
        let is_gone = newest.generation.upgrade().is_none() && newest.file.upgrade().is_none();
        assert!(is_gone, "the worker is gone, its content is not");
    }
}

/// How long a task takes.
fn task_time(random: &mut Random, late_tasks: bool) -> u64 {
    match random.below(10) {
        0..=1 if late_tasks => (20 + random.below(60)) * SECOND,
        0 | 1 => random.below(5 * SECOND),
        2..=4 => random.below(SECOND / 20),
        _ => 0,
    }
}

/// The way of an outcome back to the worker. Files are opened on the simulated disks, and the task's fault is put in place of
/// its outcome.
fn deliver(inbox: Sender<Message>, waker: impl Wake, files: &Disks, fault: &Arc<Mutex<Option<Fault>>>) -> Deliver {
    let (files, fault) = (Arc::clone(files), Arc::clone(fault));
    Arc::new(move |mut done: TaskDone| {
        let fault = fault.lock().unwrap().take();
        done.outcome = match (done.key, fault) {
            (TaskKey::Open { .. }, Some(Fault::OutOfDescriptors)) => opened_badly(OUT_OF_DESCRIPTORS),
            (TaskKey::Open { .. }, Some(Fault::Io)) => opened_badly(INPUT_OUTPUT_ERROR),
            (TaskKey::Open { .. }, Some(Fault::Missing)) => TaskOutcome::Opened(Err(io::ErrorKind::NotFound.into())),
            (TaskKey::Open { file, .. }, _) => {
                let disk = &files.lock().unwrap()[&(done.generation, file)];
                TaskOutcome::Opened(Ok(ContentFile::fake(disk)))
            }
            (TaskKey::Check(_), Some(Fault::Damaged)) => TaskOutcome::Checked(Err("damaged (simulated)".to_owned())),
            (TaskKey::Check(_) | TaskKey::Read { .. } | TaskKey::Lookup { .. }, _) => done.outcome,
        };
        // A worker that has ended needs to be told nothing.
        let _ = inbox.send(Message::Done(done));
        waker.wake();
    })
}

fn opened_badly(error: i32) -> TaskOutcome {
    TaskOutcome::Opened(Err(io::Error::from_raw_os_error(error)))
}

fn generation(
    number: u64,
    climate: &Climate,
    damaged: Option<usize>,
    shelf: &Shelf,
    files: &Disks,
    disks: &mut Vec<Arc<FakeDisk>>,
) -> (Arc<Generation>, Made) {
    let bytes = damaged.map_or(shelf.pack(number), |copy| shelf.damaged(number, copy));
    let mut disk = |bytes| {
        let disk = Arc::new(FakeDisk::new(bytes, climate.store == Store::Mapped));
        disks.push(Arc::clone(&disk));
        disk
    };
    let file = Arc::new(match climate.store {
        Store::Memory => ContentFile::from_memory(bytes),
        Store::Read | Store::Mapped => ContentFile::fake(&disk(bytes)),
    });
    for index in 0..Of::FILES {
        let made = Arc::new(FakeDisk::new(shelf.bytes(Of::File(index), number), false));
        disks.push(Arc::clone(&made));
        files.lock().unwrap().insert((number, index as u64), made);
    }
    let weak = Arc::downgrade(&file);
    let says = |request: &crate::Request<'_>, response: Response| {
        response.header("X-Generation", &request.generation().to_string())
    };
    let pack = Pack::from_source(file).unwrap();
    // The files are opened where tasks deliver; these paths lead nowhere.
    let paths = (0..Of::FILES).map(|index| format!("simulated-{index}").into()).collect();
    let table = FileTable { root: std::env::temp_dir(), paths };
    let mount = |mount: Mount| mount.header("X-Generation", &number.to_string());
    let router = Router::new()
        .mount(mount(Mount::pack("/p", pack).workload("/", WORKED, workload)))
        .mount(mount(Mount::files("/f", open_catalogue(shelf.catalogue(number)), table)))
        .get("/who/{name}", move |request| {
            says(request, Response::text(format!("{} {}", request.generation(), request.param("name"))))
        })
        .route(Method::Post, "/owned", move |request| says(request, Response::text(owned(request.generation()))))
        .get("/panic", |_| std::panic::resume_unwind(Box::new("scripted")));
    assert_eq!(router.validate(), Ok(()));
    let generation = Arc::new(Generation::new(number, router, &mut RouteNames::default()).unwrap());
    let made = Made { generation: Arc::downgrade(&generation), file: weak, is_damaged: damaged.is_some() };
    (generation, made)
}
