//! Compiles `issuers`.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::issuer as wire;
use super::{claims, each, jwks, names, overlap, text};
use crate::keys::algorithm::Algorithm;
use crate::keys::source::KeySource;
use crate::token::claim_set::RetainedClaims;
use crate::token::issuer::{Authority, Cloud, Entra, Issuer, Tenants, is_guid};
use std::sync::Arc;

const AT: &str = "issuers";
const ENTRA_ALGORITHMS: [Algorithm; 1] = [Algorithm::Rs256];
const OIDC_ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

#[inline(never)]
pub(super) fn compile(
    issuers: &[wire::Issuer],
    findings: &mut Findings,
) -> Result<Vec<(Issuer, KeySource)>, Reported> {
    if issuers.is_empty() {
        let otherwise = "configure at least one issuer, because every request would be denied";
        return Err(findings.add(AT, Problem::EmptyList { otherwise }));
    }
    names::check(
        AT,
        issuers.iter().map(|issuer| issuer.name.as_str()),
        findings,
    );
    let authorities: Vec<_> = issuers
        .iter()
        .enumerate()
        .map(|(index, issuer)| authority(issuer, &path::item(AT, index), findings))
        .collect();
    overlap::refuse(issuers, &authorities, findings);
    let pairs: Vec<_> = issuers.iter().zip(authorities).collect();
    each(&pairs, AT, findings, |(wire, authority), at, findings| {
        issuer(
            wire,
            authority.as_ref().map_err(|reported| *reported),
            at,
            findings,
        )
    })
}

#[inline(never)]
fn issuer(
    wire: &wire::Issuer,
    authority: Result<&Authority, Reported>,
    at: &str,
    findings: &mut Findings,
) -> Result<(Issuer, KeySource), Reported> {
    let audiences = audiences(&wire.audiences, &path::member(at, "audiences"), findings);
    let clients = each(
        &wire.clients,
        &path::member(at, "clients"),
        findings,
        |client, at, f| text::filled(client, at, f),
    );
    let algorithms = algorithms(wire, &path::member(at, "algorithms"), findings);
    let claims = claims::compile(wire, &path::member(at, "claims"), findings);
    let app_id = wire
        .entra
        .as_ref()
        .and_then(|entra| entra.app_id.as_deref());
    let at = path::member(at, "jwks");
    let source = jwks::compile(&wire.jwks, authority, app_id, &at, findings);
    let issuer = Issuer {
        name: wire.name.as_str().into(),
        audiences: audiences?.into(),
        clients: clients?,
        algorithms: algorithms?,
        claims: claims?,
        authority: authority?.clone(),
        retained: RetainedClaims::default(),
    };
    Ok((issuer, source?))
}

fn authority(
    wire: &wire::Issuer,
    at: &str,
    findings: &mut Findings,
) -> Result<Authority, Reported> {
    match (&wire.entra, &wire.oidc) {
        (Some(preset), None) => {
            entra(preset, &path::member(at, "entra"), findings).map(Authority::Entra)
        }
        (None, Some(oidc)) => {
            let at = path::member(&path::member(at, "oidc"), "issuer");
            let rule = "is not a valid issuer; write it exactly as it appears in the tokens' `iss`, \
                        such as https://idp.example/realms/ml";
            let issuer = &oidc.issuer;
            let issuer = text::ruled(issuer, text::is_visible(issuer), rule, &at, findings)?;
            Ok(Authority::Oidc { issuer })
        }
        (entra, oidc) => {
            let given = [entra.is_some(), oidc.is_some()];
            Err(findings.exactly_one(at, &["entra", "oidc"], given))
        }
    }
}

#[inline(never)]
fn entra(wire: &wire::Entra, at: &str, findings: &mut Findings) -> Result<Entra, Reported> {
    let tenants = tenants(&wire.tenants, &path::member(at, "tenants"), findings);
    let (v1, v2) = match wire.versions.as_deref() {
        None => (true, true),
        Some(versions) => (
            versions.contains(&wire::Version::V1),
            versions.contains(&wire::Version::V2),
        ),
    };
    if let Some(id) = &wire.app_id {
        guid(id, "client id", &path::member(at, "app_id"), findings)?;
    }
    if !v1 && !v2 {
        let otherwise = "list v1, v2 or both, or remove the field to accept both";
        return Err(findings.add(
            path::member(at, "versions"),
            Problem::EmptyList { otherwise },
        ));
    }
    Ok(Entra {
        tenants: tenants?,
        cloud: cloud(wire.cloud),
        v1,
        v2,
        agent_claims: wire.agent_claims.unwrap_or(false),
    })
}

pub(super) fn cloud(wire: Option<wire::Cloud>) -> Cloud {
    match wire {
        None | Some(wire::Cloud::Public) => Cloud::Public,
        Some(wire::Cloud::UsGov) => Cloud::UsGov,
        Some(wire::Cloud::China) => Cloud::China,
    }
}

fn tenants(wire: &[String], at: &str, findings: &mut Findings) -> Result<Tenants, Reported> {
    match wire {
        [] => {
            let otherwise = "list tenant ids, or write [\"*\"] to accept any tenant";
            Err(findings.add(at, Problem::EmptyList { otherwise }))
        }
        [any] if any == "*" => Ok(Tenants::Any),
        listed => each(listed, at, findings, |tenant, at, findings| {
            match tenant.as_str() {
                "*" => Err(findings.add(at, Problem::WildcardNotAlone)),
                tenant => guid(tenant, "tenant id", at, findings).map(Arc::from),
            }
        })
        .map(Tenants::Listed),
    }
}

/// Reads a GUID and converts it to lower case.
pub(super) fn guid(
    text: &str,
    what: &'static str,
    at: &str,
    findings: &mut Findings,
) -> Result<String, Reported> {
    match is_guid(text) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(findings.add(
            at,
            Problem::NotGuid {
                what,
                text: text.to_owned(),
            },
        )),
    }
}

fn audiences(wire: &[String], at: &str, findings: &mut Findings) -> Result<Vec<String>, Reported> {
    if wire.is_empty() {
        let otherwise = "list the audiences of your API (its client id or App ID URI), because tokens for other \
                         APIs would be accepted";
        return Err(findings.add(at, Problem::EmptyList { otherwise }));
    }
    each(wire, at, findings, |audience, at, f| {
        text::filled(audience, at, f)
    })
}

fn algorithms(
    wire: &wire::Issuer,
    at: &str,
    findings: &mut Findings,
) -> Result<Vec<Algorithm>, Reported> {
    match wire.algorithms.as_deref() {
        None if wire.entra.is_some() => Ok(ENTRA_ALGORITHMS.to_vec()),
        None => Ok(OIDC_ALGORITHMS.to_vec()),
        Some([]) => {
            let otherwise = "list the accepted algorithms, or remove the field to use the default";
            Err(findings.add(at, Problem::EmptyList { otherwise }))
        }
        Some(names) => each(names, at, findings, |name, at, findings| {
            algorithm(name, at, findings)
        }),
    }
}

fn algorithm(name: &str, at: &str, findings: &mut Findings) -> Result<Algorithm, Reported> {
    if let Some(algorithm) = Algorithm::from_name(name) {
        return Ok(algorithm);
    }
    let upper = name.to_ascii_uppercase().replace(['-', '_'], "");
    let problem = match upper.as_str() {
        "NONE" => Problem::NoneAlgorithm,
        hmac if hmac.starts_with("HS") => Problem::SymmetricAlgorithm {
            name: name.to_owned(),
        },
        _ => {
            // Suggests only names that differ in spelling, because there is no certain suggestion for ES512.
            let meant = |known: &&'static str| known.eq_ignore_ascii_case(&upper);
            let suggestion = Algorithm::ALL.map(Algorithm::name).into_iter().find(meant);
            Problem::UnknownAlgorithm {
                name: name.to_owned(),
                suggestion,
            }
        }
    };
    Err(findings.add(at, problem))
}
