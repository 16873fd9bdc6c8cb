//! A folder of its own for each test, and the built program in it.
#![allow(dead_code)] // no test file uses all of it

use badgerserver::pack::{Encoding, Pack, Record};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub(crate) mod server;

/// Removed when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("badger-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    /// All names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_badger"));
        command.args(arguments.split_whitespace()).current_dir(&self.0).stdin(Stdio::null());
        command
    }

    /// Runs `badger` with the arguments, which have no spaces in them.
    pub(crate) fn badger(&self, arguments: &str) -> Outcome {
        Outcome::from(self.command(arguments).output().unwrap())
    }

    pub(crate) fn pack(&self, path: &str) -> Pack {
        Pack::from_bytes(self.read(path)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Outcome {
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn good(self) -> Outcome {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Failed with a message that begins so, and a second line that says what to do.
    #[track_caller]
    pub(crate) fn failed(self, message: &str) -> Outcome {
        let outcome = self.failed_without_help(message);
        assert!(outcome.stderr.contains("\n help: "), "{}", outcome.stderr);
        outcome
    }

    /// Failed with a message that begins so and needs no second line.
    #[track_caller]
    pub(crate) fn failed_without_help(self, message: &str) -> Outcome {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.stderr.starts_with(&format!("error: {message}")), "expected {message:?}\n{}", self.stderr);
        self
    }
}

/// The record of a key.
pub(crate) fn find(pack: &Pack, key: &str) -> Option<Record> {
    let mut record = Record::default();
    pack.lookup(key.as_bytes(), &mut pack.checked(), &mut record).unwrap().then_some(record)
}

/// Its body in an encoding.
pub(crate) fn body(pack: &Pack, key: &str, encoding: Encoding) -> Option<Vec<u8>> {
    let record = find(pack, key)?;
    let variant = record.variants().find(|variant| variant.encoding() == encoding)?;
    let mut body = vec![0; variant.payload_bytes() as usize];
    pack.read_payload(variant.payload_offset(), &mut body).unwrap();
    Some(body)
}

/// The header lines that the pack holds for the plain body of a key.
pub(crate) fn head(pack: &Pack, key: &str) -> String {
    let record = find(pack, key).unwrap();
    let variant = record.variant(0).unwrap();
    let class = pack.class(variant.class());
    String::from_utf8([class.always, class.content, variant.lines()].concat()).unwrap()
}

pub(crate) fn keys(pack: &Pack) -> Vec<String> {
    let mut keys: Vec<String> =
        pack.entries().map(|record| String::from_utf8(record.unwrap().key().to_vec()).unwrap()).collect();
    keys.sort();
    keys
}
