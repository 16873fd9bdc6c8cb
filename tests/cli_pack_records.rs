//! `badger pack records`, run as people run it.

mod cli_support;

use badgerserver::pack::Encoding;
use cli_support::{Folder, Outcome, body, find, head, keys};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const RECORDS: &str = r#"
{"key": "/a", "type": "application/json", "text": "{\"a\":1}", "last_modified": "2016-05-17T21:30:00Z"}
{"key": "/b.bin", "base64": "AAEC/w==", "immutable": true, "headers": {"X-Row": "7", "Link": "</a>"}}

{"key": "/c.txt", "file": "bodies/c"}
{"key": "/old", "status": 301, "headers": {"Location": "/a"}}
{"key": "/404", "status": 404, "type": "text/plain", "text": "not here"}
"#;

fn spawn(folder: &Folder, arguments: &str) -> Child {
    folder.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn every_field_reaches_the_pack() {
    let folder = Folder::new("records");
    folder.write("in/records.ndjson", RECORDS);
    folder.write("in/bodies/c", "from a file");
    folder.badger("pack records in/records.ndjson -o r.badger --sequence 9").good();
    let pack = folder.pack("r.badger");
    assert_eq!(keys(&pack), ["/404", "/a", "/b.bin", "/c.txt", "/old"]);
    assert_eq!(find(&pack, "/a").unwrap().last_modified(), Some(1_463_520_600));
    assert!(head(&pack, "/a").contains("Content-Type: application/json\r\n"));
    assert_eq!(body(&pack, "/b.bin", Encoding::Identity).unwrap(), [0, 1, 2, 255]);
    assert!(find(&pack, "/b.bin").unwrap().flags().immutable());
    assert!(head(&pack, "/b.bin").contains("X-Row: 7\r\n") && head(&pack, "/b.bin").contains("Link: </a>\r\n"));
    assert_eq!(body(&pack, "/c.txt", Encoding::Identity).unwrap(), b"from a file");
    assert!(head(&pack, "/c.txt").contains("Content-Type: text/plain; charset=utf-8\r\n"));
    assert_eq!(find(&pack, "/old").unwrap().status(), 301);
    assert!(!head(&pack, "/old").contains("Content-Type"));
    assert_eq!(find(&pack, "/404").unwrap().status(), 404);
    assert_eq!(pack.info().sequence, 9);
    folder.badger("verify r.badger").good();
    assert_eq!(folder.names(), ["in", "r.badger"]);
}

#[test]
fn standard_input_gives_the_same_pack_however_many_threads() {
    let folder = Folder::new("stdin");
    let lines: String = (0..6_000)
        .map(|key| {
            format!("{{\"key\":\"/{key}\",\"text\":\"{}\",\"encode\":{}}}\n", "x".repeat(key % 300), key % 20 == 0)
        })
        .collect();
    folder.write("in.ndjson", format!("\u{feff}{}", lines.replace('\n', "\r\n")));
    folder.badger("pack records in.ndjson -o a.badger --jobs 1").good();
    let mut child = spawn(&folder, "pack records - -o b.badger --jobs 3");
    child.stdin.take().unwrap().write_all(lines.trim_end().as_bytes()).unwrap();
    Outcome::from(child.wait_with_output().unwrap()).good();
    assert_eq!(folder.read("a.badger"), folder.read("b.badger"));
    assert_eq!(folder.pack("a.badger").info().key_count, 6_000);
}

#[test]
fn encoding_is_asked_for() {
    let folder = Folder::new("encode");
    let record = |key: &str, fields: &str| format!("{{\"key\":\"/{key}\",\"text\":\"{}\"{fields}}}\n", "x".repeat(500));
    let records = record("text.txt", "")
        + &record("never.txt", ",\"encode\":false")
        + &record("always.png", ",\"encode\":true")
        + &record("image.png", "");
    folder.write("in.ndjson", records);
    let table = [
        ("", [1, 1, 3, 1]),
        ("--encode none", [1, 1, 1, 1]),
        ("--encode zstd", [2, 1, 2, 1]),
        ("--encode br,gzip,zstd", [4, 1, 4, 1]),
    ];
    for (encode, expected) in table {
        folder.badger(&format!("pack records in.ndjson -o e.badger {encode}")).good();
        let pack = folder.pack("e.badger");
        let counts = ["/text.txt", "/never.txt", "/always.png", "/image.png"]
            .map(|key| find(&pack, key).unwrap().variant_count());
        assert_eq!(counts, expected, "{encode}");
    }
}

#[test]
fn shards_hold_every_key_once() {
    let folder = Folder::new("shards");
    let lines: String = (0..1000).map(|key| format!("{{\"key\":\"/{key}\"}}\n")).collect();
    folder.write("in.ndjson", lines);
    let mut all = Vec::new();
    for shard in 0..3 {
        folder.badger(&format!("pack records in.ndjson -o s.badger --shard {shard}/3")).good();
        let pack = folder.pack("s.badger");
        assert_eq!((pack.info().shard_index, pack.info().shard_count), (shard, 3));
        assert!(pack.info().key_count > 250);
        all.extend(keys(&pack));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1000);
}

#[test]
fn large_files_wait_their_turn_and_are_streamed() {
    let folder = Folder::new("large");
    for name in ["a", "b"] {
        folder.write(name, name.repeat(3 * 1024 * 1024));
    }
    std::fs::File::create(folder.path("huge")).unwrap().set_len(33 * 1024 * 1024).unwrap();
    folder.write("in.ndjson", "{\"key\":\"/a\",\"file\":\"a\",\"encode\":true}\n{\"key\":\"/b\",\"file\":\"b\",\"encode\":true}\n{\"key\":\"/huge\",\"file\":\"huge\"}\n");
    folder.badger("pack records in.ndjson -o l.badger --encode gzip").good();
    let pack = folder.pack("l.badger");
    assert_eq!(body(&pack, "/b", Encoding::Identity).unwrap().len(), 3 * 1024 * 1024);
    assert_eq!((find(&pack, "/a").unwrap().variant_count(), find(&pack, "/b").unwrap().variant_count()), (2, 2));
    assert_eq!(find(&pack, "/huge").unwrap().variant(0).unwrap().payload_bytes(), 33 * 1024 * 1024);
    folder.badger("verify l.badger").good();
}

#[test]
fn errors_name_the_line_and_leave_the_old_pack() {
    let folder = Folder::new("errors");
    folder.write("in.ndjson", "{\"key\":\"/old\"}");
    folder.badger("pack records in.ndjson -o p.badger").good();
    let old = folder.read("p.badger");
    let good: String =
        (0..5000).map(|key| format!("{{\"key\":\"/good/{key}\",\"text\":\"{}\"}}\n", "x".repeat(100))).collect();
    let table = [
        ("{\"key\": \"/x\", \"type\": 5}", "field \"type\": expected a string, found a number"),
        ("{\"key\": \"/x\", \"typ\": \"a\"}", "unknown field \"typ\""),
        ("{\"key\": \"/x\"", "column 12: not JSON: EOF while parsing an object"),
        ("[]", "invalid type: sequence, expected an object"),
        ("{\"text\": \"a\"}", "field \"key\" is missing"),
        ("{\"key\": \"x\"}", "key \"x\": a key begins with '/'"),
        ("{\"key\": \"/a/../b\"}", "key \"/a/../b\": a key has no '.' or '..' segment"),
        ("{\"key\": \"/good/7\"}", "key \"/good/7\": line 8 has the same"),
        ("{\"key\": \"/x\", \"status\": 304}", "key \"/x\": the status must be"),
        ("{\"key\": \"/x\", \"status\": 302}", "key \"/x\": a redirect needs a Location header"),
        ("{\"key\": \"/x\", \"headers\": {\"a b\": \"c\"}}", "header \"a b\" of \"/x\": "),
        ("{\"key\": \"/x\", \"headers\": {\"a\": \"b\\r\\nc: d\"}}", "header \"a\" of \"/x\": "),
        ("{\"key\": \"/x\", \"headers\": {\"Content-Length\": \"5\"}}", "header \"Content-Length\" of \"/x\": "),
        ("{\"key\": \"/x\", \"type\": \"a\\nb\"}", "header \"Content-Type\" of \"/x\": "),
        ("{\"key\": \"/x\", \"headers\": {\"a\": \"1\", \"a\": \"2\"}}", "field \"headers\": \"a\" is there twice"),
        ("{\"key\": \"/x\", \"file\": \"nothing\"}", "field \"file\": nothing: No such file"),
        ("{\"key\": \"/x\", \"file\": \"/\"}", "field \"file\": /: not a regular file"),
        ("{\"key\": \"/x\", \"last_modified\": -5}", "key \"/x\": the time of the last change must be"),
    ];
    for (line, expected) in table {
        folder.write("in.ndjson", format!("{good}{line}\n{{\"key\":\"/tail\"}}\n"));
        folder.badger("pack records in.ndjson -o p.badger").failed(&format!("in.ndjson:5001: {expected}"));
        assert_eq!(folder.read("p.badger"), old, "{line}");
        assert_eq!(folder.names(), ["in.ndjson", "p.badger"], "{line}");
    }
    // Whatever made these lines failed, or they are of another shard.
    for (lines, arguments, what) in [
        ("", "", "no records"),
        (" \n\r\n", "", "no records"),
        ("{\"key\":\"/a\"}", "--shard 1/4", "no records for this shard"),
    ] {
        folder.write("in.ndjson", lines);
        let run = |more: &str| folder.badger(&format!("pack records in.ndjson -o p.badger {arguments} {more}"));
        run("").failed(&format!("in.ndjson: {what}\n help: "));
        assert_eq!(folder.read("p.badger"), old, "{lines}");
        run("--allow-empty").good();
        assert_eq!(folder.pack("p.badger").info().key_count, 0);
        folder.badger("verify p.badger").good();
        folder.write("p.badger", &old);
    }
    folder.badger("pack records nothing -o p.badger").failed_without_help("nothing: No such file");
    folder.badger("pack records . -o p.badger").failed(".: a directory");
    for usage in ["--shard 3/3", "--shard 1", "--encode x"] {
        assert_eq!(folder.badger(&format!("pack records in.ndjson -o p.badger {usage}")).code, Some(2), "{usage}");
    }
}

#[test]
fn a_bad_line_is_told_while_the_pipe_stays_open() {
    let folder = Folder::new("open-pipe");
    let mut child = spawn(&folder, "pack records - -o p.badger");
    let mut pipe = child.stdin.take().unwrap();
    // More than one piece, so that the first is looked at; then nothing, and the pipe is kept.
    let line = format!("{{\"key\":\"/{}\"}}\n", "x".repeat(1000));
    let outcome = pipe.write_all(format!("nonsense\n{}", line.repeat(400)).as_bytes());
    assert!(outcome.is_ok() || outcome.unwrap_err().kind() == std::io::ErrorKind::BrokenPipe);
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    outcome.failed("standard input:1: column 2: not JSON: expected ident");
    drop(pipe);
    assert!(folder.names().is_empty());
}

#[test]
fn a_signal_leaves_nothing() {
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        let folder = Folder::new(&format!("signal-{name}"));
        let mut child = spawn(&folder, "pack records - -o p.badger");
        // Held: waiting for a child closes its standard input first, and the end of that is another way to end.
        let input = child.stdin.take();
        let deadline = Instant::now() + Duration::from_secs(30);
        while folder.names().is_empty() {
            assert!(Instant::now() < deadline, "no temporary file");
            std::thread::yield_now();
        }
        let sent =
            std::process::Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().signal(), Some(number));
        drop(input);
        assert!(folder.names().is_empty(), "{:?}", folder.names());
    }
}
