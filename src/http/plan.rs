//! What an answer consists of before anything is sent: pure values, small and comparable.
//!
//! A [`Batch`] holds the answers to the requests that were read together. Its bytes (heads, small made bodies) lie in
//! one buffer in the order in which they leave; stored bodies are named by number ([`Span`]), so a plan borrows
//! nothing. A batch is reused for every connection of a worker, so a warm one allocates nothing.
#![forbid(unsafe_code)]

/// A file that bodies come from, by its number in the content that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// `len` bytes of a source from `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Which file.
    pub source: SourceId,
    /// First byte, counted from the start of the file.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}

/// One stretch of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `len` bytes of [`Batch::bytes`] from `start`.
    Bytes {
        /// First byte.
        start: u32,
        /// Number of bytes.
        len: u32,
    },
    /// A stored body or a piece of one.
    Span(Span),
    /// A body that a handler made, by its number in [`Batch::owned`].
    Owned(u32),
}

/// The answer to one request: a head and the parts of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Status code.
    pub status: u16,
    /// The parts, head first, as a range of [`Batch::parts`].
    pub parts: std::ops::Range<u32>,
    /// Bytes of the head, which is where the first part starts.
    pub head_bytes: u32,
    /// Bytes of the body that follow the head on the wire (0 for HEAD, 204, 304).
    pub body_bytes: u64,
}

/// A limit of [`crate::Limits`] that one request ran into. It ended its connection, so a batch has one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// `request_line_bytes_max`: 414.
    RequestLine,
    /// `head_bytes_max` or `head_fields_max`: 431.
    Head,
    /// `body_bytes_max`: 413, or the answer that the request has without its body.
    Body,
    /// `head_time_max`: 408.
    HeadTime,
    /// `body_time_max`: 408.
    BodyTime,
}

/// Answers in the order in which they leave.
#[derive(Debug, Default)]
pub struct Batch {
    /// Heads and small bodies.
    pub bytes: Vec<u8>,
    /// Stretches of all plans, in the order in which they leave.
    pub parts: Vec<Part>,
    /// Bodies made by handlers that were not worth copying.
    pub owned: Vec<Vec<u8>>,
    /// One per answer.
    pub plans: Vec<Plan>,
    /// The limit that the last answer is about.
    pub reached: Option<Reached>,
    /// When its requests were read, in nanoseconds of [`super::Moment::nanos`]: the first of them, which may have waited for its
    /// content since.
    pub since: u64,
}

impl Batch {
    /// Forgets the answers and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.parts.clear();
        self.owned.clear();
        self.plans.clear();
        self.reached = None;
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The head of `plan`.
    pub fn head(&self, plan: &Plan) -> &[u8] {
        match self.parts[plan.parts.start as usize] {
            Part::Bytes { start, .. } => &self.bytes[start as usize..start as usize + plan.head_bytes as usize],
            Part::Span(_) | Part::Owned(_) => &[],
        }
    }
}
