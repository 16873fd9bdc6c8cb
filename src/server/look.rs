//! What a worker says of itself when it is asked: it looks at its connections then, so that nothing is counted for it on the
//! way of a request.
#![forbid(unsafe_code)]

use super::hottest::HotPath;

/// Connections by what they are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connections {
    /// A request has begun to come, or the header of a proxy.
    pub(crate) reading: u64,
    /// A request waits for its content, or its answer does.
    pub(crate) waiting: u64,
    /// An answer is on its way.
    pub(crate) sending: u64,
    /// No request is under way.
    pub(crate) idle: u64,
    /// The last answer has left, and the client has not closed its side.
    pub(crate) lingering: u64,
}

impl Connections {
    pub(crate) fn add(&mut self, other: &Connections) {
        let Connections { reading, waiting, sending, idle, lingering } = other;
        self.reading += reading;
        self.waiting += waiting;
        self.sending += sending;
        self.idle += idle;
        self.lingering += lingering;
    }
}

/// One worker at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) connections: Connections,
    /// The paths that are asked for most, and how many requests the sample has.
    pub(crate) paths: Vec<HotPath>,
    pub(crate) samples: u64,
}
