//! What a mount does for the web beside its keys: scripts of other origins, a page for what is missing; and redirects.

use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::route::{Cors, RouteError};
use badgerserver::{Mount, Pack, Response, Router, TestClient, TestResponse};
use std::io::Cursor;

fn pack(entries: &[(&str, u16, &str)]) -> Pack {
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    for &(key, status, body) in entries {
        let bodies = [(Encoding::Identity, body.as_bytes())];
        let immutable = key.contains("immutable");
        writer
            .add(Entry { key, content_type: "text/html", bodies: &bodies, status, immutable, ..Entry::default() })
            .unwrap();
    }
    writer.finish().unwrap();
    Pack::from_bytes(out.into_inner()).unwrap()
}

fn client(router: Router) -> TestClient {
    TestClient::new(router).unwrap()
}

fn allowed(answer: &TestResponse) -> Option<&str> {
    answer.header("Access-Control-Allow-Origin")
}

const A: (&str, &str) = ("Origin", "https://a.example");
const B: (&str, &str) = ("Origin", "https://b.example:8080");
const PREFLIGHT: (&str, &str) = ("Access-Control-Request-Method", "GET");

#[test]
fn every_origin() {
    let mut cors = Cors::any();
    cors.expose_headers = vec!["Badger-Order".to_owned(), "ETag".to_owned()];
    cors.allow_headers = vec!["*".to_owned()];
    cors.max_age_seconds = Some(600);
    let mount = Mount::pack("/m", pack(&[("/", 200, "root"), ("/a", 200, "a"), ("/immutable", 200, "i")]));
    let mut client = client(Router::new().mount(mount.cache_control("no-cache").cors(cors)));
    for (method, path, status) in [
        ("GET", "/m/a", 200),
        ("HEAD", "/m/a", 200),
        ("GET", "/m/immutable", 200),
        ("GET", "/m", 301),
        ("GET", "/m/x", 404),
        ("POST", "/m/a", 405),
    ] {
        for headers in [&[][..], &[A]] {
            let answer = client.request(method, path, headers);
            assert_eq!((answer.status(), allowed(&answer)), (status, Some("*")), "{method} {path}");
            assert_eq!(answer.header("Access-Control-Expose-Headers"), Some("Badger-Order, ETag"));
            assert_eq!(answer.header("Access-Control-Allow-Methods"), None, "{method} {path}");
        }
    }
    let refused = client.request("GET", "/m/a", &[A, ("Accept-Encoding", "identity;q=0")]);
    assert_eq!((refused.status(), allowed(&refused)), (406, Some("*")));
    let tag = client.get("/m/a").header("ETag").unwrap().to_owned();
    let same = client.request("GET", "/m/a", &[A, ("If-None-Match", &tag)]);
    assert_eq!((same.status(), allowed(&same)), (304, Some("*")));
    // What is not there may be asked for too: only so does a script learn that.
    for path in ["/m/a", "/m/x", "/m"] {
        let answer = client.request("OPTIONS", path, &[A, PREFLIGHT]);
        assert_eq!((answer.status(), allowed(&answer)), (204, Some("*")), "{path}");
        assert_eq!(answer.header("Access-Control-Allow-Methods"), Some("GET, HEAD"));
        assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("*"));
        assert_eq!(answer.header("Access-Control-Max-Age"), Some("600"));
        assert_eq!(answer.header("Allow"), Some("GET, HEAD, OPTIONS"));
    }
    let plain = client.request("OPTIONS", "/m/a", &[A]);
    assert_eq!((plain.status(), plain.header("Access-Control-Max-Age")), (204, None), "no preflight");
    assert_eq!(client.request("OPTIONS", "/m/x", &[A]).status(), 404);
    assert_eq!(allowed(&client.get("/elsewhere")), None);
}

#[test]
fn named_origins() {
    let mount = |prefix, cors| Mount::pack(prefix, pack(&[("/a", 200, "a"), ("/f", 200, "f")])).cors(cors);
    let one = mount("/one", Cors::origins(["https://a.example"]));
    let mut two = Cors::origins(["https://a.example", "https://b.example:8080"]);
    two.credentials = true;
    let two = mount("/two", two).fallback("/x/", "/f", "Fallback", "yes").gather("/many", "ids");
    let mut client = client(Router::new().mount(one).mount(two));
    for headers in [&[][..], &[A], &[B]] {
        let answer = client.request("GET", "/one/a", headers);
        assert_eq!((allowed(&answer), answer.header("Vary")), (Some("https://a.example"), None));
    }
    for path in ["/two/a", "/two/x/y", "/two/nothing", "/two/many?ids=x", "/two/many?ids=1"] {
        for (headers, expected) in [
            (&[][..], None),
            (&[A], Some(A.1)),
            (&[B], Some(B.1)),
            (&[("Origin", "https://c.example")], None),
            (&[("Origin", "null")], None),
        ] {
            let answer = client.request("GET", path, headers);
            assert_eq!((allowed(&answer), answer.header("Vary")), (expected, Some("Origin")), "{path}");
            assert_eq!(answer.header("Access-Control-Allow-Credentials"), Some("true"), "{path}");
        }
    }
}

#[test]
fn a_page_for_what_is_missing() {
    let site = pack(&[("/", 200, "root"), ("/404.html", 200, "<h1>nothing"), ("/index", 200, "i")]);
    let docs = pack(&[("/immutable-404", 200, "no such page")]);
    let router = Router::new()
        .mount(Mount::pack("/", site).cache_control("public, max-age=300").header("X-M", "site").not_found("/404.html"))
        .mount(Mount::pack("/docs", docs).cors(Cors::any()).not_found("/immutable-404"))
        .get("/handler", |_| Response::text("h"))
        .not_found(|_| Response::text("the handler").status(404));
    let mut client = client(router);
    let answer = client.get("/nothing?x");
    assert_eq!((answer.status(), answer.body()), (404, &b"<h1>nothing"[..]));
    assert_eq!((answer.header("Content-Type"), answer.header("X-M")), (Some("text/html"), Some("site")));
    assert_eq!(answer.header("Cache-Control"), None, "it may come");
    let tag = answer.header("ETag").map(str::to_owned).unwrap_or_default();
    let again = client.request("GET", "/nothing", &[("If-None-Match", &tag), ("Range", "bytes=0-1")]);
    assert_eq!((again.status(), again.body()), (404, &b"<h1>nothing"[..]), "neither 304 nor 206");
    let head = client.request("HEAD", "/nothing", &[]);
    assert_eq!((head.status(), head.header("Content-Length"), head.body()), (404, Some("11"), &b""[..]));
    assert_eq!(client.get("/404.html").status(), 200, "by its own name it is a page as others are");
    let docs = client.get("/docs/x");
    assert_eq!((docs.status(), docs.body(), allowed(&docs)), (404, &b"no such page"[..], Some("*")));
    assert_eq!(docs.header("Cache-Control"), None);
    assert_eq!(client.get("/index").status(), 200);
    assert_eq!(client.request("POST", "/handler", &[]).status(), 405);
    let other = client.request("POST", "/nothing", &[]);
    assert_eq!((other.status(), other.body()), (404, &b"the handler"[..]), "a page is for reading");
    let refused = client.request("GET", "/nothing", &[("Accept-Encoding", "identity;q=0")]);
    assert_eq!((refused.status(), refused.body()), (404, &b"the handler"[..]));

    let lacks = Router::new().mount(Mount::pack("/", pack(&[("/a", 200, "a")])).not_found("/404.html"));
    assert!(matches!(lacks.validate(), Err(RouteError::Key { key, .. }) if key == "/404.html"));
}

#[test]
fn redirects() {
    let router = Router::new()
        .redirect("/docs/{*rest}", 301, "/manual/{rest}")
        .redirect("/u/{name}", 302, "/people/{name}/")
        .redirect("/go/{*rest}", 302, "/{rest}")
        .redirect("/shop", 308, "https://shop.example/")
        .redirect("/own", 307, "/a?own=1#here")
        .mount(Mount::pack("/", pack(&[("/docs/a", 200, "behind the redirect")])));
    let mut client = client(router);
    for (path, status, location) in [
        ("/docs/a", 301, "/manual/a"),
        ("/docs/a/b%20c?d=e&f", 301, "/manual/a/b%20c?d=e&f"),
        ("/u/%C3%BC%22%3C", 302, "/people/%C3%BC%22%3C/"),
        ("/go/a", 302, "/a"),
        ("/go//other.example/", 302, "/%2Fother.example/"),
        ("/go/%5Cother.example", 302, "/%5Cother.example"),
        ("/shop?x=1", 308, "https://shop.example/?x=1"),
        ("/own?x=1", 307, "/a?own=1#here"),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status(), answer.header("Location")), (status, Some(location)), "{path}");
    }
    for router in [
        Router::new().redirect("/a", 200, "/b"),
        Router::new().redirect("/a", 301, "b"),
        Router::new().redirect("/a", 301, "/{b}"),
    ] {
        assert!(matches!(router.validate(), Err(RouteError::Redirect { .. })), "{router:?}");
    }
    assert!(matches!(Router::new().redirect("a", 301, "/b").validate(), Err(RouteError::Pattern { .. })));
}

#[test]
fn what_cannot_be_allowed_is_named() {
    let with = |mount: Mount| Router::new().mount(mount).validate();
    let mount = || Mount::pack("/", pack(&[("/a", 200, "a")]));
    assert_eq!(with(mount().cors(Cors::any())), Ok(()));
    let wrong = with(mount().cors(Cors::origins(["https://a.example/path"])));
    assert!(matches!(wrong, Err(RouteError::Cors { value, .. }) if value == "https://a.example/path"));
    let both = mount().header("access-control-allow-origin", "*").cors(Cors::any());
    assert!(matches!(with(both), Err(RouteError::Header { .. })));
}
