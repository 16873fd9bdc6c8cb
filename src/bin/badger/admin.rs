//! `--admin ADDRESS`: pages about this server, on a listener of their own.
//!
//! ```text
//! before the sandbox:    read the token
//! before the server:     listen, be well and not ready; so what is wrong with the address is found before anybody is served
//! when it serves:        the pages themselves
//! while it drains:       the pages go on, until the process ends
//! handed over:           the socket is the other process's too, and this one lets go of it
//! ```

use crate::failure::{Failure, io_failure};
use crate::lines::Lines;
use crate::serve::ServeArguments;
use crate::takeover::{self, Handed};
use badgerserver::admin::{self, Admin};
use badgerserver::{Backend, Builder, Event, Handle, Limits, ListenOptions, Server};
use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Connections: a scraper, some browsers, some probes.
const CONNECTIONS_MAX: usize = 256;
/// A file of a unix socket is for this user alone, unless its folder says otherwise.
const UNIX_MODE: u32 = 0o600;
/// Shortest token: one of random letters and digits that nobody guesses.
const TOKEN_BYTES_MIN: usize = 16;
/// How long the loop may take to have its pages.
const SWAP_TIME_MAX: Duration = Duration::from_secs(10);
/// How long answers under way have at the end.
const END_TIME: Duration = Duration::from_secs(1);

/// What was said of the pages.
pub(crate) struct Plan {
    address: String,
    token: Option<String>,
    backend: Backend,
}

impl Plan {
    /// `None`: nothing was said.
    ///
    /// # Errors
    /// The token cannot be read, or is none; a stranger could connect and there is no token.
    pub(crate) fn read(arguments: &ServeArguments) -> Result<Option<Plan>, Failure> {
        let Some(address) = &arguments.admin else { return Ok(None) };
        let token = arguments.admin_token_file.as_deref().map(read_token).transpose()?;
        let plan = Plan { address: address.clone(), token, backend: arguments.backend };
        // A socket of a service manager is looked at when it is there.
        let is_local = plan.address.starts_with("unix:") || plan.address.starts_with("systemd:") || {
            let addresses = plan.address.to_socket_addrs();
            let addresses = addresses.map_err(|error| plan.failure(&error.to_string()).remedy(ADDRESSES))?;
            addresses.into_iter().all(|address| address.ip().is_loopback())
        };
        plan.needs_token(is_local)?;
        Ok(Some(plan))
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(format!("cannot listen on {} (--admin): {what}", self.address))
    }

    fn needs_token(&self, is_local: bool) -> Result<(), Failure> {
        if is_local || self.token.is_some() {
            return Ok(());
        }
        let failure = self.failure("strangers could connect there, and no token is asked for");
        Err(failure.remedy("--admin-token-file names a file with a token; or listen on 127.0.0.1 or unix:PATH"))
    }

    /// Listens, and answers that it is not ready yet. Takes its socket out of those that were handed over.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub(crate) fn start(self, handed: &mut Vec<Handed>, lines: &Lines) -> Result<Pages, Failure> {
        let mut limits = Limits::default();
        limits.connections_max = CONNECTIONS_MAX;
        limits.connections_per_address_max = CONNECTIONS_MAX;
        let for_events = lines.clone();
        let tell = move |event: &Event| {
            if !matches!(event, Event::Swapped { .. }) {
                for_events.tell(format_args!("badger: admin: {event}"));
            }
        };
        let builder = Server::builder().backend(self.backend).workers(1).limits(limits).on_event(tell);
        let builder = self.listen(builder, handed)?;
        let handle =
            builder.start(admin::starting()).map_err(|error| self.failure(&error.to_string()).remedy(ADDRESSES))?;
        Ok(Pages { handle: Arc::new(handle), label: self.address, token: self.token })
    }

    fn listen(&self, builder: Builder, handed: &mut Vec<Handed>) -> Result<Builder, Failure> {
        if let Some(one) = takeover::take_for_admin(handed, &self.address) {
            self.needs_token(one.is_local())?;
            return Ok(one.adopt(builder, &ListenOptions::default()));
        }
        if self.address.starts_with("systemd:") {
            return Err(takeover::not_given(&self.address));
        }
        if self.address.starts_with("unix:") {
            let mut options = ListenOptions::default();
            options.unix_mode = Some(UNIX_MODE);
            return Ok(builder.listen_with(&self.address, options));
        }
        // Bound here, so that the address which is looked at is the one that is listened on, whatever a name stands for.
        let failed = |error: std::io::Error| self.failure(&error.to_string()).remedy(ADDRESSES);
        let socket = TcpListener::bind(&self.address).map_err(failed)?;
        self.needs_token(socket.local_addr().is_ok_and(|address| address.ip().is_loopback()))?;
        Ok(builder.listen_on(socket))
    }
}

const ADDRESSES: &str = "--admin takes an address that nobody else has: 127.0.0.1:9090, unix:PATH or systemd:NAME";

fn read_token(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read(path)
        .map_err(|error| io_failure(path, &error).remedy("--admin-token-file names a file with one line, the token"))?;
    let token = text.trim_ascii();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    if token.len() < TOKEN_BYTES_MIN || !token.iter().all(is_token) {
        let failure = Failure::new(format!("{}: this is no token", path.display()));
        let remedy = format!(
            "a token has {TOKEN_BYTES_MIN} or more letters, digits and -._~+/=; `openssl rand -hex 32` makes one"
        );
        return Err(failure.remedy(remedy));
    }
    Ok(String::from_utf8_lossy(token).into_owned())
}

/// The listener of the pages.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) handle: Arc<Handle>,
    /// What was said to have it.
    pub(crate) label: String,
    token: Option<String>,
}

impl Pages {
    /// There is a server: from the return on the pages are about it.
    ///
    /// # Errors
    /// The loop does not turn.
    pub(crate) fn show(&self, server: &Arc<Handle>, lines: &Lines) -> Result<(), Failure> {
        let admin = Admin::new(Arc::clone(server));
        let admin = match &self.token {
            Some(token) => admin.token(token),
            None => admin,
        };
        let swapped = self.handle.swap(admin.router()).map_err(|error| Failure::new(error.to_string()));
        swapped.map_err(|failure| failure.at("admin"))?;
        // The message before this question was the pages.
        if !self.handle.answers_within(SWAP_TIME_MAX) {
            return Err(Failure::new("admin: its loop does not answer"));
        }
        for address in self.handle.addresses() {
            lines.tell(format_args!("badger: admin on {address}/_badger/"));
        }
        Ok(())
    }

    /// The process ends.
    pub(crate) fn end(&self) {
        let _ = self.handle.drain(END_TIME);
    }
}
