//! Which backend runs, and why.
#![forbid(unsafe_code)]

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::sys::{
    self,
    uring::{Features, Kernel},
};
use std::fmt;
use std::io;
use std::str::FromStr;

/// Whether `auto` takes io_uring where it has everything, or epoll everywhere. This is the one line to change when the
/// benchmarks say otherwise; [`Backend::Auto`] says it in words.
const AUTO_PREFERS_IO_URING: bool = false;

/// How a server talks to the kernel.
///
/// `Auto` goes by a rule that is written down here and never by a measurement at the start, so the same machine always runs
/// the same way. The rule today: epoll, everywhere. (The other rule, which the record of the benchmarks may switch to:
/// io_uring where the kernel has all that this library uses of it, which is Linux 6.1, and where it is allowed; else
/// epoll.) A backend that is asked for by name is that one or an error. `badger probe` shows what a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// What the rule above says.
    #[default]
    Auto,
    /// Readiness: every Linux and Android.
    Epoll,
    /// Completions through shared rings: Linux 5.13 and newer, where it is allowed. What is missing before 6.1 is left out,
    /// and costs speed only.
    IoUring,
}

/// A choice that was made, and its reason for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) backend: Available,
    pub(crate) reason: String,
}

/// A backend of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Available {
    Epoll,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    IoUring,
}

impl Available {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Available::Epoll => "epoll",
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Available::IoUring => "io_uring",
        }
    }
}

/// One of the things that io_uring has in some kernels only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    /// The Linux that brought it.
    pub(crate) since: &'static str,
    pub(crate) is_there: bool,
    /// What is done without it.
    pub(crate) instead: &'static str,
}

impl Backend {
    /// Whether this backend can be had on this machine, now.
    ///
    /// # Errors
    /// Why not: the system forbids it, does not know it, or has no memory for it.
    pub fn check(self) -> io::Result<()> {
        self.choose().map(drop)
    }

    /// Chooses what runs.
    ///
    /// # Errors
    /// Why a backend that was asked for by name cannot be had.
    pub(crate) fn choose(self) -> io::Result<Chosen> {
        match self {
            Backend::Auto => Ok(automatic(AUTO_PREFERS_IO_URING, try_uring)),
            Backend::Epoll => Ok(asked_for(Available::Epoll)),
            Backend::IoUring => try_uring().map(|(backend, _)| asked_for(backend)),
        }
    }
}

fn asked_for(backend: Available) -> Chosen {
    Chosen { backend, reason: "it was asked for".to_owned() }
}

/// The rule of `auto`, for either preference.
fn automatic(prefers_uring: bool, try_uring: impl FnOnce() -> io::Result<(Available, Vec<Feature>)>) -> Chosen {
    let epoll = |reason: String| Chosen { backend: Available::Epoll, reason };
    if !prefers_uring {
        return epoll("auto takes epoll on every machine".to_owned());
    }
    match try_uring() {
        Err(why) => epoll(format!("auto takes io_uring where it can be had; {why}")),
        Ok((backend, features)) => match features.iter().find(|feature| !feature.is_there) {
            Some(Feature { name, since, .. }) => {
                epoll(format!("auto takes io_uring where it has everything; this kernel has no {name} (Linux {since})"))
            }
            None => Chosen { backend, reason: "auto takes io_uring where it has everything".to_owned() },
        },
    }
}

/// Makes a ring, looks at what it has, and throws it away.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) fn try_uring() -> io::Result<(Available, Vec<Feature>)> {
    // Android's filter for apps ends a process that only tries.
    if crate::sys::process::is_android() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Android forbids io_uring; use auto or epoll"));
    }
    // In a thread of its own: the kernel interrupts the calls of a thread that had a ring.
    let tried = std::thread::Builder::new().name("badger-probe".to_owned()).spawn(|| {
        let mut kernel = Kernel::new(Features::ALL)?;
        let receive_again = kernel.knows_receive_again()?;
        Ok(Features { receive_again, ..kernel.features() })
    });
    let outcome = tried.and_then(|thread| thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())));
    match outcome {
        Ok(features) => Ok((Available::IoUring, list(features))),
        Err(error) => {
            let why = match error.raw_os_error() {
                Some(sys::errno::ENOSYS) => "this kernel has no io_uring (Linux 5.13 has what is needed)",
                Some(sys::errno::EINVAL) => "this kernel's io_uring is too old (Linux 5.13 has what is needed)",
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

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn list(has: Features) -> Vec<Feature> {
    let feature = |name, since, is_there, instead| Feature { name, since, is_there, instead };
    vec![
        feature("SINGLE_ISSUER", "6.0", has.single_issuer, "the kernel takes a lock for each submission"),
        feature("DEFER_TASKRUN", "6.1", has.deferred_work, "COOP_TASKRUN: work is done at the next system call"),
        // What defers work interrupts nobody either, and does not combine with this one.
        feature(
            "COOP_TASKRUN",
            "5.19",
            has.cooperative_work || has.deferred_work,
            "the kernel interrupts the worker for each completion",
        ),
        feature("RECV_MULTISHOT", "6.0", has.receive_again, "each receive is asked for by itself"),
        feature("PBUF_RING", "5.19", has.buffer_ring, "a poll, then a plain receive"),
    ]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn try_uring() -> io::Result<(Available, Vec<Feature>)> {
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
        assert!(Backend::Auto.choose().is_ok());
        assert_eq!(Backend::Epoll.choose().unwrap().backend, Available::Epoll);
        match Backend::IoUring.choose() {
            Ok(chosen) => assert_ne!(chosen.backend, Available::Epoll),
            Err(error) => assert!(error.to_string().contains("use auto or epoll"), "{error}"),
        }
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn either_rule_of_auto_says_why() {
        let new = || Ok((Available::IoUring, list(Features::ALL)));
        let old = || Ok((Available::IoUring, list(Features { deferred_work: false, ..Features::ALL })));
        let none = || Err(io::Error::other("it is forbidden"));
        let chosen = automatic(false, || unreachable!("nobody tries what is not wanted"));
        assert_eq!((chosen.backend, &*chosen.reason), (Available::Epoll, "auto takes epoll on every machine"));
        let chosen = automatic(true, new);
        assert_eq!((chosen.backend, chosen.reason.contains("everything")), (Available::IoUring, true));
        let chosen = automatic(true, old);
        assert_eq!((chosen.backend, chosen.reason.contains("DEFER_TASKRUN (Linux 6.1)")), (Available::Epoll, true));
        let chosen = automatic(true, none);
        assert_eq!((chosen.backend, chosen.reason.contains("it is forbidden")), (Available::Epoll, true));
    }

    #[test]
    fn what_auto_takes_is_what_its_rule_says() {
        let expected = automatic(AUTO_PREFERS_IO_URING, try_uring).backend;
        assert_eq!(Backend::Auto.choose().unwrap().backend, expected);
    }
}
