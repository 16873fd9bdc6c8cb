//! Files that become shorter while they are served: right answers, 500 or a reset, and a server that lives.
//!
//! One thing no server that uses `sendfile` can promise (sendfile(2), "Notes"): what it sends by reference may still change
//! until the client has it. A file that is cut in the middle of what the page cache holds as one piece (up to 2 MiB) has
//! the rest of that piece filled with zeros, also in the socket's queue. So an answer that was wholly in the queue when the
//! file was cut may come with zeros at its end. That is allowed here for requests of before the cut, and counted.

use crate::client::{Broken, Client};
use crate::content::{noise, sizes};
use crate::stage::{Folder, Running, Stage, until};
use badgerserver::{Response, Router};
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

stamp![packs_with_guarded_mappings, packs_read_by_calls, files_of_a_directory];

const SIZES: [usize; 5] = [100, 5_000, 30_000, 200_000, 900_000];
const CLIENTS: usize = 4;
/// Answers, of whatever kind, that each truncation must survive.
const ANSWERS: u64 = 150;

#[derive(Debug, Default)]
struct Outcomes {
    right: AtomicU64,
    failed: AtomicU64,
    broken: AtomicU64,
    /// Sent before the cut, and zeros from some place on.
    zeroed: AtomicU64,
    /// What is left of a file of a directory, answered as a whole file of its new length.
    shorter: AtomicU64,
}

impl Outcomes {
    fn all(&self) -> u64 {
        [&self.right, &self.failed, &self.broken, &self.zeroed, &self.shorter]
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }
}

/// A length from which a body was sent by reference.
const BY_REFERENCE: usize = 24 * 1024;

/// Whether `body` is `right` up to some place, and zeros from there on to the end of a piece of the page cache.
fn is_zeroed(body: &[u8], right: &[u8]) -> bool {
    let is_zero_or_right = |(body, right): (&u8, &u8)| *body == 0 || body == right;
    body.len() == right.len() && body.len() >= BY_REFERENCE && body.iter().zip(right).all(is_zero_or_right)
}

/// Asks for `contents` in turn until it is over. `is_cut`: the file was cut before the first request. `shorter`: the length
/// in which what is left of a file may be answered.
fn load(
    server: &Running,
    contents: &[Vec<u8>],
    is_cut: bool,
    shorter: Option<usize>,
    is_over: &AtomicBool,
    outcomes: &Outcomes,
) {
    let mut client = server.connect();
    for turn in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let right = &contents[turn % contents.len()];
        let path = format!("/f/{}", right.len());
        let count = match client.try_ask("GET", &path, "") {
            Ok(answer) if answer.status == 200 && answer.body == *right => &outcomes.right,
            Ok(answer) if answer.status == 200 && shorter == Some(answer.body.len()) => {
                assert!(right.starts_with(&answer.body), "wrong bytes for {path}");
                &outcomes.shorter
            }
            Ok(answer) if answer.status == 200 => {
                assert!(!is_cut && is_zeroed(&answer.body, right), "wrong bytes for {path}");
                &outcomes.zeroed
            }
            Ok(answer) => {
                assert_eq!(answer.status, 500, "{path}");
                if answer.says_close() {
                    client = server.connect();
                }
                &outcomes.failed
            }
            Err(Broken::Late) => panic!("{path}: no answer"),
            Err(Broken::Middle | Broken::Between) => {
                client = server.connect();
                &outcomes.broken
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Cuts `file` to `len` while clients fetch `contents`, and says what they got after that.
fn truncate(server: &Running, contents: &[Vec<u8>], file: &File, len: u64, is_directory: bool) -> Outcomes {
    let shorter = is_directory.then_some(len as usize);
    let (has_begun, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (before, after) = (Outcomes::default(), Outcomes::default());
    std::thread::scope(|scope| {
        let clients = |is_cut, is_over, outcomes| -> Vec<_> {
            (0..CLIENTS)
                .map(|_| scope.spawn(move || load(server, contents, is_cut, shorter, is_over, outcomes)))
                .collect()
        };
        let first = clients(false, &has_begun, &before);
        until("answers before", || before.all() > 30 || first.iter().any(|client| client.is_finished()));
        file.set_len(len).unwrap();
        has_begun.store(true, Ordering::Relaxed);
        let second = clients(true, &is_over, &after);
        until("answers after", || after.all() > ANSWERS || second.iter().any(|client| client.is_finished()));
        is_over.store(true, Ordering::Relaxed);
        for client in first.into_iter().chain(second) {
            client.join().unwrap();
        }
    });
    let zeroed = before.zeroed.load(Ordering::Relaxed);
    println!("cut to {len}: {zeroed} of {} answers were in the queue; then {after:?}", before.all());
    assert_eq!(Client::connect(server.address()).get("/alive").body, b"alive");
    server.until("the ends", |stats| stats.connections_open == 0);
    after
}

fn packs(stage: &Stage, is_mapped: bool) {
    let folder = Folder::new();
    let router = || Router::new().get("/alive", |_| Response::text("alive"));
    let (pack, contents) = sizes(&folder, &SIZES);
    let path = folder.path().join("sizes.badger");
    let whole = std::fs::read(&path).unwrap();
    // Payloads come first, the index last.
    let offset = |content: &[u8]| {
        let at = whole.windows(64).position(|window| window == &content[..64]);
        at.unwrap() as u64
    };
    let large = offset(&contents[4]);
    let server = stage.serve(router().pack("/f", pack));
    let end = whole.len() as u64;
    for len in [end - 1, end - 10, end - 4097, large + 300_123, large + 123, offset(&contents[1]) + 17, 4096, 100, 0] {
        let name = format!("{len}.badger");
        let path = folder.write(&name, &whole);
        let file = File::options().write(true).open(&path).unwrap();
        let pack = badgerserver::Pack::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string("/proc/self/maps").unwrap().contains(&name), is_mapped);
        let number = server.swap(router().pack("/f", pack)).unwrap();
        until("the swap", || server.stats().swaps == number - 1);
        let before = server.stats();
        let outcomes = truncate(&server, &contents, &file, len, false);
        let after = server.stats();
        let unhappy = outcomes.failed.load(Ordering::Relaxed) + outcomes.broken.load(Ordering::Relaxed);
        assert!(len > 4096 || unhappy > 0, "{len} bytes left: {outcomes:?}");
        let counted = after.content_failures + after.files_truncated - before.content_failures - before.files_truncated;
        assert!(unhappy == 0 || counted > 0, "{len} bytes left: {outcomes:?}, and nothing was counted");
    }
}

fn packs_with_guarded_mappings(stage: &Stage) {
    if stage.alone() {
        badgerserver::guard_mapped_files().unwrap();
        packs(stage, true);
    }
}

fn packs_read_by_calls(stage: &Stage) {
    if stage.alone() {
        packs(stage, false);
    }
}

fn files_of_a_directory(stage: &Stage) {
    let folder = Folder::new();
    // One that is copied when the directory is mounted, and one that is opened.
    let sizes = [50_000, 3_000_000];
    let contents: Vec<Vec<u8>> = sizes.iter().map(|&size| noise(size as u64, size)).collect();
    for len in [0, 1, 4096, 1_500_001, 2_999_999] {
        for (size, content) in sizes.iter().zip(&contents) {
            folder.write(&size.to_string(), content);
        }
        let router = Router::new().get("/alive", |_| Response::text("alive")).dir("/f", folder.path()).unwrap();
        let server = stage.serve(router);
        let file = File::options().write(true).open(folder.path().join("3000000")).unwrap();
        // A file that is opened after it was cut is a whole file of another length, and a file that has changed is opened
        // anew.
        let outcomes = truncate(&server, &contents, &file, len, true);
        assert!(outcomes.right.load(Ordering::Relaxed) > 0, "{outcomes:?}");
        assert!(outcomes.shorter.load(Ordering::Relaxed) > 0, "{len} bytes left: {outcomes:?}");
    }
}
