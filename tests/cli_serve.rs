//! `badger serve`, run as people run it.

mod cli_support;

use cli_support::Folder;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A running server; killed when the test ends early.
struct Served {
    child: Child,
    stderr: BufReader<ChildStderr>,
    first_line: String,
    address: String,
}

impl Served {
    fn start(folder: &Folder, arguments: &str) -> Served {
        let mut command = folder.command(&format!("serve --workers 1 {arguments}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first_line).unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let address = first_line.split_whitespace().nth(2).unwrap_or_default().to_owned();
        Served { child, stderr, first_line, address }
    }

    fn without_output(mut child: Child) -> Served {
        // Something to hold: it is at its end.
        let mut empty = Command::new("true").stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().or_else(|| empty.stderr.take()).unwrap();
        empty.wait().unwrap();
        Served { child, stderr: BufReader::new(stderr), first_line: String::new(), address: String::new() }
    }

    /// Waits until something holds, but not for ever.
    fn until(&self, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(Instant::now() < deadline, "it takes too long");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn get(&self, path: &str) -> String {
        let stream = TcpStream::connect(self.address.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        ask(stream, path)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The next line on stderr that has this in it; the end of stderr fails.
    fn wait_for(&mut self, what: &str) {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "stderr ended before {what:?}");
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(mut stream: impl Read + Write, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Every request whose last byte was sent before the signal is answered; later ones are, or are not, but never in half.
#[test]
fn sigterm_under_load_loses_no_request() {
    const CLIENTS: usize = 6;
    let folder = Folder::new("serve-load");
    let body = "a badger digs ".repeat(20_000);
    folder.write("site/large.txt", &body);
    folder.write("site/small.txt", "small");
    for round in 0..5 {
        let mut served = Served::start(&folder, "site --listen 127.0.0.1:0");
        let address = served.address.strip_prefix("http://").unwrap().to_owned();
        let (is_told, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (is_told, answered, address, body) = (&is_told, &answered, &address, &body);
                scope.spawn(move || {
                    let path = if number % 2 == 0 { "/large.txt" } else { "/small.txt" };
                    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
                    stream.get_ref().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    loop {
                        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
                        let is_sent = stream.get_mut().write_all(request.as_bytes()).is_ok();
                        let was_before = is_sent && !is_told.load(Ordering::SeqCst);
                        let Some((head, len)) = read_answer(&mut stream) else {
                            assert!(!was_before, "round {round}: a request that was sent before is lost");
                            return;
                        };
                        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                        assert_eq!(len, if number % 2 == 0 { body.len() } else { 5 });
                        answered.fetch_add(1, Ordering::SeqCst);
                        if head.contains("Connection: close\r\n") {
                            return;
                        }
                    }
                });
            }
            served.until(|| answered.load(Ordering::SeqCst) > 200);
            is_told.store(true, Ordering::SeqCst);
            served.signal("TERM");
        });
        served.wait_for("badger: stopped after ");
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
    }
}

/// The head of the next answer, and the bytes of its body, which were read. None: the end, before its first byte.
fn read_answer(stream: &mut BufReader<TcpStream>) -> Option<(String, usize)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match stream.read_line(&mut head) {
            Ok(0) | Err(_) if head.is_empty() => return None,
            Ok(0) | Err(_) => panic!("half a head: {head:?}"),
            Ok(_) => {}
        }
    }
    let line = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; line.parse().unwrap()];
    stream.read_exact(&mut body).expect("a whole body");
    Some((head, body.len()))
}

#[test]
fn directories_and_packs_are_served_and_swapped_and_drained() {
    let folder = Folder::new("serve");
    folder.write("site/index.html", "<h1>one");
    folder.write("records", "{\"key\":\"/7\",\"type\":\"text/plain\",\"text\":\"seven\"}");
    folder.badger("pack records records -o gallery.badger").good();
    let mut served = Served::start(&folder, "site --mount /gallery=gallery.badger --listen 127.0.0.1:0");
    assert!(served.first_line.starts_with("listening on http://127.0.0.1:"), "{}", served.first_line);
    // The one that was asked for, by the same variable that the program reads; any, if it was left to the program.
    let asked = std::env::var("BADGER_BACKEND").ok().filter(|name| name != "auto");
    let backend = format!(" backend={}", asked.unwrap_or_default());
    assert!(
        served.first_line.ends_with(" workers=1\n") && served.first_line.contains(&backend),
        "{}",
        served.first_line
    );
    assert!(served.get("/").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(served.get("/").ends_with("\r\n\r\n<h1>one"));
    assert!(served.get("/gallery/7").ends_with("\r\n\r\nseven"));
    assert!(served.get("/gallery/8").starts_with("HTTP/1.1 404 "));

    folder.write("site/index.html", "<h1>two");
    folder.write("records", "{\"key\":\"/8\",\"type\":\"text/plain\",\"text\":\"eight\"}");
    folder.badger("pack records records -o gallery.badger").good();
    assert!(served.get("/").ends_with("<h1>one"), "nothing changes before it is told to");
    served.signal("HUP");
    served.wait_for("serving content generation 2");
    // A worker takes new content up in its next turn.
    while !served.get("/").ends_with("<h1>two") {}
    assert!(served.get("/gallery/7").starts_with("HTTP/1.1 404 "));
    assert!(served.get("/gallery/8").ends_with("eight"));

    // Replaced as packs are: the old file goes on being read.
    std::fs::rename(folder.write("new", "no pack any more"), folder.path("gallery.badger")).unwrap();
    served.signal("HUP");
    served.wait_for("gallery.badger: not a badger pack");
    served.wait_for("the old content is still served");
    assert!(served.get("/gallery/8").ends_with("eight"));

    served.signal("TERM");
    served.wait_for("badger: stopped after ");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn limits_are_set_by_flags() {
    let folder = Folder::new("serve-limits");
    folder.write("site/a", "text of a");
    let served = Served::start(&folder, "site --listen 127.0.0.1:0 --connections-per-address 1 --idle-time 3000");
    let address = served.address.strip_prefix("http://").unwrap();
    let mut first = TcpStream::connect(address).unwrap();
    write!(first, "GET /a HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(served.get("/a").starts_with("HTTP/1.1 503 "), "the second of this address");
    drop(first);
    served.until(|| served.get("/a").ends_with("text of a"));

    for (flag, name) in [("connections", "connections_max"), ("idle-time", "idle_time_max")] {
        let refused = folder.badger(&format!("serve site --listen 127.0.0.1:0 --{flag} 0"));
        refused.failed(&format!("limit {name} must be "));
    }
}

#[test]
fn it_says_why_it_runs_on_a_backend_and_takes_flags_of_sockets_and_threads() {
    let folder = Folder::new("serve-backend");
    folder.write("site/a.txt", "a");
    let mut served = Served::start(&folder, "site --listen 127.0.0.1:0 --pin --defer-accept --backend epoll");
    served.wait_for("runs on epoll: it was asked for");
    assert!(served.get("/a.txt").ends_with("\r\n\r\na"));
    let mut served = Served::start(&folder, "site --listen 127.0.0.1:0 --defer-accept=3 --backend auto");
    served.wait_for(": auto takes ");
    assert!(served.get("/a.txt").ends_with("\r\n\r\na"));
    assert_eq!(folder.badger("serve site --defer-accept=0").code, Some(2));
}

#[test]
fn it_runs_on_the_cores_that_were_chosen_and_starts_where_they_are_not_there() {
    let folder = Folder::new("serve-cores");
    folder.write("site/a.txt", "a");
    let mut served = Served::start(&folder, "site --listen 127.0.0.1:0 --cores 40000");
    served.wait_for("workers were to run on core 40000: this process may use none of them; they run on core");
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    // All that there are is no choice, and nothing is said of it.
    if let Some((first, _)) = line.split_once([',', '-']) {
        let mut served = Served::start(&folder, &format!("site --listen 127.0.0.1:0 --cores {first}"));
        served.wait_for(&format!("workers run on cores {first}\n"));
    }
    let refused = folder.badger("serve site --cores huge");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("write all, big, little, or numbers"), "{}", refused.stderr);
}

#[test]
fn several_paths_are_asked_in_their_order() {
    let folder = Folder::new("serve-layers");
    folder.write("over/a", "over a");
    folder.write("under/a", "under a");
    folder.write("under/b", "under b");
    let served = Served::start(&folder, "over under --listen 127.0.0.1:0");
    assert!(served.get("/a").ends_with("over a"));
    assert!(served.get("/b").ends_with("under b"));
}

#[test]
fn a_unix_socket_serves_and_what_is_left_out_is_told() {
    let folder = Folder::new("serve-unix");
    folder.write("site/a.txt", "hello");
    std::os::unix::fs::symlink("/etc/passwd", folder.path("site/out")).unwrap();
    let mut served = Served::start(&folder, "site --listen unix:socket");
    assert!(served.first_line.starts_with("listening on unix:socket "), "{}", served.first_line);
    served.wait_for("warning: site: \"out\": a link to a place outside the directory");
    assert!(ask(UnixStream::connect(folder.path("socket")).unwrap(), "/a.txt").ends_with("\r\n\r\nhello"));
    served.signal("INT");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn lost_readers_stop_nothing() {
    let folder = Folder::new("serve-lost");
    folder.write("site/a", "hello");
    std::os::unix::fs::symlink("nothing", folder.path("site/broken")).unwrap();
    // Nobody has stdout or stderr from the start on: every line fails.
    let mut command = folder.command("serve --workers 1 site --listen unix:socket");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    let mut served = Served::without_output(child);
    served.until(|| UnixStream::connect(folder.path("socket")).is_ok());
    served.signal("HUP");
    let get = || ask(UnixStream::connect(folder.path("socket")).unwrap(), "/a");
    assert!(get().ends_with("hello"));
    folder.write("site/a", "again");
    served.signal("HUP");
    served.until(|| get().ends_with("again"));
    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_of_stderr_that_is_stuck_holds_nothing_up() {
    let folder = Folder::new("serve-stuck");
    for number in 0..1000 {
        let name = format!("site/{number}{}", "x".repeat(200));
        folder.write("site/a", "hello");
        std::os::unix::fs::symlink("nothing", folder.path(&name)).unwrap();
    }
    let mut served = Served::start(&folder, "site --listen 127.0.0.1:0");
    assert!(served.get("/a").ends_with("hello"));
    folder.write("site/a", "again");
    served.signal("HUP");
    served.until(|| served.get("/a").ends_with("again"));
    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

/// A site that takes a second or so to load: every name is read, and compared with what was read before.
fn slow_site(folder: &Folder, names: usize) {
    folder.write("site/large", vec![7; 1024 * 1024]);
    for name in 0..names {
        std::os::unix::fs::symlink("large", folder.path(&format!("site/{name}"))).unwrap();
    }
}

#[test]
fn a_signal_while_content_is_loaded_ends_the_program() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let folder = Folder::new(&format!("serve-early-{name}"));
        slow_site(&folder, 700);
        let mut command = folder.command("serve --workers 1 site --listen unix:socket");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut served = Served::without_output(child);
        let status = format!("/proc/{}/status", served.child.id());
        // The handlers are there: TERM is the fifteenth bit of the signals that are caught.
        served.until(|| {
            let status = std::fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
            u64::from_str_radix(&caught, 16).unwrap() & 1 << 14 != 0
        });
        served.signal(name);
        assert_eq!(served.child.wait().unwrap().code(), Some(code));
        assert!(!folder.path("socket").exists());
    }
}

#[test]
fn a_reload_holds_up_no_drain_and_many_are_one() {
    let folder = Folder::new("serve-reload");
    folder.write("site/a", "x");
    let mut served = Served::start(&folder, "site --listen 127.0.0.1:0");
    slow_site(&folder, 250);
    for _ in 0..6 {
        served.signal("HUP");
    }
    served.wait_for("serving content generation 2");
    // Signals that come together may count as one: this one surely comes later.
    served.signal("HUP");
    served.wait_for("serving content generation 3");
    for name in 1000..1700 {
        std::os::unix::fs::symlink("large", folder.path(&format!("site/{name}"))).unwrap();
    }
    served.signal("HUP");
    served.signal("TERM");
    let mut rest = String::new();
    served.stderr.read_to_string(&mut rest).unwrap();
    // How many reloads still ended in time is up to the machine.
    let lines: Vec<&str> = rest.lines().filter(|line| !line.contains("serving content generation")).collect();
    assert_eq!(lines, ["badger: stopped after 0 answers; 0 connections were cut"]);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once_and_leaves_no_socket() {
    let folder = Folder::new("serve-twice");
    folder.write("site/large", vec![7; 8 * 1024 * 1024]);
    let mut served = Served::start(&folder, "site --listen unix:socket");
    // An answer under way that nobody reads keeps the drain waiting.
    let mut stream = UnixStream::connect(folder.path("socket")).unwrap();
    write!(stream, "GET /large HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 10]).unwrap();
    served.signal("TERM");
    served.until(|| !folder.path("socket").exists());
    assert_eq!(served.child.try_wait().unwrap(), None);
    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_full_temporary_folder_is_named_with_its_variable() {
    let folder = Folder::new("serve-full");
    folder.write("site/a", vec![7; 500_000]);
    folder.write("temporary/x", "");
    // A limit on the size of files stands for a disk that is full.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" serve site --listen 127.0.0.1:0";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_badger")]).env("TMPDIR", "temporary").current_dir(&folder.0);
    let outcome = cli_support::Outcome::from(command.output().unwrap());
    let outcome = outcome.failed("a temporary file in \"temporary\": File too large");
    assert!(outcome.stderr.contains("TMPDIR"), "{}", outcome.stderr);
}

#[test]
fn errors() {
    let folder = Folder::new("serve-errors");
    folder.write("site/a", "x");
    folder.write("text", "no pack");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    folder.badger("serve text").failed("text: not a badger pack");
    folder.badger("serve nothing").failed("cannot open nothing: No such file");
    folder.badger("serve site --listen nonsense").failed("cannot listen on nonsense: ");
    for unix in ["unix:", "unix:nothing/s", "unix:site", &format!("unix:{}", "x".repeat(200))] {
        let outcome =
            folder.badger(&format!("serve site --listen {unix}")).failed(&format!("cannot listen on {unix}: "));
        assert!(!outcome.stderr.contains("port 0"), "{}", outcome.stderr);
    }
    let socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    let outcome = folder.badger("serve site --listen unix:socket").failed("cannot listen on unix:socket: ");
    assert!(!outcome.stderr.contains("port 0"), "{}", outcome.stderr);
    drop(socket);
    let help = folder.badger("serve --help").good().stdout;
    assert!(help.contains("auto, epoll or io_uring"), "{help}");
    let outcome =
        folder.badger(&format!("serve site --listen {address}")).failed(&format!("cannot listen on {address}: "));
    assert!(outcome.stderr.contains("Address already in use"), "{}", outcome.stderr);
    folder.badger("serve --mount /a=site --mount /{x}=site --listen 127.0.0.1:0").failed_without_help("");
    for usage in ["serve", "serve site --mount a=b", "serve site --backend select", "serve site --workers 0"] {
        assert_eq!(folder.badger(usage).code, Some(2), "{usage}");
    }
}
