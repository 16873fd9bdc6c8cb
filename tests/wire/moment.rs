//! Galleries with the order of their moment: what a visit moves over a socket, and a workload whose bytes have left memory.

use crate::client::{Client, request};
use crate::content::{noise, pack_bytes};
use crate::stage::{Folder, Running, Stage, skip, until};
use crate::system;
use badgerserver::pack::Encoding::Identity;
use badgerserver::pack::Entry;
use badgerserver::poco::*;
use badgerserver::{Mount, Pack, Router};
use std::fs::File;

stamp![the_next_visit_of_a_warm_viewer, a_workload_whose_bytes_are_cold];

const NOW: u32 = 1_790_020_800;

/// A gallery with its cards inside: some hundred kilobytes.
fn gallery() -> Vec<u8> {
    let item = |card| Item { card, match_score: None };
    let play = |card: u32| Play { card, fraction_watched: 100, last_play: NOW - card * 5000, ..Play::default() };
    let row = |id: u32| Row {
        id,
        name: format!("Row {id}"),
        kind: if id == 3 { RowKind::ContinueWatching } else { RowKind::Genre },
        items: (0..75).map(item).collect(),
    };
    let card = |id: u32| Card { id: id + 1, name: format!("The title with the number {id}"), ..Card::default() };
    let gallery = Gallery {
        layout: Layout::Inline,
        made_at: NOW,
        profile: "ada".into(),
        cards: (0..1500).map(card).collect(),
        rows: (0..40).map(row).collect(),
        plays: (0..99).map(play).collect(),
        ..Gallery::default()
    };
    gallery.to_record().unwrap()
}

fn the_next_visit_of_a_warm_viewer(stage: &Stage) {
    let folder = Folder::new();
    let record = gallery();
    let body = [(Identity, &record[..])];
    let entries = ["/gallery/ada", "/gallery/default"];
    let entries = entries.map(|key| Entry { key, content_type: GALLERY_MEDIA_TYPE, bodies: &body, ..Entry::default() });
    let path = folder.write("gallery.badger", &pack_bytes(&entries));
    let server = stage.serve(Router::new().mount(Mount::gallery("/", Pack::open(path).unwrap())));
    let mut client = server.connect();
    let target = format!("/gallery/ada?now={NOW}&device=tv");
    let first = client.get(&target);
    assert!(first.status == 200 && first.body == record && record.len() > 100_000, "{}", first.head);
    // What a browser says of itself by the way.
    let agent = "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.79 Safari/537.36 WebAppManager";
    let lines = format!("User-Agent: {agent}\r\nIf-None-Match: {}\r\n", first.field("ETag").unwrap());
    let target = format!("/gallery/ada?now={}&device=phone", NOW + 20 * 3600);
    let before = server.stats();
    let next = client.ask("GET", &target, &lines);
    let after = server.stats();
    assert!(next.status == 304 && next.body.is_empty(), "{}", next.head);
    assert_ne!(next.field("Badger-Order").unwrap(), first.field("Badger-Order").unwrap());
    // All that the socket carried, there and back.
    let sent = request("GET", &target, &lines).len();
    let moved = sent + next.head.len();
    assert!(moved < 1024, "{moved} bytes");
    println!("{sent} bytes there, {} back, for a gallery of {} bytes", next.head.len(), record.len());
    assert_eq!(after.responses - before.responses, 1);
    client.assert_nothing_more();
}

/// Asks for the sums of stretches by a head alone, so that nobody but the workload reads the payload.
fn sums(client: &mut Client, body: &[u8], reads: &[(usize, usize)]) {
    let query: Vec<String> = reads.iter().map(|(offset, bytes)| format!("{offset}-{bytes}")).collect();
    let answer = client.ask("HEAD", &format!("/p/body?{}", query.join(",")), "");
    let meant: Vec<String> = reads.iter().map(|(offset, bytes)| sum(&body[*offset..offset + bytes])).collect();
    assert_eq!((answer.status, answer.field("Sums")), (200, Some(&meant.join(" ")[..])), "{}", answer.head);
}

fn sum(bytes: &[u8]) -> String {
    bytes.iter().fold(0_u64, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte)).to_string()
}

fn router(pack: Pack) -> Router {
    Router::new().mount(Mount::pack("/p", pack).workload("/", "Sums", |request, payload, value| {
        for (index, stretch) in request.query().unwrap_or_default().split(',').enumerate() {
            let (offset, bytes) = stretch.split_once('-').unwrap();
            value.push_str(if index == 0 { "" } else { " " });
            value.push_str(&sum(payload.read(offset.parse().unwrap(), bytes.parse().unwrap())?));
        }
        Ok(())
    }))
}

fn cold(server: &Running) -> u64 {
    let stats = server.stats();
    stats.cold_reads + stats.cold_checks
}

/// Each stretch is waited for elsewhere, and the workload begins again, until all of them are there.
fn a_workload_whose_bytes_are_cold(stage: &Stage) {
    let folder = Folder::on_disk();
    let body = noise(8, 3_000_000);
    let bodies = [(Identity, &body[..])];
    let entry = Entry { key: "/body", content_type: "text/plain", bodies: &bodies, ..Entry::default() };
    let path = folder.write("content.badger", &pack_bytes(&[entry]));
    let file = File::open(&path).unwrap();
    file.sync_all().unwrap();
    if !system::tells_residency(&file) {
        return skip("the disk of this build does not tell what is in memory");
    }
    let server = stage.serve(router(Pack::open(&path).unwrap()));
    let mut client = server.connect();
    let reads = [(0, 300), (700_000, 20_000), (1_500_000, 9), (2_999_000, 1000), (700_100, 50)];
    // Not checked yet, and then checked.
    sums(&mut client, &body, &reads);
    let before = cold(&server);
    until("cold reads of a workload", || {
        system::evict(&file);
        sums(&mut client, &body, &reads);
        cold(&server) > before + 2
    });
    let stats = server.stats();
    assert_eq!((stats.responses_5xx, stats.content_failures, stats.files_truncated), (0, 0, 0), "{stats:?}");
    assert!(stats.cold_bytes_read > 0, "{stats:?}");
}
