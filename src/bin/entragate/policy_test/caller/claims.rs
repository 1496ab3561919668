//! The claims of a caller.

use super::{Kind, Shorthand, kind, place};
use entragate::time::Timestamp;
use entragate::token::claim_path::ClaimPath;
use entragate::token::facets;
use entragate::token::issuer::{Authority, Entra, Issuer, Tenants, Version};
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

/// Returns the claims. Their kind may differ from that of the caller.
pub fn unchecked(
    caller: &Shorthand,
    issuer: &Issuer,
    max_lifetime: Option<Duration>,
    now: Timestamp,
) -> Map<String, Value> {
    let mut complete = COMPLETE.iter();
    if complete.all(|name| caller.claims.contains_key(*name)) {
        let mut claims = caller.claims.clone();
        claims.retain(|_, value| !value.is_null());
        return claims;
    }
    let mut draft = Draft {
        caller,
        issuer,
        claims: Map::new(),
    };
    draft.set("aud", json!(issuer.audiences.first()));
    draft.set_times(now, max_lifetime);
    match &issuer.authority {
        Authority::Entra(entra) => draft.set_entra(entra),
        Authority::Oidc { issuer } => draft.set("iss", issuer.as_str().into()),
    }
    draft.set("sub", SUBJECT.into());
    draft.set_identifiers();
    draft.set_names();
    draft.set_authentication();
    draft.set_kind();
    draft.override_claims();
    draft.claims
}

struct Draft<'c> {
    caller: &'c Shorthand,
    issuer: &'c Issuer,
    claims: Map<String, Value>,
}

impl Draft<'_> {
    fn set(&mut self, name: &str, value: Value) {
        self.claims.insert(name.into(), value);
    }

    fn put(&mut self, path: &ClaimPath, value: Value) {
        place::set(&mut self.claims, path.as_str(), value);
    }

    fn set_times(&mut self, now: Timestamp, max_lifetime: Option<Duration>) {
        let lifetime = max_lifetime.map_or(LIFETIME, |limit| limit.min(LIFETIME));
        self.set("iat", now.as_secs().into());
        self.set("nbf", now.as_secs().into());
        self.set("exp", now.plus(lifetime).as_secs().into());
    }

    fn set_entra(&mut self, entra: &Entra) {
        let own = match &entra.tenants {
            Tenants::Listed(tenants) => tenants.first().map(|tenant| &**tenant),
            Tenants::Any => None,
        };
        let tenant = self.caller.tenant.as_deref().or(own).unwrap_or(TENANT);
        let (version, number) = if entra.v2 {
            (Version::V2, "2.0")
        } else {
            (Version::V1, "1.0")
        };
        self.set("iss", entra.issuer(version, tenant).into());
        self.set("tid", tenant.into());
        self.set("ver", number.into());
        self.set("oid", OBJECT.into());
    }

    /// Writes the tenant, the object and the client.
    fn set_identifiers(&mut self) {
        let (caller, names) = (self.caller, &self.issuer.claims);
        if let Some(tenant) = &caller.tenant {
            self.put(&names.tenant, tenant.as_str().into());
        }
        if let Some(object) = &caller.object {
            self.put(&names.object, object.as_str().into());
        } else if names.object.as_str() != "sub" {
            self.put(&names.object, OBJECT.into());
        }
        if let Some(client) = caller.client.as_ref().or(self.issuer.clients.first()) {
            let default = match &self.issuer.authority {
                Authority::Entra(entra) if !entra.v2 => "appid",
                Authority::Entra(_) | Authority::Oidc { .. } => "azp",
            };
            self.put_or(names.client.as_ref(), default, client.as_str().into());
        }
    }

    /// Writes the scopes, roles, groups and directory roles.
    fn set_names(&mut self) {
        let (caller, names) = (self.caller, &self.issuer.claims);
        if let Some(scopes) = &caller.scopes {
            let default = match &self.issuer.authority {
                Authority::Entra(_) => "scp",
                Authority::Oidc { .. } => "scope",
            };
            self.put_or(names.scope.as_ref(), default, scopes.join(" ").into());
        }
        for (values, list) in [
            (&caller.roles, &names.roles),
            (&caller.groups, &names.groups),
        ] {
            if let Some(values) = values {
                self.put(&list.path, place::list(values, &list.members));
            }
        }
        if let Some(roles) = &caller.directory_roles {
            self.set("wids", json!(roles));
        }
    }

    /// Writes a claim at its configured path, or as the member that is its default.
    fn put_or(&mut self, path: Option<&ClaimPath>, default: &str, value: Value) {
        match path {
            Some(path) => self.put(path, value),
            None => self.put(&ClaimPath::member(default), value),
        }
    }

    fn set_authentication(&mut self) {
        if self.caller.mfa {
            self.set("amr", json!(["pwd", "mfa"]));
        }
        if let Some(contexts) = &self.caller.auth_contexts {
            self.set("acrs", json!(contexts));
        }
    }

    fn set_kind(&mut self) {
        let is_agent = self.caller.kind == Some(Kind::Agent);
        if self.caller.actor.is_some() || is_agent {
            let subject = if is_agent { "11" } else { "1" };
            self.set(facets::ACTOR, "11".into());
            self.set(facets::SUBJECT, subject.into());
        }
        if let Some(kind) = self.caller.kind {
            kind::mark(kind, self.caller, self.issuer, &mut self.claims);
        }
    }

    fn override_claims(&mut self) {
        for (name, value) in &self.caller.claims {
            match value {
                Value::Null => self.claims.remove(name),
                value => self.claims.insert(name.clone(), value.clone()),
            };
        }
    }
}
