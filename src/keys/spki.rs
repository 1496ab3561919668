//! DER encoding of keys as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): RSA (RFC 3279 §2.3.1), EC (RFC 5480
//! §2) and Ed25519 (RFC 8410 §4).

use super::der::{BIT_STRING, SEQUENCE, element, integer};
use super::jwk::Material;
use super::rsa::EXPONENT;

/// `rsaEncryption` with its NULL parameters.
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// `id-ecPublicKey` on `secp256r1`.
const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// `id-ecPublicKey` on `secp384r1`.
const P384: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
/// `id-Ed25519`, without parameters.
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";
/// The prefix of an uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: &[u8] = &[4];

pub fn of(material: &Material) -> Vec<u8> {
    match material {
        Material::Rsa(key) => {
            let key = element(SEQUENCE, &[&integer(key.modulus()), &integer(&EXPONENT)]);
            info(RSA, &[&key])
        }
        Material::P256 { x, y } => info(P256, &[UNCOMPRESSED, x, y]),
        Material::P384 { x, y } => info(P384, &[UNCOMPRESSED, x, y]),
        Material::Ed25519 { x } => info(ED25519, &[x]),
    }
}

fn info(algorithm: &[u8], key: &[&[u8]]) -> Vec<u8> {
    const NO_UNUSED_BITS: &[u8] = &[0];
    let algorithm = element(SEQUENCE, &[algorithm]);
    let key = element(BIT_STRING, &[&[NO_UNUSED_BITS], key].concat());
    element(SEQUENCE, &[&algorithm, &key])
}

#[cfg(test)]
mod tests {
    use crate::keys::jwk::Key;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use testbed::keys::{self, Algorithm};

    #[test]
    fn encoding_equals_that_of_other_crates() {
        for algorithm in Algorithm::ALL {
            let theirs = keys::cached(algorithm);
            let ours = Key::from_jwk(&theirs.to_jwk()).unwrap();
            let pem = theirs.public_pem();
            let body: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
            assert_eq!(ours.spki, STANDARD.decode(body).unwrap(), "{algorithm}");
        }
    }
}
