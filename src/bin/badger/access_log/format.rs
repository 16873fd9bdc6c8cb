//! A line for each record: `common`, `combined`, or a JSON object.
//!
//! Texts of clients are escaped byte by byte, so that a line is a line whatever somebody sends: what is below 0x20 or above
//! 0x7e, `"` and `\`. In `common` and `combined` such a byte is `\xHH`; in JSON it is `\u00HH`, so a text is valid JSON and its
//! characters are the bytes that came.

use badgerserver::AccessRecord;
use badgerserver::http::date;
use clap::ValueEnum;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// The value of `--access-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessFormat {
    /// The NCSA common log format
    Common,
    /// The same with Referer and User-Agent
    Combined,
    /// A JSON object
    Json,
}

/// Months as JSON lines have them, in the order of the names in dates.
const MONTHS: [(&[u8], &[u8; 2]); 12] = [
    (b"Jan", b"01"),
    (b"Feb", b"02"),
    (b"Mar", b"03"),
    (b"Apr", b"04"),
    (b"May", b"05"),
    (b"Jun", b"06"),
    (b"Jul", b"07"),
    (b"Aug", b"08"),
    (b"Sep", b"09"),
    (b"Oct", b"10"),
    (b"Nov", b"11"),
    (b"Dec", b"12"),
];

/// Bytes that are looked at together: the compiler compares them at once.
const STRIDE: usize = 16;

pub(crate) struct Formatter {
    format: AccessFormat,
    /// The second that `time` is of.
    second: Option<u64>,
    /// As the format has it, without what encloses it.
    time: Vec<u8>,
}

impl Formatter {
    pub(crate) fn new(format: AccessFormat) -> Formatter {
        Formatter { format, second: None, time: Vec::new() }
    }

    /// Appends one line.
    pub(crate) fn write(&mut self, record: &AccessRecord<'_>, out: &mut Vec<u8>) {
        if self.second != Some(record.unix_seconds) {
            self.second = Some(record.unix_seconds);
            self.time = time(self.format, record.unix_seconds);
        }
        match self.format {
            AccessFormat::Common => self.common(record, out),
            AccessFormat::Combined => {
                self.common(record, out);
                for text in [record.referer, record.user_agent] {
                    out.extend_from_slice(b" \"");
                    text_or_dash(text.unwrap_or_default(), out);
                    out.push(b'"');
                }
            }
            AccessFormat::Json => self.json(record, out),
        }
        out.push(b'\n');
    }

    fn common(&self, record: &AccessRecord<'_>, out: &mut Vec<u8>) {
        match record.peer {
            Some(peer) => address(peer, out),
            None => out.push(b'-'),
        }
        out.extend_from_slice(b" - - [");
        out.extend_from_slice(&self.time);
        out.extend_from_slice(b"] \"");
        text_or_dash(record.request_line, out);
        out.extend_from_slice(b"\" ");
        number(record.status.into(), out);
        out.push(b' ');
        number(record.body_bytes, out);
    }

    fn json(&self, record: &AccessRecord<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(&self.time);
        out.extend_from_slice(b"\",\"peer\":");
        match record.peer {
            Some(peer) => {
                out.push(b'"');
                address(peer, out);
                out.extend_from_slice(b"\",\"port\":");
                number(peer.port().into(), out);
            }
            None => out.extend_from_slice(b"null,\"port\":null"),
        }
        match parts(record.request_line) {
            Some((method, target, version)) => {
                text_of_json("method", Some(method), out);
                text_of_json("target", Some(target), out);
                text_of_json("version", Some(version), out);
            }
            None => text_of_json("request", Some(record.request_line).filter(|line| !line.is_empty()), out),
        }
        out.extend_from_slice(b",\"status\":");
        number(record.status.into(), out);
        out.extend_from_slice(b",\"bytes\":");
        number(record.body_bytes, out);
        text_of_json("referer", record.referer, out);
        text_of_json("user_agent", record.user_agent, out);
        out.push(b'}');
    }
}

/// `22/Nov/2026:14:03:24 +0000`, or `2026-11-22T14:03:24Z` in JSON.
fn time(format: AccessFormat, unix_seconds: u64) -> Vec<u8> {
    // `Sun, 22 Nov 2026 14:03:24 GMT`
    let date = date::write(unix_seconds);
    let (day, month, year, clock) = (&date[5..7], &date[8..11], &date[12..16], &date[17..25]);
    match format {
        AccessFormat::Common | AccessFormat::Combined => {
            [day, b"/", month, b"/", year, b":", clock, b" +0000"].concat()
        }
        AccessFormat::Json => {
            let number = MONTHS.iter().find(|row| row.0 == month).map_or(b"00", |row| row.1);
            [year, b"-", number, b"-", day, b"T", clock, b"Z"].concat()
        }
    }
}

/// Method, target and version of a request line that has all three.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let first = line.iter().position(|&byte| byte == b' ')?;
    let last = line.iter().rposition(|&byte| byte == b' ')?;
    let (method, version) = (&line[..first], &line[last + 1..]);
    let target = line.get(first + 1..last)?;
    (version.starts_with(b"HTTP/") && !method.is_empty() && !target.is_empty()).then_some((method, target, version))
}

/// The address without its port. An IPv4 client of an IPv6 socket is an IPv4 client.
fn address(peer: SocketAddr, out: &mut Vec<u8>) {
    match peer.ip().to_canonical() {
        IpAddr::V4(ip) => {
            for (place, part) in ip.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                number(part.into(), out);
            }
        }
        // Writing to memory does not fail.
        IpAddr::V6(ip) => drop(write!(out, "{ip}")),
    }
}

fn number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[start..]);
        }
    }
}

fn text_or_dash(text: &[u8], out: &mut Vec<u8>) {
    if text.is_empty() {
        out.push(b'-');
    } else {
        escape(text, out, |byte, out| {
            out.extend_from_slice(b"\\x");
            hexadecimal(byte, out);
        });
    }
}

fn text_of_json(name: &str, text: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    let Some(text) = text else { return out.extend_from_slice(b"null") };
    out.push(b'"');
    escape(text, out, |byte, out| match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        _ => {
            out.extend_from_slice(b"\\u00");
            hexadecimal(byte, out);
        }
    });
    out.push(b'"');
}

fn hexadecimal(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\')
}

/// Appends a text whose bytes are plain but for those that `special` writes.
fn escape(text: &[u8], out: &mut Vec<u8>, special: impl Fn(u8, &mut Vec<u8>)) {
    let (strides, rest) = text.as_chunks_of();
    for part in strides.chain([rest]) {
        if part.iter().fold(true, |is_so, &byte| is_so & is_plain(byte)) {
            out.extend_from_slice(part);
            continue;
        }
        for &byte in part {
            if is_plain(byte) {
                out.push(byte);
            } else {
                special(byte, out);
            }
        }
    }
}
