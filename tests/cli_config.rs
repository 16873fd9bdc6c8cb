//! Settings by flag, environment and file; completions and the manual, run as people run them.

mod cli_support;

use cli_support::{Folder, Outcome};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, Command, Stdio};

/// `badger serve`, running; killed when the test ends.
struct Served {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// The lines that say where it listens.
    addresses: Vec<String>,
}

impl Served {
    /// `listeners`: how many lines it says.
    fn start(mut command: Command, listeners: usize) -> Served {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addresses: Vec<String> = lines.take(listeners).map(|line| line.unwrap()).collect();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut served = Served { child, stderr, addresses };
        if served.addresses.len() < listeners {
            let mut text = String::new();
            served.stderr.read_to_string(&mut text).unwrap();
            panic!("it says {:?} and {text}", served.addresses);
        }
        served
    }

    fn ask(&self, request: &str) -> String {
        let address = self.addresses[0].split_whitespace().nth(2).unwrap();
        ask(TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap(), request)
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    }

    fn reload(&mut self, until: &str) {
        assert!(Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap().success());
        self.wait_for(until);
    }

    /// The lines on stderr up to the next that has this in it; the end of stderr fails.
    fn wait_for(&mut self, what: &str) -> String {
        let mut text = String::new();
        loop {
            let before = text.len();
            assert_ne!(self.stderr.read_line(&mut text).unwrap(), 0, "stderr ended before {what:?}: {text}");
            if text[before..].contains(what) {
                return text;
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A folder with sites in it.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("in/public/index.html", "home");
    folder.write("in/public/404.html", "nothing here");
    folder.write("in/app/index.html", "app");
    folder.write("flag/index.html", "of the flag");
    folder
}

const FILE: &str = r#"
listen = ["127.0.0.1:0", { address = "unix:../socket", mode = 0o600 }]
workers = 2

[[mount]]
prefix = "/"
path = "public"
headers = { X-From = "file" }
not_found = "/404.html"

[[mount]]
prefix = "/app"
path = "app"
fallback = "/index.html"
cors = ["https://a.example", "https://b.example"]

[[redirect]]
from = "/old/{*rest}"
to = "/app/{rest}"
status = 308
"#;

#[test]
fn a_file_says_it_all() {
    let folder = folder("config-all");
    folder.write("in/badger.toml", FILE);
    let mut served = Served::start(folder.command("serve --config in/badger.toml"), 2);
    assert!(served.addresses[0].ends_with(" workers=2"), "{:?}", served.addresses);
    assert!(served.addresses[1].starts_with("listening on unix:in/../socket "), "{:?}", served.addresses);
    let mode = folder.path("socket").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let home = served.get("/");
    assert!(home.contains("\r\nX-From: file\r\n") && home.ends_with("home"), "{home}");
    let missing = served.get("/nothing");
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.ends_with("nothing here"), "{missing}");
    let app = served.get("/app/some/route");
    assert!(app.starts_with("HTTP/1.1 200 ") && app.contains("Badger-Fallback: default\r\n"), "{app}");
    let moved = served.get("/old/a?b");
    assert!(moved.starts_with("HTTP/1.1 308 ") && moved.contains("\r\nLocation: /app/a?b\r\n"), "{moved}");
    let preflight = served.ask(
        "OPTIONS /app/x HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n",
    );
    assert!(preflight.starts_with("HTTP/1.1 204 "), "{preflight}");
    assert!(preflight.contains("\r\nAccess-Control-Allow-Origin: https://b.example\r\n"), "{preflight}");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(ask(UnixStream::connect(folder.path("socket")).unwrap(), request).ends_with("home"));

    // The file is read again; what cannot change while it serves is told.
    let changed = FILE.replace("X-From = \"file\"", "X-From = \"later\"").replace("workers = 2", "workers = 3");
    folder.write("in/badger.toml", changed);
    served.reload("settings beside mounts and redirects have changed");
    served.wait_for("serving content generation 2");
    while !served.get("/").contains("\r\nX-From: later\r\n") {}
    folder.write("in/badger.toml", FILE.replace("prefix = \"/\"", "prefix = \"a\""));
    served.reload("error: in/badger.toml:6:10: prefix \"a\": it must start with '/'");
    served.wait_for("the old content is still served");
    assert!(served.get("/").contains("\r\nX-From: later\r\n"));
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let folder = folder("config-order");
    folder.write("in/b.toml", "listen = \"127.0.0.1:0\"\nworkers = 2\ndrain = 1\npaths = [\"public\"]\n");
    for (flags, variables, workers) in [
        ("", &[][..], 2),
        ("", &[("BADGER_WORKERS", "3")], 3),
        ("--workers 4", &[("BADGER_WORKERS", "3")], 4),
        ("--workers 4", &[], 4),
    ] {
        let mut command = folder.command(&format!("serve {flags}"));
        command.env("BADGER_CONFIG", "in/b.toml").envs(variables.iter().copied());
        let served = Served::start(command, 1);
        assert!(served.addresses[0].ends_with(&format!(" workers={workers}")), "{flags} {variables:?}");
        assert!(served.get("/").ends_with("home"));
    }
    // An address of a flag or variable takes the place of those of the file; content adds up, the flag's before it.
    let mut command = folder.command("serve flag --config in/b.toml --workers 1");
    command
        .env("BADGER_LISTEN", "127.0.0.1:0 unix:socket")
        .env("BADGER_MOUNT", "/m=in/app")
        .env("BADGER_UNIX_MODE", "640");
    let served = Served::start(command, 2);
    assert!(served.addresses[1].starts_with("listening on unix:socket "), "{:?}", served.addresses);
    assert_eq!(folder.path("socket").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(served.get("/").ends_with("of the flag"));
    assert!(served.get("/404.html").ends_with("nothing here"));
    assert!(served.get("/m/").ends_with("app"));
}

#[test]
fn a_proxy_that_is_trusted_names_its_client() {
    let folder = folder("config-proxy");
    let flags = "serve flag --listen 127.0.0.1:0 --workers 1 --connections-per-address 1 --proxy-from 127.0.0.0/8";
    let served = Served::start(folder.command(flags), 1);
    let address = served.addresses[0].split_whitespace().nth(2).unwrap().strip_prefix("http://").unwrap();
    let connect = |last: u8| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c").unwrap();
        stream.write_all(&[192, 0, 2, last, 127, 0, 0, 1, 0x30, 0x39, 0, 80]).unwrap();
        stream
    };
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut first = connect(1);
    first.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 12];
    first.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let last = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    assert!(ask(connect(2), &last).starts_with("HTTP/1.1 200 "), "another client of the same proxy");
    assert!(ask(connect(1), &last).starts_with("HTTP/1.1 503 "), "the same client");
    let mut bare = TcpStream::connect(address).unwrap();
    bare.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // An end or a reset, by whether its request was still unread.
    let _ = bare.read_to_end(&mut answer);
    assert!(answer.is_empty(), "a proxy that does not say for whom");
}

fn check(folder: &Folder, text: &str) -> Outcome {
    folder.write("in/b.toml", text);
    // A mistake in the environment is none of the file.
    Outcome::from(folder.command("config check in/b.toml").env("BADGER_WORKERS", "none").output().unwrap())
}

#[test]
fn a_file_is_checked_with_all_that_it_serves() {
    let folder = folder("config-check");
    let good = check(&folder, FILE).good();
    assert!(
        good.stdout.contains("listens on 127.0.0.1:0\n") && good.stdout.contains("serves in/public at /\n"),
        "{good:?}"
    );
    assert!(good.stdout.ends_with("leads /old/{*rest} to /app/{rest} (308)\nin/b.toml: good\n"), "{good:?}");
    for (change, to, message) in [
        ("workers = 2", "worker = 2", "in/b.toml:3:1: \"worker\" is no setting\n"),
        ("\"public\"", "\"private\"", "in/b.toml:7:8: cannot open in/private: "),
        ("/404.html", "/405.html", "in/b.toml:9:13: \"/405.html\" of the mount at \"/\": the pack lacks the key"),
        ("/index.html", "/none", "in/b.toml:14:12: \"/none\" of the mount at \"/app\": "),
        (
            "X-From",
            "Date",
            "in/b.toml:8:11: header \"Date\" of the mount at \"/\": the server writes this field itself",
        ),
        ("https://a", "https://A", "in/b.toml:15:8: cors \"https://A.example\" of the mount at \"/app\": "),
        ("prefix = \"/app\"", "prefix = \"/{app}\"", "in/b.toml:12:10: prefix \"/{app}\": "),
        ("status = 308", "status = 200", "in/b.toml:20:10: redirect from "),
        ("workers = 2", "idle_time = 0", "in/b.toml:3:13: limit idle_time_max must be more than 0"),
        ("workers = 2", "cores = \"huge\"", "in/b.toml:3:9: cores: write all, big, little, or numbers of cores"),
        ("127.0.0.1:0", "127.0.0.1", "in/b.toml:2:11: \"127.0.0.1\" is no address"),
    ] {
        let outcome = check(&folder, &FILE.replace(change, to));
        outcome.failed_without_help(message);
    }
    let two = check(&folder, &FILE.replace("\"public\"", "\"x\"").replace("\"app\"", "\"y\""));
    assert_eq!(two.stderr.matches("error: in/b.toml:").count(), 2, "{}", two.stderr);
    folder.badger("config check none.toml").failed("none.toml: ");
    let latin = folder.write("in/latin.toml", b"a = 1\nb = \"\xfc\"\n");
    assert!(latin.exists());
    folder.badger("config check in/latin.toml").failed("in/latin.toml:2: this line is not UTF-8");
    folder.write("in/empty.toml", "");
    folder.badger("config check in/empty.toml").good();
    folder.badger("serve --config in/empty.toml").failed("in/empty.toml: nothing to serve");
    for usage in ["serve --unix-mode 9 flag", "serve --proxy-from host flag", "config", "config check"] {
        assert_eq!(folder.badger(usage).code, Some(2), "{usage}");
    }
}

#[test]
fn completions_and_the_manual() {
    let folder = Folder::new("config-manual");
    let bash = folder.badger("completions bash").good();
    assert!(bash.stdout.contains("--idle-time") && bash.stderr.is_empty());
    assert_eq!(folder.badger("completions csh").code, Some(2));
    let page = folder.badger("man serve").good().stdout;
    assert!(page.contains(".TH ") && page.contains("\\-\\-idle\\-time"), "{page}");
    assert!(folder.badger("man").good().stdout.contains("badger\\-serve"));
    folder.badger("man nothing").failed("there is no command \"nothing\"");
    folder.badger("man --pages pages").good();
    for name in ["badger.1", "badger-serve.1", "badger-pack-files.1", "badger-config-check.1"] {
        assert!(!folder.read(&format!("pages/{name}")).is_empty(), "{name}");
    }
}
