//! What a valid configuration should not do lightly.

use crate::filters::{Configuration, Filter};
use serde_json::Value;
use std::collections::BTreeSet;

/// The warnings, each with its path.
pub fn of(filter: &Filter, missing_variables: &BTreeSet<String>) -> Vec<String> {
    let parsed = match &filter.configuration {
        Configuration::Text(text) => entragate::json::parse_strict(text.trim().as_bytes()).ok(),
        Configuration::Value(value) => Some(value.clone()),
    };
    let mut warnings: Vec<String> = parsed.iter().flat_map(within).collect();
    warnings.extend(missing_variables.iter().map(|name| {
        format!("the environment here has no {name:?}; the filter does not start without it")
    }));
    warnings.extend(filter.fails_open.map(|setting| {
        format!("`{setting}` lets every request pass once the filter has crashed; fail closed")
    }));
    warnings
}

fn within(configuration: &Value) -> Vec<String> {
    let items = |name: &str| {
        configuration
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
    };
    let secrets = items("credentials").filter(|(_, entry)| entry.get("value").is_some());
    let secrets = secrets.map(|(index, _)| {
        format!("credentials[{index}].value: the secret stands in the configuration; prefer `env`")
    });
    let any = |entry: &Value| {
        entry
            .pointer("/entra/tenants/0")
            .is_some_and(|tenant| tenant == "*")
    };
    let tenants = items("issuers").filter(|(_, issuer)| any(issuer)).map(|(index, _)| {
        format!(
            "issuers[{index}].entra.tenants: every tenant of Entra ID is accepted; let rules ask \
             for more than what any tenant can give itself"
        )
    });
    let idle = items("rules")
        .next()
        .is_none()
        .then(|| "rules: there are none, so every request will be refused".to_owned());
    secrets.chain(tenants).chain(idle).collect()
}
