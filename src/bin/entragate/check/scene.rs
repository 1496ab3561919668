//! The input of the checks of one filter.

use crate::deployment::filters::Filter;
use crate::deployment::{Deployment, Place};
pub use crate::input::name;
use entragate::config::Config;
use entragate::policy::rule::{Match, Policy};
use serde_json::Value;

/// One filter in its deployment.
pub struct Scene<'a> {
    pub deployment: &'a Deployment,
    pub filter: &'a Filter<'a>,
    /// The configuration as written; null if it is not valid JSON.
    pub given: &'a Value,
    /// The compiled configuration, if it is valid.
    pub config: Option<&'a Config>,
}

impl Scene<'_> {
    /// The items of a list of the plugin configuration, with their paths.
    pub fn items(&self, name: &str) -> Vec<(String, &Value)> {
        let items = self.given.get(name).and_then(Value::as_array);
        let items = items.into_iter().flatten().enumerate();
        items
            .map(|(index, item)| (format!("{name}[{index}]"), item))
            .collect()
    }

    /// The place of a path within the plugin configuration.
    pub fn at(&self, path: &str) -> Place {
        self.filter.at(path)
    }

    /// The path of the rule with a name.
    pub fn rule_path(&self, name: &str) -> String {
        let rules = self.items("rules");
        let mut named = rules
            .iter()
            .filter(|(_, rule)| text(rule, "name") == Some(name));
        named
            .next()
            .map_or_else(|| "rules".to_owned(), |(path, _)| path.clone())
    }

    /// The first rule that names models.
    pub fn rule_on_models(&self) -> Option<&str> {
        let policy = &self.config?.policy;
        first_rule(policy, |matches| !matches.models.patterns.is_empty())
    }

    /// The first rule that names JSON-RPC messages.
    pub fn rule_on_messages(&self) -> Option<&str> {
        let policy = &self.config?.policy;
        first_rule(policy, |matches| matches.mcp.are_named())
    }

    /// The first rule that names hosts.
    pub fn rule_on_hosts(&self) -> Option<&str> {
        let policy = &self.config?.policy;
        first_rule(policy, |matches| !matches.hosts.is_empty())
    }
}

fn first_rule(policy: &Policy, wanted: impl Fn(&Match) -> bool) -> Option<&str> {
    let anonymous = policy
        .anonymous
        .iter()
        .map(|rule| (&rule.name, &rule.matches));
    let rules = policy.rules.iter().map(|rule| (&rule.name, &rule.matches));
    let mut all = anonymous.chain(rules);
    let (name, _) = all.find(|(_, matches)| wanted(matches))?;
    Some(name)
}

/// A member that is a string.
pub fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}
