//! One seam for signatures: who checks them does not matter to `verify`, as long as it says yes or
//! no. Here is the way inside wasm, by jwt-simple; the host's way is in `host` and [`super::foreign`].

use super::algorithm::Algorithm;
use super::jws::Unverified;
use crate::keys::jwk::{Key, Material};
use jwt_simple::prelude::*;

/// Checks a token's signature with one key.
pub trait SignatureCheck {
    /// Which way the signature was found to hold. `None`: it does not; any doubt or failure is a no.
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy>;
}

/// Which way a signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedBy {
    /// The host's own cryptography.
    Host,
    /// jwt-simple inside wasm.
    Wasm,
    /// One of the others, a short while ago, for the very same token.
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

/// The portable way. It asks jwt-simple about the signature only: times, issuer and audience are
/// checked by rules of our own, since jwt-simple's are laxer.
#[derive(Clone, Copy, Debug, Default)]
pub struct JwtSimple;

impl SignatureCheck for JwtSimple {
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy> {
        let held = key.serves(token.algorithm) && verify(token, &key.material).is_some();
        held.then_some(CheckedBy::Wasm)
    }
}

fn verify(token: &Unverified<'_>, material: &Material) -> Option<()> {
    macro_rules! check {
        ($key:expr) => {
            $key.ok()?
                .verify_token::<NoCustomClaims>(token.token, Some(options(token)))
                .ok()
        };
    }
    let claims = match (material, token.algorithm) {
        (
            Material::Rsa {
                modulus: n,
                exponent: e,
            },
            algorithm,
        ) => match algorithm {
            Algorithm::Rs256 => check!(RS256PublicKey::from_components(n, e)),
            Algorithm::Rs384 => check!(RS384PublicKey::from_components(n, e)),
            Algorithm::Rs512 => check!(RS512PublicKey::from_components(n, e)),
            Algorithm::Ps256 => check!(PS256PublicKey::from_components(n, e)),
            Algorithm::Ps384 => check!(PS384PublicKey::from_components(n, e)),
            Algorithm::Ps512 => check!(PS512PublicKey::from_components(n, e)),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
        },
        (Material::P256 { x, y }, Algorithm::Es256) => {
            check!(ES256PublicKey::from_bytes(&uncompressed(x, y)))
        }
        (Material::P384 { x, y }, Algorithm::Es384) => {
            check!(ES384PublicKey::from_bytes(&uncompressed(x, y)))
        }
        (Material::Ed25519 { x }, Algorithm::EdDsa) => check!(Ed25519PublicKey::from_bytes(x)),
        _ => None,
    };
    claims.map(|_| ())
}

/// A point in SEC 1's uncompressed form (§2.3.3).
fn uncompressed(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// Options under which jwt-simple has no opinion on anything but the signature.
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
