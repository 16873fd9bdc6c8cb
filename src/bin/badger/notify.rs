//! What a service manager is told and asks for: the protocol of sd_notify(3), a datagram for each message, to the socket that
//! `NOTIFY_SOCKET` names. Without a service manager nothing is told.

use crate::failure::Failure;
use badgerserver::{Handle, handover};
use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

/// How long a message may wait for a manager that reads late.
const TELL_TIME_MAX: Duration = Duration::from_secs(1);

/// Where messages go.
#[derive(Clone, Default)]
pub(crate) struct Notify(Option<Arc<(UnixDatagram, SocketAddr)>>);

impl Notify {
    /// # Errors
    /// `NOTIFY_SOCKET` is no address of a socket.
    pub(crate) fn from_environment() -> Result<Notify, Failure> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Notify::default());
        };
        let open = || {
            let address = match name.as_bytes() {
                [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
                _ => SocketAddr::from_pathname(&name)?,
            };
            let socket = UnixDatagram::unbound()?;
            // A manager that does not read must not stop the server, and one that reads late misses nothing.
            socket.set_write_timeout(Some(TELL_TIME_MAX))?;
            Ok((socket, address))
        };
        let failed = |error: std::io::Error| {
            let failure = Failure::new(format!("NOTIFY_SOCKET={}: {error}", name.to_string_lossy()));
            failure.remedy("it is set by a service manager; without one leave it unset")
        };
        open().map(|target| Notify(Some(Arc::new(target)))).map_err(failed)
    }

    fn tell(&self, message: &str) {
        if let Some((socket, address)) = self.0.as_deref() {
            // The manager may have gone; the server serves on.
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }

    /// It serves. `status`: one line for people.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// It serves in place of the process that the manager has watched so far.
    pub(crate) fn ready_instead(&self, status: &str) {
        self.tell(&format!("MAINPID={}\nREADY=1\nSTATUS={status}\n", std::process::id()));
    }

    /// Content is being loaded again. [`Notify::ready`] follows.
    pub(crate) fn reloading(&self) {
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}\n", handover::monotonic().as_micros()));
    }

    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=answers what was asked, and ends\n");
    }

    /// Tells the manager that the server lives, as often as it asked for, as long as every event loop answers in time.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start_watchdog(&self, handle: &Arc<Handle>) -> std::io::Result<()> {
        let Some(time) = watchdog_time().filter(|_| self.0.is_some()) else { return Ok(()) };
        let (notify, handle) = (self.clone(), Arc::clone(handle));
        let feed = move || {
            loop {
                // A third to wait, a third to answer: then it is told in time even if a message is lost.
                std::thread::sleep(time / 3);
                if handle.answers_within(time / 3) {
                    notify.tell("WATCHDOG=1\n");
                }
            }
        };
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(feed)?;
        Ok(())
    }
}

/// How often the manager wants to hear of this process, if it does.
fn watchdog_time() -> Option<Duration> {
    let is_other = env::var("WATCHDOG_PID").is_ok_and(|pid| pid != std::process::id().to_string());
    let microseconds: u64 = env::var("WATCHDOG_USEC").ok().filter(|_| !is_other)?.parse().ok()?;
    Some(Duration::from_micros(microseconds)).filter(|time| !time.is_zero())
}
