//! Requests without content are decided by the rules that need no model, for any framing.

use super::gateway::{Gateway, SOON, header, http2};
use serde_json::json;
use testbed::client::{raw_http, streamed};
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::reqwest::Method;

/// A policy with a rule on models for all of `/v1`, then one on paths that need no model.
fn model_rule_before_path_rule(config: EnvoyConfig) -> EnvoyConfig {
    let config = config.change_policy(|policy| {
        policy["rules"] = json!([
            {"name": "models", "match": {"paths": ["/v1/**"], "models": ["meta-llama/*"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
            {"name": "paths", "match": {"paths": ["/v1/info", "/v1/realtime"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
        ]);
    });
    config.connection_manager(|manager| {
        manager["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]);
    })
}

/// Sends an HTTP/1.1 request with these fields and following bytes. Returns the response, and whether it was forwarded.
async fn send(gateway: &Gateway, line: &str, fields: &str) -> (String, bool) {
    let token = gateway.token(Persona::Ada);
    let request =
        format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{fields}");
    let answer = raw_http(gateway.envoy.addr(), request.as_bytes(), SOON).await;
    let answer = String::from_utf8_lossy(&answer.unwrap()).into_owned();
    (answer, !gateway.hf.take_requests().is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_request_without_content_is_decided_by_rules_without_models() {
    let gateway = Gateway::with(model_rule_before_path_rule).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (line, fields) in [
        (
            "GET /v1/info",
            "connection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "POST /v1/info",
            "connection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
        ),
        ("GET /v1/realtime", format!("{upgrade}\r\n")),
        (
            "GET /v1/realtime",
            format!("{upgrade}content-length: 0\r\n\r\n"),
        ),
    ] {
        let (answer, forwarded) = send(&gateway, line, &fields).await;
        assert!(forwarded, "{line} {fields}: {answer}");
        assert!(
            !answer.contains("x-error-code"),
            "{line} {fields}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_request_with_content_that_names_no_model_is_denied() {
    let gateway = Gateway::with(model_rule_before_path_rule).await;
    let websocket = "connection: upgrade\r\nupgrade: websocket\r\n";
    for (line, fields) in [
        (
            "GET /v1/info",
            "connection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "GET /v1/info",
            "connection: close\r\ncontent-length: 1\r\n\r\nx".to_owned(),
        ),
        (
            "GET /v1/realtime",
            format!("{websocket}content-length: 1\r\n\r\nx"),
        ),
        (
            "POST /v1/realtime",
            format!("{websocket}content-length: 1\r\n\r\nx"),
        ),
    ] {
        let (answer, forwarded) = send(&gateway, line, &fields).await;
        assert!(
            answer.contains("x-error-code: body_unreadable"),
            "{line} {fields}: {answer}"
        );
        assert!(!forwarded, "{line} {fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_request_that_ends_with_an_empty_frame_is_decided_by_rules_without_models() {
    let gateway = Gateway::with(model_rule_before_path_rule).await;
    let token = gateway.token(Persona::Ada);
    let url = format!("{}/v1/info", gateway.envoy.url());
    let get = || http2().request(Method::GET, &url).bearer_auth(&token);
    // HEADERS without END_STREAM, then an empty DATA frame.
    let response = get().body(streamed(Vec::new())).send().await.unwrap();
    assert_eq!(header(&response, "x-error-code"), "");
    assert_eq!(gateway.hf.take_requests().len(), 1);
    let response = get().body(streamed(vec!["x"])).send().await.unwrap();
    assert_eq!(header(&response, "x-error-code"), "body_unreadable");
    // A content-length of zero is not trusted.
    let wrong_length = get().header("content-length", "0");
    if let Ok(response) = wrong_length.body(streamed(vec!["x"])).send().await {
        assert_ne!(response.status(), 200);
    }
    assert!(gateway.hf.requests().is_empty());
}

/// The upstream does not switch protocols, so it would parse the following bytes as the next request.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_after_a_denied_upgrade_do_not_reach_the_upstream() {
    let gateway = Gateway::with(model_rule_before_path_rule).await;
    let hidden = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let token = gateway.token(Persona::Ada);
    let length = hidden.len();
    let mut forwarded = 0;
    for (framing, body) in [
        (String::new(), hidden.to_owned()),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
        ),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            hidden.to_owned(),
        ),
        ("content-length: 0\r\n".to_owned(), hidden.to_owned()),
    ] {
        let request = format!(
            "GET /v1/realtime HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             connection: upgrade\r\nupgrade: websocket\r\n{framing}\r\n{body}"
        );
        let answer = raw_http(gateway.envoy.addr(), request.as_bytes(), SOON / 10).await;
        drop(answer);
        for seen in gateway.hf.take_requests() {
            assert_eq!(seen.path, "/v1/realtime", "{framing}{body}");
            assert_eq!(seen.body.len(), 0, "{framing}{body}");
            forwarded += 1;
        }
    }
    assert!(forwarded > 0, "the upgrades themselves are permitted");
}
