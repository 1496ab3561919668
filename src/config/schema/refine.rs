//! Conditions across the fields of an object: mutually exclusive fields, and the forms of rules and issuers.

use super::super::compile;
use serde_json::{Value, json};

/// Adds all conditions. An unknown definition is skipped; a test reports it.
pub(super) fn refine(schema: &mut Value) {
    for (definition, conditions) in refinements() {
        add(schema, definition, conditions);
    }
}

/// Adds conditions to a definition and returns whether it exists.
fn add(schema: &mut Value, definition: &str, conditions: Value) -> bool {
    let definitions = schema.get_mut("$defs");
    let found = definitions.and_then(|all| all.get_mut(definition)?.as_object_mut());
    match (found, conditions) {
        (Some(members), Value::Object(conditions)) => {
            members.extend(conditions);
            true
        }
        _ => false,
    }
}

fn refinements() -> [(&'static str, Value); 10] {
    [
        ("Issuer", issuer_forms()),
        ("Jwks", at_most_one(compile::KEY_SOURCES)),
        (
            "Jwks",
            json!({"anyOf": [{"required": ["cluster"]}, {"required": ["inline"]}]}),
        ),
        ("Credential", exactly_one(compile::CREDENTIAL_SOURCES)),
        ("Rule", json!({"anyOf": rule_forms()})),
        ("Match", mcp_has_place()),
        ("Mcp", json!({"minProperties": 1})),
        ("Endpoint", exactly_one(compile::MODEL_SOURCES)),
        ("Claim", exactly_one(compile::CLAIM_TESTS)),
        ("RevocationSources", json!({"minProperties": 1})),
    ]
}

/// Only Entra issuers have a predefined key set URI.
fn issuer_forms() -> Value {
    let any_source: Vec<Value> = compile::KEY_SOURCES
        .iter()
        .map(|source| json!({"required": [source]}))
        .collect();
    json!({"oneOf": [
        {"required": ["entra"], "not": {"required": ["oidc"]}},
        {"required": ["oidc"], "properties": {"jwks": {"anyOf": any_source}}},
    ]})
}

/// Messages are matched only at certain places.
fn mcp_has_place() -> Value {
    let place = ["paths", "hosts", "clusters"].map(|field| json!({"required": [field]}));
    let any: Vec<Value> = [json!({"not": {"required": ["mcp"]}})]
        .into_iter()
        .chain(place)
        .collect();
    json!({"anyOf": any})
}

/// A rule is anonymous, denies, or allows.
fn rule_forms() -> Value {
    json!([
        {"title": "anonymous: permits anyone", "required": ["match", "anonymous"],
         "properties": {"anonymous": {"const": true}, "match": {"minProperties": 1}}, "not": {"required": ["require"]}},
        {"title": "deny", "required": ["effect"],
         "properties": {"effect": {"const": "deny"}, "anonymous": {"const": false}}, "not": {"required": ["credential"]}},
        {"title": "allow", "required": ["require", "credential"],
         "properties": {"effect": {"const": "allow"}, "anonymous": {"const": false}}},
    ])
}

fn exactly_one(of: &[&str]) -> Value {
    let one: Vec<Value> = of.iter().map(|name| json!({"required": [name]})).collect();
    json!({ "oneOf": one })
}

fn at_most_one(of: &[&str]) -> Value {
    let mut one: Vec<Value> = of.iter().map(|name| json!({"required": [name]})).collect();
    one.push(json!({"not": {"anyOf": one}}));
    json!({ "oneOf": one })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A renamed type must not silently lose its conditions.
    #[test]
    fn every_refined_definition_exists() {
        let mut schema = super::super::schema();
        for (definition, conditions) in refinements() {
            assert!(add(&mut schema, definition, conditions), "{definition}");
        }
    }
}
