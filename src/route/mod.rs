//! The routing table: from a request to the handler or the stored payload that answers it. Pure: no I/O, no clock.
//!
//! A file has one idea each: `pattern` what a pattern is, `tree` the segments of all patterns and prefixes, `router` the
//! table and the order in which it is asked, `mount` a pack under a prefix, `stored` how a record becomes an answer,
//! `gather` many records in one answer, `workload` a header that is made from a record for each answer, `moment` the one of galleries, `cors` answers for scripts of other origins, `missing` what is said where nothing is,
//! `redirect` from one pattern to another, `local` what each worker keeps beside the shared table, `files` the files that a mount names outside its pack,
//! `error` what a builder can get wrong, `media` media types by file extension.
//!
//! **Invariant**: a router never changes once it serves. Whatever a request leaves behind is in `Local`, so workers share
//! nothing but reads, and a warm worker finds stored content without allocating.
#![forbid(unsafe_code)]

mod cors;
mod error;
mod files;
mod gather;
mod local;
pub mod media;
mod missing;
mod moment;
mod mount;
mod pattern;
mod redirect;
mod router;
mod stored;
mod tree;
mod workload;

#[cfg(test)]
mod tests;

pub use cors::{Cors, ORIGINS_MAX};
pub use error::RouteError;
pub(crate) use files::{FileState, FileTable, Files};
pub(crate) use local::Local;
pub use mount::Mount;
pub use pattern::PatternError;
pub use router::Router;
pub(crate) use router::{Kind, Named};
pub(crate) use workload::Worked;
pub use workload::{Halt, Payload, WORKLOAD_BYTES_MAX};

/// Most handlers and mounts of one router: far above what people write by hand, so that a loop which adds them without
/// end is found at start and not by the memory running out.
pub const ROUTES_MAX: usize = 256;
/// Most names of one pattern: they are kept in an array on the stack. Real patterns have up to four.
pub const PARAMS_MAX: usize = 8;
/// Most segments of a pattern or prefix: the walk over them is recursive.
pub const PATTERN_SEGMENTS_MAX: usize = 32;
