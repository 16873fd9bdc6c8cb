//! Pure: the structs and numbers of pack format 1, as `FORMAT.md` draws them. Every size and offset is asserted here.
#![forbid(unsafe_code)]

use bytemuck::{Pod, Zeroable};
use std::mem::{offset_of, size_of};

#[cfg(target_endian = "big")]
compile_error!("a pack is little-endian and is read as it lies; this target is big-endian");

/// First bytes of every pack. The high bit shows a 7-bit channel, CR LF and LF a change of line ends, ^Z stops `type`.
pub(super) const MAGIC: [u8; 8] = [0x89, b'B', b'D', b'G', 0x0D, 0x0A, 0x1A, 0x0A];
/// The version that is written, and the newest major that is read.
pub(super) const MAJOR: u16 = 1;
/// A newer minor of the same major is read; what it added is skipped.
pub(super) const MINOR: u16 = 0;
/// Incompatible feature: records may name payloads outside this file. Only the library makes such packs, for itself.
pub(super) const FEATURE_EXTERNAL: u64 = 1;

/// Bytes of the header page, where the payloads begin: one page of every machine that we know.
pub const HEADER_BYTES: u64 = 4096;
/// Bytes of the trailer: the last page, which holds nothing else.
pub(super) const TRAILER_BYTES: u64 = PAGE_BYTES;
/// What the trailer repeats. No byte is zero: truncating a file zeroes what is left of its last page, and no signal
/// says so, so a reader of a mapping looks at the last byte of the file after its reads. While that is not zero, nothing
/// before it was cut.
pub(super) const TRAILER_UNIT: [u8; 8] = *b"\nBADGER\n";
/// Bytes of payload under one checksum: 64 KiB is hashed in some 4 us, so a range of a large file stays cheap.
pub const CHUNK_BYTES: u64 = 1 << CHUNK_SHIFT;
pub(super) const CHUNK_SHIFT: u8 = 16;
/// Chunks of 64 to 256 KiB are read; a larger one would make the first touch of a small payload dear.
pub(super) const CHUNK_SHIFT_MAX: u8 = 18;
/// Bytes of index under one checksum: a page, which a first touch brings into memory anyway.
pub(super) const PAGE_BYTES: u64 = 1 << PAGE_SHIFT;
pub(super) const PAGE_SHIFT: u8 = 12;
/// Most bytes of payload: 64 TiB, more than one machine's disks. A reader keeps a bit for each chunk and page that it has
/// checked, and files may be sparse: without an end, a page of header could ask for all of memory. So it is 128 MiB at most.
pub(super) const PAYLOADS_BYTES_MAX: u64 = 64 << 40;
/// Most bytes of index, from the records to the page checksums: 4 TiB, 1 KiB for each of the most keys; 128 MiB of bits.
pub(super) const INDEX_BYTES_MAX: u64 = 4 << 40;
/// Most bytes of records that are written: what follows them in the index has at most 44 GiB.
pub(super) const RECORDS_BYTES_MAX: u64 = INDEX_BYTES_MAX - (64 << 30);
/// Sections begin at multiples of this: a cache line.
pub(super) const SECTION_ALIGN: u64 = 64;
/// Payloads begin at multiples of this ...
pub(super) const PAYLOAD_ALIGN: u64 = 64;
/// ... and large ones at a page, so that sending one touches no page of its neighbour.
pub(super) const PAYLOAD_ALIGN_LARGE: u64 = 4096;
/// From here on a payload is large. The padding costs at most 4095 of 16,384 bytes, an eighth on average.
pub(super) const PAYLOAD_LARGE_BYTES: u64 = 16 * 1024;
/// Records begin at multiples of this, so that a slot can name 16 TiB of them in 40 bits.
pub(super) const RECORD_ALIGN: u64 = 16;

/// Longest key. Browsers and proxies stop between 2 and 8 KiB.
pub const KEY_BYTES_MAX: usize = 2048;
/// Most variants of one key: one for each [`Encoding`].
pub const VARIANTS_MAX: usize = 4;
/// Most classes of one pack. They are the distinct combinations of media type and encoding; real sites have below 100.
pub const CLASSES_MAX: usize = 1024;
/// Most bytes of the class table: it is read when the pack is opened and stays in memory.
pub const CLASS_BYTES_MAX: u64 = 64 * 1024;
/// Most bytes of header lines that one entry adds of its own; they are repeated for each variant.
pub(super) const ENTRY_FIELDS_BYTES_MAX: usize = 4096;
/// Longest media type.
pub(super) const CONTENT_TYPE_BYTES_MAX: usize = 255;
/// Longest bucket: 500 times the average. Only keys chosen to collide get there.
pub(super) const BUCKET_SLOTS_MAX: u64 = 4096;
/// A bucket start is a u32, and the last one is the number of keys.
pub(super) const KEYS_MAX: u64 = u32::MAX as u64;
/// Half of the buckets' fill, on average, at the least: the radix has as many bits as leave 4 to 8 keys a bucket.
pub(super) const BUCKET_KEYS_MIN: u64 = 4;
/// More bits than this would have fewer than [`BUCKET_KEYS_MIN`] keys a bucket.
pub(super) const RADIX_BITS_MAX: u8 = 30;
/// Bits of a slot that hold the record's place; the others are the fingerprint.
pub(super) const PLACE_BITS: u32 = 40;
pub(super) const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;
/// Last second of the year 9999, the last that an HTTP date can say.
pub(super) const LAST_MODIFIED_MAX: i64 = 253_402_300_799;

pub(super) const FLAG_LAST_MODIFIED: u16 = 1;
pub(super) const FLAG_IMMUTABLE: u16 = 2;
pub(super) const FLAG_EXTERNAL: u16 = 4;

/// Rows of the section table.
pub(super) const SECTION_ROWS: usize = 16;
/// Where the header checksum lies: last in the page, over all that is before it.
pub(super) const HEADER_CHECKSUM_AT: usize = 4088;

/// The used part of the header page. The rest, up to the checksum, is zero.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    pub(super) magic: [u8; 8],
    pub(super) major: u16,
    pub(super) minor: u16,
    pub(super) header_bytes: u32,
    pub(super) incompatible: u64,
    pub(super) compatible: u64,
    pub(super) file_bytes: u64,
    pub(super) content_id: [u8; 16],
    pub(super) sequence: u64,
    pub(super) creator: [u8; 32],
    pub(super) shard_index: u32,
    pub(super) shard_count: u32,
    pub(super) shard_hash: [u8; 16],
    pub(super) key_count: u64,
    pub(super) chunk_shift: u8,
    pub(super) page_shift: u8,
    pub(super) radix_bits: u8,
    pub(super) reserved: [u8; 5],
    pub(super) reserved_too: [u64; 7],
    pub(super) sections: [SectionRow; SECTION_ROWS],
    pub(super) signature: [u8; 128],
}

/// One row of the section table.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct SectionRow {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) items: u64,
}

/// The fixed head of a record; variants, key and texts follow.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct RecordHead {
    pub(super) record_bytes: u32,
    pub(super) key_bytes: u16,
    pub(super) status: u16,
    pub(super) flags: u16,
    pub(super) variant_count: u8,
    pub(super) reserved: u8,
    pub(super) reserved_too: u32,
    pub(super) last_modified: i64,
}

/// One encoding of an entry.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct VariantRow {
    pub(super) payload_offset: u64,
    pub(super) payload_bytes: u64,
    pub(super) etag_hash: [u8; 16],
    pub(super) encoding: u8,
    pub(super) length_line_bytes: u8,
    pub(super) class: u16,
    pub(super) text_offset: u16,
    pub(super) validators_bytes: u16,
    pub(super) reserved: u64,
}

/// One class: where its two texts lie, which follow each other.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct ClassRow {
    pub(super) text_offset: u32,
    pub(super) always_bytes: u16,
    pub(super) content_bytes: u16,
}

pub(super) const RECORD_HEAD_BYTES: usize = size_of::<RecordHead>();
pub(super) const VARIANT_BYTES: usize = size_of::<VariantRow>();
pub(super) const CLASS_ROW_BYTES: usize = size_of::<ClassRow>();
/// Where the ordinal waits while the record is in the spool: the reserved field of its first variant.
pub(super) const ORDINAL_AT: usize = RECORD_HEAD_BYTES + offset_of!(VariantRow, reserved);

/// `ETag: "` + 32 digits + `"` CR LF.
pub(super) const ETAG_LINE_BYTES: usize = 42;
pub(super) const ETAG_LINE_START: &[u8] = b"ETag: \"";
pub(super) const ETAG_LINE_END: &[u8] = b"\"\r\n";
pub(super) const LENGTH_LINE_START: &[u8] = b"Content-Length: ";
/// Longest record: head, variants, key, and for each variant its ETag and Last-Modified lines (88 B), its own fields and
/// its length line (38 B).
pub(super) const RECORD_BYTES_MAX: usize =
    RECORD_HEAD_BYTES + VARIANTS_MAX * (VARIANT_BYTES + 88 + ENTRY_FIELDS_BYTES_MAX + 38) + KEY_BYTES_MAX + 16;

const _: () = {
    assert!(size_of::<Header>() == 832);
    assert!(offset_of!(Header, major) == 8);
    assert!(offset_of!(Header, minor) == 10);
    assert!(offset_of!(Header, header_bytes) == 12);
    assert!(offset_of!(Header, incompatible) == 16);
    assert!(offset_of!(Header, compatible) == 24);
    assert!(offset_of!(Header, file_bytes) == 32);
    assert!(offset_of!(Header, content_id) == 40);
    assert!(offset_of!(Header, sequence) == 56);
    assert!(offset_of!(Header, creator) == 64);
    assert!(offset_of!(Header, shard_index) == 96);
    assert!(offset_of!(Header, shard_count) == 100);
    assert!(offset_of!(Header, shard_hash) == 104);
    assert!(offset_of!(Header, key_count) == 120);
    assert!(offset_of!(Header, chunk_shift) == 128);
    assert!(offset_of!(Header, page_shift) == 129);
    assert!(offset_of!(Header, radix_bits) == 130);
    assert!(offset_of!(Header, reserved) == 131);
    assert!(offset_of!(Header, reserved_too) == 136);
    assert!(offset_of!(Header, sections) == 192);
    assert!(offset_of!(Header, signature) == 704);
    assert!(size_of::<SectionRow>() == 32);
    assert!(offset_of!(SectionRow, offset) == 8);
    assert!(offset_of!(SectionRow, bytes) == 16);
    assert!(offset_of!(SectionRow, items) == 24);
    assert!(RECORD_HEAD_BYTES == 24);
    assert!(offset_of!(RecordHead, key_bytes) == 4);
    assert!(offset_of!(RecordHead, status) == 6);
    assert!(offset_of!(RecordHead, flags) == 8);
    assert!(offset_of!(RecordHead, variant_count) == 10);
    assert!(offset_of!(RecordHead, last_modified) == 16);
    assert!(VARIANT_BYTES == 48);
    assert!(offset_of!(VariantRow, payload_bytes) == 8);
    assert!(offset_of!(VariantRow, etag_hash) == 16);
    assert!(offset_of!(VariantRow, encoding) == 32);
    assert!(offset_of!(VariantRow, length_line_bytes) == 33);
    assert!(offset_of!(VariantRow, class) == 34);
    assert!(offset_of!(VariantRow, text_offset) == 36);
    assert!(offset_of!(VariantRow, validators_bytes) == 38);
    assert!(offset_of!(VariantRow, reserved) == 40);
    assert!(CLASS_ROW_BYTES == 8);
    assert!(offset_of!(ClassRow, always_bytes) == 4);
    assert!(offset_of!(ClassRow, content_bytes) == 6);
    assert!(RECORD_BYTES_MAX == 19_168 && RECORD_BYTES_MAX <= u16::MAX as usize); // text offsets are u16
    assert!(HEADER_BYTES == PAGE_BYTES);
    assert!(INDEX_BYTES_MAX / RECORD_ALIGN <= PLACE_MASK);
    assert!(size_of::<Header>() <= HEADER_CHECKSUM_AT);
};

/// A stretch of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Span {
    /// One past its last byte. Spans are made only where this was checked not to overflow.
    pub(super) fn end(self) -> u64 {
        self.offset + self.bytes
    }

    /// Whether `bytes` at `offset` lie inside, whatever the numbers are.
    pub(super) fn holds(self, offset: u64, bytes: u64) -> bool {
        offset >= self.offset && offset.checked_add(bytes).is_some_and(|end| end <= self.end())
    }
}

/// The parts of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Section {
    /// The first page: versions, sizes, the section table.
    Header,
    /// The bodies.
    Payloads,
    /// One record for each key: status, variants, baked header text.
    Records,
    /// Header text that many records share.
    Classes,
    /// Sorted fingerprints and the places of records.
    Slots,
    /// Where each bucket of slots begins.
    Radix,
    /// One checksum for each chunk of payload.
    ChunkChecksums,
    /// One checksum for each page from the records to the chunk checksums.
    PageChecksums,
    /// A page without a zero byte, which shows that the file was not cut.
    Trailer,
}

impl Section {
    /// The sections of the table, in file order; the kind of a row is the place here plus one.
    pub(super) const TABLE: [Section; 8] = [
        Section::Payloads,
        Section::Records,
        Section::Classes,
        Section::Slots,
        Section::Radix,
        Section::ChunkChecksums,
        Section::PageChecksums,
        Section::Trailer,
    ];

    /// The name that messages and `FORMAT.md` use.
    pub fn name(self) -> &'static str {
        match self {
            Section::Header => "header",
            Section::Payloads => "payloads",
            Section::Records => "records",
            Section::Classes => "classes",
            Section::Slots => "slots",
            Section::Radix => "radix",
            Section::ChunkChecksums => "chunk checksums",
            Section::PageChecksums => "page checksums",
            Section::Trailer => "trailer",
        }
    }
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How a payload is encoded (RFC 9110 section 8.4.1, RFC 7932, RFC 8878).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// As it is. Every entry has this one.
    Identity = 0,
    /// gzip.
    Gzip = 1,
    /// Brotli.
    Br = 2,
    /// Zstandard.
    Zstd = 3,
}

impl Encoding {
    /// All of them, in the order of their numbers, which is the order of an entry's variants.
    pub const ALL: [Encoding; VARIANTS_MAX] = [Encoding::Identity, Encoding::Gzip, Encoding::Br, Encoding::Zstd];

    /// Its name in `Content-Encoding` and `Accept-Encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Br => "br",
            Encoding::Zstd => "zstd",
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Encoding> {
        Encoding::ALL.get(usize::from(number)).copied()
    }
}

/// Where everything lies, after the header was checked: all spans are inside the file, in order and apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    pub(super) payloads: Span,
    pub(super) records: Span,
    pub(super) classes: Span,
    pub(super) slots: Span,
    pub(super) radix: Span,
    pub(super) chunk_sums: Span,
    pub(super) page_sums: Span,
    pub(super) trailer: Span,
    pub(super) key_count: u64,
    pub(super) class_count: usize,
    pub(super) radix_bits: u32,
    pub(super) chunk_shift: u32,
    pub(super) external: bool,
}

impl Map {
    pub(super) fn page_count(&self) -> u64 {
        self.page_sums.bytes / 8
    }

    pub(super) fn chunk_count(&self) -> u64 {
        self.chunk_sums.bytes / 8
    }

    /// Chunk number `chunk`; the last may be shorter than the others.
    pub(super) fn chunk_span(&self, chunk: u64) -> Span {
        let offset = self.payloads.offset + (chunk << self.chunk_shift);
        Span { offset, bytes: (1 << self.chunk_shift).min(self.payloads.end() - offset) }
    }

    /// The section that byte `offset` belongs to; padding belongs to the section before it.
    pub(super) fn section_at(&self, offset: u64) -> Section {
        let Map { payloads, records, classes, slots, radix, chunk_sums, page_sums, trailer, .. } = *self;
        let spans = [payloads, records, classes, slots, radix, chunk_sums, page_sums, trailer];
        let found = spans.iter().rposition(|span| span.offset <= offset);
        found.map_or(Section::Header, |place| Section::TABLE[place])
    }
}

/// The number of radix bits for so many keys: 4 to 8 keys a bucket, 0 bits below 8 keys.
pub(super) fn radix_bits_for(key_count: u64) -> u8 {
    let buckets = key_count / BUCKET_KEYS_MIN;
    if buckets < 2 { 0 } else { buckets.ilog2() as u8 }
}

/// The bucket of a hash.
pub(super) fn bucket_of(hash: u64, radix_bits: u32) -> u64 {
    if radix_bits == 0 { 0 } else { hash >> (64 - radix_bits) }
}

/// The bits of a hash that a slot repeats: the 24 right below the bucket's.
pub(super) fn fingerprint_of(hash: u64, radix_bits: u32) -> u64 {
    (hash << radix_bits) >> PLACE_BITS
}

/// `offset` moved up to a multiple of `align`, which is a power of two.
pub(super) fn align_up(offset: u64, align: u64) -> u64 {
    (offset + (align - 1)) & !(align - 1)
}

pub(super) fn payload_align(bytes: u64) -> u64 {
    if bytes >= PAYLOAD_LARGE_BYTES { PAYLOAD_ALIGN_LARGE } else { PAYLOAD_ALIGN }
}

/// Whether an answer with this status may come from a pack: final, with a body of its own.
pub(super) fn status_is_servable(status: u16) -> bool {
    (200..=599).contains(&status) && !matches!(status, 204 | 205 | 206 | 304)
}

/// A number as this format writes hashes: 32 lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_four_to_eight_keys() {
        for (key_count, bits) in [(0, 0), (1, 0), (7, 0), (8, 1), (15, 1), (16, 2), (31, 2), (32, 3), (1_000_000, 17)] {
            assert_eq!(radix_bits_for(key_count), bits, "{key_count} keys");
            assert!(key_count < 8 || (4..8).contains(&(key_count >> bits)), "{key_count} keys");
        }
        assert!(radix_bits_for(KEYS_MAX) <= RADIX_BITS_MAX);
    }

    #[test]
    fn the_fingerprint_begins_where_the_bucket_ends() {
        let hash = 0xabcd_ef01_2345_6789;
        for (bits, bucket, fingerprint) in
            [(0, 0, 0xab_cdef), (4, 0xa, 0xbc_def0), (8, 0xab, 0xcd_ef01), (16, 0xabcd, 0xef_0123)]
        {
            assert_eq!((bucket_of(hash, bits), fingerprint_of(hash, bits)), (bucket, fingerprint));
        }
    }

    #[test]
    fn spans_do_not_overflow() {
        let span = Span { offset: 64, bytes: 10 };
        for (offset, bytes, holds) in [
            (64, 10, true),
            (64, 11, false),
            (63, 1, false),
            (74, 0, true),
            (75, 0, false),
            (70, u64::MAX, false),
            (u64::MAX, 1, false),
        ] {
            assert_eq!(span.holds(offset, bytes), holds, "{offset}+{bytes}");
        }
    }
}
