//! A workload at work: what it asks for is checked and read like what is sent.
#![forbid(unsafe_code)]

use super::Content;
use crate::http::{Found, Ready, Request, Service, Span, Stored};
use crate::route::{Router, Worked};
use crate::server::generation::LocalGeneration;
use crate::server::planted::planted;
use crate::server::worker::COPY_BYTES_MAX;

impl Content {
    /// Runs the workload of what was found, with the bytes that it asks for.
    pub(super) fn work(&mut self, request: &Request<'_>, stored: &mut Stored) -> Found {
        let Some(asked) = Router::asked(&mut self.generation.local) else { return Found::Stored };
        loop {
            let LocalGeneration { shared, local, pins } = &mut self.generation;
            let resident = &mut self.resident;
            let mut is_at_hand = |span: Span, unchecked: u64| {
                let file = pins.get(span.source.0 as usize);
                let is_cold = file.is_some_and(|file| resident.first_cold(file, span.offset, span.len).is_some());
                let is_checked = unchecked == 0 || planted!(WorkTrustsBytes);
                let may_wait = is_cold && !planted!(WorkReadsCold);
                is_checked && !may_wait
            };
            let span = match shared.router.work(local, asked, request, stored, &mut is_at_hand) {
                Worked::Done(found) => return found,
                Worked::Wants(span) => span,
            };
            // In pieces for which there is a look at what is in memory: a copy must not wait for a disk.
            let mut left = span;
            while left.len > 0 {
                let piece = Span { len: left.len.min(COPY_BYTES_MAX), ..left };
                match self.ready(piece) {
                    Ready::Now => {}
                    Ready::Wait => return Found::Wait,
                    Ready::Busy => return Found::Busy,
                    // It was told already.
                    Ready::Failed => return Found::Failed,
                }
                left = Span { offset: left.offset + piece.len, len: left.len - piece.len, ..left };
            }
            self.generation.local.grant(span);
        }
    }
}
