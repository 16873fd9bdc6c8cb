//! The access log: a record of every answer, copied on the loop and handed over in batches to a thread that may block.
//!
//! ```text
//! worker                                                  thread "badger-access", one for the server
//!   answered: copies a record into its batch
//!   full, or the first record is 0.25 s old:
//!     a spare batch is there:  batch ----- channel -----> the hook, which may write, wait, or compress
//!     there is none:           its records are counted      |
//!                              and forgotten                |
//!   spare batches  <------------------------ way home ------'
//! ```
//! A worker has a fixed number of batches ([`batch::BATCHES_MAX`]), all made before it serves. So the loop never waits, takes no
//! lock and asks for no memory; a hook that stands still costs that many batches and then lines, never an answer. The time
//! of a batch is one of the loop's deadlines, and only while there is something in it: a server that is idle sleeps.
//!
//! `batch`: records in little room. `recorder`: the loop's side. `hook`: the thread's.
#![forbid(unsafe_code)]

mod batch;
mod hook;
mod recorder;

#[cfg(test)]
mod tests;

pub use batch::{AccessBatch, AccessRecord};
pub(crate) use hook::{AccessLog, AccessThread};
pub(crate) use recorder::{Recorder, RecorderSeed};

use std::num::NonZeroU32;

/// What is recorded: [`Builder::on_access`](crate::Builder::on_access).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessOptions {
    /// One answer in so many is recorded: of each worker's, the last of every so many. 1, as it comes: all of them.
    pub sample: NonZeroU32,
}

impl Default for AccessOptions {
    fn default() -> AccessOptions {
        AccessOptions { sample: NonZeroU32::MIN }
    }
}
