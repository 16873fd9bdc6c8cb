//! The clients: what each one sends and when, how it reads, and how it leaves. All of it is drawn before it connects.

use super::answers::Reader;
use super::climate::Climate;
use super::script::Ask;
use super::shelf::{Of, Shelf};
use crate::ring::sim::{Client, Clients, Pace, Random};

pub(super) const SECOND: u64 = 1_000_000_000;
/// Pieces in which a slow sender sends what it will not finish in time.
const TRICKLED_PIECES: usize = 5;

/// What a client does when it has sent what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Leaves the connection open.
    Stays,
    /// Says that it sends no more, and reads on.
    Finishes,
    /// Dies at any moment: from its first byte on to long after its last one, or at a byte of what it reads.
    Dies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Well,
    /// As slowly as it may.
    Slowly,
    Never,
}

/// A client that sends a request when it has read the answer to the one before.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    /// Requests sent so far.
    pub(super) sent: usize,
    /// The request before which it says nothing for longer than a connection may be idle.
    pub(super) dozes_before: usize,
}

pub(crate) struct Guest {
    pub(crate) client: Client,
    pub(super) asks: Vec<Ask>,
    /// The bytes of the requests that it sends; the rest never comes.
    pub(super) sends_bytes: usize,
    pub(super) after: After,
    pub(super) reads: Reads,
    pub(super) talk: Option<Talk>,
    /// The generation that answered at least, when each request was sent.
    pub(super) oldest: Vec<u64>,
    pub(super) reader: Reader,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Guest { asks, sends_bytes, after, reads, talk, .. } = self;
        let all = stream_bytes(asks);
        write!(f, "sends {sends_bytes} of {all} bytes, {after:?}, reads {reads:?}, {talk:?}, asks {asks:#?}")
    }
}

impl Guest {
    /// A client that connects now and sends `asks` at once. `adopted`: the generation that answers now.
    pub(crate) fn plain(clients: &Clients, asks: Vec<Ask>, adopted: u64) -> Guest {
        let guest = Guest::new(clients.connect(0), asks, adopted);
        guest.client.send(&guest.stream());
        guest
    }

    fn new(client: Client, asks: Vec<Ask>, adopted: u64) -> Guest {
        Guest {
            client,
            sends_bytes: stream_bytes(&asks),
            oldest: vec![adopted; asks.len()],
            asks,
            after: After::Stays,
            reads: Reads::Well,
            talk: None,
            reader: Reader::default(),
        }
    }

    pub(super) fn draw(
        random: &mut Random,
        climate: &Climate,
        clients: &Clients,
        shelf: &Shelf,
        adopted: u64,
    ) -> Guest {
        let count = 1 + random.below(6);
        let asks = (0..count).map(|index| Ask::draw(random, shelf, index + 1 == count)).collect();
        let mut guest = Guest::new(clients.connect(0), asks, adopted);
        match random.below(16) {
            0 => guest.sends_bytes = 0,
            1..=3 => guest.abandons(random),
            4 => guest.trickles_head(random, climate),
            5 => guest.trickles_body(random, climate),
            6 => guest.dies(random),
            7..=9 => guest.talks(random, climate),
            10 => guest.never_reads(random),
            11 | 12 => guest.reads_slowly(random, climate),
            _ => guest.pipelines(random),
        }
        guest
    }

    fn stream(&self) -> Vec<u8> {
        self.asks.iter().flat_map(|ask| &ask.text).copied().take(self.sends_bytes).collect()
    }

    /// How many requests it sends wholly.
    pub(super) fn whole_asks(&self) -> usize {
        let mut end = 0;
        let ends = self.asks.iter().map(|ask| {
            end += ask.text.len();
            end
        });
        ends.take_while(|end| *end <= self.sends_bytes).count()
    }

    /// The bytes that it sends of a request that it does not send wholly.
    pub(super) fn part_of_next(&self) -> &[u8] {
        let whole = self.whole_asks();
        let before: usize = self.asks[..whole].iter().map(|ask| ask.text.len()).sum();
        self.asks.get(whole).map_or(&[], |ask| &ask.text[..self.sends_bytes - before])
    }

    /// Sends everything, in pieces with pauses that are shorter than any limit.
    fn sends(&self, random: &mut Random) {
        let stream = self.stream();
        let mut rest = &stream[..];
        for _ in 0..random.below(4) {
            let (piece, after) = rest.split_at(random.below(rest.len() as u64 + 1) as usize);
            self.client.send(piece);
            self.client.wait(random.below(SECOND));
            rest = after;
        }
        self.client.send(rest);
    }

    fn leaves(&mut self, random: &mut Random) {
        if random.below(2) == 0 {
            self.client.wait(random.below(3) * random.below(3 * SECOND));
            self.client.finish();
            self.after = After::Finishes;
        }
    }

    fn pipelines(&mut self, random: &mut Random) {
        self.sends(random);
        self.leaves(random);
    }

    /// Stops at any byte.
    fn abandons(&mut self, random: &mut Random) {
        self.sends_bytes = random.below(self.sends_bytes as u64) as usize;
        self.sends(random);
        self.leaves(random);
    }

    fn trickles_head(&mut self, random: &mut Random, climate: &Climate) {
        self.sends_bytes = TRICKLED_PIECES * (1 + random.below(3) as usize);
        self.trickles(0, climate.nanos(climate.limits.head_time_max) / 4);
    }

    fn trickles_body(&mut self, random: &mut Random, climate: &Climate) {
        let ask = Ask::upload(random);
        let head_bytes = ask.head_bytes;
        self.sends_bytes = head_bytes + TRICKLED_PIECES * (1 + random.below(40) as usize);
        self.asks.insert(0, ask);
        self.oldest.push(self.oldest[0]);
        self.trickles(head_bytes, climate.nanos(climate.limits.body_time_max) / 4);
    }

    fn trickles(&self, at_once: usize, pause: u64) {
        let stream = self.stream();
        self.client.send(&stream[..at_once]);
        for piece in stream[at_once..].chunks((stream.len() - at_once) / TRICKLED_PIECES) {
            self.client.send(piece);
            self.client.wait(pause);
        }
    }

    fn dies(&mut self, random: &mut Random) {
        self.after = After::Dies;
        if random.below(2) == 0 {
            self.sends(random);
            let longest = 10_u64.pow(1 + random.below(10) as u32);
            self.client.reset_at(1 + random.below(longest.min(100_000)) as usize);
            self.client.wait(random.below(longest));
        } else {
            // Around the time at which it is accepted, and while it sends.
            self.sends_bytes = random.below(self.sends_bytes as u64 + 1) as usize;
            self.client.send(&self.stream());
        }
        self.client.reset();
    }

    fn talks(&mut self, random: &mut Random, climate: &Climate) {
        let dozes_before = 1 + random.below(2 * self.asks.len() as u64) as usize;
        self.talk = Some(Talk { sent: 0, dozes_before });
        self.goes_on(random, climate, self.oldest[0]);
    }

    /// Reads what has come, and sends the next request when the one before was answered.
    pub(super) fn hears(&mut self, random: &mut Random, climate: &Climate, adopted: u64) {
        let Some(talk) = &self.talk else { return };
        if talk.sent == self.asks.len() || talk.sent == talk.dozes_before || self.client.ending().is_some() {
            return;
        }
        self.client.got_since(self.reader.wire.len(), &mut self.reader.wire);
        let Some(answer) = self.reader.next(self.asks[talk.sent - 1].is_head) else { return };
        if !answer.closes() && answer.status >= 200 {
            self.goes_on(random, climate, adopted);
        }
    }

    fn goes_on(&mut self, random: &mut Random, climate: &Climate, adopted: u64) {
        let Some(talk) = &mut self.talk else { return };
        let index = talk.sent;
        self.oldest[index] = adopted;
        if index > 0 {
            let idle = climate.nanos(climate.limits.idle_time_max);
            let longest = [1, SECOND / 100, idle - 3 * SECOND][random.below(3) as usize];
            self.client.wait(random.below(longest));
        }
        let text = &self.asks[index].text;
        let cut = random.below(text.len() as u64 + 1) as usize;
        self.client.send(&text[..cut]);
        self.client.wait(random.below(2) * random.below(SECOND));
        self.client.send(&text[cut..]);
        talk.sent += 1;
    }

    fn never_reads(&mut self, random: &mut Random) {
        self.reads = Reads::Never;
        // More than fits between it and the server.
        self.asks.insert(0, Ask::get(Of::BIG));
        self.asks.insert(0, Ask::get(Of::BIG));
        self.oldest = vec![self.oldest[0]; self.asks.len()];
        self.sends_bytes = stream_bytes(&self.asks);
        self.client.set_pace(Pace::Never);
        self.sends(random);
    }

    /// Twice in each window it takes twice what it must.
    fn reads_slowly(&mut self, random: &mut Random, climate: &Climate) {
        let pause_nanos = 1 + random.below(climate.nanos(climate.limits.send_time_max) * 2 / 5);
        let bytes = 2 * climate.limits.send_bytes_min + random.below(200_000);
        self.reads = Reads::Slowly;
        self.client.set_pace(Pace::Slow { bytes: bytes as usize, pause_nanos });
        self.sends(random);
        self.leaves(random);
    }
}

fn stream_bytes(asks: &[Ask]) -> usize {
    asks.iter().map(|ask| ask.text.len()).sum()
}
