//! One process takes over from another while clients ask: no connection is refused, and no request is lost.
//!
//! `BADGER_HANDOVERS=50 cargo test --release --features cli --test cli_handover -- --nocapture` does it more often, and says
//! how many requests a second there were.

#[path = "backends/mod.rs"]
mod backends;
mod cli_support;

use backends::backends;
use cli_support::Folder;
use cli_support::server::{Server, TIME_MAX, ask, until};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Instant;

const CLIENT_THREADS: usize = 5;
/// Keep-alive connections of each; together a hundred.
const CONNECTIONS: usize = 20;

/// Sends a request on a connection that stays open, and reads its answer. An error is a failed request.
fn exchange(stream: &mut BufReader<TcpStream>, wanted: &[u8]) -> Result<bool, String> {
    let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let request = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n";
    stream.get_mut().write_all(request).map_err(|error| failed("sending", error))?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match stream.read_line(&mut head) {
            Ok(0) => return Err(format!("the end after {head:?}")),
            Ok(_) => {}
            Err(error) => return Err(failed("receiving", error)),
        }
    }
    if !head.starts_with("HTTP/1.1 200 ") || !head.contains(&format!("Content-Length: {}\r\n", wanted.len())) {
        return Err(head);
    }
    let mut body = vec![0; wanted.len()];
    stream.read_exact(&mut body).map_err(|error| failed("the body", error))?;
    if body != wanted {
        return Err("another body".to_owned());
    }
    Ok(head.contains("\r\nConnection: close\r\n"))
}

/// Asks on all connections in turn until told to stop; opens one anew when the server says that it closes it.
fn ask_on_and_on(address: &str, wanted: &[u8], is_over: &AtomicBool, answers: &AtomicU64) -> Result<u64, String> {
    let open = || {
        let stream = TcpStream::connect(address).map_err(|error| format!("connecting: {error}"))?;
        stream.set_read_timeout(Some(TIME_MAX)).map_err(|error| error.to_string())?;
        Ok::<_, String>(BufReader::new(stream))
    };
    let mut streams = (0..CONNECTIONS).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
    let mut reopened = 0;
    while !is_over.load(SeqCst) {
        for stream in &mut streams {
            if exchange(stream, wanted)? {
                *stream = open()?;
                reopened += 1;
            }
            answers.fetch_add(1, SeqCst);
        }
    }
    Ok(reopened)
}

#[test]
fn under_load_no_request_fails_whatever_the_number_of_workers() {
    let rounds: usize = std::env::var("BADGER_HANDOVERS").map_or(3, |count| count.parse().unwrap());
    for backend in backends() {
        let folder = Folder::new(&format!("handover-{backend}"));
        let body = "a badger digs ".repeat(70).into_bytes();
        folder.write("site/a", &body);
        // The same, one less, one more.
        let workers = [2, 2, 1, 2];
        let flags = format!("site --listen 127.0.0.1:0 --control control --backend {backend} --drain 60");
        let mut server = Server::start(&folder, &format!("{flags} --workers 2"));
        assert!(server.first_line.contains(&format!("backend={backend} workers=2")), "{}", server.first_line);
        let address = server.address.clone();
        let (is_over, answers) = (AtomicBool::new(false), AtomicU64::new(0));
        let start = Instant::now();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENT_THREADS)
                .map(|_| scope.spawn(|| ask_on_and_on(&address, &body, &is_over, &answers)))
                .collect();
            let more = |count| {
                let wanted = answers.load(SeqCst) + count;
                until("more answers", || answers.load(SeqCst) >= wanted || clients.iter().any(|it| it.is_finished()));
            };
            more(1000);
            for round in 0..rounds {
                let workers = workers[(round + 1) % workers.len()];
                let next = Server::start(&folder, &format!("{flags} --takeover control --workers {workers}"));
                assert_eq!(next.address, address);
                assert!(next.first_line.contains(&format!("workers={workers}")), "{}", next.first_line);
                server.wait_for("badger: handed over");
                let rest = server.end();
                assert!(rest.contains("; 0 connections were cut"), "{rest}");
                server = next;
                server.wait_for("badger: took over from the server at control");
                more(1000);
            }
            is_over.store(true, SeqCst);
            let seconds = start.elapsed().as_secs_f64();
            let mut reopened = 0;
            for client in clients {
                reopened += client.join().unwrap().unwrap_or_else(|failure| panic!("{backend}: {failure}"));
            }
            let answers = answers.load(SeqCst);
            println!(
                "{backend}: {rounds} hand-overs, {answers} answers, none failed, {reopened} connections went over, {:.0} requests/s",
                answers as f64 / seconds
            );
            // One that is opened while the old server lets go of the socket may still be its.
            assert!(reopened >= (rounds * CLIENT_THREADS * CONNECTIONS) as u64, "each went over each time");
        });
        server.stop();
        assert!(!folder.path("control").exists());
    }
}

#[test]
fn a_connection_that_is_idle_meanwhile_may_ask_once_more() {
    let folder = Folder::new("handover-idle");
    folder.write("site/a", "hello");
    let flags = "site --listen 127.0.0.1:0 --control control --workers 1";
    let mut server = Server::start(&folder, flags);
    let mut idle = BufReader::new(TcpStream::connect(&server.address).unwrap());
    assert_eq!(exchange(&mut idle, b"hello"), Ok(false));
    let next = Server::start(&folder, &format!("{flags} --takeover control"));
    server.wait_for("badger: handed over");
    // By the old one, which closes it then. It may still answer a request that comes before its workers have heard.
    let mut answers = 2;
    while !exchange(&mut idle, b"hello").unwrap() {
        answers += 1;
    }
    let rest = server.end();
    assert!(rest.contains(&format!("stopped after {answers} answers; 0 connections were cut")), "{rest}");
    assert!(next.get("/a").ends_with("hello"));
}

#[test]
fn unix_sockets_go_over_with_their_files() {
    let folder = Folder::new("handover-unix");
    folder.write("site/a", "hello");
    let flags = "site --listen unix:socket --listen 127.0.0.1:0 --control control --workers 1";
    let mut server = Server::start(&folder, flags);
    let get = || ask(UnixStream::connect(folder.path("socket")).unwrap(), "/a");
    assert!(get().ends_with("hello"));
    // Another control socket; no --listen means all that there are.
    let next = Server::start(&folder, "site --control other --takeover control --workers 1");
    server.wait_for("badger: handed over");
    server.end();
    assert_eq!(
        next.first_line.split_whitespace().nth(2),
        folder.path("socket").to_str().map(|it| format!("unix:{it}")).as_deref()
    );
    assert!(get().ends_with("hello"));
    assert_eq!(folder.names(), ["other", "site", "socket"]);
    let mode = folder.path("other").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may talk to it");
    next.stop();
    assert_eq!(folder.names(), ["site"], "the files were the second server's to remove");
}

#[test]
fn sockets_that_no_listen_names_are_closed_and_others_are_opened() {
    let folder = Folder::new("handover-others");
    folder.write("site/a", "hello");
    let mut server =
        Server::start(&folder, "site --listen 127.0.0.1:0 --listen unix:socket --control control --workers 1");
    let flags = format!("site --listen {} --listen unix:more --takeover control --workers 1", server.address);
    let mut next = Server::start(&folder, &flags);
    next.wait_for("badger: unix:socket was handed over and is closed: no --listen names it");
    assert_eq!(next.address, server.address);
    server.wait_for("badger: handed over");
    server.end();
    assert!(next.get("/a").ends_with("hello"));
    assert!(ask(UnixStream::connect(folder.path("more")).unwrap(), "/a").ends_with("hello"));
    assert!(UnixStream::connect(folder.path("socket")).is_err());
}

#[test]
fn a_takeover_that_fails_changes_nothing() {
    let folder = Folder::new("handover-fails");
    folder.write("site/a", "hello");
    folder.write("text", "no pack");
    folder.badger("serve site --takeover nothing").failed("control socket: nothing: No such file");
    let mut server = Server::start(&folder, "site --listen 127.0.0.1:0 --control control --workers 1");
    folder.badger("serve text --takeover control").failed("text: not a badger pack");
    folder
        .badger("serve site --listen 127.0.0.1:0 --control control")
        .failed("control socket: control: another server has it");
    folder
        .badger("serve site --listen 127.0.0.1:0 --control text")
        .failed("control socket: text: the file exists and is not a socket");
    // It has the sockets, and then it is gone.
    let mut stream = UnixStream::connect(folder.path("control")).unwrap();
    stream.write_all(b"takeover\n").unwrap();
    stream.read_exact(&mut [0; 17]).unwrap();
    drop(stream);
    server.wait_for("badger: whoever was to take over did not serve; this server goes on");
    assert!(server.get("/a").ends_with("hello"));
    let mut stream = UnixStream::connect(folder.path("control")).unwrap();
    stream.write_all(b"dance\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "error \"dance\" is no command of this server: reload, takeover\n");
    server.stop();
    // What is left of a server that was killed is in nobody's way.
    drop(UnixListener::bind(folder.path("control")).unwrap());
    let outcome = folder.badger("serve site --takeover control").failed("control socket: control: Connection refused");
    assert!(outcome.stderr.contains("no server runs with this --control"), "{}", outcome.stderr);
    Server::start(&folder, "site --listen 127.0.0.1:0 --control control --workers 1").stop();
}

#[test]
fn a_service_managers_sockets_are_found_by_their_names() {
    let folder = Folder::new("handover-systemd");
    folder.write("site/a", "hello");
    let start = |arguments: &str| {
        let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = [0, 1].map(|place: usize| listeners[place].local_addr().unwrap());
        // What a service manager does: the sockets from descriptor 3 on, and the process's own number.
        let script = format!(
            "exec 3<&0 4<&1 0</dev/null 1>&2; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin exec \"$0\" serve {arguments}"
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_badger")]).current_dir(&folder.0);
        let [one, two] = listeners.map(std::os::fd::OwnedFd::from);
        let mut child =
            command.stdin(Stdio::from(one)).stdout(Stdio::from(two)).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        (Server { child, stderr, first_line: String::new(), address: String::new() }, addresses)
    };
    let get = |address| ask(TcpStream::connect(address).unwrap(), "/a");

    let (mut all, addresses) = start("site --workers 1");
    all.wait_for(&format!("listening on http://{}", addresses[0]));
    all.wait_for(&format!("listening on http://{}", addresses[1]));
    assert!(addresses.map(get).iter().all(|answer| answer.ends_with("hello")));

    let (mut one, addresses) = start("site --workers 1 --listen systemd:admin --listen 127.0.0.1:0");
    // What is said on stderr is written by a thread, and what is said on stdout comes by the same pipe here: in any order.
    let mut missing = vec![
        "badger: systemd:web was handed over and is closed: no --listen names it".to_owned(),
        format!("listening on http://{} ", addresses[1]),
        "listening on http://127.0.0.1:".to_owned(),
    ];
    while !missing.is_empty() {
        let line = one.wait_for("");
        if let Some(found) = missing.iter().position(|what| line.contains(what)) {
            missing.remove(found);
        }
    }
    assert!(get(addresses[1]).ends_with("hello"));

    let (mut none, _) = start("site --workers 1 --listen systemd:other");
    none.wait_for("error: cannot listen on systemd:other: the service manager gave no such socket");
    folder.badger("serve site --listen systemd").failed("cannot listen on systemd: ");
    all.stop();
    one.stop();
}
