//! Galleries for benchmarks.

use badgerserver::poco::{Card, Gallery, Item, Kind, Layout, Play, Row, RowKind, catalogue_path};

/// The record of a gallery of 40 rows, of which the first is *Continue Watching*; `cards` gives those of a row.
pub fn record(layout: Layout, cards: impl Fn(u32) -> Vec<u32>, plays: Vec<Play>) -> Vec<u8> {
    let item = |card| Item { card, match_score: None };
    let row = |id: u32| Row {
        id,
        name: format!("Row {id}"),
        kind: if id == 0 { RowKind::ContinueWatching } else { RowKind::Genre },
        items: cards(id).into_iter().map(item).collect(),
    };
    let is_shared = layout == Layout::Shared;
    let card = |id: u32| Card { id: id + 1, name: format!("The title with the number {id}"), ..Card::default() };
    let gallery = Gallery {
        layout,
        catalogue: if is_shared { catalogue_path([7; 16]) } else { String::new() },
        catalogue_hash: if is_shared { [7; 16] } else { [0; 16] },
        cards: if is_shared { Vec::new() } else { (0..2_000).map(card).collect() },
        rows: (0..40).map(row).collect(),
        plays,
        ..Gallery::default()
    };
    gallery.to_record().expect("the gallery is valid")
}

/// A play of the card with this number times 17, so long ago.
pub fn play(number: u32, last_play: u32) -> Play {
    Play {
        card: number * 17,
        fraction_watched: (number * 37 % 200) as u8,
        last_play,
        episodes_left: (number % 7) as u16,
        plays_30_days: (number % 5) as u8,
        devices: [128, 127, 0, 0],
        kind: if number % 7 > 0 { Kind::Series } else { Kind::Film },
        hours: [10; 24],
        ..Play::default()
    }
}
