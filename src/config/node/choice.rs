//! Choices: a string, or an object with one member whose name is the choice.

use super::super::problem::Problem;
use super::super::suggest;
use super::{Node, Shape};
use serde_json::Value;

/// The name of the choice, and its value.
pub(in crate::config) struct Choice<'a> {
    node: Node<'a>,
    name: &'static str,
    content: Option<&'a Value>,
}

impl<'a> Node<'a> {
    /// Reads the value as one of the known choices.
    pub(in crate::config) fn choice(self, known: &'static [&'static str]) -> Option<Choice<'a>> {
        let (found, content) = match self.value {
            Value::String(text) => (text.as_str(), None),
            Value::Object(members) => match (members.iter().next(), members.len()) {
                (Some((name, content)), 1) => (name.as_str(), Some(content)),
                (_, found) => {
                    return self.refuse(Problem::NotOneChoice {
                        found,
                        expected: known,
                    });
                }
            },
            _ => return self.wrong_type("a string or an object"),
        };
        let Some(name) = known.iter().copied().find(|name| *name == found) else {
            let shown = (!self.may_be_secret()).then(|| found.to_owned());
            let suggestion = suggest::nearest(found, known.iter().copied());
            return self.refuse(Problem::UnknownChoice {
                found: shown,
                expected: known,
                suggestion,
            });
        };
        Some(Choice {
            node: self,
            name,
            content,
        })
    }
}

impl Choice<'_> {
    pub(in crate::config) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Reads a choice without a value.
    pub(in crate::config) fn without_content<T>(self, value: T) -> Option<T> {
        match self.content {
            None => Some(value),
            Some(_) => self.node.wrong_type("a string"),
        }
    }

    /// Reads the value of the choice.
    pub(in crate::config) fn content<T: Shape>(mut self) -> Option<T> {
        match self.content {
            Some(content) => Some(self.node.member(self.name, content).or_empty()),
            None => self.node.refuse(Problem::BareChoice { choice: self.name }),
        }
    }
}

/// Declares a choice: the enum, its parser and its schema. A variant is `Name = "json name"`, or
/// `Name(type) = "json name"` if the choice has a value. Comments and `schemars` attributes go to the schema.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        enum $shape:ident {
            $($(#[$about:meta])* $variant:ident $(($(#[$limit:meta])* $content:ty))? = $name:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
        pub(in crate::config) enum $shape {
            $(
                $(#[cfg_attr(not(target_family = "wasm"), $about)])*
                #[cfg_attr(not(target_family = "wasm"), schemars(rename = $name))]
                $variant $(($(#[cfg_attr(not(target_family = "wasm"), $limit)])* $content))?,
            )*
        }

        impl $crate::config::node::Shape for $shape {
            fn read(node: $crate::config::node::Node<'_>) -> Option<Self> {
                let choice = node.choice(&[$($name,)*])?;
                $(if choice.is($name) {
                    return choice!(@read choice, $shape, $variant $(, $content)?);
                })*
                None
            }

            fn empty() -> Self {
                choice!(@first $shape, $($variant $(($content))?,)*)
            }
        }
    };
    (@read $choice:ident, $shape:ident, $variant:ident) => { $choice.without_content($shape::$variant) };
    (@read $choice:ident, $shape:ident, $variant:ident, $content:ty) => {
        $choice.content().map($shape::$variant)
    };
    (@first $shape:ident, $variant:ident, $($rest:tt)*) => { $shape::$variant };
    (@first $shape:ident, $variant:ident($content:ty), $($rest:tt)*) => {
        $shape::$variant($crate::config::node::Shape::empty())
    };
}
pub(in crate::config) use choice;
