//! What a worker counts. Each worker owns its counters, on cache lines of its own, and is the only one that writes
//! them: a count is a load and a store. Whoever wants to see them reads and adds them up.
#![forbid(unsafe_code)]

use super::latency::Latency;
use super::routes::RouteCounts;
use crate::http::{Closed, Reached};
use std::sync::atomic::{AtomicU64, Ordering};

/// A count that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to it. Only the owning worker may call this.
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    /// Takes away from it. Only the owning worker may call this.
    pub(crate) fn sub(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(count), Ordering::Relaxed);
    }

    /// The same; whoever reads what it is now reads what was written before it, too.
    pub(crate) fn publish(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Release);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one worker.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(crate) struct WorkerStats {
            $(pub(crate) $name: Counter,)*
            /// Answers by route and status.
            pub(crate) routes: RouteCounts,
            pub(crate) latency: Latency,
            /// Nanoseconds of the turns in which answers have left.
            pub(crate) busy_nanos: Counter,
        }

        /// What a server has done since it started, all workers together. Counts only grow, but for
        /// `connections_open`.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            pub(crate) fn add(&mut self, worker: &WorkerStats) {
                $(self.$name = self.$name.wrapping_add(worker.$name.read());)*
            }

            /// Every count with its name, in the order of the fields.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    /// Connections taken up by the worker that serves them.
    connections_accepted,
    /// Connections that the worker which accepted them handed to one that had fewer.
    connections_handed_over,
    /// Connections open now.
    connections_open,
    /// Times accepting paused because `connections_max` was reached.
    connections_at_limit,
    /// Connections beyond `connections_per_address_max`: answered 503, or closed at once when many of the same address are
    /// being answered so.
    connections_turned_away,
    /// Times accepting failed for want of descriptors or memory; it was tried again.
    accept_failures,
    /// Answers begun (100 Continue is none). One that was begun, and could not be read before any of it had left, counts beside
    /// the one in its place.
    responses,
    /// Answers with a status from 200 to 299.
    responses_2xx,
    /// Answers with a status from 300 to 399.
    responses_3xx,
    /// Answers with a status from 400 to 499.
    responses_4xx,
    /// Answers with a status from 500 to 599.
    responses_5xx,
    /// Bytes handed to the kernel, heads included.
    bytes_sent,
    /// Connections closed by their client.
    closed_by_peer,
    /// Connections closed after their last answer.
    closed_finished,
    /// Connections closed after `idle_time_max`.
    closed_idle_time,
    /// Connections closed because no request began within `head_time_max`.
    closed_head_time,
    /// Connections cut because their client took fewer than `send_bytes_min` in `send_time_max`.
    closed_send_time,
    /// Connections closed because their client did not close its side within `linger_time_max`.
    closed_linger_time,
    /// Connections closed because their client sent more than `linger_bytes_max` after the last answer.
    closed_linger_bytes,
    /// Connections of a trusted proxy that were closed because they did not begin with a PROXY header of version 2.
    closed_proxy_header,
    /// Connections that broke: resets and other errors of the network.
    closed_broken,
    /// Connections that the server cut when a drain ran out of time, or when it stopped.
    closed_by_drain,
    /// Answers cut off with a reset because their file was shorter than when it was opened.
    files_truncated,
    /// Requests that met damaged or unreadable content.
    content_failures,
    /// Requests answered 414: their line was longer than `request_line_bytes_max`.
    requests_line_too_long,
    /// Requests answered 431: their head was longer than `head_bytes_max`, or had more than `head_fields_max` lines.
    requests_head_too_long,
    /// Requests whose body was longer than `body_bytes_max`: answered without reading it (413 when it was a GET or HEAD), and
    /// the connection closed.
    requests_body_too_long,
    /// Requests answered 408: their head did not come within `head_time_max`, or their body within `body_time_max`.
    requests_timed_out,
    /// Of those, the ones whose head had come and whose body had not.
    requests_body_timed_out,
    /// Tasks done off the loop: large files opened, large payloads checked, what was not in memory read.
    tasks,
    /// Tasks refused because too many were waiting.
    tasks_refused,
    /// Reads of stretches of files that were not in memory, off the loop.
    cold_reads,
    /// Bytes of those.
    cold_bytes_read,
    /// First checks of payloads that were not in memory, off the loop.
    cold_checks,
    /// Lookups whose index pages were not in memory and were read off the loop.
    cold_lookups,
    /// New content taken up.
    swaps,
    /// Times the wait of an event loop returned: something had come, a deadline was due, or it did not wait, since work was
    /// left. A server that nobody asks has none.
    wakeups,
    /// Records of answers that were dropped because the hook of the access log had not taken the ones before.
    access_lines_dropped,
}

impl WorkerStats {
    pub(crate) fn answered(&self, status: u16) {
        match status {
            0..=199 => return,
            200..=299 => self.responses_2xx.add(1),
            300..=399 => self.responses_3xx.add(1),
            400..=499 => self.responses_4xx.add(1),
            _ => self.responses_5xx.add(1),
        }
        self.responses.add(1);
    }

    pub(crate) fn reached(&self, limit: Reached) {
        match limit {
            Reached::RequestLine => self.requests_line_too_long.add(1),
            Reached::Head => self.requests_head_too_long.add(1),
            Reached::Body => self.requests_body_too_long.add(1),
            Reached::HeadTime => self.requests_timed_out.add(1),
            Reached::BodyTime => {
                self.requests_timed_out.add(1);
                self.requests_body_timed_out.add(1);
            }
        }
    }

    pub(crate) fn closed(&self, why: Closed) {
        match why {
            Closed::ByPeer => self.closed_by_peer.add(1),
            Closed::Finished => self.closed_finished.add(1),
            Closed::IdleTime => self.closed_idle_time.add(1),
            Closed::HeadTime => self.closed_head_time.add(1),
            Closed::SendTime => self.closed_send_time.add(1),
            Closed::LingerTime => self.closed_linger_time.add(1),
            Closed::LingerBytes => self.closed_linger_bytes.add(1),
            Closed::ProxyHeader => self.closed_proxy_header.add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// 128: processors fetch lines of 64 bytes in pairs, and some have lines of 128.
    const LINE_BYTES: usize = 128;

    #[test]
    fn no_two_workers_share_a_cache_line() {
        let workers: Vec<Arc<WorkerStats>> = (0..16).map(|_| Arc::default()).collect();
        let mut lines: Vec<(usize, usize)> = workers
            .iter()
            .map(|stats| {
                let start = Arc::as_ptr(stats).addr();
                (start / LINE_BYTES, (start + size_of::<WorkerStats>() - 1) / LINE_BYTES)
            })
            .collect();
        lines.sort_unstable();
        assert!(lines.windows(2).all(|pair| pair[0].1 < pair[1].0), "{lines:?}");
        // The counts of the Arc itself, which others touch when they start or stop, are on another line too.
        assert!(workers.iter().all(|stats| Arc::as_ptr(stats).addr() % LINE_BYTES == 0));
    }

    #[test]
    fn counts_go_up_and_down() {
        let stats = WorkerStats::default();
        stats.connections_open.add(3);
        stats.connections_open.sub(1);
        let mut sum = Stats::default();
        sum.add(&stats);
        sum.add(&stats);
        assert_eq!(sum.connections_open, 4);
    }
}
