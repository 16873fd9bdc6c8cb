//! The chunked transfer coding (RFC 9112 section 7.1), read to throw a body away. Pure: bytes in, counts out.
//!
//! Where a body ends is where the next request starts, so two readers that differ here are a way to smuggle a request.
//! Nothing is repaired: the grammar of that section is taken byte by byte, and the first byte outside it is an error.
//!
//! ```text
//! chunked-body = *chunk last-chunk trailer-section CRLF
//! chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF        chunk-size = 1*HEXDIG, here at most 16
//! last-chunk   = 1*"0" [ chunk-ext ] CRLF
//! chunk-ext    = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
//! ```
//!
//! Each state is what the next byte must be, and one byte at a time moves it, so where the input is cut cannot matter;
//! only chunk data is taken in one step. Framing is bounded: a byte of data costs at most 20 bytes of it (16 digits, a
//! line end before and after), next to the bounded sums of extensions and trailers. The caller bounds the data.
#![forbid(unsafe_code)]

use super::list::{is_tchar, is_whitespace};

/// Digits of a chunk size, leading zeros counted: what 64 bits hold, and no endless zeros.
const SIZE_DIGITS_MAX: u8 = 16;
/// Bytes of the extensions of one chunk (RFC 9112 section 7.1.1 asks for a limit). Common clients send none.
pub const EXTENSION_BYTES_MAX: u16 = 256;
/// Bytes of the extensions of one body. Go's reader allows 16 KiB more than the data explains.
pub const EXTENSIONS_BYTES_MAX: u16 = 4 * 1024;
/// Bytes of the trailer section, line ends counted but not its last one.
pub const TRAILER_BYTES_MAX: u16 = 4 * 1024;
/// Lines of the trailer section.
pub const TRAILER_LINES_MAX: u8 = 32;

/// Why a chunked body was refused. The answer is 400, and the connection ends: where the next request starts is
/// unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkError {
    /// A chunk size without a digit, or with something else than digits.
    Size,
    /// A chunk size of more than 16 digits.
    SizeTooLong,
    /// A chunk extension outside the grammar of RFC 9112 section 7.1.1.
    Extension,
    /// More bytes of extensions than [`EXTENSION_BYTES_MAX`] or [`EXTENSIONS_BYTES_MAX`].
    ExtensionTooLong,
    /// A line end that is not CR LF.
    LineEnd,
    /// Chunk data that is not followed by CR LF: the size was wrong.
    DataEnd,
    /// A trailer line that is no field line (RFC 9112 section 5), or is folded (section 5.2).
    Trailer,
    /// A trailer section beyond [`TRAILER_BYTES_MAX`] or [`TRAILER_LINES_MAX`].
    TrailerTooLong,
}

impl ChunkError {
    /// The reason, for the person at the other end.
    pub const fn why(self) -> &'static str {
        match self {
            ChunkError::Size => "a chunk size is not hexadecimal digits",
            ChunkError::SizeTooLong => "a chunk size has more digits than any size needs",
            ChunkError::Extension => "a chunk extension is malformed",
            ChunkError::ExtensionTooLong => "the chunk extensions are longer than this server reads",
            ChunkError::LineEnd => "a line of the chunked body does not end with CR LF",
            ChunkError::DataEnd => "chunk data is not followed by CR LF",
            ChunkError::Trailer => "a trailer line is not a field line",
            ChunkError::TrailerTooLong => "the trailer section is longer than this server reads",
        }
    }
}

impl std::fmt::Display for ChunkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for ChunkError {}

/// What one call of [`ChunkReader::feed`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// Bytes taken from the input: all of it, unless the body ended within.
    pub consumed: usize,
    /// Bytes of chunk data among them.
    pub body: u64,
    /// Whether the body has ended; what was not consumed belongs to the next request.
    pub done: bool,
}

/// Reads one chunked body. A new one for each body.
#[derive(Clone, Debug, Default)]
pub struct ChunkReader {
    state: State,
    /// The size read so far, then the bytes of data still to come.
    size: u64,
    size_digits: u8,
    extension_bytes: u16,
    extensions_bytes: u16,
    trailer_bytes: u16,
    trailer_lines: u8,
    body_bytes: u64,
}

/// What the next byte must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A digit of the size, or what follows the digits.
    #[default]
    Size,
    /// A byte of an extension, or the CR of the line.
    Extension(Extension),
    /// The LF of a size line.
    SizeLf,
    /// A byte of data, of which `size` are to come.
    Data,
    /// The CR, then the LF, behind data.
    DataCr,
    DataLf,
    /// A byte of the trailer section, or the CR of a line.
    Trailer(Trailer),
    /// The LF of a trailer line.
    TrailerLf,
    /// The LF of the blank line.
    LastLf,
    Done,
    Failed(ChunkError),
}

/// What the next byte of a chunk extension must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    /// More whitespace, or `;`: no line ends in whitespace.
    Whitespace,
    /// More whitespace, or the first byte of a name.
    NameStart,
    Name,
    /// More whitespace, `=` or `;`.
    NameEnd,
    /// More whitespace, the first byte of a token, or `"`.
    ValueStart,
    Token,
    Quoted,
    /// The byte behind a backslash.
    Escaped,
    QuotedEnd,
}

/// What the next byte of the trailer section must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trailer {
    /// The first byte of a name, or the CR of the blank line.
    Start,
    Name,
    Value,
}

impl ChunkReader {
    /// Takes bytes of the body until they are used up or the body ends. Call again with the bytes that follow until
    /// [`Feed::done`]; after that nothing more is consumed.
    ///
    /// # Errors
    /// The first thing found wrong, and the same again at every later call. It does not depend on how the bytes were
    /// cut.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Feed, ChunkError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        let mut feed = Feed::default();
        while feed.consumed < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let rest = (bytes.len() - feed.consumed) as u64;
                let taken = self.size.min(rest);
                self.size -= taken;
                feed.body += taken;
                self.body_bytes = self.body_bytes.saturating_add(taken);
                feed.consumed += taken as usize;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
            } else {
                self.state = self.step(bytes[feed.consumed]).inspect_err(|&error| self.state = State::Failed(error))?;
                feed.consumed += 1;
            }
        }
        feed.done = self.state == State::Done;
        Ok(feed)
    }

    /// Bytes of chunk data so far, also those before an error.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// The same and what is still to come of the chunk under way: how long the body is at the least.
    pub fn body_bytes_min(&self) -> u64 {
        let coming = if self.state == State::Data { self.size } else { 0 };
        self.body_bytes.saturating_add(coming)
    }

    /// The state behind one byte that is not data.
    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        let (expected, next, error) = match self.state {
            State::Size => return self.step_size(byte),
            State::Extension(extension) => return self.step_extension(extension, byte),
            State::Trailer(trailer) => return self.step_trailer(trailer, byte),
            State::SizeLf => (b'\n', self.after_size(), ChunkError::LineEnd),
            State::DataCr => (b'\r', State::DataLf, ChunkError::DataEnd),
            State::DataLf => (b'\n', self.next_chunk(), ChunkError::DataEnd),
            State::TrailerLf => (b'\n', State::Trailer(Trailer::Start), ChunkError::LineEnd),
            State::LastLf => (b'\n', State::Done, ChunkError::LineEnd),
            State::Data | State::Done => unreachable!("feed takes no single byte in this state"),
            State::Failed(error) => return Err(error),
        };
        if self.state == State::TrailerLf {
            self.count_trailer_byte()?;
        }
        if byte == expected { Ok(next) } else { Err(error) }
    }

    /// Data follows a size, the trailer section a size of 0 (RFC 9112 section 7.1).
    fn after_size(&self) -> State {
        if self.size == 0 { State::Trailer(Trailer::Start) } else { State::Data }
    }

    /// Forgets the chunk that ended; what its extensions add to the sum stays.
    fn next_chunk(&mut self) -> State {
        self.size_digits = 0;
        self.extension_bytes = 0;
        State::Size
    }

    /// RFC 9112 section 7.1: digits, then the extensions or the end of the line.
    fn step_size(&mut self, byte: u8) -> Result<State, ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if self.size_digits == 0 => return Err(ChunkError::Size),
            b'\r' => return Ok(State::SizeLf),
            b'\n' => return Err(ChunkError::LineEnd),
            b';' => {
                self.count_extension_byte()?;
                return Ok(State::Extension(Extension::NameStart));
            }
            _ if is_whitespace(byte) => {
                self.count_extension_byte()?;
                return Ok(State::Extension(Extension::Whitespace));
            }
            _ => return Err(ChunkError::Size),
        };
        if self.size_digits == SIZE_DIGITS_MAX {
            return Err(ChunkError::SizeTooLong);
        }
        self.size_digits += 1;
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Size)
    }

    /// RFC 9112 section 7.1.1, with the whitespace that a recipient must take (RFC 9110 section 5.6.3).
    fn step_extension(&mut self, extension: Extension, byte: u8) -> Result<State, ChunkError> {
        use Extension::{Escaped, Name, NameEnd, NameStart, Quoted, QuotedEnd, Token, ValueStart, Whitespace};
        if byte == b'\r' && matches!(extension, Name | Token | QuotedEnd) {
            return Ok(State::SizeLf);
        }
        self.count_extension_byte()?;
        let next = match (extension, byte) {
            (Quoted, b'"') => QuotedEnd,
            (Quoted, b'\\') => Escaped,
            (Quoted | Escaped, b'\t' | b' '..=b'~' | 0x80..) => Quoted,
            (Whitespace | NameStart | NameEnd | ValueStart, b' ' | b'\t') => extension,
            (Name, b' ' | b'\t') => NameEnd,
            (Token | QuotedEnd, b' ' | b'\t') => Whitespace,
            (Whitespace | Name | NameEnd | Token | QuotedEnd, b';') => NameStart,
            (Name | NameEnd, b'=') => ValueStart,
            (ValueStart, b'"') => Quoted,
            (NameStart | Name, byte) if is_tchar(byte) => Name,
            (ValueStart | Token, byte) if is_tchar(byte) => Token,
            (Name | Token | QuotedEnd, b'\n') => return Err(ChunkError::LineEnd),
            _ => return Err(ChunkError::Extension),
        };
        Ok(State::Extension(next))
    }

    /// RFC 9112 section 7.1.2: field lines (section 5) up to a blank one. Which fields they are is nobody's concern
    /// here, since they are thrown away.
    fn step_trailer(&mut self, trailer: Trailer, byte: u8) -> Result<State, ChunkError> {
        if (trailer, byte) == (Trailer::Start, b'\r') {
            return Ok(State::LastLf);
        }
        self.count_trailer_byte()?;
        let next = match (trailer, byte) {
            (Trailer::Start, byte) if is_tchar(byte) => {
                if self.trailer_lines == TRAILER_LINES_MAX {
                    return Err(ChunkError::TrailerTooLong);
                }
                self.trailer_lines += 1;
                Trailer::Name
            }
            (Trailer::Name, b':') => Trailer::Value,
            (Trailer::Name, byte) if is_tchar(byte) => Trailer::Name,
            (Trailer::Value, b'\t' | b' '..=b'~' | 0x80..) => Trailer::Value,
            (Trailer::Value, b'\r') => return Ok(State::TrailerLf),
            (Trailer::Start | Trailer::Value, b'\n') => return Err(ChunkError::LineEnd),
            _ => return Err(ChunkError::Trailer),
        };
        Ok(State::Trailer(next))
    }

    fn count_extension_byte(&mut self) -> Result<(), ChunkError> {
        if self.extension_bytes == EXTENSION_BYTES_MAX || self.extensions_bytes == EXTENSIONS_BYTES_MAX {
            return Err(ChunkError::ExtensionTooLong);
        }
        self.extension_bytes += 1;
        self.extensions_bytes += 1;
        Ok(())
    }

    fn count_trailer_byte(&mut self) -> Result<(), ChunkError> {
        if self.trailer_bytes == TRAILER_BYTES_MAX {
            return Err(ChunkError::TrailerTooLong);
        }
        self.trailer_bytes += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::list::random::Random;

    /// Feeds the pieces in order: what was consumed and counted in all, or the error.
    fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Feed, ChunkError> {
        let mut reader = ChunkReader::default();
        let mut sum = Feed::default();
        for piece in pieces {
            let feed = match reader.feed(piece) {
                Ok(feed) => feed,
                Err(error) => {
                    assert_eq!(reader.feed(b""), Err(error));
                    assert_eq!(reader.feed(b"0\r\n\r\n"), Err(error));
                    return Err(error);
                }
            };
            assert!(feed.done || feed.consumed == piece.len());
            assert!(!sum.done || feed == Feed { done: true, ..Feed::default() });
            sum = Feed { consumed: sum.consumed + feed.consumed, body: sum.body + feed.body, done: feed.done };
        }
        Ok(sum)
    }

    /// Every cut in two, and all bytes one by one, must come to the same.
    fn feed_cut_anywhere(bytes: &[u8]) -> Result<Feed, ChunkError> {
        let whole = feed([bytes]);
        assert_eq!(feed(bytes.chunks(1)), whole, "{}", bytes.escape_ascii());
        for cut in 0..=bytes.len() {
            assert_eq!(feed([&bytes[..cut], &bytes[cut..]]), whole, "{} at {cut}", bytes.escape_ascii());
        }
        whole
    }

    #[test]
    fn whole_bodies() {
        let cases: &[(&[u8], u64)] = &[
            (b"0\r\n\r\n", 0),
            (b"0000000000000000\r\n\r\n", 0),
            (b"5\r\nhello\r\n0\r\n\r\n", 5),
            (b"a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", 20),
            (b"0000000000000001\r\n\0\r\n00\r\n\r\n", 1),
            (b"1;a\r\nx\r\n0\r\n\r\n", 1),
            (b"1;a=b\r\nx\r\n0;c=d;e\r\n\r\n", 1),
            (b"1 \t; \ta \t= \tb \t; c\r\nx\r\n0\r\n\r\n", 1),
            (b"1;a ;b = c ;d\r\nx\r\n0\r\n\r\n", 1),
            (b"1;a=\"\"\r\nx\r\n0\r\n\r\n", 1),
            (b"1;a=\" \t;\\\"\\\\\xff\" ;b\r\nx\r\n0\r\n\r\n", 1),
            (b"0\r\na:b\r\n\r\n", 0),
            (b"0\r\nA-b: \t c d\xff \r\nc:\r\n\r\n", 0),
        ];
        for (bytes, body) in cases {
            let expected = Feed { consumed: bytes.len(), body: *body, done: true };
            assert_eq!(feed_cut_anywhere(bytes), Ok(expected), "{}", bytes.escape_ascii());
            for end in 0..bytes.len() {
                let part = feed([&bytes[..end]]).unwrap();
                assert!(!part.done && part.consumed == end);
            }
            let next = [bytes, &b"GET / HTTP/1.1\r\n"[..]].concat();
            assert_eq!(feed_cut_anywhere(&next), Ok(expected), "{}", next.escape_ascii());
        }
    }

    #[test]
    fn refused() {
        use ChunkError::*;
        let cases: &[(&[u8], ChunkError)] = &[
            (b"\r\n", Size),
            (b"\n", Size),
            (b" 5\r\n", Size),
            (b";a\r\n", Size),
            (b"g\r\n", Size),
            (b"-1\r\n", Size),
            (b"+1\r\n", Size),
            (b"0x3\r\n", Size),
            (b"5h\r\n", Size),
            (b"5\0\r\n", Size),
            (b"5,5\r\n", Size),
            (b"00000000000000000\r\n", SizeTooLong),
            (b"10000000000000000\r\n", SizeTooLong),
            (b"ffffffffffffffff1", SizeTooLong),
            (b"5\n", LineEnd),
            (b"5\rh", LineEnd),
            (b"5\r\r\n", LineEnd),
            (b"5;a\n", LineEnd),
            (b"5;a=b\n", LineEnd),
            (b"5;a=\"b\"\n", LineEnd),
            (b"5;a\rb", LineEnd),
            (b"5 \r\n", Extension),
            (b"5\t\n", Extension),
            (b"5 5\r\n", Extension),
            (b"5;\r\n", Extension),
            (b"5;;a\r\n", Extension),
            (b"5; \r\n", Extension),
            (b"5;a \r\n", Extension),
            (b"5;a=\r\n", Extension),
            (b"5;a=b \r\n", Extension),
            (b"5;a=b c\r\n", Extension),
            (b"5;a==b\r\n", Extension),
            (b"5;=b\r\n", Extension),
            (b"5;a\0\r\n", Extension),
            (b"5;\"a\"\r\n", Extension),
            (b"5;a=\"b\"c\r\n", Extension),
            (b"5;a=\"b\r\n", Extension),
            (b"5;a=\"\n\"\r\n", Extension),
            (b"5;a=\"\\\n\"\r\n", Extension),
            (b"5;a=\"\x7f\"\r\n", Extension),
            (b"5;a=b\"c\"\r\n", Extension),
            (b"1\r\nxx", DataEnd),
            (b"1\r\nx\n", DataEnd),
            (b"1\r\nx\rx", DataEnd),
            (b"1\r\nx0\r\n\r\n", DataEnd),
            (b"2\r\nx\r\n0\r\n\r\n", DataEnd),
            (b"1\r\nx\r\n\r\n", Size),
            (b"0\r\n\n", LineEnd),
            (b"0\r\n\rx", LineEnd),
            (b"0\r\na:b\n", LineEnd),
            (b"0\r\na:b\rc", LineEnd),
            (b"0\r\na:b\r\r\n", LineEnd),
            (b"0\r\n a:b\r\n", Trailer),
            (b"0\r\na:b\r\n c\r\n\r\n", Trailer),
            (b"0\r\na:b\r\n\tc\r\n\r\n", Trailer),
            (b"0\r\na\r\n", Trailer),
            (b"0\r\na :b\r\n", Trailer),
            (b"0\r\n:b\r\n", Trailer),
            (b"0\r\na:\0\r\n", Trailer),
            (b"0\r\na:\x7f\r\n", Trailer),
            (b"0\r\na b:c\r\n", Trailer),
        ];
        for (bytes, error) in cases {
            assert_eq!(feed_cut_anywhere(bytes), Err(*error), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn sizes_of_64_bits() {
        let mut reader = ChunkReader::default();
        assert_eq!(reader.feed(b"ffffffffffffffff\r\nab"), Ok(Feed { consumed: 20, body: 2, done: false }));
        assert_eq!(reader.size, u64::MAX - 2);
    }

    #[test]
    fn limits() {
        let line = |length: usize| format!("1;{}\r\nx\r\n", "a".repeat(length - 1));
        let trailer = |length: usize| format!("0\r\na:{}\r\n\r\n", "b".repeat(length - 4));
        let (one, all) = (usize::from(EXTENSION_BYTES_MAX), usize::from(EXTENSIONS_BYTES_MAX));
        let (bytes, lines) = (usize::from(TRAILER_BYTES_MAX), usize::from(TRAILER_LINES_MAX));
        let cases = [
            (line(one) + "0\r\n\r\n", None),
            (line(one + 1), Some(ChunkError::ExtensionTooLong)),
            (line(one).repeat(all / one) + "0\r\n\r\n", None),
            (line(one).repeat(all / one) + "0;a\r\n\r\n", Some(ChunkError::ExtensionTooLong)),
            (line(one).repeat(all / one) + "0 ;a\r\n\r\n", Some(ChunkError::ExtensionTooLong)),
            (trailer(bytes), None),
            (trailer(bytes + 1), Some(ChunkError::TrailerTooLong)),
            ("0\r\n".to_string() + &"a:\r\n".repeat(lines) + "\r\n", None),
            ("0\r\n".to_string() + &"a:\r\n".repeat(lines + 1) + "\r\n", Some(ChunkError::TrailerTooLong)),
        ];
        for (body, error) in cases {
            let found = feed_cut_anywhere(body.as_bytes());
            assert_eq!(found.err(), error, "{} bytes", body.len());
            assert!(error.is_some() || found.unwrap().done);
        }
    }

    #[test]
    fn any_bytes_come_to_the_same_however_they_are_cut() {
        let words: [&[u8]; 22] = [
            b"0", b"1", b"a", b"5", b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\r", b"\n", b";a", b"=", b"\"", b"\\", b" ",
            b"\t", b"a:", b"x", b"hello", b";", b"\0", b"\xff",
        ];
        let mut random = Random::new(10);
        let (mut ended, mut failed) = (0, 0);
        for _ in 0..100_000 {
            let mut bytes = [&b""[..], b"1\r\nx\r\n", b"0\r\n", b"1;a=\"b"][random.below(4)].to_vec();
            for _ in 0..random.below(8) {
                bytes.extend_from_slice(words[random.below(words.len())]);
            }
            match feed_cut_anywhere(&bytes) {
                Ok(feed) => ended += usize::from(feed.done),
                Err(_) => failed += 1,
            }
        }
        assert!(ended > 1000 && failed > 1000, "{ended} {failed}");
    }

    #[test]
    fn what_was_chunked_is_counted() {
        let mut random = Random::new(11);
        for _ in 0..2_000 {
            let (mut bytes, mut body) = (Vec::new(), 0);
            for _ in 0..random.below(6) {
                let data = random.bytes(b"\r\n0;", 40);
                if !data.is_empty() {
                    bytes.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                    bytes.extend_from_slice(&data);
                    bytes.extend_from_slice(b"\r\n");
                    body += data.len() as u64;
                }
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let expected = Feed { consumed: bytes.len(), body, done: true };
            assert_eq!(feed_cut_anywhere(&bytes), Ok(expected), "{}", bytes.escape_ascii());
        }
    }
}
