use super::*;
use crate::fetch::callout::{CalloutError, Target};
use proptest::prelude::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000 + millis)
}

fn lease() -> ServiceToken {
    let target = Target::parse("entra", "https://login.example/t/oauth2/v2.0/token").unwrap();
    let fields = [("client_secret", "s3cret")];
    let request = Callout::form(target, &fields, Duration::from_secs(5));
    let name = "client c for s".to_owned();
    ServiceToken::new(Source { name, request }, at(0))
}

fn token(text: &str, life: u64) -> Answer {
    let body = format!(r#"{{"access_token":"{text}","expires_in":{life},"token_type":"Bearer"}}"#);
    Answer::of(200, None, body.into_bytes())
}

fn held(lease: &ServiceToken, millis: u64) -> Option<&str> {
    lease.token(at(millis)).map(Secret::expose)
}

#[test]
fn fetched_at_once_and_again_at_four_fifths_of_its_life() {
    let mut lease = lease();
    assert!(lease.is_coming(at(0)));
    let (attempt, callout) = lease.due(at(0)).unwrap();
    assert_eq!(callout.method, "POST");
    assert_eq!(lease.due(at(50)), None, "single flight");
    assert!(lease.is_coming(at(50)));
    let progress = lease.answered(attempt, token("one", 1000), at(2000));
    let life = Duration::from_secs(1000);
    assert_eq!(
        progress,
        Progress::Renewed {
            life,
            returned: true
        }
    );
    assert!(!lease.is_coming(at(2000)));
    assert_eq!(lease.due(at(799_999)), None);
    let (attempt, _) = lease.due(at(800_000)).unwrap();
    assert_eq!(held(&lease, 800_000), Some("one"), "serves meanwhile");
    let progress = lease.answered(attempt, token("two", 1000), at(801_000));
    assert_eq!(
        progress,
        Progress::Renewed {
            life,
            returned: false
        }
    );
    assert_eq!(held(&lease, 801_000), Some("two"));
}

#[test]
fn a_token_serves_until_shortly_before_its_end_counted_from_the_question() {
    for (life, last) in [(1000, 969_999), (100, 89_999), (1, 899)] {
        let mut lease = lease();
        let (attempt, _) = lease.due(at(0)).unwrap();
        lease.answered(attempt, token("one", life), at(0));
        assert_eq!(held(&lease, last), Some("one"));
        assert_eq!(held(&lease, last + 1), None);
    }
    let mut lease = lease();
    let (attempt, _) = lease.due(at(0)).unwrap();
    lease.answered(attempt, token("one", 3), at(4000));
    assert_eq!(held(&lease, 4000), None, "it ended on its way");
}

#[test]
fn tokens_that_hardly_live_cause_no_storm() {
    let mut lease = lease();
    let mut fetches = 0;
    for millis in (0..100_000).step_by(50) {
        if let Some((attempt, _)) = lease.due(at(millis)) {
            fetches += 1;
            lease.answered(attempt, token("one", 1), at(millis));
        }
    }
    assert_eq!(fetches, 10);
}

#[test]
fn failures_pause_and_the_old_token_serves_until_its_end() {
    let mut lease = lease();
    let (attempt, _) = lease.due(at(0)).unwrap();
    lease.answered(attempt, token("one", 100), at(0));
    let mut fetches = Vec::new();
    for millis in (0..400_000).step_by(500) {
        if let Some((attempt, _)) = lease.due(at(millis)) {
            fetches.push(millis / 1000);
            let answer = Answer::of(500, None, Vec::new());
            let progress = lease.answered(attempt, answer, at(millis));
            assert!(matches!(progress, Progress::Failed(_)), "{progress:?}");
            assert!(!lease.is_coming(at(millis)));
        }
        assert_eq!(held(&lease, millis).is_some(), millis < 90_000);
    }
    assert_eq!(fetches, [80, 81, 83, 87, 95, 111, 143, 203, 263, 323, 383]);
}

#[test]
fn a_busy_service_is_left_alone_for_as_long_as_it_asks() {
    let mut lease = lease();
    let (attempt, _) = lease.due(at(0)).unwrap();
    let busy = Answer::of(429, Some(b"17"), Vec::new());
    let progress = lease.answered(attempt, busy, at(0));
    let pause = Duration::from_secs(17);
    let error = TokenResponseError::Callout(CalloutError::Busy { status: 429, pause });
    assert_eq!(progress, Progress::Failed(error));
    assert_eq!(lease.due(at(16_999)), None);
    assert!(lease.due(at(17_000)).is_some());
}

#[test]
fn a_refused_token_is_replaced_once_in_a_while() {
    let mut lease = lease();
    let (attempt, _) = lease.due(at(0)).unwrap();
    lease.answered(attempt, token("one", 3600), at(0));
    let (attempt, _) = lease.refused(at(1000)).unwrap();
    assert_eq!(lease.refused(at(1000)), None, "one is on its way");
    lease.answered(attempt, token("two", 3600), at(1000));
    assert_eq!(held(&lease, 1000), Some("two"));
    assert_eq!(lease.refused(at(60_999)), None);
    assert!(lease.refused(at(61_000)).is_some());
}

#[test]
fn nothing_printed_holds_a_secret() {
    let mut lease = lease();
    let (attempt, callout) = lease.due(at(0)).unwrap();
    lease.answered(attempt, token("t0ken", 3600), at(0));
    let printed = format!("{lease:?} {callout:?}");
    assert!(
        !printed.contains("s3cret") && !printed.contains("t0ken"),
        "{printed}"
    );
}

/// What may happen to a lease.
#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Granted { life: u64, after: u64 },
    Failed { after: u64 },
    Busy { secs: u64 },
    Lost,
    Refused,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (1..20_000u64).prop_map(Event::Pass),
        1 => (1..5_000_000u64).prop_map(Event::Pass),
        3 => (0..4000u64, 0..6000u64).prop_map(|(life, after)| Event::Granted { life, after }),
        2 => (0..6000u64).prop_map(|after| Event::Failed { after }),
        1 => (0..7200u64).prop_map(|secs| Event::Busy { secs }),
        1 => Just(Event::Lost),
        1 => Just(Event::Refused),
    ];
    prop::collection::vec(event, 1..80)
}

proptest! {
    /// No order of events makes it serve a token beyond its end, or one that a later answer has
    /// replaced, have two fetches under way, or fetch more often than its bounds allow.
    #[test]
    fn no_order_of_events_breaks_the_bounds(events in events()) {
        let mut lease = lease();
        let mut now = 0;
        let mut open: Option<(Attempt, u64)> = None;
        let mut ends = 0;
        let mut granted = 0u64;
        let mut begun: Vec<u64> = Vec::new();
        let mut left_alone_until = 0;
        for event in events {
            let fetch = match &event {
                Event::Refused => lease.refused(at(now)),
                _ => lease.due(at(now)),
            };
            if let Some((attempt, _)) = fetch {
                let lost = open.is_none_or(|(_, asked)| now > asked + 15_000);
                prop_assert!(lost, "two under way");
                prop_assert!(now >= left_alone_until, "the service asked to wait");
                begun.push(now);
                open = Some((attempt, now));
            }
            match event {
                Event::Pass(millis) => now += millis,
                Event::Refused => {}
                Event::Lost => now += 15_001,
                Event::Granted { .. } | Event::Failed { .. } | Event::Busy { .. } => {
                    let Some((attempt, asked)) = open.take() else { continue };
                    let answer = match event {
                        Event::Granted { life, after } => {
                            now += after;
                            token(&format!("token-{}", granted + 1), life)
                        }
                        Event::Busy { secs } => {
                            Answer::of(429, Some(secs.to_string().as_bytes()), Vec::new())
                        }
                        Event::Failed { after } => {
                            now += after;
                            Answer::of(500, None, Vec::new())
                        }
                        _ => continue,
                    };
                    match (lease.answered(attempt, answer, at(now)), event) {
                        (Progress::Renewed { .. }, Event::Granted { life, .. }) => {
                            granted += 1;
                            ends = asked + life * 1000;
                        }
                        (Progress::Failed(_), Event::Busy { secs }) => {
                            left_alone_until = now + secs.min(3600) * 1000;
                        }
                        (Progress::Failed(_) | Progress::Late, _) => {}
                        (progress, event) => prop_assert!(false, "{progress:?} after {event:?}"),
                    }
                }
            }
            if let Some(served) = lease.token(at(now)) {
                prop_assert!(now < ends, "served beyond its end");
                prop_assert_eq!(served.expose(), format!("token-{granted}"));
            }
        }
        // Failures pause 1, 2, 4 … 60 s, successes 10 s, demands 60 s.
        for window in begun.windows(8) {
            prop_assert!(window[7] - window[0] >= 30_000, "{begun:?}");
        }
    }
}
