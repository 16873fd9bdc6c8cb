//! What idle connections cost: the memory of a server of its own with few and with many of them, each of which has had one
//! answer and is kept.

use super::content::{Content, SMALL};
use super::peers::{self, Peer, Variant};
use super::process::Running;
use super::record::Idle;
use super::requests::{self, Requests};
use super::servers::{self, serve_arguments};
use super::sys;
use std::io;
use std::net::TcpStream;

pub(crate) const NAME: &str = "idle connections";

const FEW: usize = 1_000;
const MANY: usize = 10_000;
/// Of the chosen backend: bytes a connection.
const GATE_BYTES: f64 = 256.0;

/// Measures every server, one after the other.
///
/// # Errors
/// badgerserver does not keep so many. A peer that does not is left out with a note.
pub(crate) fn all(content: &Content, notes: &mut Vec<String>) -> io::Result<Vec<Idle>> {
    let chosen = servers::chosen_backend(content)?;
    let mut measured = Vec::new();
    for backend in servers::backends().0 {
        let running = Running::start(&serve_arguments(backend, content, false), &[])?;
        let gate = if backend == chosen { GATE_BYTES } else { 0.0 };
        measured.push(one(format!("badgerserver {backend}"), &running, gate)?);
    }
    for name in peers::ALL {
        let outcome = match peers::start(name, Variant::Usual, content) {
            Ok(None) => continue,
            Ok(Some(Peer { running, .. })) => one(name.to_owned(), &running, 0.0),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(idle) => measured.push(idle),
            Err(error) => notes.push(format!("{NAME}: {name} is left out: {error}")),
        }
    }
    Ok(measured)
}

fn one(server: String, running: &Running, at_most: f64) -> io::Result<Idle> {
    let requests = Requests::new(running.port, &format!("/p/{}/", SMALL.name), 1, "");
    let mut open = Vec::with_capacity(MANY);
    let few_bytes = memory_with(FEW, running, &requests, &mut open)?;
    let many_bytes = memory_with(MANY, running, &requests, &mut open)?;
    eprintln!("  {server}: {:.0} B a connection", (many_bytes - few_bytes) / (MANY - FEW) as f64);
    Ok(Idle { server, few: FEW as u64, few_bytes, many: MANY as u64, many_bytes, at_most })
}

fn memory_with(count: usize, running: &Running, requests: &Requests, open: &mut Vec<TcpStream>) -> io::Result<f64> {
    while open.len() < count {
        let mut socket = requests::connect(running.port)?;
        let answer = requests::ask(&mut socket, &requests.one(0))?;
        if answer.status != 200 || answer.body.len() != SMALL.body_bytes {
            return Err(io::Error::other(format!("connection {}: {}", open.len() + 1, answer.head)));
        }
        sys::reset_on_close(&socket)?;
        open.push(socket);
    }
    running.memory().map(|memory| memory.resident)
}
