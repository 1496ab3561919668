//! Parsing of one JWK (RFC 7517) into a verification key.

use super::rsa::{self, RsaKey};
use super::spki;
use crate::keys::algorithm::Algorithm;
use crate::text::excerpt;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

const MAX_KID_BYTES: usize = 256;

/// A public key for signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Shared with audit records.
    pub kid: Option<Arc<str>>,
    pub material: Material,
    /// The key as a DER SubjectPublicKeyInfo, the form that hosts require. Encoded once, when the key is
    /// parsed.
    pub spki: Vec<u8>,
    /// `alg`, if present. Entra's keys have none.
    pub algorithm: Option<Algorithm>,
    /// Entra's member `issuer`, which restricts the tokens that this key may sign, split at `{tenantid}`.
    pub issuer: Option<Vec<String>>,
    /// Entra's member `cloud_instance_name`.
    pub cloud: Option<String>,
}

/// The key material; numbers are big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    Rsa(RsaKey),
    /// Affine coordinates, 32 bytes each.
    P256 {
        x: [u8; 32],
        y: [u8; 32],
    },
    /// Affine coordinates, 48 bytes each.
    P384 {
        x: [u8; 48],
        y: [u8; 48],
    },
    Ed25519 {
        x: [u8; 32],
    },
}

impl Material {
    /// Returns whether this type of key can verify the algorithm (RFC 8725 §3.1: the key limits the algorithms).
    pub const fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::*;
        match self {
            Self::Rsa(_) => {
                matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
            Self::P256 { .. } => matches!(algorithm, Es256),
            Self::P384 { .. } => matches!(algorithm, Es384),
            Self::Ed25519 { .. } => matches!(algorithm, EdDsa),
        }
    }
}

/// The reason why a JWK is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    NotAnObject,
    /// `kty`, or `crv` of an EC or OKP key, is not supported.
    Kind(String),
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    Purpose,
    /// `alg` is not supported, or does not fit the key's type.
    Algorithm(String),
    /// A member is missing, has the wrong type, or is not canonical base64url.
    Member(&'static str),
    /// The RSA modulus has an unsupported length, in bits.
    Size(usize),
    /// The RSA exponent is not 65537.
    Exponent,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("the key is not a JSON object"),
            Self::Kind(kind) => write!(f, "key type or curve {kind} is not supported"),
            Self::Purpose => f.write_str("the key is not for verifying signatures"),
            Self::Algorithm(name) => {
                write!(f, "algorithm {name} is not supported for this key")
            }
            Self::Member(name) => write!(f, "member {name:?} is missing or malformed"),
            Self::Size(bits) => write!(
                f,
                "the RSA modulus has {bits} bits; it must have {} to {}",
                rsa::BITS.start(),
                rsa::BITS.end()
            ),
            Self::Exponent => f.write_str("the RSA exponent is not 65537"),
        }
    }
}

impl Key {
    /// Reads one member of a JWKS's `keys`. Unknown members are ignored (RFC 7517 §4).
    ///
    /// # Errors
    /// [`Unusable`] if the key cannot verify tokens.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Unusable> {
        let jwk = jwk.as_object().ok_or(Unusable::NotAnObject)?;
        check_purpose(jwk)?;
        let material = read_material(jwk)?;
        let algorithm = match optional_text(jwk, "alg")? {
            None => None,
            Some(name) => Some(
                Algorithm::from_name(name)
                    .filter(|algorithm| material.fits(*algorithm))
                    .ok_or_else(|| Unusable::Algorithm(excerpt(name)))?,
            ),
        };
        let kid = optional_text(jwk, "kid")?.map(Arc::<str>::from);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(Unusable::Member("kid"));
        }
        Ok(Self {
            kid,
            spki: spki::of(&material),
            material,
            algorithm,
            issuer: optional_text(jwk, "issuer")?.map(|issuer| {
                let parts = issuer.split("{tenantid}");
                parts.map(str::to_owned).collect()
            }),
            cloud: optional_text(jwk, "cloud_instance_name")?.map(str::to_owned),
        })
    }

    /// Returns whether this key may verify the algorithm, according to its type and, if present, its `alg`.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        self.material.fits(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

fn check_purpose(jwk: &Map<String, Value>) -> Result<(), Unusable> {
    if optional_text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Unusable::Purpose);
    }
    match jwk.get("key_ops") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|op| op == "verify") => Ok(()),
        Some(Value::Array(_)) => Err(Unusable::Purpose),
        Some(_) => Err(Unusable::Member("key_ops")),
    }
}

fn read_material(jwk: &Map<String, Value>) -> Result<Material, Unusable> {
    match text(jwk, "kty")? {
        "RSA" => read_rsa(jwk),
        "EC" => match text(jwk, "crv")? {
            "P-256" => Ok(Material::P256 {
                x: coordinate(jwk, "x")?,
                y: coordinate(jwk, "y")?,
            }),
            "P-384" => Ok(Material::P384 {
                x: coordinate(jwk, "x")?,
                y: coordinate(jwk, "y")?,
            }),
            curve => Err(Unusable::Kind(excerpt(curve))),
        },
        "OKP" => match text(jwk, "crv")? {
            "Ed25519" => Ok(Material::Ed25519 {
                x: coordinate(jwk, "x")?,
            }),
            curve => Err(Unusable::Kind(excerpt(curve))),
        },
        kind => Err(Unusable::Kind(excerpt(kind))),
    }
}

fn read_rsa(jwk: &Map<String, Value>) -> Result<Material, Unusable> {
    let modulus = number(jwk, "n")?;
    let exponent = number(jwk, "e")?;
    let bits = rsa::bits(&modulus);
    if !rsa::BITS.contains(&bits) {
        return Err(Unusable::Size(bits));
    }
    let key = RsaKey::new(&modulus).ok_or(Unusable::Member("n"))?;
    if exponent != rsa::EXPONENT {
        return Err(Unusable::Exponent);
    }
    Ok(Material::Rsa(key))
}

/// Reads a base64urlUInt and strips leading zeros, which some issuers write although RFC 7518 §2 forbids them.
fn number(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, Unusable> {
    let bytes = decode(jwk, name)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn coordinate<const N: usize>(
    jwk: &Map<String, Value>,
    name: &'static str,
) -> Result<[u8; N], Unusable> {
    decode(jwk, name)?
        .try_into()
        .map_err(|_| Unusable::Member(name))
}

fn decode(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, Unusable> {
    URL_SAFE_NO_PAD
        .decode(text(jwk, name)?)
        .map_err(|_| Unusable::Member(name))
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, Unusable> {
    jwk.get(name)
        .and_then(Value::as_str)
        .ok_or(Unusable::Member(name))
}

fn optional_text<'a>(
    jwk: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, Unusable> {
    match jwk.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Unusable::Member(name)),
    }
}
