//! The seam between the event loop and the kernel, and the backends behind it.
//!
//! A [`Ring`] is completion-style: the worker asks (`recv`, `send`, ...) and learns the outcome later from [`Ring::next`].
//! epoll is made to look like that (try; on EAGAIN wait; try again); io_uring is like that; the simulator plays it from
//! a seed with virtual time. What a backend owes, in one place:
//!
//! * **Ownership.** The ring owns every byte the kernel may read or write. A send hands over a boxed [`Outgoing`], which
//!   holds its bytes and a pin on each file it names, and comes back with its completion, always: also when it
//!   failed, was cancelled by `close`, or the ring is dropped (then it is freed after the kernel is done with it).
//! * **Nothing waits for a disk.** Before bytes of a file leave, and before the memory in front of them does, the ring asks
//!   whether they are in memory, a window at a time. When they are not, the send comes back ([`Completion::Cold`]).
//! * **One of each.** At most one receive and one send are outstanding per connection (asserted).
//! * **Armings.** Each `recv` and `send` carries a [`Token`]: the slot and a number that changes at every arming. A
//!   completion brings back the token of the operation that it ends, and the worker drops one that does not match.
//! * **Everything is a completion**: bytes, sent counts, new connections, wake-ups from other threads; time is read once
//!   a turn (`now`). So a run of the simulator is a function of its seed.
//! * **Nothing assumes TCP** above this line.

pub(crate) mod choose;
mod doorbell;
pub(crate) mod epoll;
pub(crate) mod outgoing;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code))] // fuzz targets use a part of it
pub(crate) mod sim;
mod transmit;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod uring;

pub(crate) use outgoing::{Outgoing, Span};

use crate::sys;
use std::io;

/// Names one operation: the slot of its connection and the number of its arming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    pub(crate) slot: u32,
    pub(crate) arming: u32,
}

/// What a turn brought.
#[derive(Debug)]
pub(crate) enum Completion<S> {
    /// A new connection. Drop the socket to refuse it, or hand it to [`Ring::open`].
    Accepted { listener: u32, socket: S, peer: sys::Peer },
    /// Accepting failed for a reason that will not pass by itself at once (EMFILE, ENFILE, ENOBUFS, ENOMEM ...). The
    /// listener is paused; [`Ring::resume`] arms it again. Errors of a single connection (ECONNABORTED ...) are not
    /// reported: the backend goes on.
    AcceptFailed { listener: u32, error: io::Error },
    /// Bytes came (`Ok(n)`, n >= 1): they are [`Ring::received`] until the next call of `next`. `Ok(0)`: the peer has
    /// closed its sending side. `Err`: the connection is dead (ECONNRESET ...).
    Received { token: Token, result: io::Result<usize> },
    /// At least one byte left (`Ok(n)`, n >= 1; `outgoing` has moved on by n; send it again when it is not done), or the
    /// connection is dead. `ErrorKind::UnexpectedEof` says that a file ended before the bytes it owed.
    Sent { token: Token, outgoing: Box<Outgoing>, result: io::Result<u64> },
    /// The send is over and nothing of it has left: what comes next in it are bytes of a file that are not in memory, and
    /// sending those would stop the loop. Have them read elsewhere ([`Outgoing::next_file`] has the file) and send it again;
    /// or have it sent as it is ([`Outgoing::trust`]).
    Cold { token: Token, outgoing: Box<Outgoing>, cold: Cold },
    /// Somebody called [`Wake::wake`] since the last one of these.
    Woken,
}

/// Bytes of a file that are not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cold {
    pub(crate) offset: u64,
    /// How many will be sent from there on, of those that follow each other: the next ones may be in memory.
    pub(crate) len: u64,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What was sent still arrives.
    Close,
    /// The peer sees a reset: an answer that cannot be finished must not look finished.
    Reset,
}

/// The moment of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Now {
    /// Nanoseconds of a clock that never goes back; its zero means nothing.
    pub(crate) nanos: u64,
    /// Seconds since 1970-01-01 UTC.
    pub(crate) unix_seconds: u64,
}

fn read_clock() -> Now {
    let (nanos, unix_seconds) = sys::time::now();
    Now { nanos, unix_seconds }
}

/// Interrupts a ring's wait from any thread.
pub(crate) trait Wake: Clone + Send + Sync + 'static {
    fn wake(&self);
}

/// A backend. One per worker, used from one thread.
pub(crate) trait Ring {
    /// A connected socket before [`Ring::open`]; dropping it closes it.
    type Socket;
    type Waker: Wake;

    /// Starts accepting on `listener` (also used by other workers at once) and goes on until `pause`.
    fn listen(&mut self, listener: u32, socket: &std::sync::Arc<sys::Listener>) -> io::Result<()>;
    /// Stops accepting on `listener`, keeping it open. What was accepted before is still told.
    fn pause(&mut self, listener: u32);
    /// Accepts again after `pause` or [`Completion::AcceptFailed`].
    fn resume(&mut self, listener: u32);
    /// Stops accepting for good: accepts whatever is already queued (completions follow), then lets the listener go.
    fn unlisten(&mut self, listener: u32);

    /// Takes over a connection as `slot`, which must be free.
    fn open(&mut self, slot: u32, socket: Self::Socket) -> io::Result<()>;
    /// Asks for bytes. Ends in [`Completion::Received`].
    fn recv(&mut self, token: Token);
    /// Sends what is left of `outgoing` (never nothing). Ends in [`Completion::Sent`] or [`Completion::Cold`].
    fn send(&mut self, token: Token, outgoing: Box<Outgoing>);
    /// Says that nothing more will be sent (FIN), leaving the receiving side open. No send may be outstanding.
    fn shutdown(&mut self, slot: u32);
    /// Ends the connection. The slot is free for `open` at once; outstanding operations of it end with
    /// an error under their old tokens (a send brings its `Outgoing` back).
    fn close(&mut self, slot: u32, ending: Ending);

    /// Waits until something can be learnt from `next`, or until `deadline` (in `Now::nanos`; `None` waits for ever).
    /// Does not wait when something is ready already.
    fn turn(&mut self, deadline: Option<u64>) -> io::Result<()>;
    /// The next completion of this turn; `None` ends the turn.
    fn next(&mut self) -> Option<Completion<Self::Socket>>;
    /// The bytes of the `Received` that `next` returned last.
    fn received(&self) -> &[u8];
    /// The time, as read in this turn.
    fn now(&self) -> Now;
    /// The clock of [`Now::nanos`], read at this moment.
    fn clock(&self) -> u64;
    /// A handle that makes `turn` return with [`Completion::Woken`].
    fn waker(&self) -> Self::Waker;
    /// The backend's name as `--backend` and the log write it.
    fn name(&self) -> &'static str;
}

#[cfg(test)]
mod tests;
