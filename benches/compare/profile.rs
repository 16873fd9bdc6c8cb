//! What badgerserver does for each request: instructions in user space by function, or system calls by name. Neither depends
//! on the clock.
//!
//! The server runs under `valgrind --tool=callgrind` or `strace -c`, twice: with few requests and with many. The difference of
//! the two profiles is free of what starting and first touches cost.

use super::Options;
use super::client::{Client, Manner};
use super::content::Content;
use super::measure::{is_wanted, requests_of};
use super::process::Running;
use super::requests::{self, Drawn, Order};
use super::rows::{DIRECTORY_MOUNT, Kind, ROWS, Row};
use super::servers::{backends, serve_arguments};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

const FEW: u64 = 1_600;
const MANY: u64 = 11_200;
/// Keys that are asked for: first touches are over soon.
const KEYS: u64 = 64;
const CONNECTIONS: usize = 16;
const LINES_SHOWN: usize = 15;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Instructions of functions, by valgrind.
    Instructions,
    /// System calls, by strace.
    Calls,
}

/// Counts by name.
type Profile = BTreeMap<String, i64>;

pub(crate) fn count(options: &Options, content: &Content, tool: Tool) -> io::Result<()> {
    for row in ROWS.iter().filter(|row| row.kind != Kind::Browse && is_wanted(row.name, options)) {
        let row = Row { keys: row.keys.min(KEYS), ..*row };
        for backend in backends().0 {
            eprintln!("{}, {backend}: counting", row.name);
            let few = profile(&row, backend, content, FEW, tool)?;
            let mut difference = profile(&row, backend, content, MANY, tool)?;
            for (name, count) in few {
                *difference.entry(name).or_insert(0) -= count;
            }
            print(&row, backend, difference, tool);
        }
    }
    Ok(())
}

fn print(row: &Row, backend: &str, profile: Profile, tool: Tool) {
    let requests = (MANY - FEW) as f64;
    let mut lines: Vec<(i64, String)> = profile.into_iter().map(|(name, count)| (count, name)).collect();
    lines.sort_by(|one, other| other.cmp(one));
    let total: i64 = lines.iter().map(|line| line.0).sum();
    let (unit, digits) = if tool == Tool::Instructions { ("instructions", 0) } else { ("system calls", 3) };
    println!("\n{}, {backend}: {:.digits$} {unit} a request", row.name, total as f64 / requests);
    for (count, name) in lines.iter().filter(|line| line.0 != 0).take(LINES_SHOWN) {
        println!("{:>10.digits$}  {name}", *count as f64 / requests);
    }
}

fn profile(row: &Row, backend: &str, content: &Content, count: u64, tool: Tool) -> io::Result<Profile> {
    let out = content.folder.join(format!("profile-{}", std::process::id()));
    let file = out.display();
    let under: Vec<String> = match tool {
        Tool::Instructions => {
            let option = format!("--callgrind-out-file={file}");
            ["valgrind", "--quiet", "--tool=callgrind", &option].map(str::to_owned).into()
        }
        Tool::Calls => ["strace", "-f", "-c", "-o", &file.to_string()].map(str::to_owned).into(),
    };
    let server = Running::start(&serve_arguments(backend, content, row.mount == DIRECTORY_MOUNT), &under)?;
    let requests = requests_of(row, server.port, row.mount, row.keys)?;
    let model = requests::ask(&mut requests::connect(server.port)?, &requests.one(0))?;
    let manner = Manner { connections: CONNECTIONS, ..row.manner() };
    let asking = Drawn { requests: &requests, order: Order::Uniform, model: &model };
    Client::new(server.port, manner)?.run(&asking, 0, count)?;
    server.finish()?;
    let profile = match tool {
        Tool::Instructions => instructions(&out),
        Tool::Calls => fs::read_to_string(&out).map(|table| calls(&table)),
    };
    fs::remove_file(out)?;
    profile
}

/// `strace -c`: share of time, seconds, microseconds a call, calls, errors (perhaps), name.
fn calls(table: &str) -> Profile {
    let mut profile = Profile::new();
    for line in table.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (Some(Ok(count)), Some(name)) = (columns.get(3).map(|count| count.parse()), columns.last()) else {
            continue;
        };
        if *name != "total" {
            profile.insert((*name).to_owned(), count);
        }
    }
    profile
}

fn instructions(out: &Path) -> io::Result<Profile> {
    let output = Command::new("callgrind_annotate").args(["--threshold=100", "--auto=no"]).arg(out).output()?;
    let mut profile = Profile::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // `  1,234,567 (12.34%)  file:function [object]`
        let Some((count, rest)) = line.trim_start().split_once(" (") else { continue };
        let Some((_, function)) = rest.split_once("%)  ") else { continue };
        let Ok(count) = count.replace(',', "").parse::<i64>() else { continue };
        let function = function.split(" [").next().unwrap_or(function);
        // What was inlined counts for the function that it is in.
        let function = function.split_once(':').map_or(function, |(_, name)| name);
        if function.starts_with("PROGRAM TOTALS") {
            continue;
        }
        *profile.entry(function.to_owned()).or_insert(0) += count;
    }
    if profile.is_empty() {
        return Err(io::Error::other(format!("no profile: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok(profile)
}
