//! A gallery to browse, made and served from an empty folder: `cargo run --release --example honeybadger`.
//!
//! ```text
//! main thread:    ports are taken -> what the first screen needs is prepared -> serve -> wait until all workers have ended
//! preparing one:  the rest, on all cores but one; new content is swapped in as it comes
//! signal thread:  TERM, INT -> stop preparing, drain;  again, or before there is anything to drain -> end now
//! ```
//! `demo` invents titles and viewers, `art` draws their pictures, `prepare` makes packs of them, `site` serves those.

// Doc comments are the help text of the program.
#![allow(rustdoc::broken_intra_doc_links)]

mod art;
mod demo;
mod failure;
mod folder;
// Some of it only the program uses.
#[allow(dead_code, unused_imports)]
#[path = "../../src/bin/badger/gallery/mod.rs"]
mod gallery;
mod own;
mod prepare;
mod random;
mod site;
#[cfg(test)]
mod tests;
mod watch;

use badgerserver::poco::Layout;
use badgerserver::{Backend, Event, Handle, Pack, Server, guard_mapped_files};
use clap::{Parser, ValueEnum};
use failure::Failure;
use own::Own;
use prepare::{Content, Plan, Preparation};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;
use watch::{Bar, Watch};

/// Time that answers under way have to end.
const DRAIN_TIME: Duration = Duration::from_secs(20);

/// Prepares a gallery of films that do not exist, and serves it.
#[derive(Parser)]
#[command(name = "honeybadger")]
struct Arguments {
    /// Where to listen: 127.0.0.1:8080, [::]:8080, localhost:0 (any free port). May be given again
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: Vec<String>,
    /// Event loops [default: one for each core]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// How to talk to the kernel: auto, epoll or io_uring
    #[arg(long, env = "BADGER_BACKEND", default_value_t = Backend::Auto)]
    backend: Backend,
    /// Where what is prepared is kept [default: `honeybadger` in the target directory, or in the user's cache]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where galleries have the cards of their titles
    #[arg(long, value_enum, default_value_t = LayoutArgument::Shared)]
    layout: LayoutArgument,
    /// Titles of the demo
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    demo_titles: u32,
    /// Profiles of the demo
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    demo_profiles: u32,
    /// Your own titles in place of the demo: JSON lines, see docs/gallery.md
    #[arg(long, value_name = "T.ndjson", requires = "profiles")]
    titles: Option<PathBuf>,
    /// Your own profiles
    #[arg(long, value_name = "P.ndjson", requires = "titles")]
    profiles: Option<PathBuf>,
    /// A folder with the pictures of your titles
    #[arg(long, value_name = "DIR", requires = "titles")]
    assets: Option<PathBuf>,
}

/// The value of `--layout`.
#[derive(Clone, Copy, ValueEnum)]
enum LayoutArgument {
    /// In each gallery: one answer has all that the first screen needs
    Inline,
    /// In one catalogue that all galleries name, and that a browser keeps
    Shared,
}

impl Arguments {
    fn layout(&self) -> Layout {
        match self.layout {
            LayoutArgument::Inline => Layout::Inline,
            LayoutArgument::Shared => Layout::Shared,
        }
    }

    fn plan(&self) -> Plan {
        let size = demo::Size { titles: self.demo_titles as usize, profiles: self.demo_profiles as usize };
        Plan { size, layout: self.layout(), ..Plan::default() }
    }

    fn own(&self) -> Option<Own> {
        let (titles, profiles) = self.titles.clone().zip(self.profiles.clone())?;
        Some(Own { titles, profiles, pictures: self.assets.clone() })
    }

    fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(data_default)
    }
}

/// Beside what cargo builds when cargo built this, else where the user's programs keep what they can make again.
fn data_default() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.parent().filter(|folder| folder.ends_with("examples")).and_then(|it| it.parent()?.parent());
    if let Some(target) = target {
        return target.join("honeybadger");
    }
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    from("XDG_CACHE_HOME")
        .or_else(|| Some(from("HOME")?.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("honeybadger")
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let bar = Arc::new(Bar::new());
    match run(&arguments, &bar) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            bar.tell(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments, bar: &Arc<Bar>) -> Result<(), Failure> {
    if let Err(error) = guard_mapped_files() {
        bar.tell(&format!("packs are read without a mapping: {error}"));
    }
    let control = Arc::new(Control { bar: Arc::clone(bar), handle: Mutex::new(None) });
    control.listen()?;
    // Taken before anything is prepared: nobody waits for a port that is not to be had. Whoever connects early waits.
    let sockets = arguments.listen.iter().map(|address| bind(address)).collect::<Result<Vec<_>, _>>()?;
    let page = site::page()?;
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let watch: Arc<dyn Watch> = bar.clone();
    let (content, preparation) = match arguments.own() {
        Some(own) => (own::prepare(arguments.data().join("own"), &own, arguments.layout(), cores, &watch)?, None),
        None => {
            let preparation = Preparation::new(arguments.data().join("demo"), arguments.plan(), watch)?;
            preparation.first(cores)?;
            (preparation.content(), Some(preparation))
        }
    };
    let handle = serve(arguments, sockets, &page, &content, bar)?;
    *control.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&handle));
    let rest = preparation.filter(|preparation| !preparation.is_complete()).map(|preparation| {
        let (handle, bar) = (Arc::clone(&handle), Arc::clone(bar));
        std::thread::spawn(move || prepare_rest(preparation, &page, &handle, &bar, cores))
    });
    let served = handle.wait().map_err(|error| Failure::new(error.to_string(), "start it again"));
    bar.stop();
    if let Some(rest) = rest {
        // What it had to say it has said.
        let _ = rest.join();
    }
    served
}

fn bind(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => "another program listens there; --listen 127.0.0.1:0 takes any free port",
            ErrorKind::PermissionDenied => "ports below 1024 need a privilege; name another one with --listen",
            _ => "--listen takes addresses of this machine, like 127.0.0.1:8080 or [::]:8080",
        };
        Failure::new(format!("cannot listen on {address}: {error}"), remedy)
    })
}

fn serve(
    arguments: &Arguments,
    sockets: Vec<TcpListener>,
    page: &Pack,
    content: &Content,
    bar: &Arc<Bar>,
) -> Result<Arc<Handle>, Failure> {
    let events = Arc::clone(bar);
    let mut builder = Server::builder().backend(arguments.backend).on_event(move |event| {
        if !matches!(event, Event::Swapped { .. }) {
            events.tell(&format!("honeybadger: {event}"));
        }
    });
    for socket in sockets {
        builder = builder.listen_on(socket);
    }
    if let Some(workers) = arguments.workers {
        builder = builder.workers(workers.get());
    }
    let handle = builder
        .start(site::router(page, content)?)
        .map_err(|error| Failure::new(error.to_string(), "look at --backend, --workers and --listen"))?;
    for address in handle.addresses() {
        bar.say(&format!("listening on {address} backend={} workers={}", handle.backend(), handle.workers()));
    }
    if let Some(address) = handle.addresses().first() {
        bar.say(&format!("Open {address}/ in a browser. Ctrl-C ends it."));
    }
    Ok(Arc::new(handle))
}

/// Makes what is missing while the server runs, and swaps it in as it comes. One core is left to the server.
fn prepare_rest(mut preparation: Preparation, page: &Pack, handle: &Handle, bar: &Bar, cores: usize) {
    let done = preparation.rest((cores - 1).max(1), &mut |content| {
        let swapped = handle.swap(site::router(page, content)?);
        swapped.map(drop).map_err(|error| Failure::new(error.to_string(), "start it again"))
    });
    match done {
        Ok(()) => bar.tell("honeybadger: everything is prepared"),
        Err(Failure::Stopped) => bar.tell(&format!("honeybadger: {}", Failure::Stopped)),
        Err(failure) => bar.tell(&format!("{failure}\nhoneybadger: what there is, is still served")),
    }
}

/// What the signal thread knows.
struct Control {
    bar: Arc<Bar>,
    handle: Mutex<Option<Arc<Handle>>>,
}

impl Control {
    fn listen(self: &Arc<Control>) -> Result<(), Failure> {
        let failed =
            |error: std::io::Error| Failure::new(format!("signals: {error}"), "allow this process more threads");
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let control = Arc::clone(self);
        let watch = move || signals.forever().for_each(|signal| control.end(signal));
        std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map(drop).map_err(failed)
    }

    /// Drains; or ends the program at once, when there is nothing to drain yet or somebody asked twice. Nothing is lost by
    /// that: what is half prepared has no name.
    fn end(&self, signal: i32) {
        self.bar.stop();
        let Some(handle) = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            std::process::exit(128 + signal);
        };
        // How it ended is told by the main thread.
        std::thread::spawn(move || {
            let _ = handle.drain(DRAIN_TIME);
        });
    }
}
