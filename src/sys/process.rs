//! What the whole process is allowed.

use super::checked;
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
    fn the_limit_can_be_raised_to_what_is_allowed() {
        let before = super::open_files_limits().unwrap().0;
        let after = super::raise_open_files_max().unwrap();
        assert!(after >= before && after == super::open_files_limits().unwrap().0);
    }
}
