//! `badger pack records IN -o OUT`.
//!
//! ```text
//! input -> pieces of whole lines -> parsed and encoded on all cores -> added in order of their lines
//! ```

use crate::arguments::{OutputArguments, Shard, whole_failure};
use crate::compress::{ENCODE_BYTES_MAX, Encodings, encode, is_compressible};
use crate::failure::{Failure, io_failure};
use crate::ordered::ordered;
use crate::output::Output;
use crate::progress::Progress;
use crate::record_line::{Body, RecordLine};
use badgerserver::pack::{Encoding, Entry, PackWriter, WriteError, WriterOptions};
use badgerserver::route::media::media_type;
use clap::Args;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Bytes of input that one thread takes at a time; a longer line goes alone.
const PIECE_BYTES: usize = 256 * 1024;
/// Longest line. A longer body belongs in a file of its own, named by "file".
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of files that one piece holds; those that do not fit are read when their turn comes.
const PIECE_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Args)]
#[command(after_long_help = FORMAT)]
pub(crate) struct RecordsArguments {
    /// The records, one JSON object a line; - for standard input
    input: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
    /// Encodings for types that become smaller: a list of br, gzip and zstd, or none [default: br,gzip for records that say
    /// "encode": true]
    #[arg(long, value_name = "LIST")]
    encode: Option<Encodings>,
    /// Keep only the keys of shard I of N, counted from 0: those with XXH64(key) % N == I
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Make the pack even if it has no keys
    #[arg(long)]
    allow_empty: bool,
}

const FORMAT: &str = "Fields of a record:
  key            the request path that it answers, decoded: \"/gallery/7\"
  type           the media type [default: by the ending of the key]
  text           the body; or
  base64         the body in base64; or
  file           a file with the body, relative to the input file
  status         [default: 200]
  headers        more header fields: {\"Name\": \"value\"}
  last_modified  seconds since 1970-01-01 UTC, or \"2016-05-17T21:30:00Z\"
  immutable      true: what is at this key never changes
  encode         true or false: whether to encode the body, whatever its type";

pub(crate) fn run(arguments: RecordsArguments) -> Result<ExitCode, Failure> {
    let input = Input::open(&arguments.input)?;
    let output = arguments.output.open()?;
    let shard = arguments.shard.unwrap_or_default();
    let options = WriterOptions { shard_index: shard.index, shard_count: shard.count, ..arguments.output.options() };
    let writer = PackWriter::create(output.file(), output.spool()?, options);
    let mut writer = writer.map_err(|error| whole_failure(output.target(), error))?;
    let progress = Progress::bytes("packing", input.bytes);
    let plan = Arc::new(Plan {
        name: input.name.clone(),
        folder: input.folder.clone(),
        encode: arguments.encode.clone(),
        shard,
    });
    let work = {
        let plan = Arc::clone(&plan);
        move |piece: Result<Piece, Failure>| piece.map(|piece| piece.records(&plan))
    };
    let results = ordered(arguments.output.jobs(), input.pieces(), work);
    let mut is_empty = true;
    for piece in results.map_err(|error| Failure::new(format!("threads: {error}")))? {
        let (bytes, records) = piece?;
        for record in records {
            is_empty = false;
            add(&mut writer, &plan, &output, record?)?;
        }
        progress.advance(bytes);
    }
    if is_empty && !arguments.allow_empty {
        // A command that failed at the other end of a pipe looks like this.
        let what = if arguments.shard.is_some() { "no records for this shard" } else { "no records" };
        return Err(Failure::new(format!("{}: {what}", plan.name))
            .remedy("look at what makes the input; --allow-empty makes a pack without keys"));
    }
    let summary = writer.finish().map_err(|error| plan.failure(&output, error))?;
    drop(progress);
    output.commit()?;
    arguments.output.print_summary(&summary);
    Ok(ExitCode::SUCCESS)
}

/// The input while it is cut into pieces.
struct Input {
    reader: Box<dyn BufRead + Send>,
    /// What messages call it.
    name: String,
    /// What "file" is relative to.
    folder: PathBuf,
    /// Where it is known.
    bytes: Option<u64>,
}

impl Input {
    fn open(path: &Path) -> Result<Input, Failure> {
        if path == Path::new("-") {
            let reader = Box::new(BufReader::with_capacity(PIECE_BYTES, io::stdin()));
            return Ok(Input { reader, name: "standard input".to_owned(), folder: PathBuf::new(), bytes: None });
        }
        let failed = |error| io_failure(path, &error);
        let file = File::open(path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if found.is_dir() {
            return Err(Failure::new(format!("{}: a directory", path.display()))
                .remedy("`badger pack files` makes a pack from a directory"));
        }
        Ok(Input {
            reader: Box::new(BufReader::with_capacity(PIECE_BYTES, file)),
            name: path.display().to_string(),
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            bytes: found.is_file().then_some(found.len()),
        })
    }

    /// Whole lines, [`PIECE_BYTES`] or one line at a time; ends after an error.
    fn pieces(mut self) -> impl Iterator<Item = (Result<Piece, Failure>, u64)> + Send + 'static {
        let mut next_line = 1;
        let mut ended = false;
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let mut piece = Piece { first_line: next_line, text: Vec::new() };
            let outcome = loop {
                let start = piece.text.len();
                let room = (LINE_BYTES_MAX + 1) as u64;
                match (&mut self.reader).take(room).read_until(b'\n', &mut piece.text) {
                    Ok(0) => break Ok(true),
                    Ok(count) if count > LINE_BYTES_MAX => {
                        break Err(Failure::new(format!("the line is longer than {LINE_BYTES_MAX} bytes"))
                            .at(format_args!("{}:{next_line}", self.name))
                            .remedy("put the body in a file of its own and name it with \"file\""));
                    }
                    Ok(_) => next_line += 1,
                    Err(error) => break Err(Failure::new(format!("{}: {error}", self.name))),
                }
                // Another line like the last would not fit.
                if piece.text.len() + (piece.text.len() - start) > PIECE_BYTES {
                    break Ok(false);
                }
            };
            ended = !matches!(outcome, Ok(false));
            let bytes = piece.text.len() as u64;
            match outcome {
                Ok(_) if piece.text.is_empty() => None,
                Ok(_) => Some((Ok(piece), bytes)),
                Err(failure) => Some((Err(failure), bytes)),
            }
        })
    }
}

/// What all pieces share.
struct Plan {
    name: String,
    folder: PathBuf,
    encode: Option<Encodings>,
    shard: Shard,
}

impl Plan {
    /// The encodings that a record gets.
    fn encodings(&self, record: &RecordLine, content_type: &str) -> Encodings {
        match (record.encode, &self.encode) {
            (Some(true), None) => Encodings(vec![Encoding::Br, Encoding::Gzip]),
            (Some(true), Some(encodings)) => encodings.clone(),
            (None, Some(encodings)) if is_compressible(content_type) => encodings.clone(),
            _ => Encodings(Vec::new()),
        }
    }

    /// An error of the writer, told by the line.
    fn failure(&self, output: &Output, error: WriteError) -> Failure {
        let (line, failure) = match error {
            WriteError::Key { key, ordinal, error } => (
                ordinal,
                Failure::new(format!("key {key:?}: {error}"))
                    .remedy("a key is a decoded request path, like \"/gallery/7\": no query, no . or .. in it"),
            ),
            WriteError::Duplicate { key, ordinals: (first, second) } => (
                second,
                Failure::new(format!("key {key:?}: line {first} has the same"))
                    .remedy("a key has one record: remove one of the two lines"),
            ),
            WriteError::Field { key, ordinal, name, error } => (
                ordinal,
                Failure::new(format!("header {name:?} of {key:?}: {error}"))
                    .remedy("change the header, or leave it out"),
            ),
            WriteError::Entry { key, ordinal, what } => {
                (ordinal, Failure::new(format!("key {key:?}: {what}")).remedy("change the record, or leave it out"))
            }
            WriteError::BodyChanged { key, ordinal } => (
                ordinal,
                Failure::new(format!("key {key:?}: the file changed while it was read"))
                    .remedy("pack again when nothing writes to it"),
            ),
            error => return whole_failure(output.target(), error),
        };
        failure.at(format_args!("{}:{line}", self.name))
    }
}

/// Whole lines of the input.
struct Piece {
    /// The number of the first, from 1.
    first_line: u64,
    text: Vec<u8>,
}

/// A record, ready to be added.
struct Ready {
    line: u64,
    record: RecordLine,
    content_type: String,
    encodings: Encodings,
    encoded: Vec<(Encoding, Vec<u8>)>,
}

impl Piece {
    /// Its size, and its records up to the first error.
    fn records(self, plan: &Plan) -> (u64, Vec<Result<Ready, Failure>>) {
        let mut records = Vec::new();
        let mut file_bytes_left = PIECE_FILE_BYTES_MAX;
        for (number, line) in (self.first_line..).zip(self.text.split(|byte| *byte == b'\n')) {
            let line = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
            if line.trim_ascii().is_empty() {
                continue;
            }
            match ready(line, number, plan, &mut file_bytes_left) {
                Ok(Some(record)) => records.push(Ok(record)),
                Ok(None) => {}
                Err(failure) => {
                    records.push(Err(failure.at(format_args!("{}:{number}", plan.name))));
                    break;
                }
            }
        }
        (self.text.len() as u64, records)
    }
}

/// Parses and encodes one line; `None` when its key belongs to another shard.
fn ready(line: &[u8], number: u64, plan: &Plan, file_bytes_left: &mut u64) -> Result<Option<Ready>, Failure> {
    let mut record = RecordLine::parse(line)?;
    if !plan.shard.holds(&record.key) {
        return Ok(None);
    }
    let content_type = content_type(&mut record);
    let encodings = plan.encodings(&record, &content_type);
    if let Body::File(path) = &record.body {
        let path = plan.folder.join(path);
        let bytes = regular_bytes(&path)?;
        if bytes <= *file_bytes_left {
            *file_bytes_left -= bytes;
            record.body = Body::Bytes(read_whole(&path)?);
        } else {
            record.body = Body::File(path);
        }
    }
    let encoded = match &record.body {
        Body::Bytes(body) => encode_body(body, &encodings)?,
        Body::File(_) => Vec::new(),
    };
    Ok(Some(Ready { line: number, record, content_type, encodings, encoded }))
}

/// The type that the record says; else by the ending of its key or file. Redirects and empty bodies have none.
fn content_type(record: &mut RecordLine) -> String {
    if let Some(content_type) = record.content_type.take() {
        return content_type;
    }
    let file = match &record.body {
        Body::Bytes(body) if body.is_empty() => return String::new(),
        Body::Bytes(_) => None,
        Body::File(path) => path.extension().and_then(|extension| extension.to_str()),
    };
    let name = &record.key[record.key.rfind('/').map_or(0, |slash| slash + 1)..];
    let extension = name.rsplit_once('.').map(|(_, extension)| extension).or(file);
    media_type(extension.unwrap_or_default()).to_owned()
}

fn file_failure(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("field \"file\": {}: {error}", path.display()))
        .remedy("a path is relative to the folder of the input file")
}

/// The length of a regular file.
fn regular_bytes(path: &Path) -> Result<u64, Failure> {
    let found = std::fs::metadata(path).map_err(|error| file_failure(path, &error))?;
    if !found.is_file() {
        return Err(file_failure(path, &io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    Ok(found.len())
}

fn read_whole(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| file_failure(path, &error))
}

fn encode_body(body: &[u8], encodings: &Encodings) -> Result<Vec<(Encoding, Vec<u8>)>, Failure> {
    encode(body, encodings, &[]).map_err(|error| Failure::new(format!("the body could not be encoded: {error}")))
}

/// Adds a record, and reads the file that it names if that waited until now.
fn add<W: Read + Write + Seek, S: Read + Write + Seek>(
    writer: &mut PackWriter<W, S>,
    plan: &Plan,
    output: &Output,
    mut ready: Ready,
) -> Result<(), Failure> {
    let place = format!("{}:{}", plan.name, ready.line);
    let mut stream = None;
    if let Body::File(path) = &ready.record.body {
        let bytes = regular_bytes(path).map_err(|failure| failure.at(&place))?;
        if bytes <= ENCODE_BYTES_MAX {
            let body = read_whole(path).map_err(|failure| failure.at(&place))?;
            ready.encoded = encode_body(&body, &ready.encodings).map_err(|failure| failure.at(&place))?;
            ready.record.body = Body::Bytes(body);
        } else {
            stream = Some((File::open(path).map_err(|error| file_failure(path, &error).at(&place))?, bytes));
        }
    }
    let headers: Vec<(&str, &str)> =
        ready.record.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut bodies: Vec<(Encoding, &[u8])> = Vec::with_capacity(1 + ready.encoded.len());
    if let Body::Bytes(body) = &ready.record.body {
        bodies.push((Encoding::Identity, body));
    }
    bodies.extend(ready.encoded.iter().map(|(encoding, body)| (*encoding, body.as_slice())));
    let entry = Entry {
        key: &ready.record.key,
        status: ready.record.status,
        content_type: &ready.content_type,
        last_modified: ready.record.last_modified,
        immutable: ready.record.immutable,
        headers: &headers,
        bodies: &bodies,
        ordinal: ready.line,
    };
    let added = match &mut stream {
        Some((file, bytes)) => writer.add_from(entry, file, *bytes),
        None => writer.add(entry),
    };
    added.map_err(|error| plan.failure(output, error))
}
