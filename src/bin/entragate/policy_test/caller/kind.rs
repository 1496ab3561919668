//! The claims that determine a caller's kind, for each issuer's rule.

use super::{Kind, Shorthand, place};
use entragate::json::raw::Object;
use entragate::logic::Formula;
use entragate::token::claim_test::{ClaimCondition, ClaimRequirement, ClaimTest};
use entragate::token::claims::Claims;
use entragate::token::facets;
use entragate::token::issuer::{Authority, Issuer};
use entragate::token::kind::{self, KindRule, Preset};
use serde_json::{Map, Value, json};

/// Adds the claims of this kind that the caller does not set.
pub fn mark(kind: Kind, caller: &Shorthand, issuer: &Issuer, claims: &mut Map<String, Value>) {
    match (&issuer.authority, &issuer.claims.kind) {
        (Authority::Entra(_), _) => {
            let name = if kind == Kind::User { "user" } else { "app" };
            claims.insert(facets::TYPE.into(), name.into());
        }
        (Authority::Oidc { .. }, KindRule::Standard) => standard(kind, caller, claims),
        (Authority::Oidc { .. }, KindRule::Preset(preset)) => {
            preset_marks(*preset, kind, caller, claims);
        }
        (Authority::Oidc { .. }, KindRule::Claims { app, user }) => {
            let requirement = if kind == Kind::User { user } else { app };
            if let Some(requirement) = requirement {
                satisfy(requirement, claims);
            }
        }
    }
}

/// RFC 9068: `sub` identifies the client if no user is involved.
fn standard(kind: Kind, caller: &Shorthand, claims: &mut Map<String, Value>) {
    if caller.client.is_none() && !claims.contains_key("azp") {
        claims.insert("azp".into(), "client".into());
    }
    if kind == Kind::App {
        own_client(caller, claims);
        if claims.get("sub") != claims.get("azp") {
            claims.insert("gty".into(), "client-credentials".into());
        }
    }
}

/// Sets `sub` to the client, unless the case sets it.
fn own_client(caller: &Shorthand, claims: &mut Map<String, Value>) {
    if caller.client.is_none() && !claims.contains_key("azp") {
        claims.insert("azp".into(), "client".into());
    }
    if let (None, Some(client)) = (&caller.object, claims.get("azp").cloned()) {
        claims.insert("sub".into(), client);
    }
}

fn preset_marks(preset: Preset, kind: Kind, caller: &Shorthand, claims: &mut Map<String, Value>) {
    let is_user = kind == Kind::User;
    let mut put = |name: &str, value: &str| {
        claims.insert(name.to_owned(), value.into());
    };
    match (preset, is_user) {
        (Preset::Keycloak, true) => put("sid", "session"),
        (Preset::Keycloak, false) => put("preferred_username", "service-account-client"),
        (Preset::Auth0, true) if caller.object.is_none() => put("sub", "auth0|user"),
        (Preset::Auth0, true) => {}
        (Preset::Auth0, false) => put("gty", "client-credentials"),
        (Preset::Okta, true) => put("uid", "user"),
        (Preset::Cognito, true) => put("username", "user"),
        (Preset::Okta | Preset::Cognito, false) => own_client(caller, claims),
        (Preset::Google, true) => put("email", "user@example.com"),
        (Preset::Google, false) => put("email", "app@example.iam.gserviceaccount.com"),
        (Preset::GithubActions, _) => put("workflow", "workflow"),
        (Preset::Kubernetes, _) if caller.object.is_none() => {
            put("sub", "system:serviceaccount:default:app");
        }
        (Preset::Kubernetes, _) => {}
    }
}

/// Sets claims that satisfy a requirement in simple cases: for `not`, the case must set the claims.
fn satisfy(requirement: &ClaimRequirement, claims: &mut Map<String, Value>) {
    match requirement {
        Formula::Condition(ClaimCondition { path, test }) => {
            let value = match test {
                ClaimTest::Equals(value) => value.clone(),
                ClaimTest::OneOf(values) => values.first().cloned().unwrap_or_default(),
                ClaimTest::Contains(value) => json!([value]),
                ClaimTest::ContainsNumber(number) => number.to_string().into(),
                ClaimTest::Present(true) => "present".into(),
                ClaimTest::Present(false) => return,
            };
            place::set(claims, path.as_str(), value);
        }
        Formula::All(parts) => parts.iter().for_each(|part| satisfy(part, claims)),
        Formula::Any(parts) => parts.iter().take(1).for_each(|part| satisfy(part, claims)),
        Formula::Not(_) => {}
    }
}

/// Checks that the filter reads the wanted kind from the claims.
///
/// # Errors
/// The text that says what to write instead.
pub fn check(wanted: Kind, issuer: &Issuer, claims: &Map<String, Value>) -> Result<(), String> {
    let text = Value::Object(claims.clone()).to_string();
    let read = Object::read(&text).and_then(|all| Claims::read(issuer, &all).ok());
    let wanted = match wanted {
        Kind::User => kind::Kind::User,
        Kind::App => kind::Kind::App,
        Kind::Agent => kind::Kind::Agent,
    };
    match read {
        Some(claims) if claims.kind != Some(wanted) => Err(format!(
            "kind: no token of this issuer with these claims is of kind {}; remove the kind, or write the claims that \
             determine it",
            wanted.name()
        )),
        // Only the case itself sets claims that cannot be read.
        Some(_) | None => Ok(()),
    }
}
