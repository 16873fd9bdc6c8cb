#![no_main]
//! A connection from its first byte to its last answer, cut anywhere.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::connection(bytes));
