//! `badger probe [PATH]`.

// Doc comments are the help text of the program.
#![allow(rustdoc::broken_intra_doc_links)]

use crate::failure::Failure;
use crate::text::{print, safe};
use badgerserver::probe::{Finding, probe};
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct ProbeArguments {
    /// A file or directory on the file system that content would be on
    #[arg(default_value = ".")]
    path: PathBuf,
    /// One JSON object: topic, name, then value, available (true, false, or null where that is no question) and note
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &ProbeArguments) -> Result<ExitCode, Failure> {
    let found = probe(&arguments.path);
    print(|out| if arguments.json { write_json(out, &found) } else { write_text(out, &found) })?;
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
