//! Credentials that change while the gate runs: the value that is sent, and the outcome if there is none.

use crate::support;

use entragate::fetch::callout::Answer;
use entragate::gate::Notice;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use support::*;
use testbed::keys;

/// The default settings with one polled credential.
fn polled(change: Value) -> Value {
    let mut settings = settings();
    let mut http = json!({
        "cluster": "vault", "uri": "https://vault:8200/v1/secret/data/hf",
        "pointer": "/data/data/token", "refresh": "60s", "max_stale": "5m", "timeout": "1s",
    });
    for (name, value) in change.as_object().unwrap() {
        http[name] = value.clone();
    }
    settings["credentials"] = json!([{"name": "hf-read", "http": http}]);
    // After the first call, which fetches the keys, all calls poll the credential.
    settings["issuers"][0]["jwks"]["refresh"] = json!("8000h");
    settings["issuers"][0]["jwks"]["max_stale"] = json!("8000h");
    settings
}

/// A bench with keys and one pending call for the credential.
fn bench() -> Bench {
    let bench = Bench::warm(&polled(json!({})));
    assert_eq!(bench.calls.len(), 1);
    bench
}

/// A bench whose credential has this value.
fn with_value(value: &str) -> Bench {
    let mut bench = bench();
    bench.answer(vault(value));
    bench
}

fn vault(value: &str) -> Answer {
    ok(json!({"data": {"data": {"token": value}}}))
}

fn unavailable() -> Answer {
    let (status, body) = (503, Vec::new());
    Answer::Response { status, body }
}

/// Returns the Authorization of a permitted request.
fn authorization_sent(bench: &mut Bench) -> String {
    let (id, ruling) = bench.chat(&ada().build());
    bench.gate.finish(id, Some(200), bench.now);
    let edits = edits_of(&ruling);
    let authorization = edits.into_iter().find(|(name, _)| name == "authorization");
    authorization.unwrap().1
}

/// Sends a permitted request, whose response is a 401.
fn rejected(bench: &mut Bench) {
    let (id, _) = bench.chat(&ada().build());
    reject(bench, id);
}

fn reject(bench: &mut Bench, id: u32) {
    bench.gate.credential_rejected(id, bench.now);
    bench.calls.extend(bench.gate.take_calls());
    bench.gate.finish(id, Some(502), bench.now);
}

#[test]
fn new_value_replaces_the_old_one_immediately() {
    let mut bench = with_value("first");
    assert_eq!(authorization_sent(&mut bench), "Bearer first");
    bench.advance(59);
    assert!(bench.calls.is_empty(), "there is no poll before refresh");
    bench.advance(1);
    assert_eq!(
        authorization_sent(&mut bench),
        "Bearer first",
        "the value is used while the poll is pending"
    );
    bench.answer(vault("second"));
    assert_eq!(authorization_sent(&mut bench), "Bearer second");
}

#[test]
fn request_is_parked_until_the_first_value() {
    let mut bench = bench();
    let (id, ruling) = bench.chat(&ada().build());
    assert_eq!(code_of(&ruling), "waiting");
    assert!(!bench.gate.is_permitted(id));
    bench.answer(vault("first"));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
}

#[test]
fn parked_request_is_decided_again_when_the_value_arrives() {
    let mut bench = bench();
    let now = bench.now.as_secs();
    let (id, ruling) = bench.chat(&ada().claim("exp", now - 59).build());
    assert_eq!(code_of(&ruling), "waiting");
    bench.now = bench.now.plus(Duration::from_secs(1));
    bench.answer(vault("first"));
    assert_eq!(bench.resume_woken(), [(id, "token_expired".into())]);
    assert!(!bench.gate.is_permitted(id));
}

#[test]
fn parked_request_whose_key_is_removed_is_recorded_without_credential() {
    let mut bench = bench();
    let (id, ruling) = bench.chat(&ada().build());
    assert_eq!(code_of(&ruling), "waiting");
    // An unknown kid triggers a fetch of the key set, which has changed.
    bench.chat(&ada().signed_by(&keys::other_rsa()).build());
    bench.calls.swap(0, 1);
    bench.answer(jwks(&[&keys::other_rsa()]));
    bench.answer(vault("first"));
    let woken = bench.resume_woken();
    assert!(woken.contains(&(id, "key_unknown".to_owned())), "{woken:?}");
    bench.audit();
    bench.gate.finish(id, Some(401), bench.now);
    assert_eq!(bench.audit()[0]["credential"], Value::Null);
}

#[test]
fn parked_requests_are_limited_in_time_and_number() {
    let mut settings = polled(json!({}));
    settings["wait"] = json!({"requests": 1});
    let mut bench = Bench::warm(&settings);
    let (id, _) = bench.chat(&ada().build());
    assert_eq!(bench.code(&ada().build()), "credential_unavailable");
    bench.advance(2);
    assert_eq!(
        bench.resume_woken(),
        [(id, "credential_unavailable".into())]
    );
    bench.gate.finish(id, Some(502), bench.now);
    let records = bench.audit();
    assert!(
        records
            .iter()
            .all(|record| record["credential"] == "hf-read"
                && record["rule"] == "scientists"
                && record["decision"] == "deny")
    );
    let reasons: Vec<&str> = records
        .iter()
        .map(|record| record["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "wait.requests requests are already waiting",
            "no value has been fetched yet"
        ]
    );
}

#[test]
fn anonymous_request_is_parked_for_its_credential() {
    let mut settings = polled(json!({}));
    settings["rules"][0]["credential"] = json!("hf-read");
    let mut bench = Bench::warm(&settings);
    let health = [
        (":method", "GET"),
        (":path", "/health"),
        (":authority", "g"),
    ];
    let (id, ruling) = bench.send(&health);
    assert_eq!(code_of(&ruling), "waiting");
    bench.answer(vault("first"));
    assert_eq!(bench.resume_woken(), [(id, "anonymous".into())]);
}

#[test]
fn denied_request_is_not_parked() {
    let mut bench = bench();
    let nora = testbed::mint::Token::of(testbed::persona::Persona::Nora);
    assert_eq!(bench.code(&nora.build()), "rule_unsatisfied");
}

#[test]
fn invalid_response_never_replaces_a_valid_value() {
    for bad in [
        unavailable(),
        ok(json!({"data": {"data": {}}})),
        vault(""),
        vault("two words"),
        vault("line\r\nx-evil: 1"),
        Answer::Failed(entragate::fetch::callout::CalloutError::NoHost),
    ] {
        let mut bench = with_value("first");
        bench.advance(60);
        bench.answer(bad);
        assert_eq!(authorization_sent(&mut bench), "Bearer first");
        bench.advance(1);
        bench.answer(vault("second"));
        assert_eq!(
            authorization_sent(&mut bench),
            "Bearer second",
            "polling recovers within a second"
        );
    }
}

#[test]
fn value_past_max_stale_denies_and_is_logged_once() {
    let mut bench = with_value("first");
    for _ in 0..300 {
        bench.advance(1);
        while !bench.calls.is_empty() {
            bench.answer(unavailable());
        }
        assert_eq!(authorization_sent(&mut bench), "Bearer first");
    }
    bench.gate.take_notices();
    bench.advance(1);
    bench.answer_all(unavailable);
    let code = bench.code(&ada().build());
    assert_eq!(code, "credential_unavailable", "no retry succeeds in time");
    bench.advance(2);
    let errors: Vec<Notice> = bench.gate.take_notices();
    let errors = errors.iter().filter(
        |notice| matches!(notice, Notice::Log(log::Level::Error, text) if text.contains("hf-read")),
    );
    assert_eq!(errors.count(), 1);
    bench.advance(10);
    bench.answer(vault("second"));
    assert_eq!(authorization_sent(&mut bench), "Bearer second");
}

#[test]
fn rejected_value_triggers_one_early_poll_per_cooldown() {
    let mut bench = with_value("first");
    rejected(&mut bench);
    assert_eq!(bench.calls.len(), 1, "the store is polled immediately");
    rejected(&mut bench);
    assert_eq!(bench.calls.len(), 1, "one fetch is pending");
    bench.answer(vault("first"));
    for _ in 0..9 {
        bench.advance(1);
        rejected(&mut bench);
        assert!(bench.calls.is_empty(), "the cooldown has not ended");
    }
    bench.advance(1);
    rejected(&mut bench);
    bench.answer(vault("second"));
    assert_eq!(authorization_sent(&mut bench), "Bearer second");
}

#[test]
fn rejection_of_a_replaced_value_triggers_no_poll() {
    let mut bench = with_value("first");
    let (old, _) = bench.chat(&ada().build());
    bench.advance(60);
    bench.answer(vault("second"));
    bench.advance(20);
    reject(&mut bench, old);
    assert!(bench.calls.is_empty());
    let (denied, _) = bench.chat("no token");
    reject(&mut bench, denied);
    reject(&mut bench, 4711);
    assert!(
        bench.calls.is_empty(),
        "requests without the credential trigger no poll either"
    );
}

#[test]
fn poll_sends_its_headers_and_output_contains_no_secrets() {
    let settings = polled(json!({
        "headers": {"X-Vault-Token": {"env": "VAULT"}, "accept": {"env": "ACCEPT"}},
        "auth": {"env": "BEARER"},
    }));
    let env = |name: &str| Some(format!("secret-{}", name.to_lowercase()));
    let (mut gate, now) = started_gate(&settings, &env);
    let calls = gate.take_calls();
    let call = calls.last().unwrap();
    let mut headers = call.callout.headers.clone();
    headers.sort();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        headers,
        [
            ("accept", "secret-accept"),
            ("authorization", "Bearer secret-bearer"),
            ("x-vault-token", "secret-vault"),
        ]
    );
    let target = &call.callout.target;
    assert_eq!((call.callout.method, &*target.cluster), ("GET", "vault"));
    assert_eq!(target.path, "/v1/secret/data/hf");
    gate.answered(call.call_id, vault("secret-value"), now);
    let printed = format!("{calls:?} {:?} {gate:?}", gate.take_notices());
    assert!(printed.contains("hf-read: a new value is in use"));
    assert!(!printed.contains("secret-"), "{printed}");
}

/// An event of a polled credential.
#[derive(Clone, Debug)]
enum Event {
    Advance(u64),
    /// The store answers the oldest pending call with this value.
    Good(u8),
    Bad,
    /// The upstream rejects the credential of a request sent now.
    Rejected,
    /// An answer to an abandoned call.
    Late(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u64..30).prop_map(Event::Advance),
        1 => (100u64..400).prop_map(Event::Advance),
        2 => (0u8..3).prop_map(Event::Good),
        3 => Just(Event::Bad),
        2 => Just(Event::Rejected),
        1 => (3u8..6).prop_map(Event::Late),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any order of events: at most one fetch is pending, polls are separated by their pauses, and the only value that is
    /// sent is the last valid one while it is younger than `max_stale`.
    #[test]
    fn any_order_of_events_keeps_poll_intervals_and_value_lifetimes(
        events in vec(event(), 1..120)
    ) {
        let token = ada().claim("exp", testbed::mint::now() + 100_000).build();
        let mut bench = bench();
        let mut good: Option<(String, u64)> = None;
        // The start times of polls, and whether a rejection triggered them.
        let mut polls = vec![(bench.now.as_secs(), false)];
        for event in events {
            let before = bench.calls.len();
            let mut early = false;
            // This exceeds the duration of a poll, so the poll was abandoned and its answer is ignored.
            let is_abandoned = polls.last().is_some_and(|poll| bench.now.as_secs() > poll.0 + 7);
            match event {
                Event::Advance(secs) => {
                    for _ in 0..secs {
                        let known = bench.calls.len();
                        bench.advance(1);
                        if bench.calls.len() > known {
                            polls.push((bench.now.as_secs(), false));
                        }
                    }
                }
                Event::Good(n) if before > 0 => {
                    bench.calls.drain(..before - 1);
                    let value = format!("value-{n}");
                    bench.answer(vault(&value));
                    if !is_abandoned {
                        good = Some((value, bench.now.as_secs()));
                    }
                }
                Event::Bad if before > 0 => {
                    bench.calls.drain(..before - 1);
                    bench.answer(unavailable());
                }
                Event::Late(n) if before > 1 => bench.answer(vault(&format!("value-{n}"))),
                Event::Rejected => {
                    rejected(&mut bench);
                    early = bench.calls.len() > before;
                }
                Event::Good(_) | Event::Bad | Event::Late(_) => {}
            }
            if early {
                polls.push((bench.now.as_secs(), true));
            }
            let (id, ruling) = bench.chat(&token);
            let now = bench.now.as_secs();
            match &good {
                Some((value, since)) if now - since <= 300 => {
                    let expected = ("authorization".to_owned(), format!("Bearer {value}"));
                    prop_assert!(edits_of(&ruling).contains(&expected));
                }
                _ => prop_assert!(!bench.gate.is_permitted(id)),
            }
            bench.gate.forget(id);
        }
        for pair in polls.windows(2) {
            let [(first, _), (second, early)] = pair else { unreachable!() };
            prop_assert!(*early || second > first, "{polls:?}");
        }
        let early: Vec<u64> = polls.iter().filter(|poll| poll.1).map(|poll| poll.0).collect();
        prop_assert!(early.windows(2).all(|pair| pair[1] >= pair[0] + 10), "{polls:?}");
    }
}
