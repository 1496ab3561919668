use super::*;
use crate::decision::KeysUnavailable;
use serde_json::Value;

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
