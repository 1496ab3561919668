//! Whether two configurations differ only in settings that comparisons translate: rules, the clusters of credentials,
//! and the audiences, tenants and clients of each issuer. Otherwise a comparison can find differences, but cannot prove
//! that there are none.

use entragate::config::Config;
use entragate::token::issuer::{Authority, Issuer, Tenants};
use serde_json::Value;
use std::collections::BTreeMap;

/// Sections that affect decisions, in addition to issuers, credentials and rules.
const SECTIONS: [&str; 7] = [
    "token",
    "endpoints",
    "limits",
    "client_address",
    "revocation",
    "crypto",
    "wait",
];

/// A configuration, in compiled form and as written.
#[derive(Clone, Copy)]
pub struct Side<'c> {
    pub config: &'c Config,
    pub members: &'c Value,
}

pub fn are_comparable(one: Side<'_>, other: Side<'_>) -> bool {
    let sections = SECTIONS
        .iter()
        .all(|name| one.members.get(name) == other.members.get(name));
    let at = |side: &Side<'_>, pointer: &str| side.members.pointer(pointer).cloned();
    let pointers = [
        "/replies/protected_resource",
        "/forward/filter_models",
        "/forward/filter_tools",
    ];
    let settings = pointers
        .iter()
        .all(|pointer| at(&one, pointer) == at(&other, pointer));
    sections
        && settings
        && issuers(one) == issuers(other)
        && have_same_choice_of_issuers(one.config, other.config)
        && have_same_credentials(one, other)
        && messages(one.config) == messages(other.config)
        && have_simple_batches(one.config)
        && have_simple_batches(other.config)
}

/// The issuers without the settings that are translated.
fn issuers(side: Side<'_>) -> Vec<Value> {
    let issuers = side.members.get("issuers").and_then(Value::as_array);
    let without = |issuer: &Value| {
        let mut issuer = issuer.clone();
        if let Value::Object(members) = &mut issuer {
            members.remove("audiences");
            members.remove("clients");
            if let Some(Value::Object(entra)) = members.get_mut("entra") {
                entra.remove("tenants");
            }
        }
        issuer
    };
    issuers.into_iter().flatten().map(without).collect()
}

/// Whether both configurations select the issuer of a token in the same way. Different tenants are translated only if
/// tokens have the tenant in `tid`, and if tenants do not select the issuer.
fn have_same_choice_of_issuers(one: &Config, other: &Config) -> bool {
    let tenants = |issuer: &Issuer| match &issuer.authority {
        Authority::Entra(entra) => Some(entra.tenants.clone()),
        Authority::Oidc { .. } => None,
    };
    let all =
        |config: &Config| -> Vec<Option<Tenants>> { config.issuers.iter().map(tenants).collect() };
    let is_entra = |issuer: &&Issuer| matches!(issuer.authority, Authority::Entra(_));
    let only = one.issuers.iter().filter(is_entra).count() <= 1;
    let is_tid = |issuer: &Issuer| issuer.claims.tenant.as_str() == "tid";
    all(one) == all(other) || only && one.issuers.iter().filter(is_entra).all(is_tid)
}

/// Whether credentials with the same name have the same source. An exchange must also have the same settings, since it
/// refuses some users.
fn have_same_credentials(one: Side<'_>, other: Side<'_>) -> bool {
    let (own, others) = (credentials(one), credentials(other));
    let is_same = |(name, credential): (&String, &Value)| {
        let other = others.get(name);
        other.is_none_or(|other| other == credential)
    };
    own.iter().all(is_same)
}

/// The credentials by name, without the settings that are translated or have no effect on comparisons.
fn credentials(side: Side<'_>) -> BTreeMap<String, Value> {
    let credentials = side.members.get("credentials").and_then(Value::as_array);
    let named = |credential: &Value| {
        let name = credential.get("name")?.as_str()?.to_owned();
        let mut credential = credential.clone();
        if let Value::Object(members) = &mut credential {
            members.remove("clusters");
            members.remove("bill_to");
        }
        Some((name, credential))
    };
    credentials
        .into_iter()
        .flatten()
        .filter_map(named)
        .collect()
}

/// The places of MCP servers, where the headers of sessions are read.
fn messages(config: &Config) -> Vec<String> {
    let matches = config
        .policy
        .matches()
        .filter(|matches| matches.mcp.are_named());
    let mut places: Vec<String> = matches
        .map(|matches| {
            format!(
                "{:?} {:?} {:?} {:?}",
                matches.hosts, matches.paths, matches.clusters, matches.methods
            )
        })
        .collect();
    places.sort();
    places.dedup();
    places
}

/// Whether no rule has `bill_to`. The messages of a batch are permitted together only if they have the same payer,
/// which is not translated.
fn have_simple_batches(config: &Config) -> bool {
    let policy = &config.policy;
    let payers = policy.rules.iter().map(|rule| &rule.bill_to);
    let mut payers = payers.chain(policy.anonymous.iter().map(|rule| &rule.bill_to));
    payers.all(Option::is_none)
        || !config
            .policy
            .matches()
            .any(|matches| matches.mcp.are_named())
}

#[cfg(test)]
mod tests;
