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

fn number(number: u64, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    drop(write!(out, "{number}"));
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
    // Nearly every text is plain. Looked at to its end, so that the compiler compares many bytes at once.
    if text.iter().fold(true, |is_so, &byte| is_so & is_plain(byte)) {
        return out.extend_from_slice(text);
    }
    for &byte in text {
        if is_plain(byte) {
            out.push(byte);
        } else {
            special(byte, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn line(format: AccessFormat, record: &AccessRecord<'_>) -> String {
        let mut out = Vec::new();
        Formatter::new(format).write(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn record() -> AccessRecord<'static> {
        let mut record = AccessRecord::default();
        record.unix_seconds = 1_795_356_204;
        record.peer = Some("192.0.2.1:40000".parse().unwrap());
        record.request_line = b"GET /a?b=%20 HTTP/1.1";
        record.status = 206;
        record.body_bytes = 1_048_576;
        record.user_agent = Some(b"curl/8.5.0");
        record
    }

    #[test]
    fn each_format_to_the_letter() {
        let common = "192.0.2.1 - - [22/Nov/2026:14:03:24 +0000] \"GET /a?b=%20 HTTP/1.1\" 206 1048576";
        for (format, text) in [
            (AccessFormat::Common, format!("{common}\n")),
            (AccessFormat::Combined, format!("{common} \"-\" \"curl/8.5.0\"\n")),
            (
                AccessFormat::Json,
                "{\"time\":\"2026-11-22T14:03:24Z\",\"peer\":\"192.0.2.1\",\"port\":40000,\"method\":\"GET\",\"target\":\"/a?b=%20\",\
                 \"version\":\"HTTP/1.1\",\"status\":206,\"bytes\":1048576,\"referer\":null,\"user_agent\":\"curl/8.5.0\"}\n"
                    .to_owned(),
            ),
        ] {
            assert_eq!(line(format, &record()), text);
        }
        // Nothing came, on a unix socket.
        let mut bare = AccessRecord::default();
        bare.status = 408;
        assert_eq!(line(AccessFormat::Combined, &bare), "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 408 0 \"-\" \"-\"\n");
        let bare = line(AccessFormat::Json, &bare);
        assert!(bare.contains("\"peer\":null,\"port\":null,\"request\":null,\"status\":408"), "{bare}");
        // What an attacker sends stays inside its quotes and its line.
        let mut hostile = record();
        hostile.request_line = b"\x16\x03\" 200 0\n\\\xff";
        hostile.referer = Some(b"\"\x1b[31m");
        hostile.user_agent = Some(b"");
        let text = line(AccessFormat::Combined, &hostile);
        assert!(
            text.contains("] \"\\x16\\x03\\x22 200 0\\x0a\\x5c\\xff\" 206 1048576 \"\\x22\\x1b[31m\" \"-\"\n"),
            "{text}"
        );
        let text = line(AccessFormat::Json, &hostile);
        assert!(text.contains(r#""request":"\u0016\u0003\" 200 0\u000a\\\u00ff""#), "{text}");
    }

    #[test]
    fn clients_are_shown_by_their_address() {
        for (peer, text) in [
            ("127.0.0.1:1", "127.0.0.1 "),
            ("255.10.0.99:1", "255.10.0.99 "),
            ("[2001:db8::1]:1", "2001:db8::1 "),
            ("[::ffff:192.0.2.9]:1", "192.0.2.9 "),
        ] {
            let mut record = record();
            record.peer = Some(peer.parse().unwrap());
            let line = line(AccessFormat::Common, &record);
            assert!(line.starts_with(text), "{line}");
        }
    }

    #[test]
    fn the_time_is_that_of_each_record() {
        let mut formatter = Formatter::new(AccessFormat::Json);
        let mut out = Vec::new();
        for (month, number) in (1..=12).zip(0_u64..) {
            let mut record = record();
            // The middle of each month of 1970, and the same once more.
            record.unix_seconds = (number * 30 + 15) * 86_400 + 3600;
            for _ in 0..2 {
                out.clear();
                formatter.write(&record, &mut out);
                let line: Value = serde_json::from_slice(&out).unwrap();
                let time = line["time"].as_str().unwrap();
                assert!(time.starts_with(&format!("1970-{month:02}-")) && time.ends_with("T01:00:00Z"), "{time}");
            }
        }
    }

    #[test]
    fn numbers_are_whole() {
        for value in [0, 9, 10, 99, 100, 65_535, u64::MAX] {
            let mut out = Vec::new();
            number(value, &mut out);
            assert_eq!(out, value.to_string().as_bytes());
        }
    }

    /// The characters of a JSON text are bytes.
    fn bytes_of(value: &Value) -> Option<Vec<u8>> {
        value.as_str().map(|text| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect())
    }

    /// The bytes behind `\xHH`.
    fn unescaped(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            if byte == b'\\' {
                assert_eq!(rest[0], b'x', "{text}");
                bytes.push(u8::from_str_radix(std::str::from_utf8(&rest[1..3]).unwrap(), 16).unwrap());
                rest = &rest[3..];
            } else {
                bytes.push(byte);
            }
        }
        bytes
    }

    /// Whatever bytes there are, a line is one line of printable ASCII, its texts can be told apart, and they say what came.
    #[test]
    fn any_bytes_come_back_from_every_format() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for round in 0..20_000 {
            let mut texts: [Vec<u8>; 3] = Default::default();
            for text in &mut texts {
                let len = random(40);
                // Those that matter often, each of the others now and then.
                let odd = [b'"', b'\\', b' ', b'\n', b'\r', 0, 0x1f, 0x7f, 0x80, 0xff];
                text.extend((0..len).map(|_| match random(3) {
                    0 => odd[random(odd.len() as u64) as usize],
                    1 => random(256) as u8,
                    _ => b'a' + random(26) as u8,
                }));
            }
            if round % 4 == 0 {
                texts[0] = [b"GET /".as_slice(), &texts[0], b" HTTP/1.1"].concat();
            }
            let mut record = record();
            record.request_line = &texts[0];
            record.referer = (round % 3 != 0).then_some(&texts[1]);
            record.user_agent = (round % 5 != 0).then_some(&texts[2]);

            let json = line(AccessFormat::Json, &record);
            let parsed: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
            let request = match parsed.get("request") {
                Some(request) => bytes_of(request).unwrap_or_default(),
                None => ["method", "target", "version"].map(|name| bytes_of(&parsed[name]).unwrap()).join(&b' '),
            };
            assert_eq!(request, record.request_line, "{json}");
            assert_eq!(bytes_of(&parsed["referer"]).as_deref(), record.referer, "{json}");
            assert_eq!(bytes_of(&parsed["user_agent"]).as_deref(), record.user_agent, "{json}");

            let combined = line(AccessFormat::Combined, &record);
            let quoted: Vec<&str> = combined.split('"').collect();
            assert_eq!(quoted.len(), 7, "{combined}");
            let wanted = [Some(record.request_line), record.referer, record.user_agent];
            for (text, wanted) in [quoted[1], quoted[3], quoted[5]].into_iter().zip(wanted) {
                match wanted.unwrap_or_default() {
                    b"" => assert_eq!(text, "-"),
                    wanted => assert_eq!(unescaped(text), wanted, "{combined}"),
                }
            }
            for text in [&json, &combined] {
                let (end, rest) = text.as_bytes().split_last().unwrap();
                assert!(*end == b'\n' && rest.iter().all(|byte| (0x20..0x7f).contains(byte)), "{text:?}");
            }
        }
    }
}
