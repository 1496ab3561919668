//! Names of counters, gauges and histograms. No name contains input from a caller, since metrics never expire. The
//! patterns in `envoy.yaml` (`stats_tags`) turn parts of the names into Prometheus labels.

use crate::decision::HeldLimit;
use crate::text::fitted;
use crate::token::signature::CheckedBy;
use std::borrow::Cow;

/// The placeholder for an unknown issuer in the middle of a name.
const NOBODY: &str = "-";

/// Counts decisions by code, and by issuer and rule if they are known. `permitted` and `anonymous` are also codes.
pub fn decision(code: &str, issuer: Option<&str>, rule: Option<&str>) -> String {
    match (issuer, rule) {
        (None, None) => ["entragate.decisions.", code].concat(),
        (Some(issuer), None) => ["entragate.decisions.", code, ".", issuer].concat(),
        (issuer, Some(rule)) => {
            let issuer = issuer.unwrap_or(NOBODY);
            ["entragate.decisions.", code, ".", issuer, ".", rule].concat()
        }
    }
}

/// Counts permitted requests that failed, by code, and by the credential that was rejected or the limit that was exceeded.
pub fn upstream(code: &str, detail: Option<&str>) -> String {
    match detail {
        Some(detail) => format!("entragate.upstream.{code}.{}", fit(detail)),
        None => format!("entragate.upstream.{code}"),
    }
}

/// The histogram of the share that a request leaves of the quota with the least remaining, in percent.
pub fn quota_left(quota: &str) -> String {
    format!("entragate.quota_left.{}", fit(quota))
}

/// Counts requests that went to an upstream cluster other than the one for which they were permitted.
pub const CLUSTER_CHANGED: &str = "entragate.cluster_changed";

/// Counts requests whose client disconnected before the decision.
pub const ABANDONED: &str = "entragate.abandoned";

/// Counts requests that had to wait for another service.
pub const WAITED: &str = "entragate.waited";

/// Counts bodies that were not held, or no longer held, by the limit that was reached.
pub const fn held_exceeded(limit: HeldLimit) -> &'static str {
    match limit {
        HeldLimit::Bodies => "entragate.held.exceeded.inspections",
        HeldLimit::Bytes => "entragate.held.exceeded.inspected_bytes",
    }
}

/// Counts bodies that were no longer held because of `limits.inspection_timeout`.
pub const HELD_TOO_LONG: &str = "entragate.held.exceeded.inspection_timeout";

/// Counts valid signatures by how they were verified; `cache` counts cache hits.
pub const fn verified_by(way: CheckedBy) -> &'static str {
    match way {
        CheckedBy::Host => "entragate.verified_by.host",
        CheckedBy::Wasm => "entragate.verified_by.wasm",
        CheckedBy::Cache => "entragate.verified_by.cache",
    }
}

/// Counts tokens that were not in the cache.
pub const CACHE_MISSES: &str = "entragate.cache.misses";

/// Counts tokens that were evicted from the cache.
pub const CACHE_EVICTIONS: &str = "entragate.cache.evictions";

/// The outcome of a fetch that VMs can share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOutcome {
    Good,
    Failed,
    /// Another VM made the fetch, and its answer was taken over.
    Shared,
}

impl FetchOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Failed => "failed",
            Self::Shared => "shared",
        }
    }
}

/// Counts key fetches of an issuer by outcome.
pub fn key_fetch(issuer: &str, outcome: FetchOutcome) -> String {
    format!("entragate.key_fetches.{issuer}.{}", outcome.name())
}

/// Counts fetches of the revocation feed by outcome.
pub fn revocation_fetch(outcome: FetchOutcome) -> String {
    format!("entragate.revocation_fetches.{}", outcome.name())
}

/// Counts fetches of the list of an issuer's users or service principals by outcome.
pub fn directory_fetch(issuer: &str, list: &str, outcome: FetchOutcome) -> String {
    format!(
        "entragate.revocation_fetches.graph.{issuer}.{list}.{}",
        outcome.name()
    )
}

/// Counts pages of a directory list, including those that could not be used.
pub fn revocation_page(issuer: &str, list: &str) -> String {
    format!("entragate.revocation_pages.graph.{issuer}.{list}")
}

/// Counts lookups of callers' groups by issuer and outcome.
pub fn group_lookup(issuer: &str, outcome: &str) -> String {
    format!("entragate.group_lookups.{issuer}.{outcome}")
}

/// Counts callers whose groups were evicted from memory.
pub const GROUP_EVICTIONS: &str = "entragate.group_evictions";

/// Counts fetches of service tokens by outcome.
pub fn lease_fetch(good: bool) -> String {
    let outcome = if good { "good" } else { "failed" };
    format!("entragate.lease_fetches.{outcome}")
}

/// Counts fetches of a credential by outcome.
pub fn credential_fetch(credential: &str, good: bool) -> String {
    let outcome = if good { "good" } else { "failed" };
    format!("entragate.credential_fetches.{credential}.{outcome}")
}

/// Counts token exchanges of a credential by outcome, and evicted tokens (`evicted`).
pub fn exchange(credential: &str, outcome: &'static str) -> String {
    format!("entragate.exchanges.{credential}.{outcome}")
}

/// Counts tokens of a model, by its label in the configuration. `kind` is `prompt` (which includes
/// `cached`), `completion` (which includes `reasoning`), `cached` or `reasoning`.
pub fn tokens(label: &str, kind: &str) -> String {
    ["entragate.tokens.", &fit(label), ".", kind].concat()
}

/// Returns a text as one part of a name. Dots separate parts, and metric sinks reserve other characters.
fn fit(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '*');
    fitted(text.into(), is_plain, "_")
}

/// Counts audit records that the export service has accepted.
pub const EXPORT_DELIVERED: &str = "entragate.export.delivered";

/// Counts audit records that will not be exported: dropped because the queue was full, or rejected by the
/// service.
pub const EXPORT_LOST_NO_ROOM: &str = "entragate.export.lost.no_room";
pub const EXPORT_LOST_REFUSED: &str = "entragate.export.lost.refused";

/// Counts audit records that are only in the log, because their worker ended before it exported them.
pub const EXPORT_LOST_RELOAD: &str = "entragate.export.lost.reload";

/// Counts audit records that were queued for export. Records that are not delivered, lost or queued were
/// lost when their worker ended.
pub const EXPORT_ACCEPTED: &str = "entragate.export.accepted";

/// Counts export calls by outcome.
pub const fn export_call(good: bool) -> &'static str {
    match good {
        true => "entragate.export.calls.good",
        false => "entragate.export.calls.failed",
    }
}

/// The value of a gauge in one VM. Each worker has its own VM, and so has the main thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    pub name: String,
    pub value: u64,
    pub over_vms: OverVms,
}

/// How the host combines a gauge that several VMs set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverVms {
    Sum,
    /// The value that was set last.
    Latest,
}

impl Gauge {
    fn sum(name: impl Into<String>, value: usize) -> Self {
        Self {
            name: name.into(),
            value: value as u64,
            over_vms: OverVms::Sum,
        }
    }

    /// Requests that wait for another service, or for the body that names their model.
    pub fn parked(requests: usize) -> Self {
        Self::sum("entragate.parked", requests)
    }

    /// Bodies that are held for inspection: of requests with a model, and of lists of models.
    pub fn held_bodies(bodies: usize) -> Self {
        Self::sum("entragate.held.bodies", bodies)
    }

    /// Bytes of bodies that are held until a decision is made.
    pub fn held_bytes(bytes: usize) -> Self {
        Self::sum("entragate.held.bytes", bytes)
    }

    /// Verified tokens in the cache.
    pub fn cache_entries(entries: usize) -> Self {
        Self::sum("entragate.cache.entries", entries)
    }

    /// Audit records that are queued for export.
    pub fn export_queued(records: usize) -> Self {
        Self::sum("entragate.export.queued", records)
    }

    /// The number of VMs without usable keys of an issuer: never fetched, or stale.
    pub fn keys_unusable(issuer: &str, unusable: bool) -> Self {
        let name = format!("entragate.keys.{issuer}.unusable");
        Self::sum(name, usize::from(unusable))
    }

    /// The time of the last successful fetch of an issuer's keys, in seconds since 1970.
    pub fn keys_fetched(issuer: &str, secs: u64) -> Self {
        Self::latest(format!("entragate.keys.{issuer}.fetched_at"), secs)
    }

    /// The number of VMs without a usable value of a polled credential: never fetched, or stale.
    pub fn credential_unusable(credential: &str, unusable: bool) -> Self {
        let name = format!("entragate.credentials.{credential}.unusable");
        Self::sum(name, usize::from(unusable))
    }

    /// The time of the last successful fetch of a polled credential, in seconds since 1970.
    pub fn credential_fetched(credential: &str, secs: u64) -> Self {
        Self::latest(
            format!("entragate.credentials.{credential}.fetched_at"),
            secs,
        )
    }

    /// The number of VMs without a usable revocation feed.
    pub fn revocation_unusable(unusable: bool) -> Self {
        Self::sum("entragate.revocation.unusable", usize::from(unusable))
    }

    /// The time of the last successful fetch of the revocation feed, in seconds since 1970.
    pub fn revocation_fetched(secs: u64) -> Self {
        Self::latest("entragate.revocation.fetched_at".to_owned(), secs)
    }

    /// The entries of the revocation feed.
    pub fn revocation_entries(entries: usize) -> Self {
        Self::latest("entragate.revocation.entries".to_owned(), entries as u64)
    }

    /// The time of the last change of the revocation feed, in seconds since 1970.
    pub fn revocation_changed(secs: u64) -> Self {
        Self::latest("entragate.revocation.changed_at".to_owned(), secs)
    }

    /// The number of VMs without a usable list of an issuer's users or service principals.
    pub fn directory_unusable((issuer, list): (&str, &str), unusable: bool) -> Self {
        let name = format!("entragate.revocation.graph.{issuer}.{list}.unusable");
        Self::sum(name, usize::from(unusable))
    }

    /// The entries of a directory list.
    pub fn directory_entries((issuer, list): (&str, &str), entries: usize) -> Self {
        let name = format!("entragate.revocation.graph.{issuer}.{list}.entries");
        Self::latest(name, entries as u64)
    }

    /// The time of the last successful fetch of a directory list, or of its last change, in seconds since 1970.
    pub fn directory_time((issuer, list): (&str, &str), of: &str, secs: u64) -> Self {
        Self::latest(
            format!("entragate.revocation.graph.{issuer}.{list}.{of}"),
            secs,
        )
    }

    fn latest(name: String, value: u64) -> Self {
        Self {
            name,
            value,
            over_vms: OverVms::Latest,
        }
    }
}

/// The time that [`Gauge::directory_time`] reports.
pub const DIRECTORY_FETCHED: &str = "fetched_at";
pub const DIRECTORY_CHANGED: &str = "changed_at";

/// A histogram of the filter's time for the headers of a request, in microseconds. It includes host calls
/// and excludes waiting. The number of measured requests per tick is bounded.
pub const OWN_TIME: &str = "entragate.own_time_us";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_label_is_one_part_of_a_name() {
        for (label, expected) in [
            ("meta-llama/*", "entragate.tokens.meta-llama/*.prompt"),
            ("org/Llama-3.1|é", "entragate.tokens.org/Llama-3_1__.prompt"),
        ] {
            assert_eq!(tokens(label, "prompt"), expected);
        }
    }
}
