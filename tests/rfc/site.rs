//! What is asked: a pack under `/p` and a few handlers.

use crate::ways::Client;
use badgerserver::http::conditional::Current;
use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::{Method, Mount, Pack, Request, Response, Router};
use std::io::Cursor;

/// Sun, 06 Nov 1994 08:49:37 GMT.
pub(crate) const CHANGED: u64 = 784_111_777;
/// When the answers that tests see of [`client`] are made: Tue, 01 Nov 2016 00:00:00 GMT.
pub(crate) const NOW: u64 = 1_477_958_400;
/// A change that is to come, for these tests and for the machine's clock: Fri, 01 Jan 2100 00:00:00 GMT.
pub(crate) const COMING: u64 = 4_102_444_800;
/// Bytes of `/p/plain`.
pub(crate) const PLAIN_BYTES: usize = 1000;

/// Bytes of any length, each position with its own.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * at % 251) as u8).collect()
}

pub(crate) fn pack(entries: &[Entry<'_>]) -> Pack {
    let mut out = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut out, Cursor::new(Vec::new()), WriterOptions::default()).unwrap();
    for entry in entries {
        writer.add(*entry).unwrap();
    }
    writer.finish().unwrap();
    Pack::from_bytes(out.into_inner()).unwrap()
}

/// `/p/page`: four codings. `/p/plain`: one, and a time. `/p/empty`, `/p/moved`, `/p/gone`.
pub(crate) fn router() -> Router {
    let [plain, page, gzip, brotli, zstd] = [PLAIN_BYTES, 400, 200, 150, 180].map(noise);
    let identity = |body| [(Encoding::Identity, body)];
    let (plain, empty) = (identity(&plain[..]), identity(&b""[..]));
    let page = [
        (Encoding::Identity, &page[..]),
        (Encoding::Gzip, &gzip[..]),
        (Encoding::Br, &brotli[..]),
        (Encoding::Zstd, &zstd[..]),
    ];
    let binary = Entry { content_type: "application/octet-stream", ..Entry::default() };
    let entries = [
        Entry { key: "/plain", bodies: &plain, last_modified: Some(CHANGED as i64), ..binary },
        Entry { key: "/coming", bodies: &plain, last_modified: Some(COMING as i64), ..binary },
        Entry { key: "/page", bodies: &page, content_type: "text/html; charset=utf-8", ..Entry::default() },
        Entry { key: "/empty", bodies: &empty, ..binary },
        Entry { key: "/moved", status: 301, headers: &[("Location", "plain")], bodies: &empty, ..Entry::default() },
        Entry { key: "/gone", status: 410, bodies: &plain, ..binary },
    ];
    Router::new()
        .mount(Mount::pack("/p", pack(&entries)).cache_control("max-age=60").header("X-Mount", "yes"))
        .get("/after", |_| Response::text("after"))
        .get("/made", |_| Response::text("made").etag("made").last_modified(CHANGED))
        .get("/bare", |_| Response::text("no validators"))
        .get("/nothing", |_| Response::new(204))
        .get("/reset", |_| Response::text("never sent").status(205))
        .get("/panic", |_| std::panic::resume_unwind(Box::new("on purpose")))
        .get("/host", |request| Response::text(request.host().to_owned()))
        .get("/coming", |_| Response::text("x").last_modified(COMING))
        .get("/lines", |request| {
            let lines = request.headers().filter(|line| line.0.eq_ignore_ascii_case("X-Test"));
            let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.1).into_owned()).collect();
            Response::text(lines.join("\n"))
        })
        .get("/status/{code}", |request| Response::text("body").status(request.param("code").parse().unwrap_or(0)))
        .route(Method::Put, "/kept", |request| change(request, Some(KEPT)))
        .route(Method::Put, "/unkept", |request| change(request, None))
        .route(Method::Put, "/misquoted", |request| change(request, Some(Current { etag: Some("\"kept\""), ..KEPT })))
        .route(Method::Post, "/change", |_| Response::text("changed").etag("new"))
}

/// What `/kept` has.
const KEPT: Current<'_> = Current { etag: Some("kept"), last_modified: Some(CHANGED) };

/// Handlers that look at the conditions before they change what they have.
fn change(request: &Request<'_>, current: Option<Current<'_>>) -> Response {
    if request.may_change(current) { Response::new(204) } else { Response::new(412) }
}

pub(crate) fn client() -> Client {
    Client::of_site().dated(NOW)
}
