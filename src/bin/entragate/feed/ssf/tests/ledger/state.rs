//! The state file: its content, how long entries are kept, and that no record is lost.

use super::*;

#[test]
fn repeated_set_has_no_effect_even_after_a_restart() {
    let files = Files::new();
    let mut ledger = files.open();
    apply(&mut ledger, vec![set("1", Effect::Disable(ada()), -5)]);
    apply(&mut ledger, vec![set("2", Effect::Enable(ada()), -4)]);
    drop(ledger);
    let mut ledger = files.open();
    let before = ledger.version();
    let outcome = apply(&mut ledger, vec![set("1", Effect::Disable(ada()), -1)]);
    assert_eq!((outcome.repeated, outcome.applied.len()), (1, 0));
    assert_eq!(objects(&ledger), Vec::<String>::new());
    assert_eq!(ledger.version(), before);
    let twice = vec![
        set("3", Effect::Disable(ada()), -1),
        set("3", Effect::Enable(ada()), 0),
    ];
    assert_eq!(apply(&mut ledger, twice).repeated, 1);
    assert_eq!(objects(&ledger), ["ada"]);
}

#[test]
fn state_that_would_be_lost_or_shared_is_refused() {
    let files = Files::new();
    let open = |streams: &[&str]| {
        let streams: Vec<String> = streams.iter().map(|own| (*own).to_owned()).collect();
        Ledger::open(&files.path(), &streams, lives(&[]))
    };
    let first = open(&["a", "b"]).unwrap();
    let error = open(&["a", "b"]).unwrap_err();
    assert!(error.contains("in use by another process"), "{error}");
    drop(first);
    let error = open(&["a"]).unwrap_err();
    assert!(
        error.contains("the stream \"b\", which is not configured"),
        "{error}"
    );
    std::fs::write(files.path(), "{\n\"streams\": []}").unwrap();
    let error = open(&["a"]).unwrap_err();
    assert!(error.contains("is not a state file (line 2"), "{error}");
}

#[test]
fn event_that_cannot_be_recorded_changes_nothing() {
    let files = Files::new();
    let mut ledger = files.open();
    // The state file cannot be replaced.
    std::fs::remove_file(files.path()).unwrap();
    std::fs::create_dir(files.path()).unwrap();
    let now = Timestamp::from_secs(NOW);
    let sets = || vec![set("1", Effect::Disable(ada()), -5)];
    assert!(ledger.apply("a", sets(), true, now).is_err());
    assert_eq!(objects(&ledger), Vec::<String>::new());
    std::fs::remove_dir(files.path()).unwrap();
    let outcome = ledger.apply("a", sets(), true, now).unwrap();
    assert_eq!((outcome.applied.len(), outcome.repeated), (1, 0));
    assert_eq!(objects(&ledger), ["ada"]);
}

#[test]
fn entries_end_when_no_earlier_token_can_be_valid() {
    let files = Files::new();
    let mut ledger = files.open();
    let mut session = ada();
    session.sessions = vec!["s".to_owned()];
    let names = |revoked: &Revoked| {
        [
            revoked.objects.len(),
            revoked.not_before.len(),
            revoked.sessions.len(),
        ]
    };
    let bob = subject(json!({"format": "opaque", "id": "bob"}));
    apply(
        &mut ledger,
        vec![
            set("1", Effect::Disable(ada()), 0),
            set("2", Effect::Purge(bob), 0),
            set("3", Effect::EndTokens(ada()), 0),
            set("4", Effect::EndTokens(session), 0),
        ],
    );
    assert_eq!(names(&revoked_at(&ledger, NOW + LIFE)), [2, 1, 1]);
    assert_eq!(
        names(&revoked_at(&ledger, NOW + LIFE + 1)),
        [1, 0, 0],
        "only the disabled account"
    );
}

#[test]
fn disabled_account_of_a_token_issuer_is_kept_for_the_lifetime_of_tokens() {
    let files = Files::new();
    let streams = ["a".to_owned(), "b".to_owned()];
    let open = || Ledger::open(&files.path(), &streams, lives(&["a"])).unwrap();
    let mut ledger = open();
    let now = |secs| Timestamp::from_secs(secs);
    // Reported an hour late.
    apply(&mut ledger, vec![set("1", Effect::Disable(ada()), -3600)]);
    let bob = subject(json!({"format": "opaque", "id": "bob"}));
    let other = vec![set("1", Effect::Disable(bob), -3600)];
    ledger.apply("b", other, true, now(NOW)).unwrap();
    let names = |ledger: &Ledger, at| Vec::from_iter(revoked_at(ledger, at).objects);
    assert_eq!(names(&ledger, NOW + LIFE), ["ada", "bob"]);
    assert_eq!(names(&ledger, NOW + LIFE + 1), ["bob"]);
    assert_eq!(ledger.size().0, 2);
    ledger
        .apply("a", vec![], true, now(NOW + LIFE + 1))
        .unwrap();
    assert_eq!(ledger.size().0, 1, "the entry takes no room");
    // Disabled again, it is listed again.
    let again = vec![set("2", Effect::Disable(ada()), 0)];
    ledger.apply("a", again, true, now(NOW + LIFE + 2)).unwrap();
    drop(ledger);
    assert_eq!(names(&open(), NOW + LIFE + 2), ["ada", "bob"]);
}

#[test]
fn entries_are_bounded() {
    let files = Files::new();
    let mut ledger = files.open();
    let many = |count: usize| {
        let tokens = (0..count).map(|number| number.to_string()).collect();
        let subject = Subject::default();
        Effect::EndTokens(Subject { tokens, ..subject })
    };
    apply(&mut ledger, vec![set("1", many(20_000), -5)]);
    let now = Timestamp::from_secs(NOW);
    let error = ledger.apply("a", vec![set("2", Effect::Disable(ada()), -4)], true, now);
    assert!(error.unwrap_err().contains("no event is acknowledged"));
    let later = Timestamp::from_secs(NOW + LIFE + 1);
    let outcome = ledger.apply("a", vec![set("2", Effect::Disable(ada()), -4)], true, later);
    assert_eq!(outcome.unwrap().applied.len(), 1, "there is room again");
}
