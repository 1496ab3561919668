//! Token verification, the only place that creates [`Verified`] claims.
//!
//! Verification has two steps because their results have different lifetimes. The signature and the
//! intended API stay valid and can be cached ([`Authentic`]). The times are checked on every use.

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

/// A value that passed every check of token verification. Only this module can create one.
#[derive(Clone, Debug)]
pub struct Verified<T>(Arc<T>);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Claims with a valid signature by a key that may sign for the issuer.
#[derive(Clone, Debug)]
pub struct Authentic {
    claims: Arc<Claims>,
    /// The key that verified the signature.
    pub key: Arc<Key>,
    pub checked_by: CheckedBy,
}

/// Returns the index of the token's issuer. Runs before any key is looked up.
///
/// # Errors
/// A denial if the token has no issuer, the issuer is not trusted, or it does not use the algorithm.
pub fn pick_issuer(token: &Unverified<'_>, issuers: &[Issuer]) -> Result<usize, Denial> {
    let iss = token
        .text("iss")
        .ok_or(Denial::TokenMalformed("it has no iss"))?;
    let index = match select(issuers, &iss) {
        Selected::Issuer(index) => index,
        Selected::ForeignTenant(tenant) => {
            return Err(Denial::TenantNotAllowed {
                tenant: excerpt(tenant),
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
    if accepted {
        Ok(index)
    } else {
        let algorithm = token.algorithm.name().to_owned();
        Err(Denial::AlgorithmNotAllowed { algorithm })
    }
}

/// Checks that one of the keys may sign for the issuer and that it signed the token. The claims are read
/// before the signature is checked, so that malformed claims have the same code with every implementation
/// of the signature check.
///
/// # Errors
/// The denial of the first check that fails.
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
    /// Returns a copy that is marked as coming from the cache.
    pub fn remembered(&self) -> Self {
        Self {
            checked_by: CheckedBy::Cache,
            ..self.clone()
        }
    }

    /// The signed claims, for the audit record. The token may still be refused.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks that the token is for this API and within its validity period. Called on every use.
    ///
    /// # Errors
    /// The denial of the first check that fails.
    pub fn verify(&self, rules: &TokenRules, now: Timestamp) -> Result<Verified<Claims>, Denial> {
        if let Some(denial) = &self.claims.rejection {
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
            // Without `iat`, the lifetime is unknown.
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

/// Microsoft's key issuer check. The key's `issuer`, with `{tenantid}` replaced, must be the tenant's v1 or
/// v2 issuer in this cloud; the version may differ from the token's, because v1 tokens are also checked
/// against v2 keys. The key's cloud must be the configured one.
fn may_sign(entra: &Entra, key: &Key, token: &Unverified<'_>) -> bool {
    let cloud = entra.cloud;
    if key
        .cloud
        .as_deref()
        .is_some_and(|name| !cloud.instance_names().contains(&name))
    {
        return false;
    }
    let Some(template) = &key.issuer else {
        return true;
    };
    let tenant = &*token.text("tid").unwrap_or_default();
    let signs_for = template.join(tenant);
    let v2_form = |host: &&str| consists_of(&signs_for, ["https://", host, "/", tenant, "/v2.0"]);
    entra.is_issuer(&signs_for, Version::V1, tenant) || cloud.key_issuer_hosts().iter().any(v2_form)
}
