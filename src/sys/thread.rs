//! What a worker's thread asks for itself.

use super::checked;
use std::io;

/// Blocks SIGPIPE in the calling thread, so that `sendfile` to a closed connection answers EPIPE and does not kill the
/// process. Threads started from this one inherit it.
pub(crate) fn block_broken_pipe_signal() -> io::Result<()> {
    // SAFETY: a set of bits, for which zero is valid.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid for writing.
    checked(unsafe { libc::sigemptyset(&mut set) })?;
    // SAFETY: `set` is valid for reading and writing and was initialised.
    checked(unsafe { libc::sigaddset(&mut set, libc::SIGPIPE) })?;
    // SAFETY: `set` is valid for reading; a null old set is not written.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) } {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

/// The clock of the processor time that one thread of this process has used; any thread may read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadClock(libc::clockid_t);

impl ThreadClock {
    /// That of the calling thread. `None`: the system has none.
    pub(crate) fn of_this() -> Option<ThreadClock> {
        let mut clock = 0;
        // SAFETY: takes nothing.
        let thread = unsafe { libc::pthread_self() };
        // SAFETY: the calling thread is there, and `clock` is valid for writing.
        let status = unsafe { libc::pthread_getcpuclockid(thread, &mut clock) };
        (status == 0).then_some(ThreadClock(clock))
    }

    /// Nanoseconds. `None`: the thread has ended.
    pub(crate) fn nanos(self) -> Option<u64> {
        processor_nanos(self.0)
    }
}

/// What a clock of processor time says.
pub(super) fn processor_nanos(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing one timespec; a clock that is not there is an error.
    let status = unsafe { libc::clock_gettime(clock, &mut time) };
    (status == 0).then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Words of a set of cores, at first and at most: 1024 cores, as the C library has it, and far more than any machine's.
const CORE_WORDS: usize = 1024 / WORD_BITS;
const CORE_WORDS_MAX: usize = 64 * CORE_WORDS;
const WORD_BITS: usize = libc::c_ulong::BITS as usize;

/// The numbers of the processor cores that the calling thread may run on, in order. Empty where the kernel does not say.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let mut set = vec![0 as libc::c_ulong; CORE_WORDS];
    loop {
        // SAFETY: `set` is valid for writing its own size; 0 is the calling thread. The kernel takes a set of any size.
        match checked(unsafe { libc::sched_getaffinity(0, size_of_val(&set[..]), set.as_mut_ptr().cast()) }) {
            Ok(_) => break,
            // The kernel counts with more cores than there is room for.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && set.len() < CORE_WORDS_MAX => {
                set.resize(set.len() * 4, 0);
            }
            Err(_) => return Vec::new(),
        }
    }
    (0..set.len() * WORD_BITS).filter(|core| set[core / WORD_BITS] >> (core % WORD_BITS) & 1 == 1).collect()
}

/// Most that the number of a core can be.
pub(crate) const CORE_NUMBER_MAX: usize = CORE_WORDS_MAX * WORD_BITS - 1;

/// Has the calling thread run on these cores only.
///
/// # Errors
/// What the kernel says: none of them is there and allowed.
pub(crate) fn run_on(cores: &[usize]) -> io::Result<()> {
    let last = cores.iter().copied().max().unwrap_or(0);
    let mut set = vec![0 as libc::c_ulong; (last / WORD_BITS + 1).max(CORE_WORDS)];
    for core in cores {
        set[core / WORD_BITS] |= 1 << (core % WORD_BITS);
    }
    // SAFETY: `set` is valid for reading its own size; 0 is the calling thread.
    checked(unsafe { libc::sched_setaffinity(0, size_of_val(&set[..]), set.as_ptr().cast()) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ThreadClock, allowed_cores, run_on};

    #[test]
    fn a_thread_is_seen_working_from_another() {
        let clock = ThreadClock::of_this().unwrap();
        let before = clock.nanos().unwrap();
        // Its own processor time is what ends it, however slow the machine.
        while clock.nanos().unwrap() < before + 1_000_000 {}
        let seen = std::thread::spawn(move || clock.nanos()).join().unwrap();
        assert!(seen.unwrap() >= before + 1_000_000);
    }

    #[test]
    fn a_thread_may_run_somewhere() {
        let cores = allowed_cores();
        assert!(!cores.is_empty() && cores.windows(2).all(|pair| pair[0] < pair[1]), "{cores:?}");
    }

    #[test]
    fn a_thread_runs_on_the_cores_it_is_given_and_one_that_is_not_there_is_an_error() {
        let cores = allowed_cores();
        let last = *cores.last().unwrap();
        // In a thread of its own: the others stay as they are.
        std::thread::spawn(move || {
            run_on(&allowed_cores()).unwrap();
            // What is not there is left out by the kernel, beside one that is.
            run_on(&[last, 60_000]).unwrap();
            assert_eq!(allowed_cores(), [last]);
            assert!(run_on(&[60_000]).is_err());
            assert!(run_on(&[]).is_err());
            assert_eq!(allowed_cores(), [last]);
        })
        .join()
        .unwrap();
        assert_eq!(allowed_cores(), cores);
    }
}
