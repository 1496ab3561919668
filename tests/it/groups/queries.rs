//! The callers and groups that are looked up, and the effect of the result.

use super::*;
use entragate::gate::{Notice, Return, StreamId};
use entragate::http::headers::Headers;
use testbed::persona::{GUEST_TENANT, TENANT};

#[test]
fn graph_decides_if_the_token_omits_groups() {
    let upper = GROUP.to_uppercase();
    let deny = json!([
        {"name": "all", "require": {"issuer": "contoso"}},
        {"name": "ban", "require": {"group": GROUP}, "effect": "deny"},
    ]);
    let not = json!([{"name": "others", "require": {"not": {"group": GROUP}}}]);
    for (rules, member, code) in [
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
            let expected_groups = vec![GROUP.to_ascii_lowercase()];
            assert_eq!(
                next_lookup(&bench),
                (path, expected_groups),
                "the URL in the token is never called"
            );
            bench.answer(member_of(&member));
            assert_eq!(bench.resume_woken()[0].1, code, "{rules} {member:?}");
        }
    }
}

#[test]
fn groups_are_not_looked_up_if_the_decision_does_not_depend_on_them() {
    let group = json!({"group": GROUP});
    let member = ada().claim("groups", json!([GROUP.to_lowercase()]));
    for (rules, token, code) in [
        (for_group(), ada(), "rule_unsatisfied"),
        (
            json!([{"name": "r", "require": {"issuer": "contoso"}}]),
            olga(),
            "permitted",
        ),
        (
            json!([{"name": "r", "require": {"issuer": "contoso"}}, {"name": "g", "require": group}]),
            olga(),
            "permitted",
        ),
        (
            json!([{"name": "g", "require": group, "match": {"paths": ["/other"]}},
                {"name": "r", "require": {"role": "x"}}]),
            olga(),
            "rule_unsatisfied",
        ),
        (
            json!([{"name": "g", "require": {"all": [{"role": "x"}, group]}}]),
            olga(),
            "rule_unsatisfied",
        ),
        (
            json!([{"name": "ban", "require": {"tenant": TENANT}, "effect": "deny"},
                {"name": "g", "require": group}]),
            olga(),
            "denied_by_rule",
        ),
        (
            json!([{"name": "g", "require": {"group": "sales"}}]),
            olga(),
            "groups_overage",
        ),
        // The caller's kind is unknown and cannot be determined by groups.
        (
            json!([{"name": "r", "require": {"all": [group, {"kind": "app"}]}}]),
            member.without("scp"),
            "rule_unsatisfied",
        ),
        (
            json!([{"name": "r", "require": {"kind": "app"}},
                {"name": "g", "require": group, "match": {"paths": ["/other"]}}]),
            olga().without("scp"),
            "rule_unsatisfied",
        ),
    ] {
        let settings = with_graph(rules.clone());
        let mut bench = Bench::warm(&settings);
        bench.calls.clear();
        assert_eq!(bench.code(&token.build()), code, "{rules}");
        bench.tick();
        assert!(bench.calls.is_empty(), "{rules}: {:?}", bench.calls);
    }
}

#[test]
fn only_group_ids_in_rules_of_the_issuer_are_looked_up() {
    let mut settings = with_graph(json!([
        {"name": "ours", "require": {"any": [{"group": GROUP}, {"group": "sales"}]}},
        {"name": "theirs", "match": {"issuers": ["fabrikam"]}, "require": {"group": OTHER}},
    ]));
    let fabrikam = json!({"name": "fabrikam", "entra": {"tenants": [GUEST_TENANT]},
        "audiences": ["api://hf"], "jwks": {"inline": {"keys": [testbed::keys::rsa().to_jwk()]}}});
    settings["issuers"].as_array_mut().unwrap().push(fabrikam);
    let mut bench = bench_of(&settings);
    bench.chat(&olga().build());
    bench.tick();
    assert_eq!(next_lookup(&bench).1, [GROUP.to_lowercase()]);
}

#[test]
fn earlier_rule_takes_precedence_over_a_look_up() {
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
fn caller_is_looked_up_in_the_collection_of_its_kind() {
    let overage = json!({"groups": "src1"});
    let robot = Token::of(Persona::Robot).claim("_claim_names", overage.clone());
    let scout = Token::of(Persona::Scout).claim("_claim_names", overage.clone());
    let mate = Token::of(Persona::Mate).claim("_claim_names", overage);
    let unknown = olga().without("scp");
    for (token, collection) in [
        (robot, "servicePrincipals"),
        (scout, "servicePrincipals"),
        (mate, "users"),
        (unknown, "directoryObjects"),
    ] {
        let mut bench = bench(for_group());
        bench.chat(&token.build());
        bench.tick();
        let path = format!("/v1.0/{collection}/{}/checkMemberGroups", oid(&token));
        assert_eq!(next_lookup(&bench).0, path);
    }
}

#[test]
fn shadow_rule_looks_up_groups_without_parking() {
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
    assert_eq!(
        bench.audit()[0]["shadow"],
        json!([]),
        "the groups are known by now"
    );

    let mut unavailable = bench_of(&with_graph(rules));
    for _ in 0..5 {
        assert_eq!(unavailable.code(&olga().build()), "permitted");
        unavailable.tick();
        while !unavailable.calls.is_empty() {
            unavailable.answer(failed(500));
        }
    }
}

#[test]
fn groups_are_not_looked_up_before_signature_and_revocation() {
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
fn invalid_oid_is_never_put_into_a_url() {
    let hostile = olga().claim("oid", "../../groups/x");
    let mut bench = bench(for_group());
    assert_eq!(bench.code(&hostile.build()), "groups_overage");
    bench.tick();
    assert!(bench.calls.is_empty());
}

#[test]
fn model_and_groups_are_determined_sequentially() {
    let mut bench =
        bench(json!([{"name": "r", "require": {"group": GROUP}, "match": {"models": ["meta/*"]}}]));
    let authorization = format!("Bearer {}", olga().build());
    let mut headers = entragate::http::headers::Headers::from_iter([
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "x"),
        ("content-type", "application/json"),
        ("authorization", authorization.as_str()),
    ]);
    headers.is_all = false;
    let (id, ruling) = bench.send_headers(headers);
    assert_eq!(code_of(&ruling), "inspecting");
    let signatures = entragate::token::signature::Portable;
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

#[test]
fn list_of_tools_or_models_waits_for_groups_that_it_depends_on() {
    let at = |mcp: Value| json!({"paths": ["/mcp"], "mcp": mcp});
    let tool = at(json!({"tools": ["a"]}));
    let list = json!({"name": "list", "match": {"methods": ["GET"], "paths": ["/mcp"]}, "require": {"issuer": "contoso"}});
    let tools = json!([list, {"name": "group", "match": tool, "require": {"group": GROUP}}]);
    let with_deny = json!([
        list,
        {"name": "ban", "match": tool, "require": {"group": GROUP}, "effect": "deny"},
        {"name": "all", "match": at(json!({"methods": ["**"]})), "require": {"issuer": "contoso"}},
    ]);
    let models = json!([
        {"name": "list", "match": {"methods": ["GET"]}, "require": {"issuer": "contoso"}},
        {"name": "group", "match": {"models": ["a/*"]}, "require": {"group": GROUP}},
    ]);
    for (rules, path, member, is_shown) in [
        (&tools, "/mcp", true, true),
        (&tools, "/mcp", false, false),
        (&with_deny, "/mcp", true, false),
        (&with_deny, "/mcp", false, true),
        (&models, "/v1/models", true, true),
        (&models, "/v1/models", false, false),
    ] {
        let case = format!("{rules} {member}");
        let mut bench = bench(rules.clone());
        let authorization = format!("Bearer {}", olga().build());
        let mut headers = Headers::from_iter([
            (":method", "GET"),
            (":path", path),
            (":authority", "h.example"),
            ("authorization", &authorization),
        ]);
        headers.is_all = true;
        let (id, ruling) = bench.send_headers(headers);
        assert_eq!(code_of(&ruling), "waiting", "{case}");
        bench.tick();
        bench.answer(member_of(if member { &[GROUP] } else { &[] }));
        assert_eq!(bench.resume_woken()[0].1, "permitted", "{case}");
        assert_eq!(shows(&mut bench, id, path == "/mcp"), is_shown, "{case}");
    }
}

/// Passes a list with one entry to the gate, and returns whether the caller gets the entry.
fn shows(bench: &mut Bench, id: StreamId, are_tools: bool) -> bool {
    let kind = if are_tools {
        "text/event-stream"
    } else {
        "application/json"
    };
    let headers = Headers::from_iter([(":status", "200"), ("content-type", kind)]);
    bench.gate.response(id, &headers, None);
    if are_tools {
        let event = "data: {\"result\":{\"tools\":[{\"name\":\"a\"}]}}\n\n";
        let passed = bench.gate.filter_piece(id, Some(event.as_bytes()), true);
        return passed.unwrap() == event.as_bytes();
    }
    let body = json!({"data": [{"id": "a/b"}]}).to_string();
    let returned = bench.gate.response_body(id, Some(body.as_bytes()), true);
    let Return::Rewrite { body, .. } = returned.unwrap().step else {
        panic!("the list is not rewritten")
    };
    body.contains("a/b")
}
