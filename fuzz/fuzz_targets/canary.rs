#![no_main]
//! Fails: a run that does not find its input within seconds does not look at all.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::canary(bytes));
