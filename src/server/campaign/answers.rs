//! Answers as they are read off the wire: only what the framing of RFC 9112 needs.

use std::ops::Range;

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    /// Where its body lies in [`Reader::wire`].
    pub(super) body: Range<usize>,
}

impl Answer {
    /// The only field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|field| field.0 == name);
        let value = found.next().map(|field| field.1.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub(super) fn closes(&self) -> bool {
        self.field("Connection") == Some("close")
    }

    pub(super) fn declared(&self) -> Option<usize> {
        self.field("Content-Length").map(|value| value.parse().expect("a number"))
    }
}

/// What one client has read so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) wire: Vec<u8>,
    /// Bytes that were taken as whole answers.
    pub(super) at: usize,
    /// Bytes without which the next answer is not whole.
    needed: usize,
}

impl Reader {
    /// The next whole answer, interim ones too.
    pub(super) fn next(&mut self, to_head: bool) -> Option<Answer> {
        let rest = &self.wire[self.at..];
        if rest.is_empty() || self.wire.len() < self.needed {
            return None;
        }
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..end]).expect("a head is text");
        let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
        let status: u16 = first.strip_prefix("HTTP/1.1 ").expect(first)[..3].parse().expect("a status");
        let split = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a field line");
            (name.to_owned(), value.to_owned())
        };
        let fields = lines.split("\r\n").filter(|line| !line.is_empty()).map(split).collect();
        let start = self.at + end + 4;
        let mut answer = Answer { status, fields, body: start..start };
        let has_body = !to_head && status >= 200 && !matches!(status, 204 | 304);
        let bytes = if has_body { answer.declared().expect("a body has a length") } else { 0 };
        self.needed = start + bytes;
        if self.wire.len() < self.needed {
            return None;
        }
        answer.body.end = self.needed;
        self.at = self.needed;
        Some(answer)
    }

    /// Whether what is left is one head and nothing behind it.
    pub(super) fn has_head_alone(&self) -> bool {
        let rest = &self.wire[self.at..];
        rest.ends_with(b"\r\n\r\n") && rest.windows(4).filter(|four| four == b"\r\n\r\n").count() == 1
    }

    /// Whether all that came is one 503 that closes, perhaps only its beginning: an address has more connections than it
    /// may. Whoever is turned away was not heard, so the body is there for a HEAD too.
    pub(super) fn has_only_503(&mut self, may_be_cut: bool) -> bool {
        let answer = self.next(true).filter(|answer| answer.status == 503 && answer.closes());
        let (rest, declared) = (self.wire.len() - self.at, answer.and_then(|answer| answer.declared()));
        (self.at, self.needed) = (0, 0);
        declared.is_some_and(|declared| rest == declared || (may_be_cut && rest < declared))
    }

    pub(super) fn body(&self, answer: &Answer) -> &[u8] {
        &self.wire[answer.body.clone()]
    }
}
