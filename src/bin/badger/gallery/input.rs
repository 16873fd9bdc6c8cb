//! The lines of a file, one at a time, with their numbers.

use super::error::GalleryError;
use std::io::{BufRead, Read};

/// Bytes of the longest line: a title with 1,000 names has some 50 KB, a profile of 40 rows and 75 plays 30 KB.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A file of JSON lines that is read from its start.
pub(crate) struct Input {
    /// What messages call it.
    pub(crate) name: String,
    reader: Box<dyn BufRead + Send>,
    next_number: u64,
    ended: bool,
}

/// A line that is not blank.
pub(crate) struct Line {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Without its end.
    pub(crate) text: Vec<u8>,
    /// Bytes of the file that it stands for, with blank lines before it.
    pub(crate) bytes: u64,
}

impl Input {
    pub(crate) fn new(name: impl Into<String>, reader: impl BufRead + Send + 'static) -> Input {
        Input { name: name.into(), reader: Box::new(reader), next_number: 1, ended: false }
    }

    fn read(&mut self) -> Result<Option<Line>, GalleryError> {
        let mut line = Line { number: 0, text: Vec::new(), bytes: 0 };
        loop {
            line.text.clear();
            let count = (&mut self.reader).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line.text).map_err(
                |error| GalleryError::new(format!("{}: {error}", self.name), "the input must be readable to its end"),
            )?;
            line.number = self.next_number;
            if count > LINE_BYTES_MAX {
                let what = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                return Err(GalleryError::new(what, "is a line break missing?").at(self.place(line.number)));
            }
            if count == 0 {
                return Ok(None);
            }
            line.bytes += count as u64;
            self.next_number += 1;
            if line.number == 1 && line.text.starts_with(b"\xef\xbb\xbf") {
                line.text.drain(..3);
            }
            line.text.truncate(line.text.trim_ascii_end().len());
            if !line.text.is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn place(&self, number: u64) -> String {
        format!("{}:{number}", self.name)
    }
}

/// Ends after an error.
impl Iterator for Input {
    type Item = Result<Line, GalleryError>;

    fn next(&mut self) -> Option<Result<Line, GalleryError>> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}
