//! `badger poco header`: a C compiler takes what it writes, and a program in C reads the golden records by it.

mod cli_support;

use badgerserver::poco::*;
use cli_support::Folder;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; install gcc and g++"))
}

#[track_caller]
fn good(command: &mut Command) {
    let output = run(command);
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The reader, compiled with every warning an error and with checks of memory and of undefined behaviour in it.
fn reader(folder: &Folder) -> PathBuf {
    folder.badger("poco header --output badger_poco.h").good();
    let (source, program) = (repository("tests/c/read_records.c"), folder.path("read_records"));
    let mut command = Command::new("gcc");
    command.args("-std=c11 -Wall -Wextra -Wpedantic -Werror -g -fsanitize=address,undefined".split(' '));
    good(command.args(["-fno-sanitize-recover=all", "-I"]).arg(&folder.0).arg(source).arg("-o").arg(&program));
    program
}

fn text(out: &mut String, name: &str, text: &str) {
    writeln!(out, "{name} {} {text}", text.len()).unwrap();
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |out, byte| out + &format!("{byte:02x}"))
}

fn unknown(number: Option<u8>) -> u8 {
    number.unwrap_or(255)
}

fn title(out: &mut String, title: &Title) {
    let Title { id, year, runtime_minutes: minutes, .. } = title;
    let (kind, maturity, score) = (title.kind.number(), unknown(title.maturity), unknown(title.match_score));
    writeln!(out, "title {id} year {year} minutes {minutes} kind {kind} maturity {maturity} match {score}").unwrap();
    writeln!(out, "uuid {}", hexadecimal(&title.uuid)).unwrap();
    writeln!(out, "seasons {} episodes {}", title.season_count, title.episode_count).unwrap();
    text(out, "name", &title.name);
    text(out, "original_name", &title.original_name);
    text(out, "synopsis", &title.synopsis);
    text(out, "certificate", &title.certificate);
    title.genres.iter().for_each(|name| text(out, "genre", name));
    title.cast.iter().for_each(|name| text(out, "cast", name));
    title.directors.iter().for_each(|name| text(out, "director", name));
    for art in &title.art {
        writeln!(out, "art {} {}x{}", art.kind.number(), art.width, art.height).unwrap();
        text(out, "path", &art.path);
    }
}

fn cards(out: &mut String, cards: &[Card], sheets: &[Sheet]) {
    for card in cards {
        let Card { id, year, runtime_minutes: minutes, sprite_sheet: sheet, sprite_cell: cell, .. } = card;
        let kind = card.kind.number();
        writeln!(out, "card {id} year {year} minutes {minutes} kind {kind} sheet {sheet} cell {cell}").unwrap();
        text(out, "name", &card.name);
        text(out, "boxart", &card.boxart);
    }
    for sheet in sheets {
        let Sheet { columns, rows, cell_width, cell_height, .. } = sheet;
        writeln!(out, "sheet {columns}x{rows} of {cell_width}x{cell_height}").unwrap();
        text(out, "path", &sheet.path);
    }
}

fn gallery(out: &mut String, gallery: &Gallery) {
    writeln!(out, "gallery layout {} made_at {}", gallery.layout.number(), gallery.made_at).unwrap();
    text(out, "profile", &gallery.profile);
    text(out, "display_name", &gallery.display_name);
    text(out, "catalogue", &gallery.catalogue);
    writeln!(out, "hash {}", hexadecimal(&gallery.catalogue_hash)).unwrap();
    for row in &gallery.rows {
        writeln!(out, "row {} kind {}", row.id, row.kind.number()).unwrap();
        text(out, "name", &row.name);
        for item in &row.items {
            writeln!(out, "item {} match {}", item.card, unknown(item.match_score)).unwrap();
        }
    }
    for play in &gallery.plays {
        let Play { card, fraction_watched, last_play, episodes_left, plays, plays_7_days, plays_30_days, kind, .. } =
            play;
        write!(out, "play {card} watched {fraction_watched} at {last_play} left {episodes_left} ").unwrap();
        writeln!(out, "plays {plays} {plays_7_days} {plays_30_days} kind {}", kind.number()).unwrap();
        writeln!(out, "devices {}\nhours {}", hexadecimal(&play.devices), hexadecimal(&play.hours)).unwrap();
    }
    cards(out, &gallery.cards, &gallery.sheets);
}

/// What the reader prints of a record, by the views of this library.
fn expected(bytes: &[u8]) -> String {
    let mut out = String::new();
    if let Ok(view) = TitleView::new(bytes) {
        title(&mut out, &view.to_title());
    } else if let Ok(view) = GalleryView::new(bytes) {
        gallery(&mut out, &view.to_gallery());
    } else if let Ok(view) = CatalogueView::new(bytes) {
        let catalogue = view.to_catalogue();
        cards(&mut out, &catalogue.cards, &catalogue.sheets);
    } else {
        let view = ManyView::new(bytes).expect("one of the four");
        for entry in view.entries().iter() {
            writeln!(out, "entry {} status {}", entry.id, entry.status).unwrap();
            if let Some(record) = entry.record {
                title(&mut out, &TitleView::new(record).expect("a title").to_title());
            }
        }
    }
    out
}

#[test]
fn a_program_in_c_reads_the_golden_records() {
    let folder = Folder::new("poco-header");
    let program = reader(&folder);
    let mut count = 0;
    for entry in std::fs::read_dir(repository("tests/golden/poco-v1")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some(OsStr::new("bin")) {
            continue;
        }
        let output = run(Command::new(&program).arg(&path));
        assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
        let (read, wanted) = (String::from_utf8(output.stdout).unwrap(), expected(&std::fs::read(&path).unwrap()));
        assert!(!wanted.is_empty() || path.ends_with("gallery-empty.bin"), "{path:?} says nothing");
        for (line, wanted) in read.lines().zip(wanted.lines()) {
            assert_eq!(line, wanted, "{path:?}");
        }
        assert_eq!(read, wanted, "{path:?}");
        count += 1;
    }
    assert!(count >= 9, "{count} golden records");
}

/// Whatever the bytes are, the reader ends by itself: 0, 2 (no record) or 3 (it noticed), never by its checks of memory.
#[test]
fn damaged_records_are_read_within_their_bytes() {
    let folder = Folder::new("poco-header-damage");
    let program = reader(&folder);
    let bytes = std::fs::read(repository("tests/golden/poco-v1/gallery-inline.bin")).unwrap();
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(bytes.len().div_ceil(16)).chain((4..24).step_by(2)) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        for (name, damaged) in [("flipped", &damaged[..]), ("cut", &bytes[..at])] {
            let output = run(Command::new(&program).arg(folder.write(name, damaged)));
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 2 | 3)), "{name} at {at}: {}", String::from_utf8_lossy(&output.stderr));
            refused += usize::from(code != Some(0));
            assert!(name != "cut" || code == Some(2), "cut at {at} was read");
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn the_header_is_good_alone_in_both_languages() {
    let folder = Folder::new("poco-header-alone");
    folder.badger("poco header --output badger_poco.h").good();
    assert_eq!(folder.badger("poco header").good().stdout.as_bytes(), folder.read("badger_poco.h"));
    let flags = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"];
    for (compiler, language, standard) in [("gcc", "c", "-std=c11"), ("g++", "c++", "-std=c++11")] {
        let source =
            folder.write(&format!("alone.{language}"), "#include \"badger_poco.h\"\n#include \"badger_poco.h\"\n");
        let mut command = Command::new(compiler);
        good(command.args(["-x", language, standard, "-Wno-unused-function"]).args(flags).arg(source));
    }
    folder.badger("poco header --output nowhere/badger_poco.h").failed("nowhere/badger_poco.h: ");
}
