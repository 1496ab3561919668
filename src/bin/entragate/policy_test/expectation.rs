//! The expectation of a case, and its comparison with the decision.

use crate::explain::answer::Answer;
use entragate::config::Config;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The name that stands for no credential.
pub const NO_CREDENTIAL: &str = "none";

/// Members that are absent are not compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Expectation {
    /// The code of the decision: `permitted`, `anonymous`, or the code of a denial.
    Code(String),
    Parts(Parts),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parts {
    /// The rule that permits.
    permit: Option<String>,
    /// The code of the denial.
    deny: Option<String>,
    credential: Option<String>,
    /// The rules in shadow mode that would have acted.
    shadow: Option<Shadow>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Shadow {
    Rules(BTreeSet<String>),
    /// What each rule would have done: `permit` or `deny`.
    Effects(BTreeMap<String, String>),
}

impl Expectation {
    /// Checks that the rules and credentials exist.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, config: &Config) -> Result<(), String> {
        let Self::Parts(parts) = self else {
            return Ok(());
        };
        match (&parts.permit, &parts.deny) {
            (Some(_), Some(_)) => {
                return Err("expect: `permit` and `deny` exclude each other".to_owned());
            }
            (None, None) if parts.credential.is_none() && parts.shadow.is_none() => {
                return Err("expect: is empty; add `permit: RULE` or `deny: CODE`".to_owned());
            }
            _ => {}
        }
        let policy = &config.policy;
        let anonymous = policy.anonymous.iter().map(|rule| &*rule.name);
        let rules = anonymous.chain(policy.rules.iter().map(|rule| &*rule.name));
        let rules: BTreeSet<&str> = rules.collect();
        let shadow: Vec<&String> = match &parts.shadow {
            None => Vec::new(),
            Some(Shadow::Rules(names)) => names.iter().collect(),
            Some(Shadow::Effects(effects)) => effects.keys().collect(),
        };
        let named = parts.permit.iter().chain(shadow);
        for rule in named {
            if !rules.contains(rule.as_str()) {
                return Err(format!("expect: no rule is named {rule:?}"));
            }
        }
        if let Some(credential) = &parts.credential {
            check_credential(credential, config).map_err(|text| format!("expect: {text}"))?;
        }
        Ok(())
    }

    /// Returns the differences between the decision and the expectation; empty if there are none.
    pub fn differences(&self, answer: &Answer) -> Vec<String> {
        let code = answer.text("code");
        let mut found = Vec::new();
        let mut compare = |what: &str, wanted: &str, got: &str| {
            if wanted != got {
                found.push(format!("expected {what} {wanted}, found {}", or_none(got)));
            }
        };
        let parts = match self {
            Self::Code(wanted) => {
                compare("the code", wanted, code);
                return found;
            }
            Self::Parts(parts) => parts,
        };
        if let Some(rule) = &parts.permit {
            if answer.is_denied() {
                compare("a permit by rule", rule, &format!("the denial {code}"));
            } else {
                compare("a permit by rule", rule, answer.text("rule"));
            }
        }
        if let Some(wanted) = &parts.deny {
            let got = if answer.is_denied() { code } else { "a permit" };
            compare("the denial", wanted, got);
        }
        if let Some(credential) = &parts.credential {
            let got = or_none(answer.text("credential"));
            compare("the credential", credential, got);
        }
        if let Some(shadow) = &parts.shadow {
            let effects = effects(answer);
            let (wanted, got) = match shadow {
                Shadow::Rules(rules) => (json!(rules), json!(effects.keys().collect::<Vec<_>>())),
                Shadow::Effects(wanted) => (json!(wanted), json!(effects)),
            };
            compare("in shadow mode", &wanted.to_string(), &got.to_string());
        }
        found
    }
}

/// The decisions that shadow rules would have made, by rule.
pub fn effects(answer: &Answer) -> BTreeMap<String, String> {
    let entries = answer.record.get("shadow").and_then(Value::as_array);
    let entries = entries.into_iter().flatten();
    let entry = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("rule")?, text("would")?))
    };
    entries.filter_map(entry).collect()
}

/// Checks that a credential exists.
///
/// # Errors
/// The credential does not exist.
pub fn check_credential(name: &str, config: &Config) -> Result<(), String> {
    let mut known = config.credentials.iter();
    if name == NO_CREDENTIAL || known.any(|known| *known.name == *name) {
        Ok(())
    } else {
        Err(format!("no credential is named {name:?}"))
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { NO_CREDENTIAL } else { text }
}

/// The decision in reports.
pub fn got(answer: &Answer) -> Map<String, Value> {
    let members = ["decision", "code", "rule", "credential"];
    let member = |name: &str| {
        let value = answer.record.get(name).cloned();
        (name.to_owned(), value.unwrap_or_default())
    };
    members.into_iter().map(member).collect()
}
