//! The facts as JSON. What each field means: `docs/admin.md`. Fields are added, and none changes its meaning.
#![forbid(unsafe_code)]

use super::facts::Facts;
use super::json::Json;
use crate::route::Kind;
use crate::server::latency::BOUNDS;

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// What answers, in one word.
pub(super) fn kind(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Handler) => "handler",
        Some(Kind::Pack) => "pack",
        Some(Kind::Directory) => "directory",
        None => "none",
    }
}

/// A status as a label.
pub(super) fn status(status: Option<u16>) -> String {
    status.map_or_else(|| "other".to_owned(), |status| status.to_string())
}

pub(super) fn write(facts: &Facts) -> String {
    let mut json = Json::default();
    json.object(|json| {
        json.text("version", env!("CARGO_PKG_VERSION"));
        json.number("now", facts.now);
        json.number("started", facts.started);
        json.text("state", if facts.is_draining { "draining" } else { "serving" });
        json.text("backend", facts.backend);
        json.whole("generation", facts.generation);
        json.list("workers", |json| {
            for (number, worker) in facts.workers.iter().enumerate() {
                json.object(|json| {
                    json.whole("number", number as u64);
                    json.whole("connections_open", worker.stats.connections_open);
                    json.whole("responses", worker.stats.responses);
                    json.whole("bytes_sent", worker.stats.bytes_sent);
                    json.number("cpu_seconds", worker.cpu_nanos.map(seconds));
                    json.number("busy_seconds", seconds(worker.busy_nanos));
                });
            }
        });
        json.named_object("totals", |json| {
            facts.totals.named().into_iter().for_each(|(name, count)| json.whole(name, count));
        });
        json.named_object("connections", |json| {
            json.whole("reading", facts.connections.reading);
            json.whole("waiting", facts.connections.waiting);
            json.whole("sending", facts.connections.sending);
            json.whole("idle", facts.connections.idle);
            json.whole("lingering", facts.connections.lingering);
        });
        json.list("routes", |json| {
            facts.routes.iter().for_each(|route| {
                json.object(|json| {
                    json.text("route", &route.name.label);
                    json.text("kind", kind(route.name.kind));
                    json.named_object("responses", |json| {
                        route.responses.iter().for_each(|(code, count)| json.whole(&status(*code), *count));
                    });
                    json.whole("bytes", route.bytes);
                });
            })
        });
        json.named_object("latency", |json| {
            json.list("bounds", |json| BOUNDS.iter().for_each(|&bound| json.element(Some(seconds(bound)))));
            json.list("counts", |json| {
                facts.latency.counts.iter().for_each(|&count| json.element(Some(count as f64)));
            });
            json.number("sum", seconds(facts.latency.sum_nanos));
            json.whole("count", facts.latency.count());
        });
        json.list("hottest", |json| {
            facts.hottest.iter().for_each(|(path, share)| {
                json.object(|json| {
                    json.text("path", path);
                    json.number("share", *share);
                });
            })
        });
        json.list("packs", |json| {
            facts.packs.iter().for_each(|pack| {
                json.object(|json| {
                    json.text("mount", &pack.mount);
                    json.text("kind", kind(Some(pack.kind)));
                    json.text("source", pack.source.as_deref().unwrap_or("memory"));
                    json.whole("generation", pack.sequence);
                    json.number("made", pack.made.map(|made| made as f64));
                    json.whole("keys", pack.keys);
                    json.whole("bytes", pack.bytes);
                    json.whole("resident_bytes", pack.resident_bytes);
                });
            })
        });
        json.named_object("process", |json| {
            json.number("cpu_seconds", facts.usage.cpu_nanos.map(seconds));
            json.whole("resident_bytes", facts.usage.resident_bytes);
            json.whole("open_files", facts.usage.open_files);
            json.whole("threads", facts.usage.threads);
        });
        json.named_object("device", |json| {
            json.list("batteries", |json| {
                facts.device.batteries.iter().for_each(|battery| {
                    json.object(|json| {
                        json.text("name", &battery.name);
                        json.optional_text("status", battery.status.as_deref());
                        json.number("charge", battery.charge);
                        json.number("celsius", battery.celsius);
                        json.number("amperes", battery.amperes);
                        json.number("volts", battery.volts);
                    });
                })
            });
            json.list("temperatures", |json| {
                facts.device.zones.iter().for_each(|zone| {
                    json.object(|json| {
                        json.whole("zone", zone.number as u64);
                        json.text("type", &zone.kind);
                        json.number("celsius", zone.celsius);
                    });
                })
            });
        });
        json.named_object("polling", |json| {
            json.whole("requests", facts.polling.requests);
            json.number("cpu_seconds", facts.polling.cpu_nanos.map(seconds));
            json.whole("bytes", facts.polling.bytes);
        });
    });
    json.finish()
}
