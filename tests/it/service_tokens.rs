//! Service tokens in the gate: a call that needs one starts when the token is available. If it is unavailable, requests that
//! depend on the call are denied.

use crate::support;

use entragate::fetch::callout::{Answer, CalloutError};
use entragate::gate::Notice;
use serde_json::{Value, json};
use std::time::Duration;
use support::*;

fn managed_identity() -> Value {
    json!({"managed_identity": {"cluster": "imds", "resource": "api://ops"}})
}

fn with_auth(auth: Value) -> Value {
    let mut settings = settings();
    settings["revocation"] = json!({"cluster": "ops", "uri": "https://ops/revoked.json",
        "refresh": "10s", "max_stale": "30s", "auth": auth});
    settings
}

/// A bench with keys and one pending call for the service token.
fn bench() -> Bench {
    let bench = Bench::warm(&with_auth(managed_identity()));
    assert_eq!(hosts_called(&bench), ["169.254.169.254"]);
    bench
}

fn hosts_called(bench: &Bench) -> Vec<&str> {
    let calls = bench.calls.iter();
    calls
        .map(|call| call.callout.target.authority.as_str())
        .collect()
}

fn bearer(bench: &Bench) -> Option<&str> {
    let headers = &bench.calls[0].callout.headers;
    let found = headers.iter().find(|(name, _)| name == "authorization");
    found.map(|(_, value)| value.as_str())
}

fn token(text: &str) -> Answer {
    ok(json!({"access_token": text, "expires_in": "3600", "token_type": "Bearer"}))
}

fn refusal(status: u16) -> Answer {
    Answer::of(status, None, Vec::new())
}

fn counts(bench: &mut Bench, name: &str) -> usize {
    let name = format!("entragate.{name}");
    let notices = bench.gate.take_notices();
    let counts = notices
        .iter()
        .filter(|notice| **notice == Notice::Count(name.clone().into()));
    counts.count()
}

#[test]
fn call_starts_when_its_service_token_is_available() {
    let mut bench = bench();
    let call = &bench.calls[0].callout;
    let (method, target) = (call.method, &call.target);
    assert_eq!(
        (method, target.scheme, target.cluster.as_str()),
        ("GET", "http", "imds")
    );
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fops";
    assert_eq!(target.path, path);
    assert!(call.headers.contains(&("metadata".into(), "true".into())));
    let (id, _) = bench.chat(&ada().build());
    bench.tick();
    assert_eq!(
        hosts_called(&bench),
        ["169.254.169.254"],
        "the feed waits for the service token"
    );
    bench.answer(token("one"));
    assert_eq!(counts(&mut bench, "lease_fetches.good"), 1);
    bench.tick();
    assert_eq!(hosts_called(&bench), ["ops"]);
    assert_eq!(bearer(&bench), Some("Bearer one"));
    bench.answer(ok(json!({})));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
}

#[test]
fn feed_without_service_token_is_not_fetched_and_denies() {
    let mut bench = bench();
    let (id, _) = bench.chat(&ada().build());
    bench.answer(refusal(400));
    bench.tick();
    let notices = bench.gate.take_notices();
    let warnings = |wanted: &str| {
        let has = |notice: &&Notice| matches!(notice, Notice::Log(log::Level::Warn, text) if text.contains(wanted));
        notices.iter().filter(has).count()
    };
    assert_eq!(
        warnings("managed identity for api://ops could not be fetched"),
        1
    );
    assert_eq!(warnings("no service token is available"), 1);
    for _ in 0..60 {
        bench.advance(1);
        bench.gate.take_notices();
        while !bench.calls.is_empty() {
            assert_eq!(hosts_called(&bench), ["169.254.169.254"]);
            bench.answer(refusal(500));
        }
        for (woken, code) in bench.resume_woken() {
            assert_eq!(woken, id);
            assert!(
                ["waiting", "revocation_unavailable"].contains(&code.as_str()),
                "{code}"
            );
        }
    }
    assert!(!bench.gate.is_permitted(id));
    while bench.calls.is_empty() {
        bench.advance(1);
    }
    bench.answer(token("late"));
    bench.tick();
    assert_eq!(
        bearer(&bench),
        Some("Bearer late"),
        "the feed is fetched immediately"
    );
    bench.answer(ok(json!({})));
    assert_eq!(bench.code(&ada().build()), "permitted");
}

#[test]
fn rejected_service_token_is_replaced() {
    let mut bench = bench();
    bench.answer(token("old"));
    bench.tick();
    bench.answer(refusal(401));
    assert_eq!(hosts_called(&bench), ["169.254.169.254"]);
    bench.answer(token("new"));
    bench.advance(1);
    assert_eq!(bearer(&bench), Some("Bearer new"));
    bench.answer(refusal(401));
    bench.advance(2);
    assert_eq!(
        hosts_called(&bench),
        ["ops"],
        "the token is not requested again so soon"
    );
}

#[test]
fn expired_service_token_is_never_used() {
    let mut bench = bench();
    bench.answer(token("one"));
    bench.tick();
    bench.answer(ok(json!({})));
    for second in 1..=3700 {
        bench.advance(1);
        while !bench.calls.is_empty() {
            match hosts_called(&bench)[0] {
                "ops" => {
                    assert!(second < 3600, "{second}");
                    assert_eq!(bearer(&bench), Some("Bearer one"));
                    bench.answer(ok(json!({})));
                }
                _ => {
                    assert!(second >= 2880, "{second}");
                    bench.answer(Answer::Failed(CalloutError::Interrupted));
                }
            }
        }
    }
    let (id, _) = bench.chat(&ada().build());
    bench.now = bench.now.plus(Duration::from_secs(2));
    bench.tick();
    bench.resume_woken();
    assert!(!bench.gate.is_permitted(id), "the feed is stale");
}
