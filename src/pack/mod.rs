//! The pack: one immutable file that maps request paths to payloads.
//!
//! Pure: this folder knows bytes, a [`Source`] to read them from and `std::io` traits to write them to. It opens no
//! file, starts no thread and reads no clock. `FORMAT.md` beside this file draws the format to the byte.
//!
//! A file has one idea each: `layout` the structs and numbers of the format, `key` what a key is, `field` what may stand
//! in a baked header, `open` the one validator of the header page, `view` the pack and its parts, `lookup` from key to
//! record, `record` the record and its one validator, `checked` the checksums and who has verified what, `verify` the
//! whole-file examination, `error` what can go wrong. The way in is `writer`, with `entry` (one entry, checked and baked),
//! `dedupe` (payloads that are there already), `blocks` (output hashed in blocks), `spool` (records that wait) and `index`. `tag` is for answers made of several payloads.
#![forbid(unsafe_code)]

mod blocks;
mod checked;
mod dedupe;
mod entry;
mod error;
mod field;
mod index;
pub mod key;
mod layout;
mod lookup;
mod open;
mod record;
pub mod source;
mod spool;
mod tag;
mod verify;
mod view;
mod writer;

pub use checked::Checked;
pub use entry::Entry;
pub(crate) use entry::External;
pub use error::{LookupError, PackError, WriteError};
pub use field::FieldError;
pub use key::KeyError;
pub use layout::{
    CHUNK_BYTES, CLASS_BYTES_MAX, CLASSES_MAX, Encoding, HEADER_BYTES, KEY_BYTES_MAX, Section, VARIANTS_MAX,
};
pub use record::{Flags, Record, Variant};
pub use source::{ReadError, Source};
pub(crate) use tag::Tag;
pub use verify::{Problem, VerifyReport};
pub use view::{Class, Entries, Info, Pack, SectionInfo};
pub use writer::{PackWriter, Summary, WriterOptions};
