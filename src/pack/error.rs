//! Pure: what can go wrong with a pack, said so that the person knows where and what to do.
#![forbid(unsafe_code)]

use super::field::FieldError;
use super::key::KeyError;
use super::layout::Section;
use super::source::ReadError;

/// Why bytes are not a pack that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackError {
    /// The first bytes are not those of a pack.
    NotAPack {
        /// What they are instead, or are likely to be.
        found: &'static str,
    },
    /// The pack is of another major version.
    Version {
        /// The major version that the header names.
        major: u16,
    },
    /// The pack needs features that this version does not know.
    Features {
        /// The unknown bits.
        bits: u64,
    },
    /// The pack names payloads outside itself: the library makes such packs for its own use and opens no other.
    External,
    /// The file is shorter or longer than it was written.
    FileBytes {
        /// What the header says.
        expected: u64,
        /// What the file has.
        found: u64,
    },
    /// The header page does not match its checksum.
    HeaderChecksum,
    /// A field of the header contradicts the format or another field.
    Header {
        /// Byte of the file at which the field lies.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The last page is not the trailer that ends every pack.
    Trailer {
        /// Where it should begin.
        offset: u64,
    },
    /// The class table, which is read when a pack is opened, is damaged or could not be read.
    Classes(LookupError),
    /// The header page could not be read.
    Read(ReadError),
}

impl std::fmt::Display for PackError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PackError::NotAPack { found } => write!(f, "not a badger pack: {found}"),
            PackError::Version { major } => {
                write!(
                    f,
                    "at byte 8: pack format {major}, and this version reads format 1; use a version that reads it, or make the pack anew"
                )
            }
            PackError::Features { bits } => {
                write!(
                    f,
                    "at byte 16: made by a newer version: it needs the unknown features {bits:#x}; update, or make the pack anew"
                )
            }
            PackError::External => f.write_str(
                "at byte 16: an internal pack that names payloads outside itself; it cannot be opened as a file",
            ),
            PackError::FileBytes { expected, found } if found < expected => {
                write!(f, "cut short: the header says {expected} bytes, the file has {found}; copy it again")
            }
            PackError::FileBytes { expected, found } => {
                write!(f, "too long: the header says {expected} bytes, the file has {found}; copy it again")
            }
            PackError::HeaderChecksum => {
                f.write_str("at byte 4088: the header page is damaged (its checksum differs); copy the pack again")
            }
            PackError::Header { offset, what } => {
                write!(f, "at byte {offset}: {what}; copy the pack again or make it anew")
            }
            PackError::Trailer { offset } => {
                write!(f, "damaged at byte {offset} (end of the file): it is not what ends a pack; copy the pack again")
            }
            PackError::Classes(error) => write!(f, "{error}"),
            PackError::Read(error) => write!(f, "the header page could not be read: {error}"),
        }
    }
}

impl std::error::Error for PackError {}

/// Why an open pack did not give what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// Bytes do not match their checksum, or contradict the format.
    Damaged {
        /// The part of the pack they are in.
        section: Section,
        /// Where, counted from the start of the file.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The caller asked for bytes that are not payload.
    OutOfRange {
        /// The first byte asked for, counted from the start of the file.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// The source did not give the bytes.
    Read {
        /// Where, counted from the start of the file.
        offset: u64,
        /// Why.
        error: ReadError,
    },
    /// The bytes would have to be waited for, and whoever asks must not wait: a server's loop. Nobody else gets this.
    NotInMemory {
        /// The first of them, counted from the start of the file.
        offset: u64,
        /// How many.
        bytes: u64,
    },
}

impl std::fmt::Display for LookupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LookupError::Damaged { section, offset, what } => {
                write!(f, "damaged at byte {offset} ({section}): {what}; copy the pack again or make it anew")
            }
            LookupError::OutOfRange { offset, bytes } => write!(f, "{bytes} bytes at byte {offset} are not payload"),
            LookupError::Read { offset, error } => write!(f, "byte {offset} could not be read: {error}"),
            LookupError::NotInMemory { offset, bytes } => {
                write!(f, "{bytes} bytes at byte {offset} are not in memory; read them elsewhere and ask again")
            }
        }
    }
}

impl std::error::Error for LookupError {}

/// Why an entry or a pack could not be written. An error that leaves the output half written (it failed, or a body changed
/// while it was stored) makes all later calls answer [`WriteError::Broken`]; after any other the entry is left out, and the
/// writer goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The key breaks a rule.
    Key {
        /// The key.
        key: String,
        /// The caller's number of the entry.
        ordinal: u64,
        /// The rule.
        error: KeyError,
    },
    /// Two entries have one key.
    Duplicate {
        /// The key.
        key: String,
        /// The caller's numbers of both entries.
        ordinals: (u64, u64),
    },
    /// A header field or the content type cannot be sent.
    Field {
        /// The entry's key.
        key: String,
        /// The caller's number of the entry.
        ordinal: u64,
        /// The field.
        name: String,
        /// The rule that it breaks.
        error: FieldError,
    },
    /// Something else about the entry.
    Entry {
        /// The entry's key.
        key: String,
        /// The caller's number of the entry.
        ordinal: u64,
        /// The rule that it breaks.
        what: &'static str,
    },
    /// A body was not the same when it was read again.
    BodyChanged {
        /// The entry's key.
        key: String,
        /// The caller's number of the entry.
        ordinal: u64,
    },
    /// Something about the options or the whole pack.
    Whole(&'static str),
    /// An earlier error left the output half written.
    Broken,
    /// The output, the spool or a body failed.
    Io(std::io::Error),
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WriteError::Key { key, ordinal, error } => write!(f, "entry {ordinal}, {key:?}: {error}"),
            WriteError::Duplicate { key, ordinals: (first, second) } => {
                write!(f, "entries {first} and {second} have the same key, {key:?}")
            }
            WriteError::Field { key, ordinal, name, error } => {
                write!(f, "entry {ordinal}, {key:?}, header {name:?}: {error}")
            }
            WriteError::Entry { key, ordinal, what } => write!(f, "entry {ordinal}, {key:?}: {what}"),
            WriteError::BodyChanged { key, ordinal } => {
                write!(f, "entry {ordinal}, {key:?}: the body changed while it was read; pack again when it is at rest")
            }
            WriteError::Whole(what) => f.write_str(what),
            WriteError::Broken => f.write_str("an earlier error left the pack half written; start again"),
            WriteError::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WriteError::Io(error) => Some(error),
            WriteError::Key { error, .. } => Some(error),
            WriteError::Field { error, .. } => Some(error),
            WriteError::Duplicate { .. }
            | WriteError::Entry { .. }
            | WriteError::BodyChanged { .. }
            | WriteError::Whole(_)
            | WriteError::Broken => None,
        }
    }
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> WriteError {
        WriteError::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use crate::pack::{Encoding, Entry, PackWriter, WriterOptions};
    use std::error::Error;
    use std::io::Cursor;

    /// What a writer says of the second of two entries, and what is behind it.
    fn said_of(second: Entry<'_>) -> (String, Option<String>) {
        let mut writer =
            PackWriter::create(Cursor::new(Vec::new()), Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
        let bodies = [(Encoding::Identity, &b"x"[..])];
        writer.add(Entry { key: "/a", ordinal: 1, bodies: &bodies, ..Entry::default() }).unwrap();
        let added = writer.add(Entry { ordinal: 2, bodies: &bodies, ..second });
        let error = added.and_then(|()| writer.finish().map(drop)).unwrap_err();
        (error.to_string(), error.source().map(ToString::to_string))
    }

    #[test]
    fn what_cannot_be_written_is_named_with_its_key_and_its_rule() {
        let long = format!("/{}", "k".repeat(2048));
        for (key, rule) in [
            ("b", "a key begins with '/'"),
            (long.as_str(), "a key has at most 2,048 bytes"),
            ("/b\n", "a key has no control characters"),
            ("/b//c", "a key has no two slashes together"),
            ("/b/../c", "a key has no '.' or '..' segment"),
        ] {
            let said = said_of(Entry { key, ..Entry::default() });
            assert_eq!(said, (format!("entry 2, {key:?}: {rule}"), Some(rule.to_owned())));
        }
        let said = said_of(Entry { key: "/a", ..Entry::default() });
        assert_eq!(said, ("entries 1 and 2 have the same key, \"/a\"".to_owned(), None));
        for (name, value) in [("X A", "b"), ("X-A", "b\r\nX-B: c"), ("Content-Length", "1")] {
            let (text, rule) = said_of(Entry { key: "/b", headers: &[(name, value)], ..Entry::default() });
            assert_eq!(text, format!("entry 2, \"/b\", header {name:?}: {}", rule.unwrap()));
        }
        let (text, rule) = said_of(Entry { key: "/b", status: 99, ..Entry::default() });
        assert!(text.starts_with("entry 2, \"/b\": ") && rule.is_none(), "{text}");
    }
}
