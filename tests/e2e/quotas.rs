//! The filter state that Envoy's rate limits read, and the replies that refused callers get.

use super::docs;
use super::gateway::{Gateway, SOON, chat, header, wait_until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::client::client;
use testbed::envoy::EnvoyConfig;
use testbed::hf::{MODELS, Mode};
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};
use tokio::task::JoinSet;

/// The filter state that rate limits read.
const STATE: [&str; 4] = [
    "model",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
];

fn charging(config: EnvoyConfig) -> EnvoyConfig {
    let charged = |policy: &mut Value| policy["usage"] = json!({"unknown_tokens": 500});
    config.full_access_log().change_policy(charged)
}

/// Reads a response to its end, and returns the filter state of its request.
async fn state_of(gateway: &Gateway, response: Response) -> [Value; 4] {
    let id = header(&response, "x-request-id").to_owned();
    // The response may be interrupted.
    let _ = response.bytes().await;
    let entry = (gateway.envoy).wait_for_access(|entry| entry["request_id"] == id, SOON);
    let entry = entry.await.unwrap();
    STATE.map(|name| entry[name].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_reads_the_charge_of_every_permitted_request() {
    let gateway = Gateway::with(|config| {
        charging(config)
            .change_policy(|policy| policy["rules"][2]["match"]["models"] = json!(["**"]))
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    let ask = |stream: bool| {
        let messages = json!([{"role": "user", "content": "Say five words to me."}]);
        let body = json!({"model": MODELS[0], "stream": stream, "messages": messages});
        let request = gateway.request(Method::POST, "/v1/chat/completions");
        request.bearer_auth(&token).json(&body).send()
    };
    let charged = |tokens: [usize; 3]| {
        let [prompt, completion, total] = tokens.map(|count| json!(count.to_string()));
        [json!(MODELS[0]), prompt, completion, total]
    };
    let state = state_of(&gateway, ask(false).await.unwrap()).await;
    let bill = gateway.hf.bills()[0];
    let (prompt, completion) = (bill.prompt_tokens, bill.completion_tokens);
    assert_eq!(state, charged([prompt, completion, prompt + completion]));
    for (mode, stream, expected) in [
        (Mode::Normal, true, [0, 0, 500]),
        (Mode::ResetMidBody, true, [0, 0, 500]),
        (Mode::json(500, &json!({"error": "x"})), false, [0, 0, 0]),
        (Mode::json(429, &json!({"error": "x"})), false, [0, 0, 0]),
        (Mode::forbidden(), false, [0, 0, 0]),
    ] {
        gateway.hf.set_mode(mode.clone());
        let state = state_of(&gateway, ask(stream).await.unwrap()).await;
        assert_eq!(state, charged(expected), "{mode:?}");
    }
    gateway.hf.set_mode(Mode::Normal);
    let list = gateway.request(Method::GET, "/v1/models");
    let list = list.bearer_auth(&token).send().await.unwrap();
    let zero = json!("0");
    let expected = [json!("unknown"), zero.clone(), zero.clone(), zero];
    assert_eq!(state_of(&gateway, list).await, expected);
    let denied = gateway.chat(&gateway.token(Persona::Carl)).await;
    assert_eq!(denied.status(), 403);
    assert_eq!(state_of(&gateway, denied).await, [const { Value::Null }; 4]);
}

/// The shipped local rate limit, with this budget for each caller.
pub fn limit(requests: u32, interval: &str) -> Value {
    let mut filter = docs::yaml(&docs::read("deploy/ratelimit/local.yaml"));
    filter["typed_config"]["descriptors"][0]["token_bucket"] = json!({
        "max_tokens": requests, "tokens_per_fill": requests, "fill_interval": interval,
    });
    filter
}

/// Adds a filter before the router.
pub fn with_filter(config: EnvoyConfig, filter: Value) -> EnvoyConfig {
    config.connection_manager(|manager| {
        let filters = manager["http_filters"].as_array_mut().unwrap();
        filters.insert(filters.len() - 1, filter);
    })
}

fn limited(requests: u32, interval: &'static str) -> impl FnOnce(EnvoyConfig) -> EnvoyConfig {
    move |config| with_filter(config, limit(requests, interval))
}

#[tokio::test(flavor = "multi_thread")]
async fn local_limit_refuses_each_caller_separately_and_readably() {
    let gateway = Gateway::with(limited(2, "3600s")).await;
    let (ada, ben) = (gateway.token(Persona::Ada), gateway.token(Persona::Ben));
    for _ in 0..2 {
        let response = gateway.chat(&ada).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-error-code"), "");
    }
    let response = gateway.chat(&ada).await;
    assert_eq!(response.status(), 429);
    let wait: u32 = header(&response, "retry-after").parse().unwrap();
    // The time until the bucket has one more token.
    assert!((1780..=1800).contains(&wait), "{wait}");
    let message = "Your quota of 2 is used up; try again in 30 min (quota_exceeded)";
    for (name, value) in [
        ("x-should-retry", "false"),
        ("x-error-code", "quota_exceeded"),
        ("x-error-message", message),
        ("content-type", "application/json"),
        ("x-ratelimit-limit", "2"),
        ("x-ratelimit-remaining", "0"),
        ("ratelimit", &format!("\"quota\";r=0;t={wait}")),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
    let id = header(&response, "x-request-id").to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        body["error"],
        json!({"code": "quota_exceeded", "message": message, "param": null, "type": "rate_limit_error"})
    );
    assert_eq!(
        gateway.hf.requests().len(),
        2,
        "the endpoint receives no third request"
    );
    let record = (gateway.envoy).wait_for_audit(|record| record["request_id"] == id, SOON);
    let record = record.await.unwrap();
    assert_eq!(
        [&record["code"], &record["decision"], &record["rule"]],
        ["quota_exceeded", "permit", "scientists"]
    );
    assert_eq!(record["status"], 429);
    assert_eq!(record["upstream_status"], Value::Null);
    let entry = (gateway.envoy).wait_for_access(|entry| entry["request_id"] == id, SOON);
    let entry = entry.await.unwrap();
    assert_eq!(
        [&entry["details"], &entry["code"], &entry["flags"]],
        ["local_rate_limited", "quota_exceeded", "RL"]
    );
    let counter = "wasmcustom.entragate.upstream.quota_exceeded.unnamed";
    wait_until("the refusal is counted", || async {
        gateway.envoy.stat(counter).await.unwrap() == 1
    })
    .await;
    let line = r#"entragate_upstream{code="quota_exceeded",quota="unnamed"} 1"#;
    assert!(gateway.envoy.prometheus().await.unwrap().contains(line));
    // Another caller has a budget of its own.
    assert_eq!(gateway.chat(&ben).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_has_the_form_of_each_protocol() {
    let gateway = Gateway::with(|config| {
        limited(1, "3600s")(config).change_policy(|policy| policy["rules"][2]["match"] = json!({}))
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    let ask = |path: &str| {
        let request = gateway.request(Method::POST, path).bearer_auth(&token);
        request.json(&chat()).send()
    };
    let text: Value = ask("/generate").await.unwrap().json().await.unwrap();
    let message = text["error"].as_str().unwrap();
    assert!(message.ends_with("(quota_exceeded)"), "{text}");
    let anthropic: Value = ask("/v1/messages").await.unwrap().json().await.unwrap();
    assert_eq!(anthropic["error"]["type"], "rate_limit_error");
    let response = gateway.grpc(&token).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "grpc-status"), "8");
    assert!(header(&response, "grpc-message").contains("(quota_exceeded)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_own_429_passes_behind_a_rate_limit() {
    let gateway = Gateway::with(limited(100, "3600s")).await;
    let busy = json!({"error": "Model is overloaded", "error_type": "overloaded"});
    gateway.hf.set_mode(Mode::json(429, &busy));
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(response.status(), 429);
    assert_eq!(header(&response, "x-error-code"), "");
    let id = header(&response, "x-request-id").to_owned();
    assert_eq!(response.json::<Value>().await.unwrap(), busy);
    let record = (gateway.envoy).wait_for_audit(|record| record["request_id"] == id, SOON);
    let record = record.await.unwrap();
    assert_eq!(record["code"], "permitted");
    assert_eq!(record["upstream_status"], 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn exceeded_quota_does_not_interrupt_a_stream() {
    let gateway = Gateway::with(limited(1, "3600s")).await;
    let token = gateway.token(Persona::Ada);
    gateway.hf.set_mode(Mode::Paced(Duration::from_millis(100)));
    let mut body = chat();
    body["stream"] = json!(true);
    let request = gateway.request(Method::POST, "/v1/chat/completions");
    let stream = request.bearer_auth(&token).json(&body).send();
    let stream = stream.await.unwrap();
    assert_eq!(gateway.chat(&token).await.status(), 429);
    let events = stream.text().await.unwrap();
    assert!(events.ends_with("data: [DONE]\n\n"), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_share_a_callers_budget() {
    let gateway = Gateway::with(limited(20, "3600s")).await;
    let token = gateway.token(Persona::Ada);
    let url = format!("{}/v1/chat/completions", gateway.envoy.url());
    let mut requests = JoinSet::new();
    for _ in 0..40 {
        // A separate connection can reach the other worker.
        let request = client().post(&url).bearer_auth(&token).json(&chat());
        requests.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let all = requests.join_all().await;
    let served = all.iter().filter(|status| **status == 200).count();
    let refused = all.iter().filter(|status| **status == 429).count();
    assert_eq!((served, refused), (20, 20), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_caller_is_served_after_retry_after() {
    let gateway = Gateway::with(limited(1, "2s")).await;
    let token = gateway.token(Persona::Ada);
    let mut refused = gateway.chat(&token).await;
    while refused.status() == 200 {
        refused = gateway.chat(&token).await;
    }
    assert_eq!(header(&refused, "x-should-retry"), "true");
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!(wait <= 2, "{wait}");
    let began = Instant::now();
    wait_until("the caller is served", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(wait + 5));
}
