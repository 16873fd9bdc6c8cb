//! The way out, the same for all backends that send by plain calls: a share of one connection in one turn.
//!
//! Before bytes of a file leave it is asked whether they are in memory. What is in front of them waits for the answer, so that
//! no head leaves before the beginning of its body can.
#![forbid(unsafe_code)]

use super::{Cold, Outgoing, Span, Token};
use crate::sys::file::Resident;
use crate::sys::sendfile::sendfile;
use crate::sys::{self, Socket};
use std::io::{self, IoSlice};

/// Bytes that one connection may send in one turn, and so the longest that `sendfile` keeps the loop: 0.4 ms at 10 GB/s. As
/// much as a socket's buffer holds (4 MiB, `net.ipv4.tcp_wmem`), which ends most sends before that.
pub(super) const SEND_TURN_BYTES: u64 = 4 * 1024 * 1024;
/// Stretches of memory that one call sends (the kernel allows 1024): a batch of 32 small answers is one or two.
pub(super) const SEND_SLICES: usize = 32;

/// The send of one connection, if it has one, and its share of the turn.
#[derive(Debug, Default)]
pub(super) struct Sending {
    send: Option<(Token, Box<Outgoing>)>,
    /// The turn that `turn_bytes` counts: its lowest bits, since there is one of these for each idle connection. Taken for an
    /// earlier one, it makes a send wait a turn.
    turn: u16,
    /// The socket said that it has no room, and has not said since that it has. Asking in between would find a little: the
    /// client then gets many small pieces, each of them sent by us, where the kernel could send a full queue by itself.
    is_full: bool,
    turn_bytes: u32,
}

/// How an attempt to send came out.
pub(super) enum Attempt {
    /// There is no send.
    Nothing,
    /// Some bytes left, or the connection is dead.
    Ended(Token, Box<Outgoing>, io::Result<u64>),
    /// Nothing left: what is next is not in memory.
    Cold(Token, Box<Outgoing>, Cold),
    /// There is no room.
    Full,
    /// The connection has had its share of this turn.
    Later(Token),
}

impl Sending {
    pub(super) fn start(&mut self, token: Token, outgoing: Box<Outgoing>) {
        assert!(!outgoing.is_done(), "a send of nothing");
        assert!(self.send.is_none(), "slot {} has a send already", token.slot);
        self.send = Some((token, outgoing));
    }

    pub(super) fn is_idle(&self) -> bool {
        self.send.is_none()
    }

    /// Whether this is the send under way.
    pub(super) fn is(&self, token: Token) -> bool {
        self.send.as_ref().is_some_and(|send| send.0 == token)
    }

    /// Takes the send back, unfinished.
    pub(super) fn give_up(&mut self) -> Option<(Token, Box<Outgoing>)> {
        self.send.take()
    }

    /// There is room again, or the connection broke.
    pub(super) fn room_came(&mut self) {
        self.is_full = false;
    }

    /// Sends what there is room for, at most the share of this turn.
    pub(super) fn attempt(&mut self, socket: &Socket, turn: u64, resident: &mut Resident) -> Attempt {
        let Some((token, mut outgoing)) = self.send.take() else { return Attempt::Nothing };
        if self.is_full {
            self.send = Some((token, outgoing));
            return Attempt::Full;
        }
        if self.turn != turn as u16 {
            self.turn = turn as u16;
            self.turn_bytes = 0;
        }
        let share = SEND_TURN_BYTES.saturating_sub(self.turn_bytes.into());
        match send_share(socket, &mut outgoing, share, resident) {
            Tried::Progress { bytes, is_short } => {
                // What came back short may have met the end of the room, or something else: the socket knows, and an edge
                // follows when it says that there is none.
                self.is_full = is_short && !socket.has_room();
                // At most the share, which is far below 4 GiB.
                self.turn_bytes = self.turn_bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
                Attempt::Ended(token, outgoing, Ok(bytes))
            }
            Tried::Failed(error) => Attempt::Ended(token, outgoing, Err(error)),
            Tried::Cold(cold) => Attempt::Cold(token, outgoing, cold),
            Tried::Full => {
                self.is_full = true;
                self.send = Some((token, outgoing));
                Attempt::Full
            }
            Tried::Later => {
                self.send = Some((token, outgoing));
                Attempt::Later(token)
            }
        }
    }
}

/// What a try to send came to.
enum Tried {
    /// Some bytes left, and the outgoing has moved on. Short: the last call sent fewer than it was asked to.
    Progress {
        bytes: u64,
        is_short: bool,
    },
    Full,
    /// The connection has had its share of this turn.
    Later,
    Failed(io::Error),
    Cold(Cold),
}

/// How much of `outgoing` may leave, of at most `share`: up to the end of its first span of a file, which is in memory.
///
/// # Errors
/// It is not.
pub(super) fn ask(
    outgoing: &Outgoing,
    share: u64,
    mut first_cold: impl FnMut(&sys::ContentFile, u64, u64) -> Option<u64>,
) -> Result<u64, Cold> {
    let Some(next) = outgoing.next_file(share) else { return Ok(share) };
    let len = next.len.min(share - next.ahead);
    match first_cold(next.file, next.offset, len) {
        Some(offset) if !outgoing.is_trusted() && offset == next.offset => Err(Cold { offset, len: next.len }),
        Some(offset) if !outgoing.is_trusted() => Ok(next.ahead + (offset - next.offset)),
        Some(_) | None => Ok(next.ahead + len),
    }
}

/// Sends at most `share` bytes, by as many calls as there are runs of memory and files, until one comes back short.
fn send_share(socket: &Socket, outgoing: &mut Outgoing, share: u64, resident: &mut Resident) -> Tried {
    let mut sent = 0;
    // How far it is known to be in memory.
    let mut asked = 0;
    while !outgoing.is_done() {
        if sent >= share {
            return if sent == 0 { Tried::Later } else { Tried::Progress { bytes: sent, is_short: false } };
        }
        if sent >= asked {
            let first_cold = |file: &_, offset, len| resident.first_cold_of_send(file, offset, len);
            match ask(outgoing, share - sent, first_cold) {
                Ok(bytes) => asked = sent + bytes,
                // What has left is told first; the next try finds it again.
                Err(_) if sent > 0 => break,
                Err(cold) => return Tried::Cold(cold),
            }
        }
        match send_run(socket, outgoing, asked - sent) {
            Ok(run) => {
                outgoing.advance(run.sent);
                sent += run.sent;
                if run.sent < run.asked {
                    return Tried::Progress { bytes: sent, is_short: true };
                }
            }
            // What has left is told first; the next try meets the error again.
            Err(_) if sent > 0 => break,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Tried::Full,
            Err(error) => return Tried::Failed(error),
        }
    }
    Tried::Progress { bytes: sent, is_short: false }
}

/// The outcome of one call.
struct Run {
    asked: u64,
    /// At least 1.
    sent: u64,
}

/// Sends the spans of memory at the front by one call, or a part of the file span that is there.
fn send_run(socket: &Socket, outgoing: &Outgoing, most: u64) -> io::Result<Run> {
    let mut slices = [IoSlice::new(&[]); SEND_SLICES];
    let mut count = 0;
    let mut asked = 0;
    let mut more = false;
    for span in outgoing.spans_left() {
        match span {
            Span::Memory(_) if count == SEND_SLICES || asked == most => {
                more = true;
                break;
            }
            Span::Memory(bytes) => {
                let room = usize::try_from(most - asked).unwrap_or(usize::MAX);
                let bytes = &bytes[..bytes.len().min(room)];
                slices[count] = IoSlice::new(bytes);
                count += 1;
                asked += bytes.len() as u64;
            }
            Span::File { file, offset, len } if count == 0 => return send_file(socket, file, offset, len.min(most)),
            Span::Short if count == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Span::File { .. } | Span::Short => {
                more = true;
                break;
            }
        }
    }
    let sent = match &slices[..count] {
        [slice] => socket.send(slice, more),
        slices => socket.send_vectored(slices, more),
    }?;
    Ok(Run { asked, sent: sent as u64 })
}

fn send_file(socket: &Socket, file: &sys::ContentFile, offset: u64, len: u64) -> io::Result<Run> {
    let descriptor = file.descriptor().expect("a file span is of a file on disk");
    // At most SEND_TURN_BYTES.
    match sendfile(socket, descriptor, offset, len as usize) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(sent) => Ok(Run { asked: len, sent: sent as u64 }),
        Err(error) => Err(error),
    }
}
