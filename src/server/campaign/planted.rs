//! Mistakes that can be made in the shipped code on purpose. Each of them must be noticed: a campaign that notices nothing
//! proves nothing.

use super::shelf::Shelf;
use super::{fails, number};
use std::cell::Cell;

/// Seeds within which every mistake must be noticed.
const SEEDS_MAX: u64 = 1_000;

macro_rules! mistakes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A mistake, under the name that its place has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Mistake {
            $($(#[$doc])* $name,)*
        }

        const ALL: &[Mistake] = &[$(Mistake::$name,)*];
    };
}

mistakes! {
    /// Accept: the bound on connections is not kept.
    AcceptAboveLimit,
    /// Accept: after an error it is never tried again.
    AcceptNotRetried,
    /// Accept: when a place is free again, nobody is told.
    AcceptNotResumed,
    /// Accept: a connection counts for its address for ever.
    AcceptKeepsCounting,
    /// Receive: what comes late is taken for the one that is asked for.
    ReceiveIgnoresArming,
    /// Send: what did not leave is forgotten.
    SendDropsRest,
    /// Send: an answer that cannot be finished ends as if it were whole.
    SendEndsInOrder,
    /// Timer: a deadline that moves nearer is not heard.
    TimerNotMovedNearer,
    /// Timer: one that came up early is not set again.
    TimerNotPutBack,
    /// Cancel: the late completion of a send is taken for the one under way.
    CancelIgnoresArming,
    /// Cancel: who has left still waits for its task.
    CancelKeepsWaiter,
    /// Workload: bytes are read unchecked.
    WorkTrustsBytes,
    /// Workload: what is not in memory is read on the loop.
    WorkReadsCold,
    /// Swap: open files of the old content go on.
    SwapKeepsFiles,
    /// Swap: a task for the old content counts for the new one.
    SwapTakesOldOutcome,
    /// Cold read: one of those who wait for a task is told.
    ColdTellsOne,
    /// Cold read: a failure is remembered for ever.
    ColdKeepsFailure,
    /// Cold read: bytes are sent unchecked.
    ColdTrustsBytes,
    /// Cold read: a file that was cut is believed.
    ColdBelievesCut,
    /// Cold read: what is copied is read on the loop.
    ColdCopied,
    /// Cold read: what is checked for the first time is read on the loop.
    ColdCheckedHere,
    /// Cold read: index pages that were in memory once are taken to be there for ever.
    ColdIndexKept,
    /// Cold send: when its bytes are there, it is forgotten.
    ParkedForgotten,
    /// Cold send: while it waits it counts as being sent.
    ParkedKeepsArming,
    /// Cold read: one that failed is taken for one that did not.
    ColdFailureBelieved,
    /// Buffer return: an outgoing is used again as it is.
    ReturnNotCleared,
    /// Buffer return: large ones are kept too.
    ReturnKeepsLarge,
    /// Drain: whoever has sent half a request is closed.
    DrainCutsRequests,
    /// Drain: it takes as long as it takes.
    DrainHasNoEnd,
    /// Hand over: who has left still counts.
    HandOverKeepsCounting,
}

thread_local! {
    /// The mistake that this thread's runs make.
    static PLANTED: Cell<Option<Mistake>> = const { Cell::new(None) };
}

/// Whether `mistake` is made now.
pub(crate) fn is(mistake: Mistake) -> bool {
    PLANTED.get() == Some(mistake)
}

/// The first seed that notices.
fn noticed_by(mistake: Mistake, shelf: &Shelf) -> Option<u64> {
    PLANTED.set(Some(mistake));
    let found = (0..SEEDS_MAX).find(|seed| fails(*seed, shelf, false));
    PLANTED.set(None);
    found
}

#[test]
fn campaign_notices_every_planted_mistake() {
    let shelf = Shelf::new();
    let mut unnoticed = Vec::new();
    // A number in BADGER_PLANTED: only this one.
    let only = number("BADGER_PLANTED").map(|index| ALL[index as usize]);
    for &mistake in ALL.iter().filter(|mistake| only.is_none_or(|only| only == **mistake)) {
        match noticed_by(mistake, &shelf) {
            Some(seed) => println!("{mistake:?}: noticed by seed {seed}"),
            None => unnoticed.push(mistake),
        }
    }
    assert!(unnoticed.is_empty(), "not noticed within {SEEDS_MAX} seeds: {unnoticed:?}");
}
