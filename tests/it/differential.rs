//! Every accepted token is also accepted by the crate `jsonwebtoken` with the same issuer, audience and skew.

use crate::support;

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as JwtAlgorithm, DecodingKey, DecodingKeyKind, Validation};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use ring::signature as ring;
use serde_json::{Value, json};
use std::cell::Cell;
use support::*;
use testbed::keys::{self, Algorithm};
use testbed::mint::Token;
use testbed::persona::*;

/// Verifies signatures with ring.
struct Ring {
    algorithm: JwtAlgorithm,
    key: DecodingKey,
}

impl signature::Verifier<Vec<u8>> for Ring {
    fn verify(&self, text: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let by_components = |parameters| match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                ring::RsaPublicKeyComponents { n, e }.verify(parameters, text, signature)
            }
            DecodingKeyKind::SecretOrDer(_) => panic!("an RSA key without its components"),
        };
        let by_bytes = |algorithm| {
            let bytes = self.key.try_get_as_bytes().unwrap();
            ring::UnparsedPublicKey::new(algorithm, bytes).verify(text, signature)
        };
        let verified = match self.algorithm {
            JwtAlgorithm::RS256 => by_components(&ring::RSA_PKCS1_2048_8192_SHA256),
            JwtAlgorithm::RS384 => by_components(&ring::RSA_PKCS1_2048_8192_SHA384),
            JwtAlgorithm::RS512 => by_components(&ring::RSA_PKCS1_2048_8192_SHA512),
            JwtAlgorithm::PS256 => by_components(&ring::RSA_PSS_2048_8192_SHA256),
            JwtAlgorithm::PS384 => by_components(&ring::RSA_PSS_2048_8192_SHA384),
            JwtAlgorithm::PS512 => by_components(&ring::RSA_PSS_2048_8192_SHA512),
            JwtAlgorithm::ES256 => {
                by_bytes(&ring::ECDSA_P256_SHA256_FIXED as &dyn ring::VerificationAlgorithm)
            }
            JwtAlgorithm::ES384 => by_bytes(&ring::ECDSA_P384_SHA384_FIXED),
            JwtAlgorithm::EdDSA => by_bytes(&ring::ED25519),
            other => panic!("{other:?}"),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }
}

static BY_RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        let (algorithm, key) = (*algorithm, key.clone());
        Ok(Box::new(Ring { algorithm, key }))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// A change to a valid token.
#[derive(Clone, Debug)]
enum Change {
    Claim(&'static str, Value),
    NoClaim(&'static str),
    Header(&'static str, Value),
    NoHeader(&'static str),
    /// The header names another algorithm than that of the signature.
    Named(Algorithm),
    Forged,
    /// The byte at this position is replaced by this one.
    Byte(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let now = testbed::mint::now();
    let claims = select(vec![
        "iss",
        "aud",
        "exp",
        "nbf",
        "iat",
        "sub",
        "azp",
        "jti",
        "realm_access",
        "x",
    ]);
    // Without null: the filter treats it as absent, jsonwebtoken as malformed.
    let values = select(vec![
        json!(REALM_ISSUER),
        json!(REALM_AUDIENCE),
        json!([REALM_AUDIENCE, "x"]),
        json!(["x"]),
        json!(now - 70),
        json!(now - 30),
        json!(now + 30),
        json!(now + 70),
        json!(now + 5000),
        json!(now as f64 + 0.5),
        json!(0),
        json!(-1),
        json!("1"),
        json!(""),
        json!({}),
        json!({"roles": ["Model.Query"]}),
    ]);
    let headers = select(vec![
        "typ", "kid", "cty", "jku", "x5u", "x5t", "crit", "b64", "enc", "zip", "nonce", "x",
    ]);
    let members = select(vec![
        json!("JWT"),
        json!("at+jwt"),
        json!("x"),
        json!(["x"]),
        json!(null),
        json!(true),
        json!(1),
    ]);
    prop_oneof![
        4 => (claims.clone(), values).prop_map(|(name, value)| Change::Claim(name, value)),
        1 => claims.prop_map(Change::NoClaim),
        2 => (headers.clone(), members).prop_map(|(name, value)| Change::Header(name, value)),
        1 => headers.prop_map(Change::NoHeader),
        1 => select(Algorithm::ALL.to_vec()).prop_map(Change::Named),
        1 => Just(Change::Forged),
        1 => (any::<Index>(), select(b"AaZz09-_.=+/ ".to_vec())).prop_map(|(at, byte)| Change::Byte(at, byte)),
    ]
}

fn build(algorithm: Algorithm, changes: &[Change]) -> String {
    let key = keys::cached(algorithm);
    let mut token = Token::of(Persona::Kim)
        .claim("realm_access", json!({"roles": ["Model.Query"]}))
        .signed_by(&key)
        .algorithm(algorithm);
    let mut bytes = Vec::new();
    for change in changes {
        token = match change.clone() {
            Change::Claim(name, value) => token.claim(name, value),
            Change::NoClaim(name) => token.without(name),
            Change::Header(name, value) => token.header(name, value),
            Change::NoHeader(name) => token.without_header(name),
            Change::Named(other) => token.header("alg", other.name()),
            Change::Forged => token.corrupt_signature(),
            Change::Byte(at, byte) => {
                bytes.push((at, byte));
                token
            }
        };
    }
    let mut text = token.build().into_bytes();
    for (at, byte) in bytes {
        let at = at.index(text.len());
        text[at] = byte;
    }
    String::from_utf8(text).unwrap()
}

/// Settings with the realm and one key for this algorithm.
fn realm(algorithm: Algorithm) -> Value {
    let mut settings = settings();
    settings["issuers"] = json!([{
        "name": "realm",
        "oidc": {"issuer": REALM_ISSUER},
        "audiences": [REALM_AUDIENCE],
        "algorithms": [algorithm.name()],
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"inline": {"keys": [published(algorithm)]}},
    }]);
    settings
}

fn published(algorithm: Algorithm) -> Value {
    let mut jwk = keys::cached(algorithm).to_jwk();
    jwk["alg"] = json!(algorithm.name());
    jwk
}

fn jsonwebtoken_accepts(algorithm: Algorithm, token: &str) -> Result<(), String> {
    let jwk: Jwk = serde_json::from_value(published(algorithm)).unwrap();
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = Validation::new(algorithm.name().parse().unwrap());
    validation.set_issuer(&[REALM_ISSUER]);
    validation.set_audience(&[REALM_AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.leeway = 60;
    validation.validate_nbf = true;
    let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation);
    decoded.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn accepted_token_is_accepted_by_jsonwebtoken() {
    BY_RING
        .install_default()
        .expect("no other crypto provider is installed");
    let config = ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (ours, theirs) = (Cell::new(0), Cell::new(0));
    let cases = (
        select(Algorithm::ALL.to_vec()),
        prop::collection::vec(change(), 0..4),
    );
    TestRunner::new(config)
        .run(&cases, |(algorithm, changes)| {
            let token = build(algorithm, &changes);
            let expected = jsonwebtoken_accepts(algorithm, &token);
            theirs.set(theirs.get() + usize::from(expected.is_ok()));
            let mut bench = Bench::cold(&realm(algorithm));
            if bench.code(&token) == "permitted" {
                ours.set(ours.get() + 1);
                prop_assert!(expected.is_ok(), "{:?}", expected);
            }
            Ok(())
        })
        .unwrap();
    println!(
        "differential: 1500 tokens, we accept {}, jsonwebtoken {}",
        ours.get(),
        theirs.get()
    );
    assert!(
        ours.get() > 150,
        "{} accepted tokens are too few for a meaningful comparison",
        ours.get()
    );
}
