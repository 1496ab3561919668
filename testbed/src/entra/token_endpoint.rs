//! The token endpoints for programs: the client-credentials grant and the managed-identity endpoint (IMDS).

use std::{collections::HashMap, sync::Arc};

use axum::{
    Form,
    extract::{Path, RawQuery, State as Extract},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{State, routes::is_tenant};
use crate::{
    mint::{Token, now},
    persona::{AUDIENCE, AUDIENCE_URI, BATCH_CLIENT, LURKER_CLIENT, Persona},
};

/// The secret of [`BATCH_CLIENT`].
pub const BATCH_SECRET: &str = "batch-secret-of-the-testbed";
/// The secret of [`LURKER_CLIENT`].
pub const LURKER_SECRET: &str = "lurker-secret-of-the-testbed";

/// APIs of other owners for which the gateway's own calls request tokens.
const OTHER_APIS: [&str; 3] = [
    "https://graph.microsoft.com",
    "https://monitor.azure.com/",
    "https://management.azure.com",
];

/// `POST /{tenant}/oauth2/v2.0/token` with `grant_type=client_credentials`.
pub(super) async fn client_credentials(
    Extract(state): Extract<Arc<State>>,
    Path(tenant): Path<String>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let fault = state.token_requested();
    match grant(&state, &tenant, &form) {
        Ok(token) => {
            let answer = json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
                "access_token": token});
            fault.answer(answer).await
        }
        Err(error) => error.into_response(),
    }
}

/// `GET /metadata/identity/oauth2/token?api-version=…&resource=…` with `Metadata: true`.
pub(super) async fn managed_identity(
    Extract(state): Extract<Arc<State>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let fault = state.token_requested();
    let query = query.unwrap_or_default();
    let has = |name: &str| {
        query
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
    };
    if headers.get("metadata").is_none_or(|value| value != "true") {
        let error = json!({"error": "invalid_request", "error_description": "Required metadata header not specified"});
        return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
    }
    if !has("api-version") || !has("resource") {
        let error = json!({"error": "invalid_request", "error_description": "Required query variable 'resource' is missing"});
        return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
    }
    let token = Token::of(Persona::Robot).signed_by(&state.keyring().current());
    let expires_on = token.claims_value()["exp"].to_string();
    // IMDS writes its numbers as strings.
    let answer = json!({"access_token": token.build(), "expires_in": "86399", "expires_on": expires_on,
        "not_before": now().to_string(), "resource": AUDIENCE_URI, "token_type": "Bearer"});
    fault.answer(answer).await
}

fn grant(state: &State, tenant: &str, form: &HashMap<String, String>) -> Result<String, AadError> {
    if !is_tenant(tenant) {
        return Err(no_such_tenant(tenant));
    }
    let field = |name: &'static str| {
        form.get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                AadError::new(
                    400,
                    "invalid_request",
                    900144,
                    format!("The request body must contain the following parameter: '{name}'."),
                )
            })
    };
    let grant_type = field("grant_type")?;
    let client = field("client_id")?;
    let scope = field("scope")?;
    if grant_type != "client_credentials" {
        return Err(AadError::new(
            400,
            "unsupported_grant_type",
            70003,
            format!("The app requested an unsupported grant type '{grant_type}'."),
        ));
    }
    let (persona, secret) = match client {
        BATCH_CLIENT => (Persona::Batch, BATCH_SECRET),
        LURKER_CLIENT => (Persona::Lurker, LURKER_SECRET),
        _ => {
            return Err(AadError::new(
                400,
                "unauthorized_client",
                700016,
                format!(
                    "Application with identifier '{client}' was not found in the directory '{tenant}'."
                ),
            ));
        }
    };
    let given = field("client_secret").map_err(|_| {
        AadError::new(401, "invalid_client", 7000216,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.".into())
    })?;
    if given != secret {
        return Err(AadError::new(
            401,
            "invalid_client",
            7000215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."
            ),
        ));
    }
    let Some(resource) = scope.strip_suffix("/.default") else {
        return Err(AadError::new(
            400,
            "invalid_scope",
            1002012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ));
    };
    let token = if resource == AUDIENCE || resource == AUDIENCE_URI {
        Token::of(persona)
    } else if OTHER_APIS.contains(&resource) {
        Token::of(persona).claim("aud", resource).without("roles")
    } else {
        return Err(AadError::new(
            400,
            "invalid_resource",
            500011,
            format!(
                "The resource principal named {resource} was not found in the tenant named Contoso."
            ),
        ));
    };
    Ok(token.signed_by(&state.keyring().current()).build())
}

/// An error of the token endpoint: OAuth's members and Entra's own.
struct AadError {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

impl AadError {
    fn new(status: u16, error: &'static str, code: u32, text: String) -> AadError {
        AadError {
            status,
            error,
            code,
            text,
        }
    }
}

impl AadError {
    fn into_response(self) -> Response {
        let trace = "0f1c9f0e-6c0e-4b44-8b6d-2f8a1c1b0b00";
        let correlation = "5d0c7b8a-1f4e-4f7a-9d2c-3e6b5a4f3c21";
        let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now())
            .to_string()
            .replace('T', " ");
        let body: Value = json!({
            "error": self.error,
            "error_description": format!("AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
                self.code, self.text),
            "error_codes": [self.code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (
            status,
            [("content-type", "application/json; charset=utf-8")],
            body.to_string(),
        )
            .into_response()
    }
}

fn no_such_tenant(tenant: &str) -> AadError {
    AadError::new(
        400,
        "invalid_request",
        90002,
        format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
        ),
    )
}

pub(super) fn tenant_not_found(tenant: &str) -> Response {
    no_such_tenant(tenant).into_response()
}
