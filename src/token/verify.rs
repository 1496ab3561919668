//! The only place that makes [`Verified`] claims.
//!
//! Two steps, because their results live differently long: that an issuer signed these bytes and
//! whom they are meant for stays true ([`Authentic`]); whether they may still be used is asked every
//! time.

use super::claims::Claims;
use super::issuer::{Authority, Entra, Issuer, Selected, Version, select};
use super::jws::Unverified;
use super::signature::{CheckedBy, SignatureCheck};
use crate::decision::Denial;
use crate::keys::jwk::Key;
use crate::keys::keyset::Candidates;
use crate::text::{consists_of, excerpt};
use crate::time::Timestamp;
use crate::token::rules::TokenRules;
use std::ops::Deref;
use std::sync::Arc;

/// Proof that a value went through every check of this room. Nothing else can make one.
#[derive(Clone, Debug)]
pub struct Verified<T>(Arc<T>);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Claims that an issuer signed, with a key that may sign for it.
#[derive(Clone, Debug)]
pub struct Authentic {
    claims: Arc<Claims>,
    /// The key it was verified with.
    pub key: Arc<Key>,
    pub checked_by: CheckedBy,
}

/// The issuer a token names, before any key is looked up.
///
/// # Errors
/// A denial when it names none, or one we do not trust.
pub fn pick_issuer(token: &Unverified<'_>, issuers: &[Issuer]) -> Result<usize, Denial> {
    let iss = token
        .text("iss")
        .ok_or(Denial::TokenMalformed("it has no iss"))?;
    let index = match select(issuers, &iss) {
        Selected::Issuer(index) => index,
        Selected::ForeignTenant => {
            return Err(Denial::TenantNotAllowed {
                tenant: excerpt(&iss),
            });
        }
        Selected::Unknown => {
            return Err(Denial::IssuerUnknown {
                issuer: excerpt(&iss),
            });
        }
    };
    let accepted = issuers
        .get(index)
        .is_some_and(|i| i.algorithms.contains(&token.algorithm));
    match accepted {
        true => Ok(index),
        false => {
            let algorithm = token.algorithm.name().to_owned();
            Err(Denial::AlgorithmNotAllowed { algorithm })
        }
    }
}

/// Checks that one of the keys may sign for the issuer and that it did. The claims' form is read first:
/// claims that can't be read have one code, whichever way the signature would be checked.
///
/// # Errors
/// The first check that fails.
pub fn authenticate(
    token: &Unverified<'_>,
    issuer: &Issuer,
    keys: Candidates<'_>,
    signatures: &dyn SignatureCheck,
) -> Result<Authentic, Denial> {
    let may_sign = |key: &&Arc<Key>| match &issuer.authority {
        Authority::Entra(entra) => may_sign(entra, key, token),
        Authority::Oidc { .. } => true,
    };
    let mut allowed = keys.iter().filter(may_sign).peekable();
    if allowed.peek().is_none() {
        return Err(Denial::KeyNotForIssuer {
            issuer: issuer.name.clone(),
        });
    }
    let claims = Claims::read(issuer, &token.claims)?;
    let (key, checked_by) = allowed
        .find_map(|key| Some((key, signatures.check(token, key)?)))
        .ok_or(Denial::SignatureInvalid)?;
    Ok(Authentic {
        claims: Arc::new(claims),
        key: Arc::clone(key),
        checked_by,
    })
}

impl Authentic {
    /// The same, as remembered by the cache.
    pub fn remembered(&self) -> Self {
        Self {
            checked_by: CheckedBy::Cache,
            ..self.clone()
        }
    }

    /// What was signed, for the audit record: it may still be refused.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks that the token is meant for us and in time; on every use.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn verify(&self, rules: &TokenRules, now: Timestamp) -> Result<Verified<Claims>, Denial> {
        if let Some(denial) = &self.claims.misfit {
            return Err(Denial::clone(denial));
        }
        self.check_times(rules, now)?;
        Ok(Verified(self.claims.clone()))
    }

    fn check_times(&self, rules: &TokenRules, now: Timestamp) -> Result<(), Denial> {
        let claims = &self.claims;
        if now >= claims.expires.plus(rules.clock_skew) {
            return Err(Denial::TokenExpired {
                expired: claims.expires,
            });
        }
        let starts = [claims.not_before, claims.issued_at];
        for valid_from in starts.into_iter().flatten() {
            if now.plus(rules.clock_skew) < valid_from {
                return Err(Denial::TokenNotYetValid { valid_from });
            }
        }
        if let Some(limit) = rules.max_lifetime {
            // Without `iat` nothing says how long it has been valid.
            let lifetime = claims.issued_at.map(|start| claims.expires.since(start));
            if lifetime.is_none_or(|lifetime| lifetime > limit) {
                return Err(Denial::TokenLifetime {
                    seconds: lifetime.map(|lifetime| lifetime.as_secs()),
                    limit: limit.as_secs(),
                });
            }
        }
        Ok(())
    }
}

/// Microsoft's key issuer check: the key's `issuer`, with `{tenantid}` filled in, must be the
/// token's or the one this cloud writes in its other version (v1 tokens are checked against v2
/// keys too); and the key's cloud must be ours.
fn may_sign(entra: &Entra, key: &Key, token: &Unverified<'_>) -> bool {
    let cloud = entra.cloud;
    if key
        .cloud
        .as_deref()
        .is_some_and(|name| !cloud.instance_names().contains(&name))
    {
        return false;
    }
    let Some(around) = &key.issuer else {
        return true;
    };
    let tenant = &*token.text("tid").unwrap_or_default();
    let signs_for = around.join(tenant);
    let v2_form = |host: &&str| consists_of(&signs_for, ["https://", host, "/", tenant, "/v2.0"]);
    entra.is_issuer(&signs_for, Version::V1, tenant) || cloud.key_issuer_hosts().iter().any(v2_form)
}
