//! Compares the decisions of `entragate feed --ssf` and of a second reader on security event tokens. The second reader is our own, in Python:
//! it follows the specifications and uses PyJWT for the signatures (`tests/clients/check_sets.py`), because the registries that the tests use
//! have no library for these tokens.

mod drafts;

use super::clients::python;
use super::docs::root;
use super::feed_server::{Serving, command};
use super::random::Random;
use drafts::{draft, text};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testbed::keys::{self, Algorithm, SigningKey};
use testbed::mint;
use testbed::transmitter::{AUDIENCE, ISSUER, TOKEN, Transmitter};

const COUNT: usize = 500;
const SCHEMAS: &str = "https://schemas.openid.net/secevent/";

/// The objects of accounts that have another name in tokens.
fn objects() -> Map<String, Value> {
    let of = |number: usize| {
        [
            format!("mail{number}@contoso.com"),
            format!("https://other.example/ f-{number}"),
            format!("urn:{number}"),
            format!("+1206{number}"),
            format!("acct:{number}@contoso.com"),
            format!("did:example:{number}"),
        ]
        .map(|name| (name, json!(format!("object-{number}"))))
    };
    (0..COUNT).flat_map(of).collect()
}

/// The decision of the second reader on each token.
fn second_opinion(request: &Value) -> BTreeMap<String, Value> {
    let mut reader = Command::new(python());
    let reader = reader
        .arg(root().join("tests/clients/check_sets.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut reader = reader.spawn().unwrap();
    let mut input = reader.stdin.take().unwrap();
    input.write_all(request.to_string().as_bytes()).unwrap();
    drop(input);
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The entries of a feed: the member, the id, and the time.
fn entries(feed: &Value) -> BTreeSet<String> {
    let mut entries = BTreeSet::new();
    for name in ["oids", "sessions", "tokens"] {
        let ids = feed[name].as_array().unwrap().iter();
        entries.extend(ids.map(|id| json!([name, id, null]).to_string()));
    }
    let times = feed["not_before"].as_object().unwrap().iter();
    entries.extend(times.map(|(id, time)| json!(["not_before", id, time]).to_string()));
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn second_reader_of_event_tokens_decides_the_same() {
    let transmitter = Transmitter::start().await.unwrap();
    let keys = [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ]
    .map(keys::cached);
    transmitter.set_keys(keys.to_vec());
    let mut random = Random(0x5e7_5e7);
    let mut sets = Map::new();
    for number in 0..COUNT {
        let id = transmitter.next_id();
        let draft = draft(&id, number, &keys, &mut random);
        sets.insert(id, json!(text(&draft, &mut random)));
    }
    let jwks: Vec<Value> = keys.iter().map(SigningKey::to_jwk).collect();
    let expected = second_opinion(&json!({
        "issuer": ISSUER, "audience": AUDIENCE, "jwks": {"keys": jwks}, "now": mint::now(), "objects": objects(), "sets": sets,
    }));
    assert_eq!(expected.len(), COUNT);
    for (id, set) in &sets {
        transmitter.deliver_text(id, set.as_str().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path
    };
    let url = transmitter.url();
    // A token without a matching key is rejected after half of `max_stale`, with the next fetch of the keys.
    let settings = json!({
        "state": folder.path().join("state.json"),
        "subjects": file("people.json", Value::Object(objects())),
        "streams": [{"name": "idp", "poll": format!("{url}/poll"), "jwks": format!("{url}/keys"), "issuer": ISSUER,
            "audience": AUDIENCE, "token": {"env": "SSF_TOKEN"}, "session_ids": true, "interval": "100ms", "wait": "1s",
            "max_stale": "2s"}],
    });
    let settings = file("ssf.json", settings);
    let mut command = command(folder.path());
    let serving = Serving::start(command.arg("--ssf").arg(settings).env("SSF_TOKEN", TOKEN));
    let began = Instant::now();
    let acknowledged = || {
        transmitter
            .acknowledged()
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    while acknowledged().len() + transmitter.errors().len() < COUNT {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{}",
            serving.warnings()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let accepted = acknowledged();
    let errors = transmitter.errors();
    let mut revokes = BTreeSet::new();
    for (id, expected) in &expected {
        let set = &sets[id];
        let found = errors.get(id).map_or("valid", String::as_str);
        assert_eq!(found == "valid", accepted.contains(id), "{id}");
        assert_eq!(
            found,
            expected["error"].as_str().unwrap_or("valid"),
            "{id}: {set}"
        );
        let entries = expected["revokes"].as_array().into_iter().flatten();
        revokes.extend(entries.map(Value::to_string));
    }
    println!(
        "{} of {COUNT} tokens valid, {} entries",
        accepted.len(),
        revokes.len()
    );
    assert!(
        accepted.len() > COUNT / 3 && errors.len() > COUNT / 5,
        "{} valid",
        accepted.len()
    );
    let codes: BTreeSet<&String> = errors.values().collect();
    assert_eq!(codes.len(), 5, "every code: {codes:?}");
    serving.wait("a feed", |_| true).await;
    let (_, feed) = serving.get().await;
    assert_eq!(entries(&serde_json::from_str(&feed).unwrap()), revokes);
}
