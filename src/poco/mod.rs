//! Records that a television reads without parsing ("plain old C objects"): titles, galleries, catalogues.
//!
//! Pure: bytes in, bytes out. A record is written from plain data ([`Title`], [`Gallery`], [`Catalogue`]) and read
//! through a view ([`TitleView`], [`GalleryView`], [`CatalogueView`], [`ManyView`]) that borrows its bytes and allocates
//! nothing. `docs/poco.md` draws the format to the byte; it, the JavaScript decoder's table and its declarations are
//! written from [`schema`].
//!
//! A file has one idea each: `schema` the structs and their table, `field` what such a
//! table consists of, `record` how every record is opened and written,
//! `title`, `gallery`, `card` and `catalogue` one record each with the parts they share, `many` the frame for several
//! records in one answer, `order` the order that travels beside a gallery, `moment` what it is
//! at some time on some device, `hexdump` the annotated dump, `generate` and
//! `header` the texts made from the table, `error` what can go wrong.
//!
//! ```
//! use badgerserver::poco::{Kind, Title, TitleView};
//!
//! let title = Title { id: 1, name: "Ночной дозор".into(), kind: Kind::Film, year: 2004, ..Title::default() };
//! let record = title.to_record()?;
//! let view = TitleView::new(&record)?;
//! assert_eq!((view.name(), view.year(), view.maturity()), ("Ночной дозор", 2004, None));
//! # Ok::<(), badgerserver::poco::PocoError>(())
//! ```
#![forbid(unsafe_code)]

mod card;
mod catalogue;
mod error;
mod field;
mod gallery;
pub mod generate;
mod header;
mod hexdump;
pub mod many;
pub mod moment;
mod order;
mod record;
pub mod schema;
mod title;

pub use card::{CARDS_MAX, Card, CardView, SHEETS_MAX, Sheet, SheetView};
pub use catalogue::{Catalogue, CatalogueView, catalogue_hash, catalogue_path};
pub use error::PocoError;
pub use gallery::{Gallery, GalleryView, ITEMS_MAX, Item, Play, ROW_ITEMS_MAX, ROWS_MAX, Row, RowView};
pub use header::c_header;
pub use hexdump::annotate;
pub use many::{MANY_ENTRIES_MAX, ManyEntry, ManyView};
pub use order::{ORDER_BYTES_MAX, ORDER_HEADER, Order, RowOrder};
pub use record::{Iter, List, RECORD_BYTES_MAX, TEXT_BYTES_MAX};
pub use schema::{ArtKind, Kind, Layout, RowKind};
pub use title::{Art, ArtView, Sprite, SpriteView, TITLE_LIST_MAX, Title, TitleView, uuid_of_id};

/// The media type of a title record.
pub const TITLE_MEDIA_TYPE: &str = schema::TITLE.media_type;
/// The media type of a gallery record.
pub const GALLERY_MEDIA_TYPE: &str = schema::GALLERY.media_type;
/// The media type of a catalogue record.
pub const CATALOGUE_MEDIA_TYPE: &str = schema::CATALOGUE.media_type;
/// The media type of a frame of many records.
pub const MANY_MEDIA_TYPE: &str = schema::MANY.media_type;
