//! A stream of requests as this server reads it, for the comparison with another reader. What is told here is asserted
//! to be what a connection does when the bytes come one by one.
#![forbid(unsafe_code)]

use super::connection::{Exchange, Standing};
use crate::http::chunked::ChunkReader;
use crate::http::fields::Sections;
use crate::http::parse::{self, Framing, Head, Parsed};
use crate::http::{Found, Ready, Request, Response, Service, Span, Stored, target};
use crate::limits::Limits;

/// One request that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// As it came.
    pub method: Vec<u8>,
    /// As it came.
    pub target: Vec<u8>,
    /// Where it ends in the stream, its body counted.
    pub end: usize,
}

/// Where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The bytes are used up: between two requests, or within one.
    Partial,
    /// The last request asked for the end of the connection.
    Closed,
    /// What follows the last request is refused.
    Refused {
        /// The status of the answer.
        status: u16,
        /// The reason.
        why: &'static str,
    },
    /// What follows is a request whose body is longer than this server reads: it is answered, and nothing behind it is.
    TooLong,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The requests, in order.
    pub requests: Vec<ReadRequest>,
    /// What came behind them.
    pub end: End,
}

/// Reads a stream of requests with the default limits.
pub fn read_requests(bytes: &[u8]) -> Reading {
    let limits = Limits::default();
    let reading = read(bytes, &limits);
    let mut exchange = Exchange::new(&limits, Anything);
    for byte in bytes.chunks(1) {
        exchange.give(byte);
    }
    let expected: Vec<usize> = reading.requests.iter().map(|request| request.end).collect();
    let accepted = exchange.answers.iter().take(expected.len()).map(|answer| answer.1);
    assert!(accepted.eq(expected.iter().copied()), "{:?} for {reading:?}", exchange.answers);
    let behind = exchange.answers.get(expected.len()).map(|answer| answer.0);
    match reading.end {
        End::Partial => assert_eq!((behind, exchange.standing), (None, Standing::Open)),
        End::Closed => assert_eq!((behind, exchange.standing), (None, Standing::Lingers)),
        End::Refused { status, .. } => {
            assert_eq!((behind, exchange.answers.len()), (Some(status), expected.len() + 1));
            assert_eq!(exchange.standing, Standing::Lingers);
        }
        End::TooLong => {
            assert_eq!((exchange.answers.len(), exchange.standing), (expected.len() + 1, Standing::Lingers));
        }
    }
    reading
}

/// Answers everything.
struct Anything;

impl Service for Anything {
    fn find(&mut self, _request: &Request<'_>, _stored: &mut Stored) -> Found {
        Found::Made(Response::text("x"))
    }

    fn ready(&mut self, _span: Span) -> Ready {
        Ready::Now
    }
}

fn read(bytes: &[u8], limits: &Limits) -> Reading {
    let mut requests = Vec::new();
    let mut at = 0;
    let end = loop {
        match read_one(bytes, at, limits) {
            Ok((request, goes_on)) => {
                at = request.end;
                requests.push(request);
                if !goes_on {
                    break End::Closed;
                }
            }
            Err(end) => break end,
        }
    };
    Reading { requests, end }
}

/// The request at `start`, and whether another may follow.
fn read_one(bytes: &[u8], start: usize, limits: &Limits) -> Result<(ReadRequest, bool), End> {
    let too_many = End::Refused { status: 400, why: "too many empty lines before the request line" };
    let at = start + parse::empty_lines(&bytes[start..], &mut 0).ok_or(too_many)?;
    if at == bytes.len() {
        return Err(End::Partial);
    }
    let mut patched = bytes[at..].to_vec();
    let newer = match parse::head(&bytes[at..], &mut Sections::default(), limits) {
        Parsed::NewerMinor(index) => Some(index),
        Parsed::Partial | Parsed::Head(_) | Parsed::Refused(_) => None,
    };
    if let Some(index) = newer {
        patched[index] = b'1';
    }
    let mut sections = Sections::default();
    let head = match parse::head(&patched, &mut sections, limits) {
        Parsed::Head(head) => head,
        Parsed::Partial => return Err(End::Partial),
        Parsed::Refused(refusal) => return Err(End::Refused { status: refusal.status, why: refusal.why }),
        Parsed::NewerMinor(_) => return Err(End::Refused { status: 400, why: "the HTTP version is malformed" }),
    };
    let body_start = at + head.len;
    let end = body_start + body_bytes(&head, &bytes[body_start..], limits)?;
    if let Err(error) = target::parse(head.method_bytes, head.target, &mut Vec::new()) {
        if error.is_grammar() {
            return Err(End::Refused { status: error.status(), why: error.why() });
        }
    }
    Ok((ReadRequest { method: head.method_bytes.to_vec(), target: head.target.to_vec(), end }, head.verdict.keep_alive))
}

/// Bytes of the body at the start of `bytes`.
fn body_bytes(head: &Head<'_, '_>, bytes: &[u8], limits: &Limits) -> Result<usize, End> {
    match head.verdict.framing {
        Framing::None => Ok(0),
        Framing::Length(length) if length > limits.body_bytes_max => Err(End::TooLong),
        Framing::Length(length) if length > bytes.len() as u64 => Err(End::Partial),
        Framing::Length(length) => Ok(length as usize),
        Framing::Chunked => {
            let mut reader = ChunkReader::default();
            let fed = reader.feed(bytes);
            if reader.body_bytes_min() > limits.body_bytes_max {
                return Err(End::TooLong);
            }
            match fed {
                Err(error) => Err(End::Refused { status: 400, why: error.why() }),
                Ok(feed) if !feed.done => Err(End::Partial),
                Ok(feed) => Ok(feed.consumed),
            }
        }
    }
}
