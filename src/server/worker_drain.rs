//! The end of a worker: it accepts no more, answers what was read, and ends when its clients have gone or its time is up.
//!
//! ```text
//! drain:     who has nothing under way is closed at once
//! hand-over: who has nothing under way may ask once more, for half of the time; then it is a drain
//! ```
//! Every answer says `Connection: close` meanwhile.
#![forbid(unsafe_code)]

use super::Worker;
use crate::ring::{Ending, Ring};
use crate::server::planted::planted;
use std::time::Duration;

/// How far a drain has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    No,
    /// The listeners are gone. Connections with nothing under way are closed after a turn that heard nothing, because one
    /// turn need not read all that the kernel already holds of requests: until then turns do not wait.
    Going {
        deadline: u64,
        /// Until then they may ask once more.
        idle_until: u64,
        has_settled: bool,
    },
}

impl Drain {
    /// When the loop must look again though nothing happens.
    pub(super) fn deadline(self, now: u64) -> Option<u64> {
        match self {
            Drain::No => None,
            Drain::Going { has_settled: false, .. } => Some(0),
            Drain::Going { idle_until, .. } if idle_until > now => Some(idle_until),
            // Once it is over there are no connections; the waker tells when those arrive that are on their way.
            Drain::Going { deadline, .. } => Some(deadline).filter(|at| *at > now && !planted!(DrainHasNoEnd)),
        }
    }
}

impl<R: Ring> Worker<R> {
    /// `idle_time`: for how long those with nothing under way may ask once more.
    pub(super) fn start_draining(&mut self, time: Duration, idle_time: Duration) {
        let after = |time: Duration| {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            self.moment.nanos.saturating_add(nanos)
        };
        let (deadline, idle_until) = (after(time), after(idle_time));
        self.moment.is_draining = true;
        match &mut self.drain {
            Drain::No => {
                for (listener, listening) in self.listeners.iter_mut().enumerate() {
                    self.ring.unlisten(listener as u32);
                    listening.socket = None;
                }
                self.accept_retry = None;
                self.neighbours.shut();
                self.drain = Drain::Going { deadline, idle_until, has_settled: false };
            }
            Drain::Going { deadline: before, idle_until: idle_before, .. } => {
                *before = deadline.min(*before);
                *idle_before = idle_until.min(*idle_before);
            }
        }
    }

    /// `has_heard`: this turn brought more than outcomes of sends, as the turn of the message itself does, or asked for more.
    /// False: drained.
    pub(super) fn go_on_draining(&mut self, has_heard: bool) -> bool {
        let Drain::Going { deadline, idle_until, has_settled } = &mut self.drain else { return true };
        let is_over = *deadline <= self.moment.nanos;
        let may_ask = *idle_until > self.moment.nanos;
        *has_settled = !has_heard;
        if has_heard && !is_over {
            return true;
        }
        for slot in self.slots.pick(|slot| is_over || (!may_ask && slot.conn.is_idle()) || planted!(DrainCutsRequests))
        {
            self.stats.closed_by_drain.add(u64::from(is_over));
            self.close(slot, if is_over { Ending::Reset } else { Ending::Close });
        }
        // What another worker is handing over has yet to come.
        self.slots.len() > 0 || self.neighbours.counted() > 0
    }
}
