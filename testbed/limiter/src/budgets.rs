//! The limits of a domain, in the format of envoyproxy/ratelimit: a tree of descriptors, each with an optional limit.

use serde::Deserialize;

use crate::protocol::{Entry, Unit};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    pub domain: String,
    descriptors: Vec<Node>,
}

/// A key, with a value or for any value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    key: String,
    value: Option<String>,
    rate_limit: Option<RateLimit>,
    /// The limit is counted but not enforced.
    #[serde(default)]
    shadow_mode: bool,
    #[serde(default)]
    descriptors: Vec<Node>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    #[serde(default)]
    pub name: String,
    pub unit: Unit,
    pub requests_per_unit: u32,
}

/// The limit of a descriptor.
#[derive(Debug)]
pub struct Budget<'b> {
    /// The path of its node, which identifies the limit.
    pub path: String,
    pub limit: &'b RateLimit,
    pub is_shadow: bool,
    /// The values that the file leaves open. Each combination has its own counter.
    pub values: Vec<&'b str>,
}

impl Budgets {
    pub fn parse(yaml: &str) -> Result<Budgets, serde_saphyr::Error> {
        serde_saphyr::from_str(yaml)
    }

    /// Returns the limit for a descriptor. It must have as many entries as the limit has levels; on each level, a node with the
    /// value is preferred to one for any value.
    pub fn find<'b>(&'b self, entries: &'b [Entry]) -> Option<Budget<'b>> {
        let mut nodes = &self.descriptors;
        let mut path = self.domain.clone();
        let mut values = Vec::new();
        let mut last = None;
        for entry in entries {
            let own =
                |node: &&Node| node.key == entry.key && node.value.as_ref() == Some(&entry.value);
            let any = |node: &&Node| node.key == entry.key && node.value.is_none();
            let node = nodes.iter().find(own).or_else(|| nodes.iter().find(any))?;
            path.push('/');
            path.push_str(&node.key);
            match &node.value {
                Some(value) => path.push_str(&format!("={value}")),
                None => values.push(entry.value.as_str()),
            }
            nodes = &node.descriptors;
            last = Some(node);
        }
        let node = last?;
        Some(Budget {
            path,
            limit: node.rate_limit.as_ref()?,
            is_shadow: node.shadow_mode,
            values,
        })
    }

    /// Calls `each` with the path of every limit.
    pub fn for_each(&self, each: &mut impl FnMut(&str, &RateLimit)) {
        walk(&self.descriptors, &self.domain, each);
    }
}

fn walk(nodes: &[Node], parent: &str, each: &mut impl FnMut(&str, &RateLimit)) {
    for node in nodes {
        let path = match &node.value {
            Some(value) => format!("{parent}/{}={value}", node.key),
            None => format!("{parent}/{}", node.key),
        };
        if let Some(limit) = &node.rate_limit {
            each(&path, limit);
        }
        walk(&node.descriptors, &path, each);
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Budgets};
    use crate::protocol::Entry;

    const LIMITS: &str = "
domain: d
descriptors:
- key: oid
  rate_limit: {name: per-oid, unit: minute, requests_per_unit: 10}
  descriptors:
  - key: model
    rate_limit: {unit: minute, requests_per_unit: 5}
- key: oid
  value: ada
  rate_limit: {unit: day, requests_per_unit: 20}
  shadow_mode: true
";

    fn entries(pairs: &[(&str, &str)]) -> Vec<Entry> {
        let entry = |(key, value): &(&str, &str)| Entry {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        pairs.iter().map(entry).collect()
    }

    /// Returns the path, the open values and the number of the limit for a descriptor.
    fn found(pairs: &[(&str, &str)]) -> Option<(String, Vec<String>, u32, bool)> {
        let budgets = Budgets::parse(LIMITS).unwrap();
        let entries = entries(pairs);
        let Budget {
            path,
            limit,
            is_shadow,
            values,
        } = budgets.find(&entries)?;
        let values = values.into_iter().map(str::to_owned).collect();
        Some((path, values, limit.requests_per_unit, is_shadow))
    }

    #[test]
    fn limit_is_that_of_the_deepest_entry() {
        let expected = ("d/oid".to_owned(), vec!["nora".to_owned()], 10, false);
        assert_eq!(found(&[("oid", "nora")]), Some(expected));
        let values = vec!["nora".to_owned(), "m".to_owned()];
        let expected = ("d/oid/model".to_owned(), values, 5, false);
        assert_eq!(found(&[("oid", "nora"), ("model", "m")]), Some(expected));
    }

    #[test]
    fn node_with_the_value_is_preferred() {
        let expected = ("d/oid=ada".to_owned(), Vec::new(), 20, true);
        assert_eq!(found(&[("oid", "ada")]), Some(expected));
    }

    #[test]
    fn descriptor_without_a_limit_is_not_found() {
        assert_eq!(found(&[("app", "x")]), None);
        assert_eq!(found(&[("oid", "ada"), ("model", "m")]), None);
        assert_eq!(found(&[("oid", "nora"), ("model", "m"), ("x", "y")]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn unknown_field_is_refused() {
        let error = Budgets::parse(
            "domain: d\ndescriptors:\n- {key: k, rate_limit: {unit: day, requests_per_unit: 1, unlimitd: true}}\n",
        );
        assert!(error.is_err());
    }
}
