//! Compares what a client got with its script. Nothing here asks the code under test what is right: statuses, bodies, order
//! and framing come from the script, bytes from the shelf, bounds in time from the limits.

use super::answers::{Answer, Reader};
use super::climate::Climate;
use super::guest::{After, Guest, Reads, SECOND};
use super::script::{Ask, WORKED, Wanted, owned, worked};
use super::shelf::{Of, Shelf};
use crate::ring::sim::ClientEnding;

/// By how much a bound in time may be missed: two ticks of the wheel, and what the weather delays.
const SLACK: u64 = SECOND;

/// What was done to a run, for all of its clients.
#[derive(Debug)]
pub(crate) struct History {
    pub(super) climate: Climate,
    /// The newest generation.
    pub(super) generations: u64,
    /// A generation has a flipped bit.
    pub(super) has_damage: bool,
    /// A file was cut.
    pub(super) has_cut: bool,
    /// When it was told to drain while it served, and by when it had to be done.
    pub(super) drained: Option<(u64, u64)>,
}

pub(crate) fn check(guest: &Guest, history: &History, shelf: &Shelf) {
    let times = guest.client.times();
    let was_served = times.opened.is_some();
    let mut reader = Reader::default();
    guest.client.got_since(0, &mut reader.wire);
    if !was_served {
        let climate = &history.climate;
        let is_fault = climate.weather.open_failure_percent > 0 || climate.turns_away || history.drained.is_some();
        assert!(is_fault || guest.after == After::Dies, "a client that nobody served: {:?}", guest.client.ending());
        assert!(reader.wire.is_empty(), "bytes for a client that was not served");
        return;
    }
    if history.climate.turns_away && reader.has_only_503(guest.after == After::Dies) {
        return;
    }
    let mut verdict = Verdict { guest, history, shelf, reader, newest: 1, answered: 0, last: None };
    verdict.read_all();
    verdict.check_end();
    verdict.check_times();
}

struct Verdict<'v> {
    guest: &'v Guest,
    history: &'v History,
    shelf: &'v Shelf,
    reader: Reader,
    /// The newest generation that has answered.
    newest: u64,
    answered: usize,
    /// The last answer.
    last: Option<Answer>,
}

impl Verdict<'_> {
    fn read_all(&mut self) {
        for (index, ask) in self.guest.asks.iter().enumerate() {
            // Of a request that is not whole, the server sees no more than was sent.
            let is_whole = index < self.guest.whole_asks();
            // Of a method that came late, the server may not have seen enough.
            let may_be_head = !is_whole && self.guest.part_of_next().starts_with(b"HEAD ");
            let to_head = ask.is_head && is_whole || may_be_head && self.reader.has_head_alone();
            let Some(mut answer) = self.reader.next(to_head) else { return };
            if answer.status == 100 {
                assert!(ask.expects_continue, "an interim answer that nobody asked for");
                match self.reader.next(to_head) {
                    Some(next) => answer = next,
                    None => return,
                }
            }
            assert!(!self.has_said_close(), "an answer behind a close");
            assert!(answer.field("Date").is_some_and(|date| date.len() == 29), "an answer has a date");
            if is_whole {
                self.compare(index, ask, &answer);
            } else {
                let is_timed_out = answer.status == 408 && !self.guest.part_of_next().is_empty();
                let is_refused = ask.ends && answer.status == ask.wanted.status();
                assert!(is_timed_out || is_refused, "{} for a request that never came: {ask:?}", answer.status);
                assert!(answer.closes(), "a request that never came ends the connection");
            }
            self.answered += usize::from(is_whole);
            self.last = Some(answer);
            if !is_whole {
                return;
            }
        }
    }

    fn has_said_close(&self) -> bool {
        self.last.as_ref().is_some_and(Answer::closes)
    }

    fn compare(&mut self, index: usize, ask: &Ask, answer: &Answer) {
        let history = self.history;
        if self.is_fault(ask, answer) {
            return;
        }
        let is_drained = history.drained.is_some();
        assert!(answer.closes() || !ask.ends, "{ask:?} ends the connection");
        assert!(!answer.closes() || ask.ends || is_drained, "{ask:?} is no reason to close: {answer:?}");
        let said = answer.field("X-Generation").map(|number| number.parse::<u64>().expect("a number"));
        assert_eq!(said.is_some(), ask.wanted.says_generation(), "{ask:?}: {answer:?}");
        let generation = said.unwrap_or(1);
        if said.is_some() {
            let oldest = self.newest.max(self.guest.oldest[index]);
            assert!((oldest..=history.generations).contains(&generation), "{generation} answers, behind {oldest}");
            self.newest = generation;
        }
        if let (true, Some(Of::File(file))) = (history.has_cut, ask.wanted.content()) {
            return self.compare_with_cut_file(file, generation, answer);
        }
        let wanted = ask.wanted.of_generation(generation);
        assert_eq!(answer.status, wanted.status(), "{ask:?}: {answer:?}");
        let bytes = |of: Of| self.shelf.bytes(of, generation);
        if let (Some(of), false) = (wanted.content(), ask.reads.is_empty()) {
            let said = worked(bytes(of), &ask.reads);
            assert_eq!(answer.field(WORKED), said.as_deref(), "{ask:?}");
        }
        match wanted {
            Wanted::Refusal(status) => self.is_text(answer, &status.to_string(), ask),
            Wanted::Allow(status, methods) => {
                assert_eq!(answer.field("Allow"), Some(*methods));
                assert!(*status == 405 || answer.body.is_empty());
            }
            Wanted::Whole(of) => self.is_body(answer, bytes(*of), ask),
            Wanted::Part(of, first, last) => {
                let range = format!("bytes {first}-{last}/{}", of.len());
                assert_eq!(answer.field("Content-Range"), Some(range.as_str()));
                self.is_body(answer, &bytes(*of)[*first as usize..=*last as usize], ask);
            }
            Wanted::Parts(of, spans) => {
                assert_eq!(&self.parts(answer, bytes(*of)), spans, "{ask:?}");
            }
            Wanted::Outside(of) => {
                assert_eq!(answer.field("Content-Range"), Some(format!("bytes */{}", of.len()).as_str()));
            }
            Wanted::Unchanged(of) => {
                assert_eq!(answer.field("ETag"), Some(self.shelf.etag(*of, generation)));
            }
            Wanted::Changed(_) => self.is_text(answer, "412", ask),
            Wanted::Who(number) => self.is_body(answer, format!("{generation} {number}").as_bytes(), ask),
            Wanted::Owned => self.is_body(answer, &owned(generation), ask),
            Wanted::IfFrom(..) => unreachable!("resolved"),
        }
    }

    /// Whether the answer is what a fault of the run explains in place of the right one.
    fn is_fault(&self, ask: &Ask, answer: &Answer) -> bool {
        let climate = &self.history.climate;
        let needs_task = ask.wanted.may_need_task() || climate.cools && ask.wanted.content().is_some();
        match answer.status {
            // So does what cannot be read before it begins to leave.
            500 | 503 if answer.closes() && self.may_fail_to_read() => true,
            // What is cut while its batch is put together takes the batch's place.
            500 if self.history.has_cut && answer.closes() => true,
            500 if self.history.has_cut => ask.wanted.content().is_some(),
            // Payloads share the chunks that are checked.
            500 if self.history.has_damage => ask.wanted.content().is_some(),
            500 | 404 if needs_task && climate.task_faults > 0 => true,
            503 if needs_task && self.is_timed_out(answer) => climate.late_tasks && answer.closes(),
            503 if needs_task => climate.task_faults > 0 || climate.tasks_max != usize::MAX,
            _ => false,
        }
    }

    /// Whether reads of what is not in memory may fail, be refused, or come too late.
    fn may_fail_to_read(&self) -> bool {
        let climate = &self.history.climate;
        climate.cools && (climate.task_faults > 0 || climate.late_tasks || climate.tasks_max != usize::MAX)
    }

    fn is_timed_out(&self, answer: &Answer) -> bool {
        answer.declared() == Some(b"503 Service Unavailable: the content was not ready in time\n".len())
    }

    fn is_body(&self, answer: &Answer, bytes: &[u8], ask: &Ask) {
        assert_eq!(answer.declared(), Some(bytes.len()), "{ask:?}");
        assert!(ask.is_head || self.reader.body(answer) == bytes, "{ask:?}: these are other bytes");
    }

    fn is_text(&self, answer: &Answer, start: &str, ask: &Ask) {
        let is_text = self.reader.body(answer).starts_with(start.as_bytes());
        assert!(ask.is_head || is_text, "{ask:?}: a refusal has a line for the reader");
    }

    /// Which parts of `whole` a multipart answer has; each has the bytes it says it has.
    fn parts(&self, answer: &Answer, whole: &[u8]) -> Vec<(u64, u64)> {
        let boundary = answer.field("Content-Type").and_then(|value| value.split_once("boundary=")).expect("parts").1;
        let mut spans = Vec::new();
        let mut rest = self.reader.body(answer);
        let opening = format!("\r\n--{boundary}\r\n").into_bytes();
        while let Some(part) = rest.strip_prefix(&opening[..]) {
            let end = part.windows(4).position(|four| four == b"\r\n\r\n").expect("the head of a part");
            let head = std::str::from_utf8(&part[..end]).expect("text");
            let range = head.split_once("Content-Range: bytes ").expect("a range").1;
            let (range, len) = range.split_once('/').expect("a length");
            assert_eq!(len.parse(), Ok(whole.len()));
            let (first, last) = range.split_once('-').expect("a range");
            let (first, last): (u64, u64) = (first.parse().expect("first"), last.parse().expect("last"));
            let (bytes, after) = part[end + 4..].split_at((last - first + 1) as usize);
            assert!(bytes == &whole[first as usize..=last as usize], "a part has other bytes");
            spans.push((first, last));
            rest = after;
        }
        assert_eq!(rest, format!("\r\n--{boundary}--\r\n").as_bytes());
        spans
    }

    /// A file that was cut may be served at the length that it has left, if it was opened since. Never with other bytes.
    fn compare_with_cut_file(&self, file: usize, generation: u64, answer: &Answer) {
        let whole = self.shelf.bytes(Of::File(file), generation);
        let body = self.reader.body(answer);
        match answer.status {
            200 => assert!(whole.starts_with(body), "other bytes"),
            206 => match answer.field("Content-Range").and_then(|range| range.strip_prefix("bytes ")) {
                Some(range) => {
                    let first: usize = range.split('-').next().expect("a range").parse().expect("a number");
                    assert!(whole[first..].starts_with(body), "other bytes");
                }
                None => {
                    let of_length = |len: usize| answer.declared() == Some(len);
                    assert!(of_length(body.len()), "parts of a file that was cut");
                }
            },
            status => assert!(matches!(status, 404 | 416), "{status} for a file that was cut"),
        }
    }

    fn check_end(&self) {
        let (guest, history) = (self.guest, self.history);
        let ending = guest.client.ending();
        let whole = guest.whole_asks();
        let is_reset = ending != Some(ClientEnding::Finished);
        let has_rest = self.reader.at < self.reader.wire.len();
        assert!(!has_rest || is_reset, "an end in the middle of an answer: {ending:?}");
        if guest.after == After::Dies {
            return;
        }
        if guest.reads == Reads::Never {
            return assert!(self.reader.wire.is_empty());
        }
        if let Some((at, until)) = history.drained {
            let times = guest.client.times();
            let arrived = times.arrived.is_some_and(|arrived| arrived < at) && times.opened.is_some_and(|it| it < at);
            let had_time = until - at > 15 * SECOND && guest.talk.is_none() && guest.reads == Reads::Well;
            // Where a receive may find nothing though there is something, nobody can tell what has arrived.
            let is_plain = history.climate.weather.again_percent == 0;
            let is_quick = !history.climate.late_tasks && !history.climate.cools;
            let is_due = is_plain && arrived && had_time && !history.has_cut && is_quick;
            assert!(!is_due || whole == 0 || self.answered > 0, "a request that was there was not answered");
            let is_time = times.closed.is_some_and(|closed| closed >= until);
            assert!(!is_due || is_time || !is_reset, "it was cut before its time: {ending:?}");
            return;
        }
        if is_reset && (history.has_cut || self.may_fail_to_read()) {
            return;
        }
        let whole = guest.talk.as_ref().map_or(whole, |talk| whole.min(talk.sent));
        let is_all = self.answered == whole || self.has_said_close();
        assert!(is_all, "{} of {whole} answers, then {ending:?}: {guest:?}", self.answered);
        assert_eq!(ending, Some(ClientEnding::Finished), "{guest:?}");
        if let Some(ended) = guest.talk.as_ref().filter(|_| !self.has_said_close()) {
            assert_eq!(self.answered, guest.asks.len().min(ended.dozes_before), "{guest:?}");
        }
    }

    /// Limits in time are kept, and are not kept too early.
    fn check_times(&self) {
        let (guest, limits) = (self.guest, &self.history.climate.limits);
        let nanos = |time| self.history.climate.nanos(time);
        let times = guest.client.times();
        let opened = times.opened.expect("it was served");
        let closed = times.closed.expect("every connection is closed");
        if let Some(shut) = times.shut {
            assert!(closed <= shut + nanos(limits.linger_time_max) + SLACK, "it lingered too long");
        }
        if guest.after != After::Stays || self.history.drained.is_some() || self.history.has_cut {
            return;
        }
        let within = |at: u64, start: u64, time: u64, what: &str| {
            assert!(at >= start + time, "{what}: {} ns too early: {guest:?}", start + time - at);
            assert!(at <= start + time + SLACK, "{what}: {} ns too late: {guest:?}", at - start - time);
        };
        let head_time = nanos(limits.head_time_max);
        match (guest.reads, guest.talk.is_some()) {
            (Reads::Never, _) if guest.client.ending() == Some(ClientEnding::Reset) => {
                let (first, last) = (times.sent_first.unwrap_or(opened), times.sent_last.unwrap_or(opened));
                let send_time = nanos(limits.send_time_max);
                assert!(closed >= first + send_time, "it was cut too early");
                assert!(closed <= last + 2 * send_time + SLACK, "it was cut too late");
            }
            (Reads::Never, _) => {}
            (_, false) if guest.sends_bytes == 0 => within(closed, opened, head_time, "nothing was sent"),
            (_, false) if guest.whole_asks() == 0 && !guest.asks[0].ends => {
                let at = times.sent_first.expect("a 408");
                if guest.sends_bytes < guest.asks[0].head_bytes {
                    return within(at, opened, head_time, "a head that did not come");
                }
                // From the end of its head, which came between these two. One that was told to go on heard that first.
                let (first, last) = (opened, times.arrived.unwrap_or(opened).max(opened));
                let body_time = nanos(limits.body_time_max);
                if !guest.asks[0].expects_continue {
                    assert!((first + body_time..=last + body_time + SLACK).contains(&at), "a body that did not come");
                }
            }
            // An answer that had begun, and whose rest could not be read in time.
            (_, _) if guest.client.ending() == Some(ClientEnding::Reset) && self.may_fail_to_read() => {}
            (_, _) if guest.part_of_next().is_empty() && !self.has_said_close() => {
                let last = times.sent_last.expect("an answer");
                within(closed, last, nanos(limits.idle_time_max), "an idle connection");
            }
            (Reads::Well | Reads::Slowly, _) => {}
        }
    }
}
