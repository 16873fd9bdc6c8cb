//! The pack: one immutable file that maps request paths to payloads.
//!
//! Pure: this folder knows bytes, a [`Source`] to read them from and `std::io` traits to write them to. It opens no
//! file, starts no thread and reads no clock. `FORMAT.md` beside this file draws the format to the byte.
//!
//! A file has one idea each: `layout` the structs and numbers of the format, `key` what a key is, `field` what may stand
//! in a baked header, `open` the one validator of the header page, `view` the pack and its parts, `lookup` from key to
//! record, `record` the record and its one validator, `checked` the checksums and who has verified what, `writer` (with
#![forbid(unsafe_code)]

mod blocks;
mod checked;
mod dedupe;
mod error;
mod field;
pub mod key;
mod layout;
mod lookup;
mod open;
mod record;
pub mod source;
mod view;
mod writer;

pub use checked::Checked;
pub use error::{LookupError, PackError, WriteError};
pub use field::FieldError;
pub use key::KeyError;
pub use layout::{
    CHUNK_BYTES, CLASS_BYTES_MAX, CLASSES_MAX, Encoding, HEADER_BYTES, KEY_BYTES_MAX, Section, VARIANTS_MAX,
};
pub use record::{Flags, Record, Variant};
pub use source::{ReadError, Source};
pub use view::{Class, Entries, Info, Pack, SectionInfo};
#[allow(unused_imports)] // the scan of a directory is the only user
pub(crate) use writer::External;
pub use writer::{Entry, PackWriter, Summary, WriterOptions};
