//! `entragate explain` predicts the decision of a real Envoy.

#[path = "../support/cli.rs"]
pub mod cli;

use super::gateway::{Gateway, chat, header};
use cli::{explain, file};
use serde_json::{Value, json};
use testbed::envoy::EnvoyConfig;
use testbed::persona::{Persona, TENANT};
use testbed::reqwest::Method;

fn policy(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| {
        let here = json!({"source": ["127.0.0.1"]});
        let model = json!({"paths": ["/v1/**"], "models": ["org/*"]});
        policy["rules"] = json!([
            {"name": "health", "match": {"methods": ["GET"], "paths": ["/health"]}, "anonymous": true},
            {"name": "contractors", "match": {}, "require": {"role": "Contractor"}, "effect": "deny"},
            {"name": "models", "match": model, "require": {"all": [here, {"role": "Model.Query"}]}, "credential": "hf-read"},
            {"name": "secret", "match": {"paths": ["/generate"]}, "require": {"auth_context": "c1"}, "credential": "hf-read"},
            {"name": "elsewhere", "match": {"paths": ["/embed"]}, "require": {"not": {"source": ["127.0.0.1"]}}, "credential": "hf-read"},
        ]);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_predicts_the_decision_of_envoy() {
    let gateway = Gateway::with(policy).await;
    let settings = policy(EnvoyConfig::from_user_file().unwrap()).policy();
    let keys = format!("{}/{TENANT}/discovery/v2.0/keys", gateway.entra.url());
    let keys = gateway
        .client
        .get(keys)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let keys = file(".json", &keys);
    let chat = chat().to_string();
    let other = json!({"model": "other/model"}).to_string();
    let requests: [(&str, Option<&str>); 6] = [
        ("GET /health", None),
        ("GET /v1/models", None),
        ("POST /v1/chat/completions", Some(&chat)),
        ("POST /v1/chat/completions", Some(&other)),
        ("POST /generate", Some(&chat)),
        ("POST /embed", Some(&chat)),
    ];
    for persona in Persona::ALL {
        let token = gateway.token(persona);
        for (request, body) in requests {
            let (method, path) = request.split_once(' ').unwrap();
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let mut live = gateway.request(method, path).bearer_auth(&token);
            if let Some(body) = body {
                live = live
                    .header("content-type", "application/json")
                    .body(body.to_owned());
            }
            let live = live.send().await.unwrap();

            let keys = keys.path().to_str().unwrap();
            let mut arguments = vec!["--request", request, "--token", &token, "--jwks", keys];
            arguments.extend(["--source", "127.0.0.1", "--cluster", "huggingface"]);
            arguments.extend(body.iter().flat_map(|body| ["--body", *body]));
            let (_, explained) = explain(&settings, &arguments);
            let code = match header(&live, "x-error-code") {
                "" if path == "/health" => "anonymous",
                "" => "permitted",
                code => code,
            };
            assert_eq!(explained["code"], code, "{persona}: {request}");
            let status = match &explained["status"] {
                Value::Null => live.status().as_u16().into(),
                status => status.clone(),
            };
            assert_eq!(status, live.status().as_u16(), "{persona}: {request}");
        }
    }
}
