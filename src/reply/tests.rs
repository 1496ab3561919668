use super::*;
use crate::decision::KeysUnavailable;
use crate::http::rate_limit::RateLimit;
use serde_json::{Value, json};

fn style(detail: Detail) -> ReplyStyle {
    ReplyStyle {
        realm: "hf".into(),
        detail,
        protected_resource: None,
    }
}

fn reply_context(dialect: Dialect) -> ReplyContext {
    ReplyContext {
        request_id: "id-1".into(),
        dialect,
        message_id: None,
    }
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply
        .headers
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, value)| &**value)
}

#[test]
fn request_without_token_gets_a_bare_challenge() {
    let reply = reply(
        &Denial::TokenMissing { unread: None },
        &style(Detail::Full),
        &reply_context(Dialect::OpenAi),
    );
    assert_eq!(reply.status, 401);
    assert_eq!(
        header(&reply, "www-authenticate"),
        Some("Bearer realm=\"hf\"")
    );
    assert_eq!(header(&reply, "x-request-id"), Some("id-1"));
    assert_eq!(header(&reply, "x-should-retry"), Some("false"));
    assert_eq!(reply.details, "entragate.token_missing");
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["error"]["type"], "authentication_error");
    assert_eq!(body["error"]["code"], "token_missing");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .ends_with("(token_missing)")
    );
}

#[test]
fn hostile_name_breaks_neither_header_nor_body() {
    let denial = Denial::RuleUnsatisfied {
        rule: "r".into(),
        requirement: "role 'a\"\r\nset-cookie: x\\é'".into(),
        similar: None,
    };
    let reply = reply(&denial, &style(Detail::Full), &reply_context(Dialect::Text));
    let challenge = header(&reply, "www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""));
    assert_eq!(challenge.matches('"').count(), 6);
    for (name, value) in &reply.headers {
        assert!(
            value.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{name}: {value}"
        );
    }
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .ends_with("(rule_unsatisfied)")
    );
}

#[test]
fn minimal_detail_makes_replies_to_invalid_tokens_equal() {
    let bad = [
        Denial::TokenMalformed("x"),
        Denial::SignatureInvalid,
        Denial::HuggingFaceToken,
        Denial::TokenExpired {
            expired: crate::time::Timestamp::from_secs(1),
        },
    ];
    let replies: Vec<Reply> = bad
        .iter()
        .map(|denial| {
            reply(
                denial,
                &style(Detail::Minimal),
                &reply_context(Dialect::OpenAi),
            )
        })
        .map(|reply| Reply {
            details: String::new(),
            ..reply
        })
        .collect();
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(replies[0].body.contains("(unauthorized)"));
    assert_eq!(
        header(&replies[0], "www-authenticate"),
        Some("Bearer realm=\"hf\", error=\"invalid_token\"")
    );
}

#[test]
fn challenge_refers_to_the_resource_metadata() {
    let resource = ProtectedResource::new("https://h", "", &[], &["a".into(), "b".into()]);
    let style = ReplyStyle {
        protected_resource: Some(Arc::new(resource)),
        ..style(Detail::Minimal)
    };
    let metadata = "resource_metadata=\"https://h/.well-known/oauth-protected-resource\"";
    let step_up = Denial::StepUpRequired {
        rule: "r".into(),
        context: "c1".into(),
        authorization_uri: "https://l/a".into(),
    };
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
    for (denial, challenge) in [
        (
            Denial::TokenMissing { unread: None },
            "realm=\"hf\"".to_owned(),
        ),
        (
            Denial::SignatureInvalid,
            "realm=\"hf\", error=\"invalid_token\"".to_owned(),
        ),
        (
            Denial::NoRule {
                lacks_version: false,
            },
            "realm=\"hf\", error=\"insufficient_scope\", scope=\"a b\"".to_owned(),
        ),
        (
            step_up,
            format!(
                "realm=\"\", authorization_uri=\"https://l/a\", error=\"insufficient_claims\", claims=\"{claims}\""
            ),
        ),
    ] {
        let reply = reply(&denial, &style, &reply_context(Dialect::Text));
        let expected = format!("Bearer {challenge}, {metadata}");
        assert_eq!(header(&reply, "www-authenticate"), Some(expected.as_str()));
    }
}

#[test]
fn outage_is_not_reported_as_an_authentication_failure() {
    let denial = Denial::KeysUnavailable {
        issuer: "contoso".into(),
        reason: KeysUnavailable::NeverFetched,
    };
    let reply = reply(
        &denial,
        &style(Detail::Full),
        &reply_context(Dialect::OpenAi),
    );
    assert_eq!((reply.status, reply.grpc_status), (502, 14));
    assert_eq!(header(&reply, "www-authenticate"), None);
    assert_eq!(header(&reply, "retry-after"), Some("2"));
    assert_eq!(header(&reply, "x-should-retry"), None);
    assert!(!reply.body.contains("contoso"));
}

#[test]
fn client_gets_the_error_format_it_expects() {
    let of = |fields: &[(&'static str, &'static str)]| {
        Dialect::of(&Headers::from_iter(fields.iter().copied()))
    };
    assert_eq!(of(&[(":path", "/v1/models")]), Dialect::OpenAi);
    assert_eq!(of(&[(":path", "/generate")]), Dialect::Text);
    for path in [
        "/v1/messages",
        "/v1/messages?beta=true",
        "/v1/messages/count_tokens",
        "/v1/messages/batches/1?a=b",
    ] {
        let js = [(":path", path), ("user-agent", "@huggingface/inference/4")];
        assert_eq!(of(&js), Dialect::Anthropic, "{path}");
    }
    assert_eq!(of(&[(":path", "/v1/messages2")]), Dialect::OpenAi);
    assert_eq!(of(&[(":path", "/x/v1/messages")]), Dialect::Text);
    let js = [
        (":path", "/v1/x"),
        ("user-agent", "@huggingface/inference/4.13.0"),
    ];
    assert_eq!(of(&js), Dialect::Text);
    let grpc = [
        (":path", "/v1/x"),
        ("content-type", "application/grpc+proto"),
    ];
    assert_eq!(of(&grpc), Dialect::Grpc);
}

#[test]
fn denial_of_a_message_has_anthropics_format() {
    let shown = |denial: &Denial| {
        let context = reply_context(Dialect::Anthropic);
        let reply = reply(denial, &style(Detail::Full), &context);
        assert_eq!(header(&reply, "content-type"), Some("application/json"));
        assert_eq!(header(&reply, "request-id"), Some("id-1"));
        assert_eq!(header(&reply, "x-error-code"), Some(denial.code()));
        (
            reply.status,
            serde_json::from_str::<Value>(&reply.body).unwrap(),
        )
    };
    let rule = || "r".into();
    let reason = KeysUnavailable::NeverFetched;
    for (denial, status, kind) in [
        (
            Denial::TokenMissing { unread: None },
            401,
            "authentication_error",
        ),
        (
            Denial::DeniedByRule { rule: rule() },
            403,
            "permission_error",
        ),
        (Denial::RequestAmbiguous("x"), 400, "invalid_request_error"),
        (
            Denial::ModelNotFound { model: "m".into() },
            404,
            "not_found_error",
        ),
        (Denial::BodyTooLarge { limit: 1 }, 413, "request_too_large"),
        (
            Denial::KeysUnavailable {
                issuer: rule(),
                reason,
            },
            502,
            "api_error",
        ),
        (Denial::Internal("x"), 500, "api_error"),
    ] {
        let (found, body) = shown(&denial);
        assert_eq!(found, status, "{denial:?}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(&format!("({})", denial.code())));
        let expected = json!({
            "type": "error", "error": {"type": kind, "message": message}, "request_id": "id-1",
        });
        assert_eq!(body, expected);
    }
}

#[test]
fn json_rpc_error_repeats_the_id_as_written() {
    let denial = Denial::NoRule {
        lacks_version: false,
    };
    for (id, expected) in [
        (None, "null"),
        (Some("12345678901234567890123"), "12345678901234567890123"),
        (Some(r#""\u00e9 \"x""#), r#""\u00e9 \"x""#),
        (Some("1.50"), "1.50"),
    ] {
        let context = ReplyContext {
            message_id: id.map(Arc::from),
            ..reply_context(Dialect::JsonRpc)
        };
        let reply = reply(&denial, &style(Detail::Full), &context);
        assert_eq!(reply.status, 403);
        assert_eq!(header(&reply, "content-type"), Some("application/json"));
        assert_eq!(header(&reply, "x-error-code"), Some("no_rule"));
        let start =
            format!(r#"{{"jsonrpc":"2.0","id":{expected},"error":{{"code":-32001,"message":""#);
        assert!(reply.body.starts_with(&start), "{}", reply.body);
        assert!(reply.body.ends_with("(no_rule)\"}}"), "{}", reply.body);
        serde_json::from_str::<Value>(&reply.body).unwrap();
    }
}

#[test]
fn only_grpc_keeps_its_format_at_an_mcp_server() {
    assert_eq!(Dialect::OpenAi.for_messages(), Dialect::JsonRpc);
    assert_eq!(Dialect::Text.for_messages(), Dialect::JsonRpc);
    assert_eq!(Dialect::Grpc.for_messages(), Dialect::Grpc);
}

fn exceeded() -> Denial {
    Denial::QuotaExceeded(RateLimit {
        name: Some("requests-per-minute".into()),
        quota: Some(100),
        left: Some(0),
        window: Some(60),
        reset: Some(32),
        kept: vec![
            (
                "x-ratelimit-limit",
                "100, 100;w=60;name=\"requests-per-minute\"".into(),
            ),
            ("x-ratelimit-remaining", "0".into()),
        ],
    })
}

#[test]
fn reply_to_an_exceeded_quota_names_it_and_the_time_to_retry() {
    let reply = reply(
        &exceeded(),
        &style(Detail::Full),
        &reply_context(Dialect::OpenAi),
    );
    assert_eq!((reply.status, reply.grpc_status), (429, 8));
    let text = "Your quota 'requests-per-minute' of 100 per minute is used up; try again in 32 s (quota_exceeded)";
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let expected = json!({"error": {"code": "quota_exceeded", "message": text, "param": null, "type": "rate_limit_error"}});
    assert_eq!(body, expected);
    for (name, value) in [
        ("retry-after", "32"),
        ("x-should-retry", "true"),
        ("ratelimit", "\"requests_per_minute\";r=0;t=32"),
        (
            "ratelimit-policy",
            "\"fixed window\";\"requests_per_minute\";q=100;w=60",
        ),
        (
            "x-ratelimit-limit",
            "100, 100;w=60;name=\"requests-per-minute\"",
        ),
        ("x-ratelimit-remaining", "0"),
        ("x-error-message", text),
    ] {
        assert_eq!(header(&reply, name), Some(value), "{name}");
    }
    assert_eq!(header(&reply, "www-authenticate"), None);
}

#[test]
fn exceeded_quota_is_not_named_with_minimal_detail() {
    let reply = reply(
        &exceeded(),
        &style(Detail::Minimal),
        &reply_context(Dialect::Anthropic),
    );
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let text = "Your quota is used up; try again later (quota_exceeded)";
    let expected = json!({
        "type": "error", "error": {"type": "rate_limit_error", "message": text}, "request_id": "id-1",
    });
    assert_eq!(body, expected);
    assert_eq!(header(&reply, "retry-after"), Some("32"));
    assert_eq!(header(&reply, "ratelimit"), Some("\"quota\";r=0;t=32"));
    assert_eq!(header(&reply, "ratelimit-policy"), None);
    assert_eq!(header(&reply, "x-ratelimit-limit"), None);
    assert_eq!(header(&reply, "x-ratelimit-remaining"), Some("0"));
    assert!(!format!("{reply:?}").contains("per-minute"));
}

#[test]
fn unknown_end_of_a_quota_stops_retries() {
    let denial = Denial::QuotaExceeded(RateLimit::default());
    let reply = reply(&denial, &style(Detail::Full), &reply_context(Dialect::Text));
    assert_eq!(header(&reply, "retry-after"), Some("60"));
    assert_eq!(header(&reply, "x-should-retry"), Some("false"));
    assert_eq!(header(&reply, "ratelimit"), None);
}
