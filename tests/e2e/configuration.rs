//! How configurations reach the filter, and how invalid ones are reported.

use super::docs;
use super::gateway::{Gateway, chat};
use serde_json::json;
use testbed::entra::Entra;
use testbed::envoy::{Envoy, EnvoyConfig};
use testbed::hf::HuggingFace;
use testbed::persona::Persona;

async fn config() -> EnvoyConfig {
    let entra = Entra::start().await.unwrap();
    let hf = HuggingFace::start().await.unwrap();
    EnvoyConfig::gateway(&entra, &hf).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn json_string_is_equivalent_to_yaml() {
    let gateway = Gateway::with(|config| {
        let policy = config.policy();
        config.policy_json(&policy)
    })
    .await;
    let request = gateway.request(testbed::reqwest::Method::POST, "/v1/chat/completions");
    let request = request
        .bearer_auth(gateway.token(Persona::Ada))
        .json(&chat());
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(
        gateway.chat(&gateway.token(Persona::Carl)).await.status(),
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shipped_envoy_yaml_validates() {
    let validation = Envoy::validate(&config().await).await.unwrap();
    assert!(validation.is_ok(), "{}", validation.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_identity_tags_of_traces_validate() {
    let blocks = docs::blocks(&docs::read("docs/audit.md"), "yaml tracing");
    let [block] = blocks.as_slice() else {
        panic!("{blocks:?}")
    };
    let tracing = docs::yaml(block)["tracing"].take();
    assert!(tracing["custom_tags"].is_array());
    let config = config().await;
    let config = config.connection_manager(|manager| manager["tracing"] = tracing);
    let validation = Envoy::validate(&config).await.unwrap();
    assert!(validation.is_ok(), "{}", validation.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_configuration_fails_validation_with_every_error_and_path() {
    let bad = config().await.change_policy(|policy| {
        policy["issuers"][0]["audience"] = json!(["x"]);
        policy["issuers"][0]["entra"]["tenants"] = json!(["contoso.com"]);
        policy["rules"][1]["require"] = json!({"rol": "x"});
        policy["rules"][2]["credential"] = json!("hf-raed");
        policy["rules"][3]["match"]["models"] = json!(["org/*"]);
        policy["wait"] = json!({"timeout": "2 seconds"});
    });
    let validation = Envoy::validate(&bad).await.unwrap();
    assert!(!validation.is_ok());
    for expected in [
        "issuers[0].audience",
        "issuers[0].entra.tenants[0]",
        "rules[1].require",
        "rules[2].credential: no credential is named \"hf-raed\"",
        "did you mean \"hf-read\"?",
        "wait.timeout",
    ] {
        assert!(
            validation.log.contains(expected),
            "{expected} in\n{}",
            validation.log
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_environment_variable_fails_validation() {
    let bad = config().await.change_policy(|policy| {
        policy["credentials"][0] = json!({"name": "hf-read", "env": "HF_TOKEN_NOBODY_SET"});
    });
    let validation = Envoy::validate(&bad).await.unwrap();
    assert!(!validation.is_ok());
    assert!(
        validation.log.contains("credentials[0].env"),
        "{}",
        validation.log
    );
    assert!(validation.log.contains("HF_TOKEN_NOBODY_SET"));
}
