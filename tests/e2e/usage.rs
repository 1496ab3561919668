//! The usage in the audit record equals the usage that the endpoint billed, for each API, streamed or not. Responses are
//! neither changed nor held.

use super::gateway::{Gateway, SOON, header, http2};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::envoy::EnvoyConfig;
use testbed::hf::{Bill, MODELS, Mode};
use testbed::persona::Persona;
use testbed::reqwest::{Client, Method, Response};

fn on_any_path(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| policy["rules"][2]["match"] = json!({}))
}

async fn ask(gateway: &Gateway, client: &Client, path: &str, body: &Value) -> Response {
    let url = format!("{}{path}", gateway.envoy.url());
    let request = client.post(url).bearer_auth(gateway.token(Persona::Ada));
    request.json(body).send().await.unwrap()
}

async fn usage_of(gateway: &Gateway, id: &str) -> Value {
    let record = (gateway.envoy).wait_for_audit(|record| record["request_id"] == id, SOON);
    record.await.unwrap()["usage"].clone()
}

fn messages(stream: bool) -> Value {
    json!({"model": MODELS[0], "stream": stream, "messages": [{"role": "user", "content": "Say five words to me."}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_of_each_api_is_recorded() {
    let gateway = Gateway::with(on_any_path).await;
    let mut included = messages(true);
    included["stream_options"] = json!({"include_usage": true});
    let prompt = |stream: bool| {
        json!({"model": MODELS[0], "stream": stream, "prompt": "Say five words to me.",
        "stream_options": {"include_usage": true}})
    };
    let input = |stream: bool| json!({"model": MODELS[0], "stream": stream, "input": "Say five words to me."});
    let inputs = json!({"inputs": "Say five words to me.", "stream": true});
    let mut expected = Vec::new();
    let mut found = Vec::new();
    for (path, body, has_model) in [
        ("/v1/chat/completions", messages(false), true),
        ("/v1/chat/completions", included, true),
        ("/v1/completions", prompt(false), true),
        ("/v1/completions", prompt(true), true),
        ("/v1/responses", input(false), true),
        ("/v1/responses", input(true), true),
        ("/v1/messages", messages(false), true),
        ("/v1/messages", messages(true), true),
        ("/v1/embeddings", input(false), true),
        (
            "/generate",
            json!({"inputs": "Say five words to me."}),
            false,
        ),
        ("/", json!({"inputs": "Say five words to me."}), false),
        ("/generate_stream", inputs.clone(), false),
        ("/", inputs, false),
        ("/embed", json!({"inputs": "Say five words to me."}), false),
    ] {
        for client in [gateway.client.clone(), http2()] {
            let before = gateway.hf.bills().len();
            let response = ask(&gateway, &client, path, &body).await;
            assert_eq!(response.status(), 200, "{path}");
            let id = header(&response, "x-request-id").to_owned();
            response.bytes().await.unwrap();
            let Bill {
                prompt_tokens,
                completion_tokens,
            } = gateway.hf.bills()[before];
            let mut bill = json!({"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens + completion_tokens});
            if completion_tokens > 0 {
                bill["completion_tokens"] = json!(completion_tokens);
            }
            if has_model {
                bill["model"] = json!(MODELS[0]);
            }
            let mut usage = usage_of(&gateway, &id).await;
            // The responses API reports further details.
            for detail in ["cached_tokens", "reasoning_tokens"] {
                usage.as_object_mut().unwrap().remove(detail);
            }
            expected.push((path, bill));
            found.push((path, usage));
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_missing_from_the_response_is_unknown() {
    let gateway = Gateway::with(on_any_path).await;
    let answer = |headers: &[(&str, &str)]| {
        let to_owned_pair =
            |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Mode::Fixed {
            status: 200,
            headers: headers.iter().map(to_owned_pair).collect(),
            body: json!({"usage": {"prompt_tokens": 1}}).to_string(),
        }
    };
    let json = ("content-type", "application/json");
    for (mode, stream, expected) in [
        (
            Mode::Normal,
            true,
            json!({"model": MODELS[0], "unknown": "not_told"}),
        ),
        (
            Mode::StreamError,
            true,
            json!({"model": MODELS[0], "failed": "overloaded", "unknown": "not_told"}),
        ),
        (
            Mode::ResetMidBody,
            true,
            json!({"model": MODELS[0], "unknown": "cut_short"}),
        ),
        (
            answer(&[json, ("content-encoding", "br")]),
            false,
            json!({"unknown": "compressed"}),
        ),
        (
            answer(&[("content-type", "audio/wav")]),
            false,
            json!({"unknown": "not_json"}),
        ),
        (
            answer(&[json, ("x-inference-provider", "together")]),
            false,
            json!({"prompt_tokens": 1, "provider": "together"}),
        ),
        (
            Mode::json(422, &json!({"usage": {"prompt_tokens": 1}})),
            false,
            Value::Null,
        ),
    ] {
        gateway.hf.set_mode(mode);
        let response = ask(
            &gateway,
            &gateway.client,
            "/v1/chat/completions",
            &messages(stream),
        )
        .await;
        let id = header(&response, "x-request-id").to_owned();
        let _ = response.bytes().await;
        assert_eq!(usage_of(&gateway, &id).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_is_neither_held_nor_changed() {
    let gateway = Gateway::with(on_any_path).await;
    gateway.hf.set_mode(Mode::Paced(Duration::from_millis(150)));
    let started = Instant::now();
    let mut response = ask(
        &gateway,
        &gateway.client,
        "/v1/chat/completions",
        &messages(true),
    )
    .await;
    let mut arrived = Vec::new();
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        arrived.push(started.elapsed());
        text.extend_from_slice(&chunk);
    }
    let (first, last) = (arrived[0], arrived[arrived.len() - 1]);
    assert!(
        arrived.len() >= 4 && last - first > Duration::from_millis(400),
        "{arrived:?}"
    );
    gateway.hf.set_mode(Mode::Normal);
    let direct = gateway
        .client
        .post(format!("{}/v1/chat/completions", gateway.hf.url()));
    let direct = direct.bearer_auth(gateway.hf.token()).json(&messages(true));
    assert_eq!(text, direct.send().await.unwrap().bytes().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_response_passes_unchanged_and_is_read() {
    let gateway = Gateway::with(on_any_path).await;
    let body =
        json!({"data": "x".repeat(9_000_000), "usage": {"prompt_tokens": 7, "total_tokens": 7}})
            .to_string();
    gateway.hf.set_mode(Mode::Fixed {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.clone(),
    });
    let response = ask(&gateway, &gateway.client, "/v1/embeddings", &json!({})).await;
    let id = header(&response, "x-request-id").to_owned();
    assert!(response.bytes().await.unwrap() == body);
    assert_eq!(
        usage_of(&gateway, &id).await,
        json!({"prompt_tokens": 7, "total_tokens": 7})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_can_be_disabled() {
    let gateway =
        Gateway::with(|config| config.change_policy(|policy| policy["usage"] = json!(false)));
    let gateway = gateway.await;
    let response = ask(
        &gateway,
        &gateway.client,
        "/v1/chat/completions",
        &messages(false),
    )
    .await;
    let id = header(&response, "x-request-id").to_owned();
    assert_eq!(usage_of(&gateway, &id).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_is_continued_or_started() {
    let gateway = Gateway::start().await;
    let (ours, theirs) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let valid = format!("00-{ours}-{theirs}-01");
    for (sent, continues) in [
        (Some(valid.as_str()), true),
        (Some("00-nonsense"), false),
        (None, false),
    ] {
        let mut request = gateway
            .chat_builder(&gateway.token(Persona::Ada))
            .header("tracestate", "a=b");
        if let Some(sent) = sent {
            request = request.header("traceparent", sent);
        }
        let response = request.send().await.unwrap();
        let id = header(&response, "x-request-id").to_owned();
        let record = gateway
            .envoy
            .wait_for_audit(|record| record["request_id"] == id, SOON);
        let record = record.await.unwrap();
        let seen = gateway.hf.take_requests().remove(0);
        let [passed] = seen.headers_named("traceparent")[..] else {
            panic!("{:?}", seen.headers)
        };
        let trace = passed.split('-').nth(1).unwrap();
        assert_eq!(
            (record["trace_id"].as_str().unwrap(), trace.len()),
            (trace, 32)
        );
        assert_eq!(seen.header("tracestate").is_some(), continues);
        assert_eq!(passed == valid, continues);
        assert_ne!(passed, "00-nonsense");
    }
    // A denied request also has a trace id.
    let response = gateway
        .request(Method::POST, "/v1/chat/completions")
        .send()
        .await
        .unwrap();
    let id = header(&response, "x-request-id").to_owned();
    let record = gateway
        .envoy
        .wait_for_audit(|record| record["request_id"] == id, SOON);
    let record = record.await.unwrap();
    assert_eq!(record["trace_id"].as_str().unwrap().len(), 32);
}
