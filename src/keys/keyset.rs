//! A set of keys: parsed as a whole, replaced as a whole.

use super::jwk::{Key, Unusable};
use crate::json;
use crate::token::algorithm::Algorithm;
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

/// What a token's `kid` leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    Found(&'a Arc<Key>),
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
                Ok(key) => keys.push(Arc::new(key)),
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
        let mut serving = self.keys.iter().filter(|key| key.serves(algorithm));
        match kid {
            Some(kid) => match serving.find(|key| key.kid.as_deref() == Some(kid)) {
                Some(key) => Lookup::Found(key),
                None if self.contains(kid) => Lookup::WrongAlgorithm,
                None => Lookup::Unknown,
            },
            None => match (serving.next(), serving.next()) {
                (Some(key), None) => Lookup::Found(key),
                (Some(_), Some(_)) => Lookup::Ambiguous,
                (None, _) => Lookup::Unknown,
            },
        }
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
