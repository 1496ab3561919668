//! The tokens that are made for callers.

use super::*;

/// A configuration in which one rule permits callers that satisfy `require`.
fn requires(require: Value) -> Value {
    let mut settings = policy();
    settings["rules"] = json!([{"name": "only", "require": require, "credential": "hf-read"}]);
    settings
}

fn code(settings: &Value, caller: &Value) -> Value {
    got(
        settings,
        caller.clone(),
        json!({"method": "GET", "path": "/"}),
    )["code"]
        .clone()
}

#[test]
fn each_member_satisfies_its_requirement() {
    let id = "aaaaaaaa-0000-4000-8000-000000000001";
    for (require, member) in [
        (
            json!({"tenant": "aaaabbbb-0000-cccc-1111-dddd2222eeee"}),
            json!({}),
        ),
        (json!({"object": id}), json!({"object": id})),
        (json!({"client": id}), json!({"client": id})),
        (json!({"kind": "user"}), json!({"kind": "user"})),
        (json!({"kind": "app"}), json!({"kind": "app"})),
        (json!({"kind": "agent"}), json!({"kind": "agent"})),
        (
            json!({"all": [{"kind": "user"}, {"actor": "agent"}]}),
            json!({"kind": "user", "actor": "agent"}),
        ),
        (json!({"role": "r"}), json!({"roles": ["q", "r"]})),
        (json!({"group": id}), json!({"groups": [id]})),
        (json!({"scope": "s"}), json!({"scopes": ["t", "s"]})),
        (
            json!({"directory_role": id}),
            json!({"directory_roles": [id]}),
        ),
        (json!({"mfa": true}), json!({"mfa": true})),
        (
            json!({"auth_context": "c1"}),
            json!({"auth_contexts": ["c2", "c1"]}),
        ),
        (
            json!({"claim": {"path": "/a/b", "equals": 1}}),
            json!({"claims": {"a": {"b": 1}}}),
        ),
        (
            json!({"claim": {"path": "azp", "present": true}}),
            json!({"client": id}),
        ),
    ] {
        let settings = requires(require.clone());
        let mut caller = json!({"issuer": "contoso"});
        if member != json!({}) {
            assert_eq!(code(&settings, &caller), "rule_unsatisfied", "{require}");
        }
        caller
            .as_object_mut()
            .unwrap()
            .extend(member.as_object().unwrap().clone());
        assert_eq!(code(&settings, &caller), "permitted", "{require}");
    }
}

#[test]
fn null_removes_a_claim() {
    let caller = json!({"issuer": "contoso", "claims": {"oid": null}});
    assert_eq!(code(&policy(), &caller), "token_malformed");
}

#[test]
fn caller_of_another_issuer_has_its_claims_at_the_configured_paths() {
    let forms = [
        json!("/realm_access/roles"),
        json!({"path": "roles", "member": "name"}),
        json!({"path": "/urn:roles", "keys": true}),
    ];
    for form in forms {
        let mut settings = requires(json!({"role": "r"}));
        settings["issuers"][1]["claims"] = json!({"roles": form, "object": "/user/id"});
        let caller = json!({"issuer": "realm", "roles": ["r"]});
        assert_eq!(code(&settings, &caller), "permitted", "{form}");
        assert_eq!(
            code(&settings, &json!({"issuer": "realm", "roles": []})),
            "rule_unsatisfied"
        );
    }
}

#[test]
fn caller_has_the_claims_that_mark_its_kind_for_every_provider() {
    let claims = json!({"path": "typ", "equals": "service"});
    let person = json!({"all": [{"claim": {"path": "typ", "equals": "person"}}, {"not": {"claim": claims.clone()}}]});
    for (rule, kinds) in [
        (json!(null), vec!["user", "app"]),
        (json!({"preset": "keycloak"}), vec!["user", "app"]),
        (json!({"preset": "auth0"}), vec!["user", "app"]),
        (json!({"preset": "okta"}), vec!["user", "app"]),
        (json!({"preset": "cognito"}), vec!["user", "app"]),
        (json!({"preset": "google"}), vec!["user", "app"]),
        (json!({"preset": "github_actions"}), vec!["app"]),
        (json!({"preset": "kubernetes"}), vec!["app"]),
        (
            json!({"app": {"claim": claims}, "user": person}),
            vec!["user", "app"],
        ),
    ] {
        for kind in ["user", "app"] {
            let mut settings = requires(json!({"kind": kind}));
            settings["issuers"][1]["claims"] = json!({});
            if !rule.is_null() {
                settings["issuers"][1]["claims"]["kind"] = rule.clone();
            }
            let caller = json!({"issuer": "realm", "kind": kind});
            let case = json!({"name": "a", "caller": caller, "request": {"method": "GET", "path": "/"},
                              "expect": {"permit": "only"}});
            let outcome = test_on(&settings, &json!({"cases": [case]}), &[]);
            let status = if kinds.contains(&kind) { 0 } else { 2 };
            assert_eq!(
                outcome.status, status,
                "{rule} {kind}: {}{}",
                outcome.out, outcome.err
            );
        }
    }
}

#[test]
fn lifetime_respects_the_configured_limit() {
    let mut settings = requires(json!({"issuer": "contoso"}));
    settings["token"] = json!({"max_lifetime": "10m"});
    assert_eq!(code(&settings, &json!({"issuer": "contoso"})), "permitted");
}

#[test]
fn groups_from_graph_answer_a_look_up() {
    let group = "11111111-1111-1111-1111-111111111111";
    let mut settings = requires(json!({"group": group}));
    let auth = json!({"env": "GRAPH_TOKEN"});
    settings["issuers"][0]["groups_overage"] = json!({"graph": {"cluster": "graph", "auth": auth}});
    let caller = |groups: Value| json!({"issuer": "contoso", "kind": "user", "claims": {"hasgroups": true}, "graph_groups": groups});
    assert_eq!(code(&settings, &caller(json!([group]))), "permitted");
    assert_eq!(code(&settings, &caller(json!([]))), "rule_unsatisfied");
    assert_eq!(code(&settings, &caller(json!(null))), "groups_overage");
}

#[test]
fn token_file_is_read_next_to_the_policy_file() {
    use testbed::mint::Token;
    use testbed::persona::Persona;
    let folder = tempfile::tempdir().unwrap();
    let token = Token::at(Persona::Ada, 1_795_435_200)
        .corrupt_signature()
        .build();
    std::fs::write(folder.path().join("ada.jwt"), token + "\n").unwrap();
    let case = json!({"cases": [{
        "name": "ada", "caller": {"token_file": "ada.jwt"},
        "request": {"method": "POST", "path": "/v1/chat/completions", "model": "meta-llama/x", "time": "2026-11-23T12:00:00Z"},
        "expect": {"permit": "llama"},
    }]});
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, case.to_string()).unwrap();
    let outcome = entragate(
        &["test", "-", "--policy", file.to_str().unwrap()],
        &policy().to_string(),
    );
    assert_eq!(outcome.status, 0, "{}{}", outcome.out, outcome.err);
}
