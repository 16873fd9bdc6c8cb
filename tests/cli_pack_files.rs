//! `badger pack files`, run as people run it.

mod cli_support;

use badgerserver::pack::Encoding;
use cli_support::{Folder, Outcome, body, find, head, keys};
use std::fs::{File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

fn touch(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_site_becomes_keys_indexes_and_redirects() {
    let folder = Folder::new("site");
    folder.write("site/index.html", "<h1>".repeat(100));
    touch(&folder.write("site/docs/a b.txt", "hello"), 1_463_520_600);
    folder.write("site/docs/index.html", "<h2>");
    folder.write("site/.secret", "x");
    folder.write("site/.git/config", "x");
    let outcome = folder.badger("pack files site -o site.badger").good();
    assert!(outcome.stdout.starts_with("wrote site.badger: 6 keys, "), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, "");
    assert_eq!(folder.names(), ["site", "site.badger"]);
    let pack = folder.pack("site.badger");
    assert_eq!(keys(&pack), ["/", "/docs", "/docs/", "/docs/a b.txt", "/docs/index.html", "/index.html"]);
    assert_eq!(find(&pack, "/docs").unwrap().status(), 301);
    assert!(head(&pack, "/docs").contains("Location: docs/\r\n"));
    assert!(head(&pack, "/docs/a b.txt").contains("Content-Type: text/plain; charset=utf-8\r\n"));
    assert_eq!(find(&pack, "/docs/a b.txt").unwrap().last_modified(), Some(1_463_520_600));
    assert_eq!(body(&pack, "/docs/", Encoding::Identity).unwrap(), b"<h2>");
    assert!(body(&pack, "/", Encoding::Br).is_some() && body(&pack, "/", Encoding::Gzip).is_some());
    assert_eq!(body(&pack, "/", Encoding::Zstd), None);
    assert_eq!(find(&pack, "/docs/").unwrap().variant_count(), 1, "too short to be worth it");
    let info = pack.info();
    assert_eq!((info.creator.as_str(), info.sequence), (concat!("badger ", env!("CARGO_PKG_VERSION")), 0));
    folder.badger("verify site.badger").good();
}

#[test]
fn the_same_files_give_the_same_bytes_however_many_threads() {
    let folder = Folder::new("same");
    for number in 0..60 {
        folder.write(&format!("site/{}/{number}.html", number % 7), format!("<p>{number}").repeat(number * 20));
    }
    for (jobs, name) in [(1, "a"), (2, "b"), (7, "c")] {
        folder.badger(&format!("pack files site -o {name}.badger --jobs {jobs} --encode br,zstd,gzip")).good();
    }
    assert_eq!(folder.read("a.badger"), folder.read("b.badger"));
    assert_eq!(folder.read("a.badger"), folder.read("c.badger"));
    folder.badger("pack files site -o d.badger --sequence 5").good();
    assert_eq!(folder.pack("d.badger").info().sequence, 5);
}

#[test]
fn encodings_are_for_types_that_become_smaller() {
    let folder = Folder::new("types");
    folder.write("site/a.js", "x".repeat(500));
    folder.write("site/a.png", "x".repeat(500));
    folder.badger("pack files site -o all.badger --encode br,gzip,zstd").good();
    let pack = folder.pack("all.badger");
    assert_eq!(find(&pack, "/a.js").unwrap().variant_count(), 4);
    assert_eq!(find(&pack, "/a.png").unwrap().variant_count(), 1);
    folder.badger("pack files site -o none.badger --encode none").good();
    assert_eq!(find(&folder.pack("none.badger"), "/a.js").unwrap().variant_count(), 1);
}

#[test]
fn siblings_are_used_as_they_are_unless_older() {
    let folder = Folder::new("siblings");
    let text = "x".repeat(500);
    for (name, bytes, seconds) in
        [("a.js", text.as_str(), 100), ("a.js.br", "made before", 100), ("a.js.gz", "stale", 99)]
    {
        touch(&folder.write(&format!("site/{name}"), bytes), seconds);
    }
    let outcome = folder.badger("pack files site -o site.badger --encode br,gzip").good();
    let stale =
        "warning: \"a.js.gz\": older than the file it was made from, so not used as its encoding; compress it again\n";
    assert_eq!(outcome.stderr, stale);
    let pack = folder.pack("site.badger");
    assert_eq!(body(&pack, "/a.js", Encoding::Br).unwrap(), b"made before");
    assert_eq!(body(&pack, "/a.js", Encoding::Gzip).unwrap()[..2], [0x1f, 0x8b]);
    assert_eq!(body(&pack, "/a.js.gz", Encoding::Identity).unwrap(), b"stale");
    assert!(head(&pack, "/a.js.gz").contains("Content-Type: application/gzip\r\n"));
    assert!(!head(&pack, "/a.js.gz").contains("Content-Encoding"));
}

#[test]
fn what_cannot_be_served_is_told_and_left_out() {
    let folder = Folder::new("skipped");
    folder.write("site/real/a.txt", "x");
    folder.write("secret", "x");
    symlink("../secret", folder.path("site/out")).unwrap();
    symlink("real/a.txt", folder.path("site/in.txt")).unwrap();
    symlink("..", folder.path("site/real/up")).unwrap();
    std::fs::write(folder.path("site").join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    let outcome = folder.badger("pack files site -o site.badger").good();
    assert_eq!(
        outcome.stderr,
        "warning: \"out\": a link to a place outside the directory\n\
         warning: \"real/up\": a link to a folder that it lies in\n\
         warning: \"\\xFF\": the name is not UTF-8\n"
    );
    assert_eq!(keys(&folder.pack("site.badger")), ["/in.txt", "/real/a.txt"]);
}

#[test]
fn patterns_leave_out_and_mark() {
    let folder = Folder::new("patterns");
    for name in ["a.js", "a.js.map", "drafts/b.html", "drafts/deep/c.html", "app.3f2a.js", "node_modules/x/y.js"] {
        folder.write(&format!("site/{name}"), "x");
    }
    folder.badger("pack files site -o p.badger --exclude *.map --exclude drafts/*.html --exclude node_modules --immutable app.*.js").good();
    let pack = folder.pack("p.badger");
    assert_eq!(keys(&pack), ["/a.js", "/app.3f2a.js", "/drafts/deep/c.html"]);
    assert!(find(&pack, "/app.3f2a.js").unwrap().flags().immutable());
    assert!(!find(&pack, "/a.js").unwrap().flags().immutable());
}

#[test]
fn a_pack_inside_its_own_directory_does_not_hold_itself() {
    let folder = Folder::new("itself");
    folder.write("a.txt", "x");
    folder.badger("pack files . -o site.badger").good();
    let first = folder.read("site.badger");
    folder.badger("pack files . -o site.badger").good();
    assert_eq!(keys(&folder.pack("site.badger")), ["/a.txt"]);
    assert_eq!(folder.read("site.badger"), first);
}

#[test]
fn only_packs_are_replaced() {
    let folder = Folder::new("replace");
    folder.write("site/a.txt", "x");
    folder.write("notes.txt", "mine");
    folder.write("empty", "");
    folder.badger("pack files site -o notes.txt").failed(&format!(
        "{}: exists and is not a badger pack",
        folder.path("notes.txt").canonicalize().unwrap().display()
    ));
    assert_eq!(folder.read("notes.txt"), b"mine");
    folder.badger("pack files site -o site").failed(&format!(
        "{}: exists and is not a regular file",
        folder.path("site").canonicalize().unwrap().display()
    ));
    folder.badger("pack files site -o empty").good();
    folder.badger("pack files site -o notes.txt --force").good();
    assert_eq!(keys(&folder.pack("notes.txt")), ["/a.txt"]);
    // A damaged pack is still a pack, and a link keeps its place.
    let mut damaged = folder.read("notes.txt");
    damaged[100] ^= 1;
    folder.write("damaged.badger", damaged);
    symlink("damaged.badger", folder.path("current.badger")).unwrap();
    folder.badger("pack files site -o current.badger").good();
    assert!(folder.path("current.badger").is_symlink());
    folder.badger("verify damaged.badger").good();
    assert_eq!(folder.names(), ["current.badger", "damaged.badger", "empty", "notes.txt", "site"]);
}

/// A shell's process id is that of what it becomes by exec: so the names that a killed run left are known beforehand.
#[test]
fn what_a_killed_run_left_is_in_nobodys_way() {
    let folder = Folder::new("left");
    folder.write("site/a.txt", "x");
    let script = "for name in .x.badger .badger-spool; do echo theirs > $name.$$.tmp; ln -s nothing $name.$$.1.tmp; done\n\
                  exec \"$0\" pack files site -o x.badger";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_badger")]).current_dir(&folder.0);
    let outcome = Outcome::from(command.output().unwrap()).good();
    assert_eq!(outcome.stderr, "");
    assert_eq!(keys(&folder.pack("x.badger")), ["/a.txt"]);
    assert_eq!(folder.names().len(), 6, "theirs are still there: {:?}", folder.names());
    assert!(!folder.path("nothing").exists());
}

#[test]
fn a_new_pack_keeps_the_permissions_and_the_links_of_the_old() {
    let folder = Folder::new("keeps");
    folder.write("site/a.txt", "x");
    folder.badger("pack files site -o x.badger").good();
    for mode in [0o600, 0o664, 0o444] {
        std::fs::set_permissions(folder.path("x.badger"), Permissions::from_mode(mode)).unwrap();
        folder.badger("pack files site -o x.badger").good();
        assert_eq!(folder.path("x.badger").metadata().unwrap().permissions().mode() & 0o7777, mode);
    }
    std::fs::create_dir(folder.path("to")).unwrap();
    symlink("to/first", folder.path("link")).unwrap();
    symlink("../made.badger", folder.path("to/first")).unwrap();
    folder.badger("pack files site -o link").good();
    assert!(folder.path("link").is_symlink() && folder.path("to/first").is_symlink());
    folder.badger("verify made.badger").good();
    symlink("ring", folder.path("ring")).unwrap();
    folder.badger("pack files site -o ring").failed("ring: a link that leads to itself");
    assert_eq!(folder.names(), ["link", "made.badger", "ring", "site", "to", "x.badger"]);
}

#[test]
fn lost_readers_change_no_outcome() {
    let folder = Folder::new("files-lost");
    folder.write("site/a.txt", "x");
    symlink("nothing", folder.path("site/broken")).unwrap();
    for (arguments, code) in [("pack files site -o a.badger", 0), ("pack files nothing -o b.badger", 1)] {
        let mut child = folder.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments}");
    }
    assert_eq!(folder.names(), ["a.badger", "site"]);
}

#[test]
fn errors() {
    let folder = Folder::new("files-errors");
    folder.write("site/.hidden", "x");
    folder.badger("pack files nothing -o x.badger").failed("directory \"nothing\": No such file");
    folder.badger("pack files site/.hidden -o x.badger").failed("directory \"site/.hidden\": Not a directory");
    folder.badger("pack files site -o x.badger").failed("site: no files to pack");
    folder.write("site/a", "x");
    folder.badger("pack files site -o no/such/x.badger").failed("no/such/.x.badger.");
    assert_eq!(folder.names(), ["site"]);
    for usage in [
        "pack files site",
        "pack files -o x",
        "pack files site -o x --encode lzma",
        "pack files site -o x --jobs 0",
        "pack files site -o x --exclude [",
        "pack",
        "no-such",
    ] {
        let outcome = folder.badger(usage);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
    }
    assert_eq!(folder.badger("--version").good().stdout, concat!("badger ", env!("CARGO_PKG_VERSION"), "\n"));
}
