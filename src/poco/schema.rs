//! Pure: the schema of version 1. One macro writes, for each struct, the Rust struct, the assertions of its size and
//! offsets, its reader and its row in the table of fields; `generate` and `hexdump` read that table.
//!
//! To add a field, append it to a block or to the struct of a table, with 0 or empty for "unknown", and raise
//! [`MINOR`]; what is there keeps its place for good. See `docs/poco.md`, "How records change".
#![forbid(unsafe_code)]

use super::field::FieldType;
use bytemuck::{Pod, Zeroable};
use std::mem::{align_of, offset_of, size_of};

pub use super::field::{Field, FieldKind, RecordKind, Schema, Values};
pub(super) use super::field::{Struct, Table, Text, U24, Uuid};

/// The version that is written; another major is refused.
pub const MAJOR: u16 = 1;
/// A reader takes any minor: what it does not know it skips, what is missing it reads as unknown.
pub const MINOR: u16 = 0;
/// Where the block of a record begins: behind its head.
pub const HEAD_BYTES: usize = size_of::<RecordHead>();
/// A record is a multiple of this long, so that records which follow each other are all aligned.
pub const RECORD_ALIGN: usize = 8;

/// Every kind of record.
pub static RECORDS: &[RecordKind] = &[TITLE, GALLERY, CATALOGUE, MANY];
/// Every table of words.
pub static VALUES: &[Values] = &[Kind::VALUES, ArtKind::VALUES, RowKind::VALUES, Layout::VALUES];

pub(super) const TITLE: RecordKind =
    RecordKind { magic: *b"BTIT", name: "Title", media_type: "application/vnd.badger.title;v=1" };
pub(super) const GALLERY: RecordKind =
    RecordKind { magic: *b"BGAL", name: "Gallery", media_type: "application/vnd.badger.gallery;v=1" };
pub(super) const CATALOGUE: RecordKind =
    RecordKind { magic: *b"BCAT", name: "Catalogue", media_type: "application/vnd.badger.catalogue;v=1" };
pub(super) const MANY: RecordKind =
    RecordKind { magic: *b"BMNY", name: "Many", media_type: "application/vnd.badger.many;v=1" };

/// The kind of record that begins with these bytes; none: it is no record.
#[must_use]
pub fn record_kind(magic: [u8; 4]) -> Option<&'static RecordKind> {
    RECORDS.iter().find(|kind| kind.magic == magic)
}

/// The struct of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Schema> {
    STRUCTS.iter().find(|schema| schema.name == name)
}

macro_rules! schema {
    ($(
        $(#[doc = $doc:literal])+
        struct $name:ident = $size:literal {
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty $(as $extra:ident)? = $offset:literal,)+
        }
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, Pod, Zeroable)]
            #[repr(C)]
            pub(super) struct $name {
                $($(#[doc = $field_doc])+ pub(super) $field: $type,)+
            }

            const _: () = {
                assert!(size_of::<$name>() == $size, concat!("the size of ", stringify!($name)));
                assert!(align_of::<$name>() <= 4, "JavaScript reads four bytes at most");
                $(assert!(offset_of!($name, $field) == $offset, concat!("the offset of ", stringify!($field)));)+
            };

            impl Struct for $name {
                const SCHEMA: Schema = Schema {
                    name: stringify!($name),
                    bytes: $size,
                    doc: concat!($($doc),+),
                    fields: &[$(Field {
                        name: stringify!($field),
                        offset: $offset,
                        kind: <$type as FieldType>::KIND,
                        extra: [$(Some(stringify!($extra)),)? None][0],
                        doc: concat!($($field_doc),+),
                    },)+],
                };

                #[inline]
                fn read(bytes: &[u8]) -> $name {
                    if let Some(bytes) = bytes.get(..$size) {
                        return bytemuck::pod_read_unaligned(bytes);
                    }
                    let mut short = $name::zeroed();
                    $(if let Some(bytes) = bytes.get($offset..$offset + size_of::<$type>()) {
                        short.$field = bytemuck::pod_read_unaligned(bytes);
                    })+
                    short
                }
            }
        )+

        /// Every struct: the head, the blocks of the records, and the elements of tables.
        pub static STRUCTS: &[Schema] = &[$(<$name as Struct>::SCHEMA),+];
    };
}

macro_rules! values {
    ($(
        $(#[doc = $doc:literal])+
        pub enum $name:ident { $(#[doc = $value_doc:literal] $(#[$meta:ident])? $value:ident = $number:literal $word:literal,)+ }
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
            #[non_exhaustive]
            pub enum $name {
                $(#[doc = $value_doc] $(#[$meta])? $value = $number,)+
            }

            impl $name {
                /// All of them, in the order of their numbers.
                pub const ALL: &'static [$name] = &[$($name::$value),+];
                /// Numbers, words and meanings.
                pub const VALUES: Values = Values {
                    name: stringify!($name),
                    doc: concat!($($doc),+),
                    values: &[$(($number, $word, $value_doc)),+],
                };

                /// Its word in JSON.
                #[must_use]
                pub const fn name(self) -> &'static str {
                    match self { $($name::$value => $word),+ }
                }

                /// What this word of JSON means; none: it is no word of this table.
                #[must_use]
                pub fn from_name(name: &str) -> Option<$name> {
                    $name::ALL.iter().copied().find(|value| value.name() == name)
                }

                /// Its number in a record.
                #[must_use]
                pub const fn number(self) -> u8 {
                    self as u8
                }

                /// What this number of a record means; none: a newer version added it.
                #[must_use]
                pub const fn from_number(number: u8) -> Option<$name> {
                    match number { $($number => Some($name::$value),)+ _ => None }
                }
            }
        )+
    };
}

values! {
    /// What a title is.
    pub enum Kind {
        /// Not known.
        #[default]
        Unknown = 0 "unknown",
        /// A film.
        Film = 1 "film",
        /// A series of episodes.
        Series = 2 "series",
        /// A documentary.
        Documentary = 3 "documentary",
        /// A special: a concert, an evening of stand-up.
        Special = 4 "special",
    }

    /// What a picture shows.
    pub enum ArtKind {
        /// Something that this version has no name for.
        #[default]
        Unknown = 0 "unknown",
        /// The upright picture of a card.
        Boxart = 1 "boxart",
        /// The large picture behind the details.
        Hero = 2 "hero",
        /// The name of the title, drawn.
        Logo = 3 "logo",
        /// A picture out of the film.
        Still = 4 "still",
    }

    /// Why a row is there.
    pub enum RowKind {
        /// None of the reasons below.
        #[default]
        Other = 0 "other",
        /// What was begun and not finished.
        ContinueWatching = 1 "continue_watching",
        /// What the viewer put there.
        MyList = 2 "my_list",
        /// What many watch now.
        Trending = 3 "trending",
        /// Titles of a genre.
        Genre = 4 "genre",
        /// Because another title was watched.
        Because = 5 "because",
        /// What is new.
        New = 6 "new",
        /// Titles of a director.
        Director = 7 "director",
        /// Titles of a decade.
        Decade = 8 "decade",
        /// What fits this profile best.
        TopPicks = 9 "top_picks",
    }

    /// Where the cards of a gallery are.
    pub enum Layout {
        /// In the gallery itself: one request has all that the first screen needs.
        #[default]
        Inline = 1 "inline",
        /// In a catalogue that all profiles share.
        Shared = 2 "shared",
    }
}

schema! {
    /// The head of every record; its block follows at byte 24.
    struct RecordHead = 24 {
        /// Which record it is.
        magic: [u8; 4] = 0,
        /// Version; a reader refuses another than 1.
        major: u16 = 4,
        /// Version of what a reader may skip or miss; any is read.
        minor: u16 = 6,
        /// Length of the whole record, a multiple of 8.
        record_bytes: u32 = 8,
        /// Length of the block behind the head.
        block_bytes: u32 = 12,
        /// Zero.
        reserved: [u8; 8] = 16,
    }

    /// All that is known of a title.
    struct Title = 128 {
        /// Number of the title, never 0.
        id: u32 = 0,
        /// UUID of the title.
        uuid: Uuid = 4,
        /// Year of release; 0: unknown.
        year: u16 = 20,
        /// Running time in minutes; 0: unknown.
        runtime_minutes: u16 = 22,
        /// What it is.
        kind: u8 as Kind = 24,
        /// Minimum age in years; 255: unknown.
        maturity: u8 = 25,
        /// How well it fits, 0 to 100; 255: unknown.
        match_score: u8 = 26,
        /// Zero.
        flags: u8 = 27,
        /// Seasons; 0: none or unknown.
        season_count: u16 = 28,
        /// Episodes; 0: none or unknown.
        episode_count: u16 = 30,
        /// Name.
        name: Text = 32,
        /// Name in the language of the original.
        original_name: Text = 40,
        /// What it is about.
        synopsis: Text = 48,
        /// Certificate as printed: `PG-13`.
        certificate: Text = 56,
        /// Genres, the foremost first.
        genres: Table as Name = 64,
        /// Cast, the foremost first.
        cast: Table as Name = 76,
        /// Directors.
        directors: Table as Name = 88,
        /// Pictures.
        art: Table as Art = 100,
        /// Path of the spritesheet that has a small boxart; empty: none.
        sprite_sheet: Text = 112,
        /// Left edge in the sheet, in pixels.
        sprite_x: u16 = 120,
        /// Upper edge in the sheet, in pixels.
        sprite_y: u16 = 122,
        /// Width in the sheet, in pixels.
        sprite_width: u16 = 124,
        /// Height in the sheet, in pixels.
        sprite_height: u16 = 126,
    }

    /// What a profile sees first: rows of cards.
    struct Gallery = 124 {
        /// Where the cards are.
        layout: u8 as Layout = 0,
        /// Bit 0: this is the default gallery.
        flags: u8 = 1,
        /// Zero.
        reserved: u16 = 2,
        /// When the input was made, in seconds since 1970; 0: unknown.
        made_at: u32 = 4,
        /// The profile, as in the path.
        profile: Text = 8,
        /// Name of the profile.
        display_name: Text = 16,
        /// Path of the profile's picture; empty: none.
        avatar: Text = 24,
        /// What paths of pictures are relative to.
        assets: Text = 32,
        /// Shared: path of the catalogue; inline: empty.
        catalogue: Text = 40,
        /// Shared: hash of the catalogue, as in its path; inline: zeros.
        catalogue_hash: [u8; 16] = 48,
        /// Inline: the cards; shared: empty.
        cards: Table as Card = 64,
        /// Rows from top to bottom.
        rows: Table as Row = 76,
        /// Items of all rows.
        items: Table as Item = 88,
        /// What the profile has played, sorted by card.
        plays: Table as Play = 100,
        /// Inline: spritesheets of the cards; shared: empty.
        sheets: Table as Sheet = 112,
    }

    /// The cards that galleries share. It never changes: its path is its hash.
    struct Catalogue = 32 {
        /// What paths of pictures are relative to.
        assets: Text = 0,
        /// The cards.
        cards: Table as Card = 8,
        /// Spritesheets of the cards.
        sheets: Table as Sheet = 20,
    }

    /// Several records in one answer; they follow the entries as they are.
    struct Many = 12 {
        /// One for each record that was asked for, in that order.
        entries: Table as ManyEntry = 0,
    }

    /// One of many records.
    struct ManyEntry = 16 {
        /// Number that was asked for.
        id: u32 = 0,
        /// 200, or 404 when there is none.
        status: u16 = 4,
        /// Zero.
        reserved: u16 = 6,
        /// Where the record begins, a multiple of 8; 0: there is none.
        offset: u32 = 8,
        /// Length of the record; 0: there is none.
        bytes: u32 = 12,
    }

    /// A name in a list.
    struct Name = 8 {
        /// The name.
        text: Text = 0,
    }

    /// A picture of a title.
    struct Art = 16 {
        /// What it shows.
        kind: u8 as ArtKind = 0,
        /// Zero.
        reserved: u8 = 1,
        /// Width in pixels.
        width: u16 = 2,
        /// Height in pixels.
        height: u16 = 4,
        /// Zero.
        reserved_too: u16 = 6,
        /// Path, relative to the assets.
        path: Text = 8,
    }

    /// What a row shows of a title.
    struct Card = 32 {
        /// Number of the title, never 0.
        id: u32 = 0,
        /// Name.
        name: Text = 4,
        /// Path of the boxart, relative to the assets; empty: none.
        boxart: Text = 12,
        /// Year of release; 0: unknown.
        year: u16 = 20,
        /// Running time in minutes; 0: unknown.
        runtime_minutes: u16 = 22,
        /// What it is.
        kind: u8 as Kind = 24,
        /// Minimum age in years; 255: unknown.
        maturity: u8 = 25,
        /// How well it fits, 0 to 100; 255: unknown.
        match_score: u8 = 26,
        /// Zero.
        flags: u8 = 27,
        /// Number of its spritesheet, counted from 1; 0: none.
        sprite_sheet: u16 = 28,
        /// Cell in the sheet, counted row by row from 0.
        sprite_cell: u16 = 30,
    }

    /// A row of a gallery.
    struct Row = 24 {
        /// Number of the row.
        id: u32 = 0,
        /// Name.
        name: Text = 4,
        /// Position of its first item among all items.
        first_item: u32 = 12,
        /// How many items it has.
        item_count: u32 = 16,
        /// Why it is there.
        kind: u8 as RowKind = 20,
        /// Zero.
        flags: u8 = 21,
        /// Zero.
        reserved: u16 = 22,
    }

    /// One place in a row.
    struct Item = 4 {
        /// Position among the cards of the gallery (inline) or of the catalogue (shared).
        card: U24 = 0,
        /// How well it fits this profile, 0 to 100; 255: as its card says.
        match_score: u8 = 3,
    }

    /// What a profile has played of a title.
    struct Play = 44 {
        /// Position among the cards of the gallery (inline) or of the catalogue (shared).
        card: U24 = 0,
        /// How much was watched, in half percents, 0 to 200.
        fraction_watched: u8 = 3,
        /// When it was played last, in seconds since 1970.
        last_play: u32 = 4,
        /// Episodes that are left.
        episodes_left: u16 = 8,
        /// Plays in all.
        plays: u16 = 10,
        /// Plays in the last 7 days.
        plays_7_days: u8 = 12,
        /// Plays in the last 30 days.
        plays_30_days: u8 = 13,
        /// Share of plays on television, phone, web and others; 255: all.
        devices: [u8; 4] = 14,
        /// What the title is, so that a gallery without cards says it too.
        kind: u8 as Kind = 18,
        /// Zero.
        reserved: u8 = 19,
        /// Share of plays in each hour of the day (UTC); 255: all.
        hours: [u8; 24] = 20,
    }

    /// A picture of many small boxarts, in cells of one size.
    struct Sheet = 16 {
        /// Path, relative to the assets.
        path: Text = 0,
        /// Cells in a row.
        columns: u16 = 8,
        /// Rows of cells.
        rows: u16 = 10,
        /// Width of a cell in pixels.
        cell_width: u16 = 12,
        /// Height of a cell in pixels.
        cell_height: u16 = 14,
    }
}
