//! Cases and tables of cases, and what they compare.

use super::*;

fn chat() -> Value {
    json!({"method": "POST", "path": "/v1/chat/completions", "model": "meta-llama/x"})
}

fn querier() -> Value {
    json!({"issuer": "contoso", "roles": ["Model.Query"]})
}

#[test]
fn case_passes_only_if_every_expected_part_matches_the_decision() {
    for (expect, holds) in [
        (json!({"permit": "llama"}), true),
        (json!({"permit": "llama", "credential": "hf-read"}), true),
        (json!({"permit": "writers"}), false),
        (json!({"permit": "llama", "credential": "hf-write"}), false),
        (json!({"credential": "none"}), false),
        (json!({"deny": "rule_unsatisfied"}), false),
        (json!({"shadow": []}), false),
        (json!({"shadow": ["observed"]}), true),
        (json!("permitted"), true),
        (json!("anonymous"), false),
    ] {
        let case = json!({"name": "a", "caller": querier(), "request": chat(), "expect": expect});
        let (status, json) = results(&policy(), json!([case]));
        assert_eq!(status, i32::from(!holds), "{expect}");
        assert_eq!(json["cases"][0]["ok"], holds, "{expect}");
        let got = json!({"decision": "permit", "code": "permitted", "rule": "llama", "credential": "hf-read",
                         "shadow": {"observed": "deny"}});
        assert_eq!(json["cases"][0]["got"], got);
    }
}

#[test]
fn denial_is_compared_by_its_code() {
    let nora = json!({"issuer": "contoso", "kind": "app"});
    for (expect, holds) in [
        (json!({"deny": "rule_unsatisfied"}), true),
        (json!({"deny": "no_rule"}), false),
        (json!({"permit": "llama"}), false),
        (json!({"shadow": ["observed"]}), true),
        (json!({"shadow": {"observed": "deny"}}), true),
        (json!({"shadow": {"observed": "permit"}}), false),
        (json!({"shadow": []}), false),
        (json!({"credential": "none"}), true),
    ] {
        let case = json!({"name": "a", "caller": nora, "request": chat(), "expect": expect});
        let (status, _) = results(&policy(), json!([case]));
        assert_eq!(status, i32::from(!holds), "{expect}");
    }
}

#[test]
fn request_without_a_token_is_anonymous() {
    let health = json!({"method": "GET", "path": "/health"});
    for none in [json!("none"), json!(null)] {
        let got = got(&policy(), none, health.clone());
        assert_eq!(
            (&got["code"], &got["rule"]),
            (&json!("anonymous"), &json!("health"))
        );
    }
    assert_eq!(
        got(&policy(), json!("none"), chat())["code"],
        "token_missing"
    );
}

#[test]
fn request_members_reach_the_gate() {
    let office = |further: Value| {
        let mut request = json!({"method": "GET", "path": "/office"});
        request
            .as_object_mut()
            .unwrap()
            .extend(further.as_object().unwrap().clone());
        got(&policy(), querier(), request)["code"].clone()
    };
    let monday = "2026-11-23T09:00:00Z";
    assert_eq!(
        office(json!({"source": "10.1.1.1", "time": monday})),
        "permitted"
    );
    assert_eq!(
        office(json!({"source": "11.1.1.1", "time": monday})),
        "rule_unsatisfied"
    );
    assert_eq!(office(json!({"time": monday})), "rule_unsatisfied");
    let tuesday = "2026-11-24T09:00:00Z";
    assert_eq!(
        office(json!({"source": "10.1.1.1", "time": tuesday})),
        "rule_unsatisfied"
    );
    let mut settings = policy();
    settings["rules"] = json!([
        {"name": "peer", "match": {"hosts": ["a.example"]}, "require": {"peer": "spiffe://a/*"}, "credential": "none"},
        {"name": "cluster", "match": {"clusters": ["hf-*"]}, "require": {"issuer": "contoso"}, "credential": "none"},
        {"name": "tool", "match": {"paths": ["/mcp"], "mcp": {"tools": ["read_*"]}}, "require": {"issuer": "contoso"}, "credential": "none"},
        {"name": "ping", "match": {"paths": ["/mcp"], "mcp": {"methods": ["ping"]}}, "require": {"issuer": "contoso"}, "credential": "none"},
    ]);
    for (request, rule) in [
        (
            json!({"method": "GET", "path": "/", "host": "a.example", "peer": "spiffe://a/b"}),
            json!("peer"),
        ),
        (
            json!({"method": "GET", "path": "/", "cluster": "hf-a"}),
            json!("cluster"),
        ),
        (
            json!({"method": "POST", "path": "/mcp", "tool": "read_file"}),
            json!("tool"),
        ),
        (
            json!({"method": "POST", "path": "/mcp", "mcp_method": "ping"}),
            json!("ping"),
        ),
        (
            json!({"method": "POST", "path": "/mcp", "body": {"jsonrpc": "2.0", "id": 1, "method": "ping"}}),
            json!("ping"),
        ),
    ] {
        let got = got(&settings, querier(), request.clone());
        assert_eq!(
            (&got["code"], &got["rule"]),
            (&json!("permitted"), &rule),
            "{request}"
        );
    }
    let api_key = json!({"method": "POST", "path": "/v1/chat/completions", "headers": {"Content-Type": "text/plain"}, "body": "x"});
    assert_eq!(
        got(&policy(), querier(), api_key)["code"],
        "body_unreadable"
    );
}

#[test]
fn table_has_one_case_for_each_caller_and_request() {
    let table = json!({
        "name": "table",
        "callers": {"querier": querier(), "nobody": "none"},
        "requests": [chat(), {"method": "GET", "path": "/health"}, chat()],
        "expect": {
            "querier": ["permitted", {"permit": "health"}, {"deny": "no_rule"}],
            "nobody": [{"deny": "token_missing"}, "anonymous", "token_missing"],
        },
    });
    let (status, json) = results(&policy(), json!([table]));
    assert_eq!(status, 1);
    let cases = json["cases"].as_array().unwrap();
    let seen: Vec<(&str, bool)> = cases
        .iter()
        .map(|case| {
            (
                case["name"].as_str().unwrap(),
                case["ok"].as_bool().unwrap(),
            )
        })
        .collect();
    let chat = "POST /v1/chat/completions";
    let expected = [
        (&*format!("table: nobody: {chat}"), true),
        ("table: nobody: GET /health", true),
        (&*format!("table: nobody: {chat} (2)"), true),
        (&*format!("table: querier: {chat}"), true),
        ("table: querier: GET /health", true),
        (&*format!("table: querier: {chat} (2)"), false),
    ];
    assert_eq!(seen, expected);
}

/// The callers of `make run` are decided as the testbed documents. Microsoft Graph's token is not among them: the
/// nonce in its header cannot be written as a claim.
#[test]
fn shipped_policy_tests_pass_and_contain_every_persona() {
    use testbed::persona::Persona;
    let outcome = entragate(
        &[
            "test",
            "envoy.yaml",
            "--policy",
            "policy-tests.yaml",
            "--json",
        ],
        "",
    );
    assert_eq!(
        (outcome.status, outcome.err.as_str()),
        (0, ""),
        "{}",
        outcome.out
    );
    let json: Value = serde_json::from_str(&outcome.out).unwrap();
    let cases = json["cases"].as_array().unwrap();
    for persona in Persona::ALL {
        let name = format!("persona: {persona}: POST /v1/chat/completions");
        let case = cases.iter().find(|case| case["name"] == *name);
        match case {
            Some(case) => assert_eq!(case["got"]["code"], persona.verdict().1, "{persona}"),
            None => assert_eq!(persona, Persona::Graph),
        }
    }
    let nothing = json!({"undecided_rules": [], "undecided_clauses": []});
    assert_eq!(json["coverage"], nothing);
}
