//! `badger pack gallery`, run as people run it.

mod cli_support;

use badgerserver::Pack;
use badgerserver::pack::{Encoding, key};
use badgerserver::poco::{
    CardView, CatalogueView, GalleryView, Layout, TitleView, catalogue_hash, catalogue_path, uuid_of_id,
};
use cli_support::{Folder, body, find, head, keys};
use serde_json::{Value, json};

const MODEL: &str = include_str!("../src/poco/moment/default.model");
const PACK: &str = "pack gallery --titles t.ndjson --profiles p.ndjson -o g.badger";
/// Latin, combining marks, Cyrillic, Han, Arabic, an emoji of several code points.
const NAMES: [&str; 6] = [
    "Le\u{301}on",
    "Ночной дозор",
    "臥虎藏龍",
    "\u{648}\u{62c}\u{62f}\u{629}",
    "\u{1f9d1}\u{200d}\u{1f680}",
    "A \"B\" \\ C",
];

fn titles() -> Vec<Value> {
    let title = |id: u64| {
        let (row, column, kind) = ((id - 1) / 3, (id - 1) % 3, ["film", "series", "special"][(id % 3) as usize]);
        json!({
            "id": id, "name": NAMES[(id % 6) as usize], "year": 1900 + id, "kind": kind,
            "runtime_minutes": 60 + id, "maturity": id, "match_score": 100 - id, "certificate": "PG-13",
            "genres": ["Драма", NAMES[(id % 5) as usize]], "cast": [NAMES[0], NAMES[0], "x"], "directors": [NAMES[2]],
            "synopsis": "Long ago. ".repeat(id as usize), "season_count": id, "episode_count": 7 * id, "original_name": NAMES[1],
            "uuid": format!("01234567-89ab-cdef-0123-4567890000{id:02x}"),
            "art": [{"kind": "hero", "path": format!("hero/{id}.jpg"), "width": 1920, "height": 1080},
                    {"kind": "boxart", "path": format!("boxart/{id}.jpg"), "width": 240, "height": 336}],
            "sprite": {"sheet": format!("sprites/{}.jpg", id % 2), "x": 60 * column, "y": 84 * row, "width": 60, "height": 84,
                       "columns": 3, "rows": 4},
        })
    };
    let mut titles: Vec<Value> = (1..=11).map(title).collect();
    // As little as there may be.
    titles.push(json!({"id": 4_294_967_295_u32, "name": "Z", "year": null, "art": null}));
    titles
}

fn profiles() -> Vec<Value> {
    let profile = |number: u64| {
        let hours: Vec<u64> = (0..24).map(|hour| u64::from(hour == number % 24)).collect();
        json!({
            "id": format!("п {number}%"), "name": NAMES[(number % 6) as usize], "avatar": "avatars/1.png", "made_at": 1_760_000_000,
            "rows": [
                {"id": 1, "name": "Keep watching", "kind": "continue_watching", "titles": [3, 1]},
                {"id": 9, "name": "Trending", "kind": "trending",
                 "titles": [4_294_967_295_u32, {"id": 3, "match_score": number % 101}, {"id": 1 + number % 11}]},
                {"id": 4, "name": "Nothing", "titles": []},
            ],
            "plays": [
                {"title": 11, "last_play": 1_700_000_000 + number, "fraction_watched": 0.5, "episodes_left": 3, "plays": 5,
                 "plays_7_days": 2, "plays_30_days": 4, "hours": hours, "devices": {"tv": 4, "phone": 1}},
                {"title": 3},
            ],
        })
    };
    (0..40).map(profile).collect()
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(&format!("gallery-{name}"));
    folder.write("t.ndjson", lines(&titles()));
    folder.write("p.ndjson", lines(&profiles()));
    folder
}

fn record(pack: &Pack, key: &str, media_type: &str) -> Vec<u8> {
    assert!(head(pack, key).contains(&format!("Content-Type: application/vnd.badger.{media_type};v=1\r\n")), "{key}");
    body(pack, key, Encoding::Identity).unwrap()
}

/// A number of the input; missing is zero.
fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or(0)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn check_title(pack: &Pack, title: &Value) {
    let record = record(pack, &format!("/metadata/{}", title["id"]), "title");
    let view = TitleView::new(&record).unwrap();
    let optional = |field: &str| title[field].as_u64();
    let list = |field: &str| -> Vec<&str> {
        title[field].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect()
    };
    assert_eq!(u64::from(view.id()), number(title, "id"));
    for (found, field) in [
        (view.name(), "name"),
        (view.original_name(), "original_name"),
        (view.synopsis(), "synopsis"),
        (view.certificate(), "certificate"),
    ] {
        assert_eq!(found, text(title, field), "{field} of {title}");
    }
    for (found, field) in [
        (view.year(), "year"),
        (view.runtime_minutes(), "runtime_minutes"),
        (view.season_count(), "season_count"),
        (view.episode_count(), "episode_count"),
    ] {
        assert_eq!(u64::from(found), number(title, field), "{field} of {title}");
    }
    assert_eq!(view.kind().name(), title["kind"].as_str().unwrap_or("unknown"));
    assert_eq!(view.maturity().map(u64::from), optional("maturity"));
    assert_eq!(view.match_score().map(u64::from), optional("match_score"));
    assert_eq!(view.genres().iter().collect::<Vec<_>>(), list("genres"));
    assert_eq!(view.cast().iter().collect::<Vec<_>>(), list("cast"));
    assert_eq!(view.directors().iter().collect::<Vec<_>>(), list("directors"));
    let art = view
        .art()
        .iter()
        .map(|art| json!({"kind": art.kind.name(), "path": art.path, "width": art.width, "height": art.height}));
    assert_eq!(json!(art.collect::<Vec<Value>>()), title["art"].as_array().map_or(json!([]), |art| json!(art)));
    let uuid: String = view.uuid().iter().map(|byte| format!("{byte:02x}")).collect();
    match title["uuid"].as_str() {
        Some(expected) => assert_eq!(uuid, expected.replace('-', "")),
        None => assert_eq!(view.uuid(), uuid_of_id(view.id())),
    }
    let sprite = view.sprite().map(|it| (it.sheet.to_string(), it.x, it.y, it.width, it.height));
    let expected = title["sprite"].as_object().map(|_| {
        let of = |field: &str| number(&title["sprite"], field) as u16;
        (text(&title["sprite"], "sheet").to_owned(), of("x"), of("y"), of("width"), of("height"))
    });
    assert_eq!(sprite, expected);
}

/// A card says what its title says; the sheet and the cell are checked by the place that they give.
fn check_card(card: &CardView<'_>, sheets: &[badgerserver::poco::Sheet], title: &Value) {
    assert_eq!(card.name(), text(title, "name"));
    assert_eq!(u64::from(card.year()), number(title, "year"));
    assert_eq!(u64::from(card.runtime_minutes()), number(title, "runtime_minutes"));
    assert_eq!(card.kind().name(), title["kind"].as_str().unwrap_or("unknown"));
    assert_eq!(card.maturity().map(u64::from), title["maturity"].as_u64());
    assert_eq!(card.match_score().map(u64::from), title["match_score"].as_u64());
    let boxart = title["art"].as_array().into_iter().flatten().find(|art| art["kind"] == "boxart");
    assert_eq!(card.boxart(), boxart.map_or("", |art| text(art, "path")));
    let Some(sheet) = card.sprite_sheet().checked_sub(1) else { return assert!(title["sprite"].is_null()) };
    let (sheet, cell) = (&sheets[usize::from(sheet)], card.sprite_cell());
    let found = json!({
        "sheet": sheet.path, "columns": sheet.columns, "rows": sheet.rows, "width": sheet.cell_width, "height": sheet.cell_height,
        "x": cell % sheet.columns * sheet.cell_width, "y": cell / sheet.columns * sheet.cell_height,
    });
    assert_eq!(found, title["sprite"]);
}

fn check_gallery(pack: &Pack, key: &str, profile: &Value, titles: &[Value]) {
    let record = record(pack, key, "gallery");
    let view = GalleryView::new(&record).unwrap();
    let catalogue = body(pack, view.catalogue(), Encoding::Identity);
    let (cards, sheets) = match view.layout() {
        Layout::Shared => {
            let catalogue = catalogue.as_deref().unwrap();
            assert_eq!(view.catalogue_hash(), catalogue_hash(catalogue));
            assert_eq!(view.catalogue(), catalogue_path(view.catalogue_hash()));
            let catalogue = CatalogueView::new(catalogue).unwrap();
            assert_eq!((view.cards().len(), view.sheets().len()), (0, 0));
            (catalogue.cards(), catalogue.sheets())
        }
        _ => (view.cards(), view.sheets()),
    };
    let sheets: Vec<_> = sheets.iter().map(|sheet| sheet.to_sheet()).collect();
    for card in cards.iter() {
        check_card(&card, &sheets, titles.iter().find(|title| number(title, "id") == u64::from(card.id())).unwrap());
    }
    assert_eq!(view.profile(), text(profile, "id"));
    assert_eq!(view.display_name(), text(profile, "name"));
    assert_eq!(view.avatar(), text(profile, "avatar"));
    assert_eq!(view.assets(), "/assets/");
    assert_eq!(view.is_default(), profile["default"] == true);
    assert_eq!(u64::from(view.made_at()), number(profile, "made_at"));
    let id = |card: u32| cards.get(card as usize).unwrap().id();
    let rows: Vec<Value> = view
        .rows()
        .iter()
        .map(|row| {
            let items = row.items().iter().map(|item| json!([id(item.card), item.match_score]));
            json!([row.id(), row.name(), row.kind().name(), items.collect::<Vec<Value>>()])
        })
        .collect();
    let expected: Vec<Value> = profile["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let items = row["titles"].as_array().unwrap().iter().map(|item| match item {
                Value::Object(item) => json!([item["id"], item.get("match_score")]),
                id => json!([id, null]),
            });
            json!([row["id"], row["name"], row["kind"].as_str().unwrap_or("other"), items.collect::<Vec<Value>>()])
        })
        .collect();
    assert_eq!(rows, expected, "{key}");
    let plays = profile["plays"].as_array().map_or(&[][..], |plays| plays);
    assert_eq!(view.plays().len(), plays.len());
    let cards_of_plays: Vec<u32> = view.plays().iter().map(|play| play.card).collect();
    assert!(cards_of_plays.is_sorted(), "{cards_of_plays:?}");
    for play in plays {
        let found = view.plays().iter().find(|found| u64::from(id(found.card)) == number(play, "title")).unwrap();
        assert_eq!(u64::from(found.last_play), number(play, "last_play"));
        assert_eq!(f64::from(found.fraction_watched) / 200.0, play["fraction_watched"].as_f64().unwrap_or(0.0));
        assert_eq!(u64::from(found.episodes_left), number(play, "episodes_left"));
        assert_eq!(u64::from(found.plays), number(play, "plays"));
        assert_eq!(u64::from(found.plays_7_days), number(play, "plays_7_days"));
        assert_eq!(u64::from(found.plays_30_days), number(play, "plays_30_days"));
        // Nobody writes it down twice: it is that of the title.
        assert_eq!(found.kind, cards.get(found.card as usize).unwrap().kind());
        // 4 of 5 and 1 of 5; all in one hour.
        assert_eq!(found.devices, if play["devices"].is_null() { [0; 4] } else { [204, 51, 0, 0] });
        for (hour, share) in found.hours.iter().enumerate() {
            assert_eq!(u64::from(*share), 255 * play["hours"][hour].as_u64().unwrap_or(0));
        }
    }
}

#[test]
fn every_field_reaches_the_pack_in_both_layouts() {
    let folder = folder("fields");
    let (titles, profiles) = (titles(), profiles());
    for (layout, arguments) in [("inline", ""), ("shared", "--layout shared")] {
        let outcome = folder.badger(&format!("{PACK} {arguments}")).good();
        assert!(outcome.stdout.starts_with(
            "40 profiles, 12 titles, default gallery from the first profile; bytes of the galleries: identity "
        ));
        let pack = folder.pack("g.badger");
        titles.iter().for_each(|title| check_title(&pack, title));
        profiles.iter().for_each(|it| check_gallery(&pack, &format!("/gallery/{}", text(it, "id")), it, &titles));
        // What a viewer gets whom nobody knows.
        let mut guest = profiles[0].clone();
        guest["rows"].as_array_mut().unwrap().remove(0);
        for (field, value) in [
            ("id", json!("default")),
            ("name", json!("Guest")),
            ("default", json!(true)),
            ("avatar", json!("")),
            ("plays", json!(null)),
        ] {
            guest[field] = value;
        }
        check_gallery(&pack, "/gallery/default", &guest, &titles);
        let catalogues: Vec<String> = keys(&pack).into_iter().filter(|key| key.starts_with("/catalogue/")).collect();
        assert_eq!(catalogues.len(), usize::from(layout == "shared"));
        assert_eq!(keys(&pack).len(), 12 + 40 + 2 + catalogues.len());
        for key in catalogues {
            assert!(find(&pack, &key).unwrap().flags().immutable());
            assert_eq!(CatalogueView::new(&record(&pack, &key, "catalogue")).unwrap().cards().len(), 12);
        }
        let listed: Value = serde_json::from_slice(&body(&pack, "/profiles", Encoding::Identity).unwrap()).unwrap();
        let expected =
            profiles.iter().map(|it| json!({"id": it["id"], "name": it["name"], "avatar": "/assets/avatars/1.png"}));
        assert_eq!(listed, json!(expected.collect::<Vec<Value>>()));
        assert!(head(&pack, "/profiles").contains("Content-Type: application/json\r\n"));
        folder.badger("verify g.badger").good();
        assert_eq!(folder.names(), ["g.badger", "p.ndjson", "t.ndjson"]);
    }
}

#[test]
fn the_same_input_gives_the_same_pack_however_many_threads() {
    let folder = folder("same");
    let mut packs = Vec::new();
    for jobs in [1, 3] {
        folder.badger(&format!("{PACK} --jobs {jobs} --encode br,gzip,zstd")).good();
        packs.push(folder.read("g.badger"));
    }
    // Line ends, blank lines and a byte-order mark are nothing.
    for name in ["t.ndjson", "p.ndjson"] {
        let text = String::from_utf8(folder.read(name)).unwrap();
        folder.write(name, format!("\u{feff}\n{}", text.replace('\n', "\r\n\r\n").trim_end()));
    }
    // Ordinals are not in a pack, so the lines' numbers do not matter.
    folder.badger(&format!("{PACK} --encode br,gzip,zstd")).good();
    packs.push(folder.read("g.badger"));
    assert!(packs[0] == packs[1] && packs[0] == packs[2]);
    let pack = folder.pack("g.badger");
    assert_eq!(find(&pack, "/gallery/default").unwrap().variant_count(), 4);
    folder.badger(&format!("{PACK} --encode none --assets https://cdn.example/art/")).good();
    let pack = folder.pack("g.badger");
    assert_eq!(find(&pack, "/gallery/default").unwrap().variant_count(), 1);
    let gallery = record(&pack, "/gallery/default", "gallery");
    assert_eq!(GalleryView::new(&gallery).unwrap().assets(), "https://cdn.example/art/");
}

#[test]
fn shards_have_every_profile_once_and_the_rest_always() {
    let folder = folder("shards");
    folder.badger(&format!("{PACK} --layout shared")).good();
    let whole = folder.pack("g.badger");
    let mut galleries = Vec::new();
    let mut listed = Vec::new();
    for shard in 0..3 {
        folder.badger(&format!("{PACK} --layout shared --shard {shard}/3")).good();
        let pack = folder.pack("g.badger");
        assert_eq!((pack.info().shard_index, pack.info().shard_count), (shard, 3));
        for entry in keys(&whole).iter().filter(|it| !it.starts_with("/gallery/") && *it != "/profiles") {
            assert_eq!(body(&pack, entry, Encoding::Identity), body(&whole, entry, Encoding::Identity), "{entry}");
        }
        for gallery in keys(&pack).into_iter().filter(|it| it.starts_with("/gallery/")) {
            assert_eq!(body(&pack, &gallery, Encoding::Br), body(&whole, &gallery, Encoding::Br), "{gallery}");
            if gallery != "/gallery/default" {
                assert_eq!(key::shard_of(gallery.as_bytes(), 3), shard);
                galleries.push(gallery);
            }
        }
        assert!(find(&pack, "/gallery/default").is_some());
        let list: Value = serde_json::from_slice(&body(&pack, "/profiles", Encoding::Identity).unwrap()).unwrap();
        listed.extend(list.as_array().unwrap().iter().map(|it| format!("/gallery/{}", text(it, "id"))));
    }
    galleries.sort();
    listed.sort();
    assert_eq!(galleries, listed);
    assert_eq!(
        galleries,
        keys(&whole)
            .into_iter()
            .filter(|it| it.starts_with("/gallery/") && it != "/gallery/default")
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_profile_can_be_the_default_one() {
    let folder = folder("default");
    let mut profiles = profiles();
    profiles[7]["default"] = json!(true);
    folder.write("p.ndjson", lines(&profiles));
    for shard in ["", "--shard 0/2", "--shard 1/2"] {
        let outcome = folder.badger(&format!("{PACK} {shard}")).good();
        assert!(outcome.stdout.contains("default gallery of \"п 7%\""), "{outcome:?}");
        check_gallery(&folder.pack("g.badger"), "/gallery/default", &profiles[7], &titles());
    }
    profiles[7]["id"] = json!("default");
    folder.write("p.ndjson", lines(&profiles));
    for shard in ["", "--shard 0/2", "--shard 1/2"] {
        folder.badger(&format!("{PACK} {shard}")).good();
        check_gallery(&folder.pack("g.badger"), "/gallery/default", &profiles[7], &titles());
    }
}

#[test]
fn errors_name_the_line_and_the_field_and_leave_the_old_pack() {
    let folder = folder("errors");
    folder.badger(PACK).good();
    let old = folder.read("g.badger");
    let (good_titles, good_profiles) = (lines(&titles()), lines(&profiles()));
    let titles_table = [
        (r#"{"id": 13, "name": 5}"#, "field \"name\": expected a string of 1 to 500 characters, found 5"),
        (r#"{"id": 13}"#, "field \"name\" is missing"),
        (r#"{"id": 13, "name": null}"#, "field \"name\" is missing"),
        (r#"{"id": 3, "name": "x"}"#, "field \"id\": line 3 has the id 3 too"),
        (r#"{"id": 0, "name": "x"}"#, "field \"id\": expected a whole number from 1 to 4294967295, found 0"),
        (r#"{"id": 13, "name": "x", "id": 14}"#, "field \"id\" is there twice"),
        (
            r#"{"id": 13, "name": "x", "art": [{"kind": "hero", "kind": "logo"}]}"#,
            "field \"art\": \"kind\" is there twice",
        ),
        (r#"{"id": 13, "name": "x", "yeer": 1}"#, "unknown field \"yeer\""),
        (
            r#"{"id": 13, "name": "x", "year": "1999"}"#,
            "field \"year\": expected a whole number from 0 to 9999, found the string \"1999\"",
        ),
        (
            r#"{"id": 13, "name": "x", "maturity": 100}"#,
            "field \"maturity\": expected a whole number from 0 to 99, found 100",
        ),
        (
            r#"{"id": 13, "name": "x", "kind": "movie"}"#,
            "field \"kind\": expected one of \"unknown\", \"film\", \"series\"",
        ),
        (r#"{"id": 13, "name": "x", "uuid": "12"}"#, "field \"uuid\": \"12\" is no UUID"),
        (
            r#"{"id": 13, "name": "x", "cast": ["a", null]}"#,
            "field \"cast[1]\": expected a string of 1 to 500 characters, found null",
        ),
        (
            r#"{"id": 13, "name": "x", "art": [{"kind": "hero", "path": "/a"}]}"#,
            "field \"art[0].path\": \"/a\" is no path below the assets",
        ),
        (
            r#"{"id": 13, "name": "x", "art": [{"kind": "poster", "path": "a"}]}"#,
            "field \"art[0].kind\": expected one of \"boxart\", \"hero\"",
        ),
        (
            r#"{"id": 13, "name": "x", "sprite": {"sheet": "a", "x": 61, "y": 0, "width": 60, "height": 84, "columns": 3, "rows": 4}}"#,
            "field \"sprite\": 61,0 is the corner of no cell",
        ),
        (
            r#"{"id": 13, "name": "x", "sprite": {"sheet": "sprites/0.jpg", "x": 0, "y": 0, "width": 60, "height": 84, "columns": 9, "rows": 4}}"#,
            "field \"sprite\": line 2 gives \"sprites/0.jpg\" other cells",
        ),
        ("{\"id\": 13", "column 9: not JSON: EOF while parsing an object"),
        ("[13]", "invalid type: sequence, expected an object"),
    ];
    let profiles_table = [
        (r#"{"id": "x", "name": "x"}"#, "field \"rows\" is missing"),
        (
            r#"{"id": "", "name": "x", "rows": []}"#,
            "field \"id\": expected a string of 1 to 1000 characters, found 0 characters",
        ),
        (r#"{"id": "a/b", "name": "x", "rows": []}"#, "field \"id\": \"a/b\" has a slash"),
        (
            r#"{"id": "..", "name": "x", "rows": []}"#,
            "field \"id\": \"..\" cannot stand in a key: a key has no '.' or '..' segment",
        ),
        (
            r#"{"id": "a\u0007", "name": "x", "rows": []}"#,
            "field \"id\": \"a\\u{7}\" cannot stand in a key: a key has no control characters",
        ),
        (r#"{"id": "default", "name": "x", "rows": []}"#, "field \"id\": \"default\" is the id of the default gallery"),
        (r#"{"id": "п 3%", "name": "x", "rows": []}"#, "field \"id\": line 4 has the id \"п 3%\" too"),
        (
            r#"{"id": "x", "name": "x", "rows": [{"id": 1, "name": "r", "titles": [1, 99]}]}"#,
            "field \"rows[0].titles[1]\": there is no title 99",
        ),
        (
            r#"{"id": "x", "name": "x", "rows": [{"id": 1, "name": "r", "titles": [{"id": 1, "match_score": 101}]}]}"#,
            "field \"rows[0].titles[0].match_score\": expected a whole number from 0 to 100, found 101",
        ),
        (
            r#"{"id": "x", "name": "x", "rows": [{"id": 1, "name": "r", "titles": []}, {"id": 1, "name": "s", "titles": []}]}"#,
            "field \"rows[1].id\": rows[0] has the id 1 too",
        ),
        (
            r#"{"id": "x", "name": "x", "rows": [{"id": 1, "name": "r", "titles": [], "colour": 1}]}"#,
            "unknown field \"rows[0].colour\"",
        ),
        (
            r#"{"id": "x", "name": "x", "rows": [], "plays": [{"title": 1}, {"title": 1}]}"#,
            "field \"plays[1].title\": plays[0] is about the same title",
        ),
        (
            r#"{"id": "x", "name": "x", "rows": [], "plays": [{"title": 1, "fraction_watched": 1.01}]}"#,
            "field \"plays[0].fraction_watched\": expected a number from 0 to 1, found 1.01",
        ),
        (
            r#"{"id": "x", "name": "x", "rows": [], "plays": [{"title": 1, "hours": [1, 2]}]}"#,
            "field \"plays[0].hours\": expected a list of 24 to 24 items, found 2 items",
        ),
        (
            r#"{"id": "x", "name": "x", "rows": [], "avatar": "../x"}"#,
            "field \"avatar\": \"../x\" is no path below the assets",
        ),
    ];
    let fails = |expected: String| {
        folder.badger(&format!("{PACK} --encode none")).failed(&expected);
        assert!(folder.read("g.badger") == old, "{expected}");
        assert_eq!(folder.names(), ["g.badger", "p.ndjson", "t.ndjson"], "{expected}");
    };
    for (line, expected) in titles_table {
        folder.write("t.ndjson", format!("{good_titles}\n{line}\n{{\"id\":14,\"name\":\"y\"}}\n"));
        fails(format!("t.ndjson:14: {expected}"));
    }
    folder.write("t.ndjson", &good_titles);
    for (line, expected) in profiles_table {
        folder.write("p.ndjson", format!("{good_profiles}\n{line}\n"));
        fails(format!("p.ndjson:42: {expected}"));
    }
    let two = r#"{"id":"a","name":"a","rows":[],"default":true}"#;
    folder.write("p.ndjson", format!("{good_profiles}{two}\n{}\n", two.replace("\"a\"", "\"b\"")));
    fails("p.ndjson:42: field \"default\": \"a\" in line 41 is it already".to_owned());
    // A profile of another shard is looked at too.
    folder.write("p.ndjson", "{\"id\":\"a\",\"name\":5,\"rows\":[]}\n");
    for shard in ["0/2", "1/2"] {
        folder.badger(&format!("{PACK} --shard {shard}")).failed("p.ndjson:1: field \"name\": ");
    }
    for (titles, profiles, expected) in
        [("", good_profiles.as_str(), "t.ndjson: no titles"), (good_titles.as_str(), " \n", "p.ndjson: no profiles")]
    {
        folder.write("t.ndjson", titles);
        folder.write("p.ndjson", profiles);
        fails(expected.to_owned());
    }
    folder.write("t.ndjson", format!("{{\"id\":1,\"name\":\"{}\"}}", "x".repeat(16 << 20)));
    fails("t.ndjson:1: the line is longer than 16777216 bytes".to_owned());
    folder.write("t.ndjson", "{\"id\":1,\"name\":\"\u{e9}\"}".replace('\u{e9}', "\\ud800"));
    fails("t.ndjson:1: column ".to_owned());
    folder.badger("pack gallery --titles none --profiles p.ndjson -o g.badger").failed("none: No such file");
    folder.badger("pack gallery --titles . --profiles p.ndjson -o g.badger").failed(".: a directory");
    for assets in ["assets/", "/assets", "/a//b/", "ftp://x/", "/../"] {
        folder.badger(&format!("{PACK} --assets {assets}")).failed(&format!("assets {assets:?}: not a path"));
    }
    for usage in ["--layout both", "--shard 2/2", "--encode x"] {
        assert_eq!(folder.badger(&format!("{PACK} {usage}")).code, Some(2), "{usage}");
    }
}

#[test]
fn inspect_shows_records_as_people_read_them() {
    let folder = folder("inspect");
    folder.badger(&format!("{PACK} --layout shared")).good();
    folder.write("p.ndjson", lines(&profiles()).replace("п 1%", "ada"));
    folder.badger(&format!("{PACK} --layout shared")).good();
    let pack = folder.pack("g.badger");
    let shown = folder.badger("inspect g.badger /gallery/ada").good().stdout;
    for expected in [
        "gallery       ada  Ночной дозор\n",
        "made at       2025-10-09T08:53:20Z\n",
        "  Keep watching (1, continue_watching): \u{648}\u{62c}\u{62f}\u{629}, Ночной дозор\n",
        "  Nothing (4, other): \n",
        "50 % watched, last 2023-11-14T22:13:21Z, 3 episodes left, 5 plays, 2 in 7 days, 4 in 30 days, 80 % tv, 20 % phone, at 1 h UTC\n",
        "key         /gallery/ada\n",
        "  Content-Type: application/vnd.badger.gallery;v=1\n",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(!shown.contains("gallery.rows[0].kind"));
    let shown = folder.badger("inspect g.badger /metadata/1 --hexdump").good().stdout;
    for expected in [
        "title         1  Ночной дозор\n",
        "what it is    series, 1901, 61 minutes, 1 season, 7 episodes\n",
        "for whom      PG-13, from 1 years on, score 99 of 100\n",
        "sprite        60 x 84 at 0,0 of sprites/1.jpg\n",
        "uuid          01234567-89ab-cdef-0123-456789000001\n",
        "  00000000  42 54 49 54 ",
        "title.year  1901\n",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    let shown: Value =
        serde_json::from_str(&folder.badger("inspect g.badger /metadata/1 --json").good().stdout).unwrap();
    let mut expected = titles()[0].clone();
    let sprite = expected["sprite"].as_object_mut().unwrap();
    sprite.retain(|field, _| field != "columns" && field != "rows");
    assert_eq!(shown["record"], expected);
    let shown: Value =
        serde_json::from_str(&folder.badger("inspect g.badger /gallery/ada --json").good().stdout).unwrap();
    assert_eq!(shown["record"]["layout"], "shared");
    assert_eq!(shown["record"]["rows"][1]["items"][1], json!({"card": 2, "match_score": 1}));
    assert_eq!(shown["record"]["plays"][0]["fraction_watched"], 0.0);
    let catalogue = keys(&pack).into_iter().find(|key| key.starts_with("/catalogue/")).unwrap();
    let shown = folder.badger(&format!("inspect g.badger {catalogue}")).good().stdout;
    assert!(
        shown.starts_with(
            "catalogue     12 cards\nassets        /assets/\nsheet         sprites/1.jpg (3 x 4 of 60 x 84)\n"
        ),
        "{shown}"
    );
    // What calls itself a record and is none; what is none and is dumped whole.
    let text = "x".repeat(100);
    folder.write("r.ndjson", format!(
        "{{\"key\":\"/a\",\"type\":\"application/vnd.badger.title;v=1\",\"text\":\"{text}\"}}\n{{\"key\":\"/b\",\"type\":\"text/plain\",\"text\":\"{text}\"}}\n"
    ));
    folder.badger("pack records r.ndjson -o r.badger").good();
    let outcome = folder.badger("inspect r.badger /a").failed("r.badger: /a: at byte 0: not a record");
    assert!(outcome.stdout.contains("key         /a\n"), "{outcome:?}");
    assert_eq!(folder.badger("inspect r.badger /b --hexdump").good().stdout.matches("\n  00").count(), 7 + 4);
}

/// A model of one's own is in the pack, where a mount finds it; one that is wrong is named by its line.
#[test]
fn a_model_goes_into_the_pack() {
    let folder = Folder::new("gallery-model");
    folder.write("t.ndjson", "{\"id\":1,\"name\":\"A\"}\n");
    folder.write("p.ndjson", r#"{"id":"ada","name":"Ada","rows":[{"id":1,"name":"All","titles":[1]}]}"#);
    folder.badger(PACK).good();
    assert!(find(&folder.pack("g.badger"), "/model/continue-watching").is_none());
    let own = MODEL.replace("place 0.5 0", "place 0.9 0");
    folder.write("own.model", &own);
    folder.badger(&format!("{PACK} --model own.model")).good();
    let stored = body(&folder.pack("g.badger"), "/model/continue-watching", Encoding::Identity).unwrap();
    assert_eq!(stored, own.as_bytes());
    folder.write("bad.model", MODEL.replace("bias ", "bais "));
    folder.badger(&format!("{PACK} --model bad.model")).failed("bad.model:3: there is no \"bais\"; there are bias,");
    folder.badger(&format!("{PACK} --model none.model")).failed("none.model: ");
}
