//! Compiles `revocation`: where and when lists of revocations are fetched.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::{issuer as wire_issuer, service as wire};
use super::names::Names;
use super::schedule::{self, Spans};
use super::{auth::Auths, graph, optional, text};
use crate::fetch::callout::Target;
use crate::keys::source::KeySource;
use crate::revocation::{OBJECT, OnStale, Sources, directory, feed};
use crate::token::claim_path::ClaimPath;
use crate::token::issuer::Issuer;
use crate::token::rules::TokenRules;
use std::time::Duration;

const AT: &str = "revocation";
const FEED_REFRESH: Duration = Duration::from_secs(10);
const GRAPH_REFRESH: Duration = Duration::from_secs(15);
const MAX_STALE: Duration = Duration::from_secs(600);
const TIMEOUT: Duration = Duration::from_secs(5);
const ENTRIES: usize = 200_000;
/// Each entry takes 12 to 16 bytes in each worker.
pub(in crate::config) const MOST_ENTRIES: usize = 1_000_000;
/// The maximum lifetime of Entra's tokens, with continuous access evaluation.
const LONGEST_LIFE: Duration = Duration::from_secs(28 * 3600);

/// The items that a source can refer to.
pub(super) struct Context<'c> {
    pub(super) wire: &'c [wire_issuer::Issuer],
    /// The compiled issuers; empty if there are errors.
    pub(super) issuers: &'c [(Issuer, KeySource)],
    pub(super) token_life: Duration,
}

/// Returns the maximum time after its issue for which a token can be accepted.
pub(super) fn token_life(rules: &TokenRules) -> Duration {
    let life = rules.max_lifetime.unwrap_or(LONGEST_LIFE);
    life.saturating_add(rules.clock_skew)
}

#[inline(never)]
pub(super) fn compile(
    wire: Option<&wire::Revocation>,
    context: &Context<'_>,
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<Sources, Reported> {
    let (feed, graphs) = match wire {
        None => return Ok(Sources::default()),
        Some(wire::Revocation::Feed(wire)) => (Some((wire, AT.to_owned())), None),
        Some(wire::Revocation::Sources(sources)) => {
            let feed = sources.feed.as_ref();
            let feed = feed.map(|wire| (wire, path::member(AT, "feed")));
            (feed, sources.graph.as_ref())
        }
    };
    let feed = optional(feed, |(wire, at)| compile_feed(wire, &at, auths, findings));
    let directories = optional(graphs, |wire| {
        compile_graphs(wire, context, auths, findings)
    });
    Ok(Sources {
        feed: feed?,
        directories: directories?.unwrap_or_default(),
    })
}

#[inline(never)]
fn compile_feed(
    wire: &wire::Feed,
    at: &str,
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<feed::Source, Reported> {
    let cluster = text::filled(&wire.cluster, &path::member(at, "cluster"), findings);
    let target = Target::parse(&wire.cluster, &wire.uri)
        .map_err(|error| findings.add(path::member(at, "uri"), Problem::BadUri(error)));
    // Nothing triggers an early fetch of the feed; failures are retried within `refresh`.
    let spans = Spans {
        refresh: (wire.refresh, FEED_REFRESH),
        max_stale: (wire.max_stale, MAX_STALE),
        timeout: (wire.timeout, TIMEOUT),
    };
    let schedule = schedule::compile(spans, at, findings);
    let auth = optional(wire.auth.as_ref(), |wire| {
        auths.compile(wire, &path::member(at, "auth"), findings)
    });
    cluster?;
    Ok(feed::Source {
        target: target?,
        schedule: schedule?,
        on_stale: on_stale(wire.on_stale),
        auth: auth?,
    })
}

#[inline(never)]
fn compile_graphs(
    wire: &wire::RevocationGraphs,
    context: &Context<'_>,
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<Vec<directory::Source>, Reported> {
    let at = path::member(AT, "graph");
    let graphs: Vec<(&wire::RevocationGraph, String)> = match wire {
        wire::RevocationGraphs::One(graph) => vec![(graph, at)],
        wire::RevocationGraphs::Several(graphs) => {
            let entry = |(index, graph)| (graph, path::item(&at, index));
            graphs.iter().enumerate().map(entry).collect()
        }
    };
    if graphs.is_empty() {
        let otherwise = "add an entry for an issuer, or remove the field";
        let at = path::member(AT, "graph");
        return Err(findings.add(at, Problem::EmptyList { otherwise }));
    }
    // All entries are compiled, so that the errors of each are reported.
    let sources: Vec<_> = graphs
        .iter()
        .map(|(graph, at)| {
            let same = |(other, _): &&(&wire::RevocationGraph, _)| other.issuer == graph.issuer;
            match graphs.iter().find(same) {
                Some((_, first)) if first != at => {
                    let first = first.clone();
                    let at = path::member(at, "issuer");
                    Err(findings.add(at, Problem::DuplicateName { first }))
                }
                Some(_) | None => compile_graph(graph, context, auths, at, findings),
            }
        })
        .collect();
    sources.into_iter().collect()
}

#[inline(never)]
fn compile_graph(
    wire: &wire::RevocationGraph,
    context: &Context<'_>,
    auths: &mut Auths<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<directory::Source, Reported> {
    let names = Names::issuers(context.wire.iter().map(|issuer| issuer.name.as_str()));
    let issuer = names.find(&wire.issuer, &path::member(at, "issuer"), findings);
    let spans = Spans {
        refresh: (wire.refresh, GRAPH_REFRESH),
        max_stale: (wire.max_stale, MAX_STALE),
        timeout: (wire.timeout, TIMEOUT),
    };
    let schedule = schedule::compile(spans, at, findings);
    let bounds = 1..=MOST_ENTRIES;
    let entries = text::number(wire.entries, ENTRIES, bounds, (at, "entries"), findings);
    let auth = auths.compile(&wire.auth, &path::member(at, "auth"), findings);
    let issuer = issuer?;
    let wire_issuer = context.wire.get(issuer);
    let wire_issuer = wire_issuer.ok_or_else(|| findings.add(at, Problem::Missing))?;
    let tenant = graph::tenant(wire_issuer, &path::member(at, "issuer"), findings);
    let graph = graph::address(
        &wire.cluster,
        wire.host.as_deref(),
        wire_issuer,
        at,
        findings,
    );
    graph::same_tenant(&wire.auth, tenant?, &path::member(at, "auth"), findings)?;
    let is_oid = |(issuer, _): &(Issuer, KeySource)| {
        ClaimPath::parse(OBJECT).is_some_and(|oid| issuer.claims.object == oid)
    };
    Ok(directory::Source {
        issuer: wire.issuer.as_str().into(),
        object_is_oid: context.issuers.get(issuer).is_some_and(is_oid),
        graph: graph?,
        schedule: schedule?,
        on_stale: on_stale(wire.on_stale),
        entries: entries?,
        token_life: context.token_life,
        auth: auth?,
    })
}

fn on_stale(wire: Option<wire::OnStale>) -> OnStale {
    match wire {
        None | Some(wire::OnStale::Deny) => OnStale::Deny,
        Some(wire::OnStale::Allow) => OnStale::Allow,
    }
}
