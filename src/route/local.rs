//! What each worker keeps beside the shared router. Pure.
#![forbid(unsafe_code)]

use super::gather::Gathering;
use super::router::Router;
use super::workload::{Asked, Desk};
use crate::http::plan::Span;
use crate::pack::{Checked, LookupError, Record};

/// The state of one worker for one router: what it has verified, memory that is reused, and the last failure.
#[derive(Debug)]
pub(crate) struct Local {
    /// One for each pack, by the number of its source.
    pub(super) checked: Vec<Checked>,
    pub(super) record: Record,
    pub(super) gathering: Gathering,
    /// The payload that the workload of the last request is about, until it is run.
    pub(super) asked: Option<Asked>,
    pub(super) desk: Desk,
    /// What answered the last request, or has its path and not its method: a number of [`Router::named`].
    pub(crate) chosen: Option<u16>,
    /// What went wrong in the last request that failed or panicked, for the log; the server takes it out.
    pub(crate) failure: Option<String>,
}

impl Router {
    /// Fresh state for one worker.
    pub(crate) fn local(&self) -> Local {
        let checked = self.sources().iter().map(|pack| pack.checked().without_waiting()).collect();
        let (record, gathering) = (Record::default(), Gathering::default());
        let (asked, desk) = (None, Desk::default());
        Local { checked, record, gathering, asked, desk, chosen: None, failure: None }
    }

    /// Time has passed: what of the packs' indexes was in memory is to be asked for again.
    pub(crate) fn forget_readable(&self, local: &mut Local) {
        local.checked.iter_mut().for_each(Checked::forget_readable);
    }

    /// What has to be read to check `span`: the source, and a stretch of it.
    pub(crate) fn checked_around(&self, span: Span) -> Span {
        match self.sources().get(span.source.0 as usize) {
            Some(pack) => {
                let (offset, len) = pack.chunks_around(span.offset, span.len);
                Span { offset, len, ..span }
            }
            None => span,
        }
    }

    /// Reads all that a lookup reads, for another thread. Nothing, when there is no such mount.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read_index(&self, mount: u32, key: &[u8]) -> Result<(), LookupError> {
        self.sources().get(mount as usize).map_or(Ok(()), |pack| pack.read_index(key))
    }

    /// How many bytes have to be read and hashed before `span` can be trusted. 0 for a span of a file outside the packs:
    /// nothing is known about its bytes.
    pub(crate) fn unchecked_bytes(&self, local: &Local, span: Span) -> u64 {
        let number = span.source.0 as usize;
        match (self.sources().get(number), local.checked.get(number)) {
            (Some(pack), Some(checked)) => pack.unchecked_bytes(checked, span.offset, span.len),
            _ => 0,
        }
    }

    /// Verifies what of `span` was not verified before, here and now. `scratch` is memory to use again.
    ///
    /// # Errors
    /// The bytes are damaged or cannot be read, or what says how they should be is not in memory.
    pub(crate) fn check_payload(
        &self,
        local: &mut Local,
        span: Span,
        scratch: &mut Vec<u8>,
    ) -> Result<(), LookupError> {
        let number = span.source.0 as usize;
        match (self.sources().get(number), local.checked.get_mut(number)) {
            (Some(pack), Some(checked)) => pack.check_payload(checked, span.offset, span.len, scratch),
            _ => Ok(()),
        }
    }

    /// Verifies `span` without a note: for another thread, whose good result comes back to [`Router::mark`].
    ///
    /// # Errors
    /// The bytes are damaged or cannot be read.
    pub(crate) fn verify_span(&self, span: Span, scratch: &mut Vec<u8>) -> Result<(), LookupError> {
        match self.sources().get(span.source.0 as usize) {
            Some(pack) => pack.verify_span(span.offset, span.len, scratch),
            None => Ok(()),
        }
    }

    /// Notes that `span` was verified elsewhere.
    pub(crate) fn mark(&self, local: &mut Local, span: Span) {
        let number = span.source.0 as usize;
        if let (Some(pack), Some(checked)) = (self.sources().get(number), local.checked.get_mut(number)) {
            checked.mark(pack, span.offset, span.len);
        }
    }
}
