//! Strings, header names, durations and numbers with their limits.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::span::Span;
use super::optional;
use crate::token::claim_path::ClaimPath;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// The maximum of most durations. Sums of such durations cannot overflow.
pub(super) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Returns the configured duration or its default, if it is within the limits.
pub(super) fn duration(
    given: Option<Span>,
    default: Duration,
    bounds: RangeInclusive<Duration>,
    (object, field): (&str, &str),
    findings: &mut Findings,
) -> Result<Duration, Reported> {
    let Some(Span(given)) = given else {
        return Ok(default);
    };
    let problem = match given {
        short if short < *bounds.start() => Problem::TooShort {
            least: *bounds.start(),
        },
        long if long > *bounds.end() => Problem::TooLong {
            most: *bounds.end(),
        },
        _ => return Ok(given),
    };
    Err(findings.add(path::member(object, field), problem))
}

/// Returns the configured number or its default, if it is within the limits.
pub(super) fn number(
    given: Option<u64>,
    default: usize,
    bounds: RangeInclusive<usize>,
    (object, field): (&str, &str),
    findings: &mut Findings,
) -> Result<usize, Reported> {
    let Some(given) = given else {
        return Ok(default);
    };
    match usize::try_from(given)
        .ok()
        .filter(|number| bounds.contains(number))
    {
        Some(number) => Ok(number),
        None => {
            let (least, most) = (*bounds.start() as u64, *bounds.end() as u64);
            Err(findings.add(
                path::member(object, field),
                Problem::OutOfRange { least, most },
            ))
        }
    }
}

/// Returns a string that is not empty.
pub(super) fn filled(text: &str, at: &str, findings: &mut Findings) -> Result<String, Reported> {
    match text.is_empty() {
        true => Err(findings.add(at, Problem::EmptyText)),
        false => Ok(text.to_owned()),
    }
}

/// Returns a string that satisfies a condition; `rule` is the message otherwise.
pub(super) fn ruled(
    text: &str,
    obeys: bool,
    rule: &'static str,
    at: &str,
    findings: &mut Findings,
) -> Result<String, Reported> {
    match obeys {
        true => Ok(text.to_owned()),
        false => Err(findings.add(at, Problem::BadText { rule })),
    }
}

pub(super) fn claim_path(
    text: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<ClaimPath, Reported> {
    ClaimPath::parse(text).ok_or_else(|| findings.add(at, Problem::BadClaimPath))
}

/// Returns the lower-case name of a header that the filter may read or set.
pub(super) fn header_name(
    name: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<String, Reported> {
    let lower = name.to_ascii_lowercase();
    let why = match lower.as_str() {
        pseudo if pseudo.starts_with(':') => "pseudo-headers belong to the request line",
        "connection"
        | "keep-alive"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "proxy-connection"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade" => "it is a hop-by-hop header, which is not forwarded",
        "host" | "content-length" => "the proxy itself depends on this header",
        name if is_token(name) => return Ok(lower),
        _ => return Err(findings.add(at, Problem::BadHeaderName)),
    };
    Err(findings.add(at, Problem::ReservedHeader { why }))
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Visible ASCII without spaces.
pub(super) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads `bill_to`, the payer, in the object at `at`. Hugging Face does not document which characters names of
/// organizations and ids of resource groups may contain.
pub(super) fn bill_to(
    wire: &Option<String>,
    at: &str,
    findings: &mut Findings,
) -> Result<Option<Arc<str>>, Reported> {
    let rule = "is not a valid organization or resource group; write it as Hugging Face does, in visible ASCII \
                without spaces";
    optional(wire.as_deref(), |name| {
        let at = path::member(at, "bill_to");
        ruled(name, is_visible(name), rule, &at, findings).map(Arc::from)
    })
}
