//! Joins the ring and the protocol: what starts, runs and stops a server.
//!
//! `builder` and `handle` are what a user sees; `worker` is the loop; the rest is what a worker has: `slots`, `timers`,
//! `content` (with `generation`, `open_files`, `tasks`), `addresses`, `balance`, `stats`, `event`, `access`. `listener`: where it listens.
#![forbid(unsafe_code)]

mod access;
mod addresses;
pub mod admin;
mod balance;
mod builder;
mod content;
mod cores;
pub mod directory;
mod error;
mod event;
mod generation;
mod handle;
pub mod handover;
mod hottest;
mod latency;
mod listener;
mod look;
mod open_files;
mod pack_file;
mod planted;
pub mod probe;
mod routes;
pub mod sandbox;
mod slots;
mod stats;
mod tasks;
mod test_client;
mod timers;
mod worker;

pub use access::{AccessBatch, AccessOptions, AccessRecord};
pub use builder::{Address, Builder, Server};
pub use cores::{CoreChoice, CoreChoiceError};
pub use error::Error;
pub use event::Event;
pub use handle::{Drained, Handle};
pub use listener::{ListenOptions, TrustedProxy, TrustedProxyError};
pub use pack_file::{OpenError, guard_mapped_files};
pub use stats::Stats;
pub use test_client::{TestClient, TestResponse};
#[cfg(any(test, fuzzing))]
pub use worker::fuzz::worker as fuzz_worker;
