//! The routing table: from a request to the handler or the stored payload that answers it. Pure: no I/O, no clock.
#![forbid(unsafe_code)]

pub mod media;
