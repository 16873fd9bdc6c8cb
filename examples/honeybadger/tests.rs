//! The example, tested from inside: what it invents, what it draws, what it leaves when it is interrupted, what it serves.

use crate::art::{BOXART, HERO, Recipe};
use crate::demo::profiles::{ROW_TITLES, ROWS};
use crate::demo::titles::GENRES;
use crate::demo::{Demo, Size};
use crate::failure::Failure;
use crate::own::{self, Own};
use crate::prepare::{Content, Plan, Preparation};
use crate::site;
use crate::watch::Watch;
use badgerserver::TestClient;
use badgerserver::poco::{GalleryView, Layout, ManyView};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A folder of one test, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("honeybadger-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Stops a preparation when it has done so many pieces.
struct Countdown(AtomicU64);

impl Countdown {
    fn of(pieces: u64) -> Arc<dyn Watch> {
        Arc::new(Countdown(AtomicU64::new(pieces)))
    }

    fn never() -> Arc<dyn Watch> {
        Countdown::of(u64::MAX)
    }
}

impl Watch for Countdown {
    fn begin(&self, _: &str, _: u64) {}

    fn done(&self, _: u64) {
        let _ = self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
    }

    fn end(&self, _: &str) {}

    fn is_stopped(&self) -> bool {
        self.0.load(SeqCst) == 0
    }
}

const SMALL: Size = Size { titles: 6, profiles: 4 };

fn small_plan() -> Plan {
    Plan {
        size: SMALL,
        layout: Layout::Shared,
        first_rows: 1,
        first_columns: 3,
        first_heroes: 1,
        first_profiles: 2,
        pack_heroes: 4,
    }
}

/// Prepares everything; gives a client of what was served after each stage.
fn prepare(path: &Path, watch: Arc<dyn Watch>) -> Result<Vec<TestClient>, Failure> {
    let mut preparation = Preparation::new(path.to_owned(), small_plan(), watch)?;
    preparation.first(2)?;
    let mut served = vec![client(&preparation.content())?];
    preparation.rest(1, &mut |content| {
        served.push(client(content)?);
        Ok(())
    })?;
    assert!(preparation.is_complete());
    Ok(served)
}

fn client(content: &Content) -> Result<TestClient, Failure> {
    let router = site::router(&site::page()?, content)?;
    Ok(TestClient::new(router).expect("a router of packs"))
}

fn lines(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Vec<Value> {
    let mut text = Vec::new();
    write(&mut text).expect("a vector takes everything");
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
        .collect()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_demo_is_the_same_on_every_machine() {
    let demo = Demo::new(Size { titles: 2_000, profiles: 1_000 });
    let (mut titles, mut profiles) = (Vec::new(), Vec::new());
    demo.write_titles(&mut titles).expect("a vector takes everything");
    demo.write_profiles(5, &mut profiles).expect("a vector takes everything");
    // Other numbers: raise DEMO_VERSION (or ART_VERSION), and then write them here.
    assert_eq!((titles.len(), fnv(&titles)), (1_563_036, 3_114_287_300_695_899_813));
    assert_eq!((profiles.len(), fnv(&profiles)), (222_563, 16_964_154_752_540_526_235));
}

#[test]
fn titles_are_named_in_the_scripts_of_the_world() {
    let demo = Demo::new(Size { titles: 2_000, profiles: 1 });
    let titles = lines(|out| demo.write_titles(out));
    let names: String =
        titles.iter().flat_map(|title| [&title["name"], &title["original_name"]]).filter_map(Value::as_str).collect();
    for (script, range) in [
        ("Greek", '\u{370}'..='\u{3ff}'),
        ("Cyrillic", '\u{400}'..='\u{4ff}'),
        ("Arabic", '\u{600}'..='\u{6ff}'),
        ("Devanagari", '\u{900}'..='\u{97f}'),
        ("Kana", '\u{3040}'..='\u{30ff}'),
        ("Han", '\u{4e00}'..='\u{9fff}'),
        ("Hangul", '\u{ac00}'..='\u{d7af}'),
        ("combining marks", '\u{300}'..='\u{36f}'),
        ("emoji", '\u{1f300}'..='\u{1faff}'),
        ("joiners between emoji", '\u{200d}'..='\u{200d}'),
    ] {
        assert!(names.chars().any(|letter| range.contains(&letter)), "no {script}");
    }
    let distinct: std::collections::BTreeSet<_> = titles.iter().map(|title| title["name"].as_str()).collect();
    assert_eq!(distinct.len(), titles.len(), "two titles have one name");
}

#[test]
fn galleries_have_their_rows() {
    let demo = Demo::new(Size { titles: 2_000, profiles: 1_000 });
    let profiles = lines(|out| demo.write_profiles(60, out));
    assert_eq!((profiles[0]["id"].as_str(), profiles[0]["plays"].as_array().map(Vec::len)), (Some("guest"), Some(0)));
    for (number, profile) in profiles.iter().enumerate() {
        assert_eq!(profile["default"], number == 0);
        let rows = profile["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), ROWS, "{}", profile["id"]);
        for row in rows {
            let titles = row["titles"].as_array().expect("titles");
            let ids: std::collections::BTreeSet<_> =
                titles.iter().map(|title| title.get("id").unwrap_or(title).as_u64()).collect();
            assert_eq!(ids.len(), ROW_TITLES, "{}: {}", profile["id"], row["name"]);
        }
    }
}

/// Width and height of a JPEG, from its frame header (ITU-T T.81, B.2.2).
fn jpeg_size(bytes: &[u8]) -> (u32, u32) {
    let mut at = 2;
    loop {
        let word = |at: usize| u32::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        assert_eq!(bytes[at], 0xff, "a marker at {at}");
        if bytes[at + 1] == 0xc0 {
            return (word(at + 7), word(at + 5));
        }
        at += 2 + word(at + 2) as usize;
    }
}

#[test]
fn pictures_have_their_sizes() {
    for (number, genre) in GENRES.iter().enumerate() {
        let recipe = Recipe { title: number as u32 + 1, genre };
        let boxart = recipe.boxart().expect("a poster");
        assert_eq!(jpeg_size(&boxart), BOXART);
        assert!((6_000..40_000).contains(&boxart.len()), "{genre}: {} bytes", boxart.len());
        assert_eq!(boxart, recipe.boxart().expect("the same poster"), "{genre}");
    }
    let hero = Recipe { title: 1, genre: "Drama" }.hero().expect("a wide picture");
    assert_eq!(jpeg_size(&hero), HERO);
    assert!((40_000..200_000).contains(&hero.len()), "{} bytes", hero.len());
}

#[test]
fn everything_is_served_when_it_is_there() {
    let scratch = Scratch::new("served");
    let mut served = prepare(&scratch.0, Countdown::never()).expect("nothing stops it");
    assert_eq!(served.len(), 1 + 1 + 1 + 2 + 1, "first, posters, galleries, two packs of wide pictures, tidied");

    let (mut last, mut first) = (served.pop().expect("the last"), served.swap_remove(0));
    let guest = first.get("/gallery/guest");
    assert_eq!((guest.status(), guest.header("Badger-Fallback")), (200, None));
    let gallery = GalleryView::new(guest.body()).expect("a gallery").to_gallery();
    let catalogue = first.get(&gallery.catalogue);
    assert_eq!(catalogue.header("Cache-Control"), Some("public, max-age=31536000, immutable"));

    let titles = fs::read_to_string(scratch.0.join("titles.ndjson")).expect("titles");
    let mut missing_at_first = 0;
    for title in titles.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON")) {
        let art = title["art"].as_array().expect("art").iter().map(|art| &art["path"]);
        for path in art.chain([&title["sprite"]["sheet"]]).filter_map(Value::as_str) {
            let path = format!("/assets/{path}");
            let answer = last.get(&path);
            assert_eq!((answer.status(), answer.header("Content-Type")), (200, Some("image/jpeg")), "{path}");
            assert_eq!(answer.header("Cache-Control"), Some("public, max-age=31536000, immutable"), "{path}");
            let early = first.get(&path);
            if early.status() != 200 {
                missing_at_first += 1;
                assert_eq!((early.status(), early.header("Cache-Control")), (404, Some("no-store")), "{path}");
            }
        }
    }
    let first_posters = Demo::new(SMALL).first_screen(1, 3).len();
    assert!(first_posters > 0);
    assert_eq!(missing_at_first, SMALL.titles * 2 - first_posters - 1, "all but these and one wide picture");
    let left: Vec<_> =
        fs::read_dir(&scratch.0).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left.len(), 9, "{left:?}");
}

#[test]
fn an_interrupted_preparation_goes_on_where_it_was() {
    let (whole, cut) = (Scratch::new("whole"), Scratch::new("cut"));
    prepare(&whole.0, Countdown::never()).expect("nothing stops it");
    let mut starts = 0;
    loop {
        starts += 1;
        // What an interrupted write leaves, and what a loss of power may: names without their bytes.
        if starts == 3 {
            fs::write(cut.0.join("boxart.badger.part"), b"half").expect("the folder");
            let drawn = fs::read_dir(cut.0.join("pieces/boxart")).expect("drawn pieces").next().expect("one of them");
            fs::write(drawn.expect("an entry").path(), b"").expect("a piece");
        }
        // A few more pieces each time: each start must get further than the one before.
        match prepare(&cut.0, Countdown::of(3 + starts)) {
            Ok(_) => break,
            Err(Failure::Stopped) => assert!(starts < 40, "it does not get on"),
            Err(failure) => panic!("{failure}"),
        }
    }
    assert!(starts > 3, "{starts} starts: it was interrupted at several points");
    let files = |path: &Path| {
        let mut files: Vec<_> =
            fs::read_dir(path).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
        files.sort();
        files.retain(|name| !name.to_string_lossy().ends_with(".part"));
        files
    };
    assert_eq!(files(&cut.0), files(&whole.0));
    for name in files(&whole.0) {
        assert!(fs::read(cut.0.join(&name)).ok() == fs::read(whole.0.join(&name)).ok(), "{name:?} differs");
    }
    let again = prepare(&cut.0, Countdown::of(0)).expect("there is nothing left to stop");
    assert_eq!(again.len(), 1);
}

#[test]
fn a_folder_belongs_to_one_recipe_and_one_process() {
    let scratch = Scratch::new("folder");
    let new = |path: &Path, size| Preparation::new(path.to_owned(), Plan { size, ..small_plan() }, Countdown::never());
    let message =
        |made: Result<Preparation, Failure>| made.err().map(|failure| failure.to_string()).unwrap_or_default();
    let first = new(&scratch.0, SMALL).expect("a new folder");
    assert!(message(new(&scratch.0, SMALL)).contains("another honeybadger"), "it is locked");
    drop(first);
    fs::write(scratch.0.join("stamps.badger"), b"of the old recipe").expect("the folder");
    let other = Size { titles: 7, ..SMALL };
    new(&scratch.0, other).expect("the lock went with its owner");
    assert!(!scratch.0.join("stamps.badger").exists(), "another recipe empties the folder");

    let foreign = scratch.0.join("foreign");
    fs::create_dir_all(&foreign).expect("a folder");
    fs::write(foreign.join("letter.txt"), b"mine").expect("a file");
    assert!(message(new(&foreign, SMALL)).contains("somebody else"), "it is not ours to empty");
    assert_eq!(fs::read(foreign.join("letter.txt")).expect("still there"), b"mine");
}

#[test]
fn own_titles_and_profiles() {
    let scratch = Scratch::new("own");
    fs::create_dir_all(scratch.0.join("pictures")).expect("a folder");
    fs::write(scratch.0.join("pictures/a.jpg"), b"not a picture, but a file").expect("a file");
    let (titles, profiles) = (scratch.0.join("t.ndjson"), scratch.0.join("p.ndjson"));
    fs::write(&titles, "{\"id\":7,\"name\":\"Å\"}\n{\"id\":3,\"name\":\"Æ\"}\n").expect("a file");
    let line = r#"{"id":"ada","name":"Ada","rows":[{"id":1,"name":"All","titles":[3,7]}]}"#;
    fs::write(&profiles, line).expect("a file");
    let own = Own { titles: titles.clone(), profiles, pictures: Some(scratch.0.join("pictures")) };
    let prepare = |watch: &Arc<dyn Watch>| own::prepare(scratch.0.join("data"), &own, Layout::Inline, 1, watch);
    let content = prepare(&Countdown::never()).expect("good lines");
    let mut client = client(&content).expect("a site");

    assert_eq!(client.get("/").header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(client.get("/assets/a.jpg").body(), b"not a picture, but a file");
    let unknown = client.get("/gallery/nobody");
    assert_eq!((unknown.status(), unknown.header("Badger-Fallback")), (200, Some("default")));
    assert_eq!(unknown.header("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(
        unknown.header("Access-Control-Expose-Headers"),
        Some("Badger-Order, Badger-Order-Why, Badger-Fallback, Date, ETag")
    );
    assert_eq!(client.get("/gallery/ada").header("Badger-Fallback"), None);
    let many = client.get("/metadata?ids=3,9,7");
    let view = ManyView::new(many.body()).expect("a frame");
    let entries: Vec<_> = view.entries().iter().map(|entry| (entry.id, entry.status)).collect();
    assert_eq!(entries, [(3, 200), (9, 404), (7, 200)]);

    // The same files again are not packed again; a changed one is.
    let packed =
        |content: &Content| fs::metadata(&content.galleries).and_then(|found| found.modified()).expect("a pack");
    let before = packed(&content);
    assert_eq!(packed(&prepare(&Countdown::of(0)).expect("nothing to stop")), before);
    fs::write(&titles, "{\"id\":7,\"name\":\"Å\"}\n{\"id\":3,\"nom\":\"Æ\"}\n").expect("a file");
    let failure = prepare(&Countdown::never()).err().map(|failure| failure.to_string()).unwrap_or_default();
    assert!(failure.contains("t.ndjson:2") && failure.contains("name"), "{failure}");
}
