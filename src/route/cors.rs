//! Answers for scripts of other origins: CORS, as the Fetch standard has it. Pure.
//!
//! All lines are made when the mount is: an answer gets ready-made text, and where several origins are allowed the line of
//! the one that asks. What a script may not read is the browser's to withhold; the answer itself is the same.
#![forbid(unsafe_code)]

use crate::http::list;
use crate::http::method::Method;
use crate::http::request::Request;

/// Most origins of one mount: each request is compared with all of them.
pub const ORIGINS_MAX: usize = 64;

/// Which other origins' scripts may read the answers of a mount: see [`super::Mount::cors`].
///
/// ```
/// use badgerserver::route::Cors;
/// let mut cors = Cors::origins(["https://app.example", "http://localhost:3000"]);
/// cors.expose_headers = vec!["Badger-Order".to_owned()];
/// cors.max_age_seconds = Some(600);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cors {
    /// `*` for all, or origins as browsers write them: `https://app.example`, `http://localhost:3000`. At most
    /// [`ORIGINS_MAX`].
    pub origins: Vec<String>,
    /// Headers that a script may add to its requests beside those that it always may; `*` for all.
    pub allow_headers: Vec<String>,
    /// Headers of an answer that a script may read beside those that it always may; `*` for all.
    pub expose_headers: Vec<String>,
    /// How long a browser may remember what it was allowed.
    pub max_age_seconds: Option<u32>,
    /// Whether a script may send cookies and the like; then origins and headers have to be named one by one.
    pub credentials: bool,
}

impl Cors {
    /// For scripts of every origin.
    pub fn any() -> Cors {
        Cors::origins(["*"])
    }

    /// For scripts of these origins.
    pub fn origins<T: Into<String>>(origins: impl IntoIterator<Item = T>) -> Cors {
        Cors { origins: origins.into_iter().map(Into::into).collect(), ..Cors::default() }
    }

    /// The lines of it, or a value that cannot be sent and what to do about it.
    pub(super) fn bake(&self) -> Result<CorsLines, (String, &'static str)> {
        let wrong = |value: &str, what| Err((value.to_owned(), what));
        if self.origins.is_empty() {
            return wrong("", "no origin is allowed; name them, or * for all");
        }
        if self.origins.len() > ORIGINS_MAX {
            return wrong(&self.origins[ORIGINS_MAX], "it is one more than the 64 origins of a mount; * allows all");
        }
        let is_any = self.origins.iter().any(|origin| origin == "*");
        if is_any && self.origins.len() > 1 {
            return wrong("*", "* allows every origin; leave the others out");
        }
        if let Some(origin) = self.origins.iter().find(|origin| *origin != "*" && !is_origin(origin)) {
            return wrong(
                origin,
                "an origin is written as browsers do: https://app.example, with a port if it has one",
            );
        }
        for name in self.allow_headers.iter().chain(&self.expose_headers) {
            if name != "*" && !list::is_token(name.as_bytes()) {
                return wrong(name, "the name of a header has letters, digits and !#$%&'*+-.^_`|~ only");
            }
        }
        let mut names = self.origins.iter().chain(&self.allow_headers).chain(&self.expose_headers);
        if self.credentials && names.any(|name| name == "*") {
            return wrong("*", "browsers send credentials only where origins and headers are named; name them");
        }
        let line = |name: &str, value: &str| format!("Access-Control-{name}: {value}\r\n");
        let list = |name: &str, names: &[String]| match names {
            [] => String::new(),
            names => line(name, &names.join(", ")),
        };
        let mut always = list("Expose-Headers", &self.expose_headers);
        if self.credentials {
            always.push_str(&line("Allow-Credentials", "true"));
        }
        let mut by_origin = Vec::new();
        match &self.origins[..] {
            [only] => always.push_str(&line("Allow-Origin", only)),
            origins => {
                // A cache must not give one origin what it kept for another.
                always.push_str("Vary: Origin\r\n");
                by_origin
                    .extend(origins.iter().map(|origin| (origin.clone(), line("Allow-Origin", origin).into_bytes())));
            }
        }
        let mut preflight = line("Allow-Methods", "GET, HEAD") + &list("Allow-Headers", &self.allow_headers);
        if let Some(seconds) = self.max_age_seconds {
            preflight.push_str(&line("Max-Age", &seconds.to_string()));
        }
        Ok(CorsLines { always: always.into_bytes(), by_origin, preflight: preflight.into_bytes() })
    }
}

/// Scheme and host, with a port perhaps, in small letters and without a path (RFC 6454 section 6.2).
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    let is_small = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    is_scheme && is_small && crate::http::host::is_authority(host.as_bytes())
}

/// [`Cors`] as it is sent.
#[derive(Debug)]
pub(super) struct CorsLines {
    /// With every answer of the mount.
    pub(super) always: Vec<u8>,
    /// With the answers to one of several origins.
    by_origin: Vec<(String, Vec<u8>)>,
    preflight: Vec<u8>,
}

impl CorsLines {
    /// The line for whoever asks; empty when the lines that are always sent say all.
    pub(super) fn of_origin(&self, request: &Request<'_>) -> &[u8] {
        if self.by_origin.is_empty() {
            return &[];
        }
        let asks = request.header("Origin").unwrap_or_default();
        let found = self.by_origin.iter().find(|(origin, _)| origin.as_bytes() == asks);
        found.map_or(&[], |(_, line)| line)
    }

    /// What a browser that asks before it sends a request is told beside.
    pub(super) fn of_preflight(&self, request: &Request<'_>) -> Option<&[u8]> {
        let is_preflight = request.method() == Method::Options
            && request.header("Origin").is_some()
            && request.header("Access-Control-Request-Method").is_some();
        is_preflight.then_some(&self.preflight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        for (text, is_good) in [
            ("https://app.example", true),
            ("http://localhost:3000", true),
            ("http://[::1]:80", true),
            ("tauri://localhost", true),
            ("https://App.example", false),
            ("HTTPS://app.example", false),
            ("https://app.example/", false),
            ("https://user@app.example", false),
            ("https://", false),
            ("app.example", false),
            ("null", false),
            ("https://a b", false),
            ("https://a\r\nX: y", false),
            ("", false),
        ] {
            assert_eq!(is_origin(text), is_good, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let with = |change: fn(&mut Cors)| {
            let mut cors = Cors::origins(["https://a"]);
            change(&mut cors);
            cors.bake().map(|_| ()).map_err(|error| error.0)
        };
        assert_eq!(with(|_| {}), Ok(()));
        for (change, value) in [
            ((|cors| cors.origins.clear()) as fn(&mut Cors), ""),
            (|cors| cors.origins.push("*".to_owned()), "*"),
            (|cors| cors.origins = vec!["https://A".to_owned()], "https://A"),
            (|cors| cors.origins = (0..=ORIGINS_MAX).map(|n| format!("https://h{n}")).collect(), "https://h64"),
            (|cors| cors.allow_headers = vec!["X Y".to_owned()], "X Y"),
            (|cors| cors.expose_headers = vec!["X\r\n".to_owned()], "X\r\n"),
            (|cors| (cors.credentials, cors.expose_headers) = (true, vec!["*".to_owned()]), "*"),
            (|cors| (cors.credentials, cors.origins) = (true, vec!["*".to_owned()]), "*"),
        ] {
            assert_eq!(with(change), Err(value.to_owned()));
        }
    }
}
