//! Objects with known fields, and maps with arbitrary names.

use super::super::path;
use super::super::problem::Problem;
use super::super::suggest;
use super::{MAX_ERRORS, Node, Shape, lose};
use serde_json::{Map, Value};

/// An object with known fields.
pub(in crate::config) struct Object<'a> {
    node: Node<'a>,
    members: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    /// Reads the value as an object and adds an error for each unknown field.
    pub(in crate::config) fn object(self, known: &'static [&'static str]) -> Option<Object<'a>> {
        let Value::Object(members) = self.value else {
            return self.wrong_type("an object");
        };
        for name in members.keys() {
            if !known.contains(&name.as_str()) && self.findings.len() < MAX_ERRORS {
                let suggestion = suggest::nearest(name, known.iter().copied());
                let problem = Problem::UnknownField {
                    expected: known,
                    suggestion,
                };
                self.findings.add(path::member(&self.path, name), problem);
            }
        }
        Some(Object {
            node: self,
            members,
        })
    }
}

impl Object<'_> {
    pub(in crate::config) fn required<T: Shape>(&mut self, name: &str) -> T {
        match self.field(name, true) {
            Some(node) => node.or_empty(),
            None => T::empty(),
        }
    }

    pub(in crate::config) fn optional<T: Shape>(&mut self, name: &str) -> T {
        match self.field(name, false) {
            Some(node) => node.or_empty(),
            None => T::empty(),
        }
    }

    fn field(&mut self, name: &str, is_required: bool) -> Option<Node<'_>> {
        match self.members.get(name) {
            Some(value) => Some(self.node.member(name, value)),
            None => {
                if is_required {
                    let at = path::member(&self.node.path, name);
                    lose(self.node.findings, at, Problem::Missing);
                }
                None
            }
        }
    }
}

/// Defines how a struct is read: each field, whether it is required, and its name in JSON if different.
macro_rules! object {
    ($shape:ident { $($field:ident: $presence:ident $(= $name:literal)?),* $(,)? }) => {
        impl $crate::config::node::Shape for $shape {
            fn read(node: $crate::config::node::Node<'_>) -> Option<Self> {
                let mut object = node.object(&[$(object!(@name $field $($name)?),)*])?;
                Some(Self {
                    $($field: object.$presence(object!(@name $field $($name)?)),)*
                })
            }

            fn empty() -> Self {
                Self { $($field: $crate::config::node::Shape::empty(),)* }
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
}
pub(in crate::config) use object;

/// A map from arbitrary names to values, sorted by name.
#[derive(Debug)]
pub(in crate::config) struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Shape> Shape for Named<T> {
    fn read(mut node: Node<'_>) -> Option<Self> {
        let Value::Object(members) = node.value else {
            return node.wrong_type("an object");
        };
        let mut named: Vec<(String, T)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            named.push((name.clone(), node.member(name, value).or_empty()));
        }
        named.sort_by(|(name, _), (other, _)| name.cmp(other));
        Some(Self(named))
    }

    fn empty() -> Self {
        Self::default()
    }
}
