//! Bodies and trailers are not forwarded before the decision and arrive complete after it.

use super::gateway::{Gateway, SOON, chat, header};
use std::time::Duration;
use testbed::client::raw_http;
use testbed::entra::Entra;
use testbed::fault::Fault;
use testbed::persona::Persona;
use testbed::reqwest::Method;

fn inputs(bytes: usize) -> serde_json::Value {
    let mut body = chat();
    body["messages"][0]["content"] = "x".repeat(bytes).into();
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn large_body_passes_unchanged() {
    let gateway = Gateway::start().await;
    let body = inputs(10_000_000);
    let request = gateway.request(Method::POST, "/v1/chat/completions");
    let request = request.bearer_auth(gateway.token(Persona::Ada)).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(gateway.hf.requests()[0].json(), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_of_a_parked_request_is_held() {
    let entra = Entra::start().await.unwrap();
    entra.set_fault(Fault::Delay(Duration::from_millis(700)));
    let gateway = Gateway::cold(entra, |config| config).await;
    let body = inputs(200_000);
    let request = gateway.request(Method::POST, "/v1/chat/completions");
    let request = request.bearer_auth(gateway.token(Persona::Ada)).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = gateway.hf.requests();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].json(), body);
    assert_eq!(seen[0].bearer(), Some(gateway.hf.token().as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_body_is_not_forwarded() {
    let gateway = Gateway::start().await;
    let request = gateway.request(Method::POST, "/v1/chat/completions");
    let request = request
        .bearer_auth(gateway.token(Persona::Nora))
        .json(&inputs(300_000));
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "x-error-code"), "rule_unsatisfied");
    // Chunked and with trailers; the request is denied before the body arrives.
    let token = gateway.token(Persona::Carl);
    let bytes = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         transfer-encoding: chunked\r\ntrailer: x-t\r\nconnection: close\r\n\r\n\
         5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n"
    );
    let answer = raw_http(gateway.envoy.addr(), bytes.as_bytes(), SOON)
        .await
        .unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 403"));
    assert!(gateway.hf.requests().is_empty());
}
