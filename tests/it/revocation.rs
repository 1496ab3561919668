//! The revocation feed over time: what it revokes, and the effect of a late, stale or invalid feed.

use crate::support;

use entragate::fetch::callout::Answer;
use entragate::gate::Notice;
use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;

fn with_feed(change: Value) -> Value {
    let mut settings = settings();
    settings["revocation"] =
        json!({"cluster": "ops", "uri": "https://ops/revoked.json", "timeout": "1s"});
    for (name, value) in change.as_object().unwrap() {
        settings["revocation"][name] = value.clone();
    }
    settings
}

/// A bench with keys and one pending call for the feed.
fn bench(change: Value) -> Bench {
    let bench = Bench::warm(&with_feed(change));
    assert_eq!(bench.calls.len(), 1);
    bench
}

/// A bench with this feed.
fn with_valid_feed(feed: Value) -> Bench {
    let mut bench = bench(json!({}));
    bench.answer(ok(feed));
    bench
}

fn failed() -> Answer {
    let (status, body) = (500, Vec::new());
    Answer::Response { status, body }
}

fn token() -> Token {
    ada()
        .claim("sid", "Session-1")
        .claim("uti", "Uti-1")
        .claim("jti", "Jti-1")
}

#[test]
fn every_feed_member_revokes() {
    let token = token();
    let claims = token.claims_value();
    let token = token.build();
    let oid = claims["oid"].as_str().unwrap().to_owned();
    let client = claims["azp"].as_str().unwrap().to_owned();
    let issued = claims["iat"].as_u64().unwrap();
    for (feed, code) in [
        (json!({}), "permitted"),
        (
            json!({"oids": [], "clients": [], "sessions": [], "tokens": [], "not_before": {}}),
            "permitted",
        ),
        (json!({"oids": [&oid]}), "token_revoked"),
        (json!({"oids": [oid.to_uppercase()]}), "token_revoked"),
        (json!({"oids": ["other", &oid]}), "token_revoked"),
        (json!({"clients": [&client]}), "token_revoked"),
        (json!({"clients": [&oid], "oids": [&client]}), "permitted"),
        (json!({"sessions": ["Session-1"]}), "token_revoked"),
        (json!({"sessions": ["session-1"]}), "permitted"),
        (json!({"tokens": ["Uti-1"]}), "token_revoked"),
        (json!({"tokens": ["Jti-1"]}), "token_revoked"),
        (json!({"tokens": ["uti-1"]}), "permitted"),
        (json!({"not_before": {&oid: issued}}), "permitted"),
        (json!({"not_before": {&oid: issued + 1}}), "token_revoked"),
        (
            json!({"not_before": {oid.to_uppercase(): issued + 1, &oid: 1}}),
            "token_revoked",
        ),
        (json!({"not_before": {"other": issued + 1}}), "permitted"),
    ] {
        assert_eq!(with_valid_feed(feed.clone()).code(&token), code, "{feed}");
    }
    let mut bench = with_valid_feed(json!({"not_before": {&oid: 1}}));
    assert_eq!(bench.code(&ada().without("iat").build()), "token_revoked");
}

#[test]
fn revocation_is_recorded_without_naming_the_list_to_the_caller() {
    let oid = token().claims_value()["oid"].clone();
    let mut bench = with_valid_feed(json!({"oids": [oid]}));
    let (id, ruling) = bench.chat(&token().build());
    let reply = reply_of(&ruling);
    assert_eq!(reply.status, 401);
    assert!(!reply.body.contains("oids"));
    bench.gate.finish(id, Some(401), bench.now);
    let record = &bench.audit()[0];
    assert_eq!(record["code"], "token_revoked");
    assert_eq!(record["oid"], oid);
    assert!(
        record["reason"].as_str().unwrap().contains("oids"),
        "{record}"
    );
}

#[test]
fn forged_token_does_not_reveal_the_feed() {
    let oid = token().claims_value()["oid"].clone();
    let mut bench = with_valid_feed(json!({"oids": [oid]}));
    let forged = bench.code(&token().corrupt_signature().build());
    assert_eq!(forged, "signature_invalid");
    let (_, health) = bench.send(&[
        (":method", "GET"),
        (":path", "/health"),
        (":authority", "g"),
    ]);
    assert_eq!(code_of(&health), "anonymous");
}

#[test]
fn request_at_cold_start_waits_for_keys_and_feed() {
    let mut bench = Bench::cold(&with_feed(json!({})));
    let (id, ruling) = bench.chat(&token().build());
    assert_eq!(code_of(&ruling), "waiting");
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(id, "waiting".into())]);
    assert!(!bench.gate.is_permitted(id));
    bench.answer(ok(json!({})));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
    assert!(bench.gate.is_permitted(id));
}

#[test]
fn wait_for_the_feed_is_limited() {
    let mut bench = bench(json!({}));
    let (id, _) = bench.chat(&token().build());
    bench.advance(2);
    assert_eq!(
        bench.resume_woken(),
        [(id, "revocation_unavailable".into())]
    );

    let mut settings = with_feed(json!({}));
    settings["wait"] = json!({"requests": 1});
    let mut bench = Bench::warm(&settings);
    bench.chat(&token().build());
    assert_eq!(bench.code(&token().build()), "revocation_unavailable");
}

#[test]
fn revocation_starts_and_ends_within_refresh() {
    let oid = token().claims_value()["oid"].clone();
    let mut bench = with_valid_feed(json!({}));
    assert_eq!(bench.code(&token().build()), "permitted");
    bench.advance(9);
    assert!(bench.calls.is_empty());
    bench.advance(1);
    assert_eq!(bench.calls[0].callout.target.authority, "ops");
    // From here on, the token is cached; the revocation still applies.
    assert_eq!(bench.code(&token().build()), "permitted");
    bench.answer(ok(json!({"oids": [oid]})));
    assert_eq!(bench.code(&token().build()), "token_revoked");
    bench.advance(10);
    bench.answer(ok(json!({})));
    assert_eq!(bench.code(&token().build()), "permitted");
}

#[test]
fn invalid_response_never_replaces_a_valid_feed() {
    let oid = token().claims_value()["oid"].clone();
    let big = json!({"oids": ["x".repeat(1024 * 1024)]}).to_string();
    let good = json!({"oids": [oid]});
    for invalid in [
        "",
        "[]",
        "{",
        "null",
        "{} {}",
        r#"{"oids":[],"oids":[]}"#,
        r#"{"users":[]}"#,
        r#"{"oids":[null]}"#,
        r#"{"not_before":{"a":null}}"#,
        r#"{"oids":"a"}"#,
        r#"{"oids":[1]}"#,
        r#"{"not_before":[]}"#,
        r#"{"not_before":{"a":"1"}}"#,
        r#"{"not_before":{"a":-1}}"#,
        r#"{"not_before":{"a":1e300}}"#,
        &big,
    ] {
        let mut bench = with_valid_feed(good.clone());
        bench.gate.take_notices();
        bench.advance(10);
        let (status, body) = (200, invalid.as_bytes().to_vec());
        bench.answer(Answer::Response { status, body });
        let notices = bench.gate.take_notices();
        let count = Notice::Count("entragate.revocation_fetches.failed".into());
        assert!(notices.contains(&count), "{invalid:.40}: {notices:?}");
        assert_eq!(
            bench.code(&token().build()),
            "token_revoked",
            "{invalid:.40}"
        );
        let nora = Token::of(Persona::Nora).build();
        assert_eq!(bench.code(&nora), "rule_unsatisfied", "{invalid:.40}");
    }
}

#[test]
fn null_member_of_a_feed_counts_as_absent() {
    let oid = token().claims_value()["oid"].clone();
    let mut bench = with_valid_feed(
        json!({"oids": [oid], "clients": null, "sessions": null, "tokens": null,
        "not_before": null, "next": null}),
    );
    assert_eq!(bench.code(&token().build()), "token_revoked");
    let mut bench = with_valid_feed(json!({"oids": null, "sessions": ["Session-2"]}));
    assert_eq!(bench.code(&token().build()), "permitted");
}

/// Returns the code of a request `secs` after the last valid feed.
fn stale(on_stale: &str, secs: u64) -> (Bench, String) {
    let mut bench = bench(json!({"on_stale": on_stale, "max_stale": "60s"}));
    bench.answer(ok(json!({"sessions": ["s-revoked"]})));
    for _ in 0..secs {
        bench.advance(1);
        while !bench.calls.is_empty() {
            bench.answer(failed());
        }
    }
    let (id, mut ruling) = bench.chat(&token().build());
    if code_of(&ruling) == "waiting" {
        bench.advance(2);
        bench.gate.take_wakeups();
        let signatures = entragate::token::signature::Portable;
        ruling = bench.gate.resume(id, bench.now, &signatures).unwrap();
    }
    let code = code_of(&ruling);
    (bench, code)
}

fn logged_problems(bench: &mut Bench) -> Vec<String> {
    let notices = bench.gate.take_notices().into_iter();
    notices
        .filter_map(|notice| match notice {
            Notice::Log(log::Level::Error, text) => Some(text),
            _ => None,
        })
        .collect()
}

#[test]
fn stale_feed_follows_on_stale_and_is_logged_once() {
    for on_stale in ["deny", "allow"] {
        let (mut bench, code) = stale(on_stale, 59);
        assert_eq!(code, "permitted");
        assert_eq!(logged_problems(&mut bench), Vec::<String>::new());
    }
    let (mut bench, code) = stale("deny", 90);
    assert_eq!(code, "revocation_unavailable");
    assert_eq!(logged_problems(&mut bench).len(), 1);
    let (mut bench, code) = stale("allow", 90);
    assert_eq!(code, "permitted");
    let logged = logged_problems(&mut bench);
    assert!(
        logged.len() == 1 && logged[0].contains("on_stale: allow"),
        "{logged:?}"
    );
    let revoked = ada().claim("sid", "s-revoked").build();
    assert_eq!(
        bench.code(&revoked),
        "token_revoked",
        "revoked callers stay revoked"
    );
}

#[test]
fn slow_first_feed_follows_on_stale() {
    for (on_stale, code) in [("deny", "revocation_unavailable"), ("allow", "permitted")] {
        let mut bench = bench(json!({"on_stale": on_stale}));
        let (id, ruling) = bench.chat(&token().build());
        assert_eq!(code_of(&ruling), "waiting");
        bench.advance(2);
        assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
    }
}

#[test]
fn request_does_not_wait_for_a_feed_that_is_not_being_fetched() {
    let mut bench = bench(json!({}));
    for _ in 0..30 {
        bench.answer_all(failed);
        bench.advance(1);
    }
    bench.answer_all(failed);
    assert_eq!(bench.code(&token().build()), "revocation_unavailable");
}

#[test]
fn feed_that_was_never_fetched_follows_on_stale() {
    let mut deny = bench(json!({}));
    deny.answer(failed());
    let (id, _) = deny.chat(&token().build());
    deny.advance(2);
    deny.resume_woken();
    assert!(!deny.gate.is_permitted(id));

    let mut allow = bench(json!({"on_stale": "allow"}));
    let (id, ruling) = allow.chat(&token().build());
    assert_eq!(
        code_of(&ruling),
        "waiting",
        "requests wait for the first fetch"
    );
    allow.answer(failed());
    assert_eq!(allow.resume_woken()[0].0, id);
    allow.advance(1);
    assert_eq!(allow.code(&token().build()), "permitted");
    assert_eq!(logged_problems(&mut allow).len(), 1);
}

#[test]
fn output_contains_no_ids_or_bearer_token() {
    let mut settings = with_feed(json!({"auth": {"env": "OPS_TOKEN"}}));
    settings["issuers"][0]["name"] = json!("contoso");
    let env = |_: &str| Some("ops-secret".to_owned());
    let (mut gate, now) = started_gate(&settings, &env);
    let calls = gate.take_calls();
    let call = calls.last().unwrap();
    let header = ("authorization".to_owned(), "Bearer ops-secret".to_owned());
    assert!(call.callout.headers.contains(&header));
    let feed = json!({"oids": ["id-of-a-person"]});
    gate.answered(call.call_id, ok(feed), now);
    let printed = format!("{calls:?} {:?} {gate:?}", gate.take_notices());
    assert!(!printed.contains("ops-secret"));
    assert!(!printed.contains("id-of-a-person"));
}
