//! Whatever the bytes are, a reader gives a view or says what is wrong, and never panics. And records of other minors
//! are read: longer and shorter blocks, wider and narrower elements.

#[path = "golden/records.rs"]
mod records;

use badgerserver::poco::schema::{FieldKind, HEAD_BYTES, RecordKind, Schema, find, record_kind};
use badgerserver::poco::*;
use records::{all, decoded_json};

/// A seeded generator, so that a failure repeats (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Reads all that the bytes may be; what is no view must say where and what to do.
fn read_everything(bytes: &[u8]) -> Result<(), PocoError> {
    let result = decoded_json(bytes).map(drop);
    if let Err(error) = &result {
        let text = error.to_string();
        assert!(
            text.starts_with("at byte ") || text.starts_with("cut short") || text.starts_with("too long"),
            "{text}"
        );
    }
    for other in [TitleView::new(bytes).err(), CatalogueView::new(bytes).err(), ManyView::new(bytes).err()] {
        drop(other.map(|error| error.to_string()));
    }
    if let Ok(view) = GalleryView::trusted(bytes) {
        // Of what was not checked everything may be missing, and nothing may break.
        drop(format!("{view:?}"));
        let items: usize = view.rows().iter().map(|row| row.items().iter().count()).sum();
        assert!(items <= view.rows().len() * bytes.len());
        _ = (view.play(0), view.play(u32::MAX));
        let order = Order { rows: vec![0], items: vec![(0, vec![0])] };
        _ = order.apply(&view);
    }
    result
}

#[test]
fn every_byte_flipped() {
    for golden in all() {
        for index in 0..golden.record.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = golden.record.clone();
                bytes[index] ^= flip;
                _ = read_everything(&bytes);
                if index % 16 == 0 {
                    _ = annotate(&bytes);
                }
            }
        }
    }
}

#[test]
fn every_length_but_the_right_one_is_refused() {
    for golden in all() {
        let bytes = golden.record;
        for length in 0..bytes.len() {
            let error = read_everything(&bytes[..length]).unwrap_err();
            assert!(matches!(error, PocoError::Bytes { found, .. } if found == length as u64), "{error}");
            if length % 16 == 0 {
                _ = annotate(&bytes[..length]);
            }
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(read_everything(&longer), Err(PocoError::Bytes { .. })), "{}", golden.name);
    }
}

#[test]
fn random_bytes_behind_a_good_head() {
    let mut random = Random(1);
    let goldens = all();
    let mut views = 0;
    for _ in 0..20_000 {
        let golden = &goldens[random.below(goldens.len())].record;
        let mut bytes = golden[..golden.len().min(400)].to_vec();
        let end = bytes.len() as u32;
        bytes[8..12].copy_from_slice(&end.to_le_bytes());
        for _ in 0..=random.below(8) {
            let index = 12 + random.below(bytes.len() - 12);
            // Small numbers are the ones that get past the checks.
            bytes[index] = [random.next() as u8, random.below(4) as u8][random.below(2)];
        }
        views += usize::from(read_everything(&bytes).is_ok());
        if random.below(16) == 0 {
            _ = annotate(&bytes);
        }
    }
    assert!(views > 100, "only {views} were read: the test looks at the checks of heads only");
    for length in 0..300 {
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        assert!(read_everything(&bytes).is_err());
        _ = annotate(&bytes);
    }
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn put(bytes: &mut [u8], at: usize, number: usize) {
    bytes[at..at + 4].copy_from_slice(&(number as u32).to_le_bytes());
}

fn kind(record: &[u8]) -> (&'static RecordKind, &'static Schema) {
    let kind = record_kind(record[..4].try_into().unwrap()).unwrap();
    (kind, find(kind.name).unwrap())
}

/// The record with `block` more bytes of block and `stride` more bytes in each element of each table, all 0xa5, as a newer
/// minor would have written it. Offsets are moved by hand, from the schema alone.
fn widened(record: &[u8], block: usize, stride: usize) -> Vec<u8> {
    let (_, schema) = kind(record);
    let mut out = record[..HEAD_BYTES + schema.bytes].to_vec();
    out.resize(out.len() + block, 0xa5);
    // Everything that was behind the block stays in one piece; tables are written anew behind it.
    let moved = block;
    out.extend_from_slice(&record[HEAD_BYTES + schema.bytes..]);
    let move_texts = |bytes: &mut [u8], at: usize, schema: &Schema| {
        for field in schema.fields.iter().filter(|field| field.kind == FieldKind::Text) {
            let at = at + field.offset;
            if number(bytes, at + 4) > 0 {
                put(bytes, at, number(bytes, at) + moved);
            }
        }
    };
    move_texts(&mut out, HEAD_BYTES, schema);
    for field in schema.fields.iter().filter(|field| field.kind == FieldKind::Table) {
        let element = find(field.extra.unwrap()).unwrap();
        let at = HEAD_BYTES + field.offset;
        let (offset, count, old) = (number(record, at), number(record, at + 4), number(record, at + 8));
        out.resize(out.len().next_multiple_of(4), 0);
        let start = if count == 0 { 0 } else { out.len() };
        put(&mut out, at, start);
        put(&mut out, at + 8, old + stride);
        for index in 0..count {
            let start = out.len();
            out.extend_from_slice(&record[offset + index * old..][..old]);
            out.resize(out.len() + stride, 0xa5);
            move_texts(&mut out, start, element);
        }
    }
    out.resize(out.len().next_multiple_of(8), 0);
    let bytes = out.len();
    put(&mut out, 8, bytes);
    put(&mut out, 12, schema.bytes + block);
    out[6] = 9; // the minor
    out
}

#[test]
fn a_record_of_a_newer_minor_is_read() {
    for golden in all().into_iter().filter(|golden| golden.name != "many") {
        for (block, stride) in [(0, 0), (4, 0), (0, 4), (64, 20), (1, 1), (7, 3)] {
            let record = widened(&golden.record, block, stride);
            assert_eq!(decoded_json(&record).as_ref(), Ok(&golden.json), "{} +{block} +{stride}", golden.name);
            let (_, schema) = kind(&golden.record);
            let tables = schema.fields.iter().filter(|field| field.kind == FieldKind::Table);
            let elements: usize = tables.map(|field| number(&golden.record, HEAD_BYTES + field.offset + 4)).sum();
            let is_longer = block > 0 || stride > 0 && elements > 0;
            assert_eq!(
                annotate(&record).contains("  of a newer version"),
                is_longer,
                "{} +{block} +{stride}",
                golden.name
            );
        }
    }
}

#[test]
fn what_a_shorter_block_lacks_is_unknown() {
    for golden in all() {
        let (_, schema) = kind(&golden.record);
        for block_bytes in 0..schema.bytes {
            let mut record = golden.record.clone();
            put(&mut record, 12, block_bytes);
            // A gallery without its cards has rows that name cards which are not there: that is said.
            let result = read_everything(&record);
            if golden.name.starts_with("title") {
                assert_eq!(result, Ok(()), "{block_bytes}");
            }
        }
    }
    let mut record = records::full_title().to_record().unwrap();
    put(&mut record, 12, 40);
    let expected = Title {
        id: 1,
        uuid: records::full_title().uuid,
        name: records::full_title().name,
        year: 2000,
        kind: Kind::Film,
        runtime_minutes: 120,
        maturity: Some(0),
        match_score: Some(87),
        season_count: 2,
        episode_count: 300,
        ..Title::default()
    };
    assert_eq!(TitleView::new(&record).unwrap().to_title(), expected);
    // A field that is there in part is not there.
    put(&mut record, 12, 39);
    assert_eq!(TitleView::new(&record).unwrap().name(), "");
    put(&mut record, 12, 0);
    let expected = Title { maturity: Some(0), match_score: Some(0), ..Title::default() };
    assert_eq!(TitleView::new(&record).unwrap().to_title(), expected);
}

#[test]
fn what_a_narrower_element_lacks_is_unknown() {
    let mut gallery = records::inline_gallery();
    gallery.plays[0].kind = Kind::Special;
    let record = gallery.to_record().unwrap();
    let table = HEAD_BYTES + find("Gallery").unwrap().fields.iter().find(|field| field.name == "plays").unwrap().offset;
    for stride in 1..44 {
        let mut record = record.clone();
        // One play, so that the elements need no moving.
        put(&mut record, table + 4, 1);
        put(&mut record, table + 8, stride);
        let play = GalleryView::new(&record).unwrap().plays().get(0).unwrap();
        let whole = gallery.plays[0];
        let expected = Play {
            card: 0,
            fraction_watched: if stride >= 4 { whole.fraction_watched } else { 0 },
            last_play: if stride >= 8 { whole.last_play } else { 0 },
            episodes_left: if stride >= 10 { whole.episodes_left } else { 0 },
            plays: if stride >= 12 { whole.plays } else { 0 },
            plays_7_days: if stride >= 13 { whole.plays_7_days } else { 0 },
            plays_30_days: if stride >= 14 { whole.plays_30_days } else { 0 },
            devices: if stride >= 18 { whole.devices } else { [0; 4] },
            kind: if stride >= 19 { whole.kind } else { Kind::Unknown },
            hours: [0; 24],
        };
        assert_eq!(play, expected, "{stride}");
    }
    let mut record = record;
    put(&mut record, table + 8, 0);
    let what = "the elements of a table have no length";
    assert_eq!(GalleryView::new(&record).unwrap_err(), PocoError::Damaged { offset: table as u64, what });
}

/// The checks of a reader, one by one: what is changed, and what is said.
#[test]
fn what_is_damaged_is_named() {
    let title = records::full_title().to_record().unwrap();
    let inline = records::inline_gallery().to_record().unwrap();
    let many = all().into_iter().find(|golden| golden.name == "many").unwrap().record;
    let at = |record: &[u8], path: &str| {
        let dump = annotate(record);
        let line = dump
            .lines()
            .find(|line| line.get(59..).is_some_and(|text| text.starts_with(&format!("{path}  "))))
            .expect(path);
        usize::from_str_radix(&line[..8], 16).unwrap()
    };
    let table = [
        (&title, "title.name", 4, u32::MAX, "a text goes past the end of the record"),
        (&title, "title.name", 0, u32::MAX, "a text goes past the end of the record"),
        (&title, "title.name", 4, 1, "a text is not UTF-8"),
        (&title, "title.cast", 4, u32::MAX, "a table goes past the end of the record"),
        (&title, "title.cast", 8, u32::MAX, "a table goes past the end of the record"),
        (&title, "title.cast", 8, 0, "the elements of a table have no length"),
        (&title, "title.cast[3].text", 4, 2, "a text is not UTF-8"),
        (&title, "title.art[1].path", 0, 5000, "a text goes past the end of the record"),
        (&inline, "gallery.layout", 0, 3, "a layout that this version does not know"),
        (&inline, "gallery.rows[2].first_item", 0, 100, "a row has items that are not there"),
        (&inline, "gallery.rows[2].first_item", 4, u32::MAX, "a row has items that are not there"),
        (&inline, "gallery.items[5].card", 0, 12, "an item names a card that is not there"),
        (&inline, "gallery.plays[2].card", 0, 12, "a play names a card that is not there"),
        (&inline, "gallery.plays[2].card", 0, 1, "plays are not sorted by card"),
        (&inline, "gallery.cards[3].sprite_sheet", 0, 3, "a card names a spritesheet that is not there"),
        (&many, "many.entries[0].offset", 4, 1300, "an entry names bytes past the end of the answer"),
        (&many, "head.block_bytes", 0, 1400, "the block goes past the end of the record"),
    ];
    for (record, path, behind, number, expected) in table {
        let mut record = record.clone();
        let place = at(&record, path);
        put(&mut record, place + behind, number as usize);
        match decoded_json(&record) {
            Err(PocoError::Damaged { offset, what }) => {
                assert_eq!((what, offset), (expected, place as u64), "{path}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    let head = |at: usize, byte: u8| {
        let mut record = title.clone();
        record[at] = byte;
        TitleView::new(&record).unwrap_err()
    };
    assert_eq!(head(4, 2), PocoError::Version { major: 2 });
    assert_eq!(head(0, b'X'), PocoError::NotARecord { found: *b"XTIT" });
    assert_eq!(TitleView::new(&inline).unwrap_err(), PocoError::OtherRecord { expected: "Title", found: "Gallery" });
}

/// Numbers that a newer version may give out do not stop a reader.
#[test]
fn unknown_numbers_are_shown_as_unknown() {
    let mut record = records::full_title().to_record().unwrap();
    record[HEAD_BYTES + 24] = 77;
    assert_eq!(TitleView::new(&record).unwrap().kind(), Kind::Unknown);
    let mut record = records::inline_gallery().to_record().unwrap();
    let (cards, rows) = (number(&record, HEAD_BYTES + 64), number(&record, HEAD_BYTES + 76));
    (record[cards + 24], record[rows + 20]) = (77, 77);
    let view = GalleryView::new(&record).unwrap();
    assert_eq!(view.cards().get(0).unwrap().kind(), Kind::Unknown);
    assert_eq!(view.rows().get(0).unwrap().kind(), RowKind::Other);
}
