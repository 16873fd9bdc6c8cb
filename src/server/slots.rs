//! The connections of one worker, by number. A slot that was freed is used again under a new serial.
#![forbid(unsafe_code)]

use super::addresses::Client;
use crate::http::Conn;
use crate::limits::CONNECTIONS_RESERVED;

/// Names a connection for as long as it lives: the number of its slot, and which of its users it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// One connection and what is outstanding for it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) conn: Conn,
    pub(crate) serial: u32,
    /// The arming of the receive under way.
    pub(crate) recv: Option<u32>,
    /// The arming of the send under way.
    pub(crate) send: Option<u32>,
    /// The listener it came from.
    pub(crate) listener: u32,
}

impl Slot {
    /// Whom it is counted for; nobody, on a unix socket and as long as a proxy has not said who it is.
    pub(crate) fn client(&self) -> Option<Client> {
        self.conn.peer().filter(|_| !self.conn.awaits_proxy()).map(Client::of)
    }
}

// There are many of them, most of them idle: what one costs is bounded in tests/wire/crowds.rs.
const _: () = assert!(size_of::<Option<Slot>>() <= 144);

/// A slab of slots.
#[derive(Debug)]
pub(crate) struct Slots {
    entries: Vec<Option<Slot>>,
    free: Vec<u32>,
    serial: u32,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots { entries: Vec::with_capacity(CONNECTIONS_RESERVED), free: Vec::new(), serial: 0 }
    }
}

impl Slots {
    /// How many are taken.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, conn: Conn, listener: u32) -> SlotId {
        self.serial = self.serial.wrapping_add(1);
        let entry = Some(Slot { conn, serial: self.serial, recv: None, send: None, listener });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = entry;
                slot
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        SlotId { slot, serial: self.serial }
    }

    /// The slots that are taken, by number.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, &Slot)> {
        (0..).zip(&self.entries).filter_map(|(slot, entry)| Some((slot, entry.as_ref()?)))
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.entries.get_mut(slot as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Slot> {
        let entry = self.entries.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(entry)
    }

    /// The numbers of the slots that `wanted` picks.
    pub(crate) fn pick(&self, wanted: impl Fn(&Slot) -> bool) -> Vec<u32> {
        let entries = self.entries.iter().enumerate();
        entries.filter(|entry| entry.1.as_ref().is_some_and(&wanted)).map(|entry| entry.0 as u32).collect()
    }
}
