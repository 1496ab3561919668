//! Requests that only their own callback can resume: each makes a copy of the call that it waits for.

use crate::support;

use entragate::fetch::callout::{Answer, CalloutError};
use entragate::gate::{CallId, HostLimits};
use entragate::token::signature::Portable;
use serde_json::json;
use std::time::Duration;
use support::*;
use testbed::keys;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A gate without keys, a request that waits for them, and the call that fetches them.
fn waiting() -> (Bench, u32, CallId) {
    let mut bench = Bench::cold(&settings());
    let (id, ruling) = bench.chat(&ada().build());
    assert_eq!(code_of(&ruling), "waiting");
    let call_id = bench.calls[0].call_id;
    (bench, id, call_id)
}

#[test]
fn pending_request_waits_for_one_call_until_its_timeout() {
    let (mut bench, id, call_id) = waiting();
    let left = |bench: &Bench| bench.gate.waits_for(id, call_id, bench.now);
    assert_eq!(left(&bench), Some(secs(2)));
    assert_eq!(bench.gate.waits_for(id + 1, call_id, bench.now), None);
    bench.now = bench.now.plus(secs(1));
    assert_eq!(left(&bench), Some(secs(1)));
    bench.now = bench.now.plus(secs(1));
    assert_eq!(left(&bench), None);
}

#[test]
fn pending_request_does_not_wait_for_another_issuer() {
    let mut settings = settings();
    settings["issuers"].as_array_mut().unwrap().insert(
        0,
        json!({"name": "realm", "oidc": {"issuer": "https://kc.example/realm"}, "audiences": ["hf"],
               "jwks": {"cluster": "kc", "uri": "https://kc.example/certs"}}),
    );
    settings["revocation"] = json!({"cluster": "ops", "uri": "https://ops.example/revoked.json"});
    let mut bench = Bench::cold(&settings);
    let (id, _) = bench.chat(&ada().build());
    let waits = |cluster: &str| {
        let mut calls = bench.calls.iter();
        let call = calls.find(|call| call.callout.target.cluster == cluster);
        let call_id = call.expect("a call").call_id;
        bench.gate.waits_for(id, call_id, bench.now).is_some()
    };
    assert_eq!(
        [waits("kc"), waits("ops"), waits("entra")],
        [false, false, true]
    );
}

#[test]
fn valid_response_to_a_copied_call_resumes_all_pending_requests() {
    let (mut bench, id, call_id) = waiting();
    bench
        .gate
        .copy_answered(call_id, jwks(&[&keys::rsa()]), bench.now);
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
    assert_eq!(bench.code(&ada().build()), "permitted");
}

#[test]
fn failed_copied_call_leaves_requests_pending() {
    let (mut bench, id, call_id) = waiting();
    let busy = Answer::Response {
        status: 503,
        body: Vec::new(),
    };
    for answer in [busy, Answer::Failed(CalloutError::Interrupted)] {
        bench.gate.copy_answered(call_id, answer, bench.now);
        assert!(bench.resume_woken().is_empty());
    }
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
}

#[test]
fn request_without_a_dependency_is_decided_immediately() {
    let (mut bench, id, _) = waiting();
    let ruling = bench.gate.give_up(id, bench.now, &Portable);
    assert_eq!(code_of(&ruling.unwrap()), "keys_unavailable");
    assert!(!bench.gate.is_permitted(id));
    assert_eq!(bench.gate.give_up(id, bench.now, &Portable), None);
}

#[test]
fn rule_on_model_denies_if_the_host_withholds_bodies() {
    let rules = json!([{"name": "llama", "match": {"paths": ["/v1/**"], "models": ["meta-llama/*"]},
                        "require": {"role": "Model.Query"}}]);
    let mut bench = Bench::warm(&with_rules(rules));
    bench.gate.limit(HostLimits {
        withholds_bodies: true,
        ..HostLimits::default()
    });
    let bearer = format!("Bearer {}", ada().build());
    let (_, ruling) = bench.send(&[
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "gateway.contoso.com"),
        ("content-type", "application/json"),
        ("authorization", &bearer),
    ]);
    assert_eq!(code_of(&ruling), "internal");
}
