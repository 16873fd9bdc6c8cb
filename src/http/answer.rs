//! Makes the answer to one request: asks the service, looks at conditions and ranges, and draws into the batch. Pure.
#![forbid(unsafe_code)]

use super::conditional::{self, Outcome, Validators};
use super::conn::{Moment, Scratch};
use super::fields::Known;
use super::head::{self, Drawing, Persistence};
use super::method::{Method, Methods};
use super::multipart;
use super::parse::{Head, Refusal};
use super::plan::{Part, Plan, Span};
use super::range::{self, Ranges};
use super::request::Request;
use super::response::{Response, lines_of_304, uncached_lines};
use super::service::{Answer, Found, Piece, Ready, Service, Stored};
use super::target::{self, Target};
use std::net::SocketAddr;

/// One answer in the making.
pub(super) struct One<'o> {
    pub(super) moment: &'o Moment,
    pub(super) persistence: Persistence,
    pub(super) with_body: bool,
    pub(super) scratch: &'o mut Scratch,
    /// It is the last one of its connection.
    pub(super) ends: bool,
    /// What was read of the request.
    pub(super) head: &'o [u8],
    pub(super) peer: Option<SocketAddr>,
}

impl One<'_> {
    /// Answers a request; false: it has to wait for its content.
    pub(super) fn request<S: Service>(
        &mut self,
        head: &Head<'_, '_>,
        is_whole: bool,
        local: Option<SocketAddr>,
        service: &mut S,
    ) -> bool {
        let mut decoded = std::mem::take(&mut self.scratch.decoded);
        match target::parse(head.method_bytes, head.target, &mut decoded) {
            // First, whatever the method: nothing says that what follows a malformed line is a request (RFC 9112 section 3).
            Err(error) if error.is_grammar() => {
                self.persistence = Persistence::Close;
                self.ends = true;
                self.refusal(error.status(), error.why());
            }
            // RFC 9110 section 9.1.
            _ if matches!(head.method, Method::Other | Method::Connect) => {
                self.refusal(501, "this server does not know the method");
            }
            // RFC 9110 section 15.5.14.
            _ if !is_whole && matches!(head.method, Method::Get | Method::Head) => {
                self.refusal(413, "the request body is longer than this server reads");
            }
            Ok(Target::Asterisk) => {
                Drawing::start(&mut self.scratch.batch, 204, self.moment, self.persistence).allow(Methods::READ).end();
            }
            Ok(Target::Path { path, query, authority }) => {
                let request = Request {
                    method: head.method,
                    authority,
                    path,
                    query: query.and_then(|query| std::str::from_utf8(query).ok()),
                    fields: head.fields,
                    peer: self.peer,
                    local,
                    unix_seconds: self.moment.unix_seconds,
                    generation: self.moment.generation,
                    params: &[],
                };
                let is_answered = self.found(&request, service);
                if is_answered {
                    self.tell(Some(&request), service);
                }
                self.scratch.decoded = decoded;
                return is_answered;
            }
            Err(error) => self.refusal(error.status(), error.why()),
        }
        self.scratch.decoded = decoded;
        self.tell(None, service);
        true
    }

    /// Refuses a request that nothing was looked for.
    pub(super) fn refuse<S: Service>(&mut self, refusal: Refusal, service: &mut S) {
        self.refusal(refusal.status, refusal.why);
        self.tell(None, service);
    }

    /// Tells the service what has just been drawn.
    fn tell<S: Service>(&self, request: Option<&Request<'_>>, service: &mut S) {
        if let Some(plan) = self.scratch.batch.plans.last() {
            let Plan { status, body_bytes, .. } = *plan;
            service.answered(&Answer { request, head: self.head, status, body_bytes, peer: self.peer });
        }
    }

    fn found<S: Service>(&mut self, request: &Request<'_>, service: &mut S) -> bool {
        self.scratch.stored.clear();
        match service.find(request, &mut self.scratch.stored) {
            Found::Stored => return self.stored(request, service),
            Found::Made(response) => self.made(request, response),
            Found::Missing => self.refusal_of_mount(404, "", |drawing| drawing),
            Found::Methods(methods) if request.method == Method::Options => {
                Drawing::start(&mut self.scratch.batch, 204, self.moment, self.persistence)
                    .lines(self.scratch.stored.slice(&self.scratch.stored.always))
                    .allow(methods)
                    .end();
            }
            Found::Methods(methods) => self.refusal_of_mount(405, "", |drawing| drawing.allow(methods)),
            Found::NotAcceptable => {
                self.refusal_of_mount(406, "every encoding at hand is refused by Accept-Encoding", |drawing| {
                    drawing.lines(b"Vary: Accept-Encoding\r\n")
                });
            }
            Found::Wait => return false,
            Found::Failed => self.refusal(500, "the content is damaged; the server's log has the place"),
            Found::Busy => self.refusal(503, ""),
            Found::Panicked => {
                self.persistence = Persistence::Close;
                self.ends = true;
                self.refusal(500, "");
            }
        }
        true
    }

    /// A stored representation: conditions first (RFC 9110 section 13.2.2), then the range (section 14.2).
    fn stored<S: Service>(&mut self, request: &Request<'_>, service: &mut S) -> bool {
        let stored = &mut self.scratch.stored;
        if stored.last_modified.is_some_and(|changed| changed > self.moment.unix_seconds) {
            stored.change_now(self.moment);
        }
        let stored = &self.scratch.stored;
        let etag = stored.slice(&stored.etag);
        let validators = Validators { etag: (!etag.is_empty()).then_some(etag), last_modified: stored.last_modified };
        let mut range = Ranges::Ignore;
        if stored.status == 200 {
            match preconditions(request, &validators) {
                Outcome::Proceed => {}
                Outcome::NotModified => {
                    Drawing::start(&mut self.scratch.batch, 304, self.moment, self.persistence)
                        .lines(stored.slice(&stored.always))
                        .end();
                    return true;
                }
                Outcome::Failed => {
                    self.refusal_of_stored(412, |drawing| drawing);
                    return true;
                }
            }
            if request.method == Method::Get && request.fields.count(Known::Range) > 0 && stored.pieces.is_empty() {
                range = wanted_range(request, &validators, stored.body.map_or(0, |span| span.len));
            }
        }
        let whole = stored.body;
        match (range, whole) {
            (Ranges::One { first, len }, Some(whole)) => {
                let span = Span { offset: whole.offset + first, len, ..whole };
                let ready = service.ready(span);
                self.if_ready(ready, |one| {
                    let stored = &one.scratch.stored;
                    Drawing::start(&mut one.scratch.batch, 206, one.moment, one.persistence)
                        .lines(stored.slice(&stored.always))
                        .lines(stored.slice(&stored.content))
                        .content_range(first, len, whole.len)
                        .content_length(len)
                        .end_with_part(Part::Span(span), len);
                })
            }
            (Ranges::Several(spans), Some(whole)) => {
                let stored = &mut self.scratch.stored;
                let parts = multipart::fill(stored, &spans, whole, self.moment);
                let ready = if parts.is_some() || self.with_body { ready(stored, service) } else { Ready::Now };
                self.if_ready(ready, |one| match parts {
                    Some(lines) => {
                        let stored = &one.scratch.stored;
                        let bytes = stored.pieces.iter().map(Piece::bytes).sum();
                        Drawing::start(&mut one.scratch.batch, 206, one.moment, one.persistence)
                            .lines(stored.slice(&stored.always))
                            .lines(stored.slice(&lines))
                            .content_length(bytes)
                            .end_with_pieces(stored, bytes);
                    }
                    None => one.whole(),
                })
            }
            (Ranges::Unsatisfiable, _) => {
                let total = whole.map_or(0, |span| span.len);
                self.refusal_of_stored(416, |drawing| drawing.unsatisfied(total));
                true
            }
            _ => {
                let ready = if self.with_body { ready(&self.scratch.stored, service) } else { Ready::Now };
                self.if_ready(ready, One::whole)
            }
        }
    }

    fn whole(&mut self) {
        let Scratch { batch, stored, .. } = &mut *self.scratch;
        head::stored(batch, stored, self.moment, self.persistence, self.with_body);
    }

    /// Draws the answer once its bytes may be sent; false: it has to wait.
    fn if_ready(&mut self, ready: Ready, draw: impl FnOnce(&mut Self)) -> bool {
        match ready {
            Ready::Now => draw(self),
            Ready::Wait => return false,
            Ready::Failed => self.refusal(500, "the content is damaged; the server's log has the place"),
            Ready::Busy => self.refusal(503, ""),
        }
        true
    }

    fn made(&mut self, request: &Request<'_>, mut response: Response) {
        if response.is_broken || response.lacks_a_field() {
            return self.refusal(500, "");
        }
        // RFC 9110 section 8.8.2.1: a change to come is one of now.
        response.last_modified = response.last_modified.map(|changed| changed.min(self.moment.unix_seconds));
        let etag = response.etag.as_deref().map(str::as_bytes);
        let validators = Validators { etag, last_modified: response.last_modified };
        // Without validators too: no tag matches then, and `*` matches whatever is there (RFC 9110 section 13.1). For a
        // success only (section 13.2.1), and for reading only: a handler that changed something has done so by now, its
        // validators are those of what it made (section 9.3.4), and a 412 would deny the change. So in other methods the
        // conditions are the handler's own to look at: `Request::may_change`.
        let is_read = matches!(request.method, Method::Get | Method::Head);
        let outcome = match response.status {
            200..=299 if is_read => preconditions(request, &validators),
            _ => Outcome::Proceed,
        };
        match outcome {
            Outcome::Proceed => {
                head::made(&mut self.scratch.batch, response, self.moment, self.persistence, self.with_body);
            }
            Outcome::NotModified => {
                let mut drawing = Drawing::start(&mut self.scratch.batch, 304, self.moment, self.persistence);
                for line in lines_of_304(&response.lines) {
                    drawing = drawing.lines(line);
                }
                head::validators(drawing, response.etag.as_deref(), response.last_modified).end();
            }
            Outcome::Failed => self.refusal(412, ""),
        }
    }

    fn refusal(&mut self, status: u16, why: &str) {
        let retry_after: &[u8] = if status == 503 { b"Retry-After: 1\r\n" } else { b"" };
        self.refusal_with(status, why, |drawing| drawing.lines(retry_after));
    }

    /// A refusal with the lines of the mount that has the path, so that scripts of other origins may read it.
    fn refusal_of_mount(&mut self, status: u16, why: &str, lines: impl FnOnce(Drawing<'_>) -> Drawing<'_>) {
        let Scratch { batch, stored, .. } = &mut *self.scratch;
        let mount = stored.slice(&stored.always);
        head::refusal(batch, status, why, mount, lines, self.moment, self.persistence, self.with_body);
    }

    /// A refusal in place of a stored representation, with the lines that go with every status of it, so that scripts of
    /// other origins may read it and see the tag that would have matched. All but those that let a cache keep it: it is
    /// true of this request only, and a cache that kept it would give it to all (RFC 9111 section 3).
    fn refusal_of_stored(&mut self, status: u16, lines: impl FnOnce(Drawing<'_>) -> Drawing<'_>) {
        let Scratch { batch, stored, .. } = &mut *self.scratch;
        let always = stored.slice(&stored.always);
        head::refusal(
            batch,
            status,
            "",
            b"",
            |drawing| lines(uncached_lines(always).fold(drawing, Drawing::lines)),
            self.moment,
            self.persistence,
            self.with_body,
        );
    }

    fn refusal_with(&mut self, status: u16, why: &str, lines: impl FnOnce(Drawing<'_>) -> Drawing<'_>) {
        let batch = &mut self.scratch.batch;
        head::refusal(batch, status, why, b"", lines, self.moment, self.persistence, self.with_body);
    }
}

/// Whether the whole body may be sent. All of its pieces are asked for at once, so that they are made ready side by side.
fn ready<S: Service>(stored: &Stored, service: &mut S) -> Ready {
    let mut worst = stored.body.map_or(Ready::Now, |span| service.ready(span));
    for piece in &stored.pieces {
        if let Piece::Span(span) = piece {
            worst = worst.max(service.ready(*span));
        }
    }
    worst
}

fn preconditions(request: &Request<'_>, validators: &Validators<'_>) -> Outcome {
    let Some(preconditions) = request.preconditions() else { return Outcome::Proceed };
    let is_read = matches!(request.method, Method::Get | Method::Head);
    conditional::evaluate(preconditions, validators, is_read, request.unix_seconds)
}

/// Which part of `len` bytes is asked for (RFC 9110 section 14.2); `Ignore`: the whole.
fn wanted_range(request: &Request<'_>, validators: &Validators<'_>, len: u64) -> Ranges {
    let fields = &request.fields;
    let Some(value) = fields.only(Known::Range) else { return Ranges::Ignore };
    let has_condition = fields.count(Known::IfRange) > 0;
    if has_condition && !conditional::if_range(fields.values(Known::IfRange), validators, request.unix_seconds) {
        return Ranges::Ignore;
    }
    range::parse(value, len)
}
