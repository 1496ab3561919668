//! Names of the counters. No name ever holds what a caller chose: counters never expire.

use crate::token::signature::CheckedBy;

/// Counts decisions by code; `permitted` and `anonymous` are codes too.
pub fn decision(code: &str) -> String {
    format!("entragate.decisions.{code}")
}

/// Counts requests whose client hung up before there was a decision.
pub const ABANDONED: &str = "entragate.abandoned";

/// Counts requests that had to wait, for keys or for a feed.
pub const WAITED: &str = "entragate.waited";

/// Counts signatures that held, by the way they were checked; `cache` counts the cache's hits.
pub const fn verified_by(way: CheckedBy) -> &'static str {
    match way {
        CheckedBy::Host => "entragate.verified_by.host",
        CheckedBy::Wasm => "entragate.verified_by.wasm",
        CheckedBy::Cache => "entragate.verified_by.cache",
    }
}

/// Counts tokens that the cache did not know.
pub const CACHE_MISSES: &str = "entragate.cache.misses";

/// Counts tokens that had to make room for others.
pub const CACHE_EVICTIONS: &str = "entragate.cache.evictions";

/// Counts key fetches of an issuer by how they ended.
pub fn key_fetch(issuer: &str, good: bool) -> String {
    let outcome = if good { "good" } else { "failed" };
    format!("entragate.key_fetches.{issuer}.{outcome}")
}

/// Counts fetches of the revocation feed by how they ended.
pub fn revocation_fetch(good: bool) -> String {
    let outcome = if good { "good" } else { "failed" };
    format!("entragate.revocation_fetches.{outcome}")
}

/// Counts look-ups of callers' groups by issuer and by how they ended.
pub fn group_lookup(issuer: &str, outcome: &str) -> String {
    format!("entragate.group_lookups.{issuer}.{outcome}")
}

/// Counts callers whose groups were forgotten to make room for others'.
pub const GROUP_EVICTIONS: &str = "entragate.group_lookups.evictions";

/// Counts fetches of tokens for our own callouts by how they ended.
pub fn lease_fetch(good: bool) -> String {
    let outcome = if good { "good" } else { "failed" };
    format!("entragate.lease_fetches.{outcome}")
}

/// Counts fetches of a credential by how they ended.
pub fn credential_fetch(credential: &str, good: bool) -> String {
    let outcome = if good { "good" } else { "failed" };
    format!("entragate.credential_fetches.{credential}.{outcome}")
}

/// Counts token exchanges of a credential by how they ended, and tokens that had to make room for
/// others (`evicted`).
pub fn exchange(credential: &str, outcome: &'static str) -> String {
    format!("entragate.exchanges.{credential}.{outcome}")
}
