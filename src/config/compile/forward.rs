//! Compiles `forward`: headers that are added to a permitted request.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire;
use super::text::{self, HOUR};
use crate::forward::{Forwarding, IdentityField};
use std::time::Duration;

#[inline(never)]
pub(super) fn compile(
    forward: &wire::Forward,
    token: &wire::Token,
    findings: &mut Findings,
) -> Result<Forwarding, Reported> {
    let headers = identity_headers(forward, token, findings);
    let bill_to = text::bill_to(&forward.bill_to, "forward", findings);
    let at = ("forward", "scale_up_timeout");
    let longest = Duration::ZERO..=HOUR;
    let scale_up = text::duration(
        forward.scale_up_timeout,
        Duration::ZERO,
        longest,
        at,
        findings,
    );
    Ok(Forwarding {
        identity_headers: headers?,
        bill_to: bill_to?,
        remap_auth: forward.remap_upstream_auth.unwrap_or(true),
        remap_unavailable: forward.remap_upstream_unavailable.unwrap_or(true),
        scale_up_seconds: whole_seconds(scale_up?),
        filter_models: forward.filter_models.unwrap_or(true),
        filter_tools: forward.filter_tools.unwrap_or(true),
    })
}

/// The value of the header in seconds, rounded up.
fn whole_seconds(span: Duration) -> Option<u64> {
    let partial = u64::from(span.subsec_nanos() > 0);
    Some(span.as_secs() + partial).filter(|seconds| *seconds > 0)
}

fn identity_headers(
    forward: &wire::Forward,
    token: &wire::Token,
    findings: &mut Findings,
) -> Result<Vec<(String, IdentityField)>, Reported> {
    const AT: &str = "forward.identity_headers";
    let mut headers: Vec<(String, IdentityField)> = Vec::new();
    let mut failed = None;
    for (name, field) in &forward.identity_headers.0 {
        let at = path::member(AT, name);
        let header = identity_header(name, token, &at, findings);
        let field = identity_field(field, &at, findings);
        let lower = name.to_ascii_lowercase();
        let twice = headers.iter().any(|(other, _)| *other == lower);
        match (header, field) {
            (Ok(_), Ok(_)) if twice => {
                let first = "another entry in different case".to_owned();
                failed = Some(findings.add(at, Problem::DuplicateHeader { first }));
            }
            (Ok(header), Ok(field)) => headers.push((header, field)),
            (Err(reported), _) | (_, Err(reported)) => failed = Some(reported),
        }
    }
    match failed {
        None => Ok(headers),
        Some(reported) => Err(reported),
    }
}

/// Reads the name of a header that may carry the caller's identity.
#[inline(never)]
fn identity_header(
    name: &str,
    token: &wire::Token,
    at: &str,
    findings: &mut Findings,
) -> Result<String, Reported> {
    let header = text::header_name(name, at, findings)?;
    let carries_token = |carrier: &wire::TokenLocation| carrier.name.eq_ignore_ascii_case(&header);
    let why = match header.as_str() {
        "authorization" => "it carries the Hugging Face credential",
        "x-hf-bill-to" => "`bill_to` sets it",
        "x-scale-up-timeout" => "`forward.scale_up_timeout` sets it",
        "accept" | "accept-encoding" | "content-encoding" | "content-type" | "cookie"
        | "expect" | "x-request-id" => "the meaning of the request depends on this header",
        name if name.starts_with("x-envoy-") || name.starts_with("x-forwarded-") => {
            "the proxy itself sets headers with this prefix"
        }
        _ if token.headers.iter().flatten().any(carries_token) => {
            "`token.headers` reads the caller's token from it"
        }
        _ => return Ok(header),
    };
    Err(findings.add(at, Problem::ReservedHeader { why }))
}

fn identity_field(
    field: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<IdentityField, Reported> {
    Ok(match field {
        "oid" | "object" => IdentityField::Object,
        "client" => IdentityField::Client,
        "tid" | "tenant" => IdentityField::Tenant,
        "sub" | "subject" => IdentityField::Subject,
        "issuer" => IdentityField::Issuer,
        "kind" => IdentityField::Kind,
        claim => IdentityField::Claim(text::claim_path(claim, at, findings)?),
    })
}
