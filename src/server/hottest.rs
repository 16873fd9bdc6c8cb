//! The paths that are asked for most, from a sample: the algorithm "space-saving" (Metwally, Agrawal, El Abbadi, 2005).
//!
//! There is a bounded number of counters. A path that has none takes over the smallest, and its count with it: so a counter is
//! never too low. What it took over is kept beside it, so that what is told is never too high. Whatever is asked for more often than
//! one in as many as there are counters is among them.
#![forbid(unsafe_code)]

/// Counters. Ten of them are shown; the others keep the error of those small.
const PATHS_MAX: usize = 64;
/// Bytes of a path that are kept; longer ones that begin alike count as one.
const PATH_BYTES_MAX: usize = 128;
/// One request in so many is looked at, on average.
const SAMPLE_MEAN: u64 = 64;
/// After so many samples all counts are halved: what was asked for long ago counts little.
const SAMPLES_MAX: u64 = 8192;

#[derive(Clone, Copy, Debug)]
struct Entry {
    count: u64,
    /// How much of it was taken over.
    over: u64,
    len: u8,
    path: [u8; PATH_BYTES_MAX],
}

/// The sample of one worker.
#[derive(Debug)]
pub(crate) struct Hottest {
    /// Requests to let pass.
    left: u32,
    state: u64,
    samples: u64,
    entries: Vec<Entry>,
}

impl Default for Hottest {
    fn default() -> Hottest {
        Hottest { left: 1, state: 0x9e37_79b9_7f4a_7c15, samples: 0, entries: Vec::with_capacity(PATHS_MAX) }
    }
}

/// A path and how many of the samples were of it, at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HotPath {
    pub(crate) path: String,
    pub(crate) count: u64,
}

impl Hottest {
    /// Looks at a request, or lets it pass.
    pub(crate) fn see(&mut self, path: &str) {
        self.left -= 1;
        if self.left == 0 {
            // A fixed step would see always the same of those that come in turns (xorshift, Marsaglia 2003).
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            self.left = 1 + (self.state % (2 * SAMPLE_MEAN - 1)) as u32;
            self.sample(path.as_bytes());
        }
    }

    fn sample(&mut self, path: &[u8]) {
        let path = &path[..path.len().min(PATH_BYTES_MAX)];
        self.samples += 1;
        if self.samples > SAMPLES_MAX {
            self.samples /= 2;
            self.entries.iter_mut().for_each(|entry| {
                entry.count /= 2;
                entry.over /= 2;
            });
        }
        let is_it = |entry: &&mut Entry| &entry.path[..usize::from(entry.len)] == path;
        if let Some(entry) = self.entries.iter_mut().find(is_it) {
            entry.count += 1;
            return;
        }
        let mut entry = Entry { count: 1, over: 0, len: path.len() as u8, path: [0; PATH_BYTES_MAX] };
        entry.path[..path.len()].copy_from_slice(path);
        if self.entries.len() < PATHS_MAX {
            return self.entries.push(entry);
        }
        if let Some(smallest) = self.entries.iter_mut().min_by_key(|entry| entry.count) {
            entry.count += smallest.count;
            entry.over = smallest.count;
            *smallest = entry;
        }
    }

    /// The paths, and how many samples there were. Of a path that was cut in the middle of a letter, what is left of that is
    /// replaced.
    pub(crate) fn paths(&self) -> (Vec<HotPath>, u64) {
        let paths = self.entries.iter().map(|entry| HotPath {
            path: String::from_utf8_lossy(&entry.path[..usize::from(entry.len)]).into_owned(),
            count: entry.count - entry.over,
        });
        (paths.collect(), self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_often_is_found_among_what_is_not() {
        let mut hottest = Hottest::default();
        for number in 0..400_000_u64 {
            // Every fourth, in step with any power of two.
            match number % 8 {
                0 | 4 => hottest.see("/hot"),
                2 => hottest.see("/warm"),
                _ => hottest.see(&format!("/cold/{number}")),
            }
        }
        let (mut paths, samples) = hottest.paths();
        paths.sort_by_key(|path| std::cmp::Reverse(path.count));
        assert_eq!((&paths[0].path[..], &paths[1].path[..]), ("/hot", "/warm"));
        let share = |place: usize| paths[place].count as f64 / samples as f64;
        assert!((0.22..0.28).contains(&share(0)) && (0.10..0.15).contains(&share(1)), "{paths:?} of {samples}");
        assert!(share(2) < 0.01, "what is cold is not told as warm: {paths:?}");
        assert!(paths.len() == PATHS_MAX && samples <= SAMPLES_MAX);
    }

    #[test]
    fn long_paths_are_cut() {
        let mut hottest = Hottest::default();
        hottest.sample(format!("{}ü", "a".repeat(PATH_BYTES_MAX - 1)).as_bytes());
        assert_eq!(hottest.paths().0[0].path, format!("{}\u{fffd}", "a".repeat(PATH_BYTES_MAX - 1)));
    }
}
