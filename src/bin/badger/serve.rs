//! `badger serve PATH...`.
//!
//! ```text
//! main thread:    load the content, start, print the addresses, wait until all workers have ended
//! signal thread:  from before the content is loaded:
//!                 HUP -> ask for a reload;  TERM, INT -> drain on a thread of its own;  again, or too early -> end now
//! reload thread:  load the content again, swap; what is asked for meanwhile is one more reload
//! ```

// Doc comments are the help text of the program.
#![allow(rustdoc::broken_intra_doc_links)]

use crate::failure::{Failure, open_failure};
use crate::lines::Lines;
use crate::text::say;
use badgerserver::directory::{self, DirectoryError};
use badgerserver::{Address, Backend, Error, Event, Handle, Limits, Mount, Pack, Router, Server, guard_mapped_files};
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where it listens when nothing is said: this machine only.
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

#[derive(Args)]
pub(crate) struct ServeArguments {
    /// Packs and directories to serve at /; the first that has a key answers it
    #[arg(required_unless_present = "mounts")]
    paths: Vec<PathBuf>,
    /// Serve a pack or directory under a prefix. May be given again
    #[arg(long = "mount", value_name = "/PREFIX=PATH")]
    mounts: Vec<MountArgument>,
    /// Where to listen: 127.0.0.1:8080, [::]:8080, localhost:0 (any free port), unix:PATH. May be given again
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN_DEFAULT)]
    listen: Vec<String>,
    /// Event loops [default: one for each core that this process may use, by its affinity and its control group's quota]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Run each event loop on one core
    #[arg(long)]
    pin: bool,
    /// How to talk to the kernel: auto, epoll or io_uring. auto goes by a written rule, never by a measurement, and takes epoll
    /// on every machine today; a name is that one or an error. `badger probe` shows what there is
    #[arg(long, env = "BADGER_BACKEND", default_value_t = Backend::Auto)]
    backend: Backend,
    /// Seconds that answers under way have to end after SIGTERM; what is left is cut
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    drain: u64,
    /// Most connections of one event loop; more wait until one closes [default: 65536, or what the limit on open files allows]
    #[arg(long, value_name = "N")]
    connections: Option<usize>,
    /// Most connections of one client address; more are answered 503. An IPv6 client is its first 64 bits, and a proxy is one
    /// client [default: 16384]
    #[arg(long, value_name = "N")]
    connections_per_address: Option<usize>,
    /// Seconds that a connection may stay open between two requests [default: 60]
    #[arg(long, value_name = "SECONDS")]
    idle_time: Option<u64>,
    /// Leave TCP connections to the kernel until their first bytes come, for about so many seconds (10 when none are given).
    /// Cheaper for each new one; but who connects and says nothing counts for no limit meanwhile: for use behind a proxy
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
        default_missing_value = DEFER_ACCEPT_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=3600))]
    defer_accept: Option<u32>,
}

/// Seconds of `--defer-accept` by itself: as long as a head may take.
const DEFER_ACCEPT_DEFAULT: &str = "10";

impl ServeArguments {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.connections_max = self.connections.unwrap_or(limits.connections_max);
        limits.connections_per_address_max = self.connections_per_address.unwrap_or(limits.connections_per_address_max);
        limits.idle_time_max = self.idle_time.map_or(limits.idle_time_max, Duration::from_secs);
        limits
    }
}

/// The value of `--mount`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MountArgument {
    prefix: String,
    path: PathBuf,
}

impl FromStr for MountArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<MountArgument, &'static str> {
        match text.split_once('=') {
            Some((prefix, path)) if prefix.starts_with('/') && !path.is_empty() => {
                Ok(MountArgument { prefix: prefix.to_owned(), path: path.into() })
            }
            _ => Err("write it like /assets=public: the prefix, from its slash on, and a pack or directory"),
        }
    }
}

/// Serves until a signal ends it.
pub(crate) fn run(arguments: ServeArguments) -> Result<ExitCode, Failure> {
    let lines = Lines::start().map_err(thread_failure)?;
    let outcome = serve(Arc::new(arguments), &lines);
    lines.flush();
    outcome
}

fn serve(arguments: Arc<ServeArguments>, lines: &Lines) -> Result<ExitCode, Failure> {
    if let Err(error) = guard_mapped_files() {
        lines.tell(format_args!("badger: packs are read without a mapping: {error}"));
    }
    // Before content is loaded, which may take long.
    let control = Arc::new(Control::default());
    let reloads = control.listen(arguments.drain)?;
    let router = build_router(&arguments, lines)?;
    let events = lines.clone();
    let mut builder = Server::builder().backend(arguments.backend).on_event(move |event| tell_event(&events, event));
    for address in &arguments.listen {
        builder = builder.listen(address);
    }
    builder = builder.limits(arguments.limits()).pin_workers(arguments.pin);
    if let Some(seconds) = arguments.defer_accept {
        builder = builder.defer_accept(Duration::from_secs(seconds.into()));
    }
    if let Some(workers) = arguments.workers {
        builder = builder.workers(workers.get());
    }
    let handle = Arc::new(builder.start(router).map_err(start_failure)?);
    control.started(&handle);
    for address in handle.addresses() {
        say(format_args!("listening on {address} backend={} workers={}", handle.backend(), handle.workers()));
    }
    lines.tell(format_args!("badger: runs on {}: {}", handle.backend(), handle.backend_reason()));
    {
        let (handle, lines) = (Arc::clone(&handle), lines.clone());
        let reload_each = move || reloads.iter().for_each(|()| reload(&handle, &arguments, &control, &lines));
        std::thread::Builder::new().name("reload".to_owned()).spawn(reload_each).map_err(thread_failure)?;
    }
    handle.wait().map_err(|error| Failure::new(error.to_string()))?;
    let stats = handle.stats();
    lines.tell(format_args!(
        "badger: stopped after {} answers; {} connections were cut",
        stats.responses, stats.closed_by_drain
    ));
    Ok(ExitCode::SUCCESS)
}

/// What the signal thread knows.
#[derive(Default)]
struct Control(Mutex<Phase>);

#[derive(Default)]
enum Phase {
    /// Content is being loaded.
    #[default]
    Starting,
    Serving(Arc<Handle>, Vec<SocketFile>),
    Draining(Vec<SocketFile>),
}

/// A unix socket that the server made, with its device and inode: only while it is still that one is it ours to remove.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn find(address: &Address) -> Option<SocketFile> {
        let Address::Unix(Some(path)) = address else { return None };
        let identity = SocketFile::identity(path)?;
        Some(SocketFile { path: path.clone(), identity })
    }

    fn identity(path: &Path) -> Option<(u64, u64)> {
        path.symlink_metadata().ok().map(|found| (found.dev(), found.ino()))
    }

    fn remove(&self) {
        if SocketFile::identity(&self.path) == Some(self.identity) {
            // The program ends: nobody is left to tell.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Control {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens for signals from now on. What is received is that content is to be loaded again; there is room for one:
    /// what is asked for during a reload is one more reload after it.
    fn listen(self: &Arc<Control>, drain_seconds: u64) -> Result<Receiver<()>, Failure> {
        let failed = |error| Failure::new(format!("signal handlers: {error}"));
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(failed)?;
        let (reload, reloads) = sync_channel(1);
        let control = Arc::clone(self);
        let watch = move || {
            for signal in signals.forever() {
                if signal == SIGHUP {
                    // Full: a reload that begins later sees what this one would.
                    let _ = reload.try_send(());
                } else {
                    control.end(signal, Duration::from_secs(drain_seconds));
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map_err(thread_failure)?;
        Ok(reloads)
    }

    fn started(&self, handle: &Arc<Handle>) {
        let sockets = handle.addresses().iter().filter_map(SocketFile::find).collect();
        *self.phase() = Phase::Serving(Arc::clone(handle), sockets);
    }

    fn is_draining(&self) -> bool {
        matches!(*self.phase(), Phase::Draining(_))
    }

    /// Drains, or ends the program at once: there is nothing to drain yet, or the person asked twice and does not want to
    /// wait.
    fn end(&self, signal: i32, time: Duration) {
        let mut phase = self.phase();
        match std::mem::take(&mut *phase) {
            Phase::Serving(handle, sockets) => {
                *phase = Phase::Draining(sockets);
                // How it ended is told by the main thread.
                let drain = move || {
                    let _ = handle.drain(time);
                };
                if std::thread::Builder::new().name("drain".to_owned()).spawn(drain).is_ok() {
                    return;
                }
            }
            Phase::Draining(sockets) => sockets.iter().for_each(SocketFile::remove),
            Phase::Starting => {}
        }
        std::process::exit(128 + signal)
    }
}

fn reload(handle: &Handle, arguments: &ServeArguments, control: &Control, lines: &Lines) {
    if control.is_draining() {
        return;
    }
    let loaded = build_router(arguments, lines);
    if control.is_draining() {
        return;
    }
    match loaded.and_then(|router| handle.swap(router).map_err(|error| Failure::new(error.to_string()))) {
        Ok(generation) => lines.tell(format_args!("badger: serving content generation {generation}")),
        Err(failure) => lines.tell(format_args!("{failure}\nbadger: the old content is still served")),
    }
}

fn thread_failure(error: std::io::Error) -> Failure {
    Failure::new(format!("threads: {error}"))
}

fn build_router(arguments: &ServeArguments, lines: &Lines) -> Result<Router, Failure> {
    let mounts = arguments.mounts.iter().map(|mount| (mount.prefix.as_str(), mount.path.as_path()));
    let paths = arguments.paths.iter().map(|path| ("", path.as_path()));
    let mut router = Router::new();
    for (prefix, path) in mounts.chain(paths) {
        router = router.mount(open_mount(prefix, path, lines)?);
    }
    Ok(router)
}

fn open_mount(prefix: &str, path: &Path, lines: &Lines) -> Result<Mount, Failure> {
    if !path.is_dir() {
        let pack = open_failure(Pack::open(path))?;
        let mount = if Mount::is_gallery(&pack) { Mount::gallery(prefix, pack) } else { Mount::pack(prefix, pack) };
        return Ok(mount);
    }
    let failed = |error: DirectoryError| {
        let failure = Failure::new(error.to_string());
        match error {
            DirectoryError::Temporary { .. } => failure
                .remedy("make room there, or set TMPDIR to a folder with room; a pack that is made before needs none"),
            DirectoryError::TooMany { .. } => failure,
            _ => failure.remedy("name a directory that can be read"),
        }
    };
    let scan = directory::scan(path).map_err(failed)?;
    let (mount, skipped) = Mount::scanned(prefix, &scan).map_err(failed)?;
    for skipped in scan.skipped.iter().chain(&skipped) {
        lines.tell(format_args!("warning: {}: {skipped}", path.display()));
    }
    Ok(mount)
}

fn start_failure(error: Error) -> Failure {
    let failure = Failure::new(error.to_string());
    let (address, source) = match error {
        Error::Listen { address, source } => (address, source),
        Error::Limit(_) => return failure.remedy("`badger serve --help` has the flag of that limit and its default"),
        _ => return failure,
    };
    match (address.strip_prefix("unix:"), source.kind()) {
        (Some(""), _) => failure.remedy("a path follows the colon: unix:/run/badger.sock"),
        (Some(_), ErrorKind::AddrInUse) => {
            failure.remedy("another program listens there; stop it, or name another path with --listen")
        }
        (Some(_), ErrorKind::AlreadyExists) => failure.remedy("remove that file, or name another path with --listen"),
        (Some(path), _) => {
            let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).display();
            failure.remedy(format!("{folder} must be a folder that can be written, and the whole path below 108 bytes"))
        }
        (None, ErrorKind::AddrInUse) => {
            failure.remedy("another program listens there; --listen names another address, and port 0 is any free one")
        }
        (None, ErrorKind::PermissionDenied) => {
            failure.remedy("ports below 1024 need a privilege; --listen names another address, like 127.0.0.1:8080")
        }
        (None, ErrorKind::AddrNotAvailable) => {
            failure.remedy("no interface of this machine has that address; [::] and 0.0.0.0 stand for all of them")
        }
        _ => failure.remedy("--listen takes addresses like 127.0.0.1:8080, [::]:8080 or unix:/run/badger.sock"),
    }
}

/// Events of the server, one line each. A swap has a line of its own already.
fn tell_event(lines: &Lines, event: &Event) {
    if !matches!(event, Event::Swapped { .. }) {
        lines.tell(format_args!("badger: {event}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts() {
        let mount = |prefix: &str, path: &str| MountArgument { prefix: prefix.to_owned(), path: path.into() };
        assert_eq!("/a=b=c".parse(), Ok(mount("/a", "b=c")));
        assert_eq!("/=site".parse(), Ok(mount("/", "site")));
        for text in ["a=b", "/a", "/a=", "="] {
            assert!(text.parse::<MountArgument>().is_err(), "{text}");
        }
    }
}
