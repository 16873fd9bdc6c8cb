//! What goes into a pack comes out of it.

#[path = "golden/sample.rs"]
mod sample;

use badgerserver::pack::{Encoding, Entry, Pack, PackWriter, Record, WriteError, WriterOptions};
use sample::{Content, Random, answer, answer_of, build, noise, options, site, try_build};
use std::io::Cursor;

#[test]
fn one_of_everything() {
    let (bytes, summary) = try_build(&site(), options()).unwrap();
    let pack = Pack::from_bytes(bytes.clone()).unwrap();
    assert_eq!((summary.keys, summary.encodings_dropped, summary.payloads_shared), (9, 1, 1));
    assert_eq!((summary.file_bytes, &summary.content_id), (bytes.len() as u64, &pack.info().content_id));
    let info = pack.info();
    assert_eq!(
        (info.creator.as_str(), info.sequence, info.shard_index, info.shard_count),
        ("badgerserver tests", 7, 1, 3)
    );
    assert_eq!(
        (info.shard_hash.as_str(), info.key_count, info.chunk_bytes, info.page_bytes),
        ("xxh64", 9, 65_536, 4096)
    );

    let index = answer_of(&pack, "/").unwrap().unwrap();
    assert_eq!(index.last_modified, Some(784_111_777));
    let encodings: Vec<Encoding> = index.variants.iter().map(|variant| variant.0).collect();
    assert_eq!(encodings, [Encoding::Identity, Encoding::Gzip, Encoding::Br, Encoding::Zstd]);
    assert_eq!(
        index.variants[2].1,
        "Vary: Accept-Encoding\r\nContent-Type: text/html; charset=utf-8\r\nContent-Encoding: br\r\nAccept-Ranges: bytes\r\n\
         ETag: \"14f7e2441a7a45aa36a038388548a7eb\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 70\r\n"
    );
    let redirect = answer_of(&pack, "/docs").unwrap().unwrap();
    assert_eq!(redirect.status, 301);
    assert_eq!(
        redirect.variants[0].1,
        "ETag: \"99aa06d3014798d86001c324468d497f\"\r\nLocation: docs/\r\nContent-Length: 0\r\n"
    );
    let missing = answer_of(&pack, "/404.html").unwrap().unwrap();
    assert_eq!((missing.status, missing.variants.len()), (404, 1));
    assert!(!missing.variants[0].1.contains("Vary") && !missing.variants[0].1.contains("Accept-Ranges"));
    assert!(answer_of(&pack, "/assets/logo.4f2a.svg").unwrap().unwrap().immutable);

    for content in site() {
        let answer = answer_of(&pack, &content.key).unwrap().unwrap();
        assert_eq!(answer.variants[0].2, content.bodies[0].1, "{}", content.key);
    }
    for key in ["", "/x", "/docs/x", "/DOCS", "/empty/", "/old"] {
        assert_eq!(answer_of(&pack, key), Ok(None), "{key}");
    }
}

#[test]
fn a_pack_can_be_shared_and_a_note_can_move() {
    fn is_shared<T: Send + Sync + Clone>() {}
    fn is_moved<T: Send>() {}
    is_shared::<Pack>();
    is_moved::<badgerserver::pack::Checked>();
    is_moved::<Record>();
}

#[test]
fn an_empty_pack_has_no_keys() {
    let pack = Pack::from_bytes(build(&[])).unwrap();
    assert_eq!(pack.info().key_count, 0);
    assert_eq!(answer_of(&pack, "/"), Ok(None));
    assert_eq!(pack.entries().count(), 0);
    assert_eq!(pack.index_range(), 4096..pack.info().file_bytes);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = build(&site());
    assert_eq!(bytes, build(&site()));
    // The content id does not depend on who made the pack, only on what is in it.
    let other = try_build(&site(), WriterOptions { creator: "somebody".to_owned(), ..options() }).unwrap();
    let id = Pack::from_bytes(bytes.clone()).unwrap().info().content_id.clone();
    assert_ne!(other.0, bytes);
    assert_eq!(other.1.content_id, id);
    let mut contents = site();
    contents[8].bodies[0].1[0] ^= 1;
    assert_ne!(try_build(&contents, options()).unwrap().1.content_id, id);
    // The order in which an entry's encodings are given does not matter.
    let mut contents = site();
    contents[0].bodies.reverse();
    assert_eq!(build(&contents), bytes);
}

#[test]
fn entries_come_in_the_order_in_which_they_were_added() {
    let pack = Pack::from_bytes(build(&site())).unwrap();
    let keys: Vec<String> =
        pack.entries().map(|record| String::from_utf8(record.unwrap().key().to_vec()).unwrap()).collect();
    let expected: Vec<String> = site().into_iter().map(|content| content.key).collect();
    assert_eq!(keys, expected);
}

#[test]
fn ten_thousand_random_keys_are_found_and_others_are_not() {
    let mut random = Random(42);
    let mut keys: Vec<String> = (0..10_000).map(|number| format!("/{:x}/{number}", random.next())).collect();
    keys.sort();
    let contents: Vec<Content> = keys.iter().map(|key| Content::new(key, "text/plain", key.as_bytes())).collect();
    let pack = Pack::from_bytes(build(&contents)).unwrap();
    let (mut checked, mut record) = (pack.checked(), Record::default());
    for key in &keys {
        let found = answer(&pack, key, &mut checked, &mut record).unwrap().unwrap();
        assert_eq!(found.variants[0].2, key.as_bytes());
        let miss = format!("{key}x");
        assert_eq!(pack.lookup(miss.as_bytes(), &mut checked, &mut record), Ok(false));
        assert_eq!((record.variant_count(), record.key()), (0, &b""[..]));
    }
}

#[test]
fn fifty_thousand_records_of_a_hundred_bytes() {
    let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
    let mut writer = PackWriter::create(&mut out, &mut spool, options()).unwrap();
    for number in 0..50_000u64 {
        let (key, mut body) = (format!("/metadata/{number}"), [0; 100]);
        body[..8].copy_from_slice(&number.to_le_bytes());
        writer
            .add(Entry { key: &key, bodies: &[(Encoding::Identity, &body)], ordinal: number, ..Entry::default() })
            .unwrap();
    }
    let summary = writer.finish().unwrap();
    assert_eq!((summary.keys, summary.payloads, summary.classes), (50_000, 50_000, 1));
    let pack = Pack::from_bytes(out.into_inner()).unwrap();
    let (mut checked, mut record, mut body) = (pack.checked(), Record::default(), [0; 100]);
    for number in 0..50_000u64 {
        assert_eq!(pack.lookup(format!("/metadata/{number}").as_bytes(), &mut checked, &mut record), Ok(true));
        pack.read_payload(record.variant(0).unwrap().payload_offset(), &mut body).unwrap();
        assert_eq!(body[..8], number.to_le_bytes());
    }
}

#[test]
fn equal_payloads_are_stored_once_wherever_they_are() {
    let large = noise(9, 200_000);
    let contents = [
        Content::new("/a", "a/a", &large),
        Content::new("/b", "a/b", &large), // its end still waits in the writer's buffer
        Content::new("/c", "a/c", &large[..100]),
        Content::new("/d", "a/d", &noise(10, 70_000)),
        Content::new("/e", "a/e", &large[..100]),
        Content::new("/f", "a/f", &large),
    ];
    let (bytes, summary) = try_build(&contents, options()).unwrap();
    assert_eq!((summary.payloads, summary.payloads_shared, summary.bytes_shared), (3, 3, 400_100));
    let pack = Pack::from_bytes(bytes).unwrap();
    for content in &contents {
        assert_eq!(answer_of(&pack, &content.key).unwrap().unwrap().variants[0].2, content.bodies[0].1);
    }
}

#[test]
fn a_streamed_body_gives_the_same_bytes_as_one_in_memory() {
    let bodies = [noise(1, 0), noise(2, 1), noise(3, 65_536), noise(4, 300_001), noise(4, 300_001)];
    let mut expected = None;
    for streamed in [false, true] {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let mut writer = PackWriter::create(&mut out, &mut spool, options()).unwrap();
        for (number, body) in bodies.iter().enumerate() {
            let key = format!("/{number}");
            let gzip: &[u8] = b"g";
            let entry = Entry { key: &key, ..Entry::default() };
            if streamed {
                writer
                    .add_from(
                        Entry { bodies: &[(Encoding::Gzip, gzip)], ..entry },
                        &mut Cursor::new(body),
                        body.len() as u64,
                    )
                    .unwrap();
            } else {
                writer.add(Entry { bodies: &[(Encoding::Identity, body), (Encoding::Gzip, gzip)], ..entry }).unwrap();
            }
        }
        writer.finish().unwrap();
        let bytes = out.into_inner();
        assert_eq!(*expected.get_or_insert(bytes.clone()), bytes);
    }
}

#[test]
fn a_streamed_body_of_another_length_is_refused() {
    for (announced, there) in [(10, 9), (9, 10), (0, 1), (70_000, 69_999)] {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let mut writer = PackWriter::create(&mut out, &mut spool, options()).unwrap();
        let body = noise(1, there);
        let error = writer
            .add_from(Entry { key: "/a", ordinal: 3, ..Entry::default() }, &mut Cursor::new(body), announced)
            .unwrap_err();
        assert_eq!(error.to_string(), "entry 3, \"/a\": the body does not have the length that was announced");
        assert_eq!(writer.finish().unwrap().keys, 0); // it left nothing
        assert_eq!(out.into_inner(), build(&[]));
    }
}

/// A body that is another one each time it is read.
struct Changing(Cursor<Vec<u8>>);

impl std::io::Read for Changing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}

impl std::io::Seek for Changing {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.get_mut()[50_000] ^= 1;
        self.0.seek(to)
    }
}

#[test]
fn a_streamed_body_that_changes_breaks_the_writer() {
    let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
    let mut writer = PackWriter::create(&mut out, &mut spool, options()).unwrap();
    let mut body = Changing(Cursor::new(noise(1, 100_000)));
    let error = writer.add_from(Entry { key: "/a", ordinal: 3, ..Entry::default() }, &mut body, 100_000).unwrap_err();
    assert!(matches!(error, WriteError::BodyChanged { ordinal: 3, .. }));
    assert!(matches!(writer.add(Entry::default()), Err(WriteError::Broken)));
    assert!(matches!(writer.finish(), Err(WriteError::Broken)));
    assert!(Pack::from_bytes(out.into_inner()).is_err());
}

#[test]
fn bad_entries_are_refused_by_name_and_leave_nothing() {
    let good = Content::new("/good", "text/plain", b"good");
    let one = |change: fn(&mut Content)| {
        let mut content = Content::new("/bad", "text/plain", b"bad");
        change(&mut content);
        content
    };
    let table: &[(Content, &str)] = &[
        (one(|content| content.key = "/a/../b".to_owned()), "entry 0, \"/a/../b\": a key has no '.' or '..' segment"),
        (
            one(|content| content.status = 304),
            "entry 0, \"/bad\": the status must be that of an answer with a body of its own: 200 to 599, not 204, 205, 206 or 304",
        ),
        (one(|content| content.status = 301), "entry 0, \"/bad\": a redirect needs a Location header"),
        (
            one(|content| content.last_modified = Some(-1)),
            "entry 0, \"/bad\": the time of the last change must be in the years 1970 to 9999",
        ),
        (
            one(|content| content.content_type = "html"),
            "entry 0, \"/bad\", header \"Content-Type\": a content type has the form type/subtype and at most 255 bytes",
        ),
        (
            one(|content| content.headers = vec![("X", "a\r\nB: c")]),
            "entry 0, \"/bad\", header \"X\": its value may have only visible ASCII, and spaces inside (encode anything else)",
        ),
        (
            one(|content| content.headers = vec![("content-length", "1")]),
            "entry 0, \"/bad\", header \"content-length\": this field is written by the pack or by the server",
        ),
        (one(|content| content.bodies.clear()), "entry 0, \"/bad\": the identity body is missing"),
        (one(|content| content.bodies[0].0 = Encoding::Br), "entry 0, \"/bad\": the identity body is missing"),
        (
            one(|content| content.bodies.push((Encoding::Identity, vec![]))),
            "entry 0, \"/bad\": an encoding is there twice",
        ),
    ];
    let expected = build(std::slice::from_ref(&good));
    for (bad, message) in table {
        let (mut out, mut spool) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let mut writer = PackWriter::create(&mut out, &mut spool, options()).unwrap();
        for (content, refused) in [(bad, true), (&good, false)] {
            let bodies: Vec<(Encoding, &[u8])> =
                content.bodies.iter().map(|(encoding, body)| (*encoding, body.as_slice())).collect();
            let entry = Entry {
                key: &content.key,
                status: content.status,
                content_type: content.content_type,
                last_modified: content.last_modified,
                headers: &content.headers,
                bodies: &bodies,
                ..Entry::default()
            };
            let result = writer.add(entry);
            assert_eq!(result.as_ref().err().map(ToString::to_string), refused.then(|| (*message).to_owned()));
        }
        writer.finish().unwrap();
        assert_eq!(out.into_inner(), expected, "{message}");
    }
}

#[test]
fn equal_keys_are_refused_with_both_numbers() {
    let mut contents: Vec<Content> = (0..5000).map(|number| Content::new(&format!("/{number}"), "", b"x")).collect();
    contents[4321].key = "/17".to_owned();
    let error = try_build(&contents, options()).unwrap_err();
    assert_eq!(error.to_string(), "entries 17 and 4321 have the same key, \"/17\"");
    // Also when there are so many that their bucket overflows.
    contents.iter_mut().for_each(|content| content.key = "/same".to_owned());
    assert_eq!(
        try_build(&contents, options()).unwrap_err().to_string(),
        "entries 0 and 1 have the same key, \"/same\""
    );
}

#[test]
fn bad_options_are_refused() {
    for options in [
        WriterOptions { creator: "x".repeat(33), ..options() },
        WriterOptions { creator: "a\n".to_owned(), ..options() },
        WriterOptions { shard_index: 3, ..options() },
        WriterOptions { shard_index: 0, shard_count: 0, ..options() },
    ] {
        assert!(matches!(try_build(&[], options), Err(WriteError::Whole(_))));
    }
}

#[test]
fn too_many_classes_are_refused() {
    let types: Vec<&'static str> = (0..1025).map(|number| &*format!("a/{number}").leak()).collect();
    let contents: Vec<Content> = types.iter().map(|kind| Content::new(&format!("/{kind}"), kind, b"")).collect();
    assert!(try_build(&contents[..1024], options()).is_ok());
    assert!(matches!(try_build(&contents, options()), Err(WriteError::Entry { ordinal: 1024, .. })));
}

/// The longest of everything fits a record.
#[test]
fn the_longest_entry() {
    let value: &'static str = "v".repeat(4088).leak();
    let mut content = Content::new(&format!("/{}", "k".repeat(2047)), "text/plain", &noise(1, 100));
    content.headers = vec![("Xx", value)];
    content.last_modified = Some(0);
    let content = content.with(Encoding::Gzip, b"1").with(Encoding::Br, b"2").with(Encoding::Zstd, b"3");
    let pack = Pack::from_bytes(build(&[content.clone(), Content::new("/b", "", b"")])).unwrap();
    let found = answer_of(&pack, &content.key).unwrap().unwrap();
    assert_eq!(found.variants.len(), 4);
    assert!(found.variants[3].1.contains(value));
    assert!(answer_of(&pack, "/b").unwrap().is_some());
}

#[test]
fn a_pack_of_empty_bodies_has_no_payloads() {
    let (bytes, summary) =
        try_build(&[Content::new("/a", "a/b", b""), Content::new("/b", "a/b", b"")], options()).unwrap();
    let pack = Pack::from_bytes(bytes).unwrap();
    assert_eq!((summary.payloads, pack.info().sections[0].bytes), (0, 0));
    assert_eq!(answer_of(&pack, "/b").unwrap().unwrap().variants[0].2, b"");
    assert_eq!(pack.verify(&mut |_, _| {}).problems, []);
}
