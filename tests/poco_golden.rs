//! The golden records of version 1. They were made by the first version that wrote it and are never made again:
//! `tests/golden/poco-v1/DIGESTS` pins them. If one of these tests fails, the format has changed: see `docs/poco.md`, "How
//! records change".

#[path = "golden/records.rs"]
mod records;

use badgerserver::poco::annotate;
use records::{Golden, all, decoded_json};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/poco-v1")
}

fn read(name: &str) -> Option<Vec<u8>> {
    std::fs::read(folder().join(name)).ok()
}

/// The JSON as it is committed.
fn json_text(golden: &Golden) -> String {
    serde_json::to_string_pretty(&golden.json).unwrap() + "\n"
}

/// A file that is neither there nor pinned is new and is written, once; nothing else is.
fn pinned(name: &str, content: &[u8], new: &mut Vec<String>) -> Vec<u8> {
    let digests = String::from_utf8(read("DIGESTS").unwrap_or_default()).unwrap();
    let digest = digests.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix("  "));
    match (read(name), digest) {
        (Some(bytes), Some(digest)) => {
            assert_eq!(format!("{:032x}", xxh3_128(&bytes)), digest, "{name} is not what it was: restore it");
            bytes
        }
        (None, Some(_)) => panic!("{name} is missing: restore it from the history"),
        (Some(_), None) => panic!("{name} has no digest: restore DIGESTS from the history"),
        (None, None) => {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(folder().join(name), content).unwrap();
            let digests = format!("{digests}{:032x}  {name}\n", xxh3_128(content));
            std::fs::write(folder().join("DIGESTS"), digests).unwrap();
            new.push(name.to_owned());
            content.to_vec()
        }
    }
}

#[test]
fn the_golden_records_are_what_they_were() {
    let mut names = vec!["DIGESTS".to_owned()];
    let mut new = Vec::new();
    for golden in all() {
        let (bin, json) = (format!("{}.bin", golden.name), format!("{}.json", golden.name));
        let bytes = pinned(&bin, &golden.record, &mut new);
        let text = pinned(&json, json_text(&golden).as_bytes(), &mut new);
        assert!(bytes == golden.record, "{bin}: the same input gave other bytes");
        assert_eq!(String::from_utf8(text).unwrap(), json_text(&golden), "{json}");
        assert_eq!(decoded_json(&bytes).unwrap(), golden.json, "{bin}");
        names.extend([bin, json, format!("{}.dump.txt", golden.name)]);
    }
    assert!(new.is_empty(), "{new:?} were not there and were written: look at them, commit them with DIGESTS");
    let digests = String::from_utf8(read("DIGESTS").unwrap()).unwrap();
    for line in digests.lines() {
        let name = line.split_once("  ").unwrap().1;
        assert!(names.iter().any(|known| known == name), "{name} is pinned, and no test reads it");
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "tests/golden/poco-v1/{name} belongs to no record");
    }
}

/// The JSON reads back as what was written: it can be trusted by readers in other languages.
#[test]
fn the_json_is_what_its_text_says() {
    for golden in all() {
        let read: serde_json::Value = serde_json::from_str(&json_text(&golden)).unwrap();
        assert_eq!(read, golden.json, "{}", golden.name);
    }
}

#[test]
fn the_dumps_name_every_byte() {
    for golden in all() {
        let (name, dump) = (format!("{}.dump.txt", golden.name), annotate(&golden.record));
        if std::env::var_os("POCO_WRITE").is_some() {
            std::fs::write(folder().join(&name), &dump).unwrap();
        }
        let committed = String::from_utf8(read(&name).unwrap_or_default()).unwrap();
        assert!(committed == dump, "{name} differs from the record: POCO_WRITE=1 cargo test --test poco_golden");
        let mut bytes = Vec::new();
        for line in dump.lines() {
            let offset = usize::from_str_radix(&line[..8], 16).unwrap();
            assert_eq!(offset, bytes.len(), "{name}: {line}");
            let hex = line[10..].get(..47).unwrap_or(&line[10..]);
            bytes.extend(hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
        assert!(bytes == golden.record, "{name}");
        assert!(!dump.contains("(no name)"), "{name}");
    }
}

/// The smallest record, byte by byte, as `docs/poco.md` gives it.
#[test]
fn every_byte_of_the_minimal_title() {
    let uuid = badgerserver::poco::uuid_of_id(2);
    let mut expected = Vec::new();
    expected.extend(b"BTIT\x01\0\0\0\x98\0\0\0\x80\0\0\0\0\0\0\0\0\0\0\0"); // head: 152 bytes, block of 128
    expected.extend(b"\x02\0\0\0");
    expected.extend(uuid);
    expected.extend(b"\0\0\0\0\0\xff\xff\0\0\0\0\0"); // year to episode_count; age and score unknown
    expected.extend([0; 32]); // four empty texts
    for stride in [8, 8, 8, 16] {
        expected.extend([0, 0, 0, 0, 0, 0, 0, 0, stride, 0, 0, 0]);
    }
    expected.extend([0; 16]); // no sprite
    assert_eq!(records::minimal_title().to_record().unwrap(), expected);
    assert_eq!((uuid[6] >> 4, uuid[8] >> 6), (8, 2), "version and variant");
}
