//! What each worker keeps beside the shared router. Pure.
#![forbid(unsafe_code)]

use super::gather::Gathering;
use super::router::Router;
use crate::http::plan::Span;
use crate::pack::{Checked, LookupError, Record};

/// The state of one worker for one router: what it has verified, memory that is reused, and the last failure.
#[derive(Debug)]
pub(crate) struct Local {
    /// One for each pack, by the number of its source.
    pub(super) checked: Vec<Checked>,
    pub(super) record: Record,
    pub(super) gathering: Gathering,
    /// What went wrong in the last request that failed or panicked, for the log; the server takes it out.
    pub(crate) failure: Option<String>,
}

impl Router {
    /// Fresh state for one worker.
    pub(crate) fn local(&self) -> Local {
        let checked = self.sources().iter().map(|pack| pack.checked()).collect();
        Local { checked, record: Record::default(), gathering: Gathering::default(), failure: None }
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
    /// The bytes are damaged or cannot be read.
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
