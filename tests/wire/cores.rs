//! Workers run on the cores that were chosen: each says where the kernel may put it.

use crate::stage::{Running, Stage, skip, until};
use badgerserver::{CoreChoice, Event, Response, Router};
use std::collections::BTreeSet;

stamp![
    workers_run_on_the_cores_of_the_choice,
    pinned_workers_are_dealt_one_core_each_of_the_choice,
    what_is_not_there_is_told_and_all_take_its_place,
];

/// What the kernel says of the calling thread: `0-1`.
fn own_cores() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    line.trim().to_owned()
}

/// The cores of this process by number.
fn cores_of_this_process() -> Vec<usize> {
    match own_cores().parse().unwrap() {
        CoreChoice::List(cores) => cores,
        other => panic!("{other}"),
    }
}

fn router() -> Router {
    Router::new().get("/cores", |_| Response::text(own_cores()))
}

/// What each of so many workers says.
fn said(running: &Running, workers: usize) -> BTreeSet<String> {
    let ask = || String::from_utf8(running.connect().get("/cores").body).unwrap();
    let mut said: Vec<String> = Vec::new();
    // New connections go to whoever has the fewest, so all have some when there are many open.
    let mut clients: Vec<_> = (0..8 * workers).map(|_| running.connect()).collect();
    until("every worker has a connection", || running.worker_stats().iter().all(|stats| stats.connections_open > 0));
    for client in &mut clients {
        said.push(String::from_utf8(client.get("/cores").body).unwrap());
    }
    said.push(ask());
    said.into_iter().collect()
}

fn workers_run_on_the_cores_of_the_choice(stage: &Stage) {
    if cores_of_this_process().len() == 1 {
        return skip("this process may use one core only");
    }
    for core in cores_of_this_process().into_iter().take(2) {
        let builder = stage.builder().cores(CoreChoice::List(vec![core]));
        let running = stage.start(builder, router());
        assert_eq!(said(&running, 1), [core.to_string()].into());
        assert_eq!(running.cores(), [core]);
        assert!(running.events().is_empty(), "{:?}", running.events());
    }
    let running = stage.serve(router());
    assert_eq!((said(&running, 1), running.cores()), ([own_cores()].into(), &[][..]), "nothing was asked for");
}

fn pinned_workers_are_dealt_one_core_each_of_the_choice(stage: &Stage) {
    let there = cores_of_this_process();
    let [.., first, second] = there[..] else { return skip("this process may use one core only") };
    let both = CoreChoice::List(vec![first, second]);
    let builder = || stage.builder().workers(2).cores(both.clone());
    let pinned = stage.start(builder().pin_workers(true), router());
    assert_eq!(said(&pinned, 2), [first.to_string(), second.to_string()].into());
    let bound = stage.start(builder(), router());
    assert_eq!(said(&bound, 2).len(), 1, "both may use both");
    // Of one core chosen, both workers are given that one.
    let one = stage.builder().workers(2).cores(CoreChoice::List(vec![second])).pin_workers(true);
    assert_eq!(said(&stage.start(one, router()), 2), [second.to_string()].into());
}

fn what_is_not_there_is_told_and_all_take_its_place(stage: &Stage) {
    let there = cores_of_this_process();
    let nowhere = CoreChoice::List(vec![40_000]);
    let running = stage.start(stage.builder().cores(nowhere.clone()), router());
    assert_eq!(said(&running, 1), [own_cores()].into());
    until("the event is told", || !running.events().is_empty());
    match &running.events()[..] {
        [event @ Event::CoresMissing { wanted, cores, .. }] => {
            assert_eq!((wanted, cores), (&nowhere, &there));
            let line = event.to_string();
            assert!(
                line.starts_with("workers were to run on core 40000: this process may use none of them;"),
                "{line}"
            );
        }
        other => panic!("{other:?}"),
    }
    let running = stage.start(stage.builder().cores(CoreChoice::List(vec![there[0], 40_000])), router());
    assert_eq!(said(&running, 1), [there[0].to_string()].into());
    until("the event is told", || !running.events().is_empty());
    assert!(running.events()[0].to_string().contains("this process may not use core 40000; they run on core "));
}
