//! Work that would stall the loop: opening files, checking large payloads. Two threads do it for all workers, one for each
//! kind, so that neither waits for the other; the outcome comes back as a message, which is a completion of the worker's
//! ring.
#![forbid(unsafe_code)]

use crossbeam_channel::{Sender, bounded};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Something to do elsewhere. It sends its outcome itself.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// Which thread does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Opening a file: short, unless the disk is slow.
    Open,
    /// Checking a payload: as long as reading it takes.
    Check,
}

/// Where tasks go. False: too many are waiting.
pub(crate) type Offload = Box<dyn Fn(Lane, Task) -> bool>;

/// Tasks that may wait for one thread: at a millisecond each, the last one waits two seconds. More are answered 503.
const WAITING_TASKS_MAX: usize = 2048;

/// The threads. They end when the last clone is gone.
#[derive(Clone)]
pub(crate) struct TaskPool {
    open: Sender<Task>,
    check: Sender<Task>,
}

impl TaskPool {
    pub(crate) fn start() -> io::Result<TaskPool> {
        Ok(TaskPool { open: start("badger-open")?, check: start("badger-check")? })
    }

    pub(crate) fn offload(&self) -> Offload {
        let pool = self.clone();
        Box::new(move |lane, task| {
            let queue = match lane {
                Lane::Open => &pool.open,
                Lane::Check => &pool.check,
            };
            queue.try_send(task).is_ok()
        })
    }
}

fn start(name: &str) -> io::Result<Sender<Task>> {
    let (queue, tasks) = bounded::<Task>(WAITING_TASKS_MAX);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        for task in tasks {
            // A task that panics says so in its outcome, and the thread goes on with the others. What it panicked over was
            // its own.
            let _ = catch_unwind(AssertUnwindSafe(task));
        }
    })?;
    Ok(queue)
}
