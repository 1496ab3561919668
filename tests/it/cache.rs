//! The cache of verified tokens: the checks that it saves, and the checks that it must not skip.

use crate::support;

use entragate::fetch::callout::{Answer, CalloutError};
use entragate::gate::Notice;
use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;

fn caching(ttl: &str) -> Value {
    let mut settings = settings();
    settings["cache"] = json!({"ttl": ttl});
    settings
}

impl Bench {
    /// Returns the codes and verification methods of the decisions since the last call.
    fn decisions(&mut self) -> Vec<(String, Value)> {
        let decision = |record: Value| {
            let code = record["code"].as_str().unwrap().to_owned();
            (code, record["verified_by"].clone())
        };
        self.audit().into_iter().map(decision).collect()
    }

    fn counted(&mut self) -> Vec<String> {
        let name = |notice| match notice {
            Notice::Count(name) => Some(name.into_owned()),
            Notice::Audit(..) | Notice::Add(..) | Notice::Observe(..) | Notice::Log(..) => None,
        };
        self.gate
            .take_notices()
            .into_iter()
            .filter_map(name)
            .collect()
    }

    /// Sends a token. Returns the code of the decision and the verification method.
    fn send_token(&mut self, token: &str) -> (String, Value) {
        self.gate.take_notices();
        self.code(token);
        self.decisions().remove(0)
    }
}

fn decision(code: &str, method: impl Into<Value>) -> (String, Value) {
    (code.to_owned(), method.into())
}

#[test]
fn signature_is_verified_once_within_the_ttl() {
    let mut bench = Bench::warm(&caching("10s"));
    let token = ada().build();
    assert_eq!(bench.send_token(&token), decision("permitted", "wasm"));
    assert_eq!(bench.send_token(&token), decision("permitted", "cache"));
    bench.advance(9);
    assert_eq!(bench.send_token(&token), decision("permitted", "cache"));
    bench.advance(1);
    assert_eq!(bench.send_token(&token), decision("permitted", "wasm"));
}

#[test]
fn cache_can_be_disabled() {
    let mut bench = Bench::warm(&caching("0s"));
    let token = ada().build();
    for _ in 0..3 {
        assert_eq!(bench.send_token(&token), decision("permitted", "wasm"));
    }
    let counted = bench.counted();
    assert!(!counted.iter().any(|name| name.contains("cache")));
}

#[test]
fn expired_token_leaves_the_default_cache() {
    let mut bench = Bench::warm(&settings());
    let token = ada().build();
    assert_eq!(bench.send_token(&token), decision("permitted", "wasm"));
    assert_eq!(bench.send_token(&token), decision("permitted", "cache"));
    bench.advance(1);
    assert_eq!(bench.send_token(&token), decision("permitted", "wasm"));
}

#[test]
fn cached_token_is_authorized_on_each_request() {
    let mut bench = Bench::warm(&caching("1h"));
    let now = bench.now.as_secs();
    let short = ada().claim("exp", now + 5).build();
    assert_eq!(bench.send_token(&short), decision("permitted", "wasm"));
    bench.advance(64);
    assert_eq!(bench.send_token(&short), decision("permitted", "cache"));
    bench.advance(1);
    assert_eq!(bench.send_token(&short), decision("token_expired", "cache"));
    for (persona, code) in [
        (Persona::WrongAudience, "audience_mismatch"),
        (Persona::Nora, "rule_unsatisfied"),
    ] {
        let token = Token::of(persona).build();
        assert_eq!(bench.send_token(&token), decision(code, "wasm"));
        assert_eq!(bench.send_token(&token), decision(code, "cache"));
    }
    // Another request with the same token can lead to another decision.
    let token = ada().build();
    bench.send_token(&token);
    let authorization = format!("Bearer {token}");
    let (_, ruling) = bench.send(&[
        (":method", "GET"),
        (":path", "/elsewhere"),
        (":authority", "gateway"),
        ("authorization", &authorization),
    ]);
    assert_eq!(code_of(&ruling), "no_rule");
}

#[test]
fn forged_token_is_not_cached_and_matches_no_cached_token() {
    let mut bench = Bench::warm(&caching("1h"));
    let genuine = ada().build();
    bench.send_token(&genuine);
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let other = Token::of(Persona::Nora).build();
    let mut others = other.split('.');
    let (other_header, other_payload) = (others.next().unwrap(), others.next().unwrap());
    let upper = signature.to_ascii_uppercase();
    for forged in [
        format!("{header}.{other_payload}.{signature}"),
        format!("{other_header}.{payload}.{upper}"),
        ada().corrupt_signature().build(),
        ada().forged_by(&keys::other_rsa()).build(),
    ] {
        for _ in 0..2 {
            let (code, method) = bench.send_token(&forged);
            assert!(code.starts_with("signature_") || code == "token_malformed");
            assert_eq!(method, Value::Null);
        }
    }
    assert_eq!(bench.send_token(&genuine), decision("permitted", "cache"));
}

#[test]
fn removed_key_invalidates_its_cached_tokens() {
    let mut settings = caching("1h");
    settings["issuers"][0]["jwks"] = json!({"cluster": "entra", "refresh": "10s"});
    let mut bench = Bench::warm(&settings);
    let token = ada().build();
    bench.send_token(&token);
    // A second key is added: the cached token remains valid.
    bench.advance(10);
    bench.answer(jwks(&[&keys::rsa(), &keys::other_rsa()]));
    assert_eq!(bench.send_token(&token), decision("permitted", "cache"));
    // The first key is removed.
    bench.advance(10);
    bench.answer(jwks(&[&keys::other_rsa()]));
    let (id, ruling) = bench.chat(&token);
    assert_eq!(
        code_of(&ruling),
        "waiting",
        "the request waits for newer keys"
    );
    bench.answer(jwks(&[&keys::other_rsa()]));
    bench.advance(2);
    assert_eq!(bench.resume_woken(), [(id, "key_unknown".into())]);
}

#[test]
fn stale_keys_invalidate_cached_tokens() {
    let mut settings = caching("1h");
    settings["issuers"][0]["jwks"] =
        json!({"cluster": "entra", "refresh": "1m", "max_stale": "2m"});
    let mut bench = Bench::warm(&settings);
    let token = ada().build();
    bench.send_token(&token);
    bench.advance(120);
    assert_eq!(bench.send_token(&token), decision("permitted", "cache"));
    for _ in 0..8 {
        while !bench.calls.is_empty() {
            bench.answer(Answer::Failed(CalloutError::Interrupted));
        }
        bench.advance(20);
    }
    let (id, ruling) = bench.chat(&token);
    if code_of(&ruling) == "waiting" {
        bench.advance(2);
        assert_eq!(bench.resume_woken(), [(id, "keys_unavailable".into())]);
    } else {
        assert_eq!(code_of(&ruling), "keys_unavailable");
    }
}

#[test]
fn hits_misses_and_evictions_are_counted() {
    let mut settings = caching("1h");
    settings["cache"]["entries"] = json!(2);
    let mut bench = Bench::warm(&settings);
    bench.counted();
    let [one, two, three] = [1, 2, 3].map(|n| ada().claim("uti", n.to_string()).build());
    for token in [&one, &two, &one, &three, &one, &two] {
        bench.code(token);
    }
    let counted = bench.counted();
    let count = |name: &str| {
        counted
            .iter()
            .filter(|counted_name| *counted_name == name)
            .count()
    };
    assert_eq!(count("entragate.verified_by.wasm"), 4);
    assert_eq!(count("entragate.verified_by.cache"), 2);
    assert_eq!(count("entragate.cache.misses"), 4);
    assert_eq!(count("entragate.cache.evictions"), 2);
}
