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
    /// Reads a member, which is required unless its type is an `Option`.
    pub(in crate::config) fn member<T: Shape>(&mut self, name: &str) -> T {
        self.read(name, !T::IS_OPTION)
    }

    pub(in crate::config) fn member_or_empty<T: Shape>(&mut self, name: &str) -> T {
        self.read(name, false)
    }

    fn read<T: Shape>(&mut self, name: &str, is_required: bool) -> T {
        match self.find(name, is_required) {
            Some(node) => node.or_empty(),
            None => T::empty(),
        }
    }

    #[inline(never)]
    fn find(&mut self, name: &str, is_required: bool) -> Option<Node<'_>> {
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

/// Declares an object: the struct, its parser and its schema. A field is `name: type`, or `name as "json name": type`;
/// it is required unless its type is an `Option` or it ends with `= default`. Comments and `schemars` attributes go to
/// the schema.
macro_rules! object {
    (
        $(#[$meta:meta])*
        struct $shape:ident {
            $($(#[$about:meta])* $field:ident $(as $name:literal)?: $type:ty $(= $default:ident)?,)*
        }
    ) => {
        $(#[$meta])*
        #[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
        #[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
        pub(in crate::config) struct $shape {
            $(
                $(#[cfg_attr(not(target_family = "wasm"), $about)])*
                $(#[cfg_attr(not(target_family = "wasm"), schemars(rename = $name))])?
                $(#[cfg_attr(not(target_family = "wasm"), schemars($default))])?
                pub $field: $type,
            )*
        }

        impl $crate::config::node::Shape for $shape {
            fn read(node: $crate::config::node::Node<'_>) -> Option<Self> {
                let mut object = node.object(&[$(object!(@name $field $($name)?),)*])?;
                Some(Self {
                    $($field: object!(@read object, object!(@name $field $($name)?) $(, $default)?),)*
                })
            }

            fn empty() -> Self {
                Self { $($field: $crate::config::node::Shape::empty(),)* }
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@read $object:ident, $name:expr) => { $object.member($name) };
    (@read $object:ident, $name:expr, default) => { $object.member_or_empty($name) };
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

#[cfg(not(target_family = "wasm"))]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        std::collections::BTreeMap::<String, T>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        std::collections::BTreeMap::<String, T>::json_schema(generator)
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
