//! What a mount answers beside the keys of its pack: the entry that stands for missing ones, and many records in one.

mod backends;

use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::poco::{MANY_ENTRIES_MAX, MANY_MEDIA_TYPE, ManyView};
use badgerserver::route::RouteError;
use badgerserver::{Backend, Mount, Pack, Router, Server, TestClient};
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
