//! Instructions that badgerserver executes for each request, in user space: a figure that does not depend on the clock.
//!
//! The server runs under `valgrind --tool=callgrind` twice, with few requests and with many; the difference of the two
//! profiles is free of what starting and first touches cost.

use super::Options;
use super::client;
use super::client::{Client, Order};
use super::content::Content;
use super::measure::{is_wanted, requests};
use super::process::Running;
use super::rows::{ROWS, Row};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

const FEW: u64 = 1_600;
const MANY: u64 = 11_200;
/// Keys that are asked for: first touches are over soon.
const KEYS: u64 = 64;
const CONNECTIONS: usize = 16;
const LINES_SHOWN: usize = 15;

/// Instructions by function.
type Profile = BTreeMap<String, i64>;

pub(crate) fn count(options: &Options, content: &Content) -> io::Result<()> {
    for row in ROWS.iter().filter(|row| is_wanted(row, options)) {
        eprintln!("{}: under valgrind", row.name);
        let row = Row { keys: row.keys.min(KEYS), ..*row };
        let few = profile(&row, content, FEW)?;
        let mut difference = profile(&row, content, MANY)?;
        for (function, count) in few {
            *difference.entry(function).or_insert(0) -= count;
        }
        print(&row, difference);
    }
    Ok(())
}

fn print(row: &Row, profile: Profile) {
    let requests = (MANY - FEW) as f64;
    let mut lines: Vec<(i64, String)> = profile.into_iter().map(|(function, count)| (count, function)).collect();
    lines.sort_by(|one, other| other.cmp(one));
    let total: i64 = lines.iter().map(|line| line.0).sum();
    println!("\n{}: {:.0} instructions a request", row.name, total as f64 / requests);
    for (count, function) in lines.iter().take(LINES_SHOWN) {
        println!("{:>8.1}  {function}", *count as f64 / requests);
    }
}

fn profile(row: &Row, content: &Content, count: u64) -> io::Result<Profile> {
    let out = content.folder.join(format!("callgrind-{}", std::process::id()));
    let option = format!("--callgrind-out-file={}", out.display());
    let under = ["valgrind", "--quiet", "--tool=callgrind", &option].map(str::to_owned);
    let server = Running::start(&["serve".to_owned(), content.pack.display().to_string()], &under)?;
    let requests = requests(row, &server, row.mount)?;
    let model = client::ask(&mut client::connect(server.port)?, &requests.one(0))?;
    Client::new(server.port, CONNECTIONS, row.depth, row.bodies, &requests, &model)?.run(count, Order::Drawn(0))?;
    server.finish()?;
    let profile = annotated(&out);
    std::fs::remove_file(out)?;
    profile
}

fn annotated(out: &Path) -> io::Result<Profile> {
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
