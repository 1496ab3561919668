//! The lines of a file on which its members and items begin.

use super::path::Step;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// One member or item: the line where it begins, and the lines of its children.
#[derive(Clone, Debug)]
pub struct Lines {
    line: u64,
    /// The line on which the value begins; a member's name may be on an earlier line.
    value_line: u64,
    children: Children,
}

#[derive(Clone, Debug)]
enum Children {
    None,
    Members(Vec<(String, Lines)>),
    Items(Vec<Lines>),
}

impl Lines {
    /// The line of the member or item at a path. If the file does not have it, the line of the nearest enclosing member
    /// or item.
    pub fn find(&self, path: &[Step]) -> u64 {
        self.descend(path).line
    }

    /// The line of the first character of the value at a path.
    pub fn find_value(&self, path: &[Step]) -> u64 {
        self.descend(path).value_line
    }

    fn descend(&self, path: &[Step]) -> &Self {
        let Some((step, rest)) = path.split_first() else {
            return self;
        };
        let child = match (step, &self.children) {
            (Step::Member(name), Children::Members(members)) => {
                let found = members.iter().find(|(own, _)| own == name);
                found.map(|(_, lines)| lines)
            }
            (Step::Item(index), Children::Items(items)) => items.get(*index),
            _ => None,
        };
        match child {
            Some(child) => child.descend(rest),
            None => self,
        }
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Children>::deserialize(deserializer)?;
        let line = spanned.referenced.line();
        Ok(Self {
            line,
            value_line: line,
            children: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Children {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChildrenVisitor)
    }
}

struct ChildrenVisitor;

impl<'de> Visitor<'de> for ChildrenVisitor {
    type Value = Children;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_unit<E>(self) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_none<E>(self) -> Result<Children, E> {
        Ok(Children::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Children, D::Error> {
        Children::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Children, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element()? {
            found.push(item);
        }
        Ok(Children::Items(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Children, A::Error> {
        let mut found = Vec::new();
        while let Some(name) = members.next_key::<Spanned<String>>()? {
            let mut member: Lines = members.next_value()?;
            member.line = name.referenced.line();
            found.push((name.value, member));
        }
        Ok(Children::Members(found))
    }
}
