//! The limits on held bodies under any order of events.

use super::limits::{held, limited, picture};
use super::*;
use proptest::prelude::*;
use std::sync::OnceLock;
use std::time::Duration;

/// An event of requests whose bodies are held.
#[derive(Clone, Debug)]
enum Event {
    /// A request whose body is read for its model, or only held while the keys are fetched.
    Open {
        read: bool,
    },
    Piece {
        request: usize,
        bytes: usize,
    },
    End {
        request: usize,
    },
    HangUp {
        request: usize,
    },
    Advance {
        millis: u64,
    },
    Keys,
}

fn event() -> impl Strategy<Value = Event> {
    let request = 0..12_usize;
    prop_oneof![
        4 => any::<bool>().prop_map(|read| Event::Open { read }),
        6 => (request.clone(), 0..60_usize).prop_map(|(request, bytes)| Event::Piece { request, bytes }),
        1 => request.clone().prop_map(|request| Event::End { request }),
        1 => request.prop_map(|request| Event::HangUp { request }),
        2 => (1..4000_u64).prop_map(|millis| Event::Advance { millis }),
        1 => Just(Event::Keys),
    ]
}

/// A request that the host holds, with the received part of its body and its start time.
struct Open {
    id: StreamId,
    read: bool,
    bytes: usize,
    started: entragate::time::Timestamp,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// For any order of events: the limits are respected, the held bytes are those of open requests, and no request is held
    /// longer than the sum of both timeouts.
    #[test]
    fn any_order_of_events_stays_within_the_limits(events in proptest::collection::vec(event(), 1..120)) {
        static TOKEN: OnceLock<String> = OnceLock::new();
        let token = TOKEN.get_or_init(|| ada().build());
        let mut settings = limited(json!({"body_inspected": 150, "inspections": 4,
            "inspected_bytes": 200, "inspection_timeout": "5s"}));
        settings["wait"] = json!({"timeout": "2s"});
        let mut bench = Bench::cold(&settings);
        let mut open: Vec<Open> = Vec::new();
        // Decided but not ended: their bodies no longer count toward the limits.
        let mut decided: Vec<StreamId> = Vec::new();
        for event in events {
            match event {
                Event::Open { read } => {
                    let request = if read { sent("/v1/x", "") } else { picture("/models/meta/x") };
                    let request = Sent { token: Some(token.clone()), ..request };
                    let (id, ruling) = request.begin(&mut bench);
                    match ruling.step {
                        Step::Wait | Step::Inspect => {
                            open.push(Open { id, read, bytes: 0, started: bench.now });
                        }
                        _ => decided.push(id),
                    }
                }
                Event::Piece { request, bytes } if request < open.len() => {
                    let Open { id, read, bytes: held, .. } = &mut open[request];
                    *held += bytes;
                    let piece = vec![b' '; bytes];
                    let ruling = if *read && bench.gate.wants_body(*id) {
                        bench.gate.body(*id, Some(&piece), false, bench.now, &Portable)
                    } else {
                        bench.gate.body_held(*id, *held)
                    };
                    if ruling.is_some_and(|ruling| ruling.step != Step::Wait) {
                        decided.push(open.remove(request).id);
                    }
                }
                Event::End { request } if request < open.len() => {
                    let id = open[request].id;
                    let ruling = bench.gate.body(id, Some(b""), true, bench.now, &Portable);
                    if ruling.is_some_and(|ruling| ruling.step != Step::Wait) {
                        decided.push(open.remove(request).id);
                    }
                }
                Event::HangUp { request } if request < open.len() => {
                    bench.gate.finish(open.remove(request).id, None, bench.now);
                }
                Event::Advance { millis } => {
                    bench.now = bench.now.plus(Duration::from_millis(millis));
                    bench.tick();
                }
                Event::Keys if !bench.calls.is_empty() => bench.answer(jwks(&[&keys::rsa()])),
                _ => {}
            }
            for (id, code) in bench.resume_woken() {
                if code != "waiting" && code != "inspecting" {
                    open.retain(|request| request.id != id);
                    decided.push(id);
                }
            }
            let (bodies, bytes) = held(&bench);
            prop_assert!(bodies <= 4 && bytes <= 200, "{bodies} bodies, {bytes} bytes");
            let sum: usize = open.iter().map(|request| request.bytes).sum();
            prop_assert_eq!(bytes, sum as u64);
            for request in &open {
                let age = bench.now.since(request.started);
                prop_assert!(age < Duration::from_secs(7), "held for {age:?}");
            }
        }
        for request in open {
            bench.gate.finish(request.id, None, bench.now);
        }
        prop_assert_eq!(held(&bench), (0, 0));
        for id in decided {
            bench.gate.finish(id, Some(200), bench.now);
        }
        prop_assert_eq!(held(&bench), (0, 0));
    }
}
