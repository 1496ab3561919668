//! Replies to denied requests: the challenge of RFC 6750, and a body that the caller's client displays.
//!
//! Clients display Anthropic's error object under `/v1/messages`, OpenAI's on the paths of its API, with and
//! without `/v1`, JSON-RPC's at MCP servers, and `{"error": "text"}` elsewhere. A denial never has status 503, since
//! huggingface.js retries a 503 without a pause.

mod grpc_web;
pub mod protected_resource;
mod quota;

use crate::decision::{Challenge, Denial};
use crate::http::headers::Headers;
use crate::http::openai;
use crate::json::write::Writer;
use crate::reply::protected_resource::ProtectedResource;
use crate::text::fitted;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
pub use grpc_web::GrpcWeb;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;

/// The path of Anthropic's messages API.
const MESSAGES: &str = "/v1/messages";

/// The code of all JSON-RPC errors, one of those that the specification leaves to servers (JSON-RPC 2.0 §5.1).
const JSON_RPC_CODE: &str = "-32001";

/// The compiled form of `replies`.
#[derive(Clone, Debug)]
pub struct ReplyStyle {
    pub realm: String,
    pub detail: Detail,
    /// The protected resource metadata that challenges refer to, if configured.
    pub protected_resource: Option<Arc<ProtectedResource>>,
}

/// The level of detail in replies to denied callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Full,
    /// No reasons; only the audit record contains them.
    Minimal,
}

/// The properties of a request that determine the form of its reply.
#[derive(Clone, Debug, Default)]
pub struct ReplyContext {
    pub request_id: Arc<str>,
    pub dialect: Dialect,
    /// The id of the JSON-RPC request, as written. `None`: unknown, or several.
    pub message_id: Option<Arc<str>>,
}

/// The error format that a client expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error": {"message", "type", "param", "code"}}`
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}, "request_id"}`, also for streams: a denied request has
    /// no stream yet.
    Anthropic,
    /// `{"jsonrpc": "2.0", "id", "error": {"code", "message"}}`
    JsonRpc,
    /// `{"error": "text"}`
    #[default]
    Text,
    /// `grpc-status` and `grpc-message`, which the host derives from status and body.
    Grpc,
    /// `grpc-status` and `grpc-message` for gRPC-Web; the filter writes them, since hosts do not.
    GrpcWeb(GrpcWeb),
}

/// A response that the filter sends itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body, or the trailers in `frame`.
    pub body: String,
    pub frame: Option<GrpcWeb>,
    /// The value of `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// The gRPC status for gRPC requests; -1 for others.
    pub grpc_status: i32,
}

impl Dialect {
    pub fn of(headers: &Headers) -> Self {
        let begins = |name, with: &str| headers.text(name).unwrap_or_default().starts_with(with);
        let target = headers.text(":path").unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        if let Some(encoding) = GrpcWeb::of(headers) {
            Self::GrpcWeb(encoding)
        } else if begins("content-type", "application/grpc") {
            Self::Grpc
        } else if is_messages(path) {
            Self::Anthropic
        } else if is_openai(path) && !begins("user-agent", "@huggingface/inference") {
            Self::OpenAi
        } else {
            Self::Text
        }
    }

    /// Returns the format at an MCP server. gRPC calls keep their own format.
    pub fn for_messages(self) -> Self {
        match self {
            Self::Grpc | Self::GrpcWeb(_) => self,
            Self::OpenAi | Self::Anthropic | Self::JsonRpc | Self::Text => Self::JsonRpc,
        }
    }
}

/// Returns whether a path, without query, is one of OpenAI's API, with or without `/v1`.
fn is_openai(path: &str) -> bool {
    openai::is_versioned(path) || openai::lacks_version(path)
}

/// Returns whether a path, without query, is that of Anthropic's messages API, or below it.
fn is_messages(path: &str) -> bool {
    path.strip_prefix(MESSAGES)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Reply {
    /// Returns the bytes of the body.
    pub fn content(&self) -> Cow<'_, [u8]> {
        match self.frame {
            Some(form) => form.frame(&self.body).into(),
            None => self.body.as_bytes().into(),
        }
    }
}

/// Returns the reply to a denied request.
pub fn reply(denial: &Denial, style: &ReplyStyle, reply_context: &ReplyContext) -> Reply {
    let facts = denial.facts();
    let (code, text) = match (style.detail, facts.status) {
        (Detail::Full, _) => (facts.code, facts.text),
        (Detail::Minimal, 401) => ("unauthorized", Cow::Borrowed("Authentication is required")),
        (Detail::Minimal, 403) => ("forbidden", Cow::Borrowed("This request is not permitted")),
        (Detail::Minimal, 429) => (
            facts.code,
            Cow::Borrowed("Your quota is used up; try again later"),
        ),
        (Detail::Minimal, _) => (facts.code, facts.text),
    };
    let text = printable(text);
    let message = [&*text, " (", code, ")"].concat();
    let grpc_status = grpc_status(facts.status);
    let (status, body, frame) = match reply_context.dialect {
        Dialect::GrpcWeb(form) => (200, grpc_web::trailers(grpc_status, &message), Some(form)),
        _ => (
            facts.status,
            body(reply_context, facts.status, code, &message),
            None,
        ),
    };
    let mut headers = vec![
        ("content-type", content_type(reply_context.dialect).into()),
        ("cache-control", "no-store".into()),
        ("x-request-id", reply_context.request_id.to_string().into()),
        ("x-error-code", code.into()),
        ("x-error-message", message.into()),
    ];
    if reply_context.dialect == Dialect::Anthropic {
        // Anthropic's clients read the id from this header.
        let id = reply_context.request_id.to_string();
        headers.push(("request-id", id.into()));
    }
    headers.push(match denial.retry_after(facts.status) {
        Some(seconds) => ("retry-after", seconds.to_string().into()),
        None => ("x-should-retry", "false".into()),
    });
    if let Denial::QuotaExceeded(limit) = denial {
        headers.extend(quota::headers(limit, style.detail));
    }
    if let Some(challenge) = challenge(&facts.challenge, style, &text) {
        headers.push(("www-authenticate", challenge.into()));
    }
    Reply {
        status,
        headers,
        body,
        frame,
        details: ["entragate.", facts.code].concat(),
        grpc_status,
    }
}

fn content_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi | Dialect::Anthropic | Dialect::JsonRpc | Dialect::Text => {
            "application/json"
        }
        Dialect::Grpc => "application/grpc",
        Dialect::GrpcWeb(encoding) => encoding.content_type(),
    }
}

fn body(context: &ReplyContext, status: u16, code: &str, message: &str) -> String {
    const AROUND: usize = 128;
    let mut body = Writer::object(message.len() + AROUND);
    match context.dialect {
        Dialect::Anthropic => {
            body.nested("error", |error| {
                error.text("message", message);
                error.text("type", anthropic_type(status));
            });
            body.text("request_id", &context.request_id);
            body.text("type", "error");
        }
        Dialect::OpenAi => body.nested("error", |error| {
            error.text("code", code);
            error.text("message", message);
            error.null("param");
            error.text("type", error_type(status));
        }),
        Dialect::JsonRpc => {
            body.text("jsonrpc", "2.0");
            body.raw("id", context.message_id.as_deref().unwrap_or("null"));
            body.nested("error", |error| {
                error.raw("code", JSON_RPC_CODE);
                error.text("message", message);
            });
        }
        Dialect::Text => body.text("error", message),
        Dialect::Grpc | Dialect::GrpcWeb(_) => return message.to_owned(),
    }
    body.finish()
}

fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// Returns the type of an error of Anthropic's API.
fn anthropic_type(status: u16) -> &'static str {
    match status {
        404 => "not_found_error",
        413 => "request_too_large",
        _ => error_type(status),
    }
}

/// Returns the challenge of RFC 6750 §3. `error_description` may contain printable ASCII except quotes and
/// backslashes.
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

/// Returns a claims challenge in the form that Entra's client libraries read: an empty realm, and the
/// requested claims in base64. It does not depend on the level of detail, since clients need it for the
/// stronger sign-in.
fn claims_challenge(authorization_uri: &str, context: &str) -> String {
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": context}}});
    let claims = BASE64_STANDARD.encode(claims.to_string());
    format!(
        "Bearer realm=\"\", authorization_uri=\"{authorization_uri}\", \
         error=\"insufficient_claims\", claims=\"{claims}\""
    )
}

/// Returns a text as one line of printable ASCII. Texts can quote input from the caller and configured names.
fn printable(text: Cow<'_, str>) -> Cow<'_, str> {
    fitted(text, |c| matches!(c, ' '..='~'), "?")
}

/// Returns the gRPC status for an HTTP status (grpc/doc/http-grpc-status-mapping.md).
fn grpc_status(status: u16) -> i32 {
    match status {
        400 => 3,
        401 => 16,
        403 => 7,
        404 => 5,
        408 => 4,
        413 | 429 => 8,
        502 => 14,
        _ => 13,
    }
}

#[cfg(test)]
mod tests;
