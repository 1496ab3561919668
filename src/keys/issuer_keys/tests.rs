//! Tests that issuer keys pass events on to their refresh state.

use super::*;
use crate::fetch::refresh::{Backoff, Schedule};
use std::time::Duration;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn issuer_keys() -> IssuerKeys {
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
fn delayed_fetch_times_out_from_its_sending_time() {
    let mut keys = issuer_keys();
    let fetch = keys.due(at(0)).unwrap();
    keys.sent(fetch.attempt, at(10));
    assert_eq!(keys.due(at(16)), None);
    assert_eq!(keys.due(at(17)), None, "the fetch has a budget of 15 s");
}

#[test]
fn cancelled_fetch_adopts_the_other_backoff() {
    let mut keys = issuer_keys();
    let fetch = keys.due(at(0)).unwrap();
    let backoff = Backoff {
        failures: 1,
        retry_at: Some(at(5)),
        cooldown_until: None,
    };
    assert!(keys.stand_down(fetch.attempt, backoff, at(0)));
    assert!(!keys.stand_down(fetch.attempt, backoff, at(0)));
    assert_eq!(keys.due(at(4)), None);
    assert!(keys.due(at(5)).is_some());
}
