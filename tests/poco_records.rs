//! Records from outside: what goes in comes out, the same each time, and what a record cannot hold is refused with the
//! field and the remedy. Frames of many records, and orders.

#[path = "golden/records.rs"]
mod records;

use badgerserver::poco::many::{frame, frame_bytes};
use badgerserver::poco::*;
use records::*;

#[test]
fn what_goes_in_comes_out() {
    for title in [full_title(), minimal_title(), widest_title()] {
        let record = title.to_record().unwrap();
        assert_eq!(TitleView::new(&record).unwrap().to_title(), title);
        assert_eq!(title.to_record().unwrap(), record, "the same input gives the same bytes");
        assert_eq!(record.len() % 8, 0);
    }
    for gallery in [inline_gallery(), shared_gallery(), empty_gallery(), widest_gallery()] {
        let record = gallery.to_record().unwrap();
        assert_eq!(GalleryView::new(&record).unwrap().to_gallery(), gallery);
        assert_eq!(GalleryView::trusted(&record).unwrap().to_gallery(), gallery);
        assert_eq!(gallery.to_record().unwrap(), record, "the same input gives the same bytes");
    }
    let record = catalogue().to_record().unwrap();
    assert_eq!(CatalogueView::new(&record).unwrap().to_catalogue(), catalogue());
}

/// A record may lie at any address: it is a part of an answer.
#[test]
fn records_are_read_at_every_address() {
    let (title, gallery) = (full_title(), inline_gallery());
    for shift in 0..8 {
        let bytes = |record: Vec<u8>| [vec![0xee; shift], record].concat();
        let record = bytes(title.to_record().unwrap());
        assert_eq!(TitleView::new(&record[shift..]).unwrap().to_title(), title);
        let record = bytes(gallery.to_record().unwrap());
        assert_eq!(GalleryView::new(&record[shift..]).unwrap().to_gallery(), gallery);
    }
}

#[test]
fn accessors_agree_with_the_input() {
    let (input, record) = (inline_gallery(), inline_gallery().to_record().unwrap());
    let view = GalleryView::new(&record).unwrap();
    assert_eq!((view.rows().len(), view.cards().len(), view.plays().len()), (13, 12, 3));
    assert_eq!(view.rows().get(0).unwrap().items().get(3), Some(Item { card: 3, match_score: Some(100) }));
    assert_eq!(view.rows().get(0).unwrap().items().get(4), None, "the next item is of another row");
    assert!(view.rows().get(1).unwrap().is_empty() && view.rows().get(1).unwrap().name().is_empty());
    assert!(view.rows().get(13).is_none());
    for card in 0..14 {
        assert_eq!(view.play(card), input.plays.iter().find(|play| play.card == card).copied(), "{card}");
    }
    let catalogue = CatalogueView::new(&[]).unwrap_err();
    assert_eq!(catalogue, PocoError::Bytes { expected: 24, found: 0 });
    let record = full_title().to_record().unwrap();
    let view = TitleView::new(&record).unwrap();
    assert_eq!(view.cast().iter().collect::<Vec<_>>(), NAMES);
    assert_eq!(view.genres().get(2), Some(""));
    assert_eq!(view.sprite().unwrap().sheet, "sprites/0-ab.jpg");
    assert_eq!(view.art().iter().map(|art| art.kind).collect::<Vec<_>>(), ArtKind::ALL[1..]);
}

#[test]
fn equal_texts_are_stored_once() {
    let names = |count: usize| Title { id: 1, cast: vec!["Ψ🎬 the same".to_owned(); count], ..Title::default() };
    let lengths = [1, 2, 101].map(|count| names(count).to_record().unwrap().len());
    assert_eq!([lengths[1] - lengths[0], lengths[2] - lengths[0]], [8, 800]);
    let record = inline_gallery().to_record().unwrap();
    let count = record.windows("sprites/0-ab.jpg".len()).filter(|text| *text == b"sprites/0-ab.jpg").count();
    assert_eq!(count, 1);
}

#[test]
fn words_and_numbers_are_the_same_table() {
    for kind in Kind::ALL {
        assert_eq!((Kind::from_name(kind.name()), Kind::from_number(kind.number())), (Some(*kind), Some(*kind)));
    }
    for kind in RowKind::ALL {
        assert_eq!((RowKind::from_name(kind.name()), RowKind::from_number(kind.number())), (Some(*kind), Some(*kind)));
    }
    assert_eq!((Kind::from_name("Film"), Kind::from_name(""), Kind::from_number(5)), (None, None, None));
    assert_eq!((Layout::from_number(0), Layout::from_name("shared")), (None, Some(Layout::Shared)));
    assert_eq!(ArtKind::from_name("hero"), Some(ArtKind::Hero));
}

#[test]
fn ids_make_uuids_and_hashes_make_paths() {
    let uuids: std::collections::BTreeSet<_> = (1..1000).map(uuid_of_id).collect();
    assert_eq!(uuids.len(), 999);
    assert!(uuids.iter().all(|uuid| uuid[6] >> 4 == 8 && uuid[8] >> 6 == 2));
    // Given out for good: catalogues in caches and titles in other systems are known by them.
    assert_eq!(u128::from_be_bytes(uuid_of_id(1)), UUID_OF_1);
    assert_eq!(catalogue_path(catalogue_hash(b"")), "/catalogue/99aa06d3014798d86001c324468d497f");
}

const UUID_OF_1: u128 = 0xd62cd03eb50085bc8fa597f0127aedbc;

/// The display of what a record cannot hold, field by field.
#[test]
fn what_a_record_cannot_hold_is_refused() {
    let title = |change: fn(&mut Title)| {
        let mut title = full_title();
        change(&mut title);
        title.to_record().unwrap_err().to_string()
    };
    let gallery = |change: fn(&mut Gallery)| {
        let mut gallery = inline_gallery();
        change(&mut gallery);
        gallery.to_record().unwrap_err().to_string()
    };
    let shared = |change: fn(&mut Gallery)| {
        let mut gallery = shared_gallery();
        change(&mut gallery);
        gallery.to_record().unwrap_err().to_string()
    };
    let long = "65537, and 65536 is the most; bytes in UTF-8: shorten it";
    let ids = "0 is no id; ids are 1 to 4294967295";
    let table = [
        (title(|it| it.id = 0), format!("id: {ids}")),
        (title(|it| it.name = "x".repeat(65_537)), format!("name: {long}")),
        (title(|it| it.synopsis = "ж".repeat(32_768) + "x"), format!("synopsis: {long}")),
        (title(|it| it.cast[7] = "x".repeat(65_537)), format!("cast[7]: {long}")),
        (title(|it| it.art[2].path = "x".repeat(65_537)), format!("art[2].path: {long}")),
        (
            title(|it| it.genres = vec![String::new(); 1025]),
            "genres: 1025, and 1024 is the most; names: keep the foremost".into(),
        ),
        (
            title(|it| it.art = vec![Art::default(); 1025]),
            "art: 1025, and 1024 is the most; pictures: keep those that are shown".into(),
        ),
        (
            title(|it| it.maturity = Some(255)),
            "maturity: 255 is not in 0 to 254; correct it, or leave it out when it is unknown".into(),
        ),
        (
            title(|it| it.match_score = Some(101)),
            "match_score: 101 is not in 0 to 100; correct it, or leave it out when it is unknown".into(),
        ),
        (
            title(|it| it.sprite = Some(Sprite::default())),
            "sprite.sheet: empty; name the picture that has the sprite, or leave the sprite out".into(),
        ),
        (gallery(|it| it.cards[4].id = 0), format!("cards[4].id: {ids}")),
        (gallery(|it| it.cards[4].name = "x".repeat(65_537)), format!("cards[4].name: {long}")),
        (
            gallery(|it| it.cards[4].sprite_sheet = 3),
            "cards[4].sprite_sheet: 3 of 2 sheets; sheets are counted from 1".into(),
        ),
        (
            gallery(|it| it.cards[4].sprite_cell = 1000),
            "cards[4].sprite_cell: 1000 of 1000 cells; cells are counted from 0".into(),
        ),
        (gallery(|it| it.rows[2].name = "x".repeat(65_537)), format!("rows[2].name: {long}")),
        (
            gallery(|it| it.rows[2].items[9].card = 12),
            "rows[2].items[9].card: position 12, and this gallery has 12 cards; positions are counted from 0".into(),
        ),
        (
            gallery(|it| it.rows[0].items[1].match_score = Some(200)),
            "rows[0].items[1].match_score: 200 is not in 0 to 100; correct it, or leave it out when it is unknown".into(),
        ),
        (
            gallery(|it| it.rows = vec![Row::default(); 65_536]),
            "rows: 65536, and 65535 is the most; rows: leave the last ones out".into(),
        ),
        (
            gallery(|it| it.rows[1].items = vec![Item::default(); 65_536]),
            "rows[1].items: 65536, and 65535 is the most; items: leave the last ones out".into(),
        ),
        (
            gallery(|it| it.sheets = vec![Sheet::default(); 65_536]),
            "sheets: 65536, and 65535 is the most; sheets: put more cells into each".into(),
        ),
        (
            gallery(|it| it.plays[1].card = 0),
            "plays[1].card: position 0 does not follow the one before it; sort plays by card, one each".into(),
        ),
        (
            gallery(|it| it.plays[2].card = 12),
            "plays[2].card: position 12, and this gallery has 12 cards; positions are counted from 0".into(),
        ),
        (
            gallery(|it| it.plays[0].fraction_watched = 201),
            "plays[0].fraction_watched: 201 half percents; 200 is the whole".into(),
        ),
        (
            gallery(|it| it.catalogue = "/catalogue/0".into()),
            "catalogue: the layout is inline, so the cards are here; leave it and its hash empty".into(),
        ),
        (
            shared(|it| it.catalogue = String::new()),
            "catalogue: the layout is shared; name the path of the catalogue and its hash".into(),
        ),
        (
            shared(|it| it.cards = inline_gallery().cards),
            "cards: the layout is shared; put cards and sheets into the catalogue".into(),
        ),
        (
            shared(|it| it.rows[0].items[0].card = 1 << 24),
            "rows[0].items[0].card: position 16777216, and a catalogue can have 16777216 cards; positions are counted from 0"
                .into(),
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
    // At the limits.
    let widest = Title { name: "x".repeat(65_536), genres: vec!["g".into(); 1024], ..full_title() };
    assert_eq!(TitleView::new(&widest.to_record().unwrap()).unwrap().to_title(), widest);
    let items = vec![Item { card: 11, match_score: None }; 65_535];
    let gallery = Gallery { rows: vec![Row { items, ..Row::default() }; 2], ..inline_gallery() };
    assert_eq!(GalleryView::new(&gallery.to_record().unwrap()).unwrap().to_gallery(), gallery);
}

#[test]
fn a_frame_holds_the_records_that_follow_it() {
    let records = [full_title(), minimal_title(), widest_title()].map(|title| title.to_record().unwrap());
    let lengths = records.each_ref().map(|record| Some(record.len() as u64));
    let asked = [(7, lengths[0]), (7, None), (1, lengths[1]), (u32::MAX, None), (2, lengths[2]), (7, lengths[0])];
    let sent = [&records[0], &records[1], &records[2], &records[0]];
    for behind in [0, 1, 100] {
        let mut out = vec![9; behind];
        frame(&asked, &mut out).unwrap();
        assert_eq!(out.len(), behind + frame_bytes(asked.len()));
        sent.iter().for_each(|record| out.extend_from_slice(record));
        let view = ManyView::new(&out[behind..]).unwrap();
        let mut sent = sent.iter();
        for ((id, bytes), entry) in asked.iter().zip(view.entries()) {
            let record = bytes.and_then(|_| sent.next()).map(|record| record.as_slice());
            assert_eq!((entry.id, entry.status, entry.record), (*id, if record.is_some() { 200 } else { 404 }, record));
        }
    }
    let mut out = Vec::new();
    frame(&[], &mut out).unwrap();
    assert_eq!((out.len(), ManyView::new(&out).unwrap().entries().len()), (40, 0));
}

#[test]
fn a_frame_is_refused_when_it_cannot_be() {
    type Entries<'a> = &'a [(u32, Option<u64>)];
    let table: [(Entries<'_>, &str); 5] = [
        (&[(1, None); 257], "entries: 257, and 256 is the most; records in one answer: ask in several requests"),
        (
            &[(1, Some(152)), (2, Some(153))],
            "entries[1]: 153 bytes, and the length of a record is a multiple of 8, from 24 on; is it compressed?",
        ),
        (
            &[(1, Some(16))],
            "entries[0]: 16 bytes, and the length of a record is a multiple of 8, from 24 on; is it compressed?",
        ),
        (
            &[(1, Some(512 << 20)), (2, Some(512 << 20))],
            "entries[1]: 1073741896, and 1073741824 is the most; bytes of records up to here: ask in several requests",
        ),
        (
            &[(1, Some(u64::MAX - 7)), (2, Some(u64::MAX - 7))],
            "entries[0]: 18446744073709551615, and 1073741824 is the most; bytes of records up to here: ask in several requests",
        ),
    ];
    for (entries, expected) in table {
        let mut out = vec![1, 2, 3];
        assert_eq!(frame(entries, &mut out).unwrap_err().to_string(), expected);
        assert_eq!(out, [1, 2, 3], "nothing was added");
    }
    frame(&[(1, None); 256], &mut Vec::new()).unwrap();
}

#[test]
fn an_order_travels_as_a_header() {
    let table: [(Order, &[u8], &str); 4] = [
        (Order::default(), &[1, 0, 0, 0], ":AQAAAA==:"),
        (Order { rows: vec![2], items: vec![] }, &[1, 0, 1, 0, 2, 0], ":AQABAAIA:"),
        (Order { rows: vec![1, 0xfffe], items: vec![] }, &[1, 0, 2, 0, 1, 0, 0xfe, 0xff], ":AQACAAEA/v8=:"),
        (
            Order { rows: vec![3], items: vec![(0, vec![5, 4]), (3, vec![0x102])] },
            &[1, 0, 1, 0, 3, 0, 0, 0, 2, 0, 5, 0, 4, 0, 3, 0, 1, 0, 2, 1],
            ":AQABAAMAAAACAAUABAADAAEAAgE=:",
        ),
    ];
    for (order, bytes, value) in table {
        assert_eq!((order.encode().as_slice(), order.header_value().as_str()), (bytes, value));
        assert_eq!(Order::decode(bytes), Ok(order.clone()));
        assert_eq!(Order::from_header_value(value), Ok(order.clone()));
        assert_eq!(Order::from_header_value(&format!(" {}\t", value.replace('=', ""))), Ok(order));
    }
}

#[test]
fn an_order_that_is_none_is_refused() {
    let refused = |what| Err(PocoError::Order { what });
    let table: [(&[u8], &str); 10] = [
        (&[], "empty"),
        (&[2, 0, 0, 0], "another version"),
        (&[1], "a ragged length"),
        (&[1, 0, 0], "a ragged length"),
        (&[1, 0], "a count is missing"),
        (&[1, 0, 2, 0, 1, 0], "fewer positions than it announces"),
        (&[1, 0, 2, 0, 1, 0, 1, 0], "a repeated position"),
        (&[1, 0, 0, 0, 1, 0], "a count is missing"),
        (&[1, 0, 0, 0, 1, 0, 2, 0, 7, 0, 7, 0], "a repeated position"),
        (&[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], "the items of a row twice"),
    ];
    for (bytes, what) in table {
        assert_eq!(Order::decode(bytes), refused(what), "{bytes:?}");
    }
    for value in ["", ":", "AQAAAA==", ":AQAAAA=", ":AQAAA:", ":AQAAAA===:", ":AQ AAA==:", ":AQAA-A==:", "::A:", "?1"] {
        assert!(Order::from_header_value(value).is_err(), "{value}");
    }
    assert_eq!(Order::from_header_value("::"), refused("empty"));
    // The second byte is nobody's business.
    assert_eq!(Order::decode(&[1, 7, 0, 0]), Ok(Order::default()));
}

#[test]
fn an_order_names_what_comes_first() {
    let record = inline_gallery().to_record().unwrap();
    let view = GalleryView::new(&record).unwrap();
    let own: Vec<(u16, Vec<u16>)> =
        view.rows().iter().enumerate().map(|(index, row)| (index as u16, (0..row.len() as u16).collect())).collect();
    let apply = |rows: &[u16], items: &[(u16, &[u16])]| {
        let items = items.iter().map(|(row, items)| (*row, items.to_vec())).collect();
        let order = Order { rows: rows.to_vec(), items };
        Ok(order.apply(&view)?.into_iter().map(|row| (row.row, row.items)).collect::<Vec<_>>())
    };
    assert_eq!(apply(&[], &[]), Ok(own.clone()));
    let mut expected = own.clone();
    let last = expected.pop().unwrap();
    expected.insert(0, last);
    expected.swap(1, 3);
    expected.swap(2, 3);
    expected[1].1 = vec![11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    assert_eq!(expected.iter().map(|row| row.0).take(5).collect::<Vec<_>>(), [12, 2, 0, 1, 3]);
    assert_eq!(apply(&[12, 2], &[(2, &[11])]), Ok(expected));
    let refused = |what| Err(PocoError::Order { what });
    assert_eq!(apply(&[13], &[]), refused("a position that is not there"));
    assert_eq!(apply(&[1, 1], &[]), refused("a repeated position"));
    assert_eq!(apply(&[], &[(0, &[4])]), refused("a position that is not there"));
    assert_eq!(apply(&[], &[(0, &[1, 1])]), refused("a repeated position"));
    assert_eq!(apply(&[], &[(13, &[])]), refused("a row that is not there"));
    assert_eq!(apply(&[], &[(1, &[]), (1, &[])]), refused("the items of a row twice"));
}

/// What does not fit is left out from the end, and what is left is an order still.
#[test]
fn a_long_order_is_cut() {
    let rows: Vec<u16> = (0..40).collect();
    let items: Vec<(u16, Vec<u16>)> = (0..40).map(|row| (row, (0..75).rev().collect())).collect();
    let order = Order { rows, items };
    let bytes = order.encode();
    assert!((ORDER_BYTES_MAX - 8..=ORDER_BYTES_MAX).contains(&bytes.len()), "{}", bytes.len());
    assert_eq!(order.header_value().len(), 2 + bytes.len().div_ceil(3) * 4);
    let cut = Order::decode(&bytes).unwrap();
    assert_eq!(cut.rows, order.rows);
    let (last, whole) = cut.items.split_last().unwrap();
    assert_eq!(*whole, order.items[..whole.len()]);
    assert!(order.items[whole.len()].1.starts_with(&last.1));
    let rows = Order { rows: (0..10_000).collect(), items: vec![(0, vec![1])] };
    assert_eq!(rows.encode().len(), ORDER_BYTES_MAX);
    assert_eq!(Order::decode(&rows.encode()).unwrap().rows, rows.rows[..1534]);
}
