//! Lists of models contain only models that the rules permit the caller to use.

use super::gateway::{Gateway, header, http2};
use serde_json::{Value, json};
use testbed::envoy::EnvoyConfig;
use testbed::hf::{MODELS, Mode};
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};

const SECRET: &str = "secret-lab/unreleased";

/// Ada may use all Llama models except one, and other callers may use none; every caller with a token may list models.
fn policy(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| {
        policy["endpoints"] = json!([
            {"hosts": ["qwen.contoso.com"], "model": "Qwen/Qwen3-32B"},
            {"paths": ["/v1/**"], "model_from": "body"},
        ]);
        policy["rules"] = json!([
            {"name": "public", "match": {"methods": ["GET"], "hosts": ["public.contoso.com"]},
             "anonymous": true, "credential": "hf-read"},
            {"name": "public-bge", "match": {"hosts": ["public.contoso.com"], "models": ["BAAI/*"]},
             "anonymous": true, "credential": "hf-read"},
            {"name": "no-70b", "match": {"models": ["meta-llama/*70b*"]}, "effect": "deny"},
            {"name": "llama", "match": {"methods": ["POST"], "models": ["meta-llama/*"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
            {"name": "list", "match": {"methods": ["GET", "HEAD"]}, "require": {"issuer": "contoso"},
             "credential": "hf-read"},
        ]);
    })
}

async fn list(gateway: &Gateway, persona: Persona, path: &str) -> Response {
    let request = gateway.request(Method::GET, path);
    let request = request.bearer_auth(gateway.token(persona));
    request.send().await.unwrap()
}

fn ids(list: &Value) -> Vec<&str> {
    let entries = list["data"].as_array().unwrap().iter();
    entries.map(|entry| entry["id"].as_str().unwrap()).collect()
}

fn answer(body: &str, headers: &[(&str, &str)]) -> Mode {
    let to_owned_pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Mode::Fixed {
        status: 200,
        headers: headers.iter().map(to_owned_pair).collect(),
        body: body.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_contains_only_permitted_models() {
    let gateway = Gateway::with(policy).await;
    for client in [gateway.client.clone(), http2()] {
        let url = format!("{}/v1/models?x=1", gateway.envoy.url());
        let request = client.get(url).bearer_auth(gateway.token(Persona::Ada));
        let request = request
            .header("accept-encoding", "gzip, br")
            .header("range", "bytes=0-9")
            .header("if-none-match", "\"1\"");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "cache-control"), "no-store");
        let length = header(&response, "content-length").to_owned();
        let text = response.text().await.unwrap();
        assert_eq!(length, text.len().to_string());
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(ids(&list), [MODELS[0]]);
        assert_eq!(list["object"], "list");
        assert_eq!(list["data"][0]["owned_by"], "meta-llama");
    }
    for seen in gateway.hf.requests() {
        assert_eq!(seen.headers_named("accept-encoding"), ["identity"]);
        assert_eq!(
            (seen.header("range"), seen.header("if-none-match")),
            (None, None)
        );
    }
    // Nora may list models, but may use none.
    let response = list(&gateway, Persona::Nora, "/v1/models").await;
    assert_eq!(ids(&response.json().await.unwrap()), [""; 0]);
    // An upstream with a fixed model can list it under any name; Ada may not use that model.
    let on_host = |host: &'static str, persona| {
        let request = gateway
            .request(Method::GET, "/v1/models")
            .header("host", host);
        let token = gateway.token(persona);
        async {
            request
                .bearer_auth(token)
                .send()
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap()
        }
    };
    assert_eq!(
        ids(&on_host("qwen.contoso.com", Persona::Ada).await),
        [""; 0]
    );
    // Without a token, the list contains the models that require none.
    let request = gateway.request(Method::GET, "/v1/models");
    let request = request.header("host", "public.contoso.com");
    let public: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(ids(&public), ["BAAI/bge-m3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn model_that_is_not_permitted_is_not_found() {
    let gateway = Gateway::with(policy).await;
    let path = |id: &str| format!("/v1/models/{id}");
    let response = list(&gateway, Persona::Ada, &path(MODELS[0])).await;
    assert_eq!(response.status(), 200);
    let model: Value = response.json().await.unwrap();
    assert_eq!(model["id"], MODELS[0]);
    gateway.hf.take_requests();
    let mut texts = Vec::new();
    for (persona, id) in [
        (Persona::Ada, MODELS[1]),
        (Persona::Ada, MODELS[3]),
        (Persona::Ada, "no/such"),
        (Persona::Nora, MODELS[0]),
    ] {
        let response = list(&gateway, persona, &path(id)).await;
        assert_eq!(response.status(), 404);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], "model_not_found");
        texts.push(body.to_string().replace(id, "ID"));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(gateway.hf.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_list_is_not_forwarded() {
    let gateway = Gateway::with(|config| {
        policy(config).change_policy(|policy| policy["limits"] = json!({"body_inspected": 4096}))
    });
    let gateway = gateway.await;
    let whole = json!({"data": [{"id": SECRET}]}).to_string();
    let long = json!({"data": [{"id": SECRET, "x": "x".repeat(4096)}]}).to_string();
    for mode in [
        answer(&whole, &[("content-encoding", "gzip")]),
        answer(&long, &[]),
        answer("", &[]),
        answer(SECRET, &[]),
        answer(&whole[1..], &[]),
        answer(&format!("{whole} "), &[("content-encoding", "br")]),
        Mode::Endless {
            status: 200,
            headers: Vec::new(),
        },
        Mode::ResetMidBody,
    ] {
        gateway.hf.set_mode(mode.clone());
        let request = gateway.request(Method::GET, "/v1/models");
        let request = request.bearer_auth(gateway.token(Persona::Ada));
        let Ok(response) = request.send().await else {
            assert!(matches!(mode, Mode::ResetMidBody));
            continue;
        };
        assert!(response.status().is_server_error(), "{mode:?}");
        let text = response.text().await.unwrap_or_default();
        assert!(!text.contains(SECRET), "{text}");
    }
    let codes: Vec<Value> = gateway
        .envoy
        .audit_lines()
        .iter()
        .map(|record| record["code"].clone())
        .collect();
    let unreadable = codes.iter().filter(|code| *code == "models_unreadable");
    assert!(unreadable.count() >= 6, "{codes:?}");
    // Upstream errors are reported as usual.
    gateway
        .hf
        .set_mode(Mode::json(429, &json!({"error": "Model is overloaded"})));
    assert_eq!(
        list(&gateway, Persona::Ada, "/v1/models").await.status(),
        429
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn head_response_does_not_disclose_the_list_length() {
    let gateway = Gateway::with(policy).await;
    gateway.hf.set_mode(answer(
        "",
        &[("etag", "\"whole\""), ("content-length", "12345")],
    ));
    let request = gateway.request(Method::HEAD, "/v1/models");
    let request = request.bearer_auth(gateway.token(Persona::Ada));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        (
            header(&response, "etag"),
            header(&response, "content-length")
        ),
        ("", "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn list_filter_can_be_disabled() {
    let gateway = Gateway::with(|config| {
        policy(config).change_policy(|policy| policy["forward"] = json!({"filter_models": false}))
    });
    let gateway = gateway.await;
    let response = list(&gateway, Persona::Nora, "/v1/models").await;
    assert_eq!(ids(&response.json().await.unwrap()), MODELS);
    let response = list(
        &gateway,
        Persona::Nora,
        &format!("/v1/models/{}", MODELS[3]),
    )
    .await;
    assert_eq!(response.status(), 200);
}
