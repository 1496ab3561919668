//! Callers with too many groups for a token, looked up in Microsoft Graph.

mod support;

use entragate::callout::Answer;
use entragate::gate::Notice;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::*;
use testbed::mint::Token;
use testbed::persona::{Persona, TENANT};

const GROUP: &str = "AAAAAAAA-0000-4000-8000-000000000001";
const OTHER: &str = "aaaaaaaa-0000-4000-8000-000000000002";

/// Contoso with look-ups, and these rules.
fn with_graph(rules: Value) -> Value {
    let mut settings = with_rules(rules);
    settings["issuers"][0]["groups_overage"] = json!({"graph": {"cluster": "graph", "ttl": "60s",
        "timeout": "1s",
        "auth": {"managed_identity": {"cluster": "imds", "resource": "https://graph.microsoft.com"}}}});
    settings
}

/// A bench with keys and a token for Graph.
fn bench(rules: Value) -> Bench {
    bench_of(&with_graph(rules))
}

fn bench_of(settings: &Value) -> Bench {
    let mut bench = Bench::warm(settings);
    assert_eq!(bench.calls[0].callout.target.cluster, "imds");
    bench.answer(ok(
        json!({"access_token": "graph-token", "expires_in": 3600}),
    ));
    bench.tick();
    assert!(bench.calls.is_empty(), "nobody is looked up ahead");
    bench
}

fn for_group() -> Value {
    json!([{"name": "scientists", "require": {"group": GROUP}}])
}

fn olga() -> Token {
    Token::of(Persona::Olga)
}

/// What Graph is asked next: the path, and the groups.
fn question(bench: &Bench) -> (String, Vec<String>) {
    let callout = &bench.calls[0].callout;
    assert_eq!(
        (callout.method, callout.target.authority.as_str()),
        ("POST", "graph.microsoft.com")
    );
    let bearer = ("authorization".to_owned(), "Bearer graph-token".to_owned());
    assert!(callout.headers.contains(&bearer));
    let body: Value = serde_json::from_slice(&callout.body).unwrap();
    let groups = serde_json::from_value(body["groupIds"].clone()).unwrap();
    (callout.target.path.clone(), groups)
}

fn member_of(groups: &[&str]) -> Answer {
    ok(json!({"@odata.context": "x", "value": groups}))
}

fn failed(status: u16) -> Answer {
    Answer::of(status, None, Vec::new())
}

/// The code once Graph has answered so.
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

fn oid(token: &Token) -> String {
    token.claims_value()["oid"].as_str().unwrap().to_owned()
}

#[test]
fn graph_decides_where_the_token_does_not_tell() {
    let upper = GROUP.to_uppercase();
    let deny = json!([
        {"name": "all", "require": {"issuer": "contoso"}},
        {"name": "ban", "require": {"group": GROUP}, "effect": "deny"},
    ]);
    let not = json!([{"name": "others", "require": {"not": {"group": GROUP}}}]);
    for (rules, held, code) in [
        (for_group(), vec![upper.as_str()], "permitted"),
        (for_group(), vec![], "rule_unsatisfied"),
        (for_group(), vec![OTHER], "rule_unsatisfied"),
        (deny.clone(), vec![GROUP], "denied_by_rule"),
        (deny, vec![], "permitted"),
        (not.clone(), vec![GROUP], "rule_unsatisfied"),
        (not, vec![], "permitted"),
    ] {
        for token in [olga(), Token::of(Persona::Omar)] {
            let mut bench = bench(rules.clone());
            let (_, ruling) = bench.chat(&token.build());
            assert_eq!(code_of(&ruling), "waiting");
            bench.tick();
            let path = format!("/v1.0/users/{}/checkMemberGroups", oid(&token));
            let asked = vec![GROUP.to_ascii_lowercase()];
            assert_eq!(
                question(&bench),
                (path, asked),
                "never what the token names"
            );
            bench.answer(member_of(&held));
            assert_eq!(bench.resume_woken()[0].1, code, "{rules} {held:?}");
        }
    }
}

#[test]
fn nobody_is_asked_for_where_the_decision_does_not_hang_on_it() {
    let group = json!({"group": GROUP});
    let ada = Persona::Ada;
    for (rules, persona, code) in [
        (for_group(), ada, "rule_unsatisfied"),
        (
            json!([{"name": "r", "require": {"issuer": "contoso"}}]),
            Persona::Olga,
            "permitted",
        ),
        (
            json!([{"name": "r", "require": {"issuer": "contoso"}}, {"name": "g", "require": group}]),
            Persona::Olga,
            "permitted",
        ),
        (
            json!([{"name": "g", "require": group, "match": {"paths": ["/other"]}},
                {"name": "r", "require": {"role": "x"}}]),
            Persona::Olga,
            "rule_unsatisfied",
        ),
        (
            json!([{"name": "g", "require": {"all": [{"role": "x"}, group]}}]),
            Persona::Olga,
            "rule_unsatisfied",
        ),
        (
            json!([{"name": "ban", "require": {"tenant": TENANT}, "effect": "deny"},
                {"name": "g", "require": group}]),
            Persona::Olga,
            "denied_by_rule",
        ),
        (
            json!([{"name": "g", "require": {"group": "sales"}}]),
            Persona::Olga,
            "groups_overage",
        ),
    ] {
        let settings = with_graph(rules.clone());
        let mut bench = Bench::warm(&settings);
        bench.calls.clear();
        assert_eq!(bench.code(&Token::of(persona).build()), code, "{rules}");
        bench.tick();
        assert!(bench.calls.is_empty(), "{rules}: {:?}", bench.calls);
    }
}

#[test]
fn a_rule_that_comes_first_counts_first() {
    let mut settings = with_graph(json!([
        {"name": "special", "require": {"group": GROUP}},
        {"name": "everyone", "require": {"issuer": "contoso"}},
    ]));
    settings["credentials"] = json!([{"name": "hf-read", "value": CREDENTIAL}]);
    for (answer, rule) in [
        (member_of(&[GROUP]), "special"),
        (member_of(&[]), "everyone"),
        (failed(500), "everyone"),
    ] {
        let mut bench = bench_of(&settings);
        bench.now = bench.now.plus(std::time::Duration::from_millis(1));
        let (id, _) = bench.chat(&olga().build());
        bench.tick();
        bench.answer(answer.clone());
        let mut resumed = bench.resume_woken();
        if resumed[0].1 == "waiting" {
            bench.advance(1);
            bench.answer(answer);
            bench.advance(1);
            resumed = bench.resume_woken();
        }
        assert_eq!(resumed, [(id, "permitted".into())]);
        bench.gate.finish(id, Some(200), bench.now);
        assert_eq!(bench.audit()[0]["rule"], rule);
    }
}

#[test]
fn applications_are_asked_for_as_such() {
    let overage = json!({"groups": "src1"});
    let robot = Token::of(Persona::Robot).claim("_claim_names", overage.clone());
    let unknown = olga().without("scp");
    for (token, collection) in [(robot, "servicePrincipals"), (unknown, "directoryObjects")] {
        let mut bench = bench(for_group());
        bench.chat(&token.build());
        bench.tick();
        let path = format!("/v1.0/{collection}/{}/checkMemberGroups", oid(&token));
        assert_eq!(question(&bench).0, path);
    }
}

#[test]
fn many_groups_take_several_calls_and_count_only_together() {
    let group = |index: usize| format!("bbbbbbbb-0000-4000-8000-{index:012}");
    let all: Vec<Value> = (0..45)
        .map(|index| json!({"group": group(index)}))
        .collect();
    let rules = json!([{"name": "r", "require": {"all": [all[0], all[25], all[44]]}},
        {"name": "s", "mode": "shadow", "require": {"any": all}}]);
    let mut bench = bench(rules);
    let (id, _) = bench.chat(&olga().build());
    bench.tick();
    let mut asked = BTreeSet::new();
    for part in 0..3 {
        let (_, groups) = question(&bench);
        assert_eq!(groups.len(), [20, 20, 5][part]);
        asked.extend(groups.clone());
        assert!(bench.resume_woken().is_empty());
        bench.answer(ok(json!({ "value": groups })));
    }
    assert_eq!(asked.len(), 45);
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);

    // One bad part, and the rest tells nothing.
    let (late, _) = bench.chat(&Token::of(Persona::Omar).build());
    bench.tick();
    let (_, groups) = question(&bench);
    bench.answer(ok(json!({ "value": groups })));
    bench.answer(failed(500));
    bench.answer(ok(json!({"value": []})));
    assert_eq!(bench.resume_woken(), [(late, "waiting".into())]);
    assert!(!bench.gate.is_permitted(late));
}

#[test]
fn one_question_for_many_requests_and_for_as_long_as_ttl() {
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
    assert_eq!(code_of(&ruling), "waiting", "known for ttl and no longer");
    bench.tick();
    bench.answer(member_of(&[]));
    assert_eq!(bench.resume_woken(), [(id, "rule_unsatisfied".into())]);
}

/// The code and the record's reason.
fn denied(bench: &mut Bench) -> (String, String) {
    let (id, mut ruling) = bench.chat(&olga().build());
    if code_of(&ruling) == "waiting" {
        bench.advance(2);
        let signatures = entragate::token::signature::JwtSimple;
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
fn what_graph_does_not_tell_denies_with_its_reason() {
    let mut slow = bench(for_group());
    let (code, reason) = denied(&mut slow);
    assert_eq!(code, "groups_overage");
    assert!(
        reason.contains("not answered within wait.timeout"),
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

    let mut gone = bench(for_group());
    assert_eq!(after(&mut gone, &olga(), failed(404)), "groups_overage");
    let reason = gone.audit()[0]["reason"].clone();
    assert_eq!(reason, "Microsoft Graph does not know the caller");
    for _ in 0..29 {
        gone.advance(1);
        assert_eq!(gone.code(&olga().build()), "groups_overage");
    }
    assert!(gone.calls.is_empty(), "not asked for again so soon");
    gone.advance(1);
    assert_eq!(after(&mut gone, &olga(), member_of(&[GROUP])), "permitted");
}

#[test]
fn a_failing_graph_is_left_alone_and_comes_back() {
    let mut bench = bench(for_group());
    let mut asked = Vec::new();
    for second in 0..300 {
        let token = olga().claim("oid", format!("cccccccc-0000-4000-8000-{second:012}"));
        bench.chat(&token.build());
        bench.advance(1);
        while !bench.calls.is_empty() {
            asked.push(second);
            bench.answer(failed(503));
        }
        for (_, code) in bench.resume_woken() {
            assert!(
                ["waiting", "groups_overage"].contains(&code.as_str()),
                "{code}"
            );
        }
    }
    // 1, 2, 4 … 60 s; each time the ones that wait are asked for, until one fails.
    let times: BTreeSet<u32> = asked.iter().copied().collect();
    assert!(times.len() <= 11, "{asked:?}");
    assert!(asked.len() <= 30, "{asked:?}");
    bench.advance(60);
    assert_eq!(after(&mut bench, &olga(), member_of(&[GROUP])), "permitted");

    let (id, _) = bench.chat(&Token::of(Persona::Omar).build());
    bench.tick();
    bench.answer(Answer::of(429, Some(b"17"), Vec::new()));
    assert_eq!(
        bench.resume_woken(),
        [(id, "groups_overage".into())],
        "it would not help to wait"
    );
    bench.advance(16);
    assert_eq!(
        bench.code(&Token::of(Persona::Nora).build()),
        "rule_unsatisfied"
    );
    let (id, ruling) = bench.chat(&Token::of(Persona::Omar).build());
    assert_eq!(code_of(&ruling), "waiting", "soon it may be asked");
    assert!(bench.calls.is_empty());
    bench.advance(1);
    bench.answer(member_of(&[GROUP]));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
}

#[test]
fn shadow_rules_look_up_without_keeping_anyone_waiting() {
    let rules = json!([
        {"name": "all", "require": {"issuer": "contoso"}},
        {"name": "later", "mode": "shadow", "effect": "deny", "require": {"not": {"group": GROUP}}},
    ]);
    let mut bench = bench(rules.clone());
    assert_eq!(bench.code(&olga().build()), "permitted");
    assert_eq!(
        bench.audit()[0]["shadow"][0],
        json!({"rule": "later", "would": "deny"})
    );
    bench.tick();
    bench.answer(member_of(&[GROUP]));
    assert_eq!(bench.code(&olga().build()), "permitted");
    assert_eq!(bench.audit()[0]["shadow"], json!([]), "known by now");

    let mut down = bench_of(&with_graph(rules));
    for _ in 0..5 {
        assert_eq!(down.code(&olga().build()), "permitted");
        down.tick();
        while !down.calls.is_empty() {
            down.answer(failed(500));
        }
    }
}

#[test]
fn look_ups_at_once_and_requests_that_wait_are_bounded() {
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
        "the room is full"
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
    assert_eq!(done, expected, "and the next in line follows");
}

#[test]
fn nobody_is_asked_for_before_signature_and_feed() {
    let mut settings = with_graph(for_group());
    settings["revocation"] = json!({"cluster": "ops", "uri": "https://ops/revoked.json"});
    let mut bench = Bench::warm(&settings);
    bench.answer(ok(
        json!({"access_token": "graph-token", "expires_in": 3600}),
    ));
    bench.answer(ok(json!({"oids": [oid(&olga())]})));
    assert_eq!(bench.code(&olga().build()), "token_revoked");
    let forged = Token::of(Persona::Omar).corrupt_signature().build();
    assert_eq!(bench.code(&forged), "signature_invalid");
    bench.tick();
    assert!(bench.calls.is_empty());
}

#[test]
fn an_oid_that_is_none_is_never_put_in_an_address() {
    let hostile = olga().claim("oid", "../../groups/x");
    let mut bench = bench(for_group());
    assert_eq!(bench.code(&hostile.build()), "groups_overage");
    bench.tick();
    assert!(bench.calls.is_empty());
}

#[test]
fn the_model_and_the_groups_are_found_out_one_after_the_other() {
    let mut bench =
        bench(json!([{"name": "r", "require": {"group": GROUP}, "match": {"models": ["meta/*"]}}]));
    let authorization = format!("Bearer {}", olga().build());
    let mut headers = entragate::request::Headers::from_iter([
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "x"),
        ("content-type", "application/json"),
        ("authorization", authorization.as_str()),
    ]);
    headers.is_all = false;
    let (id, ruling) = bench.send_headers(headers);
    assert_eq!(code_of(&ruling), "inspecting");
    let signatures = entragate::token::signature::JwtSimple;
    let body = br#"{"model":"meta/llama"}"#;
    let ruling = bench
        .gate
        .body(id, Some(body), true, bench.now, &signatures)
        .unwrap();
    assert_eq!(code_of(&ruling), "waiting");
    assert!(!bench.gate.is_permitted(id));
    bench.tick();
    bench.answer(member_of(&[GROUP]));
    assert_eq!(bench.resume_woken(), [(id, "permitted".into())]);
    let counts = bench.gate.take_notices();
    let good = Notice::Count("entragate.group_lookups.contoso.good".into());
    assert!(counts.contains(&good));
}
