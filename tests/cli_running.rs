//! What an operator does with a server that runs: content put in place, told to a service manager, in a sandbox.

#[path = "backends/mod.rs"]
mod backends;
mod cli_support;

use cli_support::Folder;
use cli_support::server::{Server, TIME_MAX, until};
use std::fs;
use std::os::unix::net::UnixDatagram;

/// Makes a pack with one key, and puts it in place of the one before.
fn pack(folder: &Folder, pack: &str, text: &str) {
    folder.write("records", format!("{{\"key\":\"/k\",\"type\":\"text/plain\",\"text\":\"{text}\"}}"));
    folder.badger(&format!("pack records records --force -o {pack}")).good();
}

fn replace(folder: &Folder, path: &str, bytes: &str) {
    fs::rename(folder.write("new", bytes), folder.path(path)).unwrap();
}

#[test]
fn reload_tells_what_came_of_it() {
    let folder = Folder::new("running-reload");
    pack(&folder, "a.badger", "one");
    folder.write("site/x", "x");
    let server = Server::start(&folder, "a.badger site --listen 127.0.0.1:0 --control control --workers 2");
    pack(&folder, "a.badger", "two");
    assert!(server.get("/k").ends_with("one"));
    assert_eq!(folder.badger("reload --control control").good().stdout, "serving content generation 2\n");
    assert!(server.get("/k").ends_with("two"), "it is served when the command has ended");

    replace(&folder, "a.badger", "no pack any more");
    let refused = folder.badger("reload --control control").failed("a.badger: not a badger pack");
    assert!(refused.stdout.is_empty(), "{refused:?}");
    assert!(server.get("/k").ends_with("two") && server.get("/x").ends_with('x'), "the old content stays");
    let whole = folder.read("a.badger");
    pack(&folder, "a.badger", "three");
    let good = folder.read("a.badger");
    fs::rename(folder.write("new", &good[..good.len() - 4096]), folder.path("a.badger")).unwrap();
    folder.badger("reload --control control").failed_without_help("a.badger: ");
    assert!(server.get("/k").ends_with("two"), "a pack that was cut is refused as a whole");
    drop(whole);
    pack(&folder, "a.badger", "four");
    let mut command = folder.command("reload");
    let outcome = cli_support::Outcome::from(command.env("BADGER_CONTROL", "control").output().unwrap());
    assert_eq!(outcome.good().stdout, "serving content generation 3\n", "what was refused had no number");
    assert!(server.get("/k").ends_with("four"));
    server.stop();
    folder.badger("reload --control control").failed("control socket: control: No such file");
    assert_eq!(folder.badger("reload").code, Some(2));
}

#[test]
fn watched_content_is_served_as_soon_as_it_has_changed() {
    let folder = Folder::new("running-watch");
    pack(&folder, "a.badger", "one");
    folder.write("site/deep/x", "x");
    let mut server = Server::start(&folder, "site --mount /p=a.badger --watch --listen 127.0.0.1:0 --workers 1");
    folder.write("site/deep/y", "y");
    server.wait_for("serving content generation 2");
    until("the new file", || server.get("/deep/y").ends_with("\r\n\r\ny"));
    replace(&folder, "a.badger", "no pack any more");
    server.wait_for("a.badger: not a badger pack");
    server.wait_for("the old content is still served");
    assert!(server.get("/p/k").ends_with("one"));
    pack(&folder, "a.badger", "two");
    server.wait_for("serving content generation 3");
    until("the new pack", || server.get("/p/k").ends_with("two"));
    let rest = server.stop();
    assert!(!rest.contains("generation"), "nothing changed since: {rest}");
}

#[test]
fn a_service_manager_hears_how_it_goes() {
    let folder = Folder::new("running-notify");
    folder.write("site/x", "x");
    let manager = UnixDatagram::bind(folder.path("notify")).unwrap();
    manager.set_read_timeout(Some(TIME_MAX)).unwrap();
    let hear = |wanted: &str| {
        let mut message = [0; 1024];
        loop {
            let count = manager.recv(&mut message).unwrap_or_else(|error| panic!("{wanted}: {error}"));
            let text = std::str::from_utf8(&message[..count]).unwrap();
            if text != "WATCHDOG=1\n" || text.starts_with(wanted) {
                assert!(text.starts_with(wanted), "{text:?} and not {wanted:?}");
                return text.to_owned();
            }
        }
    };
    let start = |arguments: &str| {
        let mut command =
            folder.command(&format!("serve site --listen 127.0.0.1:0 --control control --workers 1 {arguments}"));
        Server::from(command.env("NOTIFY_SOCKET", "notify").env("WATCHDOG_USEC", "300000"))
    };
    let mut first = start("");
    hear("READY=1\nSTATUS=serving with 1 workers on ");
    for _ in 0..3 {
        hear("WATCHDOG=1\n");
    }
    first.signal("HUP");
    let reloading = hear("RELOADING=1\nMONOTONIC_USEC=");
    assert!(reloading.trim_end().rsplit('=').next().unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    hear("READY=1\nSTATUS=serving content generation 2\n");
    let next = start("--takeover control");
    hear(&format!("MAINPID={}\nREADY=1\n", next.child.id()));
    first.end();
    next.signal("TERM");
    hear("STOPPING=1\n");
    let mut command = folder.command("serve site --listen 127.0.0.1:0");
    let long = "x".repeat(200);
    let outcome = cli_support::Outcome::from(command.env("NOTIFY_SOCKET", &long).output().unwrap());
    outcome.failed(&format!("NOTIFY_SOCKET={long}: "));
}

#[test]
fn in_a_sandbox_content_is_swapped_and_what_lies_outside_is_refused_by_name() {
    let folder = Folder::new("running-sandbox");
    fs::create_dir_all(folder.path("packs")).unwrap();
    fs::create_dir_all(folder.path("run")).unwrap();
    fs::create_dir_all(folder.path("outside")).unwrap();
    fs::create_dir_all(folder.path("temporary")).unwrap();
    pack(&folder, "packs/a.badger", "one");
    folder.write("site/x", "x");
    let flags = "serve site --mount /p=packs/a.badger --listen localhost:0 --listen unix:run/socket --control run/control --workers 1";
    let start = |more: &str| {
        let mut command = folder.command(&format!("{flags} {more}"));
        Server::from(command.env("TMPDIR", "temporary"))
    };
    let mut server = start("--sandbox=try");
    let line = server.wait_for("in a sandbox");
    if line.contains("not in a sandbox") {
        backends::skip(line.trim_end());
        folder.badger(&format!("{flags} --sandbox")).failed("no sandbox: this kernel has no Landlock");
        return;
    }
    assert!(server.get("/p/k").ends_with("one") && server.get("/x").ends_with('x'));
    pack(&folder, "packs/a.badger", "two");
    replace(&folder, "site/x", "y");
    folder.badger("reload --control run/control").good();
    until("new content", || server.get("/p/k").ends_with("two") && server.get("/x").ends_with('y'));

    pack(&folder, "outside/a.badger", "three");
    fs::remove_file(folder.path("packs/a.badger")).unwrap();
    std::os::unix::fs::symlink("../outside/a.badger", folder.path("packs/a.badger")).unwrap();
    let refused =
        folder.badger("reload --control run/control").failed("packs/a.badger is outside the sandbox: it is /");
    assert!(refused.stderr.contains("--sandbox-read /"), "{}", refused.stderr);
    assert!(server.get("/p/k").ends_with("two"));
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");

    // Another one takes over, from inside a sandbox, into one.
    let next = start("--sandbox --sandbox-read outside --takeover run/control");
    server.end();
    assert!(next.get("/p/k").ends_with("three"));
    next.stop();
    assert!(!folder.path("run/socket").exists() && !folder.path("run/control").exists());
    folder
        .badger(&format!("{flags} --sandbox --sandbox-read nothing"))
        .failed_without_help("no sandbox: a rule of the sandbox is about nothing: ");
}
