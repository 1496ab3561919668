//! One JSON value on its way into a wire shape: a serde deserializer that knows where it is, names
//! what it finds wrong, and can be told what to leave out.
//!
//! serde gives up at the first error. So that all of them are found, [`read`] notes the error,
//! makes the place a *hole* (it reads as the emptiest value there is) and reads again.

mod access;
mod read_error;

use super::error::Findings;
use super::path;
use super::problem::Problem;
use super::suggest;
use access::{Choice, Items, Members};
use read_error::ReadError;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// After so many errors the rest is not looked for.
const MAX_ERRORS: usize = 100;

/// Reads the shape, adding all that is wrong to the findings. What comes back then has holes.
pub(super) fn read<T: for<'de> Deserialize<'de>>(
    value: &Value,
    findings: &mut Findings,
) -> Option<T> {
    let mut notes = Notes::default();
    for _ in 0..MAX_ERRORS {
        let root = Some(value).filter(|_| !notes.holes.contains(""));
        match T::deserialize(Node {
            value: root,
            path: String::new(),
            notes: &notes,
        }) {
            Ok(shape) => return Some(shape),
            Err(error) => notes.take(error, findings),
        }
    }
    None
}

/// What the next reading passes over.
#[derive(Default)]
struct Notes {
    unknown: BTreeSet<String>,
    holes: BTreeSet<String>,
}

impl Notes {
    fn take(&mut self, error: ReadError, findings: &mut Findings) {
        let (at, problem) = error.into_parts();
        if matches!(problem, Problem::UnknownField { .. }) {
            findings.add(at.clone(), problem);
            self.unknown.insert(at);
        } else if self.holes.insert(at.clone()) {
            findings.lose(at, problem);
        } else {
            // The shape has no emptiest value there: give up what holds it.
            self.holes.insert(path::parent(&at).to_owned());
        }
    }
}

struct Node<'a> {
    /// `None` is a hole.
    value: Option<&'a Value>,
    path: String,
    notes: &'a Notes,
}

impl<'a> Node<'a> {
    fn member(&self, name: &str, value: Option<&'a Value>) -> Self {
        self.inner(path::member(&self.path, name), value)
    }

    fn inner(&self, path: String, value: Option<&'a Value>) -> Self {
        let value = value.filter(|_| !self.notes.holes.contains(&path));
        Self {
            value,
            path,
            notes: self.notes,
        }
    }

    fn wrong_type(&self, expected: &'static str) -> ReadError {
        let found = match self.value {
            None | Some(Value::Null) => "empty (null)",
            Some(Value::Bool(_)) => "true or false",
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a text",
            Some(Value::Array(_)) => "a list",
            Some(Value::Object(_)) => "an object",
        };
        self.error(Problem::WrongType { expected, found })
    }

    fn error(&self, problem: Problem) -> ReadError {
        ReadError::new(problem).at(&self.path)
    }

    fn items<V: Visitor<'a>>(&self, items: &'a [Value], visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_seq(Items::new(self, items))
    }

    fn members<V: Visitor<'a>>(
        &self,
        members: Vec<(&'a str, Option<&'a Value>)>,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor
            .visit_map(Members::new(self, members))
            .map_err(|error| error.at(&self.path))
    }

    /// The members that are there and known, and the known ones that are holes.
    fn fields(
        &self,
        object: &'a Map<String, Value>,
        known: &'static [&'static str],
    ) -> Vec<(&'a str, Option<&'a Value>)> {
        let at = |name: &str| path::member(&self.path, name);
        let given = object
            .iter()
            .map(|(name, value)| (name.as_str(), Some(value)));
        let holes = known.iter().map(|name| (*name, None));
        given
            .filter(|(name, _)| !self.notes.unknown.contains(&at(name)))
            .chain(holes.filter(|(name, _)| {
                !object.contains_key(*name) && self.notes.holes.contains(&at(name))
            }))
            .collect()
    }

    /// Whether a secret may stand here, so that no message may quote it.
    fn may_be_secret(&self) -> bool {
        self.path
            .split('.')
            .any(|part| matches!(part, "auth" | "client_secret" | "value"))
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None | Some(Value::Null) => visitor.visit_unit(),
            Some(Value::Bool(flag)) => visitor.visit_bool(*flag),
            Some(Value::Number(number)) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => visitor.visit_u64(whole),
                (None, Some(negative)) => visitor.visit_i64(negative),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Some(Value::String(text)) => visitor.visit_str(text),
            Some(Value::Array(items)) => self.items(items, visitor),
            Some(Value::Object(_)) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None => visitor.visit_bool(false),
            Some(Value::Bool(flag)) => visitor.visit_bool(*flag),
            Some(_) => Err(self.wrong_type("true or false")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None => visitor.visit_u64(0),
            Some(value) => match value.as_u64() {
                Some(number) => visitor.visit_u64(number),
                None if value.is_number() => Err(self.error(Problem::WrongType {
                    expected: "a whole number from 0",
                    found: "negative, broken or too large",
                })),
                None => Err(self.wrong_type("a whole number")),
            },
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None => visitor.visit_str(""),
            Some(Value::String(text)) => visitor
                .visit_str(text)
                .map_err(|error: ReadError| error.at(&self.path)),
            Some(_) => Err(self.wrong_type("a text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    /// `null` is no way to leave a field out: an emptied list must not pass for a missing one.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None => visitor.visit_none(),
            Some(Value::Null) => Err(self.wrong_type("filled in or removed")),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None => self.items(&[], visitor),
            Some(Value::Array(items)) => self.items(items, visitor),
            Some(_) => Err(self.wrong_type("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None => self.members(Vec::new(), visitor),
            Some(Value::Object(object)) => self.members(self.fields(object, &[]), visitor),
            Some(_) => Err(self.wrong_type("an object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.value {
            None => self.members(fields.iter().map(|name| (*name, None)).collect(), visitor),
            Some(Value::Object(object)) => self.members(self.fields(object, fields), visitor),
            Some(_) => Err(self.wrong_type("an object")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let (found, content) = match self.value {
            None => (variants.first().copied().unwrap_or_default(), Some(None)),
            Some(Value::String(text)) => (text.as_str(), None),
            Some(Value::Object(members)) => match (members.iter().next(), members.len()) {
                (Some((name, content)), 1) => (name.as_str(), Some(Some(content))),
                (_, found) => {
                    return Err(self.error(Problem::NotOneChoice {
                        found,
                        expected: variants,
                    }));
                }
            },
            Some(_) => return Err(self.wrong_type("a text or an object")),
        };
        let Some(choice) = variants.iter().copied().find(|known| *known == found) else {
            let shown = (!self.may_be_secret()).then(|| found.to_owned());
            return Err(self.error(Problem::UnknownChoice {
                found: shown,
                expected: variants,
                suggestion: suggest::nearest(found, variants.iter().copied()),
            }));
        };
        visitor.visit_enum(Choice::new(self, choice, content))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier
    }
}
