//! An object of JSON, taken apart field by field, so that an error names the field: `rows[3].titles[0].match_score`.
//!
//! A field that is null counts as missing. Which fields there are is what the reader asked for: the rest is refused.

use super::error::GalleryError;
use super::strict;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Longest text of the input that a message repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// An object while its fields are taken.
pub(crate) struct Object {
    /// What stands before the names of its fields: nothing, or `sprite.`.
    prefix: String,
    fields: Map<String, Value>,
    asked: Vec<&'static str>,
}

/// A value that may be missing, and its name for messages.
pub(crate) struct Field {
    path: String,
    value: Option<Value>,
}

impl Object {
    /// Reads a line.
    ///
    /// # Errors
    /// It is no JSON, no object, or has a field twice.
    pub(crate) fn parse(line: &[u8]) -> Result<Object, GalleryError> {
        let fields = strict::fields(line).map_err(|error| syntax_error(&error))?;
        Ok(Object { prefix: String::new(), fields: fields.into_iter().collect(), asked: Vec::new() })
    }

    pub(crate) fn take(&mut self, name: &'static str) -> Field {
        self.asked.push(name);
        let value = self.fields.remove(name).filter(|value| !value.is_null());
        Field { path: format!("{}{name}", self.prefix), value }
    }

    /// Refuses fields that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), GalleryError> {
        let Some((name, _)) = self.fields.iter().next() else { return Ok(()) };
        let name = format!("{}{name}", self.prefix);
        let remedy = format!("the fields are {}", self.asked.join(", "));
        Err(GalleryError::new(format!("unknown field {name:?}"), remedy))
    }
}

/// Numbers of a type that a record has, for [`Field::number`].
pub(crate) trait Number: TryFrom<u64> + Copy + Into<u64> {}
impl<N: TryFrom<u64> + Copy + Into<u64>> Number for N {}

impl Field {
    /// It must be there.
    pub(crate) fn required(self) -> Result<Field, GalleryError> {
        match self.value {
            Some(_) => Ok(self),
            None => Err(GalleryError::new(
                format!("field {:?} is missing", self.path),
                "give it a value; docs/gallery.schema.json describes it",
            )),
        }
    }

    /// A text of so many characters; missing is empty.
    pub(crate) fn text(self, characters: RangeInclusive<usize>) -> Result<String, GalleryError> {
        let Some(value) = self.value else { return Ok(String::new()) };
        let (least, most) = (characters.start(), characters.end());
        let expected = format!("a string of {least} to {most} characters");
        let Value::String(text) = value else { return Err(wrong(&self.path, &expected, &value)) };
        let count = text.chars().count();
        if characters.contains(&count) {
            return Ok(text);
        }
        Err(wrong_text(&self.path, &expected, format_args!("{count} characters")))
    }

    /// A whole number of a range.
    pub(crate) fn number<N: Number>(self, range: RangeInclusive<N>) -> Result<Option<N>, GalleryError> {
        let Some(value) = self.value else { return Ok(None) };
        let (least, most): (u64, u64) = ((*range.start()).into(), (*range.end()).into());
        let number = whole(&value).filter(|number| (least..=most).contains(number));
        match number.and_then(|number| N::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(&self.path, &format!("a whole number from {least} to {most}"), &value)),
        }
    }

    /// As [`Field::number`]; missing is 0.
    pub(crate) fn number_or_zero<N: Number + Default>(self, range: RangeInclusive<N>) -> Result<N, GalleryError> {
        Ok(self.number(range)?.unwrap_or_default())
    }

    /// A number, whole or not; missing is 0.
    pub(crate) fn amount(self, most: u32) -> Result<f64, GalleryError> {
        let Some(value) = self.value else { return Ok(0.0) };
        let amount = value.as_f64().filter(|amount| (0.0..=f64::from(most)).contains(amount));
        amount.ok_or_else(|| wrong(&self.path, &format!("a number from 0 to {most}"), &value))
    }

    /// Missing is false.
    pub(crate) fn boolean(self) -> Result<bool, GalleryError> {
        let Some(value) = self.value else { return Ok(false) };
        value.as_bool().ok_or_else(|| wrong(&self.path, "true or false", &value))
    }

    /// One of some words; the number behind it.
    pub(crate) fn choice<T: Copy>(self, choices: &[(&str, T)]) -> Result<Option<T>, GalleryError> {
        let Some(value) = self.value else { return Ok(None) };
        let chosen = choices.iter().find(|choice| value.as_str() == Some(choice.0));
        let words = || choices.iter().map(|choice| format!("{:?}", choice.0)).collect::<Vec<_>>().join(", ");
        chosen.map(|choice| Some(choice.1)).ok_or_else(|| wrong(&self.path, &format!("one of {}", words()), &value))
    }

    /// The items of a list of so many; missing is empty.
    pub(crate) fn list(self, items: RangeInclusive<usize>) -> Result<Vec<Field>, GalleryError> {
        let Some(value) = self.value else { return Ok(Vec::new()) };
        let expected = format!("a list of {} to {} items", items.start(), items.end());
        let Value::Array(list) = value else { return Err(wrong(&self.path, &expected, &value)) };
        if !items.contains(&list.len()) {
            return Err(wrong_text(&self.path, &expected, format_args!("{} items", list.len())));
        }
        let item = |(index, value)| Field { path: format!("{}[{index}]", self.path), value: Some(value) };
        Ok(list.into_iter().enumerate().map(item).collect())
    }

    /// The object that it is.
    pub(crate) fn object(self) -> Result<Option<Object>, GalleryError> {
        match self.value {
            None => Ok(None),
            Some(Value::Object(fields)) => {
                Ok(Some(Object { prefix: format!("{}.", self.path), fields, asked: Vec::new() }))
            }
            Some(value) => Err(wrong(&self.path, "an object", &value)),
        }
    }

    /// The object that an item of a list is.
    pub(crate) fn item_object(self) -> Result<Object, GalleryError> {
        let path = self.path.clone();
        self.object()?.ok_or_else(|| wrong(&path, "an object", &Value::Null))
    }

    pub(crate) fn is_there(&self) -> bool {
        self.value.is_some()
    }

    pub(crate) fn is_empty_text(&self) -> bool {
        self.value.as_ref().and_then(Value::as_str) == Some("")
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.value, Some(Value::Object(_)))
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

/// A complaint about a field that only its reader can make.
pub(crate) fn complaint(path: &str, what: impl Display, remedy: impl Into<String>) -> GalleryError {
    GalleryError::new(format!("field {path:?}: {what}"), remedy)
}

/// A number without a fraction; JSON Schema calls 5.0 an integer too.
fn whole(value: &Value) -> Option<u64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let of_float = || value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(number));
    value.as_u64().or_else(|| of_float().map(|number| number as u64))
}

fn wrong(path: &str, expected: &str, found: &Value) -> GalleryError {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
            if shown.len() < text.len() {
                shown.push_str("...");
            }
            format!("the string {shown:?}")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    wrong_text(path, expected, found)
}

fn wrong_text(path: &str, expected: &str, found: impl Display) -> GalleryError {
    complaint(
        path,
        format_args!("expected {expected}, found {found}"),
        "change the value, or leave the field out if it is not required; docs/gallery.schema.json describes it",
    )
}

/// serde_json counts lines within what it was given, which is one line here: only the column is kept.
fn syntax_error(error: &serde_json::Error) -> GalleryError {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    match error.classify() {
        serde_json::error::Category::Data if what.contains("twice") => {
            GalleryError::new(what, "a field has one value: leave one of them")
        }
        serde_json::error::Category::Data => GalleryError::new(what, "each line is one JSON object"),
        _ => GalleryError::new(
            format!("column {}: not JSON: {what}", error.column()),
            "each line is one whole JSON object, in UTF-8",
        ),
    }
}
