//! Refinements that the wire types do not express: patterns of strings, ranges of numbers, lists that must not be
//! empty, and mutually exclusive fields.

use super::super::compile::{self, MOST_BYTES, MOST_ENTRIES};
use crate::keys::algorithm::Algorithm;
use serde_json::{Map, Value, json};

const NAME: &str = "^[a-z0-9-]{1,63}$";
const GUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
const DOMAIN: &str = "^[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)+$";
const URI: &str = "^https?://";

/// Adds all refinements. An unknown place is skipped; a test reports it.
pub(super) fn refine(schema: &mut Value) {
    for (place, more) in refinements() {
        add(schema, place, more);
    }
}

/// Adds a refinement to one place and returns whether the place exists.
fn add(schema: &mut Value, place: &str, more: Value) -> bool {
    match (find(schema, place), more) {
        (Some(members), Value::Object(more)) => {
            members.extend(more);
            true
        }
        _ => false,
    }
}

/// A place is a definition, followed by a field or a choice, followed by `[]` for the items of a list.
fn find<'s>(schema: &'s mut Value, place: &str) -> Option<&'s mut Map<String, Value>> {
    let (path, items) = match place.strip_suffix("[]") {
        Some(path) => (path, true),
        None => (place, false),
    };
    let (definition, field) = match path.split_once('.') {
        Some((definition, field)) => (definition, Some(field)),
        None => (path, None),
    };
    let mut at = match definition {
        "Config" => schema,
        _ => schema.get_mut("$defs")?.get_mut(definition)?,
    };
    if let Some(field) = field {
        let has = |shape: &Value| shape["properties"].get(field).is_some();
        if !has(at) {
            let choices = at.get_mut("oneOf")?.as_array_mut()?;
            at = choices.iter_mut().find(|choice| has(choice))?;
        }
        at = at.get_mut("properties")?.get_mut(field)?;
    }
    match items {
        true => at.get_mut("items")?.as_object_mut(),
        false => at.as_object_mut(),
    }
}

fn refinements() -> Vec<(&'static str, Value)> {
    let filled = || json!({"minLength": 1});
    let some = || json!({"minItems": 1});
    let pattern = |pattern: &str| json!({ "pattern": pattern });
    let algorithms: Vec<&str> = Algorithm::ALL
        .map(Algorithm::name)
        .into_iter()
        .chain(["Ed25519"])
        .collect();
    let tenants = format!("{GUID}|^\\*$");
    vec![
        ("Config.issuers", some()),
        // Issuers and their keys.
        ("Issuer", issuer_forms()),
        ("Issuer.name", pattern(NAME)),
        ("Issuer.audiences", some()),
        ("Issuer.audiences[]", filled()),
        ("Issuer.clients[]", filled()),
        ("Issuer.algorithms", some()),
        ("Issuer.algorithms[]", json!({ "enum": algorithms })),
        ("Entra.tenants", some()),
        ("Entra.tenants[]", pattern(&tenants)),
        ("Entra.versions", some()),
        ("Entra.app_id", pattern(GUID)),
        ("Oidc.issuer", filled()),
        ("Jwks", at_most_one(compile::KEY_SOURCES)),
        (
            "Jwks",
            json!({"anyOf": [{"required": ["cluster"]}, {"required": ["inline"]}]}),
        ),
        ("Jwks.cluster", filled()),
        ("Jwks.uri", pattern(URI)),
        ("Jwks.discovery", pattern(URI)),
        ("InlineKeys.keys", some()),
        // The token.
        ("Token.headers", some()),
        (
            "Token.max_bytes",
            json!({"minimum": 1, "maximum": MOST_BYTES}),
        ),
        ("Token.types", some()),
        ("TokenLocation.name", filled()),
        // Credentials.
        ("Credential", exactly_one(compile::CREDENTIAL_SOURCES)),
        ("Credential.name", pattern(NAME)),
        ("Credential.env", pattern("^[^=]+$")),
        ("Credential.value", filled()),
        ("Credential.clusters", some()),
        ("Credential.clusters[]", filled()),
        ("Http.cluster", filled()),
        ("Http.uri", pattern(URI)),
        ("Http.pointer", pattern("^/")),
        ("TokenExchange.cluster", filled()),
        ("TokenExchange.uri", pattern(URI)),
        ("TokenExchange.client_id", filled()),
        ("TokenExchange.subject_claim", filled()),
        ("TokenExchange.subject_domains", some()),
        ("TokenExchange.subject_domains[]", pattern(DOMAIN)),
        (
            "TokenExchange.entries",
            json!({"minimum": 1, "maximum": MOST_ENTRIES}),
        ),
        ("SecretRef.env", pattern("^[^=]+$")),
        ("ManagedIdentity.client_id", pattern(GUID)),
        ("ClientCredentials.client_id", pattern(GUID)),
        // Rules and endpoints.
        ("Rule", json!({"anyOf": rule_forms()})),
        ("Rule.name", pattern(NAME)),
        ("Match.hosts", some()),
        ("Match.methods", some()),
        ("Match.paths", some()),
        ("Match.paths[]", pattern("^[/*]")),
        ("Match.models", some()),
        ("Match.clusters", some()),
        ("Match.clusters[]", filled()),
        ("Match.issuers", some()),
        ("Endpoint", exactly_one(compile::MODEL_SOURCES)),
        ("Endpoint.hosts", some()),
        ("Endpoint.clusters", some()),
        ("Endpoint.clusters[]", filled()),
        ("Endpoint.paths", some()),
        ("Endpoint.paths[]", pattern("^[/*]")),
        ("Requirement.role", filled()),
        ("Requirement.group", filled()),
        ("Requirement.scope", filled()),
        ("Requirement.directory_role", pattern(GUID)),
        ("Requirement.client", filled()),
        ("Requirement.object", filled()),
        ("Requirement.tenant", filled()),
        ("Requirement.mfa", json!({"const": true})),
        ("Requirement.auth_context", pattern("^c[1-9][0-9]?$")),
        ("Requirement.source", some()),
        ("Requirement.peer", filled()),
        ("Requirement.all", some()),
        ("Requirement.any", some()),
        ("Claim", exactly_one(compile::CLAIM_TESTS)),
        ("Claim.path", filled()),
        (
            "Claim.equals",
            json!({"type": ["string", "number", "boolean"]}),
        ),
        (
            "Claim.contains",
            json!({"type": ["string", "number", "boolean"]}),
        ),
        (
            "Claim.one_of",
            json!({"minItems": 1, "items": {"type": ["string", "number", "boolean"]}}),
        ),
        ("Window.days", some()),
        (
            "Window.from",
            pattern("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
        ),
        (
            "Window.to",
            pattern("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
        ),
        ("Window.utc_offset", pattern("^[+-][0-9]{2}:[0-9]{2}$")),
        // Other sections.
        ("ProtectedResource.resource", pattern("^https://.")),
        ("ProtectedResource.authorization_servers", some()),
        ("Revocation.cluster", filled()),
        ("Revocation.uri", pattern(URI)),
        ("Limits.body_inspected", json!({"minimum": 1})),
        ("Limits.inspections", json!({"minimum": 1})),
        ("Limits.inspected_bytes", json!({"minimum": 1})),
        ("Export.batch", json!({"minimum": 1, "maximum": 10_000})),
        (
            "ClientAddress.trusted_hops",
            json!({"maximum": compile::MOST_HOPS}),
        ),
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

    /// A renamed field must not silently lose its refinement.
    #[test]
    fn every_refined_place_exists() {
        let mut schema = super::super::schema();
        for (place, more) in refinements() {
            assert!(add(&mut schema, place, more), "{place}");
        }
    }
}
