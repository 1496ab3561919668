//! The target of a record's request: whether a rule matches it, and whether a credential may be sent there. A record
//! has a cluster only if the configuration that wrote it names clusters.

use super::request::text;
use entragate::config::Config;
use entragate::http::cluster::Cluster;
use entragate::policy::rule::{Field, Match};
use entragate::policy::trace::RuleTrace;
use serde_json::Value;

/// Returns whether a rule matches; `None` if that depends on a cluster or a body that the record does not contain.
pub fn matches(record: &Value, matches: &Match, trace: &RuleTrace) -> Option<bool> {
    let is_open = !matches.clusters.patterns.is_empty() && text(record, "cluster").is_none();
    match trace.matches {
        Some(false) if is_open && trace.mismatch == Some(Field::Clusters) => None,
        Some(true) if is_open => None,
        known => known,
    }
}

/// Returns whether it is unknown if an anonymous rule matches.
pub fn leaves_anonymous_open(config: &Config, record: &Value, rules: &[RuleTrace]) -> bool {
    config.policy.anonymous.iter().any(|rule| {
        let trace = rules.iter().find(|trace| trace.rule == rule.name);
        trace.is_some_and(|trace| matches(record, &rule.matches, trace).is_none())
    })
}

/// Returns whether a credential may be sent to the cluster of the request; `None` if the record does not contain the cluster.
pub fn is_sent(config: &Config, record: &Value, credential: Option<&str>) -> Option<bool> {
    let mut credentials = config.credentials.iter();
    let used = credentials.find(|known| Some(&*known.name) == credential);
    let clusters = used.map_or(&[][..], |credential| &credential.clusters);
    if clusters.is_empty() {
        return Some(true);
    }
    let name = text(record, "cluster")?;
    Some(Cluster::reported(Some(name.as_bytes())).is_among(clusters))
}

/// Returns whether the request is for one entry of a list of models.
pub fn lists_one_model(record: &Value) -> bool {
    let path = text(record, "path").unwrap_or_default();
    matches!(text(record, "method"), Some("GET" | "HEAD")) && path.starts_with("/v1/models/")
}
