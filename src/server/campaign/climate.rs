//! What kind of a run a seed is: the weather of its world, its limits, and which faults it may have.

use super::script::BODY_BYTES_MAX;
use crate::limits::Limits;
use crate::ring::sim::{Random, Weather};
use std::time::Duration;

/// Of a hundred completions, so many come late when slots are few and soon taken anew.
const LATE_PERCENT: u64 = 90;

/// How the packs of a run are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    /// On a disk, read by calls.
    Read,
    /// On a disk, read through a mapping.
    Mapped,
}

#[derive(Clone, Debug)]
pub(crate) struct Climate {
    pub(crate) weather: Weather,
    pub(crate) limits: Limits,
    pub(super) store: Store,
    /// Files become shorter while they are served.
    pub(super) cuts: bool,
    /// Pages of files leave memory while they are served.
    pub(super) cools: bool,
    /// Some generations have a flipped bit.
    pub(super) damage: bool,
    /// Tasks that may wait; more are refused.
    pub(super) tasks_max: usize,
    /// Of a hundred tasks, so many end in an error or a panic.
    pub(super) task_faults: u64,
    /// Clients share addresses, which may have a few connections each.
    pub(super) turns_away: bool,
    /// Some tasks take longer than a request may wait.
    pub(super) late_tasks: bool,
    /// There is another worker, and connections go there and come back.
    pub(super) has_neighbour: bool,
    /// The turn at which it is told to drain, and how long it may take.
    pub(super) drain: Option<(u64, Duration)>,
}

impl Climate {
    /// Nothing goes wrong.
    pub(crate) fn calm() -> Climate {
        Climate {
            weather: Weather::CALM,
            limits: Limits { body_bytes_max: BODY_BYTES_MAX, ..Limits::default() },
            store: Store::Memory,
            cuts: false,
            cools: false,
            damage: false,
            tasks_max: usize::MAX,
            task_faults: 0,
            turns_away: false,
            late_tasks: false,
            has_neighbour: false,
            drain: None,
        }
    }

    /// Nothing goes wrong unless it is made to, and the packs are files on a disk.
    pub(crate) fn on_disk() -> Climate {
        Climate { store: Store::Read, task_faults: 1, ..Climate::calm() }
    }

    /// Nothing goes wrong, and there is another worker.
    pub(crate) fn with_neighbour() -> Climate {
        Climate { has_neighbour: true, ..Climate::calm() }
    }

    pub(super) fn draw(random: &mut Random) -> Climate {
        let cuts = random.below(3) == 0;
        // A cut is found out in more ways through a mapping, and not at all in memory.
        let stores = [Store::Mapped, Store::Mapped, Store::Read, Store::Memory];
        let store = stores[random.below(if cuts { 3 } else { 4 }) as usize];
        let cools = random.below(5) < 2;
        let damage = random.below(8) == 0;
        let mut weather = draw_weather(random);
        let mut limits = draw_limits(random);
        if weather.late_percent == LATE_PERCENT {
            limits.connections_max = 1 + random.below(2) as usize;
        }
        let turns_away = random.below(8) == 0;
        if turns_away {
            weather.addresses = 1 + random.below(2) as u32;
            limits.connections_per_address_max = 1 + random.below(2) as usize;
        }
        let tasks_max = if random.below(6) == 0 { random.below(3) as usize } else { usize::MAX };
        // Only what is cold is read by tasks whose failure leaves something to believe.
        let task_faults = if random.below(if cools { 2 } else { 4 }) == 0 { if cools { 60 } else { 30 } } else { 0 };
        let late_tasks = random.below(8) == 0;
        let drain_time = Duration::from_millis(random.below(20_000));
        let drain = (random.below(3) == 0).then(|| (random.below(300), drain_time));
        // What goes there comes back whether there is room or not, so there must be.
        let has_room = limits.connections_max == Limits::default().connections_max;
        let has_neighbour = has_room && random.below(3) == 0;
        Climate {
            weather,
            limits,
            store,
            cuts,
            cools,
            damage,
            tasks_max,
            task_faults,
            turns_away,
            late_tasks,
            has_neighbour,
            drain,
        }
    }

    pub(super) fn nanos(&self, time: Duration) -> u64 {
        time.as_nanos() as u64
    }
}

fn draw_weather(random: &mut Random) -> Weather {
    let window_bytes = 1_000 + random.below(60_000) as usize;
    let rough = Weather { window_bytes, accepts_ahead: random.below(2) == 0, ..Weather::ROUGH };
    match random.below(9) {
        0 | 1 => Weather { window_bytes, ..Weather::CALM },
        // A storm of EAGAIN.
        2 => Weather { again_percent: 90, ..rough },
        // Bytes come and go one by one, or few at a time.
        3 => Weather { short_percent: 95, window_bytes: 200_000, ..rough },
        // Descriptors run out.
        4 => Weather { descriptors_max: 1 + random.below(3) as usize, accept_failure_percent: 30, ..rough },
        5 => Weather { open_failure_percent: 20, ..rough },
        // What ends is told long after, when its slot has been taken anew.
        6 => Weather { late_percent: LATE_PERCENT, delay_nanos_max: 50_000_000, ..rough },
        _ => rough,
    }
}

fn draw_limits(random: &mut Random) -> Limits {
    let mut limits = Climate::calm().limits;
    let mut seconds = |least: u64, most: u64| Duration::from_millis(1000 * least + random.below(1000 * (most - least)));
    limits.head_time_max = seconds(6, 20);
    limits.body_time_max = seconds(6, 20);
    limits.idle_time_max = seconds(6, 90);
    limits.send_time_max = seconds(5, 40);
    limits.linger_time_max = seconds(5, 10);
    if random.below(4) == 0 {
        limits.connections_max = 1 + random.below(3) as usize;
    }
    if random.below(3) == 0 {
        limits.pipeline_max = 1 + random.below(3) as usize;
    }
    limits.open_files_max = 1 + random.below(4) as usize;
    limits
}
