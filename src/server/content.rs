//! What a worker answers from: the router of its generation, the files it has open, and the tasks it waits for.
//!
//! This is the [`Service`] behind the connection machine. It never blocks: what is not at hand (a large file that is
//! not open, a large payload that was not checked) becomes a task, and the request is asked again when that is done.
#![forbid(unsafe_code)]

use super::event::Event;
use super::generation::{Generation, LocalGeneration};
use super::open_files::OpenFiles;
use super::slots::SlotId;
use super::stats::WorkerStats;
use super::tasks::Offload;
use crate::http::{Found, Ready, Request, Service, SourceId, Span, Stored};
use crate::ring::outgoing::Pin;
use crate::route::{FileState, Files};
use crate::sys::ContentFile;
use std::io;
use std::sync::Arc;

/// Bytes of a payload that are checked on the loop, once, before the first answer from them: four chunks, about 20 us.
const CHECK_INLINE_BYTES_MAX: u64 = 256 * 1024;

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
}

/// Takes the outcome of a task back to the worker; called on the task's thread.
pub(crate) type Deliver = Arc<dyn Fn(TaskDone) + Send + Sync>;

struct Waiting {
    key: TaskKey,
    slots: Vec<SlotId>,
}

/// How a task failed, as the requests that are asked again see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Missing,
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
        self.files.clear();
        self.generation = LocalGeneration::new(generation);
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

    /// Takes the outcome of a task in, and says who waits for it. After they were asked again, call
    /// [`Content::forget_failures`].
    pub(crate) fn done(&mut self, done: TaskDone) -> Vec<SlotId> {
        self.stats.tasks.add(1);
        let Some(index) = self.waiting.iter().position(|waiting| waiting.key == done.key) else { return Vec::new() };
        let waiting = self.waiting.swap_remove(index);
        if done.generation == self.number() {
            match self.take_in(done.key, done.outcome) {
                Ok(()) => {}
                Err(failure) => self.failures.push((done.key, failure)),
            }
        }
        waiting.slots
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
            (TaskKey::Check(_), TaskOutcome::Checked(Err(what))) => {
                self.fail(what);
                Err(Failure::Failed)
            }
            (TaskKey::Open { .. }, TaskOutcome::Checked(_)) | (TaskKey::Check(_), TaskOutcome::Opened(_)) => {
                debug_assert!(false, "a task answered for another");
                Err(Failure::Failed)
            }
        }
    }

    /// The requests that met a failed task have been answered; the next ones try again.
    pub(crate) fn forget_failures(&mut self) {
        self.failures.clear();
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
    key: TaskKey,
    asking: SlotId,
    stats: &WorkerStats,
    start: impl FnOnce() -> bool,
) -> bool {
    if let Some(waiting) = waiting.iter_mut().find(|waiting| waiting.key == key) {
        if !waiting.slots.contains(&asking) {
            waiting.slots.push(asking);
        }
        return true;
    }
    if !start() {
        stats.tasks_refused.add(1);
        return false;
    }
    waiting.push(Waiting { key, slots: vec![asking] });
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
        if unchecked == 0 {
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
        let is_waiting = wait_for(&mut self.waiting, key, self.asking, &self.stats, || {
            let shared = Arc::clone(&self.generation.shared);
            let deliver = Arc::clone(&self.deliver);
            (self.offload)(Box::new(move || {
                let outcome = shared.router.verify_span(span, &mut Vec::new()).map_err(|error| error.to_string());
                let outcome = TaskOutcome::Checked(outcome);
                deliver(TaskDone { generation: shared.number, key, outcome });
            }))
        });
        if is_waiting { Ready::Wait } else { Ready::Busy }
    }
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
            None => {}
        }
        let is_waiting = wait_for(self.waiting, key, self.asking, self.stats, || {
            let shared = Arc::clone(self.shared);
            let deliver = Arc::clone(self.deliver);
            (self.offload)(Box::new(move || {
                let opened = shared.open_file(mount, file);
                deliver(TaskDone { generation: shared.number, key, outcome: TaskOutcome::Opened(opened) });
            }))
        });
        if is_waiting { FileState::Wait } else { FileState::Busy }
    }
}
