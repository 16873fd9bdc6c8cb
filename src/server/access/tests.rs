//! Recorder and thread by themselves, with time as an argument.

use super::*;
use crate::http::Answer;
use crate::server::event::Event;
use crate::server::stats::{Stats, WorkerStats};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const MILLISECOND: u64 = 1_000_000;
/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

/// What a hook was given: the request line of each record, batch by batch.
fn lines(batch: &AccessBatch) -> Vec<String> {
    batch.records().map(|record| String::from_utf8(record.request_line.to_vec()).unwrap()).collect()
}

struct Log {
    recorder: Recorder,
    stats: Arc<WorkerStats>,
    thread: AccessThread,
    events: Receiver<Event>,
}

impl Log {
    fn start(sample: u32, hook: impl FnMut(&AccessBatch) + Send + 'static) -> Log {
        let options = AccessOptions { sample: NonZeroU32::new(sample).unwrap() };
        let (events, told) = unbounded();
        let (seed, thread) = AccessLog { options, hook: Box::new(hook) }.start(1, events).unwrap();
        let stats = Arc::new(WorkerStats::default());
        Log { recorder: seed.recorder(Arc::clone(&stats)), stats, thread, events: told }
    }

    /// With a hook that passes on what it is given.
    fn telling(sample: u32) -> (Log, Receiver<Vec<String>>) {
        let (told, tells) = unbounded();
        (Log::start(sample, move |batch| told.send(lines(batch)).unwrap()), tells)
    }

    /// One answer.
    fn answered(&mut self, text: &str) {
        let head = text.as_bytes();
        self.recorder.answered(&Answer { request: None, head, status: 200, body_bytes: 0, peer: None });
    }

    fn dropped(&self) -> u64 {
        let mut stats = Stats::default();
        stats.add(&self.stats);
        stats.access_lines_dropped
    }

    /// The worker and then the server end.
    fn end(self) -> Receiver<Event> {
        drop(self.recorder);
        self.thread.finish();
        self.events
    }
}

#[test]
fn a_record_comes_back_as_it_was_and_its_texts_are_bounded() {
    let peer: SocketAddr = "[2001:db8::1]:80".parse().unwrap();
    let long = vec![b'x'; 5000];
    let whole = AccessRecord {
        unix_seconds: 1_700_000_000,
        peer: Some(peer),
        request_line: b"GET /\xff HTTP/1.1",
        status: 206,
        body_bytes: u64::MAX,
        referer: Some(b""),
        user_agent: Some(b"curl/8"),
    };
    let bare = AccessRecord { referer: None, user_agent: Some(b""), peer: None, request_line: b"", ..whole };
    let too_long = AccessRecord { request_line: &long, referer: Some(&long), user_agent: Some(&long), ..whole };
    let cut = AccessRecord {
        request_line: &long[..2048],
        referer: Some(&long[..1024]),
        user_agent: Some(&long[..512]),
        ..whole
    };
    let (home, _) = bounded(1);
    let home = Arc::new(home);
    let mut batch = AccessBatch::new(&home);
    for record in [&whole, &bare, &too_long, &whole] {
        assert!(batch.push(record));
    }
    assert_eq!(batch.records().collect::<Vec<_>>(), [whole, bare, cut, whole]);
    assert_eq!((batch.len(), batch.records().len()), (4, 4));
    let room = batch.memory();
    while batch.push(&too_long) {}
    assert!(batch.len() > 30, "the buffer is full: {}", batch.len());
    batch.clear();
    let mut count = 0;
    while batch.push(&bare) {
        count += 1;
    }
    assert_eq!((batch.len(), count), (1024, 1024), "the records are full");
    assert_eq!(batch.memory(), room, "it never grows");
}

#[test]
fn records_leave_when_the_first_is_old_enough_and_not_before() {
    let (mut log, tells) = Log::telling(1);
    assert_eq!(log.recorder.deadline(), None, "nothing to wake up for");
    log.recorder.set_time(1000 * MILLISECOND, 1);
    log.answered("a");
    log.recorder.end_turn();
    assert_eq!(log.recorder.deadline(), Some(1250 * MILLISECOND));
    log.recorder.set_time(1249 * MILLISECOND, 1);
    log.answered("b");
    log.recorder.end_turn();
    assert_eq!(log.recorder.deadline(), Some(1250 * MILLISECOND), "the first one counts");
    log.recorder.set_time(1250 * MILLISECOND, 1);
    log.recorder.end_turn();
    assert_eq!(tells.recv_timeout(LIMIT).unwrap(), ["a", "b"]);
    assert_eq!(log.recorder.deadline(), None, "nothing is left to wake up for");
    log.recorder.set_time(9000 * MILLISECOND, 9);
    log.recorder.end_turn();
    log.answered("c");
    log.end();
    assert_eq!(tells.iter().collect::<Vec<_>>(), [["c"]], "the last ones leave with the worker; empty ones never");
}

#[test]
fn a_full_batch_leaves_at_once_and_everything_stays_in_its_order() {
    let (mut log, tells) = Log::telling(1);
    for number in 0..10_000 {
        log.answered(&format!("{number}"));
        // As slow as it needs to be for batches to come home.
        if number % 1024 == 1023 {
            log.answered("one more");
            assert!(tells.recv_timeout(LIMIT).is_ok_and(|lines| lines.len() == 1024));
        }
    }
    assert_eq!(log.dropped(), 0);
    log.end();
    let rest: usize = tells.iter().map(|lines| lines.len()).sum();
    assert_eq!(rest, 10_000 + 9 - 9 * 1024);
}

#[test]
fn one_in_so_many_is_recorded() {
    for (sample, count) in [(1, 10), (3, 3), (10, 1), (11, 0)] {
        let (mut log, tells) = Log::telling(sample);
        (0..10).for_each(|number| log.answered(&number.to_string()));
        log.end();
        let lines: Vec<_> = tells.iter().flatten().collect();
        let wanted: Vec<_> = (1..=count).map(|each| (each * sample - 1).to_string()).collect();
        assert_eq!(lines, wanted, "one in {sample}");
    }
}

/// A hook that waits until it is let go, and counts.
fn blocked_hook() -> (impl FnMut(&AccessBatch) + Send + 'static, Receiver<()>, Sender<()>, Receiver<u64>) {
    let (entered, enters) = unbounded();
    let (go, gate) = bounded::<()>(0);
    let (told, tells) = unbounded();
    let hook = move |batch: &AccessBatch| {
        entered.send(()).unwrap();
        // Disconnected: it is let go for good.
        let _ = gate.recv();
        told.send(batch.len() as u64).unwrap();
    };
    (hook, enters, go, tells)
}

#[test]
fn a_hook_that_stands_still_costs_lines_which_are_counted() {
    let (hook, enters, go, tells) = blocked_hook();
    let mut log = Log::start(1, hook);
    let answers = 100_000;
    for number in 0..answers {
        log.answered("GET / HTTP/1.1");
        if number == 1024 {
            enters.recv_timeout(LIMIT).unwrap();
        }
    }
    // All batches but the one that is being filled are on their way.
    let on_their_way = 15 * 1024;
    let dropped = log.dropped();
    assert_eq!(dropped, (answers - on_their_way) / 1024 * 1024);
    // It gets over it.
    drop(go);
    let events = log.end();
    assert_eq!(tells.iter().sum::<u64>() + dropped, answers, "every answer was delivered or dropped");
    assert!(events.try_recv().is_err());
}

#[test]
fn the_end_does_not_wait_for_ever_and_nothing_is_lost_if_somebody_does() {
    let (hook, enters, go, tells) = blocked_hook();
    let mut log = Log::start(1, hook);
    log.answered("a");
    let Log { recorder, thread, .. } = log;
    drop(recorder);
    enters.recv_timeout(LIMIT).unwrap();
    let start = std::time::Instant::now();
    (0..20).for_each(|_| thread.finish());
    assert!(start.elapsed() < LIMIT, "it waits once");
    assert!(tells.is_empty(), "the hook still has it");
    drop(go);
    assert_eq!(tells.iter().sum::<u64>(), 1);
}

#[test]
fn a_hook_that_panics_is_told_of_and_given_the_next_batch() {
    let (told, tells) = unbounded();
    let mut log = Log::start(1, move |batch| {
        let lines = lines(batch);
        assert_ne!(lines, ["bad"], "on purpose");
        told.send(lines).unwrap();
    });
    for text in ["bad", "good"] {
        log.answered(text);
        let due = log.recorder.deadline().unwrap();
        log.recorder.set_time(due, 0);
        log.recorder.end_turn();
    }
    let events = log.end();
    assert_eq!(tells.iter().collect::<Vec<_>>(), [["good"]]);
    assert_eq!(events.iter().collect::<Vec<_>>(), [Event::AccessHookPanicked { records: 1 }]);
}

#[test]
fn a_batch_at_home_keeps_nothing_alive() {
    let (home, returned) = crossbeam_channel::bounded(1);
    let home = Arc::new(home);
    AccessBatch::new(&home).go_home();
    assert_eq!(returned.len(), 1);
    assert_eq!(Arc::strong_count(&home), 1, "the channel would hold itself, and what lies in it would stay for ever");
    let late = AccessBatch::new(&home);
    drop(home);
    late.go_home();
    assert_eq!(returned.try_iter().count(), 1, "nobody is at home any more");
    assert_eq!(returned.try_recv().err(), Some(crossbeam_channel::TryRecvError::Disconnected));
}
