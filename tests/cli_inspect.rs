//! `badger inspect` and `badger verify`, run as people run them.

mod cli_support;

use cli_support::{Folder, Outcome};
use std::io::Read;
use std::process::Stdio;

fn sample(name: &str) -> Folder {
    let folder = Folder::new(name);
    let page = "<p>hello</p>".repeat(100);
    folder.write(
        "in.ndjson",
        format!(
            "{{\"key\":\"/docs/page\",\"type\":\"text/html\",\"text\":\"{page}\",\"encode\":true,\"last_modified\":0}}\n\
             {{\"key\":\"/docs/other\",\"type\":\"image/png\",\"base64\":\"iVBORw0KGgo=\",\"immutable\":true}}\n\
             {{\"key\":\"/esc\\u202e\",\"status\":404}}\n"
        ),
    );
    folder.badger("pack records in.ndjson -o p.badger --sequence 12").good();
    folder
}

#[test]
fn the_list_is_a_table_or_json() {
    let folder = sample("list");
    let text = folder.badger("inspect p.badger").good().stdout;
    for expected in [
        "format      1.",
        "sequence    12\n",
        "shard       0 of 1 by xxh64\n",
        "keys        3\n",
        "\npayloads ",
        "\nradix ",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    let rows: Vec<Vec<&str>> = text.lines().rev().take(3).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["404", "0", "/esc\\u{202e}"]);
    assert_eq!(rows[1], ["200", "8", "image/png", "/docs/other", "(immutable)"]);
    assert_eq!((rows[2][0], rows[2][1], rows[2][4], rows[2][5]), ("200", "1,200", "text/html", "/docs/page"));
    assert!(rows[2][2].starts_with("gzip:") && rows[2][3].starts_with("br:"), "{:?}", rows[2]);

    let json: serde_json::Value =
        serde_json::from_str(&folder.badger("inspect p.badger --json").good().stdout).unwrap();
    assert_eq!(json["header"]["sequence"], 12);
    assert_eq!(json["entries"][0]["key"], "/docs/page");
    assert_eq!(json["entries"][0]["last_modified"], 0);
    assert_eq!(json["entries"][0]["encodings"][1]["encoding"], "gzip");
    assert_eq!(json["entries"][1]["immutable"], true);
    assert_eq!(json["entries"][2]["status"], 404);
}

#[test]
fn a_key_shows_its_heads_and_first_bytes() {
    let folder = sample("key");
    let text = folder.badger("inspect p.badger /docs/page").good().stdout;
    for expected in [
        "key         /docs/page\n",
        "identity: 1,200 bytes at byte 4,096\n  HTTP/1.1 200",
        "  Content-Encoding: br\n",
        "  Vary: Accept-Encoding\n",
        "  Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\n  Content-Length: 1200\n",
        "  0000001000  3c 70 3e 68 65 6c 6c 6f  3c 2f 70 3e 3c 70 3e 68  <p>hello</p><p>h\n",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&folder.badger("inspect p.badger /docs/other --json").good().stdout).unwrap();
    assert_eq!(json["encodings"][0]["bytes"], 8);
}

#[test]
fn a_missing_key_is_answered_with_near_ones() {
    let folder = sample("missing");
    let outcome = folder.badger("inspect p.badger /docs/pag").failed("p.badger: no key \"/docs/pag\"");
    assert!(outcome.stderr.contains(" help: near it are /docs/page\n"), "{}", outcome.stderr);
    folder
        .badger("inspect p.badger something/else")
        .failed("p.badger: no key \"something/else\"\n help: keys begin with a slash");
    folder
        .badger("inspect p.badger /nothing/like/it")
        .failed("p.badger: no key \"/nothing/like/it\"\n help: `badger inspect PACK` lists");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = Folder::new("head");
    let lines: String = (0..20_000).map(|key| format!("{{\"key\":\"/{key}\"}}\n")).collect();
    folder.write("in.ndjson", lines);
    folder.badger("pack records in.ndjson -o p.badger").good();
    let mut child = folder.command("inspect p.badger").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut start = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    let outcome = Outcome::from(child.wait_with_output().unwrap()).good();
    assert_eq!(outcome.stderr, "");
}

#[test]
fn every_flipped_bit_is_found() {
    let folder = sample("verify");
    let good = folder.read("p.badger");
    assert_eq!(
        folder.badger("verify p.badger").good().stdout,
        format!("p.badger: good, 3 records, {} bytes\n", badger_thousands(good.len()))
    );
    let steps = good.len() / 40;
    for place in (0..40).map(|step| step * steps) {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        folder.write("bad.badger", bad);
        let outcome = folder.badger("verify bad.badger");
        assert_eq!(outcome.code, Some(1), "byte {place}: {outcome:?}");
        assert!(outcome.stderr.starts_with("error: bad.badger: "), "byte {place}: {outcome:?}");
    }
    // A payload: the problem has its place and its key.
    let mut bad = good.clone();
    bad[4100] ^= 1;
    folder.write("bad.badger", bad);
    let outcome = folder.badger("verify bad.badger").failed("bad.badger: ");
    assert!(
        outcome.stdout.contains("byte 4096 (payloads)") && outcome.stdout.contains("\"/docs/page\""),
        "{}",
        outcome.stdout
    );
    folder.badger("inspect bad.badger /docs/page").failed("bad.badger: damaged at byte 4096 (payloads)");
}

#[test]
fn what_is_no_pack_is_said_to_be_none() {
    let folder = sample("no-pack");
    let good = folder.read("p.badger");
    folder.write("cut.badger", &good[..good.len() - 1]);
    folder.write("text", "hello, I am no pack, only some text");
    folder.write("empty", "");
    for command in ["inspect", "verify"] {
        for name in ["text", "empty"] {
            folder.badger(&format!("{command} {name}")).failed(&format!("{name}: not a badger pack: "));
        }
        folder.badger(&format!("{command} .")).failed("cannot open .: not a regular file");
        folder.badger(&format!("{command} cut.badger")).failed_without_help("cut.badger: cut short: ");
        folder.badger(&format!("{command} nothing")).failed("cannot open nothing: No such file");
        assert_eq!(folder.badger(command).code, Some(2));
    }
}

fn badger_thousands(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}
