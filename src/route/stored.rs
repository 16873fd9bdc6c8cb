//! From a record of a pack to an answer: negotiation, header lines, the body's place. Pure.
#![forbid(unsafe_code)]

use super::files::{FileState, Files};
use super::mount::Site;
use crate::http::date;
use crate::http::encoding::Encoding;
use crate::http::fields::Known;
use crate::http::method::Methods;
use crate::http::plan::{SourceId, Span};
use crate::http::request::Request;
use crate::http::service::{Found, Stored};
use crate::http::target::hexadecimal;
use crate::pack::{self, Pack, Record, VARIANTS_MAX, Variant};
use std::ops::Range;

/// What refusals say of a mount: its lines.
pub(super) fn fill_lines(lines: Lines<'_>, stored: &mut Stored) {
    let start = stored.push(lines.plain).start;
    stored.always = start..stored.push(lines.origin).end;
}

/// What `OPTIONS` and what else a mount has no answer for get: the methods, and what a browser wants to know before it sends
/// a request for a script of another origin.
pub(super) fn fill_methods(site: &Site, lines: Lines<'_>, request: &Request<'_>, stored: &mut Stored) -> Found {
    fill_lines(lines, stored);
    if let Some(preflight) = site.cors.as_ref().and_then(|cors| cors.of_preflight(request)) {
        stored.always.end = stored.push(preflight).end;
    }
    Found::Methods(Methods::READ)
}

/// The way from a prefix to the same with a slash: 301, and the query stays.
pub(super) fn fill_redirect(site: &Site, request: &Request<'_>, stored: &mut Stored) {
    fill_lines(site.lines(request), stored);
    let start = stored.always.start;
    stored.push(b"Location: ");
    stored.push(site.slash_location.as_bytes());
    push_query(request, stored);
    let end = stored.push(b"\r\n").end;
    stored.status = 301;
    stored.always = start..end;
}

/// Appends the query of a request to a Location.
fn push_query(request: &Request<'_>, stored: &mut Stored) {
    // The target's parser lets no other bytes through. Here they would end a header line, so they are looked at again.
    let query = request.query().filter(|query| query.bytes().all(|byte| byte.is_ascii_graphic()));
    if let Some(query) = query {
        stored.push(b"?");
        stored.push(query.as_bytes());
    }
}

/// What a mount says with each of its answers.
#[derive(Clone, Copy)]
pub(super) struct Lines<'e> {
    pub(super) plain: &'e [u8],
    /// With an entry that never changes.
    pub(super) immutable: &'e [u8],
    /// Behind either, for the origin that asks.
    pub(super) origin: &'e [u8],
}

/// A mount's lines and number, its pack and the record that was found in it.
pub(super) struct Entry<'e> {
    pub(super) number: u16,
    pub(super) lines: Lines<'e>,
    pub(super) pack: &'e Pack,
    pub(super) record: &'e Record,
}

impl Entry<'_> {
    /// Fills `stored` with the variant that suits the client best. [`Found::Missing`]: the entry is a file that is gone.
    pub(super) fn fill(&self, files: &mut dyn Files, request: &Request<'_>, stored: &mut Stored) -> Found {
        let Some(variant) = choose(self.record, request).and_then(|index| self.record.variant(index)) else {
            fill_lines(self.lines, stored);
            return Found::NotAcceptable;
        };
        stored.status = self.record.status();
        if self.record.flags().external() {
            return self.fill_file(&variant, files, stored);
        }
        let validators = self.fill_always(&variant, variant.validators(), stored);
        if matches!(stored.status, 301 | 302 | 307 | 308) {
            keep_query(variant.validators(), request, stored);
        }
        stored.etag = etag_within(variant.validators(), variant.etag(), validators);
        stored.content = stored.push(self.pack.class(variant.class()).content);
        stored.length = stored.push(variant.length_line());
        stored.last_modified = self.record.last_modified().and_then(|seconds| u64::try_from(seconds).ok());
        let source = SourceId(u32::from(self.number));
        stored.body = Some(Span { source, offset: variant.payload_offset(), len: variant.payload_bytes() });
        Found::Stored
    }

    /// An entry whose payload is a file of its own. What the packer knew about its bytes may be out of date, so its
    /// validators are not used: length and time are those of the file that is sent, and there is no entity tag.
    fn fill_file(&self, variant: &Variant<'_>, files: &mut dyn Files, stored: &mut Stored) -> Found {
        let (source, len, last_modified) = match files.open(u32::from(self.number), variant.payload_offset()) {
            FileState::Open { source, len, last_modified } => (source, len, last_modified),
            FileState::Wait => return Found::Wait,
            FileState::Missing => return Found::Missing,
            FileState::Failed => return Found::Failed,
            FileState::Busy => return Found::Busy,
        };
        match last_modified {
            Some(seconds) => {
                let mut line = *b"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
                line[15..44].copy_from_slice(&date::write(seconds));
                self.fill_always(variant, &line, stored);
            }
            None => {
                self.fill_always(variant, b"", stored);
            }
        }
        stored.content = stored.push(self.pack.class(variant.class()).content);
        stored.last_modified = last_modified;
        stored.body = Some(Span { source, offset: 0, len });
        Found::Stored
    }

    /// The lines that go with every status; gives where `validators` begins in the text.
    fn fill_always(&self, variant: &Variant<'_>, validators: &[u8], stored: &mut Stored) -> u32 {
        let is_immutable = self.record.flags().immutable();
        let start = stored.push(if is_immutable { self.lines.immutable } else { self.lines.plain }).start;
        stored.push(self.lines.origin);
        stored.push(self.pack.class(variant.class()).always);
        let validators = stored.push(validators);
        stored.always = start..validators.end;
        validators.start
    }
}

/// Puts the query of the request into a redirect that does nothing but add a slash, as [`fill_redirect`] does. `lines` are
/// those of the entry, which the text ends with.
fn keep_query(lines: &[u8], request: &Request<'_>, stored: &mut Stored) {
    if request.query().is_none() {
        return;
    }
    let Some(end) = end_of_slash_location(lines, request.path()) else { return };
    let after = &lines[end..];
    stored.text.truncate(stored.text.len() - after.len());
    push_query(request, stored);
    stored.always.end = stored.push(after).end;
}

/// Where the Location in these lines ends, if all it does is to add a slash to `path`.
fn end_of_slash_location(lines: &[u8], path: &str) -> Option<usize> {
    const NAME: &[u8] = b"Location: ";
    let mut end = 0;
    let value = lines.split_inclusive(|&byte| byte == b'\n').find_map(|line| {
        end += line.len();
        let (name, value) = line.split_at_checked(NAME.len())?;
        if name.eq_ignore_ascii_case(NAME) { value.strip_suffix(b"\r\n") } else { None }
    })?;
    // With a query of its own, a fragment or another host it does more than that.
    let does_more = memchr::memchr2(b'?', b'#', value).is_some() || value.windows(2).any(|two| two == b"//");
    let named = value.strip_suffix(b"/").filter(|_| !does_more)?;
    let named = named.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let asked = path.rsplit('/').next().unwrap_or_default();
    is_encoded(named, asked).then_some(end - b"\r\n".len())
}

/// Whether `encoded` is `plain`, some of it percent-encoded.
fn is_encoded(mut encoded: &[u8], plain: &str) -> bool {
    let is_same = plain.bytes().all(|byte| {
        let (decoded, rest) = match encoded {
            [b'%', high, low, rest @ ..] => {
                (hexadecimal(*high).zip(hexadecimal(*low)).map(|(high, low)| high << 4 | low), rest)
            }
            [first, rest @ ..] => (Some(*first), rest),
            [] => return false,
        };
        encoded = rest;
        decoded == Some(byte)
    });
    is_same && encoded.is_empty()
}

/// Where the entity tag lies in the text, given that `validators` begins at `start`: the packer writes it first.
fn etag_within(validators: &[u8], etag: &[u8], start: u32) -> Range<u32> {
    const NAME: &[u8] = b"ETag: ";
    match validators.strip_prefix(NAME) {
        Some(value) if value.starts_with(etag) => {
            let start = start + NAME.len() as u32;
            start..start + etag.len() as u32
        }
        Some(_) | None => 0..0,
    }
}

/// Which variant suits the client best; `None`: it refuses all of them.
fn choose(record: &Record, request: &Request<'_>) -> Option<usize> {
    if record.variant_count() == 1 && !may_refuse_identity(request) {
        return Some(0);
    }
    let mut available = [(Encoding::Identity, 0); VARIANTS_MAX];
    let mut count = 0;
    for (place, variant) in available.iter_mut().zip(record.variants()) {
        *place = (encoding(variant.encoding()), variant.payload_bytes());
        count += 1;
    }
    request.negotiate(&available[..count])
}

/// Whether the client could have excluded a plain body: that takes a weight, and a weight takes a semicolon. So the field
/// that browsers send is not read for content that has one form only.
fn may_refuse_identity(request: &Request<'_>) -> bool {
    request.fields.values(Known::AcceptEncoding).any(|value| memchr::memchr(b';', value).is_some())
}

fn encoding(encoding: pack::Encoding) -> Encoding {
    match encoding {
        pack::Encoding::Identity => Encoding::Identity,
        pack::Encoding::Gzip => Encoding::Gzip,
        pack::Encoding::Br => Encoding::Brotli,
        pack::Encoding::Zstd => Encoding::Zstd,
    }
}
