//! New content under load: each answer is wholly of one generation, and the old ones leave nothing behind.

use crate::client::Client;
use crate::content::{entry, pack_bytes};
use crate::stage::{Folder, Stage, assert_memory, held, resident_bytes, until};
use badgerserver::pack::Encoding::Identity;
use badgerserver::{Pack, Router};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

stamp![a_thousand_swaps_under_load];

const SIZES: [usize; 3] = [1024, 60 * 1024, 300 * 1024];
/// Different contents, taken in turn.
const CONTENTS: usize = 16;
const SWAPS: usize = 1000;
const CLIENTS: usize = 4;

/// A body that says in every 64 bytes which content it is of, and where it is.
fn body(content: usize, len: usize) -> Vec<u8> {
    let block = |place: usize| format!("content {content:8} of {len:8} at {:>31}\n", place * 64).into_bytes();
    let bytes: Vec<u8> = (0..len / 64).flat_map(block).collect();
    assert_eq!(bytes.len(), len);
    bytes
}

fn content_file(folder: &Folder, content: usize) -> PathBuf {
    let bodies = SIZES.map(|len| body(content, len));
    let keys = SIZES.map(|len| format!("/{len}"));
    let bodies = [0, 1, 2].map(|index| [(Identity, bodies[index].as_slice())]);
    let entries = [0, 1, 2].map(|index| entry(&keys[index], &bodies[index]));
    folder.write(&format!("{content}.badger"), &pack_bytes(&entries))
}

fn a_thousand_swaps_under_load(stage: &Stage) {
    if !stage.alone() {
        return;
    }
    // Only guarded reads use mappings.
    badgerserver::guard_mapped_files().unwrap();
    let folder = Folder::new();
    let files: Vec<PathBuf> = (0..CONTENTS).map(|content| content_file(&folder, content)).collect();
    let right: Vec<[Vec<u8>; 3]> = (0..CONTENTS).map(|content| SIZES.map(|len| body(content, len))).collect();
    let router = |content: usize| Router::new().pack("/size", Pack::open(&files[content]).unwrap());
    let server = stage.serve(router(0));
    let address = server.address();
    let is_over = AtomicBool::new(false);
    let answers = AtomicU64::new(0);
    let load = |seed: usize| {
        let mut client = Client::connect(address);
        let mut seen = [false; CONTENTS];
        let mut turn = seed;
        while !is_over.load(Ordering::Relaxed) {
            turn += 1;
            let index = turn % SIZES.len();
            let answer = client.get(&format!("/size/{}", SIZES[index]));
            let content = (0..CONTENTS).find(|&content| answer.body == right[content][index]);
            seen[content.unwrap_or_else(|| panic!("an answer of more than one content: {:?}", answer.head))] = true;
            answers.fetch_add(1, Ordering::Relaxed);
        }
        seen.iter().filter(|&&seen| seen).count()
    };
    let run = |swaps: usize| {
        is_over.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|seed| scope.spawn(move || load(seed))).collect();
            for swap in 1..=swaps {
                let before = answers.load(Ordering::Relaxed);
                server.swap(router(swap % CONTENTS)).unwrap();
                // Some answers between swaps, and some swaps in the middle of answers.
                until("an answer", || {
                    answers.load(Ordering::Relaxed) > before || clients.iter().any(|client| client.is_finished())
                });
            }
            is_over.store(true, Ordering::Relaxed);
            for client in clients {
                let seen = client.join().unwrap();
                assert!(swaps < SWAPS || seen > CONTENTS / 2, "a client saw only {seen} contents");
            }
        });
        server.until("the clients' ends", |stats| stats.connections_open == 0);
    };
    // Warm: the memory that load takes is taken.
    run(2 * CONTENTS);
    let (held_before, resident_before) = (held(), resident_bytes());
    assert_eq!(held_before.mappings, 1);
    run(SWAPS);
    server.until("the last swap", |stats| stats.swaps == (2 * CONTENTS + SWAPS) as u64);
    // A descriptor is closed when the kernel has ended what was under way on it.
    until("no descriptors, threads and mappings of the old content", || held().is_within(held_before));
    let grown = resident_bytes().saturating_sub(resident_before);
    assert_memory(grown, 8 << 20, "a thousand swaps");
    assert_eq!(server.stats().responses, server.stats().responses_2xx);
}
