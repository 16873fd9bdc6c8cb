//! What went wrong, and what to do about it.

use crate::gallery::GalleryError;
use badgerserver::OpenError;
use badgerserver::pack::WriteError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Why something is not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was told to stop; what is finished is kept.
    Stopped,
    Broken {
        what: String,
        remedy: String,
    },
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Failure {
        Failure::Broken { what: what.into(), remedy: remedy.into() }
    }

    /// An error of the system about a path that is written to.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Failure {
        let remedy = match error.kind() {
            ErrorKind::StorageFull => "make room there (the demo needs 500 MB), or name a folder elsewhere with --data",
            ErrorKind::PermissionDenied => "name a folder with --data in which this user may write",
            _ => "look at the folder, or name another one with --data",
        };
        Failure::new(format!("{}: {error}", path.display()), remedy)
    }

    pub(crate) fn write(path: &Path, error: WriteError) -> Failure {
        match error {
            WriteError::Io(error) => Failure::io(path, &error),
            error => Failure::new(format!("{}: {error}", path.display()), "remove that folder and start again"),
        }
    }

    pub(crate) fn gallery(path: &Path, error: GalleryError) -> Failure {
        match error {
            GalleryError::Input { what, remedy } => Failure::new(what, remedy),
            GalleryError::Write(error) => Failure::write(path, error),
        }
    }

    pub(crate) fn open(error: OpenError) -> Failure {
        Failure::new(error.to_string(), "remove that file and start again: it is made anew")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Stopped => f.write_str("stopped; the next start goes on from here"),
            Failure::Broken { what, remedy } => write!(f, "error: {what}\n help: {remedy}"),
        }
    }
}
