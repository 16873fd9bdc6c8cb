//! Sends whose content is not in memory: they wait aside while it is read, and nothing else waits for them.
//!
//! ```text
//! the ring: cold      -> the outgoing is parked, a task reads a window of the file
//! the task: done      -> sent again (cold again: once more; after a few times it is sent as it is)
//!           failed    -> 500, or a reset when a part of it has left
//!           too late  -> 503, or a reset
//! the client leaves   -> the outgoing is let go of; the task stops when nobody else waits for it
//! ```
//! Meanwhile the client owes nothing: its time to take the answer starts anew.
#![forbid(unsafe_code)]

use super::{Said, Worker};
use crate::limits::PREPARE_NANOS_MAX;
use crate::ring::{Cold, Outgoing, Ring, Token};
use crate::server::content::{Reading, TaskKey};
use crate::server::planted::planted;
use crate::server::slots::SlotId;

/// Times that bytes are read for one send before they are sent without a question: memory so short that they leave it
/// within microseconds, and the loop may as well wait for the disk.
const COLD_ROUNDS_MAX: u8 = 4;

/// A send that waits.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) outgoing: Box<Outgoing>,
    /// The task that it waits for.
    key: TaskKey,
    /// How long it may.
    pub(super) until: u64,
}

impl<R: Ring> Worker<R> {
    /// A send came back because its content is not in memory.
    pub(super) fn cold(&mut self, token: Token, mut outgoing: Box<Outgoing>, cold: Cold) {
        let Some(slot) = self.slots.get_mut(token.slot).filter(|slot| slot.send == Some(token.arming)) else {
            return self.recycle(outgoing);
        };
        if !planted!(ParkedKeepsArming) {
            slot.send = None;
        }
        let id = SlotId { slot: token.slot, serial: slot.serial };
        if outgoing.count_cold() > COLD_ROUNDS_MAX {
            outgoing.trust();
            return self.send(token.slot, outgoing);
        }
        // Whatever is in front of the file waits with it. A send that comes back cold has a file.
        let Some(next) = outgoing.next_file(u64::MAX) else { return self.give_up(token.slot, outgoing, Said::Failed) };
        match self.content.read(id, next.file, cold.offset, cold.len) {
            Reading::Begun(key) => {
                let until = self.moment.nanos.saturating_add(PREPARE_NANOS_MAX);
                self.parked.insert(token.slot, Parked { outgoing, key, until });
                self.step(token.slot, Said::Held);
            }
            Reading::Busy => self.give_up(token.slot, outgoing, Said::Unready),
            Reading::Failed => self.give_up(token.slot, outgoing, Said::Failed),
        }
    }

    /// The task that a send waited for is done. It may have failed.
    pub(super) fn resume(&mut self, slot: u32, parked: Parked) {
        if self.content.has_failed(parked.key) {
            return self.give_up(slot, parked.outgoing, Said::Failed);
        }
        self.send(slot, parked.outgoing);
        self.step(slot, Said::Held);
    }

    /// Time has passed. True: the slot has a parked send, and this was all about it.
    pub(super) fn tick_parked(&mut self, slot: u32) -> bool {
        let Some(until) = self.parked.get(&slot).map(|parked| parked.until) else { return false };
        let Some(entry) = self.slots.get_mut(slot) else { return false };
        let id = SlotId { slot, serial: entry.serial };
        if until <= self.moment.nanos {
            if let Some(parked) = self.parked.remove(&slot) {
                self.content.leave(id);
                self.give_up(slot, parked.outgoing, Said::Unready);
            }
        } else if entry.conn.deadline().is_some_and(|deadline| deadline <= self.moment.nanos) {
            self.step(slot, Said::Held);
        } else {
            self.schedule(slot);
        }
        true
    }

    /// What was to be sent cannot be: it is answered by `instead`, or cut when a part of it has left.
    fn give_up(&mut self, slot: u32, outgoing: Box<Outgoing>, instead: Said) {
        let (has_begun, since) = (outgoing.has_begun(), outgoing.since);
        self.recycle(outgoing);
        if has_begun {
            self.broken(slot);
        } else {
            self.lost_since = Some(since);
            self.step(slot, instead);
            self.lost_since = None;
        }
    }
}
