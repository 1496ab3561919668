//! Tests of whole configurations: accepted, refused, and the error messages.

mod accepted;
mod forms;
mod issuers;
mod reach;
mod refused;
mod schema;
mod secrets;
mod together;

use super::{Config, ConfigErrors, load_value};
use serde_json::{Value, json};
use std::time::Duration;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER_TENANT: &str = "11111111-1111-1111-1111-111111111111";

/// A valid configuration with an example of each section.
fn base() -> Value {
    json!({
        "issuers": [
            {
                "name": "contoso",
                "entra": {"tenants": [TENANT]},
                "audiences": ["api://hf"],
                "jwks": {"cluster": "entra"},
            },
            {
                "name": "keycloak",
                "oidc": {"issuer": "https://kc.example/realms/ml"},
                "audiences": ["hf"],
                "jwks": {"cluster": "kc", "uri": "https://kc.example/realms/ml/certs"},
            },
        ],
        "token": {},
        "wait": {},
        "credentials": [
            {"name": "hf-read", "env": "HF_TOKEN_READ"},
            {"name": "hf-inline", "value": "hf_inlinesecret"},
        ],
        "rules": [
            {
                "name": "health",
                "match": {"methods": ["GET"], "paths": ["/health"]},
                "anonymous": true,
            },
            {
                "name": "contractors",
                "match": {},
                "require": {"role": "Contractor"},
                "effect": "deny",
            },
            {
                "name": "scientists",
                "match": {"methods": ["POST"], "paths": ["/v1/**"]},
                "require": {"any": [{"role": "Model.Query"}, {"group": OTHER_TENANT}]},
                "credential": "hf-read",
            },
        ],
        "forward": {},
        "replies": {},
        "audit": {},
    })
}

/// The base configuration with one value changed. A pointer to a missing member adds it; `null` removes it.
fn with(pointer: &str, value: Value) -> Value {
    let mut config = base();
    set(&mut config, pointer, value);
    config
}

fn set(config: &mut Value, pointer: &str, value: Value) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match config.pointer_mut(parent).unwrap() {
        Value::Object(members) if value.is_null() => drop(members.remove(last)),
        Value::Object(members) => drop(members.insert(last.to_owned(), value)),
        Value::Array(items) => match last {
            "-" => items.push(value),
            index => items[index.parse::<usize>().unwrap()] = value,
        },
        _ => panic!("{pointer} leads nowhere"),
    }
}

fn environment(name: &str) -> Option<String> {
    match name {
        "HF_TOKEN_READ" | "VAULT_TOKEN" | "HF_OAUTH_SECRET" | "MONITOR_TOKEN" => {
            Some("hf_environmentsecret".into())
        }
        "EMPTY" => Some(String::new()),
        "BROKEN" => Some("hf_environment secret".into()),
        "LINE_ENDS" => Some("hf_environmentsecret\r\n\n".into()),
        "ONLY_LINE_ENDS" => Some("\n".into()),
        "ODD_SECRET" => Some("a b&c=\"d\"%:\u{e9}\n".into()),
        _ => None,
    }
}

fn try_load(config: &Value) -> Result<Config, ConfigErrors> {
    load_value(config, &environment)
}

fn accepted(config: &Value) -> Config {
    let complaints = schema::complaints(config);
    assert!(
        complaints.is_empty(),
        "the schema refuses it: {complaints:#?}"
    );
    try_load(config).unwrap_or_else(|errors| panic!("refused:\n{errors}"))
}

fn refused(config: &Value) -> Vec<String> {
    let errors = try_load(config).map(|_| ()).expect_err("accepted");
    errors.iter().map(ToString::to_string).collect()
}

/// Reads YAML as a user writes it.
fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}
