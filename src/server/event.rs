//! What a server tells its operator: rare things, one line each.
#![forbid(unsafe_code)]

use super::cores::{CoreChoice, named};
use crossbeam_channel::{Sender, bounded};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// A worker ended before it was told to; [`crate::Handle::wait`] ends the others in order.
    WorkerFailed {
        /// What it said last.
        what: String,
    },
    /// A worker could not be bound to its cores; it serves from whichever it is given.
    PinFailed {
        /// The number of the worker, from 0.
        worker: usize,
        /// The cores: one when it was to be pinned. None: the system does not say which there are.
        cores: Vec<usize>,
        /// What the system said.
        why: String,
    },
    /// The cores that the workers were to run on are not all there; see [`crate::Builder::cores`].
    CoresMissing {
        /// What was asked for.
        wanted: CoreChoice,
        /// Those that they run on; none where the system does not say which there are.
        cores: Vec<usize>,
        /// What there is not.
        why: String,
    },
    /// A worker has taken up new content.
    Swapped {
        /// The number of the content.
        generation: u64,
    },
    /// The hook of the access log panicked; it is given the next records all the same.
    AccessHookPanicked {
        /// How many records it was given.
        records: u64,
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
            Event::WorkerFailed { what } => write!(f, "a worker failed: {what}"),
            Event::PinFailed { worker, cores, why } => {
                write!(f, "worker {worker} cannot be bound to ")?;
                match &cores[..] {
                    [] => write!(f, "a core: {why}"),
                    cores => write!(f, "{}: {why} (taken from this process since it started?)", named(cores)),
                }
            }
            Event::CoresMissing { wanted, cores, why } => {
                write!(f, "workers were to run on {}: {why}; ", wanted.cores())?;
                match &cores[..] {
                    [] => f.write_str("they run wherever the kernel puts them"),
                    cores => write!(f, "they run on {} (`badger probe` shows what there is)", named(cores)),
                }
            }
            Event::Swapped { generation } => write!(f, "serving content generation {generation}"),
            Event::AccessHookPanicked { records } => {
                write!(f, "the hook of the access log panicked over {records} records; it is given the next ones")
            }
            Event::Suppressed { count } => write!(f, "{count} more messages in this second"),
        }
    }
}

/// Who is told.
pub(crate) type Listener = Box<dyn Fn(&Event) + Send>;

/// Events that may wait for the listener. More are counted and left out: a listener that blocks (a terminal that is
/// stopped, a pipe that nobody reads) must not stop the loop.
const WAITING_EVENTS_MAX: usize = 256;
/// Events of a worker in one second: an operator reads the first.
const EVENTS_PER_SECOND_MAX: u64 = 10;

/// Starts the thread that tells the listener, and gives the way to it. The thread ends when all reporters are gone.
pub(crate) fn start(listener: Listener) -> io::Result<Sender<Event>> {
    let (sender, events) = bounded::<Event>(WAITING_EVENTS_MAX);
    std::thread::Builder::new().name("badger-events".to_owned()).spawn(move || {
        for event in events {
            // A listener that panics misses one event.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(&event)));
        }
    })?;
    Ok(sender)
}

/// Tells, but not more often than somebody can read, and without waiting.
pub(crate) struct Reporter {
    events: Sender<Event>,
    second: u64,
    told: u64,
    suppressed: u64,
}

impl Reporter {
    pub(crate) fn new(events: Sender<Event>) -> Reporter {
        Reporter { events, second: 0, told: 0, suppressed: 0 }
    }

    pub(crate) fn tell(&mut self, unix_seconds: u64, event: Event) {
        if unix_seconds != self.second {
            if self.suppressed > 0 && self.events.try_send(Event::Suppressed { count: self.suppressed }).is_ok() {
                self.suppressed = 0;
            }
            self.second = unix_seconds;
            self.told = 0;
        }
        self.told += 1;
        if self.told > EVENTS_PER_SECOND_MAX || self.events.try_send(event).is_err() {
            self.suppressed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_a_full_queue_does_not_block() {
        let (sender, events) = bounded(12);
        let mut reporter = Reporter::new(sender);
        for _ in 0..30 {
            reporter.tell(1, Event::FileTruncated);
        }
        assert_eq!(events.len(), 10);
        for second in 2..8 {
            reporter.tell(second, Event::FileTruncated);
        }
        assert_eq!(events.iter().take(12).filter(|event| *event == Event::Suppressed { count: 20 }).count(), 1);
        reporter.tell(8, Event::FileTruncated);
        assert_eq!(events.try_recv(), Ok(Event::Suppressed { count: 5 }), "what met a full queue");
    }

    #[test]
    fn a_listener_that_panics_hears_the_next_event() {
        let (heard, hears) = bounded(4);
        let events = start(Box::new(move |event| {
            assert_ne!(*event, Event::FileTruncated);
            heard.send(event.clone()).unwrap();
        }))
        .unwrap();
        events.send(Event::FileTruncated).unwrap();
        events.send(Event::Swapped { generation: 2 }).unwrap();
        assert_eq!(hears.recv(), Ok(Event::Swapped { generation: 2 }));
    }
}
