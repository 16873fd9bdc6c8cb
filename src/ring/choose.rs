//! Which backend runs, and why.
#![forbid(unsafe_code)]

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::sys;
use std::fmt;
use std::io;
use std::str::FromStr;

/// How a server talks to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The best one that works here.
    #[default]
    Auto,
    /// Readiness: every Linux and Android.
    Epoll,
    /// Completions through shared rings: Linux where it is allowed.
    IoUring,
}

/// A choice that was made, and its reason for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) backend: Available,
    pub(crate) reason: &'static str,
}

/// A backend of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Available {
    Epoll,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    IoUring,
}

impl Backend {
    /// Whether this backend can be had on this machine, now.
    ///
    /// # Errors
    /// Why not: the system forbids it, does not know it, or has no memory for it.
    pub fn check(self) -> io::Result<()> {
        self.choose().map(drop)
    }

    /// Chooses what runs. `Auto` takes epoll: what io_uring gains and costs is in the record of the benchmarks.
    ///
    /// # Errors
    /// Why a backend that was asked for by name cannot be had.
    pub(crate) fn choose(self) -> io::Result<Chosen> {
        match self {
            Backend::Auto => Ok(Chosen { backend: Available::Epoll, reason: "the choice for every machine" }),
            Backend::Epoll => Ok(Chosen { backend: Available::Epoll, reason: "asked for" }),
            Backend::IoUring => try_uring(),
        }
    }
}

/// Makes a ring and throws it away.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn try_uring() -> io::Result<Chosen> {
    // Android's filter for apps ends a process that only tries.
    if crate::sys::process::is_android() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Android forbids io_uring; use auto or epoll"));
    }
    // In a thread of its own: the kernel interrupts the calls of a thread that had a ring.
    let tried =
        std::thread::Builder::new().name("badger-probe".to_owned()).spawn(|| super::uring::Uring::new().map(drop));
    let outcome = tried.and_then(|thread| thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())));
    match outcome {
        Ok(()) => Ok(Chosen { backend: Available::IoUring, reason: "asked for" }),
        Err(error) => {
            let why = match error.raw_os_error() {
                Some(sys::errno::ENOSYS) => "this kernel has no io_uring (Linux 5.19 has what is needed)",
                Some(sys::errno::EINVAL) => "this kernel's io_uring is too old (Linux 5.19 has what is needed)",
                Some(sys::errno::EPERM | sys::errno::EACCES) => {
                    "io_uring is forbidden here (kernel.io_uring_disabled, or the filter of a container)"
                }
                Some(sys::errno::ENOMEM) => "no memory for io_uring's rings (ulimit -l)",
                _ => "io_uring cannot be set up",
            };
            Err(io::Error::new(error.kind(), format!("{why}: {error}; use auto or epoll")))
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn try_uring() -> io::Result<Chosen> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "there is no io_uring backend for this processor; use auto or epoll",
    ))
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Auto => "auto",
            Backend::Epoll => "epoll",
            Backend::IoUring => "io_uring",
        })
    }
}

/// A name that is no [`Backend`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBackend(String);

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown backend {:?}: use auto, epoll or io_uring", self.0)
    }
}

impl std::error::Error for UnknownBackend {}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Backend, UnknownBackend> {
        [Backend::Auto, Backend::Epoll, Backend::IoUring]
            .into_iter()
            .find(|backend| backend.to_string() == name)
            .ok_or_else(|| UnknownBackend(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for backend in [Backend::Auto, Backend::Epoll, Backend::IoUring] {
            assert_eq!(backend.to_string().parse(), Ok(backend));
        }
        let error = "kqueue".parse::<Backend>().unwrap_err();
        assert_eq!(error.to_string(), r#"unknown backend "kqueue": use auto, epoll or io_uring"#);
    }

    #[test]
    fn auto_always_gives_one_and_a_name_gives_that_or_an_error() {
        assert_eq!(Backend::Auto.choose().unwrap().backend, Available::Epoll);
        assert_eq!(Backend::Epoll.choose().unwrap().backend, Available::Epoll);
        match Backend::IoUring.choose() {
            Ok(chosen) => assert_ne!(chosen.backend, Available::Epoll),
            Err(error) => assert!(error.to_string().contains("use auto or epoll"), "{error}"),
        }
    }
}
