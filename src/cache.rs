//! A cache of tokens whose signature was verified.
//!
//! An entry proves only that the signature is valid, and records whether the token is for this API ([`Authentic`]).
//! Times, revocation and policy are checked on every use. An entry is found by the digest of the whole token
//! ([`TokenDigest`]); the token itself is not stored. The least recently used entries are evicted if the number of
//! entries or their total size exceeds its limit.

mod digest;

use crate::sharing::mac::Mac;
use crate::time::Timestamp;
use crate::token::verify::Authentic;
pub use digest::TokenDigest;
use digest::{DigestHasher, Digester};
use lru::LruCache;
use std::hash::BuildHasherDefault;
use std::time::Duration;

/// The size limit of all entries of one VM, in bytes as computed by [`weight`]. 4096 tokens of typical size
/// need a fraction of it; the limit applies if many tokens are close to the maximum length.
const MAX_WEIGHT: usize = 32 * 1024 * 1024;

/// The limits of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    pub entries: usize,
    /// How long a verification is valid. Zero disables the cache.
    pub ttl: Duration,
}

/// The cached tokens of one VM.
#[derive(Debug)]
pub struct TokenCache {
    digester: Digester,
    ttl: Duration,
    max_entries: usize,
    max_weight: usize,
    entries: LruCache<TokenDigest, Entry, BuildHasherDefault<DigestHasher>>,
    weight: usize,
}

#[derive(Debug)]
struct Entry {
    issuer: usize,
    authentic: Authentic,
    expires: Timestamp,
    weight: usize,
}

/// A cached token: the index of its issuer, and its claims.
pub type Hit = (usize, Authentic);

impl TokenCache {
    /// Returns an empty cache. `mac` is a key that only this configuration has.
    pub fn new(limits: CacheLimits, mac: &Mac) -> Self {
        Self {
            digester: Digester::new(mac),
            ttl: limits.ttl,
            max_entries: limits.entries,
            max_weight: MAX_WEIGHT,
            entries: LruCache::unbounded_with_hasher(BuildHasherDefault::default()),
            weight: 0,
        }
    }

    /// Reports whether the cache is enabled.
    pub fn is_enabled(&self) -> bool {
        !self.ttl.is_zero()
    }

    /// Returns the digest of a token.
    pub fn digest(&self, token: &[u8]) -> TokenDigest {
        self.digester.digest(token)
    }

    /// Returns the entry for a token, unless it has expired.
    pub fn find(&mut self, digest: &TokenDigest, now: Timestamp) -> Option<Hit> {
        let entry = self.entries.get(digest)?;
        if now >= entry.expires {
            self.remove(digest);
            return None;
        }
        Some((entry.issuer, entry.authentic.remembered()))
    }

    /// Caches a token. `claims` is the size of its claims in bytes. Returns the number of evicted entries.
    pub fn insert(
        &mut self,
        digest: TokenDigest,
        claims: usize,
        issuer: usize,
        authentic: &Authentic,
        now: Timestamp,
    ) -> usize {
        let weight = weight(claims);
        if !self.is_enabled() || weight > self.max_weight {
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
        self.entries.put(digest, entry);
        evicted
    }

    /// Removes all tokens of an issuer. Called if a key that verified them may have been removed.
    pub fn forget_issuer(&mut self, issuer: usize) {
        let of_issuer = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.issuer == issuer);
        let digests: Vec<TokenDigest> = of_issuer.map(|(digest, _)| *digest).collect();
        digests.iter().for_each(|digest| self.remove(digest));
    }

    /// Removes expired entries, in order of last use. Called periodically. An expired entry that was used
    /// after an unexpired one remains until that one expires.
    pub fn sweep(&mut self, now: Timestamp) {
        while let Some((_, oldest)) = self.entries.peek_lru()
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

    /// Returns false if the cache is empty.
    fn remove_oldest(&mut self) -> bool {
        let removed = self.entries.pop_lru();
        self.subtract_weight(removed.map(|(_, entry)| entry))
    }

    fn remove(&mut self, digest: &TokenDigest) {
        let removed = self.entries.pop(digest);
        self.subtract_weight(removed);
    }

    fn subtract_weight(&mut self, removed: Option<Entry>) -> bool {
        let weight = removed.as_ref().map_or(0, |entry| entry.weight);
        self.weight = self.weight.saturating_sub(weight);
        removed.is_some()
    }
}

/// The size in bytes of an entry whose claims have the given size.
const fn weight(claims: usize) -> usize {
    // The list links each entry to two others, and up to half of the slots in the map may be unused.
    const LINKS: usize = 2 * size_of::<usize>();
    const PLACE: usize = 2 * size_of::<usize>() + 1;
    claims.saturating_add(size_of::<TokenDigest>() + size_of::<Entry>() + LINKS + 2 * PLACE)
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
        let mut buffer = Vec::new();
        let token = Unverified::parse(&text, &["jwt".into()], &mut buffer).unwrap();
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
        TokenCache::new(CacheLimits { entries, ttl }, &mac("secret"))
    }

    fn mac(secret: &str) -> Mac {
        Mac::of([secret.as_bytes()])
    }

    fn digest(n: usize) -> TokenDigest {
        TokenDigest::numbered(n)
    }

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn cached(cache: &TokenCache) -> Vec<usize> {
        let entry = |n: &usize| cache.entries.peek(&digest(*n));
        let cached: Vec<usize> = (0..100).filter(|n| entry(n).is_some()).collect();
        let weight: usize = cached
            .iter()
            .filter_map(entry)
            .map(|entry| entry.weight)
            .sum();
        assert_eq!((cache.entries.len(), cache.weight), (cached.len(), weight));
        cached
    }

    #[test]
    fn token_is_found_until_it_expires() {
        let mut cache = cache(4);
        assert!(cache.find(&digest(1), at(0)).is_none());
        cache.insert(digest(1), 100, 7, &authentic(), at(0));
        assert!(!cache.is_empty());
        let (issuer, found) = cache.find(&digest(1), at(9)).unwrap();
        assert_eq!((issuer, found.checked_by), (7, CheckedBy::Cache));
        assert!(cache.find(&digest(2), at(9)).is_none());
        // Use does not extend the lifetime.
        assert!(cache.find(&digest(1), at(10)).is_none());
        assert!(cached(&cache).is_empty());
    }

    #[test]
    fn least_recently_used_entry_is_evicted() {
        let (mut cache, authentic) = (cache(3), authentic());
        for n in 0..3 {
            assert_eq!(cache.insert(digest(n), 100, 0, &authentic, at(0)), 0);
        }
        cache.find(&digest(0), at(1));
        assert_eq!(cache.insert(digest(3), 100, 0, &authentic, at(1)), 1);
        assert_eq!(cached(&cache), [0, 2, 3]);
        assert_eq!(cache.insert(digest(3), 100, 0, &authentic, at(1)), 0);
        assert_eq!(cache.insert(digest(4), 100, 0, &authentic, at(1)), 1);
        assert_eq!(cached(&cache), [0, 3, 4]);
    }

    #[test]
    fn total_size_is_bounded() {
        let (mut cache, authentic) = (cache(100), authentic());
        cache.max_weight = 3 * weight(100);
        for n in 0..3 {
            cache.insert(digest(n), 100, 0, &authentic, at(0));
        }
        assert_eq!(cache.insert(digest(3), 101, 0, &authentic, at(0)), 2);
        assert_eq!(cached(&cache), [2, 3]);
        assert_eq!(
            cache.insert(digest(4), cache.max_weight, 0, &authentic, at(0)),
            0
        );
        assert_eq!(cached(&cache), [2, 3]);
        // A single entry may use the whole limit.
        let all = cache.max_weight - weight(0);
        assert_eq!(cache.insert(digest(5), all, 0, &authentic, at(0)), 2);
        assert_eq!(cached(&cache), [5]);
    }

    #[test]
    fn maximum_number_of_typical_tokens_fits() {
        const MANY: usize = 4096;
        let (mut cache, authentic) = (cache(MANY), authentic());
        for n in 0..MANY {
            assert_eq!(cache.insert(digest(n), 2000, 0, &authentic, at(0)), 0);
        }
        assert_eq!(cache.len(), MANY);
    }

    #[test]
    fn forgetting_an_issuer_keeps_other_issuers() {
        let (mut cache, authentic) = (cache(10), authentic());
        for n in 0..6 {
            cache.insert(digest(n), 100, n % 3, &authentic, at(0));
        }
        cache.forget_issuer(0);
        assert_eq!(cached(&cache), [1, 2, 4, 5]);
    }

    #[test]
    fn expired_entries_are_swept() {
        let (mut cache, authentic) = (cache(10), authentic());
        cache.insert(digest(0), 100, 0, &authentic, at(0));
        cache.insert(digest(1), 100, 0, &authentic, at(5));
        cache.find(&digest(0), at(6));
        cache.sweep(at(9));
        assert_eq!(cached(&cache), [0, 1]);
        // Entry 0 was used after entry 1, which has not expired.
        cache.sweep(at(10));
        assert_eq!(cached(&cache), [0, 1]);
        cache.sweep(at(15));
        assert!(cached(&cache).is_empty());
    }

    #[test]
    fn zero_ttl_disables_the_cache() {
        let ttl = Duration::ZERO;
        let mut cache = TokenCache::new(CacheLimits { entries: 5, ttl }, &mac("secret"));
        cache.insert(digest(0), 100, 0, &authentic(), at(0));
        assert!(!cache.is_enabled() && cache.is_empty());
    }
}
