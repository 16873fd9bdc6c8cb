//! A server as a process on core 0, the processor time it has used and the memory it has.

use super::sys;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The core of the server, and that of the client.
pub(crate) const SERVER_CORE: usize = 0;
pub(crate) const CLIENT_CORE: usize = 1;

/// Longest wait for a server to listen; valgrind is slow.
const START: Duration = Duration::from_secs(60);
/// Longest wait for one to end by itself.
const END: Duration = Duration::from_secs(3);

/// A running server. Dropping it ends it.
pub(crate) struct Running {
    pub(crate) port: u16,
    /// Of a listener that tells of a connection when its first bytes have come.
    pub(crate) deferred_port: Option<u16>,
    /// What else it said when it started.
    pub(crate) words: Vec<String>,
    child: Child,
    /// A folder of its own, to be removed.
    folder: Option<PathBuf>,
}

/// Memory in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// What only this process has.
    pub(crate) own: f64,
    /// With the pages of files that it maps.
    pub(crate) resident: f64,
}

impl Running {
    /// This program again, with `arguments`; `under` is a program (and its arguments) that runs it. It says its ports, and
    /// perhaps more, in its first line.
    pub(crate) fn start(arguments: &[String], under: &[String]) -> io::Result<Running> {
        let own = std::env::current_exe()?;
        let mut command = match under.split_first() {
            None => Command::new(own),
            Some((program, before)) => {
                let mut command = Command::new(program);
                command.args(before).arg(own);
                command
            }
        };
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = on_server_core(|| command.spawn())?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        BufReader::new(output).read_line(&mut line)?;
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut ports = Vec::new();
        while let Some(Ok(port)) = words.first().map(|word| word.parse::<u16>()) {
            ports.push(port);
            words.remove(0);
        }
        let port = *ports.first().ok_or_else(|| io::Error::other(format!("{arguments:?} did not start")))?;
        Ok(Running { port, deferred_port: ports.get(1).copied(), words, child, folder: None })
    }

    /// A program that listens on `port` and is ended by a signal. `folder` is removed with it.
    pub(crate) fn start_peer(mut command: Command, port: u16, folder: PathBuf) -> io::Result<Running> {
        let log = folder.join("output.log");
        let output = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        sys::end_with_parent(&mut command);
        let child = on_server_core(|| command.spawn())?;
        let mut running = Running { port, deferred_port: None, words: Vec::new(), child, folder: Some(folder) };
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = running.child.try_wait()? {
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(io::Error::other(format!("ended ({status}): {said}")));
            }
            if start.elapsed() > START {
                return Err(io::Error::other("does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// Nanoseconds that the server's threads, and those of its children, have run.
    pub(crate) fn cpu_nanos(&self) -> io::Result<u64> {
        let own = self.child.id();
        let mut nanos = threads_nanos(own)?;
        for child in children(own)? {
            nanos += threads_nanos(child)?;
        }
        Ok(nanos)
    }

    /// What the server, and its children, have in memory.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let own = self.child.id();
        let mut memory = memory_of(own)?;
        for child in children(own)? {
            let more = memory_of(child)?;
            memory.own += more.own;
            memory.resident += more.resident;
        }
        Ok(memory)
    }

    /// Puts the server, and its children, into a control group.
    pub(crate) fn join_group(&self, group: &Path) -> io::Result<()> {
        let own = self.child.id();
        for process in children(own)?.into_iter().chain([own]) {
            fs::OpenOptions::new()
                .write(true)
                .open(group.join("cgroup.procs"))?
                .write_all(process.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// Closes its input, which ends it, and waits.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let children = children(self.child.id()).unwrap_or_default();
        if self.folder.is_some() {
            // By a signal that lets it end its workers.
            sys::terminate(self.child.id());
        } else {
            drop(self.child.stdin.take());
        }
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > END {
                let _ = self.child.kill();
                let _ = self.child.wait();
                children.iter().for_each(|&child| sys::terminate(child));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// What a thread starts inherits its cores.
fn on_server_core<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    sys::pin(SERVER_CORE)?;
    let started = start();
    sys::pin(CLIENT_CORE)?;
    started
}

fn threads_nanos(process: u32) -> io::Result<u64> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may have ended meanwhile.
        let Ok(line) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += line.split(' ').next().and_then(|run| run.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(nanos)
}

fn memory_of(process: u32) -> io::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kibibytes| kibibytes.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
    };
    Ok(Memory { own: field("Anonymous:"), resident: field("Rss:") })
}

fn children(process: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(line) = fs::read_to_string(format!("/proc/{number}/stat")) else { continue };
        // After the name, which may have spaces: state, parent.
        let parent = line.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent == Some(process) {
            found.push(number);
        }
    }
    Ok(found)
}
