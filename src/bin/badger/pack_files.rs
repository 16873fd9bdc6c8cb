//! `badger pack files DIR -o OUT`.

use crate::arguments::{OutputArguments, whole_failure};
use crate::compress::{Encodings, encode, is_compressible};
use crate::failure::Failure;
use crate::ordered::ordered;
use crate::output::Output;
use crate::progress::Progress;
use badgerserver::directory::{self, DirectoryError, Packing, Prepared, Scan, SkipReason};
use badgerserver::pack::{Encoding, PackWriter};
use clap::Args;
use glob::{MatchOptions, Pattern};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Args)]
pub(crate) struct FilesArguments {
    /// The directory; files and folders whose name begins with a dot are left out
    directory: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
    /// Encodings for types that become smaller: a list of br, gzip and zstd, or none. Files a.js.br, a.js.gz and a.js.zst
    /// beside a.js are used as they are
    #[arg(long, value_name = "LIST", default_value = "br,gzip")]
    encode: Encodings,
    /// Leave out what matches: a name anywhere (*.map), or a path (drafts/**/*.html). May be given again
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Pattern>,
    /// Mark what matches as never changing, so that browsers keep it for a year: names with a hash in them. May be
    /// given again
    #[arg(long, value_name = "GLOB")]
    immutable: Vec<Pattern>,
}

pub(crate) fn run(arguments: &FilesArguments) -> Result<ExitCode, Failure> {
    let mut scan = directory::scan(&arguments.directory).map_err(|error| {
        Failure::new(error.to_string())
            .remedy("name a directory that can be read; for JSON lines there is `badger pack records`")
    })?;
    scan.exclude(|key| matches(&arguments.exclude, key));
    let output = arguments.output.open()?;
    if let Some(own) = own_key(&scan, &output) {
        scan.exclude(|key| key == own);
    }
    if scan.files.is_empty() {
        return Err(Failure::new(format!("{}: no files to pack", arguments.directory.display()))
            .remedy("names that begin with a dot are left out, and so is what --exclude matches"));
    }
    let scan = Arc::new(scan);
    let progress = Progress::bytes("packing", Some(scan.files.iter().map(|file| file.len).sum()));
    for skipped in &scan.skipped {
        progress.warn(&skipped.to_string());
    }
    let packed = write(arguments, &scan, &output, &progress)?;
    for skipped in &packed.skipped {
        progress.warn(&skipped.to_string());
    }
    drop(progress);
    output.commit()?;
    arguments.output.print_summary(&packed.summary);
    Ok(ExitCode::SUCCESS)
}

fn write(
    arguments: &FilesArguments,
    scan: &Arc<Scan>,
    output: &Output,
    progress: &Progress,
) -> Result<directory::Packed, Failure> {
    let work = {
        let (scan, encodings) = (Arc::clone(scan), arguments.encode.clone());
        move |index: usize| prepare(&scan, index, &encodings)
    };
    let jobs = {
        let scan = Arc::clone(scan);
        (0..scan.files.len()).map(move |index| (index, scan.files[index].len))
    };
    let mut results =
        ordered(arguments.output.jobs(), jobs, work).map_err(|error| Failure::new(format!("threads: {error}")))?;
    let immutable = |key: &str| matches(&arguments.immutable, key);
    let mut prepare = |scan: &Scan, index: usize| {
        progress.advance(scan.files[index].len);
        results.next().expect("there is one result for each file, in their order")
    };
    let writer = PackWriter::create(output.file(), output.spool()?, arguments.output.options());
    let writer = writer.map_err(|error| whole_failure(output.target(), error))?;
    let mut packing = Packing { immutable: &immutable, prepare: &mut prepare };
    directory::write_pack(scan, writer, &mut packing).map_err(|error| match error {
        DirectoryError::Write(error) => whole_failure(output.target(), error),
        error => Failure::new(error.to_string()),
    })
}

/// Reads a file and encodes what its siblings do not give.
fn prepare(scan: &Scan, index: usize, encodings: &Encodings) -> Result<Prepared, SkipReason> {
    let mut prepared = scan.prepare(index)?;
    if let Prepared::Whole { identity, encoded } = &mut prepared {
        if is_compressible(scan.files[index].content_type()) {
            let present: Vec<Encoding> = encoded.iter().map(|sibling| sibling.0).collect();
            encoded
                .extend(encode(identity, encodings, &present).map_err(|error| SkipReason::Unreadable(error.kind()))?);
        }
    }
    Ok(prepared)
}

/// The key that the pack itself would have, when it is written into the directory that is packed.
fn own_key(scan: &Scan, output: &Output) -> Option<String> {
    let folder = std::fs::canonicalize(output.folder()).ok()?;
    let path = folder.join(output.target().file_name()?);
    Some(format!("/{}", path.strip_prefix(&scan.root).ok()?.to_str()?))
}

/// Whether a pattern matches the key or a folder that it lies in. A pattern without a slash is about one name; one with
/// a slash about the path from the root.
fn matches(patterns: &[Pattern], key: &str) -> bool {
    const OPTIONS: MatchOptions =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };
    let path = key.trim_matches('/');
    patterns.iter().any(|pattern| {
        if pattern.as_str().contains('/') {
            let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
            ends.map(|end| &path[..end]).any(|path| {
                pattern.matches_with(path, OPTIONS)
                    || pattern.matches_with(&format!("/{path}"), OPTIONS)
                    || pattern.matches_with(&format!("{path}/"), OPTIONS)
            })
        } else {
            path.split('/').any(|name| pattern.matches_with(name, OPTIONS))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let table = [
            ("*.map", "/a/b.map", true),
            ("*.map", "/a.map/b", true),
            ("*.map", "/a/b.mapx", false),
            ("node_modules", "/a/node_modules/b/c", true),
            ("docs/*.html", "/docs/a.html", true),
            ("docs/*.html", "/docs/b/a.html", false),
            ("docs/**/*.html", "/docs/b/a.html", true),
            ("docs/**/*.html", "/docs/a.html", true),
            ("/docs/*", "/docs/a/b", true),
            ("/docs/*", "/x/docs/a", false),
            ("docs/", "/docs/a/b", true),
            ("**/x/*.js", "/a/b/x/c.js", true),
        ];
        for (pattern, key, expected) in table {
            assert_eq!(matches(&[Pattern::new(pattern).unwrap()], key), expected, "{pattern} {key}");
        }
    }
}
