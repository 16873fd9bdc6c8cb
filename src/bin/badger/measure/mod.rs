//! `badger probe --measure`: what this device costs for a viewer, and how many it serves.
//!
//! A server in this process, with one event loop and content made up in the sizes of the example's, is asked over loopback by a
//! simple client. What counts is the processor time of the event loop, so the client may take what it wants. A viewer is the
//! session that was recorded from the browse page; how many there may be is derived in [`viewers`]: docs/devices.md explains it.

mod client;
mod report;
mod session;
mod stage;

use crate::failure::Failure;
use crate::progress::Progress;
use badgerserver::probe::{StorageSpeed, storage_speed};
use badgerserver::{Backend, CoreChoice};
use client::{Client, drive};
pub(crate) use report::{write_json, write_text};
use serde_json::Value;
use session::{Kind, Part, Session};
use stage::{Stage, Used};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

/// A picture of the size that the comparison with other servers has, and that is read from the storage in pieces.
pub(super) const ASSET_BYTES: usize = 150 * 1024;
/// Of the file that the storage is measured with.
const STORAGE_FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Connections of a browser to one server.
const BROWSER_CONNECTIONS: usize = 6;
/// Connections that stay open while nobody asks.
const IDLE_CONNECTIONS: usize = 5;
/// Part of the processor, of the storage and of a network that may be in use before somebody waits noticeably.
pub(super) const USABLE: f64 = 0.5;
/// Networks for which viewers are told, in Mbit/s: a phone's Wi-Fi some walls away, a board of old, a board of today.
pub(super) const NETWORKS: [f64; 3] = [20.0, 100.0, 1000.0];

/// What is told while it goes on: content, storage, five loads, three parts of a session, nothing.
const STEPS: u64 = 11;
/// Shares of the whole time.
const STORAGE_SHARE: f64 = 0.25;
const LOAD_SHARE: f64 = 0.08;
const IDLE_SHARE: f64 = 0.19;
/// After a minute the server closes connections that are idle, and then it is not left alone.
const IDLE_TIME_MAX: Duration = Duration::from_secs(50);

/// What is to be measured.
pub(crate) struct Plan<'a> {
    /// About how long it takes.
    pub(crate) seconds: u64,
    pub(crate) backend: Backend,
    pub(crate) cores: CoreChoice,
    /// On the file system that is measured.
    pub(crate) folder: &'a Path,
}

/// What an answer, or a part of a session, takes of the event loop.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(super) name: &'static str,
    pub(super) connections: usize,
    /// Bytes of a body; 0: several sizes.
    pub(super) body_bytes: usize,
    pub(super) requests: u64,
    pub(super) cpu_micros: Option<f64>,
    pub(super) wakeups: f64,
    pub(super) sleeps: Option<f64>,
}

/// What is measured while nobody asks.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    pub(super) seconds: f64,
    pub(super) wakeups: u64,
    pub(super) sleeps: Option<u64>,
}

/// A part of the session with what it takes.
#[derive(Clone, Debug)]
pub(crate) struct PartCost {
    pub(super) name: &'static str,
    pub(super) requests: usize,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) pictures: usize,
    pub(super) cpu_micros: Option<f64>,
}

/// All that was measured.
pub(crate) struct Measured {
    pub(super) backend: &'static str,
    /// How many cores a server would use, and which if they were chosen.
    pub(super) cores: usize,
    pub(super) chosen: Vec<usize>,
    pub(super) without_file: String,
    pub(super) costs: Vec<Cost>,
    pub(super) parts: Vec<PartCost>,
    pub(super) idle: Idle,
    pub(super) storage: Result<StorageSpeed, String>,
    pub(super) before: Value,
    pub(super) after: Value,
}

pub(crate) fn measure(plan: &Plan<'_>) -> Result<Measured, Failure> {
    let of_all = |share: f64| Duration::from_secs_f64(plan.seconds as f64 * share);
    let session = Session::recorded()?;
    let asset = Kind::plain("asset", ASSET_BYTES);
    let record = |name: &str| Kind::plain(name, session.body_bytes(name));
    let (gallery, metadata) = (record("gallery"), record("metadata"));
    let progress = Progress::steps(STEPS);
    progress.step("making content");
    let more = [asset.clone(), gallery.clone(), metadata.clone()];
    let mut stage = Stage::start(&session, &more, plan.folder, plan.backend, plan.cores.clone())?;
    let before = stage.device();
    progress.step("reading what is not in memory");
    let storage = storage_speed(plan.folder, STORAGE_FILE_BYTES, ASSET_BYTES as u64, of_all(STORAGE_SHARE));
    let mut costs = Vec::new();
    for (name, kind, connections) in [
        ("gallery", &gallery, 1),
        ("metadata", &metadata, 1),
        ("asset", &asset, 1),
        ("gallery", &gallery, 16),
        ("gallery", &gallery, 64),
    ] {
        progress.step(name);
        let cost = load(&mut stage, name, connections, &[kind], of_all(LOAD_SHARE))?;
        costs.push(Cost { body_bytes: kind.body_bytes, ..cost });
    }
    let mut parts = Vec::new();
    for part in session.parts() {
        progress.step(part.name);
        let time = of_all(LOAD_SHARE) * 2 / 3;
        let cost = load(&mut stage, part.name, BROWSER_CONNECTIONS, &part.sequence(), time)?;
        parts.push(whole(part, &cost));
    }
    progress.step("leaving it alone");
    let idle = leave_alone(&stage, of_all(IDLE_SHARE).min(IDLE_TIME_MAX))?;
    let after = stage.device();
    // With what the control group allows.
    let most = available_parallelism().map_or(1, usize::from);
    let cores = match stage.cores() {
        [] => most,
        chosen => chosen.len().min(most),
    };
    let (backend, chosen) = (stage.backend(), stage.cores().to_vec());
    let (without_file, storage) = (stage.without_file.clone(), storage.map_err(|error| error.to_string()));
    Ok(Measured { backend, cores, chosen, without_file, costs, parts, idle, storage, before, after })
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(format!("the server in this process was not answered as it must: {error}"))
}

/// What one request takes of a load.
fn load(
    stage: &mut Stage,
    name: &'static str,
    connections: usize,
    kinds: &[&Kind],
    time: Duration,
) -> Result<Cost, Failure> {
    // Once before, so that nothing is done for the first time: payloads are checked, and memory has been asked for.
    let mut client = Client::connect(stage.address).map_err(|error| broken(&error))?;
    let mut seen = BTreeSet::new();
    for kind in kinds.iter().filter(|kind| seen.insert(kind.path(0))) {
        (0..kind.copies()).try_for_each(|copy| client.ask(kind, copy)).map_err(|error| broken(&error))?;
    }
    drop(client);
    let before = stage.used();
    let requests = drive(stage.address, connections, kinds, time).map_err(|error| broken(&error))?;
    let after = stage.used();
    let each = |count: f64| count / requests.max(1) as f64;
    let cpu = after.cpu_seconds.zip(before.cpu_seconds).map(|(after, before)| after - before);
    Ok(Cost {
        name,
        connections,
        body_bytes: 0,
        requests,
        cpu_micros: cpu.map(|seconds| each(seconds * 1e6)),
        wakeups: each((after.wakeups - before.wakeups) as f64),
        sleeps: after.sleeps.zip(before.sleeps).map(|(after, before)| each((after - before) as f64)),
    })
}

/// What a whole part takes, by what its requests take on average.
fn whole(part: &Part, cost: &Cost) -> PartCost {
    PartCost {
        name: part.name,
        requests: part.requests,
        bytes: part.bytes,
        seconds: part.seconds,
        pictures: part.pictures(),
        cpu_micros: cost.cpu_micros.map(|micros| micros * part.requests as f64),
    }
}

fn leave_alone(stage: &Stage, time: Duration) -> Result<Idle, Failure> {
    let connect = || -> io::Result<Client> {
        let mut client = Client::connect(stage.address)?;
        client.ask(&Kind::plain("asset", ASSET_BYTES), 0)?;
        Ok(client)
    };
    let clients = (0..IDLE_CONNECTIONS).map(|_| connect()).collect::<io::Result<Vec<_>>>();
    let clients = clients.map_err(|error| broken(&error))?;
    // What the last answers have left to do.
    std::thread::sleep(time / 10);
    let before: Used = stage.woken();
    let start = std::time::Instant::now();
    std::thread::sleep(time);
    let after = stage.woken();
    let seconds = start.elapsed().as_secs_f64();
    drop(clients);
    let sleeps = after.sleeps.zip(before.sleeps).map(|(after, before)| after - before);
    Ok(Idle { seconds, wakeups: after.wakeups - before.wakeups, sleeps })
}

/// How many viewers may browse at the same time before something is half used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Viewers {
    pub(super) by_processor: Option<f64>,
    /// When every picture must come from the storage; `None`: it was not measured, or not cold.
    pub(super) by_storage: Option<f64>,
    /// For each of [`NETWORKS`].
    pub(super) by_network: [f64; 3],
}

/// The formula of docs/devices.md: a viewer who browses takes so much of each in a second.
pub(super) fn viewers(browse: &PartCost, cores: usize, storage: Option<&StorageSpeed>) -> Viewers {
    let seconds = browse.seconds.max(1.0);
    let of_core = browse.cpu_micros.map(|micros| micros / 1e6 / seconds).filter(|share| *share > 0.0);
    let pictures = browse.pictures as f64 / seconds;
    let cold = storage.filter(|storage| storage.is_cold == Some(true) && storage.pieces > 0);
    let pieces = cold.map(|storage| storage.pieces as f64 / storage.pieces_time.as_secs_f64().max(1e-9));
    let megabits = browse.bytes as f64 * 8.0 / 1e6 / seconds;
    Viewers {
        by_processor: of_core.map(|share| USABLE * cores as f64 / share),
        by_storage: pieces.map(|pieces| USABLE * pieces / pictures),
        by_network: NETWORKS.map(|network| USABLE * network / megabits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_are_what_the_formula_says() {
        let browse = PartCost {
            name: "browse",
            requests: 100,
            bytes: 5_000_000,
            seconds: 50.0,
            pictures: 100,
            cpu_micros: Some(10_000.0),
        };
        let found = viewers(&browse, 4, None);
        // 200 us of a core in each second: 10,000 for the half of four cores.
        assert_eq!(found.by_processor, Some(10_000.0));
        assert_eq!(found.by_storage, None);
        // 0.8 Mbit/s.
        assert_eq!(found.by_network, [12.5, 62.5, 625.0]);
        assert_eq!(viewers(&PartCost { cpu_micros: None, ..browse }, 4, None).by_processor, None);
    }
}
