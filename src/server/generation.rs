//! One state of the content: a router with its files. Workers share it by one `Arc` each and count their uses plainly.
#![forbid(unsafe_code)]

use crate::pack::Pack;
use crate::ring::outgoing::Pin;
use crate::route::{Local, Router};
use crate::sys::ContentFile;
use crate::sys::file::Directory;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// A router, ready to serve. Immutable; replaced whole.
pub(crate) struct Generation {
    /// 1 for the first, one more for each swap.
    pub(crate) number: u64,
    pub(crate) router: Router,
    /// The files of the packs, in the order of their source numbers.
    files: Vec<Arc<ContentFile>>,
    /// The roots of the mounted directories, in the order of the router's file tables.
    pub(crate) roots: Vec<Arc<Directory>>,
}

impl Generation {
    /// # Errors
    /// A mounted directory that is gone, a pack that cannot be read.
    pub(crate) fn new(number: u64, router: Router) -> io::Result<Generation> {
        let files = router.sources().iter().map(file_of).collect::<io::Result<_>>()?;
        let open = |root: &std::path::Path| {
            Directory::open(root).map(Arc::new).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot open the directory {}: {error}", root.display()))
            })
        };
        let roots = router.file_tables().iter().map(|table| open(&table.root)).collect::<io::Result<_>>()?;
        Ok(Generation { number, router, files, roots })
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
}
