//! What the tests of packs share: the content of the golden packs, and ways to build, read and damage a pack.
#![allow(dead_code)] // each test uses its part

use badgerserver::pack::{
    Checked, Encoding, Entry, LookupError, Pack, PackWriter, ReadError, Record, Source, Summary, WriteError,
    WriterOptions,
};
use std::io::Cursor;
use std::sync::Arc;

/// An entry that owns its parts.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) key: String,
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) last_modified: Option<i64>,
    pub(crate) immutable: bool,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) bodies: Vec<(Encoding, Vec<u8>)>,
}

impl Content {
    pub(crate) fn new(key: &str, content_type: &'static str, body: &[u8]) -> Content {
        let bodies = vec![(Encoding::Identity, body.to_vec())];
        Content {
            key: key.to_owned(),
            status: 200,
            content_type,
            last_modified: None,
            immutable: false,
            headers: vec![],
            bodies,
        }
    }

    pub(crate) fn with(mut self, encoding: Encoding, body: &[u8]) -> Content {
        self.bodies.push((encoding, body.to_vec()));
        self
    }
}

pub(crate) fn options() -> WriterOptions {
    WriterOptions { creator: "badgerserver tests".to_owned(), sequence: 7, shard_index: 1, shard_count: 3 }
}

pub(crate) fn try_build(contents: &[Content], options: WriterOptions) -> Result<(Vec<u8>, Summary), WriteError> {
    let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
    let mut writer = PackWriter::create(&mut out, &mut spool, options)?;
    for (number, content) in contents.iter().enumerate() {
        let bodies: Vec<(Encoding, &[u8])> =
            content.bodies.iter().map(|(encoding, body)| (*encoding, body.as_slice())).collect();
        writer.add(Entry {
            key: &content.key,
            status: content.status,
            content_type: content.content_type,
            last_modified: content.last_modified,
            immutable: content.immutable,
            headers: &content.headers,
            bodies: &bodies,
            ordinal: number as u64,
        })?;
    }
    let summary = writer.finish()?;
    Ok((out.into_inner(), summary))
}

pub(crate) fn build(contents: &[Content]) -> Vec<u8> {
    try_build(contents, options()).unwrap().0
}

/// Bytes that look like nothing, the same every time.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..bytes).map(|_| random.next() as u8).collect()
}

/// A small generator, so that every run is the same. The golden packs were made with it: it never changes.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The golden pack that `FORMAT.md` dumps.
pub(crate) fn tiny() -> Vec<Content> {
    vec![Content::new("/hi", "text/plain", b"hello")]
}

/// The golden pack with one of everything.
pub(crate) fn site() -> Vec<Content> {
    let page = b"<!doctype html><title>badger</title><p>A badger is a short-legged omnivore.".repeat(3);
    let mut index = Content::new("/", "text/html; charset=utf-8", &page)
        .with(Encoding::Zstd, &noise(1, 60))
        .with(Encoding::Gzip, &noise(2, 80))
        .with(Encoding::Br, &noise(3, 70));
    index.last_modified = Some(784_111_777);
    let mut logo = Content::new("/assets/logo.4f2a.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
        .with(Encoding::Br, &noise(4, 30));
    logo.immutable = true;
    let mut redirect = Content::new("/docs", "", b"");
    (redirect.status, redirect.headers) = (301, vec![("Location", "docs/")]);
    let mut missing = Content::new("/404.html", "text/html; charset=utf-8", b"<p>Not here.")
        .with(Encoding::Gzip, b"<p>Not here, and longer");
    missing.status = 404;
    let mut gone = Content::new("/old?", "text/plain", b"gone");
    (gone.status, gone.headers) = (410, vec![("Link", "</>; rel=\"up\""), ("Content-Language", "en")]);
    vec![
        index,
        Content::new("/docs/", "text/html; charset=utf-8", &page), // the same body as "/"
        redirect,
        logo,
        missing,
        gone,
        Content::new("/empty", "application/octet-stream", b""),
        Content::new("/d\u{e9}j\u{e0} vu #1%", "text/plain", b"caf\xc3\xa9"),
        Content::new("/large.bin", "application/octet-stream", &noise(5, 17_000)),
    ]
}

/// What a server would send, but for what the server itself adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) last_modified: Option<i64>,
    pub(crate) immutable: bool,
    pub(crate) variants: Vec<(Encoding, String, Vec<u8>)>,
}

/// Looks a key up and reads all of its variants as a server would.
pub(crate) fn answer(
    pack: &Pack,
    key: &str,
    checked: &mut Checked,
    record: &mut Record,
) -> Result<Option<Answer>, LookupError> {
    if !pack.lookup(key.as_bytes(), checked, record)? {
        return Ok(None);
    }
    assert_eq!(record.key(), key.as_bytes());
    let (mut variants, mut scratch) = (Vec::new(), Vec::new());
    for variant in record.variants() {
        let (offset, bytes) = (variant.payload_offset(), variant.payload_bytes());
        pack.check_payload(checked, offset, bytes, &mut scratch)?;
        assert_eq!(pack.unchecked_bytes(checked, offset, bytes), 0);
        let mut body = vec![0; bytes as usize];
        pack.read_payload(offset, &mut body)?;
        let class = pack.class(variant.class());
        let head = [class.always, class.content, variant.validators(), variant.length_line()].concat();
        assert_eq!(variant.lines(), [variant.validators(), variant.length_line()].concat());
        assert_eq!(variant.etag().len(), 34);
        variants.push((variant.encoding(), String::from_utf8_lossy(&head).into_owned(), body));
    }
    let (status, last_modified, immutable) = (record.status(), record.last_modified(), record.flags().immutable());
    Ok(Some(Answer { status, last_modified, immutable, variants }))
}

pub(crate) fn answer_of(pack: &Pack, key: &str) -> Result<Option<Answer>, LookupError> {
    answer(pack, key, &mut pack.checked(), &mut Record::default())
}

/// A source with one byte changed, or with an earlier end.
#[derive(Clone)]
pub(crate) struct Damaged {
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) at: usize,
    pub(crate) flip: u8,
    pub(crate) end: usize,
}

impl Source for Damaged {
    fn len(&self) -> u64 {
        self.end as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let start = usize::try_from(offset).map_err(|_| ReadError::Truncated)?;
        let end = start.checked_add(into.len()).filter(|&end| end <= self.end).ok_or(ReadError::Truncated)?;
        into.copy_from_slice(&self.bytes[start..end]);
        if (start..end).contains(&self.at) {
            into[self.at - start] ^= self.flip;
        }
        Ok(())
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync> {
        self
    }
}
