//! What a ring passes on to the life of its fetches.

use super::*;
use crate::fetch::refresh::Schedule;
use std::time::Duration;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn ring() -> IssuerKeys {
    let schedule = Schedule {
        refresh: Duration::from_secs(3600),
        max_stale: Duration::from_secs(86_400),
        cooldown: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
    };
    let target = Target::parse("entra", "https://login.example/keys").unwrap();
    IssuerKeys::new(KeySource::Uri { target, schedule }, at(0))
}

#[test]
fn a_fetch_that_is_held_back_counts_from_when_it_goes_out() {
    let mut ring = ring();
    let fetch = ring.due(at(0)).unwrap();
    ring.sent(fetch.attempt, at(10));
    assert_eq!(ring.due(at(16)), None);
    assert_eq!(ring.due(at(17)), None, "it may take 15 s");
}

#[test]
fn a_fetch_that_another_made_in_vain_is_not_made() {
    let mut ring = ring();
    let fetch = ring.due(at(0)).unwrap();
    let backoff = Backoff {
        failures: 1,
        retry_at: Some(at(5)),
        cooldown_until: None,
    };
    assert!(ring.stand_down(fetch.attempt, backoff, at(0)));
    assert!(!ring.stand_down(fetch.attempt, backoff, at(0)));
    assert_eq!(ring.due(at(4)), None);
    assert!(ring.due(at(5)).is_some());
}
