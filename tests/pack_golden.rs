//! The golden packs of format 1. They were made by the first version that wrote it and are never made again: a test pins
//! their digests. If one of these tests fails, the format has changed: see `src/pack/FORMAT.md`, "What changes when".

#[path = "golden/sample.rs"]
mod sample;

use badgerserver::pack::{Encoding, Pack, Section};
use sample::{Content, answer_of, build, site, tiny};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_128;

fn golden(name: &str, contents: &[Content]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pack-v1").join(name);
    if !path.exists() {
        std::fs::write(&path, build(contents)).unwrap();
        panic!("{name} was not there and was written: look at it, pin its digest, commit both");
    }
    std::fs::read(path).unwrap()
}

#[test]
fn the_golden_files_are_what_they_were() {
    for (name, contents, digest) in
        [("tiny.badger", tiny(), TINY), ("site.badger", site(), SITE), ("none.badger", vec![], NONE)]
    {
        let bytes = golden(name, &contents);
        assert_eq!(format!("{:032x}", xxh3_128(&bytes)), digest, "{name}");
        assert!(build(&contents) == bytes, "{name}: the same input gave other bytes");
        let report = Pack::from_bytes(bytes).unwrap().verify(&mut |_, _| {});
        assert_eq!(report.problems, [], "{name}");
    }
}

const TINY: &str = "9a72a47f53f110253c6831fdc777681c";
const SITE: &str = "96407d8c6c343aa6a8ece032607cd53f";
const NONE: &str = "af37538504c53f87a464c162032074a8";

fn number(bytes: &[u8], offset: usize, width: usize) -> u64 {
    bytes[offset..offset + width].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Every field of the smallest pack, read by its offset alone, as `FORMAT.md` gives it.
#[test]
fn every_field_of_the_tiny_pack() {
    let bytes = golden("tiny.badger", &tiny());
    let fields: &[(&str, usize, usize, u64)] = &[
        ("major", 8, 2, 1),
        ("minor", 10, 2, 0),
        ("header_bytes", 12, 4, 4096),
        ("incompatible", 16, 8, 0),
        ("compatible", 24, 8, 0),
        ("file_bytes", 32, 8, 20_480),
        ("sequence", 56, 8, 7),
        ("shard_index", 96, 4, 1),
        ("shard_count", 100, 4, 3),
        ("key_count", 120, 8, 1),
        ("chunk_shift", 128, 1, 16),
        ("page_shift", 129, 1, 12),
        ("radix_bits", 130, 1, 0),
        // kind, flags, offset, bytes, items
        ("payloads kind", 192, 8, 1),
        ("payloads offset", 200, 8, 4096),
        ("payloads bytes", 208, 8, 4096),
        ("payloads items", 216, 8, 1),
        ("records kind", 224, 8, 2),
        ("records offset", 232, 8, 8192),
        ("records bytes", 240, 8, 144),
        ("records items", 248, 8, 1),
        ("classes kind", 256, 8, 3),
        ("classes offset", 264, 8, 8384),
        ("classes bytes", 272, 8, 56),
        ("classes items", 280, 8, 1),
        ("slots kind", 288, 8, 4),
        ("slots offset", 296, 8, 8448),
        ("slots bytes", 304, 8, 8),
        ("slots items", 312, 8, 1),
        ("radix kind", 320, 8, 5),
        ("radix offset", 328, 8, 8512),
        ("radix bytes", 336, 8, 8),
        ("radix items", 344, 8, 2),
        ("chunk checksums kind", 352, 8, 6),
        ("chunk checksums offset", 360, 8, 8576),
        ("chunk checksums bytes", 368, 8, 8),
        ("chunk checksums items", 376, 8, 1),
        ("page checksums kind", 384, 8, 7),
        ("page checksums offset", 392, 8, 12_288),
        ("page checksums bytes", 400, 8, 8),
        ("page checksums items", 408, 8, 1),
        ("trailer kind", 416, 8, 8),
        ("trailer offset", 424, 8, 16_384),
        ("trailer bytes", 432, 8, 4096),
        ("trailer items", 440, 8, 0),
        ("unused row", 448, 8, 0),
        ("end", 20_472, 8, 0x0a52_4547_4441_420a),
        ("record_bytes", 8192, 4, 144),
        ("key_bytes", 8196, 2, 3),
        ("status", 8198, 2, 200),
        ("flags", 8200, 2, 0),
        ("variant_count", 8202, 1, 1),
        ("reserved", 8203, 5, 0),
        ("last_modified", 8208, 8, 0),
        ("payload_offset", 8216, 8, 4096),
        ("payload_bytes", 8224, 8, 5),
        ("encoding", 8248, 1, 0),
        ("length_line_bytes", 8249, 1, 19),
        ("class", 8250, 2, 0),
        ("text_offset", 8252, 2, 75),
        ("validators_bytes", 8254, 2, 42),
        ("reserved", 8256, 8, 0),
        ("class text_offset", 8384, 4, 8),
        ("class always_bytes", 8388, 2, 0),
        ("class content_bytes", 8390, 2, 48),
        ("record place of the slot", 8448, 5, 0),
        ("radix[0]", 8512, 4, 0),
        ("radix[1]", 8516, 4, 1),
    ];
    for (name, offset, width, expected) in fields {
        assert_eq!(number(&bytes, *offset, *width), *expected, "{name} at {offset}");
    }
    let texts: &[(usize, &[u8])] = &[
        (0, b"\x89BDG\r\n\x1a\n"),
        (64, b"badgerserver tests\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        (104, b"xxh64\0\0\0\0\0\0\0\0\0\0\0"),
        (4096, b"hello\0"),
        (8264, b"/hiETag: \""),
        (8306, b"\"\r\nContent-Length: 5\r\n\0"),
        (8392, b"Content-Type: text/plain\r\nAccept-Ranges: bytes\r\n\0"),
    ];
    for (offset, text) in texts {
        assert_eq!(bytes[*offset..offset + text.len()], **text, "at {offset}");
    }
    assert_eq!(bytes.len(), 20_480);
}

#[test]
fn every_answer_of_the_golden_site() {
    let pack = Pack::from_bytes(golden("site.badger", &site())).unwrap();
    let answer = |key: &str| answer_of(&pack, key).unwrap().unwrap();
    let html = "Content-Type: text/html; charset=utf-8\r\n";
    for content in site() {
        let answer = answer(&content.key);
        assert_eq!(
            (answer.status, answer.last_modified, answer.immutable),
            (content.status, content.last_modified, content.immutable)
        );
        let kept: Vec<(Encoding, &[u8])> =
            answer.variants.iter().map(|variant| (variant.0, variant.2.as_slice())).collect();
        let mut given: Vec<(Encoding, &[u8])> =
            content.bodies.iter().map(|(encoding, body)| (*encoding, body.as_slice())).collect();
        given.sort();
        let plain = given[0].1.len();
        given.retain(|(encoding, body)| *encoding == Encoding::Identity || body.len() < plain);
        assert_eq!(kept, given, "{}", content.key);
        for (encoding, head, body) in &answer.variants {
            assert!(head.contains(&format!("ETag: \"{:032x}\"\r\n", xxh3_128(body))));
            assert!(head.ends_with(&format!("Content-Length: {}\r\n", body.len())));
            assert_eq!(head.contains("Vary: Accept-Encoding\r\n"), answer.variants.len() > 1);
            let line = format!("Content-Encoding: {}\r\n", encoding.token());
            assert_eq!(head.contains(&line), *encoding != Encoding::Identity);
        }
    }
    assert!(answer("/404.html").variants[0].1.starts_with(&format!("{html}ETag")));
    assert!(
        answer("/old?").variants[0]
            .1
            .contains("\r\nLink: </>; rel=\"up\"\r\nContent-Language: en\r\nContent-Length: 4\r\n")
    );
    let sections: Vec<Option<Section>> = pack.info().sections.iter().map(|row| row.section).collect();
    assert_eq!(sections.len(), 8);
    assert!(sections.iter().all(Option::is_some));
}

/// The dump in `FORMAT.md` is that of the file, and leaves out nothing but zeros and what the trailer repeats.
#[test]
fn the_dump_in_the_document_is_the_tiny_pack() {
    let document = include_str!("../src/pack/FORMAT.md");
    let mut bytes = golden("tiny.badger", &tiny());
    let trailer = bytes.len() - 4096;
    assert_eq!(bytes[trailer..], b"\nBADGER\n".repeat(512));
    bytes[trailer + 16..].fill(0);
    for line in document.lines().filter(|line| line.len() > 58 && line.as_bytes()[8..10] == *b"  ") {
        let Ok(offset) = usize::from_str_radix(&line[..8], 16) else { continue };
        for (place, byte) in line[10..58].split_whitespace().enumerate() {
            assert_eq!(u8::from_str_radix(byte, 16).unwrap(), bytes[offset + place], "{line}");
            bytes[offset + place] = 0;
        }
    }
    assert_eq!(bytes.iter().position(|&byte| byte != 0), None);
}
