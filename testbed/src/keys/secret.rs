//! Private keys and signing. The only file that uses the types of the crypto crates.

use ed25519_compact::{KeyPair as Ed25519Pair, Noise, Seed};
use p256::elliptic_curve::Generate as _;
use rand::{
    CryptoRng, RngCore, SeedableRng as _,
    rngs::{OsRng, StdRng},
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rsa::{
    RsaPrivateKey, RsaPublicKey, pkcs1v15,
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
    pss,
    sha2::{Sha256, Sha384, Sha512},
    signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _},
    traits::PublicKeyParts as _,
};

use super::Algorithm;

pub(super) enum Secret {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Ed25519Pair),
}

/// The public members of a JWK (RFC 7518 §6, RFC 8037 §2), as bytes.
pub(super) enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ec {
        crv: &'static str,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    Okp {
        x: Vec<u8>,
    },
}

impl Secret {
    pub(super) fn generate(algorithm: Algorithm) -> Secret {
        match algorithm {
            Algorithm::Es256 => Secret::P256(p256::ecdsa::SigningKey::generate()),
            Algorithm::Es384 => Secret::P384(p384::ecdsa::SigningKey::generate()),
            Algorithm::EdDsa => Secret::Ed25519(Ed25519Pair::from_seed(Seed::generate())),
            _ => Secret::rsa(&mut OsRng),
        }
    }

    pub(super) fn rsa_from_seed(seed: u64) -> Secret {
        Secret::rsa(&mut StdRng::seed_from_u64(seed))
    }

    fn rsa(random: &mut (impl CryptoRng + RngCore)) -> Secret {
        let key = RsaPrivateKey::new(random, 2048).expect("2048 bits are a valid RSA key size");
        Secret::Rsa(Box::new(key))
    }

    pub(super) fn sign(&self, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
        match self {
            Secret::Rsa(key) => sign_rsa(key, algorithm, input),
            Secret::P256(key) => {
                use p256::ecdsa::signature::Signer as _;
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Secret::P384(key) => {
                use p384::ecdsa::signature::Signer as _;
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Secret::Ed25519(pair) => pair.sk.sign(input, Some(Noise::generate())).to_vec(),
        }
    }

    pub(super) fn public(&self) -> Public {
        match self {
            Secret::Rsa(key) => Public::Rsa {
                n: key.n().to_bytes_be(),
                e: key.e().to_bytes_be(),
            },
            Secret::P256(key) => ec("P-256", key.verifying_key().to_sec1_point(false).as_bytes()),
            Secret::P384(key) => ec("P-384", key.verifying_key().to_sec1_point(false).as_bytes()),
            Secret::Ed25519(pair) => Public::Okp {
                x: pair.pk.to_vec(),
            },
        }
    }

    pub(super) fn public_pem(&self) -> String {
        const FAILS: &str = "a public key always has a PEM form";
        match self {
            Secret::Rsa(key) => RsaPublicKey::from(key.as_ref())
                .to_public_key_pem(LineEnding::LF)
                .expect(FAILS),
            Secret::P256(key) => {
                use p256::pkcs8::EncodePublicKey as _;
                key.verifying_key()
                    .to_public_key_pem(Default::default())
                    .expect(FAILS)
            }
            Secret::P384(key) => {
                use p384::pkcs8::EncodePublicKey as _;
                key.verifying_key()
                    .to_public_key_pem(Default::default())
                    .expect(FAILS)
            }
            Secret::Ed25519(pair) => pair.pk.to_pem(),
        }
    }

    /// DER of a self-signed certificate, as Entra publishes one in `x5c` for each RSA key.
    pub(super) fn self_signed_certificate(&self) -> Option<Vec<u8>> {
        let Secret::Rsa(key) = self else { return None };
        let der = key
            .to_pkcs8_der()
            .expect("an RSA key always has a PKCS#8 form");
        let pair =
            KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &rcgen::PKCS_RSA_SHA256)
                .expect("ring takes any RSA key of 2048 bits");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "accounts.accesscontrol.windows.net");
        let certificate = params
            .self_signed(&pair)
            .expect("the key signs its own certificate");
        Some(certificate.der().to_vec())
    }
}

fn sign_rsa(key: &RsaPrivateKey, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
    let key = key.clone();
    match algorithm {
        Algorithm::Rs384 => pkcs1v15::SigningKey::<Sha384>::new(key)
            .sign(input)
            .to_vec(),
        Algorithm::Rs512 => pkcs1v15::SigningKey::<Sha512>::new(key)
            .sign(input)
            .to_vec(),
        Algorithm::Ps256 => pss::SigningKey::<Sha256>::new(key)
            .sign_with_rng(&mut OsRng, input)
            .to_vec(),
        Algorithm::Ps384 => pss::SigningKey::<Sha384>::new(key)
            .sign_with_rng(&mut OsRng, input)
            .to_vec(),
        Algorithm::Ps512 => pss::SigningKey::<Sha512>::new(key)
            .sign_with_rng(&mut OsRng, input)
            .to_vec(),
        _ => pkcs1v15::SigningKey::<Sha256>::new(key)
            .sign(input)
            .to_vec(),
    }
}

/// Splits an uncompressed SEC1 point (0x04 ‖ x ‖ y).
fn ec(crv: &'static str, point: &[u8]) -> Public {
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    Public::Ec {
        crv,
        x: x.to_vec(),
        y: y.to_vec(),
    }
}
