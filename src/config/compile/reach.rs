//! Checks which issuers' callers can use each credential. A token exchange asserts a user's identity to Hugging Face,
//! so it requires an issuer of one tenant.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire;
use crate::credential::{Credential, Source};
use crate::policy::rule::{AnonymousRule, Effect, Policy};
use crate::token::issuer::{Authority, Issuer, Tenants};

/// Entra's tenant for personal Microsoft accounts.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Refuses token exchanges for anonymous callers and for issuers of several tenants.
pub(super) fn check(
    policy: &Policy,
    issuers: &[Issuer],
    credentials: &[Credential],
    wire: &wire::Config,
    findings: &mut Findings,
) -> Result<(), Reported> {
    let is_exchange = |index: usize| {
        let source = credentials.get(index).map(|credential| &credential.source);
        matches!(source, Some(Source::Exchanged(_)))
    };
    let mut outcome = Ok(());
    let mut refuse = |rule: &str, problem| {
        let index = wire.rules.iter().position(|known| known.name == rule);
        let at = path::item("rules", index.unwrap_or_default());
        outcome = Err(findings.add(path::member(&at, "credential"), problem));
    };
    for AnonymousRule {
        name, credential, ..
    } in &policy.anonymous
    {
        if credential.is_some_and(is_exchange) {
            refuse(name, Problem::ExchangeForAnonymous);
        }
    }
    for rule in &policy.rules {
        let Effect::Allow {
            credential: Some(credential),
        } = rule.effect
        else {
            continue;
        };
        let mut many = issuers.iter().filter(|issuer| has_many_tenants(issuer));
        let issuer = many.find(|issuer| is_exchange(credential) && rule.is_open_to(&issuer.name));
        if let Some(issuer) = issuer {
            let issuer = issuer.name.to_string();
            refuse(&rule.name, Problem::ExchangeForManyTenants { issuer });
        }
    }
    outcome
}

fn has_many_tenants(issuer: &Issuer) -> bool {
    match &issuer.authority {
        Authority::Oidc { .. } => false,
        Authority::Entra(entra) => match &entra.tenants {
            Tenants::Any => true,
            Tenants::Listed(tenants) => {
                tenants.len() != 1 || tenants.iter().any(|tenant| **tenant == *PERSONAL_ACCOUNTS)
            }
        },
    }
}
