//! From settings to running workers.
#![forbid(unsafe_code)]

use super::access::{AccessBatch, AccessLog, AccessOptions, RecorderSeed};
use super::addresses::Addresses;
use super::balance::{Door, Loads, Neighbours, Told};
use super::content::{Content, Deliver};
use super::cores::{CoreChoice, Cores, WORKERS_MAX, of_worker};
use super::error::Error;
use super::event::{self, Event, Reporter};
use super::generation::Generation;
use super::handle::{Handle, Mailbox};
use super::listener::{self, ListenOptions, Place, Trust};
use super::routes::RouteNames;
use super::stats::WorkerStats;
use super::tasks::TaskPool;
use super::worker::{Listening, Message, Parts, Worker};
use crate::limits::Limits;
use crate::ring::choose::{Available, Backend};
use crate::ring::{Ring, Wake, epoll::Epoll};
use crate::route::Router;
use crate::sys::socket::BufferSizes;
use crate::sys::{Peer, Socket, process, thread, time};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
            cores: CoreChoice::All,
            is_pinned: false,
            backend: Backend::Auto,
            limits: Limits::default(),
            access: None,
            events: Box::new(|event: &Event| {
                // When stderr is gone there is nobody left to tell.
                let _ = writeln!(io::stderr(), "badgerserver: {event}");
            }),
            buffers: BufferSizes::default(),
            defer_accept: Duration::ZERO,
            says_timing: false,
        }
    }
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
    listen: Vec<(Place, ListenOptions)>,
    workers: Option<usize>,
    cores: CoreChoice,
    is_pinned: bool,
    backend: Backend,
    limits: Limits,
    events: event::Listener,
    access: Option<AccessLog>,
    buffers: BufferSizes,
    defer_accept: Duration,
    says_timing: bool,
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
    pub fn listen(self, address: impl Into<String>) -> Builder {
        self.listen_with(address, ListenOptions::default())
    }

    /// As [`Builder::listen`], with more to say about it.
    pub fn listen_with(mut self, address: impl Into<String>, options: ListenOptions) -> Builder {
        self.listen.push((Place::At(address.into()), options));
        self
    }

    /// Listens on a socket that already does, handed over by somebody else. It is made non-blocking.
    pub fn listen_on(self, socket: impl Into<OwnedFd>) -> Builder {
        self.listen_on_with(socket, ListenOptions::default())
    }

    /// As [`Builder::listen_on`], with more to say about it; what is said of the address comes too late.
    pub fn listen_on_with(mut self, socket: impl Into<OwnedFd>, options: ListenOptions) -> Builder {
        self.listen.push((Place::On(socket.into(), None), options));
        self
    }

    /// As [`Builder::listen_on_with`], for a unix socket that an earlier server made at this path: its file is this server's
    /// to remove, once it serves.
    pub fn listen_on_unix(
        mut self,
        socket: impl Into<OwnedFd>,
        path: impl Into<PathBuf>,
        options: ListenOptions,
    ) -> Builder {
        self.listen.push((Place::On(socket.into(), Some(path.into())), options));
        self
    }

    /// How many event loops run, each on a thread of its own (1 to 1024). As it comes: one for each core that the workers
    /// may use, by [`Builder::cores`], by the process's affinity mask and by the quota of its control group (rounded up).
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = Some(workers);
        self
    }

    /// Which of the cores that this process may use the workers run on: a phone has fast ones and ones that take little
    /// power. Each worker is bound to all of the chosen ones, and the kernel moves it among them. As it comes: all.
    ///
    /// What is not there of a choice is told by [`Event::CoresMissing`]; when nothing of it is there, all are taken: where
    /// the kernel knows one kind of cores only, or does not say. Other threads of the server are not bound; the ones that
    /// read what is not in memory start when they are needed, on the cores of the worker that needs them.
    pub fn cores(mut self, cores: CoreChoice) -> Builder {
        self.cores = cores;
        self
    }

    /// Has each worker run on one core, of those that [`Builder::cores`] chose, in their order. As it comes they are not
    /// pinned. Where it is not allowed the server runs all the same and tells [`Event::PinFailed`].
    pub fn pin_workers(mut self, is_pinned: bool) -> Builder {
        self.is_pinned = is_pinned;
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

    /// Who is given a record of every answer, for an access log. The records come in batches, each of one worker and in the
    /// order in which it answered, a quarter of a second after the answer at the latest.
    ///
    /// The hook is called on a thread of its own, so it may write to a disk or wait: that never holds up an answer. When it is
    /// so slow that 16 batches of a worker wait for it (2 MiB of requests, or 16,000), further records are dropped and counted
    /// in [`Stats::access_lines_dropped`](crate::Stats::access_lines_dropped). When the server stops, the hook is given what
    /// is left and dropped; the server waits two seconds for that.
    ///
    /// ```no_run
    /// use badgerserver::{AccessOptions, Router, Server};
    ///
    /// let mut bytes = 0;
    /// Server::builder()
    ///     .listen("127.0.0.1:8080")
    ///     .on_access(AccessOptions::default(), move |batch| {
    ///         bytes += batch.records().map(|record| record.body_bytes).sum::<u64>();
    ///         println!("{} answers, {bytes} bytes so far", batch.len());
    ///     })
    ///     .run(Router::new().dir("/", "public")?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_access(mut self, options: AccessOptions, hook: impl FnMut(&AccessBatch) + Send + 'static) -> Builder {
        self.access = Some(AccessLog { options, hook: Box::new(hook) });
        self
    }

    /// Sizes of the kernel's buffers for each connection, in bytes, where the kernel is not to choose (it chooses better,
    /// except in tests of slow clients).
    pub fn socket_buffers(mut self, receive_bytes: Option<usize>, send_bytes: Option<usize>) -> Builder {
        self.buffers = BufferSizes { receive_bytes, send_bytes };
        self
    }

    /// Has the kernel hand over a TCP connection only when its first bytes have come (TCP_DEFER_ACCEPT), or about this time
    /// after it was made; seconds, rounded up. Zero, as it comes: at once.
    ///
    /// It saves work for each new connection. But a client that says nothing is unknown to the server for so long: it
    /// counts for none of the limits (`connections_max`, `connections_per_address_max`, `head_time_max`) and in no counter, and
    /// only the kernel's own queue bounds how many of them there are. So it is for where clients are trusted: behind a proxy.
    pub fn defer_accept(mut self, time: Duration) -> Builder {
        self.defer_accept = time;
        self
    }

    /// Has every answer say how long it took: `Server-Timing: app;dur=0.123`, in milliseconds from the turn of the loop in which
    /// its request was read to when its head was drawn. Browsers show it. It costs a look at the clock for each answer, and
    /// tells strangers how busy the server is; so it is off as it comes.
    pub fn server_timing(mut self, says_timing: bool) -> Builder {
        self.says_timing = says_timing;
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
        let cores = Cores::find_for(&self.cores);
        let chosen_cores = cores.choose(&self.cores);
        let workers = self.workers.unwrap_or_else(|| cores.workers(&chosen_cores.cores));
        if !(1..=WORKERS_MAX).contains(&workers) {
            return Err(Error::Workers(workers));
        }
        let chosen = self.backend.choose().map_err(Error::Backend)?;
        if self.listen.is_empty() {
            return Err(Error::NoListener);
        }
        let mut names = RouteNames::default();
        let generation = Arc::new(Generation::new(1, router, &mut names).map_err(Error::Content)?);
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
        for (place, options) in self.listen {
            let (listener, address) = listener::open(place, &options, self.buffers)?;
            if !self.defer_accept.is_zero() {
                let seconds = self.defer_accept.as_secs() + u64::from(self.defer_accept.subsec_nanos() > 0);
                let deferred = listener.defer_accept(u32::try_from(seconds).unwrap_or(u32::MAX));
                deferred.map_err(|source| Error::Listen { address: address.to_string(), source })?;
            }
            let local = match listener.local() {
                Peer::Inet(address) => Some(address),
                Peer::Unix => None,
            };
            let listener = Arc::new(listener);
            shared.push(Arc::downgrade(&listener));
            listeners.push(Listening { socket: Some(listener), local, trust: Trust::new(options.proxy_from) });
            addresses.push(address);
        }
        let tasks = TaskPool::start().map_err(Error::Start)?;
        let events = event::start(self.events).map_err(Error::Start)?;
        if let Some(why) = chosen_cores.missing {
            let cores = chosen_cores.cores.clone();
            let _ = events.try_send(Event::CoresMissing { wanted: self.cores.clone(), cores, why });
        }
        // To be bound to all that it may use would change nothing, but that it could not be given more later.
        let is_bound = self.cores != CoreChoice::All && chosen_cores.cores != cores.allowed;
        let access = self.access.map(|access| access.start(workers, events.clone())).transpose();
        let (recorder, access) = access.map_err(Error::Start)?.unzip();
        let counts = Arc::new(Addresses::new(limits.connections_per_address_max));
        let mut handle = Handle::new(addresses, workers, chosen.reason, &generation, names);
        handle.remember_listeners(shared);
        if is_bound || self.is_pinned {
            handle.remember_cores(&chosen_cores.cores);
        }
        let loads = Arc::new(Loads::new(workers));
        let mut doors = Vec::with_capacity(workers);
        for number in 0..workers {
            let (hall_sender, hall) = unbounded();
            let cores = match (self.is_pinned, is_bound) {
                (true, _) => Some(of_worker(&chosen_cores.cores, number).into_iter().collect()),
                (false, true) => Some(chosen_cores.cores.clone()),
                (false, false) => None,
            };
            let seat = Seat {
                number,
                cores,
                limits: limits.clone(),
                listeners: listeners.clone(),
                addresses: Arc::clone(&counts),
                loads: Arc::clone(&loads),
                hall,
                generation: Arc::clone(&generation),
                tasks: tasks.clone(),
                events: events.clone(),
                recorder: recorder.clone(),
                timing: self.says_timing.then_some(time::nanos as fn() -> u64),
            };
            let wake = match chosen.backend {
                Available::Epoll => seat.start(&mut handle, Epoll::new)?,
                #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
                Available::IoUring => seat.start(&mut handle, crate::ring::uring::Uring::new)?,
            };
            doors.push(Door { hall: hall_sender, wake });
        }
        // All run: from now on they may hand connections to each other.
        let doors: Arc<[Door<Socket>]> = doors.into();
        for door in &*doors {
            // A worker that has ended already needs no neighbours.
            let _ = door.hall.send(Told::Doors(Arc::clone(&doors)));
            (door.wake)();
        }
        handle.keep_files();
        // Last, since it ends when the seed is gone too.
        handle.remember_access(access);
        Ok(handle)
    }
}

/// What one worker's thread starts with.
struct Seat {
    number: usize,
    /// It is to be bound to these; to none when the system does not say which there are.
    cores: Option<Vec<usize>>,
    limits: Limits,
    listeners: Vec<Listening>,
    addresses: Arc<Addresses>,
    loads: Arc<Loads>,
    hall: Receiver<Told<Socket>>,
    generation: Arc<Generation>,
    tasks: TaskPool,
    events: Sender<Event>,
    /// There is an access log.
    recorder: Option<RecorderSeed>,
    timing: Option<fn() -> u64>,
}

/// Ends the wait of a worker's ring.
type WakeWorker = Box<dyn Fn() + Send + Sync>;

/// How a worker's start came out: its mailbox and another way to wake it, or why it has none.
type Started = io::Result<(Mailbox, WakeWorker, &'static str)>;

impl Seat {
    /// Starts the thread, makes its ring there (a ring belongs to its thread), and waits until it listens.
    fn start<R>(self, handle: &mut Handle, ring: fn() -> io::Result<R>) -> Result<WakeWorker, Error>
    where
        R: Ring<Socket = Socket> + 'static,
    {
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
        let (mailbox, wake, backend) = outcome.recv().unwrap_or_else(|_| Err(stopped())).map_err(Error::Start)?;
        handle.add(mailbox, thread, backend);
        Ok(wake)
    }

    /// Failing to be bound costs speed and nothing else, so it is told and the worker goes on.
    fn bind(&self) {
        let Some(cores) = &self.cores else { return };
        let bound = match &cores[..] {
            [] => Err(io::Error::other("the system does not say which cores this process may use")),
            cores => thread::run_on(cores),
        };
        if let Err(error) = bound {
            let (worker, cores) = (self.number, cores.clone());
            let _ = self.events.try_send(Event::PinFailed { worker, cores, why: error.to_string() });
        }
    }

    fn run<R>(self, ring: fn() -> io::Result<R>, started: &Sender<Started>) -> io::Result<()>
    where
        R: Ring<Socket = Socket> + 'static,
    {
        // Before the ring and its buffers are made, so that their memory is near the core.
        self.bind();
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
        let wake: WakeWorker = {
            let waker = waker.clone();
            Box::new(move || waker.wake())
        };
        let deliver: Deliver = Arc::new(move |done| {
            // The worker is gone when nobody receives: then nobody waits for it either.
            let _ = sender.send(Message::Done(done));
            waker.wake();
        });
        let offload = self.tasks.offload();
        let open_files_max = self.limits.open_files_max;
        let mut content = Content::new(self.generation, open_files_max, offload, deliver, Arc::clone(&stats));
        content.recorder = self.recorder.map(|seed| seed.recorder(Arc::clone(&stats)));
        let reporter = Reporter::new(self.events);
        let neighbours = Neighbours::new(self.number, self.loads, self.hall, self.limits.connections_max);
        let parts = Parts {
            content,
            limits: self.limits,
            listeners: self.listeners,
            addresses: self.addresses,
            neighbours,
            inbox,
            stats,
            reporter,
            timing: self.timing,
        };
        match Worker::new(ring, parts) {
            Ok(mut worker) => {
                let _ = started.send(Ok((mailbox, wake, backend)));
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
