//! Which keys of a published set are used, at the limits of each bound, and how ignored keys are reported.

use crate::support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::keys::algorithm::Algorithm;
use entragate::keys::jwk::{Key, Unusable};
use entragate::keys::keyset::{KeySet, KeySetError, Lookup};
use serde_json::{Value, json};
use support::*;
use testbed::keys;

fn rsa() -> Value {
    keys::rsa().to_jwk()
}

/// Returns the RSA key with this member.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = rsa();
    jwk[name] = value.into();
    jwk
}

/// Returns an RSA key with a modulus of `bits` bits, whose private key is unknown.
fn of_bits(bits: usize) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] = 0xff >> (modulus.len() * 8 - bits);
    with("n", BASE64URL.encode(modulus))
}

fn unusable(jwk: &Value) -> Unusable {
    Key::from_jwk(jwk).expect_err("the key is ignored")
}

#[test]
fn key_not_for_verification_is_ignored() {
    for jwk in [
        with("use", "sig"),
        with("use", Value::Null),
        with("key_ops", json!(["verify"])),
        with("key_ops", json!(["encrypt", "verify"])),
    ] {
        assert!(Key::from_jwk(&jwk).is_ok(), "{jwk}");
    }
    for jwk in [
        with("use", "enc"),
        with("use", ""),
        with("key_ops", json!([])),
        with("key_ops", json!(["sign"])),
        with("key_ops", json!(["encrypt", "wrapKey"])),
    ] {
        assert_eq!(unusable(&jwk), Unusable::Purpose, "{jwk}");
    }
    let malformed = with("key_ops", "verify");
    assert_eq!(unusable(&malformed), Unusable::Member("key_ops"));
    assert_eq!(
        unusable(&with("use", json!(["sig"]))),
        Unusable::Member("use")
    );
}

#[test]
fn encryption_key_verifies_no_token() {
    for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"]))] {
        let mut bench = Bench::cold(&settings());
        // The set also has a valid key, so that it is accepted.
        let other = keys::other_rsa().to_jwk();
        bench.answer(ok(json!({"keys": [with(name, value), other]})));
        assert_ne!(bench.code(&ada().build()), "permitted", "{name}");
        let token = ada().signed_by(&keys::other_rsa());
        assert_eq!(bench.code(&token.build()), "permitted", "{name}");
    }
}

#[test]
fn rsa_key_outside_2048_to_4096_bits_is_ignored() {
    for bits in [2048, 2049, 3072, 4095, 4096] {
        assert!(Key::from_jwk(&of_bits(bits)).is_ok(), "{bits}");
    }
    for bits in [8, 1024, 2040, 2041, 2047, 4097, 4104] {
        assert_eq!(unusable(&of_bits(bits)), Unusable::Size(bits));
    }
    assert_eq!(unusable(&with("n", "")), Unusable::Size(0));
    // Leading zeros do not make a number longer.
    let padded = [
        &[0; 3][..],
        &BASE64URL.decode(rsa()["n"].as_str().unwrap()).unwrap(),
    ]
    .concat();
    let padded = Key::from_jwk(&with("n", BASE64URL.encode(padded)));
    assert_eq!(padded, Key::from_jwk(&rsa()));
    let even = BASE64URL.encode([0xfe; 256]);
    assert_eq!(unusable(&with("n", even)), Unusable::Member("n"));
    for exponent in ["Aw", "AQAC", "AQABAA", ""] {
        assert_eq!(unusable(&with("e", exponent)), Unusable::Exponent);
    }
}

#[test]
fn key_verifies_only_its_alg_or_the_algorithms_of_its_type() {
    let is_compatible = |key_algorithm: keys::Algorithm, other: Algorithm| {
        let rsa = |name: &str| name.starts_with("RS") || name.starts_with("PS");
        key_algorithm.name() == other.name() || (rsa(key_algorithm.name()) && rsa(other.name()))
    };
    for key_algorithm in keys::Algorithm::ALL {
        let mut jwk = keys::cached(key_algorithm).to_jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        let any = Key::from_jwk(&jwk).unwrap();
        for other in Algorithm::ALL {
            assert_eq!(
                any.serves(other),
                is_compatible(key_algorithm, other),
                "{key_algorithm} {other:?}"
            );
            jwk["alg"] = json!(other.name());
            match Key::from_jwk(&jwk) {
                Ok(named) => {
                    assert!(is_compatible(key_algorithm, other));
                    for third in Algorithm::ALL {
                        assert_eq!(named.serves(third), third == other);
                    }
                }
                Err(error) => {
                    assert!(
                        !is_compatible(key_algorithm, other),
                        "{key_algorithm} {other:?}"
                    );
                    let name = format!("'{}'", other.name());
                    assert_eq!(error, Unusable::Algorithm(name));
                }
            }
        }
    }
}

#[test]
fn ignored_key_is_reported_with_a_reason() {
    for (jwk, reason) in [
        (json!("x"), "not a JSON object"),
        (
            with("kty", "oct"),
            "key type or curve 'oct' is not supported",
        ),
        (
            json!({"kty": "EC", "crv": "P-521"}),
            "key type or curve 'P-521' is not supported",
        ),
        (
            json!({"kty": "OKP", "crv": "Ed448"}),
            "key type or curve 'Ed448' is not supported",
        ),
        (
            with("use", "enc"),
            "the key is not for verifying signatures",
        ),
        (with("alg", "HS256"), "algorithm 'HS256' is not supported"),
        (with("kid", 7), "member \"kid\" is missing or malformed"),
        (of_bits(1024), "has 1024 bits; it must have 2048 to 4096"),
        (with("e", "Aw"), "the RSA exponent is not 65537"),
    ] {
        let error = unusable(&jwk).to_string();
        assert!(error.contains(reason), "{error}");
        let set = KeySet::from_jwks(&[jwk]).expect_err("no key").to_string();
        assert!(
            set.contains("(the first of 1: ") && set.contains(reason),
            "{set}"
        );
    }
    for (text, reason) in [
        ("[]", "not a JSON object"),
        ("{}", "no array \"keys\""),
        (r#"{"keys":{}}"#, "no array \"keys\""),
        (r#"{"keys":[]}"#, "the key set is empty"),
    ] {
        let error = KeySet::from_json(text.as_bytes())
            .expect_err("no set")
            .to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn kids_sets_and_documents_are_limited_in_length() {
    assert!(Key::from_jwk(&with("kid", "k".repeat(256))).is_ok());
    assert_eq!(
        unusable(&with("kid", "k".repeat(257))),
        Unusable::Member("kid")
    );
    assert!(KeySet::from_jwks(&vec![rsa(); 100]).is_ok());
    let error = KeySet::from_jwks(&vec![rsa(); 101]).expect_err("too many");
    assert_eq!(error, KeySetError::TooManyKeys { keys: 101 });
    assert_eq!(
        error.to_string(),
        "the key set has 101 keys; the limit is 100"
    );
    let text = |length: usize| {
        let text = json!({"keys": [rsa()]}).to_string();
        text.clone() + &" ".repeat(length - text.len())
    };
    assert!(KeySet::from_json(text(524_288).as_bytes()).is_ok());
    let error = KeySet::from_json(text(524_289).as_bytes()).expect_err("too large");
    assert_eq!(error, KeySetError::TooLarge { bytes: 524_289 });
    assert!(
        error
            .to_string()
            .contains("has 524289 bytes; the limit is 524288")
    );
}

#[test]
fn lookup_without_kid_requires_a_single_suitable_key() {
    let elliptic = keys::cached(keys::Algorithm::Es256).to_jwk();
    let one = KeySet::from_jwks(&[rsa(), elliptic]).unwrap();
    assert!(
        matches!(one.find(None, Algorithm::Rs256), Lookup::Found(keys) if keys.iter().all(|key| key.serves(Algorithm::Rs256)))
    );
    assert!(
        matches!(one.find(None, Algorithm::Es256), Lookup::Found(keys) if keys.iter().all(|key| key.serves(Algorithm::Es256)))
    );
    assert_eq!(one.find(None, Algorithm::EdDsa), Lookup::Unknown);
    let kid = keys::rsa().kid().to_owned();
    assert_eq!(
        one.find(Some(&kid), Algorithm::Es256),
        Lookup::WrongAlgorithm
    );
    assert_eq!(one.find(Some("x"), Algorithm::Es256), Lookup::Unknown);
    assert_eq!((one.len(), one.is_empty()), (2, false));
    let two = KeySet::from_jwks(&[rsa(), keys::other_rsa().to_jwk()]).unwrap();
    assert_eq!(two.find(None, Algorithm::Rs256), Lookup::Ambiguous);
    assert!(one.is_subset_of(&one) && !one.is_subset_of(&two) && !two.is_subset_of(&one));
}
