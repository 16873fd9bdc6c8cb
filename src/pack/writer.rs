//! Pure: the way into a pack. Deterministic: the same entries in the same order give the same bytes.
//!
//! ```text
//! add:    check everything about the entry
//!         for each body that is worth keeping: the same bytes in the pack already (hash, then compare)? else append them
//!         append the record to the spool; remember (hash of the key, place of the record)
//! finish: sort what is remembered; where hashes are equal, read the keys back: equal keys are an error
//!         append records, classes, slots, radix, chunk checksums, page checksums; write the header page
//! ```
//! In memory: 16 B a key for the sort and at most 29 B for each payload that can be found again (a million, and one more for
//! each key; later payloads are stored without being looked up), both grown by eighths; 8 B for each chunk of payload; the
//! class table; two buffers. Keys and records wait in the spool.
#![forbid(unsafe_code)]

use super::blocks::Blocks;
use super::dedupe::{Dedupe, push_by_eighths};
use super::error::WriteError;
use super::field;
use super::key;
use super::layout::*;
use bytemuck::Zeroable;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};
use xxhash_rust::xxh64::xxh64;

/// Payloads that can be found again whatever the number of keys: 29 MB of memory.
const DEDUPE_FLOOR: usize = 1_000_000;
/// Bytes that are read at once when payloads are compared or streamed, and records copied.
const COPY_BYTES: usize = 64 * 1024;

/// What a pack says about itself.
/// Fields may be added: end with `..WriterOptions::default()`.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Who makes the pack: at most 32 bytes. It should not name a time or a machine, so that packs can be compared.
    pub creator: String,
    /// A number for this state of the content; servers may use it to tell newer from older.
    pub sequence: u64,
    /// Which shard this is, from 0.
    pub shard_index: u32,
    /// How many shards there are. Keys are dealt by `XXH64(key, seed 0) % shard_count`; the caller deals them.
    pub shard_count: u32,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions { creator: String::new(), sequence: 0, shard_index: 0, shard_count: 1 }
    }
}

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
#[allow(dead_code)] // the scan of a directory is the only user
pub(crate) struct External {
    /// What [`super::Variant::payload_offset`] will give.
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    pub(crate) etag_hash: [u8; 16],
}

/// What became of the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Keys in the pack.
    pub keys: u64,
    /// Payloads that were stored.
    pub payloads: u64,
    /// Payloads that were there already.
    pub payloads_shared: u64,
    /// Bytes that sharing saved.
    pub bytes_shared: u64,
    /// Encodings that were not smaller than identity.
    pub encodings_dropped: u64,
    /// Classes of shared header text.
    pub classes: u64,
    /// Bytes of the whole pack.
    pub file_bytes: u64,
    /// The content id, 32 hexadecimal digits.
    pub content_id: String,
}

/// Writes a pack to `out`, from its first byte; records wait in `spool` until the end. Both may be files or
/// `Cursor<Vec<u8>>`, owned or borrowed; both should be empty. Dropping a writer without [`PackWriter::finish`] leaves bytes
/// that no reader takes for a pack. See [`super::Pack`] for an example.
pub struct PackWriter<W, S> {
    out: W,
    spool: Spool<S>,
    options: WriterOptions,
    /// Whether records may name payloads outside the pack.
    external: bool,
    payloads: Blocks,
    dedupe: Dedupe,
    slots: Vec<KeySlot>,
    classes: BTreeMap<(Vec<u8>, Vec<u8>), u16>,
    class_bytes: u64,
    summary: Summary,
    broken: bool,
}

/// What is remembered of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct KeySlot {
    hash: u64,
    place: u64,
}

/// A body that can be read twice.
enum Body<'a> {
    Bytes(&'a [u8]),
    Stream(&'a mut dyn ReadSeek, u64),
    External(External),
}

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Body<'_> {
    fn bytes(&self) -> u64 {
        match self {
            Body::Bytes(body) => body.len() as u64,
            Body::Stream(_, bytes) => *bytes,
            Body::External(external) => external.bytes,
        }
    }
}

/// Where a payload is, and its hash.
struct Stored {
    offset: u64,
    bytes: u64,
    hash: [u8; 16],
    external: bool,
}

impl<W: Read + Write + Seek, S: Read + Write + Seek> PackWriter<W, S> {
    /// Begins a pack.
    ///
    /// # Errors
    /// When the options break a rule, or the output fails.
    pub fn create(mut out: W, spool: S, options: WriterOptions) -> Result<PackWriter<W, S>, WriteError> {
        if options.creator.len() > 32 || options.creator.chars().any(char::is_control) {
            return Err(WriteError::Whole("the creator has at most 32 bytes and no control characters"));
        }
        if options.shard_index >= options.shard_count {
            return Err(WriteError::Whole("the shard number must be below the number of shards"));
        }
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&[0; HEADER_BYTES as usize])?;
        Ok(PackWriter {
            out,
            spool: Spool::create(spool)?,
            options,
            external: false,
            payloads: Blocks::new(CHUNK_BYTES, HEADER_BYTES),
            dedupe: Dedupe::default(),
            slots: Vec::new(),
            classes: BTreeMap::new(),
            class_bytes: 0,
            summary: Summary::default(),
            broken: false,
        })
    }

    /// Begins a pack whose records may name payloads outside it. Only [`super::Pack::from_source_private`] opens it.
    #[allow(dead_code)] // the scan of a directory is the only user
    pub(crate) fn create_private(out: W, spool: S, options: WriterOptions) -> Result<PackWriter<W, S>, WriteError> {
        Ok(PackWriter { external: true, ..PackWriter::create(out, spool, options)? })
    }

    /// Adds one entry.
    ///
    /// # Errors
    /// When the entry breaks a rule (then it is left out and the writer goes on), or the output fails (then the pack cannot
    /// be finished). Two entries with one key show only in [`PackWriter::finish`].
    pub fn add(&mut self, entry: Entry<'_>) -> Result<(), WriteError> {
        self.add_with(&entry, None)
    }

    /// Adds one entry whose identity body is read from its start, twice, and is not held in memory: first to see whether the
    /// pack has it already, then to store it. `entry.bodies` has the other encodings.
    ///
    /// # Errors
    /// As [`PackWriter::add`]; also when the body does not have `bytes` bytes both times, or is not the same.
    pub fn add_from(
        &mut self,
        entry: Entry<'_>,
        identity: &mut (impl Read + Seek),
        bytes: u64,
    ) -> Result<(), WriteError> {
        self.add_with(&entry, Some(Body::Stream(identity, bytes)))
    }

    /// Adds one entry whose only payload stays outside the pack.
    #[allow(dead_code)] // the scan of a directory is the only user
    pub(crate) fn add_external(&mut self, entry: Entry<'_>, external: External) -> Result<(), WriteError> {
        assert!(
            self.external && entry.bodies.is_empty(),
            "an external entry has one payload, in a pack that allows it"
        );
        self.add_with(&entry, Some(Body::External(external)))
    }

    fn add_with<'a>(&mut self, entry: &Entry<'a>, identity: Option<Body<'a>>) -> Result<(), WriteError> {
        if self.broken {
            return Err(WriteError::Broken);
        }
        let fields = check_entry(entry)?;
        let (bodies, dropped) = choose_bodies(entry, identity)?;
        if self.slots.len() as u64 >= KEYS_MAX {
            return Err(WriteError::Whole("a pack has at most 4,294,967,295 keys; deal them to shards"));
        }
        let classes = self.classes_of(entry, &bodies)?;
        self.broken = true; // until all of it is written
        let mut stored = Vec::with_capacity(bodies.len());
        for (encoding, body) in bodies {
            stored.push((encoding, self.store(entry, body)?));
        }
        let record = build_record(entry, &fields, &stored, &classes);
        let place = self.spool.append(&record)?;
        if place / RECORD_ALIGN > PLACE_MASK {
            return Err(WriteError::Whole("a pack has at most 16 TiB of records; deal the keys to shards"));
        }
        push_by_eighths(&mut self.slots, KeySlot { hash: xxh64(entry.key.as_bytes(), 0), place });
        self.summary.encodings_dropped += dropped;
        self.broken = false;
        Ok(())
    }

    /// The class numbers of the variants; new classes are made.
    fn classes_of(&mut self, entry: &Entry<'_>, bodies: &[(Encoding, Body<'_>)]) -> Result<Vec<u16>, WriteError> {
        let mut numbers = Vec::with_capacity(bodies.len());
        for (encoding, _) in bodies {
            let texts = class_texts(entry, *encoding, bodies.len() > 1);
            if let Some(&number) = self.classes.get(&texts) {
                numbers.push(number);
                continue;
            }
            let bytes = self.class_bytes + (CLASS_ROW_BYTES + texts.0.len() + texts.1.len()) as u64;
            if self.classes.len() == CLASSES_MAX || bytes > CLASS_BYTES_MAX {
                return Err(entry_error(
                    entry,
                    "a pack has at most 1,024 combinations of content type and encoding, in 64 KiB",
                ));
            }
            self.class_bytes = bytes;
            let number = self.classes.len() as u16;
            self.classes.insert(texts, number);
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// Makes sure that the pack has a body, and says where.
    fn store(&mut self, entry: &Entry<'_>, mut body: Body<'_>) -> Result<Stored, WriteError> {
        let bytes = body.bytes();
        let hash = match &mut body {
            Body::External(external) => {
                return Ok(Stored { offset: external.number, bytes, hash: external.etag_hash, external: true });
            }
            Body::Bytes(body) => xxh3_128(body),
            Body::Stream(stream, _) => {
                let hash = copy_stream(stream, bytes, &mut |_| Ok(true))?;
                hash.ok_or_else(|| entry_error(entry, "the body does not have the length that was announced"))?
            }
        };
        let stored = |offset| Stored { offset, bytes, hash: hash.to_be_bytes(), external: false };
        if bytes == 0 {
            return Ok(stored(HEADER_BYTES));
        }
        let align = payload_align(bytes);
        let candidates: Vec<u64> = self.dedupe.candidates(hash as u64).filter(|offset| offset % align == 0).collect();
        for offset in candidates {
            if self.is_at(offset, &mut body)? {
                self.summary.payloads_shared += 1;
                self.summary.bytes_shared += bytes;
                return Ok(stored(offset));
            }
        }
        self.payloads.pad(&mut self.out, align)?;
        let offset = self.payloads.position();
        match &mut body {
            Body::Bytes(body) => self.payloads.write(&mut self.out, body)?,
            Body::Stream(stream, _) => {
                let (payloads, out) = (&mut self.payloads, &mut self.out);
                let again = copy_stream(stream, bytes, &mut |piece| payloads.write(out, piece).map(|()| true))?;
                if again != Some(hash) {
                    return Err(WriteError::BodyChanged { key: entry.key.to_owned(), ordinal: entry.ordinal });
                }
            }
            Body::External(_) => {}
        }
        self.summary.payloads += 1;
        if self.dedupe.len() < DEDUPE_FLOOR + self.slots.len() {
            self.dedupe.insert(hash as u64, offset);
        }
        Ok(stored(offset))
    }

    /// Whether the bytes of `body` lie at `offset` of the output: what equal hashes only suggest.
    fn is_at(&mut self, offset: u64, body: &mut Body<'_>) -> Result<bool, WriteError> {
        if offset + body.bytes() > self.payloads.position() {
            return Ok(false);
        }
        let mut at = offset;
        let (payloads, out) = (&self.payloads, &mut self.out);
        let mut room = Vec::new();
        let mut compare = |piece: &[u8]| {
            let in_file = payloads.flushed().saturating_sub(at).min(piece.len() as u64) as usize;
            let (early, late) = piece.split_at(in_file);
            room.resize(early.len(), 0);
            if !early.is_empty() {
                out.seek(SeekFrom::Start(at))?;
                out.read_exact(&mut room)?;
            }
            let start = (at + early.len() as u64).saturating_sub(payloads.flushed()) as usize;
            at += piece.len() as u64;
            Ok(room == early && (late.is_empty() || payloads.waiting()[start..].starts_with(late)))
        };
        let equal = match body {
            Body::Bytes(body) => {
                let mut equal = true;
                for piece in body.chunks(COPY_BYTES) {
                    equal = equal && compare(piece)?;
                }
                equal
            }
            Body::Stream(stream, bytes) => copy_stream(stream, *bytes, &mut compare)?.is_some(),
            Body::External(_) => false,
        };
        out.seek(SeekFrom::Start(payloads.flushed()))?;
        Ok(equal)
    }

    /// Writes the index and, last, the header page: until then the output is no pack.
    ///
    /// # Errors
    /// When two entries have one key, or too many keys share the first bits of their hash, or the output fails.
    pub fn finish(mut self) -> Result<Summary, WriteError> {
        if self.broken {
            return Err(WriteError::Broken);
        }
        let radix_bits = radix_bits_for(self.slots.len() as u64);
        self.sort(u32::from(radix_bits))?;

        self.payloads.pad(&mut self.out, PAGE_BYTES)?;
        let index_offset = self.payloads.position();
        let chunk_sums = self.payloads.finish(&mut self.out)?;
        let mut index = Index { out: &mut self.out, blocks: Blocks::new(PAGE_BYTES, index_offset), rows: Vec::new() };
        index.rows.push(row(0, HEADER_BYTES, index_offset, self.summary.payloads));

        let keys = self.slots.len() as u64;
        self.spool.each(&mut |record| index.write(record))?;
        index.end_section(keys)?;
        write_classes(&mut index, &self.classes)?;
        for slot in &self.slots {
            let packed = fingerprint_of(slot.hash, u32::from(radix_bits)) << PLACE_BITS | (slot.place / RECORD_ALIGN);
            index.write(&packed.to_le_bytes())?;
        }
        index.end_section(keys)?;
        write_radix(&mut index, &self.slots, u32::from(radix_bits))?;
        chunk_sums.iter().try_for_each(|sum| index.write(&sum.to_le_bytes()))?;
        index.end_section(chunk_sums.len() as u64)?;

        index.blocks.pad(index.out, PAGE_BYTES)?;
        let (sums_offset, mut rows) = (index.blocks.position(), index.rows);
        let page_sums = index.blocks.finish(&mut self.out)?;
        let page_sums_bytes: &[u8] = bytemuck::cast_slice(&page_sums);
        self.out.write_all(page_sums_bytes)?;
        let file_bytes = sums_offset + page_sums_bytes.len() as u64;
        rows.push(row(6, sums_offset, file_bytes, page_sums.len() as u64));

        let content_id = xxh3_128(page_sums_bytes).to_be_bytes();
        let page = header_page(&self.options, self.external, &rows, keys, radix_bits, file_bytes, content_id);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&page)?;
        self.out.flush()?;
        let classes = self.classes.len() as u64;
        Ok(Summary { keys, classes, file_bytes, content_id: hex(&content_id), ..self.summary })
    }

    /// Sorts by hash, then key, and refuses what a reader would refuse.
    fn sort(&mut self, radix_bits: u32) -> Result<(), WriteError> {
        self.slots.sort_unstable();
        for bucket in
            self.slots.chunk_by(|left, right| bucket_of(left.hash, radix_bits) == bucket_of(right.hash, radix_bits))
        {
            if bucket.len() as u64 > BUCKET_SLOTS_MAX {
                // Equal keys are the likelier reason, and the message for them helps more.
                self.spool.refuse_equal_keys(bucket)?;
                return Err(WriteError::Whole(
                    "more than 4,096 keys share the first bits of their hash: they were chosen to collide",
                ));
            }
        }
        for same in self.slots.chunk_by_mut(|left, right| left.hash == right.hash).filter(|same| same.len() > 1) {
            self.spool.refuse_equal_keys(same)?;
            let mut keys = Vec::with_capacity(same.len());
            for slot in same.iter() {
                keys.push((self.spool.key_at(slot.place)?.0, *slot));
            }
            keys.sort();
            same.iter_mut().zip(keys).for_each(|(slot, (_, sorted))| *slot = sorted);
        }
        Ok(())
    }
}

/// Checks all of an entry but its bodies; gives the lines of its own fields.
fn check_entry(entry: &Entry<'_>) -> Result<Vec<u8>, WriteError> {
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
fn choose_bodies<'a>(
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

/// The two texts of a class: what goes with every answer, and what goes with content.
fn class_texts(entry: &Entry<'_>, encoding: Encoding, varies: bool) -> (Vec<u8>, Vec<u8>) {
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
fn build_record(entry: &Entry<'_>, fields: &[u8], stored: &[(Encoding, Stored)], classes: &[u16]) -> Vec<u8> {
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

fn entry_error(entry: &Entry<'_>, what: &'static str) -> WriteError {
    WriteError::Entry { key: entry.key.to_owned(), ordinal: entry.ordinal, what }
}

/// Reads `stream` from its start and hands out its pieces; gives the hash of all, or `None` when `each` had enough or the
/// stream does not have exactly `bytes` bytes.
fn copy_stream(
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

/// The index region while it is written: hashed page by page, one row of the section table for each section.
struct Index<'a, W> {
    out: &'a mut W,
    blocks: Blocks,
    rows: Vec<SectionRow>,
}

impl<W: Write> Index<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.blocks.write(self.out, bytes)
    }

    /// Ends the section that began where the last one ended.
    fn end_section(&mut self, items: u64) -> std::io::Result<()> {
        let start = self.rows.last().map_or(0, |row| align_up(row.offset + row.bytes, SECTION_ALIGN));
        self.rows.push(row(self.rows.len(), start, self.blocks.position(), items));
        self.blocks.pad(self.out, SECTION_ALIGN)
    }
}

fn row(place: usize, start: u64, end: u64, items: u64) -> SectionRow {
    SectionRow { kind: place as u32 + 1, flags: 0, offset: start, bytes: end - start, items }
}

/// Rows in the order of their numbers, then their texts in the same order.
fn write_classes<W: Write>(
    index: &mut Index<'_, W>,
    classes: &BTreeMap<(Vec<u8>, Vec<u8>), u16>,
) -> std::io::Result<()> {
    let mut by_number: Vec<_> = classes.iter().collect();
    by_number.sort_by_key(|class| class.1);
    let mut text_offset = (by_number.len() * CLASS_ROW_BYTES) as u32;
    for ((always, content), _) in &by_number {
        let row = ClassRow { text_offset, always_bytes: always.len() as u16, content_bytes: content.len() as u16 };
        index.write(bytemuck::bytes_of(&row))?;
        text_offset += (always.len() + content.len()) as u32;
    }
    for ((always, content), _) in &by_number {
        index.write(always)?;
        index.write(content)?;
    }
    index.end_section(by_number.len() as u64)
}

/// For each bucket, how many slots are before it; and at the end, how many there are.
fn write_radix<W: Write>(index: &mut Index<'_, W>, slots: &[KeySlot], radix_bits: u32) -> std::io::Result<()> {
    let mut next = 0;
    for bucket in 0..1u64 << radix_bits {
        index.write(&(next as u32).to_le_bytes())?;
        while slots.get(next).is_some_and(|slot| bucket_of(slot.hash, radix_bits) == bucket) {
            next += 1;
        }
    }
    index.write(&(next as u32).to_le_bytes())?;
    index.end_section((1 << radix_bits) + 1)
}

fn header_page(
    options: &WriterOptions,
    external: bool,
    rows: &[SectionRow],
    keys: u64,
    radix_bits: u8,
    file_bytes: u64,
    content_id: [u8; 16],
) -> Vec<u8> {
    let mut header = Header {
        magic: MAGIC,
        major: MAJOR,
        minor: MINOR,
        header_bytes: HEADER_BYTES as u32,
        incompatible: if external { FEATURE_EXTERNAL } else { 0 },
        file_bytes,
        content_id,
        sequence: options.sequence,
        shard_index: options.shard_index,
        shard_count: options.shard_count,
        key_count: keys,
        chunk_shift: CHUNK_SHIFT,
        page_shift: PAGE_SHIFT,
        radix_bits,
        ..Header::zeroed()
    };
    header.creator[..options.creator.len()].copy_from_slice(options.creator.as_bytes());
    header.shard_hash[..5].copy_from_slice(b"xxh64");
    header.sections[..rows.len()].copy_from_slice(rows);
    let mut page = bytemuck::bytes_of(&header).to_vec();
    page.resize(HEADER_CHECKSUM_AT, 0);
    let checksum = xxh3_64(&page);
    page.extend_from_slice(&checksum.to_le_bytes());
    page
}

/// The records while the pack is written.
struct Spool<S> {
    file: S,
    written: u64,
    waiting: Vec<u8>,
}

impl<S: Read + Write + Seek> Spool<S> {
    fn create(mut file: S) -> std::io::Result<Spool<S>> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Spool { file, written: 0, waiting: Vec::with_capacity(COPY_BYTES + RECORD_BYTES_MAX) })
    }

    /// Gives the place of the record.
    fn append(&mut self, record: &[u8]) -> std::io::Result<u64> {
        let place = self.written + self.waiting.len() as u64;
        self.waiting.extend_from_slice(record);
        if self.waiting.len() >= COPY_BYTES {
            self.flush()?;
        }
        Ok(place)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.written))?;
        self.file.write_all(&self.waiting)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// The key and the ordinal of the record at `place`.
    fn key_at(&mut self, place: u64) -> std::io::Result<(Vec<u8>, u64)> {
        self.flush()?;
        self.file.seek(SeekFrom::Start(place))?;
        let mut start = [0; RECORD_HEAD_BYTES + VARIANT_BYTES];
        self.file.read_exact(&mut start)?;
        let head: RecordHead = bytemuck::pod_read_unaligned(&start[..RECORD_HEAD_BYTES]);
        let ordinal = bytemuck::pod_read_unaligned(&start[ORDINAL_AT..ORDINAL_AT + 8]);
        let key_start = RECORD_HEAD_BYTES + VARIANT_BYTES * usize::from(head.variant_count);
        self.file.seek(SeekFrom::Start(place + key_start as u64))?;
        let mut key = vec![0; usize::from(head.key_bytes)];
        self.file.read_exact(&mut key)?;
        Ok((key, ordinal))
    }

    /// An error if two of these slots have one key; it names the two that were added first.
    fn refuse_equal_keys(&mut self, slots: &[KeySlot]) -> Result<(), WriteError> {
        let mut seen = BTreeMap::new();
        let mut in_order = slots.to_vec();
        in_order.sort_unstable_by_key(|slot| slot.place);
        for slot in in_order {
            let (key, ordinal) = self.key_at(slot.place)?;
            if let Some(&first) = seen.get(&key) {
                return Err(WriteError::Duplicate {
                    key: String::from_utf8_lossy(&key).into_owned(),
                    ordinals: (first, ordinal),
                });
            }
            seen.insert(key, ordinal);
            if seen.len() as u64 > BUCKET_SLOTS_MAX {
                break; // enough to say that it is not one key many times
            }
        }
        Ok(())
    }

    /// Hands out all records in order, each without its ordinal.
    fn each(&mut self, take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        self.flush()?;
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = std::io::BufReader::with_capacity(COPY_BYTES, &mut self.file);
        let mut record = vec![0; RECORD_BYTES_MAX];
        let mut left = self.written;
        while left > 0 {
            reader.read_exact(&mut record[..RECORD_HEAD_BYTES])?;
            let head: RecordHead = bytemuck::pod_read_unaligned(&record[..RECORD_HEAD_BYTES]);
            let bytes = (head.record_bytes as usize).clamp(ORDINAL_AT + 8, RECORD_BYTES_MAX);
            reader.read_exact(&mut record[RECORD_HEAD_BYTES..bytes])?;
            record[ORDINAL_AT..ORDINAL_AT + 8].fill(0);
            take(&record[..bytes])?;
            left = left.saturating_sub(bytes as u64);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Pack, PackError, Record};
    use std::io::Cursor;
    use std::sync::Arc;

    #[test]
    fn a_payload_outside_the_pack_is_for_the_library_alone() {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let mut writer = PackWriter::create_private(&mut out, &mut spool, WriterOptions::default()).unwrap();
        let external = External { number: 5, bytes: 1 << 40, etag_hash: [0xab; 16] };
        writer.add_external(Entry { key: "/large", content_type: "a/b", ..Entry::default() }, external).unwrap();
        writer.add(Entry { key: "/small", bodies: &[(Encoding::Identity, b"x")], ..Entry::default() }).unwrap();
        writer.finish().unwrap();
        let bytes = out.into_inner();
        assert_eq!(Pack::from_bytes(bytes.clone()).unwrap_err(), PackError::External);

        let pack = Pack::from_source_private(Arc::new(bytes)).unwrap();
        let (mut checked, mut record) = (pack.checked(), Record::default());
        assert_eq!(pack.lookup(b"/large", &mut checked, &mut record), Ok(true));
        let variant = record.variant(0).unwrap();
        assert!(record.flags().external());
        assert_eq!((variant.payload_offset(), variant.payload_bytes()), (5, 1 << 40));
        assert_eq!(variant.etag(), format!("\"{}\"", "ab".repeat(16)).as_bytes());
        assert_eq!(variant.length_line(), b"Content-Length: 1099511627776\r\n");
        assert_eq!(pack.lookup(b"/small", &mut checked, &mut record), Ok(true));
        assert!(!record.flags().external());
        assert_eq!(pack.verify(&mut |_, _| {}).problems, []);
    }

    /// A disk that is full after so many bytes.
    struct Full(Cursor<Vec<u8>>, u64);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let room = self.1.saturating_sub(self.0.position()) as usize;
            if room == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.0.write(&bytes[..bytes.len().min(room)])
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Read for Full {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(into)
        }
    }

    impl Seek for Full {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn a_full_disk_is_an_error_wherever_it_happens() {
        let body = vec![7; 2000];
        let write = |out_bytes: u64, spool_bytes: u64| {
            let mut out = Full(Cursor::new(Vec::new()), out_bytes);
            let mut writer =
                PackWriter::create(&mut out, Full(Cursor::new(Vec::new()), spool_bytes), WriterOptions::default())?;
            for number in 0..600u64 {
                let key = format!("/{number}");
                let result = writer.add(Entry {
                    key: &key,
                    bodies: &[(Encoding::Identity, &body[number as usize..])],
                    ..Entry::default()
                });
                if let Err(error) = result {
                    assert!(matches!(writer.finish(), Err(WriteError::Broken)));
                    return Err(error);
                }
            }
            writer.finish().map(|_| out.0.into_inner())
        };
        let whole = write(u64::MAX, u64::MAX).unwrap().len() as u64;
        for (out_bytes, spool_bytes) in
            [(0, u64::MAX), (4096, u64::MAX), (70_000, u64::MAX), (whole - 1, u64::MAX), (whole, 1000)]
        {
            assert!(matches!(write(out_bytes, spool_bytes), Err(WriteError::Io(_))), "{out_bytes} {spool_bytes}");
        }
    }
}
