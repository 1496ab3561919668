use super::*;
use crate::secret::Secret;
use crate::token::claims::Groups;
use crate::token::claims::tests::{anyone, retained};
use crate::token::kind::Kind;
use proptest::prelude::*;
use serde_json::json;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000 + millis)
}

fn group(index: usize) -> String {
    format!("bbbbbbbb-0000-4000-8000-{index:012}")
}

fn lookups(groups: usize) -> Lookups {
    let source = Source {
        graph: Target::parse("graph", "https://graph.microsoft.com/v1.0/").unwrap(),
        ttl: Duration::from_secs(60),
        timeout: Duration::from_secs(5),
        auth: Auth::Fixed(Secret::new("t".into())),
    };
    Lookups::new(source, (0..groups).map(group).collect(), at(0))
}

fn caller(index: usize) -> Claims {
    let oid = json!(format!("cccccccc-0000-4000-8000-{index:012}"));
    Claims {
        object: "another claim".into(),
        kind: Some(Kind::User),
        groups: Groups {
            listed: Default::default(),
            overage: true,
        },
        others: retained(&json!({ "oid": oid }).to_string(), graph::OBJECT),
        ..anyone()
    }
}

fn held(groups: &[usize]) -> Answer {
    let groups: Vec<String> = groups.iter().copied().map(group).collect();
    Answer::of(
        200,
        None,
        json!({ "value": groups }).to_string().into_bytes(),
    )
}

#[test]
fn lost_answer_frees_its_slot_and_is_ignored_when_late() {
    let mut lookups = lookups(1);
    lookups.ask(&caller(0), at(2000), at(0));
    let lost = lookups.due(at(0)).remove(0);
    assert!(lookups.due(at(10_000)).is_empty());
    let Standing::Pending(id) = lookups.ask(&caller(0), at(11_000), at(10_000)) else {
        panic!("the lookup must be running")
    };
    assert_eq!(id, lost.id, "one lookup per caller");
    lookups.due(at(10_001));
    let late = lookups.answered(lost.id, lost.part, held(&[0]), at(10_002));
    assert_eq!(late, Progress::Late);
    assert_eq!(lookups.recall(&caller(0), at(10_002)), None);
    lookups.ask(&caller(0), at(12_000), at(10_002));
    assert_eq!(lookups.due(at(10_003)).len(), 1);
}

#[test]
fn repeated_answer_is_ignored() {
    let mut lookups = lookups(21);
    lookups.ask(&caller(0), at(2000), at(0));
    let calls = lookups.due(at(0));
    assert_eq!(calls.len(), 2);
    let mut answer = |part| lookups.answered(calls[0].id, part, held(&[20]), at(1));
    assert_eq!(answer(0), Progress::Partly);
    assert_eq!(
        answer(0),
        Progress::Late,
        "a repeated part does not complete the lookup"
    );
    assert_eq!(answer(7), Progress::Late);
    assert_eq!(answer(1), Progress::Found { evicted: false });
}

#[derive(Clone, Debug)]
enum Event {
    Ask(usize),
    Pass(u64),
    Tick,
    Answer {
        which: usize,
        status: u16,
        held: Vec<usize>,
    },
    Busy {
        which: usize,
        secs: u64,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let status = prop_oneof![4 => Just(200), 1 => Just(404), 1 => Just(500), 1 => Just(403)];
    let event = prop_oneof![
        6 => (0..40usize).prop_map(Event::Ask),
        3 => Just(Event::Tick),
        2 => (1..5000u64).prop_map(Event::Pass),
        1 => (1..200_000u64).prop_map(Event::Pass),
        5 => (any::<usize>(), status, prop::collection::vec(0..60usize, 0..5))
            .prop_map(|(which, status, held)| Event::Answer { which, status, held }),
        1 => (any::<usize>(), 0..100u64).prop_map(|(which, secs)| Event::Busy { which, secs }),
    ];
    prop::collection::vec(event, 1..150)
}

proptest! {
    /// In any order of events: a caller has at most one lookup at a time, the number of concurrent
    /// lookups is bounded, no call starts during a pause, only groups that were requested and
    /// answered are accepted, and nothing is remembered longer than `ttl`.
    #[test]
    fn bounds_hold_in_any_order_of_events(events in events()) {
        const GROUPS: usize = 45;
        let mut lookups = lookups(GROUPS);
        let mut now = 0u64;
        let mut left_alone_until = 0u64;
        let mut open: Vec<(LookupId, usize, String, u64)> = Vec::new();
        let mut named: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut last_good: BTreeMap<String, u64> = BTreeMap::new();
        let object = |callout: &Callout| callout.target.path.split('/').nth(3).unwrap().to_owned();
        for event in events {
            match event {
                Event::Pass(millis) => now += millis,
                Event::Tick => {
                    open.retain(|(.., started)| now - started <= 10_000);
                    let calls = lookups.due(at(now));
                    prop_assert!(calls.is_empty() || now >= left_alone_until);
                    for call in calls {
                        let object = object(&call.callout);
                        let twice = open.iter().any(|(id, _, other, _)| *other == object && *id != call.id);
                        prop_assert!(!twice, "{object} is looked up twice");
                        named.entry(object.clone()).or_default();
                        open.push((call.id, call.part, object, now));
                    }
                    let at_once: std::collections::BTreeSet<_> = open.iter().map(|(id, ..)| id.0).collect();
                    prop_assert!(at_once.len() <= MAX_CONCURRENT);
                }
                Event::Ask(index) => {
                    let caller = caller(index);
                    let object = caller.others.get(graph::OBJECT).unwrap().as_str().unwrap().to_owned();
                    match lookups.ask(&caller, at(now + 2000), at(now)) {
                        Standing::Known(membership) => {
                            let good = last_good.get(&object).copied();
                            prop_assert!(good.is_some_and(|good| now < good + 60_000));
                            let believed = (0..60).filter(|index| {
                                is_member(&membership, &group(*index))
                            });
                            for index in believed {
                                prop_assert!(index < GROUPS && named[&object].contains(&index));
                            }
                        }
                        Standing::Pending(_) => prop_assert!(now + 2000 >= left_alone_until || !open.is_empty()),
                        Standing::Unavailable(_) => {}
                    }
                }
                Event::Answer { .. } | Event::Busy { .. } if open.is_empty() => {}
                Event::Answer { which, status, held: groups } => {
                    let (id, part, object, started) = open.remove(which % open.len());
                    let answer = match status {
                        200 => held(&groups),
                        _ => Answer::of(status, None, Vec::new()),
                    };
                    named.entry(object.clone()).or_default().extend(groups);
                    match lookups.answered(id, part, answer, at(now)) {
                        Progress::Found { .. } => {
                            prop_assert!(open.iter().all(|(other, ..)| *other != id));
                            last_good.insert(object, now);
                        }
                        Progress::Failed { .. } => {
                            left_alone_until = left_alone_until.max(now + 1000);
                            open.retain(|(other, ..)| *other != id);
                        }
                        Progress::Unknown => open.retain(|(other, ..)| *other != id),
                        Progress::Partly => {}
                        Progress::Late => prop_assert!(now - started > 10_000),
                    }
                }
                Event::Busy { which, secs } => {
                    let (id, part, ..) = open.remove(which % open.len());
                    let answer = Answer::of(429, Some(secs.to_string().as_bytes()), Vec::new());
                    if let Progress::Failed { .. } = lookups.answered(id, part, answer, at(now)) {
                        left_alone_until = left_alone_until.max(now + secs.max(1) * 1000);
                        open.retain(|(other, ..)| *other != id);
                    }
                }
            }
        }
    }
}

fn is_member(membership: &Arc<Membership>, group: &str) -> bool {
    membership.contains(group) == Some(true)
}
