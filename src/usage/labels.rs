//! The metric labels under which a model's tokens are counted. Only names from the configuration
//! become labels: counters are never removed, and a caller can invent any number of models.

use crate::model::endpoint::{Endpoints, Source};
use crate::pattern::{Key, Pattern};
use crate::policy::rule::{Effect, Policy};
use std::collections::HashSet;

/// The label of models that the configuration does not name.
const OTHER: &str = "other";

/// The models of `endpoints` and of the allow rules.
#[derive(Debug)]
pub struct Labels {
    names: HashSet<String>,
    /// The patterns of models, in the order of the rules.
    patterns: Vec<Pattern>,
}

impl Labels {
    pub fn of(endpoints: &Endpoints, policy: &Policy) -> Self {
        let fixed = endpoints
            .0
            .iter()
            .filter_map(|endpoint| match &endpoint.source {
                Source::Fixed(model) => Some(model.clone()),
                Source::Path | Source::Body => None,
            });
        let mut labels = Self {
            names: fixed.collect(),
            patterns: Vec::new(),
        };
        let permits = policy
            .rules
            .iter()
            .filter(|rule| rule.effect != Effect::Deny);
        let anonymous = policy.anonymous.iter().map(|rule| &rule.matches);
        let all = anonymous.chain(permits.map(|rule| &rule.matches));
        for pattern in all.flat_map(|matches| &matches.models.patterns) {
            if let Some(Key::Whole(name)) = pattern.key() {
                labels.names.insert(name.to_owned());
            } else if !labels.patterns.contains(pattern) {
                labels.patterns.push(pattern.clone());
            }
        }
        labels
    }

    /// Returns the model's name if the configuration has it, otherwise the first pattern that
    /// matches it.
    pub fn label(&self, model: Option<&str>) -> &str {
        let known = model.and_then(|model| {
            let covers = |pattern: &&Pattern| pattern.matches(model);
            let pattern = || self.patterns.iter().find(covers).map(Pattern::as_str);
            self.names.get(model).map(String::as_str).or_else(pattern)
        });
        known.unwrap_or(OTHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_always_comes_from_the_configuration() {
        let rule = |name: &str, models: &[&str]| json!({"name": name, "match": {"models": models}, "require": {"role": "R"}, "credential": "hf"});
        let config = json!({
            "issuers": [{"name": "contoso", "audiences": ["api://hf"],
                "entra": {"tenants": ["8f9a3bd6-3f1c-4c35-9a6c-0d3f3ec2a1b7"]}, "jwks": {"cluster": "entra"}}],
            "credentials": [{"name": "hf", "value": "hf_x"}],
            "endpoints": [{"hosts": ["llama.x"], "model": "meta/llama"}],
            "rules": [
                {"name": "no", "match": {"models": ["denied/*"]}, "require": {"role": "R"}, "effect": "deny"},
                rule("a", &["org/*", "org/exact"]),
                rule("b", &["org/m*", "*/*-it"]),
            ],
        });
        let config = crate::config::load_value(&config, &|_| None).unwrap();
        let labels = Labels::of(&config.endpoints, &config.policy);
        for (model, expected) in [
            (Some("meta/llama"), "meta/llama"),
            (Some("org/exact"), "org/exact"),
            (Some("org/mistral"), "org/*"),
            (Some("google/gemma-it"), "*/*-it"),
            (Some("denied/x"), OTHER),
            (Some("anything"), OTHER),
            (None, OTHER),
        ] {
            assert_eq!(labels.label(model), expected, "{model:?}");
        }
    }
}
