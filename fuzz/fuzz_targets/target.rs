#![no_main]
//! The request target, decoded once (RFC 9112 section 3.2).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::target(bytes));
