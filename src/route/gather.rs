//! Many records in one answer: `GET /metadata?ids=3,1,2`. Pure.
//!
//! ```text
//! the frame's head and table (poco::many), made here
//! record of the first id, as it lies in the pack
//! record of the second id ...
//! ```
//! Nothing is copied but the frame's head: the answer is a list of pieces, which the server sends together. Its entity tag
//! follows from those of the records, so a client that has them all is told so in 304.
#![forbid(unsafe_code)]

use super::files::Files;
use super::mount::Site;
use super::stored;
use crate::http::encoding::Encoding;
use crate::http::method::Method;
use crate::http::plan::{SourceId, Span};
use crate::http::request::Request;
use crate::http::response::{Response, uncached_lines};
use crate::http::service::{Found, Piece, Stored};
use crate::pack::{self, Checked, LookupError, Pack, Record, Tag, Variant};
use crate::poco::{MANY_ENTRIES_MAX, MANY_MEDIA_TYPE, many};

/// Where records are gathered, below the prefix of a mount.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    /// The folder of the records, without a slash at its end.
    path: String,
    /// The parameter of the query that lists them.
    parameter: String,
}

impl Gather {
    pub(super) fn new(path: &str, parameter: &str) -> Gather {
        Gather { path: path.to_owned(), parameter: parameter.to_owned() }
    }

    /// The list of a request for `key`, as it came; `None`: this request gathers nothing.
    pub(super) fn asked<'r>(&self, key: &str, request: &Request<'r>) -> Option<&'r str> {
        if key != self.path {
            return None;
        }
        let mut pairs = request.query()?.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == self.parameter).map(|(_, value)| value)
    }
}

/// Memory that is used again for every request.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    key: Vec<u8>,
    /// The ids asked for, with the length of what was found.
    entries: Vec<(u32, Option<u64>)>,
    spans: Vec<Span>,
}

/// A mount that is asked for many records.
pub(super) struct Gathered<'m> {
    pub(super) gather: &'m Gather,
    pub(super) number: u16,
    pub(super) site: &'m Site,
    pub(super) pack: &'m Pack,
}

impl Gathered<'_> {
    /// Fills `stored` with the frame and the records of `ids`.
    ///
    /// # Errors
    /// What is wrong with a record.
    #[allow(clippy::too_many_arguments)] // each is lent by somebody else
    pub(super) fn fill(
        &self,
        ids: &str,
        checked: &mut Checked,
        record: &mut Record,
        gathering: &mut Gathering,
        files: &mut dyn Files,
        request: &Request<'_>,
        stored: &mut Stored,
    ) -> Result<Found, String> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Ok(stored::fill_methods(self.site, self.site.lines(request), request, stored));
        }
        gathering.entries.clear();
        gathering.spans.clear();
        if let Err(why) = parse(ids, &mut gathering.entries) {
            return Ok(Found::Made(self.refusal(why, request)));
        }
        let mut tag = Tag::new();
        // All that is not in memory is read at the same time.
        let mut wait = None;
        for (id, found) in &mut gathering.entries {
            write_key(&mut gathering.key, &self.gather.path, *id);
            tag.add(&id.to_le_bytes());
            let is_there = match self.pack.lookup(&gathering.key, checked, record) {
                Ok(is_there) => is_there,
                Err(LookupError::NotInMemory { .. }) => {
                    match files.read_index(u32::from(self.number), &gathering.key) {
                        Found::Wait => wait = Some(Found::Wait),
                        found => return Ok(found),
                    }
                    continue;
                }
                Err(error) => return Err(format!("id {id}: {error}")),
            };
            // Only what its own path answers with 200, in bytes of this file.
            let is_whole = is_there && record.status() == 200 && !record.flags().external();
            if let Some(plain) = record.variants().find(|variant| is_whole && is_plain(variant)) {
                tag.add(plain.etag_hash());
                let len = plain.payload_bytes();
                *found = Some(len);
                let source = SourceId(u32::from(self.number));
                gathering.spans.push(Span { source, offset: plain.payload_offset(), len });
            } else {
                // As long as a hash, so that no list of ids and hashes looks like another.
                tag.add(&[0; 16]);
            }
        }
        if let Some(wait) = wait {
            return Ok(wait);
        }
        stored::fill_lines(self.site.lines(request), stored);
        if request.negotiate(&[(Encoding::Identity, 0)]).is_none() {
            return Ok(Found::NotAcceptable);
        }
        stored.push(b"ETag: ");
        stored.etag = stored.push(b"\"").start..stored.push(&tag.digits()).end + 1;
        stored.always.end = stored.push(b"\"\r\n").end;
        let content = stored.push(b"Content-Type: ").start;
        stored.push(MANY_MEDIA_TYPE.as_bytes());
        stored.content = content..stored.push(b"\r\n").end;

        let start = stored.text.len() as u32;
        many::frame(&gathering.entries, &mut stored.text).map_err(|error| error.to_string())?;
        stored.pieces.push(Piece::Text(start..stored.text.len() as u32));
        stored.pieces.extend(gathering.spans.iter().map(|span| Piece::Span(*span)));
        Ok(Found::Stored)
    }

    /// What a request is told whose list cannot be read, with the mount's lines so that scripts of other origins see it.
    fn refusal(&self, why: &str, request: &Request<'_>) -> Response {
        let example = format!("GET {}{}?{}=1,2,3", self.site.prefix, self.gather.path, self.gather.parameter);
        let mut response = Response::text(format!("400 Bad Request: {why}: {example}\n")).status(400);
        response.lines.extend(uncached_lines(&self.site.plain).flatten());
        response.lines.extend(self.site.lines(request).origin);
        response
    }
}

fn is_plain(variant: &Variant<'_>) -> bool {
    variant.encoding() == pack::Encoding::Identity
}

/// Reads `1,2,3`; the commas may be percent-encoded, as some clients do.
fn parse(ids: &str, entries: &mut Vec<(u32, Option<u64>)>) -> Result<(), &'static str> {
    let mut rest = ids;
    loop {
        let end = rest.find([',', '%']).unwrap_or(rest.len());
        let (id, after) = rest.split_at(end);
        // `parse` alone would take a sign.
        let digits = Some(id).filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(id) = digits.and_then(|id| id.parse().ok()) else {
            return Err("ids are whole numbers below 4294967296, with commas between them");
        };
        if entries.len() == MANY_ENTRIES_MAX {
            return Err("more than 256 records; ask for them in several requests");
        }
        entries.push((id, None));
        if after.is_empty() {
            return Ok(());
        }
        let comma = [",", "%2C", "%2c"].iter().find_map(|comma| after.strip_prefix(comma));
        rest = comma.ok_or("ids are whole numbers below 4294967296, with commas between them")?;
    }
}

/// The key of one record: the folder, a slash, and the id in decimal.
fn write_key(key: &mut Vec<u8>, path: &str, id: u32) {
    key.clear();
    key.extend_from_slice(path.as_bytes());
    key.push(b'/');
    crate::http::range::write_decimal(key, u64::from(id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_strictly() {
        for (text, expected) in [
            ("7", Some(vec![7])),
            ("3,1,2,3", Some(vec![3, 1, 2, 3])),
            ("1%2C2%2c007", Some(vec![1, 2, 7])),
            ("0,4294967295", Some(vec![0, u32::MAX])),
            ("", None),
            (",", None),
            ("1,", None),
            (",1", None),
            ("1,,2", None),
            ("+1", None),
            ("-1", None),
            ("1 ,2", None),
            ("1%20", None),
            ("1%2", None),
            ("a", None),
            ("4294967296", None),
            ("1;2", None),
        ] {
            let mut entries = Vec::new();
            let is_read = parse(text, &mut entries).is_ok();
            let ids = is_read.then(|| entries.iter().map(|entry| entry.0).collect::<Vec<_>>());
            assert_eq!(ids, expected, "{text:?}");
        }
        for count in [MANY_ENTRIES_MAX, MANY_ENTRIES_MAX + 1] {
            let list = vec!["1"; count].join(",");
            assert_eq!(parse(&list, &mut Vec::new()).is_ok(), count == MANY_ENTRIES_MAX, "{count}");
        }
    }

    #[test]
    fn the_message_names_the_bound() {
        let list = vec!["1"; MANY_ENTRIES_MAX + 1].join(",");
        assert!(parse(&list, &mut Vec::new()).unwrap_err().contains(&MANY_ENTRIES_MAX.to_string()));
    }
}
