#![no_main]
//! The chunked coding, read to throw a body away (RFC 9112 section 7.1).

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::chunked_body(bytes));
