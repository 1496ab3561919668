//! What a valid configuration should not do lightly. Only what is certain is claimed.

mod host;
mod rules;
mod values;

use crate::filters::{Configuration, Filter};
use entragate::config::Config;
use serde_json::Value;
use std::collections::BTreeSet;

/// One thing to think about.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where, in the plugin configuration or in the host's.
    pub path: String,
    /// What is the matter, and what to do.
    pub text: String,
    /// Whether it is a matter at all, or only to be known.
    pub level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// With `--strict`, as bad as an error.
    Warning,
    Note,
}

impl Warning {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            level: Level::Warning,
        }
    }

    fn note(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            level: Level::Note,
            ..Self::new(path, text)
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.text),
            false => write!(f, "{}: {}", self.path, self.text),
        }
    }
}

/// All of them. Rules are looked at only where the configuration is valid.
pub fn of(filter: &Filter, config: Option<&Config>, missing: &BTreeSet<String>) -> Vec<Warning> {
    let given = match &filter.configuration {
        Configuration::Text(text) => entragate::json::parse_strict(text.trim().as_bytes()).ok(),
        Configuration::Value(value) => Some(value.clone()),
    };
    let mut warnings = Vec::new();
    if let Some(given) = &given {
        warnings.extend(values::of(given));
        if let Some(config) = config {
            warnings.extend(rules::of(&config.policy, given));
        }
        warnings.extend(host::of(&filter.host, config, given));
    }
    warnings.extend(missing.iter().map(|name| {
        let text = "the environment here has no";
        Warning::note(
            "",
            format!("{text} {name:?}; the filter does not start without it"),
        )
    }));
    warnings
}

/// Where the rule of that name stands.
fn place_of(rule: &str, given: &Value) -> String {
    let rules = given.get("rules").and_then(Value::as_array);
    let mut rules = rules.into_iter().flatten();
    let index = rules.position(|own| own.get("name").is_some_and(|name| name == rule));
    index.map_or_else(|| "rules".to_owned(), |index| format!("rules[{index}]"))
}
