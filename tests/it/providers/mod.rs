//! Tokens and key sets in the forms of real providers, and their interpretation.

mod claims;
mod corpus;
mod issued;
mod keys;
mod kinds;
mod reference;
use crate::support;

use serde_json::{Map, Value, json};
use support::*;
use testbed::keys as signing;
use testbed::mint;

const ISSUER: &str = "https://idp.example/tenant";
const AUDIENCE: &str = "hf";

/// Settings with one OpenID Connect issuer that has these additional members, and these rules.
fn oidc(more: Value, rules: Value) -> Value {
    let mut settings = with_rules(rules);
    let jwk = signing::rsa().to_jwk();
    let mut issuer = json!({
        "name": "idp", "oidc": {"issuer": ISSUER}, "audiences": [AUDIENCE],
        "jwks": {"inline": {"keys": [jwk]}},
    });
    merge(&mut issuer, more);
    settings["issuers"] = json!([issuer]);
    settings
}

/// A rule that every caller of the issuer satisfies.
fn anyone() -> Value {
    json!([{"name": "anyone", "require": {"issuer": "idp"}}])
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(members), Value::Object(more)) = (into.as_object_mut(), more) {
        members.extend(more);
    }
}

/// A token of that issuer with these claims, signed by its key.
fn token(claims: Value) -> String {
    let key = signing::rsa();
    let header = json!({"alg": "RS256", "kid": key.kid(), "typ": "JWT"});
    mint::mint(&header, &complete(claims), &key)
}

/// Adds the claims that every token has.
fn complete(claims: Value) -> Value {
    let now = mint::now();
    let mut all = Map::from_iter([
        ("iss".to_owned(), json!(ISSUER)),
        ("aud".to_owned(), json!(AUDIENCE)),
        ("sub".to_owned(), json!("caller-1")),
        ("iat".to_owned(), json!(now)),
        ("exp".to_owned(), json!(now + 3600)),
    ]);
    if let Value::Object(claims) = claims {
        all.extend(claims);
    }
    Value::Object(all)
}

/// Returns the code of a chat request with a token that has these claims.
fn code(settings: &Value, claims: Value) -> String {
    Bench::cold(settings).code(&token(claims))
}
