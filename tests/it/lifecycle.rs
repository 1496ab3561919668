//! Fetching and rotation of keys, and the requests that wait for them.

use crate::support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entragate::fetch::callout::{Answer, CalloutError};
use serde_json::json;
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::persona::*;

fn failed() -> Answer {
    Answer::Failed(CalloutError::Interrupted)
}

#[test]
fn first_keys_are_fetched_immediately_from_the_tenants_set() {
    let bench = Bench::cold(&settings());
    let [call] = bench.calls.as_slice() else {
        panic!("expected one call, found {:?}", bench.calls)
    };
    let target = &call.callout.target;
    assert_eq!(target.cluster, "entra");
    assert_eq!(target.authority, "login.microsoftonline.com");
    assert_eq!(target.path, format!("/{TENANT}/discovery/v2.0/keys"));
}

#[test]
fn early_requests_are_parked_and_then_decided_in_full() {
    let mut bench = Bench::cold(&settings());
    let (good, ruling) = bench.chat(&ada().build());
    assert_eq!(code_of(&ruling), "waiting");
    assert!(!bench.gate.is_permitted(good));
    let (bad, _) = bench.chat(&ada().corrupt_signature().build());
    let (foreign, ruling) = bench.chat(&Token::of(Persona::Gina).build());
    assert_eq!(
        code_of(&ruling),
        "tenant_not_allowed",
        "a malformed token is denied without keys"
    );
    assert!(!bench.gate.is_permitted(foreign));
    bench.answer(jwks(&[&keys::rsa()]));
    let resumed = bench.resume_woken();
    assert_eq!(
        resumed,
        [
            (good, "permitted".into()),
            (bad, "signature_invalid".into())
        ]
    );
    assert!(bench.gate.is_permitted(good) && !bench.gate.is_permitted(bad));
    assert!(bench.resume_woken().is_empty());
}

#[test]
fn parked_request_ends_at_its_timeout() {
    let mut bench = Bench::cold(&settings());
    let (id, _) = bench.chat(&ada().build());
    bench.advance(1);
    assert!(bench.resume_woken().is_empty());
    bench.advance(1);
    assert_eq!(bench.resume_woken(), [(id, "keys_unavailable".into())]);
}

#[test]
fn parked_requests_are_limited_in_number() {
    let mut settings = settings();
    settings["wait"] = json!({"requests": 3, "timeout": "2s"});
    let mut bench = Bench::cold(&settings);
    for _ in 0..3 {
        assert_eq!(code_of(&bench.chat(&ada().build()).1), "waiting");
    }
    assert_eq!(code_of(&bench.chat(&ada().build()).1), "keys_unavailable");
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken().len(), 3);
    assert_eq!(bench.code(&ada().build()), "permitted");
}

#[test]
fn disconnected_parked_request_is_released() {
    let mut bench = Bench::cold(&settings());
    let (disconnected, _) = bench.chat(&ada().build());
    let (stays, _) = bench.chat(&ada().build());
    bench.gate.finish(disconnected, None, bench.now);
    bench.gate.forget(disconnected);
    assert!(bench.audit().is_empty(), "no request was decided");
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(stays, "permitted".into())]);
}

#[test]
fn failed_first_fetch_is_retried_while_requests_are_parked() {
    let mut bench = Bench::cold(&settings());
    let (id, _) = bench.chat(&ada().build());
    bench.answer(Answer::Response {
        status: 503,
        body: Vec::new(),
    });
    assert_eq!(bench.resume_woken(), [(id, "waiting".into())]);
    bench.advance(1);
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
}

#[test]
fn requests_in_a_long_outage_fail_immediately() {
    let mut bench = Bench::cold(&settings());
    for _ in 0..4 {
        bench.answer(failed());
        while bench.calls.is_empty() {
            bench.advance(1);
        }
    }
    bench.answer(failed());
    assert_eq!(code_of(&bench.chat(&ada().build()).1), "keys_unavailable");
}

#[test]
fn rotation_takes_one_fetch_and_fails_no_request() {
    let mut bench = Bench::warm(&settings());
    let (old, new) = (keys::rsa(), keys::other_rsa());
    let (id, ruling) = bench.chat(&ada().signed_by(&new).build());
    assert_eq!(code_of(&ruling), "waiting");
    let (second, _) = bench.chat(&ada().signed_by(&new).build());
    assert_eq!(bench.calls.len(), 1, "single flight");
    assert_eq!(
        bench.code(&ada().build()),
        "permitted",
        "the old key remains in use"
    );
    bench.answer(jwks(&[&old, &new]));
    let permitted = "permitted".to_owned();
    assert_eq!(
        bench.resume_woken(),
        [(id, permitted.clone()), (second, permitted)]
    );
    assert_eq!(bench.code(&ada().build()), "permitted");
}

#[test]
fn retired_key_is_unknown_after_the_new_set() {
    let mut bench = Bench::warm(&settings());
    let new = keys::other_rsa();
    bench.advance(3600);
    bench.answer(jwks(&[&new]));
    let code = bench.code(&ada().build());
    assert_eq!(code, "waiting", "a newer set might contain the key again");
    bench.answer(jwks(&[&new]));
    assert_eq!(
        bench.resume_woken().len(),
        0,
        "the request has ended in the meantime"
    );
    assert_eq!(bench.code(&ada().build()), "key_unknown");
}

#[test]
fn random_kids_trigger_one_fetch_per_cooldown() {
    let mut bench = Bench::warm(&settings());
    let mut fetches = 0;
    let genuine = ada().build();
    let (_, rest) = genuine.split_once('.').unwrap();
    for n in 0..10_000 {
        // The kid is looked up before the signature is verified, so the tokens need not be signed.
        let header = ada().header("kid", format!("kid-{n}")).header_value();
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
        let (id, ruling) = bench.chat(&token);
        if code_of(&ruling) == "waiting" {
            assert_eq!(bench.calls.len(), 1);
            fetches += 1;
            bench.answer(jwks(&[&keys::rsa()]));
            assert_eq!(bench.resume_woken(), [(id, "key_unknown".into())]);
        } else {
            assert_eq!(code_of(&ruling), "key_unknown");
        }
        bench.gate.finish(id, None, bench.now);
        if n % 1000 == 999 {
            bench.advance(6);
        }
    }
    assert_eq!(
        fetches, 2,
        "there are two fetches in 54 s with a cooldown of 30 s"
    );
    assert_eq!(bench.code(&ada().build()), "permitted");
}

#[test]
fn invalid_responses_never_replace_valid_keys() {
    let mut bench = Bench::warm(&settings());
    let es512 = json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"});
    for bad in [
        failed(),
        Answer::Failed(CalloutError::UnknownCluster),
        Answer::Failed(CalloutError::TooLarge {
            size: 10_000_000,
            limit: 1,
        }),
        Answer::Response {
            status: 500,
            body: b"{}".to_vec(),
        },
        Answer::Response {
            status: 304,
            body: Vec::new(),
        },
        Answer::Response {
            status: 200,
            body: Vec::new(),
        },
        Answer::Response {
            status: 200,
            body: b"<html>".to_vec(),
        },
        Answer::Response {
            status: 200,
            body: vec![b'['; 600_000],
        },
        ok(json!({})),
        ok(json!({"keys": []})),
        ok(json!({"keys": {}})),
        ok(json!({"keys": [1, "x", null, es512]})),
        ok(json!({"keys": vec![keys::rsa().to_jwk(); 101]})),
    ] {
        bench.advance(3600);
        assert_eq!(bench.calls.len(), 1, "a fetch is due before {bad:?}");
        bench.answer(bad);
        assert_eq!(bench.code(&current_token(&bench)), "permitted");
    }
}

/// Returns Ada's token at the current time of the bench.
fn current_token(bench: &Bench) -> String {
    Token::at(Persona::Ada, bench.now.as_secs()).build()
}

#[test]
fn stale_keys_deny() {
    let mut settings = settings();
    settings["issuers"][0]["jwks"] =
        json!({"cluster": "entra", "refresh": "10m", "max_stale": "1h", "cooldown": "20m"});
    let mut bench = Bench::warm(&settings);
    let mut last = String::new();
    for minute in 1..=62 {
        bench.advance(60);
        while !bench.calls.is_empty() {
            bench.answer(failed());
        }
        last = bench.code(&current_token(&bench));
        let expected = if minute <= 60 {
            "permitted"
        } else {
            "keys_unavailable"
        };
        assert_eq!(last, expected, "minute {minute}");
    }
    assert_eq!(last, "keys_unavailable");
}

#[test]
fn inline_keys_are_never_fetched() {
    let mut settings = settings();
    settings["issuers"][0]["jwks"] = json!({"inline": {"keys": [keys::rsa().to_jwk()]}});
    let mut bench = Bench::cold(&settings);
    assert!(bench.calls.is_empty());
    assert_eq!(bench.code(&ada().build()), "permitted");
    assert_eq!(
        bench.code(&ada().signed_by(&keys::other_rsa()).build()),
        "key_unknown"
    );
    bench.advance(100_000);
    assert!(bench.calls.is_empty());
}

#[test]
fn discovery_document_of_another_issuer_is_refused() {
    let uri = "https://kc.example/realms/ml/.well-known/openid-configuration";
    let mut settings = settings();
    settings["issuers"] = json!([{
        "name": "realm", "oidc": {"issuer": REALM_ISSUER}, "audiences": [REALM_AUDIENCE],
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"cluster": "kc", "discovery": uri, "keys_cluster": "kc-keys"},
    }]);
    let token = || {
        Token::of(Persona::Kim)
            .claim("realm_access", json!({"roles": ["Model.Query"]}))
            .signed_by(&keys::rsa())
            .build()
    };
    let document = |issuer: &str, jwks: &str| ok(json!({"issuer": issuer, "jwks_uri": jwks}));

    let mut bench = Bench::cold(&settings);
    let (id, _) = bench.chat(&token());
    bench.answer(document(REALM_ISSUER, "https://keys.example:8443/certs"));
    assert_eq!(bench.calls[0].callout.target.cluster, "kc-keys");
    assert_eq!(bench.calls[0].callout.target.authority, "keys.example:8443");
    bench.answer(ok(json!({"keys": [keys::rsa().to_jwk()]})));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);

    for bad in [
        document("https://evil.example", "https://keys.example/certs"),
        document(REALM_ISSUER, "http://keys.example/certs"),
        document(REALM_ISSUER, "keys"),
        ok(json!({"issuer": REALM_ISSUER})),
        ok(json!([])),
    ] {
        let mut bench = Bench::cold(&settings);
        bench.answer(bad);
        assert!(bench.calls.is_empty());
        bench.advance(1);
        assert_eq!(
            bench.calls[0].callout.target.path,
            "/realms/ml/.well-known/openid-configuration"
        );
    }
}

#[test]
fn two_issuers_can_use_the_same_kid() {
    let (ours, theirs) = (keys::rsa(), keys::other_rsa());
    let mut jwk = theirs.to_jwk();
    jwk["kid"] = ours.kid().into();
    let mut settings = settings();
    settings["issuers"].as_array_mut().unwrap().push(json!({
        "name": "realm", "oidc": {"issuer": REALM_ISSUER}, "audiences": [REALM_AUDIENCE],
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"inline": {"keys": [jwk]}},
    }));
    let mut bench = Bench::warm(&settings);
    let kim = Token::of(Persona::Kim)
        .claim("realm_access", json!({"roles": ["Model.Query"]}))
        .signed_by(&theirs)
        .header("kid", ours.kid());
    assert_eq!(bench.code(&kim.build()), "permitted");
    assert_eq!(bench.code(&ada().build()), "permitted");
    // The key of one issuer does not verify the other issuer's tokens.
    assert_eq!(
        bench.code(&kim.forged_by(&ours).build()),
        "signature_invalid"
    );
    assert_eq!(
        bench.code(&ada().forged_by(&theirs).build()),
        "signature_invalid"
    );
}
