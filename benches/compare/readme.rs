//! Pure: the part of README.md that is drawn from a record.

use super::record::{Record, Row};
use super::report::{Verdict, cold_gates, gate_ratio, gate_verdict, interval, ratio, slope_bytes};
use super::statistics::median;
use std::fmt::Write as _;

const BEGIN: &str = "<!-- performance: begin -->\n";
const END: &str = "<!-- performance: end -->\n";
/// Whom rows are compared with, the first that took part.
const OTHERS: [&str; 2] = ["nginx", "h2o"];

/// README.md with the table of this record.
///
/// # Errors
/// It has no place for one.
pub(crate) fn with_table(readme: &str, record: &Record) -> Result<String, String> {
    let missing = || format!("README.md: the lines {} and {} are not there", BEGIN.trim(), END.trim());
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(record)))
}

fn table(record: &Record) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_table(&mut text, record);
    text
}

fn write_table(text: &mut String, record: &Record) -> std::fmt::Result {
    let chosen = record.chosen().map_or("badgerserver", |server| server.name.as_str());
    let version = |name: &str| record.servers.iter().find(|server| server.name == name).map(|it| it.version.as_str());
    let Record { processor, cores, kernel, rounds, seconds, .. } = record;
    let stem = record.stem();
    writeln!(text, "### Performance\n")?;
    writeln!(
        text,
        "Server CPU for a request, the server on one core, the client on another ({processor}, {cores} cores, Linux {kernel}, \
         loopback): what `--backend auto` takes there ({chosen}), paired with others in the same round; medians of {rounds} \
         rounds, and in brackets the 95 % interval of the ratio. The *ceiling* is a canned server of the same backend, system \
         calls and socket options with hardly any code of its own. Other peers, io_uring, latencies, memory and settings are in \
         [benches/record](benches/record/{stem}.md); how to repeat it and what it does not say is in \
         [docs/performance.md](docs/performance.md). `cargo bench --bench compare -- --rounds {rounds} --seconds {seconds} \
         --record` draws this table.\n"
    )?;
    let others: Vec<String> =
        OTHERS.iter().filter_map(|name| version(name).map(|version| format!("{name} {version}"))).collect();
    writeln!(text, "| | CPU, us | against the ceiling | against {} |\n|---|---|---|---|", others.join(" or "))?;
    for row in record.rows.iter().filter(|row| !row.gates.is_empty()) {
        let Some(own) = row.series(chosen) else { continue };
        let cpu = median(own.cpu_micros.clone()).value;
        let ceiling = cell(row, chosen, &chosen.replace("badgerserver", "ceiling"));
        let other = OTHERS.iter().find(|name| row.series(name).is_some());
        let other = other.map_or("-".to_owned(), |name| match *name {
            "nginx" => cell(row, chosen, name),
            name => format!("{name}: {}", cell(row, chosen, name)),
        });
        writeln!(text, "| {} | {cpu:.2} | {ceiling} | {other} |", row.name)?;
    }
    writeln!(text)?;
    for row in &record.rows {
        let apart = row.gates.iter().filter(|gate| gate.other.contains(", one payload"));
        for gate in apart {
            let (Some(figure), Some(verdict)) = (gate_ratio(row, gate), gate_verdict(row, gate)) else { continue };
            writeln!(
                text,
                "- {}: {} of the CPU for one hot payload (aim: {:.2}, {}).",
                row.name,
                interval(figure),
                gate.at_most,
                verdict.text()
            )?;
        }
    }
    for idle in record.idle.iter().filter(|idle| idle.at_most > 0.0) {
        writeln!(
            text,
            "- An idle connection keeps {:.0} B of the server's memory (aim: {:.0}); {} of them, {:.1} MiB in all.",
            slope_bytes(idle),
            idle.at_most,
            idle.many,
            idle.many_bytes / 1024.0 / 1024.0
        )?;
    }
    for gate in cold_gates(record) {
        writeln!(
            text,
            "- A slow disk: {} {}: {} ({}).",
            gate.says,
            gate.bound,
            interval(gate.figure),
            gate.verdict.text()
        )?;
    }
    let all = || record.rows.iter().flat_map(|row| row.gates.iter().map(move |gate| (row, gate)));
    if all().any(|(row, gate)| gate_verdict(row, gate) == Some(Verdict::TooFew)) {
        return writeln!(
            text,
            "- Fewer than 9 rounds: this shows how it is measured, and whether an aim is met is not judged."
        );
    }
    let missed = all().filter(|(row, gate)| gate_verdict(row, gate) == Some(Verdict::Miss));
    let missed: Vec<String> =
        missed.map(|(row, gate)| format!("{} against {} ({:.2})", row.name, gate.other, gate.at_most)).collect();
    if missed.is_empty() {
        writeln!(text, "- Every aim for CPU was met, by the median or within its interval.")
    } else {
        writeln!(text, "- Aims for CPU that were missed: {}.", missed.join("; "))
    }
}

/// The ratio of two servers in a row, and the aim where it is missed.
fn cell(row: &Row, subject: &str, other: &str) -> String {
    let (Some(own), Some(series)) = (row.series(subject), row.series(other)) else { return "-".to_owned() };
    let figure = ratio(own, series);
    let gate = row.gates.iter().find(|gate| gate.other == other);
    match gate.filter(|gate| gate_verdict(row, gate) == Some(Verdict::Miss)) {
        Some(gate) => format!("{} (aim: {:.2})", interval(figure), gate.at_most),
        None => interval(figure),
    }
}
