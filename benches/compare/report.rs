//! The table, the gates, the record.

use super::Options;
use super::measure::{Measured, Run, Series};
use super::process::{nginx_open_files_max, open_files_max};
use super::rows::CONNECTIONS;
use super::statistics::{Median, median};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn print(options: &Options, congestion: &str, measured: &[Measured]) -> io::Result<()> {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_all(&mut text, options, congestion, measured);
    print!("{text}");
    if options.record {
        let machine = options.machine.clone().unwrap_or_else(|| slug(&processor()));
        let (year, month, day) = civil_date();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/record");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{year:04}-{month:02}-{day:02}-{machine}.md"));
        fs::write(&path, text)?;
        eprintln!("recorded in {}", path.display());
    }
    Ok(())
}

fn write_all(text: &mut String, options: &Options, congestion: &str, measured: &[Measured]) -> std::fmt::Result {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    writeln!(text, "# badgerserver beside the ceiling and nginx\n")?;
    writeln!(text, "{}, {} cores, Linux {}, {congestion}.", processor(), total_cores(cores), kernel.trim())?;
    writeln!(
        text,
        "Server on core 0, client on core 1, loopback, {CONNECTIONS} connections; {} rounds, the servers in turn; medians.",
        options.rounds
    )?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(1).unwrap_or("unknown").to_owned();
    writeln!(
        text,
        "Load of the last five minutes: {load}. Where a server was busy for less than about 90 % of a run, others had the \
         cores too: its caches were cold, and only ratios count."
    )?;
    let cached = nginx_open_files_max(open_files_max());
    writeln!(
        text,
        "nginx: one worker, logs off, sendfile, tcp_nopush; its open-file cache has room for {cached} files."
    )?;
    let only: String = options.only.iter().map(|part| format!(" --only '{part}'")).collect();
    let (rounds, seconds) = (options.rounds, options.seconds);
    writeln!(text, "Again: `cargo bench --bench compare -- --rounds {rounds} --seconds {seconds}{only} --record`\n")?;
    writeln!(text, "CPU is the server's, by `schedstat`; p50 and p99 are of a batch where requests are pipelined.\n")?;
    writeln!(text, "| row | server | CPU us/request [95 %] | requests/s | p50 us | p99 us | busy | client us |")?;
    writeln!(text, "|---|---|---|---|---|---|---|---|")?;
    for one in measured {
        for series in &one.series {
            let of = |value: fn(&Run) -> f64| median(series.runs.iter().map(value).collect());
            let Median { value: cpu, low, high } = of(|run| run.cpu_micros);
            writeln!(
                text,
                "| {} | {} | {cpu:.2} [{low:.2}-{high:.2}] | {:.0} | {:.0} | {:.0} | {:.0} % | {:.2} |",
                one.row.name,
                series.server,
                of(|run| run.requests_per_second).value,
                of(|run| run.p50_micros).value,
                of(|run| run.p99_micros).value,
                of(|run| run.busy).value * 100.0,
                of(|run| run.client_micros).value,
            )?;
        }
    }
    writeln!(text, "\nCPU of badgerserver relative to another, paired in the round: median [95 % interval].\n")?;
    writeln!(text, "| row | to the ceiling | gate | to nginx | gate |\n|---|---|---|---|---|")?;
    for one in measured {
        let ceiling = cell(one, "ceiling", one.row.ceiling_gate);
        let nginx = cell(one, "nginx", one.row.nginx_gate);
        writeln!(text, "| {} | {} | {} | {} | {} |", one.row.name, ceiling.0, ceiling.1, nginx.0, nginx.1)?;
    }
    writeln!(text, "\nPASS and MISS are by the median; `?` where the interval has the gate in it.")
}

/// The ratio to another server, and how it stands to its gate.
fn cell(measured: &Measured, other: &str, gate: Option<f64>) -> (String, String) {
    let find = |name: &str| measured.series.iter().find(|series| series.server == name);
    let (Some(own), Some(other)) = (find("badgerserver"), find(other)) else {
        return ("-".to_owned(), gate.map_or("-".to_owned(), |gate| format!("{gate}: not measured")));
    };
    let Median { value, low, high } = ratio(own, other);
    let verdict = gate.map_or("-".to_owned(), |gate| {
        let verdict = if value <= gate { "PASS" } else { "MISS" };
        let doubt = if (low..=high).contains(&gate) { "?" } else { "" };
        format!("<= {gate:.2}: {verdict}{doubt}")
    });
    (format!("{value:.2} [{low:.2}-{high:.2}]"), verdict)
}

fn ratio(own: &Series, other: &Series) -> Median {
    median(own.runs.iter().zip(&other.runs).map(|(own, other)| own.cpu_micros / other.cpu_micros).collect())
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// The client's thread is pinned, so it sees one core; the machine has more.
fn total_cores(seen: usize) -> usize {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines().filter(|line| line.starts_with("processor")).count().max(seen)
}

fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Year, month and day of today, UTC: Howard Hinnant's days-to-civil algorithm.
fn civil_date() -> (i64, i64, i64) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
