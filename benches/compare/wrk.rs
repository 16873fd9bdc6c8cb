//! What wrk says: a client that many know, which costs more than the servers and so hides part of what they differ in.

use super::client::Bodies;
use super::process::Running;
use super::record::{self, Wrk, rounded};
use super::rows::{Kind, Popularity, ROWS, Row};
use super::servers::Servers;
use super::statistics::median;
use std::io;
use std::process::{Command, Stdio};

pub(crate) const NAME: &str = "wrk";
const SECONDS: u64 = 1;

/// Asks for one payload of each row that the own client has measured with 64 connections.
///
/// # Errors
/// wrk ends with one.
pub(crate) fn all(rows: &[record::Row], servers: &Servers, notes: &mut Vec<String>) -> io::Result<Vec<Wrk>> {
    if Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        notes.push("wrk is not on this machine".to_owned());
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for measured in rows {
        let Some(row) = ROWS.iter().find(|row| row.name == measured.name && is_plain(row)) else { continue };
        for server in &servers.all {
            let Some(own) = measured.series(&server.name) else { continue };
            let (per_second, cpu_micros) = one(row, &server.running)
                .map_err(|error| io::Error::other(format!("wrk: {}: {}: {error}", row.name, server.name)))?;
            eprintln!("  wrk: {}: {}: {per_second:.0} requests/s", row.name, server.name);
            found.push(Wrk {
                row: row.name.to_owned(),
                server: server.name.clone(),
                wrk_per_second: rounded(per_second),
                wrk_cpu_micros: rounded(cpu_micros),
                own_per_second: rounded(median(own.per_second.clone()).value),
                own_cpu_micros: rounded(median(own.cpu_micros.clone()).value),
            });
        }
    }
    Ok(found)
}

fn is_plain(row: &Row) -> bool {
    let is_one_or_large = row.keys == 1 || row.class.body_bytes > 1024;
    row.kind == Kind::Body
        && row.popularity == Popularity::Even
        && row.connections == 64
        && row.depth == 1
        && row.bodies == Bodies::Copied
        && row.mount == "/p"
        && row.lines.is_empty()
        && is_one_or_large
}

/// Requests a second, and the server's processor time for one.
fn one(row: &Row, running: &Running) -> io::Result<(f64, f64)> {
    let url = format!("http://127.0.0.1:{}/p{}", running.port, row.class.path(0));
    let (seconds, connections) = (format!("-d{SECONDS}s"), format!("-c{}", row.connections));
    let before = running.cpu_nanos()?;
    // It inherits the client's core.
    let output = Command::new("wrk").args(["-t1", &connections, &seconds, &url]).output()?;
    let nanos = (running.cpu_nanos()? - before) as f64;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || text.contains("Non-2xx") {
        return Err(io::Error::other(text));
    }
    let number = |end: &str| {
        let line = text.lines().find(|line| line.contains(end))?;
        line.split(|c: char| !c.is_ascii_digit() && c != '.').find(|word| !word.is_empty())?.parse::<f64>().ok()
    };
    match (number("Requests/sec"), number("requests in")) {
        (Some(per_second), Some(requests)) => Ok((per_second, nanos / 1e3 / requests)),
        _ => Err(io::Error::other(format!("not understood: {text}"))),
    }
}
