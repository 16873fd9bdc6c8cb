//! Pure: one entry on its way into a pack: checked, its bodies chosen, its header lines and its record baked.
#![forbid(unsafe_code)]

use super::error::WriteError;
use super::field;
use super::key;
use super::layout::*;
use bytemuck::Zeroable;
use std::io::{Read, Seek, SeekFrom};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Bytes of a body that are read at once.
pub(super) const COPY_BYTES: usize = 64 * 1024;

/// One key and what it answers. Fields may be added: end with `..Entry::default()`.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The percent-decoded request path: see [`super::key`].
    pub key: &'a str,
    /// The status: 200, or that of a redirect (with a `Location` among the headers) or an error page.
    pub status: u16,
    /// The media type; empty for no `Content-Type`.
    pub content_type: &'a str,
    /// When the content was last changed, in seconds since 1970.
    pub last_modified: Option<i64>,
    /// The content at this key never changes.
    pub immutable: bool,
    /// Header fields of this entry's own.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body in its encodings, each at most once; identity must be there. One that is not smaller than identity is
    /// left out.
    pub bodies: &'a [(Encoding, &'a [u8])],
    /// The caller's number for this entry, for example its line in a list: error messages repeat it.
    pub ordinal: u64,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        Entry {
            key: "",
            status: 200,
            content_type: "",
            last_modified: None,
            immutable: false,
            headers: &[],
            bodies: &[],
            ordinal: 0,
        }
    }
}

/// A payload that stays outside the pack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct External {
    /// What [`super::Variant::payload_offset`] will give.
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    pub(crate) etag_hash: [u8; 16],
}

/// A body that can be read twice.
pub(super) enum Body<'a> {
    Bytes(&'a [u8]),
    Stream(&'a mut dyn ReadSeek, u64),
    External(External),
}

pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Body<'_> {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Body::Bytes(body) => body.len() as u64,
            Body::Stream(_, bytes) => *bytes,
            Body::External(external) => external.bytes,
        }
    }
}

/// Where a payload is, and its hash.
pub(super) struct Stored {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) hash: [u8; 16],
    pub(super) external: bool,
}

/// Checks all of an entry but its bodies; gives the lines of its own fields.
pub(super) fn check_entry(entry: &Entry<'_>) -> Result<Vec<u8>, WriteError> {
    let (owned, ordinal) = (|| entry.key.to_owned(), entry.ordinal);
    key::validate(entry.key).map_err(|error| WriteError::Key { key: owned(), ordinal, error })?;
    if !status_is_servable(entry.status) {
        return Err(entry_error(
            entry,
            "the status must be that of an answer with a body of its own: 200 to 599, not 204, 205, 206 or 304",
        ));
    }
    let located = entry.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("location"));
    if matches!(entry.status, 301 | 302 | 303 | 307 | 308) && !located {
        return Err(entry_error(entry, "a redirect needs a Location header"));
    }
    // RFC 9110 sections 15.5.2, 15.5.6, 15.5.8; for 426 (15.5.22) no pack may have the field.
    let needed = match entry.status {
        401 => Some(("www-authenticate", "a 401 needs a WWW-Authenticate header")),
        405 => Some(("allow", "a 405 needs an Allow header")),
        407 => Some(("proxy-authenticate", "a 407 needs a Proxy-Authenticate header")),
        426 => Some(("upgrade", "a 426 needs an Upgrade header, which is for the server to write, and it has none")),
        _ => None,
    };
    if let Some((_, what)) =
        needed.filter(|(needed, _)| !entry.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(needed)))
    {
        return Err(entry_error(entry, what));
    }
    if entry.last_modified.is_some_and(|time| !(0..=LAST_MODIFIED_MAX).contains(&time)) {
        return Err(entry_error(entry, "the time of the last change must be in the years 1970 to 9999"));
    }
    if !entry.content_type.is_empty() {
        let name = || "Content-Type".to_owned();
        field::check_content_type(entry.content_type).map_err(|error| WriteError::Field {
            key: owned(),
            ordinal,
            name: name(),
            error,
        })?;
    }
    let mut lines = Vec::new();
    for (name, value) in entry.headers {
        field::append(&mut lines, name, value).map_err(|error| WriteError::Field {
            key: owned(),
            ordinal,
            name: (*name).to_owned(),
            error,
        })?;
    }
    Ok(lines)
}

/// The bodies that are kept, in the order of their encodings, and how many are not.
pub(super) fn choose_bodies<'a>(
    entry: &Entry<'a>,
    identity: Option<Body<'a>>,
) -> Result<(Vec<(Encoding, Body<'a>)>, u64), WriteError> {
    let given = entry.bodies.iter().map(|&(encoding, body)| (encoding, Body::Bytes(body)));
    let mut bodies: Vec<_> = identity.into_iter().map(|body| (Encoding::Identity, body)).chain(given).collect();
    bodies.sort_by_key(|body| body.0);
    if bodies.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(entry_error(entry, "an encoding is there twice"));
    }
    let plain = match bodies.first() {
        Some((Encoding::Identity, body)) => body.bytes(),
        _ => return Err(entry_error(entry, "the identity body is missing")),
    };
    let all = bodies.len();
    bodies.retain(|(encoding, body)| *encoding == Encoding::Identity || body.bytes() < plain);
    let dropped = (all - bodies.len()) as u64;
    Ok((bodies, dropped))
}

/// The bodies with their hashes. A stream is read for this, so all that can be wrong with it shows before anything is
/// written.
pub(super) fn hash_bodies<'a>(
    entry: &Entry<'_>,
    bodies: Vec<(Encoding, Body<'a>)>,
) -> Result<Vec<(Encoding, Body<'a>, u128)>, WriteError> {
    let mut hashed = Vec::with_capacity(bodies.len());
    for (encoding, mut body) in bodies {
        let hash = match &mut body {
            Body::Bytes(body) => xxh3_128(body),
            Body::External(external) => u128::from_be_bytes(external.etag_hash),
            Body::Stream(stream, bytes) => copy_stream(*stream, *bytes, &mut |_| Ok(true))?
                .ok_or_else(|| entry_error(entry, "the body does not have the length that was announced"))?,
        };
        hashed.push((encoding, body, hash));
    }
    Ok(hashed)
}

/// The two texts of a class: what goes with every answer, and what goes with content.
pub(super) fn class_texts(entry: &Entry<'_>, encoding: Encoding, varies: bool) -> (Vec<u8>, Vec<u8>) {
    let always = if varies { b"Vary: Accept-Encoding\r\n".to_vec() } else { Vec::new() };
    let mut content = Vec::new();
    let mut line = |name: &str, value: &str| content.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    if !entry.content_type.is_empty() {
        line("Content-Type", entry.content_type);
    }
    if encoding != Encoding::Identity {
        line("Content-Encoding", encoding.token());
    }
    if entry.status == 200 {
        line("Accept-Ranges", "bytes");
    }
    (always, content)
}

/// A record as it will lie in the pack, but for the ordinal, which waits in the reserved field of the first variant.
pub(super) fn build_record(
    entry: &Entry<'_>,
    fields: &[u8],
    stored: &[(Encoding, Stored)],
    classes: &[u16],
) -> Vec<u8> {
    let key_start = RECORD_HEAD_BYTES + VARIANT_BYTES * stored.len();
    let mut texts = Vec::with_capacity(256);
    let mut rows = Vec::with_capacity(stored.len());
    for ((encoding, stored), class) in stored.iter().zip(classes) {
        let start = texts.len();
        texts.extend_from_slice(format!("ETag: \"{}\"\r\n", hex(&stored.hash)).as_bytes());
        if let Some(time) = entry.last_modified {
            texts.extend_from_slice(format!("Last-Modified: {}\r\n", field::http_date(time as u64)).as_bytes());
        }
        texts.extend_from_slice(fields);
        let middle = texts.len();
        texts.extend_from_slice(format!("Content-Length: {}\r\n", stored.bytes).as_bytes());
        rows.push(VariantRow {
            payload_offset: stored.offset,
            payload_bytes: stored.bytes,
            etag_hash: stored.hash,
            encoding: *encoding as u8,
            length_line_bytes: (texts.len() - middle) as u8,
            class: *class,
            text_offset: (key_start + entry.key.len() + start) as u16,
            validators_bytes: (middle - start) as u16,
            reserved: if rows.is_empty() { entry.ordinal } else { 0 },
        });
    }
    let record_bytes = align_up((key_start + entry.key.len() + texts.len()) as u64, RECORD_ALIGN) as usize;
    assert!(record_bytes <= RECORD_BYTES_MAX, "the bounds of an entry add up to those of a record");
    let mut flags = 0;
    flags |= if entry.last_modified.is_some() { FLAG_LAST_MODIFIED } else { 0 };
    flags |= if entry.immutable { FLAG_IMMUTABLE } else { 0 };
    flags |= if stored.iter().any(|(_, stored)| stored.external) { FLAG_EXTERNAL } else { 0 };
    let head = RecordHead {
        record_bytes: record_bytes as u32,
        key_bytes: entry.key.len() as u16,
        status: entry.status,
        flags,
        variant_count: stored.len() as u8,
        last_modified: entry.last_modified.unwrap_or(0),
        ..RecordHead::zeroed()
    };
    let mut record = Vec::with_capacity(record_bytes);
    record.extend_from_slice(bytemuck::bytes_of(&head));
    rows.iter().for_each(|row| record.extend_from_slice(bytemuck::bytes_of(row)));
    record.extend_from_slice(entry.key.as_bytes());
    record.extend_from_slice(&texts);
    record.resize(record_bytes, 0);
    record
}

pub(super) fn entry_error(entry: &Entry<'_>, what: &'static str) -> WriteError {
    WriteError::Entry { key: entry.key.to_owned(), ordinal: entry.ordinal, what }
}

/// Reads `stream` from its start and hands out its pieces; gives the hash of all, or `None` when `each` had enough or the
/// stream does not have exactly `bytes` bytes.
pub(super) fn copy_stream(
    stream: &mut dyn ReadSeek,
    bytes: u64,
    each: &mut dyn FnMut(&[u8]) -> std::io::Result<bool>,
) -> std::io::Result<Option<u128>> {
    stream.seek(SeekFrom::Start(0))?;
    let mut hasher = Xxh3::new();
    let mut room = vec![0; COPY_BYTES];
    let mut left = bytes;
    loop {
        let count = match stream.read(&mut room) {
            Ok(0) => return Ok((left == 0).then(|| hasher.digest128())),
            Ok(count) if count as u64 > left => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        left -= count as u64;
        hasher.update(&room[..count]);
        if !each(&room[..count])? {
            return Ok(None);
        }
    }
}
