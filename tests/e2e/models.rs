//! Rules by model in a real Envoy: the body is read before the decision, and nothing leaves before it.

use super::gateway::{Gateway, SOON, chat, header};
use serde_json::{Value, json};
use std::time::Duration;
use testbed::client::raw_http;
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};

const LLAMA: &str = "meta-llama/Llama-3.1-8B-Instruct";

/// Llama is for everyone with the role, Qwen for nobody; `/open/**` asks for no model.
fn by_model(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| {
        policy["endpoints"] = json!([{"hosts": ["fixed.contoso.com"], "model": LLAMA}]);
        policy["rules"] = json!([
            {"name": "no-bge", "match": {"models": ["baai/*"]}, "effect": "deny"},
            {"name": "llama", "match": {"paths": ["/v1/**", "/models/**"], "models": ["meta-llama/*"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
        ]);
    })
}

fn asking(model: &str) -> Value {
    let mut body = chat();
    body["model"] = model.into();
    body
}

async fn ask(gateway: &Gateway, body: &Value) -> Response {
    let request = gateway.request(Method::POST, "/v1/chat/completions");
    let request = request.bearer_auth(gateway.token(Persona::Ada)).json(body);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_s_model_decides() {
    let gateway = Gateway::with(by_model).await;
    let response = ask(&gateway, &asking(&format!("{LLAMA}:fastest"))).await;
    assert_eq!(response.status(), 200);
    let seen = gateway.hf.take_requests();
    assert_eq!(
        seen[0].json(),
        asking(&format!("{LLAMA}:fastest")),
        "never altered"
    );
    assert_eq!(seen[0].bearer(), Some(gateway.hf.token().as_str()));
    let id = header(&response, "x-request-id").to_owned();
    let record = gateway
        .envoy
        .wait_for_audit(|record| record["request_id"] == id.as_str(), SOON);
    let record = record.await.unwrap();
    assert_eq!(
        (&record["model"], &record["rule"]),
        (&json!(LLAMA), &json!("llama"))
    );
}

/// A chat request in raw HTTP/1.1, its body as chunks of one byte each.
fn one_byte_chunks(token: &str, body: &str) -> Vec<u8> {
    let mut bytes = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    for byte in body.chars() {
        bytes += &format!("1\r\n{byte}\r\n");
    }
    bytes += "0\r\n\r\n";
    bytes.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn experiment() {
    let gateway = Gateway::with(by_model).await;
    let token = gateway.token(Persona::Ada);
    let body = asking(LLAMA).to_string();
    let bytes = one_byte_chunks(&token, &body);
    let (head, rest) = bytes.split_at(bytes.len() - 300);
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(gateway.envoy.addr()).await.unwrap();
    stream.write_all(head).await.unwrap();
    for piece in rest.chunks(40) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(piece).await.unwrap();
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    println!("{}", String::from_utf8_lossy(&answer));
    let big = {
        let mut body = asking(LLAMA);
        body["messages"][0]["content"] = "x".repeat(900_000).into();
        body
    };
    let response = ask(&gateway, &big).await;
    println!("900k: {} {:?}", response.status(), response.headers());
    let big = {
        let mut body = asking(LLAMA);
        body["messages"][0]["content"] = "x".repeat(3_000_000).into();
        body
    };
    let response = ask(&gateway, &big).await;
    println!("3M: {} {:?}", response.status(), response.headers());
    let stream_body = |n: usize| {
        let body = big.to_string();
        let body = body.replace(&"x".repeat(3_000_000), &"x".repeat(n));
        let chunks: Vec<Result<Vec<u8>, std::io::Error>> = body.as_bytes().chunks(10_000).map(|c| Ok(c.to_vec())).collect();
        chunks.into_iter().flat_map(|c| c.unwrap()).collect::<Vec<u8>>()
    };
    for n in [1_000_000, 3_000_000] {
        let body = stream_body(n);
        let mut bytes = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        ).into_bytes();
        for chunk in body.chunks(10_000) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        let answer = raw_http(gateway.envoy.addr(), &bytes, SOON).await;
        println!("{n} chunked: {:?}", answer.map(|a| String::from_utf8_lossy(&a).into_owned()));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for line in gateway.envoy.log_lines() {
        if line.contains("BODY") { println!("{line}"); }
    }
    for line in gateway.envoy.audit_lines() { println!("{line}"); }
}
