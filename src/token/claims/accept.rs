//! Whether a token is an access token for this API, from an accepted tenant and client.

use super::reader::{ClaimReader, each_text};
use crate::decision::Denial;
use crate::json::raw::{Object, Raw};
use crate::text::excerpt;
use crate::token::issuer::{Authority, Entra, Issuer, Version, is_guid, same_id};

/// Checks that these are the claims of an access token for this API: token type, audience, tenant.
///
/// # Errors
/// The denial of the first check that fails.
pub(super) fn check(
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

pub(super) fn check_client(issuer: &Issuer, client: Option<&str>) -> Result<(), Denial> {
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
pub(super) fn read_audience(issuer: &Issuer, all: &Object<'_>, reader: &mut ClaimReader) -> bool {
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

/// Returns the version of an Entra token.
pub(super) fn version(all: &Object<'_>) -> Version {
    let iss = all.get("iss").and_then(Raw::text).unwrap_or_default();
    if iss.ends_with("/v2.0") {
        Version::V2
    } else {
        Version::V1
    }
}
