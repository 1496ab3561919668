//! What is kept of a token's claims: thousands of tokens are remembered, and few of their claims can
//! ever be asked for again.

use serde_json::{Map, Value};
use std::sync::Arc;

/// The names of the claims that are kept, sorted: all that a configuration can ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept(Arc<[String]>);

impl<'a> FromIterator<&'a str> for Kept {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut kept: Vec<&str> = names.into_iter().collect();
        kept.sort_unstable();
        kept.dedup();
        Self(kept.into_iter().map(str::to_owned).collect())
    }
}

/// The kept members of a JSON object, each as JSON text that is read when it is asked for.
#[derive(Clone, Debug, Default)]
pub struct ClaimSet {
    kept: Kept,
    /// The values, in the order of the names.
    text: Box<[u8]>,
    /// Where each ends; one that was not there is empty.
    ends: Box<[u32]>,
}

impl ClaimSet {
    /// `None`: they take more than 4 GiB.
    pub fn of(claims: &Map<String, Value>, kept: &Kept) -> Option<Self> {
        let mut text = Vec::new();
        let mut ends = Vec::with_capacity(kept.0.len());
        for name in kept.0.iter() {
            if let Some(value) = claims.get(name) {
                serde_json::to_writer(&mut text, value).ok()?;
            }
            ends.push(u32::try_from(text.len()).ok()?);
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
        let index = self.kept.0.binary_search_by(|kept| kept.as_str().cmp(name));
        debug_assert!(index.is_ok(), "{name} is asked for, but not kept");
        let index = index.ok()?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let text = self
            .text
            .get(start as usize..*self.ends.get(index)? as usize)?;
        serde_json::from_slice(text).ok()
    }

    /// What these take, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{self, tests::values};
    use proptest::prelude::*;

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
            let set = ClaimSet::of(&claims, &names.iter().rev().copied().collect()).unwrap();
            for name in names {
                let found = set.get(name);
                prop_assert_eq!(found.as_ref(), claims.get(name));
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
        let claims = json::parse_object(deep.as_bytes()).unwrap();
        let set = ClaimSet::of(&claims, &["a"].into_iter().collect()).unwrap();
        assert_eq!(set.get("a").as_ref(), claims.get("a"));
    }
}
