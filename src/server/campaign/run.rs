//! One run: everything in it follows from the seed.

use super::TURNS_MAX;
use super::climate::Climate;
use super::guest::{Guest, SECOND};
use super::house::{Fault, House};
use super::oracle;
use super::shelf::{GENERATIONS, Shelf};
use crate::ring::sim::{ClientEnding, Random, Times};

struct Run<'r> {
    random: Random,
    climate: Climate,
    shelf: &'r Shelf,
    house: House,
    guests: Vec<Guest>,
    /// Clients that have yet to come.
    later: u64,
    /// When it was told to drain, and by when it has to be done.
    drained: Option<(u64, u64)>,
    /// What happens is printed.
    is_told: bool,
}

/// What became of each client: what it read, how it ended, and when what happened.
pub(super) type Fates = Vec<(Vec<u8>, Option<ClientEnding>, Times)>;

/// `is_told`: what happens is printed.
pub(super) fn run(seed: u64, shelf: &Shelf, is_told: bool) -> Fates {
    let mut random = Random(seed);
    let climate = Climate::draw(&mut random);
    let house = House::new(seed, climate.clone(), shelf);
    let (first, later) = (1 + random.below(4), random.below(8));
    let mut run = Run { random, climate, shelf, house, guests: Vec::new(), later, drained: None, is_told };
    run.say(|run| format!("{:#?}", run.climate));
    // The first come together, the others while they are served: into slots that were just freed.
    (0..first).for_each(|_| run.welcome());
    run.serve();
    run.judge()
}

impl Run<'_> {
    fn say(&self, what: impl FnOnce(&Self) -> String) {
        if self.is_told {
            println!("{:>12} ns: {}", self.house.clients.now().nanos, what(self));
        }
    }

    fn chance(&mut self, of: u64) -> bool {
        self.random.below(of) == 0
    }

    fn welcome(&mut self) {
        let (clients, adopted) = (&self.house.clients, self.house.adopted());
        self.guests.push(Guest::draw(&mut self.random, &self.climate, clients, self.shelf, adopted));
        self.say(|run| format!("client {} comes: {:?}", run.guests.len() - 1, run.guests[run.guests.len() - 1]));
    }

    fn serve(&mut self) {
        for turn in 0.. {
            assert!(turn < TURNS_MAX, "it does not end");
            self.meddle(turn);
            if !self.house.turn() {
                let (_, until) = self.drained.expect("it ended by itself");
                assert!(self.house.clients.now().nanos <= until + SECOND, "the drain took too long");
                return;
            }
            let adopted = self.house.adopted();
            for guest in &mut self.guests {
                guest.hears(&mut self.random, &self.climate, adopted);
            }
            if self.drained.is_none() && self.later == 0 && self.all_left() {
                return;
            }
        }
    }

    /// Whatever comes from elsewhere.
    fn meddle(&mut self, turn: u32) {
        if self.house.made.len() < GENERATIONS as usize && self.chance(40) {
            let is_damaged = self.climate.damage && self.chance(2);
            let damaged = is_damaged.then(|| self.random.below(3) as usize);
            self.house.swap(self.shelf, damaged);
            self.say(|run| format!("generation {}, damaged: {damaged:?}", run.house.made.len()));
        }
        if self.climate.cuts && self.chance(20) {
            let what = self.house.cut(&mut self.random, self.shelf);
            self.say(|_| what);
        }
        if self.climate.cools && self.chance(12) {
            let what = self.house.cool(&mut self.random);
            self.say(|_| what);
        }
        if self.later > 0 && (self.chance(15) || self.all_left()) {
            self.later -= 1;
            self.welcome();
        }
        if self.chance(100) {
            self.house.wake();
        }
        let (random, faults) = (&mut self.random, self.climate.task_faults);
        let done = self.house.do_due_tasks(|| draw_fault(random, faults));
        done.iter().for_each(|fault| self.say(|_| format!("a task was done, its fault: {fault:?}")));
        if let Some((_, time)) = self.climate.drain.filter(|(at, _)| *at == u64::from(turn)) {
            let now = self.house.clients.now().nanos;
            self.drained = Some((now, now + self.climate.nanos(time)));
            self.house.drain(time);
            self.say(|_| format!("drains within {time:?}"));
        }
    }

    fn all_left(&self) -> bool {
        let has_left = |guest: &Guest| {
            guest.client.times().closed.is_some() || guest.client.ending() == Some(ClientEnding::Refused)
        };
        self.guests.iter().all(has_left) && self.house.is_idle()
    }

    fn judge(self) -> Fates {
        let history = self.house.history(self.drained);
        self.house.finish(self.drained.is_some());
        let mut fates = Vec::new();
        for (number, guest) in self.guests.iter().enumerate() {
            let (got, ending, times) = (guest.client.got(), guest.client.ending(), guest.client.times());
            if self.is_told {
                println!("client {number} got {} bytes, {ending:?}, {times:?}", got.len());
            }
            oracle::check(guest, &history, self.shelf);
            fates.push((got, ending, times));
        }
        fates
    }
}

fn draw_fault(random: &mut Random, percent: u64) -> Option<Fault> {
    let faults = [Fault::OutOfDescriptors, Fault::Io, Fault::Io, Fault::Missing, Fault::Damaged, Fault::Panics];
    (random.below(100) < percent).then(|| faults[random.below(faults.len() as u64) as usize])
}
