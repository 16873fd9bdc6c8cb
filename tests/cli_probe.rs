//! `badger probe`, run as people run it.

#[path = "backends/mod.rs"]
mod backends;
mod cli_support;

use backends::backends;
use cli_support::Folder;
use cli_support::server::until;
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

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

/// Everything that it says is there and may be so; how quick this machine is is nobody's mistake.
fn check_measured(json: &Value, backend: &str) {
    assert_eq!(json["backend"], backend);
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("no number: {value} in {json:#}"));
    let answers = json["answers"].as_array().unwrap();
    let names: Vec<_> =
        answers.iter().map(|one| (one["name"].as_str().unwrap(), one["connections"].as_u64().unwrap())).collect();
    assert_eq!(names, [("gallery", 1), ("metadata", 1), ("asset", 1), ("gallery", 16), ("gallery", 64)]);
    for answer in answers {
        assert!(number(&answer["requests"]) >= 1.0, "{answer}");
        assert!(number(&answer["cpu_micros"]) > 0.0 && number(&answer["wakeups"]) > 0.0, "{answer}");
        assert!(number(&answer["sleeps"]) >= 0.0, "{answer}");
    }
    let part = |name: &str| json["session"].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap();
    assert!(number(&part("first_visit")["bytes"]) > 10.0 * number(&part("next_day")["bytes"]));
    assert!(number(&part("browse")["cpu_micros"]) > 0.0 && number(&part("browse")["pictures"]) > 50.0);
    assert!(number(&json["idle"]["seconds"]) > 0.0);
    assert!(json["device"]["before"]["batteries"].is_array() && json["device"]["after"]["temperatures"].is_array());
    let viewers = &json["viewers"];
    assert!(number(&viewers["by_processor"]) > 0.0);
    let networks: Vec<_> =
        viewers["by_network"].as_array().unwrap().iter().map(|one| number(&one["viewers"])).collect();
    assert!(networks.len() == 3 && networks.windows(2).all(|pair| pair[0] < pair[1]), "{networks:?}");
}

#[test]
fn it_measures_what_a_viewer_takes_and_leaves_nothing() {
    let folder = Folder::new("probe-measure");
    fs::create_dir_all(folder.path("in")).unwrap();
    for backend in backends() {
        let outcome = folder.badger(&format!("probe in --measure --json --seconds 1 --backend {backend}"));
        let json: Value = serde_json::from_str(&outcome.good().stdout).unwrap();
        check_measured(&json, &backend.to_string());
        assert_eq!((&json["content"], &json["storage"]["piece_bytes"]), (&"file".into(), &153_600.into()));
        assert!(json["storage"]["megabytes_per_second"].as_f64().unwrap() > 0.0, "{json:#}");
        assert_eq!(fs::read_dir(folder.path("in")).unwrap().count(), 0, "it leaves something behind");
    }
    let text = folder.badger("probe in --measure --seconds 1 --cores 0").good().stdout;
    for line in ["one answer takes of a core", "left alone", "storage", "device", "viewers that may browse"] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} in\n{text}");
    }
    assert!(text.contains("by a network of 100 Mbit/s"), "{text}");
}

/// A folder that cannot be written, as the packs' own may be.
#[test]
fn without_a_place_for_files_it_measures_the_rest() {
    let folder = Folder::new("probe-measure-memory");
    let json = folder.badger("probe no/such/folder --measure --json --seconds 1 --backend epoll").good().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    check_measured(&json, "epoll");
    assert_eq!(json["content"], "memory");
    assert!(json["storage"]["error"].as_str().unwrap().contains("No such file"), "{json:#}");
    assert!(json["viewers"]["by_storage"].is_null());
    assert_eq!(folder.badger("probe --seconds 5").code, Some(2), "it is about --measure");
    assert_eq!(folder.badger("probe --measure --seconds 0").code, Some(2));
}

#[test]
fn interrupted_it_leaves_nothing_behind() {
    let folder = Folder::new("probe-measure-interrupted");
    fs::create_dir_all(folder.path("in")).unwrap();
    let mut child = folder.command("probe in --measure --seconds 600").stdout(Stdio::null()).spawn().unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let is_loop =
        |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "badger-0\n");
    until("its server runs", || fs::read_dir(&tasks).unwrap().flatten().any(is_loop));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(!child.wait().unwrap().success());
    assert_eq!(fs::read_dir(folder.path("in")).unwrap().count(), 0);
}
