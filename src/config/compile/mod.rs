//! Compiles wire types to the types of the other modules. All errors are reported with their paths, except errors in
//! values that could not be read.
//!
//! The functions for the parts of a configuration are not inlined (`#[inline(never)]`): together they would form one
//! function of 38 KB, which takes Envoy's V8 a disproportionate amount of time and memory to load.

mod audit;
mod auth;
mod claims;
mod context;
mod credentials;
mod endpoints;
mod exchange;
mod forward;
mod graph;
mod issuers;
mod jwks;
mod names;
mod overlap;
mod patterns;
mod polled;
mod reach;
mod replies;
mod require;
mod resource;
mod retained;
mod revocation;
mod rules;
mod schedule;
mod text;
mod token;

#[cfg(not(target_family = "wasm"))]
pub(super) use {
    context::MOST_HOPS, credentials::SOURCES as CREDENTIAL_SOURCES,
    endpoints::CHOICES as MODEL_SOURCES, exchange::MOST_ENTRIES, jwks::SOURCES as KEY_SOURCES,
    require::TESTS as CLAIM_TESTS, revocation::MOST_ENTRIES as MOST_REVOCATIONS, token::MOST_BYTES,
};

use super::error::{Findings, Reported};
use super::wire;
use super::{Config, path};
use crate::forward::strip::StripList;
use crate::sharing::mac::Mac;

/// The environment of the VM.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The digest and keys of a configuration.
pub(super) struct Identity {
    pub digest: String,
    pub shared_mac: Mac,
    pub export_mac: Mac,
    pub directory_mac: Mac,
    pub session_mac: Mac,
}

/// Compiles the whole configuration. The result is valid only if there are no findings.
pub(super) fn compile(
    wire: &wire::Config,
    env: Environment<'_>,
    identity: &dyn Fn() -> Identity,
    findings: &mut Findings,
) -> Result<Config, Reported> {
    let mut auths = auth::Auths::new(env);
    let issuers = issuers::compile(&wire.issuers, findings);
    let directories = graph::compile(&wire.issuers, &mut auths, findings);
    let token = token::compile(&wire.token, findings);
    let cache = token::cache(&wire.cache, findings);
    let wait = token::wait(&wire.wait, findings);
    let credentials = credentials::compile(&wire.credentials, env, &mut auths, findings);
    let endpoints = endpoints::compile(&wire.endpoints, findings);
    let limits = endpoints::limits(&wire.limits, findings);
    let policy = rules::compile(wire, findings);
    if let Ok(policy) = &policy {
        graph::limit(&wire.issuers, policy, findings);
    }
    let forward = forward::compile(&wire.forward, &wire.token, findings);
    let client_address = context::client_address(&wire.client_address, findings);
    let replies = {
        let issuers = issuers.as_ref().map_or(&[][..], Vec::as_slice);
        replies::compile(&wire.replies, issuers, findings)
    };
    let audit = audit::compile(&wire.audit, &mut auths, findings);
    let usage = audit::usage(wire.usage.as_ref(), findings);
    let revocation = {
        let known = issuers.as_deref().unwrap_or_default();
        let life = token.as_ref().map(revocation::token_life);
        let context = revocation::Context {
            wire: &wire.issuers,
            issuers: known,
            token_life: life.unwrap_or_default(),
        };
        revocation::compile(wire.revocation.as_ref(), &context, &mut auths, findings)
    };
    let (issuers, sources): (Vec<_>, Vec<_>) = issuers?.into_iter().unzip();
    let (credentials, policy) = (credentials?, policy?);
    reach::check(&policy, &issuers, &credentials, wire, findings)?;
    let (token, forward) = (token?, forward?);
    // All secrets have been read at this point.
    let Identity {
        digest,
        shared_mac,
        export_mac,
        directory_mac,
        session_mac,
    } = identity();
    let mut config = Config {
        issuers,
        sources,
        directories: directories?,
        stripped: StripList::new(&token.locations, &forward),
        token,
        cache: cache?,
        wait: wait?,
        credentials,
        endpoints: endpoints?,
        limits: limits?,
        policy,
        client_address: client_address?,
        forward,
        replies: replies?,
        revocation: revocation?,
        service_tokens: auths.into_sources(),
        audit: audit?,
        usage: usage?,
        crypto: token::crypto(wire.crypto),
        digest: digest.into(),
        shared_mac,
        export_mac,
        directory_mac,
        session_mac,
    };
    let retained = retained::compile(&config);
    for issuer in &mut config.issuers {
        issuer.retained = retained.clone();
    }
    Ok(config)
}

/// Compiles every item of a list and continues after errors.
fn each<'w, T, U>(
    items: &'w [T],
    at: &str,
    findings: &mut Findings,
    mut compile: impl FnMut(&'w T, &str, &mut Findings) -> Result<U, Reported>,
) -> Result<Vec<U>, Reported> {
    let mut compiled = Vec::new();
    let mut failed = None;
    for (index, item) in items.iter().enumerate() {
        match compile(item, &path::item(at, index), findings) {
            Ok(item) => compiled.push(item),
            Err(reported) => failed = Some(reported),
        }
    }
    match failed {
        None => Ok(compiled),
        Some(reported) => Err(reported),
    }
}

/// Compiles an optional value.
fn optional<T, U>(
    item: Option<T>,
    compile: impl FnOnce(T) -> Result<U, Reported>,
) -> Result<Option<U>, Reported> {
    item.map(compile).transpose()
}
