//! The newest record of `benches/record`, its page, its picture and the table of README.md agree; and how a figure is judged.

// The benchmark uses all of them; this test what it needs.
#[allow(dead_code)]
#[path = "../benches/compare/plot.rs"]
mod plot;
#[allow(dead_code)]
#[path = "../benches/compare/readme.rs"]
mod readme;
#[allow(dead_code)]
#[path = "../benches/compare/record.rs"]
mod record;
#[allow(dead_code)]
#[path = "../benches/compare/report.rs"]
mod report;
#[allow(dead_code)]
#[path = "../benches/compare/statistics.rs"]
mod statistics;

use record::{Gate, Record, Row, Series};
use report::Verdict;
use statistics::{Median, median};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All records, the newest last: their names begin with their dates.
fn records() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("benches/record")).expect("there are records");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a record").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(!paths.is_empty(), "benches/record has no .json: cargo bench --bench compare -- --record");
    paths
}

#[test]
fn the_newest_record_is_drawn_as_it_says_and_the_readme_shows_it() {
    let path = records().pop().expect("there is one");
    let text = read(&path);
    let record = Record::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let again = format!("cargo bench --bench compare -- --draw {}", path.display());
    assert!(record.write() == text, "{} is not written as it is read: {again}", path.display());
    assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(record.stem().as_str()));
    for (extension, drawn) in [("md", report::page(&record)), ("svg", plot::picture(&record))] {
        let beside = path.with_extension(extension);
        assert!(read(&beside) == drawn, "{} is not what its .json gives: {again}", beside.display());
    }
    let readme = read(&root().join("README.md"));
    let wanted = readme::with_table(&readme, &record).expect("it has a place for the table");
    assert!(readme == wanted, "the table of README.md is not that of the newest record: {again}");
}

#[test]
fn every_record_can_be_read_and_has_its_page_and_picture() {
    for path in records() {
        Record::read(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for extension in ["md", "svg"] {
            assert!(path.with_extension(extension).exists(), "{} has no .{extension}", path.display());
        }
    }
}

#[test]
fn a_gate_holds_when_its_interval_reaches_it() {
    let figure = Median { value: 1.2, low: 1.1, high: 1.3 };
    assert_eq!(Verdict::of(figure, 1.2), Verdict::Pass);
    assert_eq!(Verdict::of(figure, 1.1), Verdict::Within);
    assert_eq!(Verdict::of(figure, 1.09), Verdict::Miss);
}

fn series_of(server: &str, cpu_micros: Vec<f64>) -> Series {
    Series { server: server.to_owned(), cpu_micros, ..Series::default() }
}

#[test]
fn ratios_are_paired_in_the_round() {
    // The medians are alike; in each round one costs twice as much.
    let series = vec![series_of("own", vec![2.0, 4.0, 8.0]), series_of("other", vec![1.0, 2.0, 4.0])];
    let row = Row { name: "row".to_owned(), series, ..Row::default() };
    let gate = Gate { subject: "own".to_owned(), other: "other".to_owned(), at_most: 2.0 };
    let figure = report::gate_ratio(&row, &gate).expect("both took part");
    assert_eq!((figure.value, figure.low, figure.high), (2.0, 2.0, 2.0));
    assert_eq!(report::gate_verdict(&row, &gate), Some(Verdict::TooFew));
    assert!(report::gate_ratio(&row, &Gate { other: "nobody".to_owned(), ..gate }).is_none());
    let row = Row { series: vec![series_of("own", vec![2.0; 9]), series_of("other", vec![1.0; 9])], ..row };
    let gate = Gate { subject: "own".to_owned(), other: "other".to_owned(), at_most: 1.9 };
    assert_eq!(report::gate_verdict(&row, &gate), Some(Verdict::Miss));
}

#[test]
fn the_interval_of_nine_leaves_out_one_at_each_end() {
    let figure = median((1..=9).map(f64::from).collect());
    assert_eq!((figure.value, figure.low, figure.high), (5.0, 2.0, 8.0));
    let figure = median(vec![3.0, 1.0]);
    assert_eq!((figure.value, figure.low, figure.high), (2.0, 1.0, 3.0));
}

#[test]
fn a_record_survives_being_written() {
    let record = Record {
        date: "2026-01-02".to_owned(),
        rounds: 9,
        seconds: 0.3,
        notes: vec!["\"quoted\", \\ and\nbroken".to_owned()],
        rows: vec![Row {
            series: vec![Series {
                busy: vec![0.5, record::rounded(1.0 / 3.0), record::rounded(-0.0)],
                ..Series::default()
            }],
            ..Row::default()
        }],
        ..Record::default()
    };
    assert_eq!(Record::read(&record.write()), Ok(record.clone()));
    let error = Record::read(&record.write().replace("\"rounds\": 9", "\"rounds\": \"x\"")).unwrap_err();
    assert!(error.contains("Record.rounds"), "{error}");
    assert_eq!((record::rounded(12_345.6), record::rounded(f64::NAN)), (12_350.0, 0.0));
}
