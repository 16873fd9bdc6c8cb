//! Pure: the catalogue record: the cards that galleries of the shared layout have in common.
#![forbid(unsafe_code)]

use super::card::{Card, CardView, Sheet, SheetView, check_cards, check_counts, put_cards, put_sheets};
use super::error::PocoError;
use super::record::{List, Record, RecordWriter};
use super::schema::{self, CATALOGUE, HEAD_BYTES};
use std::mem::offset_of;

/// A catalogue as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// What paths of pictures are relative to.
    pub assets: String,
    /// The cards; a gallery names them by their position.
    pub cards: Vec<Card>,
    /// Spritesheets of the cards.
    pub sheets: Vec<Sheet>,
}

/// The hash by which galleries name a catalogue: XXH3-128 of its record, the high byte first.
#[must_use]
pub fn catalogue_hash(record: &[u8]) -> [u8; 16] {
    xxhash_rust::xxh3::xxh3_128(record).to_be_bytes()
}

/// The path of the catalogue that has this hash: `/catalogue/` and 32 hexadecimal digits.
#[must_use]
pub fn catalogue_path(hash: [u8; 16]) -> String {
    format!("/catalogue/{:032x}", u128::from_be_bytes(hash))
}

impl Catalogue {
    /// The record: the same catalogue gives the same bytes.
    ///
    /// # Errors
    /// The field that a record cannot hold, and what to do.
    pub fn to_record(&self) -> Result<Vec<u8>, PocoError> {
        check_counts(&self.cards, &self.sheets)?;
        let mut writer = RecordWriter::new::<schema::Catalogue>();
        let cards = writer.reserve::<schema::Card>("cards", self.cards.len())?;
        let sheets = writer.reserve::<schema::Sheet>("sheets", self.sheets.len())?;
        let assets = writer.text(&self.assets, || "assets".to_owned())?;
        put_cards(&mut writer, cards, &self.cards, &self.sheets)?;
        put_sheets(&mut writer, sheets, &self.sheets)?;
        Ok(writer.finish(&CATALOGUE, &schema::Catalogue { assets, cards, sheets }))
    }
}

/// Reads a catalogue record.
#[derive(Clone, Copy)]
pub struct CatalogueView<'a> {
    record: Record<'a>,
    block: schema::Catalogue,
}

impl<'a> CatalogueView<'a> {
    /// Checks the whole record, texts and all: the time grows with its length. See [`super::TitleView::new`].
    ///
    /// # Errors
    /// Why it is no catalogue record that this version can read, and where.
    pub fn new(bytes: &'a [u8]) -> Result<CatalogueView<'a>, PocoError> {
        let (record, block) = Record::open::<schema::Catalogue>(bytes, &CATALOGUE)?;
        record.checked_text(block.assets, HEAD_BYTES + offset_of!(schema::Catalogue, assets))?;
        record.check_table(block.cards, offset_of!(schema::Catalogue, cards))?;
        record.check_table(block.sheets, offset_of!(schema::Catalogue, sheets))?;
        check_cards(record, block.cards, block.sheets)?;
        Ok(CatalogueView { record, block })
    }

    /// What paths of pictures are relative to.
    #[must_use]
    pub fn assets(&self) -> &'a str {
        self.record.text(self.block.assets)
    }

    /// The cards.
    #[must_use]
    pub fn cards(&self) -> List<'a, CardView<'a>> {
        List::new(self.record, self.block.cards)
    }

    /// Spritesheets of the cards.
    #[must_use]
    pub fn sheets(&self) -> List<'a, SheetView<'a>> {
        List::new(self.record, self.block.sheets)
    }

    /// All of it as plain data.
    #[must_use]
    pub fn to_catalogue(&self) -> Catalogue {
        Catalogue {
            assets: self.assets().to_owned(),
            cards: self.cards().iter().map(|card| card.to_card()).collect(),
            sheets: self.sheets().iter().map(|sheet| sheet.to_sheet()).collect(),
        }
    }
}

impl std::fmt::Debug for CatalogueView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_catalogue().fmt(f)
    }
}
