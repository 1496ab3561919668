//! The paths and their documents.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State as Extract},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::Value;

use super::{State, documents, token_endpoint};
use crate::fault::json_response;

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/{tenant}/discovery/v2.0/keys", get(v2_keys))
        .route("/{tenant}/discovery/keys", get(v1_keys))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(async |tenant| discovery(tenant, documents::entra_v2)),
        )
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(async |tenant| discovery(tenant, documents::entra_v1)),
        )
        .route(
            "/{tenant}/oauth2/v2.0/token",
            post(token_endpoint::client_credentials),
        )
        .route(
            "/metadata/identity/oauth2/token",
            get(token_endpoint::managed_identity),
        )
        .route(
            "/realms/ml/.well-known/openid-configuration",
            get(async || json_response(&documents::realm())),
        )
        .route("/realms/ml/protocol/openid-connect/certs", get(realm_keys))
        .with_state(state)
}

async fn v2_keys(Extract(state): Extract<Arc<State>>, Path(tenant): Path<String>) -> Response {
    if !is_tenant(&tenant) {
        return token_endpoint::tenant_not_found(&tenant);
    }
    let set = state.keyring().v2_set(&tenant);
    key_set(&state, set).await
}

async fn v1_keys(Extract(state): Extract<Arc<State>>, Path(tenant): Path<String>) -> Response {
    if !is_tenant(&tenant) {
        return token_endpoint::tenant_not_found(&tenant);
    }
    let set = state.keyring().v1_set();
    key_set(&state, set).await
}

async fn realm_keys(Extract(state): Extract<Arc<State>>) -> Response {
    let set = state.keyring().realm_set();
    key_set(&state, set).await
}

async fn key_set(state: &State, set: Value) -> Response {
    state.jwks_requested().answer(set).await
}

fn discovery(Path(tenant): Path<String>, document: fn(&str) -> Value) -> Response {
    if is_tenant(&tenant) {
        json_response(&document(&tenant))
    } else if tenant == "favicon.ico" {
        StatusCode::NOT_FOUND.into_response()
    } else {
        token_endpoint::tenant_not_found(&tenant)
    }
}

/// A GUID, or one of the names that stand for many tenants.
pub(super) fn is_tenant(name: &str) -> bool {
    let groups: Vec<usize> = name.split('-').map(str::len).collect();
    let guid =
        groups == [8, 4, 4, 4, 12] && name.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    guid || matches!(name, "common" | "organizations")
}
