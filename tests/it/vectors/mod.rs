//! Published test vectors against signature verification in wasm. tests/e2e/vectors.rs runs the same vectors against the host's
//! implementation in a real Envoy.

mod published;
mod suites;

use entragate::keys::algorithm::Algorithm;
use entragate::keys::jwk::{Key, Material};
use entragate::token::rsa;
use jwt_simple::prelude::*;
use suites::Vector;

/// Verifies the text and signature of a token in the way that the filter does. For curves, this uses the key objects of
/// jwt-simple, since jwt-simple accepts whole tokens only and most vectors are not tokens.
fn verify(algorithm: Algorithm, material: &Material, text: &[u8], signature: &[u8]) -> Option<()> {
    match (material, algorithm) {
        (Material::Rsa(key), algorithm) => {
            rsa::verify(algorithm, key, text, signature).then_some(())
        }
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
fn wycheproof_vectors_have_the_expected_results() {
    let vectors = suites::all();
    let answers: Vec<_> = vectors
        .iter()
        .map(|vector| (vector, accepts(vector)))
        .collect();
    suites::compare("wasm", &answers);
}
