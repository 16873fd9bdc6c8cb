//! Who takes part: badgerserver on each backend that there is here, and every peer that was found.

use super::content::Content;
use super::peers::{self, Peer, Variant};
use super::process::Running;
use super::record;
use badgerserver::Backend;
use std::io;

/// A server that answers from the content.
pub(crate) struct Server {
    /// `badgerserver epoll`, `nginx`.
    pub(crate) name: String,
    pub(crate) running: Running,
    version: String,
    settings: String,
    /// Of badgerserver.
    pub(crate) backend: Option<&'static str>,
    pub(crate) is_chosen: bool,
}

pub(crate) struct Servers {
    pub(crate) all: Vec<Server>,
    /// What is not there, in words.
    pub(crate) notes: Vec<String>,
}

const BACKENDS: [(&str, Backend); 2] = [("epoll", Backend::Epoll), ("io_uring", Backend::IoUring)];

/// What makes this program the server under test. It packs the directory when it starts, which takes its time.
pub(crate) fn serve_arguments(backend: &str, content: &Content, with_directory: bool) -> Vec<String> {
    let mut arguments = vec!["serve".to_owned(), backend.to_owned(), content.pack.display().to_string()];
    if with_directory {
        arguments.push(content.root.join("p").display().to_string());
    }
    arguments
}

/// The backend that `auto` takes here.
///
/// # Errors
/// The server does not start.
pub(crate) fn chosen_backend(content: &Content) -> io::Result<String> {
    let running = Running::start(&serve_arguments("auto", content, false), &[])?;
    running.words.first().cloned().ok_or_else(|| io::Error::other("the server named no backend"))
}

/// The backends that there are here, and why others are not.
pub(crate) fn backends() -> (Vec<&'static str>, Vec<String>) {
    let mut found = Vec::new();
    let mut notes = Vec::new();
    for (name, backend) in BACKENDS {
        // In a thread of its own: the kernel interrupts the calls of a thread that had a ring.
        match std::thread::spawn(move || backend.check()).join() {
            Ok(Ok(())) => found.push(name),
            Ok(Err(error)) => notes.push(format!("badgerserver on {name} is left out: {error}")),
            Err(_) => notes.push(format!("badgerserver on {name} is left out: asking for it failed")),
        }
    }
    (found, notes)
}

/// Starts them all, and keeps them.
///
/// # Errors
/// One of badgerserver's does not start. A peer that does not is left out with a note.
pub(crate) fn start(content: &Content, with_directory: bool) -> io::Result<Servers> {
    let (backends, mut notes) = backends();
    let chosen = chosen_backend(content)?;
    let mut all = Vec::new();
    for backend in backends {
        let running = Running::start(&serve_arguments(backend, content, with_directory), &[])?;
        all.push(badger(backend, running, chosen == backend));
    }
    for name in peers::ALL {
        match peers::start(name, Variant::Usual, content) {
            Ok(Some(Peer { running, version, settings })) => {
                all.push(Server { name: name.to_owned(), running, version, settings, backend: None, is_chosen: false });
            }
            Ok(None) => notes.push(format!("{name} is not on this machine")),
            Err(error) => notes.push(format!("left out: {error}")),
        }
    }
    for note in &notes {
        eprintln!("{note}");
    }
    Ok(Servers { all, notes })
}

/// badgerserver, running on a backend.
pub(crate) fn badger(backend: &'static str, running: Running, is_chosen: bool) -> Server {
    let settings = format!(
        "one worker, backend {backend}, everything else as it comes; the pack by Router::pack, for the browse session by \
         Mount::gather, the directory by Router::dir"
    );
    Server {
        name: format!("badgerserver {backend}"),
        running,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings,
        backend: Some(backend),
        is_chosen,
    }
}

impl Servers {
    pub(crate) fn badgers(&self) -> impl Iterator<Item = (&Server, &'static str)> {
        self.all.iter().filter_map(|server| Some((server, server.backend?)))
    }

    /// For the record, with the memory that each has now.
    pub(crate) fn describe(&self) -> io::Result<Vec<record::Server>> {
        let mut servers = Vec::new();
        for server in &self.all {
            let memory = server.running.memory()?;
            servers.push(record::Server {
                name: server.name.clone(),
                version: server.version.clone(),
                settings: server.settings.clone(),
                is_chosen: server.is_chosen,
                own_bytes: memory.own,
                resident_bytes: memory.resident,
            });
        }
        Ok(servers)
    }
}
