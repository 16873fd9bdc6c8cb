#![no_main]
//! HTTP dates (RFC 9110 section 5.6.7).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::date(bytes));
