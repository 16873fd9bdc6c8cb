//! `badger`: makes, examines and serves packs. Each command is in a file of its own.

mod access_log;
mod admin;
mod arguments;
mod config;
mod control;
mod failure;
mod gallery;
mod inspect;
mod lifecycle;
mod lines;
mod measure;
mod notify;
mod output;
mod pack_files;
mod pack_gallery;
mod pack_records;
mod poco_header;
mod poco_json;
mod poco_text;
mod probe;
mod progress;
mod record_line;
mod reference;
mod reload;
mod sandbox;
mod serve;
mod takeover;
mod text;
mod verify;
mod watch;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::Failure;
// A folder that stands alone has these; the other commands use them too.
use gallery::{compress, ordered, strict};
use std::process::ExitCode;

/// Makes, examines and serves packs: files of precomputed answers.
#[derive(Parser)]
#[command(
    name = "badger",
    version,
    after_help = "Exit codes: 0 done, 1 failed or found problems, 2 wrong usage, 128 and the number of a signal that ended it."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve packs and directories over HTTP
    Serve(serve::ServeArguments),
    /// Have a running server load its content again; tells whether it is served or why it was refused
    Reload(reload::ReloadArguments),
    /// Show what this machine offers to a server, and what would be made of it
    Probe(probe::ProbeArguments),
    /// Make a pack
    #[command(subcommand)]
    Pack(PackCommand),
    /// Show what is in a pack
    Inspect(inspect::InspectArguments),
    /// Examine a whole pack: every checksum and every rule
    Verify(verify::VerifyArguments),
    /// Write what other languages need to read the records
    #[command(subcommand)]
    Poco(poco_header::PocoCommand),
    /// Examine a file of settings for `badger serve`
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Write what a shell needs to complete the words of badger
    Completions(reference::CompletionsArguments),
    /// Write the manual
    Man(reference::ManArguments),
}

#[derive(Subcommand)]
enum PackCommand {
    /// Make a pack from the files of a directory
    Files(pack_files::FilesArguments),
    /// Make a pack of galleries and titles from JSON lines
    Gallery(pack_gallery::GalleryArguments),
    /// Make a pack from records, one JSON object a line
    Records(pack_records::RecordsArguments),
}

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match arguments.command {
        Command::Pack(PackCommand::Files(arguments)) => pack_files::run(&arguments),
        Command::Pack(PackCommand::Gallery(arguments)) => pack_gallery::run(&arguments),
        Command::Pack(PackCommand::Records(arguments)) => pack_records::run(arguments),
        // Read once more, together with the file of settings.
        Command::Serve(_) => match matches.subcommand_matches("serve") {
            Some(given) => serve::run(config::Source::new(given.clone())),
            None => unreachable!("clap read it as serve"),
        },
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Poco(poco_header::PocoCommand::Header(arguments)) => poco_header::run(&arguments),
        Command::Config(config::ConfigCommand::Check(arguments)) => config::check(&arguments),
        Command::Completions(arguments) => reference::completions(&arguments),
        Command::Man(arguments) => reference::man(&arguments),
    };
    outcome.unwrap_or_else(|failure: Failure| {
        text::tell(failure);
        ExitCode::FAILURE
    })
}
