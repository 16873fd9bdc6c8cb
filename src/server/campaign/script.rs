//! Requests, each with the answer that it must get. The answer follows from the script and the shelf alone.

use super::shelf::{GENERATIONS, Of, Shelf};
use crate::Request;
use crate::ring::sim::Random;
use crate::route::{Halt, Payload, WORKLOAD_BYTES_MAX};

/// What the longest request body may have: [`crate::limits::Limits::body_bytes_max`] of every run.
pub(super) const BODY_BYTES_MAX: u64 = 64 * 1024;
/// Bytes that `/owned` makes up: too many to be copied behind the head.
const OWNED_BYTES: usize = 6_000;
/// The header that [`workload`] makes.
pub(super) const WORKED: &str = "X-Worked";

/// What must come back.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// This status, and a line of text that begins with it.
    Refusal(u16),
    /// This status, the methods that there are, and no body unless it is a refusal.
    Allow(u16, &'static str),
    /// 200 and all of it.
    Whole(Of),
    /// 206 and these bytes, first and last.
    Part(Of, u64, u64),
    /// 206 and these in several parts.
    Parts(Of, Vec<(u64, u64)>),
    /// 416 and how long it is.
    Outside(Of),
    /// 304, and a tag.
    Unchanged(Of),
    /// 412.
    Changed(Of),
    /// The first when the answer comes from this generation, else the second: the request named its tag.
    IfFrom(u64, Box<Wanted>, Box<Wanted>),
    /// The generation, and this number.
    Who(u64),
    /// Bytes that a handler made up.
    Owned,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) text: Vec<u8>,
    /// Where its head ends.
    pub(super) head_bytes: usize,
    pub(super) wanted: Wanted,
    /// Offset and length of what the workload is to read.
    pub(super) reads: Vec<(u64, u64)>,
    pub(super) is_head: bool,
    /// Its answer is the last one.
    pub(super) ends: bool,
    /// It may be told to continue first.
    pub(super) expects_continue: bool,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.text[..self.head_bytes.min(150)]);
        let body_bytes = self.text.len() - self.head_bytes;
        write!(f, "{text:?} and {body_bytes} bytes, which wants {:?}", self.wanted)
    }
}

/// What `/owned` answers.
pub(super) fn owned(generation: u64) -> Vec<u8> {
    format!("owned by {generation}\n").into_bytes().into_iter().cycle().take(OWNED_BYTES).collect()
}

/// Says what it has read, of the stretches that a query names: `?0-100,5000-40`.
pub(super) fn workload(request: &Request<'_>, payload: &Payload<'_>, value: &mut String) -> Result<(), Halt> {
    for stretch in request.query().into_iter().flat_map(|query| query.split(',')) {
        let (offset, bytes) = stretch.split_once('-').expect("an offset and a length");
        let number = |text: &str| text.parse::<u64>().expect("a number");
        say(payload.read(number(offset), number(bytes))?, value);
    }
    Ok(())
}

/// A sum in which every bit counts, and its place.
fn say(bytes: &[u8], value: &mut String) {
    let sum = bytes.iter().fold(0_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    value.push_str(&format!("{sum:x} "));
}

/// What [`workload`] says of these stretches; none: one of them is not there, or it is more than it may read.
pub(super) fn worked(bytes: &[u8], reads: &[(u64, u64)]) -> Option<String> {
    let mut value = String::new();
    for (offset, len) in reads {
        say(bytes.get(*offset as usize..(*offset + *len) as usize)?, &mut value);
    }
    (reads.iter().map(|read| read.1).sum::<u64>() <= WORKLOAD_BYTES_MAX).then(|| value.trim_end().to_owned())
}

impl Wanted {
    /// What it comes to in a generation.
    pub(super) fn of_generation(&self, generation: u64) -> &Wanted {
        match self {
            Wanted::IfFrom(number, same, _) if *number == generation => same,
            Wanted::IfFrom(_, _, other) => other,
            wanted => wanted,
        }
    }

    pub(super) fn status(&self) -> u16 {
        match self {
            Wanted::Refusal(status) | Wanted::Allow(status, _) => *status,
            Wanted::Whole(_) | Wanted::Who(_) | Wanted::Owned => 200,
            Wanted::Part(..) | Wanted::Parts(..) => 206,
            Wanted::Outside(_) => 416,
            Wanted::Unchanged(_) => 304,
            Wanted::Changed(_) => 412,
            Wanted::IfFrom(_, same, _) => same.status(),
        }
    }

    /// The content it is about.
    pub(super) fn content(&self) -> Option<Of> {
        match self {
            Wanted::Whole(of)
            | Wanted::Part(of, ..)
            | Wanted::Parts(of, _)
            | Wanted::Outside(of)
            | Wanted::Unchanged(of)
            | Wanted::Changed(of) => Some(*of),
            Wanted::IfFrom(_, same, _) => same.content(),
            // These look into the pack too.
            Wanted::Allow(405, _) | Wanted::Refusal(404 | 406) => Some(Of::SMALL),
            Wanted::Allow(..) | Wanted::Refusal(_) | Wanted::Who(_) | Wanted::Owned => None,
        }
    }

    /// Whether the answer says which generation it is from.
    pub(super) fn says_generation(&self) -> bool {
        match self {
            Wanted::Refusal(status) => *status == 406,
            Wanted::Allow(status, _) => *status == 405,
            _ => true,
        }
    }

    /// Whether a task may have to be done first.
    pub(super) fn may_need_task(&self) -> bool {
        matches!(self.content(), Some(Of::HUGE | Of::VAST | Of::File(_)))
    }
}

fn ask(line: &str, fields: &str, body: &[u8], wanted: Wanted) -> Ask {
    let mut text = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
    let head_bytes = text.len();
    text.extend_from_slice(body);
    let is_head = line.starts_with("HEAD ");
    Ask { text, head_bytes, wanted, reads: vec![], is_head, ends: false, expects_continue: false }
}

/// A body as it is sent, and the fields that frame it.
fn body(random: &mut Random, bytes_max: u64) -> (String, Vec<u8>) {
    let len = random.below(bytes_max) as usize;
    if random.below(2) == 0 {
        return (format!("Content-Length: {len}\r\n"), vec![b'#'; len]);
    }
    let (mut text, mut left) = (Vec::new(), len);
    while left > 0 {
        let size = 1 + random.below(left.min(900) as u64) as usize;
        text.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        text.extend(std::iter::repeat_n(b'#', size));
        text.extend_from_slice(b"\r\n");
        left -= size;
    }
    text.extend_from_slice(b"0\r\n\r\n");
    ("Transfer-Encoding: chunked\r\n".to_owned(), text)
}

/// Something to ask for; the large ones are rare, since they cost the most.
fn content(random: &mut Random) -> Of {
    match random.below(20) {
        0 => Of::Packed(0),
        1 => Of::HUGE,
        2 | 3 => Of::BIG,
        4..=6 => Of::MIDDLE,
        7 | 8 => Of::CODED,
        9 | 10 => Of::File(random.below(Of::FILES as u64) as usize),
        11 if random.below(6) == 0 => Of::VAST,
        // It is never checked, so it is where it leaves that it is found to be cold.
        12 => Of::File(random.below(2) as usize),
        _ => Of::SMALL,
    }
}

/// Content with at least one byte.
fn some_content(random: &mut Random) -> Of {
    match content(random) {
        Of::Packed(0) => Of::SMALL,
        of => of,
    }
}

fn range(random: &mut Random) -> Ask {
    let of = some_content(random);
    let (len, get) = (of.len(), format!("GET {}", of.path()));
    let first = random.below(len);
    let last = (first + random.below(len)).min(len - 1);
    let (value, wanted) = match random.below(6) {
        0 => (format!("bytes={first}-"), Wanted::Part(of, first, len - 1)),
        1 => (format!("bytes=-{}", len - first), Wanted::Part(of, first, len - 1)),
        2 => (format!("bytes={}-", len + first), Wanted::Outside(of)),
        3 => (format!("bytes={last}-{first},x"), Wanted::Whole(of)),
        _ => (format!("bytes={first}-{last}"), Wanted::Part(of, first, last)),
    };
    ask(&get, &format!("Range: {value}\r\n"), b"", wanted)
}

/// Several ranges that do not overlap. Of the largest payload each is long enough for a task of its own.
fn ranges(random: &mut Random) -> Ask {
    let of = if random.below(20) == 0 { Of::VAST } else { some_content(random) };
    let count = 2 + random.below(5);
    let share = of.len() / count;
    let mut spans: Vec<(u64, u64)> = (0..count)
        .map(|index| {
            let first = index * share + random.below(share / 8 + 1);
            (first, first + (share - share / 8).saturating_sub(random.below(share / 8 + 1)).max(1) - 1)
        })
        .collect();
    if random.below(2) == 0 {
        spans.reverse();
    }
    let value: Vec<_> = spans.iter().map(|(first, last)| format!("{first}-{last}")).collect();
    ask(&format!("GET {}", of.path()), &format!("Range: bytes={}\r\n", value.join(", ")), b"", Wanted::Parts(of, spans))
}

fn conditional(random: &mut Random, shelf: &Shelf) -> Ask {
    let of = match some_content(random) {
        // A file has no tag.
        Of::File(_) => Of::SMALL,
        of => of,
    };
    let generation = 1 + random.below(GENERATIONS);
    let tag = shelf.etag(of, generation);
    let whole = || Box::new(Wanted::Whole(of));
    let (fields, wanted) = match random.below(8) {
        0 => (
            format!("If-None-Match: \"x\", {tag}"),
            Wanted::IfFrom(generation, Box::new(Wanted::Unchanged(of)), whole()),
        ),
        1 => (format!("If-Match: {tag}"), Wanted::IfFrom(generation, whole(), Box::new(Wanted::Changed(of)))),
        2 => {
            let part = Box::new(Wanted::Part(of, 0, 9));
            (format!("Range: bytes=0-9\r\nIf-Range: {tag}"), Wanted::IfFrom(generation, part, whole()))
        }
        3 => ("If-None-Match: *".to_owned(), Wanted::Unchanged(of)),
        4 => ("If-Match: \"x\"".to_owned(), Wanted::Changed(of)),
        5 => ("If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT".to_owned(), Wanted::Unchanged(of)),
        6 => ("If-Unmodified-Since: Sun, 13 Sep 2020 12:26:39 GMT".to_owned(), Wanted::Changed(of)),
        _ => ("If-Modified-Since: Sun, 13 Sep 2020 12:26:39 GMT".to_owned(), Wanted::Whole(of)),
    };
    ask(&format!("GET {}", of.path()), &format!("{fields}\r\n"), b"", wanted)
}

/// A request for which the workload reads: without a body that would be checked after it, as often as with one.
fn reads(random: &mut Random) -> Ask {
    let of = loop {
        match some_content(random) {
            // A workload is for packs.
            Of::File(_) => {}
            of => break of,
        }
    };
    let len = of.len();
    let mut reads = Vec::new();
    for _ in 0..1 + random.below(4) {
        let offset = if random.below(2) == 0 { 0 } else { random.below(len) };
        let longest = (len - offset).min(WORKLOAD_BYTES_MAX / 5);
        // Stretches may meet, and now and then one ends behind the payload.
        let bytes = if random.below(2) == 0 { longest } else { 1 + random.below(longest) };
        reads.push((offset, bytes + u64::from(random.below(20) == 0)));
    }
    let query: Vec<_> = reads.iter().map(|(offset, bytes)| format!("{offset}-{bytes}")).collect();
    let target = format!("{}?{}", of.path(), query.join(","));
    let ask = match random.below(3) {
        0 => ask(&format!("HEAD {target}"), "", b"", Wanted::Whole(of)),
        1 => ask(&format!("GET {target}"), "If-None-Match: *\r\n", b"", Wanted::Unchanged(of)),
        _ => ask(&format!("GET {target}"), "", b"", Wanted::Whole(of)),
    };
    Ask { reads, ..ask }
}

/// A request after which the connection ends.
fn last(random: &mut Random) -> Ask {
    let of = some_content(random);
    let whole = || Wanted::Whole(of);
    let get = format!("GET {}", of.path());
    let too_long = format!("Content-Length: {}\r\n", BODY_BYTES_MAX + 1);
    let chunked = "Transfer-Encoding: chunked\r\n";
    let ask = match random.below(10) {
        0 => ask("GET /panic", "", b"", Wanted::Refusal(500)),
        1 => ask("GET /p/small", "Host: again\r\n", b"", Wanted::Refusal(400)),
        2 => ask("POST /owned", &format!("{chunked}Content-Length: 5\r\n"), b"", Wanted::Refusal(400)),
        3 => ask("POST /owned", chunked, b"5\r\nabcdeX\r\n", Wanted::Refusal(400)),
        4 => ask(&get, &too_long, b"", Wanted::Refusal(413)),
        5 => ask(&format!("GET /{}", "a".repeat(9000)), "", b"", Wanted::Refusal(414)),
        6 => ask(&get, &format!("X-Long: {}\r\n", "b".repeat(17_000)), b"", Wanted::Refusal(431)),
        7 => {
            let text = format!("{get} HTTP/1.0\r\n\r\n").into_bytes();
            Ask { head_bytes: text.len(), text, ..ask(&get, "", b"", whole()) }
        }
        _ => ask(&get, "Connection: close\r\n", b"", whole()),
    };
    Ask { ends: true, ..ask }
}

impl Ask {
    pub(super) fn draw(random: &mut Random, shelf: &Shelf, is_last: bool) -> Ask {
        if is_last && random.below(4) == 0 {
            return last(random);
        }
        let of = content(random);
        let path = of.path();
        match random.below(18) {
            0 | 1 => ask(&format!("HEAD {path}"), "", b"", Wanted::Whole(of)),
            2 => ask("OPTIONS *", "", b"", Wanted::Allow(204, "GET, HEAD, OPTIONS")),
            3 => range(random),
            4 => ranges(random),
            5 | 6 => conditional(random, shelf),
            7 => {
                let (fields, body) = body(random, 5_000);
                ask("POST /p/small", &fields, &body, Wanted::Allow(405, "GET, HEAD, OPTIONS"))
            }
            8 | 9 => Ask::who(random.next()),
            10 => {
                let (fields, body) = body(random, 3_000);
                ask("POST /owned", &fields, &body, Wanted::Owned)
            }
            11 => match random.below(3) {
                0 => ask("GET /p/none", "", b"", Wanted::Refusal(404)),
                1 => ask("BREW /p/small", "", b"", Wanted::Refusal(501)),
                _ => {
                    let (fields, body) = body(random, 20_000);
                    let ask = ask("POST /owned", &format!("Expect: 100-continue\r\n{fields}"), &body, Wanted::Owned);
                    Ask { expects_continue: true, ..ask }
                }
            },
            12 => ask("GET /p/coded", "Accept-Encoding: br, gzip;q=0.5\r\n", b"", Wanted::Whole(Of::Gzip)),
            13 => ask("GET /p/small", "Accept-Encoding: identity;q=0\r\n", b"", Wanted::Refusal(406)),
            14 | 15 => reads(random),
            _ => Ask::get(of),
        }
    }

    pub(crate) fn get(of: Of) -> Ask {
        ask(&format!("GET {}", of.path()), "", b"", Wanted::Whole(of))
    }

    pub(crate) fn who(number: u64) -> Ask {
        ask(&format!("GET /who/{number}"), "", b"", Wanted::Who(number))
    }

    /// A request whose body takes a while.
    pub(super) fn upload(random: &mut Random) -> Ask {
        let len = 1_000 + random.below(10_000) as usize;
        ask("POST /owned", &format!("Content-Length: {len}\r\n"), &vec![b'#'; len], Wanted::Owned)
    }

    /// The large payload in parts, each of which has to be checked first.
    pub(crate) fn vast_parts(count: u64) -> Ask {
        let share = Of::VAST.len() / count;
        let spans: Vec<_> = (0..count).map(|index| (index * share, (index + 1) * share - 10)).collect();
        let value: Vec<_> = spans.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        let fields = format!("Range: bytes={}\r\n", value.join(","));
        ask(&format!("GET {}", Of::VAST.path()), &fields, b"", Wanted::Parts(Of::VAST, spans))
    }
}
