//! Assertions about every caller and every request, as the policy file writes them.
//!
//! Their requirements and matches are compiled as shadow rules of the configuration, so that they have the same meaning
//! as in rules, and the gate evaluates them.

use super::expectation::NO_CREDENTIAL;
use crate::chosen;
use crate::prove::assertion::Assertion;
use entragate::config::{self, Config, ConfigError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// An item of `always`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    pub name: String,
    /// The credential to which `only_if` applies.
    credential: Option<String>,
    only_if: Option<Value>,
    when: Option<Value>,
    #[serde(rename = "match")]
    matches: Option<Value>,
    never: Option<Never>,
    always: Option<Denial>,
    no_shadowed_rules: Option<bool>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Never {
    Permit,
    Credential(String),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Denial {
    Deny,
}

/// An assertion and its place.
pub struct Named {
    pub name: String,
    /// The path in the policy file.
    pub at: String,
    pub assertion: Assertion,
}

/// The assertions of a file, and the configuration that contains their requirements.
pub struct Always {
    pub config: Config,
    /// The prefix of the names of the rules that were added.
    pub prefix: String,
    pub assertions: Vec<Named>,
}

/// An error in the policy file: a path and a text.
pub type Problem = (String, String);

/// Compiles assertions. `members` is the configuration.
///
/// # Errors
/// The first problem.
pub fn compile(
    items: &[(String, Wire)],
    members: &Value,
    config: &Config,
) -> Result<Always, Problem> {
    let prefix = unused_prefix(config);
    let mut rules = Rules {
        members: members.clone(),
        prefix,
        origins: Vec::new(),
    };
    let mut assertions = Vec::new();
    for (at, wire) in items {
        let assertion = rules
            .assertion(at, wire, config)
            .map_err(|text| (at.clone(), text))?;
        assertions.push(Named {
            name: wire.name.clone(),
            at: at.clone(),
            assertion,
        });
    }
    let compiled = config::load_value(&rules.members, &chosen::variable);
    let config = compiled.map_err(|errors| {
        let first = errors.iter().next();
        first
            .map(|error| rules.origin_of(error))
            .unwrap_or_default()
    })?;
    Ok(Always {
        config,
        prefix: rules.prefix,
        assertions,
    })
}

/// The configuration with a rule for each requirement and match.
struct Rules {
    members: Value,
    prefix: String,
    /// The index of each added rule, and the path of its assertion.
    origins: Vec<(usize, String, &'static str)>,
}

impl Rules {
    fn assertion(&mut self, at: &str, wire: &Wire, config: &Config) -> Result<Assertion, String> {
        let Wire {
            credential,
            only_if,
            when,
            matches,
            never,
            always,
            no_shadowed_rules,
            ..
        } = wire;
        let is_denial = always.is_some();
        match (credential, only_if, when.is_some() || matches.is_some(), never, is_denial, no_shadowed_rules) {
            (Some(credential), Some(only_if), _, None, false, None) if when.is_none() => {
                let credential = index(credential, config)?;
                let require = self.add(at, "only_if", json!({
                    "require": only_if, "credential": NO_CREDENTIAL, "mode": "shadow",
                }));
                let matches = matches.as_ref().map(|matches| {
                    self.add(at, "match", json!({"match": matches, "effect": "deny", "mode": "shadow"}))
                });
                Ok(Assertion::OnlyIf { credential, require, matches })
            }
            (None, None, true, never, _, None) if never.is_some() != is_denial => {
                let credential = match never {
                    Some(Never::Credential(name)) => Some(index(name, config)?),
                    Some(Never::Permit) | None => None,
                };
                let mut rule = json!({"effect": "deny", "mode": "shadow"});
                if let Some(when) = when {
                    rule["require"] = when.clone();
                }
                if let Some(matches) = matches {
                    rule["match"] = matches.clone();
                }
                let has_requirement = when.is_some();
                Ok(Assertion::Never { credential, when: self.add(at, "when", rule), has_requirement })
            }
            (None, None, false, None, false, Some(true)) => Ok(Assertion::NoShadowedRules),
            _ => Err("must have `credential` and `only_if`, or `when` or `match` with `never` or `always: deny`, or \
                      `no_shadowed_rules: true`"
                .to_owned()),
        }
    }

    /// Adds a rule and returns its name. `field` is the field of the assertion that contains the requirement.
    fn add(&mut self, at: &str, field: &'static str, mut rule: Value) -> String {
        let name = format!("{}-{}", self.prefix, self.origins.len());
        rule["name"] = json!(name);
        if let Value::Object(members) = &mut self.members {
            let rules = members.entry("rules").or_insert_with(|| json!([]));
            if let Value::Array(rules) = rules {
                self.origins.push((rules.len(), at.to_owned(), field));
                rules.push(rule);
            }
        }
        name
    }

    /// Returns an error of the configuration as an error of the assertion that contains it.
    fn origin_of(&self, error: &ConfigError) -> Problem {
        for (index, at, field) in &self.origins {
            let own = format!("rules[{index}].");
            if let Some(rest) = error.path.strip_prefix(&own) {
                let rest = match rest.strip_prefix("require") {
                    Some(rest) => format!("{field}{rest}"),
                    None => rest.to_owned(),
                };
                return (at.clone(), format!("{rest}: {}", error.problem));
            }
        }
        (String::new(), error.to_string())
    }
}

fn index(credential: &str, config: &Config) -> Result<Option<usize>, String> {
    if credential == NO_CREDENTIAL {
        return Ok(None);
    }
    let mut credentials = config.credentials.iter();
    let found = credentials.position(|known| *known.name == *credential);
    found
        .map(Some)
        .ok_or_else(|| format!("no credential is named {credential:?}"))
}

/// A prefix that no rule name has.
fn unused_prefix(config: &Config) -> String {
    let anonymous = config.policy.anonymous.iter().map(|rule| &rule.name);
    let names: Vec<_> = anonymous
        .chain(config.policy.rules.iter().map(|rule| &rule.name))
        .collect();
    let mut prefix = "policy-test".to_owned();
    while names.iter().any(|name| name.starts_with(&prefix)) {
        prefix.push('x');
    }
    prefix
}

/// The members of a counterexample in reports.
pub fn counterexample(witness: &crate::prove::assertion::Counterexample) -> Map<String, Value> {
    let caller = witness.witness.caller.as_ref();
    let claims = caller.and_then(|caller| caller.get("claims")).cloned();
    let rule = witness.answer.record.get("rule").cloned();
    let mut members = Map::new();
    members.insert("claims".into(), claims.unwrap_or_default());
    members.insert("caller".into(), caller.cloned().unwrap_or_default());
    members.insert("request".into(), witness.witness.request.clone());
    members.insert("rule".into(), rule.unwrap_or_default());
    members
}
