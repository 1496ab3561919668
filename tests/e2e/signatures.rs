//! Tests which implementation verifies signatures in a real Envoy, and that all implementations agree.

use super::gateway::{Gateway, SOON, header, wait_until};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testbed::entra::Entra;
use testbed::envoy::{Envoy, EnvoyConfig};
use testbed::keys::{self, Algorithm, SigningKey};
use testbed::mint::Token;
use testbed::persona::{Persona, REALM_AUDIENCE, REALM_ISSUER};

/// One worker, so that the second request finds the token of the first in the cache. Kim's realm is configured in addition to
/// Contoso.
fn settings(config: EnvoyConfig, crypto: &str, ttl: &str) -> EnvoyConfig {
    let names: Vec<_> = Algorithm::ALL
        .iter()
        .map(|algorithm| algorithm.name())
        .collect();
    let jwks: Vec<Value> = [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa]
        .into_iter()
        .map(|algorithm| keys::cached(algorithm).to_jwk())
        .chain([any_rsa()])
        .collect();
    config.concurrency(1).change_policy(|policy| {
        policy["crypto"] = json!(crypto);
        policy["cache"] = json!({"ttl": ttl});
        policy["issuers"].as_array_mut().unwrap().push(json!({
            "name": "realm",
            "oidc": {"issuer": REALM_ISSUER},
            "audiences": [REALM_AUDIENCE],
            "algorithms": names,
            "jwks": {"inline": {"keys": jwks}},
        }));
        let rule = json!({"name": "realm", "match": {"issuers": ["realm"]},
                          "require": {"issuer": "realm"}, "credential": "hf-read"});
        policy["rules"].as_array_mut().unwrap().push(rule);
    })
}

/// A key that can verify every RSA algorithm.
fn any_rsa() -> Value {
    let mut jwk = keys::rsa().to_jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk
}

impl Gateway {
    async fn with_crypto(crypto: &str, ttl: &str) -> Self {
        let entra = Entra::start().await.unwrap();
        let gateway = Self::cold(entra, |config| settings(config, crypto, ttl)).await;
        gateway.wait_for_vms_with_keys(2).await;
        gateway
    }

    /// Returns the code of the decision and the verification method.
    async fn outcome(&self, token: &str) -> (Value, Value) {
        let id = header(&self.chat(token).await, "x-request-id").to_owned();
        let record = self
            .envoy
            .wait_for_audit(|record| record["request_id"] == id, SOON);
        let record = record.await.unwrap();
        (record["code"].clone(), record["verified_by"].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn host_verifies_by_default_and_cached_token_needs_no_check() {
    let gateway = Gateway::with_crypto("auto", "10s").await;
    let token = gateway.token(Persona::Ada);
    for method in ["host", "cache", "cache"] {
        let expected = (json!("permitted"), json!(method));
        assert_eq!(gateway.outcome(&token).await, expected);
    }
    let is_logged = |line: &str| line.contains("signatures are verified by the host");
    gateway.envoy.wait_for_log(is_logged, SOON).await.unwrap();
    for (method, count) in [("host", 1), ("cache", 2)] {
        let name = format!("wasmcustom.entragate.verified_by.{method}");
        let counted = || async { gateway.envoy.stat(&name).await.unwrap() == count };
        wait_until("each verification is counted", counted).await;
    }
    let misses = "wasmcustom.entragate.cache.misses";
    assert_eq!(gateway.envoy.stat(misses).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_implementations_agree_on_every_vector() {
    let host = Gateway::with_crypto("host", "0s").await;
    let wasm = Gateway::with_crypto("wasm", "0s").await;
    let caching = Gateway::with_crypto("auto", "1h").await;
    for (label, token) in vectors() {
        let (code, method) = host.outcome(&token).await;
        let (same, wasm_method) = wasm.outcome(&token).await;
        assert_eq!(code, same, "{label}: host and wasm disagree");
        for _ in 0..2 {
            assert_eq!(caching.outcome(&token).await.0, code, "{label}: cached");
        }
        let expected = if label.ends_with(" valid") {
            "permitted"
        } else {
            "signature_invalid"
        };
        assert_eq!(code, expected, "{label}");
        let is_valid = code == "permitted";
        assert_eq!(wasm_method, json!(is_valid.then_some("wasm")), "{label}");
        let native = !label.starts_with("PS") && !label.starts_with("Ed");
        let host_method = is_valid.then_some(if native { "host" } else { "wasm" });
        assert_eq!(method, json!(host_method), "{label}");
    }
}

/// Returns tokens of the realm, by the defect of their signature.
fn vectors() -> Vec<(String, String)> {
    let mut vectors = Vec::new();
    for algorithm in Algorithm::ALL {
        let key = keys::cached(algorithm);
        let signer = Token::of(Persona::Kim).signed_by(&key).algorithm(algorithm);
        let valid = signer.build();
        for (label, signature) in signatures(algorithm, &key, &valid) {
            let (signed, _) = valid.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.encode(signature);
            vectors.push((
                format!("{algorithm} {label}"),
                format!("{signed}.{signature}"),
            ));
        }
    }
    vectors
}

fn signatures(algorithm: Algorithm, key: &SigningKey, valid: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (signed, signature) = valid.rsplit_once('.').unwrap();
    let good = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let half = good.len() / 2;
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut signatures = vec![
        ("valid", good.clone()),
        ("first bit", changed(0)),
        ("middle bit", changed(half)),
        ("last bit", changed(good.len() - 1)),
        ("one byte", vec![1]),
        ("short", good[..good.len() - 1].to_vec()),
        ("long", [&good[..], &[0]].concat()),
        ("zero in front", [&[0], &good[..]].concat()),
        ("all zeros", vec![0; good.len()]),
        ("all ones", vec![0xff; good.len()]),
        ("halves swapped", [&good[half..], &good[..half]].concat()),
        (
            "first half zero",
            [&vec![0; half][..], &good[half..]].concat(),
        ),
        (
            "second half zero",
            [&good[..half], &vec![0; half][..]].concat(),
        ),
        ("of another text", key.sign_raw(algorithm, b"another text")),
    ];
    if algorithm.is_rsa() {
        for other in Algorithm::ALL {
            if other.is_rsa() && other != algorithm {
                let crossed = key.sign_raw(other, signed.as_bytes());
                signatures.push(("of another algorithm", crossed));
            }
        }
        let other_key = keys::other_rsa().sign_raw(algorithm, signed.as_bytes());
        signatures.push(("of another key", other_key));
    }
    if let Some(order) = order(algorithm) {
        let (r, s) = good.split_at(half);
        // In ECDSA, both s and order − s verify; s + order is out of range.
        signatures.push(("valid", [r, &subtract(&order, s)].concat()));
        signatures.push(("s is the order", [r, &order].concat()));
        signatures.push(("r is the order", [&order, s].concat()));
        let number = |bytes: &[u8]| [&[2, bytes.len() as u8 + 1, 0], bytes].concat();
        let der = [number(r), number(s)].concat();
        signatures.push(("as DER", [&[0x30, der.len() as u8], &der[..]].concat()));
    }
    signatures
}

/// Returns the order of the curve's group (SEC 2 §2.4.2, §2.5.1).
fn order(algorithm: Algorithm) -> Option<Vec<u8>> {
    let digits = match algorithm {
        Algorithm::Es256 => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        Algorithm::Es384 => {
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
             581a0db248b0a77aecec196accc52973"
        }
        _ => return None,
    };
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    Some((0..digits.len()).step_by(2).map(byte).collect())
}

/// Subtracts big-endian numbers of the same length; `from` is the larger one.
fn subtract(from: &[u8], number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference = vec![0; from.len()];
    for at in (0..from.len()).rev() {
        let value = i16::from(from[at]) - i16::from(number[at]) - borrow;
        borrow = i16::from(value < 0);
        difference[at] = value.rem_euclid(256) as u8;
    }
    difference
}

#[tokio::test(flavor = "multi_thread")]
async fn retired_key_invalidates_cached_tokens() {
    let gateway = Gateway::with(|config| {
        config.concurrency(1).change_policy(|policy| {
            policy["cache"] = json!({"ttl": "1h"});
            policy["issuers"][0]["jwks"] =
                json!({"cluster": "entra", "refresh": "1s", "cooldown": "1s"});
        })
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    for method in ["host", "cache"] {
        assert_eq!(gateway.outcome(&token).await.1, method);
    }
    gateway.entra.rotate();
    gateway.entra.retire();
    let refused = || async { gateway.outcome(&token).await.0 == "key_unknown" };
    wait_until("the retired key is removed", refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capable_host_is_accepted_with_crypto_host() {
    let entra = Entra::start().await.unwrap();
    let hf = testbed::hf::HuggingFace::start().await.unwrap();
    let config = EnvoyConfig::gateway(&entra, &hf).unwrap();
    let validation = Envoy::validate(&settings(config, "host", "0s")).await;
    let validation = validation.unwrap();
    assert!(validation.is_ok(), "{}", validation.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_permit_makes_few_host_calls() {
    let calls = calls_of_a_warm_permit(json!({"usage": false})).await;
    assert!((9..=16).contains(&calls.len()), "{calls:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_usage_adds_few_host_calls() {
    // Three of them set the numbers of tokens that the request is charged.
    let calls = calls_of_a_warm_permit(json!({})).await;
    assert!((13..=20).contains(&calls.len()), "{calls:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_filter_state_saves_its_host_calls() {
    let changes = json!({"usage": false, "audit": {"filter_state": false}});
    let calls = calls_of_a_warm_permit(changes).await;
    assert!((4..=11).contains(&calls.len()), "{calls:#?}");
    assert!(
        !calls.iter().any(|call| call.contains("set_property")),
        "{calls:#?}"
    );
}

/// Returns the host calls of a permit with a cached token, including its audit record and metrics: 13. One request in eight
/// makes one more call, which reads the time again.
async fn calls_of_a_warm_permit(changes: Value) -> Vec<String> {
    let gateway = Gateway::with(|config| {
        config.log_level("trace").change_policy(|policy| {
            policy["cache"] = json!({"ttl": "1h"});
            policy["forward"] = json!({});
            for (name, value) in changes.as_object().into_iter().flatten() {
                policy[name] = value.clone();
            }
        })
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    let warm = (json!("permitted"), json!("cache"));
    let (mut before, mut outcome) = (0, Default::default());
    // Each worker must first verify the token.
    for _ in 0..20 {
        before = gateway.envoy.log_lines().len();
        outcome = gateway.outcome(&token).await;
        if outcome == warm {
            break;
        }
    }
    assert_eq!(outcome, warm);
    let begins = |line: &str| line.contains("[host->vm] proxy_on_request_headers(");
    let ends = |line: &str| line.contains("[host->vm] proxy_on_done(");
    gateway
        .envoy
        .wait_for_log(|line| ends(line), SOON)
        .await
        .unwrap();
    let lines = gateway.envoy.log_lines().split_off(before);
    let begin = lines.iter().find(|line| begins(line)).unwrap();
    let thread = format!("][{}][trace]", begin.split("][").nth(1).unwrap());
    let mut ticks = false;
    lines
        .iter()
        .filter(|line| line.contains(&thread))
        .skip_while(|line| !begins(line))
        .take_while(|line| !ends(line))
        // Host calls of a tick do not count toward the request.
        .filter(|line| {
            if line.contains("] proxy_on_tick") {
                ticks = line.contains("[host->vm]");
            }
            !ticks
        })
        .filter(|line| line.contains("[vm->host]") && !line.contains("_metric("))
        .cloned()
        .collect()
}
