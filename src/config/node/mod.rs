//! One JSON value on its way into a wire shape. It knows where it stands, and what is wrong with it
//! is noted: all errors are found in one reading.
//!
//! serde's derive would give up at the first one; and what it makes of so many shapes was a tenth
//! of the module.

mod choice;
mod object;

pub(super) use choice::choice;
pub(super) use object::{Named, object};

use super::error::Findings;
use super::path;
use super::problem::Problem;
use serde_json::Value;

/// After so many errors the rest is not noted.
const MAX_ERRORS: usize = 100;

/// What can be read from a JSON value.
pub(super) trait Shape: Sized {
    /// `None`: it could not be read, which is noted.
    fn read(node: Node<'_>) -> Option<Self>;

    /// The emptiest value there is: it stands where one could not be read or was left out.
    fn empty() -> Self;
}

/// Reads the shape, adding all that is wrong to the findings. What comes back then has empty places;
/// `None` where there are too many.
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

    /// A value inside this one.
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

    /// Notes why it can't be read.
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

    /// Whether a secret may stand here, so that no message may quote it.
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

/// `null` is no way to leave a field out: an emptied list must not pass for a missing one.
impl<T: Shape> Shape for Option<T> {
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
