//! From the first signal handler to the end: what the threads around a server know of it.
//!
//! ```text
//! signal thread:   HUP -> ask for a reload;  USR1 -> open logs anew;  TERM, INT -> drain on a thread of its own;  again, or too early -> end now
//! reload thread:   load the content again, swap; what is asked for meanwhile is one more reload
//! control thread:  reload, and wait for its outcome;  a new process has taken over -> hand over on a thread of its own
//! watch thread:    content has changed -> ask for a reload
//! ```

use crate::admin::Pages;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::notify::Notify;
use badgerserver::{Address, Handle, Router};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Reloads that may be asked for while one goes on; they become one. Who finds no room is served by those that did.
const WAITING_RELOADS_MAX: usize = 64;

/// How long a reload waits for event loops to take new content up. A handler may hold one.
const ADOPT_TIME_MAX: Duration = Duration::from_secs(1);

/// Whoever asked for a reload and wants to know its outcome: the number of the content, or why it was refused.
type Reply = Sender<Result<u64, String>>;

/// What the threads share.
pub(crate) struct Lifecycle {
    phase: Mutex<Phase>,
    reload: SyncSender<Option<Reply>>,
    drain_time: Duration,
    notify: Notify,
}

#[derive(Default)]
enum Phase {
    /// Content is being loaded.
    #[default]
    Starting,
    Serving(Serving),
    /// The files are removed if it has to end at once.
    Draining(Vec<SocketFile>),
}

/// A server that runs.
pub(crate) struct Serving {
    pub(crate) handle: Arc<Handle>,
    /// What was said to have each of its listeners, in their order.
    pub(crate) labels: Vec<String>,
    pub(crate) control: Option<SocketFile>,
    pub(crate) admin: Option<Pages>,
}

/// A unix socket that this process made, with its device and inode: only while it is still that one is it ours to remove.
#[derive(Clone)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    pub(crate) fn find(path: &Path) -> Option<SocketFile> {
        let identity = SocketFile::identity(path)?;
        Some(SocketFile { path: path.to_owned(), identity })
    }

    fn identity(path: &Path) -> Option<(u64, u64)> {
        path.symlink_metadata().ok().map(|found| (found.dev(), found.ino()))
    }

    pub(crate) fn remove(&self) {
        if SocketFile::identity(&self.path) == Some(self.identity) {
            // The program ends: nobody is left to tell.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Lifecycle {
    /// Listens for signals from now on. What is received are reloads that are asked for. `reopen_logs` must not block.
    ///
    /// # Errors
    /// Signal handlers or threads cannot be had.
    #[allow(clippy::type_complexity)] // a pair of what goes to two threads
    pub(crate) fn start(
        drain_time: Duration,
        notify: Notify,
        reopen_logs: impl Fn() + Send + 'static,
    ) -> Result<(Arc<Lifecycle>, Receiver<Option<Reply>>), Failure> {
        let failed = |error| Failure::new(format!("signal handlers: {error}"));
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1]).map_err(failed)?;
        let (reload, reloads) = sync_channel(WAITING_RELOADS_MAX);
        let lifecycle = Arc::new(Lifecycle { phase: Mutex::default(), reload, drain_time, notify });
        let listening = Arc::clone(&lifecycle);
        let listen = move || {
            for signal in signals.forever() {
                match signal {
                    SIGHUP => listening.ask_for_reload(),
                    SIGUSR1 => reopen_logs(),
                    _ => listening.end(signal),
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map_err(thread_failure)?;
        Ok((lifecycle, reloads))
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It serves.
    pub(crate) fn started(&self, serving: Serving) {
        *self.phase() = Phase::Serving(serving);
    }

    /// Calls with the server, while it serves.
    pub(crate) fn with_serving<T>(&self, call: impl FnOnce(&Serving) -> T) -> Option<T> {
        match &*self.phase() {
            Phase::Serving(serving) => Some(call(serving)),
            Phase::Starting | Phase::Draining(_) => None,
        }
    }

    fn is_draining(&self) -> bool {
        matches!(*self.phase(), Phase::Draining(_))
    }

    pub(crate) fn ask_for_reload(&self) {
        // Full: a reload that begins later sees what this one would.
        let _ = self.reload.try_send(None);
    }

    /// Has the content loaded again, and waits for the outcome.
    pub(crate) fn reload(&self) -> Result<u64, String> {
        let stopping = || "the server is stopping".to_owned();
        let (reply, outcome) = channel();
        self.reload.send(Some(reply)).map_err(|_| stopping())?;
        outcome.recv().map_err(|_| stopping())?
    }

    /// Loads content again whenever it is asked for.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start_reloading(
        self: &Arc<Lifecycle>,
        reloads: Receiver<Option<Reply>>,
        lines: &Lines,
        load: impl Fn() -> Result<Router, Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let (lifecycle, lines) = (Arc::clone(self), lines.clone());
        let reload_each = move || {
            while let Ok(first) = reloads.recv() {
                let mut replies = vec![first];
                replies.extend(reloads.try_iter());
                let outcome = lifecycle.load_and_swap(&load, &lines);
                for reply in replies.into_iter().flatten() {
                    // Whoever asked may have gone.
                    let _ = reply.send(outcome.clone());
                }
            }
        };
        std::thread::Builder::new().name("reload".to_owned()).spawn(reload_each).map_err(thread_failure)?;
        Ok(())
    }

    fn load_and_swap(&self, load: impl Fn() -> Result<Router, Failure>, lines: &Lines) -> Result<u64, String> {
        let stopping = || Err("the server is stopping".to_owned());
        let Some(handle) = self.with_serving(|serving| Arc::clone(&serving.handle)) else { return stopping() };
        self.notify.reloading();
        let loaded = load();
        if self.is_draining() {
            return stopping();
        }
        let outcome = loaded.and_then(|router| handle.swap(router).map_err(|error| Failure::new(error.to_string())));
        match outcome {
            Ok(generation) => {
                // So that whoever asked for it is answered from it.
                handle.answers_within(ADOPT_TIME_MAX);
                lines.tell(format_args!("badger: serving content generation {generation}"));
                self.notify.ready(&format!("serving content generation {generation}"));
                Ok(generation)
            }
            Err(failure) => {
                lines.tell(format_args!("{failure}\nbadger: the old content is still served"));
                self.notify.ready("new content was refused, the old content is still served");
                Err(failure.to_string())
            }
        }
    }

    /// Drains, or ends the program at once: there is nothing to drain yet, or the person asked twice and does not want to
    /// wait.
    fn end(&self, signal: i32) {
        let mut phase = self.phase();
        match std::mem::take(&mut *phase) {
            Phase::Serving(serving) => {
                let unix = |address: &Address| match address {
                    Address::Unix(Some(path)) => SocketFile::find(path),
                    _ => None,
                };
                let of_pages = serving.admin.iter().flat_map(|pages| pages.handle.addresses());
                let mut files: Vec<_> = serving.handle.addresses().iter().chain(of_pages).filter_map(unix).collect();
                files.extend(serving.control);
                *phase = Phase::Draining(files);
                self.notify.stopping();
                let time = self.drain_time;
                // How it ended is told by the main thread.
                let drain = move || {
                    let _ = serving.handle.drain(time);
                };
                if on_a_thread("drain", drain) {
                    return;
                }
            }
            Phase::Draining(files) => files.iter().for_each(SocketFile::remove),
            Phase::Starting => {}
        }
        std::process::exit(128 + signal)
    }

    /// Leaves the clients to another process, which serves already. False: this one is ending anyway.
    pub(crate) fn hand_over(&self) -> bool {
        let mut phase = self.phase();
        match std::mem::take(&mut *phase) {
            Phase::Serving(serving) => {
                // The files of its listeners are the other's now.
                *phase = Phase::Draining(serving.control.into_iter().collect());
                let (handle, time) = (serving.handle, self.drain_time);
                if let Some(pages) = serving.admin {
                    // Without a thread its socket closes when this process ends, a little later.
                    on_a_thread("admin-hand-over", move || {
                        let _ = pages.handle.hand_over(time);
                    });
                }
                let hand_over = move || {
                    let _ = handle.hand_over(time);
                };
                if !on_a_thread("hand-over", hand_over) {
                    // The other one serves already.
                    std::process::exit(1);
                }
                true
            }
            other => {
                *phase = other;
                false
            }
        }
    }
}

/// False: there can be no more threads.
fn on_a_thread(name: &str, run: impl FnOnce() + Send + 'static) -> bool {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).is_ok()
}

pub(crate) fn thread_failure(error: std::io::Error) -> Failure {
    Failure::new(format!("threads: {error}"))
}
