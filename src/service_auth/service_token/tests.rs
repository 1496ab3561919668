use super::*;
use crate::fetch::callout::{CalloutError, Target};
use proptest::prelude::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000 + millis)
}

fn service_token() -> ServiceToken {
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

fn usable(own: &ServiceToken, millis: u64) -> Option<&str> {
    own.token(at(millis)).map(Secret::expose)
}

#[test]
fn token_is_renewed_at_four_fifths_of_its_lifetime() {
    let mut own = service_token();
    assert!(own.is_coming(at(0)));
    let (attempt, callout) = own.due(at(0)).unwrap();
    assert_eq!(callout.method, "POST");
    assert_eq!(own.due(at(50)), None, "single flight");
    assert!(own.is_coming(at(50)));
    let progress = own.answered(attempt, token("one", 1000), at(2000));
    let life = Duration::from_secs(1000);
    assert_eq!(
        progress,
        Progress::Renewed {
            life,
            returned: true
        }
    );
    assert!(!own.is_coming(at(2000)));
    assert_eq!(own.due(at(799_999)), None);
    let (attempt, _) = own.due(at(800_000)).unwrap();
    assert_eq!(
        usable(&own, 800_000),
        Some("one"),
        "the old token remains in use"
    );
    let progress = own.answered(attempt, token("two", 1000), at(801_000));
    assert_eq!(
        progress,
        Progress::Renewed {
            life,
            returned: false
        }
    );
    assert_eq!(usable(&own, 801_000), Some("two"));
}

#[test]
fn token_is_usable_until_a_margin_before_expiry() {
    for (life, last) in [(1000, 969_999), (100, 89_999), (1, 899)] {
        let mut own = service_token();
        let (attempt, _) = own.due(at(0)).unwrap();
        own.answered(attempt, token("one", life), at(0));
        assert_eq!(usable(&own, last), Some("one"));
        assert_eq!(usable(&own, last + 1), None);
    }
    let mut own = service_token();
    let (attempt, _) = own.due(at(0)).unwrap();
    own.answered(attempt, token("one", 3), at(4000));
    assert_eq!(usable(&own, 4000), None, "it expired before it arrived");
}

#[test]
fn short_lived_tokens_do_not_cause_frequent_fetches() {
    let mut own = service_token();
    let mut fetches = 0;
    for millis in (0..100_000).step_by(50) {
        if let Some((attempt, _)) = own.due(at(millis)) {
            fetches += 1;
            own.answered(attempt, token("one", 1), at(millis));
        }
    }
    assert_eq!(fetches, 10);
}

#[test]
fn failed_fetches_back_off_and_the_old_token_remains_until_expiry() {
    let mut own = service_token();
    let (attempt, _) = own.due(at(0)).unwrap();
    own.answered(attempt, token("one", 100), at(0));
    let mut fetches = Vec::new();
    for millis in (0..400_000).step_by(500) {
        if let Some((attempt, _)) = own.due(at(millis)) {
            fetches.push(millis / 1000);
            let answer = Answer::of(500, None, Vec::new());
            let progress = own.answered(attempt, answer, at(millis));
            assert!(matches!(progress, Progress::Failed(_)), "{progress:?}");
            assert!(!own.is_coming(at(millis)));
        }
        assert_eq!(usable(&own, millis).is_some(), millis < 90_000);
    }
    assert_eq!(fetches, [80, 81, 83, 87, 95, 111, 143, 203, 263, 323, 383]);
}

#[test]
fn requested_delay_of_a_busy_service_is_respected() {
    let mut own = service_token();
    let (attempt, _) = own.due(at(0)).unwrap();
    let busy = Answer::of(429, Some(b"17"), Vec::new());
    let progress = own.answered(attempt, busy, at(0));
    let pause = Duration::from_secs(17);
    let error = TokenResponseError::Callout(CalloutError::Busy { status: 429, pause });
    assert_eq!(progress, Progress::Failed(error));
    assert_eq!(own.due(at(16_999)), None);
    assert!(own.due(at(17_000)).is_some());
}

#[test]
fn refused_token_is_replaced_once_per_cooldown() {
    let mut own = service_token();
    let (attempt, _) = own.due(at(0)).unwrap();
    own.answered(attempt, token("one", 3600), at(0));
    let (attempt, _) = own.refused(at(1000)).unwrap();
    assert_eq!(own.refused(at(1000)), None, "a fetch is in flight");
    own.answered(attempt, token("two", 3600), at(1000));
    assert_eq!(usable(&own, 1000), Some("two"));
    assert_eq!(own.refused(at(60_999)), None);
    assert!(own.refused(at(61_000)).is_some());
}

#[test]
fn debug_output_contains_no_secret() {
    let mut own = service_token();
    let (attempt, callout) = own.due(at(0)).unwrap();
    own.answered(attempt, token("t0ken", 3600), at(0));
    let printed = format!("{own:?} {callout:?}");
    assert!(
        !printed.contains("s3cret") && !printed.contains("t0ken"),
        "{printed}"
    );
}

/// The events of a service token.
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
    /// In any order of events, no expired or replaced token is returned, at most one fetch is in flight, and
    /// fetches respect their minimum intervals.
    #[test]
    fn bounds_are_respected_in_any_order_of_events(events in events()) {
        let mut own = service_token();
        let mut now = 0;
        let mut open: Option<(Attempt, u64)> = None;
        let mut ends = 0;
        let mut granted = 0u64;
        let mut starts: Vec<u64> = Vec::new();
        let mut delayed_until = 0;
        for event in events {
            let fetch = match &event {
                Event::Refused => own.refused(at(now)),
                _ => own.due(at(now)),
            };
            if let Some((attempt, _)) = fetch {
                let lost = open.is_none_or(|(_, sent)| now > sent + 15_000);
                prop_assert!(lost, "two fetches in flight");
                prop_assert!(now >= delayed_until, "the service requested a delay");
                starts.push(now);
                open = Some((attempt, now));
            }
            match event {
                Event::Pass(millis) => now += millis,
                Event::Refused => {}
                Event::Lost => now += 15_001,
                Event::Granted { .. } | Event::Failed { .. } | Event::Busy { .. } => {
                    let Some((attempt, sent)) = open.take() else { continue };
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
                    match (own.answered(attempt, answer, at(now)), event) {
                        (Progress::Renewed { .. }, Event::Granted { life, .. }) => {
                            granted += 1;
                            ends = sent + life * 1000;
                        }
                        (Progress::Failed(_), Event::Busy { secs }) => {
                            delayed_until = now + secs.min(3600) * 1000;
                        }
                        (Progress::Failed(_) | Progress::Late, _) => {}
                        (progress, event) => prop_assert!(false, "{progress:?} after {event:?}"),
                    }
                }
            }
            if let Some(token) = own.token(at(now)) {
                prop_assert!(now < ends, "an expired token was returned");
                prop_assert_eq!(token.expose(), format!("token-{granted}"));
            }
        }
        // The delays are 1, 2, 4 … 60 s after failures, 10 s after successes and 60 s between demands.
        for window in starts.windows(8) {
            prop_assert!(window[7] - window[0] >= 30_000, "{starts:?}");
        }
    }
}
