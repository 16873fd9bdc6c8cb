//! Reading records touches no heap, and a frame only what its Vec grows by: both happen on the path of a request.

use badgerserver::poco::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

/// How often this thread asks for memory meanwhile.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn views_allocate_nothing() {
    let title =
        Title { id: 1, name: "Ночной дозор".into(), cast: vec!["a".into(), "b".into()], ..Title::default() };
    let card = |id| Card { id, name: format!("card {id}"), ..Card::default() };
    let items: Vec<Item> = (0..75).map(|card| Item { card, match_score: None }).collect();
    let row = |id| Row { id, name: format!("row {id}"), items: items.clone(), ..Row::default() };
    let plays = (0..75).map(|card| Play { card, ..Play::default() }).collect();
    let gallery =
        Gallery { cards: (1..=75).map(card).collect(), rows: (0..40).map(row).collect(), plays, ..Gallery::default() };
    let (title, gallery) = (title.to_record().unwrap(), gallery.to_record().unwrap());
    let mut letters = 0;
    let count = allocations(|| {
        let view = TitleView::new(&title).unwrap();
        letters += view.name().len() + view.cast().iter().map(str::len).sum::<usize>();
        for view in [GalleryView::new(&gallery), GalleryView::trusted(&gallery)].into_iter().flatten() {
            for row in view.rows() {
                let cards = row.items().iter().filter_map(|item| view.cards().get(item.card as usize));
                letters += row.name().len() + cards.map(|card| card.name().len()).sum::<usize>();
            }
            letters += (0..80).filter_map(|card| view.play(card)).count();
        }
    });
    assert!(letters > 40 * 75 * 6, "{letters}");
    assert_eq!(count, 0);
}

#[test]
fn a_frame_allocates_nothing_but_its_bytes() {
    let entries: Vec<(u32, Option<u64>)> = (0..256).map(|id| (id, (id % 3 > 0).then_some(152))).collect();
    let mut out = Vec::new();
    assert_eq!(allocations(|| many::frame(&entries, &mut out).unwrap()), 1);
    assert_eq!(out.len(), many::frame_bytes(256));
    out.clear();
    assert_eq!(allocations(|| many::frame(&entries, &mut out).unwrap()), 0);
}
