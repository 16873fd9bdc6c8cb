//! A server in this process, with content like a gallery's, and what its event loop has used.

use super::client::PREFIX;
use super::session::{Kind, Session};
use crate::failure::Failure;
use badgerserver::admin::Admin;
use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::{Backend, CoreChoice, Handle, Pack, Router, Server, TestClient};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;

/// The server and the pages about it.
pub(super) struct Stage {
    handle: Arc<Handle>,
    pages: TestClient,
    /// The thread of the event loop, in /proc.
    thread: Option<String>,
    pub(super) address: SocketAddr,
    /// Why the content is in memory and not in a file; empty when it is in one.
    pub(super) without_file: String,
    /// Holds the file that has no name.
    _file: Option<File>,
}

/// What the event loop has used since it began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) wakeups: u64,
    /// How often the kernel put its thread to sleep.
    pub(super) sleeps: Option<u64>,
}

impl Stage {
    /// `folder`: where the file of the content is made, and given no name.
    pub(super) fn start(
        session: &Session,
        more: &[Kind],
        folder: &Path,
        backend: Backend,
        cores: CoreChoice,
    ) -> Result<Stage, Failure> {
        let broken = |what: &dyn std::fmt::Display| Failure::new(format!("the content cannot be made: {what}"));
        let kinds: Vec<&Kind> = session.parts().into_iter().flat_map(|part| &part.kinds).chain(more).collect();
        let (pack, file, without_file) = match in_file(&kinds, folder) {
            Ok((pack, file)) => (pack, Some(file), String::new()),
            Err(why) => {
                let mut bytes = Cursor::new(Vec::new());
                write(&kinds, &mut bytes).map_err(|error| broken(&error))?;
                let pack = Pack::from_memory(bytes.into_inner()).map_err(|error| broken(&error))?;
                (pack, None, why.to_string())
            }
        };
        let server = Server::builder().listen("127.0.0.1:0").workers(1).backend(backend).cores(cores);
        let start = |error: badgerserver::Error| Failure::new(error.to_string());
        let handle = Arc::new(server.start(Router::new().pack(PREFIX, pack)).map_err(start)?);
        let pages = TestClient::new(Admin::new(Arc::clone(&handle)).router()).map_err(start)?;
        let address = handle.addresses()[0].inet().ok_or_else(|| Failure::new("it listens on no address"))?;
        Ok(Stage { handle, pages, thread: thread_of_loop(), address, without_file, _file: file })
    }

    pub(super) fn backend(&self) -> &'static str {
        self.handle.backend()
    }

    /// The cores that the loop is bound to; none: all that this process may use.
    pub(super) fn cores(&self) -> &[usize] {
        self.handle.cores()
    }

    /// What the admin pages tell.
    fn stats(&mut self) -> Value {
        serde_json::from_slice(self.pages.get("/_badger/stats").body()).unwrap_or_default()
    }

    /// Battery and temperatures.
    pub(super) fn device(&mut self) -> Value {
        self.stats()["device"].take()
    }

    pub(super) fn used(&mut self) -> Used {
        let cpu_seconds = self.stats()["workers"][0]["cpu_seconds"].as_f64();
        Used { cpu_seconds, ..self.woken() }
    }

    /// Without what would wake it: to ask it how it is does.
    pub(super) fn woken(&self) -> Used {
        let sleeps = self.thread.as_ref().and_then(|thread| {
            let status = fs::read_to_string(format!("{thread}/status")).ok()?;
            status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
        });
        Used { cpu_seconds: None, wakeups: self.handle.stats().wakeups, sleeps }
    }
}

/// The folder of the thread in /proc: there is one event loop in this process.
fn thread_of_loop() -> Option<String> {
    let threads = fs::read_dir("/proc/self/task").ok()?.flatten();
    let mut folders = threads.filter_map(|thread| thread.path().into_os_string().into_string().ok());
    folders.find(|folder| fs::read_to_string(format!("{folder}/comm")).is_ok_and(|name| name.trim() == "badger-0"))
}

/// Bodies of all kinds and sizes, which nothing can squeeze.
fn write(kinds: &[&Kind], out: impl Read + Write + Seek) -> Result<(), Box<dyn std::error::Error>> {
    let mut entries = BTreeMap::new();
    for kind in kinds {
        entries.extend((0..kind.copies()).map(|copy| (kind.path(copy), kind.body_bytes)));
    }
    let options = WriterOptions { creator: "badger probe".to_owned(), ..WriterOptions::default() };
    let mut writer = PackWriter::create(out, Cursor::new(Vec::new()), options)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for (key, bytes) in &entries {
        let mut body = Vec::with_capacity(bytes + 8);
        while body.len() < *bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            body.extend_from_slice(&state.to_le_bytes());
        }
        body.truncate(*bytes);
        let bodies = [(Encoding::Identity, body.as_slice())];
        writer.add(Entry { key, content_type: "application/octet-stream", bodies: &bodies, ..Entry::default() })?;
    }
    writer.finish()?;
    Ok(())
}

/// A pack in a file that has no name while anything is in it, so that nothing is left behind however this ends.
fn in_file(kinds: &[&Kind], folder: &Path) -> Result<(Pack, File), Box<dyn std::error::Error>> {
    let path = folder.join(format!(".badger-probe.{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    write(kinds, &mut file)?;
    file.flush()?;
    let pack = Pack::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok((pack, file))
}
