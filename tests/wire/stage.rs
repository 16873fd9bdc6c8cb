//! What a test stands on: its backend, a server that is checked to run on it, files, a process of its own.

use crate::backends;
use crate::client::Client;
use crate::system;
use badgerserver::{Backend, Builder, Event, Handle, Router, Server, Stats};
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// How long a test waits for what must happen. Far more than it takes: it only ends a test that has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Says which test may run in this process, when that is the only one.
const ALONE: &str = "BADGER_WIRE_ALONE";

/// Begins a line that a test in a process of its own says to whoever started it.
pub(crate) const MEASURED: &str = "measured: ";

/// Load from one test would be a stall in another, so those that measure time run while no other does.
static QUIET: RwLock<()> = RwLock::new(());

pub(crate) struct Stage {
    pub(crate) backend: Backend,
    /// The name of the test, as the harness knows it.
    name: &'static str,
    others: Mutex<Option<RwLockReadGuard<'static, ()>>>,
}

impl Stage {
    pub(crate) fn new(backend: Backend, path: &'static str) -> Stage {
        let name = path.split_once("::").map_or(path, |path| path.1);
        let others = QUIET.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        Stage { backend, name, others: Mutex::new(Some(others)) }
    }

    /// Waits until no other test runs in this process; none begins before this is dropped.
    pub(crate) fn quiet(&self) -> RwLockWriteGuard<'static, ()> {
        drop(self.others.lock().unwrap().take());
        QUIET.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether this process is the test's own. If it is not, one is started and its outcome is this test's.
    pub(crate) fn alone(&self) -> bool {
        if std::env::var(ALONE).is_ok_and(|name| name == self.name) {
            // A sanitizer makes everything ten times as slow.
            system::end_after(if is_sanitized() { 900 } else { 300 });
            return true;
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args([self.name, "--exact", "--nocapture", "--test-threads=1"])
            .env(ALONE, self.name)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout);
        let errors = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "in a process of its own ({}):\n{text}\n{errors}", child.status);
        assert!(text.contains("1 passed"), "no test is called {}: {text}", self.name);
        for line in text.lines() {
            if let Some(at) = line.find("skipped: ") {
                skip(&line[at + "skipped: ".len()..]);
            }
            if let Some(at) = line.find(MEASURED) {
                println!("{}", &line[at..]);
            }
        }
        false
    }

    /// The name of the test, for a process that plays a part in it.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// A builder with this stage's backend, one worker and a free port of 127.0.0.1.
    pub(crate) fn builder(&self) -> Builder {
        self.bare_builder().listen("127.0.0.1:0")
    }

    /// The same without a listener.
    pub(crate) fn bare_builder(&self) -> Builder {
        Server::builder().backend(self.backend).workers(1)
    }

    /// Starts a server and checks that it runs on the backend that this test is about.
    pub(crate) fn start(&self, builder: Builder, router: Router) -> Running {
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let handle = builder.on_event(move |event| told.lock().unwrap().push(event.clone())).start(router).unwrap();
        assert_eq!(handle.backend(), self.backend.to_string());
        Running { handle, events }
    }

    /// [`Stage::start`] with [`Stage::builder`].
    pub(crate) fn serve(&self, router: Router) -> Running {
        self.start(self.builder(), router)
    }
}

/// A server that runs, and what it told.
pub(crate) struct Running {
    pub(crate) handle: Handle,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Deref for Running {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.addresses()[0].inet().unwrap()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until the counts are as `wanted` says, and gives them.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Stats) -> bool) -> Stats {
        let mut stats = self.handle.stats();
        until(what, || {
            stats = self.handle.stats();
            wanted(&stats)
        });
        stats
    }
}

/// Waits for something that announces itself to nobody, by looking.
///
/// # Panics
/// When it has not come after [`LIMIT`].
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = if is_sanitized() { 7 * LIMIT } else { LIMIT };
    let start = Instant::now();
    let mut looks = 0;
    while !is_so() {
        assert!(start.elapsed() < limit, "waited in vain: {what}");
        looks += 1;
        if looks < 100 {
            std::thread::yield_now();
        } else {
            std::thread::park_timeout(Duration::from_micros(500));
        }
    }
}

/// Says that something was not tested here, and why.
pub(crate) fn skip(why: &str) {
    static LAST_LINE: Once = Once::new();
    LAST_LINE.call_once(|| system::at_exit(last_line));
    backends::skip(why);
}

extern "C" fn last_line() {
    if std::env::var_os(ALONE).is_none() {
        eprintln!("wire: {} skipped (run with --show-output to see why)", backends::skipped());
    }
}

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder::within(&std::env::temp_dir())
    }

    /// Beside this program, where no file system in memory is likely.
    pub(crate) fn on_disk() -> Folder {
        Folder::within(std::env::current_exe().unwrap().parent().unwrap())
    }

    fn within(folder: &Path) -> Folder {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("badger-wire-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    /// Mappings of packs.
    pub(crate) mappings: usize,
}

impl Held {
    /// Whether nothing of it is more than there.
    pub(crate) fn is_within(self, other: Held) -> bool {
        self.descriptors <= other.descriptors && self.threads <= other.threads && self.mappings <= other.mappings
    }
}

pub(crate) fn held() -> Held {
    let count = |path| std::fs::read_dir(path).unwrap().count();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mappings = maps.lines().filter(|line| line.contains(".badger")).count();
    Held { descriptors: count("/proc/self/fd"), threads: count("/proc/self/task"), mappings }
}

/// Bytes of memory that this process occupies.
pub(crate) fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// The part of them that is this process's own: without pages of files.
pub(crate) fn own_bytes() -> u64 {
    status_bytes("RssAnon:")
}

/// Whether a sanitizer is compiled in: memory and times are its own then.
pub(crate) fn is_sanitized() -> bool {
    std::env::var_os("BADGER_SANITIZED").is_some()
}

/// That memory has not grown by more than `bound`. Under a sanitizer, which keeps what was freed, it says nothing.
pub(crate) fn assert_memory(grown: u64, bound: u64, what: &str) {
    if is_sanitized() {
        return println!("not looked at, since memory is a sanitizer's: {what}");
    }
    assert!(grown < bound, "{what}: {grown} bytes of memory, {bound} are allowed");
}

fn status_bytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
