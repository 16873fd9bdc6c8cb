//! Interrupts the wait of a ring from any thread.
#![forbid(unsafe_code)]

use super::Wake;
use crate::sys::epoll::EventFd;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A counter that the kernel watches, and whether it was rung.
#[derive(Clone, Debug)]
pub(crate) struct Doorbell(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    counter: EventFd,
    /// Rung, and not yet told to the worker: ringing again would tell it nothing new.
    rung: AtomicBool,
}

impl Doorbell {
    pub(super) fn new() -> io::Result<Doorbell> {
        Ok(Doorbell(Arc::new(Bell { counter: EventFd::new()?, rung: AtomicBool::new(false) })))
    }

    /// Call before the worker is told: who rings from here on rings anew.
    pub(super) fn clear(&self) {
        self.0.rung.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.counter.as_fd()
    }
}

impl Wake for Doorbell {
    fn wake(&self) {
        // Acquire and release: the worker that takes the ring sees what was written before it.
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            // It fails only for a counter that nobody could have counted so far.
            let _ = self.0.counter.signal();
        }
    }
}
