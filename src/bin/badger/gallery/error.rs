//! What can go wrong on the way from JSON lines to a pack.

use badgerserver::pack::WriteError;
use std::fmt;

/// Why there is no pack.
#[derive(Debug)]
pub(crate) enum GalleryError {
    /// Something about the input or an option.
    Input {
        /// Where and what: `titles.ndjson:12: field "year": expected ..., found ...`.
        what: String,
        /// What the person can do.
        remedy: String,
    },
    /// The pack could not be written; it is about no single line.
    Write(WriteError),
}

impl GalleryError {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> GalleryError {
        GalleryError::Input { what: what.into(), remedy: remedy.into() }
    }

    /// Puts the place before the message.
    pub(crate) fn at(self, place: impl fmt::Display) -> GalleryError {
        match self {
            GalleryError::Input { what, remedy } => GalleryError::Input { what: format!("{place}: {what}"), remedy },
            other => other,
        }
    }
}

impl From<WriteError> for GalleryError {
    fn from(error: WriteError) -> GalleryError {
        GalleryError::Write(error)
    }
}

impl fmt::Display for GalleryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GalleryError::Input { what, remedy } => write!(f, "{what}; {remedy}"),
            GalleryError::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GalleryError {}
