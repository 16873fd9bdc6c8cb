//! One table of the file, key by key: what has the wrong type, is missing or has no meaning is a complaint with its place.

use super::place::Complaints;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) type Value<'d> = Spanned<DeValue<'d>>;

/// A table and the keys that were asked for.
pub(crate) struct Table<'d> {
    entries: &'d DeTable<'d>,
    pub(crate) span: Range<usize>,
    /// What it is called in a complaint: `[[mount]]`.
    name: &'static str,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(crate) fn new(entries: &'d DeTable<'d>, span: Range<usize>, name: &'static str) -> Table<'d> {
        Table { entries, span, name, known: Vec::new() }
    }

    /// The table that a value is.
    pub(crate) fn of(value: &'d Value<'d>, name: &'static str, complaints: &mut Complaints) -> Option<Table<'d>> {
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table::new(entries, value.span(), name)),
            _ => {
                wrong_type(value, "a table", complaints);
                None
            }
        }
    }

    /// The value of a key, if it is there.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<&'d Value<'d>> {
        self.known.push(key);
        self.entries.iter().find(|(name, _)| *name.get_ref() == key).map(|(_, value)| value)
    }

    pub(crate) fn string(&mut self, key: &'static str, complaints: &mut Complaints) -> Option<(String, Range<usize>)> {
        let value = self.value(key)?;
        Some((string(value, complaints)?, value.span()))
    }

    /// A key that has to be there.
    pub(crate) fn required(
        &mut self,
        key: &'static str,
        complaints: &mut Complaints,
    ) -> Option<(String, Range<usize>)> {
        let found = self.string(key, complaints);
        if found.is_none() && !self.entries.iter().any(|(name, _)| *name.get_ref() == key) {
            // The header line of a table is where its key would be looked for.
            complaints.add(self.span.clone(), format!("{} has no {key}", self.name), format!("add {key} = \"...\""));
        }
        found
    }

    pub(crate) fn boolean(&mut self, key: &'static str, complaints: &mut Complaints) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(is_so) => Some(*is_so),
            _ => {
                wrong_type(value, "true or false", complaints);
                None
            }
        }
    }

    pub(crate) fn number(&mut self, key: &'static str, complaints: &mut Complaints) -> Option<(u32, Range<usize>)> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            wrong_type(value, "a whole number from 0 to 4294967295", complaints);
        }
        Some((number?, value.span()))
    }

    /// One text or a list of them.
    pub(crate) fn strings(&mut self, key: &'static str, complaints: &mut Complaints) -> Vec<(String, Range<usize>)> {
        self.value(key).map(|value| strings(value, complaints)).unwrap_or_default()
    }

    /// Complains of every key that nobody asked for.
    pub(crate) fn finish(self, complaints: &mut Complaints) {
        for (key, _) in self.entries {
            let name = key.get_ref();
            if !self.known.iter().any(|known| name == known) {
                let what = format!("{} has no key {name:?}", self.name);
                complaints.add(key.span(), what, nearest(name, self.known.iter().copied()));
            }
        }
    }
}

/// What to write in place of a name that there is not.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    let close = known.clone().map(|known| (distance(name, known), known)).min();
    match close {
        Some((steps, known)) if steps <= 2.min(known.len() / 2) => format!("did you mean {known}?"),
        _ => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// Letters to be put in, left out or changed until one word is the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, from) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for (place, to) in other.chars().enumerate() {
            let change = before + usize::from(from != to);
            before = row[place + 1];
            row[place + 1] = change.min(before + 1).min(row[place] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

pub(crate) fn wrong_type(value: &Value<'_>, wanted: &str, complaints: &mut Complaints) {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    complaints.add(value.span(), format!("this is {found}"), format!("write {wanted}"));
}

pub(crate) fn string(value: &Value<'_>, complaints: &mut Complaints) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => {
            wrong_type(value, "a text in quotes", complaints);
            None
        }
    }
}

pub(crate) fn strings(value: &Value<'_>, complaints: &mut Complaints) -> Vec<(String, Range<usize>)> {
    let one = |value: &Value<'_>, complaints: &mut Complaints| Some((string(value, complaints)?, value.span()));
    match value.get_ref() {
        DeValue::Array(values) => values.iter().filter_map(|value| one(value, complaints)).collect(),
        _ => one(value, complaints).into_iter().collect(),
    }
}

/// The tables of `[[name]]`, or of a list of tables.
pub(crate) fn tables<'d>(
    value: Option<&'d Value<'d>>,
    name: &'static str,
    complaints: &mut Complaints,
) -> Vec<Table<'d>> {
    match value.map(|value| (value, value.get_ref())) {
        None => Vec::new(),
        Some((_, DeValue::Array(values))) => {
            values.iter().filter_map(|value| Table::of(value, name, complaints)).collect()
        }
        Some((value, _)) => {
            complaints.add(
                value.span(),
                format!("{name} may be there several times"),
                format!("write {name}, with two brackets"),
            );
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_near() {
        let known = ["workers", "listen", "idle_time"];
        for (name, expected) in [
            ("worker", "did you mean workers?"),
            ("lisetn", "did you mean listen?"),
            ("idle-time", "did you mean idle_time?"),
            ("threads", "there are: workers, listen, idle_time"),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
        assert_eq!(distance("", "abc") + distance("abc", "") + distance("ab", "ab"), 6);
    }
}
