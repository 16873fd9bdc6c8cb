//! Lines on stderr that nobody waits for: a thread of their own writes them, so that a reader of stderr who is slow, stuck
//! or gone holds up neither an event loop nor a reload nor the end.

use crate::text::tell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines that wait; what comes while there are so many is counted instead.
const LINES_MAX: usize = 4096;
/// How long the end waits for a reader of what is left.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// Where lines are handed in.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<String>,
    left_out: u64,
    is_writing: bool,
}

impl Lines {
    /// Starts the thread.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start() -> std::io::Result<Lines> {
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name("stderr".to_owned()).spawn(move || writer.write())?;
        Ok(Lines(shared))
    }

    pub(crate) fn tell(&self, line: impl std::fmt::Display) {
        let line = line.to_string();
        let mut queue = self.0.lock();
        if queue.waiting.len() < LINES_MAX {
            queue.waiting.push_back(line);
        } else {
            queue.left_out += 1;
        }
        self.0.changed.notify_all();
    }

    /// Waits until all is written, but not for long.
    pub(crate) fn flush(&self) {
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.waiting.is_empty();
        drop(self.0.changed.wait_timeout_while(self.0.lock(), FLUSH_TIME, is_busy));
    }
}

impl Shared {
    /// A panic elsewhere leaves the queue whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) {
        let mut queue = self.lock();
        loop {
            let line = match (queue.waiting.pop_front(), std::mem::take(&mut queue.left_out)) {
                (Some(line), left_out) => {
                    queue.left_out = left_out;
                    line
                }
                (None, 0) => {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                (None, left_out) => format!("badger: {left_out} lines were left out: nobody read them"),
            };
            queue.is_writing = true;
            drop(queue);
            tell(line);
            queue = self.lock();
            queue.is_writing = false;
            self.changed.notify_all();
        }
    }
}
