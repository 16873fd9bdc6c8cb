//! `badger pack gallery --titles T.ndjson --profiles P.ndjson -o OUT`.

use crate::arguments::{OutputArguments, Shard, whole_failure};
use crate::compress::Encodings;
use crate::failure::{Failure, io_failure};
use crate::gallery::{GalleryError, Input, Options, Packed, pack};
use crate::output::Output;
use crate::progress::Progress;
use crate::text::{say, thousands};
use badgerserver::pack::{PackWriter, WriterOptions};
use badgerserver::poco::Layout;
use badgerserver::poco::moment::Model;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of input that are read at once.
const READ_BYTES: usize = 256 * 1024;

#[derive(Args)]
#[command(after_long_help = FORMAT)]
pub(crate) struct GalleryArguments {
    /// The titles, one JSON object a line
    #[arg(long, value_name = "T.ndjson")]
    titles: PathBuf,
    /// The profiles, one JSON object a line
    #[arg(long, value_name = "P.ndjson")]
    profiles: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
    /// Where galleries have the cards of their titles
    #[arg(long, value_enum, default_value_t = LayoutArgument::Inline)]
    layout: LayoutArgument,
    /// What the paths of art are relative to
    #[arg(long, value_name = "PATH", default_value = "/assets/")]
    assets: String,
    /// Keep the profiles of shard I of N, counted from 0: those with XXH64("/gallery/{id}") % N == I
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Weights for the order of the moment in place of the default ones: docs/moment.md
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Encodings: a list of br, gzip and zstd, or none
    #[arg(long, value_name = "LIST", default_value = "br,gzip")]
    encode: Encodings,
}

const FORMAT: &str = "A title:   {\"id\": 1, \"name\": \"Metropolis\", \"year\": 1927, ...}
A profile: {\"id\": \"ada\", \"name\": \"Ada\", \"rows\": [{\"id\": 7, \"name\": \"Trending\", \"titles\": [1]}], ...}
All fields: docs/gallery.md and docs/gallery.schema.json.

The pack answers /gallery/{id}, /gallery/default, /metadata/{id}, /profiles and, in the shared layout, /catalogue/{hash}.";

/// The value of `--layout`.
#[derive(Clone, Copy, ValueEnum)]
enum LayoutArgument {
    /// In each gallery: one answer has all that the first screen needs
    Inline,
    /// In one catalogue that all galleries name, and that a client keeps
    Shared,
}

pub(crate) fn run(arguments: &GalleryArguments) -> Result<ExitCode, Failure> {
    let (titles, title_bytes) = open(&arguments.titles)?;
    let (profiles, profile_bytes) = open(&arguments.profiles)?;
    let model = arguments.model.as_deref().map(read_model).transpose()?;
    let output = arguments.output.open()?;
    let shard = arguments.shard.unwrap_or_default();
    let options = Options {
        layout: match arguments.layout {
            LayoutArgument::Inline => Layout::Inline,
            LayoutArgument::Shared => Layout::Shared,
        },
        assets: arguments.assets.clone(),
        shard_index: shard.index,
        shard_count: shard.count,
        encodings: arguments.encode.clone(),
        model,
        threads: arguments.output.jobs(),
    };
    let header = WriterOptions { shard_index: shard.index, shard_count: shard.count, ..arguments.output.options() };
    let writer = PackWriter::create(output.file(), output.spool()?, header);
    let writer = writer.map_err(|error| whole_failure(output.target(), error))?;
    let progress =
        Progress::bytes("packing", title_bytes.zip(profile_bytes).map(|(titles, profiles)| titles + profiles));
    let packed = pack(titles, profiles, &options, writer, &mut |bytes| progress.advance(bytes));
    let packed = packed.map_err(|error| failure(&output, error))?;
    drop(progress);
    output.commit()?;
    print_summary(arguments, &packed);
    arguments.output.print_summary(&packed.summary);
    Ok(ExitCode::SUCCESS)
}

/// The file's lines, and its length where that is known.
fn open(path: &Path) -> Result<(Input, Option<u64>), Failure> {
    let failed = |error| io_failure(path, &error).remedy("name a file of JSON lines that can be read");
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(Failure::new(format!("{}: a directory", path.display())).remedy("name a file of JSON lines"));
    }
    let input = Input::new(path.display().to_string(), BufReader::with_capacity(READ_BYTES, file));
    Ok((input, found.is_file().then_some(found.len())))
}

/// The text of a model, which is one.
fn read_model(path: &Path) -> Result<String, Failure> {
    let remedy = "docs/moment.md says how a model is written; the default one is src/poco/moment/default.model";
    let text = std::fs::read_to_string(path).map_err(|error| io_failure(path, &error).remedy(remedy))?;
    match Model::from_text(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            Err(Failure::new(error.what).at(format_args!("{}:{}", path.display(), error.line)).remedy(remedy))
        }
    }
}

fn failure(output: &Output, error: GalleryError) -> Failure {
    match error {
        GalleryError::Input { what, remedy } => Failure::new(what).remedy(remedy),
        GalleryError::Write(error) => whole_failure(output.target(), error),
    }
}

/// The line before the one about the pack: what came in, and what the galleries weigh.
fn print_summary(arguments: &GalleryArguments, packed: &Packed) {
    let shard = arguments.shard.map(|shard| format!(" of shard {}/{}", shard.index, shard.count)).unwrap_or_default();
    let default = match &packed.default_profile {
        Some(id) => format!("default gallery of {id:?}"),
        None => "default gallery from the first profile".to_owned(),
    };
    let bytes: Vec<String> = packed
        .gallery_bytes
        .iter()
        .map(|(encoding, bytes)| format!("{} {}", encoding.token(), thousands(*bytes)))
        .collect();
    say(format_args!(
        "{} profiles{shard}, {} titles, {default}; bytes of the galleries: {}",
        thousands(packed.profiles),
        thousands(packed.titles),
        bytes.join(", ")
    ));
}
