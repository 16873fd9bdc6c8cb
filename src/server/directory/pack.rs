//! From a scan to a pack: the same code for `badger pack files` and for a directory that is served as it is.
//!
//! ```text
//! for each file: whole and encoded, as the caller prepared it   -> add
//!                one of several MiB                             -> add, streamed
//!                too large for the pack, or the pack is full    -> its number in the file table (private packs only)
//! ```
#![forbid(unsafe_code)]

use super::{DirectoryError, OpenFile, SIBLING_BYTES_MAX, Scan, ScannedFile, SkipReason, Skipped};
use crate::pack::{Encoding, Entry, External, PackWriter, Summary, WriteError};
use std::io::{self, Read, Seek, Write};

/// Longest file that is read whole; a longer one is streamed.
const WHOLE_BYTES_MAX: u64 = SIBLING_BYTES_MAX;

/// A file's bytes as they go into the pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// All of it, and its other encodings.
    Whole {
        /// The bytes of the file.
        identity: Vec<u8>,
        /// The same content encoded: from siblings, or made by the caller.
        encoded: Vec<(Encoding, Vec<u8>)>,
    },
    /// Too long to be held: it is streamed.
    Stream,
}

/// How a scan is packed.
pub struct Packing<'a> {
    /// Whether the content at this key never changes.
    pub immutable: &'a dyn Fn(&str) -> bool,
    /// Called once for each file in order, with its number: its bytes, or why there are none. [`Scan::prepare`] reads
    /// them; what calls it may do so ahead and on other threads, and may add encodings.
    pub prepare: &'a mut dyn FnMut(&Scan, usize) -> Result<Prepared, SkipReason>,
}

impl std::fmt::Debug for Packing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packing").finish_non_exhaustive()
    }
}

/// Which files stay outside a private pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inline {
    /// Longest file that is packed. One with precompressed siblings is packed up to [`WHOLE_BYTES_MAX`]: only a packed
    /// file has encodings.
    pub(super) file_bytes_max: u64,
    /// Most bytes that are packed in all.
    pub(super) total_bytes_max: u64,
}

/// What became of a scan.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Packed {
    /// What the writer says.
    pub summary: Summary,
    /// Files of the scan that could not be read in the end.
    pub skipped: Vec<Skipped>,
    /// The paths of the files that stay outside, by the number that their records have.
    pub(crate) outside: Vec<String>,
}

/// Writes all files and redirects of a scan.
///
/// # Errors
/// [`DirectoryError::Write`], also when a streamed file changes while it is read.
pub fn write_pack<W, S>(
    scan: &Scan,
    writer: PackWriter<W, S>,
    packing: &mut Packing<'_>,
) -> Result<Packed, DirectoryError>
where
    W: Read + Write + Seek,
    S: Read + Write + Seek,
{
    write_files(scan, writer, packing, None)
}

/// [`write_pack`], but for the files that stay outside.
pub(super) fn write_files<W, S>(
    scan: &Scan,
    mut writer: PackWriter<W, S>,
    packing: &mut Packing<'_>,
    inline: Option<Inline>,
) -> Result<Packed, DirectoryError>
where
    W: Read + Write + Seek,
    S: Read + Write + Seek,
{
    let mut outside = Vec::new();
    let mut skipped = Vec::new();
    let mut total_bytes = 0;
    for (index, file) in scan.files.iter().enumerate() {
        let added = if inline.is_some_and(|inline| stays_outside(file, inline, total_bytes)) {
            add_outside(scan, &mut writer, packing, index, &mut outside)?
        } else {
            total_bytes += file.len;
            add_inside(scan, &mut writer, packing, index)?
        };
        if let Err(reason) = added {
            skipped.push((index, Skipped { path: file.path.clone().into(), reason }));
        }
    }
    for redirect in &scan.redirects {
        // The file behind it could not be read: no redirect to nothing.
        let index = format!("{}/", redirect.key);
        if skipped.iter().any(|(file, _)| scan.files[*file].folder_key.as_ref() == Some(&index)) {
            continue;
        }
        let headers: &[(&str, &str)] = &[("Location", &redirect.location)];
        let bodies: &[(Encoding, &[u8])] = &[(Encoding::Identity, b"")];
        let entry = Entry { key: &redirect.key, status: 301, headers, bodies, ..Entry::default() };
        writer.add(entry).map_err(DirectoryError::Write)?;
    }
    let skipped = skipped.into_iter().map(|(_, skipped)| skipped).collect();
    Ok(Packed { summary: writer.finish().map_err(DirectoryError::Write)?, skipped, outside })
}

fn stays_outside(file: &ScannedFile, inline: Inline, total_bytes: u64) -> bool {
    let file_bytes_max = if file.siblings.is_empty() { inline.file_bytes_max } else { WHOLE_BYTES_MAX };
    file.len > file_bytes_max || file.len > inline.total_bytes_max.saturating_sub(total_bytes)
}

/// An entry for each key of the file; the bodies are added by the caller.
fn entries<'a>(file: &'a ScannedFile, packing: &Packing<'_>) -> impl Iterator<Item = Entry<'a>> {
    let immutable = (packing.immutable)(&file.key);
    // A pack has no times before 1970; a file that claims one has none.
    let last_modified = Some(file.modified_unix_seconds).filter(|time| *time >= 0);
    let entry = Entry { content_type: file.content_type(), last_modified, immutable, ..Entry::default() };
    let keys = file.folder_key.as_deref().into_iter().chain([file.key.as_str()]);
    keys.map(move |key| Entry { key, ..entry })
}

type Added = Result<(), SkipReason>;

fn add_inside<W: Read + Write + Seek, S: Read + Write + Seek>(
    scan: &Scan,
    writer: &mut PackWriter<W, S>,
    packing: &mut Packing<'_>,
    index: usize,
) -> Result<Added, DirectoryError> {
    let file = &scan.files[index];
    let prepared = match (packing.prepare)(scan, index) {
        Ok(prepared) => prepared,
        Err(reason) => return Ok(Err(reason)),
    };
    match prepared {
        Prepared::Whole { identity, encoded } => {
            let mut bodies = vec![(Encoding::Identity, identity.as_slice())];
            bodies.extend(encoded.iter().map(|(encoding, body)| (*encoding, body.as_slice())));
            for entry in entries(file, packing) {
                writer.add(Entry { bodies: &bodies, ..entry }).map_err(DirectoryError::Write)?;
            }
        }
        Prepared::Stream => {
            let mut open = match OpenFile::open(scan, &file.path) {
                Ok(open) => open,
                Err(error) => return Ok(Err(SkipReason::Unreadable(error.kind()))),
            };
            let bytes = open.content.len();
            for entry in entries(file, packing) {
                writer.add_from(entry, &mut open, bytes).map_err(|error| changed(error, file))?;
            }
        }
    }
    Ok(Ok(()))
}

/// A file that grows or shrinks while it is streamed leaves the pack half written.
fn changed(error: WriteError, file: &ScannedFile) -> DirectoryError {
    DirectoryError::Write(match error {
        WriteError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            WriteError::BodyChanged { key: file.key.clone(), ordinal: 0 }
        }
        error => error,
    })
}

fn add_outside<W: Read + Write + Seek, S: Read + Write + Seek>(
    scan: &Scan,
    writer: &mut PackWriter<W, S>,
    packing: &Packing<'_>,
    index: usize,
    outside: &mut Vec<String>,
) -> Result<Added, DirectoryError> {
    let file = &scan.files[index];
    if let Err(error) = OpenFile::open(scan, &file.path) {
        return Ok(Err(SkipReason::Unreadable(error.kind())));
    }
    // The tag is never sent: hashing whole files would make a start as slow as reading the disk, and the file may change.
    let external = External { number: outside.len() as u64, bytes: file.len, etag_hash: [0; 16] };
    for entry in entries(file, packing) {
        writer.add_external(entry, external).map_err(DirectoryError::Write)?;
    }
    outside.push(file.path.clone());
    Ok(Ok(()))
}

impl Scan {
    /// Reads a file and its precompressed siblings, unless it is so long that it has to be streamed. One that changes
    /// while it is read is read once more.
    ///
    /// # Errors
    /// Why it has to be left out.
    ///
    /// # Panics
    /// If there is no file of this number.
    pub fn prepare(&self, index: usize) -> Result<Prepared, SkipReason> {
        let file = &self.files[index];
        if file.len > WHOLE_BYTES_MAX {
            return Ok(Prepared::Stream);
        }
        let identity = self.read_whole(&file.path)?;
        let mut encoded = Vec::with_capacity(file.siblings.len());
        for sibling in &file.siblings {
            // One that cannot be read is not missed: it has a key of its own, which tells of it.
            if let Ok(body) = self.read_whole(&sibling.path) {
                encoded.push((sibling.encoding, body));
            }
        }
        Ok(Prepared::Whole { identity, encoded })
    }

    fn read_whole(&self, path: &str) -> Result<Vec<u8>, SkipReason> {
        let mut outcome = Err(SkipReason::Changed);
        for _ in 0..2 {
            outcome = self.read_once(path).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => SkipReason::Changed,
                kind => SkipReason::Unreadable(kind),
            });
            if outcome != Err(SkipReason::Changed) {
                break;
            }
        }
        outcome
    }

    /// `UnexpectedEof` when the file is of another length at the end than at the start.
    fn read_once(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut open = OpenFile::open(self, path)?;
        let bytes = open.content.len();
        if bytes > WHOLE_BYTES_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut body = vec![0; bytes as usize]; // at most WHOLE_BYTES_MAX
        open.read_exact(&mut body)?;
        let again = OpenFile::open(self, path)?;
        if again.content.len() != bytes || again.content.modified_unix_seconds() != open.content.modified_unix_seconds()
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::*;
    use crate::pack::{Pack, Record, WriterOptions};
    use std::io::Cursor;
    use std::sync::Arc;

    fn pack(scan: &Scan, inline: Option<Inline>) -> (Vec<u8>, Packed) {
        let (mut out, spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let writer = match inline {
            Some(_) => PackWriter::create_private(&mut out, spool, WriterOptions::default()),
            None => PackWriter::create(&mut out, spool, WriterOptions::default()),
        };
        let immutable = |key: &str| key.contains(".hash.");
        let mut packing = Packing { immutable: &immutable, prepare: &mut Scan::prepare };
        let packed = write_files(scan, writer.unwrap(), &mut packing, inline).unwrap();
        (out.into_inner(), packed)
    }

    /// All that a pack answers, as text.
    fn answers(bytes: Vec<u8>) -> Vec<String> {
        let pack = Pack::from_source_private(Arc::new(bytes)).unwrap();
        let line = |record: Record| {
            let mut line = format!("{} {}", record.status(), String::from_utf8_lossy(record.key()));
            for variant in record.variants() {
                let outside =
                    if record.flags().external() { format!("#{} ", variant.payload_offset()) } else { String::new() };
                line += &format!(" {outside}{}:{}", variant.encoding().token(), variant.payload_bytes());
            }
            line + if record.flags().immutable() { " immutable" } else { "" }
        };
        let mut lines: Vec<String> = pack.entries().map(|record| line(record.unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn files_indexes_redirects_and_siblings_become_entries() {
        let folder = Folder::new("pack");
        folder.write("index.html", b"<h1>");
        folder.write("docs/index.html", b"<h2>");
        folder.write("app.hash.js", &[b'x'; 400]);
        folder.write("app.hash.js.br", &[1; 20]);
        folder.write("app.hash.js.gz", &[2; 400]);
        let scan = super::super::scan(&folder.0).unwrap();
        let (bytes, packed) = pack(&scan, None);
        assert_eq!(bytes, pack(&scan, None).0, "the same tree gives the same bytes");
        assert!(packed.outside.is_empty() && packed.skipped.is_empty());
        assert_eq!(
            answers(bytes),
            [
                "200 / identity:4",
                "200 /app.hash.js identity:400 br:20 immutable",
                "200 /app.hash.js.br identity:20 immutable",
                "200 /app.hash.js.gz identity:400 immutable",
                "200 /docs/ identity:4",
                "200 /docs/index.html identity:4",
                "200 /index.html identity:4",
                "301 /docs identity:0",
            ]
        );
    }

    #[test]
    fn large_files_and_those_after_a_full_pack_stay_outside() {
        let folder = Folder::new("outside");
        for (name, bytes) in [("a", 10), ("b", 11), ("c", 10), ("d", 10), ("e", 300), ("e.gz", 5), ("f", 300)] {
            folder.write(name, &vec![b'x'; bytes]);
        }
        let scan = super::super::scan(&folder.0).unwrap();
        let (bytes, packed) = pack(&scan, Some(Inline { file_bytes_max: 10, total_bytes_max: 1 << 20 }));
        assert_eq!(packed.outside, ["b", "f"]);
        let expected =
            ["/a identity:10", "/b #0 identity:11", "/c identity:10", "/d identity:10", "/e identity:300 gzip:5"]
                .map(|line| format!("200 {line}"));
        assert_eq!(answers(bytes)[..5], expected);
        let (_, packed) = pack(&scan, Some(Inline { file_bytes_max: 10, total_bytes_max: 25 }));
        assert_eq!(packed.outside, ["b", "d", "e", "f"], "two of ten bytes, and the sibling, fit in 25");
    }

    #[test]
    fn what_vanished_after_the_scan_is_left_out_with_its_redirect() {
        let folder = Folder::new("vanished");
        let index = folder.write("docs/index.html", b"x");
        folder.write("kept", b"x");
        folder.write("swapped", b"x");
        let scan = super::super::scan(&folder.0).unwrap();
        std::fs::remove_file(index).unwrap();
        std::fs::remove_file(folder.0.join("swapped")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.0.join("swapped")).unwrap();
        let (bytes, packed) = pack(&scan, None);
        assert_eq!(answers(bytes), ["200 /kept identity:1"]);
        let paths: Vec<_> = packed.skipped.iter().map(|skipped| skipped.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["docs/index.html", "swapped"]);
    }

    #[test]
    fn a_long_file_is_streamed_and_a_time_before_1970_forgotten() {
        let folder = Folder::new("long");
        let path = folder.write("long.bin", b"");
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_len(WHOLE_BYTES_MAX + 1).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(10)).unwrap();
        let scan = super::super::scan(&folder.0).unwrap();
        assert_eq!(scan.files[0].modified_unix_seconds, -10);
        assert_eq!(scan.prepare(0), Ok(Prepared::Stream));
        let (bytes, _) = pack(&scan, None);
        let pack = Pack::from_bytes(bytes).unwrap();
        let record = pack.entries().next().unwrap().unwrap();
        assert_eq!(record.last_modified(), None);
        assert_eq!(record.variant(0).unwrap().payload_bytes(), WHOLE_BYTES_MAX + 1);
    }
}
