//! What went wrong, and what to do about it.

use badgerserver::OpenError;
use badgerserver::pack::PackError;
use std::fmt;

/// An error that ends the program with exit code 1.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    remedy: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Failure {
        Failure { what: what.into(), remedy: None }
    }

    /// What the person can do; one line.
    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Failure {
        Failure { remedy: Some(remedy.into()), ..self }
    }

    /// The same with its message in a place of a file.
    pub(crate) fn under(self, place: impl FnOnce(&str) -> Failure) -> Failure {
        Failure { remedy: self.remedy, ..place(&self.what) }
    }

    /// Several that are told together; there is at least one.
    pub(crate) fn joined(failures: Vec<Failure>) -> Failure {
        let mut failures = failures.into_iter();
        let first = failures.next().unwrap_or_else(|| Failure::new("something failed"));
        failures.fold(first, |before, next| {
            let help = before.remedy.map_or_else(String::new, |remedy| format!("\n help: {remedy}"));
            Failure { what: format!("{}{help}\nerror: {}", before.what, next.what), remedy: next.remedy }
        })
    }

    /// Puts the place before the message: `in.ndjson:17: ...`.
    pub(crate) fn at(self, place: impl fmt::Display) -> Failure {
        Failure { what: format!("{place}: {}", self.what), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n help: {remedy}"),
            None => Ok(()),
        }
    }
}

/// An error of the system, with the path that it is about.
pub(crate) fn io_failure(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

/// The remedies for a file that cannot be opened or is no pack. The other errors say theirs.
pub(crate) fn open_failure<T>(opened: Result<T, OpenError>) -> Result<T, Failure> {
    opened.map_err(|error| {
        let failure = Failure::new(error.to_string());
        match error {
            OpenError::Pack { source: PackError::NotAPack { .. }, .. } => {
                failure.remedy("`badger pack files` and `badger pack records` make packs")
            }
            OpenError::File { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => {
                    failure.remedy("look at how the path is written, and at the folder that it starts in")
                }
                std::io::ErrorKind::PermissionDenied => {
                    failure.remedy("the file must be readable for the user who runs badger")
                }
                _ => failure.remedy("name a pack; `badger pack files` and `badger pack records` make packs"),
            },
            _ => failure,
        }
    })
}
