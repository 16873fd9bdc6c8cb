//! What a server tells its operator: rare things, one line each.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

/// Something an operator wants to know. `Display` is one line with the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Content is damaged, cut short or unreadable; its requests are answered 500.
    ContentFailed {
        /// What and where.
        what: String,
    },
    /// A file was found shorter than when it was opened, while it was sent; the connection was reset.
    FileTruncated,
    /// A handler panicked; its request was answered 500.
    HandlerPanicked {
        /// The path that was asked for.
        path: String,
    },
    /// Accepting failed for want of descriptors or memory; it goes on in a moment.
    AcceptFailed {
        /// Where: the number of the listener, in the order in which they were given, from 0.
        listener: u32,
        /// What the system said.
        why: String,
    },
    /// A worker has taken up new content.
    Swapped {
        /// The number of the content.
        generation: u64,
    },
    /// More happened in this second than is worth a line each.
    Suppressed {
        /// Events left out.
        count: u64,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::ContentFailed { what } => {
                write!(f, "{what}; its requests are answered 500 (check the pack with `badger verify`)")
            }
            Event::FileTruncated => f.write_str(
                "a file became shorter while it was sent, so the connection was reset \
                 (replace content by renaming a new file over the old one)",
            ),
            Event::HandlerPanicked { path } => write!(f, "the handler of {path:?} panicked; it was answered 500"),
            Event::AcceptFailed { listener, why } => {
                write!(
                    f,
                    "listener {listener} cannot accept connections: {why} (is the limit on open files, `ulimit -n`, too low?)"
                )
            }
            Event::Swapped { generation } => write!(f, "serving content generation {generation}"),
            Event::Suppressed { count } => write!(f, "{count} more messages in this second"),
        }
    }
}

/// Who is told.
pub(crate) type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Lines a worker may write in one second: an operator reads the first, and a flood would stall the loop.
const EVENTS_PER_SECOND_MAX: u64 = 10;

/// Tells, but not more often than somebody can read.
pub(crate) struct Reporter {
    listener: Listener,
    second: u64,
    told: u64,
}

impl Reporter {
    pub(crate) fn new(listener: Listener) -> Reporter {
        Reporter { listener, second: 0, told: 0 }
    }

    pub(crate) fn tell(&mut self, unix_seconds: u64, event: &Event) {
        if unix_seconds != self.second {
            let count = self.told.saturating_sub(EVENTS_PER_SECOND_MAX);
            if count > 0 {
                (self.listener)(&Event::Suppressed { count });
            }
            self.second = unix_seconds;
            self.told = 0;
        }
        self.told += 1;
        if self.told <= EVENTS_PER_SECOND_MAX {
            (self.listener)(event);
        }
    }
}
