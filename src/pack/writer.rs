//! Pure: the way into a pack. Deterministic: the same entries in the same order give the same bytes.
//!
//! ```text
//! add:    check everything about the entry
//!         for each body that is worth keeping: the same bytes in the pack already (hash, then compare)? else append them
//!         append the record to the spool; remember (hash of the key, place of the record)
//! finish: sort what is remembered; where hashes are equal, read the keys back: equal keys are an error
//!         append records, classes, slots, radix, chunk checksums, page checksums, trailer; write the header page
//! ```
//! In memory: 16 B a key for the sort and at most 29 B for each payload that can be found again (a million, and one more for
//! each key; later payloads are stored without being looked up), both grown by eighths; 8 B for each chunk of payload; the
//! class table; two buffers. Keys and records wait in the spool.
#![forbid(unsafe_code)]

use super::blocks::Blocks;
use super::dedupe::{Dedupe, push_by_eighths};
use super::entry::{
    Body, COPY_BYTES, Entry, External, Stored, build_record, check_entry, choose_bodies, class_texts, copy_stream,
    entry_error, hash_bodies,
};
use super::error::WriteError;
use super::index::{Index, header_page, row, write_classes, write_radix};
use super::layout::*;
use super::spool::{KeySlot, Spool};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use xxhash_rust::xxh3::xxh3_128;
use xxhash_rust::xxh64::xxh64;

/// Payloads that can be found again whatever the number of keys: 29 MB of memory.
const DEDUPE_FLOOR: usize = 1_000_000;

/// What a pack says about itself. Fields may be added: end with `..WriterOptions::default()`.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Who makes the pack: at most 32 bytes. It should not name a time or a machine, so that packs can be compared.
    pub creator: String,
    /// A number for this state of the content; servers may use it to tell newer from older.
    pub sequence: u64,
    /// Which shard this is, from 0.
    pub shard_index: u32,
    /// How many shards there are. The caller deals the keys to them: [`super::key::shard_of`].
    pub shard_count: u32,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions { creator: String::new(), sequence: 0, shard_index: 0, shard_count: 1 }
    }
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
        let room = |body: &Body<'_>| if matches!(body, Body::External(_)) { 0 } else { body.bytes() };
        let bytes =
            bodies.iter().fold(0, |sum: u64, body| sum.saturating_add(room(&body.1)).saturating_add(PAGE_BYTES));
        if self.payloads.position().saturating_add(bytes) > PAYLOADS_BYTES_MAX {
            return Err(WriteError::Whole("a pack has at most 64 TiB of payloads; deal the keys to shards"));
        }
        let bodies = hash_bodies(entry, bodies)?;
        let classes = self.classes_of(entry, &bodies)?;
        self.broken = true; // until all of it is written
        let mut stored = Vec::with_capacity(bodies.len());
        for (encoding, body, hash) in bodies {
            stored.push((encoding, self.store(entry, body, hash)?));
        }
        let record = build_record(entry, &fields, &stored, &classes);
        let place = self.spool.append(&record)?;
        if place + record.len() as u64 > RECORDS_BYTES_MAX {
            return Err(WriteError::Whole("a pack has at most 4 TiB of records; deal the keys to shards"));
        }
        push_by_eighths(&mut self.slots, KeySlot { hash: xxh64(entry.key.as_bytes(), 0), place });
        self.summary.encodings_dropped += dropped;
        self.broken = false;
        Ok(())
    }

    /// The class numbers of the variants; new classes are made.
    fn classes_of(&mut self, entry: &Entry<'_>, bodies: &[(Encoding, Body<'_>, u128)]) -> Result<Vec<u16>, WriteError> {
        let mut numbers = Vec::with_capacity(bodies.len());
        for (encoding, ..) in bodies {
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
    fn store(&mut self, entry: &Entry<'_>, mut body: Body<'_>, hash: u128) -> Result<Stored, WriteError> {
        let bytes = body.bytes();
        let stored = |offset| Stored { offset, bytes, hash: hash.to_be_bytes(), external: false };
        if let Body::External(external) = body {
            return Ok(Stored { external: true, ..stored(external.number) });
        }
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
        let sums_end = sums_offset + page_sums_bytes.len() as u64;
        rows.push(row(6, sums_offset, sums_end, page_sums.len() as u64));
        let trailer_offset = align_up(sums_end, PAGE_BYTES);
        self.out.write_all(&vec![0; (trailer_offset - sums_end) as usize])?;
        self.out.write_all(&TRAILER_UNIT.repeat(TRAILER_BYTES as usize / TRAILER_UNIT.len()))?;
        let file_bytes = trailer_offset + TRAILER_BYTES;
        rows.push(row(7, trailer_offset, file_bytes, 0));

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

    #[test]
    fn more_payload_than_a_reader_takes_is_refused_before_it_is_read() {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let mut writer = PackWriter::create(&mut out, &mut spool, WriterOptions::default()).unwrap();
        for bytes in [PAYLOADS_BYTES_MAX, u64::MAX - PAGE_BYTES] {
            let refused = writer.add_from(Entry { key: "/x", ..Entry::default() }, &mut Cursor::new([]), bytes);
            assert!(matches!(refused, Err(WriteError::Whole(what)) if what.contains("64 TiB")));
        }
        writer.add(Entry { key: "/y", bodies: &[(Encoding::Identity, b"x")], ..Entry::default() }).unwrap();
        writer.finish().unwrap();
        Pack::from_bytes(out.into_inner()).unwrap();
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
