//! From films to profiles: one for each genre, decade and busy director, and the default one.
//!
//! A profile has rows of its own films, then rows of all films. A row that several profiles have has one number, so that a
//! client which keeps rows by number keeps each once.

use super::film::Film;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Titles of the longest and the shortest row, and rows of the longest gallery.
const ROW_TITLES_MAX: usize = 75;
const ROW_TITLES_MIN: usize = 4;
const ROWS_MAX: usize = 40;
/// Films of a genre, decade or director who gets a profile.
const PROFILE_FILMS_MIN: usize = 5;
/// Directors with a row in a gallery.
const DIRECTOR_ROWS_MAX: usize = 10;
/// A rating by fewer says little.
const VOTES_MIN: u64 = 1_000;
/// A film that fewer have rated is a find.
const FIND_VOTES_MAX: u64 = 10_000;
const FIND_SCORE_MIN: u8 = 70;
/// What a film of a profile's own kind is better by, in percent.
const OWN_SCORE_BONUS: u8 = 10;

/// All profiles, the default one first.
pub fn profiles(films: &[Film]) -> Vec<Value> {
    let mut numbers = Numbers::default();
    let mut ids = BTreeSet::new();
    let all: Vec<&Film> = films.iter().collect();
    let mut profiles = vec![json!({
        "id": "default", "name": "Guest", "default": true, "rows": finished(rows_of("", &all), &mut numbers, &[]),
    })];
    let groups = [
        ("genre", groups(&all, |film| film.genre.clone())),
        ("decade", groups(&all, |film| film.decade().map(|decade| format!("{decade}s")))),
        ("director", groups(&all, |film| film.director.clone())),
    ];
    for (by, groups) in groups {
        for (name, own) in groups.iter().filter(|group| group.1.len() >= PROFILE_FILMS_MIN) {
            let mut rows = match by {
                "director" => rows_of_director(name, own, &all),
                _ => rows_of(name, own),
            };
            rows.extend(rows_of("", &all));
            let rows = finished(rows, &mut numbers, own);
            let shown = if by == "decade" { format!("The {name}") } else { name.clone() };
            profiles.push(json!({ "id": id(by, name, &mut ids), "name": shown, "rows": rows }));
        }
    }
    profiles
}

/// A row before it has a number.
struct Row<'a> {
    name: String,
    kind: &'static str,
    films: Vec<&'a Film>,
}

fn row(name: String, films: Vec<&Film>) -> Row<'_> {
    Row { name, kind: "other", films }
}

/// The rows of some films: `of` is their genre, decade or director, or nothing when they are all there are.
fn rows_of<'a>(of: &str, films: &[&'a Film]) -> Vec<Row<'a>> {
    let named = |name: &str| if of.is_empty() { name.to_owned() } else { format!("{of}: {}", name.to_lowercase()) };
    let is_rated = |film: &&Film| film.votes >= VOTES_MIN;
    let is_find = |film: &&Film| film.votes < FIND_VOTES_MAX && film.score >= Some(FIND_SCORE_MIN);
    let mut rows = vec![
        Row { kind: "top_picks", ..row(named("Top rated"), by_score(films, is_rated)) },
        Row { kind: "new", ..row(named("Newest"), by_year(films)) },
        Row { kind: "trending", ..row(named("Seen by most"), by(films, |film| film.gross, |film| film.gross > 0)) },
        row(named("Little known and good"), by_score(films, is_find)),
        row(named("Longest"), by(films, |film| film.minutes, |film| film.minutes.is_some())),
    ];
    let mut add = |kind: &'static str, name: String, films: &[&'a Film]| {
        // A row of what the whole gallery is about would be its first one again.
        if name != of {
            let name = if of.is_empty() { name } else { format!("{of}: {name}") };
            rows.push(Row { kind, ..row(name, by_score(films, |_| true)) });
        }
    };
    for (genre, films) in groups(films, |film| film.genre.clone()) {
        add("genre", genre, &films);
    }
    for (decade, films) in groups(films, |film| film.decade().map(|decade| format!("{decade}s"))).iter().rev() {
        add("decade", decade.clone(), films);
    }
    let mut directors: Vec<_> = groups(films, |film| film.director.clone()).into_iter().collect();
    directors.sort_by_key(|(_, films)| Reverse(films.len()));
    for (director, films) in directors.into_iter().take(DIRECTOR_ROWS_MAX) {
        add("director", director, &films);
    }
    rows
}

/// All that a director made, which is too little for more rows, and what is like it.
fn rows_of_director<'a>(name: &str, own: &[&'a Film], all: &[&'a Film]) -> Vec<Row<'a>> {
    let mut rows = vec![Row { kind: "director", ..row(format!("Directed by {name}"), by_year(own)) }];
    rows.extend(because(own, all));
    rows
}

/// What is like a director's best film, by others.
fn because<'a>(own: &[&'a Film], all: &[&'a Film]) -> Option<Row<'a>> {
    let best = *by_score(own, |film| film.votes >= VOTES_MIN && film.genre.is_some()).first()?;
    let is_like = |film: &&Film| {
        film.genre == best.genre
            && film.story == best.story
            && film.director != best.director
            && film.votes >= VOTES_MIN
    };
    Some(Row { kind: "because", ..row(format!("Because you like {}", best.name), by_score(all, is_like)) })
}

fn groups<'a>(films: &[&'a Film], name: impl Fn(&Film) -> Option<String>) -> BTreeMap<String, Vec<&'a Film>> {
    let mut groups: BTreeMap<String, Vec<&Film>> = BTreeMap::new();
    for film in films {
        if let Some(name) = name(film) {
            groups.entry(name).or_default().push(film);
        }
    }
    groups
}

/// The films that are kept, the largest key first; films of one key in the order of the input.
fn by<'a, K: Ord>(films: &[&'a Film], key: impl Fn(&Film) -> K, keep: impl Fn(&&Film) -> bool) -> Vec<&'a Film> {
    let mut films: Vec<&Film> = films.iter().copied().filter(|film| keep(film)).collect();
    films.sort_by_key(|film| Reverse(key(film)));
    films
}

fn by_score<'a>(films: &[&'a Film], keep: impl Fn(&&Film) -> bool) -> Vec<&'a Film> {
    by(films, |film| (film.score, film.votes), keep)
}

fn by_year<'a>(films: &[&'a Film]) -> Vec<&'a Film> {
    by(films, |film| film.year, |film| film.year.is_some())
}

/// The numbers of rows by what is in them.
#[derive(Default)]
struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    fn of(&mut self, row: &str) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(row.to_owned()).or_insert(next)
    }
}

/// The rows that are long enough, cut, numbered, and with a better score for films of the profile's own kind.
fn finished(rows: Vec<Row<'_>>, numbers: &mut Numbers, own: &[&Film]) -> Vec<Value> {
    let own: BTreeSet<u32> = own.iter().map(|film| film.id).collect();
    let rows = rows.into_iter().filter(|row| row.films.len() >= ROW_TITLES_MIN).take(ROWS_MAX);
    let rows = rows.map(|row| {
        let titles: Vec<Value> = row
            .films
            .iter()
            .take(ROW_TITLES_MAX)
            .map(|film| match film.score.filter(|_| own.contains(&film.id)) {
                Some(score) => json!({ "id": film.id, "match_score": (score + OWN_SCORE_BONUS).min(100) }),
                None => json!(film.id),
            })
            .collect();
        let number = numbers.of(&format!("{} {} {titles:?}", row.kind, row.name));
        json!({ "id": number, "name": row.name, "kind": row.kind, "titles": titles })
    });
    rows.collect()
}

/// An id that reads like the name, and that no other profile has.
fn id(by: &str, name: &str, ids: &mut BTreeSet<String>) -> String {
    let letters = name.to_lowercase();
    let words = letters.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let start = words.fold(by.to_owned(), |id, word| format!("{id}-{word}"));
    let mut id = start.clone();
    let mut number = 1;
    while !ids.insert(id.clone()) {
        number += 1;
        id = format!("{start}-{number}");
    }
    id
}
