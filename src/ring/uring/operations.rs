//! The operations of a ring by number, each with the serial of its use: a completion names one of these, and never a slot
//! or a connection, so what comes late cannot be taken for another's.
#![forbid(unsafe_code)]

use crate::limits::CONNECTIONS_RESERVED;
use crate::sys::uring::Operation;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Doorbell,
    Accept(u32),
    Receive,
    /// Bytes to read, when there was no buffer.
    Bytes,
    Room,
    /// The number of its target is in place of a record's, its serial here.
    Cancel(u32),
}

/// In place of a record's number.
pub(super) const NO_RECORD: u32 = u32::MAX;

/// Operations by number, from 1, each with the serial of its use.
#[derive(Debug)]
pub(super) struct Operations {
    all: Vec<Use>,
    free: Vec<u32>,
}

const _: () = assert!(size_of::<Use>() == 16, "there is one for each idle connection");

#[derive(Debug)]
struct Use {
    serial: u32,
    /// What it does, and for which record (of a cancel: the number of its target); `None`: free.
    kind: Option<(Kind, u32)>,
}

impl Default for Operations {
    fn default() -> Operations {
        Operations { all: Vec::with_capacity(CONNECTIONS_RESERVED), free: Vec::new() }
    }
}

impl Operations {
    pub(super) fn start(&mut self, kind: Kind, record: u32) -> Operation {
        let number = self.free.pop().unwrap_or_else(|| {
            self.all.push(Use { serial: 0, kind: None });
            self.all.len() as u32
        });
        let entry = &mut self.all[number as usize - 1];
        assert!(entry.kind.is_none(), "operation {number} is under way");
        entry.serial = entry.serial.wrapping_add(1);
        entry.kind = Some((kind, record));
        Operation { number, serial: entry.serial }
    }

    pub(super) fn operation(&self, number: u32) -> Operation {
        Operation { number, serial: self.all[number as usize - 1].serial }
    }

    /// What an operation does; `None`: it has ended.
    pub(super) fn find(&self, operation: Operation) -> Option<(Kind, u32)> {
        self.all.get((operation.number as usize).wrapping_sub(1)).filter(|entry| entry.serial == operation.serial)?.kind
    }

    /// All that have not ended, and whether they accept.
    pub(super) fn under_way(&self) -> impl Iterator<Item = (Operation, bool)> {
        let all = (1..).zip(&self.all);
        all.filter_map(|(number, entry)| {
            let (kind, _) = entry.kind?;
            Some((Operation { number, serial: entry.serial }, matches!(kind, Kind::Accept(_))))
        })
    }

    pub(super) fn end(&mut self, operation: Operation) {
        self.all[operation.number as usize - 1].kind = None;
        self.free.push(operation.number);
    }
}
