//! The walk through a directory: what it finds, where links lead, which files belong together.
#![forbid(unsafe_code)]

use super::{
    DIRECTORY_DEPTH_MAX, DIRECTORY_ENTRIES_MAX, DIRECTORY_LINKS_MAX, DirectoryError, SIBLING_BYTES_MAX, SIBLINGS, Scan,
    ScannedFile, Sibling, SkipReason, Skipped, redirects,
};
use crate::pack::key;
use crate::sys::file::Directory;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that answers for its folder.
const INDEX_NAME: &str = "index.html";

/// Scans a directory. The same tree gives the same scan.
///
/// # Errors
/// [`DirectoryError::Root`] when `root` is not a readable directory, [`DirectoryError::TooMany`].
pub fn scan(root: &Path) -> Result<Scan, DirectoryError> {
    let failed = |error| DirectoryError::Root { path: root.to_owned(), error };
    let real = fs::canonicalize(root).map_err(failed)?;
    fs::read_dir(&real).map_err(failed)?;
    let site = Arc::new(Directory::open(&real).map_err(failed)?);
    let found = fs::metadata(&real).map_err(failed)?;
    let mut walk = Walk {
        root: &real,
        files: Vec::new(),
        skipped: Vec::new(),
        seen: 0,
        folders: VecDeque::new(),
        names: BTreeMap::new(),
    };
    walk.folders.push_back(Folder {
        key: "/".to_owned(),
        path: PathBuf::new(),
        chain: Arc::new(Chain { identity: identity(&found), depth: 1, parent: None }),
    });
    while let Some(folder) = walk.folders.pop_front() {
        walk.folder(&folder).map_err(|TooMany| DirectoryError::TooMany { path: root.to_owned() })?;
    }
    let Walk { mut files, mut skipped, .. } = walk;
    files.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    join_siblings(&mut files, &mut skipped);
    skipped.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Scan { root: real, site, redirects: redirects(&files), files, skipped })
}

/// The walk ends: [`DIRECTORY_ENTRIES_MAX`].
struct TooMany;

/// What a folder is, whatever it is called.
type Identity = (u64, u64);

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// A folder to be walked.
struct Folder {
    /// Ends in a slash.
    key: String,
    /// The real path, from the root.
    path: PathBuf,
    chain: Arc<Chain>,
}

/// A folder and those that it is in, by the names that were followed.
struct Chain {
    identity: Identity,
    depth: usize,
    parent: Option<Arc<Chain>>,
}

impl Chain {
    fn contains(&self, identity: Identity) -> bool {
        let mut chain = Some(self);
        while let Some(here) = chain {
            if here.identity == identity {
                return true;
            }
            chain = here.parent.as_deref();
        }
        false
    }
}

/// Breadth first, each folder in the order of its names: so it is the longest names that are left out of too many, the same
/// ones each time.
struct Walk<'a> {
    root: &'a Path,
    files: Vec<ScannedFile>,
    skipped: Vec<Skipped>,
    seen: usize,
    folders: VecDeque<Folder>,
    /// How many names links have given each folder.
    names: BTreeMap<Identity, u32>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Folder) -> Result<(), TooMany> {
        let Folder { key, path: here, chain } = folder;
        for name in self.names_in(here)? {
            let path = here.join(&name);
            let Some(name) = name.to_str() else {
                self.skip(path, SkipReason::NotUtf8);
                continue;
            };
            match self.resolve(path, chain) {
                Ok((path, found)) if found.is_dir() => self.enter(format!("{key}{name}/"), path, &found, chain),
                Ok((path, found)) => self.file(key, name, path, &found),
                Err(skipped) => self.skipped.push(skipped),
            }
        }
        Ok(())
    }

    /// The names in a folder, sorted, but for the hidden ones.
    fn names_in(&mut self, here: &Path) -> Result<Vec<OsString>, TooMany> {
        let mut names = Vec::new();
        match fs::read_dir(self.root.join(here)) {
            Err(error) => self.skip(here.to_owned(), SkipReason::Unreadable(error.kind())),
            Ok(listing) => {
                for entry in listing {
                    let name = match entry {
                        Ok(entry) => entry.file_name(),
                        Err(error) => {
                            self.skip(here.to_owned(), SkipReason::Unreadable(error.kind()));
                            break;
                        }
                    };
                    if name.as_encoded_bytes().first() == Some(&b'.') {
                        continue;
                    }
                    self.seen += 1;
                    if self.seen > DIRECTORY_ENTRIES_MAX {
                        return Err(TooMany);
                    }
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Puts a folder on the list, unless links gave it too many names already. Its own name always counts.
    fn enter(&mut self, key: String, path: PathBuf, found: &Metadata, parent: &Arc<Chain>) {
        if let Err(error) = key::validate(&key) {
            return self.skip(path, SkipReason::Key(error));
        }
        let identity = identity(found);
        if path.to_str() != Some(key.trim_matches('/')) {
            let names = self.names.entry(identity).or_insert(0);
            *names += 1;
            if *names > DIRECTORY_LINKS_MAX {
                // Told once: there may be as many of them as there are names.
                if *names == DIRECTORY_LINKS_MAX + 1 {
                    self.skip(path, SkipReason::TooManyNames);
                }
                return;
            }
        }
        let chain = Chain { identity, depth: parent.depth + 1, parent: Some(Arc::clone(parent)) };
        self.folders.push_back(Folder { key, path, chain: Arc::new(chain) });
    }

    /// The real path of what was found, from the root, and what it is: a regular file or a folder to walk.
    fn resolve(&self, path: PathBuf, chain: &Chain) -> Result<(PathBuf, Metadata), Skipped> {
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
            if chain.contains(identity(&found)) {
                return Err(skip(SkipReason::LinkLoop));
            }
            if chain.depth > DIRECTORY_DEPTH_MAX {
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

#[cfg(test)]
pub(super) mod tests {
    use super::super::Redirect;
    use super::*;
    use crate::pack::{Encoding, KeyError};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    /// A folder of its own, removed at the end.
    pub(in super::super) struct Folder(pub(in super::super) PathBuf);

    impl Folder {
        pub(in super::super) fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("badger-directory-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        pub(in super::super) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
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
    fn folders_that_link_to_each_other_end() {
        let folder = Folder::new("mesh");
        let names: Vec<String> = (10..40).map(|number| format!("d{number}")).collect();
        for name in &names {
            folder.write(&format!("{name}/file"), b"x");
            for other in names.iter().filter(|other| *other != name) {
                symlink(format!("../{other}"), folder.0.join(name).join(other)).unwrap();
            }
        }
        symlink("d39", folder.0.join("zz")).unwrap();
        let found = scan(&folder.0).unwrap();
        // Its own name, then the shortest of the others in their order.
        let of_last: Vec<_> = found.files.iter().filter(|file| file.path == "d39/file").collect();
        assert_eq!(of_last.len(), 1 + DIRECTORY_LINKS_MAX as usize);
        assert_eq!(found.files.len(), names.len() * (1 + DIRECTORY_LINKS_MAX as usize));
        for key in ["/d39/file", "/zz/file", "/d10/d39/file"] {
            assert!(of_last.iter().any(|file| file.key == key), "{key}");
        }
        let cut = found.skipped.iter().filter(|skipped| skipped.reason == SkipReason::TooManyNames);
        assert_eq!(cut.count(), names.len(), "each is told once");
        let again = scan(&folder.0).unwrap();
        assert_eq!((found.files, found.skipped), (again.files, again.skipped));
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
