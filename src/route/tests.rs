//! Requests as they come off the wire, and what the router finds for them.
#![forbid(unsafe_code)]

use super::{FileState, FileTable, Files, Local, Mount, PatternError, ROUTES_MAX, RouteError, Router};
use crate::http::date;
use crate::http::method::Method;
use crate::http::parse::{self, Parsed};
use crate::http::plan::{SourceId, Span};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::service::{Found, Stored};
use crate::http::target::{self, Target};
use crate::limits::Limits;
use crate::pack::{Encoding, Entry, Pack, PackWriter, WriterOptions};
use std::{io::Cursor, sync::Arc};

/// Calls `look` with the request of a head, given in lines separated by `|`: `GET /a|Accept-Encoding: br`.
fn with_request<T>(head: &str, look: impl FnOnce(&Request<'_>) -> T) -> T {
    let bytes = format!("{}\r\nHost: a\r\n\r\n", head.replacen('|', " HTTP/1.1|", 1).replace('|', "\r\n"));
    let bytes = if head.contains('|') { bytes } else { format!("{head} HTTP/1.1\r\nHost: a\r\n\r\n") };
    let mut sections = crate::http::fields::Sections::default();
    let Parsed::Head(head) = parse::head(bytes.as_bytes(), &mut sections, &Limits::default()) else {
        panic!("the head is malformed: {bytes}");
    };
    let mut decoded = Vec::new();
    let Ok(Target::Path { path, query, .. }) = target::parse(head.method_bytes, head.target, &mut decoded) else {
        panic!("the target is malformed: {bytes}");
    };
    look(&Request {
        method: head.method,
        authority: None,
        path,
        query: query.map(|query| std::str::from_utf8(query).unwrap()),
        fields: head.fields,
        peer: None,
        local: None,
        unix_seconds: 0,
        generation: 1,
        params: &[],
    })
}

/// Files that are all in one state.
struct Fixed(FileState);

impl Files for Fixed {
    fn read_index(&mut self, mount: u32, key: &[u8]) -> Found {
        unreachable!("these packs are in memory: {mount}, {key:?}")
    }

    fn open(&mut self, mount: u32, file: u64) -> FileState {
        let FileState::Open { len, last_modified, .. } = self.0 else { return self.0 };
        FileState::Open { source: SourceId(1000 + 10 * mount + file as u32), len, last_modified }
    }
}

struct Client {
    router: Arc<Router>,
    local: Local,
    files: Fixed,
    stored: Stored,
}

impl Client {
    fn new(router: Router) -> Client {
        assert_eq!(router.validate(), Ok(()));
        let local = router.local();
        Client { router: Arc::new(router), local, files: Fixed(FileState::Missing), stored: Stored::default() }
    }

    fn find(&mut self, head: &str) -> Found {
        self.stored.clear();
        with_request(head, |request| self.router.find(&mut self.local, &mut self.files, request, &mut self.stored))
    }

    /// What was found, in a few words: `200 made`, `200 stored body`, `methods GET, HEAD`.
    fn ask(&mut self, head: &str) -> String {
        match self.find(head) {
            Found::Stored => format!("{} stored {}", self.stored.status, self.body()),
            Found::Made(response) => {
                format!("{} made {}", response.status, String::from_utf8_lossy(response.body.as_bytes()))
            }
            Found::Methods(methods) => {
                let mut allow = Vec::new();
                methods.write_allow(&mut allow);
                format!("methods {}", String::from_utf8(allow).unwrap())
            }
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn body(&self) -> String {
        let Some(span) = self.stored.body else { return "nothing".to_owned() };
        let mut body = vec![0; span.len as usize];
        match self.router.sources().get(span.source.0 as usize) {
            Some(pack) => pack.read_payload(span.offset, &mut body).unwrap(),
            None => return format!("file {} of {} bytes", span.source.0, span.len),
        }
        String::from_utf8(body).unwrap()
    }

    fn always(&self) -> &str {
        std::str::from_utf8(self.stored.slice(&self.stored.always)).unwrap()
    }

    fn content(&self) -> &str {
        std::str::from_utf8(self.stored.slice(&self.stored.content)).unwrap()
    }
}

fn pack_of(entries: &[Entry<'_>]) -> Pack {
    Pack::from_bytes(bytes_of(entries)).unwrap()
}

fn bytes_of(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let spool = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut file, spool, WriterOptions::default()).unwrap();
    for &entry in entries {
        writer.add(entry).unwrap();
    }
    writer.finish().unwrap();
    file.into_inner()
}

/// A pack with these keys, whose bodies are a name and the key.
fn pack(name: &str, keys: &[&str]) -> Pack {
    let bodies: Vec<String> = keys.iter().map(|key| format!("{name}:{key}")).collect();
    let bodies: Vec<_> = bodies.iter().map(|body| [(Encoding::Identity, body.as_bytes())]).collect();
    let entries = keys.iter().zip(&bodies).map(|(key, bodies)| Entry {
        key,
        content_type: "text/plain",
        bodies,
        ..Entry::default()
    });
    pack_of(&entries.collect::<Vec<_>>())
}

/// A handler that answers its own name and the parameters.
fn named(name: &'static str) -> impl Fn(&Request<'_>) -> Response + Send + Sync + 'static {
    move |request| {
        let params: Vec<String> = request.params.iter().map(|param| format!(" {}={}", param.0, param.1)).collect();
        Response::text(format!("{name}{}", params.concat()))
    }
}

#[test]
fn the_more_specific_pattern_wins_whatever_was_added_first() {
    let patterns = ["/", "/a", "/a/", "/a/b", "/a/{x}", "/a/{x}/c", "/{x}/b", "/a/{*rest}", "/{*rest}", "/{x}/{y}/{z}"];
    let cases = [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a/"),
        ("/a/b", "/a/b"),
        ("/a/q", "/a/{x} x=q"),
        ("/a/b/c", "/a/{x}/c x=b"),
        ("/a/b/d", "/a/{*rest} rest=b/d"),
        ("/a//", "/a/{*rest} rest=/"),
        ("/q/b", "/{x}/b x=q"),
        ("/q/c", "/{*rest} rest=q/c"),
        ("/q/", "/{*rest} rest=q/"),
        ("/q/r/s", "/{x}/{y}/{z} x=q y=r z=s"),
        ("/q//s", "/{*rest} rest=q//s"),
        ("//", "/{*rest} rest=/"),
        ("/A", "/{*rest} rest=A"),
        ("/a%20%C3%BC", "/{*rest} rest=a ü"),
        ("/a/100%25%3F", "/a/{x} x=100%?"),
        ("/a/b?c=d", "/a/b"),
    ];
    let forward = patterns.iter().fold(Router::new(), |router, pattern| router.get(pattern, named(pattern)));
    let backward = patterns.iter().rev().fold(Router::new(), |router, pattern| router.get(pattern, named(pattern)));
    for mut client in [Client::new(forward), Client::new(backward)] {
        for (path, expected) in cases {
            assert_eq!(client.ask(&format!("GET {path}")), format!("200 made {expected}"), "{path}");
        }
    }
}

#[test]
fn names_and_rests_take_no_empty_text() {
    let mut client =
        Client::new(Router::new().get("/files/{*rest}", named("rest")).get("/hello/{name}", named("name")));
    for path in ["/files", "/files/", "/hello", "/hello/", "/hello/a/", "/hello/a/b", "/", "/filesystem/a"] {
        assert_eq!(client.ask(&format!("GET {path}")), "missing", "{path}");
    }
    assert_eq!(client.ask("GET /files/a/"), "200 made rest rest=a/");
}

#[test]
fn eight_names_are_kept_apart() {
    let pattern = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{*h}";
    let mut client = Client::new(Router::new().get(pattern, named("")));
    assert_eq!(client.ask("GET /1/2/3/4/5/6/7/8/9"), "200 made  a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8/9");
}

#[test]
fn methods() {
    let router = Router::new()
        .get("/both", named("get"))
        .route(Method::Post, "/both", named("post"))
        .route(Method::Head, "/head", named("head"))
        .get("/head", named("get"))
        .options("/cors", named("options"))
        .get("/cors", named("get"))
        .route(Method::Post, "/files/upload", named("upload"))
        .get("/files/{*rest}", named("file"))
        .route(Method::Delete, "/files/{id}", named("delete"))
        .route(Method::Post, "/stored/key", named("post"))
        .pack("/stored", pack("pack", &["/key", "/other"]));
    let mut client = Client::new(router);
    for (head, expected) in [
        ("GET /both", "200 made get"),
        ("HEAD /both", "200 made get"),
        ("POST /both", "200 made post"),
        ("PUT /both", "methods GET, HEAD, OPTIONS, POST"),
        ("OPTIONS /both", "methods GET, HEAD, OPTIONS, POST"),
        ("HEAD /head", "200 made head"),
        ("OPTIONS /cors", "200 made options"),
        ("POST /cors", "methods GET, HEAD, OPTIONS"),
        ("POST /files/upload", "200 made upload"),
        ("GET /files/upload", "200 made file rest=upload"),
        ("DELETE /files/upload", "200 made delete id=upload"),
        ("PUT /files/upload", "methods GET, HEAD, OPTIONS, POST, DELETE"),
        ("PUT /files/a/b", "methods GET, HEAD, OPTIONS"),
        ("GET /stored/key", "200 stored pack:/key"),
        ("HEAD /stored/key", "200 stored pack:/key"),
        ("POST /stored/key", "200 made post"),
        ("OPTIONS /stored/key", "methods GET, HEAD, OPTIONS, POST"),
        ("DELETE /stored/key", "methods GET, HEAD, OPTIONS, POST"),
        ("POST /stored/other", "methods GET, HEAD, OPTIONS"),
        ("OPTIONS /stored/none", "missing"),
        ("POST /stored/none", "missing"),
        ("OPTIONS /none", "missing"),
    ] {
        assert_eq!(client.ask(head), expected, "{head}");
    }
}

#[test]
fn mounts_match_at_segments_and_fall_through_to_shorter_prefixes() {
    let router = Router::new()
        .pack("/", pack("root", &["/", "/index.html", "/gallery/only-root", "/gallery", "/gallery/deep/x", "/late"]))
        .pack("/gallery/deep", pack("deep", &["/x", "/"]))
        .pack("/gallery/", pack("gallery", &["/", "/a b", "/deep/y"]))
        .pack("/gallery", pack("second", &["/a b", "/second"]))
        .pack("/ü/ö", pack("umlaut", &["/ä"]))
        .get("/gallery/handler", named("handler"));
    let mut client = Client::new(router);
    for (path, expected) in [
        ("/", "200 stored root:/"),
        ("/index.html", "200 stored root:/index.html"),
        ("/gallery/", "200 stored gallery:/"),
        ("/gallery/a%20b", "200 stored gallery:/a b"),
        ("/gallery/second", "200 stored second:/second"),
        ("/gallery/only-root", "200 stored root:/gallery/only-root"),
        ("/gallery/deep/x", "200 stored deep:/x"),
        ("/gallery/deep/y", "200 stored gallery:/deep/y"),
        ("/gallery/deep/z", "missing"),
        ("/gallery/handler", "200 made handler"),
        ("/galleryx", "missing"),
        ("/gal", "missing"),
        ("/%C3%BC/%C3%B6/%C3%A4", "200 stored umlaut:/ä"),
        ("//", "missing"),
        ("/gallery//", "missing"),
        ("/gallery", "301 stored nothing"),
        ("/gallery/deep", "301 stored nothing"),
    ] {
        assert_eq!(client.ask(&format!("GET {path}")), expected, "{path}");
    }
    let mut client = Client::new(Router::new().pack("/gallery", pack("gallery", &["/a"])));
    assert_eq!(client.ask("GET /gallery"), "missing");
    assert_eq!(client.ask("GET /"), "missing");
}

#[test]
fn the_prefix_alone_leads_to_the_slash_and_keeps_the_query() {
    let mount = Mount::pack("/a b/c:d", pack("pack", &["/"])).header("Access-Control-Allow-Origin", "*");
    let mut client = Client::new(Router::new().mount(mount));
    for (head, location) in [
        ("GET /a%20b/c:d", "c%3Ad/"),
        ("HEAD /a%20b/c:d", "c%3Ad/"),
        ("GET /a%20b/c:d?x=%0D%0Ay&z", "c%3Ad/?x=%0D%0Ay&z"),
        ("GET /a%20b/c:d?", "c%3Ad/?"),
    ] {
        assert_eq!(client.ask(head), "301 stored nothing");
        assert_eq!(client.always(), format!("Access-Control-Allow-Origin: *\r\nLocation: {location}\r\n"));
        assert_eq!((client.content(), client.stored.etag.len()), ("", 0));
    }
    assert_eq!(client.ask("POST /a%20b/c:d"), "methods GET, HEAD, OPTIONS");
}

#[test]
fn a_stored_redirect_that_only_adds_a_slash_keeps_the_query() {
    let body: &[(Encoding, &[u8])] = &[(Encoding::Identity, b"hello")];
    for (status, key, location, expected) in [
        (302, "/a/docs", "docs/", "docs/?x=%0D%0Ay&z"),
        (307, "/a/docs", "/p/a/docs/", "/p/a/docs/?x=%0D%0Ay&z"),
        (308, "/a/b c:d\u{fc}", "b%20c%3Ad%c3%BC/", "b%20c%3Ad%c3%BC/?x=%0D%0Ay&z"),
        (303, "/docs", "docs/", "docs/"),
        (301, "/docs", "docs", "docs"),
        (301, "/docs", "docs/?y", "docs/?y"),
        (301, "/docs", "/#docs/", "/#docs/"),
        (301, "/docs", "https://b.example/docs/", "https://b.example/docs/"),
        (301, "/docs", "//b.example/docs/", "//b.example/docs/"),
        (301, "/old", "new/", "new/"),
        (301, "/docs", "%64oc/", "%64oc/"),
    ] {
        let headers = [("X-A", "docs/"), ("location", location), ("X-B", "docs/")];
        let entry = Entry { key, status, headers: &headers, bodies: body, ..Entry::default() };
        let mount = Mount::pack("/p", pack_of(&[entry])).header("X-Location", "docs/");
        let mut client = Client::new(Router::new().mount(mount));
        let path = key.replace(' ', "%20").replace('\u{fc}', "%C3%BC");
        for (query, expected) in [("?x=%0D%0Ay&z", expected), ("", location)] {
            assert_eq!(client.ask(&format!("GET /p{path}{query}")), format!("{status} stored hello"), "{location}");
            let always = client.always();
            let values: Vec<&str> = always.lines().filter_map(|line| line.strip_prefix("location: ")).collect();
            assert_eq!(values, [expected], "{key} to {location}: {always}");
            assert_eq!(always.lines().filter(|line| line.starts_with("X-") && line.ends_with(": docs/")).count(), 3);
            assert_eq!(client.stored.slice(&client.stored.etag).len(), 34);
        }
    }
}

#[test]
fn what_a_stored_answer_is_drawn_from() {
    let body: &[(Encoding, &[u8])] = &[(Encoding::Identity, b"hello")];
    let html = Entry { content_type: "text/html", bodies: body, ..Entry::default() };
    let entries = [
        Entry { key: "/plain", last_modified: Some(784_111_777), ..html },
        Entry { key: "/forever", immutable: true, ..html },
        Entry { key: "/moved", status: 302, headers: &[("Location", "/plain")], ..html },
    ];
    let pack = pack_of(&entries);
    let mount = Mount::pack("/m", pack.clone()).header("X-A", "1").cache_control("no-cache");
    let router = Router::new()
        .mount(mount.clone())
        .mount(Mount::pack("/n", pack.clone()).header("cache-Control", "no-store").immutable(false))
        .pack("/o", pack);
    let mut client = Client::new(router);

    let forever = "Cache-Control: public, max-age=31536000, immutable\r\n";
    for (path, status, lines, modified) in [
        ("/m/plain", 200, "X-A: 1\r\nCache-Control: no-cache\r\n", Some(784_111_777)),
        ("/m/forever", 200, &format!("X-A: 1\r\n{forever}")[..], None),
        ("/m/moved", 302, "X-A: 1\r\nCache-Control: no-cache\r\n", None),
        ("/n/forever", 200, "Cache-Control: no-store\r\n", None),
        ("/o/forever", 200, forever, None),
        ("/o/plain", 200, "", Some(784_111_777)),
    ] {
        assert_eq!(client.ask(&format!("GET {path}")), format!("{status} stored hello"), "{path}");
        let (always, stored) = (client.always(), &client.stored);
        let etag = std::str::from_utf8(stored.slice(&stored.etag)).unwrap();
        assert!(etag.len() == 34 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        assert!(always.starts_with(&format!("{lines}ETag: {etag}\r\n")), "{path}: {always}");
        assert_eq!(always.contains("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), modified.is_some());
        assert_eq!(always.contains("Location: /plain\r\n"), status == 302);
        assert_eq!(always.matches("Cache-Control").count(), lines.matches("Cache-Control").count());
        assert!(client.content().contains("Content-Type: text/html"));
        assert_eq!(stored.slice(&stored.length), b"Content-Length: 5\r\n");
        assert_eq!((stored.last_modified, stored.status), (modified, status));
    }
    assert_eq!(client.ask("OPTIONS /m/forever"), "methods GET, HEAD, OPTIONS");
    assert_eq!(client.always(), "X-A: 1\r\nCache-Control: no-cache\r\n");
}

#[test]
fn the_encoding_is_the_one_that_suits_the_client() {
    let four: &[(Encoding, &[u8])] = &[
        (Encoding::Identity, b"identity"),
        (Encoding::Gzip, b"gzip..."),
        (Encoding::Br, b"brotli"),
        (Encoding::Zstd, b"zstd."),
    ];
    let entries = [
        Entry { key: "/four", bodies: four, ..Entry::default() },
        Entry { key: "/one", bodies: &four[..1], ..Entry::default() },
    ];
    let mut client = Client::new(Router::new().mount(Mount::pack("/", pack_of(&entries)).header("X-A", "1")));
    for (head, expected, coding) in [
        ("GET /four", "200 stored identity", ""),
        ("GET /four|Accept-Encoding: gzip", "200 stored gzip...", "gzip"),
        ("GET /four|Accept-Encoding: gzip, deflate, br", "200 stored brotli", "br"),
        ("GET /four|Accept-Encoding: gzip|Accept-Encoding: zstd", "200 stored zstd.", "zstd"),
        ("GET /four|Accept-Encoding: br;q=0.5, gzip", "200 stored gzip...", "gzip"),
        ("GET /four|Accept-Encoding: deflate", "200 stored identity", ""),
        ("GET /four|Accept-Encoding: *;q=0", "notacceptable", ""),
        ("GET /one", "200 stored identity", ""),
        ("GET /one|Accept-Encoding: gzip, br", "200 stored identity", ""),
        ("GET /one|Accept-Encoding: gzip;q=0.5", "200 stored identity", ""),
        ("GET /one|Accept-Encoding: gzip, identity;q=0", "notacceptable", ""),
        ("OPTIONS /one|Accept-Encoding: identity;q=0", "methods GET, HEAD, OPTIONS", ""),
    ] {
        assert_eq!(client.ask(head), expected, "{head}");
        let line = format!("Content-Encoding: {coding}\r\n");
        assert_eq!(client.content().contains("Content-Encoding"), !coding.is_empty(), "{head}");
        assert!(coding.is_empty() || client.content().contains(&line), "{head}");
        assert!(client.always().starts_with("X-A: 1\r\n"), "{head}");
        assert_eq!(client.always().contains("Vary"), head.contains("/four") && expected.starts_with("200"), "{head}");
    }
}

#[test]
fn files_outside_the_pack() {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = PackWriter::create_private(&mut bytes, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    let entry = Entry { key: "/film", content_type: "video/mp4", last_modified: Some(1), ..Entry::default() };
    writer.add_external(entry, crate::pack::External { number: 7, bytes: 10, etag_hash: [0; 16] }).unwrap();
    writer.finish().unwrap();
    let pack_with_file = Pack::from_source_private(Arc::new(bytes.into_inner())).unwrap();
    let table = FileTable { root: "/srv".into(), paths: vec!["film".into()] };
    let router = Router::new()
        .pack("/", pack("root", &["/a/film"]))
        .mount(Mount::files("/a", pack_with_file, table.clone()).header("X-A", "1"));
    assert_eq!(router.file_tables().collect::<Vec<_>>(), [(1, &table)]);
    let mut client = Client::new(router);
    let open = |last_modified| FileState::Open { source: SourceId(0), len: 12, last_modified };
    for (state, expected) in [
        (open(Some(784_111_777)), "200 stored file 1017 of 12 bytes"),
        (open(None), "200 stored file 1017 of 12 bytes"),
        (FileState::Wait, "wait"),
        (FileState::Busy, "busy"),
        (FileState::Failed, "failed"),
        (FileState::Missing, "200 stored root:/a/film"),
    ] {
        client.files = Fixed(state);
        assert_eq!(client.ask("GET /a/film"), expected);
        assert_eq!(client.local.failure.take().is_some(), state == FileState::Failed);
        if let FileState::Open { last_modified, .. } = state {
            let modified = last_modified
                .map(|seconds| format!("Last-Modified: {}\r\n", String::from_utf8_lossy(&date::write(seconds))));
            assert_eq!(client.always(), format!("X-A: 1\r\n{}", modified.unwrap_or_default()));
            assert!(client.content().contains("Content-Type: video/mp4\r\n"));
            assert_eq!((client.stored.etag.len(), client.stored.length.len()), (0, 0));
            assert_eq!(client.stored.last_modified, last_modified);
            let span = client.stored.body.unwrap();
            assert_eq!(client.router.unchecked_bytes(&client.local, span), 0);
            assert_eq!(client.router.check_payload(&mut client.local, span, &mut Vec::new()), Ok(()));
            client.router.mark(&mut client.local, span);
        }
    }
    client.files = Fixed(FileState::Wait);
    assert_eq!(client.ask("OPTIONS /a/film"), "methods GET, HEAD, OPTIONS");
}

#[test]
fn a_panic_is_caught_and_told() {
    let router = Router::new()
        .get("/static", |_| panic!("plain text"))
        .get("/{made}", |request| panic!("made for {}", request.param("made")))
        .get("/odd/value", |_| std::panic::panic_any(7))
        .not_found(|_| panic!("lost"));
    let mut client = Client::new(router);
    for (path, words) in [
        ("/static", "the handler of \"/static\" panicked at \"/static\": plain text"),
        ("/x", "the handler of \"/{made}\" panicked at \"/x\": made for x"),
        ("/odd/value", "the handler of \"/odd/value\" panicked at \"/odd/value\": no message"),
        ("/no/where", "the handler of \"not found\" panicked at \"/no/where\": lost"),
    ] {
        assert_eq!(client.ask(&format!("GET {path}")), "panicked");
        assert_eq!(client.local.failure.take().as_deref(), Some(words));
    }
}

#[test]
fn what_is_not_found_has_a_handler_of_its_own() {
    let router = Router::new()
        .get("/get", named("get"))
        .pack("/p", pack("pack", &["/a"]))
        .not_found(|request| Response::text(format!("no {}", request.path())).status(404));
    let mut client = Client::new(router);
    for (head, expected) in [
        ("GET /x%20y", "404 made no /x y"),
        ("POST /x", "404 made no /x"),
        ("OPTIONS /x", "404 made no /x"),
        ("GET /p/b", "404 made no /p/b"),
        ("POST /get", "methods GET, HEAD, OPTIONS"),
        ("GET /p/a", "200 stored pack:/a"),
    ] {
        assert_eq!(client.ask(head), expected, "{head}");
    }
}

#[test]
fn a_damaged_record_fails_and_names_the_mount_and_key() {
    let keys: Vec<String> = (0..200).map(|number| format!("/{number}")).collect();
    let body: &[(Encoding, &[u8])] = &[(Encoding::Identity, b"hello")];
    let entries = keys.iter().map(|key| Entry { key, bodies: body, ..Entry::default() });
    let mut bytes = bytes_of(&entries.collect::<Vec<_>>());
    let first_record = bytes.windows(6).position(|bytes| bytes == b"ETag: ").unwrap();
    bytes[first_record] ^= 1;
    let mut client = Client::new(Router::new().pack("/m", Pack::from_bytes(bytes).unwrap()));
    for head in ["GET /m/0", "OPTIONS /m/0", "POST /m/0"] {
        assert_eq!(client.ask(head), "failed", "{head}");
        let failure = client.local.failure.take().unwrap();
        assert!(failure.starts_with("mount \"/m\", key \"/0\": "), "{failure}");
    }
    assert_eq!(client.ask("GET /m/199"), "200 stored hello");
    assert_eq!(client.local.failure, None);
}

#[test]
fn spans_are_verified_by_the_number_of_their_source() {
    let mut client = Client::new(Router::new().pack("/a", pack("a", &["/x"])).pack("/b", pack("bb", &["/x"])));
    let mut scratch = Vec::new();
    for (path, source) in [("/b/x", 1), ("/a/x", 0)] {
        client.ask(&format!("GET {path}"));
        let span = client.stored.body.unwrap();
        assert_eq!(span.source, SourceId(source));
        let Client { router, local, .. } = &mut client;
        assert!(router.unchecked_bytes(local, span) > 0);
        if source == 0 {
            router.check_payload(local, span, &mut scratch).unwrap();
        } else {
            router.verify_span(span, &mut scratch).unwrap();
            router.mark(local, span);
        }
        assert_eq!(router.unchecked_bytes(local, span), 0);
        let outside = Span { offset: 1 << 40, ..span };
        assert!(router.check_payload(local, outside, &mut scratch).is_err());
    }
}

#[test]
fn mistakes_are_found_before_serving() {
    let handler = || named("");
    let full =
        |count: usize| (0..count).fold(Router::new(), |router, number| router.get(&format!("/{number}"), named("")));
    let mount = |prefix: &str| Mount::pack(prefix, pack("", &[]));
    let cases: Vec<(Router, &str)> = vec![
        (Router::new().get("hello", handler()), r#"pattern "hello": it must start with '/'"#),
        (
            Router::new().get("/{a}b", handler()).get("x", handler()),
            r#"pattern "/{a}b": braces go around a whole segment, as in /hello/{name}; as plain text they are not supported"#,
        ),
        (
            Router::new().get("/a/{x}", handler()).get("/a/{y}", handler()),
            r#"GET "/a/{y}" matches the same paths as GET "/a/{x}"; leave one of them out"#,
        ),
        (
            Router::new().route(Method::Connect, "/a", handler()),
            r#"CONNECT "/a": the server answers this method itself; leave the handler out"#,
        ),
        (Router::new().mount(mount("gallery")), r#"prefix "gallery": it must start with '/'"#),
        (
            Router::new().mount(mount("/{a}")),
            r#"prefix "/{a}": a prefix is plain text; names in braces belong into the pattern of a handler"#,
        ),
        (
            Router::new().mount(mount("/a").header("X A", "1").header("Date", "1")),
            r#"header "X A" of the mount at "/a": the name may have letters, digits and !#$%&'*+-.^_`|~ only"#,
        ),
        (
            Router::new().mount(mount("/a").cache_control("a\r\nb")),
            r#"header "Cache-Control" of the mount at "/a": the value has a control character; leave it out"#,
        ),
        (
            Router::new().mount(mount("/a").header("ETag", "1")),
            r#"header "ETag" of the mount at "/a": the server writes this field itself; leave it out"#,
        ),
        (
            Router::new().mount(mount("/a").header("Content-Type", "a/b")),
            r#"header "Content-Type" of the mount at "/a": each entry of the pack has its own; give it to the packer"#,
        ),
        (
            full(ROUTES_MAX).mount(mount("/a")),
            r#""/a" is one more than the 256 handlers and mounts that a router may have; join some with {name} or {*rest}"#,
        ),
    ];
    for (router, text) in cases {
        assert_eq!(router.validate().unwrap_err().to_string(), text);
    }
    assert_eq!(full(ROUTES_MAX).validate(), Ok(()));
    let different = Router::new().get("/a/{x}", handler()).route(Method::Post, "/a/{y}", handler());
    assert_eq!(different.validate(), Ok(()));
    let error = Router::new().get("/:id", handler()).validate().unwrap_err();
    assert_eq!(error, RouteError::Pattern { pattern: "/:id".to_owned(), error: PatternError::ForeignName });
}

#[test]
fn two_hundred_handlers_are_each_found() {
    let patterns: Vec<String> = (0..200).map(|number| format!("/v{}/item-{number}/{{id}}", number % 7)).collect();
    let router = patterns.iter().fold(Router::new(), |router, pattern| {
        let own = pattern.clone();
        router.get(pattern, move |request| Response::text(format!("{own} {}", request.param("id"))))
    });
    let mut client = Client::new(router);
    for pattern in &patterns {
        let path = pattern.replace("{id}", "7");
        assert_eq!(client.ask(&format!("GET {path}")), format!("200 made {pattern} 7"));
        assert_eq!(client.ask(&format!("GET {path}/x")), "missing");
    }
}

#[test]
fn routers_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Router>();
    fn sent<T: Send>() {}
    sent::<Local>();
}
