//! What is answered where nothing was found: the page of a mount, and its lines for scripts of other origins. Pure.
#![forbid(unsafe_code)]

use super::files::Files;
use super::local::Local;
use super::router::Router;
use super::stored::{self, Entry, Lines};
use crate::http::method::Method;
use crate::http::request::Request;
use crate::http::service::{Found, Stored};
use crate::pack::LookupError;

impl Router {
    /// The mounts whose prefix the path has, the longest first.
    fn mounts_of(&self, path: &str) -> impl Iterator<Item = u16> {
        let first = self.tree.longest_prefix(path);
        let nodes = std::iter::successors(first, |node| self.tree.outer(*node));
        nodes.flat_map(|node| self.tree.mounts(node).iter().copied())
    }

    /// The page of the first mount that has one; [`Found::Missing`]: none.
    pub(super) fn page_of_missing(
        &self,
        local: &mut Local,
        files: &mut dyn Files,
        request: &Request<'_>,
        stored: &mut Stored,
    ) -> Found {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Found::Missing;
        }
        for number in self.mounts_of(request.path()) {
            let (site, pack) = (&self.sites[usize::from(number)], &self.packs[usize::from(number)]);
            let Some(page) = &site.not_found else { continue };
            let Local { checked, record, failure, .. } = &mut *local;
            match pack.lookup(page.key.as_bytes(), &mut checked[usize::from(number)], record) {
                Ok(true) => {}
                // It was there when the mount was made.
                Ok(false) => continue,
                Err(LookupError::NotInMemory { .. }) => {
                    return files.read_index(u32::from(number), page.key.as_bytes());
                }
                Err(error) => {
                    *failure = Some(format!("mount {:?}, its page {:?}: {error}", site.prefix, page.key));
                    return Found::Failed;
                }
            }
            let lines = Lines { plain: &page.lines, immutable: &page.lines, origin: site.lines(request).origin };
            match (Entry { number, lines, pack, record }).fill(files, request, stored) {
                Found::Stored => {
                    stored.status = 404;
                    return Found::Stored;
                }
                Found::Wait => return Found::Wait,
                // The plain answer needs nothing that can fail.
                _ => stored.clear(),
            }
        }
        Found::Missing
    }

    /// Lets scripts of other origins see that there is nothing, and browsers send the request that finds out.
    pub(super) fn lines_of_missing(&self, request: &Request<'_>, stored: &mut Stored) -> Found {
        for number in self.mounts_of(request.path()) {
            let site = &self.sites[usize::from(number)];
            let Some(cors) = &site.cors else { continue };
            let lines = Lines { plain: &cors.always, immutable: &cors.always, origin: site.lines(request).origin };
            if cors.of_preflight(request).is_some() {
                return stored::fill_methods(site, lines, request, stored);
            }
            stored::fill_lines(lines, stored);
            break;
        }
        Found::Missing
    }
}
