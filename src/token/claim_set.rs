//! What is kept of a token's claims: thousands of tokens are remembered, and few of their claims can
//! ever be asked for again.

use crate::json::raw::{Object, Raw};
use serde_json::Value;
use std::sync::Arc;

/// The names of the claims that are kept, sorted: all that a configuration can ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetainedClaims(Arc<[String]>);

impl<'a> FromIterator<&'a str> for RetainedClaims {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut kept: Vec<&str> = names.into_iter().collect();
        kept.sort_unstable();
        kept.dedup();
        Self(kept.into_iter().map(str::to_owned).collect())
    }
}

impl RetainedClaims {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The kept members of a JSON object, each as it was written; it is read when it is asked for.
#[derive(Clone, Debug, Default)]
pub struct ClaimSet {
    kept: RetainedClaims,
    /// The values, in the order of the names.
    text: Box<str>,
    /// Where each ends; one that was not there is empty.
    ends: Box<[u32]>,
}

impl ClaimSet {
    /// `None`: they take more than 4 GiB.
    pub fn of(claims: &Object<'_>, kept: &RetainedClaims) -> Option<Self> {
        let values = || kept.0.iter().map(|name| claims.get(name));
        let (mut end, mut ends) = (0, Vec::with_capacity(kept.0.len()));
        for value in values() {
            end += value.map_or(0, |value| value.as_written().len());
            ends.push(u32::try_from(end).ok()?);
        }
        let mut text = String::with_capacity(end);
        for value in values().flatten() {
            text.push_str(value.as_written());
        }
        Some(Self {
            kept: kept.clone(),
            text: text.into(),
            ends: ends.into(),
        })
    }

    /// To be asked for what is kept only: to add a question is to add to `config::compile::kept`.
    /// Tests fail where that was forgotten.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.raw(name)?.value()
    }

    /// The same, as it was written.
    pub fn raw(&self, name: &str) -> Option<Raw<'_>> {
        let index = self.kept.0.binary_search_by(|kept| kept.as_str().cmp(name));
        debug_assert!(index.is_ok(), "{name} is asked for, but not kept");
        let index = index.ok()?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let end = *self.ends.get(index)?;
        Raw::read(self.text.get(start as usize..end as usize)?)
    }

    /// What these take, in bytes.
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
        fn every_claim_is_what_it_was(
            claims in prop::collection::btree_map(any::<String>(), values(), 0..6),
            others in prop::collection::vec(any::<String>(), 0..3),
        ) {
            let claims: Map<String, Value> = claims.into_iter().collect();
            // Not all of them, and in no order.
            let names = claims.keys().chain(&others).map(String::as_str);
            let names: Vec<&str> = names.skip(1).collect();
            let text = Value::Object(claims.clone()).to_string();
            let object = Object::read(&text).unwrap();
            let set = ClaimSet::of(&object, &names.iter().rev().copied().collect()).unwrap();
            for name in names {
                let found = set.get(name);
                // A member that is null counts as absent.
                prop_assert_eq!(found.as_ref(), claims.get(name).filter(|value| !value.is_null()));
            }
        }
    }

    #[test]
    #[should_panic(expected = "asked for, but not kept")]
    fn what_is_not_kept_may_not_be_asked_for() {
        ClaimSet::default().get("a");
    }

    #[test]
    fn as_deep_as_tokens_go() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(126), "]".repeat(126));
        let claims = Object::read(&deep).unwrap();
        let set = ClaimSet::of(&claims, &["a"].into_iter().collect()).unwrap();
        assert!(set.get("a").is_some());
        assert_eq!(set.raw("a"), claims.get("a"));
    }
}
