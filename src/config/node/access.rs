//! What a list, an object or a choice hands to serde, piece by piece.

use super::super::path;
use super::super::problem::Problem;
use super::Node;
use super::read_error::ReadError;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::Value;

/// The items of a list.
pub(super) struct Items<'n, 'de> {
    node: &'n Node<'de>,
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
}

impl<'n, 'de> Items<'n, 'de> {
    pub(super) fn new(node: &'n Node<'de>, items: &'de [Value]) -> Self {
        Self {
            node,
            items: items.iter().enumerate(),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        let path = path::item(&self.node.path, index);
        seed.deserialize(self.node.inner(path, Some(item)))
            .map(Some)
    }
}

/// The members of an object; one without a value is a hole.
pub(super) struct Members<'n, 'de> {
    node: &'n Node<'de>,
    members: std::vec::IntoIter<(&'de str, Option<&'de Value>)>,
    current: Option<(&'de str, Option<&'de Value>)>,
}

impl<'n, 'de> Members<'n, 'de> {
    pub(super) fn new(node: &'n Node<'de>, members: Vec<(&'de str, Option<&'de Value>)>) -> Self {
        Self {
            node,
            members: members.into_iter(),
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        self.current = self.members.next();
        let Some((name, _)) = self.current else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(name))
            .map(Some)
            .map_err(|error: ReadError| error.at(&path::member(&self.node.path, name)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let (name, value) = self.current.take().unwrap_or_default();
        seed.deserialize(self.node.member(name, value))
    }
}

/// A choice and what comes with it: `None` for a text alone, `Some(None)` for a hole.
pub(super) struct Choice<'de> {
    node: Node<'de>,
    choice: &'static str,
    content: Option<Option<&'de Value>>,
}

impl<'de> Choice<'de> {
    pub(super) fn new(
        node: Node<'de>,
        choice: &'static str,
        content: Option<Option<&'de Value>>,
    ) -> Self {
        Self {
            node,
            choice,
            content,
        }
    }
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let choice = seed.deserialize(StrDeserializer::<ReadError>::new(self.choice))?;
        Ok((choice, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.content {
            None | Some(None) => Ok(()),
            Some(Some(_)) => Err(self.node.wrong_type("a text")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        match self.content {
            None => Err(self.node.error(Problem::BareChoice {
                choice: self.choice,
            })),
            Some(content) => seed.deserialize(self.node.member(self.choice, content)),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, ReadError> {
        Err(self.node.wrong_type("another shape"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ReadError> {
        Err(self.node.wrong_type("another shape"))
    }
}
