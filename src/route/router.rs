//! The table of handlers and mounts, and the order in which it is asked. Pure.
//!
//! ```text
//! find(request):
//!     of the handlers whose pattern matches the path, the most specific first:
//!         one that has the method (HEAD: or GET)      -> run it
//!     of the mounts whose prefix matches the path, the longest first:
//!         one that gathers there, and is asked to      -> the records in one frame
//!         one that has the key                         -> GET, HEAD: its record; else: the methods
//!         one that has a fallback for the key          -> the same of the fallback's record
//!     some pattern matched, some mount had the key     -> the methods of all of them
//!     nothing                                          -> the page of a mount for what is not found, the handler for it, or 404
//! ```
#![forbid(unsafe_code)]

use super::PARAMS_MAX;
use super::ROUTES_MAX;
use super::error::RouteError;
use super::files::{FileTable, Files};
use super::gather::Gathered;
use super::local::Local;
use super::mount::{Mount, Site};
use super::pattern::{self, Segment};
use super::stored::{self, Entry, Lines};
use super::tree::{Params, Tree};
use super::workload;
use crate::http::method::{Method, Methods};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::service::{Found, Stored};
use crate::pack::{Checked, LookupError, Pack, Record};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Handler = Box<dyn Fn(&Request<'_>) -> Response + Send + Sync>;

/// What answers which path.
///
/// ```
/// use badgerserver::http::Response;
/// use badgerserver::route::Router;
/// let router = Router::new()
///     .get("/hello/{name}", |request| Response::text(format!("hi {}", request.param("name"))))
///     .not_found(|_| Response::text("nothing here\n").status(404));
/// assert_eq!(router.validate(), Ok(()));
/// ```
///
/// # Patterns
/// `/a/b` matches itself, `{name}` one segment that is not empty, `{*name}` the rest of the path (at least one character).
/// Patterns are compared with the decoded path. At each segment plain text goes before `{name}`, and that before `{*name}`,
/// whatever was added first; a more specific pattern without the request's method leaves it to a less specific one that
/// has it.
///
/// # Mounts
/// A pack answers the paths below its prefix that it has keys for. A handler goes before every mount, a longer prefix before
/// a shorter one, and of mounts with the same prefix the one that was added first; a mount that lacks the key leaves it to
/// the next. The prefix itself without a slash leads to the same with one, if the pack has the key `/`.
///
/// # Methods
/// What answers `GET` answers `HEAD`. `OPTIONS` is answered with the methods there are, unless a handler was given for it.
///
/// # Handlers
/// A handler runs on the server's loop, so it must not block: every connection of that loop waits for it. If it panics, the
/// answer is 500 and the connection closes (unless the program is built to abort on panic).
///
/// Mistakes are collected and given by [`Router::validate`], which the server calls before it listens.
#[must_use = "a router serves nothing until it is given to a server"]
pub struct Router {
    pub(super) tree: Tree,
    routes: Vec<Route>,
    pub(super) sites: Vec<Site>,
    /// One for each site, under the same number.
    pub(super) packs: Vec<Pack>,
    not_found: Option<Handler>,
    error: Option<RouteError>,
}

/// What answers a request, by the name that people gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named<'r> {
    pub(crate) kind: Kind,
    /// The pattern or the prefix.
    pub(crate) label: &'r str,
    /// Where its content is from.
    pub(crate) source: Option<&'r str>,
}

/// What kind of thing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Handler,
    Pack,
    Directory,
}

struct Route {
    method: Method,
    pattern: String,
    /// The names in the pattern, in their order.
    names: Vec<String>,
    handler: Handler,
}

impl Default for Router {
    fn default() -> Router {
        Router::new()
    }
}

impl Router {
    /// A router that finds nothing.
    pub fn new() -> Router {
        Router {
            tree: Tree::new(),
            routes: Vec::new(),
            sites: Vec::new(),
            packs: Vec::new(),
            not_found: None,
            error: None,
        }
    }

    /// Adds a handler for GET and HEAD.
    pub fn get(self, pattern: &str, handler: impl Fn(&Request<'_>) -> Response + Send + Sync + 'static) -> Router {
        self.route(Method::Get, pattern, handler)
    }

    /// Adds a handler for OPTIONS, in place of the answer that lists the methods.
    pub fn options(self, pattern: &str, handler: impl Fn(&Request<'_>) -> Response + Send + Sync + 'static) -> Router {
        self.route(Method::Options, pattern, handler)
    }

    /// Adds a handler for any method. The body of a request is read and thrown away, so handlers do not see it.
    pub fn route(
        mut self,
        method: Method,
        pattern: &str,
        handler: impl Fn(&Request<'_>) -> Response + Send + Sync + 'static,
    ) -> Router {
        let added = self.add_route(method, pattern, Box::new(handler));
        self.note(added)
    }

    /// Mounts a pack under a prefix: [`Router::mount`] with no headers.
    pub fn pack(self, prefix: &str, pack: Pack) -> Router {
        self.mount(Mount::pack(prefix, pack))
    }

    /// Adds a mount.
    pub fn mount(mut self, mount: Mount) -> Router {
        let added = self.add_mount(mount);
        self.note(added)
    }

    /// Answers what nothing else has. The answer is sent with the status that the handler gives it: 404 says that there is
    /// nothing, 200 serves one page for every path of an application that routes in the browser. A page of a mount
    /// ([`Mount::not_found`]) goes before it.
    pub fn not_found(mut self, handler: impl Fn(&Request<'_>) -> Response + Send + Sync + 'static) -> Router {
        self.not_found = Some(Box::new(handler));
        self
    }

    /// Whether everything that was added can be served.
    ///
    /// # Errors
    /// The first mistake, with the pattern or prefix and what to do about it.
    pub fn validate(&self) -> Result<(), RouteError> {
        self.error.clone().map_or(Ok(()), Err)
    }

    /// The packs of the mounts, by the number of their source.
    pub(crate) fn sources(&self) -> &[Pack] {
        &self.packs
    }

    /// Everything that can be [`Local::chosen`], by its number: the handlers, then the mounts.
    pub(crate) fn named(&self) -> impl Iterator<Item = Named<'_>> {
        let handlers =
            self.routes.iter().map(|route| Named { kind: Kind::Handler, label: &route.pattern, source: None });
        let mounts = self.sites.iter().map(|site| Named {
            kind: if site.files.is_some() { Kind::Directory } else { Kind::Pack },
            label: if site.prefix.is_empty() { "/" } else { &site.prefix },
            source: site.source.as_deref(),
        });
        handlers.chain(mounts)
    }

    /// The packs of the mounts with what they are called.
    pub(crate) fn mounted(&self) -> impl Iterator<Item = (Named<'_>, &Pack)> {
        self.named().skip(self.routes.len()).zip(&self.packs)
    }

    /// The mounts that have files outside their pack: number and files.
    pub(crate) fn file_tables(&self) -> impl Iterator<Item = (u32, &FileTable)> {
        let numbered = (0..).zip(&self.sites);
        numbered.filter_map(|(number, site)| site.files.as_ref().map(|files| (number, files)))
    }

    /// Finds what answers `request`. For [`Found::Stored`] it fills `stored`, which comes cleared; for [`Found::Methods`] of
    /// a mount `stored.always` has the lines of the mount, and for [`Found::Missing`] those for other origins. For [`Found::Failed`] and [`Found::Panicked`], `local.failure`
    /// says what happened.
    pub(crate) fn find(
        &self,
        local: &mut Local,
        files: &mut dyn Files,
        request: &Request<'_>,
        stored: &mut Stored,
    ) -> Found {
        local.asked = None;
        let mut methods = Methods::NONE;
        local.chosen = None;
        if !self.routes.is_empty() {
            let mut params = Params::new();
            let is_found = self.matching(request, &mut params, &mut methods, &mut local.chosen);
            if let (true, Some(number)) = (is_found, local.chosen) {
                return self.run_route(&self.routes[usize::from(number)], &params, request, local);
            }
        }
        match self.ask_mounts(local, files, request, stored) {
            Found::Missing => {}
            Found::Methods(more) => methods = methods.union(more),
            found => return found,
        }
        if !methods.is_empty() {
            return Found::Methods(methods);
        }
        match self.page_of_missing(local, files, request, stored) {
            Found::Missing => {}
            found => return found,
        }
        match &self.not_found {
            Some(handler) => run(handler, request, "not found", local),
            None => self.lines_of_missing(request, stored),
        }
    }

    pub(super) fn note(mut self, added: Result<(), RouteError>) -> Router {
        self.error = self.error.or(added.err());
        self
    }

    fn has_room(&self) -> bool {
        self.routes.len() + self.sites.len() < ROUTES_MAX
    }

    fn add_route(&mut self, method: Method, pattern: &str, handler: Handler) -> Result<(), RouteError> {
        let owned = || pattern.to_owned();
        if !self.has_room() {
            return Err(RouteError::TooMany { pattern: owned() });
        }
        if matches!(method, Method::Connect | Method::Other) {
            return Err(RouteError::Method { pattern: owned(), method });
        }
        let segments = pattern::parse(pattern).map_err(|error| RouteError::Pattern { pattern: owned(), error })?;
        let number = self.routes.len() as u16;
        let same_shape = self.tree.routes_mut(&segments);
        let twin =
            same_shape.iter().map(|&route| &self.routes[usize::from(route)]).find(|route| route.method == method);
        if let Some(twin) = twin {
            return Err(RouteError::Twice { method, first: twin.pattern.clone(), second: owned() });
        }
        same_shape.push(number);
        let names = segments.iter().filter_map(|segment| match segment {
            Segment::Name(name) | Segment::Rest(name) => Some((*name).to_owned()),
            Segment::Literal(_) => None,
        });
        self.routes.push(Route { method, pattern: owned(), names: names.collect(), handler });
        Ok(())
    }

    fn add_mount(&mut self, mount: Mount) -> Result<(), RouteError> {
        if !self.has_room() {
            return Err(RouteError::TooMany { pattern: mount.prefix().to_owned() });
        }
        let (pack, site) = mount.finish()?;
        self.tree.add_mount(&site.prefix, self.sites.len() as u16);
        self.sites.push(site);
        self.packs.push(pack);
        Ok(())
    }

    /// Whether a handler has the path and the method; `chosen` is the most specific one. If there is none, `methods` has those
    /// of all handlers that have the path, and `chosen` is the first of these.
    fn matching<'p>(
        &self,
        request: &Request<'p>,
        params: &mut Params<'p>,
        methods: &mut Methods,
        chosen: &mut Option<u16>,
    ) -> bool {
        let mut is_found = false;
        let _ = self.tree.walk(request.path(), params, &mut |numbers| {
            if let Some(number) = self.with_method(numbers, request.method()) {
                *chosen = Some(number);
                is_found = true;
                return ControlFlow::Break(());
            }
            for &number in numbers {
                *methods = methods.union(answered(self.routes[usize::from(number)].method));
            }
            *chosen = chosen.or(numbers.first().copied());
            ControlFlow::Continue(())
        });
        is_found
    }

    /// The handler of one pattern for a method. HEAD is answered by the one for GET unless it has its own.
    fn with_method(&self, numbers: &[u16], method: Method) -> Option<u16> {
        let of = |method| numbers.iter().copied().find(|&number| self.routes[usize::from(number)].method == method);
        of(method).or_else(|| if method == Method::Head { of(Method::Get) } else { None })
    }

    fn run_route(&self, route: &Route, params: &Params<'_>, request: &Request<'_>, local: &mut Local) -> Found {
        let mut named = [("", ""); PARAMS_MAX];
        let mut count = 0;
        for (place, (name, value)) in named.iter_mut().zip(route.names.iter().zip(params.as_slice())) {
            *place = (name, value);
            count += 1;
        }
        run(&route.handler, &request.with_params(&named[..count]), &route.pattern, local)
    }

    /// Asks the mounts that may have the path. Never [`Found::Made`].
    fn ask_mounts(
        &self,
        local: &mut Local,
        files: &mut dyn Files,
        request: &Request<'_>,
        stored: &mut Stored,
    ) -> Found {
        // Numbered behind the handlers: as many as there may be of both fit.
        let numbered = |number: u16| Some((self.routes.len() + usize::from(number)) as u16);
        let mut innermost = None;
        let mut node = self.tree.longest_prefix(request.path());
        while let Some(id) = node {
            for &number in self.tree.mounts(id) {
                match self.ask_mount(number, local, files, request, stored) {
                    Found::Missing => innermost = innermost.or(numbered(number)),
                    found => {
                        local.chosen = numbered(number);
                        return found;
                    }
                }
            }
            node = self.tree.outer(id);
        }
        // What is missing is missing in the mount that the path lies in, unless a handler has the path.
        local.chosen = local.chosen.or(innermost);
        Found::Missing
    }

    fn ask_mount(
        &self,
        number: u16,
        local: &mut Local,
        files: &mut dyn Files,
        request: &Request<'_>,
        stored: &mut Stored,
    ) -> Found {
        let (site, pack) = (&self.sites[usize::from(number)], &self.packs[usize::from(number)]);
        let Local { checked, record, failure, gathering, asked, .. } = local;
        let checked = &mut checked[usize::from(number)];
        // The tree compared the prefix, so it is there.
        let key = request.path().get(site.prefix.len()..).unwrap_or_default();
        let is_bare = key.is_empty();
        let key = if is_bare { "/" } else { key };
        let found = match site.gather.as_ref().and_then(|gather| Some((gather, gather.asked(key, request)?))) {
            Some((gather, ids)) => {
                Gathered { gather, number, site, pack }.fill(ids, checked, record, gathering, files, request, stored)
            }
            None => Asked { number, site, pack, key, is_bare }.fill(checked, record, asked, files, request, stored),
        };
        found.unwrap_or_else(|what| {
            *failure = Some(format!("mount {:?}, key {key:?}: {what}", site.prefix));
            Found::Failed
        })
    }
}

/// A key that is asked of a mount.
struct Asked<'m> {
    number: u16,
    site: &'m Site,
    pack: &'m Pack,
    key: &'m str,
    /// The prefix was asked for, without a slash.
    is_bare: bool,
}

impl Asked<'_> {
    /// Fills `stored` with what the mount has for the key.
    ///
    /// # Errors
    /// What is wrong with the entry.
    fn fill(
        &self,
        checked: &mut Checked,
        record: &mut Record,
        asked: &mut Option<workload::Asked>,
        files: &mut dyn Files,
        request: &Request<'_>,
        stored: &mut Stored,
    ) -> Result<Found, String> {
        let Asked { number, site, pack, key, is_bare } = *self;
        let mut find = |key: &str| match pack.lookup(key.as_bytes(), checked, record) {
            Err(LookupError::NotInMemory { .. }) => Ok(Err(files.read_index(u32::from(number), key.as_bytes()))),
            outcome => outcome.map(Ok).map_err(|error| error.to_string()),
        };
        let mut lines = site.lines(request);
        let workload = site.workload.as_ref().filter(|workload| workload.has(key));
        if workload.is_some() {
            lines = Lines { plain: &site.personal, immutable: &site.personal, ..lines };
        }
        match find(key)? {
            Ok(true) => {}
            Ok(false) => {
                let Some(fallback) = site.fallback.as_ref().filter(|fallback| fallback.has(key)) else {
                    return Ok(Found::Missing);
                };
                match find(&fallback.key)? {
                    Ok(true) => {}
                    Ok(false) => return Err(format!("its fallback {:?} is gone", fallback.key)),
                    Err(wait) => return Ok(wait),
                }
                lines = match workload {
                    Some(_) => Lines { plain: &fallback.personal, immutable: &fallback.personal, ..lines },
                    None => Lines { plain: &fallback.plain, immutable: &fallback.immutable, ..lines },
                };
            }
            Err(wait) => return Ok(wait),
        }
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Ok(stored::fill_methods(site, site.lines(request), request, stored));
        }
        if is_bare {
            stored::fill_redirect(site, request, stored);
            return Ok(Found::Stored);
        }
        *asked = workload.and_then(|workload| workload.ask(number, record));
        match (Entry { number, lines, pack, record }).fill(files, request, stored) {
            Found::Failed => Err("its file cannot be opened".to_owned()),
            found => Ok(found),
        }
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let routes: Vec<_> = self.routes.iter().map(|route| (route.method.as_str(), &route.pattern)).collect();
        let mounts: Vec<_> = self.sites.iter().map(|site| &site.prefix).collect();
        f.debug_struct("Router").field("routes", &routes).field("mounts", &mounts).finish_non_exhaustive()
    }
}

/// The methods that a handler for `method` brings with it.
fn answered(method: Method) -> Methods {
    let methods = Methods::NONE.with(method).with(Method::Options);
    if method == Method::Get { methods.with(Method::Head) } else { methods }
}

fn run(handler: &Handler, request: &Request<'_>, pattern: &str, local: &mut Local) -> Found {
    // Unwind safety: the handler is behind a shared reference and must be Sync, so whatever state a panic leaves half
    // changed is behind a lock or an atomic of its own, as it would be for a panic in another thread. The request is only
    // read, and the response is lost.
    match catch_unwind(AssertUnwindSafe(|| handler(request))) {
        Ok(response) => Found::Made(response),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
            local.failure = Some(format!("the handler of {pattern:?} panicked at {:?}: {text}", request.path()));
            Found::Panicked
        }
    }
}
