//! Discovery documents (OpenID Connect Discovery 1.0 §3), as Entra and Keycloak write them.

use serde_json::{Value, json};

use crate::persona::{REALM_ISSUER, issuer_v1, issuer_v2};

const AUTHORITY: &str = "https://login.microsoftonline.com";

pub(super) fn entra_v2(tenant: &str) -> Value {
    let multi_tenant = matches!(tenant, "common" | "organizations");
    json!({
        "token_endpoint": format!("{AUTHORITY}/{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{AUTHORITY}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer_v2(if multi_tenant { "{tenantid}" } else { tenant }),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": format!("{AUTHORITY}/{tenant}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{AUTHORITY}/{tenant}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{AUTHORITY}/{tenant}/oauth2/v2.0/logout"),
        "tenant_region_scope": if multi_tenant { Value::Null } else { json!("WW") },
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

pub(super) fn entra_v1(tenant: &str) -> Value {
    let multi_tenant = matches!(tenant, "common" | "organizations");
    let mut document = entra_v2(tenant);
    document["issuer"] = json!(issuer_v1(if multi_tenant { "{tenantid}" } else { tenant }));
    document["token_endpoint"] = json!(format!("{AUTHORITY}/{tenant}/oauth2/token"));
    document["jwks_uri"] = json!(format!("{AUTHORITY}/{tenant}/discovery/keys"));
    document["authorization_endpoint"] = json!(format!("{AUTHORITY}/{tenant}/oauth2/authorize"));
    document["userinfo_endpoint"] = json!(format!("{AUTHORITY}/{tenant}/openid/userinfo"));
    document
}

pub(super) fn realm() -> Value {
    let endpoint = |name: &str| format!("{REALM_ISSUER}/protocol/openid-connect/{name}");
    json!({
        "issuer": REALM_ISSUER,
        "authorization_endpoint": endpoint("auth"),
        "token_endpoint": endpoint("token"),
        "userinfo_endpoint": endpoint("userinfo"),
        "end_session_endpoint": endpoint("logout"),
        "jwks_uri": endpoint("certs"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code", "id_token", "code id_token"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["aud", "sub", "iss", "name", "preferred_username", "email", "acr"],
    })
}
