//! Common mistakes of callers and operators, and the messages about them: complete for the operator, and shown to the caller
//! unless `replies.detail` is `minimal`.

use crate::support;

use serde_json::{Value, json};
use support::*;
use testbed::mint::Token;
use testbed::persona::{AUDIENCE, AUDIENCE_URI, OTHER_AUDIENCE};

/// Returns the record of a denied request, and the body of the reply.
fn denied(settings: &Value, fields: &[(&str, &str)]) -> (Value, Value) {
    let mut bench = Bench::warm(settings);
    bench.audit();
    let pseudo_headers = [(":method", "POST"), (":authority", "gateway.contoso.com")];
    let (id, ruling) = bench.send(&[&pseudo_headers, fields].concat());
    let body = serde_json::from_str(&reply_of(&ruling).body).unwrap();
    bench.gate.finish(id, None, bench.now);
    (bench.audit().pop().expect("a record"), body)
}

fn chat_by(settings: &Value, token: &Token) -> (Value, Value) {
    let authorization = format!("Bearer {}", token.build());
    let fields = [
        (":path", "/v1/chat/completions"),
        ("authorization", &authorization),
    ];
    denied(settings, &fields)
}

fn minimal(settings: &Value) -> Value {
    let mut settings = settings.clone();
    settings["replies"] = json!({"detail": "minimal"});
    settings
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("expected a string, found {value}"))
}

#[test]
fn base_url_without_version_is_named_in_openai_form() {
    let authorization = format!("Bearer {}", ada().build());
    for path in ["/chat/completions", "/embeddings?x=1"] {
        let fields = [(":path", path), ("authorization", &authorization)];
        let (record, body) = denied(&settings(), &fields);
        assert_eq!(record["code"], "no_rule");
        let hint = "end the client's base URL in /v1";
        assert!(text(&record["reason"]).contains(hint), "{record}");
        assert!(text(&body["error"]["message"]).contains(hint), "{body}");
        assert_eq!(body["error"]["code"], "no_rule");
        let (record, body) = denied(&minimal(&settings()), &fields);
        assert!(text(&record["reason"]).contains(hint), "{record}");
        assert!(!body.to_string().contains("/v1"), "{body}");
    }
    for path in ["/other", "/models/org/name", "/chat/completions/x"] {
        let fields = [(":path", path), ("authorization", &authorization)];
        let (record, _) = denied(&settings(), &fields);
        assert_eq!(record["code"], "no_rule");
        assert!(!text(&record["reason"]).contains("/v1"), "{path}: {record}");
    }
}

#[test]
fn path_without_version_is_decided_by_its_rules() {
    let rules = json!([{"name": "llama-cpp", "match": {"paths": ["/chat/completions"]}, "require": {"role": "Model.Query"}}]);
    let mut bench = Bench::warm(&with_rules(rules));
    let authorization = format!("Bearer {}", ada().build());
    let (_, ruling) = bench.send(&[
        (":method", "POST"),
        (":path", "/chat/completions"),
        (":authority", "gateway.contoso.com"),
        ("authorization", &authorization),
    ]);
    assert_eq!(code_of(&ruling), "permitted");
}

#[test]
fn token_in_an_unread_header_is_named() {
    let mut configured = settings();
    configured["token"] =
        json!({"headers": [{"name": "authorization", "scheme": "Bearer"}, {"name": "x-api-key"}]});
    for (settings, fields, unread) in [
        (settings(), vec![("x-api-key", "a.b.c")], Some("x-api-key")),
        (settings(), vec![("api-key", "a.b.c")], Some("api-key")),
        (
            settings(),
            vec![("authorization", "Basic dTpw"), ("x-api-key", "a.b.c")],
            Some("x-api-key"),
        ),
        (
            configured.clone(),
            vec![("api-key", "a.b.c")],
            Some("api-key"),
        ),
        (settings(), vec![], None),
        (settings(), vec![("authorization", "Basic dTpw")], None),
    ] {
        let fields = [&[(":path", "/v1/chat/completions")], &fields[..]].concat();
        let (record, body) = denied(&settings, &fields);
        assert_eq!(record["code"], "token_missing");
        let (reason, message) = (text(&record["reason"]), text(&body["error"]["message"]));
        let hint = unread.map(|name| format!("add {{name: {name}}} to token.headers"));
        assert_eq!(
            reason.contains("token.headers"),
            unread.is_some(),
            "{reason}"
        );
        assert!(hint.is_none_or(|hint| reason.contains(&hint)), "{reason}");
        assert_eq!(
            message.contains("token.headers"),
            unread.is_some(),
            "{message}"
        );
        assert!(
            message.contains("in the Authorization header, as: Bearer <token>"),
            "{message}"
        );
        let (_, minimal) = denied(&minimal(&settings), &fields);
        assert_eq!(
            minimal["error"]["message"],
            "Authentication is required (unauthorized)"
        );
    }
    let fields = [(":path", "/v1/chat/completions"), ("x-api-key", "a.b.c")];
    assert_eq!(denied(&configured, &fields).0["code"], "token_malformed");
}

#[test]
fn wrong_audience_is_shown_to_caller_and_operator_and_accepted_ones_only_to_the_operator() {
    for (audience, shown) in [
        (json!(OTHER_AUDIENCE), format!("'{OTHER_AUDIENCE}'")),
        (json!(["a", "b", "c"]), "'a' (and 2 more)".to_owned()),
        (json!([]), "(none)".to_owned()),
    ] {
        let token = ada().claim("aud", audience);
        let (record, body) = chat_by(&settings(), &token);
        assert_eq!(record["code"], "audience_mismatch");
        let (reason, message) = (text(&record["reason"]), text(&body["error"]["message"]));
        for known in [
            &shown,
            &format!("'{AUDIENCE}'"),
            &format!("'{AUDIENCE_URI}'"),
        ] {
            assert!(reason.contains(known), "{known}: {reason}");
        }
        assert!(
            message.contains(&format!("audience {shown} is not")),
            "{message}"
        );
        assert!(!message.contains(AUDIENCE), "{message}");
        let (_, minimal) = chat_by(&minimal(&settings()), &token);
        assert_eq!(
            minimal["error"]["message"],
            "Authentication is required (unauthorized)"
        );
    }
    let mut many = settings();
    many["issuers"][0]["audiences"] = (0..100).map(|n| format!("api://{n}")).collect();
    let (record, _) = chat_by(&many, &ada());
    assert!(
        text(&record["reason"]).contains("'api://4', and 95 more"),
        "{record}"
    );
}

#[test]
fn value_that_differs_in_case_does_not_permit_and_is_shown_to_the_operator() {
    for (require, claim, claimed, is_suggested) in [
        (
            json!({"role": "Model.Query"}),
            "roles",
            json!(["model.query"]),
            true,
        ),
        (
            json!({"any": [{"role": "Admin"}, {"all": [{"scope": "Chat"}]}]}),
            "scp",
            json!("chat"),
            true,
        ),
        (
            json!({"group": "Scientists"}),
            "groups",
            json!(["scientists"]),
            true,
        ),
        (
            json!({"role": "Model.Query"}),
            "roles",
            json!(["Model.Query2"]),
            false,
        ),
        (
            json!({"not": {"any": [{"role": "X"}, {"kind": "user"}]}}),
            "roles",
            json!(["x"]),
            false,
        ),
    ] {
        let settings = with_rules(json!([{"name": "r", "require": require}]));
        let token = ada().without("roles").claim(claim, claimed.clone());
        let (record, body) = chat_by(&settings, &token);
        assert_eq!(record["code"], "rule_unsatisfied");
        let has_suggestion = text(&record["reason"]).contains("did you mean '");
        assert_eq!(has_suggestion, is_suggested, "{record}");
        assert!(!body.to_string().contains("did you mean"), "{body}");
    }
}
