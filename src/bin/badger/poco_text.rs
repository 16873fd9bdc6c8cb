//! Records as a person reads them: what is known, and nothing of what is not.

use crate::poco_json::uuid;
use crate::text::{safe, thousands, utc};
use badgerserver::poco::{
    CardView, CatalogueView, GalleryView, Kind, Layout, ManyView, Play, PocoError, Title, TitleView,
    schema::record_kind,
};
use std::fmt::Display;
use std::io::{self, Write};

/// Titles of a row, and plays and cards of a record, that are shown; the others are counted.
const ROW_TITLES_SHOWN: usize = 5;
const LINES_SHOWN: usize = 20;

/// Writes a record. `catalogue` has the cards of a gallery of the shared layout, where they are known.
///
/// # Errors
/// Those of `out`; and, inside, why the record cannot be read.
pub(crate) fn write_record(
    out: &mut impl Write,
    record: &[u8],
    catalogue: Option<&CatalogueView<'_>>,
) -> io::Result<Result<(), PocoError>> {
    let outcome = match record.first_chunk().and_then(|magic| record_kind(*magic)).map(|kind| kind.name) {
        Some("Gallery") => GalleryView::new(record).map(|view| gallery(out, &view, catalogue)),
        Some("Catalogue") => CatalogueView::new(record).map(|view| cards(out, &view)),
        Some("Many") => ManyView::new(record).map(|view| many(out, &view)),
        _ => TitleView::new(record).map(|view| title(out, &view.to_title())),
    };
    match outcome {
        Ok(written) => written.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// A name and a value; nothing where there is no value.
fn row(out: &mut impl Write, name: &str, value: impl Display) -> io::Result<()> {
    let value = safe(value.to_string().as_bytes());
    if value.is_empty() { Ok(()) } else { writeln!(out, "{name:<14}{value}") }
}

/// What is known of several things, in one line.
fn known(parts: impl IntoIterator<Item = Option<String>>) -> String {
    parts.into_iter().flatten().collect::<Vec<String>>().join(", ")
}

fn some(number: impl Into<u32>, unit: &str) -> Option<String> {
    let number = number.into();
    (number != 0).then(|| format!("{number} {unit}{}", if number == 1 { "" } else { "s" }))
}

fn title(out: &mut impl Write, title: &Title) -> io::Result<()> {
    row(out, "title", format_args!("{}  {}", title.id, title.name))?;
    row(out, "original name", &title.original_name)?;
    let kind = (title.kind != Default::default()).then(|| title.kind.name().to_owned());
    let facts = [
        kind,
        (title.year != 0).then(|| title.year.to_string()),
        some(title.runtime_minutes, "minute"),
        some(title.season_count, "season"),
        some(title.episode_count, "episode"),
    ];
    row(out, "what it is", known(facts))?;
    let age = title.maturity.map(|years| format!("from {years} years on"));
    let certificate = (!title.certificate.is_empty()).then(|| title.certificate.clone());
    row(out, "for whom", known([certificate, age, title.match_score.map(|score| format!("score {score} of 100"))]))?;
    row(out, "genres", title.genres.join(", "))?;
    row(out, "directors", title.directors.join(", "))?;
    row(out, "cast", title.cast.join(", "))?;
    row(out, "synopsis", &title.synopsis)?;
    for art in &title.art {
        row(out, art.kind.name(), format_args!("{} ({} x {})", art.path, art.width, art.height))?;
    }
    if let Some(sprite) = &title.sprite {
        let (x, y, width, height) = (sprite.x, sprite.y, sprite.width, sprite.height);
        row(out, "sprite", format_args!("{width} x {height} at {x},{y} of {}", sprite.sheet))?;
    }
    row(out, "uuid", uuid(title.uuid))
}

fn gallery(out: &mut impl Write, view: &GalleryView<'_>, catalogue: Option<&CatalogueView<'_>>) -> io::Result<()> {
    let cards = match view.layout() {
        Layout::Shared => catalogue.map(CatalogueView::cards),
        _ => Some(view.cards()),
    };
    let name = |card: u32| match cards.as_ref().and_then(|cards| cards.get(card as usize)) {
        Some(card) => card.name().to_owned(),
        None => format!("card {card}"),
    };
    let default = if view.is_default() { ", the default gallery" } else { "" };
    row(out, "gallery", format_args!("{}  {}{default}", view.profile(), view.display_name()))?;
    row(out, "avatar", view.avatar())?;
    row(out, "made at", if view.made_at() == 0 { String::new() } else { utc(i64::from(view.made_at())) })?;
    row(out, "assets", view.assets())?;
    match view.layout() {
        Layout::Shared => row(out, "catalogue", view.catalogue())?,
        _ => row(out, "cards", format_args!("{} here", thousands(view.cards().len() as u64)))?,
    }
    row(out, "rows", thousands(view.rows().len() as u64))?;
    for line in view.rows() {
        let mut names: Vec<String> = line.items().iter().take(ROW_TITLES_SHOWN).map(|item| name(item.card)).collect();
        if line.len() > names.len() {
            names.push(format!("{} more", thousands((line.len() - names.len()) as u64)));
        }
        let text = format!("{} ({}, {}): {}", line.name(), line.id(), line.kind().name(), names.join(", "));
        writeln!(out, "  {}", safe(text.as_bytes()))?;
    }
    row(out, "plays", thousands(view.plays().len() as u64))?;
    for play in view.plays().iter().take(LINES_SHOWN) {
        writeln!(out, "  {}", safe(format!("{}: {}", name(play.card), played(&play)).as_bytes()))?;
    }
    more(out, view.plays().len())
}

fn more(out: &mut impl Write, count: usize) -> io::Result<()> {
    if count <= LINES_SHOWN { Ok(()) } else { writeln!(out, "  {} more", thousands((count - LINES_SHOWN) as u64)) }
}

fn played(play: &Play) -> String {
    let times = |count: u32, when: &str| (count != 0).then(|| format!("{count}{when}"));
    let devices = ["tv", "phone", "web", "other"].into_iter().zip(play.devices);
    let hours = (0..24).zip(play.hours).filter(|hour| hour.1 > 0).map(|(hour, _)| hour.to_string());
    let hours: Vec<String> = hours.collect();
    known(
        [
            (play.kind != Kind::Unknown).then(|| play.kind.name().to_owned()),
            Some(format!("{} % watched", f64::from(play.fraction_watched) / 2.0)),
            (play.last_play != 0).then(|| format!("last {}", utc(i64::from(play.last_play)))),
            some(play.episodes_left, "episode").map(|episodes| format!("{episodes} left")),
            some(play.plays, "play"),
            times(play.plays_7_days.into(), " in 7 days"),
            times(play.plays_30_days.into(), " in 30 days"),
        ]
        .into_iter()
        .chain(devices.map(|(name, share)| percent(share).map(|share| format!("{share} {name}"))))
        .chain([(!hours.is_empty()).then(|| format!("at {} h UTC", hours.join(" ")))]),
    )
}

/// A share in steps of 1/255.
fn percent(share: u8) -> Option<String> {
    (share != 0).then(|| format!("{:.0} %", f64::from(share) / 2.55))
}

fn cards(out: &mut impl Write, view: &CatalogueView<'_>) -> io::Result<()> {
    row(out, "catalogue", format_args!("{} cards", thousands(view.cards().len() as u64)))?;
    row(out, "assets", view.assets())?;
    for sheet in view.sheets().iter() {
        let (columns, rows) = (sheet.columns, sheet.rows);
        let text = format!("{} ({columns} x {rows} of {} x {})", sheet.path, sheet.cell_width, sheet.cell_height);
        row(out, "sheet", text)?;
    }
    for card in view.cards().iter().take(LINES_SHOWN) {
        writeln!(out, "  {}", safe(card_text(&card).as_bytes()))?;
    }
    more(out, view.cards().len())
}

fn card_text(card: &CardView<'_>) -> String {
    let year = if card.year() == 0 { String::new() } else { format!(" ({})", card.year()) };
    let boxart = if card.boxart().is_empty() { String::new() } else { format!("  {}", card.boxart()) };
    format!("{}  {}{year}{boxart}", card.id(), card.name())
}

fn many(out: &mut impl Write, view: &ManyView<'_>) -> io::Result<()> {
    row(out, "records", thousands(view.entries().len() as u64))?;
    for entry in view.entries().iter() {
        let bytes = entry.record.map_or(String::new(), |record| format!("{} bytes", thousands(record.len() as u64)));
        let name = entry.record.and_then(|record| TitleView::new(record).ok()).map(|title| title.name().to_owned());
        let text = format!("{}  {}  {}", entry.id, entry.status, known([Some(bytes), name]));
        writeln!(out, "  {}", safe(text.trim_end().as_bytes()))?;
    }
    Ok(())
}
