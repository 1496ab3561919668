//! The claims of a verified token that are kept: those that a setting can refer to.

use crate::config::Config;
use crate::credential::Source;
use crate::groups::graph;
use crate::revocation;
use crate::token::claim_set::RetainedClaims;
use crate::token::facets;

/// Collects the claims that a configuration refers to.
pub(super) fn compile(config: &Config) -> RetainedClaims {
    let exchanged = config
        .credentials
        .iter()
        .filter_map(|credential| match &credential.source {
            Source::Exchanged(exchange) => Some(exchange.subject.claims()),
            Source::Fixed(_) | Source::Polled(_) => None,
        });
    let has_directory = config.directories.iter().any(Option::is_some);
    config
        .policy
        .claims()
        .into_iter()
        .chain(config.forward.claims())
        .chain(config.audit.claims.iter().filter_map(|path| path.first()))
        .chain(exchanged.flatten())
        .chain(has_directory.then_some(graph::OBJECT))
        .chain(has_directory.then_some(facets::TYPE))
        .chain(config.revocation.is_some().then_some(revocation::TOKEN_ID))
        .collect()
}
