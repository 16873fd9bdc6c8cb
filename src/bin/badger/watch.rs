//! `--watch`: content that has changed is loaded again.
//!
//! ```text
//! look:  a number made of every file's path, identity, length and times
//!        as when it was loaded  ->  look again later
//!        else the same twice    ->  it has settled: load it again
//! ```
//! Looking by itself sees what every file system can show, also that a folder was replaced, or what lies behind a link.

use crate::failure::Failure;
use crate::lifecycle::{Lifecycle, thread_failure};
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, Metadata};
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Most of the time that goes into looking, one part of so many: large folders are looked at less often.
const LOOK_PARTS: u32 = 50;

/// What the content looks like now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look(u64);

impl Look {
    pub(crate) fn at(paths: &[PathBuf]) -> Look {
        let (mut hasher, mut seen) = (DefaultHasher::new(), BTreeSet::new());
        for path in paths {
            add(path, &mut hasher, &mut seen);
        }
        Look(hasher.finish())
    }
}

/// Adds a path, and what is beneath it. A folder counts once however many links lead to it.
fn add(path: &Path, hasher: &mut DefaultHasher, seen: &mut BTreeSet<(u64, u64)>) {
    path.hash(hasher);
    // Behind links: content is. What cannot be looked at is a change too when it can be later.
    let Ok(found) = path.metadata() else { return };
    times(&found).hash(hasher);
    if !found.is_dir() || !seen.insert((found.dev(), found.ino())) {
        return;
    }
    let mut names: Vec<_> = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    names.sort_unstable();
    names.iter().for_each(|name| add(name, hasher, seen));
}

fn times(found: &Metadata) -> impl Hash {
    let modified = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
    (found.dev(), found.ino(), found.len(), modified)
}

/// Looks on a thread of its own, and asks for a reload when what is there is neither what was loaded nor still changing.
/// `loaded`: a look from before the content was loaded, so that no change is missed.
///
/// # Errors
/// There can be no more threads.
pub(crate) fn start(lifecycle: &Arc<Lifecycle>, paths: Vec<PathBuf>, mut loaded: Look) -> Result<(), Failure> {
    let lifecycle = Arc::clone(lifecycle);
    let watch = move || {
        let mut before = loaded;
        loop {
            let start = Instant::now();
            let look = Look::at(&paths);
            if look != loaded && look == before {
                loaded = look;
                lifecycle.ask_for_reload();
            }
            before = look;
            std::thread::sleep(LOOK_INTERVAL.max(start.elapsed() * LOOK_PARTS));
        }
    };
    std::thread::Builder::new().name("watch".to_owned()).spawn(watch).map_err(thread_failure)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_change_looks_different_and_nothing_else() {
        let root = std::env::temp_dir().join(format!("badger-watch-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("site/deep")).unwrap();
        fs::write(root.join("site/deep/a"), "a").unwrap();
        fs::write(root.join("pack"), "one").unwrap();
        symlink("../site", root.join("site/loop")).unwrap();
        symlink("pack", root.join("link")).unwrap();
        let paths = [root.join("site"), root.join("link"), root.join("missing")];
        let mut last = Look::at(&paths);
        assert_eq!(Look::at(&paths), last);
        let changes: [(&str, &dyn Fn()); 6] = [
            ("a longer file", &|| fs::write(root.join("site/deep/a"), "aa").unwrap()),
            ("a new file", &|| fs::write(root.join("site/b"), "").unwrap()),
            ("a new name", &|| fs::rename(root.join("site/b"), root.join("site/c")).unwrap()),
            ("a file that is gone", &|| fs::remove_file(root.join("site/c")).unwrap()),
            ("a file put in place behind a link", &|| {
                fs::write(root.join("new"), "two").unwrap();
                fs::rename(root.join("new"), root.join("pack")).unwrap();
            }),
            ("a file that is there at last", &|| fs::write(root.join("missing"), "").unwrap()),
        ];
        for (what, change) in changes {
            change();
            let now = Look::at(&paths);
            assert_ne!(now, last, "{what}");
            assert_eq!(Look::at(&paths), now, "{what}");
            last = now;
        }
        fs::remove_dir_all(root).unwrap();
    }
}
