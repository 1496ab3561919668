//! Compiles `issuers[].groups_overage`: where the groups of callers with too many groups are looked up.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::issuer as wire;
use super::super::wire::service::Auth;
use super::auth::Auths;
use super::text::{self, HOUR, MILLISECOND};
use super::{each, issuers};
use crate::fetch::callout::Target;
use crate::groups::{self, Source};
use crate::policy::rule::Policy;
use crate::token::issuer::is_guid;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(300);
const LONGEST_TTL: Duration = Duration::from_secs(24 * 3600);
const TIMEOUT: Duration = Duration::from_secs(5);

/// One entry for each issuer.
#[inline(never)]
pub(super) fn compile(
    issuers: &[wire::Issuer],
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<Vec<Option<Source>>, Reported> {
    each(issuers, "issuers", findings, |issuer, at, findings| {
        let Some(graph) = graph_of(issuer) else {
            return Ok(None);
        };
        let at = path::member(&path::member(at, "groups_overage"), "graph");
        source(graph, issuer, auths, &at, findings).map(Some)
    })
}

/// Refuses rules that name more groups than are looked up.
#[inline(never)]
pub(super) fn limit(issuers: &[wire::Issuer], policy: &Policy, findings: &mut Findings) {
    for (index, issuer) in issuers.iter().enumerate() {
        let (groups, most) = (
            policy.required_groups(&issuer.name).len(),
            groups::MOST_GROUPS,
        );
        if graph_of(issuer).is_some() && groups > most {
            let at = format!("issuers[{index}].groups_overage.graph");
            findings.add(at, Problem::TooManyGroups { groups, most });
        }
    }
}

fn graph_of(issuer: &wire::Issuer) -> Option<&wire::Graph> {
    match &issuer.groups_overage {
        Some(wire::GroupsOverage::Graph(graph)) => Some(graph),
        Some(wire::GroupsOverage::Deny) | None => None,
    }
}

#[inline(never)]
fn source(
    wire: &wire::Graph,
    issuer: &wire::Issuer,
    auths: &mut Auths<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Source, Reported> {
    let tenant = tenant(issuer, at, findings);
    let graph = address(&wire.cluster, wire.host.as_deref(), issuer, at, findings);
    let ttl = MILLISECOND..=LONGEST_TTL;
    let ttl = text::duration(wire.ttl, TTL, ttl, (at, "ttl"), findings);
    let timeout = MILLISECOND..=HOUR;
    let timeout = text::duration(wire.timeout, TIMEOUT, timeout, (at, "timeout"), findings);
    let at = path::member(at, "auth");
    let auth = auths.compile(&wire.auth, &at, findings);
    same_tenant(&wire.auth, tenant?, &at, findings)?;
    Ok(Source {
        graph: graph?,
        ttl: ttl?,
        timeout: timeout?,
        auth: auth?,
    })
}

/// The address of Microsoft Graph, including the version.
pub(super) fn address(
    cluster: &str,
    host: Option<&str>,
    issuer: &wire::Issuer,
    at: &str,
    findings: &mut Findings,
) -> Result<Target, Reported> {
    let filled = text::filled(cluster, &path::member(at, "cluster"), findings);
    let cloud = issuer.entra.as_ref().and_then(|entra| entra.cloud);
    let host = host.unwrap_or_else(|| issuers::cloud(cloud).graph_host());
    let rule = "is not a valid host; write it without scheme and path, such as graph.microsoft.com";
    let graph = Target::parse(cluster, &format!("https://{host}/v1.0/"));
    let is_host = |target: &Target| target.path == "/v1.0/";
    let graph = graph.ok().filter(is_host);
    let graph =
        graph.ok_or_else(|| findings.add(path::member(at, "host"), Problem::BadText { rule }));
    filled?;
    graph
}

/// The only tenant of the issuer. Microsoft Graph returns only members of one tenant.
pub(super) fn tenant<'w>(
    issuer: &'w wire::Issuer,
    at: &str,
    findings: &mut Findings,
) -> Result<&'w str, Reported> {
    match issuer.entra.as_ref().map(|entra| entra.tenants.as_slice()) {
        Some([only]) if only != "*" => Ok(only),
        Some(_) => Err(findings.add(at, Problem::OneTenant)),
        None => {
            let with = "an issuer other than entra";
            Err(findings.add(at, Problem::NoEffect { with }))
        }
    }
}

/// Checks that the token for Graph belongs to the issuer's tenant. The tenant of a managed identity is unknown here.
pub(super) fn same_tenant(
    auth: &Auth,
    tenant: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<(), Reported> {
    match auth {
        Auth::ClientCredentials(wire)
            if is_guid(&wire.tenant) && !wire.tenant.eq_ignore_ascii_case(tenant) =>
        {
            let at = path::member(&path::member(at, "client_credentials"), "tenant");
            let tenant = tenant.to_owned();
            Err(findings.add(at, Problem::OtherTenant { tenant }))
        }
        Auth::ClientCredentials(_) | Auth::ManagedIdentity(_) | Auth::Env(_) => Ok(()),
    }
}
