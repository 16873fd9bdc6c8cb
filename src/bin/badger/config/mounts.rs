//! What is served where: mounts with their headers, and redirects.

use super::place::{Complaints, Place};
use super::table::{Table, Value, strings, tables};
use crate::failure::{Failure, open_failure};
use crate::lines::Lines;
use badgerserver::directory::{self, DirectoryError};
use badgerserver::route::{Cors, RouteError};
use badgerserver::{Mount, Pack, Router};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

/// A pack or directory under a prefix.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MountSettings {
    pub(crate) prefix: String,
    pub(crate) path: PathBuf,
    headers: Vec<(String, String)>,
    cache_control: Option<String>,
    immutable: Option<bool>,
    cors: Option<Cors>,
    fallback: Option<Fallback>,
    not_found: Option<String>,
    /// Where each of its keys stands in the file, and the whole under the empty name; nothing for one of a flag.
    places: BTreeMap<&'static str, Place>,
}

#[derive(Clone, Debug, PartialEq)]
struct Fallback {
    below: String,
    key: String,
    header: String,
    value: String,
}

/// A path that leads elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RedirectSettings {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) status: u16,
}

impl MountSettings {
    /// One that a flag names.
    pub(crate) fn plain(prefix: &str, path: &Path) -> MountSettings {
        MountSettings { prefix: prefix.to_owned(), path: path.to_owned(), ..MountSettings::default() }
    }

    /// One that the file's `paths` names.
    pub(super) fn at_root(path: PathBuf, place: Place) -> MountSettings {
        let places = BTreeMap::from([("", place.clone()), ("path", place)]);
        MountSettings { path, places, ..MountSettings::default() }
    }

    fn read(mut table: Table<'_>, folder: &Path, complaints: &mut Complaints) -> Option<MountSettings> {
        let mut places = BTreeMap::from([("", complaints.place(table.span.clone()))]);
        for key in ["prefix", "path", "headers", "cache_control", "cors", "fallback", "not_found"] {
            if let Some(value) = table.value(key) {
                places.insert(key, complaints.place(value.span()));
            }
        }
        let prefix = table.required("prefix", complaints);
        let path = table.required("path", complaints);
        let headers = table.value("headers").map(|value| read_headers(value, complaints)).unwrap_or_default();
        let cors = table.value("cors").and_then(|value| read_cors(value, complaints));
        let fallback = table.value("fallback").and_then(|value| read_fallback(value, complaints));
        let cache_control = table.string("cache_control", complaints).map(|found| found.0);
        let not_found = table.string("not_found", complaints).map(|found| found.0);
        let immutable = table.boolean("immutable", complaints);
        table.finish(complaints);
        let (prefix, path) = (prefix?.0, folder.join(path?.0));
        Some(MountSettings { prefix, path, headers, cache_control, immutable, cors, fallback, not_found, places })
    }

    /// Opens what is to be served, with all that goes with it.
    ///
    /// # Errors
    /// It cannot be opened or served so; the message has the place in the file.
    pub(crate) fn open(&self, lines: &Lines) -> Result<Mount, Failure> {
        let at = |key: &'static str, failure: Failure| match self.places.get(key).or_else(|| self.places.get("")) {
            Some(place) => failure.under(|what| place.failure(what)),
            None => failure,
        };
        let mount = open_mount(&self.prefix, &self.path, lines).map_err(|failure| at("path", failure))?;
        let mount = self.dress(mount.source(self.path.display().to_string()));
        match Router::new().mount(mount.clone()).validate() {
            Ok(()) => Ok(mount),
            Err(error) => {
                let key = match &error {
                    RouteError::Prefix { .. } => "prefix",
                    RouteError::Cors { .. } => "cors",
                    RouteError::Header { name, .. } if name.eq_ignore_ascii_case("cache-control") => "cache_control",
                    RouteError::Header { name, .. } if self.headers.iter().all(|header| header.0 != *name) => {
                        "fallback"
                    }
                    RouteError::Header { .. } => "headers",
                    RouteError::Key { key, .. } if self.not_found.as_ref() == Some(key) => "not_found",
                    RouteError::Key { .. } => "fallback",
                    _ => "",
                };
                Err(at(key, Failure::new(error.to_string())))
            }
        }
    }

    fn dress(&self, mut mount: Mount) -> Mount {
        for (name, value) in &self.headers {
            mount = mount.header(name, value);
        }
        if let Some(value) = &self.cache_control {
            mount = mount.cache_control(value);
        }
        if let Some(says_immutable) = self.immutable {
            mount = mount.immutable(says_immutable);
        }
        if let Some(cors) = &self.cors {
            mount = mount.cors(cors.clone());
        }
        if let Some(Fallback { below, key, header, value }) = &self.fallback {
            mount = mount.fallback(below, key, header, value);
        }
        match &self.not_found {
            Some(key) => mount.not_found(key),
            None => mount,
        }
    }
}

pub(super) fn read_mounts(value: Option<&Value<'_>>, folder: &Path, complaints: &mut Complaints) -> Vec<MountSettings> {
    let found = tables(value, "[[mount]]", complaints);
    found.into_iter().filter_map(|table| MountSettings::read(table, folder, complaints)).collect()
}

/// `name = "value"`, or a list of values for several lines of a name.
fn read_headers(value: &Value<'_>, complaints: &mut Complaints) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let DeValue::Table(entries) = value.get_ref() else {
        super::table::wrong_type(value, "a table: [mount.headers], or { Name = \"value\" }", complaints);
        return headers;
    };
    for (name, values) in entries {
        for (value, _) in strings(values, complaints) {
            headers.push((name.get_ref().to_string(), value));
        }
    }
    headers
}

/// `cors = "*"`, a list of origins, or a table.
fn read_cors(value: &Value<'_>, complaints: &mut Complaints) -> Option<Cors> {
    let plain = |found: Vec<(String, _)>| found.into_iter().map(|(text, _)| text).collect::<Vec<String>>();
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        return Some(Cors::origins(plain(strings(value, complaints))));
    }
    let mut table = Table::of(value, "cors", complaints)?;
    let mut cors = Cors::origins(plain(table.strings("origins", complaints)));
    cors.allow_headers = plain(table.strings("allow_headers", complaints));
    cors.expose_headers = plain(table.strings("expose_headers", complaints));
    cors.max_age_seconds = table.number("max_age", complaints).map(|found| found.0);
    cors.credentials = table.boolean("credentials", complaints).unwrap_or_default();
    table.finish(complaints);
    Some(cors)
}

/// `fallback = "/index.html"` for everything, or a table.
fn read_fallback(value: &Value<'_>, complaints: &mut Complaints) -> Option<Fallback> {
    let fallback = |below: Option<String>, key, header: Option<String>, value: Option<String>| Fallback {
        below: below.unwrap_or_else(|| "/".to_owned()),
        key,
        header: header.unwrap_or_else(|| "Badger-Fallback".to_owned()),
        value: value.unwrap_or_else(|| "default".to_owned()),
    };
    if let DeValue::String(key) = value.get_ref() {
        return Some(fallback(None, key.to_string(), None, None));
    }
    let mut table = Table::of(value, "fallback", complaints)?;
    let key = table.required("key", complaints);
    let [below, header, text] =
        ["below", "header", "value"].map(|name| table.string(name, complaints).map(|found| found.0));
    table.finish(complaints);
    Some(fallback(below, key?.0, header, text))
}

pub(super) fn read_redirects(value: Option<&Value<'_>>, complaints: &mut Complaints) -> Vec<RedirectSettings> {
    let mut redirects: Vec<RedirectSettings> = Vec::new();
    for mut table in tables(value, "[[redirect]]", complaints) {
        let (from, to) = (table.required("from", complaints), table.required("to", complaints));
        let status = table.number("status", complaints);
        table.finish(complaints);
        let (Some((from, from_span)), Some((to, to_span))) = (from, to) else { continue };
        let (status, status_span) = status.unwrap_or((302, to_span.clone()));
        let status = u16::try_from(status).unwrap_or_default();
        let help = "it goes like: from = \"/docs/{*rest}\", to = \"/manual/{rest}\", status = 301";
        match Router::new().redirect(&from, status, &to).validate() {
            Err(error @ RouteError::Redirect { .. }) if !matches!(status, 301 | 302 | 303 | 307 | 308) => {
                complaints.add(status_span, error.to_string(), help);
            }
            Err(error @ RouteError::Redirect { .. }) => complaints.add(to_span, error.to_string(), help),
            Err(error) => complaints.add(from_span, error.to_string(), help),
            Ok(()) if redirects.iter().any(|other| other.from == from) => {
                complaints.add(from_span, format!("{from:?} leads elsewhere already"), "leave one of them out");
            }
            Ok(()) => redirects.push(RedirectSettings { from, to, status }),
        }
    }
    redirects
}

fn open_mount(prefix: &str, path: &Path, lines: &Lines) -> Result<Mount, Failure> {
    if !path.is_dir() {
        let pack = open_failure(Pack::open(path))?;
        let mount = if Mount::is_gallery(&pack) { Mount::gallery(prefix, pack) } else { Mount::pack(prefix, pack) };
        return Ok(mount);
    }
    let failed = |error: DirectoryError| {
        let failure = Failure::new(error.to_string());
        match error {
            DirectoryError::Temporary { .. } => failure
                .remedy("make room there, or set TMPDIR to a folder with room; a pack that is made before needs none"),
            DirectoryError::TooMany { .. } => failure,
            _ => failure.remedy("name a directory that can be read"),
        }
    };
    let scan = directory::scan(path).map_err(failed)?;
    let (mount, skipped) = Mount::scanned(prefix, &scan).map_err(failed)?;
    for skipped in scan.skipped.iter().chain(&skipped) {
        lines.tell(format_args!("warning: {}: {skipped}", path.display()));
    }
    Ok(mount)
}
