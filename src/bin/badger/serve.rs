//! `badger serve PATH...`.
//!
//! ```text
//! main thread:    read the settings, sandbox, load the content, sockets from elsewhere, start, print the addresses,
//!                 tell whom it took over from and the service manager, wait until all workers have ended
//! the others:     src/bin/badger/lifecycle.rs
//! ```

// Doc comments are the help text of the program.
#![allow(rustdoc::broken_intra_doc_links)]

use crate::access_log::{AccessFormat, AccessLog};
use crate::admin;
use crate::config::{Settings, Source, unix_mode};
use crate::control::Control;
use crate::failure::Failure;
use crate::lifecycle::{Lifecycle, Serving, thread_failure};
use crate::lines::Lines;
use crate::notify::Notify;
use crate::sandbox::{self, Needs, Strictness};
use crate::takeover;
use crate::text::say;
use crate::watch::{self, Look};
use badgerserver::sandbox::Sandbox;
use badgerserver::{
    AccessOptions, Backend, CoreChoice, Error, Event, Limits, Router, Server, TrustedProxy, guard_mapped_files,
};
use clap::{Args, ValueHint};
use std::io::ErrorKind;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

#[derive(Args, Debug, PartialEq)]
pub(crate) struct ServeArguments {
    /// Packs and directories to serve at /; the first that has a key answers it
    #[arg(required_unless_present_any = ["mounts", "config"])]
    pub(crate) paths: Vec<PathBuf>,
    /// Read settings from a file: docs/configuration.md. A flag goes before the environment, and that before the file
    #[arg(long, value_name = "FILE", env = "BADGER_CONFIG")]
    config: Option<PathBuf>,
    /// Serve a pack or directory under a prefix. May be given again
    #[arg(long = "mount", value_name = "/PREFIX=PATH", env = "BADGER_MOUNT", value_delimiter = ' ')]
    pub(crate) mounts: Vec<MountArgument>,
    /// Where to listen: 127.0.0.1:8080, [::]:8080, localhost:0 (any free port), unix:PATH, or systemd:NAME for a socket that a
    /// service manager gave by that name. May be given again. Nothing said: all sockets that were handed over, if there are any
    /// [default: 127.0.0.1:8080]
    // A default of clap's would count as said, and hide the file's.
    #[arg(long, value_name = "ADDRESS", env = "BADGER_LISTEN", value_delimiter = ' ')]
    pub(crate) listen: Vec<String>,
    /// Permissions of the files of unix sockets, like 660: who may write may connect [default: what the umask leaves]
    #[arg(long, value_name = "MODE", env = "BADGER_UNIX_MODE", value_parser = unix_mode)]
    pub(crate) unix_mode: Option<u32>,
    /// Take IPv6 clients only at IPv6 addresses; without it [::] takes IPv4 clients too
    #[arg(long, env = "BADGER_IPV6_ONLY")]
    pub(crate) ipv6_only: bool,
    /// Believe the PROXY header (version 2) of this proxy: an address, a network like 10.0.0.0/8, or unix for whoever connects to
    /// a unix socket. It must send one. May be given again
    #[arg(long, value_name = "NETWORK", env = "BADGER_PROXY_FROM", value_delimiter = ' ')]
    pub(crate) proxy_from: Vec<TrustedProxy>,
    /// Event loops [default: one for each core that they may use, by --cores, affinity and the control group's quota]
    #[arg(long, value_name = "N", env = "BADGER_WORKERS")]
    workers: Option<NonZeroUsize>,
    /// Which cores the event loops run on: all, big, little, or numbers like 0-3,6. little is the slowest kind of cores that the
    /// kernel tells of, big is all others; where there is one kind, both are all. `badger probe` shows what there is
    #[arg(long, value_name = "WHICH", env = "BADGER_CORES", default_value_t = CoreChoice::All)]
    cores: CoreChoice,
    /// Run each event loop on one core, of those of --cores
    #[arg(long, env = "BADGER_PIN")]
    pin: bool,
    /// How to talk to the kernel: auto, epoll or io_uring. auto goes by a written rule, never by a measurement, and takes epoll
    /// on every machine today; a name is that one or an error. `badger probe` shows what there is
    #[arg(long, env = "BADGER_BACKEND", default_value_t = Backend::Auto)]
    pub(crate) backend: Backend,
    /// Seconds that answers under way have to end after SIGTERM; what is left is cut
    #[arg(long, value_name = "SECONDS", env = "BADGER_DRAIN", default_value_t = 20)]
    drain: u64,
    /// Most connections of one event loop; more wait until one closes [default: 65536, or what the limit on open files allows]
    #[arg(long, value_name = "N", env = "BADGER_CONNECTIONS")]
    connections: Option<usize>,
    /// Most connections of one client address; more are answered 503. An IPv6 client is its first 64 bits, and a proxy is one
    /// client [default: 16384]
    #[arg(long, value_name = "N", env = "BADGER_CONNECTIONS_PER_ADDRESS")]
    connections_per_address: Option<usize>,
    /// Seconds that a connection may stay open between two requests [default: 60]
    #[arg(long, value_name = "SECONDS", env = "BADGER_IDLE_TIME")]
    idle_time: Option<u64>,
    /// Leave TCP connections to the kernel until their first bytes come, for about so many seconds (10 when none are given).
    /// Cheaper for each new one; but who connects and says nothing counts for no limit meanwhile: for use behind a proxy
    #[arg(long, value_name = "SECONDS", env = "BADGER_DEFER_ACCEPT", num_args = 0..=1, require_equals = true,
        default_missing_value = DEFER_ACCEPT_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=3600))]
    defer_accept: Option<u32>,
    /// Write a line for every answer to this file, or to stdout when it is -. SIGUSR1 opens the file anew, after it was renamed
    #[arg(long, value_name = "PATH", env = "BADGER_ACCESS_LOG", value_hint = ValueHint::AnyPath)]
    access_log: Option<PathBuf>,
    /// How the lines of the access log look
    #[arg(long, value_name = "FORMAT", env = "BADGER_ACCESS_FORMAT", value_enum, default_value_t = AccessFormat::Combined)]
    access_format: AccessFormat,
    /// Write a line for one answer in so many
    #[arg(long, value_name = "N", env = "BADGER_ACCESS_SAMPLE", default_value_t = NonZeroU32::MIN)]
    access_sample: NonZeroU32,
    /// Serve new content as soon as a pack was replaced, or a file in a directory or the settings have changed
    #[arg(long, env = "BADGER_WATCH")]
    watch: bool,
    /// A unix socket by which `badger reload`, and --takeover of another process, reach this server
    #[arg(long, value_name = "PATH", env = "BADGER_CONTROL", value_hint = ValueHint::AnyPath)]
    control: Option<PathBuf>,
    /// Take the listening sockets over from the server with this control socket, which ends when its clients have gone. No
    /// connection is refused meanwhile
    #[arg(long, value_name = "PATH", env = "BADGER_TAKEOVER", value_hint = ValueHint::AnyPath)]
    takeover: Option<PathBuf>,
    /// Give up what is not needed: reading other folders than those of the content, other ports, starting programs. `try`:
    /// where the kernel knows how (Landlock)
    #[arg(long, value_name = "HOW", env = "BADGER_SANDBOX", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "require")]
    sandbox: Option<Strictness>,
    /// A folder that may be read from inside the sandbox, too: one that links of the content will lead to. May be given again
    #[arg(long, value_name = "PATH", env = "BADGER_SANDBOX_READ", value_delimiter = ' ', value_hint = ValueHint::AnyPath)]
    sandbox_read: Vec<PathBuf>,
    /// Where to show how the server is doing: 127.0.0.1:9090, unix:PATH or systemd:NAME. /_badger/ is a page for people,
    /// /_badger/metrics is for Prometheus: docs/admin.md
    #[arg(long, value_name = "ADDRESS", env = "BADGER_ADMIN")]
    pub(crate) admin: Option<String>,
    /// A file with the token that these pages ask for (Authorization: Bearer). There must be one where strangers can connect
    #[arg(long, value_name = "FILE", env = "BADGER_ADMIN_TOKEN_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Say in each answer how long it took (Server-Timing), for browsers to show
    #[arg(long, env = "BADGER_SERVER_TIMING")]
    server_timing: bool,
}

/// Seconds of `--defer-accept` by itself: as long as a head may take.
const DEFER_ACCEPT_DEFAULT: &str = "10";

impl ServeArguments {
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.connections_max = self.connections.unwrap_or(limits.connections_max);
        limits.connections_per_address_max = self.connections_per_address.unwrap_or(limits.connections_per_address_max);
        limits.idle_time_max = self.idle_time.map_or(limits.idle_time_max, Duration::from_secs);
        limits
    }
}

/// The value of `--mount`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MountArgument {
    pub(crate) prefix: String,
    pub(crate) path: PathBuf,
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
pub(crate) fn run(source: Source) -> Result<ExitCode, Failure> {
    let settings = source.load()?;
    // The token may lie where the sandbox ends.
    let admin = admin::Plan::read(&settings.arguments)?;
    // Before all threads: the rules hold for those that are started later.
    let (sandbox, line) = enter_sandbox(&settings, admin.as_ref())?;
    let lines = Lines::start().map_err(thread_failure)?;
    line.into_iter().for_each(|line| lines.tell(line));
    let outcome = serve(Content { source, settings, sandbox }, admin, &lines);
    lines.flush();
    outcome
}

fn enter_sandbox(
    settings: &Settings,
    admin: Option<&admin::Plan>,
) -> Result<(Option<Sandbox>, Option<String>), Failure> {
    let arguments = &settings.arguments;
    let Some(strictness) = arguments.sandbox else { return Ok((None, None)) };
    let content: Vec<_> =
        settings.mounts.iter().map(|mount| mount.path.clone()).chain(arguments.config.clone()).collect();
    let sockets: Vec<_> = arguments.control.iter().cloned().collect();
    let of_admin = admin.map(|plan| plan.address().to_owned());
    let listen: Vec<_> = settings.listeners.iter().map(|listener| listener.0.clone()).chain(of_admin).collect();
    let written: Vec<_> = arguments.access_log.iter().filter(|path| **path != Path::new("-")).cloned().collect();
    let also = &arguments.sandbox_read;
    let tells_of_device = admin.is_some();
    let needs =
        Needs { content: &content, also, written: &written, sockets: &sockets, listen: &listen, tells_of_device };
    let (sandbox, line) = sandbox::enter(strictness, &needs)?;
    Ok((sandbox, Some(line)))
}

/// What is loaded, at the start and again.
struct Content {
    source: Source,
    /// Those that it started with.
    settings: Settings,
    sandbox: Option<Sandbox>,
}

impl Content {
    fn load(&self, settings: &Settings, lines: &Lines) -> Result<Router, Failure> {
        settings.mounts.iter().try_for_each(|mount| sandbox::check(self.sandbox.as_ref(), &mount.path))?;
        settings.router(lines)
    }

    fn load_again(&self, lines: &Lines) -> Result<Router, Failure> {
        let settings = self.source.load()?;
        if !settings.starts_as(&self.settings) {
            lines
                .tell("badger: settings beside mounts and redirects have changed; they count when badger starts again");
        }
        self.load(&settings, lines)
    }

    /// What `--watch` looks at.
    fn watched(&self) -> Vec<PathBuf> {
        let arguments = &self.settings.arguments;
        let mounts = self.settings.mounts.iter().map(|mount| mount.path.clone());
        mounts.chain(arguments.config.clone()).filter(|_| arguments.watch).collect()
    }
}

fn serve(content: Content, admin: Option<admin::Plan>, lines: &Lines) -> Result<ExitCode, Failure> {
    let arguments = &content.settings.arguments;
    let notify = Notify::from_environment()?;
    if let Err(error) = guard_mapped_files() {
        lines.tell(format_args!("badger: packs are read without a mapping: {error}"));
    }
    let access_log = arguments.access_log.as_ref().map(|path| AccessLog::open(path, lines)).transpose()?;
    let reopened = access_log.clone();
    let reopen_logs = move || reopened.iter().for_each(AccessLog::reopen);
    // Before content is loaded, which may take long.
    let (lifecycle, reloads) = Lifecycle::start(Duration::from_secs(arguments.drain), notify.clone(), reopen_logs)?;
    let watched = content.watched();
    let look = Look::at(&watched);
    let router = content.load(&content.settings, lines)?;
    // Late, so that the other server waits for nothing that takes long.
    let (taken, mut handed) = match &arguments.takeover {
        Some(path) => {
            let (taken, handed) = takeover::take(path)?;
            (Some(taken), handed)
        }
        None => (None, takeover::from_manager()?),
    };
    let pages = admin.map(|plan| plan.start(&mut handed, lines)).transpose()?;
    let events = lines.clone();
    let mut builder = Server::builder().backend(arguments.backend).on_event(move |event| tell_event(&events, event));
    builder = builder
        .limits(arguments.limits())
        .cores(arguments.cores.clone())
        .pin_workers(arguments.pin)
        .server_timing(arguments.server_timing);
    if let Some(seconds) = arguments.defer_accept {
        builder = builder.defer_accept(Duration::from_secs(seconds.into()));
    }
    if let Some(workers) = arguments.workers {
        builder = builder.workers(workers.get());
    }
    let (started, starts) = mpsc::channel();
    if let Some(log) = &access_log {
        let mut options = AccessOptions::default();
        options.sample = arguments.access_sample;
        builder = builder.on_access(options, log.hook(arguments.access_format, starts));
    }
    let (builder, labels) = takeover::listen(builder, &content.settings, handed, lines)?;
    let open = |path: &PathBuf| Control::open(path, arguments.takeover.as_deref());
    let mut control = arguments.control.as_ref().map(open).transpose()?;
    let handle = Arc::new(builder.start(router).map_err(start_failure)?);
    let control_file = control.as_mut().map(Control::publish).transpose()?;
    pages.iter().try_for_each(|pages| pages.show(&handle, lines))?;
    let (control_found, admin) = (control_file.clone(), pages.clone());
    lifecycle.started(Serving { handle: Arc::clone(&handle), labels, control: control_found, admin });
    for address in handle.addresses() {
        say(format_args!("listening on {address} backend={} workers={}", handle.backend(), handle.workers()));
    }
    drop::<mpsc::Sender<()>>(started);
    lines.tell(format_args!("badger: runs on {}: {}", handle.backend(), handle.backend_reason()));
    if !handle.cores().is_empty() {
        let numbers: Vec<_> = handle.cores().iter().map(usize::to_string).collect();
        let each = if arguments.pin { ", one each" } else { "" };
        lines.tell(format_args!("badger: workers run on cores {}{each}", numbers.join(",")));
    }
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
    lifecycle.start_reloading(reloads, lines, move || content.load_again(&for_loading))?;
    let outcome = handle.wait().map_err(|error| Failure::new(error.to_string()));
    control_file.iter().for_each(|file| file.remove());
    pages.iter().for_each(admin::Pages::end);
    outcome?;
    let stats = handle.stats();
    let (dropped, lost) = (stats.access_lines_dropped, access_log.map_or(0, |log| log.lost()));
    if dropped + lost > 0 {
        lines.tell(format_args!(
            "badger: of the access log {dropped} lines came faster than they were written, and {lost} could not be written"
        ));
    }
    lines.tell(format_args!(
        "badger: stopped after {} answers; {} connections were cut",
        stats.responses, stats.closed_by_drain
    ));
    Ok(ExitCode::SUCCESS)
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
