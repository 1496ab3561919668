//! Compiles `replies.protected_resource`: the document of RFC 9728.

use super::super::error::{Findings, Reported};
use super::super::problem::Problem;
use super::super::wire;
use super::{each, text};
use crate::http::path::normalize;
use crate::reply::protected_resource::ProtectedResource;
use crate::token::issuer::{Authority, Entra, Issuer, Tenants};

const AT: &str = "replies.protected_resource";

#[inline(never)]
pub(super) fn compile<'i>(
    wire: &wire::ProtectedResource,
    issuers: impl Iterator<Item = &'i Issuer>,
    findings: &mut Findings,
) -> Result<ProtectedResource, Reported> {
    let resource = resource(&wire.resource, findings);
    let scopes = each(
        &wire.scopes,
        &format!("{AT}.scopes"),
        findings,
        |scope, at, findings| {
            // RFC 6749 §3.3.
            let fit = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
            let obeys = !scope.is_empty() && scope.bytes().all(fit);
            let rule =
                "is not a valid scope; write one per entry, in ASCII without spaces, \" and \\";
            text::ruled(scope, obeys, rule, at, findings)
        },
    );
    let servers = match wire.authorization_servers.as_deref() {
        None => Ok(issuers.flat_map(servers_of).collect()),
        Some(given) => given_servers(given, findings),
    };
    let (origin, path) = resource?;
    Ok(ProtectedResource::new(origin, path, &servers?, &scopes?))
}

/// Reads origin and path. A query or fragment is refused, because the document's URI is derived from them.
#[inline(never)]
fn resource<'w>(
    resource: &'w str,
    findings: &mut Findings,
) -> Result<(&'w str, &'w str), Reported> {
    let parts = origin_and_path(resource).filter(|(_, path)| {
        // Requests for the document are compared with the normalized path.
        path.is_empty() || normalize(path).as_deref() == Ok(path)
    });
    parts.ok_or_else(|| {
        let rule = "is not a valid resource identifier; write the https URI that callers use, without query or \
                    fragment, such as https://hf.contoso.com";
        findings.add(format!("{AT}.resource"), Problem::BadText { rule })
    })
}

fn given_servers(given: &[String], findings: &mut Findings) -> Result<Vec<String>, Reported> {
    let at = format!("{AT}.authorization_servers");
    if given.is_empty() {
        let otherwise =
            "list the servers that issue tokens, or remove the field to use the configured issuers";
        return Err(findings.add(at, Problem::EmptyList { otherwise }));
    }
    each(given, &at, findings, |server, at, findings| {
        let rule = "is not a valid authorization server; write its issuer identifier, an https URI without query or \
                    fragment";
        let obeys = origin_and_path(server).is_some();
        text::ruled(server, obeys, rule, at, findings)
    })
}

/// Splits an https URI without query, fragment and user into origin and path.
fn origin_and_path(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("https://")?;
    let length = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(length);
    let (origin, _) = uri.split_at(uri.len() - path.len());
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>^`{|}?#".contains(&byte);
    let fit = !authority.is_empty() && !authority.contains('@') && uri.bytes().all(allowed);
    fit.then_some((origin, path))
}

/// The issuer identifiers whose metadata tells clients where to sign in. Entra publishes this metadata under the v2
/// identifier, also for v1 tokens.
fn servers_of(issuer: &Issuer) -> Vec<String> {
    match &issuer.authority {
        Authority::Oidc { issuer } => vec![issuer.clone()],
        Authority::Entra(entra) => match &entra.tenants {
            Tenants::Any => vec![server_of(entra, "common")],
            Tenants::Listed(tenants) => tenants
                .iter()
                .map(|tenant| server_of(entra, tenant))
                .collect(),
        },
    }
}

fn server_of(entra: &Entra, tenant: &str) -> String {
    format!("https://{}/{tenant}/v2.0", entra.cloud.login_host())
}
