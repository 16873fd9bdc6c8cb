//! A line of profiles.ndjson. Titles are named by id there and by the number of their card here.

use super::error::GalleryError;
use super::object::{Field, Object, complaint};
use super::title::{NAME_CHARACTERS_MAX, SCORE_MAX, path, words};
use super::titles::Titles;
use badgerserver::pack::{KeyError, key};
use badgerserver::poco::RowKind;

/// Rows of a profile and titles of a row: an order names them by 16 bits.
const ROWS_MAX: usize = 65_535;
/// Titles with plays: more than anybody watches.
const PLAYS_MAX: usize = 65_535;
const ID_CHARACTERS_MAX: usize = 1_000;
/// Plays in one hour of the day, or on one kind of device; also seconds, or whatever they are counted in.
const AMOUNT_MAX: u32 = 1_000_000_000;
/// The id of the gallery that is answered where there is no other.
pub(crate) const DEFAULT_ID: &str = "default";

/// What a profile sees and has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileLine {
    pub(crate) id: String,
    pub(crate) name: String,
    /// A path below the assets, or nothing.
    pub(crate) avatar: String,
    pub(crate) is_default: bool,
    /// Seconds since 1970; 0 when nobody knows.
    pub(crate) made_at: u32,
    pub(crate) rows: Vec<RowLine>,
    pub(crate) plays: Vec<PlayLine>,
}

#[derive(Clone, Debug)]
pub(crate) struct RowLine {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) kind: RowKind,
    /// Cards, each with its score for this profile where it has one.
    pub(crate) items: Vec<(u32, Option<u8>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct PlayLine {
    pub(crate) card: u32,
    pub(crate) last_play: u32,
    /// In half percents.
    pub(crate) fraction_watched: u8,
    pub(crate) episodes_left: u16,
    pub(crate) plays: u16,
    pub(crate) plays_7_days: u8,
    pub(crate) plays_30_days: u8,
    /// Shares, 255 is all: on television, phone, web, others.
    pub(crate) devices: [u8; 4],
    /// Shares in each hour of the day, UTC.
    pub(crate) hours: [u8; 24],
}

impl ProfileLine {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong, without file and line number.
    pub(crate) fn parse(line: &[u8], titles: &Titles) -> Result<ProfileLine, GalleryError> {
        let mut object = Object::parse(line)?;
        let profile = ProfileLine {
            id: profile_id(object.take("id").required()?)?,
            name: object.take("name").required()?.text(1..=NAME_CHARACTERS_MAX)?,
            avatar: avatar(object.take("avatar"))?,
            is_default: object.take("default").boolean()?,
            made_at: object.take("made_at").number_or_zero(0..=u32::MAX)?,
            rows: rows(object.take("rows").required()?, titles)?,
            plays: plays(object.take("plays"), titles)?,
        };
        object.finish()?;
        if profile.id == DEFAULT_ID && !profile.is_default {
            let what = format!("{DEFAULT_ID:?} is the id of the default gallery");
            return Err(complaint("id", what, "give this profile another id, or \"default\": true"));
        }
        Ok(profile)
    }

    /// What a viewer gets whom nobody knows: these rows without what is personal.
    pub(crate) fn without_viewer(&self) -> ProfileLine {
        let rows = self.rows.iter().filter(|row| row.kind != RowKind::ContinueWatching).cloned();
        ProfileLine {
            id: DEFAULT_ID.to_owned(),
            name: "Guest".to_owned(),
            is_default: true,
            made_at: self.made_at,
            rows: rows.collect(),
            ..ProfileLine::default()
        }
    }

    pub(crate) fn key(&self) -> String {
        gallery_key(&self.id)
    }
}

/// The key of a profile's gallery.
pub(crate) fn gallery_key(id: &str) -> String {
    format!("/gallery/{id}")
}

/// One segment of a path, as a decoded request path has it.
fn profile_id(field: Field) -> Result<String, GalleryError> {
    let name = field.path().to_owned();
    let id = field.text(1..=ID_CHARACTERS_MAX)?;
    let refused = |what: String| {
        Err(complaint(
            &name,
            what,
            "an id is one segment of a path: not empty, no slash, no control characters, not . or ..",
        ))
    };
    if id.contains('/') {
        return refused(format!("{id:?} has a slash"));
    }
    match key::validate(&gallery_key(&id)) {
        Ok(()) => Ok(id),
        Err(KeyError::TooLong) => refused(format!("{} bytes are too long for a key", id.len())),
        Err(error) => refused(format!("{id:?} cannot stand in a key: {error}")),
    }
}

/// An empty avatar is none.
fn avatar(field: Field) -> Result<String, GalleryError> {
    if field.is_empty_text() { Ok(String::new()) } else { path(field) }
}

fn rows(field: Field, titles: &Titles) -> Result<Vec<RowLine>, GalleryError> {
    let mut rows: Vec<RowLine> = Vec::new();
    let mut ids = std::collections::BTreeMap::new();
    for (index, field) in field.list(0..=ROWS_MAX)?.into_iter().enumerate() {
        let mut object = field.item_object()?;
        let id = object.take("id").required()?;
        let id_path = id.path().to_owned();
        let row = RowLine {
            id: id.number_or_zero(0..=u32::MAX)?,
            name: object.take("name").required()?.text(1..=NAME_CHARACTERS_MAX)?,
            kind: object.take("kind").choice(&words(RowKind::ALL, RowKind::name))?.unwrap_or_default(),
            items: object
                .take("titles")
                .required()?
                .list(0..=ROWS_MAX)?
                .into_iter()
                .map(|field| item(field, titles))
                .collect::<Result<_, _>>()?,
        };
        object.finish()?;
        if let Some(other) = ids.insert(row.id, index) {
            let what = format!("rows[{other}] has the id {} too", row.id);
            return Err(complaint(&id_path, what, "each row of a profile has an id of its own"));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// A title's id, or an object with it and a score.
fn item(field: Field, titles: &Titles) -> Result<(u32, Option<u8>), GalleryError> {
    if !field.is_object() {
        return Ok((card(field, titles)?, None));
    }
    let mut object = field.item_object()?;
    let card = card(object.take("id").required()?, titles)?;
    let score = object.take("match_score").number(0..=SCORE_MAX)?;
    object.finish()?;
    Ok((card, score))
}

fn card(field: Field, titles: &Titles) -> Result<u32, GalleryError> {
    let path = field.path().to_owned();
    let id = field.required()?.number_or_zero(1..=u32::MAX)?;
    titles.card(id).ok_or_else(|| {
        let what = format!("there is no title {id}");
        complaint(&path, what, "add the title to the titles, or leave it out here")
    })
}

fn plays(field: Field, titles: &Titles) -> Result<Vec<PlayLine>, GalleryError> {
    let mut plays = Vec::new();
    let mut cards = std::collections::BTreeMap::new();
    for (index, field) in field.list(0..=PLAYS_MAX)?.into_iter().enumerate() {
        let mut object = field.item_object()?;
        let title = object.take("title").required()?;
        let path = title.path().to_owned();
        let play = PlayLine {
            card: card(title, titles)?,
            last_play: object.take("last_play").number_or_zero(0..=u32::MAX)?,
            fraction_watched: (object.take("fraction_watched").amount(1)? * 200.0).round() as u8, // at most 200
            episodes_left: object.take("episodes_left").number_or_zero(0..=u16::MAX)?,
            plays: object.take("plays").number_or_zero(0..=u16::MAX)?,
            plays_7_days: object.take("plays_7_days").number_or_zero(0..=u8::MAX)?,
            plays_30_days: object.take("plays_30_days").number_or_zero(0..=u8::MAX)?,
            devices: devices(object.take("devices"))?,
            hours: hours(object.take("hours"))?,
        };
        object.finish()?;
        if let Some(other) = cards.insert(play.card, index) {
            let what = format!("plays[{other}] is about the same title");
            return Err(complaint(&path, what, "a title has one entry in plays: add them up"));
        }
        plays.push(play);
    }
    Ok(plays)
}

fn devices(field: Field) -> Result<[u8; 4], GalleryError> {
    let Some(mut object) = field.object()? else { return Ok([0; 4]) };
    let mut amounts = [0.0; 4];
    for (amount, name) in amounts.iter_mut().zip(["tv", "phone", "web", "other"]) {
        *amount = object.take(name).amount(AMOUNT_MAX)?;
    }
    object.finish()?;
    Ok(shares(amounts))
}

fn hours(field: Field) -> Result<[u8; 24], GalleryError> {
    let mut amounts = [0.0; 24];
    if field.is_there() {
        for (amount, field) in amounts.iter_mut().zip(field.list(24..=24)?) {
            *amount = field.required()?.amount(AMOUNT_MAX)?;
        }
    }
    Ok(shares(amounts))
}

/// How much each is of all, in steps of 1/255, rounded. Nothing at all is zeros.
fn shares<const N: usize>(amounts: [f64; N]) -> [u8; N] {
    let all: f64 = amounts.iter().sum();
    if all > 0.0 { amounts.map(|amount| (amount / all * 255.0).round() as u8) } else { [0; N] }
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_are_of_all() {
        assert_eq!(shares([0.0; 3]), [0; 3]);
        assert_eq!(shares([2.0, 0.0]), [255, 0]);
        assert_eq!(shares([4.0, 1.0, 0.0, 0.0]), [204, 51, 0, 0]);
        assert_eq!(shares([0.25; 4]), [64; 4]);
        assert_eq!(shares([1e9; 24]), [11; 24]);
        assert_eq!(shares([f64::MIN_POSITIVE / 4.0, 0.0]), [255, 0]);
    }
}
