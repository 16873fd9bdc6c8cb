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

/// Keeps the calling thread on one core, a number of [`allowed_cores`].
///
/// # Errors
/// `InvalidInput` when there is no such core or it is not allowed.
pub(crate) fn pin_to_core(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: a set of bits, for which zero is valid.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the core is below CPU_SETSIZE, the number of bits of the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is valid for reading its own size; 0 is the calling thread.
    checked(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_be_pinned_to_each_core_it_may_use() {
        // On a thread of its own: affinity stays behind.
        let pinned = std::thread::spawn(|| {
            let cores = allowed_cores();
            assert!(!cores.is_empty());
            for &core in &cores {
                pin_to_core(core).unwrap();
                assert_eq!(allowed_cores(), [core]);
            }
            assert!(pin_to_core(usize::MAX).is_err());
        });
        pinned.join().unwrap();
    }
}
