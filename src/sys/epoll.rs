//! epoll and eventfd.

use super::{checked, retried};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What a descriptor is watched for, and what an [`Event`] says of it.
pub(crate) mod flag {
    pub(crate) const READABLE: u32 = libc::EPOLLIN as u32;
    pub(crate) const WRITABLE: u32 = libc::EPOLLOUT as u32;
    /// The peer closed its sending side.
    pub(crate) const PEER_DONE: u32 = libc::EPOLLRDHUP as u32;
    /// Both sides are closed. Always watched for.
    pub(crate) const HANG_UP: u32 = libc::EPOLLHUP as u32;
    /// Always watched for.
    pub(crate) const ERROR: u32 = libc::EPOLLERR as u32;
    /// Tell of changes, not of states.
    pub(crate) const EDGE: u32 = libc::EPOLLET as u32;
    /// Of several epolls that watch one listener, wake one (or a few), not all. Linux 4.5.
    pub(crate) const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
}

/// One report of [`Epoll::wait`].
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Event(libc::epoll_event);

impl Event {
    pub(crate) const EMPTY: Event = Event(libc::epoll_event { events: 0, u64: 0 });

    pub(crate) fn flags(&self) -> u32 {
        self.0.events
    }

    /// The number given with [`Epoll::add`].
    pub(crate) fn data(&self) -> u64 {
        self.0.u64
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({:#x}, {:#x})", self.flags(), self.data())
    }
}

/// A set of watched descriptors. One that is closed leaves the set by itself (unless it was duplicated).
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        // SAFETY: takes no pointer.
        let descriptor = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: just made, and nobody else knows of it.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Watches `watched` for `interest` (of [`flag`]); its events carry `data`.
    pub(crate) fn add(&self, watched: BorrowedFd<'_>, interest: u32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest, u64: data };
        // SAFETY: `event` is valid for reading; both descriptors are open while they are borrowed.
        checked(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, watched.as_raw_fd(), &mut event) })?;
        Ok(())
    }

    /// No longer watches `watched`.
    pub(crate) fn remove(&self, watched: BorrowedFd<'_>) -> io::Result<()> {
        let mut unused = Event::EMPTY.0;
        // SAFETY: `unused` is valid for reading (kernels before 2.6.9 insisted on one); both descriptors are open.
        checked(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_DEL, watched.as_raw_fd(), &mut unused) })?;
        Ok(())
    }

    /// Waits for events and gives how many it wrote to the front of `events`. `milliseconds` of `None` waits for ever, zero
    /// does not wait.
    ///
    /// # Errors
    /// `Interrupted` when a signal handler ran; nothing is lost.
    pub(crate) fn wait(&self, events: &mut [Event], milliseconds: Option<u32>) -> io::Result<usize> {
        let timeout = milliseconds.map_or(-1, |limit| libc::c_int::try_from(limit).unwrap_or(libc::c_int::MAX));
        let room = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
        assert!(room > 0, "epoll_wait wants room for one event");
        // SAFETY: `Event` is a transparent `epoll_event`, and `events` is valid for writing `room` of them.
        let count =
            checked(unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr().cast(), room, timeout) })?;
        Ok(count as usize)
    }
}

/// A counter in the kernel that can be watched: adding to it interrupts a wait.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> io::Result<EventFd> {
        // SAFETY: takes no pointer.
        let descriptor = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: just made, and nobody else knows of it.
        Ok(EventFd(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Adds one. Each call is an edge to an epoll that watches with [`flag::EDGE`], so nobody needs to read the counter; it
    /// overflows after 2^64 of them.
    pub(crate) fn signal(&self) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: `one` is valid for reading its 8 bytes.
        retried(|| super::counted(unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) }))?;
        Ok(())
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_an_edge_though_nobody_reads() {
        let epoll = Epoll::new().unwrap();
        let counter = EventFd::new().unwrap();
        epoll.add(counter.as_fd(), flag::READABLE | flag::EDGE, 7).unwrap();
        let mut events = [Event::EMPTY; 4];
        assert_eq!(epoll.wait(&mut events, Some(0)).unwrap(), 0);
        for _ in 0..3 {
            counter.signal().unwrap();
            assert_eq!(epoll.wait(&mut events, Some(1000)).unwrap(), 1);
            assert_eq!((events[0].data(), events[0].flags()), (7, flag::READABLE));
            assert_eq!(epoll.wait(&mut events, Some(0)).unwrap(), 0);
        }
        epoll.remove(counter.as_fd()).unwrap();
        counter.signal().unwrap();
        assert_eq!(epoll.wait(&mut events, Some(0)).unwrap(), 0);
    }
}
