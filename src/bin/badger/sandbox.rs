//! `--sandbox`: before any thread is started the server gives up what it will not need.

use crate::failure::Failure;
use badgerserver::sandbox::{Sandbox, SandboxError};
use clap::ValueEnum;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What is read of the machine: which cores there are, and how much of them; what this process uses.
const OF_THE_MACHINE: [&str; 3] = ["/proc/self", "/sys/fs/cgroup", "/sys/devices/system/cpu"];
/// What the admin pages read of the device; behind its links, too.
const OF_THE_DEVICE: [&str; 2] = ["/sys/class/power_supply", "/sys/class/thermal"];
/// What is read to find the address of a name.
const OF_NAMES: [&str; 5] = ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];

/// The value of `--sandbox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strictness {
    /// Without a sandbox the server does not start
    Require,
    /// Where the kernel has none, the server says so and runs
    Try,
}

/// What a server works with.
pub(crate) struct Needs<'a> {
    /// Packs and directories.
    pub(crate) content: &'a [PathBuf],
    /// What else may be read.
    pub(crate) also: &'a [PathBuf],
    /// Files that are written, made anew and replaced.
    pub(crate) written: &'a [PathBuf],
    /// The control socket, and others that are made.
    pub(crate) sockets: &'a [PathBuf],
    /// Addresses as `--listen` has them.
    pub(crate) listen: &'a [String],
    /// There are admin pages.
    pub(crate) tells_of_device: bool,
}

/// Enters. None: the kernel has no sandbox and none was required; the line is for people.
///
/// # Errors
/// There is none, and it was required; a path of a rule is not there.
pub(crate) fn enter(strictness: Strictness, needs: &Needs<'_>) -> Result<(Option<Sandbox>, String), Failure> {
    let sandbox = rules(needs);
    match sandbox.enter() {
        Ok(version) => Ok((Some(sandbox), format!("badger: in a sandbox (Landlock {version})"))),
        Err(error @ SandboxError::Missing(_)) if strictness == Strictness::Try => {
            Ok((None, format!("badger: not in a sandbox: {error}")))
        }
        Err(error @ SandboxError::Missing(_)) => {
            let remedy =
                "Linux has it since 5.13, when it is among the lsm= of its command line; --sandbox=try runs without";
            Err(Failure::new(format!("no sandbox: {error}")).remedy(remedy))
        }
        Err(error) => Err(Failure::new(format!("no sandbox: {error}"))),
    }
}

/// A pack is replaced by renaming another file over it, so the rule is about its folder; behind links, too.
fn rules(needs: &Needs<'_>) -> Sandbox {
    let mut sandbox = Sandbox::new();
    for path in needs.content {
        if path.is_dir() {
            sandbox = sandbox.read(path);
            // Where directories are packed.
            sandbox = sandbox.write(std::env::temp_dir());
            continue;
        }
        sandbox = sandbox.read(folder_of(path));
        if let Ok(real) = path.canonicalize() {
            sandbox = sandbox.read(folder_of(&real));
        }
    }
    for path in needs.also {
        sandbox = sandbox.read(path);
    }
    for path in needs.written {
        sandbox = sandbox.write(folder_of(path));
    }
    for path in needs.sockets {
        sandbox = sandbox.sockets(folder_of(path));
    }
    let mut has_names = false;
    for address in needs.listen {
        if let Some(path) = address.strip_prefix("unix:") {
            sandbox = sandbox.sockets(folder_of(Path::new(path)));
        } else if let Some(port) = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()) {
            sandbox = sandbox.listen(port);
            has_names |= address.parse::<SocketAddr>().is_err();
        }
    }
    for folder in OF_THE_DEVICE.iter().map(Path::new).filter(|_| needs.tells_of_device) {
        sandbox = sandbox.read_if_there(folder);
        // A sensor may go at any time.
        let links = folder.read_dir().into_iter().flatten().flatten();
        let there = links.filter_map(|link| link.path().canonicalize().ok());
        sandbox = there.fold(sandbox, |sandbox, real| sandbox.read_if_there(real));
    }
    let names: &[&str] = if has_names { &OF_NAMES } else { &[] };
    OF_THE_MACHINE.iter().chain(names).fold(sandbox, |sandbox, path| sandbox.read_if_there(path))
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Whether content at this path may be read.
///
/// # Errors
/// It lies outside.
pub(crate) fn check(sandbox: Option<&Sandbox>, path: &Path) -> Result<(), Failure> {
    if sandbox.is_none_or(|sandbox| sandbox.allows_reading(path)) {
        return Ok(());
    }
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let failure = Failure::new(format!("{} is outside the sandbox: it is {}", path.display(), real.display()));
    let remedy = format!("start the server with --sandbox-read {}", folder_of(&real).display());
    Err(failure.remedy(remedy))
}
