//! Verification of SETs: the reasons to reject one, and their registered codes.

use super::super::event::{Effect, StreamStatus};
use super::super::set::{Expected, Received, Rejected, verify};
use entragate::keys::keyset::KeySet;
use entragate::time::Timestamp;
use serde_json::{Value, json};
use testbed::keys::{self, SigningKey};
use testbed::mint;

const NOW: u64 = 1_795_000_000;
const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

fn claims() -> Value {
    json!({
        "iss": "https://idp.example.com/", "aud": "https://gateway.example.com/", "iat": NOW - 5, "jti": "set-1",
        "sub_id": {"format": "opaque", "id": "145"}, "events": {REVOKED: {"event_timestamp": NOW - 60}},
    })
}

fn header(key: &SigningKey) -> Value {
    json!({"typ": "secevent+jwt", "alg": key.algorithm().name(), "kid": key.kid()})
}

fn check(set: &str) -> Result<Received, Rejected> {
    let expected = Expected {
        issuer: "https://idp.example.com/".to_owned(),
        audience: "https://gateway.example.com/".to_owned(),
        subject_issuers: vec!["https://idp.example.com/".to_owned()],
    };
    let keys = json!({"keys": [keys::rsa().to_jwk()]}).to_string();
    let keys = KeySet::from_json(keys.as_bytes()).unwrap();
    verify("set-1", set, &expected, &keys, Timestamp::from_secs(NOW))
}

/// A valid SET after one change of its claims.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Received, Rejected> {
    let mut claims = claims();
    change(&mut claims);
    let key = keys::rsa();
    check(&mint::mint(&header(&key), &claims, &key))
}

fn code(result: &Result<Received, Rejected>) -> &'static str {
    result
        .as_ref()
        .map_or_else(|error| error.code(), |_| "valid")
}

#[test]
fn valid_set_has_its_events_and_times() {
    let received = changed(|_| {}).unwrap();
    assert_eq!(received.at, Timestamp::from_secs(NOW - 5));
    let [event] = received.events.as_slice() else {
        panic!("{received:?}")
    };
    assert!(matches!(&event.effect, Effect::EndTokens(subject) if subject.sessions == ["145"]));
    assert_eq!(event.at, Some(Timestamp::from_secs(NOW - 60)));
    let of_toe = changed(|claims| claims["toe"] = json!(NOW - 9)).unwrap();
    assert_eq!(of_toe.at, Timestamp::from_secs(NOW - 9));
    let list = changed(|claims| claims["aud"] = json!(["a", "https://gateway.example.com/"]));
    assert_eq!(code(&list), "valid");
    let upper = keys::rsa();
    let mut typ = header(&upper);
    typ["typ"] = json!("application/secevent+JWT");
    assert_eq!(code(&check(&mint::mint(&typ, &claims(), &upper))), "valid");
}

#[test]
fn claims_that_do_not_match_are_rejected_with_their_code() {
    type Alter = fn(&mut Value);
    let cases: [(Alter, &str); 20] = [
        (
            |claims| claims["iss"] = json!("https://evil.example/"),
            "invalid_issuer",
        ),
        (|claims| claims["iss"] = Value::Null, "invalid_issuer"),
        (
            |claims| claims["aud"] = json!("https://other.example/"),
            "invalid_audience",
        ),
        (|claims| claims["aud"] = json!([]), "invalid_audience"),
        (|claims| claims["aud"] = Value::Null, "invalid_audience"),
        (|claims| claims["jti"] = json!("set-2"), "invalid_request"),
        (|claims| claims["jti"] = Value::Null, "invalid_request"),
        (|claims| claims["exp"] = json!(NOW + 60), "invalid_request"),
        (|claims| claims["sub"] = json!("145"), "invalid_request"),
        (|claims| claims["iat"] = Value::Null, "invalid_request"),
        (
            |claims| claims["iat"] = json!("1795000000"),
            "invalid_request",
        ),
        (|claims| claims["iat"] = json!(NOW + 301), "invalid_request"),
        (|claims| claims["toe"] = json!("now"), "invalid_request"),
        (|claims| claims["events"] = json!({}), "invalid_request"),
        (
            |claims| claims["events"] = json!([REVOKED]),
            "invalid_request",
        ),
        (
            |claims| claims["events"] = json!({REVOKED: true}),
            "invalid_request",
        ),
        (|claims| claims["sub_id"] = Value::Null, "invalid_request"),
        (
            |claims| claims["sub_id"] = json!({"format": "email"}),
            "invalid_request",
        ),
        (
            |claims| claims["events"][REVOKED]["event_timestamp"] = json!("now"),
            "invalid_request",
        ),
        // One event of several.
        (
            |claims| {
                let disabled =
                    "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
                claims["sub_id"] = Value::Null;
                claims["events"][disabled] = json!({"subject": {"format": "opaque", "id": "1"}});
            },
            "invalid_request",
        ),
    ];
    for (index, (change, expected)) in cases.into_iter().enumerate() {
        assert_eq!(code(&changed(change)), expected, "{index}");
    }
    let at_limit = changed(|claims| claims["iat"] = json!(NOW + 300)).unwrap();
    assert_eq!(at_limit.at, Timestamp::from_secs(NOW), "not in the future");
}

#[test]
fn forged_set_is_rejected() {
    let key = keys::rsa();
    let good = mint::mint(&header(&key), &claims(), &key);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = keys::other_rsa();
    let mut without_typ = header(&key);
    without_typ.as_object_mut().unwrap().remove("typ");
    let mut access_token = header(&key);
    access_token["typ"] = json!("at+jwt");
    let mut none = header(&key);
    none["alg"] = json!("none");
    for (set, expected) in [
        (
            mint::mint(&header(&key), &claims(), &other),
            "authentication_failed",
        ),
        (
            format!("{signed}.{}", "A".repeat(342)),
            "authentication_failed",
        ),
        (
            mint::mint(&header(&other), &claims(), &other),
            "invalid_key",
        ),
        (mint::mint(&without_typ, &claims(), &key), "invalid_request"),
        (
            mint::mint(&access_token, &claims(), &key),
            "invalid_request",
        ),
        (mint::mint_unsigned(&none, &claims()), "invalid_request"),
        (
            mint::mint_unsigned(&header(&key), &claims()),
            "invalid_request",
        ),
        (
            mint::mint_hs256(
                &json!({"typ": "secevent+jwt", "alg": "HS256"}),
                &claims(),
                b"a",
            ),
            "invalid_request",
        ),
        (signed.to_owned(), "invalid_request"),
        (String::new(), "invalid_request"),
    ] {
        assert_eq!(code(&check(&set)), expected, "{set}");
    }
    let twice = claims()
        .to_string()
        .replacen('{', r#"{"iss":"https://evil.example/","#, 1);
    let twice = mint::mint_raw(header(&key).to_string().as_bytes(), twice.as_bytes(), &key);
    assert_eq!(
        code(&check(&twice)),
        "invalid_request",
        "a duplicate member"
    );
}

/// The name of an effect.
fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Disable(_) => "disable",
        Effect::Enable(_) => "enable",
        Effect::Purge(_) => "purge",
        Effect::EndTokens(_) => "end",
        Effect::Stream(StreamStatus::Enabled) => "resume",
        Effect::Stream(StreamStatus::Paused) => "suspend",
        Effect::Stream(StreamStatus::Disabled) => "lose events",
        Effect::Nothing => "nothing",
    }
}

#[test]
fn event_has_its_effect() {
    for (kind, payload, expected) in [
        ("caep/event-type/session-revoked", json!({}), "end"),
        (
            "caep/event-type/token-claims-change",
            json!({"claims": {"role": "ro-admin"}}),
            "end",
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": "create"}),
            "nothing",
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": "update"}),
            "end",
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": "delete"}),
            "end",
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": "revoke"}),
            "end",
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": "unheard of"}),
            "end",
        ),
        (
            "caep/event-type/credential-change",
            json!({}),
            "invalid_request",
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": 5}),
            "invalid_request",
        ),
        (
            "caep/event-type/assurance-level-change",
            json!({"change_direction": "increase"}),
            "nothing",
        ),
        (
            "caep/event-type/assurance-level-change",
            json!({"change_direction": "decrease"}),
            "end",
        ),
        (
            "caep/event-type/assurance-level-change",
            json!({"current_level": "nist-aal1"}),
            "end",
        ),
        (
            "caep/event-type/device-compliance-change",
            json!({"current_status": "compliant"}),
            "nothing",
        ),
        (
            "caep/event-type/device-compliance-change",
            json!({"current_status": "not-compliant"}),
            "end",
        ),
        (
            "caep/event-type/device-compliance-change",
            json!({}),
            "invalid_request",
        ),
        ("caep/event-type/session-established", json!({}), "nothing"),
        ("caep/event-type/session-presented", json!({}), "nothing"),
        (
            "caep/event-type/risk-level-change",
            json!({"current_level": "HIGH"}),
            "nothing",
        ),
        (
            "risc/event-type/account-disabled",
            json!({"reason": "hijacking"}),
            "disable",
        ),
        ("risc/event-type/account-enabled", json!({}), "enable"),
        ("risc/event-type/account-purged", json!({}), "purge"),
        ("risc/event-type/sessions-revoked", json!({}), "end"),
        (
            "risc/event-type/account-credential-change-required",
            json!({}),
            "end",
        ),
        (
            "risc/event-type/credential-compromise",
            json!({"credential_type": "password"}),
            "end",
        ),
        ("risc/event-type/recovery-activated", json!({}), "nothing"),
        (
            "ssf/event-type/verification",
            json!({"state": "abc"}),
            "nothing",
        ),
        (
            "ssf/event-type/stream-updated",
            json!({"status": "paused"}),
            "suspend",
        ),
        (
            "ssf/event-type/stream-updated",
            json!({"status": "disabled"}),
            "lose events",
        ),
        (
            "ssf/event-type/stream-updated",
            json!({"status": "unheard-of"}),
            "lose events",
        ),
        (
            "ssf/event-type/stream-updated",
            json!({"status": "enabled"}),
            "resume",
        ),
        (
            "ssf/event-type/stream-updated",
            json!({}),
            "invalid_request",
        ),
        ("caep/event-type/unheard-of", json!({}), "nothing"),
        ("risc/event-type/session-revoked", json!({}), "nothing"),
    ] {
        let uri = format!("https://schemas.openid.net/secevent/{kind}");
        let result = changed(|claims| claims["events"] = json!({uri: payload}));
        let found = match &result {
            Ok(received) => name(&received.events[0].effect),
            Err(error) => error.code(),
        };
        assert_eq!(found, expected, "{kind} {payload}");
    }
}

#[test]
fn subject_of_the_set_takes_precedence_over_that_of_the_event() {
    let disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    let payload = json!({"subject": {"subject_type": "iss-sub", "iss": "https://idp.example.com/", "sub": "7"}});
    let names = |sub_id: Value| {
        let received = changed(|claims| {
            claims["events"] = json!({disabled: payload});
            claims["sub_id"] = sub_id;
        });
        match &received.unwrap().events[0].effect {
            Effect::Disable(subject) => subject.principals[0].name.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(names(Value::Null), "7");
    assert_eq!(names(json!({"format": "opaque", "id": "8"})), "8");
}
