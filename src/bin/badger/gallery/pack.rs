//! From two files of JSON lines to the entries of a pack.
//!
//! ```text
//! titles   -> parsed and encoded on all threads -> /metadata/{id} in the order of the lines; a card of each is kept
//! cards    -> in the shared layout /catalogue/{hash}
//! profiles -> parsed and encoded on all threads -> /gallery/{id} in the order of the lines, then /gallery/default
//! names    -> /profiles
//! ```
//! In memory: a card for each title, the lines that are under way, the first profile, and what the writer keeps.

use super::compress::{Encodings, encode};
use super::error::GalleryError;
use super::input::{Input, Line};
use super::ordered::{Ordered, ordered};
use super::profile::{DEFAULT_ID, ProfileLine, gallery_key};
use super::records::Shelf;
use super::title::TitleLine;
use super::titles::Titles;
use badgerserver::pack::key::{self, shard_of};
use badgerserver::pack::{Encoding, Entry, PackWriter, Summary, WriteError};
use badgerserver::poco::moment::MOMENT_MODEL_KEY;
use badgerserver::poco::{CATALOGUE_MEDIA_TYPE, GALLERY_MEDIA_TYPE, Layout, PocoError, TITLE_MEDIA_TYPE};
use serde_json::{Value, json};
use std::io::{Read, Seek, Write};
use std::sync::Arc;

/// Profiles that `/profiles` lists: a picker shows a few, and a list of all would be larger than a gallery.
pub(crate) const LISTED_PROFILES_MAX: usize = 1_000;

/// How the pack is made.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) layout: Layout,
    /// What the paths of art are relative to: a path or an address that ends with a slash.
    pub(crate) assets: String,
    /// Keep the profiles of this shard, of so many; the writer's options name the same.
    pub(crate) shard_index: u32,
    pub(crate) shard_count: u32,
    pub(crate) encodings: Encodings,
    /// The text of a model for the order of the moment; none: the default one.
    pub(crate) model: Option<String>,
    /// Threads that read and encode.
    pub(crate) threads: usize,
}

/// What became of the lines.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) summary: Summary,
    pub(crate) titles: u64,
    /// Galleries of this shard, without the default one.
    pub(crate) profiles: u64,
    /// Whose gallery is the default one; none: it was made from the first profile.
    pub(crate) default_profile: Option<String>,
    /// Bytes of the galleries by encoding; where an encoding is no smaller, the plain bytes count.
    pub(crate) gallery_bytes: Vec<(Encoding, u64)>,
}

/// Reads both inputs and writes the pack. `progress` is told how many more bytes of the input are done.
///
/// # Errors
/// What is wrong with the input, by file, line and field; or that the output failed. Then the pack is not finished.
pub(crate) fn pack<W: Read + Write + Seek, S: Read + Write + Seek>(
    titles: Input,
    profiles: Input,
    options: &Options,
    writer: PackWriter<W, S>,
    progress: &mut dyn FnMut(u64),
) -> Result<Packed, GalleryError> {
    check_assets(&options.assets)?;
    let mut packing = Packing { writer, options, progress };
    let titles = packing.titles(titles)?;
    let title_count = titles.cards.len() as u64;
    let (shelf, catalogue) = Shelf::new(titles, &options.assets, options.layout).map_err(record_error)?;
    if let (Some(key), Some(record)) = (shelf.catalogue_key(), catalogue) {
        let ready = Ready::new(key, CATALOGUE_MEDIA_TYPE, record, &options.encodings)?;
        packing.add(key, &ready, true, 0)?;
    }
    let name = profiles.name.clone();
    let galleries = packing.galleries(profiles, Arc::new(shelf))?;
    let list = Value::Array(galleries.listed).to_string().into_bytes();
    packing.add("/profiles", &Ready::new("/profiles", "application/json", list, &options.encodings)?, false, 0)?;
    if let Some(model) = &options.model {
        let text = model.clone().into_bytes();
        let ready = Ready::new(MOMENT_MODEL_KEY, "text/plain; charset=utf-8", text, &options.encodings)?;
        packing.add(MOMENT_MODEL_KEY, &ready, false, 0)?;
    }
    Ok(Packed {
        summary: packing.writer.finish().map_err(|error| duplicate_error(&name, error))?,
        titles: title_count,
        profiles: galleries.count,
        default_profile: galleries.default_profile,
        gallery_bytes: galleries.bytes,
    })
}

/// Whether paths of art can be appended.
fn check_assets(assets: &str) -> Result<(), GalleryError> {
    let path = assets.strip_prefix("https:/").or(assets.strip_prefix("http:/")).unwrap_or(assets);
    let is_good = assets.ends_with('/') && path.starts_with('/') && !assets.chars().any(|c| c.is_control() || c == ' ');
    if is_good && (path.len() < assets.len() || key::validate(path).is_ok()) {
        return Ok(());
    }
    let what = format!("assets {assets:?}: not a path or address that ends with a slash");
    Err(GalleryError::new(what, "write it like /assets/ or https://cdn.example/art/"))
}

/// A pack under way.
struct Packing<'a, W, S> {
    writer: PackWriter<W, S>,
    options: &'a Options,
    progress: &'a mut dyn FnMut(u64),
}

/// What the profiles gave.
struct Galleries {
    count: u64,
    default_profile: Option<String>,
    listed: Vec<Value>,
    bytes: Vec<(Encoding, u64)>,
}

impl<W: Read + Write + Seek, S: Read + Write + Seek> Packing<'_, W, S> {
    /// Adds the metadata of all titles.
    fn titles(&mut self, input: Input) -> Result<Titles, GalleryError> {
        let name = input.name.clone();
        let encodings = self.options.encodings.clone();
        let work = move |line: &Line| {
            let title = TitleLine::parse(&line.text)?;
            let record = title.title.to_record().map_err(record_error)?;
            let key = format!("/metadata/{}", title.title.id);
            Ok((title, Ready::new(&key, TITLE_MEDIA_TYPE, record, &encodings)?, key))
        };
        let mut titles = Titles::default();
        for done in lines(self.options.threads, input, work)? {
            let Done { line, bytes, made: (title, ready, key) } = done?;
            titles.add(&title, line).map_err(|error| error.at(format_args!("{name}:{line}")))?;
            self.add(&key, &ready, false, line)?;
            (self.progress)(bytes);
        }
        if titles.cards.is_empty() {
            return Err(GalleryError::new(format!("{name}: no titles"), "look at what makes the input"));
        }
        Ok(titles)
    }

    /// Adds the galleries of this shard, and the default one.
    fn galleries(&mut self, input: Input, shelf: Arc<Shelf>) -> Result<Galleries, GalleryError> {
        let name = input.name.clone();
        let (options, shared) = (self.options.clone(), Arc::clone(&shelf));
        let work = move |line: &Line| {
            let profile = ProfileLine::parse(&line.text, &shared.titles)?;
            let key = profile.key();
            let is_ours = shard_of(key.as_bytes(), options.shard_count) == options.shard_index;
            let ready = match is_ours || profile.is_default {
                true => Some(gallery(&profile, &shared, &options.encodings)?),
                false => None,
            };
            Ok((profile, key, is_ours, ready))
        };
        let mut galleries = Galleries { count: 0, default_profile: None, listed: Vec::new(), bytes: self.counters() };
        let mut first: Option<(ProfileLine, u64)> = None;
        let mut default_line = 0;
        for done in lines(self.options.threads, input, work)? {
            let Done { line, bytes, made: (profile, key, is_ours, ready) } = done?;
            if let Some(ready) = ready.as_ref().filter(|_| is_ours) {
                self.add(&key, ready, false, line)?;
                galleries.count += 1;
                galleries.bytes.iter_mut().for_each(|(encoding, bytes)| *bytes += ready.bytes_in(*encoding));
                if galleries.listed.len() < LISTED_PROFILES_MAX {
                    let avatar = shelf.address(&profile.avatar);
                    galleries.listed.push(json!({ "id": profile.id, "name": profile.name, "avatar": avatar }));
                }
            }
            if let Some(ready) = ready.as_ref().filter(|_| profile.is_default) {
                if let Some(other) = &galleries.default_profile {
                    let what =
                        format!("{name}:{line}: field \"default\": {other:?} in line {default_line} is it already");
                    return Err(GalleryError::new(what, "one profile is the default one: leave one of them"));
                }
                if !is_ours || profile.id != DEFAULT_ID {
                    self.add(&gallery_key(DEFAULT_ID), ready, false, line)?;
                }
                galleries.default_profile = Some(profile.id.clone());
                default_line = line;
            }
            (self.progress)(bytes);
            first.get_or_insert((profile, line));
        }
        let Some((first, line)) = first else {
            return Err(GalleryError::new(format!("{name}: no profiles"), "look at what makes the input"));
        };
        if galleries.default_profile.is_none() {
            let ready = gallery(&first.without_viewer(), &shelf, &self.options.encodings)?;
            self.add(&gallery_key(DEFAULT_ID), &ready, false, line)?;
        }
        Ok(galleries)
    }

    fn add(&mut self, key: &str, ready: &Ready, immutable: bool, line: u64) -> Result<(), GalleryError> {
        let mut bodies = vec![(Encoding::Identity, ready.record.as_slice())];
        bodies.extend(ready.encoded.iter().map(|(encoding, body)| (*encoding, body.as_slice())));
        let entry = Entry {
            key,
            content_type: ready.media_type,
            immutable,
            bodies: &bodies,
            ordinal: line,
            ..Entry::default()
        };
        Ok(self.writer.add(entry)?)
    }

    fn counters(&self) -> Vec<(Encoding, u64)> {
        std::iter::once(&Encoding::Identity).chain(&self.options.encodings.0).map(|encoding| (*encoding, 0)).collect()
    }
}

/// What was made of a line.
struct Done<R> {
    line: u64,
    /// Bytes of the input that it stands for.
    bytes: u64,
    made: R,
}

/// Does `work` for each line on so many threads. Gives what is made of them in their order.
fn lines<R: Send + 'static>(
    threads: usize,
    input: Input,
    work: impl Fn(&Line) -> Result<R, GalleryError> + Send + Sync + 'static,
) -> Result<Ordered<Result<Done<R>, GalleryError>>, GalleryError> {
    let name = input.name.clone();
    let jobs = input.map(|line| {
        let bytes = line.as_ref().map_or(0, |line| line.bytes);
        (line, bytes)
    });
    let work = move |line: Result<Line, GalleryError>| {
        let line = line?;
        let made = work(&line).map_err(|error| error.at(format_args!("{name}:{}", line.number)))?;
        Ok(Done { line: line.number, bytes: line.bytes, made })
    };
    ordered(threads, jobs, work)
        .map_err(|error| GalleryError::new(format!("threads: {error}"), "allow this process more threads"))
}

fn gallery(profile: &ProfileLine, shelf: &Shelf, encodings: &Encodings) -> Result<Ready, GalleryError> {
    let record = shelf.record(profile).map_err(record_error)?;
    Ready::new(&profile.key(), GALLERY_MEDIA_TYPE, record, encodings)
}

/// An entry, encoded.
struct Ready {
    media_type: &'static str,
    record: Vec<u8>,
    encoded: Vec<(Encoding, Vec<u8>)>,
}

impl Ready {
    fn new(key: &str, media_type: &'static str, record: Vec<u8>, encodings: &Encodings) -> Result<Ready, GalleryError> {
        let encoded = encode(&record, encodings, &[]).map_err(|error| {
            GalleryError::new(format!("{key} could not be encoded: {error}"), "leave the encoding out of --encode")
        })?;
        Ok(Ready { media_type, record, encoded })
    }

    /// Bytes that a client gets who takes this encoding.
    fn bytes_in(&self, encoding: Encoding) -> u64 {
        let encoded = self.encoded.iter().find(|body| body.0 == encoding && body.1.len() < self.record.len());
        encoded.map_or(self.record.len(), |body| body.1.len()) as u64
    }
}

fn record_error(error: PocoError) -> GalleryError {
    GalleryError::new(error.to_string(), "a record has at most 4 GiB and every list its bound: make the input smaller")
}

/// Only profiles can have one key: the numbers of titles are looked at as they come.
fn duplicate_error(name: &str, error: WriteError) -> GalleryError {
    match error {
        WriteError::Duplicate { key, ordinals: (first, second) } => {
            let id = key.strip_prefix("/gallery/").unwrap_or(&key);
            let what = format!("{name}:{second}: field \"id\": line {first} has the id {id:?} too");
            GalleryError::new(what, "each profile has an id of its own")
        }
        error => GalleryError::Write(error),
    }
}
