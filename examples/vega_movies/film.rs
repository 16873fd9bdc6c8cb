//! From a record of `movies.json` to a title.

use super::Report;
use super::repair::{self, Year};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longer is a mistake: the longest in the data has 222 minutes.
const RUNTIME_MINUTES_MAX: u64 = 600;

/// The age that a certificate of the Motion Picture Association asks for.
const CERTIFICATES: [(&str, u8); 5] = [("G", 0), ("PG", 8), ("PG-13", 13), ("R", 17), ("NC-17", 18)];

/// A film, as far as it is known.
#[derive(Debug)]
pub struct Film {
    /// Its place in the input, from 1, so that a record that is left out moves no other.
    pub id: u32,
    pub name: String,
    pub year: Option<u16>,
    pub minutes: Option<u16>,
    pub certificate: String,
    pub maturity: Option<u8>,
    /// In percent.
    pub score: Option<u8>,
    pub votes: u64,
    /// Dollars, in all the world.
    pub gross: u64,
    /// The genre, which rows go by.
    pub genre: Option<String>,
    /// What it tells of: science fiction, super heroes.
    pub story: Option<String>,
    pub director: Option<String>,
    source: Option<String>,
    distributor: Option<String>,
}

/// The films of all records that have a title.
pub fn films(records: &[Value], report: &mut Report) -> Vec<Film> {
    let mut films: Vec<Film> = Vec::new();
    let mut seen: BTreeMap<(String, Option<u16>), u32> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let Some(record) = record.as_object() else {
            report.left_out("is no object");
            continue;
        };
        let Some(title) = title(record, report) else { continue };
        let year = year(record, report);
        let name = name(title, year, report);
        let id = index as u32 + 1;
        if seen.insert((name.clone(), year), id).is_some() {
            report.left_out("has the title and the year of an earlier one");
            continue;
        }
        films.push(film(id, name, year, record, report));
    }
    films
}

fn film(id: u32, name: String, year: Option<u16>, record: &Map<String, Value>, report: &mut Report) -> Film {
    let certificate = text(record, "MPAA Rating").unwrap_or_default();
    let maturity = CERTIFICATES.iter().find(|row| row.0 == certificate).map(|row| row.1);
    if certificate.is_empty() {
        report.missing("certificate");
    } else if maturity.is_none() {
        report.missing("age: the certificate names none, and stays as it is (\"Not Rated\", \"Open\")");
    }
    let mut story = text(record, "Creative Type");
    if story.as_deref() == Some("Multiple Creative Types") {
        report.dropped("creative type: \"Multiple Creative Types\" says nothing");
        story = None;
    }
    let known = |value: Option<String>, what: &'static str, report: &mut Report| {
        if value.is_none() {
            report.missing(what);
        }
        value
    };
    Film {
        id,
        name,
        year,
        minutes: minutes(record, report),
        certificate,
        maturity,
        score: score(record, report),
        votes: record.get("IMDB Votes").and_then(Value::as_u64).unwrap_or(0),
        gross: record.get("Worldwide Gross").and_then(Value::as_u64).unwrap_or(0),
        genre: known(text(record, "Major Genre"), "genre", report),
        story,
        director: known(text(record, "Director"), "director", report),
        source: text(record, "Source"),
        distributor: text(record, "Distributor"),
    }
}

/// A text that says something.
fn text(record: &Map<String, Value>, field: &str) -> Option<String> {
    let text = repair::letters(&repair::spaces(record.get(field)?.as_str()?));
    (!text.is_empty()).then_some(text)
}

fn title(record: &Map<String, Value>, report: &mut Report) -> Option<String> {
    let title = match record.get("Title") {
        Some(Value::String(title)) => title.clone(),
        Some(Value::Number(number)) => {
            report.repaired("title: a number, written as text (\"1941\", \"300\")");
            number.to_string()
        }
        Some(Value::Null) | None => String::new(),
        Some(_) => {
            report.left_out("has something else than a text for a title");
            return None;
        }
    };
    if title.trim().is_empty() {
        report.left_out("has no title");
        return None;
    }
    Some(title)
}

/// The title, as the film is called.
fn name(title: String, year: Option<u16>, report: &mut Report) -> String {
    type Repair = (fn(&str) -> String, &'static str);
    let repairs: [Repair; 3] = [
        (repair::spaces, "title: too many spaces"),
        (repair::letters, "title: letters of another character set (\"LÈon\" is \"Léon\")"),
        (repair::article, "title: the article stood behind it (\"Secret, The\")"),
    ];
    let mut name = title;
    for (repair, what) in repairs {
        let repaired = repair(&name);
        if repaired != name {
            report.repaired(what);
            name = repaired;
        }
    }
    let plain = year.map_or_else(|| name.clone(), |year| repair::without_year(&name, year));
    if plain != name {
        report.repaired("title: the year stood behind it (\"Lolita (1962)\")");
    }
    plain
}

fn year(record: &Map<String, Value>, report: &mut Report) -> Option<u16> {
    let said = match record.get("Release Date") {
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => {
            report.missing("release date");
            return None;
        }
    };
    match repair::year(&said) {
        Year::Said(year) => Some(year),
        Year::Completed(year) => {
            report.repaired("release date: a year of two digits, completed to the latest that is not in the future");
            Some(year)
        }
        Year::Moved(year) => {
            report.repaired("release date: in the future of the data, moved a century back (\"Wings\" in 2027)");
            Some(year)
        }
        Year::NoSuchDay(year) => {
            report.repaired("release date: not in the calendar; its year was taken");
            Some(year)
        }
        Year::Impossible => {
            report.dropped("release date: no film can be from that year");
            None
        }
        Year::NoDate => {
            report.dropped("release date: not a date");
            None
        }
    }
}

fn minutes(record: &Map<String, Value>, report: &mut Report) -> Option<u16> {
    let value = record.get("Running Time min").filter(|value| !value.is_null());
    let Some(value) = value else {
        report.missing("running time");
        return None;
    };
    let minutes = value.as_u64().filter(|minutes| (1..=RUNTIME_MINUTES_MAX).contains(minutes));
    if minutes.is_none() {
        report.dropped("running time: not from 1 to 600 minutes");
    }
    minutes.and_then(|minutes| u16::try_from(minutes).ok())
}

/// The rating of viewers, else that of critics, in percent.
fn score(record: &Map<String, Value>, report: &mut Report) -> Option<u8> {
    let mut rating = |field: &str, most: f64| {
        let value = record.get(field).filter(|value| !value.is_null())?;
        let rating = value.as_f64().filter(|rating| (0.0..=most).contains(rating));
        if rating.is_none() {
            report.dropped("rating: outside its scale");
        }
        rating.map(|rating| (rating / most * 100.0).round() as u8)
    };
    let (viewers, critics) = (rating("IMDB Rating", 10.0), rating("Rotten Tomatoes Rating", 100.0));
    match (viewers, critics) {
        (Some(viewers), _) => Some(viewers),
        (None, Some(critics)) => {
            report.repaired("score: no rating of viewers, so that of critics was taken");
            Some(critics)
        }
        (None, None) => {
            report.missing("score");
            None
        }
    }
}

impl Film {
    pub fn decade(&self) -> Option<u16> {
        self.year.map(|year| year / 10 * 10)
    }

    /// The line of titles.ndjson. What is not known is not in it.
    pub fn to_json(&self) -> Value {
        let genres: Vec<&String> =
            self.genre.iter().chain(self.story.iter().filter(|it| Some(*it) != self.genre.as_ref())).collect();
        let kind = match self.genre.as_deref() {
            Some("Documentary") => "documentary",
            Some("Concert/Performance") => "special",
            _ => "film",
        };
        let facts = [
            self.source.as_ref().map(|source| format!("{source}.")),
            self.distributor
                .as_ref()
                .map(|distributor| format!("Distributed by {}.", distributor.trim_end_matches('.'))),
        ];
        let fields = [
            ("id", json!(self.id)),
            ("name", json!(self.name)),
            ("year", json!(self.year)),
            ("kind", json!(kind)),
            ("runtime_minutes", json!(self.minutes)),
            ("maturity", json!(self.maturity)),
            ("certificate", json!(self.certificate)),
            ("match_score", json!(self.score)),
            ("genres", json!(genres)),
            ("directors", json!(self.director.as_slice())),
            ("synopsis", json!(facts.into_iter().flatten().collect::<Vec<_>>().join(" "))),
        ];
        let is_known = |value: &Value| *value != json!(null) && *value != json!("") && *value != json!([]);
        fields.into_iter().filter(|field| is_known(&field.1)).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
