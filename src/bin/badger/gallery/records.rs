//! From profiles to gallery records, in both layouts.

use super::profile::{PlayLine, ProfileLine};
use super::titles::Titles;
use badgerserver::poco::{
    Card, Catalogue, Gallery, Item, Kind, Layout, Play, PocoError, Row, Sheet, catalogue_hash, catalogue_path,
};
use std::collections::BTreeMap;

/// What all galleries of a pack share.
pub(crate) struct Shelf {
    pub(crate) titles: Titles,
    /// What the paths of art are relative to.
    assets: String,
    /// The catalogue that galleries name instead of having cards: its path and hash.
    catalogue: Option<(String, [u8; 16])>,
}

impl Shelf {
    /// The shelf, and in the shared layout the record of its catalogue.
    pub(crate) fn new(titles: Titles, assets: &str, layout: Layout) -> Result<(Shelf, Option<Vec<u8>>), PocoError> {
        let mut shelf = Shelf { titles, assets: assets.to_owned(), catalogue: None };
        if layout != Layout::Shared {
            return Ok((shelf, None));
        }
        let cards = shelf.titles.cards.clone();
        let sheets = shelf.titles.sheets.clone();
        let record = Catalogue { assets: assets.to_owned(), cards, sheets }.to_record()?;
        let hash = catalogue_hash(&record);
        shelf.catalogue = Some((catalogue_path(hash), hash));
        Ok((shelf, Some(record)))
    }

    /// The key of the catalogue, in the shared layout.
    pub(crate) fn catalogue_key(&self) -> Option<&str> {
        self.catalogue.as_ref().map(|catalogue| catalogue.0.as_str())
    }

    /// Where a picture is.
    pub(crate) fn address(&self, path: &str) -> String {
        if path.is_empty() { String::new() } else { format!("{}{path}", self.assets) }
    }

    /// A profile's gallery, as a record.
    pub(crate) fn record(&self, profile: &ProfileLine) -> Result<Vec<u8>, PocoError> {
        let mut deck = Deck::new(self);
        let rows = profile.rows.iter().map(|row| Row {
            id: row.id,
            name: row.name.clone(),
            kind: row.kind,
            items: row.items.iter().map(|&(card, match_score)| Item { card: deck.number(card), match_score }).collect(),
        });
        let rows = rows.collect();
        let kind = |card: u32| self.titles.cards.get(card as usize).map_or(Kind::Unknown, |card| card.kind);
        let play = |line: &PlayLine| play(deck.number(line.card), kind(line.card), line);
        let mut plays: Vec<Play> = profile.plays.iter().map(play).collect();
        plays.sort_by_key(|play| play.card);
        let (catalogue, catalogue_hash) = self.catalogue.clone().unwrap_or_default();
        let gallery = Gallery {
            layout: if self.catalogue.is_some() { Layout::Shared } else { Layout::Inline },
            is_default: profile.is_default,
            made_at: profile.made_at,
            profile: profile.id.clone(),
            display_name: profile.name.clone(),
            avatar: profile.avatar.clone(),
            assets: self.assets.clone(),
            catalogue,
            catalogue_hash,
            cards: deck.cards,
            sheets: deck.sheets,
            rows,
            plays,
        };
        gallery.to_record()
    }
}

fn play(card: u32, kind: Kind, line: &PlayLine) -> Play {
    Play {
        card,
        fraction_watched: line.fraction_watched,
        last_play: line.last_play,
        episodes_left: line.episodes_left,
        plays: line.plays,
        plays_7_days: line.plays_7_days,
        plays_30_days: line.plays_30_days,
        devices: line.devices,
        kind,
        hours: line.hours,
    }
}

/// The cards of one gallery, in the order of their first use. With a catalogue there are none, and numbers are those of it.
struct Deck<'a> {
    shelf: &'a Shelf,
    cards: Vec<Card>,
    sheets: Vec<Sheet>,
    numbers: BTreeMap<u32, u32>,
    sheet_numbers: BTreeMap<u16, u16>,
}

impl Deck<'_> {
    fn new(shelf: &Shelf) -> Deck<'_> {
        Deck { shelf, cards: Vec::new(), sheets: Vec::new(), numbers: BTreeMap::new(), sheet_numbers: BTreeMap::new() }
    }

    /// The number by which this gallery names a card.
    fn number(&mut self, card: u32) -> u32 {
        if self.shelf.catalogue.is_some() {
            return card;
        }
        if let Some(number) = self.numbers.get(&card) {
            return *number;
        }
        let number = self.cards.len() as u32;
        let mut copy = self.shelf.titles.cards[card as usize].clone();
        copy.sprite_sheet = self.sheet_number(copy.sprite_sheet);
        self.cards.push(copy);
        self.numbers.insert(card, number);
        number
    }

    /// Sheets are counted from 1; 0 is none.
    fn sheet_number(&mut self, sheet: u16) -> u16 {
        let Some(index) = sheet.checked_sub(1) else { return 0 };
        *self.sheet_numbers.entry(sheet).or_insert_with(|| {
            self.sheets.push(self.shelf.titles.sheets[usize::from(index)].clone());
            self.sheets.len() as u16
        })
    }
}
