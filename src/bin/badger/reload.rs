//! `badger reload`: has a running server load its content again, and waits for the outcome.

use crate::control;
use crate::failure::Failure;
use crate::text::say;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct ReloadArguments {
    /// The control socket of the server
    #[arg(long, value_name = "PATH", env = "BADGER_CONTROL")]
    control: PathBuf,
}

/// Exit code 0: the new content is served. 1: it was refused, for the reason that is printed, and the old one stays.
pub(crate) fn run(arguments: &ReloadArguments) -> Result<ExitCode, Failure> {
    say(control::ask(&arguments.control, "reload")?);
    Ok(ExitCode::SUCCESS)
}
