//! Minted tokens, checked by an independent verifier.

use jwt_simple::prelude::*;
use serde_json::{Value, json};
use testbed::{
    keys::{self, Algorithm, SigningKey},
    mint::{self, Token},
    persona::Persona,
};

/// Whether jwt-simple accepts `token` with the public half of `key`.
fn verifies(algorithm: Algorithm, key: &SigningKey, token: &str) -> bool {
    let pem = key.public_pem();
    let accept_any_time = VerificationOptions {
        time_tolerance: Some(Duration::from_days(365)),
        ..Default::default()
    };
    let options = Some(accept_any_time);
    macro_rules! check {
        ($key:ty) => {
            <$key>::from_pem(&pem)
                .unwrap()
                .verify_token::<Value>(token, options)
                .is_ok()
        };
    }
    match algorithm {
        Algorithm::Rs256 => check!(RS256PublicKey),
        Algorithm::Rs384 => check!(RS384PublicKey),
        Algorithm::Rs512 => check!(RS512PublicKey),
        Algorithm::Ps256 => check!(PS256PublicKey),
        Algorithm::Ps384 => check!(PS384PublicKey),
        Algorithm::Ps512 => check!(PS512PublicKey),
        Algorithm::Es256 => check!(ES256PublicKey),
        Algorithm::Es384 => check!(ES384PublicKey),
        Algorithm::EdDsa => check!(Ed25519PublicKey),
    }
}

#[test]
fn every_algorithm_signature_verifies_with_its_public_key() {
    for algorithm in Algorithm::ALL {
        let key = keys::cached(algorithm);
        let token = Token::of(Persona::Ada).signed_by(&key).algorithm(algorithm);
        assert!(verifies(algorithm, &key, &token.build()), "{algorithm}");
        assert!(
            !verifies(algorithm, &key, &token.corrupt_signature().build()),
            "{algorithm}"
        );
    }
}

#[test]
fn every_persona_except_graph_verifies() {
    for persona in Persona::ALL {
        let algorithm = persona.key().algorithm();
        let token = Token::of(persona).build();
        let good = verifies(algorithm, &persona.key(), &token);
        assert_eq!(good, persona != Persona::Graph, "{persona}");
    }
}

#[test]
fn forged_token_names_another_key() {
    let token = Token::of(Persona::Ada).forged_by(&keys::other_rsa());
    assert_eq!(token.header_value()["kid"], keys::rsa().kid());
    assert!(!verifies(Algorithm::Rs256, &keys::rsa(), &token.build()));
    assert!(verifies(
        Algorithm::Rs256,
        &keys::other_rsa(),
        &token.build()
    ));
}

#[test]
fn hmac_token_is_signed_with_the_public_key() {
    let pem = keys::rsa().public_pem();
    let claims = Persona::Ada.claims(mint::now());
    let token = mint::mint_hs256(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &claims,
        pem.as_bytes(),
    );
    let key = HS256Key::from_bytes(pem.as_bytes());
    assert!(key.verify_token::<Value>(&token, None).is_ok());
}

#[test]
fn malformed_tokens_can_be_minted() {
    let key = keys::rsa();
    let twice = mint::mint_raw(br#"{"alg":"RS256","alg":"none"}"#, b"not JSON \xff", &key);
    assert_eq!(twice.split('.').count(), 3);
    let unsigned = mint::mint_unsigned(&json!({"alg": "none"}), &json!({"sub": "x"}));
    assert!(unsigned.ends_with('.'));
}
