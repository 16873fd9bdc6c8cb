//! `badger serve PATH...`.
//!
//! ```text
//! main thread:    start, print the addresses, wait until all workers have ended
//! signal thread:  HUP -> build the content again, swap;  TERM, INT -> drain on a thread of its own;  again -> end now
//! ```

// Doc comments are the help text of the program.
#![allow(rustdoc::broken_intra_doc_links)]

use crate::failure::{Failure, open_failure};
use badgerserver::directory;
use badgerserver::{Backend, Error, Event, Handle, Mount, Pack, Router, Server, guard_mapped_files};
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
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
    /// Where to listen: 127.0.0.1:8080, [::]:8080, localhost:0 (any free port), unix:PATH. May be given again
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN_DEFAULT)]
    listen: Vec<String>,
    /// Event loops [default: one for each core]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// How to talk to the kernel: auto, epoll or io_uring
    #[arg(long, default_value_t = Backend::Auto)]
    backend: Backend,
    /// Seconds that answers under way have to end after SIGTERM; what is left is cut
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    drain: u64,
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
    if let Err(error) = guard_mapped_files() {
        eprintln!("badger: packs are read without a mapping: {error}");
    }
    // Before the start, so that no signal is lost; what comes meanwhile waits.
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(|error| Failure::new(format!("signal handlers: {error}")))?;
    let router = build_router(&arguments)?;
    let mut builder = Server::builder().backend(arguments.backend).on_event(tell);
    for address in &arguments.listen {
        builder = builder.listen(address);
    }
    if let Some(workers) = arguments.workers {
        builder = builder.workers(workers.get());
    }
    let handle = Arc::new(builder.start(router).map_err(start_failure)?);
    for address in handle.addresses() {
        println!("listening on {address} backend={} workers={}", handle.backend(), handle.workers());
    }
    let watched = Arc::clone(&handle);
    let watch = move || {
        let mut is_draining = false;
        for signal in signals.forever() {
            is_draining = on_signal(signal, is_draining, &watched, &arguments);
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(watch).map_err(|error| Failure::new(format!("threads: {error}")))?;
    handle.wait().map_err(|error| Failure::new(error.to_string()))?;
    let stats = handle.stats();
    eprintln!("badger: stopped after {} answers; {} connections were cut", stats.responses, stats.closed_by_drain);
    Ok(ExitCode::SUCCESS)
}

/// Acts on a signal, and says whether the server is draining now.
fn on_signal(signal: i32, is_draining: bool, handle: &Arc<Handle>, arguments: &ServeArguments) -> bool {
    if signal == SIGHUP {
        if !is_draining {
            match reload(handle, arguments) {
                Ok(generation) => eprintln!("badger: serving content generation {generation}"),
                Err(failure) => eprintln!("{failure}\nbadger: the old content is still served"),
            }
        }
        return is_draining;
    }
    if is_draining {
        // Asked twice: the person does not want to wait.
        std::process::exit(128 + signal);
    }
    let time = Duration::from_secs(arguments.drain);
    let handle = Arc::clone(handle);
    // How it ended is told by the main thread.
    let drain = move || {
        let _ = handle.drain(time);
    };
    if std::thread::Builder::new().name("drain".to_owned()).spawn(drain).is_err() {
        std::process::exit(128 + signal);
    }
    true
}

fn reload(handle: &Handle, arguments: &ServeArguments) -> Result<u64, Failure> {
    handle.swap(build_router(arguments)?).map_err(|error| Failure::new(error.to_string()))
}

fn build_router(arguments: &ServeArguments) -> Result<Router, Failure> {
    let mounts = arguments.mounts.iter().map(|mount| (mount.prefix.as_str(), mount.path.as_path()));
    let paths = arguments.paths.iter().map(|path| ("", path.as_path()));
    let mut router = Router::new();
    for (prefix, path) in mounts.chain(paths) {
        router = router.mount(open_mount(prefix, path)?);
    }
    Ok(router)
}

fn open_mount(prefix: &str, path: &Path) -> Result<Mount, Failure> {
    if !path.is_dir() {
        return Ok(Mount::pack(prefix, open_failure(Pack::open(path))?));
    }
    let failed = |error: directory::DirectoryError| Failure::new(error.to_string());
    let scan = directory::scan(path).map_err(failed)?;
    let (mount, skipped) = Mount::scanned(prefix, &scan).map_err(failed)?;
    for skipped in scan.skipped.iter().chain(&skipped) {
        eprintln!("warning: {}: {skipped}", path.display());
    }
    Ok(mount)
}

fn start_failure(error: Error) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        Error::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            failure.remedy("another program listens there; --listen names another address, and port 0 is any free one")
        }
        _ => failure,
    }
}

/// Events of the server, one line each. A swap has a line of its own already.
fn tell(event: &Event) {
    if !matches!(event, Event::Swapped { .. }) {
        eprintln!("badger: {event}");
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
