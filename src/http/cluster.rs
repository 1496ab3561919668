//! The upstream cluster of a request, as the host reports it.

use crate::pattern::Pattern;
use std::sync::Arc;

/// The cluster that the host has chosen for a request. Unknown if the configuration does not refer to
/// clusters (the host is then not queried), or if the host does not report one: no pattern matches an
/// unknown cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster(Option<Arc<str>>);

impl Cluster {
    /// Creates a cluster from the name that the host reported. Unknown if the name is empty or not UTF-8.
    pub fn reported(name: Option<&[u8]>) -> Self {
        let text = name.and_then(|name| std::str::from_utf8(name).ok());
        Self(text.filter(|text| !text.is_empty()).map(Arc::from))
    }

    /// Creates a cluster from the name that the host reported, but shares the name of another cluster if it is equal:
    /// nearly all requests go to a few clusters, and an allocation costs more than a comparison.
    pub fn reported_like(name: Option<&[u8]>, other: &Self) -> Self {
        if name.is_some() && name == other.0.as_deref().map(str::as_bytes) {
            other.clone()
        } else {
            Self::reported(name)
        }
    }

    pub fn name(&self) -> Option<&Arc<str>> {
        self.0.as_ref()
    }

    /// Returns whether the cluster is known and matches one of the patterns.
    pub fn is_among(&self, patterns: &[Pattern]) -> bool {
        let name = self.0.as_deref();
        name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_cluster_matches_no_pattern() {
        let patterns = [Pattern::cluster("**")];
        for unknown in [None, Some(&b""[..]), Some(b"\xff")] {
            let cluster = Cluster::reported(unknown);
            assert_eq!(cluster, Cluster::default(), "{unknown:?}");
            assert!(!cluster.is_among(&patterns), "{unknown:?}");
        }
        assert!(Cluster::reported(Some(b"a")).is_among(&patterns));
        assert!(!Cluster::reported(Some(b"a")).is_among(&[]));
    }

    #[test]
    fn only_an_equal_name_is_shared() {
        let before = Cluster::reported(Some(b"hf"));
        for name in [
            None,
            Some(&b""[..]),
            Some(b"\xff"),
            Some(b"h"),
            Some(b"hf2"),
        ] {
            for other in [&before, &Cluster::default()] {
                let cluster = Cluster::reported_like(name, other);
                assert_eq!(cluster, Cluster::reported(name), "{name:?}");
            }
        }
        let same = Cluster::reported_like(Some(b"hf"), &before);
        let (Some(own), Some(shared)) = (before.name(), same.name()) else {
            panic!("both are known");
        };
        assert!(Arc::ptr_eq(own, shared));
    }

    #[test]
    fn cluster_patterns_match_names_of_every_host() {
        for (pattern, name, expected) in [
            ("huggingface", "huggingface", true),
            ("huggingface", "HuggingFace", false),
            ("hf-*", "hf-prod.eu", true),
            ("hf-*", "team-hf-prod", false),
            (
                "outbound|443||*.huggingface.cloud",
                "outbound|443||a.b.huggingface.cloud",
                true,
            ),
            (
                "outbound|443||*.huggingface.cloud",
                "outbound|443||huggingface.cloud.evil",
                false,
            ),
            ("httproute/ml/*/rule/0", "httproute/ml/llama/rule/0", true),
            ("httproute/ml/*/rule/0", "httproute/ml/a/b/rule/0", false),
            ("httproute/ml/**", "httproute/ml/a/b/rule/0", true),
        ] {
            let cluster = Cluster::reported(Some(name.as_bytes()));
            let patterns = [Pattern::cluster(pattern)];
            assert_eq!(cluster.is_among(&patterns), expected, "{pattern} on {name}");
        }
    }
}
