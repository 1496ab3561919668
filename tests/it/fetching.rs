//! The keys of one issuer: the responses that are used, the time from which their age counts, and the errors of invalid ones.

use crate::support;

use entragate::fetch::callout::{Answer, CalloutError};
use entragate::keys::algorithm::Algorithm;
use entragate::keys::issuer_keys::{Fetch, FetchError, Found, IssuerKeys, Progress, Stage};
use entragate::keys::keyset::{KeySet, Lookup};
use entragate::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use support::*;
use testbed::keys;
use testbed::persona::*;

const START: Timestamp = Timestamp::from_secs(1_795_000_000);

/// Keys that are found by the realm's discovery document.
fn realm() -> IssuerKeys {
    let mut settings = settings();
    settings["issuers"] = json!([{
        "name": "realm", "oidc": {"issuer": REALM_ISSUER}, "audiences": [REALM_AUDIENCE],
        "jwks": {"cluster": "kc", "discovery": "https://kc.example/d", "keys_cluster": "kc", "timeout": "2s"},
    }]);
    IssuerKeys::new(load(&settings).sources[0].clone(), START)
}

fn document(issuer: &str, uri: &str) -> Answer {
    ok(json!({"issuer": issuer, "jwks_uri": uri}))
}

fn good_document() -> Answer {
    document(REALM_ISSUER, "https://kc.example/k")
}

fn good_keys() -> Answer {
    ok(json!({"keys": [keys::rsa().to_jwk()]}))
}

/// Passes the answer to this fetch to the keys.
fn answered(
    issuer_keys: &mut IssuerKeys,
    fetch: &Fetch,
    answer: Answer,
    now: Timestamp,
) -> Progress {
    issuer_keys.answered(fetch.stage, fetch.attempt, answer, now)
}

fn failed(progress: Progress) -> FetchError {
    match progress {
        Progress::Failed(error) => error,
        other => panic!("expected a failure, found {other:?}"),
    }
}

fn next(progress: Progress) -> Fetch {
    match progress {
        Progress::Next(fetch) => fetch,
        other => panic!("expected another fetch, found {other:?}"),
    }
}

#[test]
fn invalid_response_is_logged_with_a_reason() {
    let status = |status| Answer::Response {
        status,
        body: Vec::new(),
    };
    let no_document: [Value; 4] = [
        json!([]),
        json!({"issuer": REALM_ISSUER}),
        json!({"jwks_uri": "https://kc.example/k"}),
        json!({"issuer": 7, "jwks_uri": 7}),
    ];
    let mut cases = vec![
        (status(503), "status 503"),
        (status(204), "status 204"),
        (
            Answer::Failed(CalloutError::Interrupted),
            "without a response",
        ),
        (
            document("https://evil.example", "https://kc.example/k"),
            REALM_ISSUER,
        ),
        (document(REALM_ISSUER, "k"), "jwks_uri"),
        (document(REALM_ISSUER, "http://kc.example/k"), "not https"),
    ];
    cases.extend(no_document.map(|body| (ok(body), "not a discovery document")));
    for (answer, reason) in cases {
        let mut issuer_keys = realm();
        let fetch = issuer_keys.due(START).unwrap();
        assert_eq!(fetch.stage, Stage::Discovery);
        let error = failed(answered(&mut issuer_keys, &fetch, answer, START)).to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(issuer_keys.fetched(), None);
    }
    let mut issuer_keys = realm();
    let fetch = issuer_keys.due(START).unwrap();
    let fetch = next(answered(&mut issuer_keys, &fetch, good_document(), START));
    assert_eq!(fetch.stage, Stage::Keys);
    let error = failed(answered(
        &mut issuer_keys,
        &fetch,
        ok(json!({"keys": []})),
        START,
    ));
    assert_eq!(error.to_string(), "the key set is empty");
}

/// Cached tokens hold the keys with which they were verified; without sharing, the keys of every fetch would add up.
#[test]
fn unchanged_key_is_stored_once() {
    let set = |keys: &[&keys::SigningKey]| {
        let jwks: Vec<Value> = keys.iter().map(|key| key.to_jwk()).collect();
        KeySet::from_jwks(&jwks).unwrap()
    };
    let found =
        |set: &KeySet, key: &keys::SigningKey| match set.find(Some(key.kid()), Algorithm::Rs256) {
            Lookup::Found(keys) => keys.iter().next().expect("a key").clone(),
            other => panic!("{other:?}"),
        };
    let (stays, goes) = (keys::rsa(), keys::other_rsa());
    let older = set(&[&goes, &stays]);
    let newer = set(&[&stays]).sharing_with(&older);
    assert_eq!(newer.len(), 1);
    assert!(Arc::ptr_eq(&found(&newer, &stays), &found(&older, &stays)));
    assert!(!newer.contains(&found(&older, &goes)));
    // A refresh of the issuer's keys also shares unchanged keys.
    let mut issuer_keys = realm();
    let mut renew = |now| {
        let fetch = issuer_keys.due(now).unwrap();
        let fetch = next(answered(&mut issuer_keys, &fetch, good_document(), now));
        answered(&mut issuer_keys, &fetch, good_keys(), now);
        found(issuer_keys.usable(now).unwrap(), &stays)
    };
    let (first, second) = (renew(START), renew(START.plus(Duration::from_secs(3600))));
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn key_age_starts_at_the_response() {
    let mut issuer_keys = realm();
    let find = |issuer_keys: &IssuerKeys, now| {
        matches!(
            issuer_keys.find(Some(keys::rsa().kid()), Algorithm::Rs256, now),
            Found::Keys(_)
        )
    };
    let fetch = issuer_keys.due(START).unwrap();
    let fetch = next(answered(&mut issuer_keys, &fetch, good_document(), START));
    assert!(!issuer_keys.is_usable(START) && !find(&issuer_keys, START));
    let received = START.plus(Duration::from_secs(1));
    let progress = answered(&mut issuer_keys, &fetch, good_keys(), received);
    assert!(
        matches!(
            progress,
            Progress::Renewed {
                keys: 1,
                dropped: false,
                ..
            }
        ),
        "{progress:?}"
    );
    assert_eq!(issuer_keys.fetched(), Some(received));
    assert!(issuer_keys.is_usable(received) && find(&issuer_keys, received));
    // A later failure changes neither age nor keys.
    let later = received.plus(Duration::from_secs(3600));
    let fetch = issuer_keys.due(later).unwrap();
    failed(answered(
        &mut issuer_keys,
        &fetch,
        Answer::Failed(CalloutError::Interrupted),
        later,
    ));
    assert_eq!(issuer_keys.fetched(), Some(received));
    assert!(issuer_keys.is_usable(later) && find(&issuer_keys, later));
}

#[test]
fn response_to_an_abandoned_fetch_is_ignored() {
    let mut issuer_keys = realm();
    let lost = issuer_keys.due(START).unwrap();
    // Two calls of 2 s plus 5 s, then a pause.
    let later = START.plus(Duration::from_secs(20));
    assert_eq!(issuer_keys.due(later), None);
    let later = later.plus(Duration::from_secs(20));
    let current = issuer_keys.due(later).unwrap();
    let late = answered(&mut issuer_keys, &lost, good_document(), later);
    assert!(matches!(late, Progress::Late), "{late:?}");
    let fetch = next(answered(&mut issuer_keys, &current, good_document(), later));
    let late = issuer_keys.answered(Stage::Keys, lost.attempt, good_keys(), later);
    assert!(matches!(late, Progress::Late), "{late:?}");
    assert_eq!(issuer_keys.fetched(), None);
    let progress = answered(&mut issuer_keys, &fetch, good_keys(), later);
    assert!(matches!(progress, Progress::Renewed { .. }), "{progress:?}");
}
