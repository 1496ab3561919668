//! Rules by model: the body is read before the decision, and nothing is forwarded before it.

use super::gateway::{Gateway, SOON, chat, header, http2};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::client::raw_http;
use testbed::entra::Entra;
use testbed::envoy::EnvoyConfig;
use testbed::fault::Fault;
use testbed::persona::Persona;
use testbed::reqwest::{Client, Method, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LLAMA: &str = "meta-llama/Llama-3.1-8B-Instruct";
const BGE: &str = "BAAI/bge-m3";

/// A policy in which Llama requires the role, BGE is denied, and one host has its own model.
fn by_model(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| {
        policy["endpoints"] = json!([
            {"hosts": ["fixed.contoso.com"], "model": LLAMA},
            {"paths": ["/models/**", "/hf-inference/**"], "model_from": "path"},
            {"paths": ["/v1/**"], "model_from": "body"},
        ]);
        policy["rules"] = json!([
            {"name": "no-bge", "match": {"models": ["baai/*"]}, "effect": "deny"},
            {"name": "llama", "match": {"models": ["meta-llama/*"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
        ]);
    })
}

fn chat_for(model: &str, padding: usize) -> Value {
    let mut body = chat();
    // serde_json sorts members, so the model follows the messages, as in requests of huggingface.js.
    body["messages"][0]["content"] = "x".repeat(padding).into();
    body["model"] = model.into();
    body
}

async fn ask(gateway: &Gateway, client: &Client, body: &Value) -> Response {
    let url = format!("{}/v1/chat/completions", gateway.envoy.url());
    let request = client.post(url).bearer_auth(gateway.token(Persona::Ada));
    request.json(body).send().await.unwrap()
}

fn head(token: &str, fields: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nconnection: close\r\n{fields}\r\n"
    )
}

fn chunked(body: &str, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn model_decides_over_http_1_and_2() {
    let gateway = Gateway::with(by_model).await;
    for (version, client) in [("1.1", gateway.client.clone()), ("2", http2())] {
        for padding in [1, 300_000, 1_000_000] {
            let body = chat_for(&format!("{LLAMA}:fastest"), padding);
            let response = ask(&gateway, &client, &body).await;
            assert_eq!(response.status(), 200, "HTTP/{version}, {padding}");
            let seen = gateway.hf.take_requests();
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].json(), body, "the body is complete and unchanged");
            assert_eq!(seen[0].bearer(), Some(gateway.hf.token().as_str()));
            let id = header(&response, "x-request-id").to_owned();
            let wanted = |record: &Value| record["request_id"] == id.as_str();
            let record = gateway.envoy.wait_for_audit(wanted, SOON).await.unwrap();
            assert_eq!(record["model"], LLAMA);
            assert_eq!(record["rule"], "llama");

            let response = ask(&gateway, &client, &chat_for(BGE, padding)).await;
            assert_eq!(header(&response, "x-error-code"), "denied_by_rule");
            let response = ask(&gateway, &client, &chat_for("org/other", padding)).await;
            assert_eq!(header(&response, "x-error-code"), "no_rule");
            let response = ask(&gateway, &client, &chat_for("tgi", padding)).await;
            assert_eq!(header(&response, "x-error-code"), "model_missing");
            let large = ask(&gateway, &client, &chat_for(LLAMA, 1_100_000)).await;
            assert_eq!(large.status(), 413);
            assert_eq!(header(&large, "x-error-code"), "body_too_large");
            assert!(gateway.hf.requests().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_any_size_are_read() {
    let gateway = Gateway::with(by_model).await;
    let token = gateway.token(Persona::Ada);
    for (model, status) in [(LLAMA, "200"), (BGE, "403"), ("dummy", "400")] {
        let body = chat_for(model, 50).to_string();
        for size in [1, 7, 1000] {
            let mut stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let head = head(&token, "transfer-encoding: chunked\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // Several packets, so that the filter receives the body in pieces.
            for packet in chunked(&body, size).chunks(100) {
                stream.write_all(packet).await.unwrap();
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{size}: {answer}"
            );
        }
    }
    let seen = gateway.hf.requests();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter()
            .all(|request| request.json() == chat_for(LLAMA, 50))
    );
    // Longer than the limit and without content-length: the request is not forwarded.
    let body = chat_for(LLAMA, 3_000_000).to_string();
    let mut bytes = head(&token, "transfer-encoding: chunked\r\n").into_bytes();
    bytes.extend(chunked(&body, 10_000));
    let answer = raw_http(gateway.envoy.addr(), &bytes, SOON).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 413"));
    let wanted = |record: &Value| record["code"] == "body_too_large";
    gateway.envoy.wait_for_audit(wanted, SOON).await.unwrap();
    assert_eq!(gateway.hf.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_body_is_refused() {
    let gateway = Gateway::with(by_model).await;
    let token = gateway.token(Persona::Ada);
    let post = || {
        let request = gateway.request(Method::POST, "/v1/chat/completions");
        request.bearer_auth(&token)
    };
    let json = || post().header("content-type", "application/json");
    let twice = format!(
        r#"{{"model":"{LLAMA}","x":"{}","model":"{BGE}"}}"#,
        "y".repeat(100_000)
    );
    let unreadable = "body_unreadable";
    for (label, request, expected) in [
        (
            "gzip",
            json()
                .header("content-encoding", "gzip")
                .body(b"\x1f\x8b\x08\0".to_vec()),
            unreadable,
        ),
        ("form", post().form(&[("model", LLAMA)]), unreadable),
        (
            "multipart",
            post()
                .header("content-type", "multipart/form-data; boundary=b")
                .body("--b--"),
            unreadable,
        ),
        (
            "no type",
            post().body(chat_for(LLAMA, 1).to_string()),
            unreadable,
        ),
        ("two models", json().body(twice), "request_ambiguous"),
        (
            "cut off",
            json().body(format!(r#"{{"model":"{LLAMA}""#)),
            unreadable,
        ),
    ] {
        let response = request.send().await.unwrap();
        let code = header(&response, "x-error-code").to_owned();
        assert_eq!(
            (response.status().as_u16(), code.as_str()),
            (400, expected),
            "{label}"
        );
    }
    // A request with an invalid token is denied without waiting for the body.
    let wrong = gateway.token(Persona::WrongAudience);
    let mut stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
    let head = head(&wrong, "content-length: 100\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains("x-error-code: audience_mismatch\r\n"),
        "{answer}"
    );
    assert!(gateway.hf.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_no_rule_needs_is_streamed() {
    let gateway = Gateway::with(by_model).await;
    let body = chat_for("dummy", 10_000_000);
    let fixed = gateway
        .request(Method::POST, "/v1/chat/completions")
        .header("host", "fixed.contoso.com");
    let request = fixed.bearer_auth(gateway.token(Persona::Ada)).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(gateway.hf.take_requests()[0].json(), body);
    // The path names the model, and audio can't name another one.
    let audio = vec![7_u8; 10_000_000];
    for (model, code) in [(LLAMA, ""), (BGE, "denied_by_rule")] {
        let path = format!("/hf-inference/models/{model}");
        let request = gateway.request(Method::POST, &path).body(audio.clone());
        let request = request.header("content-type", "audio/flac");
        let response = request.bearer_auth(gateway.token(Persona::Ada));
        let response = response.send().await.unwrap();
        assert_eq!(header(&response, "x-error-code"), code);
        let bodies: Vec<_> = gateway.hf.take_requests();
        assert!(bodies.iter().all(|seen| seen.body == audio));
        assert_eq!(bodies.len(), usize::from(code.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn body_with_another_model_than_the_path_is_refused() {
    let gateway = Gateway::with(by_model).await;
    let path = format!("/hf-inference/models/{LLAMA}");
    for (body, code) in [
        (chat_for(LLAMA, 300_000), ""),
        (json!({"inputs": "x"}), ""),
        (chat_for(BGE, 10), "request_ambiguous"),
        (chat_for(LLAMA, 1_100_000), "body_too_large"),
    ] {
        let request = gateway.request(Method::POST, &path).json(&body);
        let request = request.bearer_auth(gateway.token(Persona::Ada));
        let response = request.send().await.unwrap();
        assert_eq!(header(&response, "x-error-code"), code);
    }
    assert_eq!(gateway.hf.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_rule_reads_the_streamed_body() {
    let gateway = Gateway::with(|config| {
        by_model(config).change_policy(|policy| {
            policy["rules"][0] = json!({"name": "trial", "match": {"models": ["baai/*"]},
                "effect": "deny", "mode": "shadow"});
            policy["rules"][1]["match"] = json!({});
        })
    })
    .await;
    for client in [gateway.client.clone(), http2()] {
        for (padding, seen) in [(10, true), (500_000, true), (5_000_000, false)] {
            let body = chat_for(BGE, padding);
            let response = ask(&gateway, &client, &body).await;
            assert_eq!(response.status(), 200);
            assert_eq!(gateway.hf.take_requests()[0].json(), body);
            let id = header(&response, "x-request-id").to_owned();
            response.bytes().await.unwrap();
            let wanted = |record: &Value| record["request_id"] == id.as_str();
            let record = gateway.envoy.wait_for_audit(wanted, SOON).await.unwrap();
            let (model, shadow) = if seen {
                (json!(BGE), json!([{"rule": "trial", "would": "deny"}]))
            } else {
                (Value::Null, json!([]))
            };
            assert_eq!(
                (&record["model"], &record["shadow"]),
                (&model, &shadow),
                "{padding}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_expects_100_continue_receives_it() {
    let gateway = Gateway::with(by_model).await;
    let body = chat_for(LLAMA, 20).to_string();
    let fields = format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len());
    let mut stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
    let head = head(&gateway.token(Persona::Ada), &fields);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 100];
    let size = stream.read(&mut answer).await.unwrap();
    assert!(answer[..size].starts_with(b"HTTP/1.1 100"));
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn body_is_available_when_keys_arrive_later() {
    let entra = Entra::start().await.unwrap();
    entra.set_fault(Fault::Delay(Duration::from_millis(700)));
    let gateway = Gateway::cold(entra, by_model).await;
    let bodies = [
        chat_for(LLAMA, 10),
        chat_for(BGE, 10),
        chat_for(LLAMA, 500_000),
    ];
    let ask = |body| ask(&gateway, &gateway.client, body);
    let [small, denied, large] = [ask(&bodies[0]), ask(&bodies[1]), ask(&bodies[2])];
    let (small, denied, large) = tokio::join!(small, denied, large);
    assert_eq!(
        (small.status().as_u16(), large.status().as_u16()),
        (200, 200)
    );
    assert_eq!(header(&denied, "x-error-code"), "denied_by_rule");
    let mut seen: Vec<_> = gateway.hf.requests().iter().map(|r| r.body.len()).collect();
    seen.sort_unstable();
    let sent = [&bodies[0], &bodies[2]].map(|body| body.to_string().len());
    assert_eq!(seen, sent);
}

/// The shortest wait: a slow caller must not be mistaken for a missing flag.
#[tokio::test(flavor = "multi_thread")]
async fn slow_body_is_awaited() {
    let gateway = Gateway::with(|config| {
        let short_wait = |policy: &mut Value| policy["wait"] = json!({"timeout": "200ms"});
        by_model(config).change_policy(short_wait)
    })
    .await;
    let body = chat_for(LLAMA, 20).to_string();
    let fields = format!("content-length: {}\r\n", body.len());
    let mut stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
    let head = head(&gateway.token(Persona::Ada), &fields);
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await; // several times the timeout
    let (first, rest) = body.split_at(1);
    stream.write_all(first.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_envoy_flag_denies_and_is_named() {
    let without = |config| {
        let config = by_model(config).allow_on_headers_stop_iteration(false);
        config.change_policy(|policy| policy["wait"] = json!({"timeout": "300ms"}))
    };
    let gateway = Gateway::with(without).await;
    let started = Instant::now();
    let response = ask(&gateway, &gateway.client, &chat_for(LLAMA, 10)).await;
    assert!(started.elapsed() >= Duration::from_millis(280));
    assert_eq!(response.status(), 500);
    assert_eq!(header(&response, "x-error-code"), "internal");
    let flag = "allow_on_headers_stop_iteration: true";
    let named = gateway
        .envoy
        .wait_for_log(|line| line.contains("[error]") && line.contains(flag), SOON);
    named.await.unwrap();
    let is_recorded = |record: &Value| {
        record["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains(flag))
    };
    gateway
        .envoy
        .wait_for_audit(is_recorded, SOON)
        .await
        .unwrap();
    // A worker that has detected this once replies immediately.
    let mut waited = Vec::new();
    for _ in 0..8 {
        let started = Instant::now();
        let response = ask(&gateway, &gateway.client, &chat_for(LLAMA, 10)).await;
        assert_eq!(header(&response, "x-error-code"), "internal");
        waited.push(started.elapsed());
    }
    let quick = waited
        .iter()
        .filter(|took| **took < Duration::from_millis(250));
    assert!(quick.count() >= 7, "{waited:?}");
    assert!(gateway.hf.requests().is_empty());
    // A request whose body can't name a model is served as usual.
    let path = format!("/models/{LLAMA}");
    let request = gateway
        .request(Method::POST, &path)
        .header("content-type", "audio/flac")
        .body(vec![7_u8; 200_000]);
    let response = request
        .bearer_auth(gateway.token(Persona::Ada))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&response, "x-error-code"), "");
    assert_eq!(gateway.hf.requests().len(), 1);
}
