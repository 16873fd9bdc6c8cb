//! Work that would stall the loop: opening files, checking large payloads, reading what is not in memory. Threads do it
//! for all workers, of each kind its own, so that none waits for another kind; the outcome comes back as a message, which is
//! a completion of the worker's ring.
#![forbid(unsafe_code)]

use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Something to do elsewhere. It sends its outcome itself.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// Which threads do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Opening a file: short, unless the disk is slow.
    Open,
    /// Checking a payload: as long as reading it takes.
    Check,
    /// Reading what is not in memory: mostly waiting for the disk.
    Read,
}

/// Where tasks go. False: too many are waiting.
pub(crate) type Offload = Box<dyn Fn(Lane, Task) -> bool>;

/// Tasks that may wait in one lane: at a millisecond each and one at a time, the last one waits two seconds. More are answered
/// 503.
const WAITING_TASKS_MAX: usize = 2048;
/// Threads that read at the same time. They wait more than they work, and a disk does several reads at a time: flash needs
/// about as many under way to give its best, and a disk that turns sorts them. nginx has 32 (`aio threads`), libuv 4.
const READ_THREADS_MAX: usize = 8;

/// The threads. They end when the last clone is gone.
#[derive(Clone)]
pub(crate) struct TaskPool {
    open: Queue,
    check: Queue,
    read: Queue,
}

impl TaskPool {
    pub(crate) fn start() -> io::Result<TaskPool> {
        Ok(TaskPool {
            open: Queue::start("badger-open", 1)?,
            check: Queue::start("badger-check", 1)?,
            read: Queue::start("badger-read", READ_THREADS_MAX)?,
        })
    }

    pub(crate) fn offload(&self) -> Offload {
        let pool = self.clone();
        Box::new(move |lane, task| {
            let queue = match lane {
                Lane::Open => &pool.open,
                Lane::Check => &pool.check,
                Lane::Read => &pool.read,
            };
            queue.push(task)
        })
    }
}

/// The tasks of one lane, in the order in which they came, and who does them.
#[derive(Clone)]
struct Queue {
    tasks: Sender<Task>,
    crew: Arc<Crew>,
}

struct Crew {
    name: &'static str,
    tasks: Receiver<Task>,
    threads_max: usize,
    threads: AtomicUsize,
    /// Tasks that wait or are being done.
    unfinished: AtomicUsize,
}

impl Queue {
    /// With one thread; the others start when they are needed.
    fn start(name: &'static str, threads_max: usize) -> io::Result<Queue> {
        let (sender, tasks) = bounded(WAITING_TASKS_MAX);
        let (threads, unfinished) = (AtomicUsize::new(1), AtomicUsize::new(0));
        let crew = Arc::new(Crew { name, tasks, threads_max, threads, unfinished });
        crew.add_thread()?;
        Ok(Queue { tasks: sender, crew })
    }

    /// False: too many are waiting.
    fn push(&self, task: Task) -> bool {
        let crew = &self.crew;
        let unfinished = crew.unfinished.fetch_add(1, Ordering::Relaxed) + 1;
        if self.tasks.try_send(task).is_err() {
            crew.unfinished.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let count = |threads| (threads < unfinished.min(crew.threads_max)).then_some(threads + 1);
        // When there can be no more, those that are there take all tasks, one after the other.
        if crew.threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok() && crew.add_thread().is_err()
        {
            crew.threads.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }
}

impl Crew {
    /// Starts a thread that is counted already.
    fn add_thread(self: &Arc<Crew>) -> io::Result<()> {
        let crew = Arc::clone(self);
        std::thread::Builder::new().name(self.name.to_owned()).spawn(move || {
            while let Ok(task) = crew.tasks.recv() {
                // A task that panics says so in its outcome, and the thread goes on with the others. What it panicked over
                // was its own.
                let _ = catch_unwind(AssertUnwindSafe(task));
                crew.unfinished.fetch_sub(1, Ordering::Relaxed);
            }
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn reads_wait_side_by_side_and_the_next_ones_in_their_order() {
        let pool = TaskPool::start().unwrap();
        let offload = pool.offload();
        let (begun, begins) = bounded(100);
        let (go, goes) = bounded::<()>(0);
        for number in 0..READ_THREADS_MAX + 3 {
            let (begun, goes) = (begun.clone(), goes.clone());
            let task = Box::new(move || {
                begun.send(number).unwrap();
                let _ = goes.recv();
            });
            assert!(offload(Lane::Read, task));
        }
        let next = || begins.recv_timeout(PATIENCE).unwrap();
        let mut first: Vec<usize> = (0..READ_THREADS_MAX).map(|_| next()).collect();
        first.sort_unstable();
        assert_eq!(first, (0..READ_THREADS_MAX).collect::<Vec<_>>(), "as many as may be at once");
        // The other lanes do not wait for them.
        let (done, is_done) = bounded(1);
        assert!(offload(Lane::Open, Box::new(move || done.send(()).unwrap())));
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(()));
        for number in READ_THREADS_MAX..READ_THREADS_MAX + 3 {
            go.send(()).unwrap();
            assert_eq!(next(), number);
        }
        drop(go);
        // A panic costs nobody their thread, and too many tasks are refused.
        for _ in 0..READ_THREADS_MAX {
            assert!(offload(Lane::Read, Box::new(|| std::panic::resume_unwind(Box::new("scripted")))));
        }
        let (done, is_done) = bounded(1);
        assert!(offload(Lane::Read, Box::new(move || done.send(()).unwrap())));
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(()));
        let (stop, stops) = bounded::<()>(0);
        let stuck = |_| {
            let stops = stops.clone();
            offload(Lane::Check, Box::new(move || _ = stops.recv()))
        };
        let taken = (0..WAITING_TASKS_MAX + 2).take_while(|number| stuck(*number)).count();
        assert!((WAITING_TASKS_MAX..=WAITING_TASKS_MAX + 1).contains(&taken), "{taken}");
        drop(stop);
    }
}
