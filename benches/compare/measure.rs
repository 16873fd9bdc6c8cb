//! The rounds.

use super::Options;
use super::browse::Sessions;
use super::ceiling::Settings;
use super::client::{Client, Life, Manner, Outcome};
use super::content::Content;
use super::peers;
use super::process::Running;
use super::record::{self, Gate, Series, rounded};
use super::requests::{self, Answer, Asking, Drawn, Order, Requests};
use super::rows::{Kind, Other, Peers, Popularity, Row};
use super::servers::{Server, Servers};
use std::io;
use std::time::Duration;

/// Keys whose bodies are compared byte for byte.
const COMPARED_KEYS: u64 = 50;
/// A body from here on leaves by `sendfile`; the ceiling does as badgerserver does.
const SENDFILE_BYTES_MIN: usize = 24 * 1024;
/// Keys that nobody has start here.
const MISSING_PREFIX: &str = "none";
/// Where badgerserver has the content as a gallery.
const GALLERY_MOUNT: &str = "/b";
/// Numbers of a sequence drawn by Zipf's law, before it begins anew.
const ZIPF_NUMBERS: usize = 1 << 20;
const ONE_PAYLOAD: &str = ", one payload";

/// One run against one server.
#[derive(Clone, Copy)]
struct Run {
    cpu_micros: f64,
    per_second: f64,
    p50_micros: f64,
    p99_micros: f64,
    p999_micros: f64,
    client_micros: f64,
    busy: f64,
}

/// A server that takes part in a row.
struct Contender<'s> {
    name: String,
    running: &'s Running,
    port: u16,
    manner: Manner,
    asking: Questions,
    /// Requests that the cost is of.
    unit: u64,
    /// Requests so far: where its sequence goes on.
    asked: u64,
    /// Requests of one run.
    count: u64,
    runs: Vec<Run>,
    failure: Option<io::Error>,
}

/// What a contender is asked.
enum Questions {
    Drawn { requests: Requests, model: Answer, table: Vec<u32> },
    Browse(Sessions),
}

pub(crate) fn is_wanted(name: &str, options: &Options) -> bool {
    options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()))
}

/// Measures one row.
///
/// # Errors
/// badgerserver or the ceiling answers wrongly. A peer that does, or stalls, is left out with a note.
pub(crate) fn row(
    options: &Options,
    content: &Content,
    row: &Row,
    servers: &Servers,
    notes: &mut Vec<String>,
) -> io::Result<record::Row> {
    let mut ceilings = Vec::new();
    let mut contenders = Vec::new();
    for (server, backend) in servers.badgers() {
        let contender = Contender::new(server.name.clone(), row, &server.running, badger_mount(row), row.keys)?;
        if let Some(settings) = ceiling_settings(row, backend, content, &contender.asking) {
            ceilings.push((format!("ceiling {backend}"), Running::start(&settings.words(), &[])?));
        }
        contenders.push(contender);
        if row.popularity == Popularity::Zipf {
            let one = Row { popularity: Popularity::Even, ..*row };
            let name = server.name.clone() + ONE_PAYLOAD;
            contenders.push(Contender::new(name, &one, &server.running, row.mount, 1)?);
        }
    }
    for (name, running) in &ceilings {
        contenders.push(Contender::new(name.clone(), row, running, "/p", row.keys)?);
    }
    let own = contenders.len();
    let mut leave_out = |error: io::Error| {
        eprintln!("  left out: {error}");
        notes.push(format!("left out: {error}"));
    };
    for server in servers.all.iter().filter(|server| takes_part(server, row)) {
        match Contender::new(server.name.clone(), row, &server.running, "/p", row.keys) {
            Ok(contender) => contenders.push(contender),
            Err(error) => leave_out(error),
        }
    }
    // Every key once, so that what is done at the first touch is done; then as many as fit into the time of a run.
    let mut number = 0;
    contenders.retain_mut(|contender| {
        let is_own = number < own;
        number += 1;
        let ready = contender.warm_up(row).and_then(|()| contender.find_count(row, options.seconds));
        contender.failure = ready.err();
        match contender.failure.take_if(|_| !is_own) {
            Some(error) => leave_out(error),
            None => return true,
        }
        false
    });
    if let Some(error) = contenders.iter_mut().find_map(|contender| contender.failure.take()) {
        return Err(error);
    }
    for round in 0..options.rounds {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.rotate_left(round / 2 % contenders.len());
        if round % 2 == 1 {
            order.reverse();
        }
        for number in order {
            let contender = &mut contenders[number];
            let run = contender.run(row, contender.count)?;
            contender.runs.push(run);
        }
        let costs: Vec<String> =
            contenders.iter().map(|it| format!("{} {:.2}", it.name, it.runs[round].cpu_micros)).collect();
        eprintln!("  round {} of {}: {} us", round + 1, options.rounds, costs.join(", "));
    }
    let unit = if row.kind == Kind::Browse { "session" } else { "request" };
    let gates = gates(row, servers, &contenders);
    let series = contenders.into_iter().map(Contender::series).collect();
    Ok(record::Row {
        name: row.name.to_owned(),
        unit: unit.to_owned(),
        connections: row.connections as u64,
        series,
        gates,
    })
}

fn badger_mount(row: &Row) -> &'static str {
    if row.kind == Kind::Browse { GALLERY_MOUNT } else { row.mount }
}

fn takes_part(server: &Server, row: &Row) -> bool {
    if server.backend.is_some() || (row.is_deferred && server.running.deferred_port.is_none()) {
        return false;
    }
    match row.peers {
        Peers::Nobody => false,
        Peers::Nginx => server.name == peers::NGINX,
        Peers::Pipelining => server.name != peers::NGINX && server.name != peers::LWAN,
        Peers::All => true,
    }
}

/// Those of the row, between servers that took part.
fn gates(row: &Row, servers: &Servers, contenders: &[Contender<'_>]) -> Vec<Gate> {
    let Some((chosen, backend)) = servers.badgers().find(|(server, _)| server.is_chosen) else { return Vec::new() };
    let other_name = |other: Other| match other {
        Other::Ceiling => format!("ceiling {backend}"),
        Other::OnePayload => chosen.name.clone() + ONE_PAYLOAD,
        Other::Nginx => peers::NGINX.to_owned(),
        Other::H2o => peers::H2O.to_owned(),
    };
    let is_there = |name: &str| contenders.iter().any(|contender| contender.name == name);
    let all = row.gates.iter().map(|&(other, at_most)| (other_name(other), at_most));
    all.filter(|(other, _)| is_there(other))
        .map(|(other, at_most)| Gate { subject: chosen.name.clone(), other, at_most })
        .collect()
}

impl<'s> Contender<'s> {
    /// Gets to know a server: the model of its answers, and that a sample of them is right.
    fn new(name: String, row: &Row, running: &'s Running, mount: &str, keys: u64) -> io::Result<Contender<'s>> {
        let named = |error: io::Error| io::Error::other(format!("{}: {name}: {error}", row.name));
        let port = match running.deferred_port {
            Some(port) if row.is_deferred => port,
            _ => running.port,
        };
        let (asking, unit) = if row.kind == Kind::Browse {
            let sessions = Sessions::learn(port, mount, mount == GALLERY_MOUNT).map_err(named)?;
            let unit = sessions.requests_of_a_session();
            (Questions::Browse(sessions), unit)
        } else {
            (questions(&name, row, port, mount, keys).map_err(named)?, 1)
        };
        let manner = row.manner();
        Ok(Contender { name, running, port, manner, asking, unit, asked: 0, count: 0, runs: Vec::new(), failure: None })
    }

    fn warm_up(&mut self, row: &Row) -> io::Result<()> {
        let count = match &self.asking {
            Questions::Drawn { requests, model, .. } => requests.keys().max(1_000_000 / model.bytes()),
            Questions::Browse(_) => self.unit * 200,
        };
        let Questions::Drawn { requests, model, .. } = &self.asking else {
            return self.run(row, count).map(drop);
        };
        let rising = Drawn { requests, order: Order::Rising, model };
        let count = count.next_multiple_of(row.depth);
        self.ask(row, &rising, 0, count).map(drop)
    }

    /// As many requests as fit into the time of a run, found by trying.
    fn find_count(&mut self, row: &Row, seconds: f64) -> io::Result<()> {
        let step = row.depth * self.unit;
        let least = (2 * row.connections as u64).next_multiple_of(step);
        let mut count = least;
        loop {
            let run = self.run(row, count)?;
            let took = count as f64 / self.unit as f64 / run.per_second;
            if took >= seconds / 8.0 {
                let wanted = (count as f64 * seconds / took) as u64;
                self.count = wanted.max(least).next_multiple_of(step);
                return Ok(());
            }
            count = (count * 4).next_multiple_of(step);
        }
    }

    /// A run that goes on in its sequence.
    fn run(&mut self, row: &Row, count: u64) -> io::Result<Run> {
        let run = match &self.asking {
            Questions::Browse(sessions) => self.ask(row, sessions, self.asked, count)?,
            Questions::Drawn { requests, model, table } => {
                let order = if table.is_empty() { Order::Uniform } else { Order::Table(table) };
                self.ask(row, &Drawn { requests, order, model }, self.asked, count)?
            }
        };
        self.asked += count;
        Ok(run)
    }

    fn ask(&self, row: &Row, asking: &dyn Asking, first: u64, count: u64) -> io::Result<Run> {
        let named = |error: io::Error| io::Error::other(format!("{}: {}: {error}", row.name, self.name));
        let mut client = Client::new(self.port, self.manner).map_err(named)?;
        // Until the connections are accepted.
        std::thread::sleep(Duration::from_millis(5));
        let before = self.running.cpu_nanos()?;
        let outcome = client.run(asking, first, count).map_err(named)?;
        // Until the server sleeps, when its time is up to date.
        std::thread::sleep(Duration::from_millis(2));
        let nanos = (self.running.cpu_nanos()? - before) as f64;
        let units = outcome.requests as f64 / self.unit as f64;
        let Outcome { seconds, own_nanos, .. } = outcome;
        Ok(Run {
            cpu_micros: nanos / 1e3 / units,
            per_second: units / seconds,
            p50_micros: outcome.percentile_micros(0.5),
            p99_micros: outcome.percentile_micros(0.99),
            p999_micros: outcome.percentile_micros(0.999),
            client_micros: own_nanos as f64 / 1e3 / units,
            busy: nanos / 1e9 / seconds,
        })
    }

    fn series(self) -> Series {
        let column = |value: fn(&Run) -> f64| self.runs.iter().map(|run| rounded(value(run))).collect();
        Series {
            cpu_micros: column(|run| run.cpu_micros),
            per_second: column(|run| run.per_second),
            p50_micros: column(|run| run.p50_micros),
            p99_micros: column(|run| run.p99_micros),
            p999_micros: column(|run| run.p999_micros),
            client_micros: column(|run| run.client_micros),
            busy: column(|run| run.busy),
            server: self.name,
        }
    }
}

/// The requests of a row for one server.
pub(crate) fn requests_of(row: &Row, port: u16, mount: &str, keys: u64) -> io::Result<Requests> {
    let class = row.class.name;
    let missing = format!("{mount}/{MISSING_PREFIX}/");
    let there = format!("{mount}/{class}/");
    Ok(match row.kind {
        Kind::Body | Kind::Browse => Requests::new(port, &there, keys, row.lines),
        Kind::Missing => Requests::new(port, &missing, keys, row.lines),
        Kind::NotModified => {
            let plain = Requests::new(port, &there, keys, row.lines);
            let mut socket = requests::connect(port)?;
            let mut tags = Vec::new();
            for key in 0..keys {
                let answer = requests::ask(&mut socket, &plain.one(key))?;
                let tag = answer.field("etag").ok_or_else(|| io::Error::other("an answer without ETag"))?;
                tags.push(tag.to_owned());
            }
            plain.with_tags(&tags)
        }
    })
}

fn questions(name: &str, row: &Row, port: u16, mount: &str, keys: u64) -> io::Result<Questions> {
    // The ceiling answers the same whatever it is asked.
    let is_real = !name.starts_with("ceiling");
    let requests = if is_real {
        requests_of(row, port, mount, keys)?
    } else {
        Requests::new(port, &format!("{mount}/{}/", row.class.name), keys, row.lines)
    };
    let mut socket = requests::connect(port)?;
    let mut get = |key: u64| {
        if row.life != Life::Kept {
            socket = requests::connect(port)?;
        }
        requests::ask(&mut socket, &requests.one(key))
    };
    let status = match row.kind {
        Kind::Body | Kind::Browse => 200,
        Kind::NotModified => 304,
        Kind::Missing => 404,
    };
    let model = get(0)?;
    if model.status != status {
        return Err(io::Error::other(format!("{status} was expected: {}", model.head)));
    }
    if row.kind == Kind::Body && model.body.len() != row.class.body_bytes {
        return Err(io::Error::other(format!("{} bytes were expected: {}", row.class.body_bytes, model.head)));
    }
    if is_real && row.kind == Kind::Body {
        for number in 0..COMPARED_KEYS.min(keys) {
            let key = requests::draw(number, keys);
            if get(key)?.body != row.class.body(key) {
                return Err(io::Error::other(format!("the body of key {key} differs")));
            }
        }
    }
    let table = match row.popularity {
        Popularity::Even => Vec::new(),
        Popularity::Zipf => requests::zipf_table(keys as u32, ZIPF_NUMBERS),
    };
    Ok(Questions::Drawn { requests, model, table })
}

/// What makes a ceiling for a row. Sessions have none: their answers differ in length.
fn ceiling_settings(row: &Row, backend: &str, content: &Content, asking: &Questions) -> Option<Settings> {
    let Questions::Drawn { model, .. } = asking else { return None };
    Some(Settings {
        backend: backend.to_owned(),
        sendfile_bytes_min: SENDFILE_BYTES_MIN,
        status: model.status,
        body_bytes: model.body.len(),
        count: row.keys,
        is_zipf: row.popularity == Popularity::Zipf,
        is_closing: row.life == Life::ServerCloses,
        is_deferred: row.is_deferred,
        folder: content.folder.display().to_string(),
    })
}
