//! The pack: one immutable file that maps request paths to payloads.
pub mod source;
