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
    pub(in crate::config) fn alone<T>(self, value: T) -> Option<T> {
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

/// Defines how an enum is read: the name of each variant, with `(_)` if the choice has a value.
macro_rules! choice {
    ($shape:ident {
        $first:ident $(($with:tt))? = $named:literal,
        $($variant:ident $(($content:tt))? = $name:literal,)*
    }) => {
        impl $crate::config::node::Shape for $shape {
            fn read(node: $crate::config::node::Node<'_>) -> Option<Self> {
                let choice = node.choice(&[$named, $($name,)*])?;
                $(if choice.is($name) {
                    return choice!(@read choice, $shape, $variant $($content)?);
                })*
                choice!(@read choice, $shape, $first $($with)?)
            }

            fn empty() -> Self {
                choice!(@empty $shape, $first $($with)?)
            }
        }
    };
    (@read $choice:ident, $shape:ident, $variant:ident) => { $choice.alone($shape::$variant) };
    (@read $choice:ident, $shape:ident, $variant:ident _) => {
        $choice.content().map($shape::$variant)
    };
    (@empty $shape:ident, $variant:ident) => { $shape::$variant };
    (@empty $shape:ident, $variant:ident _) => {
        $shape::$variant($crate::config::node::Shape::empty())
    };
}
pub(in crate::config) use choice;
