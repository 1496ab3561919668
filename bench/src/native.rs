//! Envoy's own filters, configured for the same task: verify the token, require the role, replace the Authorization header.

use serde_json::{Map, Value, json};
use testbed::{
    entra::Entra,
    persona::{AUDIENCE, AUDIENCE_URI, TENANT, issuer_v2},
};

/// The secret that `credential_injector` injects.
pub const SECRET: &str = "hf";

/// The native cache's limit of bytes per token: large enough for every row.
const LONGEST_TOKEN: u32 = 24_576;

/// The members of `usage` that are read.
pub const COUNTS: [&str; 3] = ["prompt_tokens", "completion_tokens", "total_tokens"];

/// `jwt_authn`, `rbac` and `credential_injector`, in front of a router.
pub struct Chain {
    issuers: Vec<String>,
    /// The size of the cache of `jwt_authn`, if it has one.
    cached_tokens: Option<u32>,
    /// Another filter after the others.
    last: Option<Value>,
}

impl Chain {
    /// A chain that verifies every token.
    pub fn cold() -> Chain {
        Chain {
            issuers: vec![issuer_v2(TENANT)],
            cached_tokens: None,
            last: None,
        }
    }

    /// A chain whose cache is large enough for every row.
    pub fn warm() -> Chain {
        Chain::caching(20_000)
    }

    pub fn caching(tokens: u32) -> Chain {
        Chain {
            cached_tokens: Some(tokens),
            ..Chain::cold()
        }
    }

    pub fn with(self, filter: Value) -> Chain {
        Chain {
            last: Some(filter),
            ..self
        }
    }

    /// Replaces the issuers, all of which have the same keys.
    pub fn of_issuers(self, issuers: Vec<String>) -> Chain {
        Chain { issuers, ..self }
    }

    pub fn filters(&self, entra: &Entra) -> Vec<Value> {
        let mut filters = vec![self.jwt_authn(entra), rbac(), credential_injector()];
        filters.extend(self.last.clone());
        filters
    }

    fn jwt_authn(&self, entra: &Entra) -> Value {
        let keys: Vec<Value> = entra
            .published_keys()
            .iter()
            .map(|key| key.to_jwk())
            .collect();
        let jwks = json!({"keys": keys}).to_string();
        let providers: Map<String, Value> = self
            .issuers
            .iter()
            .map(|issuer| (issuer.clone(), self.provider(issuer, &jwks)))
            .collect();
        let by = |issuer: &String| json!({"provider_name": issuer});
        let requires = match self.issuers.as_slice() {
            [issuer] => by(issuer),
            issuers => {
                let requirements: Vec<Value> = issuers.iter().map(by).collect();
                json!({"requires_any": {"requirements": requirements}})
            }
        };
        filter(
            "envoy.filters.http.jwt_authn",
            "jwt_authn.v3.JwtAuthentication",
            json!({
                "providers": providers,
                "rules": [{"match": {"prefix": "/"}, "requires": requires}],
            }),
        )
    }

    fn provider(&self, issuer: &str, jwks: &str) -> Value {
        let mut provider = json!({
            "issuer": issuer,
            "audiences": [AUDIENCE, AUDIENCE_URI],
            "local_jwks": {"inline_string": jwks},
            // Read by rbac and by the access log.
            "payload_in_metadata": "payload",
            "claim_to_headers": [
                {"header_name": "x-entra-oid", "claim_name": "oid"},
                {"header_name": "x-entra-app", "claim_name": "azp"},
            ],
        });
        if let Some(tokens) = self.cached_tokens {
            provider["jwt_cache_config"] =
                json!({"jwt_cache_size": tokens, "jwt_max_token_size": LONGEST_TOKEN});
        }
        provider
    }
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
pub fn event_usage_reader() -> Value {
    let rules = COUNTS.map(|count| json!({"rule": usage_rule(count)}));
    filter(
        "envoy.filters.http.sse_to_metadata",
        "sse_to_metadata.v3.SseToMetadata",
        json!({"response_rules": {"content_parser": {
            "name": "envoy.content_parsers.json",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.content_parsers.json.v3.JsonContentParser",
                "rules": rules,
            },
        }}}),
    )
}

/// Envoy's own reader of these members of `usage` in a JSON response.
pub fn answer_usage_reader(counts: &[&str]) -> Value {
    let rules: Vec<Value> = counts.iter().map(|count| usage_rule(count)).collect();
    filter(
        "envoy.filters.http.json_to_metadata",
        "json_to_metadata.v3.JsonToMetadata",
        json!({"response_rules": {"rules": rules}}),
    )
}

fn usage_rule(count: &str) -> Value {
    json!({
        "selectors": [{"key": "usage"}, {"key": count}],
        "on_present": {"metadata_namespace": "usage", "key": count, "type": "NUMBER"},
    })
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
