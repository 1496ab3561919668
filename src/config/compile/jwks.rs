//! Compiles `issuers[].jwks`: where and when an issuer's keys are fetched.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::issuer as wire;
use super::schedule::{self, Spans};
use super::text::{self, HOUR, SECOND, YEAR};
use crate::fetch::callout::Target;
use crate::fetch::refresh::Schedule;
use crate::keys::keyset::KeySet;
use crate::keys::source::KeySource;
use crate::token::issuer::{Authority, Entra, Tenants, Version};
use std::time::Duration;

const REFRESH: Duration = HOUR;
const MAX_STALE: Duration = Duration::from_secs(24 * 3600);
const COOLDOWN: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Entra's placeholder for any tenant in the URIs of key sets and discovery documents.
const COMMON: &str = "common";

#[inline(never)]
pub(super) fn compile(
    jwks: &wire::Jwks,
    authority: Result<&Authority, Reported>,
    app_id: Option<&str>,
    at: &str,
    findings: &mut Findings,
) -> Result<KeySource, Reported> {
    let schedule = schedule(jwks, at, findings);
    if jwks.discovery.is_none() && jwks.keys_cluster.is_some() {
        let problem = Problem::NoEffect {
            with: "a key set URI: only discovery uses it",
        };
        findings.add(path::member(at, "keys_cluster"), problem);
    }
    match (&jwks.uri, &jwks.discovery, &jwks.inline) {
        (Some(uri), None, None) => {
            let target = target(jwks, uri, "uri", at, findings);
            Ok(KeySource::Uri {
                target: target?,
                schedule: schedule?,
            })
        }
        (None, Some(uri), None) => {
            let target = target(jwks, uri, "discovery", at, findings)?;
            let keys_cluster = match &jwks.keys_cluster {
                None => target.cluster.clone(),
                Some(name) => text::filled(name, &path::member(at, "keys_cluster"), findings)?,
            };
            let issuer = documented_issuer(authority?, &target.path);
            Ok(KeySource::Discovery {
                target,
                issuer,
                keys_cluster,
                schedule: schedule?,
            })
        }
        (None, None, Some(inline)) => {
            refuse_fetching(jwks, at, findings);
            let at = path::member(&path::member(at, "inline"), "keys");
            let keys = KeySet::from_jwks(&inline.keys);
            keys.map(KeySource::Inline)
                .map_err(|error| findings.add(at, Problem::BadKeySet(error)))
        }
        (None, None, None) => match authority? {
            Authority::Entra(entra) => {
                let target = target(jwks, &derived(entra, app_id), "uri", at, findings);
                Ok(KeySource::Uri {
                    target: target?,
                    schedule: schedule?,
                })
            }
            Authority::Oidc { .. } => Err(findings.exactly_one(at, SOURCES, [false; 3])),
        },
        (uri, discovery, inline) => {
            let given = [uri.is_some(), discovery.is_some(), inline.is_some()];
            Err(findings.exactly_one(at, SOURCES, given))
        }
    }
}

/// The sources of keys: at most one may be set.
pub(in crate::config) const SOURCES: &[&str; 3] = &["uri", "discovery", "inline"];

#[inline(never)]
fn schedule(jwks: &wire::Jwks, at: &str, findings: &mut Findings) -> Result<Schedule, Reported> {
    let cooldown = (at, "cooldown");
    let cooldown = text::duration(jwks.cooldown, COOLDOWN, SECOND..=YEAR, cooldown, findings);
    let spans = Spans {
        refresh: (jwks.refresh, REFRESH),
        max_stale: (jwks.max_stale, MAX_STALE),
        timeout: (jwks.timeout, TIMEOUT),
    };
    let schedule = schedule::compile(spans, at, findings)?;
    Ok(Schedule {
        cooldown: cooldown?,
        ..schedule
    })
}

#[inline(never)]
fn target(
    jwks: &wire::Jwks,
    uri: &str,
    field: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<Target, Reported> {
    let target = Target::parse(jwks.cluster.as_deref().unwrap_or_default(), uri)
        .map_err(|error| findings.add(path::member(at, field), Problem::BadUri(error)));
    match jwks.cluster.as_deref() {
        None => Err(findings.absent(at, "cluster", Problem::Missing)),
        Some("") => Err(findings.add(path::member(at, "cluster"), Problem::EmptyText)),
        Some(_) => target,
    }
}

/// Refuses settings for fetches if the keys are inline.
#[inline(never)]
fn refuse_fetching(jwks: &wire::Jwks, at: &str, findings: &mut Findings) {
    for (field, given) in [
        ("cluster", jwks.cluster.is_some()),
        ("refresh", jwks.refresh.is_some()),
        ("max_stale", jwks.max_stale.is_some()),
        ("cooldown", jwks.cooldown.is_some()),
        ("timeout", jwks.timeout.is_some()),
    ] {
        if given {
            let problem = Problem::NoEffect {
                with: "inline keys, which are never fetched",
            };
            findings.add(path::member(at, field), problem);
        }
    }
}

/// The URI of Entra's keys: the tenant's own set for one tenant, the common set for several.
#[inline(never)]
fn derived(entra: &Entra, app_id: Option<&str>) -> String {
    let tenant = only_tenant(entra).unwrap_or(COMMON);
    // Tokens of both versions are signed with the same keys; only the v2 set names their issuers.
    let set = if entra.v2 {
        "discovery/v2.0/keys"
    } else {
        "discovery/keys"
    };
    let uri = format!("https://{}/{tenant}/{set}", entra.cloud.login_host());
    match app_id {
        Some(id) => format!("{uri}?appid={id}"),
        None => uri,
    }
}

fn only_tenant(entra: &Entra) -> Option<&str> {
    match &entra.tenants {
        Tenants::Listed(tenants) => match tenants.as_slice() {
            [only] => Some(only),
            _ => None,
        },
        Tenants::Any => None,
    }
}

/// The issuer in the discovery document at a path. The path at Entra determines the version, and whether the document
/// is for one tenant or, with `{tenantid}`, for all tenants.
fn documented_issuer(authority: &Authority, path: &str) -> String {
    match authority {
        Authority::Oidc { issuer } => issuer.clone(),
        Authority::Entra(entra) => {
            let version = if path.contains("/v2.0/") {
                Version::V2
            } else {
                Version::V1
            };
            let of_all = |part: &str| part == COMMON || part == "organizations";
            let tenant = only_tenant(entra).filter(|_| !path.split('/').any(of_all));
            entra.issuer(version, tenant.unwrap_or("{tenantid}"))
        }
    }
}
