//! Answers counted by what gave them and by their status: a small table for each worker, and the names of its rows.
//!
//! A row is a label: the pattern of a handler, the prefix of a mount. What has the same label has the same row, now and after
//! every swap, so that a count goes on. Rows are never given to another label; when all are given, what comes new shares
//! one. So the table has a size, and whoever collects the counts sees a bounded number of series.
#![forbid(unsafe_code)]

use super::stats::Counter;
use crate::route::{Kind, Router};

/// Labels that have a row of their own. A page of metrics has a line for each and each status: more is read by nobody.
pub(crate) const LABELS_MAX: usize = 64;

/// Requests that were refused before anything was looked for.
pub(crate) const REFUSED: u8 = 0;
/// Requests for whose path there is no route.
pub(crate) const NONE: u8 = 1;
/// Labels that came when there was no room any more.
const OTHER: u8 = 2;
const FIXED: usize = 3;
const ROWS: usize = FIXED + LABELS_MAX;

/// Statuses that have a count of their own: those that the server gives, and what handlers usually do.
const STATUSES: [u16; 31] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414,
    416, 421, 422, 429, 431, 500, 501, 503,
];
/// Behind them: 505, and all others.
const COLUMN_505: usize = STATUSES.len();
const COLUMN_OTHER: usize = STATUSES.len() + 1;
const COLUMNS: usize = STATUSES.len() + 2;

const FIRST_STATUS: u16 = 200;

/// The column of each status from 200 to 599.
const COLUMN_OF: [u8; 400] = {
    let mut columns = [COLUMN_OTHER as u8; 400];
    let mut column = 0;
    while column < STATUSES.len() {
        columns[(STATUSES[column] - FIRST_STATUS) as usize] = column as u8;
        column += 1;
    }
    columns[505 - FIRST_STATUS as usize] = COLUMN_505 as u8;
    columns
};

fn column(status: u16) -> usize {
    let place = usize::from(status.wrapping_sub(FIRST_STATUS));
    COLUMN_OF.get(place).map_or(COLUMN_OTHER, |&column| usize::from(column))
}

/// A status as a label of its counts: its number, or `other`.
fn status_of(column: usize) -> Option<u16> {
    match column {
        COLUMN_505 => Some(505),
        column => STATUSES.get(column).copied(),
    }
}

#[derive(Debug)]
struct Row {
    bytes: Counter,
    responses: [Counter; COLUMNS],
}

/// The counts of one worker. Only it writes them.
#[derive(Debug)]
pub(crate) struct RouteCounts(Box<[Row]>);

impl Default for RouteCounts {
    fn default() -> RouteCounts {
        let row = || Row { bytes: Counter::default(), responses: std::array::from_fn(|_| Counter::default()) };
        RouteCounts((0..ROWS).map(|_| row()).collect())
    }
}

impl RouteCounts {
    /// All answers.
    #[cfg(test)]
    pub(crate) fn answers(&self) -> u64 {
        self.0.iter().flat_map(|row| &row.responses).map(Counter::read).sum()
    }

    /// Counts an answer. Only the owning worker may call this.
    pub(crate) fn add(&self, row: u8, status: u16, body_bytes: u64) {
        if let Some(row) = self.0.get(usize::from(row)) {
            row.bytes.add(body_bytes);
            row.responses[column(status)].add(1);
        }
    }
}

/// What a row is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteName {
    pub(crate) label: String,
    /// `None`: no route.
    pub(crate) kind: Option<Kind>,
}

/// The names of the rows, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct RouteNames(Vec<RouteName>);

impl RouteNames {
    /// The row of each number that the router chooses ([`Router::named`]).
    pub(crate) fn rows(&mut self, router: &Router) -> Box<[u8]> {
        router.named().map(|named| self.row(named.kind, named.label)).collect()
    }

    fn row(&mut self, kind: Kind, label: &str) -> u8 {
        let is_it = |name: &RouteName| name.kind == Some(kind) && name.label == label;
        let place = match self.0.iter().position(is_it) {
            Some(place) => place,
            None if self.0.len() == LABELS_MAX => return OTHER,
            None => {
                self.0.push(RouteName { label: label.to_owned(), kind: Some(kind) });
                self.0.len() - 1
            }
        };
        (FIXED + place) as u8
    }

    /// What each route has answered, by all workers together: those with a name, in their order, then what has none and has
    /// answered something.
    pub(crate) fn totals<'c>(&self, workers: impl Iterator<Item = &'c RouteCounts> + Clone) -> Vec<RouteTotal> {
        let fixed = |label: &str| RouteName { label: label.to_owned(), kind: None };
        let named = self.0.iter().cloned().zip(FIXED..);
        let without = [("(other)", OTHER), ("(none)", NONE), ("(refused)", REFUSED)];
        let without = without.into_iter().map(|(label, row)| (fixed(label), usize::from(row)));
        let total = |(name, row): (RouteName, usize)| {
            let mut total = RouteTotal { name, responses: Vec::new(), bytes: 0 };
            let mut counts = [0u64; COLUMNS];
            for row in workers.clone().filter_map(|worker| worker.0.get(row)) {
                total.bytes += row.bytes.read();
                counts.iter_mut().zip(&row.responses).for_each(|(sum, count)| *sum += count.read());
            }
            let counted = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
            total.responses = counted.map(|(column, count)| (status_of(column), count)).collect();
            total.responses.sort_by_key(|(status, _)| status.unwrap_or(u16::MAX));
            total
        };
        let totals = named.chain(without).map(total);
        totals.filter(|total| total.name.kind.is_some() || !total.responses.is_empty()).collect()
    }
}

/// What a route has answered so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteTotal {
    pub(crate) name: RouteName,
    /// By status, lowest first; `None`: all that have no count of their own.
    pub(crate) responses: Vec<(Option<u16>, u64)>,
    /// Bytes of bodies.
    pub(crate) bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Response;

    #[test]
    fn every_status_has_a_column() {
        for status in 0..700 {
            let found = status_of(column(status));
            assert!(found == Some(status) || found.is_none() && column(status) == COLUMN_OTHER, "{status}");
        }
        for status in [200, 206, 304, 404, 431, 503, 505] {
            assert_eq!(status_of(column(status)), Some(status));
        }
    }

    fn router(patterns: &[&str]) -> Router {
        patterns.iter().fold(Router::new(), |router, pattern| router.get(pattern, |_| Response::new(204)))
    }

    #[test]
    fn a_label_keeps_its_row_and_the_last_ones_share_one() {
        let mut names = RouteNames::default();
        assert_eq!(*names.rows(&router(&["/a", "/b"])), [3, 4]);
        assert_eq!(*names.rows(&router(&["/c", "/b"])), [5, 4]);
        let both =
            Router::new().get("/a", |_| Response::new(204)).route(crate::Method::Post, "/a", |_| Response::new(204));
        assert_eq!(*names.rows(&both), [3, 3], "by label, not by method");
        for number in 0..LABELS_MAX {
            names.rows(&router(&[&format!("/more/{number}")]));
        }
        assert_eq!(*names.rows(&router(&["/a", "/new"])), [3, OTHER]);
    }

    #[test]
    fn workers_are_added_up_by_status() {
        let mut names = RouteNames::default();
        let rows = names.rows(&router(&["/a", "/b"]));
        let workers = [RouteCounts::default(), RouteCounts::default()];
        workers[0].add(rows[0], 200, 10);
        workers[1].add(rows[0], 200, 5);
        workers[1].add(rows[0], 599, 1);
        workers[1].add(REFUSED, 400, 7);
        let totals = names.totals(workers.iter());
        let seen: Vec<_> =
            totals.iter().map(|total| (&total.name.label[..], &total.responses[..], total.bytes)).collect();
        let a: &[_] = &[(Some(200), 2), (None, 1)];
        assert_eq!(seen, [("/a", a, 16), ("/b", &[], 0), ("(refused)", &[(Some(400), 1)], 7)]);
    }
}
