#![no_main]
//! One request head: its grammar, its framing, its limits (RFC 9112).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::request_head(bytes));
