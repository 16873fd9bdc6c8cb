//! Every bound of the library: what it is called, its unit (last word of the name), why it is so, and who else has it.
//!
//! [`Limits`] is plain data for the person who runs the server; the constants below it are the shape of the code itself.
#![forbid(unsafe_code)]

use std::time::Duration;

/// What one server allows. Plain data: change the fields you need and hand it to [`crate::Builder::limits`], which
/// calls [`Limits::validate`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest request line, from the first byte of the method to its line end; longer is answered 414.
    /// RFC 9112 section 3 recommends at least 8000 octets; nginx and Apache stop near 8 KiB.
    pub request_line_bytes_max: usize,
    /// Longest request head, request line and fields together, to the end of the blank line; longer is answered 431.
    /// nginx allows 32 KiB in four buffers, Node.js 16 KiB.
    pub head_bytes_max: usize,
    /// Most field lines of one request; more are answered 431. Apache and h2o stop at 100. At most
    /// [`HEAD_FIELDS_CEILING`].
    pub head_fields_max: usize,
    /// Most bytes of a request body that are read and thrown away so that the connection can be kept; a longer body is
    /// answered and the connection closed.
    pub body_bytes_max: u64,
    /// Most answers that leave in one batch for pipelined requests; the rest wait for their turn. At most
    /// [`PIPELINE_CEILING`].
    pub pipeline_max: usize,
    /// Time for a whole request head, counted from its first byte (or from accept for the first request), or from the end
    /// of the answer that it waits behind. nginx has 60 s, h2o 10 s.
    pub head_time_max: Duration,
    /// Time for the body of a request, counted from the end of its head, or from the end of the answer that it waits behind.
    pub body_time_max: Duration,
    /// Time a connection may stay open with no request under way. nginx has 75 s.
    pub idle_time_max: Duration,
    /// A connection that takes fewer than [`Limits::send_bytes_min`] within this time is cut.
    pub send_time_max: Duration,
    /// Bytes that a client must take within each [`Limits::send_time_max`] while an answer is under way.
    pub send_bytes_min: u64,
    /// Time a connection lingers after its last answer was sent, so that the client can read it before the reset that
    /// unread bytes would cause (RFC 9112 section 9.6). nginx has 5 s without and 30 s with bytes.
    pub linger_time_max: Duration,
    /// Bytes thrown away while lingering. The bound that counts is the time, [`Limits::linger_time_max`]: a client that
    /// uploads what was refused still sends before it reads the answer, and a cut loses it. This one ends only what a fast
    /// network brings within that time.
    /// At most 4 GiB less one byte.
    pub linger_bytes_max: u64,
    /// Open connections of one worker; at the limit accepting pauses until one closes. Where the process may have fewer
    /// descriptors, the workers share what it may have, less 512 (at most a quarter) for everything else.
    pub connections_max: usize,
    /// Open connections of one client address over all workers (an IPv6 client is its first 64 bits; unix sockets are not
    /// counted). One more is answered 503 and closed; when [`TURNED_AWAY_MAX`] of an address are being answered so, the next
    /// are closed without a word. A proxy, and all that share a provider's address, are one client, so it keeps a single
    /// address from most of a worker's room and no more: a quarter. Lower it where clients come each with their own address.
    /// nginx (`limit_conn`) and HAProxy have no such bound unless told; nginx answers 503 too.
    pub connections_per_address_max: usize,
    /// Large files of mounted directories kept open by one worker.
    pub open_files_max: usize,
}

/// Most field lines that [`Limits::head_fields_max`] may name: the parser's table lives on the stack (24 B a line on
/// 64-bit).
pub const HEAD_FIELDS_CEILING: usize = 128;
/// Most answers that [`Limits::pipeline_max`] may name.
pub const PIPELINE_CEILING: usize = 256;
/// Empty lines skipped before a request line (RFC 9112 section 2.2 asks for at least one).
pub const EMPTY_LINES_MAX: u8 = 2;
/// Times a request is asked again after its content was made ready, before it is answered 503. It takes one for the index,
/// one for the index of a fallback, one to open a file and one to read it; as many again when all that left memory meanwhile.
pub const PREPARE_ATTEMPTS_MAX: u8 = 8;
/// Nanoseconds a request may wait for its content to be made ready, before it is answered 503.
pub const PREPARE_NANOS_MAX: u64 = 30 * 1_000_000_000;
/// Connections of one client address that are answered 503 at a time because it has
/// [`Limits::connections_per_address_max`] others: enough that somebody reads why, and no second way to take all room.
pub const TURNED_AWAY_MAX: usize = 16;
/// Connections of a worker whose tables never move: their place is set aside (4 MiB of addresses), and the memory is taken as
/// connections come. A table that grows by copying leaves holes as large as it was.
pub const CONNECTIONS_RESERVED: usize = 16 * 1024;
/// Bytes of one receive; one buffer a worker on epoll. A request fits many times over; a larger one only means more reads.
pub const RECEIVE_BYTES: usize = 32 * 1024;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_line_bytes_max: 8 * 1024,
            head_bytes_max: 16 * 1024,
            head_fields_max: 100,
            body_bytes_max: 64 * 1024,
            pipeline_max: 32,
            head_time_max: Duration::from_secs(10),
            body_time_max: Duration::from_secs(10),
            idle_time_max: Duration::from_secs(60),
            send_time_max: Duration::from_secs(30),
            send_bytes_min: 1024,
            linger_time_max: Duration::from_secs(5),
            linger_bytes_max: 64 * 1024 * 1024,
            connections_max: 65_536,
            connections_per_address_max: 16_384,
            open_files_max: 256,
        }
    }
}

impl Limits {
    /// Whether the fields fit together.
    ///
    /// # Errors
    /// The first field that does not, with the bound it has to keep.
    pub fn validate(&self) -> Result<(), LimitError> {
        let longest = Duration::from_secs(24 * 3600);
        let checks = [
            ("request_line_bytes_max", self.request_line_bytes_max >= 64, "at least 64"),
            ("head_bytes_max", self.head_bytes_max >= self.request_line_bytes_max, "at least request_line_bytes_max"),
            ("head_bytes_max", self.head_bytes_max <= 1024 * 1024, "at most 1 MiB"),
            ("head_fields_max", (1..=HEAD_FIELDS_CEILING).contains(&self.head_fields_max), "1 to 128"),
            ("pipeline_max", (1..=PIPELINE_CEILING).contains(&self.pipeline_max), "1 to 256"),
            (
                "head_time_max",
                !self.head_time_max.is_zero() && self.head_time_max <= longest,
                "more than 0, at most a day",
            ),
            (
                "body_time_max",
                !self.body_time_max.is_zero() && self.body_time_max <= longest,
                "more than 0, at most a day",
            ),
            (
                "idle_time_max",
                !self.idle_time_max.is_zero() && self.idle_time_max <= longest,
                "more than 0, at most a day",
            ),
            (
                "send_time_max",
                !self.send_time_max.is_zero() && self.send_time_max <= longest,
                "more than 0, at most a day",
            ),
            (
                "linger_time_max",
                !self.linger_time_max.is_zero() && self.linger_time_max <= longest,
                "more than 0, at most a day",
            ),
            ("linger_bytes_max", self.linger_bytes_max <= u32::MAX.into(), "at most 4,294,967,295"),
            ("connections_max", (1..=1 << 24).contains(&self.connections_max), "1 to 16,777,216"),
            (
                "connections_per_address_max",
                (1..=1 << 24).contains(&self.connections_per_address_max),
                "1 to 16,777,216",
            ),
            ("open_files_max", (1..=1 << 20).contains(&self.open_files_max), "1 to 1,048,576"),
        ];
        match checks.iter().find(|check| !check.1) {
            Some(&(field, _, bound)) => Err(LimitError { field, bound }),
            None => Ok(()),
        }
    }
}

/// A field of [`Limits`] outside its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    field: &'static str,
    bound: &'static str,
}

impl std::fmt::Display for LimitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "limit {} must be {}", self.field, self.bound)
    }
}

impl std::error::Error for LimitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_each_bound_is_named() {
        assert_eq!(Limits::default().validate(), Ok(()));
        let limits = Limits { pipeline_max: 0, ..Limits::default() };
        assert_eq!(limits.validate().unwrap_err().to_string(), "limit pipeline_max must be 1 to 256");
        let limits = Limits { head_bytes_max: 100, ..Limits::default() };
        assert_eq!(
            limits.validate().unwrap_err().to_string(),
            "limit head_bytes_max must be at least request_line_bytes_max"
        );
    }
}
