//! docs/gallery.schema.json and the reader agree: the examples of docs/gallery.md are changed in every way that the schema
//! speaks about, and the reader must refuse what it forbids and take what it allows.

use super::error::GalleryError;
use super::profile::ProfileLine;
use super::title::TitleLine;
use super::titles::Titles;
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("../../../../docs/gallery.schema.json");
const DOCUMENT: &str = include_str!("../../../../docs/gallery.md");

/// Fields whose bounds other fields or lines narrow: values at the bounds are not expected to be taken.
const NARROWED: [&str; 14] = [
    "uuid",
    "sprite.sheet",
    "sprite.x",
    "sprite.y",
    "sprite.width",
    "sprite.height",
    "sprite.columns",
    "sprite.rows",
    "rows",
    "rows[0].titles[0]",
    "rows[1].titles[0].id",
    "rows[0].id",
    "plays",
    "plays[0].title",
];

/// What patterns take and refuse: the end of a field's name, good texts, bad ones.
const PATTERNS: [(&str, &[&str], &[&str]); 5] = [
    (
        "uuid",
        &["", "01234567-89ab-cdef-0123-456789ABCDEF"],
        &[
            "0",
            "0123456789abcdef0123456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdeg",
            "0123456-789ab-cdef-0123-456789abcdef",
        ],
    ),
    ("path", PATHS_GOOD, PATHS_BAD),
    ("sheet", PATHS_GOOD, PATHS_BAD),
    ("avatar", &["", "a/b.png", "\u{e9}"], PATHS_BAD),
    (
        "id",
        &["a", "...", "Ада", "a b", "%41", "d\u{e9}fault", "\u{1f9a1}"],
        &["a/b", "/", ".", "..", "a\u{0}", "\u{7f}", "\u{9f}", "a\n"],
    ),
];
const PATHS_GOOD: &[&str] = &["a", "a/b.jpg", ".a/..b", "a b", "\u{e9}/\u{1f9a1}", "a?b"];
const PATHS_BAD: &[&str] = &["/a", "a/", "a//b", ".", "..", "./a", "a/../b", "a/..", "a\n", "a\u{7f}/b", "\u{80}", "/"];

/// The step from a value to one inside it.
#[derive(Clone, Debug)]
enum Step {
    Field(String),
    Item(usize),
}

type Reader<'a> = &'a dyn Fn(&Value) -> Result<(), GalleryError>;

/// A line that the reader takes, and how it is read.
struct Example<'a> {
    line: Value,
    read: Reader<'a>,
}

impl Example<'_> {
    /// The line with another value, or none, at a place.
    fn with(&self, at: &[Step], value: Option<Value>) -> Value {
        let mut line = self.line.clone();
        let (last, before) = at.split_last().expect("not the whole line");
        let mut place = &mut line;
        for step in before {
            place = match step {
                Step::Field(name) => &mut place[name.as_str()],
                Step::Item(index) => &mut place[*index],
            };
        }
        match (last, value) {
            (Step::Field(name), Some(value)) => place[name.as_str()] = value,
            (Step::Item(index), Some(value)) => place[*index] = value,
            (Step::Field(name), None) => _ = place.as_object_mut().expect("an object").remove(name),
            (Step::Item(_), None) => panic!("an item cannot be missing"),
        }
        line
    }

    #[track_caller]
    fn takes(&self, at: &[Step], value: Option<Value>) {
        let line = self.with(at, value.clone());
        if let Err(error) = (self.read)(&line) {
            panic!("{}: {} should be taken: {error}", name(at), shown(&value));
        }
    }

    /// Refused with a message that names the field, or one inside it.
    #[track_caller]
    fn refuses(&self, at: &[Step], value: Option<Value>) {
        let line = self.with(at, value.clone());
        let Err(error) = (self.read)(&line) else { panic!("{}: {} should be refused", name(at), shown(&value)) };
        let message = error.to_string();
        assert!(message.contains(&format!("field \"{}", name(at))), "{}: {}\n{message}", name(at), shown(&value));
        assert!(message.contains("; "), "no remedy: {message}");
    }

    /// Checks all that a schema says about the value at a place.
    fn check(&self, schema: &Value, value: &Value, at: &[Step]) {
        let name = name(at);
        assert!(schema["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}: no description");
        if let Some(choices) = schema["anyOf"].as_array() {
            let is_object = |schema: &&Value| schema["type"] == "object";
            let chosen = choices.iter().find(|schema| is_object(schema) == value.is_object()).expect("a choice");
            return self.check_one(chosen, value, at, choices);
        }
        self.check_one(schema, value, at, std::slice::from_ref(schema));
    }

    fn check_one(&self, schema: &Value, value: &Value, at: &[Step], choices: &[Value]) {
        assert!(choices.iter().any(|schema| allows_type(schema, value)), "{}: the example has another type", name(at));
        if !at.is_empty() {
            for sample in [json!(null), json!(true), json!(1), json!(0.5), json!("\u{1f9a1}"), json!([]), json!({})] {
                let is_allowed = choices.iter().any(|schema| allows_type(schema, &sample));
                match (is_allowed, &sample) {
                    (false, _) => self.refuses(at, Some(sample)),
                    (true, Value::Null) => self.takes(at, Some(sample)),
                    _ => {}
                }
            }
            self.check_bounds(schema, at);
        }
        if let Some(properties) = schema["properties"].as_object() {
            self.check_object(schema, properties, value, at);
        }
        if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
            assert!(!list.is_empty(), "{}: the example has an item", name(at));
            for (index, item) in list.iter().enumerate() {
                self.check(items, item, &deeper(at, Step::Item(index)));
            }
        }
    }

    fn check_object(&self, schema: &Value, properties: &Map<String, Value>, value: &Value, at: &[Step]) {
        assert_eq!(schema["additionalProperties"], false, "{}", name(at));
        let surplus = deeper(at, Step::Field("surplus".to_owned()));
        let error = (self.read)(&self.with(&surplus, Some(json!(1)))).unwrap_err().to_string();
        let (_, listed) = error.split_once("; the fields are ").unwrap_or_else(|| panic!("{error}"));
        assert!(error.starts_with(&format!("unknown field {:?}; ", name(&surplus))), "{error}");
        let mut listed: Vec<&str> = listed.split(", ").collect();
        listed.sort_unstable();
        let mut documented: Vec<&str> = properties.keys().map(String::as_str).collect();
        documented.sort_unstable();
        assert_eq!(listed, documented, "{}: what the reader asks for, and what the schema describes", name(at));
        for (field, schema) in properties {
            let value = value.get(field).unwrap_or_else(|| panic!("{}: the example has no {field:?}", name(at)));
            self.check(schema, value, &deeper(at, Step::Field(field.clone())));
        }
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map_or(Vec::new(), |required| required.iter().map(|field| field.as_str().expect("a name")).collect());
        for field in value.as_object().expect("an object").keys() {
            let at = deeper(at, Step::Field(field.clone()));
            if required.contains(&field.as_str()) {
                self.refuses(&at, None);
            } else {
                self.takes(&at, None);
            }
        }
    }

    fn check_bounds(&self, schema: &Value, at: &[Step]) {
        let name = name(at);
        let takes = |value: Value| {
            if !NARROWED.contains(&name.as_str()) {
                self.takes(at, Some(value));
            }
        };
        for (bound, beyond) in [("minimum", -1.0), ("maximum", 1.0)] {
            if let Some(limit) = schema.get(bound) {
                let number = limit.as_f64().expect("a number");
                takes(limit.clone());
                takes(json!(number));
                self.refuses(at, Some(json!(number + beyond)));
                self.refuses(at, Some(json!((number + beyond) as i64)));
                if allows_type(schema, &json!(0.5)) {
                    self.refuses(at, Some(json!(number + beyond / 1024.0)));
                    takes(json!(number - beyond / 1024.0));
                }
            }
        }
        let has_pattern = schema.get("pattern").is_some();
        // A character of several bytes: what is counted are characters.
        let text = |count: u64| json!("\u{e9}".repeat(count as usize));
        if let Some(least) = schema["minLength"].as_u64() {
            takes(text(least));
            self.refuses(at, Some(text(least - 1)));
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            takes(text(most));
            self.refuses(at, Some(text(most + 1)));
        }
        if has_pattern {
            let field = name.rsplit('.').next().expect("a name");
            let (_, good, bad) = PATTERNS.iter().find(|row| row.0 == field).expect("a row in PATTERNS");
            good.iter().for_each(|text| self.takes(at, Some(json!(text))));
            bad.iter().for_each(|text| self.refuses(at, Some(json!(text))));
        }
        if let Some(words) = schema["enum"].as_array() {
            words.iter().for_each(|word| self.takes(at, Some(word.clone())));
            self.refuses(at, Some(json!("Film")));
            self.refuses(at, Some(json!("")));
        }
        let items = |count: u64| Value::Array(vec![place(&self.line, at)[0].clone(); count as usize]);
        if let Some(least) = schema["minItems"].as_u64() {
            takes(items(least));
            self.refuses(at, Some(items(least - 1)));
        }
        if let Some(most) = schema["maxItems"].as_u64() {
            takes(items(most));
            self.refuses(at, Some(items(most + 1)));
        }
    }
}

fn allows_type(schema: &Value, value: &Value) -> bool {
    if let Some(words) = schema["enum"].as_array() {
        return words.contains(value) || matches!(value, Value::String(_));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |allowed: &Value| allowed == kind || (kind == "integer" && allowed == "number");
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    }
}

fn place<'a>(line: &'a Value, at: &[Step]) -> &'a Value {
    at.iter().fold(line, |value, step| match step {
        Step::Field(name) => &value[name.as_str()],
        Step::Item(index) => &value[*index],
    })
}

fn deeper(at: &[Step], step: Step) -> Vec<Step> {
    [at, &[step]].concat()
}

/// A place as messages name it: `rows[0].titles[1].id`.
fn name(at: &[Step]) -> String {
    let mut name = String::new();
    for step in at {
        match step {
            Step::Field(field) if name.is_empty() => name.push_str(field),
            Step::Field(field) => name.push_str(&format!(".{field}")),
            Step::Item(index) => name.push_str(&format!("[{index}]")),
        }
    }
    name
}

fn shown(value: &Option<Value>) -> String {
    value.as_ref().map_or("nothing".to_owned(), |value| value.to_string().chars().take(80).collect())
}

/// The two examples of the document.
fn examples() -> (Value, Value) {
    let blocks: Vec<Value> = DOCUMENT
        .split("```json\n")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("```").next().expect("an end")).expect("JSON"))
        .collect();
    <[Value; 2]>::try_from(blocks).expect("two examples").into()
}

#[test]
fn titles_are_read_as_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let read = |line: &Value| TitleLine::parse(line.to_string().as_bytes()).map(drop);
    let example = Example { line: examples().0, read: &read };
    (example.read)(&example.line).unwrap();
    example.check(&schema["$defs"]["title"], &example.line, &[]);
}

#[test]
fn profiles_are_read_as_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut titles = Titles::default();
    titles.add(&TitleLine::parse(examples().0.to_string().as_bytes()).unwrap(), 1).unwrap();
    let read = |line: &Value| ProfileLine::parse(line.to_string().as_bytes(), &titles).map(drop);
    let example = Example { line: examples().1, read: &read };
    (example.read)(&example.line).unwrap();
    example.check(&schema["$defs"]["profile"], &example.line, &[]);
}
