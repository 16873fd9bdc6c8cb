//! The clocks: the only reader of time in the library. Everything else is told.

use std::time::SystemTime;

/// The monotonic clock in nanoseconds (its zero means nothing, and is the same for every thread), and the seconds since
/// 1970-01-01 UTC. No system call: both come from the vDSO.
pub(crate) fn now() -> (u64, u64) {
    // The standard library asks a 32-bit kernel for the 64-bit clock where it can: seconds of UTC outgrow 32 bits in 2038.
    let utc = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    (nanos(), utc)
}

/// The first of these by itself.
pub(crate) fn nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing one timespec.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    assert_eq!(status, 0, "Linux always has CLOCK_MONOTONIC");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Seconds since 1970-01-01 UTC, with their fraction: for people who look on.
pub(crate) fn unix_time() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_goes_on_and_is_of_this_century() {
        let (before, utc) = super::now();
        let (after, _) = super::now();
        assert!(after >= before);
        assert!(utc > 1_700_000_000);
    }
}
