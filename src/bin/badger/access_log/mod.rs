//! `--access-log`: a line for every answer, to a file or to stdout.
//!
//! ```text
//! log thread (the library's):  a batch of records -> lines in one buffer -> one write, or as few as the system needs
//! signal thread:               USR1 -> open the file anew; while a write goes on, the log thread does it behind that
//! ```
//! Files are opened to append and each write ends with a line, so two processes, one of which takes over from the other, may
//! write to the same file.

mod file;
mod format;

pub(crate) use format::AccessFormat;

use crate::failure::Failure;
use crate::lines::Lines;
use badgerserver::AccessBatch;
use file::Target;
use format::Formatter;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// An access log that is open.
#[derive(Clone)]
pub(crate) struct AccessLog(Arc<Shared>);

struct Shared {
    target: Mutex<Target>,
    /// The file is to be opened anew, by whoever has the target.
    is_old: AtomicBool,
    lines: Lines,
}

impl AccessLog {
    /// Opens the file; `-` is stdout.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(path: &Path, lines: &Lines) -> Result<AccessLog, Failure> {
        let target = Mutex::new(Target::open(path)?);
        Ok(AccessLog(Arc::new(Shared { target, is_old: AtomicBool::new(false), lines: lines.clone() })))
    }

    /// What the server calls with its records. Nothing is written before something comes from `started`, or nobody is left to
    /// send it: on stdout the first line says where it listens.
    pub(crate) fn hook(
        &self,
        format: AccessFormat,
        started: Receiver<()>,
    ) -> impl FnMut(&AccessBatch) + Send + 'static {
        let shared = Arc::clone(&self.0);
        let mut formatter = Formatter::new(format);
        let (mut text, mut started) = (Vec::new(), Some(started));
        move |batch| {
            if let Some(started) = started.take() {
                let _ = started.recv();
            }
            text.clear();
            batch.records().for_each(|record| formatter.write(&record, &mut text));
            shared.write(&text);
        }
    }

    /// Has the file opened anew, after it was renamed. Never waits for a write.
    pub(crate) fn reopen(&self) {
        self.0.is_old.store(true, Ordering::SeqCst);
        self.0.reopen_if_old();
    }

    /// Lines that could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.0.try_target().map_or(0, |target| target.lost())
    }
}

impl Shared {
    /// `None`: a write goes on. A panic elsewhere leaves the target whole.
    fn try_target(&self) -> Option<MutexGuard<'_, Target>> {
        match self.target.try_lock() {
            Ok(target) => Some(target),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn write(&self, text: &[u8]) {
        let told = self.target.lock().unwrap_or_else(PoisonError::into_inner).write(text);
        told.into_iter().for_each(|line| self.lines.tell(line));
        // Whoever asked for it meanwhile did not get the target.
        self.reopen_if_old();
    }

    fn reopen_if_old(&self) {
        while self.is_old.load(Ordering::SeqCst) {
            // Whoever has it looks again when it lets go.
            let Some(mut target) = self.try_target() else { return };
            if self.is_old.swap(false, Ordering::SeqCst) {
                let told = target.reopen();
                drop(target);
                told.into_iter().for_each(|line| self.lines.tell(line));
            }
        }
    }
}
