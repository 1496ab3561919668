//! Published test vectors against the way signatures are checked inside wasm. The host's way is held
//! against the same ones in a real Envoy (tests/e2e/vectors.rs).

mod published;
mod suites;

use entragate::keys::jwk::{Key, Material};
use entragate::token::algorithm::Algorithm;
use jwt_simple::prelude::*;
use suites::Vector;
use superboring::pkey::PKey;
use superboring::sign::Verifier;

/// What jwt-simple does with a token's text and signature, with its own key objects: it checks whole
/// tokens only, and most vectors' texts are none.
fn verify(algorithm: Algorithm, material: &Material, text: &[u8], signature: &[u8]) -> Option<()> {
    macro_rules! rsa {
        ($key:ty, $n:expr, $e:expr) => {{
            let key = <$key>::from_components($n, $e).ok()?;
            let public = PKey::from_rsa(key.public_key().as_ref().clone()).ok()?;
            let mut verifier = Verifier::new(<$key as RSAPublicKeyLike>::hash(), &public).ok()?;
            verifier.set_rsa_padding(key.padding_scheme()).ok()?;
            verifier.update(text).ok()?;
            verifier.verify(signature).ok()?.then_some(())
        }};
    }
    match (material, algorithm) {
        (
            Material::Rsa {
                modulus: n,
                exponent: e,
            },
            algorithm,
        ) => match algorithm {
            Algorithm::Rs256 => rsa!(RS256PublicKey, n, e),
            Algorithm::Rs384 => rsa!(RS384PublicKey, n, e),
            Algorithm::Rs512 => rsa!(RS512PublicKey, n, e),
            Algorithm::Ps256 => rsa!(PS256PublicKey, n, e),
            Algorithm::Ps384 => rsa!(PS384PublicKey, n, e),
            Algorithm::Ps512 => rsa!(PS512PublicKey, n, e),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
        },
        (Material::P256 { x, y }, Algorithm::Es256) => {
            use p256::ecdsa::{Signature, signature::Verifier};
            let key = ES256PublicKey::from_bytes(&[&[4], &x[..], y].concat()).ok()?;
            let signature = Signature::try_from(signature).ok()?;
            key.public_key().as_ref().verify(text, &signature).ok()
        }
        (Material::P384 { x, y }, Algorithm::Es384) => {
            use p384::ecdsa::{Signature, signature::Verifier};
            let key = ES384PublicKey::from_bytes(&[&[4], &x[..], y].concat()).ok()?;
            let signature = Signature::try_from(signature).ok()?;
            key.public_key().as_ref().verify(text, &signature).ok()
        }
        (Material::Ed25519 { x }, Algorithm::EdDsa) => {
            let key = Ed25519PublicKey::from_bytes(x).ok()?;
            let signature = ed25519_compact::Signature::from_slice(signature).ok()?;
            key.public_key().as_ref().verify(text, &signature).ok()
        }
        _ => None,
    }
}

fn accepts(vector: &Vector) -> bool {
    let key = Key::from_jwk(&vector.jwk);
    key.is_ok_and(|key| {
        verify(
            vector.algorithm,
            &key.material,
            &vector.text,
            &vector.signature,
        )
        .is_some()
    })
}

#[test]
fn wycheproof_in_wasm() {
    let vectors = suites::all();
    let answers: Vec<_> = vectors
        .iter()
        .map(|vector| (vector, accepts(vector)))
        .collect();
    suites::compare("wasm", &answers);
}
