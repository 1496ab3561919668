//! Faults in the responses of an identity provider.

use std::{future, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::server::Abort;

/// The fault of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// The regular response.
    #[default]
    None,
    /// This status, with an error text.
    Status(u16),
    /// 200 with bytes that are not JSON.
    Garbage,
    /// 200 with `{"keys": []}`.
    EmptyKeys,
    /// 200 with no body at all.
    EmptyBody,
    /// The regular response, delayed.
    Delay(Duration),
    /// No answer, and the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    Reset,
    /// The regular response, padded with a member to at least this many bytes.
    HugeBody(usize),
}

impl Fault {
    /// The response with this fault. `good` is the regular response.
    pub(crate) async fn answer(self, good: Value) -> Response {
        match self {
            Fault::None => json_response(&good),
            Fault::Status(status) => (
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                "fault injected by the testbed",
            )
                .into_response(),
            Fault::Garbage => {
                let bytes: &[u8] = b"<html>\xff\xfe this is not JSON {";
                ([(CONTENT_TYPE, "text/html")], bytes).into_response()
            }
            Fault::EmptyKeys => json_response(&json!({"keys": []})),
            Fault::EmptyBody => StatusCode::OK.into_response(),
            Fault::Delay(delay) => {
                tokio::time::sleep(delay).await;
                json_response(&good)
            }
            Fault::Hang => future::pending().await,
            Fault::Reset => {
                let mut response = StatusCode::OK.into_response();
                response.extensions_mut().insert(Abort);
                response
            }
            Fault::HugeBody(size) => {
                let mut padded = good;
                padded["padding"] = json!("x".repeat(size));
                json_response(&padded)
            }
        }
    }
}

pub(crate) fn json_response(value: &Value) -> Response {
    let body = Body::from(value.to_string());
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
