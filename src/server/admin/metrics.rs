//! The facts as Prometheus reads them: text format 0.0.4.
//!
//! The paths that are asked for most are not among them: each would be a series, and what is asked for is the client's choice.
#![forbid(unsafe_code)]

use super::facts::Facts;
use super::stats::{kind, status};
use crate::server::latency::BOUNDS;
use crate::sys::device::{Battery, Device};
use std::fmt::{Display, Write};

pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts that are told in a better way: by route and status, by worker, by state.
const TOLD_ELSEWHERE: [&str; 6] =
    ["connections_open", "responses", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx"];

struct Page(String);

impl Page {
    /// Begins a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        // A String takes everything.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One of its series; a value that nobody knows has none.
    fn series(&mut self, name: &str, labels: &[(&str, &str)], value: Option<impl Display>) {
        let Some(value) = value else { return };
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            self.0.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    character => self.0.push(character),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A metric without labels; left out when nobody knows it.
    fn single(&mut self, name: &str, kind: &str, help: &str, value: Option<impl Display>) {
        if value.is_some() {
            self.metric(name, kind, help);
            self.series(name, &[], value);
        }
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

pub(super) fn write(facts: &Facts) -> String {
    let mut page = Page(String::new());
    page.metric("badger_build_info", "gauge", "What runs: always 1.");
    page.series("badger_build_info", &[("version", env!("CARGO_PKG_VERSION")), ("backend", facts.backend)], Some(1));
    page.single("badger_draining", "gauge", "1 while the server stops.", Some(u8::from(facts.is_draining)));
    page.single("badger_content_generation", "gauge", "The number of the newest content.", Some(facts.generation));

    let name = "badger_connections";
    page.metric(name, "gauge", "Open connections by what they are doing.");
    let states = &facts.connections;
    for (state, count) in [
        ("reading", states.reading),
        ("waiting", states.waiting),
        ("sending", states.sending),
        ("idle", states.idle),
        ("lingering", states.lingering),
    ] {
        page.series(name, &[("state", state)], Some(count));
    }

    routes(&mut page, facts);
    latency(&mut page, facts);
    workers(&mut page, facts);

    for (count, value) in facts.totals.named() {
        if !TOLD_ELSEWHERE.contains(&count) {
            let help = format!("The count {count} of badgerserver::Stats.");
            page.single(&format!("badger_{count}_total"), "counter", &help, Some(value));
        }
    }

    packs(&mut page, facts);

    device(&mut page, facts);

    // The names that Prometheus itself gives to these.
    let usage = &facts.usage;
    let cpu = usage.cpu_nanos.map(seconds);
    page.single("process_cpu_seconds_total", "counter", "Processor time of the process.", cpu);
    page.single("process_resident_memory_bytes", "gauge", "Memory that it occupies.", usage.resident_bytes);
    page.single("process_open_fds", "gauge", "Descriptors that it has open.", usage.open_files);
    page.single("process_threads", "gauge", "Its threads.", usage.threads);
    page.single("process_start_time_seconds", "gauge", "When the server started.", Some(facts.started));

    let polling = &facts.polling;
    page.single("badger_admin_requests_total", "counter", "Answers of the admin pages.", Some(polling.requests));
    page.single("badger_admin_bytes_total", "counter", "Bytes of their bodies.", Some(polling.bytes));
    let cpu = polling.cpu_nanos.map(seconds);
    page.single("badger_admin_cpu_seconds_total", "counter", "Processor time of the thread that gives them.", cpu);
    page.0
}

fn routes(page: &mut Page, facts: &Facts) {
    let name = "badger_responses_total";
    page.metric(name, "counter", "Answers by route and status.");
    for route in &facts.routes {
        for (code, count) in &route.responses {
            let (kind, status) = (kind(route.name.kind), status(*code));
            let labels = [("route", &route.name.label[..]), ("kind", kind), ("status", &status)];
            page.series(name, &labels, Some(count));
        }
    }
    let name = "badger_response_body_bytes_total";
    page.metric(name, "counter", "Bytes of the bodies of answers by route.");
    for route in &facts.routes {
        let labels = [("route", &route.name.label[..]), ("kind", kind(route.name.kind))];
        page.series(name, &labels, Some(route.bytes));
    }
}

fn latency(page: &mut Page, facts: &Facts) {
    page.metric(
        "badger_request_duration_seconds",
        "histogram",
        "From the turn in which a request was read to the moment the last byte of its answer was handed to the kernel.",
    );
    let mut count = 0;
    for (bucket, more) in facts.latency.counts.iter().enumerate() {
        count += more;
        let bound = BOUNDS.get(bucket).map_or_else(|| "+Inf".to_owned(), |&bound| seconds(bound).to_string());
        page.series("badger_request_duration_seconds_bucket", &[("le", &bound)], Some(count));
    }
    page.series("badger_request_duration_seconds_sum", &[], Some(seconds(facts.latency.sum_nanos)));
    page.series("badger_request_duration_seconds_count", &[], Some(count));
}

fn workers(page: &mut Page, facts: &Facts) {
    type Value = fn(&super::facts::WorkerFacts) -> Option<f64>;
    let metrics: [(&str, &str, &str, Value); 5] = [
        ("badger_worker_connections", "gauge", "Open connections of a worker.", |worker| {
            Some(worker.stats.connections_open as f64)
        }),
        ("badger_worker_responses_total", "counter", "Answers of a worker.", |worker| {
            Some(worker.stats.responses as f64)
        }),
        ("badger_worker_sent_bytes_total", "counter", "Bytes that a worker sent, heads included.", |worker| {
            Some(worker.stats.bytes_sent as f64)
        }),
        ("badger_worker_cpu_seconds_total", "counter", "Processor time of a worker.", |worker| {
            worker.cpu_nanos.map(seconds)
        }),
        (
            "badger_worker_busy_seconds_total",
            "counter",
            "Time of the turns in which a worker's answers left.",
            |worker| Some(seconds(worker.busy_nanos)),
        ),
    ];
    for (name, kind, help, value) in metrics {
        page.metric(name, kind, help);
        for (number, worker) in facts.workers.iter().enumerate() {
            page.series(name, &[("worker", &number.to_string())], value(worker));
        }
    }
}

fn packs(page: &mut Page, facts: &Facts) {
    type Value = fn(&super::facts::PackFacts) -> Option<u64>;
    let metrics: [(&str, &str, Value); 5] = [
        (
            "badger_pack_made_timestamp_seconds",
            "When the file of a pack was written: its age is time() less this.",
            |pack| pack.made.and_then(|made| u64::try_from(made).ok()),
        ),
        ("badger_pack_keys", "Keys of a pack.", |pack| Some(pack.keys)),
        ("badger_pack_bytes", "Bytes of a pack.", |pack| Some(pack.bytes)),
        ("badger_pack_resident_bytes", "Bytes of a pack that are in memory.", |pack| pack.resident_bytes),
        ("badger_pack_generation", "The number that its maker gave to the state of its content.", |pack| {
            Some(pack.sequence)
        }),
    ];
    for (name, help, value) in metrics {
        if facts.packs.iter().all(|pack| value(pack).is_none()) {
            continue;
        }
        page.metric(name, "gauge", help);
        for (number, pack) in facts.packs.iter().enumerate() {
            let source = pack.source.as_deref().unwrap_or("memory");
            // Several may lie at one place, of one file.
            let labels = [("pack", &number.to_string()[..]), ("mount", &pack.mount), ("source", source)];
            page.series(name, &labels, value(pack));
        }
    }
}

fn device(page: &mut Page, facts: &Facts) {
    type Value = fn(&Battery) -> Option<f64>;
    let metrics: [(&str, &str, Value); 5] = [
        ("badger_battery_charge_ratio", "Charge of a battery, from 0 to 1.", |battery| battery.charge),
        ("badger_battery_discharging", "1 while a battery is being discharged.", |battery| {
            battery.status.as_ref().map(|status| f64::from(u8::from(status == "Discharging")))
        }),
        ("badger_battery_temperature_celsius", "Temperature of a battery.", |battery| battery.celsius),
        (
            "badger_battery_current_amperes",
            "Current of a battery; which way is positive depends on its driver.",
            |battery| battery.amperes,
        ),
        ("badger_battery_voltage_volts", "Voltage of a battery.", |battery| battery.volts),
    ];
    let Device { batteries, zones } = &facts.device;
    for (name, help, value) in metrics {
        if batteries.iter().all(|battery| value(battery).is_none()) {
            continue;
        }
        page.metric(name, "gauge", help);
        for battery in batteries {
            page.series(name, &[("battery", &battery.name)], value(battery));
        }
    }
    if !zones.is_empty() {
        let name = "badger_temperature_celsius";
        page.metric(name, "gauge", "Temperature of a thermal zone, by its number and by what it is.");
        for zone in zones {
            let labels = [("zone", &zone.number.to_string()[..]), ("type", &zone.kind)];
            page.series(name, &labels, Some(zone.celsius));
        }
    }
}
