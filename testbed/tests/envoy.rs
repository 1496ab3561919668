//! The runner with a real Envoy, without the filter.

use std::{path::Path, time::Duration};

use serde_json::Value;
use testbed::{
    client::client,
    entra::Entra,
    envoy::{Envoy, EnvoyConfig, EnvoyError},
    hf::HuggingFace,
    persona::Persona,
};

#[tokio::test]
async fn plain_envoy_responds_and_is_reaped() {
    let envoy = Envoy::start(EnvoyConfig::direct_response(200, "hello"))
        .await
        .unwrap();
    let process = format!("/proc/{}", envoy.pid());
    assert!(envoy.is_running() && Path::new(&process).exists());
    let answer = client().get(envoy.url()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "hello");
    assert_eq!(
        envoy.stat("http.direct.downstream_rq_2xx").await.unwrap(),
        1
    );
    let line = envoy
        .wait_for_log(
            |line| line.contains("starting main dispatch loop"),
            Duration::from_secs(5),
        )
        .await;
    assert!(line.is_ok());
    drop(envoy);
    assert!(!Path::new(&process).exists());
}

#[tokio::test]
async fn invalid_configuration_is_reported_with_envoys_message() {
    let config = EnvoyConfig::direct_response(200, "")
        .document(|document| document["nonsense"] = Value::from(1));
    let validation = Envoy::validate(&config).await.unwrap();
    assert!(!validation.is_ok() && validation.log.contains("nonsense"));
    match Envoy::start(config).await.map(|_| ()) {
        Err(EnvoyError::Exited { log, .. }) => assert!(log.contains("nonsense"), "{log}"),
        other => panic!("Envoy should have ended: {other:?}"),
    }
}

#[tokio::test]
async fn missing_filter_is_reported_before_envoy_starts() {
    let config = EnvoyConfig::from_user_file()
        .unwrap()
        .wasm(Path::new("/nonexistent/entragate.wasm"));
    let error = Envoy::validate(&config).await.unwrap_err();
    assert!(matches!(error, EnvoyError::NoWasm { .. }) && error.to_string().contains("make build"));
}

/// The user's own file without the filter: routes, host rewrite, TLS with real names and checks, access log.
#[tokio::test]
async fn shipped_envoy_yaml_reaches_the_stand_ins() {
    let (entra, hf) = (
        Entra::start().await.unwrap(),
        HuggingFace::start().await.unwrap(),
    );
    let config = EnvoyConfig::gateway(&entra, &hf).unwrap().without_plugin();
    assert!(Envoy::validate(&config).await.unwrap().is_ok());
    let envoy = Envoy::start(config).await.unwrap();
    let token = entra.token(Persona::Ada);
    let answer = client()
        .get(format!("{}/v1/models?q=1", envoy.url()))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.status(),
        401,
        "Hugging Face does not know Entra's tokens"
    );
    let seen = hf.take_requests();
    assert_eq!(seen[0].host, testbed::hf::ENDPOINT_HOST);
    assert!(
        seen[0].contains(&token),
        "without the filter the token is forwarded, and the test detects it"
    );
    let deadline = Duration::from_secs(15);
    let entry = envoy
        .wait_for_access(|entry| entry["status"] == 401, deadline)
        .await
        .unwrap();
    assert_eq!(entry["path"], "/v1/models");
}

/// The certificate checks in the user's file are real: another server's certificate is refused.
#[tokio::test]
async fn endpoint_with_a_wrong_certificate_name_is_refused() {
    let (entra, hf) = (
        Entra::start().await.unwrap(),
        HuggingFace::start().await.unwrap(),
    );
    let config = EnvoyConfig::gateway(&entra, &hf)
        .unwrap()
        .without_plugin()
        .upstream("huggingface", entra.addr(), true);
    let envoy = Envoy::start(config).await.unwrap();
    let answer = client().get(envoy.url()).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(
        envoy
            .stat("cluster.huggingface.ssl.fail_verify_san")
            .await
            .unwrap(),
        1
    );
}

#[test]
fn policy_can_be_read_and_changed_in_either_form() {
    let config = EnvoyConfig::from_user_file().unwrap();
    assert_eq!(config.policy()["rules"][0]["name"], "health");
    let policy = config.policy();
    let changed = config
        .policy_json(&policy)
        .change_policy(|policy| policy["replies"]["realm"] = "x".into());
    assert_eq!(changed.policy()["replies"]["realm"], "x");
    assert!(
        changed
            .as_json()
            .to_string()
            .contains("google.protobuf.StringValue")
    );
}
