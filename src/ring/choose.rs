//! Which backend runs, and why.
#![forbid(unsafe_code)]

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
}

impl Backend {
    /// Chooses what runs.
    ///
    /// # Errors
    /// `Unsupported` when a backend was asked for by name and cannot be had.
    pub(crate) fn choose(self) -> io::Result<Chosen> {
        match self {
            Backend::Auto => Ok(Chosen { backend: Available::Epoll, reason: "this build has no other" }),
            Backend::Epoll => Ok(Chosen { backend: Available::Epoll, reason: "asked for" }),
            Backend::IoUring => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "this build has no io_uring backend; use auto or epoll"))
            }
        }
    }
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
        let error = Backend::IoUring.choose().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("no io_uring backend"));
    }
}
