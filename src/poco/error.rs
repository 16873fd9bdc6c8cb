//! Pure: what can go wrong with a record, said so that the person knows where and what to do.
#![forbid(unsafe_code)]

/// Why bytes are not a record that can be read, or why a record cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PocoError {
    /// The first bytes are not those of a record.
    NotARecord {
        /// What they are instead.
        found: [u8; 4],
    },
    /// It is a record of another kind.
    OtherRecord {
        /// The kind that was asked for.
        expected: &'static str,
        /// The kind that it is.
        found: &'static str,
    },
    /// The record is of another major version.
    Version {
        /// The major version that its head names.
        major: u16,
    },
    /// There are fewer or more bytes than the record has.
    Bytes {
        /// How many the record has.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A field contradicts the format or another field.
    Damaged {
        /// Where the field lies, counted from the first byte of the record.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A field of the input is longer, or has more elements, than a record may have.
    TooMuch {
        /// The field: `rows[3].items`.
        field: String,
        /// How many bytes or elements it has.
        found: u64,
        /// How many it may have.
        limit: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// A field of the input has a value that a record cannot have.
    Field {
        /// The field: `rows[3].items[7].card`.
        field: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A Badger-Order cannot be read, or does not fit its gallery: the record's own order holds.
    Order {
        /// What is wrong.
        what: &'static str,
    },
}

impl std::fmt::Display for PocoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PocoError::NotARecord { found } => write!(
                f,
                "at byte 0: not a record: it begins with {:?}; decode it if it is compressed, and look at its media type",
                String::from_utf8_lossy(found)
            ),
            PocoError::OtherRecord { expected, found } => {
                write!(f, "at byte 0: a {found} record, and a {expected} record was expected; read it as what it is")
            }
            PocoError::Version { major } => write!(
                f,
                "at byte 4: record version {major}, and this version reads 1; use a version that reads it, or make the record anew"
            ),
            PocoError::Bytes { expected, found } if found < expected => {
                write!(f, "cut short: the record has {expected} bytes, and here are {found}; fetch it again")
            }
            PocoError::Bytes { expected, found } => write!(
                f,
                "too long: the record has {expected} bytes, and here are {found}; hand in the bytes of one record"
            ),
            PocoError::Damaged { offset, what } => {
                write!(f, "at byte {offset}: {what}; fetch the record again or make it anew")
            }
            PocoError::TooMuch { field, found, limit, remedy } => {
                write!(f, "{field}: {found}, and {limit} is the most; {remedy}")
            }
            PocoError::Field { field, what } => write!(f, "{field}: {what}"),
            PocoError::Order { what } => write!(f, "Badger-Order: {what}; the record's own order is used"),
        }
    }
}

impl std::error::Error for PocoError {}
