//! `cargo bench --bench compare`: badgerserver beside the ceiling (what the kernel alone costs) and other servers.
//!
//! In a network namespace with reno, each server on core 0 and the client on core 1, the servers take turns within each
//! round. What counts is the processor time of the server for each request, and its ratio to another's in the same round.
//! A gate that is missed is printed and changes no exit status: time on a shared machine proves nothing.

mod browse;
mod ceiling;
mod client;
mod cold;
mod content;
mod idle;
mod measure;
mod peers;
mod plot;
mod process;
mod profile;
mod readme;
mod record;
mod report;
mod requests;
mod rows;
mod served;
mod servers;
mod statistics;
mod sys;
mod wrk;

use record::Record;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const HELP: &str = "\
cargo bench --bench compare -- [OPTIONS]

  --rounds N         rounds of each row (9)
  --seconds S        length of one run against one server (0.3)
  --only PART        rows whose name has this in it; may be repeated
  --list             names the rows
  --record           writes benches/record/DATE-MACHINE.{json,md,svg} and the table of README.md
  --machine NAME     the machine's name in the record (its processor's)
  --draw RECORD      draws a record's page, picture and the README's table again from its .json
  --instructions     instructions for a request, by valgrind
  --calls            system calls for a request, by strace
";

/// Parts that are no rows of the table.
const PARTS: [&str; 3] = [idle::NAME, cold::NAME, wrk::NAME];

/// What the command line asked for.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// Length of one run.
    pub(crate) seconds: f64,
    pub(crate) only: Vec<String>,
    record: bool,
    machine: Option<String>,
    draw: Option<PathBuf>,
    profile: Option<profile::Tool>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let done = match arguments.first().map(String::as_str) {
        Some("serve") => served::main(&arguments[1..]),
        Some("ceiling") => ceiling::main(&arguments[1..]),
        _ if has("--help") => {
            print!("{HELP}");
            Ok(())
        }
        _ if has("--list") => {
            rows::ROWS.iter().map(|row| row.name).chain(PARTS).for_each(|name| println!("{name}"));
            Ok(())
        }
        _ if !has("--bench") => {
            println!("compare: measures under `cargo bench` only");
            Ok(())
        }
        _ => parse(&arguments).and_then(|options| compare(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> io::Result<Options> {
    let mut options =
        Options { rounds: 9, seconds: 0.3, only: Vec::new(), record: false, machine: None, draw: None, profile: None };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| io::Error::other(format!("{argument} needs a value")));
        let wrong = |_| io::Error::other(format!("{argument} needs a number"));
        match argument.as_str() {
            "--bench" => {}
            "--rounds" => options.rounds = value()?.parse::<usize>().map_err(|_| wrong(()))?.max(1),
            "--seconds" => options.seconds = value()?.parse::<f64>().map_err(|_| wrong(()))?.clamp(0.01, 60.0),
            "--only" => options.only.push(value()?.clone()),
            "--record" => options.record = true,
            "--machine" => options.machine = Some(value()?.clone()),
            "--draw" => options.draw = Some(PathBuf::from(value()?)),
            "--instructions" => options.profile = Some(profile::Tool::Instructions),
            "--calls" => options.profile = Some(profile::Tool::Calls),
            unknown => return Err(io::Error::other(format!("unknown argument {unknown}; see --help"))),
        }
    }
    Ok(options)
}

fn compare(options: &Options) -> io::Result<()> {
    if let Some(path) = &options.draw {
        let record = Record::read(&fs::read_to_string(path)?).map_err(io::Error::other)?;
        return keep(&record);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(1).unwrap_or("unknown").to_owned();
    let network = enter_quiet_network();
    sys::raise_open_files_max(300_000);
    let content = content::make(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    if let Some(tool) = options.profile {
        return profile::count(options, &content, tool);
    }
    sys::pin(process::CLIENT_CORE)
        .map_err(|error| io::Error::new(error.kind(), format!("two cores are needed: {error}")))?;
    let mut record = describe(options, network, load);
    measure(options, &content, &mut record)?;
    print!("{}", report::page(&record));
    if options.record { keep(&record) } else { Ok(()) }
}

/// All that is wanted, in turn.
fn measure(options: &Options, content: &content::Content, record: &mut Record) -> io::Result<()> {
    let is_wanted = |name: &str| measure::is_wanted(name, options);
    let wanted: Vec<&rows::Row> = rows::ROWS.iter().filter(|row| is_wanted(row.name)).collect();
    let parts = PARTS.iter().filter(|name| is_wanted(name)).count();
    let mut progress = Progress { start: Instant::now(), done: 0, all: wanted.len() + parts };
    if !wanted.is_empty() {
        let with_directory = wanted.iter().any(|row| row.mount == rows::DIRECTORY_MOUNT);
        let servers = servers::start(content, with_directory)?;
        record.notes.extend(servers.notes.iter().cloned());
        for row in wanted {
            progress.tell(row.name);
            record.rows.push(measure::row(options, content, row, &servers, &mut record.notes)?);
        }
        record.servers = servers.describe()?;
        if is_wanted(wrk::NAME) {
            progress.tell(wrk::NAME);
            record.wrk = wrk::all(&record.rows, &servers, &mut record.notes)?;
        }
    }
    if is_wanted(idle::NAME) {
        progress.tell(idle::NAME);
        record.idle = idle::all(content, &mut record.notes)?;
    }
    if is_wanted(cold::NAME) {
        progress.tell(cold::NAME);
        record.cold = cold::all(options.rounds, content, &mut record.notes)?;
    }
    eprintln!("measured in {} s", progress.start.elapsed().as_secs());
    Ok(())
}

struct Progress {
    start: Instant,
    done: usize,
    all: usize,
}

impl Progress {
    /// Names what comes next, and the time that is left if what is left takes as long as what is done.
    fn tell(&mut self, name: &str) {
        let left = match self.done {
            0 => String::new(),
            done => {
                let left = self.start.elapsed() / done as u32 * (self.all - done) as u32;
                format!(", about {} s left", Duration::as_secs(&left))
            }
        };
        self.done += 1;
        eprintln!("[{} of {}{left}] {name}", self.done, self.all);
    }
}

fn describe(options: &Options, network: String, load: String) -> Record {
    let processor = processor();
    let machine = options.machine.clone().unwrap_or_else(|| slug(&processor));
    let only: String = options.only.iter().map(|part| format!(" --only '{part}'")).collect();
    let (rounds, seconds) = (options.rounds, options.seconds);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    Record {
        date: date(),
        machine,
        processor,
        // This thread will be pinned and see one; the machine has more.
        cores: info.lines().filter(|line| line.starts_with("processor")).count() as u64,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        network,
        load,
        rounds: rounds as u64,
        seconds,
        command: format!("cargo bench --bench compare -- --rounds {rounds} --seconds {seconds}{only} --record"),
        ..Record::default()
    }
}

/// Writes a record, what is drawn from it, and the README's table.
fn keep(record: &Record) -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("benches/record");
    fs::create_dir_all(&folder)?;
    for (extension, text) in [("json", record.write()), ("md", report::page(record)), ("svg", plot::picture(record))] {
        let path = folder.join(format!("{}.{extension}", record.stem()));
        fs::write(&path, text)?;
        eprintln!("wrote {}", path.display());
    }
    let path = root.join("README.md");
    let text = fs::read_to_string(&path)?;
    let text = readme::with_table(&text, record).map_err(io::Error::other)?;
    fs::write(&path, text)
}

/// Sets congestion control where nobody else is. Gives what holds, in words.
fn enter_quiet_network() -> String {
    const FOLDER: &str = "/proc/sys/net/ipv4";
    let setting = format!("{FOLDER}/tcp_congestion_control");
    let entered = sys::enter_network_of_its_own();
    let is_set = entered.and_then(|()| fs::write(&setting, "reno")).and_then(|()| {
        // A connection for each request uses up the ports of a loopback otherwise.
        fs::write(format!("{FOLDER}/ip_local_port_range"), "1024 65535")?;
        fs::write(format!("{FOLDER}/tcp_tw_reuse"), "1")
    });
    let holds = fs::read_to_string(&setting).unwrap_or_default();
    match is_set {
        Ok(()) => format!("{}, in a network namespace", holds.trim()),
        Err(error) => {
            let holds = format!("{}, NOT in a namespace of its own with reno ({error})", holds.trim());
            eprintln!("compare: congestion control is {holds}: large bodies may cost several times as much");
            holds
        }
    }
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Today, UTC: Howard Hinnant's days-to-civil algorithm.
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
