//! A line of titles.ndjson.

use super::error::GalleryError;
use super::object::{Field, Object};
use badgerserver::pack::key;
use badgerserver::poco::{Art, ArtKind, Kind, Sheet, Sprite, Title, uuid_of_id};

/// Characters of a name: a person, a genre, a title, a profile.
pub(crate) const NAME_CHARACTERS_MAX: usize = 500;
/// Characters of a certificate as it is printed.
const CERTIFICATE_CHARACTERS_MAX: usize = 40;
const SYNOPSIS_CHARACTERS_MAX: usize = 10_000;
/// Characters of a path below the assets.
const PATH_CHARACTERS_MAX: usize = 1_000;
/// Names in each of the lists of a title.
const NAMES_MAX: usize = 1_000;
const ART_MAX: usize = 100;
const YEAR_MAX: u16 = 9_999;
const AGE_MAX: u8 = 99;
/// A score is a percentage.
pub(crate) const SCORE_MAX: u8 = 100;

/// A title, and the sheet that has its sprite.
#[derive(Debug)]
pub(crate) struct TitleLine {
    pub(crate) title: Title,
    /// The sheet, and the number of the sprite's cell in it, counted by rows.
    pub(crate) cell: Option<(Sheet, u16)>,
}

impl TitleLine {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong, without file and line number.
    pub(crate) fn parse(line: &[u8]) -> Result<TitleLine, GalleryError> {
        let mut object = Object::parse(line)?;
        let id = object.take("id").required()?.number_or_zero(1..=u32::MAX)?;
        let uuid = uuid(object.take("uuid"))?.unwrap_or_else(|| uuid_of_id(id));
        let (sprite, cell) = sprite(object.take("sprite"))?
            .map_or((None, None), |(sprite, sheet, cell)| (Some(sprite), Some((sheet, cell))));
        let title = Title {
            id,
            uuid,
            name: object.take("name").required()?.text(1..=NAME_CHARACTERS_MAX)?,
            original_name: object.take("original_name").text(0..=NAME_CHARACTERS_MAX)?,
            year: object.take("year").number_or_zero(0..=YEAR_MAX)?,
            kind: object.take("kind").choice(&words(Kind::ALL, Kind::name))?.unwrap_or_default(),
            runtime_minutes: object.take("runtime_minutes").number_or_zero(0..=u16::MAX)?,
            maturity: object.take("maturity").number(0..=AGE_MAX)?,
            certificate: object.take("certificate").text(0..=CERTIFICATE_CHARACTERS_MAX)?,
            match_score: object.take("match_score").number(0..=SCORE_MAX)?,
            genres: names(object.take("genres"))?,
            cast: names(object.take("cast"))?,
            directors: names(object.take("directors"))?,
            synopsis: object.take("synopsis").text(0..=SYNOPSIS_CHARACTERS_MAX)?,
            season_count: object.take("season_count").number_or_zero(0..=u16::MAX)?,
            episode_count: object.take("episode_count").number_or_zero(0..=u16::MAX)?,
            art: object.take("art").list(0..=ART_MAX)?.into_iter().map(art).collect::<Result<_, _>>()?,
            sprite,
        };
        object.finish()?;
        Ok(TitleLine { title, cell })
    }
}

/// The words of a table of the records.
pub(crate) fn words<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|value| (name(*value), *value)).collect()
}

fn names(field: Field) -> Result<Vec<String>, GalleryError> {
    field.list(0..=NAMES_MAX)?.into_iter().map(|name| name.required()?.text(1..=NAME_CHARACTERS_MAX)).collect()
}

/// A path below the assets; empty when it is missing.
pub(crate) fn path(field: Field) -> Result<String, GalleryError> {
    let name = field.path().to_owned();
    let text = field.text(1..=PATH_CHARACTERS_MAX)?;
    if text.is_empty() {
        return Ok(text);
    }
    match key::validate(&format!("/{text}")) {
        Ok(()) if !text.ends_with('/') => Ok(text),
        Ok(()) => Err(path_error(&name, &text, "it ends with a slash")),
        Err(error) => Err(path_error(&name, &text, error)),
    }
}

fn path_error(name: &str, text: &str, why: impl std::fmt::Display) -> GalleryError {
    super::object::complaint(
        name,
        format_args!("{text:?} is no path below the assets: {why}"),
        "write it like \"boxart/1.jpg\", without a slash at its start",
    )
}

fn art(field: Field) -> Result<Art, GalleryError> {
    let mut object = field.item_object()?;
    // The first kind is the unknown one, which only a reader has a use for.
    let art = Art {
        kind: object.take("kind").required()?.choice(&words(&ArtKind::ALL[1..], ArtKind::name))?.unwrap_or_default(),
        path: path(object.take("path").required()?)?,
        width: object.take("width").number_or_zero(0..=u16::MAX)?,
        height: object.take("height").number_or_zero(0..=u16::MAX)?,
    };
    object.finish()?;
    Ok(art)
}

/// The sprite, its sheet and the number of its cell.
fn sprite(field: Field) -> Result<Option<(Sprite, Sheet, u16)>, GalleryError> {
    let name = field.path().to_owned();
    let Some(mut object) = field.object()? else { return Ok(None) };
    let path = path(object.take("sheet").required()?)?;
    let mut number = |name, least| object.take(name).required()?.number_or_zero::<u16>(least..=u16::MAX);
    let (x, y, width, height) = (number("x", 0)?, number("y", 0)?, number("width", 1)?, number("height", 1)?);
    let (columns, rows) = (number("columns", 1)?, number("rows", 1)?);
    object.finish()?;
    let complaint = |what: String| {
        let remedy =
            "x is a multiple of width and y of height, inside columns x rows cells; a sheet has at most 65,536 cells";
        super::object::complaint(&name, what, remedy)
    };
    let (column, row) = (x / width, y / height);
    if x % width != 0 || y % height != 0 || column >= columns || row >= rows {
        return Err(complaint(format!("{x},{y} is the corner of no cell of {width} x {height} in {columns} x {rows}")));
    }
    let cell = u32::from(row) * u32::from(columns) + u32::from(column);
    let cell = u16::try_from(cell).map_err(|_| complaint(format!("cell {cell} is beyond 65,535")))?;
    let sheet = Sheet { path: path.clone(), columns, rows, cell_width: width, cell_height: height };
    Ok(Some((Sprite { sheet: path, x, y, width, height }, sheet, cell)))
}

/// The 16 bytes of `8-4-4-4-12` hexadecimal digits.
fn uuid(field: Field) -> Result<Option<[u8; 16]>, GalleryError> {
    let name = field.path().to_owned();
    let text = field.text(0..=36)?;
    if text.is_empty() {
        return Ok(None);
    }
    parse_uuid(&text).map(Some).ok_or_else(|| {
        let what = format!("{text:?} is no UUID");
        super::object::complaint(&name, what, "write it like \"01234567-89ab-cdef-0123-456789abcdef\", or leave it out")
    })
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    let digits = groups.concat();
    let is_well_formed = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let mut uuid = [0; 16];
    for (byte, pair) in uuid.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    is_well_formed.then_some(uuid)
}
