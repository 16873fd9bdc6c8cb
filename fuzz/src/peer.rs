//! A stream of requests as hyper reads it: over a connection in memory that gives one byte at a time, so that the bytes
//! given when a request is complete are where it ends.

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A request that was read whole.
#[derive(Clone, Debug)]
pub struct PeerRequest {
    pub method: String,
    pub end: usize,
}

/// Far more than the turns that any stream takes.
const TURNS_MAX: usize = 100_000;

/// Gives bytes one by one, then nothing more; takes answers and forgets them.
struct Trickle<'b> {
    bytes: &'b [u8],
    given: Rc<Cell<usize>>,
}

impl Read for Trickle<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let at = self.given.get();
        let Some(byte) = self.bytes.get(at..at + 1) else { return Poll::Pending };
        buffer.put_slice(byte);
        self.given.set(at + 1);
        Poll::Ready(Ok(()))
    }
}

impl Write for Trickle<'_> {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// No body.
struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

/// The requests that hyper hands to its service with their whole bodies.
pub fn read(bytes: &[u8]) -> Vec<PeerRequest> {
    let given = Rc::new(Cell::new(0));
    let requests = RefCell::new(Vec::new());
    let stream = Trickle { bytes, given: Rc::clone(&given) };
    let service = service_fn(|request: Request<Incoming>| {
        let (given, requests) = (&given, &requests);
        async move {
            let (head, mut body) = request.into_parts();
            while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                frame?;
            }
            let end = given.get();
            requests.borrow_mut().push(PeerRequest { method: head.method.to_string(), end });
            Ok::<_, hyper::Error>(Response::new(Nothing))
        }
    });
    {
        let mut connection =
            pin!(http1::Builder::new().half_close(true).auto_date_header(false).serve_connection(stream, service));
        let mut context = Context::from_waker(Waker::noop());
        let mut before = usize::MAX;
        for _ in 0..TURNS_MAX {
            if connection.as_mut().poll(&mut context).is_ready() {
                break;
            }
            // It has been asked twice with nothing left to give: nothing more will happen.
            if given.get() == bytes.len() && before == bytes.len() {
                break;
            }
            before = given.get();
        }
    }
    requests.into_inner()
}
