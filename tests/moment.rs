//! The order of a gallery for the moment, from outside: eight viewers that the documents name, the arithmetic of the fit,
//! requests, and records that are damaged.

use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::poco::moment::{
    Device, Feature, MOMENT_ITEMS_MAX, MOMENT_PLAYS_MAX, MOMENT_ROWS_MAX, Model, Moment, ORDER_WHY_HEADER,
    order_for_moment, reasons_for_order,
};
use badgerserver::poco::*;
use badgerserver::{Mount, Pack, Router, TestClient};
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Cursor;

/// A Wednesday, 20:00 UTC.
const NOW: u32 = 1_790_020_800;
const HOUR: u32 = 3600;
const DAY: u32 = 24 * HOUR;
/// Rows of a test's gallery; *Continue Watching* is the second one of its record.
const ROWS: usize = 10;
const ROW: u16 = 1;

/// A play as the demo's viewers have them: at eight in the evening, on television.
fn play(card: u32, hours_ago: u32, fraction: u8, episodes_left: u16) -> Play {
    let mut hours = [0; 24];
    (hours[19], hours[20], hours[21]) = (85, 85, 85);
    let week = if hours_ago < 7 * 24 { 2 } else { 0 };
    let month = if hours_ago < 30 * 24 { 3 } else { 0 };
    Play {
        card,
        fraction_watched: fraction,
        last_play: NOW - hours_ago * HOUR,
        episodes_left,
        plays: 4,
        plays_7_days: week,
        plays_30_days: month,
        devices: [204, 51, 0, 0],
        kind: if episodes_left > 0 { Kind::Series } else { Kind::Film },
        hours,
    }
}

fn gallery(plays: &[Play], layout: Layout) -> Gallery {
    let item = |card| Item { card, match_score: None };
    let row = |id: u32| match id == u32::from(ROW) {
        // The row has the titles in the order of their cards.
        true => Row {
            id,
            name: "Continue Watching".into(),
            kind: RowKind::ContinueWatching,
            items: plays.iter().map(|play| item(play.card)).collect(),
        },
        false => Row { id, name: format!("Row {id}"), kind: RowKind::Genre, items: (0..30).map(item).collect() },
    };
    let is_shared = layout == Layout::Shared;
    Gallery {
        layout,
        made_at: NOW - 10 * HOUR,
        profile: "ada".into(),
        catalogue: if is_shared { catalogue_path([7; 16]) } else { String::new() },
        catalogue_hash: if is_shared { [7; 16] } else { [0; 16] },
        cards: if is_shared { vec![] } else { (1..=100).map(|id| Card { id, ..Card::default() }).collect() },
        rows: (0..ROWS as u32).map(row).collect(),
        plays: plays.to_vec(),
        ..Gallery::default()
    }
}

/// Reads stretches of a record that is in memory.
fn reader<'a>(record: &'a [u8]) -> impl Fn(u64, u64) -> Result<&'a [u8], Infallible> {
    |offset, bytes| Ok(&record[offset as usize..(offset + bytes) as usize])
}

/// Where the row stands, its titles by their cards, and the chance.
fn ordered(gallery: &Gallery, moment: Moment) -> (usize, Vec<u32>, f32) {
    let record = gallery.to_record().unwrap();
    let read = &reader(&record);
    let Ok(made) = order_for_moment(&Model::default(), moment, read);
    let made = made.expect("there is such a row");
    let view = GalleryView::new(&record).unwrap();
    let order = made.to_order();
    let mut value = String::new();
    made.write_header_value(&mut value);
    assert_eq!(Order::from_header_value(&value), Ok(order.clone()), "{value}");
    assert_eq!(value, order.header_value());
    let rows = order.apply(&view).unwrap();
    let place = rows.iter().position(|row| row.row == ROW).unwrap();
    let items = view.rows().get(usize::from(ROW)).unwrap().items();
    let cards = rows[place].items.iter().map(|item| items.get(usize::from(*item)).unwrap().card).collect();
    (place, cards, made.chance())
}

/// A viewer of the documents: what was played, when and where it looks, and what the row must begin with.
struct Viewer {
    name: String,
    plays: Vec<Play>,
    moment: Moment,
    first: Option<u32>,
}

/// What both this test and that of the page read.
fn viewers() -> Vec<Viewer> {
    let written: Value = serde_json::from_str(include_str!("moment/viewers.json")).unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(
        [&written["now"], &written["rows"], &written["row"]].map(number),
        [u64::from(NOW), ROWS as u64, u64::from(ROW)]
    );
    let play = |it: &Value| {
        let counts = ["tv", "phone", "web", "other"].map(|device| number(&it["devices"][device]));
        let half_percents = (it["fraction_watched"].as_f64().unwrap() * 200.0).round() as u8;
        let [title, hours_ago] = ["title", "hours_ago"].map(|name| number(&it[name]) as u32);
        Play {
            plays_7_days: number(&it["plays_7_days"]) as u8,
            plays_30_days: number(&it["plays_30_days"]) as u8,
            kind: Kind::from_name(written["kinds"][title.to_string()].as_str().unwrap()).unwrap(),
            devices: counts.map(|count| (count * 255 / counts.iter().sum::<u64>()) as u8),
            ..play(title, hours_ago, half_percents, number(&it["episodes_left"]) as u16)
        }
    };
    let viewer = |it: &Value| Viewer {
        name: it["name"].as_str().unwrap().to_owned(),
        plays: it["plays"].as_array().unwrap().iter().map(play).collect(),
        moment: Moment { now: NOW, device: Device::from_name(it["device"].as_str().unwrap()) },
        first: it["first"].as_u64().map(|title| title as u32),
    };
    written["viewers"].as_array().unwrap().iter().map(viewer).collect()
}

/// Name, chance and place, as the document has them.
fn table() -> Vec<String> {
    let document = include_str!("../docs/moment.md");
    let table = document.split_once("| viewer | chance | place |\n|---|---|---|\n").unwrap().1;
    table.lines().take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

#[test]
fn eight_viewers_get_the_row_where_the_document_says() {
    let mut lines = Vec::new();
    for viewer in viewers() {
        let (place, cards, chance) = ordered(&gallery(&viewer.plays, Layout::Shared), viewer.moment);
        assert_eq!(cards.first(), viewer.first.as_ref(), "{}", viewer.name);
        // In thousandths it comes to the page.
        let percent = ((chance * 1000.0).round() / 10.0).round();
        lines.push(format!("| {} | {percent} % | {} |", viewer.name, place + 1));
    }
    assert_eq!(lines, table(), "the table of docs/moment.md");
}

/// Members of a list of inner lists, with their parameters: as much of RFC 9651 as such a header needs.
fn members(value: &str) -> Vec<(Vec<String>, BTreeMap<String, f64>)> {
    let parameters = |text: &str| -> BTreeMap<String, f64> {
        let pairs = text.split(';').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
    };
    let member = |text: &str| {
        let (inner, behind) = text.strip_prefix('(').unwrap().split_once(')').unwrap();
        (inner.split(' ').map(str::to_owned).collect(), parameters(behind))
    };
    value.split(", ").map(member).collect()
}

#[test]
fn why_says_what_the_order_was_made_of() {
    for viewer in viewers().iter().filter(|viewer| !viewer.plays.is_empty()) {
        let gallery = gallery(&viewer.plays, Layout::Shared);
        let record = gallery.to_record().unwrap();
        let read = &reader(&record);
        let Ok(made) = order_for_moment(&Model::default(), viewer.moment, read);
        let Ok(reasons) = reasons_for_order(&Model::default(), viewer.moment, read);
        let (made, reasons) = (made.unwrap(), reasons.unwrap());
        let order = made.to_order();
        assert_eq!((reasons.row, reasons.chance), (ROW, made.chance()));
        assert_eq!(order.rows[usize::from(reasons.place)], ROW, "{}", viewer.name);
        let items: Vec<u16> = reasons.titles.iter().map(|title| title.item).collect();
        assert_eq!(order.items, [(ROW, items)]);
        // The place follows from the chance and what is said of places.
        let is_reached = |it: &&(f32, u16)| reasons.chance >= it.0;
        let place = reasons.places.iter().find(is_reached).map_or(ROWS as u16 - 1, |it| it.1);
        assert_eq!(reasons.place, place, "{}", viewer.name);
        let model: Vec<Vec<f32>> = Model::default_text()
            .lines()
            .filter_map(|line| line.strip_prefix("place "))
            .map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect())
            .collect();
        for (said, meant) in reasons.places.iter().zip(&model) {
            assert!((said.0 - meant[0]).abs() < 1e-4 && f32::from(said.1) == meant[1], "{said:?} {meant:?}");
        }
        // A title alone in its row has the chance that the whole row would have, before it is calibrated.
        for title in &reasons.titles {
            let play = viewer.plays[usize::from(title.item)];
            let alone = self::gallery(&[play], Layout::Shared).to_record().unwrap();
            let read = reader(&alone);
            let Ok(alone) = order_for_moment(&Model::default(), viewer.moment, read);
            let chance = f64::from(alone.unwrap().chance());
            let [slope, offset] = calibration();
            let logit = ((chance / (1.0 - chance)).ln() - offset) / slope;
            assert!((1.0 / (1.0 + (-logit).exp()) - f64::from(title.chance)).abs() < 1e-3, "{title:?}");
            let by: Vec<f32> = title.reasons.iter().map(|reason| reason.by.abs()).collect();
            assert!(by.len() == 3 && by.is_sorted_by(|one, other| one >= other), "{title:?}");
            for reason in &title.reasons {
                let weights = weights(reason.feature);
                let average = weights.iter().sum::<f32>() / weights.len() as f32;
                assert!((reason.by - (weights[reason.bin] - average)).abs() < 1e-3, "{title:?}");
                assert_ne!(reason.feature, if play.episodes_left > 0 { Feature::Film } else { Feature::Series });
            }
        }
        // The header says the same, to a thousandth.
        let said = members(&reasons.header_value());
        let near = |said: f64, meant: f32| (said - f64::from(meant)).abs() <= 0.0005 + 1e-6;
        let (places, row) = &said[0];
        assert_eq!((row["row"], row["place"]), (f64::from(ROW), f64::from(reasons.place)));
        assert!(near(row["chance"], reasons.chance) && places.len() == 4 && places[0] == "0.5;at=0", "{said:?}");
        for ((features, title), meant) in said[1..].iter().zip(&reasons.titles) {
            assert!(title["item"] == f64::from(meant.item) && near(title["chance"], meant.chance), "{said:?}");
            let first = features[0].split([';', '=']).collect::<Vec<_>>();
            let reason = meant.reasons[0];
            assert_eq!(first[..4], [reason.feature.name(), "bin", &reason.bin.to_string(), "by"]);
            assert!(near(first[4].parse().unwrap(), reason.by), "{said:?}");
        }
    }
}

/// Bea's three hours ago, in plain sight.
#[test]
fn why_of_bea() {
    let bea = &viewers()[0];
    let record = gallery(&bea.plays, Layout::Shared).to_record().unwrap();
    let read = &reader(&record);
    let Ok(reasons) = reasons_for_order(&Model::default(), bea.moment, read);
    let value = reasons.unwrap().header_value();
    let document = include_str!("../docs/moment.md").replace('\n', " ");
    assert!(document.contains(&value), "docs/moment.md lacks {value}");
    assert!(value.len() < 1024, "{}", value.len());
}

/// Slope and offset of the default model.
fn calibration() -> [f64; 2] {
    let line = Model::default_text().lines().find_map(|line| line.strip_prefix("calibration ")).unwrap();
    let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// The weights of a feature in the default model.
fn weights(feature: Feature) -> Vec<f32> {
    let start = format!("{} ", feature.name());
    let line = Model::default_text().lines().find_map(|line| line.strip_prefix(&start)).unwrap();
    line.split(' ').map(|number| number.parse().unwrap()).collect()
}

/// The script's arithmetic and this one agree on plays that the script wrote down.
#[test]
fn odds_are_those_of_the_fit() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../docs/moment/odds.json")).unwrap();
    assert!(cases.len() >= 30);
    let [slope, offset] = calibration();
    for case in cases {
        let (written, number) = (&case["play"], |value: &Value| value.as_u64().unwrap());
        let bytes = |value: &Value| value.as_array().unwrap().iter().map(|it| number(it) as u8).collect::<Vec<u8>>();
        let play = Play {
            card: 1,
            fraction_watched: number(&written["fraction_watched"]) as u8,
            last_play: number(&written["last_play"]) as u32,
            episodes_left: number(&written["episodes_left"]) as u16,
            plays: 1,
            plays_7_days: number(&written["plays_7_days"]) as u8,
            plays_30_days: number(&written["plays_30_days"]) as u8,
            devices: bytes(&written["devices"]).try_into().unwrap(),
            kind: Kind::from_name(written["kind"].as_str().unwrap()).unwrap(),
            hours: bytes(&written["hours"]).try_into().unwrap(),
        };
        let device = case["device"].as_str().map(|name| Device::from_name(name).unwrap());
        let moment = Moment { now: number(&case["now"]) as u32, device };
        let chance = f64::from(ordered(&Gallery { made_at: 0, ..gallery(&[play], Layout::Shared) }, moment).2);
        let logit = ((chance / (1.0 - chance)).ln() - offset) / slope;
        assert!((logit - case["logit"].as_f64().unwrap()).abs() < 2e-3, "{logit} for {case}");
    }
}

#[test]
fn a_record_that_is_days_old_does_not_age_its_titles() {
    let gallery = gallery(&[play(7, 22, 100, 0)], Layout::Shared);
    let at = |days: u32| ordered(&gallery, Moment { now: NOW + days * DAY, device: None }).2;
    assert!(at(0) > at(2), "{} {}", at(0), at(2));
    assert_eq!(at(3).to_bits(), at(200).to_bits());
}

#[test]
fn the_row_of_a_large_gallery_names_its_best_sixteen() {
    let plays: Vec<Play> = (0..100).map(|card| play(card, 5 + (card * 37 % 100) * 12, 100, 2)).collect();
    for layout in [Layout::Shared, Layout::Inline] {
        let (place, cards, _) = ordered(&gallery(&plays, layout), Moment { now: NOW, device: None });
        assert_eq!((place, cards.len()), (0, 100));
        let mut by_age: Vec<u32> = (0..100).collect();
        by_age.sort_by_key(|card| card * 37 % 100);
        // Titles whose age is in the same bin keep the order of the record.
        assert!(cards[..16].iter().all(|card| by_age[..24].contains(card)), "{:?}", &cards[..16]);
        let rest: Vec<u32> = (0..100).filter(|card| !cards[..16].contains(card)).collect();
        assert_eq!(cards[16..], rest);
    }
}

/// As many plays, titles and rows as are looked at, and one more of each.
#[test]
fn what_is_looked_at_is_bounded() {
    let moment = Moment { now: NOW, device: Some(Device::Tv) };
    let order = |gallery: &Gallery| {
        let record = gallery.to_record().unwrap();
        let Ok(made) = order_for_moment(&Model::default(), moment, reader(&record));
        let order = made?.to_order();
        order.apply(&GalleryView::new(&record).unwrap()).unwrap();
        Some(order)
    };
    // The first title that is not looked at would be the best one.
    let played = |count: u32| -> Vec<Play> {
        (0..count)
            .map(|card| if card == MOMENT_ITEMS_MAX { play(card, 20, 100, 5) } else { play(card, 900, 1, 0) })
            .collect()
    };
    let best = |count: u32| order(&gallery(&played(count), Layout::Shared)).map(|order| order.items[0].1[0]);
    assert_eq!(best(MOMENT_PLAYS_MAX), Some(0));
    assert_eq!(best(MOMENT_PLAYS_MAX + 1), None);
    let mut last = played(MOMENT_ITEMS_MAX + 1);
    last.rotate_left(1);
    (0..).zip(&mut last).for_each(|(card, play)| play.card = card);
    let last = order(&gallery(&last, Layout::Shared)).unwrap();
    assert_eq!(last.items[0].1[0], MOMENT_ITEMS_MAX as u16 - 1, "the last that is looked at");
    for (row, is_found) in [(MOMENT_ROWS_MAX - 1, true), (MOMENT_ROWS_MAX, false)] {
        let mut long = gallery(&[play(7, 900, 1, 0)], Layout::Shared);
        let (watching, other) = (long.rows.remove(usize::from(ROW)), long.rows[0].clone());
        long.rows.extend((100..400).map(|id| Row { id, ..other.clone() }));
        long.rows.insert(row as usize, watching);
        let last = order(&long).map(|order| (order.rows.len() as u32, order.rows.last() == Some(&(row as u16))));
        assert_eq!(last, is_found.then_some((MOMENT_ROWS_MAX, true)), "{row}");
    }
}

/// Whatever the bytes are, there is an order that fits them, or none; and nothing is read that is not there.
#[test]
fn damaged_records_have_an_order_or_none() {
    let record = gallery(&[play(2, 5, 100, 2), play(3, 9, 20, 0)], Layout::Shared).to_record().unwrap();
    let moment = Moment { now: NOW, device: Some(Device::Web) };
    let (mut none, mut applied) = (0, 0);
    for at in 0..record.len() {
        for flip in [0xff, 0x80, 0x01] {
            let mut damaged = record.clone();
            damaged[at] ^= flip;
            let read = |offset: u64, bytes: u64| {
                let end = offset.checked_add(bytes).filter(|end| *end <= damaged.len() as u64).ok_or(())?;
                Ok(&damaged[offset as usize..end as usize])
            };
            match order_for_moment(&Model::default(), moment, read) {
                Ok(Some(made)) => {
                    let order = made.to_order();
                    assert!(order.rows.len() <= 256 && (0.0..=1.0).contains(&made.chance()));
                    if let Ok(view) = GalleryView::new(&damaged) {
                        applied += 1;
                        assert!(order.apply(&view).is_ok(), "byte {at} ^ {flip}: {order:?}");
                    }
                }
                Ok(None) | Err(()) => none += 1,
            }
            if let Ok(Some(reasons)) = reasons_for_order(&Model::default(), moment, read) {
                let value = reasons.header_value();
                assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "byte {at} ^ {flip}: {value:?}");
            }
        }
    }
    assert!(none > 20 && applied > 500, "{none} without an order, {applied} with one that was applied");
}

/// What is alike but for its kind, and a model of before kinds.
#[test]
fn the_kind_of_a_title_counts() {
    let of = |card, kind| Play { kind, ..play(card, 20, 100, 0) };
    let gallery = gallery(&[of(1, Kind::Documentary), of(2, Kind::Film)], Layout::Shared);
    let moment = Moment { now: NOW, device: None };
    assert_eq!(ordered(&gallery, moment).1, [2, 1]);
    let lines: Vec<&str> = Model::default_text().lines().filter(|line| !line.starts_with("kind ")).collect();
    let before = Model::from_text(&lines.join("\n")).expect("models of before kinds are read");
    let mut record = gallery.to_record().unwrap();
    let order = |model: &Model, record: &[u8]| {
        let Ok(made) = order_for_moment(model, moment, reader(record));
        made.unwrap().to_order().items
    };
    assert_eq!(order(&before, &record), [(ROW, vec![0, 1])], "the record's own order");
    assert_eq!(order(&Model::default(), &record), [(ROW, vec![1, 0])]);
    // A kind that a newer version added is like one that is not known: nothing is said of it, and nothing breaks.
    let at = record.windows(2).rposition(|bytes| bytes == [Kind::Film.number(), 0]).unwrap();
    record[at] = 250;
    let kinds: Vec<Kind> = GalleryView::new(&record).unwrap().plays().iter().map(|play| play.kind).collect();
    assert_eq!(kinds, [Kind::Documentary, Kind::Unknown]);
    let steep = Model::from_text(&(lines.join("\n") + "\nkind 9 0 0 9 0")).unwrap();
    let Ok(reasons) = reasons_for_order(&steep, moment, reader(&record));
    for title in reasons.unwrap().titles {
        assert_eq!(title.reasons.iter().any(|it| it.feature == Feature::Kind), title.item == 0, "{title:?}");
    }
}

#[test]
fn a_model_is_read_strictly() {
    let text = Model::default_text();
    assert_eq!(Model::from_text(text), Ok(Model::default()));
    assert_eq!(Model::from_text(&format!("{text}\n# a comment\n")), Ok(Model::default()));
    let refused = |text: String| Model::from_text(&text).unwrap_err().to_string();
    let without = |name: &str| text.lines().filter(|line| !line.starts_with(name)).collect::<Vec<_>>().join("\n");
    let needed = Feature::ALL.iter().filter(|feature| **feature != Feature::Kind).map(|feature| feature.name());
    for name in needed.chain(["bias", "calibration"]) {
        let what = refused(without(name));
        assert!(what.contains(&format!("the model ends without {name}; add its line")), "{what}");
    }
    for (line, what) in [
        ("bias 1", "bias was given above; leave one of them out"),
        ("mood 1", "there is no \"mood\"; there are bias, calibration, place, age,"),
        ("age 1 2", "age has 2 numbers; write 12"),
        ("bias x", "\"x\" is no number from -64 to 64"),
        ("bias NaN", "\"NaN\" is no number"),
        ("place 0.9 1", "a place has a chance between 0 and 1, below that of the line before"),
        ("place 0.01 1.5", "a position, 0 to 64"),
    ] {
        let (found, number) = (refused(format!("{text}{line}")), text.lines().count() + 1);
        assert!(found.starts_with(&format!("line {number}: ")) && found.contains(what), "{line}: {found}");
    }
    assert!(refused(String::new()).contains("begin with the line"));
    assert!(refused(text.replace("calibration ", "calibration -")).contains("the slope is not above 0"));
}

/// A pack of galleries, with more entries if they are given.
fn pack(entries: &[(&str, &[u8])]) -> Pack {
    let ada = gallery(&[play(7, 200, 100, 2), play(9, 22, 187, 5)], Layout::Shared).to_record().unwrap();
    let mut bare = Gallery { is_default: true, ..gallery(&[], Layout::Shared) };
    bare.rows.retain(|row| row.kind != RowKind::ContinueWatching);
    let bare = bare.to_record().unwrap();
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut bytes, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    let all = [("/gallery/ada", &ada[..]), ("/gallery/default", &bare), ("/metadata/7", b"seven")];
    for (key, body) in all.iter().chain(entries) {
        // The order is made from the plain form, whichever one is sent.
        let bodies = [(Encoding::Identity, *body), (Encoding::Br, &body[..body.len() / 2])];
        let content_type = GALLERY_MEDIA_TYPE;
        writer.add(Entry { key, content_type, bodies: &bodies, ..Entry::default() }).unwrap();
    }
    writer.finish().unwrap();
    Pack::from_bytes(bytes.into_inner()).unwrap()
}

fn client(mount: Mount) -> TestClient {
    TestClient::new(Router::new().mount(mount)).unwrap().at(u64::from(NOW))
}

#[test]
fn a_gallery_comes_with_its_order_and_does_not_move() {
    let mut client = client(Mount::gallery("/", pack(&[])));
    let target = format!("/gallery/ada?now={NOW}&device=tv");
    let answer = client.get(&target);
    let view = GalleryView::new(answer.body()).unwrap();
    let order = Order::from_header_value(answer.header("Badger-Order").unwrap()).unwrap();
    assert_eq!(order.apply(&view).unwrap()[0].row, ROW);
    assert_eq!(order.items, [(ROW, vec![1, 0])]);
    assert_eq!(answer.header("Cache-Control"), Some("private, no-cache"));
    // By the server's clock it is the same moment.
    assert_eq!(client.get("/gallery/ada?device=tv").head(), answer.head());
    let without = client.get("/gallery/ada");
    assert_eq!((without.status(), without.body()), (200, answer.body()));

    let tag = answer.header("ETag").unwrap().to_owned();
    let later = format!("/gallery/ada?now={}&device=phone", NOW + 9 * DAY);
    let again = client.request("GET", &later, &[("If-None-Match", &tag)]);
    assert_eq!((again.status(), again.body(), again.header("ETag")), (304, &b""[..], Some(&tag[..])));
    assert_ne!(again.header("Badger-Order").unwrap(), answer.header("Badger-Order").unwrap());
    assert_eq!(again.header("Cache-Control"), Some("private, no-cache"));
    assert!(again.head().len() < 1024, "{} bytes of a visit that is warm", again.head().len());

    // Why it is so is told to whoever asks, with nothing moved but a head.
    assert_eq!(answer.header(ORDER_WHY_HEADER), None);
    let why = client.request("HEAD", &format!("{target}&why=1"), &[]);
    assert_eq!(why.header("Badger-Order"), answer.header("Badger-Order"));
    let said = members(why.header(ORDER_WHY_HEADER).unwrap());
    assert_eq!((said[0].1["row"], said[0].1["place"], said.len()), (f64::from(ROW), 0.0, 3));
    assert_eq!([said[1].1["item"], said[2].1["item"]], [1.0, 0.0]);
    assert_eq!((why.header("ETag"), why.header("Cache-Control")), (Some(&tag[..]), Some("private, no-cache")));

    let coded = client.request("GET", &target, &[("Accept-Encoding", "br")]);
    assert_eq!(
        (coded.header("Content-Encoding"), coded.header("Badger-Order")),
        (Some("br"), answer.header("Badger-Order"))
    );
    let head = client.request("HEAD", &target, &[]);
    assert_eq!((head.head(), head.body()), (answer.head(), &b""[..]));
    let part = client.request("GET", &target, &[("Range", "bytes=0-3")]);
    assert_eq!(
        (part.status(), part.body(), part.header("Badger-Order")),
        (206, &b"BGAL"[..], answer.header("Badger-Order"))
    );
}

#[test]
fn what_has_no_such_row_has_no_order() {
    let mut client = client(Mount::gallery("/", pack(&[("/gallery/odd", b"not a record"), ("/gallery/empty", b"")])));
    let stranger = client.get("/gallery/stranger");
    assert_eq!((stranger.status(), stranger.header("Badger-Fallback")), (200, Some("default")));
    let why = client.get("/gallery/stranger?why=1");
    assert_eq!((why.status(), why.header("Badger-Order"), why.header(ORDER_WHY_HEADER)), (200, None, None));
    assert_eq!((stranger.header("Badger-Order"), stranger.header("Cache-Control")), (None, Some("private, no-cache")));
    let odd = client.get("/gallery/odd");
    assert_eq!((odd.status(), odd.body(), odd.header("Badger-Order")), (200, &b"not a record"[..], None));
    assert_eq!((client.get("/gallery/empty").status(), client.get("/gallery/").status()), (200, 404));
    let title = client.get("/metadata/7?now=x");
    assert_eq!((title.status(), title.header("Cache-Control")), (200, Some("no-cache")));
    let mut without = self::client(Mount::gallery("/", pack(&[])).without_workload());
    let plain = without.get("/gallery/ada?now=x");
    assert_eq!(
        (plain.status(), plain.header("Badger-Order"), plain.header("Cache-Control")),
        (200, None, Some("no-cache"))
    );
}

#[test]
fn a_moment_that_makes_no_sense_is_refused() {
    let mount = Mount::gallery("/", pack(&[])).header("Access-Control-Allow-Origin", "*");
    let mut client = client(mount);
    for (query, what) in [
        ("now=yesterday", "now=yesterday: seconds since 1970"),
        ("now=", "now=: seconds since 1970"),
        ("now=-1", "now=-1: seconds since 1970"),
        ("now=%2B1", "now=%2B1: seconds since 1970"),
        ("now=4294967296", "now=4294967296: seconds since 1970, at most 4294967295"),
        ("device=toaster", "device=toaster: there are tv, phone and web"),
        ("why=", "why=: write why=1, or leave it out"),
        ("why=1&why=1", "why=1: it was given before"),
        ("now=1&device=tv&now=1", "now=1: it was given before; leave one of them out"),
    ] {
        let answer = client.get(&format!("/gallery/ada?{query}"));
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        assert!(answer.status() == 400 && text.contains(what), "{query}: {} {text}", answer.status());
        assert!(text.ends_with(&format!(": GET /gallery/ada?now={NOW}&device=tv\n")), "{text}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(answer.header("Cache-Control"), None);
    }
    for query in ["", "now=0", "now=4294967295", "theme=dark&now=5", "&&device=web&"] {
        assert_eq!(client.get(&format!("/gallery/ada?{query}")).status(), 200, "{query}");
    }
}

#[test]
fn a_pack_may_have_a_model_of_its_own() {
    // One that turns the order about: the least watched first, and the row never first.
    let own: String = Model::default_text()
        .lines()
        .map(|line| match line.split(' ').next() {
            Some("series") => "series 0 0 0 0 0 0 0 -9 0\n".to_owned(),
            Some("place") => String::new(),
            _ => format!("{line}\n"),
        })
        .collect();
    let mut mine = client(Mount::gallery("/", pack(&[("/model/continue-watching", own.as_bytes())])));
    let answer = mine.get("/gallery/ada?device=tv");
    let order = Order::from_header_value(answer.header("Badger-Order").unwrap()).unwrap();
    assert_eq!((order.rows.last(), order.rows.len(), &order.items), (Some(&ROW), ROWS, &vec![(ROW, vec![0, 1])]));
    let broken = Router::new().mount(Mount::gallery("/", pack(&[("/model/continue-watching", b"nonsense")])));
    let error = broken.validate().unwrap_err().to_string();
    assert!(error.contains("/model/continue-watching") && error.contains("no model"), "{error}");
}

/// A record whose tables lie where no bytes are, or that has more plays than are looked at, is answered without an order.
#[test]
fn what_a_workload_may_read_is_bounded() {
    let mut far = gallery(&[play(7, 22, 100, 0)], Layout::Shared).to_record().unwrap();
    let plays = 24 + 100;
    far[plays..plays + 4].copy_from_slice(&0xffff_0000_u32.to_le_bytes());
    let many: Vec<Play> = (0..1025).map(|card| play(card, 22, 100, 0)).collect();
    let mut many_plays = gallery(&many[..10], Layout::Shared);
    many_plays.plays = many;
    let many_plays = many_plays.to_record().unwrap();
    let entries: [(&str, &[u8]); 2] = [("/gallery/far", &far), ("/gallery/many", &many_plays)];
    let mut client = client(Mount::gallery("/", pack(&entries)));
    for key in ["/gallery/far", "/gallery/many"] {
        let answer = client.get(key);
        assert_eq!((answer.status(), answer.header("Badger-Order")), (200, None), "{key}");
    }
}

/// Nothing was played, or nothing of it stands in the row.
#[test]
fn an_empty_row_is_put_behind_the_others() {
    for plays in [vec![], vec![play(99, 1, 4, 0)]] {
        let record = Gallery { plays, ..gallery(&[], Layout::Shared) }.to_record().unwrap();
        let mut client = client(Mount::gallery("/", pack(&[("/gallery/nora", &record)])));
        let answer = client.get("/gallery/nora?why=1");
        assert_eq!((answer.status(), answer.body()), (200, &record[..]));
        let order = Order::from_header_value(answer.header("Badger-Order").unwrap()).unwrap();
        assert_eq!((order.rows.len(), order.rows.last(), order.items.len()), (ROWS, Some(&ROW), 0));
        assert!(answer.header(ORDER_WHY_HEADER).is_some());
    }
    // What stands in the row without a play was put there by somebody who knew more.
    let record = Gallery { plays: vec![], ..gallery(&[play(7, 22, 100, 0)], Layout::Shared) }.to_record().unwrap();
    let mut client = client(Mount::gallery("/", pack(&[("/gallery/ida", &record)])));
    assert_eq!(client.get("/gallery/ida").header("Badger-Order"), None);
}
