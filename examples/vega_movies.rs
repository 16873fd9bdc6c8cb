//! Real films for `badger pack gallery`: `cargo run --release --example vega_movies -- movies.json -o DIR` turns the
//! `movies.json` of the npm package `vega-datasets` into `DIR/titles.ndjson` and `DIR/profiles.ndjson`.
//!
//! The data are known for their oddities, which are theirs on purpose: years a century too late, titles that are numbers or
//! missing, letters of another character set. Whatever is repaired or left out is counted, and told with the reason. The
//! same input gives the same output.

#[path = "vega_movies/film.rs"]
mod film;
#[path = "vega_movies/repair.rs"]
mod repair;
#[path = "vega_movies/rows.rs"]
mod rows;

use film::Film;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, flag, folder] = arguments.as_slice() else {
        return Err("usage: vega_movies movies.json -o DIR".into());
    };
    if flag != "-o" {
        return Err(format!("{flag:?} is not -o; usage: vega_movies movies.json -o DIR").into());
    }
    let json = std::fs::read(input).map_err(|error| format!("{input}: {error}"))?;
    let imported = import(&json).map_err(|error| format!("{input}: {error}"))?;
    std::fs::create_dir_all(folder).map_err(|error| format!("{folder}: {error}"))?;
    print!("{}", imported.report);
    for (name, text) in [("titles.ndjson", &imported.titles), ("profiles.ndjson", &imported.profiles)] {
        let path: PathBuf = Path::new(folder).join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("wrote {}: {} lines", path.display(), text.lines().count());
    }
    Ok(())
}

/// Both files, and what was done to get them.
pub struct Imported {
    /// A title a line.
    pub titles: String,
    /// A profile a line.
    pub profiles: String,
    /// What was repaired and left out.
    pub report: Report,
}

/// Reads `movies.json`.
///
/// # Errors
/// It is no list of objects at all, or nothing in it is a film.
pub fn import(json: &[u8]) -> Result<Imported, String> {
    let records: Vec<Value> = serde_json::from_slice(json)
        .map_err(|error| format!("expected the list of films of vega-datasets: {error}"))?;
    let mut report = Report { records: records.len(), ..Report::default() };
    let films = film::films(&records, &mut report);
    if films.is_empty() {
        return Err("no films in it; take data/movies.json of the npm package vega-datasets".to_owned());
    }
    report.titles = films.len();
    let lines = |lines: Vec<Value>| lines.iter().map(|line| format!("{line}\n")).collect();
    let titles = lines(films.iter().map(Film::to_json).collect());
    let profiles = lines(rows::profiles(&films));
    Ok(Imported { titles, profiles, report })
}

/// What was repaired and left out, counted by reason.
#[derive(Debug, Default)]
pub struct Report {
    records: usize,
    titles: usize,
    /// Records of which there is no title.
    left_out: BTreeMap<&'static str, usize>,
    /// Fields that say something else than the input.
    repaired: BTreeMap<&'static str, usize>,
    /// Fields that say nothing, though the input did.
    dropped: BTreeMap<&'static str, usize>,
    /// Fields that the input has not got.
    missing: BTreeMap<&'static str, usize>,
}

impl Report {
    fn left_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    fn repaired(&mut self, what: &'static str) {
        *self.repaired.entry(what).or_default() += 1;
    }

    fn dropped(&mut self, what: &'static str) {
        *self.dropped.entry(what).or_default() += 1;
    }

    fn missing(&mut self, what: &'static str) {
        *self.missing.entry(what).or_default() += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} titles from {} records", self.titles, self.records)?;
        let parts = [
            ("records left out", &self.left_out),
            ("repaired", &self.repaired),
            ("dropped", &self.dropped),
            ("not in the input", &self.missing),
        ];
        for (name, counts) in parts.into_iter().filter(|part| !part.1.is_empty()) {
            writeln!(f, "{name}:")?;
            for (why, count) in counts {
                writeln!(f, "{count:>6}  {why}")?;
            }
        }
        Ok(())
    }
}
