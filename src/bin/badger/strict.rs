//! One line of JSON, strictly: an object whose fields, and those of every object in it, each occur once. By itself, serde_json
//! keeps the last of two.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The fields of the object that `line` is, in their order.
///
/// # Errors
/// What is no JSON, no object, or there twice. Lines are counted within `line`.
pub(crate) fn fields(line: &[u8]) -> Result<Vec<(String, Value)>, serde_json::Error> {
    serde_json::from_slice(line).map(|fields: Fields| fields.0)
}

/// The fields of an object in their order, each at most once.
struct Fields(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with named fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, Value)> = Vec::with_capacity(4);
                while let Some((name, Strict { value, twice })) = map.next_entry::<String, Strict>()? {
                    if let Some(twice) = twice {
                        return Err(serde::de::Error::custom(format!("field {name:?}: {twice:?} is there twice")));
                    }
                    if fields.iter().any(|field| field.0 == name) {
                        return Err(serde::de::Error::custom(format!("field {name:?} is there twice")));
                    }
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A value, and a name that an object in it has twice: by itself, [`Value`] keeps the last of them.
struct Strict {
    value: Value,
    twice: Option<String>,
}

impl From<Value> for Strict {
    fn from(value: Value) -> Strict {
        Strict { value, twice: None }
    }
}

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Value::Null.into())
            }

            fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
                Ok(Value::from(value).into())
            }

            fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
                Ok(Value::from(value).into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
                Ok(Value::from(value).into())
            }

            fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
                Ok(Value::from(value).into())
            }

            fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
                Ok(Value::from(value).into())
            }

            fn visit_string<E>(self, value: String) -> Result<Strict, E> {
                Ok(Value::from(value).into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Strict, A::Error> {
                let (mut values, mut found) = (Vec::new(), None);
                while let Some(Strict { value, twice }) = list.next_element()? {
                    found = found.or(twice);
                    values.push(value);
                }
                Ok(Strict { value: values.into(), twice: found })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
                let (mut values, mut found) = (serde_json::Map::new(), None);
                while let Some((name, Strict { value, twice })) = map.next_entry::<String, Strict>()? {
                    found = found.or(twice);
                    if values.contains_key(&name) {
                        found.get_or_insert(name);
                    } else {
                        values.insert(name, value);
                    }
                }
                Ok(Strict { value: values.into(), twice: found })
            }
        }
        deserializer.deserialize_any(Collect)
    }
}
