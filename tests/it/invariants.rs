//! Invariants of fetching, key sets, tokens and the configuration under any order of events. `properties.rs` has those of
//! policies.

use crate::support;

use entragate::config;
use entragate::fetch::callout::{Answer, CalloutError};
use entragate::fetch::refresh::{Demand, Freshness, Refresh, Schedule};
use entragate::keys::keyset::KeySet;
use entragate::time::Timestamp;
use entragate::token::jws::Unverified;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use support::*;
use testbed::keys::{self, Algorithm};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(u64),
    Demand,
    /// The pending fetch ends or, if `late`, an abandoned one.
    Succeed {
        late: bool,
    },
    Fail {
        late: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..5_u64).prop_map(Event::Pass),
        1 => (0..4000_u64).prop_map(Event::Pass),
        4 => Just(Event::Demand),
        2 => prop::bool::weighted(0.2).prop_map(|late| Event::Succeed { late }),
        3 => prop::bool::weighted(0.2).prop_map(|late| Event::Fail { late }),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    (1..4000_u64, 1..9000_u64, 1..100_u64, 1..20_u64).prop_map(
        |(refresh, max_stale, cooldown, timeout)| Schedule {
            refresh: secs(refresh),
            max_stale: secs(max_stale),
            cooldown: secs(cooldown),
            timeout: secs(timeout),
        },
    )
}

/// An event of the gate or its only issuer.
#[derive(Clone, Copy, Debug)]
enum GateEvent {
    Pass(u64),
    /// A request with a token signed by the first or the second key.
    Ask(usize),
    /// One of the pending calls is answered, regardless of its age.
    Answer(prop::sample::Index, Published),
}

#[derive(Clone, Copy, Debug)]
enum Published {
    /// Whether the set contains each of the two keys.
    Keys([bool; 2]),
    Nonsense,
    Unavailable,
    Nothing,
}

impl Published {
    fn answer(self, signers: &[keys::SigningKey; 2]) -> Answer {
        match self {
            Self::Keys(contained) => {
                let contained = signers
                    .iter()
                    .zip(contained)
                    .filter(|(_, contained)| *contained);
                jwks(&contained.map(|(key, _)| key).collect::<Vec<_>>())
            }
            Self::Nonsense => ok(json!({"keys": []})),
            Self::Unavailable => Answer::Response {
                status: 503,
                body: b"{}".to_vec(),
            },
            Self::Nothing => Answer::Failed(CalloutError::Interrupted),
        }
    }
}

fn gate_event() -> impl Strategy<Value = GateEvent> {
    let published = prop::sample::select(vec![
        Published::Keys([true, false]),
        Published::Keys([true, true]),
        Published::Keys([false, true]),
        Published::Nonsense,
        Published::Unavailable,
        Published::Nothing,
    ]);
    prop_oneof![
        3 => (0..8_u64).prop_map(GateEvent::Pass),
        1 => (0..200_u64).prop_map(GateEvent::Pass),
        4 => (0..2_usize).prop_map(GateEvent::Ask),
        3 => (any::<prop::sample::Index>(), published).prop_map(|(which, answer)| GateEvent::Answer(which, answer)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_keeps_fetch_intervals_and_max_stale(
        schedule in schedule(), events in vec(event(), 1..120),
    ) {
        let mut now = Timestamp::from_secs(1_000_000);
        let mut refresh = Refresh::new(schedule, now);
        let mut pending = None;
        let mut abandoned = Vec::new();
        let mut last_good: Option<Timestamp> = None;
        // The end of the last fetch on demand, and the start of the last fetch of any kind.
        let (mut demanded_end, mut last_begin): (Option<Timestamp>, Option<Timestamp>) = (None, None);
        for event in events {
            let mut started = None;
            match event {
                Event::Pass(pass) => {
                    for _ in 0..pass.min(50) {
                        now = now.plus(secs(pass.div_ceil(50)));
                        if let Some(attempt) = refresh.due(now) {
                            started = Some((attempt, false));
                            break;
                        }
                    }
                }
                Event::Demand => match refresh.demand(now) {
                    Demand::Fetch(attempt) => {
                        // The cooldown starts at the end of the last fetch on demand.
                        prop_assert!(demanded_end.is_none_or(|end| now.since(end) >= schedule.cooldown));
                        started = Some((attempt, true));
                    }
                    Demand::UnderWay => prop_assert!(pending.is_some()),
                    Demand::Cooling { until } => prop_assert!(now < until),
                },
                Event::Succeed { late } | Event::Fail { late } => {
                    let attempt = if late { abandoned.last().copied() } else { pending };
                    if let Some((attempt, demanded)) = attempt {
                        let good = matches!(event, Event::Succeed { .. });
                        let is_used = if good {
                            refresh.succeeded(attempt, now)
                        } else {
                            refresh.failed(attempt, now)
                        };
                        prop_assert!(!(late && is_used), "the answer to an abandoned fetch is used");
                        if is_used {
                            pending = None;
                            demanded_end = if demanded { Some(now) } else { demanded_end };
                            last_good = if good { Some(now) } else { last_good };
                        }
                    }
                }
            }
            if let Some((attempt, demanded)) = started {
                // One fetch at a time: the previous one has ended, or was abandoned.
                if let Some(lost) = pending.replace((attempt, demanded)) {
                    let max_duration = schedule.timeout * 2 + secs(5);
                    prop_assert!(last_begin.is_some_and(|begin| now.since(begin) > max_duration));
                    demanded_end = if lost.1 { demanded_end.max(last_begin) } else { demanded_end };
                    abandoned.push(lost);
                }
                last_begin = Some(now);
            }
            match (refresh.freshness(now), last_good) {
                (Freshness::Never, good) => prop_assert!(good.is_none()),
                (Freshness::Usable { age }, Some(good)) => {
                    prop_assert!(age == now.since(good) && age <= schedule.max_stale);
                }
                (Freshness::Stale { age }, Some(good)) => {
                    prop_assert!(age == now.since(good) && age > schedule.max_stale);
                }
                (_, None) => prop_assert!(false, "keys are fresh although none were fetched"),
            }
        }
    }

    #[test]
    fn outage_triggers_few_fetches(schedule in schedule(), minutes in 1..30_u64) {
        let start = Timestamp::from_secs(1_000_000);
        let mut refresh = Refresh::new(schedule, start);
        let mut fetches = 0;
        for second in 0..minutes * 60 {
            let now = start.plus(secs(second));
            if let Some(attempt) = refresh.due(now) {
                fetches += 1;
                refresh.failed(attempt, now);
            }
        }
        // Pauses double from one second up to the cooldown (or refresh, if that is shorter).
        let longest = schedule.cooldown.min(schedule.refresh).as_secs();
        let bound = 2 + u64::from(longest.ilog2()) + 1 + minutes * 60 / longest;
        prop_assert!(fetches <= bound, "{fetches} fetches, at most {bound}");
    }

    #[test]
    fn invalid_responses_never_replace_valid_keys(answers in vec(any::<prop::sample::Index>(), 1..12)) {
        let bad = [
            json!({}), json!([]), json!({"keys": []}), json!({"keys": [{}]}), json!({"keys": {}}), json!("x"),
        ];
        let mut bench = Bench::warm(&settings());
        for answer in answers {
            bench.advance(3600);
            while !bench.calls.is_empty() {
                bench.answer(ok(bad[answer.index(bad.len())].clone()));
            }
            let token = testbed::mint::Token::at(testbed::persona::Persona::Ada, bench.now.as_secs());
            prop_assert_eq!(bench.code(&token.build()), "permitted");
        }
    }

    #[test]
    fn any_order_of_responses_keeps_valid_keys_and_drops_invalid_ones(events in vec(gate_event(), 1..80)) {
        let start = testbed::mint::now();
        let signers = [keys::rsa(), keys::other_rsa()];
        let tokens = signers.each_ref().map(|key| ada().claim("exp", start + 100_000).signed_by(key).build());
        let mut settings = settings();
        settings["issuers"][0]["jwks"] = json!({"cluster": "entra",
            "refresh": "60s", "max_stale": "300s", "cooldown": "5s", "timeout": "2s"});
        let mut bench = Bench::cold_at(&settings, start);
        // The current fetch with its start time; the keys of the last valid response with its time.
        let mut live = Some((bench.calls[0].clone(), start));
        let mut good: Option<([bool; 2], u64)> = None;
        let (mut fetches, mut valid_responses) = (1, 0);
        for gate_event in events {
            let mut open = bench.calls.len();
            match gate_event {
                GateEvent::Pass(secs) => bench.advance(secs),
                GateEvent::Ask(signer) => {
                    let contained = good.is_some_and(|(contained, at)| contained[signer] && bench.now.as_secs() - at <= 300);
                    prop_assert_eq!(bench.code(&tokens[signer]) == "permitted", contained);
                }
                GateEvent::Answer(which, published) if open > 0 => {
                    let call = bench.calls.remove(which.index(open));
                    open -= 1;
                    let is_used = live.take_if(|(live, _)| *live == call).is_some();
                    if let (true, Published::Keys(contained)) = (is_used, published) {
                        good = Some((contained, bench.now.as_secs()));
                        valid_responses += 1;
                    }
                    bench.gate.answered(call.call_id, published.answer(&signers), bench.now);
                    bench.tick();
                }
                GateEvent::Answer(..) => {}
            }
            let now = bench.now.as_secs();
            // A fetch is abandoned after the timeouts of two calls and five seconds.
            live.take_if(|(_, since)| now - *since > 9);
            if let Some(started) = bench.calls.get(open..).and_then(<[_]>::last) {
                fetches += 1;
                prop_assert!(live.replace((started.clone(), now)).is_none(), "there is one fetch at a time");
            }
        }
        // On demand, one fetch in five seconds; in the background, one per minute, and three quick ones after a failure.
        let bound = 2 + 2 * (bench.now.as_secs() - start) / 5 + 3 * (1 + valid_responses);
        prop_assert!(fetches <= bound, "{} fetches, at most {}", fetches, bound);
    }

    #[test]
    fn key_set_finds_exactly_its_own_keys(picks in vec((0..9_usize, 0..4_u8), 1..8)) {
        let jwks: Vec<Value> = picks.iter().map(|(algorithm, kid)| {
            let mut jwk = keys::cached(Algorithm::ALL[*algorithm]).to_jwk();
            jwk["kid"] = json!(format!("kid-{kid}"));
            jwk["alg"] = json!(Algorithm::ALL[*algorithm].name());
            jwk
        }).collect();
        let set = KeySet::from_jwks(&jwks).unwrap();
        let distinct: std::collections::BTreeSet<_> = picks.iter().collect();
        prop_assert_eq!(set.len(), distinct.len());
        prop_assert!(set.is_subset_of(&set));
        use entragate::keys::keyset::Lookup;
        for algorithm in entragate::keys::algorithm::Algorithm::ALL {
            for kid in 0..4_u8 {
                let name = format!("kid-{kid}");
                let serving = |(index, key_kid): &&(usize, u8)| Algorithm::ALL[*index].name() == algorithm.name() && *key_kid == kid;
                match set.find(Some(&name), algorithm) {
                    Lookup::Found(keys) => {
                        prop_assert!(keys.are_named);
                        for key in keys.iter() {
                            prop_assert!(key.serves(algorithm) && key.kid.as_deref() == Some(&name));
                        }
                        prop_assert!(picks.iter().any(|pick| serving(&pick)));
                    }
                    Lookup::WrongAlgorithm => {
                        prop_assert!(picks.iter().any(|(_, of)| *of == kid));
                        prop_assert!(!picks.iter().any(|pick| serving(&pick)));
                    }
                    Lookup::Unknown => prop_assert!(!picks.iter().any(|(_, of)| *of == kid)),
                    Lookup::Ambiguous => prop_assert!(false, "a kid was given"),
                }
            }
        }
    }

    #[test]
    fn token_parts_reassemble_to_the_token(
        header in vec(("[a-z]{1,6}", "\\PC{0,12}"), 0..4),
        claims in vec(("\\PC{1,8}", "\\PC{0,20}"), 0..6),
        signature in vec(any::<u8>(), 0..80),
    ) {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
        let object = |members: Vec<(String, String)>| members.into_iter()
            .map(|(name, value)| (name, Value::String(value))).collect::<serde_json::Map<_, _>>();
        let mut header = object(header);
        header.insert("alg".into(), json!("RS256"));
        let (header, claims) = (Value::Object(header), Value::Object(object(claims)));
        let segment = |value: &Value| BASE64URL.encode(value.to_string());
        let token = format!("{}.{}.{}", segment(&header), segment(&claims), BASE64URL.encode(&signature));
        match Unverified::parse(&token, &["jwt".into()], &mut Vec::new()) {
            Ok(parsed) => {
                let read = parsed.claims.iter().map(|(name, value)| (name.to_owned(), value.value().unwrap()));
                prop_assert_eq!(Value::Object(read.collect()), claims);
                prop_assert_eq!(parsed.signature, &signature);
                let reassembled = format!("{}.{}", parsed.signing_input, BASE64URL.encode(parsed.signature));
                prop_assert_eq!(reassembled, token);
            }
            Err(denial) => prop_assert!(denial.facts().status == 401),
        }
    }

    #[test]
    fn configuration_loads_completely_or_reports_the_path_of_the_error(
        at in any::<prop::sample::Index>(), value in prop::sample::select(vec![
            json!(null), json!(0), json!(-1), json!(1.5), json!(""), json!("x"), json!([]), json!({}), json!(true),
            json!(["x"]), json!({"x": 1}), json!("5s"), json!("*"),
        ]),
    ) {
        let mut settings = settings();
        let mut paths = Vec::new();
        walk(&settings, String::new(), &mut paths);
        let path = &paths[at.index(paths.len())];
        *settings.pointer_mut(path).unwrap() = value;
        match config::load(settings.to_string().as_bytes(), &|_| None) {
            Ok(config) => prop_assert!(!config.issuers.is_empty() && config.issuers.len() == config.sources.len()),
            Err(errors) => {
                prop_assert!(errors.iter().count() > 0);
                prop_assert!(!errors.to_string().contains(CREDENTIAL));
            }
        }
    }
}

/// Collects the JSON Pointers of all values.
fn walk(value: &Value, at: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| {
            walk(
                inner,
                format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                paths,
            );
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, inner)| walk(inner, format!("{at}/{index}"), paths)),
        _ => {}
    }
    paths.push(at);
}
