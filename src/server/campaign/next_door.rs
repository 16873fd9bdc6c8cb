//! Another worker of the same server, played by the test: it serves nobody, and hands back whatever is handed to it, after
//! a while. So each connection that goes there is on its way for some time, also when a drain begins.

use super::super::super::balance::{Arrival, Door, Loads, Neighbours, Told};
use super::climate::Climate;
use crate::ring::Wake;
use crate::ring::sim::{Clients, Random, SimSocket};
use crossbeam_channel::{Sender, unbounded};
use std::sync::Arc;

/// Longest that one is on its way back.
const WAY_NANOS_MAX: u64 = 500_000_000;
/// The worker that is tried out.
const HERE: usize = 0;

pub(crate) struct NextDoor {
    own: Neighbours<SimSocket>,
    loads: Arc<Loads>,
    /// That of the worker that is tried out.
    hall: Sender<Told<SimSocket>>,
    waker: Box<dyn Fn()>,
    random: Random,
    /// What it has, and when it arrives.
    under_way: Vec<(u64, Arrival<SimSocket>)>,
}

impl NextDoor {
    /// Both sides of the door. Without a neighbour in the climate it takes nothing.
    pub(super) fn new(seed: u64, climate: &Climate, waker: impl Wake) -> (Neighbours<SimSocket>, NextDoor) {
        let loads = Arc::new(Loads::new(2));
        let ((hall, here), (other_hall, there)) = (unbounded(), unbounded());
        let connections_max = climate.limits.connections_max;
        let neighbours = Neighbours::new(HERE, Arc::clone(&loads), here, connections_max);
        let mut own = Neighbours::new(1, Arc::clone(&loads), there, connections_max);
        if climate.has_neighbour {
            let wakes = waker.clone();
            let doors = [
                Door { hall: hall.clone(), wake: Box::new(move || wakes.wake()) },
                Door { hall: other_hall, wake: Box::new(|| ()) },
            ];
            assert!(hall.send(Told::Doors(doors.into_iter().collect())).is_ok());
            waker.wake();
        } else {
            own.shut();
        }
        let waker = Box::new(move || waker.wake());
        let next_door = NextDoor { own, loads, hall, waker, random: Random(seed ^ 0xd002), under_way: Vec::new() };
        (neighbours, next_door)
    }

    /// Takes what was handed to it, and sends it back at once; it arrives later.
    pub(super) fn take(&mut self, clients: &Clients) {
        while let Some(arrival) = self.own.next() {
            self.own.left();
            self.loads.add(HERE);
            let due = clients.now().nanos + self.random.below(WAY_NANOS_MAX);
            clients.alarm(due);
            self.under_way.push((due, arrival));
        }
    }

    /// What has arrived by now is in the worker's hall.
    pub(super) fn hand_over(&mut self, now: u64) {
        while let Some(index) = self.under_way.iter().position(|(due, _)| *due <= now) {
            let (_, arrival) = self.under_way.remove(index);
            assert!(self.hall.send(Told::Arrival(arrival)).is_ok());
            (self.waker)();
        }
    }

    /// How many the worker has yet to get.
    pub(crate) fn on_the_way(&self) -> usize {
        self.under_way.len()
    }
}
