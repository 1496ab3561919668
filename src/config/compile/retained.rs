//! The claims of a verified token that are kept, because a setting can refer to them.

use crate::config::Config;
use crate::credential::Source;
use crate::groups::graph;
use crate::revocation;
use crate::token::claim_set::RetainedClaims;
use crate::token::facets;

/// Collects the claims that a configuration refers to.
#[inline(never)]
pub(super) fn compile(config: &Config) -> RetainedClaims {
    let exchanged = config
        .credentials
        .iter()
        .filter_map(|credential| match &credential.source {
            Source::Exchanged(exchange) => Some(exchange.subject.claims()),
            Source::Fixed(_) | Source::Polled(_) => None,
        });
    let has_directory = config.directories.iter().any(Option::is_some);
    let has_feed = config.revocation.feed.is_some();
    let directories = &config.revocation.directories;
    let needs_oid = directories.iter().any(|source| !source.object_is_oid);
    config
        .policy
        .claims()
        .into_iter()
        .chain(config.forward.claims())
        .chain(config.audit.claims.iter().filter_map(|path| path.first()))
        .chain(exchanged.flatten())
        .chain(has_directory.then_some(graph::OBJECT))
        .chain(has_directory.then_some(facets::TYPE))
        .chain(has_feed.then_some(revocation::TOKEN_ID))
        .chain(needs_oid.then_some(revocation::OBJECT))
        .collect()
}
