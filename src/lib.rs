//! Serves precomputed payloads over HTTP/1.1: mapped packs and directories, an event loop per core, no async runtime.
//!
//! ```no_run
//! use badgerserver::{Pack, Response, Router, Server};
//!
//! let router = Router::new()
//!     .pack("/gallery", Pack::open("gallery.badger")?)
//!     .dir("/assets", "public")?
//!     .get("/hello/{name}", |req| Response::text(format!("hi {}\n", req.param("name"))));
//! Server::builder().listen("[::]:8080").run(router)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
mod include_pack;
pub mod limits;
pub mod pack;
pub mod poco;
mod ring;
pub mod route;
mod server;
mod sys;

pub use http::{Method, Request, Response};
pub use limits::Limits;
pub use pack::Pack;
pub use ring::choose::Backend;
pub use route::{Mount, Router};
pub use server::{
    AccessBatch, AccessOptions, AccessRecord, Address, Builder, CoreChoice, CoreChoiceError, Drained, Error, Event,
    Handle, ListenOptions, OpenError, Server, Stats, TestClient, TestResponse, TrustedProxy, TrustedProxyError,
    guard_mapped_files,
};
pub use server::{admin, directory, handover, probe, sandbox};
