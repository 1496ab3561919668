//! Changes in the order and form in which Microsoft Graph may report them.

mod limit;

use super::*;

const LIFE: Duration = Duration::from_secs(28 * 3600);

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

fn id(number: u64) -> Id {
    Id::of(&format!("{number:08x}-0000-0000-0000-000000000000")).unwrap()
}

fn change(object: u64) -> Change {
    Change {
        object: id(object),
        is_removed: false,
        enabled: None,
        app: None,
        sessions_from: None,
    }
}

fn enabled(object: u64, enabled: bool) -> Change {
    let enabled = Some(enabled);
    Change {
        enabled,
        ..change(object)
    }
}

fn removed(object: u64) -> Change {
    let is_removed = true;
    Change {
        is_removed,
        ..change(object)
    }
}

fn sessions(object: u64, from: Timestamp) -> Change {
    let sessions_from = Some(from);
    Change {
        sessions_from,
        ..change(object)
    }
}

fn principal(object: u64, app: u64, is_enabled: bool) -> Change {
    let app = Some(id(app));
    Change {
        app,
        ..enabled(object, is_enabled)
    }
}

fn entries() -> Entries {
    Entries::new(100, LIFE)
}

fn applied(changes: &[(Change, u64)]) -> Entries {
    let mut entries = entries();
    for (change, secs) in changes {
        entries
            .apply(std::slice::from_ref(change), at(*secs))
            .unwrap();
    }
    entries
}

#[test]
fn last_change_of_an_account_applies_and_keeps_its_first_time() {
    use DirectoryGround::*;
    let unlisted = || change(1);
    let cases = [
        (vec![(enabled(1, true), 0)], None),
        (vec![(enabled(1, false), 1)], Some(Disabled(at(1)))),
        (
            vec![(enabled(1, false), 1), (enabled(1, false), 9)],
            Some(Disabled(at(1))),
        ),
        (
            vec![(enabled(1, false), 1), (unlisted(), 9)],
            Some(Disabled(at(1))),
        ),
        (vec![(enabled(1, false), 1), (enabled(1, true), 9)], None),
        (vec![(removed(1), 2)], Some(Removed(at(2)))),
        (
            vec![(enabled(1, false), 1), (removed(1), 2), (removed(1), 9)],
            Some(Removed(at(2))),
        ),
        (vec![(removed(1), 2), (unlisted(), 9)], Some(Removed(at(2)))),
        (vec![(removed(1), 2), (enabled(1, true), 9)], None),
        (
            vec![(removed(1), 2), (enabled(1, false), 9)],
            Some(Disabled(at(9))),
        ),
    ];
    for (changes, expected) in cases {
        let entries = applied(&changes);
        assert_eq!(
            entries.of_object(id(1), Some(at(0))),
            expected,
            "{changes:?}"
        );
        assert_eq!(entries.of_object(id(2), Some(at(0))), None);
        assert_eq!(
            entries.of_app(id(1)),
            None,
            "an object is not an application"
        );
    }
}

#[test]
fn revoked_sessions_end_only_earlier_tokens() {
    let limit = DirectoryGround::NotBefore(at(10));
    let entries = applied(&[
        (sessions(1, at(10)), 20),
        (sessions(1, at(5)), 21),
        (enabled(1, true), 22),
    ]);
    assert_eq!(entries.of_object(id(1), Some(at(9))), Some(limit));
    assert_eq!(entries.of_object(id(1), None), Some(limit));
    assert_eq!(entries.of_object(id(1), Some(at(10))), None);
    let long_ago = applied(&[(sessions(1, at(10)), 10 + LIFE.as_secs() + 1)]);
    assert!(long_ago.is_empty(), "no token from then is valid");
    let far = applied(&[(sessions(1, Timestamp::from_millis(u64::MAX)), 1)]);
    assert!(far.of_object(id(1), Some(at(0))).is_some());
}

#[test]
fn application_follows_its_service_principal() {
    use DirectoryGround::*;
    let change_only = enabled(1, false);
    let known = [(principal(1, 7, true), 0), (change_only, 3)];
    let entries = applied(&known);
    assert_eq!(entries.of_app(id(7)), Some(AppDisabled(at(3))));
    assert_eq!(entries.of_object(id(1), None), Some(Disabled(at(3))));
    assert_eq!(
        entries.of_object(id(7), None),
        None,
        "an application is not an object"
    );
    assert_eq!(entries.of_app(id(1)), None);
    for (last, expected) in [
        (enabled(1, true), None),
        (removed(1), Some(AppRemoved(at(4)))),
    ] {
        let mut entries = applied(&known);
        entries.apply(&[last], at(4)).unwrap();
        assert_eq!(entries.of_app(id(7)), expected, "{last:?}");
    }
    // Restored from the recycle bin, with only the property that changed.
    let restored = applied(&[
        (principal(1, 7, true), 0),
        (removed(1), 1),
        (enabled(1, true), 2),
    ]);
    assert_eq!(
        (restored.of_object(id(1), None), restored.of_app(id(7))),
        (None, None)
    );
    let unknown = applied(&[(enabled(1, false), 0)]);
    assert!(unknown.of_object(id(1), None).is_some());
}

#[test]
fn application_with_a_new_service_principal_is_not_revoked_with_the_old_one() {
    for changes in [
        [
            (principal(1, 7, true), 0),
            (principal(2, 7, true), 1),
            (removed(1), 2),
        ],
        [
            (principal(1, 7, true), 0),
            (removed(1), 1),
            (principal(2, 7, true), 2),
        ],
    ] {
        let entries = applied(&changes);
        assert_eq!(entries.of_app(id(7)), None, "{changes:?}");
        assert!(entries.of_object(id(1), None).is_some());
    }
    let mut entries = applied(&[(principal(1, 7, true), 0)]);
    entries.begin_pass();
    entries.apply(&[principal(2, 7, true)], at(5)).unwrap();
    entries.end_pass(at(6));
    assert_eq!(entries.of_app(id(7)), None);
    assert_eq!(
        entries.of_object(id(1), None),
        Some(DirectoryGround::Removed(at(6)))
    );
}

#[test]
fn application_is_revoked_when_its_last_service_principal_is_deleted() {
    use DirectoryGround::*;
    let replaced_and_deleted = applied(&[
        (principal(1, 7, true), 0),
        (removed(1), 1),
        (principal(2, 7, false), 2),
        (removed(2), 3),
    ]);
    let expected = Some(AppRemoved(at(3)));
    assert_eq!(replaced_and_deleted.of_app(id(7)), expected);
    // All deletions of a page are considered together.
    let principals = [
        principal(1, 7, true),
        principal(2, 7, true),
        principal(3, 8, true),
        principal(4, 8, false),
        principal(5, 9, false),
    ];
    let mut entries = entries();
    entries.apply(&principals, at(0)).unwrap();
    let page = [removed(2), removed(3), removed(1), removed(5)];
    entries.apply(&page, at(3)).unwrap();
    let apps = [7, 8, 9].map(|app| entries.of_app(id(app)));
    assert_eq!(apps, [expected, Some(AppDisabled(at(0))), expected]);
    entries.apply(&[enabled(5, true)], at(4)).unwrap();
    assert_eq!(entries.of_app(id(9)), None, "restored");
}

#[test]
fn full_pass_detects_deletions_since_the_last_pass_and_keeps_the_rest() {
    use DirectoryGround::*;
    let mut entries = applied(&[
        (enabled(1, false), 0),
        (enabled(2, false), 0),
        (removed(3), 0),
        (sessions(4, at(0)), 0),
        (principal(5, 15, true), 0),
        (principal(6, 16, false), 0),
        (principal(7, 17, true), 0),
        (principal(8, 18, false), 0),
        (enabled(9, false), 0),
    ]);
    entries.begin_pass();
    assert_eq!(
        entries.of_object(id(1), None),
        Some(Disabled(at(0))),
        "in use during the pass"
    );
    for change in [
        enabled(1, false),
        enabled(4, true),
        principal(7, 17, true),
        principal(8, 18, false),
        enabled(9, true),
    ] {
        entries.apply(&[change], at(5)).unwrap();
    }
    entries.end_pass(at(9));
    let objects = (1..10).map(|object| entries.of_object(id(object), None));
    let expected = [
        Some(Disabled(at(0))),
        Some(Removed(at(9))),
        Some(Removed(at(0))),
        Some(NotBefore(at(0))),
        Some(Removed(at(9))),
        Some(Removed(at(9))),
        None,
        Some(Disabled(at(0))),
        None,
    ];
    assert_eq!(objects.collect::<Vec<_>>(), expected);
    let apps = [15, 16, 17, 18].map(|app| entries.of_app(id(app)));
    let expected = [
        Some(AppRemoved(at(9))),
        Some(AppRemoved(at(9))),
        None,
        Some(AppDisabled(at(0))),
    ];
    assert_eq!(apps, expected);
    // The next pass starts from there.
    entries.begin_pass();
    entries.end_pass(at(20));
    assert_eq!(entries.of_object(id(1), None), Some(Removed(at(20))));
    assert_eq!(entries.of_object(id(3), None), Some(Removed(at(0))));
}

#[test]
fn deletion_is_kept_for_the_lifetime_of_a_token() {
    let mut entries = applied(&[
        (removed(1), 0),
        (sessions(2, at(0)), 0),
        (principal(3, 13, true), 0),
        (removed(3), 0),
        (enabled(4, false), 0),
        (principal(5, 15, false), 0),
    ]);
    let before = entries.len();
    entries.expire(at(LIFE.as_secs()));
    assert_eq!(entries.len(), before);
    entries.expire(at(LIFE.as_secs() + 1));
    assert!(
        [1, 2, 3]
            .iter()
            .all(|object| entries.of_object(id(*object), None).is_none())
    );
    assert_eq!(entries.of_app(id(13)), None);
    assert!(
        [4, 5]
            .iter()
            .all(|object| entries.of_object(id(*object), None).is_some())
    );
    assert!(entries.of_app(id(15)).is_some());
    assert_eq!(
        entries.len(),
        4,
        "two disabled, one application, and its principal's"
    );
}

#[test]
fn end_of_a_pass_removes_all_principals_that_it_did_not_list() {
    let mut entries = Entries::new(200_000, LIFE);
    for object in 0..40_000 {
        let change = principal(object, 100_000 + object, true);
        entries.apply(&[change], at(0)).unwrap();
    }
    entries.begin_pass();
    for object in 0..20_000 {
        let change = principal(object, 100_000 + object, true);
        entries.apply(&[change], at(1)).unwrap();
    }
    entries.end_pass(at(2));
    assert_eq!(entries.len(), 20_000 * 3);
    assert_eq!(entries.of_app(id(119_999)), None);
    let removed = DirectoryGround::AppRemoved(at(2));
    assert_eq!(entries.of_app(id(120_000)), Some(removed));
}

#[test]
fn object_that_a_pass_lists_without_its_state_is_unchanged() {
    let mut entries = entries();
    let changes = [enabled(1, false), principal(2, 7, false)];
    entries.apply(&changes, at(0)).unwrap();
    entries.begin_pass();
    let listed = [
        change(1),
        Change {
            enabled: None,
            ..principal(2, 7, false)
        },
    ];
    entries.apply(&listed, at(1)).unwrap();
    entries.end_pass(at(2));
    let disabled = DirectoryGround::Disabled(at(0));
    assert_eq!(entries.of_object(id(1), None), Some(disabled));
    let disabled = DirectoryGround::AppDisabled(at(0));
    assert_eq!(entries.of_app(id(7)), Some(disabled));
}
