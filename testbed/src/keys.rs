//! Signing keys of an identity provider: the keys that sign tokens and that the JWKS publishes.
//!
//! Synchronous and without I/O, so that plain unit tests can use it. Generating an RSA key takes a noticeable
//! part of a second; [`rsa()`], [`other_rsa`] and [`cached`] keep one per process.

mod jwk;
mod secret;

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use secret::Secret;

/// The signature algorithms of RFC 7518 and RFC 8037 that a token verifier may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Algorithm; 9] = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ];

    /// The `alg` header value.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps256 => "PS256",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    pub fn is_rsa(self) -> bool {
        !matches!(self, Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "no signature algorithm is called {0:?}; known are RS256/384/512, PS256/384/512, ES256, ES384, EdDSA"
)]
pub struct UnknownAlgorithm(String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        // RFC 9864 spells EdDSA over Curve25519 "Ed25519".
        if name == "Ed25519" {
            return Ok(Algorithm::EdDsa);
        }
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}

/// One key pair. Cloning is cheap and shares the key.
#[derive(Clone)]
pub struct SigningKey {
    shared: Arc<Shared>,
}

struct Shared {
    algorithm: Algorithm,
    secret: Secret,
    kid: String,
    /// Only RSA keys have a certificate, as in Entra; its SHA-1 thumbprint is the `kid`.
    certificate: Option<Vec<u8>>,
}

impl SigningKey {
    /// A fresh key. RSA keys have 2048 bits and can sign with any of the six RSA algorithms.
    pub fn generate(algorithm: Algorithm) -> SigningKey {
        SigningKey::of(algorithm, Secret::generate(algorithm))
    }

    /// The RSA key of this seed, the same in each process (RS256).
    pub fn from_seed(seed: u64) -> SigningKey {
        SigningKey::of(Algorithm::Rs256, Secret::rsa_from_seed(seed))
    }

    fn of(algorithm: Algorithm, secret: Secret) -> SigningKey {
        let certificate = secret.self_signed_certificate();
        let kid = jwk::kid(&secret, certificate.as_deref());
        SigningKey {
            shared: Arc::new(Shared {
                algorithm,
                secret,
                kid,
                certificate,
            }),
        }
    }

    /// The algorithm that this key was generated for and signs with by default.
    pub fn algorithm(&self) -> Algorithm {
        self.shared.algorithm
    }

    /// 27 characters of base64url: for RSA the certificate's SHA-1 thumbprint (`x5t`), as in Entra.
    pub fn kid(&self) -> &str {
        &self.shared.kid
    }

    /// Whether this kind of key can sign with `algorithm`.
    pub fn can_sign(&self, algorithm: Algorithm) -> bool {
        let own = self.shared.algorithm;
        own == algorithm || (own.is_rsa() && algorithm.is_rsa())
    }

    /// The signature in JWS form: PKCS#1 v1.5, PSS with a salt as long as the hash, r‖s, or Ed25519.
    ///
    /// # Panics
    /// When the key cannot sign with `algorithm`; see [`SigningKey::can_sign`].
    pub fn sign_raw(&self, algorithm: Algorithm, signing_input: &[u8]) -> Vec<u8> {
        assert!(
            self.can_sign(algorithm),
            "a key made for {} cannot sign with {algorithm}",
            self.shared.algorithm
        );
        self.shared.secret.sign(algorithm, signing_input)
    }

    /// The public key as a SubjectPublicKeyInfo in PEM, the text that algorithm-confusion attacks use as an HMAC key.
    pub fn public_pem(&self) -> String {
        self.shared.secret.public_pem()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SigningKey({} {})",
            self.shared.algorithm, self.shared.kid
        )
    }
}

/// The process's usual RSA key (RS256).
pub fn rsa() -> SigningKey {
    nth_rsa(0)
}

/// A second RSA key, for tokens that another party signed.
pub fn other_rsa() -> SigningKey {
    nth_rsa(1)
}

/// The process's key for `algorithm`; all RSA algorithms share [`rsa()`].
pub fn cached(algorithm: Algorithm) -> SigningKey {
    static ES256: OnceLock<SigningKey> = OnceLock::new();
    static ES384: OnceLock<SigningKey> = OnceLock::new();
    static EDDSA: OnceLock<SigningKey> = OnceLock::new();
    let slot = match algorithm {
        Algorithm::Es256 => &ES256,
        Algorithm::Es384 => &ES384,
        Algorithm::EdDsa => &EDDSA,
        _ => return rsa(),
    };
    slot.get_or_init(|| SigningKey::generate(algorithm)).clone()
}

/// The process's `n`-th RSA key, made on first use. Stand-ins take their keys from here, so that many tests need few keys.
pub(crate) fn nth_rsa(n: usize) -> SigningKey {
    static KEYS: Mutex<Vec<SigningKey>> = Mutex::new(Vec::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    while keys.len() <= n {
        keys.push(SigningKey::generate(Algorithm::Rs256));
    }
    keys[n].clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kid_has_27_characters_of_base64url() {
        for algorithm in Algorithm::ALL {
            let kid = cached(algorithm).kid().to_owned();
            assert_eq!(kid.len(), 27, "{algorithm}");
            assert!(
                kid.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            );
        }
    }

    #[test]
    fn cached_key_stays_the_same() {
        assert_eq!(rsa().kid(), rsa().kid());
        assert_ne!(rsa().kid(), other_rsa().kid());
    }

    #[test]
    fn names_parse_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse::<Algorithm>().ok(), Some(algorithm));
        }
        assert!("HS256".parse::<Algorithm>().is_err());
    }
}
