//! Pages and links of a directory's delta queries.

use entragate::config;
use entragate::fetch::callout::{Answer, CalloutError};
use entragate::fetch::shared::SharedFetch;
use entragate::revocation::directory::{Collection, DirectoryList, Manifest, Progress, Source};
use entragate::time::Timestamp;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

const ENTRIES: usize = 50;

static SOURCE: LazyLock<Source> = LazyLock::new(|| {
    let settings = serde_json::json!({
        "issuers": [{"name": "contoso", "entra": {"tenants": [super::TENANT]}, "audiences": ["a"],
            "jwks": {"inline": {"keys": [super::jwk("k")]}}}],
        "credentials": [{"name": "c", "value": "credential"}],
        "rules": [{"name": "r", "match": {}, "require": {"issuer": "contoso"}, "credential": "c"}],
        "revocation": {"graph": {"cluster": "graph", "issuer": "contoso", "entries": ENTRIES,
            "auth": {"env": "TOKEN"}}},
    });
    let env = |_: &str| Some("token".to_owned());
    let config = config::load(settings.to_string().as_bytes(), &env);
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    config.revocation.directories[0].clone()
});

/// Each line is the answer to one call: `p` and a page, or the first letter of a failure.
pub fn directory(data: &[u8]) {
    let mut now = Timestamp::from_secs(1_795_000_000);
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let collection = Collection::ALL[usize::from(first % 2)];
    let mut list = DirectoryList::new(SOURCE.clone(), collection, now);
    let mut call = list.due(now);
    for line in data.split(|byte| *byte == b'\n') {
        for _ in 0..2_000 {
            if call.is_some() {
                break;
            }
            now = now.plus(Duration::from_secs(1));
            call = list.due(now);
        }
        let open = call
            .take()
            .expect("the next call is due within 2,000 seconds");
        let target = &open.callout.target;
        assert_eq!(
            (target.scheme, target.authority.as_str()),
            ("https", "graph.microsoft.com")
        );
        assert!(target.path.starts_with('/') && target.path.is_ascii());
        let answer = answer(line);
        match list.answered(open.attempt, open.number, answer, now) {
            Progress::Page(next) => call = next,
            Progress::Restarted(next) => call = Some(next),
            Progress::Renewed { entries, .. } => {
                assert_eq!(list.unavailable(now).is_some(), is_stale(&list, now));
                assert_eq!(entries, list.entries().len());
                copy(&mut list, collection, now);
            }
            Progress::Failed { error, .. } => assert!(!error.text(collection).contains("token=")),
            Progress::Late => panic!("the answer to the open call is late"),
        }
        assert!(list.entries().len() <= ENTRIES + 3);
    }
}

/// A list is as old as the first page of its round, so a slow round ends with a list that is already stale.
fn is_stale(list: &DirectoryList, now: Timestamp) -> bool {
    let good = list.refresh().last_good().expect("a round is complete");
    now.since(good) > SOURCE.schedule.max_stale
}

fn answer(line: &[u8]) -> Answer {
    let status = |status| Answer::Response {
        status,
        body: Vec::new(),
    };
    let Some((kind, body)) = line.split_first() else {
        return Answer::Failed(CalloutError::Interrupted);
    };
    match kind {
        b'g' => status(410),
        b's' => status(500),
        b'n' => status(404),
        b'b' => Answer::of(429, Some(b"7"), Vec::new()),
        b'p' => Answer::of(200, None, body.to_vec()),
        _ => Answer::of(200, None, line.to_vec()),
    }
}

/// Another worker takes over the list and gets the same number of entries.
fn copy(list: &mut DirectoryList, collection: Collection, now: Timestamp) {
    let mut pieces = HashMap::new();
    for (piece, tag) in list.unshared().into_iter().zip(1..) {
        list.note_shared(piece.id, tag);
        pieces.insert((piece.id, tag), piece.content);
    }
    let manifest = list.manifest().expect("the list is complete");
    list.unshare();
    let mut other = DirectoryList::new(SOURCE.clone(), collection, now);
    let attempt = other.take_over(now).expect("no attempt is under way");
    let read = |id, tag| pieces.get(&(id, tag)).cloned();
    let progress = other.taken_over(attempt, Manifest::read(&manifest), now, read);
    assert!(
        matches!(progress, Progress::Renewed { entries, .. } if entries == list.entries().len())
    );
}
