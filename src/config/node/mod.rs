//! Reads JSON values into wire types. A node has the path of its value and adds errors to the findings, so one pass
//! finds all errors.
//! serde's derive stops at the first error, and the code that it generates for these types made up a tenth of the
//! module's size.

mod choice;
mod object;

pub(super) use choice::choice;
pub(super) use object::{Named, object};

use super::error::Findings;
use super::path;
use super::problem::Problem;
use serde_json::Value;

/// The maximum number of errors; further errors are not recorded.
const MAX_ERRORS: usize = 100;

/// A type that can be read from a JSON value.
pub(super) trait Shape: Sized {
    /// Whether the type is an `Option`: a field of another type is required.
    const IS_OPTION: bool = false;

    /// Returns `None` after adding an error if the value cannot be read.
    fn read(node: Node<'_>) -> Option<Self>;

    /// The empty value, used for values that are absent or could not be read.
    fn empty() -> Self;
}

/// Reads a value and adds all errors to the findings. Values that could not be read are empty; returns `None` after
/// too many errors.
pub(super) fn read<T: Shape>(value: &Value, findings: &mut Findings) -> Option<T> {
    let root = Node {
        value,
        path: String::new(),
        findings,
    };
    let shape = root.or_empty();
    (findings.len() < MAX_ERRORS).then_some(shape)
}

pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
    findings: &'a mut Findings,
}

impl<'a> Node<'a> {
    fn or_empty<T: Shape>(self) -> T {
        T::read(self).unwrap_or_else(T::empty)
    }

    /// The node of a value inside this one.
    fn inner(&mut self, path: String, value: &'a Value) -> Node<'_> {
        Node {
            value,
            path,
            findings: self.findings,
        }
    }

    fn member(&mut self, name: &str, value: &'a Value) -> Node<'_> {
        self.inner(path::member(&self.path, name), value)
    }

    /// Adds an error and returns `None`.
    pub(super) fn refuse<T>(self, problem: Problem) -> Option<T> {
        lose(self.findings, self.path, problem);
        None
    }

    pub(super) fn wrong_type<T>(self, expected: &'static str) -> Option<T> {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.refuse(Problem::WrongType { expected, found })
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// Whether the value is an object with any of these members.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.value.get(name).is_some())
    }

    /// Whether the value may be a secret, which messages must not quote.
    fn may_be_secret(&self) -> bool {
        self.path
            .split('.')
            .any(|part| matches!(part, "auth" | "client_secret" | "value"))
    }
}

fn lose(findings: &mut Findings, at: String, problem: Problem) {
    if findings.len() < MAX_ERRORS {
        findings.lose(at, problem);
    }
}

impl Shape for bool {
    fn read(node: Node<'_>) -> Option<Self> {
        match node.value {
            Value::Bool(flag) => Some(*flag),
            _ => node.wrong_type("true or false"),
        }
    }

    fn empty() -> Self {
        false
    }
}

impl Shape for u64 {
    fn read(node: Node<'_>) -> Option<Self> {
        match node.value.as_u64() {
            Some(number) => Some(number),
            None if node.value.is_number() => node.refuse(Problem::WrongType {
                expected: "a non-negative integer",
                found: "negative, fractional or too large",
            }),
            None => node.wrong_type("an integer"),
        }
    }

    fn empty() -> Self {
        0
    }
}

impl Shape for String {
    fn read(node: Node<'_>) -> Option<Self> {
        match node.text() {
            Some(text) => Some(text.to_owned()),
            None => node.wrong_type("a string"),
        }
    }

    fn empty() -> Self {
        Self::new()
    }
}

impl Shape for Value {
    fn read(node: Node<'_>) -> Option<Self> {
        Some(node.value.clone())
    }

    fn empty() -> Self {
        Self::Null
    }
}

/// Refuses `null`: an empty list in YAML must not be treated as an absent field.
impl<T: Shape> Shape for Option<T> {
    const IS_OPTION: bool = true;

    fn read(node: Node<'_>) -> Option<Self> {
        match node.value {
            Value::Null => node.wrong_type("set or removed"),
            _ => Some(T::read(node)),
        }
    }

    fn empty() -> Self {
        None
    }
}

impl<T: Shape> Shape for Box<T> {
    fn read(node: Node<'_>) -> Option<Self> {
        T::read(node).map(Self::new)
    }

    fn empty() -> Self {
        Self::new(T::empty())
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn read(mut node: Node<'_>) -> Option<Self> {
        let Value::Array(items) = node.value else {
            return node.wrong_type("a list");
        };
        let mut list = Self::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = path::item(&node.path, index);
            list.push(node.inner(at, item).or_empty());
        }
        Some(list)
    }

    fn empty() -> Self {
        Self::new()
    }
}
