//! Known faults of similar gateways that no other test covers.

use super::support::*;
use entragate::fetch::callout::{Answer, CalloutError};
use serde_json::json;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;

#[test]
fn request_parked_at_cold_start_is_never_forwarded_unauthenticated() {
    let settings = settings();
    // The ways in which the wait can end: other keys, invalid responses, an outage, a timeout.
    type End = fn(&mut Bench);
    let ends: [(&str, End); 5] = [
        ("another signer's keys", |bench| {
            bench.answer(jwks(&[&keys::other_rsa()]))
        }),
        ("no keys", |bench| bench.answer(ok(json!({"keys": []})))),
        ("garbage", |bench| {
            bench.answer(Answer::Response {
                status: 200,
                body: vec![0xff; 9],
            })
        }),
        ("an outage", |bench| {
            bench.answer(Answer::Failed(CalloutError::Interrupted))
        }),
        ("nothing", |_| {}),
    ];
    for (label, end) in ends {
        let mut bench = Bench::cold(&settings);
        let (good, _) = bench.chat(&ada().build());
        let (none, ruling) = bench.send(&[(":method", "POST"), (":path", "/v1/chat/completions")]);
        assert_eq!(code_of(&ruling), "token_missing");
        end(&mut bench);
        for _ in 0..40 {
            bench.resume_woken();
            assert!(
                !bench.gate.is_permitted(good) && !bench.gate.is_permitted(none),
                "{label}"
            );
            bench.advance(1);
        }
    }
}

#[test]
fn forged_kids_trigger_one_fetch_per_cooldown_even_without_keys() {
    let mut bench = Bench::cold(&settings());
    // The kid is looked up before the signature is verified, so the tokens need not be signed.
    let token = ada().build();
    let (_, tail) = token.split_once('.').unwrap();
    let mut fetches = 0;
    for second in 0..300 {
        for n in 0..20 {
            let header = ada().header("kid", format!("{second}-{n}"));
            let token = format!("{}.{tail}", super::segment(&header.header_value()));
            let (id, _) = bench.chat(&token);
            bench.gate.finish(id, None, bench.now);
        }
        fetches += bench.calls.len();
        while !bench.calls.is_empty() {
            bench.answer(Answer::Failed(CalloutError::Interrupted));
        }
        bench.advance(1);
    }
    // Pauses of 1, 2, 4, 8, 16 and then 30 seconds.
    assert!((8..=16).contains(&fetches), "{fetches}");
}

#[test]
fn outage_is_never_reported_as_an_invalid_token() {
    let mut bench = Bench::cold(&settings());
    for _ in 0..8 {
        while !bench.calls.is_empty() {
            bench.answer(Answer::Response {
                status: 503,
                body: Vec::new(),
            });
        }
        let (id, ruling) = bench.chat(&ada().build());
        if code_of(&ruling) != "waiting" {
            let reply = reply_of(&ruling);
            assert_eq!(reply.status, 502);
            assert_eq!(header_of(&ruling, "www-authenticate"), None);
            assert_eq!(
                header_of(&ruling, "x-error-code").as_deref(),
                Some("keys_unavailable")
            );
        }
        bench.gate.finish(id, None, bench.now);
        bench.advance(1);
    }
    assert!(!bench.audit().is_empty(), "some requests were decided");
}

#[test]
fn scopes_roles_and_groups_are_read_from_string_or_list() {
    for (require, claim, text, list) in [
        (
            json!({"scope": "b"}),
            "scp",
            json!("a b c"),
            json!(["a", "b"]),
        ),
        (json!({"role": "b"}), "roles", json!("b"), json!(["a", "b"])),
        (
            json!({"group": "b"}),
            "groups",
            json!("b"),
            json!(["a", "b"]),
        ),
    ] {
        let settings = with_rules(json!([{"name": "r", "require": require}]));
        for value in [text, list] {
            let token = ada().claim(claim, value.clone());
            assert_eq!(
                Bench::warm(&settings).code(&token.build()),
                "permitted",
                "{claim}: {value}"
            );
        }
        for near in [json!("ab"), json!("B"), json!(["ba"]), json!([])] {
            let token = ada().claim(claim, near.clone());
            let found = Bench::warm(&settings).code(&token.build());
            assert_eq!(found, "rule_unsatisfied", "{claim}: {near}");
        }
    }
}

#[test]
fn token_with_200_groups_is_cached() {
    let mut settings = settings();
    settings["cache"] = json!({"ttl": "1h"});
    let mut bench = Bench::warm(&settings);
    let groups: Vec<String> = (0..200)
        .map(|n| format!("{n:08}-1111-1111-1111-111111111111"))
        .collect();
    let token = ada().claim("groups", json!(groups)).build();
    assert!(token.len() > 10_000);
    for method in ["wasm", "cache"] {
        assert_eq!(bench.code(&token), "permitted");
        assert_eq!(bench.audit()[0]["verified_by"], method);
    }
}

#[test]
fn metric_names_do_not_grow_with_callers() {
    let mut bench = Bench::warm(&settings());
    let mut names = std::collections::BTreeSet::new();
    for n in 0..60 {
        let token = Token::of(Persona::Ada)
            .claim("oid", format!("oid-{n}"))
            .claim("azp", format!("app-{n}"));
        let (id, _) = bench.send(&[
            (":method", "POST"),
            (":path", &format!("/v1/{n}")),
            (":authority", &format!("host-{n}")),
            ("authorization", &format!("Bearer {}", token.build())),
        ]);
        bench.gate.finish(id, Some(200), bench.now);
        for notice in bench.gate.take_notices() {
            if let entragate::gate::Notice::Count(name) = notice {
                names.insert(name);
            }
        }
    }
    assert!(names.len() <= 6, "{names:?}");
}
