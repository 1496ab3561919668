//! What a verified token claims, read once into what rules, audit and forwarding ask for.
//!
//! `verify` reads claims here after the signature held. The rules are Microsoft's
//! (facts: "Microsoft identity platform access tokens", "Secure applications and APIs by validating
//! claims") for Entra, RFC 9068's for others.

use super::claim_set::ClaimSet;
use super::issuer::{Authority, Entra, Issuer, Version, is_guid};
use crate::decision::Denial;
use crate::json::raw::{Object, Raw};
use crate::text::excerpt;
use crate::time::Timestamp;
use std::sync::Arc;

/// Whether a person or an application calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    App,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::App => "app",
        }
    }
}

/// The groups a token lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    pub listed: Vec<String>,
    /// Entra left groups out because there are too many ("groups overage").
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
    pub roles: Vec<String>,
    pub groups: Groups,
    pub scopes: Vec<String>,
    /// `wids`.
    pub directory_roles: Vec<String>,
    /// `xms_mirid`.
    pub managed_identity: Option<Arc<str>>,
    /// `uti`, else `jti`.
    pub token_id: Option<Arc<str>>,
    /// `sid`.
    pub session: Option<Arc<str>>,
    /// Where a person whose client understands claims challenges (`xms_cc` has `cp1`) can sign in
    /// more strongly: Entra's authorization endpoint.
    pub step_up_at: Option<SignIn>,
    pub expires: Timestamp,
    pub not_before: Option<Timestamp>,
    pub issued_at: Option<Timestamp>,
    /// Why they are not those of an access token meant for us.
    pub misfit: Option<Denial>,
    /// Whatever else can be asked for: see [`Issuer::kept`].
    pub others: ClaimSet,
}

impl Claims {
    /// Reads the claims of a token. That they fit us is noted, but nothing is refused yet but their
    /// form.
    ///
    /// # Errors
    /// [`Denial::TokenMalformed`] when a claim has a form that nobody could read with certainty.
    pub fn read(issuer: &Issuer, all: &Object<'_>) -> Result<Self, Denial> {
        let names = &issuer.claims;
        let scopes = read_scopes(issuer, all)?;
        let client = read_client(issuer, all)?;
        let object = text(names.object.find(all), "its object id is not a string")?
            .filter(|object| !object.is_empty())
            .ok_or(Denial::TokenMalformed("it names no subject"))?;
        let subject = text(all.get("sub"), "its sub is not a string")?;
        let kind = match &issuer.authority {
            Authority::Entra(_) => entra_kind(all, &scopes, &object, subject.as_deref()),
            Authority::Oidc { .. } => oidc_kind(subject.as_deref(), client.as_deref()),
        };
        let uti = text(all.get("uti"), "its uti is not a string")?;
        let mut is_for_us = false;
        each_text(
            all.get("aud"),
            "its aud is not a string or an array of strings",
            &mut |audience| is_for_us |= issuer.audiences.iter().any(|ours| ours == audience),
        )?;
        let tenant = text(names.tenant.find(all), "its tenant is not a string")?;
        let mut claims = Self {
            issuer: issuer.name.clone(),
            tenant: tenant.clone(),
            object,
            subject,
            client,
            kind,
            roles: texts(names.roles.find(all), "its roles are not strings")?,
            groups: read_groups(issuer, all)?,
            scopes,
            directory_roles: texts(all.get("wids"), "its wids are not strings")?,
            managed_identity: text(all.get("xms_mirid"), "its xms_mirid is not a string")?,
            token_id: uti.or(text(all.get("jti"), "its jti is not a string")?),
            session: text(all.get("sid"), "its sid is not a string")?,
            step_up_at: read_step_up(issuer, all, kind, tenant),
            expires: time(all, "exp", "its exp is not a time")?
                .ok_or(Denial::TokenMalformed("it has no exp"))?,
            not_before: time(all, "nbf", "its nbf is not a time")?,
            issued_at: time(all, "iat", "its iat is not a time")?,
            misfit: Some(Denial::Internal("claims that nobody has checked")),
            others: ClaimSet::of(all, &issuer.kept)
                .ok_or(Denial::Internal("claims without end"))?,
        };
        claims.misfit = claims.check(issuer, is_for_us, all).err();
        Ok(claims)
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
        ];
        let item = |text: &String| size_of::<String>() + block(text.capacity());
        let list = |list: &Vec<String>| block(0) + list.iter().map(item).sum::<usize>();
        let texts = texts.into_iter().flatten().chain([&self.object]);
        size_of::<Self>()
            + texts.map(|text| shared(text.len())).sum::<usize>()
            + lists.into_iter().map(list).sum::<usize>()
            + block(self.others.bytes())
    }

    /// Whether these are the claims of an access token meant for us: kind of token, audience,
    /// tenant, client.
    ///
    /// # Errors
    /// The first rule that does not hold.
    fn check(&self, issuer: &Issuer, is_for_us: bool, all: &Object<'_>) -> Result<(), Denial> {
        if all.has("cnf") {
            return Err(Denial::TokenBound);
        }
        self.refuse_id_token(all)?;
        check_audience(issuer, is_for_us)?;
        if let Authority::Entra(entra) = &issuer.authority {
            check_tenant(entra, all)?;
        }
        check_client(issuer, self.client.as_deref())
    }

    /// An ID token tells a client who signed in; it is no access token (RFC 8725 §3.11).
    fn refuse_id_token(&self, all: &Object<'_>) -> Result<(), Denial> {
        let grants_nothing = self.roles.is_empty() && self.scopes.is_empty();
        if all.has("nonce") && (grants_nothing || self.client.is_none()) {
            return Err(Denial::TokenForAnotherApi("it is an ID token"));
        }
        Ok(())
    }
}

fn check_audience(issuer: &Issuer, is_for_us: bool) -> Result<(), Denial> {
    match is_for_us {
        true => Ok(()),
        false => Err(Denial::AudienceMismatch {
            issuer: issuer.name.clone(),
        }),
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
    let version = match iss.ends_with("/v2.0") {
        true => Version::V2,
        false => Version::V1,
    };
    if !entra.is_issuer(&iss, version, &tenant) {
        return Err(Denial::TokenMalformed("its iss and tid disagree"));
    }
    match entra.tenants.allow(&tenant) {
        true => Ok(()),
        false => Err(Denial::TenantNotAllowed {
            tenant: tenant.into_owned(),
        }),
    }
}

fn read_client(issuer: &Issuer, all: &Object<'_>) -> Result<Option<Arc<str>>, Denial> {
    const OTHERWISE: &str = "its client id is not a string";
    match &issuer.claims.client {
        Some(path) => text(path.find(all), OTHERWISE),
        None => {
            let first = ["azp", "appid", "client_id"]
                .into_iter()
                .find_map(|name| all.get(name));
            text(first, OTHERWISE)
        }
    }
}

fn check_client(issuer: &Issuer, client: Option<&str>) -> Result<(), Denial> {
    let allowed = issuer.clients.is_empty()
        || client.is_some_and(|client| issuer.clients.iter().any(|allowed| allowed == client));
    match allowed {
        true => Ok(()),
        false => Err(Denial::ClientNotAllowed {
            client: excerpt(client.unwrap_or("(none)")),
        }),
    }
}

fn read_scopes(issuer: &Issuer, all: &Object<'_>) -> Result<Vec<String>, Denial> {
    let value = match &issuer.claims.scope {
        Some(path) => path.find(all),
        None => all.get("scope").or_else(|| all.get("scp")),
    };
    let mut scopes = Vec::new();
    each_text(value, "its scopes are not strings", &mut |text| {
        // Entra writes "/" into some tokens that have none.
        let words = text.split_ascii_whitespace().filter(|word| *word != "/");
        // Of the size that is needed: they are kept.
        scopes.reserve_exact(words.clone().count());
        scopes.extend(words.map(str::to_owned));
    })?;
    Ok(scopes)
}

fn read_groups(issuer: &Issuer, all: &Object<'_>) -> Result<Groups, Denial> {
    let listed = texts(issuer.claims.groups.find(all), "its groups are not strings")?;
    let pointed_at = all
        .get("_claim_names")
        .and_then(Raw::object)
        .is_some_and(|names| names.has("groups"));
    let has_groups = all.get("hasgroups").is_some_and(|has| !has.is_false());
    let overage = matches!(issuer.authority, Authority::Entra(_)) && (pointed_at || has_groups);
    Ok(Groups { listed, overage })
}

fn entra_kind(
    all: &Object<'_>,
    scopes: &[String],
    object: &str,
    subject: Option<&str>,
) -> Option<Kind> {
    match all.get("idtyp").map(Raw::text) {
        Some(Some(kind)) if kind == "app" => Some(Kind::App),
        Some(Some(kind)) if kind == "user" => Some(Kind::User),
        Some(_) => None,
        None if !scopes.is_empty() => Some(Kind::User),
        None if subject == Some(object) => Some(Kind::App),
        None => None,
    }
}

/// RFC 9068 §2.2: without a resource owner, `sub` is the client's own id.
fn oidc_kind(subject: Option<&str>, client: Option<&str>) -> Option<Kind> {
    match subject? == client? {
        true => Some(Kind::App),
        false => Some(Kind::User),
    }
}

/// An app can't sign in more strongly: nobody is there to be asked. `tenant`: the one that is known
/// already, mostly the same.
fn read_step_up(
    issuer: &Issuer,
    all: &Object<'_>,
    kind: Option<Kind>,
    tenant: Option<Arc<str>>,
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
            Some(tenant) if *tenant == *tid => tenant,
            _ => tid.into(),
        },
    })
}

/// A block of the heap with what the allocator adds to it.
const fn block(bytes: usize) -> usize {
    const ADDED: usize = 12;
    bytes + ADDED
}

/// The same of a text that several may hold.
const fn shared(bytes: usize) -> usize {
    block(bytes + 2 * size_of::<usize>())
}

fn text(value: Option<Raw<'_>>, otherwise: &'static str) -> Result<Option<Arc<str>>, Denial> {
    match value {
        Some(value) if !value.is_null() => match value.text() {
            Some(text) => Ok(Some(Arc::from(&*text))),
            None => Err(Denial::TokenMalformed(otherwise)),
        },
        _ => Ok(None),
    }
}

fn texts(value: Option<Raw<'_>>, otherwise: &'static str) -> Result<Vec<String>, Denial> {
    // Of the size that is needed: they are kept.
    let items = value.and_then(Raw::items).map_or(1, Iterator::count);
    let mut texts = Vec::new();
    each_text(value, otherwise, &mut |text| {
        texts.reserve_exact(items - texts.len());
        texts.push(text.to_owned());
    })?;
    Ok(texts)
}

/// A string counts as an array of one. Anything else than strings is refused, not skipped: a deny
/// rule must not miss a role for its odd spelling.
fn each_text(
    value: Option<Raw<'_>>,
    otherwise: &'static str,
    take: &mut dyn FnMut(&str),
) -> Result<(), Denial> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(());
    };
    let mut one = |value: Raw<'_>| match value.text() {
        Some(text) => {
            take(&text);
            Ok(())
        }
        None => Err(Denial::TokenMalformed(otherwise)),
    };
    match value.items() {
        Some(mut items) => items.try_for_each(one),
        None => one(value),
    }
}

/// A NumericDate (RFC 7519 §2): seconds, perhaps with a fraction.
fn time(
    all: &Object<'_>,
    name: &str,
    otherwise: &'static str,
) -> Result<Option<Timestamp>, Denial> {
    /// The year 9999.
    const LATEST: f64 = 253_402_300_799.0;
    match all.get(name) {
        None => Ok(None),
        Some(value) => match value.number() {
            Some(secs) if (0.0..=LATEST).contains(&secs) => {
                Ok(Some(Timestamp::from_millis((secs * 1000.0) as u64)))
            }
            _ => Err(Denial::TokenMalformed(otherwise)),
        },
    }
}

#[cfg(test)]
pub(crate) mod tests;
