//! What the protocol asks of whoever has the content. Pure: implemented by the server, by the test client, by fakes.
#![forbid(unsafe_code)]

use super::conn::Moment;
use super::method::Methods;
use super::plan::Span;
use super::request::Request;
use super::response::Response;
use std::net::SocketAddr;
use std::ops::Range;

/// Finds answers. One per worker, called on its loop, so it must not block.
pub trait Service {
    /// Finds what answers `request`. For [`Found::Stored`] it has filled `stored`, which comes cleared.
    fn find(&mut self, request: &Request<'_>, stored: &mut Stored) -> Found;

    /// Whether every byte of `span` may be sent now: checked, open, resident.
    fn ready(&mut self, span: Span) -> Ready;

    /// An answer has been drawn: once for each, refusals too, right after the last question about it. (100 Continue is none.
    /// One that cannot be sent in the end has another in its place, and that is told as well.) For whoever counts or keeps a
    /// log; it is on the way of every request.
    fn answered(&mut self, _answer: &Answer<'_>) {}
}

/// An answer that was drawn, and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The request. `None`: it was refused before anything was looked for, most of the time since it could not be read.
    pub request: Option<&'a Request<'a>>,
    /// What was read of the request, from its first byte on: its head, or what there was of one. Empty when nobody knows any
    /// more, or nothing came.
    pub head: &'a [u8],
    /// Status code.
    pub status: u16,
    /// Bytes of the body that it sends (0 for HEAD, 204, 304).
    pub body_bytes: u64,
    /// The client's address: the other end's, or what a proxy said of it; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
}

/// Bytes of a head that are searched for the end of its first line, when that is asked for.
const REQUEST_LINE_BYTES_MAX: usize = 16 * 1024;

impl<'a> Answer<'a> {
    /// The request line as it came, without its end; cut when there is more of it than anybody reads. Whatever a client
    /// sends may be in it.
    pub fn request_line(&self) -> &'a [u8] {
        let head = &self.head[..self.head.len().min(REQUEST_LINE_BYTES_MAX)];
        let line = memchr::memchr(b'\n', head).map_or(head, |end| &head[..end]);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// What was found for a request.
#[derive(Debug)]
pub enum Found {
    /// A stored representation, the one that negotiation chose.
    Stored,
    /// An answer made by a handler.
    Made(Response),
    /// Nothing has this path: 404. `stored.always` may have lines of a mount.
    Missing,
    /// The path exists and has these methods, the request's not among them: 405, or 204 to OPTIONS. `stored.always` may have
    /// the mount's lines.
    Methods(Methods),
    /// There is a representation, and the request excludes every form of it: 406. `stored.always` may have the mount's
    /// lines.
    NotAcceptable,
    /// It exists and is not at hand yet. The request is asked again after [`super::Input::Ready`].
    Wait,
    /// It exists and cannot be read (a damaged or truncated file): 500.
    Failed,
    /// More work than allowed is under way: 503.
    Busy,
    /// The handler panicked: 500, and the connection closes.
    Panicked,
}

/// Whether bytes may be sent. In the order of what decides when a body has several pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ready {
    /// Yes.
    Now,
    /// Somebody is at it: the request is asked again after [`super::Input::Ready`].
    Wait,
    /// More work than allowed is under way: 503.
    Busy,
    /// They are damaged or gone: 500.
    Failed,
}

/// One stretch of a stored body that is put together from several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A piece of [`Stored::text`].
    Text(Range<u32>),
    /// Stored bytes.
    Span(Span),
}

impl Piece {
    /// Its length.
    pub fn bytes(&self) -> u64 {
        match self {
            Piece::Text(range) => range.len() as u64,
            Piece::Span(span) => span.len,
        }
    }
}

/// A stored representation as its head is drawn from it: ready-made text, and where the body lies.
///
/// The texts are whole field lines, each with its CRLF.
#[derive(Debug, Default)]
pub struct Stored {
    /// Status the entry asks for: 200, a redirect, a pack's own 404 ...
    pub status: u16,
    /// The bytes that the ranges below point into.
    pub text: Vec<u8>,
    /// Lines that go with every status, also 304, 412 and 416 (there without those for caches): those of the mount, Vary, ETag,
    /// Last-Modified, Location.
    pub always: Range<u32>,
    /// Lines that describe the content: Content-Type, Content-Encoding, Accept-Ranges. Not sent with 304, 412 and 416.
    pub content: Range<u32>,
    /// The Content-Length line, when it is baked; empty: it is drawn from the span.
    pub length: Range<u32>,
    /// The entity tag with its quotes; empty: none.
    pub etag: Range<u32>,
    /// Seconds since 1970-01-01 UTC.
    pub last_modified: Option<u64>,
    /// The body, when it is one stretch of a source.
    pub body: Option<Span>,
    /// The body, when it is put together from several stretches: these, in their order, in place of `body`. A part of it
    /// cannot be asked for: Range is ignored (RFC 9110 section 14.2).
    pub pieces: Vec<Piece>,
}

impl Stored {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.status = 200;
        self.text.clear();
        self.always = 0..0;
        self.content = 0..0;
        self.length = 0..0;
        self.etag = 0..0;
        self.last_modified = None;
        self.body = None;
        self.pieces.clear();
    }

    /// Appends to the text and says where it lies.
    pub fn push(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        start..self.text.len() as u32
    }

    /// Says that it changed at this moment: its Last-Modified is later, by its own clock or by mistake, and an answer has none
    /// that is later than its Date (RFC 9110 section 8.8.2.1).
    pub(crate) fn change_now(&mut self, moment: &Moment) {
        const NAME: &[u8] = b"Last-Modified: ";
        let always = &mut self.text[self.always.start as usize..self.always.end as usize];
        for line in always.split_inclusive_mut(|&byte| byte == b'\n') {
            let Some((name, value)) = line.split_at_mut_checked(NAME.len()) else { continue };
            if let (true, Some(value)) = (name.eq_ignore_ascii_case(NAME), value.first_chunk_mut()) {
                *value = moment.date;
            }
        }
        self.last_modified = Some(moment.unix_seconds);
    }

    /// Adds whole field lines to those that go with every status, behind them.
    pub(crate) fn add_always(&mut self, lines: &[u8]) {
        let (end, more) = (self.always.end, lines.len() as u32);
        // Their text is moved up; it is short.
        self.text.extend_from_slice(lines);
        self.text[end as usize..].rotate_right(lines.len());
        self.always.end += more;
        let ranges = [&mut self.content, &mut self.length];
        for range in ranges.into_iter().filter(|range| range.start >= end && range.end > range.start) {
            *range = range.start + more..range.end + more;
        }
        for piece in &mut self.pieces {
            match piece {
                Piece::Text(range) if range.start >= end => *range = range.start + more..range.end + more,
                Piece::Text(_) | Piece::Span(_) => {}
            }
        }
    }

    /// A piece of the text.
    pub fn slice(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }
}
