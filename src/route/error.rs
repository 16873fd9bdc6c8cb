//! What a builder can get wrong, found before anything is served. Pure.
#![forbid(unsafe_code)]

use super::ROUTES_MAX;
use super::pattern::PatternError;
use crate::http::method::Method;

/// The first mistake in a [`super::Router`]. Its text names the pattern or the prefix and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// The pattern of a handler.
    Pattern {
        /// As it was given.
        pattern: String,
        /// The rule that it breaks.
        error: PatternError,
    },
    /// The prefix of a mount.
    Prefix {
        /// As it was given.
        prefix: String,
        /// The rule that it breaks.
        error: PatternError,
    },
    /// Two handlers for one method whose patterns match the same paths.
    Twice {
        /// The method of both.
        method: Method,
        /// The pattern that was there.
        first: String,
        /// The pattern that came later.
        second: String,
    },
    /// A handler for a method that never reaches one.
    Method {
        /// The pattern it was given for.
        pattern: String,
        /// The method.
        method: Method,
    },
    /// A header of a mount.
    Header {
        /// The prefix of the mount.
        prefix: String,
        /// The name of the header.
        name: String,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// A value of a mount's [`super::Cors`].
    Cors {
        /// The prefix of the mount.
        prefix: String,
        /// As it was given.
        value: String,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// Where a redirect leads to, or its status.
    Redirect {
        /// The pattern that it leads away from.
        pattern: String,
        /// As it was given.
        location: String,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// A key or a path of a mount's [`super::Mount::fallback`], [`super::Mount::gather`] or [`super::Mount::not_found`].
    Key {
        /// The prefix of the mount.
        prefix: String,
        /// As it was given.
        key: String,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// More handlers and mounts than [`ROUTES_MAX`].
    TooMany {
        /// The pattern or prefix that was one too many.
        pattern: String,
    },
}

impl std::fmt::Display for RouteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RouteError::Pattern { pattern, error } => write!(f, "pattern {pattern:?}: {error}"),
            RouteError::Prefix { prefix, error } => write!(f, "prefix {prefix:?}: {error}"),
            RouteError::Twice { method, first, second } => {
                let method = method.as_str();
                write!(f, "{method} {second:?} matches the same paths as {method} {first:?}; leave one of them out")
            }
            RouteError::Method { pattern, method } => {
                let method = method.as_str();
                write!(f, "{method} {pattern:?}: the server answers this method itself; leave the handler out")
            }
            RouteError::Key { prefix, key, what } => write!(f, "{key:?} of the mount at {prefix:?}: {what}"),
            RouteError::Cors { prefix, value, what } => write!(f, "cors {value:?} of the mount at {prefix:?}: {what}"),
            RouteError::Redirect { pattern, location, what } => {
                write!(f, "redirect from {pattern:?} to {location:?}: {what}")
            }
            RouteError::Header { prefix, name, what } => {
                write!(f, "header {name:?} of the mount at {prefix:?}: {what}")
            }
            RouteError::TooMany { pattern } => write!(
                f,
                "{pattern:?} is one more than the {ROUTES_MAX} handlers and mounts that a router may have; \
                 join some with {{name}} or {{*rest}}"
            ),
        }
    }
}

impl std::error::Error for RouteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RouteError::Pattern { error, .. } | RouteError::Prefix { error, .. } => Some(error),
            RouteError::Twice { .. }
            | RouteError::Method { .. }
            | RouteError::Header { .. }
            | RouteError::Cors { .. }
            | RouteError::Redirect { .. }
            | RouteError::Key { .. }
            | RouteError::TooMany { .. } => None,
        }
    }
}
