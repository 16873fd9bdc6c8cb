//! `badger inspect PACK [KEY]`.

use crate::failure::{Failure, open_failure};
use crate::text::{hexdump, print, safe, thousands};
use crate::{poco_json, poco_text};
use badgerserver::pack::{Encoding, Info, LookupError, Pack, Record, Section, Variant};
use badgerserver::poco::{CatalogueView, GalleryView, PocoError, annotate, schema::RECORDS};
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of the record and of each payload that are dumped.
const DUMP_BYTES: usize = 64;
/// Bytes that are read at a time for a dump of all.
const DUMP_PIECE_BYTES: u64 = 64 * 1024;
/// Keys that are compared with one that is missing.
const SUGGESTION_KEYS_MAX: usize = 200_000;

#[derive(Args)]
pub(crate) struct InspectArguments {
    /// The pack
    pack: PathBuf,
    /// Show this key's record, heads and first bytes instead of the list
    key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Dump all bytes of this key's plain body; those of a record with the names of its fields
    #[arg(long, requires = "key", conflicts_with = "json")]
    hexdump: bool,
}

/// Exit code 1 when the key is not there or something is damaged.
pub(crate) fn run(arguments: &InspectArguments) -> Result<ExitCode, Failure> {
    let pack = open_failure(Pack::open(&arguments.pack))?;
    let damaged = |error: LookupError| {
        Failure::new(error.to_string())
            .at(arguments.pack.display())
            .remedy("`badger verify` tells everything that is wrong")
    };
    match &arguments.key {
        Some(key) => {
            let mut record = Record::default();
            if !pack.lookup(key.as_bytes(), &mut pack.checked(), &mut record).map_err(damaged)? {
                return Err(missing(&pack, &arguments.pack, key));
            }
            let body = match is_poco(&pack, &record) {
                true => Some(plain_body(&pack, &record).map_err(damaged)?),
                false => None,
            };
            let mut outcome = Ok(());
            if arguments.json {
                let mut value = record_json(&pack, &record);
                if let Some(body) = &body {
                    outcome = poco_json::record_json(body).map(|record| value["record"] = record);
                }
                print(|out| writeln!(out, "{value:#}"))?
            } else {
                print_record(&pack, &record, body.as_deref(), arguments.hexdump, &mut outcome)?
            }
            outcome.map_err(|error| {
                Failure::new(format!("{}: {key}: {error}", arguments.pack.display()))
                    .remedy("its media type says that it is a record: make the pack again")
            })?;
            payload_checks(&pack, &record).map_err(damaged)?;
        }
        None => {
            let mut found = Ok(());
            print(|out| if arguments.json { list_json(out, &pack, &mut found) } else { list(out, &pack, &mut found) })?;
            found.map_err(damaged)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(out: &mut impl Write, pack: &Pack, found: &mut Result<(), LookupError>) -> io::Result<()> {
    let info = pack.info();
    for (name, value) in header_rows(info) {
        writeln!(out, "{name:<12}{value}")?;
    }
    writeln!(out, "\n{:<12}{:>18}{:>18}{:>16}", "section", "offset", "bytes", "items")?;
    for section in &info.sections {
        let name = section_name(section.section, section.kind);
        let (offset, bytes, items) = (thousands(section.offset), thousands(section.bytes), thousands(section.items));
        writeln!(out, "{name:<12}{offset:>18}{bytes:>18}{items:>16}")?;
    }
    writeln!(out, "\nstatus {:>14}  {:<26}{:<32}key", "size", "encodings", "type")?;
    for record in pack.entries() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                *found = Err(error);
                break;
            }
        };
        let size = thousands(record.variant(0).map_or(0, |variant| variant.payload_bytes()));
        let encodings: Vec<String> = record
            .variants()
            .skip(1)
            .map(|variant| format!("{}:{}", variant.encoding().token(), variant.payload_bytes()))
            .collect();
        let (encodings, content_type) = (encodings.join(" "), safe(content_type(pack, &record).as_bytes()));
        let mark = if record.flags().immutable() { "  (immutable)" } else { "" };
        writeln!(
            out,
            "{:>6} {size:>14}  {encodings:<25} {content_type:<31} {}{mark}",
            record.status(),
            safe(record.key())
        )?;
    }
    Ok(())
}

fn header_rows(info: &Info) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("format", format!("{}.{}", info.major, info.minor)),
        ("content id", info.content_id.clone()),
        ("creator", safe(info.creator.as_bytes())),
        ("sequence", info.sequence.to_string()),
        ("shard", format!("{} of {} by {}", info.shard_index, info.shard_count, safe(info.shard_hash.as_bytes()))),
        ("keys", thousands(info.key_count)),
        ("file", format!("{} bytes", thousands(info.file_bytes))),
    ];
    if info.incompatible != 0 || info.compatible != 0 {
        rows.push(("features", format!("{:#x} needed, {:#x} optional", info.incompatible, info.compatible)));
    }
    rows
}

fn section_name(section: Option<Section>, kind: u32) -> String {
    section.map_or_else(|| format!("unknown {kind}"), |section| section.to_string())
}

/// Entries are written one by one: a pack may have more of them than memory.
fn list_json(out: &mut impl Write, pack: &Pack, found: &mut Result<(), LookupError>) -> io::Result<()> {
    let info = pack.info();
    let sections: Vec<Value> = info
        .sections
        .iter()
        .map(|section| json!({ "section": section_name(section.section, section.kind), "offset": section.offset, "bytes": section.bytes, "items": section.items }))
        .collect();
    let header = json!({
        "format": format!("{}.{}", info.major, info.minor),
        "content_id": info.content_id,
        "creator": info.creator,
        "sequence": info.sequence,
        "shard": { "index": info.shard_index, "count": info.shard_count, "hash": info.shard_hash },
        "keys": info.key_count,
        "file_bytes": info.file_bytes,
        "sections": sections,
    });
    write!(out, "{{\"header\":{header},\n\"entries\":[")?;
    for (index, record) in pack.entries().enumerate() {
        match record {
            Ok(record) => write!(out, "{}\n{}", if index > 0 { "," } else { "" }, record_json(pack, &record))?,
            Err(error) => {
                *found = Err(error);
                break;
            }
        }
    }
    writeln!(out, "\n]}}")
}

fn record_json(pack: &Pack, record: &Record) -> Value {
    let variants: Vec<Value> = record
        .variants()
        .map(|variant| {
            let etag = String::from_utf8_lossy(variant.etag()).into_owned();
            json!({ "encoding": variant.encoding().token(), "bytes": variant.payload_bytes(), "offset": variant.payload_offset(), "etag": etag,
                    "headers": header_lines(pack, &variant) })
        })
        .collect();
    json!({
        "key": String::from_utf8_lossy(record.key()),
        "status": record.status(),
        "type": content_type(pack, record),
        "immutable": record.flags().immutable(),
        "last_modified": record.last_modified(),
        "encodings": variants,
    })
}

/// The lines that the pack gives for an answer, in the order in which they are sent.
fn header_lines(pack: &Pack, variant: &Variant<'_>) -> Vec<String> {
    let class = pack.class(variant.class());
    let parts = [class.always, class.content, variant.validators(), variant.length_line()];
    let text = parts.map(String::from_utf8_lossy).concat();
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

fn content_type(pack: &Pack, record: &Record) -> String {
    let lines = record.variant(0).map(|variant| header_lines(pack, &variant)).unwrap_or_default();
    lines.iter().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap_or_default().to_owned()
}

/// Whether the body is a record that has a reader here.
fn is_poco(pack: &Pack, record: &Record) -> bool {
    let content_type = content_type(pack, record);
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let mut known = RECORDS.iter().filter_map(|kind| kind.media_type.split(';').next());
    known.any(|kind| kind.eq_ignore_ascii_case(essence))
        && record.variant(0).is_some_and(|variant| variant.encoding() == Encoding::Identity)
}

/// All of the body that is not encoded.
fn plain_body(pack: &Pack, record: &Record) -> Result<Vec<u8>, LookupError> {
    let Some(variant) = record.variant(0) else { return Ok(Vec::new()) };
    let (offset, bytes) = (variant.payload_offset(), variant.payload_bytes());
    // Checked first: a length that the file has not got is not asked for.
    pack.check_payload(&mut pack.checked(), offset, bytes, &mut Vec::new())?;
    let mut body = vec![0; bytes as usize];
    pack.read_payload(offset, &mut body)?;
    Ok(body)
}

/// The catalogue that a gallery names, when the pack has it.
fn catalogue_of(pack: &Pack, gallery: &[u8]) -> Option<Vec<u8>> {
    let path = GalleryView::new(gallery).ok()?.catalogue().to_owned();
    let mut record = Record::default();
    pack.lookup(path.as_bytes(), &mut pack.checked(), &mut record).ok()?.then_some(())?;
    plain_body(pack, &record).ok()
}

fn print_record(
    pack: &Pack,
    record: &Record,
    poco: Option<&[u8]>,
    hexdump: bool,
    outcome: &mut Result<(), PocoError>,
) -> Result<(), Failure> {
    let records_offset = pack
        .info()
        .sections
        .iter()
        .find(|section| section.section == Some(Section::Records))
        .map_or(0, |section| section.offset);
    print(|out| {
        if let Some(poco) = poco {
            let catalogue = catalogue_of(pack, poco);
            let catalogue = catalogue.as_deref().and_then(|record| CatalogueView::new(record).ok());
            *outcome = poco_text::write_record(out, poco, catalogue.as_ref())?;
            writeln!(out)?;
        }
        writeln!(out, "{:<12}{}", "key", safe(record.key()))?;
        writeln!(out, "{:<12}{}", "status", record.status())?;
        writeln!(out, "{:<12}{}", "immutable", if record.flags().immutable() { "yes" } else { "no" })?;
        let at = records_offset + record.place();
        writeln!(out, "{:<12}byte {}", "record", thousands(at))?;
        write!(out, "{}", dump(pack, at, DUMP_BYTES))?;
        for variant in record.variants() {
            let (offset, bytes) = (variant.payload_offset(), variant.payload_bytes());
            writeln!(
                out,
                "\n{}: {} bytes at byte {}",
                variant.encoding().token(),
                thousands(bytes),
                thousands(offset)
            )?;
            writeln!(out, "  HTTP/1.1 {}", record.status())?;
            for line in header_lines(pack, &variant) {
                writeln!(out, "  {}", safe(line.as_bytes()))?;
            }
            writeln!(out)?;
            match poco.filter(|_| hexdump && variant.encoding() == Encoding::Identity) {
                Some(poco) => {
                    annotate(poco).lines().try_for_each(|line| writeln!(out, "  {}", safe(line.as_bytes())))?
                }
                None if hexdump && variant.encoding() == Encoding::Identity => dump_all(out, pack, offset, bytes)?,
                None => write!(out, "{}", dump(pack, offset, bytes.min(DUMP_BYTES as u64) as usize))?,
            }
        }
        Ok(())
    })
}

/// Bytes of the file, as many of `bytes` as there are.
fn dump(pack: &Pack, offset: u64, bytes: usize) -> String {
    let bytes = pack.info().file_bytes.saturating_sub(offset).min(bytes as u64);
    let mut room = vec![0; bytes as usize]; // at most DUMP_PIECE_BYTES
    match pack.source().read_at(offset, &mut room) {
        Ok(()) => hexdump(offset, &room),
        Err(error) => format!("  {error}\n"),
    }
}

/// All bytes of a payload, however many they are.
fn dump_all(out: &mut impl Write, pack: &Pack, offset: u64, bytes: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes {
        let piece = (bytes - done).min(DUMP_PIECE_BYTES);
        write!(out, "{}", dump(pack, offset + done, piece as usize))?;
        done += piece;
    }
    Ok(())
}

/// Whether the payloads are whole.
fn payload_checks(pack: &Pack, record: &Record) -> Result<(), LookupError> {
    let (mut checked, mut scratch) = (pack.checked(), Vec::new());
    record.variants().try_for_each(|variant| {
        pack.check_payload(&mut checked, variant.payload_offset(), variant.payload_bytes(), &mut scratch)
    })
}

fn missing(pack: &Pack, path: &Path, key: &str) -> Failure {
    let failure = Failure::new(format!("{}: no key {key:?}", path.display()));
    let near =
        nearest(key, pack.entries().take(SUGGESTION_KEYS_MAX).map_while(Result::ok).map(|record| safe(record.key())));
    match near.as_slice() {
        [] if !key.starts_with('/') => failure.remedy("keys begin with a slash"),
        [] => failure.remedy("`badger inspect PACK` lists the keys"),
        near => failure.remedy(format!("near it are {}", near.join("  "))),
    }
}

/// Up to three keys that a few letters more or less would make of `key`.
fn nearest(key: &str, keys: impl Iterator<Item = String>) -> Vec<String> {
    let limit = 2 + key.len() / 8;
    let mut near: Vec<(usize, String)> = keys
        .filter(|other| other.len().abs_diff(key.len()) <= limit)
        .filter_map(|other| Some((distance(key.as_bytes(), other.as_bytes(), limit)?, other)))
        .collect();
    near.sort();
    near.truncate(3);
    near.into_iter().map(|(_, key)| key).collect()
}

/// Letters to change, add or leave out between two texts, if at most `limit` (Levenshtein, one row at a time).
fn distance(one: &[u8], other: &[u8], limit: usize) -> Option<usize> {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in other.iter().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
        if row.iter().all(|&letters| letters > limit) {
            return None;
        }
    }
    row.last().copied().filter(|&letters| letters <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_keys() {
        let keys = || ["/gallery/70", "/gallery/7", "/galery/7", "/assets/x", "/"].iter().map(|key| (*key).to_owned());
        assert_eq!(nearest("/gallery/8", keys()), ["/gallery/7", "/galery/7", "/gallery/70"]);
        assert_eq!(nearest("assets/x", keys()), ["/assets/x"]);
        assert!(nearest("/something/else/entirely", keys()).is_empty());
        assert_eq!(distance(b"kitten", b"sitting", 3), Some(3));
        assert_eq!(distance(b"kitten", b"sitting", 2), None);
    }
}
