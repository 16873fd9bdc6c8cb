//! The content that the campaign serves: what every path has in every generation, by rule. Nothing here asks the server.

use crate::pack::{Encoding, Entry, External, Pack, PackWriter, Record, WriterOptions};
use crate::sys::ContentFile;
use std::io::Cursor;
use std::sync::Arc;

/// Generations that a run may swap through.
pub(crate) const GENERATIONS: u64 = 4;
/// Seconds since 1970-01-01 UTC at which every packed payload was last changed: Sun, 13 Sep 2020 12:26:40 GMT.
pub(super) const CHANGED_UNIX_SECONDS: i64 = 1_600_000_000;

/// Keys of the pack: copied behind the head, copied in batches only, sent as a file, checked by a task, and checked by
/// several tasks when several ranges of it are asked for.
const PACKED: [(&str, usize); 7] = [
    ("/empty", 0),
    ("/small", 300),
    ("/middle", 30_000),
    ("/big", 60_000),
    ("/huge", 270_000),
    ("/vast", 2_000_000),
    ("/coded", 3_000),
];
/// Bytes of `/coded` under gzip: the server does not look inside.
const GZIP_BYTES: usize = 700;
/// Keys whose payloads are files of their own.
const FILES: [(&str, usize); 3] = [("/one", 5_000), ("/two", 120_000), ("/three", 40_000)];

/// Something that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Packed(usize),
    /// `/coded` as it is sent to those who take gzip.
    Gzip,
    File(usize),
}

impl Of {
    pub(crate) const SMALL: Of = Of::Packed(1);
    pub(crate) const MIDDLE: Of = Of::Packed(2);
    pub(crate) const BIG: Of = Of::Packed(3);
    pub(crate) const HUGE: Of = Of::Packed(4);
    pub(crate) const VAST: Of = Of::Packed(5);
    pub(crate) const CODED: Of = Of::Packed(6);
    pub(super) const FILES: usize = FILES.len();

    pub(super) fn path(self) -> String {
        match self {
            Of::Packed(index) => format!("/p{}", PACKED[index].0),
            Of::Gzip => "/p/coded".to_owned(),
            Of::File(index) => format!("/f{}", FILES[index].0),
        }
    }

    pub(super) fn len(self) -> u64 {
        let len = match self {
            Of::Packed(index) => PACKED[index].1,
            Of::Gzip => GZIP_BYTES,
            Of::File(index) => FILES[index].1,
        };
        len as u64
    }

    /// Where the generations of this one lie among all payloads.
    fn index(self) -> usize {
        match self {
            Of::Packed(index) => index,
            Of::Gzip => PACKED.len(),
            Of::File(index) => PACKED.len() + 1 + index,
        }
    }
}

/// What a payload has in a generation: lines of 16 bytes, each of which says whose it is and where it lies.
fn payload(of: Of, generation: u64) -> &'static [u8] {
    let len = of.len() as usize;
    let mut bytes = Vec::with_capacity(len + 16);
    while bytes.len() < len {
        bytes.extend(format!("{generation}{:02}{:012x}\n", of.index(), bytes.len()).into_bytes());
    }
    bytes.truncate(len);
    // Every seed serves the same few payloads, and a test ends with its process.
    Box::leak(bytes.into_boxed_slice())
}

/// Everything that any run serves.
pub(crate) struct Shelf {
    payloads: Vec<Vec<&'static [u8]>>,
    /// The packs, and copies of each in which one bit of a payload is flipped.
    packs: Vec<&'static [u8]>,
    damaged: Vec<Vec<&'static [u8]>>,
    /// Packs that name the files.
    catalogues: Vec<&'static [u8]>,
    etags: Vec<Vec<String>>,
    /// Where the payloads of each pack begin.
    places: Vec<Vec<u64>>,
}

impl Shelf {
    pub(crate) fn new() -> Shelf {
        let all = (0..PACKED.len()).map(Of::Packed).chain([Of::Gzip]).chain((0..FILES.len()).map(Of::File));
        let payloads: Vec<Vec<_>> =
            all.map(|of| (1..=GENERATIONS).map(|number| payload(of, number)).collect()).collect();
        let mut shelf =
            Shelf { payloads, packs: vec![], damaged: vec![], catalogues: vec![], etags: vec![], places: vec![] };
        for generation in 1..=GENERATIONS {
            let bytes = shelf.pack_bytes(generation);
            let (etags, places) = look_up(&bytes);
            let damaged = [Of::SMALL, Of::BIG, Of::HUGE].map(|of| {
                let at = (generation * 131) % of.len();
                let mut copy = bytes.clone();
                copy[(places[of.index()] + at) as usize] ^= 0x20;
                leak(copy)
            });
            shelf.etags.push(etags);
            shelf.places.push(places);
            shelf.damaged.push(damaged.into());
            shelf.packs.push(leak(bytes));
            shelf.catalogues.push(leak(catalogue_bytes(generation)));
        }
        shelf
    }

    /// The right bytes.
    pub(crate) fn bytes(&self, of: Of, generation: u64) -> &'static [u8] {
        self.payloads[of.index()][generation as usize - 1]
    }

    /// The entity tag of a packed payload, with its quotes.
    pub(super) fn etag(&self, of: Of, generation: u64) -> &str {
        &self.etags[generation as usize - 1][of.index()]
    }

    pub(super) fn pack(&self, generation: u64) -> &'static [u8] {
        self.packs[generation as usize - 1]
    }

    /// Where a packed payload begins in its pack.
    pub(super) fn place(&self, of: Of, generation: u64) -> u64 {
        self.places[generation as usize - 1][of.index()]
    }

    /// A damaged copy of a pack, by a number below 3.
    pub(super) fn damaged(&self, generation: u64, number: usize) -> &'static [u8] {
        self.damaged[generation as usize - 1][number]
    }

    pub(super) fn catalogue(&self, generation: u64) -> &'static [u8] {
        self.catalogues[generation as usize - 1]
    }

    fn pack_bytes(&self, generation: u64) -> Vec<u8> {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let mut writer = PackWriter::create(&mut out, &mut spool, WriterOptions::default()).unwrap();
        for (index, (key, _)) in PACKED.iter().enumerate() {
            let bytes = |of| self.bytes(of, generation);
            let mut bodies = vec![(Encoding::Identity, bytes(Of::Packed(index)))];
            if Of::Packed(index) == Of::CODED {
                bodies.push((Encoding::Gzip, bytes(Of::Gzip)));
            }
            let last_modified = Some(CHANGED_UNIX_SECONDS);
            let entry = Entry { key, content_type: "text/plain", last_modified, bodies: &bodies, ..Entry::default() };
            writer.add(entry).unwrap();
        }
        writer.finish().unwrap();
        out.into_inner()
    }
}

fn leak(bytes: Vec<u8>) -> &'static [u8] {
    Box::leak(bytes.into_boxed_slice())
}

/// The entity tags of a pack, and where its payloads begin.
fn look_up(bytes: &[u8]) -> (Vec<String>, Vec<u64>) {
    let pack = Pack::from_bytes(bytes).unwrap();
    let (mut checked, mut record) = (pack.checked(), Record::default());
    let (mut etags, mut places) = (Vec::new(), Vec::new());
    let mut note = |key: &str, variant: usize| {
        assert!(pack.lookup(key.as_bytes(), &mut checked, &mut record).unwrap());
        let variant = record.variant(variant).unwrap();
        etags.push(String::from_utf8(variant.etag().to_vec()).unwrap());
        places.push(variant.payload_offset());
    };
    PACKED.iter().for_each(|(key, _)| note(key, 0));
    note("/coded", 1);
    (etags, places)
}

/// A pack whose records name the files by number.
fn catalogue_bytes(generation: u64) -> Vec<u8> {
    let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
    let mut writer = PackWriter::create_private(&mut out, &mut spool, WriterOptions::default()).unwrap();
    for (number, (key, len)) in (0..).zip(FILES) {
        let external = External { number, bytes: len as u64, etag_hash: [generation as u8; 16] };
        writer.add_external(Entry { key, content_type: "text/plain", ..Entry::default() }, external).unwrap();
    }
    writer.finish().unwrap();
    out.into_inner()
}

/// Opens a catalogue.
pub(super) fn open_catalogue(bytes: &'static [u8]) -> Pack {
    Pack::from_source_private(Arc::new(ContentFile::from_memory(bytes))).unwrap()
}
