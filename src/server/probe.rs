//! What a machine offers to a server, and what the server would make of it: for people, and for whoever helps them.
#![forbid(unsafe_code)]

mod storage;

pub use storage::{StorageSpeed, storage_speed};

use super::cores::{CoreChoice, Cores, ranges};
use crate::ring::choose::{Backend, try_uring};
use crate::sys::cores::Classes;
use crate::sys::device::{self, Battery, Device, ZONES_MAX};
use crate::sys::socket::BACKLOG_CONNECTIONS;
use crate::sys::{Listener, file, guard, probe as calls, process};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about: `machine`, `cores`, `backends`, `sockets`, `files`, `limits`, `device`.
    pub topic: &'static str,
    /// What it is.
    pub name: &'static str,
    /// What was found, in a word or two.
    pub value: String,
    /// Whether it can be had; `None` where that is no question.
    pub is_available: Option<bool>,
    /// Why, what it means here, or what to do; empty when there is nothing to say.
    pub note: String,
}

/// Looks at this machine, as this process may use it; at the file system of `path`, a file or a directory, where that matters.
/// Nothing is changed, and no system call is tried that could end the process.
pub fn probe(path: impl AsRef<Path>) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    machine(&mut found);
    cores(&mut found);
    backends(&mut found);
    sockets(&mut found);
    files(&mut found, path.as_ref());
    limits(&mut found);
    device(&mut found, Path::new("/"));
    found.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn fact(&mut self, topic: &'static str, name: &'static str, value: impl Into<String>, note: impl Into<String>) {
        self.0.push(Finding { topic, name, value: value.into(), is_available: None, note: note.into() });
    }

    /// `note`: what it means; when it is missing the reason comes first.
    fn tried(&mut self, topic: &'static str, name: &'static str, outcome: io::Result<()>, note: &str) {
        let (value, note, is_available) = match outcome {
            Ok(()) => ("available", note.to_owned(), true),
            Err(error) if note.is_empty() => ("missing", error.to_string(), false),
            Err(error) => ("missing", format!("{error}; {note}"), false),
        };
        let is_available = Some(is_available);
        self.0.push(Finding { topic, name, value: value.to_owned(), is_available, note });
    }
}

/// A line of /proc or /sys.
fn line(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|error| format!("unknown ({error})"), |text| text.trim().to_owned())
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn machine(found: &mut Findings) {
    found.fact("machine", "kernel", line("/proc/sys/kernel/osrelease"), "");
    found.fact("machine", "architecture", std::env::consts::ARCH, "");
    found.fact("machine", "page size", format!("{} B", file::page_bytes()), "");
    found.fact("machine", "memory", mebibytes(file::memory_bytes()), "");
}

fn cores(found: &mut Findings) {
    let cores = Cores::find();
    found.fact("cores", "online", line("/sys/devices/system/cpu/online"), "");
    let allowed = if cores.allowed.is_empty() { "unknown".to_owned() } else { ranges(&cores.allowed) };
    found.fact("cores", "allowed", allowed, "by the affinity mask (taskset, cpuset)");
    let Classes { by, classes } = &cores.classes;
    match &classes[..] {
        [] => found.fact("cores", "classes", "unknown", "the kernel tells neither their capacity nor their frequency"),
        [_] => {
            found.fact("cores", "classes", "1", format!("all alike by {by}: --cores big and little are all of them"))
        }
        several => {
            let parts: Vec<_> =
                several.iter().map(|class| format!("{} ({})", ranges(&class.cores), class.figure)).collect();
            let value = format!("{}: {}", several.len(), parts.join(", "));
            found.fact("cores", "classes", value, format!("by {by}, the slowest first"));
            for (choice, what) in [(CoreChoice::Little, "little"), (CoreChoice::Big, "big")] {
                let chosen = cores.choose(&choice);
                let note = chosen
                    .missing
                    .map_or_else(|| format!("what --cores {what} takes"), |why| format!("{why}: all are taken"));
                found.fact("cores", what, ranges(&chosen.cores), note);
            }
        }
    }
    match &cores.quota {
        None => found.fact("cores", "quota", "none", "no control group bounds the time of this process"),
        Some(quota) => {
            let value = format!("{} of {} us", quota.quota_micros, quota.period_micros);
            let note = format!("worth {} cores, rounded up; {}", quota.cores(), quota.file.display());
            found.fact("cores", "quota", value, note);
        }
    }
    let note = "as many as --workers is by itself: the allowed cores, or what the quota is worth if that is fewer";
    found.fact("cores", "workers", cores.workers(&cores.allowed).to_string(), note);
}

fn backends(found: &mut Findings) {
    // Every Linux that this library runs on has it.
    found.tried("backends", "epoll", Backend::Epoll.check(), "");
    match try_uring() {
        Err(error) => found.tried("backends", "io_uring", Err(error), ""),
        Ok((_, features)) => {
            found.tried("backends", "io_uring", Ok(()), "");
            for feature in features {
                let note = match feature.is_there {
                    true => format!("used; Linux {}", feature.since),
                    false => format!("Linux {} has it; instead: {}", feature.since, feature.instead),
                };
                let value = if feature.is_there { "available" } else { "missing" }.to_owned();
                let is_available = Some(feature.is_there);
                found.0.push(Finding { topic: "backends", name: feature.name, value, is_available, note });
            }
        }
    }
    match Backend::Auto.choose() {
        Ok(chosen) => found.fact("backends", "auto", chosen.backend.name(), chosen.reason),
        Err(error) => found.fact("backends", "auto", "none", error.to_string()),
    }
}

fn sockets(found: &mut Findings) {
    found.tried("sockets", "SO_REUSEPORT", calls::reuse_port(), "not used: workers share a listener");
    found.tried("sockets", "accept4", calls::accept4(), "without it accepting takes three calls");
    let deferred = Listener::bind_inet_sized(([127, 0, 0, 1], 0).into(), false, Default::default())
        .and_then(|listener| listener.defer_accept(1));
    found.tried("sockets", "TCP_DEFER_ACCEPT", deferred, "used with --defer-accept");
    match calls::congestion_control() {
        Ok(name) => {
            let note = if name == "bbr" { "costs more for large answers on loopback than cubic or reno" } else { "" };
            found.fact("sockets", "congestion control", name, note);
        }
        Err(error) => found.fact("sockets", "congestion control", "unknown", error.to_string()),
    }
    let somaxconn = line("/proc/sys/net/core/somaxconn");
    let is_less = somaxconn.parse().is_ok_and(|most: i32| most < BACKLOG_CONNECTIONS);
    let note = if is_less {
        format!("bounds the queue of new connections, which would have {BACKLOG_CONNECTIONS}; raise net.core.somaxconn")
    } else {
        format!("the queue of new connections has {BACKLOG_CONNECTIONS}")
    };
    found.fact("sockets", "net.core.somaxconn", somaxconn, note);
}

/// A file of that file system with a byte in it: the one that was named, or a nameless new one.
fn sample(path: &Path) -> io::Result<fs::File> {
    if !path.is_dir() {
        return fs::File::open(path);
    }
    let mut file = file::unlinked_temporary(path)?;
    file.write_all(b"x")?;
    Ok(file)
}

fn files(found: &mut Findings, path: &Path) {
    found.fact("files", "path", path.display().to_string(), "the file system that was tried");
    let sample = sample(path);
    let tried = |call: fn(&fs::File) -> io::Result<()>| match &sample {
        Ok(file) => call(file),
        Err(error) => Err(io::Error::new(error.kind(), format!("no file to try it with: {error}"))),
    };
    let note = "without it nobody knows whether a read waits for the disk";
    found.tried("files", "preadv2 RWF_NOWAIT", tried(calls::read_without_waiting), note);
    found.tried("files", "sendfile", tried(calls::sendfile), "large bodies leave by it");
    let huge = line("/sys/kernel/mm/transparent_hugepage/enabled");
    let is_possible = huge.contains("[always]") || huge.contains("[madvise]");
    found.0.push(Finding {
        topic: "files",
        name: "huge pages",
        value: huge,
        is_available: Some(is_possible),
        note: "asked for by madvise on large packs; the file system must have large pieces too".to_owned(),
    });
    let guard = if guard::is_supported() {
        Ok(())
    } else {
        Err(io::Error::other("not written for this processor: mapped packs are read by pread"))
    };
    found.tried("files", "SIGBUS guard", guard, "a mapped pack that is cut gives an error and no signal");
}

fn limits(found: &mut Findings) {
    match process::open_files_limits() {
        Ok((soft, hard)) => {
            let note = "a connection is a file; the soft limit is raised to the hard one at the start";
            found.fact("limits", "open files", format!("{soft}, at most {hard}"), note);
        }
        Err(error) => found.fact("limits", "open files", "unknown", error.to_string()),
    }
}

fn device(found: &mut Findings, root: &Path) {
    let Device { batteries, zones } = device::look(root);
    let number = |value: Option<f64>, unit: &str| value.map(|value| format!("{value} {unit}"));
    let parts = |parts: Vec<Option<String>>| parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let batteries = batteries.into_iter().map(|battery| {
        let Battery { name, status, charge, celsius, amperes, volts } = battery;
        let charge = charge.map(|charge| format!("{:.0} %", charge * 100.0));
        let (celsius, amperes, volts) = (number(celsius, "C"), number(amperes, "A"), number(volts, "V"));
        format!("{name}: {}", parts(vec![charge, status, celsius, amperes, volts]))
    });
    let batteries: Vec<_> = batteries.collect();
    match &batteries[..] {
        [] => found.fact("device", "battery", "none", "/sys/class/power_supply tells of none, or not to this process"),
        _ => found.fact("device", "battery", batteries.join("; "), "also in the metrics of --admin"),
    }
    let warmest = zones.iter().max_by(|one, other| one.celsius.total_cmp(&other.celsius));
    match warmest {
        None => found.fact("device", "temperature", "none", "/sys/class/thermal tells of none, or not to this process"),
        Some(warmest) => {
            let note = format!("the warmest of {} zones; the first {ZONES_MAX} are read", zones.len());
            found.fact("device", "temperature", format!("{} C ({})", warmest.celsius, warmest.kind), note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_named_once_and_what_is_missing_says_why() {
        let found = probe(std::env::temp_dir());
        for finding in &found {
            let same = |other: &&Finding| (other.topic, other.name) == (finding.topic, finding.name);
            assert_eq!(found.iter().filter(same).count(), 1, "{finding:?}");
            assert!(!finding.value.is_empty(), "{finding:?}");
            assert!(finding.is_available != Some(false) || !finding.note.is_empty(), "{finding:?}");
        }
        let value = |name: &str| &found.iter().find(|finding| finding.name == name).unwrap().value;
        assert_eq!(*value("workers"), {
            let cores = Cores::find();
            cores.workers(&cores.allowed).to_string()
        });
        assert_eq!(value("epoll"), "available");
        assert_eq!(*value("io_uring") == "available", Backend::IoUring.check().is_ok());
    }

    #[test]
    fn a_phone_tells_of_itself_and_others_say_that_they_cannot() {
        let told = |root: &Path| {
            let mut found = Findings(Vec::new());
            device(&mut found, root);
            found.0.into_iter().map(|finding| finding.value).collect::<Vec<_>>()
        };
        let phone = device::tests::phone();
        let battery = "battery: 83 %, Charging, 31.2 C, -0.412 A, 3.921 V";
        assert_eq!(told(phone.root()), [battery, "41.5 C (cpu-thermal)"]);
        assert_eq!(told(Path::new("/nowhere/at/all")), ["none", "none"]);
    }

    #[test]
    fn a_path_that_is_not_there_is_told() {
        let found = probe("/nowhere/at/all");
        let read = found.iter().find(|finding| finding.name == "preadv2 RWF_NOWAIT").unwrap();
        assert_eq!(read.is_available, Some(false));
        assert!(read.note.contains("no file to try it with"), "{read:?}");
    }
}
