//! Work that would stall the loop: opening files, checking large payloads. A few threads do it for all workers; the
//! outcome comes back as a message, which is a completion of the worker's ring.
#![forbid(unsafe_code)]

use crossbeam::channel::{Sender, TrySendError, bounded};
use std::io;

/// Something to do elsewhere. It sends its outcome itself.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// Where tasks go. False: too many are waiting.
pub(crate) type Offload = Box<dyn Fn(Task) -> bool>;

/// Tasks that may wait: at a millisecond each, the last one waits a second for two threads. More are answered 503.
const WAITING_TASKS_MAX: usize = 2048;
/// Threads: enough to keep a slow disk busy beside a fast one, few enough not to compete with the workers.
const THREADS: usize = 2;

/// The threads. They end when the last clone is gone.
#[derive(Clone)]
pub(crate) struct TaskPool {
    queue: Sender<Task>,
}

impl TaskPool {
    pub(crate) fn start() -> io::Result<TaskPool> {
        let (queue, tasks) = bounded::<Task>(WAITING_TASKS_MAX);
        for number in 0..THREADS {
            let tasks = tasks.clone();
            std::thread::Builder::new().name(format!("badger-task-{number}")).spawn(move || {
                for task in tasks {
                    task();
                }
            })?;
        }
        Ok(TaskPool { queue })
    }

    pub(crate) fn offload(&self) -> Offload {
        let queue = self.queue.clone();
        Box::new(move |task| match queue.try_send(task) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        })
    }
}
