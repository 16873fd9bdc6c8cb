//! What the fuzz targets call: one function each, with what must hold for any bytes at all. Compiled for tests and with
//! `--cfg fuzzing` only, so nobody who uses the library has it.
//!
//! A target in `fuzz/fuzz_targets` is ten lines that call one of these. The tests at the end replay the committed corpora
//! and the regressions through the same functions, so that plain `cargo test` holds what fuzzing has found. The seeds are written from a table, `seeds`.
//!
//! Where a function needs more than the bytes that it is about (a choice of limits, a seed for cuts, the length of a
//! payload), it takes that from the front of its input, so that any bytes are a valid input.
#![forbid(unsafe_code)]

mod connection;
mod pack;
mod poco;
mod reading;
#[cfg(test)]
mod seeds;
mod values;

pub use crate::server::fuzz_worker as worker;
pub use connection::connection;
pub use pack::pack;
pub use poco::poco;
pub use reading::{End, ReadRequest, Reading, read_requests};
pub use values::{accept_encoding, chunked_body, date, host, proxy_header, range, request_head, target};

/// Fails for one input that a fuzzer finds within seconds: the proof that a target which finds nothing does look.
pub fn canary(bytes: &[u8]) {
    let is_found = bytes.len() > 3 && bytes[0] == b'H' && bytes[1] == b'T' && bytes[2] == b'T' && bytes[3] == b'P';
    assert!(!is_found, "the canary was found, as it has to be");
}

/// Takes numbers from the front of an input; an input that is used up gives zeros.
pub(crate) struct Draws<'a>(pub(crate) &'a [u8]);

impl<'a> Draws<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `bound`, which is at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub(crate) fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Up to `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    type Target = (&'static str, fn(&[u8]));

    /// Every function that a target calls, by the name of the target.
    const TARGETS: [Target; 12] = [
        ("accept_encoding", accept_encoding),
        ("chunked_body", chunked_body),
        ("connection", connection),
        ("date", date),
        ("host", host),
        ("pack", pack),
        ("poco", poco),
        ("proxy_header", proxy_header),
        ("range", range),
        ("request_head", request_head),
        ("target", target),
        ("worker", worker),
    ];

    fn folder(name: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz")).join(name)
    }

    fn inputs(folder: &PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
    }

    /// The committed seeds are those of `seeds`, and hold; `FUZZ_WRITE=1 cargo test --lib fuzzing` writes them anew.
    #[test]
    fn the_seeds_are_committed_and_hold() {
        let seeds = seeds::all();
        for (name, function) in TARGETS {
            let of_target: Vec<_> = seeds.iter().filter(|seed| seed.target == name).collect();
            assert!(!of_target.is_empty(), "src/fuzzing/seeds.rs has none for {name}");
            for seed in of_target {
                let held = std::panic::catch_unwind(|| function(&seed.bytes));
                assert!(held.is_ok(), "{name}: {}", seed.bytes.escape_ascii());
            }
        }
        let path = |seed: &seeds::Seed| folder("seeds").join(seed.target).join(&seed.name);
        if std::env::var_os("FUZZ_WRITE").is_some() {
            let _ = std::fs::remove_dir_all(folder("seeds"));
            for seed in &seeds {
                std::fs::create_dir_all(folder("seeds").join(seed.target)).unwrap();
                std::fs::write(path(seed), &seed.bytes).unwrap();
            }
        }
        let targets = std::fs::read_dir(folder("seeds")).unwrap();
        let written: usize = targets.map(|target| inputs(&target.unwrap().path()).len()).sum();
        assert_eq!(written, seeds.len(), "fuzz/seeds: FUZZ_WRITE=1 cargo test --lib fuzzing");
        for seed in &seeds {
            let is_same = std::fs::read(path(seed)).is_ok_and(|bytes| bytes == seed.bytes);
            assert!(is_same, "{}: FUZZ_WRITE=1 cargo test --lib fuzzing", path(seed).display());
        }
    }

    /// Inputs that have once failed, and with `FUZZ_CORPUS=folder` what a fuzzer has collected there (`fuzz/coverage`).
    #[test]
    fn the_regressions_hold() {
        for (name, function) in TARGETS {
            let collected = std::env::var_os("FUZZ_CORPUS").map(|folder| inputs(&PathBuf::from(folder).join(name)));
            let regressions = inputs(&folder("regressions").join(name));
            for (path, bytes) in regressions.into_iter().chain(collected.unwrap_or_default()) {
                let held = std::panic::catch_unwind(|| function(&bytes));
                assert!(held.is_ok(), "{}", path.display());
            }
        }
    }

    #[test]
    fn each_target_calls_its_function_and_has_seeds() {
        for (name, _) in TARGETS {
            let path = folder("fuzz_targets").join(format!("{name}.rs"));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(text.contains(&format!("badgerserver::fuzzing::{name}(")), "{}", path.display());
        }
        let count = inputs(&folder("fuzz_targets")).len();
        assert_eq!(count, TARGETS.len() + 2, "a target without a row here, but for canary and differential");
    }

    #[test]
    fn bytes_that_look_like_nothing_hold() {
        let mut random = crate::http::list::random::Random::new(17);
        for (_, function) in TARGETS {
            for round in 0..60 {
                let length_max = if round % 2 == 0 { 40 } else { 400 };
                function(&random.bytes(b"GET /a HTTP/1.1\r\nHost:;=,-0123456789\0\x01\x02\x03", length_max));
            }
        }
    }

    #[test]
    #[should_panic(expected = "the canary was found")]
    fn the_canary_fails() {
        canary(b"HTTP");
    }
}
