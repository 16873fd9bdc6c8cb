//! What one send consists of: bytes made for it, and spans of files that it keeps pinned.
#![forbid(unsafe_code)]

use crate::sys::ContentFile;
use std::rc::Rc;
use std::sync::Arc;

/// A file as one worker counts its uses: cloning is a plain increment, and the last clone lets go of the shared file.
pub(crate) type Pin = Rc<Arc<ContentFile>>;

/// One stretch of a send.
#[derive(Debug)]
pub(crate) enum Piece {
    /// `len` bytes of [`Outgoing::bytes`] from `start`.
    Bytes { start: usize, len: usize },
    /// Bytes made by a handler, too many to copy.
    Owned(Vec<u8>),
    /// `len` bytes of a file from `offset`.
    File { file: Pin, offset: u64, len: u64 },
}

impl Piece {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Piece::Bytes { len, .. } => *len as u64,
            Piece::Owned(bytes) => bytes.len() as u64,
            Piece::File { len, .. } => *len,
        }
    }
}

/// The bytes of one batch of answers on their way out, and how far they have got. Reused: `clear` keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Heads and small bodies, in the order in which they leave.
    pub(crate) bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// The first piece that has not left wholly, and how much of it has.
    piece: usize,
    piece_done: u64,
}

impl Outgoing {
    /// Forgets everything, letting go of the files.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.piece = 0;
        self.piece_done = 0;
    }

    /// Adds what was appended to `bytes` since the last piece that came from there.
    pub(crate) fn push_bytes(&mut self, start: usize, len: usize) {
        if len == 0 {
            return;
        }
        if let Some(Piece::Bytes { start: before, len: size }) = self.pieces.last_mut() {
            if *before + *size == start {
                *size += len;
                return;
            }
        }
        self.pieces.push(Piece::Bytes { start, len });
    }

    /// Adds a body of its own memory.
    pub(crate) fn push_owned(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.pieces.push(Piece::Owned(bytes));
        }
    }

    /// Adds a span of a file.
    pub(crate) fn push_file(&mut self, file: Pin, offset: u64, len: u64) {
        if len != 0 {
            self.pieces.push(Piece::File { file, offset, len });
        }
    }

    /// The pieces that have not left wholly; of the first one, [`Outgoing::piece_done`] bytes have.
    pub(crate) fn pieces_left(&self) -> &[Piece] {
        &self.pieces[self.piece..]
    }

    /// Bytes of the first piece left that are gone already.
    pub(crate) fn piece_done(&self) -> u64 {
        self.piece_done
    }

    /// Whether all of it has left.
    pub(crate) fn is_done(&self) -> bool {
        self.piece == self.pieces.len()
    }

    /// Bytes that have not left.
    pub(crate) fn bytes_left(&self) -> u64 {
        self.pieces_left().iter().map(Piece::len).sum::<u64>() - self.piece_done
    }

    /// Moves on by `bytes` that have left.
    ///
    /// # Panics
    /// When more left than there was.
    pub(crate) fn advance(&mut self, mut bytes: u64) {
        while bytes > 0 {
            let left = self.pieces[self.piece].len() - self.piece_done;
            if bytes < left {
                self.piece_done += bytes;
                return;
            }
            bytes -= left;
            self.piece += 1;
            self.piece_done = 0;
        }
    }
}
