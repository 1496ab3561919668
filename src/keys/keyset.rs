//! Key sets (JWKS), parsed and replaced as a whole.

use super::jwk::{Key, Unusable};
use crate::json;
use crate::keys::algorithm::Algorithm;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The maximum number of keys in a set. Entra's `common` set has about ten.
pub const MAX_KEYS: usize = 100;
/// The size limit of a key set, in bytes. Entra's `common` set has about 17 KB.
pub const MAX_BYTES: usize = 512 * 1024;

/// The usable keys of one issuer. Holds at least one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    /// Shared with the token cache.
    keys: Vec<Arc<Key>>,
}

/// The reason why a text is not a usable key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetError {
    TooLarge {
        bytes: usize,
    },
    NotJson(String),
    NoKeysMember,
    TooManyKeys {
        keys: usize,
    },
    /// None of the keys can verify tokens. `first` is the reason for the first key.
    NoUsableKey {
        keys: usize,
        first: Option<Unusable>,
    },
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(f, "the key set has {bytes} bytes; the limit is {MAX_BYTES}")
            }
            Self::NotJson(error) => write!(f, "the key set cannot be parsed: {error}"),
            Self::NoKeysMember => f.write_str("the key set has no array \"keys\""),
            Self::TooManyKeys { keys } => {
                write!(f, "the key set has {keys} keys; the limit is {MAX_KEYS}")
            }
            Self::NoUsableKey { keys: 0, .. } => f.write_str("the key set is empty"),
            Self::NoUsableKey { keys, first } => {
                f.write_str("no key in the key set is usable")?;
                let first = first.as_ref();
                first.map_or(Ok(()), |first| write!(f, " (the first of {keys}: {first})"))
            }
        }
    }
}

/// The maximum number of keys tried for one token, because each try may cost a verification.
const MAX_CANDIDATES: usize = 4;

/// The keys that may have signed a token, in the order of the set. Holds at least one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidates<'a> {
    keys: [Option<&'a Arc<Key>>; MAX_CANDIDATES],
    /// Whether the keys have the token's `kid`; also true if the token has no `kid`. If false, they have no `kid`, and a
    /// newer set may have a key with the token's `kid`.
    pub are_named: bool,
}

impl<'a> Candidates<'a> {
    fn of(keys: impl Iterator<Item = &'a Arc<Key>>, are_named: bool) -> Option<Self> {
        let mut found = [None; MAX_CANDIDATES];
        for (slot, key) in found.iter_mut().zip(keys) {
            *slot = Some(key);
        }
        let has_key = found.iter().any(Option::is_some);
        has_key.then_some(Self {
            keys: found,
            are_named,
        })
    }

    /// Creates candidates from a single key, regardless of its id.
    pub fn only(key: &'a Arc<Key>) -> Self {
        let mut keys = [None; MAX_CANDIDATES];
        if let Some(first) = keys.first_mut() {
            *first = Some(key);
        }
        Self {
            keys,
            are_named: true,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a Arc<Key>> {
        self.keys.into_iter().flatten()
    }
}

/// The result of a lookup in a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    Found(Candidates<'a>),
    /// No key has the token's `kid`; without a `kid`, no key fits the algorithm.
    Unknown,
    /// The key exists but may not verify the algorithm.
    WrongAlgorithm,
    /// The token has no `kid`, and several keys fit its algorithm.
    Ambiguous,
}

impl KeySet {
    /// Parses a JWKS (RFC 7517 §5). Skips keys that cannot verify tokens.
    ///
    /// # Errors
    /// [`KeySetError`] if the text is not a key set or has no usable key.
    pub fn from_json(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge { bytes: text.len() });
        }
        let set = json::parse_object(text).map_err(|e| KeySetError::NotJson(e.to_string()))?;
        match set.get("keys") {
            Some(Value::Array(jwks)) => Self::from_jwks(jwks),
            _ => Err(KeySetError::NoKeysMember),
        }
    }

    /// Creates a set from the items of the array `keys`.
    ///
    /// # Errors
    /// See [`KeySet::from_json`].
    pub fn from_jwks(jwks: &[Value]) -> Result<Self, KeySetError> {
        if jwks.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys { keys: jwks.len() });
        }
        let mut first = None;
        let mut keys = Vec::new();
        for jwk in jwks {
            match Key::from_jwk(jwk) {
                Ok(key) => {
                    let key = Arc::new(key);
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey {
                keys: jwks.len(),
                first,
            });
        }
        Ok(Self { keys })
    }

    /// Finds the keys for a token's `kid` and algorithm.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup<'_> {
        let serving = || self.keys.iter().filter(|key| key.serves(algorithm));
        let with = |kid: Option<&str>| {
            let keys = serving().filter(|key| key.kid.as_deref() == kid);
            Candidates::of(keys, kid.is_some())
        };
        let Some(kid) = kid else {
            let mut serving = serving();
            return match (serving.next(), serving.next()) {
                (Some(key), None) => Lookup::Found(Candidates::only(key)),
                (Some(_), Some(_)) => Lookup::Ambiguous,
                (None, _) => Lookup::Unknown,
            };
        };
        if let Some(named) = with(Some(kid)) {
            return Lookup::Found(named);
        }
        if self.has_kid(kid) {
            return Lookup::WrongAlgorithm;
        }
        // A key without an id may verify any token of its type.
        with(None).map_or(Lookup::Unknown, Lookup::Found)
    }

    /// Counts the keys that have the same id as an earlier key and an algorithm in common with it. Only the first few
    /// of them are tried for a token.
    pub fn duplicates(&self) -> usize {
        let same = |key: &Arc<Key>, other: &Arc<Key>| {
            key.kid.is_some()
                && key.kid == other.kid
                && (Algorithm::ALL.into_iter()).any(|own| key.serves(own) && other.serves(own))
        };
        let is_duplicate = |index: &usize| {
            let key = self.keys.get(*index);
            let mut earlier = self.keys.iter().take(*index);
            key.is_some_and(|key| earlier.any(|other| same(key, other)))
        };
        (0..self.keys.len()).filter(is_duplicate).count()
    }

    /// Returns whether the newer set contains every key of this set unchanged. Otherwise, tokens that were
    /// verified with this set must be removed from the cache.
    pub fn is_subset_of(&self, newer: &Self) -> bool {
        self.keys.iter().all(|key| newer.contains(key))
    }

    /// Returns whether the set contains the key unchanged.
    pub fn contains(&self, key: &Arc<Key>) -> bool {
        self.keys.contains(key)
    }

    /// Replaces keys with equal keys of the older set, so that they are stored only once.
    pub fn sharing_with(mut self, older: &Self) -> Self {
        for key in &mut self.keys {
            if let Some(same) = older.keys.iter().find(|older| *older == key) {
                *key = same.clone();
            }
        }
        self
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Always false: a set holds at least one key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn has_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }
}
