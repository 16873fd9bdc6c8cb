//! Writing a pack so that its name only ever stands for a whole one: a temporary name in the same folder, fsync,
//! rename, fsync of the folder. The temporary file is removed on errors and on SIGINT, SIGTERM and SIGHUP.

use crate::failure::{Failure, io_failure};
use badgerserver::pack::{HEADER_BYTES, Pack, PackError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names that are tried for a temporary file.
const NAMES_MAX: u32 = 10_000;
/// Links that are followed one after the other, as many as Linux follows.
const LINKS_MAX: u32 = 40;

/// A pack under way.
pub(crate) struct Output {
    file: File,
    target: PathBuf,
    folder: PathBuf,
    /// The temporary file's path while it exists; the signal thread removes it too.
    temporary: Arc<Mutex<Option<PathBuf>>>,
}

impl Output {
    /// Opens a temporary file beside `target`.
    ///
    /// # Errors
    /// When `target` is something else than a pack and `force` is not given, or the folder cannot be written.
    pub(crate) fn create(target: &Path, force: bool) -> Result<Output, Failure> {
        // A link keeps its place: what it names is replaced, or made.
        let target = follow_links(target)?;
        refuse_foreign(&target, force)?;
        let Some(name) = target.file_name() else {
            return Err(Failure::new(format!("{}: not the name of a file", target.display())));
        };
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut hidden = OsString::from(".");
        hidden.push(name);
        let temporary = Arc::new(Mutex::new(None));
        remove_on_signal(&temporary)?;
        let file = {
            let mut slot = lock(&temporary);
            let (file, path) = create_new(folder, &hidden)?;
            *slot = Some(path);
            file
        };
        // As the file that it replaces, from before anything is in it.
        if let Ok(old) = fs::metadata(&target) {
            let mode = old.permissions().mode() & 0o777;
            let set = |found: fs::Metadata| match found.permissions().mode() & 0o777 == mode {
                true => Ok(()),
                false => file.set_permissions(Permissions::from_mode(mode)),
            };
            if let Err(error) = file.metadata().and_then(set) {
                remove(&mut lock(&temporary));
                return Err(io_failure(&target, &error).remedy("its permissions could not be kept: remove it first"));
            }
        }
        Ok(Output { file, folder: folder.to_owned(), target: target.clone(), temporary })
    }

    /// The file to write to.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where the pack will be.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The folder where the pack will be.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file without a name in the same folder, for what the writer keeps out of memory.
    pub(crate) fn spool(&self) -> Result<File, Failure> {
        let (file, path) = create_new(&self.folder, OsStr::new(".badger-spool"))?;
        fs::remove_file(&path).map_err(|error| io_failure(&path, &error))?;
        Ok(file)
    }

    /// Gives the finished file its name.
    ///
    /// # Errors
    /// What the system says; then `target` is as it was.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| io_failure(&self.target, &error))?;
        // Held over the rename, so that a signal finds either the temporary file or none.
        let mut slot = lock(&self.temporary);
        if let Some(temporary) = slot.as_deref() {
            fs::rename(temporary, &self.target).map_err(|error| io_failure(&self.target, &error))?;
            *slot = None;
        }
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|error| {
            io_failure(&self.folder, &error).remedy("the pack is in place, but may be lost if the power fails")
        })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        remove(&mut lock(&self.temporary));
    }
}

/// A new file with a name that is not taken. A run that was killed leaves its own behind, and process ids come again.
fn create_new(folder: &Path, start: &OsStr) -> Result<(File, PathBuf), Failure> {
    let mut number = 0;
    loop {
        let mut name = start.to_owned();
        name.push(match number {
            0 => format!(".{}.tmp", std::process::id()),
            _ => format!(".{}.{number}.tmp", std::process::id()),
        });
        let path = folder.join(name);
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < NAMES_MAX => number += 1,
            Err(error) => {
                let folder = folder.display();
                let remedy = match error.kind() {
                    io::ErrorKind::AlreadyExists => format!("remove the .tmp files that killed runs left in {folder}"),
                    io::ErrorKind::NotFound => format!("make the folder {folder} first, or name another file with -o"),
                    io::ErrorKind::StorageFull => format!("make room in {folder}, or name another file with -o"),
                    _ => format!("{folder} must be a folder that can be written"),
                };
                return Err(io_failure(&path, &error).remedy(remedy));
            }
        }
    }
}

/// What the last of a chain of links names, which need not be there.
fn follow_links(target: &Path) -> Result<PathBuf, Failure> {
    let mut path = target.to_owned();
    for _ in 0..LINKS_MAX {
        if let Ok(real) = fs::canonicalize(&path) {
            return Ok(real);
        }
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(Failure::new(format!("{}: a link that leads to itself", target.display())).remedy("name another file with -o"))
}

fn lock(slot: &Mutex<Option<PathBuf>>) -> MutexGuard<'_, Option<PathBuf>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remove(slot: &mut Option<PathBuf>) {
    if let Some(path) = slot.take() {
        // Nobody is left to tell, and the name says what it is.
        let _ = fs::remove_file(path);
    }
}

fn remove_on_signal(temporary: &Arc<Mutex<Option<PathBuf>>>) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(format!("signal handlers: {error}"));
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(failed)?;
    let temporary = Arc::clone(temporary);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Never unlocked: nothing may be made or renamed between the removal and the end.
                let mut slot = lock(&temporary);
                remove(&mut slot);
                // Ends as if there were no handler, so that a shell sees the signal.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
                std::process::exit(128 + signal);
            }
        })
        .map_err(failed)?;
    Ok(())
}

/// Whether an existing file may be replaced: it is a pack (also a damaged one), or empty, or the person said so.
fn refuse_foreign(target: &Path, force: bool) -> Result<(), Failure> {
    let found = match fs::metadata(target) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_failure(target, &error)),
    };
    if !found.is_file() {
        return Err(Failure::new(format!("{}: exists and is not a regular file", target.display()))
            .remedy("name another file with -o"));
    }
    if force || found.len() == 0 {
        return Ok(());
    }
    let mut start = Vec::new();
    File::open(target)
        .and_then(|file| file.take(HEADER_BYTES).read_to_end(&mut start))
        .map_err(|error| io_failure(target, &error))?;
    match Pack::from_bytes(start) {
        Err(PackError::NotAPack { .. }) => {
            Err(Failure::new(format!("{}: exists and is not a badger pack", target.display()))
                .remedy("name another file with -o, or give --force to replace it"))
        }
        _ => Ok(()),
    }
}
