//! Minting tokens: valid ones for a [`Persona`], and broken ones for attacks.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::{
    keys::{self, Algorithm, SigningKey},
    persona::Persona,
};

/// A compact JWS over exactly this header and these claims. Signed with the header's `alg` where the key can,
/// otherwise (`none`, HS256, a wrong algorithm) with the key's own algorithm, which then differs from the header.
pub fn mint(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let algorithm = algorithm_for(header, key);
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = key.sign_raw(algorithm, input.as_bytes());
    assemble(&input, &signature)
}

/// Like [`mint`], over bytes that need not be JSON: duplicate members, bad UTF-8, trailing garbage.
pub fn mint_raw(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    let algorithm = serde_json::from_slice(header)
        .map(|header| algorithm_for(&header, key))
        .unwrap_or(key.algorithm());
    let input = signing_input(header, payload);
    let signature = key.sign_raw(algorithm, input.as_bytes());
    assemble(&input, &signature)
}

/// HMAC-SHA256 over the signing input: the algorithm-confusion attack, with the public key's text as `secret`.
pub fn mint_hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    assemble(&input, &hmac_sha256::HMAC::mac(input.as_bytes(), secret))
}

/// A token whose third segment is empty, as in tokens with `alg: none`.
pub fn mint_unsigned(header: &Value, claims: &Value) -> String {
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    assemble(&input, &[])
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970")
        .as_secs()
}

/// A token under construction. It starts valid; each call changes one property.
///
/// ```
/// use testbed::{mint::Token, persona::Persona};
/// let token = Token::of(Persona::Ada).without("exp").build();
/// assert_eq!(token.split('.').count(), 3);
/// ```
#[derive(Clone, Debug)]
pub struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: SigningKey,
    corrupt: bool,
}

impl Token {
    /// The persona's token as of now, signed by [`Persona::key`].
    pub fn of(persona: Persona) -> Token {
        Token::at(persona, now())
    }

    /// The persona's token as if `now` (seconds since 1970) were the present.
    pub fn at(persona: Persona, now: u64) -> Token {
        let key = persona.key();
        Token {
            header: object(persona.header(key.kid())),
            claims: object(persona.claims(now)),
            key,
            corrupt: !persona.signature_verifies(),
        }
    }

    /// Arbitrary claims under the usual header.
    ///
    /// # Panics
    /// When `claims` is not an object; use [`mint_raw`] for those.
    pub fn with_claims(claims: Value) -> Token {
        let key = keys::rsa();
        Token {
            header: object(json!({"typ": "JWT", "alg": key.algorithm().name(), "kid": key.kid()})),
            claims: object(claims),
            key,
            corrupt: false,
        }
    }

    /// Sets or replaces a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Token {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Token {
        self.claims.remove(name);
        self
    }

    /// Sets or replaces a header member.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Token {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a header member.
    pub fn without_header(mut self, name: &str) -> Token {
        self.header.remove(name);
        self
    }

    /// Signs with `key`, and sets `alg`, `kid` and `x5t` in the header to match; absent `kid` and `x5t` are not added.
    pub fn signed_by(mut self, key: &SigningKey) -> Token {
        self.key = key.clone();
        self.header
            .insert("alg".into(), key.algorithm().name().into());
        for name in ["kid", "x5t"] {
            if let Some(member) = self.header.get_mut(name) {
                *member = key.kid().into();
            }
        }
        self
    }

    /// Signs with `key` and leaves the header as it is: a forged token that names another party's key.
    pub fn forged_by(mut self, key: &SigningKey) -> Token {
        self.key = key.clone();
        self
    }

    /// Signs with another algorithm of the same key family and sets `alg` to it.
    pub fn algorithm(self, algorithm: Algorithm) -> Token {
        self.header("alg", algorithm.name())
    }

    /// Flips a bit in the middle of the signature.
    pub fn corrupt_signature(mut self) -> Token {
        self.corrupt = true;
        self
    }

    pub fn header_value(&self) -> Value {
        Value::Object(self.header.clone())
    }

    pub fn claims_value(&self) -> Value {
        Value::Object(self.claims.clone())
    }

    /// The compact serialization.
    pub fn build(&self) -> String {
        let header = self.header_value();
        let input = signing_input(
            header.to_string().as_bytes(),
            self.claims_value().to_string().as_bytes(),
        );
        let mut signature = self
            .key
            .sign_raw(algorithm_for(&header, &self.key), input.as_bytes());
        if self.corrupt {
            let middle = signature.len() / 2;
            signature[middle] ^= 1;
        }
        assemble(&input, &signature)
    }
}

fn algorithm_for(header: &Value, key: &SigningKey) -> Algorithm {
    header["alg"]
        .as_str()
        .and_then(|name| name.parse().ok())
        .filter(|algorithm| key.can_sign(*algorithm))
        .unwrap_or(key.algorithm())
}

fn signing_input(header: &[u8], payload: &[u8]) -> String {
    let encode = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}", encode(header), encode(payload))
}

fn assemble(signing_input: &str, signature: &[u8]) -> String {
    format!(
        "{signing_input}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    )
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("a token's header and claims are JSON objects, not {other}"),
    }
}
