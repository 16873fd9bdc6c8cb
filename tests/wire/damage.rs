//! A pack with a byte changed: it cannot be opened, or every request gets the right answer or 500. Never wrong bytes.

use crate::client::{Answer, Broken, Client, request};
use crate::content::{entry, noise, pack_bytes};
use crate::stage::{Folder, Running, Stage, until};
use badgerserver::pack::Encoding::{Br, Identity};
use badgerserver::pack::Entry;
use badgerserver::{Event, Pack, Router};
use std::fs::File;
use std::os::unix::fs::FileExt;

stamp![every_byte_of_a_small_pack, bytes_of_a_large_pack];

/// What is asked for: a path, and further lines.
type Ask = (&'static str, &'static str);

/// How often each outcome came.
#[derive(Debug, Default)]
struct Outcomes {
    not_opened: usize,
    right: usize,
    failed: usize,
}

fn ask(client: &mut Client, asks: &[Ask]) -> Result<Vec<Answer>, Broken> {
    let all: String = asks.iter().map(|ask| request("GET", &format!("/p{}", ask.0), ask.1)).collect();
    client.send(all.as_bytes());
    asks.iter().map(|_| client.answer("GET")).collect()
}

/// Serves the pack with each of `places` changed in turn.
fn flip(stage: &Stage, pack: &[u8], asks: &[Ask], places: impl Iterator<Item = usize>) -> Outcomes {
    let folder = Folder::new();
    let path = folder.write("damaged.badger", pack);
    let file = File::options().write(true).open(&path).unwrap();
    let router = || Pack::open(&path).map(|pack| Router::new().pack("/p", pack));
    let server: Running = stage.serve(router().unwrap());
    let mut client = server.connect();
    let right = ask(&mut client, asks).unwrap();
    assert!(right.iter().all(|answer| answer.status < 500));
    let mut outcomes = Outcomes::default();
    for place in places {
        let changed = pack[place] ^ (1 << (place % 8));
        file.write_all_at(&[changed], place as u64).unwrap();
        match router() {
            Err(_) => outcomes.not_opened += 1,
            Ok(router) => {
                let number = server.swap(router).unwrap();
                until("the swap", || server.stats().swaps == number - 1);
                let before = server.stats();
                let answers = ask(&mut client, asks).unwrap_or_else(|broken| panic!("byte {place}: {broken:?}"));
                let failed = answers.iter().filter(|answer| answer.status == 500).count();
                for ((answer, right), ask) in answers.iter().zip(&right).zip(asks) {
                    let is_right = answer.timeless_head() == right.timeless_head() && answer.body == right.body;
                    assert!(is_right || answer.status == 500, "byte {place}, {ask:?}: {}", answer.head);
                }
                let after = server.stats();
                assert!(
                    after.content_failures - before.content_failures >= u64::from(failed > 0),
                    "byte {place}: {failed} failed, and nothing was counted"
                );
                assert_eq!(after.responses_5xx - before.responses_5xx, failed as u64);
                outcomes.failed += failed;
                outcomes.right += answers.len() - failed;
                if answers.iter().any(Answer::says_close) {
                    client = server.connect();
                }
            }
        }
        file.write_all_at(&[pack[place]], place as u64).unwrap();
    }
    let number = server.swap(router().unwrap()).unwrap();
    until("the swap", || server.stats().swaps == number - 1);
    let again = server.connect().get(&format!("/p{}", asks[0].0));
    assert_eq!((again.timeless_head(), again.body), (right[0].timeless_head(), right[0].body.clone()));
    let told = server.events();
    assert!(told.iter().any(|event| matches!(event, Event::ContentFailed { .. })), "{told:?}");
    assert_eq!(server.stats().files_truncated, 0);
    outcomes
}

fn every_byte_of_a_small_pack(stage: &Stage) {
    let (page, packed, tiny) = (noise(1, 700), noise(2, 300), noise(3, 20));
    let both = [(Identity, &page[..]), (Br, &packed[..])];
    let empty = [(Identity, &b""[..])];
    let tiny = [(Identity, &tiny[..])];
    let pack = pack_bytes(&[
        Entry { last_modified: Some(784_111_777), ..entry("/page", &both) },
        entry("/tiny", &tiny),
        Entry { status: 301, headers: &[("Location", "page")], ..entry("/old", &empty) },
    ]);
    assert!((8_000..24_000).contains(&pack.len()), "{} bytes", pack.len());
    let asks: [Ask; 6] = [
        ("/page", ""),
        ("/page", "Accept-Encoding: br\r\n"),
        ("/page", "Range: bytes=100-199\r\n"),
        ("/tiny", ""),
        ("/old", ""),
        ("/nothing", ""),
    ];
    let outcomes = flip(stage, &pack, &asks, 0..pack.len());
    assert!(outcomes.not_opened > 1000 && outcomes.failed > 1000 && outcomes.right > 1000, "{outcomes:?}");
}

fn bytes_of_a_large_pack(stage: &Stage) {
    // Bodies that are copied, sent from the file, and checked off the loop.
    let bodies: Vec<Vec<u8>> = [1000, 60_000, 700_000].iter().map(|&len| noise(len as u64, len)).collect();
    let bodies: Vec<_> = bodies.iter().map(|body| [(Identity, body.as_slice())]).collect();
    let filler: Vec<String> = (0..300).map(|number| format!("/filler/{number}")).collect();
    let mut entries = vec![entry("/small", &bodies[0]), entry("/middle", &bodies[1]), entry("/large", &bodies[2])];
    entries.extend(filler.iter().map(|key| entry(key, &bodies[0])));
    let pack = pack_bytes(&entries);
    let asks: [Ask; 5] = [
        ("/small", ""),
        ("/middle", ""),
        ("/large", "Range: bytes=300000-300999\r\n"),
        ("/large", ""),
        ("/filler/7", ""),
    ];
    let outcomes = flip(stage, &pack, &asks, (0..pack.len()).step_by(2003));
    assert!(outcomes.not_opened > 0 && outcomes.failed > 100 && outcomes.right > 100, "{outcomes:?}");
}
