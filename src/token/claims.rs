//! The claims of a token, read once into the form that rules, audit and forwarding use.
//!
//! The checks follow Microsoft's documentation for Entra ("Microsoft identity platform access tokens",
//! "Secure applications and APIs by validating claims") and RFC 9068 for other issuers.

mod accept;
mod elsewhere;
mod reader;
mod size;
mod unclear;

pub use self::reader::Fact;
pub use self::unclear::Unclear;

use self::accept::{check, check_client, read_audience, version};
use self::elsewhere::read_elsewhere;
use self::reader::{ClaimReader, each_text};
use super::claim_set::ClaimSet;
use super::facets::{self, Actor, Facets, Sign};
use super::issuer::{Authority, Issuer, Version, is_guid};
use super::kind::{Kind, KindEvidence};
use crate::decision::Denial;
use crate::json::raw::{Object, Raw};
use crate::time::Timestamp;
use std::sync::Arc;

/// The strings of a claim, without spare capacity, because thousands of tokens are cached.
pub type Texts = Box<[Box<str>]>;

/// The groups in a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    pub listed: Texts,
    /// The token refers to groups outside the token: Entra's groups overage, or OpenID Connect's
    /// aggregated and distributed claims (Core §5.6.2).
    pub overage: bool,
}

/// Entra's authorization endpoint of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub host: &'static str,
    pub tenant: Arc<str>,
}

impl SignIn {
    pub fn uri(&self) -> String {
        [
            "https://",
            self.host,
            "/",
            &self.tenant,
            "/oauth2/v2.0/authorize",
        ]
        .concat()
    }
}

/// The claims of one token.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The issuer's configured name.
    pub issuer: Arc<str>,
    pub tenant: Option<Arc<str>>,
    /// `oid`, or the claim that the issuer's `claims.object` names. It identifies the caller within a tenant.
    pub object: Arc<str>,
    pub subject: Option<Arc<str>>,
    pub client: Option<Arc<str>>,
    /// `None`: the token does not determine it.
    pub kind: Option<Kind>,
    /// `None`: the token does not show who acts.
    pub actor: Option<Actor>,
    /// `xms_par_app_azp`: the blueprint of an agent.
    pub blueprint: Option<Arc<str>>,
    pub roles: Texts,
    pub groups: Groups,
    pub scopes: Texts,
    /// `wids`.
    pub directory_roles: Texts,
    /// `xms_mirid`.
    pub managed_identity: Option<Arc<str>>,
    /// `uti`, otherwise `jti`.
    pub token_id: Option<Arc<str>>,
    /// `sid`.
    pub session: Option<Arc<str>>,
    /// The endpoint for a stronger sign-in. Set if a person may be able to respond, and the client supports claims
    /// challenges (`xms_cc` contains `cp1`).
    pub step_up_at: Option<Box<SignIn>>,
    pub expires: Timestamp,
    pub not_before: Option<Timestamp>,
    pub issued_at: Option<Timestamp>,
    /// The denial, if these are not the claims of an access token for this API.
    pub rejection: Option<Box<Denial>>,
    /// Claims that have an unreadable form, or that the token says are elsewhere.
    pub unclear: Unclear,
    /// Names of other claims that the token says are elsewhere (`_claim_names`).
    pub elsewhere: Texts,
    /// The other claims that the configuration refers to: see [`Issuer::retained`].
    pub others: ClaimSet,
}

impl Claims {
    /// Reads the claims of a token. A token that is not for this API is recorded in `rejection`, not
    /// refused here.
    ///
    /// # Errors
    /// [`Denial::TokenMalformed`] if a required claim is missing or has the wrong form.
    pub fn read(issuer: &Issuer, all: &Object<'_>) -> Result<Self, Denial> {
        let names = &issuer.claims;
        let mut reader = ClaimReader::default();
        let scopes = read_scopes(issuer, all, &mut reader);
        let client = reader.text(client(issuer, all), Fact::Client);
        let object = names.object.find(all);
        let object = reader.required_text(object, "its object id is not a string");
        if object.as_deref().is_none_or(str::is_empty) {
            reader.refuse("it has no object id");
        }
        let subject = reader.text(all.get("sub"), Fact::Subject);
        let uti = reader.text(all.get("uti"), Fact::TokenId);
        let is_for_this_api = read_audience(issuer, all, &mut reader);
        let tenant = read_tenant(issuer, all, &mut reader);
        let roles = reader.list(names.roles.path.find(all), &names.roles, Fact::Roles);
        let mut groups = read_groups(issuer, all, &mut reader);
        let directory_roles = reader.texts(all.get("wids"), Fact::DirectoryRoles);
        let managed_identity = reader.text(all.get("xms_mirid"), Fact::ManagedIdentity);
        let jti = reader.text(all.get("jti"), Fact::TokenId);
        let session = reader.text(all.get("sid"), Fact::Session);
        let elsewhere = read_elsewhere(issuer, all, &mut reader);
        groups.overage |= elsewhere.groups;
        let expires = reader.time(all.get("exp"), "its exp is not a valid time");
        if expires.is_none() {
            reader.refuse("it has no exp");
        }
        let not_before = reader.time(all.get("nbf"), "its nbf is not a valid time");
        let issued_at = reader.time(all.get("iat"), "its iat is not a valid time");
        let others = ClaimSet::of(all, &issuer.retained);
        let (Some(object), Some(expires), Some(others), None) =
            (object, expires, others, reader.refusal)
        else {
            let malformed = reader.refusal.map(Denial::TokenMalformed);
            return Err(malformed.unwrap_or(Denial::Internal("the claims are too large to retain")));
        };
        let facets = match &issuer.authority {
            Authority::Entra(entra) => Facets::read(all, entra.agent_claims),
            Authority::Oidc { .. } => Facets::UNKNOWN,
        };
        let evidence = KindEvidence {
            claims: all,
            facets: facets.sign,
            has_scopes: !scopes.is_empty(),
            are_scopes_unclear: reader.unclear.has(Fact::Scopes),
            object: &object,
            subject: subject.as_deref(),
            client: client.as_deref(),
        };
        let kind = evidence.kind(&issuer.authority, &names.kind);
        let grants_nothing = roles.is_empty() && scopes.is_empty();
        let is_for_client = !grants_nothing && client.is_some();
        let rejection = check(issuer, all, is_for_this_api, is_for_client)
            .and_then(|()| check_client(issuer, client.as_deref()))
            .err()
            .map(Box::new);
        Ok(Self {
            issuer: issuer.name.clone(),
            step_up_at: read_step_up(issuer, all, kind, facets, &tenant).map(Box::new),
            tenant,
            object,
            subject,
            client,
            kind,
            actor: facets.actor,
            blueprint: read_blueprint(issuer, all),
            roles,
            groups,
            scopes,
            directory_roles,
            managed_identity,
            token_id: uti.or(jti),
            session,
            expires,
            not_before,
            issued_at,
            rejection,
            unclear: reader.unclear,
            elsewhere: elsewhere.others,
            others,
        })
    }
}

fn client<'t>(issuer: &Issuer, all: &Object<'t>) -> Option<Raw<'t>> {
    match &issuer.claims.client {
        Some(path) => path.find(all),
        None => default_client(issuer, all),
    }
}

/// Returns the claim that identifies the client. Entra uses `appid` in v1 tokens and `azp` in v2 tokens.
/// The other claim is ignored, because its contents are not defined.
fn default_client<'t>(issuer: &Issuer, all: &Object<'t>) -> Option<Raw<'t>> {
    let names: &[&str] = match (&issuer.authority, version(all)) {
        (Authority::Entra(_), Version::V1) => &["appid"],
        (Authority::Entra(_), Version::V2) => &["azp"],
        (Authority::Oidc { .. }, _) => &["azp", "appid", "client_id"],
    };
    names.iter().find_map(|name| all.get(name))
}

/// Reads the tenant. A listed tenant shares the issuer's string, because thousands of tokens are cached.
fn read_tenant(issuer: &Issuer, all: &Object<'_>, reader: &mut ClaimReader) -> Option<Arc<str>> {
    let tenant = issuer.claims.tenant.find(all);
    let listed = match (&issuer.authority, tenant.and_then(Raw::text)) {
        (Authority::Entra(entra), Some(tenant)) => entra.tenants.listed(&tenant).cloned(),
        (Authority::Entra(_), None) | (Authority::Oidc { .. }, _) => None,
    };
    listed.or_else(|| reader.text(tenant, Fact::Tenant))
}

fn read_scopes(issuer: &Issuer, all: &Object<'_>, reader: &mut ClaimReader) -> Texts {
    let value = match &issuer.claims.scope {
        Some(path) => path.find(all),
        None => all.get("scope").or_else(|| all.get("scp")),
    };
    let mut scopes = Vec::new();
    let are_texts = each_text(value, &mut |text| {
        // Entra writes "/" into some tokens without scopes.
        let words = text.split_ascii_whitespace().filter(|word| *word != "/");
        // No spare capacity, because the scopes are cached.
        scopes.reserve_exact(words.clone().count());
        words.for_each(|word| scopes.push(word.into()));
    });
    if !are_texts {
        reader.unclear.add(Fact::Scopes);
    }
    scopes.into()
}

fn read_groups(issuer: &Issuer, all: &Object<'_>, reader: &mut ClaimReader) -> Groups {
    let groups = &issuer.claims.groups;
    let listed = reader.list(groups.path.find(all), groups, Fact::Groups);
    let overage = all.get("hasgroups").is_some_and(|has| !has.is_false());
    Groups { listed, overage }
}

/// Reads the blueprint for audit records. A blueprint in an unreadable form makes the kind unknown.
fn read_blueprint(issuer: &Issuer, all: &Object<'_>) -> Option<Arc<str>> {
    let blueprint = match &issuer.authority {
        Authority::Entra(_) => all.get(facets::BLUEPRINT)?.text(),
        Authority::Oidc { .. } => None,
    };
    blueprint.map(|text| Arc::from(&*text))
}

/// Returns the endpoint for a stronger sign-in. An app or an agent has none, because no person can respond
/// to a challenge. `tenant` is shared if it equals `tid`.
fn read_step_up(
    issuer: &Issuer,
    all: &Object<'_>,
    kind: Option<Kind>,
    facets: Facets,
    tenant: &Option<Arc<str>>,
) -> Option<SignIn> {
    let Authority::Entra(entra) = &issuer.authority else {
        return None;
    };
    let understands = all.get("xms_cc")?.items()?.any(|capability| {
        let name = capability.text();
        name.is_some_and(|name| name.eq_ignore_ascii_case("cp1"))
    });
    let may_be_person = match kind {
        Some(Kind::User) => true,
        Some(Kind::App | Kind::Agent) => false,
        None => facets.sign == Sign::None,
    };
    if !understands || !may_be_person {
        return None;
    }
    let tid = all.get("tid")?.text().filter(|tid| is_guid(tid))?;
    Some(SignIn {
        host: entra.cloud.login_host(),
        tenant: match tenant {
            Some(tenant) if **tenant == *tid => tenant.clone(),
            _ => tid.into(),
        },
    })
}

#[cfg(test)]
pub(crate) mod tests;
