//! Assertions and comparisons of configurations, on the command line.

use super::*;

/// Returns the results of `always` as pairs of a name and a result.
fn proofs(settings: &Value, always: Value) -> (i32, Value) {
    let Outcome { status, out, err } = test_on(settings, &json!({ "always": always }), &["--json"]);
    let json: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    (status, json["always"].clone())
}

#[test]
fn assertion_is_proved_or_refuted_with_a_case() {
    let office = json!({"all": [{"source": ["10.0.0.0/8"]}, {"time": {"days": ["mon"], "from": "08:00", "to": "18:00"}}]});
    for (assertion, result) in [
        (
            json!({"credential": "hf-write", "only_if": {"role": "Admin"}}),
            "proved",
        ),
        (
            json!({"credential": "hf-read", "only_if": {"role": "Admin"}}),
            "refuted",
        ),
        (
            json!({"credential": "none", "only_if": {"role": "Admin"}}),
            "refuted",
        ),
        (
            json!({"when": {"role": "Contractor"}, "never": "permit"}),
            "proved",
        ),
        (
            json!({"when": {"role": "Contractor"}, "always": "deny"}),
            "proved",
        ),
        (
            json!({"when": {"kind": "app"}, "never": {"credential": "hf-write"}}),
            "refuted",
        ),
        (
            json!({"match": {"paths": ["/office"]}, "when": {"not": office}, "never": "permit"}),
            "proved",
        ),
        (
            json!({"match": {"paths": ["/office"]}, "never": "permit"}),
            "refuted",
        ),
        (
            json!({"match": {"paths": ["/health"]}, "never": "permit"}),
            "refuted",
        ),
        (
            json!({"match": {"paths": ["/health"]}, "when": {"issuer": "contoso"}, "never": "permit"}),
            "proved",
        ),
        (
            json!({"match": {"paths": ["/v1/**"], "models": ["mistral/*"]}, "never": "permit"}),
            "proved",
        ),
        (json!({"no_shadowed_rules": true}), "proved"),
    ] {
        let mut item = assertion.clone();
        item["name"] = json!("a");
        let (status, json) = proofs(&policy(), json!([item]));
        assert_eq!(json[0]["result"], result, "{assertion}: {json:#}");
        assert_eq!(status, i32::from(result != "proved"));
        let found = &json[0]["counterexample"];
        if result == "refuted" {
            let got = got(&policy(), found["caller"].clone(), found["request"].clone());
            assert_eq!(got["decision"], "permit", "{found:#}");
            assert_eq!(got["rule"], found["rule"]);
        } else {
            assert_eq!(*found, json!(null));
        }
    }
}

#[test]
fn rule_that_never_decides_is_named() {
    let mut settings = policy();
    let rules = settings["rules"].as_array_mut().unwrap();
    rules.push(json!({"name": "late", "match": {"paths": ["/write/x"]}, "require": {"all": [{"role": "Admin"}, {"role": "b"}]},
                      "credential": "hf-read"}));
    let (status, json) = proofs(&settings, json!([{"name": "a", "no_shadowed_rules": true}]));
    assert_eq!((status, &json[0]["result"]), (1, &json!("refuted")));
    assert_eq!(json[0]["counterexample"]["rules"], json!(["late"]));
}

#[test]
fn invalid_assertion_is_reported_with_its_path() {
    for (item, text) in [
        (
            json!({"credential": "hf", "only_if": {"role": "a"}}),
            "no credential is named \"hf\"",
        ),
        (
            json!({"credential": "hf-read"}),
            "must have `credential` and `only_if`",
        ),
        (
            json!({"when": {"role": "a"}}),
            "must have `credential` and `only_if`",
        ),
        (
            json!({"when": {"rolle": "a"}, "never": "permit"}),
            "always[0]: when: ",
        ),
        (
            json!({"when": {"all": []}, "never": "permit"}),
            "always[0]: when.all: ",
        ),
        (
            json!({"match": {"paths": ["v1"]}, "never": "permit"}),
            "always[0]: match.paths[0]: ",
        ),
        (
            json!({"credential": "hf-read", "only_if": {"issuer": "nobody"}}),
            "always[0]: only_if.issuer: ",
        ),
    ] {
        let mut item = item;
        item["name"] = json!("a");
        let outcome = test_on(&policy(), &json!({"always": [item]}), &[]);
        assert_eq!(outcome.status, 2, "{item}");
        assert!(outcome.err.contains(text), "{item}: {}", outcome.err);
    }
}

/// Returns the exit status and the output of `diff --json`.
fn diff(old: &Value, new: &Value) -> (i32, Value) {
    let files = [old, new].map(|settings| cli::file(".yaml", &settings.to_string()));
    let paths = files.each_ref().map(|file| file.path().to_str().unwrap());
    let Outcome { status, out, err } = entragate(&["diff", paths[0], paths[1], "--json"], "");
    (
        status,
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")),
    )
}

#[test]
fn difference_is_shown_with_a_request() {
    let same = diff(&policy(), &policy());
    assert_eq!(
        same,
        (
            0,
            json!({"equivalent": true, "complete": true, "gained": [], "lost": []})
        )
    );
    let mut new = policy();
    new["rules"][2]["require"] = json!({"any": [{"role": "Admin"}, {"role": "Writer"}]});
    let (status, json) = diff(&policy(), &new);
    assert_eq!(
        (status, &json["equivalent"], &json["lost"]),
        (1, &json!(false), &json!([]))
    );
    let gained = &json["gained"][0];
    let decided = |settings: &Value| {
        got(
            settings,
            gained["caller"].clone(),
            gained["request"].clone(),
        )
    };
    assert_eq!(decided(&new)["credential"], "hf-write");
    assert_eq!(decided(&policy())["decision"], "deny");
    assert!(
        gained["caller"].to_string().contains("[\"Writer\"]"),
        "{gained}"
    );
    let (status, json) = diff(&new, &policy());
    assert_eq!((status, &json["gained"]), (1, &json!([])));
    assert_eq!(json["lost"].as_array().unwrap().len(), 1);
}

#[test]
fn different_tokens_are_a_difference_and_different_names_are_not() {
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut new = policy();
        edit(&mut new);
        let (_, json) = diff(&policy(), &new);
        let any = |member: &str| !json[member].as_array().unwrap().is_empty();
        (any("gained"), any("lost"), json["complete"].clone())
    };
    let client = "cccccccc-0000-4000-8000-000000000001";
    assert_eq!(
        edited(&|new| new["issuers"][0]["clients"] = json!([client])),
        (false, true, json!(true))
    );
    let audiences = json!(["00001111-aaaa-2222-bbbb-3333cccc4444", "api://other"]);
    assert_eq!(
        edited(&|new| new["issuers"][0]["audiences"] = audiences.clone()),
        (true, false, json!(true))
    );
    let tenants = json!([
        "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "bbbbcccc-1111-dddd-2222-eeee3333ffff"
    ]);
    assert_eq!(
        edited(&|new| new["issuers"][0]["entra"]["tenants"] = tenants.clone()),
        (true, false, json!(true))
    );
    assert_eq!(
        edited(&|new| new["rules"][2]["name"] = json!("authors")),
        (false, false, json!(true))
    );
    assert_eq!(
        edited(&|new| new["rules"][2]["credential"] = json!("hf-read")),
        (true, true, json!(true))
    );
    assert_eq!(
        edited(&|new| new["credentials"][1]["clusters"] = json!(["hf"])),
        (false, true, json!(true))
    );
    let unused = json!({"name": "unused", "value": "hf_c"});
    let add = |new: &mut Value| {
        let credentials = new["credentials"].as_array_mut().unwrap();
        credentials.push(unused.clone());
    };
    assert_eq!(edited(&add), (false, false, json!(true)));
    // A changed setting that the comparison does not cover makes the result incomplete.
    assert_eq!(
        edited(&|new| new["token"] = json!({"max_lifetime": "1h"})),
        (false, false, json!(false))
    );
    assert_eq!(
        edited(&|new| new["credentials"][0]["value"] = json!("hf_b")),
        (false, false, json!(false))
    );
}

#[test]
fn comparison_reads_a_file_beside_the_policy_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut wide = policy();
    wide["rules"][2]["require"] = json!({"any": [{"role": "Admin"}, {"issuer": "contoso"}]});
    std::fs::write(folder.path().join("wide.yaml"), wide.to_string()).unwrap();
    let run = |settings: &Value, member: &str| {
        let file = folder.path().join("policy.yaml");
        let text = json!({"compare": [{"name": "narrower", member: "wide.yaml"}]}).to_string();
        std::fs::write(&file, text).unwrap();
        let arguments = ["test", "-", "--json", "--policy", file.to_str().unwrap()];
        let Outcome { status, out, err } = entragate(&arguments, &settings.to_string());
        let json: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        (
            status,
            json["compare"][0]["result"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(run(&policy(), "no_wider_than"), (0, "proved".to_owned()));
    assert_eq!(run(&policy(), "equivalent_to"), (1, "refuted".to_owned()));
    assert_eq!(run(&wide, "equivalent_to"), (0, "proved".to_owned()));
    let outcome = test_on(
        &policy(),
        &json!({"compare": [{"name": "a", "no_wider_than": "nowhere.yaml"}]}),
        &[],
    );
    assert_eq!(outcome.status, 2);
    assert!(
        outcome.err.contains("nowhere.yaml: No such file"),
        "{}",
        outcome.err
    );
}

#[test]
fn batch_that_only_one_configuration_permits_is_not_overlooked() {
    let rule = |name: &str, tools: &[&str]| {
        json!({"name": name, "match": {"methods": ["POST"], "paths": ["/mcp"], "mcp": {"tools": tools}},
               "require": {"issuer": "contoso"}, "credential": "none"})
    };
    let mut old = policy();
    let mut open = rule("open", &["a"]);
    open.as_object_mut().unwrap().remove("require");
    open["anonymous"] = json!(true);
    old["rules"] = json!([open, rule("named", &["b"])]);
    let mut new = policy();
    new["rules"] = json!([rule("named", &["a", "b"])]);
    let message = |tool: &str| json!({"jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": {"name": tool}});
    let request = |body: Value| json!({"method": "POST", "path": "/mcp", "body": body});
    let decides = |settings: &Value, body: Value| {
        let decision = got(settings, json!({"issuer": "contoso"}), request(body));
        decision["decision"].clone()
    };
    // Each message alone is permitted by both, and both of them together by the new configuration only.
    for settings in [&old, &new] {
        assert_eq!(decides(settings, message("a")), "permit");
        assert_eq!(decides(settings, message("b")), "permit");
    }
    let batch = json!([message("a"), message("b")]);
    assert_eq!(decides(&old, batch.clone()), "deny");
    assert_eq!(decides(&new, batch), "permit");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.yaml"), old.to_string()).unwrap();
    let file = folder.path().join("policy.yaml");
    let compare = json!({"compare": [{"name": "narrower", "no_wider_than": "old.yaml"}]});
    std::fs::write(&file, compare.to_string()).unwrap();
    let arguments = ["test", "-", "--policy", file.to_str().unwrap()];
    let outcome = entragate(&arguments, &new.to_string());
    assert_eq!(outcome.status, 1, "{}", outcome.out);
}

#[test]
fn pattern_of_any_length_is_compared_with_the_model_of_an_endpoint() {
    let model = format!("org/{}", "m".repeat(140));
    let mut settings = policy();
    settings["endpoints"] = json!([{"hosts": ["llm.example"], "model": model}]);
    settings["rules"] = json!([{"name": "one", "match": {"methods": ["POST"], "models": [model]},
                                "require": {"issuer": "contoso"}, "credential": "hf-read"}]);
    let request = json!({"method": "POST", "host": "llm.example", "path": "/generate"});
    let decision = got(&settings, json!({"issuer": "contoso"}), request);
    assert_eq!(decision["decision"], "permit");
    let never = json!([{"name": "a", "match": {"methods": ["POST"]}, "never": "permit"}]);
    let (status, json) = proofs(&settings, never);
    assert_eq!(
        (status, &json[0]["result"]),
        (1, &json!("refuted")),
        "{json:#}"
    );
}
