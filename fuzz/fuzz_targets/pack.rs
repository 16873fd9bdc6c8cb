#![no_main]
//! Opening a pack, every lookup in it, and its whole examination.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badgerserver::fuzzing::pack(bytes));
