//! The loop's side of the access log: copies records, hands batches over, and never waits.
#![forbid(unsafe_code)]

use super::AccessOptions;
use super::batch::{AccessBatch, AccessRecord, BATCHES_MAX};
use crate::http::Answer;
use crate::http::fields::Known;
use crate::server::stats::WorkerStats;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;

/// Longest time that a record stays with its worker: who looks at a log sees what happened just now, and a busy worker wakes
/// the thread four times a second more than it must.
const BATCH_NANOS_MAX: u64 = 250_000_000;
/// Nothing is recorded.
const NEVER: u64 = u64::MAX;

/// What a worker makes its recorder from, on its own thread.
#[derive(Clone)]
pub(crate) struct RecorderSeed {
    pub(super) options: AccessOptions,
    pub(super) out: Sender<AccessBatch>,
}

impl RecorderSeed {
    pub(crate) fn recorder(self, stats: Arc<WorkerStats>) -> Recorder {
        let (home, returned) = bounded(BATCHES_MAX);
        let home = Arc::new(home);
        let mut spare: Vec<_> = (1..BATCHES_MAX).map(|_| AccessBatch::new(&home)).collect();
        // All may come home.
        spare.reserve(1);
        Recorder {
            sample: self.options.sample.get(),
            unsampled: 0,
            unix_seconds: 0,
            nanos: 0,
            due: NEVER,
            batch: AccessBatch::new(&home),
            spare,
            returned,
            _home: home,
            out: self.out,
            stats,
        }
    }
}

/// One worker's.
pub(crate) struct Recorder {
    sample: u32,
    /// Answers since the last one that was recorded.
    unsampled: u32,
    unix_seconds: u64,
    nanos: u64,
    /// When the batch is handed over at the latest; [`NEVER`]: it is empty.
    due: u64,
    batch: AccessBatch,
    /// The one that came home last is used next: it is still in the processor's cache.
    spare: Vec<AccessBatch>,
    returned: Receiver<AccessBatch>,
    /// The way that batches know.
    _home: Arc<Sender<AccessBatch>>,
    out: Sender<AccessBatch>,
    stats: Arc<WorkerStats>,
}

impl Recorder {
    /// A turn begins.
    pub(crate) fn set_time(&mut self, nanos: u64, unix_seconds: u64) {
        self.nanos = nanos;
        self.unix_seconds = unix_seconds;
    }

    /// Records an answer, if it is its turn.
    pub(crate) fn answered(&mut self, answer: &Answer<'_>) {
        self.unsampled += 1;
        if self.unsampled < self.sample {
            return;
        }
        self.unsampled = 0;
        let field = |known| answer.request.and_then(|request| request.known(known));
        let record = AccessRecord {
            unix_seconds: self.unix_seconds,
            peer: answer.peer,
            request_line: answer.request_line(),
            status: answer.status,
            body_bytes: answer.body_bytes,
            referer: field(Known::Referer),
            user_agent: field(Known::UserAgent),
        };
        if !self.batch.push(&record) {
            self.hand_over();
            // An empty one has room for every record.
            let has_room = self.batch.push(&record);
            debug_assert!(has_room);
        }
        if self.due == NEVER {
            self.due = self.nanos.saturating_add(BATCH_NANOS_MAX);
        }
    }

    /// When the loop must look again though nothing happens.
    pub(crate) fn deadline(&self) -> Option<u64> {
        (self.due != NEVER).then_some(self.due)
    }

    /// A turn ends.
    pub(crate) fn end_turn(&mut self) {
        if self.due <= self.nanos {
            self.hand_over();
        }
    }

    /// Hands what there is to the thread and goes on with an empty batch. When all others are still on their way, what there
    /// is is counted and forgotten.
    fn hand_over(&mut self) {
        self.due = NEVER;
        if self.batch.is_empty() {
            return;
        }
        self.spare.extend(self.returned.try_iter());
        match self.spare.pop() {
            Some(empty) => self.send(empty),
            None => self.forget(),
        }
    }

    /// Sends the batch; `next` takes its place.
    fn send(&mut self, next: AccessBatch) {
        let full = std::mem::replace(&mut self.batch, next);
        if let Err(unsent) = self.out.try_send(full) {
            // The thread is gone.
            self.spare.push(std::mem::replace(&mut self.batch, unsent.into_inner()));
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.stats.access_lines_dropped.add(self.batch.len() as u64);
        self.batch.clear();
    }
}

/// The worker has ended: what it recorded last goes out too. The channel has room for every batch, so nobody waits.
impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.batch.is_empty() {
            let nothing = self.batch.without_room();
            self.send(nothing);
        }
    }
}
