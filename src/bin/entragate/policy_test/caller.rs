//! Callers of cases, and the tokens that are made for them.

mod kind;
mod place;

pub use place::set;

use crate::explain::keys::key_for;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entragate::config::Config;
use entragate::keys::keyset::KeySet;
use entragate::keys::source::KeySource;
use entragate::time::Timestamp;
use entragate::token::claim_path::ClaimPath;
use entragate::token::facets;
use entragate::token::issuer::{Authority, Issuer, Tenants, Version};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long the token is valid, if the configuration does not require less.
const LIFETIME: Duration = Duration::from_secs(3600);
/// The tenant, if the configuration accepts any tenant.
const TENANT: &str = "11111111-2222-4333-8444-555555555555";
/// The caller's object id, if the case names none.
const OBJECT: &str = "00000000-0000-4000-8000-000000000001";
const SUBJECT: &str = "subject";
/// If the claims include these, they are those of a whole token, and nothing is added.
const COMPLETE: [&str; 3] = ["iss", "aud", "exp"];
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
    let claims = claims(caller, issuer, config.token.max_lifetime, now)?;
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

fn claims(
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

/// Returns the claims. Their kind may differ from that of the caller.
pub fn unchecked_claims(
    caller: &Shorthand,
    issuer: &Issuer,
    max_lifetime: Option<Duration>,
    now: Timestamp,
) -> Map<String, Value> {
    let names = &issuer.claims;
    let lifetime = max_lifetime.map_or(LIFETIME, |limit| limit.min(LIFETIME));
    if COMPLETE
        .iter()
        .all(|name| caller.claims.contains_key(*name))
    {
        let present = caller.claims.iter().filter(|(_, value)| !value.is_null());
        return present
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
    }
    let mut claims = Map::new();
    claims.insert("aud".into(), json!(issuer.audiences.first()));
    claims.insert("iat".into(), now.as_secs().into());
    claims.insert("nbf".into(), now.as_secs().into());
    claims.insert("exp".into(), now.plus(lifetime).as_secs().into());
    match &issuer.authority {
        Authority::Entra(entra) => {
            let version = if entra.v2 { Version::V2 } else { Version::V1 };
            let own = match &entra.tenants {
                Tenants::Listed(tenants) => tenants.first().map(|tenant| &**tenant),
                Tenants::Any => None,
            };
            let tenant = caller.tenant.as_deref().or(own).unwrap_or(TENANT);
            claims.insert("iss".into(), entra.issuer(version, tenant).into());
            claims.insert("tid".into(), tenant.into());
            let number = if entra.v2 { "2.0" } else { "1.0" };
            claims.insert("ver".into(), number.into());
            claims.insert("sub".into(), SUBJECT.into());
            claims.insert("oid".into(), OBJECT.into());
        }
        Authority::Oidc { issuer } => {
            claims.insert("iss".into(), issuer.as_str().into());
            claims.insert("sub".into(), SUBJECT.into());
        }
    }
    let mut put = |path: &ClaimPath, value: Value| place::set(&mut claims, path.as_str(), value);
    if let Some(tenant) = &caller.tenant {
        put(&names.tenant, tenant.as_str().into());
    }
    if let Some(object) = &caller.object {
        put(&names.object, object.as_str().into());
    } else if names.object.as_str() != "sub" {
        put(&names.object, OBJECT.into());
    }
    let client = caller.client.as_ref().or(issuer.clients.first());
    if let Some(client) = client {
        let default = match &issuer.authority {
            Authority::Entra(entra) if !entra.v2 => "appid",
            Authority::Entra(_) | Authority::Oidc { .. } => "azp",
        };
        let path = names.client.clone();
        let path = path.unwrap_or_else(|| ClaimPath::member(default));
        put(&path, client.as_str().into());
    }
    if let Some(scopes) = &caller.scopes {
        let default = match &issuer.authority {
            Authority::Entra(_) => "scp",
            Authority::Oidc { .. } => "scope",
        };
        let path = names.scope.clone();
        let path = path.unwrap_or_else(|| ClaimPath::member(default));
        put(&path, scopes.join(" ").into());
    }
    let lists = [
        (&caller.roles, &names.roles),
        (&caller.groups, &names.groups),
    ];
    for (values, list) in lists {
        if let Some(values) = values {
            put(&list.path, place::list(values, &list.members));
        }
    }
    if let Some(roles) = &caller.directory_roles {
        claims.insert("wids".into(), json!(roles));
    }
    if caller.mfa {
        claims.insert("amr".into(), json!(["pwd", "mfa"]));
    }
    if let Some(contexts) = &caller.auth_contexts {
        claims.insert("acrs".into(), json!(contexts));
    }
    if caller.actor.is_some() || caller.kind == Some(Kind::Agent) {
        let is_own = caller.kind == Some(Kind::Agent);
        claims.insert(facets::ACTOR.into(), "11".into());
        let subject = if is_own { "11" } else { "1" };
        claims.insert(facets::SUBJECT.into(), subject.into());
    }
    if let Some(kind) = caller.kind {
        kind::mark(kind, caller, issuer, &mut claims);
    }
    for (name, value) in &caller.claims {
        match value {
            Value::Null => claims.remove(name),
            value => claims.insert(name.clone(), value.clone()),
        };
    }
    claims
}
