//! Where the lines of the access log go: opened, written, opened anew, and what could not be written.

use crate::failure::{Failure, io_failure};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Permissions of a new file: it has the addresses of people.
const MODE: u32 = 0o640;

pub(crate) struct Target {
    /// `None`: stdout.
    path: Option<PathBuf>,
    out: File,
    /// What is left of a line that was written in part.
    rest: Vec<u8>,
    /// Lines that could not be written.
    lost: u64,
    /// Of those, the ones since it failed and was told; `None`: it works.
    lost_since: Option<u64>,
}

impl Target {
    pub(super) fn open(path: &Path) -> Result<Target, Failure> {
        let path = Some(path).filter(|path| *path != Path::new("-")).map(Path::to_owned);
        let out = match &path {
            Some(path) => append(path).map_err(|error| open_failure(path, &error))?,
            // By itself and not by the standard library's, which has a buffer and a lock.
            None => {
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                stdout.map_err(|error| Failure::new(format!("standard output: {error}")))?.into()
            }
        };
        Ok(Target { path, out, rest: Vec::new(), lost: 0, lost_since: None })
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "on standard output".to_owned(), |path| path.display().to_string())
    }

    /// Writes whole lines, and before them what is left of one. Gives what is to be told: that it fails, that it works again.
    pub(super) fn write(&mut self, lines: &[u8]) -> Option<String> {
        if self.rest.is_empty() {
            let done = write_all(&self.out, lines);
            return self.note(lines, false, done);
        }
        // Rare: it failed before.
        let mut text = std::mem::take(&mut self.rest);
        text.extend_from_slice(lines);
        let done = write_all(&self.out, &text);
        self.note(&text, true, done)
    }

    /// `text` was to be written, which begins with the rest of a line or not.
    fn note(&mut self, text: &[u8], is_rest: bool, done: Result<(), (usize, io::Error)>) -> Option<String> {
        let Err((written, error)) = done else {
            let lost = self.lost_since.take()?;
            return Some(format!("badger: the access log {} is written again; {lost} lines were lost", self.name()));
        };
        let mut left = &text[written..];
        let is_cut = if written == 0 { is_rest } else { text[written - 1] != b'\n' };
        if is_cut {
            let end = left.iter().position(|&byte| byte == b'\n').map_or(left.len(), |end| end + 1);
            self.rest = left[..end].to_vec();
            left = &left[end..];
        }
        let lost = left.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.lost += lost;
        let is_news = self.lost_since.is_none();
        *self.lost_since.get_or_insert(0) += lost;
        is_news.then(|| {
            let name = self.name();
            format!("badger: the access log {name} cannot be written: {error}; lines are lost until it can be, serving goes on")
        })
    }

    /// Opens the file at the path anew. Gives what is to be told when that fails; then the lines go on to the old one.
    pub(super) fn reopen(&mut self) -> Option<String> {
        let path = self.path.as_ref()?;
        match append(path) {
            Ok(file) => {
                // The end of a line belongs behind its beginning.
                if !self.rest.is_empty() && write_all(&self.out, &self.rest).is_err() {
                    self.lost += 1;
                    *self.lost_since.get_or_insert(0) += 1;
                }
                self.rest.clear();
                self.out = file;
                None
            }
            Err(error) => {
                let path = path.display();
                Some(format!(
                    "badger: the access log {path} cannot be opened anew: {error}; the old file is still written"
                ))
            }
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

fn open_failure(path: &Path, error: &io::Error) -> Failure {
    let failure = io_failure(path, error).at("access log");
    match error.kind() {
        ErrorKind::NotFound => failure.remedy("make the folder that it is to lie in"),
        ErrorKind::PermissionDenied => failure.remedy("the user who runs badger must be allowed to write there"),
        ErrorKind::IsADirectory => failure.remedy("name a file in that folder"),
        _ => failure.remedy("--access-log takes the path of a file that can be written, or - for standard output"),
    }
}

/// How much was written when it failed, and why.
fn write_all(mut out: &File, text: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < text.len() {
        match out.write(&text[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: Option<PathBuf>, out: File) -> Target {
        Target { path, out, rest: Vec::new(), lost: 0, lost_since: None }
    }

    fn full() -> io::Error {
        io::Error::from(ErrorKind::StorageFull)
    }

    #[test]
    fn what_cannot_be_written_is_told_once_and_counted_and_a_line_is_never_left_half() {
        let folder = std::env::temp_dir().join(format!("badger-access-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log");
        let mut target = target(Some(path.clone()), append(&path).unwrap());
        // The system took five bytes, then nothing.
        let (taken, text) = (5, b"one\ntwo\nthree\n");
        std::fs::write(&path, &text[..taken]).unwrap();
        let told = target.note(text, false, Err((taken, full()))).unwrap();
        assert!(told.contains("cannot be written") && told.contains("log"), "{told}");
        assert_eq!((target.rest.as_slice(), target.lost()), (&b"wo\n"[..], 1));
        // Still nothing: the rest stays, what comes is lost, nobody is told again.
        let text = [&std::mem::take(&mut target.rest), &b"four\nfive\n"[..]].concat();
        assert_eq!(target.note(&text, true, Err((0, full()))), None);
        assert_eq!((target.rest.as_slice(), target.lost()), (&b"wo\n"[..], 3));
        let told = target.write(b"six\n").unwrap();
        assert!(told.contains("written again; 3 lines were lost"), "{told}");
        assert_eq!(target.write(b"seven\n"), None);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\nsix\nseven\n");

        // A whole line was the last that was taken.
        target.note(b"eight\nnine\n", false, Err((6, full())));
        assert_eq!((target.rest.len(), target.lost()), (0, 4));
        // The end of a line goes behind its beginning, into the file that was renamed.
        target.note(b"ten\neleven\n", false, Err((1, full())));
        std::fs::rename(&path, folder.join("old")).unwrap();
        assert_eq!(target.reopen(), None);
        target.write(b"twelve\n");
        assert_eq!(std::fs::read_to_string(folder.join("old")).unwrap(), "one\ntwo\nsix\nseven\nen\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "twelve\n");
        // It cannot be opened anew: the old file stays.
        std::fs::rename(&folder, folder.with_extension("moved")).unwrap();
        let told = target.reopen().unwrap();
        assert!(told.contains("cannot be opened anew") && told.contains("still written"), "{told}");
        target.write(b"thirteen\n");
        let moved = folder.with_extension("moved");
        assert_eq!(std::fs::read_to_string(moved.join("log")).unwrap(), "twelve\nthirteen\n");
        std::fs::remove_dir_all(moved).unwrap();
    }

    #[test]
    fn a_full_device_takes_nothing() {
        let mut target = Target::open(Path::new("/dev/full")).unwrap();
        assert!(target.write(b"a\nb\n").is_some_and(|told| told.contains("/dev/full")));
        assert_eq!(target.write(b"c\n"), None);
        assert_eq!(target.lost(), 3);
    }
}
