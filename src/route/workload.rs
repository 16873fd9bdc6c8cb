//! Work on the way out: a header that is made from the record for each answer, while the record itself does not move. Pure.
//!
//! A workload asks for stretches of the payload. What was not read yet ends it with [`Halt::NotYet`]; whoever runs it has the
//! stretch checked and read, and runs it again from its beginning. So it never waits, and a large payload costs no more than
//! a small one.
//!
//! ```text
//! find -> Stored, Local::asked -> run --- NotYet ---> ready? -> fetch -> run ...
//!                                  |                    `--- no: Found::Wait, and the request is asked again
//!                                  `--- Ok: the line is put beside the others
//! ```
#![forbid(unsafe_code)]

use super::local::Local;
use super::router::Router;
use crate::http::plan::{SourceId, Span};
use crate::http::request::Request;
use crate::http::response::{Response, push_field_line, uncached_lines};
use crate::http::service::{Found, Stored};
use crate::pack::{self, LookupError, Record};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes of a payload that one workload may read: ten times what the order of a gallery takes, and some microseconds of copying.
pub const WORKLOAD_BYTES_MAX: u64 = 64 * 1024;
/// Stretches that it may read.
const STRETCHES_MAX: usize = 16;

/// Why a workload ends without a header. All but `NotYet` are its last word.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Halt {
    /// Bytes were not at hand: give it back, and the workload is run again with them.
    NotYet,
    /// The stretch does not lie in the payload, or it is more than a workload may read: given back, the answer leaves without
    /// the header.
    OutOfBounds,
    /// The request makes no sense: 400, and this text, which names the place and what to do.
    Refused(String),
}

/// The plain form of a record, of which a workload reads stretches.
#[derive(Debug)]
pub struct Payload<'p> {
    bytes: u64,
    desk: &'p Desk,
}

impl<'p> Payload<'p> {
    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A stretch of it.
    ///
    /// # Errors
    /// [`Halt::NotYet`] and [`Halt::OutOfBounds`]: give them back.
    pub fn read(&self, offset: u64, bytes: u64) -> Result<&'p [u8], Halt> {
        if bytes == 0 {
            return Ok(&[]);
        }
        let has = |it: &&Stretch| it.offset <= offset && bytes <= it.bytes.saturating_sub(offset - it.offset);
        let found = self.desk.stretches.iter().find(has);
        if let Some(it) = found {
            let start = it.start + (offset - it.offset) as usize;
            return Ok(&self.desk.bytes[start..start + bytes as usize]);
        }
        let is_inside = offset.checked_add(bytes).is_some_and(|end| end <= self.bytes);
        let has_room = bytes <= WORKLOAD_BYTES_MAX.saturating_sub(self.desk.bytes.len() as u64);
        if !is_inside || !has_room || self.desk.stretches.len() == STRETCHES_MAX {
            return Err(Halt::OutOfBounds);
        }
        self.desk.wanted.set(Some((offset, bytes)));
        Err(Halt::NotYet)
    }
}

type Work = dyn Fn(&Request<'_>, &Payload<'_>, &mut String) -> Result<(), Halt> + Send + Sync;

/// A workload as a mount has it.
#[derive(Clone)]
pub(super) struct Workload {
    pub(super) below: String,
    pub(super) name: String,
    pub(super) work: Arc<Work>,
}

impl Workload {
    /// Whether it is for this key.
    pub(super) fn has(&self, key: &str) -> bool {
        key.len() > self.below.len() && key.starts_with(&self.below)
    }

    /// What is to be read, if this record has a plain form in the pack.
    pub(super) fn ask(&self, number: u16, record: &Record) -> Option<Asked> {
        let is_plain = |variant: &pack::Variant<'_>| variant.encoding() == pack::Encoding::Identity;
        let is_whole = record.status() == 200 && !record.flags().external();
        let plain = record.variants().find(|variant| is_whole && is_plain(variant))?;
        let source = SourceId(u32::from(number));
        Some(Asked { number, span: Span { source, offset: plain.payload_offset(), len: plain.payload_bytes() } })
    }
}

impl std::fmt::Debug for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workload").field("below", &self.below).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A payload that a workload is to be run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    number: u16,
    span: Span,
}

/// What a workload has before it: stretches that were read, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    stretches: Vec<Stretch>,
    bytes: Vec<u8>,
    value: String,
    line: Vec<u8>,
    wanted: Cell<Option<(u64, u64)>>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    offset: u64,
    bytes: u64,
    /// Where it begins on the desk.
    start: usize,
}

impl Desk {
    fn clear(&mut self) {
        self.stretches.clear();
        self.bytes.clear();
    }
}

/// How far a workload has come.
#[derive(Debug)]
pub(crate) enum Worked {
    /// To its end.
    Done(Found),
    /// It needs these bytes.
    Wants(Span),
}

impl Router {
    /// The workload that the request which was just found is for; its desk is empty.
    pub(crate) fn asked(local: &mut Local) -> Option<Asked> {
        let asked = local.asked.take()?;
        local.desk.clear();
        Some(asked)
    }

    /// Runs the workload of a request that was found, and puts its line into `stored`.
    pub(crate) fn work(&self, local: &mut Local, asked: Asked, request: &Request<'_>, stored: &mut Stored) -> Worked {
        let site = &self.sites[usize::from(asked.number)];
        let Some(workload) = &site.workload else { return Worked::Done(Found::Stored) };
        let desk = &mut local.desk;
        desk.wanted.set(None);
        let mut value = std::mem::take(&mut desk.value);
        value.clear();
        let payload = Payload { bytes: asked.span.len, desk };
        // Unwind safety: as for handlers; the desk is cleared before it is used again.
        let outcome = catch_unwind(AssertUnwindSafe(|| (workload.work)(request, &payload, &mut value)));
        desk.value = value;
        let Ok(outcome) = outcome else {
            local.failure = Some(format!("the workload of {:?} panicked at {:?}", workload.below, request.path()));
            return Worked::Done(Found::Panicked);
        };
        match outcome {
            Ok(()) if desk.value.is_empty() => {}
            Ok(()) => {
                desk.line.clear();
                if push_field_line(&mut desk.line, &workload.name, &desk.value).is_err() {
                    let what = format!("the workload of {:?} wrote a value with a control character", workload.below);
                    local.failure = Some(what);
                    return Worked::Done(Found::Failed);
                }
                stored.add_always(&desk.line);
            }
            Err(Halt::NotYet) => {
                if let Some((offset, len)) = desk.wanted.take() {
                    return Worked::Wants(Span { offset: asked.span.offset + offset, len, ..asked.span });
                }
            }
            Err(Halt::OutOfBounds) => {}
            Err(Halt::Refused(why)) => {
                let mut response = Response::text(format!("400 Bad Request: {why}\n")).status(400);
                response.lines.extend(uncached_lines(&site.plain).flatten());
                response.lines.extend(site.lines(request).origin);
                return Worked::Done(Found::Made(response));
            }
        }
        Worked::Done(Found::Stored)
    }

    /// Puts bytes that are ready before the workload that wanted them.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn fetch(&self, local: &mut Local, asked: Asked, span: Span) -> Result<(), LookupError> {
        let desk = &mut local.desk;
        let start = desk.bytes.len();
        desk.bytes.resize(start + span.len as usize, 0);
        self.packs[usize::from(asked.number)].read_payload(span.offset, &mut desk.bytes[start..])?;
        desk.stretches.push(Stretch { offset: span.offset - asked.span.offset, bytes: span.len, start });
        Ok(())
    }
}
