//! A server that nobody asks does nothing: no tick, no poll, nothing that would keep a processor from its sleep.
//!
//! What takes a while by itself, and tells when it is over, is a second server that closes an idle connection.

use crate::client::Client;
use crate::content;
use crate::stage::{Folder, Running, Stage};
use badgerserver::{Limits, Response, Router};
use std::fs;
use std::time::Duration;

stamp![idle_connections_wake_nobody];

/// Of the second server.
const PAUSE: Duration = Duration::from_secs(1);
/// Pauses in which something may be left over from before; what ticks is found in all of them.
const PAUSES_MAX: usize = 6;

/// A pack with a small body and one that is not copied, and the name of the thread that answers.
fn router(folder: &Folder) -> Router {
    let pack = content::sizes(folder, &[5000, 300_000]).0;
    let thread = || fs::read_link("/proc/thread-self").unwrap().into_os_string().into_string().unwrap();
    Router::new().pack("/pack", pack).get("/thread", move |_| Response::text(thread()))
}

/// How often the kernel has put this thread to sleep.
fn sleeps(thread: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

fn idle_connections_wake_nobody(stage: &Stage) {
    let (folder, other_folder) = (Folder::new(), Folder::new());
    let running = stage.serve(router(&folder));
    let mut clients: Vec<Client> = (0..5).map(|_| running.connect()).collect();
    let mut thread = String::new();
    for client in &mut clients {
        assert_eq!(client.get("/pack/5000").body.len(), 5000);
        assert_eq!(client.get("/pack/300000").body.len(), 300_000);
        thread = String::from_utf8(client.get("/thread").body).unwrap();
    }
    let mut limits = Limits::default();
    limits.idle_time_max = PAUSE;
    let other = stage.start(stage.builder().limits(limits), router(&other_folder));
    let woken = |running: &Running| (running.stats().wakeups, sleeps(&thread));
    let mut seen = Vec::new();
    for _ in 0..PAUSES_MAX {
        let before = woken(&running);
        let mut pause = other.connect();
        pause.get("/pack/5000");
        pause.assert_end();
        let after = woken(&running);
        seen.push((before, after));
        if before == after {
            assert_eq!(running.stats().connections_open, 5);
            // It was not stuck either.
            assert_eq!(clients[0].get("/pack/5000").status, 200);
            assert!(running.stats().wakeups > after.0);
            return;
        }
    }
    panic!("it never sleeps for {PAUSE:?}: returns of the wait, and sleeps of its thread, {seen:?}");
}
