//! Galleries from somebody's own titles and profiles.

use crate::failure::Failure;
use crate::folder::Folder;
use crate::prepare::{Content, Lines, encodings, pack_lines};
use crate::watch::Watch;
use badgerserver::poco::Layout;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// What was given.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) titles: PathBuf,
    pub(crate) profiles: PathBuf,
    /// A folder of the pictures that the titles name.
    pub(crate) pictures: Option<PathBuf>,
}

/// Packs the galleries, unless that was done for these very files.
pub(crate) fn prepare(
    path: PathBuf,
    own: &Own,
    layout: Layout,
    threads: usize,
    watch: &Arc<dyn Watch>,
) -> Result<Content, Failure> {
    let mut folder = Folder::open(path)?;
    let recipe = format!("{} and {}", describe(&own.titles)?, describe(&own.profiles)?);
    let name = format!("galleries-{}.badger", layout.name());
    if !(folder.is_of(&recipe) && folder.has(&name)) {
        folder.begin(&recipe)?;
        let (titles, profiles) = (own.titles.clone(), own.profiles.clone());
        let job = Lines { titles, profiles, layout, encodings: encodings(), threads };
        pack_lines(&folder, &name, job, "galleries", watch)?;
        folder.end();
    }
    Ok(Content { galleries: folder.path(&name), assets: Vec::new(), pictures: own.pictures.clone() })
}

/// A file, so that a changed one is another: its path, length and time.
fn describe(path: &Path) -> Result<String, Failure> {
    let described = fs::canonicalize(path).and_then(|whole| {
        let found = fs::metadata(&whole)?;
        let time = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{whole:?} of {} bytes at {}", found.len(), time.as_nanos()))
    });
    described.map_err(|error| {
        Failure::new(format!("{}: {error}", path.display()), "name a file of JSON lines: see docs/gallery.md")
    })
}
