#![no_main]
//! The shipped event loop in the simulated world.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::worker(bytes));
