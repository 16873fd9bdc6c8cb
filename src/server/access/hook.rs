//! The thread that calls the hook of the access log, for all workers.
#![forbid(unsafe_code)]

use super::AccessOptions;
use super::batch::{AccessBatch, BATCHES_MAX};
use super::recorder::RecorderSeed;
use crate::server::event::Event;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whoever is given the records.
type AccessHook = Box<dyn FnMut(&AccessBatch) + Send>;

/// How long the end of a server waits for a hook that has not taken the last records yet.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// An access log that was asked for.
pub(crate) struct AccessLog {
    pub(crate) options: AccessOptions,
    pub(crate) hook: AccessHook,
}

/// Its thread, as the server's handle knows it.
pub(crate) struct AccessThread {
    /// Nothing is ever sent: it is disconnected when the thread ends.
    ended: Receiver<()>,
    /// Somebody has waited for it: once is enough.
    has_waited: AtomicBool,
}

impl AccessLog {
    /// Starts the thread; it ends when every recorder is gone. The seed is for each worker.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start(self, workers: usize, events: Sender<Event>) -> io::Result<(RecorderSeed, AccessThread)> {
        let AccessLog { options, mut hook } = self;
        // Room for every batch that there is.
        let (out, batches) = bounded::<AccessBatch>(workers * BATCHES_MAX);
        let (end, ended) = bounded(1);
        std::thread::Builder::new().name("badger-access".to_owned()).spawn(move || {
            for batch in batches {
                // A hook that panics misses what it has not read of this batch, and is given the next one.
                if catch_unwind(AssertUnwindSafe(|| hook(&batch))).is_err() {
                    let _ = events.try_send(Event::AccessHookPanicked { records: batch.len() as u64 });
                }
                batch.go_home();
            }
            // Whatever the hook closes, it closes before the server has ended.
            drop(hook);
            drop::<Sender<()>>(end);
        })?;
        Ok((RecorderSeed { options, out }, AccessThread { ended, has_waited: AtomicBool::new(false) }))
    }
}

impl AccessThread {
    /// Waits until the hook was given everything, if that takes not too long. The workers have ended.
    pub(crate) fn finish(&self) {
        if !self.has_waited.load(Ordering::Relaxed) {
            let _ = self.ended.recv_timeout(END_TIME_MAX);
            self.has_waited.store(true, Ordering::Relaxed);
        }
    }
}
