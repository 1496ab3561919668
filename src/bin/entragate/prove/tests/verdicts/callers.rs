//! The possible facts of callers.

use super::*;

#[test]
fn every_condition_can_be_satisfied_and_unsatisfied() {
    for condition in [
        json!({"role": "a"}),
        json!({"scope": "s"}),
        json!({"directory_role": ID}),
        json!({"group": ID}),
        json!({"group": "named"}),
        json!({"client": ID}),
        json!({"object": ID}),
        json!({"tenant": TENANTS[1]}),
        json!({"issuer": "contoso"}),
        json!({"issuer": "standard"}),
        json!({"kind": "user"}),
        json!({"kind": "app"}),
        json!({"kind": "agent"}),
        json!({"actor": "agent"}),
        json!({"managed_identity": ID}),
        json!({"managed_identity": "/subscriptions/a"}),
        json!({"mfa": true}),
        json!({"auth_context": "c1"}),
        json!({"source": ["10.0.0.0/8"]}),
        json!({"time": {"from": "08:00", "to": "18:00"}}),
        json!({"peer": "spiffe://a/*"}),
        claim("x", "equals", json!(1)),
        claim("x", "one_of", json!(["z", 1])),
        claim("x", "contains", json!("i")),
        claim("xms_idrel", "contains", json!(7)),
        claim("x", "present", json!(true)),
        claim("/y/z", "present", json!(false)),
    ] {
        assert_eq!(satisfied(&condition), "refuted", "{condition}");
        let not = json!({"not": condition});
        assert_eq!(satisfied(&not), "refuted", "{not}");
    }
}

#[test]
fn requirements_of_every_issuer_can_be_satisfied() {
    for (issuer, condition) in [
        (
            "contoso",
            json!({"all": [{"role": "a"}, {"scope": "s"}, {"client": ID}, {"kind": "user"}, {"actor": "agent"}]}),
        ),
        (
            "contoso",
            json!({"all": [{"kind": "user"}, {"not": {"actor": "agent"}}, {"directory_role": ID}, {"mfa": true}]}),
        ),
        (
            "contoso",
            json!({"all": [{"kind": "app"}, {"not": {"actor": "agent"}}]}),
        ),
        (
            "graph",
            json!({"all": [{"peer": "**"}, {"not": {"peer": "spiffe://**"}}]}),
        ),
        ("graph", json!({"group": ID})),
        ("graph", json!({"not": {"group": ID}})),
        ("github", json!({"kind": "app"})),
        ("standard", json!({"kind": "app"})),
        (
            "standard",
            json!({"all": [{"kind": "user"}, {"role": "a"}, {"scope": "s"}, {"client": "some"}]}),
        ),
        ("mapped", json!({"kind": "app"})),
        ("mapped", json!({"kind": "user"})),
        (
            "mapped",
            json!({"all": [{"kind": "app"}, claim("use", "equals", json!("svc"))]}),
        ),
        // Listed groups are excluded, so the groups are looked up.
        (
            "graph",
            json!({"all": [{"group": ID}, {"not": {"group": OTHER_ID}}, claim("groups", "present", json!(false))]}),
        ),
        // Not a managed identity, although the id is that of a managed identity.
        (
            "contoso",
            json!({"all": [{"object": ID}, {"not": {"managed_identity": ID}},
                                   {"not": {"managed_identity": "/subscriptions/a"}}]}),
        ),
        (
            "contoso",
            json!({"all": [claim("x", "contains", json!("i")), {"not": claim("x", "contains", json!("j"))}]}),
        ),
        (
            "contoso",
            json!({"all": [claim("xms_idrel", "contains", json!(7)), {"not": claim("xms_idrel", "contains", json!(8))}]}),
        ),
        // The claims that distinguish kinds have no meaning in the tokens of other issuers.
        (
            "contoso",
            json!({"all": [{"kind": "user"}, {"not": claim("use", "present", json!(true))}]}),
        ),
        (
            "contoso",
            json!({"all": [{"kind": "app"}, {"not": claim("use", "present", json!(true))}]}),
        ),
        (
            "contoso",
            json!({"all": [{"kind": "user"}, claim("use", "equals", json!("svc"))]}),
        ),
        (
            "contoso",
            json!({"all": [{"kind": "app"}, claim("use", "equals", json!("web"))]}),
        ),
    ] {
        let both = json!({"all": [{"issuer": issuer}, condition]});
        assert_eq!(satisfied(&both), "refuted", "{both}");
    }
}

#[test]
fn every_condition_that_can_be_indeterminate_is_found_to_be() {
    for (condition, expected) in [
        (json!({"role": "a"}), "refuted"),
        (json!({"scope": "s"}), "refuted"),
        (json!({"directory_role": ID}), "refuted"),
        (json!({"group": ID}), "refuted"),
        (json!({"group": "named"}), "refuted"),
        (json!({"client": ID}), "refuted"),
        (
            json!({"all": [{"issuer": "contoso"}, {"kind": "user"}]}),
            "refuted",
        ),
        (
            json!({"all": [{"issuer": "plain"}, {"kind": "user"}]}),
            "refuted",
        ),
        (
            json!({"all": [{"issuer": "standard"}, {"kind": "user"}]}),
            "refuted",
        ),
        (
            json!({"all": [{"issuer": "plain"}, {"actor": "agent"}]}),
            "refuted",
        ),
        (
            json!({"all": [{"issuer": "contoso"}, {"actor": "agent"}]}),
            "refuted",
        ),
        (json!({"managed_identity": "/subscriptions/a"}), "refuted"),
        (json!({"mfa": true}), "refuted"),
        (json!({"auth_context": "c1"}), "refuted"),
        (json!({"source": ["10.0.0.0/8"]}), "refuted"),
        (claim("x", "equals", json!(1)), "refuted"),
        (claim("x", "contains", json!(1)), "refuted"),
        (claim("xms_idrel", "contains", json!(7)), "refuted"),
        (claim("x", "present", json!(true)), "refuted"),
        (json!({"object": ID}), "proved"),
        (json!({"issuer": "contoso"}), "proved"),
        (json!({"time": {"from": "08:00", "to": "18:00"}}), "proved"),
    ] {
        assert_eq!(clear(&condition), expected, "{condition}");
    }
}

/// Whether a token of a kind shows who acts: always, if the API requests the facets.
#[test]
fn actor_of_a_known_kind_is_indeterminate_only_without_facets() {
    for (issuer, expected) in [("plain", "refuted"), ("contoso", "proved")] {
        let user = json!({"all": [{"issuer": issuer}, {"kind": "user"}]});
        let rules = json!([{"name": "rule", "require": user, "credential": "r"}]);
        let known = json!({"any": [{"actor": "agent"}, {"not": {"actor": "agent"}}]});
        let assertion = json!({"credential": "r", "only_if": known});
        assert_eq!(verdict(&settings(&rules), assertion), expected, "{issuer}");
    }
}

#[test]
fn facts_that_exclude_each_other_are_not_combined() {
    for condition in [
        json!({"all": [{"kind": "user"}, {"kind": "app"}]}),
        json!({"all": [{"kind": "app"}, {"actor": "agent"}]}),
        json!({"all": [{"kind": "agent"}, {"not": {"actor": "agent"}}]}),
        json!({"all": [{"issuer": "contoso"}, {"issuer": "github"}]}),
        json!({"all": [{"tenant": TENANTS[0]}, {"tenant": TENANTS[1]}]}),
        json!({"all": [{"issuer": "contoso"}, {"not": {"tenant": TENANTS[0]}}, {"not": {"tenant": TENANTS[1]}}]}),
        json!({"all": [{"issuer": "github"}, {"kind": "user"}]}),
        json!({"all": [{"issuer": "standard"}, {"kind": "agent"}]}),
        json!({"all": [{"issuer": "standard"}, {"actor": "agent"}]}),
        json!({"all": [{"issuer": "standard"}, {"not": {"actor": "agent"}}]}),
        json!({"all": [{"issuer": "mapped"}, {"kind": "user"}, claim("use", "equals", json!("svc"))]}),
        json!({"all": [{"issuer": "mapped"}, {"kind": "app"}, {"not": claim("use", "equals", json!("svc"))}]}),
        json!({"all": [{"issuer": "mapped"}, {"kind": "app"}, claim("use", "equals", json!("web"))]}),
        json!({"all": [claim("x", "equals", json!(1)), claim("x", "equals", json!(2))]}),
        json!({"all": [claim("x", "equals", json!(1)), claim("x", "present", json!(false))]}),
        json!({"all": [{"client": ID}, {"client": "other"}]}),
        json!({"all": [{"object": ID}, {"object": TENANTS[0]}]}),
        json!({"all": [{"source": ["10.0.0.0/8"]}, {"source": ["192.0.2.0/24"]}]}),
        json!({"all": [{"time": {"from": "08:00", "to": "12:00"}}, {"time": {"from": "12:00", "to": "18:00"}}]}),
        json!({"all": [{"peer": "spiffe://a/*"}, {"peer": "spiffe://b/**"}]}),
        json!({"all": [{"peer": "spiffe://a/*"}, {"not": {"peer": "spiffe://a/**"}}]}),
    ] {
        assert_eq!(satisfied(&condition), "proved", "{condition}");
    }
}

#[test]
fn counterexample_has_only_the_facts_that_matter() {
    let rules = json!([
        {"name": "rule", "require": {"all": [{"issuer": "contoso"}, {"role": "a"}]}, "credential": "r"},
        {"name": "host", "match": {"hosts": ["a"]}, "require": {"role": "b"}, "credential": "none"},
        {"name": "other", "match": {"methods": ["PUT"]}, "credential": "none",
         "require": {"any": [{"scope": "s"}, {"mfa": true}, {"group": ID}, claim("x", "equals", json!(1))]}},
    ]);
    let never = json!({"match": {}, "never": {"credential": "r"}});
    let found = counterexample(&settings(&rules), never);
    let request = &found.witness.request;
    // The shortest host, although another rule names it.
    assert_eq!(
        (&request["method"], &request["host"]),
        (&json!("POST"), &json!("a"))
    );
    let caller = found.witness.caller.as_ref().unwrap();
    assert_eq!(caller["issuer"], "contoso");
    let claims = &caller["claims"];
    assert_eq!(
        (&claims["roles"], &claims["idtyp"]),
        (&json!(["a"]), &json!("user"))
    );
    for absent in [
        "groups",
        "scp",
        "amr",
        "_claim_names",
        "hasgroups",
        "xms_act_fct",
    ] {
        assert!(claims.get(absent).is_none(), "{claims}");
    }
    assert!(caller.get("graph_groups").is_none(), "{caller}");
    // The rules of the assertions are not shown.
    let names = found.answer.rules.iter().map(|rule| &*rule.rule);
    assert_eq!(names.collect::<Vec<_>>(), ["rule", "host", "other"]);
}

#[test]
fn accepted_tokens_have_an_audience_a_tenant_and_a_client_of_their_issuer() {
    let verdict_with = |claims: Value, require: &Value| {
        let rules = json!([{"name": "rule", "require": require, "credential": "r"}]);
        let mut settings = settings(&rules);
        settings["issuers"][0]["clients"] = json!(["c1"]);
        settings["issuers"][0]["claims"] = claims;
        verdict(&settings, json!({"match": {}, "never": "permit"}))
    };
    let contoso = |other: Value| json!({"all": [{"issuer": "contoso"}, other]});
    let neither = json!({"not": {"any": [{"tenant": TENANTS[0]}, {"tenant": TENANTS[1]}]}});
    for (require, expected) in [
        (contoso(json!({"client": "c1"})), "refuted"),
        (contoso(json!({"client": "c2"})), "proved"),
        (contoso(json!({"not": {"client": "c1"}})), "proved"),
        (contoso(json!({"not": {"tenant": TENANTS[0]}})), "refuted"),
        (contoso(neither.clone()), "proved"),
        (
            json!({"all": [{"issuer": "standard"}, {"client": "c2"}]}),
            "refuted",
        ),
    ] {
        assert_eq!(verdict_with(json!({}), &require), expected, "{require}");
    }
    // A tenant in another claim is not limited.
    let elsewhere = json!({"tenant": "org"});
    assert_eq!(verdict_with(elsewhere, &contoso(neither)), "refuted");
}
