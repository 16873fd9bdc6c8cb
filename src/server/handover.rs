//! One server takes over from another without refusing a connection: what the two processes need from the system. How they
//! talk is theirs; `badger serve --takeover` is an example.
//!
//! ```text
//! old:  send(stream, "...", handle.duplicate_listeners())   both hold the listening sockets now
//! new:  receive(stream) -> Builder::listen_on -> start      both serve
//!       tells the old one
//! old:  handle.hand_over(time)                              it accepts no more, and ends when its clients have gone over
//! ```
#![forbid(unsafe_code)]

use crate::sys::{pass, time};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Most descriptors of one message.
pub const DESCRIPTORS_MAX: usize = pass::DESCRIPTORS_MAX;

/// Sends all the bytes, and with the first of them the descriptors, at most [`DESCRIPTORS_MAX`]. They stay open here, too.
///
/// # Errors
/// What the system says; `InvalidInput` for no bytes or too many descriptors.
pub fn send(stream: &UnixStream, bytes: &[u8], descriptors: &[impl AsFd]) -> io::Result<()> {
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let count = pass::send(stream, bytes, &borrowed)?;
    io::Write::write_all(&mut &*stream, &bytes[count..])
}

/// Receives some bytes, and the descriptors that came with them. Gives how many bytes; 0 is the end. Call it again until
/// the message is whole.
///
/// # Errors
/// What the system says, also that the time of the stream's read timeout is up; `InvalidData` when descriptors were lost.
pub fn receive(stream: &UnixStream, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    pass::receive(stream, into, descriptors)
}

/// Whether the other end of a connection belongs to the user that runs this process, or to root.
///
/// # Errors
/// What the system says.
pub fn is_of_this_user(stream: &UnixStream) -> io::Result<bool> {
    pass::is_of_this_user(stream)
}

/// Duplicates of the first `count` descriptors that a service manager started this process with (`LISTEN_FDS` says how many;
/// look at `LISTEN_PID` first). What was given stays open, too, until the process ends.
///
/// # Errors
/// There are fewer.
pub fn inherited(count: usize) -> io::Result<Vec<OwnedFd>> {
    (0..count).map(pass::inherited).collect()
}

/// The clock that a service manager compares with (CLOCK_MONOTONIC), for `MONOTONIC_USEC`.
pub fn monotonic() -> Duration {
    Duration::from_nanos(time::now().0)
}
