//! Pure: cards and spritesheets, which galleries and catalogues share.
#![forbid(unsafe_code)]

use super::error::PocoError;
use super::record::{Element, List, Record, RecordWriter, check_count, check_id, known, number_or_unknown};
use super::schema::{self, Kind, Table};
use std::mem::offset_of;

/// Most cards of one record: an item names its card in 24 bits.
pub const CARDS_MAX: usize = 1 << 24;
/// Most spritesheets of one record: a card names its sheet in 16 bits, and 0 means none.
pub const SHEETS_MAX: usize = 65_535;

/// What a row shows of a title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Number of the title, never 0.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Path of the boxart, relative to the assets; empty: none.
    pub boxart: String,
    /// Year of release; 0: unknown.
    pub year: u16,
    /// Running time; 0: unknown.
    pub runtime_minutes: u16,
    /// What it is.
    pub kind: Kind,
    /// Minimum age in years, at most 254.
    pub maturity: Option<u8>,
    /// How well it fits, 0 to 100.
    pub match_score: Option<u8>,
    /// Number of its spritesheet, counted from 1; 0: none.
    pub sprite_sheet: u16,
    /// Cell in the sheet, counted row by row from 0.
    pub sprite_cell: u16,
}

/// A picture of many small boxarts, in cells of one size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Path, relative to the assets.
    pub path: String,
    /// Cells in a row.
    pub columns: u16,
    /// Rows of cells.
    pub rows: u16,
    /// Width of a cell in pixels.
    pub cell_width: u16,
    /// Height of a cell in pixels.
    pub cell_height: u16,
}

/// Refuses more than positions can name.
pub(super) fn check_counts(cards: &[Card], sheets: &[Sheet]) -> Result<(), PocoError> {
    check_count(cards.len(), CARDS_MAX, "cards: split the titles into several catalogues", || "cards".to_owned())?;
    check_count(sheets.len(), SHEETS_MAX, "sheets: put more cells into each", || "sheets".to_owned())
}

/// Writes all cards into their table.
pub(super) fn put_cards<'a>(
    writer: &mut RecordWriter<'a>,
    table: Table,
    cards: &'a [Card],
    sheets: &[Sheet],
) -> Result<(), PocoError> {
    for (index, card) in cards.iter().enumerate() {
        let field = |name: &str| format!("cards[{index}].{name}");
        check_id(card.id, || field("id"))?;
        if let Some(number) = card.sprite_sheet.checked_sub(1) {
            let Some(sheet) = sheets.get(usize::from(number)) else {
                let what = format!("{} of {} sheets; sheets are counted from 1", card.sprite_sheet, sheets.len());
                return Err(PocoError::Field { field: field("sprite_sheet"), what });
            };
            let cells = u32::from(sheet.columns) * u32::from(sheet.rows);
            if u32::from(card.sprite_cell) >= cells {
                let what = format!("{} of {cells} cells; cells are counted from 0", card.sprite_cell);
                return Err(PocoError::Field { field: field("sprite_cell"), what });
            }
        }
        let element = schema::Card {
            id: card.id,
            name: writer.text(&card.name, || field("name"))?,
            boxart: writer.text(&card.boxart, || field("boxart"))?,
            year: card.year,
            runtime_minutes: card.runtime_minutes,
            kind: card.kind.number(),
            maturity: number_or_unknown(card.maturity, 254, || field("maturity"))?,
            match_score: number_or_unknown(card.match_score, 100, || field("match_score"))?,
            flags: 0,
            sprite_sheet: card.sprite_sheet,
            sprite_cell: card.sprite_cell,
        };
        writer.put(table, index, &element);
    }
    Ok(())
}

/// Writes all sheets into their table.
pub(super) fn put_sheets<'a>(
    writer: &mut RecordWriter<'a>,
    table: Table,
    sheets: &'a [Sheet],
) -> Result<(), PocoError> {
    for (index, sheet) in sheets.iter().enumerate() {
        let element = schema::Sheet {
            path: writer.text(&sheet.path, || format!("sheets[{index}].path"))?,
            columns: sheet.columns,
            rows: sheet.rows,
            cell_width: sheet.cell_width,
            cell_height: sheet.cell_height,
        };
        writer.put(table, index, &element);
    }
    Ok(())
}

/// Checks every card and sheet of tables that lie in the record.
pub(super) fn check_cards(record: Record<'_>, cards: Table, sheets: Table) -> Result<(), PocoError> {
    for (at, card) in record.elements::<schema::Card>(cards) {
        record.checked_text(card.name, at + offset_of!(schema::Card, name))?;
        record.checked_text(card.boxart, at + offset_of!(schema::Card, boxart))?;
        if u32::from(card.sprite_sheet) > sheets.count {
            let offset = (at + offset_of!(schema::Card, sprite_sheet)) as u64;
            return Err(PocoError::Damaged { offset, what: "a card names a spritesheet that is not there" });
        }
    }
    for (at, sheet) in record.elements::<schema::Sheet>(sheets) {
        record.checked_text(sheet.path, at + offset_of!(schema::Sheet, path))?;
    }
    Ok(())
}

/// A card, as a record has it.
#[derive(Clone, Copy)]
pub struct CardView<'a> {
    record: Record<'a>,
    card: schema::Card,
}

impl<'a> CardView<'a> {
    /// Number of the title.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.card.id
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.record.text(self.card.name)
    }

    /// Path of the boxart, relative to the assets; empty: none.
    #[must_use]
    pub fn boxart(&self) -> &'a str {
        self.record.text(self.card.boxart)
    }

    /// Year of release; 0: unknown.
    #[must_use]
    pub fn year(&self) -> u16 {
        self.card.year
    }

    /// Running time; 0: unknown.
    #[must_use]
    pub fn runtime_minutes(&self) -> u16 {
        self.card.runtime_minutes
    }

    /// What it is; unknown too when a newer version has a name for it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.card.kind).unwrap_or_default()
    }

    /// Minimum age in years.
    #[must_use]
    pub fn maturity(&self) -> Option<u8> {
        known(self.card.maturity)
    }

    /// How well it fits, 0 to 100.
    #[must_use]
    pub fn match_score(&self) -> Option<u8> {
        known(self.card.match_score)
    }

    /// Number of its spritesheet, counted from 1; 0: none.
    #[must_use]
    pub fn sprite_sheet(&self) -> u16 {
        self.card.sprite_sheet
    }

    /// Cell in the sheet, counted row by row from 0.
    #[must_use]
    pub fn sprite_cell(&self) -> u16 {
        self.card.sprite_cell
    }

    /// As plain data.
    #[must_use]
    pub fn to_card(&self) -> Card {
        Card {
            id: self.id(),
            name: self.name().to_owned(),
            boxart: self.boxart().to_owned(),
            year: self.year(),
            runtime_minutes: self.runtime_minutes(),
            kind: self.kind(),
            maturity: self.maturity(),
            match_score: self.match_score(),
            sprite_sheet: self.sprite_sheet(),
            sprite_cell: self.sprite_cell(),
        }
    }
}

impl std::fmt::Debug for CardView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_card().fmt(f)
    }
}

impl<'a> Element<'a> for CardView<'a> {
    fn read(list: &List<'a, CardView<'a>>, index: usize) -> Option<CardView<'a>> {
        Some(CardView { record: list.record, card: list.record.element(list.table, index)? })
    }
}

/// A spritesheet, as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SheetView<'a> {
    /// Path, relative to the assets.
    pub path: &'a str,
    /// Cells in a row.
    pub columns: u16,
    /// Rows of cells.
    pub rows: u16,
    /// Width of a cell in pixels.
    pub cell_width: u16,
    /// Height of a cell in pixels.
    pub cell_height: u16,
}

impl SheetView<'_> {
    /// As plain data.
    #[must_use]
    pub fn to_sheet(&self) -> Sheet {
        Sheet {
            path: self.path.to_owned(),
            columns: self.columns,
            rows: self.rows,
            cell_width: self.cell_width,
            cell_height: self.cell_height,
        }
    }
}

impl<'a> Element<'a> for SheetView<'a> {
    fn read(list: &List<'a, SheetView<'a>>, index: usize) -> Option<SheetView<'a>> {
        let sheet: schema::Sheet = list.record.element(list.table, index)?;
        Some(SheetView {
            path: list.record.text(sheet.path),
            columns: sheet.columns,
            rows: sheet.rows,
            cell_width: sheet.cell_width,
            cell_height: sheet.cell_height,
        })
    }
}
