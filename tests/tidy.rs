//! The rules of this repository that no compiler knows: which layer may import which, where `unsafe` and each crate may
//! appear, what never lands. Each complaint names the file, the line, the rule and the remedy.
//!
//! The places of crates are read from ARCHITECTURE.md, "Dependencies"; everything else is in the tables below. An
//! exception is a row with its reason, and a row that is no longer needed is a complaint too.

#[path = "tidy/source.rs"]
mod source;

use source::{File, has_word, imports, sources};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What a layer may import, and the single items it may name beyond that.
const LAYERS: [(&str, &[&str], &[&str]); 9] = [
    ("limits", &[], &[]),
    // A macro, which names the front page.
    ("include_pack", &[], &[]),
    ("http", &["limits"], &[]),
    ("pack", &["limits"], &[]),
    ("poco", &["pack", "limits"], &[]),
    ("route", &["http", "pack", "poco", "limits"], &[]),
    // The kernel's side implements the trait by which packs are read, so that `pack` needs to know no file.
    ("sys", &[], &["pack::source::"]),
    ("ring", &["sys", "limits"], &[]),
    ("server", &["http", "pack", "route", "sys", "ring", "limits"], &[]),
];

/// Layers without socket, file, clock or thread.
const PURE: [&str; 5] = ["limits", "http", "pack", "poco", "route"];

/// Files of `server` that may name both the ring and the protocol, with the only item of the ring that they may name.
const NAMES_RING_AND_HTTP: [(&str, &str); 2] = [
    // The loop: it joins them.
    ("src/server/worker.rs", ""),
    // Finds the file behind a body; the pin is what keeps it open while the ring sends.
    ("src/server/content.rs", "crate::ring::outgoing::Pin"),
];

/// Files of `server` that may name more of the ring than a pin on a file.
const NAMES_RING: [&str; 5] = [
    "src/server/worker.rs",
    "src/server/worker_cold.rs",
    "src/server/worker_drain.rs",
    "src/server/builder.rs",
    "src/server/probe.rs",
];

/// What must not stand in the library outside tests: the text, and what to do instead.
const BANNED: [(&str, &str); 11] = [
    (".unwrap()", "return an error, or match and say what happens"),
    (".unwrap_unchecked()", "return an error, or match and say what happens"),
    (".expect(", "return an error; for a broken contract of a caller, add the file to ALLOWED with the contract"),
    ("panic!", "return an error; for a broken contract use assert! with the contract as its text"),
    ("todo!", "write it or leave it out"),
    ("unimplemented!", "write it or leave it out"),
    ("dbg!", "remove it"),
    ("println!", "tell the operator by an Event"),
    ("print!", "tell the operator by an Event"),
    ("eprintln!", "tell the operator by an Event"),
    ("static mut", "give the state an owner"),
];

/// Where a banned text may stand: the file, the text, how often, and why.
const ALLOWED: [(&str, &str, usize, &str); 5] = [
    ("src/ring/transmit.rs", ".expect(", 1, "a span of a file has a file"),
    (
        "src/ring/uring.rs",
        ".expect(",
        5,
        "the contract of the seam, as in epoll.rs; the kernel tells of what is under way",
    ),
    ("src/sys/uring.rs", ".expect(", 1, "a buffer is read between its completion and its return"),
    ("src/ring/epoll.rs", ".expect(", 5, "the contract of the seam: the worker names a slot it has opened"),
    ("src/sys/file.rs", ".expect(", 2, "a length that was matched in the line above; every system has a page size"),
];

/// Words that only some files of the library may use: the words, the files, the rule.
const PLACES: [(&[&str], &[&str], &str); 5] = [
    (
        &["SystemTime", "Instant", "UNIX_EPOCH"],
        &["src/sys/time.rs"],
        "time is read in one place; take it as an argument",
    ),
    (
        &["HashMap", "HashSet", "RandomState"],
        &[],
        "a seeded map makes a run differ from the next; use a BTreeMap or a Vec",
    ),
    (
        &["Mutex", "RwLock", "Condvar"],
        // The third counts connections as they come and go; the fourth is of a listener that has one worker.
        &["src/server/handle.rs", "src/sys/guard.rs", "src/server/addresses.rs", "src/server/admin/facts.rs"],
        "no lock on the request path; send the worker a message",
    ),
    (&["OnceLock", "LazyLock", "thread_local", "lazy_static"], &[], "no globals; give the state an owner"),
    (&["async", "await"], &[], "no async; the loop is src/server/worker.rs"),
];

/// Longest file, in lines: a longer one usually has a second idea.
const LINES_MAX: usize = 600;

/// Longer files: the bound they have instead, and why.
const LONG_FILES: [(&str, usize, &str); 9] = [
    ("src/sys/socket.rs", 660, "one kind of socket, with the tests that only it needs"),
    ("src/server/content.rs", 640, "every way in which content is waited for is in one file, with its outcomes"),
    ("src/server/worker.rs", 680, "what each completion means to a connection is in one file"),
    ("src/http/conn.rs", 810, "every transition of the connection is in one file, theory first"),
    ("src/http/conn_tests.rs", 1000, "tables of whole exchanges, and every cut of them"),
    ("src/ring/epoll.rs", 640, "one backend, with the tests that only it needs"),
    ("src/ring/uring.rs", 760, "one backend: what each completion means is in one file"),
    ("src/ring/tests.rs", 1000, "one suite, stamped for every backend"),
    ("src/sys/guard.rs", 750, "one routine in the assembly of three architectures, with its handler and its tests"),
];

/// Most crates that somebody who embeds the library compiles.
const CRATES_MAX: usize = 18;

#[test]
fn layers_import_what_lies_below_them() {
    let mut complaints = Vec::new();
    for file in sources("src").iter().filter(|file| !file.is_test) {
        let Some(layer) = file.layer() else { continue };
        let Some((_, allowed, items)) = LAYERS.iter().find(|row| row.0 == layer) else {
            complaints.push(format!("{}: `{layer}` is no layer; give it a row in LAYERS of tests/tidy.rs", file.path));
            continue;
        };
        for (line, path) in imports(file) {
            let target = path.split("::").next().unwrap_or_default();
            if target == layer || allowed.contains(&target) || items.iter().any(|item| path.starts_with(item)) {
                continue;
            }
            let remedy = if LAYERS.iter().any(|row| row.0 == target) {
                format!("move what you need to where both may see it, or hand it in (allowed: {})", allowed.join(", "))
            } else {
                "name it by the module it is in, not by a name of the front page".to_owned()
            };
            complaints.push(format!("{}:{line}: `{layer}` imports `crate::{path}`; {remedy}", file.path));
        }
    }
    report(complaints);
}

#[test]
fn the_ring_and_the_protocol_meet_in_one_file() {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for file in sources("src/server").iter().filter(|file| !file.is_test) {
        let imports = imports(file);
        let of_http = imports.iter().any(|import| import.1.starts_with("http::"));
        let of_ring: Vec<_> = imports.iter().filter(|import| import.1.starts_with("ring::")).collect();
        let row = NAMES_RING_AND_HTTP.iter().find(|row| row.0 == file.path);
        for (line, path) in of_ring {
            let path = format!("crate::{path}");
            let is_pin = path == "crate::ring::outgoing::Pin";
            let is_choice = path.starts_with("crate::ring::choose::");
            if !is_pin && !is_choice && !NAMES_RING.contains(&file.path.as_str()) {
                complaints.push(format!(
                    "{}:{line}: only {NAMES_RING:?} talk to the ring; `{path}` belongs there",
                    file.path
                ));
            }
            if !of_http {
                continue;
            }
            match row {
                Some((name, item)) if item.is_empty() || *item == path => _ = used.insert(*name),
                Some((_, item)) => {
                    complaints.push(format!("{}:{line}: of the ring it may name `{item}` only", file.path))
                }
                None => complaints.push(format!(
                    "{}:{line}: names both `http` and `ring`; the worker joins them, so hand it what it needs",
                    file.path
                )),
            }
        }
    }
    for (name, _) in NAMES_RING_AND_HTTP.iter().filter(|row| !used.contains(row.0)) {
        complaints.push(format!("tests/tidy.rs: {name} no longer names both; remove its row of NAMES_RING_AND_HTTP"));
    }
    report(complaints);
}

#[test]
fn pure_layers_know_no_socket_file_clock_or_thread() {
    let impure = ["std::fs", "std::thread", "std::process", "std::env", "std::os", "std::io::stdin", "std::io::stdout"];
    let sockets = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];
    let mut complaints = Vec::new();
    for file in sources("src").iter().filter(|file| !file.is_test && file.layer().is_some_and(|it| PURE.contains(&it)))
    {
        for (number, line) in file.lines() {
            for word in impure.iter().chain(&sockets).filter(|word| has_word(line, word)) {
                complaints
                    .push(format!("{}:{number}: `{word}` in a pure layer; do it in src/sys or src/server", file.path));
            }
        }
    }
    report(complaints);
}

#[test]
fn unsafe_stays_in_its_folders() {
    let mut complaints = Vec::new();
    for file in sources("src").iter().filter(|file| file.path != "src/lib.rs") {
        let may_have = file.path.starts_with("src/sys/") || file.path.starts_with("src/ring/");
        let used = source::blank(&file.text).lines().position(|line| has_word(line, "unsafe"));
        let forbids = file.text.contains("#![forbid(unsafe_code)]");
        // The attribute of a folder's file would hold for the whole folder.
        let is_folder_of_unsafe = may_have && file.path.ends_with("/mod.rs");
        let must_say = !file.is_test && file.layer().is_some() && !is_folder_of_unsafe;
        match used {
            Some(line) if !may_have => complaints.push(format!(
                "{}:{}: `unsafe` outside src/sys and src/ring; wrap the call there in a type that is safe to use",
                file.path,
                line + 1
            )),
            None if !forbids && must_say => complaints
                .push(format!("{}:1: has no `unsafe` and does not say so; add #![forbid(unsafe_code)]", file.path)),
            _ => {}
        }
    }
    report(complaints);
}

#[test]
fn banned_words_stay_out() {
    let mut complaints = Vec::new();
    let mut counts = [0; ALLOWED.len()];
    for file in sources("src").iter().filter(|file| !file.is_test && file.layer().is_some()) {
        for (number, line) in file.lines() {
            for (text, remedy) in BANNED.iter().filter(|banned| has_word(line, banned.0)) {
                match ALLOWED.iter().position(|row| row.0 == file.path && row.1 == *text) {
                    Some(row) if counts[row] < ALLOWED[row].2 => counts[row] += 1,
                    _ => complaints.push(format!("{}:{number}: `{text}` in the library; {remedy}", file.path)),
                }
            }
            for (words, files, rule) in &PLACES {
                for word in words.iter().filter(|word| has_word(line, word) && !files.contains(&file.path.as_str())) {
                    complaints.push(format!("{}:{number}: `{word}`; {rule}", file.path));
                }
            }
        }
    }
    for (row, count) in ALLOWED.iter().zip(counts).filter(|row| row.1 < row.0.2) {
        complaints.push(format!(
            "tests/tidy.rs: {} has {} `{}` only {count} times; lower its row of ALLOWED",
            row.0, row.1, row.1
        ));
    }
    report(complaints);
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    let mut complaints = Vec::new();
    let mut long = BTreeSet::new();
    for file in ["src", "tests", "examples", "benches", "fuzz/fuzz_targets", "fuzz/src"]
        .iter()
        .flat_map(|folder| sources(folder))
    {
        let lines = file.text.lines().count();
        if !file.text.starts_with("//!") && !file.text.starts_with("#![no_main]\n//!") {
            complaints.push(format!("{}:1: the first line says what the file is for: start with `//!`", file.path));
        }
        let row = LONG_FILES.iter().find(|row| row.0 == file.path);
        if lines > LINES_MAX {
            long.insert(file.path.clone());
        }
        if lines > row.map_or(LINES_MAX, |row| row.1) {
            complaints.push(format!(
                "{}:{lines}: longer than {} lines; look for its second idea, or give it a row with a reason in LONG_FILES",
                file.path,
                row.map_or(LINES_MAX, |row| row.1)
            ));
        }
        for (number, line) in file.text.lines().enumerate() {
            let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
            for word in unfinished.iter().filter(|word| has_word(line, word)) {
                complaints.push(format!("{}:{}: `{word}`; do it now or leave it out", file.path, number + 1));
            }
        }
    }
    for (name, ..) in LONG_FILES.iter().filter(|row| !long.contains(row.0)) {
        complaints.push(format!("tests/tidy.rs: {name} is no longer long; remove its row of LONG_FILES"));
    }
    for (number, line) in source::blank(&read("src/lib.rs")).lines().enumerate().filter(|line| has_word(line.1, "fn")) {
        complaints.push(format!("src/lib.rs:{}: the front page has no logic: {}", number + 1, line.trim()));
    }
    report(complaints);
}

#[test]
fn every_file_is_compiled() {
    let files = sources("src");
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path != "src/lib.rs" && !file.path.ends_with("/main.rs")) {
        let stem = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let name = stem.rsplit('/').next().unwrap_or_default();
        let is_declared = |by: &File| {
            let lines = by.text.lines().map(str::trim);
            lines.clone().any(|line| line.strip_suffix(';').is_some_and(|it| it.ends_with(&format!("mod {name}"))))
                || lines.clone().any(|line| line == format!("#[path = \"{name}.rs\"]"))
        };
        if !files.iter().any(is_declared) {
            complaints.push(format!("{}: no `mod {name};` anywhere, so nobody compiles it; declare it", file.path));
        }
    }
    report(complaints);
}

/// Without its line in the manifest such a test is built where there is no program, and fails only on a fresh machine.
#[test]
fn tests_of_the_program_are_built_with_it() {
    let manifest = read("Cargo.toml");
    let mut complaints = Vec::new();
    for entry in std::fs::read_dir(root().join("tests")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".rs").filter(|stem| stem.starts_with("cli_")) else { continue };
        let wanted = format!("[[test]]\nname = \"{stem}\"\nrequired-features = [\"cli\"]\n");
        if !manifest.contains(&wanted) {
            complaints.push(format!("tests/{name}: it starts the program; put into Cargo.toml\n{wanted}"));
        }
    }
    report(complaints);
}

#[test]
fn crates_are_named_where_the_documentation_says() {
    let mut complaints = Vec::new();
    let rows = table(&section(&read("ARCHITECTURE.md"), "## Dependencies"));
    let names = dependencies(&read("Cargo.toml"));
    for name in &names {
        let Some(row) = rows.iter().find(|row| row[0] == format!("`{name}`")) else {
            let remedy = "add `| crate | where | why |` to its table under Dependencies";
            complaints.push(format!("ARCHITECTURE.md: nothing about the crate `{name}` of Cargo.toml; {remedy}"));
            continue;
        };
        let places: Vec<_> = row[1].split('`').skip(1).step_by(2).collect();
        let name = name.replace('-', "_");
        for file in sources("src").iter().filter(|file| !file.is_test) {
            if places.iter().any(|place| file.path.starts_with(place)) {
                continue;
            }
            for (number, line) in file.lines() {
                let is_named = line.match_indices(&format!("{name}::")).any(|hit| !is_inside_a_path(line, hit.0));
                if is_named || has_word(line, &format!("use {name}")) {
                    complaints
                        .push(format!("{}:{number}: `{name}` is for {places:?} only; use what they offer", file.path));
                }
            }
        }
    }
    for row in rows.iter().filter(|row| row[0].starts_with('`')) {
        if !names.iter().any(|name| row[0] == format!("`{name}`")) {
            complaints.push(format!("ARCHITECTURE.md: {} is no dependency any more; remove its line", row[0]));
        }
    }
    report(complaints);
}

#[test]
fn an_embedder_compiles_few_crates() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let crates: BTreeSet<_> =
        text.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).collect();
    assert!(crates.contains("badgerserver") && crates.contains("libc"), "not the tree of this package: {text}");
    let count = crates.len() - 1;
    assert!(count <= CRATES_MAX, "an embedder compiles {count} crates, the bound is {CRATES_MAX}: {crates:?}");
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(document);
        assert!(text.contains(&format!("{count} crates")), "{document} says another number than {count} crates");
    }
}

#[test]
fn the_map_names_every_file_and_only_what_is_there() {
    let text = read("ARCHITECTURE.md");
    let map = section(&text, "## Map");
    let mut complaints = Vec::new();
    for file in sources("src") {
        // A file has its own entry, or lies in a folder whose entry ends in `/**`.
        let is_named = map.contains(&format!("`{}`", file.path));
        if !is_named && !ticked(&map).any(|path| path.strip_suffix("**").is_some_and(|it| file.path.starts_with(it))) {
            complaints.push(format!("{}: not in the map; add a line to ARCHITECTURE.md, \"Map\"", file.path));
        }
    }
    let tops = ["src/", "tests/", "examples/", "benches/", "fuzz/", "docs/", ".ci/", "android/"];
    for document in ["ARCHITECTURE.md", "README.md", "CHANGELOG.md", "SECURITY.md", "docs/limits.md", "fuzz/README.md"]
    {
        for path in
            ticked(&read(document)).filter(|path| tops.iter().any(|top| path.starts_with(top)) && !path.contains(' '))
        {
            let path = path.trim_end_matches("**");
            if !root().join(path).exists() {
                complaints.push(format!("{document}: `{path}` is not there; correct or remove it"));
            }
        }
    }
    report(complaints);
}

#[test]
fn the_readme_shows_the_example_that_is_compiled() {
    let readme = read("README.md");
    let block = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let example = read("examples/files.rs");
    assert_eq!(block, example, "the first rust block of README.md is a copy of examples/files.rs: copy it again");
}

#[test]
fn the_readme_names_commands_that_exist() {
    let program: String = sources("src/bin").iter().map(|file| file.text.clone()).collect();
    let readme = read("README.md");
    let lines = readme.lines().enumerate().filter(|line| line.1.contains("badger ") && line.1.contains(" --"));
    let mut complaints = Vec::new();
    for (number, line) in lines {
        let (_, arguments) = line.split_once("badger ").unwrap_or_default();
        for flag in
            arguments.split(|c: char| c.is_whitespace() || "`,=[]|.".contains(c)).filter_map(|it| it.strip_prefix("--"))
        {
            let field = format!("{}:", flag.replace('-', "_"));
            if !flag.is_empty() && !program.contains(&field) && !program.contains(&format!("\"{flag}\"")) {
                complaints.push(format!("README.md:{}: no command has --{flag}; see src/bin/badger", number + 1));
            }
        }
    }
    report(complaints);
}

#[test]
fn the_table_of_limits_is_the_one_of_the_code() {
    let (written, path) = (read("docs/limits.md"), root().join("docs/limits.md"));
    let drawn = source::limits_document(&read("src/limits.rs"));
    if std::env::var_os("TIDY_WRITE").is_some() {
        std::fs::write(path, drawn).expect("docs/limits.md can be written");
    } else {
        assert!(written == drawn, "docs/limits.md differs from src/limits.rs: TIDY_WRITE=1 cargo test --test tidy");
    }
}

#[test]
fn the_scanner_sees_code_and_nothing_else() {
    let text = "//! a\nuse crate::ring::Ring; // crate::http::Conn\nlet s = \"x.unwrap()\"; let c = '\"'; y.unwrap();\n\
                /* /* dbg! */ */ let r = r#\"panic!\"#;\n#[cfg(test)]\nmod tests {\n    fn f() { z.unwrap(); }\n}\nuse super::super::http;\n";
    let file = File::new("src/server/inner/x.rs", text.to_owned(), false);
    let hits: Vec<_> = file.lines().filter(|line| has_word(line.1, ".unwrap()")).map(|line| line.0).collect();
    assert_eq!(hits, [3]);
    assert!(!file.lines().any(|line| has_word(line.1, "dbg!") || has_word(line.1, "panic!")));
    assert_eq!(imports(&file), [(2, "ring::Ring".to_owned())]);
    let file = File::new(
        "src/server/x.rs",
        "use super::super::http;\nuse crate::{\n    ring::{Ring, Wake},\n    sys,\n};\n".to_owned(),
        false,
    );
    let found: Vec<_> = imports(&file).into_iter().map(|import| import.1).collect();
    assert_eq!(found, ["http", "ring::", "sys"]);
    assert!(has_word("unsafe { }", "unsafe") && !has_word("forbid(unsafe_code)", "unsafe"));
    assert_eq!(
        dependencies("[dependencies]\na-b = \"1\"\n# c = 1\n[target.'cfg(x)'.dependencies]\nd = { }\n[lints]\ne = 1\n"),
        ["a-b", "d"]
    );
}

/// The names of all crates that a manifest asks for.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_inside = line.trim_end().ends_with("dependencies]");
        } else if is_inside && !line.starts_with(['#', ' ', '"', ']', '}']) {
            names.extend(line.split_once('=').map(|(name, _)| name.trim().to_owned()));
        }
    }
    names
}

/// Whether the name at `index` is the end of a longer path or word.
fn is_inside_a_path(line: &str, index: usize) -> bool {
    let before = &line[..index];
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_') || (before.ends_with("::") && !before.ends_with(" ::"))
}

/// What stands in backticks, outside blocks of code.
fn ticked(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// A section of a document, without its heading.
fn section(text: &str, heading: &str) -> String {
    let lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let section: String = lines.take_while(|line| !line.starts_with("## ")).map(|line| format!("{line}\n")).collect();
    assert!(!section.is_empty(), "ARCHITECTURE.md has no section {heading:?}");
    section
}

/// The cells of a table, row by row.
fn table(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let rows = rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect());
    rows.filter(|row: &Vec<String>| row.len() >= 3).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}\n", complaints.len(), complaints.join("\n"));
}
