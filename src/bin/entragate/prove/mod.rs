//! Proofs about all callers and all requests.
//!
//! A configuration's decision becomes a formula over facts ([`facts`], [`decision`]), and a SAT solver searches for facts
//! that break an assertion ([`search`]). The formula covers every real request, so if there are no such facts, the
//! assertion is true. If facts are found, they are turned into a request and a token ([`concrete`]), which the filter's
//! own gate decides: a request is a counterexample only if the gate confirms it.

use entragate::config::Config;

pub mod comparable;
pub mod compare;
mod concrete;
mod decision;
mod facts;
mod gate;
mod glob;
mod listing;
pub mod search;
mod solver;
mod three;

pub mod assertion;

/// The name of a credential in records; empty for no credential.
fn credential_name(config: &Config, credential: Option<usize>) -> &str {
    let credential = credential.and_then(|at| config.credentials.get(at));
    credential.map_or("", |credential| &credential.name)
}

#[cfg(test)]
mod tests;
