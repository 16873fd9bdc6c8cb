//! The process gives up what it will never need (Landlock).
#![forbid(unsafe_code)]

use crate::sys::landlock::{self, Access, Ruleset};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Rules for this process: what it may still do with files and TCP ports. All else is refused by the kernel from then on, for
/// ever: reading, writing, executing; where the kernel knows how, also binding other ports, connecting anywhere by TCP, and
/// signals to other processes. What is open already stays usable, and unix sockets can be connected to.
///
/// ```no_run
/// use badgerserver::sandbox::Sandbox;
///
/// // Before any thread is started: rules hold for the thread that enters, and those that it starts.
/// Sandbox::new().read("/srv/packs").write("/var/log/badger").listen(8080).enter()?;
/// # Ok::<(), badgerserver::sandbox::SandboxError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    paths: Vec<Rule>,
    ports: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Rule {
    path: PathBuf,
    access: Access,
    is_needed: bool,
}

impl Sandbox {
    /// Rules that allow nothing.
    pub fn new() -> Sandbox {
        Sandbox::default()
    }

    /// Files beneath this folder, or this file, may be read.
    pub fn read(self, path: impl Into<PathBuf>) -> Sandbox {
        self.allow(path.into(), Access::Read)
    }

    /// Like [`Sandbox::read`], for what comes and goes by itself, such as a sensor: what is not there when the rules begin has no
    /// rule, and cannot be read if it comes later.
    pub fn read_if_there(mut self, path: impl Into<PathBuf>) -> Sandbox {
        self.paths.push(Rule { path: path.into(), access: Access::Read, is_needed: false });
        self
    }

    /// Files beneath this folder may be read, written, made and removed. For logs and temporary files.
    pub fn write(self, path: impl Into<PathBuf>) -> Sandbox {
        self.allow(path.into(), Access::Write)
    }

    /// Sockets may be made in this folder, and it may be removed from.
    pub fn sockets(self, path: impl Into<PathBuf>) -> Sandbox {
        self.allow(path.into(), Access::Sockets)
    }

    /// This TCP port may be listened on; 0 stands for any that the kernel chooses.
    pub fn listen(mut self, port: u16) -> Sandbox {
        self.ports.push(port);
        self
    }

    fn allow(mut self, path: PathBuf, access: Access) -> Sandbox {
        self.paths.push(Rule { path, access, is_needed: true });
        self
    }

    /// Enters. The calling thread is bound by the rules, and every thread that it starts later: so call it first of all.
    /// Gives the version of the kernel's Landlock.
    ///
    /// # Errors
    /// This kernel has no Landlock; a path of a rule is not there, and is not one of [`Sandbox::read_if_there`]. Then nothing is refused.
    pub fn enter(&self) -> Result<u32, SandboxError> {
        let version = landlock::version().map_err(SandboxError::Missing)?;
        let rules = Ruleset::new(version).map_err(SandboxError::System)?;
        for Rule { path, access, is_needed } in &self.paths {
            match rules.allow(path, *access) {
                Err(error) if !is_needed && error.kind() == io::ErrorKind::NotFound => {}
                result => result.map_err(|source| SandboxError::Path { path: path.clone(), source })?,
            }
        }
        for port in &self.ports {
            rules.allow_port(*port).map_err(SandboxError::System)?;
        }
        rules.enter().map_err(SandboxError::System)?;
        Ok(version)
    }

    /// Whether the rules let this path be read, with all links resolved. A path that leads nowhere is as well as allowed: who
    /// opens it will be told that. (One of [`Sandbox::read_if_there`] that came after the rules is told to be allowed, and is not.)
    pub fn allows_reading(&self, path: &Path) -> bool {
        let Ok(real) = path.canonicalize() else { return true };
        let is_beneath = |rule: &Rule| {
            rule.access != Access::Sockets && rule.path.canonicalize().is_ok_and(|folder| real.starts_with(folder))
        };
        self.paths.iter().any(is_beneath)
    }
}

/// Why there is no sandbox.
#[derive(Debug)]
#[non_exhaustive]
pub enum SandboxError {
    /// The kernel has no Landlock (Linux has it since 5.13), or it is switched off.
    Missing(io::Error),
    /// A path of a rule cannot be opened.
    Path {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Landlock refused something.
    System(io::Error),
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SandboxError::Missing(error) => write!(f, "this kernel has no Landlock, or not for this process: {error}"),
            SandboxError::Path { path, source } => {
                write!(f, "a rule of the sandbox is about {}: {source}", path.display())
            }
            SandboxError::System(error) => write!(f, "Landlock: {error}"),
        }
    }
}

impl std::error::Error for SandboxError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SandboxError::Missing(error) | SandboxError::System(error) => Some(error),
            SandboxError::Path { source, .. } => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules hold for a thread, so this has one of its own.
    #[test]
    fn what_may_be_missing_has_no_rule() {
        if let Err(error) = landlock::version() {
            println!("skipped: this kernel has no Landlock: {error}");
            return;
        }
        let other = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(std::fs::read(other).is_ok());
        let gone = std::env::temp_dir().join(format!("badgerserver-sandbox-gone-{}", std::process::id()));
        let refused = Sandbox::new().read(&gone).enter();
        assert!(matches!(refused, Err(SandboxError::Path { path, .. }) if path == gone));
        let enter = move || {
            Sandbox::new().read_if_there("/proc/self/status").read_if_there(gone).enter().unwrap();
            assert!(std::fs::read("/proc/self/status").is_ok_and(|bytes| !bytes.is_empty()));
            assert!(std::fs::read(other).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied));
        };
        std::thread::spawn(enter).join().unwrap();
    }
}
