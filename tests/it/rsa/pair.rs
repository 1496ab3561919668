//! Key pairs of all classes of lengths that a key set may contain, and the other implementations.

use super::TEXT;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::keys::algorithm::Algorithm;
use entragate::keys::jwk::{Key, Material};
use entragate::keys::rsa::RsaKey;
use jwt_simple::prelude::*;
use ring::signature as ring;
use rsa::rand_core::OsRng;
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey, pkcs1v15, pss};
use serde_json::json;
use std::sync::OnceLock;
use superboring::pkey::PKey;
use superboring::sign::Verifier;

/// The smallest and the largest length of each limb width, lengths around them, and some that are not a multiple of 8. With 8n
/// + 1 bits, a PSS encoding is one byte shorter than the modulus.
pub const SIZES: [usize; 10] = [2048, 2049, 2055, 2056, 2057, 3071, 3072, 3073, 4095, 4096];

pub const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

pub struct Pair {
    private: RsaPrivateKey,
    /// The public key, as the filter reads it from a key set.
    pub key: RsaKey,
    /// Signatures of [`TEXT`] by algorithm.
    signatures: [OnceLock<Vec<u8>>; ALGORITHMS.len()],
}

/// Returns one pair of each size. Generating a pair takes long, so each test process does it once.
pub fn pairs() -> impl Iterator<Item = &'static Pair> {
    SIZES.into_iter().map(of)
}

pub fn of(bits: usize) -> &'static Pair {
    static PAIRS: [OnceLock<Pair>; SIZES.len()] = [const { OnceLock::new() }; SIZES.len()];
    let index = SIZES.iter().position(|size| *size == bits).unwrap();
    PAIRS[index].get_or_init(|| Pair::generate(bits))
}

impl Pair {
    fn generate(bits: usize) -> Self {
        let private = RsaPrivateKey::new(&mut OsRng, bits).unwrap();
        let encode = |number: &BigUint| BASE64URL.encode(number.to_bytes_be());
        let jwk = json!({"kty": "RSA", "n": encode(private.n()), "e": encode(private.e())});
        let Material::Rsa(key) = Key::from_jwk(&jwk).unwrap().material else {
            panic!("not an RSA key");
        };
        assert_eq!(key.bits(), bits);
        let signatures = Default::default();
        Self {
            private,
            key,
            signatures,
        }
    }

    /// Returns a signature over [`TEXT`], which is made once.
    pub fn signature(&self, algorithm: Algorithm) -> Vec<u8> {
        let index = ALGORITHMS
            .iter()
            .position(|candidate| *candidate == algorithm)
            .unwrap();
        let signature = self.signatures[index].get_or_init(|| self.sign(algorithm, TEXT));
        signature.clone()
    }

    fn sign(&self, algorithm: Algorithm, text: &[u8]) -> Vec<u8> {
        let key = self.private.clone();
        let mut rng = OsRng;
        match algorithm {
            Algorithm::Rs256 => pkcs1v15::SigningKey::<Sha256>::new(key).sign(text).to_vec(),
            Algorithm::Rs384 => pkcs1v15::SigningKey::<Sha384>::new(key).sign(text).to_vec(),
            Algorithm::Rs512 => pkcs1v15::SigningKey::<Sha512>::new(key).sign(text).to_vec(),
            Algorithm::Ps256 => pss::SigningKey::<Sha256>::new(key)
                .sign_with_rng(&mut rng, text)
                .to_vec(),
            Algorithm::Ps384 => pss::SigningKey::<Sha384>::new(key)
                .sign_with_rng(&mut rng, text)
                .to_vec(),
            Algorithm::Ps512 => pss::SigningKey::<Sha512>::new(key)
                .sign_with_rng(&mut rng, text)
                .to_vec(),
            other => panic!("{other:?} is not an RSA algorithm"),
        }
    }

    /// Returns the signature of this encoded message (RSASP1, RFC 8017 §5.2.1).
    pub fn sign_encoded(&self, encoded: &[u8]) -> Vec<u8> {
        let message = BigUint::from_bytes_be(encoded);
        assert!(&message < self.private.n(), "the message is too large");
        let signature = message.modpow(self.private.d(), self.private.n());
        let digits = signature.to_bytes_be();
        [vec![0; self.key.modulus().len() - digits.len()], digits].concat()
    }

    /// Verifies with jwt-simple's key objects and the calls that its `verify_token` makes.
    pub fn verify_by_jwt_simple(
        &self,
        algorithm: Algorithm,
        text: &[u8],
        signature: &[u8],
    ) -> bool {
        let (n, e) = (
            self.private.n().to_bytes_be(),
            self.private.e().to_bytes_be(),
        );
        macro_rules! verify {
            ($key:ty) => {{
                let key = <$key>::from_components(&n, &e).unwrap();
                let public = PKey::from_rsa(key.public_key().as_ref().clone()).unwrap();
                let mut verifier =
                    Verifier::new(<$key as RSAPublicKeyLike>::hash(), &public).unwrap();
                verifier.set_rsa_padding(key.padding_scheme()).unwrap();
                verifier.update(text).unwrap();
                verifier.verify(signature).unwrap()
            }};
        }
        match algorithm {
            Algorithm::Rs256 => verify!(RS256PublicKey),
            Algorithm::Rs384 => verify!(RS384PublicKey),
            Algorithm::Rs512 => verify!(RS512PublicKey),
            Algorithm::Ps256 => verify!(PS256PublicKey),
            Algorithm::Ps384 => verify!(PS384PublicKey),
            Algorithm::Ps512 => verify!(PS512PublicKey),
            other => panic!("{other:?} is not an RSA algorithm"),
        }
    }

    pub fn verify_by_ring(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        let parameters = match algorithm {
            Algorithm::Rs256 => &ring::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &ring::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &ring::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &ring::RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &ring::RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &ring::RSA_PSS_2048_8192_SHA512,
            other => panic!("{other:?} is not an RSA algorithm"),
        };
        let key = ring::RsaPublicKeyComponents {
            n: self.private.n().to_bytes_be(),
            e: self.private.e().to_bytes_be(),
        };
        key.verify(parameters, text, signature).is_ok()
    }
}
