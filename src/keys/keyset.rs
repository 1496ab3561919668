//! A set of keys: parsed as a whole, replaced as a whole.

use super::jwk::{Key, Unusable};
use crate::json;
use crate::keys::algorithm::Algorithm;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Entra's `common` set holds about ten keys; a hundred leaves room for any honest issuer.
pub const MAX_KEYS: usize = 100;
/// Entra's `common` set is about 17 KB.
pub const MAX_BYTES: usize = 512 * 1024;

/// The usable keys of one issuer, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    /// What remembers tokens shares the key of each.
    keys: Vec<Arc<Key>>,
}

/// Why a text is no key set for us.
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
    /// Of that many keys, none can verify our tokens; the first reason is given.
    NoUsableKey {
        keys: usize,
        first: Option<Unusable>,
    },
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "a key set of {bytes} bytes exceeds the limit of {MAX_BYTES}"
                )
            }
            Self::NotJson(error) => write!(f, "not a JSON object: {error}"),
            Self::NoKeysMember => f.write_str("no array \"keys\" in the key set"),
            Self::TooManyKeys { keys } => {
                write!(f, "{keys} keys exceed the limit of {MAX_KEYS}")
            }
            Self::NoUsableKey { keys: 0, .. } => f.write_str("the key set is empty"),
            Self::NoUsableKey { keys, first } => {
                write!(f, "none of the {keys} keys is usable")?;
                first
                    .as_ref()
                    .map_or(Ok(()), |first| write!(f, " (the first: {first})"))
            }
        }
    }
}

/// Most keys that are tried for one token: each may cost a verification.
const MAX_CANDIDATES: usize = 4;

/// The keys that may have signed a token, in the order of the set; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidates<'a> {
    keys: [Option<&'a Arc<Key>>; MAX_CANDIDATES],
    /// They have the token's `kid`. Otherwise they have none, and a newer set may hold the key that
    /// the token names.
    pub are_named: bool,
}

impl<'a> Candidates<'a> {
    fn of(keys: impl Iterator<Item = &'a Arc<Key>>, are_named: bool) -> Option<Self> {
        let mut found = [None; MAX_CANDIDATES];
        for (place, key) in found.iter_mut().zip(keys) {
            *place = Some(key);
        }
        let is_any = found.iter().any(Option::is_some);
        is_any.then_some(Self {
            keys: found,
            are_named,
        })
    }

    /// One key, whatever its id.
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

/// What a token's `kid` leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    Found(Candidates<'a>),
    /// No key of that id (or, without an id, none for the algorithm).
    Unknown,
    /// The key is there but does not serve the algorithm.
    WrongAlgorithm,
    /// The token names no key and several would do.
    Ambiguous,
}

impl KeySet {
    /// Reads a JWKS (RFC 7517 §5), passing over keys that can't verify our tokens.
    ///
    /// # Errors
    /// [`KeySetError`] when it is no key set or holds no usable key.
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

    /// The same from the members of `keys`.
    ///
    /// # Errors
    /// As [`KeySet::from_json`].
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
        match keys.is_empty() {
            true => Err(KeySetError::NoUsableKey {
                keys: jwks.len(),
                first,
            }),
            false => Ok(Self { keys }),
        }
    }

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
        if self.contains(kid) {
            return Lookup::WrongAlgorithm;
        }
        // A key without an id fits any token of its type.
        with(None).map_or(Lookup::Unknown, Lookup::Found)
    }

    /// How many keys share the id of an earlier one that serves the same algorithms. Only some of
    /// those are tried.
    pub fn duplicates(&self) -> usize {
        let same = |key: &Arc<Key>, other: &Arc<Key>| {
            key.kid.is_some()
                && key.kid == other.kid
                && (Algorithm::ALL.into_iter()).any(|own| key.serves(own) && other.serves(own))
        };
        let repeats = |index: &usize| {
            let key = self.keys.get(*index);
            let mut earlier = self.keys.iter().take(*index);
            key.is_some_and(|key| earlier.any(|other| same(key, other)))
        };
        (0..self.keys.len()).filter(repeats).count()
    }

    /// Whether every key of this set stands unchanged in the other: else what was verified with
    /// this set must be forgotten.
    pub fn is_kept_by(&self, newer: &Self) -> bool {
        self.keys.iter().all(|key| newer.holds(key))
    }

    /// Whether that key stands in this set, unchanged.
    pub fn holds(&self, key: &Arc<Key>) -> bool {
        self.keys.contains(key)
    }

    /// The same set; what stands unchanged in the older one is kept only once.
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

    /// Never: a set without keys can't be made.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn contains(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }
}
