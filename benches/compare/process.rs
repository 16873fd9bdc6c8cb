//! The servers, each a process of its own on core 0, and the processor time they have used.

use super::content::Content;
use super::sys;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The core of the server, and that of the client.
pub(crate) const SERVER_CORE: usize = 0;
pub(crate) const CLIENT_CORE: usize = 1;

/// Longest wait for a server to listen; valgrind is slow.
const START: Duration = Duration::from_secs(60);

/// A running server. Dropping it ends it.
pub(crate) struct Running {
    pub(crate) port: u16,
    child: Child,
    /// A folder of its own, to be removed.
    folder: Option<PathBuf>,
}

impl Running {
    /// This program again, with `arguments`; `under` is a program (and its arguments) that runs it.
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
        let port = line.trim().parse().map_err(|_| io::Error::other(format!("{arguments:?} did not start")))?;
        Ok(Running { port, child, folder: None })
    }

    /// nginx with one worker, tuned for static files; `None` when there is none on this machine.
    pub(crate) fn start_nginx(content: &Content) -> io::Result<Option<Running>> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let folder = content.folder.join(format!("nginx-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let config = folder.join("nginx.conf");
        fs::write(&config, nginx_config(&content.root, &folder, port, open_files_max()))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&folder).arg("-c").arg(&config).arg("-e").arg(folder.join("error.log"));
        let child = on_server_core(|| command.stdin(Stdio::null()).stdout(Stdio::null()).spawn())?;
        let mut running = Running { port, child, folder: Some(folder) };
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = running.child.try_wait()? {
                let log = running.folder.as_ref().and_then(|folder| fs::read_to_string(folder.join("error.log")).ok());
                return Err(io::Error::other(format!("nginx ended ({status}): {}", log.unwrap_or_default())));
            }
            if start.elapsed() > START {
                return Err(io::Error::other("nginx does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(running))
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

    /// Closes its input, which ends it, and waits.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.folder.is_some() {
            // nginx ends its worker itself, given the time.
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        } else {
            drop(self.child.stdin.take());
        }
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(3) {
                let _ = self.child.kill();
                let _ = self.child.wait();
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

/// As many as this process may have, which [`sys::raise_open_files_max`] has tried to raise.
pub(crate) fn open_files_max() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1024)
}

/// What nginx keeps open is bounded by what it may: where that is fewer than there are files, it opens and closes.
pub(crate) fn nginx_open_files_max(open_files_max: u64) -> u64 {
    open_files_max.saturating_sub(1_000).clamp(100, 200_000)
}

fn nginx_config(root: &Path, folder: &Path, port: u16, open_files_max: u64) -> String {
    let (root, folder) = (root.display(), folder.display());
    let cached = nginx_open_files_max(open_files_max);
    format!(
        "user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile {open_files_max};
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 4096; use epoll; }}
http {{
    access_log off;
    log_not_found off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    open_file_cache max={cached} inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    open_file_cache_errors on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"
    )
}
