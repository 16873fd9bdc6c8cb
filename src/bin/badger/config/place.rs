//! What is wrong with a file of settings, and where: `badger.toml:3:11: ...`, with the line under it.

use crate::failure::Failure;
use crate::text::safe;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A file of settings as it was read.
#[derive(Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Bytes of a document that something is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) document: Arc<Document>,
    pub(crate) span: Range<usize>,
}

impl Place {
    /// Says that something is wrong there.
    pub(crate) fn failure(&self, what: &str) -> Failure {
        Failure::new(self.message(what))
    }

    fn message(&self, what: &str) -> String {
        let text = &self.document.text;
        // A place is on the boundaries of characters unless the parser says otherwise, which must not end the program.
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (start, end) = (floor(self.span.start), floor(self.span.end));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let (line, column) = (text[..start].matches('\n').count() + 1, text[line_start..start].chars().count() + 1);
        let shown = |range: Range<usize>| safe(text[range].trim_end_matches('\r').as_bytes());
        let marks = shown(start..end.clamp(start, line_end)).chars().count().max(1);
        let number = line.to_string();
        let (margin, indent) = (" ".repeat(number.len()), " ".repeat(shown(line_start..start).chars().count()));
        let mut message = format!("{}:{line}:{column}: {what}\n", self.document.path.display());
        let _ = write!(message, " {margin} |\n {number} | {}\n", shown(line_start..line_end));
        let _ = write!(message, " {margin} | {indent}{}", "^".repeat(marks));
        message
    }
}

/// Everything that is wrong with one document.
#[derive(Debug)]
pub(crate) struct Complaints {
    document: Arc<Document>,
    found: Vec<(Range<usize>, String, String)>,
}

impl Complaints {
    pub(crate) fn new(document: Arc<Document>) -> Complaints {
        Complaints { document, found: Vec::new() }
    }

    /// Notes what is wrong there, and what to do about it.
    pub(crate) fn add(&mut self, span: Range<usize>, what: impl Into<String>, help: impl Into<String>) {
        self.found.push((span, what.into(), help.into()));
    }

    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        Place { document: Arc::clone(&self.document), span }
    }

    /// All of it as one error, in the order of the file.
    pub(crate) fn result<T>(mut self, good: T) -> Result<T, Failure> {
        self.found.sort_by_key(|complaint| complaint.0.start);
        let mut message = String::new();
        let mut last: Option<String> = None;
        for (span, what, help) in &self.found {
            if let Some(help) = last.replace(help.clone()) {
                let _ = write!(message, "\n help: {help}\nerror: ");
            }
            message.push_str(&self.place(span.clone()).message(what));
        }
        match last {
            None => Ok(good),
            Some(help) => Err(Failure::new(message).remedy(help)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, span: Range<usize>) -> String {
        let document = Arc::new(Document { path: "b.toml".into(), text: text.to_owned() });
        Place { document, span }.message("no")
    }

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        assert_eq!(
            message("a = 1\nü = \"ß\"\n", 11..15),
            "b.toml:2:5: no\n   |\n 2 | ü = \"ß\"\n   |     ^^^^".replace("^^^^", "^^^")
        );
        assert_eq!(message("a", 0..1), "b.toml:1:1: no\n   |\n 1 | a\n   | ^");
        assert_eq!(message("a\n", 2..2), "b.toml:2:1: no\n   |\n 2 | \n   | ^");
        assert_eq!(message("\ta = [\n1]\n", 5..9), "b.toml:1:6: no\n   |\n 1 | \\ta = [\n   |       ^");
        assert_eq!(message("", 7..9), "b.toml:1:1: no\n   |\n 1 | \n   | ^");
    }
}
