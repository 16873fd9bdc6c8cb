//! A directory under a prefix: packed into a temporary file that has no name, but for its large files.
#![forbid(unsafe_code)]

use super::pack::{Inline, Packed, Packing, write_files};
use super::{DirectoryError, Scan, Skipped, scan};
use crate::pack::{Pack, PackWriter, WriteError, WriterOptions};
use crate::route::{FileTable, Mount, Router};
use crate::server::pack_file::mapped;
use crate::sys::ContentFile;
use crate::sys::file::unlinked_temporary;
use std::path::Path;

/// Longest file that is packed when the server starts. Above it, opening a file costs little beside sending it, and a start
/// need not copy it; below it, a file has an entity tag of its content.
const INLINE_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most bytes that are packed when the server starts: temporary folders are often in memory.
const INLINE_TOTAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

impl Mount {
    /// A directory under a prefix, as it is now: its files up to 1 MiB are copied, larger ones are opened when they are asked
    /// for. What comes later is seen by a new mount. `index.html` answers for its folder; names that begin with a dot,
    /// and links out of the directory, are left out.
    ///
    /// # Errors
    /// The directory cannot be read, or there is no room for the copies.
    pub fn dir(prefix: &str, path: impl AsRef<Path>) -> Result<Mount, DirectoryError> {
        Mount::scanned(prefix, &scan(path.as_ref())?).map(|(mount, _)| mount)
    }

    /// As [`Mount::dir`], from a scan; gives the files that could not be read since.
    ///
    /// # Errors
    /// There is no room for the copies.
    pub fn scanned(prefix: &str, scan: &Scan) -> Result<(Mount, Vec<Skipped>), DirectoryError> {
        let inline = Inline { file_bytes_max: INLINE_FILE_BYTES_MAX, total_bytes_max: INLINE_TOTAL_BYTES_MAX };
        let (pack, packed) = pack_privately(scan, inline)?;
        let paths = packed.outside.into_iter().map(Into::into).collect();
        let mount = Mount::files(prefix, pack, FileTable { root: scan.root.clone(), paths });
        Ok((mount, packed.skipped))
    }
}

impl Router {
    /// Mounts a directory: [`Mount::dir`] with no headers.
    ///
    /// # Errors
    /// As [`Mount::dir`].
    pub fn dir(self, prefix: &str, path: impl AsRef<Path>) -> Result<Router, DirectoryError> {
        Ok(self.mount(Mount::dir(prefix, path)?))
    }
}

fn pack_privately(scan: &Scan, inline: Inline) -> Result<(Pack, Packed), DirectoryError> {
    let folder = std::env::temp_dir();
    let temporary = |error| DirectoryError::Temporary { path: folder.clone(), error };
    let file = unlinked_temporary(&folder).map_err(temporary)?;
    let spool = unlinked_temporary(&folder).map_err(temporary)?;
    // Files that are packed are read before: what fails in the writer are the temporary files.
    let full = |error| match error {
        DirectoryError::Write(WriteError::Io(error)) => temporary(error),
        error => error,
    };
    let writer = PackWriter::create_private(&file, spool, WriterOptions::default())
        .map_err(|error| full(DirectoryError::Write(error)))?;
    let mut packing = Packing { immutable: &|_| false, prepare: &mut Scan::prepare };
    let packed = write_files(scan, writer, &mut packing, Some(inline)).map_err(full)?;
    let file = ContentFile::from_file(file).map_err(temporary)?;
    Ok((mapped(file, Pack::from_source_private).map_err(DirectoryError::Open)?, packed))
}

#[cfg(test)]
mod tests {
    use super::super::walk::tests::Folder;
    use super::*;
    use crate::server::TestClient;

    #[test]
    fn a_directory_answers_under_a_prefix_and_at_the_root() {
        let folder = Folder::new("mount");
        let large: Vec<u8> = (0..INLINE_FILE_BYTES_MAX + 1).map(|place| (place % 251) as u8).collect();
        folder.write("docs/index.html", b"<h1>docs");
        folder.write("docs/a b.txt", b"text");
        folder.write("docs/large.bin", &large);
        for prefix in ["", "/site"] {
            let mut client = TestClient::new(Router::new().dir(prefix, &folder.0).unwrap()).unwrap();
            let docs = client.get(&format!("{prefix}/docs/"));
            assert_eq!((docs.status(), docs.body()), (200, &b"<h1>docs"[..]));
            assert_eq!(docs.header("content-type"), Some("text/html; charset=utf-8"));
            assert_eq!(client.get(&format!("{prefix}/docs/index.html")).header("etag"), docs.header("etag"));
            let moved = client.get(&format!("{prefix}/docs"));
            assert_eq!((moved.status(), moved.header("location")), (301, Some("docs/")));
            assert_eq!(client.get(&format!("{prefix}/docs/a%20b.txt")).body(), b"text");
            assert_eq!(client.get(&format!("{prefix}/docs/large.bin")).body(), large);
            let part = client.request("GET", &format!("{prefix}/docs/large.bin"), &[("Range", "bytes=1000-1003")]);
            assert_eq!((part.status(), part.body()), (206, &large[1000..1004]));
            for nothing in ["/", "/docs/b", "/docs/../docs/a%20b.txt/x", "/docs/a b.txt"] {
                let status = client.get(&format!("{prefix}{nothing}")).status();
                assert!((400..500).contains(&status), "{nothing}: {status}");
            }
        }
    }

    #[test]
    fn a_large_file_that_is_gone_is_404() {
        let folder = Folder::new("mount-gone");
        let path = folder.write("large.bin", &vec![0; INLINE_FILE_BYTES_MAX as usize + 1]);
        let mut client = TestClient::new(Router::new().dir("", &folder.0).unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(client.get("/large.bin").status(), 404);
    }

    #[test]
    fn an_empty_directory_finds_nothing() {
        let folder = Folder::new("mount-empty");
        let mut client = TestClient::new(Router::new().dir("/x", &folder.0).unwrap()).unwrap();
        assert_eq!(client.get("/x/a").status(), 404);
    }
}
