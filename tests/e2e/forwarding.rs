//! The request that reaches the endpoint: it has the Hugging Face credential and none of the caller's secrets.

use super::gateway::{Gateway, chat};
use serde_json::{Value, json};
use testbed::persona::Persona;
use testbed::recorded::Recorded;
use testbed::reqwest::Method;

fn single(mut requests: Vec<Recorded>) -> Recorded {
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoint_receives_the_credential_and_none_of_the_callers_secrets() {
    let gateway = Gateway::start().await;
    let token = gateway.token(Persona::Ada);
    let response = gateway
        .chat_builder(&token)
        .header("cookie", "session=callers")
        .header("x-api-key", "callers-key")
        .header("api-key", "callers-key")
        .header("proxy-authorization", "Bearer callers")
        .header("x-entra-oid", "spoofed")
        .header("x-entra-app", "spoofed")
        .header("x-hf-bill-to", "victim")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.unwrap();
    assert!(body["choices"][0]["message"]["content"].is_string());

    let forwarded = single(gateway.hf.requests());
    assert_eq!(
        forwarded.headers_named("authorization"),
        [format!("Bearer {}", gateway.hf.token())]
    );
    for absent in [
        "cookie",
        "x-api-key",
        "api-key",
        "proxy-authorization",
        "x-hf-bill-to",
    ] {
        assert_eq!(forwarded.header(absent), None, "{absent}");
    }
    assert_eq!(
        forwarded.headers_named("x-entra-oid"),
        ["690222be-ff1a-4d56-abd1-7e4f7d38e474"]
    );
    assert_eq!(forwarded.headers_named("x-entra-app").len(), 1);
    for piece in token.split('.') {
        assert!(
            !forwarded.contains(piece),
            "a part of the token was forwarded"
        );
    }
    assert!(
        !forwarded.contains("callers")
            && !forwarded.contains("spoofed")
            && !forwarded.contains("victim")
    );
    assert_eq!(forwarded.json(), chat());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_applications_and_both_token_versions_are_permitted() {
    let gateway = Gateway::start().await;
    for persona in [Persona::Ada, Persona::Ben, Persona::Batch, Persona::Cora] {
        let response = gateway.chat(&gateway.token(persona)).await;
        assert_eq!(response.status(), 200, "{persona:?}");
    }
    assert_eq!(gateway.hf.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_embeddings_and_generation_pass_unchanged() {
    let gateway = Gateway::start().await;
    let token = gateway.token(Persona::Ada);
    let mut streamed = chat();
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let response = gateway
        .request(Method::POST, "/v1/chat/completions")
        .bearer_auth(&token);
    let text = response
        .json(&streamed)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains("data: {") && text.trim_end().ends_with("data: [DONE]"),
        "{text}"
    );
    assert!(text.contains("\"usage\":{"));
    for (path, body, key) in [
        (
            "/v1/embeddings",
            json!({"model": "m", "input": ["a"]}),
            "/data/0/embedding",
        ),
        ("/generate", json!({"inputs": "Hi"}), "/generated_text"),
    ] {
        let response = gateway
            .request(Method::POST, path)
            .bearer_auth(&token)
            .json(&body);
        let answer: Value = response.send().await.unwrap().json().await.unwrap();
        assert!(answer.pointer(key).is_some(), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_route_forwards_without_a_credential() {
    let gateway = Gateway::start().await;
    let response = gateway
        .request(Method::GET, "/health")
        .bearer_auth(gateway.token(Persona::Ada));
    assert_eq!(response.send().await.unwrap().status(), 200);
    let forwarded = single(gateway.hf.requests());
    assert_eq!(forwarded.header("authorization"), None);
    assert_eq!(forwarded.header("x-entra-oid"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn underscored_header_names_are_removed() {
    let gateway = Gateway::with(|config| {
        config.connection_manager(|manager| {
            // Envoy's default, which forwards these headers.
            let options = manager["common_http_protocol_options"].as_object_mut();
            options.unwrap().remove("headers_with_underscores_action");
        })
    })
    .await;
    let token = gateway.token(Persona::Ada);
    let mut request = gateway.chat_builder(&token).header("x_other", "kept");
    for name in [
        "x_entra_oid",
        "x_entra-oid",
        "x-entra_app",
        "x_hf_bill_to",
        "x_api_key",
        "api_key",
        "proxy_authorization",
        "x_scale_up_timeout",
    ] {
        request = request.header(name, "spoofed");
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
    let forwarded = single(gateway.hf.requests());
    assert!(!forwarded.contains("spoofed"), "{forwarded:?}");
    assert_eq!(forwarded.header("x_other"), Some("kept"));
    assert_eq!(forwarded.headers_named("x-entra-oid").len(), 1);
}
