//! Arguments that several commands have.

use crate::failure::{Failure, io_failure};
use crate::output::Output;
use crate::text::say;
use badgerserver::pack::key::shard_of;
use badgerserver::pack::{Summary, WriteError, WriterOptions};
use clap::Args;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a pack goes, and what it says about itself.
#[derive(Args)]
pub(crate) struct OutputArguments {
    /// The pack to write; an existing pack is replaced in one step
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// Replace OUT even if it is not a pack
    #[arg(long)]
    pub(crate) force: bool,
    /// A number for this state of the content, so that servers can tell newer from older
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) sequence: u64,
    /// Threads that encode [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

impl OutputArguments {
    pub(crate) fn open(&self) -> Result<Output, Failure> {
        Output::create(&self.output, self.force)
    }

    /// The same input gives the same bytes: no time and no machine in here.
    pub(crate) fn options(&self) -> WriterOptions {
        let creator = concat!("badger ", env!("CARGO_PKG_VERSION")).to_owned();
        WriterOptions { creator, sequence: self.sequence, ..WriterOptions::default() }
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
    }

    /// The line that says what was made.
    pub(crate) fn print_summary(&self, summary: &Summary) {
        let shared = match summary.payloads_shared {
            0 => String::new(),
            shared => format!(" ({shared} more were equal to one of them)"),
        };
        say(format_args!(
            "wrote {}: {} keys, {} payloads{shared}, {} bytes, content id {}",
            self.output.display(),
            summary.keys,
            summary.payloads,
            summary.file_bytes,
            summary.content_id
        ));
    }
}

/// The value of `--shard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) index: u32,
    pub(crate) count: u32,
}

/// The only shard.
impl Default for Shard {
    fn default() -> Shard {
        Shard { index: 0, count: 1 }
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Shard, &'static str> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count => Ok(Shard { index, count }),
            _ => Err("write it like 0/4: which shard, from 0, and how many there are"),
        }
    }
}

impl Shard {
    pub(crate) fn holds(self, key: &str) -> bool {
        shard_of(key.as_bytes(), self.count) == self.index
    }
}

/// An error of the writer that is about no single entry.
pub(crate) fn whole_failure(output: &Path, error: WriteError) -> Failure {
    match error {
        WriteError::Io(error) => io_failure(output, &error),
        error => Failure::new(error.to_string()),
    }
}
