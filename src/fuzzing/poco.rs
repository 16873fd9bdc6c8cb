//! What must hold for records: any bytes give a view or an error, and what a view says can be written and read again.
#![forbid(unsafe_code)]

use super::Draws;
use crate::poco::{
    Art, ArtKind, Card, Catalogue, CatalogueView, Gallery, GalleryView, Item, Kind, Layout, ManyView, Order, Play, Row,
    RowKind, Sheet, Sprite, Title, TitleView, many, uuid_of_id,
};

/// One record of each kind, the gallery in both layouts.
pub(super) fn poco_seeds() -> Vec<Vec<u8>> {
    let title = Title {
        id: 7,
        uuid: uuid_of_id(7),
        name: "Brock".into(),
        original_name: "Grævling".into(),
        year: 1994,
        kind: Kind::Film,
        maturity: Some(12),
        genres: vec!["Drama".into(), "Nature".into()],
        cast: vec!["A. Badger".into()],
        art: vec![Art { kind: ArtKind::Boxart, path: "b/7.jpg".into(), width: 240, height: 336 }],
        sprite: Some(Sprite { sheet: "s/0.jpg".into(), x: 60, y: 84, width: 60, height: 84 }),
        ..Title::default()
    };
    let card = |id| Card { id, name: format!("Title {id}"), boxart: format!("b/{id}.jpg"), ..Card::default() };
    let sheets = vec![Sheet { path: "s/0.jpg".into(), columns: 4, rows: 4, cell_width: 60, cell_height: 84 }];
    let rows = vec![
        Row {
            id: 1,
            name: "Trending".into(),
            kind: RowKind::Trending,
            items: vec![Item { card: 1, match_score: Some(90) }, Item { card: 0, match_score: None }],
        },
        Row { id: 2, name: "Mine".into(), kind: RowKind::MyList, items: vec![Item { card: 2, match_score: None }] },
    ];
    let inline = Gallery {
        layout: Layout::Inline,
        is_default: true,
        profile: "ada".into(),
        display_name: "Ada".into(),
        assets: "/assets/".into(),
        cards: (1..4).map(card).collect(),
        sheets: sheets.clone(),
        rows: rows.clone(),
        plays: vec![Play { card: 1, plays: 3, fraction_watched: 100, kind: Kind::Series, ..Play::default() }],
        ..Gallery::default()
    };
    let shared = Gallery {
        layout: Layout::Shared,
        cards: Vec::new(),
        sheets: Vec::new(),
        catalogue: "/catalogue/00000000000000000000000000000000".into(),
        ..inline.clone()
    };
    let catalogue = Catalogue { assets: "/assets/".into(), cards: (1..4).map(card).collect(), sheets };
    let records = [title.to_record(), inline.to_record(), shared.to_record(), catalogue.to_record()];
    let mut records: Vec<Vec<u8>> = records.into_iter().map(|record| record.expect("a good record")).collect();
    let mut frame = Vec::new();
    many::frame(&[(7, Some(records[0].len() as u64)), (8, None)], &mut frame).expect("a good frame");
    frame.extend_from_slice(&records[0]);
    records.push(frame);
    records
}

/// A record, given as it is or as changes of a seed; or an order beside one.
pub fn poco(bytes: &[u8]) {
    let mut draws = Draws(bytes);
    match draws.byte() {
        b'B' => examine(bytes),
        b'O' => order(draws.0),
        how => {
            let mut seeds = poco_seeds();
            let count = seeds.len();
            let mut record = seeds.swap_remove(usize::from(how) % count);
            for _ in 0..draws.below(8) {
                let at = usize::from(u16::from_le_bytes([draws.byte(), draws.byte()])) % record.len();
                let width = [1, 2, 3, 4][draws.below(4)].min(record.len() - at);
                let new = draws.bytes(width);
                record[at..at + new.len()].copy_from_slice(new);
            }
            if draws.byte() >= 0xf0 {
                record.truncate(usize::from(u16::from_le_bytes([draws.byte(), draws.byte()])) % record.len());
            }
            examine(&record);
        }
    }
}

/// Reads the record as every kind, since the bytes of one may be handed to the view of another.
fn examine(bytes: &[u8]) {
    if let Ok(view) = TitleView::new(bytes) {
        let title = view.to_title();
        assert!(!format!("{view:?}").is_empty());
        // A record may hold what the writer refuses (a sprite without a sheet): that it says so is enough.
        if let Ok(record) = title.to_record() {
            assert_eq!(TitleView::new(&record).map(|view| view.to_title()), Ok(title));
        }
    }
    if let Ok(view) = CatalogueView::new(bytes) {
        let catalogue = view.to_catalogue();
        if let Ok(record) = catalogue.to_record() {
            assert_eq!(CatalogueView::new(&record).map(|view| view.to_catalogue()), Ok(catalogue));
        }
    }
    if let Ok(view) = GalleryView::trusted(bytes) {
        // Of a damaged record texts may read as empty and lists may end early, and nothing worse.
        for row in view.rows().iter().take(64) {
            assert!(row.items().iter().take(64).count() <= row.len() && row.name().len() <= bytes.len());
        }
        let _ = (view.play(0), view.play(u32::MAX), view.cards().get(usize::MAX).is_none(), view.profile().len());
    }
    if let Ok(view) = GalleryView::new(bytes) {
        let gallery = view.to_gallery();
        assert!(gallery.plays.iter().all(|play| view.play(play.card) == Some(*play)));
        if let Ok(record) = gallery.to_record() {
            let again = GalleryView::new(&record).expect("what was written can be read");
            assert_eq!(again.to_gallery(), gallery);
            let as_it_is = Order::default().apply(&again).expect("the record's own order");
            assert!(as_it_is.iter().enumerate().all(|(index, row)| usize::from(row.row) == index));
        }
    }
    if let Ok(view) = ManyView::new(bytes) {
        for entry in &view.entries() {
            assert!(entry.record.is_none_or(|record| record.len() <= bytes.len()));
        }
    }
}

/// An order of rows and items: what is read can be written, and gives each row and each item once.
fn order(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    for order in [Order::decode(bytes), Order::from_header_value(text)].into_iter().flatten() {
        let written = order.encode();
        let again = Order::decode(&written).expect("what was written can be read");
        assert_eq!(again.encode(), written, "written once, it stays the same");
        assert_eq!(Order::from_header_value(&order.header_value()), Ok(again));
        let seeds = poco_seeds();
        let gallery = GalleryView::new(&seeds[1]).expect("the seed is good");
        let Ok(rows) = order.apply(&gallery) else { continue };
        let mut places: Vec<u16> = rows.iter().map(|row| row.row).collect();
        places.sort_unstable();
        assert!(places.iter().enumerate().all(|(index, place)| usize::from(*place) == index));
        assert_eq!(places.len(), gallery.rows().len());
        for row in &rows {
            let mut items = row.items.clone();
            items.sort_unstable();
            assert!(items.iter().enumerate().all(|(index, item)| usize::from(*item) == index));
            assert_eq!(gallery.rows().get(usize::from(row.row)).map(|row| row.len()), Some(items.len()));
        }
    }
}
