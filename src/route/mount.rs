//! A pack under a prefix, and the header lines that go with it. Pure.
#![forbid(unsafe_code)]

use super::cors::{Cors, CorsLines};
use super::error::RouteError;
use super::files::FileTable;
use super::gather::Gather;
use super::pattern;
use super::redirect::push_segment;
use super::stored::Lines;
use super::workload::{Halt, Made, Payload, Work, Workload};
use crate::http::request::Request;
use crate::http::response::{FieldError, push_field_line, uncached_lines};
use crate::pack::{Pack, Record};
use crate::poco::ORDER_HEADER;
use crate::poco::moment::{MOMENT_MODEL_KEY, Model, ORDER_WHY_HEADER};
use std::sync::Arc;

/// What an entry that never changes may say to caches (RFC 8246): a year, and no revalidation.
const IMMUTABLE_LINE: &[u8] = b"Cache-Control: public, max-age=31536000, immutable\r\n";

/// Fields that describe one entry, so a mount cannot have them.
const OF_ENTRIES: [&str; 5] = ["content-type", "content-encoding", "content-range", "accept-ranges", "location"];

/// What an answer says that is for one person at one moment.
const PERSONAL_LINE: &[u8] = b"Cache-Control: private, no-cache\r\n";

/// Longest model: ten times the default one.
const MODEL_BYTES_MAX: u64 = 16 * 1024;

/// Where a pack of galleries has the one for profiles that it does not know.
const DEFAULT_GALLERY_KEY: &str = "/gallery/default";

/// A pack under a prefix, with the headers of all its answers.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use badgerserver::pack::Pack;
/// use badgerserver::route::{Mount, Router};
/// let pack = Pack::from_bytes(std::fs::read("assets.badger")?)?;
/// let assets = Mount::pack("/assets", pack)
///     .header("Access-Control-Allow-Origin", "*")
///     .cache_control("public, max-age=300");
/// let router = Router::new().mount(assets);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a mount serves nothing until it is given to Router::mount"]
pub struct Mount {
    prefix: String,
    pack: Pack,
    files: Option<FileTable>,
    source: Option<String>,
    /// Whole field lines, without Cache-Control.
    lines: Vec<u8>,
    cache_control: Vec<u8>,
    says_immutable: bool,
    fallback: Option<FallbackRule>,
    gather: Option<Gather>,
    workload: Option<Workload>,
    cors: Option<Cors>,
    not_found: Option<String>,
    /// The first thing that cannot be served.
    error: Option<RouteError>,
}

/// [`Mount::fallback`] as it was given.
#[derive(Clone, Debug)]
struct FallbackRule {
    below: String,
    key: String,
    line: Vec<u8>,
}

impl Mount {
    /// A pack under a prefix such as `/gallery`; `/` and the empty one mean the root. The key that is looked up is what
    /// follows the prefix, from its slash on.
    pub fn pack(prefix: &str, pack: Pack) -> Mount {
        Mount {
            prefix: prefix.to_owned(),
            pack,
            files: None,
            source: None,
            lines: Vec::new(),
            cache_control: Vec::new(),
            says_immutable: true,
            fallback: None,
            gather: None,
            workload: None,
            cors: None,
            not_found: None,
            error: None,
        }
    }

    /// A pack of galleries as `badger pack gallery` makes it, with what belongs to one: an unknown profile gets the default
    /// gallery and `Badger-Fallback: default`; `/metadata?ids=1,2` gathers titles; caches ask again before they use what
    /// they kept (`Cache-Control: no-cache`), but for the catalogue, which never changes. Each gallery comes with its order
    /// for the moment, [`Mount::moment`], by the model that the pack has at `/model/continue-watching`, else the default
    /// one. [`super::Router::validate`] finds a model that cannot be read.
    pub fn gallery(prefix: &str, pack: Pack) -> Mount {
        let model = model_of(&pack);
        let mut mount = Mount::pack(prefix, pack);
        let model = model.unwrap_or_else(|what| {
            mount.blame_key(MOMENT_MODEL_KEY, what);
            Model::default()
        });
        mount
            .moment("/gallery/", model)
            .cache_control("no-cache")
            .fallback("/gallery/", DEFAULT_GALLERY_KEY, "Badger-Fallback", "default")
            .gather("/metadata", "ids")
    }

    /// Whether a pack is one of galleries: it has one for those without their own.
    pub fn is_gallery(pack: &Pack) -> bool {
        let mut record = Record::default();
        matches!(pack.lookup(DEFAULT_GALLERY_KEY.as_bytes(), &mut pack.checked(), &mut record), Ok(true))
    }

    /// A pack whose external records are files of `files`.
    pub(crate) fn files(prefix: &str, pack: Pack, files: FileTable) -> Mount {
        let source = Some(files.root.display().to_string());
        Mount { files: Some(files), source, ..Mount::pack(prefix, pack) }
    }

    /// Says where the pack is from, such as the path of its file: for people who look at what a server does (`admin` shows
    /// it). A directory has its own path there.
    pub fn source(mut self, name: impl Into<String>) -> Mount {
        self.source = Some(name.into());
        self
    }

    /// Adds a header to every answer from this mount, 304 and the answer to `OPTIONS` too. `Cache-Control` goes the way of
    /// [`Mount::cache_control`]. A header that cannot be sent is found by [`super::Router::validate`].
    pub fn header(mut self, name: &str, value: &str) -> Mount {
        if name.eq_ignore_ascii_case("cache-control") {
            return self.cache_control(value);
        }
        if OF_ENTRIES.iter().any(|field| name.eq_ignore_ascii_case(field)) {
            self.blame(name, "each entry of the pack has its own; give it to the packer");
        } else if let Err(error) = push_field_line(&mut self.lines, name, value) {
            self.blame(name, what(error));
        }
        self
    }

    /// Sets what caches may do with the answers, such as `public, max-age=300`. The last call counts.
    pub fn cache_control(mut self, value: &str) -> Mount {
        self.cache_control.clear();
        if let Err(error) = push_field_line(&mut self.cache_control, "Cache-Control", value) {
            self.blame("Cache-Control", what(error));
        }
        self
    }

    /// Whether entries that the packer marked as immutable say so: `Cache-Control: public, max-age=31536000, immutable` in
    /// place of [`Mount::cache_control`]. They do unless this is turned off.
    pub fn immutable(mut self, says_immutable: bool) -> Mount {
        self.says_immutable = says_immutable;
        self
    }

    /// Answers every key below `below` (`/gallery/`) that the pack lacks with the entry at `key`, and says so in a header:
    /// stale or general content beats none. The answer is in all else the one that `key` itself has, so it may be kept
    /// under the path that was asked for; give the mount a [`Mount::cache_control`] that has caches ask again. The last
    /// call counts. [`super::Router::validate`] finds a `key` that the pack lacks.
    ///
    /// ```no_run
    /// # use badgerserver::{Mount, Pack};
    /// # fn f(pack: Pack) -> Mount {
    /// Mount::pack("/", pack).fallback("/gallery/", "/gallery/default", "Badger-Fallback", "default")
    /// # }
    /// ```
    pub fn fallback(mut self, below: &str, key: &str, name: &str, value: &str) -> Mount {
        let mut line = Vec::new();
        if OF_ENTRIES.iter().any(|field| name.eq_ignore_ascii_case(field)) {
            self.blame(name, "each entry of the pack has its own; choose another name for the header");
        } else if let Err(error) = push_field_line(&mut line, name, value) {
            self.blame(name, what(error));
        }
        if !(below.starts_with('/') && below.ends_with('/')) {
            self.blame_key(
                below,
                "a fallback is for what is below a folder: begin and end it with a slash, as in /gallery/",
            );
        }
        self.fallback = Some(FallbackRule { below: below.to_owned(), key: key.to_owned(), line });
        self
    }

    /// Answers `path?parameter=1,2,3` (below the prefix of the mount) with the records at `path/1`, `path/2` and `path/3`
    /// in one frame, in the order asked ([`crate::poco::many`]). A record that is not there is marked in the frame; at most
    /// [`crate::poco::MANY_ENTRIES_MAX`] may be asked for, and what is no list of numbers is answered 400. The records leave as they
    /// lie in the pack, never compressed. The last call counts.
    ///
    /// ```no_run
    /// # use badgerserver::{Mount, Pack};
    /// # fn f(pack: Pack) -> Mount {
    /// Mount::pack("/", pack).gather("/metadata", "ids") // GET /metadata?ids=7,8
    /// # }
    /// ```
    pub fn gather(mut self, path: &str, parameter: &str) -> Mount {
        if !path.starts_with('/') || path.ends_with('/') {
            self.blame_key(
                path,
                "records are gathered from a folder: begin it with a slash and end it without, as in /metadata",
            );
        }
        if parameter.is_empty() || !parameter.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            self.blame_key(parameter, "a parameter's name has letters, digits, - and _, as in ids");
        }
        self.gather = Some(Gather::new(path, parameter));
        self
    }

    /// Lets scripts of other origins read the answers, 404 too, and answers browsers that ask before they send a request
    /// (preflight). The last call counts.
    ///
    /// ```no_run
    /// # use badgerserver::{Mount, Pack, route::Cors};
    /// # fn f(pack: Pack) -> Mount {
    /// Mount::pack("/gallery", pack).cors(Cors::origins(["https://tv.example", "https://www.example"]))
    /// # }
    /// ```
    pub fn cors(mut self, cors: Cors) -> Mount {
        self.cors = Some(cors);
        self
    }

    /// Answers what is not found below the prefix, by this mount or any other, with the entry at `key` (`/404.html`) and
    /// status 404. It says nothing to caches: what is not there now may come. The last call counts.
    /// [`super::Router::validate`] finds a `key` that the pack lacks.
    pub fn not_found(mut self, key: &str) -> Mount {
        self.not_found = Some(key.to_owned());
        self
    }

    /// Answers every key below `below` (`/gallery/`) with a header that is made for each request from its record, whose
    /// bytes do not move: `work` reads stretches of the record's plain form and writes the value; if it writes none, there
    /// is no header. Such an answer is for one person at one moment, so in place of [`Mount::cache_control`] it says
    /// `private, no-cache`, and leaves out what the mount says to other caches (`CDN-Cache-Control`, `Expires`); a
    /// revalidation is answered 304 with the header of now. `work` runs on the server's loop for every request, so it must
    /// not block, and may be run again from its beginning when bytes have come. The last call counts.
    ///
    /// Here records begin with a count and that many prices of stations, and what is cheapest within the viewer's reach
    /// comes first:
    ///
    /// ```
    /// use badgerserver::pack::{Encoding, Entry, PackWriter, WriterOptions};
    /// use badgerserver::route::Halt;
    /// use badgerserver::{Mount, Pack, Router, TestClient};
    /// use std::io::Cursor;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut bytes = Cursor::new(Vec::new());
    /// let mut writer = PackWriter::create(&mut bytes, Cursor::new(Vec::new()), WriterOptions::default())?;
    /// let bodies: &[(Encoding, &[u8])] = &[(Encoding::Identity, &[4, 180, 175, 169, 188])];
    /// writer.add(Entry { key: "/stations/berlin", content_type: "application/octet-stream", bodies, ..Entry::default() })?;
    /// writer.finish()?;
    ///
    /// let mount = Mount::pack("/", Pack::from_bytes(bytes.into_inner())?);
    /// let mount = mount.workload("/stations/", "Best-First", |request, record, value| {
    ///     let reach = match request.query().unwrap_or("reach=255").strip_prefix("reach=").map(str::parse::<u64>) {
    ///         Some(Ok(reach)) => reach,
    ///         _ => return Err(Halt::Refused("reach: a number of stations, as in ?reach=3".to_owned())),
    ///     };
    ///     let count = u64::from(record.read(0, 1)?[0]);
    ///     let prices = record.read(1, count.min(reach))?;
    ///     let mut best = [0, u8::MAX];
    ///     for (place, price) in (0..).zip(prices) {
    ///         if *price < best[1] {
    ///             best = [place, *price];
    ///         }
    ///     }
    ///     value.push_str(&best[0].to_string());
    ///     Ok(())
    /// });
    /// let mut client = TestClient::new(Router::new().mount(mount))?;
    /// assert_eq!(client.get("/stations/berlin").header("Best-First"), Some("2"));
    /// assert_eq!(client.get("/stations/berlin?reach=2").header("Best-First"), Some("1"));
    /// assert_eq!(client.get("/stations/berlin?reach=far").status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    pub fn workload(
        self,
        below: &str,
        name: &str,
        work: impl Fn(&Request<'_>, &Payload<'_>, &mut String) -> Result<(), Halt> + Send + Sync + 'static,
    ) -> Mount {
        let field = name.to_owned();
        let work = move |request: &Request<'_>, payload: &Payload<'_>, made: &mut Made| {
            work(request, payload, &mut made.value)?;
            made.end(&field);
            Ok(())
        };
        self.work(below, &[name], Arc::new(work))
    }

    fn work(mut self, below: &str, names: &[&str], work: Arc<Work>) -> Mount {
        for name in names {
            if OF_ENTRIES.iter().any(|field| name.eq_ignore_ascii_case(field)) {
                self.blame(name, "each entry of the pack has its own; choose another name for the header");
            } else if uncached_lines(name.as_bytes()).next().is_none() {
                self.blame(
                    name,
                    "answers with a workload say private, no-cache to all caches; choose another name for the header",
                );
            } else if let Err(error) = push_field_line(&mut Vec::new(), name, "") {
                self.blame(name, what(error));
            }
        }
        if !(below.starts_with('/') && below.ends_with('/')) {
            self.blame_key(
                below,
                "a workload is for what is below a folder: begin and end it with a slash, as in /gallery/",
            );
        }
        self.workload = Some(Workload { below: below.to_owned(), work });
        self
    }

    /// The [workload](Mount::workload) of galleries: `GET /gallery/{profile}?now=UNIX_SECONDS&device=tv|phone|web` is answered with
    /// the order for that moment in `Badger-Order`. `now` is by the server's clock when it is not given, and the device not
    /// known. With `why=1` the answer tells in `Badger-Order-Why` what led to it
    /// ([`OrderReasons`](crate::poco::moment::OrderReasons)). What is no number, no such device, or given twice, is answered 400.
    pub fn moment(self, below: &str, model: Model) -> Mount {
        let work = move |request: &Request<'_>, payload: &Payload<'_>, made: &mut Made| {
            super::moment::order(&model, request, payload, made)
        };
        self.work(below, &[ORDER_HEADER, ORDER_WHY_HEADER], Arc::new(work))
    }

    /// Answers without a workload.
    pub fn without_workload(mut self) -> Mount {
        self.workload = None;
        self
    }

    fn blame(&mut self, name: &str, what: &'static str) {
        if self.error.is_none() {
            let (prefix, name) = (self.prefix.clone(), name.to_owned());
            self.error = Some(RouteError::Header { prefix, name, what });
        }
    }

    fn blame_key(&mut self, key: &str, what: &'static str) {
        if self.error.is_none() {
            let (prefix, key) = (self.prefix.clone(), key.to_owned());
            self.error = Some(RouteError::Key { prefix, key, what });
        }
    }

    /// Looks the key of the fallback up, so that a mistake is found before anything is served.
    fn finish_fallback(rule: FallbackRule, pack: &Pack, lines: [&[u8]; 3]) -> Result<Fallback, &'static str> {
        find_stand_in(pack, &rule.key)?;
        let [plain, immutable, personal] = lines.map(|lines| [lines, &rule.line].concat());
        Ok(Fallback { below: rule.below, key: rule.key, plain, immutable, personal })
    }

    /// The pack, and the mount as it is served.
    pub(super) fn finish(self) -> Result<(Pack, Site), RouteError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let prefix = match pattern::parse_prefix(&self.prefix) {
            Ok(prefix) => prefix.to_owned(),
            Err(error) => return Err(RouteError::Prefix { prefix: self.prefix, error }),
        };
        let cors = match self.cors.as_ref().map(Cors::bake).transpose() {
            Ok(cors) => cors,
            Err((value, what)) => return Err(RouteError::Cors { prefix: self.prefix, value, what }),
        };
        if cors.is_some() && has_cors_line(&self.lines) {
            let (name, what) = ("Access-Control-*".to_owned(), "cors writes these lines; leave the header out");
            return Err(RouteError::Header { prefix: self.prefix, name, what });
        }
        let of_cors = cors.as_ref().map_or(&[][..], |cors| &cors.always);
        let own = [&self.lines[..], of_cors].concat();
        let plain = [&own[..], &self.cache_control].concat();
        // Without what the mount says to caches of other kinds: theirs would count more there (RFC 9213 section 2.2).
        let personal: Vec<u8> = uncached_lines(&own).chain([PERSONAL_LINE]).flatten().copied().collect();
        let immutable = if self.says_immutable { [&own[..], IMMUTABLE_LINE].concat() } else { plain.clone() };
        let slash_location = slash_location(&prefix);
        let fallback = match self.fallback {
            Some(rule) => {
                let key = rule.key.clone();
                let fallback = Mount::finish_fallback(rule, &self.pack, [&plain, &immutable, &personal]);
                Some(fallback.map_err(|what| RouteError::Key { prefix: self.prefix.clone(), key, what })?)
            }
            None => None,
        };
        let not_found = match self.not_found {
            Some(key) => match find_stand_in(&self.pack, &key) {
                Ok(()) => Some(NotFound { key, lines: uncached_lines(&own).flatten().copied().collect() }),
                Err(what) => return Err(RouteError::Key { prefix: self.prefix, key, what }),
            },
            None => None,
        };
        let Mount { files, source, gather, workload, pack, .. } = self;
        let site = Site {
            prefix,
            plain,
            immutable,
            personal,
            workload,
            slash_location,
            files,
            source,
            fallback,
            gather,
            cors,
            not_found,
        };
        Ok((pack, site))
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// The model that a pack has, else the default one.
fn model_of(pack: &Pack) -> Result<Model, &'static str> {
    const DAMAGED: &str = "the model cannot be read; `badger verify` names the place";
    const WRONG: &str = "it is no model for the order of the moment; `badger pack gallery --model FILE` names the line";
    let mut record = Record::default();
    let mut checked = pack.checked();
    if !pack.lookup(MOMENT_MODEL_KEY.as_bytes(), &mut checked, &mut record).map_err(|_| DAMAGED)? {
        return Ok(Model::default());
    }
    let variant = record.variants().find(|it| it.encoding() == crate::pack::Encoding::Identity).ok_or(WRONG)?;
    let (offset, bytes) = (variant.payload_offset(), variant.payload_bytes());
    if bytes > MODEL_BYTES_MAX {
        return Err(WRONG);
    }
    let mut text = vec![0; bytes as usize];
    pack.check_payload(&mut checked, offset, bytes, &mut Vec::new()).map_err(|_| DAMAGED)?;
    pack.read_payload(offset, &mut text).map_err(|_| DAMAGED)?;
    let text = String::from_utf8(text).map_err(|_| WRONG)?;
    Model::from_text(&text).map_err(|_| WRONG)
}

/// Whether the entry that is to stand for missing ones is there.
fn find_stand_in(pack: &Pack, key: &str) -> Result<(), &'static str> {
    let mut record = Record::default();
    match pack.lookup(key.as_bytes(), &mut pack.checked(), &mut record) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the pack lacks the key that stands for what is missing; add it, or leave this out"),
        Err(_) => Err("the entry that stands for what is missing is damaged; `badger verify` names the place"),
    }
}

fn has_cors_line(lines: &[u8]) -> bool {
    const START: &[u8] = b"access-control-";
    lines
        .split(|&byte| byte == b'\n')
        .any(|line| line.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START)))
}

fn what(error: FieldError) -> &'static str {
    match error {
        FieldError::Name => "the name may have letters, digits and !#$%&'*+-.^_`|~ only",
        FieldError::Value => "the value has a control character; leave it out",
        FieldError::Reserved => "the server writes this field itself; leave it out",
    }
}

/// A mount as it is served.
#[derive(Debug)]
pub(super) struct Site {
    /// Empty for the root, else from its first slash on and without one at its end.
    pub(super) prefix: String,
    /// The lines of its answers, and those of an entry that is marked as immutable.
    pub(super) plain: Vec<u8>,
    pub(super) immutable: Vec<u8>,
    /// The lines of answers that have a workload.
    pub(super) personal: Vec<u8>,
    pub(super) workload: Option<Workload>,
    /// Where the path that is the prefix alone leads to: its last segment and a slash, relative, so that it holds behind a
    /// proxy that changes what is before it.
    pub(super) slash_location: String,
    pub(super) files: Option<FileTable>,
    /// Where the pack is from, for people.
    pub(super) source: Option<String>,
    pub(super) fallback: Option<Fallback>,
    pub(super) gather: Option<Gather>,
    pub(super) cors: Option<CorsLines>,
    pub(super) not_found: Option<NotFound>,
}

impl Site {
    /// What it says to this request, in every answer but a fallback's.
    pub(super) fn lines(&self, request: &Request<'_>) -> Lines<'_> {
        let origin = self.cors.as_ref().map_or(&[][..], |cors| cors.of_origin(request));
        Lines { plain: &self.plain, immutable: &self.immutable, origin }
    }
}

/// The page for what is not found.
#[derive(Debug)]
pub(super) struct NotFound {
    pub(super) key: String,
    /// The lines of the mount but those for caches.
    pub(super) lines: Vec<u8>,
}

/// What answers for the keys below a folder that are not there.
#[derive(Debug)]
pub(super) struct Fallback {
    below: String,
    pub(super) key: String,
    /// The lines of the mount and the one that says so, for plain and for immutable entries.
    pub(super) plain: Vec<u8>,
    pub(super) immutable: Vec<u8>,
    /// The same where a workload makes the answer one person's.
    pub(super) personal: Vec<u8>,
}

impl Fallback {
    /// Whether it answers for this key.
    pub(super) fn has(&self, key: &str) -> bool {
        key.len() > self.below.len() && key.starts_with(&self.below)
    }
}

/// The last segment of a prefix with a slash behind it, percent-encoded.
fn slash_location(prefix: &str) -> String {
    let segment = prefix.rsplit('/').next().unwrap_or_default();
    let mut location = String::with_capacity(segment.len() + 1);
    push_segment(&mut location, segment);
    location.push('/');
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_relative_and_encoded() {
        for (prefix, expected) in [
            ("/gallery", "gallery/"),
            ("/a/b", "b/"),
            ("/a b/ü", "%C3%BC/"),
            ("/javascript:x", "javascript%3Ax/"),
            ("/50%", "50%25/"),
            ("/a\"<>\\", "a%22%3C%3E%5C/"),
        ] {
            assert_eq!(slash_location(prefix), expected, "{prefix}");
        }
    }
}
