//! Titles: what there is to see.

use super::names;
use super::words::DIRECTORS;
use crate::art::{self, BOXART, CELL, HERO, Recipe, SHEET};
use crate::random::Random;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{self, Write};

pub(crate) const GENRES: [&str; 20] = [
    "Action",
    "Adventure",
    "Animation",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Family",
    "Fantasy",
    "History",
    "Horror",
    "Music",
    "Mystery",
    "Nature",
    "Romance",
    "Science Fiction",
    "Sport",
    "Thriller",
    "War",
    "Western",
];

/// The age from which it may be seen, and how that is printed.
const CERTIFICATES: [(u8, &str, &str); 6] = [
    (0, "G", "TV-G"),
    (7, "PG", "TV-Y7"),
    (10, "PG", "TV-PG"),
    (13, "PG-13", "TV-14"),
    (17, "R", "TV-MA"),
    (18, "NC-17", "TV-MA"),
];

/// A title, as far as galleries choose by it; the rest is made when it is written.
#[derive(Debug)]
pub(crate) struct Title {
    pub(crate) id: u32,
    pub(crate) name: String,
    original_name: String,
    /// Numbers of `GENRES`, the main one first.
    pub(crate) genres: Vec<usize>,
    /// The number of one of the `DIRECTORS`.
    pub(crate) director: usize,
    pub(crate) year: u32,
    pub(crate) is_series: bool,
    pub(crate) runtime_minutes: u32,
    /// From 0 to 99: how many want to see it.
    pub(crate) popularity: u32,
    pub(crate) match_score: u32,
}

/// The first `count` titles. More titles leave the first ones as they are.
pub(crate) fn make(count: usize) -> Vec<Title> {
    let mut taken = BTreeSet::new();
    (1..=count as u32).map(|id| one(id, &mut taken)).collect()
}

fn one(id: u32, taken: &mut BTreeSet<String>) -> Title {
    let mut random = Random::of("title", u64::from(id));
    let mut name = names::title(&mut random);
    while !taken.insert(name.shown.clone()) {
        name = names::title(&mut random);
    }
    let main = random.below(GENRES.len());
    let mut genres = vec![main];
    for _ in 0..random.below(3) {
        let other = random.below(GENRES.len());
        if !genres.contains(&other) {
            genres.push(other);
        }
    }
    // Recent years are likelier, and every decade from the fifties has enough for a row.
    let year = 2026 - random.between(0, 76).min(random.between(0, 130));
    let is_series = year > 1965 && random.chance(1, 3);
    Title {
        id,
        name: name.shown,
        original_name: name.original,
        director: (main + random.below(6) * 4) % DIRECTORS.len(),
        genres,
        year,
        is_series,
        runtime_minutes: if is_series { random.between(22, 64) } else { random.between(74, 178) },
        popularity: random.between(0, 99).min(random.between(0, 99)),
        match_score: random.between(50, 99).max(random.between(40, 99)),
    }
}

impl Title {
    /// What its pictures are drawn from.
    pub(crate) fn recipe(&self) -> Recipe<'static> {
        Recipe { title: self.id, genre: GENRES[self.genres[0]] }
    }

    fn is_documentary(&self) -> bool {
        ["Documentary", "Nature"].contains(&GENRES[self.genres[0]])
    }
}

/// The sheets of stamps: the titles of each.
pub(crate) fn sheets(titles: &[Title]) -> impl Iterator<Item = &[Title]> {
    titles.chunks((SHEET.0 * SHEET.1) as usize)
}

/// The path of a sheet. It follows from what is on it.
pub(crate) fn sheet_path(number: usize, titles: &[Title]) -> String {
    let mut recipe = String::new();
    for title in titles {
        recipe.push_str(&title.recipe().boxart_path());
    }
    format!("sprites/{number}-{:08x}.jpg", Random::of(&recipe, titles.len() as u64).next() >> 32)
}

/// Writes titles.ndjson.
pub(crate) fn write(titles: &[Title], out: &mut impl Write) -> io::Result<()> {
    for (number, sheet) in sheets(titles).enumerate() {
        let path = sheet_path(number, sheet);
        let rows = art::sheet_rows(sheet.len());
        for (place, title) in sheet.iter().enumerate() {
            let (x, y) = art::cell(place);
            let sprite = json!({"sheet": path, "x": x, "y": y, "width": CELL.0, "height": CELL.1, "columns": SHEET.0, "rows": rows});
            serde_json::to_writer(&mut *out, &line(title, sprite))?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn line(title: &Title, sprite: serde_json::Value) -> serde_json::Value {
    let mut random = Random::of("details", u64::from(title.id));
    let is_gentle = title.genres.iter().any(|genre| ["Animation", "Family", "Nature"].contains(&GENRES[*genre]));
    let certificate = CERTIFICATES[if is_gentle { random.below(3) } else { 2 + random.below(4).min(random.below(4)) }];
    let seasons = if title.is_series { random.between(1, 9) } else { 0 };
    let kind = match (title.is_series, title.is_documentary()) {
        (true, _) => "series",
        (false, true) => "documentary",
        (false, false) if title.runtime_minutes < 80 => "special",
        (false, false) => "film",
    };
    let cast: Vec<String> = (0..random.between(3, 6)).map(|_| names::person(&mut random)).collect();
    let mut directors = vec![DIRECTORS[title.director].to_owned()];
    if random.chance(1, 8) {
        directors.push(names::person(&mut random));
    }
    let recipe = title.recipe();
    json!({
        "id": title.id,
        "name": title.name,
        "original_name": title.original_name,
        "year": title.year,
        "kind": kind,
        "runtime_minutes": title.runtime_minutes,
        "maturity": certificate.0,
        "certificate": if title.is_series { certificate.2 } else { certificate.1 },
        "match_score": title.match_score,
        "genres": title.genres.iter().map(|genre| GENRES[*genre]).collect::<Vec<_>>(),
        "cast": cast,
        "directors": directors,
        "synopsis": names::synopsis(&mut random),
        "season_count": seasons,
        "episode_count": seasons * random.between(6, 13),
        "art": [
            {"kind": "boxart", "path": recipe.boxart_path(), "width": BOXART.0, "height": BOXART.1},
            {"kind": "hero", "path": recipe.hero_path(), "width": HERO.0, "height": HERO.1},
        ],
        "sprite": sprite,
    })
}
