//! Pages about a running server, for those who run it: counts for a dashboard and for Prometheus, whether it is well, and
//! how fast a network is.
//!
//! ```text
//! GET /_badger/          a page for people
//!     /_badger/stats     everything as JSON                      docs/admin.md has each field
//!     /_badger/metrics   the same for Prometheus (text 0.0.4)
//!     /_badger/health    200 while the process lives
//!     /_badger/ready     200 while it serves, 503 while it drains
//!     /_badger/speed     bytes that no proxy can squeeze, ?bytes= how many; a part of them by Range
//! ```
//!
//! They belong on a listener of their own: a second [`Server`](crate::Server) with one worker, so that they answer when the loops of the
//! first are busy or drain, and cost those nothing but what they are asked. Nothing here changes anything.
//!
//! ```no_run
//! use badgerserver::admin::Admin;
//! use badgerserver::{Response, Router, Server};
//! use std::sync::Arc;
//!
//! let site = Router::new().get("/", |_| Response::text("hello\n"));
//! let handle = Arc::new(Server::builder().listen("[::]:8080").start(site)?);
//! let admin = Admin::new(Arc::clone(&handle)).router();
//! let _admin = Server::builder().listen("127.0.0.1:9090").workers(1).start(admin)?;
//! handle.wait()?;
//! # Ok::<(), badgerserver::Error>(())
//! ```
#![forbid(unsafe_code)]

mod facts;
mod json;
mod metrics;
mod speed;
mod stats;

use super::handle::Handle;
use crate::http::{Request, Response};
use crate::route::Router;
use facts::Watch;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

/// The page for people.
const PAGE: &str = include_str!("dashboard.html");
/// What the page may do is said in it; what can only be said here: nobody may show it inside another page.
const PAGE_POLICY: &str = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The pages about one server. They hold its handle, so the server does not stop before they go.
#[derive(Debug)]
pub struct Admin {
    handle: Arc<Handle>,
    token: Option<String>,
}

impl Admin {
    /// About this server.
    pub fn new(handle: Arc<Handle>) -> Admin {
        Admin { handle, token: None }
    }

    /// Answers only who knows this: `Authorization: Bearer TOKEN` (RFC 6750); everybody else gets 401. All but the page for
    /// people, which says nothing by itself and asks for the token. Where a stranger can connect there should be one, and
    /// something that encrypts in between.
    pub fn token(mut self, token: impl Into<String>) -> Admin {
        self.token = Some(token.into());
        self
    }

    /// The pages.
    pub fn router(self) -> Router {
        self.router_at("/".into())
    }

    fn router_at(self, root: PathBuf) -> Router {
        let shared = Arc::new(Shared { watch: Watch::new(self.handle, root), token: self.token });
        let answer = |make: fn(&Watch, &Request<'_>) -> Response| {
            let shared = Arc::clone(&shared);
            move |request: &Request<'_>| shared.answer(request, make)
        };
        Router::new()
            .redirect("/_badger", 308, "/_badger/")
            .get("/_badger/", |_| page())
            .get("/_badger/stats", answer(|watch, _| Response::json(stats::write(&watch.facts()))))
            .get(
                "/_badger/metrics",
                answer(|watch, _| Response::bytes(metrics::MEDIA_TYPE, metrics::write(&watch.facts()))),
            )
            .get("/_badger/health", answer(|_, _| Response::text("ok\n")))
            .get("/_badger/ready", answer(|watch, _| ready(!watch.handle().is_draining())))
            .get("/_badger/speed", answer(|_, request| speed::answer(request)))
    }
}

/// What is answered before there is a server: health, and that it is not ready. For a program that opens its admin listener first.
pub fn starting() -> Router {
    Router::new()
        .get("/_badger/health", |_| unstored(Response::text("ok\n")))
        .get("/_badger/ready", |_| unstored(Response::text("starting\n").status(503)))
}

struct Shared {
    watch: Watch,
    token: Option<String>,
}

impl Shared {
    fn answer(&self, request: &Request<'_>, make: fn(&Watch, &Request<'_>) -> Response) -> Response {
        let response = match &self.token {
            Some(token) if !is_authorized(request, token) => {
                Response::text("this page wants the token that the server was started with\n")
                    .status(401)
                    .header("WWW-Authenticate", "Bearer realm=\"badgerserver\"")
            }
            _ => make(&self.watch, request),
        };
        self.watch.answered(response.body.as_bytes().len());
        unstored(response)
    }
}

/// It is true now.
fn unstored(response: Response) -> Response {
    response.header("Cache-Control", "no-store").header("X-Content-Type-Options", "nosniff")
}

fn page() -> Response {
    unstored(Response::html(PAGE))
        .header("Content-Security-Policy", PAGE_POLICY)
        .header("Referrer-Policy", "no-referrer")
}

fn ready(is_so: bool) -> Response {
    if is_so { Response::text("ready\n") } else { Response::text("draining\n").status(503) }
}

fn is_authorized(request: &Request<'_>, token: &str) -> bool {
    let mut values = request.headers().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (Some((_, value)), None) = (values.next(), values.next()) else { return false };
    let (scheme, given) = value.split_at_checked("Bearer ".len()).unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"Bearer ") && is_equal(given.trim_ascii(), token.as_bytes())
}

/// Whether they are equal, in a time that depends on `given` alone: who measures it learns nothing about the other.
fn is_equal(given: &[u8], secret: &[u8]) -> bool {
    let mut difference = given.len() ^ secret.len();
    for (place, byte) in given.iter().enumerate() {
        // Behind its end, or empty: any byte, since the lengths differ.
        let other = if secret.is_empty() { 0 } else { secret[place % secret.len()] };
        difference |= usize::from(black_box(byte ^ other));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Server, TestClient};

    fn client(token: Option<&str>) -> TestClient {
        let handle = Server::builder().listen("127.0.0.1:0").workers(1).start(Router::new()).unwrap();
        let admin = Admin::new(Arc::new(handle));
        TestClient::new(match token {
            Some(token) => admin.token(token).router(),
            None => admin.router(),
        })
        .unwrap()
    }

    #[test]
    fn equal_is_equal() {
        for (given, secret) in [("", ""), ("a", "a"), ("secret", "secret")] {
            assert!(is_equal(given.as_bytes(), secret.as_bytes()), "{given:?} {secret:?}");
        }
        for (given, secret) in [("", "a"), ("a", ""), ("ab", "a"), ("aa", "a"), ("a", "aa"), ("secreT", "secret")] {
            assert!(!is_equal(given.as_bytes(), secret.as_bytes()), "{given:?} {secret:?}");
        }
    }

    #[test]
    fn who_does_not_know_the_token_is_told_nothing() {
        let mut client = client(Some("open-sesame"));
        for path in ["stats", "metrics", "health", "ready", "speed"] {
            let path = format!("/_badger/{path}");
            for value in [
                "",
                "open-sesame",
                "Bearer",
                "Bearer ",
                "Bearer open-sesam",
                "Bearer open-sesamee",
                "Basic open-sesame",
            ] {
                let answer = client.request("GET", &path, &[("Authorization", value)]);
                assert_eq!(answer.status(), 401, "{path} {value:?}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"badgerserver\""));
                assert!(answer.body().len() < 100, "{path}");
            }
            assert_eq!(client.get(&path).status(), 401);
            let twice = [("Authorization", "Bearer open-sesame"), ("Authorization", "Bearer open-sesame")];
            assert_eq!(client.request("GET", &path, &twice).status(), 401);
            let answer = client.request("GET", &path, &[("Authorization", "bearer open-sesame")]);
            assert_eq!((answer.status(), answer.header("cache-control")), (200, Some("no-store")), "{path}");
        }
        assert_eq!(client.get("/_badger/").status(), 200, "the page asks for it");
    }

    #[test]
    fn nothing_can_be_changed() {
        let mut client = client(None);
        for path in ["", "stats", "metrics", "health", "ready", "speed"] {
            let path = format!("/_badger/{path}");
            assert_eq!(client.get(&path).status(), 200, "{path}");
            assert_eq!(client.request("HEAD", &path, &[]).status(), 200, "{path}");
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                let answer = client.request(method, &path, &[]);
                assert_eq!((answer.status(), answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{path}");
            }
        }
        assert_eq!(client.get("/_badger").header("location"), Some("/_badger/"));
    }

    #[test]
    fn a_device_with_a_battery_tells_of_it_and_another_does_not() {
        let pages = |root: PathBuf| {
            let handle = Server::builder().listen("127.0.0.1:0").workers(1).start(Router::new()).unwrap();
            let mut client = TestClient::new(Admin::new(Arc::new(handle)).router_at(root)).unwrap();
            let mut text = |path: &str| String::from_utf8(client.get(path).body().to_vec()).unwrap();
            (text("/_badger/stats"), text("/_badger/metrics"))
        };
        let phone = crate::sys::device::tests::phone();
        let (stats, metrics) = pages(phone.root().to_owned());
        let battery = r#""batteries":[{"name":"battery","status":"Charging","charge":0.83,"celsius":31.2,"amperes":-0.412,"volts":3.921}]"#;
        let zones = r#""temperatures":[{"zone":0,"type":"cpu-thermal","celsius":41.5},{"zone":10,"type":"say \"hot\"\\","celsius":36}]"#;
        assert!(stats.contains(&format!(r#""device":{{{battery},{zones}}}"#)), "{stats}");
        for line in [
            "# TYPE badger_battery_charge_ratio gauge",
            r#"badger_battery_charge_ratio{battery="battery"} 0.83"#,
            r#"badger_battery_discharging{battery="battery"} 0"#,
            r#"badger_battery_temperature_celsius{battery="battery"} 31.2"#,
            r#"badger_battery_current_amperes{battery="battery"} -0.412"#,
            r#"badger_battery_voltage_volts{battery="battery"} 3.921"#,
            r#"badger_temperature_celsius{zone="0",type="cpu-thermal"} 41.5"#,
            r#"badger_temperature_celsius{zone="10",type="say \"hot\"\\"} 36"#,
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
        }
        let (stats, metrics) = pages("/nowhere/at/all".into());
        assert!(stats.contains(r#""device":{"batteries":[],"temperatures":[]}"#), "{stats}");
        assert!(!metrics.contains("badger_battery") && !metrics.contains("celsius"), "{metrics}");
    }

    #[test]
    fn before_there_is_a_server_it_is_not_ready() {
        let mut client = TestClient::new(starting()).unwrap();
        assert_eq!(client.get("/_badger/health").status(), 200);
        assert_eq!(client.get("/_badger/ready").status(), 503);
    }
}
