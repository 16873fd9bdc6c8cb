//! `badger poco header`.

use crate::failure::{Failure, io_failure};
use crate::text::print;
use badgerserver::poco::c_header;
use clap::{Args, Subcommand};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum PocoCommand {
    /// Write a header for C11 and C++11: every struct of the records, asserted, and functions that read them
    Header(HeaderArguments),
}

#[derive(Args)]
pub(crate) struct HeaderArguments {
    /// The file to write, like badger_poco.h [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &HeaderArguments) -> Result<ExitCode, Failure> {
    let header = c_header();
    match &arguments.output {
        Some(path) => fs::write(path, header).map_err(|error| {
            io_failure(path, &error).remedy("--output names a file in a folder that can be written")
        })?,
        None => print(|out| out.write_all(header.as_bytes()))?,
    }
    Ok(ExitCode::SUCCESS)
}
