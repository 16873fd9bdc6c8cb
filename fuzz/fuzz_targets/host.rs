#![no_main]
//! The value of Host, and the authority of a target (RFC 9110 section 7.2).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::host(bytes));
