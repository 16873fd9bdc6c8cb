//! `badger serve --access-log`: its lines, its files and what becomes of them while requests go on.

#[path = "backends/mod.rs"]
mod backends;
mod cli_support;

use backends::{backends, skip};
use cli_support::Folder;
use cli_support::server::{Server, TIME_MAX, ask, until};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

/// Everything that comes back for these bytes, until the server closes.
fn exchange(server: &Server, bytes: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(TIME_MAX)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Three requests at once, of which the last ends the connection; one that cannot be read; one on a unix socket.
fn ask_each_way(folder: &Folder, server: &Server) {
    let many = "GET /a?b=1 HTTP/1.1\r\nHost: t\r\nUser-Agent: test \"1\"\r\nReferer: http://t/\r\n\r\n\
                HEAD /a HTTP/1.1\r\nHost: t\r\n\r\n\
                GET /none HTTP/1.0\r\n\r\n";
    let answers = exchange(server, many);
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    assert!(exchange(server, "GET /a\u{7f} HTTP/1.1\r\nHost: t\r\n\r\n").starts_with("HTTP/1.1 400"));
    let unix = UnixStream::connect(folder.path("socket")).unwrap();
    assert!(ask(unix, "/a").ends_with("hello"));
}

const FLAGS: &str = "serve site --listen 127.0.0.1:0 --listen unix:socket --workers 1";

#[test]
fn every_request_has_its_line_in_each_format() {
    for backend in backends() {
        for format in ["common", "combined", "json"] {
            let folder = Folder::new(&format!("access-{backend}-{format}"));
            folder.write("site/a", "hello");
            let flags = format!("{FLAGS} --backend {backend} --access-log log --access-format {format}");
            let server = Server::from(&mut folder.command(&flags));
            assert!(server.first_line.contains(&format!("backend={backend}")), "{}", server.first_line);
            ask_each_way(&folder, &server);
            let rest = server.stop();
            assert!(!rest.contains("access log"), "{rest}");
            assert_eq!(fs::metadata(folder.path("log")).unwrap().permissions().mode() & 0o137, 0, "not for everybody");
            let text = String::from_utf8(folder.read("log")).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 5, "{text}");
            if format == "json" {
                look_at_json(&lines);
            } else {
                look_at_lines(&lines, format == "combined");
            }
        }
    }
}

fn look_at_lines(lines: &[&str], is_combined: bool) {
    let wanted = [
        ("127.0.0.1", "\"GET /a?b=1 HTTP/1.1\" 200 5", "\"http://t/\" \"test \\x221\\x22\""),
        ("127.0.0.1", "\"HEAD /a HTTP/1.1\" 200 0", "\"-\" \"-\""),
        ("127.0.0.1", "\"GET /none HTTP/1.0\" 404 14", "\"-\" \"-\""),
        ("127.0.0.1", "\"GET /a\\x7f HTTP/1.1\" 400 ", "\"-\" \"-\""),
        ("-", "\"GET /a HTTP/1.1\" 200 5", "\"-\" \"-\""),
    ];
    for (line, (peer, request, fields)) in lines.iter().zip(wanted) {
        let rest = line.strip_prefix(&format!("{peer} - - [")).unwrap_or_else(|| panic!("{line}"));
        let (time, rest) = rest.split_once("] ").unwrap();
        assert!(time.len() == 26 && time.ends_with(" +0000"), "{line}");
        let rest = rest.strip_prefix(request).unwrap_or_else(|| panic!("{line}"));
        match is_combined {
            true => assert!(rest.ends_with(&format!(" {fields}")), "{line}"),
            false => assert!(rest.bytes().all(|byte| byte.is_ascii_digit()), "{line}"),
        }
    }
}

fn look_at_json(lines: &[&str]) {
    let parse = |line: &&str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let lines: Vec<Value> = lines.iter().map(parse).collect();
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{line}");
    }
    let of = |line: &Value, names: &[&str]| -> Vec<Value> { names.iter().map(|name| line[name].clone()).collect() };
    let names = ["peer", "method", "target", "version", "status", "bytes", "referer", "user_agent"];
    assert_eq!(
        of(&lines[0], &names),
        [
            json!("127.0.0.1"),
            json!("GET"),
            json!("/a?b=1"),
            json!("HTTP/1.1"),
            json!(200),
            json!(5),
            json!("http://t/"),
            json!("test \"1\"")
        ]
    );
    assert!(lines[0]["port"].as_u64().unwrap() > 0);
    assert_eq!(of(&lines[1], &["method", "bytes", "referer"]), [json!("HEAD"), json!(0), Value::Null]);
    assert_eq!(of(&lines[2], &["version", "status"]), [json!("HTTP/1.0"), json!(404)]);
    assert_eq!(of(&lines[3], &["target", "status"]), [json!("/a\u{7f}"), json!(400)]);
    assert_eq!(of(&lines[4], &["peer", "port", "target"]), [Value::Null, Value::Null, json!("/a")]);
}

/// Sends this many requests on connections that stay open; the server may close them.
fn ask_many(address: &str, requests: usize, answers: &AtomicU64) {
    let mut stream: Option<BufReader<TcpStream>> = None;
    for number in 0..requests {
        let stream_now = stream.get_or_insert_with(|| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(TIME_MAX)).unwrap();
            BufReader::new(stream)
        });
        // In one piece: several would wait for each other.
        let request = format!("GET /a?{number} HTTP/1.1\r\nHost: t\r\n\r\n");
        stream_now.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream_now.read_line(&mut head).unwrap(), 0, "the end after {head:?}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let mut body = [0; 5];
        stream_now.read_exact(&mut body).unwrap();
        answers.fetch_add(1, SeqCst);
        if head.contains("\r\nConnection: close\r\n") {
            stream = None;
        }
    }
}

/// Lines that a server said it dropped, which is none on any but a very slow machine.
fn dropped(said: &str) -> usize {
    let Some((_, rest)) = said.split_once("of the access log ") else { return 0 };
    assert!(rest.contains(" and 0 could not be written"), "{said}");
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// The lines of all files of the folder whose names begin so; each is whole.
fn count_lines(folder: &Folder, start: &str) -> usize {
    let mut count = 0;
    for name in folder.names().iter().filter(|name| name.starts_with(start)) {
        let text = String::from_utf8(folder.read(name)).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{name} ends with half a line");
        for line in text.lines() {
            let is_whole = line.starts_with("127.0.0.1 - - [") && line.ends_with(" 200 5 \"-\" \"-\"");
            assert!(is_whole && line.matches("GET /a?").count() == 1, "{name}: {line:?}");
            count += 1;
        }
    }
    count
}

const CLIENTS: usize = 4;
const REQUESTS: usize = 3000;

/// Renames the log again and again while clients ask; no line is lost.
fn rename_under_load(folder: &Folder, server: Server) {
    let answers = AtomicU64::new(0);
    let mut renamed = 0;
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| ask_many(&server.address, REQUESTS, &answers))).collect();
        while !clients.iter().all(|client| client.is_finished()) {
            renamed += 1;
            fs::rename(folder.path("logs/log"), folder.path(&format!("log.{renamed}"))).unwrap();
            server.signal("USR1");
            until("the new file", || folder.path("logs/log").exists());
        }
    });
    // Once more while nothing happens.
    fs::rename(folder.path("logs/log"), folder.path("log.last")).unwrap();
    server.signal("USR1");
    until("the new file", || folder.path("logs/log").exists());
    let said = server.stop();
    fs::rename(folder.path("logs/log"), folder.path("log.rest")).unwrap();
    assert!(renamed > 3, "{renamed}");
    let lines = count_lines(folder, "log.");
    println!("{lines} lines in {} files", renamed + 2);
    assert_eq!(lines + dropped(&said), CLIENTS * REQUESTS, "{said}");
}

#[test]
fn no_line_is_lost_when_the_file_is_renamed_and_opened_anew() {
    for backend in backends() {
        let folder = Folder::new(&format!("access-rename-{backend}"));
        folder.write("site/a", "hello");
        fs::create_dir_all(folder.path("logs")).unwrap();
        let flags = "site --listen 127.0.0.1:0 --access-log logs/log --workers 2";
        rename_under_load(&folder, Server::start(&folder, &format!("{flags} --backend {backend}")));
    }
}

#[test]
fn in_a_sandbox_the_file_is_opened_anew_too() {
    let folder = Folder::new("access-sandbox");
    folder.write("site/a", "hello");
    fs::create_dir_all(folder.path("logs")).unwrap();
    fs::create_dir_all(folder.path("temporary")).unwrap();
    let mut command = folder.command("serve site --listen 127.0.0.1:0 --access-log logs/log --workers 2 --sandbox=try");
    let mut server = Server::from(command.env("TMPDIR", "temporary"));
    let line = server.wait_for("in a sandbox");
    if line.contains("not in a sandbox") {
        return skip(line.trim_end());
    }
    rename_under_load(&folder, server);
}

#[test]
fn what_cannot_be_opened_is_refused_and_what_cannot_be_written_stops_nothing() {
    let folder = Folder::new("access-refused");
    folder.write("site/a", "hello");
    let refused = |path: &str, message: &str, remedy: &str| {
        let command = format!("serve site --listen 127.0.0.1:0 --access-log {path}");
        let outcome = folder.badger(&command).failed(&format!("access log: {path}: {message}"));
        assert!(outcome.stderr.contains(remedy) && outcome.stdout.is_empty(), "{outcome:?}");
    };
    refused("nowhere/log", "No such file or directory", "make the folder");
    refused("site", "Is a directory", "name a file");
    for backend in backends() {
        let flags = format!("site --listen 127.0.0.1:0 --workers 1 --access-log /dev/full --backend {backend}");
        let mut server = Server::start(&folder, &flags);
        assert!(server.get("/a").ends_with("hello"));
        let told = server.wait_for("cannot be written");
        assert!(told.contains("the access log /dev/full cannot be written: No space left on device"), "{told}");
        for _ in 0..10 {
            assert!(server.get("/a").ends_with("hello"));
        }
        let rest = server.stop();
        assert!(!rest.contains("cannot be written:"), "told once: {rest}");
        assert!(rest.contains("0 lines came faster than they were written, and 11 could not be written"), "{rest}");
    }
}

#[test]
fn on_stdout_the_lines_follow_those_that_say_where_it_listens() {
    let folder = Folder::new("access-stdout");
    folder.write("site/a", "hello");
    for backend in backends() {
        let flags = format!(
            "serve site --listen 127.0.0.1:0 --listen unix:socket --workers 1 --access-log - --backend {backend}"
        );
        let mut child = folder.command(&flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first_line = String::new();
        stdout.read_line(&mut first_line).unwrap();
        let address = first_line.split_whitespace().nth(2).unwrap().trim_start_matches("http://").to_owned();
        let server = Server { child, stderr, first_line, address };
        assert!(server.get("/a").ends_with("hello"));
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on unix:socket "), "{line}");
        line.clear();
        // While it serves.
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains("\"GET /a HTTP/1.1\" 200 5"), "{line}");
        // Nothing to open anew, and nothing that ends it.
        server.signal("USR1");
        assert!(server.get("/a").ends_with("hello"));
        server.stop();
        line.clear();
        stdout.read_to_string(&mut line).unwrap();
        assert_eq!(line.matches("\"GET /a HTTP/1.1\" 200 5").count(), 1, "{line}");
    }
}

#[test]
fn two_processes_write_to_one_file_while_one_takes_over() {
    for backend in backends() {
        let folder = Folder::new(&format!("access-takeover-{backend}"));
        folder.write("site/a", "hello");
        let flags = format!(
            "site --listen 127.0.0.1:0 --control control --access-log log --workers 1 --drain 60 --backend {backend}"
        );
        let mut server = Server::start(&folder, &flags);
        let address = server.address.clone();
        let answers = AtomicU64::new(0);
        let mut lost = 0;
        thread::scope(|scope| {
            let clients: Vec<_> =
                (0..CLIENTS).map(|_| scope.spawn(|| ask_many(&address, REQUESTS, &answers))).collect();
            for round in 1..4 {
                let wanted = (CLIENTS * REQUESTS * round / 5) as u64;
                until("more answers", || {
                    answers.load(SeqCst) >= wanted || clients.iter().any(|client| client.is_finished())
                });
                let next = Server::start(&folder, &format!("{flags} --takeover control"));
                server.wait_for("badger: handed over");
                lost += dropped(&server.end());
                server = next;
            }
        });
        lost += dropped(&server.stop());
        assert_eq!(count_lines(&folder, "log") + lost, CLIENTS * REQUESTS);
    }
}

#[test]
fn the_file_of_settings_and_the_environment_know_it() {
    let folder = Folder::new("access-settings");
    folder.write("in/site/a", "hello");
    let settings = "paths = [\"site\"]\nlisten = \"127.0.0.1:0\"\nworkers = 1\naccess_log = \"log\"\n\
                    access_format = \"json\"\naccess_sample = 3\n";
    folder.write("in/badger.toml", settings);
    let run = |command: &mut std::process::Command| {
        let server = Server::from(command);
        (0..10).for_each(|_| assert!(server.get("/a").ends_with("hello")));
        server.stop();
        let text = String::from_utf8(folder.read("in/log")).unwrap();
        fs::remove_file(folder.path("in/log")).unwrap();
        text
    };
    let text = run(&mut folder.command("serve --config in/badger.toml"));
    assert!(text.lines().count() == 3 && text.starts_with("{\"time\":"), "{text}");
    let mut command = folder.command("serve --config in/badger.toml");
    let text = run(command.env("BADGER_ACCESS_FORMAT", "common").env("BADGER_ACCESS_SAMPLE", "5"));
    assert!(text.lines().count() == 2 && text.starts_with("127.0.0.1 - - ["), "{text}");
    let outcome = folder.badger("serve in/site --access-log log --access-sample 0");
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
}
