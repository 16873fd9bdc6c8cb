//! The loop in the simulated world: single cases, each arranged by hand. The campaign tries everything else.

use super::campaign::{Ask, Climate, Fault, Guest, House, Of, Shelf, check};
use super::*;
use crate::ring::sim::{ClientEnding, Pace, Weather};

const SECOND: u64 = 1_000_000_000;

/// Serves until every client has left, and looks at what `guests` got.
fn serve_and_check(mut house: House, guests: &[Guest], shelf: &Shelf) {
    let accepted = house.counts().connections_accepted.max(guests.len() as u64);
    house.turn_until(|house| {
        let counts = house.counts();
        counts.connections_accepted >= accepted && counts.connections_open == 0 && house.is_idle()
    });
    let history = house.history(None);
    guests.iter().for_each(|guest| check(guest, &history, shelf));
    house.finish(false);
}

#[test]
fn a_drain_closes_idle_connections_at_once_and_answers_what_has_arrived() {
    let shelf = Shelf::new();
    let mut house = House::calm(&shelf);
    let request = Ask::who(7).text;
    let idle = house.clients.connect(0);
    idle.send(&request);
    let silent = house.clients.connect(0);
    house.turn_until(|house| !idle.got().is_empty() && house.counts().connections_accepted == 2);
    let before = house.clients.now().nanos;
    // Their bytes are in the kernel when the drain is told, one of them on a connection that was not accepted yet.
    let late = house.clients.connect(0);
    late.send(&request);
    silent.send(&request);
    house.drain(Duration::from_secs(30));
    while house.turn() {}
    assert!(house.clients.now().nanos - before <= 6 * SECOND, "no longer than it lingers");
    for client in [&silent, &late] {
        let got = String::from_utf8(client.got()).unwrap();
        assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("\r\nConnection: close\r\n"), "{got:?}");
    }
    house.finish(true);

    let mut house = House::calm(&shelf);
    let idle = house.clients.connect(0);
    idle.send(&request);
    house.turn_until(|_| !idle.got().is_empty());
    house.finish(false);
    assert_eq!(idle.ending(), Some(ClientEnding::Finished));
}

/// Its socket is on its way from the worker that accepted it, and nobody else would answer it.
#[test]
fn a_drain_waits_for_what_another_worker_is_handing_over_and_answers_it() {
    let shelf = Shelf::new();
    let mut house = House::new(1, Climate::with_neighbour(), &shelf);
    let stay: Vec<_> = (0..2).map(|_| house.clients.connect(0)).collect();
    house.turn_until(|house| house.counts().connections_open == 2);
    let guest = Guest::plain(&house.clients, vec![Ask::who(7)], 1);
    house.turn_until(|house| house.next_door.on_the_way() == 1);
    house.drain(Duration::from_secs(30));
    while house.turn() {}
    let got = String::from_utf8(guest.client.got()).unwrap();
    assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("\r\nConnection: close\r\n"), "{got:?}");
    assert!(stay.iter().all(|client| client.ending() == Some(ClientEnding::Finished)));
    let counts = house.counts();
    assert_eq!((counts.connections_accepted, counts.connections_handed_over), (3, 1));
    house.finish(true);

    // The time is over while it is on its way: it is cut, and counted.
    let mut house = House::new(1, Climate::with_neighbour(), &shelf);
    let clients: Vec<_> = (0..3).map(|_| house.clients.connect(0)).collect();
    house.turn_until(|house| house.next_door.on_the_way() == 1);
    house.drain(Duration::ZERO);
    while house.turn() {}
    assert_eq!(house.counts().closed_by_drain, 3);
    assert!(clients.iter().all(|client| client.ending() == Some(ClientEnding::Reset)));
    house.finish(true);
}

#[test]
fn a_hand_over_lets_idle_connections_ask_once_more() {
    let shelf = Shelf::new();
    let mut house = House::calm(&shelf);
    let request = Ask::who(7).text;
    let clients: Vec<_> = (0..2).map(|_| house.clients.connect(0)).collect();
    clients.iter().for_each(|client| client.send(&request));
    house.turn_until(|_| clients.iter().all(|client| !client.got().is_empty()));
    let before = house.clients.now().nanos;
    house.tell(Message::HandOver(Duration::from_secs(30)));
    house.turn_until(House::is_idle);
    assert_eq!(house.counts().connections_open, 2, "nobody is closed who may be about to ask");
    let first = clients[0].got().len();
    clients[0].send(&request);
    house.turn_until(|house| house.counts().connections_open == 1);
    let got = String::from_utf8(clients[0].got().split_off(first)).unwrap();
    assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("\r\nConnection: close\r\n"), "{got:?}");
    while house.turn() {}
    let seconds = (house.clients.now().nanos - before) / SECOND;
    assert!((15..17).contains(&seconds), "half of the time, and it was {seconds} s");
    assert_eq!(house.counts().closed_by_drain, 0);
    house.finish(true);
    assert!(clients.iter().all(|client| client.ending() == Some(ClientEnding::Finished)));
}

#[test]
fn a_drain_ends_the_patience_of_a_hand_over() {
    let shelf = Shelf::new();
    let mut house = House::calm(&shelf);
    let client = house.clients.connect(0);
    client.send(&Ask::who(7).text);
    house.turn_until(|_| !client.got().is_empty());
    let before = house.clients.now().nanos;
    house.tell(Message::HandOver(Duration::from_secs(30)));
    assert!(house.turn());
    house.drain(Duration::from_secs(20));
    while house.turn() {}
    assert!(house.clients.now().nanos - before < SECOND);
    house.finish(true);
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let shelf = Shelf::new();
    let mut house = House::calm(&shelf);
    let client = house.clients.connect(0);
    client.set_pace(Pace::Never);
    client.send(&Ask::get(Of::BIG).text.repeat(3));
    house.turn_until(|house| house.counts().connections_accepted == 1 && house.counts().connections_open == 0);
    let counts = house.counts();
    assert_eq!((counts.closed_send_time, counts.responses), (1, 3));
    assert_eq!(client.ending(), Some(ClientEnding::Reset));
    let nanos = house.clients.now().nanos;
    // The first window sees what the socket's buffer takes, the next one nothing.
    assert!((30 * SECOND..62 * SECOND).contains(&nanos), "{nanos}");
    house.finish(false);
}

#[test]
fn requests_that_wait_for_one_task_share_it_and_a_swap_starts_it_anew() {
    let shelf = Shelf::new();
    let mut house = House::calm(&shelf);
    let asks = || vec![Ask::who(1), Ask::get(Of::HUGE), Ask::who(2)];
    let guests: Vec<_> = (0..3).map(|_| Guest::plain(&house.clients, asks(), 1)).collect();
    house.turn_until(|house| guests.iter().all(|guest| !guest.client.got().is_empty()) && house.is_idle());
    assert_eq!(house.tasks(), 1);
    house.swap(&shelf, None);
    house.do_task(0, None);
    house.turn_until(|house| house.tasks() > 0);
    assert_eq!(house.tasks(), 1, "the outcome was that of the old content");
    house.do_task(0, None);
    house.turn_until(|house| house.counts().tasks == 2);
    assert!(guests.iter().all(|guest| !guest.client.got().ends_with(b"1 2")), "nobody was answered by the old content");
    serve_and_check(house, &guests, &shelf);
    assert!(guests.iter().all(|guest| guest.client.got().ends_with(b"2 2")));
}

/// Each outcome used to have the request asked again, which ended with 503 after a few.
#[test]
fn a_request_that_waits_for_several_tasks_is_asked_again_once() {
    let shelf = Shelf::new();
    for is_swapped in [false, true] {
        let mut house = House::calm(&shelf);
        let guest = Guest::plain(&house.clients, vec![Ask::vast_parts(7), Ask::who(1)], 1);
        house.turn_until(|house| house.tasks() == 7);
        if is_swapped {
            // What is under way for the old content is no longer waited for, and what it brings changes nothing.
            house.swap(&shelf, None);
            house.do_task(6, None);
            house.turn_until(|house| house.tasks() == 6 + 7);
        }
        while house.tasks() > 0 {
            house.do_task(0, None);
            let done = house.counts().tasks + 1;
            house.turn_until(|house| house.counts().tasks == done);
        }
        serve_and_check(house, &[guest], &shelf);
    }
}

#[test]
fn the_first_of_several_tasks_that_fails_ends_the_wait() {
    let shelf = Shelf::new();
    let mut house = House::new(1, Climate::on_disk(), &shelf);
    let guest = Guest::plain(&house.clients, vec![Ask::vast_parts(5), Ask::who(1)], 1);
    house.turn_until(|house| house.tasks() == 5);
    house.do_task(2, Some(Fault::Damaged));
    house.turn_until(|_| guest.client.got().ends_with(b"1 1"));
    assert!(guest.client.got().starts_with(b"HTTP/1.1 500 "));
    house.finish(false);
}

/// Its requests used to wait until they timed out, and so did all later ones for the same content.
#[test]
fn a_task_that_panics_fails_its_requests_and_is_started_anew_by_the_next() {
    let shelf = Shelf::new();
    let mut house = House::new(1, Climate::on_disk(), &shelf);
    let unlucky = house.clients.connect(0);
    unlucky.send(&Ask::get(Of::HUGE).text);
    house.turn_until(|house| house.tasks() == 1);
    house.do_task(0, Some(Fault::Panics));
    house.turn_until(|_| !unlucky.got().is_empty());
    assert!(unlucky.got().starts_with(b"HTTP/1.1 500 "));
    assert_eq!(house.counts().content_failures, 1);
    let next = house.clients.connect(0);
    next.send(&Ask::get(Of::HUGE).text);
    house.turn_until(|house| house.tasks() == 1);
    house.do_task(0, None);
    house.turn_until(|_| next.got().ends_with(shelf.bytes(Of::HUGE, 1)));
    house.finish(false);
}

#[test]
fn what_comes_late_for_a_closed_connection_does_not_touch_the_next_one_in_its_slot() {
    let shelf = Shelf::new();
    for seed in 0..50 {
        let mut climate = Climate::calm();
        climate.weather = Weather { late_percent: 100, delay_nanos_max: SECOND / 10, ..Weather::CALM };
        climate.limits.connections_max = 1;
        let mut house = House::new(seed, climate, &shelf);
        let stuck = house.clients.connect(0);
        stuck.set_pace(Pace::Never);
        stuck.send(&Ask::get(Of::BIG).text.repeat(3));
        house.turn_until(|house| house.counts().connections_accepted == 1);
        let next = Guest::plain(&house.clients, vec![Ask::get(Of::BIG), Ask::who(1)], 1);
        house.turn_until(|house| house.counts().closed_send_time == 1);
        house.turn_until(|house| house.counts().connections_accepted == 2);
        serve_and_check(house, &[next], &shelf);
    }
}

/// A worker whose files are on a disk; everything was checked, and nothing of it is in memory.
fn cold_house(shelf: &Shelf) -> House {
    let mut house = House::new(1, Climate::on_disk(), shelf);
    let first = house.clients.connect(0);
    for of in [Of::BIG, Of::SMALL] {
        first.send(&Ask::get(of).text);
        house.turn_until(|_| first.got().ends_with(shelf.bytes(of, 1)));
    }
    first.finish();
    // Time enough that nothing of it is in use.
    for seconds in [3, 6] {
        let until = house.clients.now().nanos + seconds * SECOND;
        house.clients.alarm(until);
        house.turn_until(|house| house.clients.now().nanos >= until);
    }
    house.cool_all();
    house
}

/// Has all tasks done until the next one waits that is not a lookup's.
fn until_parked(house: &mut House) {
    while house.parked() == 0 {
        house.turn_until(|house| house.tasks() > 0 || house.parked() > 0);
        if house.parked() == 0 {
            house.do_task(0, None);
        }
    }
}

#[test]
fn a_send_whose_content_is_cold_waits_for_its_task_and_is_whole() {
    let shelf = Shelf::new();
    let mut house = cold_house(&shelf);
    let guests: Vec<_> =
        (0..3).map(|_| Guest::plain(&house.clients, vec![Ask::get(Of::BIG), Ask::who(1)], 1)).collect();
    until_parked(&mut house);
    house.turn_until(|house| house.parked() == 3);
    assert_eq!(house.tasks(), 1, "they share the read");
    assert!(guests.iter().all(|guest| guest.client.got().is_empty()), "no head before its body can leave");
    house.do_task(0, None);
    serve_and_check(house, &guests, &shelf);
}

#[test]
fn a_client_that_leaves_while_its_content_is_read_leaves_nothing_behind() {
    let shelf = Shelf::new();
    let mut house = cold_house(&shelf);
    let client = house.clients.connect(0);
    client.send(&Ask::get(Of::BIG).text);
    until_parked(&mut house);
    client.reset();
    // Nothing is received while an answer leaves, so it is heard when the send is tried again.
    house.do_task(0, None);
    house.turn_until(|house| house.counts().connections_open == 0);
    assert_eq!(house.parked(), 0);
    house.finish(false);
}

#[test]
fn a_read_that_fails_is_answered_500_and_the_next_request_reads_again() {
    let shelf = Shelf::new();
    let mut house = cold_house(&shelf);
    let unlucky = house.clients.connect(0);
    unlucky.send(&Ask::get(Of::BIG).text);
    until_parked(&mut house);
    house.do_task(0, Some(Fault::Io));
    house.turn_until(|_| !unlucky.got().is_empty());
    assert!(unlucky.got().starts_with(b"HTTP/1.1 500 "));
    assert_eq!(house.counts().content_failures, 1);
    unlucky.finish();
    house.turn_until(|house| house.counts().connections_open == 0);
    let next = house.clients.connect(0);
    next.send(&Ask::get(Of::BIG).text);
    until_parked(&mut house);
    house.do_task(0, None);
    house.turn_until(|_| next.got().ends_with(shelf.bytes(Of::BIG, 1)));
    house.finish(false);
}

#[test]
fn a_disk_that_does_not_answer_costs_its_client_a_503_after_a_while() {
    let shelf = Shelf::new();
    let mut house = cold_house(&shelf);
    let client = house.clients.connect(0);
    client.send(&Ask::get(Of::BIG).text);
    until_parked(&mut house);
    let before = house.clients.now().nanos;
    house.turn_until(|_| !client.got().is_empty());
    assert!(client.got().starts_with(b"HTTP/1.1 503 "));
    let waited = house.clients.now().nanos - before;
    assert!((30 * SECOND..31 * SECOND).contains(&waited), "{waited}");
    assert_eq!(house.counts().closed_send_time, 0);
    client.finish();
    house.turn_until(|house| house.counts().connections_open == 0);
    house.finish(false);
}

#[test]
fn a_swap_lets_a_send_that_waits_end_with_the_old_content() {
    let shelf = Shelf::new();
    let mut house = cold_house(&shelf);
    let client = house.clients.connect(0);
    client.send(&Ask::get(Of::BIG).text);
    until_parked(&mut house);
    house.swap(&shelf, None);
    house.turn_until(|house| house.adopted() == 2);
    house.do_task(0, None);
    house.turn_until(|_| client.got().ends_with(shelf.bytes(Of::BIG, 1)));
    house.finish(false);
}

/// A processor that nobody wakes goes to sleep, which is most of what a phone lives on.
#[test]
fn nothing_ticks_while_nobody_asks() {
    let shelf = Shelf::new();
    let mut house = House::calm(&shelf);
    assert_eq!(house.deadline(), None, "without a connection there is nothing to wake up for");
    let clients: Vec<_> = (0..5).map(|_| house.clients.connect(0)).collect();
    clients.iter().for_each(|client| client.send(&Ask::who(7).text));
    house.turn_until(|house| clients.iter().all(|client| !client.got().is_empty()) && house.is_idle());
    let (woken, start) = (house.counts().wakeups, house.clients.now().nanos);
    house.turn_until(|house| house.counts().closed_idle_time > 0);
    // All of them came up in one tick of the wheel: once when their heads had been due, and once when they had been idle too long.
    assert_eq!(house.counts().wakeups - woken, 2);
    assert!(house.clients.now().nanos - start >= 60 * SECOND);
    house.turn_until(|house| house.counts().connections_open == 0);
    assert_eq!(house.deadline(), None);
    house.finish(false);
}
