#![no_main]
//! The header that a trusted proxy puts before the bytes of its client (PROXY protocol, version 2).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::proxy_header(bytes));
