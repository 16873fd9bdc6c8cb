//! Writes JSON (RFC 8259).
#![forbid(unsafe_code)]

use std::fmt::{Display, Write};

/// A text that grows by members and elements; commas come by themselves.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: String,
    /// What comes next is not the first of its object or list.
    needs_comma: bool,
}

impl Json {
    pub(super) fn finish(mut self) -> String {
        self.text.push('\n');
        self.text
    }

    fn begin_value(&mut self) {
        if std::mem::replace(&mut self.needs_comma, true) {
            self.text.push(',');
        }
    }

    /// `{ ... }`
    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Json)) {
        self.bracket('{', '}', fill);
    }

    fn bracket(&mut self, open: char, close: char, fill: impl FnOnce(&mut Json)) {
        self.begin_value();
        self.text.push(open);
        self.needs_comma = false;
        fill(self);
        self.text.push(close);
        self.needs_comma = true;
    }

    /// `"name": `, before a value.
    pub(super) fn name(&mut self, name: &str) -> &mut Json {
        self.begin_value();
        self.quote(name);
        self.text.push(':');
        self.needs_comma = false;
        self
    }

    /// `"name": { ... }`
    pub(super) fn named_object(&mut self, name: &str, fill: impl FnOnce(&mut Json)) {
        self.name(name).object(fill);
    }

    /// `"name": [ ... ]`
    pub(super) fn list(&mut self, name: &str, fill: impl FnOnce(&mut Json)) {
        self.name(name).bracket('[', ']', fill);
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name).begin_value();
        self.quote(text);
    }

    /// A text, or none.
    pub(super) fn optional_text(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.number(name, None),
        }
    }

    /// A whole number, or none.
    pub(super) fn whole(&mut self, name: &str, number: impl Into<Option<u64>>) {
        self.name(name).begin_value();
        match number.into() {
            Some(number) => self.display(number),
            None => self.text.push_str("null"),
        }
    }

    /// A number, or none.
    pub(super) fn number(&mut self, name: &str, number: impl Into<Option<f64>>) {
        self.name(name).element(number.into());
    }

    /// A number of a list.
    pub(super) fn element(&mut self, number: Option<f64>) {
        self.begin_value();
        match number.filter(|number| number.is_finite()) {
            // Rust writes all digits and never an exponent.
            Some(number) => self.display(number),
            None => self.text.push_str("null"),
        }
    }

    fn display(&mut self, value: impl Display) {
        // A String takes everything.
        let _ = write!(self.text, "{value}");
    }

    fn quote(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                // Control characters must be written so, and the others cannot end a script or a line by mistake.
                '\0'..='\x1f' | '\x7f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(self.text, "\\u{:04x}", character as u32);
                }
                character => self.text.push(character),
            }
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let strange = "\0\u{1}\t\r\n \"\\/<>&'\u{7f}\u{2028}ü💚\u{fffd}";
        let mut json = Json::default();
        json.object(|json| {
            json.text(strange, strange);
            json.whole("whole", u64::MAX);
            json.whole("none", None);
            json.number("number", 0.000_125);
            json.number("nan", f64::NAN);
            json.list("empty", |_| {});
            json.list("list", |json| {
                json.element(Some(1.0));
                json.object(|json| json.whole("a", 1));
                json.element(None);
            });
            json.named_object("object", |json| {
                json.whole("b", 2);
                json.named_object("c", |_| {});
            });
        });
        let read: serde_json::Value = serde_json::from_str(&json.finish()).unwrap();
        let wanted = serde_json::json!({
            strange: strange, "whole": u64::MAX, "none": null, "number": 0.000125, "nan": null, "empty": [],
            "list": [1.0, { "a": 1 }, null], "object": { "b": 2, "c": {} },
        });
        // 1 and 1.0 are one number of JSON, and two of the reader's.
        assert_eq!(read.to_string().replace("[1,", "[1.0,"), wanted.to_string());
    }
}
