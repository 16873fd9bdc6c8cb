//! Draws response heads: the one place where they are written. Pure.
//!
//! A head is three fragments: **drawn** here for each answer (status, Date, Connection), **mount** (the lines of a
//! prefix, rendered when it was mounted) and **entry** (baked by the packer). The two ready-made ones come as
//! [`Stored::always`] and [`Stored::content`]; a plain 200 formats no number.
#![forbid(unsafe_code)]

use super::conn::Moment;
use super::method::Methods;
use super::plan::{Batch, Part, Plan};
use super::range::{self, write_decimal};
use super::response::{Body, Response};
use super::service::{Piece, Stored};

/// Bodies of handlers up to this size are copied behind their head, so that one send takes both.
pub const OWNED_COPY_BYTES_MAX: usize = 4096;

/// What a head says about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing: HTTP/1.1 goes on.
    Implied,
    /// `Connection: keep-alive`: an HTTP/1.0 client asked for it.
    KeepAlive,
    /// `Connection: close`: this is the last answer.
    Close,
}

/// An answer being written into a batch.
pub struct Drawing<'b> {
    batch: &'b mut Batch,
    head_start: usize,
    first_part: usize,
    status: u16,
}

impl<'b> Drawing<'b> {
    /// Starts the head: status line, Date, Connection.
    pub fn start(batch: &'b mut Batch, status: u16, moment: &Moment, persistence: Persistence) -> Drawing<'b> {
        let head_start = batch.bytes.len();
        let first_part = batch.parts.len();
        let out = &mut batch.bytes;
        match status {
            200 => out.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: "),
            304 => out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\nDate: "),
            206 => out.extend_from_slice(b"HTTP/1.1 206 Partial Content\r\nDate: "),
            _ => {
                out.extend_from_slice(b"HTTP/1.1 ");
                write_decimal(out, u64::from(status));
                out.push(b' ');
                out.extend_from_slice(reason(status).as_bytes());
                out.extend_from_slice(b"\r\nDate: ");
            }
        }
        out.extend_from_slice(&moment.date);
        out.extend_from_slice(match persistence {
            Persistence::Implied => b"\r\n",
            Persistence::KeepAlive => b"\r\nConnection: keep-alive\r\n",
            Persistence::Close => b"\r\nConnection: close\r\n",
        });
        if let Some(clock) = moment.clock {
            write_timing(out, clock().saturating_sub(batch.since));
        }
        Drawing { batch, head_start, first_part, status }
    }

    /// Adds whole field lines.
    pub fn lines(self, lines: &[u8]) -> Drawing<'b> {
        self.batch.bytes.extend_from_slice(lines);
        self
    }

    /// Adds `Content-Length`.
    pub fn content_length(self, bytes: u64) -> Drawing<'b> {
        self.batch.bytes.extend_from_slice(b"Content-Length: ");
        write_decimal(&mut self.batch.bytes, bytes);
        self.lines(b"\r\n")
    }

    /// Adds `Content-Range` (RFC 9110 section 14.4).
    pub fn content_range(self, first: u64, len: u64, total: u64) -> Drawing<'b> {
        self.batch.bytes.extend_from_slice(b"Content-Range: ");
        range::write_content_range(&mut self.batch.bytes, first, len, total);
        self.lines(b"\r\n")
    }

    /// Adds `Content-Range` for 416 (RFC 9110 section 15.5.17).
    pub fn unsatisfied(self, total: u64) -> Drawing<'b> {
        self.batch.bytes.extend_from_slice(b"Content-Range: ");
        range::write_unsatisfied(&mut self.batch.bytes, total);
        self.lines(b"\r\n")
    }

    /// Adds `Allow` (RFC 9110 section 10.2.1).
    pub fn allow(self, methods: Methods) -> Drawing<'b> {
        self.batch.bytes.extend_from_slice(b"Allow: ");
        methods.write_allow(&mut self.batch.bytes);
        self.lines(b"\r\n")
    }

    /// Ends the head, and the answer with it.
    pub fn end(self) {
        self.end_with(0, |_| {});
    }

    /// Ends the head; the body is `part`.
    pub fn end_with_part(self, part: Part, body_bytes: u64) {
        self.end_with(body_bytes, |batch| {
            if body_bytes > 0 {
                batch.parts.push(part);
            }
        });
    }

    /// Ends the head; `body` follows it in the same buffer.
    pub fn end_with_bytes(self, body: &[&[u8]]) {
        let bytes = body.iter().map(|piece| piece.len()).sum::<usize>();
        self.end_with(bytes as u64, |batch| {
            for piece in body {
                batch.bytes.extend_from_slice(piece);
            }
            if let Some(Part::Bytes { len, .. }) = batch.parts.last_mut() {
                *len += bytes as u32;
            }
        });
    }

    /// Ends the head; the body are the pieces of `stored`, `bytes` in all.
    pub fn end_with_pieces(self, stored: &Stored, bytes: u64) {
        self.end_with(bytes, |batch| {
            for piece in &stored.pieces {
                match piece {
                    Piece::Span(span) if span.len == 0 => {}
                    Piece::Span(span) => batch.parts.push(Part::Span(*span)),
                    Piece::Text(range) => {
                        let (start, len) = (batch.bytes.len() as u32, range.len() as u32);
                        batch.bytes.extend_from_slice(stored.slice(range));
                        match batch.parts.last_mut() {
                            // Right behind the head, or behind other text.
                            Some(Part::Bytes { start: before, len: size }) if *before + *size == start => *size += len,
                            _ => batch.parts.push(Part::Bytes { start, len }),
                        }
                    }
                }
            }
        });
    }

    fn end_with(self, body_bytes: u64, add_body: impl FnOnce(&mut Batch)) {
        let batch = self.batch;
        batch.bytes.extend_from_slice(b"\r\n");
        let head_bytes = (batch.bytes.len() - self.head_start) as u32;
        batch.parts.push(Part::Bytes { start: self.head_start as u32, len: head_bytes });
        add_body(batch);
        let parts = self.first_part as u32..batch.parts.len() as u32;
        batch.plans.push(Plan { status: self.status, parts, head_bytes, body_bytes });
    }
}

/// Adds `Server-Timing`, in milliseconds with three decimals.
fn write_timing(out: &mut Vec<u8>, nanos: u64) {
    out.extend_from_slice(b"Server-Timing: app;dur=");
    write_decimal(out, nanos / 1_000_000);
    let micros = nanos / 1000 % 1000;
    out.push(b'.');
    out.extend([100, 10, 1].map(|place| b'0' + (micros / place % 10) as u8));
    out.extend_from_slice(b"\r\n");
}

/// A stored representation in full, its head alone when `with_body` is not set.
pub fn stored(batch: &mut Batch, stored: &Stored, moment: &Moment, persistence: Persistence, with_body: bool) {
    let drawing = Drawing::start(batch, stored.status, moment, persistence)
        .lines(stored.slice(&stored.always))
        .lines(stored.slice(&stored.content));
    if !stored.pieces.is_empty() {
        let bytes = stored.pieces.iter().map(Piece::bytes).sum();
        let drawing = drawing.content_length(bytes);
        return if with_body { drawing.end_with_pieces(stored, bytes) } else { drawing.end() };
    }
    let Some(span) = stored.body else {
        return if stored.status == 204 { drawing.end() } else { drawing.content_length(0).end() };
    };
    let drawing = if stored.length.is_empty() {
        drawing.content_length(span.len)
    } else {
        drawing.lines(stored.slice(&stored.length))
    };
    if with_body { drawing.end_with_part(Part::Span(span), span.len) } else { drawing.end() }
}

/// An answer that the protocol itself gives: a status, the lines of a mount, lines of its own, and a line of text for the
/// person who reads it.
#[allow(clippy::too_many_arguments)] // each is one fact about the answer, and only this file's neighbours call it
pub fn refusal(
    batch: &mut Batch,
    status: u16,
    why: &str,
    mount: &[u8],
    lines: impl FnOnce(Drawing<'_>) -> Drawing<'_>,
    moment: &Moment,
    persistence: Persistence,
    with_body: bool,
) {
    let reason = reason(status);
    let digits = [100, 10, 1].map(|place| b'0' + (status / place % 10) as u8);
    let colon: &[u8] = if why.is_empty() { b"" } else { b": " };
    let body: [&[u8]; 6] = [&digits, b" ", reason.as_bytes(), colon, why.as_bytes(), b"\n"];
    let bytes = body.iter().map(|piece| piece.len() as u64).sum();
    let drawing = Drawing::start(batch, status, moment, persistence).lines(mount);
    let drawing = lines(drawing).lines(b"Content-Type: text/plain; charset=utf-8\r\n").content_length(bytes);
    if with_body { drawing.end_with_bytes(&body) } else { drawing.end() }
}

/// A handler's answer (its conditions were looked at before).
pub fn made(batch: &mut Batch, response: Response, moment: &Moment, persistence: Persistence, with_body: bool) {
    let status = response.status;
    let mut drawing = Drawing::start(batch, status, moment, persistence).lines(&response.lines);
    drawing = validators(drawing, response.etag.as_deref(), response.last_modified);
    if matches!(status, 204 | 304) {
        return drawing.end();
    }
    // RFC 9110 section 15.3.6: a 205 has no content.
    let body = if status == 205 { Body::Empty } else { response.body };
    let bytes = body.as_bytes().len();
    drawing = drawing.content_length(bytes as u64);
    match body {
        _ if !with_body => drawing.end(),
        Body::Owned(body) if bytes > OWNED_COPY_BYTES_MAX => {
            let number = drawing.batch.owned.len() as u32;
            drawing.batch.owned.push(body);
            drawing.end_with_part(Part::Owned(number), bytes as u64);
        }
        body => drawing.end_with_bytes(&[body.as_bytes()]),
    }
}

/// `ETag` and `Last-Modified` of a handler's answer.
pub fn validators<'b>(drawing: Drawing<'b>, etag: Option<&str>, last_modified: Option<u64>) -> Drawing<'b> {
    let out = &mut drawing.batch.bytes;
    if let Some(etag) = etag {
        for piece in ["ETag: ", etag, "\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
    if let Some(seconds) = last_modified {
        out.extend_from_slice(b"Last-Modified: ");
        out.extend_from_slice(&super::date::write(seconds));
        out.extend_from_slice(b"\r\n");
    }
    drawing
}

/// `HTTP/1.1 100 Continue` (RFC 9110 section 15.2.1): no fields, no body, not the final answer.
pub fn interim_continue(batch: &mut Batch) {
    let start = batch.bytes.len() as u32;
    batch.bytes.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    let len = batch.bytes.len() as u32 - start;
    let first_part = batch.parts.len() as u32;
    batch.parts.push(Part::Bytes { start, len });
    batch.plans.push(Plan { status: 100, parts: first_part..first_part + 1, head_bytes: len, body_bytes: 0 });
}

/// The reason phrase of a status (RFC 9110 section 15), which clients ignore and people read.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "Unknown",
    }
}
