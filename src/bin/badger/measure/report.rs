//! What was measured, for people and for programs.

use super::{Cost, Measured, NETWORKS, USABLE, viewers};
use crate::text::{safe, thousands};
use badgerserver::probe::StorageSpeed;
use serde_json::{Value, json};
use std::io::{self, Write};

/// A number with as many digits as it is worth.
fn short(value: f64) -> String {
    if value >= 100.0 { thousands(value.round() as u64) } else { format!("{value:.1}") }
}

fn megabytes_per_second(bytes: u64, seconds: f64) -> f64 {
    bytes as f64 / 1e6 / seconds.max(1e-9)
}

/// Whole people.
fn people(viewers: f64) -> String {
    thousands(viewers as u64)
}

pub(crate) fn write_json(measured: &Measured) -> Value {
    let cost = |cost: &Cost| {
        json!({ "name": cost.name, "connections": cost.connections, "body_bytes": cost.body_bytes, "requests": cost.requests,
            "cpu_micros": cost.cpu_micros, "wakeups": cost.wakeups, "sleeps": cost.sleeps })
    };
    let parts = measured.parts.iter().map(|part| {
        json!({ "name": part.name, "requests": part.requests, "bytes": part.bytes, "seconds": part.seconds,
            "pictures": part.pictures, "cpu_micros": part.cpu_micros })
    });
    let storage = match &measured.storage {
        Err(why) => json!({ "error": why }),
        Ok(storage) => json!({
            "cold": storage.is_cold,
            "file_bytes": storage.file_bytes,
            "megabytes_per_second": megabytes_per_second(storage.run_bytes, storage.run_time.as_secs_f64()),
            "piece_bytes": storage.piece_bytes,
            "pieces": storage.pieces,
            "pieces_per_second": storage.pieces as f64 / storage.pieces_time.as_secs_f64().max(1e-9),
        }),
    };
    let viewers = measured.parts.iter().find(|part| part.name == "browse").map(|browse| {
        let found = viewers(browse, measured.cores, measured.storage.as_ref().ok());
        let by_network = NETWORKS.iter().zip(found.by_network);
        json!({
            "usable": USABLE,
            "by_processor": found.by_processor,
            "by_storage": found.by_storage,
            "by_network": by_network.map(|(network, viewers)| json!({ "megabits": network, "viewers": viewers })).collect::<Vec<_>>(),
        })
    });
    let idle = &measured.idle;
    json!({
        "backend": measured.backend,
        "cores": measured.cores,
        "bound_to": measured.chosen,
        "content": if measured.without_file.is_empty() { "file" } else { "memory" },
        "answers": measured.costs.iter().map(cost).collect::<Vec<_>>(),
        "session": parts.collect::<Vec<_>>(),
        "idle": { "seconds": idle.seconds, "wakeups": idle.wakeups, "sleeps": idle.sleeps },
        "storage": storage,
        "device": { "before": measured.before, "after": measured.after },
        "viewers": viewers,
    })
}

pub(crate) fn write_text(out: &mut impl Write, measured: &Measured) -> io::Result<()> {
    let cores = match &measured.chosen[..] {
        [] => String::new(),
        chosen => format!(", bound to {}", chosen.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
    };
    writeln!(out, "measured on {}, one event loop{cores}, over loopback", measured.backend)?;
    if !measured.without_file.is_empty() {
        writeln!(out, "  the content is in memory and in no file: {}", safe(measured.without_file.as_bytes()))?;
    }
    let unknown = || "unknown".to_owned();
    writeln!(out, "one answer takes of a core")?;
    for cost in &measured.costs {
        let name = format!("{}, {} B", cost.name, thousands(cost.body_bytes as u64));
        let connections = if cost.connections == 1 { "connection" } else { "connections" };
        writeln!(
            out,
            "  {name:20}  {:>6} us, {:.2} wake-ups, {} sleeps; {} {connections}, {} answers",
            cost.cpu_micros.map_or_else(unknown, short),
            cost.wakeups,
            cost.sleeps.map_or_else(unknown, |sleeps| format!("{sleeps:.2}")),
            cost.connections,
            thousands(cost.requests),
        )?;
    }
    writeln!(out, "a viewer takes (recorded from the browse page)")?;
    for part in &measured.parts {
        let name = part.name.replace('_', " ");
        let micros = part.cpu_micros.map_or_else(unknown, |micros| format!("{:.2}", micros / 1000.0));
        let bytes = part.bytes as f64 / 1e6;
        let time = if part.seconds > 0.0 { format!(" in {} s", part.seconds) } else { String::new() };
        writeln!(out, "  {name:20}  {micros:>6} ms of a core, {} requests, {bytes:.2} MB{time}", part.requests)?;
    }
    let idle = &measured.idle;
    let sleeps = idle.sleeps.map_or_else(unknown, |sleeps| sleeps.to_string());
    writeln!(
        out,
        "left alone\n  {} wake-ups, {sleeps} sleeps in {:.1} s with idle connections",
        idle.wakeups, idle.seconds
    )?;
    storage(out, &measured.storage)?;
    device(out, measured)?;
    let Some(browse) = measured.parts.iter().find(|part| part.name == "browse") else { return Ok(()) };
    let found = viewers(browse, measured.cores, measured.storage.as_ref().ok());
    writeln!(out, "viewers that may browse at the same time, when {:.0} % of it may be used", USABLE * 100.0)?;
    let by_processor = found.by_processor.map_or_else(unknown, people);
    let cores = if measured.cores == 1 { "core" } else { "cores" };
    writeln!(out, "  {by_processor:>9}  by the processor ({} {cores} as fast as this one)", measured.cores)?;
    let note = match (&found.by_storage, &measured.storage) {
        (None, Ok(StorageSpeed { is_cold: Some(false), .. })) => "; what was read had not left memory",
        (None, _) => "; it could not be measured",
        _ => "",
    };
    let by_storage = found.by_storage.map_or_else(unknown, people);
    writeln!(out, "  {by_storage:>9}  by the storage, if no picture were in memory{note}")?;
    for (network, viewers) in NETWORKS.iter().zip(found.by_network) {
        writeln!(out, "  {:>9}  by a network of {network} Mbit/s", people(viewers))?;
    }
    Ok(())
}

fn storage(out: &mut impl Write, storage: &Result<StorageSpeed, String>) -> io::Result<()> {
    writeln!(out, "storage")?;
    match storage {
        Err(why) => writeln!(out, "  not measured: {}", safe(why.as_bytes())),
        Ok(storage) => {
            let state = match storage.is_cold {
                Some(true) => "not in memory",
                Some(false) => "still in memory: this is no measure of the storage",
                None => "perhaps still in memory: the system does not tell",
            };
            let speed = megabytes_per_second(storage.run_bytes, storage.run_time.as_secs_f64());
            let pieces = storage.pieces as f64 / storage.pieces_time.as_secs_f64().max(1e-9);
            let (speed, pieces, bytes) = (short(speed), short(pieces), thousands(storage.piece_bytes));
            writeln!(out, "  {speed} MB/s in one go, {pieces} pieces of {bytes} B in a second ({state})")
        }
    }
}

fn device(out: &mut impl Write, measured: &Measured) -> io::Result<()> {
    let told = |device: &Value| {
        let mut parts = Vec::new();
        for battery in device["batteries"].as_array().into_iter().flatten() {
            let charge = battery["charge"].as_f64().map(|charge| format!("{:.0} %", charge * 100.0));
            let celsius = battery["celsius"].as_f64().map(|celsius| format!("{celsius} C"));
            parts.push(format!("battery {}", charge.into_iter().chain(celsius).collect::<Vec<_>>().join(", ")));
        }
        let zones = device["temperatures"].as_array().into_iter().flatten();
        let warmest = zones.filter_map(|zone| zone["celsius"].as_f64()).max_by(f64::total_cmp);
        parts.extend(warmest.map(|celsius| format!("warmest {celsius} C")));
        parts.join("; ")
    };
    let (before, after) = (told(&measured.before), told(&measured.after));
    match before.is_empty() && after.is_empty() {
        true => writeln!(out, "device\n  tells neither of a battery nor of temperatures"),
        false => writeln!(out, "device\n  before: {before}\n  after:  {after}"),
    }
}
