//! Landlock: this thread, and those that it starts from then on, may use only what rules allow. For ever, and without a
//! privilege. Kernels differ in what they can refuse; each is asked for all that it knows.

use super::checked;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const WRITE_FILE: u64 = 1 << 1;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
const TRUNCATE: u64 = 1 << 14;

/// What may be refused of the file system, by the version that brought it: execute to make symbolic links (1), move to
/// another folder (2), truncate (3), control devices (5).
const FILE_RIGHTS: [(u32, u64); 4] = [(1, 0x1fff), (2, 1 << 13), (3, TRUNCATE), (5, 1 << 15)];
/// Rights that a rule on a single file may name: execute, write, read, truncate, control a device.
const RIGHTS_OF_A_FILE: u64 = 1 | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15;
/// The version that can refuse to bind a TCP port and to connect to one.
const PORTS_VERSION: u32 = 4;
const BIND_TCP: u64 = 1 << 0;
const CONNECT_TCP: u64 = 1 << 1;
/// The version that can refuse to send signals to processes outside.
const SIGNALS_VERSION: u32 = 6;
const SCOPE_SIGNAL: u64 = 1 << 1;

const VERSION_FLAG: libc::c_uint = 1;
const RULE_PATH_BENEATH: libc::c_uint = 1;
const RULE_NET_PORT: libc::c_uint = 2;

/// What a rule allows beneath a folder, or on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading files and folders.
    Read,
    /// Reading and writing files, making and removing them.
    Write,
    /// Making and removing sockets.
    Sockets,
}

impl Access {
    fn rights(self) -> u64 {
        match self {
            Access::Read => READ_FILE | READ_DIR,
            Access::Write => READ_FILE | READ_DIR | WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE,
            Access::Sockets => MAKE_SOCK | REMOVE_FILE,
        }
    }
}

/// `struct landlock_ruleset_attr`. An older kernel takes a longer one when what it does not know is zero.
#[repr(C)]
struct RulesetAttributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathAttributes {
    allowed_access: u64,
    parent_fd: RawFd,
}

/// `struct landlock_net_port_attr`.
#[repr(C)]
struct PortAttributes {
    allowed_access: u64,
    port: u64,
}

/// The version of this kernel's Landlock.
///
/// # Errors
/// It has none, or it is switched off; Android's filter for apps ends a process that asks, so it is not asked there.
pub(crate) fn version() -> io::Result<u32> {
    if super::process::is_android() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Android does not let apps use it"));
    }
    let nothing = std::ptr::null::<RulesetAttributes>();
    // SAFETY: with this flag the attributes are null and their size is 0.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION_FLAG) };
    let version = checked_long(version)?;
    Ok(version as u32) // small and not negative
}

fn checked_long(status: libc::c_long) -> io::Result<libc::c_long> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(status) }
}

/// Rules that are being collected.
#[derive(Debug)]
pub(crate) struct Ruleset {
    descriptor: OwnedFd,
    file_rights: u64,
    port_rights: u64,
}

impl Ruleset {
    /// Rules that allow nothing yet, for a kernel of this version.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn new(version: u32) -> io::Result<Ruleset> {
        let rights = FILE_RIGHTS.iter().filter(|row| row.0 <= version).fold(0, |rights, row| rights | row.1);
        let port_rights = if version >= PORTS_VERSION { BIND_TCP | CONNECT_TCP } else { 0 };
        let scoped = if version >= SIGNALS_VERSION { SCOPE_SIGNAL } else { 0 };
        let attributes = RulesetAttributes { handled_access_fs: rights, handled_access_net: port_rights, scoped };
        let size = size_of::<RulesetAttributes>();
        // SAFETY: `attributes` is valid for reading `size` bytes.
        let made = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0) };
        let number = checked_long(made)? as RawFd; // a descriptor
        // SAFETY: just made, and nobody else knows of it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Ruleset { descriptor, file_rights: rights, port_rights })
    }

    /// Allows something beneath a folder, or on a file.
    ///
    /// # Errors
    /// The path cannot be opened.
    pub(crate) fn allow(&self, path: &Path, access: Access) -> io::Result<()> {
        let place = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
        let mut rights = access.rights() & self.file_rights;
        if !place.metadata()?.is_dir() {
            rights &= RIGHTS_OF_A_FILE;
        }
        let attributes = PathAttributes { allowed_access: rights, parent_fd: place.as_raw_fd() };
        self.add(RULE_PATH_BENEATH, (&raw const attributes).cast())
    }

    /// Allows listening on a TCP port; 0 is any that the kernel chooses.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn allow_port(&self, port: u16) -> io::Result<()> {
        if self.port_rights == 0 {
            return Ok(());
        }
        let attributes = PortAttributes { allowed_access: BIND_TCP, port: port.into() };
        self.add(RULE_NET_PORT, (&raw const attributes).cast())
    }

    fn add(&self, kind: libc::c_uint, attributes: *const libc::c_void) -> io::Result<()> {
        let rules = self.descriptor.as_raw_fd();
        // SAFETY: `attributes` is the struct of this kind, says each caller, and lives until the call returns.
        checked_long(unsafe { libc::syscall(libc::SYS_landlock_add_rule, rules, kind, attributes, 0) })?;
        Ok(())
    }

    /// Puts the rules on the calling thread, and so on all that it starts later.
    ///
    /// # Errors
    /// What the kernel says. Then nothing has changed, but that programs gain no privilege any more by being started.
    pub(crate) fn enter(self) -> io::Result<()> {
        let (yes, none): (libc::c_ulong, libc::c_ulong) = (1, 0);
        // SAFETY: this option takes integers.
        checked(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, none, none, none) })?;
        let rules = self.descriptor.as_raw_fd();
        // SAFETY: takes integers.
        checked_long(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules, 0) })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixListener;

    /// Rules hold for a thread, so each test has one of its own.
    fn on_a_thread(test: impl FnOnce(u32) + Send + 'static) {
        match version() {
            Ok(version) => std::thread::spawn(move || test(version)).join().unwrap(),
            Err(error) => println!("skipped: this kernel has no Landlock: {error}"),
        }
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("badgerserver-landlock-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("in")).unwrap();
        fs::create_dir_all(path.join("out")).unwrap();
        fs::write(path.join("in/a"), "a").unwrap();
        fs::write(path.join("out/b"), "b").unwrap();
        path
    }

    fn is_refused<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn reading_is_allowed_where_a_rule_says_so() {
        on_a_thread(|version| {
            let folder = folder("read");
            let rules = Ruleset::new(version).unwrap();
            rules.allow(&folder.join("in"), Access::Read).unwrap();
            rules.allow(&folder.join("out/b"), Access::Read).unwrap();
            rules.enter().unwrap();
            assert_eq!(fs::read(folder.join("in/a")).unwrap(), b"a");
            assert_eq!(fs::read_dir(folder.join("in")).unwrap().count(), 1);
            assert_eq!(fs::read(folder.join("out/b")).unwrap(), b"b", "a rule on a file");
            assert!(is_refused(fs::read_dir(folder.join("out"))));
            assert!(is_refused(fs::write(folder.join("in/a"), "c")) && is_refused(fs::read("/etc/hostname")));
            std::thread::spawn(|| assert!(is_refused(fs::read("/etc/hostname")))).join().unwrap();
        });
        assert!(fs::read_dir("/etc").is_ok(), "the thread that started it is free");
    }

    #[test]
    fn writing_and_sockets_are_allowed_where_a_rule_says_so() {
        on_a_thread(|version| {
            let folder = folder("write");
            let rules = Ruleset::new(version).unwrap();
            rules.allow(&folder.join("in"), Access::Write).unwrap();
            rules.allow(&folder.join("out"), Access::Sockets).unwrap();
            rules.enter().unwrap();
            fs::write(folder.join("in/a"), "c").unwrap();
            fs::write(folder.join("in/new"), "n").unwrap();
            fs::rename(folder.join("in/new"), folder.join("in/a")).unwrap();
            assert!(is_refused(fs::write(folder.join("out/new"), "n")));
            drop(UnixListener::bind(folder.join("out/s")).unwrap());
            fs::rename(folder.join("out/s"), folder.join("out/t")).unwrap();
            fs::remove_file(folder.join("out/t")).unwrap();
            assert!(is_refused(UnixListener::bind(folder.join("in/s"))));
        });
    }

    #[test]
    fn ports_are_bound_where_a_rule_says_so() {
        on_a_thread(|version| {
            let outside = TcpListener::bind("127.0.0.1:0").unwrap();
            let rules = Ruleset::new(version).unwrap();
            rules.allow_port(0).unwrap();
            rules.enter().unwrap();
            TcpListener::bind("127.0.0.1:0").unwrap();
            if version >= PORTS_VERSION {
                assert!(is_refused(TcpListener::bind("127.0.0.1:47113")));
                assert!(is_refused(TcpStream::connect(outside.local_addr().unwrap())));
            }
        });
    }

    #[test]
    fn the_oldest_version_is_asked_for_what_it_knows() {
        on_a_thread(|_| {
            let folder = folder("old");
            let rules = Ruleset::new(1).unwrap();
            assert_eq!((rules.file_rights, rules.port_rights), (0x1fff, 0));
            rules.allow(&folder, Access::Write).unwrap();
            rules.allow_port(80).unwrap();
            rules.enter().unwrap();
            fs::write(folder.join("in/a"), "longer").unwrap();
            assert!(is_refused(fs::read_dir("/etc")));
            TcpListener::bind("127.0.0.1:0").unwrap();
        });
    }

    #[test]
    fn a_path_that_is_not_there_is_an_error() {
        on_a_thread(|version| {
            let rules = Ruleset::new(version).unwrap();
            let error = rules.allow(Path::new("/nothing/here"), Access::Read).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        });
    }
}
