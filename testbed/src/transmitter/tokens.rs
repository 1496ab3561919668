//! The token endpoint of a transmitter.

use super::{CLIENT, Shared};
use crate::server::lock;
use axum::{
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The tokens that the token endpoint has granted.
#[derive(Default)]
pub(super) struct Tokens {
    pub requests: Vec<Value>,
    pub valid: Vec<String>,
    /// The lifetime of the next tokens in seconds; an hour if it is 0.
    pub life: u32,
}

/// The client credentials grant (RFC 6749 §4.4), with the client's secret in the header or in the body.
pub(super) async fn grant(
    Extract(shared): Extract<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refuse =
        |code: &str| (StatusCode::BAD_REQUEST, json!({"error": code}).to_string()).into_response();
    let mut fields = BTreeMap::new();
    let kind = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    if kind != Some("application/x-www-form-urlencoded") {
        return refuse("invalid_request");
    }
    for (name, value) in form(&String::from_utf8_lossy(&body)) {
        if fields.insert(name, value).is_some() {
            return refuse("invalid_request");
        }
    }
    let authorization = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let client = match authorization.and_then(|value| value.strip_prefix("Basic ")) {
        Some(basic) => basic_client(basic),
        None => fields
            .remove("client_id")
            .zip(fields.remove("client_secret")),
    };
    if client
        .as_ref()
        .map(|(id, secret)| (id.as_str(), secret.as_str()))
        != Some(CLIENT)
    {
        return (
            StatusCode::UNAUTHORIZED,
            json!({"error": "invalid_client"}).to_string(),
        )
            .into_response();
    }
    if fields.get("grant_type").map(String::as_str) != Some("client_credentials") {
        return refuse("unsupported_grant_type");
    }
    let tokens = &mut lock(&shared.state).tokens;
    fields.insert(
        "authentication".to_owned(),
        authorization.map_or("body", |_| "basic").to_owned(),
    );
    tokens.requests.push(json!(fields));
    let token = format!("granted-{}", tokens.requests.len());
    tokens.valid.push(token.clone());
    let life = if tokens.life == 0 { 3600 } else { tokens.life };
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": life});
    (
        [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
        ],
        answer.to_string(),
    )
        .into_response()
}

/// The client of Basic authentication, whose parts are escaped as in a form.
fn basic_client(basic: &str) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let part = |text: &str| Some(form(&format!("part={text}")).pop()?.1);
    Some((part(id)?, part(secret)?))
}

/// The fields of a form.
fn form(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://form/?{text}"));
    url.map_or_else(
        |_| Vec::new(),
        |url| url.query_pairs().into_owned().collect(),
    )
}
