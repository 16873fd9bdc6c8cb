#![no_main]
//! Byte ranges (RFC 9110 section 14).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::range(bytes));
