use super::*;
use crate::fetch::callout::CalloutError;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn settings() -> Settings {
    Settings {
        target: Target::parse("monitor", "https://monitor.example/in").unwrap(),
        format: Format::Json,
        batch: 3,
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        auth: None,
    }
}

fn exporter() -> Exporter {
    Exporter::new(settings())
}

const fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn push(exporter: &mut Exporter, ids: std::ops::Range<usize>, now: u64) {
    for id in ids {
        exporter.push(json!({ "id": id }).to_string(), at(now));
    }
}

fn ids(callout: &Callout) -> Vec<usize> {
    let records: Vec<Value> = serde_json::from_slice(&callout.body).unwrap();
    let id = |record: &Value| record["id"].as_u64().unwrap() as usize;
    records.iter().map(id).collect()
}

fn answer(status: u16) -> Answer {
    let body = Vec::new();
    Answer::Response { status, body }
}

fn ok() -> Answer {
    answer(204)
}

#[test]
fn full_batch_is_sent_immediately_and_the_rest_later() {
    let mut exporter = exporter();
    push(&mut exporter, 0..4, 0);
    let (attempt, callout) = exporter.due(at(0)).unwrap();
    assert_eq!(ids(&callout), [0, 1, 2]);
    assert_eq!(callout.method, "POST");
    assert!(exporter.due(at(6_000)).is_none(), "one call at a time");
    let progress = exporter.answered(attempt, &ok(), at(1));
    let (records, recovered) = (3, false);
    assert_eq!(progress, Progress::Delivered { records, recovered });
    assert!(exporter.due(at(4_999)).is_none());
    let (_, callout) = exporter.due(at(5_000)).unwrap();
    assert_eq!(ids(&callout), [3]);
}

#[test]
fn failure_doubles_the_pause_and_loses_nothing() {
    let mut exporter = exporter();
    push(&mut exporter, 0..3, 0);
    let (mut now, mut pauses, mut firsts) = (0, Vec::new(), 0);
    for status in [500, 503, 401, 403, 404, 429, 502, 301] {
        let (attempt, callout) = exporter.due(at(now)).unwrap();
        assert_eq!(ids(&callout), [0, 1, 2]);
        match exporter.answered(attempt, &answer(status), at(now)) {
            Progress::Failed { first, .. } => firsts += usize::from(first),
            other => panic!("{status}: {other:?}"),
        }
        let began = now;
        while exporter.not_before.is_some_and(|moment| at(now) < moment) {
            assert!(exporter.due(at(now)).is_none());
            now += 500;
        }
        pauses.push((now - began) / 1000);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(firsts, 1);
    let (attempt, _) = exporter.due(at(now)).unwrap();
    let (records, recovered) = (3, true);
    let progress = exporter.answered(attempt, &ok(), at(now));
    assert_eq!(progress, Progress::Delivered { records, recovered });
}

#[test]
fn retry_after_is_respected() {
    let mut exporter = exporter();
    push(&mut exporter, 0..3, 0);
    let (attempt, _) = exporter.due(at(0)).unwrap();
    let busy = Answer::of(429, Some(b"90"), Vec::new());
    exporter.answered(attempt, &busy, at(0));
    assert!(exporter.due(at(89_999)).is_none());
    assert!(exporter.due(at(90_000)).is_some());
}

#[test]
fn batch_that_is_too_large_is_split() {
    let mut exporter = exporter();
    push(&mut exporter, 0..3, 0);
    let mut seen = Vec::new();
    for status in [413, 413, 204, 204, 204] {
        let Some((attempt, callout)) = exporter.due(at(6_000)) else {
            break;
        };
        seen.push(ids(&callout));
        exporter.answered(attempt, &answer(status), at(6_000));
    }
    // A single record that is too large is rejected permanently; then batches grow again.
    assert_eq!(seen, [vec![0, 1, 2], vec![0], vec![1], vec![2]]);
    assert_eq!(exporter.take_losses(at(6_000)).unwrap().refused, 1);
    assert!(exporter.is_empty());
}

#[test]
fn permanently_rejected_record_is_dropped_and_reported() {
    for status in [400, 413, 415, 422] {
        let mut exporter = exporter();
        push(&mut exporter, 0..1, 0);
        let (attempt, _) = exporter.due(at(5_000)).unwrap();
        let progress = exporter.answered(attempt, &answer(status), at(5_000));
        assert_eq!(progress, Progress::Refused { status });
        let (no_room, refused) = (0, 1);
        let losses = Losses { no_room, refused };
        assert_eq!(exporter.take_losses(at(5_000)), Some(losses));
        assert!(exporter.is_empty());
    }
}

#[test]
fn full_queue_drops_the_oldest_records() {
    let mut exporter = exporter();
    push(&mut exporter, 0..3, 0);
    let (attempt, _) = exporter.due(at(0)).unwrap();
    push(&mut exporter, 3..10_005, 1);
    assert_eq!(exporter.len(), 10_000);
    let losses = exporter.take_losses(at(1)).unwrap();
    assert_eq!((losses.no_room, losses.refused), (5, 0));
    push(&mut exporter, 10_005..10_006, 2);
    assert_eq!(
        exporter.take_losses(at(2)),
        None,
        "losses are reported at intervals"
    );
    assert!(exporter.take_losses(at(10_001)).is_some());
    exporter.answered(attempt, &ok(), at(2));
    let (_, callout) = exporter.due(at(2)).unwrap();
    assert_eq!(ids(&callout), [9, 10, 11], "records 3 to 8 are dropped");
}

#[test]
fn queue_is_bounded_in_bytes() {
    let mut exporter = exporter();
    for _ in 0..9_000 {
        exporter.push("x".repeat(2048), at(0));
    }
    assert_eq!(exporter.len(), 4096);
}

#[test]
fn lost_answer_is_given_up_and_ignored_when_late() {
    let mut exporter = exporter();
    push(&mut exporter, 0..3, 0);
    let (lost, _) = exporter.due(at(0)).unwrap();
    assert!(exporter.due(at(7_000)).is_none());
    assert!(
        exporter.due(at(7_001)).is_none(),
        "the call is given up, then a pause follows"
    );
    let (_, callout) = exporter.due(at(8_001)).unwrap();
    assert_eq!(ids(&callout), [0, 1, 2]);
    assert_eq!(exporter.answered(lost, &ok(), at(8_002)), Progress::Late);
    assert_eq!(exporter.len(), 3);
}

#[test]
fn final_call_waits_for_the_running_call_and_takes_the_rest() {
    let mut exporter = Exporter::new(Settings {
        batch: 100,
        ..settings()
    });
    push(&mut exporter, 0..2, 0);
    let (under_way, _) = exporter.due(at(5_000)).unwrap();
    push(&mut exporter, 2..5, 5_001);
    assert!(exporter.begin(at(5_002)).is_none());
    exporter.answered(under_way, &ok(), at(5_003));
    let (_, callout) = exporter.begin(at(5_003)).unwrap();
    assert_eq!(ids(&callout), [2, 3, 4]);
}

#[derive(Clone, Debug)]
enum Event {
    Record,
    Wait(u64),
    Answer(u16),
    Busy(u64),
    Broken,
    /// The call arrives, but its answer is lost.
    Lost,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => Just(Event::Record),
        2 => (0_u64..3_000).prop_map(Event::Wait),
        3 => Just(Event::Answer(204)),
        2 => prop::sample::select(vec![413, 429, 500, 503, 401, 403]).prop_map(Event::Answer),
        1 => (0_u64..5).prop_map(Event::Busy),
        1 => Just(Event::Broken),
        1 => Just(Event::Lost),
    ]
}

proptest! {
    /// Under any behaviour of the service, each record within the bound is delivered, and no call is larger
    /// than a batch.
    #[test]
    fn no_record_is_lost_within_the_bound(events in prop::collection::vec(event(), 0..200)) {
        let mut exporter = exporter();
        let (mut now, mut records, mut open) = (0, 0, None);
        let mut arrived = BTreeSet::new();
        // Finally, the service is healthy.
        let healthy = (0..400).flat_map(|_| [Event::Answer(204), Event::Wait(1_000)]);
        for event in events.into_iter().chain(healthy) {
            if open.is_none() {
                open = exporter.due(at(now));
            }
            let answered = match event {
                Event::Record => {
                    push(&mut exporter, records..records + 1, now);
                    records += 1;
                    None
                }
                Event::Wait(millis) => {
                    now += millis;
                    None
                }
                Event::Answer(413) if open.as_ref().is_some_and(|(_, call)| ids(call).len() == 1) => None,
                Event::Answer(status) => Some(answer(status)),
                Event::Busy(secs) => Some(Answer::of(429, Some(secs.to_string().as_bytes()), Vec::new())),
                Event::Broken => Some(Answer::Failed(CalloutError::Interrupted)),
                Event::Lost => {
                    open = None;
                    now += 8_000;
                    None
                }
            };
            if let Some(answered) = answered && let Some((attempt, callout)) = open.take() {
                let sent = ids(&callout);
                prop_assert!((1..=3).contains(&sent.len()));
                prop_assert!(sent.is_sorted());
                if answered.status() == Some(204) {
                    arrived.extend(sent);
                }
                exporter.answered(attempt, &answered, at(now));
            }
        }
        prop_assert!(exporter.is_empty());
        prop_assert_eq!(arrived, (0..records).collect());
        prop_assert_eq!(exporter.take_losses(at(now)), None);
    }
}
