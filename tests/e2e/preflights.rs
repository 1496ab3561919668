//! Envoy's CORS filter in front of this filter, as docs/recipes.md recommends.

use super::gateway::{Gateway, header};
use serde_json::json;
use testbed::envoy::EnvoyConfig;
use testbed::reqwest::Method;

const NAME: &str = "envoy.filters.http.cors";
const ORIGIN: &str = "https://app.contoso.com";

fn with_cors(config: EnvoyConfig) -> EnvoyConfig {
    let kind = |name| format!("type.googleapis.com/envoy.extensions.filters.http.cors.v3.{name}");
    config.connection_manager(|manager| {
        let filter = json!({"name": NAME, "typed_config": {"@type": kind("Cors")}});
        manager["http_filters"]
            .as_array_mut()
            .unwrap()
            .insert(0, filter);
        let policy = json!({"@type": kind("CorsPolicy"),
            "allow_origin_string_match": [{"exact": ORIGIN}], "allow_methods": "GET, POST",
            "allow_headers": "authorization, content-type", "expose_headers": "x-error-code"});
        manager["route_config"]["virtual_hosts"][0]["typed_per_filter_config"] =
            json!({NAME: policy});
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_filter_in_front_answers_preflights_and_exposes_denials() {
    let gateway = Gateway::with(with_cors).await;
    let preflight = gateway
        .request(Method::OPTIONS, "/v1/chat/completions")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "access-control-allow-origin"), ORIGIN);
    assert_eq!(header(&response, "x-error-code"), "");
    let post = gateway.request(Method::POST, "/v1/chat/completions");
    let response = post.header("origin", ORIGIN).send().await.unwrap();
    assert_eq!(header(&response, "x-error-code"), "token_missing");
    assert_eq!(header(&response, "access-control-allow-origin"), ORIGIN);
    assert_eq!(
        header(&response, "access-control-expose-headers"),
        "x-error-code"
    );
    assert!(gateway.hf.requests().is_empty());
}
