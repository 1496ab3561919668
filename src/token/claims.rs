//! What a verified token claims, read once into what rules, audit and forwarding ask for.
//!
//! `verify` reads claims here after the signature held. The rules are Microsoft's
//! (facts: "Microsoft identity platform access tokens", "Secure applications and APIs by validating
//! claims") for Entra, RFC 9068's for others.

mod forms;
mod unclear;

pub use self::forms::Fact;
pub use self::unclear::Unclear;

use self::forms::{Forms, each_text};
use super::claim_path::ClaimPath;
use super::claim_set::ClaimSet;
use super::issuer::{Authority, Entra, Issuer, Version, is_guid, same_id};
use super::kind::{Kind, KindEvidence};
use crate::decision::Denial;
use crate::json::raw::{Object, Raw};
use crate::text::excerpt;
use crate::time::Timestamp;
use std::sync::Arc;

/// Texts of a claim: no more than they need, since tokens are remembered by the thousands.
pub type Texts = Box<[Box<str>]>;

/// The groups a token lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    pub listed: Texts,
    /// The token says that its groups are elsewhere: Entra's groups overage, or OpenID Connect's
    /// aggregated and distributed claims (Core §5.6.2).
    pub overage: bool,
}

/// Entra's authorization endpoint for a tenant.
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

/// The claims of one token, of one issuer.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The issuer's configured name.
    pub issuer: Arc<str>,
    pub tenant: Option<Arc<str>>,
    /// `oid`, or what the issuer's `object` is mapped to: who is calling, stable in a tenant.
    pub object: Arc<str>,
    pub subject: Option<Arc<str>>,
    pub client: Option<Arc<str>>,
    /// `None`: the token does not tell.
    pub kind: Option<Kind>,
    pub roles: Texts,
    pub groups: Groups,
    pub scopes: Texts,
    /// `wids`.
    pub directory_roles: Texts,
    /// `xms_mirid`.
    pub managed_identity: Option<Arc<str>>,
    /// `uti`, else `jti`.
    pub token_id: Option<Arc<str>>,
    /// `sid`.
    pub session: Option<Arc<str>>,
    /// Where a person whose client understands claims challenges (`xms_cc` has `cp1`) can sign in
    /// more strongly: Entra's authorization endpoint.
    pub step_up_at: Option<Box<SignIn>>,
    pub expires: Timestamp,
    pub not_before: Option<Timestamp>,
    pub issued_at: Option<Timestamp>,
    /// Why they are not those of an access token meant for us.
    pub misfit: Option<Box<Denial>>,
    /// Claims that the token has, but not in a form that can be read, or not here.
    pub unclear: Unclear,
    /// Names of further claims that the token says are elsewhere.
    pub elsewhere: Texts,
    /// Whatever else can be asked for: see [`Issuer::kept`].
    pub others: ClaimSet,
}

impl Claims {
    /// Reads the claims of a token. That they fit us is noted, but nothing is refused yet but their
    /// form.
    ///
    /// # Errors
    /// [`Denial::TokenMalformed`] when a claim that every token needs is missing or has a wrong form.
    pub fn read(issuer: &Issuer, all: &Object<'_>) -> Result<Self, Denial> {
        let names = &issuer.claims;
        let mut forms = Forms::default();
        let scopes = read_scopes(issuer, all, &mut forms);
        let client = forms.text(client(issuer, all), Fact::Client);
        let object = names.object.find(all);
        let object = forms.required_text(object, "its object id is not a string");
        if object.as_deref().is_none_or(str::is_empty) {
            forms.refuse("it names no subject");
        }
        let subject = forms.text(all.get("sub"), Fact::Subject);
        let uti = forms.text(all.get("uti"), Fact::TokenId);
        let is_for_us = read_audience(issuer, all, &mut forms);
        let tenant = read_tenant(issuer, all, &mut forms);
        let roles = forms.list(names.roles.path.find(all), &names.roles, Fact::Roles);
        let mut groups = read_groups(issuer, all, &mut forms);
        let directory_roles = forms.texts(all.get("wids"), Fact::DirectoryRoles);
        let managed_identity = forms.text(all.get("xms_mirid"), Fact::ManagedIdentity);
        let jti = forms.text(all.get("jti"), Fact::TokenId);
        let session = forms.text(all.get("sid"), Fact::Session);
        let elsewhere = read_elsewhere(issuer, all, &mut forms);
        groups.overage |= elsewhere.groups;
        let expires = forms.time(all.get("exp"), "its exp is not a time");
        if expires.is_none() {
            forms.refuse("it has no exp");
        }
        let not_before = forms.time(all.get("nbf"), "its nbf is not a time");
        let issued_at = forms.time(all.get("iat"), "its iat is not a time");
        let others = ClaimSet::of(all, &issuer.kept);
        let (Some(object), Some(expires), Some(others), None) =
            (object, expires, others, forms.refused)
        else {
            let malformed = forms.refused.map(Denial::TokenMalformed);
            return Err(malformed.unwrap_or(Denial::Internal("claims without end")));
        };
        let evidence = KindEvidence {
            claims: all,
            has_scopes: !scopes.is_empty(),
            are_scopes_unclear: forms.unclear.has(Fact::Scopes),
            object: &object,
            subject: subject.as_deref(),
            client: client.as_deref(),
        };
        let kind = evidence.kind(&issuer.authority, &names.kind);
        let grants_nothing = roles.is_empty() && scopes.is_empty();
        let is_for_client = !grants_nothing && client.is_some();
        let misfit = check(issuer, all, is_for_us, is_for_client)
            .and_then(|()| check_client(issuer, client.as_deref()))
            .err()
            .map(Box::new);
        Ok(Self {
            issuer: issuer.name.clone(),
            step_up_at: read_step_up(issuer, all, kind, &tenant).map(Box::new),
            tenant,
            object,
            subject,
            client,
            kind,
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
            misfit,
            unclear: forms.unclear,
            elsewhere: elsewhere.others,
            others,
        })
    }

    /// What they take in memory, in bytes, to a few per cent.
    pub fn bytes(&self) -> usize {
        let texts = [
            &self.tenant,
            &self.subject,
            &self.client,
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
            + boxed(&self.misfit)
            + boxed(&self.step_up_at)
    }
}

/// Whether these are the claims of an access token meant for us: kind of token, audience, tenant.
///
/// # Errors
/// The first rule that does not hold.
fn check(
    issuer: &Issuer,
    all: &Object<'_>,
    is_for_us: bool,
    is_for_client: bool,
) -> Result<(), Denial> {
    if all.has("cnf") {
        return Err(Denial::TokenBound);
    }
    // An ID token tells a client who signed in; it is no access token (RFC 8725 §3.11).
    if !is_for_client && all.has("nonce") {
        return Err(Denial::TokenForAnotherApi("it is an ID token"));
    }
    if !is_for_us {
        return Err(Denial::AudienceMismatch {
            issuer: issuer.name.clone(),
        });
    }
    match &issuer.authority {
        Authority::Entra(entra) => check_tenant(entra, all),
        Authority::Oidc { .. } => Ok(()),
    }
}

/// Microsoft's issuer validation: the tenant is `tid`, and `iss` must be what that tenant writes.
fn check_tenant(entra: &Entra, all: &Object<'_>) -> Result<(), Denial> {
    let mut tids = all
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("tid"));
    let only = match (tids.next(), tids.next()) {
        (Some(_), Some(_)) => return Err(Denial::TokenMalformed("it names two tenants")),
        (first, _) => first.filter(|(name, _)| *name == "tid"),
    };
    let tenant = only
        .and_then(|(_, tid)| tid.text())
        .filter(|tid| is_guid(tid))
        .ok_or(Denial::TokenMalformed("its tid is not a GUID"))?;
    let iss = all.get("iss").and_then(Raw::text).unwrap_or_default();
    if !entra.is_issuer(&iss, version(all), &tenant) {
        return Err(Denial::TokenMalformed("its iss and tid disagree"));
    }
    match entra.tenants.allow(&tenant) {
        true => Ok(()),
        false => Err(Denial::TenantNotAllowed {
            tenant: tenant.into_owned(),
        }),
    }
}

fn client<'t>(issuer: &Issuer, all: &Object<'t>) -> Option<Raw<'t>> {
    match &issuer.claims.client {
        Some(path) => path.find(all),
        None => default_client(issuer, all),
    }
}

/// Entra names the client in `appid` in v1 tokens and in `azp` in v2 tokens. An issuer may write
/// anything into the other, so it counts for nothing.
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
    match iss.ends_with("/v2.0") {
        true => Version::V2,
        false => Version::V1,
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
    match allowed {
        true => Ok(()),
        false => Err(Denial::ClientNotAllowed {
            client: excerpt(client.unwrap_or("(none)")),
        }),
    }
}

/// Whether one of its audiences is ours.
fn read_audience(issuer: &Issuer, all: &Object<'_>, forms: &mut Forms) -> bool {
    let mut is_for_us = false;
    let are_texts = each_text(all.get("aud"), &mut |audience| {
        is_for_us |= issuer.audiences.iter().any(|ours| same_id(audience, ours));
    });
    if !are_texts {
        forms.refuse("its aud is not a string or an array of strings");
    }
    is_for_us
}

/// The issuer's own text where it lists the tenant: claims are kept by the thousands.
fn read_tenant(issuer: &Issuer, all: &Object<'_>, forms: &mut Forms) -> Option<Arc<str>> {
    let tenant = issuer.claims.tenant.find(all);
    let listed = match (&issuer.authority, tenant.and_then(Raw::text)) {
        (Authority::Entra(entra), Some(tenant)) => entra.tenants.listed(&tenant).cloned(),
        (Authority::Entra(_), None) | (Authority::Oidc { .. }, _) => None,
    };
    listed.or_else(|| forms.text(tenant, Fact::Tenant))
}

fn read_scopes(issuer: &Issuer, all: &Object<'_>, forms: &mut Forms) -> Texts {
    let value = match &issuer.claims.scope {
        Some(path) => path.find(all),
        None => all.get("scope").or_else(|| all.get("scp")),
    };
    let mut scopes = Vec::new();
    let are_texts = each_text(value, &mut |text| {
        // Entra writes "/" into some tokens that have none.
        let words = text.split_ascii_whitespace().filter(|word| *word != "/");
        // Of the size that is needed: they are kept.
        scopes.reserve_exact(words.clone().count());
        words.for_each(|word| scopes.push(word.into()));
    });
    if !are_texts {
        forms.unclear.add(Fact::Scopes);
    }
    scopes.into()
}

fn read_groups(issuer: &Issuer, all: &Object<'_>, forms: &mut Forms) -> Groups {
    let groups = &issuer.claims.groups;
    let listed = forms.list(groups.path.find(all), groups, Fact::Groups);
    let overage = all.get("hasgroups").is_some_and(|has| !has.is_false());
    Groups { listed, overage }
}

/// The claims that the token says are elsewhere, by `_claim_names`: of those that have a place of
/// their own it is noted, the names of others that can be asked for are kept.
fn read_elsewhere(issuer: &Issuer, all: &Object<'_>, forms: &mut Forms) -> Elsewhere {
    let Some(names) = all.get("_claim_names") else {
        return Elsewhere::default();
    };
    let claims = &issuer.claims;
    let default_scopes = ["scope", "scp"].map(Some);
    let default_clients = ["azp", "appid", "client_id"].map(Some);
    let object = names.object();
    let is_elsewhere = |name: Option<&str>| match &object {
        Some(names) => name.is_some_and(|name| names.has(name)),
        // It says so of some, and not of which.
        None => true,
    };
    let any = |own: Option<Option<&str>>, or: &[Option<&str>]| match own {
        Some(name) => is_elsewhere(name),
        None => or.iter().any(|name| is_elsewhere(*name)),
    };
    let mut note = |fact, is_elsewhere: bool| {
        if is_elsewhere {
            forms.unclear.add(fact);
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
    let others = issuer.kept.names().filter(|name| is_elsewhere(Some(name)));
    Elsewhere {
        groups: is_elsewhere(claims.groups.path.first()),
        others: others.map(Box::from).collect(),
    }
}

/// What `_claim_names` says.
#[derive(Default)]
struct Elsewhere {
    groups: bool,
    others: Texts,
}

/// An app can't sign in more strongly: nobody is there to be asked. `tenant`: the one that is known
/// already, mostly the same.
fn read_step_up(
    issuer: &Issuer,
    all: &Object<'_>,
    kind: Option<Kind>,
    tenant: &Option<Arc<str>>,
) -> Option<SignIn> {
    let Authority::Entra(entra) = &issuer.authority else {
        return None;
    };
    let understands = all.get("xms_cc")?.items()?.any(|capability| {
        let name = capability.text();
        name.is_some_and(|name| name.eq_ignore_ascii_case("cp1"))
    });
    if !understands || kind == Some(Kind::App) {
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

/// A block of the heap with what the allocator adds to it.
const fn block(bytes: usize) -> usize {
    const ADDED: usize = 12;
    bytes + ADDED
}

/// The same of something that is seldom there.
fn boxed<T>(value: &Option<Box<T>>) -> usize {
    value.as_ref().map_or(0, |_| block(size_of::<T>()))
}

/// The same of a text that several may hold.
const fn shared(bytes: usize) -> usize {
    block(bytes + 2 * size_of::<usize>())
}

#[cfg(test)]
pub(crate) mod tests;
