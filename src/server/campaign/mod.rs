//! The campaign: the shipped worker in the simulated world, one run for each seed.
//!
//! ```text
//! climate    what kind of run a seed is: weather, limits, which faults it may have
//! guest      the clients: what they send and when, how they read and leave      script: requests, each with its answer
//! house      a worker, and the threads around it: tasks, swaps, drains          shelf: content by generation
//! next_door  another worker, which hands connections over
//! run        turns, and between them whatever the seed says
//! invariants what must hold after every turn
//! oracle     what each client must have got                                      answers: read off the wire
//! planted    mistakes made on purpose, each of which must be noticed
//! ```
//!
//! A seed that fails is printed with the command that repeats it. ARCHITECTURE.md, "The campaign", says how to go on.

mod answers;
mod climate;
mod guest;
mod house;
mod invariants;
mod next_door;
mod oracle;
pub(crate) mod planted;
mod run;
mod script;
mod shelf;

pub(super) use climate::Climate;
pub(super) use guest::Guest;
pub(super) use house::{Fault, House};
pub(super) use oracle::check;
pub(super) use script::Ask;
pub(super) use shelf::{Of, Shelf};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Turns after which a run must have ended.
const TURNS_MAX: u32 = 2_000_000;

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 300;

/// Failing seeds after which no more are tried.
const FAILURES_MAX: usize = 10;

/// Whether a seed's run fails. What it says goes to the test's output.
fn fails(seed: u64, shelf: &Shelf, is_told: bool) -> bool {
    catch_unwind(AssertUnwindSafe(|| run::run(seed, shelf, is_told))).is_err()
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

#[test]
fn campaign() {
    let shelf = Shelf::new();
    let only = number("BADGER_SEED");
    let first = only.or(number("BADGER_FIRST_SEED")).unwrap_or(0);
    let count = if only.is_some() { 1 } else { number("BADGER_SEEDS").unwrap_or(SEEDS) };
    let start = std::time::Instant::now();
    let failing = (first..first + count).filter(|seed| fails(*seed, &shelf, only.is_some()));
    let failing: Vec<u64> = failing.take(FAILURES_MAX).collect();
    let again = "BADGER_SEED=... cargo test --release --lib campaign::campaign -- --nocapture";
    assert!(failing.is_empty(), "failing seeds: {failing:?}; to see one again: {again}");
    let seconds = start.elapsed().as_secs_f64();
    println!("{count} seeds in {seconds:.1} s: {:.0} a second", count as f64 / seconds);
}

#[test]
fn campaign_seeds_say_all_that_happens() {
    let shelf = Shelf::new();
    for seed in 0..50 {
        assert!(run::run(seed, &shelf, false) == run::run(seed, &shelf, false), "seed {seed} had two outcomes");
    }
}
