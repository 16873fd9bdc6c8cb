//! HTTP/1.1 for an origin server, as a pure machine: bytes in, plans out. No socket, file, clock or thread.
//!
//! Start reading at [`conn`], which has the transitions; `answer` makes one answer. One file per rule set beside them:
//! `parse` (the head and its framing), [`target`], [`conditional`], [`range`], [`encoding`], and [`head`] (the one place
//! where response heads are drawn).
#![forbid(unsafe_code)]

mod answer;
pub mod chunked;
pub mod conditional;
pub mod conn;
pub mod date;
pub mod encoding;
pub(crate) mod fields;
pub mod head;
pub mod host;
pub mod list;
pub mod method;
mod multipart;
pub(crate) mod parse;
mod peer;
pub mod plan;
pub mod proxy;
pub mod range;
pub mod request;
pub mod response;
pub mod service;
pub mod target;

pub use conn::{Activity, Closed, Conn, Env, Input, Moment, Scratch, Step};
pub use encoding::Encoding;
pub use method::{Method, Methods};
pub use plan::{Batch, Part, Plan, Reached, SourceId, Span};
pub use request::Request;
pub use response::Response;
pub use service::{Answer, Found, Piece, Ready, Service, Stored};
