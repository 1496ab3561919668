//! Rules: the callers that they permit, and the reasons of denials.

use crate::support;

use entragate::gate::Step;
use entragate::http::headers::Headers;
use serde_json::{Value, json};
use support::*;
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::persona::*;

fn decide(require: Value, token: &Token) -> String {
    let settings = with_rules(json!([{"name": "only", "require": require}]));
    Bench::warm(&settings).code(&token.build())
}

#[test]
fn requirement_is_satisfied_only_by_matching_callers() {
    let persona = Token::of;
    let ada_claims = ada().claims_value();
    let robot = "/SUBSCRIPTIONS".to_owned() + &ROBOT_RESOURCE["/subscriptions".len()..];
    let satisfied = [
        (json!({"role": "Model.Query"}), ada()),
        (json!({"group": SCIENTISTS_GROUP}), ada()),
        (json!({"scope": "access_as_user"}), ada()),
        (json!({"object": ada_claims["oid"]}), ada()),
        (json!({"tenant": TENANT.to_uppercase()}), ada()),
        (json!({"issuer": "contoso"}), ada()),
        (json!({"client": NOTEBOOK_CLIENT}), ada()),
        (json!({"client": BATCH_CLIENT}), persona(Persona::Batch)),
        (json!({"kind": "user"}), ada()),
        (json!({"kind": "user"}), persona(Persona::Ben)),
        (json!({"kind": "app"}), persona(Persona::Batch)),
        (json!({"kind": "app"}), persona(Persona::Robot)),
        (json!({"managed_identity": robot}), persona(Persona::Robot)),
        (
            json!({"directory_role": "62e90394-69f5-4237-9190-012177145e10"}),
            ada().claim("wids", json!(["62e90394-69f5-4237-9190-012177145e10"])),
        ),
        (json!({"claim": {"path": "ver", "equals": "2.0"}}), ada()),
        (
            json!({"claim": {"path": "ver", "one_of": ["1.0", "2.0"]}}),
            ada(),
        ),
        (
            json!({"claim": {"path": "xms_cc", "contains": "cp1"}}),
            ada(),
        ),
        (json!({"claim": {"path": "upn", "present": false}}), ada()),
        (
            json!({"claim": {"path": "/a/b~1c/0", "equals": 7}}),
            ada().claim("a", json!({"b/c": [7]})),
        ),
        (json!({"not": {"role": "Contractor"}}), ada()),
        (
            json!({"all": [{"role": "Model.Query"}, {"kind": "user"}]}),
            ada(),
        ),
        (json!({"any": [{"role": "x"}, {"kind": "user"}]}), ada()),
    ];
    for (require, token) in satisfied {
        assert_eq!(decide(require.clone(), &token), "permitted", "{require}");
    }
    let unsatisfied = [
        (json!({"role": "model.query"}), ada()),
        (json!({"group": GUEST_TENANT}), ada()),
        (json!({"scope": "access"}), ada()),
        (json!({"kind": "app"}), ada()),
        (json!({"kind": "user"}), persona(Persona::Batch)),
        (
            json!({"managed_identity": ROBOT_RESOURCE}),
            persona(Persona::Batch),
        ),
        (json!({"claim": {"path": "ver", "equals": 2.0}}), ada()),
        (
            json!({"claim": {"path": "roles", "equals": "Model.Query"}}),
            ada(),
        ),
        (json!({"claim": {"path": "nothing", "equals": null}}), ada()),
        (
            json!({"claim": {"path": "nothing", "present": true}}),
            ada(),
        ),
        (json!({"not": {"role": "Model.Query"}}), ada()),
        (
            json!({"all": [{"role": "Model.Query"}, {"kind": "app"}]}),
            ada(),
        ),
        (json!({"any": [{"role": "x"}, {"kind": "app"}]}), ada()),
    ];
    for (require, token) in unsatisfied {
        // The configuration may also reject a comparison with null.
        let settings = with_rules(json!([{"name": "only", "require": require}]));
        let text = settings.to_string();
        if entragate::config::load(text.as_bytes(), &|_| None).is_ok() {
            assert_eq!(
                decide(require.clone(), &token),
                "rule_unsatisfied",
                "{require}"
            );
        }
    }
}

/// No scp, a `sub` that differs from `oid`, no `idtyp`: neither a user's token nor an app's.
fn of_unknown_kind() -> Token {
    ada().without("scp")
}

#[test]
fn information_missing_from_the_token_never_permits() {
    let olga = Token::of(Persona::Olga);
    let omar = Token::of(Persona::Omar);
    let group = json!({"group": SCIENTISTS_GROUP});
    for (require, token, code) in [
        (group.clone(), &olga, "groups_overage"),
        (group.clone(), &omar, "groups_overage"),
        (json!({"not": group}), &olga, "groups_overage"),
        (
            json!({"all": [{"issuer": "contoso"}, group]}),
            &olga,
            "groups_overage",
        ),
        (
            json!({"any": [{"role": "x"}, {"not": group}]}),
            &olga,
            "groups_overage",
        ),
        (
            json!({"any": [{"issuer": "contoso"}, group]}),
            &olga,
            "permitted",
        ),
        (
            json!({"all": [{"role": "x"}, group]}),
            &olga,
            "rule_unsatisfied",
        ),
        (
            json!({"kind": "user"}),
            &of_unknown_kind(),
            "rule_unsatisfied",
        ),
        (
            json!({"not": {"kind": "app"}}),
            &of_unknown_kind(),
            "rule_unsatisfied",
        ),
    ] {
        assert_eq!(decide(require.clone(), token), code, "{require}");
    }
}

#[test]
fn indeterminate_deny_rule_denies() {
    let denying = |require: Value| {
        with_rules(json!([
            {"name": "all", "require": {"issuer": "contoso"}},
            {"name": "ban", "require": require, "effect": "deny"},
        ]))
    };
    let group = denying(json!({"group": GUEST_TENANT}));
    assert_eq!(Bench::warm(&group).code(&ada().build()), "permitted");
    let olga = Token::of(Persona::Olga).build();
    assert_eq!(Bench::warm(&group).code(&olga), "groups_overage");
    let apps = denying(json!({"kind": "app"}));
    assert_eq!(
        Bench::warm(&apps).code(&of_unknown_kind().build()),
        "denied_by_rule"
    );
}

#[test]
fn deny_rules_precede_allow_rules_and_the_first_allow_applies() {
    let mut settings = with_rules(json!([
        {"name": "first", "require": {"role": "Model.Query"}, "credential": "hf-read"},
        {"name": "second", "require": {"issuer": "contoso"}, "credential": "hf-other"},
        {"name": "ban", "require": {"object": "690222be-ff1a-4d56-abd1-7e4f7d38e474"}, "effect": "deny"},
    ]));
    let other = json!({"name": "hf-other", "value": "hf_other"});
    settings["credentials"].as_array_mut().unwrap().push(other);
    let mut bench = Bench::warm(&settings);
    assert_eq!(bench.code(&ada().build()), "denied_by_rule");
    assert_eq!(bench.code(&Token::of(Persona::Batch).build()), "permitted");
    assert_eq!(bench.code(&Token::of(Persona::Nora).build()), "permitted");
    let records = bench.audit();
    let seen: Vec<_> = records
        .iter()
        .map(|r| (&r["rule"], &r["credential"]))
        .collect();
    assert_eq!(seen[0], (&json!("ban"), &Value::Null));
    assert_eq!(seen[1], (&json!("first"), &json!("hf-read")));
    assert_eq!(seen[2], (&json!("second"), &json!("hf-other")));
}

#[test]
fn match_restricts_a_rule() {
    let settings = with_rules(json!([{
        "name": "narrow",
        "match": {"hosts": ["*.contoso.com"], "methods": ["GET", "post"], "paths": ["/v1/**", "/info"],
                  "issuers": ["contoso"]},
        "require": {"issuer": "contoso"},
    }]));
    let mut bench = Bench::warm(&settings);
    let token = format!("Bearer {}", ada().build());
    for (method, path, host, code) in [
        (
            "POST",
            "/v1/chat/completions?stream=1",
            "a.contoso.com",
            "permitted",
        ),
        ("GET", "/info", "A.CONTOSO.COM:8443", "permitted"),
        ("GET", "/in%66o", "a.contoso.com", "permitted"),
        ("DELETE", "/info", "a.contoso.com", "no_rule"),
        ("GET", "/info/x", "a.contoso.com", "no_rule"),
        ("GET", "/INFO", "a.contoso.com", "no_rule"),
        ("GET", "/info", "contoso.com", "no_rule"),
        ("GET", "/info", "a.b.contoso.com", "no_rule"),
        ("GET", "/info", "contoso.com.evil.example", "no_rule"),
        ("GET", "/v1/../info", "a.contoso.com", "request_ambiguous"),
        (
            "GET",
            "/v1/%2e%2e/info",
            "a.contoso.com",
            "request_ambiguous",
        ),
        ("GET", "/v1//models", "a.contoso.com", "request_ambiguous"),
        ("GET", "/v1%2fmodels", "a.contoso.com", "request_ambiguous"),
    ] {
        let fields = [
            (":method", method),
            (":path", path),
            (":authority", host),
            ("authorization", &token),
        ];
        let (_, ruling) = bench.send(&fields);
        assert_eq!(code_of(&ruling), code, "{method} {host} {path}");
    }
}

#[test]
fn anonymous_rule_ignores_the_token() {
    let mut bench = Bench::cold(&settings());
    let health = [
        (":method", "GET"),
        (":path", "/health"),
        (":authority", "x"),
    ];
    let (id, ruling) = bench.send(&health);
    assert_eq!(code_of(&ruling), "anonymous");
    assert!(
        edits_of(&ruling).is_empty(),
        "no credential is sent unless the rule names one"
    );
    bench.gate.finish(id, Some(200), bench.now);
    assert_eq!(bench.audit()[0]["rule"], "health");

    let with_token = [
        health[0],
        health[1],
        health[2],
        ("authorization", "Bearer hf_own"),
    ];
    assert_eq!(code_of(&bench.send(&with_token).1), "anonymous");
    let (_, ruling) = bench.send(&[
        (":method", "POST"),
        (":path", "/health"),
        (":authority", "x"),
    ]);
    assert_eq!(code_of(&ruling), "token_missing");
}

#[test]
fn shadow_rule_is_recorded_without_effect() {
    let settings = with_rules(json!([
        {"name": "new-ban", "require": {"role": "Model.Query"}, "effect": "deny", "mode": "shadow"},
        {"name": "new-open", "require": {"issuer": "contoso"}, "mode": "shadow"},
        {"name": "never", "require": {"role": "x"}, "mode": "shadow"},
        {"name": "scientists", "require": {"role": "Model.Query"}},
    ]));
    let mut bench = Bench::warm(&settings);
    assert_eq!(bench.code(&ada().build()), "permitted");
    assert_eq!(
        bench.code(&Token::of(Persona::Nora).build()),
        "rule_unsatisfied"
    );
    let records = bench.audit();
    let deny = json!({"rule": "new-ban", "would": "deny"});
    let permit = json!({"rule": "new-open", "would": "permit"});
    assert_eq!(records[0]["shadow"], json!([deny, permit]));
    assert_eq!(records[1]["shadow"], json!([permit]));
}

#[test]
fn denial_names_the_rule_and_the_missing_requirement() {
    let settings = with_rules(json!([{
        "name": "night-shift",
        "require": {"any": [{"role": "Model.Query"}, {"all": [{"group": "g"}, {"kind": "user"}]}]},
    }]));
    let (_, ruling) = Bench::warm(&settings).chat(&Token::of(Persona::Nora).build());
    let reply = reply_of(&ruling);
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        body["error"]["message"],
        "You are authenticated, but rule night-shift requires role 'Model.Query' or (group 'g' and \
         a caller of kind 'user') (rule_unsatisfied)"
    );
    assert_eq!(reply.details, "entragate.rule_unsatisfied");
}

#[test]
fn unsafe_headers_are_removed_and_identity_headers_added() {
    let mut settings = settings();
    settings["forward"] = json!({
        "identity_headers": {"x-entra-oid": "oid", "X-Entra-App": "client", "x-name": "name"},
        "bill_to": "contoso",
    });
    let mut bench = Bench::warm(&settings);
    let token = ada().claim("name", "Ada\r\nx-evil: 1 é%").build();
    let authorization = format!("Bearer {token}");
    let fields = [
        (":method", "POST"),
        (":path", "/v1/x"),
        (":authority", "x"),
        ("authorization", authorization.as_str()),
        ("cookie", "a=b"),
        ("x-api-key", "k"),
        ("api-key", "k"),
        ("proxy-authorization", "p"),
        ("X-Entra-Oid", "spoofed"),
        ("x-entra-app", "spoofed"),
        ("x-hf-bill-to", "victim"),
        ("accept", "*/*"),
    ];
    let mut stripped = bench.gate.strip_credentials(&Headers::from_iter(fields));
    stripped.sort();
    assert_eq!(
        stripped,
        [
            "api-key",
            "authorization",
            "cookie",
            "proxy-authorization",
            "x-api-key",
            "x-entra-app",
            "x-entra-oid",
            "x-hf-bill-to",
        ]
    );
    let (_, ruling) = bench.send(&fields);
    let mut edits = edits_of(&ruling);
    edits.sort();
    let expected = [
        ("authorization", format!("Bearer {CREDENTIAL}")),
        ("x-entra-app", NOTEBOOK_CLIENT.to_owned()),
        (
            "x-entra-oid",
            ada().claims_value()["oid"].as_str().unwrap().to_owned(),
        ),
        ("x-hf-bill-to", "contoso".to_owned()),
        ("x-name", "Ada%0D%0Ax-evil: 1 %C3%A9%25".to_owned()),
    ];
    assert_eq!(
        edits,
        expected.map(|(name, value)| (name.to_owned(), value))
    );
    let Step::Forward(edits) = &ruling.step else {
        panic!()
    };
    assert!(
        !format!("{edits:?}").contains(CREDENTIAL),
        "a credential is redacted in debug output"
    );
}
