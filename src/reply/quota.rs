//! The headers of a reply to a request that exceeds a quota.
//!
//! huggingface_hub reads `RateLimit: "<name>";r=<remaining>;t=<seconds>` and `RateLimit-Policy: "fixed
//! window";"<name>";q=<quota>;w=<seconds>` in this form, and OpenAI's clients read `x-should-retry`.

use super::Detail;
use crate::http::rate_limit::RateLimit;
use std::borrow::Cow;

/// The name for a limit whose own name is unknown or must not be disclosed.
const UNNAMED: &str = "quota";
/// Envoy's header with the names, quotas and windows of all limits of the request.
const LIMITS: &str = "x-ratelimit-limit";

pub(super) fn headers(
    limit: &RateLimit,
    detail: Detail,
) -> impl Iterator<Item = (&'static str, Cow<'static, str>)> {
    let name = limit.name.as_deref().filter(|_| detail == Detail::Full);
    let name = name.map_or(UNNAMED.to_owned(), word);
    let policy = limit.quota.zip(limit.window);
    let policy = policy.filter(|_| detail == Detail::Full);
    let should_retry = if limit.is_soon() { "true" } else { "false" };
    let own = [
        Some(("x-should-retry", should_retry.to_owned())),
        limit
            .reset
            .map(|reset| ("ratelimit", format!("\"{name}\";r=0;t={reset}"))),
        policy.map(|(quota, window)| {
            let value = format!("\"fixed window\";\"{name}\";q={quota};w={window}");
            ("ratelimit-policy", value)
        }),
    ];
    let is_told = move |name: &str| detail == Detail::Full || name != LIMITS;
    let kept = limit.kept.iter().filter(move |(name, _)| is_told(name));
    let kept = kept.cloned();
    let all = own.into_iter().flatten().chain(kept);
    all.map(|(name, value)| (name, value.into()))
}

/// Returns a name in the form that huggingface_hub reads: letters, digits and underscores.
fn word(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}
