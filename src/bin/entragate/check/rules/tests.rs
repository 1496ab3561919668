use super::*;
use serde_json::{Value, json};

/// The warnings about these rules, which are named `a`, `b` and so on, in order.
fn warnings(rules: &[Value]) -> Vec<String> {
    let mut given = json!({
        "issuers": [
            {"name": "one", "oidc": {"issuer": "https://one"}, "audiences": ["x"], "jwks": {"cluster": "c", "uri": "https://one"}},
            {"name": "two", "oidc": {"issuer": "https://two"}, "audiences": ["x"], "jwks": {"cluster": "c", "uri": "https://two"}},
        ],
        "credentials": [{"name": "read", "env": "A"}, {"name": "write", "env": "B"}],
        "rules": rules,
    });
    for (rule, name) in given["rules"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(["a", "b", "c"])
    {
        rule["name"] = name.into();
        let allows = rule["effect"] != "deny" && rule["anonymous"] != true;
        if allows && rule.get("credential").is_none() {
            rule["credential"] = "read".into();
        }
    }
    let config = entragate::config::load_value(&given, &|_| Some("x".into())).unwrap();
    idle(&config.policy)
        .into_iter()
        .map(|(rule, message)| format!("{rule}: {message}"))
        .collect()
}

#[test]
fn rule_that_never_decides_is_reported() {
    let role = |role: &str| json!({"role": role});
    let allow = |matches: Value, require: Value| json!({"match": matches, "require": require});
    let v1 = || json!({"paths": ["/v1/**"]});
    for (rules, expected) in [
        (
            vec![
                allow(v1(), role("r")),
                allow(
                    json!({"paths": ["/v1/chat"], "methods": ["POST"]}),
                    role("r"),
                ),
            ],
            "b: never decides: the earlier rule \"a\" permits all requests that it could permit; remove it",
        ),
        (
            vec![
                allow(json!({}), json!({"any": [{"role": "r"}, {"group": "g"}]})),
                allow(v1(), json!({"all": [{"group": "g"}, {"mfa": true}]})),
            ],
            "b: never decides: the earlier rule \"a\"",
        ),
        (
            vec![
                allow(v1(), role("r")),
                json!({"match": v1(), "require": role("r"), "credential": "write"}),
            ],
            "with another credential or `bill_to`; move this rule before it",
        ),
        (
            vec![allow(v1(), role("r")), json!({"effect": "deny"})],
            "a: never permits a request: rule \"b\" denies every request that it could permit",
        ),
        (
            vec![
                json!({"match": {"models": ["Org/*"]}, "effect": "deny"}),
                allow(json!({"models": ["ORG/*"]}), role("r")),
            ],
            "b: never permits a request: rule \"a\"",
        ),
        (
            vec![
                json!({"effect": "deny", "require": role("r")}),
                json!({"effect": "deny", "match": v1(), "require": role("r")}),
            ],
            "b: never decides: the earlier rule \"a\" denies all requests that it matches",
        ),
        (
            vec![
                allow(json!({"paths": ["/health"]}), role("r")),
                json!({"anonymous": true, "match": {"paths": ["/health"]}}),
            ],
            "a: is never evaluated: rule \"b\" permits all requests",
        ),
        (
            vec![allow(
                json!({"issuers": ["one"]}),
                json!({"all": [{"issuer": "two"}, {"role": "r"}]}),
            )],
            "a: is never satisfied: it requires an issuer",
        ),
        (
            vec![allow(
                json!({}),
                json!({"all": [{"issuer": "two"}, {"issuer": "one"}]}),
            )],
            "a: is never satisfied",
        ),
    ] {
        let warnings = warnings(&rules);
        assert!(
            warnings.len() == 1 && warnings[0].contains(expected),
            "{rules:?}: {warnings:?}"
        );
    }
}

#[test]
fn rule_that_may_decide_is_not_reported() {
    let rule = |matches: Value, require: Value| json!({"match": matches, "require": require});
    let role = || json!({"role": "r"});
    for rules in [
        // Narrower in one field, wider in another.
        [
            rule(json!({"paths": ["/v1/*"]}), role()),
            rule(json!({"paths": ["/v1/**"]}), role()),
        ],
        [
            rule(json!({"paths": ["/v1/**"], "methods": ["POST"]}), role()),
            rule(json!({"paths": ["/v1/**"]}), role()),
        ],
        [
            rule(json!({"hosts": ["*.a"]}), role()),
            rule(json!({"hosts": ["**.a"]}), role()),
        ],
        [
            rule(json!({"models": ["org/*"]}), role()),
            rule(json!({"models": ["ORG/*"]}), role()),
        ],
        // Requires more, or something else.
        [
            rule(json!({}), json!({"all": [{"role": "r"}, {"mfa": true}]})),
            rule(json!({}), role()),
        ],
        [
            rule(json!({}), json!({"not": {"role": "r"}})),
            rule(json!({}), role()),
        ],
        [
            rule(json!({}), json!({"role": "other"})),
            rule(
                json!({}),
                json!({"any": [{"role": "r"}, {"role": "other"}]}),
            ),
        ],
        // The rule itself has no effect.
        [
            json!({"require": {"role": "r"}, "mode": "shadow"}),
            rule(json!({}), role()),
        ],
        [
            rule(json!({}), role()),
            json!({"require": {"role": "r"}, "mode": "shadow"}),
        ],
        [
            json!({"effect": "deny", "require": {"role": "x"}}),
            rule(json!({}), role()),
        ],
        // A deny rule is evaluated before an earlier allow rule.
        [
            rule(json!({}), role()),
            json!({"effect": "deny", "match": {"paths": ["/v1/**"]}, "require": {"role": "r"}}),
        ],
        [
            rule(json!({"issuers": ["one", "two"]}), json!({"issuer": "two"})),
            rule(json!({}), json!({"not": {"issuer": "x"}})),
        ]
        .map(|mut rule| {
            if rule["require"]["not"]["issuer"] == "x" {
                rule["require"]["not"]["issuer"] = "one".into();
            }
            rule
        }),
    ] {
        assert_eq!(warnings(&rules), Vec::<String>::new(), "{rules:?}");
    }
}
