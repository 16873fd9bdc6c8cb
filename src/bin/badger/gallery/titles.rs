//! The titles as galleries need them: a card each, found by id.

use super::error::GalleryError;
use super::object::complaint;
use super::title::TitleLine;
use badgerserver::poco::{ArtKind, CARDS_MAX, Card, SHEETS_MAX, Sheet};
use std::collections::BTreeMap;

/// The cards of all titles in the order of their lines, and the sheets that they name.
#[derive(Debug, Default)]
pub(crate) struct Titles {
    pub(crate) cards: Vec<Card>,
    pub(crate) sheets: Vec<Sheet>,
    /// From the id to the number of the card and the line.
    by_id: BTreeMap<u32, (u32, u64)>,
    /// From the path to the number of the sheet, from 1, and the line that brought it.
    by_path: BTreeMap<String, (u16, u64)>,
}

impl Titles {
    /// The number of a title's card.
    pub(crate) fn card(&self, id: u32) -> Option<u32> {
        self.by_id.get(&id).map(|found| found.0)
    }

    /// Adds the title of line `number`.
    ///
    /// # Errors
    /// Its id is there already, or its sheet with other cells, or there are too many.
    pub(crate) fn add(&mut self, line: &TitleLine, number: u64) -> Result<(), GalleryError> {
        let title = &line.title;
        if let Some((_, other)) = self.by_id.get(&title.id) {
            let what = format!("line {other} has the id {} too", title.id);
            return Err(complaint("id", what, "each title has an id of its own"));
        }
        if self.cards.len() >= CARDS_MAX {
            let what = format!("there are more than {CARDS_MAX} titles");
            return Err(GalleryError::new(what, "make several packs"));
        }
        let (sprite_sheet, sprite_cell) = match &line.cell {
            Some((sheet, cell)) => (self.sheet(sheet, number)?, *cell),
            None => (0, 0),
        };
        let boxart = title.art.iter().find(|art| art.kind == ArtKind::Boxart);
        self.by_id.insert(title.id, (self.cards.len() as u32, number));
        self.cards.push(Card {
            id: title.id,
            name: title.name.clone(),
            boxart: boxart.map(|art| art.path.clone()).unwrap_or_default(),
            year: title.year,
            runtime_minutes: title.runtime_minutes,
            kind: title.kind,
            maturity: title.maturity,
            match_score: title.match_score,
            sprite_sheet,
            sprite_cell,
        });
        Ok(())
    }

    /// The number of a sheet, counted from 1 as cards do.
    fn sheet(&mut self, sheet: &Sheet, number: u64) -> Result<u16, GalleryError> {
        if let Some((index, other)) = self.by_path.get(&sheet.path) {
            if self.sheets[usize::from(*index) - 1] == *sheet {
                return Ok(*index);
            }
            let what = format!("line {other} gives {:?} other cells", sheet.path);
            return Err(complaint("sprite", what, "width, height, columns and rows are the same for all of a sheet"));
        }
        if self.sheets.len() >= SHEETS_MAX {
            let what = format!("there are more than {SHEETS_MAX} sheets");
            return Err(complaint("sprite.sheet", what, "put more sprites on a sheet"));
        }
        self.sheets.push(sheet.clone());
        let index = self.sheets.len() as u16; // at most SHEETS_MAX
        self.by_path.insert(sheet.path.clone(), (index, number));
        Ok(index)
    }
}
