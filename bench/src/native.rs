//! Envoy's own filters, configured for the same task: verify the token, require the role, replace the Authorization header.

use serde_json::{Value, json};
use testbed::{
    entra::Entra,
    persona::{AUDIENCE, AUDIENCE_URI, TENANT, issuer_v2},
};

/// The secret that `credential_injector` injects.
pub const SECRET: &str = "hf";

/// Limits of the native cache, in tokens and in bytes per token: large enough for every row.
const CACHED_TOKENS: u32 = 20_000;
const LONGEST_TOKEN: u32 = 24_576;

/// `jwt_authn`, `rbac` and `credential_injector`, in front of a router.
pub fn chain(entra: &Entra, cached: bool) -> Vec<Value> {
    vec![jwt_authn(entra, cached), rbac(), credential_injector()]
}

fn jwt_authn(entra: &Entra, cached: bool) -> Value {
    let keys: Vec<Value> = entra
        .published_keys()
        .iter()
        .map(|key| key.to_jwk())
        .collect();
    let mut provider = json!({
        "issuer": issuer_v2(TENANT),
        "audiences": [AUDIENCE, AUDIENCE_URI],
        "local_jwks": {"inline_string": json!({"keys": keys}).to_string()},
        // Read by rbac and by the access log.
        "payload_in_metadata": "payload",
        "claim_to_headers": [
            {"header_name": "x-entra-oid", "claim_name": "oid"},
            {"header_name": "x-entra-app", "claim_name": "azp"},
        ],
    });
    if cached {
        provider["jwt_cache_config"] =
            json!({"jwt_cache_size": CACHED_TOKENS, "jwt_max_token_size": LONGEST_TOKEN});
    }
    filter(
        "envoy.filters.http.jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        json!({
            "providers": {"contoso": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "contoso"}}],
        }),
    )
}

/// The equivalent of the rules in `envoy.yaml` for this caller: not a contractor; POST to the endpoint with the role.
fn rbac() -> Value {
    let role = |name: &str| {
        json!({"metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "payload"}, {"key": "roles"}],
            "value": {"list_match": {"one_of": {"string_match": {"exact": name}}}},
        }})
    };
    let method = json!({"header": {"name": ":method", "string_match": {"exact": "POST"}}});
    let path = json!({"url_path": {"path": {"prefix": "/v1/"}}});
    filter(
        "envoy.filters.http.rbac",
        "rbac.v3.RBAC",
        json!({"rules": {"action": "ALLOW", "policies": {"scientists": {
            "permissions": [{"and_rules": {"rules": [method, path]}}],
            "principals": [{"and_ids": {"ids": [role("Model.Query"), {"not_id": role("Contractor")}]}}],
        }}}}),
    )
}

fn credential_injector() -> Value {
    let generic =
        "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic";
    filter(
        "envoy.filters.http.credential_injector",
        "credential_injector.v3.CredentialInjector",
        json!({
            "overwrite": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {"@type": generic, "credential": {"name": SECRET}},
            },
        }),
    )
}

/// Envoy's own reader of usage in streams of events.
pub fn usage_reader() -> Value {
    let count = |name: &str| {
        json!({"rule": {
            "selectors": [{"key": "usage"}, {"key": name}],
            "on_present": {"metadata_namespace": "usage", "key": name, "type": "NUMBER"},
        }})
    };
    let counts = ["prompt_tokens", "completion_tokens", "total_tokens"].map(count);
    filter(
        "envoy.filters.http.sse_to_metadata",
        "sse_to_metadata.v3.SseToMetadata",
        json!({"response_rules": {"content_parser": {
            "name": "envoy.content_parsers.json",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.content_parsers.json.v3.JsonContentParser",
                "rules": counts,
            },
        }}}),
    )
}

/// Envoy's own reader of members of a request's body.
pub fn model_reader() -> Value {
    filter(
        "envoy.filters.http.json_to_metadata",
        "json_to_metadata.v3.JsonToMetadata",
        json!({"request_rules": {"rules": [{
            "selectors": [{"key": "model"}],
            "on_present": {"metadata_namespace": "request", "key": "model"},
        }]}}),
    )
}

fn filter(name: &str, kind: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!(
        "type.googleapis.com/envoy.extensions.filters.http.{kind}"
    ));
    json!({"name": name, "typed_config": config})
}

/// One line per request, comparable to the audit record: of the same length, and made from the claims that `jwt_authn`
/// verified.
pub fn access_log() -> Value {
    let claim = |name: &str| {
        json!(format!(
            "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:{name})%"
        ))
    };
    json!({
        "time": "%START_TIME%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": "%TRACE_ID%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "issuer": claim("iss"),
        "tid": claim("tid"),
        "oid": claim("oid"),
        "sub": claim("sub"),
        "client": claim("azp"),
        "uti": claim("uti"),
        "sid": claim("sid"),
        "rule": "%DYNAMIC_METADATA(envoy.filters.http.rbac:shadow_effective_policy_id)%",
        "method": "%REQ(:METHOD)%",
        "host": "%REQ(:AUTHORITY)%",
        "path": "%PATH(NQ)%",
        "upstream_status": "%RESPONSE_CODE%",
        "duration_ms": "%DURATION%",
    })
}
