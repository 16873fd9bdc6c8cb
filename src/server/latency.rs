//! How long answers take: a histogram for each worker.
//!
//! It is the time from the turn in which a request was read, and its turn had come, to the end of the turn in which the last byte of its
//! answer was handed to the kernel. What waits in the kernel before and behind that is not in it.
//!
//! The loop reads the clock once a turn, when it begins, and once more at the end of a turn in which answers have left. So
//! those that are read, answered and sent in one turn all took as long as it did, and none of them asks for the time.
#![forbid(unsafe_code)]

use super::stats::Counter;

/// Upper ends of the buckets in nanoseconds; a last bucket has what took longer. From what answers from memory take to what
/// people give up on, about a factor of two apart.
pub(crate) const BOUNDS: [u64; 17] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];
pub(crate) const BUCKETS: usize = BOUNDS.len() + 1;

/// The histogram of one worker. Only it writes.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    counts: [Counter; BUCKETS],
    sum_nanos: Counter,
}

impl Latency {
    /// Counts answers that took this long. Only the owning worker may call this.
    pub(crate) fn record(&self, nanos: u64, answers: u32) {
        let bucket = BOUNDS.partition_point(|&bound| bound < nanos);
        // In this order, and read in the other: those that are counted are in the sum.
        self.sum_nanos.add(nanos.saturating_mul(u64::from(answers)));
        self.counts[bucket].publish(u64::from(answers));
    }
}

/// What all workers together have recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LatencyTotal {
    /// One for each bucket, not added up.
    pub(crate) counts: [u64; BUCKETS],
    pub(crate) sum_nanos: u64,
}

impl LatencyTotal {
    pub(crate) fn add(&mut self, worker: &Latency) {
        self.counts.iter_mut().zip(&worker.counts).for_each(|(sum, count)| *sum += count.read());
        self.sum_nanos = self.sum_nanos.wrapping_add(worker.sum_nanos.read());
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The answers whose last byte has left in this turn.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Read in this turn.
    at_once: u32,
    /// Read earlier: when, and how many. Empty most of the time; its memory stays.
    later: Vec<(u64, u32)>,
}

impl Left {
    /// `since`: when they were read; `now`: when this turn began.
    pub(crate) fn note(&mut self, since: u64, answers: u32, now: u64) {
        if since >= now {
            self.at_once += answers;
        } else if answers > 0 {
            self.later.push((since, answers));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at_once == 0 && self.later.is_empty()
    }

    /// The turn that began at `now` ends.
    pub(crate) fn record(&mut self, latency: &Latency, now: u64, end: u64) {
        if self.at_once > 0 {
            latency.record(end.saturating_sub(now), std::mem::take(&mut self.at_once));
        }
        for (since, answers) in self.later.drain(..) {
            latency.record(end.saturating_sub(since), answers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(latency: &Latency) -> LatencyTotal {
        let mut total = LatencyTotal::default();
        total.add(latency);
        total
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let latency = Latency::default();
        for (place, bound) in BOUNDS.into_iter().enumerate() {
            latency.record(bound, 1);
            latency.record(bound + 1, 2);
            let counts = total(&latency).counts;
            assert_eq!((counts[place], counts[place + 1]), (1 + 2 * u64::from(place > 0), 2), "{bound}");
        }
        assert_eq!(total(&latency).count(), 3 * BOUNDS.len() as u64);
        latency.record(0, 1);
        latency.record(u64::MAX, 1);
        let counts = total(&latency).counts;
        assert_eq!((counts[0], counts[BUCKETS - 1]), (2, 3));
        assert!(BOUNDS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn those_of_a_turn_took_as_long_as_it_did() {
        let (latency, mut left) = (Latency::default(), Left::default());
        assert!(left.is_empty());
        left.note(1_000, 3, 1_000);
        left.note(1_000, 2, 1_000);
        left.note(400, 1, 1_000);
        left.note(10, 0, 1_000);
        assert!(!left.is_empty());
        left.record(&latency, 1_000, 1_500);
        assert!(left.is_empty());
        assert_eq!((total(&latency).count(), total(&latency).sum_nanos), (6, 5 * 500 + 1_100));
    }
}
