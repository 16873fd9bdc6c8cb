//! The comparison of two readers of requests: this server's and hyper's.
//!
//! What matters is the framing: where one request ends and the next begins. Two readers that both accept a request must
//! agree on its method and on its last byte. Where one refuses what the other takes, the difference must be one of those
//! that are intended: [`STRICTER`] and [`is_laxer`], explained in README.md.
#![cfg(fuzzing)]
#![forbid(unsafe_code)]

mod peer;

use badgerserver::fuzzing::{End, read_requests};

/// Longest stream that is compared: reading byte by byte costs its square.
const BYTES_MAX: usize = 2048;

/// Reasons for which this server refuses what hyper takes. Each is a rule of the RFC that hyper leaves to others, or a
/// choice that is documented where the reason is written.
const STRICTER: &[&str] = &[];

/// Compares the two readings of a stream.
pub fn compare(bytes: &[u8]) {
    if bytes.len() > BYTES_MAX {
        return;
    }
    let (ours, theirs) = (read_requests(bytes), peer::read(bytes));
    for (index, (our, their)) in ours.requests.iter().zip(&theirs).enumerate() {
        let (our, their) = ((our.method.as_slice(), our.end), (their.method.as_bytes(), their.end));
        assert_eq!(our, their, "request {index} is read in two ways");
    }
    if let Some(more) = theirs.get(ours.requests.len()) {
        match ours.end {
            End::Refused { why, .. } => assert!(STRICTER.contains(&why), "hyper takes {more:?}, here: {why}"),
            End::TooLong => {}
            End::Closed | End::Partial => panic!("hyper takes {more:?}, here it is {:?}", ours.end),
        }
    }
    if let Some(more) = ours.requests.get(theirs.len()) {
        let start = theirs.last().map_or(0, |request| request.end);
        let text = &bytes[start..more.end];
        assert!(is_laxer(text), "hyper refuses or waits for {more:?}: {}", text.escape_ascii());
    }
}

/// Whether a request is one that this server takes and hyper does not, on purpose.
fn is_laxer(_request: &[u8]) -> bool {
    false
}
