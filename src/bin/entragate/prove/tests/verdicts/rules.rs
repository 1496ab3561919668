//! The effects of rules.

use super::*;

/// The first policy denies the requests of the assertion, and the second policy does not.
#[test]
fn deny_rules_cover_indeterminate_requests_and_no_others() {
    let denies = |matches: Value| {
        json!([{"name": "deny", "match": matches, "effect": "deny"},
               {"name": "rule", "require": {"role": "a"}, "credential": "r"}])
    };
    let tools = |tools: &str| json!({"paths": ["/mcp"], "mcp": {"tools": [tools]}});
    let methods = |methods: &str| json!({"paths": ["/mcp"], "mcp": {"methods": [methods]}});
    for (denied, matches, expected) in [
        (json!({"clusters": ["**"]}), json!({}), "proved"),
        (
            json!({"clusters": ["d"]}),
            json!({"clusters": ["c"]}),
            "refuted",
        ),
        (
            json!({"models": ["**"], "paths": ["/v1/**"]}),
            json!({"models": ["m/*"], "paths": ["/v1/**"]}),
            "proved",
        ),
        (
            json!({"models": ["n/*"], "paths": ["/v1/**"]}),
            json!({"models": ["m/*"], "paths": ["/v1/**"]}),
            "refuted",
        ),
        (tools("**"), methods("tools/call"), "proved"),
        (tools("t"), tools("u"), "refuted"),
        (tools("t"), methods("ping"), "refuted"),
        (methods("ping"), methods("ping"), "proved"),
        (
            json!({"methods": ["GET", "POST", "PUT"]}),
            json!({}),
            "refuted",
        ),
        (
            json!({"hosts": ["*.example"]}),
            json!({"hosts": ["a.example"]}),
            "proved",
        ),
        (
            json!({"hosts": ["*.example"]}),
            json!({"hosts": ["a.b.example"]}),
            "refuted",
        ),
    ] {
        let assertion = json!({"match": matches, "never": "permit"});
        assert_eq!(
            verdict(&settings(&denies(denied.clone())), assertion),
            expected,
            "{denied} {matches}"
        );
    }
}

#[test]
fn tools_limit_only_calls() {
    let mcp = json!({"methods": ["ping", "tools/call"], "tools": ["t"]});
    let rules = json!([{"name": "rule", "match": {"paths": ["/mcp"], "mcp": mcp}, "require": {"role": "a"}, "credential": "r"}]);
    for (mcp, expected) in [
        (json!({"tools": ["t"]}), "refuted"),
        (json!({"tools": ["u"]}), "proved"),
        (json!({"methods": ["ping"]}), "refuted"),
        (json!({"methods": ["initialize"]}), "proved"),
    ] {
        let never = json!({"match": {"paths": ["/mcp"], "mcp": mcp}, "never": "permit"});
        assert_eq!(verdict(&settings(&rules), never), expected, "{mcp}");
    }
}

#[test]
fn rules_that_decide_no_request_are_named() {
    let open = |name: &str, path: &str| json!({"name": name, "match": {"paths": [path]}, "anonymous": true});
    let deny =
        |name: &str, role: &str| json!({"name": name, "require": {"role": role}, "effect": "deny"});
    let allow = |name: &str, matches: Value, require: Value| json!({"name": name, "match": matches, "require": require, "credential": "r"});
    let role = |role: &str| json!({"role": role});
    let models = |model: &str| json!({"paths": ["/v1/**"], "models": [model]});
    let everyone = json!({"name": "deny-all", "match": {"paths": ["**"]}, "effect": "deny"});
    for (rules, expected) in [
        (
            json!([open("1", "/a"), open("2", "/a"), open("3", "/b")]),
            vec!["2"],
        ),
        (
            json!([
                open("1", "/a"),
                allow("2", json!({"paths": ["/a"]}), role("a")),
                allow("3", json!({}), role("a"))
            ]),
            vec!["2"],
        ),
        (
            json!([
                deny("1", "x"),
                deny("2", "x"),
                deny("3", "y"),
                allow("4", json!({}), role("a"))
            ]),
            vec!["2"],
        ),
        (
            json!([
                everyone,
                open("1", "/a"),
                deny("2", "x"),
                allow("3", json!({}), role("a"))
            ]),
            vec!["2", "3"],
        ),
        (
            json!([
                allow("1", json!({}), role("a")),
                allow("2", json!({}), json!({"all": [role("a"), role("b")]})),
                allow("3", json!({}), role("b"))
            ]),
            vec!["2"],
        ),
        (
            json!([
                allow("1", models("m/*"), role("a")),
                allow("2", models("m/x"), role("a")),
                allow("3", models("n/x"), role("a")),
                allow("4", json!({}), role("a"))
            ]),
            vec!["2"],
        ),
        // If the first rule could match a body that cannot be read, no other rule decides.
        (
            json!([
                allow(
                    "1",
                    json!({"paths": ["/path/**"], "models": ["**"]}),
                    role("a")
                ),
                allow("2", json!({"paths": ["/path/**"]}), role("a"))
            ]),
            vec!["2"],
        ),
        (
            json!([
                open("1", "/a"),
                deny("2", "x"),
                allow("3", json!({}), role("a"))
            ]),
            vec![],
        ),
        // The model is unknown on this path, unless the request has no body.
        (
            json!([{"name": "1", "match": {"paths": ["/other"], "models": ["**"]}, "effect": "deny"},
                   allow("2", json!({}), role("a"))]),
            vec![],
        ),
    ] {
        let mut settings = settings(&rules);
        settings["endpoints"] = json!([{"paths": ["/path/**"], "model_from": "path"}]);
        match verdict_of(&settings, json!({"no_shadowed_rules": true})) {
            Verdict::Shadowed(names) => assert_eq!(names, expected, "{rules}"),
            other => assert_eq!((shown(&other), expected), ("proved", vec![]), "{rules}"),
        }
    }
}
