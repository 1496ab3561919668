//! A value of a document together with its place.

use super::{Document, Place};
use crate::document::path;
use serde_json::Value;

/// A value and where it is.
#[derive(Clone, Debug)]
pub struct Node<'d> {
    pub value: &'d Value,
    pub document: &'d Document,
    pub path: String,
}

impl<'d> Node<'d> {
    /// A member, written in snake case, or in camel case, which protobuf JSON allows. A null member counts as absent.
    pub fn get(&self, name: &str) -> Option<Self> {
        let members = self.value.as_object()?;
        let camel = camel_case(name);
        let (name, value) = [name, &camel]
            .into_iter()
            .find_map(|name| members.get_key_value(name))?;
        (!value.is_null()).then(|| self.member(name, value))
    }

    /// A member of a member, and so on.
    pub fn at(&self, names: &[&str]) -> Option<Self> {
        let mut node = self.clone();
        for name in names {
            node = node.get(name)?;
        }
        Some(node)
    }

    pub fn text(&self, name: &str) -> Option<&'d str> {
        self.get(name)?.value.as_str()
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|node| node.value == true)
    }

    /// The items of the list in a member; none if it is absent.
    pub fn list(&self, name: &str) -> Vec<Self> {
        self.get(name).map(|list| list.items()).unwrap_or_default()
    }

    /// The items of this list.
    pub fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(index, value)| self.child(path::item(&self.path, index), value))
            .collect()
    }

    /// The members of this object.
    pub fn members(&self) -> Vec<(&'d str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members
            .map(|(name, value)| (name.as_str(), self.member(name, value)))
            .collect()
    }

    /// Calls `visit` for this node and all nodes inside it.
    pub fn walk(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self.value {
            Value::Object(_) => {
                for (_, member) in self.members() {
                    member.walk(visit);
                }
            }
            Value::Array(_) => {
                for item in self.items() {
                    item.walk(visit);
                }
            }
            _ => {}
        }
    }

    /// Whether this is a protobuf message of a type, according to its `@type`.
    pub fn is_message(&self, name: &str) -> bool {
        let kind = self.value.get("@type").and_then(Value::as_str);
        kind.is_some_and(|kind| kind.rsplit('.').next() == Some(name))
    }

    pub fn place(&self) -> Place {
        self.document.place(&self.path)
    }

    /// The place of a member. If the member is absent, the line is that of this node.
    pub fn place_of(&self, name: &str) -> Place {
        match self.get(name) {
            Some(member) => member.place(),
            None => self.document.place(&path::member(&self.path, name)),
        }
    }

    fn member(&self, name: &str, value: &'d Value) -> Self {
        self.child(path::member(&self.path, name), value)
    }

    fn child(&self, path: String, value: &'d Value) -> Self {
        Self {
            value,
            document: self.document,
            path,
        }
    }
}

fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_names_are_read_in_both_cases() {
        assert_eq!(camel_case("trusted_ca"), "trustedCa");
        assert_eq!(camel_case("name"), "name");
    }
}
