//! The digests by which the cache finds tokens.

use crate::sharing::mac::Mac;
use siphasher::sip128::SipHasher24;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

/// The SipHash-2-4 digest of a token, of 128 bits, under the key of one cache.
///
/// SipHash is a pseudorandom function (Aumasson and Bernstein, 2012, section 1), not a collision-resistant hash: anyone who
/// has the key can construct a token with the same digest as another token. The key never leaves the VM, and digests are
/// neither returned nor logged. Without the key, a forged token has the digest of one of `n` cached tokens with a
/// probability of `n` in 2^128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDigest(u128);

/// The keyed function that digests tokens.
pub(super) struct Digester(SipHasher24);

impl Digester {
    /// Derives the key from a key of the configuration and from random numbers of the host: it remains secret if only
    /// one of the two is known.
    pub fn new(mac: &Mac) -> Self {
        let random = RandomState::new();
        Self::with(mac, [random.hash_one(0), random.hash_one(1)])
    }

    fn with(mac: &Mac, random: [u64; 2]) -> Self {
        let random = random.map(u64::to_le_bytes);
        let key = mac.derive(b"entragate cache", random.as_flattened());
        Self(SipHasher24::new_with_key(&key))
    }

    pub fn digest(&self, token: &[u8]) -> TokenDigest {
        TokenDigest(self.0.hash(token).as_u128())
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(redacted)")
    }
}

/// Uses part of the digest as the hash, since the digest is uniformly distributed.
#[derive(Debug, Default)]
pub(super) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        let first = bytes.first_chunk().copied().unwrap_or_default();
        self.0 = u64::from_le_bytes(first);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::mint::Token;
    use testbed::persona::Persona;

    impl TokenDigest {
        /// Returns the digest with this number.
        pub fn numbered(number: usize) -> Self {
            Self(number as u128)
        }
    }

    fn mac(secret: &str) -> Mac {
        Mac::of([secret.as_bytes()])
    }

    #[test]
    fn digest_depends_on_every_byte_and_on_the_key_of_the_cache() {
        let own = Digester::new(&mac("secret"));
        let other = Digester::new(&mac("secret"));
        let token = Token::of(Persona::Ada).build();
        let digest = own.digest(token.as_bytes());
        assert_eq!(own.digest(token.as_bytes()), digest);
        assert_ne!(other.digest(token.as_bytes()), digest, "another key");
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] ^= 1;
            assert_ne!(own.digest(&other), digest, "byte {at}");
            assert_ne!(own.digest(&other[..at]), digest, "cut at {at}");
        }
    }

    #[test]
    fn key_depends_on_the_secrets_and_on_the_random_numbers() {
        let digest =
            |secret, random: u64| Digester::with(&mac(secret), [random, 2]).digest(b"token");
        assert_eq!(digest("one", 1), digest("one", 1));
        assert_ne!(digest("one", 1), digest("two", 1));
        assert_ne!(digest("one", 1), digest("one", 3));
    }

    /// The first two test vectors of the authors' implementation: key 00 01 … 0f, and no input or one byte 00.
    #[test]
    fn digest_is_siphash_2_4_with_128_bits() {
        let key: [u8; 16] = std::array::from_fn(|at| at as u8);
        let digester = Digester(SipHasher24::new_with_key(&key));
        let hash = |input: &[u8]| format!("{:032x}", digester.digest(input).0.swap_bytes());
        assert_eq!(hash(&[]), "a3817f04ba25a8e66df67214c7550293");
        assert_eq!(hash(&[0]), "da87c1d86b99af44347659119b22fc45");
    }
}
