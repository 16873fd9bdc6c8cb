//! Work on many threads, results in the order of the input, a bounded amount under way.
//!
//! ```text
//! worker: lock source; wait until the window has room; take the next job and its number; unlock; work; file the result
//! caller: wait for result 0, 1, 2, ...
//! ```
//! The job that the caller waits for is always under way or done, because jobs are taken in order: so waiting for room
//! cannot stand still. The threads are not joined: one that waits for a slow pipe does not hold up an error.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of input under way at once. A job larger than this goes alone.
const WINDOW_BYTES: u64 = 32 * 1024 * 1024;

/// The results of the jobs, in order. Dropping it stops the workers after their current job.
pub(crate) struct Ordered<R> {
    shared: Arc<Shared<R>>,
    next: u64,
}

struct Shared<R> {
    state: Mutex<State<R>>,
    changed: Condvar,
}

struct State<R> {
    done: BTreeMap<u64, (R, u64)>,
    /// Bytes and number of the jobs that were taken and whose results were not handed out.
    bytes: u64,
    jobs: u64,
    /// Jobs in all, once the source has ended.
    total: Option<u64>,
    /// Nobody wants more, or a worker panicked.
    stopped: bool,
}

impl<R> Shared<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<R>>) -> MutexGuard<'a, State<R>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }
}

/// Does `work` for each job of `source` on `threads` threads. A job comes with its size in bytes.
pub(crate) fn ordered<J, R>(
    threads: usize,
    source: impl Iterator<Item = (J, u64)> + Send + 'static,
    work: impl Fn(J) -> R + Send + Sync + 'static,
) -> std::io::Result<Ordered<R>>
where
    J: Send + 'static,
    R: Send + 'static,
{
    let state = State { done: BTreeMap::new(), bytes: 0, jobs: 0, total: None, stopped: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
    let results = Ordered { shared: Arc::clone(&shared), next: 0 };
    let source = Arc::new(Mutex::new((source, 0)));
    let work = Arc::new(work);
    let jobs_max = 4 * threads as u64;
    for number in 0..threads {
        let (shared, source, work) = (Arc::clone(&shared), Arc::clone(&source), Arc::clone(&work));
        let body = move || {
            let guard = StopOnPanic(Arc::clone(&shared));
            while let Some((number, job, bytes)) = take(&shared, &source, jobs_max) {
                let result = work(job);
                shared.lock().done.insert(number, (result, bytes));
                shared.changed.notify_all();
            }
            std::mem::forget(guard);
        };
        std::thread::Builder::new().name(format!("encode-{number}")).spawn(body)?;
    }
    Ok(results)
}

/// The next job, when there is room for it; none when there are no more.
fn take<J, R>(
    shared: &Shared<R>,
    source: &Mutex<(impl Iterator<Item = (J, u64)>, u64)>,
    jobs_max: u64,
) -> Option<(u64, J, u64)> {
    let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
    let mut state = shared.lock();
    while state.jobs >= jobs_max && !state.stopped {
        state = shared.wait(state);
    }
    if state.stopped || state.total.is_some() {
        return None;
    }
    drop(state);
    let next = source.0.next();
    let mut state = shared.lock();
    let Some((job, bytes)) = next else {
        state.total = Some(source.1);
        shared.changed.notify_all();
        return None;
    };
    while state.jobs > 0 && state.bytes.saturating_add(bytes) > WINDOW_BYTES && !state.stopped {
        state = shared.wait(state);
    }
    if state.stopped {
        return None;
    }
    state.jobs += 1;
    state.bytes += bytes;
    let number = source.1;
    source.1 += 1;
    Some((number, job, bytes))
}

impl<R> Iterator for Ordered<R> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        let mut state = self.shared.lock();
        loop {
            if let Some((result, bytes)) = state.done.remove(&self.next) {
                state.jobs -= 1;
                state.bytes -= bytes;
                self.next += 1;
                self.shared.changed.notify_all();
                return Some(result);
            }
            if state.total == Some(self.next) {
                return None;
            }
            assert!(!state.stopped, "a worker panicked");
            state = self.shared.wait(state);
        }
    }
}

impl<R> Drop for Ordered<R> {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

struct StopOnPanic<R>(Arc<Shared<R>>);

impl<R> Drop for StopOnPanic<R> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_sizes() {
        for (threads, bytes) in [(1, 1), (3, 1), (4, WINDOW_BYTES), (4, u64::MAX / 1024)] {
            let results = ordered(threads, (0..500u64).map(move |job| (job, bytes)), |job| {
                if job % 7 == 0 {
                    std::thread::yield_now();
                }
                job * 2
            });
            let results: Vec<u64> = results.unwrap().collect();
            assert_eq!(results, (0..500).map(|job| job * 2).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn the_source_is_not_read_far_ahead() {
        let taken = Arc::new(Mutex::new(0));
        let count = Arc::clone(&taken);
        let source = (0..1000).inspect(move |_| *count.lock().unwrap() += 1).map(|job| (job, 1));
        let mut results = ordered(2, source, |job| job).unwrap();
        assert_eq!(results.next(), Some(0));
        drop(results);
        assert!(*taken.lock().unwrap() <= 8 + 1 + 2);
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert_eq!(ordered(2, std::iter::empty::<(u8, u64)>(), |job| job).unwrap().count(), 0);
    }
}
