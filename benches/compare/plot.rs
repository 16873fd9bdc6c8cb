//! Pure: a record as a picture. Scalable Vector Graphics, drawn by hand: bars, lines and words. Colours of text and paper
//! follow the reader's choice of light or dark; those of the servers can be told apart on both.

use super::record::{Record, Row};
use super::report::slope_bytes;
use super::statistics::median;
use std::fmt::Write as _;

const WIDTH: f64 = 980.0;
/// Where bars begin: names of rows are left of it.
const LEFT: f64 = 250.0;
/// Room for figures behind the longest bar.
const RIGHT: f64 = 150.0;
const BAR: f64 = 11.0;
const GAP: f64 = 14.0;
/// A longer bar is cut; its figure says how long it is.
const RATIO_MAX: f64 = 6.0;
/// Rows whose latencies are shown.
const LATENCY_ROWS: [&str; 4] = ["1 KiB, one payload", "1 KiB", "25 KiB", "150 KiB"];

const COLOURS: [(&str, &str); 9] = [
    ("badgerserver epoll", "#d98200"),
    ("badgerserver io_uring", "#b5489a"),
    ("ceiling epoll", "#8a8a8a"),
    ("ceiling io_uring", "#8a8a8a"),
    ("nginx", "#12956b"),
    ("lighttpd", "#3b8edb"),
    ("h2o", "#d65a3a"),
    ("lwan", "#7a6ad8"),
    ("static-web-server", "#a08a2c"),
];

const STYLE: &str = "\
<style>
svg { --paper: #ffffff; --ink: #1f2328; --pale: #d0d7de; --quiet: #59636e; }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --pale: #30363d; --quiet: #9198a1; } }
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 17px; font-weight: 600; }
.note { fill: var(--quiet); }
.figure { font-size: 10.5px; fill: var(--quiet); }
.axis { stroke: var(--pale); stroke-width: 1; }
.one { stroke: var(--quiet); stroke-width: 1.5; }
</style>
";

/// What is drawn so far, and how far down.
struct Canvas {
    text: String,
    y: f64,
}

/// The whole picture.
pub(crate) fn picture(record: &Record) -> String {
    let mut canvas = Canvas { text: String::new(), y: 34.0 };
    cpu(&mut canvas, record);
    latency(&mut canvas, record);
    memory(&mut canvas, record);
    let height = canvas.y + 10.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         role=\"img\">\n<title>badgerserver beside other servers, {}</title>\n{STYLE}\
         <rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n{}</svg>\n",
        escaped(&record.stem()),
        canvas.text
    )
}

fn cpu(canvas: &mut Canvas, record: &Record) {
    let Some(chosen) = record.chosen() else { return };
    let ceiling = chosen.name.replace("badgerserver", "ceiling");
    let rows: Vec<&Row> = record
        .rows
        .iter()
        .filter(|row| row.series(&ceiling).is_some() && row.series.iter().any(|series| is_peer(&series.server)))
        .collect();
    if rows.is_empty() {
        return;
    }
    canvas.title(
        "Server CPU for a request, in times the ceiling",
        &format!("Shorter is better. 1 is the canned server on {} (grey line); figures: ratio, time.", &ceiling[8..]),
    );
    let names: Vec<&str> = COLOURS
        .iter()
        .map(|colour| colour.0)
        .filter(|name| !name.starts_with("ceiling") && rows.iter().any(|row| row.series(name).is_some()))
        .collect();
    canvas.legend(&names);
    let top = canvas.y;
    let scale = (WIDTH - LEFT - RIGHT) / RATIO_MAX;
    for row in rows {
        let Some(base) = row.series(&ceiling).map(|series| median(series.cpu_micros.clone()).value) else { continue };
        let present: Vec<&&str> = names.iter().filter(|name| row.series(name).is_some()).collect();
        let middle = canvas.y + present.len() as f64 * BAR / 2.0 + 4.0;
        canvas.words(LEFT - 10.0, middle, "end", "", &row.name);
        for name in present {
            let Some(series) = row.series(name) else { continue };
            let micros = median(series.cpu_micros.clone()).value;
            let times = micros / base;
            let length = times.min(RATIO_MAX) * scale;
            let cut = if times > RATIO_MAX { " (cut)" } else { "" };
            canvas.bar(LEFT, length, colour(name));
            canvas.words(
                LEFT + length + 5.0,
                canvas.y + BAR - 2.0,
                "start",
                "figure",
                &format!("{times:.2}, {}{cut}", short(micros)),
            );
            canvas.y += BAR;
        }
        canvas.y += GAP;
    }
    canvas.grid(
        top,
        canvas.y - GAP / 2.0,
        (1..=RATIO_MAX as u32).map(|times| (LEFT + f64::from(times) * scale, format!("{times}"))),
    );
    let _ = writeln!(
        canvas.text,
        "<path class=\"one\" d=\"M{0:.1} {top:.1}V{1:.1}\"/>",
        LEFT + scale,
        canvas.y - GAP / 2.0
    );
    canvas.words(LEFT, canvas.y + 4.0, "start", "note", "times the ceiling's CPU");
    canvas.y += 46.0;
}

/// A line from p50 to p99.9 with a mark at each, on a logarithmic axis.
fn latency(canvas: &mut Canvas, record: &Record) {
    let rows: Vec<&Row> =
        LATENCY_ROWS.iter().filter_map(|name| record.rows.iter().find(|row| row.name == *name)).collect();
    if rows.is_empty() {
        return;
    }
    canvas.title(
        "Latency under full load: p50, p99, p99.9",
        "Every connection asks again at once, so this is mostly the queue. Left is better; the axis is logarithmic.",
    );
    let all = rows.iter().flat_map(|row| &row.series);
    let micros: Vec<f64> =
        all.flat_map(|series| [&series.p50_micros, &series.p999_micros]).map(|it| median(it.clone()).value).collect();
    let least = 10_f64.powf(micros.iter().copied().fold(f64::MAX, f64::min).max(1.0).log10().floor());
    let most = 10_f64.powf(micros.iter().copied().fold(1.0, f64::max).log10().ceil()).max(least * 10.0);
    let place =
        |micros: f64| LEFT + (micros.max(least) / least).log10() / (most / least).log10() * (WIDTH - LEFT - RIGHT);
    let top = canvas.y;
    for row in rows {
        canvas.words(LEFT - 10.0, canvas.y + row.series.len() as f64 * 14.0 / 2.0 + 4.0, "end", "", &row.name);
        for series in &row.series {
            let at = |values: &[f64]| place(median(values.to_vec()).value);
            let (p50, p99, p999) = (at(&series.p50_micros), at(&series.p99_micros), at(&series.p999_micros));
            let (y, colour) = (canvas.y + 7.0, colour(&series.server));
            let _ = writeln!(
                canvas.text,
                "<path d=\"M{p50:.1} {y:.1}H{p999:.1}M{p999:.1} {:.1}v8\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>\
                 <circle cx=\"{p50:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\
                 <rect x=\"{:.1}\" y=\"{:.1}\" width=\"7\" height=\"7\" fill=\"{colour}\"/>",
                y - 4.0,
                p99 - 3.5,
                y - 3.5
            );
            canvas.words(p999 + 7.0, y + 4.0, "start", "figure", &series.server);
            canvas.y += 14.0;
        }
        canvas.y += GAP;
    }
    let mut ticks = Vec::new();
    let mut tick = least;
    while tick <= most * 1.01 {
        ticks.push((place(tick), short(tick)));
        tick *= 10.0;
    }
    canvas.grid(top, canvas.y - GAP / 2.0, ticks.into_iter());
    canvas.words(LEFT, canvas.y + 4.0, "start", "note", "circle: p50, square: p99, stroke: p99.9");
    canvas.y += 46.0;
}

fn memory(canvas: &mut Canvas, record: &Record) {
    let Some(longest) = record.idle.iter().map(slope_bytes).reduce(f64::max) else { return };
    canvas.title(
        "Memory of the server for an idle connection",
        "Shorter is better. Slope between 1,000 and 10,000 kept connections; in brackets all that is resident with 10,000.",
    );
    let scale = (WIDTH - LEFT - RIGHT) / longest.max(1.0);
    for idle in &record.idle {
        let bytes = slope_bytes(idle);
        canvas.words(LEFT - 10.0, canvas.y + 11.0, "end", "", &idle.server);
        let length = (bytes * scale).max(1.0);
        canvas.bar(LEFT, length, colour(&idle.server));
        let figure = format!("{bytes:.0} B ({:.1} MiB)", idle.many_bytes / 1024.0 / 1024.0);
        canvas.words(LEFT + length + 5.0, canvas.y + 10.0, "start", "figure", &figure);
        canvas.y += 19.0;
    }
    canvas.y += 10.0;
}

impl Canvas {
    fn title(&mut self, title: &str, note: &str) {
        self.words(20.0, self.y, "start", "title", title);
        self.words(20.0, self.y + 20.0, "start", "note", note);
        self.y += 40.0;
    }

    fn legend(&mut self, names: &[&str]) {
        let mut x = 20.0;
        for name in names {
            let _ = writeln!(
                self.text,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{}\"/>",
                self.y - 2.0,
                colour(name)
            );
            self.words(x + 16.0, self.y + 8.0, "start", "", name);
            x += 34.0 + name.len() as f64 * 6.6;
        }
        self.y += 26.0;
    }

    fn bar(&mut self, x: f64, length: f64, colour: &str) {
        let (y, height) = (self.y + 1.0, BAR - 1.5);
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        );
    }

    /// Lines from top to bottom, each with its figure below.
    fn grid(&mut self, top: f64, bottom: f64, ticks: impl Iterator<Item = (f64, String)>) {
        for (x, words) in ticks {
            let _ = writeln!(
                self.text,
                "<path class=\"axis\" d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke-dasharray=\"2 3\"/>"
            );
            self.words(x, bottom + 26.0, "middle", "figure", &words);
        }
    }

    fn words(&mut self, x: f64, y: f64, anchor: &str, class: &str, words: &str) {
        let words = escaped(words);
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{words}</text>"
        );
    }
}

fn is_peer(server: &str) -> bool {
    !server.starts_with("badgerserver") && !server.starts_with("ceiling")
}

fn colour(server: &str) -> &'static str {
    COLOURS.iter().find(|row| server.starts_with(row.0)).map_or("#8a8a8a", |row| row.1)
}

/// `7.62 us`, `4.1 ms`.
fn short(micros: f64) -> String {
    match micros {
        micros if micros < 10.0 => format!("{micros:.2} us"),
        micros if micros < 1_000.0 => format!("{micros:.0} us"),
        micros if micros < 1_000_000.0 => format!("{:.3} ms", micros / 1e3).replace(".000", ""),
        micros => format!("{:.0} s", micros / 1e6),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
