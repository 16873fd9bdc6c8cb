//! badgerserver.
pub mod limits;
#[allow(missing_docs)]
pub mod http;
#[allow(missing_docs)]
pub mod pack;
mod ring;
mod sys;
