//! What people read: numbers with separators, keys made safe for a terminal, dumps of bytes.

use crate::failure::Failure;
use std::fmt::{self, Write as _};
use std::io::{self, BufWriter, StdoutLock, Write};

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes of a pack as text that cannot steer a terminal: control characters and what is not UTF-8 are escaped.
pub(crate) fn safe(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => text.extend(character.escape_unicode()),
                _ if character.is_control() => text.extend(character.escape_default()),
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Seconds since 1970 as `2016-05-17T21:30:00Z`. The date: Howard Hinnant, "chrono-compatible low-level date algorithms".
pub(crate) fn utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March, so that a leap day ends one.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Lines of sixteen bytes: where, in hexadecimal, as text.
pub(crate) fn hexdump(offset: u64, bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, line) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "  {:010x} ", offset + 16 * row as u64);
        for place in 0..16 {
            text.push_str(if place == 8 { "  " } else { " " });
            match line.get(place) {
                Some(byte) => drop(write!(text, "{byte:02x}")),
                None => text.push_str("  "),
            }
        }
        text.push_str("  ");
        text.extend(line.iter().map(|&byte| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' }));
        text.push('\n');
    }
    text
}

/// A line on stdout. That nobody reads it is no reason to stop: `println!` would panic.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// A line on stderr, in one piece; as [`say`].
pub(crate) fn tell(line: impl fmt::Display) {
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// Writes to stdout with a buffer. That the reader went away (`| head`) is no error.
pub(crate) fn print(write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is still in the buffer has no reader either.
            drop(out.into_parts());
            Ok(())
        }
        Err(error) => Err(Failure::new(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_463_520_600, "2016-05-17T21:30:00Z"),
            (i64::from(u32::MAX), "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn numbers_text_and_dumps() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(safe(b"/a b\x1b[31m\xff\xe2\x80\xae"), "/a b\\u{1b}[31m\\xff\\u{202e}");
        assert_eq!(
            hexdump(0x1000, b"badger\0\xff90123456"),
            "  0000001000  62 61 64 67 65 72 00 ff  39 30 31 32 33 34 35 36  badger..90123456\n"
        );
        assert_eq!(hexdump(0, b"a").trim_end().len(), "  0000000000  61".len() + 14 * 3 + 4 + "  a".len());
    }
}
