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
const STRICTER: &[&str] = &[
    // RFC 9112 section 3.2: one Host field, and a valid one.
    "the Host field is missing",
    "the Host field is there more than once",
    "the Host field is not a host name with an optional port",
    // Section 6.1: a server may refuse what a proxy in front of it could have read in another way.
    "Transfer-Encoding and Content-Length cannot both be there",
    "the only transfer coding known here is chunked",
    "Transfer-Encoding is malformed",
    "chunked is not the last transfer coding",
    "chunked takes no parameters",
    // Section 2.2: one empty line should be ignored; hyper ignores any number.
    "too many empty lines before the request line",
    // RFC 9110 section 10.1.1.
    "the only expectation known here is 100-continue",
    // RFC 9112 section 3.2: the forms of a target, and what may stand in one.
    "the target has none of the forms that this method allows",
    "the target's scheme is neither http nor https",
    "the target's authority is not a host with an optional port",
    "the target has a byte that must be percent-encoded",
    "the path has a % without two hexadecimal digits",
    // Section 7.1: the grammar of a chunked body, of which hyper skips what it does not use.
    "a chunk size has more digits than any size needs",
    "a line of the chunked body does not end with CR LF",
    "a chunk extension is malformed",
    "the chunk extensions are longer than this server reads",
    "a trailer line is not a field line",
    "the trailer section is longer than this server reads",
];

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
    // Here a CONNECT is refused like any request and the next one is read; to hyper it ends HTTP on the connection.
    let is_behind_connect = theirs.last().is_some_and(|request| request.method == "CONNECT");
    if let (Some(more), false) = (ours.requests.get(theirs.len()), is_behind_connect) {
        let start = theirs.last().map_or(0, |request| request.end);
        let text = &bytes[start..more.end];
        assert!(is_laxer(text), "hyper refuses or waits for {more:?}: {}", text.escape_ascii());
    }
}

/// Whether a request is one that this server takes and hyper does not, on purpose.
fn is_laxer(request: &[u8]) -> bool {
    let text = request.to_ascii_lowercase();
    let mut lines = text.split(|&byte| byte == b'\n').skip_while(|line| line.trim_ascii().is_empty());
    let line = lines.next().unwrap_or_default().trim_ascii_end();
    // RFC 9110 section 2.5: a higher minor version is served as the highest that is known.
    let is_newer_minor = matches!(line, [.., b'h', b't', b't', b'p', b'/', b'1', b'.', b'2'..=b'9']);
    // Section 8.6: a recipient may take a list of equal lengths for that length.
    let has_list_of_lengths = lines.clone().any(|line| line.starts_with(b"content-length:") && line.contains(&b','));
    // Section 5.6.1.2: empty elements of a list are ignored; hyper looks for `chunked` at the very end.
    let has_empty_coding = lines.any(|line| line.starts_with(b"transfer-encoding:") && line.contains(&b','));
    let target = request.trim_ascii_start().split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    // RFC 9110 section 4.2 and RFC 3986 section 3.2.2: hosts that hyper's parser does not know, and bytes that browsers
    // send raw and that part nothing (src/http/target.rs).
    let is_unusual = target.iter().any(|byte| b"<>`[]%\"{|}^\\".contains(byte));
    is_newer_minor || has_list_of_lengths || has_empty_coding || is_unusual
}
