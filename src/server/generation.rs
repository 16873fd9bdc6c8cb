//! One state of the content: a router with its files. Workers share it by one `Arc` each and count their uses plainly.
#![forbid(unsafe_code)]

use super::routes::{self, RouteNames};
use crate::pack::Pack;
use crate::ring::outgoing::Pin;
use crate::route::{FileTable, Local, Named, Router};
use crate::sys::ContentFile;
use crate::sys::file::Directory;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// A router, ready to serve. Immutable; replaced whole.
pub(crate) struct Generation {
    /// 1 for the first, one more for each swap.
    pub(crate) number: u64,
    pub(crate) router: Router,
    /// The files of the packs, in the order of their source numbers.
    files: Vec<Arc<ContentFile>>,
    /// The roots of the mounted directories, with the numbers of their mounts.
    roots: Vec<(u32, Directory)>,
    /// Where answers are counted, by what the router chose.
    rows: Box<[u8]>,
}

impl Generation {
    /// # Errors
    /// A mounted directory that is gone, a pack that cannot be read.
    pub(crate) fn new(number: u64, router: Router, names: &mut RouteNames) -> io::Result<Generation> {
        let files = router.sources().iter().map(file_of).collect::<io::Result<_>>()?;
        let open = |(mount, table): (u32, &FileTable)| match Directory::open(&table.root) {
            Ok(root) => Ok((mount, root)),
            Err(error) => {
                let what = format!("cannot open the directory {}: {error}", table.root.display());
                Err(io::Error::new(error.kind(), what))
            }
        };
        let roots = router.file_tables().map(open).collect::<io::Result<_>>()?;
        let rows = names.rows(&router);
        Ok(Generation { number, router, files, roots, rows })
    }

    /// The packs, each with the name of its mount and its file.
    pub(crate) fn packs(&self) -> impl Iterator<Item = (Named<'_>, &Pack, &Arc<ContentFile>)> {
        self.router.mounted().zip(&self.files).map(|((named, pack), file)| (named, pack, file))
    }

    /// Opens a file of a mounted directory.
    pub(crate) fn open_file(&self, mount: u32, file: u64) -> io::Result<ContentFile> {
        let missing = || io::Error::new(io::ErrorKind::InvalidInput, "no such file in the table");
        let root = self.roots.iter().find(|root| root.0 == mount).ok_or_else(missing)?;
        let path = self.path_of(mount, file).ok_or_else(missing)?;
        root.1.open_beneath(path.1.to_str().ok_or_else(missing)?)
    }

    /// Where a file of a mounted directory lies: its root and its path beneath it.
    pub(crate) fn path_of(&self, mount: u32, file: u64) -> Option<(&Path, &Path)> {
        let table = self.router.file_tables().find(|table| table.0 == mount)?.1;
        let path = table.paths.get(usize::try_from(file).ok()?)?;
        Some((&table.root, path))
    }
}

/// The file behind a pack. A source that is not a file of ours is read into memory once.
fn file_of(pack: &Pack) -> io::Result<Arc<ContentFile>> {
    let source = pack.source();
    if let Ok(file) = Arc::clone(source).into_any().downcast::<ContentFile>() {
        return Ok(file);
    }
    let len = usize::try_from(source.len())
        .map_err(|_| io::Error::new(io::ErrorKind::OutOfMemory, "the pack does not fit into memory"))?;
    let mut bytes = vec![0; len];
    source.read_at(0, &mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Arc::new(ContentFile::from_memory(bytes)))
}

/// A generation as one worker uses it.
pub(crate) struct LocalGeneration {
    pub(crate) shared: Arc<Generation>,
    pub(crate) local: Local,
    pub(crate) pins: Vec<Pin>,
}

impl LocalGeneration {
    pub(crate) fn new(shared: Arc<Generation>) -> LocalGeneration {
        let local = shared.router.local();
        let pins = shared.files.iter().map(|file| Rc::new(Arc::clone(file))).collect();
        LocalGeneration { shared, local, pins }
    }

    /// Where the answer to the last request that was looked for is counted.
    pub(crate) fn row(&self) -> u8 {
        let row = self.local.chosen.and_then(|number| self.shared.rows.get(usize::from(number)));
        row.copied().unwrap_or(routes::NONE)
    }
}
