//! Tokens and comma lists over several field lines (RFC 9110 section 5.6). Pure: borrows, and allocates nothing.
#![forbid(unsafe_code)]

/// Which bytes are `tchar`.
const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < marks.len() {
        table[marks[index] as usize] = true;
        index += 1;
    }
    table
};

/// Whether a byte may stand in a token (`tchar`, RFC 9110 section 5.6.2).
#[must_use]
pub const fn is_tchar(byte: u8) -> bool {
    TCHAR[byte as usize]
}

/// Whether these bytes are a token: one `tchar` or more (RFC 9110 section 5.6.2).
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// Whether a value from the wire is this token without regard to case, as connection options (RFC 9110 section 7.6.1),
/// codings (8.4.1) and range units (14.1) compare.
#[must_use]
pub fn token_eq_ignore_case(value: &[u8], token: &str) -> bool {
    value.eq_ignore_ascii_case(token.as_bytes())
}

/// Whether a byte is optional whitespace: SP or HTAB (`OWS`, RFC 9110 section 5.6.3).
#[must_use]
pub const fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The bytes without the optional whitespace around them (RFC 9110 section 5.6.3).
#[must_use]
pub const fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_whitespace(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_whitespace(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// The elements of a comma list spread over any number of field lines, in order.
///
/// The lines of one field are one list (RFC 9110 section 5.3); empty elements are skipped and whitespace around
/// elements is dropped (section 5.6.1.2). A comma inside a quoted string does not part elements, and `\"` does not end
/// the string (section 5.6.4). A quoted string that its line does not close ends with the line: the element then fails
/// the check of whoever reads it, and cannot swallow the next line.
///
/// Not for entity tags: in those a backslash is an ordinary byte (section 8.8.3), so `conditional` reads its own lists.
pub fn values<'a, L>(lines: L) -> Values<'a, L::IntoIter>
where
    L: IntoIterator<Item = &'a [u8]>,
{
    Values { lines: lines.into_iter(), rest: &[] }
}

/// The iterator of [`values`].
#[derive(Clone, Debug)]
pub struct Values<'a, L> {
    lines: L,
    rest: &'a [u8],
}

impl<'a, L: Iterator<Item = &'a [u8]>> Iterator for Values<'a, L> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            while self.rest.is_empty() {
                self.rest = self.lines.next()?;
            }
            let end = element_end(self.rest);
            let element = trim(&self.rest[..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// Where the first element ends: at the first comma outside a quoted string, or at the end.
fn element_end(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b',' if !quoted => return index,
            b'"' => quoted = !quoted,
            b'\\' if quoted => index += 1,
            _ => {}
        }
        index += 1;
    }
    bytes.len()
}

/// A small deterministic generator for the properties that the tests of this directory check.
#[cfg(any(test, fuzzing))]
pub(crate) mod random {
    /// xorshift64* (Vigna 2016).
    pub(crate) struct Random(u64);

    impl Random {
        pub(crate) fn new(seed: u64) -> Random {
            Random(seed | 1)
        }

        pub(crate) fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
        }

        /// A number below `bound`.
        pub(crate) fn below(&mut self, bound: usize) -> usize {
            (self.next() >> 33) as usize % bound
        }

        /// Up to `length_max` bytes, each from `alphabet` or, one time in sixteen, any byte at all.
        #[cfg(test)]
        pub(crate) fn bytes(&mut self, alphabet: &[u8], length_max: usize) -> Vec<u8> {
            let length = self.below(length_max + 1);
            (0..length)
                .map(|_| if self.below(16) == 0 { self.next() as u8 } else { alphabet[self.below(alphabet.len())] })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::random::Random;
    use super::*;

    #[test]
    fn lists() {
        let cases: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&[""], &[]),
            (&[" , ,\t,"], &[]),
            (&["a"], &["a"]),
            (&["a,b"], &["a", "b"]),
            (&[",a ,\tb\t, ,c,"], &["a", "b", "c"]),
            (&["a, b", "", "c"], &["a", "b", "c"]),
            (&["a b"], &["a b"]),
            (&["k=\"x,y\", z"], &["k=\"x,y\"", "z"]),
            (&["\"a\\\",b\",c"], &["\"a\\\",b\"", "c"]),
            (&["\"a\\\\\",b"], &["\"a\\\\\"", "b"]),
            (&["a\\,b"], &["a\\", "b"]),
            (&["\"open, a", "b"], &["\"open, a", "b"]),
            (&["\"open\\"], &["\"open\\"]),
        ];
        for (lines, expected) in cases {
            let found: Vec<&[u8]> = values(lines.iter().map(|line| line.as_bytes())).collect();
            let expected: Vec<&[u8]> = expected.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(found, expected, "{lines:?}");
        }
    }

    #[test]
    fn tokens() {
        for token in ["a", "close", "x-gzip", "!#$%&'*+-.^_`|~09AZaz"] {
            assert!(is_token(token.as_bytes()), "{token}");
        }
        for other in
            ["", " ", "a b", "a,", "a;", "a=b", "\"a\"", "a/b", "a:", "(a)", "é", "\0", "\x7f", "a@b", "{", "[", "\\"]
        {
            assert!(!is_token(other.as_bytes()), "{other:?}");
        }
        let tokens = (0..=255).filter(|&byte| is_tchar(byte)).count();
        assert_eq!(tokens, 26 + 26 + 10 + 15);
        assert!(token_eq_ignore_case(b"ClOsE", "close"));
        assert!(!token_eq_ignore_case(b"closed", "close"));
        assert!(!token_eq_ignore_case(b"\xa0close", "close"));
    }

    #[test]
    fn any_bytes_give_trimmed_elements_and_a_cut_at_a_comma_changes_nothing() {
        let mut random = Random::new(1);
        for _ in 0..20_000 {
            let line = random.bytes(b"ab \t,,\"\\", 24);
            let whole: Vec<&[u8]> = values([&line[..]]).collect();
            for element in &whole {
                assert!(!element.is_empty() && trim(element) == *element);
            }
            let cut = element_end(&line);
            let rest = line.get(cut + 1..).unwrap_or_default();
            let lines: Vec<&[u8]> = values([&line[..cut], rest]).collect();
            assert_eq!(whole, lines, "{line:?}");
        }
    }
}
