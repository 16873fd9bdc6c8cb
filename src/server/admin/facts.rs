//! Everything that is told of a server, gathered once for each request.
#![forbid(unsafe_code)]

use crate::route::Kind;
use crate::server::handle::Handle;
use crate::server::latency::LatencyTotal;
use crate::server::look::{Connections, Look};
use crate::server::routes::RouteTotal;
use crate::server::stats::Stats;
use crate::sys::device::{self, Device};
use crate::sys::process::Usage;
use crate::sys::thread::ThreadClock;
use crate::sys::time;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the loops may take to say what they do; of one that takes longer, what it said last is told. A loop that is
/// well answers within a turn, and whoever asks has other pages to be told meanwhile.
const LOOK_TIME_MAX: Duration = Duration::from_millis(100);
/// How long it counts what was found of the memory of packs: to look at many large ones takes a while.
const RESIDENT_NANOS: u64 = 5_000_000_000;
/// Paths that are told.
const HOTTEST_MAX: usize = 20;

/// A server as these pages look at it.
pub(super) struct Watch {
    handle: Arc<Handle>,
    polled_requests: AtomicU64,
    polled_bytes: AtomicU64,
    last: Mutex<Last>,
    /// Where the file system begins, which is elsewhere in tests.
    root: PathBuf,
}

/// What was found the last time.
#[derive(Default)]
struct Last {
    looks: Vec<Look>,
    resident_at: u64,
    generation: u64,
    resident: Vec<Option<u64>>,
}

/// The facts.
pub(super) struct Facts {
    pub(super) now: f64,
    pub(super) started: f64,
    pub(super) is_draining: bool,
    pub(super) backend: &'static str,
    pub(super) generation: u64,
    pub(super) workers: Vec<WorkerFacts>,
    pub(super) totals: Stats,
    pub(super) connections: Connections,
    pub(super) routes: Vec<RouteTotal>,
    pub(super) latency: LatencyTotal,
    /// Paths with their share of all requests, the largest first.
    pub(super) hottest: Vec<(String, f64)>,
    pub(super) packs: Vec<PackFacts>,
    pub(super) usage: Usage,
    pub(super) polling: Polling,
    /// Battery and temperatures, looked at now.
    pub(super) device: Device,
}

pub(super) struct WorkerFacts {
    pub(super) stats: Stats,
    pub(super) cpu_nanos: Option<u64>,
    pub(super) busy_nanos: u64,
}

pub(super) struct PackFacts {
    pub(super) mount: String,
    pub(super) kind: Kind,
    pub(super) source: Option<String>,
    pub(super) sequence: u64,
    /// When its file was written; `None`: it is no file.
    pub(super) made: Option<i64>,
    pub(super) keys: u64,
    pub(super) bytes: u64,
    pub(super) resident_bytes: Option<u64>,
}

/// What these pages themselves cost.
pub(super) struct Polling {
    pub(super) requests: u64,
    /// Processor time of the thread that answers, which does nothing else.
    pub(super) cpu_nanos: Option<u64>,
    pub(super) bytes: u64,
}

impl Watch {
    pub(super) fn new(handle: Arc<Handle>, root: PathBuf) -> Watch {
        let (polled_requests, polled_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Watch { handle, polled_requests, polled_bytes, last: Mutex::default(), root }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Counts an answer of these pages.
    pub(super) fn answered(&self, bytes: usize) {
        self.polled_requests.fetch_add(1, Ordering::Relaxed);
        self.polled_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn facts(&self) -> Facts {
        let seen = self.handle.seen(LOOK_TIME_MAX);
        // Whoever has had this lock has left nothing half done.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.looks.resize(seen.workers.len(), Look::default());
        let mut connections = Connections::default();
        for (worker, last) in seen.workers.iter().zip(&mut last.looks) {
            if let Some(look) = &worker.look {
                last.clone_from(look);
            }
            connections.add(&last.connections);
        }
        let stats = self.handle.worker_stats().into_iter().zip(&seen.workers);
        let worker = |(stats, worker): (Stats, &crate::server::handle::SeenWorker)| WorkerFacts {
            stats,
            cpu_nanos: worker.cpu_nanos,
            busy_nanos: worker.busy_nanos,
        };
        Facts {
            now: time::unix_time(),
            started: self.handle.started(),
            is_draining: self.handle.is_draining(),
            backend: self.handle.backend(),
            generation: seen.generation,
            workers: stats.map(worker).collect(),
            totals: self.handle.stats(),
            connections,
            hottest: hottest(&last.looks),
            packs: packs(&mut last, &seen),
            routes: seen.routes,
            latency: seen.latency,
            usage: Usage::now(),
            polling: Polling {
                requests: self.polled_requests.load(Ordering::Relaxed),
                cpu_nanos: ThreadClock::of_this().and_then(ThreadClock::nanos),
                bytes: self.polled_bytes.load(Ordering::Relaxed),
            },
            device: device::look(&self.root),
        }
    }
}

fn hottest(looks: &[Look]) -> Vec<(String, f64)> {
    let samples: u64 = looks.iter().map(|look| look.samples).sum();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for path in looks.iter().flat_map(|look| &look.paths) {
        *counts.entry(&path.path).or_default() += path.count;
    }
    let mut hottest: Vec<_> = counts.into_iter().collect();
    hottest.sort_by_key(|&(path, count)| (std::cmp::Reverse(count), path));
    let share = |(path, count): (&str, u64)| (path.to_owned(), count as f64 / samples.max(1) as f64);
    hottest.into_iter().take(HOTTEST_MAX).map(share).collect()
}

fn packs(last: &mut Last, seen: &crate::server::handle::Seen) -> Vec<PackFacts> {
    let Some(content) = &seen.content else { return Vec::new() };
    let now = time::nanos();
    if last.generation != content.number || now.saturating_sub(last.resident_at) >= RESIDENT_NANOS {
        last.resident = content.packs().map(|(_, _, file)| file.resident_bytes()).collect();
        last.resident_at = now;
        last.generation = content.number;
    }
    let facts = content.packs().zip(&last.resident).map(|((named, pack, file), resident)| PackFacts {
        mount: named.label.to_owned(),
        kind: named.kind,
        source: named.source.map(str::to_owned),
        sequence: pack.info().sequence,
        made: file.memory().is_none().then(|| file.modified_unix_seconds()),
        keys: pack.info().key_count,
        bytes: file.len(),
        resident_bytes: *resident,
    });
    facts.collect()
}
