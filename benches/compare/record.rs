//! Pure: what a run of the benchmark has found, as values and as JSON. Tables, pictures and the README's table are drawn from
//! it, so a committed record can be drawn again.

use serde_json::{Map, Value};

/// To JSON and back.
pub(crate) trait Json: Sized {
    fn to_json(&self) -> Value;
    /// # Errors
    /// What is missing or of another kind.
    fn from_json(value: &Value) -> Result<Self, String>;
}

macro_rules! plain {
    ($($(#[$note:meta])* $name:ident { $($(#[$field_note:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$note])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct $name {
            $($(#[$field_note])* pub(crate) $field: $kind,)*
        }

        impl Json for $name {
            fn to_json(&self) -> Value {
                let mut map = Map::new();
                $(map.insert(stringify!($field).to_owned(), self.$field.to_json());)*
                Value::Object(map)
            }

            fn from_json(value: &Value) -> Result<$name, String> {
                Ok($name {
                    $($field: value
                        .get(stringify!($field))
                        .ok_or_else(|| "is missing".to_owned())
                        .and_then(Json::from_json)
                        .map_err(|error| format!("{}.{}: {error}", stringify!($name), stringify!($field)))?,)*
                })
            }
        }
    )*};
}

plain! {
    /// One run of the benchmark.
    Record {
        /// `2026-11-22`.
        date: String,
        machine: String,
        processor: String,
        cores: u64,
        kernel: String,
        /// Congestion control, and where it holds.
        network: String,
        /// Load average of five minutes, when it began.
        load: String,
        rounds: u64,
        seconds: f64,
        /// What repeats it.
        command: String,
        servers: Vec<Server>,
        rows: Vec<Row>,
        idle: Vec<Idle>,
        cold: Vec<Cold>,
        wrk: Vec<Wrk>,
        /// What was left out, and why.
        notes: Vec<String>,
    }

    Server {
        name: String,
        version: String,
        /// How it is configured, in words or in its own language.
        settings: String,
        /// The backend that `auto` takes.
        is_chosen: bool,
        /// Resident memory after all rows, without the pages of files: bytes.
        own_bytes: f64,
        /// With them.
        resident_bytes: f64,
    }

    Row {
        name: String,
        /// What the cost is of: a request, a session.
        unit: String,
        connections: u64,
        series: Vec<Series>,
        gates: Vec<Gate>,
    }

    /// The runs of one server, by round.
    Series {
        server: String,
        /// Processor time of the server for one unit.
        cpu_micros: Vec<f64>,
        per_second: Vec<f64>,
        p50_micros: Vec<f64>,
        p99_micros: Vec<f64>,
        p999_micros: Vec<f64>,
        /// Processor time of the client for one unit.
        client_micros: Vec<f64>,
        /// Part of the time that the server ran.
        busy: Vec<f64>,
    }

    /// `subject` may cost at most so many times as much as `other`.
    Gate {
        subject: String,
        other: String,
        at_most: f64,
    }

    /// Memory with idle connections.
    Idle {
        server: String,
        few: u64,
        few_bytes: f64,
        many: u64,
        many_bytes: f64,
        /// Zero: none.
        at_most: f64,
    }

    /// A slow disk, by round.
    Cold {
        server: String,
        is_chosen: bool,
        alone_p99_micros: Vec<f64>,
        beside_p99_micros: Vec<f64>,
        beside_p999_micros: Vec<f64>,
        beside_worst_micros: Vec<f64>,
        cold_answers: Vec<f64>,
    }

    /// What wrk says beside the client of this benchmark.
    Wrk {
        row: String,
        server: String,
        wrk_per_second: f64,
        wrk_cpu_micros: f64,
        own_per_second: f64,
        own_cpu_micros: f64,
    }
}

impl Json for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }

    fn from_json(value: &Value) -> Result<String, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("a text was expected: {value}"))
    }
}

impl Json for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_json(value: &Value) -> Result<bool, String> {
        value.as_bool().ok_or_else(|| format!("true or false was expected: {value}"))
    }
}

impl Json for u64 {
    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn from_json(value: &Value) -> Result<u64, String> {
        value.as_u64().ok_or_else(|| format!("a whole number was expected: {value}"))
    }
}

impl Json for f64 {
    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn from_json(value: &Value) -> Result<f64, String> {
        value.as_f64().ok_or_else(|| format!("a number was expected: {value}"))
    }
}

impl<T: Json> Json for Vec<T> {
    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(Json::to_json).collect())
    }

    fn from_json(value: &Value) -> Result<Vec<T>, String> {
        let items = value.as_array().ok_or_else(|| format!("a list was expected: {value}"))?;
        items.iter().map(Json::from_json).collect()
    }
}

impl Record {
    pub(crate) fn write(&self) -> String {
        let mut text = String::new();
        write_value(&self.to_json(), 0, &mut text);
        text.push('\n');
        text
    }

    /// # Errors
    /// Where the text is no record.
    pub(crate) fn read(text: &str) -> Result<Record, String> {
        Record::from_json(&serde_json::from_str(text).map_err(|error| error.to_string())?)
    }

    pub(crate) fn chosen(&self) -> Option<&Server> {
        self.servers.iter().find(|server| server.is_chosen)
    }

    /// The file's name, without what follows its dot.
    pub(crate) fn stem(&self) -> String {
        format!("{}-{}", self.date, self.machine)
    }
}

impl Row {
    pub(crate) fn series(&self, server: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.server == server)
    }
}

/// Four digits: what is behind them is noise.
pub(crate) fn rounded(number: f64) -> f64 {
    if number.is_finite() { format!("{number:.3e}").parse().unwrap_or(number) } else { 0.0 }
}

/// Indented, with a list of numbers on one line.
fn write_value(value: &Value, depth: usize, text: &mut String) {
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&" ".repeat(depth));
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('{');
            for (number, (name, value)) in map.iter().enumerate() {
                text.push_str(if number == 0 { "" } else { "," });
                line(text, depth + 1);
                text.push_str(&format!("{}: ", Value::from(name.as_str())));
                write_value(value, depth + 1, text);
            }
            line(text, depth);
            text.push('}');
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_string()) => {
            text.push('[');
            for (number, item) in items.iter().enumerate() {
                text.push_str(if number == 0 { "" } else { "," });
                line(text, depth + 1);
                write_value(item, depth + 1, text);
            }
            line(text, depth);
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}
