//! The revocations of events, in any order.

mod state;
mod streams;

use super::super::event::{Effect, Event};
use super::super::ledger::{Ledger, Lives, Outcome, Revoked, Verified};
use super::super::set::Received;
use super::super::subject::Subject;
use entragate::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const LIFE: u64 = 28 * 3600;
const NOW: u64 = 1_795_000_000;

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    fn open(&self) -> Ledger {
        let streams = ["a".to_owned(), "b".to_owned()];
        Ledger::open(&self.path(), &streams, lives(&[])).unwrap()
    }
}

/// `issuing`: the streams that issue the tokens of their accounts.
fn lives(issuing: &[&str]) -> Lives {
    Lives {
        token: Duration::from_secs(LIFE),
        issuing: issuing.iter().map(|own| (*own).to_owned()).collect(),
    }
}

fn subject(value: Value) -> Subject {
    Subject::read(&value, &["i".to_owned()]).unwrap()
}

fn ada() -> Subject {
    subject(json!({"format": "iss_sub", "iss": "i", "sub": "ada"}))
}

/// A SET with one event, at a time relative to now.
fn set(id: &str, effect: Effect, at: i64) -> Verified {
    let at = Timestamp::from_secs(NOW.checked_add_signed(at).unwrap());
    let event = Event {
        effect,
        at: Some(at),
        name: "event",
    };
    let received = Received {
        events: vec![event],
        at: Timestamp::from_secs(NOW),
    };
    let id = id.to_owned();
    Verified { id, received }
}

fn apply(ledger: &mut Ledger, sets: Vec<Verified>) -> Outcome {
    ledger
        .apply("a", sets, true, Timestamp::from_secs(NOW))
        .unwrap()
}

fn revoked_at(ledger: &Ledger, now: u64) -> Revoked {
    ledger.revoked(&BTreeMap::new(), Timestamp::from_secs(now))
}

fn objects(ledger: &Ledger) -> Vec<String> {
    revoked_at(ledger, NOW).objects.into_iter().collect()
}

#[test]
fn last_event_of_an_account_takes_effect_in_any_order_of_delivery() {
    let (disable, enable) = (|| Effect::Disable(ada()), || Effect::Enable(ada()));
    for (events, is_disabled) in [
        (vec![(disable(), -5)], true),
        (vec![(disable(), -5), (enable(), -4)], false),
        (vec![(enable(), -4), (disable(), -5)], false),
        (vec![(enable(), -5), (disable(), -4)], true),
        (vec![(disable(), -4), (enable(), -5)], true),
        (vec![(disable(), -9), (enable(), -8), (disable(), -7)], true),
        (vec![(disable(), -4), (disable(), -9), (enable(), -5)], true),
        (vec![(Effect::Purge(ada()), -5), (enable(), -4)], true),
    ] {
        // In separate deliveries, and in one delivery, whose order is not significant.
        let sets = || {
            let numbered = events.iter().enumerate();
            numbered.map(|(number, (effect, at))| set(&number.to_string(), effect.clone(), *at))
        };
        let files = Files::new();
        let mut ledger = files.open();
        sets().for_each(|set| assert_eq!(apply(&mut ledger, vec![set]).applied.len(), 1));
        assert_eq!(!objects(&ledger).is_empty(), is_disabled, "{events:?}");
        let files = Files::new();
        let mut ledger = files.open();
        apply(&mut ledger, sets().collect());
        assert_eq!(!objects(&ledger).is_empty(), is_disabled, "{events:?}");
    }
    // Of two events in the same second and delivery, the one that ends access takes effect.
    let files = Files::new();
    let mut ledger = files.open();
    apply(
        &mut ledger,
        vec![set("1", disable(), -5), set("2", enable(), -5)],
    );
    assert_eq!(objects(&ledger), ["ada"]);
}

#[test]
fn event_changes_only_the_revocations_of_its_own_stream() {
    let files = Files::new();
    let mut ledger = files.open();
    apply(&mut ledger, vec![set("1", Effect::Disable(ada()), -5)]);
    let other = vec![set("1", Effect::Enable(ada()), -4)];
    let now = Timestamp::from_secs(NOW);
    let outcome = ledger.apply("b", other, true, now).unwrap();
    assert_eq!(outcome.repeated, 0, "each stream has its own jti values");
    assert_eq!(objects(&ledger), ["ada"]);
}

#[test]
fn tokens_are_revoked_by_session_if_known_and_otherwise_by_account() {
    let user = json!({"format": "iss_sub", "iss": "i", "sub": "ada"});
    let session = json!({"format": "opaque", "id": "s-1"});
    let complex = |members: &[(&str, &Value)]| {
        let mut value = json!({"format": "complex"});
        for (name, part) in members {
            value[*name] = (*part).clone();
        }
        subject(value)
    };
    let both = complex(&[("user", &user), ("session", &session)]);
    let opaque_session = {
        let mut own = subject(json!({"format": "opaque", "id": "s-1"}));
        own.sessions = vec!["s-1".to_owned()];
        own
    };
    let token = subject(json!({"format": "jwt_id", "iss": "i", "jti": "t-1"}));
    let device = complex(&[("device", &session)]);
    let of_issuer = json!({"format": "iss_sub", "iss": "i", "sub": "s-2"});
    let foreign = json!({"format": "iss_sub", "iss": "other", "sub": "s-2"});
    let uri = json!({"format": "uri", "uri": "urn:session:s-2"});
    let assertion = json!({"format": "saml_assertion_id", "issuer": "i", "assertion_id": "a"});
    let of_token = json!({"format": "jwt_id", "iss": "i", "jti": "t-2"});
    let with_user = |session: &Value| complex(&[("user", &user), ("session", session)]);
    // A subject, whether its session ids are those of tokens, and the resulting accounts, sessions and tokens.
    for (subject, has_session_ids, accounts, sessions, tokens) in [
        (ada(), true, vec!["ada"], vec![], vec![]),
        (both.clone(), true, vec![], vec!["s-1"], vec![]),
        (both, false, vec!["ada"], vec![], vec![]),
        (
            opaque_session.clone(),
            true,
            vec!["s-1"],
            vec!["s-1"],
            vec![],
        ),
        (opaque_session, false, vec!["s-1"], vec![], vec![]),
        (token, false, vec![], vec![], vec!["t-1"]),
        (
            complex(&[("session", &session)]),
            false,
            vec![],
            vec![],
            vec![],
        ),
        (device, true, vec![], vec![], vec![]),
        // Tokens may use another id for this session, so all tokens of the user are revoked.
        (
            with_user(&of_issuer),
            true,
            vec!["ada"],
            vec!["s-2"],
            vec![],
        ),
        (with_user(&foreign), true, vec!["ada"], vec![], vec![]),
        (with_user(&uri), true, vec!["ada"], vec![], vec![]),
        (with_user(&assertion), true, vec!["ada"], vec![], vec![]),
        (with_user(&of_token), true, vec!["ada"], vec![], vec!["t-2"]),
        (
            complex(&[("session", &of_issuer)]),
            true,
            vec![],
            vec!["s-2"],
            vec![],
        ),
        (complex(&[("session", &uri)]), true, vec![], vec![], vec![]),
    ] {
        let files = Files::new();
        let mut ledger = files.open();
        let sets = vec![set("1", Effect::EndTokens(subject.clone()), -5)];
        let now = Timestamp::from_secs(NOW);
        let outcome = ledger.apply("a", sets, has_session_ids, now).unwrap();
        let revoked = revoked_at(&ledger, NOW);
        let found: Vec<_> = revoked.not_before.keys().map(String::as_str).collect();
        assert_eq!(found, accounts, "{subject:?}");
        assert!(revoked.sessions.iter().eq(&sessions), "{subject:?}");
        assert!(revoked.tokens.iter().eq(&tokens), "{subject:?}");
        let matches = !accounts.is_empty() || !sessions.is_empty() || !tokens.is_empty();
        assert_eq!(outcome.unmatched.is_empty(), matches, "{subject:?}");
        assert!(revoked.not_before.values().all(|from| *from == NOW - 5));
        assert!(revoked.objects.is_empty());
    }
}

#[test]
fn event_from_the_future_is_treated_as_now_and_the_latest_revocation_applies() {
    let files = Files::new();
    let mut ledger = files.open();
    // Milliseconds instead of seconds, for example.
    apply(
        &mut ledger,
        vec![set("1", Effect::EndTokens(ada()), 1_795_000_000_000)],
    );
    assert_eq!(revoked_at(&ledger, NOW).not_before["ada"], NOW);
    apply(&mut ledger, vec![set("2", Effect::EndTokens(ada()), -50)]);
    assert_eq!(revoked_at(&ledger, NOW).not_before["ada"], NOW);
}

#[test]
fn fraction_of_a_second_is_rounded_up_for_tokens_and_orders_events() {
    let at = |id: &str, effect: Effect, millis: u64| {
        let mut set = set(id, effect, 0);
        set.received.events[0].at = Some(Timestamp::from_millis((NOW - 5) * 1000 + millis));
        set
    };
    let files = Files::new();
    let mut ledger = files.open();
    // A token that was issued in this second may be older than the event.
    apply(&mut ledger, vec![at("1", Effect::EndTokens(ada()), 900)]);
    assert_eq!(revoked_at(&ledger, NOW).not_before["ada"], NOW - 4);
    let sets = vec![
        at("2", Effect::Enable(ada()), 800),
        at("3", Effect::Disable(ada()), 200),
    ];
    apply(&mut ledger, sets);
    assert_eq!(objects(&ledger), Vec::<String>::new());
}

#[test]
fn account_without_object_id_is_revoked_once_the_file_of_subjects_names_it() {
    let files = Files::new();
    let mut ledger = files.open();
    let mail = subject(json!({"format": "email", "email": "Ada@contoso.com"}));
    apply(&mut ledger, vec![set("1", Effect::Disable(mail), -5)]);
    apply(&mut ledger, vec![set("2", Effect::Disable(ada()), -5)]);
    let revoked = revoked_at(&ledger, NOW);
    assert_eq!(revoked.unnamed, 1);
    assert!(revoked.objects.iter().eq(["ada"]));
    let subjects = [("ada@contoso.com", "o-1"), ("ada", "o-2")];
    let subjects = subjects.map(|(name, object)| (name.to_owned(), object.to_owned()));
    let revoked = ledger.revoked(&subjects.into(), Timestamp::from_secs(NOW));
    assert!(revoked.objects.iter().eq(["o-1", "o-2"]));
    assert_eq!(revoked.unnamed, 0);
}
