//! A directory that answers like a pack: scanned once, so only what the scan found exists, and traversal is impossible
//! by construction.
//!
//! ```text
//! a.js                 /a.js
//! a.js.br .zst .gz     an encoding of /a.js, unless older than it; and, like any file, a key of their own
//! docs/index.html      /docs/ and /docs/index.html, and a redirect from /docs
//! .name                left out
//! a link               followed while what it names lies beneath the root
//! ```
//! What cannot be served is not an error: it is left out and listed with its reason ([`Scan::skipped`]).
#![forbid(unsafe_code)]

mod mount;
mod pack;

pub use pack::{Packed, Packing, Prepared, write_pack};

use crate::pack::{Encoding, KeyError, ReadError, key};
use crate::route::media;
use crate::sys::file::{ContentFile, Directory};
use std::fmt;
use std::fs::{self, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most files and folders that one scan takes. A directory of more is better packed from records; the scan keeps about
/// 300 bytes for each.
pub const DIRECTORY_ENTRIES_MAX: usize = 4_000_000;
/// Most folders inside each other. Real paths end at 4,096 bytes; this also ends chains of links that fan out.
pub const DIRECTORY_DEPTH_MAX: usize = 64;
/// Longest precompressed sibling: it is held in memory while it is packed. A longer file is likely to be asked for in
/// ranges, which are cut from the plain one.
pub const SIBLING_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The file that answers for its folder.
const INDEX_NAME: &str = "index.html";
/// Endings of precompressed siblings.
const SIBLINGS: [(&str, Encoding); 3] = [(".br", Encoding::Br), (".gz", Encoding::Gzip), (".zst", Encoding::Zstd)];

/// What a directory held when it was scanned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scan {
    /// The directory, with no links in its path.
    pub root: PathBuf,
    /// Files are opened beneath this, whatever `root` names by then.
    site: Arc<Directory>,
    /// Every file that has a key, sorted by it.
    pub files: Vec<ScannedFile>,
    /// Folders with an index, asked for without their slash; sorted by key.
    pub redirects: Vec<Redirect>,
    /// What was left out and why, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// A file that answers a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScannedFile {
    /// The request path that it answers, decoded: `/docs/a b.html`.
    pub key: String,
    /// The folder's key, when the file is its index: `/docs/`.
    pub folder_key: Option<String>,
    /// Where it is, from the scan's root, with links resolved: opening it need follow none.
    pub path: String,
    /// Bytes it had.
    pub len: u64,
    /// When it was last changed, in seconds since 1970-01-01 UTC.
    pub modified_unix_seconds: i64,
    /// The same content, encoded, in the files beside it.
    pub siblings: Vec<Sibling>,
}

/// A precompressed file beside its original.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sibling {
    /// What its name says it is.
    pub encoding: Encoding,
    /// Where it is, from the scan's root, with links resolved.
    pub path: String,
    /// Bytes it had.
    pub len: u64,
}

/// A folder's key without its slash, which answers 301.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redirect {
    /// The request path: `/a/b c`.
    pub key: String,
    /// The value of Location, relative so that it holds under any prefix: `b%20c/`.
    pub location: String,
}

/// Something that was found and has no key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Where it is, from the scan's root.
    pub path: PathBuf,
    /// Why it was left out.
    pub reason: SkipReason,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.path, self.reason)
    }
}

/// Why a file or folder was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its name is not UTF-8, and a key is.
    NotUtf8,
    /// Its path cannot be a key.
    Key(KeyError),
    /// It is a device, a pipe or a socket.
    NotRegular,
    /// A link to something that is not beneath the root.
    LinkOutside,
    /// A link to a folder that it lies in.
    LinkLoop,
    /// A link to nothing.
    LinkBroken,
    /// More than [`DIRECTORY_DEPTH_MAX`] folders inside each other.
    TooDeep,
    /// The system said no.
    Unreadable(io::ErrorKind),
    /// A precompressed sibling that is older than its original. It keeps its own key.
    StaleSibling,
    /// A precompressed sibling that is no encoding, because it is longer than [`SIBLING_BYTES_MAX`]. It keeps its own key.
    LongSibling,
    /// Its length was another each time it was read.
    Changed,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::NotUtf8 => f.write_str("the name is not UTF-8"),
            SkipReason::Key(error) => write!(f, "no request path can name it: {error}"),
            SkipReason::NotRegular => f.write_str("not a regular file or folder"),
            SkipReason::LinkOutside => f.write_str("a link to a place outside the directory"),
            SkipReason::LinkLoop => f.write_str("a link to a folder that it lies in"),
            SkipReason::LinkBroken => f.write_str("a link to nothing"),
            SkipReason::TooDeep => write!(f, "more than {DIRECTORY_DEPTH_MAX} folders inside each other"),
            SkipReason::Unreadable(kind) => write!(f, "unreadable: {kind}"),
            SkipReason::StaleSibling => {
                f.write_str("older than the file it was made from, so not used as its encoding; compress it again")
            }
            SkipReason::LongSibling => {
                write!(f, "longer than {SIBLING_BYTES_MAX} bytes, so not used as the encoding of the file beside it")
            }
            SkipReason::Changed => f.write_str("it changed while it was read"),
        }
    }
}

/// Why a directory could not be scanned or packed.
#[derive(Debug)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The directory itself could not be read.
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It holds more than [`DIRECTORY_ENTRIES_MAX`] files and folders.
    TooMany {
        /// The directory.
        path: PathBuf,
    },
    /// The pack could not be written.
    Write(crate::pack::WriteError),
    /// The pack that was just written could not be opened.
    Open(crate::pack::PackError),
    /// The temporary pack could not be made.
    Temporary {
        /// The folder for temporary files.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirectoryError::Root { path, error } => write!(f, "directory {path:?}: {error}"),
            DirectoryError::TooMany { path } => {
                write!(
                    f,
                    "directory {path:?}: more than {DIRECTORY_ENTRIES_MAX} files and folders; pack a part of it, or records"
                )
            }
            DirectoryError::Write(error) => write!(f, "{error}"),
            DirectoryError::Open(error) => write!(f, "the pack of a directory: {error}"),
            DirectoryError::Temporary { path, error } => {
                write!(f, "a temporary file in {path:?}: {error}; TMPDIR names another folder")
            }
        }
    }
}

impl std::error::Error for DirectoryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DirectoryError::Root { error, .. } | DirectoryError::Temporary { error, .. } => Some(error),
            DirectoryError::Write(error) => Some(error),
            DirectoryError::Open(error) => Some(error),
            DirectoryError::TooMany { .. } => None,
        }
    }
}

/// Scans a directory. The same tree gives the same scan.
///
/// # Errors
/// [`DirectoryError::Root`] when `root` is not a readable directory, [`DirectoryError::TooMany`].
pub fn scan(root: &Path) -> Result<Scan, DirectoryError> {
    let failed = |error| DirectoryError::Root { path: root.to_owned(), error };
    let real = fs::canonicalize(root).map_err(failed)?;
    fs::read_dir(&real).map_err(failed)?;
    let site = Arc::new(Directory::open(&real).map_err(failed)?);
    let mut walk = Walk { root: &real, files: Vec::new(), skipped: Vec::new(), seen: 0 };
    walk.folder("/", &mut vec![PathBuf::new()]).map_err(|TooMany| DirectoryError::TooMany { path: root.to_owned() })?;
    let Walk { mut files, mut skipped, .. } = walk;
    files.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    join_siblings(&mut files, &mut skipped);
    skipped.sort_by(|one, other| one.path.cmp(&other.path));
    let mut redirects: Vec<Redirect> = files.iter().filter_map(|file| redirect(file.folder_key.as_deref()?)).collect();
    redirects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(Scan { root: real, site, files, redirects, skipped })
}

impl Scan {
    /// Leaves out the files whose key `matches`, also as encodings of the files beside them.
    pub fn exclude(&mut self, mut matches: impl FnMut(&str) -> bool) {
        self.files.retain(|file| !matches(&file.key));
        for index in 0..self.files.len() {
            let mut siblings = std::mem::take(&mut self.files[index].siblings);
            let key = &self.files[index].key;
            siblings.retain(|sibling| !matches(&format!("{key}{}", ending(sibling.encoding))));
            self.files[index].siblings = siblings;
        }
        self.redirects = self.files.iter().filter_map(|file| redirect(file.folder_key.as_deref()?)).collect();
        self.redirects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    }
}

impl ScannedFile {
    /// The media type, by the ending of the name.
    pub fn content_type(&self) -> &'static str {
        let name = &self.key[self.key.rfind('/').map_or(0, |slash| slash + 1)..];
        media::media_type(name.rsplit_once('.').map_or("", |(_, extension)| extension))
    }
}

/// A file of a scan, open for reading from its start.
#[derive(Debug)]
pub struct OpenFile {
    content: ContentFile,
    position: u64,
}

impl OpenFile {
    fn open(scan: &Scan, path: &str) -> io::Result<OpenFile> {
        Ok(OpenFile { content: scan.site.open_beneath(path)?, position: 0 })
    }
}

impl Read for OpenFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.content.len().saturating_sub(self.position).min(into.len() as u64);
        let into = &mut into[..count as usize]; // at most its own length
        self.content.read_at(self.position, into).map_err(|error| match error {
            ReadError::Io(kind) => kind.into(),
            _ => io::Error::from(io::ErrorKind::UnexpectedEof),
        })?;
        self.position += count;
        Ok(into.len())
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(change) => self.position.checked_add_signed(change),
            SeekFrom::End(change) => self.content.len().checked_add_signed(change),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The walk ends: [`DIRECTORY_ENTRIES_MAX`].
struct TooMany;

struct Walk<'a> {
    root: &'a Path,
    files: Vec<ScannedFile>,
    skipped: Vec<Skipped>,
    seen: usize,
}

impl Walk<'_> {
    /// Walks one folder. `key` ends in a slash; `parents` are the real paths of the folders that the walk is in, this
    /// one last.
    fn folder(&mut self, key: &str, parents: &mut Vec<PathBuf>) -> Result<(), TooMany> {
        let here = parents[parents.len() - 1].clone();
        let listing = match fs::read_dir(self.root.join(&here)) {
            Ok(listing) => listing,
            Err(error) => {
                self.skip(here, SkipReason::Unreadable(error.kind()));
                return Ok(());
            }
        };
        for entry in listing {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.skip(here, SkipReason::Unreadable(error.kind()));
                    return Ok(());
                }
            };
            let name = entry.file_name();
            if name.as_encoded_bytes().first() == Some(&b'.') {
                continue;
            }
            self.seen += 1;
            if self.seen > DIRECTORY_ENTRIES_MAX {
                return Err(TooMany);
            }
            let path = here.join(&name);
            let Some(name) = name.to_str() else {
                self.skip(path, SkipReason::NotUtf8);
                continue;
            };
            match self.resolve(path, parents) {
                Ok((path, found)) if found.is_dir() => {
                    let key = format!("{key}{name}/");
                    if let Err(error) = key::validate(&key) {
                        self.skip(path, SkipReason::Key(error));
                        continue;
                    }
                    parents.push(path);
                    let walked = self.folder(&key, parents);
                    parents.pop();
                    walked?;
                }
                Ok((path, found)) => self.file(key, name, path, &found),
                Err(skipped) => self.skipped.push(skipped),
            }
        }
        Ok(())
    }

    /// The real path of what was found, from the root, and what it is: a regular file or a folder to walk.
    fn resolve(&self, path: PathBuf, parents: &[PathBuf]) -> Result<(PathBuf, Metadata), Skipped> {
        let skip = |reason| Skipped { path: path.clone(), reason };
        let unreadable = |error: io::Error| skip(SkipReason::Unreadable(error.kind()));
        let mut found = fs::symlink_metadata(self.root.join(&path)).map_err(unreadable)?;
        let mut real = path.clone();
        if found.is_symlink() {
            let target = fs::canonicalize(self.root.join(&path)).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => skip(SkipReason::LinkBroken),
                _ => unreadable(error),
            })?;
            // A link into a hidden folder is followed: Kubernetes lays out mounted configuration so.
            real = target.strip_prefix(self.root).map_err(|_| skip(SkipReason::LinkOutside))?.to_owned();
            found = fs::symlink_metadata(&target).map_err(unreadable)?;
        }
        if found.is_dir() {
            if parents.contains(&real) {
                return Err(skip(SkipReason::LinkLoop));
            }
            if parents.len() > DIRECTORY_DEPTH_MAX {
                return Err(skip(SkipReason::TooDeep));
            }
        } else if !found.is_file() {
            return Err(skip(SkipReason::NotRegular));
        }
        Ok((real, found))
    }

    fn file(&mut self, folder: &str, name: &str, path: PathBuf, found: &Metadata) {
        let key = format!("{folder}{name}");
        let path = match path.into_os_string().into_string() {
            Ok(path) => path,
            Err(path) => return self.skip(path.into(), SkipReason::NotUtf8),
        };
        match key::validate(&key) {
            Ok(()) => self.files.push(ScannedFile {
                key,
                folder_key: (name == INDEX_NAME).then(|| folder.to_owned()),
                path,
                len: found.len(),
                modified_unix_seconds: found.mtime(),
                siblings: Vec::new(),
            }),
            Err(error) => self.skip(path.into(), SkipReason::Key(error)),
        }
    }

    fn skip(&mut self, path: PathBuf, reason: SkipReason) {
        self.skipped.push(Skipped { path, reason });
    }
}

/// Makes `a.js.br` an encoding of `a.js`. Whole seconds are compared: a checkout writes both within one, in any order.
fn join_siblings(files: &mut [ScannedFile], skipped: &mut Vec<Skipped>) {
    for index in 0..files.len() {
        for (ending, encoding) in SIBLINGS {
            let key = format!("{}{ending}", files[index].key);
            let Ok(place) = files.binary_search_by(|file| file.key.as_str().cmp(&key)) else { continue };
            let sibling = Sibling { encoding, path: files[place].path.clone(), len: files[place].len };
            if files[place].modified_unix_seconds < files[index].modified_unix_seconds {
                skipped.push(Skipped { path: sibling.path.into(), reason: SkipReason::StaleSibling });
            } else if sibling.len > SIBLING_BYTES_MAX {
                skipped.push(Skipped { path: sibling.path.into(), reason: SkipReason::LongSibling });
            } else {
                files[index].siblings.push(sibling);
            }
        }
    }
}

/// The ending of a precompressed sibling.
fn ending(encoding: Encoding) -> &'static str {
    SIBLINGS.iter().find(|sibling| sibling.1 == encoding).map_or("", |sibling| sibling.0)
}

/// From `/a/b c/` to `/a/b c` and `b%20c/`. The root has no name to redirect from.
fn redirect(folder_key: &str) -> Option<Redirect> {
    let key = folder_key.strip_suffix('/').filter(|key| !key.is_empty())?;
    let name = &key[key.rfind('/')? + 1..];
    let mut location = String::with_capacity(name.len() + 1);
    for byte in name.bytes() {
        // RFC 3986 section 2.3. A colon, too, is encoded: in the first segment it would end a scheme.
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => location.push(char::from(byte)),
            _ => location.push_str(&format!("%{byte:02X}")),
        }
    }
    location.push('/');
    Some(Redirect { key: key.to_owned(), location })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    /// A folder of its own, removed at the end.
    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("badger-directory-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        pub(super) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn keys(scan: &Scan) -> Vec<&str> {
        scan.files.iter().map(|file| file.key.as_str()).collect()
    }

    fn reasons(scan: &Scan) -> Vec<(&str, SkipReason)> {
        scan.skipped.iter().map(|skipped| (skipped.path.to_str().unwrap(), skipped.reason.clone())).collect()
    }

    fn touch(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn keys_are_sorted_and_hidden_names_left_out() {
        let folder = Folder::new("keys");
        for path in ["b.txt", "a b/c%20.txt", "a-b.txt", ".hidden", ".git/config", "a b/.x", "\u{e9}/\u{1f9a1}"] {
            folder.write(path, b"x");
        }
        let scan = scan(&folder.0).unwrap();
        assert_eq!(keys(&scan), ["/a b/c%20.txt", "/a-b.txt", "/b.txt", "/\u{e9}/\u{1f9a1}"]);
        assert!(scan.skipped.is_empty() && scan.redirects.is_empty());
        assert_eq!(scan.files[2].path, "b.txt");
        assert_eq!(scan.files[2].len, 1);
    }

    #[test]
    fn an_index_answers_for_its_folder() {
        let folder = Folder::new("index");
        for path in ["index.html", "a/b c:d/index.html", "plain/x.html"] {
            folder.write(path, b"x");
        }
        let mut scan = scan(&folder.0).unwrap();
        let folders: Vec<_> = scan.files.iter().map(|file| file.folder_key.as_deref()).collect();
        assert_eq!(folders, [Some("/a/b c:d/"), Some("/"), None]);
        let redirect = Redirect { key: "/a/b c:d".to_owned(), location: "b%20c%3Ad/".to_owned() };
        assert_eq!(scan.redirects, [redirect]);
        scan.exclude(|key| key.ends_with(".html"));
        assert!(scan.files.is_empty() && scan.redirects.is_empty());
    }

    #[test]
    fn links_stay_beneath_the_root() {
        let folder = Folder::new("links");
        let outside = Folder::new("links-outside");
        outside.write("secret", b"s");
        folder.write("real/file", b"x");
        folder.write("..data/config", b"c");
        for (target, name) in [
            ("real/file", "file"),
            ("real", "folder"),
            ("..data/config", "config"),
            ("nothing", "broken"),
            (".", "loop"),
            ("ring", "ring"),
            ("/etc/passwd", "passwd"),
            (outside.0.to_str().unwrap(), "outside"),
            ("../../../../../../../../etc/passwd", "climb"),
        ] {
            symlink(target, folder.0.join(name)).unwrap();
        }
        symlink("..", folder.0.join("real/up")).unwrap();
        // The root itself may be named through a link.
        let named = outside.0.join("root");
        symlink(&folder.0, &named).unwrap();
        let scan = scan(&named).unwrap();
        assert_eq!(keys(&scan), ["/config", "/file", "/folder/file", "/real/file"]);
        let paths: Vec<_> = scan.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["..data/config", "real/file", "real/file", "real/file"]);
        let ring = fs::canonicalize(folder.0.join("ring")).unwrap_err().kind();
        assert_eq!(
            reasons(&scan),
            [
                ("broken", SkipReason::LinkBroken),
                ("climb", SkipReason::LinkOutside),
                ("loop", SkipReason::LinkLoop),
                ("outside", SkipReason::LinkOutside),
                ("passwd", SkipReason::LinkOutside),
                ("real/up", SkipReason::LinkLoop),
                ("real/up", SkipReason::LinkLoop),
                ("ring", SkipReason::Unreadable(ring)),
            ]
        );
    }

    #[test]
    fn what_has_no_key_is_listed() {
        let folder = Folder::new("skipped");
        folder.write("a\nb", b"x");
        folder.write("a\u{7f}/c", b"x");
        fs::write(folder.0.join(std::ffi::OsStr::from_bytes(b"\xff.txt")), b"x").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.0.join("socket")).unwrap();
        let deep = "d/".repeat(DIRECTORY_DEPTH_MAX + 1);
        folder.write(&format!("{deep}x"), b"x");
        let scan = scan(&folder.0).unwrap();
        assert!(scan.files.is_empty(), "{:?}", scan.files);
        let found: Vec<_> = scan.skipped.iter().map(|skipped| skipped.reason.clone()).collect();
        assert_eq!(
            found,
            [
                SkipReason::Key(KeyError::Control),
                SkipReason::Key(KeyError::Control),
                SkipReason::TooDeep,
                SkipReason::NotRegular,
                SkipReason::NotUtf8,
            ]
        );
    }

    #[test]
    fn siblings_are_encodings_unless_older() {
        let folder = Folder::new("siblings");
        for (path, seconds) in [("a.js", 100), ("a.js.br", 100), ("a.js.gz", 99), ("a.js.zst", 200), ("b.tar.gz", 5)] {
            touch(&folder.write(path, path.as_bytes()), seconds);
        }
        let mut scan = scan(&folder.0).unwrap();
        assert_eq!(keys(&scan), ["/a.js", "/a.js.br", "/a.js.gz", "/a.js.zst", "/b.tar.gz"]);
        let encodings: Vec<_> = scan.files[0].siblings.iter().map(|sibling| sibling.encoding).collect();
        assert_eq!(encodings, [Encoding::Br, Encoding::Zstd]);
        assert!(scan.files[1..].iter().all(|file| file.siblings.is_empty()));
        assert_eq!(reasons(&scan), [("a.js.gz", SkipReason::StaleSibling)]);
        assert_eq!(scan.files[0].modified_unix_seconds, 100);
        scan.exclude(|key| key.ends_with(".br"));
        assert_eq!(scan.files[0].siblings.len(), 1);
    }

    #[test]
    fn a_root_that_is_no_directory_is_an_error() {
        let folder = Folder::new("root");
        let file = folder.write("file", b"x");
        for path in [file, folder.0.join("nothing")] {
            let error = scan(&path).unwrap_err();
            assert!(matches!(error, DirectoryError::Root { .. }), "{error}");
            assert!(error.to_string().starts_with("directory \""), "{error}");
        }
    }
}
