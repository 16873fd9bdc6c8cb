//! What is written from the schema of the records is what the files say. `POCO_WRITE=1 cargo test --test poco_schema`
//! writes them anew.

use badgerserver::poco::c_header;
use badgerserver::poco::generate::{BEGIN, END, javascript, markdown, replace, typescript};
use badgerserver::poco::schema::{FieldKind, HEAD_BYTES, RECORDS, STRUCTS, VALUES, find};
use std::path::Path;

#[test]
fn the_files_hold_what_the_schema_gives() {
    let mut complaints = Vec::new();
    for (name, block) in [
        ("examples/javascript/poco.js", javascript()),
        ("examples/javascript/poco.d.ts", typescript()),
        ("docs/poco.md", markdown()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let document = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Some(wanted) = replace(&document, &block) else {
            complaints.push(format!("{name}: put one line with `{BEGIN}` and, below it, one with `{END}`"));
            continue;
        };
        if std::env::var_os("POCO_WRITE").is_some() {
            std::fs::write(&path, wanted).unwrap_or_else(|error| panic!("{name}: {error}"));
        } else if document != wanted {
            let line = document.lines().zip(wanted.lines()).take_while(|(is, should)| is == should).count() + 1;
            complaints.push(format!("{name}:{line}: differs from src/poco/schema.rs"));
        }
    }
    assert!(complaints.is_empty(), "{}\nPOCO_WRITE=1 cargo test --test poco_schema", complaints.join("\n"));
}

#[test]
fn a_block_replaces_what_is_between_its_marks_and_nothing_else() {
    let document = "a\n  // generated: begin\nold\n  // generated: end\nb\n";
    let wanted = "a\n  // generated: begin\n  x {\n\n  }\n  // generated: end\nb\n";
    assert_eq!(replace(document, "x {\n\n}\n").as_deref(), Some(wanted));
    assert_eq!(replace(wanted, "x {\n\n}\n").as_deref(), Some(wanted));
    for broken in ["", "generated: begin\n", "generated: end\ngenerated: begin\n", &document.repeat(2)] {
        assert_eq!(replace(broken, "x"), None, "{broken:?}");
    }
}

/// No byte of a struct is without a name, and what a field refers to exists.
#[test]
fn the_schema_is_without_gaps() {
    for schema in STRUCTS {
        let mut end = 0;
        for field in schema.fields {
            assert_eq!(field.offset, end, "{}.{}", schema.name, field.name);
            assert!(!field.doc.trim().is_empty());
            end += field.kind.bytes();
            match (field.kind, field.extra) {
                (FieldKind::Table, Some(name)) => assert!(find(name).is_some(), "{name}"),
                (FieldKind::U8, Some(name)) => assert!(VALUES.iter().any(|values| values.name == name), "{name}"),
                (FieldKind::Table, None) => panic!("{}.{}: a table of what?", schema.name, field.name),
                (_, extra) => assert_eq!(extra, None, "{}.{}", schema.name, field.name),
            }
        }
        assert_eq!(end, schema.bytes, "{}", schema.name);
    }
    assert_eq!(HEAD_BYTES, 24);
    for kind in RECORDS {
        assert!(find(kind.name).is_some());
        assert!(kind.media_type.ends_with(";v=1"));
    }
}

/// The numbers that version 1 has given out. They never change; new ones are added below.
#[test]
fn offsets_and_numbers_are_what_version_1_says() {
    let offsets = [
        ("RecordHead", "record_bytes", 8),
        ("RecordHead", "block_bytes", 12),
        ("Title", "uuid", 4),
        ("Title", "year", 20),
        ("Title", "name", 32),
        ("Title", "genres", 64),
        ("Title", "art", 100),
        ("Title", "sprite_height", 126),
        ("Gallery", "made_at", 4),
        ("Gallery", "profile", 8),
        ("Gallery", "catalogue_hash", 48),
        ("Gallery", "cards", 64),
        ("Gallery", "sheets", 112),
        ("Catalogue", "sheets", 20),
        ("ManyEntry", "offset", 8),
        ("Art", "path", 8),
        ("Card", "year", 20),
        ("Card", "sprite_cell", 30),
        ("Row", "first_item", 12),
        ("Row", "kind", 20),
        ("Item", "match_score", 3),
        ("Play", "last_play", 4),
        ("Play", "devices", 14),
        ("Play", "hours", 20),
        ("Sheet", "columns", 8),
    ];
    for (name, field, offset) in offsets {
        let found = find(name).unwrap().fields.iter().find(|it| it.name == field).unwrap();
        assert_eq!(found.offset, offset, "{name}.{field}");
    }
    let sizes = [("Title", 128), ("Gallery", 124), ("Catalogue", 32), ("Many", 12), ("ManyEntry", 16)];
    let parts = [("Name", 8), ("Art", 16), ("Card", 32), ("Row", 24), ("Item", 4), ("Play", 44), ("Sheet", 16)];
    for (name, bytes) in sizes.iter().chain(&parts) {
        assert_eq!(find(name).unwrap().bytes, *bytes, "{name}");
    }
    let words: Vec<String> = VALUES
        .iter()
        .map(|table| table.values.iter().map(|(number, word, _)| format!("{number} {word} ")).collect())
        .collect();
    assert_eq!(
        words,
        [
            "0 unknown 1 film 2 series 3 documentary 4 special ",
            "0 unknown 1 boxart 2 hero 3 logo 4 still ",
            "0 other 1 continue_watching 2 my_list 3 trending 4 genre 5 because 6 new 7 director 8 decade 9 top_picks ",
            "1 inline 2 shared ",
        ]
    );
}

/// The table of limits in the document has the numbers of the code.
#[test]
fn the_document_has_the_limits_of_the_code() {
    use badgerserver::poco::*;
    let document = include_str!("../docs/poco.md");
    let grouped = |number: usize| {
        let digits = number.to_string();
        let groups: Vec<_> =
            digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(",")
    };
    let rows = [
        ("a text", grouped(TEXT_BYTES_MAX as usize) + " bytes"),
        ("a record", format!("{} GiB", RECORD_BYTES_MAX >> 30)),
        ("names in a list, pictures of a title", grouped(TITLE_LIST_MAX)),
        ("cards", grouped(CARDS_MAX)),
        ("spritesheets", grouped(SHEETS_MAX)),
        ("rows; items of one row", grouped(ROWS_MAX.max(ROW_ITEMS_MAX))),
        ("items of all rows; plays", grouped(ITEMS_MAX)),
        ("records of one answer", grouped(MANY_ENTRIES_MAX)),
        ("`Badger-Order` that is written", grouped(ORDER_BYTES_MAX) + " bytes"),
    ];
    for (what, limit) in rows {
        assert!(document.contains(&format!("\n| {what} | {limit} | ")), "docs/poco.md has no row `{what} | {limit}`");
    }
}

/// What `badger poco header` writes; tests/cli_poco_header.rs reads the golden records by it.
#[test]
fn a_c_compiler_takes_the_header() {
    let mut gcc = std::process::Command::new("gcc");
    gcc.args("-std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c -".split(' '));
    gcc.stdin(std::process::Stdio::piped());
    let mut child = gcc.spawn().unwrap_or_else(|error| panic!("{gcc:?}: {error}; install gcc"));
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), c_header().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "gcc says above what is wrong");
}
