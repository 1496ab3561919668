//! Retained claims. The cache holds thousands of tokens, so each keeps only the claims that the
//! configuration refers to.

use crate::json::raw::{Object, Raw};
use serde_json::Value;
use std::sync::Arc;

/// The sorted names of the retained claims: all claims that the configuration refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetainedClaims(Arc<[String]>);

impl<'a> FromIterator<&'a str> for RetainedClaims {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into_iter().map(str::to_owned).collect())
    }
}

impl RetainedClaims {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The retained members of a JSON object, each as written in the token. A value is parsed when it is read.
#[derive(Clone, Debug, Default)]
pub struct ClaimSet {
    names: RetainedClaims,
    /// The values, in the order of the names.
    text: Box<str>,
    /// The end of each value in `text`. An absent value is empty.
    ends: Box<[u32]>,
}

impl ClaimSet {
    /// Retains the named claims. Returns `None` if they are larger than 4 GiB.
    pub fn of(claims: &Object<'_>, names: &RetainedClaims) -> Option<Self> {
        let values = || names.0.iter().map(|name| claims.get(name));
        let (mut end, mut ends) = (0, Vec::with_capacity(names.0.len()));
        for value in values() {
            end += value.map_or(0, |value| value.as_written().len());
            ends.push(u32::try_from(end).ok()?);
        }
        let mut text = String::with_capacity(end);
        for value in values().flatten() {
            text.push_str(value.as_written());
        }
        Some(Self {
            names: names.clone(),
            text: text.into(),
            ends: ends.into(),
        })
    }

    /// Returns the value of a retained claim. `config::compile::retained` must list every claim that is read
    /// here; a debug assertion fails otherwise.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.raw(name)?.value()
    }

    /// Returns the value of a retained claim as written in the token.
    pub fn raw(&self, name: &str) -> Option<Raw<'_>> {
        let index = self.names.0.binary_search_by(|own| own.as_str().cmp(name));
        debug_assert!(index.is_ok(), "{name} is read but not retained");
        let index = index.ok()?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let end = *self.ends.get(index)?;
        Raw::read(self.text.get(start as usize..end as usize)?)
    }

    /// The size of the retained values in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::values;
    use proptest::prelude::*;
    use serde_json::Map;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn retained_claim_equals_the_original(
            claims in prop::collection::btree_map(any::<String>(), values(), 0..6),
            others in prop::collection::vec(any::<String>(), 0..3),
        ) {
            let claims: Map<String, Value> = claims.into_iter().collect();
            // A subset, in reverse order.
            let names = claims.keys().chain(&others).map(String::as_str);
            let names: Vec<&str> = names.skip(1).collect();
            let text = Value::Object(claims.clone()).to_string();
            let object = Object::read(&text).unwrap();
            let set = ClaimSet::of(&object, &names.iter().rev().copied().collect()).unwrap();
            for name in names {
                let found = set.get(name);
                // A null member counts as absent.
                prop_assert_eq!(found.as_ref(), claims.get(name).filter(|value| !value.is_null()));
            }
        }
    }

    #[test]
    #[should_panic(expected = "is read but not retained")]
    fn reading_a_claim_that_is_not_retained_panics() {
        ClaimSet::default().get("a");
    }

    #[test]
    fn deepest_accepted_claim_is_retained() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(126), "]".repeat(126));
        let claims = Object::read(&deep).unwrap();
        let set = ClaimSet::of(&claims, &["a"].into_iter().collect()).unwrap();
        assert!(set.get("a").is_some());
        assert_eq!(set.raw("a"), claims.get("a"));
    }
}
