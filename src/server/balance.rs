//! Who serves a new connection: the worker that accepted it, or the one that has the fewest.
//!
//! The kernel gives a connection to a worker that is awake, and a worker that is awake takes a burst whole; so without this,
//! connections that stay leave some cores with all the work. A worker that has accepted looks how many each of them has, and
//! hands the socket to the emptiest when it has clearly more itself:
//!
//! ```text
//! accepted  ->  have I more than the emptiest, by a margin?   no: it is mine (one more load)
//!               yes: reserve a place there, put the socket into its hall, wake it; it serves it as if it had accepted it
//! closed    ->  one less
//! ```
//!
//! A load counts connections that are open and those on the way, so a burst is dealt rightly before anybody has looked into
//! its hall, and a place is never reserved beyond `connections_max`. A worker that drains *shuts* its load: no place can be
//! reserved there from then on, and it does not end before those that were reserved have come. So no socket is lost.
//!
//! Loads are shared and written by several threads. They are touched when a connection comes and when it goes, and never
//! between the two.
#![forbid(unsafe_code)]

use crate::sys::Peer;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A worker keeps what it accepts while it has at most this many connections more than the emptiest, and this part of the
/// emptiest's: handing over costs two system calls and a turn of another worker. Small, because a few busy connections on
/// one core and none on the next are half a machine.
const MARGIN_CONNECTIONS: usize = 2;
const MARGIN_PART: usize = 16;
/// In a load: no place can be reserved any more.
const SHUT: usize = 1 << (usize::BITS - 1);

/// How many connections a worker has and is about to get, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Load(AtomicUsize);

/// The loads of all workers of a server.
#[derive(Debug)]
pub(crate) struct Loads(Box<[Load]>);

impl Loads {
    pub(crate) fn new(workers: usize) -> Loads {
        Loads((0..workers).map(|_| Load::default()).collect())
    }

    /// What a worker has; a shut one has more than any other.
    fn read(&self, worker: usize) -> usize {
        self.0[worker].0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, worker: usize) {
        self.0[worker].0.fetch_add(1, Ordering::Relaxed);
    }

    fn sub(&self, worker: usize) {
        self.0[worker].0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a connection for a worker if it has room. SeqCst, with `shut`: whoever shuts sees every place that was reserved.
    fn reserve(&self, worker: usize, connections_max: usize) -> bool {
        let more = |load: usize| (load & SHUT == 0 && load < connections_max).then(|| load + 1);
        self.0[worker].0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    fn shut(&self, worker: usize) {
        self.0[worker].0.fetch_or(SHUT, Ordering::SeqCst);
    }

    fn open(&self, worker: usize) -> usize {
        self.0[worker].0.load(Ordering::SeqCst) & !SHUT
    }
}

/// A connection between accept and the worker that serves it.
#[derive(Debug)]
pub(crate) struct Arrival<S> {
    pub(crate) listener: u32,
    pub(crate) socket: S,
    pub(crate) peer: Peer,
}

/// The way to one worker.
pub(crate) struct Door<S> {
    pub(crate) hall: Sender<Told<S>>,
    pub(crate) wake: Box<dyn Fn() + Send + Sync>,
}

/// What comes into a worker's hall.
pub(crate) enum Told<S> {
    /// Once, when all workers run: the ways to all of them, this one included, in their order.
    Doors(Arc<[Door<S>]>),
    /// A connection that another worker has accepted. A place was reserved for it.
    Arrival(Arrival<S>),
}

/// The other workers, as one of them sees them.
pub(crate) struct Neighbours<S> {
    number: usize,
    loads: Arc<Loads>,
    hall: Receiver<Told<S>>,
    /// Nobody, until all run.
    doors: Arc<[Door<S>]>,
    connections_max: usize,
}

impl<S> Neighbours<S> {
    /// Those of worker `number`. `connections_max`: [`crate::Limits::connections_max`], which each of them has.
    pub(crate) fn new(
        number: usize,
        loads: Arc<Loads>,
        hall: Receiver<Told<S>>,
        connections_max: usize,
    ) -> Neighbours<S> {
        Neighbours { number, loads, hall, doors: Arc::new([]), connections_max }
    }

    /// Deals a connection that this worker has accepted. It comes back when it is to be served here, counted.
    pub(crate) fn deal(&self, arrival: Arrival<S>) -> Option<Arrival<S>> {
        let Some(door) = self.emptier() else {
            self.loads.add(self.number);
            return Some(arrival);
        };
        match self.doors[door].hall.send(Told::Arrival(arrival)) {
            Ok(()) => {
                (self.doors[door].wake)();
                None
            }
            // That worker has failed: its place is nobody's any more.
            Err(refused) => {
                self.loads.shut(door);
                self.loads.add(self.number);
                match refused.0 {
                    Told::Arrival(arrival) => Some(arrival),
                    Told::Doors(_) => None,
                }
            }
        }
    }

    /// The worker that has clearly fewer connections than this one, if there is one, with a place reserved there.
    fn emptier(&self) -> Option<usize> {
        let own = self.loads.read(self.number) & !SHUT;
        // The emptiest has none at least: most accepts of short connections end here.
        if own < MARGIN_CONNECTIONS {
            return None;
        }
        let (load, door) = (0..self.doors.len()).map(|door| (self.loads.read(door), door)).min()?;
        let is_clear = door != self.number && own >= load.saturating_add(MARGIN_CONNECTIONS + load / MARGIN_PART);
        (is_clear && self.loads.reserve(door, self.connections_max)).then_some(door)
    }

    /// The next connection that another worker has handed over, counted.
    pub(crate) fn next(&mut self) -> Option<Arrival<S>> {
        loop {
            match self.hall.try_recv().ok()? {
                Told::Doors(doors) => self.doors = doors,
                Told::Arrival(arrival) => return Some(arrival),
            }
        }
    }

    /// A connection that was counted is gone.
    pub(crate) fn left(&self) {
        self.loads.sub(self.number);
    }

    /// From now on nobody hands this worker anything; what was on the way still comes. It hands over nothing either.
    pub(crate) fn shut(&mut self) {
        self.loads.shut(self.number);
        self.doors = Arc::new([]);
    }

    /// How many are counted here, those on the way included.
    pub(crate) fn counted(&self) -> usize {
        self.loads.open(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;
    use std::sync::atomic::AtomicUsize;

    const ROOM: usize = 100_000;

    struct House {
        workers: Vec<Neighbours<u64>>,
        woken: Arc<AtomicUsize>,
        sockets: u64,
    }

    impl House {
        fn new(workers: usize, connections_max: usize) -> House {
            let (loads, woken) = (Arc::new(Loads::new(workers)), Arc::new(AtomicUsize::new(0)));
            let (halls, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| unbounded()).unzip();
            let door = |hall: &Sender<Told<u64>>| {
                let woken = Arc::clone(&woken);
                let wake = Box::new(move || _ = woken.fetch_add(1, Ordering::Relaxed));
                Door { hall: hall.clone(), wake }
            };
            let doors: Arc<[Door<u64>]> = halls.iter().map(door).collect();
            halls.iter().for_each(|hall| assert!(hall.send(Told::Doors(Arc::clone(&doors))).is_ok()));
            let all = receivers.into_iter().enumerate();
            let mut workers: Vec<_> =
                all.map(|(number, hall)| Neighbours::new(number, Arc::clone(&loads), hall, connections_max)).collect();
            workers.iter_mut().for_each(|worker| assert!(worker.next().is_none()));
            House { workers, woken, sockets: 0 }
        }

        /// Worker `number` accepts so many.
        fn accept_all(&mut self, number: usize, count: usize) {
            (0..count).for_each(|_| _ = self.accept(number));
        }

        /// Worker `number` accepts one. Whether it keeps it.
        fn accept(&mut self, number: usize) -> bool {
            self.sockets += 1;
            let arrival = Arrival { listener: 0, socket: self.sockets, peer: Peer::Unix };
            self.workers[number].deal(arrival).is_some()
        }

        fn counted(&self) -> Vec<usize> {
            self.workers.iter().map(Neighbours::counted).collect()
        }

        fn assert_balanced(&self) {
            let counted = self.counted();
            let (least, most) = (*counted.iter().min().unwrap(), *counted.iter().max().unwrap());
            assert!(most * 10 <= least * 13, "{counted:?}");
        }
    }

    #[test]
    fn a_burst_at_one_worker_is_dealt_to_all_before_they_look() {
        for workers in [2, 3, 4, 16] {
            let mut house = House::new(workers, ROOM);
            house.accept_all(workers - 1, 1000);
            assert_eq!(house.counted().iter().sum::<usize>(), 1000);
            house.assert_balanced();
            let handed = 1000 - house.counted()[workers - 1];
            assert_eq!(house.woken.load(Ordering::Relaxed), handed, "each hand-over wakes");
            let came = (0..workers - 1).map(|number| std::iter::from_fn(|| house.workers[number].next()).count());
            assert_eq!(came.sum::<usize>(), handed, "and nothing is lost on the way");
        }
    }

    #[test]
    fn those_who_come_fill_what_others_left() {
        let mut house = House::new(4, ROOM);
        (0..1000).for_each(|turn| house.accept_all(turn % 4, 1));
        (0..125).for_each(|_| house.workers[1].left());
        (0..125).for_each(|turn| house.accept_all([0, 2, 3][turn % 3], 1));
        house.assert_balanced();
        assert_eq!(house.counted().iter().sum::<usize>(), 1000);
    }

    #[test]
    fn a_few_more_than_another_is_no_reason() {
        let mut house = House::new(2, ROOM);
        assert!(house.accept(0) && house.accept(0), "the margin");
        assert!(!house.accept(0));
        assert_eq!(house.counted(), [2, 1]);
        assert!(house.accept(0));
        assert_eq!(house.counted(), [3, 1]);
        assert!(!house.accept(0));
    }

    #[test]
    fn a_full_worker_gets_no_more() {
        let mut house = House::new(2, 3);
        let kept = (0..10).filter(|_| house.accept(0)).count();
        assert_eq!((kept, house.counted()), (7, vec![7, 3]));
    }

    #[test]
    fn a_worker_that_drains_gets_what_was_on_the_way_and_no_more() {
        let mut house = House::new(2, ROOM);
        house.accept_all(0, 20);
        let counted = house.counted();
        house.workers[1].shut();
        assert_eq!(house.counted(), counted, "shut, and counted as before");
        assert!((0..20).all(|_| house.accept(0)));
        let came = std::iter::from_fn(|| house.workers[1].next()).count();
        assert_eq!(came, counted[1]);
        (0..came).for_each(|_| house.workers[1].left());
        assert_eq!(house.workers[1].counted(), 0);
        // Nor does it hand over what it still accepts.
        assert!((0..20).all(|_| house.accept(1)));
    }

    #[test]
    fn a_worker_that_has_failed_gets_nothing() {
        let mut house = House::new(2, ROOM);
        drop(house.workers.pop());
        assert!((0..20).all(|_| house.accept(0)), "it keeps what it could not hand over");
        assert_eq!(house.counted(), [20]);
    }

    /// Whatever several threads do at once: what was reserved comes, and the counts are right at the end.
    #[test]
    fn nothing_is_lost_between_threads() {
        let House { workers, .. } = House::new(4, ROOM);
        let done = Arc::new(AtomicUsize::new(0));
        let run = |mut worker: Neighbours<u64>| {
            let done = Arc::clone(&done);
            std::thread::spawn(move || {
                let (mut kept, mut came) = (0, 0);
                // The first accepts nothing, and is there as long as the others accept; those shut at different times.
                let of = worker.number as u64;
                for socket in (0..10_000).filter(|socket| of > 0 && socket % of == 0) {
                    let arrival = Arrival { listener: 0, socket, peer: Peer::Unix };
                    kept += usize::from(worker.deal(arrival).is_some());
                    came += std::iter::from_fn(|| worker.next()).count();
                }
                done.fetch_add(1, Ordering::SeqCst);
                while of == 0 && done.load(Ordering::SeqCst) < 4 {
                    came += std::iter::from_fn(|| worker.next()).count();
                    std::thread::yield_now();
                }
                worker.shut();
                while came + kept < worker.counted() {
                    came += std::iter::from_fn(|| worker.next()).count();
                    std::thread::yield_now();
                }
                kept + came
            })
        };
        let threads: Vec<_> = workers.into_iter().map(run).collect();
        let served: Vec<usize> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(served.iter().sum::<usize>(), 10_000 + 5_000 + 3_334, "{served:?}");
        assert!(served[0] > 0, "{served:?}");
    }

    #[test]
    fn no_two_loads_share_a_cache_line() {
        let loads = Loads::new(3);
        let at = |worker: usize| (&raw const loads.0[worker]) as usize;
        assert!(at(0) % 128 == 0 && at(1) - at(0) >= 128 && at(2) - at(1) >= 128);
    }
}
