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

/// What is left of one piece, as a backend sends it.
#[derive(Debug)]
pub(crate) enum Span<'a> {
    Memory(&'a [u8]),
    /// `len` bytes (1 or more) of a file that is not in memory.
    File {
        file: &'a ContentFile,
        offset: u64,
        len: u64,
    },
    /// A span of a file in memory that reaches beyond its end.
    Short,
}

/// The bytes of one batch of answers on their way out, and how far they have got. Reused: `clear` keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Heads and small bodies, in the order in which they leave: the first `filled` bytes. What is behind them is from
    /// earlier uses, so that memory is not zeroed again each time.
    bytes: Vec<u8>,
    filled: usize,
    pieces: Vec<Piece>,
    /// The first piece that has not left wholly, and how much of it has.
    piece: usize,
    piece_done: u64,
    /// Times that it came back cold since something of it left.
    colds: u8,
    /// What leaves next is sent without asking whether it is in memory.
    is_trusted: bool,
    /// Of whoever sends, to find it again when all has left: when it was asked for, and how many answers it is.
    pub(crate) since: u64,
    pub(crate) answers: u32,
}

/// The bytes of a file that leave next, and what leaves before them.
#[derive(Debug)]
pub(crate) struct NextFile<'a> {
    pub(crate) ahead: u64,
    pub(crate) file: &'a Pin,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Outgoing {
    /// Forgets everything, letting go of the files.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
        self.pieces.clear();
        self.piece = 0;
        self.piece_done = 0;
        self.colds = 0;
        self.is_trusted = false;
        self.since = 0;
        self.answers = 0;
    }

    /// The first span of a file on a disk that has not left, if memory in front of it is shorter than `within`.
    pub(crate) fn next_file(&self, within: u64) -> Option<NextFile<'_>> {
        let mut ahead = 0;
        let mut done = self.piece_done;
        for piece in self.pieces_left() {
            if ahead >= within {
                return None;
            }
            match piece {
                Piece::File { file, offset, len } if file.memory().is_none() => {
                    return Some(NextFile { ahead, file, offset: *offset + done, len: *len - done });
                }
                piece => ahead += piece.len() - done,
            }
            done = 0;
        }
        None
    }

    /// Whether something of it has left.
    pub(crate) fn has_begun(&self) -> bool {
        self.piece > 0 || self.piece_done > 0
    }

    /// Counts that it came back cold; says how often, since something of it left.
    pub(crate) fn count_cold(&mut self) -> u8 {
        self.colds = self.colds.saturating_add(1);
        self.colds
    }

    /// Has what leaves next sent without a question.
    pub(crate) fn trust(&mut self) {
        self.is_trusted = true;
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// Bytes of memory that it keeps for its next use.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds a copy of `bytes`.
    pub(crate) fn push_copy(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.push_bytes(bytes.len());
    }

    /// Adds `len` bytes that `read` fills in.
    ///
    /// # Errors
    /// What `read` says; then nothing was added.
    pub(crate) fn push_read<E>(&mut self, len: usize, read: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<(), E> {
        read(self.room(len))?;
        self.push_bytes(len);
        Ok(())
    }

    /// The next `len` bytes, to be written.
    fn room(&mut self, len: usize) -> &mut [u8] {
        let end = self.filled + len;
        if self.bytes.len() < end {
            self.bytes.resize(end.next_power_of_two(), 0);
        }
        &mut self.bytes[self.filled..end]
    }

    /// Counts in `len` bytes that were just written.
    fn push_bytes(&mut self, len: usize) {
        let start = self.filled;
        self.filled += len;
        match self.pieces.last_mut() {
            _ if len == 0 => {}
            Some(Piece::Bytes { start: before, len: size }) if *before + *size == start => *size += len,
            _ => self.pieces.push(Piece::Bytes { start, len }),
        }
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

    /// The pieces that have not left wholly; of the first one, part may have.
    pub(crate) fn pieces_left(&self) -> &[Piece] {
        &self.pieces[self.piece..]
    }

    /// What is left, in the order in which it leaves.
    pub(crate) fn spans_left(&self) -> impl Iterator<Item = Span<'_>> {
        let done_of = |index| if index == 0 { self.piece_done } else { 0 };
        self.pieces_left().iter().enumerate().map(move |(index, piece)| self.span(piece, done_of(index)))
    }

    /// What is left of `piece`, of which `done` bytes have left.
    fn span<'a>(&'a self, piece: &'a Piece, done: u64) -> Span<'a> {
        match piece {
            // What is in memory has been counted in `usize`.
            Piece::Bytes { start, len } => Span::Memory(&self.bytes[*start..*start + *len][done as usize..]),
            Piece::Owned(bytes) => Span::Memory(&bytes[done as usize..]),
            Piece::File { file, offset, len } => match file.memory() {
                None => Span::File { file, offset: *offset + done, len: *len - done },
                Some(bytes) if offset.saturating_add(*len) > bytes.len() as u64 => Span::Short,
                Some(bytes) => Span::Memory(&bytes[(*offset + done) as usize..(*offset + *len) as usize]),
            },
        }
    }

    /// Whether all of it has left.
    pub(crate) fn is_done(&self) -> bool {
        self.piece == self.pieces.len()
    }

    /// Whether it is as a new one, but for the memory that it keeps.
    #[cfg(test)]
    pub(crate) fn is_fresh(&self) -> bool {
        let is_asked = self.colds == 0 && !self.is_trusted;
        self.filled == 0 && self.pieces.is_empty() && !self.has_begun() && is_asked
    }

    /// The files that it holds, once for each piece.
    #[cfg(test)]
    pub(crate) fn pins(&self) -> impl Iterator<Item = &Pin> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::File { file, .. } => Some(file),
            Piece::Bytes { .. } | Piece::Owned(_) => None,
        })
    }

    /// Bytes that have not left.
    #[cfg(test)]
    pub(crate) fn bytes_left(&self) -> u64 {
        self.pieces_left().iter().map(Piece::len).sum::<u64>() - self.piece_done
    }

    /// Moves on by `bytes` that have left.
    ///
    /// # Panics
    /// When more left than there was.
    pub(crate) fn advance(&mut self, mut bytes: u64) {
        if bytes > 0 {
            self.colds = 0;
            self.is_trusted = false;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(bytes: &[u8]) -> Pin {
        Rc::new(Arc::new(ContentFile::from_memory(bytes.to_vec())))
    }

    fn left(outgoing: &Outgoing) -> Vec<u8> {
        let mut all = Vec::new();
        for span in outgoing.spans_left() {
            match span {
                Span::Memory(bytes) => all.extend_from_slice(bytes),
                Span::File { .. } | Span::Short => panic!("{span:?}"),
            }
        }
        all
    }

    #[test]
    fn whatever_has_left_the_rest_is_left() {
        let whole = b"head, owned, and file";
        for first in 0..=whole.len() {
            for second in 0..=whole.len() - first {
                let mut outgoing = Outgoing::default();
                outgoing.push_copy(b"head");
                outgoing.push_copy(b"");
                outgoing.push_copy(b", ");
                outgoing.push_owned(Vec::new());
                outgoing.push_owned(b"owned, ".to_vec());
                outgoing.push_file(pin(b"..and file.."), 2, 8);
                assert_eq!(outgoing.pieces_left().len(), 3, "neighbours are one, and nothing is no piece");
                outgoing.advance(first as u64);
                assert_eq!(left(&outgoing), whole[first..]);
                outgoing.advance(second as u64);
                assert_eq!(left(&outgoing), whole[first + second..]);
                assert_eq!(outgoing.bytes_left(), (whole.len() - first - second) as u64);
                assert_eq!(outgoing.is_done(), first + second == whole.len());
            }
        }
    }

    #[test]
    fn a_span_beyond_memory_is_short() {
        for (offset, len) in [(0, 6), (5, 1), (6, 1), (u64::from(u32::MAX) + 1, 1)] {
            let mut outgoing = Outgoing::default();
            outgoing.push_file(pin(b"12345"), offset, len);
            assert!(matches!(outgoing.spans_left().next(), Some(Span::Short)), "{offset}+{len}");
        }
    }

    #[test]
    #[should_panic]
    fn more_than_there_was_cannot_leave() {
        let mut outgoing = Outgoing::default();
        outgoing.push_owned(b"abc".to_vec());
        outgoing.advance(4);
    }

    #[test]
    fn clearing_lets_go_of_the_files_and_keeps_the_memory() {
        let file = pin(b"12345");
        let mut outgoing = Outgoing::default();
        outgoing.push_copy(&[0; 100]);
        outgoing.push_file(file.clone(), 0, 5);
        outgoing.clear();
        assert_eq!(Rc::strong_count(&file), 1);
        assert!(outgoing.is_done() && outgoing.filled == 0 && outgoing.memory_bytes() >= 100);
    }
}
