#![no_main]
//! Our reading of a stream of requests against hyper's.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver_fuzz::compare(bytes));
