//! Records of answers in little room: what has a fixed size in one list, texts of clients behind each other in one buffer.
#![forbid(unsafe_code)]

use crossbeam_channel::Sender;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

/// Longest request line of a record. Longer ones are cut: those that a person reads are shorter.
const REQUEST_LINE_BYTES_MAX: usize = 2048;
/// Longest Referer of a record; browsers send more than an origin only to the site itself.
const REFERER_BYTES_MAX: usize = 1024;
/// Longest User-Agent of a record; those of browsers are 100 to 300 bytes.
const USER_AGENT_BYTES_MAX: usize = 512;

/// Texts of a batch: several hundred records of browsers, in a part of a core's second cache.
const BATCH_BYTES: usize = 128 * 1024;
/// Records of a batch, whatever their texts.
const BATCH_RECORDS: usize = 1024;
/// Batches of a worker: as much as a worker that answers 16,000 requests records in a second, in which a disk may stand
/// still. Those that are never needed are address space and no memory.
pub(super) const BATCHES_MAX: usize = 16;

/// In place of a length: there is no such field.
const NONE: u16 = u16::MAX;

const _: () = {
    /// Texts of one record at most.
    const RECORD_BYTES_MAX: usize = REQUEST_LINE_BYTES_MAX + REFERER_BYTES_MAX + USER_AGENT_BYTES_MAX;
    assert!(RECORD_BYTES_MAX <= BATCH_BYTES, "an empty batch has room for every record");
    assert!(RECORD_BYTES_MAX < NONE as usize, "a length is none of NONE");
};
const _: () = assert!(size_of::<Fixed>() <= 64, "one cache line");

/// One answer, as the access log has it. The texts are the client's bytes as they came: escape them before they are shown.
///
/// An answer is recorded when its head is made. One that cannot be sent in the end, since its file became shorter or could not
/// be read in time, is followed by the record of what was answered in its place (500 or 503), without a request line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessRecord<'a> {
    /// When it was answered: seconds since 1970-01-01 UTC.
    pub unix_seconds: u64,
    /// The client's address, or what a trusted proxy said of it; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// The request line as it came, without its line end, at most 2,048 bytes of it; empty when none came.
    pub request_line: &'a [u8],
    /// Status code of the answer.
    pub status: u16,
    /// Bytes of its body: 0 for HEAD, 204 and 304. What a client that left early did not take counts too.
    pub body_bytes: u64,
    /// The value of Referer, at most 1,024 bytes of it; `None` also for a request that was refused before anything was looked
    /// for.
    pub referer: Option<&'a [u8]>,
    /// The value of User-Agent, at most 512 bytes of it; `None` as for `referer`.
    pub user_agent: Option<&'a [u8]>,
}

/// A record without its texts.
#[derive(Debug)]
struct Fixed {
    unix_seconds: u64,
    body_bytes: u64,
    peer: Option<SocketAddr>,
    /// Where its texts begin: the request line, Referer, User-Agent.
    start: u32,
    request_line: u16,
    referer: u16,
    user_agent: u16,
    status: u16,
}

/// Records of one worker, in the order in which it answered.
#[derive(Debug)]
pub struct AccessBatch {
    bytes: Vec<u8>,
    records: Vec<Fixed>,
    /// Where it goes when it was used, for as long as its worker is there. Weak: it may lie in that very channel when the worker
    /// ends, which must not keep itself alive.
    home: Weak<Sender<AccessBatch>>,
}

impl AccessBatch {
    /// With all the room that it will ever have.
    pub(super) fn new(home: &Arc<Sender<AccessBatch>>) -> AccessBatch {
        let home = Arc::downgrade(home);
        AccessBatch { bytes: Vec::with_capacity(BATCH_BYTES), records: Vec::with_capacity(BATCH_RECORDS), home }
    }

    /// One that is never filled.
    pub(super) fn without_room(&self) -> AccessBatch {
        AccessBatch { bytes: Vec::new(), records: Vec::new(), home: Weak::clone(&self.home) }
    }

    /// How many records it has: at least one.
    #[allow(clippy::len_without_is_empty)] // nobody is given an empty one
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Its records.
    pub fn records(&self) -> impl ExactSizeIterator<Item = AccessRecord<'_>> {
        self.records.iter().map(|fixed| self.record(fixed))
    }

    fn record(&self, fixed: &Fixed) -> AccessRecord<'_> {
        let mut rest = self.bytes.get(fixed.start as usize..).unwrap_or_default();
        let mut next = |len: u16| {
            let (text, behind) = rest.split_at_checked(usize::from(len)).filter(|_| len != NONE)?;
            rest = behind;
            Some(text)
        };
        AccessRecord {
            unix_seconds: fixed.unix_seconds,
            peer: fixed.peer,
            request_line: next(fixed.request_line).unwrap_or_default(),
            status: fixed.status,
            body_bytes: fixed.body_bytes,
            referer: next(fixed.referer),
            user_agent: next(fixed.user_agent),
        }
    }

    /// Copies a record, its texts cut to their bounds. False: there is no room.
    pub(super) fn push(&mut self, record: &AccessRecord<'_>) -> bool {
        let request_line = start_of(record.request_line, REQUEST_LINE_BYTES_MAX);
        let referer = record.referer.map(|text| start_of(text, REFERER_BYTES_MAX));
        let user_agent = record.user_agent.map(|text| start_of(text, USER_AGENT_BYTES_MAX));
        let texts = [request_line, referer.unwrap_or_default(), user_agent.unwrap_or_default()];
        let wanted = texts.iter().map(|text| text.len()).sum::<usize>();
        if self.records.len() == BATCH_RECORDS || self.bytes.len() + wanted > BATCH_BYTES {
            return false;
        }
        let start = self.bytes.len() as u32;
        for text in texts {
            self.bytes.extend_from_slice(text);
        }
        let len = |text: Option<&[u8]>| text.map_or(NONE, |text| text.len() as u16);
        self.records.push(Fixed {
            unix_seconds: record.unix_seconds,
            body_bytes: record.body_bytes,
            peer: record.peer,
            start,
            request_line: request_line.len() as u16,
            referer: len(referer),
            user_agent: len(user_agent),
            status: record.status,
        });
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    /// The room that it has.
    #[cfg(test)]
    pub(super) fn memory(&self) -> (usize, usize) {
        (self.bytes.capacity(), self.records.capacity())
    }

    /// Empty, back to the worker that it is of.
    pub(super) fn go_home(mut self) {
        self.clear();
        // A worker that has ended has no use for it.
        if let Some(home) = self.home.upgrade() {
            let _ = home.try_send(self);
        }
    }
}

fn start_of(text: &[u8], bytes_max: usize) -> &[u8] {
    &text[..text.len().min(bytes_max)]
}
