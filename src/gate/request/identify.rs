//! Signature verification of a token: from the cache, or by parsing it, finding its key and checking it.

use crate::decision::{Denial, KeysUnavailable};
use crate::gate::Call;
use crate::gate::request::authorizer::{Authorizer, WaitBudget};
use crate::keys::issuer_keys::{Fetch, Found, IssuerKeys};
use crate::keys::keyset::Candidates;
use crate::metrics;
use crate::text::excerpt;
use crate::time::Timestamp;
use crate::token::bearer::Bearer;
use crate::token::issuer::Issuer;
use crate::token::jws::Unverified;
use crate::token::verify::{Authentic, authenticate, pick_issuer};

/// The outcome of the verification of a token's signature.
#[derive(Debug)]
pub enum Identified {
    /// The token was signed by the issuer with this index.
    As(usize, Authentic),
    /// The keys of the issuer with this index are being fetched.
    Wait { issuer: usize },
}

impl Authorizer<'_> {
    pub(in crate::gate) fn identify(&mut self, bearer: Bearer<'_>) -> Result<Identified, Denial> {
        if !self.cache.is_enabled() {
            return self.examine(bearer);
        }
        let digest = self.cache.digest(bearer.bytes());
        if let Some((issuer, authentic)) = self.cache.find(&digest, self.context.now)
            && self.may_use_keys(issuer)
        {
            return Ok(Identified::As(issuer, authentic));
        }
        self.count(metrics::CACHE_MISSES);
        let identified = self.examine(bearer)?;
        if let Identified::As(issuer, authentic) = &identified {
            let (bytes, now) = (authentic.claims().bytes(), self.context.now);
            let evicted = self.cache.insert(digest, bytes, *issuer, authentic, now);
            (0..evicted).for_each(|_| self.count(metrics::CACHE_EVICTIONS));
        }
        Ok(identified)
    }

    /// Whether the issuer's keys are usable. A cached token is not valid longer than its issuer's keys.
    fn may_use_keys(&self, issuer: usize) -> bool {
        let ring = self.issuer_keys.get(issuer);
        ring.is_some_and(|ring| ring.is_usable(self.context.now))
    }

    /// Whether a request whose signature was verified earlier must wait for keys. While it waited, the
    /// keys can become stale or its key can be withdrawn.
    pub(in crate::gate) fn must_wait_for_keys(
        &self,
        index: usize,
        authentic: &Authentic,
    ) -> Result<bool, Denial> {
        let (Some(issuer), Some(ring)) =
            (self.config.issuers.get(index), self.issuer_keys.get(index))
        else {
            return Err(Denial::Internal("the issuer has no key store"));
        };
        match ring.usable(self.context.now) {
            Ok(keys) if keys.contains(&authentic.key) => Ok(false),
            Ok(_) => Err(unknown(issuer)),
            Err(reason) => wait_for_keys(ring, issuer, reason, self.budget).map(|()| true),
        }
    }

    fn examine(&mut self, bearer: Bearer<'_>) -> Result<Identified, Denial> {
        let mut room = Vec::new();
        let token = bearer.unverified(&self.config.token.types, &mut room)?;
        let index = pick_issuer(&token, &self.config.issuers)?;
        let (Some(issuer), Some(ring)) = (
            self.config.issuers.get(index),
            self.issuer_keys.get_mut(index),
        ) else {
            return Err(Denial::Internal("the issuer has no key store"));
        };
        match find_keys(ring, issuer, &token, self.context.now)? {
            KeyLookup::Found(keys) => match authenticate(&token, issuer, keys, self.signatures) {
                // The token's key may be in a newer set.
                Err(Denial::SignatureInvalid) if !keys.are_named => {}
                authentic => return Ok(Identified::As(index, authentic?)),
            },
            KeyLookup::Unavailable(reason) => {
                wait_for_keys(ring, issuer, reason, self.budget)?;
                return Ok(Identified::Wait { issuer: index });
            }
            KeyLookup::Unknown => {}
        }
        let fetch = wait_for_newer(ring, issuer, self.context.now, self.budget)?;
        self.calls
            .extend(fetch.map(|fetch| Call::for_keys(index, fetch)));
        Ok(Identified::Wait { issuer: index })
    }
}

enum KeyLookup<'k> {
    Found(Candidates<'k>),
    /// The key is not in the current set; a newer set may contain it.
    Unknown,
    Unavailable(KeysUnavailable),
}

fn find_keys<'k>(
    ring: &'k IssuerKeys,
    issuer: &Issuer,
    token: &Unverified<'_>,
    now: Timestamp,
) -> Result<KeyLookup<'k>, Denial> {
    match ring.find(token.kid.as_deref(), token.algorithm, now) {
        Found::Keys(keys) => Ok(KeyLookup::Found(keys)),
        Found::Unknown => Ok(KeyLookup::Unknown),
        Found::Unavailable(reason) => Ok(KeyLookup::Unavailable(reason)),
        Found::Ambiguous => Err(unknown(issuer)),
        Found::WrongAlgorithm => Err(Denial::AlgorithmNotAllowed {
            algorithm: excerpt(token.algorithm.name()),
        }),
    }
}

/// Waits for keys if there are none, provided that a fetch can end in time.
fn wait_for_keys(
    ring: &IssuerKeys,
    issuer: &Issuer,
    reason: KeysUnavailable,
    budget: WaitBudget,
) -> Result<(), Denial> {
    match budget {
        WaitBudget::Until(deadline) if ring.may_answer_by(deadline) => Ok(()),
        WaitBudget::NoCapacity => Err(unavailable(issuer, KeysUnavailable::TooManyWaiting)),
        WaitBudget::Until(_) | WaitBudget::Expired => Err(unavailable(issuer, reason)),
    }
}

/// Waits for a newer key set that may contain the token's key, if one is being fetched or may be fetched
/// now.
fn wait_for_newer(
    ring: &mut IssuerKeys,
    issuer: &Issuer,
    now: Timestamp,
    budget: WaitBudget,
) -> Result<Option<Fetch>, Denial> {
    match budget {
        WaitBudget::Expired => Err(unknown(issuer)),
        WaitBudget::NoCapacity => Err(unavailable(issuer, KeysUnavailable::TooManyWaiting)),
        WaitBudget::Until(_) => match ring.demand(now) {
            (true, fetch) => Ok(fetch),
            (false, _) => Err(unknown(issuer)),
        },
    }
}

fn unknown(issuer: &Issuer) -> Denial {
    Denial::KeyUnknown {
        issuer: issuer.name.clone(),
    }
}

fn unavailable(issuer: &Issuer, reason: KeysUnavailable) -> Denial {
    Denial::KeysUnavailable {
        issuer: issuer.name.clone(),
        reason,
    }
}
