//! All that a token claims, kept small: thousands are remembered, and few of their claims are ever
//! asked for again.

use serde_json::{Map, Value};

/// The members of a JSON object, each as JSON text that is read when it is asked for.
#[derive(Clone, Debug, Default)]
pub struct ClaimSet {
    /// Names and values in turn.
    text: Box<[u8]>,
    /// Where each name ends, and its value.
    ends: Box<[(u32, u32)]>,
}

impl ClaimSet {
    /// `None`: they take more than 4 GiB.
    pub fn of(claims: &Map<String, Value>) -> Option<Self> {
        let mut text = Vec::new();
        let mut ends = Vec::with_capacity(claims.len());
        for (name, value) in claims {
            text.extend_from_slice(name.as_bytes());
            let name_end = u32::try_from(text.len()).ok()?;
            serde_json::to_writer(&mut text, value).ok()?;
            ends.push((name_end, u32::try_from(text.len()).ok()?));
        }
        Some(Self {
            text: text.into(),
            ends: ends.into(),
        })
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        let mut start = 0;
        for (name_end, end) in &self.ends {
            let (name_end, end) = (*name_end as usize, *end as usize);
            if self.text.get(start..name_end)? == name.as_bytes() {
                return serde_json::from_slice(self.text.get(name_end..end)?).ok();
            }
            start = end;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_claim_is_what_it_was(
            claims in prop::collection::btree_map(any::<String>(), values(), 0..6),
            other: String,
        ) {
            let claims: Map<String, Value> = claims.into_iter().collect();
            let set = ClaimSet::of(&claims).unwrap();
            for (name, value) in &claims {
                let found = set.get(name);
                prop_assert_eq!(found.as_ref(), Some(value));
            }
            prop_assert_eq!(set.get(&other), claims.get(&other).cloned());
        }
    }

    #[test]
    fn as_deep_as_tokens_go() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(126), "]".repeat(126));
        let claims = json::parse_object(deep.as_bytes()).unwrap();
        let set = ClaimSet::of(&claims).unwrap();
        assert_eq!(set.get("a").as_ref(), claims.get("a"));
    }
}
