//! Verified tokens, remembered for a while: the same bytes need no second look at their signature.
//!
//! What is remembered is only that an issuer signed them, and whether for us ([`Authentic`]). Times,
//! revocation and policy are asked on every use. Entries are found by BLAKE2b-256 of the whole token,
//! which itself is not kept: as hard to collide as SHA-256, and cheaper in wasm, which has 64-bit
//! arithmetic and instructions for neither. The least recently used make room when there are too
//! many, or when they take too much.

mod lru;

use crate::time::Timestamp;
use crate::token::verify::Authentic;
use lru::Lru;
use std::time::Duration;

/// Most that all entries of one VM may take, by [`weight`]: several times what 4096 tokens of a usual
/// size need, and a bound where tokens are as long as they may be.
const MAX_WEIGHT: usize = 32 * 1024 * 1024;

/// Bounds of the memory for verified tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    pub entries: usize,
    /// From a token's verification to its next; zero: none is remembered.
    pub ttl: Duration,
}

/// Names a token by its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub fn of(token: &[u8]) -> Self {
        let mut digest = [0; 32];
        let hash = blake2b_simd::Params::new().hash_length(32).hash(token);
        digest
            .iter_mut()
            .zip(hash.as_bytes())
            .for_each(|(own, byte)| *own = *byte);
        Self(digest)
    }
}

/// The tokens of one VM.
#[derive(Debug)]
pub struct TokenCache {
    ttl: Duration,
    max_entries: usize,
    max_weight: usize,
    entries: Lru<Entry>,
    weight: usize,
}

#[derive(Debug)]
struct Entry {
    issuer: usize,
    authentic: Authentic,
    expires: Timestamp,
    weight: usize,
}

/// A token found: the index of its issuer, and the proof.
pub type Hit = (usize, Authentic);

impl TokenCache {
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            ttl: limits.ttl,
            max_entries: limits.entries,
            max_weight: MAX_WEIGHT,
            entries: Lru::new(),
            weight: 0,
        }
    }

    /// False: nothing is ever found, so there is no need to ask.
    pub fn is_on(&self) -> bool {
        !self.ttl.is_zero()
    }

    pub fn find(&mut self, digest: &TokenDigest, now: Timestamp) -> Option<Hit> {
        let entry = self.entries.find(digest)?;
        if now >= entry.expires {
            self.remove(digest);
            return None;
        }
        Some((entry.issuer, entry.authentic.remembered()))
    }

    /// Remembers a token whose claims take that many bytes. Returns how many others had to go.
    pub fn insert(
        &mut self,
        digest: TokenDigest,
        claims: usize,
        issuer: usize,
        authentic: &Authentic,
        now: Timestamp,
    ) -> usize {
        let weight = weight(claims);
        if !self.is_on() || weight > self.max_weight {
            return 0;
        }
        self.remove(&digest);
        let mut evicted = 0;
        while (self.len() >= self.max_entries || self.weight + weight > self.max_weight)
            && self.remove_oldest()
        {
            evicted += 1;
        }
        self.weight += weight;
        let entry = Entry {
            issuer,
            authentic: authentic.clone(),
            expires: now.plus(self.ttl),
            weight,
        };
        self.entries.insert(digest, entry);
        evicted
    }

    /// Forgets all tokens of an issuer: a key they were verified with may be gone.
    pub fn forget_issuer(&mut self, issuer: usize) {
        let weight = &mut self.weight;
        self.entries.retain(|entry| {
            let stays = entry.issuer != issuer;
            if !stays {
                *weight = weight.saturating_sub(entry.weight);
            }
            stays
        });
    }

    /// To be called now and then: drops entries that nobody has asked for since they expired. One
    /// that stands behind a younger one goes no later than that one.
    pub fn sweep(&mut self, now: Timestamp) {
        while let Some(oldest) = self.entries.oldest()
            && now >= oldest.expires
        {
            self.remove_oldest();
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// False: there is none.
    fn remove_oldest(&mut self) -> bool {
        let removed = self.entries.remove_oldest();
        self.lighten(removed)
    }

    fn remove(&mut self, digest: &TokenDigest) {
        let removed = self.entries.remove(digest);
        self.lighten(removed);
    }

    fn lighten(&mut self, removed: Option<Entry>) -> bool {
        let weight = removed.as_ref().map_or(0, |entry| entry.weight);
        self.weight = self.weight.saturating_sub(weight);
        removed.is_some()
    }
}

/// What an entry takes with claims of that many bytes.
const fn weight(claims: usize) -> usize {
    claims.saturating_add(Lru::<Entry>::BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::keys::jwk::Key;
    use crate::keys::keyset::Candidates;
    use crate::token::jws::Unverified;
    use crate::token::signature::{CheckedBy, Portable};
    use crate::token::verify::authenticate;
    use serde_json::json;
    use testbed::keys;
    use testbed::mint::Token;
    use testbed::persona::{AUDIENCE, Persona, TENANT};

    fn authentic() -> Authentic {
        let config = json!({
            "issuers": [{"name": "contoso", "entra": {"tenants": [TENANT]}, "audiences": [AUDIENCE],
                         "jwks": {"cluster": "entra"}}],
            "credentials": [{"name": "c", "value": "hf_x"}],
            "rules": [{"name": "r", "match": {}, "require": {"role": "x"}, "credential": "c"}],
        });
        let config = config::load(config.to_string().as_bytes(), &|_| None).unwrap();
        let text = Token::of(Persona::Ada).build();
        let mut room = Vec::new();
        let token = Unverified::parse(&text, &["jwt".into()], &mut room).unwrap();
        let key = Key::from_jwk(&keys::rsa().to_jwk()).unwrap().into();
        authenticate(
            &token,
            &config.issuers[0],
            Candidates::only(&key),
            &Portable,
        )
        .unwrap()
    }

    fn cache(entries: usize) -> TokenCache {
        let ttl = Duration::from_secs(10);
        TokenCache::new(CacheLimits { entries, ttl })
    }

    fn digest(n: usize) -> TokenDigest {
        TokenDigest::of(n.to_string().as_bytes())
    }

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn held(cache: &TokenCache) -> Vec<usize> {
        let entry = |n: &usize| cache.entries.peek(&digest(*n));
        let held: Vec<usize> = (0..100).filter(|n| entry(n).is_some()).collect();
        let weight: usize = held
            .iter()
            .filter_map(entry)
            .map(|entry| entry.weight)
            .sum();
        assert_eq!((cache.entries.len(), cache.weight), (held.len(), weight));
        held
    }

    #[test]
    fn finds_what_it_was_given_until_it_expires() {
        let mut cache = cache(4);
        assert!(cache.find(&digest(1), at(0)).is_none());
        cache.insert(digest(1), 100, 7, &authentic(), at(0));
        assert!(!cache.is_empty());
        let (issuer, found) = cache.find(&digest(1), at(9)).unwrap();
        assert_eq!((issuer, found.checked_by), (7, CheckedBy::Cache));
        assert!(cache.find(&digest(2), at(9)).is_none());
        // Use does not prolong it.
        assert!(cache.find(&digest(1), at(10)).is_none());
        assert!(held(&cache).is_empty());
    }

    #[test]
    fn the_least_recently_used_make_room() {
        let (mut cache, authentic) = (cache(3), authentic());
        for n in 0..3 {
            assert_eq!(cache.insert(digest(n), 100, 0, &authentic, at(0)), 0);
        }
        cache.find(&digest(0), at(1));
        assert_eq!(cache.insert(digest(3), 100, 0, &authentic, at(1)), 1);
        assert_eq!(held(&cache), [0, 2, 3]);
        assert_eq!(cache.insert(digest(3), 100, 0, &authentic, at(1)), 0);
        assert_eq!(cache.insert(digest(4), 100, 0, &authentic, at(1)), 1);
        assert_eq!(held(&cache), [0, 3, 4]);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let (mut cache, authentic) = (cache(100), authentic());
        cache.max_weight = 3 * weight(100);
        for n in 0..3 {
            cache.insert(digest(n), 100, 0, &authentic, at(0));
        }
        assert_eq!(cache.insert(digest(3), 101, 0, &authentic, at(0)), 2);
        assert_eq!(held(&cache), [2, 3]);
        assert_eq!(
            cache.insert(digest(4), cache.max_weight, 0, &authentic, at(0)),
            0
        );
        assert_eq!(held(&cache), [2, 3]);
        // One alone may take it all.
        let all = cache.max_weight - weight(0);
        assert_eq!(cache.insert(digest(5), all, 0, &authentic, at(0)), 2);
        assert_eq!(held(&cache), [5]);
    }

    #[test]
    fn as_many_usual_tokens_as_are_allowed_find_room() {
        const MANY: usize = 4096;
        let (mut cache, authentic) = (cache(MANY), authentic());
        for n in 0..MANY {
            assert_eq!(cache.insert(digest(n), 2000, 0, &authentic, at(0)), 0);
        }
        assert_eq!(cache.len(), MANY);
    }

    #[test]
    fn an_issuer_is_forgotten_alone() {
        let (mut cache, authentic) = (cache(10), authentic());
        for n in 0..6 {
            cache.insert(digest(n), 100, n % 3, &authentic, at(0));
        }
        cache.forget_issuer(0);
        assert_eq!(held(&cache), [1, 2, 4, 5]);
    }

    #[test]
    fn what_nobody_asks_for_is_swept() {
        let (mut cache, authentic) = (cache(10), authentic());
        cache.insert(digest(0), 100, 0, &authentic, at(0));
        cache.insert(digest(1), 100, 0, &authentic, at(5));
        cache.find(&digest(0), at(6));
        cache.sweep(at(9));
        assert_eq!(held(&cache), [0, 1]);
        // 0 stands behind 1, which was used before it.
        cache.sweep(at(10));
        assert_eq!(held(&cache), [0, 1]);
        cache.sweep(at(15));
        assert!(held(&cache).is_empty());
    }

    #[test]
    fn off_means_off() {
        let ttl = Duration::ZERO;
        let mut cache = TokenCache::new(CacheLimits { entries: 5, ttl });
        cache.insert(digest(0), 100, 0, &authentic(), at(0));
        assert!(!cache.is_on() && cache.is_empty());
    }
}
