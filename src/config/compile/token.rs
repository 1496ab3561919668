//! Compiles `token`, `cache`, `wait` and `crypto`.

use super::super::error::{Findings, Reported};
use super::super::problem::Problem;
use super::super::{CacheLimits, Crypto, TokenRules, WaitLimits, path, wire};
use super::text::{self, HOUR, MILLISECOND, YEAR};
use super::{each, optional};
use crate::token::bearer::TokenLocation;
use std::time::Duration;

const CLOCK_SKEW: Duration = Duration::from_secs(60);
const MAX_BYTES: usize = 24_576;
/// Longer than any header that proxies accept by default.
pub(in crate::config) const MOST_BYTES: usize = 1024 * 1024;
const TYPES: [&str; 2] = ["jwt", "at+jwt"];
const CACHED: usize = 4096;
/// Each entry takes a few kilobytes in every worker.
const MOST_CACHED: usize = 1_000_000;
const CACHE_TTL: Duration = Duration::from_millis(500);
const WAIT: Duration = Duration::from_secs(2);
const WAITING: usize = 1024;
/// Each waiting request takes memory in the proxy.
const MOST_WAITING: usize = 1_000_000;

#[inline(never)]
pub(super) fn compile(
    token: &wire::Token,
    findings: &mut Findings,
) -> Result<TokenRules, Reported> {
    let locations = locations(token.headers.as_deref(), findings);
    let skew = Duration::ZERO..=HOUR;
    let skew = text::duration(
        token.clock_skew,
        CLOCK_SKEW,
        skew,
        ("token", "clock_skew"),
        findings,
    );
    let most = ("token", "max_bytes");
    let max_bytes = text::number(token.max_bytes, MAX_BYTES, 1..=MOST_BYTES, most, findings);
    let lifetime = ("token", "max_lifetime");
    let max_lifetime = text::duration(
        token.max_lifetime,
        Duration::ZERO,
        Duration::ZERO..=YEAR,
        lifetime,
        findings,
    );
    let types = types(token.types.as_deref(), findings);
    Ok(TokenRules {
        locations: locations?,
        clock_skew: skew?,
        max_bytes: max_bytes?,
        max_lifetime: Some(max_lifetime?).filter(|lifetime| !lifetime.is_zero()),
        types: types?,
    })
}

#[inline(never)]
pub(super) fn cache(cache: &wire::Cache, findings: &mut Findings) -> Result<CacheLimits, Reported> {
    let (entries, ttl) = (("cache", "entries"), ("cache", "ttl"));
    let entries = text::number(cache.entries, CACHED, 1..=MOST_CACHED, entries, findings);
    let ttl = text::duration(cache.ttl, CACHE_TTL, Duration::ZERO..=HOUR, ttl, findings);
    Ok(CacheLimits {
        entries: entries?,
        ttl: ttl?,
    })
}

pub(super) fn crypto(given: Option<wire::Crypto>) -> Crypto {
    match given {
        None | Some(wire::Crypto::Auto) => Crypto::Auto,
        Some(wire::Crypto::Host) => Crypto::Host,
        Some(wire::Crypto::Wasm) => Crypto::Wasm,
    }
}

#[inline(never)]
pub(super) fn wait(wait: &wire::Wait, findings: &mut Findings) -> Result<WaitLimits, Reported> {
    let timeout = ("wait", "timeout");
    let timeout = text::duration(wait.timeout, WAIT, MILLISECOND..=HOUR, timeout, findings);
    let requests = ("wait", "requests");
    let requests = text::number(wait.requests, WAITING, 0..=MOST_WAITING, requests, findings);
    Ok(WaitLimits {
        timeout: timeout?,
        requests: requests?,
    })
}

fn locations(
    given: Option<&[wire::TokenLocation]>,
    findings: &mut Findings,
) -> Result<Vec<TokenLocation>, Reported> {
    const AT: &str = "token.headers";
    let Some(given) = given else {
        return Ok(vec![TokenLocation {
            header: "authorization".to_owned(),
            scheme: Some("Bearer".to_owned()),
        }]);
    };
    if given.is_empty() {
        let otherwise = "list a header, or remove the field to use `authorization`";
        return Err(findings.add(AT, Problem::EmptyList { otherwise }));
    }
    let mut seen: Vec<String> = Vec::new();
    each(given, AT, findings, |carrier, at, findings| {
        let name_at = path::member(at, "name");
        let header = text::header_name(&carrier.name, &name_at, findings);
        let scheme = optional(carrier.scheme.as_deref(), |scheme| {
            let rule = "is not a valid authentication scheme; write one word, such as Bearer, or remove it";
            let at = path::member(at, "scheme");
            text::ruled(scheme, text::is_token(scheme), rule, &at, findings)
        });
        let lower = carrier.name.to_ascii_lowercase();
        if let Some(first) = seen.iter().position(|other| *other == lower) {
            let first = path::item(AT, first);
            return Err(findings.add(name_at, Problem::DuplicateHeader { first }));
        }
        seen.push(lower);
        Ok(TokenLocation {
            header: header?,
            scheme: scheme?,
        })
    })
}

fn types(given: Option<&[String]>, findings: &mut Findings) -> Result<Vec<String>, Reported> {
    const AT: &str = "token.types";
    match given {
        None => Ok(TYPES.map(str::to_owned).to_vec()),
        Some([]) => {
            let otherwise = "list the accepted types, or remove the field to accept JWT and at+jwt";
            Err(findings.add(AT, Problem::EmptyList { otherwise }))
        }
        Some(types) => each(types, AT, findings, |name, at, findings| {
            let lower = name.to_ascii_lowercase();
            let name = lower.strip_prefix("application/").unwrap_or(&lower);
            let rule = "is not a valid token type; write it as in a token's header: JWT or at+jwt";
            text::ruled(name, text::is_token(name), rule, at, findings)
        }),
    }
}
