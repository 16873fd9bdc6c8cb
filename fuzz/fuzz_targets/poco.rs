#![no_main]
//! Records and the order that travels beside them.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::poco(bytes));
