//! Content that has left memory while it is served: right answers, read off the loop, whoever owns the files.

use crate::client::Client;
use crate::content::{noise, pack_bytes};
use crate::stage::{Folder, Running, Stage, skip, until};
use crate::system;
use badgerserver::pack::Encoding::Identity;
use badgerserver::pack::Entry;
use badgerserver::{Pack, Router, Stats};
use memchr::memmem;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};

stamp![
    evicted_while_it_is_served,
    evicted_and_of_somebody_else,
    evicted_before_it_is_mapped,
    evicted_under_load,
    cut_after_it_was_evicted,
];

/// Copied behind the head, sent as a file, more than one window; the files of the directory are above what is packed.
const PACKED: [usize; 4] = [900, 30_000, 150_000, 3_000_000];
const FILES: [usize; 2] = [1_100_000, 2_500_000];

/// Content on a disk that tells what is in memory.
struct Site {
    folder: Folder,
    packed: Vec<Vec<u8>>,
    /// Where each of those begins in the pack.
    offsets: Vec<u64>,
    files: Vec<Vec<u8>>,
    /// Everything, to be evicted.
    open: Vec<File>,
}

impl Site {
    /// `None`, and said so: the disk does not tell.
    fn new() -> Option<Site> {
        Site::within(None)
    }

    /// `wrap` lies before and behind the payloads of the pack.
    fn within(wrap: Option<Vec<u8>>) -> Option<Site> {
        let folder = Folder::on_disk();
        let packed: Vec<_> = PACKED.iter().map(|&size| noise(size as u64, size)).collect();
        let files: Vec<_> = FILES.iter().map(|&size| noise(size as u64, size)).collect();
        let keys: Vec<String> = PACKED.iter().map(|size| format!("/{size}")).collect();
        let bodies: Vec<_> = packed.iter().map(|content| [(Identity, content.as_slice())]).collect();
        let entry = |(key, bodies): (_, _)| Entry { key, content_type: "text/plain", bodies, ..Entry::default() };
        let mut entries: Vec<_> =
            keys.iter().map(String::as_str).zip(bodies.iter().map(|body| &body[..])).map(entry).collect();
        let wraps: Vec<Vec<u8>> =
            wrap.map_or(vec![], |bytes| vec![bytes.clone(), bytes.iter().rev().copied().collect()]);
        let wraps: Vec<_> = wraps.iter().map(|bytes| [(Identity, bytes.as_slice())]).collect();
        if let [before, behind] = &wraps[..] {
            entries.insert(0, entry(("/before", &before[..])));
            entries.push(entry(("/behind", &behind[..])));
        }
        let pack = pack_bytes(&entries);
        let offsets = packed.iter().map(|content| memmem::find(&pack, content).unwrap() as u64).collect();
        let mut paths = vec![folder.write("content.badger", &pack)];
        std::fs::create_dir(folder.path().join("files")).unwrap();
        paths.extend(files.iter().map(|bytes| folder.write(&format!("files/{}", bytes.len()), bytes)));
        let open: Vec<File> = paths.iter().map(|path| File::open(path).unwrap()).collect();
        for file in &open {
            file.sync_all().unwrap();
            if !system::tells_residency(file) {
                skip("the disk of this build does not tell what is in memory");
                return None;
            }
        }
        Some(Site { folder, packed, offsets, files, open })
    }

    fn router(&self) -> Router {
        let pack = Pack::open(self.folder.path().join("content.badger")).unwrap();
        Router::new().pack("/p", pack).dir("/f", self.folder.path().join("files")).unwrap()
    }

    fn evict(&self) {
        self.open.iter().for_each(system::evict);
    }

    /// Every path with its content.
    fn paths(&self) -> Vec<(String, &[u8])> {
        let packed = self.packed.iter().map(|body| (format!("/p/{}", body.len()), body.as_slice()));
        packed.chain(self.files.iter().map(|body| (format!("/f/{}", body.len()), body.as_slice()))).collect()
    }
}

fn cold(stats: &Stats) -> u64 {
    stats.cold_reads + stats.cold_checks + stats.cold_lookups
}

/// Asks for the whole of it and for parts, all of which must be right.
fn ask(client: &mut Client, path: &str, content: &[u8]) {
    let answer = client.get(path);
    assert!(answer.status == 200 && answer.body == content, "{path}: {}", answer.head);
}

fn ask_part(client: &mut Client, path: &str, content: &[u8], first: usize, last: usize) {
    let answer = client.ask("GET", path, &format!("Range: bytes={first}-{last}\r\n"));
    assert!(answer.status == 206 && answer.body == content[first..=last], "{path} {first}-{last}: {}", answer.head);
}

/// Has everything evicted before each request; each must have been waited for elsewhere.
fn evict_and_ask(server: &Running, site: &Site) {
    let mut client = server.connect();
    // The first time it is checked, and after that it is not.
    site.paths().iter().for_each(|(path, content)| ask(&mut client, path, content));
    for (path, content) in site.paths() {
        let mut each = |ask: &mut dyn FnMut(&mut Client)| {
            let before = cold(&server.stats());
            // What was in memory a moment ago is taken to be there: not for ever.
            until(&format!("cold reads for {path}"), || {
                site.evict();
                ask(&mut client);
                cold(&server.stats()) > before
            });
        };
        each(&mut |client| ask(client, &path, content));
        each(&mut |client| ask_part(client, &path, content, 100, 800));
        each(&mut |client| ask_part(client, &path, content, content.len() / 2, content.len() - 1));
    }
    let stats = server.stats();
    assert_eq!((stats.responses_5xx, stats.files_truncated, stats.content_failures), (0, 0, 0), "{stats:?}");
    assert!(stats.cold_bytes_read > 0);
    println!("{} cold reads, {} lookups, {} bytes", stats.cold_reads, stats.cold_lookups, stats.cold_bytes_read);
}

fn evicted_while_it_is_served(stage: &Stage) {
    let Some(site) = Site::new() else { return };
    evict_and_ask(&stage.serve(site.router()), &site);
}

/// `mincore` tells such a process that everything is in memory.
fn evicted_and_of_somebody_else(stage: &Stage) {
    if !stage.alone() {
        return;
    }
    let Some(site) = Site::new() else { return };
    let router = site.router();
    let Some(_nobody) = system::Nobody::new() else { return skip("only root may become somebody else") };
    evict_and_ask(&stage.serve(router), &site);
}

/// Through a mapping: pages that were touched stay, so each pack is asked once.
fn evicted_before_it_is_mapped(stage: &Stage) {
    if !stage.alone() {
        return;
    }
    badgerserver::guard_mapped_files().unwrap();
    // What opening the pack touches, and what the kernel reads around that, is far from the payloads.
    let Some(site) = Site::within(Some(noise(1, 12 << 20))) else { return };
    // A longer one is checked by a task wherever it is.
    for ((path, content), &offset) in site.paths().into_iter().zip(&site.offsets) {
        if content.len() > 256 * 1024 {
            continue;
        }
        let router = site.router();
        system::evict_all_of(&site.open[0], offset, content.len());
        let running = stage.serve(router);
        ask(&mut running.connect(), &path, content);
        let stats = running.until(&format!("cold checks of {path}"), |stats| cold(stats) > 0);
        assert_eq!(stats.responses_5xx, 0, "{stats:?}");
    }
}

/// Many clients, some of whom leave in the middle, while everything is evicted over and over.
fn evicted_under_load(stage: &Stage) {
    let Some(site) = Site::new() else { return };
    let server = stage.serve(site.router());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (server, site, is_over) = (&server, &site, &is_over);
            scope.spawn(move || {
                let mut client = server.connect();
                for turn in number.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let paths = site.paths();
                    let (path, content) = &paths[turn % paths.len()];
                    if turn % 5 == 0 {
                        client.send(crate::client::request("GET", path, "").as_bytes());
                        client = server.connect();
                    }
                    ask(&mut client, path, content);
                }
            });
        }
        until("cold reads", || {
            site.evict();
            let stats = server.stats();
            stats.cold_reads > 100 && stats.responses > 300
        });
        is_over.store(true, Ordering::Relaxed);
    });
    let stats = server.until("everybody has left", |stats| stats.connections_open == 0);
    assert_eq!((stats.responses_5xx, stats.files_truncated, stats.content_failures), (0, 0, 0), "{stats:?}");
}

/// What is cut off cannot be read any more: 500 or a reset, and the server lives.
fn cut_after_it_was_evicted(stage: &Stage) {
    let Some(site) = Site::new() else { return };
    let server = stage.serve(site.router());
    let mut client = server.connect();
    site.paths().iter().for_each(|(path, content)| ask(&mut client, path, content));
    site.evict();
    let path = site.folder.path().join("content.badger");
    File::options().write(true).open(path).unwrap().set_len(200_000).unwrap();
    for (path, content) in site.paths() {
        let mut client = server.connect();
        if let Ok(answer) = client.try_ask("GET", &path, "") {
            let is_right = answer.status == 200 && answer.body == content;
            assert!(is_right || answer.status == 500, "{path}: {}", answer.head);
            assert!(!is_right || path.starts_with("/f/") || content.len() < 200_000, "{path} is gone");
        }
    }
    let mut client = server.connect();
    let (path, content) = &site.paths()[PACKED.len()];
    ask(&mut client, path, content);
}
