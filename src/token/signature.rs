//! The interface between token verification and signature checks, and the portable implementation, which
//! runs inside wasm: RSA by [`super::rsa`], ECDSA and EdDSA by jwt-simple. The implementation that calls
//! the host is in `host` and [`crate::token::host_verify`].

use super::jws::Unverified;
use super::rsa;
use crate::keys::algorithm::Algorithm;
use crate::keys::jwk::{Key, Material};
use jwt_simple::algorithms::{Edwards25519PublicKey, P256PublicKey, P384PublicKey};
#[cfg(not(target_family = "wasm"))]
use jwt_simple::prelude::*;
use p256::ecdsa::signature::Verifier;

/// Checks a token's signature with one key.
pub trait SignatureCheck {
    /// Returns which implementation found the signature valid. `None`: the signature is invalid, or could
    /// not be checked.
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy>;
}

/// Where a signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedBy {
    /// The host's own cryptography.
    Host,
    /// The filter itself.
    Wasm,
    /// The signature was checked earlier, by the host or the filter: the token is cached.
    Cache,
}

impl CheckedBy {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Wasm => "wasm",
            Self::Cache => "cache",
        }
    }
}

/// The portable implementation, which needs nothing from the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl SignatureCheck for Portable {
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy> {
        let text = token.signing_input.as_bytes();
        let is_valid = key.serves(token.algorithm)
            && match &key.material {
                Material::Rsa(key) => rsa::verify(token.algorithm, key, text, token.signature),
                other => verify_on_curve(token, other).is_some(),
            };
        is_valid.then_some(CheckedBy::Wasm)
    }
}

/// An implementation of every algorithm by jwt-simple, used in comparison tests. Its RSA is several times
/// slower in wasm, so it is not compiled into the filter.
#[cfg(not(target_family = "wasm"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct JwtSimple;

#[cfg(not(target_family = "wasm"))]
impl SignatureCheck for JwtSimple {
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy> {
        let is_valid = key.serves(token.algorithm)
            && match &key.material {
                Material::Rsa(key) => verify_rsa(token, key).is_some(),
                other => verify_other(token, other).is_some(),
            };
        is_valid.then_some(CheckedBy::Wasm)
    }
}

/// Checks only the signature with jwt-simple. The filter checks times, issuer and audience itself, because
/// jwt-simple's checks are more lenient.
#[cfg(not(target_family = "wasm"))]
macro_rules! check {
    ($key:expr, $token:expr) => {
        $key.ok()?
            .verify_token::<NoCustomClaims>($token.token, Some(options($token)))
            .ok()
            .map(|_| ())
    };
}

#[cfg(not(target_family = "wasm"))]
fn verify_rsa(token: &Unverified<'_>, key: &crate::keys::rsa::RsaKey) -> Option<()> {
    let (n, e) = (key.modulus(), &crate::keys::rsa::EXPONENT[..]);
    match token.algorithm {
        Algorithm::Rs256 => check!(RS256PublicKey::from_components(n, e), token),
        Algorithm::Rs384 => check!(RS384PublicKey::from_components(n, e), token),
        Algorithm::Rs512 => check!(RS512PublicKey::from_components(n, e), token),
        Algorithm::Ps256 => check!(PS256PublicKey::from_components(n, e), token),
        Algorithm::Ps384 => check!(PS384PublicKey::from_components(n, e), token),
        Algorithm::Ps512 => check!(PS512PublicKey::from_components(n, e), token),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

#[cfg(not(target_family = "wasm"))]
fn verify_other(token: &Unverified<'_>, material: &Material) -> Option<()> {
    match (material, token.algorithm) {
        (Material::P256 { x, y }, Algorithm::Es256) => {
            check!(ES256PublicKey::from_bytes(&uncompressed(x, y)), token)
        }
        (Material::P384 { x, y }, Algorithm::Es384) => {
            check!(ES384PublicKey::from_bytes(&uncompressed(x, y)), token)
        }
        (Material::Ed25519 { x }, Algorithm::EdDsa) => {
            check!(Ed25519PublicKey::from_bytes(x), token)
        }
        _ => None,
    }
}

/// Checks only the signature with jwt-simple's keys. jwt-simple's token parser is not used, because it
/// rejects claims with other forms even if nothing refers to them.
fn verify_on_curve(token: &Unverified<'_>, material: &Material) -> Option<()> {
    let (text, signature) = (token.signing_input.as_bytes(), token.signature);
    match (material, token.algorithm) {
        (Material::P256 { x, y }, Algorithm::Es256) => {
            let key = P256PublicKey::from_bytes(&uncompressed(x, y)).ok()?;
            let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
            key.as_ref().verify(text, &signature).ok()
        }
        (Material::P384 { x, y }, Algorithm::Es384) => {
            let key = P384PublicKey::from_bytes(&uncompressed(x, y)).ok()?;
            let signature = p384::ecdsa::Signature::from_slice(signature).ok()?;
            key.as_ref().verify(text, &signature).ok()
        }
        (Material::Ed25519 { x }, Algorithm::EdDsa) => {
            let key = Edwards25519PublicKey::from_bytes(x).ok()?;
            let signature = ed25519_compact::Signature::from_slice(signature).ok()?;
            let key: &ed25519_compact::PublicKey = key.as_ref();
            key.verify(text, &signature).ok()
        }
        _ => None,
    }
}

/// Encodes a point in SEC 1's uncompressed form (§2.3.3).
fn uncompressed(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// Options with which jwt-simple checks only the signature.
#[cfg(not(target_family = "wasm"))]
fn options(token: &Unverified<'_>) -> VerificationOptions {
    VerificationOptions {
        accept_future: true,
        time_tolerance: Some(Duration::from_secs(0)),
        artificial_time: Some(UnixTimeStamp::from_secs(0)),
        required_signature_type: token.typ.as_deref().map(str::to_owned),
        max_token_length: None,
        ..VerificationOptions::default()
    }
}
