//! Work on the way out: a header that is made from the record for each answer, while the record itself does not move. Pure.
//!
//! A workload asks for stretches of the payload. One that is in memory and was checked is read for it there and then. One that
//! is not ends the workload with [`Halt::NotYet`]; whoever runs it has the stretch checked and brought into memory, and runs it
//! again from its beginning. So it never waits, and a large payload costs no more than a small one.
//!
//! ```text
//! find -> Stored, Local::asked -> run --- NotYet ---> ready? -> grant -> run ...
//!                                  |                    `--- no: Found::Wait, and the request is asked again
//!                                  `--- Ok: its lines are put beside the others
//! ```
#![forbid(unsafe_code)]

use super::local::Local;
use super::router::Router;
use crate::http::plan::{SourceId, Span};
use crate::http::request::Request;
use crate::http::response::{Response, push_value_line, uncached_lines};
use crate::http::service::{Found, Stored};
use crate::pack::{self, Checked, LookupError, Pack, Record};
use std::cell::{Cell, RefCell};
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

/// Whether a stretch may be read here and now, of which so many bytes were not checked.
pub(crate) type IsAtHand<'a> = dyn FnMut(Span, u64) -> bool + 'a;

/// The plain form of a record, of which a workload reads stretches.
pub struct Payload<'p> {
    span: Span,
    pack: &'p Pack,
    checked: &'p Checked,
    /// What was made ready for this request.
    granted: &'p [Span],
    is_at_hand: RefCell<&'p mut IsAtHand<'p>>,
    /// Memory that nothing was read into yet.
    rest: Cell<&'p mut [u8]>,
    /// What was read, and where in the payload it begins.
    stretches: [Cell<(u64, &'p [u8])>; STRETCHES_MAX],
    count: Cell<usize>,
    missing: RefCell<Missing>,
}

/// Why a stretch could not be given.
#[derive(Debug)]
enum Missing {
    Nothing,
    /// It has to be made ready.
    Span(Span),
    Failed(LookupError),
}

impl std::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload").field("span", &self.span).finish_non_exhaustive()
    }
}

impl<'p> Payload<'p> {
    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.span.len
    }

    /// A stretch of it.
    ///
    /// # Errors
    /// [`Halt::NotYet`] and [`Halt::OutOfBounds`]: give them back.
    pub fn read(&self, offset: u64, bytes: u64) -> Result<&'p [u8], Halt> {
        if bytes == 0 {
            return Ok(&[]);
        }
        let count = self.count.get();
        for (start, read) in self.stretches[..count].iter().map(Cell::get) {
            if start <= offset && bytes <= (read.len() as u64).saturating_sub(offset - start) {
                let first = (offset - start) as usize;
                return Ok(&read[first..first + bytes as usize]);
            }
        }
        let is_inside = offset.checked_add(bytes).is_some_and(|end| end <= self.span.len);
        let rest = self.rest.take();
        if !is_inside || bytes > rest.len() as u64 || count == STRETCHES_MAX {
            self.rest.set(rest);
            return Err(Halt::OutOfBounds);
        }
        let span = Span { offset: self.span.offset + offset, len: bytes, ..self.span };
        if !self.is_at_hand(span) {
            self.rest.set(rest);
            self.missing.replace(Missing::Span(span));
            return Err(Halt::NotYet);
        }
        let (into, rest) = rest.split_at_mut(bytes as usize);
        self.rest.set(rest);
        if let Err(error) = self.pack.read_payload(span.offset, into) {
            self.missing.replace(Missing::Failed(error));
            return Err(Halt::NotYet);
        }
        let into = &*into;
        self.stretches[count].set((offset, into));
        self.count.set(count + 1);
        Ok(into)
    }

    fn is_at_hand(&self, span: Span) -> bool {
        let unchecked = self.pack.unchecked_bytes(self.checked, span.offset, span.len);
        (self.is_at_hand.borrow_mut())(span, unchecked) || self.granted.contains(&span)
    }
}

pub(super) type Work = dyn Fn(&Request<'_>, &Payload<'_>, &mut Made) -> Result<(), Halt> + Send + Sync;

/// The header lines that a workload makes.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The value of the next one.
    pub(super) value: String,
    lines: Vec<u8>,
    is_broken: bool,
}

impl Made {
    /// Ends a value: its line is made, if there is anything in it. The mount has checked the name.
    pub(super) fn end(&mut self, name: &str) {
        if !self.value.is_empty() {
            self.is_broken |= push_value_line(&mut self.lines, name, &self.value).is_err();
            self.value.clear();
        }
    }

    fn clear(&mut self) {
        self.value.clear();
        self.lines.clear();
        self.is_broken = false;
    }
}

/// A workload as a mount has it.
#[derive(Clone)]
pub(super) struct Workload {
    pub(super) below: String,
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
        f.debug_struct("Workload").field("below", &self.below).finish_non_exhaustive()
    }
}

/// A payload that a workload is to be run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    number: u16,
    span: Span,
}

/// What workloads are done with: memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// What is read comes here: as much as may be read.
    memory: Vec<u8>,
    /// Stretches that were made ready for this request, though nothing but that may tell.
    granted: Vec<Span>,
    made: Made,
}

/// How far a workload has come.
#[derive(Debug)]
pub(crate) enum Worked {
    /// To its end.
    Done(Found),
    /// It needs these bytes: make them ready, [`Local::grant`] them, and have it work again.
    Wants(Span),
}

impl Local {
    /// These bytes were made ready for the request that a workload is for.
    pub(crate) fn grant(&mut self, span: Span) {
        self.desk.granted.push(span);
    }
}

impl Router {
    /// The workload that the request which was just found is for.
    pub(crate) fn asked(local: &mut Local) -> Option<Asked> {
        let asked = local.asked.take()?;
        local.desk.granted.clear();
        Some(asked)
    }

    /// Runs the workload of a request that was found, and puts its lines into `stored`.
    pub(crate) fn work(
        &self,
        local: &mut Local,
        asked: Asked,
        request: &Request<'_>,
        stored: &mut Stored,
        is_at_hand: &mut IsAtHand<'_>,
    ) -> Worked {
        let number = usize::from(asked.number);
        let site = &self.sites[number];
        let Some(workload) = &site.workload else { return Worked::Done(Found::Stored) };
        let Local { checked, desk: Desk { memory, granted, made }, failure, .. } = local;
        if memory.is_empty() {
            *memory = vec![0; WORKLOAD_BYTES_MAX as usize];
        }
        made.clear();
        let payload = Payload {
            span: asked.span,
            pack: &self.packs[number],
            checked: &checked[number],
            granted: &granted[..],
            is_at_hand: RefCell::new(is_at_hand),
            rest: Cell::new(&mut memory[..]),
            stretches: [const { Cell::new((0, &[])) }; STRETCHES_MAX],
            count: Cell::new(0),
            missing: RefCell::new(Missing::Nothing),
        };
        // Unwind safety: as for handlers; what is made is cleared before it is used again.
        let outcome = catch_unwind(AssertUnwindSafe(|| (workload.work)(request, &payload, made)));
        let missing = payload.missing.into_inner();
        let Ok(outcome) = outcome else {
            *failure = Some(format!("the workload of {:?} panicked at {:?}", workload.below, request.path()));
            return Worked::Done(Found::Panicked);
        };
        match outcome {
            Ok(()) if made.is_broken => {
                *failure = Some(format!("the workload of {:?} wrote a value with a control character", workload.below));
                return Worked::Done(Found::Failed);
            }
            Ok(()) if made.lines.is_empty() => {}
            Ok(()) => stored.add_always(&made.lines),
            Err(Halt::NotYet) => match missing {
                // One that asks for something else each time comes to an end too.
                Missing::Span(span) if granted.len() < STRETCHES_MAX => return Worked::Wants(span),
                Missing::Failed(error) => {
                    *failure = Some(error.to_string());
                    return Worked::Done(Found::Failed);
                }
                Missing::Span(_) | Missing::Nothing => {}
            },
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
}
