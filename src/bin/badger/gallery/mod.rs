//! From JSON lines to a pack of galleries: what `badger pack gallery` does, without arguments and files.
//!
//! It names the library by its public API only, and brings the files of its folder that it needs, so that another program
//! has all of it by one line, as `examples/honeybadger` does:
//!
//! ```text
//! #[allow(dead_code, unused_imports)] // a program uses what it needs
//! #[path = "../../src/bin/badger/gallery/mod.rs"]
//! mod gallery;
//! ```
//!
//! `title` and `profile` read a line each, by `object`; `titles` keeps the cards; `records` makes galleries; `pack` puts
//! everything together. The JSON is described in `docs/gallery.md` and `docs/gallery.schema.json`.

#[path = "../compress.rs"]
pub(crate) mod compress;
mod error;
mod input;
mod object;
#[path = "../ordered.rs"]
pub(crate) mod ordered;
mod pack;
mod profile;
mod records;
#[cfg(test)]
mod schema_tests;
#[path = "../strict.rs"]
pub(crate) mod strict;
mod title;
mod titles;

pub(crate) use error::GalleryError;
pub(crate) use input::Input;
pub(crate) use pack::{Options, Packed, pack};
