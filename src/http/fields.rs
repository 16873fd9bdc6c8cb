//! The field lines of a request, and sections of them that were read before. Pure.
//!
//! A client sends the same fields with request after request; only the request line differs. So the sections read last are
//! kept, with where each line is in them and what they say about the message: one that comes again, byte for byte, is
//! compared and not read. What a section says depends on nothing but its bytes, so nobody can tell the difference.
#![forbid(unsafe_code)]

use super::parse::Verdict;
use crate::limits::HEAD_FIELDS_CEILING;

/// Sections that are kept: a worker serves connections of many clients in turns, but of few kinds at a time.
const SECTIONS: usize = 4;
/// Longest section that is kept: those of browsers are 400 to 1,500 bytes.
const SECTION_BYTES_MAX: usize = 2048;

/// The field sections that were read last: a worker's own.
#[derive(Debug, Default)]
pub struct Sections {
    sections: [Section; SECTIONS],
    /// The one that was found or read last.
    last: usize,
}

impl Sections {
    /// The number and the length of a section that `bytes` begin with, if it has at most `fields_max` lines.
    pub(super) fn find(&mut self, bytes: &[u8], fields_max: usize) -> Option<(usize, usize)> {
        for distance in 0..SECTIONS {
            let number = (self.last + distance) % SECTIONS;
            let section = &self.sections[number];
            let len = section.bytes.len();
            if len != 0 && bytes.starts_with(&section.bytes) && section.lines.len() <= fields_max {
                self.last = number;
                return Some((number, len));
            }
        }
        None
    }

    pub(super) fn get(&self, number: usize) -> &Section {
        &self.sections[number]
    }

    /// The one to read into next: they take turns.
    pub(super) fn next(&mut self) -> &mut Section {
        self.last = (self.last + 1) % SECTIONS;
        &mut self.sections[self.last]
    }
}

/// The lines of one section.
#[derive(Debug)]
pub(super) struct Section {
    /// The section with its blank line, to compare with; empty when it is not kept.
    bytes: Vec<u8>,
    lines: Vec<Line>,
    first: [u8; KNOWN.len()],
    count: [u8; KNOWN.len()],
    verdict: Verdict,
}

/// Where a line is in its section.
#[derive(Clone, Copy, Debug)]
struct Line {
    name: Part,
    value: Part,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    start: u32,
    len: u32,
}

impl Part {
    /// `part` is a part of `whole`.
    fn of(part: &[u8], whole: &[u8]) -> Part {
        // An empty value may lie anywhere.
        let start = if part.is_empty() { 0 } else { part.as_ptr() as usize - whole.as_ptr() as usize };
        Part { start: start as u32, len: part.len() as u32 }
    }

    fn in_bytes<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}

impl Default for Section {
    fn default() -> Section {
        Section {
            bytes: Vec::new(),
            lines: Vec::new(),
            first: [0; KNOWN.len()],
            count: [0; KNOWN.len()],
            verdict: Verdict::NONE,
        }
    }
}

impl Section {
    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Takes the lines in that were found in `bytes`, a whole section.
    pub(super) fn read(&mut self, lines: &[httparse::Header<'_>], bytes: &[u8]) {
        // All that it will ever need, so that a warm server asks for no memory.
        self.lines.reserve(HEAD_FIELDS_CEILING);
        self.bytes.reserve(SECTION_BYTES_MAX);
        self.bytes.clear();
        self.lines.clear();
        self.count = [0; KNOWN.len()];
        for (index, line) in lines.iter().enumerate() {
            if let Some(known) = Known::of(line.name) {
                let slot = known as usize;
                if self.count[slot] == 0 {
                    self.first[slot] = index as u8;
                }
                self.count[slot] += 1;
            }
            self.lines.push(Line { name: Part::of(line.name.as_bytes(), bytes), value: Part::of(line.value, bytes) });
        }
    }

    /// Notes what the lines say, and, if they `may_return`, the bytes that say it.
    pub(super) fn keep(&mut self, verdict: Verdict, bytes: &[u8], may_return: bool) {
        self.verdict = verdict;
        if may_return && bytes.len() <= SECTION_BYTES_MAX {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// The fields that the server itself looks at, found in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // each is the field of its name
pub enum Known {
    Host,
    Connection,
    ContentLength,
    TransferEncoding,
    Expect,
    AcceptEncoding,
    IfMatch,
    IfNoneMatch,
    IfModifiedSince,
    IfUnmodifiedSince,
    IfRange,
    Range,
    Referer,
    UserAgent,
}

const KNOWN: [(Known, &str); 14] = [
    (Known::Host, "host"),
    (Known::Connection, "connection"),
    (Known::ContentLength, "content-length"),
    (Known::TransferEncoding, "transfer-encoding"),
    (Known::Expect, "expect"),
    (Known::AcceptEncoding, "accept-encoding"),
    (Known::IfMatch, "if-match"),
    (Known::IfNoneMatch, "if-none-match"),
    (Known::IfModifiedSince, "if-modified-since"),
    (Known::IfUnmodifiedSince, "if-unmodified-since"),
    (Known::IfRange, "if-range"),
    (Known::Range, "range"),
    (Known::Referer, "referer"),
    (Known::UserAgent, "user-agent"),
];

impl Known {
    /// The length and the first letter leave one name, or two that begin with `if-`, to compare with.
    fn of(name: &str) -> Option<Known> {
        let first = name.as_bytes().first()? | 0x20;
        let known = match (name.len(), first) {
            (4, b'h') => Known::Host,
            (10, b'c') => Known::Connection,
            (14, b'c') => Known::ContentLength,
            (17, b't') => Known::TransferEncoding,
            (6, b'e') => Known::Expect,
            (15, b'a') => Known::AcceptEncoding,
            (8, b'i') if name.as_bytes()[3] | 0x20 == b'm' => Known::IfMatch,
            (8, b'i') => Known::IfRange,
            (13, b'i') => Known::IfNoneMatch,
            (17, b'i') => Known::IfModifiedSince,
            (19, b'i') => Known::IfUnmodifiedSince,
            (5, b'r') => Known::Range,
            (7, b'r') => Known::Referer,
            (10, b'u') => Known::UserAgent,
            _ => return None,
        };
        name.eq_ignore_ascii_case(known.name()).then_some(known)
    }

    fn name(self) -> &'static str {
        KNOWN[self as usize].1
    }
}

/// The field lines of a request, in their order. Values are bytes: HTTP does not promise UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h, 'b> {
    section: &'h Section,
    /// The section in the request.
    bytes: &'b [u8],
}

impl<'h, 'b> Fields<'h, 'b> {
    pub(super) fn new(section: &'h Section, bytes: &'b [u8]) -> Fields<'h, 'b> {
        Fields { section, bytes }
    }

    /// How many lines this field has.
    pub fn count(&self, known: Known) -> usize {
        usize::from(self.section.count[known as usize])
    }

    /// Its first line and those behind it; none when there is no such line.
    fn since_first(&self, known: Known) -> &'h [Line] {
        if self.count(known) == 0 {
            &[]
        } else {
            &self.section.lines[usize::from(self.section.first[known as usize])..]
        }
    }

    /// The value of its first line.
    pub fn first(&self, known: Known) -> Option<&'b [u8]> {
        self.since_first(known).first().map(|line| line.value.in_bytes(self.bytes))
    }

    /// The value of its only line; `None` when there are none or several.
    pub fn only(&self, known: Known) -> Option<&'b [u8]> {
        if self.count(known) == 1 { self.first(known) } else { None }
    }

    /// The values of all its lines.
    pub fn values(&self, known: Known) -> impl Iterator<Item = &'b [u8]> + Clone + use<'h, 'b> {
        let bytes = self.bytes;
        self.since_first(known)
            .iter()
            .filter(move |line| line.name.in_bytes(bytes).eq_ignore_ascii_case(known.name().as_bytes()))
            .take(self.count(known))
            .map(move |line| line.value.in_bytes(bytes))
    }

    /// The values of any field by its name, in any case.
    pub fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'n, 'h, 'b> {
        let bytes = self.bytes;
        let is_named = move |line: &&Line| line.name.in_bytes(bytes).eq_ignore_ascii_case(name.as_bytes());
        self.section.lines.iter().filter(is_named).map(move |line| line.value.in_bytes(bytes))
    }

    /// Every line: name and value.
    pub fn all(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        let bytes = self.bytes;
        // A name is made of token characters, which are ASCII.
        let name = move |line: &Line| std::str::from_utf8(line.name.in_bytes(bytes)).unwrap_or_default();
        self.section.lines.iter().map(move |line| (name(line), line.value.in_bytes(bytes)))
    }
}

const _: () = assert!(HEAD_FIELDS_CEILING < 256, "a section counts its lines in a byte");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse::{self, Parsed};
    use crate::limits::Limits;

    #[test]
    fn known_names_are_in_the_order_of_the_enum() {
        for (index, known) in KNOWN.iter().enumerate() {
            assert_eq!(known.0 as usize, index);
            assert_eq!(Known::of(&known.1.to_uppercase()), Some(known.0), "{}", known.1);
        }
    }

    /// What can be asked of a head, or the status of its refusal; and whether its section was known.
    fn read(text: &str, sections: &mut Sections, limits: &Limits) -> (String, bool) {
        let section = text.find('\n').map_or("", |end| &text[end + 1..]);
        let is_known =
            sections.sections.iter().any(|kept| !kept.bytes.is_empty() && section.as_bytes().starts_with(&kept.bytes));
        let said = match parse::head(text.as_bytes(), sections, limits) {
            Parsed::Partial => "partial".to_owned(),
            Parsed::Refused(refusal) => refusal.status.to_string(),
            Parsed::NewerMinor(at) => format!("minor at {at}"),
            Parsed::Head(head) => {
                let values: Vec<Vec<&[u8]>> = KNOWN.iter().map(|known| head.fields.values(known.0).collect()).collect();
                let all: Vec<(&str, &[u8])> = head.fields.all().collect();
                format!("{:?} {:?} {} {:?} {values:?} {all:?}", head.method, head.target, head.len, head.verdict)
            }
        };
        (said, is_known)
    }

    #[test]
    fn a_section_that_was_read_before_says_the_same() {
        let long = format!("Host: a\r\nX: {}\r\n\r\n", "x".repeat(SECTION_BYTES_MAX));
        let lines = [
            "GET /a HTTP/1.1\r\n",
            "HEAD /b?c HTTP/1.1\n",
            "GET /a HTTP/1.0\r\n",
            "G@T / HTTP/1.1\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET / HTTP/1.2\r\n",
            "GET / HTTP/2.0\r\n",
            "GET / http/1.1\r\n",
            "GET /\r\n",
            "GET / HTTP/1.1 \r\n",
            "\r\n",
            "GET /\x01 HTTP/1.1\r\n",
        ];
        let sections = [
            "Host: a\r\n\r\n",
            "Host: a\n\n",
            "Host: a\r\nRange: bytes=1-2\r\nhost: b\r\n\r\n",
            "Host:\r\nEmpty:\r\n\r\n",
            "Host: a\r\nConnection: close\r\nAccept-Encoding: br\r\naccept-encoding: gzip\r\n\r\n",
            "Host: a\r\nContent-Length: 3\r\n\r\nabc",
            "Host: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
            "\r\n",
            "Host: a\r\n",
            "Host: a\r\n\r\nGET / HTTP/1.1\r\n",
            &long,
            "Host: a b\r\n\r\n",
            "Host: a\r\n folded\r\n\r\n",
        ];
        let tight = Limits { head_bytes_max: 40, head_fields_max: 2, request_line_bytes_max: 17, ..Limits::default() };
        let mut warm = Sections::default();
        let mut known = 0;
        for limits in [Limits::default(), tight] {
            // Each section twice in a row, and again after all the others.
            for section in sections.iter().flat_map(|section| [section, section]).chain(&sections) {
                for line in lines {
                    let text = format!("{line}{section}");
                    let (fresh, _) = read(&text, &mut Sections::default(), &limits);
                    let (again, is_known) = read(&text, &mut warm, &limits);
                    assert_eq!(again, fresh, "{text:?}");
                    known += usize::from(is_known);
                }
            }
        }
        assert!(known > 100, "{known} sections were known");
    }

    #[test]
    fn a_browser_among_others_is_read_once() {
        let mut sections = Sections::default();
        let text =
            |number: usize| format!("GET /{number} HTTP/1.1\r\nHost: a\r\nUser-Agent: {}\r\n\r\n", number % SECTIONS);
        for number in 0..4 * SECTIONS {
            let (_, is_known) = read(&text(number), &mut sections, &Limits::default());
            assert_eq!(is_known, number >= SECTIONS, "{number}");
        }
    }
}
