//! Pure: what a schema consists of: structs, fields, and the types that a field may have.
#![forbid(unsafe_code)]

use bytemuck::{Pod, Zeroable};
use std::mem::size_of;

#[cfg(target_endian = "big")]
compile_error!("a record is little-endian and is read as it lies; this target is big-endian");

/// One struct of the schema.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Schema {
    /// Its name, in every language.
    pub name: &'static str,
    /// Its length in bytes in this version.
    pub bytes: usize,
    /// What it is.
    pub doc: &'static str,
    /// Its fields in the order of their offsets; nothing lies between them.
    pub fields: &'static [Field],
}

/// One field of a struct.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Field {
    /// Its name, in every language and in JSON.
    pub name: &'static str,
    /// Where it lies, counted from the first byte of its struct.
    pub offset: usize,
    /// How its bytes are read.
    pub kind: FieldKind,
    /// For a table the struct of its elements, for a number that stands for a word the name of its [`Values`].
    pub extra: Option<&'static str>,
    /// What it means.
    pub doc: &'static str,
}

/// How the bytes of a field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// One byte.
    U8,
    /// Two bytes, the low one first.
    U16,
    /// Three bytes, the low one first.
    U24,
    /// Four bytes, the low one first.
    U32,
    /// The 16 bytes of a UUID in the order in which it is printed.
    Uuid,
    /// So many bytes as they are.
    Bytes(usize),
    /// An offset and a length: UTF-8 elsewhere in the record.
    Text,
    /// An offset, a count and a stride: structs elsewhere in the record.
    Table,
}

impl FieldKind {
    /// How many bytes the field itself takes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            FieldKind::U8 => 1,
            FieldKind::U16 => 2,
            FieldKind::U24 => 3,
            FieldKind::U32 => 4,
            FieldKind::Uuid => 16,
            FieldKind::Bytes(bytes) => bytes,
            FieldKind::Text => size_of::<Text>(),
            FieldKind::Table => size_of::<Table>(),
        }
    }

    /// Its name in the generated files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FieldKind::U8 => "u8",
            FieldKind::U16 => "u16",
            FieldKind::U24 => "u24",
            FieldKind::U32 => "u32",
            FieldKind::Uuid => "uuid",
            FieldKind::Bytes(_) => "bytes",
            FieldKind::Text => "text",
            FieldKind::Table => "table",
        }
    }
}

/// One kind of record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RecordKind {
    /// Its first four bytes.
    pub magic: [u8; 4],
    /// Its name, which is that of its block.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
}

/// The numbers of a field that stand for words.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Values {
    /// The name of the table.
    pub name: &'static str,
    /// What it is about.
    pub doc: &'static str,
    /// Number, word (as in JSON), meaning.
    pub values: &'static [(u8, &'static str, &'static str)],
}

/// Three bytes, the low one first.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct U24([u8; 3]);

impl U24 {
    /// The low three bytes; the caller has checked that there are no more.
    pub(super) fn new(number: u32) -> U24 {
        let [low, middle, high, _] = number.to_le_bytes();
        U24([low, middle, high])
    }

    pub(super) fn get(self) -> u32 {
        u32::from_le_bytes([self.0[0], self.0[1], self.0[2], 0])
    }
}

/// A UUID in the order in which it is printed.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct Uuid(pub(super) [u8; 16]);

/// Where a text lies; `0, 0` when it is empty.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Text {
    pub(super) offset: u32,
    pub(super) bytes: u32,
}

/// Where the elements of a table lie.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Table {
    pub(super) offset: u32,
    pub(super) count: u32,
    pub(super) stride: u32,
}

/// A type that a field may have.
pub(super) trait FieldType {
    const KIND: FieldKind;
}

macro_rules! field_types {
    ($($type:ty => $kind:expr),+ $(,)?) => {
        $(
            impl FieldType for $type {
                const KIND: FieldKind = $kind;
            }
            const _: () = assert!(size_of::<$type>() == <$type as FieldType>::KIND.bytes());
        )+
    };
}

field_types! {
    u8 => FieldKind::U8,
    u16 => FieldKind::U16,
    U24 => FieldKind::U24,
    u32 => FieldKind::U32,
    Uuid => FieldKind::Uuid,
    [u8; 4] => FieldKind::Bytes(4),
    [u8; 8] => FieldKind::Bytes(8),
    [u8; 16] => FieldKind::Bytes(16),
    [u8; 24] => FieldKind::Bytes(24),
    Text => FieldKind::Text,
    Table => FieldKind::Table,
}

/// A struct of the schema.
pub(super) trait Struct: Pod {
    const SCHEMA: Schema;

    /// Reads it from as many bytes as its writer has made it long. A field that does not lie wholly inside reads as
    /// zero, and bytes behind the last field are of a newer version.
    fn read(bytes: &[u8]) -> Self;
}
