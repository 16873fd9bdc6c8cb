//! What the whole process is allowed.

use super::checked;
use super::thread::processor_nanos;
use std::fs;
use std::io;

/// Raises the number of descriptors that this process may have open from its soft to its hard limit, and gives what it is
/// now.
///
/// # Errors
/// What the kernel says. The limit is then what it was.
pub(crate) fn raise_open_files_max() -> io::Result<u64> {
    let mut limit = open_files_limit()?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is valid for reading.
        checked(unsafe { libc::setrlimit64(libc::RLIMIT_NOFILE, &limit) })?;
    }
    Ok(limit.rlim_cur)
}

/// What the process uses. `None`: the system does not say (/proc is not there, or may not be read).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time of all its threads, in nanoseconds.
    pub(crate) cpu_nanos: Option<u64>,
    /// Memory that it occupies, pages of mapped files too.
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) open_files: Option<u64>,
    pub(crate) threads: Option<u64>,
}

impl Usage {
    pub(crate) fn now() -> Usage {
        let count = |path: &str| fs::read_dir(path).ok().map(|entries| entries.count() as u64);
        let statm = fs::read_to_string("/proc/self/statm").ok();
        let pages = statm.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
        Usage {
            cpu_nanos: processor_nanos(libc::CLOCK_PROCESS_CPUTIME_ID),
            resident_bytes: pages.map(|pages| pages * super::file::page_bytes()),
            // Looking needs one, which is closed again.
            open_files: count("/proc/self/fd").map(|files| files.saturating_sub(1)),
            threads: count("/proc/self/task"),
        }
    }
}

/// Whether this is Android, whose filter for apps ends a process that only tries a call which it does not know.
pub(crate) fn is_android() -> bool {
    let linker = |name| std::path::Path::new(name).exists();
    std::env::var_os("ANDROID_ROOT").is_some() || linker("/system/bin/linker") || linker("/system/bin/linker64")
}

/// How many descriptors this process may have open, and how far it may raise that.
pub(crate) fn open_files_limits() -> io::Result<(u64, u64)> {
    let limit = open_files_limit()?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

fn open_files_limit() -> io::Result<libc::rlimit64> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing.
    checked(unsafe { libc::getrlimit64(libc::RLIMIT_NOFILE, &mut limit) })?;
    Ok(limit)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_uses_something() {
        let usage = super::Usage::now();
        assert!(usage.cpu_nanos.is_some_and(|nanos| nanos > 0));
        if std::path::Path::new("/proc/self/statm").exists() {
            let file = std::fs::File::open("/proc/self/statm").unwrap();
            assert!(usage.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{usage:?}");
            assert!(
                usage.open_files.is_some_and(|files| files >= 3) && usage.threads.is_some_and(|threads| threads > 0)
            );
            drop(file);
        }
    }

    #[test]
    fn the_limit_can_be_raised_to_what_is_allowed() {
        let before = super::open_files_limits().unwrap().0;
        let after = super::raise_open_files_max().unwrap();
        assert!(after >= before && after == super::open_files_limits().unwrap().0);
    }
}
