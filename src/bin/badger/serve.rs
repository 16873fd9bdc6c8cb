//! `badger serve PATH...`.
//!
//! ```text
//! main thread:    sandbox, load the content, sockets from elsewhere, start, print the addresses,
//!                 tell whom it took over from and the service manager, wait until all workers have ended
//! the others:     src/bin/badger/lifecycle.rs
//! ```

// Doc comments are the help text of the program.
#![allow(rustdoc::broken_intra_doc_links)]

use crate::control::Control;
use crate::failure::{Failure, open_failure};
use crate::lifecycle::{Lifecycle, Serving, thread_failure};
use crate::lines::Lines;
use crate::notify::Notify;
use crate::sandbox::{self, Needs, Strictness};
use crate::takeover;
use crate::text::say;
use crate::watch::{self, Look};
use badgerserver::directory::{self, DirectoryError};
use badgerserver::sandbox::Sandbox;
use badgerserver::{Backend, Error, Event, Limits, Mount, Pack, Router, Server, guard_mapped_files};
use clap::Args;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
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
    /// Where to listen: 127.0.0.1:8080, [::]:8080, localhost:0 (any free port), unix:PATH, or systemd:NAME for a socket that a
    /// service manager gave by that name. May be given again [default: 127.0.0.1:8080, or all sockets that were handed over]
    #[arg(long, value_name = "ADDRESS")]
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
    /// Serve new content as soon as a pack was replaced or a file in a directory has changed
    #[arg(long)]
    watch: bool,
    /// A unix socket by which `badger reload`, and --takeover of another process, reach this server
    #[arg(long, value_name = "PATH", env = "BADGER_CONTROL")]
    control: Option<PathBuf>,
    /// Take the listening sockets over from the server with this control socket, which ends when its clients have gone. No
    /// connection is refused meanwhile
    #[arg(long, value_name = "PATH")]
    takeover: Option<PathBuf>,
    /// Give up what is not needed: reading other folders than those of the content, other ports, starting programs. `try`:
    /// where the kernel knows how (Landlock)
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "require")]
    sandbox: Option<Strictness>,
    /// A folder that may be read from inside the sandbox, too: one that links of the content will lead to. May be given again
    #[arg(long, value_name = "PATH", requires = "sandbox")]
    sandbox_read: Vec<PathBuf>,
}

/// Seconds of `--defer-accept` by itself: as long as a head may take.
const DEFER_ACCEPT_DEFAULT: &str = "10";

impl ServeArguments {
    /// The packs and directories.
    fn content(&self) -> impl Iterator<Item = &Path> {
        self.mounts.iter().map(|mount| &mount.path).chain(&self.paths).map(PathBuf::as_path)
    }

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

/// Serves until a signal ends it, or another process has taken over.
pub(crate) fn run(arguments: ServeArguments) -> Result<ExitCode, Failure> {
    // First of all: the rules hold for threads that are started later.
    let (sandbox, line) = enter_sandbox(&arguments)?;
    let lines = Lines::start().map_err(thread_failure)?;
    line.into_iter().for_each(|line| lines.tell(line));
    let outcome = serve(Content { arguments, sandbox }, &lines);
    lines.flush();
    outcome
}

fn enter_sandbox(arguments: &ServeArguments) -> Result<(Option<Sandbox>, Option<String>), Failure> {
    let Some(strictness) = arguments.sandbox else { return Ok((None, None)) };
    let content: Vec<_> = arguments.content().map(Path::to_owned).collect();
    let sockets: Vec<_> = arguments.control.iter().cloned().collect();
    let default = [LISTEN_DEFAULT.to_owned()];
    let listen = if arguments.listen.is_empty() { &default } else { &arguments.listen[..] };
    let needs = Needs { content: &content, also: &arguments.sandbox_read, written: &[], sockets: &sockets, listen };
    let (sandbox, line) = sandbox::enter(strictness, &needs)?;
    Ok((sandbox, Some(line)))
}

/// What is loaded, at the start and again.
struct Content {
    arguments: ServeArguments,
    sandbox: Option<Sandbox>,
}

fn serve(content: Content, lines: &Lines) -> Result<ExitCode, Failure> {
    let arguments = &content.arguments;
    let drain_time = Duration::from_secs(arguments.drain);
    let notify = Notify::from_environment()?;
    if let Err(error) = guard_mapped_files() {
        lines.tell(format_args!("badger: packs are read without a mapping: {error}"));
    }
    // Before content is loaded, which may take long.
    let (lifecycle, reloads) = Lifecycle::start(drain_time, notify.clone())?;
    let watched: Vec<_> = arguments.content().map(Path::to_owned).filter(|_| arguments.watch).collect();
    let look = Look::at(&watched);
    let router = content.load(lines)?;
    // Late, so that the other server waits for nothing that takes long.
    let (taken, handed) = match &arguments.takeover {
        Some(path) => {
            let (taken, handed) = takeover::take(path)?;
            (Some(taken), handed)
        }
        None => (None, takeover::from_manager()?),
    };
    let events = lines.clone();
    let mut builder = Server::builder().backend(arguments.backend).on_event(move |event| tell_event(&events, event));
    builder = builder.limits(arguments.limits()).pin_workers(arguments.pin);
    if let Some(seconds) = arguments.defer_accept {
        builder = builder.defer_accept(Duration::from_secs(seconds.into()));
    }
    if let Some(workers) = arguments.workers {
        builder = builder.workers(workers.get());
    }
    let (builder, labels) = takeover::listen(builder, &arguments.listen, LISTEN_DEFAULT, handed, lines)?;
    let open = |path: &PathBuf| Control::open(path, arguments.takeover.as_deref());
    let mut control = arguments.control.as_ref().map(open).transpose()?;
    let handle = Arc::new(builder.start(router).map_err(start_failure)?);
    let control_file = control.as_mut().map(Control::publish).transpose()?;
    lifecycle.started(Serving { handle: Arc::clone(&handle), labels, control: control_file.clone() });
    for address in handle.addresses() {
        say(format_args!("listening on {address} backend={} workers={}", handle.backend(), handle.workers()));
    }
    lines.tell(format_args!("badger: runs on {}: {}", handle.backend(), handle.backend_reason()));
    if let Some(control) = control {
        control.start(&lifecycle, lines)?;
    }
    let status = format!("serving with {} workers on {}", handle.workers(), handle.backend());
    match taken {
        Some(taken) => {
            taken.serves(lines);
            notify.ready_instead(&status);
        }
        None => notify.ready(&status),
    }
    notify.start_watchdog(&handle).map_err(thread_failure)?;
    if arguments.watch {
        watch::start(&lifecycle, watched, look)?;
    }
    let for_loading = lines.clone();
    lifecycle.start_reloading(reloads, lines, move || content.load(&for_loading))?;
    let outcome = handle.wait().map_err(|error| Failure::new(error.to_string()));
    control_file.iter().for_each(|file| file.remove());
    outcome?;
    let stats = handle.stats();
    lines.tell(format_args!(
        "badger: stopped after {} answers; {} connections were cut",
        stats.responses, stats.closed_by_drain
    ));
    Ok(ExitCode::SUCCESS)
}

impl Content {
    fn load(&self, lines: &Lines) -> Result<Router, Failure> {
        let mounts = self.arguments.mounts.iter().map(|mount| (mount.prefix.as_str(), mount.path.as_path()));
        let paths = self.arguments.paths.iter().map(|path| ("", path.as_path()));
        let mut router = Router::new();
        for (prefix, path) in mounts.chain(paths) {
            sandbox::check(self.sandbox.as_ref(), path)?;
            router = router.mount(open_mount(prefix, path, lines)?);
        }
        Ok(router)
    }
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
