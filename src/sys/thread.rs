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

/// The numbers of the processor cores that the calling thread may run on, in order. Empty where the kernel does not say
/// (more than 1024 cores).
pub(crate) fn allowed_cores() -> Vec<usize> {
    // SAFETY: a set of bits, for which zero is valid.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid for writing its own size; 0 is the calling thread.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } == -1 {
        return Vec::new();
    }
    // SAFETY: the core is below CPU_SETSIZE, the number of bits of the set.
    (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_may_run_somewhere() {
        let cores = super::allowed_cores();
        assert!(!cores.is_empty() && cores.windows(2).all(|pair| pair[0] < pair[1]), "{cores:?}");
    }
}
