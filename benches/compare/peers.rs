//! Other servers, where they are on this machine: found on PATH, told to do what this benchmark needs and nothing else. One
//! worker, no logs, `sendfile`, connections kept, open files kept where the server can.

use super::content::Content;
use super::process::Running;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

pub(crate) const NGINX: &str = "nginx";
pub(crate) const H2O: &str = "h2o";
pub(crate) const LWAN: &str = "lwan";
pub(crate) const ALL: [&str; 5] = [NGINX, "lighttpd", H2O, LWAN, "static-web-server"];

/// A peer that runs.
pub(crate) struct Peer {
    pub(crate) running: Running,
    pub(crate) version: String,
    /// Its configuration, with what differs from run to run named.
    pub(crate) settings: String,
}

/// What is particular about a start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    Usual,
    /// nginx reads files by threads of its own.
    Threads,
}

/// Starts a server; `None` when there is none on this machine.
///
/// # Errors
/// It is there and does not start.
pub(crate) fn start(name: &str, variant: Variant, content: &Content) -> io::Result<Option<Peer>> {
    let Some(version) = version(name) else { return Ok(None) };
    let folder = content.folder.join(format!("{name}-{}-{}", std::process::id(), variant as u8));
    fs::create_dir_all(&folder)?;
    let (port, deferred_port) = (free_port()?, free_port()?);
    let root = content.root.display().to_string();
    let here = folder.display().to_string();
    let files = open_files_max();
    let template = match name {
        NGINX => stays_root("user root;\n").to_owned() + &nginx_config(variant),
        "lighttpd" => LIGHTTPD.to_owned(),
        H2O => stays_root("user: root\n").to_owned() + H2O_CONFIG,
        LWAN => LWAN_CONFIG.to_owned(),
        _ => STATIC_WEB_SERVER.to_owned(),
    };
    let cached = cached_files_max(files).to_string();
    let config = template
        .replace("ROOT", &root)
        .replace("FOLDER", &here)
        .replace("DEFERRED_PORT", &deferred_port.to_string())
        .replace("PORT", &port.to_string())
        .replace("OPEN_FILES_MAX", &files.to_string())
        .replace("CACHED_FILES_MAX", &cached);
    let path = folder.join("config.toml");
    fs::write(&path, &config)?;
    let mut command = Command::new(name);
    match name {
        NGINX => command.arg("-p").arg(&folder).arg("-c").arg(&path).arg("-e").arg(folder.join("error.log")),
        "lighttpd" => command.arg("-D").arg("-f").arg(&path),
        H2O | LWAN => command.arg("-c").arg(&path),
        _ => command.arg("--config-file").arg(&path),
    };
    command.current_dir(&folder);
    let mut running = Running::start_peer(command, port, folder)
        .map_err(|error| io::Error::other(format!("{name} {version}: {error}")))?;
    running.deferred_port = (name == NGINX).then_some(deferred_port);
    let settings = template.replace("CACHED_FILES_MAX", &cached).replace("OPEN_FILES_MAX", &files.to_string());
    Ok(Some(Peer { running, version, settings }))
}

/// What it says of its version; `None` when it is not there.
pub(crate) fn version(name: &str) -> Option<String> {
    let argument = if name == LWAN || name == "static-web-server" { "--version" } else { "-v" };
    let output = Command::new(name).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    // The first word that begins with a digit, or follows a slash and does.
    let word = text.split([' ', '/', '\n']).find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    Some(word.unwrap_or("of unknown version").trim_matches(['(', ')', ',']).to_owned())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// As many as this process may have, which `sys::raise_open_files_max` has tried to raise.
fn open_files_max() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1024)
}

/// What a server keeps open is bounded by what it may: where that is fewer than there are files, it opens and closes. Room
/// is left for connections.
fn cached_files_max(open_files_max: u64) -> u64 {
    open_files_max.saturating_sub(1_000).clamp(100, 200_000)
}

fn nginx_config(variant: Variant) -> String {
    NGINX_CONFIG.replace("THREADS", if variant == Variant::Threads { "aio threads;" } else { "aio off;" })
}

/// A server that root starts would become somebody who may not read the files.
fn stays_root(line: &str) -> &str {
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) { line } else { "" }
}

const NGINX_CONFIG: &str = "\
daemon off;
worker_processes 1;
worker_rlimit_nofile OPEN_FILES_MAX;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log crit;
events { worker_connections 16384; use epoll; }
http {
    access_log off;
    log_not_found off;
    default_type application/octet-stream;
    sendfile on;
    THREADS
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    open_file_cache max=CACHED_FILES_MAX inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    open_file_cache_errors on;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen 127.0.0.1:PORT backlog=4096;
        listen 127.0.0.1:DEFERRED_PORT backlog=4096 deferred;
        root ROOT;
    }
}
";

const LIGHTTPD: &str = "\
server.bind = \"127.0.0.1\"
server.port = PORT
server.document-root = \"ROOT\"
server.errorlog = \"FOLDER/error.log\"
server.pid-file = \"FOLDER/pid\"
server.event-handler = \"linux-sysepoll\"
server.network-backend = \"sendfile\"
server.max-fds = OPEN_FILES_MAX
server.max-connections = 16384
server.listen-backlog = 4096
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 3600
server.stat-cache-engine = \"simple\"
etag.use-inode = \"disable\"
mimetype.assign = ( \"\" => \"application/octet-stream\" )
";

const H2O_CONFIG: &str = "\
listen:
  host: 127.0.0.1
  port: PORT
num-threads: 1
max-connections: 16384
http1-request-timeout: 3600
error-log: FOLDER/error.log
pid-file: FOLDER/pid
file.send-gzip: OFF
hosts:
  default:
    paths:
      /:
        file.dir: ROOT
";

const LWAN_CONFIG: &str = "\
keep_alive_timeout = 3600
quiet = true
threads = 1
listener 127.0.0.1:PORT
site {
    serve_files / {
        path = ROOT
        serve precompressed files = false
    }
}
";

const STATIC_WEB_SERVER: &str = "\
[general]
host = \"127.0.0.1\"
port = PORT
root = \"ROOT\"
threads-multiplier = 1
log-level = \"error\"
compression = false
cache-control-headers = false
directory-listing = false
";
