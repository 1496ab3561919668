//! The status of a stream that is suspended or has lost events.

use super::super::super::event::StreamStatus;
use super::super::super::ledger::Interruption;
use super::*;

fn is_suspended(ledger: &Ledger) -> bool {
    ledger.interruption("a") == Some(Interruption::Suspended)
}

#[test]
fn suspended_stream_stays_suspended_after_a_restart() {
    let files = Files::new();
    let mut ledger = files.open();
    apply(
        &mut ledger,
        vec![set("1", Effect::Stream(StreamStatus::Paused), -5)],
    );
    drop(ledger);
    let mut ledger = files.open();
    assert!(is_suspended(&ledger));
    assert_eq!(ledger.interruption("b"), None);
    apply(
        &mut ledger,
        vec![set("2", Effect::Stream(StreamStatus::Enabled), -4)],
    );
    assert!(!is_suspended(&ledger));
    // A transmitter does not report that the receiver has enabled the stream, but sends events again.
    let suspend = || Effect::Stream(StreamStatus::Paused);
    apply(&mut ledger, vec![set("3", suspend(), -3)]);
    let mut later = set("4", Effect::Nothing, -9);
    apply(&mut ledger, vec![set("5", Effect::Nothing, -1)]);
    assert!(is_suspended(&ledger), "sent in the same second");
    later.received.at = Timestamp::from_secs(NOW + 1);
    apply(&mut ledger, vec![later]);
    assert!(!is_suspended(&ledger));
}

#[test]
fn last_status_of_a_stream_applies_in_any_order_of_delivery() {
    let status = |id: &str, suspends, sent: u64| {
        let status = if suspends {
            StreamStatus::Paused
        } else {
            StreamStatus::Enabled
        };
        let mut set = set(id, Effect::Stream(status), 0);
        set.received.events[0].at = None;
        set.received.at = Timestamp::from_secs(NOW - sent);
        set
    };
    let event = |sent| {
        let mut event = set("event", Effect::Nothing, 0);
        event.received.at = Timestamp::from_secs(NOW - sent);
        event
    };
    for (sets, suspends) in [
        (vec![status("1", true, 5), status("2", false, 4)], false),
        (vec![status("1", false, 4), status("2", true, 5)], false),
        (vec![status("1", true, 4), status("2", false, 5)], true),
        (vec![status("1", false, 5), status("2", true, 4)], true),
        (vec![status("1", true, 4), event(5)], true),
        (vec![status("1", true, 5), event(4)], false),
        (vec![event(4), status("1", true, 5)], false),
        (vec![event(5), status("1", true, 4)], true),
    ] {
        let case: Vec<_> = sets.iter().map(|set| &set.received).collect();
        let case = format!("{case:?}");
        let files = Files::new();
        let mut ledger = files.open();
        for set in sets {
            apply(&mut ledger, vec![set]);
        }
        assert_eq!(is_suspended(&ledger), suspends, "{case}");
    }
}

#[test]
fn events_that_a_disabled_stream_lost_are_missing_until_the_operator_resumes_it() {
    let status = |id: &str, status, at: u64| {
        let mut set = set(id, Effect::Stream(status), 0);
        set.received.at = Timestamp::from_secs(NOW - at);
        set
    };
    let disabled = |at| status("1", StreamStatus::Disabled, at);
    let enabled = |at| status("2", StreamStatus::Enabled, at);
    // In any order of delivery, and after a restart.
    for sets in [vec![disabled(5), enabled(4)], vec![enabled(4), disabled(5)]] {
        let files = Files::new();
        let mut ledger = files.open();
        for set in sets {
            apply(&mut ledger, vec![set]);
        }
        assert_eq!(ledger.interruption("a"), Some(Interruption::Gap));
        drop(ledger);
        let mut ledger = files.open();
        assert_eq!(ledger.interruption("a"), Some(Interruption::Gap));
        assert_eq!(ledger.interruption("b"), None);
        apply(&mut ledger, vec![set("3", Effect::Nothing, 0)]);
        assert_eq!(ledger.interruption("a"), Some(Interruption::Gap));
        ledger.resume("a").unwrap();
        // The SET was received before, so it does not start another gap.
        apply(&mut ledger, vec![disabled(5)]);
        drop(ledger);
        assert_eq!(files.open().interruption("a"), None);
    }
    let files = Files::new();
    let mut ledger = files.open();
    apply(&mut ledger, vec![disabled(5)]);
    let error = ledger.resume("a").unwrap_err();
    assert!(
        error.contains("has not enabled the stream a yet"),
        "{error}"
    );
    assert!(is_suspended(&ledger));
    let error = ledger.resume("c").unwrap_err();
    assert!(error.contains("no stream has the name \"c\""), "{error}");
    let pause = status("4", StreamStatus::Paused, 3);
    let files = Files::new();
    let mut ledger = files.open();
    apply(&mut ledger, vec![pause, enabled(2)]);
    assert_eq!(
        ledger.interruption("a"),
        None,
        "a paused stream keeps events"
    );
}
