//! Names of counters, gauges and histograms. No name ever holds what a caller chose: they never
//! expire. `envoy.yaml` has the patterns (`stats_tags`) that make Prometheus labels of their parts.

use crate::decision::HeldLimit;
use crate::text::fitted;
use crate::token::signature::CheckedBy;
use std::borrow::Cow;

/// Stands for an issuer that is not known in a name that goes on.
const NOBODY: &str = "-";

/// Counts decisions by code, issuer and rule, as far as there are any; `permitted` and `anonymous`
/// are codes too.
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

/// Counts permitted requests that came to nothing by their code, and by the credential that was
/// refused.
pub fn upstream(code: &str, credential: Option<&str>) -> String {
    match (code, credential) {
        ("credential_rejected", Some(name)) => format!("entragate.upstream.{code}.{name}"),
        _ => format!("entragate.upstream.{code}"),
    }
}

/// Counts requests that went to another upstream cluster than the one they were permitted for.
pub const CLUSTER_CHANGED: &str = "entragate.cluster_changed";

/// Counts requests whose client hung up before there was a decision.
pub const ABANDONED: &str = "entragate.abandoned";

/// Counts requests that had to wait, for keys or for a feed.
pub const WAITED: &str = "entragate.waited";

/// Counts bodies that were not held, or no longer, by the limit that was reached.
pub const fn held_exceeded(limit: HeldLimit) -> &'static str {
    match limit {
        HeldLimit::Bodies => "entragate.held.exceeded.inspections",
        HeldLimit::Bytes => "entragate.held.exceeded.inspected_bytes",
    }
}

/// The same for `limits.inspection_timeout`.
pub const HELD_TOO_LONG: &str = "entragate.held.exceeded.inspection_timeout";

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

/// How a fetch that VMs can share has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOutcome {
    Good,
    Failed,
    /// Another VM has made it, and its answer was taken over.
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

/// Counts key fetches of an issuer by how they ended.
pub fn key_fetch(issuer: &str, outcome: FetchOutcome) -> String {
    format!("entragate.key_fetches.{issuer}.{}", outcome.name())
}

/// Counts fetches of the revocation feed by how they ended.
pub fn revocation_fetch(outcome: FetchOutcome) -> String {
    format!("entragate.revocation_fetches.{}", outcome.name())
}

/// Counts look-ups of callers' groups by issuer and by how they ended.
pub fn group_lookup(issuer: &str, outcome: &str) -> String {
    format!("entragate.group_lookups.{issuer}.{outcome}")
}

/// Counts callers whose groups were forgotten to make room for others'.
pub const GROUP_EVICTIONS: &str = "entragate.group_evictions";

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

/// Counts tokens of a model, by its label in the configuration. `kind`: `prompt` (`cached` included) or
/// `completion` (`reasoning` included), and those two.
pub fn tokens(label: &str, kind: &str) -> String {
    ["entragate.tokens.", &fit(label), ".", kind].concat()
}

/// A text as one part of a name: dots part names, and sinks have meanings for more.
fn fit(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '*');
    fitted(text.into(), is_plain, "_")
}

/// Counts audit records that have arrived where they are exported to.
pub const EXPORT_DELIVERED: &str = "entragate.export.delivered";

/// Counts audit records that will never arrive there: they made room for newer ones, or the service
/// has refused them.
pub const EXPORT_LOST_NO_ROOM: &str = "entragate.export.lost.no_room";
pub const EXPORT_LOST_REFUSED: &str = "entragate.export.lost.refused";

/// Counts audit records that are only in the log, since their worker ended before it could export
/// them.
pub const EXPORT_LOST_RELOAD: &str = "entragate.export.lost.reload";

/// Counts audit records that were queued for their export. Those that are neither delivered, lost nor
/// queued were lost with a worker that ended.
pub const EXPORT_ACCEPTED: &str = "entragate.export.accepted";

/// Counts calls of the export by how they ended.
pub const fn export_call(good: bool) -> &'static str {
    match good {
        true => "entragate.export.calls.good",
        false => "entragate.export.calls.failed",
    }
}

/// A level, as one VM sees it. Every worker has a VM of its own, and so has the main thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    pub name: String,
    pub value: u64,
    pub over_vms: OverVms,
}

/// What the host shows of a gauge that several VMs tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverVms {
    Sum,
    /// What was told last.
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

    /// Requests that wait: for keys, for a feed, or for the body that names their model.
    pub fn parked(requests: usize) -> Self {
        Self::sum("entragate.parked", requests)
    }

    /// Bodies that are held while they are read: of requests for their model, of lists of models.
    pub fn held_bodies(bodies: usize) -> Self {
        Self::sum("entragate.held.bodies", bodies)
    }

    /// Bytes of bodies that are held until a decision is made.
    pub fn held_bytes(bytes: usize) -> Self {
        Self::sum("entragate.held.bytes", bytes)
    }

    /// Verified tokens that are remembered.
    pub fn cache_entries(entries: usize) -> Self {
        Self::sum("entragate.cache.entries", entries)
    }

    /// Audit records that are still to be exported.
    pub fn export_queued(records: usize) -> Self {
        Self::sum("entragate.export.queued", records)
    }

    /// In how many VMs an issuer's keys may not be used: none have come yet, or they are stale.
    pub fn keys_unusable(issuer: &str, unusable: bool) -> Self {
        let name = format!("entragate.keys.{issuer}.unusable");
        Self::sum(name, usize::from(unusable))
    }

    /// When an issuer's keys were last fetched well, in seconds since 1970.
    pub fn keys_fetched(issuer: &str, secs: u64) -> Self {
        Self::fetched(format!("entragate.keys.{issuer}.fetched_at"), secs)
    }

    /// In how many VMs a polled credential may not be used: none has come yet, or it is stale.
    pub fn credential_unusable(credential: &str, unusable: bool) -> Self {
        let name = format!("entragate.credentials.{credential}.unusable");
        Self::sum(name, usize::from(unusable))
    }

    /// When a polled credential was last fetched well, in seconds since 1970.
    pub fn credential_fetched(credential: &str, secs: u64) -> Self {
        Self::fetched(
            format!("entragate.credentials.{credential}.fetched_at"),
            secs,
        )
    }

    /// In how many VMs the revocation feed may not be trusted.
    pub fn revocation_unusable(unusable: bool) -> Self {
        Self::sum("entragate.revocation.unusable", usize::from(unusable))
    }

    /// When the revocation feed was last fetched well, in seconds since 1970.
    pub fn revocation_fetched(secs: u64) -> Self {
        Self::fetched("entragate.revocation.fetched_at".to_owned(), secs)
    }

    fn fetched(name: String, secs: u64) -> Self {
        Self {
            name,
            value: secs,
            over_vms: OverVms::Latest,
        }
    }
}

/// A histogram: the microseconds that the filter takes for the headers of a request, host calls
/// included and waiting not. At most a bounded number of requests per tick is measured.
pub const OWN_TIME: &str = "entragate.own_time_us";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_part_of_a_name() {
        for (label, expected) in [
            ("meta-llama/*", "entragate.tokens.meta-llama/*.prompt"),
            ("org/Llama-3.1|é", "entragate.tokens.org/Llama-3_1__.prompt"),
        ] {
            assert_eq!(tokens(label, "prompt"), expected);
        }
    }
}
