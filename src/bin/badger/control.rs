//! `--control PATH`: the unix socket by which `badger reload` and a process that takes over talk to a running server.
//!
//! A command is one line; the answer begins with `ok ` or `error ` and ends with the connection. Nobody but the user who runs
//! the server, and root, is listened to: the file has mode 0600, and the kernel says who connects.

use crate::failure::{Failure, io_failure};
use crate::lifecycle::{Lifecycle, SocketFile, thread_failure};
use crate::lines::Lines;
use crate::takeover;
use badgerserver::handover;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long whoever connects may take to say what it wants.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest command.
const COMMAND_BYTES_MAX: u64 = 64;
/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// The socket of a server that is about to serve. It lies beside its path until it is put there, so that there is never a file
/// that others may use, and a server that does not come to serve takes nothing away from the one before.
pub(crate) struct Control {
    listener: UnixListener,
    /// Where it lies now; it goes with this value, unless it was put in its place.
    made: Option<PathBuf>,
    path: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            let _ = fs::remove_file(made);
        }
    }
}

impl Control {
    /// Listens at `path`, in place of a server that has ended; `in_place_of`: also of the one at that path, from which this
    /// process takes over.
    ///
    /// # Errors
    /// Somebody else listens there; the file is no socket; what the system says.
    pub(crate) fn open(path: &Path, in_place_of: Option<&Path>) -> Result<Control, Failure> {
        let failed = |error: io::Error| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let remedy =
                format!("{} must be a folder that can be written, and the whole path below 96 bytes", folder.display());
            io_failure(path, &error).at("control socket").remedy(remedy)
        };
        if let Ok(found) = path.symlink_metadata() {
            if !found.file_type().is_socket() {
                let failure =
                    Failure::new(format!("control socket: {}: the file exists and is not a socket", path.display()));
                return Err(failure.remedy("remove that file, or name another path with --control"));
            }
            let is_taken_over = in_place_of.is_some_and(|other| is_same_file(path, other));
            if !is_taken_over && UnixStream::connect(path).is_ok() {
                let what = format!("control socket: {}: another server has it", path.display());
                return Err(
                    Failure::new(what).remedy("--takeover takes over from that server; --control names another path")
                );
            }
        }
        let mut made = path.as_os_str().to_owned();
        made.push(format!(".{}", std::process::id()));
        let made = PathBuf::from(made);
        let listener = UnixListener::bind(&made).map_err(failed)?;
        let control = Control { listener, made: Some(made.clone()), path: path.to_owned() };
        fs::set_permissions(&made, Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(control)
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn publish(&mut self) -> Result<SocketFile, Failure> {
        let path = self.path.clone();
        let failed = |error: io::Error| io_failure(&path, &error).at("control socket");
        if let Some(made) = &self.made {
            fs::rename(made, &path).map_err(failed)?;
        }
        self.made = None;
        SocketFile::find(&path).ok_or_else(|| failed(ErrorKind::NotFound.into()))
    }

    /// Answers on a thread of its own, one after the other.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start(self, lifecycle: &Arc<Lifecycle>, lines: &Lines) -> Result<(), Failure> {
        let (lifecycle, lines) = (Arc::clone(lifecycle), lines.clone());
        let answer_each = move || {
            loop {
                match self.listener.accept() {
                    Ok((stream, _)) => {
                        if let Err(error) = answer(stream, &lifecycle, &lines) {
                            lines.tell(format_args!("badger: control socket: {error}"));
                        }
                    }
                    // Out of descriptors or memory: it is tried again, but not without end at once.
                    Err(error) if error.kind() != ErrorKind::Interrupted => {
                        std::thread::sleep(Duration::from_millis(100))
                    }
                    Err(_) => {}
                }
            }
        };
        std::thread::Builder::new().name("control".to_owned()).spawn(answer_each).map_err(thread_failure)?;
        Ok(())
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn answer(mut stream: UnixStream, lifecycle: &Lifecycle, lines: &Lines) -> io::Result<()> {
    if !handover::is_of_this_user(&stream)? {
        return stream.write_all(b"error only the user who runs this server may control it\n");
    }
    stream.set_read_timeout(Some(COMMAND_TIME_MAX))?;
    stream.set_write_timeout(Some(COMMAND_TIME_MAX))?;
    match read_line(&stream)?.as_str() {
        "reload" => match lifecycle.reload() {
            Ok(generation) => writeln!(stream, "ok serving content generation {generation}"),
            Err(why) => writeln!(stream, "error {why}"),
        },
        "takeover" => takeover::give(&stream, lifecycle, lines),
        other => writeln!(stream, "error {other:?} is no command of this server: reload, takeover"),
    }
}

/// A line without its end; what came of it when the other side closes.
pub(crate) fn read_line(stream: &UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(COMMAND_BYTES_MAX)).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Connects to a running server and sends a command.
///
/// # Errors
/// Nobody listens there, or it belongs to somebody else.
pub(crate) fn connect(path: &Path, command: &str) -> Result<UnixStream, Failure> {
    let failed = |error: io::Error| {
        let failure = io_failure(path, &error).at("control socket");
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => failure
                .remedy("no server runs with this --control; look at its command line, and at the folder that the path starts in"),
            ErrorKind::PermissionDenied => failure.remedy("run this as the user who runs the server"),
            _ => failure,
        }
    };
    let open = || {
        let mut stream = UnixStream::connect(path)?;
        if !handover::is_of_this_user(&stream)? {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "the server there is another user's"));
        }
        stream.write_all(format!("{command}\n").as_bytes())?;
        Ok(stream)
    };
    open().map_err(failed)
}

/// The text of an answer that is all there.
///
/// # Errors
/// The server's reason.
pub(crate) fn outcome(answer: &str) -> Result<String, Failure> {
    match answer.split_once(' ') {
        Some(("ok", text)) => Ok(text.trim_end().to_owned()),
        Some(("error", text)) => Err(Failure::new(text.trim_end().trim_start_matches("error: "))),
        _ => Err(Failure::new(format!("control socket: the server ended without an answer ({answer:?})"))),
    }
}

/// Sends a command and waits for its answer, however long that takes.
///
/// # Errors
/// Nobody listens there; what the server says.
pub(crate) fn ask(path: &Path, command: &str) -> Result<String, Failure> {
    let stream = connect(path, command)?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).map_err(|error| io_failure(path, &error))?;
    outcome(&answer)
}
