//! Packs to serve, made the same every time.

use crate::stage::Folder;
use badgerserver::Pack;
use badgerserver::pack::{Entry, PackWriter, WriterOptions};
use std::io::Cursor;

/// `len` bytes that look like nothing, and differ wherever they are cut.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The bytes of a pack.
pub(crate) fn pack_bytes(entries: &[Entry<'_>]) -> Vec<u8> {
    let options = WriterOptions { creator: "wire".to_owned(), ..WriterOptions::default() };
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), options).unwrap();
    for entry in entries {
        writer.add(*entry).unwrap();
    }
    writer.finish().unwrap();
    out.into_inner()
}

/// A pack in a file, mapped.
pub(crate) fn pack_file(folder: &Folder, name: &str, entries: &[Entry<'_>]) -> Pack {
    Pack::open(folder.write(name, &pack_bytes(entries))).unwrap()
}

/// One body under one key.
pub(crate) fn entry<'a>(key: &'a str, bodies: &'a [(badgerserver::pack::Encoding, &'a [u8])]) -> Entry<'a> {
    Entry { key, content_type: "application/octet-stream", bodies, ..Entry::default() }
}

/// A pack in a file with a body of each size under `/size`, and the bodies.
pub(crate) fn sizes(folder: &Folder, sizes: &[usize]) -> (Pack, Vec<Vec<u8>>) {
    use badgerserver::pack::Encoding::Identity;
    let contents: Vec<Vec<u8>> = sizes.iter().map(|&size| noise(size as u64, size)).collect();
    let keys: Vec<String> = sizes.iter().map(|size| format!("/{size}")).collect();
    let bodies: Vec<_> = contents.iter().map(|content| [(Identity, content.as_slice())]).collect();
    let entries: Vec<_> = keys.iter().zip(&bodies).map(|(key, bodies)| entry(key, bodies)).collect();
    (pack_file(folder, "sizes.badger", &entries), contents)
}
