//! `cargo bench --bench compare`: badgerserver beside the ceiling (what the kernel alone costs) and nginx.
//!
//! ```text
//! cargo bench --bench compare [-- --rounds N] [--seconds S] [--only PART-OF-A-ROW'S-NAME]... [--record] [--machine NAME]
//! cargo bench --bench compare -- --instructions [--only ...]      instructions a request, by valgrind
//! cargo bench --bench compare -- --calls [--only ...]             system calls a request, by strace
//! ```
//! In a network namespace with reno, each server on core 0 and the client on core 1, the servers take turns within each
//! round. What counts is the processor time of the server for each request, and its ratio to another's in the same round.
//! A gate that is missed is printed and changes no exit status: time on a shared machine proves nothing.

mod ceiling;
mod client;
mod content;
mod measure;
mod process;
mod profile;
mod report;
mod rows;
mod served;
mod statistics;
mod sys;

use std::io;
use std::path::Path;
use std::process::ExitCode;

/// What the command line asked for.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// Length of one run.
    pub(crate) seconds: f64,
    pub(crate) only: Vec<String>,
    pub(crate) record: bool,
    pub(crate) machine: Option<String>,
    profile: Option<profile::Tool>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("serve") => served::main(&arguments[1..]),
        Some("ceiling") => ceiling::main(&arguments[1..]),
        _ if !arguments.iter().any(|argument| argument == "--bench") => {
            println!("compare: measures under `cargo bench` only");
            Ok(())
        }
        _ => parse(&arguments).and_then(|options| compare(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> io::Result<Options> {
    let mut options =
        Options { rounds: 9, seconds: 0.3, only: Vec::new(), record: false, machine: None, profile: None };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| io::Error::other(format!("{argument} needs a value")));
        let wrong = |_| io::Error::other(format!("{argument} needs a number"));
        match argument.as_str() {
            "--bench" => {}
            "--rounds" => options.rounds = value()?.parse::<usize>().map_err(|_| wrong(()))?.max(1),
            "--seconds" => options.seconds = value()?.parse::<f64>().map_err(|_| wrong(()))?.clamp(0.01, 60.0),
            "--only" => options.only.push(value()?.clone()),
            "--record" => options.record = true,
            "--machine" => options.machine = Some(value()?.clone()),
            "--instructions" => options.profile = Some(profile::Tool::Instructions),
            "--calls" => options.profile = Some(profile::Tool::Calls),
            unknown => return Err(io::Error::other(format!("unknown argument {unknown}"))),
        }
    }
    Ok(options)
}

fn compare(options: &Options) -> io::Result<()> {
    let congestion = enter_quiet_network();
    sys::raise_open_files_max(300_000);
    let content = content::make(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    if let Some(tool) = options.profile {
        return profile::count(options, &content, tool);
    }
    sys::pin(process::CLIENT_CORE)
        .map_err(|error| io::Error::new(error.kind(), format!("two cores are needed: {error}")))?;
    let measured = measure::all(options, &content)?;
    report::print(options, &congestion, &measured)
}

/// Sets congestion control where nobody else is. Gives what holds, in words.
fn enter_quiet_network() -> String {
    const SETTING: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
    let entered = sys::enter_network_of_its_own();
    let is_set = entered.and_then(|()| std::fs::write(SETTING, "reno"));
    let holds = std::fs::read_to_string(SETTING).unwrap_or_default();
    match is_set {
        Ok(()) => format!("{} in a network namespace", holds.trim()),
        Err(error) => {
            let holds = format!("{}, NOT in a namespace of its own with reno ({error})", holds.trim());
            eprintln!("compare: congestion control is {holds}: large bodies may cost several times as much");
            holds
        }
    }
}
