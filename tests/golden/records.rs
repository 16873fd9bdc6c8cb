//! The content of the golden records, and its form in JSON.

#![allow(dead_code)]

use badgerserver::poco::*;
use serde_json::{Value, json};

/// Texts that a careless reader breaks.
pub const NAMES: [&str; 12] = [
    "Amélie",
    "Ame\u{301}lie, as two characters",
    "Ночной дозор",
    "臥虎藏龍",
    "千と千尋の神隠し",
    "وجدة",
    "ואלס עם באשיר",
    "👩‍👩‍👧‍👦 and 🏴‍☠️ and 🇮🇸 and 1️⃣ and 👍🏽",
    "Z\u{351}\u{36b}\u{343}a\u{33f}l\u{358}g\u{31b}o",
    "लगान",
    "\"quoted\" \\ and </script>\n\tsecond line\u{1}\u{7f}\u{2028}",
    "𠮷野家 \u{10ffff}",
];

/// One golden record.
pub struct Golden {
    pub name: &'static str,
    pub record: Vec<u8>,
    pub json: Value,
}

pub fn all() -> Vec<Golden> {
    let title = |name, title: &Title| Golden { name, record: title.to_record().unwrap(), json: title_json(title) };
    let gallery =
        |name, gallery: &Gallery| Golden { name, record: gallery.to_record().unwrap(), json: gallery_json(gallery) };
    vec![
        title("title", &full_title()),
        title("title-minimal", &minimal_title()),
        title("title-widest", &widest_title()),
        gallery("gallery-inline", &inline_gallery()),
        gallery("gallery-shared", &shared_gallery()),
        gallery("gallery-empty", &empty_gallery()),
        gallery("gallery-widest", &widest_gallery()),
        gallery("gallery-kinds", &kinds_gallery()),
        Golden { name: "catalogue", record: catalogue().to_record().unwrap(), json: catalogue_json(&catalogue()) },
        many(),
    ]
}

pub fn full_title() -> Title {
    let texts = |range: std::ops::Range<usize>| NAMES[range].iter().map(|name| (*name).to_owned()).collect();
    let art = |kind, path: &str, width, height| Art { kind, path: path.into(), width, height };
    Title {
        id: 1,
        uuid: *b"\x01\x23\x45\x67\x89\xab\x4c\xde\x8f\x01\x23\x45\x67\x89\xab\xff",
        name: NAMES[3].into(),
        original_name: NAMES[7].into(),
        year: 2000,
        kind: Kind::Film,
        runtime_minutes: 120,
        maturity: Some(0),
        match_score: Some(87),
        certificate: "PG-13".into(),
        synopsis: NAMES.join(" — "),
        season_count: 2,
        episode_count: 300,
        genres: vec!["Wuxia".into(), "Драма".into(), "".into(), "Wuxia".into()],
        cast: texts(0..12),
        directors: vec!["李安".into()],
        art: vec![
            art(ArtKind::Boxart, "boxart/1-0f.jpg", 240, 336),
            art(ArtKind::Hero, "hero/1-α.jpg", 1920, 1080),
            art(ArtKind::Logo, "logo/1.png", 65_535, 1),
            art(ArtKind::Still, "boxart/1-0f.jpg", 256, 257),
        ],
        sprite: Some(Sprite { sheet: "sprites/0-ab.jpg".into(), x: 60, y: 84, width: 60, height: 84 }),
    }
}

pub fn minimal_title() -> Title {
    Title { id: 2, uuid: uuid_of_id(2), ..Title::default() }
}

/// Every number as large as it can be, so that one read too narrow or at the wrong place shows.
pub fn widest_title() -> Title {
    Title {
        id: u32::MAX,
        uuid: [0xff; 16],
        name: "𝄞".repeat(300),
        year: u16::MAX,
        kind: Kind::Special,
        runtime_minutes: 65_534,
        maturity: Some(254),
        match_score: Some(100),
        season_count: 65_533,
        episode_count: 65_532,
        sprite: Some(Sprite { sheet: "s".into(), x: 65_531, y: 65_530, width: 65_529, height: 65_528 }),
        ..Title::default()
    }
}

fn cards(count: u32) -> Vec<Card> {
    let kinds = Kind::ALL;
    (0..count)
        .map(|number| Card {
            id: 1000 + number * 65_539,
            name: NAMES[number as usize % NAMES.len()].into(),
            boxart: if number == 5 { String::new() } else { format!("boxart/{number}-ж.jpg") },
            year: [1895, 0, 2026][number as usize % 3],
            runtime_minutes: 80 + number as u16 * 37,
            kind: kinds[number as usize % kinds.len()],
            maturity: [None, Some(0), Some(18)][number as usize % 3],
            match_score: [Some(100), None, Some(0), Some(51)][number as usize % 4],
            sprite_sheet: number as u16 % 3,
            sprite_cell: number as u16 * 11,
        })
        .collect()
}

fn sheets() -> Vec<Sheet> {
    let sheet = |path: &str, columns, rows| Sheet { path: path.into(), columns, rows, cell_width: 60, cell_height: 84 };
    vec![sheet("sprites/0-ab.jpg", 40, 25), sheet("sprites/1-cd.jpg", 1, 300)]
}

fn row(id: u32, name: &str, kind: RowKind, items: &[(u32, Option<u8>)]) -> Row {
    let items = items.iter().map(|&(card, match_score)| Item { card, match_score }).collect();
    Row { id, name: name.into(), kind, items }
}

fn play(card: u32) -> Play {
    let mut hours = [0; 24];
    (hours[0], hours[21], hours[23]) = (1, 200, 54);
    Play {
        card,
        fraction_watched: 33 + card as u8 * 50,
        last_play: 1_760_000_000 + card,
        episodes_left: 3 + card as u16,
        plays: 300,
        plays_7_days: 2,
        plays_30_days: 254,
        devices: [204, 51, 0, 0],
        kind: Kind::Unknown,
        hours,
    }
}

pub fn inline_gallery() -> Gallery {
    let all: Vec<_> = (0..12).rev().map(|card| (card, None)).collect();
    let kinds = RowKind::ALL.iter().map(|kind| row(100 + u32::from(kind.number()), kind.name(), *kind, &[(0, None)]));
    let mut rows = vec![
        row(7, "Тренды", RowKind::Trending, &[(3, Some(93)), (0, None), (11, Some(0)), (3, Some(100))]),
        row(u32::MAX, "", RowKind::ContinueWatching, &[]),
        row(8, NAMES[5], RowKind::Because, &all),
    ];
    rows.extend(kinds);
    Gallery {
        made_at: 4_000_000_000,
        profile: "ada".into(),
        display_name: "Ада 👩🏽‍🚀".into(),
        avatar: "avatars/ada.png".into(),
        assets: "/assets/".into(),
        cards: cards(12),
        sheets: sheets(),
        rows,
        plays: vec![play(0), play(1), play(3)],
        ..Gallery::default()
    }
}

pub fn catalogue() -> Catalogue {
    Catalogue { assets: "/assets/".into(), cards: cards(25), sheets: sheets() }
}

pub fn shared_gallery() -> Gallery {
    let hash = catalogue_hash(&catalogue().to_record().unwrap());
    Gallery {
        layout: Layout::Shared,
        is_default: true,
        made_at: 1_760_000_000,
        profile: "default".into(),
        display_name: "Guest".into(),
        assets: "/assets/".into(),
        catalogue: catalogue_path(hash),
        catalogue_hash: hash,
        rows: vec![
            row(1, "Top", RowKind::TopPicks, &[(24, Some(99)), (12, None)]),
            row(2, NAMES[8], RowKind::New, &[(0, None)]),
        ],
        plays: vec![play(2)],
        ..Gallery::default()
    }
}

pub fn empty_gallery() -> Gallery {
    Gallery::default()
}

/// What each kind of title is in its play, where no card says it.
pub fn kinds_gallery() -> Gallery {
    let plays = Kind::ALL.iter().zip(0..).map(|(&kind, card)| Play { kind, ..play(card) });
    let plays: Vec<Play> = plays.map(|play| Play { fraction_watched: 100, ..play }).collect();
    let items: Vec<_> = plays.iter().map(|play| (play.card, None)).collect();
    Gallery { rows: vec![row(1, "Go on", RowKind::ContinueWatching, &items)], plays, ..shared_gallery() }
}

/// Cards beyond 65,535: the third byte of a position counts. Its catalogue does not exist.
pub fn widest_gallery() -> Gallery {
    Gallery {
        layout: Layout::Shared,
        made_at: u32::MAX,
        catalogue: format!("/catalogue/{}", "f".repeat(32)),
        catalogue_hash: [0xff; 16],
        rows: vec![row(1, "far", RowKind::Other, &[(16_777_215, None), (65_536, Some(1)), (0x01_02_03, Some(2))])],
        plays: vec![Play {
            card: 16_777_215,
            fraction_watched: 200,
            last_play: u32::MAX,
            episodes_left: 65_534,
            plays: 65_533,
            plays_7_days: 255,
            plays_30_days: 253,
            devices: [252, 251, 250, 249],
            kind: Kind::Unknown,
            hours: std::array::from_fn(|hour| 240 - hour as u8),
        }],
        ..Gallery::default()
    }
}

fn many() -> Golden {
    let records = [full_title().to_record().unwrap(), minimal_title().to_record().unwrap()];
    let lengths = records.each_ref().map(|record| Some(record.len() as u64));
    let mut record = Vec::new();
    many::frame(&[(1, lengths[0]), (99, None), (2, lengths[1])], &mut record).unwrap();
    records.iter().for_each(|bytes| record.extend_from_slice(bytes));
    let json = json!({ "entries": [
        { "id": 1, "status": 200, "record": title_json(&full_title()) },
        { "id": 99, "status": 404, "record": null },
        { "id": 2, "status": 200, "record": title_json(&minimal_title()) },
    ] });
    Golden { name: "many", record, json }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn title_json(title: &Title) -> Value {
    let digits = hex(&title.uuid);
    let uuid = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
    let art = title
        .art
        .iter()
        .map(|art| json!({ "kind": art.kind.name(), "path": art.path, "width": art.width, "height": art.height }));
    let sprite = title.sprite.as_ref().map(|sprite| {
        json!({ "sheet": sprite.sheet, "x": sprite.x, "y": sprite.y, "width": sprite.width, "height": sprite.height })
    });
    json!({
        "id": title.id,
        "uuid": uuid,
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
        "art": art.collect::<Vec<_>>(),
        "sprite": sprite,
    })
}

fn card_json(card: &Card) -> Value {
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
}

fn sheet_json(sheet: &Sheet) -> Value {
    json!({
        "path": sheet.path,
        "columns": sheet.columns,
        "rows": sheet.rows,
        "cell_width": sheet.cell_width,
        "cell_height": sheet.cell_height,
    })
}

fn row_json(row: &Row) -> Value {
    let items = row.items.iter().map(|item| json!({ "card": item.card, "match_score": item.match_score }));
    json!({ "id": row.id, "name": row.name, "kind": row.kind.name(), "items": items.collect::<Vec<_>>() })
}

fn play_json(play: &Play) -> Value {
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
    // The first golden records are of before this field.
    if play.kind != Kind::Unknown {
        told["kind"] = play.kind.name().into();
    }
    told
}

fn list<T>(elements: &[T], json: impl Fn(&T) -> Value) -> Vec<Value> {
    elements.iter().map(json).collect()
}

pub fn gallery_json(gallery: &Gallery) -> Value {
    json!({
        "layout": gallery.layout.name(),
        "default": gallery.is_default,
        "made_at": gallery.made_at,
        "profile": gallery.profile,
        "display_name": gallery.display_name,
        "avatar": gallery.avatar,
        "assets": gallery.assets,
        "catalogue": gallery.catalogue,
        "catalogue_hash": hex(&gallery.catalogue_hash),
        "sheets": list(&gallery.sheets, sheet_json),
        "cards": list(&gallery.cards, card_json),
        "rows": list(&gallery.rows, row_json),
        "plays": list(&gallery.plays, play_json),
    })
}

pub fn catalogue_json(catalogue: &Catalogue) -> Value {
    json!({
        "assets": catalogue.assets,
        "cards": list(&catalogue.cards, card_json),
        "sheets": list(&catalogue.sheets, sheet_json),
    })
}

/// What a reader of Rust finds in a record, of whatever kind, in the same form.
pub fn decoded_json(record: &[u8]) -> Result<Value, PocoError> {
    let magic = record.get(..4).unwrap_or_default();
    match magic {
        b"BTIT" => Ok(title_json(&TitleView::new(record)?.to_title())),
        b"BGAL" => Ok(gallery_json(&GalleryView::new(record)?.to_gallery())),
        b"BCAT" => Ok(catalogue_json(&CatalogueView::new(record)?.to_catalogue())),
        _ => {
            let mut entries = Vec::new();
            for entry in ManyView::new(record)?.entries() {
                // A frame in a frame is nothing that a server sends.
                let decoded = match entry.record {
                    Some(record) if !record.starts_with(b"BMNY") => Some(decoded_json(record)?),
                    Some(_) | None => None,
                };
                entries.push(json!({ "id": entry.id, "status": entry.status, "record": decoded }));
            }
            Ok(json!({ "entries": entries }))
        }
    }
}
