//! The limit on the number of entries.

use super::*;

#[test]
fn deletion_is_kept_beyond_the_limit_and_frees_no_room() {
    let mut entries = Entries::new(2, LIFE);
    for object in 1..=2 {
        assert_eq!(entries.apply(&[enabled(object, false)], at(0)), Ok(()));
    }
    assert_eq!(entries.apply(&[removed(3)], at(1)), Ok(()));
    assert_eq!(entries.apply(&[removed(4)], at(1)), Ok(()));
    assert_eq!(entries.apply(&[removed(5)], at(1)), Err(TooMany));
    assert_eq!(entries.len(), 4);
    let ground = |entries: &Entries, object| entries.of_object(id(object), None);
    assert_eq!(ground(&entries, 3), Some(DirectoryGround::Removed(at(1))));
    // Even without room, the rest of a change is applied: an account is no longer disabled.
    assert_eq!(entries.apply(&[enabled(1, true)], at(2)), Ok(()));
    assert_eq!(ground(&entries, 1), None);
    assert_eq!(entries.apply(&[enabled(6, false)], at(2)), Err(TooMany));
    assert_eq!(ground(&entries, 6), None);
}

#[test]
fn every_entry_without_room_is_reported() {
    let mut entries = Entries::new(1, LIFE);
    assert_eq!(entries.apply(&[sessions(1, at(0))], at(0)), Ok(()));
    // There is no room for the account, but there is room for its sessions, which are already recorded.
    let both = Change {
        enabled: Some(false),
        ..sessions(1, at(5))
    };
    assert_eq!(entries.apply(&[both], at(5)), Err(TooMany));
    let limit = DirectoryGround::NotBefore(at(5));
    assert_eq!(entries.of_object(id(1), None), Some(limit));
    // There is room for the deleted principal, but not for its application.
    let mut entries = Entries::new(1, LIFE);
    assert_eq!(entries.apply(&[principal(1, 7, true)], at(0)), Ok(()));
    assert_eq!(entries.apply(&[removed(1)], at(1)), Err(TooMany));
    assert_eq!(entries.of_app(id(7)), None);
}

#[test]
fn service_principal_takes_room_only_once() {
    let mut entries = Entries::new(1, LIFE);
    assert!(entries.is_empty());
    assert_eq!(entries.apply(&[principal(1, 7, true)], at(0)), Ok(()));
    assert!(!entries.is_empty());
    assert_eq!(entries.apply(&[principal(1, 7, true)], at(1)), Ok(()));
    assert_eq!(entries.apply(&[principal(2, 8, true)], at(1)), Err(TooMany));
    assert_eq!(entries.len(), 1);
}

#[test]
fn number_of_entries_is_bounded() {
    let mut entries = Entries::new(3, LIFE);
    for object in 1..=3 {
        assert_eq!(entries.apply(&[enabled(object, false)], at(0)), Ok(()));
        assert_eq!(entries.apply(&[enabled(object, false)], at(1)), Ok(()));
    }
    assert_eq!(entries.apply(&[enabled(9, true)], at(0)), Ok(()));
    assert_eq!(entries.apply(&[enabled(4, false)], at(0)), Err(TooMany));
    assert_eq!(
        Entries::new(1, LIFE).apply(&[principal(1, 7, true)], at(0)),
        Ok(())
    );
    assert_eq!(
        Entries::new(2, LIFE).apply(&[principal(1, 7, false)], at(0)),
        Err(TooMany)
    );
}
