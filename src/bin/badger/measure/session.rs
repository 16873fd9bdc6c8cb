//! What a viewer asks, as it was recorded from the browse page: `docs/devices/session.json`.

use crate::failure::Failure;
use serde_json::Value;

/// The recording. Its first lines say how it is made again: tests/javascript/session.js.
const RECORDED: &str = include_str!("../../../../docs/devices/session.json");
/// Bodies of one kind of answers are together about this large, so that not all of them fit into a processor's cache.
const KIND_BYTES: usize = 2 * 1024 * 1024;
const COPIES_MAX: usize = 64;

/// One kind of answers: `gallery`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kind {
    pub(super) name: String,
    /// 200, or 304 when the browser had it already.
    pub(super) status: u16,
    /// How often it is asked for.
    pub(super) requests: usize,
    /// Of one body.
    pub(super) body_bytes: usize,
}

impl Kind {
    pub(super) fn plain(name: &str, body_bytes: usize) -> Kind {
        Kind { name: name.to_owned(), status: 200, requests: 1, body_bytes }
    }

    /// How many different bodies there are.
    pub(super) fn copies(&self) -> usize {
        (KIND_BYTES / self.body_bytes.max(1)).clamp(1, COPIES_MAX)
    }

    /// The path of one of them.
    pub(super) fn path(&self, copy: usize) -> String {
        format!("/{}-{}/{}", self.name, self.body_bytes, copy % self.copies())
    }
}

/// A part of a session.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) kinds: Vec<Kind>,
    /// Requests in all.
    pub(super) requests: usize,
    /// Bytes of the answers with their heads.
    pub(super) bytes: u64,
    /// How long the viewer took; 0: nobody waits between these requests.
    pub(super) seconds: f64,
}

impl Part {
    /// Its requests, those of each kind spread evenly over the whole.
    pub(super) fn sequence(&self) -> Vec<&Kind> {
        let mut order: Vec<(f64, &Kind)> = Vec::with_capacity(self.requests);
        for kind in &self.kinds {
            let place = |number: usize| (number as f64 + 0.5) / kind.requests as f64;
            order.extend((0..kind.requests).map(|number| (place(number), kind)));
        }
        order.sort_by(|one, other| one.0.total_cmp(&other.0));
        order.into_iter().map(|one| one.1).collect()
    }

    /// Pictures, the only answers that are too many to be kept in memory.
    pub(super) fn pictures(&self) -> usize {
        let is_picture = |kind: &&Kind| ["boxart", "picture", "spritesheet"].contains(&kind.name.as_str());
        self.kinds.iter().filter(is_picture).map(|kind| kind.requests).sum()
    }
}

/// A first visit, browsing, and the visit of the next day.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) first_visit: Part,
    pub(super) browse: Part,
    pub(super) next_day: Part,
}

impl Session {
    /// # Errors
    /// The recording is not as this program expects it.
    pub(super) fn recorded() -> Result<Session, Failure> {
        let broken = |what: &str| Failure::new(format!("docs/devices/session.json: {what}")).remedy("record it again");
        let value: Value = serde_json::from_str(RECORDED).map_err(|error| broken(&error.to_string()))?;
        let part = |name: &'static str| -> Result<Part, Failure> {
            let part = &value[name];
            let whole = |of: &Value, field: &str| {
                of[field].as_u64().ok_or_else(|| broken(&format!("{name} has no number {field}")))
            };
            let mut kinds = Vec::new();
            for answer in part["answers"].as_array().ok_or_else(|| broken(&format!("{name} has no answers")))? {
                let requests = whole(answer, "requests")?.max(1);
                kinds.push(Kind {
                    name: answer["kind"].as_str().unwrap_or("other").to_owned(),
                    status: u16::try_from(whole(answer, "status")?).unwrap_or(0),
                    requests: requests as usize,
                    body_bytes: (whole(answer, "body_bytes")? / requests) as usize,
                });
            }
            let seconds = part["seconds"].as_f64().unwrap_or(0.0);
            Ok(Part { name, kinds, requests: whole(part, "requests")? as usize, bytes: whole(part, "bytes")?, seconds })
        };
        Ok(Session { first_visit: part("first_visit")?, browse: part("browse")?, next_day: part("next_day")? })
    }

    pub(super) fn parts(&self) -> [&Part; 3] {
        [&self.first_visit, &self.browse, &self.next_day]
    }

    /// The recorded size of answers of this kind, with a body.
    pub(super) fn body_bytes(&self, name: &str) -> usize {
        let kinds = self.parts().into_iter().flat_map(|part| &part.kinds);
        kinds.filter(|kind| kind.name == name).map(|kind| kind.body_bytes).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recording_is_read_and_adds_up() {
        let session = Session::recorded().unwrap();
        for part in session.parts() {
            assert_eq!(part.sequence().len(), part.requests, "{}", part.name);
            let bytes: usize = part.kinds.iter().map(|kind| kind.requests * kind.body_bytes).sum();
            assert!(part.bytes as usize > bytes && part.requests > 5, "{part:?}");
            assert!(part.kinds.iter().all(|kind| [200, 304].contains(&kind.status)), "{part:?}");
        }
        assert!(session.browse.seconds > 10.0 && session.browse.pictures() > 50);
        assert!(session.body_bytes("gallery") > 1000 && session.body_bytes("metadata") > 1000);
        assert!(session.next_day.bytes < session.first_visit.bytes / 10, "what a browser keeps is not sent again");
    }

    #[test]
    fn a_sequence_is_mixed() {
        let (many, few) = (Kind { requests: 4, ..Kind::plain("a", 9) }, Kind { requests: 2, ..Kind::plain("b", 9) });
        let part = Part { name: "x", kinds: vec![many, few], requests: 6, bytes: 0, seconds: 0.0 };
        let names: String = part.sequence().iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(names, "abaaba");
    }

    #[test]
    fn bodies_are_several_and_bounded() {
        let copies = |bytes| Kind::plain("a", bytes).copies();
        assert_eq!((copies(0), copies(100), copies(150_000), copies(9_000_000)), (64, 64, 13, 1));
        assert_eq!(Kind::plain("a", 150_000).path(14), "/a-150000/1");
    }
}
