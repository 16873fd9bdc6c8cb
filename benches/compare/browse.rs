//! A browse session: what the page of `examples/honeybadger` fetches when a known viewer comes back and looks at a first
//! screen and one more. Paths and sizes are those of that example, bodies are noise.
//!
//! The same content lies in nginx as files. There is one difference: badgerserver answers several titles at once
//! (`/metadata?ids=`), as the page asks for them; of others each title is asked for by itself, which is what files allow. So
//! the cost is that of a session and not of a request.

use super::content::noise;
use super::requests::{Answer, Asking, STATUS_BYTES, ask, connect, draw};
use std::collections::BTreeMap;
use std::io;

const VIEWERS: u64 = 1_000;
const TITLES: u64 = 2_000;
/// A gallery record beside a shared catalogue, compressed.
const GALLERY_BYTES: usize = 7_000;
const TITLE_BYTES: usize = 600;
const BOXART_BYTES: usize = 15_000;
const HERO_BYTES: usize = 82_000;
/// Pictures of a screen, six rows of eight; a second one shows three rows more.
const BOXARTS: u64 = 48 + 24;
/// Places where the focus rests: each has its large picture and asks for the titles around it.
const RESTS: u64 = 4;
const TITLES_ASKED: u64 = 22;
/// Different sessions, in turn.
const SESSIONS: u64 = 200;

/// Keys and bodies.
pub(super) fn content() -> impl Iterator<Item = (String, Vec<u8>)> {
    let of = |folder: &'static str, count: u64, bytes: usize| {
        (0..count).map(move |number| (path(folder, number), noise(number << 20 | bytes as u64, bytes)))
    };
    of("gallery", VIEWERS, GALLERY_BYTES)
        .chain(of("metadata", TITLES, TITLE_BYTES))
        .chain(of("assets/boxart", TITLES, BOXART_BYTES))
        .chain(of("assets/hero", TITLES / 4, HERO_BYTES))
}

fn path(folder: &str, number: u64) -> String {
    format!("/{folder}/{number}")
}

/// The requests of all sessions.
pub(super) struct Sessions {
    requests: Vec<(Vec<u8>, u64)>,
    start_of_answer: [u8; STATUS_BYTES],
}

impl Asking for Sessions {
    fn ask(&self, number: u64, into: &mut Vec<u8>) -> u64 {
        let (request, answer_bytes) = &self.requests[number as usize % self.requests.len()];
        into.extend_from_slice(request);
        *answer_bytes
    }

    fn start_of_answer(&self) -> [u8; STATUS_BYTES] {
        self.start_of_answer
    }
}

impl Sessions {
    /// Learns the answers of a server that has the content under `mount`.
    ///
    /// # Errors
    /// An answer that is not the content.
    pub(super) fn learn(port: u16, mount: &str, gathers: bool) -> io::Result<Sessions> {
        let mut socket = connect(port)?;
        let mut lengths: BTreeMap<String, u64> = BTreeMap::new();
        let mut requests = Vec::new();
        let mut start_of_answer = [0; STATUS_BYTES];
        for target in (0..SESSIONS).flat_map(|session| targets(session, gathers)) {
            let request = format!("GET {mount}{target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes();
            let bytes = match lengths.get(&target) {
                Some(&bytes) => bytes,
                None => {
                    let answer = ask(&mut socket, &request)?;
                    check(&target, &answer)?;
                    start_of_answer = answer.start();
                    lengths.insert(target, answer.bytes());
                    answer.bytes()
                }
            };
            requests.push((request, bytes));
        }
        Ok(Sessions { requests, start_of_answer })
    }

    pub(super) fn requests_of_a_session(&self) -> u64 {
        self.requests.len() as u64 / SESSIONS
    }
}

/// The targets of one session, in their order.
fn targets(session: u64, gathers: bool) -> Vec<String> {
    let mut targets = vec![path("gallery", draw(session, VIEWERS))];
    let title = |number: u64| draw(session << 20 | number, TITLES);
    for rest in 0..RESTS {
        let around = (0..TITLES_ASKED).map(|number| title(rest * TITLES_ASKED + number).to_string());
        if gathers {
            let ids: Vec<String> = around.collect();
            targets.push(format!("/metadata?ids={}", ids.join(",")));
        } else {
            targets.extend(around.map(|id| format!("/metadata/{id}")));
        }
        targets.push(path("assets/hero", title(rest) / 4));
        let share = BOXARTS / RESTS;
        targets.extend((rest * share..(rest + 1) * share).map(|number| path("assets/boxart", title(1_000 + number))));
    }
    targets
}

fn check(target: &str, answer: &Answer) -> io::Result<()> {
    let wanted = match target.split('/').nth(1).unwrap_or_default() {
        "gallery" => Some(GALLERY_BYTES),
        "metadata" => Some(TITLE_BYTES),
        "assets" if target.contains("hero") => Some(HERO_BYTES),
        "assets" => Some(BOXART_BYTES),
        // A frame around several titles.
        _ => None,
    };
    let is_long_enough = match wanted {
        Some(bytes) => answer.body.len() == bytes,
        None => answer.body.len() as u64 > TITLE_BYTES as u64 * TITLES_ASKED,
    };
    if answer.status != 200 || !is_long_enough {
        return Err(io::Error::other(format!("{target}: not the content: {}", answer.head)));
    }
    Ok(())
}
