//! Pure: the gallery record: what a profile sees first, and what it has played.
#![forbid(unsafe_code)]

use super::card::{CARDS_MAX, Card, CardView, Sheet, SheetView, check_cards, check_counts, put_cards, put_sheets};
use super::error::PocoError;
use super::record::{Element, List, Record, RecordWriter, check_count, known, number_or_unknown};
use super::schema::{self, GALLERY, HEAD_BYTES, Kind, Layout, RowKind, Table, U24};
use std::mem::offset_of;

/// Most rows of a gallery: an order names a row in 16 bits.
pub const ROWS_MAX: usize = 65_535;
/// Most items of one row: an order names an item in 16 bits.
pub const ROW_ITEMS_MAX: usize = 65_535;
/// Most items of all rows together, and most plays: as many as there can be cards.
pub const ITEMS_MAX: usize = CARDS_MAX;
/// The whole of a play, in half percents.
const FRACTION_MAX: u8 = 200;
const FLAG_DEFAULT: u8 = 1;

/// A gallery as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gallery {
    /// Where the cards are.
    pub layout: Layout,
    /// Whether this is the gallery of everybody who has none.
    pub is_default: bool,
    /// When the input was made, in seconds since 1970; 0: unknown.
    pub made_at: u32,
    /// The profile, as in the path.
    pub profile: String,
    /// Name of the profile.
    pub display_name: String,
    /// Path of the profile's picture; empty: none.
    pub avatar: String,
    /// What paths of pictures are relative to.
    pub assets: String,
    /// Shared: path of the catalogue ([`super::catalogue_path`]); inline: empty.
    pub catalogue: String,
    /// Shared: hash of the catalogue ([`super::catalogue_hash`]); inline: zeros.
    pub catalogue_hash: [u8; 16],
    /// Inline: the cards; shared: empty.
    pub cards: Vec<Card>,
    /// Inline: spritesheets of the cards; shared: empty.
    pub sheets: Vec<Sheet>,
    /// Rows from top to bottom.
    pub rows: Vec<Row>,
    /// What the profile has played, sorted by card.
    pub plays: Vec<Play>,
}

/// A row of a gallery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Number of the row.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Why it is there.
    pub kind: RowKind,
    /// Its items from left to right.
    pub items: Vec<Item>,
}

/// One place in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Position among the cards of the gallery (inline) or of the catalogue (shared).
    pub card: u32,
    /// How well it fits this profile, 0 to 100; none: as its card says.
    pub match_score: Option<u8>,
}

/// What a profile has played of a title.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Play {
    /// Position among the cards of the gallery (inline) or of the catalogue (shared).
    pub card: u32,
    /// How much was watched, in half percents, 0 to 200.
    pub fraction_watched: u8,
    /// When it was played last, in seconds since 1970; 0: unknown.
    pub last_play: u32,
    /// Episodes that are left.
    pub episodes_left: u16,
    /// Plays in all.
    pub plays: u16,
    /// Plays in the last 7 days.
    pub plays_7_days: u8,
    /// Plays in the last 30 days.
    pub plays_30_days: u8,
    /// Share of plays on television, phone, web and others; 255: all.
    pub devices: [u8; 4],
    /// What the title is. A card says it too, but a gallery of the shared layout has no cards.
    pub kind: Kind,
    /// Share of plays in each hour of the day (UTC); 255: all.
    pub hours: [u8; 24],
}

impl Gallery {
    /// The record: the same gallery gives the same bytes.
    ///
    /// # Errors
    /// The field that a record cannot hold, and what to do.
    pub fn to_record(&self) -> Result<Vec<u8>, PocoError> {
        self.check()?;
        let mut writer = RecordWriter::new::<schema::Gallery>();
        let item_count = self.rows.iter().map(|row| row.items.len()).sum();
        let cards = writer.reserve::<schema::Card>("cards", self.cards.len())?;
        let rows = writer.reserve::<schema::Row>("rows", self.rows.len())?;
        let items = writer.reserve::<schema::Item>("rows.items", item_count)?;
        let plays = writer.reserve::<schema::Play>("plays", self.plays.len())?;
        let sheets = writer.reserve::<schema::Sheet>("sheets", self.sheets.len())?;
        let block = schema::Gallery {
            layout: self.layout.number(),
            flags: if self.is_default { FLAG_DEFAULT } else { 0 },
            reserved: 0,
            made_at: self.made_at,
            profile: writer.text(&self.profile, || "profile".to_owned())?,
            display_name: writer.text(&self.display_name, || "display_name".to_owned())?,
            avatar: writer.text(&self.avatar, || "avatar".to_owned())?,
            assets: writer.text(&self.assets, || "assets".to_owned())?,
            catalogue: writer.text(&self.catalogue, || "catalogue".to_owned())?,
            catalogue_hash: self.catalogue_hash,
            cards,
            rows,
            items,
            plays,
            sheets,
        };
        put_cards(&mut writer, cards, &self.cards, &self.sheets)?;
        self.put_rows(&mut writer, rows, items)?;
        self.put_plays(&mut writer, plays)?;
        put_sheets(&mut writer, sheets, &self.sheets)?;
        Ok(writer.finish(&GALLERY, &block))
    }

    /// What holds between fields, and the bounds of their counts.
    fn check(&self) -> Result<(), PocoError> {
        let wrong = |field: &str, what: &str| Err(PocoError::Field { field: field.to_owned(), what: what.to_owned() });
        match self.layout {
            Layout::Inline if !self.catalogue.is_empty() || self.catalogue_hash != [0; 16] => {
                return wrong("catalogue", "the layout is inline, so the cards are here; leave it and its hash empty");
            }
            Layout::Shared if self.catalogue.is_empty() => {
                return wrong("catalogue", "the layout is shared; name the path of the catalogue and its hash");
            }
            Layout::Shared if !self.cards.is_empty() || !self.sheets.is_empty() => {
                return wrong("cards", "the layout is shared; put cards and sheets into the catalogue");
            }
            Layout::Inline | Layout::Shared => {}
        }
        check_counts(&self.cards, &self.sheets)?;
        check_count(self.rows.len(), ROWS_MAX, "rows: leave the last ones out", || "rows".to_owned())?;
        for (index, row) in self.rows.iter().enumerate() {
            let field = || format!("rows[{index}].items");
            check_count(row.items.len(), ROW_ITEMS_MAX, "items: leave the last ones out", field)?;
        }
        let items = self.rows.iter().map(|row| row.items.len()).fold(0, usize::saturating_add);
        check_count(items, ITEMS_MAX, "items in all rows: make the rows shorter", || "rows.items".to_owned())?;
        check_count(self.plays.len(), ITEMS_MAX, "plays: one for each card", || "plays".to_owned())
    }

    /// A position that the cards have: those of the catalogue are not known here.
    fn card(&self, card: u32, field: impl FnOnce() -> String) -> Result<U24, PocoError> {
        let (count, whose) = match self.layout {
            Layout::Inline => (self.cards.len(), "this gallery has"),
            Layout::Shared => (CARDS_MAX, "a catalogue can have"),
        };
        if card as usize >= count {
            let what = format!("position {card}, and {whose} {count} cards; positions are counted from 0");
            return Err(PocoError::Field { field: field(), what });
        }
        Ok(U24::new(card))
    }

    fn put_rows<'a>(&'a self, writer: &mut RecordWriter<'a>, rows: Table, items: Table) -> Result<(), PocoError> {
        let mut first_item = 0;
        for (index, row) in self.rows.iter().enumerate() {
            let element = schema::Row {
                id: row.id,
                name: writer.text(&row.name, || format!("rows[{index}].name"))?,
                first_item: first_item as u32,
                item_count: row.items.len() as u32,
                kind: row.kind.number(),
                flags: 0,
                reserved: 0,
            };
            writer.put(rows, index, &element);
            for (place, item) in row.items.iter().enumerate() {
                let field = |name: &str| format!("rows[{index}].items[{place}].{name}");
                let card = self.card(item.card, || field("card"))?;
                let match_score = number_or_unknown(item.match_score, 100, || field("match_score"))?;
                writer.put(items, first_item + place, &schema::Item { card, match_score });
            }
            first_item += row.items.len();
        }
        Ok(())
    }

    fn put_plays(&self, writer: &mut RecordWriter<'_>, plays: Table) -> Result<(), PocoError> {
        let mut last = None;
        for (index, play) in self.plays.iter().enumerate() {
            let field = |name: &str| format!("plays[{index}].{name}");
            if last.is_some_and(|last| last >= play.card) {
                let what =
                    format!("position {} does not follow the one before it; sort plays by card, one each", play.card);
                return Err(PocoError::Field { field: field("card"), what });
            }
            last = Some(play.card);
            if play.fraction_watched > FRACTION_MAX {
                let what = format!("{} half percents; 200 is the whole", play.fraction_watched);
                return Err(PocoError::Field { field: field("fraction_watched"), what });
            }
            let element = schema::Play {
                card: self.card(play.card, || field("card"))?,
                fraction_watched: play.fraction_watched,
                last_play: play.last_play,
                episodes_left: play.episodes_left,
                plays: play.plays,
                plays_7_days: play.plays_7_days,
                plays_30_days: play.plays_30_days,
                devices: play.devices,
                kind: play.kind.number(),
                reserved: 0,
                hours: play.hours,
            };
            writer.put(plays, index, &element);
        }
        Ok(())
    }
}

/// Reads a gallery record.
#[derive(Clone, Copy)]
pub struct GalleryView<'a> {
    record: Record<'a>,
    block: schema::Gallery,
    layout: Layout,
}

impl<'a> GalleryView<'a> {
    /// Checks the whole record, texts and all: the time grows with its length. See [`super::TitleView::new`].
    ///
    /// # Errors
    /// Why it is no gallery record that this version can read, and where.
    pub fn new(bytes: &'a [u8]) -> Result<GalleryView<'a>, PocoError> {
        let view = GalleryView::trusted(bytes)?;
        view.check()?;
        Ok(view)
    }

    /// Checks the head and where the tables lie, in constant time: for the path of a request, where a pack's checksums
    /// have vouched for the bytes. Of a damaged record a text reads as empty, a row as short and a list may end early.
    ///
    /// # Errors
    /// Why it is no gallery record that this version can read, and where.
    pub fn trusted(bytes: &'a [u8]) -> Result<GalleryView<'a>, PocoError> {
        let (record, block) = Record::open::<schema::Gallery>(bytes, &GALLERY)?;
        let layout = match block.layout {
            // Of a record that ends before it.
            0 => Layout::Inline,
            number => Layout::from_number(number).ok_or(PocoError::Damaged {
                offset: HEAD_BYTES as u64,
                what: "a layout that this version does not know",
            })?,
        };
        let tables = [
            (block.cards, offset_of!(schema::Gallery, cards)),
            (block.rows, offset_of!(schema::Gallery, rows)),
            (block.items, offset_of!(schema::Gallery, items)),
            (block.plays, offset_of!(schema::Gallery, plays)),
            (block.sheets, offset_of!(schema::Gallery, sheets)),
        ];
        for (table, at) in tables {
            record.check_table(table, at)?;
        }
        Ok(GalleryView { record, block, layout })
    }

    fn check(&self) -> Result<(), PocoError> {
        let (record, block) = (self.record, &self.block);
        let texts = [
            (block.profile, offset_of!(schema::Gallery, profile)),
            (block.display_name, offset_of!(schema::Gallery, display_name)),
            (block.avatar, offset_of!(schema::Gallery, avatar)),
            (block.assets, offset_of!(schema::Gallery, assets)),
            (block.catalogue, offset_of!(schema::Gallery, catalogue)),
        ];
        for (text, at) in texts {
            record.checked_text(text, HEAD_BYTES + at)?;
        }
        check_cards(record, block.cards, block.sheets)?;
        let damaged = |at: usize, what| Err(PocoError::Damaged { offset: at as u64, what });
        for (at, row) in record.elements::<schema::Row>(block.rows) {
            record.checked_text(row.name, at + offset_of!(schema::Row, name))?;
            if u64::from(row.first_item) + u64::from(row.item_count) > u64::from(block.items.count) {
                return damaged(at + offset_of!(schema::Row, first_item), "a row has items that are not there");
            }
        }
        let card_count = match self.layout {
            Layout::Inline => block.cards.count,
            Layout::Shared => u32::MAX,
        };
        for (at, item) in record.elements::<schema::Item>(block.items) {
            if item.card.get() >= card_count {
                return damaged(at, "an item names a card that is not there");
            }
        }
        let mut next = 0;
        for (at, play) in record.elements::<schema::Play>(block.plays) {
            let card = play.card.get();
            if card >= card_count {
                return damaged(at, "a play names a card that is not there");
            }
            if card < next {
                return damaged(at, "plays are not sorted by card");
            }
            next = card + 1;
        }
        Ok(())
    }

    /// Where the cards are.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether this is the gallery of everybody who has none.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.block.flags & FLAG_DEFAULT != 0
    }

    /// When the input was made, in seconds since 1970; 0: unknown.
    #[must_use]
    pub fn made_at(&self) -> u32 {
        self.block.made_at
    }

    /// The profile, as in the path.
    #[must_use]
    pub fn profile(&self) -> &'a str {
        self.record.text(self.block.profile)
    }

    /// Name of the profile.
    #[must_use]
    pub fn display_name(&self) -> &'a str {
        self.record.text(self.block.display_name)
    }

    /// Path of the profile's picture; empty: none.
    #[must_use]
    pub fn avatar(&self) -> &'a str {
        self.record.text(self.block.avatar)
    }

    /// What paths of pictures are relative to.
    #[must_use]
    pub fn assets(&self) -> &'a str {
        self.record.text(self.block.assets)
    }

    /// Shared: path of the catalogue; inline: empty.
    #[must_use]
    pub fn catalogue(&self) -> &'a str {
        self.record.text(self.block.catalogue)
    }

    /// Shared: hash of the catalogue; inline: zeros.
    #[must_use]
    pub fn catalogue_hash(&self) -> [u8; 16] {
        self.block.catalogue_hash
    }

    /// Inline: the cards; shared: none, they are in the catalogue.
    #[must_use]
    pub fn cards(&self) -> List<'a, CardView<'a>> {
        List::new(self.record, self.block.cards)
    }

    /// Inline: spritesheets of the cards; shared: none.
    #[must_use]
    pub fn sheets(&self) -> List<'a, SheetView<'a>> {
        List::new(self.record, self.block.sheets)
    }

    /// Rows from top to bottom.
    #[must_use]
    pub fn rows(&self) -> List<'a, RowView<'a>> {
        List::new(self.record, self.block.rows).with_context(self.block.items)
    }

    /// What the profile has played, sorted by card.
    #[must_use]
    pub fn plays(&self) -> List<'a, Play> {
        List::new(self.record, self.block.plays)
    }

    /// What the profile has played of a card: a binary search.
    #[must_use]
    pub fn play(&self, card: u32) -> Option<Play> {
        let plays = self.plays();
        let (mut first, mut end) = (0, plays.len());
        while first < end {
            let middle = first + (end - first) / 2;
            let play = plays.get(middle)?;
            match play.card.cmp(&card) {
                std::cmp::Ordering::Less => first = middle + 1,
                std::cmp::Ordering::Equal => return Some(play),
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }

    /// All of it as plain data.
    #[must_use]
    pub fn to_gallery(&self) -> Gallery {
        Gallery {
            layout: self.layout(),
            is_default: self.is_default(),
            made_at: self.made_at(),
            profile: self.profile().to_owned(),
            display_name: self.display_name().to_owned(),
            avatar: self.avatar().to_owned(),
            assets: self.assets().to_owned(),
            catalogue: self.catalogue().to_owned(),
            catalogue_hash: self.catalogue_hash(),
            cards: self.cards().iter().map(|card| card.to_card()).collect(),
            sheets: self.sheets().iter().map(|sheet| sheet.to_sheet()).collect(),
            rows: self.rows().iter().map(|row| row.to_row()).collect(),
            plays: self.plays().iter().collect(),
        }
    }
}

impl std::fmt::Debug for GalleryView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_gallery().fmt(f)
    }
}

/// A row, as a record has it.
#[derive(Clone, Copy)]
pub struct RowView<'a> {
    record: Record<'a>,
    row: schema::Row,
    items: Table,
}

impl<'a> RowView<'a> {
    /// Number of the row.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.row.id
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.record.text(self.row.name)
    }

    /// Why it is there; other too when a newer version has a name for it.
    #[must_use]
    pub fn kind(&self) -> RowKind {
        RowKind::from_number(self.row.kind).unwrap_or_default()
    }

    /// Its items from left to right.
    #[must_use]
    pub fn items(&self) -> List<'a, Item> {
        List::new(self.record, self.items)
    }

    /// How many items it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.count as usize
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.count == 0
    }

    /// As plain data.
    #[must_use]
    pub fn to_row(&self) -> Row {
        Row { id: self.id(), name: self.name().to_owned(), kind: self.kind(), items: self.items().iter().collect() }
    }
}

impl std::fmt::Debug for RowView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_row().fmt(f)
    }
}

impl<'a> Element<'a> for RowView<'a> {
    fn read(list: &List<'a, RowView<'a>>, index: usize) -> Option<RowView<'a>> {
        let row: schema::Row = list.record.element(list.table, index)?;
        let all = list.context;
        // The part of all items that is this row's; of a damaged row, what there is of it.
        let first = row.first_item.min(all.count);
        let count = row.item_count.min(all.count - first);
        let offset = list.record.element_at(all, first as usize).and_then(|offset| u32::try_from(offset).ok())?;
        Some(RowView { record: list.record, row, items: Table { offset, count, stride: all.stride } })
    }
}

impl<'a> Element<'a> for Item {
    fn read(list: &List<'a, Item>, index: usize) -> Option<Item> {
        let item: schema::Item = list.record.element(list.table, index)?;
        Some(Item { card: item.card.get(), match_score: known(item.match_score) })
    }
}

impl<'a> Element<'a> for Play {
    fn read(list: &List<'a, Play>, index: usize) -> Option<Play> {
        let play: schema::Play = list.record.element(list.table, index)?;
        Some(Play {
            card: play.card.get(),
            fraction_watched: play.fraction_watched,
            last_play: play.last_play,
            episodes_left: play.episodes_left,
            plays: play.plays,
            plays_7_days: play.plays_7_days,
            plays_30_days: play.plays_30_days,
            devices: play.devices,
            kind: Kind::from_number(play.kind).unwrap_or_default(),
            hours: play.hours,
        })
    }
}
