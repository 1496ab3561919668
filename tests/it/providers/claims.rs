//! Distributed claims, claims of an unexpected form, and unused claims.

use super::*;

const GROUP: &str = "11111111-1111-1111-1111-111111111111";

#[test]
fn distributed_groups_are_not_treated_as_absent() {
    let rules = json!([
        {"name": "no-group", "require": {"group": GROUP}, "effect": "deny"},
        {"name": "scope", "require": {"scope": "chat"}},
    ]);
    let without = json!([{"name": "not", "require": {"not": {"group": GROUP}}}]);
    let team = json!({"claims": {"groups": "team"}});
    for (more, rules, elsewhere) in [
        (
            json!({}),
            &rules,
            json!({"_claim_names": {"groups": "src1"}}),
        ),
        (json!({}), &rules, json!({"hasgroups": true})),
        (
            json!({}),
            &without,
            json!({"_claim_names": {"groups": "src1"}}),
        ),
        (json!({}), &without, json!({"hasgroups": "yes"})),
        (json!({}), &rules, json!({"_claim_names": ["groups"]})),
        (
            team.clone(),
            &rules,
            json!({"_claim_names": {"team": "src1"}}),
        ),
        (
            team.clone(),
            &without,
            json!({"_claim_names": {"team": "src1"}}),
        ),
    ] {
        let settings = oidc(more, rules.clone());
        let mut claims = json!({"scope": "chat"});
        merge(&mut claims, elsewhere.clone());
        assert_eq!(code(&settings, claims), "groups_overage", "{elsewhere}");
        let here = json!({"scope": "chat", "groups": [], "team": []});
        assert_eq!(code(&settings, here), "permitted");
    }
    // A distributed claim other than groups has no effect on groups.
    let settings = oidc(team, without);
    let other = json!({"_claim_names": {"address": "src1"}, "hasgroups": false});
    assert_eq!(code(&settings, other), "permitted");
}

#[test]
fn distributed_claim_makes_its_requirement_indeterminate() {
    for (name, require) in [
        ("roles", json!({"role": "x"})),
        ("scope", json!({"scope": "x"})),
        ("wids", json!({"directory_role": GROUP})),
        ("azp", json!({"client": "x"})),
        ("tid", json!({"tenant": "x"})),
        ("amr", json!({"mfa": true})),
        ("acrs", json!({"auth_context": "c1"})),
        ("level", json!({"claim": {"path": "level", "equals": 3}})),
        (
            "level",
            json!({"claim": {"path": "/level/deep", "present": true}}),
        ),
    ] {
        let claims = json!({"_claim_names": {name: "src1"}});
        let not = oidc(
            json!({}),
            json!([{"name": "not", "require": {"not": require.clone()}}]),
        );
        assert_eq!(code(&not, json!({})), "permitted", "{name}: absent");
        assert_ne!(code(&not, claims.clone()), "permitted", "{name}: elsewhere");
        let deny = oidc(
            json!({}),
            json!([
                {"name": "deny", "require": require, "effect": "deny"},
                {"name": "anyone", "require": {"issuer": "idp"}},
            ]),
        );
        assert_eq!(code(&deny, claims), "denied_by_rule", "{name}");
    }
}

#[test]
fn unused_claim_of_any_form_is_accepted() {
    let settings = oidc(
        json!({}),
        json!([{"name": "scope", "require": {"scope": "chat"}}]),
    );
    for (name, value) in [
        ("roles", json!([{"name": "x"}])),
        ("roles", json!(7)),
        ("groups", json!([{"id": "x"}])),
        ("groups", json!({"a": {}})),
        ("tid", json!(42)),
        ("sid", json!(7)),
        ("uti", json!({})),
        ("jti", json!(7)),
        ("wids", json!([1])),
        ("azp", json!(["a"])),
        ("xms_mirid", json!(true)),
        ("xms_cc", json!("cp1")),
    ] {
        let mut claims = json!({"scope": "chat"});
        claims[name] = value.clone();
        assert_eq!(code(&settings, claims), "permitted", "{name}: {value}");
    }
}

#[test]
fn used_claim_of_unexpected_form_is_indeterminate() {
    for (claim, value, require) in [
        ("roles", json!([{"name": "x"}]), json!({"role": "x"})),
        ("groups", json!([1]), json!({"group": GROUP})),
        ("scope", json!({"chat": true}), json!({"scope": "chat"})),
        ("azp", json!(["x"]), json!({"client": "x"})),
        ("tid", json!(42), json!({"tenant": "42"})),
        ("wids", json!([1]), json!({"directory_role": GROUP})),
        ("amr", json!({"mfa": 1}), json!({"mfa": true})),
        (
            "level",
            json!([3]),
            json!({"claim": {"path": "level", "equals": 3}}),
        ),
        (
            "level",
            json!("3 4"),
            json!({"claim": {"path": "level", "contains": "3"}}),
        ),
    ] {
        let claims = || json!({ claim: value.clone() });
        for requirement in [require.clone(), json!({"not": require.clone()})] {
            let settings = oidc(
                json!({}),
                json!([{"name": "r", "require": requirement.clone()}]),
            );
            assert_eq!(
                code(&settings, claims()),
                "rule_unsatisfied",
                "{claim}: {requirement}"
            );
        }
        let deny = oidc(
            json!({}),
            json!([
                {"name": "deny", "require": require, "effect": "deny"},
                {"name": "anyone", "require": {"issuer": "idp"}},
            ]),
        );
        assert_eq!(code(&deny, claims()), "denied_by_rule", "{claim}");
    }
}

#[test]
fn deny_rule_applies_to_unreadable_roles() {
    // Enough rules for the index by role to be used.
    let deny = |n: usize| json!({"name": format!("d{n}"), "require": {"role": format!("r{n}")}, "effect": "deny"});
    let mut rules: Vec<Value> = (0..40).map(deny).collect();
    rules.push(json!({"name": "anyone", "require": {"issuer": "idp"}}));
    let settings = oidc(json!({}), json!(rules));
    assert_eq!(code(&settings, json!({})), "permitted");
    assert_eq!(
        code(&settings, json!({"roles": [{"name": "r7"}]})),
        "denied_by_rule"
    );
}

#[test]
fn null_claim_counts_as_absent() {
    let settings = oidc(
        json!({}),
        json!([{"name": "not", "require": {"not": {"role": "x"}}}]),
    );
    for name in [
        "roles",
        "nbf",
        "iat",
        "cnf",
        "nonce",
        "sid",
        "azp",
        "_claim_names",
        "hasgroups",
    ] {
        assert_eq!(
            code(&settings, json!({ name: null })),
            "permitted",
            "{name}"
        );
    }
    for (name, code_of_absent) in [
        ("exp", "token_malformed"),
        ("sub", "token_malformed"),
        ("aud", "audience_mismatch"),
        ("iss", "token_malformed"),
    ] {
        assert_eq!(
            code(&settings, json!({ name: null })),
            code_of_absent,
            "{name}"
        );
    }
    let key = signing::rsa();
    let mut header =
        json!({"alg": "RS256", "kid": key.kid(), "typ": null, "crit": null, "zip": null});
    let sign = |header: &Value| mint::mint(header, &complete(json!({})), &key);
    assert_eq!(Bench::cold(&settings).code(&sign(&header)), "permitted");
    header["kid"] = Value::Null;
    assert_eq!(
        Bench::cold(&settings).code(&sign(&header)),
        "permitted",
        "the token is verified with the only key"
    );
}

#[test]
fn mapped_roles_in_objects_are_read() {
    let role = || json!([{"name": "r", "require": {"role": "admin"}}]);
    let named = oidc(
        json!({"claims": {"roles": {"path": "/roles", "member": "name"}}}),
        role(),
    );
    assert_eq!(
        code(
            &named,
            json!({"roles": [{"name": "user"}, {"name": "admin"}]})
        ),
        "permitted"
    );
    assert_eq!(
        code(&named, json!({"roles": [{"name": "user"}]})),
        "rule_unsatisfied"
    );
    let zitadel = "urn:zitadel:iam:org:project:roles";
    let keys = oidc(
        json!({"claims": {"roles": {"path": zitadel, "keys": true}}}),
        role(),
    );
    assert_eq!(
        code(&keys, json!({ zitadel: {"admin": {"1": "org"}} })),
        "permitted"
    );
    assert_eq!(
        code(&keys, json!({ zitadel: {"admin": null} })),
        "rule_unsatisfied"
    );
    // If the object lacks the member, a role may be missing.
    let not = json!([{"name": "r", "require": {"not": {"role": "admin"}}}]);
    let not = oidc(
        json!({"claims": {"roles": {"path": "/roles", "member": "name"}}}),
        not,
    );
    assert_eq!(
        code(&not, json!({"roles": [{"name": "user"}]})),
        "permitted"
    );
    for roles in [
        json!([{"id": 1}]),
        json!(["admin"]),
        json!({"name": "x"}),
        json!([{"name": 1}]),
    ] {
        assert_eq!(
            code(&not, json!({"roles": roles})),
            "rule_unsatisfied",
            "{roles}"
        );
    }
}

#[test]
fn id_of_unexpected_form_does_not_evade_revocation() {
    let mut settings = oidc(json!({}), anyone());
    settings["revocation"] = json!({"cluster": "ops", "uri": "https://ops/revoked.json"});
    let mut bench = Bench::cold(&settings);
    bench.answer(entragate::fetch::callout::Answer::Response {
        status: 200,
        body: b"{}".to_vec(),
    });
    assert_eq!(bench.code(&token(json!({}))), "permitted");
    for claims in [json!({"sid": 7}), json!({"jti": {}}), json!({"azp": 1})] {
        assert_eq!(
            bench.code(&token(claims.clone())),
            "token_malformed",
            "{claims}"
        );
    }
}

#[test]
fn token_without_iat_is_refused_under_max_lifetime() {
    let mut settings = oidc(json!({}), anyone());
    settings["token"] = json!({"max_lifetime": "2h"});
    assert_eq!(code(&settings, json!({})), "permitted");
    assert_eq!(code(&settings, json!({"iat": null})), "token_lifetime");
    assert_eq!(
        code(&settings, json!({"iat": null, "nbf": mint::now()})),
        "token_lifetime"
    );
}

#[test]
fn identity_headers_contain_arrays_and_objects() {
    let mut settings = oidc(json!({}), anyone());
    settings["forward"] = json!({"identity_headers": {"x-roles": "roles", "x-org": "org"}});
    let header = |claims: Value| {
        let ruling = Bench::cold(&settings).chat(&token(claims)).1;
        let edits = edits_of(&ruling).into_iter();
        edits
            .filter(|(name, _)| name.starts_with("x-"))
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    assert_eq!(header(json!({"roles": ["a", "b"]})), ["a,b"]);
    assert_eq!(
        header(json!({"roles": ["a,b", "50%", "ü"]})),
        ["a%2Cb,50%25,%C3%BC"]
    );
    assert_eq!(
        header(json!({"roles": ["a", 7, true, ["x", "y"]]})),
        [r#"a,7,true,["x"%2C"y"]"#]
    );
    assert_eq!(
        header(json!({"org": {"id": 1, "n": "x"}})),
        [r#"{"id":1%2C"n":"x"}"#]
    );
    assert_eq!(header(json!({"roles": []})), [""]);
    let many: Vec<String> = (0..900).map(|n| format!("role-{n}")).collect();
    let header = header(json!({"roles": many}));
    assert!(
        header[0].len() <= 4096 && header[0].ends_with(char::is_numeric),
        "{}",
        header[0].len()
    );
    assert!(
        header[0]
            .split(',')
            .all(|part| many.iter().any(|role| role == part))
    );
}
