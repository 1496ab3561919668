//! The number of look-ups, their concurrency, and invalid responses.

use super::*;
use std::collections::BTreeSet;

/// Returns the code after this answer of Graph.
fn after(bench: &mut Bench, token: &Token, answer: Answer) -> String {
    let (id, ruling) = bench.chat(&token.build());
    assert_eq!(code_of(&ruling), "waiting");
    bench.tick();
    bench.answer(answer);
    let resumed = bench.resume_woken();
    assert_eq!(resumed.len(), 1);
    assert_eq!(resumed[0].0, id);
    bench.gate.finish(id, Some(200), bench.now);
    resumed[0].1.clone()
}

#[test]
fn groups_from_several_calls_count_only_if_all_succeed() {
    let group = |index: usize| format!("bbbbbbbb-0000-4000-8000-{index:012}");
    let all: Vec<Value> = (0..45)
        .map(|index| json!({"group": group(index)}))
        .collect();
    let rules = json!([{"name": "r", "require": {"all": [all[0], all[25], all[44]]}},
        {"name": "s", "mode": "shadow", "require": {"any": all}}]);
    let mut bench = bench(rules);
    let (id, _) = bench.chat(&olga().build());
    bench.tick();
    let mut looked_up = BTreeSet::new();
    for part in 0..3 {
        let (_, groups) = next_lookup(&bench);
        assert_eq!(groups.len(), [20, 20, 5][part]);
        looked_up.extend(groups.clone());
        assert!(bench.resume_woken().is_empty());
        bench.answer(ok(json!({ "value": groups })));
    }
    assert_eq!(looked_up.len(), 45);
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);

    // If one part fails, the others are discarded.
    let (late, _) = bench.chat(&Token::of(Persona::Omar).build());
    bench.tick();
    let (_, groups) = next_lookup(&bench);
    bench.answer(ok(json!({ "value": groups })));
    bench.answer(failed(500));
    bench.answer(ok(json!({"value": []})));
    assert_eq!(bench.resume_woken(), [(late, "waiting".into())]);
    assert!(!bench.gate.is_permitted(late));
}

#[test]
fn look_up_is_shared_by_requests_and_cached_for_ttl() {
    let mut bench = bench(for_group());
    let token = olga();
    let ids: Vec<u32> = (0..50).map(|_| bench.chat(&token.build()).0).collect();
    bench.tick();
    bench.tick();
    assert_eq!(bench.calls.len(), 1);
    bench.answer(member_of(&[GROUP]));
    let resumed = bench.resume_woken();
    let expected: Vec<(u32, String)> = ids.iter().map(|id| (*id, "permitted".into())).collect();
    assert_eq!(resumed, expected);
    for _ in 0..59 {
        bench.advance(1);
        assert_eq!(bench.code(&token.build()), "permitted");
    }
    assert!(bench.calls.is_empty());
    bench.advance(1);
    let (id, ruling) = bench.chat(&token.build());
    assert_eq!(
        code_of(&ruling),
        "waiting",
        "the groups are cached for ttl and no longer"
    );
    bench.tick();
    bench.answer(member_of(&[]));
    assert_eq!(bench.resume_woken(), [(id, "rule_unsatisfied".into())]);
}

/// Returns the code and the recorded reason.
fn denied(bench: &mut Bench) -> (String, String) {
    let (id, mut ruling) = bench.chat(&olga().build());
    if code_of(&ruling) == "waiting" {
        bench.advance(2);
        let signatures = entragate::token::signature::Portable;
        ruling = bench.gate.resume(id, bench.now, &signatures).unwrap();
        bench.gate.take_wakeups();
    }
    assert_eq!(reply_of(&ruling).status, 403);
    bench.gate.take_notices();
    bench.gate.finish(id, Some(403), bench.now);
    let record = bench.audit().remove(0);
    let text = |name: &str| record[name].as_str().unwrap().to_owned();
    (text("code"), text("reason"))
}

#[test]
fn failed_look_up_denies_with_its_reason() {
    let mut slow = bench(for_group());
    let (code, reason) = denied(&mut slow);
    assert_eq!(code, "groups_overage");
    assert!(
        reason.contains("did not answer within wait.timeout"),
        "{reason}"
    );

    let garbage = Answer::of(200, None, br#"{"value":["x"]}"#.to_vec());
    let busy = Answer::of(429, Some(b"17"), Vec::new());
    for answer in [failed(500), failed(403), failed(401), busy, garbage] {
        let mut bench = bench(for_group());
        bench.chat(&olga().build());
        bench.tick();
        bench.answer(answer.clone());
        bench.calls.clear();
        bench.gate.take_notices();
        let (code, _) = denied(&mut bench);
        assert_eq!(code, "groups_overage", "{answer:?}");
        assert!(!bench.gate.is_permitted(1));
    }

    let mut unknown = bench(for_group());
    assert_eq!(after(&mut unknown, &olga(), failed(404)), "groups_overage");
    let reason = unknown.audit()[0]["reason"].clone();
    assert_eq!(reason, "Microsoft Graph does not know the caller");
    for _ in 0..29 {
        unknown.advance(1);
        assert_eq!(unknown.code(&olga().build()), "groups_overage");
    }
    assert!(
        unknown.calls.is_empty(),
        "the look-up is not repeated so soon"
    );
    unknown.advance(1);
    assert_eq!(
        after(&mut unknown, &olga(), member_of(&[GROUP])),
        "permitted"
    );
}

#[test]
fn failing_graph_is_not_called_until_the_pause_ends() {
    let mut bench = bench(for_group());
    let mut lookup_times = Vec::new();
    for second in 0..300 {
        let token = olga().claim("oid", format!("cccccccc-0000-4000-8000-{second:012}"));
        bench.chat(&token.build());
        bench.advance(1);
        while !bench.calls.is_empty() {
            lookup_times.push(second);
            bench.answer(failed(503));
        }
        for (_, code) in bench.resume_woken() {
            assert!(
                ["waiting", "groups_overage"].contains(&code.as_str()),
                "{code}"
            );
        }
    }
    // Calls after pauses of 1, 2, 4 … 60 s; each time, the waiting look-ups are made until one fails.
    let times: BTreeSet<u32> = lookup_times.iter().copied().collect();
    assert!(times.len() <= 11, "{lookup_times:?}");
    assert!(lookup_times.len() <= 30, "{lookup_times:?}");
    bench.advance(60);
    assert_eq!(after(&mut bench, &olga(), member_of(&[GROUP])), "permitted");

    let (id, _) = bench.chat(&Token::of(Persona::Omar).build());
    bench.tick();
    bench.answer(Answer::of(429, Some(b"17"), Vec::new()));
    assert_eq!(
        bench.resume_woken(),
        [(id, "groups_overage".into())],
        "waiting would not help"
    );
    bench.advance(16);
    assert_eq!(
        bench.code(&Token::of(Persona::Nora).build()),
        "rule_unsatisfied"
    );
    let (id, ruling) = bench.chat(&Token::of(Persona::Omar).build());
    assert_eq!(code_of(&ruling), "waiting", "the pause ends soon");
    assert!(bench.calls.is_empty());
    bench.advance(1);
    bench.answer(member_of(&[GROUP]));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
}

#[test]
fn concurrent_look_ups_and_parked_requests_are_limited() {
    let mut settings = with_graph(for_group());
    settings["wait"] = json!({"requests": 40});
    let mut bench = bench_of(&settings);
    let token = |index: usize| olga().claim("oid", format!("cccccccc-0000-4000-8000-{index:012}"));
    let ids: Vec<u32> = (0..40)
        .map(|index| bench.chat(&token(index).build()).0)
        .collect();
    assert_eq!(
        bench.code(&token(40).build()),
        "groups_overage",
        "the number of parked requests is limited"
    );
    bench.tick();
    assert_eq!(bench.calls.len(), 16);
    let mut done = Vec::new();
    while !bench.calls.is_empty() {
        assert!(bench.calls.len() <= 16);
        bench.answer(member_of(&[GROUP]));
        bench.tick();
        done.extend(bench.resume_woken());
    }
    let expected: Vec<(u32, String)> = ids.iter().map(|id| (*id, "permitted".into())).collect();
    assert_eq!(done, expected, "the next look-ups follow in order");
}
