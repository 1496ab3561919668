//! Private keys and signing. The only file that uses the types of the crypto crates.

use ed25519_compact::{KeyPair as Ed25519Pair, Noise, Seed};
use p256::elliptic_curve::Generate as _;
use rand::{
    CryptoRng, RngCore, SeedableRng as _,
    rngs::{OsRng, StdRng},
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use ring::{rand::SystemRandom, signature};
use rsa::{
    RsaPrivateKey, RsaPublicKey,
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
    traits::PublicKeyParts as _,
};

use super::Algorithm;

const HAS_PKCS8: &str = "an RSA key always has a PKCS#8 form";

pub(super) enum Secret {
    Rsa(Box<RsaSecret>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Ed25519Pair),
}

pub(super) struct RsaSecret {
    key: RsaPrivateKey,
    /// The same key for ring, which signs much faster.
    pair: signature::RsaKeyPair,
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
        let der = key.to_pkcs8_der().expect(HAS_PKCS8);
        let pair = signature::RsaKeyPair::from_pkcs8(der.as_bytes());
        let pair = pair.expect("ring takes any RSA key of 2048 bits");
        Secret::Rsa(Box::new(RsaSecret { key, pair }))
    }

    pub(super) fn sign(&self, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
        match self {
            Secret::Rsa(own) => sign_rsa(&own.pair, algorithm, input),
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
            Secret::Rsa(own) => Public::Rsa {
                n: own.key.n().to_bytes_be(),
                e: own.key.e().to_bytes_be(),
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
            Secret::Rsa(own) => RsaPublicKey::from(&own.key)
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
        let Secret::Rsa(own) = self else { return None };
        let der = own.key.to_pkcs8_der().expect(HAS_PKCS8);
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

fn sign_rsa(pair: &signature::RsaKeyPair, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
    let encoding: &dyn signature::RsaEncoding = match algorithm {
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    };
    let mut signed = vec![0; pair.public().modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), input, &mut signed)
        .expect("the buffer is as long as the modulus");
    signed
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
