//! io_uring: the rings of one thread, and the receive buffers that it shares with the kernel.
//!
//! No operation that is pushed here names memory of this process: addresses of peers are not asked for, bytes come in
//! provided buffers only, and sends are plain calls. So the kernel writes to the memory of [`Buffers`] and to nothing else,
//! and that memory is let go of when no operation is left.

use io_uring::types::{BufRingEntry, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};

/// Operations that fit between two calls of the kernel; more only mean one call more. 32 KiB of memory.
const SUBMISSIONS: u32 = 512;
/// Completions that fit until they are taken. When there are more the kernel keeps them, and ends every operation that
/// goes on by itself, so there is room for a receive and an accept of some thousand connections: 64 KiB.
const COMPLETIONS: u32 = 4096;
/// Receive buffers: as many as connections that send at the same time, on a busy worker.
pub(crate) const BUFFERS: u16 = 512;
/// Bytes of one: most requests of a browser are below. A larger one comes in several.
pub(crate) const BUFFER_BYTES: u32 = 2048;
/// Every connection takes from the one group.
const GROUP: u16 = 0;
/// Marks an accept in the number that an operation is told by.
const IS_ACCEPT: u64 = 1 << 31;

/// Who an operation is: the number below, and which use of it above. The bit between says that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub(crate) number: u32,
    pub(crate) serial: u32,
}

/// What an operation told.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) operation: Operation,
    /// Nothing more will come of the operation.
    pub(crate) is_last: bool,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// A connection that was accepted.
    Socket(OwnedFd),
    /// Bytes came into this buffer, which is the caller's until [`Kernel::give_back`].
    Bytes(u16),
    /// It worked; of a receive: the peer has closed its sending side.
    Done,
    /// It was cancelled.
    Cancelled,
    /// A receive that found no buffer left, or was told of bytes that others had taken.
    NoBuffer,
    /// The kernel does not know such an operation.
    Unknown,
    /// An error number.
    Failed(i32),
}

impl Outcome {
    fn failed(number: i32) -> Outcome {
        match number {
            libc::ECANCELED => Outcome::Cancelled,
            libc::ENOBUFS | libc::EAGAIN => Outcome::NoBuffer,
            libc::EINVAL => Outcome::Unknown,
            number => Outcome::Failed(number),
        }
    }
}

/// What a poll waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Bytes,
    Room,
}

/// Whether a receive goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Again,
}

/// What saves work and is not in every kernel. Each is left out by itself where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// IORING_SETUP_SINGLE_ISSUER (Linux 6.0): the kernel knows that one thread uses the ring.
    pub(crate) single_issuer: bool,
    /// IORING_SETUP_DEFER_TASKRUN (6.1): work for that thread waits until it asks. Needs the one above.
    pub(crate) deferred_work: bool,
    /// IORING_SETUP_COOP_TASKRUN (5.19): such work interrupts nobody. The one above has this in it.
    pub(crate) cooperative_work: bool,
    /// Provided buffer rings (5.19): an idle connection holds no buffer. Without them: a poll, then a plain receive.
    pub(crate) buffer_ring: bool,
    /// IORING_RECV_MULTISHOT (6.0): a receive goes on by itself. Without it each is asked for.
    pub(crate) receive_again: bool,
}

impl Features {
    /// Those of Linux 6.1 and newer.
    pub(crate) const ALL: Features = Features {
        single_issuer: true,
        deferred_work: true,
        cooperative_work: true,
        buffer_ring: true,
        receive_again: true,
    };
}

pub(crate) struct Kernel {
    ring: IoUring,
    features: Features,
    /// None where the kernel has no rings of them.
    buffers: Option<Buffers>,
    events: VecDeque<Event>,
    /// Operations pushed whose last event has not been taken from the ring.
    in_flight: usize,
}

impl Kernel {
    /// A ring of the calling thread, which alone may use it. `wanted`: what it uses of what the kernel has.
    ///
    /// # Errors
    /// `Unsupported` below Linux 5.13; what the kernel says where it forbids rings, or has no memory for one.
    pub(crate) fn new(wanted: Features) -> io::Result<Kernel> {
        let (ring, mut features) = build(wanted)?;
        // Waits with an end (5.11), and polls that go on by themselves, which came with this one (5.13).
        if !(ring.params().is_feature_ext_arg() && ring.params().is_feature_resource_tagging()) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let buffers = match wanted.buffer_ring.then(|| Buffers::new(&ring)) {
            Some(Err(error)) if error.raw_os_error() != Some(libc::EINVAL) => return Err(error),
            made => made.and_then(Result::ok),
        };
        features.buffer_ring = buffers.is_some();
        // A receive that goes on takes its buffers from such a ring. Whether the kernel has it, the first one tells.
        features.receive_again = wanted.receive_again && features.buffer_ring;
        Ok(Kernel { ring, features, buffers, events: VecDeque::new(), in_flight: 0 })
    }

    /// What this ring uses. Receives that go on are believed until [`Kernel::knows_receive_again`], or one of them, says
    /// otherwise.
    pub(crate) fn features(&self) -> Features {
        self.features
    }

    /// Tries whether the kernel knows receives that go on by themselves. For a ring that nothing else was asked of.
    pub(crate) fn knows_receive_again(&mut self) -> io::Result<bool> {
        if !self.features.receive_again {
            return Ok(false);
        }
        let (near, far) = std::os::unix::net::UnixStream::pair()?;
        let receive = Operation { number: 0, serial: 1 };
        self.receive(near.as_fd(), Times::Again, receive);
        // The end of the stream is told by both kinds of kernels, and ends the operation.
        drop(far);
        let mut knows = false;
        while self.in_flight > 0 {
            self.enter(None)?;
            while let Some(event) = self.next_event() {
                knows |= matches!(event.outcome, Outcome::Done);
            }
        }
        Ok(knows)
    }

    /// Accepts one connection from `listener`. The socket is non-blocking and closed on exec.
    pub(crate) fn accept(&mut self, listener: BorrowedFd<'_>, operation: Operation) {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let entry = opcode::Accept::new(Fd(listener.as_raw_fd()), std::ptr::null_mut(), std::ptr::null_mut())
            .flags(flags)
            .build();
        self.push(entry, data_of(operation) | IS_ACCEPT);
    }

    /// Receives into a buffer of the ring; there must be one ([`Features::buffer_ring`]).
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>, times: Times, operation: Operation) {
        let socket = Fd(socket.as_raw_fd());
        let entry = match times {
            Times::Once => opcode::Recv::new(socket, std::ptr::null_mut(), BUFFER_BYTES)
                .buf_group(GROUP)
                .build()
                .flags(squeue::Flags::BUFFER_SELECT),
            Times::Again => opcode::RecvMulti::new(socket, GROUP).build(),
        };
        self.push(entry, data_of(operation));
    }

    /// Tells when `descriptor` is ready. One that goes on tells each change once; one that does
    /// not may tell of a peer's half-close again and again, so it is for receives only.
    pub(crate) fn poll(&mut self, descriptor: BorrowedFd<'_>, interest: Interest, times: Times, operation: Operation) {
        let descriptor = Fd(descriptor.as_raw_fd());
        let interest = match interest {
            Interest::Bytes => libc::POLLIN,
            Interest::Room => libc::POLLOUT,
        };
        let entry = opcode::PollAdd::new(descriptor, interest as u32).multi(times == Times::Again).build();
        self.push(entry, data_of(operation));
    }

    /// Asks for the end of `target`, which says by its own last event that it has ended.
    pub(crate) fn cancel(&mut self, target: Operation, is_accept: bool, operation: Operation) {
        let target = data_of(target) | if is_accept { IS_ACCEPT } else { 0 };
        self.push(opcode::AsyncCancel::new(target).build(), data_of(operation));
    }

    /// Hands over what was pushed and takes events. Waits for one when there are none, for `nanos` at most; `Some(0)` does
    /// not wait, `None` waits for ever.
    ///
    /// # Errors
    /// What means that the ring is lost.
    pub(crate) fn enter(&mut self, nanos: Option<u64>) -> io::Result<()> {
        let outcome = match nanos {
            _ if !self.events.is_empty() => self.enter_at_once(),
            Some(0) => self.enter_at_once(),
            None => self.ring.submit_and_wait(1).map(drop),
            Some(nanos) => {
                let time = Timespec::from(std::time::Duration::from_nanos(nanos));
                self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time)).map(drop)
            }
        };
        self.collect();
        match outcome.map_err(|error| (error.raw_os_error(), error)) {
            Ok(()) => Ok(()),
            // The time was over; a signal came; there are more completions than fit, and they were just taken.
            Err((Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN), _)) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }

    /// The next thing that was told.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The bytes of a buffer that came with [`Outcome::Bytes`].
    pub(crate) fn bytes(&self, buffer: u16) -> &[u8] {
        self.buffers.as_ref().map_or(&[], |buffers| buffers.bytes(buffer))
    }

    /// Lends a buffer to the kernel again.
    pub(crate) fn give_back(&mut self, buffer: u16) {
        if let Some(buffers) = &mut self.buffers {
            buffers.give(buffer);
        }
    }

    /// Ends everything that is under way and waits for it. `all`: each operation, and whether it accepts; `operation` is a
    /// number that none of them has. One by one, since older kernels cannot be asked for all at once.
    pub(crate) fn end_all(&mut self, all: impl Iterator<Item = (Operation, bool)>, operation: Operation) {
        let mut left: BTreeSet<(Operation, bool)> = all.collect();
        // An operation may be on its way from one wait to the next when it is cancelled, so it is said again.
        for _ in 0..END_ROUNDS_MAX {
            for &(target, is_accept) in &left {
                self.cancel(target, is_accept, operation);
            }
            // The cancels themselves tell something, so this ends.
            if self.in_flight > 0 && self.enter(None).is_err() {
                return;
            }
            for event in std::mem::take(&mut self.events) {
                if let Outcome::Bytes(buffer) = event.outcome {
                    self.give_back(buffer);
                }
                if event.is_last {
                    let ended = event.operation;
                    left.remove(&(ended, false));
                    left.remove(&(ended, true));
                }
            }
            if self.in_flight == 0 {
                return;
            }
        }
    }

    fn enter_at_once(&mut self) -> io::Result<()> {
        let count = self.ring.submission().len() as u32;
        // With this flag also the work that waits for this thread is done.
        const GET_EVENTS: u32 = 1;
        // SAFETY: no argument is passed, and what was pushed names no memory (see `push`).
        unsafe { self.ring.submitter().enter::<()>(count, 0, GET_EVENTS, None) }.map(drop)
    }

    fn push(&mut self, entry: squeue::Entry, data: u64) {
        let entry = entry.user_data(data);
        loop {
            // SAFETY: the entries made in this file name descriptors by number and the buffers by group. They name no memory
            // that would have to stay: `Buffers` is unmapped only when nothing is in flight.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                self.in_flight += 1;
                return;
            }
            // The queue is full: hand it over. An error that matters meets the next `enter` again.
            let _ = self.enter_at_once();
            self.collect();
        }
    }

    /// Takes what the kernel has told.
    fn collect(&mut self) {
        let Kernel { ring, buffers, events, in_flight, .. } = self;
        for entry in ring.completion() {
            let is_last = !cqueue::more(entry.flags());
            *in_flight -= usize::from(is_last);
            let buffer = cqueue::buffer_select(entry.flags());
            let outcome = match (buffer, entry.result()) {
                (Some(buffer), length @ 1..) => {
                    if let Some(buffers) = buffers {
                        buffers.take(buffer, length as u32);
                    }
                    Outcome::Bytes(buffer)
                }
                (Some(buffer), result) => {
                    if let Some(buffers) = buffers {
                        buffers.take(buffer, 0);
                        buffers.give(buffer);
                    }
                    if result == 0 { Outcome::Done } else { Outcome::failed(-result) }
                }
                (None, descriptor @ 0..) if entry.user_data() & IS_ACCEPT != 0 => {
                    // SAFETY: an accept that worked gives a new descriptor, and this is the one place that learns of it.
                    Outcome::Socket(unsafe { OwnedFd::from_raw_fd(descriptor) })
                }
                (None, 0..) => Outcome::Done,
                (None, error) => Outcome::failed(-error),
            };
            events.push_back(Event { operation: operation_of(entry.user_data()), is_last, outcome });
        }
    }
}

/// Cancelling has taken four rounds at the most, in thousands of tries.
const END_ROUNDS_MAX: u32 = 1000;

impl Drop for Kernel {
    fn drop(&mut self) {
        if let Some(buffers) = &mut self.buffers {
            if self.in_flight == 0 && self.ring.submitter().unregister_buf_ring(GROUP).is_ok() {
                buffers.unmap();
            }
        }
        // Else the kernel may still write there: the memory stays mapped. The ring is closed in any case.
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

fn data_of(operation: Operation) -> u64 {
    debug_assert!(u64::from(operation.number) < IS_ACCEPT);
    u64::from(operation.serial) << 32 | u64::from(operation.number)
}

fn operation_of(data: u64) -> Operation {
    Operation { number: (data & (IS_ACCEPT - 1)) as u32, serial: (data >> 32) as u32 }
}

/// Makes the ring with the most of the flags that save work; an older kernel refuses those it does not know.
fn build(wanted: Features) -> io::Result<(IoUring, Features)> {
    let none = Features {
        single_issuer: false,
        deferred_work: false,
        cooperative_work: false,
        buffer_ring: false,
        receive_again: false,
    };
    let cooperative = Features { cooperative_work: true, ..none };
    let single = Features { single_issuer: true, ..cooperative };
    let deferred = Features { single_issuer: true, deferred_work: true, ..none };
    let is_wanted = |step: &Features| {
        (wanted.single_issuer || !step.single_issuer)
            && (wanted.deferred_work || !step.deferred_work)
            && (wanted.cooperative_work || !step.cooperative_work)
    };
    let mut refusal = io::Error::from(io::ErrorKind::Unsupported);
    for step in [deferred, single, cooperative, none].into_iter().filter(is_wanted) {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(COMPLETIONS).setup_clamp();
        if step.single_issuer {
            builder.setup_single_issuer();
        }
        if step.deferred_work {
            builder.setup_defer_taskrun();
        }
        if step.cooperative_work {
            builder.setup_coop_taskrun();
        }
        match builder.build(SUBMISSIONS) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => refusal = error,
            outcome => return Ok((outcome?, step)),
        }
    }
    Err(refusal)
}

/// Buffers that the kernel takes from by itself: a ring of entries, then the memory.
struct Buffers {
    /// Invariant: the start of a mapping of `MAPPED_BYTES`, page-aligned, owned by this value.
    start: NonNull<u8>,
    /// Buffers lent so far, wrapping: where the next entry goes.
    tail: u16,
    /// Of each buffer that is ours: how many bytes came. `None`: it is the kernel's, who may write to it at any time.
    held: Box<[Option<u32>]>,
}

/// Bytes of the ring of entries, up to the next page.
const RING_BYTES: usize = (BUFFERS as usize * size_of::<BufRingEntry>()).next_multiple_of(4096);
const MAPPED_BYTES: usize = RING_BYTES + BUFFERS as usize * BUFFER_BYTES as usize;
const _: () = assert!(BUFFERS.is_power_of_two(), "the kernel wraps by a mask");

impl Buffers {
    fn new(ring: &IoUring) -> io::Result<Buffers> {
        let start = map(MAPPED_BYTES)?;
        let mut buffers = Buffers { start, tail: 0, held: vec![Some(0); usize::from(BUFFERS)].into() };
        // SAFETY: the mapping is page-aligned and has room for the entries; it stays until the group is unregistered.
        let registered =
            unsafe { ring.submitter().register_buf_ring_with_flags(start.as_ptr() as u64, BUFFERS, GROUP, 0) };
        if let Err(error) = registered {
            buffers.unmap();
            return Err(error);
        }
        for buffer in 0..BUFFERS {
            buffers.give(buffer);
        }
        Ok(buffers)
    }

    /// Where a buffer begins.
    fn place(&self, buffer: u16) -> *mut u8 {
        assert!(buffer < BUFFERS);
        let offset = RING_BYTES + usize::from(buffer) * BUFFER_BYTES as usize;
        // SAFETY: within the mapping, since there are BUFFERS of them behind the entries.
        unsafe { self.start.as_ptr().add(offset) }
    }

    fn take(&mut self, buffer: u16, length: u32) {
        let held = &mut self.held[usize::from(buffer)];
        assert!(held.is_none() && length <= BUFFER_BYTES, "buffer {buffer} was not the kernel's");
        *held = Some(length);
    }

    fn bytes(&self, buffer: u16) -> &[u8] {
        let length = self.held[usize::from(buffer)].expect("the buffer is the kernel's");
        // SAFETY: the buffer lies in the mapping, is initialised (mapped as zeros), and is held: the kernel does not write
        // to it until `give`, which takes `self` mutably.
        unsafe { slice::from_raw_parts(self.place(buffer), length as usize) }
    }

    fn give(&mut self, buffer: u16) {
        let was_held = self.held[usize::from(buffer)].take();
        assert!(was_held.is_some(), "buffer {buffer} was given back twice");
        let entries = self.start.as_ptr().cast::<BufRingEntry>();
        let index = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: the index is below BUFFERS, and that many entries lie at the start of the mapping.
        let entry = unsafe { entries.add(index) };
        // SAFETY: in the mapping, aligned and initialised. The kernel reads an entry only after the tail has passed it, so
        // nobody else uses it now. Its last field, which is the tail in the first entry, is left alone.
        let entry = unsafe { &mut *entry };
        entry.set_addr(self.place(buffer) as u64);
        entry.set_len(BUFFER_BYTES);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the first entry of the ring, initialised.
        let tail = unsafe { BufRingEntry::tail(entries) };
        // SAFETY: aligned, and shared with the kernel, which reads it atomically; nothing here reads or writes it otherwise.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    /// Called when the kernel has let go of the group; nothing is used after it.
    fn unmap(&mut self) {
        // SAFETY: the invariant of `start`; the kernel has let go of the group, and no slice of it outlives a borrow of `self`.
        let status = unsafe { libc::munmap(self.start.as_ptr().cast(), MAPPED_BYTES) };
        debug_assert_eq!(status, 0);
    }
}

/// New memory of zeros, at a page's start.
fn map(bytes: usize) -> io::Result<NonNull<u8>> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: the kernel chooses an address where nothing is mapped.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}
