//! Listening sockets that come from elsewhere: from the server that this one takes over from, or from a service manager.
//!
//! ```text
//! new:  "takeover" LF                        to the control socket, when the content is loaded
//! old:  "badger-takeover 1" NUL  count NUL  (label NUL path NUL) for each socket, which travels with the first byte
//! new:  "serving" LF                         when it serves; without it everything stays as it was
//! old:  "ok ..."                             and hands over: accepts no more, and ends when its clients have gone
//! ```
//! A label is what was said to have a socket: the value of `--listen`, `systemd:` and a name, or `admin:` and the value of
//! `--admin`. So the same command line finds the same sockets. The path is that of a socket file which whoever takes over shall remove one day.

use crate::config::Settings;
use crate::control;
use crate::failure::{Failure, io_failure};
use crate::lifecycle::Lifecycle;
use crate::lines::Lines;
use badgerserver::{Address, Builder, ListenOptions, handover};
use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

const GREETING: &str = "badger-takeover 1";
/// How long the new process may take from the sockets to its first turn, and the old one to answer.
const STEP_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest message: a path has at most 108 bytes, and a label is an argument.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// What the labels of a service manager's sockets begin with.
const SYSTEMD: &str = "systemd";
/// What the label of the pages' socket begins with.
const ADMIN: &str = "admin:";

/// A listening socket that somebody else made.
pub(crate) struct Handed {
    label: String,
    path: Option<PathBuf>,
    socket: OwnedFd,
}

impl Handed {
    /// Whether an address of `--listen` means this socket.
    fn is_meant(&self, address: &str) -> bool {
        self.label == address || self.is_of_manager(address) || self.is_at(address)
    }

    pub(crate) fn adopt(self, builder: Builder, options: &ListenOptions) -> Builder {
        match self.path {
            Some(path) => builder.listen_on_unix(self.socket, path, options.clone()),
            None => builder.listen_on_with(self.socket, options.clone()),
        }
    }

    /// Whether only this machine can connect to it.
    pub(crate) fn is_local(&self) -> bool {
        let local = self.socket.try_clone().ok().and_then(|socket| TcpListener::from(socket).local_addr().ok());
        local.is_none_or(|local| local.ip().is_loopback())
    }

    fn is_of_manager(&self, address: &str) -> bool {
        address == SYSTEMD && self.label.starts_with("systemd:")
    }

    fn is_at(&self, address: &str) -> bool {
        if let Some(path) = address.strip_prefix("unix:") {
            return self.path.is_some() && std::path::absolute(path).ok() == self.path;
        }
        let local = self.socket.try_clone().ok().and_then(|socket| TcpListener::from(socket).local_addr().ok());
        let mut addresses = address.to_socket_addrs().into_iter().flatten();
        local.is_some_and(|local| addresses.any(|address| address == local))
    }
}

/// Gives the builder its listeners: those of the settings, handed over or to be opened; all that were handed over where the
/// settings name none. With them their labels.
///
/// # Errors
/// A socket of the service manager that it did not give.
pub(crate) fn listen(
    mut builder: Builder,
    settings: &Settings,
    handed: Vec<Handed>,
    lines: &Lines,
) -> Result<(Builder, Vec<String>), Failure> {
    let mut labels = Vec::new();
    // Pages of another process, which this one does not show: nothing else shall be seen there.
    let (unwanted, mut handed): (Vec<_>, Vec<_>) = handed.into_iter().partition(|one| one.label.starts_with(ADMIN));
    for (address, options) in &settings.listeners {
        if settings.listens_by_default && !handed.is_empty() {
            for one in handed.drain(..) {
                labels.push(one.label.clone());
                builder = one.adopt(builder, options);
            }
            break;
        }
        let is_of_manager = address == SYSTEMD || address.starts_with("systemd:");
        let mut count = 0;
        while let Some(place) = handed.iter().position(|one| one.is_meant(address)) {
            let one = handed.remove(place);
            labels.push(one.label.clone());
            builder = one.adopt(builder, options);
            count += 1;
            // A name of the manager may stand for several sockets, an address for one.
            if !is_of_manager {
                break;
            }
        }
        if count == 0 && is_of_manager {
            return Err(not_given(address));
        }
        if count == 0 {
            builder = builder.listen_with(address, options.clone());
            labels.push(address.clone());
        }
    }
    for one in handed.into_iter().chain(unwanted) {
        let flag = if one.label.starts_with(ADMIN) { "--admin" } else { "--listen" };
        lines.tell(format_args!("badger: {} was handed over and is closed: no {flag} names it", one.label));
    }
    Ok((builder, labels))
}

pub(crate) fn not_given(address: &str) -> Failure {
    let failure = Failure::new(format!("cannot listen on {address}: the service manager gave no such socket"));
    failure.remedy("FileDescriptorName= in the .socket unit is the name; start the server by that unit")
}

/// The socket that an address of `--admin` means: the one of the service manager that it names, or the pages' of the process
/// that this one takes over from.
pub(crate) fn take_for_admin(handed: &mut Vec<Handed>, address: &str) -> Option<Handed> {
    let is_it = |one: &Handed| match one.label.strip_prefix(ADMIN) {
        Some(label) => label == address || one.is_at(address),
        None => one.label == address && address.starts_with("systemd:"),
    };
    let place = handed.iter().position(is_it)?;
    Some(handed.remove(place))
}

/// The sockets that a service manager gave this process, with their names.
///
/// # Errors
/// It said that there are some, and there are not.
pub(crate) fn from_manager() -> Result<Vec<Handed>, Failure> {
    if env::var("LISTEN_PID").ok() != Some(std::process::id().to_string()) {
        return Ok(Vec::new());
    }
    let count = env::var("LISTEN_FDS").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let failed = |error| Failure::new(format!("LISTEN_FDS={count}: {error}")).remedy("it is set by a service manager");
    let sockets = handover::inherited(count).map_err(failed)?;
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let label = |socket| {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned());
        Handed { label: format!("{SYSTEMD}:{name}"), path: None, socket }
    };
    Ok(sockets.into_iter().map(label).collect())
}

/// The old process's side: gives its sockets away, and itself up when the new process serves.
pub(crate) fn give(stream: &UnixStream, lifecycle: &Lifecycle, lines: &Lines) -> io::Result<()> {
    let mut answer: &UnixStream = stream;
    let found = lifecycle.with_serving(|serving| {
        let mut sockets = serving.handle.duplicate_listeners();
        let mut labels = serving.labels.clone();
        let mut addresses = serving.handle.addresses().to_vec();
        if let (Ok(sockets), Some(pages)) = (&mut sockets, &serving.admin) {
            // Without it the other process opens one of its own, or says why it cannot.
            for (socket, address) in
                pages.handle.duplicate_listeners().into_iter().flatten().zip(pages.handle.addresses())
            {
                sockets.push(socket);
                labels.push(format!("{ADMIN}{}", pages.label));
                addresses.push(address.clone());
            }
        }
        (sockets, message(&labels, &addresses))
    });
    let (sockets, message) = match found {
        Some((Ok(sockets), message)) => (sockets, message),
        Some((Err(error), _)) => return writeln!(answer, "error {error}"),
        None => return writeln!(answer, "error the server is stopping"),
    };
    if sockets.len() > handover::DESCRIPTORS_MAX {
        return writeln!(answer, "error at most {} sockets can be handed over", handover::DESCRIPTORS_MAX);
    }
    handover::send(stream, &message, &sockets)?;
    drop(sockets);
    stream.set_read_timeout(Some(STEP_TIME_MAX))?;
    let said = control::read_line(stream);
    if !matches!(said.as_deref(), Ok("serving")) {
        lines.tell("badger: whoever was to take over did not serve; this server goes on");
        return Ok(());
    }
    if lifecycle.hand_over() {
        lines.tell("badger: handed over; this server ends when its clients have gone");
    }
    writeln!(answer, "ok handed over")
}

fn message(labels: &[String], addresses: &[Address]) -> Vec<u8> {
    let mut message = format!("{GREETING}\0{}\0", addresses.len()).into_bytes();
    for (label, address) in labels.iter().zip(addresses) {
        message.extend_from_slice(label.as_bytes());
        message.push(0);
        if let Address::Unix(Some(path)) = address {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            message.extend_from_slice(path.as_os_str().as_bytes());
        }
        message.push(0);
    }
    message
}

/// The new process's side: sockets that it has, and the old process that still serves them.
pub(crate) struct Taken {
    stream: UnixStream,
    path: PathBuf,
}

/// Asks the server with this control socket for its listening sockets.
///
/// # Errors
/// No server runs there, or it refuses.
pub(crate) fn take(path: &Path) -> Result<(Taken, Vec<Handed>), Failure> {
    let stream = control::connect(path, "takeover")?;
    let failed = |error: io::Error| io_failure(path, &error).at("takeover");
    stream.set_read_timeout(Some(STEP_TIME_MAX)).map_err(failed)?;
    let (mut bytes, mut sockets, mut part) = (Vec::new(), Vec::new(), vec![0; 4096]);
    let fields = loop {
        let count = handover::receive(&stream, &mut part, &mut sockets).map_err(failed)?;
        bytes.extend_from_slice(&part[..count]);
        match whole_fields(&bytes) {
            Some(fields) => break fields,
            None if count == 0 || bytes.len() > MESSAGE_BYTES_MAX => {
                let answer = String::from_utf8_lossy(&bytes);
                control::outcome(&answer).map_err(|failure| failure.at("takeover"))?;
                let strange = io::Error::new(ErrorKind::InvalidData, "the server gave no sockets");
                return Err(failed(strange));
            }
            None => {}
        }
    };
    if fields.len() != sockets.len() {
        let what = format!("{} sockets were told of and {} came", fields.len(), sockets.len());
        return Err(failed(io::Error::new(ErrorKind::InvalidData, what)));
    }
    let handed = fields.into_iter().zip(sockets).map(|((label, path), socket)| Handed { label, path, socket });
    Ok((Taken { stream, path: path.to_owned() }, handed.collect()))
}

/// The label and the path of each socket, once all are there.
fn whole_fields(bytes: &[u8]) -> Option<Vec<(String, Option<PathBuf>)>> {
    let mut fields = bytes.split(|&byte| byte == 0);
    let greeting = fields.next().filter(|field| *field == GREETING.as_bytes());
    let count: usize = greeting.and(fields.next()).and_then(|count| std::str::from_utf8(count).ok()?.parse().ok())?;
    let ends = bytes.iter().filter(|&&byte| byte == 0).count();
    if count.checked_mul(2)?.checked_add(2)? > ends {
        return None;
    }
    let mut found = Vec::new();
    for _ in 0..count {
        let label = String::from_utf8_lossy(fields.next()?).into_owned();
        let path = fields.next()?;
        found.push((label, Some(PathBuf::from(OsStr::from_bytes(path))).filter(|_| !path.is_empty())));
    }
    Some(found)
}

impl Taken {
    /// Tells the old process that this one serves.
    pub(crate) fn serves(mut self, lines: &Lines) {
        let mut answer = String::new();
        let told = self.stream.write_all(b"serving\n").and_then(|()| self.stream.read_to_string(&mut answer));
        let path = self.path.display();
        match (told, control::outcome(&answer)) {
            (Ok(_), Ok(_)) => lines.tell(format_args!("badger: took over from the server at {path}")),
            // It has ended by itself meanwhile. Its sockets are here, and serve.
            _ => lines.tell(format_args!("badger: took over from the server at {path}, which ended by itself")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_or_not_yet() {
        let labels = ["a:80".to_owned(), "unix:s".to_owned()];
        let bytes = message(&labels, &[Address::Unix(None), Address::Unix(Some("/run/s".into()))]);
        let wanted = vec![("a:80".to_owned(), None), ("unix:s".to_owned(), Some(PathBuf::from("/run/s")))];
        for cut in 0..bytes.len() {
            assert_eq!(whole_fields(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(whole_fields(&bytes), Some(wanted));
        for strange in ["error no\0\0\0", "badger-takeover 2\x000\0", "badger-takeover 1\0x\0"] {
            assert_eq!(whole_fields(strange.as_bytes()), None, "{strange:?}");
        }
        assert_eq!(whole_fields(b"badger-takeover 1\x000\0"), Some(vec![]));
        assert_eq!(whole_fields(format!("{GREETING}\0{}\0", usize::MAX).as_bytes()), None);
    }

    #[test]
    fn an_address_means_the_socket_that_was_opened_for_it_or_listens_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let handed = Handed { label: "localhost:0".to_owned(), path: None, socket: listener.into() };
        for (text, is_meant) in [("localhost:0".to_owned(), true), (address.to_string(), true)] {
            assert_eq!(handed.is_meant(&text), is_meant, "{text}");
        }
        for text in ["127.0.0.1:0", "systemd", "unix:/run/s"] {
            assert!(!handed.is_meant(text), "{text}");
        }
        let handed = Handed { label: "systemd:http".to_owned(), path: None, ..handed };
        assert!(handed.is_meant("systemd") && handed.is_meant("systemd:http") && !handed.is_meant("systemd:admin"));
        assert!(handed.is_local());
        let mut all = vec![handed];
        assert!(
            take_for_admin(&mut all, "systemd:admin").is_none()
                && take_for_admin(&mut all, &address.to_string()).is_none()
        );
        assert!(
            take_for_admin(&mut all, "systemd:http").is_some_and(|one| one.label == "systemd:http") && all.is_empty()
        );
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let handed = Handed { label: "admin:0.0.0.0:0".to_owned(), path: None, socket: listener.into() };
        assert!(!handed.is_local());
        let mut all = vec![handed];
        assert!(take_for_admin(&mut all, "0.0.0.0:1").is_none());
        assert!(take_for_admin(&mut all, "0.0.0.0:0").is_some());
    }
}
