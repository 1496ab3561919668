//! Conflicts between issuers: the `iss` of a token must select one issuer before a key is looked up.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::issuer as wire;
use crate::token::issuer::{Authority, Entra, Tenants, Version};

/// Refuses every issuer that shares an `iss` with an earlier one.
pub(super) fn refuse(
    issuers: &[wire::Issuer],
    authorities: &[Result<Authority, Reported>],
    findings: &mut Findings,
) {
    let known = || issuers.iter().zip(authorities).enumerate();
    for (index, (_, authority)) in known() {
        let Ok(authority) = authority else { continue };
        let shared = known().take(index).find_map(|(first, (wire, other))| {
            let iss = shared_issuer(other.as_ref().ok()?, authority)?;
            Some((first, wire, iss))
        });
        if let Some((first, wire, iss)) = shared {
            let (other, name) = (path::item("issuers", first), wire.name.clone());
            let problem = Problem::OverlappingIssuers { other, name, iss };
            findings.add(path::item("issuers", index), problem);
        }
    }
}

/// Returns an `iss` that both issuers accept.
fn shared_issuer(one: &Authority, other: &Authority) -> Option<String> {
    match (one, other) {
        (Authority::Oidc { issuer }, Authority::Oidc { issuer: other }) => {
            (issuer == other).then(|| issuer.clone())
        }
        (Authority::Entra(entra), Authority::Oidc { issuer })
        | (Authority::Oidc { issuer }, Authority::Entra(entra)) => {
            let (_, tenant) = entra.read_issuer(issuer)?;
            entra.tenants.allow(tenant).then(|| issuer.clone())
        }
        (Authority::Entra(one), Authority::Entra(other)) => {
            let tenant = shared_tenant(&one.tenants, &other.tenants)?;
            let accepts = |entra: &Entra, version| match version {
                Version::V1 => entra.v1,
                Version::V2 => entra.v2,
            };
            // The issuers of one version may have the same host in two clouds.
            [Version::V2, Version::V1].into_iter().find_map(|version| {
                let iss = one.issuer(version, &tenant);
                let both = accepts(one, version) && accepts(other, version);
                (both && iss == other.issuer(version, &tenant)).then_some(iss)
            })
        }
    }
}

fn shared_tenant(one: &Tenants, other: &Tenants) -> Option<String> {
    match (one, other) {
        (Tenants::Any, Tenants::Any) => Some("{tenant}".to_owned()),
        (Tenants::Any, Tenants::Listed(listed)) | (Tenants::Listed(listed), Tenants::Any) => {
            listed.first().map(|tenant| tenant.to_string())
        }
        (Tenants::Listed(one), Tenants::Listed(_)) => {
            let tenant = one.iter().find(|tenant| other.allow(tenant));
            tenant.map(|tenant| tenant.to_string())
        }
    }
}
