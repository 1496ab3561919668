//! Names of the counters. No name ever holds what a caller chose: counters never expire.

/// Counts decisions by code; `permitted` and `anonymous` are codes too.
pub fn decision(code: &str) -> String {
    format!("entragate.decisions.{code}")
}

/// Counts requests whose client hung up before there was a decision.
pub const ABANDONED: &str = "entragate.abandoned";

/// Counts requests that had to wait, for keys or for a feed.
pub const WAITED: &str = "entragate.waited";

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
