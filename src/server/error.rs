//! Why a server did not start, or did not go on.
#![forbid(unsafe_code)]

use crate::limits::LimitError;
use crate::route::RouteError;
use std::fmt;
use std::io;

/// An error of [`crate::Builder`] or [`crate::Handle`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No address was given to listen on.
    NoListener,
    /// An address cannot be listened on.
    Listen {
        /// As it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A limit is out of its bounds.
    Limit(LimitError),
    /// The routing table is mistaken.
    Route(RouteError),
    /// The content cannot be opened.
    Content(io::Error),
    /// The backend that was asked for cannot be had.
    Backend(io::Error),
    /// The number of workers is out of its bounds (1 to 1024).
    Workers(usize),
    /// A worker could not be started.
    Start(io::Error),
    /// A worker ended before it was told to.
    Worker {
        /// What it said last.
        what: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoListener => f.write_str("no address to listen on was given (for example \"127.0.0.1:8080\")"),
            Error::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Error::Limit(error) => error.fmt(f),
            Error::Route(error) => error.fmt(f),
            Error::Content(error) => error.fmt(f),
            Error::Backend(error) => error.fmt(f),
            Error::Workers(workers) => write!(f, "{workers} workers were asked for; 1 to 1024 are possible"),
            Error::Start(error) => write!(f, "a worker could not be started: {error}"),
            Error::Worker { what } => write!(f, "a worker ended: {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Listen { source, .. } => Some(source),
            Error::Limit(error) => Some(error),
            Error::Route(error) => Some(error),
            Error::Content(error) | Error::Backend(error) | Error::Start(error) => Some(error),
            Error::NoListener | Error::Workers(_) | Error::Worker { .. } => None,
        }
    }
}
