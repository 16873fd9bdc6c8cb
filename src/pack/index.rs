//! Pure: the way out of the writer: the sections of the index, and the header page.
#![forbid(unsafe_code)]

use super::blocks::Blocks;
use super::layout::*;
use super::spool::KeySlot;
use super::writer::WriterOptions;
use bytemuck::Zeroable;
use std::collections::BTreeMap;
use std::io::Write;
use xxhash_rust::xxh3::xxh3_64;

/// The index region while it is written: hashed page by page, one row of the section table for each section.
pub(super) struct Index<'a, W> {
    pub(super) out: &'a mut W,
    pub(super) blocks: Blocks,
    pub(super) rows: Vec<SectionRow>,
}

impl<W: Write> Index<'_, W> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.blocks.write(self.out, bytes)
    }

    /// Ends the section that began where the last one ended.
    pub(super) fn end_section(&mut self, items: u64) -> std::io::Result<()> {
        let start = self.rows.last().map_or(0, |row| align_up(row.offset + row.bytes, SECTION_ALIGN));
        self.rows.push(row(self.rows.len(), start, self.blocks.position(), items));
        self.blocks.pad(self.out, SECTION_ALIGN)
    }
}

pub(super) fn row(place: usize, start: u64, end: u64, items: u64) -> SectionRow {
    SectionRow { kind: place as u32 + 1, flags: 0, offset: start, bytes: end - start, items }
}

/// Rows in the order of their numbers, then their texts in the same order.
pub(super) fn write_classes<W: Write>(
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
pub(super) fn write_radix<W: Write>(
    index: &mut Index<'_, W>,
    slots: &[KeySlot],
    radix_bits: u32,
) -> std::io::Result<()> {
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

pub(super) fn header_page(
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
