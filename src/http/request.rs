//! A request as handlers and the router see it. Pure.
#![forbid(unsafe_code)]

use super::conditional::{self, Current, Outcome, Preconditions, Validators};
use super::encoding::{self, Encoding};
use super::fields::{Fields, Known};
use super::method::Method;
use super::response::is_etag;
use std::net::SocketAddr;

/// A GET, HEAD, OPTIONS or other request whose head follows the rules of RFC 9110 and 9112.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(crate) method: Method,
    /// Of a target in absolute-form.
    pub(crate) authority: Option<&'a [u8]>,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) fields: Fields<'a, 'a>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) unix_seconds: u64,
    pub(crate) generation: u64,
    pub(crate) params: &'a [(&'a str, &'a str)],
}

impl<'a> Request<'a> {
    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The path, percent-decoded once, without the query; it starts with `/` and has no `.` or `..` segments.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What follows the `?`, as it came (not decoded, ASCII); `None` when there is no `?`.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The part of the path that the route's pattern calls `{name}`, decoded; empty when the pattern has no such name.
    pub fn param(&self, name: &str) -> &'a str {
        self.params.iter().find(|param| param.0 == name).map_or("", |param| param.1)
    }

    /// The host that is asked for, with its port if it was named: that of a target in absolute-form, whatever the Host field
    /// says (RFC 9112 section 3.2.2), else that of the Host field; empty when neither names one.
    pub fn host(&self) -> &'a str {
        let bytes = self.authority.or_else(|| self.fields.first(Known::Host)).unwrap_or_default();
        // Whatever the parser takes for a host is ASCII.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The value of the first field line of this name (in any case). Bytes, since HTTP does not promise UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.named(name).next()
    }

    /// Every field line, name and value, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        self.fields.all()
    }

    /// The value of the first line of a field that the server itself looks at.
    pub(crate) fn known(&self, known: Known) -> Option<&'a [u8]> {
        self.fields.first(known)
    }

    /// The address of the client; `None` on a unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The address of the listener that took the connection, as it was bound (so `0.0.0.0` or `::` where it listens on
    /// every address); `None` on a unix socket.
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// The time of the server's clock when this turn of its loop began: seconds since 1970-01-01 UTC.
    pub fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }

    /// The number of the content that answers: it grows by one with every swap.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Which of the encodings at hand (each with its size in bytes) suits this client best (RFC 9110 section 12.5.3).
    /// `None`: the client refuses all of them.
    pub fn negotiate(&self, available: &[(Encoding, u64)]) -> Option<usize> {
        encoding::choose(self.fields.values(Known::AcceptEncoding), available)
    }

    /// Whether the preconditions of this request let a handler change something: If-Match, If-Unmodified-Since and
    /// If-None-Match, in the order of RFC 9110 section 13.2.2. `current` is what the change would be made to; `None`: there
    /// is nothing yet. When it is false, change nothing and answer 412.
    ///
    /// Ask when everything else has been checked, and just before the change (section 13.2.1). In answers to GET and HEAD
    /// the server looks at the conditions itself, by the validators of the response; in other methods only a handler can,
    /// since the response comes behind the change.
    ///
    /// A tag that could not be sent meets no condition, so that a quote too many loses no change of another client.
    ///
    /// ```
    /// use badgerserver::http::conditional::Current;
    /// use badgerserver::{Method, Response, Router, TestClient};
    ///
    /// let router = Router::new().route(Method::Delete, "/notes/{id}", |request| {
    ///     // Where the notes are kept would say so.
    ///     let current = Current { etag: Some("v7"), last_modified: None };
    ///     if !request.may_change(Some(current)) {
    ///         return Response::text("the note has changed meanwhile\n").status(412);
    ///     }
    ///     Response::new(204)
    /// });
    /// let mut client = TestClient::new(router)?;
    /// assert_eq!(client.request("DELETE", "/notes/1", &[("If-Match", "\"v6\"")]).status(), 412);
    /// assert_eq!(client.request("DELETE", "/notes/1", &[("If-Match", "\"v7\"")]).status(), 204);
    /// # Ok::<(), badgerserver::Error>(())
    /// ```
    pub fn may_change(&self, current: Option<Current<'_>>) -> bool {
        let Some(preconditions) = self.preconditions() else { return true };
        let Some(Current { etag, last_modified }) = current else {
            return conditional::evaluate_absent(preconditions) == Outcome::Proceed;
        };
        if etag.is_some_and(|tag| !is_etag(tag)) {
            return false;
        }
        let etag = etag.map(|tag| format!("\"{tag}\""));
        let validators = Validators { etag: etag.as_deref().map(str::as_bytes), last_modified };
        conditional::evaluate(preconditions, &validators, false, self.unix_seconds) == Outcome::Proceed
    }

    /// Its conditions; `None`: it has none.
    pub(super) fn preconditions(&self) -> Option<Preconditions<impl Iterator<Item = &'a [u8]> + use<'a>>> {
        let conditions = [Known::IfMatch, Known::IfNoneMatch, Known::IfModifiedSince, Known::IfUnmodifiedSince];
        if conditions.iter().all(|&known| self.fields.count(known) == 0) {
            return None;
        }
        Some(Preconditions {
            if_match: self.fields.values(Known::IfMatch),
            if_none_match: self.fields.values(Known::IfNoneMatch),
            if_modified_since: self.fields.values(Known::IfModifiedSince),
            if_unmodified_since: self.fields.values(Known::IfUnmodifiedSince),
        })
    }

    pub(crate) fn with_params<'s>(&self, params: &'s [(&'s str, &'s str)]) -> Request<'s>
    where
        'a: 's,
    {
        Request { params, ..*self }
    }
}
