//! Who signed a token: from memory, or by taking it apart, finding its key and checking.

use crate::cache::TokenDigest;
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

/// What a look at a token has led to.
#[derive(Debug)]
pub enum Identified {
    /// The issuer of that index signed it.
    As(usize, Authentic),
    /// The keys of that ring are on their way.
    Wait { ring: usize },
}

impl Authorizer<'_> {
    pub(in crate::gate) fn identify(&mut self, bearer: Bearer<'_>) -> Result<Identified, Denial> {
        if !self.cache.is_enabled() {
            return self.examine(bearer);
        }
        let digest = TokenDigest::of(bearer.bytes());
        if let Some((issuer, authentic)) = self.cache.find(&digest, self.surroundings.now)
            && self.may_use_keys(issuer)
        {
            return Ok(Identified::As(issuer, authentic));
        }
        self.count(metrics::CACHE_MISSES);
        let identified = self.examine(bearer)?;
        if let Identified::As(issuer, authentic) = &identified {
            let (bytes, now) = (authentic.claims().bytes(), self.surroundings.now);
            let evicted = self.cache.insert(digest, bytes, *issuer, authentic, now);
            (0..evicted).for_each(|_| self.count(metrics::CACHE_EVICTIONS));
        }
        Ok(identified)
    }

    /// What stale keys once verified counts no more than they do.
    fn may_use_keys(&self, issuer: usize) -> bool {
        let ring = self.issuer_keys.get(issuer);
        ring.is_some_and(|ring| ring.is_usable(self.surroundings.now))
    }

    /// Whether who was identified before has to wait for keys: they can go stale, or one be withdrawn,
    /// while a request waits or its body comes.
    pub(in crate::gate) fn must_wait_for_keys(
        &self,
        index: usize,
        authentic: &Authentic,
    ) -> Result<bool, Denial> {
        let (Some(issuer), Some(ring)) =
            (self.config.issuers.get(index), self.issuer_keys.get(index))
        else {
            return Err(Denial::Internal("an issuer without keys"));
        };
        match ring.usable(self.surroundings.now) {
            Ok(keys) if keys.contains(&authentic.key) => Ok(false),
            Ok(_) => Err(unknown(issuer)),
            Err(lack) => wait_for_keys(ring, issuer, lack, self.budget).map(|()| true),
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
            return Err(Denial::Internal("an issuer without keys"));
        };
        match find_keys(ring, issuer, &token, self.surroundings.now)? {
            KeyLookup::Found(keys) => match authenticate(&token, issuer, keys, self.signatures) {
                // The key that the token names may be in a newer set.
                Err(Denial::SignatureInvalid) if !keys.are_named => {}
                authentic => return Ok(Identified::As(index, authentic?)),
            },
            KeyLookup::Lacking(lack) => {
                wait_for_keys(ring, issuer, lack, self.budget)?;
                return Ok(Identified::Wait { ring: index });
            }
            KeyLookup::Unknown => {}
        }
        let fetch = wait_for_newer(ring, issuer, self.surroundings.now, self.budget)?;
        self.calls
            .extend(fetch.map(|fetch| Call::for_keys(index, fetch)));
        Ok(Identified::Wait { ring: index })
    }
}

enum KeyLookup<'k> {
    Found(Candidates<'k>),
    /// We hold keys, but not that one: a newer set may have it.
    Unknown,
    Lacking(KeysUnavailable),
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
        Found::Unavailable(lack) => Ok(KeyLookup::Lacking(lack)),
        Found::Ambiguous => Err(unknown(issuer)),
        Found::WrongAlgorithm => Err(Denial::AlgorithmNotAllowed {
            algorithm: excerpt(token.algorithm.name()),
        }),
    }
}

/// There are no usable keys at all: waiting helps only if some can come in time.
fn wait_for_keys(
    ring: &IssuerKeys,
    issuer: &Issuer,
    lack: KeysUnavailable,
    budget: WaitBudget,
) -> Result<(), Denial> {
    match budget {
        WaitBudget::Until(deadline) if ring.may_answer_by(deadline) => Ok(()),
        WaitBudget::RoomIsFull => Err(unavailable(issuer, KeysUnavailable::TooManyWaiting)),
        WaitBudget::Until(_) | WaitBudget::TimeIsUp => Err(unavailable(issuer, lack)),
    }
}

/// The token's key is not among ours: waits for a newer set if one is coming or may be fetched now.
fn wait_for_newer(
    ring: &mut IssuerKeys,
    issuer: &Issuer,
    now: Timestamp,
    budget: WaitBudget,
) -> Result<Option<Fetch>, Denial> {
    match budget {
        WaitBudget::TimeIsUp => Err(unknown(issuer)),
        WaitBudget::RoomIsFull => Err(unavailable(issuer, KeysUnavailable::TooManyWaiting)),
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
