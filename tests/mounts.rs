//! What a mount answers beside the keys of its pack: the entry that stands for missing ones, and many records in one.

mod backends;

use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::poco::{MANY_ENTRIES_MAX, MANY_MEDIA_TYPE, ManyView};
use badgerserver::route::{Halt, RouteError, WORKLOAD_BYTES_MAX};
use badgerserver::{Backend, Mount, Pack, Router, Server, TestClient, TestResponse};
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Records as the frame wants them: a multiple of 8 bytes.
const SIZES: [usize; 5] = [24, 2048, 32, 24 * 1024, 200 * 1024];

fn record(id: usize) -> Vec<u8> {
    (0..SIZES[id]).map(|at| (at * 7 + id * 31 + at / 256) as u8).collect()
}

/// Galleries for `ada` and for everybody, five records under `/metadata`, and three that cannot be gathered.
fn pack() -> Pack {
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    let mut add = |key: &str, status: u16, body: &[u8], immutable: bool| {
        let mut bodies = vec![(Encoding::Identity, body)];
        if body.len() > 2000 {
            bodies.push((Encoding::Br, b"not really packed"));
        }
        let entry = Entry { key, content_type: "a/b", bodies: &bodies, status, immutable, ..Entry::default() };
        writer.add(entry).unwrap();
    };
    add("/gallery/ada", 200, b"ada's", false);
    add("/gallery/default", 200, b"everybody's", false);
    add("/forever/default", 200, b"stays", true);
    for id in 0..SIZES.len() {
        add(&format!("/metadata/{id}"), 200, &record(id), false);
    }
    add("/metadata/50", 404, b"gone    ", false);
    add("/metadata/51", 200, b"ragged", false);
    writer.finish().unwrap();
    Pack::from_bytes(out.into_inner()).unwrap()
}

fn mount(prefix: &str) -> Mount {
    Mount::pack(prefix, pack())
        .header("Access-Control-Allow-Origin", "*")
        .cache_control("private, no-cache")
        .fallback("/gallery/", "/gallery/default", "Badger-Fallback", "default")
        .gather("/metadata", "ids")
}

fn client() -> TestClient {
    TestClient::new(Router::new().mount(mount("/api"))).unwrap()
}

#[test]
fn a_missing_key_is_answered_by_the_fallback() {
    let mut client = client();
    for (path, status, body, fallback) in [
        ("/api/gallery/ada", 200, &b"ada's"[..], None),
        ("/api/gallery/default", 200, b"everybody's", None),
        ("/api/gallery/bob", 200, b"everybody's", Some("default")),
        ("/api/gallery/%E6%96%87", 200, b"everybody's", Some("default")),
        ("/api/gallery/bob/deeper?x=y", 200, b"everybody's", Some("default")),
        ("/api/gallery/", 404, b"404 Not Found\n", None),
        ("/api/gallery", 404, b"404 Not Found\n", None),
        ("/api/other/bob", 404, b"404 Not Found\n", None),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status(), answer.body()), (status, body), "{path}");
        assert_eq!(answer.header("Badger-Fallback"), fallback, "{path}");
        if status == 200 {
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
            assert_eq!(answer.header("Cache-Control"), Some("private, no-cache"), "{path}");
        }
    }
    let tag = client.get("/api/gallery/bob").header("ETag").unwrap().to_owned();
    let again = client.request("GET", "/api/gallery/bob", &[("If-None-Match", &tag)]);
    assert_eq!((again.status(), again.header("Badger-Fallback")), (304, Some("default")));
    let head = client.request("HEAD", "/api/gallery/bob", &[]);
    assert_eq!((head.status(), head.header("Content-Length"), head.body()), (200, Some("11"), &b""[..]));
    let part = client.request("GET", "/api/gallery/bob", &[("Range", "bytes=0-4")]);
    assert_eq!((part.status(), part.body(), part.header("Badger-Fallback")), (206, &b"every"[..], Some("default")));
    let put = client.request("PUT", "/api/gallery/bob", &[]);
    assert_eq!((put.status(), put.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn a_fallback_that_never_changes_says_so_and_that_it_stands_in() {
    let mount = Mount::pack("/", pack()).fallback("/forever/", "/forever/default", "X-From", "default");
    let mut client = TestClient::new(Router::new().mount(mount)).unwrap();
    let answer = client.get("/forever/x");
    assert_eq!(answer.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
    assert_eq!((answer.body(), answer.header("X-From")), (&b"stays"[..], Some("default")));
}

/// Caches of some kinds follow a line of their own, so none of those may come with what one person is answered.
#[test]
fn what_a_workload_answers_is_one_persons_whatever_the_mount_says_to_caches() {
    let mount = |prefix: &str, fallback: &str| {
        Mount::pack(prefix, pack())
            .header("CDN-Cache-Control", "max-age=600")
            .header("Expires", "Wed, 01 Jan 2031 00:00:00 GMT")
            .header("X-Of-Mount", "1")
            .cache_control("public, max-age=600")
            .fallback(fallback, "/forever/default", "X-From", "default")
            .workload("/gallery/", "X-Order", |_, _, value| {
                value.push('1');
                Ok(())
            })
    };
    let router = Router::new().mount(mount("/near", "/gallery/")).mount(mount("/wide", "/"));
    let mut client = TestClient::new(router).unwrap();
    let said = |answer: &TestResponse| {
        ["Cache-Control", "CDN-Cache-Control", "Expires", "X-Of-Mount", "X-Order", "X-From"]
            .map(|name| answer.header(name).map(str::to_owned))
    };
    let kept = Some("public, max-age=600");
    let cdn = Some("max-age=600");
    let until = Some("Wed, 01 Jan 2031 00:00:00 GMT");
    let forever = Some("public, max-age=31536000, immutable");
    for (path, wanted) in [
        ("/near/gallery/ada", [Some("private, no-cache"), None, None, Some("1"), Some("1"), None]),
        ("/near/gallery/bob", [Some("private, no-cache"), None, None, Some("1"), Some("1"), Some("default")]),
        ("/near/metadata/0", [kept, cdn, until, Some("1"), None, None]),
        ("/wide/gallery/ada", [Some("private, no-cache"), None, None, Some("1"), Some("1"), None]),
        ("/wide/gallery/bob", [Some("private, no-cache"), None, None, Some("1"), Some("1"), Some("default")]),
        ("/wide/else", [forever, cdn, until, Some("1"), None, Some("default")]),
    ] {
        let answer = client.get(path);
        assert_eq!(said(&answer), wanted.map(|value| value.map(str::to_owned)), "{path}");
        let tag = answer.header("ETag").unwrap().to_owned();
        let again = client.request("GET", path, &[("If-None-Match", &tag)]);
        assert_eq!((again.status(), said(&again)), (304, said(&answer)), "{path}");
    }
    for name in ["Cache-Control", "CDN-Cache-Control", "expires"] {
        let mount = Mount::pack("/", pack()).workload("/gallery/", name, |_, _, _| Ok(()));
        let error = Router::new().mount(mount).validate().unwrap_err();
        assert!(matches!(error, RouteError::Header { .. }), "{error}");
        assert!(error.to_string().contains("private, no-cache"), "{error}");
    }
}

#[test]
fn records_are_gathered_in_the_order_asked() {
    let mut client = client();
    for ids in [&[3_u32, 1, 4, 0, 2][..], &[0], &[77, 50, 1], &[2], &[99], &[1, 1, 1]] {
        let list: Vec<String> = ids.iter().map(u32::to_string).collect();
        for separator in [",", "%2C"] {
            let answer = client.get(&format!("/api/metadata?a=b&ids={}&c", list.join(separator)));
            assert_eq!(answer.status(), 200, "{ids:?}");
            assert_eq!(answer.header("Content-Type"), Some(MANY_MEDIA_TYPE));
            assert_eq!(answer.header("Content-Length").unwrap().parse::<usize>().unwrap(), answer.body().len());
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
            assert_eq!((answer.header("Accept-Ranges"), answer.header("Content-Encoding")), (None, None));
            let frame = ManyView::new(answer.body()).unwrap();
            let found: Vec<_> =
                frame.entries().iter().map(|entry| (entry.id, entry.record.map(<[u8]>::to_vec))).collect();
            let wanted = ids.iter().map(|&id| (id, ((id as usize) < SIZES.len()).then(|| record(id as usize))));
            assert_eq!(found, wanted.collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_gathered_answer_has_a_tag_of_what_it_holds() {
    let mut client = client();
    let tag = |client: &mut TestClient, ids: &str| {
        client.get(&format!("/api/metadata?ids={ids}")).header("ETag").unwrap().to_owned()
    };
    let first = tag(&mut client, "1,2");
    assert_eq!((first.len(), tag(&mut client, "1,2")), (34, first.clone()));
    for other in ["2,1", "1", "1,2,2", "1,3", "1,99", "99,1"] {
        assert_ne!(tag(&mut client, other), first, "{other}");
    }
    let again = client.request("GET", "/api/metadata?ids=1,2", &[("If-None-Match", &first)]);
    assert_eq!((again.status(), again.body(), again.header("ETag")), (304, &b""[..], Some(&first[..])));
    let failed = client.request("GET", "/api/metadata?ids=1,2", &[("If-Match", "\"other\"")]);
    assert_eq!(failed.status(), 412);
    let head = client.request("HEAD", "/api/metadata?ids=1,2", &[]);
    let whole = client.get("/api/metadata?ids=1,2");
    assert_eq!((head.status(), head.body()), (200, &b""[..]));
    assert_eq!(head.header("Content-Length"), whole.header("Content-Length"));
    let part = client.request("GET", "/api/metadata?ids=1,2", &[("Range", "bytes=0-3")]);
    assert_eq!((part.status(), part.body()), (200, whole.body()), "a range of it is not had");
}

#[test]
fn what_cannot_be_gathered_is_said_clearly() {
    let mut client = client();
    let too_many = vec!["1"; MANY_ENTRIES_MAX + 1].join(",");
    for (query, status) in [
        ("ids=", 400),
        ("ids=1,,2", 400),
        ("ids=one", 400),
        ("ids=4294967296", 400),
        (&format!("ids={too_many}")[..], 400),
        ("ids", 404),
        ("other=1", 404),
        ("ids=51", 500),
    ] {
        let answer = client.get(&format!("/api/metadata?{query}"));
        assert_eq!(answer.status(), status, "{query}");
        if status == 400 {
            let text = std::str::from_utf8(answer.body()).unwrap();
            assert!(text.contains("GET /api/metadata?ids=1,2,3"), "{text}");
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "scripts elsewhere can read it");
            assert_eq!(answer.header("Cache-Control"), None);
        }
    }
    let put = client.request("PUT", "/api/metadata?ids=1", &[]);
    assert_eq!((put.status(), put.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
    let options = client.request("OPTIONS", "/api/metadata?ids=1", &[]);
    assert_eq!((options.status(), options.header("Access-Control-Allow-Origin")), (204, Some("*")));
    let refused = client.request("GET", "/api/metadata?ids=1", &[("Accept-Encoding", "br, identity;q=0")]);
    assert_eq!(refused.status(), 406);
}

#[test]
fn mistakes_are_found_before_anything_is_served() {
    let base = || Mount::pack("/", pack());
    let cases: [(Mount, &str); 6] = [
        (base().fallback("/gallery/", "/gallery/nobody", "X-A", "b"), "lacks the key"),
        (base().fallback("gallery/", "/gallery/ada", "X-A", "b"), "slash"),
        (base().fallback("/gallery", "/gallery/ada", "X-A", "b"), "slash"),
        (base().fallback("/gallery/", "/gallery/ada", "ETag", "b"), "writes this field itself"),
        (base().gather("/metadata/", "ids"), "slash"),
        (base().gather("/metadata", "i=d"), "letters, digits"),
    ];
    for (mount, expected) in cases {
        let error: RouteError = Router::new().mount(mount).validate().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// Over a real socket, where small records are copied behind the frame and large ones leave from their file.
#[test]
fn a_gathered_answer_leaves_whole() {
    backends::backends().for_each(gathered_answer_leaves_whole);
}

fn gathered_answer_leaves_whole(backend: Backend) {
    let server = Server::builder().backend(backend).workers(1).listen("127.0.0.1:0");
    let server = server.start(Router::new().mount(mount("/"))).unwrap();
    assert_eq!(server.backend(), backend.to_string());
    let mut stream = TcpStream::connect(server.addresses()[0].inet().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let ids = "4,0,99,3,1,4,2,3";
    let request = format!("GET /metadata?ids={ids} HTTP/1.1\r\nHost: a\r\n\r\n");
    let last = request.replace("Host: a", "Host: a\r\nConnection: close");
    stream.write_all(format!("{request}{request}{last}").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let body = client().get(&format!("/api/metadata?ids={ids}")).body().to_vec();
    let mut rest = &bytes[..];
    for _ in 0..3 {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(&rest[end..end + body.len()], &body[..]);
        rest = &rest[end + body.len()..];
    }
    assert!(rest.is_empty());
}

/// One record.
fn long_pack(body: &[u8]) -> Pack {
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    let bodies = [(Encoding::Identity, body)];
    writer.add(Entry { key: "/long/one", content_type: "a/b", bodies: &bodies, ..Entry::default() }).unwrap();
    writer.finish().unwrap();
    Pack::from_bytes(out.into_inner()).unwrap()
}

/// Reads at the edges, by a workload of one's own.
#[test]
fn stretches_end_where_the_payload_does() {
    let long = vec![7; 100_000];
    let mount = Mount::pack("/", long_pack(&long)).workload("/long/", "Read", |request, payload, value| {
        let numbers: Vec<u64> = request.query().unwrap().split(',').map(|number| number.parse().unwrap()).collect();
        for stretch in numbers.chunks(2) {
            let bytes = payload.read(stretch[0], stretch[1])?;
            value.push_str(&format!("{} of {} ", bytes.len(), payload.bytes()));
        }
        match numbers.len() {
            2 | 4 => Ok(()),
            6 => Err(Halt::NotYet),
            8 => {
                value.push('\n');
                Ok(())
            }
            _ => panic!("more than was thought of"),
        }
    });
    let mut client = TestClient::new(Router::new().mount(mount)).unwrap();
    let max = u64::MAX;
    let most = WORKLOAD_BYTES_MAX;
    for (query, read) in [
        ("0,0".to_owned(), Some("0 of 100000")),
        ("0,1".to_owned(), Some("1 of 100000")),
        ("99999,1".to_owned(), Some("1 of 100000")),
        ("0,1,50,0".to_owned(), Some("1 of 100000 0 of 100000")),
        ("5,5,6,3".to_owned(), Some("5 of 100000 3 of 100000")),
        (format!("0,{most}"), Some("65536 of 100000")),
        (format!("0,{}", most + 1), None),
        (format!("0,{most},90000,1"), None),
        ("100000,1".to_owned(), None),
        ("0,100001".to_owned(), None),
        (format!("{max},{max}"), None),
        (format!("0,1,0,{max}"), None),
        // It says that bytes are missing, and has asked for none.
        ("0,1,0,1,0,1".to_owned(), None),
    ] {
        let answer = client.get(&format!("/long/one?{query}"));
        assert_eq!((answer.status(), answer.header("Read"), answer.body()), (200, read, &long[..]), "{query}");
    }
    // A value that would break the head, and a panic.
    assert_eq!(client.get("/long/one?0,1,0,1,0,1,0,1").status(), 500);
    let panicked = client.get("/long/one?0,1,0,1,0,1,0,1,0,1");
    assert_eq!((panicked.status(), panicked.header("Connection")), (500, Some("close")));
}
