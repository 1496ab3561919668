//! The signature of a token: algorithms and keys.

use super::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

fn oidc_settings(jwks: &Value, algorithms: &[&str]) -> Value {
    let mut settings = settings();
    settings["issuers"] = json!([{
        "name": "realm",
        "oidc": {"issuer": REALM_ISSUER},
        "audiences": [REALM_AUDIENCE],
        "algorithms": algorithms,
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"inline": jwks},
    }]);
    settings
}

fn kim() -> Token {
    Token::of(Persona::Kim).claim("realm_access", json!({"roles": ["Model.Query"]}))
}

fn names() -> Vec<&'static str> {
    Algorithm::ALL
        .iter()
        .map(|algorithm| algorithm.name())
        .collect()
}

#[test]
fn algorithm_verifies_only_with_its_own_key() {
    for algorithm in Algorithm::ALL {
        let key = keys::cached(algorithm);
        // An RSA key without `alg` verifies all six RSA algorithms.
        let mut jwk = key.to_jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        let jwks = json!({"keys": [jwk]});
        let mut bench = Bench::cold(&oidc_settings(&jwks, &names()));
        let token = kim().signed_by(&key).algorithm(algorithm);
        assert_eq!(bench.code(&token.build()), "permitted", "{algorithm:?}");
        let broken = token.corrupt_signature();
        assert_eq!(
            bench.code(&broken.build()),
            "signature_invalid",
            "{algorithm:?}"
        );
        // The token names the algorithm, but the issuer does not allow it.
        let others: Vec<&str> = names()
            .into_iter()
            .filter(|n| *n != algorithm.name())
            .collect();
        let mut strict = Bench::cold(&oidc_settings(&jwks, &others));
        let token = kim().signed_by(&key).algorithm(algorithm);
        let code = strict.code(&token.build());
        assert_eq!(code, "algorithm_not_allowed", "{algorithm:?}");
    }
}

#[test]
fn key_of_another_type_or_alg_is_refused() {
    let rsa = keys::cached(Algorithm::Rs256);
    let es = keys::cached(Algorithm::Es256);
    let jwks = json!({"keys": [rsa.to_jwk(), es.to_jwk()]});
    let mut bench = Bench::cold(&oidc_settings(&jwks, &names()));
    let forged = kim().signed_by(&rsa).header("kid", es.kid());
    assert_eq!(bench.code(&forged.build()), "algorithm_not_allowed");
    // The `alg` of a key excludes other algorithms of its type.
    let other = kim().signed_by(&rsa).algorithm(Algorithm::Ps256);
    assert_eq!(bench.code(&other.build()), "algorithm_not_allowed");
}

#[test]
fn rsa_key_without_alg_verifies_each_allowed_algorithm() {
    let rsa = keys::rsa();
    let mut jwk = rsa.to_jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let mut bench = Bench::cold(&oidc_settings(&json!({"keys": [jwk]}), &["RS256", "PS384"]));
    assert_eq!(bench.code(&kim().signed_by(&rsa).build()), "permitted");
    let ps384 = kim().signed_by(&rsa).algorithm(Algorithm::Ps384);
    assert_eq!(bench.code(&ps384.build()), "permitted");
    let ps256 = kim().signed_by(&rsa).algorithm(Algorithm::Ps256);
    assert_eq!(bench.code(&ps256.build()), "algorithm_not_allowed");
}

#[test]
fn token_without_kid_requires_a_single_suitable_key() {
    let (one, two) = (keys::rsa(), keys::other_rsa());
    let es = keys::cached(Algorithm::Es256);
    let token = kim().signed_by(&one).without_header("kid").build();
    let alone = json!({"keys": [es.to_jwk(), one.to_jwk()]});
    assert_eq!(
        Bench::cold(&oidc_settings(&alone, &names())).code(&token),
        "permitted"
    );
    let several = json!({"keys": [one.to_jwk(), two.to_jwk()]});
    assert_eq!(
        Bench::cold(&oidc_settings(&several, &names())).code(&token),
        "key_unknown"
    );
}

#[test]
fn algorithm_confusion_is_refused() {
    let mut bench = Bench::warm(&settings());
    let key = keys::rsa();
    let claims = ada().claims_value();
    for name in [
        "none", "None", "NONE", "nOnE", "", "HS256", "RS256 ", "rs256",
    ] {
        let header = json!({"alg": name, "typ": "JWT", "kid": key.kid()});
        let unsigned = mint::mint_unsigned(&header, &claims);
        let code = bench.code(&unsigned);
        assert_eq!(code, "algorithm_not_allowed", "{name:?}");
    }
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": key.kid()});
    let confused = mint::mint_hs256(&header, &claims, key.public_pem().as_bytes());
    assert_eq!(bench.code(&confused), "algorithm_not_allowed");
    let stripped = mint::mint_unsigned(&ada().header_value(), &claims);
    assert_eq!(bench.code(&stripped), "token_malformed");
}

#[test]
fn key_in_the_token_header_is_ignored() {
    let forger = keys::other_rsa();
    let jwk = forger.to_jwk();
    for (name, value, code) in [
        ("jwk", jwk.clone(), "token_malformed"),
        (
            "jku",
            json!("https://evil.example/keys"),
            "signature_invalid",
        ),
        (
            "x5u",
            json!("https://evil.example/cert"),
            "signature_invalid",
        ),
        ("x5c", json!(["MIIC"]), "signature_invalid"),
    ] {
        let mut bench = Bench::warm(&settings());
        let forged = ada().header(name, value).forged_by(&forger);
        assert_eq!(bench.code(&forged.build()), code, "{name}");
        assert!(bench.calls.is_empty(), "{name} must fetch nothing");
    }
}

#[test]
fn changed_payload_is_refused() {
    let token = ada().build();
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three segments")
    };
    let claims = ada().claim("roles", json!(["Admin"])).claims_value();
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    let code = Bench::warm(&settings()).code(&format!("{header}.{payload}.{signature}"));
    assert_eq!(code, "signature_invalid");
}

#[test]
fn key_verifies_only_for_its_own_issuer() {
    let key = keys::rsa();
    let of = |cloud: &str, issuer: Option<&str>| {
        let jwk = key.to_entra_jwk(cloud, issuer);
        let mut bench = Bench::cold(&settings());
        bench.answer(ok(json!({"keys": [jwk]})));
        bench.code(&ada().build())
    };
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let consumer = issuer_v2(CONSUMER_TENANT);
    assert_eq!(of("microsoftonline.com", None), "permitted");
    assert_eq!(of("microsoftonline.com", Some(template)), "permitted");
    assert_eq!(
        of("microsoftonline.com", Some(&issuer_v1(TENANT))),
        "permitted"
    );
    assert_eq!(of("microsoftonline.com", Some(&consumer)), "key_unknown");
    assert_eq!(of("microsoftonline.us", Some(template)), "key_unknown");
}
