//! What is served: bodies of five sizes, and what a page fetches, in one pack and as files of one folder.

use super::browse;
use super::requests::{digits, mix};
use badgerserver::Pack;
use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Bodies of one size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class {
    /// The first folder of their paths.
    pub(crate) name: &'static str,
    pub(crate) body_bytes: usize,
    pub(crate) keys: u64,
}

/// Each class but a single payload of it is larger than a processor's last cache.
pub(crate) const SMALL: Class = Class { name: "s", body_bytes: 1024, keys: 100_000 };
pub(crate) const MIDDLE: Class = Class { name: "m", body_bytes: 25 * 1024, keys: 4_000 };
pub(crate) const LARGE: Class = Class { name: "l", body_bytes: 150 * 1024, keys: 1_000 };
pub(crate) const HUGE: Class = Class { name: "h", body_bytes: 2 * 1024 * 1024, keys: 64 };
pub(crate) const GIANT: Class = Class { name: "g", body_bytes: 25 * 1024 * 1024, keys: 8 };
const CLASSES: [Class; 5] = [SMALL, MIDDLE, LARGE, HUGE, GIANT];

/// When everything was last changed. It does not matter, but must not differ between runs.
const MODIFIED_UNIX_SECONDS: u64 = 1_760_000_000;
/// Part of the folder's name: other content, another version.
const VERSION: u32 = 4;

impl Class {
    /// The path below a mount: `/s/012/345`.
    pub(crate) fn path(&self, key: u64) -> String {
        format!("/{}/{}", self.name, digits(key).map(char::from).iter().collect::<String>())
    }

    /// The body of a key: noise that nothing compresses or shares.
    pub(crate) fn body(&self, key: u64) -> Vec<u8> {
        noise((self.body_bytes as u64) << 32 | key << 8, self.body_bytes)
    }
}

/// Bytes that are the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = mix(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = mix(state);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Where the content is.
pub(crate) struct Content {
    /// Unnamed files go here: the same file system.
    pub(crate) folder: PathBuf,
    pub(crate) pack: PathBuf,
    /// Holds `p`, which holds a folder for each class.
    pub(crate) root: PathBuf,
}

/// Makes the content below `target`, unless an earlier run did.
pub(crate) fn make(target: &Path) -> io::Result<Content> {
    let folder = target.join(format!("compare-content-{VERSION}"));
    let content = Content { pack: folder.join("content.badger"), root: folder.join("files"), folder };
    let is_made = content.folder.join("made");
    // A pack of an older format is made again.
    if is_made.exists() && Pack::open(&content.pack).is_ok() {
        return Ok(content);
    }
    if content.folder.exists() {
        fs::remove_dir_all(&content.folder)?;
    }
    fs::create_dir_all(&content.folder)?;
    make_pack(&content)?;
    make_files(&content)?;
    File::create(is_made)?;
    Ok(content)
}

fn make_pack(content: &Content) -> io::Result<()> {
    let open = |path: &Path| File::options().read(true).write(true).create(true).truncate(true).open(path);
    let spool = content.folder.join("spool");
    let mut writer =
        PackWriter::create(open(&content.pack)?, open(&spool)?, WriterOptions::default()).map_err(other)?;
    for class in CLASSES {
        for key in 0..class.keys {
            let body = class.body(key);
            let path = class.path(key);
            let entry = Entry {
                key: &path,
                content_type: "application/octet-stream",
                last_modified: Some(MODIFIED_UNIX_SECONDS as i64),
                bodies: &[(Encoding::Identity, &body)],
                ordinal: key,
                ..Entry::default()
            };
            writer.add(entry).map_err(other)?;
            progress("pack", class, key);
        }
    }
    for (number, (path, body)) in browse::content().enumerate() {
        let entry = Entry {
            key: &path,
            content_type: "application/octet-stream",
            last_modified: Some(MODIFIED_UNIX_SECONDS as i64),
            bodies: &[(Encoding::Identity, &body)],
            ordinal: number as u64,
            ..Entry::default()
        };
        writer.add(entry).map_err(other)?;
    }
    writer.finish().map_err(other)?;
    fs::remove_file(spool)
}

fn make_files(content: &Content) -> io::Result<()> {
    let modified = UNIX_EPOCH + Duration::from_secs(MODIFIED_UNIX_SECONDS);
    for class in CLASSES {
        for key in 0..class.keys {
            let path = content.root.join("p").join(&class.path(key)[1..]);
            if key % 1_000 == 0 {
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
            }
            let mut file = BufWriter::new(File::create(&path)?);
            file.write_all(&class.body(key))?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.set_modified(modified)?;
            progress("files", class, key);
        }
    }
    for (path, body) in browse::content() {
        let path = content.root.join("p").join(&path[1..]);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, &body)?;
        File::options().write(true).open(&path)?.set_modified(modified)?;
    }
    Ok(())
}

fn progress(what: &str, class: Class, key: u64) {
    if (key + 1) % 10_000 == 0 || key + 1 == class.keys {
        eprintln!("making {what}: {} of {} with {} B", key + 1, class.keys, class.body_bytes);
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
