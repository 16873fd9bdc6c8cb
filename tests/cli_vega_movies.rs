//! The importer of real films, on a hand-made file with every oddity that it knows, and packed by `badger`.

mod cli_support;
#[allow(dead_code)] // its `main` is for people
#[path = "../examples/vega_movies.rs"]
mod vega_movies;

use badgerserver::pack::Encoding;
use badgerserver::poco::{GalleryView, TitleView};
use cli_support::{Folder, body, keys};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vega_movies::import;

/// A film as the data has them.
fn film(title: Value, date: Value) -> Value {
    json!({
        "Title": title, "US Gross": 1, "Worldwide Gross": 2, "US DVD Sales": null, "Production Budget": 3,
        "Release Date": date, "MPAA Rating": "R", "Running Time min": 90, "Distributor": "Studio Inc.",
        "Source": "Remake", "Major Genre": "Drama", "Creative Type": "Factual", "Director": "Ada Example",
        "Rotten Tomatoes Rating": 50, "IMDB Rating": 6.15, "IMDB Votes": 2000,
    })
}

fn with(mut film: Value, field: &str, value: Value) -> Value {
    film[field] = value;
    film
}

fn imported(films: &[Value]) -> (Vec<Value>, Vec<Value>, String) {
    let imported = import(json!(films).to_string().as_bytes()).unwrap();
    let values = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (values(&imported.titles), values(&imported.profiles), imported.report.to_string())
}

/// The only title that a record gives, and what is told about it besides.
fn one(record: Value) -> (Value, String) {
    let (mut titles, _, report) = imported(&[record]);
    assert_eq!(titles.len(), 1, "{report}");
    (titles.remove(0), report)
}

#[test]
fn a_film_without_oddities() {
    let (title, report) = one(film(json!("Plain"), json!("Jun 12 1998")));
    let expected = json!({
        "id": 1, "name": "Plain", "year": 1998, "kind": "film", "runtime_minutes": 90, "maturity": 17, "certificate": "R",
        "match_score": 62, "genres": ["Drama", "Factual"], "directors": ["Ada Example"],
        "synopsis": "Remake. Distributed by Studio Inc.",
    });
    assert_eq!(title, expected);
    assert_eq!(report, "1 titles from 1 records\n");
}

#[test]
fn titles() {
    let table = [
        (json!(1941), "1941", "title: a number, written as text"),
        (json!("L\u{c8}on"), "L\u{e9}on", "title: letters of another character set"),
        (json!("Ast\u{c8}rix aux Jeux"), "Ast\u{e9}rix aux Jeux", "title: letters of another character set"),
        (json!("Die F\u{2030}lscher"), "Die F\u{e4}lscher", "title: letters of another character set"),
        (json!("D\u{c8}j\u{2021} Vu"), "D\u{e9}j\u{e0} Vu", "title: letters of another character set"),
        (json!("pi\u{2d8}"), "pi\u{f9}", "title: letters of another character set"),
        (json!("2\u{3a9}: The Smell"), "2\u{bd}: The Smell", "title: letters of another character set"),
        (json!("You \u{d6} Don't"), "You \u{2026} Don't", "title: letters of another character set"),
        (json!("A  Film "), "A Film", "title: too many spaces"),
        (json!("Secret, The"), "The Secret", "title: the article stood behind it"),
        (json!("Lolita (1998)"), "Lolita", "title: the year stood behind it"),
        // As they should be.
        (json!("Alien\u{b3}"), "Alien\u{b3}", ""),
        (json!("Ri\u{a2}hie Ri\u{a2}h"), "Ri\u{a2}hie Ri\u{a2}h", ""),
        (json!("Am\u{e9}lie \u{c9}TIENNE WALL\u{b7}E"), "Am\u{e9}lie \u{c9}TIENNE WALL\u{b7}E", ""),
        (json!("\u{c8}ve, \u{d6}sterreich"), "\u{c8}ve, \u{d6}sterreich", ""),
        (json!("Fantasia (2000)"), "Fantasia (2000)", ""),
        (json!(", The"), ", The", ""),
        (json!("Ночной дозор"), "Ночной дозор", ""),
    ];
    for (title, expected, told) in table {
        let (line, report) = one(film(title, json!("Jun 12 1998")));
        assert_eq!(line["name"], expected);
        assert_eq!(report.lines().count(), if told.is_empty() { 1 } else { 3 }, "{expected}: {report}");
        assert!(report.contains(&format!("     1  {told}")) || told.is_empty(), "{expected}: {report}");
    }
}

#[test]
fn dates() {
    let moved = "release date: in the future of the data";
    let completed = "release date: a year of two digits";
    let table = [
        (json!("12-Jun-98"), Some(1998), completed),
        (json!("1-Jan-05"), Some(2005), completed),
        (json!("31-Dec-11"), Some(2011), completed),
        (json!("31-Dec-12"), Some(1912), completed),
        (json!("6/12/98"), Some(1998), completed),
        (json!("1998-06-12"), Some(1998), ""),
        (json!("June 12, 1998"), Some(1998), ""),
        (json!("1998"), Some(1998), ""),
        (json!(1998), Some(1998), ""),
        (json!("Feb 29 2000"), Some(2000), ""),
        (json!("Aug 12 2027"), Some(1927), moved),
        (json!("Dec 31 2012"), Some(1912), moved),
        (json!("Dec 23 2011"), Some(2011), ""),
        (json!("Feb 29 1998"), Some(1998), "release date: not in the calendar"),
        (json!("Jun 31 1998"), Some(1998), "release date: not in the calendar"),
        (json!("1998-13-01"), Some(1998), "release date: not in the calendar"),
        (json!("Jun 12 2150"), None, "release date: no film can be from that year"),
        (json!("Jun 12 1776"), None, "release date: no film can be from that year"),
        (json!("Jun 12 998"), None, "release date: not a date"),
        (json!("TBD"), None, "release date: not a date"),
        (json!("12 1998"), None, "release date: not a date"),
        (json!("Jun 99999999999 1998"), None, "release date: not a date"),
        (json!("\u{e9}\u{e9}\u{e9} 12 1998"), None, "release date: not a date"),
        (json!(null), None, "release date"),
        (json!(" "), None, "release date"),
    ];
    for (date, expected, told) in table {
        let (line, report) = one(film(json!("A"), date.clone()));
        assert_eq!(line.get("year").and_then(Value::as_u64), expected, "{date}");
        assert_eq!(report.lines().count(), if told.is_empty() { 1 } else { 3 }, "{date}: {report}");
        assert!(report.contains(&format!("     1  {told}")) || told.is_empty(), "{date}: {report}");
    }
}

#[test]
fn other_fields() {
    let plain = || film(json!("A"), json!("Jun 12 1998"));
    let table = [
        ("Running Time min", json!(null), "runtime_minutes", json!(null), "running time"),
        ("Running Time min", json!(0), "runtime_minutes", json!(null), "running time: not from 1 to 600 minutes"),
        ("Running Time min", json!(9000), "runtime_minutes", json!(null), "running time: not from 1 to 600 minutes"),
        ("IMDB Rating", json!(null), "match_score", json!(50), "score: no rating of viewers"),
        ("IMDB Rating", json!(61), "match_score", json!(50), "rating: outside its scale"),
        ("MPAA Rating", json!("Not Rated"), "maturity", json!(null), "age: the certificate names none"),
        ("MPAA Rating", json!("Open"), "certificate", json!("Open"), "age: the certificate names none"),
        ("MPAA Rating", json!(null), "certificate", json!(null), "certificate"),
        ("MPAA Rating", json!("PG"), "maturity", json!(8), ""),
        ("Major Genre", json!(null), "genres", json!(["Factual"]), "genre"),
        ("Major Genre", json!("Documentary"), "kind", json!("documentary"), ""),
        ("Major Genre", json!("Concert/Performance"), "kind", json!("special"), ""),
        ("Creative Type", json!(null), "genres", json!(["Drama"]), ""),
        ("Creative Type", json!("Multiple Creative Types"), "genres", json!(["Drama"]), "creative type: "),
        ("Director", json!(null), "directors", json!(null), "director"),
        ("Director", json!(" "), "directors", json!(null), "director"),
        ("Distributor", json!(null), "synopsis", json!("Remake."), ""),
        ("IMDB Votes", json!(null), "match_score", json!(62), ""),
        ("Worldwide Gross", json!("Unknown"), "match_score", json!(62), ""),
    ];
    for (field, value, named, expected, told) in table {
        let (line, report) = one(with(plain(), field, value.clone()));
        assert_eq!(line.get(named).unwrap_or(&Value::Null), &expected, "{field} {value}");
        assert!(report.contains(&format!("     1  {told}")) || told.is_empty(), "{field} {value}: {report}");
        assert!(report.lines().count() == 1 || !told.is_empty(), "{field} {value}: {report}");
    }
    let (line, _) = one(with(with(plain(), "IMDB Rating", json!(null)), "Rotten Tomatoes Rating", json!(null)));
    assert_eq!(line.get("match_score"), None);
}

/// One record for each reason, and which of them are left out.
fn oddities() -> Vec<Value> {
    let date = || json!("Jun 12 1998");
    let mut films = vec![
        film(json!("Twice"), date()),
        film(json!("Twice"), date()),
        film(json!("Twice"), json!("12-Jun-08")),
        film(json!(null), date()),
        film(json!(" "), date()),
        film(json!({}), date()),
        json!("nothing"),
        json!({ "Title": "Alone" }),
    ];
    for number in 0..60_u32 {
        let plain = film(json!(format!("Film {number}")), json!(format!("Mar 03 {}", 1950 + number)));
        let plain = with(plain, "Major Genre", json!(["Western", "Horror", "Comedy"][number as usize % 3]));
        let plain = with(plain, "Director", json!(["Ada Example", "Bo\u{300} \u{c9}xample"][number as usize % 2]));
        films.push(with(plain, "IMDB Rating", json!(f64::from(number % 50) / 5.0)));
    }
    films
}

#[test]
fn records_that_are_no_films_are_left_out() {
    let (titles, profiles, report) = imported(&oddities());
    let ids: Vec<u64> = titles.iter().map(|title| title["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 3, 8].into_iter().chain(9..69).collect::<Vec<u64>>());
    assert_eq!(titles[2], json!({ "id": 8, "name": "Alone", "kind": "film" }));
    for expected in [
        "63 titles from 68 records\nrecords left out:\n",
        "     1  has something else than a text for a title\n",
        "     1  has the title and the year of an earlier one\n",
        "     2  has no title\n",
        "     1  is no object\n",
    ] {
        assert!(report.contains(expected), "{report}");
    }
    let ids: Vec<&str> = profiles.iter().map(|profile| profile["id"].as_str().unwrap()).collect();
    let expected = [
        "default",
        "genre-comedy",
        "genre-horror",
        "genre-western",
        "decade-1950s",
        "decade-1960s",
        "decade-1970s",
        "decade-1980s",
        "decade-1990s",
        "decade-2000s",
        "director-ada-example",
        "director-bo-\u{e9}xample",
    ];
    assert_eq!(ids, expected);
    // A row's number stands for one row, in every profile.
    let mut rows: BTreeMap<u64, &Value> = BTreeMap::new();
    for profile in &profiles {
        for row in profile["rows"].as_array().unwrap() {
            assert!(row["titles"].as_array().unwrap().len() >= 4, "{row}");
            assert_eq!(*rows.entry(row["id"].as_u64().unwrap()).or_insert(row), row);
        }
    }
    for (nothing, told) in
        [("[]", "no films in it"), ("{}", "expected the list of films"), ("[1]", "no films in it"), ("", "expected")]
    {
        let error = import(nothing.as_bytes()).err().unwrap();
        assert!(error.starts_with(told), "{nothing}: {error}");
    }
}

#[test]
fn what_is_imported_can_be_packed() {
    let folder = Folder::new("vega-movies");
    let json = json!(oddities()).to_string();
    let (first, again) = (import(json.as_bytes()).unwrap(), import(json.as_bytes()).unwrap());
    assert_eq!((&first.titles, &first.profiles), (&again.titles, &again.profiles));
    folder.write("t.ndjson", &first.titles);
    folder.write("p.ndjson", &first.profiles);
    let outcome =
        folder.badger("pack gallery --titles t.ndjson --profiles p.ndjson -o g.badger --layout shared").good();
    assert!(outcome.stdout.starts_with("12 profiles, 63 titles, default gallery of \"default\""), "{outcome:?}");
    let pack = folder.pack("g.badger");
    for line in first.titles.lines() {
        let title: Value = serde_json::from_str(line).unwrap();
        let record = body(&pack, &format!("/metadata/{}", title["id"]), Encoding::Identity).unwrap();
        assert_eq!(title["name"], TitleView::new(&record).unwrap().name());
    }
    for key in keys(&pack).iter().filter(|key| key.starts_with("/gallery/")) {
        let record = body(&pack, key, Encoding::Identity).unwrap();
        assert!(GalleryView::new(&record).unwrap().rows().len() > 5, "{key}");
    }
    folder.badger("verify g.badger").good();
}
