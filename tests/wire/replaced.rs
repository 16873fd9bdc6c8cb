//! Files that are renamed over while they are served: each answer is wholly of the old file or wholly of the new one.

use crate::content::noise;
use crate::stage::{Folder, Running, Stage, until};
use badgerserver::pack::Encoding::Identity;
use badgerserver::{Pack, Response, Router};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

stamp![a_pack, a_file_of_a_directory];

const SIZES: [usize; 3] = [900, 40_000, 1_500_000];
const CLIENTS: usize = 3;
const ROUNDS: u64 = 12;

/// The content of a path in a round: another length and other bytes each time.
fn content(size: usize, round: u64) -> Vec<u8> {
    noise(round * 7919 + size as u64, size + round as usize)
}

fn write_over(folder: &Folder, name: &str, bytes: &[u8]) {
    let new = folder.write(&format!("{name}.new"), bytes);
    std::fs::rename(new, folder.path().join(name)).unwrap();
}

/// Clients ask for everything without an end while `replace` does its rounds; each answer must be one of the contents of
/// up to the round that was begun.
fn load(server: &Running, oldest: &AtomicU64, newest: &AtomicU64, replace: impl FnOnce()) {
    let (is_over, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = server.connect();
                while !is_over.load(Ordering::SeqCst) {
                    for size in SIZES {
                        let from = oldest.load(Ordering::SeqCst);
                        let answer = client.get(&format!("/f/{size}"));
                        let to = newest.load(Ordering::SeqCst);
                        let is_one = (from..=to).any(|round| answer.body == content(size, round));
                        assert!(is_one, "{} of {size}: a mixture of rounds {from} to {to}", answer.status);
                        answers.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let before = || answers.load(Ordering::SeqCst);
        until("answers", || before() > 10);
        replace();
        let now = before();
        until("answers behind the last round", || before() > now + 10);
        is_over.store(true, Ordering::SeqCst);
    });
    let stats = server.stats();
    assert_eq!((stats.files_truncated, stats.content_failures, stats.responses_5xx), (0, 0, 0), "{stats:?}");
}

/// A pack that was opened goes on being read; the new file is served when it was swapped in.
fn a_pack(stage: &Stage) {
    let folder = Folder::new();
    let open = |round: u64| {
        let contents = SIZES.map(|size| content(size, round));
        let keys = SIZES.map(|size| format!("/{size}"));
        let bodies: Vec<_> = contents.iter().map(|content| [(Identity, content.as_slice())]).collect();
        let entries: Vec<_> =
            keys.iter().zip(&bodies).map(|(key, bodies)| crate::content::entry(key, bodies)).collect();
        write_over(&folder, "sizes.badger", &crate::content::pack_bytes(&entries));
        Pack::open(folder.path().join("sizes.badger")).unwrap()
    };
    let router = |pack: Pack| Router::new().pack("/f", pack);
    let server = stage.serve(router(open(0)));
    let (oldest, newest) = (AtomicU64::new(0), AtomicU64::new(0));
    load(&server, &oldest, &newest, || {
        for round in 1..=ROUNDS {
            let pack = open(round);
            newest.store(round, Ordering::SeqCst);
            let number = server.swap(router(pack)).unwrap();
            until("the swap", || server.stats().swaps == number - 1);
        }
    });
}

/// What the scan copied stays as it was; a large file is opened anew when another one has its name.
fn a_file_of_a_directory(stage: &Stage) {
    let folder = Folder::new();
    let large = SIZES[2];
    let write = |size: usize, round: u64| write_over(&folder, &size.to_string(), &content(size, round));
    SIZES.iter().for_each(|&size| write(size, 0));
    let router = Router::new().get("/alive", |_| Response::text("alive")).dir("/f", folder.path()).unwrap();
    let server = stage.serve(router);
    let (oldest, newest) = (AtomicU64::new(0), AtomicU64::new(0));
    load(&server, &oldest, &newest, || {
        for round in 1..=ROUNDS {
            newest.store(round, Ordering::SeqCst);
            write(large, round);
            // From the next request on it is the new one.
            assert!(server.connect().get(&format!("/f/{large}")).body == content(large, round));
        }
    });
    assert!(Path::new(&folder.path().join("900")).exists());
    assert!(server.connect().get("/f/900").body == content(900, 0));
}
