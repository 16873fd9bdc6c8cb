//! Several ranges in one answer: `multipart/byteranges` (RFC 9110 section 14.6). Pure.
//!
//! ```text
//! CRLF --boundary CRLF Content-Type CRLF Content-Range CRLF CRLF   text
//! bytes of the first range                                          a span of the payload, as it lies
//! CRLF --boundary ...
//! CRLF --boundary-- CRLF                                            text
//! ```
#![forbid(unsafe_code)]

use super::conn::Moment;
use super::plan::Span;
use super::range::{self, Spans};
use super::service::{Piece, Stored};
use std::ops::Range;

/// Hexadecimal digits of a boundary. RFC 2046 section 5.1.1 allows 70 characters.
const BOUNDARY_BYTES: usize = 32;

/// Puts the parts of `whole` in place of the body of `stored`, and gives where in its text the lines lie that describe them.
/// `None`, and nothing changed: it has a content coding, and clients do not agree on whether the parts or the whole are
/// coded then, so it is answered whole.
pub fn fill(stored: &mut Stored, spans: &Spans, whole: Span, moment: &Moment) -> Option<Range<u32>> {
    let content = stored.content.clone();
    if line(stored, &content, b"content-encoding:").is_some() {
        return None;
    }
    let content_type = line(stored, &content, b"content-type:");
    let boundary = boundary(stored, moment);
    for span in spans.as_slice() {
        let start = stored.push(b"\r\n--").start;
        stored.push(&boundary);
        stored.push(b"\r\n");
        if let Some(range) = content_type.clone() {
            stored.text.extend_from_within(range.start as usize..range.end as usize);
        }
        stored.push(b"Content-Range: ");
        range::write_content_range(&mut stored.text, span.first, span.len, whole.len);
        let end = stored.push(b"\r\n\r\n").end;
        stored.pieces.push(Piece::Text(start..end));
        stored.pieces.push(Piece::Span(Span { offset: whole.offset + span.first, len: span.len, ..whole }));
    }
    let start = stored.push(b"\r\n--").start;
    stored.push(&boundary);
    let end = stored.push(b"--\r\n").end;
    stored.pieces.push(Piece::Text(start..end));
    stored.body = None;
    let start = stored.push(b"Content-Type: multipart/byteranges; boundary=").start;
    stored.push(&boundary);
    Some(start..stored.push(b"\r\nAccept-Ranges: bytes\r\n").end)
}

/// The line of this name (in lower case, with its colon) within a piece of the text.
fn line(stored: &Stored, within: &Range<u32>, name: &[u8]) -> Option<Range<u32>> {
    let mut start = within.start;
    stored.slice(within).split_inclusive(|&byte| byte == b'\n').find_map(|line| {
        let range = start..start + line.len() as u32;
        start = range.end;
        line.get(..name.len())?.eq_ignore_ascii_case(name).then_some(range)
    })
}

/// What no part has in it: the digits of the entity tag, since no payload can hold its own hash; without a tag, those of the
/// clock in nanoseconds, which whoever made the payload did not know.
fn boundary(stored: &Stored, moment: &Moment) -> [u8; BOUNDARY_BYTES] {
    let tag = stored.slice(&stored.etag);
    let digits = tag.get(1..=BOUNDARY_BYTES).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if let Some(digits) = digits.and_then(|digits| digits.try_into().ok()) {
        return digits;
    }
    // Two odd constants spread what changes quickly over all digits.
    let high = (moment.nanos ^ moment.unix_seconds << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let low = (high ^ high >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = u128::from(high) << 64 | u128::from(low);
    std::array::from_fn(|index| b"0123456789abcdef"[(number >> (4 * index)) as usize & 15])
}
