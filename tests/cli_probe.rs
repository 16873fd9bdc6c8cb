//! `badger probe`, run as people run it.

mod cli_support;

use cli_support::Folder;
use serde_json::Value;

#[test]
fn it_tells_people_and_programs_the_same() {
    let folder = Folder::new("probe");
    let text = folder.badger("probe").good().stdout;
    let json: Value = serde_json::from_str(&folder.badger("probe --json").good().stdout).unwrap();
    let topics = json.as_object().unwrap();
    for topic in ["machine", "cores", "backends", "sockets", "files", "limits", "device"] {
        assert!(text.lines().any(|line| line == topic), "{topic} in\n{text}");
        for (name, entry) in topics[topic].as_object().unwrap() {
            let value = entry["value"].as_str().unwrap();
            let is_told = |line: &str| line.trim_start().starts_with(name.as_str()) && line.contains(value);
            assert!(text.lines().any(is_told), "{name} {value} in\n{text}");
            assert!(entry["available"].is_null() || entry["available"].is_boolean());
            assert!(entry["available"] != false || entry["note"] != "", "{name} is missing, and nobody says why");
        }
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(topics["machine"]["kernel"]["value"], release.trim());
    assert_eq!(topics["backends"]["epoll"]["available"], true);
    let auto = topics["backends"]["auto"]["value"].as_str().unwrap();
    assert!(["epoll", "io_uring"].contains(&auto), "{auto}");
}

/// What it says of workers is what a server does.
#[test]
fn workers_are_those_of_a_process_with_fewer_cores() {
    let folder = Folder::new("probe-cores");
    let badger = folder.command("probe --json");
    let mut command = std::process::Command::new("taskset");
    command.args(["-c", "0"]).arg(badger.get_program()).args(badger.get_args());
    match command.output() {
        Err(error) => println!("skipped: there is no taskset: {error}"),
        Ok(output) if !output.status.success() => {
            println!("skipped: core 0 is not ours: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(output) => {
            let json: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(json["cores"]["allowed"]["value"], "0");
            assert_eq!(json["cores"]["workers"]["value"], "1");
        }
    }
}

#[test]
fn a_path_that_is_not_there_is_a_finding_and_no_failure() {
    let text = Folder::new("probe-path").badger("probe nowhere").good().stdout;
    assert!(text.contains("no file to try it with"), "{text}");
}
