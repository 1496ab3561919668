//! Key sets in the forms that providers publish.

use super::*;
use testbed::keys::{Algorithm, SigningKey};

fn signed(key: &SigningKey, kid: Option<&str>) -> String {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
    mint::mint(&header, &complete(json!({})), key)
}

fn jwk(key: &SigningKey, kid: Option<&str>) -> Value {
    let mut jwk = key.to_jwk();
    jwk["kid"] = json!(kid);
    jwk
}

fn published(keys: &[Value]) -> Value {
    oidc(json!({"jwks": {"inline": {"keys": keys}}}), anyone())
}

#[test]
fn keys_with_the_same_kid_are_tried_up_to_the_limit() {
    let keys: Vec<SigningKey> = (0..5)
        .map(|_| SigningKey::generate(Algorithm::Rs256))
        .collect();
    let set: Vec<Value> = keys.iter().map(|key| jwk(key, Some("same"))).collect();
    let mut bench = Bench::cold(&published(&set));
    let codes: Vec<String> = keys
        .iter()
        .map(|key| bench.code(&signed(key, Some("same"))))
        .collect();
    assert_eq!(codes[..4], ["permitted"; 4]);
    assert_eq!(
        codes[4], "signature_invalid",
        "the number of keys that are tried is limited"
    );
}

#[test]
fn keys_with_the_same_kid_are_logged() {
    let (one, other) = (signing::rsa(), signing::other_rsa());
    let mut settings = oidc(json!({}), anyone());
    settings["issuers"][0]["jwks"] = json!({"cluster": "idp", "uri": "https://idp.example/keys"});
    let mut bench = Bench::cold(&settings);
    let set = json!({"keys": [jwk(&one, Some("same")), jwk(&other, Some("same")), jwk(&one, Some("own"))]});
    let body = set.to_string().into_bytes();
    bench.answer(entragate::fetch::callout::Answer::Response { status: 200, body });
    let logs = bench.logs();
    assert!(
        logs.iter()
            .any(|line| line.contains("3 usable keys, 1 with a duplicate kid")),
        "{logs:?}"
    );
}

#[test]
fn key_without_kid_verifies_tokens_of_its_type() {
    let (nameless, named) = (signing::rsa(), signing::other_rsa());
    let set = [jwk(&nameless, None), jwk(&named, Some("b"))];
    let mut bench = Bench::cold(&published(&set));
    assert_eq!(
        bench.code(&signed(&nameless, Some("anything"))),
        "permitted"
    );
    assert_eq!(bench.code(&signed(&named, Some("b"))), "permitted");
    // Another key has this kid.
    assert_eq!(
        bench.code(&signed(&nameless, Some("b"))),
        "signature_invalid"
    );
    let other_key = SigningKey::generate(Algorithm::Rs256);
    assert_eq!(bench.code(&signed(&other_key, Some("c"))), "key_unknown");
}

#[test]
fn unverifiable_token_with_keys_without_kid_triggers_a_fetch() {
    let (old, new) = (signing::rsa(), signing::other_rsa());
    let mut settings = oidc(json!({}), anyone());
    settings["issuers"][0]["jwks"] = json!({"cluster": "idp", "uri": "https://idp.example/keys"});
    let mut bench = Bench::cold(&settings);
    let set = |key: &SigningKey| entragate::fetch::callout::Answer::Response {
        status: 200,
        body: json!({"keys": [jwk(key, None)]}).to_string().into_bytes(),
    };
    bench.answer(set(&old));
    assert_eq!(bench.code(&signed(&old, Some("1"))), "permitted");
    bench.advance(31);
    let (id, ruling) = bench.chat(&signed(&new, Some("2")));
    assert_eq!(code_of(&ruling), "waiting");
    bench.tick();
    bench.answer(set(&new));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
}

#[test]
fn null_members_of_a_key_count_as_absent() {
    let key = signing::rsa();
    let mut jwk = key.to_jwk();
    for name in [
        "use",
        "key_ops",
        "alg",
        "kid",
        "issuer",
        "cloud_instance_name",
        "x5c",
    ] {
        jwk[name] = Value::Null;
    }
    let mut bench = Bench::cold(&published(&[jwk]));
    assert_eq!(bench.code(&signed(&key, None)), "permitted");
}
