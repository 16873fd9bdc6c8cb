//! RFC 9110 and RFC 9112 for an origin server, rule by rule: `table.rs` says what each rule is and which test holds it, and
//! the tests here look at the table: each test it names exists and is run, and each test that is run is named.
//!
//! Every rule is asked of the protocol alone and, with the same bytes, over real sockets on each backend (`ways.rs`).

mod answers;
#[path = "../backends/mod.rs"]
mod backends;
mod site;
mod table;
mod ways;

mod codings;
mod conditions;
mod connections;
mod fields;
mod framing;
mod heads;
mod methods;
mod peers;
mod ranges;
mod statuses;
mod targets;

use std::collections::BTreeSet;
use std::process::Command;
use table::{Level, NEIGHBOURS, RULES};

/// The tests of this program, as its harness lists them.
fn listed(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--list", "--format", "terse"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Whatever the harness lists and does not ignore it runs, so a name in the list is a test that ran beside this one.
#[test]
fn every_rule_has_a_test_that_runs_and_every_test_a_rule() {
    assert_eq!(listed(&["--ignored"]), BTreeSet::new(), "an ignored test holds nothing");
    let listed: BTreeSet<String> = listed(&[]).into_iter().filter(|name| name.contains("::")).collect();
    let named: BTreeSet<String> =
        RULES.iter().map(|rule| rule.test).chain(NEIGHBOURS.iter().map(|row| row.2)).map(str::to_owned).collect();
    let missing: Vec<_> = named.difference(&listed).collect();
    assert!(missing.is_empty(), "tests/rfc/table.rs names tests that are not there: {missing:?}");
    let unnamed: Vec<_> = listed.difference(&named).collect();
    assert!(unnamed.is_empty(), "no rule of tests/rfc/table.rs names these tests: {unnamed:?}");
}

#[test]
fn the_table_is_in_order_and_says_each_rule_once() {
    let place = |section: &str| -> Vec<u32> { section.split('.').map(|part| part.parse().unwrap()).collect() };
    for pair in RULES.windows(2) {
        let [one, other] = [&pair[0], &pair[1]].map(|rule| (rule.document, place(rule.section)));
        assert!(one <= other, "{} section {} stands behind a later one", pair[1].document, pair[1].section);
    }
    let musts = RULES.iter().filter(|rule| rule.level == Level::Must).count();
    println!("{musts} rules, {} recommendations, {} mistakes of others", RULES.len() - musts, NEIGHBOURS.len());
    let texts: BTreeSet<_> = RULES.iter().map(|rule| rule.text).collect();
    assert_eq!(texts.len(), RULES.len(), "a rule stands there twice");
    // Those sections that speak to origin servers, and no others.
    for rule in RULES {
        let chapter = place(rule.section)[0];
        let is_known = match rule.document {
            9110 => (2..=15).contains(&chapter),
            9112 => (2..=9).contains(&chapter),
            _ => false,
        };
        assert!(is_known && !rule.text.is_empty(), "RFC {} section {}", rule.document, rule.section);
    }
}
