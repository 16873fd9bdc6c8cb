//! From settings to running workers.
#![forbid(unsafe_code)]

use super::addresses::Addresses;
use super::content::{Content, Deliver};
use super::error::Error;
use super::event::{self, Event, Reporter};
use super::generation::Generation;
use super::handle::{Handle, Mailbox};
use super::stats::WorkerStats;
use super::tasks::TaskPool;
use super::worker::{Listening, Message, Parts, Worker};
use crate::limits::Limits;
use crate::ring::choose::{Available, Backend};
use crate::ring::{Ring, Wake, epoll::Epoll};
use crate::route::Router;
use crate::sys::socket::BufferSizes;
use crate::sys::{self, Peer, process, thread};
use crossbeam_channel::{Sender, bounded, unbounded};
use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most workers of one server: far more than any machine's cores.
const WORKERS_MAX: usize = 1024;
/// Descriptors that connections leave to files, packs, listeners and the program around the server: this many, or a quarter
/// of what there is.
const DESCRIPTORS_KEPT_MAX: usize = 512;
/// Stack of a worker: the loop is shallow; handlers run on it. 2 MiB, as every thread of the standard library.
const WORKER_STACK_BYTES: usize = 2 * 1024 * 1024;

/// The way in: [`Server::builder`].
#[derive(Debug)]
pub struct Server;

impl Server {
    /// A server to be set up.
    ///
    /// ```no_run
    /// use badgerserver::{Response, Router, Server};
    ///
    /// let router = Router::new().get("/hello/{name}", |req| Response::text(format!("hi {}\n", req.param("name"))));
    /// Server::builder().listen("127.0.0.1:8080").run(router)?;
    /// # Ok::<(), badgerserver::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder {
            listen: Vec::new(),
            workers: None,
            backend: Backend::Auto,
            limits: Limits::default(),
            events: Box::new(|event: &Event| {
                // When stderr is gone there is nobody left to tell.
                let _ = writeln!(io::stderr(), "badgerserver: {event}");
            }),
            buffers: BufferSizes::default(),
        }
    }
}

enum Listen {
    At(String),
    On(OwnedFd, Option<PathBuf>),
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address with its real port.
    Inet(SocketAddr),
    /// A unix socket; the path when the server made it.
    Unix(Option<PathBuf>),
}

impl Address {
    /// The TCP address.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Address::Inet(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet(address) => write!(f, "http://{address}"),
            Address::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Address::Unix(None) => f.write_str("unix"),
        }
    }
}

/// The settings of a server.
pub struct Builder {
    listen: Vec<Listen>,
    workers: Option<usize>,
    backend: Backend,
    limits: Limits,
    events: event::Listener,
    buffers: BufferSizes,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Builder { workers, backend, limits, .. } = self;
        f.debug_struct("Builder").field("workers", workers).field("backend", backend).field("limits", limits).finish()
    }
}

impl Builder {
    /// Listens on an address: `127.0.0.1:8080`, `[::]:8080` (IPv4 too), `localhost:0` (any free port), or `unix:PATH`. Call
    /// it again for more.
    pub fn listen(mut self, address: impl Into<String>) -> Builder {
        self.listen.push(Listen::At(address.into()));
        self
    }

    /// Listens on a socket that already does, handed over by somebody else. It is made non-blocking.
    pub fn listen_on(mut self, socket: impl Into<OwnedFd>) -> Builder {
        self.listen.push(Listen::On(socket.into(), None));
        self
    }

    /// As [`Builder::listen_on`], for a unix socket that an earlier server made at this path: its file is this server's to
    /// remove now.
    pub fn listen_on_unix(mut self, socket: impl Into<OwnedFd>, path: impl Into<PathBuf>) -> Builder {
        self.listen.push(Listen::On(socket.into(), Some(path.into())));
        self
    }

    /// How many event loops run, each on a thread of its own (1 to 1024). As it comes: one for each core that this process
    /// may use.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = Some(workers);
        self
    }

    /// How the server talks to the kernel.
    pub fn backend(mut self, backend: Backend) -> Builder {
        self.backend = backend;
        self
    }

    /// What the server allows. See [`Limits`].
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// Who is told of rare events; as it comes, they are lines on stderr. It is called on a thread of its own; when it is
    /// slow, events are counted and left out.
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + 'static) -> Builder {
        self.events = Box::new(listener);
        self
    }

    /// Sizes of the kernel's buffers for each connection, in bytes, where the kernel is not to choose (it chooses better,
    /// except in tests of slow clients).
    pub fn socket_buffers(mut self, receive_bytes: Option<usize>, send_bytes: Option<usize>) -> Builder {
        self.buffers = BufferSizes { receive_bytes, send_bytes };
        self
    }

    /// Serves until the server is stopped; see [`Builder::start`].
    ///
    /// # Errors
    /// As [`Builder::start`], and when a worker ended before it was told to.
    pub fn run(self, router: Router) -> Result<(), Error> {
        self.start(router)?.wait()
    }

    /// Starts serving and returns. The server stops when the handle is dropped.
    ///
    /// # Errors
    /// A mistake in the settings or the router, an address that cannot be listened on, content that cannot be opened.
    pub fn start(self, router: Router) -> Result<Handle, Error> {
        self.limits.validate().map_err(Error::Limit)?;
        router.validate().map_err(Error::Route)?;
        let workers = self.workers.unwrap_or_else(|| thread::allowed_cores().len().clamp(1, WORKERS_MAX));
        if !(1..=WORKERS_MAX).contains(&workers) {
            return Err(Error::Workers(workers));
        }
        let chosen = self.backend.choose().map_err(Error::Backend)?;
        if self.listen.is_empty() {
            return Err(Error::NoListener);
        }
        let generation = Arc::new(Generation::new(1, router).map_err(Error::Content)?);
        let mut limits = self.limits;
        // A connection is a descriptor, and files, packs and listeners need some too. Where the system does not say how many
        // there may be, accept tells when they are used up.
        if let Ok(descriptors) = process::raise_open_files_max() {
            let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
            let spare = descriptors - DESCRIPTORS_KEPT_MAX.min(descriptors / 4);
            limits.connections_max = limits.connections_max.min((spare / workers).max(1));
        }
        let mut listeners = Vec::new();
        let (mut addresses, mut shared) = (Vec::new(), Vec::new());
        for listen in self.listen {
            let (listener, address) = open_listener(listen, self.buffers)?;
            let local = match listener.local() {
                Peer::Inet(address) => Some(address),
                Peer::Unix => None,
            };
            let listener = Arc::new(listener);
            shared.push(Arc::downgrade(&listener));
            listeners.push(Listening { socket: Some(listener), local });
            addresses.push(address);
        }
        let tasks = TaskPool::start().map_err(Error::Start)?;
        let events = event::start(self.events).map_err(Error::Start)?;
        let counts = Arc::new(Addresses::new(limits.connections_per_address_max));
        let mut handle = Handle::new(addresses, workers, Arc::clone(&generation));
        handle.remember_listeners(shared);
        for number in 0..workers {
            let seat = Seat {
                number,
                limits: limits.clone(),
                listeners: listeners.clone(),
                addresses: Arc::clone(&counts),
                generation: Arc::clone(&generation),
                tasks: tasks.clone(),
                events: events.clone(),
            };
            match chosen.backend {
                Available::Epoll => seat.start(&mut handle, Epoll::new)?,
                #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
                Available::IoUring => seat.start(&mut handle, crate::ring::uring::Uring::new)?,
            }
        }
        Ok(handle)
    }
}

/// What one worker's thread starts with.
struct Seat {
    number: usize,
    limits: Limits,
    listeners: Vec<Listening>,
    addresses: Arc<Addresses>,
    generation: Arc<Generation>,
    tasks: TaskPool,
    events: Sender<Event>,
}

/// How a worker's start came out: its mailbox, or why it has none.
type Started = io::Result<(Mailbox, &'static str)>;

impl Seat {
    /// Starts the thread, makes its ring there (a ring belongs to its thread), and waits until it listens.
    fn start<R: Ring + 'static>(self, handle: &mut Handle, ring: fn() -> io::Result<R>) -> Result<(), Error> {
        let (started, outcome) = bounded::<Started>(1);
        let exit = handle.exit();
        let name = format!("badger-{}", self.number);
        let builder = std::thread::Builder::new().name(name).stack_size(WORKER_STACK_BYTES);
        let events = self.events.clone();
        let thread = builder.spawn(move || {
            // Whatever the worker panics over dies with it: the other workers share nothing with it but the
            // generation, which is never written.
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.run(ring, &started)));
            let failure = match ran {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(panic) => Some(panic_text(panic.as_ref())),
            };
            if let Some(what) = &failure {
                let _ = events.try_send(Event::WorkerFailed { what: what.clone() });
            }
            exit.ended(failure);
        });
        let thread = thread.map_err(Error::Start)?;
        let stopped = || io::Error::other("its thread ended before it listened");
        let (mailbox, backend) = outcome.recv().unwrap_or_else(|_| Err(stopped())).map_err(Error::Start)?;
        handle.add(mailbox, thread, backend);
        Ok(())
    }

    fn run<R: Ring + 'static>(self, ring: fn() -> io::Result<R>, started: &Sender<Started>) -> io::Result<()> {
        let ring = match ring() {
            Ok(ring) => ring,
            Err(error) => {
                let _ = started.send(Err(error));
                return Ok(());
            }
        };
        let (sender, inbox) = unbounded::<Message>();
        let backend = ring.name();
        let waker = ring.waker();
        let stats = Arc::new(WorkerStats::default());
        let mailbox = {
            let (sender, waker) = (sender.clone(), waker.clone());
            Mailbox::new(sender, move || waker.wake(), Arc::clone(&stats))
        };
        let deliver: Deliver = Arc::new(move |done| {
            // The worker is gone when nobody receives: then nobody waits for it either.
            let _ = sender.send(Message::Done(done));
            waker.wake();
        });
        let offload = self.tasks.offload();
        let open_files_max = self.limits.open_files_max;
        let content = Content::new(self.generation, open_files_max, offload, deliver, Arc::clone(&stats));
        let reporter = Reporter::new(self.events);
        let parts = Parts {
            content,
            limits: self.limits,
            listeners: self.listeners,
            addresses: self.addresses,
            inbox,
            stats,
            reporter,
        };
        match Worker::new(ring, parts) {
            Ok(mut worker) => {
                let _ = started.send(Ok((mailbox, backend)));
                worker.run()
            }
            Err(error) => {
                let _ = started.send(Err(error));
                Ok(())
            }
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("no message"))
}

fn open_listener(listen: Listen, buffers: BufferSizes) -> Result<(sys::Listener, Address), Error> {
    match listen {
        Listen::At(address) => match address.strip_prefix("unix:") {
            Some(path) => match sys::Listener::bind_unix(Path::new(path)) {
                Ok(listener) => Ok((listener, Address::Unix(Some(PathBuf::from(path))))),
                Err(source) => Err(Error::Listen { address, source }),
            },
            None => match bind_inet(&address, buffers) {
                Ok(listener) => {
                    let address = address_of(&listener);
                    Ok((listener, address))
                }
                Err(source) => Err(Error::Listen { address, source }),
            },
        },
        Listen::On(socket, path) => match adopt(socket, path.as_deref()) {
            Ok(listener) => {
                let address = path.map_or_else(|| address_of(&listener), |path| Address::Unix(Some(path)));
                Ok((listener, address))
            }
            Err(source) => Err(Error::Listen { address: "the socket handed over".to_owned(), source }),
        },
    }
}

fn adopt(socket: OwnedFd, path: Option<&Path>) -> io::Result<sys::Listener> {
    let mut listener = sys::Listener::from_descriptor(socket)?;
    if let Some(path) = path {
        listener.adopt(path)?;
    }
    Ok(listener)
}

fn address_of(listener: &sys::Listener) -> Address {
    match listener.local() {
        Peer::Inet(address) => Address::Inet(address),
        Peer::Unix => Address::Unix(None),
    }
}

/// Listens on the first of the addresses that a name stands for and that can be had.
fn bind_inet(address: &str, buffers: BufferSizes) -> io::Result<sys::Listener> {
    let addresses = address.to_socket_addrs().map_err(|error| {
        io::Error::new(error.kind(), format!("{error} (an address looks like 127.0.0.1:8080, [::]:8080 or unix:PATH)"))
    })?;
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match sys::Listener::bind_inet_sized(address, buffers) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
