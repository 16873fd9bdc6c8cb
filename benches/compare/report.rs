//! Pure: the tables of a record, and how it stands to its gates.

use super::record::{Cold, Gate, Idle, Record, Row, Series};
use super::statistics::{Median, median};
use std::fmt::Write as _;

/// Gates of the slow disk: p99 beside cold payloads relative to alone, p99.9 in microseconds, cold answers relative to nginx
/// with threads.
pub(crate) const COLD_P99_RATIO_MAX: f64 = 1.5;
pub(crate) const COLD_P999_MICROS_MAX: f64 = 5_000.0;
pub(crate) const COLD_ANSWERS_RATIO_MIN: f64 = 0.9;
/// Whose cold answers are the measure.
pub(crate) const THREADED_NGINX: &str = "nginx, aio threads";

/// How a figure stands to its gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Pass,
    /// The figure is beyond the gate, which lies inside of the interval.
    Within,
    Miss,
    /// Fewer pairs than a verdict takes.
    TooFew,
}

/// Pairs below which nothing is said: an interval of a few holds anything.
pub(crate) const PAIRS_MIN: usize = 9;

impl Verdict {
    pub(crate) fn of(figure: Median, at_most: f64) -> Verdict {
        match figure {
            Median { value, .. } if value <= at_most => Verdict::Pass,
            Median { low, .. } if low <= at_most => Verdict::Within,
            _ => Verdict::Miss,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Verdict::Pass => "holds",
            Verdict::Within => "holds (the interval has it)",
            Verdict::Miss => "MISSED",
            Verdict::TooFew => "not judged: fewer than 9 rounds",
        }
    }
}

/// The ratio of two series, paired in the round.
pub(crate) fn ratio(subject: &Series, other: &Series) -> Median {
    median(subject.cpu_micros.iter().zip(&other.cpu_micros).map(|(one, two)| one / two).collect())
}

/// The ratio that a gate is about.
pub(crate) fn gate_ratio(row: &Row, gate: &Gate) -> Option<Median> {
    Some(ratio(row.series(&gate.subject)?, row.series(&gate.other)?))
}

/// How a row stands to one of its gates.
pub(crate) fn gate_verdict(row: &Row, gate: &Gate) -> Option<Verdict> {
    let pairs = row.series(&gate.subject)?.cpu_micros.len().min(row.series(&gate.other)?.cpu_micros.len());
    let figure = gate_ratio(row, gate)?;
    Some(if pairs < PAIRS_MIN { Verdict::TooFew } else { Verdict::of(figure, gate.at_most) })
}

/// Bytes for one more idle connection.
pub(crate) fn slope_bytes(idle: &Idle) -> f64 {
    (idle.many_bytes - idle.few_bytes) / (idle.many - idle.few) as f64
}

/// A gate of the slow disk: what it says, its figure, its bound, and whether a larger figure is the better one.
pub(crate) struct ColdGate {
    pub(crate) says: &'static str,
    pub(crate) figure: Median,
    pub(crate) bound: f64,
    pub(crate) verdict: Verdict,
}

pub(crate) fn cold_gates(record: &Record) -> Vec<ColdGate> {
    let Some(own) = record.cold.iter().find(|cold| cold.is_chosen) else { return Vec::new() };
    let p99 = paired(&own.beside_p99_micros, &own.alone_p99_micros);
    let p999 = median(own.beside_p999_micros.clone());
    let mut gates = vec![
        ColdGate {
            says: "hot p99 beside cold payloads / alone, at most",
            figure: p99,
            bound: COLD_P99_RATIO_MAX,
            verdict: Verdict::of(p99, COLD_P99_RATIO_MAX),
        },
        ColdGate {
            says: "hot p99.9 beside cold payloads, us, at most",
            figure: p999,
            bound: COLD_P999_MICROS_MAX,
            verdict: Verdict::of(p999, COLD_P999_MICROS_MAX),
        },
    ];
    if let Some(nginx) = record.cold.iter().find(|cold| cold.server == THREADED_NGINX) {
        let figure = paired(&own.cold_answers, &nginx.cold_answers);
        let verdict = match figure {
            Median { value, .. } if value >= COLD_ANSWERS_RATIO_MIN => Verdict::Pass,
            Median { high, .. } if high >= COLD_ANSWERS_RATIO_MIN => Verdict::Within,
            _ => Verdict::Miss,
        };
        let says = "cold answers / those of nginx with aio threads, at least";
        gates.push(ColdGate { says, figure, bound: COLD_ANSWERS_RATIO_MIN, verdict });
    }
    gates
}

fn paired(subject: &[f64], other: &[f64]) -> Median {
    median(subject.iter().zip(other).map(|(one, two)| one / two).collect())
}

/// The record as a page.
pub(crate) fn page(record: &Record) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_page(&mut text, record);
    text
}

fn write_page(text: &mut String, record: &Record) -> std::fmt::Result {
    let Record { date, processor, cores, kernel, network, load, rounds, seconds, command, .. } = record;
    writeln!(text, "# badgerserver beside the ceiling and other servers, {date}\n")?;
    writeln!(text, "{processor}, {cores} cores, Linux {kernel}. Congestion control: {network}.")?;
    writeln!(
        text,
        "Server on core 0, client on core 1, loopback; {rounds} rounds of {seconds} s, the servers in turn. Load of the five \
         minutes before: {load}."
    )?;
    writeln!(text, "Again: `{command}`. The figures of each round: `{}.json`.\n", record.stem())?;
    writeln!(text, "![CPU, latency and memory]({}.svg)\n", record.stem())?;
    gates(text, record)?;
    rows(text, record)?;
    idle(text, &record.idle)?;
    cold(text, &record.cold)?;
    wrk(text, record)?;
    servers(text, record)?;
    if !record.notes.is_empty() {
        writeln!(text, "## Left out\n")?;
        for note in &record.notes {
            writeln!(text, "- {}", note.lines().next().unwrap_or_default())?;
        }
    }
    // One line end at the end.
    text.truncate(text.trim_end().len());
    writeln!(text)
}

fn gates(text: &mut String, record: &Record) -> std::fmt::Result {
    writeln!(text, "## Gates\n")?;
    let chosen = record.chosen().map_or("nothing", |server| server.name.as_str());
    writeln!(
        text,
        "`--backend auto` takes {chosen} here. Its CPU for a request relative to another's, paired in the round: median [95 % \
         interval]. A gate holds when the ratio, or a part of its interval, does not exceed it.\n"
    )?;
    writeln!(
        text,
        "What was tried for those that are missed is in [docs/performance.md](../../docs/performance.md).\n\n\
         | row | against | ratio | at most | | where the rest goes |\n|---|---|---|---|---|---|"
    )?;
    for row in &record.rows {
        for gate in &row.gates {
            let (Some(figure), Some(verdict)) = (gate_ratio(row, gate), gate_verdict(row, gate)) else { continue };
            let why = if verdict == Verdict::Miss { where_it_goes(record, row, gate) } else { String::new() };
            let (name, other, figure) = (&row.name, &gate.other, interval(figure));
            writeln!(text, "| {name} | {other} | {figure} | {:.2} | {} | {why} |", gate.at_most, verdict.text())?;
        }
    }
    for idle in record.idle.iter().filter(|idle| idle.at_most > 0.0) {
        let bytes = slope_bytes(idle);
        let verdict = if bytes <= idle.at_most { Verdict::Pass } else { Verdict::Miss }.text();
        writeln!(
            text,
            "| idle connection, B of resident memory | - | {bytes:.0} | {:.0} | {verdict} | |",
            idle.at_most
        )?;
    }
    for ColdGate { says, figure, bound, verdict } in cold_gates(record) {
        writeln!(text, "| slow disk: {says} | - | {} | {bound} | {} | |", interval(figure), verdict.text())?;
    }
    writeln!(text)
}

/// What the figures say of a gate that was missed: how much of the cost is the kernel's, how much is memory that no cache holds,
/// and what is left.
fn where_it_goes(record: &Record, row: &Row, gate: &Gate) -> String {
    let Some(subject) = row.series(&gate.subject) else { return String::new() };
    let ceiling = gate.subject.replacen("badgerserver", "ceiling", 1);
    // The same row with a payload that the processor's caches hold.
    let one_payload = row.name.replacen("1 KiB", "1 KiB, one payload", 1);
    let one_payload = record.rows.iter().find(|other| other.name == one_payload && other.name != row.name);
    let above = |row: &Row| {
        let (own, kernel) = (row.series(&gate.subject)?, row.series(&ceiling)?);
        Some(median(own.cpu_micros.iter().zip(&kernel.cpu_micros).map(|(own, kernel)| own - kernel).collect()).value)
    };
    if gate.other != ceiling {
        let share = row.series(&ceiling).zip(row.series(&gate.other)).map(|(kernel, other)| ratio(kernel, other));
        let share = share.map(|share| format!("the ceiling alone is {} of it", interval(share)));
        return share.unwrap_or_default();
    }
    let cost = median(subject.cpu_micros.clone()).value;
    match (above(row), one_payload.and_then(above)) {
        (Some(all), Some(one)) => {
            format!("{all:.2} us above the ceiling; {one:.2} with one payload: the rest is memory that no cache holds")
        }
        (Some(all), None) => format!("{all:.2} us of {cost:.2} are above the ceiling"),
        (None, _) => String::new(),
    }
}

fn rows(text: &mut String, record: &Record) -> std::fmt::Result {
    writeln!(text, "## Rows\n")?;
    writeln!(
        text,
        "CPU is the server's, by `schedstat`, in microseconds for a request (or a session). Latencies are those of a client \
         that keeps every connection busy, so they are mostly queueing; of requests that are pipelined, of the whole batch. \
         Where a server was busy for less than about 90 % of a run, others had the cores too: its caches were cold, and only \
         ratios count.\n"
    )?;
    writeln!(
        text,
        "| row | server | CPU us [95 %] | per second | p50 us | p99 us | p99.9 us | busy | client us |\n\
         |---|---|---|---|---|---|---|---|---|"
    )?;
    for row in &record.rows {
        for series in &row.series {
            let middle = |values: &[f64]| median(values.to_vec());
            let Median { value, low, high } = middle(&series.cpu_micros);
            writeln!(
                text,
                "| {} | {} | {value:.2} [{low:.2}-{high:.2}] | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} % | {:.2} |",
                row.name,
                series.server,
                middle(&series.per_second).value,
                middle(&series.p50_micros).value,
                middle(&series.p99_micros).value,
                middle(&series.p999_micros).value,
                middle(&series.busy).value * 100.0,
                middle(&series.client_micros).value,
            )?;
        }
    }
    writeln!(text)
}

fn idle(text: &mut String, idle: &[Idle]) -> std::fmt::Result {
    let Some(first) = idle.first() else { return Ok(()) };
    let (few, many) = (first.few, first.many);
    writeln!(text, "## Idle connections\n")?;
    writeln!(
        text,
        "Resident memory of a server of its own whose connections have each had one answer. What the kernel keeps for a socket \
         is not in it, and the same for all. A server that sets memory aside for connections before they come has a smaller \
         slope and a larger total.\n"
    )?;
    writeln!(
        text,
        "| server | {few} connections, KiB | {many} connections, KiB | B a connection |\n|---|---|---|---|"
    )?;
    for one in idle {
        let (few, many, slope) = (one.few_bytes / 1024.0, one.many_bytes / 1024.0, slope_bytes(one));
        writeln!(text, "| {} | {few:.0} | {many:.0} | {slope:.0} |", one.server)?;
    }
    writeln!(text)
}

fn cold(text: &mut String, cold: &[Cold]) -> std::fmt::Result {
    if cold.is_empty() {
        return Ok(());
    }
    writeln!(text, "## A slow disk\n")?;
    writeln!(
        text,
        "40 reads a second (cgroup v1, `blkio.throttle.read_iops_device`), everything evicted; one client asks for one payload of \
         1 KiB that is in memory, first alone, then beside 8 that ask for 150 KiB each for the first time, in a mixed order, for 5 s \
         or until each of the 1,000 was asked for. Medians of \
         {} rounds.\n",
        cold[0].cold_answers.len()
    )?;
    writeln!(
        text,
        "| server | hot p99 alone, us | hot p99, us | hot p99.9, us | worst, us | cold answers/s |\n|---|---|---|---|---|---|"
    )?;
    for one in cold {
        let middle = |values: &[f64]| median(values.to_vec()).value;
        writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            one.server,
            middle(&one.alone_p99_micros),
            middle(&one.beside_p99_micros),
            middle(&one.beside_p999_micros),
            middle(&one.beside_worst_micros),
            middle(&one.cold_answers),
        )?;
    }
    writeln!(text)
}

fn wrk(text: &mut String, record: &Record) -> std::fmt::Result {
    if record.wrk.is_empty() {
        return Ok(());
    }
    writeln!(text, "## wrk says\n")?;
    writeln!(
        text,
        "64 connections, one payload. wrk costs more for a request than most of these servers, on the one core that it has: where \
         its requests a second are alike for two servers, it is the bound.\n"
    )?;
    writeln!(
        text,
        "| row | server | requests/s by wrk | by the own client | CPU us by wrk | by the own client |\n|---|---|---|---|---|---|"
    )?;
    for one in &record.wrk {
        writeln!(
            text,
            "| {} | {} | {:.0} | {:.0} | {:.2} | {:.2} |",
            one.row, one.server, one.wrk_per_second, one.own_per_second, one.wrk_cpu_micros, one.own_cpu_micros
        )?;
    }
    writeln!(text)
}

fn servers(text: &mut String, record: &Record) -> std::fmt::Result {
    writeln!(text, "## Servers\n")?;
    writeln!(
        text,
        "Memory is that after all rows: what is the server's alone, and with the pages of files that it maps, which the kernel may \
         take back.\n"
    )?;
    writeln!(text, "| server | version | own memory, MiB | with mapped files, MiB |\n|---|---|---|---|")?;
    for server in &record.servers {
        let mebibytes = |bytes: f64| bytes / 1024.0 / 1024.0;
        writeln!(
            text,
            "| {} | {} | {:.1} | {:.1} |",
            server.name,
            server.version,
            mebibytes(server.own_bytes),
            mebibytes(server.resident_bytes)
        )?;
    }
    writeln!(text)?;
    for server in &record.servers {
        writeln!(text, "{}:\n```text\n{}\n```\n", server.name, server.settings.trim_end())?;
    }
    Ok(())
}

pub(crate) fn interval(figure: Median) -> String {
    let Median { value, low, high } = figure;
    format!("{value:.2} [{low:.2}-{high:.2}]")
}
