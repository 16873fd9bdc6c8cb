//! One deadline per slot, in a hashed wheel.
//!
//! A deadline that moves away (the common case: each request pushes the idle deadline on) costs nothing: the slot stays
//! in its old bucket, and when that comes up the worker looks at the real deadline and puts it back. Only one that
//! moves nearer is relinked. So a timer may fire early, at most once per deadline it ever had; never late by more than
//! a tick. Nothing fires when no slot is scheduled.
#![forbid(unsafe_code)]

use super::planted::planted;
use crate::limits::CONNECTIONS_RESERVED;

/// A tick is 2^26 ns, about 67 ms.
const TICK_SHIFT: u32 = 26;
/// 1,024 ticks, about 69 s: longer deadlines come up at the horizon and are put back.
const BUCKETS: usize = 1024;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    previous: u32,
    next: u32,
    /// The tick it is scheduled for; `u64::MAX`: it is not.
    tick: u64,
}

const FREE: Node = Node { previous: NONE, next: NONE, tick: u64::MAX };

/// The wheel.
#[derive(Debug)]
pub(crate) struct Timers {
    nodes: Vec<Node>,
    heads: Box<[u32; BUCKETS]>,
    /// A bit per bucket that is not empty.
    occupied: [u64; BUCKETS / 64],
    /// The first tick that has not come up.
    tick: u64,
}

impl Timers {
    pub(crate) fn new(now_nanos: u64) -> Timers {
        Timers {
            nodes: Vec::with_capacity(CONNECTIONS_RESERVED),
            heads: Box::new([NONE; BUCKETS]),
            occupied: [0; BUCKETS / 64],
            tick: now_nanos >> TICK_SHIFT,
        }
    }

    /// Sees to it that `slot` comes up at `deadline` or before.
    pub(crate) fn set(&mut self, slot: u32, deadline: u64) {
        let index = slot as usize;
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, FREE);
        }
        // Rounded up, so that a timer that came up in its tick has passed its deadline.
        let wanted = (deadline >> TICK_SHIFT).saturating_add(1);
        if self.nodes[index].tick <= wanted.saturating_add(if planted!(TimerNotMovedNearer) { 100 } else { 0 }) {
            return;
        }
        self.cancel(slot);
        let tick = wanted.clamp(self.tick, self.tick + BUCKETS as u64 - 1);
        self.link(slot, tick);
    }

    /// Forgets `slot`.
    pub(crate) fn cancel(&mut self, slot: u32) {
        let Some(&Node { previous, next, tick }) = self.nodes.get(slot as usize) else { return };
        if tick == u64::MAX {
            return;
        }
        let bucket = tick as usize % BUCKETS;
        match previous {
            NONE => self.heads[bucket] = next,
            previous => self.nodes[previous as usize].next = next,
        }
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        if self.heads[bucket] == NONE {
            self.occupied[bucket / 64] &= !(1 << (bucket % 64));
        }
        self.nodes[slot as usize] = FREE;
    }

    fn link(&mut self, slot: u32, tick: u64) {
        let bucket = tick as usize % BUCKETS;
        let next = self.heads[bucket];
        self.nodes[slot as usize] = Node { previous: NONE, next, tick };
        if next != NONE {
            self.nodes[next as usize].previous = slot;
        }
        self.heads[bucket] = slot;
        self.occupied[bucket / 64] |= 1 << (bucket % 64);
    }

    /// The slots that are set, and when each comes up, in nanoseconds.
    #[cfg(test)]
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, u64)> {
        (0..)
            .zip(&self.nodes)
            .filter(|node| node.1.tick != u64::MAX)
            .map(|(slot, node)| (slot, node.tick << TICK_SHIFT))
    }

    /// When the next slot comes up, in nanoseconds.
    pub(crate) fn next(&self) -> Option<u64> {
        let start = self.tick as usize % BUCKETS;
        for step in 0..=BUCKETS / 64 {
            let word = (start / 64 + step) % (BUCKETS / 64);
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            } else if step == BUCKETS / 64 {
                bits &= !(u64::MAX << (start % 64));
            }
            if bits != 0 {
                let bucket = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (bucket + BUCKETS - start) % BUCKETS;
                return Some((self.tick + ahead as u64) << TICK_SHIFT);
            }
        }
        None
    }

    /// Takes one slot whose time has come out of the wheel; the caller looks at its deadline and may `set` it again.
    pub(crate) fn expire(&mut self, now_nanos: u64) -> Option<u32> {
        let now = now_nanos >> TICK_SHIFT;
        while self.tick <= now {
            let slot = self.heads[self.tick as usize % BUCKETS];
            if slot != NONE {
                self.cancel(slot);
                return Some(slot);
            }
            match self.next() {
                Some(nanos) => self.tick = (nanos >> TICK_SHIFT).min(now + 1).max(self.tick + 1),
                None => self.tick = now + 1,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 1 << TICK_SHIFT;

    /// Runs the wheel as the worker does, against a plain table of deadlines.
    #[test]
    fn every_slot_comes_up_once_its_deadline_has_passed_and_not_a_tick_later() {
        let mut state = 7u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        let mut now = 12_345 * TICK + 17;
        let mut timers = Timers::new(now);
        let mut deadlines = vec![u64::MAX; 50];
        let mut fired = 0;
        for _ in 0..20_000 {
            match random(4) {
                0 => {
                    let slot = random(50) as usize;
                    deadlines[slot] = now + random(200 * 1_000_000_000);
                    timers.set(slot as u32, deadlines[slot]);
                }
                1 => {
                    let slot = random(50) as usize;
                    deadlines[slot] = u64::MAX;
                    timers.cancel(slot as u32);
                }
                _ => {
                    let earliest = deadlines.iter().copied().min().unwrap_or(u64::MAX);
                    match timers.next() {
                        Some(at) => {
                            assert!(at <= earliest.saturating_add(2 * TICK), "{at} is after {earliest}");
                            now = now.max(at);
                        }
                        None => assert_eq!(earliest, u64::MAX),
                    }
                }
            }
            while let Some(slot) = timers.expire(now) {
                let slot = slot as usize;
                if deadlines[slot] <= now {
                    assert!(now - deadlines[slot] <= 2 * TICK, "late by {}", now - deadlines[slot]);
                    deadlines[slot] = u64::MAX;
                    fired += 1;
                } else if deadlines[slot] != u64::MAX {
                    timers.set(slot as u32, deadlines[slot]);
                }
            }
            assert!(deadlines.iter().all(|&deadline| deadline == u64::MAX || deadline.saturating_add(2 * TICK) > now));
        }
        assert!(fired > 1000, "{fired}");
    }

    #[test]
    fn nothing_scheduled_means_no_wake_up() {
        let mut timers = Timers::new(0);
        assert_eq!(timers.next(), None);
        timers.set(3, 5 * TICK);
        assert!(timers.next().is_some());
        timers.cancel(3);
        assert_eq!(timers.next(), None);
        assert_eq!(timers.expire(1 << 60), None);
    }
}
