//! `badger probe [PATH]`.

// Doc comments are the help text of the program.
#![allow(rustdoc::broken_intra_doc_links)]

use crate::failure::Failure;
use crate::measure;
use crate::text::{print, safe, tell};
use badgerserver::probe::{Finding, probe};
use badgerserver::{Backend, CoreChoice, guard_mapped_files};
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct ProbeArguments {
    /// A file or directory on the file system that content would be on
    #[arg(default_value = ".")]
    path: PathBuf,
    /// One JSON object: topic, name, then value, available (true, false, or null where that is no question) and note
    #[arg(long)]
    json: bool,
    /// Measure what this device costs for a viewer: run a server with made-up content, ask it over loopback, read a file of 32 MiB
    /// that is not in memory, leave it alone; then tell how many viewers it serves. Nothing is left behind: docs/devices.md
    #[arg(long)]
    measure: bool,
    /// With --measure: seconds that it takes in all, about
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600), requires = "measure")]
    seconds: u64,
    /// With --measure: how the server talks to the kernel, as in `badger serve`
    #[arg(long, default_value_t = Backend::Auto, requires = "measure")]
    backend: Backend,
    /// With --measure: which cores it runs on, as in `badger serve`: all, big, little, or numbers like 0-3,6
    #[arg(long, value_name = "WHICH", default_value_t = CoreChoice::All, requires = "measure")]
    cores: CoreChoice,
}

pub(crate) fn run(arguments: &ProbeArguments) -> Result<ExitCode, Failure> {
    if arguments.measure {
        return run_measure(arguments);
    }
    let found = probe(&arguments.path);
    print(|out| if arguments.json { write_json(out, &found) } else { write_text(out, &found) })?;
    Ok(ExitCode::SUCCESS)
}

fn run_measure(arguments: &ProbeArguments) -> Result<ExitCode, Failure> {
    // Where the content would be.
    let folder = match &arguments.path {
        path if path.is_dir() => path.as_path(),
        path => path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")),
    };
    if let Err(error) = guard_mapped_files() {
        tell(format_args!("badger: packs are read without a mapping: {error}"));
    }
    let (seconds, backend, cores) = (arguments.seconds, arguments.backend, arguments.cores.clone());
    let measured = measure::measure(&measure::Plan { seconds, backend, cores, folder })?;
    print(|out| match arguments.json {
        true => writeln!(out, "{:#}", measure::write_json(&measured)),
        false => measure::write_text(out, &measured),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write_json(out: &mut impl Write, found: &[Finding]) -> io::Result<()> {
    let mut topics = Map::new();
    for Finding { topic, name, value, is_available, note, .. } in found {
        let entry = json!({ "value": value, "available": is_available, "note": note });
        let topic = topics.entry(*topic).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(topic) = topic {
            topic.insert((*name).to_owned(), entry);
        }
    }
    writeln!(out, "{:#}", Value::Object(topics))
}

fn write_text(out: &mut impl Write, found: &[Finding]) -> io::Result<()> {
    let width = found.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut last = "";
    for Finding { topic, name, value, note, .. } in found {
        if *topic != last {
            writeln!(out, "{topic}")?;
            last = topic;
        }
        let (value, note) = (safe(value.as_bytes()), safe(note.as_bytes()));
        match note.as_str() {
            "" => writeln!(out, "  {name:width$}  {value}")?,
            note => writeln!(out, "  {name:width$}  {value} ({note})")?,
        }
    }
    Ok(())
}
