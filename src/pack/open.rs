//! Pure: the one validator of the header page. What passes here is a [`Map`]: every section lies inside the file, in
//! order, apart from the others, and has the size that the counts ask for.
#![forbid(unsafe_code)]

use super::error::PackError;
use super::layout::*;
use super::source::Source;
use super::view::{Info, SectionInfo};
use std::mem::{offset_of, size_of};
use xxhash_rust::xxh3::xxh3_64;

/// Who asks: a pack with payloads outside itself opens only for the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Public,
    Private,
}

/// What the first bytes say before anything else is believed; `start` is what there is of the first eight.
pub(super) fn check_magic(start: &[u8]) -> Result<(), PackError> {
    if start == MAGIC {
        return Ok(());
    }
    let seven_bit = MAGIC.map(|byte| byte & 0x7f);
    let found = if start.is_empty() {
        "the file is empty"
    } else if MAGIC.starts_with(start) {
        "the file ends within its first 8 bytes; copy it again"
    } else if start == seven_bit || (start.starts_with(&MAGIC[..4]) || start.starts_with(&seven_bit[..4])) {
        "it was changed by a transfer in text mode; copy it again in binary mode"
    } else if start.starts_with(b"\x1f\x8b") {
        "it is a gzip file; unpack it first"
    } else if start.starts_with(b"PK\x03\x04") {
        "it is a zip file"
    } else {
        "its first 8 bytes are not those of a pack"
    };
    Err(PackError::NotAPack { found })
}

fn wrong(offset: usize, what: &'static str) -> PackError {
    PackError::Header { offset: offset as u64, what }
}

/// Checks the header page of a file of `file_bytes` bytes.
pub(super) fn check_header(
    page: &[u8; HEADER_BYTES as usize],
    file_bytes: u64,
    access: Access,
) -> Result<(Map, Info), PackError> {
    let header: Header = bytemuck::pod_read_unaligned(&page[..size_of::<Header>()]);
    check_magic(&header.magic)?;
    if header.major != MAJOR {
        return Err(PackError::Version { major: header.major });
    }
    let (covered, checksum) = page.split_at(HEADER_CHECKSUM_AT);
    if xxh3_64(covered).to_le_bytes() != checksum {
        return Err(PackError::HeaderChecksum);
    }
    let unknown = header.incompatible & !FEATURE_EXTERNAL;
    if unknown != 0 {
        return Err(PackError::Features { bits: unknown });
    }
    let external = header.incompatible & FEATURE_EXTERNAL != 0;
    if external && access == Access::Public {
        return Err(PackError::External);
    }
    if header.file_bytes != file_bytes {
        return Err(PackError::FileBytes { expected: header.file_bytes, found: file_bytes });
    }
    let numbers = [
        (
            u64::from(header.header_bytes) == HEADER_BYTES,
            offset_of!(Header, header_bytes),
            "the header page must have 4096 bytes",
        ),
        (
            (CHUNK_SHIFT..=CHUNK_SHIFT_MAX).contains(&header.chunk_shift),
            offset_of!(Header, chunk_shift),
            "the chunk shift must be 16 to 18",
        ),
        (header.page_shift == PAGE_SHIFT, offset_of!(Header, page_shift), "the page shift must be 12"),
        (header.radix_bits <= RADIX_BITS_MAX, offset_of!(Header, radix_bits), "the radix may have at most 30 bits"),
        (header.key_count <= KEYS_MAX, offset_of!(Header, key_count), "a pack may have at most 4,294,967,295 keys"),
        (
            header.shard_index < header.shard_count,
            offset_of!(Header, shard_index),
            "the shard number must be below the number of shards",
        ),
    ];
    if let Some(&(_, offset, what)) = numbers.iter().find(|number| !number.0) {
        return Err(wrong(offset, what));
    }
    let creator = text_of(&header.creator)
        .ok_or(wrong(offset_of!(Header, creator), "the creator must be UTF-8 and then zeros"))?;
    let shard_hash = text_of(&header.shard_hash)
        .ok_or(wrong(offset_of!(Header, shard_hash), "the shard hash must be UTF-8 and then zeros"))?;
    let sections = check_rows(&header.sections, file_bytes)?;
    let map = check_sections(&header, &sections, external)?;
    let info = Info {
        major: header.major,
        minor: header.minor,
        incompatible: header.incompatible,
        compatible: header.compatible,
        file_bytes,
        content_id: hex(&header.content_id),
        creator,
        sequence: header.sequence,
        shard_index: header.shard_index,
        shard_count: header.shard_count,
        shard_hash,
        key_count: header.key_count,
        chunk_bytes: 1 << header.chunk_shift,
        page_bytes: 1 << header.page_shift,
        radix_bits: header.radix_bits,
        signature: header.signature.to_vec(),
        sections,
    };
    Ok((map, info))
}

/// Checks the end of the file, which no checksum covers: the zeros after the page checksums, and the trailer.
pub(super) fn check_trailer(source: &dyn Source, map: &Map) -> Result<(), PackError> {
    let start = map.page_sums.end();
    let zeros = (map.trailer.offset - start) as usize;
    let mut end = vec![0; zeros + TRAILER_BYTES as usize];
    source.read_at(start, &mut end).map_err(PackError::Read)?;
    let (padding, trailer) = end.split_at(zeros);
    if padding.iter().all(|&byte| byte == 0) && trailer.chunks(TRAILER_UNIT.len()).all(|unit| unit == TRAILER_UNIT) {
        return Ok(());
    }
    Err(PackError::Trailer { offset: start })
}

/// Text that is filled up with zeros, and with nothing else.
fn text_of(field: &[u8]) -> Option<String> {
    let end = field.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let text = std::str::from_utf8(&field[..end]).ok()?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// The rows in use: each inside the file, after the one before it, and aligned. Unknown kinds are kept: a newer minor
/// version may add sections that this one can do without.
fn check_rows(rows: &[SectionRow; SECTION_ROWS], file_bytes: u64) -> Result<Vec<SectionInfo>, PackError> {
    let mut sections = Vec::with_capacity(SECTION_ROWS);
    let mut end = HEADER_BYTES;
    let mut known = 0;
    for (number, row) in rows.iter().enumerate() {
        let at = offset_of!(Header, sections) + number * size_of::<SectionRow>();
        if row.kind == 0 {
            if bytemuck::bytes_of(row).iter().any(|&byte| byte != 0) {
                return Err(wrong(at, "an unused row of the section table must be zero"));
            }
            continue;
        }
        if row.offset % SECTION_ALIGN != 0 {
            return Err(wrong(at, "a section must begin at a multiple of 64"));
        }
        if row.offset < end {
            return Err(wrong(at, "a section overlaps the one before it"));
        }
        end = match row.offset.checked_add(row.bytes) {
            Some(end) if end <= file_bytes => end,
            _ => return Err(wrong(at, "a section goes past the end of the file")),
        };
        let section = usize::try_from(row.kind - 1).ok().and_then(|kind| Section::TABLE.get(kind)).copied();
        if section.is_some() {
            if row.kind != known + 1 {
                return Err(wrong(at, "the sections must each be there once, in order"));
            }
            known = row.kind;
        }
        sections.push(SectionInfo { section, kind: row.kind, offset: row.offset, bytes: row.bytes, items: row.items });
    }
    if known as usize != Section::TABLE.len() {
        return Err(wrong(offset_of!(Header, sections), "a section is missing"));
    }
    Ok(sections)
}

/// Whether the sections fit each other and the counts of the header.
fn check_sections(header: &Header, sections: &[SectionInfo], external: bool) -> Result<Map, PackError> {
    let mut known = sections.iter().filter(|section| section.section.is_some());
    let mut next =
        || known.next().map_or((Span::default(), 0), |row| (Span { offset: row.offset, bytes: row.bytes }, row.items));
    let ((payloads, _), (records, record_items), (classes, class_items)) = (next(), next(), next());
    let ((slots, slot_items), (radix, radix_items)) = (next(), next());
    let ((chunk_sums, chunk_items), (page_sums, page_items)) = (next(), next());
    let (trailer, _) = next();
    let keys = header.key_count;
    let starts = (1u64 << header.radix_bits) + 1;
    let chunks = payloads.bytes.div_ceil(1 << header.chunk_shift);
    let pages = page_sums.offset.saturating_sub(records.offset) / PAGE_BYTES;
    let fits = [
        (payloads.offset == HEADER_BYTES, "the payloads must begin right after the header page"),
        (payloads.bytes <= PAYLOADS_BYTES_MAX, "a pack may have at most 64 TiB of payloads"),
        (
            page_sums.offset.saturating_sub(records.offset) <= INDEX_BYTES_MAX,
            "a pack may have at most 4 TiB of index, from the records to the page checksums",
        ),
        (payloads.end() == records.offset, "the records must begin right after the payloads"),
        (records.offset % PAGE_BYTES == 0, "the records must begin at a page"),
        (page_sums.offset % PAGE_BYTES == 0, "the page checksums must begin at a page"),
        (trailer.offset % PAGE_BYTES == 0 && trailer.bytes == TRAILER_BYTES, "the trailer must be a page"),
        (trailer.end() == header.file_bytes, "the trailer must end the file"),
        (
            trailer.offset.saturating_sub(page_sums.end()) < PAGE_BYTES,
            "the trailer must begin at the page after the page checksums",
        ),
        (records.bytes % RECORD_ALIGN == 0 && record_items == keys, "the records do not fit the number of keys"),
        (keys <= records.bytes / RECORD_HEAD_BYTES as u64, "the records do not fit the number of keys"),
        (slots.bytes == keys * 8 && slot_items == keys, "the slots do not fit the number of keys"),
        (radix.bytes == starts * 4 && radix_items == starts, "the radix does not fit its number of bits"),
        (chunk_sums.bytes == chunks * 8 && chunk_items == chunks, "the chunk checksums do not fit the payloads"),
        (page_sums.bytes == pages * 8 && page_items == pages, "the page checksums do not fit the index"),
        (
            class_items <= CLASSES_MAX as u64
                && classes.bytes <= CLASS_BYTES_MAX
                && class_items * CLASS_ROW_BYTES as u64 <= classes.bytes,
            "the class table may have 1,024 classes and 64 KiB",
        ),
    ];
    if let Some(&(_, what)) = fits.iter().find(|fit| !fit.0) {
        return Err(wrong(offset_of!(Header, sections), what));
    }
    Ok(Map {
        payloads,
        records,
        classes,
        slots,
        radix,
        chunk_sums,
        page_sums,
        trailer,
        key_count: keys,
        class_count: class_items as usize,
        radix_bits: u32::from(header.radix_bits),
        chunk_shift: u32::from(header.chunk_shift),
        external,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Pack, ReadError};
    use bytemuck::Zeroable;
    use std::any::Any;
    use std::sync::Arc;

    /// A file with holes: a page of header, a trailer, zeros between.
    struct Sparse {
        page: Vec<u8>,
        bytes: u64,
    }

    impl Source for Sparse {
        fn len(&self) -> u64 {
            self.bytes
        }

        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
            for (at, byte) in (offset..).zip(into) {
                *byte = match self.bytes - at {
                    left @ ..=TRAILER_BYTES => TRAILER_UNIT[(TRAILER_BYTES - left) as usize % TRAILER_UNIT.len()],
                    _ => self.page.get(at as usize).copied().unwrap_or(0),
                };
            }
            Ok(())
        }

        fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
            self
        }
    }

    /// A header that fits itself: so much payload, and an index without keys that is so long.
    fn forged(payload_bytes: u64, record_bytes: u64) -> Sparse {
        let mut header = Header { magic: MAGIC, major: MAJOR, shard_count: 1, ..Zeroable::zeroed() };
        (header.header_bytes, header.chunk_shift, header.page_shift) = (HEADER_BYTES as u32, CHUNK_SHIFT, PAGE_SHIFT);
        let chunks = payload_bytes.div_ceil(CHUNK_BYTES);
        let index = HEADER_BYTES + payload_bytes;
        let (radix, sums) = (index + record_bytes, align_up(index + record_bytes + 8, SECTION_ALIGN));
        let page_sums = align_up(sums + chunks * 8, PAGE_BYTES);
        let pages = (page_sums - index) / PAGE_BYTES;
        let trailer = align_up(page_sums + pages * 8, PAGE_BYTES);
        let rows = [
            (HEADER_BYTES, payload_bytes, 0),
            (index, record_bytes, 0),
            (radix, 0, 0),
            (radix, 0, 0),
            (radix, 8, 2),
            (sums, chunks * 8, chunks),
            (page_sums, pages * 8, pages),
            (trailer, TRAILER_BYTES, 0),
        ];
        for (number, (offset, bytes, items)) in rows.into_iter().enumerate() {
            header.sections[number] = SectionRow { kind: number as u32 + 1, flags: 0, offset, bytes, items };
        }
        header.file_bytes = trailer + TRAILER_BYTES;
        let mut page = bytemuck::bytes_of(&header).to_vec();
        page.resize(HEADER_CHECKSUM_AT, 0);
        let checksum = xxh3_64(&page);
        page.extend(checksum.to_le_bytes());
        Sparse { page, bytes: header.file_bytes }
    }

    #[test]
    fn a_file_of_holes_cannot_ask_for_all_of_memory() {
        let at = offset_of!(Header, sections) as u64;
        let open = |payload_bytes, record_bytes| Pack::from_source(Arc::new(forged(payload_bytes, record_bytes)));
        for payload_bytes in [PAYLOADS_BYTES_MAX + PAGE_BYTES, 1 << 58] {
            let what = "a pack may have at most 64 TiB of payloads";
            assert_eq!(open(payload_bytes, 0).unwrap_err(), PackError::Header { offset: at, what });
        }
        for record_bytes in [INDEX_BYTES_MAX, 1 << 58] {
            let what = "a pack may have at most 4 TiB of index, from the records to the page checksums";
            assert_eq!(open(0, record_bytes).unwrap_err(), PackError::Header { offset: at, what });
        }
        // The largest is refused for no number, only because its zeros are not what the checksums say.
        for (payload_bytes, record_bytes) in [(0, 0), (PAYLOADS_BYTES_MAX, INDEX_BYTES_MAX / 2)] {
            let opened = open(payload_bytes, record_bytes);
            assert!(matches!(opened, Ok(_) | Err(PackError::Classes(_))), "{opened:?}");
        }
    }
}
