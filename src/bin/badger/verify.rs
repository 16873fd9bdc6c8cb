//! `badger verify PACK`.

use crate::failure::{Failure, open_failure};
use crate::progress::Progress;
use crate::text::{print, safe, thousands};
use badgerserver::Pack;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// The pack
    pack: PathBuf,
}

/// Exit code 1 when anything is wrong.
pub(crate) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    let pack = open_failure(Pack::open(&arguments.pack))?;
    let report = {
        let progress = Progress::bytes("verifying", Some(pack.info().file_bytes));
        pack.verify(&mut |done, total| {
            progress.total(total);
            progress.set(done);
        })
    };
    print(|out| {
        for problem in &report.problems {
            writeln!(out, "{}", safe(problem.to_string().as_bytes()))?;
        }
        if report.problems_left_out > 0 {
            writeln!(out, "and {} problems more", thousands(report.problems_left_out))?;
        }
        if report.is_good() {
            let (records, bytes) = (thousands(report.records), thousands(pack.info().file_bytes));
            writeln!(out, "{}: good, {records} records, {bytes} bytes", arguments.pack.display())?;
        }
        Ok(())
    })?;
    if report.is_good() {
        return Ok(ExitCode::SUCCESS);
    }
    let problems = report.problems.len() as u64 + report.problems_left_out;
    let found = if problems == 1 { "1 problem".to_owned() } else { format!("{} problems", thousands(problems)) };
    Err(Failure::new(format!("{}: {found}", arguments.pack.display()))
        .remedy("copy the pack again from where it was made, or make it anew"))
}
