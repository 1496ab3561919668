//! A denial as the caller sees it: RFC 6750's challenge, and a body that its client can show.
//!
//! Which client shows what stands in facts/huggingface.md ("How clients show errors"): the OpenAI
//! object under `/v1/`, else `{"error": "text"}`; never a 503, which huggingface.js hammers.

use crate::decision::{Challenge, Denial};
use crate::json::write::Writer;
use crate::request::Headers;
use crate::resource::ProtectedResource;
use crate::text::fitted;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;

/// The compiled form of `replies`.
#[derive(Clone, Debug)]
pub struct ReplyStyle {
    pub realm: String,
    pub detail: Detail,
    /// The document that challenges point to, if there is one.
    pub protected_resource: Option<Arc<ProtectedResource>>,
}

/// How much a refused caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Full,
    /// No reasons; the audit record keeps them.
    Minimal,
}

/// What of a request shapes the reply to it.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    pub request_id: Arc<str>,
    pub dialect: Dialect,
}

/// The form in which a client expects an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error": {"message", "type", "param", "code"}}`
    OpenAi,
    /// `{"error": "text"}`
    #[default]
    Text,
    /// `grpc-status` and `grpc-message`, made by the host from status and body.
    Grpc,
}

/// A response of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    pub body: String,
    /// For `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// For gRPC requests; -1 is none.
    pub grpc_status: i32,
}

impl Dialect {
    pub fn of(headers: &Headers) -> Self {
        let begins = |name, prefix| {
            headers
                .text(name)
                .is_some_and(|value: &str| value.starts_with(prefix))
        };
        if begins("content-type", "application/grpc") {
            Self::Grpc
        } else if begins(":path", "/v1/") && !begins("user-agent", "@huggingface/inference") {
            Self::OpenAi
        } else {
            Self::Text
        }
    }
}

/// The reply to a denied request.
pub fn reply(denial: &Denial, style: &ReplyStyle, asker: &Asker) -> Reply {
    let facts = denial.facts();
    let (code, text) = match (style.detail, facts.status) {
        (Detail::Full, _) => (facts.code, facts.text),
        (Detail::Minimal, 401) => ("unauthorized", Cow::Borrowed("Authentication is required")),
        (Detail::Minimal, 403) => ("forbidden", Cow::Borrowed("This request is not permitted")),
        (Detail::Minimal, _) => (facts.code, facts.text),
    };
    let text = printable(text);
    let message = [&*text, " (", code, ")"].concat();
    let body = body(asker.dialect, facts.status, code, &message);
    let mut headers = vec![
        ("content-type", content_type(asker.dialect).into()),
        ("cache-control", "no-store".into()),
        ("x-request-id", asker.request_id.to_string().into()),
        ("x-error-code", code.into()),
        ("x-error-message", message.into()),
    ];
    headers.push(match denial.retry_after(facts.status) {
        Some(seconds) => ("retry-after", seconds.to_string().into()),
        None => ("x-should-retry", "false".into()),
    });
    if let Some(challenge) = challenge(&facts.challenge, style, &text) {
        headers.push(("www-authenticate", challenge.into()));
    }
    Reply {
        status: facts.status,
        headers,
        body,
        details: ["entragate.", facts.code].concat(),
        grpc_status: grpc_status(facts.status),
    }
}

fn content_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi | Dialect::Text => "application/json",
        Dialect::Grpc => "application/grpc",
    }
}

fn body(dialect: Dialect, status: u16, code: &str, message: &str) -> String {
    const AROUND: usize = 128;
    let mut body = Writer::object(message.len() + AROUND);
    match dialect {
        Dialect::OpenAi => body.nested("error", |error| {
            error.text("code", code);
            error.text("message", message);
            error.null("param");
            error.text("type", error_type(status));
        }),
        Dialect::Text => body.text("error", message),
        Dialect::Grpc => return message.to_owned(),
    }
    body.finish()
}

fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// RFC 6750 §3. `error_description` may hold printable ASCII but neither quote nor backslash.
fn challenge(challenge: &Challenge, style: &ReplyStyle, text: &str) -> Option<String> {
    let resource = style.protected_resource.as_deref();
    let error = |name: &str| {
        let start = ["Bearer realm=\"", &style.realm, "\", error=\"", name, "\""].concat();
        match style.detail {
            Detail::Full => {
                let text = text.replace(['"', '\\'], "'");
                [&*start, ", error_description=\"", &text, "\""].concat()
            }
            Detail::Minimal => start,
        }
    };
    let mut challenge = match challenge {
        Challenge::None => return None,
        Challenge::Bare => format!("Bearer realm=\"{}\"", style.realm),
        Challenge::InvalidToken => error("invalid_token"),
        Challenge::InsufficientScope => {
            let scope = resource.map(|resource| &resource.scope);
            let scope = scope.filter(|scope| !scope.is_empty());
            let scope = scope.map(|scope| format!(", scope=\"{scope}\""));
            error("insufficient_scope") + &scope.unwrap_or_default()
        }
        Challenge::InsufficientClaims {
            authorization_uri,
            context,
        } => claims_challenge(authorization_uri, context),
    };
    if let Some(resource) = resource {
        // RFC 9728 §5.1.
        challenge.push_str(&format!(", resource_metadata=\"{}\"", resource.address));
    }
    Some(challenge)
}

/// As Entra's client libraries read it: an empty realm, and the claims to ask for in base64. It is
/// the same whatever the detail, for without it no client could sign in more strongly.
fn claims_challenge(authorization_uri: &str, context: &str) -> String {
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": context}}});
    let claims = BASE64_STANDARD.encode(claims.to_string());
    format!(
        "Bearer realm=\"\", authorization_uri=\"{authorization_uri}\", \
         error=\"insufficient_claims\", claims=\"{claims}\""
    )
}

/// Texts can quote what the caller sent or an administrator named: one line of ASCII they stay.
fn printable(text: Cow<'_, str>) -> Cow<'_, str> {
    fitted(text, |c| matches!(c, ' '..='~'), "?")
}

/// The gRPC status nearest to an HTTP status (grpc/doc/http-grpc-status-mapping.md).
fn grpc_status(status: u16) -> i32 {
    match status {
        400 => 3,
        401 => 16,
        403 => 7,
        404 => 5,
        408 => 4,
        413 => 8,
        502 => 14,
        _ => 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::KeysLack;
    use serde_json::Value;

    fn style(detail: Detail) -> ReplyStyle {
        ReplyStyle {
            realm: "hf".into(),
            detail,
            protected_resource: None,
        }
    }

    fn asker(dialect: Dialect) -> Asker {
        Asker {
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
    fn a_request_without_token_gets_a_bare_challenge() {
        let reply = reply(
            &Denial::TokenMissing,
            &style(Detail::Full),
            &asker(Dialect::OpenAi),
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
    fn hostile_names_can_break_neither_header_nor_body() {
        let denial = Denial::RuleUnsatisfied {
            rule: "r".into(),
            lacks: "role 'a\"\r\nset-cookie: x\\é'".into(),
        };
        let reply = reply(&denial, &style(Detail::Full), &asker(Dialect::Text));
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
    fn minimal_detail_makes_all_bad_tokens_alike() {
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
            .map(|denial| reply(denial, &style(Detail::Minimal), &asker(Dialect::OpenAi)))
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
    fn challenges_point_to_the_document() {
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
            (Denial::TokenMissing, "realm=\"hf\"".to_owned()),
            (
                Denial::SignatureInvalid,
                "realm=\"hf\", error=\"invalid_token\"".to_owned(),
            ),
            (
                Denial::NoRule,
                "realm=\"hf\", error=\"insufficient_scope\", scope=\"a b\"".to_owned(),
            ),
            (
                step_up,
                format!(
                    "realm=\"\", authorization_uri=\"https://l/a\", error=\"insufficient_claims\", claims=\"{claims}\""
                ),
            ),
        ] {
            let reply = reply(&denial, &style, &asker(Dialect::Text));
            let expected = format!("Bearer {challenge}, {metadata}");
            assert_eq!(header(&reply, "www-authenticate"), Some(expected.as_str()));
        }
    }

    #[test]
    fn an_outage_is_no_authentication_failure() {
        let denial = Denial::KeysUnavailable {
            issuer: "contoso".into(),
            reason: KeysLack::NeverFetched,
        };
        let reply = reply(&denial, &style(Detail::Full), &asker(Dialect::OpenAi));
        assert_eq!((reply.status, reply.grpc_status), (502, 14));
        assert_eq!(header(&reply, "www-authenticate"), None);
        assert_eq!(header(&reply, "retry-after"), Some("2"));
        assert_eq!(header(&reply, "x-should-retry"), None);
        assert!(!reply.body.contains("contoso"));
    }

    #[test]
    fn each_client_gets_its_dialect() {
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
}
