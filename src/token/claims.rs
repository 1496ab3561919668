//! The claims of a token, read once into the form that rules, audit and forwarding use.
//!
//! The checks follow Microsoft's documentation for Entra ("Microsoft identity platform access tokens",
//! "Secure applications and APIs by validating claims") and RFC 9068 for other issuers.

mod reader;
mod unclear;

pub use self::reader::Fact;
pub use self::unclear::Unclear;

use self::reader::{ClaimReader, each_text};
use super::claim_path::ClaimPath;
use super::claim_set::ClaimSet;
use super::facets::{self, Actor, Facets, Sign};
use super::issuer::{Authority, Entra, Issuer, Version, is_guid, same_id};
use super::kind::{Kind, KindEvidence};
use crate::decision::Denial;
use crate::json::raw::{Object, Raw};
use crate::text::excerpt;
use crate::time::Timestamp;
use std::sync::Arc;

/// The texts of a claim, without spare capacity, because thousands of tokens are cached.
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
    /// `oid`, or the claim that the issuer's `object` is mapped to: identifies the caller within a tenant.
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
    /// The endpoint for a stronger sign-in. Set if a person may be there to respond, and the client
    /// understands claims challenges (`xms_cc` contains `cp1`).
    pub step_up_at: Option<Box<SignIn>>,
    pub expires: Timestamp,
    pub not_before: Option<Timestamp>,
    pub issued_at: Option<Timestamp>,
    /// The denial, if these are not the claims of an access token for this API.
    pub rejection: Option<Box<Denial>>,
    /// Claims that have an unreadable form, or that the token refers to elsewhere.
    pub unclear: Unclear,
    /// Names of other claims that the token refers to elsewhere (`_claim_names`).
    pub elsewhere: Texts,
    /// The other claims that the configuration refers to: see [`Issuer::kept`].
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

    /// The approximate memory use in bytes, within a few per cent.
    pub fn bytes(&self) -> usize {
        let texts = [
            &self.tenant,
            &self.subject,
            &self.client,
            &self.blueprint,
            &self.managed_identity,
            &self.token_id,
            &self.session,
        ];
        let lists = [
            &self.roles,
            &self.groups.listed,
            &self.scopes,
            &self.directory_roles,
            &self.elsewhere,
        ];
        let item = |text: usize| size_of::<Box<str>>() + block(text);
        let list =
            |list: &Texts| block(0) + list.iter().map(|text| item(text.len())).sum::<usize>();
        let texts = texts.into_iter().flatten().chain([&self.object]);
        size_of::<Self>()
            + texts.map(|text| shared(text.len())).sum::<usize>()
            + lists.into_iter().map(list).sum::<usize>()
            + block(self.others.bytes())
            + boxed(&self.rejection)
            + boxed(&self.step_up_at)
    }
}

/// Checks that these are the claims of an access token for this API: token type, audience, tenant.
///
/// # Errors
/// The denial of the first check that fails.
fn check(
    issuer: &Issuer,
    all: &Object<'_>,
    is_for_this_api: bool,
    is_for_client: bool,
) -> Result<(), Denial> {
    if all.has("cnf") {
        return Err(Denial::TokenBound);
    }
    // An ID token informs a client about a sign-in; it is not an access token (RFC 8725 §3.11).
    if !is_for_client && all.has("nonce") {
        return Err(Denial::TokenForAnotherApi("it is an ID token"));
    }
    if !is_for_this_api {
        return Err(Denial::AudienceMismatch {
            issuer: issuer.name.clone(),
            audience: describe_audience(all),
            accepted: issuer.audiences.clone(),
        });
    }
    match &issuer.authority {
        Authority::Entra(entra) => check_tenant(entra, all),
        Authority::Oidc { .. } => Ok(()),
    }
}

/// Microsoft's issuer validation: `tid` is the tenant, and `iss` must be that tenant's issuer.
fn check_tenant(entra: &Entra, all: &Object<'_>) -> Result<(), Denial> {
    let mut tids = all
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("tid"));
    let only = match (tids.next(), tids.next()) {
        (Some(_), Some(_)) => return Err(Denial::TokenMalformed("it contains two tid claims")),
        (first, _) => first.filter(|(name, _)| *name == "tid"),
    };
    let tenant = only
        .and_then(|(_, tid)| tid.text())
        .filter(|tid| is_guid(tid))
        .ok_or(Denial::TokenMalformed("its tid is not a GUID"))?;
    let iss = all.get("iss").and_then(Raw::text).unwrap_or_default();
    if !entra.is_issuer(&iss, version(all), &tenant) {
        return Err(Denial::TokenMalformed("its iss and tid do not match"));
    }
    if !entra.tenants.allow(&tenant) {
        return Err(Denial::TenantNotAllowed {
            tenant: tenant.into_owned(),
        });
    }
    Ok(())
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

fn version(all: &Object<'_>) -> Version {
    let iss = all.get("iss").and_then(Raw::text).unwrap_or_default();
    if iss.ends_with("/v2.0") {
        Version::V2
    } else {
        Version::V1
    }
}

fn check_client(issuer: &Issuer, client: Option<&str>) -> Result<(), Denial> {
    let allowed = issuer.clients.is_empty()
        || client.is_some_and(|client| {
            issuer
                .clients
                .iter()
                .any(|allowed| same_id(client, allowed))
        });
    if !allowed {
        return Err(Denial::ClientNotAllowed {
            client: excerpt(client.unwrap_or("(none)")),
        });
    }
    Ok(())
}

/// Reports whether one of the token's audiences is accepted.
fn read_audience(issuer: &Issuer, all: &Object<'_>, reader: &mut ClaimReader) -> bool {
    let mut is_for_this_api = false;
    let are_texts = each_text(all.get("aud"), &mut |audience| {
        is_for_this_api |= issuer
            .audiences
            .iter()
            .any(|accepted| same_id(audience, accepted));
    });
    if !are_texts {
        reader.refuse("its aud is not a string or an array of strings");
    }
    is_for_this_api
}

/// Returns the first of the token's audiences for a message, and how many others there are.
fn describe_audience(all: &Object<'_>) -> Option<String> {
    let (mut first, mut more) = (None, 0_usize);
    each_text(all.get("aud"), &mut |audience| match first {
        None => first = Some(excerpt(audience)),
        Some(_) => more += 1,
    });
    let first = first?;
    Some(if more == 0 {
        first
    } else {
        format!("{first} (and {more} more)")
    })
}

/// Reads the tenant. A listed tenant shares the issuer's text, because thousands of tokens are cached.
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

/// Reads `_claim_names`, which lists claims that are not in the token. Claims with a [`Fact`] become
/// unclear; the names of other retained claims are returned.
fn read_elsewhere(issuer: &Issuer, all: &Object<'_>, reader: &mut ClaimReader) -> Elsewhere {
    let Some(names) = all.get("_claim_names") else {
        return Elsewhere::default();
    };
    let claims = &issuer.claims;
    let default_scopes = ["scope", "scp"].map(Some);
    let default_clients = ["azp", "appid", "client_id"].map(Some);
    let object = names.object();
    let is_elsewhere = |name: Option<&str>| match &object {
        Some(names) => name.is_some_and(|name| names.has(name)),
        // The claim names are unreadable, so any claim may be elsewhere.
        None => true,
    };
    let any = |configured: Option<Option<&str>>, defaults: &[Option<&str>]| match configured {
        Some(name) => is_elsewhere(name),
        None => defaults.iter().any(|name| is_elsewhere(*name)),
    };
    let mut note = |fact, is_elsewhere: bool| {
        if is_elsewhere {
            reader.unclear.add(fact);
        }
    };
    note(Fact::Roles, is_elsewhere(claims.roles.path.first()));
    note(
        Fact::Scopes,
        any(claims.scope.as_ref().map(ClaimPath::first), &default_scopes),
    );
    note(
        Fact::Client,
        any(
            claims.client.as_ref().map(ClaimPath::first),
            &default_clients,
        ),
    );
    note(Fact::Tenant, is_elsewhere(claims.tenant.first()));
    note(Fact::DirectoryRoles, is_elsewhere(Some("wids")));
    note(Fact::ManagedIdentity, is_elsewhere(Some("xms_mirid")));
    note(Fact::Session, is_elsewhere(Some("sid")));
    let is_token_id = is_elsewhere(Some("uti")) || is_elsewhere(Some("jti"));
    note(Fact::TokenId, is_token_id);
    let others = issuer
        .retained
        .names()
        .filter(|name| is_elsewhere(Some(name)));
    Elsewhere {
        groups: is_elsewhere(claims.groups.path.first()),
        others: others.map(Box::from).collect(),
    }
}

/// The contents of `_claim_names`.
#[derive(Default)]
struct Elsewhere {
    groups: bool,
    others: Texts,
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

/// The size of a heap block, including the allocator's overhead.
const fn block(bytes: usize) -> usize {
    const OVERHEAD: usize = 12;
    bytes + OVERHEAD
}

/// The heap size of an optional boxed value.
fn boxed<T>(value: &Option<Box<T>>) -> usize {
    value.as_ref().map_or(0, |_| block(size_of::<T>()))
}

/// The heap size of a reference-counted text.
const fn shared(bytes: usize) -> usize {
    block(bytes + 2 * size_of::<usize>())
}

#[cfg(test)]
pub(crate) mod tests;
