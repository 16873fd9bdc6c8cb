//! What a worker answers from: the router of its generation, the files it has open, and the tasks it waits for.
//!
//! This is the [`Service`] behind the connection machine. It never blocks: what is not at hand (a large file that is
//! not open, a large payload that was not checked, bytes that are not in memory) becomes a task, and the request is asked
//! again when that is done.
//!
//! ```text
//! index         not in memory           -> Lookup: a task makes the same lookup      (pack::Checked has the note)
//! payload       not checked, cold       -> Check: a task reads it, and so it is there
//!               not checked, large      -> Check
//!               not checked, the rest   is checked here and now
//!               checked, to be copied   -> Read, when it is cold
//!               checked, to be sent     the ring asks when it sends, and gives it back: then Read
//! ```
#![forbid(unsafe_code)]

use super::access::Recorder;
use super::event::Event;
use super::generation::{Generation, LocalGeneration};
use super::hottest::Hottest;
use super::open_files::OpenFiles;
use super::planted::planted;
use super::routes;
use super::slots::SlotId;
use super::stats::WorkerStats;
use super::tasks::{Lane, Offload, Task};
use super::worker::COPY_BYTES_MAX;
use crate::http::{Answer, Found, Ready, Request, Service, SourceId, Span, Stored};
use crate::pack::{LookupError, Pack, ReadError};
use crate::ring::outgoing::Pin;
use crate::route::{FileState, Files};
use crate::sys::ContentFile;
use crate::sys::file::Resident;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod work;

/// Bytes of a payload that are checked on the loop, once, before the first answer from them: four chunks, about 20 us.
const CHECK_INLINE_BYTES_MAX: u64 = 256 * 1024;

/// Bytes that a task checks before it looks whether it is still wanted: a millisecond of a fast disk.
const CHECK_PIECE_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes that one task reads: short, so that many take turns whatever they ask for; long enough that a disk which does few
/// operations a second does each for much.
const READ_BYTES_MAX: u64 = 1024 * 1024;
/// Reads begin and end at multiples of this, so that neighbours in a page wait for one task.
const READ_ALIGN: u64 = 4096;
/// In place of a generation: what is read is of use to all.
const ANY_GENERATION: u64 = 0;
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
    /// Reading what a lookup of a key of this hash reads.
    Lookup { mount: u32, hash: u64 },
    /// Reading a stretch of a file.
    Read { file: u64, offset: u64, len: u64 },
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
    Read(Result<(), ReadError>),
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

/// What became of the wish to have something read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It is under way, and who asked is told when it is done.
    Begun(TaskKey),
    /// Too much is.
    Busy,
    /// It has just failed.
    Failed,
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
    resident: Resident,
    offload: Offload,
    deliver: Deliver,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) hottest: Hottest,
    /// To be told; the worker empties it.
    pub(crate) events: Vec<Event>,
    /// Keeps the access log, if there is one.
    pub(crate) recorder: Option<Recorder>,
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
            resident: Resident::of_copies(),
            offload,
            deliver,
            stats,
            hottest: Hottest::default(),
            events: Vec::new(),
            recorder: None,
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

    /// A file was found shorter than it was: those of mounted directories are opened anew from now on.
    pub(crate) fn note_truncated(&mut self) {
        self.stats.files_truncated.add(1);
        self.events.push(Event::FileTruncated);
        self.files.clear();
    }

    /// Tells the time, in nanoseconds of the ring's clock.
    pub(crate) fn set_time(&mut self, nanos: u64) {
        if self.resident.set_time(nanos) && !planted!(ColdIndexKept) {
            let LocalGeneration { shared, local, .. } = &mut self.generation;
            shared.router.forget_readable(local);
        }
    }

    /// Has bytes of a file read into memory, at most [`READ_BYTES_MAX`] of them; `asking` is told when they are.
    pub(crate) fn read(&mut self, asking: SlotId, file: &Arc<ContentFile>, offset: u64, len: u64) -> Reading {
        let start = offset - offset % READ_ALIGN;
        let end = offset.saturating_add(len).min(start + READ_BYTES_MAX);
        // Not behind the end of the file as it was: then it would be shorter than it is.
        let end = end.next_multiple_of(READ_ALIGN).min(file.len().max(end));
        let key = TaskKey::Read { file: file.identity(), offset: start, len: end - start };
        if self.has_failed(key) {
            return Reading::Failed;
        }
        let (file, deliver) = (Arc::clone(file), &self.deliver);
        let is_waiting = wait_for(&mut self.waiting, ANY_GENERATION, key, asking, &self.stats, |is_cancelled| {
            let deliver = Arc::clone(deliver);
            (self.offload)(
                Lane::Read,
                Box::new(move || {
                    let outcome = TaskOutcome::Lost;
                    let mut promise = Promise { deliver, generation: ANY_GENERATION, key, outcome };
                    let is_wanted = || !is_cancelled.load(Ordering::Relaxed);
                    let read = if is_wanted() { file.bring_in(start, end - start, is_wanted) } else { Ok(()) };
                    drop(file);
                    promise.outcome = if is_cancelled.load(Ordering::Relaxed) {
                        TaskOutcome::Cancelled
                    } else {
                        TaskOutcome::Read(read)
                    };
                }),
            )
        });
        if is_waiting { Reading::Begun(key) } else { Reading::Busy }
    }

    /// Whether this task has just failed.
    pub(crate) fn has_failed(&self, key: TaskKey) -> bool {
        self.failure(key).is_some()
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
        let is_of_now = done.generation == self.number() || done.generation == ANY_GENERATION;
        let is_of_now = is_of_now || planted!(SwapTakesOldOutcome);
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
        let outcome = match outcome {
            TaskOutcome::Read(Err(_)) if planted!(ColdFailureBelieved) => TaskOutcome::Read(Ok(())),
            outcome => outcome,
        };
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
                let LocalGeneration { shared, local, pins } = &mut self.generation;
                shared.router.mark(local, span);
                if let Some(file) = pins.get(span.source.0 as usize) {
                    self.resident.mark(file.identity(), span.offset, span.len);
                }
                Ok(())
            }
            (TaskKey::Read { file, offset, len }, TaskOutcome::Read(Ok(()))) => {
                self.stats.cold_reads.add(1);
                self.stats.cold_bytes_read.add(len);
                self.resident.mark(file, offset, len);
                Ok(())
            }
            (TaskKey::Lookup { .. }, TaskOutcome::Read(Ok(()))) => {
                self.stats.cold_lookups.add(1);
                Ok(())
            }
            (TaskKey::Read { .. } | TaskKey::Lookup { .. }, TaskOutcome::Read(Err(ReadError::Truncated))) => {
                self.note_truncated();
                Err(Failure::Failed)
            }
            (TaskKey::Read { .. } | TaskKey::Lookup { .. }, TaskOutcome::Read(Err(error))) => {
                self.fail(format!("a file cannot be read: {error}"));
                Err(Failure::Failed)
            }
            // Whoever asks again starts it again.
            (TaskKey::Check(_) | TaskKey::Read { .. } | TaskKey::Lookup { .. }, TaskOutcome::Cancelled) => Ok(()),
            (TaskKey::Check(_), TaskOutcome::Checked(Err(what))) => {
                self.fail(what);
                Err(Failure::Failed)
            }
            (_, TaskOutcome::Lost) => {
                self.fail("reading content panicked".to_owned());
                Err(Failure::Failed)
            }
            (TaskKey::Open { .. }, TaskOutcome::Checked(_) | TaskOutcome::Read(_) | TaskOutcome::Cancelled)
            | (TaskKey::Check(_), TaskOutcome::Opened(_) | TaskOutcome::Read(_))
            | (TaskKey::Lookup { .. } | TaskKey::Read { .. }, TaskOutcome::Opened(_) | TaskOutcome::Checked(_)) => {
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

impl Content {
    /// Whether these bytes are in memory, as far as one can tell.
    pub(super) fn is_resident(&mut self, span: Span) -> bool {
        let Some(file) = self.file(span.source).cloned() else { return true };
        self.resident.first_cold(&file, span.offset, span.len).is_none()
    }

    /// Whether bytes that need no check may be sent: those that are copied must be in memory.
    fn ready_to_send(&mut self, span: Span) -> Ready {
        let Some(file) = self.file(span.source).cloned() else { return Ready::Now };
        if span.len > COPY_BYTES_MAX {
            return Ready::Now;
        }
        let Some(cold) = self.resident.first_cold(&file, span.offset, span.len).filter(|_| !planted!(ColdCopied))
        else {
            file.prefetch(span.offset, span.len);
            return Ready::Now;
        };
        match self.read(self.asking, &file, cold, span.offset + span.len - cold) {
            Reading::Begun(_) => Ready::Wait,
            Reading::Busy => Ready::Busy,
            Reading::Failed => Ready::Failed,
        }
    }
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
        let mut found = shared.router.find(local, &mut files, request, stored);
        if matches!(found, Found::Stored) {
            found = self.work(request, stored);
        }
        let local = &mut self.generation.local;
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
        let unchecked = shared.router.unchecked_bytes(local, span);
        if unchecked == 0 || planted!(ColdTrustsBytes) {
            return self.ready_to_send(span);
        }
        let mut lane = Lane::Check;
        let (mut around, mut cold_file) = (span, None);
        if unchecked <= CHECK_INLINE_BYTES_MAX {
            around = shared.router.checked_around(span);
            let is_cold = |file: &&Pin| {
                !planted!(ColdCheckedHere) && self.resident.first_cold(file, around.offset, around.len).is_some()
            };
            cold_file = pins.get(span.source.0 as usize).filter(is_cold).map(|pin| Arc::clone(pin));
            if cold_file.is_none() {
                match shared.router.check_payload(local, span, &mut self.scratch) {
                    Ok(()) => return Ready::Now,
                    Err(LookupError::NotInMemory { .. }) => {}
                    Err(error) => {
                        let what = error.to_string();
                        self.fail(what);
                        return Ready::Failed;
                    }
                }
            }
            lane = Lane::Read;
        }
        let key = TaskKey::Check(span);
        if self.failure(key).is_some() {
            return Ready::Failed;
        }
        let number = self.number();
        let is_waiting = wait_for(&mut self.waiting, number, key, self.asking, &self.stats, |is_cancelled| {
            let work = move |generation: &Generation| {
                // In one piece, from the descriptor: a check reads through the mapping, a page or 2 MiB at a time.
                let is_wanted = || !is_cancelled.load(Ordering::Relaxed);
                if let Some(file) = cold_file.filter(|_| is_wanted()) {
                    // What cannot be read is found by the check.
                    let _ = file.bring_in(around.offset, around.len, is_wanted);
                }
                check(generation, span, &is_cancelled)
            };
            if lane == Lane::Read {
                self.stats.cold_checks.add(1);
            }
            (self.offload)(lane, task(&self.generation.shared, key, &self.deliver, work))
        });
        if is_waiting { Ready::Wait } else { Ready::Busy }
    }

    fn answered(&mut self, answer: &Answer<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(answer);
        }
        let row = match answer.request {
            // The last lookup was the one for this request.
            Some(request) => {
                self.hottest.see(request.path());
                self.generation.row()
            }
            None => routes::REFUSED,
        };
        self.stats.answered(answer.status);
        self.stats.routes.add(row, answer.status, answer.body_bytes);
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
    fn read_index(&mut self, mount: u32, text: &[u8]) -> Found {
        let key = TaskKey::Lookup { mount, hash: Pack::hash_of(text) };
        if self.failures.iter().any(|failed| failed.0 == key) {
            return Found::Failed;
        }
        let is_waiting = wait_for(self.waiting, self.shared.number, key, self.asking, self.stats, |is_cancelled| {
            let text = text.to_vec();
            let work = move |generation: &Generation| match is_cancelled.load(Ordering::Relaxed) {
                true => TaskOutcome::Cancelled,
                false => TaskOutcome::Read(match generation.router.read_index(mount, &text) {
                    Err(LookupError::Read { error, .. }) => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                }),
            };
            (self.offload)(Lane::Read, task(self.shared, key, self.deliver, work))
        });
        if is_waiting { Found::Wait } else { Found::Busy }
    }

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
