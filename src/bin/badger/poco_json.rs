//! Records as JSON: the fields by the names of the schema. A score or an age that nobody knows is null.

use badgerserver::poco::{
    Card, CatalogueView, GalleryView, Kind, ManyView, Play, PocoError, Sheet, Title, TitleView, schema::record_kind,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The record as JSON.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn record_json(record: &[u8]) -> Result<Value, PocoError> {
    read(record, true)
}

/// A frame has no frames in it: one could be inside itself.
fn read(record: &[u8], is_outer: bool) -> Result<Value, PocoError> {
    match record.first_chunk().and_then(|magic| record_kind(*magic)).map(|kind| kind.name) {
        Some("Gallery") => GalleryView::new(record).map(|view| gallery(&view)),
        Some("Catalogue") => CatalogueView::new(record).map(|view| {
            let catalogue = view.to_catalogue();
            json!({ "assets": catalogue.assets, "cards": cards(&catalogue.cards), "sheets": sheets(&catalogue.sheets) })
        }),
        Some("Many") if is_outer => many(&ManyView::new(record)?),
        // Its errors say what the bytes are instead.
        _ => TitleView::new(record).map(|view| title(&view.to_title())),
    }
}

fn title(title: &Title) -> Value {
    let art = |art: &badgerserver::poco::Art| json!({ "kind": art.kind.name(), "path": art.path, "width": art.width, "height": art.height });
    let sprite = title.sprite.as_ref().map(|sprite| {
        json!({ "sheet": sprite.sheet, "x": sprite.x, "y": sprite.y, "width": sprite.width, "height": sprite.height })
    });
    json!({
        "id": title.id,
        "uuid": uuid(title.uuid),
        "name": title.name,
        "original_name": title.original_name,
        "year": title.year,
        "kind": title.kind.name(),
        "runtime_minutes": title.runtime_minutes,
        "maturity": title.maturity,
        "certificate": title.certificate,
        "match_score": title.match_score,
        "genres": title.genres,
        "cast": title.cast,
        "directors": title.directors,
        "synopsis": title.synopsis,
        "season_count": title.season_count,
        "episode_count": title.episode_count,
        "art": title.art.iter().map(art).collect::<Vec<Value>>(),
        "sprite": sprite,
    })
}

fn gallery(view: &GalleryView<'_>) -> Value {
    let gallery = view.to_gallery();
    let rows = gallery.rows.iter().map(|row| {
        let items = row.items.iter().map(|item| json!({ "card": item.card, "match_score": item.match_score }));
        json!({ "id": row.id, "name": row.name, "kind": row.kind.name(), "items": items.collect::<Vec<Value>>() })
    });
    json!({
        "layout": gallery.layout.name(),
        "default": gallery.is_default,
        "made_at": gallery.made_at,
        "profile": gallery.profile,
        "display_name": gallery.display_name,
        "avatar": gallery.avatar,
        "assets": gallery.assets,
        "catalogue": gallery.catalogue,
        "catalogue_hash": hexadecimal(&gallery.catalogue_hash),
        "sheets": sheets(&gallery.sheets),
        "cards": cards(&gallery.cards),
        "rows": rows.collect::<Vec<Value>>(),
        "plays": gallery.plays.iter().map(play).collect::<Vec<Value>>(),
    })
}

fn play(play: &Play) -> Value {
    let [tv, phone, web, other] = play.devices;
    let mut told = json!({
        "card": play.card,
        "last_play": play.last_play,
        "fraction_watched": f64::from(play.fraction_watched) / 200.0,
        "episodes_left": play.episodes_left,
        "plays": play.plays,
        "plays_7_days": play.plays_7_days,
        "plays_30_days": play.plays_30_days,
        "devices": { "tv": tv, "phone": phone, "web": web, "other": other },
        "hours": play.hours,
    });
    // Galleries of before this field do not say it.
    if play.kind != Kind::Unknown {
        told["kind"] = play.kind.name().into();
    }
    told
}

fn cards(cards: &[Card]) -> Vec<Value> {
    let card = |card: &Card| {
        json!({
            "id": card.id,
            "name": card.name,
            "boxart": card.boxart,
            "year": card.year,
            "runtime_minutes": card.runtime_minutes,
            "kind": card.kind.name(),
            "maturity": card.maturity,
            "match_score": card.match_score,
            "sprite_sheet": card.sprite_sheet,
            "sprite_cell": card.sprite_cell,
        })
    };
    cards.iter().map(card).collect()
}

fn sheets(sheets: &[Sheet]) -> Vec<Value> {
    let sheet = |sheet: &Sheet| {
        json!({
            "path": sheet.path,
            "columns": sheet.columns,
            "rows": sheet.rows,
            "cell_width": sheet.cell_width,
            "cell_height": sheet.cell_height,
        })
    };
    sheets.iter().map(sheet).collect()
}

fn many(view: &ManyView<'_>) -> Result<Value, PocoError> {
    let mut entries = Vec::new();
    for entry in view.entries() {
        let record = entry.record.map(|record| read(record, false)).transpose()?;
        entries.push(json!({ "id": entry.id, "status": entry.status, "record": record }));
    }
    Ok(json!({ "entries": entries }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

/// As it is printed: `01234567-89ab-cdef-0123-456789abcdef`.
pub(crate) fn uuid(bytes: [u8; 16]) -> String {
    let digits = hexadecimal(&bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
