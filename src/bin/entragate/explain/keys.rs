//! Keys without a network: from a file, or a placeholder with the `kid` of the token.

use super::Arguments;
use super::question::Question;
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use entragate::config::Config;
use entragate::keys::algorithm::Algorithm;
use entragate::keys::jwk::Key;
use entragate::keys::keyset::KeySet;
use entragate::keys::source::KeySource;
use entragate::token::jws::Unverified;
use entragate::token::signature::{CheckedBy, SignatureCheck};
use serde_json::{Value, json};

/// Accepts any signature, so that rules can be explained without the issuer's keys.
pub struct AnySignature;

impl SignatureCheck for AnySignature {
    fn check(&self, _: &Unverified<'_>, _: &Key) -> Option<CheckedBy> {
        Some(CheckedBy::Wasm)
    }
}

/// Replaces the sources of keys with inline keys, so that nothing is fetched.
pub fn provide(
    arguments: &Arguments,
    question: &Question,
    config: &mut Config,
) -> Result<(), Failure> {
    if arguments.unverified {
        accept(question, config);
    } else if let Some(file) = &arguments.jwks {
        let keys = read(file)?;
        for source in &mut config.sources {
            if !matches!(source, KeySource::Inline(_)) {
                *source = KeySource::Inline(keys.clone());
            }
        }
    }
    Ok(())
}

/// Replaces all keys with one that the request's token names. Together with [`AnySignature`], any signature is accepted.
pub fn accept(question: &Question, config: &mut Config) {
    // If the token names no key, there is no token, or it is refused before a key is looked up.
    if let Some(keys) = placeholder(question, config) {
        for source in &mut config.sources {
            *source = KeySource::Inline(keys.clone());
        }
    }
}

fn read(file: &str) -> Result<KeySet, Failure> {
    let failure = |text: String| Failure::of(UNREADABLE, input::name_of(file), text);
    let text = input::read(file).map_err(|error| failure(error.to_string()))?;
    KeySet::from_json(text.as_bytes()).map_err(|error| failure(error.to_string()))
}

fn placeholder(question: &Question, config: &Config) -> Option<KeySet> {
    let mut buffer = Vec::new();
    let token = question.token.as_deref()?;
    let token = Unverified::parse(token, &config.token.types, &mut buffer).ok()?;
    let mut key = key_for(token.algorithm);
    if let (Some(kid), Some(members)) = (token.kid, key.as_object_mut()) {
        members.insert("kid".to_owned(), Value::from(kid));
    }
    KeySet::from_json(json!({ "keys": [key] }).to_string().as_bytes()).ok()
}

/// An arbitrary public key of the type that the algorithm requires: for RSA and Ed25519 the keys of RFC 7515 and RFC
/// 8037, for the other curves their generators.
pub fn key_for(algorithm: Algorithm) -> Value {
    match algorithm {
        Algorithm::Es256 => json!({"kty": "EC", "crv": "P-256",
            "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
            "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}),
        Algorithm::Es384 => json!({"kty": "EC", "crv": "P-384",
            "x": "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3",
            "y": "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f"}),
        Algorithm::EdDsa => json!({"kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => json!({"kty": "RSA", "e": "AQAB",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz\
                  P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf\
                  63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5\
                  ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4\
                  FRWyuXpoQ"}),
    }
}
