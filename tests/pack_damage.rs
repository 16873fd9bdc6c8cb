//! Any bytes at all give a pack or a clear error: flipped, cut, random, and damaged by somebody who can compute checksums.

#[path = "golden/sample.rs"]
mod sample;

use badgerserver::pack::{Encoding, LookupError, Pack, PackError, ReadError, Record, Section, Source};
use sample::{Answer, Content, Damaged, Random, answer, answer_of, build, noise, site};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// The right answers of a pack.
fn right_answers(bytes: &[u8], contents: &[Content]) -> BTreeMap<String, Option<Answer>> {
    let pack = Pack::from_bytes(bytes).unwrap();
    let mut answers: BTreeMap<_, _> =
        contents.iter().map(|content| (content.key.clone(), answer_of(&pack, &content.key).unwrap())).collect();
    assert!(answers.values().all(Option::is_some));
    ["/missing", "/docs/x", "/a"].iter().for_each(|key| assert!(answers.insert((*key).to_owned(), None).is_none()));
    answers
}

/// Whether the damage was noticed; a wrong answer panics.
fn is_noticed(damaged: Damaged, right: &BTreeMap<String, Option<Answer>>) -> bool {
    let at = damaged.at;
    let pack = match Pack::from_source(Arc::new(damaged)) {
        Ok(pack) => pack,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return true;
        }
    };
    let (mut checked, mut record, mut noticed) = (pack.checked(), Record::default(), false);
    for (key, expected) in right {
        match answer(&pack, key, &mut checked, &mut record) {
            Ok(found) => assert_eq!(found, *expected, "byte {at} flipped: wrong answer for {key}"),
            Err(_) => noticed = true,
        }
    }
    noticed
}

fn flip_all(bytes: Vec<u8>, contents: &[Content], places: impl Iterator<Item = usize>) -> Vec<usize> {
    let right = right_answers(&bytes, contents);
    let (bytes, end) = (Arc::new(bytes), 0);
    let mut random = Random(1);
    let unnoticed = places.filter(|&at| {
        let damaged = Damaged { bytes: bytes.clone(), at, flip: 1 << random.below(8), end: end.max(bytes.len()) };
        !is_noticed(damaged, &right)
    });
    unnoticed.collect()
}

fn small_site() -> Vec<Content> {
    let mut contents = site();
    contents.retain(|content| content.key != "/large.bin");
    contents
}

#[test]
fn no_flipped_byte_of_a_small_pack_gives_a_wrong_answer() {
    let bytes = build(&small_site());
    let pack = Pack::from_bytes(bytes.clone()).unwrap();
    let (count, index) = (bytes.len(), pack.index_range());
    let unnoticed = flip_all(bytes, &small_site(), 0..count);
    // The whole index fits pages that these lookups touch, and the payloads one chunk.
    assert_eq!(unnoticed, [] as [usize; 0], "of {count}, the index at {index:?}");
}

#[test]
fn no_flipped_byte_of_a_pack_with_a_large_payload_gives_a_wrong_answer() {
    let large = [
        Content::new("/large", "text/plain", &noise(1, 150_000)).with(Encoding::Gzip, &noise(2, 100)),
        Content::new("/b", "a/b", b"b"),
    ];
    let bytes = build(&large);
    let count = bytes.len();
    let (payloads, edges) = (4096..154_000, [65_536 + 4096, 131_072 + 4096].map(|edge| edge - 2..edge + 2));
    let rest = (154_000..count).step_by(5);
    let places = payloads.step_by(1009).chain(edges.into_iter().flatten()).chain(rest).chain([count - 1]);
    assert_eq!(flip_all(bytes, &large, places), [] as [usize; 0]);
}

#[test]
fn a_damaged_chunk_spoils_only_the_keys_in_it() {
    let contents = [Content::new("/a", "a/a", &noise(1, 70_000)), Content::new("/b", "a/b", &noise(2, 70_000))];
    let mut bytes = build(&contents);
    bytes[4096 + 100] ^= 1; // the first chunk, which only /a touches
    let pack = Pack::from_bytes(bytes).unwrap();
    let expected =
        LookupError::Damaged { section: Section::Payloads, offset: 4096, what: "the checksum of this chunk differs" };
    assert_eq!(answer_of(&pack, "/a"), Err(expected));
    assert_eq!(
        expected.to_string(),
        "damaged at byte 4096 (payloads): the checksum of this chunk differs; copy the pack again or make it anew"
    );
    assert!(answer_of(&pack, "/b").unwrap().is_some());
    let report = pack.verify(&mut |_, _| {});
    let told: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "byte 4096 (payloads): the checksum of this chunk differs",
            "byte 4096 (payloads): this payload is in a damaged chunk: \"/a\""
        ]
    );
}

#[test]
fn every_cut_is_told() {
    let bytes = Arc::new(build(&small_site()));
    for end in 0..bytes.len() {
        let error =
            Pack::from_source(Arc::new(Damaged { bytes: bytes.clone(), at: usize::MAX, flip: 0, end })).unwrap_err();
        match end {
            0 => assert_eq!(error.to_string(), "not a badger pack: the file is empty"),
            1..8 => assert_eq!(
                error.to_string(),
                "not a badger pack: the file ends within its first 8 bytes; copy it again"
            ),
            8..4096 => assert_eq!(error, PackError::FileBytes { expected: 4096, found: end as u64 }),
            _ => assert_eq!(error, PackError::FileBytes { expected: bytes.len() as u64, found: end as u64 }),
        }
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    let (expected, found) = (bytes.len(), longer.len());
    let message = format!("too long: the header says {expected} bytes, the file has {found}; copy it again");
    assert_eq!(Pack::from_bytes(longer).unwrap_err().to_string(), message);
}

#[test]
fn other_files_are_told_from_packs() {
    let mut text_mode = build(&site());
    text_mode.remove(4); // CR LF became LF
    let mut seven_bit = build(&site());
    seven_bit[0] &= 0x7f;
    let mut version = build(&site());
    version[8] = 2;
    let page = |start: &[u8]| [start, &[b' '; 5000]].concat();
    let table = [
        (page(b"<!doctype html>"), "not a badger pack: its first 8 bytes are not those of a pack"),
        (b"hello".to_vec(), "not a badger pack: its first 8 bytes are not those of a pack"),
        (page(b"\x1f\x8b\x08\0\0\0\0\0"), "not a badger pack: it is a gzip file; unpack it first"),
        (page(b"PK\x03\x04____"), "not a badger pack: it is a zip file"),
        (text_mode, "not a badger pack: it was changed by a transfer in text mode; copy it again in binary mode"),
        (seven_bit, "not a badger pack: it was changed by a transfer in text mode; copy it again in binary mode"),
        (
            version,
            "at byte 8: pack format 2, and this version reads format 1; use a version that reads it, or make the pack anew",
        ),
    ];
    for (bytes, message) in table {
        assert_eq!(Pack::from_bytes(bytes).unwrap_err().to_string(), message);
    }
}

/// Reads all that a pack says, whatever it is; nothing may panic, and what a record names must be there.
fn exercise(bytes: Vec<u8>, keys: &[String]) -> bool {
    let Ok(pack) = Pack::from_bytes(bytes) else { return false };
    let (mut checked, mut record) = (pack.checked(), Record::default());
    for key in keys {
        let _ = answer(&pack, key, &mut checked, &mut record);
    }
    for record in pack.entries().flatten() {
        let _ = (record.status(), record.last_modified(), record.key().len());
        for variant in record.variants() {
            let class = pack.class(variant.class());
            assert!(variant.lines().ends_with(b"\r\n") && class.content.len() < 65_536);
            assert!(variant.payload_offset() + variant.payload_bytes() <= pack.index_range().start);
        }
    }
    let report = pack.verify(&mut |done, total| assert!(done <= total));
    assert!(report.problems.len() <= 1000);
    true
}

#[test]
fn random_bytes_are_no_pack() {
    let good = build(&small_site());
    let keys: Vec<String> = small_site().into_iter().map(|content| content.key).collect();
    for seed in 0..200 {
        let mut random = Random(seed);
        let bytes = noise(seed, random.below(20_000) as usize);
        assert!(!exercise(bytes, &keys));
        // Random after a good header page, which then even has its checksum.
        let mut bytes = good.clone();
        let start = 4096 + random.below(good.len() as u64 - 4096) as usize;
        let rest = noise(seed, good.len() - start);
        bytes[start..].copy_from_slice(&rest);
        exercise(bytes, &keys);
    }
}

/// Makes all checksums right again, as somebody would who wants to be believed.
fn reseal(bytes: &mut [u8], good: &Layout) {
    let chunk_sums: Vec<u8> =
        bytes[good.payloads.clone()].chunks(65_536).flat_map(|chunk| xxh3_64(chunk).to_le_bytes()).collect();
    bytes[good.chunk_sums.clone()].copy_from_slice(&chunk_sums);
    let page_sums: Vec<u8> = bytes[good.payloads.end..good.page_sums.start]
        .chunks(4096)
        .flat_map(|page| xxh3_64(page).to_le_bytes())
        .collect();
    bytes[good.page_sums.clone()].copy_from_slice(&page_sums);
    let content_id = xxh3_128(&page_sums).to_be_bytes();
    bytes[40..56].copy_from_slice(&content_id);
    let trailer = bytes.len() - 4096;
    bytes[trailer..].copy_from_slice(&b"\nBADGER\n".repeat(512));
    let checksum = xxh3_64(&bytes[..4088]).to_le_bytes();
    bytes[4088..4096].copy_from_slice(&checksum);
}

struct Layout {
    payloads: Range<usize>,
    chunk_sums: Range<usize>,
    page_sums: Range<usize>,
    used: Vec<Range<usize>>,
}

fn layout(bytes: &[u8]) -> Layout {
    let pack = Pack::from_bytes(bytes).unwrap();
    let used: Vec<Range<usize>> =
        pack.info().sections.iter().map(|row| row.offset as usize..(row.offset + row.bytes) as usize).collect();
    Layout {
        payloads: used[0].clone(),
        chunk_sums: used[5].clone(),
        page_sums: used[6].clone(),
        used: used[1..5].to_vec(),
    }
}

#[test]
fn a_resealed_pack_is_the_same() {
    let good = build(&site());
    let mut again = good.clone();
    reseal(&mut again, &layout(&good));
    assert!(again == good);
}

#[test]
fn hostile_bytes_under_right_checksums_do_no_harm() {
    let contents = small_site();
    let (good, keys) = (build(&contents), contents.iter().map(|content| content.key.clone()).collect::<Vec<_>>());
    let layout = layout(&good);
    let places = layout.used.iter().flat_map(|span| span.clone()).chain(8..832);
    let (mut random, mut opened) = (Random(3), 0);
    for at in places {
        let mut bytes = good.clone();
        bytes[at] = match random.below(4) {
            0 => bytes[at] ^ 1 << random.below(8),
            1 => 0xff,
            2 => 0,
            _ => random.next() as u8,
        };
        reseal(&mut bytes, &layout);
        opened += usize::from(exercise(bytes, &keys));
    }
    assert!(opened > 1000, "{opened}"); // so the checksums were right, and the rest was put to the test
}

#[test]
fn hostile_numbers_under_right_checksums_do_no_harm() {
    let contents = small_site();
    let (good, keys) = (build(&contents), contents.iter().map(|content| content.key.clone()).collect::<Vec<_>>());
    let layout = layout(&good);
    let places: Vec<usize> = layout.used.iter().flat_map(|span| span.clone()).chain(8..832).collect();
    let extremes = [0, 1, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX, u64::MAX - 4095, 4096, 65_536];
    let mut random = Random(4);
    for _ in 0..1500 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(2) {
            let at = places[random.below(places.len() as u64) as usize] & !7;
            let width = [2, 4, 8][random.below(3) as usize];
            let number = extremes[random.below(10) as usize].wrapping_add(random.below(3)).wrapping_sub(1);
            bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        }
        reseal(&mut bytes, &layout);
        exercise(bytes, &keys);
    }
}

#[test]
fn features_are_refused_or_ignored_as_their_kind_says() {
    let good = build(&site());
    let layout = layout(&good);
    let open = |at: usize, bits: u64| {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&bits.to_le_bytes());
        reseal(&mut bytes, &layout);
        Pack::from_bytes(bytes)
    };
    assert_eq!(open(16, 1).unwrap_err(), PackError::External);
    assert_eq!(open(16, 6).unwrap_err(), PackError::Features { bits: 6 });
    assert_eq!(open(24, 6).unwrap().info().compatible, 6);
    assert_eq!(open(10, 1 << 48 | 1 << 32 | 4096 << 16 | 5).map(|pack| pack.info().minor).ok(), None); // header_bytes too
}

#[test]
fn what_verify_alone_can_see() {
    let good = build(&site());
    let layout = layout(&good);
    let record = layout.used[0].start;
    let told = |at: usize, new: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        reseal(&mut bytes, &layout);
        let pack = Pack::from_bytes(bytes).unwrap();
        let report = pack.verify(&mut |_, _| {});
        report.problems.into_iter().map(|problem| (problem.section, problem.what, problem.key)).collect::<Vec<_>>()
    };
    let root = || Some("/".to_owned());
    let etag = record + 24 + 16;
    assert_eq!(told(1000, b"x"), [(Section::Header, "what is reserved in the header is not zero".to_owned(), None)]);
    assert_eq!(
        told(etag, &[0]),
        [
            (Section::Records, "the ETag line does not say the hash of the payload".to_owned(), root()),
            (Section::Payloads, "a payload does not have the hash that its ETag says".to_owned(), root()),
        ]
    );
    assert_eq!(
        told(4096, b"X")[0],
        (Section::Payloads, "a payload does not have the hash that its ETag says".to_owned(), root())
    );
    let gap = layout.payloads.end - 1;
    assert_eq!(told(gap, b"x"), [(Section::Payloads, "bytes of payload that no record names".to_owned(), None)]);
    let slots = layout.used[2].clone();
    let mut reversed: Vec<[u8; 8]> = good[slots.clone()].chunks_exact(8).map(|slot| slot.try_into().unwrap()).collect();
    reversed.reverse();
    let problems = told(slots.start, &reversed.concat());
    assert!(problems.iter().any(|problem| problem.1 == "this key is not found"));
    assert!(problems.iter().any(|problem| problem.1 == "the slots are not sorted"));
}

#[test]
fn verify_finds_nothing_wrong_with_good_packs() {
    for contents in [
        vec![],
        site(),
        small_site(),
        (0..3000).map(|number| Content::new(&format!("/{number}"), "a/b", &noise(number, 50))).collect(),
    ] {
        let pack = Pack::from_bytes(build(&contents)).unwrap();
        let (mut last, mut calls) = ((0, 0), 0);
        let report = pack.verify(&mut |done, total| (last, calls) = ((done, total), calls + 1));
        assert_eq!((report.problems, report.records), (vec![], contents.len() as u64));
        assert!(last.0 == last.1 && calls >= 1);
    }
}

#[test]
fn verify_goes_on_behind_a_damaged_record() {
    let contents: Vec<Content> = (0..200).map(|number| Content::new(&format!("/{number}"), "a/b", b"x")).collect();
    let mut bytes = build(&contents);
    let layout = layout(&bytes);
    bytes[layout.used[0].start] ^= 0xff; // the length of the first record, in the first of several pages
    let report = Pack::from_bytes(bytes).unwrap().verify(&mut |_, _| {});
    assert!(report.records > 150, "{}", report.records);
    assert!(report.problems.iter().any(|problem| problem.what == "the checksum of this page differs"));
}

#[test]
#[should_panic(expected = "belongs to another pack")]
fn a_note_of_another_pack_is_refused() {
    let (one, two) = (Pack::from_bytes(build(&site())).unwrap(), Pack::from_bytes(build(&site())).unwrap());
    assert_eq!(one.clone().lookup(b"/", &mut one.checked(), &mut Record::default()), Ok(true));
    let _ = two.lookup(b"/", &mut one.checked(), &mut Record::default());
}

#[test]
fn payload_checks_can_be_made_elsewhere() {
    let pack = Pack::from_bytes(build(&[Content::new("/a", "a/a", &noise(1, 200_000))])).unwrap();
    let (mut checked, mut scratch) = (pack.checked(), Vec::new());
    assert_eq!(pack.unchecked_bytes(&checked, 4096, 1), 65_536);
    assert_eq!(pack.unchecked_bytes(&checked, 4096 + 65_535, 2), 131_072);
    assert_eq!(pack.unchecked_bytes(&checked, 4096 + 199_999, 1), 200_704 - 3 * 65_536);
    pack.verify_span(4096 + 65_536, 70_000, &mut scratch).unwrap();
    checked.mark(&pack, 4096 + 65_536, 70_000);
    assert_eq!(pack.unchecked_bytes(&checked, 4096 + 65_536, 70_000), 0);
    assert_eq!(pack.unchecked_bytes(&checked, 4096, 200_000), 65_536 + 200_704 - 3 * 65_536);
    for (offset, bytes) in [(4095, 1), (0, 0), (u64::MAX, 1), (4096, u64::MAX), (pack.index_range().start, 1)] {
        let expected = Err(LookupError::OutOfRange { offset, bytes });
        assert_eq!(pack.check_payload(&mut checked, offset, bytes, &mut scratch), expected);
        assert_eq!(pack.verify_span(offset, bytes, &mut scratch), expected);
        assert_eq!(pack.unchecked_bytes(&checked, offset, bytes), 0);
        checked.mark(&pack, offset, bytes);
    }
}

/// A file that gets shorter while it is open.
struct Shrinking(Vec<u8>, AtomicUsize);

impl Source for Shrinking {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let end = self.1.load(Ordering::Relaxed);
        let bytes = &self.0[..end];
        let start = (offset as usize).min(end);
        into.copy_from_slice(bytes.get(start..start + into.len()).ok_or(ReadError::Truncated)?);
        Ok(())
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync> {
        self
    }
}

#[test]
fn a_file_that_shrinks_gives_errors_or_right_answers() {
    let bytes = build(&site());
    let right = right_answers(&bytes, &site());
    let used_end = layout(&bytes).page_sums.end;
    let source = Arc::new(Shrinking(bytes.clone(), AtomicUsize::new(bytes.len())));
    let pack = Pack::from_source(source.clone()).unwrap();
    for end in (0..bytes.len()).rev().step_by(97) {
        let (mut checked, mut record, mut errors) = (pack.checked(), Record::default(), 0);
        source.1.store(end, Ordering::Relaxed);
        for (key, expected) in &right {
            match answer(&pack, key, &mut checked, &mut record) {
                Ok(found) => assert_eq!(found, *expected),
                Err(LookupError::Read { error, .. }) => errors += usize::from(error == ReadError::Truncated),
                Err(error) => panic!("{error}"),
            }
        }
        // What follows the page checksums holds nothing: a cut there does no harm yet.
        assert!(errors > 0 || end >= used_end, "cut to {end}");
        assert!(!pack.verify(&mut |_, _| {}).is_good());
    }
}
