//! For tests that start servers: the backends that run here, and what cannot be tested here.
//!
//! A skip is printed, and where `CI` is set it is a failure, unless `BADGER_EXPECTED_SKIPS` has a part of its reason (parts
//! are separated by commas): what a machine lacks is known there, and a test that silently stops testing is not wanted.

use badgerserver::Backend;
use std::sync::atomic::{AtomicU64, Ordering};

static SKIPPED: AtomicU64 = AtomicU64::new(0);

/// Says that something was not tested here, and why.
///
/// # Panics
/// Under `CI`, when nobody expects it.
pub fn skip(why: &str) {
    SKIPPED.fetch_add(1, Ordering::Relaxed);
    println!("skipped: {why}");
    let expected = std::env::var("BADGER_EXPECTED_SKIPS").unwrap_or_default();
    let is_expected = expected.split(',').any(|part| !part.is_empty() && why.contains(part));
    let is_strict = std::env::var_os("CI").is_some();
    assert!(is_expected || !is_strict, "unexpected skip under CI: {why} (BADGER_EXPECTED_SKIPS can name it)");
}

/// How many things were skipped.
#[allow(dead_code)] // only a test with many counts them
pub fn skipped() -> u64 {
    SKIPPED.load(Ordering::Relaxed)
}

/// Those that run here.
#[allow(dead_code)] // a test that is stamped for each asks for one
pub fn backends() -> impl Iterator<Item = Backend> {
    [Backend::Epoll, Backend::IoUring].into_iter().filter(|backend| match backend.check() {
        Ok(()) => true,
        Err(why) => {
            skip(&format!("{backend}: {why}"));
            false
        }
    })
}
