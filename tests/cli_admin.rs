//! `badger serve --admin`: the pages about a server, seen from outside, on every backend.

#[path = "backends/mod.rs"]
mod backends;
mod cli_support;

use backends::{backends, skip};
use cli_support::Folder;
use cli_support::server::{Server, TIME_MAX, ask, until};
use serde_json::Value;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

const LARGE_BYTES: u64 = 128 * 1024 * 1024;

/// Asks the pages on a unix socket.
fn page(socket: &Path, path: &str) -> String {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(TIME_MAX)).unwrap();
    ask(stream, path)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}")).1
}

fn stats(socket: &Path) -> Value {
    serde_json::from_str(body(&page(socket, "/_badger/stats"))).unwrap()
}

/// `[("/x 200", 3)]`, what was answered by route and status.
fn responses(stats: &Value) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for route in stats["routes"].as_array().unwrap() {
        for (status, count) in route["responses"].as_object().unwrap() {
            found.push((format!("{} {status}", route["route"].as_str().unwrap()), count.as_u64().unwrap()));
        }
    }
    found.sort();
    found
}

/// A connection that stays, and one request on it.
fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{:?}", String::from_utf8_lossy(&answer));
        answer.extend(byte);
    }
    let head = String::from_utf8(answer).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let bytes = if request.starts_with("HEAD") { 0 } else { length.map_or(0, |length| length.parse().unwrap()) };
    stream.read_exact(&mut vec![0; bytes]).unwrap();
    head
}

fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[test]
fn known_traffic_is_counted_exactly() {
    for backend in backends() {
        let folder = Folder::new(&format!("admin-counts-{backend}"));
        folder.write("site/a", "a".repeat(1000));
        folder.write("site/large", vec![b'l'; 2 * 1024 * 1024]);
        folder.write("other/b", "b");
        let flags =
            format!("--mount /x=site --mount /y=other --listen 127.0.0.1:0 --admin unix:admin --backend {backend}");
        let server = Server::start(&folder, &flags);
        let admin = folder.path("admin");
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(TIME_MAX)).unwrap();
        let mut ask = |method: &str, path: &str| exchange(&mut stream, &request(method, path));
        for _ in 0..7 {
            assert!(ask("GET", "/x/a").starts_with("HTTP/1.1 200 "));
        }
        ask("HEAD", "/x/a");
        assert!(ask("GET", "/x/large").starts_with("HTTP/1.1 200 "));
        assert!(ask("GET", "/x/none").starts_with("HTTP/1.1 404 "));
        assert!(ask("GET", "/nowhere").starts_with("HTTP/1.1 404 "));
        assert!(ask("PUT", "/y/b").starts_with("HTTP/1.1 405 "));
        assert!(ask("GET", "/y/b").starts_with("HTTP/1.1 200 "));
        let conditional = "GET /y/b HTTP/1.1\r\nHost: test\r\nIf-None-Match: *\r\n\r\n";
        assert!(exchange(&mut stream, conditional).starts_with("HTTP/1.1 304 "));
        assert!(exchange(&mut stream, "BREW / HTTP/1.1\r\nHost: test\r\n\r\n").starts_with("HTTP/1.1 501 "));
        let mut other = TcpStream::connect(&server.address).unwrap();
        other.set_read_timeout(Some(TIME_MAX)).unwrap();
        assert!(exchange(&mut other, "no request\r\n\r\n").starts_with("HTTP/1.1 400 "));

        // An answer is counted when it is drawn, so all of these are; its time when its turn has ended, so that is waited for.
        let wanted: Vec<_> = [
            ("(none) 404", 1),
            ("(refused) 400", 1),
            ("(refused) 501", 1),
            ("/x 200", 9),
            ("/x 404", 1),
            ("/y 200", 1),
            ("/y 304", 1),
            ("/y 405", 1),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into();
        let mut found = stats(&admin);
        assert_eq!(responses(&found), wanted, "{backend}: {found:#}");
        until("all have left", || {
            found = stats(&admin);
            // What a loop does it says when it gets to it.
            found["latency"]["count"] == 16 && found["connections"]["idle"] == 1
        });
        assert_eq!(found["totals"]["responses"], 16);
        assert_eq!(found["totals"]["responses_2xx"], 10);
        let by_worker: u64 =
            found["workers"].as_array().unwrap().iter().map(|it| it["responses"].as_u64().unwrap()).sum();
        assert_eq!(by_worker, 16);
        let bytes = |label: &str| {
            found["routes"].as_array().unwrap().iter().find(|route| route["route"] == label).unwrap()["bytes"].as_u64()
        };
        let missing = "404 Not Found\n".len() as u64;
        assert_eq!(bytes("/x"), Some(7 * 1000 + 2 * 1024 * 1024 + missing), "HEAD sends none");
        let counts: u64 = found["latency"]["counts"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).sum();
        assert_eq!(counts, 16);
        // The one that was refused lingers, but not for ever.
        assert!(found["connections"]["lingering"].as_u64().unwrap() <= 1);
        assert_eq!((&found["state"], &found["generation"]), (&Value::from("serving"), &Value::from(1)));
        assert_eq!(found["backend"], backend.to_string());
        assert_eq!(found["packs"][0]["mount"], "/x");
        assert_eq!((&found["packs"][0]["kind"], &found["packs"][0]["source"]), (&"directory".into(), &"site".into()));
        assert!(
            found["process"]["threads"].as_u64().unwrap() > 3
                && found["process"]["cpu_seconds"].as_f64().unwrap() > 0.0
        );
        assert!(found["polling"]["requests"].as_u64().unwrap() >= 1);

        // The same for Prometheus.
        let text = page(&admin, "/_badger/metrics");
        for line in [
            "badger_responses_total{route=\"/x\",kind=\"directory\",status=\"200\"} 9",
            "badger_responses_total{route=\"(refused)\",kind=\"none\",status=\"501\"} 1",
            "badger_response_body_bytes_total{route=\"/y\",kind=\"directory\"} ",
            "badger_request_duration_seconds_count 16",
            "badger_request_duration_seconds_bucket{le=\"+Inf\"} 16",
            "badger_connections{state=\"idle\"} 1",
        ] {
            assert!(text.contains(&format!("\n{line}")), "{line:?} is not in {text}");
        }
        assert!(text.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{text}");

        // Reloaded content goes on where the old one was, and a new mount has counts of its own.
        server.signal("HUP");
        until("a swap", || stats(&admin)["generation"] == 2);
        ask_again(&server, "/x/a");
        until("one more", || responses(&stats(&admin)).contains(&("/x 200".to_owned(), 10)));
        server.stop();
        assert!(!admin.exists(), "its socket goes with it");
    }
}

fn ask_again(server: &Server, path: &str) {
    assert!(server.get(path).starts_with("HTTP/1.1 200 "));
}

#[test]
fn prometheus_has_nothing_against_the_metrics() {
    let folder = Folder::new("admin-promtool");
    folder.write("site/a", "a");
    // A label with all that has to be escaped.
    folder.write("b\"c/d", "d");
    let server = Server::start(&folder, "--mount /q\"=b\"c site --listen 127.0.0.1:0 --admin unix:admin");
    ask_again(&server, "/a");
    ask_again(&server, "/q%22/d");
    let answer = page(&folder.path("admin"), "/_badger/metrics");
    let metrics = body(&answer);
    assert!(metrics.contains("{route=\"/q\\\"\",kind=\"directory\",status=\"200\"} 1\n"), "{metrics}");
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return skip(&format!("promtool (Debian has it in the package prometheus): {error}")),
    };
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}\n{metrics}", String::from_utf8_lossy(&said));
    server.stop();
}

#[test]
fn the_pages_go_on_until_the_last_answer_has_left() {
    for backend in backends() {
        let folder = Folder::new(&format!("admin-drain-{backend}"));
        // More than the buffers of sockets hold; a hole, so that it costs no disk.
        let large = folder.write("site/large", "");
        File::options().write(true).open(large).unwrap().set_len(LARGE_BYTES).unwrap();
        let mut server = Server::start(
            &folder,
            &format!("site --listen 127.0.0.1:0 --drain 60 --admin unix:admin --backend {backend}"),
        );
        let admin = folder.path("admin");
        assert!(page(&admin, "/_badger/ready").starts_with("HTTP/1.1 200 "));
        // Its end is not read yet, so the drain waits for it.
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(TIME_MAX)).unwrap();
        stream.write_all(request("GET", "/large").as_bytes()).unwrap();
        stream.read_exact(&mut [0; 1000]).unwrap();
        until("it is on its way", || stats(&admin)["connections"]["sending"] == 1);
        server.signal("TERM");
        until("it drains", || page(&admin, "/_badger/ready").starts_with("HTTP/1.1 503 "));
        assert!(page(&admin, "/_badger/health").starts_with("HTTP/1.1 200 "));
        let found = stats(&admin);
        assert_eq!((&found["state"], &found["connections"]["sending"]), (&"draining".into(), &1.into()), "{found:#}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.len() as u64 > LARGE_BYTES - 1000);
        let said = server.end();
        assert!(said.contains("; 0 connections were cut"), "{said}");
        assert!(!admin.exists());
    }
}

#[test]
fn who_takes_over_has_the_pages_too() {
    for backend in backends() {
        let folder = Folder::new(&format!("admin-takeover-{backend}"));
        folder.write("site/a", "a");
        let flags = format!("site --listen 127.0.0.1:0 --control control --backend {backend}");
        let mut old = Server::start(&folder, &format!("{flags} --admin 127.0.0.1:0"));
        let line = old.wait_for("badger: admin on http://");
        let address =
            line.trim_end().trim_start_matches("badger: admin on http://").trim_end_matches("/_badger/").to_owned();
        let ask_pages = |path: &str| ask(TcpStream::connect(&address).unwrap(), path);
        assert!(ask_pages("/_badger/health").starts_with("HTTP/1.1 200 "));
        let mut new = Server::start(&folder, &format!("{flags} --admin 127.0.0.1:0 --takeover control"));
        assert!(new.wait_for("badger: admin on ").contains(&address), "the same socket");
        old.wait_for("badger: handed over");
        old.end();
        // Nobody but the new one has it now.
        let threads: Value = serde_json::from_str(body(&ask_pages("/_badger/stats"))).unwrap();
        assert_eq!(threads["state"], "serving");
        // Whoever shows no pages closes the socket, and serves nothing else there.
        let mut last =
            Server::start(&folder, &format!("site --control control --takeover control --backend {backend}"));
        last.wait_for("badger: admin:127.0.0.1:0 was handed over and is closed: no --admin names it");
        new.wait_for("badger: handed over");
        new.end();
        assert!(TcpStream::connect(&address).is_err());
        assert!(last.get("/a").starts_with("HTTP/1.1 200 "));
        last.stop();
    }
}

#[test]
fn strangers_need_a_token() {
    let folder = Folder::new("admin-token");
    folder.write("site/a", "a");
    let serve = "serve site --listen 127.0.0.1:0";
    folder
        .badger(&format!("{serve} --admin 0.0.0.0:0"))
        .failed("cannot listen on 0.0.0.0:0 (--admin): strangers could connect");
    folder
        .badger(&format!("{serve} --admin [::]:0"))
        .failed("cannot listen on [::]:0 (--admin): strangers could connect");
    folder.badger(&format!("{serve} --admin nothing")).failed("cannot listen on nothing (--admin): ");
    folder
        .badger(&format!("{serve} --admin systemd:x"))
        .failed("cannot listen on systemd:x: the service manager gave no such socket");
    for (name, text) in [("short", "abc\n"), ("spaces", "two words, more than sixteen\n"), ("empty", "")] {
        folder.write(name, text);
        folder
            .badger(&format!("{serve} --admin 127.0.0.1:0 --admin-token-file {name}"))
            .failed(&format!("{name}: this is no token"));
    }
    folder.badger(&format!("{serve} --admin 127.0.0.1:0 --admin-token-file none")).failed("none: ");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    folder.badger(&format!("{serve} --admin {address}")).failed(&format!("cannot listen on {address} (--admin): "));

    folder.write("token", "0123456789abcdefABCDEF\n");
    let mut server = Server::start(&folder, "site --listen 127.0.0.1:0 --admin 0.0.0.0:0 --admin-token-file token");
    let line = server.wait_for("badger: admin on http://0.0.0.0:");
    let port = line.trim_end().trim_end_matches("/_badger/").rsplit(':').next().unwrap().to_owned();
    let with = |line: &str| {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        exchange(&mut stream, &format!("GET /_badger/stats HTTP/1.1\r\nHost: test\r\n{line}\r\n"))
    };
    for wrong in
        ["", "Authorization: Bearer 0123456789abcdefABCDE\r\n", "Authorization: Basic 0123456789abcdefABCDEF\r\n"]
    {
        let head = with(wrong);
        assert!(head.starts_with("HTTP/1.1 401 ") && head.contains("\r\nWWW-Authenticate: Bearer "), "{head}");
    }
    assert!(with("Authorization: Bearer 0123456789abcdefABCDEF\r\n").starts_with("HTTP/1.1 200 "));
    server.stop();
}

/// As a service manager starts it: its socket is descriptor 3.
#[test]
fn a_service_manager_gives_the_socket_of_the_pages_by_name() {
    let folder = Folder::new("admin-systemd");
    folder.write("site/a", "a");
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [0, 1].map(|place: usize| listeners[place].local_addr().unwrap());
    // What a service manager does: the sockets from descriptor 3 on, and the process's own number.
    let script = "exec 3<&0 4<&1 0</dev/null 1>&2; \
        LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=site:pages exec \"$0\" serve site --admin systemd:pages";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_badger")]).current_dir(&folder.0);
    let [one, two] = listeners.map(std::os::fd::OwnedFd::from);
    let mut child = command.stdin(Stdio::from(one)).stdout(Stdio::from(two)).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let address = addresses[0].to_string();
    let mut server = Server { child, stderr, first_line: String::new(), address };
    server.wait_for(&format!("badger: admin on http://{}/_badger/", addresses[1]));
    server.wait_for("badger: runs on ");
    assert!(ask(TcpStream::connect(addresses[1]).unwrap(), "/_badger/ready").starts_with("HTTP/1.1 200 "));
    assert!(server.get("/_badger/ready").starts_with("HTTP/1.1 404 "), "nothing of it is on the other listener");
    server.stop();
}

#[test]
fn the_pages_work_in_the_sandbox() {
    let folder = Folder::new("admin-sandbox");
    folder.write("site/a", "a");
    folder.write("secret/token", "0123456789abcdefABCDEF");
    let flags = "site --listen 127.0.0.1:0 --admin unix:admin --admin-token-file secret/token --sandbox=try";
    let mut server = Server::start(&folder, flags);
    if !server.wait_for("in a sandbox").starts_with("badger: in a sandbox") {
        skip("this kernel has no Landlock");
    }
    let mut stream = UnixStream::connect(folder.path("admin")).unwrap();
    stream.set_read_timeout(Some(TIME_MAX)).unwrap();
    let lines = "Host: test\r\nConnection: close\r\nAuthorization: Bearer 0123456789abcdefABCDEF\r\n";
    write!(stream, "GET /_badger/stats HTTP/1.1\r\n{lines}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let found: Value = serde_json::from_str(body(&answer)).unwrap();
    for fact in ["cpu_seconds", "resident_bytes", "open_files", "threads"] {
        assert!(found["process"][fact].as_f64().is_some_and(|value| value > 0.0), "{fact}: {found:#}");
    }
    server.stop();
}

#[test]
fn only_this_user_may_open_the_socket_file() {
    let folder = Folder::new("admin-mode");
    folder.write("site/a", "a");
    let server = Server::start(&folder, "site --listen 127.0.0.1:0 --admin unix:admin --server-timing");
    let mode = folder.path("admin").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let answer = server.get("/a");
    let timing = answer.lines().find_map(|line| line.strip_prefix("Server-Timing: app;dur=")).unwrap();
    assert!(timing.parse::<f64>().is_ok_and(|millis| millis >= 0.0), "{timing}");
    server.stop();
}
