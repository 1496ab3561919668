//! Callers of cases, and the tokens that are made for them.

mod claims;
mod kind;
mod place;

pub use claims::unchecked as unchecked_claims;
pub use place::set;

use crate::explain::keys::key_for;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entragate::config::Config;
use entragate::keys::keyset::KeySet;
use entragate::keys::source::KeySource;
use entragate::time::Timestamp;
use entragate::token::issuer::{Authority, Issuer};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

const KID: &str = "policy-test";

/// A caller in the terms of the rules. If a member is absent, the token does not have the claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shorthand {
    pub issuer: String,
    pub tenant: Option<String>,
    pub object: Option<String>,
    pub client: Option<String>,
    pub kind: Option<Kind>,
    pub actor: Option<Actor>,
    pub roles: Option<Vec<String>>,
    pub groups: Option<Vec<String>>,
    pub scopes: Option<Vec<String>>,
    pub directory_roles: Option<Vec<String>>,
    pub mfa: bool,
    pub auth_contexts: Option<Vec<String>>,
    /// Claims that are added to the token, or replace those of the other members. Null removes a claim.
    pub claims: Map<String, Value>,
    /// The groups that Microsoft Graph returns if the token has too many to list them.
    pub graph_groups: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    User,
    App,
    Agent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    Agent,
}

/// Returns the caller's token. Its signature is a placeholder.
///
/// # Errors
/// The reason why the issuer's tokens cannot have these facts.
pub fn token(caller: &Shorthand, config: &Config, now: Timestamp) -> Result<String, String> {
    let issuer = issuer(caller, config)?;
    let claims = checked_claims(caller, issuer, config.token.max_lifetime, now)?;
    Ok(signed(&claims, issuer, &config.token.types))
}

fn issuer<'c>(caller: &Shorthand, config: &'c Config) -> Result<&'c Issuer, String> {
    let mut issuers = config.issuers.iter();
    let found = issuers.find(|issuer| *issuer.name == *caller.issuer);
    found.ok_or_else(|| {
        let name = &caller.issuer;
        format!(
            "issuer: no issuer is named {name:?}; use a name from `issuers` of the configuration"
        )
    })
}

/// Returns a token with these claims.
pub fn signed(claims: &Map<String, Value>, issuer: &Issuer, types: &[String]) -> String {
    let algorithm = issuer.algorithms.first().map(|algorithm| algorithm.name());
    let typ = types.first().map_or("JWT", String::as_str);
    let header = json!({"alg": algorithm, "typ": typ, "kid": KID});
    let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
    let claims = encode(Value::Object(claims.clone()).to_string());
    [&encode(header.to_string()), &claims, SIGNATURE].join(".")
}

/// Arbitrary bytes, because signatures are not verified.
const SIGNATURE: &str = "AAAA";

/// Replaces the keys of all issuers, so that nothing is fetched. The key for the tokens of cases has the first
/// algorithm of the issuer.
pub fn provide_keys(config: &mut Config) {
    for (issuer, source) in config.issuers.iter().zip(&mut config.sources) {
        let Some(algorithm) = issuer.algorithms.first() else {
            continue;
        };
        let mut key = key_for(*algorithm);
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), KID.into());
        }
        let keys = json!({ "keys": [key] }).to_string();
        if let Ok(keys) = KeySet::from_json(keys.as_bytes()) {
            *source = KeySource::Inline(keys);
        }
    }
}

fn checked_claims(
    caller: &Shorthand,
    issuer: &Issuer,
    max_lifetime: Option<Duration>,
    now: Timestamp,
) -> Result<Map<String, Value>, String> {
    let is_agent = caller.actor.is_some() || caller.kind == Some(Kind::Agent);
    if let (true, Authority::Oidc { .. }) = (is_agent, &issuer.authority) {
        return Err("only tokens of Entra ID identify agents; remove the agent".to_owned());
    }
    let claims = unchecked_claims(caller, issuer, max_lifetime, now);
    match caller.kind {
        Some(wanted) => kind::check(wanted, issuer, &claims).map(|()| claims),
        None => Ok(claims),
    }
}
