//! Pure: the title record: all that is known of a title.
#![forbid(unsafe_code)]

use super::error::PocoError;
use super::record::{Element, List, Record, RecordWriter, check_count, check_id, known, number_or_unknown};
use super::schema::{self, ArtKind, HEAD_BYTES, Kind, TITLE};
use std::mem::offset_of;

/// Most genres, people or pictures of one title. A cast has some hundred at most; more is a mistake in the input.
pub const TITLE_LIST_MAX: usize = 1024;
/// The oldest minimum age: 255 in a record means that it is not known.
const MATURITY_MAX: u8 = 254;
const SCORE_MAX: u8 = 100;

/// A title as plain data. Fill the fields you know; the defaults mean "unknown" or "none".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// Number of the title, never 0.
    pub id: u32,
    /// UUID in the order in which it is printed; [`uuid_of_id`] makes one.
    pub uuid: [u8; 16],
    /// Name.
    pub name: String,
    /// Name in the language of the original.
    pub original_name: String,
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
    /// Certificate as printed: `PG-13`.
    pub certificate: String,
    /// What it is about.
    pub synopsis: String,
    /// Seasons; 0: none or unknown.
    pub season_count: u16,
    /// Episodes; 0: none or unknown.
    pub episode_count: u16,
    /// Genres, the foremost first.
    pub genres: Vec<String>,
    /// Cast, the foremost first.
    pub cast: Vec<String>,
    /// Directors.
    pub directors: Vec<String>,
    /// Pictures.
    pub art: Vec<Art>,
    /// Its place in a spritesheet.
    pub sprite: Option<Sprite>,
}

/// A picture of a title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Art {
    /// What it shows.
    pub kind: ArtKind,
    /// Path, relative to the assets.
    pub path: String,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

/// A small boxart inside a larger picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sprite {
    /// Path of the larger picture, relative to the assets; never empty.
    pub sheet: String,
    /// Left edge in pixels.
    pub x: u16,
    /// Upper edge in pixels.
    pub y: u16,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

/// The UUID of a title that has none of its own: made from its id, so that it is the same in every run. Version 8 of
/// RFC 9562 over XXH3-128 of `badger:title:<id>`.
#[must_use]
pub fn uuid_of_id(id: u32) -> [u8; 16] {
    let mut uuid = xxhash_rust::xxh3::xxh3_128(format!("badger:title:{id}").as_bytes()).to_be_bytes();
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

impl Title {
    /// The record: the same title gives the same bytes.
    ///
    /// # Errors
    /// The field that a record cannot hold, and what to do.
    pub fn to_record(&self) -> Result<Vec<u8>, PocoError> {
        check_id(self.id, || "id".to_owned())?;
        let lists = [("genres", &self.genres), ("cast", &self.cast), ("directors", &self.directors)];
        for (field, list) in lists {
            check_count(list.len(), TITLE_LIST_MAX, "names: keep the foremost", || field.to_owned())?;
        }
        check_count(self.art.len(), TITLE_LIST_MAX, "pictures: keep those that are shown", || "art".to_owned())?;
        let mut writer = RecordWriter::new::<schema::Title>();
        let mut tables = [schema::Table::default(); 3];
        for (table, (field, list)) in tables.iter_mut().zip(lists) {
            *table = writer.reserve::<schema::Name>(field, list.len())?;
        }
        let art = writer.reserve::<schema::Art>("art", self.art.len())?;

        let mut block = schema::Title {
            id: self.id,
            uuid: schema::Uuid(self.uuid),
            year: self.year,
            runtime_minutes: self.runtime_minutes,
            kind: self.kind.number(),
            maturity: number_or_unknown(self.maturity, MATURITY_MAX, || "maturity".to_owned())?,
            match_score: number_or_unknown(self.match_score, SCORE_MAX, || "match_score".to_owned())?,
            flags: 0,
            season_count: self.season_count,
            episode_count: self.episode_count,
            name: writer.text(&self.name, || "name".to_owned())?,
            original_name: writer.text(&self.original_name, || "original_name".to_owned())?,
            synopsis: writer.text(&self.synopsis, || "synopsis".to_owned())?,
            certificate: writer.text(&self.certificate, || "certificate".to_owned())?,
            genres: tables[0],
            cast: tables[1],
            directors: tables[2],
            art,
            sprite_sheet: schema::Text::default(),
            sprite_x: 0,
            sprite_y: 0,
            sprite_width: 0,
            sprite_height: 0,
        };
        for (table, (field, list)) in tables.iter().zip(lists) {
            for (index, name) in list.iter().enumerate() {
                let text = writer.text(name, || format!("{field}[{index}]"))?;
                writer.put(*table, index, &schema::Name { text });
            }
        }
        for (index, picture) in self.art.iter().enumerate() {
            let (kind, width, height) = (picture.kind.number(), picture.width, picture.height);
            let path = writer.text(&picture.path, || format!("art[{index}].path"))?;
            writer.put(art, index, &schema::Art { kind, reserved: 0, width, height, reserved_too: 0, path });
        }
        if let Some(sprite) = &self.sprite {
            if sprite.sheet.is_empty() {
                let what = "empty; name the picture that has the sprite, or leave the sprite out".to_owned();
                return Err(PocoError::Field { field: "sprite.sheet".to_owned(), what });
            }
            block.sprite_sheet = writer.text(&sprite.sheet, || "sprite.sheet".to_owned())?;
            (block.sprite_x, block.sprite_y) = (sprite.x, sprite.y);
            (block.sprite_width, block.sprite_height) = (sprite.width, sprite.height);
        }
        Ok(writer.finish(&TITLE, &block))
    }
}

/// Reads a title record.
#[derive(Clone, Copy)]
pub struct TitleView<'a> {
    record: Record<'a>,
    block: schema::Title,
}

impl<'a> TitleView<'a> {
    /// Checks the whole record, texts and all: the time grows with its length. What is checked once is not looked at
    /// again by the accessors, save that a text is proven to be UTF-8 each time.
    ///
    /// # Errors
    /// Why it is no title record that this version can read, and where.
    pub fn new(bytes: &'a [u8]) -> Result<TitleView<'a>, PocoError> {
        let (record, block) = Record::open::<schema::Title>(bytes, &TITLE)?;
        let texts = [
            (block.name, offset_of!(schema::Title, name)),
            (block.original_name, offset_of!(schema::Title, original_name)),
            (block.synopsis, offset_of!(schema::Title, synopsis)),
            (block.certificate, offset_of!(schema::Title, certificate)),
            (block.sprite_sheet, offset_of!(schema::Title, sprite_sheet)),
        ];
        for (text, at) in texts {
            record.checked_text(text, HEAD_BYTES + at)?;
        }
        let lists = [
            (block.genres, offset_of!(schema::Title, genres)),
            (block.cast, offset_of!(schema::Title, cast)),
            (block.directors, offset_of!(schema::Title, directors)),
        ];
        for (table, at) in lists {
            record.check_table(table, at)?;
            for (at, name) in record.elements::<schema::Name>(table) {
                record.checked_text(name.text, at + offset_of!(schema::Name, text))?;
            }
        }
        record.check_table(block.art, offset_of!(schema::Title, art))?;
        for (at, art) in record.elements::<schema::Art>(block.art) {
            record.checked_text(art.path, at + offset_of!(schema::Art, path))?;
        }
        Ok(TitleView { record, block })
    }

    /// Number of the title.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.block.id
    }

    /// UUID in the order in which it is printed.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.block.uuid.0
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.record.text(self.block.name)
    }

    /// Name in the language of the original.
    #[must_use]
    pub fn original_name(&self) -> &'a str {
        self.record.text(self.block.original_name)
    }

    /// Year of release; 0: unknown.
    #[must_use]
    pub fn year(&self) -> u16 {
        self.block.year
    }

    /// Running time; 0: unknown.
    #[must_use]
    pub fn runtime_minutes(&self) -> u16 {
        self.block.runtime_minutes
    }

    /// What it is; unknown too when a newer version has a name for it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.block.kind).unwrap_or_default()
    }

    /// Minimum age in years.
    #[must_use]
    pub fn maturity(&self) -> Option<u8> {
        known(self.block.maturity)
    }

    /// How well it fits, 0 to 100.
    #[must_use]
    pub fn match_score(&self) -> Option<u8> {
        known(self.block.match_score)
    }

    /// Certificate as printed.
    #[must_use]
    pub fn certificate(&self) -> &'a str {
        self.record.text(self.block.certificate)
    }

    /// What it is about.
    #[must_use]
    pub fn synopsis(&self) -> &'a str {
        self.record.text(self.block.synopsis)
    }

    /// Seasons; 0: none or unknown.
    #[must_use]
    pub fn season_count(&self) -> u16 {
        self.block.season_count
    }

    /// Episodes; 0: none or unknown.
    #[must_use]
    pub fn episode_count(&self) -> u16 {
        self.block.episode_count
    }

    /// Genres, the foremost first.
    #[must_use]
    pub fn genres(&self) -> List<'a, &'a str> {
        List::new(self.record, self.block.genres)
    }

    /// Cast, the foremost first.
    #[must_use]
    pub fn cast(&self) -> List<'a, &'a str> {
        List::new(self.record, self.block.cast)
    }

    /// Directors.
    #[must_use]
    pub fn directors(&self) -> List<'a, &'a str> {
        List::new(self.record, self.block.directors)
    }

    /// Pictures.
    #[must_use]
    pub fn art(&self) -> List<'a, ArtView<'a>> {
        List::new(self.record, self.block.art)
    }

    /// Its place in a spritesheet.
    #[must_use]
    pub fn sprite(&self) -> Option<SpriteView<'a>> {
        let sheet = self.record.text(self.block.sprite_sheet);
        (!sheet.is_empty()).then_some(SpriteView {
            sheet,
            x: self.block.sprite_x,
            y: self.block.sprite_y,
            width: self.block.sprite_width,
            height: self.block.sprite_height,
        })
    }

    /// All of it as plain data.
    #[must_use]
    pub fn to_title(&self) -> Title {
        let names = |list: List<'a, &'a str>| list.iter().map(str::to_owned).collect();
        Title {
            id: self.id(),
            uuid: self.uuid(),
            name: self.name().to_owned(),
            original_name: self.original_name().to_owned(),
            year: self.year(),
            runtime_minutes: self.runtime_minutes(),
            kind: self.kind(),
            maturity: self.maturity(),
            match_score: self.match_score(),
            certificate: self.certificate().to_owned(),
            synopsis: self.synopsis().to_owned(),
            season_count: self.season_count(),
            episode_count: self.episode_count(),
            genres: names(self.genres()),
            cast: names(self.cast()),
            directors: names(self.directors()),
            art: self.art().iter().map(|art| art.to_art()).collect(),
            sprite: self.sprite().map(|sprite| sprite.to_sprite()),
        }
    }
}

impl std::fmt::Debug for TitleView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_title().fmt(f)
    }
}

impl<'a> Element<'a> for &'a str {
    fn read(list: &List<'a, &'a str>, index: usize) -> Option<&'a str> {
        let name: schema::Name = list.record.element(list.table, index)?;
        Some(list.record.text(name.text))
    }
}

/// A picture of a title, as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtView<'a> {
    /// What it shows; unknown too when a newer version has a name for it.
    pub kind: ArtKind,
    /// Path, relative to the assets.
    pub path: &'a str,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

impl ArtView<'_> {
    /// As plain data.
    #[must_use]
    pub fn to_art(&self) -> Art {
        Art { kind: self.kind, path: self.path.to_owned(), width: self.width, height: self.height }
    }
}

impl<'a> Element<'a> for ArtView<'a> {
    fn read(list: &List<'a, ArtView<'a>>, index: usize) -> Option<ArtView<'a>> {
        let art: schema::Art = list.record.element(list.table, index)?;
        let kind = ArtKind::from_number(art.kind).unwrap_or_default();
        Some(ArtView { kind, path: list.record.text(art.path), width: art.width, height: art.height })
    }
}

/// A small boxart inside a larger picture, as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpriteView<'a> {
    /// Path of the larger picture, relative to the assets.
    pub sheet: &'a str,
    /// Left edge in pixels.
    pub x: u16,
    /// Upper edge in pixels.
    pub y: u16,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

impl SpriteView<'_> {
    /// As plain data.
    #[must_use]
    pub fn to_sprite(&self) -> Sprite {
        Sprite { sheet: self.sheet.to_owned(), x: self.x, y: self.y, width: self.width, height: self.height }
    }
}
