//! What answers which path.

use crate::failure::Failure;
use crate::gallery::compress::encode;
use crate::prepare::{Content, encodings};
use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
use badgerserver::{Mount, Pack, Response, Router};
use std::io::Cursor;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The page, which is part of the program.
const PAGE: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/page.css", CSS, include_str!("page/page.css")),
    ("/grid.js", JAVASCRIPT, include_str!("page/grid.js")),
    ("/data.js", JAVASCRIPT, include_str!("page/data.js")),
    ("/art.js", JAVASCRIPT, include_str!("page/art.js")),
    ("/why.js", JAVASCRIPT, include_str!("page/why.js")),
    ("/page.js", JAVASCRIPT, include_str!("page/page.js")),
    ("/poco.js", JAVASCRIPT, include_str!("../javascript/poco.js")),
    ("/load.js", JAVASCRIPT, include_str!("../javascript/load.js")),
    ("/falcor.js", JAVASCRIPT, include_str!("../javascript/falcor.js")),
];

/// The page as a pack in memory: so it has entity tags and encodings like everything else.
pub(crate) fn page() -> Result<Pack, Failure> {
    let failed = |what: String| Failure::new(format!("the page: {what}"), "free some memory");
    let encodings = encodings();
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = PackWriter::create(&mut bytes, Cursor::new(Vec::new()), WriterOptions::default())
        .map_err(|error| failed(error.to_string()))?;
    for (key, content_type, text) in PAGE {
        let encoded = encode(text.as_bytes(), &encodings, &[]).map_err(|error| failed(error.to_string()))?;
        let mut bodies = vec![(Encoding::Identity, text.as_bytes())];
        bodies.extend(encoded.iter().map(|(encoding, body)| (*encoding, &body[..])));
        let entry = Entry { key, content_type, bodies: &bodies, ..Entry::default() };
        writer.add(entry).map_err(|error| failed(error.to_string()))?;
    }
    writer.finish().map_err(|error| failed(error.to_string()))?;
    Pack::from_memory(bytes.into_inner()).map_err(|error| failed(error.to_string()))
}

/// The page, the galleries and the pictures that there are now.
///
/// What is missing is 404 and not to be kept: a picture that is not drawn yet will be there in a minute.
pub(crate) fn router(page: &Pack, content: &Content) -> Result<Router, Failure> {
    let galleries = Mount::gallery("/", Pack::open(&content.galleries).map_err(Failure::open)?);
    let mut router =
        Router::new().mount(Mount::pack("/", page.clone()).cache_control("no-cache")).mount(open(galleries));
    for path in &content.assets {
        router = router.mount(open(Mount::pack("/assets", Pack::open(path).map_err(Failure::open)?)));
    }
    if let Some(folder) = &content.pictures {
        let mount = Mount::dir("/assets", folder)
            .map_err(|error| Failure::new(error.to_string(), "--assets names a folder of pictures that can be read"))?;
        router = router.mount(open(mount).cache_control("public, max-age=300"));
    }
    Ok(router.not_found(|_| {
        Response::text("nothing here\n")
            .status(404)
            .header("Cache-Control", "no-store")
            .header("Access-Control-Allow-Origin", "*")
    }))
}

/// A mount whose answers scripts of other pages may read.
fn open(mount: Mount) -> Mount {
    mount
        .header("Access-Control-Allow-Origin", "*")
        .header("Access-Control-Expose-Headers", "Badger-Order, Badger-Order-Why, Badger-Fallback, Date, ETag")
}
