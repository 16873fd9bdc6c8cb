#![no_main]
//! The choice of a content coding (RFC 9110 section 12.5.3).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::accept_encoding(bytes));
