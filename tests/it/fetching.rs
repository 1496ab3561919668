//! The keys of one issuer: which responses are used, from what time, and how invalid ones are reported.

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

/// A ring that goes by the discovery document of the realm.
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

/// The answer to that fetch.
fn answered(ring: &mut IssuerKeys, fetch: &Fetch, answer: Answer, now: Timestamp) -> Progress {
    ring.answered(fetch.stage, fetch.attempt, answer, now)
}

fn failed(progress: Progress) -> FetchError {
    match progress {
        Progress::Failed(error) => error,
        other => panic!("no failure but {other:?}"),
    }
}

fn next(progress: Progress) -> Fetch {
    match progress {
        Progress::Next(fetch) => fetch,
        other => panic!("no next call but {other:?}"),
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
    for (answer, said) in cases {
        let mut ring = realm();
        let fetch = ring.due(START).unwrap();
        assert_eq!(fetch.stage, Stage::Discovery);
        let error = failed(answered(&mut ring, &fetch, answer, START)).to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(ring.fetched(), None);
    }
    let mut ring = realm();
    let fetch = ring.due(START).unwrap();
    let fetch = next(answered(&mut ring, &fetch, good_document(), START));
    assert_eq!(fetch.stage, Stage::Keys);
    let error = failed(answered(&mut ring, &fetch, ok(json!({"keys": []})), START));
    assert_eq!(error.to_string(), "the key set is empty");
}

/// Remembered tokens hold the keys they were verified with: those of every fetch would add up.
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
    // And the ring sees to it.
    let mut ring = realm();
    let mut renew = |now| {
        let fetch = ring.due(now).unwrap();
        let fetch = next(answered(&mut ring, &fetch, good_document(), now));
        answered(&mut ring, &fetch, good_keys(), now);
        found(ring.usable(now).unwrap(), &stays)
    };
    let (first, second) = (renew(START), renew(START.plus(Duration::from_secs(3600))));
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn key_age_starts_at_the_response() {
    let mut ring = realm();
    let find = |ring: &IssuerKeys, now| {
        matches!(
            ring.find(Some(keys::rsa().kid()), Algorithm::Rs256, now),
            Found::Keys(_)
        )
    };
    let fetch = ring.due(START).unwrap();
    let fetch = next(answered(&mut ring, &fetch, good_document(), START));
    assert!(!ring.is_usable(START) && !find(&ring, START));
    let came = START.plus(Duration::from_secs(1));
    let progress = answered(&mut ring, &fetch, good_keys(), came);
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
    assert_eq!(ring.fetched(), Some(came));
    assert!(ring.is_usable(came) && find(&ring, came));
    // A failure later changes neither.
    let later = came.plus(Duration::from_secs(3600));
    let fetch = ring.due(later).unwrap();
    failed(answered(
        &mut ring,
        &fetch,
        Answer::Failed(CalloutError::Interrupted),
        later,
    ));
    assert_eq!(ring.fetched(), Some(came));
    assert!(ring.is_usable(later) && find(&ring, later));
}

#[test]
fn response_to_an_abandoned_fetch_is_ignored() {
    let mut ring = realm();
    let lost = ring.due(START).unwrap();
    // Two calls of 2 s and 5 s more, then a pause.
    let later = START.plus(Duration::from_secs(20));
    assert_eq!(ring.due(later), None);
    let later = later.plus(Duration::from_secs(20));
    let current = ring.due(later).unwrap();
    let late = answered(&mut ring, &lost, good_document(), later);
    assert!(matches!(late, Progress::Late), "{late:?}");
    let fetch = next(answered(&mut ring, &current, good_document(), later));
    let late = ring.answered(Stage::Keys, lost.attempt, good_keys(), later);
    assert!(matches!(late, Progress::Late), "{late:?}");
    assert_eq!(ring.fetched(), None);
    let progress = answered(&mut ring, &fetch, good_keys(), later);
    assert!(matches!(progress, Progress::Renewed { .. }), "{progress:?}");
}
