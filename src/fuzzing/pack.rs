//! What must hold for packs: any bytes give a pack or an error, and a pack gives answers that lie inside it or errors.
#![forbid(unsafe_code)]

use super::Draws;
use crate::http::list;
use crate::pack::{Checked, Encoding, Entry, LookupError, Pack, PackWriter, Record, Section, WriterOptions, key};
use std::io::Cursor;
use std::ops::Range;
use std::sync::OnceLock;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

const HEADER_BYTES: usize = 4096;
const PAGE_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 65_536;
const KEYS: [&str; 7] = ["/", "/docs", "/docs/", "/empty", "/logo.svg", "/old", "/page"];

/// A small pack with one of everything, made once a process: packs are deterministic.
fn pack_seed() -> &'static [u8] {
    static PACK: OnceLock<Vec<u8>> = OnceLock::new();
    PACK.get_or_init(|| {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let options = WriterOptions { creator: "fuzz".to_owned(), ..WriterOptions::default() };
        let mut writer = PackWriter::create(&mut out, &mut spool, options).expect("memory can be written");
        let page = b"<!doctype html><p>A badger is a short-legged omnivore.".repeat(3);
        let all = [(Encoding::Identity, &page[..]), (Encoding::Gzip, b"packed"), (Encoding::Br, b"more")];
        let one = [(Encoding::Identity, &b"<svg/>"[..])];
        let none = [(Encoding::Identity, &b""[..])];
        for (number, key) in KEYS.into_iter().enumerate() {
            let entry = match number {
                0 | 2 | 6 => Entry { key, content_type: "text/html", bodies: &all, ..Entry::default() },
                1 => Entry { key, status: 301, headers: &[("Location", "docs/")], bodies: &none, ..Entry::default() },
                4 => Entry { key, content_type: "image/svg+xml", bodies: &one, immutable: true, ..Entry::default() },
                5 => Entry { key, status: 410, content_type: "text/plain", bodies: &one, ..Entry::default() },
                _ => Entry { key, content_type: "text/plain", bodies: &none, ..Entry::default() },
            };
            writer.add(Entry { last_modified: (number == 0).then_some(784_111_777), ..entry }).expect("a good entry");
        }
        writer.finish().expect("memory can be written");
        out.into_inner()
    })
}

/// Where the parts of the seed lie.
fn sections() -> &'static [Range<usize>] {
    static SECTIONS: OnceLock<Vec<Range<usize>>> = OnceLock::new();
    SECTIONS.get_or_init(|| {
        let pack = Pack::from_bytes(pack_seed()).expect("the seed is a pack");
        let sections = &pack.info().sections;
        sections.iter().map(|row| row.offset as usize..(row.offset + row.bytes) as usize).collect()
    })
}

/// A pack, given as it is or as changes of the seed whose checksums are made right again: opened, looked up, walked and
/// verified.
pub fn pack(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    match draws.byte() {
        b'P' => drop(examine(draws.0.to_vec(), draws.0)),
        how => {
            let (bytes, is_changed) = changed(&mut draws, how & 1 == 0);
            let is_good = examine(bytes, draws.0);
            assert!(is_changed || is_good, "the seed is good");
        }
    }
}

/// The seed with numbers written over it, and whether it differs from it.
fn changed(draws: &mut Draws<'_>, is_resealed: bool) -> (Vec<u8>, bool) {
    let mut bytes = pack_seed().to_vec();
    let sections = sections();
    for _ in 0..draws.below(8) {
        // A place in the header or in a section, so that few changes fall into padding.
        let place = match draws.below(sections.len() + 1) {
            0 => 0..1024,
            number => sections[number - 1].clone(),
        };
        let at = place.start + usize::from(u16::from_le_bytes([draws.byte(), draws.byte()])) % place.len().max(1);
        let width = [1, 2, 4, 8][draws.below(4)];
        let new = draws.bytes(width.min(bytes.len() - at));
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    let is_changed = bytes != pack_seed();
    if is_resealed {
        reseal(&mut bytes, sections);
    }
    let cut = draws.byte();
    if cut >= 0xf0 {
        bytes.truncate(bytes.len() * usize::from(cut - 0xf0) / 16);
    }
    (bytes, is_changed || cut >= 0xf0)
}

/// Makes all checksums right, as somebody would who wants to be believed.
fn reseal(bytes: &mut [u8], sections: &[Range<usize>]) {
    let (payloads, chunk_sums, page_sums) = (sections[0].clone(), sections[5].clone(), sections[6].clone());
    let sums = |bytes: &[u8], piece: usize| -> Vec<u8> {
        bytes.chunks(piece).flat_map(|piece| xxh3_64(piece).to_le_bytes()).collect()
    };
    let new = sums(&bytes[payloads.clone()], CHUNK_BYTES);
    bytes[chunk_sums].copy_from_slice(&new);
    let new = sums(&bytes[payloads.end..page_sums.start], PAGE_BYTES);
    bytes[page_sums].copy_from_slice(&new);
    bytes[40..56].copy_from_slice(&xxh3_128(&new).to_be_bytes());
    let checksum = xxh3_64(&bytes[..HEADER_BYTES - 8]).to_le_bytes();
    bytes[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(&checksum);
}

/// Reads all that a pack says; whether all of it is good.
fn examine(bytes: Vec<u8>, more: &[u8]) -> bool {
    let file_bytes = bytes.len() as u64;
    let pack = match Pack::from_bytes(bytes) {
        Ok(pack) => pack,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    assert_eq!(pack.info().file_bytes, file_bytes);
    assert!(pack.index_range().end == file_bytes && pack.info().sections.iter().all(|row| row.offset <= file_bytes));
    let (mut checked, mut record, mut scratch) = (pack.checked(), Record::default(), Vec::new());
    let mut is_good = true;
    let keys = KEYS.iter().map(|key| key.as_bytes()).chain([&b"/missing"[..], b"", more]);
    for key in keys {
        match pack.lookup(key, &mut checked, &mut record) {
            Ok(true) => {
                assert_eq!(record.key(), key);
                is_good &=
                    examine_record(&pack, &record, &mut checked, &mut scratch).unwrap_or_else(|error| told(&error));
            }
            Ok(false) => is_good &= !KEYS.iter().any(|known| known.as_bytes() == key),
            Err(error) => is_good &= told(&error),
        }
    }
    let mut count = 0;
    for record in pack.entries() {
        count += 1;
        match record {
            Ok(record) => {
                is_good &=
                    examine_record(&pack, &record, &mut checked, &mut scratch).unwrap_or_else(|error| told(&error))
            }
            Err(error) => is_good &= told(&error),
        }
    }
    let report = pack.verify(&mut |done, total| assert!(done <= total));
    assert!(report.problems.len() <= 1000 && count <= file_bytes);
    assert!(!report.is_good() || is_good, "verify has found nothing, and reading has");
    is_good && report.is_good()
}

fn told(error: &LookupError) -> bool {
    assert!(!error.to_string().is_empty());
    false
}

/// What a lookup promises of every record: it names bytes inside the pack. The rest (keys that are keys, lines that are
/// lines) costs too much for each request and is what [`Pack::verify`] examines.
fn examine_record(
    pack: &Pack,
    record: &Record,
    checked: &mut Checked,
    scratch: &mut Vec<u8>,
) -> Result<bool, LookupError> {
    assert!((200..600).contains(&record.status()), "{}", record.status());
    let mut is_good = std::str::from_utf8(record.key()).is_ok_and(|key| key::validate(key).is_ok());
    for variant in record.variants() {
        let class = pack.class(variant.class());
        assert!(are_lines(class.always) && are_lines(class.content));
        assert!(variant.lines().starts_with(variant.validators()) && variant.lines().ends_with(b"\r\n"));
        is_good &= are_lines(variant.lines());
        let (offset, bytes) = (variant.payload_offset(), variant.payload_bytes());
        let payloads = pack.info().sections.iter().find(|row| row.section == Some(Section::Payloads)).expect("checked");
        assert!(offset >= payloads.offset && offset + bytes <= payloads.offset + payloads.bytes);
        pack.check_payload(checked, offset, bytes, scratch)?;
        pack.verify_span(offset, bytes, scratch)?;
        assert_eq!(pack.unchecked_bytes(checked, offset, bytes), 0);
        pack.read_payload(offset, &mut vec![0; bytes as usize])?;
    }
    Ok(is_good)
}

/// Whole field lines, so that no record can add a head of its own to an answer.
fn are_lines(text: &[u8]) -> bool {
    let Some(text) = text.strip_suffix(b"\r\n") else { return text.is_empty() };
    text.split(|&byte| byte == b'\n').all(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&byte| byte == b':');
        colon.is_some_and(|colon| list::is_token(&line[..colon])) && !line.contains(&b'\r')
    })
}
