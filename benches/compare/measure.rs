//! The rounds.

use super::Options;
use super::client::{self, Answer, Client, Order, Outcome, Requests};
use super::content::Content;
use super::process::Running;
use super::rows::{CONNECTIONS, DIRECTORY_MOUNT, Kind, ROWS, Row};
use std::io;
use std::time::Duration;

/// Keys whose bodies are compared byte for byte.
const COMPARED_KEYS: u64 = 50;
/// A body from here on leaves by `sendfile`; the ceiling does as badgerserver does.
const SENDFILE_BYTES_MIN: usize = 24 * 1024;
/// Keys that nobody has start here.
const MISSING_PREFIX: &str = "none";

/// One run against one server.
pub(crate) struct Run {
    pub(crate) cpu_micros: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    pub(crate) client_micros: f64,
    /// Part of the time that the server ran.
    pub(crate) busy: f64,
}

/// The runs of one server, by round.
pub(crate) struct Series {
    pub(crate) server: &'static str,
    pub(crate) runs: Vec<Run>,
}

pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) series: Vec<Series>,
}

/// A server that takes part in a row.
struct Contender<'s> {
    name: &'static str,
    server: &'s Running,
    requests: Requests,
    model: Answer,
    /// Requests so far: where its sequence goes on.
    asked: u64,
}

pub(crate) fn is_wanted(row: &Row, options: &Options) -> bool {
    options.only.is_empty() || options.only.iter().any(|part| row.name.contains(part.as_str()))
}

/// What makes this program the server under test. It packs the directory when it starts, which takes its time.
pub(crate) fn serve_arguments(content: &Content, with_directory: bool) -> Vec<String> {
    let mut arguments = vec!["serve".to_owned(), content.pack.display().to_string()];
    if with_directory {
        arguments.push(content.root.join("p").display().to_string());
    }
    arguments
}

pub(crate) fn all(options: &Options, content: &Content) -> io::Result<Vec<Measured>> {
    let wanted: Vec<&'static Row> = ROWS.iter().filter(|row| is_wanted(row, options)).collect();
    let with_directory = wanted.iter().any(|row| row.mount == DIRECTORY_MOUNT);
    let badger = Running::start(&serve_arguments(content, with_directory), &[])?;
    let nginx = Running::start_nginx(content)?;
    if nginx.is_none() {
        eprintln!("no nginx on this machine: its column stays empty");
    }
    let mut measured = Vec::new();
    for row in wanted {
        eprintln!("{}", row.name);
        measured.push(one(options, content, row, &badger, nginx.as_ref())?);
    }
    Ok(measured)
}

fn one(
    options: &Options,
    content: &Content,
    row: &'static Row,
    badger: &Running,
    nginx: Option<&Running>,
) -> io::Result<Measured> {
    let mut contenders = vec![contender("badgerserver", row, badger, row.mount)?];
    let ceiling = Running::start(&ceiling_arguments(row, content, &contenders[0].model), &[])?;
    contenders.push(contender("ceiling", row, &ceiling, "")?);
    if let Some(nginx) = nginx.filter(|_| row.with_nginx) {
        contenders.push(contender("nginx", row, nginx, "/p")?);
    }
    // Every key once, so that what is done at the first touch is done; then as many as fit into the time of a run.
    for contender in &mut contenders {
        let warm_up = contender.requests.keys().max(2_000).next_multiple_of(row.depth);
        contender.run(row, warm_up, Order::Rising)?;
    }
    let trial = contenders[0].drawn(row, 16 * 1_000)?;
    let count = ((trial.requests_per_second * options.seconds) as u64).max(64).next_multiple_of(row.depth);
    let mut series: Vec<Series> =
        contenders.iter().map(|contender| Series { server: contender.name, runs: Vec::new() }).collect();
    for round in 0..options.rounds {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.rotate_left(round / 2 % contenders.len());
        if round % 2 == 1 {
            order.reverse();
        }
        for number in order {
            series[number].runs.push(contenders[number].drawn(row, count)?);
        }
        let cost = |number: usize| series[number].runs[round].cpu_micros;
        let costs: Vec<String> =
            (0..series.len()).map(|number| format!("{} {:.2}", series[number].server, cost(number))).collect();
        eprintln!("  round {} of {}: {} us", round + 1, options.rounds, costs.join(", "));
    }
    Ok(Measured { row, series })
}

impl Contender<'_> {
    fn run(&self, row: &Row, count: u64, order: Order) -> io::Result<Run> {
        let named = |error: io::Error| io::Error::other(format!("{}: {}: {error}", row.name, self.name));
        let mut client = Client::new(self.server.port, CONNECTIONS, row.depth, row.bodies, &self.requests, &self.model)
            .map_err(named)?;
        // Until the connections are accepted.
        std::thread::sleep(Duration::from_millis(5));
        let before = self.server.cpu_nanos()?;
        let outcome = client.run(count, order).map_err(named)?;
        // Until the server sleeps, when its time is up to date.
        std::thread::sleep(Duration::from_millis(2));
        let nanos = (self.server.cpu_nanos()? - before) as f64;
        let Outcome { requests, seconds, own_nanos, p50_micros, p99_micros } = outcome;
        let requests = requests as f64;
        Ok(Run {
            cpu_micros: nanos / 1e3 / requests,
            requests_per_second: requests / seconds,
            p50_micros,
            p99_micros,
            client_micros: own_nanos as f64 / 1e3 / requests,
            busy: nanos / 1e9 / seconds,
        })
    }

    /// A run that goes on in the sequence of keys.
    fn drawn(&mut self, row: &Row, count: u64) -> io::Result<Run> {
        let run = self.run(row, count, Order::Drawn(self.asked))?;
        self.asked += count;
        Ok(run)
    }
}

/// The requests of a row for one server.
pub(crate) fn requests(row: &Row, server: &Running, mount: &str) -> io::Result<Requests> {
    let class = row.class.name;
    let missing = format!("{mount}/{MISSING_PREFIX}/");
    let there = format!("{mount}/{class}/");
    Ok(match row.kind {
        Kind::Body => Requests::new(server.port, &there, row.keys, row.lines),
        Kind::Missing => Requests::new(server.port, &missing, row.keys, row.lines),
        Kind::NotModified => {
            let plain = Requests::new(server.port, &there, row.keys, row.lines);
            let mut socket = client::connect(server.port)?;
            let mut tags = Vec::new();
            for key in 0..row.keys {
                let answer = client::ask(&mut socket, &plain.one(key))?;
                let tag = answer.field("etag").ok_or_else(|| io::Error::other("an answer without ETag"))?;
                tags.push(tag.to_owned());
            }
            plain.with_tags(&tags)
        }
    })
}

/// Gets to know a server: the model of its answers, and that a sample of them is right.
fn contender<'s>(name: &'static str, row: &Row, server: &'s Running, mount: &str) -> io::Result<Contender<'s>> {
    // The ceiling answers the same whatever it is asked.
    let is_real = name != "ceiling";
    let requests = if is_real {
        requests(row, server, mount)?
    } else {
        Requests::new(server.port, &format!("/p/{}/", row.class.name), row.keys, row.lines)
    };
    let mut socket = client::connect(server.port)?;
    let status = match row.kind {
        Kind::Body => 200,
        Kind::NotModified => 304,
        Kind::Missing => 404,
    };
    let request = requests.one(0);
    let get = client::ask(&mut socket, &request)?;
    let wrong = |what: String| io::Error::other(format!("{}: {name}: {what}", row.name));
    if get.status != status {
        return Err(wrong(format!("{status} was expected: {}", get.head)));
    }
    if row.kind == Kind::Body && get.body.len() != row.class.body_bytes {
        return Err(wrong(format!("{} bytes were expected: {}", row.class.body_bytes, get.head)));
    }
    if is_real && row.kind == Kind::Body {
        for number in 0..COMPARED_KEYS {
            let key = client::draw(number, row.keys);
            if client::ask(&mut socket, &requests.one(key))?.body != row.class.body(key) {
                return Err(wrong(format!("the body of key {key} differs")));
            }
        }
    }
    Ok(Contender { name, server, requests, model: get, asked: 0 })
}

fn ceiling_arguments(row: &Row, content: &Content, model: &Answer) -> Vec<String> {
    let technique = if model.body.len() >= SENDFILE_BYTES_MIN { "sendfile" } else { "send" };
    let folder = content.folder.display().to_string();
    let (status, body, keys) = (model.status.to_string(), model.body.len().to_string(), row.keys.to_string());
    vec!["ceiling".to_owned(), technique.to_owned(), status, body, keys, folder]
}
