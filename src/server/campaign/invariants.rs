//! What must hold after every turn, whatever happened in it.

use super::super::{Drain, SPARE_OUTGOING_BYTES_MAX, SPARE_OUTGOINGS_MAX};
use super::house::House;
use crate::limits::{PREPARE_NANOS_MAX, RECEIVE_BYTES};
use crate::ring::outgoing::Pin;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Two ticks of the wheel of timers.
const TICKS: u64 = 2 << 26;

pub(super) fn check(house: &House) {
    let worker = &house.worker;
    let now = worker.moment.nanos;
    let limits = &worker.limits;

    // No slot is lost, and no operation is there for an arming that nobody has any more.
    let mut known: Vec<_> = worker.slots.each().map(|(slot, entry)| (slot, entry.recv, entry.send)).collect();
    known.sort_unstable();
    assert_eq!(known, worker.ring.operations(), "slot, receive and send: the worker's and the ring's");
    let counts = house.counts();
    assert_eq!(counts.connections_open, known.len() as u64, "connections that are counted as open");
    assert!(counts.connections_accepted >= counts.connections_open);
    assert_eq!(house.counted_by_route(), counts.responses, "answers by route, and all of them");
    assert!(house.timed() <= counts.responses, "more answers have left than were drawn");
    let look = worker.look().connections;
    let seen = look.reading + look.waiting + look.sending + look.idle + look.lingering;
    assert_eq!(seen, known.len() as u64, "{look:?}");
    assert!(worker.left.is_empty(), "answers of this turn are not counted yet");

    let counted = worker.neighbours.counted();
    assert_eq!(counted, known.len() + house.next_door.on_the_way(), "connections that other workers count here");

    let mut clients = BTreeMap::new();
    for client in worker.slots.each().filter_map(|(_, entry)| entry.client()) {
        *clients.entry(client).or_insert(0) += 1;
    }
    assert_eq!(worker.addresses.counted(), clients, "connections that are counted for each address");

    // Every connection waits for something, and not for ever.
    let longest = [limits.head_time_max, limits.body_time_max, limits.idle_time_max, limits.send_time_max];
    let longest = longest.into_iter().chain([limits.linger_time_max]).map(|time| time.as_nanos() as u64).max();
    let longest = longest.unwrap_or(0).max(PREPARE_NANOS_MAX);
    let waiting = worker.content.waiting();
    let timers: BTreeMap<u32, u64> = worker.timers.each().collect();
    assert!(timers.keys().eq(known.iter().map(|entry| &entry.0)), "timers are set for {timers:?}");
    for (slot, entry) in worker.slots.each() {
        let is_waiting = || waiting.iter().any(|id| id.slot == slot && id.serial == entry.serial);
        assert!(entry.recv.is_some() || entry.send.is_some() || is_waiting(), "slot {slot} waits for nothing");
        let deadline = entry.conn.deadline().expect("every wait has an end");
        assert!(deadline <= now + longest, "slot {slot} may wait for {} ns", deadline - now);
        assert!(deadline + TICKS > now, "slot {slot} should have been told {} ns ago", now - deadline);
        let comes_up = timers[&slot];
        assert!(comes_up <= deadline + TICKS, "slot {slot} comes up {} ns too late", comes_up - deadline);
        let kept = entry.conn.pending_bytes();
        let kept_max = limits.head_bytes_max.max(limits.body_bytes_max as usize) + RECEIVE_BYTES;
        assert!(kept <= kept_max, "slot {slot} keeps {kept} bytes of requests");
    }

    // Who has left waits for nothing; what is waited for is under way.
    for id in &waiting {
        let is_there = worker.slots.each().any(|(slot, entry)| slot == id.slot && entry.serial == id.serial);
        assert!(is_there, "{id:?} is gone and still waits for a task");
    }
    let tasks = worker.content.waiting_tasks();
    assert!(tasks <= house.tasks() + worker.inbox.len(), "{tasks} tasks are waited for and not under way");

    assert_eq!(worker.content.failures(), 0, "a failure is remembered for requests to come");

    assert_eq!(house.stalls(), 0, "the loop has waited for a disk");
    for (slot, parked) in &worker.parked {
        let of = worker.slots.each().find(|(number, _)| number == slot);
        let (_, entry) = of.expect("a send is parked for nobody");
        assert!(entry.send.is_none(), "slot {slot} sends, and has a send aside");
        assert!(waiting.iter().any(|id| id.slot == *slot && id.serial == entry.serial), "slot {slot} waits in vain");
        assert!(parked.until <= now + PREPARE_NANOS_MAX && parked.until + TICKS > now, "slot {slot} waits too long");
        assert!(timers[slot] <= parked.until + TICKS, "slot {slot} comes up too late to be given up");
    }

    // Accepting goes on, or there is a reason.
    let is_paused = worker.is_at_limit || worker.accept_retry.is_some();
    if worker.drain == Drain::No {
        assert!(worker.ring.is_accepting(0) || is_paused, "nothing is accepted, and nobody knows why");
        let overshoot = if house.climate.weather.accepts_ahead { usize::MAX } else { limits.connections_max };
        assert!(known.len() <= overshoot, "{} connections are open", known.len());
    }

    // Memory: batches and spare outgoings.
    assert!(worker.scratch.batch.plans.len() <= limits.pipeline_max + 1, "too many answers in a batch");
    assert!(worker.spare.len() <= SPARE_OUTGOINGS_MAX);
    for spare in &worker.spare {
        assert!(spare.is_fresh() && spare.memory_bytes() <= SPARE_OUTGOING_BYTES_MAX, "{spare:?}");
    }

    // Every use of a file is known: by the content, or by a send under way.
    let mut uses: Vec<(&Pin, usize)> = Vec::new();
    let pins = worker.content.pins();
    let mut sent: Vec<Pin> = Vec::new();
    worker.ring.each_outgoing(|outgoing| sent.extend(outgoing.pins().cloned()));
    sent.extend(worker.parked.values().flat_map(|parked| parked.outgoing.pins().cloned()));
    for pin in pins.iter().copied().chain(&sent) {
        match uses.iter_mut().find(|entry| Rc::ptr_eq(entry.0, pin)) {
            Some(entry) => entry.1 += 1,
            None => uses.push((pin, 1)),
        }
    }
    for (pin, count) in uses {
        // The ones in `sent` are counted twice: here, and where they were found.
        let copies = sent.iter().filter(|found| Rc::ptr_eq(found, pin)).count();
        assert_eq!(Rc::strong_count(pin), count + copies, "a file is held by somebody else too");
    }
}
