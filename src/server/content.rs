//! What a worker answers from: the router of its generation, the files it has open, and the tasks it waits for.
//!
//! This is the [`Service`] behind the connection machine. It never blocks: what is not at hand (a large file that is
//! not open, a large payload that was not checked) becomes a task, and the request is asked again when that is done.
#![forbid(unsafe_code)]

use super::event::Event;
use super::generation::{Generation, LocalGeneration};
use super::open_files::OpenFiles;
use super::planted::planted;
use super::slots::SlotId;
use super::stats::WorkerStats;
use super::tasks::{Lane, Offload, Task};
use crate::http::{Found, Ready, Request, Service, SourceId, Span, Stored};
use crate::ring::outgoing::Pin;
use crate::route::{FileState, Files};
use crate::sys::ContentFile;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a payload that are checked on the loop, once, before the first answer from them: four chunks, about 20 us.
const CHECK_INLINE_BYTES_MAX: u64 = 256 * 1024;

/// Bytes that a task checks before it looks whether it is still wanted: a millisecond of a fast disk.
const CHECK_PIECE_BYTES: u64 = 4 * 1024 * 1024;
/// EMFILE and ENFILE, which have these numbers on every Linux.
const OUT_OF_PROCESS_DESCRIPTORS: i32 = 24;
const OUT_OF_SYSTEM_DESCRIPTORS: i32 = 23;

/// What a task does, and what its waiters wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskKey {
    /// Opening a file of a mounted directory.
    Open { mount: u32, file: u64 },
    /// Checking a payload.
    Check(Span),
}

/// The outcome of a task.
#[derive(Debug)]
pub(crate) struct TaskDone {
    pub(crate) generation: u64,
    pub(crate) key: TaskKey,
    pub(crate) outcome: TaskOutcome,
}

#[derive(Debug)]
pub(crate) enum TaskOutcome {
    Opened(io::Result<ContentFile>),
    Checked(Result<(), String>),
    /// Nobody waited for it any more.
    Cancelled,
    /// It panicked.
    Lost,
}

/// Takes the outcome of a task back to the worker; called on the task's thread.
pub(crate) type Deliver = Arc<dyn Fn(TaskDone) + Send + Sync>;

/// Delivers the outcome of a task when it is dropped: also of one that panics, for which requests would wait in vain, the
/// next ones for the same too.
struct Promise {
    deliver: Deliver,
    generation: u64,
    key: TaskKey,
    outcome: TaskOutcome,
}

impl Drop for Promise {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, TaskOutcome::Lost);
        (self.deliver)(TaskDone { generation: self.generation, key: self.key, outcome });
    }
}

/// A task that does `work` on a generation and delivers what comes of it.
fn task(
    shared: &Arc<Generation>,
    key: TaskKey,
    deliver: &Deliver,
    work: impl FnOnce(&Generation) -> TaskOutcome + Send + 'static,
) -> Task {
    let (shared, deliver) = (Arc::clone(shared), Arc::clone(deliver));
    Box::new(move || {
        let mut promise = Promise { deliver, generation: shared.number, key, outcome: TaskOutcome::Lost };
        promise.outcome = work(&shared);
    })
}

struct Waiting {
    /// What is under way for other content is of no use to those who ask now, and may never end.
    generation: u64,
    key: TaskKey,
    slots: BTreeSet<SlotId>,
    /// Set when the last waiter has gone: a task that nobody waits for stops.
    is_cancelled: Arc<AtomicBool>,
}

/// How a task failed, as the requests that are asked again see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Missing,
    Busy,
    Failed,
}

/// The content of one worker.
pub(crate) struct Content {
    generation: LocalGeneration,
    files: OpenFiles,
    waiting: Vec<Waiting>,
    /// Tasks that failed, while their waiters are asked again.
    failures: Vec<(TaskKey, Failure)>,
    /// The connection that is being served.
    pub(crate) asking: SlotId,
    scratch: Vec<u8>,
    offload: Offload,
    deliver: Deliver,
    pub(crate) stats: Arc<WorkerStats>,
    /// To be told; the worker empties it.
    pub(crate) events: Vec<Event>,
}

impl Content {
    pub(crate) fn new(
        generation: Arc<Generation>,
        open_files_max: usize,
        offload: Offload,
        deliver: Deliver,
        stats: Arc<WorkerStats>,
    ) -> Content {
        Content {
            generation: LocalGeneration::new(generation),
            files: OpenFiles::new(open_files_max),
            waiting: Vec::new(),
            failures: Vec::new(),
            asking: SlotId { slot: 0, serial: 0 },
            scratch: Vec::new(),
            offload,
            deliver,
            stats,
            events: Vec::new(),
        }
    }

    /// The number of the generation.
    pub(crate) fn number(&self) -> u64 {
        self.generation.shared.number
    }

    /// Answers from `generation` from now on. What is being sent keeps its files; requests that wait are asked again.
    pub(crate) fn adopt(&mut self, generation: Arc<Generation>) {
        if !planted!(SwapKeepsFiles) {
            self.files.clear();
        }
        self.generation = LocalGeneration::new(generation);
    }

    /// Opens the files of mounted directories anew from now on: one of them is not what it was.
    pub(crate) fn forget_files(&mut self) {
        self.files.clear();
    }

    /// A connection is gone, or its request was answered: it waits for nothing any more.
    pub(crate) fn leave(&mut self, id: SlotId) {
        for waiting in self.waiting.iter_mut().filter(|_| !planted!(CancelKeepsWaiter)) {
            if waiting.slots.remove(&id) && waiting.slots.is_empty() {
                waiting.is_cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// A batch is about to be filled: the open files it names must stay until it is lowered.
    pub(crate) fn begin_batch(&mut self) {
        self.files.begin_batch();
    }

    /// The file of a source that a plan of the current batch names.
    pub(crate) fn file(&self, source: SourceId) -> Option<&Pin> {
        let packs = self.generation.pins.len();
        match (source.0 as usize).checked_sub(packs) {
            None => self.generation.pins.get(source.0 as usize),
            Some(number) => self.files.pin(number),
        }
    }

    /// Takes the outcome of a task in, and says who is to be asked again: those who wait for nothing else, since a request
    /// for several ranges may wait for a task for each; and all of them when the task failed, or was for other content. After
    /// they were asked again, call [`Content::forget_failures`].
    pub(crate) fn done(&mut self, done: TaskDone) -> BTreeSet<SlotId> {
        self.stats.tasks.add(1);
        let waiting = |waiting: &Waiting| waiting.generation == done.generation && waiting.key == done.key;
        let Some(index) = self.waiting.iter().position(waiting) else { return BTreeSet::new() };
        let mut slots = self.waiting.swap_remove(index).slots;
        let is_of_now = done.generation == self.number() || planted!(SwapTakesOldOutcome);
        if is_of_now {
            match self.take_in(done.key, done.outcome) {
                Ok(()) => {
                    if planted!(ColdTellsOne) {
                        slots.split_off(&SlotId { slot: 1, serial: 0 });
                    }
                    slots.retain(|id| !self.waiting.iter().any(|waiting| waiting.slots.contains(id)));
                    return slots;
                }
                Err(failure) => self.failures.push((done.key, failure)),
            }
        }
        // Their answer is no longer the one that the other tasks are for.
        slots.iter().for_each(|id| self.leave(*id));
        slots
    }

    fn take_in(&mut self, key: TaskKey, outcome: TaskOutcome) -> Result<(), Failure> {
        match (key, outcome) {
            (TaskKey::Open { mount, file }, TaskOutcome::Opened(Ok(opened))) => {
                self.files.insert(mount, file, opened);
                Ok(())
            }
            (TaskKey::Open { .. }, TaskOutcome::Opened(Err(error))) if error.kind() == io::ErrorKind::NotFound => {
                Err(Failure::Missing)
            }
            (TaskKey::Open { .. }, TaskOutcome::Opened(Err(error))) if is_out_of_descriptors(&error) => {
                self.stats.tasks_refused.add(1);
                Err(Failure::Busy)
            }
            (TaskKey::Open { mount, file }, TaskOutcome::Opened(Err(error))) => {
                let path = self.generation.shared.path_of(mount, file).map(|(root, path)| root.join(path));
                self.fail(format!("cannot open {}: {error}", path.unwrap_or_default().display()));
                Err(Failure::Failed)
            }
            (TaskKey::Check(span), TaskOutcome::Checked(Ok(()))) => {
                let LocalGeneration { shared, local, .. } = &mut self.generation;
                shared.router.mark(local, span);
                Ok(())
            }
            // Whoever asks again starts it again.
            (TaskKey::Check(_), TaskOutcome::Cancelled) => Ok(()),
            (TaskKey::Check(_), TaskOutcome::Checked(Err(what))) => {
                self.fail(what);
                Err(Failure::Failed)
            }
            (TaskKey::Open { .. } | TaskKey::Check(_), TaskOutcome::Lost) => {
                self.fail("reading content panicked".to_owned());
                Err(Failure::Failed)
            }
            (TaskKey::Open { .. }, TaskOutcome::Checked(_) | TaskOutcome::Cancelled)
            | (TaskKey::Check(_), TaskOutcome::Opened(_)) => {
                debug_assert!(false, "a task answered for another");
                Err(Failure::Failed)
            }
        }
    }

    /// The requests that met a failed task have been answered; the next ones try again.
    pub(crate) fn forget_failures(&mut self) {
        if !planted!(ColdKeepsFailure) {
            self.failures.clear();
        }
    }

    /// Everybody who waits for a task, once for each.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> Vec<SlotId> {
        self.waiting.iter().flat_map(|waiting| waiting.slots.iter().copied()).collect()
    }

    /// Tasks whose outcome is expected.
    #[cfg(test)]
    pub(crate) fn waiting_tasks(&self) -> usize {
        self.waiting.len()
    }

    /// Failures that a request would meet now.
    #[cfg(test)]
    pub(crate) fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Every file that may be sent from.
    #[cfg(test)]
    pub(crate) fn pins(&self) -> Vec<&Pin> {
        self.generation.pins.iter().chain(self.files.pins()).collect()
    }

    fn fail(&mut self, what: String) {
        self.stats.content_failures.add(1);
        self.events.push(Event::ContentFailed { what });
    }

    fn failure(&self, key: TaskKey) -> Option<Failure> {
        self.failures.iter().find(|failed| failed.0 == key).map(|failed| failed.1)
    }
}

/// Makes the connection that asks wait for `key`; starts its task when nobody waits for it yet. False: too many tasks.
fn wait_for(
    waiting: &mut Vec<Waiting>,
    generation: u64,
    key: TaskKey,
    asking: SlotId,
    stats: &WorkerStats,
    start: impl FnOnce(Arc<AtomicBool>) -> bool,
) -> bool {
    let same = |waiting: &&mut Waiting| waiting.generation == generation && waiting.key == key;
    if let Some(waiting) = waiting.iter_mut().find(same) {
        waiting.slots.insert(asking);
        waiting.is_cancelled.store(false, Ordering::Relaxed);
        return true;
    }
    let is_cancelled = Arc::new(AtomicBool::new(false));
    if !start(Arc::clone(&is_cancelled)) {
        stats.tasks_refused.add(1);
        return false;
    }
    waiting.push(Waiting { generation, key, slots: BTreeSet::from([asking]), is_cancelled });
    true
}

impl Service for Content {
    fn find(&mut self, request: &Request<'_>, stored: &mut Stored) -> Found {
        let LocalGeneration { shared, local, pins } = &mut self.generation;
        let mut files = Opening {
            files: &mut self.files,
            first_source: pins.len() as u32,
            waiting: &mut self.waiting,
            failures: &self.failures,
            asking: self.asking,
            shared,
            offload: &self.offload,
            deliver: &self.deliver,
            stats: &self.stats,
        };
        let found = shared.router.find(local, &mut files, request, stored);
        match &found {
            Found::Failed => {
                if let Some(what) = local.failure.take() {
                    self.fail(what);
                }
            }
            Found::Panicked => self.events.push(Event::HandlerPanicked { path: request.path().to_owned() }),
            _ => {}
        }
        found
    }

    fn ready(&mut self, span: Span) -> Ready {
        let LocalGeneration { shared, local, pins } = &mut self.generation;
        if span.source.0 as usize >= pins.len() {
            return Ready::Now;
        }
        let unchecked = shared.router.unchecked_bytes(local, span);
        if unchecked == 0 || planted!(ColdTrustsBytes) {
            pins[span.source.0 as usize].prefetch(span.offset, span.len);
            return Ready::Now;
        }
        if unchecked <= CHECK_INLINE_BYTES_MAX {
            return match shared.router.check_payload(local, span, &mut self.scratch) {
                Ok(()) => Ready::Now,
                Err(error) => {
                    let what = error.to_string();
                    self.fail(what);
                    Ready::Failed
                }
            };
        }
        let key = TaskKey::Check(span);
        if self.failure(key).is_some() {
            return Ready::Failed;
        }
        let number = self.number();
        let is_waiting = wait_for(&mut self.waiting, number, key, self.asking, &self.stats, |is_cancelled| {
            let work = move |generation: &Generation| check(generation, span, &is_cancelled);
            (self.offload)(Lane::Check, task(&self.generation.shared, key, &self.deliver, work))
        });
        if is_waiting { Ready::Wait } else { Ready::Busy }
    }
}

/// Checks a payload piece by piece, for as long as somebody waits for it.
fn check(generation: &Generation, span: Span, is_cancelled: &AtomicBool) -> TaskOutcome {
    let mut scratch = Vec::new();
    let mut left = span;
    while left.len > 0 {
        if is_cancelled.load(Ordering::Relaxed) {
            return TaskOutcome::Cancelled;
        }
        let piece = Span { len: left.len.min(CHECK_PIECE_BYTES), ..left };
        if let Err(error) = generation.router.verify_span(piece, &mut scratch) {
            return TaskOutcome::Checked(Err(error.to_string()));
        }
        left = Span { offset: left.offset + piece.len, len: left.len - piece.len, ..left };
    }
    TaskOutcome::Checked(Ok(()))
}

/// Whether opening failed because this process or the system has too many files open.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(OUT_OF_PROCESS_DESCRIPTORS | OUT_OF_SYSTEM_DESCRIPTORS))
}

/// The files of mounted directories, as the router asks for them.
struct Opening<'c> {
    files: &'c mut OpenFiles,
    first_source: u32,
    waiting: &'c mut Vec<Waiting>,
    failures: &'c [(TaskKey, Failure)],
    asking: SlotId,
    shared: &'c Arc<Generation>,
    offload: &'c Offload,
    deliver: &'c Deliver,
    stats: &'c WorkerStats,
}

impl Files for Opening<'_> {
    fn open(&mut self, mount: u32, file: u64) -> FileState {
        if let Some(open) = self.files.find(mount, file) {
            let source = SourceId(self.first_source + open.number);
            return FileState::Open { source, len: open.len, last_modified: open.last_modified };
        }
        let key = TaskKey::Open { mount, file };
        match self.failures.iter().find(|failed| failed.0 == key) {
            Some((_, Failure::Missing)) => return FileState::Missing,
            Some((_, Failure::Failed)) => return FileState::Failed,
            Some((_, Failure::Busy)) => return FileState::Busy,
            None => {}
        }
        let is_waiting = wait_for(self.waiting, self.shared.number, key, self.asking, self.stats, |_| {
            let work = move |generation: &Generation| TaskOutcome::Opened(generation.open_file(mount, file));
            (self.offload)(Lane::Open, task(self.shared, key, self.deliver, work))
        });
        if is_waiting { FileState::Wait } else { FileState::Busy }
    }
}
