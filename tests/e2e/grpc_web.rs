//! Denied gRPC-Web calls, with and without Envoy's own gRPC-Web filter in front of this filter.

use super::gateway::{Gateway, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use testbed::envoy::EnvoyConfig;
use testbed::hf::Mode;
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};

const KINDS: [&str; 2] = [
    "application/grpc-web+proto",
    "application/grpc-web-text+proto",
];

/// Adds Envoy's filter, which translates gRPC-Web calls into gRPC calls.
fn translated(config: EnvoyConfig) -> EnvoyConfig {
    let kind = "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb";
    let filter = json!({"name": "envoy.filters.http.grpc_web", "typed_config": {"@type": kind}});
    config.connection_manager(|manager| {
        let filters = manager["http_filters"].as_array_mut().unwrap();
        filters.insert(0, filter);
    })
}

async fn call(gateway: &Gateway, kind: &str, token: Option<&str>) -> Response {
    let request = gateway
        .request(Method::POST, "/v1/service/Method")
        .header("content-type", kind)
        .header("accept", kind)
        .header("x-grpc-web", "1");
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.body(vec![0; 5]).send().await.unwrap()
}

/// Returns status and message as gRPC-Web clients read them: from the headers or from the trailers frame.
async fn read_status(response: Response) -> (String, String) {
    let in_headers = ["grpc-status", "grpc-message"].map(|name| header(&response, name).to_owned());
    let is_text = header(&response, "content-type").contains("-text");
    let body = response.bytes().await.unwrap();
    if let [status, message] = in_headers
        && !status.is_empty()
    {
        assert_eq!(
            body.as_ref(),
            b"",
            "status and message are either in the headers or in the body"
        );
        return (status, message);
    }
    let frame = if is_text {
        BASE64_STANDARD.decode(body).unwrap()
    } else {
        body.to_vec()
    };
    let (head, trailers) = frame.split_at(5);
    assert_eq!(head[0], 0x80, "trailers");
    assert_eq!(
        head[1..],
        u32::try_from(trailers.len()).unwrap().to_be_bytes()
    );
    let trailers = std::str::from_utf8(trailers).unwrap();
    let of = |name: &str| {
        let mut lines = trailers.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(field, _)| *field == name)
            .unwrap()
            .1
            .to_owned()
    };
    (of("grpc-status"), of("grpc-message"))
}

async fn assert_readable(response: Response, kind: &str, expected: &str, code: &str) {
    assert_eq!(header(&response, "content-type"), kind);
    assert_eq!(header(&response, "x-error-code"), code);
    let (status, message) = read_status(response).await;
    assert_eq!(status, expected);
    assert!(message.contains(code), "{message}");
}

/// Envoy's filter keeps the HTTP status of a local reply and adds the gRPC status to its headers.
#[tokio::test(flavor = "multi_thread")]
async fn denied_grpc_web_call_gets_a_readable_grpc_status() {
    let plain = (Gateway::start().await, [200, 200]);
    let translated = (Gateway::with(translated).await, [401, 403]);
    for (gateway, http) in [plain, translated] {
        for kind in KINDS {
            let response = call(&gateway, kind, None).await;
            assert_eq!(response.status(), http[0]);
            assert!(header(&response, "www-authenticate").starts_with("Bearer "));
            assert_readable(response, kind, "16", "token_missing").await;
            let token = gateway.token(Persona::Nora);
            let response = call(&gateway, kind, Some(&token)).await;
            assert_eq!(response.status(), http[1]);
            assert_readable(response, kind, "7", "rule_unsatisfied").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_call_to_failed_upstream_gets_a_readable_grpc_status() {
    let gateway = Gateway::start().await;
    gateway.hf.set_mode(Mode::forbidden());
    let token = gateway.token(Persona::Ada);
    for kind in KINDS {
        let response = call(&gateway, kind, Some(&token)).await;
        assert_eq!(response.status(), 200);
        assert_readable(response, kind, "14", "credential_rejected").await;
    }
}
